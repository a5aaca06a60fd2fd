/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * May these octets of registered memory be touched? The one check for every
 * access, by a peer or by a local work request, pure and wrap-safe. The caller
 * looks the STag up and describes what it found in a struct siw_mem_view.
 *
 * The order of the checks is part of the contract: STag, association, rights,
 * wrap, bounds, and for Atomics alignment. RFC 5041 §7.1, RFC 5040 §7.2,
 * RFC 5042 §6, RFC 7306 §8.2
 */
#ifndef SIW_CORE_ACCESS_H
#define SIW_CORE_ACCESS_H

#include "err.h"

/* Rights. The values are those of IBV_ACCESS_* and IB_ACCESS_*. */
enum {
	SIW_R_LOCAL_READ	= 0,	/* always granted */
	SIW_R_LOCAL_WRITE	= 0x01,
	SIW_R_REMOTE_WRITE	= 0x02,
	SIW_R_REMOTE_READ	= 0x04,
	SIW_R_REMOTE_ATOMIC	= 0x08,
	SIW_R_REMOTE		= SIW_R_REMOTE_WRITE | SIW_R_REMOTE_READ |
				  SIW_R_REMOTE_ATOMIC,
	SIW_R_MASK		= 0x0f,
};

/**
 * struct siw_mem_view - what the caller's lookup found under an STag
 * @valid: STag exists, its key matches, it is not invalidated, has pages
 * @base: TO (or address) of its first octet
 * @len: octets; @base + @len may be 2^64 but not more
 * @pd: identity of its protection domain; only compared
 * @rights: SIW_R_*
 */
struct siw_mem_view {
	bool valid;
	u8 rights;
	u64 base;
	u64 len;
	const void *pd;
};

enum siw_acc {
	SIW_ACC_OK = 0,
	SIW_ACC_STAG,		/* invalid STag */
	SIW_ACC_ASSOC,		/* of another protection domain */
	SIW_ACC_RIGHTS,		/* memory or QP does not allow it */
	SIW_ACC_WRAP,		/* address + length >= 2^64 */
	SIW_ACC_BOUNDS,		/* outside of the registered range */
};

/* Whose rules name the error */
enum siw_acc_kind {
	SIW_ACC_TAGGED,		/* Write, Read Response: DDP reports */
	SIW_ACC_RREQ,		/* Read (Atomic) Request: RDMAP reports */
};

/**
 * siw_access() - may a peer touch [@to, @to + @len)?
 * @v: what the STag stands for
 * @pd: protection domain of the QP
 * @qp_rights: SIW_R_REMOTE_* that the QP grants
 * @to: first octet, host order
 * @len: octets; 0 is always allowed, nothing is looked at then
 * @need: SIW_R_* needed; each must be granted by the memory, and each
 *	remote one by the QP too
 *
 * Context: any.
 * Return: SIW_ACC_OK or the first check that failed.
 * RFC 5041 §7.1, RFC 5040 §7.2
 */
static inline enum siw_acc siw_access(const struct siw_mem_view *v,
				      const void *pd, u8 qp_rights, u64 to,
				      u32 len, u8 need)
{
	u64 off;

	if (!len)
		return SIW_ACC_OK;
	if (!v->valid)
		return SIW_ACC_STAG;
	if (v->pd != pd)
		return SIW_ACC_ASSOC;
	if ((v->rights & need) != need ||
	    (qp_rights & need & SIW_R_REMOTE) != (need & SIW_R_REMOTE))
		return SIW_ACC_RIGHTS;
	if (to > U64_MAX - len)
		return SIW_ACC_WRAP;
	if (to < v->base)
		return SIW_ACC_BOUNDS;
	off = to - v->base;
	if (off > v->len || len > v->len - off)
		return SIW_ACC_BOUNDS;
	return SIW_ACC_OK;
}

/**
 * siw_access_sge() - may a local work request use [@addr, @addr + @len)?
 * @v: what the lkey stands for
 * @pd: protection domain of the QP
 * @addr: first octet
 * @len: octets; 0 is always allowed
 * @need: SIW_R_LOCAL_READ (gather) or SIW_R_LOCAL_WRITE (scatter)
 *
 * Context: any.
 * Return: SIW_ACC_OK or the first check that failed.
 */
static inline enum siw_acc siw_access_sge(const struct siw_mem_view *v,
					  const void *pd, u64 addr, u32 len,
					  u8 need)
{
	return siw_access(v, pd, SIW_R_REMOTE, addr, len, need);
}

/**
 * siw_acc_err() - how a Terminate says it
 * @acc: what failed
 * @kind: for which kind of message
 *
 * Context: any.
 * Return: SIW_OK for SIW_ACC_OK, otherwise an error that may be sent.
 * RFC 5041 §7.2, RFC 5040 §4.8
 */
static inline enum siw_err siw_acc_err(enum siw_acc acc,
				       enum siw_acc_kind kind)
{
	bool ddp = kind == SIW_ACC_TAGGED;

	switch (acc) {
	case SIW_ACC_OK:
		return SIW_OK;
	case SIW_ACC_STAG:
		return ddp ? SIW_E_TAG_STAG : SIW_E_RPROT_STAG;
	case SIW_ACC_ASSOC:
		return ddp ? SIW_E_TAG_ASSOC : SIW_E_RPROT_ASSOC;
	case SIW_ACC_RIGHTS:
		/* DDP has no code for missing rights; RDMAP has. */
		return SIW_E_RPROT_RIGHTS;
	case SIW_ACC_WRAP:
		return ddp ? SIW_E_TAG_WRAP : SIW_E_RPROT_WRAP;
	case SIW_ACC_BOUNDS:
		return ddp ? SIW_E_TAG_BOUNDS : SIW_E_RPROT_BOUNDS;
	}
	return SIW_E_ROP_STREAM;
}

/**
 * siw_access_atomic() - may a peer do an Atomic Operation at @to?
 * @v: what the STag stands for
 * @pd: protection domain of the QP
 * @qp_rights: SIW_R_REMOTE_* that the QP grants
 * @to: first of the 8 octets, host order
 * @addr: where in memory octet @to is; the lowest three bits count. Not the
 *	same as those of @to where the memory was registered at another offset
 *
 * Context: any.
 * Return: SIW_OK or an error that may be sent.
 * RFC 7306 §5.2.1, §8.2
 */
static inline enum siw_err siw_access_atomic(const struct siw_mem_view *v,
					     const void *pd, u8 qp_rights,
					     u64 to, u64 addr)
{
	enum siw_acc acc = siw_access(v, pd, qp_rights, to, 8,
				      SIW_R_REMOTE_ATOMIC);

	if (acc != SIW_ACC_OK)
		return siw_acc_err(acc, SIW_ACC_RREQ);
	return addr % 8 ? SIW_E_AREQ_ALIGN : SIW_OK;
}

#endif
