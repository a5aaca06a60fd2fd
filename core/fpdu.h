/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * One FPDU: sizes, pad, CRC form, header encode, decode and the checks that
 * need nothing but the header itself. No state.
 *
 * RFC 5044 §4, RFC 5041 §4, RFC 5040 §4. The messages of RFC 7306 have a file
 * of their own, ext.h.
 */
#ifndef SIW_CORE_FPDU_H
#define SIW_CORE_FPDU_H

#include "err.h"
#include "wire.h"

/*
 * What a connection may use beyond RFC 5040, if both ends agreed. MPA has no
 * field to say so: programs or administrators agree. RFC 7306 §1.1
 */
enum {
	SIW_EXT_IMM	= 0x01,	/* Immediate Data, with and without SE */
	SIW_EXT_ATOMIC	= 0x02,	/* all Atomic Operations */
	SIW_EXT_ALL	= SIW_EXT_IMM | SIW_EXT_ATOMIC,
};

/**
 * struct siw_opcode_info - what an RDMAP opcode implies
 * @known: it is registered
 * @ext: SIW_EXT_* that it takes; 0: RFC 5040 has it
 * @tagged: T bit
 * @solicited: a Send or Immediate Data that raises a solicited event
 * @invalidate: a Send that carries an STag to invalidate
 * @qn: queue, when untagged
 * @hdr_len: octets from ULPDU_Length to the end of the RDMAP header
 *
 * RFC 5040 figure 4, RFC 7306 figure 2
 */
struct siw_opcode_info {
	bool known;
	u8 ext;
	bool tagged;
	bool solicited;
	bool invalidate;
	u8 qn;
	u8 hdr_len;
};

/**
 * siw_opcode_info() - the table row of an opcode
 * @opcode: the low four bits count
 *
 * Context: any.
 * Return: never NULL; valid for ever.
 */
const struct siw_opcode_info *siw_opcode_info(u8 opcode);

/**
 * struct siw_seg - a decoded DDP segment header, all in host order
 * @tagged: T bit
 * @last: L bit
 * @dv: DDP version
 * @rv: RDMAP version field, in place (RDMAP_RV_MASK)
 * @opcode: RDMAP opcode
 * @hdr_len: octets from ULPDU_Length to the end of the DDP header: 16 or 20
 * @ulpdu_len: ULPDU_Length
 * @pay_len: octets behind the DDP header, pad excluded. Meaningless
 *	while siw_fpdu_runt() holds.
 * @stag: tagged only
 * @to: tagged only
 * @inval_stag: untagged only
 * @qn: untagged only
 * @msn: untagged only
 * @mo: untagged only
 */
struct siw_seg {
	bool tagged;
	bool last;
	u8 dv;
	u8 rv;
	u8 opcode;
	u8 hdr_len;
	u16 ulpdu_len;
	u32 pay_len;
	u32 stag;
	u64 to;
	u32 inval_stag;
	u32 qn;
	u32 msn;
	u32 mo;
};

/**
 * struct siw_rreq - a Read Request
 * @sink_stag: where the response goes, never looked up by the responder
 * @sink_to: offset there
 * @len: octets to read
 * @source_stag: what to read
 * @source_to: offset there
 * @msn: its message sequence number on queue 1
 * @hdr: the header as it was on the wire, ULPDU_Length first. A Terminate
 *	has to return it: siw_term_init().
 *
 * RFC 5040 §4.4
 */
struct siw_rreq {
	u32 sink_stag;
	u32 len;
	u64 sink_to;
	u64 source_to;
	u32 source_stag;
	u32 msn;
	u8 hdr[RDMAP_RREQ_HDR];
};

/**
 * siw_fpdu_pad() - pad octets behind a ULPDU
 * @ulpdu_len: octets
 *
 * Context: any.
 * Return: 0 to 3.
 * RFC 5044 §4.1
 */
static inline u32 siw_fpdu_pad(u32 ulpdu_len)
{
	return -(MPA_LEN_SIZE + ulpdu_len) & 3u;
}

/**
 * siw_fpdu_size() - octets of an FPDU on a stream without markers
 * @ulpdu_len: octets
 *
 * Context: any.
 * Return: ULPDU_Length field, ULPDU, pad and CRC. siw_marker_cnt() says how
 * many markers come on top.
 * RFC 5044 §4.1
 */
static inline u32 siw_fpdu_size(u32 ulpdu_len)
{
	return MPA_LEN_SIZE + ulpdu_len + siw_fpdu_pad(ulpdu_len) +
	       MPA_CRC_SIZE;
}

/**
 * siw_marker_cnt() - how many markers come among the next octets of a stream?
 * @len: octets that are not of markers
 * @pos: octets of the stream before them, modulo MPA_MARKER_GAP; not inside a
 *	marker. With 0 a marker is next.
 *
 * Context: any.
 * Return: markers in front of the last of these octets.
 * RFC 5044 §4.3
 */
static inline u32 siw_marker_cnt(u32 len, u32 pos)
{
	u32 room = (MPA_MARKER_GAP - pos) % MPA_MARKER_GAP;

	return len <= room ? 0 :
	       (len - room + MPA_MARKER_DATA - 1) / MPA_MARKER_DATA;
}

/**
 * siw_fpdu_crc() - a CRC register as the wire wants it
 * @crc: register after ULPDU_Length up to the pad
 *
 * Context: any.
 * Return: the CRC field.
 * RFC 5044 §4.4
 */
static inline __le32 siw_fpdu_crc(u32 crc)
{
	return cpu_to_le32(~crc);
}

/**
 * siw_mulpdu() - the longest ULPDU whose FPDU fits a TCP segment
 * @emss: octets TCP puts into a segment; any value
 *
 * Context: any.
 * Return: octets, within MPA_MIN_MULPDU and MPA_MAX_MULPDU.
 * RFC 5044 §4.5
 */
u32 siw_mulpdu(u32 emss);

/**
 * siw_mulpdu_marked() - the same on a stream with markers
 * @emss: octets TCP puts into a segment; any value
 *
 * Context: any.
 * Return: octets, within MPA_MIN_MULPDU and MPA_MAX_MULPDU.
 * RFC 5044 §4.5
 */
u32 siw_mulpdu_marked(u32 emss);

/**
 * siw_fpdu_hdr_len() - how long is the header that starts like this?
 * @ddp_ctrl: third octet of the FPDU
 *
 * Context: any.
 * Return: octets from ULPDU_Length to the end of the DDP header: 16 or 20.
 * RFC 5041 §4.1
 */
static inline u32 siw_fpdu_hdr_len(u8 ddp_ctrl)
{
	return MPA_LEN_SIZE + (ddp_ctrl & DDP_F_TAGGED ? DDP_TAGGED_LEN :
						     DDP_UNTAGGED_LEN);
}

/**
 * siw_fpdu_runt() - is the ULPDU too short for the header that it starts with?
 * @c: first four octets of the FPDU
 *
 * Context: any.
 * Return: true when the DDP header does not fit.
 * RFC 5041 §3.7
 */
bool siw_fpdu_runt(const struct ddp_common_hdr *c);

/**
 * siw_fpdu_decode() - DDP header to host order
 * @s: result
 * @hdr: siw_fpdu_hdr_len() octets, aligned to 8; not a runt
 *
 * Context: any.
 * RFC 5041 §4
 */
void siw_fpdu_decode(struct siw_seg *s, const void *hdr);

/**
 * siw_fpdu_check() - what is wrong with a header by itself?
 * @s: decoded header
 * @ext: SIW_EXT_* that both ends agreed to
 *
 * In this order: DDP version, queue number, RDMAP version, opcode, opcode
 * against T bit and queue.
 *
 * Context: any.
 * Return: SIW_OK or the first fault.
 * RFC 5041 §7.1, RFC 5040 §7.2, RFC 7306 §1.1
 */
enum siw_err siw_fpdu_check(const struct siw_seg *s, u8 ext);

/**
 * siw_fpdu_decode_rreq() - Read Request to host order
 * @r: result, with a copy of the header
 * @hdr: RDMAP_RREQ_HDR octets, aligned to 8
 *
 * Context: any.
 * RFC 5040 §4.4
 */
void siw_fpdu_decode_rreq(struct siw_rreq *r, const void *hdr);

/**
 * siw_fpdu_encode() - header of a segment to the wire
 * @hdr: room for an untagged DDP header, aligned to 8
 * @s: @opcode, @last, @pay_len and the fields of the kind of segment are
 *	used; T bit, queue and versions follow from the opcode
 *
 * Context: any.
 * Return: octets written: 16 or 20.
 * RFC 5041 §4
 */
u32 siw_fpdu_encode(void *hdr, const struct siw_seg *s);

/**
 * siw_fpdu_encode_rreq() - Read Request to the wire
 * @hdr: room for RDMAP_RREQ_HDR octets, aligned to 8
 * @r: all but @hdr is used
 *
 * Context: any.
 * Return: octets written: 48.
 * RFC 5040 §4.4
 */
u32 siw_fpdu_encode_rreq(void *hdr, const struct siw_rreq *r);

#endif
