// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The receiving half of a simulated end: executes what core/rx.h says. */
#include "end.h"

#include "../../core/mpa.h"

static bool view(const struct sim_end *e, u32 stag, struct siw_mem_view *v,
		 const u8 **mem)
{
	memset(v, 0, sizeof(*v));
	v->len = e->cfg.unit;
	v->pd = e;
	switch (stag) {
	case SIM_STAG_WR:
		v->base = SIM_TO_WR;
		v->rights = SIW_R_REMOTE_WRITE | SIW_R_LOCAL_WRITE;
		*mem = e->mem_wr;
		break;
	case SIM_STAG_RD:
		v->base = SIM_TO_RD;
		v->rights = SIW_R_REMOTE_READ;
		*mem = e->mem_rd;
		break;
	case SIM_STAG_SINK:
		v->base = SIM_TO_SINK;
		v->rights = SIW_R_LOCAL_WRITE;
		*mem = e->mem_sink;
		break;
	default:
		return false;
	}
	v->valid = true;
	return true;
}

/* Count the instructions that could be refused; refuse the chosen one. */
static bool refuse(struct sim_end *e, enum siw_rx_op op)
{
	if (e->refusable++ != e->refuse_at)
		return false;
	e->refuse_op = op;
	siw_rx_refuse(&e->rx, e->refuse_why);
	return true;
}

static void need_rqe(struct sim_end *e, const struct siw_rx_insn *i)
{
	if (!(i->flags & SIW_RX_F_MSG_START) || i->len)
		sim_bad("NEED_RQE in the middle of a message");
	if (refuse(e, i->op))
		return;
	if (e->rq_next == e->rq_cnt) {
		siw_rx_refuse(&e->rx, SIW_E_UNT_NOBUF);
		return;
	}
	e->rq[e->rq_next].taken = true;
	siw_rx_rqe(&e->rx, e->rq[e->rq_next++].cap);
}

static void need_read(struct sim_end *e, const struct siw_rx_insn *i)
{
	int head = siw_rdq_head(&e->orq);

	if (refuse(e, i->op))
		return;
	if (i->opcode == RDMAP_ATOMIC_RESP) {
		if (e->rtr_read || head < 0 || !e->orqe[head].atomic)
			siw_rx_refuse(&e->rx, SIW_E_ARESP_NONE);
		else
			siw_rx_atomic(&e->rx, e->orqe[head].stag);
		return;
	}
	if (e->rtr_read)	/* the Read that was our RTR: nothing to hold */
		siw_rx_read(&e->rx, 1, 0, 0);
	else if (head < 0 || e->orqe[head].atomic)
		siw_rx_refuse(&e->rx, SIW_E_ROP_UNSOLICITED);
	else
		siw_rx_read(&e->rx, e->orqe[head].stag, e->orqe[head].to,
			    e->orqe[head].len);
}

/* Where octets of this instruction go; NULL: refused. */
static u8 *target(struct sim_end *e, const struct siw_rx_insn *i)
{
	struct siw_mem_view v;
	const u8 *mem = NULL;
	enum siw_err err;
	u8 need;

	if (i->op == SIW_RX_PLACE_UNTAGGED) {
		struct sim_recv *r = &e->rq[e->rq_next - 1];

		if (!e->rq_next || !r->taken || r->done ||
		    (u64)i->mo + i->len > r->cap) {
			sim_bad("untagged placement without room for it");
			return NULL;
		}
		return r->buf + i->mo;
	}
	need = i->opcode == RDMAP_WRITE ? SIW_R_REMOTE_WRITE :
					  SIW_R_LOCAL_WRITE;
	view(e, i->stag, &v, &mem);
	err = siw_acc_err(siw_access(&v, e, SIW_R_REMOTE, i->to,
				     i->flags & SIW_RX_F_SEG_START ?
				     i->seg_len : i->len, need),
			  SIW_ACC_TAGGED);
	if (!err)
		return (u8 *)mem + (i->to - v.base);
	if (!(i->flags & SIW_RX_F_SEG_START))
		sim_bad("a segment leaves the range that was checked");
	siw_rx_refuse(&e->rx, err);
	return NULL;
}

static void place(struct sim_end *e, const struct siw_rx_insn *i, u32 n)
{
	const u8 *src = e->in->buf + e->in->head;
	u32 crc = 0xdeadbeef;
	u8 *dst;

	if (!i->len || i->len > i->seg_len || i->seg_len > 65535)
		sim_bad("placement of an impossible length");
	if ((i->flags & SIW_RX_F_SEG_START) && refuse(e, i->op))
		return;
	dst = target(e, i);
	if (!dst)
		return;
	if (siw_rx_crc_wanted(&e->rx))
		crc = siw_crc32c(siw_rx_crc(&e->rx), src, n);
	memcpy(dst, src, n);
	e->placed += n;
	e->in->head += n;
	siw_rx_done(&e->rx, n, crc);
}

static enum siw_err deliver_send(struct sim_end *e, const struct siw_rx_insn *i)
{
	struct sim_recv *r = &e->rq[e->rq_next - 1];

	if (!e->rq_next || !r->taken || r->done ||
	    (i->msg_len > r->cap && !siw_opcode_info(i->opcode)->ext))
		sim_bad("delivery without a receive buffer");
	if (siw_opcode_info(i->opcode)->ext)
		r->imm = i->val;
	r->after_write = i->flags & SIW_RX_F_AFTER_WRITE;
	if (i->flags & SIW_RX_F_INVALIDATE) {
		if (i->inval_stag != SIM_STAG_INV)
			return SIW_E_RPROT_INVAL;
		e->inval_done = true;
		r->inval_stag = i->inval_stag;
	}
	r->done = true;
	r->len = i->msg_len;
	r->opcode = i->opcode;
	e->rq_done++;
	return SIW_OK;
}

static enum siw_err deliver_rreq(struct sim_end *e, const struct siw_rx_insn *i)
{
	int slot = siw_rdq_push(&e->irq);

	if (slot < 0)
		return SIW_E_RREQ_IRD;
	e->irqe[slot].atomic = i->areq;
	if (i->areq)
		e->irqe[slot].areq = *i->areq;
	else
		e->irqe[slot].rreq = *i->rreq;
	return SIW_OK;
}

static enum siw_err deliver_rresp(struct sim_end *e,
				  const struct siw_rx_insn *i)
{
	int slot;

	if (e->rtr_read) {
		e->rtr_read = false;
		return SIW_OK;
	}
	slot = siw_rdq_pop(&e->orq);
	if (slot < 0 || i->msg_len != e->orqe[slot].len) {
		sim_bad("a Read completes with a wrong length");
		return SIW_OK;
	}
	e->wr[e->orqe[slot].wr].done = true;
	e->wr_done++;
	return SIW_OK;
}

static enum siw_err deliver_aresp(struct sim_end *e,
				  const struct siw_rx_insn *i)
{
	int slot = siw_rdq_pop(&e->orq);

	if (slot < 0 || !e->orqe[slot].atomic) {
		sim_bad("an Atomic completes that nobody began");
		return SIW_OK;
	}
	e->wr[e->orqe[slot].wr].value = i->val;
	e->wr[e->orqe[slot].wr].done = true;
	e->wr_done++;
	return SIW_OK;
}

static void deliver(struct sim_end *e, const struct siw_rx_insn *i)
{
	enum siw_err err = SIW_OK;

	if (i->opcode == RDMAP_TERMINATE) {
		e->peer_failed = true;
		e->peer_term = *i->term;
	} else if (refuse(e, i->op)) {
		return;
	} else if (i->rreq || i->areq) {
		err = deliver_rreq(e, i);
	} else if (i->opcode == RDMAP_ATOMIC_RESP) {
		err = deliver_aresp(e, i);
	} else if (i->opcode == RDMAP_READ_RESP) {
		err = deliver_rresp(e, i);
	} else if (i->opcode != RDMAP_WRITE) {
		err = deliver_send(e, i);
	}
	if (err) {
		siw_rx_refuse(&e->rx, err);
		return;
	}
	e->delivered[i->opcode]++;
	siw_rx_done(&e->rx, 0, 0);
}

static void fail(struct sim_end *e)
{
	const struct siw_term *t = siw_rx_term(&e->rx);

	if (!t || e->failed)
		return;
	e->failed = true;
	e->term = *t;
	if (!t->send)
		return;
	e->term_pending = true;
	e->term_len = siw_term_build(e->term_buf, t);
}

/* How many of the octets at hand to use: all, or now and then fewer. */
static u32 some(struct sim_end *e, u32 n)
{
	return e->rnd && !sim_below(e->rnd, 4) ? 1 + sim_below(e->rnd, n) : n;
}

/* Two questions in a row get the same answer. */
static void next(const struct siw_rx *rx, struct siw_rx_insn *i)
{
	struct siw_rx_insn again;

	siw_rx_next(rx, i);
	siw_rx_next(rx, &again);
	if (i->op != again.op || i->len != again.len || i->buf != again.buf ||
	    i->to != again.to || i->flags != again.flags)
		sim_bad("siw_rx_next() is not idempotent");
	if (siw_rx_need(rx) > i->len || (i->len && !siw_rx_need(rx)))
		sim_bad("siw_rx_need() and siw_rx_next() disagree");
}

/* False: more octets are needed, or none are wanted any more. */
static bool execute(struct sim_end *e, const struct siw_rx_insn *i, u32 avail)
{
	const u8 *src = e->in->buf + e->in->head;
	u32 n = i->len < avail ? i->len : avail;

	switch (i->op) {
	case SIW_RX_FETCH:
		n = some(e, n);
		memcpy(i->buf, src, n);
		e->in->head += n;
		siw_rx_done(&e->rx, n, 0);
		return true;
	case SIW_RX_VERIFY:
		if (avail < i->len)
			return false;
		siw_rx_verified(&e->rx, siw_crc32c(siw_rx_crc(&e->rx), src,
						   i->len));
		return true;
	case SIW_RX_NEED_RQE:
		need_rqe(e, i);
		return true;
	case SIW_RX_NEED_READ:
		need_read(e, i);
		return true;
	case SIW_RX_PLACE_TAGGED:
	case SIW_RX_PLACE_UNTAGGED:
		place(e, i, some(e, n));
		return true;
	case SIW_RX_DELIVER:
		deliver(e, i);
		return true;
	case SIW_RX_FAIL:
		break;
	}
	fail(e);
	return false;
}

void sim_rx(struct sim_end *e)
{
	struct siw_rx_insn i;
	u32 avail;

	do {
		next(&e->rx, &i);
		avail = e->in->seen - e->in->head;
		if (i.op == SIW_RX_FAIL)
			e->in->head = e->in->seen;	/* discard */
		else if (i.len && !avail)
			break;
	} while (execute(e, &i, avail));
}
