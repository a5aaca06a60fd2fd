// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The receive machine: what it says about itself. Nothing in this file
 * changes a machine. RFC 5044 §6
 */
#include "rx_priv.h"

/* Where does the next octet of a Terminate go? What lies beyond the store is
 * of no interest: it is fetched into the header of a Read Request, which is
 * unused meanwhile. Return: octets of room there.
 */
static u32 term_room(const struct siw_rx *rx, const u8 **buf)
{
	u64 off = (u64)rx->seg.mo + rx->got;

	if (off < sizeof(rx->term_buf)) {
		*buf = rx->term_buf + off;
		return (u32)(sizeof(rx->term_buf) - off);
	}
	*buf = rx->rreq.hdr;
	return sizeof(rx->rreq.hdr);
}

bool siw_rx_at_marker(const struct siw_rx *rx)
{
	if (!rx->markers || rx->pos >= MPA_MARKER_SIZE)
		return false;
	switch (rx->state) {
	case RX_START:
	case RX_HEADER:
	case RX_RDMAP:
	case RX_PLACE:
	case RX_TERM:
	case RX_TRAILER:
		return true;
	default:
		return false;
	}
}

static u32 min_len(u32 a, u32 b)
{
	return a < b ? a : b;
}

u32 siw_rx_fetch_dest(const struct siw_rx *rx, const u8 **buf)
{
	u32 left;

	if (siw_rx_at_marker(rx)) {
		*buf = rx->marker + rx->pos;
		return (u32)MPA_MARKER_SIZE - rx->pos;
	}
	left = min_len(rx->want - rx->got, siw_rx_gap(rx));
	switch (rx->state) {
	case RX_TERM:
		return min_len(left, term_room(rx, buf));
	case RX_TRAILER:
		*buf = rx->trl + rx->got;
		return left;
	default:
		*buf = rx->hdr + rx->got;
		return left;
	}
}

static void fill_place(const struct siw_rx *rx, struct siw_rx_insn *insn)
{
	const struct siw_seg *s = &rx->seg;

	insn->len = min_len(rx->want - rx->got, siw_rx_gap(rx));
	insn->seg_len = s->pay_len;
	if (!rx->got)
		insn->flags |= SIW_RX_F_SEG_START;
	if (s->tagged) {
		insn->op = SIW_RX_PLACE_TAGGED;
		insn->stag = s->stag;
		insn->to = s->to + rx->got;
	} else {
		insn->op = SIW_RX_PLACE_UNTAGGED;
		insn->mo = s->mo + rx->got;
	}
}

static void fill_ext(const struct siw_rx *rx, struct siw_rx_insn *insn)
{
	if (rx->seg.opcode == RDMAP_ATOMIC_REQ) {
		insn->areq = &rx->areq;
		return;
	}
	insn->val = rx->val;
	if (rx->seg.qn == DDP_QN_SEND && rx->after_write) {
		insn->flags |= SIW_RX_F_AFTER_WRITE;
		insn->msg_len = rx->write_len;
	}
}

static void fill_deliver(const struct siw_rx *rx, struct siw_rx_insn *insn)
{
	const struct siw_opcode_info *info = siw_opcode_info(rx->seg.opcode);

	insn->op = SIW_RX_DELIVER;
	insn->msg_len = siw_rx_msg_len(rx);
	if (info->solicited)
		insn->flags |= SIW_RX_F_SOLICITED;
	if (info->invalidate) {
		insn->flags |= SIW_RX_F_INVALIDATE;
		insn->inval_stag = rx->seg.inval_stag;
	}
	if (info->ext)
		fill_ext(rx, insn);
	if (rx->seg.opcode == RDMAP_READ_REQ)
		insn->rreq = &rx->rreq;
	if (rx->seg.opcode == RDMAP_TERMINATE)
		insn->term = &rx->peer_term;
}

static void fill_segment(const struct siw_rx *rx, struct siw_rx_insn *insn)
{
	insn->opcode = rx->seg.opcode;
	insn->msn = rx->seg.msn;
	if (rx->msg_start)
		insn->flags |= SIW_RX_F_MSG_START;
	if (rx->seg.last)
		insn->flags |= SIW_RX_F_MSG_LAST;
}

static void fill_fetch(const struct siw_rx *rx, struct siw_rx_insn *insn)
{
	const u8 *buf;

	insn->op = SIW_RX_FETCH;
	/* To read the machine is not to write through @insn. */
	insn->len = siw_rx_fetch_dest(rx, &buf);
	insn->buf = (u8 *)buf;
}

static void fill_verify(const struct siw_rx *rx, struct siw_rx_insn *insn)
{
	insn->op = SIW_RX_VERIFY;
	insn->len = rx->fpdu_left;
	if (rx->markers)
		insn->len += MPA_MARKER_SIZE *
			     siw_marker_cnt(rx->fpdu_left, rx->pos);
}

void siw_rx_next(const struct siw_rx *rx, struct siw_rx_insn *insn)
{
	memset(insn, 0, sizeof(*insn));
	if (siw_rx_at_marker(rx)) {
		fill_fetch(rx, insn);
		return;
	}
	switch (rx->state) {
	case RX_VERIFY:
		fill_verify(rx, insn);
		break;
	case RX_ASK_RQE:
		fill_segment(rx, insn);
		insn->op = SIW_RX_NEED_RQE;
		break;
	case RX_ASK_READ:
		fill_segment(rx, insn);
		insn->op = SIW_RX_NEED_READ;
		insn->stag = rx->seg.stag;
		break;
	case RX_PLACE:
		fill_segment(rx, insn);
		fill_place(rx, insn);
		break;
	case RX_DELIVER:
		fill_segment(rx, insn);
		fill_deliver(rx, insn);
		break;
	case RX_FAILED:
		insn->op = SIW_RX_FAIL;
		break;
	default:
		fill_fetch(rx, insn);
		break;
	}
}

u32 siw_rx_crc(const struct siw_rx *rx)
{
	return rx->crc;
}

bool siw_rx_crc_wanted(const struct siw_rx *rx)
{
	return rx->crc_on && !rx->verified;
}

u32 siw_rx_need(const struct siw_rx *rx)
{
	struct siw_rx_insn insn;

	siw_rx_next(rx, &insn);
	return insn.op == SIW_RX_PLACE_TAGGED ||
	       insn.op == SIW_RX_PLACE_UNTAGGED ? 1 : insn.len;
}

bool siw_rx_idle(const struct siw_rx *rx)
{
	u32 qn;

	if (rx->state != RX_START || rx->got)
		return false;
	/* A marker may be here early, a part of one is half an FPDU. */
	if (siw_rx_at_marker(rx) && rx->pos)
		return false;
	for (qn = 0; qn < DDP_QN_CNT; qn++)
		if (rx->umsg[qn].active)
			return false;
	return !rx->write.active && !rx->read.active;
}

bool siw_rx_gate_open(const struct siw_rx *rx)
{
	return rx->gate_open;
}

const struct siw_term *siw_rx_term(const struct siw_rx *rx)
{
	return rx->state == RX_FAILED ? &rx->term : NULL;
}
