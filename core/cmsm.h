/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Life of a connection: (phase, event) -> (phase, actions), as one table.
 *
 * RFC 5044 section 7.1.2 to 7.2, RFC 6581 sections 9 and 10. Covers TCP set-up,
 * the MPA exchange and the end; while the connection is OPEN, the QP's table
 * (qpsm.h) decides and this one passes socket events on (SIW_CM_TO_QP) and
 * takes the QP's CM_DISC, CM_LINGER and CM_CLOSE actions as events.
 *
 * Actions are carried out lowest bit first. Every pair has an entry; illegal
 * ones are marked SIW_CM_REJECT and change nothing. Pure; the caller
 * serialises the events of one connection.
 *
 * Active:  IDLE > TCP_CONNECT > AWAIT_REP > OPEN > CLOSING > CLOSED
 * Passive: IDLE > AWAIT_REQ > REQ_UPCALLED > [RTR_WAIT >] OPEN > ...
 */
#ifndef SIW_CORE_CMSM_H
#define SIW_CORE_CMSM_H

#include "plat.h"

enum siw_cm_phase {
	SIW_CM_IDLE,
	SIW_CM_LISTEN,
	SIW_CM_TCP_CONNECT,
	SIW_CM_AWAIT_REQ,	/* passive, TCP is up */
	SIW_CM_REQ_UPCALLED,	/* the ULP is thinking; no timer runs */
	SIW_CM_REQ_LOST,	/* as above, but the peer has gone meanwhile */
	SIW_CM_AWAIT_REP,	/* active, Request sent */
	SIW_CM_RTR_WAIT,	/* passive peer-to-peer, Reply sent */
	SIW_CM_OPEN,		/* the ULP knows that it is connected */
	SIW_CM_CLOSING,		/* the ULP knows that it ends */
	SIW_CM_LINGER,		/* no ULP attached, socket ends quietly */
	SIW_CM_CLOSED,		/* nothing may happen any more */
	SIW_CM_PHASE_CNT
};

enum siw_cm_ev {
	/* from the ULP */
	SIW_CM_EV_LISTEN,
	SIW_CM_EV_CONNECT,
	SIW_CM_EV_ACCEPT,	/* Reply has p2p off: established at once */
	SIW_CM_EV_ACCEPT_P2P,	/* Reply has p2p on: await the RTR */
	SIW_CM_EV_ULP_REJECT,
	SIW_CM_EV_DISC,		/* graceful disconnect */
	SIW_CM_EV_ABORT,	/* abrupt disconnect */
	SIW_CM_EV_DESTROY,	/* the ULP goes away, it makes no more calls */
	SIW_CM_EV_GOING,	/* the device goes away, the ULP must be told */
	/* from TCP */
	SIW_CM_EV_TCP_CHILD,	/* passive socket, TCP is up */
	SIW_CM_EV_TCP_UP,	/* active: connected */
	SIW_CM_EV_TCP_FAIL,	/* active: refused, unreachable */
	SIW_CM_EV_PEER_FIN,
	SIW_CM_EV_PEER_RST,	/* RST or any fatal socket error */
	SIW_CM_EV_PEER_OLD,	/* FIN or RST instead of a Reply, and policy
				 * allows one more attempt with revision 1
				 */
	/* from MPA */
	SIW_CM_EV_FRAME_OK,	/* Request fit for the ULP; Reply: SIW_MPA_GO */
	SIW_CM_EV_FRAME_BAD,	/* SIW_MPA_CLOSE */
	SIW_CM_EV_FRAME_REFUSE,	/* Request we reject ourselves; also
				 * SIW_MPA_REJECT when the ULP accepts
				 */
	SIW_CM_EV_REPLY_REFUSED,	/* SIW_MPA_REFUSED */
	SIW_CM_EV_REPLY_TERM,	/* SIW_MPA_TERM */
	SIW_CM_EV_LOCAL_FAIL,	/* instead of FRAME_OK of a Reply or ACCEPT:
				 * the QP or the memory is not there
				 */
	/* from the QP */
	SIW_CM_EV_GATE_OPEN,	/* first valid FPDU received, no Terminate */
	SIW_CM_EV_QP_DISC,	/* SIW_QP_CM_DISC */
	SIW_CM_EV_QP_LINGER,	/* SIW_QP_CM_LINGER */
	SIW_CM_EV_QP_FADE,	/* the QP is in error and TCP has all that it
				 * had to send: the socket can end alone
				 */
	SIW_CM_EV_QP_CLOSED,	/* SIW_QP_CM_CLOSE */
	SIW_CM_EV_TIMER,
	SIW_CM_EV_CNT
};

/* Actions, carried out in this order. */
#define SIW_CM_REJECT		(1u << 0)  /* illegal: -EINVAL, nothing else */
#define SIW_CM_STOP_TIMER	(1u << 1)
#define SIW_CM_TCP_START	(1u << 2)  /* non-blocking connect */
#define SIW_CM_SEND_REQ		(1u << 3)
#define SIW_CM_QP_START		(1u << 4)  /* SIW_QP_EV_LLP_UP; before the Reply
					    * leaves: its answer may be quick
					    */
#define SIW_CM_SEND_REP		(1u << 5)
#define SIW_CM_SEND_REJ		(1u << 6)
#define SIW_CM_SEND_TERM	(1u << 7)  /* the only FPDU; res->term, or
					    * 2/0/05 after LOCAL_FAIL
					    */
#define SIW_CM_TO_QP		(1u << 8)  /* pass the event on to the QP */
#define SIW_CM_QP_LOST		(1u << 9)  /* SIW_QP_EV_LLP_LOST */
#define SIW_CM_SHUT		(1u << 10) /* FIN */
#define SIW_CM_RST		(1u << 11)
#define SIW_CM_RETRY_V1		(1u << 12) /* drop the socket; new TCP
					    * connection, plain Request
					    */
#define SIW_CM_ARM_SETUP	(1u << 13) /* timer: complete set-up */
#define SIW_CM_ARM_LINGER	(1u << 14) /* timer: post-mortem */
#define SIW_CM_UP_REQUEST	(1u << 15) /* upcall: connection request */
#define SIW_CM_UP_OK		(1u << 16) /* upcall: active side connected */
#define SIW_CM_UP_REFUSED	(1u << 17) /* upcall: rejected, with the
					    * peer's private data
					    */
#define SIW_CM_UP_RESET		(1u << 18) /* upcall: connect failed, reset */
#define SIW_CM_UP_TIMEOUT	(1u << 19) /* upcall: connect failed, time */
#define SIW_CM_UP_PROTO		(1u << 20) /* upcall: connect failed, peer
					    * does not speak our MPA
					    */
#define SIW_CM_UP_UNREACH	(1u << 21) /* upcall: connect failed, TCP */
#define SIW_CM_UP_EST		(1u << 22) /* upcall: passive side connected */
#define SIW_CM_UP_DISC		(1u << 23) /* upcall: connection goes down */
#define SIW_CM_UP_CLOSE		(1u << 24) /* upcall: connection is gone */
#define SIW_CM_FAIL_CALL	(1u << 25) /* the ULP's call returns
					    * -ECONNRESET
					    */
#define SIW_CM_PUT		(1u << 26) /* release socket and QP, drop
					    * the connection's reference
					    */

struct siw_cm_step {
	enum siw_cm_phase next;
	u32 act;		/* SIW_CM_* */
};

/**
 * siw_cmsm_step() - what an event does to a connection
 * @phase: current phase
 * @ev: what happened
 *
 * Context: any.
 * Return: next phase and actions; SIW_CM_REJECT alone, and the same phase, for
 * an illegal pair or a value out of range.
 * RFC 5044 §7.1.2
 */
struct siw_cm_step siw_cmsm_step(enum siw_cm_phase phase, enum siw_cm_ev ev);

/**
 * siw_cmsm_knock_ms() - how long is a responder's silence to be borne?
 * @n: knocks so far
 *
 * For an initiator that has sent its RTR. A knock is a Write without payload,
 * as an RTR may be. There is no other once the responder was heard.
 *
 * Context: any.
 * Return: milliseconds until the next knock; 0: no more of them.
 * RFC 6581 §9.2
 */
u32 siw_cmsm_knock_ms(u32 n);

/**
 * siw_cmsm_phase_name() - for logs and tests
 * @phase: any value
 *
 * Context: any.
 * Return: a constant string, never NULL.
 */
const char *siw_cmsm_phase_name(enum siw_cm_phase phase);

/**
 * siw_cmsm_ev_name() - for logs and tests
 * @ev: any value
 *
 * Context: any.
 * Return: a constant string, never NULL.
 */
const char *siw_cmsm_ev_name(enum siw_cm_ev ev);

#endif
