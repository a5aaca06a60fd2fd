// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Receive queues: that of a QP and shared ones are the same ring. To post never
 * enters the kernel.
 */
#include "siw.h"

/**
 * siw_rq_map() - a receive queue that the driver made
 * @rq: result; without elements it needs no key
 * @ctx: context
 * @key: from the driver
 * @num: elements, power of two or 0
 *
 * Return: 0 or an errno value.
 */
int siw_rq_map(struct siw_rq *rq, struct ibv_context *ctx, uint64_t key,
	       uint32_t num)
{
	rq->num = num;
	rq->put = 0;
	pthread_spin_init(&rq->lock, PTHREAD_PROCESS_PRIVATE);
	if (!num)
		return 0;
	rq->ring = siw_map(ctx, key, num * sizeof(struct siw_rqe));
	return rq->ring ? 0 : errno;
}

/**
 * siw_rq_unmap() - the end of it
 * @rq: from siw_rq_map()
 */
void siw_rq_unmap(struct siw_rq *rq)
{
	siw_unmap(rq->ring, rq->num * sizeof(struct siw_rqe));
	pthread_spin_destroy(&rq->lock);
}

/* What is written before VALID is there when the consumer sees VALID. */
static int post_one(struct siw_rq *rq, const struct ibv_recv_wr *wr)
{
	struct siw_rqe *rqe;

	if (wr->num_sge < 0 || (uint32_t)wr->num_sge > rq->max_sge)
		return EINVAL;
	if (!rq->num)
		return EINVAL;
	rqe = &rq->ring[rq->put & (rq->num - 1)];
	if (__atomic_load_n(&rqe->flags, __ATOMIC_ACQUIRE) & SIW_WQE_VALID)
		return ENOMEM;
	rqe->id = wr->wr_id;
	rqe->num_sge = (uint8_t)wr->num_sge;
	if (wr->num_sge)
		memcpy(rqe->sge, wr->sg_list,
		       (size_t)wr->num_sge * sizeof(rqe->sge[0]));
	__atomic_store_n(&rqe->flags, SIW_WQE_VALID, __ATOMIC_RELEASE);
	rq->put++;
	return 0;
}

/**
 * siw_rq_post() - post receives
 * @rq: queue
 * @wr: list of them
 * @bad: result: the first that was not posted
 *
 * Return: 0 or an errno value.
 */
int siw_rq_post(struct siw_rq *rq, struct ibv_recv_wr *wr,
		struct ibv_recv_wr **bad)
{
	int rv = 0;

	pthread_spin_lock(&rq->lock);
	for (; wr; wr = wr->next) {
		rv = post_one(rq, wr);
		if (rv)
			break;
	}
	pthread_spin_unlock(&rq->lock);
	if (rv)
		*bad = wr;
	return rv;
}

/* --- shared receive queues --------------------------------------------- */

static struct ibv_srq *create_srq(struct ibv_pd *pd,
				  struct ibv_srq_init_attr *attr)
{
	struct {
		struct ib_uverbs_create_srq_resp ibv;
		struct siw_uresp_create_srq drv;
	} resp = {};
	struct siw_srq *srq = calloc(1, sizeof(*srq));
	struct ibv_create_srq cmd = {};
	int rv;

	if (!srq)
		return NULL;
	rv = ibv_cmd_create_srq(pd, &srq->base, attr, &cmd, sizeof(cmd),
				&resp.ibv, sizeof(resp));
	if (rv)
		goto err_free;
	srq->rq.max_sge = attr->attr.max_sge;
	rv = siw_rq_map(&srq->rq, pd->context, resp.drv.srq_key,
			resp.drv.num_rqe);
	if (!rv)
		return &srq->base;
	ibv_cmd_destroy_srq(&srq->base);
err_free:
	free(srq);
	errno = rv;
	return NULL;
}

static int destroy_srq(struct ibv_srq *ibsrq)
{
	struct siw_srq *srq = to_srq(ibsrq);
	int rv = ibv_cmd_destroy_srq(ibsrq);

	if (rv)
		return rv;
	siw_rq_unmap(&srq->rq);
	free(srq);
	return 0;
}

static int modify_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr, int mask)
{
	struct ibv_modify_srq cmd = {};

	return ibv_cmd_modify_srq(srq, attr, mask, &cmd, sizeof(cmd));
}

static int query_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr)
{
	struct ibv_query_srq cmd = {};

	return ibv_cmd_query_srq(srq, attr, &cmd, sizeof(cmd));
}

static int post_srq_recv(struct ibv_srq *srq, struct ibv_recv_wr *wr,
			 struct ibv_recv_wr **bad)
{
	return siw_rq_post(&to_srq(srq)->rq, wr, bad);
}

const struct verbs_context_ops siw_srq_ops = {
	.create_srq = create_srq,
	.destroy_srq = destroy_srq,
	.modify_srq = modify_srq,
	.post_srq_recv = post_srq_recv,
	.query_srq = query_srq,
};
