// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * TCP's receive queue to the core: carries its instructions out, within the
 * socket's callback.
 *
 * All of qp->rx belongs to the socket lock. TCP says how much of a buffer may
 * be taken (urgent data ends it); that limit is kept.
 */
#include <linux/skbuff.h>
#include <net/tcp.h>

#include "siw.h"
#include "debug.h"
#include "trace.h"

/* Where the walk is */
struct cursor {
	struct siw_qp *qp;
	struct sock *sk;
	struct sk_buff *skb;
	u32 off;			/* next octet in @skb */
	u32 left;			/* octets that may be taken from there */
};

/* --- one instruction each; false: wait for more ------------------------- */

static bool fetch(struct cursor *c, const struct siw_rx_insn *insn)
{
	u32 n = min(insn->len, c->left);

	if (insn->buf == c->qp->rx.hdr)
		siw_count(c->qp->sdev, SIW_CNT_RX_FPDUS);
	if (skb_copy_bits(c->skb, c->off, insn->buf, n))
		return false;
	siw_rx_done(&c->qp->rx, n, 0);
	c->off += n;
	c->left -= n;
	return true;
}

/*
 * Look ahead over the buffers behind this one. They are in order and without
 * gaps; where two overlap the sequence numbers tell.
 */
static bool verify(struct cursor *c, const struct siw_rx_insn *insn)
{
	struct sk_buff *skb = c->skb;
	u32 off = c->off;
	u32 seq = TCP_SKB_CB(skb)->seq + off;
	u32 crc = siw_rx_crc(&c->qp->rx);
	u32 want = insn->len;
	u32 n;

	if (want > c->left && tcp_sk(c->sk)->rcv_nxt - seq < want)
		return false;
	for (;;) {
		n = off < skb->len ? min(want, skb->len - off) : 0;
		crc = siw_skb_crc(skb, off, n, crc);
		want -= n;
		seq += n;
		if (!want)
			break;
		if (skb_queue_is_last(&c->sk->sk_receive_queue, skb))
			return false;
		skb = skb_queue_next(&c->sk->sk_receive_queue, skb);
		off = seq - TCP_SKB_CB(skb)->seq;
		if ((s32)off < 0)
			return false;
	}
	siw_rx_verified(&c->qp->rx, crc);
	return true;
}

static bool place(struct cursor *c, const struct siw_rx_insn *insn)
{
	struct siw_rx *rx = &c->qp->rx;
	u32 n = min(insn->len, c->left);
	u32 crc = siw_rx_crc(rx);
	enum siw_err err;

	err = siw_place(c->qp, c->skb, c->off, insn, n,
			siw_rx_crc_wanted(rx) ? &crc : NULL);
	trace_siw_fpdu_place(c->qp, insn, n, err);
	if (err) {
		siw_rx_refuse(rx, err);
		return true;
	}
	siw_rx_done(rx, n, crc);
	c->off += n;
	c->left -= n;
	return true;
}

/* --- questions ---------------------------------------------------------- */

/* Look the buffers of a receive up, once, when it is taken. */
static bool take_sges(struct siw_qp *qp, u32 *capacity)
{
	struct siw_rqe *rqe = &qp->rqe;
	u64 total = 0;
	int i;

	if (rqe->num_sge > SIW_MAX_SGE)
		return false;
	for (i = 0; i < rqe->num_sge; i++) {
		if (siw_mem_get_sge(qp, &rqe->sge[i], SIW_R_LOCAL_WRITE,
				    &qp->rqe_mem[i]))
			return false;
		total += rqe->sge[i].length;
	}
	*capacity = min_t(u64, total, U32_MAX);
	return true;
}

static void need_rqe(struct siw_qp *qp)
{
	u32 capacity;

	if (!siw_rq_pop(qp, &qp->rqe)) {
		siw_count(qp->sdev, SIW_CNT_RX_NO_BUFFER);
		siw_rx_refuse(&qp->rx, SIW_E_UNT_NOBUF);
		return;
	}
	qp->rqe_busy = true;
	if (take_sges(qp, &capacity)) {
		trace_siw_rqe_take(qp, capacity);
		siw_rx_rqe(&qp->rx, capacity);
		return;
	}
	siw_qp_drop_rqe(qp, SIW_WC_LOC_PROT_ERR);
	siw_rx_refuse(&qp->rx, SIW_E_ROP_STREAM);
}

static void need_read(struct siw_qp *qp)
{
	struct siw_orqe o = {};
	unsigned long flags;
	int i;

	spin_lock_irqsave(&qp->lock, flags);
	i = siw_rdq_head(&qp->orq_q);
	if (i >= 0)
		o = qp->orq[i];
	spin_unlock_irqrestore(&qp->lock, flags);
	if (i >= 0)
		siw_rx_read(&qp->rx, o.stag, o.to, o.len);
	else
		siw_rx_refuse(&qp->rx, SIW_E_ROP_UNSOLICITED);
}

/* --- delivery ----------------------------------------------------------- */

static enum siw_err deliver_send(struct siw_qp *qp,
				 const struct siw_rx_insn *insn)
{
	bool inval = insn->flags & SIW_RX_F_INVALIDATE;
	enum siw_acc why;
	int i;

	if (inval && siw_mem_invalidate(qp, insn->inval_stag, true, &why))
		return SIW_E_RPROT_INVAL;
	qp->rqe_busy = false;
	for (i = 0; i < SIW_MAX_SGE; i++) {
		siw_mem_put(qp->rqe_mem[i]);
		qp->rqe_mem[i] = NULL;
	}
	siw_rqe_complete(qp, &qp->rqe, insn->msg_len, SIW_WC_SUCCESS,
			 inval ? &insn->inval_stag : NULL,
			 insn->flags & SIW_RX_F_SOLICITED);
	return SIW_OK;
}

static enum siw_err deliver_rreq(struct siw_qp *qp,
				 const struct siw_rx_insn *insn)
{
	unsigned long flags;
	int i;

	spin_lock_irqsave(&qp->lock, flags);
	i = siw_rdq_push(&qp->irq_q);
	if (i >= 0)
		qp->irq[i] = *insn->rreq;
	spin_unlock_irqrestore(&qp->lock, flags);
	if (i < 0)
		return SIW_E_RREQ_IRD;
	qp->rx_kick = true;
	return SIW_OK;
}

/* With ORD 0 a Read as RTR had a place, once. */
static void retire_read(struct siw_qp *qp, struct siw_orqe *o)
{
	unsigned long flags;
	int i;

	spin_lock_irqsave(&qp->lock, flags);
	i = siw_rdq_pop(&qp->orq_q);
	if (i >= 0) {
		*o = qp->orq[i];
		qp->orq[i].mem = NULL;
		if (o->rtr)
			qp->orq_q.limit = qp->ord;
	}
	spin_unlock_irqrestore(&qp->lock, flags);
}

static enum siw_err deliver_rresp(struct siw_qp *qp)
{
	enum siw_wc_status status = SIW_WC_SUCCESS;
	struct siw_orqe o = { .rtr = true };
	enum siw_acc why;

	retire_read(qp, &o);
	if (o.inval_stag && siw_mem_invalidate(qp, o.inval_stag, false, &why))
		status = SIW_WC_LOC_PROT_ERR;
	if (!o.rtr)
		siw_wr_done(qp, o.wr, status, o.len);
	if (status != SIW_WC_SUCCESS)
		siw_qp_fail_local(qp, SIW_E_RDMAP_LOCAL);
	siw_mem_put(o.mem);
	/* a fence, the ORD limit or a drain may have waited for it */
	qp->rx_kick = true;
	return SIW_OK;
}

static void deliver_term(struct siw_qp *qp, const struct siw_term *t)
{
	siw_count_term(qp->sdev, SIW_CNT_RX_TERM, t->layer);
	qp->peer_term = *t;
	trace_siw_term_recv(qp, t);
	ibdev_err_ratelimited(&qp->sdev->base,
			      "QP %u: peer terminated: %s (%x/%x/%02x)%s\n",
			      qp->base.qp_num, siw_err_name(t->err), t->layer,
			      t->etype, t->code,
			      t->swapped ? ", nibbles swapped" : "");
	siw_wr_peer_term(qp, t);
	siw_qp_event(qp, SIW_QP_EV_TERM_RCVD);
}

static void deliver(struct siw_qp *qp, const struct siw_rx_insn *insn)
{
	enum siw_err err = SIW_OK;

	siw_dbg(qp->sdev, DBG_RX, "QP %u: message, opcode %u\n",
		qp->base.qp_num, insn->opcode);
	siw_count(qp->sdev, SIW_CNT_RX_MSG + insn->opcode);
	trace_siw_msg_recv(qp, insn);
	switch (insn->opcode) {
	case RDMAP_WRITE:
		break;
	case RDMAP_READ_REQ:
		err = deliver_rreq(qp, insn);
		break;
	case RDMAP_READ_RESP:
		err = deliver_rresp(qp);
		break;
	case RDMAP_TERMINATE:
		deliver_term(qp, insn->term);
		break;
	default:
		err = deliver_send(qp, insn);
		break;
	}
	if (err)
		siw_rx_refuse(&qp->rx, err);
	else
		siw_rx_done(&qp->rx, 0, 0);
}

/* --- the end ------------------------------------------------------------ */

static void fail(struct siw_qp *qp)
{
	const struct siw_term *t = siw_rx_term(&qp->rx);

	WRITE_ONCE(qp->rx_stopped, true);
	if (!t || t->err == SIW_E_PEER_TERM)
		return;
	if (t->err == SIW_E_MPA_CRC)
		siw_count(qp->sdev, SIW_CNT_RX_CRC_ERRORS);
	/* The program's buffer was too small: its receive says so. */
	if (t->err == SIW_E_UNT_LONG || t->err == SIW_E_UNT_MO)
		siw_qp_drop_rqe(qp, SIW_WC_LOC_LEN_ERR);
	siw_qp_fail(qp, t);
}

/* The first valid FPDU lets a responder send. RFC 5044 §7.1.2 */
static void open_gate(struct siw_qp *qp)
{
	if (qp->gate || !siw_rx_gate_open(&qp->rx))
		return;
	WRITE_ONCE(qp->gate, true);
	qp->rx_kick = true;
}

/* ... and tells the CM that it was one, unless it ended everything. */
static void tell_gate(struct siw_qp *qp)
{
	struct siw_cep *cep = NULL;
	unsigned long flags;

	if (qp->gate_told || !qp->gate || READ_ONCE(qp->rx_stopped))
		return;
	qp->gate_told = true;
	spin_lock_irqsave(&qp->lock, flags);
	cep = qp->cep;
	if (cep)
		siw_cep_get(cep);
	spin_unlock_irqrestore(&qp->lock, flags);
	if (!cep)
		return;
	siw_cep_notify(cep, SIW_CE_GATE);
	siw_cep_put(cep);
}

/* --- the loop ----------------------------------------------------------- */

static bool step(struct cursor *c, const struct siw_rx_insn *insn)
{
	switch (insn->op) {
	case SIW_RX_FETCH:
		return fetch(c, insn);
	case SIW_RX_VERIFY:
		return verify(c, insn);
	case SIW_RX_PLACE_TAGGED:
	case SIW_RX_PLACE_UNTAGGED:
		return place(c, insn);
	case SIW_RX_NEED_RQE:
		need_rqe(c->qp);
		return true;
	case SIW_RX_NEED_READ:
		need_read(c->qp);
		return true;
	case SIW_RX_DELIVER:
		deliver(c->qp, insn);
		return true;
	case SIW_RX_FAIL:
		break;
	}
	fail(c->qp);
	return false;
}

/*
 * TCP calls this for each buffer. What follows an error is taken and dropped:
 * unread data would turn our FIN into an RST.
 */
static int actor(read_descriptor_t *desc, struct sk_buff *skb,
		 unsigned int off, size_t len)
{
	struct cursor *c = desc->arg.data;
	struct siw_qp *qp = c->qp;
	struct siw_rx_insn insn;

	c->skb = skb;
	c->off = off;
	c->left = len;
	while (!READ_ONCE(qp->rx_stopped)) {
		siw_rx_next(&qp->rx, &insn);
		if (insn.len && !c->left)
			break;
		if (!step(c, &insn))
			break;
		open_gate(qp);
		/* A Send as RTR is not delivered: its FPDU just ends. */
		if (insn.op == SIW_RX_DELIVER || siw_rx_idle(&qp->rx))
			tell_gate(qp);
	}
	siw_count_n(qp->sdev, SIW_CNT_RX_BYTES, len - c->left);
	return READ_ONCE(qp->rx_stopped) ? len : len - c->left;
}

/*
 * Urgent data has no meaning to MPA: the octet is one like all others. TCP
 * would stop in front of it until somebody takes it out of band.
 */
static void ignore_urgent(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (likely(!tp->urg_data))
		return;
	WRITE_ONCE(tp->urg_data, 0);
	tcp_fast_path_check(sk);
}

/**
 * siw_rx_run() - read what is in the socket
 * @qp: QP
 * @sk: its socket, locked
 *
 * Context: any.
 */
void siw_rx_run(struct siw_qp *qp, struct sock *sk)
{
	struct cursor c = { .qp = qp, .sk = sk };
	read_descriptor_t desc = { .arg.data = &c, .count = 1 };

	if (!READ_ONCE(qp->started))
		return;
	ignore_urgent(sk);
	rcu_read_lock();
	tcp_read_sock(sk, &desc, actor);
	rcu_read_unlock();
	if (!qp->rx_kick)
		return;
	qp->rx_kick = false;
	siw_sq_kick(qp, SIW_KICK_QUEUE);
}

/**
 * siw_rx_data_ready() - data arrived in the socket
 * @qp: QP
 * @sk: its socket, locked
 *
 * Context: softirq, or process context that works off the socket's backlog.
 */
void siw_rx_data_ready(struct siw_qp *qp, struct sock *sk)
{
	siw_rx_run(qp, sk);
}
