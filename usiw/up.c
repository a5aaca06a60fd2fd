// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What the front half is told of a connection, in the order of core/cmsm.c: one
 * REPLY, or one ESTABLISHED even for what never was; then, unless that was a
 * failure, DISCONNECT and CLOSE.
 *
 * Under usiw_lock(). The front may reject or destroy the end point of a request
 * while it is told of it, and calls nothing else out of an upcall.
 */
#include <errno.h>

#include "priv.h"

static void up(struct usiw_ep *ep, const struct usiw_cm_event *ev)
{
	if (!ep->gone && ep->owner)
		usiw_up_cm(ep->owner, ev);
}

static u32 rd_for_ulp(u16 value)
{
	if (value == SIW_MPA_RD_NONE)
		return USIW_DEF_RDQ;
	return value < USIW_MAX_RDQ ? value : USIW_MAX_RDQ;
}

static void up_request(struct usiw_ep *ep)
{
	const struct siw_mpa_frame *peer = &ep->mpa->peer;
	struct usiw_ep *l = ep->listener;
	struct usiw_cm_event ev = {
		.ev = USIW_CM_REQUEST,
		.ird = USIW_DEF_RDQ,
		.ord = USIW_DEF_RDQ,
		.pdata = peer->pd,
		.pdata_len = peer->pd_len,
		.ep = ep,
	};

	if (peer->enhanced) {
		ev.ird = rd_for_ulp(peer->ird);
		ev.ord = rd_for_ulp(peer->ord);
	}
	usiw_ep_forget_kid(ep);
	ep->gone = false;
	usiw_up_cm(l->owner, &ev);
}

static void up_reply(struct usiw_ep *ep, int status)
{
	struct usiw_cm_event ev = { .ev = USIW_CM_REPLY, .status = status };

	if (!status) {
		ev.ird = ep->ord;	/* what the ULP may have outstanding */
		ev.ord = ep->ird;
	}
	if (ep->mpa && (!status || status == -ECONNREFUSED)) {
		ev.pdata = ep->mpa->res.pd;
		ev.pdata_len = ep->mpa->res.pd_len;
	}
	up(ep, &ev);
	if (status && ep->qp)
		usiw_qp_detach(ep->qp);
}

static void up_est(struct usiw_ep *ep)
{
	struct usiw_cm_event ev = {
		.ev = USIW_CM_ESTABLISHED,
		.ird = ep->ord,
		.ord = ep->ird,
	};

	up(ep, &ev);
}

static void up_plain(struct usiw_ep *ep, enum usiw_cm_ev type)
{
	struct usiw_cm_event ev = { .ev = type };

	up(ep, &ev);
}

/* The program may do with its QP what it likes, the socket ends quietly. */
static void up_close(struct usiw_ep *ep)
{
	if (ep->qp)
		usiw_qp_detach(ep->qp);
	if (ep->rx == USIW_EP_RX_QP) {
		usiw_rx_forget(ep);
		ep->rx = USIW_EP_RX_DROP;
	}
	up_plain(ep, USIW_CM_CLOSE);
}

/**
 * usiw_ep_upcall() - carry out an action that is an upcall
 * @ep: end point
 * @act: SIW_CM_UP_*, one of them
 */
void usiw_ep_upcall(struct usiw_ep *ep, u32 act)
{
	switch (act) {
	case SIW_CM_UP_REQUEST:
		up_request(ep);
		break;
	case SIW_CM_UP_OK:
		up_reply(ep, 0);
		break;
	case SIW_CM_UP_REFUSED:
		up_reply(ep, -ECONNREFUSED);
		break;
	case SIW_CM_UP_RESET:
		up_reply(ep, -ECONNRESET);
		break;
	case SIW_CM_UP_TIMEOUT:
		up_reply(ep, -ETIMEDOUT);
		break;
	case SIW_CM_UP_PROTO:
		up_reply(ep, -EPROTO);
		break;
	case SIW_CM_UP_UNREACH:
		up_reply(ep, ep->err ? ep->err : -ECONNRESET);
		break;
	case SIW_CM_UP_EST:
		up_est(ep);
		break;
	case SIW_CM_UP_DISC:
		up_plain(ep, USIW_CM_DISCONNECT);
		break;
	case SIW_CM_UP_CLOSE:
		up_close(ep);
		break;
	}
}
