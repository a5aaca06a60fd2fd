// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The sending half of a simulated end: decides what comes next, fills the
 * transmit ring, gathers what it names.
 */
#include "end.h"

#include "../../core/mpa.h"

static struct sim_msg *msg_get(struct sim_end *e, enum sim_kind kind, u32 wr)
{
	struct sim_msg *m = &e->msg[e->msg_next++ % 64];

	m->kind = kind;
	m->wr = wr;
	return m;
}

/* Octets [off, off + len) of a message. */
static void payload(const struct sim_end *e, const struct sim_msg *m, u32 off,
		    u32 len, u8 *out)
{
	u32 i;

	if (!len)	/* a Read of no octets may name any address */
		return;
	switch (m->kind) {
	case SIM_SQ:
		for (i = 0; i < len; i++)
			out[i] = sim_octet(e->wr[m->wr].seed, off + i);
		break;
	case SIM_RRESP:
		memcpy(out, e->mem_rd + (m->rreq.source_to - SIM_TO_RD) + off,
		       len);
		break;
	case SIM_TERM:
		memcpy(out, e->term_buf + off, len);
		break;
	case SIM_ARESP:
	case SIM_RTR:
		sim_bad("payload where there is none");
		break;
	}
}

static void start(struct sim_end *e, const struct siw_tx_msg *m)
{
	if (siw_tx_start(&e->tx, m))
		sim_bad("siw_tx_start() refuses");
	if (siw_tx_start(&e->tx, m) != -EBUSY)
		sim_bad("two messages at a time");
}

static bool start_rtr(struct sim_end *e)
{
	static const struct siw_rreq rreq = { .sink_stag = 1,
					      .source_stag = 1 };
	struct siw_tx_msg m = { .stag = 1 };

	if (!e->rtr_pending)
		return false;
	e->rtr_pending = false;
	m.ctx = msg_get(e, SIM_RTR, 0);
	if (e->cfg.rtr == SIW_MPA_RTR_READ) {
		m.opcode = RDMAP_READ_REQ;
		m.rreq = &rreq;
		e->rtr_read = true;
	} else {
		m.opcode = e->cfg.rtr == SIW_MPA_RTR_SEND ? RDMAP_SEND :
							    RDMAP_WRITE;
	}
	start(e, &m);
	return true;
}

/* A fault found while serving the peer: RFC 5040 figure 10. */
static void fail_rresp(struct sim_end *e, enum siw_err err,
		       const u8 *hdr, u32 hdr_len)
{
	siw_term_init(&e->term, err, hdr, hdr_len);
	e->failed = true;
	e->term_pending = true;
	e->term_len = siw_term_build(e->term_buf, &e->term);
}

static bool start_aresp(struct sim_end *e, const struct siw_areq *a)
{
	const struct siw_mem_view v = {
		.valid = a->stag == SIM_STAG_AT, .base = SIM_TO_AT,
		.len = sizeof(e->mem_at), .pd = e,
		.rights = SIW_R_REMOTE_ATOMIC,
	};
	struct siw_tx_msg m = { .opcode = RDMAP_ATOMIC_RESP };
	enum siw_err err = siw_access_atomic(&v, e, SIW_R_REMOTE, a->to,
					     a->to - SIM_TO_AT);
	struct siw_aresp resp = { .id = a->id };
	u64 *word;

	if (err) {
		fail_rresp(e, err, a->hdr, sizeof(a->hdr));
		return false;
	}
	word = &e->mem_at[(a->to - SIM_TO_AT) / 8];
	resp.value = *word;
	*word = siw_atomic_result(a, *word);
	m.aresp = &resp;
	m.ctx = msg_get(e, SIM_ARESP, 0);
	start(e, &m);
	return true;
}

static bool start_rresp(struct sim_end *e)
{
	const struct siw_mem_view v = {
		.valid = true, .base = SIM_TO_RD, .len = e->cfg.unit,
		.pd = e, .rights = SIW_R_REMOTE_READ,
	};
	const struct siw_mem_view none = { .valid = false };
	struct siw_tx_msg m = { .opcode = RDMAP_READ_RESP };
	int slot = siw_rdq_pop(&e->irq);
	struct sim_msg *msg;
	enum siw_acc acc;

	if (slot < 0)
		return false;
	if (e->irqe[slot].atomic)
		return start_aresp(e, &e->irqe[slot].areq);
	msg = msg_get(e, SIM_RRESP, 0);
	msg->rreq = e->irqe[slot].rreq;
	acc = siw_access(msg->rreq.source_stag == SIM_STAG_RD ? &v : &none, e,
			 SIW_R_REMOTE, msg->rreq.source_to, msg->rreq.len,
			 SIW_R_REMOTE_READ);
	if (acc) {
		fail_rresp(e, siw_acc_err(acc, SIW_ACC_RREQ), msg->rreq.hdr,
			   sizeof(msg->rreq.hdr));
		return false;
	}
	m.len = msg->rreq.len;
	m.stag = msg->rreq.sink_stag;
	m.to = msg->rreq.sink_to;
	m.ctx = msg;
	start(e, &m);
	return true;
}

/* The ORQ entry exists before the first octet leaves. */
static bool start_read(struct sim_end *e, struct sim_wr *w)
{
	struct siw_rreq r = {
		.sink_stag = SIM_STAG_SINK, .sink_to = w->sink_to,
		.source_stag = w->stag, .source_to = w->to, .len = w->len,
	};
	struct siw_tx_msg m = { .opcode = w->opcode, .rreq = &r };
	bool atomic = w->opcode == RDMAP_ATOMIC_REQ;
	struct siw_areq a;
	int slot;

	sim_areq(&a, w);
	if (atomic)
		m.areq = &a;
	/* A Read that is the RTR counts until its Response has come. */
	if (e->rtr_read && e->orq.cnt + 1 >= e->orq.limit)
		return false;
	slot = siw_rdq_push(&e->orq);
	if (slot < 0)
		return false;
	e->orqe[slot] = (struct sim_orqe){
		.atomic = atomic, .stag = atomic ? a.id : r.sink_stag,
		.to = r.sink_to, .len = r.len, .wr = e->wr_next,
	};
	m.ctx = msg_get(e, SIM_SQ, e->wr_next);
	w->started = true;
	e->wr_next++;
	start(e, &m);
	return true;
}

static bool start_wr(struct sim_end *e)
{
	struct sim_wr *w = &e->wr[e->wr_next];
	struct siw_tx_msg m = { 0 };

	if (e->wr_next == e->wr_cnt)
		return false;
	if (w->opcode == RDMAP_READ_REQ || w->opcode == RDMAP_ATOMIC_REQ)
		return start_read(e, w);
	m.opcode = w->opcode;
	m.imm = w->imm;
	m.len = w->len;
	m.stag = w->stag;
	m.to = w->to;
	m.inval_stag = w->inval_stag;
	m.ctx = msg_get(e, SIM_SQ, e->wr_next);
	w->started = true;
	e->wr_next++;
	start(e, &m);
	return true;
}

/* The Terminate goes after the FPDU that TCP has a part of. */
static bool start_term(struct sim_end *e)
{
	struct siw_tx_msg m = { .opcode = RDMAP_TERMINATE };

	if (!e->term_pending)
		return false;
	e->term_pending = false;
	e->term_started = true;
	siw_tx_abort(&e->tx);
	m.len = e->term_len;
	m.ctx = msg_get(e, SIM_TERM, 0);
	start(e, &m);
	return true;
}

static bool start_any(struct sim_end *e)
{
	if (!siw_rx_gate_open(&e->rx))
		return false;
	if (e->failed || e->peer_failed || e->stopped)
		return start_term(e);
	if (start_rtr(e))
		return true;
	e->irq_turn = !e->irq_turn;
	if (e->irq_turn && start_rresp(e))
		return true;
	if (e->failed)
		return start_term(e);
	if (start_wr(e))
		return true;
	return start_rresp(e);
}

/* The pieces of an FPDU from @off on. Return: octets. */
static u32 pieces(const struct sim_end *e, const struct siw_tx_fpdu *f,
		  u32 off, u8 *out)
{
	struct siw_tx_piece p;
	u32 n = 0;

	while (siw_tx_piece(f, off + n, &p)) {
		if (!p.len || p.len > f->wire_len - off - n) {
			sim_bad("a piece that is not of its FPDU");
			break;
		}
		if (p.own)
			memcpy(out + n, p.own, p.len);
		else
			payload(e, f->ctx, p.off, p.len, out + n);
		n += p.len;
	}
	return n;
}

static void seal(struct sim_end *e, struct siw_tx_fpdu *f)
{
	static u8 buf[SIM_FPDU_MAX];
	u32 n;

	if (f->pay_len > 65535 || f->wire_len > sizeof(buf)) {
		sim_bad("a segment that no FPDU can hold");
		return;
	}
	n = pieces(e, f, 0, buf);
	siw_tx_seal(f, f->crc_on ? siw_crc32c(~0u, buf, n) : 0);
}

void sim_cut(struct sim_end *e)
{
	struct siw_tx_fpdu *f;
	u32 mulpdu;

	if (e->term_pending && siw_tx_busy(&e->tx))
		start_term(e);
	while (!siw_tx_full(&e->tx)) {
		if (!siw_tx_busy(&e->tx) && !start_any(e))
			return;
		mulpdu = e->cfg.mulpdu;
		if (e->rnd && !sim_below(e->rnd, 3))
			mulpdu = 100 + sim_below(e->rnd, mulpdu);
		f = siw_tx_cut(&e->tx, mulpdu);
		if (f)
			seal(e, f);
	}
}

static void sent_all_of(struct sim_end *e, const struct sim_msg *m)
{
	if (m->kind == SIM_TERM)
		e->term_sent = true;
	if (m->kind != SIM_SQ || e->wr[m->wr].opcode == RDMAP_READ_REQ ||
	    e->wr[m->wr].opcode == RDMAP_ATOMIC_REQ)
		return;
	if (e->wr[m->wr].done)
		sim_bad("a message completes twice");
	e->wr[m->wr].done = true;
	e->wr_done++;
}

/* Gather what the ring names. */
static u32 gather(const struct sim_end *e, u8 *out)
{
	const struct siw_tx_fpdu *f;
	u32 i, off, n = 0;

	for (i = 0; i < siw_tx_count(&e->tx); i++) {
		f = siw_tx_unsent(&e->tx, i, &off);
		n += pieces(e, f, off, out + n);
	}
	return n;
}

u32 sim_send(struct sim_end *e, u32 limit)
{
	static u8 buf[SIW_TX_RING * SIM_FPDU_MAX];
	struct sim_msg *m;
	u32 n;

	n = gather(e, buf);
	n = sim_pipe_write(e->out, buf, n < limit ? n : limit);
	siw_tx_sent(&e->tx, n);
	while ((m = siw_tx_done(&e->tx)))
		sent_all_of(e, m);
	return n;
}
