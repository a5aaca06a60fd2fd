// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The transmit machine. RFC 5044 §4, RFC 5041 §5, RFC 5040 §5
 *
 * Markers would be put where an FPDU is cut: they lengthen it.
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
	for (qn = 0; qn < DDP_QN_CNT; qn++)
		tx->msn[qn] = 1;
}

static bool msg_valid(const struct siw_tx_msg *m)
{
	if (m->opcode >= RDMAP_OPCODE_CNT || !m->ctx)
		return false;
	if (m->opcode == RDMAP_READ_REQ)
		return m->rreq && !m->len;
	if (m->opcode == RDMAP_TERMINATE)
		return m->len <= RDMAP_TERM_MAX;
	return siw_opcode_info(m->opcode)->known;
}

int siw_tx_start(struct siw_tx *tx, const struct siw_tx_msg *m)
{
	const struct siw_opcode_info *info;

	if (tx->active)
		return -EBUSY;
	if (!msg_valid(m))
		return -EINVAL;
	info = siw_opcode_info(m->opcode);
	tx->msg = *m;
	tx->cur_msn = info->tagged ? 0 : tx->msn[info->qn]++;
	if (m->opcode == RDMAP_READ_REQ) {
		tx->rreq = *m->rreq;
		tx->rreq.msn = tx->cur_msn;
		tx->msg.rreq = NULL;
	}
	tx->off = 0;
	tx->active = true;
	return 0;
}

static void cut_rreq(struct siw_tx *tx, struct siw_tx_fpdu *f)
{
	f->hdr_len = (u8)siw_fpdu_encode_rreq(f->hdr, &tx->rreq);
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
	if (tx->msg.opcode == RDMAP_READ_REQ)
		cut_rreq(tx, f);
	else
		cut_segment(tx, f, mulpdu);
	f->trl_len = (u8)(siw_fpdu_pad(ulpdu_len(f)) + MPA_CRC_SIZE);
	f->sealed = false;
	f->crc_on = tx->crc_on;
	f->ctx = tx->msg.ctx;
	tx->active = !f->last;
	return f;
}

u32 siw_tx_crc_seed(const struct siw_tx_fpdu *f)
{
	return f->crc_on ? siw_crc32c(~0u, f->hdr, f->hdr_len) : 0;
}

void siw_tx_seal(struct siw_tx_fpdu *f, u32 crc)
{
	u32 pad = f->trl_len - (u32)MPA_CRC_SIZE;
	__le32 wire;

	memset(f->trl, 0, sizeof(f->trl));
	f->sealed = true;
	if (!f->crc_on)
		return;
	wire = siw_fpdu_crc(siw_crc32c(crc, f->trl, pad));
	memcpy(f->trl + pad, &wire, sizeof(wire));
}

/* Shorten a part by what of it was sent. Return: octets cut off. */
static u32 skip(u32 *len, u32 *sent)
{
	u32 n = *sent < *len ? *sent : *len;

	*len -= n;
	*sent -= n;
	return n;
}

static void fill_part(const struct siw_tx_fpdu *f, u32 sent,
		      struct siw_tx_part *p)
{
	p->hdr_len = f->hdr_len;
	p->pay_len = f->pay_len;
	p->trl_len = f->sealed ? f->trl_len : 0;
	p->hdr = f->hdr + skip(&p->hdr_len, &sent);
	p->pay_off = f->pay_off + skip(&p->pay_len, &sent);
	p->trl = f->trl + skip(&p->trl_len, &sent);
	p->last = f->last;
	p->ctx = f->ctx;
}

void siw_tx_part(const struct siw_tx *tx, u32 i, struct siw_tx_part *p)
{
	if (SIW_MISUSE(i >= siw_tx_count(tx))) {
		memset(p, 0, sizeof(*p));
		return;
	}
	fill_part(slot(tx, tx->head + i), i ? 0 : tx->sent, p);
}

void siw_tx_sent(struct siw_tx *tx, u32 n)
{
	while (n && siw_tx_count(tx)) {
		const struct siw_tx_fpdu *f = slot(tx, tx->head);
		u32 left = f->hdr_len + f->pay_len + f->trl_len - tx->sent;

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
		tx->tail = tx->head;
		return NULL;
	}
	tx->tail = tx->head + 1;
	/* So that siw_tx_done() returns it. */
	f->last = true;
	return f->ctx;
}
