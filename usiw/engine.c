// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The threads that look after sockets and timers.
 *
 * An engine sleeps in epoll_wait() until a socket has news or a timer is due;
 * whoever arms an earlier timer wakes it up. It blocks all signals, which are
 * the program's. It handles a bounded amount of work per socket and turn.
 *
 * Every socket belongs to one engine, in turn; timers are the first one's. All of
 * it is under usiw_lock().
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "priv.h"
#include "sys.h"

#define EVENTS		64		/* taken from epoll at a time */
#define BURIED_MAX	64		/* ... end points before it is woken */
#define LOG_BURST	10		/* lines */
#define LOG_GAP_MS	1000

bool usiw_sockets_shared;

struct engine {
	int epfd, evfd;
	u64 wake_at;			/* asleep until then, ms; else 0 */
	struct usiw_list graves;
	u32 buried;
};

static struct engine engines[USIW_ENGINES_MAX];
static u32 engine_cnt;			/* that run; 0 before the first use */
static u32 next_engine;

static USIW_LIST(works);
static struct usiw_list timers[USIW_T_CNT];
static __thread bool working, top;

/* --- messages for people ----------------------------------------------- */

u64 usiw_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

static bool may_log(void)
{
	static u64 since;
	static u32 lines;
	u64 now = usiw_now_ms();

	if (now - since >= LOG_GAP_MS) {
		since = now;
		lines = 0;
	}
	return lines++ < LOG_BURST;
}

/**
 * usiw_log() - say something on stderr
 * @level: of usiw_config.verbose from which on it is said
 * @fmt: one line without its end
 *
 * A peer that causes many lines gets few of them.
 */
void usiw_log(int level, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	if (usiw_config.verbose < level ||
	    (level == 1 && !may_log()))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(stderr, "usiw: %s\n", line);
}

/* --- deferred work ----------------------------------------------------- */

void usiw_work_init(struct usiw_work *w, void (*run)(struct usiw_work *))
{
	usiw_list_init(&w->entry);
	w->run = run;
}

/**
 * usiw_work_add() - have something done before the lock is given back
 * @w: may be added already
 */
void usiw_work_add(struct usiw_work *w)
{
	if (usiw_list_empty(&w->entry))
		usiw_list_add_tail(&w->entry, &works);
}

void usiw_work_cancel(struct usiw_work *w)
{
	usiw_list_del(&w->entry);
}

/**
 * usiw_work_run() - do what was put off
 *
 * The last thing that each call of the front and each event of the engine does.
 * Work that is added meanwhile is done too, also from a call that the front
 * makes out of an upcall.
 */
void usiw_work_run(void)
{
	struct usiw_work *w;

	if (working)
		return;
	working = true;
	while (!usiw_list_empty(&works)) {
		w = usiw_entry(works.next, struct usiw_work, entry);
		usiw_list_del(&w->entry);
		w->run(w);
	}
	working = false;
}

/**
 * usiw_work_run_top() - the same where nothing is in the middle of anything
 *
 * What is done may let go of the lock for a while.
 */
void usiw_work_run_top(void)
{
	top = true;
	usiw_work_run();
	top = false;
}

/* For what is done: may it? */
bool usiw_work_is_top(void)
{
	return top;
}

/* --- waking up --------------------------------------------------------- */

static void wake(struct engine *e)
{
	u64 one = 1;

	e->wake_at = 0;
	if (engine_cnt && sys_write(e->evfd, &one, sizeof(one)) < 0)
		usiw_log(1, "engine: %s", strerror(errno));
}

static void woken(const struct engine *e)
{
	u64 n;

	if (sys_read(e->evfd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		usiw_log(1, "engine: %s", strerror(errno));
}

/* --- timers ------------------------------------------------------------ */

void usiw_timer_init(struct usiw_timer *t, void (*fire)(struct usiw_timer *))
{
	usiw_list_init(&t->entry);
	t->fire = fire;
}

/**
 * usiw_timer_arm() - start a timer, anew if it runs
 * @t: timer
 * @c: class; cheap if those of a class run for the same time
 * @ms: until it fires
 */
void usiw_timer_arm(struct usiw_timer *t, enum usiw_timer_class c, u32 ms)
{
	struct usiw_list *behind;

	usiw_list_del(&t->entry);
	if (!timers[c].next)
		usiw_list_init(&timers[c]);
	t->deadline = usiw_now_ms() + ms;
	behind = timers[c].prev;
	while (behind != &timers[c] &&
	       usiw_entry(behind, struct usiw_timer, entry)->deadline >
	       t->deadline)
		behind = behind->prev;
	usiw_list_add(&t->entry, behind);
	if (t->deadline < engines[0].wake_at)
		wake(&engines[0]);
}

void usiw_timer_stop(struct usiw_timer *t)
{
	usiw_list_del(&t->entry);
}

static struct usiw_timer *first_timer(enum usiw_timer_class c)
{
	if (!timers[c].next || usiw_list_empty(&timers[c]))
		return NULL;
	return usiw_entry(timers[c].next, struct usiw_timer, entry);
}

/* Return: when the next one is due, U64_MAX: never. */
static u64 run_timers(void)
{
	u64 now = usiw_now_ms();
	u64 next = U64_MAX;
	struct usiw_timer *t;
	int c;

	for (c = 0; c < USIW_T_CNT; c++) {
		while ((t = first_timer(c)) && t->deadline <= now) {
			usiw_timer_stop(t);
			t->fire(t);
			usiw_work_run();
			usiw_let_others();
		}
	}
	/* Whoever was let in, or a timer, may have armed others. */
	for (c = 0; c < USIW_T_CNT; c++) {
		t = first_timer(c);
		if (t && t->deadline < next)
			next = t->deadline;
	}
	return next;
}

/* --- sockets ----------------------------------------------------------- */

static struct engine *engine_of(struct usiw_ep *ep)
{
	if (!ep->placed && engine_cnt) {
		ep->engine = (u8)(next_engine++ % engine_cnt);
		ep->placed = true;
	}
	return &engines[ep->engine];
}

/**
 * usiw_poll() - say which events of a socket are of interest
 * @ep: with a socket
 * @events: EPOLL*; errors always are
 *
 * Return: 0 or -errno.
 */
int usiw_poll(struct usiw_ep *ep, u32 events)
{
	struct epoll_event e = { .events = events, .data.ptr = ep };
	int rv;

	if (ep->registered && ep->polled == events)
		return 0;
	rv = usiw_engine_start();
	if (rv)
		return rv;
	rv = epoll_ctl(engine_of(ep)->epfd,
		       ep->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, ep->fd,
		       &e);
	if (rv)
		return -errno;
	ep->registered = true;
	ep->polled = events;
	return 0;
}

/**
 * usiw_poll_stop() - nothing of a socket is of interest, not even errors
 * @ep: end point
 */
void usiw_poll_stop(struct usiw_ep *ep)
{
	if (ep->registered)
		epoll_ctl(engine_of(ep)->epfd, EPOLL_CTL_DEL, ep->fd, NULL);
	ep->registered = false;
}

/**
 * usiw_bury() - free an end point when nothing can refer to it any more
 * @ep: without socket, timer and work
 */
void usiw_bury(struct usiw_ep *ep)
{
	struct engine *e = &engines[ep->engine];

	if (ep->buried)
		return;
	ep->buried = true;
	usiw_list_del(&ep->all);
	if (!e->graves.next)
		usiw_list_init(&e->graves);
	usiw_list_add_tail(&ep->all, &e->graves);
	if (++e->buried == BURIED_MAX && e->wake_at)
		wake(e);
}

/* Between two calls of epoll_wait() no event is pending. */
static void reap(struct engine *e)
{
	struct usiw_ep *ep;

	while (e->graves.next && !usiw_list_empty(&e->graves)) {
		ep = usiw_entry(e->graves.next, struct usiw_ep, all);
		usiw_list_del(&ep->all);
		usiw_ep_free(ep);
	}
	e->buried = 0;
}

static void reap_all(void)
{
	int i;

	for (i = 0; i < USIW_ENGINES_MAX; i++)
		reap(&engines[i]);
}

/**
 * usiw_reap_idle() - free the buried if there is no engine that could
 *
 * Context: not below an upcall.
 */
void usiw_reap_idle(void)
{
	if (!engine_cnt)
		reap_all();
}

/* --- the thread -------------------------------------------------------- */

static int sleep_ms(u64 until)
{
	u64 now = usiw_now_ms();

	if (until == U64_MAX)
		return -1;
	if (until <= now)
		return 0;
	return until - now < INT_MAX ? (int)(until - now) : INT_MAX;
}

static void handle(const struct engine *e, const struct epoll_event *ev)
{
	struct usiw_ep *ep = ev->data.ptr;

	if (!ep)
		woken(e);
	else if (!ep->buried && ep->registered)
		usiw_ep_ready(ep, ev->events);
	usiw_work_run_top();
}

static void *engine(void *arg)
{
	struct epoll_event events[EVENTS];
	struct engine *e = arg;
	int epfd = e->epfd;
	int ms, n, i;

	usiw_engine_lock();
	for (;;) {
		reap(e);
		e->wake_at = e == &engines[0] ? run_timers() : U64_MAX;
		ms = sleep_ms(e->wake_at);
		usiw_unlock();
		n = epoll_wait(epfd, events, EVENTS, ms);
		usiw_engine_lock();
		e->wake_at = 0;
		for (i = 0; i < n; i++) {
			handle(e, &events[i]);
			usiw_let_others();
		}
	}
	return NULL;
}

static int open_fds(struct engine *e)
{
	struct epoll_event ev = { .events = EPOLLIN };

	e->epfd = epoll_create1(EPOLL_CLOEXEC);
	e->evfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->epfd < 0 || e->evfd < 0 ||
	    epoll_ctl(e->epfd, EPOLL_CTL_ADD, e->evfd, &ev))
		return -errno;
	return 0;
}

static void close_fds(struct engine *e)
{
	if (e->epfd >= 0)
		sys_close(e->epfd);
	if (e->evfd >= 0)
		sys_close(e->evfd);
}

static int start_thread(struct engine *e)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int rv;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rv = pthread_create(&thread, &attr, engine, e);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (!rv)
		pthread_setname_np(thread, "usiw");
	return -rv;
}

static int start(struct engine *e)
{
	int rv = open_fds(e);

	if (!rv)
		rv = start_thread(e);
	if (rv)
		close_fds(e);
	return rv;
}

/**
 * usiw_engine_start() - make sure that the engines run
 *
 * Fewer than were asked for will do.
 *
 * Return: 0 or -errno.
 */
int usiw_engine_start(void)
{
	u32 want = usiw_config.engines ? usiw_config.engines : 1;
	int rv;

	if (engine_cnt)
		return 0;
	rv = usiw_stage_init();
	while (!rv && engine_cnt < want) {
		rv = start(&engines[engine_cnt]);
		engine_cnt += !rv;
	}
	if (rv)
		usiw_log(1, "cannot start engine %u: %s", engine_cnt,
			 strerror(-rv));
	return engine_cnt ? 0 : rv;
}

bool usiw_engine_runs(void)
{
	return engine_cnt;
}

/* In a child: they are the parent's, so nothing in them must be changed. */
static void forget_engines(void)
{
	while (engine_cnt)
		close_fds(&engines[--engine_cnt]);
}

/**
 * usiw_engine_alone() - this is the child of a fork, which has only this thread
 *
 * The lock is held and was so during the fork.
 */
void usiw_engine_alone(void)
{
	u32 i;

	usiw_lock_alone();
	for (i = 0; i < engine_cnt; i++)
		engines[i].wake_at = 0;
	working = false;
	top = false;
}

/**
 * usiw_engine_adopt() - the parent is gone: go on with its connections
 *
 * Nothing has happened to them since the fork. The parent's epoll knows the
 * parent's descriptors, so it is left alone.
 */
void usiw_engine_adopt(void)
{
	struct usiw_list *l, *next;
	struct usiw_ep *ep;

	if (!engine_cnt)
		return;
	forget_engines();
	usiw_claim_forked();
	if (usiw_engine_start())
		return;
	for (l = usiw_eps.next; l != &usiw_eps; l = next) {
		next = l->next;
		ep = usiw_entry(l, struct usiw_ep, all);
		if (!ep->registered)
			continue;
		ep->registered = false;
		ep->placed = false;
		ep->err = usiw_poll(ep, ep->polled);
		if (ep->err)
			usiw_ep_notify(ep, USIW_EP_LOST);
		else
			usiw_ep_interest(ep);
	}
	usiw_work_run();
}

/**
 * usiw_engine_forked() - this is a new process: forget the parent's connections
 *
 * The sockets go on in the parent; its objects are dead here, and may be
 * destroyed. New ones can be made.
 *
 * Context: after usiw_engine_alone().
 */
void usiw_engine_forked(void)
{
	forget_engines();
	usiw_claim_forked();
	usiw_ep_forked();
	usiw_qp_forked();
	usiw_cq_forked();
	usiw_stage_forked();
	reap_all();
	while (!usiw_list_empty(&works))
		usiw_list_del(works.next);
}
