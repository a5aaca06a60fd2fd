// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Queue pairs, and the doorbell: a POST_SEND command without work requests,
 * which are in the mapped ring. What is checked and what is told is the same as
 * in siw.ko (kernel/verbs_qp.c). usiw_lock() serialises.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <infiniband/verbs.h>
#include <rdma/ib_user_verbs.h>

#include "uverbs.h"

#define KNOWN_ATTRS	((IBV_QP_RATE_LIMIT << 1) - 1)
#define HASH		256	/* buckets; power of two */

struct uv_qp {
	struct uv_obj obj;
	struct usiw_qp *qp;
	struct uv_pd *pd;
	struct uv_cq *scq, *rcq;
	struct uv_srq *srq;
	struct uv_ring sq, rq;
	u32 num_sqe, num_rqe, max_send_sge, max_recv_sge;
	bool sig_all;
	LIST_ENTRY(uv_qp) by_num;
};

static LIST_HEAD(, uv_qp) qps[HASH];

/**
 * usiw_remote_access() - what a QP may grant to its peer
 *
 * Return: IBV_ACCESS_REMOTE_*
 */
u32 usiw_remote_access(void)
{
	return IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ |
	       (usiw_config.ext ? IBV_ACCESS_REMOTE_ATOMIC : 0u);
}

/**
 * usiw_uverbs_qp() - find a QP, as rdma_cm must
 * @num: its number
 *
 * Return: the QP of any context of this process, or NULL.
 */
struct usiw_qp *usiw_uverbs_qp(u32 num)
{
	struct uv_qp *qp;

	LIST_FOREACH(qp, &qps[num % HASH], by_num)
		if (usiw_qp_num(qp->qp) == num)
			return qp->qp;
	return NULL;
}

void usiw_uverbs_forked(void)
{
	int i;

	for (i = 0; i < HASH; i++)
		LIST_INIT(&qps[i]);
}

/* --- create, destroy --------------------------------------------------------------- */

static int qp_check(struct uv_qp *qp, const struct ib_uverbs_create_qp *r,
		    struct uv_ctx *ctx)
{
	if (r->qp_type != IBV_QPT_RC)
		return -EOPNOTSUPP;
	qp->pd = uv_get(ctx, r->pd_handle, UV_PD);
	qp->scq = uv_get(ctx, r->send_cq_handle, UV_CQ);
	qp->rcq = uv_get(ctx, r->recv_cq_handle, UV_CQ);
	qp->srq = r->is_srq ? uv_get(ctx, r->srq_handle, UV_SRQ) : NULL;
	if (!qp->pd || !qp->scq || !qp->rcq || (r->is_srq && !qp->srq))
		return -EINVAL;
	if (r->max_send_wr > USIW_MAX_QP_WR ||
	    r->max_recv_wr > USIW_MAX_QP_WR ||
	    r->max_send_sge > SIW_MAX_SGE || r->max_recv_sge > SIW_MAX_SGE ||
	    r->max_inline_data > SIW_MAX_INLINE)
		return -EINVAL;
	return 0;
}

static void set_caps(struct uv_qp *qp, const struct ib_uverbs_create_qp *r)
{
	qp->num_sqe = uv_pow2(r->max_send_wr);
	qp->num_rqe = qp->srq ? 0 : uv_pow2(r->max_recv_wr);
	qp->max_send_sge = r->max_send_sge ? r->max_send_sge : 1;
	qp->max_recv_sge = r->max_recv_sge ? r->max_recv_sge : 1;
	qp->sig_all = r->sq_sig_all;
}

static int qp_rings(struct uv_qp *qp, struct uv_ctx *ctx)
{
	int rv;

	rv = uv_ring_new(ctx, &qp->sq, qp->num_sqe * sizeof(struct siw_sqe));
	if (rv || !qp->num_rqe)
		return rv;
	return uv_ring_new(ctx, &qp->rq, qp->num_rqe * sizeof(struct siw_rqe));
}

static struct usiw_qp *qp_back(struct uv_qp *qp)
{
	struct usiw_qp_attr attr = {
		.pd = &qp->pd->pd,
		.scq = qp->scq->cq,
		.rcq = qp->rcq->cq,
		.srq = qp->srq ? qp->srq->srq : NULL,
		.sq = qp->sq.addr,
		.rq = qp->rq.addr,
		.num_sqe = qp->num_sqe,
		.num_rqe = qp->num_rqe,
		.max_send_sge = qp->max_send_sge,
		.max_recv_sge = qp->max_recv_sge,
		.max_inline = SIW_MAX_INLINE,
		.sig_all = qp->sig_all,
		.caps = qp->obj.ctx->caps,
		.owner = qp,
	};

	return usiw_qp_create(&attr);
}

static int qp_init(struct uv_qp *qp, struct uv_ctx *ctx)
{
	int rv;

	rv = qp_rings(qp, ctx);
	if (rv)
		goto err_rings;
	rv = uv_obj_add(ctx, &qp->obj, UV_QP);
	if (rv)
		goto err_rings;
	qp->qp = qp_back(qp);
	if (!qp->qp) {
		rv = -ENOMEM;
		goto err_obj;
	}
	usiw_qp_set_access(qp->qp, usiw_remote_access());
	qp->pd->obj.uses++;
	qp->scq->obj.uses++;
	qp->rcq->obj.uses++;
	if (qp->srq)
		qp->srq->obj.uses++;
	LIST_INSERT_HEAD(&qps[usiw_qp_num(qp->qp) % HASH], qp, by_num);
	return 0;

err_obj:
	uv_obj_del(&qp->obj);
err_rings:
	uv_ring_free(ctx, &qp->sq);
	uv_ring_free(ctx, &qp->rq);
	return rv;
}

static int qp_reply(const struct uv_qp *qp, const struct uv_cmd *c)
{
	u32 num = usiw_qp_num(qp->qp);
	struct ib_uverbs_create_qp_resp resp = {
		.qp_handle = qp->obj.handle,
		.qpn = num,
		.max_send_wr = qp->num_sqe,
		.max_recv_wr = qp->num_rqe,
		.max_send_sge = qp->max_send_sge,
		.max_recv_sge = qp->max_recv_sge,
		.max_inline_data = SIW_MAX_INLINE,
	};
	/* rq_key with an SRQ: 0, the "no mapping" key makes libsiw give up */
	struct siw_uresp_create_qp uresp = {
		.qp_id = num,
		.num_sqe = qp->num_sqe,
		.num_rqe = qp->num_rqe,
		.sq_key = qp->sq.key,
		.rq_key = qp->rq.key,
	};

	return uv_reply2(c, &resp, sizeof(resp), &uresp, sizeof(uresp));
}

int uv_create_qp(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_create_qp *r = c->in;
	struct uv_qp *qp;
	int rv;

	if (c->out_len < sizeof(struct ib_uverbs_create_qp_resp) +
			 sizeof(struct siw_uresp_create_qp))
		return -EINVAL;
	qp = calloc(1, sizeof(*qp));
	if (!qp)
		return -ENOMEM;
	qp->obj.user = r->user_handle;
	rv = qp_check(qp, r, ctx);
	if (!rv) {
		set_caps(qp, r);
		rv = qp_init(qp, ctx);
	}
	if (rv) {
		free(qp);
		return rv;
	}
	return qp_reply(qp, c);
}

void uv_qp_free(struct uv_obj *obj)
{
	struct uv_qp *qp = (struct uv_qp *)obj;
	struct uv_ctx *ctx = obj->ctx;

	LIST_REMOVE(qp, by_num);
	usiw_qp_destroy(qp->qp);
	uv_drop_async(obj);
	qp->pd->obj.uses--;
	qp->scq->obj.uses--;
	qp->rcq->obj.uses--;
	if (qp->srq)
		qp->srq->obj.uses--;
	uv_obj_del(obj);
	uv_ring_free(ctx, &qp->sq);
	uv_ring_free(ctx, &qp->rq);
	free(qp);
}

int uv_destroy_qp(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_destroy_qp *r = c->in;
	struct uv_qp *qp = uv_get(ctx, r->qp_handle, UV_QP);
	struct ib_uverbs_destroy_qp_resp resp;

	if (!qp)
		return -EINVAL;
	resp.events_reported = qp->obj.events;
	uv_qp_free(&qp->obj);
	return uv_reply(c, &resp, sizeof(resp));
}

/* --- modify, query ------------------------------------------------------------------ */

static int state_event(u8 state)
{
	switch (state) {
	case IBV_QPS_RESET:
		return SIW_QP_EV_MOD_RESET;
	case IBV_QPS_INIT:
		return SIW_QP_EV_MOD_INIT;
	case IBV_QPS_RTR:
		return SIW_QP_EV_MOD_RTR;
	case IBV_QPS_RTS:
		return SIW_QP_EV_MOD_RTS;
	case IBV_QPS_SQD:
		return SIW_QP_EV_MOD_SQD;
	case IBV_QPS_ERR:
		return SIW_QP_EV_MOD_ERR;
	default:
		return -EINVAL;
	}
}

/* An iWARP QP is born idle, which is INIT to programs. */
static u8 verbs_state(const struct uv_qp *qp)
{
	enum siw_qp_state state = usiw_qp_state(qp->qp);

	if (state == SIW_QP_RESET)
		return IBV_QPS_INIT;
	return (u8)siw_qpsm_query(state);
}

/*
 * On its way to INIT rdma_cm knows nothing of access rights yet and gives none
 * at all, so none means all there. Later on it means what it says.
 */
static void set_rights(struct uv_qp *qp, const struct ib_uverbs_modify_qp *r)
{
	u32 rights = r->qp_access_flags & usiw_remote_access();

	if ((r->attr_mask & IBV_QP_STATE) && r->qp_state == IBV_QPS_INIT &&
	    !rights)
		rights = usiw_remote_access();
	usiw_qp_set_access(qp->qp, rights);
}

int uv_modify_qp(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_modify_qp *r = c->in;
	struct uv_qp *qp = uv_get(ctx, r->qp_handle, UV_QP);
	int ev;

	if (!qp)
		return -EINVAL;
	if (r->attr_mask & ~(u32)KNOWN_ATTRS)
		return -EOPNOTSUPP;
	/* connecting by hand: there is no address vector over TCP */
	if (r->attr_mask & (IBV_QP_AV | IBV_QP_DEST_QPN))
		return -EINVAL;
	if ((r->attr_mask & IBV_QP_CUR_STATE) &&
	    r->cur_qp_state != IBV_QPS_RESET &&
	    r->cur_qp_state != verbs_state(qp))
		return -EINVAL;
	if (r->attr_mask & IBV_QP_ACCESS_FLAGS)
		set_rights(qp, r);
	if (r->attr_mask & IBV_QP_EN_SQD_ASYNC_NOTIFY)
		usiw_qp_tell_drained(qp->qp, r->en_sqd_async_notify);
	if (!(r->attr_mask & IBV_QP_STATE))
		return 0;
	ev = state_event(r->qp_state);
	return ev < 0 ? ev : usiw_qp_modify(qp->qp, (enum siw_qp_ev)ev);
}

static u8 cap_u8(u32 n)
{
	return n > 255 ? 255 : (u8)n;
}

int uv_query_qp(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_query_qp *r = c->in;
	struct uv_qp *qp = uv_get(ctx, r->qp_handle, UV_QP);
	struct ib_uverbs_query_qp_resp resp = {};
	u32 ird, ord;

	if (!qp)
		return -EINVAL;
	usiw_qp_rdq(qp->qp, &ird, &ord);
	resp.max_send_wr = qp->num_sqe;
	resp.max_recv_wr = qp->num_rqe;
	resp.max_send_sge = qp->max_send_sge;
	resp.max_recv_sge = qp->max_recv_sge;
	resp.max_inline_data = SIW_MAX_INLINE;
	resp.qp_access_flags = usiw_qp_access(qp->qp);
	resp.qp_state = verbs_state(qp);
	resp.cur_qp_state = resp.qp_state;
	resp.path_mtu = IBV_MTU_1024;
	resp.max_rd_atomic = cap_u8(ord);
	resp.max_dest_rd_atomic = cap_u8(ird);
	resp.port_num = 1;
	resp.sq_sig_all = qp->sig_all;
	return uv_reply(c, &resp, sizeof(resp));
}

/* --- doorbell ------------------------------------------------------------------------ */

/**
 * uv_doorbell() - POST_SEND
 * @ctx: context
 * @buf: command, header included
 * @len: octets
 *
 * Return: @len or a negative errno value.
 */
ssize_t uv_doorbell(struct uv_ctx *ctx, const void *buf, size_t len)
{
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_post_send post;
	} cmd;
	struct uv_qp *qp;
	int rv;

	if (len < sizeof(cmd))
		return -EINVAL;
	memcpy(&cmd, buf, sizeof(cmd));
	if (cmd.post.wr_count || cmd.post.sge_count)
		return -EOPNOTSUPP;
	qp = uv_get(ctx, cmd.post.qp_handle, UV_QP);
	if (!qp)
		return -EINVAL;
	rv = usiw_qp_doorbell(qp->qp);
	return rv ? rv : (ssize_t)len;
}
