// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Queues: what completes, when, and who hears of it (peers.md B.2: 9, 10, 18,
 * 19, 21).
 */

#include "weak.h"

/* Does the completion channel say something within @ms? */
static bool notified(struct end *e, int ms)
{
	struct pollfd p = { .fd = e->channel->fd, .events = POLLIN };
	struct ibv_cq *cq;
	void *context;

	if (poll(&p, 1, ms) != 1)
		return false;
	need(!ibv_get_cq_event(e->channel, &cq, &context), "ibv_get_cq_event");
	ibv_ack_cq_events(cq, 1);
	return true;
}

static void post_solicited(struct end *e, uint64_t wr_id)
{
	struct ibv_sge sge = { (uintptr_t)e->buf, 8, e->mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.wr_id = wr_id, .sg_list = &sge, .num_sge = 1,
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED | IBV_SEND_SOLICITED,
	};

	need(!ibv_post_send(e->qp, &wr, &bad), "ibv_post_send");
}

static void solicited(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	need(!post_recv(&e.b, 1, 64) && !post_recv(&e.b, 2, 64), "post_recv");
	need(!ibv_req_notify_cq(e.b.rcq, 1), "ibv_req_notify_cq");
	need(!post(&e.a, IBV_WR_SEND, 1, 0, 8, 0, 0), "ibv_post_send");
	expect(e.b.rcq, IBV_WC_SUCCESS, 1);
	need(!notified(&e.b, 200), "an unsolicited message notifies");
	post_solicited(&e.a, 2);
	need(notified(&e.b, 2000), "a solicited message does not notify");
	expect(e.b.rcq, IBV_WC_SUCCESS, 2);
}

/* An error is worth an event, whatever the arming. */
static void solicited_error(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	need(!post_recv(&e.b, 1, 64), "post_recv");
	need(!ibv_req_notify_cq(e.b.rcq, 1), "ibv_req_notify_cq");
	rdma_disconnect(e.a.id);
	need(notified(&e.b, 2000), "a flushed receive does not notify");
	expect(e.b.rcq, IBV_WC_WR_FLUSH_ERR, 1);
}

static void armed_for_all(const char *addr)
{
	struct ends e = {};
	int i;

	connect_ends(&e, addr, NULL);
	for (i = 0; i < 50; i++) {
		need(!post_recv(&e.b, i, 64), "post_recv");
		need(!ibv_req_notify_cq(e.b.rcq, 0), "ibv_req_notify_cq");
		need(!post(&e.a, IBV_WR_SEND, i, 0, 8, 0, 0), "ibv_post_send");
		need(notified(&e.b, 2000), "message %d does not notify", i);
		expect(e.b.rcq, IBV_WC_SUCCESS, i);
		expect(e.a.scq, IBV_WC_SUCCESS, i);
	}
	need(!notified(&e.b, 100), "an event without arming");
}

static void to_error(struct end *e)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_ERR };

	need(!ibv_modify_qp(e->qp, &attr, IBV_QP_STATE), "to ERROR: %m");
}

/* What was posted before the error, and what comes later, is flushed. */
static void flush_recv(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	need(!post_recv(&e.b, 1, 64) && !post_recv(&e.b, 2, 64), "post_recv");
	to_error(&e.b);
	expect(e.b.rcq, IBV_WC_WR_FLUSH_ERR, 1);
	expect(e.b.rcq, IBV_WC_WR_FLUSH_ERR, 2);
	need(!post_recv(&e.b, 3, 64), "post_recv in ERROR");
	expect(e.b.rcq, IBV_WC_WR_FLUSH_ERR, 3);
}

static void flush_send(const char *addr)
{
	struct ends e = {};

	connect_ends(&e, addr, NULL);
	to_error(&e.a);
	need(!post(&e.a, IBV_WR_SEND, 3, 0, 8, 0, 0), "post_send in ERROR");
	expect(e.a.scq, IBV_WC_WR_FLUSH_ERR, 3);
	need(!post(&e.a, IBV_WR_SEND, 4, 0, 8, 0, 0), "post_send in ERROR");
	expect(e.a.scq, IBV_WC_WR_FLUSH_ERR, 4);
}

/* The idiom of storage programs: disconnect, post a last one, wait for it. */
static void drain(const char *addr)
{
	struct ends e = {};
	int i;

	connect_ends(&e, addr, NULL);
	for (i = 0; i < 10; i++)
		need(!post_recv(&e.b, i, 64), "post_recv");
	rdma_disconnect(e.a.id);
	cm_event(e.b.events, RDMA_CM_EVENT_DISCONNECTED, NULL, NULL);
	need(!post_recv(&e.b, 10, 64), "post_recv");
	need(!post(&e.b, IBV_WR_SEND, 11, 0, 8, 0, 0), "post_send");
	for (i = 0; i < 11; i++)
		expect(e.b.rcq, IBV_WC_WR_FLUSH_ERR, i);
	expect(e.b.scq, IBV_WC_WR_FLUSH_ERR, 11);
}

/* Reads that wait for an answer when the connection ends. */
static void flush_reads(const char *addr)
{
	struct ends e = {};
	struct ibv_wc wc;
	int i;

	connect_ends(&e, addr, NULL);
	for (i = 0; i < 32; i++)
		need(!post(&e.a, IBV_WR_RDMA_READ, i, 0, BUF_LEN,
			   (uintptr_t)e.b.buf, e.b.mr->rkey), "post_send");
	to_error(&e.b);
	for (i = 0; i < 32; i++) {
		need(completion(e.a.scq, &wc, PATIENCE), "no completion %d", i);
		need(wc.wr_id == (uint64_t)i, "%d comes as %d", i,
		     (int)wc.wr_id);
	}
}

/* A first message right behind the reply, and nothing after it (B.2-21). */
static void first_message(const char *addr)
{
	struct ends e = {};
	struct how how = { .post_recv = true };
	struct rdma_conn_param param = {
		.responder_resources = 1, .initiator_depth = 1,
	};
	int i;

	start_listener(&e, addr);
	for (i = 0; i < 30; i++) {
		make_a(&e, addr);
		need(!rdma_connect(e.a.id, &param), "rdma_connect: %m");
		accept_b(&e, &how);
		cm_event(e.a.events, RDMA_CM_EVENT_ESTABLISHED, NULL, NULL);
		need(!post(&e.a, IBV_WR_SEND, 1, 0, i & 1 ? 60000 : 4, 0, 0),
		     "ibv_post_send");
		expect(e.b.rcq, IBV_WC_SUCCESS, 1);
		cm_event(e.b.events, RDMA_CM_EVENT_ESTABLISHED, NULL, NULL);
		rdma_disconnect(e.a.id);
		free_ends(&e);
	}
}

/* Both ends send as much as they can, without a pause. */
static void both_ways(const char *addr)
{
	struct ends e = {};
	struct ibv_wc wc;
	int i, round;

	connect_ends(&e, addr, NULL);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 16; i++) {
			need(!post_recv(&e.a, i, BUF_LEN) &&
			     !post_recv(&e.b, i, BUF_LEN), "post_recv");
		}
		for (i = 0; i < 16; i++) {
			need(!post(&e.a, IBV_WR_SEND, i, 0, BUF_LEN, 0, 0) &&
			     !post(&e.b, IBV_WR_SEND, i, 0, BUF_LEN, 0, 0),
			     "post_send");
		}
		for (i = 0; i < 16; i++) {
			expect(e.a.rcq, IBV_WC_SUCCESS, i);
			expect(e.b.rcq, IBV_WC_SUCCESS, i);
			expect(e.a.scq, IBV_WC_SUCCESS, i);
			expect(e.b.scq, IBV_WC_SUCCESS, i);
		}
	}
	need(!completion(e.a.scq, &wc, 10), "one completion too many");
}

/* Access flags are changed while data moves: nothing may get stuck (B.2-18). */
static void modify_busy(const char *addr)
{
	struct ibv_qp_attr attr = {
		.qp_access_flags = IBV_ACCESS_REMOTE_READ |
				   IBV_ACCESS_REMOTE_WRITE,
	};
	struct ends e = {};
	int i, j;

	connect_ends(&e, addr, NULL);
	for (i = 0; i < 100; i++) {
		for (j = 0; j < 4; j++)
			need(!post(&e.a, IBV_WR_RDMA_READ, j, 0, 8192,
				   (uintptr_t)e.b.buf, e.b.mr->rkey),
			     "post_send");
		need(!ibv_modify_qp(e.b.qp, &attr, IBV_QP_ACCESS_FLAGS) &&
		     !ibv_modify_qp(e.a.qp, &attr, IBV_QP_ACCESS_FLAGS),
		     "cannot set access flags: %m");
		for (j = 0; j < 4; j++)
			expect(e.a.scq, IBV_WC_SUCCESS, j);
	}
}

static void srq_limit(const char *addr)
{
	struct ibv_srq_attr attr = { .srq_limit = 3 };
	struct ibv_async_event event;
	struct ibv_recv_wr *bad;
	struct ends e = {};
	struct pollfd p;
	struct ibv_srq *srq;
	struct how how = { .srq = &srq };
	int i;

	connect_ends(&e, addr, &how);
	for (i = 0; i < 5; i++) {
		struct ibv_sge sge = { (uintptr_t)e.b.buf, 64, e.b.mr->lkey };
		struct ibv_recv_wr wr = {
			.wr_id = i, .sg_list = &sge, .num_sge = 1,
		};

		need(!ibv_post_srq_recv(srq, &wr, &bad), "post_srq_recv");
	}
	need(!ibv_modify_srq(srq, &attr, IBV_SRQ_LIMIT), "ibv_modify_srq: %m");
	for (i = 0; i < 4; i++) {
		need(!post(&e.a, IBV_WR_SEND, i, 0, 8, 0, 0), "ibv_post_send");
		expect(e.b.rcq, IBV_WC_SUCCESS, i);
	}
	p = (struct pollfd) { e.b.id->verbs->async_fd, POLLIN, 0 };
	need(poll(&p, 1, 2000) == 1, "no event at the limit");
	need(!ibv_get_async_event(e.b.id->verbs, &event), "ibv_get_async_event");
	need(event.event_type == IBV_EVENT_SRQ_LIMIT_REACHED, "event %d",
	     event.event_type);
	ibv_ack_async_event(&event);
}

/* An error at the other end reaches the program as an event, too. */
static void async_event(const char *addr)
{
	struct ibv_async_event event;
	struct ends e = {};
	struct pollfd p;

	connect_ends(&e, addr, NULL);
	need(!post(&e.a, IBV_WR_RDMA_WRITE, 1, 0, 8, 0, 0x12345678),
	     "ibv_post_send");
	expect_broken(&e.a);
	p = (struct pollfd) { e.a.id->verbs->async_fd, POLLIN, 0 };
	need(poll(&p, 1, 2000) == 1, "no event");
	need(!ibv_get_async_event(e.a.id->verbs, &event), "ibv_get_async_event");
	need(event.event_type == IBV_EVENT_QP_FATAL ||
	     event.event_type == IBV_EVENT_QP_ACCESS_ERR ||
	     event.event_type == IBV_EVENT_QP_REQ_ERR, "event '%s'",
	     ibv_event_type_str(event.event_type));
	ibv_ack_async_event(&event);
}

static const struct test tests[] = {
	{ "solicited", solicited },
	{ "solicited-error", solicited_error },
	{ "armed-for-all", armed_for_all },
	{ "flush-recv", flush_recv },
	{ "flush-send", flush_send },
	{ "flush-reads", flush_reads },
	{ "drain", drain },
	{ "first-message", first_message },
	{ "both-ways", both_ways },
	{ "modify-busy", modify_busy },
	{ "srq-limit", srq_limit },
	{ "async-event", async_event },
	{ }
};

int main(int argc, char **argv)
{
	return run_test(tests, argc, argv);
}
