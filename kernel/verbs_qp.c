// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Verbs of queue pairs: check arguments, set up the rings, and fill them for
 * kernel clients. User space fills its rings itself and only rings a doorbell:
 * a post_send without a work request.
 */
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <rdma/uverbs_ioctl.h>

#include "verbs.h"
#include "ring.h"

/* --- create, destroy ------------------------------------------------------ */

static int check_attr(const struct ib_qp_init_attr *attr,
		      const struct ib_udata *udata)
{
	const struct ib_qp_cap *cap = &attr->cap;

	if (attr->qp_type != IB_QPT_RC || attr->create_flags)
		return -EOPNOTSUPP;
	if (!attr->send_cq || !attr->recv_cq)
		return -EINVAL;
	if (cap->max_send_wr > SIW_MAX_QP_WR ||
	    cap->max_recv_wr > SIW_MAX_QP_WR ||
	    cap->max_send_sge > SIW_MAX_SGE ||
	    cap->max_recv_sge > SIW_MAX_SGE ||
	    cap->max_inline_data > SIW_MAX_INLINE)
		return -EINVAL;
	if (udata && udata->outlen < sizeof(struct siw_uresp_create_qp))
		return -EINVAL;
	return 0;
}

/*
 * Slots of a ring. User space gets one at least, since the stock provider maps
 * every ring; kernel clients may do without.
 */
static u32 ring_slots(u32 wanted, bool user)
{
	if (!wanted && !user)
		return 0;
	return roundup_pow_of_two(max(wanted, 1u));
}

static void set_caps(struct siw_qp *qp, struct ib_qp_init_attr *attr, bool user)
{
	struct ib_qp_cap *cap = &attr->cap;

	qp->num_sqe = ring_slots(cap->max_send_wr, user);
	qp->num_rqe = attr->srq ? 0 : ring_slots(cap->max_recv_wr, user);
	qp->max_send_sge = max(cap->max_send_sge, 1u);
	qp->max_recv_sge = max(cap->max_recv_sge, 1u);
	qp->cap_inline = SIW_MAX_INLINE;

	cap->max_send_wr = qp->num_sqe;
	cap->max_recv_wr = qp->num_rqe;
	cap->max_send_sge = qp->max_send_sge;
	cap->max_recv_sge = qp->max_recv_sge;
	cap->max_inline_data = qp->cap_inline;
}

static void free_rings(struct siw_qp *qp)
{
	if (qp->kernel) {
		vfree(qp->sq);
		vfree(qp->rq);
	} else {
		siw_mmap_del(qp->sq_mmap);
		siw_mmap_del(qp->rq_mmap);
	}
}

static int kernel_rings(struct siw_qp *qp)
{
	if (qp->num_sqe) {
		qp->sq = vzalloc(array_size(qp->num_sqe, sizeof(*qp->sq)));
		if (!qp->sq)
			return -ENOMEM;
	}
	if (qp->num_rqe) {
		qp->rq = vzalloc(array_size(qp->num_rqe, sizeof(*qp->rq)));
		if (!qp->rq)
			return -ENOMEM;
	}
	return 0;
}

static int user_ring(struct ib_ucontext *ctx, size_t size, u64 *key,
		     struct siw_mmap **mmap)
{
	struct siw_mmap *m = siw_mmap_new(ctx, size, key);

	if (IS_ERR(m))
		return PTR_ERR(m);
	*mmap = m;
	return 0;
}

static int user_rings(struct siw_qp *qp, struct ib_udata *udata,
		      struct siw_uresp_create_qp *uresp)
{
	struct siw_ucontext *ctx;
	int rv;

	ctx = rdma_udata_to_drv_context(udata, struct siw_ucontext, base);
	/*
	 * rq_key stays 0 with an SRQ: the stock provider gives up a QP that
	 * has the "no mapping" key.
	 */
	rv = user_ring(&ctx->base, array_size(qp->num_sqe, sizeof(*qp->sq)),
		       &uresp->sq_key, &qp->sq_mmap);
	if (rv)
		return rv;
	qp->sq = qp->sq_mmap->addr;
	if (!qp->num_rqe)
		return 0;
	rv = user_ring(&ctx->base, array_size(qp->num_rqe, sizeof(*qp->rq)),
		       &uresp->rq_key, &qp->rq_mmap);
	if (rv)
		return rv;
	qp->rq = qp->rq_mmap->addr;
	return 0;
}

/**
 * siw_create_qp() - verb
 * @base: QP to set up
 * @attr: what it shall be able to do; cap is updated
 * @udata: user data or NULL
 *
 * Context: process.
 * Return: 0 or -errno.
 */
int siw_create_qp(struct ib_qp *base, struct ib_qp_init_attr *attr,
		  struct ib_udata *udata)
{
	struct siw_uresp_create_qp uresp = {};
	struct siw_qp *qp = to_siw_qp(base);
	int rv = check_attr(attr, udata);

	if (rv)
		return rv;
	qp->sdev = to_siw_dev(base->device);
	qp->kernel = !udata;
	qp->sig_all = attr->sq_sig_type == IB_SIGNAL_ALL_WR;
	qp->rights = SIW_R_REMOTE;
	qp->scq = to_siw_cq(attr->send_cq);
	qp->rcq = to_siw_cq(attr->recv_cq);
	qp->srq = attr->srq ? to_siw_srq(attr->srq) : NULL;
	set_caps(qp, attr, udata);

	rv = udata ? user_rings(qp, udata, &uresp) : kernel_rings(qp);
	if (rv)
		goto err_rings;
	rv = siw_qp_init(qp);
	if (rv)
		goto err_rings;
	if (udata) {
		uresp.qp_id = base->qp_num;
		uresp.num_sqe = qp->num_sqe;
		uresp.num_rqe = qp->num_rqe;
		rv = ib_copy_to_udata(udata, &uresp, sizeof(uresp));
		if (rv)
			goto err_init;
	}
	siw_obj_add(base->device, SIW_OBJ_QP, 1);
	siw_obj_add(base->device, SIW_OBJ_WQE, qp->num_sqe + qp->num_rqe);
	return 0;

err_init:
	siw_qp_fini(qp);
err_rings:
	free_rings(qp);
	return rv;
}

/**
 * siw_destroy_qp() - verb
 * @base: QP
 * @udata: unused
 *
 * What a kernel client has not polled yet is gone when this returns.
 *
 * Context: process, sleeps until the connection and the workers let go.
 * Return: 0.
 */
int siw_destroy_qp(struct ib_qp *base, struct ib_udata *udata)
{
	struct siw_qp *qp = to_siw_qp(base);

	if (qp->kernel) {
		WRITE_ONCE(qp->silent, true);
		siw_cq_forget(qp->scq, qp);
		siw_cq_forget(qp->rcq, qp);
	}
	siw_qp_fini(qp);
	free_rings(qp);
	siw_obj_add(base->device, SIW_OBJ_QP, -1);
	siw_obj_add(base->device, SIW_OBJ_WQE, -(qp->num_sqe + qp->num_rqe));
	return 0;
}

/* --- modify, query -------------------------------------------------------- */

static int state_event(enum ib_qp_state state)
{
	switch (state) {
	case IB_QPS_RESET:
		return SIW_QP_EV_MOD_RESET;
	case IB_QPS_INIT:
		return SIW_QP_EV_MOD_INIT;
	case IB_QPS_RTR:
		return SIW_QP_EV_MOD_RTR;
	case IB_QPS_RTS:
		return SIW_QP_EV_MOD_RTS;
	case IB_QPS_SQD:
		return SIW_QP_EV_MOD_SQD;
	case IB_QPS_ERR:
		return SIW_QP_EV_MOD_ERR;
	default:
		return -EINVAL;
	}
}

/*
 * On its way to INIT rdma_cm knows nothing of access rights yet and gives none
 * at all; a program on the connecting side has no other chance to ask for any.
 * So none means all there. Later on it means what it says.
 */
static void set_rights(struct siw_qp *qp, const struct ib_qp_attr *attr,
		       int mask)
{
	u8 rights = attr->qp_access_flags & SIW_R_REMOTE;
	unsigned long flags;

	if ((mask & IB_QP_STATE) && attr->qp_state == IB_QPS_INIT && !rights)
		rights = SIW_R_REMOTE;
	spin_lock_irqsave(&qp->lock, flags);
	qp->rights = rights;
	spin_unlock_irqrestore(&qp->lock, flags);
}

/*
 * The state as the verbs have it. An iWARP QP is born idle, which is INIT: that
 * is what programs expect of an RNIC.
 */
static enum ib_qp_state verbs_state(const struct siw_qp *qp)
{
	enum siw_qp_state state = READ_ONCE(qp->state);

	if (state == SIW_QP_RESET)
		return IB_QPS_INIT;
	return (enum ib_qp_state)siw_qpsm_query(state);
}

/**
 * siw_modify_qp() - verb
 * @base: QP
 * @attr: new attributes
 * @mask: which; state and access flags have a meaning, the rest belongs to
 *	the connection manager and is ignored
 * @udata: unused
 *
 * Context: process.
 * Return: 0 or -errno.
 */
int siw_modify_qp(struct ib_qp *base, struct ib_qp_attr *attr, int mask,
		  struct ib_udata *udata)
{
	struct siw_qp *qp = to_siw_qp(base);
	int ev;

	if (mask & ~IB_QP_ATTR_STANDARD_BITS)
		return -EOPNOTSUPP;
	/* connecting by hand: there is no address vector over TCP */
	if (mask & (IB_QP_AV | IB_QP_DEST_QPN))
		return -EINVAL;
	if ((mask & IB_QP_CUR_STATE) && attr->cur_qp_state != IB_QPS_RESET &&
	    attr->cur_qp_state != verbs_state(qp))
		return -EINVAL;
	if (mask & IB_QP_ACCESS_FLAGS)
		set_rights(qp, attr, mask);
	/* without being asked, it would be told at the end of each connection */
	if (mask & IB_QP_EN_SQD_ASYNC_NOTIFY)
		WRITE_ONCE(qp->tell_drained, attr->en_sqd_async_notify);
	if (!(mask & IB_QP_STATE))
		return 0;
	ev = state_event(attr->qp_state);
	return ev < 0 ? ev : siw_qp_event(qp, ev);
}

/**
 * siw_query_qp() - verb
 * @base: QP
 * @attr: result
 * @mask: ignored: all is told that there is
 * @init: result
 *
 * Context: process.
 * Return: 0.
 */
int siw_query_qp(struct ib_qp *base, struct ib_qp_attr *attr, int mask,
		 struct ib_qp_init_attr *init)
{
	struct siw_qp *qp = to_siw_qp(base);
	unsigned long flags;

	/* what is not set here would go to user space as it is */
	memset(attr, 0, sizeof(*attr));
	memset(init, 0, sizeof(*init));
	spin_lock_irqsave(&qp->lock, flags);
	attr->qp_state = verbs_state(qp);
	attr->qp_access_flags = qp->rights;
	attr->max_rd_atomic = min(qp->ord, 255u);
	attr->max_dest_rd_atomic = min(qp->ird, 255u);
	spin_unlock_irqrestore(&qp->lock, flags);

	attr->cur_qp_state = attr->qp_state;
	attr->path_mtu = ib_mtu_int_to_enum(READ_ONCE(qp->sdev->netdev->mtu));
	attr->port_num = 1;
	attr->cap.max_send_wr = qp->num_sqe;
	attr->cap.max_recv_wr = qp->num_rqe;
	attr->cap.max_send_sge = qp->max_send_sge;
	attr->cap.max_recv_sge = qp->max_recv_sge;
	attr->cap.max_inline_data = qp->cap_inline;

	init->cap = attr->cap;
	init->qp_type = base->qp_type;
	init->send_cq = base->send_cq;
	init->recv_cq = base->recv_cq;
	init->srq = base->srq;
	init->sq_sig_type = qp->sig_all ? IB_SIGNAL_ALL_WR : IB_SIGNAL_REQ_WR;
	return 0;
}

/* --- post, kernel clients ------------------------------------------------- */

static int wr_opcode(enum ib_wr_opcode opcode)
{
	switch (opcode) {
	case IB_WR_RDMA_WRITE:
		return SIW_OP_WRITE;
	case IB_WR_RDMA_READ:
		return SIW_OP_READ;
	case IB_WR_RDMA_READ_WITH_INV:
		return SIW_OP_READ_LOCAL_INV;
	case IB_WR_SEND:
		return SIW_OP_SEND;
	case IB_WR_SEND_WITH_INV:
		return SIW_OP_SEND_REMOTE_INV;
	case IB_WR_LOCAL_INV:
		return SIW_OP_INVAL_STAG;
	case IB_WR_REG_MR:
		return SIW_OP_REG_MR;
	default:
		return -EOPNOTSUPP;
	}
}

static u16 wr_flags(const struct siw_qp *qp, const struct ib_send_wr *wr)
{
	u16 flags = 0;

	if (qp->sig_all || (wr->send_flags & IB_SEND_SIGNALED))
		flags |= SIW_WQE_SIGNALLED;
	if (wr->send_flags & IB_SEND_SOLICITED)
		flags |= SIW_WQE_SOLICITED;
	if (wr->send_flags & IB_SEND_FENCE)
		flags |= SIW_WQE_READ_FENCE;
	if (wr->send_flags & IB_SEND_INLINE)
		flags |= SIW_WQE_INLINE;
	return flags;
}

static int fill_sges(struct siw_sge *sge, u32 max, const struct ib_sge *list,
		     u32 num)
{
	u32 i;

	if (num > max)
		return -EINVAL;
	for (i = 0; i < num; i++)
		sge[i] = (struct siw_sge){
			.laddr = list[i].addr,
			.length = list[i].length,
			.lkey = list[i].lkey,
		};
	return 0;
}

/* The data goes behind the first element, which has its length. */
static int fill_inline(struct siw_qp *qp, struct siw_sqe *sqe,
		       const struct ib_send_wr *wr)
{
	u8 *to = (u8 *)&sqe->sge[1];
	u32 len = 0;
	int i;

	for (i = 0; i < wr->num_sge; i++) {
		const struct ib_sge *sge = &wr->sg_list[i];

		if (sge->length > qp->cap_inline - len)
			return -EINVAL;
		memcpy(to + len, (void *)(uintptr_t)sge->addr, sge->length);
		len += sge->length;
	}
	sqe->sge[0] = (struct siw_sge){ .length = len };
	sqe->num_sge = 1;
	return 0;
}

static int fill_data(struct siw_qp *qp, struct siw_sqe *sqe,
		     const struct ib_send_wr *wr)
{
	bool read = sqe->opcode == SIW_OP_READ ||
		    sqe->opcode == SIW_OP_READ_LOCAL_INV;

	if (wr->send_flags & IB_SEND_INLINE) {
		if (read || sqe->opcode == SIW_OP_SEND_REMOTE_INV)
			return -EINVAL;
		return fill_inline(qp, sqe, wr);
	}
	sqe->num_sge = wr->num_sge;
	if (!wr->num_sge)
		sqe->sge[0] = (struct siw_sge){};
	return fill_sges(sqe->sge, read ? 1 : qp->max_send_sge, wr->sg_list,
			 wr->num_sge);
}

static int fill_sqe(struct siw_qp *qp, struct siw_sqe *sqe,
		    const struct ib_send_wr *wr)
{
	int opcode = wr_opcode(wr->opcode);

	if (opcode < 0)
		return opcode;
	sqe->id = wr->wr_id;
	sqe->opcode = opcode;
	sqe->num_sge = 0;

	switch (opcode) {
	case SIW_OP_WRITE:
	case SIW_OP_READ:
	case SIW_OP_READ_LOCAL_INV:
		sqe->raddr = rdma_wr(wr)->remote_addr;
		sqe->rkey = rdma_wr(wr)->rkey;
		return fill_data(qp, sqe, wr);
	case SIW_OP_SEND_REMOTE_INV:
		sqe->rkey = wr->ex.invalidate_rkey;
		return fill_data(qp, sqe, wr);
	case SIW_OP_INVAL_STAG:
		sqe->rkey = wr->ex.invalidate_rkey;
		return 0;
	case SIW_OP_REG_MR:
		sqe->base_mr = (uintptr_t)reg_wr(wr)->mr;
		sqe->rkey = reg_wr(wr)->key;
		sqe->access = reg_wr(wr)->access;
		return 0;
	default:
		return fill_data(qp, sqe, wr);
	}
}

static int post_one(struct siw_qp *qp, const struct ib_send_wr *wr)
{
	struct siw_sqe *sqe = siw_sqe_slot(qp->sq, qp->num_sqe, qp->sq_put);
	int rv;

	if (!sqe)
		return -ENOMEM;
	/* the slot stays free unless it is published */
	rv = fill_sqe(qp, sqe, wr);
	if (rv)
		return rv;
	siw_sqe_publish(sqe, wr_flags(qp, wr));
	qp->sq_put++;
	return 0;
}

static int post_list(struct siw_qp *qp, const struct ib_send_wr *wr,
		     const struct ib_send_wr **bad)
{
	unsigned long flags;
	int rv = 0;

	spin_lock_irqsave(&qp->sq_lock, flags);
	for (; wr; wr = wr->next) {
		rv = post_one(qp, wr);
		if (rv) {
			*bad = wr;
			break;
		}
	}
	spin_unlock_irqrestore(&qp->sq_lock, flags);
	return rv;
}

/**
 * siw_post_send() - verb, and the doorbell of user space
 * @base: QP
 * @wr: list of work requests of a kernel client; NULL: look at the ring
 * @bad: result: the first one that was not posted
 *
 * Context: any for kernel clients, process for user space.
 * Return: 0 or -errno.
 */
int siw_post_send(struct ib_qp *base, const struct ib_send_wr *wr,
		  const struct ib_send_wr **bad)
{
	struct siw_qp *qp = to_siw_qp(base);
	int rv;

	if (!wr) {
		siw_sq_kick(qp, SIW_KICK_DIRECT);
		return 0;
	}
	if (!qp->kernel || READ_ONCE(qp->state) < SIW_QP_RTS) {
		*bad = wr;
		return -EINVAL;
	}
	rv = post_list(qp, wr, bad);
	/* what is in the ring is sent, or flushed in the error state */
	siw_sq_kick(qp, SIW_KICK_ATOMIC);
	return rv;
}

/**
 * siw_rqe_fill() - put a receive into a ring
 * @ring: of an RQ or an SRQ
 * @num: slots, power of two or 0
 * @put: producer's counter, advanced
 * @wr: receive whose num_sge was checked
 *
 * Context: any; caller serialises producers.
 * Return: false if the ring is full.
 */
bool siw_rqe_fill(struct siw_rqe *ring, u32 num, u32 *put,
		  const struct ib_recv_wr *wr)
{
	struct siw_rqe *rqe = siw_rqe_slot(ring, num, *put);

	if (!rqe)
		return false;
	rqe->id = wr->wr_id;
	rqe->num_sge = wr->num_sge;
	rqe->opcode = SIW_OP_RECEIVE;
	fill_sges(rqe->sge, SIW_MAX_SGE, wr->sg_list, wr->num_sge);
	siw_rqe_publish(rqe);
	(*put)++;
	return true;
}

/**
 * siw_post_recv() - verb, kernel clients only
 * @base: QP without an SRQ
 * @wr: list of receives
 * @bad: result: the first one that was not posted
 *
 * Context: any.
 * Return: 0 or -errno.
 */
int siw_post_recv(struct ib_qp *base, const struct ib_recv_wr *wr,
		  const struct ib_recv_wr **bad)
{
	struct siw_qp *qp = to_siw_qp(base);
	unsigned long flags;
	int rv = 0;

	if (!qp->kernel || qp->srq || READ_ONCE(qp->state) == SIW_QP_RESET) {
		*bad = wr;
		return -EINVAL;
	}
	spin_lock_irqsave(&qp->rq_lock, flags);
	for (; wr && !rv; wr = wr->next) {
		if (wr->num_sge > qp->max_recv_sge)
			rv = -EINVAL;
		else if (!siw_rqe_fill(qp->rq, qp->num_rqe, &qp->rq_put, wr))
			rv = -ENOMEM;
		if (rv)
			*bad = wr;
	}
	spin_unlock_irqrestore(&qp->rq_lock, flags);

	smp_mb(); /* either we see the error state or its flush our receive */
	if (siw_qpsm_must_flush(READ_ONCE(qp->state)))
		siw_qp_flush_kick(qp);
	return rv;
}
