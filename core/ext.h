/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The messages of RFC 7306: Atomic Requests and Responses, and Immediate Data.
 * Their headers to and from the wire, and what an Atomic Operation makes of a
 * value. No state.
 *
 * Each is one untagged message of one segment without payload. Immediate Data
 * stands alone or behind a Write, which it then completes: together they are
 * what verbs call a Write with immediate. The RFC has no Send with immediate: a
 * Send and Immediate Data take a receive buffer each. Nor has it a Swap of its
 * own: it is a CmpSwap whose Compare Mask is 0.
 *
 * RFC 7306 §4 to §6
 */
#ifndef SIW_CORE_EXT_H
#define SIW_CORE_EXT_H

#include "fpdu.h"

/**
 * struct siw_areq - an Atomic Request, all in host order
 * @op: enum rdmap_aop, from 0 to 15
 * @id: the requester's choice, comes back in the response
 * @stag: memory to work on
 * @msn: its message sequence number on queue 1
 * @to: offset there
 * @data: to add, or to put there
 * @mask: FetchAdd: most significant bit of each field, 0: one field of 64;
 *	CmpSwap: bits to replace
 * @cmp: CmpSwap: what to compare with
 * @cmp_mask: CmpSwap: bits to compare
 * @hdr: the DDP header as it was on the wire, ULPDU_Length first. A Terminate
 *	has to return it: siw_term_init().
 *
 * RFC 7306 §5.2.1
 */
struct siw_areq {
	u8 op;
	u32 id;
	u32 stag;
	u32 msn;
	u64 to;
	u64 data;
	u64 mask;
	u64 cmp;
	u64 cmp_mask;
	u8 hdr[sizeof(struct ddp_untagged_hdr)];
};

/**
 * struct siw_aresp - an Atomic Response, all in host order
 * @id: of the request
 * @msn: its message sequence number on queue 3
 * @value: what was in memory before
 *
 * RFC 7306 §5.2.2
 */
struct siw_aresp {
	u32 id;
	u32 msn;
	u64 value;
};

/**
 * siw_ext_decode_areq() - Atomic Request to host order
 * @a: result, with a copy of the DDP header
 * @hdr: sizeof(struct rdmap_areq_hdr) octets, aligned to 8
 *
 * Context: any.
 * RFC 7306 §5.2.1
 */
void siw_ext_decode_areq(struct siw_areq *a, const void *hdr);

/**
 * siw_ext_check_areq() - what is wrong with an Atomic Request by itself?
 * @a: decoded
 *
 * Context: any.
 * Return: SIW_OK or SIW_E_AREQ_OP.
 * RFC 7306 §5.2.1 (4)
 */
enum siw_err siw_ext_check_areq(const struct siw_areq *a);

/**
 * siw_ext_decode_aresp() - Atomic Response to host order
 * @r: result
 * @hdr: sizeof(struct rdmap_aresp_hdr) octets, aligned to 8
 *
 * Context: any.
 * RFC 7306 §5.2.2
 */
void siw_ext_decode_aresp(struct siw_aresp *r, const void *hdr);

/**
 * siw_ext_decode_imm() - Immediate Data to host order
 * @hdr: sizeof(struct rdmap_imm_hdr) octets, aligned to 4
 *
 * Context: any.
 * Return: the 64 bits, the first octet the most significant.
 * RFC 7306 §6.2
 */
u64 siw_ext_decode_imm(const void *hdr);

/**
 * siw_ext_encode_areq() - Atomic Request to the wire
 * @hdr: room for RDMAP_MAX_HDR octets, aligned to 8
 * @a: all but @hdr is used; @cmp and @cmp_mask only for a CmpSwap
 *
 * Context: any.
 * Return: octets written: 72.
 * RFC 7306 §5.2.1
 */
u32 siw_ext_encode_areq(void *hdr, const struct siw_areq *a);

/**
 * siw_ext_encode_aresp() - Atomic Response to the wire
 * @hdr: room for RDMAP_MAX_HDR octets, aligned to 8
 * @r: response
 *
 * Context: any.
 * Return: octets written: 32.
 * RFC 7306 §5.2.2
 */
u32 siw_ext_encode_aresp(void *hdr, const struct siw_aresp *r);

/**
 * siw_ext_encode_imm() - Immediate Data to the wire
 * @hdr: room for RDMAP_MAX_HDR octets, aligned to 8
 * @opcode: RDMAP_IMM or RDMAP_IMM_SE
 * @msn: its message sequence number on queue 0
 * @imm: the 64 bits, the first octet the most significant
 *
 * Context: any.
 * Return: octets written: 28.
 * RFC 7306 §6.2
 */
u32 siw_ext_encode_imm(void *hdr, u8 opcode, u32 msn, u64 imm);

/**
 * siw_atomic_result() - what an Atomic Operation leaves in memory
 * @a: request that siw_ext_check_areq() found good
 * @old: what is there, read as an integer of this machine
 *
 * To read @old and to write the result has to be one step with respect to all
 * other Atomic Operations on the device, for which the caller cares; the
 * response carries @old.
 *
 * Context: any.
 * Return: the value to write back; equal to @old if there is nothing to write.
 * RFC 7306 §5.1
 */
u64 siw_atomic_result(const struct siw_areq *a, u64 old);

#endif
