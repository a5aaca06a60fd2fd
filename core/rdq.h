/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Accounting of Read queues: the inbound one (IRQ, at most IRD Read Requests
 * held) and the outbound one (ORQ, at most ORD unanswered). First in, first
 * out; index arithmetic only: the entries are an array of the caller with as
 * many elements as the limit that the queue was made with, and the caller
 * serialises. Atomic Requests count as Read Requests do, in the same queues:
 * they are answered in one order.
 *
 * RFC 5040 §6.1, RFC 5041 §7.1, RFC 7306 §5.2
 */
#ifndef SIW_CORE_RDQ_H
#define SIW_CORE_RDQ_H

#include "plat.h"

/**
 * struct siw_rdq - one Read queue
 * @head: index of the oldest entry
 * @cnt: entries in use
 * @size: elements of the array
 * @limit: entries that may be in use: IRD or ORD. May be changed at any time;
 *	entries in use stay, and more than @size never counts.
 */
struct siw_rdq {
	u32 head;
	u32 cnt;
	u32 size;
	u32 limit;
};

/**
 * siw_rdq_init() - empty, with a limit
 * @q: queue
 * @limit: elements of the array, and how many of them may be in use; 0 makes a
 *	queue that is always full
 *
 * Context: any; caller serialises.
 * RFC 5040 §6.1
 */
void siw_rdq_init(struct siw_rdq *q, u32 limit);

/**
 * siw_rdq_push() - take the slot behind the newest entry
 * @q: queue
 *
 * Context: any; caller serialises.
 * Return: index of the slot to fill, -1 when the queue is full.
 * RFC 5040 §5.2.1
 */
int siw_rdq_push(struct siw_rdq *q);

/**
 * siw_rdq_head() - the oldest entry
 * @q: queue
 *
 * Context: any; caller serialises.
 * Return: its index, -1 when the queue is empty.
 */
int siw_rdq_head(const struct siw_rdq *q);

/**
 * siw_rdq_at() - the entry @n places behind the oldest
 * @q: queue
 * @n: 0 for the oldest
 *
 * Context: any; caller serialises.
 * Return: its index, -1 when there are not that many.
 */
int siw_rdq_at(const struct siw_rdq *q, u32 n);

/**
 * siw_rdq_pop() - give the oldest entry's slot back
 * @q: queue
 *
 * Context: any; caller serialises.
 * Return: index of that slot, -1 when the queue is empty.
 */
int siw_rdq_pop(struct siw_rdq *q);

static inline bool siw_rdq_empty(const struct siw_rdq *q)
{
	return !q->cnt;
}

static inline bool siw_rdq_full(const struct siw_rdq *q)
{
	return q->cnt >= q->limit || q->cnt >= q->size;
}

/**
 * siw_rdq_holds() - must a WR of the send queue wait for outstanding Reads?
 * @q: outbound queue
 * @fence: it has a read fence
 * @read: it is a Read itself, or an Atomic
 *
 * Context: any; caller serialises.
 * Return: true while it must, and with it all behind it.
 * RFC 5040 §5.5, §6.1
 */
static inline bool siw_rdq_holds(const struct siw_rdq *q, bool fence, bool read)
{
	return (fence && !siw_rdq_empty(q)) || (read && siw_rdq_full(q));
}

#endif
