// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The table of qpsm.h. RFC 5040 section 6, RFC 5041 section 6.
 *
 * The numbers D-nn name decisions where the RFCs are silent or disagree.
 */
#include "qpsm.h"

struct cell {
	bool legal;
	u8 next;
	u32 act;
};

#define GO(state, actions) \
	{ .legal = true, .next = SIW_QP_##state, .act = (actions) }
#define STAY(state)	GO(state, 0)

#define FLUSH	(SIW_QP_FLUSH_SQ | SIW_QP_FLUSH_RQ)
#define HALT	(SIW_QP_STOP_RX | SIW_QP_STOP_TX | FLUSH)
/* Say why, then close: RFC 5040 §6.2.1. The FIN comes with EV_TERM_SENT. */
#define TERM	(HALT | SIW_QP_SEND_TERM)
/* Half-close and discard what still comes; an RST could overtake and destroy
 * data or a Terminate that the peer has not read yet (D-34).
 */
#define HANG_UP	(HALT | SIW_QP_SHUT_WR | SIW_QP_CM_LINGER)
/* Both halves are closed, or we close the second one now. */
#define GONE	(HALT | SIW_QP_CM_CLOSE)
#define CLOSE	(GONE | SIW_QP_SHUT_WR)
#define BREAK	(GONE | SIW_QP_ABORT)

static const struct cell table[SIW_QP_STATE_CNT][SIW_QP_EV_CNT] = {
	[SIW_QP_RESET] = {
		[SIW_QP_EV_MOD_RESET] = STAY(RESET),
		[SIW_QP_EV_MOD_INIT] = STAY(INIT),
		[SIW_QP_EV_MOD_ERR] = GO(ERROR, FLUSH),
	},
	[SIW_QP_INIT] = {
		[SIW_QP_EV_MOD_RESET] = GO(RESET, SIW_QP_DISCARD),
		[SIW_QP_EV_MOD_INIT] = STAY(INIT),
		[SIW_QP_EV_MOD_RTR] = STAY(RTR),
		[SIW_QP_EV_MOD_ERR] = GO(ERROR, FLUSH),
		[SIW_QP_EV_LLP_UP] = GO(RTS, SIW_QP_START),
	},
	[SIW_QP_RTR] = {
		[SIW_QP_EV_MOD_RESET] = GO(RESET, SIW_QP_DISCARD),
		/* a second attempt to connect with the same QP */
		[SIW_QP_EV_MOD_INIT] = STAY(INIT),
		[SIW_QP_EV_MOD_RTR] = STAY(RTR),
		/* librdmacm asks for it before it accepts; only the
		 * connection makes it true.
		 */
		[SIW_QP_EV_MOD_RTS] = STAY(RTR),
		[SIW_QP_EV_MOD_ERR] = GO(ERROR, FLUSH),
		[SIW_QP_EV_LLP_UP] = GO(RTS, SIW_QP_START),
	},
	[SIW_QP_RTS] = {
		[SIW_QP_EV_MOD_RTS] = STAY(RTS),
		[SIW_QP_EV_MOD_SQD] = GO(CLOSING, SIW_QP_DRAIN |
						  SIW_QP_CM_DISC),
		[SIW_QP_EV_MOD_ERR] = GO(ERROR, HANG_UP | SIW_QP_CM_DISC),
		[SIW_QP_EV_PEER_FIN] = GO(FIN_RCVD, SIW_QP_DRAIN |
						    SIW_QP_CM_DISC),
		/* D-36: nothing useful can be said to a closed peer */
		[SIW_QP_EV_PEER_FIN_DIRTY] = GO(ERROR, CLOSE | SIW_QP_CM_DISC),
		[SIW_QP_EV_LLP_LOST] = GO(ERROR, GONE | SIW_QP_CM_DISC),
		[SIW_QP_EV_FAIL_FATAL] = GO(TERMINATE, TERM | SIW_QP_CM_DISC |
						       SIW_QP_EV_FATAL),
		[SIW_QP_EV_FAIL_REQ] = GO(TERMINATE, TERM | SIW_QP_CM_DISC |
						     SIW_QP_EV_REQ_ERR),
		[SIW_QP_EV_FAIL_ACCESS] = GO(TERMINATE, TERM | SIW_QP_CM_DISC |
							SIW_QP_EV_ACCESS_ERR),
		[SIW_QP_EV_FAIL_MUTE] = GO(ERROR, BREAK | SIW_QP_CM_DISC |
						  SIW_QP_EV_FATAL),
		/* D-35: no Terminate in answer to one */
		[SIW_QP_EV_TERM_RCVD] = GO(ERROR, HANG_UP | SIW_QP_CM_DISC |
						  SIW_QP_EV_FATAL),
	},
	[SIW_QP_CLOSING] = {
		[SIW_QP_EV_MOD_SQD] = STAY(CLOSING),
		[SIW_QP_EV_MOD_ERR] = GO(ERROR, HANG_UP),
		[SIW_QP_EV_PEER_FIN] = STAY(FIN_RCVD),
		[SIW_QP_EV_PEER_FIN_DIRTY] = GO(ERROR, CLOSE),
		[SIW_QP_EV_LLP_LOST] = GO(ERROR, GONE),
		[SIW_QP_EV_DRAINED] = GO(FIN_SENT, SIW_QP_SHUT_WR |
						   SIW_QP_EV_SQ_DRAINED |
						   SIW_QP_CM_LINGER),
		[SIW_QP_EV_FAIL_FATAL] = GO(TERMINATE, TERM | SIW_QP_EV_FATAL),
		[SIW_QP_EV_FAIL_REQ] = GO(TERMINATE, TERM | SIW_QP_EV_REQ_ERR),
		[SIW_QP_EV_FAIL_ACCESS] = GO(TERMINATE, TERM |
							SIW_QP_EV_ACCESS_ERR),
		[SIW_QP_EV_FAIL_MUTE] = GO(ERROR, BREAK | SIW_QP_EV_FATAL),
		[SIW_QP_EV_TERM_RCVD] = GO(ERROR, HANG_UP | SIW_QP_EV_FATAL),
	},
	[SIW_QP_FIN_SENT] = {
		[SIW_QP_EV_MOD_SQD] = STAY(FIN_SENT),
		[SIW_QP_EV_MOD_ERR] = GO(ERROR, HALT | SIW_QP_CM_LINGER),
		[SIW_QP_EV_PEER_FIN] = GO(ERROR, GONE),
		[SIW_QP_EV_PEER_FIN_DIRTY] = GO(ERROR, GONE),
		[SIW_QP_EV_LLP_LOST] = GO(ERROR, GONE),
		[SIW_QP_EV_DRAINED] = STAY(FIN_SENT),
		/* Our half is closed: no Terminate can be sent any more. */
		[SIW_QP_EV_FAIL_FATAL] = GO(ERROR, BREAK | SIW_QP_EV_FATAL),
		[SIW_QP_EV_FAIL_REQ] = GO(ERROR, BREAK | SIW_QP_EV_REQ_ERR),
		[SIW_QP_EV_FAIL_ACCESS] = GO(ERROR, BREAK |
						    SIW_QP_EV_ACCESS_ERR),
		[SIW_QP_EV_FAIL_MUTE] = GO(ERROR, BREAK | SIW_QP_EV_FATAL),
		[SIW_QP_EV_TERM_RCVD] = GO(ERROR, HALT | SIW_QP_EV_FATAL |
						  SIW_QP_CM_LINGER),
	},
	[SIW_QP_FIN_RCVD] = {
		[SIW_QP_EV_MOD_SQD] = STAY(FIN_RCVD),
		[SIW_QP_EV_MOD_ERR] = GO(ERROR, CLOSE),
		[SIW_QP_EV_PEER_FIN] = STAY(FIN_RCVD),
		[SIW_QP_EV_PEER_FIN_DIRTY] = GO(ERROR, CLOSE),
		[SIW_QP_EV_LLP_LOST] = GO(ERROR, GONE),
		[SIW_QP_EV_DRAINED] = GO(ERROR, CLOSE | SIW_QP_EV_SQ_DRAINED),
		[SIW_QP_EV_FAIL_FATAL] = GO(TERMINATE, TERM | SIW_QP_EV_FATAL),
		[SIW_QP_EV_FAIL_REQ] = GO(TERMINATE, TERM | SIW_QP_EV_REQ_ERR),
		[SIW_QP_EV_FAIL_ACCESS] = GO(TERMINATE, TERM |
							SIW_QP_EV_ACCESS_ERR),
		[SIW_QP_EV_FAIL_MUTE] = GO(ERROR, BREAK | SIW_QP_EV_FATAL),
	},
	[SIW_QP_TERMINATE] = {
		[SIW_QP_EV_MOD_SQD] = STAY(TERMINATE),
		[SIW_QP_EV_MOD_ERR] = STAY(TERMINATE),
		/* The peer may close its half and still read our Terminate. */
		[SIW_QP_EV_PEER_FIN] = STAY(TERMINATE),
		[SIW_QP_EV_PEER_FIN_DIRTY] = STAY(TERMINATE),
		[SIW_QP_EV_LLP_LOST] = GO(ERROR, SIW_QP_CM_CLOSE),
		[SIW_QP_EV_DRAINED] = STAY(TERMINATE),
		[SIW_QP_EV_FAIL_FATAL] = STAY(TERMINATE),
		[SIW_QP_EV_FAIL_REQ] = STAY(TERMINATE),
		[SIW_QP_EV_FAIL_ACCESS] = STAY(TERMINATE),
		[SIW_QP_EV_FAIL_MUTE] = STAY(TERMINATE),
		[SIW_QP_EV_TERM_SENT] = GO(ERROR, SIW_QP_SHUT_WR |
						  SIW_QP_CM_LINGER),
		[SIW_QP_EV_TERM_RCVD] = STAY(TERMINATE),
	},
	[SIW_QP_ERROR] = {
		[SIW_QP_EV_MOD_RESET] = GO(RESET, SIW_QP_DISCARD),
		[SIW_QP_EV_MOD_SQD] = STAY(ERROR),
		/* also what was posted since */
		[SIW_QP_EV_MOD_ERR] = GO(ERROR, FLUSH),
		[SIW_QP_EV_PEER_FIN] = GO(ERROR, SIW_QP_CM_CLOSE),
		[SIW_QP_EV_PEER_FIN_DIRTY] = GO(ERROR, SIW_QP_CM_CLOSE),
		[SIW_QP_EV_LLP_LOST] = GO(ERROR, SIW_QP_CM_CLOSE),
		[SIW_QP_EV_DRAINED] = STAY(ERROR),
		[SIW_QP_EV_FAIL_FATAL] = STAY(ERROR),
		[SIW_QP_EV_FAIL_REQ] = STAY(ERROR),
		[SIW_QP_EV_FAIL_ACCESS] = STAY(ERROR),
		[SIW_QP_EV_FAIL_MUTE] = STAY(ERROR),
		[SIW_QP_EV_TERM_SENT] = STAY(ERROR),
		[SIW_QP_EV_TERM_RCVD] = STAY(ERROR),
	},
};

struct siw_qp_step siw_qpsm_step(enum siw_qp_state state, enum siw_qp_ev ev)
{
	struct siw_qp_step step = { .next = state, .act = SIW_QP_REJECT };
	const struct cell *c;

	if ((u32)state >= SIW_QP_STATE_CNT || (u32)ev >= SIW_QP_EV_CNT)
		return step;
	c = &table[state][ev];
	if (c->legal) {
		step.next = (enum siw_qp_state)c->next;
		step.act = c->act;
	}
	return step;
}

enum siw_qp_query siw_qpsm_query(enum siw_qp_state state)
{
	switch (state) {
	case SIW_QP_RESET:
		return SIW_QP_QUERY_RESET;
	case SIW_QP_INIT:
		return SIW_QP_QUERY_INIT;
	case SIW_QP_RTR:
		return SIW_QP_QUERY_RTR;
	case SIW_QP_RTS:
		return SIW_QP_QUERY_RTS;
	case SIW_QP_CLOSING:
	case SIW_QP_FIN_SENT:
	case SIW_QP_FIN_RCVD:
		return SIW_QP_QUERY_SQD;
	case SIW_QP_TERMINATE:
	case SIW_QP_ERROR:
	case SIW_QP_STATE_CNT:
		break;
	}
	return SIW_QP_QUERY_ERR;
}

bool siw_qpsm_can_send(enum siw_qp_state state)
{
	return state == SIW_QP_RTS;
}

bool siw_qpsm_can_recv(enum siw_qp_state state)
{
	return state == SIW_QP_RTS || state == SIW_QP_CLOSING ||
	       state == SIW_QP_FIN_SENT;
}

bool siw_qpsm_must_flush(enum siw_qp_state state)
{
	return state == SIW_QP_TERMINATE || state == SIW_QP_ERROR;
}

enum siw_qp_ev siw_qpsm_fail_ev(enum siw_err err, bool can_term)
{
	const struct siw_err_info *info = siw_err_info(err);

	switch (err) {
	case SIW_E_PEER_TERM:
	case SIW_E_TERM_MALFORMED:
	case SIW_E_TERM_UNKNOWN:
		return SIW_QP_EV_TERM_RCVD;
	case SIW_E_MPA_LOST:
		return SIW_QP_EV_LLP_LOST;
	default:
		break;
	}
	if (!can_term || !info->sendable)
		return SIW_QP_EV_FAIL_MUTE;
	if (info->layer > 1 || !info->etype)
		return SIW_QP_EV_FAIL_FATAL;
	return info->etype == 1 ? SIW_QP_EV_FAIL_ACCESS : SIW_QP_EV_FAIL_REQ;
}

static const char *const state_names[SIW_QP_STATE_CNT] = {
	[SIW_QP_RESET] = "RESET",
	[SIW_QP_INIT] = "INIT",
	[SIW_QP_RTR] = "RTR",
	[SIW_QP_RTS] = "RTS",
	[SIW_QP_CLOSING] = "CLOSING",
	[SIW_QP_FIN_SENT] = "FIN_SENT",
	[SIW_QP_FIN_RCVD] = "FIN_RCVD",
	[SIW_QP_TERMINATE] = "TERMINATE",
	[SIW_QP_ERROR] = "ERROR",
};

const char *siw_qpsm_state_name(enum siw_qp_state state)
{
	return (u32)state < SIW_QP_STATE_CNT ? state_names[state] : "?";
}

static const char *const ev_names[SIW_QP_EV_CNT] = {
	[SIW_QP_EV_MOD_RESET] = "modify to RESET",
	[SIW_QP_EV_MOD_INIT] = "modify to INIT",
	[SIW_QP_EV_MOD_RTR] = "modify to RTR",
	[SIW_QP_EV_MOD_RTS] = "modify to RTS",
	[SIW_QP_EV_MOD_SQD] = "modify to SQD",
	[SIW_QP_EV_MOD_ERR] = "modify to ERR",
	[SIW_QP_EV_LLP_UP] = "connection up",
	[SIW_QP_EV_PEER_FIN] = "peer closed",
	[SIW_QP_EV_PEER_FIN_DIRTY] = "peer closed with work outstanding",
	[SIW_QP_EV_LLP_LOST] = "connection lost",
	[SIW_QP_EV_DRAINED] = "drained",
	[SIW_QP_EV_FAIL_FATAL] = "fatal error",
	[SIW_QP_EV_FAIL_REQ] = "invalid request of the peer",
	[SIW_QP_EV_FAIL_ACCESS] = "access violation of the peer",
	[SIW_QP_EV_FAIL_MUTE] = "error that cannot be told",
	[SIW_QP_EV_TERM_SENT] = "Terminate sent",
	[SIW_QP_EV_TERM_RCVD] = "Terminate received",
};

const char *siw_qpsm_ev_name(enum siw_qp_ev ev)
{
	return (u32)ev < SIW_QP_EV_CNT ? ev_names[ev] : "?";
}
