// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The messages of RFC 7306. §4 says that the header of an Atomic Response has
 * 32 octets; figure 6 and appendix A.2 show the 12 that are meant: with the DDP
 * header and ULPDU_Length they make 32.
 */
#include "ext.h"

void siw_ext_decode_areq(struct siw_areq *a, const void *hdr)
{
	const struct rdmap_areq_hdr *h = hdr;

	a->op = (u8)(be32_to_cpu(h->aop) & RDMAP_AOP_MASK);
	a->id = be32_to_cpu(h->id);
	a->stag = be32_to_cpu(h->stag);
	a->msn = be32_to_cpu(h->u.msn);
	a->to = be64_to_cpu(h->to);
	a->data = be64_to_cpu(h->data);
	a->mask = be64_to_cpu(h->mask);
	a->cmp = be64_to_cpu(h->cmp);
	a->cmp_mask = be64_to_cpu(h->cmp_mask);
	memcpy(a->hdr, hdr, sizeof(a->hdr));
}

enum siw_err siw_ext_check_areq(const struct siw_areq *a)
{
	return a->op == RDMAP_FETCH_ADD || a->op == RDMAP_CMP_SWAP ?
	       SIW_OK : SIW_E_AREQ_OP;
}

void siw_ext_decode_aresp(struct siw_aresp *r, const void *hdr)
{
	const struct rdmap_aresp_hdr *h = hdr;

	r->id = be32_to_cpu(h->id);
	r->msn = be32_to_cpu(h->u.msn);
	r->value = be64_to_cpu(h->value);
}

u64 siw_ext_decode_imm(const void *hdr)
{
	const struct rdmap_imm_hdr *h = hdr;

	return (u64)be32_to_cpu(h->data[0]) << 32 | be32_to_cpu(h->data[1]);
}

static void encode_ddp(void *hdr, u8 opcode, u32 len, u32 msn)
{
	const struct siw_seg s = {
		.opcode = opcode,
		.last = true,
		.pay_len = len,
		.msn = msn,
	};

	siw_fpdu_encode(hdr, &s);
}

u32 siw_ext_encode_areq(void *hdr, const struct siw_areq *a)
{
	bool swap = a->op == RDMAP_CMP_SWAP;
	struct rdmap_areq_hdr *h = hdr;

	encode_ddp(hdr, RDMAP_ATOMIC_REQ, RDMAP_AREQ_LEN, a->msn);
	h->aop = cpu_to_be32(a->op & (u32)RDMAP_AOP_MASK);
	h->id = cpu_to_be32(a->id);
	h->stag = cpu_to_be32(a->stag);
	h->to = cpu_to_be64(a->to);
	h->data = cpu_to_be64(a->data);
	h->mask = cpu_to_be64(a->mask);
	h->cmp = cpu_to_be64(swap ? a->cmp : 0);
	h->cmp_mask = cpu_to_be64(swap ? a->cmp_mask : U64_MAX);
	return sizeof(*h);
}

u32 siw_ext_encode_aresp(void *hdr, const struct siw_aresp *r)
{
	struct rdmap_aresp_hdr *h = hdr;

	encode_ddp(hdr, RDMAP_ATOMIC_RESP, RDMAP_ARESP_LEN, r->msn);
	h->id = cpu_to_be32(r->id);
	h->value = cpu_to_be64(r->value);
	return sizeof(*h);
}

u32 siw_ext_encode_imm(void *hdr, u8 opcode, u32 msn, u64 imm)
{
	struct rdmap_imm_hdr *h = hdr;

	encode_ddp(hdr, opcode, RDMAP_IMM_LEN, msn);
	h->data[0] = cpu_to_be32((u32)(imm >> 32));
	h->data[1] = cpu_to_be32((u32)imm);
	return sizeof(*h);
}

/* The top bit of each field is added apart, so that nothing is carried out of
 * the field; what is carried into it comes from the sum of the others.
 */
static u64 fetch_add(const struct siw_areq *a, u64 old)
{
	u64 top = a->mask;

	return ((old & ~top) + (a->data & ~top)) ^ ((old ^ a->data) & top);
}

u64 siw_atomic_result(const struct siw_areq *a, u64 old)
{
	if (a->op == RDMAP_FETCH_ADD)
		return fetch_add(a, old);
	if ((old ^ a->cmp) & a->cmp_mask)
		return old;
	return (old & ~a->mask) | (a->data & a->mask);
}
