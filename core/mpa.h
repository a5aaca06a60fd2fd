/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * MPA connection set-up: the startup frames and what follows from them.
 *
 * RFC 5044 section 7.1 (revision 1) and RFC 6581 (revision 2: IRD/ORD and
 * ready-to-receive negotiation). Pure functions: octets in, verdicts and octets
 * out. The caller owns sockets, timers and buffers. Nothing here keeps state,
 * so any context will do and nothing needs to be serialised.
 *
 * A peer can cause a verdict (enum siw_mpa_why), never an errno.
 *
 * Initiator:	siw_mpa_request() - siw_mpa_build() - send - gather with
 *		siw_mpa_need() - siw_mpa_parse() - siw_mpa_negotiate_done()
 * Responder:	gather with siw_mpa_need() - siw_mpa_parse() - ask the ULP -
 *		siw_mpa_negotiate_reply() or siw_mpa_reject() - siw_mpa_build()
 */
#ifndef SIW_CORE_MPA_H
#define SIW_CORE_MPA_H

#include "plat.h"
#include "err.h"

#define SIW_MPA_HDR_LEN		20	/* octets before the private data */
#define SIW_MPA_EXT_LEN		4	/* RFC 6581 block in front of it */
#define SIW_MPA_PD_MAX		512	/* private data, block included */
#define SIW_MPA_FRAME_MAX	(SIW_MPA_HDR_LEN + SIW_MPA_PD_MAX)

#define SIW_MPA_RD_MAX		0x3ffe	/* largest IRD or ORD value */
#define SIW_MPA_RD_NONE		0x3fff	/* "not negotiated" */

/* Ready-to-receive indications: a zero-length message of that kind. */
#define SIW_MPA_RTR_SEND	0x01
#define SIW_MPA_RTR_WRITE	0x02
#define SIW_MPA_RTR_READ	0x04
#define SIW_MPA_RTR_ALL		0x07

enum siw_mpa_role {
	SIW_MPA_INITIATOR,	/* sends the Request, awaits the Reply */
	SIW_MPA_RESPONDER,	/* awaits the Request, sends the Reply */
};

/* What is wrong with a frame or a negotiation. */
enum siw_mpa_why {
	SIW_MPA_OK,
	/* malformed: close at once, with RST and without an answer */
	SIW_MPA_BAD_KEY,	/* not an MPA frame */
	SIW_MPA_ROLE_CLASH,	/* the peer plays the same role as we do */
	SIW_MPA_BAD_REV,	/* revision 0, unknown, or not what was asked */
	SIW_MPA_BAD_PD_LEN,	/* PD_Length above 512 */
	SIW_MPA_BAD_BLOCK,	/* S=1 but no room for the block */
	SIW_MPA_PD_ROOM,	/* more private data than the ULP can take */
	SIW_MPA_TRUNCATED,	/* stream ended inside the frame */
	SIW_MPA_TRAILING,	/* octets behind the frame, too early */
	SIW_MPA_NOT_ENHANCED,	/* plain Reply, but RTR or IRD/ORD demanded */
	SIW_MPA_NOT_ASKED,	/* enhanced Reply to a plain Request */
	/* well formed but not acceptable */
	SIW_MPA_REJECTED,	/* the peer's ULP said no */
	SIW_MPA_ULP_REJECT,	/* our ULP said no */
	SIW_MPA_CRC_REFUSED,	/* peer asks for CRC, crc_strict forbids it */
	SIW_MPA_ORD_SHORT,	/* peer's IRD below the ORD our ULP needs */
	SIW_MPA_IRD_SHORT,	/* our IRD cannot grow to the peer's ORD */
	SIW_MPA_NO_RTR,		/* no common ready-to-receive indication */
	SIW_MPA_WHY_CNT
};

/* What to do about it. */
enum siw_mpa_act {
	SIW_MPA_GO,		/* responder: send the Reply. Full Operation */
	SIW_MPA_REJECT,		/* responder: send the Reply (R=1), then FIN */
	SIW_MPA_REFUSED,	/* initiator: Reply had R=1; tell the ULP */
	SIW_MPA_TERM,		/* initiator: Terminate res->term is the first
				 * and only FPDU, then FIN. res->crc applies
				 */
	SIW_MPA_CLOSE,		/* RST, error to the ULP */
};

/**
 * struct siw_mpa_frame - a startup frame in host terms
 * @reply: a Reply, else a Request
 * @rev: Rev octet
 * @markers: M, sender wants markers in what it receives
 * @crc: C, sender wants CRC
 * @reject: R (Reply only; 0 in a parsed Request)
 * @enhanced: S with Rev >= 2: the RFC 6581 block is there
 * @p2p: A of the block
 * @rtr: SIW_MPA_RTR_* of the block; 0 unless @p2p
 * @ird: IRD of the block, 14 bits; 0 without a block
 * @ord: ORD of the block, 14 bits; 0 without a block
 * @pd_len: octets of ULP private data, the block not counted
 * @pd: ULP private data, borrowed from the caller's buffer; may be NULL only
 *	if @pd_len is 0
 */
struct siw_mpa_frame {
	bool reply;
	u8 rev;
	bool markers;
	bool crc;
	bool reject;
	bool enhanced;
	bool p2p;
	u8 rtr;
	u16 ird;
	u16 ord;
	u16 pd_len;
	const u8 *pd;
};

/**
 * struct siw_mpa_local - this end's policy and the ULP's wishes
 * @rev: highest revision we speak, 1 or 2. An initiator with 2 sends an
 *	enhanced Request
 * @crc_required: set C in our frames
 * @crc_strict: unless @crc_required, refuse peers that ask for CRC
 * @markers_wanted: set M in our frames
 * @p2p: initiator: peer-to-peer model, send an RTR
 * @p2p_optional: initiator: go on as client-server if the peer does not
 *	support peer-to-peer (D-15, EMPA-10-07)
 * @rd_demanded: initiator: fail if IRD and ORD are not negotiated
 * @ord_demanded: responder: reject if the peer's IRD is below @ord
 * @rtr: SIW_MPA_RTR_* we can send (initiator) or serve (responder); 0 = all
 * @early_reply_tail: initiator: octets right behind the Reply are an error
 * @early_request_tail: responder: octets behind the Request are tolerated
 * @ird: inbound Reads the ULP asked for; SIW_MPA_RD_NONE: do not negotiate
 * @ord: outbound Reads the ULP asked for; SIW_MPA_RD_NONE: do not negotiate
 * @max_ird: device limit, 1..SIW_MPA_RD_MAX
 * @max_ord: device limit, 1..SIW_MPA_RD_MAX
 * @pd_len: octets of our private data
 * @pd: our private data, borrowed; NULL only if @pd_len is 0
 */
struct siw_mpa_local {
	u8 rev;
	bool crc_required;
	bool crc_strict;
	bool markers_wanted;
	bool p2p;
	bool p2p_optional;
	bool rd_demanded;
	bool ord_demanded;
	bool early_reply_tail;
	bool early_request_tail;
	u8 rtr;
	u16 ird;
	u16 ord;
	u16 max_ird;
	u16 max_ord;
	u16 pd_len;
	const u8 *pd;
};

/**
 * struct siw_mpa_result - what was agreed
 * @act: what to do now
 * @why: the reason unless @act is SIW_MPA_GO
 * @term: SIW_MPA_TERM: the error to send; else the error to report locally,
 *	SIW_OK with SIW_MPA_GO
 * @crc: CRC on, both directions
 * @markers_tx: we must insert markers
 * @markers_rx: the peer inserts markers
 * @enhanced: IRD, ORD and RTR were negotiated
 * @rev: revision of the connection
 * @rtr: exactly one SIW_MPA_RTR_* to send (initiator) or to expect
 *	(responder), 0 if none. A Read as RTR is sent whatever @ord is; until
 *	its Response is here it counts as one of the @ord outstanding Reads
 * @ird: Reads we serve at a time; never 0, a peer may use a Read as RTR.
 *	Peers that do not count that Read against their ORD exist: room for
 *	one more is wise if @rtr is a Read
 * @ord: Reads we may have outstanding
 * @peer_ird: as the peer stated it; SIW_MPA_RD_NONE if it did not
 * @peer_ord: as the peer stated it; SIW_MPA_RD_NONE if it did not
 * @pd_len: octets of the peer's private data for the ULP
 * @pd: borrowed from the parsed frame
 */
struct siw_mpa_result {
	enum siw_mpa_act act;
	enum siw_mpa_why why;
	enum siw_err term;
	bool crc;
	bool markers_tx;
	bool markers_rx;
	bool enhanced;
	u8 rev;
	u8 rtr;
	u16 ird;
	u16 ord;
	u16 peer_ird;
	u16 peer_ord;
	u16 pd_len;
	const u8 *pd;
};

/**
 * siw_mpa_need() - how many more octets of a startup frame to read
 * @self: our role: a responder awaits a Request, an initiator a Reply
 * @got: octets received so far
 * @n: how many they are
 *
 * Never asks for octets beyond the frame, so what follows it stays in the
 * socket. Returns 0 as soon as the verdict is certain, which is early for a
 * wrong key, an unknown revision or an excessive PD_Length.
 *
 * Context: any.
 * Return: octets to read next, at most SIW_MPA_FRAME_MAX - @n; 0: call
 * siw_mpa_parse() now.
 * RFC 5044 §7.1.1
 */
u32 siw_mpa_need(enum siw_mpa_role self, const u8 *got, u32 n);

/**
 * siw_mpa_parse() - decode and validate a startup frame
 * @f: decoded frame; complete only if the verdict is SIW_MPA_OK. @f->pd points
 *	into @buf
 * @self: our role
 * @buf: the octets received
 * @n: how many they are; those behind the frame are not looked at
 * @pd_room: octets of private data the ULP can take
 *
 * Context: any.
 * Return: SIW_MPA_OK, or what is wrong; all of that means SIW_MPA_CLOSE.
 * RFC 5044 §7.1.1, §7.1.2; RFC 6581 §6
 */
enum siw_mpa_why siw_mpa_parse(struct siw_mpa_frame *f, enum siw_mpa_role self,
			       const u8 *buf, u32 n, u32 pd_room);

/**
 * siw_mpa_tail() - may octets follow the frame already?
 * @l: policy
 * @self: our role
 * @n: octets in the socket behind the frame. Responder: looked at before the
 *	Reply is sent; initiator: with the Reply
 *
 * The Request of a well-behaved peer is followed by nothing until our Reply;
 * FPDUs right behind a Reply are taken unless policy says otherwise.
 *
 * Context: any.
 * Return: SIW_MPA_OK or SIW_MPA_TRAILING.
 * RFC 5044 §7.1.1 (PD_Length)
 */
enum siw_mpa_why siw_mpa_tail(const struct siw_mpa_local *l,
			      enum siw_mpa_role self, u32 n);

/**
 * siw_mpa_pd_max() - limit of the ULP's private data
 * @enhanced: the frame carries the RFC 6581 block
 *
 * Context: any.
 * Return: octets.
 * RFC 5044 §7.1.1; RFC 6581 §9
 */
u32 siw_mpa_pd_max(bool enhanced);

/**
 * siw_mpa_build() - encode a startup frame
 * @buf: where to
 * @size: room there, octets
 * @f: the frame
 *
 * Context: any.
 * Return: octets written; 0 if @size or the private data limit is exceeded
 * (nothing is written then).
 * RFC 5044 §7.1.1; RFC 6581 §6, §9
 */
u32 siw_mpa_build(u8 *buf, u32 size, const struct siw_mpa_frame *f);

/**
 * siw_mpa_request() - the Request that policy and ULP call for
 * @f: the frame to send; keep it for siw_mpa_negotiate_done()
 * @l: policy; @l->rev 1 gives a plain Request (also for a second attempt)
 *
 * Context: any.
 * RFC 5044 §7.1.2 (1); RFC 6581 §9
 */
void siw_mpa_request(struct siw_mpa_frame *f, const struct siw_mpa_local *l);

/**
 * siw_mpa_negotiate_reply() - responder: the ULP accepts
 * @res: what was agreed; @res->act is GO, REJECT or CLOSE
 * @reply: frame to send for GO and REJECT
 * @l: policy and ULP parameters
 * @req: the peer's Request
 *
 * Context: any.
 * RFC 5044 §7.1.2 (2); RFC 6581 §9
 */
void siw_mpa_negotiate_reply(struct siw_mpa_result *res,
			     struct siw_mpa_frame *reply,
			     const struct siw_mpa_local *l,
			     const struct siw_mpa_frame *req);

/**
 * siw_mpa_acceptable() - responder: can the Request be served at all?
 * @l: policy; the ULP's fields are not looked at
 * @req: the peer's Request
 *
 * To be asked before the ULP is troubled with the Request.
 *
 * Context: any.
 * Return: SIW_MPA_OK; SIW_MPA_BAD_REV (close); SIW_MPA_CRC_REFUSED
 * (siw_mpa_reject()).
 * RFC 5044 §7.1.1
 */
enum siw_mpa_why siw_mpa_acceptable(const struct siw_mpa_local *l,
				    const struct siw_mpa_frame *req);

/**
 * siw_mpa_reject() - responder: the ULP, or policy, says no
 * @reply: frame to send; enhanced iff @req was
 * @l: policy; @l->pd is the ULP's reason, @l->ird and @l->ord what it wants
 * @req: the peer's Request
 *
 * Context: any.
 * RFC 5044 §7.1.2 (2); RFC 6581 §9.1, §10
 */
void siw_mpa_reject(struct siw_mpa_frame *reply, const struct siw_mpa_local *l,
		    const struct siw_mpa_frame *req);

/**
 * siw_mpa_negotiate_done() - initiator: the Reply is here
 * @res: what was agreed; @res->act is GO, REFUSED, TERM or CLOSE
 * @l: policy and ULP parameters, as for siw_mpa_request()
 * @req: the Request that was sent
 * @reply: the peer's Reply
 *
 * Context: any.
 * RFC 5044 §7.1.2 (3); RFC 6581 §9, §10
 */
void siw_mpa_negotiate_done(struct siw_mpa_result *res,
			    const struct siw_mpa_local *l,
			    const struct siw_mpa_frame *req,
			    const struct siw_mpa_frame *reply);

/**
 * siw_mpa_why_name() - readable reason for logs and events
 * @why: any value
 *
 * Context: any.
 * Return: a constant string, never NULL.
 */
const char *siw_mpa_why_name(enum siw_mpa_why why);

/**
 * siw_mpa_why_err() - the protocol error that stands for a reason
 * @why: any value
 *
 * Context: any.
 * Return: an error of the MPA layer; SIW_OK for SIW_MPA_OK.
 * RFC 5044 §8; RFC 6581 §8
 */
enum siw_err siw_mpa_why_err(enum siw_mpa_why why);

#endif
