// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Connections, QPs and memory are taken away while other threads and the engines
 * are in system calls for them. What is to be seen is what the sanitizers say, that
 * everything comes to an end, and that memory stays as it is once it is given back.
 */
#include <poll.h>
#include <pthread.h>
#include <time.h>

#include "harness.h"
#include "pair.h"

#define ALL_RIGHTS	0x0f
#define ROUNDS		20
#define LEN		(128 << 10)
#define TAIL		2048

static u8 src[LEN], dst[LEN];

/* A thread that keeps one end busy until it is told to stop */
struct poster {
	struct end *e;
	u32 lkey, rkey;
	u8 opcode;
	u8 *own, *other;
	u32 done;		/* completions; atomic */
	u32 stop;		/* atomic */
	pthread_t thread;
};

/* As a front: whether the QP is there is known under the lock only. */
static void doorbell(struct end *e)
{
	usiw_lock();
	if (e->qp)
		usiw_qp_doorbell(e->qp);
	usiw_unlock();
}

static bool post(struct poster *t, u32 n)
{
	struct siw_sqe *s = sqe_get(t->e);

	if (!s)
		return false;
	s->id = n;
	s->opcode = t->opcode;
	s->raddr = (uintptr_t)t->other;
	s->rkey = t->rkey;
	s->num_sge = 1;
	s->sge[0].laddr = (uintptr_t)t->own;
	s->sge[0].length = n % 3 ? LEN / 2 : 16;
	s->sge[0].lkey = t->lkey;
	sqe_put(t->e, 0);
	doorbell(t->e);
	return true;
}

static void nap(void)
{
	const struct timespec ts = { .tv_nsec = 20000 };

	nanosleep(&ts, NULL);
}

static void *keep_busy(void *arg)
{
	struct poster *t = arg;
	struct siw_cqe c;
	u32 n = 0;

	while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
		if (post(t, n))
			n++;
		else
			nap();
		while (poll_once(t->e, &c))
			__atomic_add_fetch(&t->done, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static bool start(struct poster *t, struct end *e, u8 opcode, u8 *own, u8 *other,
		  u32 lkey, u32 rkey)
{
	*t = (struct poster) {
		.e = e, .opcode = opcode, .own = own, .other = other,
		.lkey = lkey, .rkey = rkey,
	};
	return !pthread_create(&t->thread, NULL, keep_busy, t);
}

static void until_done(struct poster *t, u32 n)
{
	while (__atomic_load_n(&t->done, __ATOMIC_ACQUIRE) < n)
		nap();
}

static void stop(struct poster *t)
{
	__atomic_store_n(&t->stop, 1, __ATOMIC_RELEASE);
	pthread_join(t->thread, NULL);
}

/* --- a thread that receives instead of the engine ------------------------- */

struct waiter {
	struct end *e;
	u32 stop;		/* atomic */
	pthread_t thread;
};

static void wait_once(struct end *e)
{
	struct pollfd pfd = { .events = POLLIN };
	struct usiw_claim *c;

	usiw_lock();
	c = usiw_claim(e->cq, &pfd.fd);
	usiw_unlock();
	if (!c) {
		nap();
		return;
	}
	poll(&pfd, 1, 1);
	usiw_lock();
	usiw_claim_receive(c);
	usiw_claim_end(c);
	usiw_unlock();
}

static void *keep_waiting(void *arg)
{
	struct waiter *w = arg;

	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE))
		wait_once(w->e);
	return NULL;
}

static bool start_waiter(struct waiter *w, struct end *e)
{
	*w = (struct waiter) { .e = e };
	return !pthread_create(&w->thread, NULL, keep_waiting, w);
}

static void stop_waiter(struct waiter *w)
{
	__atomic_store_n(&w->stop, 1, __ATOMIC_RELEASE);
	pthread_join(w->thread, NULL);
}

/* --- what is done under their feet ------------------------------------------ */

static void destroy_qp(struct end *e)
{
	struct usiw_qp *qp = e->qp;

	usiw_lock();
	e->qp = NULL;
	usiw_qp_destroy(qp);
	usiw_unlock();
}

static void modify(struct end *e, enum siw_qp_ev ev)
{
	usiw_lock();
	usiw_qp_modify(e->qp, ev);
	usiw_unlock();
}

static void disconnect(struct end *e)
{
	usiw_lock();
	usiw_ep_disconnect(e->ep);
	usiw_unlock();
}

/*
 * From the return on nothing writes there: not the call either that was placing a
 * message, whose end is looked at.
 */
static void take_memory(struct pair *p)
{
	u8 *tail = dst + LEN / 2 - TAIL;
	u32 i, bad = 0;

	end_dereg(&p->b);
	memset(tail, 0xee, TAIL);
	/* the peer hears of it: all that was under way has come to an end */
	CHECK(wait_state(&p->a, SIW_QP_ERROR));
	for (i = 0; i < TAIL; i++)
		bad += tail[i] != 0xee;
	CHECK_EQ(bad, 0);
}

enum what { DESTROY, ERROR, DISCONNECT, EP_GONE, MEMORY };

static void round_of(enum what what, const struct pair_opts *o, u32 wait)
{
	struct poster ta, tb;
	struct waiter wa, wb;
	struct pair p;
	u32 ks, kd;

	memset(src, 0x11, LEN);
	NEED(pair_init(&p, o));
	end_reg(&p.a, src, LEN, ALL_RIGHTS, &ks);
	end_reg(&p.b, dst, LEN, ALL_RIGHTS, &kd);
	NEED(start(&ta, &p.a, SIW_OP_WRITE, src, dst, ks, kd));
	NEED(start(&tb, &p.b, what == MEMORY ? SIW_OP_WRITE : SIW_OP_READ, dst,
		   src, kd, ks));
	NEED(start_waiter(&wa, &p.a));
	NEED(start_waiter(&wb, &p.b));
	until_done(&ta, wait);
	switch (what) {
	case DESTROY:
		destroy_qp(wait % 2 ? &p.a : &p.b);
		break;
	case ERROR:
		modify(wait % 2 ? &p.a : &p.b, SIW_QP_EV_MOD_ERR);
		break;
	case DISCONNECT:
		disconnect(wait % 2 ? &p.a : &p.b);
		break;
	case EP_GONE:
		usiw_lock();
		usiw_ep_destroy(p.a.ep);
		p.a.ep = NULL;
		usiw_unlock();
		break;
	case MEMORY:
		take_memory(&p);
		break;
	}
	if (p.a.qp)
		CHECK(wait_state(&p.a, SIW_QP_ERROR));
	if (p.b.qp)
		CHECK(wait_state(&p.b, SIW_QP_ERROR));
	stop_waiter(&wa);
	stop_waiter(&wb);
	stop(&ta);
	stop(&tb);
	pair_fini(&p);
}

static void rounds(enum what what, const struct pair_opts *o)
{
	u32 i;

	for (i = 0; i < ROUNDS && !test_bad; i++)
		round_of(what, o, 1 + i * 5 % 23);
}

TEST(race__destroy)
{
	rounds(DESTROY, &(struct pair_opts) {});
}

TEST(race__destroy_crc)
{
	rounds(DESTROY, &(struct pair_opts) { .crc = true });
}

TEST(race__error)
{
	rounds(ERROR, &(struct pair_opts) {});
}

TEST(race__disconnect)
{
	rounds(DISCONNECT, &(struct pair_opts) {});
}

TEST(race__end_point)
{
	rounds(EP_GONE, &(struct pair_opts) {});
}

TEST(race__memory)
{
	rounds(MEMORY, &(struct pair_opts) {});
}

SUITE(usiw_race, CASE(race__destroy), CASE(race__destroy_crc),
      CASE(race__error), CASE(race__disconnect), CASE(race__end_point),
      CASE(race__memory));
