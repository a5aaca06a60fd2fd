// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Queue pairs: their life, their state, their connection.
 *
 * The core's table (core/qpsm.h) says what an event does. The state changes
 * under qp->lock together with the marks that sender and receiver look at;
 * what may call back or has to wait is done after the lock is released.
 */
#include <linux/log2.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "siw.h"
#include "debug.h"
#include "ring.h"
#include "trace.h"

/* A window below this could stop an FPDU of the largest size half way. */
#define RCVBUF_MIN	(256 << 10)
#define WR_MIN		16
#define QPN_LIMIT	XA_LIMIT(2, SIW_MAX_QP + 1)	/* 0 and 1: special */

/* --- references --------------------------------------------------------- */

/**
 * siw_qp_find() - look a QP up by number
 * @sdev: device
 * @qpn: QP number
 *
 * Context: process.
 * Return: the QP with a reference, or NULL.
 */
struct siw_qp *siw_qp_find(struct siw_device *sdev, u32 qpn)
{
	struct siw_qp *qp;

	/* A QP leaves the table before its first reference is given up. */
	xa_lock(&sdev->qps);
	qp = xa_load(&sdev->qps, qpn);
	if (qp && !kref_get_unless_zero(&qp->ref))
		qp = NULL;
	xa_unlock(&sdev->qps);
	return qp;
}

/**
 * siw_qp_get() - take a reference
 * @qp: QP, alive
 *
 * Context: any.
 */
void siw_qp_get(struct siw_qp *qp)
{
	kref_get(&qp->ref);
}

static void last_put(struct kref *ref)
{
	complete(&container_of(ref, struct siw_qp, ref)->free);
}

/**
 * siw_qp_put() - give a reference back
 * @qp: QP; may be gone afterwards
 *
 * Context: any.
 */
void siw_qp_put(struct siw_qp *qp)
{
	kref_put(&qp->ref, last_put);
}

/* --- life --------------------------------------------------------------- */

/**
 * siw_qp_init() - all that a QP needs besides its rings; its number is chosen
 * @qp: zeroed but for what create_qp set
 *
 * Context: process.
 * Return: 0 or -errno.
 */
int siw_qp_init(struct siw_qp *qp)
{
	int rv;

	qp->num_wr = roundup_pow_of_two(max_t(u32, qp->num_sqe, WR_MIN));
	qp->wr = kvcalloc(qp->num_wr, sizeof(*qp->wr), GFP_KERNEL);
	if (!qp->wr)
		return -ENOMEM;
	kref_init(&qp->ref);
	init_completion(&qp->free);
	spin_lock_init(&qp->lock);
	spin_lock_init(&qp->sq_lock);
	spin_lock_init(&qp->rq_lock);
	INIT_WORK(&qp->tx_work, siw_sq_work);
	INIT_DELAYED_WORK(&qp->flush_work, siw_qp_flush_work);
	atomic_set(&qp->tx_state, SIW_TX_IDLE);
	qp->state = SIW_QP_RESET;
	rv = xa_alloc(&qp->sdev->qps, &qp->base.qp_num, qp, QPN_LIMIT,
		      GFP_KERNEL);
	if (rv)
		kvfree(qp->wr);
	return rv;
}

/**
 * siw_qp_fini() - end of a QP
 * @qp: from siw_qp_init()
 *
 * Waits until its connection has let go of it.
 *
 * Context: process, sleeps.
 */
void siw_qp_fini(struct siw_qp *qp)
{
	unsigned long flags;

	xa_erase(&qp->sdev->qps, qp->base.qp_num);
	siw_qp_event(qp, SIW_QP_EV_MOD_ERR);
	spin_lock_irqsave(&qp->lock, flags);
	qp->dying = true;
	if (qp->cep)
		siw_cep_notify(qp->cep, SIW_CE_QP_DYING);
	spin_unlock_irqrestore(&qp->lock, flags);
	/* It uses the QP without a reference. */
	cancel_delayed_work_sync(&qp->flush_work);
	siw_qp_put(qp);
	wait_for_completion(&qp->free);
	siw_qp_drop_rqe(qp, SIW_WC_WR_FLUSH_ERR);
	kvfree(qp->wr);
	kfree(qp->orq);
	kfree(qp->irq);
	siw_zcopy_fini(qp);
}

/* --- events ------------------------------------------------------------- */

static void async_event(struct siw_qp *qp, enum ib_event_type type)
{
	struct ib_event ev = {
		.device = qp->base.device,
		.element.qp = &qp->base,
		.event = type,
	};

	if (qp->base.event_handler)
		qp->base.event_handler(&ev, qp->base.qp_context);
}

static void async_events(struct siw_qp *qp, u32 act)
{
	if (act & SIW_QP_EV_SQ_DRAINED && READ_ONCE(qp->tell_drained))
		async_event(qp, IB_EVENT_SQ_DRAINED);
	if (act & SIW_QP_EV_FATAL)
		async_event(qp, IB_EVENT_QP_FATAL);
	if (act & SIW_QP_EV_REQ_ERR)
		async_event(qp, IB_EVENT_QP_REQ_ERR);
	if (act & SIW_QP_EV_ACCESS_ERR)
		async_event(qp, IB_EVENT_QP_ACCESS_ERR);
}

static void tell_cm(struct siw_cep *cep, u32 act)
{
	if (act & SIW_QP_ABORT)
		siw_cep_notify(cep, SIW_CE_ABORT);
	if (act & SIW_QP_CM_DISC)
		siw_cep_notify(cep, SIW_CE_QP_DISC);
	if (act & SIW_QP_CM_LINGER)
		siw_cep_notify(cep, SIW_CE_QP_LINGER);
	if (act & SIW_QP_CM_CLOSE)
		siw_cep_notify(cep, SIW_CE_QP_CLOSED);
}

/* Back to RESET: forget what was posted. There is no connection. */
static void discard(struct siw_qp *qp)
{
	struct siw_sqe sqe;
	struct siw_rqe rqe;

	lockdep_assert_held(&qp->lock);
	while (siw_sqe_fetch(qp->sq, qp->num_sqe, &qp->sq_get, &sqe))
		;
	qp->wr_get = qp->wr_put;
	qp->flush_sq = false;
	qp->stop_tx = false;
	qp->shut_wr = false;
	qp->drain = false;
	qp->term_pending = false;
	qp->rx_stopped = false;
	qp->last_wqe_told = false;
	qp->flush_gap = 0;
	if (qp->srq)
		return;
	while (siw_rq_pop(qp, &rqe))
		;
}

/* The actions that are marks for sender and receiver */
static void set_marks(struct siw_qp *qp, u32 act)
{
	lockdep_assert_held(&qp->lock);
	if (act & SIW_QP_DISCARD)
		discard(qp);
	if (act & SIW_QP_START)
		WRITE_ONCE(qp->started, true);
	if (act & SIW_QP_STOP_RX)
		WRITE_ONCE(qp->rx_stopped, true);
	if (act & SIW_QP_STOP_TX)
		WRITE_ONCE(qp->stop_tx, true);
	if (act & SIW_QP_DRAIN)
		WRITE_ONCE(qp->drain, true);
	if (act & SIW_QP_SEND_TERM)
		WRITE_ONCE(qp->term_pending, true);
	if (act & SIW_QP_SHUT_WR)
		WRITE_ONCE(qp->shut_wr, true);
}

#define FOR_SENDER	(SIW_QP_STOP_TX | SIW_QP_DRAIN | SIW_QP_SEND_TERM | \
			 SIW_QP_SHUT_WR)

static void act_on(struct siw_qp *qp, struct siw_cep *cep, u32 act)
{
	if (act & (SIW_QP_FLUSH_SQ | SIW_QP_FLUSH_RQ))
		siw_qp_flush_kick(qp);
	if (act & FOR_SENDER)
		siw_sq_kick(qp, SIW_KICK_QUEUE);
	async_events(qp, act);
	if (cep)
		tell_cm(cep, act);
}

static int event(struct siw_qp *qp, enum siw_qp_ev ev,
		 const struct siw_term *term)
{
	struct siw_cep *cep = NULL;
	struct siw_qp_step step;
	enum siw_qp_state old;
	unsigned long flags;

	spin_lock_irqsave(&qp->lock, flags);
	old = qp->state;
	step = siw_qpsm_step(old, ev);
	/* The old connection has to be gone first. */
	if (ev == SIW_QP_EV_MOD_RESET && qp->started)
		step.act = SIW_QP_REJECT;
	if (!(step.act & SIW_QP_REJECT)) {
		WRITE_ONCE(qp->state, step.next);
		if (term && (step.act & SIW_QP_SEND_TERM))
			qp->term = *term;
		set_marks(qp, step.act);
		cep = qp->cep;
		if (cep)
			siw_cep_get(cep);
	}
	spin_unlock_irqrestore(&qp->lock, flags);
	trace_siw_qp_state(qp, ev, old, &step);
	siw_dbg(qp->sdev, DBG_QP, "QP %u: %s in %s: %s\n", qp->base.qp_num,
		siw_qpsm_ev_name(ev), siw_qpsm_state_name(old),
		step.act & SIW_QP_REJECT ? "refused" :
					   siw_qpsm_state_name(step.next));
	if (step.act & SIW_QP_REJECT)
		return -EINVAL;
	act_on(qp, cep, step.act);
	if (cep)
		siw_cep_put(cep);
	return 0;
}

/**
 * siw_qp_event() - something happened to a QP
 * @qp: QP
 * @ev: what
 *
 * Context: any; no lock of the QP held.
 * Return: 0, -EINVAL if that must not happen in the QP's state.
 */
int siw_qp_event(struct siw_qp *qp, enum siw_qp_ev ev)
{
	return event(qp, ev, NULL);
}

/**
 * siw_qp_fail() - a protocol error was found
 * @qp: QP
 * @term: what; sent to the peer if that is possible
 *
 * Context: any; no lock of the QP held.
 * RFC 5040 §6.2.1
 */
void siw_qp_fail(struct siw_qp *qp, const struct siw_term *term)
{
	bool can = term->send && READ_ONCE(qp->gate);

	if (siw_qpsm_must_flush(READ_ONCE(qp->state)))
		return;
	trace_siw_fail(qp, term);
	ibdev_err_ratelimited(&qp->sdev->base, "QP %u: %s\n", qp->base.qp_num,
			      siw_err_name(term->err));
	event(qp, siw_qpsm_fail_ev(term->err, can), term);
}

/**
 * siw_qp_fail_local() - an error that no message of the peer is to blame for
 * @qp: QP
 * @err: what
 *
 * Context: any; no lock of the QP held.
 * RFC 5040 §7.1
 */
void siw_qp_fail_local(struct siw_qp *qp, enum siw_err err)
{
	struct siw_term t;

	siw_term_init(&t, err, NULL, 0);
	siw_qp_fail(qp, &t);
}

/* --- connection --------------------------------------------------------- */

/**
 * siw_qp_prepare() - a connection is being made for the QP
 * @qp: QP
 * @cep: connection
 * @ird: inbound Reads that are asked for
 * @ord: outbound Reads that are asked for
 *
 * Takes references in both directions, until siw_qp_detach().
 *
 * Context: process.
 * Return: 0; -EINVAL if the QP is not fit for a connection; -EBUSY if it has
 * one.
 */
int siw_qp_prepare(struct siw_qp *qp, struct siw_cep *cep, u32 ird, u32 ord)
{
	unsigned long flags;
	int rv = 0;

	if (ird > SIW_MAX_RDQ || ord > SIW_MAX_RDQ)
		return -EINVAL;
	spin_lock_irqsave(&qp->lock, flags);
	if (qp->cep)
		rv = -EBUSY;
	else if (qp->state != SIW_QP_INIT && qp->state != SIW_QP_RTR)
		rv = -EINVAL;
	else
		qp->cep = cep;
	spin_unlock_irqrestore(&qp->lock, flags);
	if (rv)
		return rv;
	siw_cep_get(cep);
	siw_qp_get(qp);
	return 0;
}

/*
 * A Read as RTR is beyond what was negotiated. As initiator we make it wait in
 * line with the others, for peers that count it; as responder we do not count
 * it. Nor do we count Reads whose response is on its way to TCP.
 */
static int alloc_reads(struct siw_qp *qp, const struct siw_link *link)
{
	bool rtr = link->rtr_rx == SIW_MPA_RTR_READ;
	u32 ird = max(link->ird, 1U);
	u32 ord = max(link->ord, 1U);

	kfree(qp->orq);
	kfree(qp->irq);
	qp->orq = kcalloc(ord, sizeof(*qp->orq), GFP_KERNEL);
	qp->irq = kcalloc(ird + 1 + SIW_TX_RING, sizeof(*qp->irq),
			  GFP_KERNEL);
	if (!qp->orq || !qp->irq)
		return -ENOMEM;
	qp->ird = ird;
	qp->ord = link->ord;
	siw_rdq_init(&qp->irq_q, ird + 1 + SIW_TX_RING);
	qp->irq_q.limit = ird + rtr;
	qp->irq_rtr = rtr;
	siw_rdq_init(&qp->orq_q, ord);
	if (link->rtr_tx != SIW_MPA_RTR_READ)
		qp->orq_q.limit = link->ord;
	return 0;
}

static void init_machines(struct siw_qp *qp, const struct siw_link *link)
{
	struct siw_rx_params rp = {
		.crc = link->crc,
		.markers = link->markers_rx,
		.verify_first = !link->cut_through,
		.responder = !link->initiator,
		.rtr_send = link->rtr_rx == SIW_MPA_RTR_SEND,
	};
	struct siw_tx_params tp = {
		.crc = link->crc,
		.markers = link->markers_tx,
	};

	siw_rx_init(&qp->rx, &rp);
	siw_tx_init(&qp->tx, &tp);
	qp->fpdu_max = link->fpdu_max;
	qp->fpdu_segments = link->fpdu_segments;
	qp->rtr = link->rtr_tx;
	qp->knock = false;
	qp->gate = link->initiator;
	qp->gate_told = link->initiator;
	qp->rx_kick = false;
	qp->irq_run = 0;
	qp->rresp_run = 0;
	qp->tx_bytes = 0;
	qp->tx_aborted = false;
	qp->tx_dead = false;
	qp->shut_told = false;
	qp->zcopy_futile = false;
	qp->cut = NULL;
	qp->parked = NULL;
}

/* With CRC an FPDU is placed once all of it is in the receive queue. */
static void widen_rcvbuf(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int space = tcp_win_from_space(sk, RCVBUF_MIN);

	if (sk->sk_rcvbuf >= RCVBUF_MIN)
		return;
	WRITE_ONCE(sk->sk_rcvbuf, RCVBUF_MIN);
	if (tp->window_clamp < space)
		WRITE_ONCE(tp->window_clamp, space);
}

/**
 * siw_qp_start() - MPA is through: move data
 * @qp: prepared
 * @link: what was negotiated
 *
 * From now on the socket belongs to the QP, until siw_qp_detach(). The
 * callbacks that lead here should be in place before; what came earlier is
 * read now.
 *
 * Context: process, sleeps; takes the socket lock.
 * Return: 0 or -errno.
 * RFC 5044 §7.1.2, RFC 5040 §6.1
 */
int siw_qp_start(struct siw_qp *qp, const struct siw_link *link)
{
	struct sock *sk = link->sock->sk;
	int rv;

	siw_sq_claim(qp);
	lock_sock(sk);
	rv = alloc_reads(qp, link);
	if (!rv) {
		init_machines(qp, link);
		widen_rcvbuf(sk);
		WRITE_ONCE(qp->sock, link->sock);
		rv = siw_qp_event(qp, SIW_QP_EV_LLP_UP);
	}
	if (rv)
		WRITE_ONCE(qp->sock, NULL);
	else
		siw_rx_run(qp, sk);
	release_sock(sk);
	siw_sq_release(qp);
	if (!rv)
		siw_sq_kick(qp, SIW_KICK_DIRECT);
	return rv;
}

static bool is_graceful(struct siw_qp *qp)
{
	unsigned long flags;
	bool idle;

	if (READ_ONCE(qp->rx_stopped))
		return false;
	spin_lock_irqsave(&qp->lock, flags);
	idle = siw_rdq_empty(&qp->orq_q);
	spin_unlock_irqrestore(&qp->lock, flags);
	return idle && siw_rx_idle(&qp->rx);
}

/**
 * siw_qp_peer_fin() - the peer closed its half of the connection
 * @qp: started
 *
 * Reads what came before the FIN, then gives the QP the event for a graceful
 * or another end.
 *
 * Context: process, sleeps; takes the socket lock.
 * RFC 5041 §6.2.1
 */
void siw_qp_peer_fin(struct siw_qp *qp)
{
	bool graceful = false;
	struct sock *sk;

	if (qp->sock) {
		sk = qp->sock->sk;
		lock_sock(sk);
		siw_rx_run(qp, sk);
		graceful = is_graceful(qp);
		release_sock(sk);
	}
	siw_qp_event(qp, graceful ? SIW_QP_EV_PEER_FIN :
				    SIW_QP_EV_PEER_FIN_DIRTY);
}

static void release_reads(struct siw_qp *qp)
{
	unsigned long flags;
	int i;

	spin_lock_irqsave(&qp->lock, flags);
	while ((i = siw_rdq_pop(&qp->orq_q)) >= 0)
		siw_mem_put(qp->orq[i].mem);
	siw_rdq_init(&qp->irq_q, 0);
	spin_unlock_irqrestore(&qp->lock, flags);
}

static void release_msgs(struct siw_qp *qp)
{
	struct siw_msg *m;

	for (m = qp->msg; m < qp->msg + SIW_TX_MSGS; m++)
		if (m->busy)
			siw_msg_free(m);
	qp->cut = NULL;
	qp->parked = NULL;
}

/**
 * siw_qp_detach() - the connection is over
 * @qp: prepared, maybe started; in error if it was started
 *
 * The socket's callbacks do not lead here any more. When this returns the
 * socket is used no more, and the references that siw_qp_prepare() took are
 * given back: the QP may be gone.
 *
 * Context: process, sleeps; takes the socket lock.
 */
void siw_qp_detach(struct siw_qp *qp)
{
	struct siw_cep *cep;
	struct socket *sock;
	unsigned long flags;

	siw_sq_claim(qp);
	spin_lock_irqsave(&qp->lock, flags);
	cep = qp->cep;
	sock = qp->sock;
	qp->cep = NULL;
	qp->sock = NULL;
	qp->started = false;
	spin_unlock_irqrestore(&qp->lock, flags);
	if (sock) {
		/* wait for a receive path that is under way */
		lock_sock(sock->sk);
		release_sock(sock->sk);
		siw_qp_drop_rqe(qp, SIW_WC_WR_FLUSH_ERR);
	}
	release_msgs(qp);
	release_reads(qp);
	siw_sq_release(qp);
	if (!cep)
		return;
	siw_cep_put(cep);
	siw_qp_put(qp);
}
