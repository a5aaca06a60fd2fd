// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The rdma_cm files of usiw: any sequence of commands on any identifiers, in
 * several files, between them events of the connections, and files that are
 * closed in the middle of it. The back half is back.c.
 *
 * Of every identifier as many events are reported when it goes as the program
 * was told; nothing is left at the end.
 *
 * Input: operations: an octet, then its operands. The body of a command is taken
 * from the input; where it has an identifier, a pointer or an address, a short
 * choice from the input decides.
 */
#include <arpa/inet.h>
#include <stddef.h>
#include <infiniband/verbs.h>
#include <rdma/ib_user_verbs.h>

#include "back.h"
#include "front.h"
#include "usiw/ucma.h"

#define FILES		3
#define OPS_MAX		200
#define IDS		OPS_MAX		/* an operation makes one at most */

/* What the program knows of an identifier. */
struct known {
	bool alive;
	int file;
	u64 uid;
	u32 told;
};

static int files[FILES];	/* descriptors, or -1 */
static struct known ids[IDS];
static int verbs;		/* an uverbs file */
static u32 qp_handle[2], qp_alive;
static u64 last_uid;
static struct fuzz_in *in;

/* --- queue pairs, for connect and accept ------------------------------- */

struct verbs_cmd {
	struct ib_uverbs_cmd_hdr hdr;
	u64 body[16];
};

static bool verb(u32 command, const void *body, size_t len)
{
	struct verbs_cmd cmd = { .hdr = { .command = command } };
	size_t all = sizeof(cmd.hdr) + len;

	cmd.hdr.in_words = (u16)(all / 4);
	cmd.hdr.out_words = 64;
	memcpy(cmd.body, body, len);
	return front_write(verbs, &cmd, all) == (ssize_t)all;
}

static void qp_make(u32 i)
{
	const struct ib_uverbs_create_qp create = {
		.response = user_addr(0), .pd_handle = 0, .send_cq_handle = 1,
		.recv_cq_handle = 1, .max_send_wr = 4, .max_recv_wr = 4,
		.qp_type = IBV_QPT_RC,
	};

	if (qp_alive & 1u << i ||
	    !verb(IB_USER_VERBS_CMD_CREATE_QP, &create, sizeof(create)))
		return;
	memcpy(&qp_handle[i], user, 4);
	qp_alive |= 1u << i;
}

static void qp_break(u32 i)
{
	const struct ib_uverbs_destroy_qp destroy = {
		.response = user_addr(0), .qp_handle = qp_handle[i],
	};

	if (!(qp_alive & 1u << i))
		return;
	MUST(verb(IB_USER_VERBS_CMD_DESTROY_QP, &destroy, sizeof(destroy)));
	qp_alive &= ~(1u << i);
}

static void verbs_begin(void)
{
	const struct ib_uverbs_get_context ctx = { .response = user_addr(0) };
	const struct ib_uverbs_alloc_pd pd = { .response = user_addr(0) };
	const struct ib_uverbs_create_cq cq = {
		.response = user_addr(0), .cqe = 8, .comp_channel = -1,
	};

	verbs = usiw_uverbs_open(0);
	MUST(verbs >= 0);
	MUST(verb(IB_USER_VERBS_CMD_GET_CONTEXT, &ctx, sizeof(ctx)));
	memcpy(&files[FILES - 1], user, 4);
	MUST(verb(IB_USER_VERBS_CMD_ALLOC_PD, &pd, sizeof(pd)));
	MUST(verb(IB_USER_VERBS_CMD_CREATE_CQ, &cq, sizeof(cq)));
	qp_alive = 0;
	qp_make(0);
	qp_make(1);
}

/* --- choices ----------------------------------------------------------- */

static u32 any_id(void)
{
	u8 v = fuzz_u8(in);

	return v < 0xf0 ? v % 12 : v == 0xf0 ? fuzz_u32(in) : v;
}

static void any_addr(void *to, size_t room)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	u8 v = fuzz_u8(in);

	if (v >= 0xf0)
		return;		/* as it is in the input */
	memset(to, 0, room);
	in4.sin_port = htons(v & 8 ? 5000 : 0);
	in6.sin6_port = in4.sin_port;
	if (v & 1) {
		if (v & 2)
			in6.sin6_addr = in6addr_loopback;
		memcpy(to, &in6, sizeof(in6));
	} else {
		if (v & 2)
			in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (v >> 6));
		if (v & 4)
			in4.sin_addr.s_addr = htonl(0x0a010203);
		memcpy(to, &in4, sizeof(in4));
	}
}

static u16 size_of(const void *addr)
{
	u8 v = fuzz_u8(in);

	return v < 0xf0 ? (u16)cm_addr_len(addr) : v;
}

static void param(struct rdma_ucm_conn_param *p)
{
	u8 v = fuzz_u8(in);

	p->qp_num = v < 0xf0 ? 1u + v % 4 : v;
	p->valid = v != 0xf1;
}

/* --- commands ---------------------------------------------------------- */

union body {
	struct rdma_ucm_create_id create_id;
	struct rdma_ucm_destroy_id destroy_id;
	struct rdma_ucm_bind_ip bind_ip;
	struct rdma_ucm_bind bind;
	struct rdma_ucm_resolve_ip resolve_ip;
	struct rdma_ucm_resolve_addr resolve_addr;
	struct rdma_ucm_resolve_route resolve_route;
	struct rdma_ucm_query query;
	struct rdma_ucm_connect connect;
	struct rdma_ucm_listen listen;
	struct rdma_ucm_accept accept;
	struct rdma_ucm_reject reject;
	struct rdma_ucm_disconnect disconnect;
	struct rdma_ucm_init_qp_attr init_qp_attr;
	struct rdma_ucm_notify notify;
	struct rdma_ucm_get_event get_event;
	struct rdma_ucm_set_option set_option;
	struct rdma_ucm_migrate_id migrate_id;
	u8 octets[512];
};

struct cmd {
	struct rdma_ucm_cmd_hdr hdr;
	union body b;
};

static u64 answer(void)
{
	return user_addr(fuzz_u8(in));
}

static size_t size_of_body(u32 cmd)
{
#define BODY(op, name) \
	case RDMA_USER_CM_CMD_##op: return sizeof(((union body *)0)->name)
	switch (cmd) {
	BODY(CREATE_ID, create_id);
	BODY(DESTROY_ID, destroy_id);
	BODY(BIND_IP, bind_ip);
	BODY(BIND, bind);
	BODY(RESOLVE_IP, resolve_ip);
	BODY(RESOLVE_ADDR, resolve_addr);
	BODY(RESOLVE_ROUTE, resolve_route);
	BODY(QUERY_ROUTE, query);
	BODY(QUERY, query);
	BODY(CONNECT, connect);
	BODY(LISTEN, listen);
	BODY(ACCEPT, accept);
	BODY(REJECT, reject);
	BODY(DISCONNECT, disconnect);
	BODY(INIT_QP_ATTR, init_qp_attr);
	BODY(NOTIFY, notify);
	BODY(GET_EVENT, get_event);
	BODY(SET_OPTION, set_option);
	BODY(MIGRATE_ID, migrate_id);
	default:
		return 16;
	}
}

/* The fields that decide how far a command gets. Return: where to answer. */
static u64 fill_ids(u32 cmd, union body *b, u32 id)
{
	switch (cmd) {
	case RDMA_USER_CM_CMD_CREATE_ID:
		b->create_id.uid = ++last_uid;
		if (fuzz_u8(in) < 0xf0)
			b->create_id.ps = RDMA_PS_TCP;
		return b->create_id.response = answer();
	case RDMA_USER_CM_CMD_DESTROY_ID:
		b->destroy_id.id = id;
		return b->destroy_id.response = answer();
	case RDMA_USER_CM_CMD_QUERY_ROUTE:
	case RDMA_USER_CM_CMD_QUERY:
		b->query.id = id;
		b->query.option &= 3;
		return b->query.response = answer();
	case RDMA_USER_CM_CMD_INIT_QP_ATTR:
		b->init_qp_attr.id = id;
		b->init_qp_attr.qp_state = fuzz_u8(in) % 8;
		return b->init_qp_attr.response = answer();
	case RDMA_USER_CM_CMD_MIGRATE_ID:
		b->migrate_id.id = id;
		b->migrate_id.fd = (u32)files[fuzz_u8(in) % FILES];
		return b->migrate_id.response = answer();
	case RDMA_USER_CM_CMD_GET_EVENT:
		return b->get_event.response = user_addr(0);
	default:
		return 0;
	}
}

static void fill_addrs(u32 cmd, union body *b, u32 id)
{
	switch (cmd) {
	case RDMA_USER_CM_CMD_BIND_IP:
		b->bind_ip.id = id;
		any_addr(&b->bind_ip.addr, sizeof(b->bind_ip.addr));
		break;
	case RDMA_USER_CM_CMD_BIND:
		b->bind.id = id;
		b->bind.reserved = 0;
		any_addr(&b->bind.addr, sizeof(b->bind.addr));
		b->bind.addr_size = size_of(&b->bind.addr);
		break;
	case RDMA_USER_CM_CMD_RESOLVE_IP:
		b->resolve_ip.id = id;
		any_addr(&b->resolve_ip.src_addr, sizeof(struct sockaddr_in6));
		any_addr(&b->resolve_ip.dst_addr, sizeof(struct sockaddr_in6));
		break;
	case RDMA_USER_CM_CMD_RESOLVE_ADDR:
		b->resolve_addr.id = id;
		b->resolve_addr.reserved = 0;
		any_addr(&b->resolve_addr.src_addr, 128);
		any_addr(&b->resolve_addr.dst_addr, 128);
		b->resolve_addr.src_size = size_of(&b->resolve_addr.src_addr);
		b->resolve_addr.dst_size = size_of(&b->resolve_addr.dst_addr);
		break;
	}
}

static void fill_conn(u32 cmd, union body *b, u32 id)
{
	switch (cmd) {
	case RDMA_USER_CM_CMD_RESOLVE_ROUTE:
		b->resolve_route.id = id;
		break;
	case RDMA_USER_CM_CMD_CONNECT:
		b->connect.id = id;
		param(&b->connect.conn_param);
		break;
	case RDMA_USER_CM_CMD_LISTEN:
		b->listen.id = id;
		break;
	case RDMA_USER_CM_CMD_ACCEPT:
		b->accept.id = id;
		b->accept.uid = ++last_uid;
		param(&b->accept.conn_param);
		break;
	case RDMA_USER_CM_CMD_REJECT:
		b->reject.id = id;
		break;
	case RDMA_USER_CM_CMD_DISCONNECT:
		b->disconnect.id = id;
		break;
	case RDMA_USER_CM_CMD_NOTIFY:
		b->notify.id = id;
		break;
	case RDMA_USER_CM_CMD_SET_OPTION:
		b->set_option.id = id;
		b->set_option.optname &= 7;
		b->set_option.level &= 1;
		b->set_option.optlen &= 7;
		b->set_option.optval =
			fuzz_u8(in) ? (u64)(uintptr_t)user + 2048 : 0;
		break;
	}
}

static struct known *known_uid(u64 uid)
{
	u32 i;

	for (i = 0; i < IDS; i++)
		if (ids[i].alive && ids[i].uid == uid)
			return &ids[i];
	MUST(!"an event of an identifier that there is not");
	return NULL;
}

static void told(int file)
{
	struct rdma_ucm_event_resp e;
	struct known *k;

	memcpy(&e, user, sizeof(e));
	MUST(e.event <= RDMA_CM_EVENT_DISCONNECTED);
	k = known_uid(e.uid);
	MUST(k->file == file);
	k->told++;
	if (e.event != RDMA_CM_EVENT_CONNECT_REQUEST) {
		MUST(e.id < IDS && k == &ids[e.id]);
		return;
	}
	MUST(e.id < IDS && !ids[e.id].alive);
	ids[e.id] = (struct known){ .alive = true, .file = file };
}

/* The first word of an answer. */
static u32 word(u64 addr)
{
	u32 v;

	memcpy(&v, (void *)(uintptr_t)addr, sizeof(v));
	return v;
}

/* A command has been carried out. */
static void done(u32 cmd, const union body *b, u32 id, u64 addr, int file)
{
	struct known *k = id < IDS ? &ids[id] : NULL;

	switch (cmd) {
	case RDMA_USER_CM_CMD_CREATE_ID:
		MUST(word(addr) < IDS && !ids[word(addr)].alive);
		ids[word(addr)] = (struct known){
			.alive = true, .file = file, .uid = b->create_id.uid };
		break;
	case RDMA_USER_CM_CMD_DESTROY_ID:
		MUST(k && k->alive && word(addr) == k->told);
		k->alive = false;
		break;
	case RDMA_USER_CM_CMD_MIGRATE_ID:
		MUST(k && k->alive && word(addr) == k->told);
		k->file = file;
		break;
	case RDMA_USER_CM_CMD_ACCEPT:
		MUST(k && k->alive);
		k->uid = b->accept.uid;
		break;
	case RDMA_USER_CM_CMD_GET_EVENT:
		told(file);
		break;
	}
}

/* Some commands do their work although the answer cannot be written. */
static void failed(u32 cmd, u32 id, u64 addr, int file, ssize_t rv)
{
	if (rv != -EFAULT || addr == user_addr(0) || id >= IDS)
		return;
	if (cmd == RDMA_USER_CM_CMD_DESTROY_ID)
		ids[id].alive = false;
	else if (cmd == RDMA_USER_CM_CMD_MIGRATE_ID)
		ids[id].file = file;
}

static void command(u8 flags)
{
	int file = flags >> 5 & 1;
	u32 code = fuzz_u8(in), id;
	struct cmd c = { .hdr = { .cmd = code % 25 } };
	size_t len = size_of_body(c.hdr.cmd), extra;
	ssize_t rv;
	u64 addr;

	if (files[file] < 0)
		return;
	id = any_id();
	c.hdr.in = (u16)len;
	c.hdr.out = 400;
	/* odd sizes */
	extra = flags & 0x40 ? fuzz_u8(in) : 0;
	if (flags & 0x80) {
		c.hdr.in = fuzz_u16(in);
		c.hdr.out = fuzz_u16(in) % 512;
	}
	if (code >= 200)
		fuzz_octets(in, &c.b, len);
	addr = fill_ids(c.hdr.cmd, &c.b, id);
	fill_addrs(c.hdr.cmd, &c.b, id);
	fill_conn(c.hdr.cmd, &c.b, id);
	user_begin();
	memset(user + 2048, (u8)code, 16);
	rv = front_write(files[file], &c,
			 sizeof(c.hdr) + (extra < len ? len - extra : len));
	user_end(addr, c.hdr.out);
	if (rv > 0)
		done(c.hdr.cmd, &c.b, id, addr, file);
	else
		failed(c.hdr.cmd, id, addr, file, rv);
}

/* --- the whole --------------------------------------------------------- */

static void file_toggle(u32 i)
{
	u32 k;

	if (files[i] < 0) {
		files[i] = usiw_ucma_open(0);
		MUST(files[i] >= 0);
		return;
	}
	front_close(files[i]);
	files[i] = -1;
	for (k = 0; k < IDS; k++)
		if (ids[k].alive && ids[k].file == (int)i)
			ids[k].alive = false;
}

static void operation(u8 op)
{
	int cancel;

	switch (op & 0xf) {
	case 0:
	case 1:
		usiw_enter(&cancel);
		back_event(in);
		usiw_leave(cancel);
		break;
	case 2:
		if (op >> 4 < 2)
			file_toggle(op >> 4);
		break;
	case 3:
		if (op & 0x10)
			qp_make(op >> 5 & 1);
		else
			qp_break(op >> 5 & 1);
		break;
	default:
		command(op);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in input = { data, size };
	u32 i, ops;

	user_init();
	in = &input;
	last_uid = 0;
	memset(ids, 0, sizeof(ids));
	for (i = 0; i < FILES; i++)
		files[i] = -1;
	verbs_begin();
	file_toggle(0);
	file_toggle(1);
	back_failures = fuzz_u8(in) & 1 ? in : NULL;
	for (ops = 0; in->left && ops < OPS_MAX; ops++)
		operation(fuzz_u8(in));
	back_failures = NULL;
	/* in any order */
	if (size & 1)
		front_close(verbs);
	for (i = 0; i < FILES; i++)
		if (files[i] >= 0)
			front_close(files[i]);
	if (!(size & 1))
		front_close(verbs);
	back_empty();
	return 0;
}
