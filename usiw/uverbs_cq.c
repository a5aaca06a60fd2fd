// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Completion queues: the provider maps the ring, polls it and arms it without a
 * command. usiw_lock() serialises.
 */
#include <errno.h>
#include <stdlib.h>
#include <rdma/ib_user_verbs.h>

#include "uverbs.h"

static int cq_init(struct uv_cq *cq, struct uv_ctx *ctx, u32 num_cqe)
{
	int rv;

	rv = uv_ring_new(ctx, &cq->ring, num_cqe * sizeof(struct siw_cqe) +
					 sizeof(struct siw_cq_ctrl));
	if (rv)
		return rv;
	rv = uv_obj_add(ctx, &cq->obj, UV_CQ);
	if (rv)
		goto err_ring;
	cq->cq = usiw_cq_create(cq->ring.addr, num_cqe, cq);
	if (cq->cq)
		return 0;
	rv = -ENOMEM;
	uv_obj_del(&cq->obj);
err_ring:
	uv_ring_free(ctx, &cq->ring);
	return rv;
}

int uv_create_cq(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_create_cq *r = c->in;
	struct ib_uverbs_create_cq_resp resp = {};
	struct siw_uresp_create_cq uresp = {};
	struct uv_cq *cq;
	int rv;

	if (!r->cqe || r->cqe > USIW_MAX_CQE || r->comp_vector ||
	    c->out_len < sizeof(resp) + sizeof(uresp))
		return -EINVAL;
	cq = calloc(1, sizeof(*cq));
	if (!cq)
		return -ENOMEM;
	if (r->comp_channel >= 0) {
		cq->channel = uv_channel(ctx, r->comp_channel);
		if (!cq->channel) {
			free(cq);
			return -EINVAL;
		}
	}
	cq->obj.user = r->user_handle;
	uresp.num_cqe = uv_pow2(r->cqe);
	rv = cq_init(cq, ctx, uresp.num_cqe);
	if (rv) {
		free(cq);
		return rv;
	}
	resp.cq_handle = cq->obj.handle;
	resp.cqe = uresp.num_cqe;
	uresp.cq_id = usiw_cq_id(cq->cq);
	uresp.cq_key = cq->ring.key;
	return uv_reply2(c, &resp, sizeof(resp), &uresp, sizeof(uresp));
}

void uv_cq_free(struct uv_cq *cq)
{
	struct uv_ctx *ctx = cq->obj.ctx;

	usiw_cq_destroy(cq->cq);
	uv_drop_comp(cq);
	uv_drop_async(&cq->obj);
	uv_obj_del(&cq->obj);
	uv_ring_free(ctx, &cq->ring);
	free(cq);
}

int uv_destroy_cq(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_destroy_cq *r = c->in;
	struct uv_cq *cq = uv_get(ctx, r->cq_handle, UV_CQ);
	struct ib_uverbs_destroy_cq_resp resp;

	if (!cq)
		return -EINVAL;
	if (cq->obj.uses)
		return -EBUSY;
	resp.comp_events_reported = cq->comp_events;
	resp.async_events_reported = cq->obj.events;
	uv_cq_free(cq);
	return uv_reply(c, &resp, sizeof(resp));
}
