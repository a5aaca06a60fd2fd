// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Queue pairs and their send queue.
 *
 * A slot of the ring is ours while its VALID flag is clear. The driver takes
 * slots one after the other until it finds one that is not VALID; so it needs
 * the doorbell, a system call, only if it may have looked at our first slot
 * before that was VALID. That is when the slot in front of it is free: ask only
 * after all of ours are there to be seen. One doorbell serves a whole list, and
 * it is rung without the lock.
 */
#include <unistd.h>

#include "siw.h"

/* --- the ring ----------------------------------------------------------- */

/**
 * siw_sq_next() - a free slot behind those that are pending
 * @qp: locked
 *
 * It becomes pending when the caller counts it in @qp->pending.
 *
 * Return: the slot, NULL if the queue is full.
 */
struct siw_sqe *siw_sq_next(struct siw_qp *qp)
{
	struct siw_sqe *sqe;

	if (qp->pending >= qp->num)
		return NULL;
	sqe = &qp->ring[(qp->put + qp->pending) & (qp->num - 1)];
	if (__atomic_load_n(&sqe->flags, __ATOMIC_ACQUIRE) & SIW_WQE_VALID)
		return NULL;
	return sqe;
}

/* @flags of a pending slot are kept in its @flags without VALID. */
static void publish_one(struct siw_sqe *sqe)
{
	__atomic_store_n(&sqe->flags, sqe->flags | SIW_WQE_VALID,
			 __ATOMIC_RELEASE);
}

/**
 * siw_sq_publish() - post what is pending
 * @qp: locked
 *
 * Return: true if the driver has to be told: siw_doorbell().
 */
bool siw_sq_publish(struct siw_qp *qp)
{
	uint32_t n = qp->pending, i;
	struct siw_sqe *before;

	if (!n)
		return false;
	for (i = 0; i < n; i++)
		publish_one(&qp->ring[(qp->put + i) & (qp->num - 1)]);
	before = &qp->ring[(qp->put - 1) & (qp->num - 1)];
	qp->put += n;
	qp->pending = 0;
	/* all slots are ours: there is none in front */
	if (n == qp->num)
		return true;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !(__atomic_load_n(&before->flags, __ATOMIC_RELAXED) &
		 SIW_WQE_VALID);
}

/**
 * siw_doorbell() - tell the driver that there is something in the send queue
 * @qp: not locked
 *
 * Return: 0 or an errno value.
 */
int siw_doorbell(struct siw_qp *qp)
{
	struct ib_uverbs_post_send_resp resp;
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_post_send post;
	} cmd = {
		.hdr.command = IB_USER_VERBS_CMD_POST_SEND,
		.hdr.in_words = sizeof(cmd) / 4,
		.hdr.out_words = sizeof(resp) / 4,
		.post.response = (uintptr_t)&resp,
		.post.qp_handle = qp->base.qp.handle,
		.post.wqe_size = sizeof(struct ib_uverbs_send_wr),
	};
	int fd = qp->base.qp.context->cmd_fd;

	return write(fd, &cmd, sizeof(cmd)) == (ssize_t)sizeof(cmd) ? 0 : errno;
}

/* --- what RFC 7306 adds ---------------------------------------------------- */

static bool has_imm(const struct siw_sqe *sqe)
{
	return sqe->opcode == SIW_OP_WRITE_WITH_IMM;
}

/**
 * siw_sqe_imm() - immediate data of a request; they are in its last SGE
 * @sqe: slot
 * @imm: first half of the data, of which the other is 0
 */
void siw_sqe_imm(struct siw_sqe *sqe, __be32 imm)
{
	sqe->sge[SIW_MAX_SGE - 1].laddr = (uint64_t)be32toh(imm) << 32;
}

/**
 * siw_sqe_atomic() - operands of an Atomic Operation
 * @sqe: slot; its opcode is set
 * @data: to add, or to put there
 * @cmp: to compare with
 *
 * FetchAdd has one field of 64 bits, CmpSwap compares and replaces all bits.
 */
void siw_sqe_atomic(struct siw_sqe *sqe, uint64_t data, uint64_t cmp)
{
	bool swap = sqe->opcode == SIW_OP_COMP_AND_SWAP;

	sqe->sge[1].laddr = data;
	sqe->sge[2].laddr = swap ? UINT64_MAX : 0;
	sqe->sge[3].laddr = cmp;
	sqe->sge[4].laddr = UINT64_MAX;
}

/**
 * siw_sq_max_inline() - octets of inline data that a request may have
 * @qp: locked
 * @sqe: slot; its opcode is set
 *
 * Return: octets.
 */
size_t siw_sq_max_inline(const struct siw_qp *qp, const struct siw_sqe *sqe)
{
	size_t most = SIW_MAX_INLINE;

	if (sqe->opcode == SIW_OP_SEND_WITH_IMM)
		return 0;
	if (has_imm(sqe))
		most -= sizeof(struct siw_sge);
	return qp->max_inline < most ? qp->max_inline : most;
}

/* --- posting ------------------------------------------------------------- */

/* A Send with immediate has no octets; the sink of an Atomic has 8. */
static bool fits(const struct siw_qp *qp, const struct siw_sqe *sqe, size_t num,
		 const struct ibv_sge *list)
{
	switch (sqe->opcode) {
	case SIW_OP_SEND_WITH_IMM:
		return !num || (num == 1 && !list->length);
	case SIW_OP_FETCH_AND_ADD:
	case SIW_OP_COMP_AND_SWAP:
		return num == 1 && list->length == 8;
	default:
		return num <= qp->max_sge &&
		       num + has_imm(sqe) <= SIW_MAX_SGE;
	}
}

/**
 * siw_sq_sges() - what a request gathers, or scatters
 * @qp: locked
 * @sqe: slot; its opcode is set
 * @num: elements of @list
 * @list: SGEs
 *
 * Return: 0 or EINVAL.
 */
int siw_sq_sges(const struct siw_qp *qp, struct siw_sqe *sqe, size_t num,
		const struct ibv_sge *list)
{
	if (!fits(qp, sqe, num, list))
		return EINVAL;
	if (num)
		memcpy(sqe->sge, list, num * sizeof(*list));
	sqe->num_sge = (uint8_t)num;
	return 0;
}

static int copy_inline(struct siw_qp *qp, struct siw_sqe *sqe,
		       const struct ibv_send_wr *wr)
{
	uint8_t *to = (uint8_t *)&sqe->sge[1];
	size_t len = 0;
	int i;

	for (i = 0; i < wr->num_sge; i++) {
		const struct ibv_sge *sge = &wr->sg_list[i];

		if (sge->length > siw_sq_max_inline(qp, sqe) - len)
			return EINVAL;
		memcpy(to + len, (void *)(uintptr_t)sge->addr, sge->length);
		len += sge->length;
	}
	sqe->sge[0].laddr = 0;
	sqe->sge[0].lkey = 0;
	sqe->sge[0].length = (uint32_t)len;
	sqe->num_sge = 1;
	sqe->flags |= SIW_WQE_INLINE;
	return 0;
}

static int set_atomic(struct siw_sqe *sqe, const struct ibv_send_wr *wr)
{
	bool swap = wr->opcode == IBV_WR_ATOMIC_CMP_AND_SWP;
	uint64_t first = wr->wr.atomic.compare_add;

	sqe->opcode = swap ? SIW_OP_COMP_AND_SWAP : SIW_OP_FETCH_AND_ADD;
	sqe->rkey = wr->wr.atomic.rkey;
	sqe->raddr = wr->wr.atomic.remote_addr;
	siw_sqe_atomic(sqe, swap ? wr->wr.atomic.swap : first,
		       swap ? first : 0);
	return 0;
}

/* Can the driver do that? */
static bool known(struct siw_qp *qp, enum ibv_wr_opcode opcode)
{
	uint64_t caps = siw_caps(qp->base.qp.context);

	switch (opcode) {
	case IBV_WR_SEND_WITH_IMM:
	case IBV_WR_RDMA_WRITE_WITH_IMM:
		return caps & SIW_CAP_IMM;
	case IBV_WR_ATOMIC_FETCH_AND_ADD:
	case IBV_WR_ATOMIC_CMP_AND_SWP:
		return caps & SIW_CAP_ATOMIC;
	default:
		return true;
	}
}

static int set_operation(struct siw_sqe *sqe, const struct ibv_send_wr *wr)
{
	sqe->rkey = 0;
	sqe->raddr = 0;
	switch (wr->opcode) {
	case IBV_WR_SEND_WITH_IMM:
		sqe->opcode = SIW_OP_SEND_WITH_IMM;
		siw_sqe_imm(sqe, wr->imm_data);
		return 0;
	case IBV_WR_ATOMIC_FETCH_AND_ADD:
	case IBV_WR_ATOMIC_CMP_AND_SWP:
		return set_atomic(sqe, wr);
	case IBV_WR_RDMA_WRITE_WITH_IMM:
		sqe->opcode = SIW_OP_WRITE_WITH_IMM;
		siw_sqe_imm(sqe, wr->imm_data);
		break;
	case IBV_WR_SEND:
		sqe->opcode = SIW_OP_SEND;
		return 0;
	case IBV_WR_SEND_WITH_INV:
		sqe->opcode = SIW_OP_SEND_REMOTE_INV;
		sqe->rkey = wr->invalidate_rkey;
		return 0;
	case IBV_WR_RDMA_WRITE:
		sqe->opcode = SIW_OP_WRITE;
		break;
	case IBV_WR_RDMA_READ:
		sqe->opcode = SIW_OP_READ;
		break;
	default:
		return EINVAL;
	}
	sqe->rkey = wr->wr.rdma.rkey;
	sqe->raddr = wr->wr.rdma.remote_addr;
	return 0;
}

static int prepare(struct siw_qp *qp, const struct ibv_send_wr *wr)
{
	struct siw_sqe *sqe = siw_sq_next(qp);
	int rv;

	if (!sqe)
		return ENOMEM;
	if (wr->num_sge < 0 || !known(qp, wr->opcode))
		return EINVAL;
	rv = set_operation(sqe, wr);
	if (rv)
		return rv;
	sqe->id = wr->wr_id;
	sqe->flags = siw_sqe_flags(wr->send_flags);
	if (!(wr->send_flags & IBV_SEND_INLINE))
		rv = siw_sq_sges(qp, sqe, (size_t)wr->num_sge, wr->sg_list);
	else
		rv = siw_may_inline(sqe) ? copy_inline(qp, sqe, wr) : EINVAL;
	if (rv)
		sqe->flags = 0;
	else
		qp->pending++;
	return rv;
}

/* A slot that is free has no flags at all. */
static int post_send(struct ibv_qp *ibqp, struct ibv_send_wr *wr,
		     struct ibv_send_wr **bad)
{
	struct siw_qp *qp = to_qp(ibqp);
	struct ibv_send_wr *first = wr;
	int rv = 0, told = 0;
	bool tell;

	pthread_spin_lock(&qp->lock);
	for (; wr; wr = wr->next) {
		rv = prepare(qp, wr);
		if (rv)
			break;
	}
	tell = siw_sq_publish(qp);
	pthread_spin_unlock(&qp->lock);
	if (rv)
		*bad = wr;
	if (tell)
		told = siw_doorbell(qp);
	if (told) {
		*bad = first;
		return told;
	}
	return rv;
}

static int post_recv(struct ibv_qp *qp, struct ibv_recv_wr *wr,
		     struct ibv_recv_wr **bad)
{
	return siw_rq_post(&to_qp(qp)->rq, wr, bad);
}

/* --- creating ------------------------------------------------------------- */

static int map_rings(struct siw_qp *qp, struct ibv_context *ctx,
		     const struct siw_uresp_create_qp *r)
{
	int rv;

	qp->num = r->num_sqe;
	if (qp->num) {
		qp->ring = siw_map(ctx, r->sq_key,
				   qp->num * sizeof(struct siw_sqe));
		if (!qp->ring)
			return errno;
	}
	rv = siw_rq_map(&qp->rq, ctx, r->rq_key, r->num_rqe);
	if (rv)
		siw_unmap(qp->ring, qp->num * sizeof(struct siw_sqe));
	return rv;
}

static struct siw_qp *new_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *attr)
{
	struct {
		struct ib_uverbs_create_qp_resp ibv;
		struct siw_uresp_create_qp drv;
	} resp = {};
	struct siw_qp *qp = calloc(1, sizeof(*qp));
	struct ibv_create_qp cmd = {};
	int rv;

	if (!qp)
		return NULL;
	rv = ibv_cmd_create_qp(pd, &qp->base.qp, attr, &cmd, sizeof(cmd),
			       &resp.ibv, sizeof(resp));
	if (rv)
		goto err_free;
	qp->max_sge = attr->cap.max_send_sge;
	qp->max_inline = attr->cap.max_inline_data < SIW_MAX_INLINE ?
			 attr->cap.max_inline_data : SIW_MAX_INLINE;
	qp->rq.max_sge = attr->cap.max_recv_sge;
	rv = map_rings(qp, pd->context, &resp.drv);
	if (!rv) {
		pthread_spin_init(&qp->lock, PTHREAD_PROCESS_PRIVATE);
		return qp;
	}
	ibv_cmd_destroy_qp(&qp->base.qp);
err_free:
	free(qp);
	errno = rv;
	return NULL;
}

static struct ibv_qp *create_qp(struct ibv_pd *pd,
				struct ibv_qp_init_attr *attr)
{
	struct siw_qp *qp = new_qp(pd, attr);

	return qp ? &qp->base.qp : NULL;
}

#define SEND_OPS	((uint64_t)IBV_QP_EX_WITH_RDMA_WRITE | \
			 IBV_QP_EX_WITH_RDMA_READ | IBV_QP_EX_WITH_SEND | \
			 IBV_QP_EX_WITH_SEND_WITH_INV)

static uint64_t send_ops(struct ibv_context *ctx)
{
	uint64_t caps = siw_caps(ctx), ops = SEND_OPS;

	if (caps & SIW_CAP_IMM)
		ops |= IBV_QP_EX_WITH_SEND_WITH_IMM |
		       IBV_QP_EX_WITH_RDMA_WRITE_WITH_IMM;
	if (caps & SIW_CAP_ATOMIC)
		ops |= IBV_QP_EX_WITH_ATOMIC_CMP_AND_SWP |
		       IBV_QP_EX_WITH_ATOMIC_FETCH_AND_ADD;
	return ops;
}

static bool can_create(struct ibv_context *ctx,
		       const struct ibv_qp_init_attr_ex *attr)
{
	const uint32_t mask = IBV_QP_INIT_ATTR_PD |
			      IBV_QP_INIT_ATTR_SEND_OPS_FLAGS;

	return (attr->comp_mask & IBV_QP_INIT_ATTR_PD) &&
	       !(attr->comp_mask & ~mask) &&
	       (!(attr->comp_mask & IBV_QP_INIT_ATTR_SEND_OPS_FLAGS) ||
		!(attr->send_ops_flags & ~send_ops(ctx)));
}

static struct ibv_qp *create_qp_ex(struct ibv_context *ctx,
				   struct ibv_qp_init_attr_ex *ex)
{
	struct ibv_qp_init_attr attr = {
		.qp_context = ex->qp_context,
		.send_cq = ex->send_cq,
		.recv_cq = ex->recv_cq,
		.srq = ex->srq,
		.cap = ex->cap,
		.qp_type = ex->qp_type,
		.sq_sig_all = ex->sq_sig_all,
	};
	struct siw_qp *qp;

	if (!can_create(ctx, ex)) {
		errno = EOPNOTSUPP;
		return NULL;
	}
	qp = new_qp(ex->pd, &attr);
	if (!qp)
		return NULL;
	ex->cap = attr.cap;
	if (ex->comp_mask & IBV_QP_INIT_ATTR_SEND_OPS_FLAGS)
		siw_qp_ex_init(qp);
	return &qp->base.qp;
}

static int destroy_qp(struct ibv_qp *ibqp)
{
	struct siw_qp *qp = to_qp(ibqp);
	int rv = ibv_cmd_destroy_qp(ibqp);

	if (rv)
		return rv;
	siw_unmap(qp->ring, qp->num * sizeof(struct siw_sqe));
	siw_rq_unmap(&qp->rq);
	pthread_spin_destroy(&qp->lock);
	free(qp);
	return 0;
}

static int modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask)
{
	struct ibv_modify_qp cmd = {};

	return ibv_cmd_modify_qp(qp, attr, mask, &cmd, sizeof(cmd));
}

static int query_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask,
		    struct ibv_qp_init_attr *init)
{
	struct ibv_query_qp cmd = {};

	return ibv_cmd_query_qp(qp, attr, mask, init, &cmd, sizeof(cmd));
}

const struct verbs_context_ops siw_qp_ops = {
	.create_qp = create_qp,
	.create_qp_ex = create_qp_ex,
	.destroy_qp = destroy_qp,
	.modify_qp = modify_qp,
	.post_recv = post_recv,
	.post_send = post_send,
	.query_qp = query_qp,
};
