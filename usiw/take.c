// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Waiting for an event and taking it: read() of a completion channel or of the
 * asynchronous events, and GET_EVENT of rdma_cm, which is a write().
 *
 * The event file's own read() waits, as O_NONBLOCK says. A thread that waits for
 * completions receives meanwhile (usiw_claim()), as long as that is what ends its
 * waiting.
 */
#include <errno.h>
#include <signal.h>

#include "front.h"

#define MISSES		8	/* waits that something else ended, until ... */
#define SKIPS		64	/* ... so many are not for the socket */

/* --- taking ---------------------------------------------------------------------- */

/* The first event of a file that has one, to the program. */
static ssize_t take_first(struct usiw_file *f, void *buf, size_t len)
{
	struct usiw_event *ev = TAILQ_FIRST(&f->events);

	TAILQ_REMOVE(&f->events, ev, link);
	if (ev->count)
		++*ev->count;
	f->taker = pthread_self();
	f->taken_ms = usiw_now_ms();
	return f->ops->take(f, ev, buf, len);
}

/* --- waiting at the socket, too --------------------------------------------------- */

struct waiter {
	struct usiw_claim *claim;
	int fd;			/* of the connection */
	void *buf;		/* of the program, for the event */
	size_t len;
	ssize_t rv;		/* what the call returns; 0: not known yet */
};

/* The file of @fd if a thread may wait for its completions in this way. */
static struct usiw_file *channel(int fd)
{
	struct usiw_file *f = usiw_fd_table[fd];

	if (!f || f->kind != USIW_FILE_COMP || f->dead || f->nonblock ||
	    !f->hot_cq || TAILQ_FIRST(&f->events))
		return NULL;
	if (f->skips) {
		f->skips--;
		return NULL;
	}
	return f;
}

static bool begin(int fd, struct waiter *w)
{
	struct usiw_file *f;
	int cancel;

	usiw_enter(&cancel);
	f = channel(fd);
	w->claim = f ? usiw_claim(f->hot_cq, &w->fd) : NULL;
	usiw_leave(cancel);
	return w->claim;
}

static void end(void *arg)
{
	struct waiter *w = arg;
	int cancel;

	if (!w->claim)
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	usiw_engine_lock();
	usiw_claim_end(w->claim);
	usiw_leave(cancel);
}

/*
 * The socket has news. If that made an event, it is taken before its descriptor
 * knows of it. Return: false: wait no longer.
 */
static bool receive(int fd, struct waiter *w)
{
	struct usiw_file *f;
	bool more;
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	usiw_engine_lock();
	more = usiw_claim_receive(w->claim);
	f = usiw_fd_table[fd];
	if (f && f->kind == USIW_FILE_COMP && usiw_event_untold(f)) {
		f->misses = 0;
		w->rv = take_first(f, w->buf, w->len);
		more = false;
	}
	if (!more) {
		usiw_claim_end(w->claim);
		w->claim = NULL;
	}
	usiw_leave(cancel);
	return more;
}

/* The event came from elsewhere: is it worth to wait here? */
static void missed(int fd)
{
	struct usiw_file *f;
	int cancel;

	usiw_enter(&cancel);
	f = usiw_fd_table[fd];
	if (f && ++f->misses == MISSES) {
		f->misses = 0;
		f->skips = SKIPS;
	}
	usiw_leave(cancel);
}

/* Would a read() go on behind the signal? Where handlers differ: no. */
static bool signals_restart(void)
{
	struct sigaction sa;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if (!sigaction(sig, NULL, &sa) && sa.sa_handler != SIG_DFL &&
		    sa.sa_handler != SIG_IGN && !(sa.sa_flags & SA_RESTART))
			return false;
	return true;
}

static void wait_both(int fd, struct waiter *w)
{
	struct pollfd pfd[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = w->fd, .events = POLLIN },
	};
	int n;

	do {
		n = poll(pfd, 2, -1);
		if (n < 0 && (errno != EINTR || !signals_restart())) {
			w->rv = -errno;
			return;
		}
	} while (n <= 0 || (!pfd[0].revents && receive(fd, w)));
	if (pfd[0].revents)
		missed(fd);
}

/* Return: what the call returns; 0: the descriptor is to be read. */
static ssize_t wait_at_socket(int fd, void *buf, size_t len)
{
	struct waiter w = { .buf = buf, .len = len };

	if (!begin(fd, &w))
		return 0;
	pthread_cleanup_push(end, &w);
	wait_both(fd, &w);
	pthread_cleanup_pop(1);
	return w.rv;
}

/* --- the call ---------------------------------------------------------------------- */

/**
 * usiw_take() - wait for an event as the descriptor's O_NONBLOCK says, and take it
 * @fd: an event file, the caller has looked
 * @buf: where it goes
 * @len: octets there
 *
 * Context: without the lock; a cancellation point.
 *
 * Return: octets, or a negative errno value.
 */
ssize_t usiw_take(int fd, void *buf, size_t len)
{
	struct usiw_file *f;
	ssize_t rv;
	int cancel;
	u64 one;

	do {
		rv = wait_at_socket(fd, buf, len);
		if (rv)
			return rv;
		if (libc()->read(fd, &one, sizeof(one)) != sizeof(one))
			return -errno;
		rv = 0;
		usiw_enter(&cancel);
		f = usiw_fd_table[fd];
		if (!f)
			rv = -EBADF;
		else if (TAILQ_FIRST(&f->events))
			rv = take_first(f, buf, len);
		usiw_leave(cancel);
	} while (!rv);
	return rv;
}
