// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Protection: what one end may do with the memory of the other, and with its
 * own (peers.md B.2: 1, 2, 8, 12, 15, 17).
 */

#include "weak.h"

static const char secret[] = "the other's memory";

/* Register b's buffer again, with these rights only. */
static void restrict_b(struct ends *e, int rights)
{
	ibv_dereg_mr(e->b.mr);
	e->b.mr = ibv_reg_mr(e->b.pd, e->b.buf, BUF_LEN, rights);
	need(e->b.mr, "ibv_reg_mr: %m");
}

/* b's buffer belongs to a protection domain that is not its QP's. */
static void strange_pd(struct ends *e)
{
	struct ibv_pd *pd = ibv_alloc_pd(e->b.id->verbs);

	need(pd, "ibv_alloc_pd: %m");
	ibv_dereg_mr(e->b.mr);
	e->b.mr = ibv_reg_mr(pd, e->b.buf, BUF_LEN, ALL_ACCESS);
	need(e->b.mr, "ibv_reg_mr: %m");
}

/* a reads: it gets an error that says why, and nothing else. */
static void refuse_read(struct ends *e, uint64_t raddr, uint32_t len)
{
	struct ibv_wc wc;

	memcpy(e->b.buf, secret, sizeof(secret));
	need(!post(&e->a, IBV_WR_RDMA_READ, 7, 0, len, raddr, e->b.mr->rkey),
	     "ibv_post_send");
	need(completion(e->a.scq, &wc, PATIENCE), "no completion");
	need(wc.status != IBV_WC_SUCCESS, "the read succeeds");
	need(memcmp(e->a.buf, secret, sizeof(secret)), "the data came");
	expect_broken(&e->a);
	need(wc.status == IBV_WC_REM_ACCESS_ERR ||
	     wc.status == IBV_WC_REM_INV_REQ_ERR,
	     "refused, but with '%s'", ibv_wc_status_str(wc.status));
}

/* a writes: nothing changes, the connection ends. */
static void refuse_write(struct ends *e, uint64_t raddr, uint32_t len)
{
	memcpy(e->b.buf, secret, sizeof(secret));
	memset(e->a.buf, 'x', BUF_LEN);
	need(!post(&e->a, IBV_WR_RDMA_WRITE, 7, 0, len, raddr, e->b.mr->rkey),
	     "ibv_post_send");
	expect_broken(&e->b);
	expect_broken(&e->a);
	need(!memcmp(e->b.buf, secret, sizeof(secret)), "the data changed");
}

static void read_without_right(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	restrict_b(&e, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	refuse_read(&e, (uintptr_t)e.b.buf, 4096);
}

static void read_local_only(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	restrict_b(&e, 0);
	refuse_read(&e, (uintptr_t)e.b.buf, 4096);
}

static void write_without_right(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	restrict_b(&e, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ);
	refuse_write(&e, (uintptr_t)e.b.buf, 4096);
}

static void read_other_pd(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	strange_pd(&e);
	refuse_read(&e, (uintptr_t)e.b.buf, 4096);
}

static void write_other_pd(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	strange_pd(&e);
	refuse_write(&e, (uintptr_t)e.b.buf, 4096);
}

static void set_flags(struct ibv_qp *qp, unsigned int flags)
{
	struct ibv_qp_attr attr = { .qp_access_flags = flags };

	need(!ibv_modify_qp(qp, &attr, IBV_QP_ACCESS_FLAGS),
	     "cannot set access flags: %m");
}

static void read_qp_flags(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	set_flags(e.b.qp, IBV_ACCESS_REMOTE_WRITE);
	refuse_read(&e, (uintptr_t)e.b.buf, 4096);
}

static void write_qp_flags(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	set_flags(e.b.qp, IBV_ACCESS_REMOTE_READ);
	refuse_write(&e, (uintptr_t)e.b.buf, 4096);
}

static void read_beyond(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	refuse_read(&e, (uintptr_t)e.b.buf + 1, BUF_LEN);
}

static void write_before(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	refuse_write(&e, (uintptr_t)e.b.buf - 1, 64);
}

static void read_wrap(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	refuse_read(&e, -4096ull, 8192);
}

static void write_wrap(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	refuse_write(&e, -64ull, 128);
}

static void read_stale(const char *addr)
{
	struct ends e = {};
	uint32_t rkey;

	connect_ends(&e, addr, NULL);
	rkey = e.b.mr->rkey;
	need(!ibv_dereg_mr(e.b.mr), "ibv_dereg_mr");
	/* whoever comes next may not inherit the key */
	e.b.mr = ibv_reg_mr(e.b.pd, e.b.buf, BUF_LEN, ALL_ACCESS);
	need(e.b.mr && e.b.mr->rkey != rkey, "the key is given out again");
	e.b.mr->rkey = rkey;
	refuse_read(&e, (uintptr_t)e.b.buf, 64);
}

/* A local SGE that is not allowed: an error of the WR, and no harm. */
static void refuse_local(struct ends *e, enum ibv_wr_opcode op, uint32_t len)
{
	struct ibv_wc wc;
	int rv;

	rv = post(&e->a, op, 7, 0, len, (uintptr_t)e->b.buf, e->b.mr->rkey);
	if (rv)
		return;
	need(completion(e->a.scq, &wc, PATIENCE), "no completion");
	need(wc.status == IBV_WC_LOC_PROT_ERR || wc.status == IBV_WC_LOC_LEN_ERR,
	     "'%s'", ibv_wc_status_str(wc.status));
	expect_broken(&e->a);
}

static void local_2g(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	refuse_local(&e, IBV_WR_RDMA_WRITE, 0x80000000u);
}

static void local_4g(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	refuse_local(&e, IBV_WR_SEND, 0xffffffffu);
}

static void local_other_pd(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	e.a.mr->lkey = e.b.mr->lkey;
	refuse_local(&e, IBV_WR_RDMA_WRITE, 64);
}

static void local_read_sink(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	ibv_dereg_mr(e.a.mr);
	e.a.mr = ibv_reg_mr(e.a.pd, e.a.buf, BUF_LEN, 0);
	need(e.a.mr, "ibv_reg_mr: %m");
	memcpy(e.b.buf, secret, sizeof(secret));
	refuse_local(&e, IBV_WR_RDMA_READ, 64);
	need(!e.a.buf[0], "the data came");
}

/* A receive buffer that must not be written to. */
static void refuse_recv(struct ends *e)
{
	struct ibv_wc wc;

	need(!post_recv(&e->b, 3, 4096), "ibv_post_recv");
	memset(e->a.buf, 'x', 64);
	need(!post(&e->a, IBV_WR_SEND, 7, 0, 64, 0, 0), "ibv_post_send");
	need(completion(e->b.rcq, &wc, PATIENCE), "no completion");
	need(wc.status == IBV_WC_LOC_PROT_ERR || wc.status == IBV_WC_LOC_ACCESS_ERR,
	     "'%s'", ibv_wc_status_str(wc.status));
	need(!e->b.buf[0], "the data came");
}

static void recv_read_only(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	restrict_b(&e, 0);
	refuse_recv(&e);
}

static void recv_other_pd(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	strange_pd(&e);
	refuse_recv(&e);
}

/* A longer message than the buffer: nothing may be behind it. */
static void recv_short(const char *addr)
{
	struct ends e = {};
	struct ibv_wc wc;

	connect_ends(&e, addr, NULL);
	need(!post_recv(&e.b, 3, 100), "ibv_post_recv");
	memset(e.a.buf, 'x', 200);
	need(!post(&e.a, IBV_WR_SEND, 7, 0, 200, 0, 0), "ibv_post_send");
	need(completion(e.b.rcq, &wc, PATIENCE), "no completion");
	need(wc.status == IBV_WC_LOC_LEN_ERR, "'%s'",
	     ibv_wc_status_str(wc.status));
	need(!e.b.buf[100], "data behind the buffer");
	expect_broken(&e.a);
}

/* Small reads whose source crosses a page (B.2-8). */
static void read_page_crossing(const char *addr)
{
	struct ends e = {};
	uint32_t len, off, i;

	connect_ends(&e, addr, NULL);
	for (i = 0; i < BUF_LEN; i++)
		e.b.buf[i] = i * 7 + (i >> 8);
	for (len = 2; len <= 32; len++) {
		for (off = 4096 - len + 1; off < 4096; off += 3) {
			memset(e.a.buf, 0, 64);
			need(!post(&e.a, IBV_WR_RDMA_READ, len, 0, len,
				   (uintptr_t)e.b.buf + off, e.b.mr->rkey),
			     "ibv_post_send");
			expect(e.a.scq, IBV_WC_SUCCESS, len);
			need(!memcmp(e.a.buf, e.b.buf + off, len),
			     "wrong data: %u octets at %u", len, off);
			need(!e.a.buf[len], "data behind the end");
		}
	}
}

/* Small writes and sends that cross a page of their own. */
static void send_page_crossing(const char *addr)
{
	struct ends e = {};
	uint32_t len, i;

	connect_ends(&e, addr, NULL);
	for (i = 0; i < BUF_LEN; i++)
		e.a.buf[i] = i * 7 + (i >> 8);
	for (len = 2; len <= 32; len++) {
		need(!post_recv(&e.b, len, 64), "ibv_post_recv");
		need(!post(&e.a, IBV_WR_RDMA_WRITE, len, 4095, len,
			   (uintptr_t)e.b.buf + 8191, e.b.mr->rkey) &&
		     !post(&e.a, IBV_WR_SEND, len, 8192 - len / 2, len, 0, 0),
		     "ibv_post_send");
		expect(e.a.scq, IBV_WC_SUCCESS, len);
		expect(e.a.scq, IBV_WC_SUCCESS, len);
		expect(e.b.rcq, IBV_WC_SUCCESS, len);
		need(!memcmp(e.b.buf, e.a.buf + 8192 - len / 2, len),
		     "wrong data: send of %u octets", len);
		need(!memcmp(e.b.buf + 8191, e.a.buf + 4095, len),
		     "wrong data: write of %u octets", len);
	}
}

/* The remote address of a buffer is what its owner says it is. */
static void iova(const char *addr)
{
	const uint64_t at = 0x123456789000ull + 0x100;
	struct ends e = {};
	struct ibv_mr *mr;

	connect_ends(&e, addr, NULL);
	mr = ibv_reg_mr_iova(e.b.pd, e.b.buf + 0x100, 4096, at, ALL_ACCESS);
	need(mr, "ibv_reg_mr_iova: %m");
	strcpy(e.a.buf, "to an address of another kind");
	need(!post(&e.a, IBV_WR_RDMA_WRITE, 1, 0, 64, at + 16, mr->rkey),
	     "ibv_post_send");
	expect(e.a.scq, IBV_WC_SUCCESS, 1);
	need(!post(&e.a, IBV_WR_RDMA_READ, 2, 1000, 64, at + 16, mr->rkey),
	     "ibv_post_send");
	expect(e.a.scq, IBV_WC_SUCCESS, 2);
	need(!strcmp(e.b.buf + 0x110, e.a.buf), "not in the buffer");
	need(!strcmp(e.a.buf + 1000, e.a.buf), "not what was written");
}

static void iova_bounds(const char *addr)
{
	const uint64_t at = 0x123456789000ull;
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	e.b.mr = ibv_reg_mr_iova(e.b.pd, e.b.buf, 4096, at, ALL_ACCESS);
	need(e.b.mr, "ibv_reg_mr_iova: %m");
	refuse_read(&e, (uintptr_t)e.b.buf, 64);
}

static const struct test tests[] = {
	{ "read-without-right", read_without_right },
	{ "read-local-only", read_local_only },
	{ "write-without-right", write_without_right },
	{ "read-other-pd", read_other_pd },
	{ "write-other-pd", write_other_pd },
	{ "read-qp-flags", read_qp_flags },
	{ "write-qp-flags", write_qp_flags },
	{ "read-beyond", read_beyond },
	{ "write-before", write_before },
	{ "read-wrap", read_wrap },
	{ "write-wrap", write_wrap },
	{ "read-stale-key", read_stale },
	{ "local-2g", local_2g },
	{ "local-4g", local_4g },
	{ "local-other-pd", local_other_pd },
	{ "local-read-sink", local_read_sink },
	{ "recv-read-only", recv_read_only },
	{ "recv-other-pd", recv_other_pd },
	{ "recv-short", recv_short },
	{ "read-page-crossing", read_page_crossing },
	{ "send-page-crossing", send_page_crossing },
	{ "iova", iova },
	{ "iova-bounds", iova_bounds },
	{ }
};

int main(int argc, char **argv)
{
	return run_test(tests, argc, argv);
}
