// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* An endpoint that obeys the tables; see node.h. */
#include "node.h"

static void qp_event(struct node *n, enum siw_qp_ev ev);

static void up(struct node *n, char what)
{
	size_t len = strlen(n->ups);

	if (len + 1 < sizeof(n->ups))
		n->ups[len] = what;
	else
		sim_bad("too many upcalls");
}

/* -- QP ----------------------------------------------------------------- */

static void start(struct node *n)
{
	struct sim_pipe *in = n->e->in, *out = n->e->out;
	struct sim_cfg cfg = n->cfg;

	cfg.crc = n->res.crc;
	cfg.markers_tx = n->res.markers_tx;
	cfg.markers_rx = n->res.markers_rx;
	cfg.rtr = n->res.rtr;
	cfg.responder = !n->active;
	/* one more than agreed for an RTR that the peer does not count */
	cfg.ird = n->res.ird < SIM_RD - 1 ? n->res.ird + 1u : SIM_RD;
	cfg.ord = n->res.ord < SIM_RD ? n->res.ord : SIM_RD;
	if (n->started)
		sim_bad("a QP starts twice");
	n->started = true;
	n->e->cfg = cfg;
	n->e->in = in;
	n->e->out = out;
	n->e->rtr_pending = n->active && cfg.rtr;
	siw_rdq_init(&n->e->irq, cfg.ird);
	siw_rdq_init(&n->e->orq, cfg.ord);
	siw_rx_init(&n->e->rx, &(struct siw_rx_params){
		.crc = cfg.crc, .markers = cfg.markers_rx,
		.verify_first = cfg.verify_first, .responder = cfg.responder,
		.rtr_send = cfg.responder && cfg.rtr == SIW_MPA_RTR_SEND });
	siw_tx_init(&n->e->tx, &(struct siw_tx_params){
		.crc = cfg.crc, .markers = cfg.markers_tx });
}

static void stop_tx(struct node *n)
{
	if (n->started && !n->e->term_started)
		siw_tx_abort(&n->e->tx);
	n->e->stopped = true;
}

static void flush(struct node *n)
{
	if (!n->flushed)
		n->done_at_flush = n->e->wr_done;
	n->flushed = true;
}

static void send_term(struct node *n)
{
	if (!n->e->term_len)
		sim_bad("a Terminate without content");
	if (!n->e->term_started)
		n->e->term_pending = true;
}

static void qp_actions(struct node *n, u32 act)
{
	if (act & SIW_QP_START)
		start(n);
	if (act & SIW_QP_STOP_RX)
		n->discard = true;
	if (act & SIW_QP_STOP_TX)
		stop_tx(n);
	if (act & (SIW_QP_FLUSH_SQ | SIW_QP_FLUSH_RQ))
		flush(n);
	if (act & SIW_QP_DRAIN)
		n->draining = true;
	if (act & SIW_QP_SEND_TERM)
		send_term(n);
	if (act & SIW_QP_SHUT_WR)
		n->shut = true;
	if (act & SIW_QP_ABORT)
		n->e->out->rst = true;
	if (act & (SIW_QP_EV_FATAL | SIW_QP_EV_REQ_ERR | SIW_QP_EV_ACCESS_ERR))
		n->async = true;
	if (act & SIW_QP_CM_DISC)
		node_cm(n, SIW_CM_EV_QP_DISC);
	if (act & SIW_QP_CM_LINGER) {
		n->fin_seen = false;
		node_cm(n, SIW_CM_EV_QP_LINGER);
	}
	if (act & SIW_QP_CM_CLOSE)
		node_cm(n, SIW_CM_EV_QP_CLOSED);
}

static void qp_event(struct node *n, enum siw_qp_ev ev)
{
	struct siw_qp_step st = siw_qpsm_step(n->qp, ev);

	if (st.act & SIW_QP_REJECT) {
		sim_bad(siw_qpsm_ev_name(ev));
		return;
	}
	n->qp = st.next;
	qp_actions(n, st.act);
}

/* -- CM ----------------------------------------------------------------- */

static void send_frame(struct node *n, const struct siw_mpa_frame *f)
{
	u8 buf[SIW_MPA_FRAME_MAX];
	u32 len = siw_mpa_build(buf, sizeof(buf), f);

	if (!len || sim_pipe_write(n->e->out, buf, len) != len)
		sim_bad("a startup frame does not leave");
}

/* The only FPDU of a connection that was never open. */
static void send_lone_term(struct node *n)
{
	const struct siw_tx_params tp = {
		.crc = n->res.crc,
		.markers = n->res.markers_tx,
	};
	u8 buf[SIW_TX_TERM_MAX];
	u32 len = siw_tx_lone_term(&n->e->tx, &tp, n->res.term, buf);

	sim_pipe_write(n->e->out, buf, len);
}

static void to_qp(struct node *n, enum siw_cm_ev ev)
{
	bool clean = siw_rx_idle(&n->e->rx) && siw_rdq_empty(&n->e->orq);

	switch (ev) {
	case SIW_CM_EV_DISC:
		qp_event(n, SIW_QP_EV_MOD_SQD);
		break;
	case SIW_CM_EV_ABORT:
		qp_event(n, SIW_QP_EV_MOD_ERR);
		break;
	case SIW_CM_EV_PEER_FIN:
		qp_event(n, clean || n->discard ? SIW_QP_EV_PEER_FIN :
						  SIW_QP_EV_PEER_FIN_DIRTY);
		break;
	default:
		qp_event(n, SIW_QP_EV_LLP_LOST);
		break;
	}
}

/* Drop the connection and come back as revision 1 does. */
static void retry_v1(struct node *n)
{
	struct node *b = n->peer;
	struct siw_mpa_local l = b->l;

	sim_pipe_init(n->e->in);
	sim_pipe_init(n->e->out);
	n->got = 0;
	n->fin_seen = false;
	n->rst_seen = false;
	n->l.rev = 1;
	node_init(b, n, b->e, false, &l);
	node_cm(b, SIW_CM_EV_TCP_CHILD);
}

static void upcalls(struct node *n, u32 act)
{
	static const struct {
		u32 act;
		char what;
	} ups[] = {
		{ SIW_CM_UP_REQUEST, 'R' }, { SIW_CM_UP_OK, 'O' },
		{ SIW_CM_UP_REFUSED, 'N' }, { SIW_CM_UP_RESET, 'X' },
		{ SIW_CM_UP_TIMEOUT, 'T' }, { SIW_CM_UP_PROTO, 'P' },
		{ SIW_CM_UP_UNREACH, 'U' }, { SIW_CM_UP_EST, 'E' },
		{ SIW_CM_UP_DISC, 'D' }, { SIW_CM_UP_CLOSE, 'C' },
	};
	size_t i;

	for (i = 0; i < sizeof(ups) / sizeof(ups[0]); i++)
		if (act & ups[i].act)
			up(n, ups[i].what);
}

static void cm_actions(struct node *n, enum siw_cm_ev ev, u32 act)
{
	struct siw_mpa_frame f;

	if (act & SIW_CM_STOP_TIMER)
		n->timer = false;
	if (act & SIW_CM_SEND_REQ) {
		siw_mpa_request(&n->req, &n->l);
		send_frame(n, &n->req);
	}
	if (act & SIW_CM_QP_START)
		qp_event(n, SIW_QP_EV_LLP_UP);
	if (act & SIW_CM_SEND_REP)
		send_frame(n, &n->req);
	if (act & SIW_CM_SEND_REJ) {
		siw_mpa_reject(&f, &n->l, &n->in);
		send_frame(n, &f);
	}
	if (act & SIW_CM_SEND_TERM)
		send_lone_term(n);
	if (act & SIW_CM_TO_QP)
		to_qp(n, ev);
	if (act & SIW_CM_QP_LOST)
		qp_event(n, SIW_QP_EV_LLP_LOST);
	if (act & SIW_CM_SHUT)
		n->e->out->fin = true;
	if (act & SIW_CM_RST)
		n->e->out->rst = true;
	if (act & SIW_CM_RETRY_V1)
		retry_v1(n);
	if (act & (SIW_CM_ARM_SETUP | SIW_CM_ARM_LINGER))
		n->timer = true;
	upcalls(n, act);
	if (act & SIW_CM_FAIL_CALL)
		n->fails++;
	if (act & SIW_CM_PUT) {
		n->puts++;
		n->e->out->fin = true;
	}
}

void node_cm(struct node *n, enum siw_cm_ev ev)
{
	struct siw_cm_step st = siw_cmsm_step(n->phase, ev);

	if (st.act & SIW_CM_REJECT) {
		sim_bad(siw_cmsm_ev_name(ev));
		return;
	}
	n->phase = st.next;
	cm_actions(n, ev, st.act);
}

void node_init(struct node *n, struct node *peer, struct sim_end *e,
	       bool active, const struct siw_mpa_local *l)
{
	memset(n, 0, sizeof(*n));
	n->peer = peer;
	n->e = e;
	n->cfg = e->cfg;
	n->active = active;
	n->l = *l;
	qp_event(n, SIW_QP_EV_MOD_INIT);
	qp_event(n, SIW_QP_EV_MOD_RTR);
}

/* -- MPA ---------------------------------------------------------------- */

void node_accept(struct node *n)
{
	siw_mpa_negotiate_reply(&n->res, &n->req, &n->l, &n->in);
	if (siw_mpa_tail(&n->l, SIW_MPA_RESPONDER,
			 n->e->in->tail - n->e->in->head))
		node_cm(n, SIW_CM_EV_FRAME_BAD);
	else if (n->res.act == SIW_MPA_REJECT)
		node_cm(n, SIW_CM_EV_FRAME_REFUSE);
	else if (n->req.p2p)
		node_cm(n, SIW_CM_EV_ACCEPT_P2P);
	else
		node_cm(n, SIW_CM_EV_ACCEPT);
}

static void request_is_here(struct node *n)
{
	enum siw_mpa_why why = siw_mpa_parse(&n->in, SIW_MPA_RESPONDER, n->buf,
					     n->got, SIW_MPA_PD_MAX);

	if (!why)
		why = siw_mpa_acceptable(&n->l, &n->in);
	if (!why)
		node_cm(n, SIW_CM_EV_FRAME_OK);
	else if (why == SIW_MPA_CRC_REFUSED)
		node_cm(n, SIW_CM_EV_FRAME_REFUSE);
	else
		node_cm(n, SIW_CM_EV_FRAME_BAD);
}

static void reply_is_here(struct node *n)
{
	static const enum siw_cm_ev ev[] = {
		[SIW_MPA_GO] = SIW_CM_EV_FRAME_OK,
		[SIW_MPA_REFUSED] = SIW_CM_EV_REPLY_REFUSED,
		[SIW_MPA_TERM] = SIW_CM_EV_REPLY_TERM,
		[SIW_MPA_CLOSE] = SIW_CM_EV_FRAME_BAD,
	};

	if (siw_mpa_parse(&n->in, SIW_MPA_INITIATOR, n->buf, n->got,
			  SIW_MPA_PD_MAX)) {
		node_cm(n, SIW_CM_EV_FRAME_BAD);
		return;
	}
	siw_mpa_negotiate_done(&n->res, &n->l, &n->req, &n->in);
	node_cm(n, ev[n->res.act]);
}

static void read_frame(struct node *n)
{
	enum siw_mpa_role self = n->active ? SIW_MPA_INITIATOR :
					     SIW_MPA_RESPONDER;
	struct sim_pipe *in = n->e->in;
	u32 need, avail;

	while ((need = siw_mpa_need(self, n->buf, n->got))) {
		avail = in->seen - in->head;
		if (!avail)
			return;
		if (need > avail)
			need = avail;
		memcpy(n->buf + n->got, in->buf + in->head, need);
		n->got += need;
		in->head += need;
	}
	if (n->active)
		reply_is_here(n);
	else
		request_is_here(n);
}

/* -- what happens by itself --------------------------------------------- */

static void after_data(struct node *n)
{
	struct sim_end *e = n->e;

	if (e->peer_failed && !n->term_seen && !n->discard) {
		n->term_seen = true;
		qp_event(n, SIW_QP_EV_TERM_RCVD);
	} else if (e->failed && !n->fail_seen && !n->discard) {
		n->fail_seen = true;
		e->term_pending = false;
		qp_event(n, siw_qpsm_fail_ev(e->term.err, e->term.send));
	}
	if (!n->gate_seen && siw_rx_gate_open(&e->rx) && !e->failed &&
	    !e->peer_failed) {
		n->gate_seen = true;
		node_cm(n, SIW_CM_EV_GATE_OPEN);
	}
}

static void receive(struct node *n)
{
	struct sim_pipe *in = n->e->in;

	if (n->phase == SIW_CM_AWAIT_REQ || n->phase == SIW_CM_AWAIT_REP)
		read_frame(n);
	if (n->started && !n->discard && siw_qpsm_can_recv(n->qp)) {
		sim_rx(n->e);
		after_data(n);
	} else if (n->discard || n->phase == SIW_CM_LINGER ||
		   n->phase == SIW_CM_CLOSED) {
		in->head = in->seen;
	}
}

static void socket_events(struct node *n)
{
	struct sim_pipe *in = n->e->in;
	bool old = n->phase == SIW_CM_AWAIT_REP && n->retry && n->l.rev > 1;

	if (in->rst && !n->rst_seen) {
		n->rst_seen = true;
		n->fin_seen = true;
		in->head = in->tail;
		in->seen = in->tail;
		node_cm(n, old ? SIW_CM_EV_PEER_OLD : SIW_CM_EV_PEER_RST);
	} else if (in->fin && !n->fin_seen && in->head == in->tail) {
		n->fin_seen = true;
		node_cm(n, old ? SIW_CM_EV_PEER_OLD : SIW_CM_EV_PEER_FIN);
	}
}

static bool drained(const struct sim_end *e)
{
	return e->wr_next == e->wr_cnt && siw_tx_idle(&e->tx) &&
	       siw_rdq_empty(&e->orq) && siw_rdq_empty(&e->irq) &&
	       !e->rtr_pending && !e->rtr_read;
}

static void transmit(struct node *n, u32 limit)
{
	struct sim_end *e = n->e;

	if (!n->started || e->out->fin || e->out->rst || e->in->rst)
		return;
	sim_cut(e);
	if (e->failed && !n->fail_seen && !n->discard)
		after_data(n);
	sim_send(e, limit);
	if (e->term_sent && n->qp == SIW_QP_TERMINATE)
		qp_event(n, SIW_QP_EV_TERM_SENT);
	/* An end whose gate is closed cannot drain: it just closes. */
	if (n->draining && (drained(e) || !siw_rx_gate_open(&e->rx))) {
		n->draining = false;
		e->stopped = true;
		qp_event(n, SIW_QP_EV_DRAINED);
	}
	if (n->shut && siw_tx_idle(&e->tx))
		e->out->fin = true;
	/* Somebody waits for the QP: the socket goes on alone. */
	if (n->dying && e->out->fin && n->qp == SIW_QP_ERROR &&
	    n->phase == SIW_CM_CLOSING && n->timer)
		node_cm(n, SIW_CM_EV_QP_FADE);
}

void node_pump(struct node *n, struct sim_rnd *r, u32 grain)
{
	sim_pipe_arrive(n->e->in, sim_below(r, grain));
	if (n->phase == SIW_CM_CLOSED) {
		n->e->in->head = n->e->in->seen;
		return;
	}
	receive(n);
	socket_events(n);
	transmit(n, sim_below(r, grain));
}
