// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * TCP's octets to the core: carries its instructions out.
 *
 * One stage serves all connections of an engine: recv() fills it, and it is
 * worked off at once. Only with CRC on something stays, the beginning of an FPDU
 * that is not all here; it is put aside when another connection needs the stage.
 *
 * Payload of a segment that has been checked, and needs no CRC, and is not
 * divided by markers, is received where it belongs, together with the header
 * that follows it; so in a stream of large segments nothing is copied twice.
 * What is in the stage already gets there by usiw_copy_to(). While large
 * segments are to be expected only a little is received into the stage, not to
 * have them there. Access is checked for the whole segment before anything of
 * it is placed, and that the memory is still registered each time.
 *
 * Under usiw_lock(), but for recv(): qp->receiving says whose the receive machine
 * and the stage are then. RFC 5044 §6, RFC 5041 §7.1
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "priv.h"
#include "sys.h"
#include "ring.h"

#define BULK_MIN	16384		/* a large segment, octets */
#define BULK_TRUST	4		/* small ones until none is expected */
#define BULK_STAGE	4096		/* of the stage, while one is */
#define DIRECT_MIN	4096		/* octets that deserve it */
#define DIRECT_MIN_BULK	64
#define MORE_MIN	16384		/* so much at once: more is coming */
#define TURN		8		/* calls of recv() before others */

/* Where the walk is */
struct cursor {
	struct usiw_qp *qp;
	const u8 *p;			/* next octet, in the stage */
	u32 left;
};

/* Whose begun FPDU is in a stage, and where */
static struct {
	struct usiw_ep *owner;
	const u8 *at;
} stages[USIW_STAGES];

/* --- where payload goes ------------------------------------------------ */

static enum siw_err untagged_iov(struct usiw_qp *qp, u32 off, u32 len,
				 struct iovec *v, int *cnt)
{
	const struct siw_rqe *rqe = &qp->rqe;
	int i;

	for (i = 0; len && i < rqe->num_sge; i++) {
		const struct siw_sge *sge = &rqe->sge[i];
		u32 n;

		if (off >= sge->length) {
			off -= sge->length;
			continue;
		}
		if (!qp->rqe_mr[i]->valid)
			return SIW_E_ROP_STREAM;
		n = sge->length - off < len ? sge->length - off : len;
		v[*cnt].iov_base = usiw_mr_ptr(qp->rqe_mr[i],
					       sge->laddr + off);
		v[(*cnt)++].iov_len = n;
		len -= n;
		off = 0;
	}
	return len ? SIW_E_ROP_STREAM : SIW_OK;
}

static enum siw_err find_write(struct usiw_qp *qp,
			       const struct siw_rx_insn *insn, u32 len,
			       const struct usiw_mr **mr)
{
	struct siw_mem_view v;

	*mr = usiw_mr_find(insn->stag);
	usiw_mr_view(*mr, &v);
	return siw_acc_err(siw_access(&v, qp->a.pd, qp->rights, insn->to, len,
				      SIW_R_REMOTE_WRITE),
			   SIW_ACC_TAGGED);
}

/* The core has matched STag, TO and length with the oldest Read. */
static enum siw_err find_read(struct usiw_qp *qp,
			      const struct siw_rx_insn *insn, u32 len,
			      const struct usiw_mr **mr)
{
	int i = siw_rdq_head(&qp->orq_q);
	struct siw_mem_view v;

	*mr = i >= 0 ? qp->orq[i].mr : NULL;
	usiw_mr_view(*mr, &v);
	return siw_acc_err(siw_access_sge(&v, qp->a.pd, insn->to, len,
					  SIW_R_LOCAL_WRITE),
			   SIW_ACC_TAGGED);
}

static void learn(struct usiw_qp *qp, u32 seg_len)
{
	if (seg_len >= BULK_MIN && !qp->no_bulk)
		qp->rx_bulk = BULK_TRUST;
	else if (qp->rx_bulk)
		qp->rx_bulk--;
}

/* Check a PLACE instruction, and say where its next @n octets go. */
static enum siw_err find(struct usiw_qp *qp, const struct siw_rx_insn *insn,
			 u32 n, struct iovec *v, int *cnt)
{
	const struct usiw_mr *mr;
	enum siw_err err;
	u32 len = n;

	if (insn->flags & SIW_RX_F_SEG_START) {
		len = insn->seg_len;
		learn(qp, len);
	}

	*cnt = 0;
	if (insn->op == SIW_RX_PLACE_UNTAGGED)
		return untagged_iov(qp, insn->mo, n, v, cnt);
	if (insn->opcode == RDMAP_WRITE)
		err = find_write(qp, insn, len, &mr);
	else
		err = find_read(qp, insn, len, &mr);
	if (err)
		return err;
	v->iov_base = usiw_mr_ptr(mr, insn->to);
	v->iov_len = n;
	*cnt = 1;
	return SIW_OK;
}

/* The program's own memory cannot be written: its WR says so. */
static void bad_sink(struct usiw_qp *qp, const struct siw_rx_insn *insn)
{
	int i;

	if (insn->op == SIW_RX_PLACE_UNTAGGED) {
		usiw_qp_drop_rqe(qp, SIW_WC_LOC_PROT_ERR);
	} else if (insn->opcode == RDMAP_READ_RESP) {
		i = siw_rdq_head(&qp->orq_q);
		if (i >= 0 && !qp->orq[i].rtr)
			usiw_wr_done(qp, qp->orq[i].wr, SIW_WC_LOC_PROT_ERR, 0);
	}
	siw_rx_refuse(&qp->rx, SIW_E_ROP_STREAM);
}

/* --- one instruction each; false: wait for more ------------------------ */

static void advance(struct cursor *c, u32 n)
{
	c->p += n;
	c->left -= n;
}

static void fetch(struct cursor *c, const struct siw_rx_insn *insn)
{
	u32 n = insn->len < c->left ? insn->len : c->left;

	memcpy(insn->buf, c->p, n);
	siw_rx_done(&c->qp->rx, n, 0);
	advance(c, n);
}

static bool verify(struct cursor *c, const struct siw_rx_insn *insn)
{
	if (c->left < insn->len)
		return false;
	siw_rx_verified(&c->qp->rx, siw_crc32c(siw_rx_crc(&c->qp->rx), c->p,
					       insn->len));
	return true;
}

static void place(struct cursor *c, const struct siw_rx_insn *insn)
{
	struct siw_rx *rx = &c->qp->rx;
	u32 n = insn->len < c->left ? insn->len : c->left;
	struct iovec v[SIW_MAX_SGE];
	u32 crc = siw_rx_crc(rx);
	enum siw_err err;
	int cnt;

	err = find(c->qp, insn, n, v, &cnt);
	if (err) {
		siw_rx_refuse(rx, err);
		return;
	}
	if (usiw_copy_to(v, cnt, c->p, n)) {
		bad_sink(c->qp, insn);
		return;
	}
	if (siw_rx_crc_wanted(rx))
		crc = siw_crc32c(crc, c->p, n);
	siw_rx_done(rx, n, crc);
	advance(c, n);
}

/* --- questions --------------------------------------------------------- */

/* Look the buffers of a receive up, once, when it is taken. */
static bool take_sges(struct usiw_qp *qp, u32 *capacity)
{
	struct siw_rqe *rqe = &qp->rqe;
	u64 total = 0;
	int i;

	if (rqe->num_sge > SIW_MAX_SGE)
		return false;
	for (i = 0; i < rqe->num_sge; i++) {
		if (usiw_mr_get_sge(qp, &rqe->sge[i], SIW_R_LOCAL_WRITE,
				    &qp->rqe_mr[i]))
			return false;
		total += rqe->sge[i].length;
	}
	*capacity = total < U32_MAX ? (u32)total : U32_MAX;
	return true;
}

static void need_rqe(struct usiw_qp *qp)
{
	u32 capacity;

	if (!usiw_rq_pop(qp, &qp->rqe)) {
		siw_rx_refuse(&qp->rx, SIW_E_UNT_NOBUF);
		return;
	}
	qp->rqe_busy = true;
	if (take_sges(qp, &capacity)) {
		siw_rx_rqe(&qp->rx, capacity);
		return;
	}
	usiw_qp_drop_rqe(qp, SIW_WC_LOC_PROT_ERR);
	siw_rx_refuse(&qp->rx, SIW_E_ROP_STREAM);
}

/* Reads and Atomics are answered in one order. */
static void need_read(struct usiw_qp *qp, const struct siw_rx_insn *insn)
{
	bool atomic = insn->opcode == RDMAP_ATOMIC_RESP;
	int i = siw_rdq_head(&qp->orq_q);
	const struct usiw_orqe *o = i < 0 ? NULL : &qp->orq[i];

	if (!o || o->atomic != atomic)
		siw_rx_refuse(&qp->rx, atomic ? SIW_E_ARESP_NONE :
						SIW_E_ROP_UNSOLICITED);
	else if (atomic)
		siw_rx_atomic(&qp->rx, o->id);
	else
		siw_rx_read(&qp->rx, o->stag, o->to, o->len);
}

/* --- delivery ---------------------------------------------------------- */

/* D-47: ordinary memory cannot be invalidated, and there is no other here. */
static enum siw_err deliver_send(struct usiw_qp *qp,
				 const struct siw_rx_insn *insn)
{
	struct usiw_wc wc = {
		.opcode = insn->flags & SIW_RX_F_AFTER_WRITE ?
			  USIW_OP_RECV_RDMA_IMM : SIW_OP_RECEIVE,
		.status = SIW_WC_SUCCESS,
		.bytes = insn->msg_len,
		.solicited = insn->flags & SIW_RX_F_SOLICITED,
		.has_imm = siw_opcode_info(insn->opcode)->ext,
		.imm = insn->val,
	};
	int i;

	if (insn->flags & SIW_RX_F_INVALIDATE)
		return SIW_E_RPROT_INVAL;
	qp->rqe_busy = false;
	for (i = 0; i < SIW_MAX_SGE; i++) {
		usiw_mr_put(qp->rqe_mr[i]);
		qp->rqe_mr[i] = NULL;
	}
	wc.id = qp->rqe.id;
	usiw_rqe_complete(qp, &wc);
	return SIW_OK;
}

/* A Read Request or an Atomic Request: they share what was agreed on. */
static enum siw_err deliver_req(struct usiw_qp *qp,
				const struct siw_rx_insn *insn)
{
	int i;

	if (!qp->irq)
		qp->irq = calloc(qp->irq_q.size, sizeof(*qp->irq));
	if (!qp->irq)
		return SIW_E_ROP_STREAM;
	i = siw_rdq_push(&qp->irq_q);
	if (i < 0)
		return SIW_E_RREQ_IRD;
	qp->irq[i].atomic = insn->areq;
	if (insn->areq)
		qp->irq[i].areq = *insn->areq;
	else
		qp->irq[i].rreq = *insn->rreq;
	usiw_qp_kick(qp);
	return SIW_OK;
}

static enum siw_err deliver_rresp(struct usiw_qp *qp)
{
	int i = siw_rdq_pop(&qp->orq_q);
	struct usiw_orqe o;

	/* a fence, the ORD limit or a drain may have waited for it */
	usiw_qp_kick(qp);
	if (i < 0)
		return SIW_OK;
	o = qp->orq[i];
	qp->orq[i].mr = NULL;
	usiw_mr_put(o.mr);
	if (o.rtr) {
		/* With ORD 0 a Read as RTR had a place, once. */
		qp->orq_q.limit = qp->ord;
		return SIW_OK;
	}
	if (!o.inval_stag) {
		usiw_wr_done(qp, o.wr, SIW_WC_SUCCESS, o.len);
		return SIW_OK;
	}
	usiw_wr_done(qp, o.wr, SIW_WC_LOC_PROT_ERR, 0);
	usiw_qp_fail_local(qp, SIW_E_RDMAP_LOCAL);
	return SIW_OK;
}

static void deliver_term(struct usiw_qp *qp, const struct siw_term *t)
{
	usiw_log(1, "QP %u: peer terminated: %s (%x/%x/%02x)%s", qp->num,
		 siw_err_name(t->err), t->layer, t->etype, t->code,
		 t->swapped ? ", nibbles swapped" : "");
	usiw_qp_blame(qp, t->err);
	/* what was sent before cannot be blamed */
	usiw_tx_catch_up(qp);
	usiw_wr_peer_term(qp, t);
	usiw_qp_event(qp, SIW_QP_EV_TERM_RCVD);
}

static void deliver(struct usiw_qp *qp, const struct siw_rx_insn *insn)
{
	enum siw_err err = SIW_OK;

	switch (insn->opcode) {
	case RDMAP_WRITE:
		break;
	case RDMAP_READ_REQ:
	case RDMAP_ATOMIC_REQ:
		err = deliver_req(qp, insn);
		break;
	case RDMAP_READ_RESP:
		err = deliver_rresp(qp);
		break;
	case RDMAP_ATOMIC_RESP:
		err = usiw_atomic_place(qp, insn->val);
		if (!err)
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

/* --- the end ----------------------------------------------------------- */

static void fail(struct usiw_qp *qp)
{
	const struct siw_term *t = siw_rx_term(&qp->rx);

	qp->rx_stopped = true;
	if (!t || t->err == SIW_E_PEER_TERM)
		return;
	usiw_qp_blame(qp, t->err);
	/* The program's buffer was too small: its receive says so. */
	if (t->err == SIW_E_UNT_LONG || t->err == SIW_E_UNT_MO)
		usiw_qp_drop_rqe(qp, SIW_WC_LOC_LEN_ERR);
	usiw_qp_fail(qp, t);
}

/* The first valid FPDU lets a responder send. RFC 5044 §7.1.2 */
static void open_gate(struct usiw_qp *qp)
{
	if (qp->gate || !siw_rx_gate_open(&qp->rx))
		return;
	qp->gate = true;
	usiw_qp_kick(qp);
}

/* ... and tells the connection that it was one, unless it ended everything. */
static void tell_gate(struct usiw_qp *qp)
{
	if (qp->gate_told || !qp->gate || qp->rx_stopped)
		return;
	qp->gate_told = true;
	if (qp->ep)
		usiw_ep_notify(qp->ep, USIW_EP_GATE);
}

/* --- the loop ---------------------------------------------------------- */

static bool step(struct cursor *c, const struct siw_rx_insn *insn)
{
	switch (insn->op) {
	case SIW_RX_FETCH:
		fetch(c, insn);
		return true;
	case SIW_RX_VERIFY:
		return verify(c, insn);
	case SIW_RX_PLACE_TAGGED:
	case SIW_RX_PLACE_UNTAGGED:
		place(c, insn);
		return true;
	case SIW_RX_NEED_RQE:
		need_rqe(c->qp);
		return true;
	case SIW_RX_NEED_READ:
		need_read(c->qp, insn);
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

/* Carry out what can be with the octets that are here. */
static void walk(struct cursor *c)
{
	struct usiw_qp *qp = c->qp;
	struct siw_rx_insn insn;

	while (!qp->rx_stopped) {
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
}

/* --- the stage --------------------------------------------------------- */

static bool is_in_stage(const struct usiw_ep *ep)
{
	return stages[ep->stage].owner == ep;
}

/* Somebody else needs the stage. */
static void put_aside(u32 stage)
{
	struct usiw_ep *ep = stages[stage].owner;

	stages[stage].owner = NULL;
	if (!ep)
		return;
	ep->left = malloc(ep->left_len);
	if (ep->left)
		memcpy(ep->left, stages[stage].at, ep->left_len);
	else
		usiw_ep_notify(ep, USIW_EP_LOST);
}

/* Have what is left of @ep right in front of the place for new octets. */
static void take_out(struct usiw_ep *ep, u32 stage)
{
	u8 *to = usiw_stage(stage) + USIW_STAGE_HEAD - ep->left_len;

	if (stages[stage].owner != ep)
		put_aside(stage);
	if (!ep->left_len)
		return;
	if (is_in_stage(ep)) {
		memmove(to, stages[ep->stage].at, ep->left_len);
		stages[ep->stage].owner = NULL;
	} else if (ep->left) {
		memcpy(to, ep->left, ep->left_len);
	}
	free(ep->left);
	ep->left = NULL;
}

static void put_back(struct usiw_ep *ep, u32 stage, const struct cursor *c)
{
	ep->left_len = ep->qp && !ep->qp->rx_stopped ? c->left : 0;
	if (!ep->left_len)
		return;
	ep->stage = (u8)stage;
	stages[stage].owner = ep;
	stages[stage].at = c->p;
}

/**
 * usiw_rx_forget() - drop the beginning of an FPDU
 * @ep: end point
 */
void usiw_rx_forget(struct usiw_ep *ep)
{
	if (is_in_stage(ep))
		stages[ep->stage].owner = NULL;
	free(ep->left);
	ep->left = NULL;
	ep->left_len = 0;
}

void usiw_rx_forked(void)
{
	memset(stages, 0, sizeof(stages));
}

/* --- receiving --------------------------------------------------------- */

/*
 * May the octets to come be received where they belong? Then behind them there
 * is room for just the trailer and the next header, so that the payload after
 * that can be, too.
 */
static int direct_iov(struct usiw_qp *qp, struct siw_rx_insn *insn,
		      struct iovec *v, u32 *stage_len)
{
	u32 min = qp->rx_bulk ? DIRECT_MIN_BULK : DIRECT_MIN;
	enum siw_err err;
	int cnt;

	siw_rx_next(&qp->rx, insn);
	if ((insn->op != SIW_RX_PLACE_TAGGED &&
	     insn->op != SIW_RX_PLACE_UNTAGGED) || insn->len < min ||
	    siw_rx_crc_wanted(&qp->rx))
		return 0;
	err = find(qp, insn, insn->len, v, &cnt);
	if (err) {
		siw_rx_refuse(&qp->rx, err);
		return -1;
	}
	*stage_len = MPA_CRC_SIZE;
	*stage_len += insn->op == SIW_RX_PLACE_TAGGED ?
		siw_fpdu_pad(DDP_TAGGED_LEN + insn->seg_len) +
		sizeof(struct ddp_tagged_hdr) :
		siw_fpdu_pad(DDP_UNTAGGED_LEN + insn->seg_len) +
		sizeof(struct ddp_untagged_hdr);
	return cnt;
}

static enum usiw_rx_end failed(struct usiw_qp *qp,
			       const struct siw_rx_insn *insn, bool direct,
			       int err)
{
	if (err == -EAGAIN || err == -EINTR)
		return USIW_RX_WAIT;
	if (err == -EFAULT && direct) {
		bad_sink(qp, insn);
		return USIW_RX_MORE;
	}
	qp->ep->err = err;
	return USIW_RX_LOST;
}

/*
 * Receive once. USIW_RX_MORE: there may be more. USIW_RX_OVER: the connection was
 * taken away.
 */
static enum usiw_rx_end receive(struct usiw_qp *qp, u32 stage, struct cursor *c)
{
	struct iovec v[SIW_MAX_SGE + 1];
	struct msghdr msg = { .msg_iov = v };
	struct usiw_call call = { .fd = qp->ep->fd, .msg = &msg };
	u32 stage_len = qp->rx_bulk ? BULK_STAGE : USIW_STAGE_LEN;
	struct siw_rx_insn insn = {};
	u32 direct = 0, room;
	int cnt = 0;
	ssize_t n;

	if (!c->left)
		cnt = direct_iov(qp, &insn, v, &stage_len);
	if (cnt < 0)
		return USIW_RX_MORE;
	if (cnt)
		direct = insn.len;
	v[cnt].iov_base = usiw_stage(stage) + USIW_STAGE_HEAD;
	v[cnt].iov_len = stage_len;
	room = direct + stage_len;
	msg.msg_iovlen = (size_t)cnt + 1;
	n = usiw_io_run(&qp->rx_io, &call);
	if (n == -ECANCELED)
		return USIW_RX_OVER;
	if (n < 0)
		return failed(qp, &insn, direct, (int)n);
	if (!n)
		return USIW_RX_FIN;
	if (n < direct)
		direct = (u32)n;
	if (direct)
		siw_rx_done(&qp->rx, direct, 0);
	c->left += (u32)n - direct;
	return n == room || n >= MORE_MIN ? USIW_RX_MORE : USIW_RX_WAIT;
}

/* Return: USIW_RX_OVER: the connection, maybe the QP, is not to be touched. */
static enum usiw_rx_end turns(struct usiw_qp *qp, u32 stage)
{
	struct usiw_ep *ep = qp->ep;
	enum usiw_rx_end end = USIW_RX_MORE;
	struct cursor c = { .qp = qp };
	int turn;

	for (turn = 0; turn < TURN && end == USIW_RX_MORE; turn++) {
		if (qp->rx_stopped) {
			usiw_rx_forget(ep);
			return usiw_rx_drop(ep->fd);
		}
		take_out(ep, stage);
		c.p = usiw_stage(stage) + USIW_STAGE_HEAD - ep->left_len;
		c.left = ep->left_len;
		end = receive(qp, stage, &c);
		if (end == USIW_RX_OVER)
			break;
		walk(&c);
		put_back(ep, stage, &c);
		/* A stage full of small segments is work enough for a turn. */
		if (!qp->rx_bulk)
			break;
	}
	return end;
}

/**
 * usiw_rx_run() - work off what is in the socket, a bounded amount of it
 * @qp: started
 * @stage: the caller's
 *
 * Context: not in the middle of anything; the lock is given back meanwhile, so
 * the QP may be without its connection, or gone, when this returns.
 *
 * Return: what there is to expect.
 */
enum usiw_rx_end usiw_rx_run(struct usiw_qp *qp, u32 stage)
{
	enum usiw_rx_end end;

	if (qp->receiving)
		return USIW_RX_WAIT;
	usiw_qp_get(qp);
	qp->receiving = true;
	end = turns(qp, stage);
	if (end != USIW_RX_OVER)
		qp->receiving = false;
	usiw_qp_put(qp);
	return end;
}

/**
 * usiw_rx_drop() - read and discard
 * @fd: socket
 *
 * Return: what there is to expect.
 */
enum usiw_rx_end usiw_rx_drop(int fd)
{
	ssize_t n = sys_recv(fd, NULL, USIW_STAGE_LEN,
			     MSG_DONTWAIT | MSG_TRUNC);

	if (n > 0)
		return USIW_RX_MORE;
	if (!n)
		return USIW_RX_FIN;
	return errno == EAGAIN || errno == EINTR ? USIW_RX_WAIT : USIW_RX_LOST;
}
