/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Making and ending completion queues: between cq.c and verbs_cq.c. */
#ifndef SIW_KERNEL_CQ_H
#define SIW_KERNEL_CQ_H

#include "siw.h"

/* The element that a free running counter means. */
static inline struct siw_cqe *siw_cq_slot(const struct siw_cq *cq, u32 n)
{
	return &cq->queue[n & (cq->num_cqe - 1)];
}

void siw_cq_init(struct siw_cq *cq);
void siw_cq_fini(struct siw_cq *cq);

#endif
