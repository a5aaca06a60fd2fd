// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The receive machine: segments of RFC 7306's messages. Immediate Data share
 * queue, sequence numbers and receive buffers with Sends, Atomic Requests share
 * theirs with Read Requests; Atomic Responses have a queue of their own, whose
 * buffers are the requests that wait for them.
 */
#include "rx_priv.h"

/* Octets of the RDMAP header that this message consists of */
static u32 body_len(const struct siw_rx *rx)
{
	return siw_opcode_info(rx->seg.opcode)->hdr_len -
	       (u32)sizeof(struct ddp_untagged_hdr);
}

static void take_body(struct siw_rx *rx, enum siw_err err)
{
	if (err)
		siw_rx_reject(rx, err);
	else
		siw_rx_fetch(rx, RX_RDMAP,
			     siw_opcode_info(rx->seg.opcode)->hdr_len);
}

/* All of the message is in this segment, which any MULPDU has room for. */
static enum siw_err check_whole(const struct siw_rx *rx, enum siw_err bad_len)
{
	if (rx->seg.mo)
		return SIW_E_UNT_MO;
	return rx->seg.last && rx->seg.pay_len == body_len(rx) ? SIW_OK :
								 bad_len;
}

/* The buffer is taken: a fault takes it along. RFC 7306 §6.3 */
void siw_rx_imm_segment(struct siw_rx *rx)
{
	take_body(rx, check_whole(rx, SIW_E_IMM_LEN));
}

static enum siw_err check_areq(const struct siw_rx *rx)
{
	const struct siw_seg *s = &rx->seg;

	if (s->msn != rx->umsg[DDP_QN_READ].msn)
		return SIW_E_UNT_MSN;
	if (s->mo)
		return SIW_E_UNT_MO;
	if (!s->last)
		return SIW_E_AREQ_SPLIT;
	if (s->pay_len > RDMAP_AREQ_LEN)
		return SIW_E_AREQ_LONG;
	return s->pay_len < RDMAP_AREQ_LEN ? SIW_E_AREQ_SHORT : SIW_OK;
}

void siw_rx_areq_segment(struct siw_rx *rx)
{
	rx->msg_start = true;
	take_body(rx, check_areq(rx));
}

void siw_rx_aresp_segment(struct siw_rx *rx)
{
	rx->msg_start = true;
	if (rx->seg.msn != rx->umsg[DDP_QN_ATOMIC].msn)
		siw_rx_reject(rx, SIW_E_UNT_MSN);
	else
		rx->state = RX_ASK_READ;
}

void siw_rx_atomic(struct siw_rx *rx, u32 id)
{
	if (SIW_MISUSE(rx->state != RX_ASK_READ || rx->seg.tagged)) {
		siw_rx_misused(rx);
		return;
	}
	rx->areq_id = id;
	take_body(rx, check_whole(rx, SIW_E_ARESP_LEN));
}

static enum siw_err aresp_fetched(struct siw_rx *rx)
{
	struct siw_aresp r;

	siw_ext_decode_aresp(&r, rx->hdr);
	rx->val = r.value;
	return r.id == rx->areq_id ? SIW_OK : SIW_E_ARESP_ID;
}

enum siw_err siw_rx_ext_fetched(struct siw_rx *rx)
{
	switch (rx->seg.opcode) {
	case RDMAP_ATOMIC_REQ:
		siw_ext_decode_areq(&rx->areq, rx->hdr);
		return siw_ext_check_areq(&rx->areq);
	case RDMAP_ATOMIC_RESP:
		return aresp_fetched(rx);
	default:
		rx->val = siw_ext_decode_imm(rx->hdr);
		return SIW_OK;
	}
}
