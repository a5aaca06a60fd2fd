// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The transmit machine. RFC 5044 §4, RFC 5041 §5, RFC 5040 §5, RFC 7306 §5, §6
 *
 * Markers are nowhere stored. Where an FPDU is cut it is known which octet of
 * the stream it begins with, and so where markers will be and what they say.
 */
#include "tx.h"

static struct siw_tx_fpdu *slot(const struct siw_tx *tx, u32 i)
{
	return (struct siw_tx_fpdu *)&tx->ring[i % SIW_TX_RING];
}

void siw_tx_init(struct siw_tx *tx, const struct siw_tx_params *p)
{
	u32 qn;

	memset(tx, 0, sizeof(*tx));
	tx->crc_on = p->crc;
	tx->markers = p->markers;
	tx->ext = p->ext;
	for (qn = 0; qn < DDP_QN_CNT; qn++)
		tx->msn[qn] = 1;
}

static bool msg_valid(const struct siw_tx *tx, const struct siw_tx_msg *m)
{
	const struct siw_opcode_info *info = siw_opcode_info(m->opcode);

	if (m->opcode >= RDMAP_OPCODE_CNT || !m->ctx || !info->known ||
	    (info->ext & ~tx->ext))
		return false;
	switch (m->opcode) {
	case RDMAP_READ_REQ:
		return m->rreq && !m->len;
	case RDMAP_ATOMIC_REQ:
		return m->areq && !siw_ext_check_areq(m->areq) && !m->len;
	case RDMAP_ATOMIC_RESP:
		return m->aresp && !m->len;
	case RDMAP_TERMINATE:
		return m->len <= RDMAP_TERM_MAX;
	default:
		return !info->ext || !m->len;
	}
}

/* The message, if it is nothing but headers. Return: octets, or 0. */
static u32 make_whole(void *hdr, const struct siw_tx_msg *m, u32 msn)
{
	struct ddp_untagged_hdr *u = hdr;
	u32 len;

	switch (m->opcode) {
	case RDMAP_READ_REQ:
		len = siw_fpdu_encode_rreq(hdr, m->rreq);
		break;
	case RDMAP_ATOMIC_REQ:
		len = siw_ext_encode_areq(hdr, m->areq);
		break;
	case RDMAP_ATOMIC_RESP:
		len = siw_ext_encode_aresp(hdr, m->aresp);
		break;
	case RDMAP_IMM:
	case RDMAP_IMM_SE:
		return siw_ext_encode_imm(hdr, m->opcode, msn, m->imm);
	default:
		return 0;
	}
	u->msn = cpu_to_be32(msn);
	return len;
}

int siw_tx_start(struct siw_tx *tx, const struct siw_tx_msg *m)
{
	const struct siw_opcode_info *info;

	if (tx->active)
		return -EBUSY;
	if (!msg_valid(tx, m))
		return -EINVAL;
	info = siw_opcode_info(m->opcode);
	tx->msg = *m;
	tx->cur_msn = info->tagged ? 0 : tx->msn[info->qn]++;
	tx->whole_len = (u8)make_whole(tx->whole, m, tx->cur_msn);
	tx->msg.rreq = NULL;	/* not ours to keep, as the next two */
	tx->msg.areq = NULL;
	tx->msg.aresp = NULL;
	tx->off = 0;
	tx->active = true;
	return 0;
}

static void cut_whole(const struct siw_tx *tx, struct siw_tx_fpdu *f)
{
	memcpy(f->hdr, tx->whole, sizeof(f->hdr));
	f->hdr_len = tx->whole_len;
	f->pay_off = 0;
	f->pay_len = 0;
	f->last = true;
}

static u32 bounded_mulpdu(u32 mulpdu)
{
	if (mulpdu < MPA_MIN_MULPDU)
		return MPA_MIN_MULPDU;
	return mulpdu < MPA_MAX_MULPDU ? mulpdu : MPA_MAX_MULPDU;
}

static void cut_segment(struct siw_tx *tx, struct siw_tx_fpdu *f, u32 mulpdu)
{
	const struct siw_tx_msg *m = &tx->msg;
	const struct siw_opcode_info *info = siw_opcode_info(m->opcode);
	u32 room = MPA_LEN_SIZE + bounded_mulpdu(mulpdu) - info->hdr_len;
	u32 left = m->len - tx->off;
	const struct siw_seg s = {
		.opcode = m->opcode,
		.last = left <= room,
		.pay_len = left <= room ? left : room,
		.stag = m->stag,
		.to = m->to + tx->off,
		.inval_stag = m->inval_stag,
		.msn = tx->cur_msn,
		.mo = tx->off,
	};

	f->hdr_len = (u8)siw_fpdu_encode(f->hdr, &s);
	f->pay_off = tx->off;
	f->pay_len = s.pay_len;
	f->last = s.last;
	tx->off += s.pay_len;
}

/* Octets in front of octet @i of an FPDU, neither counting markers. */
static u32 wire_off(const struct siw_tx_fpdu *f, u32 i)
{
	u32 cnt = f->markers ? siw_marker_cnt(i + 1, f->pos) : 0;

	return i + MPA_MARKER_SIZE * cnt;
}

/* Where the FPDU comes in the stream, and what that does to it. */
static void set_place(struct siw_tx *tx, struct siw_tx_fpdu *f)
{
	f->markers = tx->markers;
	f->pos = tx->pos;
	f->wire_len = wire_off(f, f->hdr_len + f->pay_len + f->trl_len - 1u) +
		      1;
	tx->pos = (u16)((tx->pos + f->wire_len) % MPA_MARKER_GAP);
}

/* ULPDU_Length of a cut FPDU; the header holds the field itself. */
static u32 ulpdu_len(const struct siw_tx_fpdu *f)
{
	return f->hdr_len - (u32)MPA_LEN_SIZE + f->pay_len;
}

struct siw_tx_fpdu *siw_tx_cut(struct siw_tx *tx, u32 mulpdu)
{
	struct siw_tx_fpdu *f;

	if (!tx->active || siw_tx_full(tx))
		return NULL;
	f = slot(tx, tx->tail++);
	if (tx->whole_len)
		cut_whole(tx, f);
	else
		cut_segment(tx, f, mulpdu);
	f->trl_len = (u8)(siw_fpdu_pad(ulpdu_len(f)) + MPA_CRC_SIZE);
	f->sealed = false;
	f->crc_on = tx->crc_on;
	f->ctx = tx->msg.ctx;
	set_place(tx, f);
	tx->active = !f->last;
	return f;
}

/* The piece that holds octet @i, markers not counted. */
static bool data_piece(const struct siw_tx_fpdu *f, u32 i,
		       struct siw_tx_piece *p)
{
	p->marker = false;
	p->own = NULL;
	p->off = 0;
	if (i < f->hdr_len) {
		p->own = f->hdr + i;
		p->len = f->hdr_len - i;
		return true;
	}
	i -= f->hdr_len;
	if (i < f->pay_len) {
		p->off = f->pay_off + i;
		p->len = f->pay_len - i;
		return true;
	}
	i -= f->pay_len;
	p->own = f->trl + i;
	p->len = f->trl_len - i;
	return f->sealed;
}

/* A marker says how far behind the ULPDU_Length field it comes; one in front
 * of it says 0. @at: the octet of the marker that is at @off.
 */
static void marker_piece(const struct siw_tx_fpdu *f, u32 off, u32 at,
			 struct siw_tx_piece *p)
{
	u32 ptr = off - at;

	if (ptr && !f->pos)
		ptr -= MPA_MARKER_SIZE;
	p->marker = true;
	p->store = cpu_to_be32(ptr);
	p->own = (const u8 *)&p->store + at;
	p->len = MPA_MARKER_SIZE - at;
	p->off = 0;
}

bool siw_tx_piece(const struct siw_tx_fpdu *f, u32 off, struct siw_tx_piece *p)
{
	u32 end = f->pos + off, at, cnt;

	if (off >= f->wire_len)
		return false;
	if (!f->markers)
		return data_piece(f, off, p);
	at = end % MPA_MARKER_GAP;
	if (at < MPA_MARKER_SIZE) {
		marker_piece(f, off, at, p);
		return true;
	}
	/* All that begin before @off are within it: at 0, 512, ... */
	cnt = end / MPA_MARKER_GAP + !f->pos;
	if (!data_piece(f, off - MPA_MARKER_SIZE * cnt, p))
		return false;
	if (p->len > MPA_MARKER_GAP - at)
		p->len = MPA_MARKER_GAP - at;
	return true;
}

/* CRC over the pad, and over a marker between pad and CRC. */
static u32 crc_pad(const struct siw_tx_fpdu *f, u32 crc)
{
	u32 end = f->wire_len - (u32)MPA_CRC_SIZE;
	u32 off = wire_off(f, f->hdr_len + f->pay_len);
	struct siw_tx_piece p;

	while (off < end && siw_tx_piece(f, off, &p)) {
		u32 n = p.len < end - off ? p.len : end - off;

		crc = siw_crc32c(crc, p.own, n);
		off += n;
	}
	return crc;
}

void siw_tx_seal(struct siw_tx_fpdu *f, u32 crc)
{
	__le32 wire;

	memset(f->trl, 0, sizeof(f->trl));
	f->sealed = true;
	if (!f->crc_on)
		return;
	wire = siw_fpdu_crc(crc_pad(f, crc));
	memcpy(f->trl + f->trl_len - sizeof(wire), &wire, sizeof(wire));
}

const struct siw_tx_fpdu *siw_tx_unsent(const struct siw_tx *tx, u32 i,
					u32 *off)
{
	(void)SIW_MISUSE(i >= siw_tx_count(tx));
	*off = i ? 0 : tx->sent;
	return slot(tx, tx->head + i);
}

void siw_tx_sent(struct siw_tx *tx, u32 n)
{
	while (n && siw_tx_count(tx)) {
		const struct siw_tx_fpdu *f = slot(tx, tx->head);
		u32 left = f->wire_len - tx->sent;

		if (n < left) {
			tx->sent += n;
			return;
		}
		/* Whole FPDUs can only be sent with their trailer. */
		if (SIW_MISUSE(!f->sealed))
			return;
		n -= left;
		tx->sent = 0;
		tx->head++;
	}
	(void)SIW_MISUSE(n);
}

void *siw_tx_done(struct siw_tx *tx)
{
	while (tx->done != tx->head) {
		const struct siw_tx_fpdu *f = slot(tx, tx->done++);

		if (f->last)
			return f->ctx;
	}
	return NULL;
}

void *siw_tx_abort(struct siw_tx *tx)
{
	struct siw_tx_fpdu *f = slot(tx, tx->head);

	tx->active = false;
	if (!tx->sent) {
		if (siw_tx_count(tx))
			tx->pos = f->pos;
		tx->tail = tx->head;
		return NULL;
	}
	tx->pos = (u16)((f->pos + f->wire_len) % MPA_MARKER_GAP);
	tx->tail = tx->head + 1;
	/* So that siw_tx_done() returns it. */
	f->last = true;
	return f->ctx;
}

/* An FPDU as it is so far, without its CRC if it is not sealed. */
static u32 copy_pieces(struct siw_tx_fpdu *f, u8 *out, const u8 *payload)
{
	struct siw_tx_piece piece;
	u32 n = 0;

	for (; siw_tx_piece(f, n, &piece); n += piece.len)
		memcpy(out + n, piece.own ? piece.own : payload + piece.off,
		       piece.len);
	return n;
}

u32 siw_tx_lone_term(struct siw_tx *tx, const struct siw_tx_params *p,
		     enum siw_err err, u8 *out)
{
	struct siw_tx_msg m = { .opcode = RDMAP_TERMINATE, .ctx = tx };
	u8 payload[RDMAP_TERM_MAX];
	struct siw_tx_fpdu *f;
	struct siw_term term;
	u32 n;

	siw_term_init(&term, err, NULL, 0);
	m.len = siw_term_build(payload, &term);
	siw_tx_init(tx, p);
	siw_tx_start(tx, &m);
	f = siw_tx_cut(tx, MPA_MIN_MULPDU);
	n = copy_pieces(f, out, payload);
	siw_tx_seal(f, siw_crc32c(~0u, out, n));
	return copy_pieces(f, out, payload);
}
