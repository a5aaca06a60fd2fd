/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Terminate messages: capture what went wrong, build the payload, read one
 * from a peer. RFC 5040 §4.8, §5.4, §7.1
 */
#ifndef SIW_CORE_TERM_H
#define SIW_CORE_TERM_H

#include "fpdu.h"

/**
 * struct siw_term - the reason a stream ends, ours or the peer's
 * @err: what it is; for one received SIW_E_TERM_MALFORMED, SIW_E_TERM_UNKNOWN
 *	or what the triple means
 * @layer: as on the wire
 * @etype: as on the wire
 * @code: as on the wire
 * @hdrct: RDMAP_TERM_M/D/R: which of the fields below are there
 * @send: ours: it can and may be told to the peer
 * @swapped: received: control word in the order of the in-tree Linux
 *	driver, layer and type exchanged; the fields above hold the
 *	reading that makes sense
 * @seg_len: ULPDU_Length of the segment that it is about
 * @hdr_len: octets in @hdr: 0, 14, 18 or 46
 * @hdr: DDP header (without ULPDU_Length) and RDMAP header of that segment
 */
struct siw_term {
	enum siw_err err;
	u8 layer;
	u8 etype;
	u8 code;
	u8 hdrct;
	bool send;
	bool swapped;
	u16 seg_len;
	u8 hdr_len;
	u8 hdr[DDP_UNTAGGED_LEN + RDMAP_RREQ_LEN];
};

/**
 * siw_term_init() - capture an error
 * @t: result
 * @err: what went wrong
 * @hdr: header of the message it is about, ULPDU_Length first; NULL if none
 * @hdr_len: octets at @hdr: less than a DDP header counts as none; with 48
 *	of a Read Request its RDMAP header can be returned too
 *
 * Takes from @hdr what belongs into a Terminate for @err, nothing else.
 *
 * Context: any.
 * RFC 5040 §4.8, §7.1
 */
void siw_term_init(struct siw_term *t, enum siw_err err, const void *hdr,
		   u32 hdr_len);

/**
 * siw_term_progress() - a Read was aborted midway
 * @t: captured with the header of the Read Request
 * @done: octets of the Read Response that have been sent
 *
 * Advances both TOs and reduces the size in the returned RDMAP header.
 * Nothing happens when there is no RDMAP header.
 *
 * Context: any.
 * RFC 5040 §4.8
 */
void siw_term_progress(struct siw_term *t, u32 done);

/**
 * siw_term_build() - payload of the Terminate message
 * @buf: room for RDMAP_TERM_MAX octets
 * @t: captured; @t->send
 *
 * Send it as message RDMAP_TERMINATE of the returned length.
 *
 * Context: any.
 * Return: octets, 4 to 52.
 * RFC 5040 §4.8
 */
u32 siw_term_build(u8 *buf, const struct siw_term *t);

/**
 * siw_term_parse() - read the payload of a peer's Terminate message
 * @t: result; all of it is set, @t->err says whether it made sense
 * @buf: payload
 * @len: octets of the message, any number; what is behind the fields that
 *	the header bits announce is ignored
 *
 * Context: any. Reads at most min(@len, RDMAP_TERM_MAX) octets of @buf.
 * Return: @t->err.
 * RFC 5040 §4.8
 */
enum siw_err siw_term_parse(struct siw_term *t, const u8 *buf, u32 len);

#endif
