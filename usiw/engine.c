// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The lock, and the thread that looks after sockets and timers.
 *
 * One mutex covers everything. A thread of the program that finds it taken says
 * so and takes its turn next (turn): the engine, which would otherwise get a
 * mutex back that it has just released, waits behind it.
 *
 * The engine sleeps in epoll_wait() until a socket has news or a timer is due;
 * whoever arms an earlier timer wakes it up. It blocks all signals, which are
 * the program's. It handles a bounded amount of work per socket and turn.
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

#define LOCK_TRIES	100		/* a few microseconds */
#define EVENTS		64		/* taken from epoll at a time */
#define BURIED_MAX	64		/* ... end points before it is woken */
#define REST_NS		1000000		/* while a fork is not settled */
#define LOG_BURST	10		/* lines */
#define LOG_GAP_MS	1000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int waiting;			/* threads that want the lock; atomic */
void (*usiw_at_lock)(void);
void (*usiw_at_unlock)(void);
bool (*usiw_engine_gate)(void);
bool usiw_sockets_shared;

static struct {
	bool running;
	int epfd, evfd;
	u64 wake_at;			/* asleep until then, ms; else 0 */
	u32 buried;
} eng = { .epfd = -1, .evfd = -1 };

static USIW_LIST(works);
static USIW_LIST(graves);
static struct usiw_list timers[USIW_T_CNT];
static bool working;

/* --- the lock ---------------------------------------------------------- */

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static void take_lock(void)
{
	int tries;

	/* Mostly it is held for a system call or two: sleeping takes longer. */
	for (tries = 0; tries < LOCK_TRIES; tries++) {
		if (!pthread_mutex_trylock(&lock))
			return;
		relax();
	}
	__atomic_add_fetch(&waiting, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&turn);
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&turn);
	__atomic_sub_fetch(&waiting, 1, __ATOMIC_RELAXED);
}

/**
 * usiw_lock() - take the one lock of the process
 *
 * Context: a thread of the program, without the lock.
 */
void usiw_lock(void)
{
	take_lock();
	if (usiw_at_lock)
		usiw_at_lock();
}

/**
 * usiw_unlock() - give the lock back
 */
void usiw_unlock(void)
{
	if (usiw_at_unlock)
		usiw_at_unlock();
	pthread_mutex_unlock(&lock);
}

static void engine_lock(void)
{
	const struct timespec rest = { .tv_nsec = REST_NS };

	for (;;) {
		pthread_mutex_lock(&turn);
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&turn);
		if (!usiw_engine_gate || usiw_engine_gate())
			return;
		pthread_mutex_unlock(&lock);
		nanosleep(&rest, NULL);
	}
}

static void let_others(void)
{
	if (!__atomic_load_n(&waiting, __ATOMIC_RELAXED))
		return;
	usiw_unlock();
	engine_lock();
}

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

/* --- waking up --------------------------------------------------------- */

static void wake(void)
{
	u64 one = 1;

	eng.wake_at = 0;
	if (eng.running && sys_write(eng.evfd, &one, sizeof(one)) < 0)
		usiw_log(1, "engine: %s", strerror(errno));
}

static void woken(void)
{
	u64 n;

	if (sys_read(eng.evfd, &n, sizeof(n)) < 0 && errno != EAGAIN)
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
	if (t->deadline < eng.wake_at)
		wake();
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
			let_others();
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
	rv = epoll_ctl(eng.epfd,
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
		epoll_ctl(eng.epfd, EPOLL_CTL_DEL, ep->fd, NULL);
	ep->registered = false;
}

/**
 * usiw_bury() - free an end point when nothing can refer to it any more
 * @ep: without socket, timer and work
 */
void usiw_bury(struct usiw_ep *ep)
{
	if (ep->buried)
		return;
	ep->buried = true;
	usiw_list_del(&ep->all);
	usiw_list_add_tail(&ep->all, &graves);
	if (++eng.buried == BURIED_MAX && eng.wake_at)
		wake();
}

/* Between two calls of epoll_wait() no event is pending. */
static void reap(void)
{
	struct usiw_ep *ep;

	while (!usiw_list_empty(&graves)) {
		ep = usiw_entry(graves.next, struct usiw_ep, all);
		usiw_list_del(&ep->all);
		usiw_ep_free(ep);
	}
	eng.buried = 0;
}

/**
 * usiw_reap_idle() - free the buried if there is no engine that could
 *
 * Context: not below an upcall.
 */
void usiw_reap_idle(void)
{
	if (!eng.running)
		reap();
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

static void handle(const struct epoll_event *e)
{
	struct usiw_ep *ep = e->data.ptr;

	if (!ep)
		woken();
	else if (!ep->buried && ep->registered)
		usiw_ep_ready(ep, e->events);
	usiw_work_run();
}

static void *engine(void *arg)
{
	struct epoll_event events[EVENTS];
	int epfd = eng.epfd;
	int ms, n, i;

	(void)arg;
	engine_lock();
	for (;;) {
		reap();
		eng.wake_at = run_timers();
		ms = sleep_ms(eng.wake_at);
		usiw_unlock();
		n = epoll_wait(epfd, events, EVENTS, ms);
		engine_lock();
		eng.wake_at = 0;
		for (i = 0; i < n; i++) {
			handle(&events[i]);
			let_others();
		}
	}
	return NULL;
}

static int open_fds(void)
{
	struct epoll_event e = { .events = EPOLLIN };

	eng.epfd = epoll_create1(EPOLL_CLOEXEC);
	eng.evfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (eng.epfd < 0 || eng.evfd < 0 ||
	    epoll_ctl(eng.epfd, EPOLL_CTL_ADD, eng.evfd, &e))
		return -errno;
	return 0;
}

static void close_fds(void)
{
	if (eng.epfd >= 0)
		sys_close(eng.epfd);
	if (eng.evfd >= 0)
		sys_close(eng.evfd);
	eng.epfd = -1;
	eng.evfd = -1;
}

static int start_thread(void)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int rv;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rv = pthread_create(&thread, &attr, engine, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (!rv)
		pthread_setname_np(thread, "usiw");
	return -rv;
}

/**
 * usiw_engine_start() - make sure that the engine runs
 *
 * Return: 0 or -errno.
 */
int usiw_engine_start(void)
{
	int rv;

	if (eng.running)
		return 0;
	rv = usiw_stage_init();
	if (!rv)
		rv = open_fds();
	if (!rv)
		rv = start_thread();
	if (rv) {
		close_fds();
		usiw_log(1, "cannot start the engine: %s", strerror(-rv));
	}
	eng.running = !rv;
	return rv;
}

bool usiw_engine_runs(void)
{
	return eng.running;
}

/**
 * usiw_engine_alone() - this is the child of a fork, which has only this thread
 *
 * The lock is held and was so during the fork.
 */
void usiw_engine_alone(void)
{
	/* Somebody else may have been waiting in it. */
	pthread_mutex_init(&turn, NULL);
	waiting = 0;
	eng.wake_at = 0;
	working = false;
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

	if (!eng.running)
		return;
	eng.running = false;
	close_fds();
	if (usiw_engine_start())
		return;
	for (l = usiw_eps.next; l != &usiw_eps; l = next) {
		next = l->next;
		ep = usiw_entry(l, struct usiw_ep, all);
		if (!ep->registered)
			continue;
		ep->registered = false;
		ep->err = usiw_poll(ep, ep->polled);
		if (ep->err)
			usiw_ep_notify(ep, USIW_EP_LOST);
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
	eng.running = false;
	/* It is the parent's: nothing must be changed in it, only closed. */
	close_fds();
	usiw_ep_forked();
	usiw_qp_forked();
	usiw_cq_forked();
	usiw_stage_forked();
	reap();
	while (!usiw_list_empty(&works))
		usiw_list_del(works.next);
}
