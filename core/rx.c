// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The receive machine: through the octets of one FPDU after the other.
 * RFC 5044 §4, §6. What a segment may do is judged in rx_seg.c.
 *
 * An FPDU is judged in this order: CRC, length against the header, header,
 * state of the connection. Where placing was allowed to start before the CRC
 * is known, a fault still waits for it: a flipped bit must be reported as
 * what it is.
 *
 * A marker belongs to the FPDU that it is in, or else to the one that follows
 * it, and so to the CRC of that. Once it is complete it has to agree on where
 * that FPDU began.
 */
#include "rx_priv.h"

static void start_fpdu(struct siw_rx *rx)
{
	rx->crc = ~0u;
	rx->verified = false;
	rx->swallow = false;
	rx->hdr_cap = 0;
	rx->fpdu_left = 0;
	rx->fpdu_done = 0;
	rx->got = 0;
	siw_rx_fetch(rx, RX_START, sizeof(struct ddp_common_hdr));
}

void siw_rx_init(struct siw_rx *rx, const struct siw_rx_params *p)
{
	u32 qn;

	memset(rx, 0, sizeof(*rx));
	rx->crc_on = p->crc;
	rx->markers = p->markers;
	rx->verify_first = p->crc && p->verify_first;
	rx->gate_open = !p->responder;
	rx->rtr_send = p->responder && p->rtr_send;
	rx->ext = p->ext;
	for (qn = 0; qn < DDP_QN_CNT; qn++)
		rx->umsg[qn].msn = 1;
	start_fpdu(rx);
}

static void fail(struct siw_rx *rx, enum siw_err why)
{
	siw_term_init(&rx->term, why, rx->hdr, rx->hdr_cap);
	if (!rx->gate_open)
		rx->term.send = false;
	rx->state = RX_FAILED;
}

void siw_rx_reject(struct siw_rx *rx, enum siw_err why)
{
	if (rx->crc_on && !rx->verified) {
		rx->pending = why;
		rx->state = RX_VERIFY;
		return;
	}
	/* All that MPA can check is fine, so a Terminate may be sent. */
	if (why != SIW_E_MPA_MARKER)
		rx->gate_open = true;
	fail(rx, why);
}

void siw_rx_misused(struct siw_rx *rx)
{
	rx->hdr_cap = 0;
	fail(rx, SIW_E_ROP_STREAM);
}

/* The CRC, where it is checked at this point, is good: now the length. */
static void start_header(struct siw_rx *rx)
{
	const struct ddp_common_hdr *c = (const void *)rx->hdr;

	if (siw_fpdu_runt(c))
		siw_rx_reject(rx, SIW_E_DDP_RUNT);
	else
		siw_rx_fetch(rx, RX_HEADER, siw_fpdu_hdr_len(c->ddp_ctrl));
}

static void start_trailer(struct siw_rx *rx)
{
	rx->got = 0;
	siw_rx_fetch(rx, RX_TRAILER, rx->fpdu_left);
}

void siw_rx_payload(struct siw_rx *rx, enum siw_rx_state state)
{
	rx->got = 0;
	if (rx->seg.pay_len)
		siw_rx_fetch(rx, state, rx->seg.pay_len);
	else
		start_trailer(rx);
}

static void first_octets_fetched(struct siw_rx *rx)
{
	const struct ddp_common_hdr *c = (const void *)rx->hdr;

	rx->fpdu_left = siw_fpdu_size(be16_to_cpu(c->mpa_len)) -
			(u32)sizeof(*c);
	if (rx->pending)
		siw_rx_reject(rx, rx->pending);
	else if (rx->verify_first)
		rx->state = RX_VERIFY;
	else
		start_header(rx);
}

static void header_fetched(struct siw_rx *rx)
{
	rx->hdr_cap = rx->want;
	siw_fpdu_decode(&rx->seg, rx->hdr);
	siw_rx_segment(rx);
}

static void rdmap_fetched(struct siw_rx *rx)
{
	enum siw_err err = SIW_OK;

	rx->hdr_cap = rx->want;
	if (rx->seg.opcode == RDMAP_READ_REQ)
		siw_fpdu_decode_rreq(&rx->rreq, rx->hdr);
	else
		err = siw_rx_ext_fetched(rx);
	if (err)
		siw_rx_reject(rx, err);
	else
		start_trailer(rx);
}

static void fpdu_done(struct siw_rx *rx)
{
	/* Only the first FPDU can be the RTR. */
	rx->rtr_send = false;
	start_fpdu(rx);
}

static void start_deliver(struct siw_rx *rx)
{
	u32 len = siw_rx_msg_len(rx);

	rx->state = RX_DELIVER;
	if (rx->seg.opcode != RDMAP_TERMINATE)
		return;
	/* One with a hole says nothing. */
	if (len != (u64)rx->seg.mo + rx->seg.pay_len)
		len = 0;
	if (len > sizeof(rx->term_buf))
		len = sizeof(rx->term_buf);
	siw_term_parse(&rx->peer_term, rx->term_buf, len);
}

static void trailer_fetched(struct siw_rx *rx)
{
	if (siw_rx_crc_wanted(rx) && rx->crc != MPA_CRC_RESIDUE) {
		fail(rx, SIW_E_MPA_CRC);
		return;
	}
	rx->gate_open = true;
	if (rx->swallow) {
		siw_rx_msg_end(rx);
		fpdu_done(rx);
	} else if (rx->seg.last) {
		start_deliver(rx);
	} else {
		fpdu_done(rx);
	}
}

static void fetch_done(struct siw_rx *rx)
{
	switch (rx->state) {
	case RX_START:
		first_octets_fetched(rx);
		break;
	case RX_HEADER:
		header_fetched(rx);
		break;
	case RX_RDMAP:
		rdmap_fetched(rx);
		break;
	case RX_TERM:
		start_trailer(rx);
		break;
	default:
		trailer_fetched(rx);
		break;
	}
}

static void advance(struct siw_rx *rx, u32 n)
{
	rx->fpdu_done += n;
	if (rx->markers)
		rx->pos = (u16)((rx->pos + n) % MPA_MARKER_GAP);
}

static void consumed(struct siw_rx *rx, u32 n)
{
	advance(rx, n);
	rx->got += n;
	if (rx->state != RX_START)
		rx->fpdu_left -= n;
}

/*
 * Two bits of the pointer, and all that is not pointer, mean nothing. The
 * length of an FPDU, and so its CRC, is not known before its first octets are.
 */
static void marker_fetched(struct siw_rx *rx)
{
	u32 ptr = (u32)rx->marker[2] << 8 | (rx->marker[3] & 0xfcu);
	u32 begin = rx->fpdu_done - MPA_MARKER_SIZE;

	/* in front of the FPDU: it begins behind it */
	if (rx->state == RX_START)
		rx->fpdu_done = 0;
	if (ptr == (begin & 0xffff))
		return;
	if (rx->state == RX_START)
		rx->pending = SIW_E_MPA_MARKER;
	else
		siw_rx_reject(rx, SIW_E_MPA_MARKER);
}

static void fetched(struct siw_rx *rx, u32 n)
{
	const u8 *buf;

	if (SIW_MISUSE(!n || n > siw_rx_fetch_dest(rx, &buf))) {
		siw_rx_misused(rx);
		return;
	}
	/* The CRC field runs through too: see MPA_CRC_RESIDUE. */
	if (siw_rx_crc_wanted(rx))
		rx->crc = siw_crc32c(rx->crc, buf, n);
	if (siw_rx_at_marker(rx)) {
		advance(rx, n);
		if (rx->pos == MPA_MARKER_SIZE)
			marker_fetched(rx);
		return;
	}
	consumed(rx, n);
	if (rx->got == rx->want)
		fetch_done(rx);
}

static void placed(struct siw_rx *rx, u32 n, u32 crc)
{
	if (SIW_MISUSE(!n || n > rx->want - rx->got || n > siw_rx_gap(rx))) {
		siw_rx_misused(rx);
		return;
	}
	if (siw_rx_crc_wanted(rx))
		rx->crc = crc;
	consumed(rx, n);
	if (rx->got == rx->want)
		start_trailer(rx);
}

/* Immediate Data that come next belong to this Write, whatever requests and
 * responses are between them. RFC 7306 §6
 */
static void note_write(struct siw_rx *rx)
{
	if (rx->seg.opcode == RDMAP_WRITE) {
		rx->after_write = true;
		rx->write_len = siw_rx_msg_len(rx);
	} else if (!rx->seg.tagged && rx->seg.qn == DDP_QN_SEND) {
		rx->after_write = false;
	}
}

static void delivered(struct siw_rx *rx)
{
	note_write(rx);
	siw_rx_msg_end(rx);
	if (rx->seg.opcode == RDMAP_TERMINATE)
		fail(rx, SIW_E_PEER_TERM);
	else
		fpdu_done(rx);
}

void siw_rx_done(struct siw_rx *rx, u32 n, u32 crc)
{
	switch (rx->state) {
	case RX_START:
	case RX_HEADER:
	case RX_RDMAP:
	case RX_TERM:
	case RX_TRAILER:
		fetched(rx, n);
		break;
	case RX_PLACE:
		if (siw_rx_at_marker(rx))
			fetched(rx, n);
		else
			placed(rx, n, crc);
		break;
	case RX_DELIVER:
		delivered(rx);
		break;
	case RX_FAILED:
		break;
	default:
		if (SIW_MISUSE(true))
			siw_rx_misused(rx);
		break;
	}
}

void siw_rx_verified(struct siw_rx *rx, u32 crc)
{
	if (SIW_MISUSE(rx->state != RX_VERIFY)) {
		siw_rx_misused(rx);
	} else if (crc != MPA_CRC_RESIDUE) {
		fail(rx, SIW_E_MPA_CRC);
	} else {
		rx->verified = true;
		if (rx->pending) {
			siw_rx_reject(rx, rx->pending);
			return;
		}
		rx->gate_open = true;
		start_header(rx);
	}
}

void siw_rx_refuse(struct siw_rx *rx, enum siw_err why)
{
	switch (rx->state) {
	case RX_ASK_RQE:
	case RX_ASK_READ:
	case RX_PLACE:
		siw_rx_reject(rx, why);
		break;
	case RX_DELIVER:
		fail(rx, why);
		break;
	default:
		if (SIW_MISUSE(rx->state != RX_FAILED))
			siw_rx_misused(rx);
		break;
	}
}
