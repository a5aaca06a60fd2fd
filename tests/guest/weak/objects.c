// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Objects and connections: what can be made, what is said about it (peers.md
 * A.2, B.2: 6, 23, 30; the mapping key 0x90000).
 */

#include <signal.h>

#include "weak.h"

static void query_after_init(const char *addr)
{
	struct ends e = {};

	start_listener(&e, addr);
	make_a(&e, addr);
	need(qp_state(e.a.qp) == IBV_QPS_INIT, "state %d after INIT",
	     qp_state(e.a.qp));
}

static void query_rts(const char *addr)
{
	const struct how how = {
		.a_ord = 3, .a_ird = 5, .b_ord = 5, .b_ird = 3,
	};
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;
	struct ends e = {};
	int all = IBV_QP_STATE | IBV_QP_CAP | IBV_QP_MAX_QP_RD_ATOMIC |
		  IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_ACCESS_FLAGS;

	connect_ends(&e, addr, &how);
	need(!ibv_query_qp(e.a.qp, &attr, all, &init), "ibv_query_qp");
	need(attr.qp_state == IBV_QPS_RTS, "state %d", attr.qp_state);
	need(attr.cap.max_send_wr >= 64 && attr.cap.max_recv_wr >= 16,
	     "%d and %d WRs", attr.cap.max_send_wr, attr.cap.max_recv_wr);
	need(attr.max_rd_atomic == 3, "max_rd_atomic %d of 3",
	     attr.max_rd_atomic);
	need(attr.max_dest_rd_atomic >= 5, "max_dest_rd_atomic %d of 5",
	     attr.max_dest_rd_atomic);
	attr.qp_access_flags = IBV_ACCESS_REMOTE_READ;
	need(!ibv_modify_qp(e.a.qp, &attr, IBV_QP_ACCESS_FLAGS), "modify: %m");
	need(!ibv_query_qp(e.a.qp, &attr, all, &init), "ibv_query_qp");
	need(!(attr.qp_access_flags & IBV_ACCESS_REMOTE_WRITE),
	     "access flags %#x after the write right went",
	     attr.qp_access_flags);
}

static void no_send_queue(const char *addr)
{
	const struct how how = { .no_sq = true };
	struct ends e = {};

	connect_ends(&e, addr, &how);
	need(!post_recv(&e.b, 1, 64), "ibv_post_recv");
	need(!post(&e.a, IBV_WR_SEND, 1, 0, 8, 0, 0), "ibv_post_send");
	expect(e.b.rcq, IBV_WC_SUCCESS, 1);
	need(!post(&e.a, IBV_WR_RDMA_READ, 2, 0, 8, (uintptr_t)e.b.buf,
		   e.b.mr->rkey), "ibv_post_send");
	expect(e.a.scq, IBV_WC_SUCCESS, 1);
	expect(e.a.scq, IBV_WC_SUCCESS, 2);
}

static void no_recv_queue(const char *addr)
{
	const struct how how = { .no_rq = true };
	struct ends e = {};

	connect_ends(&e, addr, &how);
	need(!post_recv(&e.a, 1, 64), "ibv_post_recv");
	need(!post(&e.b, IBV_WR_SEND, 1, 0, 8, 0, 0), "ibv_post_send");
	expect(e.a.rcq, IBV_WC_SUCCESS, 1);
}

static void gid(const char *addr)
{
	struct ends e = {};
	union ibv_gid gid;

	start_listener(&e, addr);
	make_a(&e, addr);
	need(!ibv_query_gid(e.a.id->verbs, 1, 0, &gid), "ibv_query_gid");
	need(gid.global.subnet_prefix || gid.global.interface_id,
	     "the GID is zero");
	need(gid.global.interface_id, "the GID's low half is zero");
	need(ibv_get_device_guid(e.a.id->verbs->device), "the GUID is zero");
}

/* In one process more connections than mappings fit below key 0x90000. */
static void many_connections(const char *addr)
{
	struct ends *e = calloc(200, sizeof(*e));
	int i;

	start_listener(e, addr);
	for (i = 0; i < 200; i++) {
		e[i].events = e->events;
		e[i].listener = e->listener;
		connect_ends(&e[i], addr, NULL);
		need(!post(&e[i].a, IBV_WR_RDMA_WRITE, i, 0, 64,
			   (uintptr_t)e[i].b.buf, e[i].b.mr->rkey),
		     "ibv_post_send %d", i);
		expect(e[i].a.scq, IBV_WC_SUCCESS, i);
	}
}

/* Private data of all lengths, both ways; too long is refused, not cut. */
static void private_data(const char *addr)
{
	static const int lens[] = { 0, 1, 3, 4, 100, 196, 250, 251, 252, 255 };
	struct ends e = {};
	char data[256];
	struct how how = { .a_data = data, .b_data = data };
	unsigned int i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = i * 5 + 1;
	for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		how.a_data_len = lens[i];
		how.b_data_len = lens[i];
		connect_ends(&e, addr, &how);
		need(e.b.pd_len >= lens[i] &&
		     !memcmp(e.b.private_data, data, lens[i]),
		     "%d octets of the initiator's arrive as %d", lens[i],
		     e.b.pd_len);
		need(e.a.pd_len >= lens[i] &&
		     !memcmp(e.a.private_data, data, lens[i]),
		     "%d octets of the responder's arrive as %d", lens[i],
		     e.a.pd_len);
		free_ends(&e);
	}
}

static void reject(const char *addr)
{
	struct rdma_conn_param param = { .private_data = "hi",
					 .private_data_len = 3 };
	struct rdma_cm_id *id;
	struct ends e = {};

	start_listener(&e, addr);
	make_a(&e, addr);
	need(!rdma_connect(e.a.id, &param), "rdma_connect: %m");
	cm_event(e.events, RDMA_CM_EVENT_CONNECT_REQUEST, &id, NULL);
	need(!rdma_reject(id, "no!", 4), "rdma_reject: %m");
	cm_event(e.a.events, RDMA_CM_EVENT_REJECTED, NULL, &e.a);
	need(e.a.pd_len >= 4 && !strcmp(e.a.private_data, "no!"),
	     "the reason does not arrive (%d octets)", e.a.pd_len);
}

/* A signal that waits is still there after a connect (B.2-23). */
static void connect_next(struct ends *e, uint8_t number)
{
	struct rdma_conn_param param = {
		.private_data = &number, .private_data_len = 1,
	};

	need(!rdma_connect(e->a.id, &param), "rdma_connect: %m");
}

static void refuse_next(struct ends *e, uint8_t number)
{
	cm_event(e->events, RDMA_CM_EVENT_CONNECT_REQUEST, &e->b.id, &e->b);
	need(e->b.pd_len && (uint8_t)e->b.private_data[0] == number,
	     "request %u is the one that was made as number %u", number,
	     (uint8_t)e->b.private_data[0]);
	need(!rdma_reject(e->b.id, NULL, 0), "rdma_reject: %m");
	rdma_destroy_id(e->b.id);
}

/* Programs pair their queue pairs by the order of the requests. */
static void request_order(const char *addr)
{
	struct ends first = {}, e[8];
	int round, i;

	start_listener(&first, addr);
	for (round = 0; round < 25; round++) {
		for (i = 0; i < 8; i++) {
			e[i] = first;
			make_a(&e[i], addr);
		}
		for (i = 0; i < 8; i++)
			connect_next(&e[i], i);
		for (i = 0; i < 8; i++)
			refuse_next(&e[i], i);
		for (i = 0; i < 8; i++) {
			cm_event(e[i].a.events, RDMA_CM_EVENT_REJECTED, NULL,
				 NULL);
			free_end(&e[i].a);
		}
	}
}

static void signals(const char *addr)
{
	struct ends e = {};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	connect_ends(&e, addr, NULL);
	sigpending(&set);
	need(sigismember(&set, SIGUSR1), "the signal is lost");
}

/* A peer that goes away silently is noticed in the end (B.2-30). */
static void keepalive(const char *addr)
{
	struct ends e = {};
	char cmd[200];

	connect_ends(&e, addr, NULL);
	snprintf(cmd, sizeof(cmd),
		 "ss -tnoH sport = :%d or dport = :%d | tee /dev/stderr | "
		 "grep -q keepalive", ntohs(rdma_get_src_port(e.listener)),
		 ntohs(rdma_get_src_port(e.listener)));
	need(!system(cmd), "no keepalive timer runs");
}

/* A graceful end loses nothing that was sent (the stream's tail). */
static void tail(const char *addr)
{
	struct ends e = {};
	int i, round;

	for (round = 0; round < 20; round++) {
		connect_ends(&e, addr, NULL);
		for (i = 0; i < 16; i++)
			need(!post_recv(&e.b, i, BUF_LEN), "post_recv");
		for (i = 0; i < 16; i++)
			need(!post(&e.a, IBV_WR_SEND, i, 0, BUF_LEN, 0, 0),
			     "post_send");
		need(!rdma_disconnect(e.a.id), "rdma_disconnect: %m");
		for (i = 0; i < 16; i++)
			expect(e.b.rcq, IBV_WC_SUCCESS, i);
		cm_event(e.b.events, RDMA_CM_EVENT_DISCONNECTED, NULL, NULL);
		cm_event(e.a.events, RDMA_CM_EVENT_DISCONNECTED, NULL, NULL);
		free_ends(&e);
	}
}

/* async_event() - the next one of the device, within @ms; or NULL */
static struct ibv_qp *async_event(struct ibv_context *ctx,
				  enum ibv_event_type type, int ms)
{
	struct pollfd p = { .fd = ctx->async_fd, .events = POLLIN };
	struct ibv_async_event ev;

	if (poll(&p, 1, ms) != 1)
		return NULL;
	need(!ibv_get_async_event(ctx, &ev), "ibv_get_async_event: %m");
	need(ev.event_type == type, "event '%s'",
	     ibv_event_type_str(ev.event_type));
	ibv_ack_async_event(&ev);
	return ev.element.qp;
}

/* That the send queue is empty is told to who asked for it, and nobody else:
 * kernel clients log what they do not expect.
 */
static void drained(const char *addr)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_SQD, .en_sqd_async_notify = 1,
	};
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	need(!rdma_disconnect(e.a.id), "rdma_disconnect: %m");
	cm_event(e.b.events, RDMA_CM_EVENT_DISCONNECTED, NULL, NULL);
	need(!async_event(e.a.id->verbs, IBV_EVENT_SQ_DRAINED, 200),
	     "an event that nobody asked for");
	free_ends(&e);
	connect_ends(&e, addr, NULL);
	need(!ibv_modify_qp(e.a.qp, &attr, IBV_QP_STATE |
			    IBV_QP_EN_SQD_ASYNC_NOTIFY), "ibv_modify_qp: %m");
	need(async_event(e.a.id->verbs, IBV_EVENT_SQ_DRAINED, PATIENCE) ==
	     e.a.qp, "no event");
	need(!async_event(e.a.id->verbs, IBV_EVENT_SQ_DRAINED, 200),
	     "the other end has one, too");
}

static const struct test tests[] = {
	{ "query-after-init", query_after_init },
	{ "query-rts", query_rts },
	{ "no-send-queue", no_send_queue },
	{ "no-recv-queue", no_recv_queue },
	{ "gid", gid },
	{ "many-connections", many_connections },
	{ "private-data", private_data },
	{ "reject", reject },
	{ "request-order", request_order },
	{ "signals", signals },
	{ "keepalive", keepalive },
	{ "tail", tail },
	{ "drained", drained },
	{ }
};

int main(int argc, char **argv)
{
	return run_test(tests, argc, argv);
}
