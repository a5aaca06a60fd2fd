// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Our side of tests whose other side is a plain socket: those in wire.py, and
 * the conformance suite.
 *
 *	dut ADDRESS listen	print "port N", then accept whoever comes; the
 *				private data is { STag, length, address } of a
 *				buffer, in network byte order
 *	dut ADDRESS PORT	connect to there, send a greeting, and end with
 *				the connection
 *	dut ADDRESS commands	do what standard input says, see commands[]
 *
 * Prints a line for each event and completion; connections are counted from 0
 * in the order in which they came. A command is answered by one line that
 * begins with "= ".
 */

#define _GNU_SOURCE
#include <endian.h>

#include "dut_mem.h"

#define CANARY		0xca
#define GUARD		4096u	/* octets of canaries on both sides of a slot */
#define MAX_ENDS	8192
#define MAX_SLOTS	64

struct hello {
	uint32_t stag;
	uint32_t len;
	uint64_t addr;
} __attribute__((packed));

enum answer { ACCEPT, REJECT, WAIT };

static struct {
	const char *addr;
	struct ends at;			/* listener, event channel */
	struct end *ends;
	int count;
	struct slot slots[MAX_SLOTS];
	struct ibv_context *verbs;	/* whose asynchronous events we read */
	bool greets;			/* and ends with the connection */
	/* what "set" changes */
	int answer, hello, recvs, recv_len, repost, ird, ord, cq, deaf, reap;
	char pd[256];
	unsigned int pd_len;
} dut = {
	.hello = 1, .recvs = 4, .recv_len = 256, .ird = 4, .ord = 4,
	.cq = 200, .deaf = -1,
};

static void hello_of(struct end *e, struct hello *hello)
{
	unsigned int i;

	for (i = 0; i < BUF_LEN; i++)
		e->buf[i] = PATTERN(i);
	hello->stag = htobe32(e->mr->rkey);
	hello->len = htobe32(BUF_LEN);
	hello->addr = htobe64((uintptr_t)e->buf);
}

/* Completions of one connection. */
static void report(struct end *e, int nr)
{
	struct ibv_cq *cq;
	struct ibv_wc wc;
	void *context;
	struct pollfd p = { .fd = e->channel->fd, .events = POLLIN };

	while (ibv_poll_cq(e->rcq, 1, &wc) > 0) {
		/* first, as whoever reads the line may go on at once */
		if (dut.repost && !wc.status)
			post_recv(e, wc.wr_id, dut.recv_len);
		printf("%d recv %d %s %u\n", nr, (int)wc.wr_id,
		       ibv_wc_status_str(wc.status),
		       wc.status ? 0 : wc.byte_len);
	}
	while (ibv_poll_cq(e->scq, 1, &wc) > 0)
		printf("%d sent %d %s\n", nr, (int)wc.wr_id,
		       ibv_wc_status_str(wc.status));
	if (poll(&p, 1, 0) == 1 &&
	    !ibv_get_cq_event(e->channel, &cq, &context)) {
		ibv_ack_cq_events(cq, 1);
		printf("%d notified\n", nr);
	}
}

static void async_event(void)
{
	struct ibv_async_event event;
	int i;

	if (ibv_get_async_event(dut.verbs, &event))
		return;
	for (i = 0; i < dut.count; i++)
		if (dut.ends[i].qp == event.element.qp)
			break;
	printf("async %s %d\n", ibv_event_type_str(event.event_type), i);
	ibv_ack_async_event(&event);
}

/* --- connections -------------------------------------------------------- */

static struct end *new_end(struct rdma_cm_id *id)
{
	struct end *e = &dut.ends[dut.count];

	if (dut.count == MAX_ENDS)
		fail("too many connections");
	dut.count++;
	e->id = id;
	e->events = dut.at.events;
	id->context = e;
	return e;
}

static void prepare(struct end *e, struct rdma_conn_param *param,
		    struct hello *hello)
{
	int i;

	cq_len = dut.cq;
	make_qp(e, true, true, NULL);
	dut.verbs = e->id->verbs;
	hello_of(e, hello);
	for (i = 0; i < dut.recvs; i++)
		post_recv(e, i, dut.recv_len);
	*param = (struct rdma_conn_param) {
		.responder_resources = dut.ird, .initiator_depth = dut.ord,
		.private_data = dut.hello ? (void *)hello : dut.pd,
		.private_data_len = dut.hello ? sizeof(*hello) : dut.pd_len,
	};
}

static void accept_one(struct end *e)
{
	struct rdma_conn_param param;
	struct hello hello;

	prepare(e, &param, &hello);
	if (rdma_accept(e->id, &param))
		printf("accept: %m\n");
}

static void connect_one(struct end *e)
{
	static const char mine[4] = "dut";
	struct rdma_conn_param param;
	struct hello hello;

	prepare(e, &param, &hello);
	if (dut.greets) {
		param.private_data = mine;
		param.private_data_len = sizeof(mine);
	}
	if (!rdma_connect(e->id, &param))
		return;
	printf("event connect %d\n", -errno);
	if (dut.greets)
		exit(0);
}

static void call(uint16_t port)
{
	struct sockaddr_storage to;
	struct rdma_cm_id *id;

	need(!rdma_create_id(dut.at.events, &id, NULL, RDMA_PS_TCP),
	     "rdma_create_id: %m");
	new_end(id);
	make_address(dut.addr, &to, port);
	need(!rdma_resolve_addr(id, NULL, (void *)&to, 2000), "resolve: %m");
}

/* What a client does once it is connected: a message that can be recognised. */
static void greet(struct end *e)
{
	memset(e->buf, 'g', 64);
	if (post(e, IBV_WR_SEND, 9, 0, 64, 0, 0))
		printf("post: %m\n");
}

static void finish(struct end *e)
{
	usleep(20000);
	report(e, 0);
	rdma_disconnect(e->id);
	free_end(e);
	printf("end\n");
	exit(0);
}

static void hex(const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len--)
		printf("%02x", *p++);
	printf("\n");
}

static void print_event(const struct rdma_cm_event *event)
{
	const struct rdma_conn_param *c = &event->param.conn;
	const struct end *e = event->id->context;

	printf("event %s %d pd %d conn %d ird %d ord %d data ",
	       rdma_event_str(event->event), event->status, c->private_data_len,
	       e ? (int)(e - dut.ends) : -1, c->responder_resources,
	       c->initiator_depth);
	hex(c->private_data, c->private_data ? c->private_data_len : 0);
}

static void request(struct rdma_cm_event *event)
{
	struct end *e = new_end(event->id);

	print_event(event);
	if (dut.answer == ACCEPT)
		accept_one(e);
	else if (dut.answer == REJECT && rdma_reject(e->id, dut.pd, dut.pd_len))
		printf("reject: %m\n");
}

/* Nobody will ask for a connection that is over. */
static void reap(struct end *e)
{
	report(e, (int)(e - dut.ends));
	free_objects(e);
	memset(e, 0, sizeof(*e));
}

static void one_event(void)
{
	struct rdma_cm_event *event;
	enum rdma_cm_event_type type;
	struct rdma_cm_id *id;

	if (rdma_get_cm_event(dut.at.events, &event))
		fail("rdma_get_cm_event: %m");
	type = event->event;
	id = event->id;
	if (type == RDMA_CM_EVENT_CONNECT_REQUEST)
		request(event);
	else if (type != RDMA_CM_EVENT_ADDR_RESOLVED &&
		 type != RDMA_CM_EVENT_ROUTE_RESOLVED)
		print_event(event);
	rdma_ack_cm_event(event);
	if (type == RDMA_CM_EVENT_ADDR_RESOLVED)
		need(!rdma_resolve_route(id, 2000), "rdma_resolve_route: %m");
	else if (type == RDMA_CM_EVENT_ROUTE_RESOLVED)
		connect_one(id->context);
	else if (dut.greets && type == RDMA_CM_EVENT_ESTABLISHED)
		greet(id->context);
	else if (dut.greets)
		finish(id->context);
	else if (type == RDMA_CM_EVENT_DISCONNECTED && dut.reap)
		reap(id->context);
	else if (type == RDMA_CM_EVENT_DISCONNECTED)
		rdma_disconnect(id);
}

/* --- commands: all arguments are numbers, but for names and octets ------- */

static struct end *end_of(int nr)
{
	static struct end none;

	return nr >= 0 && nr < dut.count ? &dut.ends[nr] : &none;
}

static void do_listen(const char *args)
{
	(void)args;
	start_listener(&dut.at, dut.addr);
	dut.verbs = dut.at.listener->verbs;
	printf("= %d\n", ntohs(rdma_get_src_port(dut.at.listener)));
}

static void do_call(const char *args)
{
	call(atoi(args));
	printf("= %d\n", dut.count - 1);
}

/*
 * set NAME VALUE; answer: 0 accept, 1 reject, 2 wait for "accept"; deaf: the
 * completions of this connection are left where they are (-1: of none); reap:
 * connections are forgotten when they are over
 */
static void do_set(const char *args)
{
	struct {
		const char *name;
		int *value;
	} of[] = {
		{ "answer", &dut.answer }, { "hello", &dut.hello },
		{ "recvs", &dut.recvs }, { "recv_len", &dut.recv_len },
		{ "repost", &dut.repost }, { "ird", &dut.ird },
		{ "ord", &dut.ord }, { "cq", &dut.cq }, { "deaf", &dut.deaf },
		{ "reap", &dut.reap },
	};
	char name[32];
	unsigned int i;
	int value;

	if (sscanf(args, "%31s %d", name, &value) == 2)
		for (i = 0; i < sizeof(of) / sizeof(of[0]); i++)
			if (!strcmp(of[i].name, name)) {
				*of[i].value = value;
				printf("=\n");
				return;
			}
	printf("= error\n");
}

/* private HEX - data for the other end, instead of hello */
static void do_private(const char *args)
{
	unsigned int octet;

	dut.hello = 0;
	for (dut.pd_len = 0; dut.pd_len < sizeof(dut.pd) &&
	     sscanf(args, "%2x", &octet) == 1; args += 2)
		dut.pd[dut.pd_len++] = octet;
	printf("= %u\n", dut.pd_len);
}

/* accept CONN, disconnect CONN */
static void do_accept(const char *args)
{
	accept_one(end_of(atoi(args)));
	printf("=\n");
}

static void do_disconnect(const char *args)
{
	printf("= %d\n", rdma_disconnect(end_of(atoi(args))->id));
}

/* bare CONN - accept it without a queue pair */
static void do_bare(const char *args)
{
	struct rdma_conn_param param = { .responder_resources = 1 };
	struct end *e = end_of(atoi(args));

	printf("= %d\n", rdma_accept(e->id, &param) ? errno : 0);
}

/* Destroy a connection and all that belongs to it. */
static void do_destroy(const char *args)
{
	struct end *e = end_of(atoi(args));

	rdma_destroy_qp(e->id);
	e->qp = NULL;
	printf("=\n");
}

static uint32_t access_of(const char *letters)
{
	return (strchr(letters, 'l') ? IBV_ACCESS_LOCAL_WRITE : 0) |
	       (strchr(letters, 'r') ? IBV_ACCESS_REMOTE_READ : 0) |
	       (strchr(letters, 'w') ? IBV_ACCESS_REMOTE_WRITE : 0);
}

/*
 * mr SLOT CONN LEN ACCESS SKEW - register LEN octets that begin SKEW octets
 * behind the start of a page, for the PD of a connection (-1: another PD);
 * ACCESS: letters of "lrw", or "-". Answer: STag, address
 */
static void do_mr(const char *args)
{
	unsigned int nr, len, skew, i;
	char access[8];
	struct slot *s;
	size_t size;
	int conn;

	if (sscanf(args, "%u %d %u %7s %u", &nr, &conn, &len, access,
		   &skew) != 5 || nr >= MAX_SLOTS || skew >= GUARD) {
		printf("= error\n");
		return;
	}
	s = &dut.slots[nr];
	size = (size_t)len + 3 * GUARD;
	need(!posix_memalign((void **)&s->mem, GUARD, size), "no memory");
	memset(s->mem, CANARY, size);
	s->buf = s->mem + GUARD + skew;
	s->len = len;
	for (i = 0; i < len; i++)
		s->buf[i] = PATTERN(i);
	s->pd = conn < 0 ? ibv_alloc_pd(dut.verbs) : NULL;
	s->mr = ibv_reg_mr(s->pd ?: end_of(conn)->pd, s->buf, len,
			   access_of(access));
	print_mr(s);
}

/* large SLOT CONN - the same for LARGEST octets */
static void do_large(const char *args)
{
	struct slot *s;
	int nr, conn;

	if (sscanf(args, "%d %d", &nr, &conn) != 2) {
		printf("= error\n");
		return;
	}
	s = &dut.slots[nr % MAX_SLOTS];
	s->buf = map_large();
	s->mr = !s->buf ? NULL : ibv_reg_mr(end_of(conn)->pd, s->buf, LARGEST,
					    ALL_ACCESS);
	print_mr(s);
}

/* forbidden SLOT CONN KIND - the same for a page of such memory */
static void do_forbidden(const char *args)
{
	struct slot *s;
	int nr, conn;
	char kind[8];

	if (sscanf(args, "%d %d %7s", &nr, &conn, kind) != 3) {
		printf("= error\n");
		return;
	}
	s = &dut.slots[nr % MAX_SLOTS];
	s->buf = map_forbidden(kind);
	s->mr = ibv_reg_mr(end_of(conn)->pd, s->buf, 4096, ALL_ACCESS);
	print_mr(s);
}

static void do_device(const char *args)
{
	(void)args;
	print_device(dut.verbs);
}

static void do_excess(const char *args)
{
	(void)args;
	print_excess(dut.verbs);
}

/* share CONN - is its CQ of use for another user of the device? */
static void do_share(const char *args)
{
	printf("= %d\n", shares_cq(end_of(atoi(args))));
}

static void do_dereg(const char *args)
{
	struct slot *s = &dut.slots[atoi(args) % MAX_SLOTS];

	printf("= %d\n", ibv_dereg_mr(s->mr));
	s->mr = NULL;
}

/* Memory of a slot, or of a connection's own buffer (slot -1 - CONN). */
static char *memory(int slot)
{
	return slot < 0 ? end_of(-1 - slot)->buf :
			  dut.slots[slot % MAX_SLOTS].buf;
}

static uint32_t lkey(int slot)
{
	return slot < 0 ? end_of(-1 - slot)->mr->lkey :
			  dut.slots[slot % MAX_SLOTS].mr->lkey;
}

/* mem SLOT OFFSET LEN - octets there */
static void do_mem(const char *args)
{
	unsigned int len;
	long long off;
	int slot;

	if (sscanf(args, "%d %lld %u", &slot, &off, &len) != 3) {
		printf("= error\n");
		return;
	}
	printf("= ");
	hex(memory(slot) + off, len);
}

/* sum SLOT OFFSET LEN - Adler-32 of them */
static void do_sum(const char *args)
{
	uint32_t a = 1, b = 0;
	unsigned int len;
	int slot, off;
	const unsigned char *p;

	if (sscanf(args, "%d %d %u", &slot, &off, &len) != 3) {
		printf("= error\n");
		return;
	}
	for (p = (void *)(memory(slot) + off); len--; p++) {
		a = (a + *p) % 65521;
		b = (b + a) % 65521;
	}
	printf("= %u\n", b << 16 | a);
}

/* recv CONN ID SLOT OFFSET LEN */
static void do_recv(const char *args)
{
	struct ibv_recv_wr *bad, wr = { .num_sge = 1 };
	struct ibv_sge sge;
	int conn, id, slot, off;
	unsigned int len;

	if (sscanf(args, "%d %d %d %d %u", &conn, &id, &slot, &off, &len) != 5) {
		printf("= error\n");
		return;
	}
	wr.wr_id = id;
	sge = (struct ibv_sge) {
		(uintptr_t)memory(slot) + off, len, lkey(slot)
	};
	wr.sg_list = &sge;
	printf("= %d\n", ibv_post_recv(end_of(conn)->qp, &wr, &bad));
}

/*
 * post CONN send|write|read ID SLOT OFFSET LEN STAG TO FLAGS - FLAGS: s
 * solicited, f fence, u unsignalled, or "-"
 */
static void do_post(const char *args)
{
	struct ibv_send_wr *bad, wr = { .num_sge = 1 };
	int conn, id, slot, off;
	unsigned int len, stag;
	unsigned long long to;
	struct ibv_sge sge;
	char op[8], flags[8];

	if (sscanf(args, "%d %7s %d %d %d %u %u %llu %7s", &conn, op, &id,
		   &slot, &off, &len, &stag, &to, flags) != 9) {
		printf("= error\n");
		return;
	}
	wr.wr_id = id;
	wr.opcode = *op == 's' ? IBV_WR_SEND :
		    *op == 'w' ? IBV_WR_RDMA_WRITE : IBV_WR_RDMA_READ;
	wr.send_flags = (strchr(flags, 'u') ? 0 : IBV_SEND_SIGNALED) |
			(strchr(flags, 's') ? IBV_SEND_SOLICITED : 0) |
			(strchr(flags, 'f') ? IBV_SEND_FENCE : 0);
	wr.wr.rdma.remote_addr = to;
	wr.wr.rdma.rkey = stag;
	sge = (struct ibv_sge) {
		(uintptr_t)memory(slot) + off, len, lkey(slot)
	};
	wr.sg_list = &sge;
	printf("= %d\n", ibv_post_send(end_of(conn)->qp, &wr, &bad));
}

/* arm CONN SOLICITED - the next (solicited) receive is notified */
static void do_arm(const char *args)
{
	int conn, solicited;

	if (sscanf(args, "%d %d", &conn, &solicited) != 2)
		printf("= error\n");
	else
		printf("= %d\n", ibv_req_notify_cq(end_of(conn)->rcq,
						   solicited));
}

/* query CONN - state, IRD, ORD */
static void do_query(const char *args)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;

	if (ibv_query_qp(end_of(atoi(args))->qp, &attr,
			 IBV_QP_STATE | IBV_QP_MAX_QP_RD_ATOMIC |
			 IBV_QP_MAX_DEST_RD_ATOMIC, &init))
		printf("= error\n");
	else
		printf("= %d %d %d\n", attr.qp_state, attr.max_dest_rd_atomic,
		       attr.max_rd_atomic);
}

static const struct {
	const char *name;
	void (*run)(const char *args);
} commands[] = {
	{ "listen", do_listen }, { "call", do_call }, { "set", do_set },
	{ "private", do_private }, { "accept", do_accept },
	{ "disconnect", do_disconnect }, { "destroy", do_destroy },
	{ "mr", do_mr }, { "dereg", do_dereg }, { "mem", do_mem },
	{ "sum", do_sum }, { "recv", do_recv }, { "post", do_post },
	{ "arm", do_arm }, { "query", do_query }, { "bare", do_bare },
	{ "large", do_large }, { "forbidden", do_forbidden },
	{ "device", do_device }, { "excess", do_excess }, { "share", do_share },
};

static void command(char *line)
{
	char *args = strchr(line, ' ');
	unsigned int i;

	if (args)
		*args++ = '\0';
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, line)) {
			commands[i].run(args ?: "");
			return;
		}
	printf("= error: no command %s\n", line);
}

/* All lines that are here; false: there will be no more. */
static bool read_commands(void)
{
	static char buf[4096];
	static size_t have;
	ssize_t n = read(0, buf + have, sizeof(buf) - 1 - have);
	char *line = buf, *end;

	if (n <= 0)
		return false;
	have += n;
	buf[have] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		command(line);
		line = end + 1;
	}
	have -= line - buf;
	memmove(buf, line, have);
	return true;
}

static void go_on(bool commanded)
{
	struct pollfd p[] = {
		{ .events = POLLIN },
		{ .fd = commanded ? 0 : -1, .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};
	int i;

	for (;;) {
		p[0].fd = dut.at.events->fd;
		p[2].fd = dut.verbs ? dut.verbs->async_fd : -1;
		if (poll(p, 3, 5) > 0) {
			/* first, as who is reaped takes its events with it */
			if (p[2].revents)
				async_event();
			if (p[0].revents)
				one_event();
			if (p[1].revents && !read_commands())
				exit(0);
		}
		for (i = 0; i < dut.count; i++)
			if (dut.ends[i].rcq && i != dut.deaf)
				report(&dut.ends[i], i);
	}
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3)
		return 2;
	dut.addr = argv[1];
	dut.ends = calloc(MAX_ENDS, sizeof(*dut.ends));
	need(dut.ends, "no memory");
	if (!strcmp(argv[2], "listen")) {
		start_listener(&dut.at, dut.addr);
		printf("port %d\n", ntohs(rdma_get_src_port(dut.at.listener)));
	} else {
		dut.at.events = rdma_create_event_channel();
		need(dut.at.events, "rdma_create_event_channel: %m");
	}
	dut.greets = atoi(argv[2]) > 0;
	if (dut.greets)
		call(atoi(argv[2]));
	go_on(!strcmp(argv[2], "commands"));
	return 0;
}
