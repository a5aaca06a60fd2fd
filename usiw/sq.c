// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What is sent next.
 *
 * Order on the wire: the end of a begun FPDU; then a Terminate and nothing
 * else; the RTR; Read Responses and WRs of the SQ in fair alternation.
 *
 * The sender is whoever finds something to do: the poster in its doorbell, the
 * engine when TCP has room again or a peer's message made something possible.
 * There is one at a time (qp->sending), also while it is in a system call without
 * the lock; others leave a mark that there is more to do (qp->tx_again).
 */
#include <errno.h>
#include <infiniband/verbs.h>
#include <stdlib.h>

#include "priv.h"
#include "ring.h"

#define TX_BATCH	(256 << 10)	/* octets cut ahead of a send */
#define TX_TURN		4		/* batches before others have a turn */
#define RRESP_BURST	4		/* Read Responses, then the SQ */

/* --- giving up --------------------------------------------------------- */

/* Nothing follows but the end of the FPDU that TCP has a part of. */
static void abort_tx(struct usiw_qp *qp)
{
	struct usiw_msg *stays = siw_tx_abort(&qp->tx);
	struct usiw_list *l, *next;

	for (l = qp->msgs.next; l != &qp->msgs; l = next) {
		struct usiw_msg *m = usiw_entry(l, struct usiw_msg, entry);

		next = l->next;
		if (m == stays)
			m->aborted = true;
		else
			usiw_msg_free(qp, m);
	}
	qp->cut = NULL;
	qp->parked = NULL;
	qp->rtr = 0;
	qp->half_wr = false;
	qp->tx_bytes = 0;
	qp->tx_aborted = true;
}

/* The program's memory that a begun FPDU needs is gone: tell it which WR. */
static void blame_first(struct usiw_qp *qp)
{
	struct usiw_msg *m;
	u32 off;

	m = siw_tx_unsent(&qp->tx, 0, &off)->ctx;
	if (m->kind == USIW_MSG_SQ && !m->aborted)
		usiw_wr_done(qp, m->wr, SIW_WC_LOC_PROT_ERR, 0);
}

/* Not even the end of the FPDU will leave. If TCP is to blame the connection
 * finds out by itself.
 */
static void tx_died(struct usiw_qp *qp, int why)
{
	struct siw_tx_params p = {};

	if (why == -EFAULT)
		blame_first(qp);
	siw_tx_init(&qp->tx, &p);
	abort_tx(qp);
	qp->tx_dead = true;
	if (why == -EFAULT)
		usiw_qp_event(qp, SIW_QP_EV_FAIL_MUTE);
}

/* --- Terminate, RTR ---------------------------------------------------- */

static bool start(struct usiw_qp *qp, struct usiw_msg *m,
		  const struct siw_tx_msg *tm)
{
	if (siw_tx_start(&qp->tx, tm)) {
		usiw_msg_free(qp, m);
		return false;
	}
	qp->cut = m;
	return true;
}

static bool start_term(struct usiw_qp *qp)
{
	struct siw_tx_msg tm = { .opcode = RDMAP_TERMINATE };
	struct usiw_msg *m;

	if (!qp->term_pending)
		return false;
	m = usiw_msg_new(qp, USIW_MSG_TERM);
	if (!m)
		return false;
	qp->term_pending = false;
	m->len = siw_term_build(qp->term_buf, &qp->term);
	tm.len = m->len;
	tm.ctx = m;
	return start(qp, m, &tm);
}

/* RFC 6581 §9.2; STag 0 would be refused by some hardware. */
static bool start_rtr(struct usiw_qp *qp)
{
	const struct siw_rreq rreq = { .sink_stag = 1, .source_stag = 1 };
	struct siw_tx_msg tm = { .stag = 1 };
	struct usiw_orqe *o;
	struct usiw_msg *m;

	m = usiw_msg_new(qp, USIW_MSG_RTR);
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
		o = usiw_orq_push(qp);
		if (!o) {
			usiw_msg_free(qp, m);
			return false;
		}
		*o = (struct usiw_orqe) { .stag = 1, .rtr = true };
		break;
	}
	qp->rtr = 0;
	return start(qp, m, &tm);
}

/* --- Read Responses ---------------------------------------------------- */

static enum siw_acc rresp_access(struct usiw_qp *qp, const struct usiw_msg *m)
{
	const struct siw_sge *sge = &m->sqe.sge[0];
	struct siw_mem_view v;

	usiw_mr_view(m->mr[0], &v);
	return siw_access(&v, qp->a.pd, qp->rights, sge->laddr + m->cut,
			  m->len - m->cut, SIW_R_REMOTE_READ);
}

/* The returned header says how much of the Read was served. RFC 5040 §4.8 */
static void rresp_fail(struct usiw_qp *qp, const struct usiw_msg *m,
		       enum siw_err err)
{
	struct siw_term t;

	siw_term_init(&t, err, qp->irq[m->irq].rreq.hdr, RDMAP_RREQ_HDR);
	siw_term_progress(&t, m->cut);
	usiw_qp_fail(qp, &t);
}

static void sq_fail(struct usiw_qp *qp, const struct usiw_msg *m)
{
	usiw_wr_done(qp, m->wr, SIW_WC_LOC_PROT_ERR, 0);
	usiw_qp_fail_local(qp, SIW_E_RDMAP_LOCAL);
}

/* It was cut already, but nothing of it was sent. */
static void recall(struct usiw_qp *qp)
{
	const struct siw_tx_fpdu *f;
	struct usiw_msg *m;
	u32 off;

	f = siw_tx_unsent(&qp->tx, 0, &off);
	m = f->ctx;
	m->cut = f->pay_off;
	if (m->kind == USIW_MSG_RRESP)
		rresp_fail(qp, m, SIW_E_RPROT_STAG);
	else
		sq_fail(qp, m);
}

/* What a message of the IRQ carries: nothing yet */
static struct usiw_msg *new_resp(struct usiw_qp *qp, u32 irq)
{
	struct usiw_msg *m = usiw_msg_new(qp, USIW_MSG_RRESP);

	if (!m)
		return NULL;
	m->irq = irq;
	m->sqe.flags = 0;
	m->sqe.sge[0] = (struct siw_sge) {};
	return m;
}

static struct usiw_msg *new_rresp(struct usiw_qp *qp, u32 irq)
{
	const struct siw_rreq *r = &qp->irq[irq].rreq;
	struct usiw_msg *m = new_resp(qp, irq);

	if (!m)
		return NULL;
	m->len = r->len;
	m->num_sge = 1;
	m->sqe.sge[0].laddr = r->source_to;
	m->sqe.sge[0].length = r->len;
	m->sqe.sge[0].lkey = r->source_stag;
	if (r->len)
		m->mr[0] = usiw_mr_find(r->source_stag);
	if (m->mr[0])
		m->mr[0]->ref++;
	return m;
}

/*
 * The source is looked up, and the right to read it checked, when the response
 * starts. A refusal waits until what was cut before has left, since a
 * Terminate drops it.
 */
static bool start_rresp(struct usiw_qp *qp, u32 irq)
{
	struct usiw_msg *m = new_rresp(qp, irq);
	struct siw_tx_msg tm = { .opcode = RDMAP_READ_RESP };
	enum siw_acc acc;

	if (!m)
		return false;
	acc = rresp_access(qp, m);
	if (acc != SIW_ACC_OK) {
		if (siw_tx_idle(&qp->tx))
			rresp_fail(qp, m, siw_acc_err(acc, SIW_ACC_RREQ));
		usiw_msg_free(qp, m);
		return false;
	}
	tm.len = m->len;
	tm.stag = qp->irq[irq].rreq.sink_stag;
	tm.to = qp->irq[irq].rreq.sink_to;
	tm.ctx = m;
	qp->irq_run++;
	return start(qp, m, &tm);
}

/* --- Atomic Responses --------------------------------------------------- */

/* A Read that was asked for before must not get what comes now. */
static bool reads_pending(const struct usiw_qp *qp)
{
	u32 i;

	for (i = 0; i < qp->irq_run; i++)
		if (!qp->irq[siw_rdq_at(&qp->irq_q, i)].atomic)
			return true;
	return false;
}

/*
 * Carried out when the response starts, so in the order of the requests. As with
 * a Read a refusal waits until what was cut before has left.
 */
static bool start_aresp(struct usiw_qp *qp, u32 irq)
{
	const struct siw_areq *a = &qp->irq[irq].areq;
	struct siw_aresp r = { .id = a->id };
	struct siw_tx_msg tm = { .opcode = RDMAP_ATOMIC_RESP, .aresp = &r };
	struct siw_term t;
	enum siw_err err;

	if (reads_pending(qp))
		return false;
	tm.ctx = new_resp(qp, irq);
	if (!tm.ctx)
		return false;
	err = usiw_atomic(qp, a, &r.value);
	if (err) {
		if (siw_tx_idle(&qp->tx)) {
			siw_term_init(&t, err, a->hdr, sizeof(a->hdr));
			usiw_qp_fail(qp, &t);
		}
		usiw_msg_free(qp, tm.ctx);
		return false;
	}
	qp->irq_run++;
	return start(qp, tm.ctx, &tm);
}

static bool start_resp(struct usiw_qp *qp)
{
	int i = siw_rdq_at(&qp->irq_q, qp->irq_run);

	if (i < 0)
		return false;
	return qp->irq[i].atomic ? start_aresp(qp, (u32)i) :
				   start_rresp(qp, (u32)i);
}

/* --- the send queue ---------------------------------------------------- */

static bool sq_open(const struct usiw_qp *qp)
{
	return siw_qpsm_can_send(qp->state) || qp->drain;
}

static void fail_parked(struct usiw_qp *qp)
{
	struct usiw_msg *m = qp->parked;

	if (!siw_tx_idle(&qp->tx))
		return;
	qp->parked = NULL;
	usiw_wr_done(qp, m->wr, m->bad, 0);
	usiw_msg_free(qp, m);
	usiw_qp_fail_local(qp, SIW_E_RDMAP_LOCAL);
}

/* A WR is parked while it is looked at, and as long as it has to wait. */
static bool start_sq(struct usiw_qp *qp)
{
	struct usiw_msg *m, *end = NULL;
	struct siw_tx_msg tm;
	struct usiw_req req;

	if (!sq_open(qp))
		return false;
	if (!qp->parked)
		qp->parked = usiw_wr_fetch(qp);
	m = qp->parked;
	if (!m)
		return false;
	if (m->bad == SIW_WC_SUCCESS) {
		if (usiw_wr_blocked(qp, m))
			return false;
		if (!usiw_wr_ends(m)) {
			end = usiw_wr_split(qp, m);
			if (!end)
				return false;
		}
		if (!usiw_wr_message(qp, m, &tm, &req)) {
			qp->parked = end;
			qp->half_wr = end;
			return start(qp, m, &tm);
		}
		m->bad = SIW_WC_GENERAL_ERR;
	}
	fail_parked(qp);
	return false;
}

static bool start_next(struct usiw_qp *qp)
{
	if (qp->tx_aborted)
		return start_term(qp);
	if (qp->stop_tx)
		return false;
	if (qp->rtr && !qp->half_wr)
		return start_rtr(qp);
	if (qp->rresp_run < RRESP_BURST && start_resp(qp)) {
		qp->rresp_run++;
		return true;
	}
	qp->rresp_run = 0;
	return start_sq(qp) || start_resp(qp);
}

/* --- cutting ----------------------------------------------------------- */

/* Is what a message carries still there? Otherwise stop where TCP is. */
static bool may_cut(struct usiw_qp *qp, const struct usiw_msg *m, u32 mulpdu)
{
	enum siw_err err = SIW_E_RDMAP_LOCAL;
	u32 len = m->len - m->cut;

	if (m->kind == USIW_MSG_RRESP) {
		enum siw_acc acc = rresp_access(qp, m);

		if (acc != SIW_ACC_OK)
			err = siw_acc_err(acc, SIW_ACC_RREQ);
		else if (usiw_tx_readable(qp, m, m->cut,
					  len < mulpdu ? len : mulpdu))
			return true;
	} else if (!len ||
		   usiw_tx_readable(qp, m, m->cut,
				    len < mulpdu ? len : mulpdu)) {
		return true;
	}
	if (siw_tx_count(&qp->tx))
		return false;
	if (m->kind == USIW_MSG_RRESP)
		rresp_fail(qp, m, err);
	else
		sq_fail(qp, m);
	return false;
}

/*
 * The peer may count a Read as done, and send the next one, before the call
 * that handed the response to TCP returns. So what is completely cut does not count
 * against IRD any more; its entry stays until TCP has it.
 */
static void spare_irq(struct usiw_qp *qp, bool done)
{
	if (!done) {
		qp->irq_q.limit++;
		return;
	}
	siw_rdq_pop(&qp->irq_q);
	qp->irq_q.limit--;
	if (qp->irq_rtr) {
		qp->irq_q.limit--;
		qp->irq_rtr = false;
	}
}

static bool cut_one(struct usiw_qp *qp, u32 mulpdu)
{
	struct usiw_msg *m = qp->cut;
	struct siw_tx_fpdu *f;

	if (!may_cut(qp, m, mulpdu))
		return false;
	f = siw_tx_cut(&qp->tx, mulpdu);
	if (!f)
		return false;
	/* Memory that went away since may_cut() shows when it is sent. */
	usiw_tx_crc_pay(qp, m, f);
	m->cut += f->pay_len;
	if (m->kind == USIW_MSG_RRESP && f->last)
		spare_irq(qp, false);
	qp->tx_bytes += f->wire_len;
	return true;
}

/* Fill the ring of FPDUs. Return: more is to come at once. */
static bool fill(struct usiw_qp *qp)
{
	u32 mulpdu = usiw_tx_mulpdu(qp);

	while (!siw_tx_full(&qp->tx) && qp->tx_bytes < TX_BATCH) {
		if (!siw_tx_busy(&qp->tx) && !start_next(qp))
			return false;
		if (!cut_one(qp, mulpdu))
			return false;
	}
	return siw_tx_busy(&qp->tx);
}

/* --- after a send ------------------------------------------------------ */

static void msg_done(struct usiw_qp *qp, struct usiw_msg *m)
{
	enum usiw_msg_kind kind = m->kind;

	if (!m->aborted) {
		if (kind == USIW_MSG_SQ && usiw_wr_ends(m) &&
		    !usiw_wr_reads(m))
			usiw_wr_done(qp, m->wr, SIW_WC_SUCCESS, m->len);
		if (kind == USIW_MSG_RRESP) {
			spare_irq(qp, true);
			qp->irq_run--;
		}
	}
	if (m == qp->cut)
		qp->cut = NULL;
	usiw_msg_free(qp, m);
	if (kind == USIW_MSG_TERM)
		usiw_qp_event(qp, SIW_QP_EV_TERM_SENT);
}

static void all_done(struct usiw_qp *qp)
{
	struct usiw_msg *m;

	while ((m = siw_tx_done(&qp->tx)))
		msg_done(qp, m);
}

static int push(struct usiw_qp *qp, bool more, bool let_go)
{
	int rv = usiw_tx_push(qp, more, let_go);

	if (rv != -ECANCELED)
		all_done(qp);
	return rv;
}

/**
 * usiw_tx_catch_up() - complete what TCP has, also if a call is still under way
 * @qp: QP
 *
 * The peer's answer to a message may be here before the call that sent it returns.
 */
void usiw_tx_catch_up(struct usiw_qp *qp)
{
	usiw_tx_settle(qp);
	all_done(qp);
}

static bool sq_empty(struct usiw_qp *qp)
{
	return !qp->parked && qp->wr_get == qp->wr_put &&
	       siw_rdq_empty(&qp->orq_q) && siw_rdq_empty(&qp->irq_q) &&
	       !usiw_sqe_ready(qp->a.sq, qp->a.num_sqe, qp->sq_get);
}

/* Nothing can be sent now. Was that what somebody waits for? */
static void tell(struct usiw_qp *qp)
{
	if (!siw_tx_idle(&qp->tx))
		return;
	if (qp->shut_wr && !qp->shut_told && qp->ep) {
		qp->shut_told = true;
		usiw_ep_notify(qp->ep, USIW_EP_SHUT);
	}
	/* Behind a closed gate nothing will ever be sent. */
	if (qp->drain && (qp->tx_dead || !qp->gate || sq_empty(qp))) {
		qp->drain = false;
		usiw_qp_event(qp, SIW_QP_EV_DRAINED);
	}
}

/* --- the sender -------------------------------------------------------- */

/* SENT_OVER: the connection was taken away meanwhile */
enum sent { SENT_ALL, SENT_FULL, SENT_OVER };

/* SENT_FULL: or others have a turn first */
static enum sent process(struct usiw_qp *qp, bool let_go)
{
	int batch, rv;
	bool more;

	for (batch = 0; batch < TX_TURN; batch++) {
		if (qp->stop_tx && !qp->tx_aborted)
			abort_tx(qp);
		if (!qp->started || !qp->gate || qp->tx_dead)
			return SENT_ALL;
		more = fill(qp);
		if (!siw_tx_count(&qp->tx)) {
			/* a failure found while filling asks for more */
			if (qp->stop_tx && !qp->tx_aborted)
				continue;
			return SENT_ALL;
		}
		rv = push(qp, more, let_go);
		if (!rv)
			return SENT_FULL;
		if (rv == -ECANCELED)
			return SENT_OVER;
		if (rv == -ESTALE)
			recall(qp);
		else if (rv < 0)
			tx_died(qp, rv);
	}
	return SENT_FULL;
}

/* TCP has no room, and there is nothing that would be dropped instead. */
static bool has_to_wait(const struct usiw_qp *qp)
{
	return qp->tx_full && !(qp->stop_tx && !qp->tx_aborted);
}

/* Return: false: the connection is over, maybe the QP. */
static bool run_once(struct usiw_qp *qp, bool let_go)
{
	enum sent sent = process(qp, let_go);

	if (sent == SENT_OVER)
		return false;
	qp->tx_full = sent == SENT_FULL;
	if (qp->ep)
		usiw_ep_interest(qp->ep);
	if (!qp->tx_full)
		tell(qp);
	return true;
}

static void run(struct usiw_qp *qp, bool let_go)
{
	bool over = false;

	if (qp->sending) {
		qp->tx_again = true;
		return;
	}
	usiw_qp_get(qp);
	qp->sending = true;
	do {
		qp->tx_again = false;
		if (!has_to_wait(qp))
			over = !run_once(qp, let_go);
	} while (!over && qp->tx_again && !has_to_wait(qp));
	if (!over) {
		qp->sending = false;
		/* what had to wait for us */
		if (qp->flush)
			usiw_work_add(&qp->work);
	}
	usiw_qp_put(qp);
}

/**
 * usiw_tx_run() - send what there is and TCP takes
 * @qp: QP
 */
void usiw_tx_run(struct usiw_qp *qp)
{
	run(qp, false);
}

/**
 * usiw_tx_run_top() - the same, without the lock during system calls
 * @qp: QP; maybe destroyed meanwhile, so the caller holds a reference to it
 *
 * Context: not in the middle of anything.
 */
void usiw_tx_run_top(struct usiw_qp *qp)
{
	run(qp, true);
}

/* --- when the QP goes before its last octets --------------------------- */

/**
 * usiw_tx_rest() - what still has to be sent of a QP in error
 * @qp: aborted connection
 * @rest: result: a copy, to be freed; NULL if there is nothing
 * @lost: result: there was something, but it cannot be sent any more
 *
 * The end of an FPDU that TCP has a part of, and the Terminate.
 *
 * Return: octets at @rest.
 */
u32 usiw_tx_rest(struct usiw_qp *qp, u8 **rest, bool *lost)
{
	u32 len;

	*rest = NULL;
	*lost = false;
	if (!qp->gate || qp->tx_dead)
		return 0;
	if (!qp->tx_aborted)
		abort_tx(qp);
	fill(qp);
	len = usiw_tx_copy(qp, NULL);
	if (!len)
		return 0;
	*rest = malloc(len);
	*lost = !*rest || !usiw_tx_copy(qp, *rest);
	if (!*lost)
		return len;
	free(*rest);
	*rest = NULL;
	return 0;
}

/**
 * usiw_tx_knock() - send a Write without payload, whatever else is to be sent
 * @qp: connected; not behind its FIN
 */
void usiw_tx_knock(struct usiw_qp *qp)
{
	if (!siw_qpsm_can_send(qp->state) || qp->shut_told || qp->rtr)
		return;
	qp->rtr = SIW_MPA_RTR_WRITE;
	usiw_tx_run(qp);
}
