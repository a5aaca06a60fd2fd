// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What happens to a connection, and what to do about it: the table of
 * core/cmsm.c carried out. RFC 5044 section 7.1.2
 *
 * Under usiw_lock().
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "priv.h"
#include "sys.h"

/* Patience, in seconds */
#define CONNECT_S	60		/* TCP handshake */
#define REQUEST_S	30		/* TCP accept to complete Request */
#define REPLY_S		60		/* Request sent to complete Reply */
#define RTR_S		30		/* Reply sent to first FPDU */
#define LINGER_S	5		/* our FIN to the peer's */

/* --- timers ------------------------------------------------------------ */

static void arm(struct usiw_ep *ep, enum usiw_timer_class c, u32 seconds)
{
	ep->heard = false;
	ep->knocking = false;
	usiw_timer_arm(&ep->timer, c, seconds * 1000);
}

static void arm_knock(struct usiw_ep *ep)
{
	u32 ms = siw_cmsm_knock_ms(ep->knocks++);

	if (!ms)
		return;
	ep->heard = false;
	ep->knocking = true;
	usiw_timer_arm(&ep->timer, USIW_T_KNOCK, ms);
}

/*
 * The kernel's own driver, as responder, may overlook what arrives right behind
 * its Reply until something else arrives, and so do nothing for ever. Without
 * a word from the peer, send a Write of no octets, as an RTR may be: any peer
 * takes it, at any time. RFC 6581 §9.2
 */
static void knock(struct usiw_ep *ep)
{
	ep->knocking = false;
	if (ep->phase != SIW_CM_OPEN || !ep->qp || ep->heard)
		return;
	usiw_tx_knock(ep->qp);
	arm_knock(ep);
}

static void arm_setup(struct usiw_ep *ep)
{
	switch (ep->phase) {
	case SIW_CM_TCP_CONNECT:
		arm(ep, USIW_T_CONNECT, CONNECT_S);
		break;
	case SIW_CM_AWAIT_REQ:
		arm(ep, USIW_T_REQUEST, REQUEST_S);
		break;
	case SIW_CM_AWAIT_REP:
		arm(ep, USIW_T_REPLY, REPLY_S);
		break;
	default:
		arm(ep, USIW_T_RTR, RTR_S);
		break;
	}
}

/* --- actions ----------------------------------------------------------- */

static int start_qp(struct usiw_ep *ep)
{
	const struct siw_mpa_result *res = &ep->mpa->res;
	struct usiw_link link = {
		.ep = ep,
		.initiator = !ep->passive,
		.crc = res->crc,
		.markers_tx = res->markers_tx,
		.markers_rx = res->markers_rx,
		.ird = res->ird,
		.ord = res->ord,
		.rtr_tx = ep->passive ? 0 : res->rtr,
		.rtr_rx = ep->passive ? res->rtr : 0,
	};
	int rv;

	if (!ep->qp)
		return -EINVAL;
	ep->ird = res->ird;
	ep->ord = res->ord;
	rv = usiw_qp_start(ep->qp, &link);
	if (rv)
		return rv;
	ep->rx = USIW_EP_RX_QP;
	if (link.rtr_tx)
		arm_knock(ep);
	return 0;
}

static void pass_to_qp(struct usiw_ep *ep, enum siw_cm_ev ev)
{
	if (!ep->qp)
		return;
	switch (ev) {
	case SIW_CM_EV_PEER_FIN:
		usiw_qp_peer_fin(ep->qp);
		break;
	case SIW_CM_EV_PEER_RST:
		usiw_qp_event(ep->qp, SIW_QP_EV_LLP_LOST);
		break;
	case SIW_CM_EV_DISC:
		usiw_qp_event(ep->qp, SIW_QP_EV_MOD_SQD);
		break;
	default:
		usiw_qp_event(ep->qp, SIW_QP_EV_MOD_ERR);
		break;
	}
}

/* One more attempt, as a peer of the year 2007 understands it. */
static void retry_v1(struct usiw_ep *ep)
{
	ep->mpa->retried = true;
	ep->mpa->local.rev = 1;
	ep->mpa->local.p2p = false;
	ep->mpa->frame_len = 0;
	ep->reset = true;
	usiw_ep_close(ep, true);
	ep->err = usiw_ep_tcp_connect(ep);
	if (ep->err)
		usiw_ep_notify(ep, USIW_EP_LOST);
}

/**
 * usiw_ep_shut() - FIN
 * @ep: has sent what it had to
 */
void usiw_ep_shut(struct usiw_ep *ep)
{
	if (ep->fd < 0 || ep->shut)
		return;
	sys_shutdown(ep->fd, SHUT_WR);
	ep->shut = true;
	if (ep->phase == SIW_CM_LINGER)
		ep->rx = USIW_EP_RX_DROP;
}

/* Only TCP_START and QP_START can fail; no action comes before these. */
static int act_on(struct usiw_ep *ep, enum siw_cm_ev ev, u32 act)
{
	switch (act) {
	case SIW_CM_STOP_TIMER:
		usiw_timer_stop(&ep->timer);
		return 0;
	case SIW_CM_TCP_START:
		return usiw_ep_tcp_connect(ep);
	case SIW_CM_QP_START:
		return start_qp(ep);
	case SIW_CM_SEND_REQ:
	case SIW_CM_SEND_REP:
	case SIW_CM_SEND_REJ:
	case SIW_CM_SEND_TERM:
		usiw_ep_send_frame(ep, act);
		return 0;
	case SIW_CM_TO_QP:
		pass_to_qp(ep, ev);
		return 0;
	case SIW_CM_QP_LOST:
		if (ep->qp)
			usiw_qp_event(ep->qp, SIW_QP_EV_LLP_LOST);
		return 0;
	case SIW_CM_SHUT:
		usiw_ep_shut(ep);
		return 0;
	case SIW_CM_RST:
		ep->reset = true;
		if (!ep->qp)
			usiw_ep_close(ep, false);
		return 0;
	case SIW_CM_RETRY_V1:
		retry_v1(ep);
		return 0;
	case SIW_CM_ARM_SETUP:
		arm_setup(ep);
		return 0;
	case SIW_CM_ARM_LINGER:
		arm(ep, USIW_T_LINGER, LINGER_S);
		return 0;
	case SIW_CM_FAIL_CALL:
		if (ep->qp)
			usiw_qp_detach(ep->qp);
		return 0;
	case SIW_CM_PUT:
		usiw_ep_end(ep);
		return 0;
	}
	usiw_ep_upcall(ep, act);
	return 0;
}

/**
 * usiw_ep_step() - something happened to a connection
 * @ep: end point
 * @ev: what
 *
 * Return: 0; -EINVAL if that must not happen in this phase; what the front's
 * call has to return.
 */
int usiw_ep_step(struct usiw_ep *ep, enum siw_cm_ev ev)
{
	enum siw_cm_phase old = ep->phase;
	struct siw_cm_step step = siw_cmsm_step(old, ev);
	u32 left = step.act;
	int rv;

	usiw_log(2, "connection %d: %s in %s%s", ep->fd, siw_cmsm_ev_name(ev),
		 siw_cmsm_phase_name(old),
		 step.act & SIW_CM_REJECT ? ", refused" : "");
	if (step.act & SIW_CM_REJECT)
		return -EINVAL;
	ep->phase = step.next;
	if (old == SIW_CM_AWAIT_REQ && step.next != SIW_CM_REQ_UPCALLED)
		usiw_ep_forget_kid(ep);
	while (left) {
		u32 act = left & -left;

		left &= left - 1;
		rv = act_on(ep, ev, act);
		if (!rv)
			continue;
		ep->phase = old;
		if (act == SIW_CM_QP_START)
			usiw_ep_step(ep, SIW_CM_EV_LOCAL_FAIL);
		return rv;
	}
	/* The exchange is over; an upcall above was the last to look at it. */
	if (ep->phase == SIW_CM_OPEN && ep->mpa) {
		free(ep->mpa);
		ep->mpa = NULL;
	}
	usiw_ep_interest(ep);
	return step.act & SIW_CM_FAIL_CALL ? -ECONNRESET : 0;
}

/* --- the peer, the QP, the timer --------------------------------------- */

/* An end before the first octet of the Reply: maybe it was the revision. */
static enum siw_cm_ev peer_left(const struct usiw_ep *ep, enum siw_cm_ev ev)
{
	if (ep->phase == SIW_CM_AWAIT_REP && !ep->mpa->frame_len &&
	    !ep->mpa->retried && ep->mpa->local.rev > 1)
		return SIW_CM_EV_PEER_OLD;
	return ev;
}

/**
 * usiw_ep_peer_fin() - the peer's FIN is here, and all before it was read
 * @ep: end point
 */
void usiw_ep_peer_fin(struct usiw_ep *ep)
{
	if (ep->fin_seen)
		return;
	ep->fin_seen = true;
	usiw_ep_step(ep, peer_left(ep, SIW_CM_EV_PEER_FIN));
}

/**
 * usiw_ep_peer_lost() - RST, or another end of TCP
 * @ep: end point
 */
void usiw_ep_peer_lost(struct usiw_ep *ep)
{
	if (ep->rst_seen || ep->fd < 0)
		return;
	ep->rst_seen = true;
	usiw_ep_step(ep, peer_left(ep, SIW_CM_EV_PEER_RST));
}

static bool qp_is_done(const struct usiw_ep *ep)
{
	return ep->qp && ep->qp->state == SIW_QP_ERROR;
}

/*
 * Our FIN is out, or will be. All that is left to do is to wait for the peer's,
 * which may have been here before.
 */
static void qp_lingers(struct usiw_ep *ep)
{
	usiw_ep_step(ep, SIW_CM_EV_QP_LINGER);
	ep->lingers = true;
	if (ep->fin_seen)
		usiw_ep_step(ep, SIW_CM_EV_PEER_FIN);
	else if (ep->rst_seen)
		usiw_ep_step(ep, SIW_CM_EV_PEER_RST);
}

/* The QP has nothing left to do with the socket. */
static void try_fade(struct usiw_ep *ep)
{
	if (ep->phase == SIW_CM_CLOSING && ep->lingers && ep->shut &&
	    qp_is_done(ep))
		usiw_ep_step(ep, SIW_CM_EV_QP_FADE);
}

static void qp_goes_down(struct usiw_ep *ep)
{
	usiw_ep_step(ep, SIW_CM_EV_QP_DISC);
	/* A peer that does not read must not keep our Terminate for ever. */
	if (ep->qp && ep->qp->state == SIW_QP_TERMINATE)
		arm(ep, USIW_T_LINGER, LINGER_S);
}

/* Sending failed, or the second attempt to connect. */
static void lost(struct usiw_ep *ep)
{
	if (ep->phase == SIW_CM_TCP_CONNECT)
		usiw_ep_step(ep, SIW_CM_EV_TCP_FAIL);
	else
		usiw_ep_peer_lost(ep);
}

static void handle(struct usiw_ep *ep, u32 bits)
{
	if (bits & 1u << USIW_EP_ABORT)
		ep->reset = true;
	if (bits & 1u << USIW_EP_GATE)
		usiw_ep_step(ep, SIW_CM_EV_GATE_OPEN);
	if (bits & 1u << USIW_EP_QP_DISC)
		qp_goes_down(ep);
	if (bits & 1u << USIW_EP_SHUT)
		usiw_ep_shut(ep);
	if (bits & 1u << USIW_EP_QP_LINGER)
		qp_lingers(ep);
	if (bits & 1u << USIW_EP_QP_CLOSED)
		usiw_ep_step(ep, SIW_CM_EV_QP_CLOSED);
	else
		try_fade(ep);
	if (bits & 1u << USIW_EP_LOST)
		lost(ep);
}

/* Work off what was notified. */
void usiw_ep_work(struct usiw_work *w)
{
	struct usiw_ep *ep = usiw_entry(w, struct usiw_ep, work);
	u32 bits;

	while ((bits = ep->bits)) {
		ep->bits = 0;
		handle(ep, bits);
	}
}

/**
 * usiw_ep_notify() - tell a connection what its data path has seen
 * @ep: end point
 * @bit: what
 */
void usiw_ep_notify(struct usiw_ep *ep, enum usiw_ep_bit bit)
{
	ep->bits |= 1u << bit;
	usiw_work_add(&ep->work);
}

/* After our FIN the peer may have much to say before it closes as well. */
static bool still_receives(const struct usiw_ep *ep)
{
	return ep->phase == SIW_CM_CLOSING && ep->qp &&
	       ep->qp->state == SIW_QP_FIN_SENT && ep->heard;
}

void usiw_ep_timeout(struct usiw_timer *t)
{
	struct usiw_ep *ep = usiw_entry(t, struct usiw_ep, timer);

	if (ep->knocking) {
		knock(ep);
	} else if (ep->phase == SIW_CM_LISTEN) {
		ep->paused = false;
		usiw_ep_interest(ep);
	} else if (still_receives(ep)) {
		arm(ep, USIW_T_LINGER, LINGER_S);
	} else {
		usiw_ep_step(ep, SIW_CM_EV_TIMER);
	}
}

static bool is_connecting(const struct usiw_ep *ep)
{
	return ep->phase == SIW_CM_TCP_CONNECT ||
	       ep->phase == SIW_CM_AWAIT_REP;
}

/**
 * usiw_ep_qp_dying() - the QP is going to be freed
 * @ep: its connection; the QP is in error, or was never connected
 *
 * What TCP still has to be given is kept here, so the QP need not wait.
 */
void usiw_ep_qp_dying(struct usiw_ep *ep)
{
	bool cannot = false;

	usiw_ep_work(&ep->work);
	if (is_connecting(ep))
		usiw_ep_step(ep, SIW_CM_EV_ABORT);
	if (!ep->qp)
		return;
	if (!ep->shut)
		ep->rest_len = usiw_tx_rest(ep->qp, &ep->rest, &cannot);
	ep->rest_sent = 0;
	if (cannot || ep->phase != SIW_CM_CLOSING) {
		ep->reset = true;
		usiw_ep_step(ep, SIW_CM_EV_QP_CLOSED);
		return;
	}
	usiw_ep_step(ep, SIW_CM_EV_QP_FADE);
	ep->rx = USIW_EP_RX_DROP;
	usiw_ep_flush_rest(ep);
	usiw_ep_interest(ep);
}

/* --- calls of the front ------------------------------------------------ */

static int prepare_request(struct usiw_ep *ep, struct usiw_qp *qp,
			   const struct usiw_conn_param *param)
{
	struct usiw_mpa *m;

	if (param->pdata_len > siw_mpa_pd_max(usiw_config.mpa_rev > 1))
		return -EINVAL;
	if (usiw_ep_mpa(ep))
		return -ENOMEM;
	m = ep->mpa;
	memset(m, 0, sizeof(*m));
	usiw_ep_policy(&m->local, param);
	m->local.p2p = usiw_config.peer_to_peer;
	if (param->pdata_len)
		memcpy(m->pd, param->pdata, param->pdata_len);
	m->local.pd = m->pd;
	return usiw_qp_prepare(qp, ep);
}

int usiw_ep_connect(struct usiw_ep *ep, struct usiw_qp *qp,
		    const struct sockaddr_storage *local,
		    const struct sockaddr_storage *remote,
		    const struct usiw_conn_param *param)
{
	int rv;

	if (ep->phase != SIW_CM_IDLE || ep->dead)
		return -EINVAL;
	rv = prepare_request(ep, qp, param);
	if (rv)
		return rv;
	ep->remote = *remote;
	if (ep->fd < 0 && local)
		ep->local = *local;
	rv = usiw_ep_step(ep, SIW_CM_EV_CONNECT);
	if (rv)
		usiw_qp_detach(qp);
	usiw_work_run();
	return rv;
}

static int accept_request(struct usiw_ep *ep, struct usiw_qp *qp,
			  const struct usiw_conn_param *param)
{
	struct usiw_mpa *m = ep->mpa;
	int rv = -EINVAL;

	usiw_ep_policy(&m->local, param);
	if (param->pdata_len <= siw_mpa_pd_max(m->peer.enhanced))
		rv = usiw_qp_prepare(qp, ep);
	if (rv) {
		usiw_ep_step(ep, SIW_CM_EV_LOCAL_FAIL);
		return rv;
	}
	/* Octets behind the Request are found at the latest here. */
	if (ep->phase == SIW_CM_REQ_UPCALLED &&
	    siw_mpa_tail(&m->local, SIW_MPA_RESPONDER, usiw_ep_tail(ep)))
		usiw_ep_step(ep, SIW_CM_EV_FRAME_BAD);
	siw_mpa_negotiate_reply(&m->res, &m->ours, &m->local, &m->peer);
	switch (m->res.act) {
	case SIW_MPA_GO:
		return usiw_ep_step(ep, m->ours.p2p ? SIW_CM_EV_ACCEPT_P2P :
						      SIW_CM_EV_ACCEPT);
	case SIW_MPA_REJECT:
		return usiw_ep_step(ep, SIW_CM_EV_FRAME_REFUSE);
	default:
		return usiw_ep_step(ep, SIW_CM_EV_LOCAL_FAIL);
	}
}

int usiw_ep_accept(struct usiw_ep *ep, struct usiw_qp *qp,
		   const struct usiw_conn_param *param)
{
	int rv;

	if (ep->phase != SIW_CM_REQ_UPCALLED && ep->phase != SIW_CM_REQ_LOST)
		return ep->dead ? -EIO : -ECONNRESET;
	rv = accept_request(ep, qp, param);
	if (ep->mpa) {
		ep->mpa->local.pd = NULL;
		ep->mpa->local.pd_len = 0;
	}
	usiw_work_run();
	return rv;
}

int usiw_ep_reject(struct usiw_ep *ep, const void *pdata, u32 len)
{
	if (ep->phase != SIW_CM_REQ_UPCALLED && ep->phase != SIW_CM_REQ_LOST)
		return ep->dead ? -EIO : -ECONNRESET;
	if (len > siw_mpa_pd_max(ep->mpa->peer.enhanced))
		return -EINVAL;
	usiw_ep_refuse(ep, pdata, len);
	usiw_work_run();
	return 0;
}

int usiw_ep_disconnect(struct usiw_ep *ep)
{
	int rv;

	if (ep->phase == SIW_CM_REQ_UPCALLED || ep->phase == SIW_CM_REQ_LOST)
		return usiw_ep_reject(ep, NULL, 0);
	rv = usiw_ep_step(ep, SIW_CM_EV_DISC);
	usiw_work_run();
	return rv;
}
