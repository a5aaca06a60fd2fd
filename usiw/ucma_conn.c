// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Connections of rdma_cm identifiers: commands go to the engine's end points,
 * what happens to those comes back by usiw_up_cm() and becomes events as the
 * kernel makes them of iw_cm's.
 */
#include <errno.h>
#include <string.h>
#include <infiniband/verbs.h>
#include <rdma/ib_user_verbs.h>

#include "ucma.h"

/* --- commands ----------------------------------------------------------------------- */

static struct usiw_conn_param param_of(const struct rdma_ucm_conn_param *p)
{
	return (struct usiw_conn_param){
		.ird = p->responder_resources,
		.ord = p->initiator_depth,
		.pdata = p->private_data,
		.pdata_len = p->private_data_len,
	};
}

int cm_connect(const struct cm_cmd *c)
{
	const struct rdma_ucm_connect *r = c->in;
	struct usiw_conn_param param = param_of(&r->conn_param);
	struct usiw_qp *qp = usiw_uverbs_qp(r->conn_param.qp_num);
	struct cm_id *id = cm_get(c, r->id);
	int rv;

	if (!id || !r->conn_param.valid || id->state != CM_ROUTE || !qp)
		return -EINVAL;
	if (!id->ep && cm_ep_new(id))
		return -ENOMEM;
	id->state = CM_CONNECT;		/* the answer may come at once */
	rv = usiw_ep_connect(id->ep, qp, &id->src, &id->dst, &param);
	if (rv)
		id->state = CM_ROUTE;
	return rv;
}

int cm_listen(const struct cm_cmd *c)
{
	const struct rdma_ucm_listen *r = c->in;
	struct sockaddr_storage any = { .ss_family = AF_INET };
	struct cm_id *id = cm_get(c, r->id);
	int rv = 0, backlog = (int)r->backlog;

	if (!id)
		return -EINVAL;
	if (id->state == CM_IDLE)
		rv = cm_bind(id, &any);
	if (rv)
		return rv;
	if (id->state != CM_BOUND)
		return -EINVAL;
	if (backlog <= 0 || backlog > CM_BACKLOG_MAX)
		backlog = CM_BACKLOG_MAX;
	rv = id->early ? 0 : usiw_ep_listen(id->ep, backlog);
	if (rv)
		return rv;
	if (!id->early)
		id->room = (u32)backlog;
	id->state = CM_LISTEN;
	cm_post_held(id);
	return 0;
}

int cm_accept(const struct cm_cmd *c)
{
	const struct rdma_ucm_accept *r = c->in;
	struct usiw_conn_param param = param_of(&r->conn_param);
	struct usiw_qp *qp = usiw_uverbs_qp(r->conn_param.qp_num);
	struct cm_id *id = cm_get(c, r->id);
	int rv;

	if (!id || !r->conn_param.valid || id->state != CM_REQUEST || !qp)
		return -EINVAL;
	id->uid = r->uid;
	id->state = CM_ACCEPT;
	rv = usiw_ep_accept(id->ep, qp, &param);
	if (rv) {
		id->uid = 0;
		id->state = CM_REQUEST;
	}
	return rv;
}

int cm_reject(const struct cm_cmd *c)
{
	const struct rdma_ucm_reject *r = c->in;
	struct cm_id *id = cm_get(c, r->id);
	int rv;

	if (!id || id->state != CM_REQUEST)
		return -EINVAL;
	rv = usiw_ep_reject(id->ep, r->private_data, r->private_data_len);
	if (!rv)
		id->state = CM_DOWN;
	return rv;
}

int cm_disconnect(const struct cm_cmd *c)
{
	const struct rdma_ucm_disconnect *r = c->in;
	struct cm_id *id = cm_get(c, r->id);

	if (!id)
		return -EINVAL;
	switch (id->state) {
	case CM_CONNECT:
	case CM_UP:
	case CM_ACCEPT:
		return usiw_ep_disconnect(id->ep);
	case CM_DOWN:
		/* the peer went first: our half is still to be closed */
		return id->ep ? usiw_ep_disconnect(id->ep) : 0;
	default:
		return -EINVAL;
	}
}

/*
 * As iw_cm has it: rights are known once there is a connection (request), and
 * the way to RTS is no business of the program.
 */
int cm_init_qp_attr(const struct cm_cmd *c)
{
	const struct rdma_ucm_init_qp_attr *r = c->in;
	struct ib_uverbs_qp_attr resp = {};
	struct cm_id *id = cm_get(c, r->id);
	bool conn;

	if (!id || r->qp_state > IBV_QPS_ERR)
		return -EINVAL;
	conn = id->passive || id->state == CM_CONNECT || id->state == CM_UP;
	if (conn && r->qp_state != IBV_QPS_INIT && r->qp_state != IBV_QPS_RTR &&
	    r->qp_state != IBV_QPS_RTS)
		return -EINVAL;
	resp.qp_state = r->qp_state;
	resp.port_num = id->on_dev;
	if (!conn) {
		resp.qp_attr_mask = IBV_QP_STATE | IBV_QP_ACCESS_FLAGS;
	} else if (r->qp_state != IBV_QPS_RTS) {
		resp.qp_attr_mask = IBV_QP_STATE | IBV_QP_ACCESS_FLAGS;
		resp.qp_access_flags = usiw_remote_access();
	}
	return cm_reply(c, r->response, &resp, sizeof(resp), sizeof(resp));
}

/* --- what the engine says --------------------------------------------------------------- */

/* A new connection; @id is the listener. */
static void up_request(struct cm_id *id, const struct usiw_cm_event *ev)
{
	struct cm_id *req = id->room ? cm_id_new(id->file, 0) : NULL;

	if (!req) {
		usiw_say(2, "connection request dropped: too many wait");
		usiw_ep_destroy(ev->ep);
		return;
	}
	req->ep = ev->ep;
	req->state = CM_REQUEST;
	req->untold = true;
	req->passive = true;
	req->on_dev = true;
	usiw_ep_names(ev->ep, &req->src, &req->dst);
	usiw_ep_set_owner(ev->ep, req);
	if (cm_post_conn(id, RDMA_CM_EVENT_CONNECT_REQUEST, ev, req))
		cm_id_free(req);
	else
		id->room--;
}

static void post(struct cm_id *id, u32 event, const struct usiw_cm_event *ev)
{
	if (cm_post_conn(id, event, ev, NULL))
		usiw_say(1, "no memory for an event of a connection");
}

static void up_established(struct cm_id *id, const struct usiw_cm_event *ev)
{
	usiw_ep_names(id->ep, &id->src, &id->dst);
	id->state = CM_UP;
	post(id, RDMA_CM_EVENT_ESTABLISHED, ev);
}

/* The answer to connect(). */
static void up_reply(struct cm_id *id, const struct usiw_cm_event *ev)
{
	u32 event;

	switch (ev->status) {
	case 0:
		up_established(id, ev);
		return;
	case -ECONNRESET:
	case -ECONNREFUSED:
		event = RDMA_CM_EVENT_REJECTED;
		break;
	case -ETIMEDOUT:
		event = RDMA_CM_EVENT_UNREACHABLE;
		break;
	default:
		event = RDMA_CM_EVENT_CONNECT_ERROR;
		break;
	}
	id->state = CM_DOWN;
	post(id, event, ev);
}

/*
 * Gone. As with iw_cm the program hears of it now, not when the connection
 * begins to go down: rping's client is through with the identifier by then, and
 * would not survive the event.
 */
static void up_close(struct cm_id *id, const struct usiw_cm_event *ev)
{
	struct usiw_cm_event lost = *ev;

	switch (id->state) {
	case CM_UP:
		id->state = CM_DOWN;
		post(id, RDMA_CM_EVENT_DISCONNECTED, ev);
		break;
	case CM_CONNECT:
		lost.status = ev->status ? ev->status : -ECONNRESET;
		up_reply(id, &lost);
		break;
	case CM_ACCEPT:
		id->state = CM_DOWN;
		lost.status = ev->status ? ev->status : -ECONNRESET;
		post(id, RDMA_CM_EVENT_CONNECT_ERROR, &lost);
		break;
	default:
		break;
	}
}

void usiw_up_cm(void *owner, const struct usiw_cm_event *event)
{
	struct cm_id *id = owner;

	switch (event->ev) {
	case USIW_CM_REQUEST:
		up_request(id, event);
		break;
	case USIW_CM_REPLY:
		if (id->state == CM_CONNECT)
			up_reply(id, event);
		break;
	case USIW_CM_ESTABLISHED:
		if (id->state != CM_ACCEPT)
			break;
		if (event->status)
			up_close(id, event);
		else
			up_established(id, event);
		break;
	case USIW_CM_DISCONNECT:
		break;
	case USIW_CM_CLOSE:
		up_close(id, event);
		break;
	}
}
