/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * An executor for the receive machine, as small as the contract in core/rx.h
 * allows: memory to write into, receive buffers, outstanding Reads, and a
 * record of what was delivered. Frames to feed it are built here too.
 */
#ifndef SIW_TESTS_RX_EXEC_H
#define SIW_TESTS_RX_EXEC_H

#include "vectors.h"
#include "../../core/access.h"
#include "../../core/rx.h"

#define STAG		0xabcd0001u	/* of the memory */
#define BASE		0x1000u		/* TO of its first octet */
#define MEM_LEN		64u
#define CANARY		16u		/* octets around each target */
#define RQ_MAX		8u
#define RD_MAX		4u
#define STREAM_MAX	140000u
#define EV_MAX		32u

enum exec_mode { VERIFY_FIRST, CUT_THROUGH, NO_CRC, MODES };

struct exec_read {
	u32 stag, len;
	u64 to;
	bool atomic;		/* @stag is its Request Identifier */
};

struct exec {
	struct siw_rx rx;
	bool crc;
	/* the stream: received and not yet received octets */
	u32 pos, avail, filled;
	u8 stream[STREAM_MAX];
	/* targets, CANARY octets on both sides */
	u8 mem[CANARY + MEM_LEN + CANARY];
	u8 rbuf[CANARY + 70000 + CANARY];
	u8 sink[CANARY + MEM_LEN + CANARY];
	/* what the program has posted */
	u32 rq_len[RQ_MAX], rq_cnt, rq_next;
	struct exec_read rd[RD_MAX];
	u32 rd_cnt, rd_next;
	u32 ird;
	enum siw_err refuse_deliver;
	/* what happened */
	u32 steps, placed, delivers, fails, seg_starts;
	struct siw_rx_insn ev[EV_MAX];
	struct siw_rreq rreq;
	struct siw_areq areq;
	struct siw_term peer_term;
};

static struct exec e;
static bool exec_markers;	/* the next exec_begin() is for such a stream */
static u8 exec_ext;		/* ... and with these SIW_EXT_* */

static inline void exec_begin_as(enum exec_mode mode, bool responder,
				 bool rtr_send)
{
	const struct siw_rx_params p = {
		.crc = mode != NO_CRC,
		.markers = exec_markers,
		.verify_first = mode == VERIFY_FIRST,
		.responder = responder,
		.rtr_send = rtr_send,
		.ext = exec_ext,
	};

	memset(&e, 0, sizeof(e));
	memset(e.mem, 0xcc, sizeof(e.mem));
	memset(e.rbuf, 0xcc, sizeof(e.rbuf));
	memset(e.sink, 0xcc, sizeof(e.sink));
	e.crc = p.crc;
	e.ird = 4;
	siw_rx_init(&e.rx, &p);
}

static inline void exec_begin(enum exec_mode mode)
{
	exec_begin_as(mode, false, false);
}

static inline void post_recv(u32 len)
{
	e.rq_len[e.rq_cnt++] = len;
}

static inline void post_read(u32 stag, u64 to, u32 len)
{
	const struct exec_read r = { .stag = stag, .len = len, .to = to };

	e.rd[e.rd_cnt++] = r;
}

static inline void post_atomic(u32 id)
{
	const struct exec_read r = { .stag = id, .len = 8, .atomic = true };

	e.rd[e.rd_cnt++] = r;
}

static inline u8 *exec_target(const struct siw_rx_insn *i)
{
	if (i->op == SIW_RX_PLACE_UNTAGGED)
		return e.rbuf + CANARY + i->mo;
	if (i->opcode == RDMAP_READ_RESP)
		return e.sink + CANARY + (i->to - e.rd[e.rd_next].to);
	return e.mem + CANARY + (i->to - BASE);
}

static inline enum siw_err exec_check(const struct siw_rx_insn *i)
{
	const struct siw_mem_view v = {
		.valid = i->stag == STAG,
		.rights = SIW_R_REMOTE_WRITE,
		.base = BASE,
		.len = MEM_LEN,
	};

	if (i->op != SIW_RX_PLACE_TAGGED || i->opcode != RDMAP_WRITE)
		return SIW_OK;
	return siw_acc_err(siw_access(&v, NULL, SIW_R_REMOTE, i->to,
				      i->seg_len, SIW_R_REMOTE_WRITE),
			   SIW_ACC_TAGGED);
}

static inline void exec_place(const struct siw_rx_insn *i, u32 n)
{
	const u8 *src = e.stream + e.pos;
	u32 crc = 0x12345678;
	enum siw_err err;

	if (i->flags & SIW_RX_F_SEG_START) {
		e.seg_starts++;
		err = exec_check(i);
		if (err) {
			siw_rx_refuse(&e.rx, err);
			return;
		}
	}
	memcpy(exec_target(i), src, n);
	e.placed += n;
	if (siw_rx_crc_wanted(&e.rx))
		crc = siw_crc32c(siw_rx_crc(&e.rx), src, n);
	e.pos += n;
	siw_rx_done(&e.rx, n, crc);
}

static inline void exec_deliver(const struct siw_rx_insn *i)
{
	if ((i->rreq || i->areq) && !e.ird) {
		siw_rx_refuse(&e.rx, SIW_E_RREQ_IRD);
		return;
	}
	if (e.refuse_deliver) {
		siw_rx_refuse(&e.rx, e.refuse_deliver);
		return;
	}
	if (e.delivers < EV_MAX)
		e.ev[e.delivers] = *i;
	e.delivers++;
	if (i->rreq) {
		e.rreq = *i->rreq;
		e.ird--;
	}
	if (i->areq) {
		e.areq = *i->areq;
		e.ird--;
	}
	if (i->term)
		e.peer_term = *i->term;
	if (i->opcode == RDMAP_READ_RESP || i->opcode == RDMAP_ATOMIC_RESP)
		e.rd_next++;
	siw_rx_done(&e.rx, 0, 0);
}

static inline void exec_ask(const struct siw_rx_insn *i)
{
	const struct exec_read *r = &e.rd[e.rd_next];

	if (i->op == SIW_RX_NEED_RQE) {
		if (e.rq_next < e.rq_cnt)
			siw_rx_rqe(&e.rx, e.rq_len[e.rq_next++]);
		else
			siw_rx_refuse(&e.rx, SIW_E_UNT_NOBUF);
		return;
	}
	if (i->opcode == RDMAP_ATOMIC_RESP) {
		if (e.rd_next < e.rd_cnt && r->atomic)
			siw_rx_atomic(&e.rx, r->stag);
		else
			siw_rx_refuse(&e.rx, SIW_E_ARESP_NONE);
		return;
	}
	if (e.rd_next < e.rd_cnt && !r->atomic)
		siw_rx_read(&e.rx, r->stag, r->to, r->len);
	else
		siw_rx_refuse(&e.rx, SIW_E_ROP_UNSOLICITED);
}

/* One instruction. Return: false when more octets are needed, or at the end. */
static inline bool exec_step(void)
{
	u32 left = e.avail - e.pos, n;
	struct siw_rx_insn i;

	siw_rx_next(&e.rx, &i);
	n = i.len < left ? i.len : left;
	if (i.len && !left)
		return false;
	e.steps++;
	switch (i.op) {
	case SIW_RX_FETCH:
		memcpy(i.buf, e.stream + e.pos, n);
		e.pos += n;
		siw_rx_done(&e.rx, n, 0);
		return true;
	case SIW_RX_VERIFY:
		if (left < i.len)
			return false;
		siw_rx_verified(&e.rx, siw_crc32c(siw_rx_crc(&e.rx),
						  e.stream + e.pos, i.len));
		return true;
	case SIW_RX_NEED_RQE:
	case SIW_RX_NEED_READ:
		exec_ask(&i);
		return true;
	case SIW_RX_PLACE_TAGGED:
	case SIW_RX_PLACE_UNTAGGED:
		exec_place(&i, n);
		return true;
	case SIW_RX_DELIVER:
		exec_deliver(&i);
		return true;
	case SIW_RX_FAIL:
		e.fails++;
		return false;
	}
	return false;
}

/* The next @n octets of what was put into the stream arrive. */
static inline void arrive(u32 n)
{
	if (n > e.filled - e.avail)
		n = e.filled - e.avail;
	e.avail += n;
	while (exec_step())
		;
}

static inline void arrive_all(void)
{
	arrive(e.filled - e.avail);
}

static inline void arrive_in_pieces(u32 piece)
{
	while (e.avail < e.filled)
		arrive(piece);
}

static inline u8 *room(void)
{
	return e.stream + e.filled;
}

static inline void put_golden(const char *name)
{
	e.filled += vector_get(name, room());
}

/* Close the FPDU that was built at room(): pad and CRC. Return: where it is. */
static inline u8 *put_end(u32 ulpdu_len)
{
	u8 *p = room();

	put16(p, ulpdu_len);
	memset(p + 2 + ulpdu_len, 0, fpdu_octets(p) - 2 - ulpdu_len);
	fix_crc(p);
	e.filled += fpdu_octets(p);
	return p;
}

static inline u8 *put_tagged(u8 ddp, u8 rdmap, u32 stag, u64 to,
			     const void *pay, u32 n)
{
	u8 *p = room();

	p[2] = ddp;
	p[3] = rdmap;
	put32(p + 4, stag);
	put64(p + 8, to);
	if (n)
		memcpy(p + 16, pay, n);
	return put_end(14 + n);
}

static inline u8 *put_untagged(u8 ddp, u8 rdmap, u32 qn, u32 msn, u32 mo,
			       const void *pay, u32 n)
{
	u8 *p = room();

	p[2] = ddp;
	p[3] = rdmap;
	put32(p + 4, 0);
	put32(p + 8, qn);
	put32(p + 12, msn);
	put32(p + 16, mo);
	if (n)
		memcpy(p + 20, pay, n);
	return put_end(18 + n);
}

#define LAST	0x40

static inline u8 *put_write(u8 last, u64 to, const void *pay, u32 n)
{
	return put_tagged(0x81 | last, 0x40, STAG, to, pay, n);
}

static inline u8 *put_resp(u8 last, u32 stag, u64 to, const void *pay, u32 n)
{
	return put_tagged(0x81 | last, 0x42, stag, to, pay, n);
}

static inline u8 *put_send(u8 last, u32 msn, u32 mo, const void *pay, u32 n)
{
	return put_untagged(0x01 | last, 0x43, 0, msn, mo, pay, n);
}

static inline u8 *put_term(u8 last, u32 mo, const void *pay, u32 n)
{
	return put_untagged(0x01 | last, 0x47, 2, 1, mo, pay, n);
}

/* A Read Request with @n octets where 28 belong. */
static inline u8 *put_rreq(u8 last, u32 msn, u32 mo, u32 n)
{
	u8 h[40] = { 0 };

	put32(h, 0x100);
	put64(h + 4, 0x2000);
	put32(h + 12, 4096);
	put32(h + 16, 0x200);
	put64(h + 20, 0x3000);
	return put_untagged(0x01 | last, 0x41, 1, msn, mo, h, n);
}

/* Return: the error that stopped the machine, SIW_OK while it goes on. */
static inline enum siw_err why(void)
{
	const struct siw_term *t = siw_rx_term(&e.rx);

	return t ? t->err : SIW_OK;
}

static inline bool all_cc(const u8 *p, u32 n)
{
	while (n && *p == 0xcc) {
		p++;
		n--;
	}
	return !n;
}

static inline bool nothing_placed(void)
{
	return !e.placed && all_cc(e.mem, sizeof(e.mem)) &&
	       all_cc(e.rbuf, sizeof(e.rbuf)) &&
	       all_cc(e.sink, sizeof(e.sink));
}

static inline bool canaries_alive(void)
{
	return all_cc(e.mem, CANARY) &&
	       all_cc(e.mem + CANARY + MEM_LEN, CANARY) &&
	       all_cc(e.rbuf, CANARY) &&
	       all_cc(e.sink, CANARY) &&
	       all_cc(e.sink + CANARY + MEM_LEN, CANARY);
}

#endif
