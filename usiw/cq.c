// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Completion queues: a ring of elements that the program polls, and behind it
 * one word by which it asks for a notification (siw ABI version 1).
 *
 * We write into a slot that the program released, publish it, and only then
 * look at the arm word; the program arms first and then polls once more. So one
 * of both sees the other. Under usiw_lock().
 */
#include <infiniband/verbs.h>
#include <stdlib.h>

#include "priv.h"

static USIW_LIST(cqs);
static u32 next_id;

/* A CQ that lost a completion cannot be trusted, nor can its QPs. */
static void overflow_work(struct usiw_work *w)
{
	struct usiw_cq *cq = usiw_entry(w, struct usiw_cq, work);
	struct usiw_list *l;

	usiw_log(1, "CQ %u overflowed: completions are lost", cq->id);
	usiw_up_async(USIW_ASYNC_CQ, cq->owner, IBV_EVENT_CQ_ERR);
	for (l = usiw_qps.next; l != &usiw_qps; l = l->next) {
		struct usiw_qp *qp = usiw_entry(l, struct usiw_qp, all);

		if (qp->a.scq == cq || qp->a.rcq == cq)
			usiw_qp_event(qp, SIW_QP_EV_MOD_ERR);
	}
}

struct usiw_cq *usiw_cq_create(struct siw_cqe *ring, u32 num_cqe, void *owner)
{
	struct usiw_cq *cq = calloc(1, sizeof(*cq));

	if (!cq)
		return NULL;
	cq->ring = ring;
	cq->ctrl = (struct siw_cq_ctrl *)&ring[num_cqe];
	cq->num_cqe = num_cqe;
	cq->owner = owner;
	cq->id = ++next_id;
	usiw_work_init(&cq->work, overflow_work);
	usiw_list_add_tail(&cq->all, &cqs);
	return cq;
}

void usiw_cq_destroy(struct usiw_cq *cq)
{
	usiw_work_cancel(&cq->work);
	usiw_list_del(&cq->all);
	free(cq);
}

u32 usiw_cq_id(const struct usiw_cq *cq)
{
	return cq->id;
}

/* Does this completion satisfy what was armed? */
static bool arm_matches(u32 armed, const struct usiw_wc *wc)
{
	if (armed & SIW_NOTIFY_NEXT_COMPLETION)
		return true;
	if (!(armed & SIW_NOTIFY_SOLICITED))
		return false;
	return wc->solicited || wc->status != SIW_WC_SUCCESS;
}

static void fill(struct siw_cqe *cqe, u32 qpn, const struct usiw_wc *wc)
{
	u8 flags = SIW_WQE_VALID;

	cqe->id = wc->id;
	cqe->opcode = wc->opcode;
	cqe->status = (u16)wc->status;
	cqe->bytes = wc->bytes;
	cqe->imm_data = wc->status == SIW_WC_SUCCESS ? 0 : wc->reason;
	if (wc->has_imm) {
		cqe->imm_data = wc->imm;
		flags |= USIW_WQE_IMM;
	}
	if (wc->has_inval) {
		cqe->inval_stag = wc->inval_stag;
		flags |= SIW_WQE_REM_INVAL;
	}
	cqe->qp_id = qpn;
	/* Not only published: the arm word is read behind it. */
	__atomic_exchange_n(&cqe->flags, flags, __ATOMIC_SEQ_CST);
}

/**
 * usiw_cq_add() - complete a work request
 * @cq: completion queue
 * @qpn: number of the QP that the work request was posted to
 * @wc: what to say
 *
 * If the ring is full the completion is lost, and the QPs of the CQ go into the
 * error state.
 */
void usiw_cq_add(struct usiw_cq *cq, u32 qpn, const struct usiw_wc *wc)
{
	struct siw_cqe *cqe = &cq->ring[cq->put & (cq->num_cqe - 1)];
	u32 armed;

	if (cq->dead)
		return;
	if (__atomic_load_n(&cqe->flags, __ATOMIC_ACQUIRE)) {
		if (!cq->overflow)
			usiw_work_add(&cq->work);
		cq->overflow = true;
		return;
	}
	fill(cqe, qpn, wc);
	cq->put++;
	armed = __atomic_load_n(&cq->ctrl->flags, __ATOMIC_SEQ_CST);
	if (!arm_matches(armed, wc))
		return;
	__atomic_store_n(&cq->ctrl->flags, SIW_NOTIFY_NOT, __ATOMIC_RELAXED);
	usiw_up_comp(cq->owner);
}

/* The rings are the parent's. */
void usiw_cq_forked(void)
{
	struct usiw_list *l;

	for (l = cqs.next; l != &cqs; l = l->next)
		usiw_entry(l, struct usiw_cq, all)->dead = true;
}
