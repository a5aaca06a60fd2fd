/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Everything that appears on the wire: MPA (RFC 5044, RFC 6581), DDP
 * (RFC 5041) and RDMAP (RFC 5040, RFC 7306). All integers are big endian, but
 * for the MPA CRC, whose low octet is sent first.
 *
 * The DDP headers include the ULPDU_Length of the FPDU in front of them: then
 * every field is aligned to its size.
 */
#ifndef SIW_CORE_WIRE_H
#define SIW_CORE_WIRE_H

#include "plat.h"

/* -- MPA startup frames: RFC 5044 §7.1.1, RFC 6581 §6 and §9 ------------ */

#define MPA_KEY_LEN		16
#define MPA_KEY_REQ		"MPA ID Req Frame"
#define MPA_KEY_REP		"MPA ID Rep Frame"

enum {
	MPA_F_MARKERS	= 0x80,	/* M: the sender wants to receive markers */
	MPA_F_CRC	= 0x40,	/* C: the sender wants CRCs */
	MPA_F_REJECT	= 0x20,	/* R: reply: the connection is refused */
	MPA_F_ENHANCED	= 0x10,	/* S: revision 2: the block comes first */
};

#define MPA_REV_1		1
#define MPA_REV_2		2
#define MPA_MAX_PD		512	/* private data with the block */

struct mpa_frame {
	u8	key[MPA_KEY_LEN];
	u8	flags;
	u8	rev;
	__be16	pd_len;
};

enum {
	MPA_ENH_P2P	 = 0x8000,	/* A, in the IRD word */
	MPA_ENH_RTR_SEND = 0x4000,	/* B, in the IRD word */
	MPA_ENH_RTR_WRITE = 0x8000,	/* C, in the ORD word */
	MPA_ENH_RTR_READ = 0x4000,	/* D, in the ORD word */
	MPA_ENH_VALUE	 = 0x3fff,	/* the number; all ones: no statement */
};

struct mpa_enhanced {
	__be16	ird;
	__be16	ord;
};

/* -- FPDU: RFC 5044 §4.1 ------------------------------------------------ */

#define MPA_LEN_SIZE		2
#define MPA_CRC_SIZE		4
#define MPA_MAX_PAD		3
#define MPA_MARKER_GAP		512
#define MPA_MARKER_SIZE		4
#define MPA_MARKER_DATA		(MPA_MARKER_GAP - MPA_MARKER_SIZE)
#define MPA_MIN_MULPDU		128
#define MPA_MAX_MULPDU		64768

/* The register after an FPDU and its own correct CRC have passed through. */
#define MPA_CRC_RESIDUE		0xb798b438u

/* -- DDP: RFC 5041 §4 --------------------------------------------------- */

enum {
	DDP_F_TAGGED	= 0x80,
	DDP_F_LAST	= 0x40,
	DDP_RSVD	= 0x3c,
	DDP_DV_MASK	= 0x03,
	DDP_VERSION	= 0x01,
};

enum {
	DDP_QN_SEND	= 0,
	DDP_QN_READ	= 1,	/* Read Request, Atomic Request */
	DDP_QN_TERM	= 2,
	DDP_QN_ATOMIC	= 3,	/* Atomic Response */
	DDP_QN_CNT	= 4,
};

#define DDP_TAGGED_LEN		14	/* header octets within the ULPDU */
#define DDP_UNTAGGED_LEN	18

/* -- RDMAP: RFC 5040 §4, RFC 7306 §4 ------------------------------------ */

enum {
	RDMAP_RV_MASK	= 0xc0,
	RDMAP_VERSION	= 0x40,	/* RV = 1, in place */
	RDMAP_RSVD	= 0x30,
	RDMAP_OP_MASK	= 0x0f,
};

enum rdmap_opcode {
	RDMAP_WRITE		= 0x0,
	RDMAP_READ_REQ		= 0x1,
	RDMAP_READ_RESP		= 0x2,
	RDMAP_SEND		= 0x3,
	RDMAP_SEND_INVAL	= 0x4,
	RDMAP_SEND_SE		= 0x5,
	RDMAP_SEND_SE_INVAL	= 0x6,
	RDMAP_TERMINATE		= 0x7,
	RDMAP_IMM		= 0x8,	/* RFC 7306 from here on */
	RDMAP_IMM_SE		= 0x9,
	RDMAP_ATOMIC_REQ	= 0xa,
	RDMAP_ATOMIC_RESP	= 0xb,
	RDMAP_OPCODE_CNT	= 0x10,
};

/* The four octets that every FPDU starts with. */
struct ddp_common_hdr {
	__be16	mpa_len;
	u8	ddp_ctrl;
	u8	rdmap_ctrl;
};

/* RFC 5041 figure 3 behind ULPDU_Length */
struct ddp_tagged_hdr {
	struct ddp_common_hdr c;
	__be32	stag;
	__be64	to;
};

/* RFC 5041 figure 4 behind ULPDU_Length */
struct ddp_untagged_hdr {
	struct ddp_common_hdr c;
	__be32	inval_stag;	/* Send with Invalidate only, otherwise 0 */
	__be32	qn;
	__be32	msn;
	__be32	mo;
};

/* RFC 5040 figure 6 behind its untagged header */
struct rdmap_rreq_hdr {
	struct ddp_untagged_hdr u;
	__be32	sink_stag;
	__be64	sink_to;
	__be32	read_len;
	__be32	source_stag;
	__be64	source_to;
};

#define RDMAP_RREQ_LEN		28	/* without the DDP header */
#define RDMAP_RREQ_HDR		48	/* with it, and ULPDU_Length */

/* RFC 7306 figure 5 */
enum rdmap_aop {
	RDMAP_FETCH_ADD		= 0x0,
	RDMAP_CMP_SWAP		= 0x2,
	RDMAP_AOP_MASK		= 0xf,
};

/* RFC 7306 figure 4 behind its untagged header */
struct rdmap_areq_hdr {
	struct ddp_untagged_hdr u;
	__be32	aop;		/* the lowest four bits */
	__be32	id;
	__be32	stag;
	__be64	to;
	__be64	data;		/* to add, or to put there */
	__be64	mask;
	__be64	cmp;
	__be64	cmp_mask;
};

/* RFC 7306 figure 6 behind its untagged header */
struct rdmap_aresp_hdr {
	struct ddp_untagged_hdr u;
	__be32	id;
	__be64	value;
};

/* RFC 7306 figure 7 behind its untagged header: 64 bits, not aligned to 8 */
struct rdmap_imm_hdr {
	struct ddp_untagged_hdr u;
	__be32	data[2];
};

#define RDMAP_AREQ_LEN		52	/* these without the DDP header */
#define RDMAP_ARESP_LEN		12
#define RDMAP_IMM_LEN		8

#define RDMAP_MAX_HDR		72	/* the longest of the headers above */

/* RFC 5040 figure 8: the payload of a Terminate message */
struct rdmap_term_hdr {
	u8	layer_etype;	/* layer in the upper nibble */
	u8	code;
	u8	hdrct;
	u8	rsvd;
};

enum {
	RDMAP_TERM_M	= 0x80,	/* DDP segment length is there */
	RDMAP_TERM_D	= 0x40,	/* DDP header is there */
	RDMAP_TERM_R	= 0x20,	/* RDMAP (Read Request) header is there */
};

#define RDMAP_TERM_MAX		52	/* 4 + 2 + 18 + 28 */

_Static_assert(sizeof(struct mpa_frame) == 20, "RFC 5044 figure 11");
_Static_assert(sizeof(struct mpa_enhanced) == 4, "RFC 6581 figure 4");
_Static_assert(sizeof(struct ddp_common_hdr) == 4, "FPDU start");
_Static_assert(sizeof(struct ddp_tagged_hdr) == 2 + DDP_TAGGED_LEN, "T=1");
_Static_assert(sizeof(struct ddp_untagged_hdr) == 2 + DDP_UNTAGGED_LEN, "T=0");
_Static_assert(sizeof(struct rdmap_rreq_hdr) == RDMAP_RREQ_HDR, "Read Request");
_Static_assert(offsetof(struct rdmap_rreq_hdr, source_to) == 40, "no holes");
_Static_assert(sizeof(struct rdmap_areq_hdr) == RDMAP_MAX_HDR, "7306 figure 4");
_Static_assert(offsetof(struct rdmap_areq_hdr, cmp_mask) == 64, "no holes");
_Static_assert(sizeof(struct rdmap_aresp_hdr) == 32, "RFC 7306 figure 6");
_Static_assert(offsetof(struct rdmap_aresp_hdr, value) == 24, "no holes");
_Static_assert(sizeof(struct rdmap_imm_hdr) == 28, "RFC 7306 figure 7");
_Static_assert(sizeof(struct rdmap_term_hdr) == 4, "RFC 5040 figure 8");

#endif
