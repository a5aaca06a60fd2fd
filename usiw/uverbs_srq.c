// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Shared receive queues: posting is the provider's; here they are made, and
 * their limit event is armed. usiw_lock() serialises.
 */
#include <errno.h>
#include <stdlib.h>
#include <infiniband/verbs.h>
#include <rdma/ib_user_verbs.h>

#include "uverbs.h"

static int srq_init(struct uv_srq *srq, struct uv_ctx *ctx)
{
	int rv;

	rv = uv_ring_new(ctx, &srq->ring, srq->max_wr * sizeof(struct siw_rqe));
	if (rv)
		return rv;
	rv = uv_obj_add(ctx, &srq->obj, UV_SRQ);
	if (rv)
		goto err_ring;
	srq->srq = usiw_srq_create(&srq->pd->pd, srq->ring.addr, srq->max_wr,
				   srq->max_sge, srq);
	if (srq->srq)
		return 0;
	rv = -ENOMEM;
	uv_obj_del(&srq->obj);
err_ring:
	uv_ring_free(ctx, &srq->ring);
	return rv;
}

int uv_create_srq(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_create_srq *r = c->in;
	struct uv_pd *pd = uv_get(ctx, r->pd_handle, UV_PD);
	struct ib_uverbs_create_srq_resp resp = {};
	struct siw_uresp_create_srq uresp = {};
	struct uv_srq *srq;
	int rv;

	if (!pd || !r->max_wr || r->max_wr > USIW_MAX_SRQ_WR ||
	    r->max_sge > SIW_MAX_SGE || r->srq_limit > r->max_wr ||
	    c->out_len < sizeof(resp) + sizeof(uresp))
		return -EINVAL;
	srq = calloc(1, sizeof(*srq));
	if (!srq)
		return -ENOMEM;
	srq->obj.user = r->user_handle;
	srq->pd = pd;
	srq->max_wr = uv_pow2(r->max_wr);
	srq->max_sge = r->max_sge;
	rv = srq_init(srq, ctx);
	if (rv) {
		free(srq);
		return rv;
	}
	pd->obj.uses++;
	if (r->srq_limit)
		usiw_srq_limit(srq->srq, r->srq_limit);
	resp.srq_handle = srq->obj.handle;
	resp.max_wr = srq->max_wr;
	resp.max_sge = srq->max_sge;
	uresp.num_rqe = srq->max_wr;
	uresp.srq_key = srq->ring.key;
	return uv_reply2(c, &resp, sizeof(resp), &uresp, sizeof(uresp));
}

int uv_modify_srq(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_modify_srq *r = c->in;
	struct uv_srq *srq = uv_get(ctx, r->srq_handle, UV_SRQ);

	if (!srq)
		return -EINVAL;
	if (r->attr_mask & ~(u32)IBV_SRQ_LIMIT)
		return -EOPNOTSUPP;
	if (!(r->attr_mask & IBV_SRQ_LIMIT))
		return 0;
	if (r->srq_limit > srq->max_wr)
		return -EINVAL;
	return usiw_srq_limit(srq->srq, r->srq_limit);
}

int uv_query_srq(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_query_srq *r = c->in;
	struct uv_srq *srq = uv_get(ctx, r->srq_handle, UV_SRQ);
	struct ib_uverbs_query_srq_resp resp = {};

	if (!srq)
		return -EINVAL;
	resp.max_wr = srq->max_wr;
	resp.max_sge = srq->max_sge;
	resp.srq_limit = usiw_srq_limit_left(srq->srq);
	return uv_reply(c, &resp, sizeof(resp));
}

void uv_srq_free(struct uv_srq *srq)
{
	struct uv_ctx *ctx = srq->obj.ctx;

	usiw_srq_destroy(srq->srq);
	uv_drop_async(&srq->obj);
	srq->pd->obj.uses--;
	uv_obj_del(&srq->obj);
	uv_ring_free(ctx, &srq->ring);
	free(srq);
}

int uv_destroy_srq(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_destroy_srq *r = c->in;
	struct uv_srq *srq = uv_get(ctx, r->srq_handle, UV_SRQ);
	struct ib_uverbs_destroy_srq_resp resp;

	if (!srq)
		return -EINVAL;
	if (srq->obj.uses)
		return -EBUSY;
	resp.events_reported = srq->obj.events;
	uv_srq_free(srq);
	return uv_reply(c, &resp, sizeof(resp));
}
