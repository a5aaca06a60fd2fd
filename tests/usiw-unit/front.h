/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * A front half for tests: makes QPs with rings in plain memory, posts to them
 * and polls them as libsiw does, and records every upcall.
 *
 * All functions take the lock themselves. Those that wait return false, and
 * say so, when nothing has come for WAIT_S seconds.
 */
#ifndef USIW_TEST_FRONT_H
#define USIW_TEST_FRONT_H

#include "usiw/usiw.h"

#define WAIT_S		20
#define EVENTS_MAX	32

struct cm_record {
	enum usiw_cm_ev ev;
	int status;
	u32 ird, ord;
	u32 pdata_len;
	char pdata[256];
	struct usiw_ep *ep;
};

/* One end of a connection, or a listener. */
struct end {
	struct usiw_ep *ep;
	struct usiw_pd pd;
	struct usiw_cq *cq;
	struct usiw_qp *qp;
	struct usiw_srq *srq;
	struct siw_cqe *cqe;
	struct siw_sqe *sqe;
	struct siw_rqe *rqe, *srqe;
	u32 num_cqe, num_sqe, num_rqe, num_srqe;
	u32 cq_get, sq_put, rq_put, srq_put;
	struct usiw_mr *mr[16];		/* end_fini() deregisters them */
	u32 mr_cnt;

	/* upcalls; under the recorder's lock */
	struct cm_record cm[EVENTS_MAX];
	u32 cm_cnt, cm_seen;
	u32 comps, comps_seen;
	u32 async[EVENTS_MAX];
	u32 async_cnt;
	bool destroy_at_once;	/* the end point of a request, in the upcall */
};

struct end_opts {
	u32 num_sqe, num_rqe, num_cqe, num_srqe;	/* 0: 64; SRQ: none */
	bool no_sig_all;
	u64 caps;		/* USIW_CAP_* */
};

void end_init(struct end *e, const struct end_opts *o);
void end_fini(struct end *e);
void end_reg(struct end *e, void *p, size_t len, u32 access, u32 *stag);
void end_dereg(struct end *e);		/* the last one */

/* Posting; the doorbell is rung. false: the ring is full */
struct siw_sqe *sqe_get(struct end *e);
void sqe_put(struct end *e, u16 flags);
bool post_send(struct end *e, u64 id, u8 opcode, u16 flags, void *p, u32 len,
	       u32 lkey);
bool post_rdma(struct end *e, u64 id, u8 opcode, u16 flags, void *p, u32 len,
	       u32 lkey, u64 raddr, u32 rkey);
bool post_recv(struct end *e, u64 id, void *p, u32 len, u32 lkey);
bool post_srq(struct end *e, u64 id, void *p, u32 len, u32 lkey);
void ring_doorbell(struct end *e);

/* Polling, arming */
bool poll_once(struct end *e, struct siw_cqe *out);
bool wait_cqe(struct end *e, struct siw_cqe *out);
void arm(struct end *e, u32 flags);
bool wait_comp(struct end *e);

bool wait_cm(struct end *e, enum usiw_cm_ev ev, struct cm_record *out);
bool wait_async(struct end *e, u32 event);
bool wait_state(struct end *e, enum siw_qp_state state);
u32 cm_left(struct end *e);	/* events not yet waited for */

#endif
