// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * FPDU, DDP and RDMAP headers. RFC 5044 §4, RFC 5041 §4, RFC 5040 §4,
 * RFC 7306 §4
 */
#include "fpdu.h"

#define TAGGED_HDR	((u8)sizeof(struct ddp_tagged_hdr))
#define UNTAGGED_HDR	((u8)sizeof(struct ddp_untagged_hdr))

/* clang-format off */
static const struct siw_opcode_info opcode_table[RDMAP_OPCODE_CNT] = {
	[RDMAP_WRITE] = {
		.known = true, .tagged = true, .hdr_len = TAGGED_HDR },
	[RDMAP_READ_REQ] = {
		.known = true, .qn = DDP_QN_READ, .hdr_len = RDMAP_RREQ_HDR },
	[RDMAP_READ_RESP] = {
		.known = true, .tagged = true, .hdr_len = TAGGED_HDR },
	[RDMAP_SEND] = {
		.known = true, .qn = DDP_QN_SEND, .hdr_len = UNTAGGED_HDR },
	[RDMAP_SEND_INVAL] = {
		.known = true, .qn = DDP_QN_SEND, .hdr_len = UNTAGGED_HDR,
		.invalidate = true },
	[RDMAP_SEND_SE] = {
		.known = true, .qn = DDP_QN_SEND, .hdr_len = UNTAGGED_HDR,
		.solicited = true },
	[RDMAP_SEND_SE_INVAL] = {
		.known = true, .qn = DDP_QN_SEND, .hdr_len = UNTAGGED_HDR,
		.solicited = true, .invalidate = true },
	[RDMAP_TERMINATE] = {
		.known = true, .qn = DDP_QN_TERM, .hdr_len = UNTAGGED_HDR },
	[RDMAP_IMM] = {
		.known = true, .ext = SIW_EXT_IMM, .qn = DDP_QN_SEND,
		.hdr_len = sizeof(struct rdmap_imm_hdr) },
	[RDMAP_IMM_SE] = {
		.known = true, .ext = SIW_EXT_IMM, .qn = DDP_QN_SEND,
		.hdr_len = sizeof(struct rdmap_imm_hdr), .solicited = true },
	[RDMAP_ATOMIC_REQ] = {
		.known = true, .ext = SIW_EXT_ATOMIC, .qn = DDP_QN_READ,
		.hdr_len = sizeof(struct rdmap_areq_hdr) },
	[RDMAP_ATOMIC_RESP] = {
		.known = true, .ext = SIW_EXT_ATOMIC, .qn = DDP_QN_ATOMIC,
		.hdr_len = sizeof(struct rdmap_aresp_hdr) },
};

/* clang-format on */

const struct siw_opcode_info *siw_opcode_info(u8 opcode)
{
	return &opcode_table[opcode & RDMAP_OP_MASK];
}

static u32 clamp_mulpdu(u32 emss, u32 overhead)
{
	u32 n = emss > overhead ? emss - overhead : 0;

	if (n < MPA_MIN_MULPDU)
		return MPA_MIN_MULPDU;
	return n < MPA_MAX_MULPDU ? n : MPA_MAX_MULPDU;
}

u32 siw_mulpdu(u32 emss)
{
	return clamp_mulpdu(emss, MPA_LEN_SIZE + MPA_CRC_SIZE + emss % 4);
}

u32 siw_mulpdu_marked(u32 emss)
{
	u32 cnt = emss / MPA_MARKER_GAP + (emss % MPA_MARKER_GAP != 0);

	return clamp_mulpdu(emss, MPA_LEN_SIZE + MPA_CRC_SIZE + emss % 4 +
			    MPA_MARKER_SIZE * cnt);
}

bool siw_fpdu_runt(const struct ddp_common_hdr *c)
{
	u32 len = be16_to_cpu(c->mpa_len);

	return MPA_LEN_SIZE + len < siw_fpdu_hdr_len(c->ddp_ctrl);
}

void siw_fpdu_decode(struct siw_seg *s, const void *hdr)
{
	const struct ddp_common_hdr *c = hdr;
	const struct ddp_tagged_hdr *t = hdr;
	const struct ddp_untagged_hdr *u = hdr;

	memset(s, 0, sizeof(*s));
	s->tagged = c->ddp_ctrl & DDP_F_TAGGED;
	s->last = c->ddp_ctrl & DDP_F_LAST;
	s->dv = c->ddp_ctrl & DDP_DV_MASK;
	s->rv = c->rdmap_ctrl & RDMAP_RV_MASK;
	s->opcode = c->rdmap_ctrl & RDMAP_OP_MASK;
	s->hdr_len = (u8)siw_fpdu_hdr_len(c->ddp_ctrl);
	s->ulpdu_len = be16_to_cpu(c->mpa_len);
	s->pay_len = (u32)MPA_LEN_SIZE + s->ulpdu_len - s->hdr_len;
	if (s->tagged) {
		s->stag = be32_to_cpu(t->stag);
		s->to = be64_to_cpu(t->to);
		return;
	}
	s->inval_stag = be32_to_cpu(u->inval_stag);
	s->qn = be32_to_cpu(u->qn);
	s->msn = be32_to_cpu(u->msn);
	s->mo = be32_to_cpu(u->mo);
}

/* To who does not do Atomics, their queue is not there. */
static bool has_queue(u32 qn, u8 ext)
{
	return qn < DDP_QN_ATOMIC ||
	       (qn == DDP_QN_ATOMIC && (ext & SIW_EXT_ATOMIC));
}

enum siw_err siw_fpdu_check(const struct siw_seg *s, u8 ext)
{
	const struct siw_opcode_info *info = siw_opcode_info(s->opcode);

	if (s->dv != DDP_VERSION)
		return s->tagged ? SIW_E_TAG_VERSION : SIW_E_UNT_VERSION;
	if (!s->tagged && !has_queue(s->qn, ext))
		return SIW_E_UNT_QN;
	if (s->rv != RDMAP_VERSION)
		return SIW_E_ROP_VERSION;
	if (!info->known || (info->ext & ~ext) || info->tagged != s->tagged)
		return SIW_E_ROP_OPCODE;
	if (!s->tagged && info->qn != s->qn)
		return SIW_E_ROP_OPCODE;
	return SIW_OK;
}

void siw_fpdu_decode_rreq(struct siw_rreq *r, const void *hdr)
{
	const struct rdmap_rreq_hdr *h = hdr;

	r->sink_stag = be32_to_cpu(h->sink_stag);
	r->sink_to = be64_to_cpu(h->sink_to);
	r->len = be32_to_cpu(h->read_len);
	r->source_stag = be32_to_cpu(h->source_stag);
	r->source_to = be64_to_cpu(h->source_to);
	r->msn = be32_to_cpu(h->u.msn);
	memcpy(r->hdr, hdr, RDMAP_RREQ_HDR);
}

static void encode_common(struct ddp_common_hdr *c, u8 opcode, bool last,
			  u32 ulpdu_len)
{
	c->mpa_len = cpu_to_be16((u16)ulpdu_len);
	c->ddp_ctrl = DDP_VERSION;
	if (siw_opcode_info(opcode)->tagged)
		c->ddp_ctrl |= DDP_F_TAGGED;
	if (last)
		c->ddp_ctrl |= DDP_F_LAST;
	c->rdmap_ctrl = (u8)(RDMAP_VERSION | (opcode & RDMAP_OP_MASK));
}

static u32 encode_tagged(struct ddp_tagged_hdr *h, const struct siw_seg *s)
{
	encode_common(&h->c, s->opcode, s->last, DDP_TAGGED_LEN + s->pay_len);
	h->stag = cpu_to_be32(s->stag);
	h->to = cpu_to_be64(s->to);
	return sizeof(*h);
}

static u32 encode_untagged(struct ddp_untagged_hdr *h, const struct siw_seg *s)
{
	const struct siw_opcode_info *info = siw_opcode_info(s->opcode);

	encode_common(&h->c, s->opcode, s->last, DDP_UNTAGGED_LEN + s->pay_len);
	h->inval_stag = cpu_to_be32(info->invalidate ? s->inval_stag : 0);
	h->qn = cpu_to_be32(info->qn);
	h->msn = cpu_to_be32(s->msn);
	h->mo = cpu_to_be32(s->mo);
	return sizeof(*h);
}

u32 siw_fpdu_encode(void *hdr, const struct siw_seg *s)
{
	if (siw_opcode_info(s->opcode)->tagged)
		return encode_tagged(hdr, s);
	return encode_untagged(hdr, s);
}

u32 siw_fpdu_encode_rreq(void *hdr, const struct siw_rreq *r)
{
	const struct siw_seg s = {
		.opcode = RDMAP_READ_REQ,
		.last = true,
		.pay_len = RDMAP_RREQ_LEN,
		.msn = r->msn,
	};
	struct rdmap_rreq_hdr *h = hdr;

	encode_untagged(&h->u, &s);
	h->sink_stag = cpu_to_be32(r->sink_stag);
	h->sink_to = cpu_to_be64(r->sink_to);
	h->read_len = cpu_to_be32(r->len);
	h->source_stag = cpu_to_be32(r->source_stag);
	h->source_to = cpu_to_be64(r->source_to);
	return sizeof(*h);
}
