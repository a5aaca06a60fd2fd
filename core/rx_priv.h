/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Between the parts of the receive machine: rx.c moves through the octets of
 * an FPDU, rx_seg.c judges the segment that it carries, rx_ext.c that of
 * RFC 7306's messages, rx_insn.c tells the executor where the machine stands.
 */
#ifndef SIW_CORE_RX_PRIV_H
#define SIW_CORE_RX_PRIV_H

#include "rx.h"

/*
 * Per FPDU, in this order; what is in brackets only where it applies:
 *
 *	START [VERIFY] HEADER [ASK_RQE | ASK_READ] [RDMAP | PLACE | TERM]
 *	TRAILER [DELIVER]
 *
 * A marker may come before any octet that is fetched or placed: that is not a
 * state, it follows from where the stream is.
 *
 * With a fault and its CRC not yet known to be good: VERIFY, then FAILED.
 */
enum siw_rx_state {
	RX_START,	/* fetching the first four octets */
	RX_VERIFY,	/* the executor computes the CRC in advance */
	RX_HEADER,	/* fetching the rest of the DDP header */
	RX_RDMAP,	/* fetching an RDMAP header, that is the message */
	RX_ASK_RQE,
	RX_ASK_READ,
	RX_PLACE,	/* payload goes to memory */
	RX_TERM,	/* fetching the payload of a Terminate */
	RX_TRAILER,	/* fetching pad and CRC */
	RX_DELIVER,
	RX_FAILED,
};

/* Fetch up to @want octets from here on. */
static inline void siw_rx_fetch(struct siw_rx *rx, enum siw_rx_state state,
				u32 want)
{
	rx->state = (u8)state;
	rx->want = want;
}

/**
 * siw_rx_at_marker() - does the next octet of the stream belong to a marker?
 * @rx: machine
 *
 * Context: any; caller serialises.
 * Return: true only while the machine waits for octets.
 * RFC 5044 §4.3
 */
bool siw_rx_at_marker(const struct siw_rx *rx);

/**
 * siw_rx_gap() - octets up to the next marker
 * @rx: machine, not at a marker
 *
 * Context: any; caller serialises.
 * Return: no limit without markers.
 * RFC 5044 §4.3
 */
static inline u32 siw_rx_gap(const struct siw_rx *rx)
{
	return rx->markers ? (u32)MPA_MARKER_GAP - rx->pos : U32_MAX;
}

/**
 * siw_rx_fetch_dest() - where do the octets of the current FETCH go?
 * @rx: machine
 * @buf: result
 *
 * Context: any; caller serialises.
 * Return: octets that may be put there now.
 */
u32 siw_rx_fetch_dest(const struct siw_rx *rx, const u8 **buf);

/**
 * siw_rx_segment() - a DDP header is complete: what about its segment?
 * @rx: machine; @hdr holds the header
 *
 * Context: any; caller serialises.
 * RFC 5041 §7.1, RFC 5040 §7.2
 */
void siw_rx_segment(struct siw_rx *rx);

/**
 * siw_rx_imm_segment() - Immediate Data, and there is a receive buffer
 * @rx: machine
 *
 * Context: any; caller serialises.
 * RFC 7306 §6.3
 */
void siw_rx_imm_segment(struct siw_rx *rx);

/**
 * siw_rx_areq_segment() - an Atomic Request
 * @rx: machine
 *
 * Context: any; caller serialises.
 * RFC 7306 §5.2.1
 */
void siw_rx_areq_segment(struct siw_rx *rx);

/**
 * siw_rx_aresp_segment() - an Atomic Response
 * @rx: machine
 *
 * Context: any; caller serialises.
 * RFC 7306 §5.2.2
 */
void siw_rx_aresp_segment(struct siw_rx *rx);

/**
 * siw_rx_ext_fetched() - the RDMAP header of one of these is complete
 * @rx: machine; @hdr holds the headers
 *
 * Context: any; caller serialises.
 * Return: SIW_OK or what is wrong with it.
 * RFC 7306 §8.2
 */
enum siw_err siw_rx_ext_fetched(struct siw_rx *rx);

/**
 * siw_rx_payload() - the header is accepted: payload or trailer comes next
 * @rx: machine
 * @state: what to do with payload
 *
 * Context: any; caller serialises.
 */
void siw_rx_payload(struct siw_rx *rx, enum siw_rx_state state);

/**
 * siw_rx_reject() - there is a fault in this FPDU
 * @rx: machine
 * @why: reason
 *
 * Context: any; caller serialises.
 * RFC 5040 §7.1
 */
void siw_rx_reject(struct siw_rx *rx, enum siw_err why);

/**
 * siw_rx_misused() - the caller broke the contract: nothing goes on
 * @rx: machine
 *
 * Context: any; caller serialises.
 */
void siw_rx_misused(struct siw_rx *rx);

/**
 * siw_rx_msg_len() - octets of the message whose last segment this is
 * @rx: machine
 *
 * Context: any; caller serialises.
 * Return: octets, saturating.
 * RFC 5041 §5.4
 */
u32 siw_rx_msg_len(const struct siw_rx *rx);

/**
 * siw_rx_msg_end() - the message of this segment is over
 * @rx: machine
 *
 * Context: any; caller serialises.
 */
void siw_rx_msg_end(struct siw_rx *rx);

#endif
