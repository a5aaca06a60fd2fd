// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Shared receive queues: buffers are taken out of the ring under a lock, and
 * the limit event is raised when fewer than the limit are left.
 */
#include "siw.h"
#include "ring.h"

/*
 * Fewer than limit are left when the slot at that distance is empty: user space
 * does not say how many it posted. Under srq->lock.
 */
static bool below_limit(struct siw_srq *srq)
{
	if (!srq->armed || !srq->limit)
		return false;
	if (siw_rqe_ready(srq->queue, srq->num_rqe, srq->get + srq->limit - 1))
		return false;
	srq->armed = false;
	return true;
}

static void limit_event(struct siw_srq *srq)
{
	struct ib_event ev = {
		.device = srq->base.device,
		.element.srq = &srq->base,
		.event = IB_EVENT_SRQ_LIMIT_REACHED,
	};

	if (srq->base.event_handler)
		srq->base.event_handler(&ev, srq->base.srq_context);
}

/**
 * siw_srq_pop() - take a buffer
 * @srq: shared receive queue
 * @rqe: private copy of the element; its num_sge is not checked
 *
 * Its slot in the ring is free then. Raises the limit event.
 *
 * Context: any; takes srq->lock.
 * Return: false if the queue is empty.
 */
bool siw_srq_pop(struct siw_srq *srq, struct siw_rqe *rqe)
{
	unsigned long flags;
	bool got, event;

	spin_lock_irqsave(&srq->lock, flags);
	got = siw_rqe_fetch(srq->queue, srq->num_rqe, &srq->get, rqe);
	event = got && below_limit(srq);
	spin_unlock_irqrestore(&srq->lock, flags);

	if (event)
		limit_event(srq);
	return got;
}
