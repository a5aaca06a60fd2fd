// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Completion queues: polled and armed in mapped memory, without a system call.
 * An element is copied while its VALID flag is set, then given back; so a
 * program that polls with ibv_start_poll() looks at the copy, too.
 */
#include "siw.h"

static const uint8_t opcodes[] = {
	[SIW_OP_WRITE] = IBV_WC_RDMA_WRITE,
	[SIW_OP_READ] = IBV_WC_RDMA_READ,
	[SIW_OP_READ_LOCAL_INV] = IBV_WC_RDMA_READ,
	[SIW_OP_SEND] = IBV_WC_SEND,
	[SIW_OP_SEND_WITH_IMM] = IBV_WC_SEND,
	[SIW_OP_SEND_REMOTE_INV] = IBV_WC_SEND,
	[SIW_OP_FETCH_AND_ADD] = IBV_WC_FETCH_ADD,
	[SIW_OP_COMP_AND_SWAP] = IBV_WC_COMP_SWAP,
	[SIW_OP_RECEIVE] = IBV_WC_RECV,
	[SIW_OP_READ_RESPONSE] = IBV_WC_DRIVER1,
	[SIW_OP_INVAL_STAG] = IBV_WC_LOCAL_INV,
	[SIW_OP_REG_MR] = IBV_WC_DRIVER1,
	[SIW_OP_WRITE_WITH_IMM] = IBV_WC_RDMA_WRITE,
	[SIW_OP_RECV_RDMA_IMM] = IBV_WC_RECV_RDMA_WITH_IMM,
};

static const uint8_t statuses[SIW_NUM_WC_STATUS] = {
	[SIW_WC_SUCCESS] = IBV_WC_SUCCESS,
	[SIW_WC_LOC_LEN_ERR] = IBV_WC_LOC_LEN_ERR,
	[SIW_WC_LOC_PROT_ERR] = IBV_WC_LOC_PROT_ERR,
	[SIW_WC_LOC_QP_OP_ERR] = IBV_WC_LOC_QP_OP_ERR,
	[SIW_WC_WR_FLUSH_ERR] = IBV_WC_WR_FLUSH_ERR,
	[SIW_WC_BAD_RESP_ERR] = IBV_WC_BAD_RESP_ERR,
	[SIW_WC_LOC_ACCESS_ERR] = IBV_WC_LOC_ACCESS_ERR,
	[SIW_WC_REM_ACCESS_ERR] = IBV_WC_REM_ACCESS_ERR,
	[SIW_WC_REM_INV_REQ_ERR] = IBV_WC_REM_INV_REQ_ERR,
	[SIW_WC_GENERAL_ERR] = IBV_WC_GENERAL_ERR,
};

static enum ibv_wc_opcode wc_opcode(const struct siw_cqe *c)
{
	return c->opcode < sizeof(opcodes) ? opcodes[c->opcode] :
					     IBV_WC_DRIVER1;
}

static enum ibv_wc_status wc_status(const struct siw_cqe *c)
{
	return c->status < SIW_NUM_WC_STATUS ? statuses[c->status] :
					       IBV_WC_GENERAL_ERR;
}

/* A driver that can tell has put its reason where others leave 0. */
static uint32_t wc_vendor_err(const struct siw_cqe *c)
{
	if (c->status == SIW_WC_SUCCESS)
		return 0;
	return c->imm_data ? SIW_VENDOR_REASON + (uint32_t)c->imm_data :
			     c->status;
}

static unsigned int wc_flags(const struct siw_cqe *c)
{
	if (c->status != SIW_WC_SUCCESS)
		return 0;
	if (c->flags & SIW_WQE_IMM)
		return IBV_WC_WITH_IMM;
	return c->flags & SIW_WQE_REM_INVAL ? IBV_WC_WITH_INV : 0;
}

/* RFC 7306 has twice as much: the first half of it is what verbs know. */
static __be32 wc_imm(const struct siw_cqe *c)
{
	return htobe32((uint32_t)(c->imm_data >> 32));
}

/* --- polling ----------------------------------------------------------- */

/* Take the oldest completion; the caller has the lock. */
static bool take(struct siw_cq *cq, struct siw_cqe *c)
{
	struct siw_cqe *slot = &cq->ring[cq->get & (cq->num - 1)];
	uint8_t flags = __atomic_load_n(&slot->flags, __ATOMIC_ACQUIRE);

	if (!(flags & SIW_WQE_VALID))
		return false;
	*c = *slot;
	c->flags = flags;
	__atomic_store_n(&slot->flags, 0, __ATOMIC_RELEASE);
	cq->get++;
	return true;
}

static void fill(struct ibv_wc *wc, const struct siw_cqe *c)
{
	memset(wc, 0, sizeof(*wc));
	wc->wr_id = c->id;
	wc->status = wc_status(c);
	wc->opcode = wc_opcode(c);
	wc->vendor_err = wc_vendor_err(c);
	wc->byte_len = c->bytes;
	wc->qp_num = (uint32_t)c->qp_id;
	wc->wc_flags = wc_flags(c);
	if (wc->wc_flags & IBV_WC_WITH_INV)
		wc->invalidated_rkey = c->inval_stag;
	if (wc->wc_flags & IBV_WC_WITH_IMM)
		wc->imm_data = wc_imm(c);
}

static int poll_cq(struct ibv_cq *ibcq, int max, struct ibv_wc *wc)
{
	struct siw_cq *cq = to_cq(ibcq);
	struct siw_cqe c;
	int n;

	pthread_spin_lock(&cq->lock);
	for (n = 0; n < max && take(cq, &c); n++)
		fill(&wc[n], &c);
	pthread_spin_unlock(&cq->lock);
	return n;
}

/* The driver writes a completion, then looks at what is armed; a program arms,
 * then polls once more. One of both sees the other.
 */
static int req_notify_cq(struct ibv_cq *ibcq, int solicited_only)
{
	uint32_t arm = SIW_NOTIFY_SOLICITED;

	if (!solicited_only)
		arm |= SIW_NOTIFY_NEXT_COMPLETION;
	__atomic_exchange_n(&to_cq(ibcq)->ctrl->flags, arm, __ATOMIC_SEQ_CST);
	return 0;
}

/* --- ibv_start_poll() and what belongs to it ---------------------------- */

static struct siw_cq *ex_cq(struct ibv_cq_ex *cq)
{
	return container_of(cq, struct siw_cq, base.cq_ex);
}

static int next_poll(struct ibv_cq_ex *ibcq)
{
	struct siw_cq *cq = ex_cq(ibcq);

	if (!take(cq, &cq->cur))
		return ENOENT;
	ibcq->wr_id = cq->cur.id;
	ibcq->status = wc_status(&cq->cur);
	return 0;
}

static int start_poll(struct ibv_cq_ex *ibcq, struct ibv_poll_cq_attr *attr)
{
	struct siw_cq *cq = ex_cq(ibcq);
	int rv;

	if (attr->comp_mask)
		return EINVAL;
	pthread_spin_lock(&cq->lock);
	rv = next_poll(ibcq);
	if (rv)
		pthread_spin_unlock(&cq->lock);
	return rv;
}

static void end_poll(struct ibv_cq_ex *ibcq)
{
	pthread_spin_unlock(&ex_cq(ibcq)->lock);
}

static enum ibv_wc_opcode read_opcode(struct ibv_cq_ex *cq)
{
	return wc_opcode(&ex_cq(cq)->cur);
}

static uint32_t read_vendor_err(struct ibv_cq_ex *cq)
{
	return wc_vendor_err(&ex_cq(cq)->cur);
}

static unsigned int read_wc_flags(struct ibv_cq_ex *cq)
{
	return wc_flags(&ex_cq(cq)->cur);
}

static uint32_t read_byte_len(struct ibv_cq_ex *cq)
{
	return ex_cq(cq)->cur.bytes;
}

/* Also the STag that the peer invalidated: ibv_wc_read_invalidated_rkey(). */
static __be32 read_imm_data(struct ibv_cq_ex *cq)
{
	const struct siw_cqe *c = &ex_cq(cq)->cur;

	return c->flags & SIW_WQE_IMM ? wc_imm(c) : (__be32)c->inval_stag;
}

static uint32_t read_qp_num(struct ibv_cq_ex *cq)
{
	return (uint32_t)ex_cq(cq)->cur.qp_id;
}

static uint32_t read_zero32(struct ibv_cq_ex *cq)
{
	return 0;
}

static uint8_t read_zero8(struct ibv_cq_ex *cq)
{
	return 0;
}

static void init_ex(struct ibv_cq_ex *cq, uint64_t flags)
{
	cq->start_poll = start_poll;
	cq->next_poll = next_poll;
	cq->end_poll = end_poll;
	cq->read_opcode = read_opcode;
	cq->read_vendor_err = read_vendor_err;
	cq->read_wc_flags = read_wc_flags;
	if (flags & IBV_WC_EX_WITH_BYTE_LEN)
		cq->read_byte_len = read_byte_len;
	if (flags & IBV_WC_EX_WITH_IMM)
		cq->read_imm_data = read_imm_data;
	if (flags & IBV_WC_EX_WITH_QP_NUM)
		cq->read_qp_num = read_qp_num;
	/* of datagrams */
	if (flags & IBV_WC_EX_WITH_SRC_QP)
		cq->read_src_qp = read_zero32;
	if (flags & IBV_WC_EX_WITH_SLID)
		cq->read_slid = read_zero32;
	if (flags & IBV_WC_EX_WITH_SL)
		cq->read_sl = read_zero8;
	if (flags & IBV_WC_EX_WITH_DLID_PATH_BITS)
		cq->read_dlid_path_bits = read_zero8;
}

/* --- creating ----------------------------------------------------------- */

static size_t ring_len(uint32_t num)
{
	return num * sizeof(struct siw_cqe) + sizeof(struct siw_cq_ctrl);
}

static struct siw_cq *new_cq(struct ibv_context *ctx, int cqe,
			     struct ibv_comp_channel *channel, int vector)
{
	struct {
		struct ib_uverbs_create_cq_resp ibv;
		struct siw_uresp_create_cq drv;
	} resp = {};
	struct siw_cq *cq = calloc(1, sizeof(*cq));
	struct ibv_create_cq cmd = {};
	int rv;

	if (!cq)
		return NULL;
	rv = ibv_cmd_create_cq(ctx, cqe, channel, vector, &cq->base.cq, &cmd,
			       sizeof(cmd), &resp.ibv, sizeof(resp));
	if (rv)
		goto err_free;
	cq->num = resp.drv.num_cqe;
	cq->ring = siw_map(ctx, resp.drv.cq_key, ring_len(cq->num));
	if (cq->ring) {
		cq->ctrl = (struct siw_cq_ctrl *)&cq->ring[cq->num];
		pthread_spin_init(&cq->lock, PTHREAD_PROCESS_PRIVATE);
		return cq;
	}
	rv = errno;
	ibv_cmd_destroy_cq(&cq->base.cq);
err_free:
	free(cq);
	errno = rv;
	return NULL;
}

static struct ibv_cq *create_cq(struct ibv_context *ctx, int cqe,
				struct ibv_comp_channel *channel, int vector)
{
	struct siw_cq *cq = new_cq(ctx, cqe, channel, vector);

	return cq ? &cq->base.cq : NULL;
}

static struct ibv_cq_ex *create_cq_ex(struct ibv_context *ctx,
				      struct ibv_cq_init_attr_ex *attr)
{
	struct siw_cq *cq;
	uint32_t flags = 0;

	if (attr->comp_mask & IBV_CQ_INIT_ATTR_MASK_FLAGS)
		flags = attr->flags;
	/* One thread at a time is what a lock does not disturb. */
	if ((attr->comp_mask & ~(uint32_t)IBV_CQ_INIT_ATTR_MASK_FLAGS) ||
	    (flags & ~(uint32_t)IBV_CREATE_CQ_ATTR_SINGLE_THREADED) ||
	    (attr->wc_flags & ~(uint64_t)IBV_WC_STANDARD_FLAGS)) {
		errno = EOPNOTSUPP;
		return NULL;
	}
	cq = new_cq(ctx, (int)attr->cqe, attr->channel,
		    (int)attr->comp_vector);
	if (!cq)
		return NULL;
	init_ex(&cq->base.cq_ex, attr->wc_flags);
	return &cq->base.cq_ex;
}

/* A ring cannot grow; one that is large enough need not. */
static int resize_cq(struct ibv_cq *cq, int cqe)
{
	if (cqe <= 0)
		return EINVAL;
	return cqe <= cq->cqe ? 0 : EOPNOTSUPP;
}

static int destroy_cq(struct ibv_cq *ibcq)
{
	struct siw_cq *cq = to_cq(ibcq);
	int rv = ibv_cmd_destroy_cq(ibcq);

	if (rv)
		return rv;
	siw_unmap(cq->ring, ring_len(cq->num));
	pthread_spin_destroy(&cq->lock);
	free(cq);
	return 0;
}

const struct verbs_context_ops siw_cq_ops = {
	.create_cq = create_cq,
	.create_cq_ex = create_cq_ex,
	.destroy_cq = destroy_cq,
	.poll_cq = poll_cq,
	.req_notify_cq = req_notify_cq,
	.resize_cq = resize_cq,
};
