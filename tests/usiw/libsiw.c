// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * libsiw [TEST]: what our own user library can do and the stock one cannot, over
 * connections within one process. Without an argument: the names of the tests.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <rdma/rdma_cma.h>
#include <rdma/rdma_verbs.h>

#include "device.h"

#define LEN	4096
#define DEPTH	8
#define OPS	((uint64_t)IBV_QP_EX_WITH_SEND | IBV_QP_EX_WITH_RDMA_WRITE | \
		 IBV_QP_EX_WITH_RDMA_READ | IBV_QP_EX_WITH_SEND_WITH_INV)

/* One end of a connection. */
struct end {
	struct rdma_cm_id *id;
	struct ibv_cq_ex *cq;
	struct ibv_mr *mr;
	char buf[LEN];
};

static struct end a, b;			/* initiator, responder */
static struct rdma_cm_id *listener;
static uint32_t max_recv = DEPTH;

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
		.send_ops_flags = OPS,
	};

	e->cq = ibv_create_cq_ex(e->id->verbs, &cq);
	NEED(e->cq);
	attr.pd = e->id->pd ? e->id->pd : ibv_alloc_pd(e->id->verbs);
	attr.send_cq = ibv_cq_ex_to_cq(e->cq);
	attr.recv_cq = attr.send_cq;
	NEED(!rdma_create_qp_ex(e->id, &attr));
	NEED(ibv_qp_to_qp_ex(e->id->qp));
	e->mr = ibv_reg_mr(attr.pd, e->buf, LEN, IBV_ACCESS_LOCAL_WRITE |
			   IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ);
	NEED(e->mr);
}

static void *connector(void *arg)
{
	struct rdma_conn_param param = {
		.initiator_depth = 4, .responder_resources = 4,
	};

	(void)arg;
	NEED(!rdma_connect(a.id, &param));
	return NULL;
}

static void connect_ends(void)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct rdma_conn_param param = {
		.initiator_depth = 4, .responder_resources = 4,
	};
	pthread_t t;

	NEED(!rdma_create_id(NULL, &listener, NULL, RDMA_PS_TCP));
	NEED(!rdma_bind_addr(listener, (struct sockaddr *)&addr));
	NEED(!rdma_listen(listener, 1));
	addr.sin_port = rdma_get_src_port(listener);
	NEED(!rdma_create_id(NULL, &a.id, NULL, RDMA_PS_TCP));
	NEED(!rdma_resolve_addr(a.id, NULL, (struct sockaddr *)&addr, 2000));
	NEED(!rdma_resolve_route(a.id, 2000));
	make_qp(&a);
	NEED(!pthread_create(&t, NULL, connector, NULL));
	NEED(!rdma_get_request(listener, &b.id));
	make_qp(&b);
	NEED(!rdma_accept(b.id, &param));
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
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return run_tests(tests, argc, argv);
}
