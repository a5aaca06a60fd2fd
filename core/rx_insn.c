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

u32 siw_rx_fetch_dest(const struct siw_rx *rx, const u8 **buf)
{
	u32 left = rx->want - rx->got, room;

	switch (rx->state) {
	case RX_TERM:
		room = term_room(rx, buf);
		return left < room ? left : room;
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

	insn->len = rx->want - rx->got;
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

void siw_rx_next(const struct siw_rx *rx, struct siw_rx_insn *insn)
{
	const u8 *buf;

	memset(insn, 0, sizeof(*insn));
	switch (rx->state) {
	case RX_VERIFY:
		insn->op = SIW_RX_VERIFY;
		insn->len = rx->fpdu_left;
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
		insn->op = SIW_RX_FETCH;
		/* To read the machine is not to write through @insn. */
		insn->len = siw_rx_fetch_dest(rx, &buf);
		insn->buf = (u8 *)buf;
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
	return rx->state == RX_PLACE ? 1 : insn.len;
}

bool siw_rx_idle(const struct siw_rx *rx)
{
	u32 qn;

	if (rx->state != RX_START || rx->got)
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
