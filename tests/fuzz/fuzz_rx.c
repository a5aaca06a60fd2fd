// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The receive machine: any stream, cut anywhere, with and without CRC and
 * markers. The executor of the unit tests carries its instructions out; before
 * each of them an oracle, which knows where FPDUs begin and whether they are
 * good from the octets alone, says whether it may be.
 *
 *  - nothing is placed but payload, at the place that its header names, inside
 *    of what was granted; with verify-first only of an FPDU whose CRC is good
 *  - nothing is delivered but at the end of a last segment whose CRC and whose
 *    markers are good
 *  - nothing is consumed, placed or delivered after a failure
 *  - every instruction gets on, or octets are missing
 *  - where the stream was cut makes no difference, nor does (but for what has
 *    been placed) when the CRC is looked at
 *
 * Input: struct head, then the FPDUs, without markers, whose CRC fields are
 * mended; with F_RAW the stream as it is.
 */
#include "fuzz.h"
#include "../unit/rx_exec.h"
#include "../unit/markers.h"

#define SIZE_MAX_	8192u
#define FPDU_CNT	(SIZE_MAX_ / 8 + 2)
#define CUTS		6u

enum {
	F_NO_CRC	= 0x01,
	F_CUT_THROUGH	= 0x02,
	F_MARKERS	= 0x04,
	F_RESPONDER	= 0x08,
	F_RTR_SEND	= 0x10,
	F_RAW		= 0x20,
	F_BAD_MARK	= 0x40,	/* a marker is wrong, no CRC */
	F_EXT		= 0x80,	/* both ends agreed to RFC 7306 */
};

struct head {
	u8 flags;
	u8 spoil;		/* this FPDU's CRC is not mended; 0: none */
	u8 refuse;		/* DELIVER is refused with this; 0: none */
	u8 ird;
	u8 recv[3];		/* buffers; from 128 on in units of 256 */
	u8 read[2];		/* Reads, octets; 254: an Atomic, 255: none */
	u8 cut[CUTS];		/* octets that arrive together; 0: all */
};

/* One FPDU: [at, end) without markers, [wire, wire_end) of the stream. */
struct fpdu {
	u32 at, end, wire, wire_end;
	u32 hdr, ulpdu;
	bool good_crc, good_marks;
};

static u8 plain[SIZE_MAX_ + 8];
static u32 plain_len;
static struct fpdu fpdus[FPDU_CNT];
static u32 fpdu_cnt;
static bool marked;

/* What a run comes to. */
struct outcome {
	u32 delivers, placed, fails, mem;
	enum siw_err why;
	struct siw_rx_insn ev[EV_MAX];
	bool idle, gate;
};

/* --- the oracle -------------------------------------------------------- */

static u32 wire_of(u32 at)
{
	return marked ? at + 4 * (at / 508 + 1) : at;
}

static u32 plain_of(u32 wire)
{
	return marked ? wire - 4 * (wire / 512 + 1) : wire;
}

static bool marks_good(const struct fpdu *f)
{
	u32 field = wire_of(f->at), m, want;

	for (m = (f->wire + 511) / 512 * 512; m < f->wire_end; m += 512) {
		want = m < field ? 0 : m - field;
		if ((get32(e.stream + m) & 0xfffc) != (want & 0xffff))
			return false;
	}
	return true;
}

static bool crc_good(const struct fpdu *f)
{
	u32 crc = ~siw_crc32c(~0u, e.stream + f->wire,
			      f->wire_end - f->wire - 4);
	const u8 *p = e.stream + f->wire_end - 4;

	return crc == ((u32)p[3] << 24 | (u32)p[2] << 16 | (u32)p[1] << 8 |
		       p[0]);
}

/* Where the FPDUs of e.stream are; the last one may not be all there. */
static void survey(void)
{
	u32 i, at = 0, wire = 0;
	struct fpdu *f;

	plain_len = 0;
	for (i = 0; i < e.filled; i++)
		if (!marked || i % 512 >= 4)
			plain[plain_len++] = e.stream[i];
	for (fpdu_cnt = 0; plain_len >= at + 4; fpdu_cnt++) {
		MUST(fpdu_cnt < FPDU_CNT);
		f = &fpdus[fpdu_cnt];
		f->at = at;
		f->wire = wire;
		f->ulpdu = get16(plain + at);
		f->hdr = plain[at + 2] & 0x80 ? 16 : 20;
		f->end = at + fpdu_octets(plain + at);
		f->wire_end = wire_of(f->end - 1) + 1;
		f->good_crc = f->wire_end <= e.filled && crc_good(f);
		f->good_marks = f->wire_end <= e.filled &&
				(!marked || marks_good(f));
		at = f->end;
		wire = f->wire_end;
	}
}

/* The FPDU that the octet before @pos of the stream belongs to. */
static const struct fpdu *fpdu_at(u32 pos)
{
	u32 i;

	for (i = 0; i < fpdu_cnt; i++)
		if (pos > fpdus[i].wire && pos <= fpdus[i].wire_end)
			return &fpdus[i];
	MUST(!"an instruction outside of all FPDUs");
	return NULL;
}

static void check_room(const struct siw_rx_insn *i)
{
	const struct exec_read *r = &e.rd[e.rd_next];

	if (i->op == SIW_RX_PLACE_UNTAGGED) {
		/* a zero-length RTR takes none, but that is not placed */
		MUST(e.rq_next);
		MUST((u64)i->mo + i->len <= e.rq_len[e.rq_next - 1]);
	} else if (i->opcode == RDMAP_READ_RESP) {
		MUST(e.rd_next < e.rd_cnt && i->stag == r->stag && !r->atomic);
		MUST(i->to >= r->to && i->to - r->to + i->len <= r->len);
	} else if (!(i->flags & SIW_RX_F_SEG_START)) {
		MUST(i->stag == STAG && i->to >= BASE);
		MUST(i->to - BASE + i->len <= MEM_LEN);
	}
}

static void check_place(const struct siw_rx_insn *i)
{
	const struct fpdu *f = fpdu_at(e.pos + 1);
	const u8 *p = plain + f->at;
	u32 off = plain_of(e.pos) - f->at;

	MUST(i->len && i->seg_len && i->len <= i->seg_len);
	MUST(!marked || (e.pos % 512 >= 4 && e.pos % 512 + i->len <= 512));
	MUST(off >= f->hdr && off + i->len <= 2 + f->ulpdu);
	MUST(i->seg_len == 2 + f->ulpdu - f->hdr);
	MUST(!!(i->flags & SIW_RX_F_SEG_START) == (off == f->hdr));
	MUST(i->opcode == (p[3] & 0xf));
	off -= f->hdr;
	if (i->op == SIW_RX_PLACE_TAGGED) {
		MUST(p[2] & 0x80);
		MUST(i->stag == get32(p + 4) && i->to == get64(p + 8) + off);
	} else {
		MUST(!(p[2] & 0x80) && !get32(p + 8));
		MUST(i->mo == get32(p + 16) + off &&
		     i->msn == get32(p + 12));
	}
	if (e.crc && e.rx.verify_first)
		MUST(f->good_crc);
	MUST(siw_rx_crc_wanted(&e.rx) == (e.crc && !e.rx.verify_first));
	check_room(i);
}

/* A message has the length that its kind lets it have. */
static void check_len(const struct siw_rx_insn *i, const struct fpdu *f)
{
	u32 pay = 2 + f->ulpdu - f->hdr, mo = get32(plain + f->at + 16);

	switch (i->opcode) {
	case RDMAP_READ_RESP:
		MUST(e.rd_next < e.rd_cnt);
		MUST(i->msg_len == e.rd[e.rd_next].len);
		break;
	case RDMAP_READ_REQ:
		MUST(i->rreq && pay == 28 && !mo);
		break;
	case RDMAP_IMM:
	case RDMAP_IMM_SE:
		MUST(exec_ext && e.rq_next && pay == 8 && !mo);
		MUST(i->val == get64(plain + f->at + 20));
		break;
	case RDMAP_ATOMIC_REQ:
		MUST(exec_ext && i->areq && pay == 52 && !mo);
		MUST(i->areq->to == get64(plain + f->at + 32));
		break;
	case RDMAP_ATOMIC_RESP:
		MUST(exec_ext && e.rd_next < e.rd_cnt && pay == 12);
		MUST(e.rd[e.rd_next].atomic &&
		     e.rd[e.rd_next].stag == get32(plain + f->at + 20));
		MUST(i->val == get64(plain + f->at + 24));
		break;
	case RDMAP_SEND:
	case RDMAP_SEND_INVAL:
	case RDMAP_SEND_SE:
	case RDMAP_SEND_SE_INVAL:
		MUST(e.rq_next && i->msg_len == mo + pay);
		MUST(i->msg_len <= e.rq_len[e.rq_next - 1]);
		break;
	}
}

static void check_deliver(const struct siw_rx_insn *i)
{
	const struct fpdu *f = fpdu_at(e.pos);
	const u8 *p = plain + f->at;

	MUST(e.pos == f->wire_end && (p[2] & 0x40));
	MUST(i->opcode == (p[3] & 0xf) && (i->flags & SIW_RX_F_MSG_LAST));
	MUST(f->good_marks && (!e.crc || f->good_crc));
	MUST(siw_rx_gate_open(&e.rx));
	MUST((i->opcode == RDMAP_TERMINATE) == !!i->term);
	if (!(p[2] & 0x80))
		MUST(i->msn == get32(p + 12) || i->term);
	if (i->flags & SIW_RX_F_INVALIDATE)
		MUST(i->inval_stag == get32(p + 4));
	check_len(i, f);
}

static void check_fetch(const struct siw_rx_insn *i)
{
	const u8 *buf = i->buf, *rx = (const u8 *)&e.rx;

	MUST(i->len && buf >= rx && buf + i->len <= rx + sizeof(e.rx));
}

static void check_failed(void)
{
	const struct siw_term *t = siw_rx_term(&e.rx);
	u8 buf[RDMAP_TERM_MAX];
	struct siw_term back;
	u32 len;

	MUST(t && t->err != SIW_OK);
	if (!t->send)
		return;
	MUST(siw_rx_gate_open(&e.rx) && siw_err_info(t->err)->sendable);
	len = siw_term_build(buf, t);
	siw_term_parse(&back, buf, len);
	MUST(back.layer == t->layer && back.etype == t->etype &&
	     back.code == t->code && back.hdrct == t->hdrct);
}

static void check_insn(const struct siw_rx_insn *i)
{
	u32 need = siw_rx_need(&e.rx);

	MUST(need <= i->len && !need == !i->len);
	switch (i->op) {
	case SIW_RX_FETCH:
		check_fetch(i);
		break;
	case SIW_RX_VERIFY:
		MUST(e.crc && e.pos + i->len == fpdu_at(e.pos)->wire_end);
		break;
	case SIW_RX_PLACE_TAGGED:
	case SIW_RX_PLACE_UNTAGGED:
		check_place(i);
		break;
	case SIW_RX_DELIVER:
		check_deliver(i);
		break;
	case SIW_RX_FAIL:
		check_failed();
		break;
	default:
		MUST(!i->len);
	}
	MUST((i->op == SIW_RX_FAIL) == !!siw_rx_term(&e.rx));
}

/* --- runs -------------------------------------------------------------- */

static void step_all(void)
{
	struct siw_rx_insn i, again;
	bool on;

	do {
		siw_rx_next(&e.rx, &i);
		siw_rx_next(&e.rx, &again);
		MUST(!memcmp(&i, &again, sizeof(i)));
		/* what is known of the octets to come is not enough to tell */
		if (e.avail > e.pos || !i.len)
			check_insn(&i);
		on = exec_step();
		MUST(e.pos <= e.avail);
		MUST(e.steps <= 2 * e.filled + 16);
	} while (on);
}

static void feed(u32 n)
{
	u32 delivers = e.delivers, placed = e.placed, pos = e.pos;
	bool failed = e.fails;

	e.avail += n < e.filled - e.avail ? n : e.filled - e.avail;
	step_all();
	if (failed)
		MUST(e.delivers == delivers && e.placed == placed &&
		     e.pos == pos);
}

static u32 recv_len(u8 v)
{
	return v < 128 ? v : (v - 127u) * 256;
}

static void prepare(const struct head *h, enum exec_mode mode,
		    const u8 *stream, u32 len)
{
	u32 i;

	exec_markers = marked;
	exec_ext = h->flags & F_EXT ? SIW_EXT_ALL : 0;
	exec_begin_as(mode, h->flags & F_RESPONDER, h->flags & F_RTR_SEND);
	e.ird = h->ird;
	e.refuse_deliver = (enum siw_err)(h->refuse % SIW_E_CNT);
	for (i = 0; i < sizeof(h->recv); i++)
		post_recv(recv_len(h->recv[i]));
	for (i = 0; i < sizeof(h->read); i++)
		if (h->read[i] == 254)
			post_atomic(0x1234);
		else if (h->read[i] != 255)
			post_read(0x100 + i, 0x2000 + 64 * i,
				  h->read[i] % (MEM_LEN + 1));
	memcpy(e.stream, stream, len);
	e.filled = len;
}

static void finish(struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	o->delivers = e.delivers;
	o->placed = e.placed;
	o->fails = !!e.fails;
	o->why = why();
	o->idle = siw_rx_idle(&e.rx);
	o->gate = siw_rx_gate_open(&e.rx);
	o->mem = siw_crc32c(~0u, e.mem, sizeof(e.mem));
	o->mem = siw_crc32c(o->mem, e.rbuf, sizeof(e.rbuf));
	o->mem = siw_crc32c(o->mem, e.sink, sizeof(e.sink));
	memcpy(o->ev, e.ev, sizeof(o->ev));
	MUST(canaries_alive());
}

static void run(const struct head *h, enum exec_mode mode, bool cut,
		const u8 *stream, u32 len, struct outcome *o)
{
	u32 i = 0, n;

	prepare(h, mode, stream, len);
	survey();
	while (e.avail < e.filled) {
		n = cut ? h->cut[i++ % CUTS] : 0;
		feed(n ? n : e.filled);
	}
	finish(o);
}

static void compare(const struct outcome *a, const struct outcome *b,
		    bool placed)
{
	u32 i;

	MUST(a->delivers == b->delivers && a->why == b->why);
	MUST(a->fails == b->fails);
	/* verified in advance, an FPDU with a wrong marker was valid (D-10) */
	MUST(a->gate == b->gate || (!placed && a->why == SIW_E_MPA_MARKER));
	for (i = 0; i < a->delivers && i < EV_MAX; i++) {
		MUST(a->ev[i].opcode == b->ev[i].opcode);
		MUST(a->ev[i].msg_len == b->ev[i].msg_len);
		MUST(a->ev[i].flags == b->ev[i].flags);
		MUST(a->ev[i].msn == b->ev[i].msn);
		MUST(a->ev[i].val == b->ev[i].val);
	}
	if (placed)
		MUST(a->placed == b->placed && a->mem == b->mem &&
		     a->idle == b->idle);
}

/* --- the stream -------------------------------------------------------- */

/* Give whole FPDUs their CRCs and markers. Return: octets in @out. */
static u32 mend(const struct head *h, u8 *data, u32 size, u8 *out)
{
	const struct mark_cfg cfg = {
		.crc = !(h->flags & F_NO_CRC),
		.flip = h->flags & F_BAD_MARK ? 4 : 0,
		.which = h->spoil,
	};
	u32 at = 0, n, cnt = 0, len;

	while (size - at >= 4 && (n = fpdu_octets(data + at)) <= size - at) {
		if (++cnt != h->spoil && !marked)
			fix_crc(data + at);
		at += n;
	}
	if (marked) {
		len = mark_stream(data, at, out, &cfg);
		if (h->spoil && len && !cfg.flip)
			out[h->spoil * 7u % len] ^= 1;
	} else {
		memcpy(out, data, at);
		len = at;
	}
	memcpy(out + len, data + at, size - at);
	return len + size - at;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static u8 copy[SIZE_MAX_], stream[SIZE_MAX_];
	static struct outcome cut, whole, other;
	struct fuzz_in in = { data, size };
	enum exec_mode mode;
	struct head h;
	u32 len;

	fuzz_octets(&in, &h, sizeof(h));
	/* room for the markers */
	len = in.left < SIZE_MAX_ - 256 ? (u32)in.left : SIZE_MAX_ - 256;
	fuzz_octets(&in, copy, len);
	marked = h.flags & F_MARKERS;
	mode = h.flags & F_NO_CRC ? NO_CRC :
	       h.flags & F_CUT_THROUGH ? CUT_THROUGH : VERIFY_FIRST;
	if (h.flags & F_RAW)
		memcpy(stream, copy, len);
	else
		len = mend(&h, copy, len, stream);
	run(&h, mode, true, stream, len, &cut);
	run(&h, mode, false, stream, len, &whole);
	compare(&cut, &whole, true);
	if (mode != NO_CRC) {
		run(&h, mode == CUT_THROUGH ? VERIFY_FIRST : CUT_THROUGH, true,
		    stream, len, &other);
		compare(&cut, &other, false);
	}
	return 0;
}
