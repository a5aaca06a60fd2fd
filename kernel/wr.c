// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Work requests of the send queue: taken from the ring once, checked, turned
 * into messages, completed in the order in which they were posted.
 *
 * Every WR that leaves the ring gets an entry in qp->wr. It is marked when
 * what it asked for has happened: TCP has all of a Send or Write, and has given
 * back the memory that was lent to it; the response to a Read is placed.
 * Completions are written from the oldest entry on only. RFC 5040 §5.5 (rules
 * 14, 15, 20)
 *
 * What is not under qp->lock belongs to the owner of qp->tx_state.
 */
#include "siw.h"
#include "ring.h"
#include "trace.h"

static struct siw_sq_wr *entry(struct siw_qp *qp, u32 wr)
{
	return &qp->wr[wr & (qp->num_wr - 1)];
}

/* --- messages ----------------------------------------------------------- */

/**
 * siw_msg_new() - a free message
 * @qp: QP
 * @kind: what it is for
 *
 * Context: owner of qp->tx_state.
 * Return: NULL if all are in use.
 */
struct siw_msg *siw_msg_new(struct siw_qp *qp, enum siw_msg_kind kind)
{
	struct siw_msg *m;

	for (m = qp->msg; m < qp->msg + SIW_TX_MSGS; m++) {
		if (m->busy)
			continue;
		m->kind = kind;
		m->busy = true;
		m->aborted = false;
		m->how = SIW_COPY;
		m->bad = SIW_WC_SUCCESS;
		m->num_sge = 0;
		m->len = 0;
		m->cut = 0;
		memset(m->mem, 0, sizeof(m->mem));
		return m;
	}
	return NULL;
}

/**
 * siw_msg_free() - give a message and the memory it refers to back
 * @m: message
 *
 * Context: owner of qp->tx_state.
 */
void siw_msg_free(struct siw_msg *m)
{
	int i;

	for (i = 0; i < SIW_MAX_SGE; i++) {
		if (m->mem[i])
			siw_mem_put(m->mem[i]);
		m->mem[i] = NULL;
	}
	m->busy = false;
}

static void kva_piece(const void *addr, u32 len, struct siw_piece *p)
{
	p->page = virt_to_page(addr);
	p->off = offset_in_page(addr);
	p->len = len;
}

/**
 * siw_msg_piece() - where some of a message's payload is
 * @qp: QP
 * @m: message
 * @off: first octet, from the start of the message
 * @len: octets wanted, not beyond the end of the message
 * @p: result: a contiguous piece of at most @len octets
 *
 * Context: owner of qp->tx_state.
 * Return: 0; -EFAULT if the memory does not have what was checked before.
 */
int siw_msg_piece(struct siw_qp *qp, const struct siw_msg *m, u32 off, u32 len,
		  struct siw_piece *p)
{
	const struct siw_sge *sge = m->sqe.sge;
	int i;

	if (m->kind == SIW_MSG_TERM) {
		kva_piece(qp->term_buf + off, len, p);
		return 0;
	}
	if (m->kind == SIW_MSG_SQ && (m->sqe.flags & SIW_WQE_INLINE)) {
		kva_piece((const u8 *)&sge[1] + off, len, p);
		return 0;
	}
	for (i = 0; i < m->num_sge; i++, sge++) {
		if (off < sge->length)
			return siw_mem_piece(m->mem[i], sge->laddr + off,
					     min(len, sge->length - off), p);
		off -= sge->length;
	}
	return -EFAULT;
}

/* --- taking and checking ------------------------------------------------ */

static bool opcode_ok(const struct siw_qp *qp, u8 opcode)
{
	switch (opcode) {
	case SIW_OP_WRITE:
	case SIW_OP_READ:
	case SIW_OP_READ_LOCAL_INV:
	case SIW_OP_SEND:
	case SIW_OP_SEND_REMOTE_INV:
		return true;
	case SIW_OP_INVAL_STAG:
	case SIW_OP_REG_MR:
		return qp->kernel;
	default:
		return false;
	}
}

static bool is_read(const struct siw_msg *m)
{
	return m->sqe.opcode == SIW_OP_READ ||
	       m->sqe.opcode == SIW_OP_READ_LOCAL_INV;
}

/**
 * siw_wr_is_local() - does the WR touch local objects only?
 * @m: from siw_wr_fetch()
 *
 * Context: owner of qp->tx_state.
 * Return: true for invalidation and fast registration.
 */
bool siw_wr_is_local(const struct siw_msg *m)
{
	return m->sqe.opcode == SIW_OP_INVAL_STAG ||
	       m->sqe.opcode == SIW_OP_REG_MR;
}

static enum siw_wc_status check_sges(struct siw_qp *qp, struct siw_msg *m)
{
	u8 need = is_read(m) ? SIW_R_LOCAL_WRITE : SIW_R_LOCAL_READ;
	u64 total = 0;
	int i;

	if (m->sqe.num_sge > SIW_MAX_SGE ||
	    m->sqe.num_sge > max(qp->max_send_sge, 1U) ||
	    (is_read(m) && m->sqe.num_sge > 1))
		return SIW_WC_LOC_QP_OP_ERR;
	m->num_sge = m->sqe.num_sge;
	for (i = 0; i < m->num_sge; i++) {
		total += m->sqe.sge[i].length;
		if (!m->sqe.sge[i].length)
			continue;
		if (siw_mem_get_sge(qp, &m->sqe.sge[i], need, &m->mem[i]))
			return SIW_WC_LOC_PROT_ERR;
	}
	if (total > U32_MAX)
		return SIW_WC_LOC_LEN_ERR;
	m->len = total;
	return SIW_WC_SUCCESS;
}

/* What is wrong with the private copy of a WR? */
static enum siw_wc_status check(struct siw_qp *qp, struct siw_msg *m)
{
	if (!opcode_ok(qp, m->sqe.opcode))
		return SIW_WC_LOC_QP_OP_ERR;
	if (siw_wr_is_local(m))
		return SIW_WC_SUCCESS;
	if (m->sqe.flags & SIW_WQE_INLINE) {
		if (is_read(m) || m->sqe.sge[0].length > SIW_MAX_INLINE)
			return SIW_WC_LOC_QP_OP_ERR;
		m->len = m->sqe.sge[0].length;
		return SIW_WC_SUCCESS;
	}
	if (is_read(m) && !qp->ord)
		return SIW_WC_LOC_QP_OP_ERR;
	return check_sges(qp, m);
}

static u32 push_entry(struct siw_qp *qp, const struct siw_sqe *sqe)
{
	unsigned long flags;
	struct siw_sq_wr *w;
	u32 wr;

	spin_lock_irqsave(&qp->lock, flags);
	wr = qp->wr_put++;
	w = entry(qp, wr);
	w->id = sqe->id;
	w->opcode = sqe->opcode;
	w->flags = sqe->flags;
	w->done = false;
	w->status = SIW_WC_SUCCESS;
	w->bytes = 0;
	w->loans = 0;
	spin_unlock_irqrestore(&qp->lock, flags);
	return wr;
}

/**
 * siw_wr_fetch() - take the next WR of the send queue
 * @qp: QP
 *
 * The WR is checked; @bad of the result says what completion it gets if it is
 * not fit to be carried out.
 *
 * Context: owner of qp->tx_state.
 * Return: a message that holds it, NULL if there is none or no room for it.
 */
struct siw_msg *siw_wr_fetch(struct siw_qp *qp)
{
	struct siw_msg *m;

	if (!siw_sqe_ready(qp->sq, qp->num_sqe, qp->sq_get) ||
	    READ_ONCE(qp->wr_put) - READ_ONCE(qp->wr_get) >= qp->num_wr)
		return NULL;
	m = siw_msg_new(qp, SIW_MSG_SQ);
	if (!m)
		return NULL;
	if (!siw_sqe_fetch(qp->sq, qp->num_sqe, &qp->sq_get, &m->sqe)) {
		siw_msg_free(m);
		return NULL;
	}
	m->wr = push_entry(qp, &m->sqe);
	m->bad = check(qp, m);
	trace_siw_wr_take(qp, m);
	return m;
}

/**
 * siw_wr_blocked() - must the WR wait?
 * @qp: QP
 * @m: from siw_wr_fetch()
 *
 * Context: owner of qp->tx_state.
 * Return: true while a fence, the ORD limit, or (for what changes local
 * registrations) unsent data of earlier WRs hold it up.
 * RFC 5040 §6.1, §5.5
 */
bool siw_wr_blocked(struct siw_qp *qp, const struct siw_msg *m)
{
	unsigned long flags;
	bool blocked;

	if (siw_wr_is_local(m) && !siw_tx_idle(&qp->tx))
		return true;
	spin_lock_irqsave(&qp->lock, flags);
	blocked = siw_rdq_holds(&qp->orq_q, m->sqe.flags & SIW_WQE_READ_FENCE,
				is_read(m));
	spin_unlock_irqrestore(&qp->lock, flags);
	return blocked;
}

/**
 * siw_wr_run_local() - carry an invalidation or fast registration out
 * @qp: QP
 * @m: the WR; completed and freed
 *
 * Context: owner of qp->tx_state.
 */
void siw_wr_run_local(struct siw_qp *qp, struct siw_msg *m)
{
	enum siw_wc_status status = SIW_WC_SUCCESS;
	enum siw_acc why;
	int rv;

	if (m->sqe.opcode == SIW_OP_REG_MR)
		rv = siw_mem_reg_mr(qp, &m->sqe);
	else
		rv = siw_mem_invalidate(qp, m->sqe.rkey, false, &why);
	if (rv)
		status = SIW_WC_LOC_PROT_ERR;
	siw_wr_done(qp, m->wr, status, 0);
	siw_msg_free(m);
	if (rv)
		siw_qp_fail_local(qp, SIW_E_RDMAP_LOCAL);
}

/* --- turning a WR into a message ---------------------------------------- */

/* The entry exists before the first octet leaves: through a loopback the
 * response may be here before the send call returns.
 */
static void push_read(struct siw_qp *qp, struct siw_msg *m,
		      struct siw_rreq *rreq)
{
	const struct siw_sge *sge = &m->sqe.sge[0];
	/* Whoever has the kernel's own lkey must not show addresses, and an
	 * STag on the wire is never 0: such a sink is named by a token.
	 */
	bool named = m->num_sge && sge->lkey;
	struct siw_orqe o = {
		.mem = m->mem[0],
		.stag = named ? sge->lkey : 1,
		.to = named ? sge->laddr : 0,
		.addr = sge->laddr,
		.len = m->len,
		.wr = m->wr,
	};
	unsigned long flags;

	if (named && m->sqe.opcode == SIW_OP_READ_LOCAL_INV)
		o.inval_stag = sge->lkey;
	*rreq = (struct siw_rreq) {
		.sink_stag = o.stag,
		.sink_to = o.to,
		.len = o.len,
		.source_stag = m->sqe.rkey,
		.source_to = m->sqe.raddr,
	};
	m->mem[0] = NULL;	/* moves */
	m->len = 0;
	spin_lock_irqsave(&qp->lock, flags);
	qp->orq[siw_rdq_push(&qp->orq_q)] = o;
	spin_unlock_irqrestore(&qp->lock, flags);
}

/**
 * siw_wr_message() - describe a WR to the transmit machine
 * @qp: QP
 * @m: the WR; neither bad nor blocked
 * @tm: result
 * @rreq: store that @tm may point to
 *
 * Context: owner of qp->tx_state.
 * RFC 5040 §5
 */
void siw_wr_message(struct siw_qp *qp, struct siw_msg *m,
		    struct siw_tx_msg *tm, struct siw_rreq *rreq)
{
	bool se = m->sqe.flags & SIW_WQE_SOLICITED;

	*tm = (struct siw_tx_msg) { .ctx = m };
	switch (m->sqe.opcode) {
	case SIW_OP_WRITE:
		tm->opcode = RDMAP_WRITE;
		tm->stag = m->sqe.rkey;
		tm->to = m->sqe.raddr;
		break;
	case SIW_OP_SEND:
		tm->opcode = se ? RDMAP_SEND_SE : RDMAP_SEND;
		break;
	case SIW_OP_SEND_REMOTE_INV:
		tm->opcode = se ? RDMAP_SEND_SE_INVAL : RDMAP_SEND_INVAL;
		tm->inval_stag = m->sqe.rkey;
		break;
	default:
		tm->opcode = RDMAP_READ_REQ;
		tm->rreq = rreq;
		push_read(qp, m, rreq);
		break;
	}
	tm->len = m->len;
}

/* --- completion --------------------------------------------------------- */

/**
 * siw_wr_signalled() - does somebody wait for the completion of a WR?
 * @qp: QP
 * @flags: SIW_WQE_* of the WR
 *
 * Context: any.
 * Return: true if it gets one even if it succeeds.
 */
bool siw_wr_signalled(const struct siw_qp *qp, u32 flags)
{
	return qp->sig_all || (flags & SIW_WQE_SIGNALLED);
}

static void add_cqe(struct siw_qp *qp, const struct siw_sq_wr *w)
{
	struct siw_wc wc = {
		.id = w->id,
		.opcode = w->opcode,
		.status = w->status,
		.bytes = w->bytes,
		/* On the sender's side only errors are solicited. */
		.solicited = w->status != SIW_WC_SUCCESS,
	};

	siw_cq_add(qp->scq, qp, &wc);
}

/* Under the lock, so that two contexts cannot swap completions. */
static void complete_oldest(struct siw_qp *qp)
{
	lockdep_assert_held(&qp->lock);
	while (qp->wr_get != qp->wr_put) {
		struct siw_sq_wr *w = entry(qp, qp->wr_get);

		if (!w->done || w->loans)
			break;
		if (w->status != SIW_WC_SUCCESS ||
		    siw_wr_signalled(qp, w->flags))
			add_cqe(qp, w);
		WRITE_ONCE(qp->wr_get, qp->wr_get + 1);
	}
}

static void mark(struct siw_sq_wr *w, enum siw_wc_status status, u32 bytes)
{
	/* What was found first stays. */
	if (!w->done || w->status == SIW_WC_SUCCESS)
		w->status = status;
	w->done = true;
	w->bytes = w->status == SIW_WC_SUCCESS ? bytes : 0;
}

static bool is_begun(const struct siw_qp *qp, u32 wr)
{
	lockdep_assert_held(&qp->lock);
	return wr - qp->wr_get < qp->wr_put - qp->wr_get;
}

/**
 * siw_wr_done() - what a WR asked for has happened, or cannot
 * @qp: QP
 * @wr: its index
 * @status: how it went
 * @bytes: octets moved
 *
 * Context: any.
 */
void siw_wr_done(struct siw_qp *qp, u32 wr, enum siw_wc_status status,
		 u32 bytes)
{
	unsigned long flags;

	spin_lock_irqsave(&qp->lock, flags);
	/* It may have been flushed meanwhile. */
	if (is_begun(qp, wr)) {
		mark(entry(qp, wr), status, bytes);
		complete_oldest(qp);
	}
	spin_unlock_irqrestore(&qp->lock, flags);
}

/**
 * siw_wr_all_done() - is all that was taken from the send queue done?
 * @qp: QP
 *
 * A FIN need not wait until the peer has acknowledged what is before it.
 *
 * Context: under qp->lock.
 * Return: true if at most memory that was lent to TCP holds completions up.
 */
bool siw_wr_all_done(struct siw_qp *qp)
{
	u32 i;

	lockdep_assert_held(&qp->lock);
	for (i = qp->wr_get; i != qp->wr_put; i++)
		if (!entry(qp, i)->done)
			return false;
	return true;
}

/**
 * siw_wr_lend() - WRs cannot complete before TCP gives memory back
 * @qp: QP
 * @wr: index of the first
 * @cnt: how many
 *
 * Context: owner of qp->tx_state.
 */
void siw_wr_lend(struct siw_qp *qp, u32 wr, u32 cnt)
{
	unsigned long flags;

	spin_lock_irqsave(&qp->lock, flags);
	for (; cnt; cnt--, wr++)
		if (is_begun(qp, wr))
			entry(qp, wr)->loans++;
	spin_unlock_irqrestore(&qp->lock, flags);
}

/**
 * siw_wr_return() - TCP gave back what siw_wr_lend() was called for
 * @qp: QP
 * @wr: index of the first; those that were flushed are passed over
 * @cnt: how many
 *
 * Context: any.
 */
void siw_wr_return(struct siw_qp *qp, u32 wr, u32 cnt)
{
	unsigned long flags;

	spin_lock_irqsave(&qp->lock, flags);
	for (; cnt; cnt--, wr++)
		if (is_begun(qp, wr) && entry(qp, wr)->loans)
			entry(qp, wr)->loans--;
	complete_oldest(qp);
	spin_unlock_irqrestore(&qp->lock, flags);
}

static void drop_reads(struct siw_qp *qp)
{
	int i;

	lockdep_assert_held(&qp->lock);
	while ((i = siw_rdq_pop(&qp->orq_q)) >= 0) {
		if (qp->orq[i].mem)
			siw_mem_put(qp->orq[i].mem);
		qp->orq[i].mem = NULL;
	}
}

static void flush_begun(struct siw_qp *qp)
{
	unsigned long flags;
	u32 i;

	spin_lock_irqsave(&qp->lock, flags);
	drop_reads(qp);
	for (i = qp->wr_get; i != qp->wr_put; i++) {
		struct siw_sq_wr *w = entry(qp, i);

		/* What TCP still has, the peer may not have. */
		if (!w->done || w->loans)
			mark(w, SIW_WC_WR_FLUSH_ERR, 0);
		w->loans = 0;
	}
	complete_oldest(qp);
	spin_unlock_irqrestore(&qp->lock, flags);
}

/**
 * siw_wr_flush() - complete everything that is in the send queue
 * @qp: QP in error: nothing places responses any more
 *
 * Context: owner of qp->tx_state.
 * Return: false if there may be more: a user may refill the ring as fast as
 * this empties it.
 * RFC 5040 §6.2.1
 */
bool siw_wr_flush(struct siw_qp *qp)
{
	struct siw_sq_wr w = { .status = SIW_WC_WR_FLUSH_ERR };
	struct siw_sqe sqe;
	u32 i;

	flush_begun(qp);
	for (i = 0; i < qp->num_sqe; i++) {
		if (!siw_sqe_fetch(qp->sq, qp->num_sqe, &qp->sq_get, &sqe))
			return true;
		w.id = sqe.id;
		w.opcode = sqe.opcode;
		add_cqe(qp, &w);
	}
	return !siw_sqe_ready(qp->sq, qp->num_sqe, qp->sq_get);
}

/* --- the peer's Terminate ----------------------------------------------- */

static bool same_kind(u8 siw_op, u8 rdmap_op)
{
	switch (siw_op) {
	case SIW_OP_WRITE:
		return rdmap_op == RDMAP_WRITE;
	case SIW_OP_READ:
	case SIW_OP_READ_LOCAL_INV:
		return rdmap_op == RDMAP_READ_REQ;
	case SIW_OP_SEND:
		return rdmap_op == RDMAP_SEND || rdmap_op == RDMAP_SEND_SE;
	case SIW_OP_SEND_REMOTE_INV:
		return rdmap_op == RDMAP_SEND_INVAL ||
		       rdmap_op == RDMAP_SEND_SE_INVAL;
	default:
		return false;
	}
}

/* The WR that a Terminate blames: the oldest of its kind, or none. */
static struct siw_sq_wr *culprit(struct siw_qp *qp, const struct siw_term *t)
{
	u8 op = t->hdr[1] & RDMAP_OP_MASK;
	u32 i;

	if (t->hdr_len < DDP_TAGGED_LEN)
		return NULL;
	for (i = qp->wr_get; i != qp->wr_put; i++)
		if (same_kind(entry(qp, i)->opcode, op))
			return entry(qp, i);
	return NULL;
}

static enum siw_wc_status blame(enum siw_err err)
{
	switch (siw_qpsm_fail_ev(err, true)) {
	case SIW_QP_EV_FAIL_ACCESS:
		return SIW_WC_REM_ACCESS_ERR;
	case SIW_QP_EV_FAIL_REQ:
		return SIW_WC_REM_INV_REQ_ERR;
	default:
		return SIW_WC_GENERAL_ERR;
	}
}

/**
 * siw_wr_peer_term() - the WR that the peer complains about gets the blame
 * @qp: QP
 * @term: what the peer said
 *
 * A Write or Send that completed before cannot be blamed any more. Read
 * Requests are served in order, so it is the oldest.
 *
 * Context: any.
 * RFC 5040 §4.8
 */
void siw_wr_peer_term(struct siw_qp *qp, const struct siw_term *term)
{
	struct siw_sq_wr *w;
	unsigned long flags;

	spin_lock_irqsave(&qp->lock, flags);
	w = culprit(qp, term);
	if (w)
		mark(w, blame(term->err), 0);
	complete_oldest(qp);
	spin_unlock_irqrestore(&qp->lock, flags);
}
