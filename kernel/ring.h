/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Access to the rings that are shared with user space (siw ABI version 1).
 *
 * A slot belongs to the producer while its VALID flag is clear, and to the
 * consumer while it is set. There are no shared indices: both sides count for
 * themselves, modulo the size, which is a power of two. The other side may
 * write anything at any time. So a queue element is copied exactly once, and
 * only the copy is looked at; whoever took it frees the slot at once.
 *
 * Kernel clients use the same rings, in plain memory.
 */
#ifndef SIW_KERNEL_RING_H
#define SIW_KERNEL_RING_H

#include <linux/compiler.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <rdma/siw-abi.h>

/**
 * siw_sqe_ready() - is a WR waiting in the send queue?
 * @ring: the ring; may be NULL when @num is 0
 * @num: slots, power of two or 0
 * @get: consumer's counter
 *
 * Context: any; caller serialises consumers.
 * Return: true if siw_sqe_fetch() would find one.
 */
static inline bool siw_sqe_ready(const struct siw_sqe *ring, u32 num, u32 get)
{
	return num && (READ_ONCE(ring[get & (num - 1)].flags) & SIW_WQE_VALID);
}

/**
 * siw_sqe_fetch() - take the next WR out of the send queue
 * @ring: the ring; may be NULL when @num is 0
 * @num: slots, power of two or 0
 * @get: consumer's counter, advanced
 * @sqe: private copy; its flags are the ones that were tested
 *
 * Orders the release of this slot before the look at the next one: user space
 * rings the doorbell only if it saw the slot before its new WR released, so a
 * consumer that goes on until this returns false loses no WR.
 *
 * Context: any; caller serialises consumers.
 * Return: false if the queue is empty.
 */
static inline bool siw_sqe_fetch(struct siw_sqe *ring, u32 num, u32 *get,
				 struct siw_sqe *sqe)
{
	struct siw_sqe *slot;
	u16 flags;

	if (!num)
		return false;
	slot = &ring[*get & (num - 1)];
	flags = smp_load_acquire(&slot->flags);
	if (!(flags & SIW_WQE_VALID))
		return false;
	memcpy(sqe, slot, sizeof(*sqe));
	sqe->flags = flags;
	(*get)++;
	smp_store_release(&slot->flags, 0);
	smp_mb(); /* pairs with the producer's barrier before its doorbell */
	return true;
}

/**
 * siw_sqe_slot() - the producer's next slot
 * @ring: the ring
 * @num: slots, power of two or 0
 * @put: producer's counter
 *
 * Context: any; caller serialises producers.
 * Return: the slot to fill, all but its flags; NULL if the queue is full.
 */
static inline struct siw_sqe *siw_sqe_slot(struct siw_sqe *ring, u32 num,
					   u32 put)
{
	struct siw_sqe *slot;

	if (!num)
		return NULL;
	slot = &ring[put & (num - 1)];
	if (smp_load_acquire(&slot->flags) & SIW_WQE_VALID)
		return NULL;
	return slot;
}

/**
 * siw_sqe_publish() - hand a filled slot to the consumer
 * @slot: from siw_sqe_slot()
 * @flags: SIW_WQE_*, VALID is added
 *
 * Context: any; caller serialises producers and advances its counter.
 */
static inline void siw_sqe_publish(struct siw_sqe *slot, u16 flags)
{
	smp_store_release(&slot->flags, flags | SIW_WQE_VALID);
}

/**
 * siw_rqe_ready() - is there a buffer in the receive queue?
 * @ring: the ring; may be NULL when @num is 0
 * @num: slots, power of two or 0
 * @get: consumer's counter
 *
 * Context: any; caller serialises consumers.
 * Return: true if siw_rqe_fetch() would find one.
 */
static inline bool siw_rqe_ready(const struct siw_rqe *ring, u32 num, u32 get)
{
	return num && (READ_ONCE(ring[get & (num - 1)].flags) & SIW_WQE_VALID);
}

/**
 * siw_rqe_fetch() - take the next buffer out of a receive queue
 * @ring: the ring, of an RQ or an SRQ; may be NULL when @num is 0
 * @num: slots, power of two or 0
 * @get: consumer's counter, advanced
 * @rqe: private copy; its num_sge is not checked
 *
 * Context: any; caller serialises consumers.
 * Return: false if the queue is empty.
 */
static inline bool siw_rqe_fetch(struct siw_rqe *ring, u32 num, u32 *get,
				 struct siw_rqe *rqe)
{
	struct siw_rqe *slot;
	u16 flags;

	if (!num)
		return false;
	slot = &ring[*get & (num - 1)];
	flags = smp_load_acquire(&slot->flags);
	if (!(flags & SIW_WQE_VALID))
		return false;
	memcpy(rqe, slot, sizeof(*rqe));
	rqe->flags = flags;
	(*get)++;
	smp_store_release(&slot->flags, 0);
	return true;
}

/**
 * siw_rqe_slot() - the producer's next slot
 * @ring: the ring
 * @num: slots, power of two or 0
 * @put: producer's counter
 *
 * Context: any; caller serialises producers.
 * Return: the slot to fill, all but its flags; NULL if the queue is full.
 */
static inline struct siw_rqe *siw_rqe_slot(struct siw_rqe *ring, u32 num,
					   u32 put)
{
	struct siw_rqe *slot;

	if (!num)
		return NULL;
	slot = &ring[put & (num - 1)];
	if (smp_load_acquire(&slot->flags) & SIW_WQE_VALID)
		return NULL;
	return slot;
}

/**
 * siw_rqe_publish() - hand a filled slot to the consumer
 * @slot: from siw_rqe_slot()
 *
 * Context: any; caller serialises producers and advances its counter.
 */
static inline void siw_rqe_publish(struct siw_rqe *slot)
{
	smp_store_release(&slot->flags, SIW_WQE_VALID);
}

#endif
