// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Terminate messages. RFC 5040 §4.8
 *
 * Layout of the payload: control word (4), segment length (2, with M), DDP
 * header (14 or 18, with D), RDMAP header of a Read Request (28, with R).
 */
#include "term.h"

#define CTRL_LEN	4
#define DDP_AT		6	/* the DDP header, if any */

/* Offsets in the RDMAP header of a Read Request */
enum { RREQ_SINK_TO = 4, RREQ_SIZE = 12, RREQ_SOURCE_TO = 20 };

static u32 ddp_hdr_len(u8 ddp_ctrl)
{
	return ddp_ctrl & DDP_F_TAGGED ? DDP_TAGGED_LEN : DDP_UNTAGGED_LEN;
}

static bool is_rreq(const struct ddp_common_hdr *c, u32 hdr_len)
{
	return hdr_len >= RDMAP_RREQ_HDR && !(c->ddp_ctrl & DDP_F_TAGGED) &&
	       (c->rdmap_ctrl & RDMAP_OP_MASK) == RDMAP_READ_REQ;
}

void siw_term_init(struct siw_term *t, enum siw_err err, const void *hdr,
		   u32 hdr_len)
{
	const struct siw_err_info *info = siw_err_info(err);
	const struct ddp_common_hdr *c = hdr;

	memset(t, 0, sizeof(*t));
	t->err = err;
	t->layer = info->layer;
	t->etype = info->etype;
	t->code = info->code;
	t->send = info->sendable;
	if (!(info->hdrct & RDMAP_TERM_D) || !hdr || hdr_len < sizeof(*c) ||
	    hdr_len < siw_fpdu_hdr_len(c->ddp_ctrl))
		return;
	t->hdrct = RDMAP_TERM_M | RDMAP_TERM_D;
	t->seg_len = be16_to_cpu(c->mpa_len);
	t->hdr_len = (u8)ddp_hdr_len(c->ddp_ctrl);
	if ((info->hdrct & RDMAP_TERM_R) && is_rreq(c, hdr_len)) {
		t->hdrct |= RDMAP_TERM_R;
		t->hdr_len = sizeof(t->hdr);
	}
	memcpy(t->hdr, (const u8 *)hdr + MPA_LEN_SIZE, t->hdr_len);
}

static void advance_to(u8 *at, u32 n)
{
	__be64 wire;

	memcpy(&wire, at, sizeof(wire));
	wire = cpu_to_be64(be64_to_cpu(wire) + n);
	memcpy(at, &wire, sizeof(wire));
}

void siw_term_progress(struct siw_term *t, u32 done)
{
	u8 *rreq = t->hdr + DDP_UNTAGGED_LEN;
	__be32 wire;
	u32 size;

	if (!(t->hdrct & RDMAP_TERM_R))
		return;
	memcpy(&wire, rreq + RREQ_SIZE, sizeof(wire));
	size = be32_to_cpu(wire);
	if (done > size)
		done = size;
	wire = cpu_to_be32(size - done);
	memcpy(rreq + RREQ_SIZE, &wire, sizeof(wire));
	advance_to(rreq + RREQ_SINK_TO, done);
	advance_to(rreq + RREQ_SOURCE_TO, done);
}

u32 siw_term_build(u8 *buf, const struct siw_term *t)
{
	__be16 seg_len = cpu_to_be16(t->seg_len);

	buf[0] = (u8)(t->layer << 4 | (t->etype & 0x0f));
	buf[1] = t->code;
	buf[2] = t->hdrct;
	buf[3] = 0;
	if (!t->hdrct)
		return CTRL_LEN;
	memcpy(buf + CTRL_LEN, &seg_len, sizeof(seg_len));
	memcpy(buf + DDP_AT, t->hdr, t->hdr_len);
	return (u32)DDP_AT + t->hdr_len;
}

/* The in-tree Linux driver exchanges layer and type, and sets 1, 2, 4 of the
 * third octet in place of M, D, R. Believe that reading when only it makes
 * sense, or when exactly these bits are there, which should be zero.
 */
static bool looks_swapped(const u8 *buf)
{
	u8 hi = buf[0] >> 4, lo = buf[0] & 0x0f;

	if (buf[2] & 0xf8 || buf[3])
		return false;
	if (siw_err_from_triple(lo, hi, buf[1]) == SIW_E_TERM_UNKNOWN)
		return false;
	return buf[2] || siw_err_from_triple(hi, lo, buf[1]) ==
			 SIW_E_TERM_UNKNOWN;
}

/* Such a Terminate has a segment length but no header that could be trusted. */
static void parse_swapped(struct siw_term *t, const u8 *buf, u32 len)
{
	t->swapped = true;
	t->layer = buf[0] & 0x0f;
	t->etype = buf[0] >> 4;
	if (!buf[2] || len < DDP_AT)
		return;
	t->hdrct = RDMAP_TERM_M;
	t->seg_len = (u16)(buf[4] << 8 | buf[5]);
}

/* What the header bits announce. Return: false when it is not there. */
static bool parse_headers(struct siw_term *t, const u8 *buf, u32 len)
{
	u32 n;

	t->hdrct = buf[2] & (RDMAP_TERM_M | RDMAP_TERM_D | RDMAP_TERM_R);
	if (!t->hdrct)
		return true;
	if (len < DDP_AT)
		return false;
	t->seg_len = (u16)(buf[4] << 8 | buf[5]);
	if (!(t->hdrct & RDMAP_TERM_D))
		return !(t->hdrct & RDMAP_TERM_R);
	if (len == DDP_AT)
		return false;
	n = ddp_hdr_len(buf[DDP_AT]);
	if (t->hdrct & RDMAP_TERM_R)
		n += RDMAP_RREQ_LEN;
	if (len - DDP_AT < n)
		return false;
	t->hdr_len = (u8)n;
	memcpy(t->hdr, buf + DDP_AT, n);
	return true;
}

enum siw_err siw_term_parse(struct siw_term *t, const u8 *buf, u32 len)
{
	memset(t, 0, sizeof(*t));
	t->err = SIW_E_TERM_MALFORMED;
	if (len < CTRL_LEN)
		return t->err;
	t->layer = buf[0] >> 4;
	t->etype = buf[0] & 0x0f;
	t->code = buf[1];
	if (looks_swapped(buf)) {
		parse_swapped(t, buf, len);
	} else if (!parse_headers(t, buf, len)) {
		t->hdrct = 0;
		t->seg_len = 0;
		return t->err;
	}
	t->err = siw_err_from_triple(t->layer, t->etype, t->code);
	return t->err;
}
