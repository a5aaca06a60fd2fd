// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Work queues are mapped into the program: it may write anything there. Here
 * it does what no library does (peers.md B.2: 3, 4, 11, 15). An element that
 * makes no sense ends its queue pair, and nothing else.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/mman.h>

#include <rdma/ib_user_verbs.h>
#include <rdma/siw-abi.h>

#include "weak.h"

static void *last_map[8];	/* what libsiw mapped: SQ, then RQ */
static int maps;

/* Sees the mappings that the provider library makes. */
void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	static void *(*real)(void *, size_t, int, int, int, off_t);
	void *p;

	if (!real)
		real = dlsym(RTLD_NEXT, "mmap");
	p = real(addr, len, prot, flags, fd, off);
	if (fd >= 0 && flags & MAP_SHARED && p != MAP_FAILED && maps < 8)
		last_map[maps++] = p;
	return p;
}

/* The SQ of a: 64 elements; make_qp() maps two CQs, then SQ and RQ. */
static struct siw_sqe *sq_of_a(struct ends *e, const char *addr)
{
	start_listener(e, addr);
	maps = 0;
	make_a(e, addr);
	need(maps >= 3, "libsiw mapped %d regions", maps);
	return last_map[maps - 2];
}

static void connect_a(struct ends *e)
{
	struct rdma_conn_param param = {
		.responder_resources = 4, .initiator_depth = 4,
	};
	const struct how how = { .post_recv = true };

	need(!rdma_connect(e->a.id, &param), "rdma_connect: %m");
	accept_b(e, &how);
	cm_event(e->a.events, RDMA_CM_EVENT_ESTABLISHED, NULL, NULL);
	cm_event(e->b.events, RDMA_CM_EVENT_ESTABLISHED, NULL, NULL);
}

/* What libsiw writes to tell the kernel that the SQ is not empty any more. */
static void doorbell(struct ibv_qp *qp)
{
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_post_send cmd;
	} req = {
		.hdr = { .command = IB_USER_VERBS_CMD_POST_SEND,
			 .in_words = sizeof(req) / 4,
			 .out_words = sizeof(struct ib_uverbs_post_send_resp) / 4 },
		.cmd = { .qp_handle = qp->handle,
			 .wqe_size = sizeof(struct ibv_send_wr) },
	};
	struct ib_uverbs_post_send_resp resp;
	ssize_t n;

	req.cmd.response = (uintptr_t)&resp;
	n = write(qp->context->cmd_fd, &req, sizeof(req));
	(void)n;
}

/* Put @sqe into slot 0; the queue pair breaks, the WR completes with an error. */
static void refuse(struct ends *e, struct siw_sqe *sq, struct siw_sqe *sqe)
{
	uint16_t flags = sqe->flags | SIW_WQE_VALID | SIW_WQE_SIGNALLED;
	struct ibv_wc wc;

	sqe->flags = 0;
	sqe->id = 77;
	*sq = *sqe;
	__atomic_store_n(&sq->flags, flags, __ATOMIC_RELEASE);
	doorbell(e->a.qp);
	expect_broken(&e->a);
	if (completion(e->a.scq, &wc, 1000))
		need(wc.status != IBV_WC_SUCCESS, "it succeeds");
	need(!(__atomic_load_n(&sq->flags, __ATOMIC_ACQUIRE) & SIW_WQE_VALID),
	     "the slot stays in use");
}

static void opcode(const char *addr, int op)
{
	struct ends e = {};
	struct siw_sqe *sq = sq_of_a(&e, addr);
	struct siw_sqe sqe = {
		.opcode = op, .num_sge = 1, .raddr = 0x4141414141414141,
		.rkey = 0x42424242,
		.sge[0] = { .laddr = (uintptr_t)e.a.buf, .length = 8,
			    .lkey = e.a.mr->lkey },
	};

	connect_a(&e);
	refuse(&e, sq, &sqe);
}

static void op_send_imm(const char *addr) { opcode(addr, 4); }
static void op_fetch_add(const char *addr) { opcode(addr, 6); }
static void op_comp_swap(const char *addr) { opcode(addr, 7); }
static void op_receive(const char *addr) { opcode(addr, 8); }
static void op_response(const char *addr) { opcode(addr, 9); }
static void op_inval(const char *addr) { opcode(addr, 10); }
static void op_reg_mr(const char *addr) { opcode(addr, 11); }
static void op_12(const char *addr) { opcode(addr, 12); }
static void op_255(const char *addr) { opcode(addr, 255); }

/* A legal WRITE with one field spoilt. */
static void spoilt(const char *addr, void (*spoil)(struct siw_sqe *sqe))
{
	struct ends e = {};
	struct siw_sqe *sq = sq_of_a(&e, addr);
	struct siw_sqe sqe = {
		.opcode = SIW_OP_WRITE, .num_sge = 1,
		.sge[0] = { .laddr = (uintptr_t)e.a.buf, .length = 8,
			    .lkey = e.a.mr->lkey },
	};

	connect_a(&e);
	sqe.raddr = (uintptr_t)e.b.buf;
	sqe.rkey = e.b.mr->rkey;
	spoil(&sqe);
	refuse(&e, sq, &sqe);
}

static void too_many_sges(struct siw_sqe *sqe)
{
	sqe->num_sge = 255;
}

static void seven_sges(struct siw_sqe *sqe)
{
	sqe->num_sge = SIW_MAX_SGE + 1;
}

static void long_inline(struct siw_sqe *sqe)
{
	sqe->flags = SIW_WQE_INLINE;
	sqe->sge[0].length = 4096;
}

static void inline_81(struct siw_sqe *sqe)
{
	sqe->flags = SIW_WQE_INLINE;
	sqe->sge[0].length = SIW_MAX_INLINE + 1;
}

static void inline_read(struct siw_sqe *sqe)
{
	sqe->flags = SIW_WQE_INLINE;
	sqe->opcode = SIW_OP_READ;
}

static void no_lkey(struct siw_sqe *sqe)
{
	sqe->sge[0].lkey = 0;
}

static void read_two_sges(struct siw_sqe *sqe)
{
	sqe->opcode = SIW_OP_READ;
	sqe->num_sge = 2;
	sqe->sge[1] = sqe->sge[0];
}

static void kernel_address(struct siw_sqe *sqe)
{
	sqe->sge[0].laddr = 0xffff888000000000ull;
}

static void sges_255(const char *addr) { spoilt(addr, too_many_sges); }
static void sges_7(const char *addr) { spoilt(addr, seven_sges); }
static void inline_4096(const char *addr) { spoilt(addr, long_inline); }
static void inline_over(const char *addr) { spoilt(addr, inline_81); }
static void read_inline(const char *addr) { spoilt(addr, inline_read); }
static void lkey_0(const char *addr) { spoilt(addr, no_lkey); }
static void read_sges(const char *addr) { spoilt(addr, read_two_sges); }
static void laddr_kernel(const char *addr) { spoilt(addr, kernel_address); }

/* The program scribbles over an element that the kernel is working on. */
static void scribble(const char *addr)
{
	struct ends e = {};
	struct siw_sqe *sq = sq_of_a(&e, addr);
	struct ibv_wc wc;
	int i;

	connect_a(&e);
	for (i = 0; i < 300; i++) {
		if (post(&e.a, IBV_WR_RDMA_WRITE, i, 0, 32768,
			 (uintptr_t)e.b.buf, e.b.mr->rkey))
			break;
		memset((char *)&sq[i % 64] + 16, 0xff, sizeof(*sq) - 16);
		if (i % 16 == 15)
			while (completion(e.a.scq, &wc, 20))
				;
	}
}

static const struct test tests[] = {
	{ "op-send-imm", op_send_imm },
	{ "op-fetch-add", op_fetch_add },
	{ "op-comp-swap", op_comp_swap },
	{ "op-receive", op_receive },
	{ "op-read-response", op_response },
	{ "op-local-inval", op_inval },
	{ "op-reg-mr", op_reg_mr },
	{ "op-12", op_12 },
	{ "op-255", op_255 },
	{ "sges-255", sges_255 },
	{ "sges-7", sges_7 },
	{ "inline-4096", inline_4096 },
	{ "inline-81", inline_over },
	{ "inline-read", read_inline },
	{ "lkey-0", lkey_0 },
	{ "read-2-sges", read_sges },
	{ "kernel-address", laddr_kernel },
	{ "scribble", scribble },
	{ }
};

int main(int argc, char **argv)
{
	return run_test(tests, argc, argv);
}
