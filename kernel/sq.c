// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What is sent next, and by whom.
 *
 * One context at a time is the sender of a QP: the one that moved qp->tx_state
 * from IDLE to RUN. Whoever finds it running leaves a mark (RERUN); the sender
 * lets go only by RUN to IDLE, so it sees each mark and nothing gets lost.
 * Ownership may be handed to qp->tx_work.
 *
 * Order on the wire: the end of a begun FPDU; then a Terminate and nothing
 * else; the RTR; Read Responses and WRs of the SQ in fair alternation.
 */
#include <linux/interrupt.h>
#include <linux/sched.h>
#include <linux/wait_bit.h>

#include "siw.h"
#include "ring.h"
#include "trace.h"

/* Batches that a poster in atomic context sends before a worker goes on */
#define ATOMIC_BATCHES	4
/* Looks again at what came meanwhile before a worker goes on */
#define ROUNDS		4

enum outcome { IDLE, FULL, HANDOVER };

/* --- giving up ---------------------------------------------------------- */

/* Nothing follows but the end of the FPDU that TCP has a part of. */
static void abort_tx(struct siw_qp *qp)
{
	struct siw_msg *stays = siw_tx_abort(&qp->tx);
	struct siw_msg *m;

	for (m = qp->msg; m < qp->msg + SIW_TX_MSGS; m++) {
		if (!m->busy)
			continue;
		if (m == stays)
			m->aborted = true;
		else
			siw_msg_free(m);
	}
	qp->cut = NULL;
	qp->parked = NULL;
	qp->rtr = 0;
	qp->tx_bytes = 0;
	qp->tx_aborted = true;
}

/* TCP is gone: not even the end of the FPDU will leave. The CM finds out by
 * itself, unless it is us who cannot go on.
 */
static void tx_died(struct siw_qp *qp, int why)
{
	struct siw_tx_params p = {};

	siw_tx_init(&qp->tx, &p);
	abort_tx(qp);
	qp->tx_dead = true;
	if (why == -EFAULT)
		siw_qp_event(qp, SIW_QP_EV_FAIL_MUTE);
}

static void obey(struct siw_qp *qp)
{
	if (READ_ONCE(qp->stop_tx) && !qp->tx_aborted)
		abort_tx(qp);
	if (READ_ONCE(qp->flush_sq) && !siw_wr_flush(qp))
		siw_sq_kick(qp, SIW_KICK_QUEUE);
}

/* --- Terminate, RTR ----------------------------------------------------- */

static bool start(struct siw_qp *qp, struct siw_msg *m,
		  const struct siw_tx_msg *tm)
{
	if (WARN_ON_ONCE(siw_tx_start(&qp->tx, tm))) {
		siw_msg_free(m);
		return false;
	}
	siw_count(qp->sdev, SIW_CNT_TX_MSG + tm->opcode);
	m->how = siw_zcopy_how(qp, m);
	if (m->kind == SIW_MSG_SQ)
		trace_siw_wr_start(qp, m);
	qp->cut = m;
	return true;
}

static bool start_term(struct siw_qp *qp)
{
	struct siw_tx_msg tm = { .opcode = RDMAP_TERMINATE };
	struct siw_msg *m;
	unsigned long flags;

	if (!READ_ONCE(qp->term_pending))
		return false;
	m = siw_msg_new(qp, SIW_MSG_TERM);
	if (!m)
		return false;
	spin_lock_irqsave(&qp->lock, flags);
	qp->term_pending = false;
	m->len = siw_term_build(qp->term_buf, &qp->term);
	spin_unlock_irqrestore(&qp->lock, flags);
	tm.len = m->len;
	tm.ctx = m;
	siw_count_term(qp->sdev, SIW_CNT_TX_TERM, qp->term.layer);
	trace_siw_term_send(qp, &qp->term);
	return start(qp, m, &tm);
}

/* RFC 6581 §9.2; STag 0 would be refused by some hardware. */
static bool start_rtr(struct siw_qp *qp)
{
	struct siw_rreq rreq = { .sink_stag = 1, .source_stag = 1 };
	struct siw_orqe o = { .stag = 1, .rtr = true };
	struct siw_tx_msg tm = { .stag = 1 };
	unsigned long flags;
	struct siw_msg *m;

	m = siw_msg_new(qp, SIW_MSG_RTR);
	if (!m)
		return false;
	tm.ctx = m;
	switch (qp->rtr) {
	case SIW_MPA_RTR_SEND:
		tm.opcode = RDMAP_SEND;
		break;
	case SIW_MPA_RTR_WRITE:
		tm.opcode = RDMAP_WRITE;
		break;
	default:
		tm.opcode = RDMAP_READ_REQ;
		tm.rreq = &rreq;
		spin_lock_irqsave(&qp->lock, flags);
		qp->orq[siw_rdq_push(&qp->orq_q)] = o;
		spin_unlock_irqrestore(&qp->lock, flags);
		break;
	}
	qp->rtr = 0;
	return start(qp, m, &tm);
}

/* Not behind our FIN, which the owner of the sender asks for himself. */
static bool may_knock(const struct siw_qp *qp)
{
	return READ_ONCE(qp->knock) && !qp->shut_told &&
	       siw_qpsm_can_send(READ_ONCE(qp->state));
}

static bool start_knock(struct siw_qp *qp)
{
	WRITE_ONCE(qp->knock, false);
	qp->rtr = SIW_MPA_RTR_WRITE;
	return start_rtr(qp);
}

/**
 * siw_sq_knock() - send a Write without payload, whatever else is to be sent
 * @qp: QP, referenced
 *
 * Context: process; sleeps not. No lock of the QP is held.
 */
void siw_sq_knock(struct siw_qp *qp)
{
	WRITE_ONCE(qp->knock, true);
	siw_sq_kick(qp, SIW_KICK_QUEUE);
}

/* --- Read Responses ----------------------------------------------------- */

static enum siw_acc rresp_access(struct siw_qp *qp, const struct siw_msg *m)
{
	const struct siw_sge *sge = &m->sqe.sge[0];
	struct siw_mem_view v;

	siw_mem_view(m->mem[0], &v);
	return siw_access(&v, qp->base.pd, READ_ONCE(qp->rights),
			  sge->laddr + m->cut, m->len - m->cut,
			  SIW_R_REMOTE_READ);
}

/* The returned header says how much of the Read was served. RFC 5040 §4.8 */
static void rresp_fail(struct siw_qp *qp, const struct siw_msg *m,
		       enum siw_err err)
{
	struct siw_term t;

	siw_term_init(&t, err, qp->irq[m->irq].hdr, RDMAP_RREQ_HDR);
	siw_term_progress(&t, m->cut);
	siw_qp_fail(qp, &t);
}

/* It was cut already, but nothing of it was sent. */
static void rresp_recall(struct siw_qp *qp)
{
	const struct siw_tx_fpdu *f;
	struct siw_msg *m;
	u32 off;

	f = siw_tx_unsent(&qp->tx, 0, &off);
	m = f->ctx;
	m->cut = f->pay_off;
	siw_count(qp->sdev, SIW_CNT_ACCESS_ERRORS);
	rresp_fail(qp, m, SIW_E_RPROT_STAG);
}

static struct siw_msg *next_rresp(struct siw_qp *qp)
{
	const struct siw_rreq *r;
	unsigned long flags;
	struct siw_msg *m;
	int i;

	spin_lock_irqsave(&qp->lock, flags);
	i = siw_rdq_at(&qp->irq_q, qp->irq_run);
	spin_unlock_irqrestore(&qp->lock, flags);
	if (i < 0)
		return NULL;
	m = siw_msg_new(qp, SIW_MSG_RRESP);
	if (!m)
		return NULL;
	r = &qp->irq[i];
	m->irq = i;
	m->len = r->len;
	m->num_sge = 1;
	m->sqe.flags = 0;
	m->sqe.sge[0].laddr = r->source_to;
	m->sqe.sge[0].length = r->len;
	m->sqe.sge[0].lkey = r->source_stag;
	if (r->len)
		m->mem[0] = siw_mem_get(qp->sdev, r->source_stag);
	return m;
}

/*
 * The source is looked up, and the right to read it checked, when the response
 * starts. A refusal waits until what was cut before has left, since a
 * Terminate drops it.
 */
static bool start_rresp(struct siw_qp *qp)
{
	struct siw_msg *m = next_rresp(qp);
	struct siw_tx_msg tm = { .opcode = RDMAP_READ_RESP };
	enum siw_acc acc;

	if (!m)
		return false;
	acc = rresp_access(qp, m);
	if (acc != SIW_ACC_OK) {
		if (siw_tx_idle(&qp->tx)) {
			siw_count(qp->sdev, SIW_CNT_ACCESS_ERRORS);
			rresp_fail(qp, m, siw_acc_err(acc, SIW_ACC_RREQ));
		}
		siw_msg_free(m);
		return false;
	}
	tm.len = m->len;
	tm.stag = qp->irq[m->irq].sink_stag;
	tm.to = qp->irq[m->irq].sink_to;
	tm.ctx = m;
	qp->irq_run++;
	return start(qp, m, &tm);
}

/* --- the send queue ----------------------------------------------------- */

static bool sq_open(const struct siw_qp *qp)
{
	enum siw_qp_state state = READ_ONCE(qp->state);

	return siw_qpsm_can_send(state) || READ_ONCE(qp->drain);
}

static void fail_parked(struct siw_qp *qp)
{
	struct siw_msg *m = qp->parked;

	if (!siw_tx_idle(&qp->tx))
		return;
	qp->parked = NULL;
	siw_wr_done(qp, m->wr, m->bad, 0);
	siw_msg_free(m);
	siw_qp_fail_local(qp, SIW_E_RDMAP_LOCAL);
}

/* A WR is parked while it is looked at, and as long as it has to wait. */
static bool start_sq(struct siw_qp *qp)
{
	struct siw_tx_msg tm;
	struct siw_rreq rreq;
	struct siw_msg *m;

	while (sq_open(qp)) {
		if (!qp->parked)
			qp->parked = siw_wr_fetch(qp);
		m = qp->parked;
		if (!m)
			return false;
		if (m->bad != SIW_WC_SUCCESS) {
			fail_parked(qp);
			return false;
		}
		if (siw_wr_blocked(qp, m))
			return false;
		qp->parked = NULL;
		if (siw_wr_is_local(m)) {
			siw_wr_run_local(qp, m);
			continue;
		}
		siw_wr_message(qp, m, &tm, &rreq);
		return start(qp, m, &tm);
	}
	return false;
}

static bool start_next(struct siw_qp *qp)
{
	if (qp->tx_aborted)
		return start_term(qp);
	if (READ_ONCE(qp->stop_tx))
		return false;
	if (qp->rtr)
		return start_rtr(qp);
	if (may_knock(qp))
		return start_knock(qp);
	if (qp->rresp_run < SIW_RRESP_BURST && start_rresp(qp)) {
		qp->rresp_run++;
		return true;
	}
	qp->rresp_run = 0;
	return start_sq(qp) || start_rresp(qp);
}

/* --- cutting ------------------------------------------------------------ */

/* Is what a Read reads still there? Otherwise stop where TCP already is. */
static bool may_cut(struct siw_qp *qp, const struct siw_msg *m)
{
	enum siw_acc acc;

	if (m->kind != SIW_MSG_RRESP)
		return true;
	acc = rresp_access(qp, m);
	if (acc == SIW_ACC_OK)
		return true;
	if (!siw_tx_count(&qp->tx)) {
		siw_count(qp->sdev, SIW_CNT_ACCESS_ERRORS);
		rresp_fail(qp, m, siw_acc_err(acc, SIW_ACC_RREQ));
	}
	return false;
}

/*
 * The peer may count a Read as done, and send the next one, before the socket
 * call that took the response returns. So what is completely cut does not
 * count against IRD any more; its entry stays until TCP has it.
 */
static void spare_irq(struct siw_qp *qp, int change)
{
	unsigned long flags;

	spin_lock_irqsave(&qp->lock, flags);
	if (change < 0)
		siw_rdq_pop(&qp->irq_q);
	qp->irq_q.limit += change;
	if (change < 0 && qp->irq_rtr) {
		qp->irq_q.limit--;
		qp->irq_rtr = false;
	}
	spin_unlock_irqrestore(&qp->lock, flags);
}

static bool cut_one(struct siw_qp *qp, u32 mulpdu)
{
	struct siw_msg *m = qp->cut;
	struct siw_tx_fpdu *f;

	if (!may_cut(qp, m))
		return false;
	f = siw_tx_cut(&qp->tx, mulpdu);
	if (!f)
		return false;
	siw_tx_crc_pay(qp, m, f);
	m->cut += f->pay_len;
	if (m->kind == SIW_MSG_RRESP && f->last)
		spare_irq(qp, 1);
	qp->tx_bytes += f->wire_len;
	siw_count(qp->sdev, SIW_CNT_TX_FPDUS);
	trace_siw_fpdu_cut(qp, f);
	return true;
}

/* Fill the ring of FPDUs. Return: more is to come at once. */
static bool fill(struct siw_qp *qp)
{
	u32 mulpdu = siw_tx_mulpdu(qp);

	while (!siw_tx_full(&qp->tx) && qp->tx_bytes < SIW_TX_BATCH) {
		if (!siw_tx_busy(&qp->tx) && !start_next(qp))
			return false;
		if (!cut_one(qp, mulpdu))
			return false;
	}
	return siw_tx_busy(&qp->tx);
}

/* --- after a send ------------------------------------------------------- */

static void msg_done(struct siw_qp *qp, struct siw_msg *m)
{
	enum siw_msg_kind kind = m->kind;

	if (kind == SIW_MSG_SQ)
		trace_siw_wr_sent(qp, m);
	if (!m->aborted) {
		if (kind == SIW_MSG_SQ && m->sqe.opcode != SIW_OP_READ &&
		    m->sqe.opcode != SIW_OP_READ_LOCAL_INV)
			siw_wr_done(qp, m->wr, SIW_WC_SUCCESS, m->len);
		if (kind == SIW_MSG_RRESP) {
			spare_irq(qp, -1);
			qp->irq_run--;
		}
	}
	if (m == qp->cut)
		qp->cut = NULL;
	siw_msg_free(m);
	if (kind == SIW_MSG_TERM)
		siw_qp_event(qp, SIW_QP_EV_TERM_SENT);
}

static int push(struct siw_qp *qp, enum siw_kick how, bool more)
{
	struct siw_msg *m;
	int rv;

	rv = siw_tx_push(qp, how == SIW_KICK_DIRECT, more);
	while ((m = siw_tx_done(&qp->tx)))
		msg_done(qp, m);
	return rv;
}

static bool sq_empty(struct siw_qp *qp)
{
	return !qp->parked && siw_wr_all_done(qp) &&
	       siw_rdq_empty(&qp->orq_q) && siw_rdq_empty(&qp->irq_q) &&
	       !siw_sqe_ready(qp->sq, qp->num_sqe, qp->sq_get);
}

/* Nothing can be sent now. Was that what somebody waits for? */
static void tell(struct siw_qp *qp)
{
	struct siw_cep *cep = NULL;
	unsigned long flags;
	bool drained;

	if (!siw_tx_idle(&qp->tx))
		return;
	spin_lock_irqsave(&qp->lock, flags);
	if (qp->shut_wr && !qp->shut_told && qp->cep) {
		qp->shut_told = true;
		cep = qp->cep;
		siw_cep_get(cep);
	}
	/* Behind a closed gate nothing will ever be sent. */
	drained = qp->drain && (qp->tx_dead || !qp->gate || sq_empty(qp));
	if (drained)
		qp->drain = false;
	spin_unlock_irqrestore(&qp->lock, flags);
	if (cep) {
		siw_cep_notify(cep, SIW_CE_SHUT);
		siw_cep_put(cep);
	}
	if (drained)
		siw_qp_event(qp, SIW_QP_EV_DRAINED);
}

/* --- the sender --------------------------------------------------------- */

static enum outcome process(struct siw_qp *qp, enum siw_kick how)
{
	int batch, rv;
	bool more;

	for (batch = 0;; batch++) {
		obey(qp);
		if (!READ_ONCE(qp->started) || !READ_ONCE(qp->gate) ||
		    qp->tx_dead)
			break;
		more = fill(qp);
		if (!siw_tx_count(&qp->tx)) {
			/* a failure found while filling asks for more */
			if (READ_ONCE(qp->stop_tx) && !qp->tx_aborted)
				continue;
			break;
		}
		rv = push(qp, how, more);
		if (rv == -EBUSY)
			return HANDOVER;
		if (!rv)
			return FULL;
		if (rv == -ESTALE)
			rresp_recall(qp);
		else if (rv < 0)
			tx_died(qp, rv);
		if (how == SIW_KICK_DIRECT)
			cond_resched();
		else if (batch >= ATOMIC_BATCHES)
			return HANDOVER;
	}
	tell(qp);
	return IDLE;
}

/* The work holds a reference and the ownership. */
static void hand_over(struct siw_qp *qp)
{
	siw_count(qp->sdev, SIW_CNT_TX_QUEUED);
	siw_qp_get(qp);
	if (!queue_work(siw_tx_wq, &qp->tx_work))
		siw_qp_put(qp);
}

/**
 * siw_sq_release() - stop being the sender
 * @qp: QP
 *
 * If somebody asked for more meanwhile a worker goes on.
 *
 * Context: owner of qp->tx_state.
 */
void siw_sq_release(struct siw_qp *qp)
{
	if (atomic_cmpxchg(&qp->tx_state, SIW_TX_RUN, SIW_TX_IDLE) !=
	    SIW_TX_RUN) {
		hand_over(qp);
		return;
	}
	if (READ_ONCE(qp->tx_wanted))
		wake_up_var(&qp->tx_state);
}

static void run(struct siw_qp *qp, enum siw_kick how)
{
	int rounds = ROUNDS;
	enum outcome o;

	do {
		/* full barrier: see what the marks that it clears stand for */
		atomic_xchg(&qp->tx_state, SIW_TX_RUN);
		o = process(qp, how);
		if (o == HANDOVER) {
			hand_over(qp);
			return;
		}
		/* Do not spin on a socket that takes nothing, nor for a
		 * program that never stops asking.
		 */
	} while (o != FULL && --rounds &&
		 atomic_read(&qp->tx_state) == SIW_TX_RERUN);
	siw_sq_release(qp);
}

/* Become the sender, or make the one there is look again. */
static bool claim(struct siw_qp *qp)
{
	for (;;) {
		int old = atomic_cmpxchg(&qp->tx_state, SIW_TX_IDLE,
					 SIW_TX_RUN);

		if (old == SIW_TX_IDLE)
			return true;
		if (old == SIW_TX_RERUN)
			return false;
		if (atomic_cmpxchg(&qp->tx_state, SIW_TX_RUN, SIW_TX_RERUN) ==
		    SIW_TX_RUN)
			return false;
	}
}

/**
 * siw_sq_kick() - there may be something to send
 * @qp: QP, which the caller keeps alive
 * @how: SIW_KICK_DIRECT: send from here, process context that holds no lock;
 *	SIW_KICK_ATOMIC: send from here as far as nothing has to wait;
 *	SIW_KICK_QUEUE: a worker sends
 *
 * Context: any, by @how.
 */
void siw_sq_kick(struct siw_qp *qp, enum siw_kick how)
{
	smp_mb(); /* what there is to send, before a look at the mark */
	if (!claim(qp))
		return;
	if (how == SIW_KICK_QUEUE ||
	    (how == SIW_KICK_ATOMIC && (in_hardirq() || irqs_disabled()))) {
		hand_over(qp);
		return;
	}
	siw_count(qp->sdev, SIW_CNT_TX_DIRECT);
	run(qp, how);
}

/**
 * siw_sq_work() - be the sender in a worker
 * @work: qp->tx_work; comes with ownership and a reference
 *
 * Context: process.
 */
void siw_sq_work(struct work_struct *work)
{
	struct siw_qp *qp = container_of(work, struct siw_qp, tx_work);

	run(qp, SIW_KICK_DIRECT);
	siw_qp_put(qp);
}

/**
 * siw_sq_claim() - become the sender, to send nothing
 * @qp: QP
 *
 * Until siw_sq_release() no other context sends.
 *
 * Context: process, sleeps; one at a time.
 */
void siw_sq_claim(struct siw_qp *qp)
{
	WRITE_ONCE(qp->tx_wanted, true);
	smp_mb(); /* pairs with the one in siw_sq_release()'s cmpxchg */
	wait_var_event(&qp->tx_state,
		       atomic_cmpxchg(&qp->tx_state, SIW_TX_IDLE,
				      SIW_TX_RUN) == SIW_TX_IDLE);
	WRITE_ONCE(qp->tx_wanted, false);
}
