/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * A whole endpoint: a simulated end, and around it the connection table, the
 * QP table and the MPA exchange, executed as the tables say.
 */
#ifndef SIW_TESTS_SIM_NODE_H
#define SIW_TESTS_SIM_NODE_H

#include "pair.h"
#include "../../core/cmsm.h"
#include "../../core/mpa.h"
#include "../../core/qpsm.h"

struct node {
	struct sim_end *e;
	struct node *peer;
	struct sim_cfg cfg;
	bool active;
	bool retry;		/* policy: fall back to revision 1 */
	/* MPA */
	struct siw_mpa_local l;
	struct siw_mpa_frame req, in;
	struct siw_mpa_result res;
	u8 buf[SIW_MPA_FRAME_MAX];
	u32 got;
	/* tables */
	enum siw_cm_phase phase;
	enum siw_qp_state qp;
	/* QP */
	bool started, fail_seen, term_seen, gate_seen, draining, shut;
	bool discard, flushed, async;
	bool dying;		/* the ULP waits for the end of the QP */
	u32 done_at_flush;
	/* socket and timers */
	bool fin_seen, rst_seen, timer;
	/* the ULP */
	char ups[32];		/* upcalls: a letter each, in order */
	u32 puts, fails;
};

/* Letters of node.ups: Request, Ok, refused (N), reset (X), timeout (T),
 * protocol (P), unreachable (U), Established, Disconnect, Close.
 */

void node_init(struct node *n, struct node *peer, struct sim_end *e,
	       bool active, const struct siw_mpa_local *l);
void node_cm(struct node *n, enum siw_cm_ev ev);
void node_accept(struct node *n);
void node_pump(struct node *n, struct sim_rnd *r, u32 grain);

#endif
