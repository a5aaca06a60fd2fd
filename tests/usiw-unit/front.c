// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The recorder and libsiw's part of the rings. Upcalls come with usiw_lock()
 * held; what they record has a lock of its own, so that a test can wait.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "front.h"

struct usiw_config usiw_config = {
	.peer_to_peer = true,
	.mpa_rev = 2,
	.rtr_mask = SIW_MPA_RTR_ALL,
	.engines = 2,		/* the ends of a pair have one each */
};

static pthread_mutex_t rec = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;

/* --- upcalls ----------------------------------------------------------- */

void usiw_up_comp(void *owner)
{
	struct end *e = owner;

	pthread_mutex_lock(&rec);
	e->comps++;
	pthread_cond_broadcast(&news);
	pthread_mutex_unlock(&rec);
}

void usiw_up_async(enum usiw_async what, void *owner, u32 event)
{
	struct end *e = owner;

	(void)what;
	pthread_mutex_lock(&rec);
	if (e->async_cnt < EVENTS_MAX)
		e->async[e->async_cnt++] = event;
	pthread_cond_broadcast(&news);
	pthread_mutex_unlock(&rec);
}

void usiw_up_cm(void *owner, const struct usiw_cm_event *event)
{
	struct end *e = owner;
	struct cm_record *r;

	if (event->ev == USIW_CM_REQUEST && e->destroy_at_once) {
		usiw_ep_destroy(event->ep);
		return;
	}
	pthread_mutex_lock(&rec);
	if (e->cm_cnt < EVENTS_MAX) {
		r = &e->cm[e->cm_cnt++];
		r->ev = event->ev;
		r->status = event->status;
		r->ird = event->ird;
		r->ord = event->ord;
		r->pdata_len = event->pdata_len;
		if (event->pdata_len)
			memcpy(r->pdata, event->pdata, event->pdata_len);
		r->ep = event->ep;
	}
	pthread_cond_broadcast(&news);
	pthread_mutex_unlock(&rec);
}

/* --- waiting ----------------------------------------------------------- */

/* Under @rec. false: nothing has come for too long. */
static bool wait_news(const struct timespec *until)
{
	return pthread_cond_timedwait(&news, &rec, until) != ETIMEDOUT;
}

static struct timespec deadline(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += WAIT_S;
	return ts;
}

bool wait_cm(struct end *e, enum usiw_cm_ev ev, struct cm_record *out)
{
	struct timespec until = deadline();
	bool ok = true;

	pthread_mutex_lock(&rec);
	while (ok && e->cm_seen == e->cm_cnt)
		ok = wait_news(&until);
	if (ok) {
		struct cm_record *r = &e->cm[e->cm_seen++];

		if (r->ev != ev) {
			printf("CM event %d, expected %d\n", r->ev, ev);
			ok = false;
		}
		if (out)
			*out = *r;
	} else {
		printf("no CM event %d\n", ev);
	}
	pthread_mutex_unlock(&rec);
	return ok;
}

u32 cm_left(struct end *e)
{
	u32 n;

	pthread_mutex_lock(&rec);
	n = e->cm_cnt - e->cm_seen;
	pthread_mutex_unlock(&rec);
	return n;
}

static bool has_async(const struct end *e, u32 event)
{
	u32 i;

	for (i = 0; i < e->async_cnt; i++)
		if (e->async[i] == event)
			return true;
	return false;
}

bool wait_async(struct end *e, u32 event)
{
	struct timespec until = deadline();
	bool ok = true;

	pthread_mutex_lock(&rec);
	while (ok && !has_async(e, event))
		ok = wait_news(&until);
	pthread_mutex_unlock(&rec);
	if (!ok)
		printf("no async event %u\n", event);
	return ok;
}

bool wait_comp(struct end *e)
{
	struct timespec until = deadline();
	bool ok = true;

	pthread_mutex_lock(&rec);
	while (ok && e->comps == e->comps_seen)
		ok = wait_news(&until);
	e->comps_seen = e->comps;
	pthread_mutex_unlock(&rec);
	if (!ok)
		printf("no completion event\n");
	return ok;
}

static void nap(void)
{
	struct timespec ts = { .tv_nsec = 1000000 };

	nanosleep(&ts, NULL);
}

bool wait_state(struct end *e, enum siw_qp_state state)
{
	enum siw_qp_state now;
	int ms;

	for (ms = 0; ms < WAIT_S * 1000; ms++) {
		usiw_lock();
		now = usiw_qp_state(e->qp);
		usiw_unlock();
		if (now == state)
			return true;
		nap();
	}
	printf("QP in %s, expected %s\n", siw_qpsm_state_name(now),
	       siw_qpsm_state_name(state));
	return false;
}

/* --- completions ------------------------------------------------------- */

bool poll_once(struct end *e, struct siw_cqe *out)
{
	struct siw_cqe *c = &e->cqe[e->cq_get & (e->num_cqe - 1)];

	if (!(__atomic_load_n(&c->flags, __ATOMIC_ACQUIRE) & SIW_WQE_VALID))
		return false;
	*out = *c;
	__atomic_store_n(&c->flags, 0, __ATOMIC_RELEASE);
	e->cq_get++;
	return true;
}

void arm(struct end *e, u32 flags)
{
	struct siw_cq_ctrl *ctrl = (void *)&e->cqe[e->num_cqe];

	__atomic_store_n(&ctrl->flags, flags, __ATOMIC_SEQ_CST);
}

bool wait_cqe(struct end *e, struct siw_cqe *out)
{
	for (;;) {
		if (poll_once(e, out))
			return true;
		arm(e, SIW_NOTIFY_SOLICITED | SIW_NOTIFY_NEXT_COMPLETION);
		if (poll_once(e, out))
			return true;
		if (!wait_comp(e))
			return false;
	}
}

/* --- posting ----------------------------------------------------------- */

void ring_doorbell(struct end *e)
{
	usiw_lock();
	usiw_qp_doorbell(e->qp);
	usiw_unlock();
}

struct siw_sqe *sqe_get(struct end *e)
{
	struct siw_sqe *s = &e->sqe[e->sq_put & (e->num_sqe - 1)];

	if (__atomic_load_n(&s->flags, __ATOMIC_ACQUIRE) & SIW_WQE_VALID)
		return NULL;
	memset((char *)s + offsetof(struct siw_sqe, num_sge), 0,
	       sizeof(*s) - offsetof(struct siw_sqe, num_sge));
	return s;
}

void sqe_put(struct end *e, u16 flags)
{
	struct siw_sqe *s = &e->sqe[e->sq_put++ & (e->num_sqe - 1)];

	__atomic_store_n(&s->flags, flags | SIW_WQE_VALID, __ATOMIC_SEQ_CST);
}

bool post_rdma(struct end *e, u64 id, u8 opcode, u16 flags, void *p, u32 len,
	       u32 lkey, u64 raddr, u32 rkey)
{
	struct siw_sqe *s = sqe_get(e);

	if (!s)
		return false;
	s->id = id;
	s->opcode = opcode;
	s->raddr = raddr;
	s->rkey = rkey;
	s->num_sge = 1;
	s->sge[0].length = len;
	if (flags & SIW_WQE_INLINE) {
		memcpy(&s->sge[1], p, len);
	} else {
		s->sge[0].laddr = (uintptr_t)p;
		s->sge[0].lkey = lkey;
	}
	sqe_put(e, flags);
	ring_doorbell(e);
	return true;
}

bool post_send(struct end *e, u64 id, u8 opcode, u16 flags, void *p, u32 len,
	       u32 lkey)
{
	return post_rdma(e, id, opcode, flags, p, len, lkey, 0, 0);
}

static bool put_rqe(struct siw_rqe *r, u64 id, void *p, u32 len, u32 lkey)
{
	if (__atomic_load_n(&r->flags, __ATOMIC_ACQUIRE) & SIW_WQE_VALID)
		return false;
	r->id = id;
	r->num_sge = 1;
	r->sge[0].laddr = (uintptr_t)p;
	r->sge[0].length = len;
	r->sge[0].lkey = lkey;
	__atomic_store_n(&r->flags, SIW_WQE_VALID, __ATOMIC_SEQ_CST);
	return true;
}

bool post_recv(struct end *e, u64 id, void *p, u32 len, u32 lkey)
{
	if (!put_rqe(&e->rqe[e->rq_put & (e->num_rqe - 1)], id, p, len, lkey))
		return false;
	e->rq_put++;
	return true;
}

bool post_srq(struct end *e, u64 id, void *p, u32 len, u32 lkey)
{
	if (!put_rqe(&e->srqe[e->srq_put & (e->num_srqe - 1)], id, p, len,
		     lkey))
		return false;
	e->srq_put++;
	return true;
}

/* --- objects ----------------------------------------------------------- */

static u32 or64(u32 n)
{
	return n ? n : 64;
}

void end_init(struct end *e, const struct end_opts *o)
{
	struct usiw_qp_attr a = {
		.owner = e, .sig_all = !o->no_sig_all, .caps = o->caps,
	};

	memset(e, 0, sizeof(*e));
	e->num_cqe = or64(o->num_cqe);
	e->num_sqe = or64(o->num_sqe);
	e->num_rqe = or64(o->num_rqe);
	e->num_srqe = o->num_srqe;
	e->cqe = calloc(1, e->num_cqe * sizeof(*e->cqe) +
			sizeof(struct siw_cq_ctrl));
	e->sqe = calloc(e->num_sqe, sizeof(*e->sqe));
	e->rqe = calloc(e->num_rqe, sizeof(*e->rqe));
	usiw_lock();
	e->cq = usiw_cq_create(e->cqe, e->num_cqe, e);
	if (e->num_srqe) {
		e->srqe = calloc(e->num_srqe, sizeof(*e->srqe));
		e->srq = usiw_srq_create(&e->pd, e->srqe, e->num_srqe, 6, e);
	}
	a.pd = &e->pd;
	a.scq = e->cq;
	a.rcq = e->cq;
	a.sq = e->sqe;
	a.num_sqe = e->num_sqe;
	a.srq = e->srq;
	a.rq = e->srq ? NULL : e->rqe;
	a.num_rqe = e->srq ? 0 : e->num_rqe;
	a.max_send_sge = SIW_MAX_SGE;
	a.max_recv_sge = SIW_MAX_SGE;
	a.max_inline = SIW_MAX_INLINE;
	e->qp = usiw_qp_create(&a);
	usiw_qp_set_access(e->qp, 0xf);
	usiw_qp_modify(e->qp, SIW_QP_EV_MOD_INIT);
	e->ep = usiw_ep_new(e);
	usiw_unlock();
}

void end_fini(struct end *e)
{
	usiw_lock();
	if (e->ep)
		usiw_ep_destroy(e->ep);
	if (e->qp)
		usiw_qp_destroy(e->qp);
	if (e->srq)
		usiw_srq_destroy(e->srq);
	if (e->cq)
		usiw_cq_destroy(e->cq);
	while (e->mr_cnt)
		usiw_mr_dereg(e->mr[--e->mr_cnt]);
	usiw_unlock();
	free(e->cqe);
	free(e->sqe);
	free(e->rqe);
	free(e->srqe);
	memset(e, 0, sizeof(*e));
}

void end_reg(struct end *e, void *p, size_t len, u32 access, u32 *stag)
{
	usiw_lock();
	e->mr[e->mr_cnt++] = usiw_mr_reg(&e->pd, (uintptr_t)p, len,
					 (uintptr_t)p, access, 0x5a, stag);
	usiw_unlock();
}

void end_dereg(struct end *e)
{
	usiw_lock();
	usiw_mr_dereg(e->mr[--e->mr_cnt]);
	usiw_unlock();
}
