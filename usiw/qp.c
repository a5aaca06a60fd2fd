// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Queue pairs: their life, their state, their connection, flushing.
 *
 * The core's table (core/qpsm.h) says what an event does. The state changes at
 * once, together with the marks that sender and receiver look at; flushing,
 * sending and what the connection has to do follow as work, when whoever raised
 * the event is through.
 *
 * The program fills its receive queue without telling us. So while a QP is in
 * error its queue is looked at now and then, less and less often.
 *
 * Under usiw_lock().
 */
#include <errno.h>
#include <infiniband/verbs.h>
#include <stdlib.h>

#include "priv.h"
#include "ring.h"

#define WR_MIN		16u
#define GAP_MIN_MS	10
#define GAP_MAX_MS	500

USIW_LIST(usiw_qps);

static struct usiw_table qpns = { .max = USIW_MAX_QP };
static USIW_LIST(flushing);		/* QPs in error with a receive queue */
static u32 flush_gap;
static struct usiw_timer flush_timer;

/* --- references ------------------------------------------------------------- */

/* Keeps the memory of a QP; that it is not destroyed only the lock does. */
void usiw_qp_get(struct usiw_qp *qp)
{
	qp->ref++;
}

void usiw_qp_put(struct usiw_qp *qp)
{
	if (--qp->ref)
		return;
	usiw_io_fini(&qp->tx_io);
	usiw_io_fini(&qp->rx_io);
	free(qp->wr);
	free(qp);
}

/* --- flushing ---------------------------------------------------------- */

static u32 flush_rq(struct usiw_qp *qp)
{
	struct siw_rqe rqe;
	u32 n;

	usiw_qp_drop_rqe(qp, SIW_WC_WR_FLUSH_ERR);
	if (qp->a.srq)
		return 0;	/* its buffers serve other QPs */
	for (n = 0; n < qp->a.num_rqe && usiw_rq_pop(qp, &rqe); n++)
		usiw_rqe_fail(qp, &rqe, SIW_WC_WR_FLUSH_ERR);
	return n;
}

static void look_again(u32 ms)
{
	flush_gap = ms;
	usiw_timer_arm(&flush_timer, USIW_T_SHORT, ms);
}

static void flush_tick(struct usiw_timer *t)
{
	struct usiw_list *l;
	u32 n = 0;

	(void)t;
	for (l = flushing.next; l != &flushing; l = l->next)
		n += flush_rq(usiw_entry(l, struct usiw_qp, flush_entry));
	if (usiw_list_empty(&flushing))
		return;
	if (n)
		look_again(GAP_MIN_MS);
	else
		look_again(2 * flush_gap < GAP_MAX_MS ? 2 * flush_gap :
							GAP_MAX_MS);
}

static void watch_rq(struct usiw_qp *qp)
{
	if (qp->dead || !qp->a.num_rqe || qp->a.srq ||
	    !usiw_list_empty(&qp->flush_entry))
		return;
	usiw_list_add_tail(&qp->flush_entry, &flushing);
	if (!flush_timer.fire)
		usiw_timer_init(&flush_timer, flush_tick);
	look_again(GAP_MIN_MS);
}

static void tell_last_wqe(struct usiw_qp *qp)
{
	if (!qp->a.srq || qp->last_wqe_told)
		return;
	qp->last_wqe_told = true;
	usiw_up_async(USIW_ASYNC_QP, qp->a.owner,
		      IBV_EVENT_QP_LAST_WQE_REACHED);
}

static void flush(struct usiw_qp *qp)
{
	if (!siw_qpsm_must_flush(qp->state))
		return;
	qp->rx_stopped = true;
	/* the program may use its buffers again */
	usiw_io_wait(&qp->rx_io);
	flush_rq(qp);
	usiw_wr_flush(qp);
	tell_last_wqe(qp);
	watch_rq(qp);
}

/*
 * The sender gives up first what is to be flushed. If it is somebody else it
 * does so in a moment, and has this done again.
 */
static void do_work(struct usiw_qp *qp, bool top)
{
	if (qp->kick) {
		qp->kick = false;
		if (top)
			usiw_tx_run_top(qp);
		else
			usiw_tx_run(qp);
	}
	if (qp->flush && !qp->sending && !qp->gone) {
		qp->flush = false;
		flush(qp);
	}
}

static void qp_work(struct usiw_work *w)
{
	struct usiw_qp *qp = usiw_entry(w, struct usiw_qp, work);

	usiw_qp_get(qp);
	do_work(qp, usiw_work_is_top());
	usiw_qp_put(qp);
}

/**
 * usiw_qp_kick() - there may be something to send
 * @qp: QP
 */
void usiw_qp_kick(struct usiw_qp *qp)
{
	qp->kick = true;
	usiw_work_add(&qp->work);
}

/* --- events ------------------------------------------------------------ */

/**
 * usiw_qp_blame() - what went wrong with a connection; the first counts
 * @qp: QP
 * @err: what
 */
void usiw_qp_blame(struct usiw_qp *qp, enum siw_err err)
{
	if (!qp->why)
		qp->why = err;
}

/**
 * usiw_qp_why() - what went wrong, for a program that understands it
 * @qp: QP
 *
 * Return: SIW_OK if nothing did, or the program does not.
 */
enum siw_err usiw_qp_why(const struct usiw_qp *qp)
{
	return qp->a.caps & USIW_CAP_REASON ? qp->why : SIW_OK;
}

static void async_events(struct usiw_qp *qp, u32 act)
{
	if (act & SIW_QP_EV_SQ_DRAINED && qp->tell_drained)
		usiw_up_async(USIW_ASYNC_QP, qp->a.owner,
			      IBV_EVENT_SQ_DRAINED);
	if (act & SIW_QP_EV_FATAL)
		usiw_up_async(USIW_ASYNC_QP, qp->a.owner, IBV_EVENT_QP_FATAL);
	if (act & SIW_QP_EV_REQ_ERR)
		usiw_up_async(USIW_ASYNC_QP, qp->a.owner,
			      IBV_EVENT_QP_REQ_ERR);
	if (act & SIW_QP_EV_ACCESS_ERR)
		usiw_up_async(USIW_ASYNC_QP, qp->a.owner,
			      IBV_EVENT_QP_ACCESS_ERR);
}

static void tell_ep(struct usiw_ep *ep, u32 act)
{
	if (act & SIW_QP_ABORT)
		usiw_ep_notify(ep, USIW_EP_ABORT);
	if (act & SIW_QP_CM_DISC)
		usiw_ep_notify(ep, USIW_EP_QP_DISC);
	if (act & SIW_QP_CM_LINGER)
		usiw_ep_notify(ep, USIW_EP_QP_LINGER);
	if (act & SIW_QP_CM_CLOSE)
		usiw_ep_notify(ep, USIW_EP_QP_CLOSED);
}

/* Back to RESET: forget what was posted. There is no connection. */
static void discard(struct usiw_qp *qp)
{
	struct siw_sqe sqe;
	struct siw_rqe rqe;
	u32 i;

	for (i = 0; i < qp->a.num_sqe; i++)
		if (!usiw_sqe_fetch(qp->a.sq, qp->a.num_sqe, &qp->sq_get, &sqe))
			break;
	qp->wr_get = qp->wr_put;
	qp->stop_tx = false;
	qp->shut_wr = false;
	qp->drain = false;
	qp->term_pending = false;
	qp->rx_stopped = false;
	qp->last_wqe_told = false;
	qp->flush = false;
	usiw_list_del(&qp->flush_entry);
	if (qp->a.srq)
		return;
	for (i = 0; i < qp->a.num_rqe && usiw_rq_pop(qp, &rqe); i++)
		;
}

/* The actions that are marks for sender and receiver */
static void set_marks(struct usiw_qp *qp, u32 act)
{
	if (act & SIW_QP_DISCARD)
		discard(qp);
	if (act & SIW_QP_START)
		qp->started = true;
	if (act & SIW_QP_STOP_RX)
		qp->rx_stopped = true;
	if (act & SIW_QP_STOP_TX)
		qp->stop_tx = true;
	if (act & SIW_QP_DRAIN)
		qp->drain = true;
	if (act & SIW_QP_SEND_TERM)
		qp->term_pending = true;
	if (act & SIW_QP_SHUT_WR)
		qp->shut_wr = true;
}

#define FOR_SENDER	(SIW_QP_STOP_TX | SIW_QP_DRAIN | SIW_QP_SEND_TERM | \
			 SIW_QP_SHUT_WR)

static void act_on(struct usiw_qp *qp, u32 act)
{
	if (act & (SIW_QP_FLUSH_SQ | SIW_QP_FLUSH_RQ)) {
		qp->flush = true;
		usiw_work_add(&qp->work);
	}
	if (act & FOR_SENDER)
		usiw_qp_kick(qp);
	async_events(qp, act);
	if (qp->ep)
		tell_ep(qp->ep, act);
}

static int event(struct usiw_qp *qp, enum siw_qp_ev ev,
		 const struct siw_term *term)
{
	struct siw_qp_step step = siw_qpsm_step(qp->state, ev);

	/* The old connection has to be gone first. */
	if (ev == SIW_QP_EV_MOD_RESET && qp->started)
		return -EINVAL;
	if (step.act & SIW_QP_REJECT)
		return -EINVAL;
	if (ev == SIW_QP_EV_LLP_LOST)
		usiw_qp_blame(qp, SIW_E_MPA_LOST);
	usiw_log(2, "QP %u: %s: %s > %s", qp->num, siw_qpsm_ev_name(ev),
		 siw_qpsm_state_name(qp->state),
		 siw_qpsm_state_name(step.next));
	qp->state = step.next;
	if (term && (step.act & SIW_QP_SEND_TERM))
		qp->term = *term;
	set_marks(qp, step.act);
	act_on(qp, step.act);
	return 0;
}

/**
 * usiw_qp_event() - something happened to a QP
 * @qp: QP
 * @ev: what
 *
 * Return: 0, -EINVAL if that must not happen in the QP's state.
 */
int usiw_qp_event(struct usiw_qp *qp, enum siw_qp_ev ev)
{
	return event(qp, ev, NULL);
}

/**
 * usiw_qp_fail() - a protocol error was found
 * @qp: QP
 * @term: what; sent to the peer if that is possible
 *
 * RFC 5040 §6.2.1
 */
void usiw_qp_fail(struct usiw_qp *qp, const struct siw_term *term)
{
	bool can = term->send && qp->gate;

	if (siw_qpsm_must_flush(qp->state))
		return;
	usiw_qp_blame(qp, term->err);
	usiw_log(1, "QP %u: %s", qp->num, siw_err_name(term->err));
	event(qp, siw_qpsm_fail_ev(term->err, can), term);
}

/**
 * usiw_qp_fail_local() - an error that no message of the peer is to blame for
 * @qp: QP
 * @err: what
 *
 * RFC 5040 §7.1
 */
void usiw_qp_fail_local(struct usiw_qp *qp, enum siw_err err)
{
	struct siw_term t;

	siw_term_init(&t, err, NULL, 0);
	usiw_qp_fail(qp, &t);
}

/* --- connection -------------------------------------------------------- */

/**
 * usiw_qp_prepare() - a connection is being made for the QP
 * @qp: QP
 * @ep: connection
 *
 * Return: 0; -EINVAL if the QP is not fit for a connection; -EBUSY if it has
 * one.
 */
int usiw_qp_prepare(struct usiw_qp *qp, struct usiw_ep *ep)
{
	if (qp->dead)
		return -EIO;
	if (qp->ep)
		return -EBUSY;
	if (qp->state != SIW_QP_INIT && qp->state != SIW_QP_RTR)
		return -EINVAL;
	qp->ep = ep;
	ep->qp = qp;
	return 0;
}

/*
 * A Read as RTR is beyond what was negotiated. As initiator we make it wait in
 * line with the others, for peers that count it; as responder we do not count
 * it. Nor do we count Reads whose response is on its way to TCP.
 */
static void init_reads(struct usiw_qp *qp, const struct usiw_link *link)
{
	bool rtr = link->rtr_rx == SIW_MPA_RTR_READ;
	u32 ird = link->ird ? link->ird : 1;

	qp->ird = ird;
	qp->ord = link->ord;
	siw_rdq_init(&qp->irq_q, ird + 1 + SIW_TX_RING);
	qp->irq_q.limit = ird + rtr;
	qp->irq_rtr = rtr;
	siw_rdq_init(&qp->orq_q, link->ord ? link->ord : 1);
	if (link->rtr_tx != SIW_MPA_RTR_READ)
		qp->orq_q.limit = link->ord;
}

/* Atomics are served without the program. What immediate data are it has to know,
 * or they would look like something else to it.
 */
static u8 extensions(const struct usiw_qp *qp)
{
	u8 ext = 0;

	if (usiw_config.ext)
		ext |= SIW_EXT_ATOMIC;
	if (qp->a.caps & USIW_CAP_IMM)
		ext |= SIW_EXT_IMM;
	return ext;
}

static void init_machines(struct usiw_qp *qp, const struct usiw_link *link)
{
	struct siw_rx_params rp = {
		.crc = link->crc,
		.markers = link->markers_rx,
		.verify_first = true,
		.responder = !link->initiator,
		.rtr_send = link->rtr_rx == SIW_MPA_RTR_SEND,
		.ext = extensions(qp),
	};
	struct siw_tx_params tp = {
		.crc = link->crc,
		.markers = link->markers_tx,
		.ext = extensions(qp),
	};

	siw_rx_init(&qp->rx, &rp);
	siw_tx_init(&qp->tx, &tp);
	qp->why = SIW_OK;
	qp->rtr = link->rtr_tx;
	qp->gate = link->initiator;
	qp->gate_told = link->initiator;
	qp->irq_run = 0;
	qp->rx_bulk = 0;
	qp->no_bulk = link->crc || link->markers_rx;
	qp->rresp_run = 0;
	qp->tx_bytes = 0;
	qp->mulpdu = 0;
	qp->tx_aborted = false;
	qp->tx_dead = false;
	qp->tx_full = false;
	qp->shut_told = false;
	qp->cut = NULL;
	qp->parked = NULL;
	qp->half_wr = false;
}

/**
 * usiw_qp_start() - MPA is through: move data
 * @qp: prepared
 * @link: what was negotiated
 *
 * Return: 0 or -errno.
 * RFC 5044 §7.1.2, RFC 5040 §6.1
 */
int usiw_qp_start(struct usiw_qp *qp, const struct usiw_link *link)
{
	int rv;

	init_reads(qp, link);
	init_machines(qp, link);
	rv = usiw_qp_event(qp, SIW_QP_EV_LLP_UP);
	if (!rv)
		usiw_qp_kick(qp);
	return rv;
}

static bool is_graceful(struct usiw_qp *qp)
{
	return !qp->rx_stopped && siw_rdq_empty(&qp->orq_q) &&
	       siw_rx_idle(&qp->rx);
}

/**
 * usiw_qp_peer_fin() - the peer closed its half of the connection
 * @qp: started; what came before the FIN was read
 *
 * RFC 5041 §6.2.1
 */
void usiw_qp_peer_fin(struct usiw_qp *qp)
{
	usiw_qp_event(qp, is_graceful(qp) ? SIW_QP_EV_PEER_FIN :
					    SIW_QP_EV_PEER_FIN_DIRTY);
}

static void release_reads(struct usiw_qp *qp)
{
	int i;

	while ((i = siw_rdq_pop(&qp->orq_q)) >= 0)
		usiw_mr_put(qp->orq[i].mr);
	siw_rdq_init(&qp->irq_q, 0);
	free(qp->orq);
	free(qp->irq);
	qp->orq = NULL;
	qp->irq = NULL;
}

static void release_msgs(struct usiw_qp *qp)
{
	while (!usiw_list_empty(&qp->msgs))
		usiw_msg_free(qp, usiw_entry(qp->msgs.next, struct usiw_msg,
					     entry));
	qp->cut = NULL;
	qp->parked = NULL;
}

/* Whoever moves data has to find out, and what was put off is to be done. */
static void end_life(struct usiw_qp *qp)
{
	usiw_claim_lost(qp->ep);
	usiw_tx_settle(qp);
	usiw_io_settle(&qp->rx_io);
	qp->life++;
	qp->sending = false;
	qp->receiving = false;
	if (qp->flush)
		usiw_work_add(&qp->work);
}

/**
 * usiw_qp_detach() - the connection is over
 * @qp: prepared, maybe started; in error if it was started
 *
 * What was received meanwhile is lost.
 */
void usiw_qp_detach(struct usiw_qp *qp)
{
	end_life(qp);
	if (qp->ep)
		qp->ep->qp = NULL;
	qp->ep = NULL;
	if (qp->started)
		usiw_qp_drop_rqe(qp, SIW_WC_WR_FLUSH_ERR);
	qp->started = false;
	release_msgs(qp);
	release_reads(qp);
}

/* --- calls of the front ------------------------------------------------ */

static u32 wr_slots(u32 num_sqe)
{
	u32 n = WR_MIN;

	while (n < num_sqe)
		n *= 2;
	return n;
}

struct usiw_qp *usiw_qp_create(const struct usiw_qp_attr *attr)
{
	struct usiw_qp *qp = calloc(1, sizeof(*qp));

	if (!qp)
		return NULL;
	qp->num_wr = wr_slots(attr->num_sqe);
	qp->wr = calloc(qp->num_wr, sizeof(*qp->wr));
	/* 0 and 1 are special */
	qp->num = qp->wr ? usiw_table_add(&qpns, qp) + 1 : 1;
	if (qp->num == 1) {
		free(qp->wr);
		free(qp);
		return NULL;
	}
	qp->a = *attr;
	qp->ref = 1;
	qp->state = SIW_QP_RESET;
	usiw_io_init(&qp->tx_io);
	usiw_io_init(&qp->rx_io);
	usiw_list_init(&qp->msgs);
	usiw_list_init(&qp->flush_entry);
	usiw_work_init(&qp->work, qp_work);
	usiw_list_add_tail(&qp->all, &usiw_qps);
	return qp;
}

u32 usiw_qp_num(const struct usiw_qp *qp)
{
	return qp->num;
}

int usiw_qp_modify(struct usiw_qp *qp, enum siw_qp_ev ev)
{
	int rv = qp->dead ? 0 : usiw_qp_event(qp, ev);

	usiw_work_run();
	return rv;
}

void usiw_qp_set_access(struct usiw_qp *qp, u32 access)
{
	qp->access = access;
	qp->rights = access & SIW_R_REMOTE;
}

/* Without being asked, it would be told at the end of each connection. */
void usiw_qp_tell_drained(struct usiw_qp *qp, bool on)
{
	qp->tell_drained = on;
}

u32 usiw_qp_access(const struct usiw_qp *qp)
{
	return qp->access;
}

enum siw_qp_state usiw_qp_state(const struct usiw_qp *qp)
{
	return qp->state;
}

void usiw_qp_rdq(const struct usiw_qp *qp, u32 *ird, u32 *ord)
{
	*ird = qp->ird;
	*ord = qp->ord;
}

int usiw_qp_doorbell(struct usiw_qp *qp)
{
	if (qp->dead)
		return -EIO;
	if (siw_qpsm_must_flush(qp->state)) {
		qp->flush = true;
		usiw_work_add(&qp->work);
	} else {
		usiw_tx_run_top(qp);
	}
	usiw_work_run_top();
	return 0;
}

static void cool(struct usiw_cq *cq, const struct usiw_qp *qp)
{
	if (cq->hot == qp)
		cq->hot = NULL;
}

void usiw_qp_destroy(struct usiw_qp *qp)
{
	if (!qp->dead)
		usiw_qp_event(qp, SIW_QP_EV_MOD_ERR);
	end_life(qp);
	do_work(qp, false);
	if (qp->ep)
		usiw_ep_qp_dying(qp->ep);
	usiw_qp_drop_rqe(qp, SIW_WC_WR_FLUSH_ERR);
	usiw_work_cancel(&qp->work);
	usiw_list_del(&qp->flush_entry);
	usiw_list_del(&qp->all);
	cool(qp->a.scq, qp);
	cool(qp->a.rcq, qp);
	usiw_table_del(&qpns, qp->num - 1);
	qp->gone = true;
	usiw_qp_put(qp);
	usiw_work_run();
}

/* Their rings are the parent's. */
void usiw_qp_forked(void)
{
	struct usiw_list *l;

	if (flush_timer.fire)
		usiw_timer_stop(&flush_timer);
	for (l = usiw_qps.next; l != &usiw_qps; l = l->next) {
		struct usiw_qp *qp = usiw_entry(l, struct usiw_qp, all);

		qp->dead = true;
		qp->state = SIW_QP_ERROR;
		qp->kick = false;
		qp->flush = false;
		usiw_list_del(&qp->flush_entry);
		usiw_qp_detach(qp);
	}
}
