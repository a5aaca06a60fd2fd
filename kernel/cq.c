// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Completion queues: a ring of elements, and behind it one word by which the
 * consumer asks for a notification (siw ABI version 1).
 *
 * User space polls and arms without a system call. The kernel writes an element
 * into a slot that user space released, publishes it, and only then looks at
 * the arm word; user space arms first and then polls once more. So one of both
 * sees the other. Kernel clients use the same ring through verbs_cq.c.
 *
 * Handlers of kernel clients run from a worker: completions are made in the
 * receive path, with the socket lock held, where they could not send.
 */
#include "cq.h"
#include "debug.h"
#include "ring.h"
#include "trace.h"

/* Does this completion satisfy what was armed? */
static bool arm_matches(u32 armed, const struct siw_wc *wc)
{
	if (armed & SIW_NOTIFY_NEXT_COMPLETION)
		return true;
	if (!(armed & SIW_NOTIFY_SOLICITED))
		return false;
	return wc->solicited || wc->status != SIW_WC_SUCCESS;
}

static void fill(struct siw_cqe *cqe, struct siw_cq *cq, struct siw_qp *qp,
		 const struct siw_wc *wc)
{
	cqe->id = wc->id;
	cqe->opcode = wc->opcode;
	cqe->status = wc->status;
	cqe->bytes = wc->bytes;
	cqe->imm_data = 0;
	if (wc->has_inval)
		cqe->inval_stag = wc->inval_stag;
	if (cq->kernel)
		cqe->base_qp = &qp->base;
	else
		cqe->qp_id = qp->base.qp_num;
	smp_store_release(&cqe->flags, SIW_WQE_VALID |
			  (wc->has_inval ? SIW_WQE_REM_INVAL : 0));
}

/* Publish, then look whether someone waits. Under cq->lock. */
static bool publish(struct siw_cq *cq, struct siw_cqe *cqe, struct siw_qp *qp,
		    const struct siw_wc *wc)
{
	fill(cqe, cq, qp, wc);
	cq->put++;
	smp_mb(); /* pairs with the consumer: it arms, then polls again */
	if (!arm_matches(READ_ONCE(cq->ctrl->flags), wc))
		return false;
	WRITE_ONCE(cq->ctrl->flags, SIW_NOTIFY_NOT);
	return true;
}

/* A completion is lost: said once. Under cq->lock. */
static void overflow(struct siw_cq *cq, struct siw_qp *qp)
{
	siw_count(qp->sdev, SIW_CNT_CQ_OVERFLOWS);
	if (cq->overflow)
		return;
	cq->overflow = true;
	queue_work(siw_wq, &cq->error_work);
}

/**
 * siw_cq_add() - complete a work request
 * @cq: completion queue
 * @qp: queue pair that the work request was posted to
 * @wc: what to say
 *
 * If the ring is full the completion is lost, and the CQ and its QPs go into
 * the error state.
 *
 * Context: any; takes cq->lock. Nobody else's handler runs but that of a user
 * CQ, which only wakes up.
 */
void siw_cq_add(struct siw_cq *cq, struct siw_qp *qp, const struct siw_wc *wc)
{
	struct siw_cqe *cqe;
	unsigned long flags;
	bool notify = false;

	spin_lock_irqsave(&cq->lock, flags);
	cqe = siw_cq_slot(cq, cq->put);
	if (READ_ONCE(qp->silent))
		;	/* who would take it is gone: siw_cq_forget() */
	else if (smp_load_acquire(&cqe->flags))
		overflow(cq, qp);
	else
		notify = publish(cq, cqe, qp, wc);
	spin_unlock_irqrestore(&cq->lock, flags);
	trace_siw_cqe(cq, qp, wc, notify);
	siw_dbg(qp->sdev, DBG_CQ, "QP %u: completion, opcode %u, status %u%s\n",
		qp->base.qp_num, wc->opcode, wc->status,
		notify ? ", notified" : "");

	if (!notify || !cq->base.comp_handler)
		return;
	if (cq->kernel)
		queue_work(siw_cq_wq, &cq->notify_work);
	else
		cq->base.comp_handler(&cq->base, cq->base.cq_context);
}

/**
 * siw_cq_forget() - take back what a QP completed and nobody has polled
 * @cq: completion queue
 * @qp: kernel QP that is destroyed; silent
 *
 * A kernel client may free what its work requests point to as soon as its QP is
 * destroyed, also without having drained it: ib_srpt does when it rejects a
 * login. With a CQ that other QPs use as well (ib_cq_pool_get()), the handler of
 * a completion would run after that. Adapters clean their CQs likewise.
 *
 * Context: any; takes cq->lock. Afterwards the QP completes nothing.
 */
void siw_cq_forget(struct siw_cq *cq, const struct siw_qp *qp)
{
	unsigned long flags;
	u32 from, to;

	if (!cq->kernel)
		return;
	spin_lock_irqsave(&cq->lock, flags);
	for (from = cq->get, to = from; from != cq->put; from++) {
		const struct siw_cqe cqe = *siw_cq_slot(cq, from);

		siw_cq_slot(cq, from)->flags = 0;
		if (cqe.base_qp != &qp->base)
			*siw_cq_slot(cq, to++) = cqe;
	}
	cq->put = to;
	spin_unlock_irqrestore(&cq->lock, flags);
}

static void notify_work(struct work_struct *work)
{
	struct siw_cq *cq = container_of(work, struct siw_cq, notify_work);

	/* what the handler raises runs at local_bh_enable(), not later */
	local_bh_disable();
	cq->base.comp_handler(&cq->base, cq->base.cq_context);
	local_bh_enable();
}

static void error_work(struct work_struct *work)
{
	struct siw_cq *cq = container_of(work, struct siw_cq, error_work);
	struct ib_event ev = {
		.device = cq->base.device,
		.element.cq = &cq->base,
		.event = IB_EVENT_CQ_ERR,
	};

	ibdev_warn_ratelimited(cq->base.device,
			       "CQ %u overflowed: completions are lost\n",
			       cq->id);
	if (cq->base.event_handler)
		cq->base.event_handler(&ev, cq->base.cq_context);
	siw_device_qp_error(to_siw_dev(cq->base.device), cq);
}

/**
 * siw_cq_init() - make a completion queue ready
 * @cq: with queue and num_cqe set, the queue zeroed
 *
 * Context: process.
 */
void siw_cq_init(struct siw_cq *cq)
{
	spin_lock_init(&cq->lock);
	cq->ctrl = (struct siw_cq_ctrl *)&cq->queue[cq->num_cqe];
	INIT_WORK(&cq->notify_work, notify_work);
	INIT_WORK(&cq->error_work, error_work);
}

/**
 * siw_cq_fini() - wait for what the completion queue started
 * @cq: no QP uses it any more
 *
 * Context: process, sleeps.
 */
void siw_cq_fini(struct siw_cq *cq)
{
	cancel_work_sync(&cq->notify_work);
	cancel_work_sync(&cq->error_work);
}
