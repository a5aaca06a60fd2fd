// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The receive machine: may this segment come now, and where may it go?
 * RFC 5041 §5-7, RFC 5040 §5, §7.2; what RFC 7306 adds is in rx_ext.c.
 *
 * There is one message in reassembly for each queue, one for Writes and one
 * for Read Responses: a peer may interleave them.
 */
#include "rx_priv.h"

static void write_segment(struct siw_rx *rx)
{
	struct siw_rx_tmsg *m = &rx->write;

	rx->msg_start = !m->active;
	m->active = true;
	m->got += rx->seg.pay_len;
	siw_rx_payload(rx, RX_PLACE);
}

/* STag and TO of a segment without payload are not looked at: §5.2. */
static enum siw_err check_read(const struct siw_rx_tmsg *m,
			       const struct siw_seg *s)
{
	u64 left = m->len - m->got;

	if (s->pay_len && s->stag != m->stag)
		return SIW_E_RRESP_STAG;
	if (s->pay_len && s->to != m->to + m->got)
		return SIW_E_RRESP_TO;
	if (s->pay_len > left)
		return SIW_E_RRESP_LONG;
	if (s->last && s->pay_len != left)
		return SIW_E_RRESP_SHORT;
	return SIW_OK;
}

static void read_segment(struct siw_rx *rx)
{
	struct siw_rx_tmsg *m = &rx->read;
	enum siw_err err = check_read(m, &rx->seg);

	if (err) {
		siw_rx_reject(rx, err);
		return;
	}
	m->got += rx->seg.pay_len;
	siw_rx_payload(rx, RX_PLACE);
}

static void tagged_segment(struct siw_rx *rx)
{
	if (rx->seg.opcode == RDMAP_WRITE) {
		write_segment(rx);
		return;
	}
	rx->msg_start = !rx->read.active;
	if (rx->msg_start)
		rx->state = RX_ASK_READ;
	else
		read_segment(rx);
}

void siw_rx_read(struct siw_rx *rx, u32 stag, u64 to, u32 len)
{
	if (SIW_MISUSE(rx->state != RX_ASK_READ || !rx->seg.tagged)) {
		siw_rx_misused(rx);
		return;
	}
	rx->read.active = true;
	rx->read.stag = stag;
	rx->read.to = to;
	rx->read.len = len;
	rx->read.got = 0;
	read_segment(rx);
}

static bool is_rtr(const struct siw_rx *rx)
{
	const struct siw_seg *s = &rx->seg;

	return rx->rtr_send && s->opcode == RDMAP_SEND && s->last &&
	       !s->pay_len && !s->mo;
}

static enum siw_err check_send(const struct siw_rx_umsg *m,
			       const struct siw_seg *s)
{
	if (s->mo > m->capacity)
		return SIW_E_UNT_MO;
	if (s->pay_len > m->capacity - s->mo)
		return SIW_E_UNT_LONG;
	/* Segments may come in any order, but nothing may be missing. */
	if (s->last && m->got + s->pay_len != (u64)s->mo + s->pay_len)
		return SIW_E_UNT_HOLE;
	return SIW_OK;
}

static void check_and_place(struct siw_rx *rx)
{
	struct siw_rx_umsg *m = &rx->umsg[DDP_QN_SEND];
	enum siw_err err = check_send(m, &rx->seg);

	if (err) {
		siw_rx_reject(rx, err);
		return;
	}
	m->got += rx->seg.pay_len;
	siw_rx_payload(rx, RX_PLACE);
}

static void send_segment(struct siw_rx *rx)
{
	const struct siw_rx_umsg *m = &rx->umsg[DDP_QN_SEND];

	rx->msg_start = !m->active;
	if (m->active && m->opcode != rx->seg.opcode) {
		siw_rx_reject(rx, SIW_E_ROP_CHANGED);
	} else if (rx->seg.msn != m->msn) {
		siw_rx_reject(rx, SIW_E_UNT_MSN);
	} else if (is_rtr(rx)) {
		rx->swallow = true;
		siw_rx_payload(rx, RX_PLACE);
	} else if (rx->msg_start) {
		rx->state = RX_ASK_RQE;
	} else {
		check_and_place(rx);
	}
}

void siw_rx_rqe(struct siw_rx *rx, u32 capacity)
{
	struct siw_rx_umsg *m = &rx->umsg[DDP_QN_SEND];

	if (SIW_MISUSE(rx->state != RX_ASK_RQE)) {
		siw_rx_misused(rx);
		return;
	}
	m->active = true;
	m->opcode = rx->seg.opcode;
	m->capacity = capacity;
	m->got = 0;
	if (siw_opcode_info(m->opcode)->ext)
		siw_rx_imm_segment(rx);
	else
		check_and_place(rx);
}

/* Its 28 octets fit into every segment, so there must be exactly one. */
static enum siw_err check_rreq(const struct siw_rx_umsg *m,
			       const struct siw_seg *s)
{
	if (s->msn != m->msn)
		return SIW_E_UNT_MSN;
	if (s->mo)
		return SIW_E_UNT_MO;
	if (!s->last)
		return SIW_E_RREQ_SPLIT;
	if (s->pay_len > RDMAP_RREQ_LEN)
		return SIW_E_RREQ_LONG;
	if (s->pay_len < RDMAP_RREQ_LEN)
		return SIW_E_RREQ_SHORT;
	return SIW_OK;
}

static void rreq_segment(struct siw_rx *rx)
{
	enum siw_err err = check_rreq(&rx->umsg[DDP_QN_READ], &rx->seg);

	rx->msg_start = true;
	if (err)
		siw_rx_reject(rx, err);
	else
		siw_rx_fetch(rx, RX_RDMAP, RDMAP_RREQ_HDR);
}

/* The stream is at its end: be content with anything. Not even the MSN is
 * checked, since an answer would be of no use to anyone.
 */
static void term_segment(struct siw_rx *rx)
{
	struct siw_rx_umsg *m = &rx->umsg[DDP_QN_TERM];

	rx->msg_start = !m->active;
	m->active = true;
	m->got += rx->seg.pay_len;
	siw_rx_payload(rx, RX_TERM);
}

static void untagged_segment(struct siw_rx *rx)
{
	switch (rx->seg.opcode) {
	case RDMAP_READ_REQ:
		rreq_segment(rx);
		break;
	case RDMAP_ATOMIC_REQ:
		siw_rx_areq_segment(rx);
		break;
	case RDMAP_ATOMIC_RESP:
		siw_rx_aresp_segment(rx);
		break;
	case RDMAP_TERMINATE:
		term_segment(rx);
		break;
	default:	/* and Immediate Data */
		send_segment(rx);
		break;
	}
}

void siw_rx_segment(struct siw_rx *rx)
{
	enum siw_err err = siw_fpdu_check(&rx->seg, rx->ext);

	if (err)
		siw_rx_reject(rx, err);
	else if (rx->seg.tagged)
		tagged_segment(rx);
	else
		untagged_segment(rx);
}

u32 siw_rx_msg_len(const struct siw_rx *rx)
{
	const struct siw_seg *s = &rx->seg;
	u64 len;

	if (s->opcode == RDMAP_WRITE)
		len = rx->write.got;
	else if (s->opcode == RDMAP_READ_RESP)
		len = rx->read.got;
	else
		len = rx->umsg[s->qn].got;
	return len < U32_MAX ? (u32)len : U32_MAX;
}

void siw_rx_msg_end(struct siw_rx *rx)
{
	struct siw_rx_umsg *u = &rx->umsg[rx->seg.qn];
	struct siw_rx_tmsg *t = rx->seg.opcode == RDMAP_WRITE ? &rx->write :
								&rx->read;

	if (rx->seg.tagged) {
		t->active = false;
		t->got = 0;
	} else {
		u->active = false;
		u->msn++;
		u->got = 0;
	}
}
