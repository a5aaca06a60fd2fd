// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The table of cmsm.h. RFC 5044 section 7.1.2 to 7.2, RFC 6581 section 10.
 *
 * The numbers D-nn name decisions where the RFCs are silent or disagree.
 */
#include "cmsm.h"

struct cell {
	bool legal;
	u8 next;
	u32 act;
};

#define GO(phase, actions) \
	{ .legal = true, .next = SIW_CM_##phase, .act = (actions) }
#define STAY(phase)	GO(phase, 0)

#define END	(SIW_CM_STOP_TIMER | SIW_CM_PUT)
#define ABORT	(END | SIW_CM_RST)
/* FIN, then read and discard until the peer's FIN or the timer (D-34). */
#define FADE	(SIW_CM_STOP_TIMER | SIW_CM_SHUT | SIW_CM_ARM_LINGER)
/* iw_cm knows no failure between accept and established: say both. */
#define UP_FAIL	(SIW_CM_UP_EST | SIW_CM_UP_DISC | SIW_CM_UP_CLOSE)

/* What the QP and late timers may still report once nobody cares. */
#define QP_ECHO(phase) \
	[SIW_CM_EV_GATE_OPEN] = STAY(phase), \
	[SIW_CM_EV_QP_DISC] = STAY(phase), \
	[SIW_CM_EV_QP_LINGER] = STAY(phase), \
	[SIW_CM_EV_QP_FADE] = STAY(phase), \
	[SIW_CM_EV_QP_CLOSED] = STAY(phase)

static const struct cell table[SIW_CM_PHASE_CNT][SIW_CM_EV_CNT] = {
	[SIW_CM_IDLE] = {
		[SIW_CM_EV_LISTEN] = STAY(LISTEN),
		[SIW_CM_EV_CONNECT] = GO(TCP_CONNECT, SIW_CM_TCP_START |
						      SIW_CM_ARM_SETUP),
		[SIW_CM_EV_TCP_CHILD] = GO(AWAIT_REQ, SIW_CM_ARM_SETUP),
		[SIW_CM_EV_DESTROY] = GO(CLOSED, END),
		[SIW_CM_EV_GOING] = GO(CLOSED, END),
	},
	[SIW_CM_LISTEN] = {
		[SIW_CM_EV_DESTROY] = GO(CLOSED, END),
		[SIW_CM_EV_GOING] = GO(CLOSED, END),
		[SIW_CM_EV_TIMER] = STAY(LISTEN),
	},
	[SIW_CM_TCP_CONNECT] = {
		[SIW_CM_EV_TCP_UP] = GO(AWAIT_REP, SIW_CM_STOP_TIMER |
						   SIW_CM_SEND_REQ |
						   SIW_CM_ARM_SETUP),
		[SIW_CM_EV_TCP_FAIL] = GO(CLOSED, END | SIW_CM_UP_UNREACH),
		[SIW_CM_EV_PEER_FIN] = GO(CLOSED, END | SIW_CM_UP_UNREACH),
		[SIW_CM_EV_PEER_RST] = GO(CLOSED, END | SIW_CM_UP_UNREACH),
		[SIW_CM_EV_TIMER] = GO(CLOSED, ABORT | SIW_CM_UP_TIMEOUT),
		[SIW_CM_EV_LOCAL_FAIL] = GO(CLOSED, ABORT | SIW_CM_UP_RESET),
		[SIW_CM_EV_DISC] = GO(CLOSED, ABORT | SIW_CM_UP_RESET),
		[SIW_CM_EV_ABORT] = GO(CLOSED, ABORT | SIW_CM_UP_RESET),
		[SIW_CM_EV_DESTROY] = GO(CLOSED, ABORT),
		[SIW_CM_EV_GOING] = GO(CLOSED, ABORT | SIW_CM_UP_RESET),
	},
	[SIW_CM_AWAIT_REQ] = {
		[SIW_CM_EV_FRAME_OK] = GO(REQ_UPCALLED, SIW_CM_STOP_TIMER |
							SIW_CM_UP_REQUEST),
		/* D-04: RST makes hardware try again with revision 1 */
		[SIW_CM_EV_FRAME_BAD] = GO(CLOSED, ABORT),
		[SIW_CM_EV_FRAME_REFUSE] = GO(LINGER, FADE | SIW_CM_SEND_REJ),
		[SIW_CM_EV_LOCAL_FAIL] = GO(CLOSED, ABORT),
		[SIW_CM_EV_PEER_FIN] = GO(CLOSED, ABORT),
		[SIW_CM_EV_PEER_RST] = GO(CLOSED, END),
		[SIW_CM_EV_TIMER] = GO(CLOSED, ABORT),
		[SIW_CM_EV_DESTROY] = GO(CLOSED, ABORT),
		[SIW_CM_EV_GOING] = GO(CLOSED, ABORT),
	},
	[SIW_CM_REQ_UPCALLED] = {
		/* The ULP's time is not limited: D-09. */
		[SIW_CM_EV_ACCEPT] = GO(OPEN, SIW_CM_QP_START |
					      SIW_CM_SEND_REP | SIW_CM_UP_EST),
		[SIW_CM_EV_ACCEPT_P2P] = GO(RTR_WAIT, SIW_CM_QP_START |
						      SIW_CM_SEND_REP |
						      SIW_CM_ARM_SETUP),
		[SIW_CM_EV_ULP_REJECT] = GO(LINGER, FADE | SIW_CM_SEND_REJ),
		[SIW_CM_EV_FRAME_REFUSE] = GO(LINGER, FADE | SIW_CM_SEND_REJ |
						      SIW_CM_FAIL_CALL),
		/* D-13: no Terminate before the first FPDU of the peer */
		[SIW_CM_EV_LOCAL_FAIL] = GO(CLOSED, ABORT | SIW_CM_FAIL_CALL),
		/* octets behind the Request: D-06 */
		[SIW_CM_EV_FRAME_BAD] = GO(REQ_LOST, SIW_CM_RST),
		[SIW_CM_EV_PEER_FIN] = GO(REQ_LOST, SIW_CM_RST),
		[SIW_CM_EV_PEER_RST] = STAY(REQ_LOST),
		[SIW_CM_EV_TIMER] = STAY(REQ_UPCALLED),
		[SIW_CM_EV_DISC] = GO(LINGER, FADE | SIW_CM_SEND_REJ),
		[SIW_CM_EV_ABORT] = GO(CLOSED, ABORT),
		[SIW_CM_EV_DESTROY] = GO(CLOSED, ABORT),
		[SIW_CM_EV_GOING] = GO(REQ_LOST, SIW_CM_RST),
	},
	[SIW_CM_REQ_LOST] = {
		[SIW_CM_EV_ACCEPT] = GO(CLOSED, END | SIW_CM_FAIL_CALL),
		[SIW_CM_EV_ACCEPT_P2P] = GO(CLOSED, END | SIW_CM_FAIL_CALL),
		[SIW_CM_EV_FRAME_REFUSE] = GO(CLOSED, END | SIW_CM_FAIL_CALL),
		[SIW_CM_EV_LOCAL_FAIL] = GO(CLOSED, END | SIW_CM_FAIL_CALL),
		[SIW_CM_EV_ULP_REJECT] = GO(CLOSED, END),
		[SIW_CM_EV_DISC] = GO(CLOSED, END),
		[SIW_CM_EV_ABORT] = GO(CLOSED, END),
		[SIW_CM_EV_DESTROY] = GO(CLOSED, END),
		[SIW_CM_EV_GOING] = STAY(REQ_LOST),
		[SIW_CM_EV_FRAME_BAD] = STAY(REQ_LOST),
		[SIW_CM_EV_PEER_FIN] = STAY(REQ_LOST),
		[SIW_CM_EV_PEER_RST] = STAY(REQ_LOST),
		[SIW_CM_EV_TIMER] = STAY(REQ_LOST),
	},
	[SIW_CM_AWAIT_REP] = {
		[SIW_CM_EV_FRAME_OK] = GO(OPEN, SIW_CM_STOP_TIMER |
						SIW_CM_QP_START | SIW_CM_UP_OK),
		[SIW_CM_EV_FRAME_BAD] = GO(CLOSED, ABORT | SIW_CM_UP_PROTO),
		/* D-08: the ULP is told, the socket closes with FIN */
		[SIW_CM_EV_REPLY_REFUSED] = GO(LINGER, FADE |
						       SIW_CM_UP_REFUSED),
		[SIW_CM_EV_REPLY_TERM] = GO(LINGER, FADE | SIW_CM_SEND_TERM |
						    SIW_CM_UP_PROTO),
		[SIW_CM_EV_LOCAL_FAIL] = GO(LINGER, FADE | SIW_CM_SEND_TERM |
						    SIW_CM_UP_RESET),
		[SIW_CM_EV_PEER_FIN] = GO(CLOSED, END | SIW_CM_UP_RESET),
		[SIW_CM_EV_PEER_RST] = GO(CLOSED, END | SIW_CM_UP_RESET),
		[SIW_CM_EV_PEER_OLD] = GO(TCP_CONNECT, SIW_CM_STOP_TIMER |
						       SIW_CM_RETRY_V1 |
						       SIW_CM_ARM_SETUP),
		[SIW_CM_EV_TIMER] = GO(CLOSED, ABORT | SIW_CM_UP_TIMEOUT),
		[SIW_CM_EV_DISC] = GO(CLOSED, ABORT | SIW_CM_UP_RESET),
		[SIW_CM_EV_ABORT] = GO(CLOSED, ABORT | SIW_CM_UP_RESET),
		[SIW_CM_EV_DESTROY] = GO(CLOSED, ABORT),
		[SIW_CM_EV_GOING] = GO(CLOSED, ABORT | SIW_CM_UP_RESET),
	},
	[SIW_CM_RTR_WAIT] = {
		[SIW_CM_EV_GATE_OPEN] = GO(OPEN, SIW_CM_STOP_TIMER |
						 SIW_CM_UP_EST),
		[SIW_CM_EV_QP_DISC] = GO(CLOSING, SIW_CM_STOP_TIMER |
						  SIW_CM_UP_EST |
						  SIW_CM_UP_DISC),
		[SIW_CM_EV_QP_CLOSED] = GO(CLOSED, END | UP_FAIL),
		[SIW_CM_EV_PEER_FIN] = GO(CLOSED, ABORT | SIW_CM_QP_LOST |
						  UP_FAIL),
		[SIW_CM_EV_PEER_RST] = GO(CLOSED, END | SIW_CM_QP_LOST |
						  UP_FAIL),
		[SIW_CM_EV_TIMER] = GO(CLOSED, ABORT | SIW_CM_QP_LOST |
					       UP_FAIL),
		[SIW_CM_EV_DISC] = GO(RTR_WAIT, SIW_CM_TO_QP),
		[SIW_CM_EV_ABORT] = GO(RTR_WAIT, SIW_CM_TO_QP),
		[SIW_CM_EV_DESTROY] = GO(CLOSED, ABORT | SIW_CM_QP_LOST),
		[SIW_CM_EV_GOING] = GO(CLOSED, ABORT | SIW_CM_QP_LOST |
					       UP_FAIL),
	},
	[SIW_CM_OPEN] = {
		[SIW_CM_EV_DISC] = GO(OPEN, SIW_CM_TO_QP),
		[SIW_CM_EV_ABORT] = GO(OPEN, SIW_CM_TO_QP),
		[SIW_CM_EV_PEER_FIN] = GO(OPEN, SIW_CM_TO_QP),
		[SIW_CM_EV_PEER_RST] = GO(OPEN, SIW_CM_TO_QP),
		[SIW_CM_EV_GATE_OPEN] = STAY(OPEN),
		[SIW_CM_EV_TIMER] = STAY(OPEN),
		[SIW_CM_EV_QP_DISC] = GO(CLOSING, SIW_CM_UP_DISC),
		[SIW_CM_EV_QP_CLOSED] = GO(CLOSED, END | SIW_CM_UP_DISC |
						   SIW_CM_UP_CLOSE),
		[SIW_CM_EV_DESTROY] = GO(CLOSED, ABORT | SIW_CM_QP_LOST),
		[SIW_CM_EV_GOING] = GO(CLOSED, ABORT | SIW_CM_QP_LOST |
					       SIW_CM_UP_DISC |
					       SIW_CM_UP_CLOSE),
	},
	[SIW_CM_CLOSING] = {
		[SIW_CM_EV_DISC] = GO(CLOSING, SIW_CM_TO_QP),
		[SIW_CM_EV_ABORT] = GO(CLOSING, SIW_CM_TO_QP),
		[SIW_CM_EV_PEER_FIN] = GO(CLOSING, SIW_CM_TO_QP),
		[SIW_CM_EV_PEER_RST] = GO(CLOSING, SIW_CM_TO_QP),
		[SIW_CM_EV_GATE_OPEN] = STAY(CLOSING),
		[SIW_CM_EV_QP_DISC] = STAY(CLOSING),
		[SIW_CM_EV_QP_LINGER] = GO(CLOSING, SIW_CM_ARM_LINGER),
		/* whoever destroys the QP need not wait for the peer */
		[SIW_CM_EV_QP_FADE] = GO(LINGER, SIW_CM_ARM_LINGER |
						 SIW_CM_UP_CLOSE),
		[SIW_CM_EV_QP_CLOSED] = GO(CLOSED, END | SIW_CM_UP_CLOSE),
		[SIW_CM_EV_TIMER] = GO(CLOSED, ABORT | SIW_CM_QP_LOST |
					       SIW_CM_UP_CLOSE),
		[SIW_CM_EV_DESTROY] = GO(CLOSED, ABORT | SIW_CM_QP_LOST),
		[SIW_CM_EV_GOING] = GO(CLOSED, ABORT | SIW_CM_QP_LOST |
					       SIW_CM_UP_CLOSE),
	},
	[SIW_CM_LINGER] = {
		[SIW_CM_EV_PEER_FIN] = GO(CLOSED, END),
		[SIW_CM_EV_PEER_RST] = GO(CLOSED, END),
		[SIW_CM_EV_TIMER] = GO(CLOSED, ABORT),
		[SIW_CM_EV_DISC] = STAY(LINGER),
		[SIW_CM_EV_ABORT] = STAY(LINGER),
		[SIW_CM_EV_DESTROY] = STAY(LINGER),
		[SIW_CM_EV_GOING] = GO(CLOSED, ABORT),
		QP_ECHO(LINGER),
	},
	[SIW_CM_CLOSED] = {
		[SIW_CM_EV_PEER_FIN] = STAY(CLOSED),
		[SIW_CM_EV_PEER_RST] = STAY(CLOSED),
		[SIW_CM_EV_TIMER] = STAY(CLOSED),
		[SIW_CM_EV_DISC] = STAY(CLOSED),
		[SIW_CM_EV_ABORT] = STAY(CLOSED),
		[SIW_CM_EV_DESTROY] = STAY(CLOSED),
		[SIW_CM_EV_GOING] = STAY(CLOSED),
		[SIW_CM_EV_TCP_UP] = STAY(CLOSED),
		[SIW_CM_EV_TCP_FAIL] = STAY(CLOSED),
		QP_ECHO(CLOSED),
	},
};

struct siw_cm_step siw_cmsm_step(enum siw_cm_phase phase, enum siw_cm_ev ev)
{
	struct siw_cm_step step = { .next = phase, .act = SIW_CM_REJECT };
	const struct cell *c;

	if ((u32)phase >= SIW_CM_PHASE_CNT || (u32)ev >= SIW_CM_EV_CNT)
		return step;
	c = &table[phase][ev];
	if (c->legal) {
		step.next = (enum siw_cm_phase)c->next;
		step.act = c->act;
	}
	return step;
}

u32 siw_cmsm_knock_ms(u32 n)
{
	switch (n) {
	case 0:
		return 20;
	case 1:
		return 200;
	case 2:
		return 2000;
	default:
		return 0;
	}
}

static const char *const phase_names[SIW_CM_PHASE_CNT] = {
	[SIW_CM_IDLE] = "IDLE",
	[SIW_CM_LISTEN] = "LISTEN",
	[SIW_CM_TCP_CONNECT] = "TCP_CONNECT",
	[SIW_CM_AWAIT_REQ] = "AWAIT_REQ",
	[SIW_CM_REQ_UPCALLED] = "REQ_UPCALLED",
	[SIW_CM_REQ_LOST] = "REQ_LOST",
	[SIW_CM_AWAIT_REP] = "AWAIT_REP",
	[SIW_CM_RTR_WAIT] = "RTR_WAIT",
	[SIW_CM_OPEN] = "OPEN",
	[SIW_CM_CLOSING] = "CLOSING",
	[SIW_CM_LINGER] = "LINGER",
	[SIW_CM_CLOSED] = "CLOSED",
};

const char *siw_cmsm_phase_name(enum siw_cm_phase phase)
{
	return (u32)phase < SIW_CM_PHASE_CNT ? phase_names[phase] : "?";
}

static const char *const ev_names[SIW_CM_EV_CNT] = {
	[SIW_CM_EV_LISTEN] = "listen",
	[SIW_CM_EV_CONNECT] = "connect",
	[SIW_CM_EV_ACCEPT] = "accept",
	[SIW_CM_EV_ACCEPT_P2P] = "accept, peer-to-peer",
	[SIW_CM_EV_ULP_REJECT] = "reject",
	[SIW_CM_EV_DISC] = "disconnect",
	[SIW_CM_EV_ABORT] = "abort",
	[SIW_CM_EV_DESTROY] = "destroy",
	[SIW_CM_EV_GOING] = "device removal",
	[SIW_CM_EV_TCP_CHILD] = "TCP accepted",
	[SIW_CM_EV_TCP_UP] = "TCP connected",
	[SIW_CM_EV_TCP_FAIL] = "TCP refused",
	[SIW_CM_EV_PEER_FIN] = "FIN of the peer",
	[SIW_CM_EV_PEER_RST] = "RST of the peer",
	[SIW_CM_EV_PEER_OLD] = "peer closed on an enhanced Request",
	[SIW_CM_EV_FRAME_OK] = "good frame",
	[SIW_CM_EV_FRAME_BAD] = "bad frame",
	[SIW_CM_EV_FRAME_REFUSE] = "unacceptable Request",
	[SIW_CM_EV_REPLY_REFUSED] = "rejected by the peer",
	[SIW_CM_EV_REPLY_TERM] = "unacceptable Reply",
	[SIW_CM_EV_LOCAL_FAIL] = "no local resources",
	[SIW_CM_EV_GATE_OPEN] = "first FPDU of the peer",
	[SIW_CM_EV_QP_DISC] = "QP goes down",
	[SIW_CM_EV_QP_LINGER] = "QP lingers",
	[SIW_CM_EV_QP_FADE] = "QP needs the socket no more",
	[SIW_CM_EV_QP_CLOSED] = "QP is down",
	[SIW_CM_EV_TIMER] = "timer",
};

const char *siw_cmsm_ev_name(enum siw_cm_ev ev)
{
	return (u32)ev < SIW_CM_EV_CNT ? ev_names[ev] : "?";
}
