// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Work requests of the send queue: taken from the ring once, checked, turned
 * into messages, completed in the order in which they were posted.
 *
 * Every WR that leaves the ring gets an entry in qp->wr. It is marked when what
 * it asked for has happened: TCP has a copy of a Send or Write, the response to
 * a Read is placed. Completions are written from the oldest entry on only.
 * RFC 5040 §5.5 (rules 14, 15, 20)
 *
 * Messages are few at a time whatever the number of QPs, so they are taken from
 * a store that all share. Under usiw_lock().
 */
#include <errno.h>
#include <stdlib.h>

#include "priv.h"
#include "ring.h"

#define SPARE_MSGS	64		/* kept for the next one */

static USIW_LIST(spare);
static u32 spare_cnt;

static struct usiw_wr *entry(struct usiw_qp *qp, u32 wr)
{
	return &qp->wr[wr & (qp->num_wr - 1)];
}

/* --- messages ---------------------------------------------------------- */

static struct usiw_msg *msg_alloc(void)
{
	struct usiw_msg *m;

	if (usiw_list_empty(&spare))
		return malloc(sizeof(*m));
	m = usiw_entry(spare.next, struct usiw_msg, entry);
	usiw_list_del(&m->entry);
	spare_cnt--;
	return m;
}

/**
 * usiw_msg_new() - a message
 * @qp: QP
 * @kind: what it is for
 *
 * Return: NULL if the QP has enough of them, or there is no memory.
 */
struct usiw_msg *usiw_msg_new(struct usiw_qp *qp, enum usiw_msg_kind kind)
{
	struct usiw_msg *m;

	if (qp->msg_cnt == USIW_TX_MSGS)
		return NULL;
	m = msg_alloc();
	if (!m)
		return NULL;
	qp->msg_cnt++;
	usiw_list_add_tail(&m->entry, &qp->msgs);
	m->kind = kind;
	m->aborted = false;
	m->bad = SIW_WC_SUCCESS;
	m->num_sge = 0;
	m->len = 0;
	m->cut = 0;
	memset(m->mr, 0, sizeof(m->mr));
	return m;
}

/**
 * usiw_msg_free() - give a message and what it refers to back
 * @qp: QP
 * @m: message
 */
void usiw_msg_free(struct usiw_qp *qp, struct usiw_msg *m)
{
	int i;

	for (i = 0; i < SIW_MAX_SGE; i++)
		usiw_mr_put(m->mr[i]);
	usiw_list_del(&m->entry);
	qp->msg_cnt--;
	if (spare_cnt == SPARE_MSGS) {
		free(m);
		return;
	}
	usiw_list_add(&m->entry, &spare);
	spare_cnt++;
}

static int own_iov(void *p, u32 len, struct iovec *v)
{
	v->iov_base = p;
	v->iov_len = len;
	return 1;
}

/**
 * usiw_msg_iov() - where some of a message's payload is
 * @qp: QP
 * @m: message
 * @off: first octet, from the start of the message
 * @len: octets, not beyond the end of the message
 * @v: result
 * @max: elements there; SIW_MAX_SGE are always enough
 *
 * Return: elements used; -EFAULT if the memory was deregistered; -ENOSPC.
 */
int usiw_msg_iov(struct usiw_qp *qp, const struct usiw_msg *m, u32 off, u32 len,
		 struct iovec *v, int max)
{
	const struct siw_sge *sge = m->sqe.sge;
	int i, n = 0;

	if (len && !max)
		return -ENOSPC;
	if (len && m->kind == USIW_MSG_TERM)
		return own_iov(qp->term_buf + off, len, v);
	if (len && m->kind == USIW_MSG_SQ && (m->sqe.flags & SIW_WQE_INLINE))
		return own_iov((u8 *)&sge[1] + off, len, v);
	for (i = 0; len && i < m->num_sge; off -= sge[i++].length) {
		u32 part;

		if (off >= sge[i].length)
			continue;
		if (n == max)
			return -ENOSPC;
		if (!m->mr[i]->valid)
			return -EFAULT;
		part = sge[i].length - off;
		if (part > len)
			part = len;
		v[n].iov_base = usiw_mr_ptr(m->mr[i], sge[i].laddr + off);
		v[n++].iov_len = part;
		len -= part;
		off += part;
	}
	return len ? -EFAULT : n;
}

/* --- taking and checking ----------------------------------------------- */

static bool opcode_ok(const struct usiw_qp *qp, u8 opcode)
{
	switch (opcode) {
	case SIW_OP_SEND_WITH_IMM:
	case USIW_OP_WRITE_WITH_IMM:
		return qp->a.caps & USIW_CAP_IMM;
	case SIW_OP_FETCH_AND_ADD:
	case SIW_OP_COMP_AND_SWAP:
		return qp->a.caps & USIW_CAP_ATOMIC;
	case SIW_OP_WRITE:
	case SIW_OP_READ:
	case SIW_OP_READ_LOCAL_INV:
	case SIW_OP_SEND:
	case SIW_OP_SEND_REMOTE_INV:
		return true;
	default:
		return false;
	}
}

static bool is_atomic(const struct usiw_msg *m)
{
	return m->sqe.opcode == SIW_OP_FETCH_AND_ADD ||
	       m->sqe.opcode == SIW_OP_COMP_AND_SWAP;
}

/**
 * usiw_wr_reads() - does a WR wait for a response?
 * @m: of the SQ
 *
 * Return: true for Reads and Atomic Operations.
 */
bool usiw_wr_reads(const struct usiw_msg *m)
{
	return m->sqe.opcode == SIW_OP_READ ||
	       m->sqe.opcode == SIW_OP_READ_LOCAL_INV || is_atomic(m);
}

/* The last SGE of a WR with immediate data has these in it. */
static bool has_imm(const struct usiw_msg *m)
{
	return m->sqe.opcode == SIW_OP_SEND_WITH_IMM ||
	       m->sqe.opcode == USIW_OP_WRITE_WITH_IMM;
}

static u32 max_sge(const struct usiw_qp *qp)
{
	return qp->a.max_send_sge ? qp->a.max_send_sge : 1;
}

static enum siw_wc_status check_sges(struct usiw_qp *qp, struct usiw_msg *m)
{
	u8 need = usiw_wr_reads(m) ? SIW_R_LOCAL_WRITE : SIW_R_LOCAL_READ;
	int most = usiw_wr_reads(m) ? 1 : SIW_MAX_SGE - has_imm(m);
	u64 total = 0;
	int i;

	if (m->sqe.num_sge > most || m->sqe.num_sge > max_sge(qp))
		return SIW_WC_LOC_QP_OP_ERR;
	m->num_sge = m->sqe.num_sge;
	for (i = 0; i < m->num_sge; i++) {
		total += m->sqe.sge[i].length;
		if (usiw_mr_get_sge(qp, &m->sqe.sge[i], need, &m->mr[i]))
			return SIW_WC_LOC_PROT_ERR;
	}
	if (total > U32_MAX)
		return SIW_WC_LOC_LEN_ERR;
	m->len = (u32)total;
	if ((is_atomic(m) && m->len != sizeof(u64)) ||
	    (m->sqe.opcode == SIW_OP_SEND_WITH_IMM && m->len))
		return SIW_WC_LOC_LEN_ERR;
	return SIW_WC_SUCCESS;
}

static enum siw_wc_status check_inline(struct usiw_msg *m)
{
	size_t most = SIW_MAX_INLINE;

	if (m->sqe.opcode == SIW_OP_SEND_WITH_IMM)
		most = 0;
	else if (has_imm(m))
		most -= sizeof(struct siw_sge);
	if (usiw_wr_reads(m) || m->sqe.sge[0].length > most)
		return SIW_WC_LOC_QP_OP_ERR;
	m->len = m->sqe.sge[0].length;
	return SIW_WC_SUCCESS;
}

/* What is wrong with the private copy of a WR? */
static enum siw_wc_status check(struct usiw_qp *qp, struct usiw_msg *m)
{
	if (!opcode_ok(qp, m->sqe.opcode))
		return SIW_WC_LOC_QP_OP_ERR;
	if (m->sqe.flags & SIW_WQE_INLINE)
		return check_inline(m);
	if (usiw_wr_reads(m) && !qp->ord)
		return SIW_WC_LOC_QP_OP_ERR;
	return check_sges(qp, m);
}

static u32 push_entry(struct usiw_qp *qp, const struct siw_sqe *sqe)
{
	u32 wr = qp->wr_put++;
	struct usiw_wr *w = entry(qp, wr);

	w->id = sqe->id;
	w->opcode = sqe->opcode;
	w->flags = sqe->flags;
	w->done = false;
	w->status = SIW_WC_SUCCESS;
	w->bytes = 0;
	return wr;
}

/**
 * usiw_wr_fetch() - take the next WR of the send queue
 * @qp: QP
 *
 * The WR is checked; @bad of the result says what completion it gets if it is
 * not fit to be carried out.
 *
 * Return: a message that holds it, NULL if there is none or no room for it.
 */
struct usiw_msg *usiw_wr_fetch(struct usiw_qp *qp)
{
	struct usiw_msg *m;

	if (!usiw_sqe_ready(qp->a.sq, qp->a.num_sqe, qp->sq_get) ||
	    qp->wr_put - qp->wr_get >= qp->num_wr)
		return NULL;
	m = usiw_msg_new(qp, USIW_MSG_SQ);
	if (!m)
		return NULL;
	if (!usiw_sqe_fetch(qp->a.sq, qp->a.num_sqe, &qp->sq_get, &m->sqe)) {
		usiw_msg_free(qp, m);
		return NULL;
	}
	m->wr = push_entry(qp, &m->sqe);
	m->bad = check(qp, m);
	return m;
}

/**
 * usiw_wr_blocked() - must the WR wait?
 * @qp: QP
 * @m: from usiw_wr_fetch()
 *
 * Return: true while a fence or the ORD limit holds it up.
 * RFC 5040 §6.1, §5.5
 */
bool usiw_wr_blocked(struct usiw_qp *qp, const struct usiw_msg *m)
{
	return siw_rdq_holds(&qp->orq_q, m->sqe.flags & SIW_WQE_READ_FENCE,
			     usiw_wr_reads(m));
}

/**
 * usiw_wr_ends() - is a WR done with its message?
 * @m: of the SQ
 *
 * Return: false for the Write of a Write with immediate data.
 */
bool usiw_wr_ends(const struct usiw_msg *m)
{
	return m->sqe.opcode != USIW_OP_WRITE_WITH_IMM;
}

/**
 * usiw_wr_split() - what follows the Write of a Write with immediate data
 * @qp: QP
 * @m: the WR
 *
 * Return: Immediate Data, to be sent before any other WR; NULL: not now.
 * RFC 7306 §6
 */
struct usiw_msg *usiw_wr_split(struct usiw_qp *qp, const struct usiw_msg *m)
{
	struct usiw_msg *imm = usiw_msg_new(qp, USIW_MSG_SQ);

	if (!imm)
		return NULL;
	imm->wr = m->wr;
	imm->sqe = m->sqe;
	imm->sqe.opcode = SIW_OP_SEND_WITH_IMM;
	imm->sqe.flags &= SIW_WQE_SOLICITED;
	return imm;
}

/* --- turning a WR into a message --------------------------------------- */

/**
 * usiw_orq_push() - room for one more outstanding Read
 * @qp: started
 *
 * Return: the entry, or NULL.
 */
struct usiw_orqe *usiw_orq_push(struct usiw_qp *qp)
{
	int i;

	if (!qp->orq)
		qp->orq = calloc(qp->orq_q.size, sizeof(*qp->orq));
	if (!qp->orq)
		return NULL;
	i = siw_rdq_push(&qp->orq_q);
	return i < 0 ? NULL : &qp->orq[i];
}

/* As long as its response is not here, the sink is the request's. */
static struct usiw_orqe *push_sink(struct usiw_qp *qp, struct usiw_msg *m)
{
	struct usiw_orqe *o = usiw_orq_push(qp);

	if (!o)
		return NULL;
	*o = (struct usiw_orqe) {
		.mr = m->mr[0],
		.to = m->sqe.sge[0].laddr,
		.stag = m->sqe.sge[0].lkey,
		.len = m->len,
		.wr = m->wr,
	};
	m->mr[0] = NULL;	/* moves */
	m->len = 0;
	return o;
}

static int push_atomic(struct usiw_qp *qp, struct usiw_msg *m,
		       struct siw_areq *a)
{
	const struct siw_sge *sge = m->sqe.sge;
	struct usiw_orqe *o = push_sink(qp, m);

	if (!o)
		return -ENOMEM;
	o->atomic = true;
	o->id = ++qp->areq_id;
	*a = (struct siw_areq) {
		.op = m->sqe.opcode == SIW_OP_COMP_AND_SWAP ? RDMAP_CMP_SWAP :
							      RDMAP_FETCH_ADD,
		.id = o->id,
		.stag = m->sqe.rkey,
		.to = m->sqe.raddr,
		.data = sge[1].laddr,
		.mask = sge[2].laddr,
		.cmp = sge[3].laddr,
		.cmp_mask = sge[4].laddr,
	};
	return 0;
}

/* The entry exists before the first octet leaves. */
static int push_read(struct usiw_qp *qp, struct usiw_msg *m,
		     struct siw_rreq *rreq)
{
	const struct siw_sge *sge = &m->sqe.sge[0];
	/* An STag on the wire is never 0: some hardware looks at it. */
	bool named = m->num_sge && sge->lkey;
	struct usiw_orqe *o = push_sink(qp, m);

	if (!o)
		return -ENOMEM;
	if (!named) {
		o->stag = 1;
		o->to = 0;
	}
	if (named && m->sqe.opcode == SIW_OP_READ_LOCAL_INV)
		o->inval_stag = sge->lkey;
	*rreq = (struct siw_rreq) {
		.sink_stag = o->stag,
		.sink_to = o->to,
		.len = o->len,
		.source_stag = m->sqe.rkey,
		.source_to = m->sqe.raddr,
	};
	return 0;
}

/**
 * usiw_wr_message() - describe a WR to the transmit machine
 * @qp: QP
 * @m: the WR; neither bad nor blocked
 * @tm: result
 * @req: store that @tm may point to
 *
 * Return: 0 or -ENOMEM.
 * RFC 5040 §5
 */
int usiw_wr_message(struct usiw_qp *qp, struct usiw_msg *m,
		    struct siw_tx_msg *tm, struct usiw_req *req)
{
	bool se = m->sqe.flags & SIW_WQE_SOLICITED;
	int rv = 0;

	*tm = (struct siw_tx_msg) { .ctx = m };
	switch (m->sqe.opcode) {
	case SIW_OP_WRITE:
	case USIW_OP_WRITE_WITH_IMM:
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
	case SIW_OP_SEND_WITH_IMM:
		tm->opcode = se ? RDMAP_IMM_SE : RDMAP_IMM;
		tm->imm = m->sqe.sge[SIW_MAX_SGE - 1].laddr;
		break;
	case SIW_OP_FETCH_AND_ADD:
	case SIW_OP_COMP_AND_SWAP:
		tm->opcode = RDMAP_ATOMIC_REQ;
		tm->areq = &req->areq;
		rv = push_atomic(qp, m, &req->areq);
		break;
	default:
		tm->opcode = RDMAP_READ_REQ;
		tm->rreq = &req->rreq;
		rv = push_read(qp, m, &req->rreq);
		break;
	}
	tm->len = m->len;
	return rv;
}

/* --- completion -------------------------------------------------------- */

static void add_cqe(struct usiw_qp *qp, const struct usiw_wr *w)
{
	struct usiw_wc wc = {
		.id = w->id,
		.opcode = w->opcode,
		.status = w->status,
		.bytes = w->bytes,
		.reason = usiw_qp_why(qp),
		/* On the sender's side only errors are solicited. */
		.solicited = w->status != SIW_WC_SUCCESS,
	};

	qp->a.scq->hot = qp;
	usiw_cq_add(qp->a.scq, qp->num, &wc);
}

static void complete_oldest(struct usiw_qp *qp)
{
	while (qp->wr_get != qp->wr_put) {
		struct usiw_wr *w = entry(qp, qp->wr_get);

		if (!w->done)
			break;
		if (w->status != SIW_WC_SUCCESS || qp->a.sig_all ||
		    (w->flags & SIW_WQE_SIGNALLED))
			add_cqe(qp, w);
		qp->wr_get++;
	}
}

static void mark(struct usiw_wr *w, enum siw_wc_status status, u32 bytes)
{
	/* What was found first stays. */
	if (!w->done || w->status == SIW_WC_SUCCESS)
		w->status = (u16)status;
	w->done = true;
	w->bytes = w->status == SIW_WC_SUCCESS ? bytes : 0;
}

/**
 * usiw_wr_done() - what a WR asked for has happened, or cannot
 * @qp: QP
 * @wr: its index
 * @status: how it went
 * @bytes: octets moved
 */
void usiw_wr_done(struct usiw_qp *qp, u32 wr, enum siw_wc_status status,
		  u32 bytes)
{
	/* It may have been flushed meanwhile. */
	if (wr - qp->wr_get >= qp->wr_put - qp->wr_get)
		return;
	mark(entry(qp, wr), status, bytes);
	complete_oldest(qp);
}

static void flush_begun(struct usiw_qp *qp)
{
	int i;
	u32 wr;

	while ((i = siw_rdq_pop(&qp->orq_q)) >= 0) {
		usiw_mr_put(qp->orq[i].mr);
		qp->orq[i].mr = NULL;
	}
	for (wr = qp->wr_get; wr != qp->wr_put; wr++)
		if (!entry(qp, wr)->done)
			mark(entry(qp, wr), SIW_WC_WR_FLUSH_ERR, 0);
	complete_oldest(qp);
}

/**
 * usiw_wr_flush() - complete everything that is in the send queue
 * @qp: QP in error: nothing places responses any more
 *
 * Return: true if there was something in the ring.
 * RFC 5040 §6.2.1
 */
bool usiw_wr_flush(struct usiw_qp *qp)
{
	struct usiw_wr w = { .status = SIW_WC_WR_FLUSH_ERR };
	struct siw_sqe sqe;
	u32 i;

	flush_begun(qp);
	for (i = 0; i < qp->a.num_sqe; i++) {
		if (!usiw_sqe_fetch(qp->a.sq, qp->a.num_sqe, &qp->sq_get,
				    &sqe))
			break;
		w.id = sqe.id;
		w.opcode = sqe.opcode;
		add_cqe(qp, &w);
	}
	return i;
}

/* --- the peer's Terminate ---------------------------------------------- */

static bool same_kind(u8 siw_op, u8 rdmap_op)
{
	switch (siw_op) {
	case SIW_OP_WRITE:
		return rdmap_op == RDMAP_WRITE;
	case USIW_OP_WRITE_WITH_IMM:
		return rdmap_op == RDMAP_WRITE || rdmap_op == RDMAP_IMM ||
		       rdmap_op == RDMAP_IMM_SE;
	case SIW_OP_SEND_WITH_IMM:
		return rdmap_op == RDMAP_IMM || rdmap_op == RDMAP_IMM_SE;
	case SIW_OP_FETCH_AND_ADD:
	case SIW_OP_COMP_AND_SWAP:
		return rdmap_op == RDMAP_ATOMIC_REQ;
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
static struct usiw_wr *culprit(struct usiw_qp *qp, const struct siw_term *t)
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
 * usiw_wr_peer_term() - the WR that the peer complains about gets the blame
 * @qp: QP
 * @term: what the peer said
 *
 * A Write or Send that completed before cannot be blamed any more. Read
 * Requests are served in order, so it is the oldest.
 *
 * RFC 5040 §4.8
 */
void usiw_wr_peer_term(struct usiw_qp *qp, const struct siw_term *term)
{
	struct usiw_wr *w = culprit(qp, term);

	if (w)
		mark(w, blame(term->err), 0);
	complete_oldest(qp);
}
