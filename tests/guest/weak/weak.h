/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * For tests that a weak point of other soft iWARP drivers is not ours: two
 * queue pairs of one process, connected to each other over an address of the
 * device.
 *
 * A program is `PROGRAM ADDRESS TEST`. It ends with status 0, with 1 after
 * printing "why: ..." when the driver is at fault, with 77 when there is
 * nothing to be tested.
 */
#ifndef WEAK_H
#define WEAK_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

#define BUF_LEN		65536u
#define ALL_ACCESS	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | \
			 IBV_ACCESS_REMOTE_WRITE)
#define PATIENCE	5000		/* ms; nothing takes that long */

#define fail(...) do {				\
	printf("why: " __VA_ARGS__);		\
	printf("\n");				\
	exit(1);				\
} while (0)

#define need(cond, ...) do {			\
	if (!(cond))				\
		fail(__VA_ARGS__);		\
} while (0)

/* One side of a connection: everything of its own, the PD too. */
struct end {
	struct rdma_event_channel *events;
	struct rdma_cm_id *id;
	struct ibv_pd *pd;
	struct ibv_comp_channel *channel;
	struct ibv_cq *scq;
	struct ibv_cq *rcq;
	struct ibv_qp *qp;
	char *buf;
	struct ibv_mr *mr;
	uint8_t pd_len;			/* of what the peer said at the start */
	char private_data[256];
};

struct ends {
	struct rdma_event_channel *events;
	struct rdma_cm_id *listener;
	struct end a;			/* the initiator */
	struct end b;			/* the responder */
};

/* What a test wants different; zero means as usual. */
struct how {
	bool no_sq, no_rq;		/* of b */
	uint8_t a_ird, a_ord, b_ird, b_ord;
	const void *a_data, *b_data;
	uint8_t a_data_len, b_data_len;
	bool post_recv;			/* b posts one receive before it accepts */
	struct ibv_srq **srq;		/* create one for b */
};

static inline uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

/* The next event of a channel; fails if it does not come or is not @want. */
static inline void cm_event(struct rdma_event_channel *events,
			    enum rdma_cm_event_type want,
			    struct rdma_cm_id **id, struct end *data_for)
{
	struct pollfd p = { .fd = events->fd, .events = POLLIN };
	struct rdma_cm_event *event;

	need(poll(&p, 1, PATIENCE) == 1, "no event, but %s is expected",
	     rdma_event_str(want));
	need(!rdma_get_cm_event(events, &event), "rdma_get_cm_event");
	need(event->event == want, "%s (status %d) instead of %s",
	     rdma_event_str(event->event), event->status, rdma_event_str(want));
	if (id)
		*id = event->id;
	if (data_for) {
		data_for->pd_len = event->param.conn.private_data_len;
		memcpy(data_for->private_data, event->param.conn.private_data,
		       data_for->pd_len);
	}
	rdma_ack_cm_event(event);
}

static inline void make_address(const char *addr, struct sockaddr_storage *to,
				uint16_t port)
{
	struct sockaddr_in *sin = (void *)to;
	struct sockaddr_in6 *sin6 = (void *)to;

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, addr, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
	} else {
		need(inet_pton(AF_INET6, addr, &sin6->sin6_addr) == 1,
		     "no address: %s", addr);
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(port);
	}
}

static unsigned int cq_len = 200;

static inline void make_qp(struct end *e, bool sq, bool rq, struct ibv_srq **srq)
{
	struct ibv_srq_init_attr sattr = {
		.attr = { .max_wr = 16, .max_sge = 1 },
	};
	struct ibv_qp_init_attr attr = {
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = sq ? 64 : 0,
			 .max_recv_wr = rq ? 16 : 0,
			 .max_send_sge = sq ? 2 : 0,
			 .max_recv_sge = rq ? 2 : 0 },
	};

	e->pd = ibv_alloc_pd(e->id->verbs);
	need(e->pd, "ibv_alloc_pd: %m");
	e->channel = ibv_create_comp_channel(e->id->verbs);
	need(e->channel, "ibv_create_comp_channel: %m");
	e->scq = ibv_create_cq(e->id->verbs, cq_len, NULL, NULL, 0);
	e->rcq = ibv_create_cq(e->id->verbs, cq_len, NULL, e->channel, 0);
	need(e->scq && e->rcq, "ibv_create_cq: %m");
	attr.send_cq = e->scq;
	attr.recv_cq = e->rcq;
	if (srq) {
		*srq = ibv_create_srq(e->pd, &sattr);
		need(*srq, "ibv_create_srq: %m");
		attr.srq = *srq;
		attr.cap.max_recv_wr = 0;
		attr.cap.max_recv_sge = 0;
	}
	need(!rdma_create_qp(e->id, e->pd, &attr), "rdma_create_qp: %m");
	e->qp = e->id->qp;
	need(!posix_memalign((void **)&e->buf, 4096, BUF_LEN), "no memory");
	memset(e->buf, 0, BUF_LEN);
	e->mr = ibv_reg_mr(e->pd, e->buf, BUF_LEN, ALL_ACCESS);
	need(e->mr, "ibv_reg_mr: %m");
}

static inline int post_recv(struct end *e, uint64_t wr_id, uint32_t len)
{
	struct ibv_sge sge = { (uintptr_t)e->buf, len, e->mr->lkey };
	struct ibv_recv_wr *bad, wr = {
		.wr_id = wr_id, .sg_list = &sge, .num_sge = 1,
	};

	return ibv_post_recv(e->qp, &wr, &bad);
}

/* Any work request of @e's buffer: @len octets at @off, to or from the other. */
static inline int post(struct end *e, enum ibv_wr_opcode op, uint64_t wr_id,
		       uint32_t off, uint32_t len, uint64_t raddr, uint32_t rkey)
{
	struct ibv_sge sge = { (uintptr_t)e->buf + off, len, e->mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.wr_id = wr_id, .sg_list = &sge, .num_sge = 1, .opcode = op,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { raddr, rkey },
	};

	return ibv_post_send(e->qp, &wr, &bad);
}

/* The next completion; false if none comes. */
static inline bool completion(struct ibv_cq *cq, struct ibv_wc *wc, int ms)
{
	uint64_t end = now_ms() + ms;
	int n;

	while (!(n = ibv_poll_cq(cq, 1, wc))) {
		if (now_ms() >= end)
			return false;
		usleep(300);
	}
	need(n == 1, "ibv_poll_cq: %d", n);
	return true;
}

static inline void expect(struct ibv_cq *cq, enum ibv_wc_status status,
			  uint64_t wr_id)
{
	struct ibv_wc wc;

	need(completion(cq, &wc, PATIENCE), "no completion of WR %d",
	     (int)wr_id);
	need(wc.wr_id == wr_id, "WR %d completes instead of %d", (int)wc.wr_id,
	     (int)wr_id);
	need(wc.status == status, "WR %d: '%s' instead of '%s'", (int)wr_id,
	     ibv_wc_status_str(wc.status), ibv_wc_status_str(status));
}

/* The port that rdma_cm picks may be one that TCP uses for something else. */
static inline void start_listener(struct ends *e, const char *addr)
{
	struct sockaddr_storage at;
	int tries = 10;

	e->events = rdma_create_event_channel();
	need(e->events, "rdma_create_event_channel: %m");
	for (;;) {
		need(!rdma_create_id(e->events, &e->listener, NULL,
				     RDMA_PS_TCP), "rdma_create_id: %m");
		make_address(addr, &at, 0);
		need(!rdma_bind_addr(e->listener, (void *)&at),
		     "rdma_bind_addr: %m");
		if (!rdma_listen(e->listener, 8))
			break;
		need(errno == EADDRINUSE && --tries, "rdma_listen: %m");
		rdma_destroy_id(e->listener);
	}
}

static inline void make_a(struct ends *e, const char *addr)
{
	struct end *a = &e->a;
	struct sockaddr_storage to;

	a->events = rdma_create_event_channel();
	need(a->events, "rdma_create_event_channel: %m");
	need(!rdma_create_id(a->events, &a->id, NULL, RDMA_PS_TCP),
	     "rdma_create_id: %m");
	make_address(addr, &to, ntohs(rdma_get_src_port(e->listener)));
	need(!rdma_resolve_addr(a->id, NULL, (void *)&to, 2000),
	     "rdma_resolve_addr: %m");
	cm_event(a->events, RDMA_CM_EVENT_ADDR_RESOLVED, NULL, NULL);
	need(!rdma_resolve_route(a->id, 2000), "rdma_resolve_route: %m");
	cm_event(a->events, RDMA_CM_EVENT_ROUTE_RESOLVED, NULL, NULL);
	make_qp(a, true, true, NULL);
}

static inline void accept_b(struct ends *e, const struct how *how)
{
	struct rdma_conn_param param = {
		.responder_resources = how->b_ird ?: 4,
		.initiator_depth = how->b_ord ?: 4,
		.private_data = how->b_data,
		.private_data_len = how->b_data_len,
	};
	struct end *b = &e->b;

	cm_event(e->events, RDMA_CM_EVENT_CONNECT_REQUEST, &b->id, b);
	b->events = rdma_create_event_channel();
	need(b->events && !rdma_migrate_id(b->id, b->events),
	     "rdma_migrate_id: %m");
	make_qp(b, !how->no_sq, !how->no_rq, how->srq);
	if (how->post_recv)
		need(!post_recv(b, 1, BUF_LEN), "ibv_post_recv");
	need(!rdma_accept(b->id, &param), "rdma_accept: %m");
}

/* Once for @e: then connect_ends() again makes another pair. */
static inline void connect_ends(struct ends *e, const char *addr,
				const struct how *how)
{
	static const struct how as_usual;
	struct rdma_conn_param param;

	how = how ?: &as_usual;
	if (!e->listener)
		start_listener(e, addr);
	make_a(e, addr);
	param = (struct rdma_conn_param) {
		.responder_resources = how->a_ird ?: 4,
		.initiator_depth = how->a_ord ?: 4,
		.private_data = how->a_data,
		.private_data_len = how->a_data_len,
	};
	need(!rdma_connect(e->a.id, &param), "rdma_connect: %m");
	accept_b(e, how);
	cm_event(e->a.events, RDMA_CM_EVENT_ESTABLISHED, NULL, &e->a);
	cm_event(e->b.events, RDMA_CM_EVENT_ESTABLISHED, NULL, NULL);
}

/* All but the channel that its events come by. */
static inline void free_objects(struct end *e)
{
	rdma_destroy_qp(e->id);
	ibv_destroy_cq(e->scq);
	ibv_destroy_cq(e->rcq);
	ibv_destroy_comp_channel(e->channel);
	ibv_dereg_mr(e->mr);
	ibv_dealloc_pd(e->pd);
	free(e->buf);
	rdma_destroy_id(e->id);
}

static inline void free_end(struct end *e)
{
	free_objects(e);
	rdma_destroy_event_channel(e->events);
}

/* The listener stays. */
static inline void free_ends(struct ends *e)
{
	free_end(&e->a);
	free_end(&e->b);
}

static inline enum ibv_qp_state qp_state(struct ibv_qp *qp)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;

	need(!ibv_query_qp(qp, &attr, IBV_QP_STATE, &init), "ibv_query_qp");
	return attr.qp_state;
}

/* Both ends find out that the connection has failed. */
static inline void expect_broken(struct end *e)
{
	uint64_t end = now_ms() + PATIENCE;

	while (qp_state(e->qp) != IBV_QPS_ERR) {
		need(now_ms() < end, "the queue pair stays in state %d",
		     qp_state(e->qp));
		usleep(1000);
	}
}

struct test {
	const char *name;
	void (*run)(const char *addr);
};

static inline int run_test(const struct test *tests, int argc, char **argv)
{
	for (; argc == 3 && tests->name; tests++) {
		if (strcmp(tests->name, argv[2]))
			continue;
		setvbuf(stdout, NULL, _IOLBF, 0);
		tests->run(argv[1]);
		return 0;
	}
	fprintf(stderr, "usage: %s ADDRESS TEST\n", argv[0]);
	return 2;
}

#endif
