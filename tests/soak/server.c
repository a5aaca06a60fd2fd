// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The side that is connected to: one thread, any number of connections, each
 * with a completion queue of its own; all of them tell one channel. A connection
 * has a region for RDMA, once it is asked for, which comes and goes under the
 * peer's hands.
 */
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <arpa/inet.h>
#include <rdma/rdma_cma.h>
#include <rdma/rdma_verbs.h>

#include "soak.h"

#define BACKLOG		1024
#define ACCESS		(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | \
			 IBV_ACCESS_REMOTE_READ)

struct conn {
	LIST_ENTRY(conn) link;
	struct rdma_cm_id *id;
	struct ibv_cq *cq;
	unsigned int events;	/* of the CQ, not acknowledged */
	struct ibv_mr *mr, *region_mr;
	uint8_t *region;
	struct msg in, out;
};

static struct rdma_event_channel *cm;
static struct ibv_comp_channel *done;
static struct ibv_pd *pd;
static LIST_HEAD(, conn) list = LIST_HEAD_INITIALIZER(list);
static unsigned long conns;

static int post(struct conn *c)
{
	return rdma_post_recv(c->id, NULL, &c->in, sizeof(c->in), c->mr);
}

static void end(struct conn *c)
{
	if (c->id->qp)
		rdma_destroy_qp(c->id);
	if (c->events)
		ibv_ack_cq_events(c->cq, c->events);
	NEED(!c->cq || !ibv_destroy_cq(c->cq));
	NEED(!c->mr || !ibv_dereg_mr(c->mr));
	NEED(!c->region_mr || !ibv_dereg_mr(c->region_mr));
	NEED(!rdma_destroy_id(c->id));
	free(c->region);
	LIST_REMOVE(c, link);
	free(c);
	conns--;
}

static void begin(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 4, .max_recv_wr = 4,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
	};
	struct conn *c = calloc(1, sizeof(*c));

	NEED(c);
	LIST_INSERT_HEAD(&list, c, link);
	conns++;
	c->id = id;
	id->context = c;
	if (!pd) {
		pd = ibv_alloc_pd(id->verbs);
		done = ibv_create_comp_channel(id->verbs);
		NEED(pd && done);
	}
	c->cq = ibv_create_cq(id->verbs, 16, c, done, 0);
	NEED(c->cq && !ibv_req_notify_cq(c->cq, 0));
	attr.send_cq = c->cq;
	attr.recv_cq = c->cq;
	c->mr = ibv_reg_mr(pd, &c->in, 2 * sizeof(c->in),
			   IBV_ACCESS_LOCAL_WRITE);
	NEED(c->mr && !rdma_create_qp(id, pd, &attr));
	if (post(c) || rdma_accept(id, NULL)) {
		totals->lost++;
		end(c);
	}
}

static void region_new(struct conn *c)
{
	if (!c->region)
		c->region = calloc(1, REGION);
	if (c->region_mr)
		NEED(!ibv_dereg_mr(c->region_mr));
	c->region_mr = ibv_reg_mr(pd, c->region, REGION, ACCESS);
	NEED(c->region && c->region_mr);
	totals->renewed++;
}

/* Nobody can write for a moment. */
static void region_rereg(struct conn *c)
{
	int what = IBV_REREG_MR_CHANGE_ACCESS;
	int rv = ibv_rereg_mr(c->region_mr, what, NULL, NULL, 0, 0);

	if (!rv)
		rv = ibv_rereg_mr(c->region_mr, what, NULL, NULL, 0, ACCESS);
	/* the distribution's library does not know how */
	if (rv)
		region_new(c);
	else
		totals->renewed++;
}

static void answer(struct conn *c)
{
	uint32_t len = c->in.len, off = c->in.off;

	c->out = (struct msg) { .op = c->in.op };
	switch (c->in.op) {
	case OP_ECHO:
		NEED(len <= MSG_DATA);
		if (!same(c->in.data, len, c->in.seed))
			c->out.op = OP_WRONG;
		fill(c->out.data, len, c->in.seed + 1);
		c->out.len = len;
		break;
	case OP_CHECK:
		NEED(off <= REGION && len <= REGION - off);
		if (!same(c->region + off, len, c->in.seed))
			c->out.op = OP_WRONG;
		break;
	case OP_NEW:
		region_new(c);
		break;
	case OP_REREG:
		region_rereg(c);
		break;
	}
	totals->wrong += c->out.op == OP_WRONG;
	if (c->region_mr) {
		c->out.addr = (uintptr_t)c->region;
		c->out.rkey = c->region_mr->rkey;
	}
	/* they fail if the peer has gone, which the event says */
	if (!post(c))
		rdma_post_send(c->id, NULL, &c->out, MSG_HEAD + c->out.len,
			       c->mr, 0);
}

static void completions(void)
{
	struct ibv_cq *cq;
	struct ibv_wc wc;
	struct conn *c;
	void *ctx;

	NEED(!ibv_get_cq_event(done, &cq, &ctx));
	c = ctx;
	c->events++;
	NEED(!ibv_req_notify_cq(cq, 0));
	while (ibv_poll_cq(cq, 1, &wc) > 0)
		if (!wc.status && wc.opcode == IBV_WC_RECV)
			answer(c);
}

static void cm_event(void)
{
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;
	int what;

	NEED(!rdma_get_cm_event(cm, &ev));
	what = ev->event;
	id = ev->id;
	rdma_ack_cm_event(ev);
	switch (what) {
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		begin(id);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		break;
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
		totals->lost++;
		/* those that have not come about end like others */
		__attribute__((fallthrough));
	case RDMA_CM_EVENT_DISCONNECTED:
		end(id->context);
		break;
	default:
		fprintf(stderr, "server: %s\n", rdma_event_str(what));
		break;
	}
}

static void tell(int ctl, const struct rdma_cm_id *l)
{
	struct told t = { .conns = conns };
	struct conn *c;
	char what;

	if (read(ctl, &what, 1) != 1)
		_exit(0);
	if (what == POKE)
		LIST_FOREACH(c, &list, link)
			rdma_post_send(c->id, NULL, &c->out, MSG_HEAD, c->mr,
				       0);
	t.usage = usage(l->verbs);
	t.pss = pss();
	NEED(write(ctl, &t, sizeof(t)) == sizeof(t));
}

void serve(const char *addr, uint16_t port, int ctl)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons(port) };
	struct pollfd pfd[3] = { { .events = POLLIN }, { .events = POLLIN },
				 { .fd = ctl, .events = POLLIN } };
	struct rdma_cm_id *l;

	NEED(inet_pton(AF_INET, addr, &sin.sin_addr) == 1);
	cm = rdma_create_event_channel();
	NEED(cm && !rdma_create_id(cm, &l, NULL, RDMA_PS_TCP));
	NEED(!rdma_bind_addr(l, (struct sockaddr *)&sin));
	NEED(!rdma_listen(l, BACKLOG));
	for (;;) {
		pfd[0].fd = cm->fd;
		pfd[1].fd = done ? done->fd : -1;
		NEED(poll(pfd, 3, -1) > 0);
		/* a connection that ends here has no events there any more */
		if (pfd[1].revents)
			completions();
		else if (pfd[0].revents)
			cm_event();
		if (pfd[2].revents)
			tell(ctl, l);
	}
}
