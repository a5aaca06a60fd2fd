// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What happens to a connection, and what to do about it: the table of
 * core/cmsm.c carried out. RFC 5044 section 7.1.2, RFC 6581 section 9
 *
 * Everything here runs with cep->lock held, in process context.
 */
#include <linux/sched/mm.h>
#include <linux/tcp.h>
#include <net/sock.h>

#include "cm.h"
#include "debug.h"
#include "trace.h"

/* -- actions ------------------------------------------------------------------- */

static unsigned int phase_patience(const struct siw_cep *cep)
{
	switch (cep->phase) {
	case SIW_CM_TCP_CONNECT:
		return SIW_CM_CONNECT_S;
	case SIW_CM_AWAIT_REQ:
		return SIW_CM_REQUEST_S;
	case SIW_CM_AWAIT_REP:
		return SIW_CM_REPLY_S;
	default:
		return SIW_CM_RTR_S;
	}
}

/*
 * A program that is killed while it connects sleeps until we are through. The
 * kernel finds more than two minutes of that suspicious.
 */
static unsigned int setup_patience(const struct siw_cep *cep)
{
	unsigned int s = phase_patience(cep);
	unsigned int past = (jiffies - cep->born) / HZ;

	if (cep->passive || past + s <= SIW_CM_ACTIVE_S)
		return s;
	return past < SIW_CM_ACTIVE_S ? SIW_CM_ACTIVE_S - past : 1;
}

static int send_request(struct siw_cep *cep)
{
	siw_mpa_request(&cep->ours, &cep->local);
	return siw_cep_send(cep, &cep->ours);
}

static void arm_knock(struct siw_cep *cep)
{
	u32 ms = siw_cmsm_knock_ms(cep->knocks++);

	if (!ms)
		return;
	siw_cep_arm_ms(cep, ms);
	cep->knocking = true;
}

static int start_qp(struct siw_cep *cep)
{
	struct siw_link link = {
		.sock = cep->sock,
		.cep = cep,
		.initiator = !cep->passive,
		.crc = cep->res.crc,
		.markers_tx = cep->res.markers_tx,
		.markers_rx = cep->res.markers_rx,
		.cut_through = cep->policy.cut_through,
		.fpdu_max = cep->policy.fpdu_max,
		.fpdu_segments = cep->policy.fpdu_segments,
		.ird = cep->res.ird,
		.ord = cep->res.ord,
		.rtr_tx = cep->passive ? 0 : cep->res.rtr,
		.rtr_rx = cep->passive ? cep->res.rtr : 0,
	};
	int rv;

	cep->sock->sk->sk_allocation = GFP_ATOMIC;
	rv = siw_qp_start(cep->qp, &link);
	if (rv)
		return rv;
	siw_cep_set_rx(cep, SIW_CEP_RX_QP);
	if (link.rtr_tx)
		arm_knock(cep);
	return 0;
}

/*
 * The kernel's own driver, as responder, may overlook what arrives right behind
 * its Reply until something else arrives, and so do nothing for ever. Without
 * a word from the peer, send a Write of no octets, as an RTR may be: any peer
 * takes it, at any time. RFC 6581 §9.2
 */
static void knock(struct siw_cep *cep)
{
	cep->knocking = false;
	if (cep->phase != SIW_CM_OPEN || !cep->qp ||
	    tcp_sk(cep->sock->sk)->bytes_received != cep->bytes)
		return;
	siw_sq_knock(cep->qp);
	arm_knock(cep);
}

static void pass_to_qp(struct siw_cep *cep, enum siw_cm_ev ev)
{
	if (!cep->qp)
		return;
	switch (ev) {
	case SIW_CM_EV_PEER_FIN:
		siw_qp_peer_fin(cep->qp);
		break;
	case SIW_CM_EV_PEER_RST:
		siw_qp_event(cep->qp, SIW_QP_EV_LLP_LOST);
		break;
	case SIW_CM_EV_DISC:
		siw_qp_event(cep->qp, SIW_QP_EV_MOD_SQD);
		break;
	default:
		siw_qp_event(cep->qp, SIW_QP_EV_MOD_ERR);
		break;
	}
}

/* One more attempt, as a peer of the year 2007 understands it. */
static void retry_v1(struct siw_cep *cep)
{
	cep->retried = true;
	cep->local.rev = 1;
	cep->local.p2p = false;
	cep->frame_len = 0;
	cep->reset = true;
	siw_cep_close(cep, true);
	cep->err = siw_cep_connect(cep);
	if (cep->err)
		siw_cep_post(cep, SIW_CE_LOST);
}

/* Without a QP the socket can go at once, with one siw_cep_end() has to. */
static void reset(struct siw_cep *cep)
{
	cep->reset = true;
	if (!cep->qp)
		siw_cep_close(cep, false);
}

static void shut(struct siw_cep *cep)
{
	if (!cep->sock)
		return;
	kernel_sock_shutdown(cep->sock, SHUT_WR);
	cep->shut = true;
	if (cep->phase == SIW_CM_LINGER)
		siw_cep_set_rx(cep, SIW_CEP_RX_DROP);
}

static int do_send(struct siw_cep *cep, u32 act)
{
	int rv;

	switch (act) {
	case SIW_CM_SEND_REQ:
		rv = send_request(cep);
		break;
	case SIW_CM_SEND_TERM:
		rv = siw_cep_send_term(cep);
		break;
	default:
		rv = siw_cep_send(cep, &cep->ours);
		break;
	}
	/* The actions that remain have to be carried out all the same. */
	if (rv)
		siw_cep_post(cep, SIW_CE_LOST);
	return 0;
}

/* Only TCP_START and QP_START can fail; no action comes before these. */
static int act_on(struct siw_cep *cep, enum siw_cm_ev ev, u32 act)
{
	switch (act) {
	case SIW_CM_STOP_TIMER:
		siw_cep_disarm(cep);
		return 0;
	case SIW_CM_TCP_START:
		return siw_cep_connect(cep);
	case SIW_CM_QP_START:
		return start_qp(cep);
	case SIW_CM_SEND_REQ:
	case SIW_CM_SEND_REP:
	case SIW_CM_SEND_REJ:
	case SIW_CM_SEND_TERM:
		return do_send(cep, act);
	case SIW_CM_TO_QP:
		pass_to_qp(cep, ev);
		return 0;
	case SIW_CM_QP_LOST:
		if (cep->qp)
			siw_qp_event(cep->qp, SIW_QP_EV_LLP_LOST);
		return 0;
	case SIW_CM_SHUT:
		shut(cep);
		return 0;
	case SIW_CM_RST:
		reset(cep);
		return 0;
	case SIW_CM_RETRY_V1:
		retry_v1(cep);
		return 0;
	case SIW_CM_ARM_SETUP:
		siw_cep_arm(cep, setup_patience(cep));
		return 0;
	case SIW_CM_ARM_LINGER:
		siw_cep_arm(cep, SIW_CM_LINGER_S);
		return 0;
	case SIW_CM_FAIL_CALL:
		siw_cep_release_ulp(cep);	/* siw_cep_step() returns it */
		return 0;
	case SIW_CM_PUT:
		siw_cep_end(cep);
		return 0;
	}
	siw_cep_upcall(cep, act);
	return 0;
}

/**
 * siw_cep_step() - something happened to a connection
 * @cep: CEP, referenced by the caller
 * @ev: what
 *
 * Context: process, sleeps. cep->lock.
 * Return: 0; -EINVAL if that must not happen in this phase; what the ULP's call
 * has to return.
 */
int siw_cep_step(struct siw_cep *cep, enum siw_cm_ev ev)
{
	enum siw_cm_phase old = cep->phase;
	struct siw_cm_step step = siw_cmsm_step(old, ev);
	u32 left = step.act;
	int rv;

	lockdep_assert_held(&cep->lock);
	siw_dbg(cep->sdev, DBG_CM, "CEP %llu: %s in %s%s\n", cep->no,
		siw_cmsm_ev_name(ev), siw_cmsm_phase_name(old),
		step.act & SIW_CM_REJECT ? ", refused" : "");
	trace_siw_cm(cep, ev, old, &step);
	if (step.act & SIW_CM_REJECT)
		return -EINVAL;
	cep->phase = step.next;
	if (old == SIW_CM_AWAIT_REQ && step.next != SIW_CM_REQ_UPCALLED)
		siw_port_forget(cep);
	while (left) {
		u32 act = left & -left;

		left &= left - 1;
		rv = act_on(cep, ev, act);
		if (!rv)
			continue;
		cep->phase = old;
		if (act == SIW_CM_QP_START)
			siw_cep_step(cep, SIW_CM_EV_LOCAL_FAIL);
		return rv;
	}
	return step.act & SIW_CM_FAIL_CALL ? -ECONNRESET : 0;
}

/* -- frames ---------------------------------------------------------------------- */

static void bad_frame(struct siw_cep *cep, enum siw_mpa_why why)
{
	ibdev_warn_ratelimited(&cep->sdev->base, "MPA set-up failed: %s\n",
			       siw_mpa_why_name(why));
	siw_cep_step(cep, SIW_CM_EV_FRAME_BAD);
}

/* The peer's user gets to know, too: the reason is the private data. */
static void refuse(struct siw_cep *cep, enum siw_mpa_why why)
{
	const char *text = siw_mpa_why_name(why);

	ibdev_warn_ratelimited(&cep->sdev->base, "MPA Request refused: %s\n",
			       text);
	siw_count(cep->sdev, SIW_CNT_REJECTS);
	cep->local.pd = (const u8 *)text;
	cep->local.pd_len = strlen(text);
	siw_mpa_reject(&cep->ours, &cep->local, &cep->peer);
	siw_cep_step(cep, SIW_CM_EV_FRAME_REFUSE);
}

static void got_request(struct siw_cep *cep, enum siw_mpa_why why)
{
	struct siw_mpa_local *l = &cep->local;

	l->rev = cep->policy.mpa_rev;
	l->crc_required = cep->policy.crc_required;
	l->crc_strict = cep->policy.crc_strict;
	l->markers_wanted = cep->policy.markers_wanted;
	l->rtr = cep->policy.rtr_mask;
	l->max_ird = SIW_MAX_RDQ;
	l->max_ord = SIW_MAX_RDQ;
	if (!why)
		why = siw_mpa_tail(l, SIW_MPA_RESPONDER, siw_cep_tail(cep));
	if (why) {
		bad_frame(cep, why);
		return;
	}
	why = siw_mpa_acceptable(l, &cep->peer);
	if (!why)
		siw_cep_step(cep, SIW_CM_EV_FRAME_OK);
	else if (why == SIW_MPA_BAD_REV)
		bad_frame(cep, why);
	else
		refuse(cep, why);
}

static void got_reply(struct siw_cep *cep, enum siw_mpa_why why)
{
	if (!why)
		why = siw_mpa_tail(&cep->local, SIW_MPA_INITIATOR,
				   siw_cep_tail(cep));
	if (why) {
		bad_frame(cep, why);
		return;
	}
	siw_mpa_negotiate_done(&cep->res, &cep->local, &cep->ours, &cep->peer);
	switch (cep->res.act) {
	case SIW_MPA_GO:
		siw_cep_step(cep, SIW_CM_EV_FRAME_OK);
		return;
	case SIW_MPA_REFUSED:
		siw_count(cep->sdev, SIW_CNT_REJECTS);
		siw_cep_step(cep, SIW_CM_EV_REPLY_REFUSED);
		return;
	case SIW_MPA_TERM:
		ibdev_warn_ratelimited(&cep->sdev->base,
				       "MPA Reply not acceptable: %s\n",
				       siw_mpa_why_name(cep->res.why));
		siw_cep_step(cep, SIW_CM_EV_REPLY_TERM);
		return;
	default:
		bad_frame(cep, cep->res.why);
	}
}

static bool awaits_frame(const struct siw_cep *cep)
{
	return cep->sock && (cep->phase == SIW_CM_AWAIT_REQ ||
			     cep->phase == SIW_CM_AWAIT_REP);
}

static void read_frame(struct siw_cep *cep)
{
	enum siw_mpa_why why;

	/* What goes wrong here, the socket's state will tell. */
	if (!awaits_frame(cep) || siw_cep_recv(cep) <= 0)
		return;
	if (cep->passive) {
		why = siw_mpa_parse(&cep->peer, SIW_MPA_RESPONDER, cep->frame,
				    cep->frame_len, SIW_CM_PD_ROOM);
		trace_siw_mpa_recv(cep, &cep->peer);
		got_request(cep, why);
	} else {
		why = siw_mpa_parse(&cep->peer, SIW_MPA_INITIATOR, cep->frame,
				    cep->frame_len, SIW_CM_PD_ROOM);
		trace_siw_mpa_recv(cep, &cep->peer);
		got_reply(cep, why);
	}
}

/* -- the socket ------------------------------------------------------------------- */

/* Return: false: not connected yet, or never. */
static bool check_connect(struct siw_cep *cep)
{
	struct sock *sk = cep->sock->sk;
	int state = READ_ONCE(sk->sk_state);

	if (state == TCP_SYN_SENT || state == TCP_SYN_RECV)
		return false;
	if (state != TCP_CLOSE) {
		siw_cep_step(cep, SIW_CM_EV_TCP_UP);
		return true;
	}
	cep->err = sock_error(sk);
	if (cep->err == -ETIMEDOUT)
		siw_count(cep->sdev, SIW_CNT_CONNECT_TIMEOUTS);
	siw_cep_step(cep, SIW_CM_EV_TCP_FAIL);
	return false;
}

/* An end before the first octet of the Reply: maybe it was the revision. */
static enum siw_cm_ev peer_left(const struct siw_cep *cep, enum siw_cm_ev ev)
{
	if (cep->phase == SIW_CM_AWAIT_REP && !cep->frame_len &&
	    !cep->retried && cep->local.rev > 1)
		return SIW_CM_EV_PEER_OLD;
	return ev;
}

/*
 * TCP marks a socket done when the FIN of its peer has come. One that is closed
 * without that, or with an error, has been reset or has timed out.
 */
static void check_socket(struct siw_cep *cep)
{
	struct sock *sk;

	if (cep->phase == SIW_CM_TCP_CONNECT &&
	    (!cep->sock || !check_connect(cep)))
		return;
	read_frame(cep);
	if (cep->sock && !cep->fin_seen &&
	    sock_flag(cep->sock->sk, SOCK_DONE)) {
		cep->fin_seen = true;
		siw_cep_step(cep, peer_left(cep, SIW_CM_EV_PEER_FIN));
	}
	if (!cep->sock || cep->rst_seen)
		return;
	sk = cep->sock->sk;
	if (READ_ONCE(sk->sk_state) != TCP_CLOSE ||
	    cep->phase == SIW_CM_TCP_CONNECT)
		return;
	if (sock_flag(sk, SOCK_DONE) && !READ_ONCE(sk->sk_err))
		return;
	cep->rst_seen = true;
	siw_cep_step(cep, peer_left(cep, SIW_CM_EV_PEER_RST));
}

/* -- the QP -------------------------------------------------------------------------- */

static bool qp_is_done(const struct siw_cep *cep)
{
	return cep->qp && READ_ONCE(cep->qp->state) == SIW_QP_ERROR;
}

/*
 * Our FIN is out, or will be. All that is left to do is to wait for the peer's,
 * which may have been here before.
 */
static void qp_lingers(struct siw_cep *cep)
{
	siw_cep_step(cep, SIW_CM_EV_QP_LINGER);
	cep->lingers = true;
	if (cep->sock && qp_is_done(cep))
		siw_cep_set_rx(cep, SIW_CEP_RX_DROP);
	if (cep->fin_seen)
		siw_cep_step(cep, SIW_CM_EV_PEER_FIN);
	else if (cep->rst_seen)
		siw_cep_step(cep, SIW_CM_EV_PEER_RST);
}

/* The QP has nothing left to do with the socket: say so, somebody may wait. */
static void try_fade(struct siw_cep *cep)
{
	if (cep->phase == SIW_CM_CLOSING && cep->lingers && cep->shut &&
	    qp_is_done(cep))
		siw_cep_step(cep, SIW_CM_EV_QP_FADE);
}

static void qp_goes_down(struct siw_cep *cep)
{
	siw_cep_step(cep, SIW_CM_EV_QP_DISC);
	/* A peer that does not read must not keep our Terminate for ever. */
	if (cep->qp && READ_ONCE(cep->qp->state) == SIW_QP_TERMINATE)
		siw_cep_arm(cep, SIW_CM_LINGER_S);
}

/* -- the work ------------------------------------------------------------------------ */

/* After our FIN the peer may have much to say before it closes as well. */
static bool still_receives(const struct siw_cep *cep)
{
	return cep->phase == SIW_CM_CLOSING && cep->sock && cep->qp &&
	       READ_ONCE(cep->qp->state) == SIW_QP_FIN_SENT &&
	       tcp_sk(cep->sock->sk)->bytes_received != cep->bytes;
}

static void timer_event(struct siw_cep *cep)
{
	if (!cep->timed || time_before(jiffies, cep->deadline))
		return;
	if (cep->knocking) {
		cep->timed = false;
		knock(cep);
		return;
	}
	if (still_receives(cep)) {
		siw_cep_arm(cep, SIW_CM_LINGER_S);
		return;
	}
	cep->timed = false;
	if (cep->phase < SIW_CM_OPEN && !cep->unheard && !cep->orphan)
		siw_count(cep->sdev, SIW_CNT_CONNECT_TIMEOUTS);
	if (cep->unheard)
		siw_cep_ask_again(cep, false);
	else if (cep->orphan && siw_cep_reclaim(cep))
		siw_cep_refuse(cep);
	else
		siw_cep_step(cep, SIW_CM_EV_TIMER);
}

static bool awaits_ulp(const struct siw_cep *cep)
{
	return cep->phase == SIW_CM_REQ_UPCALLED ||
	       cep->phase == SIW_CM_REQ_LOST;
}

/* iw_cm may have dropped the request without a word, or may not. */
static void orphaned(struct siw_cep *cep)
{
	if (cep->phase == SIW_CM_AWAIT_REQ)
		siw_cep_step(cep, SIW_CM_EV_DESTROY);
	if (!awaits_ulp(cep))
		return;
	if (cep->unheard) {
		siw_cep_ask_again(cep, true);
		return;
	}
	cep->orphan = true;
	siw_cep_arm(cep, SIW_CM_ORPHAN_S);
}

static void device_gone(struct siw_cep *cep)
{
	siw_cep_step(cep, SIW_CM_EV_GOING);
	if (awaits_ulp(cep) && siw_cep_reclaim(cep))
		siw_cep_step(cep, SIW_CM_EV_DESTROY);
}

static bool is_connecting(const struct siw_cep *cep)
{
	return cep->phase == SIW_CM_TCP_CONNECT ||
	       cep->phase == SIW_CM_AWAIT_REP;
}

static void qp_events(struct siw_cep *cep, unsigned long ev)
{
	if (ev & BIT(SIW_CE_ABORT))
		cep->reset = true;
	if (ev & BIT(SIW_CE_GATE))
		siw_cep_step(cep, SIW_CM_EV_GATE_OPEN);
	if (ev & BIT(SIW_CE_QP_DISC))
		qp_goes_down(cep);
	if (ev & BIT(SIW_CE_SHUT))
		shut(cep);
	if (ev & BIT(SIW_CE_QP_LINGER))
		qp_lingers(cep);
	if (ev & BIT(SIW_CE_QP_CLOSED))
		siw_cep_step(cep, SIW_CM_EV_QP_CLOSED);
	else
		try_fade(cep);
	if (ev & BIT(SIW_CE_QP_DYING) && is_connecting(cep))
		siw_cep_step(cep, SIW_CM_EV_ABORT);
}

static void handle(struct siw_cep *cep, unsigned long ev)
{
	qp_events(cep, ev);
	if (ev & BIT(SIW_CE_DATA))
		read_frame(cep);
	if (ev & BIT(SIW_CE_STATE))
		check_socket(cep);
	if (ev & BIT(SIW_CE_LOST) && cep->sock && !cep->rst_seen)
		siw_cep_step(cep, SIW_CM_EV_PEER_RST);
	else if (ev & BIT(SIW_CE_LOST) && cep->phase == SIW_CM_TCP_CONNECT)
		siw_cep_step(cep, SIW_CM_EV_TCP_FAIL);
	if (ev & BIT(SIW_CE_CROWDED) && cep->unheard)
		siw_cep_ask_again(cep, true);
	else if (ev & BIT(SIW_CE_CROWDED) && cep->phase == SIW_CM_AWAIT_REQ)
		siw_cep_step(cep, SIW_CM_EV_TIMER);
	if (ev & BIT(SIW_CE_TIMER))
		timer_event(cep);
	if (ev & BIT(SIW_CE_ORPHAN))
		orphaned(cep);
	if (ev & BIT(SIW_CE_GOING))
		siw_cep_step(cep, SIW_CM_EV_GOING);
	if (ev & BIT(SIW_CE_GONE))
		device_gone(cep);
}

/**
 * siw_cep_work() - work off what was notified
 * @work: of the CEP
 *
 * Memory must not be waited for that is going to be written out to a disk which
 * is waiting for this connection.
 *
 * Context: process, sleeps.
 */
void siw_cep_work(struct work_struct *work)
{
	struct siw_cep *cep = container_of(work, struct siw_cep, work);
	unsigned int flags = memalloc_noio_save();
	unsigned long ev;

	mutex_lock(&cep->lock);
	while ((ev = xchg(&cep->events, 0)))
		handle(cep, ev);
	mutex_unlock(&cep->lock);
	memalloc_noio_restore(flags);
	siw_cep_put(cep);
}
