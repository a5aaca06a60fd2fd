// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Many queue pairs at once, and many connections: what each takes in this process
 * (one CQ, one registered buffer and one identifier's channel for all), and in
 * the server, where each has a CQ and a message buffer of its own.
 */
#include <stddef.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <rdma/rdma_cma.h>
#include <rdma/rdma_verbs.h>

#include "soak.h"

#define TIMEOUT_MS	5000

static struct msg *in, *out;
static struct ibv_mr *in_mr, *out_mr;
static struct rdma_event_channel *cm;
static struct ibv_cq *cq;

static int event(enum rdma_cm_event_type want)
{
	struct rdma_cm_event *ev;
	enum rdma_cm_event_type got;

	NEED(!rdma_get_cm_event(cm, &ev));
	got = ev->event;
	rdma_ack_cm_event(ev);
	if (got != want)
		fprintf(stderr, "%s, not %s\n", rdma_event_str(got),
			rdma_event_str(want));
	return got == want;
}

static struct rdma_cm_id *resolved(const char *addr, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons(port) };
	struct rdma_cm_id *id;

	NEED(inet_pton(AF_INET, addr, &sin.sin_addr) == 1);
	NEED(!rdma_create_id(cm, &id, NULL, RDMA_PS_TCP));
	NEED(!rdma_resolve_addr(id, NULL, (struct sockaddr *)&sin, TIMEOUT_MS));
	NEED(event(RDMA_CM_EVENT_ADDR_RESOLVED));
	NEED(!rdma_resolve_route(id, TIMEOUT_MS));
	NEED(event(RDMA_CM_EVENT_ROUTE_RESOLVED));
	return id;
}

static void prepare(struct rdma_cm_id *id)
{
	cq = ibv_create_cq(id->verbs, 16, NULL, NULL, 0);
	in = calloc(1, sizeof(*in));
	out = calloc(1, sizeof(*out));
	NEED(cq && in && out);
	in_mr = rdma_reg_msgs(id, in, sizeof(*in));
	out_mr = rdma_reg_msgs(id, out, sizeof(*out));
	NEED(in_mr && out_mr);
}

static int connect_to(struct rdma_cm_id *id)
{
	struct rdma_conn_param param = { .initiator_depth = 1,
					 .responder_resources = 1 };

	return !rdma_connect(id, &param) && event(RDMA_CM_EVENT_ESTABLISHED);
}

/* One message there and back; both ends busy-wait for nothing longer than that. */
static int exchange(struct rdma_cm_id *id, uint32_t seed)
{
	struct ibv_wc wc;
	int n = 0;

	*out = (struct msg) { .op = OP_ECHO, .seed = seed, .len = MSG_DATA };
	fill(out->data, MSG_DATA, seed);
	if (rdma_post_recv(id, NULL, in, sizeof(*in), in_mr) ||
	    rdma_post_send(id, NULL, out, sizeof(*out), out_mr, 0))
		return 0;
	while (n < 2) {
		if (ibv_poll_cq(cq, 1, &wc) != 1) {
			usleep(50);
			continue;
		}
		if (wc.status)
			return 0;
		n++;
	}
	totals->requests++;
	return same(in->data, MSG_DATA, seed + 1);
}

struct told ask(int ctl, char what)
{
	struct told t;

	NEED(write(ctl, &what, 1) == 1);
	NEED(read(ctl, &t, sizeof(t)) == sizeof(t));
	return t;
}

int many(const char *addr, uint16_t port, int n, int ctl)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 4, .max_recv_wr = 4,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC, .sq_sig_all = 1,
	};
	struct rdma_cm_id **ids = calloc(n, sizeof(void *));
	struct told before = ask(ctl, ASK), with;
	unsigned long start, idle, up;
	int i, bad = 0;

	NEED(ids && (cm = rdma_create_event_channel()));
	for (i = 0; i < n; i++) {
		ids[i] = resolved(addr, port);
		if (!i)
			prepare(ids[i]);
	}
	attr.send_cq = cq;
	attr.recv_cq = cq;
	start = pss();
	for (i = 0; i < n; i++)
		NEED(!rdma_create_qp(ids[i], ids[0]->pd, &attr));
	idle = pss();
	for (i = 0; i < n; i++)
		if (!connect_to(ids[i]))
			bad++;
	up = pss();
	with = ask(ctl, ASK);
	printf("%d connections, %d failed; octets: %lu an idle QP, "
	       "%lu more a connection; server: %lu a connection, "
	       "with a CQ and %zu of buffers\n", n, bad, (idle - start) / n,
	       (up - idle) / n, (with.pss - before.pss) / n,
	       2 * sizeof(struct msg));
	for (i = 0; i < n && !bad; i++)
		bad += !exchange(ids[i], i);
	for (i = 0; i < n; i++) {
		rdma_disconnect(ids[i]);
		rdma_destroy_qp(ids[i]);
		NEED(!rdma_destroy_id(ids[i]));
	}
	totals->connections += n - bad;
	if (bad)
		printf("%d without data\n", bad);
	return bad;
}
