// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * libsiw [TEST]: what our own user library can do and the stock one cannot, over
 * connections within one process, or to children. Without an argument: the names
 * of the tests; those that begin with ext_ need SIW_EXT=1.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <dlfcn.h>
#include <arpa/inet.h>
#include <sys/wait.h>
#include <unistd.h>
#include <rdma/rdma_cma.h>
#include <rdma/rdma_verbs.h>

#include "device.h"

#define LEN	4096
#define DEPTH	8
#define OPS	((uint64_t)IBV_QP_EX_WITH_SEND | IBV_QP_EX_WITH_RDMA_WRITE | \
		 IBV_QP_EX_WITH_RDMA_READ | IBV_QP_EX_WITH_SEND_WITH_INV)

#define EXT_OPS	((uint64_t)IBV_QP_EX_WITH_RDMA_WRITE_WITH_IMM | \
		 IBV_QP_EX_WITH_SEND_WITH_IMM | \
		 IBV_QP_EX_WITH_ATOMIC_CMP_AND_SWP | \
		 IBV_QP_EX_WITH_ATOMIC_FETCH_AND_ADD)

/* One end of a connection. */
struct end {
	struct rdma_cm_id *id;
	struct ibv_cq_ex *cq;
	struct ibv_mr *mr;
	char buf[LEN] __attribute__((aligned(8)));
};

static struct end a, b;			/* initiator, responder */
static struct rdma_cm_id *listener;
static uint32_t max_recv = DEPTH;
static uint64_t ops = OPS;
static int rights = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
		    IBV_ACCESS_REMOTE_READ;

/* --- a connection ------------------------------------------------------- */

static void make_qp(struct end *e)
{
	struct ibv_cq_init_attr_ex cq = {
		.cqe = 4 * DEPTH, .wc_flags = IBV_WC_STANDARD_FLAGS,
	};
	struct ibv_qp_init_attr_ex attr = {
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = DEPTH, .max_recv_wr = max_recv,
			 .max_send_sge = 4, .max_recv_sge = 4,
			 .max_inline_data = 64 },
		.comp_mask = IBV_QP_INIT_ATTR_PD |
			     IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.send_ops_flags = ops,
	};

	e->cq = ibv_create_cq_ex(e->id->verbs, &cq);
	NEED(e->cq);
	attr.pd = e->id->pd ? e->id->pd : ibv_alloc_pd(e->id->verbs);
	attr.send_cq = ibv_cq_ex_to_cq(e->cq);
	attr.recv_cq = attr.send_cq;
	NEED(!rdma_create_qp_ex(e->id, &attr));
	NEED(ibv_qp_to_qp_ex(e->id->qp));
	e->mr = ibv_reg_mr(attr.pd, e->buf, LEN, rights);
	NEED(e->mr);
}

static void connect_to(struct end *e, uint16_t port)
{
	struct rdma_conn_param param = {
		.initiator_depth = 4, .responder_resources = 4,
	};
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_port = port,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	NEED(!rdma_create_id(NULL, &e->id, NULL, RDMA_PS_TCP));
	NEED(!rdma_resolve_addr(e->id, NULL, (struct sockaddr *)&addr, 2000));
	NEED(!rdma_resolve_route(e->id, 2000));
	make_qp(e);
	NEED(!rdma_connect(e->id, &param));
}

static void *connector(void *arg)
{
	(void)arg;
	connect_to(&a, rdma_get_src_port(listener));
	return NULL;
}

static void listen_for(int cnt)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	NEED(!rdma_create_id(NULL, &listener, NULL, RDMA_PS_TCP));
	NEED(!rdma_bind_addr(listener, (struct sockaddr *)&addr));
	NEED(!rdma_listen(listener, cnt));
}

/* Where an Atomic may go to; the responder tells. */
struct target {
	uint64_t to;
	uint32_t rkey, pad;
};

static void accept_one(struct end *e, uint64_t *counters)
{
	struct target t = { .to = (uintptr_t)counters };
	struct rdma_conn_param param = {
		.initiator_depth = 4, .responder_resources = 4,
		.private_data = &t, .private_data_len = sizeof(t),
	};
	struct ibv_mr *mr;

	NEED(!rdma_get_request(listener, &e->id));
	make_qp(e);
	if (counters) {
		mr = ibv_reg_mr(e->id->qp->pd, counters, 24, rights);
		NEED(mr);
		t.rkey = mr->rkey;
	}
	NEED(!rdma_accept(e->id, &param));
}

static void connect_ends(void)
{
	pthread_t t;

	listen_for(1);
	NEED(!pthread_create(&t, NULL, connector, NULL));
	accept_one(&b, NULL);
	pthread_join(t, NULL);
}

static struct ibv_qp_ex *ex(const struct end *e)
{
	return ibv_qp_to_qp_ex(e->id->qp);
}

static void post_recv(struct end *e, uint64_t id, int num_sge)
{
	struct ibv_sge sge = { .addr = (uintptr_t)e->buf, .length = LEN,
			       .lkey = e->mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = id, .sg_list = &sge,
				  .num_sge = num_sge }, *bad;

	NEED(!ibv_post_recv(e->id->qp, &wr, &bad));
}

/* The next completion; it is looked at until done(). */
static void await(struct end *e, uint64_t id, enum ibv_wc_opcode op,
		  uint32_t len)
{
	struct ibv_poll_cq_attr attr = { 0 };
	int rv;

	while ((rv = ibv_start_poll(e->cq, &attr)) == ENOENT)
		;
	NEED(!rv);
	NEED(e->cq->wr_id == id);
	NEED(e->cq->status == IBV_WC_SUCCESS);
	NEED(ibv_wc_read_opcode(e->cq) == op);
	NEED(!ibv_wc_read_vendor_err(e->cq));
	NEED(ibv_wc_read_qp_num(e->cq) == e->id->qp->qp_num);
	if (op == IBV_WC_RECV)
		NEED(ibv_wc_read_byte_len(e->cq) == len);
}

static void done(struct end *e)
{
	ibv_end_poll(e->cq);
}

static void get(struct end *e, uint64_t id, enum ibv_wc_opcode op,
		uint32_t len)
{
	await(e, id, op, len);
	done(e);
}

static bool nothing(struct end *e)
{
	struct ibv_poll_cq_attr attr = { 0 };

	return ibv_start_poll(e->cq, &attr) == ENOENT;
}

static void begin(struct end *e, uint64_t id, unsigned int flags)
{
	ex(e)->wr_id = id;
	ex(e)->wr_flags = flags;
}

/* --- tests ---------------------------------------------------------------- */

/* All operations in one batch, inline data in pieces, SGE lists. */
static void new_post(void)
{
	struct ibv_data_buf buf[2];
	struct ibv_sge sge[2];

	connect_ends();
	strcpy(a.buf, "0123456789abcdef");
	strcpy(b.buf + 100, "of the responder");
	post_recv(&b, 1, 1);
	post_recv(&b, 2, 1);
	buf[0] = (struct ibv_data_buf) { .addr = a.buf + 4, .length = 3 };
	buf[1] = (struct ibv_data_buf) { .addr = a.buf, .length = 2 };
	sge[0] = (struct ibv_sge) { .addr = (uintptr_t)a.buf, .length = 1,
				    .lkey = a.mr->lkey };
	sge[1] = sge[0];
	sge[1].addr += 10;
	sge[1].length = 6;
	ibv_wr_start(ex(&a));
	begin(&a, 11, IBV_SEND_SIGNALED);
	ibv_wr_rdma_write(ex(&a), b.mr->rkey, (uintptr_t)b.buf + 200);
	ibv_wr_set_sge_list(ex(&a), 2, sge);
	begin(&a, 12, IBV_SEND_SIGNALED);
	ibv_wr_rdma_read(ex(&a), b.mr->rkey, (uintptr_t)b.buf + 100);
	ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)a.buf + 300, 17);
	begin(&a, 13, IBV_SEND_SIGNALED | IBV_SEND_FENCE);
	ibv_wr_send(ex(&a));
	ibv_wr_set_inline_data_list(ex(&a), 2, buf);
	begin(&a, 14, 0);
	ibv_wr_send(ex(&a));
	ibv_wr_set_inline_data(ex(&a), a.buf, 4);
	NEED(!ibv_wr_complete(ex(&a)));
	get(&b, 1, IBV_WC_RECV, 5);
	NEED(!memcmp(b.buf + 200, "0abcdef", 7));
	get(&b, 2, IBV_WC_RECV, 4);
	NEED(!memcmp(b.buf, "0123", 4));
	get(&a, 11, IBV_WC_RDMA_WRITE, 0);
	get(&a, 12, IBV_WC_RDMA_READ, 0);
	NEED(!strcmp(a.buf + 300, "of the responder"));
	get(&a, 13, IBV_WC_SEND, 0);
	NEED(nothing(&a));	/* 14 was not to be told */
}

/* The peer's invalidation reaches the program. */
static void invalidate(void)
{
	connect_ends();
	post_recv(&b, 1, 1);
	ibv_wr_start(ex(&a));
	begin(&a, 21, IBV_SEND_SIGNALED);
	ibv_wr_send_inv(ex(&a), b.mr->rkey);
	ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)a.buf, 3);
	NEED(!ibv_wr_complete(ex(&a)));
	/* user memory cannot be invalidated: that ends the connection */
	while (nothing(&b))
		;
	NEED(b.cq->status != IBV_WC_SUCCESS);
	NEED(ibv_wc_read_vendor_err(b.cq));
	done(&b);
}

/* More than there is room for: all or nothing, and the queue goes on. */
static void batch_errors(void)
{
	int i;

	connect_ends();
	for (i = 0; i < DEPTH; i++)
		post_recv(&b, (uint64_t)i, 1);
	ibv_wr_start(ex(&a));
	for (i = 0; i <= DEPTH; i++) {
		begin(&a, (uint64_t)i, IBV_SEND_SIGNALED);
		ibv_wr_send(ex(&a));
		ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)a.buf, 1);
	}
	NEED(ibv_wr_complete(ex(&a)) == ENOMEM);
	ibv_wr_start(ex(&a));
	begin(&a, 1, IBV_SEND_SIGNALED);
	ibv_wr_send(ex(&a));
	ibv_wr_set_inline_data(ex(&a), a.buf, 81);
	NEED(ibv_wr_complete(ex(&a)) == EINVAL);
	ibv_wr_start(ex(&a));
	begin(&a, 2, IBV_SEND_SIGNALED);
	ibv_wr_send(ex(&a));
	ibv_wr_abort(ex(&a));
	ibv_wr_start(ex(&a));
	for (i = 0; i < DEPTH; i++) {
		begin(&a, (uint64_t)i, IBV_SEND_SIGNALED);
		ibv_wr_send(ex(&a));
		ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)a.buf,
			       (uint32_t)i);
	}
	NEED(!ibv_wr_complete(ex(&a)));
	for (i = 0; i < DEPTH; i++) {
		get(&b, (uint64_t)i, IBV_WC_RECV, (uint32_t)i);
		get(&a, (uint64_t)i, IBV_WC_SEND, 0);
	}
	NEED(nothing(&a) && nothing(&b));
}

/* Threads share a queue; all rings go round many times. */
#define THREADS	3
#define ROUNDS	3000

static int in_flight;

static int write_old(uint64_t *from, uint64_t to, uint64_t id)
{
	struct ibv_sge sge = { .addr = (uintptr_t)from, .length = 8,
			       .lkey = a.mr->lkey };
	struct ibv_send_wr wr = {
		.wr_id = id, .sg_list = &sge, .num_sge = 1,
		.opcode = IBV_WR_RDMA_WRITE, .send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = to, .rkey = b.mr->rkey },
	}, *bad;

	return ibv_post_send(a.id->qp, &wr, &bad);
}

static int write_new(uint64_t *from, uint64_t to, uint64_t id)
{
	ibv_wr_start(ex(&a));
	begin(&a, id, IBV_SEND_SIGNALED | IBV_SEND_INLINE);
	ibv_wr_rdma_write(ex(&a), b.mr->rkey, to);
	ibv_wr_set_inline_data(ex(&a), from, 8);
	return ibv_wr_complete(ex(&a));
}

static void *writer(void *arg)
{
	uint64_t n = (uintptr_t)arg, *from = (uint64_t *)a.buf + n, i;
	uint64_t to = (uintptr_t)((uint64_t *)b.buf + n);
	int rv;

	for (i = 1; i <= ROUNDS; i++) {
		while (__atomic_add_fetch(&in_flight, 1, __ATOMIC_SEQ_CST) >
		       3 * DEPTH) {
			__atomic_sub_fetch(&in_flight, 1, __ATOMIC_SEQ_CST);
			sched_yield();
		}
		*from = i;
		while ((rv = i & 1 ? write_old(from, to, n << 32 | i) :
				     write_new(from, to, n << 32 | i)) == ENOMEM)
			sched_yield();
		NEED(!rv);
	}
	return NULL;
}

static void threads(void)
{
	uint64_t last[THREADS] = { 0 };
	struct ibv_wc wc[5];
	pthread_t t[THREADS];
	int i, n, sum = 0;

	connect_ends();
	for (i = 0; i < THREADS; i++)
		NEED(!pthread_create(&t[i], NULL, writer,
				     (void *)(uintptr_t)i));
	while (sum < THREADS * ROUNDS) {
		n = ibv_poll_cq(ibv_cq_ex_to_cq(a.cq), 5, wc);
		NEED(n >= 0);
		for (i = 0; i < n; i++) {
			uint64_t *l = &last[wc[i].wr_id >> 32];

			NEED(wc[i].status == IBV_WC_SUCCESS);
			NEED(wc[i].opcode == IBV_WC_RDMA_WRITE);
			NEED((uint32_t)wc[i].wr_id == ++*l);
			__atomic_sub_fetch(&in_flight, 1, __ATOMIC_SEQ_CST);
		}
		sum += n;
		if (!n)
			sched_yield();
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	/* behind a Read all Writes are there */
	ibv_wr_start(ex(&a));
	begin(&a, 1, IBV_SEND_SIGNALED);
	ibv_wr_rdma_read(ex(&a), b.mr->rkey, (uintptr_t)b.buf);
	ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)a.buf + 200, 8);
	NEED(!ibv_wr_complete(ex(&a)));
	get(&a, 1, IBV_WC_RDMA_READ, 0);
	for (i = 0; i < THREADS; i++)
		NEED(((uint64_t *)b.buf)[i] == ROUNDS);
}

static void receives(void)
{
	uint64_t n = 0, i;

	connect_ends();
	for (n = 0; n < 100 * DEPTH; n += DEPTH) {
		for (i = 0; i < DEPTH; i++)
			post_recv(&b, n + i, 1);
		ibv_wr_start(ex(&a));
		for (i = 0; i < DEPTH; i++) {
			begin(&a, n + i, IBV_SEND_SIGNALED);
			ibv_wr_send(ex(&a));
			ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)a.buf,
				       (uint32_t)(n + i));
		}
		NEED(!ibv_wr_complete(ex(&a)));
		for (i = 0; i < DEPTH; i++) {
			get(&b, n + i, IBV_WC_RECV, (uint32_t)(n + i));
			get(&a, n + i, IBV_WC_SEND, 0);
		}
	}
}

/* ibv_post_send() and ibv_post_recv() return errno values, and where. */
static void old_errors(void)
{
	struct ibv_sge sge = { .length = 81 };
	struct ibv_send_wr wr[DEPTH + 2], *bad = NULL;
	struct ibv_recv_wr rwr = { .num_sge = 5, .sg_list = &sge }, *rbad;
	int i;

	connect_ends();
	memset(wr, 0, sizeof(wr));
	for (i = 0; i < DEPTH + 2; i++)
		wr[i].sg_list = &sge;
	wr[0].opcode = IBV_WR_ATOMIC_FETCH_AND_ADD;
	NEED(ibv_post_send(a.id->qp, wr, &bad) == EINVAL && bad == wr);
	wr[0].opcode = IBV_WR_SEND;
	wr[0].num_sge = 5;
	NEED(ibv_post_send(a.id->qp, wr, &bad) == EINVAL && bad == wr);
	wr[0].num_sge = 1;
	wr[0].send_flags = IBV_SEND_INLINE;
	NEED(ibv_post_send(a.id->qp, wr, &bad) == EINVAL && bad == wr);
	NEED(ibv_post_recv(b.id->qp, &rwr, &rbad) == EINVAL && rbad == &rwr);
	rwr.num_sge = 0;
	for (i = 0; i < DEPTH; i++)
		NEED(!ibv_post_recv(b.id->qp, &rwr, &rbad));
	NEED(ibv_post_recv(b.id->qp, &rwr, &rbad) == ENOMEM && rbad == &rwr);
	/* the good ones in front of a bad one are posted */
	for (i = 0; i < 3; i++) {
		wr[i] = (struct ibv_send_wr) {
			.wr_id = (uint64_t)i, .opcode = IBV_WR_SEND,
			.send_flags = IBV_SEND_SIGNALED, .next = &wr[i + 1],
		};
	}
	wr[2].opcode = IBV_WR_BIND_MW;
	wr[2].next = NULL;
	NEED(ibv_post_send(a.id->qp, wr, &bad) == EINVAL && bad == &wr[2]);
	get(&a, 0, IBV_WC_SEND, 0);
	get(&a, 1, IBV_WC_SEND, 0);
	get(&b, 0, IBV_WC_RECV, 0);
	get(&b, 0, IBV_WC_RECV, 0);
	NEED(nothing(&a));
}

/* A receive without a buffer, and a QP that cannot receive. */
static void no_buffers(void)
{
	connect_ends();
	post_recv(&b, 7, 0);
	ibv_wr_start(ex(&a));
	begin(&a, 8, IBV_SEND_SIGNALED);
	ibv_wr_send(ex(&a));
	ibv_wr_set_sge_list(ex(&a), 0, NULL);
	NEED(!ibv_wr_complete(ex(&a)));
	get(&b, 7, IBV_WC_RECV, 0);
	get(&a, 8, IBV_WC_SEND, 0);
}

static void no_receive_queue(void)
{
	max_recv = 0;
	connect_ends();
	strcpy(a.buf, "xyz");
	ibv_wr_start(ex(&a));
	begin(&a, 5, IBV_SEND_SIGNALED);
	ibv_wr_rdma_write(ex(&a), b.mr->rkey, (uintptr_t)b.buf);
	ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)a.buf, 4);
	begin(&a, 6, IBV_SEND_SIGNALED);
	ibv_wr_rdma_read(ex(&a), b.mr->rkey, (uintptr_t)b.buf);
	ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)a.buf + 50, 4);
	NEED(!ibv_wr_complete(ex(&a)));
	get(&a, 5, IBV_WC_RDMA_WRITE, 0);
	get(&a, 6, IBV_WC_RDMA_READ, 0);
	NEED(!strcmp(a.buf + 50, "xyz"));
}

/* A Write of 4 octets. Return: how it went. */
static enum ibv_wc_status write_to(uint32_t rkey, uint64_t to)
{
	struct ibv_sge sge = { .addr = (uintptr_t)a.buf, .length = 4,
			       .lkey = a.mr->lkey };
	enum ibv_wc_status status;

	ibv_wr_start(ex(&a));
	begin(&a, 1, IBV_SEND_SIGNALED);
	ibv_wr_rdma_write(ex(&a), rkey, to);
	ibv_wr_set_sge_list(ex(&a), 1, &sge);
	/* whether it arrived says only the Read */
	begin(&a, 2, IBV_SEND_SIGNALED);
	ibv_wr_rdma_read(ex(&a), b.mr->rkey, (uintptr_t)b.buf);
	ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)a.buf + 8, 1);
	NEED(!ibv_wr_complete(ex(&a)));
	do {
		while (nothing(&a))
			;
		status = a.cq->status;
		done(&a);
	} while (a.cq->wr_id != 2);
	return status;
}

/* Registered again, it is elsewhere, with other rights, in another PD. */
static void register_again(void)
{
	const int rights = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE;
	struct ibv_pd *other;
	struct ibv_mr *mr;
	char *to;

	connect_ends();
	other = ibv_alloc_pd(b.id->verbs);
	to = calloc(2, LEN);
	NEED(other && to);
	mr = ibv_reg_mr(b.id->qp->pd, to, LEN, IBV_ACCESS_LOCAL_WRITE);
	NEED(mr);
	strcpy(a.buf, "one");
	NEED(!ibv_rereg_mr(mr, IBV_REREG_MR_CHANGE_ACCESS, NULL, NULL, 0,
			   rights));
	NEED(write_to(mr->rkey, (uintptr_t)to) == IBV_WC_SUCCESS);
	NEED(!strcmp(to, "one"));
	strcpy(a.buf, "two");
	NEED(!ibv_rereg_mr(mr, IBV_REREG_MR_CHANGE_TRANSLATION, NULL,
			   to + LEN, LEN, 0));
	NEED(mr->addr == to + LEN);
	NEED(write_to(mr->rkey, (uintptr_t)to + LEN) == IBV_WC_SUCCESS);
	NEED(!strcmp(to, "one") && !strcmp(to + LEN, "two"));
	/* what is wrong changes nothing */
	NEED(ibv_rereg_mr(mr, IBV_REREG_MR_CHANGE_ACCESS, NULL, NULL, 0,
			  IBV_ACCESS_REMOTE_WRITE) == IBV_REREG_MR_ERR_CMD);
	NEED(write_to(mr->rkey, (uintptr_t)to + LEN) == IBV_WC_SUCCESS);
	NEED(!ibv_rereg_mr(mr, IBV_REREG_MR_CHANGE_PD, other, NULL, 0, 0));
	NEED(mr->pd == other);
	NEED(write_to(mr->rkey, (uintptr_t)to + LEN) != IBV_WC_SUCCESS);
	NEED(!ibv_dereg_mr(mr));
	NEED(!ibv_dealloc_pd(other));
}

/* To the peer it is where the program says. */
static void register_iova(void)
{
	const uint64_t iova = 0x123450000000ULL;
	struct ibv_mr *mr;
	char *to;

	connect_ends();
	to = aligned_alloc(LEN, LEN);
	NEED(to);
	mr = ibv_reg_mr_iova(b.id->qp->pd, to, LEN, iova,
			     IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	NEED(mr);
	strcpy(a.buf, "one");
	NEED(write_to(mr->rkey, iova + 100) == IBV_WC_SUCCESS);
	NEED(!strcmp(to + 100, "one"));
	NEED(write_to(mr->rkey, (uintptr_t)to) != IBV_WC_SUCCESS);
	NEED(!ibv_dereg_mr(mr));
}

static void query_srq(void)
{
	struct ibv_srq_init_attr init = {
		.attr = { .max_wr = 10, .max_sge = 2 },
	};
	struct ibv_context *ctx = open_device();
	struct ibv_pd *pd = ibv_alloc_pd(ctx);
	struct ibv_srq_attr attr = { .srq_limit = 3 };
	struct ibv_srq *srq;

	NEED(pd);
	srq = ibv_create_srq(pd, &init);
	NEED(srq);
	NEED(!ibv_modify_srq(srq, &attr, IBV_SRQ_LIMIT));
	memset(&attr, 0, sizeof(attr));
	NEED(!ibv_query_srq(srq, &attr));
	NEED(attr.max_wr >= 10 && attr.max_sge == 2 && attr.srq_limit == 3);
	attr.srq_limit = 1000;
	NEED(ibv_modify_srq(srq, &attr, IBV_SRQ_LIMIT) == EINVAL);
	NEED(!ibv_destroy_srq(srq));
	NEED(!ibv_dealloc_pd(pd));
	NEED(!ibv_close_device(ctx));
}

static void cq_attributes(void)
{
	struct ibv_cq_init_attr_ex attr = {
		.cqe = 100, .comp_mask = IBV_CQ_INIT_ATTR_MASK_FLAGS,
		.flags = IBV_CREATE_CQ_ATTR_SINGLE_THREADED,
	};
	struct ibv_context *ctx = open_device();
	struct ibv_cq_ex *cq = ibv_create_cq_ex(ctx, &attr);

	NEED(cq && cq->cqe >= 100);
	NEED(!ibv_resize_cq(ibv_cq_ex_to_cq(cq), 50));
	NEED(ibv_resize_cq(ibv_cq_ex_to_cq(cq), 1 << 20) == EOPNOTSUPP);
	NEED(!ibv_destroy_cq(ibv_cq_ex_to_cq(cq)));
	attr.flags = IBV_CREATE_CQ_ATTR_IGNORE_OVERRUN;
	NEED(!ibv_create_cq_ex(ctx, &attr) && errno == EOPNOTSUPP);
	attr.flags = 0;
	attr.wc_flags = IBV_WC_EX_WITH_COMPLETION_TIMESTAMP;
	NEED(!ibv_create_cq_ex(ctx, &attr) && errno == EOPNOTSUPP);
	NEED(!ibv_close_device(ctx));
}

/* --- RFC 7306 -------------------------------------------------------------- */

static void connect_ext(void)
{
	ops = OPS | EXT_OPS;
	rights |= IBV_ACCESS_REMOTE_ATOMIC;
	connect_ends();
}

static void need_imm(struct end *e, uint64_t id, enum ibv_wc_opcode op,
		     uint32_t len, uint32_t imm)
{
	await(e, id, op, len);
	NEED(ibv_wc_read_byte_len(e->cq) == len);
	NEED(ibv_wc_read_wc_flags(e->cq) == IBV_WC_WITH_IMM);
	NEED(ibv_wc_read_imm_data(e->cq) == htobe32(imm));
	done(e);
}

static void ext_immediate(void)
{
	struct ibv_data_buf buf[2] = { { a.buf, 60 }, { a.buf + 60, 4 } };
	int i;

	connect_ext();
	for (i = 0; i < 4; i++)
		post_recv(&b, (uint64_t)i, i & 1);
	for (i = 0; i < 64; i++)
		a.buf[i] = (char)(i + 1);
	memset(b.buf, 0, LEN);
	ibv_wr_start(ex(&a));
	begin(&a, 11, IBV_SEND_SIGNALED);
	ibv_wr_send_imm(ex(&a), htobe32(0x01020304));
	begin(&a, 12, IBV_SEND_SIGNALED);
	ibv_wr_rdma_write_imm(ex(&a), b.mr->rkey, (uintptr_t)b.buf + 100,
			      htobe32(0xfffffffe));
	ibv_wr_set_inline_data_list(ex(&a), 2, buf);
	begin(&a, 13, 0);
	ibv_wr_rdma_write_imm(ex(&a), b.mr->rkey, (uintptr_t)b.buf + 200, 0);
	ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)a.buf, 33);
	begin(&a, 14, IBV_SEND_SIGNALED);
	ibv_wr_rdma_write_imm(ex(&a), b.mr->rkey, (uintptr_t)b.buf, 7);
	ibv_wr_set_sge_list(ex(&a), 0, NULL);
	NEED(!ibv_wr_complete(ex(&a)));
	need_imm(&b, 0, IBV_WC_RECV, 0, 0x01020304);
	need_imm(&b, 1, IBV_WC_RECV_RDMA_WITH_IMM, 64, 0xfffffffe);
	NEED(!memcmp(a.buf, b.buf + 100, 64) && !b.buf[164]);
	need_imm(&b, 2, IBV_WC_RECV_RDMA_WITH_IMM, 33, 0);
	NEED(!memcmp(a.buf, b.buf + 200, 33) && !b.buf[233]);
	need_imm(&b, 3, IBV_WC_RECV_RDMA_WITH_IMM, 0, be32toh(7));
	get(&a, 11, IBV_WC_SEND, 0);
	get(&a, 12, IBV_WC_RDMA_WRITE, 0);
	get(&a, 14, IBV_WC_RDMA_WRITE, 0);
	NEED(nothing(&a) && nothing(&b));
}

static void poll_one(struct end *e, struct ibv_wc *wc)
{
	int n;

	while (!(n = ibv_poll_cq(ibv_cq_ex_to_cq(e->cq), 1, wc)))
		;
	NEED(n == 1);
}

/* The same by ibv_post_send(), large, among Sends and Writes. */
static void ext_immediate_old(void)
{
	struct ibv_sge sge = { .addr = (uintptr_t)a.buf, .length = LEN };
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1 }, *bad;
	struct ibv_wc wc;
	uint32_t i;

	connect_ext();
	sge.lkey = a.mr->lkey;
	wr.wr.rdma.remote_addr = (uintptr_t)b.buf;
	wr.wr.rdma.rkey = b.mr->rkey;
	for (i = 0; i < 200; i++) {
		post_recv(&b, i, 1);
		wr.opcode = i % 3 ? IBV_WR_RDMA_WRITE_WITH_IMM : IBV_WR_SEND;
		wr.wr_id = i;
		wr.imm_data = htobe32(i << 20);
		wr.send_flags = i & 1 ? IBV_SEND_SIGNALED : 0;
		NEED(!ibv_post_send(a.id->qp, &wr, &bad));
		poll_one(&b, &wc);
		NEED(wc.status == IBV_WC_SUCCESS && wc.wr_id == i);
		NEED(wc.byte_len == LEN);
		if (i % 3)
			NEED(wc.opcode == IBV_WC_RECV_RDMA_WITH_IMM &&
			     wc.wc_flags == IBV_WC_WITH_IMM &&
			     wc.imm_data == htobe32(i << 20));
		else
			NEED(wc.opcode == IBV_WC_RECV && !wc.wc_flags);
		if (i & 1)
			poll_one(&a, &wc);
		NEED(wc.wr_id == i);
	}
	/* a Send with octets and immediate data is not to be had */
	wr.opcode = IBV_WR_SEND_WITH_IMM;
	NEED(ibv_post_send(a.id->qp, &wr, &bad) == EINVAL);
	sge.length = 0;
	post_recv(&b, 1, 1);
	NEED(!ibv_post_send(a.id->qp, &wr, &bad));
	poll_one(&b, &wc);
	NEED(wc.opcode == IBV_WC_RECV && wc.wc_flags == IBV_WC_WITH_IMM);
}

/* Post an Atomic, as @id; the sink is octet 8 * @id of a.buf. */
static void post_atomic(struct end *e, uint64_t id, bool swap, uint64_t first,
			uint64_t second, uint64_t to, uint32_t rkey)
{
	struct ibv_sge sge = { .addr = (uintptr_t)e->buf + 8 * id, .length = 8,
			       .lkey = e->mr->lkey };
	struct ibv_send_wr wr = {
		.wr_id = id, .sg_list = &sge, .num_sge = 1,
		.opcode = swap ? IBV_WR_ATOMIC_CMP_AND_SWP :
				 IBV_WR_ATOMIC_FETCH_AND_ADD,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.atomic = { .remote_addr = to, .rkey = rkey,
			       .compare_add = first, .swap = second },
	}, *bad;

	NEED(!ibv_post_send(e->id->qp, &wr, &bad));
}

/* Seven in flight, with Reads among them: more than ORD, in order. */
static void ext_atomics(void)
{
	const enum ibv_wc_opcode kinds[] = {
		IBV_WC_FETCH_ADD, IBV_WC_COMP_SWAP, IBV_WC_COMP_SWAP,
		IBV_WC_RDMA_READ, IBV_WC_FETCH_ADD, IBV_WC_COMP_SWAP,
		IBV_WC_RDMA_READ,
	};
	uint64_t *x = (uint64_t *)b.buf, *got = (uint64_t *)a.buf;
	uint64_t to = (uintptr_t)x, i;
	struct ibv_device_attr attr;

	connect_ext();
	NEED(!ibv_query_device(a.id->verbs, &attr));
	NEED(attr.atomic_cap == IBV_ATOMIC_HCA);
	x[0] = 0xffffffffffffffffULL;
	x[1] = 5;
	post_atomic(&a, 0, false, 3, 0, to, b.mr->rkey);
	post_atomic(&a, 1, true, 2, 0x1122334455667788ULL, to, b.mr->rkey);
	post_atomic(&a, 2, true, 2, 9, to, b.mr->rkey);
	ibv_wr_start(ex(&a));
	begin(&a, 3, IBV_SEND_SIGNALED);
	ibv_wr_rdma_read(ex(&a), b.mr->rkey, to);
	ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)&got[3], 8);
	begin(&a, 4, IBV_SEND_SIGNALED);
	ibv_wr_atomic_fetch_add(ex(&a), b.mr->rkey, to, (uint64_t)-8);
	ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)&got[4], 8);
	begin(&a, 5, IBV_SEND_SIGNALED);
	ibv_wr_atomic_cmp_swp(ex(&a), b.mr->rkey, to + 8, 5, 6);
	ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)&got[5], 8);
	begin(&a, 6, IBV_SEND_SIGNALED);
	ibv_wr_rdma_read(ex(&a), b.mr->rkey, to + 8);
	ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)&got[6], 8);
	NEED(!ibv_wr_complete(ex(&a)));
	for (i = 0; i < 7; i++)
		get(&a, i, kinds[i], 0);
	NEED(got[0] == 0xffffffffffffffffULL);
	NEED(got[1] == 2 && got[2] == 0x1122334455667788ULL);
	NEED(got[3] == 0x1122334455667788ULL && got[4] == got[3]);
	NEED(got[5] == 5 && got[6] == 6);
	NEED(x[0] == 0x1122334455667780ULL && x[1] == 6);
	NEED(nothing(&a) && nothing(&b));
	/* a sink of another size is refused at once */
	ibv_wr_start(ex(&a));
	begin(&a, 9, IBV_SEND_SIGNALED);
	ibv_wr_atomic_fetch_add(ex(&a), b.mr->rkey, to, 1);
	ibv_wr_set_sge(ex(&a), a.mr->lkey, (uintptr_t)a.buf, 16);
	NEED(ibv_wr_complete(ex(&a)) == EINVAL);
}

/* Does vendor_err say that? The library that is in use knows the words. */
static void need_words(uint32_t vendor_err, const char *words)
{
	const char *(*text)(uint32_t vendor_err);
	void *lib = dlopen(getenv("LIBSIW"), RTLD_NOLOAD | RTLD_NOW);

	NEED(lib);
	*(void **)&text = dlsym(lib, "siw_strerror");
	NEED(text && !strcmp(text(vendor_err), words));
	NEED(!strcmp(text(4), "flushed"));
	dlclose(lib);
}

/* The peer refuses it, says why, and nothing has changed. */
static void refused(uint64_t off, int access, enum ibv_wc_status status,
		    const char *here, const char *there)
{
	uint64_t *x = (uint64_t *)b.buf;
	struct ibv_wc wc;
	struct ibv_mr *mr;

	connect_ext();
	x[0] = 77;
	x[1] = 88;
	mr = ibv_reg_mr(b.id->qp->pd, b.buf, 16, access);
	NEED(mr);
	post_recv(&b, 5, 1);
	post_atomic(&a, 0, false, 1, 0, (uintptr_t)x + off, mr->rkey);
	poll_one(&a, &wc);
	NEED(!wc.wr_id && wc.status == status);
	need_words(wc.vendor_err, here);
	poll_one(&b, &wc);
	NEED(wc.wr_id == 5 && wc.status == IBV_WC_WR_FLUSH_ERR);
	need_words(wc.vendor_err, there);
	NEED(x[0] == 77 && x[1] == 88);
}

static void ext_refused(void)
{
	const int all = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
			IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC;

	refused(0, all & ~IBV_ACCESS_REMOTE_ATOMIC, IBV_WC_REM_ACCESS_ERR,
		"access right missing", "access right missing");
	refused(16, all, IBV_WC_REM_ACCESS_ERR,
		"outside of the registered memory",
		"outside of the registered memory");
	refused(12, all, IBV_WC_REM_ACCESS_ERR,
		"outside of the registered memory",
		"outside of the registered memory");
	/* RFC 7306 §8.2: a fault of the operation */
	refused(4, all, IBV_WC_REM_INV_REQ_ERR,
		"fault while serving this stream",
		"Atomic Operation on memory that is not aligned");
}

/* Processes and connections add to one counter, and take a lock in turns. */
#define CHILDREN	2
#define QPS		2
#define ADDS		250

/* Return: what was at @off before. */
static uint64_t atomic(struct end *e, const struct target *t, uint64_t off,
		       bool swap, uint64_t first, uint64_t second)
{
	struct ibv_wc wc;

	post_atomic(e, 0, swap, first, second, t->to + off, t->rkey);
	poll_one(e, &wc);
	NEED(wc.status == IBV_WC_SUCCESS);
	return *(uint64_t *)e->buf;
}

static void *adder(void *arg)
{
	struct end *e = arg;
	struct target t;
	int i;

	memcpy(&t, e->id->event->param.conn.private_data, sizeof(t));
	for (i = 0; i < ADDS; i++) {
		atomic(e, &t, 0, false, 0x100000001, 0);
		/* a spin lock made of CmpSwap around a plain counter */
		if (i % 10)
			continue;
		while (atomic(e, &t, 8, true, 0, 1))
			sched_yield();
		atomic(e, &t, 16, false, 1, 0);
		NEED(atomic(e, &t, 8, true, 1, 0) == 1);
	}
	return NULL;
}

static void child(int from)
{
	static struct end e[QPS];
	pthread_t t[QPS];
	uint16_t port;
	int i;

	NEED(read(from, &port, sizeof(port)) == sizeof(port));
	for (i = 0; i < QPS; i++)
		connect_to(&e[i], port);
	for (i = 0; i < QPS; i++)
		NEED(!pthread_create(&t[i], NULL, adder, &e[i]));
	for (i = 0; i < QPS; i++)
		pthread_join(t[i], NULL);
	exit(0);
}

static void ext_contended(void)
{
	static struct end e[CHILDREN * QPS];
	uint64_t *x = (uint64_t *)b.buf;
	int to[2], i, status;
	uint16_t port;

	ops = OPS | EXT_OPS;
	rights |= IBV_ACCESS_REMOTE_ATOMIC;
	NEED(!pipe(to));
	for (i = 0; i < CHILDREN; i++)
		if (!fork())
			child(to[0]);
	listen_for(CHILDREN * QPS);
	port = rdma_get_src_port(listener);
	for (i = 0; i < CHILDREN; i++)
		NEED(write(to[1], &port, sizeof(port)) == sizeof(port));
	for (i = 0; i < CHILDREN * QPS; i++)
		accept_one(&e[i], x);
	for (i = 0; i < CHILDREN; i++)
		NEED(wait(&status) > 0 && !status);
	NEED(x[0] == 0x100000001 * CHILDREN * QPS * ADDS);
	NEED(!x[1] && x[2] == CHILDREN * QPS * ADDS / 10);
}

/* A device that was not told to says so, and refuses it. */
static void not_ext(void)
{
	struct ibv_qp_init_attr_ex attr = {
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = 1, .max_recv_wr = 1,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.comp_mask = IBV_QP_INIT_ATTR_PD |
			     IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.send_ops_flags = IBV_QP_EX_WITH_ATOMIC_FETCH_AND_ADD,
	};
	struct ibv_context *ctx = open_device();
	struct ibv_device_attr_ex dev;

	NEED(!ibv_query_device_ex(ctx, NULL, &dev));
	NEED(dev.orig_attr.atomic_cap == IBV_ATOMIC_NONE);
	attr.pd = ibv_alloc_pd(ctx);
	attr.send_cq = ibv_create_cq(ctx, 10, NULL, NULL, 0);
	attr.recv_cq = attr.send_cq;
	NEED(attr.pd && attr.send_cq);
	NEED(!ibv_create_qp_ex(ctx, &attr) && errno == EOPNOTSUPP);
	attr.send_ops_flags = IBV_QP_EX_WITH_RDMA_WRITE_WITH_IMM;
	NEED(!ibv_create_qp_ex(ctx, &attr) && errno == EOPNOTSUPP);
	attr.send_ops_flags = OPS;
	NEED(ibv_create_qp_ex(ctx, &attr));
}

static const struct test tests[] = {
	{ "new_post", new_post },
	{ "invalidate", invalidate },
	{ "batch_errors", batch_errors },
	{ "old_errors", old_errors },
	{ "no_buffers", no_buffers },
	{ "no_receive_queue", no_receive_queue },
	{ "threads", threads },
	{ "receives", receives },
	{ "register_again", register_again },
	{ "register_iova", register_iova },
	{ "query_srq", query_srq },
	{ "cq_attributes", cq_attributes },
	{ "not_ext", not_ext },
	{ "ext_immediate", ext_immediate },
	{ "ext_immediate_old", ext_immediate_old },
	{ "ext_atomics", ext_atomics },
	{ "ext_refused", ext_refused },
	{ "ext_contended", ext_contended },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return run_tests(tests, argc, argv);
}
