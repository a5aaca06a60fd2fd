/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Consumer's access to the rings that the program shares with us (siw ABI
 * version 1).
 *
 * A slot belongs to the producer while its VALID flag is clear, and to the
 * consumer while it is set. There are no shared indices: both sides count for
 * themselves, modulo the size, which is a power of two. The producer may write
 * anything at any time. So an element is copied exactly once, and only the copy
 * is looked at; whoever took it frees the slot at once.
 *
 * Consumers are serialised by usiw_lock().
 */
#ifndef USIW_RING_H
#define USIW_RING_H

#include <string.h>
#include <rdma/siw-abi.h>

#include "core/plat.h"

/*
 * To free a slot and then to look at the next one must not change places: the
 * program rings the doorbell only if it saw the slot before its new WR free.
 * So whoever goes on until a fetch finds nothing loses no WR.
 */
static inline void usiw_slot_free(__u16 *flags)
{
	__atomic_exchange_n(flags, 0, __ATOMIC_SEQ_CST);
}

static inline bool usiw_slot_full(const __u16 *flags, u16 *seen)
{
	*seen = __atomic_load_n(flags, __ATOMIC_SEQ_CST);
	return *seen & SIW_WQE_VALID;
}

/**
 * usiw_sqe_ready() - is a WR waiting in the send queue?
 * @ring: the ring; may be NULL when @num is 0
 * @num: slots, power of two or 0
 * @get: consumer's counter
 *
 * Return: true if usiw_sqe_fetch() would find one.
 */
static inline bool usiw_sqe_ready(const struct siw_sqe *ring, u32 num, u32 get)
{
	u16 flags;

	return num && usiw_slot_full(&ring[get & (num - 1)].flags, &flags);
}

/**
 * usiw_sqe_fetch() - take the next WR out of the send queue
 * @ring: the ring; may be NULL when @num is 0
 * @num: slots, power of two or 0
 * @get: consumer's counter, advanced
 * @sqe: private copy; its flags are the ones that were tested
 *
 * Return: false if the queue is empty.
 */
static inline bool usiw_sqe_fetch(struct siw_sqe *ring, u32 num, u32 *get,
				  struct siw_sqe *sqe)
{
	struct siw_sqe *slot;
	u16 flags;

	if (!num)
		return false;
	slot = &ring[*get & (num - 1)];
	if (!usiw_slot_full(&slot->flags, &flags))
		return false;
	memcpy(sqe, slot, sizeof(*sqe));
	sqe->flags = flags;
	(*get)++;
	usiw_slot_free(&slot->flags);
	return true;
}

/**
 * usiw_rqe_ready() - is there a buffer in the receive queue?
 * @ring: the ring, of an RQ or an SRQ; may be NULL when @num is 0
 * @num: slots, power of two or 0
 * @get: consumer's counter
 *
 * Return: true if usiw_rqe_fetch() would find one.
 */
static inline bool usiw_rqe_ready(const struct siw_rqe *ring, u32 num, u32 get)
{
	u16 flags;

	return num && usiw_slot_full(&ring[get & (num - 1)].flags, &flags);
}

/**
 * usiw_rqe_fetch() - take the next buffer out of a receive queue
 * @ring: the ring, of an RQ or an SRQ; may be NULL when @num is 0
 * @num: slots, power of two or 0
 * @get: consumer's counter, advanced
 * @rqe: private copy; its num_sge is not checked
 *
 * Return: false if the queue is empty.
 */
static inline bool usiw_rqe_fetch(struct siw_rqe *ring, u32 num, u32 *get,
				  struct siw_rqe *rqe)
{
	struct siw_rqe *slot;
	u16 flags;

	if (!num)
		return false;
	slot = &ring[*get & (num - 1)];
	if (!usiw_slot_full(&slot->flags, &flags))
		return false;
	memcpy(rqe, slot, sizeof(*rqe));
	rqe->flags = flags;
	(*get)++;
	usiw_slot_free(&slot->flags);
	return true;
}

#endif
