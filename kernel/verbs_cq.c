// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Verbs of completion queues and shared receive queues: check arguments, set
 * up the rings.
 */
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <rdma/uverbs_ioctl.h>

#include "verbs.h"
#include "cq.h"
#include "ring.h"

/*
 * Memory of a ring: mapped by user space under *@key, or of a kernel client
 * (@udata NULL).
 */
static void *ring_alloc(struct ib_udata *udata, size_t size,
			struct siw_mmap **mmap, u64 *key)
{
	struct siw_ucontext *ctx;

	if (!udata)
		return vzalloc(size);
	ctx = rdma_udata_to_drv_context(udata, struct siw_ucontext, base);
	*mmap = siw_mmap_new(&ctx->base, size, key);
	if (IS_ERR(*mmap)) {
		*mmap = NULL;
		return NULL;
	}
	return (*mmap)->addr;
}

static void ring_free(void *ring, struct siw_mmap *mmap)
{
	if (mmap)
		siw_mmap_del(mmap);
	else
		vfree(ring);
}

/* --- completion queues ---------------------------------------------------- */

/**
 * siw_create_cq() - verb
 * @base: CQ to set up
 * @attr: cqe: at least so many elements; comp_vector has no meaning here
 * @arg: user data or NULL
 *
 * Context: process.
 * Return: 0 or -errno.
 */
int siw_create_cq(struct ib_cq *base, const struct ib_cq_init_attr *attr,
		  struct siw_cq_arg *arg)
{
	struct ib_udata *udata = siw_cq_udata(arg);
	struct siw_uresp_create_cq uresp = {};
	struct siw_cq *cq = to_siw_cq(base);
	int rv;

	if (attr->flags)
		return -EOPNOTSUPP;
	if (!attr->cqe || attr->cqe > SIW_MAX_CQE)
		return -EINVAL;
	if (udata && udata->outlen < sizeof(uresp))
		return -EINVAL;

	cq->num_cqe = roundup_pow_of_two(attr->cqe);
	cq->kernel = !udata;
	cq->id = get_random_u32();
	cq->queue = ring_alloc(udata, array_size(cq->num_cqe,
						 sizeof(*cq->queue)) +
			       sizeof(*cq->ctrl), &cq->mmap, &uresp.cq_key);
	if (!cq->queue)
		return -ENOMEM;
	siw_cq_init(cq);
	base->cqe = cq->num_cqe;

	if (udata) {
		uresp.cq_id = cq->id;
		uresp.num_cqe = cq->num_cqe;
		rv = ib_copy_to_udata(udata, &uresp, sizeof(uresp));
		if (rv) {
			ring_free(cq->queue, cq->mmap);
			return rv;
		}
	}
	siw_obj_add(base->device, SIW_OBJ_CQ, 1);
	return 0;
}

/**
 * siw_destroy_cq() - verb
 * @base: CQ that no QP uses
 * @udata: unused
 *
 * Context: process, sleeps.
 * Return: 0.
 */
int siw_destroy_cq(struct ib_cq *base, struct ib_udata *udata)
{
	struct siw_cq *cq = to_siw_cq(base);

	siw_cq_fini(cq);
	ring_free(cq->queue, cq->mmap);
	siw_obj_add(base->device, SIW_OBJ_CQ, -1);
	return 0;
}

static const enum ib_wc_opcode wc_opcodes[SIW_NUM_OPCODES] = {
	[SIW_OP_WRITE]		= IB_WC_RDMA_WRITE,
	[SIW_OP_READ]		= IB_WC_RDMA_READ,
	[SIW_OP_READ_LOCAL_INV]	= IB_WC_RDMA_READ,
	[SIW_OP_SEND]		= IB_WC_SEND,
	[SIW_OP_SEND_WITH_IMM]	= IB_WC_SEND,
	[SIW_OP_SEND_REMOTE_INV] = IB_WC_SEND,
	[SIW_OP_RECEIVE]	= IB_WC_RECV,
	[SIW_OP_INVAL_STAG]	= IB_WC_LOCAL_INV,
	[SIW_OP_REG_MR]		= IB_WC_REG_MR,
};

static const enum ib_wc_status wc_statuses[SIW_NUM_WC_STATUS] = {
	[SIW_WC_SUCCESS]	= IB_WC_SUCCESS,
	[SIW_WC_LOC_LEN_ERR]	= IB_WC_LOC_LEN_ERR,
	[SIW_WC_LOC_PROT_ERR]	= IB_WC_LOC_PROT_ERR,
	[SIW_WC_LOC_QP_OP_ERR]	= IB_WC_LOC_QP_OP_ERR,
	[SIW_WC_WR_FLUSH_ERR]	= IB_WC_WR_FLUSH_ERR,
	[SIW_WC_BAD_RESP_ERR]	= IB_WC_BAD_RESP_ERR,
	[SIW_WC_LOC_ACCESS_ERR]	= IB_WC_LOC_ACCESS_ERR,
	[SIW_WC_REM_ACCESS_ERR]	= IB_WC_REM_ACCESS_ERR,
	[SIW_WC_REM_INV_REQ_ERR] = IB_WC_REM_INV_REQ_ERR,
	[SIW_WC_GENERAL_ERR]	= IB_WC_GENERAL_ERR,
};

static void wc_fill(struct ib_wc *wc, const struct siw_cqe *cqe)
{
	memset(wc, 0, sizeof(*wc));
	wc->wr_id = cqe->id;
	wc->status = wc_statuses[cqe->status];
	wc->vendor_err = cqe->status;
	wc->opcode = wc_opcodes[cqe->opcode];
	wc->byte_len = cqe->bytes;
	wc->qp = cqe->base_qp;
	wc->port_num = 1;
	if (cqe->flags & SIW_WQE_REM_INVAL) {
		wc->ex.invalidate_rkey = cqe->inval_stag;
		wc->wc_flags = IB_WC_WITH_INVALIDATE;
	}
}

/**
 * siw_poll_cq() - verb, kernel clients only
 * @base: CQ
 * @num: elements that @wc has room for
 * @wc: completions, oldest first
 *
 * Context: any.
 * Return: number of completions.
 */
int siw_poll_cq(struct ib_cq *base, int num, struct ib_wc *wc)
{
	struct siw_cq *cq = to_siw_cq(base);
	struct siw_cqe *cqe;
	unsigned long flags;
	int n;

	spin_lock_irqsave(&cq->lock, flags);
	for (n = 0; n < num; n++) {
		cqe = siw_cq_slot(cq, cq->get);
		if (!(cqe->flags & SIW_WQE_VALID))
			break;
		wc_fill(wc++, cqe);
		cqe->flags = 0;
		cq->get++;
	}
	spin_unlock_irqrestore(&cq->lock, flags);
	return n;
}

/**
 * siw_req_notify_cq() - verb, kernel clients only
 * @base: CQ
 * @flags: IB_CQ_SOLICITED or IB_CQ_NEXT_COMP, IB_CQ_REPORT_MISSED_EVENTS
 *
 * Context: any.
 * Return: 1 if asked for and there is something to poll, else 0.
 */
int siw_req_notify_cq(struct ib_cq *base, enum ib_cq_notify_flags flags)
{
	struct siw_cq *cq = to_siw_cq(base);
	u32 arm = SIW_NOTIFY_SOLICITED;
	unsigned long irq;
	int rv = 0;

	if ((flags & IB_CQ_SOLICITED_MASK) != IB_CQ_SOLICITED)
		arm |= SIW_NOTIFY_NEXT_COMPLETION;
	spin_lock_irqsave(&cq->lock, irq);
	WRITE_ONCE(cq->ctrl->flags, arm);
	if (flags & IB_CQ_REPORT_MISSED_EVENTS)
		rv = siw_cq_slot(cq, cq->get)->flags != 0;
	spin_unlock_irqrestore(&cq->lock, irq);
	return rv;
}

/* --- shared receive queues ------------------------------------------------ */

/**
 * siw_create_srq() - verb
 * @base: SRQ to set up
 * @attr: attr.max_wr: at least so many elements, updated
 * @udata: user data or NULL
 *
 * Context: process.
 * Return: 0 or -errno.
 */
int siw_create_srq(struct ib_srq *base, struct ib_srq_init_attr *attr,
		   struct ib_udata *udata)
{
	struct siw_uresp_create_srq uresp = {};
	struct siw_srq *srq = to_siw_srq(base);
	int rv;

	if (attr->srq_type != IB_SRQT_BASIC)
		return -EOPNOTSUPP;
	if (!attr->attr.max_wr || attr->attr.max_wr > SIW_MAX_SRQ_WR ||
	    attr->attr.max_sge > SIW_MAX_SGE ||
	    attr->attr.srq_limit > attr->attr.max_wr)
		return -EINVAL;
	if (udata && udata->outlen < sizeof(uresp))
		return -EINVAL;

	spin_lock_init(&srq->lock);
	srq->num_rqe = roundup_pow_of_two(attr->attr.max_wr);
	srq->max_sge = attr->attr.max_sge;
	srq->limit = attr->attr.srq_limit;
	srq->armed = srq->limit;
	srq->kernel = !udata;
	srq->queue = ring_alloc(udata, array_size(srq->num_rqe,
						  sizeof(*srq->queue)),
				&srq->mmap, &uresp.srq_key);
	if (!srq->queue)
		return -ENOMEM;
	attr->attr.max_wr = srq->num_rqe;

	if (udata) {
		uresp.num_rqe = srq->num_rqe;
		rv = ib_copy_to_udata(udata, &uresp, sizeof(uresp));
		if (rv) {
			ring_free(srq->queue, srq->mmap);
			return rv;
		}
	}
	siw_obj_add(base->device, SIW_OBJ_SRQ, 1);
	siw_obj_add(base->device, SIW_OBJ_WQE, srq->num_rqe);
	return 0;
}

/**
 * siw_modify_srq() - verb: arm the limit event
 * @base: SRQ
 * @attr: srq_limit; 0 disarms
 * @mask: IB_SRQ_LIMIT
 * @udata: unused
 *
 * Context: process.
 * Return: 0 or -errno; queues cannot be resized.
 */
int siw_modify_srq(struct ib_srq *base, struct ib_srq_attr *attr,
		   enum ib_srq_attr_mask mask, struct ib_udata *udata)
{
	struct siw_srq *srq = to_siw_srq(base);
	unsigned long flags;

	if (mask & IB_SRQ_MAX_WR)
		return -EOPNOTSUPP;
	if (!(mask & IB_SRQ_LIMIT))
		return 0;
	if (attr->srq_limit > srq->num_rqe)
		return -EINVAL;
	spin_lock_irqsave(&srq->lock, flags);
	srq->limit = attr->srq_limit;
	srq->armed = srq->limit;
	spin_unlock_irqrestore(&srq->lock, flags);
	return 0;
}

/**
 * siw_query_srq() - verb
 * @base: SRQ
 * @attr: result; srq_limit is 0 unless armed
 *
 * Context: process.
 * Return: 0.
 */
int siw_query_srq(struct ib_srq *base, struct ib_srq_attr *attr)
{
	struct siw_srq *srq = to_siw_srq(base);
	unsigned long flags;

	spin_lock_irqsave(&srq->lock, flags);
	attr->max_wr = srq->num_rqe;
	attr->max_sge = srq->max_sge;
	attr->srq_limit = srq->armed ? srq->limit : 0;
	spin_unlock_irqrestore(&srq->lock, flags);
	return 0;
}

/**
 * siw_destroy_srq() - verb
 * @base: SRQ that no QP uses
 * @udata: unused
 *
 * Context: process.
 * Return: 0.
 */
int siw_destroy_srq(struct ib_srq *base, struct ib_udata *udata)
{
	struct siw_srq *srq = to_siw_srq(base);

	ring_free(srq->queue, srq->mmap);
	siw_obj_add(base->device, SIW_OBJ_SRQ, -1);
	siw_obj_add(base->device, SIW_OBJ_WQE, -srq->num_rqe);
	return 0;
}

/**
 * siw_post_srq_recv() - verb, kernel clients only
 * @base: SRQ
 * @wr: list of receives
 * @bad: result: the first one that was not posted
 *
 * Context: any.
 * Return: 0 or -errno.
 */
int siw_post_srq_recv(struct ib_srq *base, const struct ib_recv_wr *wr,
		      const struct ib_recv_wr **bad)
{
	struct siw_srq *srq = to_siw_srq(base);
	unsigned long flags;
	int rv = 0;

	spin_lock_irqsave(&srq->lock, flags);
	for (; wr && !rv; wr = wr->next) {
		if (!srq->kernel || wr->num_sge > srq->max_sge)
			rv = -EINVAL;
		else if (!siw_rqe_fill(srq->queue, srq->num_rqe, &srq->put, wr))
			rv = -ENOMEM;
		if (rv)
			*bad = wr;
	}
	spin_unlock_irqrestore(&srq->lock, flags);
	return rv;
}
