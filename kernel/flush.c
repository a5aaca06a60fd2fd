// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The receive queue, and what happens to the queues of a QP in error.
 *
 * Flushing is done by a worker: it first makes sure that the receive path,
 * which holds the socket lock while it writes into buffers of the program,
 * has stopped; only then buffers are given back. Then it lets the sender,
 * which owns the SQ's consumer side, flush the SQ (siw_wr_flush()).
 *
 * User space fills its queues without telling us, so while the QP of a user is
 * in error the worker comes back, less and less often.
 */
#include "siw.h"
#include "ring.h"

#define GAP_MIN_MS	10
#define GAP_MAX_MS	500

/* --- receive queue elements --------------------------------------------- */

/**
 * siw_rq_pop() - take the next receive buffer
 * @qp: QP
 * @rqe: private copy
 *
 * Context: any.
 * Return: false if none is posted.
 */
bool siw_rq_pop(struct siw_qp *qp, struct siw_rqe *rqe)
{
	unsigned long flags;
	bool got;

	if (qp->srq)
		return siw_srq_pop(qp->srq, rqe);
	spin_lock_irqsave(&qp->rq_lock, flags);
	got = siw_rqe_fetch(qp->rq, qp->num_rqe, &qp->rq_get, rqe);
	spin_unlock_irqrestore(&qp->rq_lock, flags);
	return got;
}

/**
 * siw_rqe_complete() - write the completion of a receive
 * @qp: QP
 * @rqe: private copy
 * @bytes: octets received
 * @status: how it went
 * @inval_stag: STag that the message invalidated, or NULL
 * @solicited: the sender asked for an event
 *
 * Context: any.
 */
void siw_rqe_complete(struct siw_qp *qp, const struct siw_rqe *rqe, u32 bytes,
		      enum siw_wc_status status, const u32 *inval_stag,
		      bool solicited)
{
	struct siw_wc wc = {
		.id = rqe->id,
		.opcode = SIW_OP_RECEIVE,
		.status = status,
		.bytes = bytes,
		.solicited = solicited || status != SIW_WC_SUCCESS,
	};

	if (inval_stag) {
		wc.has_inval = true;
		wc.inval_stag = *inval_stag;
	}
	siw_cq_add(qp->rcq, qp, &wc);
}

/**
 * siw_qp_drop_rqe() - complete the receive that a message had begun to fill
 * @qp: QP
 * @status: not success
 *
 * Nothing happens if there is none.
 *
 * Context: any, when the receive path writes to it no more.
 */
void siw_qp_drop_rqe(struct siw_qp *qp, enum siw_wc_status status)
{
	unsigned long flags;
	bool busy;
	int i;

	spin_lock_irqsave(&qp->rq_lock, flags);
	busy = qp->rqe_busy;
	qp->rqe_busy = false;
	spin_unlock_irqrestore(&qp->rq_lock, flags);
	if (!busy)
		return;
	siw_rqe_complete(qp, &qp->rqe, 0, status, NULL, false);
	for (i = 0; i < SIW_MAX_SGE; i++) {
		siw_mem_put(qp->rqe_mem[i]);
		qp->rqe_mem[i] = NULL;
	}
}

/* --- the worker --------------------------------------------------------- */

/* After this nothing is placed any more. */
static void await_rx(struct siw_qp *qp)
{
	struct sock *sk = NULL;
	unsigned long flags;

	spin_lock_irqsave(&qp->lock, flags);
	WRITE_ONCE(qp->rx_stopped, true);
	if (qp->sock) {
		sk = qp->sock->sk;
		sock_hold(sk);
	}
	spin_unlock_irqrestore(&qp->lock, flags);
	if (!sk)
		return;
	lock_sock(sk);
	release_sock(sk);
	sock_put(sk);
}

static u32 flush_rq(struct siw_qp *qp)
{
	struct siw_rqe rqe;
	u32 n;

	siw_qp_drop_rqe(qp, SIW_WC_WR_FLUSH_ERR);
	if (qp->srq)
		return 0;	/* its buffers serve other QPs */
	for (n = 0; n < qp->num_rqe && siw_rq_pop(qp, &rqe); n++)
		siw_rqe_complete(qp, &rqe, 0, SIW_WC_WR_FLUSH_ERR, NULL,
				 false);
	return n;
}

static void tell_last_wqe(struct siw_qp *qp)
{
	struct ib_event ev = {
		.device = qp->base.device,
		.element.qp = &qp->base,
		.event = IB_EVENT_QP_LAST_WQE_REACHED,
	};

	if (!qp->srq || qp->last_wqe_told)
		return;
	qp->last_wqe_told = true;
	if (qp->base.event_handler)
		qp->base.event_handler(&ev, qp->base.qp_context);
}

/* Under the lock, so that siw_qp_fini() can put an end to it. */
static void come_back(struct siw_qp *qp, u32 ms)
{
	unsigned long flags;

	spin_lock_irqsave(&qp->lock, flags);
	if (!qp->dying)
		mod_delayed_work(siw_wq, &qp->flush_work,
				 msecs_to_jiffies(ms));
	spin_unlock_irqrestore(&qp->lock, flags);
}

static void look_again(struct siw_qp *qp, bool busy)
{
	u32 gap = qp->flush_gap;

	if (qp->kernel || !qp->num_rqe)
		return;
	gap = busy || !gap ? GAP_MIN_MS : min(2 * gap, (u32)GAP_MAX_MS);
	qp->flush_gap = gap;
	come_back(qp, gap);
}

/**
 * siw_qp_flush_work() - flush what is posted to a QP in error
 * @work: qp->flush_work
 *
 * Context: process, sleeps; takes the socket lock.
 */
void siw_qp_flush_work(struct work_struct *work)
{
	struct siw_qp *qp = container_of(to_delayed_work(work), struct siw_qp,
					 flush_work);
	u32 n;

	if (!siw_qpsm_must_flush(READ_ONCE(qp->state)))
		return;
	await_rx(qp);
	n = flush_rq(qp);
	tell_last_wqe(qp);
	if (!READ_ONCE(qp->flush_sq)) {
		WRITE_ONCE(qp->flush_sq, true);
		siw_sq_kick(qp, SIW_KICK_DIRECT);
	}
	if (siw_qpsm_must_flush(READ_ONCE(qp->state)))
		look_again(qp, n);
}

/**
 * siw_qp_flush_kick() - something was posted to a receive queue in error
 * @qp: QP
 *
 * Context: any.
 */
void siw_qp_flush_kick(struct siw_qp *qp)
{
	come_back(qp, 0);
}
