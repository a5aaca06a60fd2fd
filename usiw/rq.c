// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Receives of a QP, from its own queue or a shared one: taken, completed, given
 * up. Under usiw_lock().
 */
#include "priv.h"
#include "ring.h"

/**
 * usiw_rq_pop() - take the next receive buffer
 * @qp: QP
 * @rqe: private copy
 *
 * Return: false if none is posted.
 */
bool usiw_rq_pop(struct usiw_qp *qp, struct siw_rqe *rqe)
{
	if (qp->a.srq)
		return usiw_srq_pop(qp->a.srq, rqe);
	return usiw_rqe_fetch(qp->a.rq, qp->a.num_rqe, &qp->rq_get, rqe);
}

/**
 * usiw_rqe_complete() - write the completion of a receive
 * @qp: QP
 * @wc: what to say
 */
void usiw_rqe_complete(struct usiw_qp *qp, struct usiw_wc *wc)
{
	wc->reason = usiw_qp_why(qp);
	qp->a.rcq->hot = qp;
	usiw_cq_add(qp->a.rcq, qp->num, wc);
}

/**
 * usiw_rqe_fail() - the completion of a receive that received nothing
 * @qp: QP
 * @rqe: private copy
 * @status: not success
 */
void usiw_rqe_fail(struct usiw_qp *qp, const struct siw_rqe *rqe,
		   enum siw_wc_status status)
{
	struct usiw_wc wc = {
		.id = rqe->id,
		.opcode = SIW_OP_RECEIVE,
		.status = status,
		.solicited = true,
	};

	usiw_rqe_complete(qp, &wc);
}

/**
 * usiw_qp_drop_rqe() - complete the receive that a message had begun to fill
 * @qp: QP
 * @status: not success
 *
 * Nothing happens if there is none.
 */
void usiw_qp_drop_rqe(struct usiw_qp *qp, enum siw_wc_status status)
{
	int i;

	if (!qp->rqe_busy)
		return;
	qp->rqe_busy = false;
	usiw_rqe_fail(qp, &qp->rqe, status);
	for (i = 0; i < SIW_MAX_SGE; i++) {
		usiw_mr_put(qp->rqe_mr[i]);
		qp->rqe_mr[i] = NULL;
	}
}
