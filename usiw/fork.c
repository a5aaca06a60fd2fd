// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What becomes of objects in a child of fork().
 *
 * Both processes have the sockets and the state of every connection, and only
 * one of them may go on with it. The parent keeps it if it lives: the child gets
 * EIO then, and opens a device of its own. A parent that only leaves, as when a
 * program becomes a daemon, bequeaths all to the child.
 *
 * That shows at the child's first call, which waits until it is known. Before, the
 * state in both must stay what it was: the parent's engines rest, and a word in
 * memory that both share says who has gone on. A parent that makes a call has. One
 * that makes none, but has come to sleep or to compute instead of leaving, lives
 * (lives()): no time in which it would have to be gone is set for a slow machine.
 * Fork happens with the lock held and nothing in flight, so that the child finds
 * everything whole. usiw_lock() serialises.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "front.h"
#include "preload.h"

#define SLEEP_MS	200	/* after a fork one may sleep, and still leave */
#define CPU_MS		100	/* more than it takes to leave */
#define LIMIT_MS	10000	/* whatever it does */
#define LOOK_MS		5
#define EXITING		0x4	/* PF_EXITING, of the flags in /proc/PID/stat */

enum { OPEN, PARENT, CHILD };

/* In memory that both have */
struct fork_state {
	int who;
	int back;		/* the parent's fork() is over; then ... */
	u64 since;		/* when, ms */
	u64 cpu;		/* what its thread had used, ms */
};

struct fork_state *usiw_fork_open;	/* while it is OPEN to us, or NULL */
static bool is_child;
static pid_t parent, parent_tid;
static __thread bool closing;

static bool settle(int who)
{
	int expected = OPEN;
	bool won;

	won = __atomic_compare_exchange_n(&usiw_fork_open->who, &expected, who,
					  false, __ATOMIC_ACQ_REL,
					  __ATOMIC_ACQUIRE);
	munmap(usiw_fork_open, sizeof(*usiw_fork_open));
	usiw_fork_open = NULL;
	return won;
}

/* --- does the parent live on? -------------------------------------------------- */

/* In another PID namespace it is 0 from the beginning. */
static bool parent_is_gone(void)
{
	pid_t pid = getppid();

	return pid && pid != parent;
}

struct thread_stat {
	char state;		/* R, S, ... */
	unsigned long flags;
	u64 cpu;		/* ms */
};

/* What a thread of the parent does. Return: false: nothing tells. */
static bool read_stat(pid_t tid, struct thread_stat *st)
{
	unsigned long user, sys;
	char path[64], line[512], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)parent,
		 (int)tid);
	fd = libc()->open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = libc()->read(fd, line, sizeof(line) - 1);
	libc()->close(fd);
	if (n <= 0)
		return false;
	line[n] = '\0';
	p = strrchr(line, ')');	/* behind the name */
	if (!p || sscanf(p + 1, " %c %*d %*d %*d %*d %*d %lu %*u %*u %*u %*u %lu %lu",
			 &st->state, &st->flags, &user, &sys) != 4)
		return false;
	st->cpu = (user + sys) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
	return true;
}

/*
 * Is the parent about something else than its end? The thread that forked sleeps,
 * or has worked for longer than that takes.
 */
static bool lives(void)
{
	const struct fork_state *f = usiw_fork_open;
	struct thread_stat st;
	u64 passed;

	if (!__atomic_load_n(&f->back, __ATOMIC_ACQUIRE))
		return false;
	passed = usiw_now_ms() - f->since;
	if (passed >= LIMIT_MS)
		return true;
	if (!read_stat(parent_tid, &st))	/* it ended, alone? */
		return passed >= SLEEP_MS && read_stat(parent, &st) &&
		       !(st.flags & EXITING);
	if (st.flags & EXITING)
		return false;
	if (st.cpu >= f->cpu + CPU_MS)
		return true;
	return st.state == 'S' && passed >= SLEEP_MS;
}

static u64 thread_cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

/* --- the child ------------------------------------------------------------------ */

static void give_up(void)
{
	usiw_fd_forked();
	usiw_uverbs_forked();
	usiw_ucma_forked();
	usiw_engine_forked();
}

static bool undecided(void)
{
	return __atomic_load_n(&usiw_fork_open->who, __ATOMIC_ACQUIRE) == OPEN;
}

static void decide(void)
{
	struct pollfd pfd = { .events = POLLIN };
	bool gone, won;

	/* Without it the parent's end is seen a little later. */
	pfd.fd = (int)syscall(SYS_pidfd_open, parent, 0);
	while (!(gone = parent_is_gone()) && undecided() && !lives())
		poll(&pfd, 1, LOOK_MS);
	if (pfd.fd >= 0)
		libc()->close(pfd.fd);
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
	if (undecided() && !lives())
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
	usiw_io_ground();
	if (usiw_fork_open)	/* of another thread, meanwhile */
		use();
	if (has_nothing())
		return;
	p = mmap(NULL, sizeof(*usiw_fork_open), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return;		/* then the child gets nothing */
	usiw_fork_open = p;
	is_child = false;
	parent = usiw_owner;
	parent_tid = (pid_t)syscall(SYS_gettid);
	usiw_sockets_shared = true;
}

static void in_parent(void)
{
	struct fork_state *f = usiw_fork_open;

	if (f) {
		f->since = usiw_now_ms();
		f->cpu = thread_cpu_ms();
		__atomic_store_n(&f->back, 1, __ATOMIC_RELEASE);
	}
	usiw_io_clear();
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
