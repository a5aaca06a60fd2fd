// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The lock, and the system calls that move data, which are made without it.
 *
 * One mutex covers all state. A thread of the program that finds it taken says
 * so and takes its turn next (turn): the engine, which would otherwise get a
 * mutex back that it has just released, waits behind it.
 *
 * A sendmsg() or recvmsg() of a connection takes longer than all that is decided
 * around it, so it is a flight: whoever moves data of a QP in one direction marks
 * that and gives the lock back for the time of the call. The state stays what it
 * was meanwhile, but for what others do with the lock. Who has to take away what
 * the call uses waits for its end with the lock held: flights do not need it to
 * end, and sockets are non-blocking. Then it does what the owner had to do with
 * the result (usiw_io_settle()), and the owner is told so.
 *
 * Order: turn > lock > usiw_io.busy. No more than one of the last at a time.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "priv.h"
#include "sys.h"

#define LOCK_TRIES	100		/* a few microseconds */
#define REST_NS		1000000		/* while a fork is not settled */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int waiting;			/* threads that want the lock; atomic */
void (*usiw_at_lock)(void);
void (*usiw_at_unlock)(void);
bool (*usiw_engine_gate)(void);

static USIW_LIST(flights);
static pthread_cond_t landed = PTHREAD_COND_INITIALIZER;
static u32 grounded;			/* who waits for all to land */

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

	/* Mostly it is held for less than a microsecond: sleeping takes longer. */
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

/**
 * usiw_engine_lock() - take it when something has happened by itself
 *
 * Waits until this process may go on with its connections after a fork.
 */
void usiw_engine_lock(void)
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

/**
 * usiw_let_others() - give threads of the program that wait a turn
 *
 * Context: engine, between two things.
 */
void usiw_let_others(void)
{
	if (!__atomic_load_n(&waiting, __ATOMIC_RELAXED))
		return;
	usiw_unlock();
	usiw_engine_lock();
}

/* --- flights ------------------------------------------------------------ */

void usiw_io_init(struct usiw_io *io)
{
	usiw_list_init(&io->entry);
	pthread_mutex_init(&io->busy, NULL);
}

void usiw_io_fini(struct usiw_io *io)
{
	pthread_mutex_destroy(&io->busy);
}

static ssize_t call(const struct usiw_call *c)
{
	int flags = c->flags | MSG_DONTWAIT;
	ssize_t n = c->send ? sys_sendmsg(c->fd, c->msg, flags) :
			      sys_recvmsg(c->fd, c->msg, flags);

	return n < 0 ? -errno : n;
}

static void land(struct usiw_io *io)
{
	usiw_list_del(&io->entry);
	io->call = NULL;
	if (grounded && usiw_list_empty(&flights))
		pthread_cond_broadcast(&landed);
}

/**
 * usiw_io_run() - make a system call, without the lock
 * @io: of a QP that the caller holds a reference to; not in flight
 * @c: the call; stays as it is until this returns
 *
 * Context: with the lock, and prepared to find everything changed: not below
 * something that must happen in one piece.
 *
 * Return: what the call said, or -errno; -ECANCELED if somebody else has settled
 * it, maybe to take the connection away.
 */
ssize_t usiw_io_run(struct usiw_io *io, const struct usiw_call *c)
{
	u32 seq;

	if (grounded)
		return call(c);
	seq = ++io->seq;
	io->call = c;
	usiw_list_add_tail(&io->entry, &flights);
	pthread_mutex_lock(&io->busy);
	usiw_unlock();
	io->rv = call(c);
	pthread_mutex_unlock(&io->busy);
	take_lock();
	if (!io->call || io->seq != seq)
		return -ECANCELED;
	land(io);
	return io->rv;
}

/**
 * usiw_io_now() - make a system call with the lock held
 * @c: the call
 *
 * Return: what the call said, or -errno.
 */
ssize_t usiw_io_now(const struct usiw_call *c)
{
	return call(c);
}

/**
 * usiw_io_wait() - wait for the end of a call that may be under way
 * @io: of any QP
 *
 * Its owner goes on behind us.
 */
void usiw_io_wait(struct usiw_io *io)
{
	if (!io->call)
		return;
	pthread_mutex_lock(&io->busy);
	pthread_mutex_unlock(&io->busy);
}

/**
 * usiw_io_settle() - end a call that may be under way in place of its owner
 * @io: of any QP
 *
 * Return: what it said, or -errno; -ECANCELED: there was none.
 */
ssize_t usiw_io_settle(struct usiw_io *io)
{
	if (!io->call)
		return -ECANCELED;
	usiw_io_wait(io);
	land(io);
	return io->rv;
}

static bool touches(const struct usiw_call *c, u64 addr, u64 len)
{
	const struct msghdr *m = c->msg;
	size_t i;

	for (i = 0; i < m->msg_iovlen; i++) {
		u64 at = (u64)(uintptr_t)m->msg_iov[i].iov_base;

		if (at < addr + len && addr < at + m->msg_iov[i].iov_len)
			return true;
	}
	return false;
}

/**
 * usiw_io_keep_off() - wait for the end of calls that read or write some memory
 * @addr: first octet
 * @len: octets
 */
void usiw_io_keep_off(u64 addr, u64 len)
{
	struct usiw_list *l;

	for (l = flights.next; l != &flights; l = l->next) {
		struct usiw_io *io = usiw_entry(l, struct usiw_io, entry);

		if (touches(io->call, addr, len))
			usiw_io_wait(io);
	}
}

/**
 * usiw_io_ground() - have no system call of ours under way
 *
 * From the return on, until usiw_io_clear(), no call is made without the lock.
 * Context: with the lock, which is given back meanwhile.
 */
void usiw_io_ground(void)
{
	grounded++;
	while (!usiw_list_empty(&flights))
		pthread_cond_wait(&landed, &lock);
}

void usiw_io_clear(void)
{
	grounded--;
}

/**
 * usiw_lock_alone() - this is the child of a fork, which has only this thread
 *
 * The lock is held, was so during the fork, and nothing was in flight.
 */
void usiw_lock_alone(void)
{
	/* Somebody else may have been waiting in them. */
	pthread_mutex_init(&turn, NULL);
	pthread_cond_init(&landed, NULL);
	waiting = 0;
	grounded = 0;
}
