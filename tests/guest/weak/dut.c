// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Our side of the tests in wire.py, whose other side is a plain socket.
 *
 *	dut ADDRESS listen	print "port N", then accept whoever comes; the
 *				private data is { STag, length, address } of a
 *				buffer, in network byte order
 *	dut ADDRESS PORT	connect to there
 *
 * Prints a line for each event and completion, and goes on until it is killed
 * (listen) or the connection has ended.
 */

#include <endian.h>

#include "weak.h"

#define PATTERN(i)	((char)((i) * 3 + 1))

struct hello {
	uint32_t stag;
	uint32_t len;
	uint64_t addr;
} __attribute__((packed));

static void hello_of(struct end *e, struct hello *hello)
{
	unsigned int i;

	for (i = 0; i < BUF_LEN; i++)
		e->buf[i] = PATTERN(i);
	hello->stag = htobe32(e->mr->rkey);
	hello->len = htobe32(BUF_LEN);
	hello->addr = htobe64((uintptr_t)e->buf);
}

/* Completions of one connection; the first four receives are 256 octets each. */
static void report(struct end *e, int nr)
{
	struct ibv_wc wc;

	while (ibv_poll_cq(e->rcq, 1, &wc) > 0)
		printf("%d recv %d %s %u\n", nr, (int)wc.wr_id,
		       ibv_wc_status_str(wc.status),
		       wc.status ? 0 : wc.byte_len);
	while (ibv_poll_cq(e->scq, 1, &wc) > 0)
		printf("%d sent %d %s\n", nr, (int)wc.wr_id,
		       ibv_wc_status_str(wc.status));
}

static void accept_one(struct end *e, struct rdma_cm_id *id)
{
	struct hello hello;
	struct rdma_conn_param param = {
		.responder_resources = 4, .initiator_depth = 4,
		.private_data = &hello, .private_data_len = sizeof(hello),
	};
	int i;

	e->id = id;
	make_qp(e, true, true, NULL);
	hello_of(e, &hello);
	for (i = 0; i < 4; i++)
		post_recv(e, i, 256);
	if (rdma_accept(id, &param))
		printf("accept: %m\n");
	id->context = e;
}

static void one_event(struct rdma_event_channel *events, struct end *ends,
		      int *count)
{
	struct rdma_cm_event *event;

	if (rdma_get_cm_event(events, &event))
		fail("rdma_get_cm_event: %m");
	printf("event %s %d\n", rdma_event_str(event->event), event->status);
	if (event->event == RDMA_CM_EVENT_CONNECT_REQUEST) {
		if (*count == 1024)
			fail("too many connections");
		accept_one(&ends[(*count)++], event->id);
	} else if (event->event == RDMA_CM_EVENT_DISCONNECTED) {
		rdma_disconnect(event->id);
	}
	rdma_ack_cm_event(event);
}

static void serve(const char *addr)
{
	struct end *ends = calloc(1024, sizeof(*ends));
	struct ends e = {};
	struct pollfd p;
	int i, count = 0;

	start_listener(&e, addr);
	printf("port %d\n", ntohs(rdma_get_src_port(e.listener)));
	p = (struct pollfd) { .fd = e.events->fd, .events = POLLIN };
	for (;;) {
		if (poll(&p, 1, 5) == 1)
			one_event(e.events, ends, &count);
		for (i = 0; i < count; i++)
			report(&ends[i], i);
	}
}

/* What a client does once it is connected: a message that can be recognised. */
static void greet(struct end *e)
{
	memset(e->buf, 'g', 64);
	if (post(e, IBV_WR_SEND, 9, 0, 64, 0, 0))
		printf("post: %m\n");
}

static void call(const char *addr, uint16_t port)
{
	struct rdma_conn_param param = {
		.responder_resources = 4, .initiator_depth = 4,
		.private_data = "dut", .private_data_len = 4,
	};
	struct end *a = calloc(1, sizeof(*a));
	struct rdma_cm_event *event;
	struct sockaddr_storage to;
	enum rdma_cm_event_type type;
	struct pollfd p;

	a->events = rdma_create_event_channel();
	need(a->events && !rdma_create_id(a->events, &a->id, NULL, RDMA_PS_TCP),
	     "rdma_create_id: %m");
	make_address(addr, &to, port);
	need(!rdma_resolve_addr(a->id, NULL, (void *)&to, 2000), "resolve: %m");
	cm_event(a->events, RDMA_CM_EVENT_ADDR_RESOLVED, NULL, NULL);
	need(!rdma_resolve_route(a->id, 2000), "rdma_resolve_route: %m");
	cm_event(a->events, RDMA_CM_EVENT_ROUTE_RESOLVED, NULL, NULL);
	make_qp(a, true, true, NULL);
	need(!post_recv(a, 1, 256), "post_recv");
	if (rdma_connect(a->id, &param)) {
		printf("event connect %d\n", -errno);
		return;
	}
	p = (struct pollfd) { .fd = a->events->fd, .events = POLLIN };
	for (;;) {
		report(a, 0);
		if (poll(&p, 1, 5) != 1)
			continue;
		need(!rdma_get_cm_event(a->events, &event), "get_cm_event");
		type = event->event;
		printf("event %s %d pd %d\n", rdma_event_str(type),
		       event->status, event->param.conn.private_data_len);
		rdma_ack_cm_event(event);
		if (type != RDMA_CM_EVENT_ESTABLISHED)
			break;
		greet(a);
	}
	usleep(20000);
	report(a, 0);
	rdma_disconnect(a->id);
	free_end(a);
	printf("end\n");
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3)
		return 2;
	if (!strcmp(argv[2], "listen"))
		serve(argv[1]);
	else
		call(argv[1], atoi(argv[2]));
	return 0;
}
