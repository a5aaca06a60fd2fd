// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Memory objects behind STags, and the table that finds them.
 *
 * An STag is 24 bits of index, chosen at random, and 8 bits of key. Placement
 * looks STags up under RCU without taking a reference. So whoever takes a
 * memory away clears its valid flag, takes it out of the table and waits for a
 * grace period; only then the pages may go. Holders of work requests have
 * references; the last one frees, in process context.
 *
 * RFC 5040 §8.1.1 (STag values), RFC 5042 §6.4
 */
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "siw.h"
#include "debug.h"
#include "mem.h"

#define STAG_BITS	24
#define STAG_TRIES	1000

/* --- life ----------------------------------------------------------------- */

static void free_work(struct work_struct *work)
{
	struct siw_mem *mem = container_of(work, struct siw_mem, free_work);
	struct siw_device *sdev = mem->sdev;

	if (mem->umem)
		ib_umem_release(mem->umem);
	kvfree(mem->pages);
	kvfree(mem->pbl);
	kfree(mem);
	if (atomic_dec_and_test(&sdev->num_mem))
		wake_up_all(&sdev->mems_gone);
}

static void release(struct kref *ref)
{
	struct siw_mem *mem = container_of(ref, struct siw_mem, ref);

	queue_work(siw_wq, &mem->free_work);
}

/**
 * siw_mem_put() - give a reference back
 * @mem: memory or NULL
 *
 * Context: any; what it frees is freed by a worker.
 */
void siw_mem_put(struct siw_mem *mem)
{
	if (mem)
		kref_put(&mem->ref, release);
}

/**
 * siw_mem_new() - an empty memory object, in no table yet
 * @sdev: device
 * @kind: what will be behind it
 * @pd: protection domain, only compared; NULL: of no one
 *
 * Context: process.
 * Return: object with one reference, for siw_mem_publish() and then
 * siw_mem_destroy(), or an ERR_PTR.
 */
struct siw_mem *siw_mem_new(struct siw_device *sdev, enum siw_mem_kind kind,
			    struct ib_pd *pd)
{
	struct siw_mem *mem;

	if (atomic_inc_return(&sdev->num_mem) > SIW_MAX_MR)
		goto err;
	mem = kzalloc(sizeof(*mem), GFP_KERNEL);
	if (!mem)
		goto err;
	kref_init(&mem->ref);
	INIT_WORK(&mem->free_work, free_work);
	mem->sdev = sdev;
	mem->kind = kind;
	mem->pd = pd;
	return mem;
err:
	if (atomic_dec_and_test(&sdev->num_mem))
		wake_up_all(&sdev->mems_gone);
	return ERR_PTR(-ENOMEM);
}

/**
 * siw_mem_publish() - choose the STag; from now on it can be found
 * @mem: complete in all other respects
 * @key: low 8 bits of the STag
 *
 * Context: process.
 * Return: 0 or -errno.
 * RFC 5040 §8.1.1: hard to predict, sparse, never 0.
 */
int siw_mem_publish(struct siw_mem *mem, u8 key)
{
	int tries, rv;
	u32 index;

	for (tries = 0; tries < STAG_TRIES; tries++) {
		index = get_random_u32() >> (32 - STAG_BITS);
		if (!index)
			continue;
		mem->stag = index << 8 | key;
		rv = xa_insert(&mem->sdev->mems, index, mem, GFP_KERNEL);
		if (rv == -EBUSY)
			continue;
		siw_dbg(mem->sdev, DBG_MM, "STag %#x, %llu octets: %d\n",
			mem->stag, mem->len, rv);
		return rv;
	}
	return -ENOSPC;
}

/**
 * siw_mem_destroy() - take a memory away from everyone
 * @mem: from siw_mem_new(); the creator's reference is given back
 *
 * When it returns nothing will be read from or written to the memory on behalf
 * of a peer any more.
 *
 * Context: process, sleeps.
 */
void siw_mem_destroy(struct siw_mem *mem)
{
	siw_dbg(mem->sdev, DBG_MM, "STag %#x is gone\n", mem->stag);
	WRITE_ONCE(mem->valid, false);
	if (mem->stag)
		xa_cmpxchg(&mem->sdev->mems, mem->stag >> 8, mem, NULL, 0);
	synchronize_rcu_expedited();
	siw_mem_put(mem);
}

/**
 * siw_mem_device_init() - the table of a new device
 * @sdev: device, zeroed
 *
 * Context: process.
 * Return: 0 or -errno.
 */
int siw_mem_device_init(struct siw_device *sdev)
{
	xa_init(&sdev->mems);
	init_waitqueue_head(&sdev->mems_gone);
	sdev->dma_mem = siw_mem_new(sdev, SIW_MEM_DMA, NULL);
	if (IS_ERR(sdev->dma_mem))
		return PTR_ERR(sdev->dma_mem);
	sdev->dma_mem->len = U64_MAX;
	sdev->dma_mem->rights = SIW_R_LOCAL_WRITE;
	sdev->dma_mem->valid = true;
	return 0;
}

/**
 * siw_mem_device_exit() - wait until no memory of the device is left
 * @sdev: device, unregistered
 *
 * Context: process, sleeps.
 */
void siw_mem_device_exit(struct siw_device *sdev)
{
	siw_mem_put(sdev->dma_mem);
	wait_event(sdev->mems_gone, !atomic_read(&sdev->num_mem));
	/* the worker that woke us may not have returned yet */
	flush_workqueue(siw_wq);
	WARN_ON(!xa_empty(&sdev->mems));
	xa_destroy(&sdev->mems);
}

/* --- look-up and check ---------------------------------------------------- */

/**
 * siw_mem_find_rcu() - what an STag stands for
 * @sdev: device
 * @stag: host order
 *
 * Context: any, under rcu_read_lock().
 * Return: the memory, good until rcu_read_unlock(), maybe invalidated; NULL if
 * there is none or its key is another.
 */
struct siw_mem *siw_mem_find_rcu(struct siw_device *sdev, u32 stag)
{
	struct siw_mem *mem = xa_load(&sdev->mems, stag >> 8);

	return mem && READ_ONCE(mem->stag) == stag ? mem : NULL;
}

/**
 * siw_mem_get() - what an STag stands for, with a reference
 * @sdev: device
 * @stag: host order
 *
 * Context: any.
 * Return: the memory, maybe invalidated, or NULL.
 */
struct siw_mem *siw_mem_get(struct siw_device *sdev, u32 stag)
{
	struct siw_mem *mem;

	rcu_read_lock();
	mem = siw_mem_find_rcu(sdev, stag);
	if (mem && !kref_get_unless_zero(&mem->ref))
		mem = NULL;
	rcu_read_unlock();
	return mem;
}

/**
 * siw_mem_view() - describe a memory for the core's access check
 * @mem: memory or NULL
 * @v: result
 *
 * Context: any; @mem must not go away meanwhile.
 */
void siw_mem_view(const struct siw_mem *mem, struct siw_mem_view *v)
{
	*v = (struct siw_mem_view){};
	/* pairs with siw_mem_reg_mr(): valid comes last */
	if (!mem || !smp_load_acquire(&mem->valid))
		return;
	v->valid = true;
	v->rights = mem->rights;
	v->base = mem->base;
	v->len = mem->len;
	v->pd = mem->pd;
}

/**
 * siw_mem_get_sge() - look up and check the target of a scatter/gather element
 * @qp: whose work request it is
 * @sge: private copy of the element
 * @need: SIW_R_LOCAL_READ to gather, SIW_R_LOCAL_WRITE to scatter
 * @mem: result: the memory with a reference, NULL unless SIW_ACC_OK; also NULL
 *	for an empty element
 *
 * Kernel clients may use lkey 0 for any kernel memory.
 *
 * Context: any.
 * Return: SIW_ACC_OK or what is wrong.
 */
enum siw_acc siw_mem_get_sge(struct siw_qp *qp, const struct siw_sge *sge,
			     u8 need, struct siw_mem **mem)
{
	struct siw_mem_view v;
	enum siw_acc acc;

	*mem = NULL;
	if (!sge->length)
		return SIW_ACC_OK;
	if (qp->kernel && !sge->lkey) {
		kref_get(&qp->sdev->dma_mem->ref);
		*mem = qp->sdev->dma_mem;
		return SIW_ACC_OK;
	}
	*mem = siw_mem_get(qp->sdev, sge->lkey);
	siw_mem_view(*mem, &v);
	acc = siw_access_sge(&v, qp->base.pd, sge->laddr, sge->length, need);
	if (acc != SIW_ACC_OK) {
		siw_mem_put(*mem);
		*mem = NULL;
	}
	return acc;
}

/* --- pages ---------------------------------------------------------------- */

static void umem_piece(const struct siw_mem *mem, u64 addr, u32 len,
		       struct siw_piece *p)
{
	u64 off = addr - mem->base + mem->page_off;
	u32 i = off >> PAGE_SHIFT;

	p->page = mem->pages[i];
	p->off = offset_in_page(off);
	p->len = PAGE_SIZE - p->off;
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return;
	/* as far as the pages lie next to each other */
	while (p->len < len && ++i < mem->page_cnt &&
	       mem->pages[i] == mem->pages[i - 1] + 1 &&
	       page_to_pfn(mem->pages[i]) ==
	       page_to_pfn(mem->pages[i - 1]) + 1)
		p->len += PAGE_SIZE;
}

static int kva_piece(u64 addr, u32 len, struct siw_piece *p)
{
	void *va = (void *)(uintptr_t)addr;

	p->off = offset_in_page(va);
	if (is_vmalloc_addr(va)) {
		p->page = vmalloc_to_page(va);
		p->len = PAGE_SIZE - p->off;
	} else if (virt_addr_valid(va)) {
		p->page = virt_to_page(va);
		p->len = len;
	} else {
		return -EFAULT;
	}
	return p->page ? 0 : -EFAULT;
}

/* the last element that begins at or before @off */
static const struct siw_pble *pbl_find(const struct siw_pbl *pbl, u64 off)
{
	u32 lo = 0, hi = pbl->cnt;

	while (hi - lo > 1) {
		u32 mid = lo + (hi - lo) / 2;

		if (pbl->e[mid].off <= off)
			lo = mid;
		else
			hi = mid;
	}
	return &pbl->e[lo];
}

static int pbl_piece(const struct siw_mem *mem, u64 addr, u32 len,
		     struct siw_piece *p)
{
	u64 off = addr - mem->base + mem->page_off;
	const struct siw_pble *e;
	u64 skip;

	if (!mem->pbl->cnt)
		return -EFAULT;
	e = pbl_find(mem->pbl, off);
	skip = off - e->off;
	if (skip >= e->len)
		return -EFAULT;
	return kva_piece(e->addr + skip, min_t(u64, len, e->len - skip), p);
}

/**
 * siw_mem_piece() - the pages behind a range of memory
 * @mem: memory
 * @addr: first octet, as the STag's user names it; the range was checked
 * @len: octets, not 0
 * @p: result: the first contiguous piece, at most @len octets long. Octets
 *	behind the first page are in the pages behind it, which are mapped next
 *	to each other in the kernel.
 *
 * Context: any; @mem must not go away meanwhile.
 * Return: 0, or -EFAULT if there is nothing behind @addr.
 */
int siw_mem_piece(const struct siw_mem *mem, u64 addr, u32 len,
		  struct siw_piece *p)
{
	int rv = 0;

	if (mem->kind == SIW_MEM_DMA) {
		rv = kva_piece(addr, len, p);
	} else {
		if (addr - mem->base >= mem->len)
			return -EFAULT;
		if (mem->kind == SIW_MEM_PBL)
			rv = pbl_piece(mem, addr, len, p);
		else
			umem_piece(mem, addr, len, p);
	}
	if (!rv)
		p->len = min(p->len, len);
	return rv;
}

/* --- work requests of kernel clients -------------------------------------- */

static enum siw_acc may_invalidate(const struct siw_mem *mem,
				   const struct siw_qp *qp, bool remote)
{
	if (!mem || (remote && !READ_ONCE(mem->valid)))
		return SIW_ACC_STAG;
	if (mem->pd != qp->base.pd)
		return SIW_ACC_ASSOC;
	/* D-47: ordinary memory never, others through the QP that registered */
	if (mem->kind != SIW_MEM_PBL || (remote && mem->inval_qp != qp))
		return SIW_ACC_RIGHTS;
	return SIW_ACC_OK;
}

/**
 * siw_mem_invalidate() - LOCAL_INV, or a Send with Invalidate that arrived
 * @qp: where it was posted or received
 * @stag: host order
 * @remote: the peer asks
 * @why: result: what is wrong
 *
 * Invalidating what is invalid already is an error of a peer, but none of a
 * local client: the peer may have been faster.
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 * RFC 5040 §5.3, RFC 5042 §6.4.5
 */
int siw_mem_invalidate(struct siw_qp *qp, u32 stag, bool remote,
		       enum siw_acc *why)
{
	struct siw_mem *mem;

	rcu_read_lock();
	mem = siw_mem_find_rcu(qp->sdev, stag);
	*why = may_invalidate(mem, qp, remote);
	if (*why == SIW_ACC_OK)
		WRITE_ONCE(mem->valid, false);
	rcu_read_unlock();
	return *why == SIW_ACC_OK ? 0 : -EINVAL;
}

/**
 * siw_mem_reg_mr() - carry out REG_MR
 * @qp: of a kernel client
 * @sqe: base_mr: the struct ib_mr; rkey: its new STag; access: IB_ACCESS_*
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int siw_mem_reg_mr(struct siw_qp *qp, const struct siw_sqe *sqe)
{
	struct ib_mr *base = (struct ib_mr *)(uintptr_t)sqe->base_mr;
	struct siw_mem *mem;

	if (!qp->kernel || !base || base->pd != qp->base.pd)
		return -EINVAL;
	mem = to_siw_mr(base)->mem;
	if (mem->kind != SIW_MEM_PBL || READ_ONCE(mem->valid) ||
	    mem->stag >> 8 != sqe->rkey >> 8)
		return -EINVAL;
	WRITE_ONCE(mem->stag, sqe->rkey);
	mem->inval_qp = qp;
	mem->rights = sqe->access & SIW_R_MASK;
	mem->base = base->iova;
	mem->len = base->length;
	smp_store_release(&mem->valid, true);
	return 0;
}
