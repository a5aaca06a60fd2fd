// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What becomes of objects in a child of fork().
 *
 * Both processes have the sockets and the state of every connection, and only
 * one of them may go on with it. The parent keeps it if it lives: the child gets
 * EIO then, and opens a device of its own. A parent that only leaves, as when a
 * program becomes a daemon, bequeaths all to the child.
 *
 * That shows at the child's first call. Until then the state in both must stay
 * what it was: the parent's engine rests for HOLD_MS, and a word in memory that
 * both share says who has gone on. A parent that makes a call, or whose engine has
 * something to do after its rest, has. Fork happens with the lock held, so that
 * the child finds everything whole. usiw_lock() serialises.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "front.h"
#include "preload.h"

#define HOLD_MS		200	/* parent's engine */
#define WAIT_MS		500	/* child, for its parent to be gone */

enum { OPEN, PARENT, CHILD };

int *usiw_fork_open;		/* shared word while it is OPEN to us, or NULL */
static bool is_child;
static pid_t parent;
static u64 since;		/* ms */
static __thread bool closing;

static bool settle(int who)
{
	int expected = OPEN;
	bool won;

	won = __atomic_compare_exchange_n(usiw_fork_open, &expected, who, false,
					  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	munmap(usiw_fork_open, sizeof(int));
	usiw_fork_open = NULL;
	return won;
}

/* In another PID namespace it is 0 from the beginning. */
static bool parent_is_gone(void)
{
	pid_t pid = getppid();

	return pid && pid != parent;
}

static void pause_ms(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

static void give_up(void)
{
	usiw_fd_forked();
	usiw_uverbs_forked();
	usiw_ucma_forked();
	usiw_engine_forked();
}

static void decide(void)
{
	u64 end = usiw_now_ms() + WAIT_MS;
	bool gone, won;

	while (!(gone = parent_is_gone()) && usiw_now_ms() < end &&
	       __atomic_load_n(usiw_fork_open, __ATOMIC_ACQUIRE) == OPEN)
		pause_ms();
	won = settle(gone ? CHILD : PARENT);
	if (gone && won) {
		usiw_say(2, "process %d goes on with what process %d had",
			 (int)getpid(), (int)parent);
		usiw_engine_adopt();
	} else {
		give_up();
	}
}

/* This process uses RDMA after a fork, for the first time. */
static void use(void)
{
	if (is_child)
		decide();
	else
		settle(PARENT);
}

/*
 * Closing decides nothing: it takes a descriptor from one of two processes that
 * have it. The next call of usiw_lock() by this thread is for that.
 */
void usiw_fork_closing(void)
{
	closing = true;
}

static void at_lock(void)
{
	bool quiet = closing;

	closing = false;
	if (usiw_fork_open && !quiet)
		use();
}

/* The engine has something to do: false while it has to rest. */
static bool engine_gate(void)
{
	if (!usiw_fork_open)
		return true;
	if (usiw_now_ms() - since < HOLD_MS)
		return false;
	settle(PARENT);
	return true;
}

/* --- fork() -------------------------------------------------------------------- */

/* Nothing of ours is open: there is nothing to inherit. */
static bool has_nothing(void)
{
	int fd;

	for (fd = 0; fd <= usiw_fd_last(); fd++)
		if (usiw_fd_ours(fd))
			return false;
	return !usiw_engine_runs();
}

static void prepare(void)
{
	void *p;

	usiw_lock();		/* settles an earlier one */
	if (has_nothing())
		return;
	p = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return;		/* then the child gets nothing */
	usiw_fork_open = p;
	is_child = false;
	parent = usiw_owner;
	since = usiw_now_ms();
	usiw_sockets_shared = true;
}

static void in_parent(void)
{
	usiw_unlock();
}

static void in_child(void)
{
	usiw_owner = getpid();
	is_child = true;
	usiw_engine_alone();
	if (!usiw_fork_open)
		give_up();
	usiw_unlock();
}

/**
 * usiw_forked_error() - what an object of the parent answers
 *
 * Says why, once.
 *
 * Return: -EIO.
 */
int usiw_forked_error(void)
{
	static bool said;

	if (!said)
		usiw_say(1, "process %d uses RDMA objects that it inherited by fork(); they belong to process %d, which goes on",
			 (int)getpid(), (int)parent);
	said = true;
	return -EIO;
}

void usiw_fork_init(void)
{
	usiw_at_lock = at_lock;
	usiw_engine_gate = engine_gate;
	pthread_atfork(prepare, in_parent, in_child);
}
