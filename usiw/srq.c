// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Shared receive queues: buffers are taken out of the program's ring, and the
 * limit event is raised when fewer than the limit are left. Under usiw_lock().
 */
#include <errno.h>
#include <infiniband/verbs.h>
#include <stdlib.h>

#include "priv.h"
#include "ring.h"

struct usiw_srq *usiw_srq_create(struct usiw_pd *pd, struct siw_rqe *ring,
				 u32 num_rqe, u32 max_sge, void *owner)
{
	struct usiw_srq *srq = calloc(1, sizeof(*srq));

	if (!srq)
		return NULL;
	srq->pd = pd;
	srq->ring = ring;
	srq->num_rqe = num_rqe;
	srq->max_sge = max_sge;
	srq->owner = owner;
	return srq;
}

int usiw_srq_limit(struct usiw_srq *srq, u32 limit)
{
	if (limit > srq->num_rqe)
		return -EINVAL;
	srq->limit = limit;
	return 0;
}

u32 usiw_srq_limit_left(const struct usiw_srq *srq)
{
	return srq->limit;
}

void usiw_srq_destroy(struct usiw_srq *srq)
{
	free(srq);
}

/* Fewer than limit are left when the slot at that distance is empty: the
 * program does not say how many it posted.
 */
static bool below_limit(struct usiw_srq *srq)
{
	return srq->limit && !usiw_rqe_ready(srq->ring, srq->num_rqe,
					     srq->get + srq->limit - 1);
}

/**
 * usiw_srq_pop() - take a buffer
 * @srq: shared receive queue
 * @rqe: private copy of the element; its num_sge is not checked
 *
 * Its slot in the ring is free then. Raises the limit event, once.
 *
 * Return: false if the queue is empty.
 */
bool usiw_srq_pop(struct usiw_srq *srq, struct siw_rqe *rqe)
{
	if (!usiw_rqe_fetch(srq->ring, srq->num_rqe, &srq->get, rqe))
		return false;
	if (below_limit(srq)) {
		srq->limit = 0;
		usiw_up_async(USIW_ASYNC_SRQ, srq->owner,
			      IBV_EVENT_SRQ_LIMIT_REACHED);
	}
	return true;
}
