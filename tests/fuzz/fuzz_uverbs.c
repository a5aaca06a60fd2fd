// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The uverbs files of usiw over its real back half: any sequence of commands on
 * any handles, any octets in the rings that the program shares with us, events
 * read or not, files closed in the middle of it. There is no connection.
 *
 * Rings do not overlap; an object goes only when nothing refers to it, and
 * reports as many events as the program was told; nothing is left at the end.
 *
 * Input: operations: an octet, then its operands. Where a command has a handle,
 * a pointer or a size, a short choice from the input decides.
 */
#include <stddef.h>
#include <infiniband/verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/siw-abi.h>

#include "front.h"
#include "usiw/uverbs.h"

#define CTXS		2
#define OBJS		160
#define CHANNELS	3
#define OPS_MAX		150

/* What the program knows of an object. */
struct known {
	bool alive;
	enum uv_type type;
	u32 uses;		/* known objects that refer to it */
	u32 ref[4];		/* ... and to which this one does */
	u32 refs;
	u64 user;
	u32 async, comp;	/* events told */
	u64 key[2];		/* rings */
	u64 len[2];
};

struct ctx {
	int fd, async;
	int channel[CHANNELS];
	struct known obj[OBJS];
};

static struct ctx ctxs[CTXS], *c;	/* c: of this operation */
static struct fuzz_in *in;
static u64 last_user;

union body {
	struct ib_uverbs_get_context get_context;
	struct ib_uverbs_query_port query_port;
	struct ib_uverbs_dealloc_pd dealloc_pd;
	struct ib_uverbs_reg_mr reg_mr;
	struct ib_uverbs_dereg_mr dereg_mr;
	struct ib_uverbs_create_cq create_cq;
	struct ib_uverbs_destroy_cq destroy_cq;
	struct ib_uverbs_create_srq create_srq;
	struct ib_uverbs_modify_srq modify_srq;
	struct ib_uverbs_query_srq query_srq;
	struct ib_uverbs_destroy_srq destroy_srq;
	struct ib_uverbs_create_qp create_qp;
	struct ib_uverbs_query_qp query_qp;
	struct ib_uverbs_modify_qp modify_qp;
	struct ib_uverbs_destroy_qp destroy_qp;
	struct ib_uverbs_post_send post_send;
	u64 words[60];
};

struct cmd {
	struct ib_uverbs_cmd_hdr hdr;
	union body b;
};

/* --- choices ----------------------------------------------------------- */

/* A handle of that kind if there is one; sometimes any number. */
static u32 any(enum uv_type type)
{
	u8 v = fuzz_u8(in);
	u32 i, n = v & 0xf;

	if (v >= 0xf0)
		return v == 0xff ? fuzz_u32(in) : n;
	for (i = 0; i < 2 * OBJS; i++)
		if (c->obj[i % OBJS].alive && c->obj[i % OBJS].type == type &&
		    !n--)
			break;
	return i % OBJS;
}

/* Mostly small; sometimes at the limit, sometimes absurd. */
static u32 any_size(u32 limit)
{
	u8 v = fuzz_u8(in);

	if (v < 0xe0)
		return v % 20;
	if (v < 0xf0)
		return limit - 0xe4 + v;
	return v < 0xf8 ? fuzz_u32(in) : ~0u - v + 0xf8;
}

static u64 any_u64(void)
{
	u8 v = fuzz_u8(in);

	return v < 0xc0 ? v * 64ull : v < 0xe0 ? ~0ull - v + 0xc0 :
						 fuzz_u64(in);
}

/* --- commands ---------------------------------------------------------- */

static size_t size_of_body(u32 cmd)
{
#define BODY(op, name) \
	case IB_USER_VERBS_CMD_##op: return sizeof(((union body *)0)->name)
	switch (cmd) {
	BODY(QUERY_PORT, query_port);
	BODY(DEALLOC_PD, dealloc_pd);
	BODY(DEREG_MR, dereg_mr);
	BODY(CREATE_CQ, create_cq);
	BODY(DESTROY_CQ, destroy_cq);
	BODY(CREATE_SRQ, create_srq);
	BODY(MODIFY_SRQ, modify_srq);
	BODY(QUERY_SRQ, query_srq);
	BODY(DESTROY_SRQ, destroy_srq);
	BODY(CREATE_QP, create_qp);
	BODY(QUERY_QP, query_qp);
	BODY(MODIFY_QP, modify_qp);
	BODY(DESTROY_QP, destroy_qp);
	BODY(POST_SEND, post_send);
	case IB_USER_VERBS_CMD_REG_MR:
		return sizeof(struct ib_uverbs_reg_mr) +
		       sizeof(struct siw_ureq_reg_mr);
	default:
		/* the pointer of the answer only */
		return sizeof(struct ib_uverbs_get_context);
	}
}

static int any_channel(void)
{
	u8 v = fuzz_u8(in);

	if (v < 0x80)
		return c->channel[v % CHANNELS];
	return v < 0xf0 ? -1 : v == 0xff ? c->async : v & 7;
}

static void fill_create(u32 cmd, union body *b)
{
	switch (cmd) {
	case IB_USER_VERBS_CMD_REG_MR:
		b->reg_mr.start = any_u64();
		b->reg_mr.length = any_u64();
		b->reg_mr.hca_va = fuzz_u8(in) < 0xc0 ?
				       b->reg_mr.start : any_u64();
		b->reg_mr.pd_handle = any(UV_PD);
		b->reg_mr.access_flags = fuzz_u8(in) & 0x8f;
		break;
	case IB_USER_VERBS_CMD_CREATE_CQ:
		b->create_cq.user_handle = ++last_user;
		b->create_cq.cqe = any_size(USIW_MAX_CQE);
		b->create_cq.comp_vector = 0;
		b->create_cq.comp_channel = any_channel();
		break;
	case IB_USER_VERBS_CMD_CREATE_SRQ:
		b->create_srq.user_handle = ++last_user;
		b->create_srq.pd_handle = any(UV_PD);
		b->create_srq.max_wr = any_size(USIW_MAX_SRQ_WR);
		b->create_srq.max_sge = any_size(SIW_MAX_SGE);
		b->create_srq.srq_limit = any_size(4);
		break;
	case IB_USER_VERBS_CMD_CREATE_QP:
		b->create_qp.user_handle = ++last_user;
		b->create_qp.pd_handle = any(UV_PD);
		b->create_qp.send_cq_handle = any(UV_CQ);
		b->create_qp.recv_cq_handle = any(UV_CQ);
		b->create_qp.is_srq = fuzz_u8(in) & 1;
		b->create_qp.srq_handle = any(UV_SRQ);
		b->create_qp.max_send_wr = any_size(USIW_MAX_QP_WR);
		b->create_qp.max_recv_wr = any_size(USIW_MAX_QP_WR);
		b->create_qp.max_send_sge = any_size(SIW_MAX_SGE) % 8;
		b->create_qp.max_recv_sge = any_size(SIW_MAX_SGE) % 8;
		b->create_qp.max_inline_data = any_size(SIW_MAX_INLINE);
		b->create_qp.qp_type = fuzz_u8(in) < 0xf8 ? IBV_QPT_RC : 3;
		break;
	}
}

static void fill_use(u32 cmd, union body *b)
{
	switch (cmd) {
	case IB_USER_VERBS_CMD_QUERY_PORT:
		b->query_port.port_num = fuzz_u8(in) < 0xf0;
		break;
	case IB_USER_VERBS_CMD_MODIFY_SRQ:
		b->modify_srq.srq_handle = any(UV_SRQ);
		b->modify_srq.attr_mask = fuzz_u8(in) % 4;
		b->modify_srq.srq_limit = any_size(16);
		break;
	case IB_USER_VERBS_CMD_QUERY_SRQ:
		b->query_srq.srq_handle = any(UV_SRQ);
		break;
	case IB_USER_VERBS_CMD_QUERY_QP:
		b->query_qp.qp_handle = any(UV_QP);
		break;
	case IB_USER_VERBS_CMD_MODIFY_QP:
		b->modify_qp.qp_handle = any(UV_QP);
		b->modify_qp.attr_mask = fuzz_u8(in) < 0xf0 ?
			IBV_QP_STATE | (fuzz_u8(in) & IBV_QP_ACCESS_FLAGS) :
			fuzz_u32(in);
		b->modify_qp.qp_state = fuzz_u8(in) % 8;
		b->modify_qp.qp_access_flags = fuzz_u8(in);
		break;
	case IB_USER_VERBS_CMD_POST_SEND:
		b->post_send.qp_handle = any(UV_QP);
		b->post_send.wr_count = fuzz_u8(in) >= 0xf0;
		break;
	}
}

/* Return: what goes, if it does. */
static u32 fill_destroy(u32 cmd, union body *b)
{
	switch (cmd) {
	case IB_USER_VERBS_CMD_DEALLOC_PD:
		return b->dealloc_pd.pd_handle = any(UV_PD);
	case IB_USER_VERBS_CMD_DEREG_MR:
		return b->dereg_mr.mr_handle = any(UV_MR);
	case IB_USER_VERBS_CMD_DESTROY_CQ:
		return b->destroy_cq.cq_handle = any(UV_CQ);
	case IB_USER_VERBS_CMD_DESTROY_SRQ:
		return b->destroy_srq.srq_handle = any(UV_SRQ);
	case IB_USER_VERBS_CMD_DESTROY_QP:
		return b->destroy_qp.qp_handle = any(UV_QP);
	default:
		return OBJS;
	}
}

/* --- what the program knows then --------------------------------------- */

static void refer(struct known *k, u32 handle)
{
	MUST(handle < OBJS && c->obj[handle].alive);
	k->ref[k->refs++] = handle;
	c->obj[handle].uses++;
}

static struct known *add(u32 handle, enum uv_type type, u64 owner)
{
	struct known *k = &c->obj[handle];

	MUST(handle < OBJS && !k->alive);
	*k = (struct known){ .alive = true, .type = type, .user = owner };
	return k;
}

static void add_ring(struct known *k, u64 key, u64 len)
{
	struct known *o;
	u32 r, i;

	MUST(len && !(key & 4095));
	for (o = c->obj; o < c->obj + OBJS; o++)
		for (r = 0; o->alive && r < 2; r++)
			MUST(!o->len[r] || key >= o->key[r] + o->len[r] ||
			     o->key[r] >= key + len);
	i = !!k->len[0];
	k->key[i] = key;
	k->len[i] = len;
}

static bool pow2(u32 n)
{
	return n && !(n & (n - 1));
}

static void made_cq(const union body *b, const u8 *resp)
{
	struct {
		struct ib_uverbs_create_cq_resp r;
		struct siw_uresp_create_cq u;
	} a;
	struct known *k;

	memcpy(&a, resp, sizeof(a));
	MUST(pow2(a.u.num_cqe) && a.u.num_cqe >= b->create_cq.cqe);
	k = add(a.r.cq_handle, UV_CQ, b->create_cq.user_handle);
	add_ring(k, a.u.cq_key, a.u.num_cqe * sizeof(struct siw_cqe) +
				sizeof(struct siw_cq_ctrl));
}

static void made_srq(const union body *b, const u8 *resp)
{
	struct ib_uverbs_create_srq_resp r;
	struct siw_uresp_create_srq u;
	struct known *k;

	memcpy(&r, resp, sizeof(r));
	memcpy(&u, resp + sizeof(r), sizeof(u));
	MUST(pow2(u.num_rqe) && u.num_rqe >= b->create_srq.max_wr);
	k = add(r.srq_handle, UV_SRQ, b->create_srq.user_handle);
	refer(k, b->create_srq.pd_handle);
	add_ring(k, u.srq_key, u.num_rqe * sizeof(struct siw_rqe));
}

static void made_qp(const union body *b, const u8 *resp)
{
	const struct ib_uverbs_create_qp *q = &b->create_qp;
	struct ib_uverbs_create_qp_resp r;
	struct siw_uresp_create_qp u;
	struct known *k;

	memcpy(&r, resp, sizeof(r));
	memcpy(&u, resp + sizeof(r), sizeof(u));
	MUST(pow2(u.num_sqe) && u.num_sqe >= q->max_send_wr);
	k = add(r.qp_handle, UV_QP, q->user_handle);
	refer(k, q->pd_handle);
	refer(k, q->send_cq_handle);
	refer(k, q->recv_cq_handle);
	if (q->is_srq)
		refer(k, q->srq_handle);
	add_ring(k, u.sq_key, u.num_sqe * sizeof(struct siw_sqe));
	if (u.num_rqe)
		add_ring(k, u.rq_key, u.num_rqe * sizeof(struct siw_rqe));
}

static void made(u32 cmd, const union body *b, u64 addr)
{
	const u8 *resp = (u8 *)(uintptr_t)addr;
	u32 word, i;

	if (!resp)
		return;
	memcpy(&word, resp, sizeof(word));
	switch (cmd) {
	case IB_USER_VERBS_CMD_GET_CONTEXT:
		MUST(c->async < 0);
		c->async = (int)word;
		break;
	case IB_USER_VERBS_CMD_CREATE_COMP_CHANNEL:
		for (i = 0; i < CHANNELS && c->channel[i] >= 0; i++)
			;
		if (i == CHANNELS)
			front_close((int)word);
		else
			c->channel[i] = (int)word;
		break;
	case IB_USER_VERBS_CMD_ALLOC_PD:
		add(word, UV_PD, 0);
		break;
	case IB_USER_VERBS_CMD_REG_MR:
		refer(add(word, UV_MR, 0), b->reg_mr.pd_handle);
		break;
	case IB_USER_VERBS_CMD_CREATE_CQ:
		made_cq(b, resp);
		break;
	case IB_USER_VERBS_CMD_CREATE_SRQ:
		made_srq(b, resp);
		break;
	case IB_USER_VERBS_CMD_CREATE_QP:
		made_qp(b, resp);
		break;
	}
}

/* at any address */
static u32 get(const u32 *at)
{
	u32 v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static void gone(u32 cmd, u32 handle, u64 addr)
{
	const u32 *events = (u32 *)(uintptr_t)addr;
	struct known *k = &c->obj[handle];

	MUST(k->alive && !k->uses);
	k->alive = false;
	while (k->refs)
		c->obj[k->ref[--k->refs]].uses--;
	if (!events)
		return;
	/* no more than was written: what follows may not be readable */
	if (cmd == IB_USER_VERBS_CMD_DESTROY_CQ)
		MUST(get(events) == k->comp && get(events + 1) == k->async);
	else if (cmd == IB_USER_VERBS_CMD_DESTROY_QP ||
		 cmd == IB_USER_VERBS_CMD_DESTROY_SRQ)
		MUST(get(events) == k->async);
}

/* Commands that need no pointer have none in their first word. */
static bool answers(u32 cmd)
{
	return cmd != IB_USER_VERBS_CMD_DEALLOC_PD &&
	       cmd != IB_USER_VERBS_CMD_DEREG_MR &&
	       cmd != IB_USER_VERBS_CMD_MODIFY_QP &&
	       cmd != IB_USER_VERBS_CMD_MODIFY_SRQ;
}

static bool makes(u32 cmd)
{
	switch (cmd) {
	case IB_USER_VERBS_CMD_GET_CONTEXT:
	case IB_USER_VERBS_CMD_CREATE_COMP_CHANNEL:
	case IB_USER_VERBS_CMD_ALLOC_PD:
	case IB_USER_VERBS_CMD_REG_MR:
	case IB_USER_VERBS_CMD_CREATE_CQ:
	case IB_USER_VERBS_CMD_CREATE_SRQ:
	case IB_USER_VERBS_CMD_CREATE_QP:
		return true;
	default:
		return false;
	}
}

static void run(u32 code, u8 flags)
{
	struct cmd m = { .hdr = { .command = code, .out_words = 100 } };
	size_t len = size_of_body(code), all = sizeof(m.hdr) + len, out;
	u64 addr = user_addr(0);
	u32 handle;
	ssize_t rv;

	if (flags & 0x80)
		fuzz_octets(in, &m.b, len);
	fill_create(code, &m.b);
	fill_use(code, &m.b);
	handle = fill_destroy(code, &m.b);
	m.hdr.in_words = (u16)(all / 4);
	if (flags & 0x40) {
		all = fuzz_u16(in) % (sizeof(m) + 1);
		if (flags & 0x20)
			m.hdr.in_words = (u16)(all / 4);
		m.hdr.out_words = fuzz_u8(in);
	}
	if (answers(code)) {
		/* what cannot be told was made all the same: not modelled */
		addr = user_addr(makes(code) ? 0 : fuzz_u8(in));
		m.b.words[0] = addr;
	}
	out = answers(code) ? m.hdr.out_words * 4u : 0;
	user_begin();
	rv = front_write(c->fd, &m, all);
	user_end(addr, out);
	if (rv > 0 && makes(code))
		made(code, &m.b, addr);
	if (handle < OBJS && (rv > 0 || rv == -EFAULT))
		gone(code, handle, rv > 0 && out >= 8 ? addr : 0);
}

static void extended(void)
{
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_ex_cmd_hdr ex;
		u8 body[64];
	} m;
	size_t len = 24 + fuzz_u8(in) % (sizeof(m.body) + 1);

	fuzz_octets(in, &m, sizeof(m));
	m.hdr.command = IB_USER_VERBS_CMD_FLAG_EXTENDED |
			(fuzz_u8(in) < 0xf0 ? 0 : fuzz_u8(in));
	if (fuzz_u8(in) < 0xf0)
		m.hdr.in_words = (u16)((len - 24) / 8);
	m.ex.provider_in_words = 0;
	m.ex.response = user_addr(fuzz_u8(in));
	user_begin();
	front_write(c->fd, &m, len);
	user_end(m.ex.response,
		 (m.hdr.out_words + m.ex.provider_out_words) * 8u);
}

/* --- rings, events, files ---------------------------------------------- */

/* The program scribbles into one of its rings. */
static void scribble(u8 how)
{
	static const enum uv_type types[] = { UV_QP, UV_CQ, UV_SRQ, UV_QP };
	struct known *k = &c->obj[any(types[how & 3]) % OBJS];
	u32 ring = how >> 2 & 1, n = fuzz_u8(in), i;
	u8 octets[256];
	u64 at;

	if (!k->alive || !k->len[ring] || k->len[ring] < sizeof(octets))
		return;
	at = fuzz_u16(in) * 8ull % (k->len[ring] - sizeof(octets) + 1);
	if (how & 8)		/* where a CQ is armed */
		at = k->len[ring] - sizeof(octets);
	if (how & 0x10)
		for (i = 0; i < sizeof(octets); i++)
			octets[i] = (u8)n;
	else
		fuzz_octets(in, octets, sizeof(octets));
	MUST(pwrite(c->fd, octets, sizeof(octets),
		    (off_t)(k->key[ring] + at)) == sizeof(octets));
}

static struct known *known_user(u64 id)
{
	u32 i;

	for (i = 0; i < OBJS; i++)
		if (c->obj[i].alive && c->obj[i].user == id)
			return &c->obj[i];
	MUST(!"an event of an object that there is not");
	return NULL;
}

static void take(int fd, bool async, size_t len)
{
	struct ib_uverbs_comp_event_desc comp;
	struct ib_uverbs_async_event_desc a;
	u8 *buf = fuzz_exact("0123456789abcdef", len <= 16 ? len : 16);
	struct usiw_file *f = usiw_fd_table[fd];
	struct known *k;
	ssize_t rv;

	MUST(f->ops->takes(buf, len, false));
	rv = front_take(fd, buf, len);
	/* what does not fit is lost, and was counted: not modelled */
	MUST(rv == -EAGAIN || rv > 0);
	if (rv > 0 && async) {
		memcpy(&a, buf, sizeof(a));
		k = known_user(a.element);
		k->async++;
	} else if (rv > 0) {
		memcpy(&comp, buf, sizeof(comp));
		k = known_user(comp.cq_handle);
		k->comp++;
	}
	free(buf);
}

static void open_ctx(struct ctx *x)
{
	u32 i;

	memset(x, 0, sizeof(*x));
	x->async = -1;
	for (i = 0; i < CHANNELS; i++)
		x->channel[i] = -1;
	x->fd = usiw_uverbs_open(0);
	MUST(x->fd >= 0);
}

static void shut(int *fd)
{
	if (*fd >= 0)
		front_close(*fd);
	*fd = -1;
}

static void close_ctx(struct ctx *x, bool events_first)
{
	u32 i;

	if (!events_first)
		shut(&x->fd);
	shut(&x->async);
	for (i = 0; i < CHANNELS; i++)
		shut(&x->channel[i]);
	shut(&x->fd);
}

static void operation(u8 op)
{
	u8 arg = fuzz_u8(in);

	c = &ctxs[op >> 7];
	switch (op & 7) {
	case 0:
		scribble(arg);
		break;
	case 1:
		if (arg & 1 && c->async >= 0)
			take(c->async, true, 16);
		else if (!(arg & 1) && c->channel[arg / 2 % CHANNELS] >= 0)
			take(c->channel[arg / 2 % CHANNELS], false, 16);
		break;
	case 2:
		if (arg < 16) {
			close_ctx(c, arg & 1);
			open_ctx(c);
		} else if (arg < 32) {
			shut(&c->channel[arg % CHANNELS]);
		} else if (arg < 40) {
			extended();
		} else {
			run(IB_USER_VERBS_CMD_POST_SEND, 0);
		}
		break;
	default:
		run(arg % 52, op & 0x60 ? op << 1 : 0);
	}
}

/* What nearly every program begins with. */
static void usual(void)
{
	static const u8 cmds[] = {
		IB_USER_VERBS_CMD_GET_CONTEXT, IB_USER_VERBS_CMD_ALLOC_PD,
		IB_USER_VERBS_CMD_CREATE_COMP_CHANNEL,
		IB_USER_VERBS_CMD_CREATE_CQ, IB_USER_VERBS_CMD_CREATE_QP,
	};
	static const u8 sizes[] = { 8, 0, 0, 0, 0, 0, 0, 4, 4, 1, 1, 0, 0 };
	struct fuzz_in own = { sizes, sizeof(sizes) }, *given = in;
	u32 i;

	c = &ctxs[0];
	in = &own;
	for (i = 0; i < sizeof(cmds); i++)
		run(cmds[i], 0);
	in = given;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in input = { data, size };
	u32 ops;

	user_init();
	in = &input;
	last_user = 0;
	open_ctx(&ctxs[0]);
	open_ctx(&ctxs[1]);
	if (fuzz_u8(in) < 0xc0)
		usual();
	for (ops = 0; in->left && ops < OPS_MAX; ops++)
		operation(fuzz_u8(in));
	close_ctx(&ctxs[0], size & 1);
	close_ctx(&ctxs[1], size & 2);
	return 0;
}
