// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The error table. RFC 5040 figures 9 and 10, RFC 5041 §7.2, RFC 5044 §8,
 * RFC 6581 §8, RFC 7306 §8.
 */
#include "err.h"
#include "wire.h"

#define MD	(RDMAP_TERM_M | RDMAP_TERM_D)
#define MDR	(RDMAP_TERM_M | RDMAP_TERM_D | RDMAP_TERM_R)
#define NONE	0xff	/* a layer that is not there */

/* clang-format off */
static const struct siw_err_info err_table[SIW_E_CNT] = {
	[SIW_OK] = { "no error", NONE, 0, 0x00, 0, false },

	[SIW_E_RDMAP_LOCAL] = {
		"local fault while building a message", 0, 0, 0x00, 0, true },
	[SIW_E_RPROT_STAG] = { "invalid STag", 0, 1, 0x00, MDR, true },
	[SIW_E_RPROT_BOUNDS] = {
		"outside of the registered memory", 0, 1, 0x01, MDR, true },
	[SIW_E_RPROT_RIGHTS] = {
		"access right missing", 0, 1, 0x02, MDR, true },
	[SIW_E_RPROT_ASSOC] = {
		"STag of another protection domain or stream",
		0, 1, 0x03, MDR, true },
	[SIW_E_RPROT_WRAP] = {
		"tagged offset wraps around", 0, 1, 0x04, MDR, true },
	[SIW_E_RPROT_INVAL] = {
		"STag cannot be invalidated", 0, 1, 0x09, MDR, true },
	[SIW_E_RPROT_UNSPEC] = {
		"unspecified protection error", 0, 1, 0xff, MDR, true },

	[SIW_E_ROP_VERSION] = {
		"RDMAP version not supported", 0, 2, 0x05, MD, true },
	[SIW_E_ROP_OPCODE] = { "unexpected opcode", 0, 2, 0x06, MD, true },
	[SIW_E_ROP_STREAM] = {
		"fault while serving this stream", 0, 2, 0x07, MD, true },
	[SIW_E_ROP_GLOBAL] = { "global fault", 0, 2, 0x08, MD, true },
	[SIW_E_ROP_INVAL] = {
		"STag cannot be invalidated (operation)",
		0, 2, 0x09, MD, true },
	[SIW_E_ROP_UNSPEC] = {
		"unspecified operation error", 0, 2, 0xff, MD, true },
	[SIW_E_ROP_CHANGED] = {
		"opcode changed inside a message", 0, 2, 0x06, MD, true },
	[SIW_E_ROP_UNSOLICITED] = {
		"Read Response that nobody asked for", 0, 2, 0x06, MD, true },
	[SIW_E_RREQ_SHORT] = { "Read Request too short", 0, 2, 0xff, MD, true },
	[SIW_E_AREQ_OP] = {
		"Atomic Operation not supported", 0, 2, 0x06, MD, true },
	[SIW_E_AREQ_ALIGN] = {
		"Atomic Operation on memory that is not aligned",
		0, 2, 0x07, MD, true },
	[SIW_E_AREQ_SHORT] = {
		"Atomic Request too short", 0, 2, 0xff, MD, true },
	[SIW_E_ARESP_LEN] = {
		"Atomic Response of a wrong length", 0, 2, 0xff, MD, true },
	[SIW_E_ARESP_ID] = {
		"Atomic Response to another request", 0, 2, 0xff, MD, true },
	[SIW_E_IMM_LEN] = {
		"immediate data of a wrong length", 0, 2, 0xff, MD, true },

	[SIW_E_DDP_LOCAL] = { "local DDP fault", 1, 0, 0x00, 0, true },
	[SIW_E_DDP_RUNT] = {
		"segment shorter than its header", 1, 0, 0x00, 0, true },

	[SIW_E_TAG_STAG] = {
		"invalid STag in a tagged message", 1, 1, 0x00, MD, true },
	[SIW_E_TAG_BOUNDS] = {
		"tagged message outside of the registered memory",
		1, 1, 0x01, MD, true },
	[SIW_E_TAG_ASSOC] = {
		"tagged message to an STag of another stream",
		1, 1, 0x02, MD, true },
	[SIW_E_TAG_WRAP] = {
		"tagged message whose offset wraps around",
		1, 1, 0x03, MD, true },
	[SIW_E_TAG_VERSION] = {
		"DDP version of a tagged message not supported",
		1, 1, 0x04, MD, true },
	[SIW_E_RRESP_STAG] = {
		"Read Response to another STag", 1, 1, 0x00, MD, true },
	[SIW_E_RRESP_TO] = {
		"Read Response to another offset", 1, 1, 0x01, MD, true },
	[SIW_E_RRESP_LONG] = {
		"Read Response too long", 1, 1, 0x01, MD, true },
	[SIW_E_RRESP_SHORT] = {
		"Read Response too short", 1, 1, 0x01, MD, true },

	[SIW_E_UNT_QN] = { "invalid queue number", 1, 2, 0x01, MD, true },
	[SIW_E_UNT_NOBUF] = { "no receive buffer", 1, 2, 0x02, MD, true },
	[SIW_E_UNT_MSN] = {
		"message sequence number out of range", 1, 2, 0x03, MD, true },
	[SIW_E_UNT_MO] = {
		"message offset outside of the buffer", 1, 2, 0x04, MD, true },
	[SIW_E_UNT_LONG] = {
		"message longer than the buffer", 1, 2, 0x05, MD, true },
	[SIW_E_UNT_VERSION] = {
		"DDP version of an untagged message not supported",
		1, 2, 0x06, MD, true },
	[SIW_E_UNT_HOLE] = {
		"octets of a message missing", 1, 2, 0x04, MD, true },
	[SIW_E_RREQ_IRD] = {
		"more Read or Atomic Requests than agreed",
		1, 2, 0x02, MD, true },
	[SIW_E_RREQ_LONG] = { "Read Request too long", 1, 2, 0x05, MD, true },
	[SIW_E_RREQ_SPLIT] = {
		"Read Request in several segments", 1, 2, 0x04, MD, true },
	[SIW_E_AREQ_LONG] = { "Atomic Request too long", 1, 2, 0x05, MD, true },
	[SIW_E_AREQ_SPLIT] = {
		"Atomic Request in several segments", 1, 2, 0x04, MD, true },
	[SIW_E_ARESP_NONE] = {
		"Atomic Response that nobody asked for",
		1, 2, 0x02, MD, true },

	[SIW_E_DDP_LLP] = { "lower layer fault", 1, 3, 0x00, 0, false },

	[SIW_E_MPA_LOST] = { "TCP connection lost", 2, 0, 0x01, 0, false },
	[SIW_E_MPA_CRC] = { "CRC mismatch", 2, 0, 0x02, 0, true },
	[SIW_E_MPA_MARKER] = {
		"marker and ULPDU length disagree", 2, 0, 0x03, 0, true },
	[SIW_E_MPA_FRAME] = { "malformed MPA frame", 2, 0, 0x04, 0, false },
	[SIW_E_MPA_ROLE] = {
		"MPA request where a reply was due", 2, 0, 0x04, 0, false },
	[SIW_E_MPA_REV] = {
		"MPA revision not supported", 2, 0, 0x04, 0, false },
	[SIW_E_MPA_PD_LEN] = {
		"MPA private data length not acceptable",
		2, 0, 0x04, 0, false },
	[SIW_E_MPA_EXCESS] = {
		"octets behind an MPA frame", 2, 0, 0x04, 0, false },
	[SIW_E_MPA_TRUNCATED] = {
		"MPA frame truncated", 2, 0, 0x04, 0, false },
	[SIW_E_MPA_TIMEOUT] = {
		"MPA frame did not come in time", 2, 0, 0x04, 0, false },
	[SIW_E_MPA_CRC_POLICY] = {
		"peer wants CRCs, which the local policy refuses",
		NONE, 0, 0x00, 0, false },
	[SIW_E_MPA_REJECTED] = {
		"connection rejected by the peer", NONE, 0, 0x00, 0, false },
	[SIW_E_MPA_LOCAL] = {
		"local fault during connection set-up", 2, 0, 0x05, 0, true },
	[SIW_E_MPA_IRD] = { "insufficient IRD", 2, 0, 0x06, 0, true },
	[SIW_E_MPA_RTR] = { "no matching RTR type", 2, 0, 0x07, 0, true },

	[SIW_E_PEER_TERM] = {
		"terminated by the peer", NONE, 0, 0x00, 0, false },
	[SIW_E_TERM_MALFORMED] = {
		"malformed Terminate from the peer", NONE, 0, 0x00, 0, false },
	[SIW_E_TERM_UNKNOWN] = {
		"unknown Terminate from the peer", NONE, 0, 0x00, 0, false },
};

/* clang-format on */

const struct siw_err_info *siw_err_info(enum siw_err err)
{
	if ((u32)err >= SIW_E_CNT)
		err = SIW_E_ROP_UNSPEC;
	return &err_table[err];
}

const char *siw_err_name(enum siw_err err)
{
	return siw_err_info(err)->name;
}

/* Does the triple of a Terminate fall under this row? */
static bool row_matches(const struct siw_err_info *row, u8 layer, u8 etype,
			u8 code)
{
	if (row->layer == NONE || row->layer != layer)
		return false;
	/* Hardware sends type 3 in MPA Terminates; 0 is registered. */
	if (layer == 2)
		return row->code == code;
	if (row->etype != etype)
		return false;
	/* Local catastrophic and lower layer errors have no codes. */
	return etype == 0 || etype == 3 || row->code == code;
}

enum siw_err siw_err_from_triple(u8 layer, u8 etype, u8 code)
{
	u32 i;

	for (i = 0; i < SIW_E_CNT; i++)
		if (row_matches(&err_table[i], layer, etype, code))
			return (enum siw_err)i;
	return SIW_E_TERM_UNKNOWN;
}
