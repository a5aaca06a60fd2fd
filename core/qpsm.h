/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Life of a queue pair: (state, event) -> (state, actions), as one table.
 *
 * RFC 5040 section 6 (stream initialisation and teardown), RFC 5041 section 6,
 * and the state names of the verbs. The table decides; the executor carries
 * out the actions, lowest bit first, and reports what comes of them as events.
 * Every pair has an entry; what must not happen is marked SIW_QP_REJECT and
 * changes nothing. Pure; the caller serialises the events of one QP.
 *
 * Ways through: RESET > INIT > [RTR >] RTS > one of
 *	CLOSING > FIN_SENT > ERROR	we close first
 *	FIN_RCVD > ERROR		the peer closes first
 *	TERMINATE > ERROR		we found an error and say so
 *	ERROR				all other ends
 */
#ifndef SIW_CORE_QPSM_H
#define SIW_CORE_QPSM_H

#include "plat.h"
#include "err.h"

enum siw_qp_state {
	SIW_QP_RESET,
	SIW_QP_INIT,		/* receives may be posted */
	SIW_QP_RTR,		/* as INIT; the ULP prepares to connect */
	SIW_QP_RTS,		/* connected */
	SIW_QP_CLOSING,		/* draining, our FIN comes next */
	SIW_QP_FIN_SENT,	/* our FIN is out, still receiving */
	SIW_QP_FIN_RCVD,	/* peer's FIN is here, draining */
	SIW_QP_TERMINATE,	/* flushed; our Terminate is not out yet */
	SIW_QP_ERROR,		/* everything posted is flushed */
	SIW_QP_STATE_CNT
};

/* siw_qpsm_query(): the numbers of enum ib_qp_state and ibv_qp_state. */
enum siw_qp_query {
	SIW_QP_QUERY_RESET = 0,
	SIW_QP_QUERY_INIT = 1,
	SIW_QP_QUERY_RTR = 2,
	SIW_QP_QUERY_RTS = 3,
	SIW_QP_QUERY_SQD = 4,
	SIW_QP_QUERY_ERR = 6,
};

enum siw_qp_ev {
	/* the ULP (or the CM on its behalf) modifies the QP */
	SIW_QP_EV_MOD_RESET,
	SIW_QP_EV_MOD_INIT,
	SIW_QP_EV_MOD_RTR,
	SIW_QP_EV_MOD_RTS,
	SIW_QP_EV_MOD_SQD,	/* graceful disconnect */
	SIW_QP_EV_MOD_ERR,	/* abrupt disconnect; also QP destruction */
	/* the connection */
	SIW_QP_EV_LLP_UP,	/* MPA negotiated: Full Operation */
	SIW_QP_EV_PEER_FIN,	/* at a message boundary, no Read outstanding */
	SIW_QP_EV_PEER_FIN_DIRTY,	/* anywhere else */
	SIW_QP_EV_LLP_LOST,	/* RST, time-out, device gone */
	/* the data path */
	SIW_QP_EV_DRAINED,	/* answer to SIW_QP_DRAIN */
	SIW_QP_EV_FAIL_FATAL,	/* see siw_qpsm_fail_ev() */
	SIW_QP_EV_FAIL_REQ,
	SIW_QP_EV_FAIL_ACCESS,
	SIW_QP_EV_FAIL_MUTE,	/* no Terminate is possible */
	SIW_QP_EV_TERM_SENT,	/* answer to SIW_QP_SEND_TERM */
	SIW_QP_EV_TERM_RCVD,	/* the peer sent a Terminate */
	SIW_QP_EV_CNT
};

/* Actions, carried out in this order. */
#define SIW_QP_REJECT		(1u << 0)  /* illegal: -EINVAL, nothing else */
#define SIW_QP_DISCARD		(1u << 1)  /* drop posted WRs, no completions */
#define SIW_QP_START		(1u << 2)  /* bind socket, start rx and tx */
#define SIW_QP_STOP_RX		(1u << 3)  /* discard all further input */
#define SIW_QP_STOP_TX		(1u << 4)  /* no FPDU beyond the one begun */
#define SIW_QP_FLUSH_SQ		(1u << 5)  /* complete SQ, outstanding Reads */
#define SIW_QP_FLUSH_RQ		(1u << 6)  /* complete RQ (not an SRQ) */
#define SIW_QP_DRAIN		(1u << 7)  /* take no new WR, send the rest and
					    * await Reads, then EV_DRAINED
					    */
#define SIW_QP_SEND_TERM	(1u << 8)  /* Terminate, then EV_TERM_SENT */
#define SIW_QP_SHUT_WR		(1u << 9)  /* FIN at the next FPDU boundary */
#define SIW_QP_ABORT		(1u << 10) /* RST */
#define SIW_QP_EV_SQ_DRAINED	(1u << 11) /* async event, if asked for */
#define SIW_QP_EV_FATAL		(1u << 12) /* async event */
#define SIW_QP_EV_REQ_ERR	(1u << 13) /* async event */
#define SIW_QP_EV_ACCESS_ERR	(1u << 14) /* async event */
#define SIW_QP_CM_DISC		(1u << 15) /* CM: connection is going down */
#define SIW_QP_CM_LINGER	(1u << 16) /* CM: read and discard to the peer's
					    * FIN, bounded by a timer; if that
					    * FIN is here already, raise
					    * EV_PEER_FIN at once
					    */
#define SIW_QP_CM_CLOSE		(1u << 17) /* CM: connection is gone */

struct siw_qp_step {
	enum siw_qp_state next;
	u32 act;		/* SIW_QP_* */
};

/**
 * siw_qpsm_step() - what an event does to a QP
 * @state: current state
 * @ev: what happened
 *
 * Context: any.
 * Return: next state and actions; SIW_QP_REJECT alone, and the same state, for
 * an illegal pair or a value out of range.
 * RFC 5040 §6, RFC 5041 §6
 */
struct siw_qp_step siw_qpsm_step(enum siw_qp_state state, enum siw_qp_ev ev);

/**
 * siw_qpsm_query() - the state as the verbs name it
 * @state: any value
 *
 * Context: any.
 * Return: enum siw_qp_query; SQD while closing, ERR from Terminate on.
 */
enum siw_qp_query siw_qpsm_query(enum siw_qp_state state);

/**
 * siw_qpsm_can_send() - may new send work be taken from the SQ?
 * @state: any value
 *
 * Context: any.
 * Return: true in RTS only.
 */
bool siw_qpsm_can_send(enum siw_qp_state state);

/**
 * siw_qpsm_can_recv() - may inbound messages be placed and delivered?
 * @state: any value
 *
 * Context: any.
 * Return: true from RTS until the peer's FIN or an error.
 */
bool siw_qpsm_can_recv(enum siw_qp_state state);

/**
 * siw_qpsm_must_flush() - are newly posted WRs completed as flushed?
 * @state: any value
 *
 * Context: any.
 * Return: true once the QP is in error.
 */
bool siw_qpsm_must_flush(enum siw_qp_state state);

/**
 * siw_qpsm_fail_ev() - the event that stands for a local protocol error
 * @err: what was found
 * @can_term: a Terminate may be sent (initiator, or the responder's gate is
 *	open) and @err is one that may go on the wire
 *
 * Faults of the peer's access to our memory give the access event, other
 * faults of its messages the request event, all else the fatal one. A
 * Terminate of the peer and the loss of TCP have events of their own.
 *
 * Context: any.
 * Return: one of SIW_QP_EV_FAIL_*, SIW_QP_EV_TERM_RCVD, SIW_QP_EV_LLP_LOST.
 * RFC 5040 §4.8
 */
enum siw_qp_ev siw_qpsm_fail_ev(enum siw_err err, bool can_term);

/**
 * siw_qpsm_state_name() - for logs and tests
 * @state: any value
 *
 * Context: any.
 * Return: a constant string, never NULL.
 */
const char *siw_qpsm_state_name(enum siw_qp_state state);

/**
 * siw_qpsm_ev_name() - for logs and tests
 * @ev: any value
 *
 * Context: any.
 * Return: a constant string, never NULL.
 */
const char *siw_qpsm_ev_name(enum siw_qp_ev ev);

#endif
