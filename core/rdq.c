// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Read queue accounting. RFC 5040 §6.1
 */
#include "rdq.h"

void siw_rdq_init(struct siw_rdq *q, u32 limit)
{
	q->head = 0;
	q->cnt = 0;
	q->size = limit;
	q->limit = limit;
}

/* Without a sum that could wrap: @n < size and head < size. */
static int slot(const struct siw_rdq *q, u32 n)
{
	u32 to_end = q->size - q->head;

	return (int)(n < to_end ? q->head + n : n - to_end);
}

int siw_rdq_push(struct siw_rdq *q)
{
	if (siw_rdq_full(q))
		return -1;
	return slot(q, q->cnt++);
}

int siw_rdq_head(const struct siw_rdq *q)
{
	return siw_rdq_at(q, 0);
}

int siw_rdq_at(const struct siw_rdq *q, u32 n)
{
	if (n >= q->cnt)
		return -1;
	return slot(q, n);
}

int siw_rdq_pop(struct siw_rdq *q)
{
	int old = siw_rdq_head(q);

	if (old < 0)
		return old;
	q->head = (u32)slot(q, 1 % q->size);
	q->cnt--;
	return old;
}
