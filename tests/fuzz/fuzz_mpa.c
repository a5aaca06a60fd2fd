// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Connection set-up. Hostile frames are gathered, parsed and negotiated with, in
 * both roles and with any policy; and two ends of any policies negotiate with
 * each other, over frames that one builds and the other parses: they must come
 * to the same conclusions.
 *
 * Input: two policies (11 octets each), then a frame from the peer.
 */
#include "fuzz.h"
#include "../../core/mpa.h"

struct end {
	struct siw_mpa_local l;
	u8 pd[SIW_MPA_PD_MAX];
};

static u16 reads(struct fuzz_in *in, u16 max)
{
	u8 v = fuzz_u8(in);

	/* 255: no statement; high values: the largest that there are */
	if (v == 255)
		return SIW_MPA_RD_NONE;
	return (u16)(v < 250 ? v : max);
}

static void policy(struct fuzz_in *in, struct end *e)
{
	u16 flags = fuzz_u16(in);
	struct siw_mpa_local *l = &e->l;
	u32 i;

	memset(e, 0, sizeof(*e));
	l->rev = flags & 1 ? 2 : 1;
	l->crc_required = flags & 2;
	l->crc_strict = flags & 4;
	l->markers_wanted = flags & 8;
	l->p2p = flags & 0x10;
	l->p2p_optional = flags & 0x20;
	l->rd_demanded = flags & 0x40;
	l->ord_demanded = flags & 0x80;
	l->early_reply_tail = flags & 0x100;
	l->early_request_tail = flags & 0x200;
	l->rtr = fuzz_u8(in) & SIW_MPA_RTR_ALL;
	l->max_ird = (u16)(1 + fuzz_u16(in) % SIW_MPA_RD_MAX);
	l->max_ord = (u16)(1 + fuzz_u16(in) % SIW_MPA_RD_MAX);
	l->ird = reads(in, SIW_MPA_RD_MAX);
	l->ord = reads(in, SIW_MPA_RD_MAX);
	l->pd_len = (u16)(fuzz_u16(in) % (SIW_MPA_PD_MAX + 1));
	if (l->pd_len > siw_mpa_pd_max(l->rev == 2))
		l->pd_len = (u16)siw_mpa_pd_max(l->rev == 2);
	for (i = 0; i < l->pd_len; i++)
		e->pd[i] = (u8)(i * 5 + flags);
	l->pd = e->pd;
}

static bool single(u8 rtr)
{
	return !(rtr & (rtr - 1)) && !(rtr & ~SIW_MPA_RTR_ALL);
}

/* What holds for every result, however odd the peer's frame was. */
static void check_result(const struct siw_mpa_result *r,
			 const struct siw_mpa_local *l, bool initiator)
{
	MUST(r->act <= SIW_MPA_CLOSE && (u32)r->why < SIW_MPA_WHY_CNT);
	if (initiator)
		MUST(r->act != SIW_MPA_REJECT);
	else
		MUST(r->act != SIW_MPA_REFUSED && r->act != SIW_MPA_TERM);
	MUST((r->act == SIW_MPA_GO) == (r->why == SIW_MPA_OK));
	if (r->act == SIW_MPA_TERM)
		MUST(siw_err_info(r->term)->sendable);
	if (r->act != SIW_MPA_GO)
		return;
	MUST(r->term == SIW_OK);
	MUST(r->ird >= 1 && r->ird <= l->max_ird);
	MUST(r->ord <= l->max_ord && r->ord != SIW_MPA_RD_NONE);
	MUST(single(r->rtr) && (!r->rtr || r->enhanced));
	MUST(r->rev <= l->rev && (r->enhanced ? r->rev == 2 : 1));
	if (l->crc_required)
		MUST(r->crc);
	else if (l->crc_strict)
		MUST(!r->crc);
}

static bool same_frame(const struct siw_mpa_frame *a,
		       const struct siw_mpa_frame *b)
{
	return a->reply == b->reply && a->rev == b->rev &&
	       a->markers == b->markers && a->crc == b->crc &&
	       a->reject == b->reject && a->enhanced == b->enhanced &&
	       a->p2p == b->p2p && a->rtr == b->rtr && a->ird == b->ird &&
	       a->ord == b->ord && a->pd_len == b->pd_len &&
	       (!a->pd_len || !memcmp(a->pd, b->pd, a->pd_len));
}

/*
 * Over the wire: @from, built, parsed at the other end into @to, whose private
 * data is in @buf.
 */
static void carry(const struct siw_mpa_frame *from, struct siw_mpa_frame *to,
		  u8 *buf)
{
	enum siw_mpa_role self = from->reply ? SIW_MPA_INITIATOR :
					       SIW_MPA_RESPONDER;
	u32 n = 0, more, len = siw_mpa_build(buf, SIW_MPA_FRAME_MAX, from);

	MUST(len >= SIW_MPA_HDR_LEN && len <= SIW_MPA_FRAME_MAX);
	MUST(!siw_mpa_build(buf, len - 1, from));
	while ((more = siw_mpa_need(self, buf, n)))
		n += more;
	MUST(n == len);
	MUST(siw_mpa_parse(to, self, buf, n, SIW_MPA_PD_MAX) == SIW_MPA_OK);
	MUST(same_frame(from, to));
}

static void agree(const struct siw_mpa_result *a,
		  const struct siw_mpa_result *b)
{
	MUST(a->crc == b->crc && a->rev == b->rev);
	MUST(a->markers_tx == b->markers_rx && a->markers_rx == b->markers_tx);
	MUST(a->rtr == b->rtr && a->enhanced == b->enhanced);
	/* what one end may have outstanding the other has room for */
	if (a->peer_ird != SIW_MPA_RD_NONE)
		MUST(a->ord <= b->ird);
	if (b->peer_ird != SIW_MPA_RD_NONE)
		MUST(b->ord <= a->ird);
}

static void two_ends(const struct end *a, const struct end *b)
{
	struct siw_mpa_frame req, req_in, reply, reply_in;
	u8 buf_req[SIW_MPA_FRAME_MAX], buf_reply[SIW_MPA_FRAME_MAX];
	struct siw_mpa_result ra, rb;
	struct siw_mpa_local lb = b->l;

	siw_mpa_request(&req, &a->l);
	carry(&req, &req_in, buf_req);
	/* our private data has to fit the kind of Reply */
	if (req_in.enhanced && lb.pd_len > siw_mpa_pd_max(true))
		lb.pd_len = (u16)siw_mpa_pd_max(true);
	siw_mpa_negotiate_reply(&rb, &reply, &lb, &req_in);
	check_result(&rb, &lb, false);
	if (rb.act == SIW_MPA_CLOSE)
		return;
	MUST(reply.reject == (rb.act == SIW_MPA_REJECT));
	carry(&reply, &reply_in, buf_reply);
	siw_mpa_negotiate_done(&ra, &a->l, &req, &reply_in);
	check_result(&ra, &a->l, true);
	if (rb.act == SIW_MPA_REJECT)
		MUST(ra.act == SIW_MPA_REFUSED);
	else
		MUST(ra.act == SIW_MPA_GO || ra.act == SIW_MPA_TERM);
	if (ra.act == SIW_MPA_GO)
		agree(&ra, &rb);
	siw_mpa_reject(&reply, &lb, &req_in);
	MUST(reply.reject);
	carry(&reply, &reply_in, buf_reply);
	siw_mpa_negotiate_done(&ra, &a->l, &req, &reply_in);
	MUST(ra.act == SIW_MPA_REFUSED);
}

/* As a socket would give it: never more than was asked for. */
static enum siw_mpa_why gather(enum siw_mpa_role self, const u8 *data,
			       size_t size, struct siw_mpa_frame *f, u8 **buf)
{
	u32 n = 0, more, len;
	enum siw_mpa_why why;
	struct siw_mpa_frame all;

	while ((more = siw_mpa_need(self, data, n)) && n + more <= size) {
		n += more;
		MUST(n <= SIW_MPA_FRAME_MAX);
	}
	MUST(n + more <= SIW_MPA_FRAME_MAX);
	*buf = fuzz_exact(data, more ? size : n);
	len = more ? (u32)size : n;
	why = siw_mpa_parse(f, self, *buf, len, SIW_MPA_PD_MAX);
	MUST((u32)why < SIW_MPA_WHY_CNT);
	/* with all that was asked for the verdict is final, and without not
	 * yet good
	 */
	if (more) {
		MUST(why != SIW_MPA_OK);
	} else {
		MUST(why != SIW_MPA_TRUNCATED);
		MUST(siw_mpa_parse(&all, self, data, (u32)size,
				   SIW_MPA_PD_MAX) == why);
	}
	return why;
}

static void rebuild(const struct siw_mpa_frame *f, const u8 *data)
{
	u8 buf[SIW_MPA_FRAME_MAX], again[SIW_MPA_FRAME_MAX];
	struct siw_mpa_frame back;
	u32 len = siw_mpa_build(buf, sizeof(buf), f);

	/* all but reserved bits as they came */
	MUST(len == SIW_MPA_HDR_LEN + ((u32)data[18] << 8 | data[19]));
	MUST(!memcmp(buf, data, 16) && buf[17] == data[17]);
	MUST(!memcmp(buf + len - f->pd_len, data + len - f->pd_len,
		     f->pd_len));
	carry(f, &back, again);
	MUST(!memcmp(buf, again, len));
}

static void hostile_request(const struct end *e, const u8 *data, size_t size)
{
	struct siw_mpa_frame f, reply, back;
	u8 out[SIW_MPA_FRAME_MAX], *buf;
	struct siw_mpa_local l = e->l;
	struct siw_mpa_result r;

	if (gather(SIW_MPA_RESPONDER, data, size, &f, &buf) == SIW_MPA_OK) {
		rebuild(&f, data);
		if (f.enhanced && l.pd_len > siw_mpa_pd_max(true))
			l.pd_len = (u16)siw_mpa_pd_max(true);
		siw_mpa_negotiate_reply(&r, &reply, &l, &f);
		check_result(&r, &l, false);
		MUST((r.act == SIW_MPA_CLOSE) ==
		     (siw_mpa_acceptable(&l, &f) == SIW_MPA_BAD_REV));
		if (r.act != SIW_MPA_CLOSE)
			carry(&reply, &back, out);
	}
	free(buf);
}

static void hostile_reply(const struct end *e, const u8 *data, size_t size)
{
	struct siw_mpa_frame req, f;
	struct siw_mpa_result r;
	u8 *buf;

	if (gather(SIW_MPA_INITIATOR, data, size, &f, &buf) == SIW_MPA_OK) {
		rebuild(&f, data);
		siw_mpa_request(&req, &e->l);
		siw_mpa_negotiate_done(&r, &e->l, &req, &f);
		check_result(&r, &e->l, true);
		if (f.reject)
			MUST(r.act == SIW_MPA_REFUSED ||
			     r.act == SIW_MPA_CLOSE);
	}
	free(buf);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	static struct end a, b;

	policy(&in, &a);
	policy(&in, &b);
	two_ends(&a, &b);
	hostile_request(&b, in.p, in.left);
	hostile_reply(&a, in.p, in.left);
	return 0;
}
