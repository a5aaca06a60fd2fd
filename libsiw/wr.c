// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The ibv_wr_*() way to post: requests are written into the ring one by one and
 * posted together. From ibv_wr_start() to ibv_wr_complete() or ibv_wr_abort()
 * the caller has the lock of the send queue; no system call is in between. The
 * first error counts, and then nothing is posted.
 */
#include "siw.h"

static struct siw_qp *ex_qp(struct ibv_qp_ex *qp)
{
	return container_of(qp, struct siw_qp, base.qp_ex);
}

/* The request that was begun last; the setters are about it. */
static struct siw_sqe *current(struct siw_qp *qp)
{
	return &qp->ring[(qp->put + qp->pending - 1) & (qp->num - 1)];
}

static void fail(struct siw_qp *qp, int err)
{
	if (!qp->err)
		qp->err = err;
}

/* Return: the slot; NULL if that is not to be. */
static struct siw_sqe *begin(struct ibv_qp_ex *ibqp, uint8_t opcode,
			     uint32_t rkey, uint64_t raddr)
{
	struct siw_qp *qp = ex_qp(ibqp);
	struct siw_sqe *sqe = qp->err ? NULL : siw_sq_next(qp);

	if (!sqe) {
		fail(qp, ENOMEM);
		return NULL;
	}
	sqe->id = ibqp->wr_id;
	sqe->flags = siw_sqe_flags(ibqp->wr_flags);
	sqe->opcode = opcode;
	sqe->rkey = rkey;
	sqe->raddr = raddr;
	sqe->num_sge = 0;
	qp->pending++;
	return sqe;
}

static void wr_send(struct ibv_qp_ex *qp)
{
	begin(qp, SIW_OP_SEND, 0, 0);
}

static void wr_send_inv(struct ibv_qp_ex *qp, uint32_t rkey)
{
	begin(qp, SIW_OP_SEND_REMOTE_INV, rkey, 0);
}

static void wr_rdma_write(struct ibv_qp_ex *qp, uint32_t rkey, uint64_t raddr)
{
	begin(qp, SIW_OP_WRITE, rkey, raddr);
}

static void wr_rdma_read(struct ibv_qp_ex *qp, uint32_t rkey, uint64_t raddr)
{
	begin(qp, SIW_OP_READ, rkey, raddr);
}

static void wr_send_imm(struct ibv_qp_ex *qp, __be32 imm)
{
	struct siw_sqe *sqe = begin(qp, SIW_OP_SEND_WITH_IMM, 0, 0);

	if (sqe)
		siw_sqe_imm(sqe, imm);
}

static void wr_rdma_write_imm(struct ibv_qp_ex *qp, uint32_t rkey,
			      uint64_t raddr, __be32 imm)
{
	struct siw_sqe *sqe = begin(qp, SIW_OP_WRITE_WITH_IMM, rkey, raddr);

	if (sqe)
		siw_sqe_imm(sqe, imm);
}

static void wr_atomic_fetch_add(struct ibv_qp_ex *qp, uint32_t rkey,
				uint64_t raddr, uint64_t add)
{
	struct siw_sqe *sqe = begin(qp, SIW_OP_FETCH_AND_ADD, rkey, raddr);

	if (sqe)
		siw_sqe_atomic(sqe, add, 0);
}

static void wr_atomic_cmp_swp(struct ibv_qp_ex *qp, uint32_t rkey,
			      uint64_t raddr, uint64_t compare, uint64_t swap)
{
	struct siw_sqe *sqe = begin(qp, SIW_OP_COMP_AND_SWAP, rkey, raddr);

	if (sqe)
		siw_sqe_atomic(sqe, swap, compare);
}

/* --- what it consists of -------------------------------------------------- */

static void wr_set_sge_list(struct ibv_qp_ex *ibqp, size_t num,
			    const struct ibv_sge *list)
{
	struct siw_qp *qp = ex_qp(ibqp);

	if (!qp->err && siw_sq_sges(qp, current(qp), num, list))
		fail(qp, EINVAL);
}

static void wr_set_sge(struct ibv_qp_ex *qp, uint32_t lkey, uint64_t addr,
		       uint32_t length)
{
	const struct ibv_sge sge = {
		.addr = addr, .length = length, .lkey = lkey,
	};

	wr_set_sge_list(qp, 1, &sge);
}

static void wr_set_inline_data_list(struct ibv_qp_ex *ibqp, size_t num,
				    const struct ibv_data_buf *list)
{
	struct siw_qp *qp = ex_qp(ibqp);
	struct siw_sqe *sqe;
	size_t len = 0, i;

	if (qp->err)
		return;
	sqe = current(qp);
	if (!siw_may_inline(sqe)) {
		fail(qp, EINVAL);
		return;
	}
	for (i = 0; i < num; i++) {
		if (list[i].length > siw_sq_max_inline(qp, sqe) - len) {
			fail(qp, EINVAL);
			return;
		}
		memcpy((uint8_t *)&sqe->sge[1] + len, list[i].addr,
		       list[i].length);
		len += list[i].length;
	}
	sqe->sge[0] = (struct siw_sge) { .length = (uint32_t)len };
	sqe->num_sge = 1;
	sqe->flags |= SIW_WQE_INLINE;
}

static void wr_set_inline_data(struct ibv_qp_ex *qp, void *addr, size_t length)
{
	const struct ibv_data_buf buf = { .addr = addr, .length = length };

	wr_set_inline_data_list(qp, 1, &buf);
}

/* --- all together --------------------------------------------------------- */

static void wr_start(struct ibv_qp_ex *ibqp)
{
	struct siw_qp *qp = ex_qp(ibqp);

	pthread_spin_lock(&qp->lock);
	qp->err = 0;
}

/* A slot that is free has no flags at all. */
static void drop(struct siw_qp *qp)
{
	while (qp->pending) {
		current(qp)->flags = 0;
		qp->pending--;
	}
}

static int wr_complete(struct ibv_qp_ex *ibqp)
{
	struct siw_qp *qp = ex_qp(ibqp);
	bool tell = false;
	int rv = qp->err;

	if (rv)
		drop(qp);
	else
		tell = siw_sq_publish(qp);
	pthread_spin_unlock(&qp->lock);
	return tell ? siw_doorbell(qp) : rv;
}

static void wr_abort(struct ibv_qp_ex *ibqp)
{
	struct siw_qp *qp = ex_qp(ibqp);

	drop(qp);
	pthread_spin_unlock(&qp->lock);
}

/*
 * With one private ABI number a QP is one pointer shorter in rdma-core 44 than in
 * later ones: there the mask is where they have wr_flush, an operation that we
 * do not offer, so that it is not called.
 */
static void set_mask(struct siw_qp *qp)
{
#if IBVERBS_PABI_VERSION == 34
	const uint32_t mask = VERBS_QP_EX;

	memcpy(&qp->base.qp_ex.wr_flush, &mask, sizeof(mask));
#endif
	qp->base.comp_mask |= VERBS_QP_EX;
}

/**
 * siw_qp_ex_init() - let a QP be posted to with ibv_wr_*()
 * @qp: just created
 */
void siw_qp_ex_init(struct siw_qp *qp)
{
	struct ibv_qp_ex *ex = &qp->base.qp_ex;

	set_mask(qp);
	ex->wr_start = wr_start;
	ex->wr_complete = wr_complete;
	ex->wr_abort = wr_abort;
	ex->wr_send = wr_send;
	ex->wr_send_inv = wr_send_inv;
	ex->wr_rdma_write = wr_rdma_write;
	ex->wr_rdma_read = wr_rdma_read;
	ex->wr_send_imm = wr_send_imm;
	ex->wr_rdma_write_imm = wr_rdma_write_imm;
	ex->wr_atomic_fetch_add = wr_atomic_fetch_add;
	ex->wr_atomic_cmp_swp = wr_atomic_cmp_swp;
	ex->wr_set_sge = wr_set_sge;
	ex->wr_set_sge_list = wr_set_sge_list;
	ex->wr_set_inline_data = wr_set_inline_data;
	ex->wr_set_inline_data_list = wr_set_inline_data_list;
}
