/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The one list of things that can go wrong between two peers. Each has a
 * reason that a person can read and the (layer, type, code) triple that a
 * Terminate message carries for it. Several reasons may share a triple. Programs
 * are told the number (vendor_err), so it stays: new reasons go to the end.
 *
 * RFC 5040 §4.8, RFC 5041 §7.2, RFC 5044 §8, RFC 6581 §8, RFC 6580 §3,
 * RFC 7306 §8
 */
#ifndef SIW_CORE_ERR_H
#define SIW_CORE_ERR_H

#include "plat.h"

enum siw_err {
	SIW_OK = 0,

	/* RDMAP, local catastrophic and remote protection: 0/0, 0/1 */
	SIW_E_RDMAP_LOCAL,	/* fault while building our own message */
	SIW_E_RPROT_STAG,
	SIW_E_RPROT_BOUNDS,
	SIW_E_RPROT_RIGHTS,
	SIW_E_RPROT_ASSOC,
	SIW_E_RPROT_WRAP,
	SIW_E_RPROT_INVAL,	/* STag cannot be invalidated */
	SIW_E_RPROT_UNSPEC,

	/* RDMAP, remote operation: 0/2 */
	SIW_E_ROP_VERSION,
	SIW_E_ROP_OPCODE,	/* unknown, or unfit for the T bit or the QN */
	SIW_E_ROP_STREAM,	/* local fault while serving the peer's input */
	SIW_E_ROP_GLOBAL,
	SIW_E_ROP_INVAL,
	SIW_E_ROP_UNSPEC,
	SIW_E_ROP_CHANGED,	/* opcode changed inside a message */
	SIW_E_ROP_UNSOLICITED,	/* Read Response without a Read Request */
	SIW_E_RREQ_SHORT,	/* Read Request below 28 octets */
	SIW_E_AREQ_OP,		/* Atomic Operation that nobody registered */
	SIW_E_AREQ_ALIGN,	/* ... on memory that is not aligned to 8 */
	SIW_E_AREQ_SHORT,	/* Atomic Request below 52 octets */
	SIW_E_ARESP_LEN,	/* Atomic Response that is not 12 octets */
	SIW_E_ARESP_ID,		/* ... to another request than the oldest */
	SIW_E_IMM_LEN,		/* immediate data that are not 8 octets */

	/* DDP: 1/0 */
	SIW_E_DDP_LOCAL,
	SIW_E_DDP_RUNT,		/* segment shorter than its own header */

	/* DDP, tagged buffer: 1/1 */
	SIW_E_TAG_STAG,
	SIW_E_TAG_BOUNDS,
	SIW_E_TAG_ASSOC,
	SIW_E_TAG_WRAP,
	SIW_E_TAG_VERSION,
	SIW_E_RRESP_STAG,	/* not the STag that the Read asked for */
	SIW_E_RRESP_TO,		/* not where the Read Response must go on */
	SIW_E_RRESP_LONG,	/* more octets than the Read asked for */
	SIW_E_RRESP_SHORT,	/* last segment came too early */

	/* DDP, untagged buffer: 1/2 */
	SIW_E_UNT_QN,
	SIW_E_UNT_NOBUF,	/* no receive posted */
	SIW_E_UNT_MSN,
	SIW_E_UNT_MO,
	SIW_E_UNT_LONG,
	SIW_E_UNT_VERSION,
	SIW_E_UNT_HOLE,		/* octets missing at the last segment */
	SIW_E_RREQ_IRD,		/* more Read or Atomic Requests than IRD */
	SIW_E_RREQ_LONG,	/* Read Request above 28 octets */
	SIW_E_RREQ_SPLIT,	/* Read Request in several segments */
	SIW_E_AREQ_LONG,	/* Atomic Request above 52 octets */
	SIW_E_AREQ_SPLIT,	/* Atomic Request in several segments */
	SIW_E_ARESP_NONE,	/* Atomic Response without a request */

	/* DDP, reserved for the lower layer: 1/3 */
	SIW_E_DDP_LLP,

	/* MPA: 2/0 */
	SIW_E_MPA_LOST,		/* TCP connection lost. Local only. */
	SIW_E_MPA_CRC,
	SIW_E_MPA_MARKER,
	SIW_E_MPA_FRAME,	/* bad startup frame. Local only, as below. */
	SIW_E_MPA_ROLE,		/* a request where a reply is due */
	SIW_E_MPA_REV,		/* revision that we do not speak */
	SIW_E_MPA_PD_LEN,	/* private data too long or too short */
	SIW_E_MPA_EXCESS,	/* octets behind a startup frame */
	SIW_E_MPA_TRUNCATED,	/* stream ended inside a startup frame */
	SIW_E_MPA_TIMEOUT,
	SIW_E_MPA_CRC_POLICY,	/* peer wants CRCs, the local policy does not */
	SIW_E_MPA_REJECTED,	/* the peer's program refused */
	SIW_E_MPA_LOCAL,	/* any other fault of an initiator's set-up */
	SIW_E_MPA_IRD,
	SIW_E_MPA_RTR,

	/* Never on the wire */
	SIW_E_PEER_TERM,	/* the peer sent a Terminate */
	SIW_E_TERM_MALFORMED,	/* ... that contradicts itself */
	SIW_E_TERM_UNKNOWN,	/* ... with a triple that nobody registered */

	SIW_E_CNT
};

/**
 * struct siw_err_info - the facts about one error
 * @name: reason for people, without a full stop
 * @layer: 0 RDMAP, 1 DDP, 2 MPA
 * @etype: error type within the layer
 * @code: error code within the type
 * @hdrct: RDMAP_TERM_M/D/R that a Terminate carries for it. R only counts
 *	when the offending message was a Read Request.
 * @sendable: may appear in a Terminate that we send
 */
struct siw_err_info {
	const char *name;
	u8 layer;
	u8 etype;
	u8 code;
	u8 hdrct;
	bool sendable;
};

/**
 * siw_err_info() - the table row of an error
 * @err: any value; one outside the enum gets the row of SIW_E_ROP_UNSPEC
 *
 * Context: any.
 * Return: never NULL; valid for ever.
 * RFC 5040 §4.8
 */
const struct siw_err_info *siw_err_info(enum siw_err err);

/**
 * siw_err_name() - the reason for people
 * @err: any value
 *
 * Context: any.
 * Return: never NULL; valid for ever.
 */
const char *siw_err_name(enum siw_err err);

/**
 * siw_err_from_triple() - what a received Terminate means
 * @layer: 0 to 15 as on the wire
 * @etype: 0 to 15 as on the wire
 * @code: as on the wire
 *
 * Layer 2 is understood with any type, since hardware uses 3 where 0 is
 * registered, and local catastrophic errors with any code.
 *
 * Context: any.
 * Return: the general reason for that triple, SIW_E_TERM_UNKNOWN when it is
 * not registered.
 * RFC 6580 §3
 */
enum siw_err siw_err_from_triple(u8 layer, u8 etype, u8 code);

#endif
