// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Atomic Operations on the program's memory, RFC 7306: for a peer, and what came
 * of ours. As everything else is done there the kernel copies, so memory that
 * went away is an error. Under usiw_lock(), which makes an operation one step
 * for all QPs of the process; the program's own threads may come in between,
 * and that is what IBV_ATOMIC_HCA says.
 */
#include "priv.h"

/**
 * usiw_atomic() - carry an Atomic Operation of the peer out
 * @qp: QP that it came to
 * @a: good by itself
 * @old: result: what was there before
 *
 * Return: SIW_OK or an error that may be sent.
 * RFC 7306 §5.3
 */
enum siw_err usiw_atomic(const struct usiw_qp *qp, const struct siw_areq *a,
			 u64 *old)
{
	const struct usiw_mr *mr = usiw_mr_find(a->stag);
	struct iovec iov = { .iov_len = sizeof(*old) };
	struct siw_mem_view v;
	enum siw_err err;
	u64 new;

	usiw_mr_view(mr, &v);
	if (mr)
		iov.iov_base = usiw_mr_ptr(mr, a->to);
	err = siw_access_atomic(&v, qp->a.pd, qp->rights, a->to,
				(u64)(uintptr_t)iov.iov_base);
	if (err)
		return err;
	if (usiw_copy_from((u8 *)old, &iov, 1, sizeof(*old)))
		return SIW_E_ROP_STREAM;
	new = siw_atomic_result(a, *old);
	/* Memory that is read only is a fault, changed or not. */
	return usiw_copy_in(iov.iov_base, &new, sizeof(new)) ?
	       SIW_E_ROP_STREAM : SIW_OK;
}

/**
 * usiw_atomic_place() - put what the peer had there where the program wants it
 * @qp: QP
 * @old: from the response to its oldest request, an Atomic
 *
 * Return: SIW_OK or an error that may be sent.
 * RFC 7306 §5.2.2
 */
enum siw_err usiw_atomic_place(struct usiw_qp *qp, u64 old)
{
	int i = siw_rdq_head(&qp->orq_q);
	const struct usiw_orqe *o;

	if (i < 0)
		return SIW_OK;
	o = &qp->orq[i];
	if (o->mr->valid &&
	    !usiw_copy_in(usiw_mr_ptr(o->mr, o->to), &old, sizeof(old)))
		return SIW_OK;
	usiw_wr_done(qp, o->wr, SIW_WC_LOC_PROT_ERR, 0);
	return SIW_E_ROP_STREAM;
}
