// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Listening. RFC 5044 section 7.1.2
 *
 * A peer can connect and say nothing: the number of set-ups without a Request
 * is limited per listener; when there are that many, the oldest has to go for
 * the newest, unless it is so young that it may still speak up.
 *
 * Under usiw_lock().
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "priv.h"
#include "sys.h"

#define HALF_OPEN_MIN	128
#define HALF_OPEN_MAX	1024
#define ACCEPT_TURN	64		/* before others have one */
#define BACKLOG_MIN	128
#define CROWD_MS	1000		/* half-open set-ups, when crowded */
#define PAUSE_MS	100		/* no file descriptor, no memory */

static void pause_listener(struct usiw_ep *l, u32 ms)
{
	l->paused = true;
	usiw_timer_arm(&l->timer, USIW_T_SHORT, ms);
}

/* May one more be accepted? */
static bool has_room(struct usiw_ep *l)
{
	struct usiw_ep *oldest;

	if (l->kid_cnt < l->kid_max)
		return true;
	oldest = usiw_entry(l->kids.next, struct usiw_ep, kid);
	if (usiw_now_ms() - oldest->born < CROWD_MS) {
		pause_listener(l, CROWD_MS);
		return false;
	}
	usiw_ep_step(oldest, SIW_CM_EV_TIMER);
	return true;
}

static void adopt(struct usiw_ep *l, int fd)
{
	struct usiw_ep *ep = usiw_ep_alloc();
	struct linger now = { .l_onoff = 1 };

	if (!ep || usiw_ep_mpa(ep)) {
		sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		sys_close(fd);
		if (ep)
			usiw_bury(ep);
		return;
	}
	usiw_ep_tune(fd);
	ep->fd = fd;
	ep->passive = true;
	ep->gone = true;	/* until the front has it */
	ep->listener = l;
	usiw_list_add_tail(&ep->kid, &l->kids);
	l->kid_cnt++;
	usiw_ep_to_names(ep);
	usiw_ep_step(ep, SIW_CM_EV_TCP_CHILD);
}

/* Return: false: nothing to accept now. */
static bool accept_one(struct usiw_ep *l)
{
	int fd = sys_accept(l->fd, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		adopt(l, fd);
		return true;
	}
	switch (errno) {
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
		usiw_log(1, "cannot accept: %s", strerror(errno));
		pause_listener(l, PAUSE_MS);
		return false;
	case EAGAIN:
	case EBADF:
	case EINVAL:
		return false;
	default:
		return true;	/* the connection died meanwhile */
	}
}

/**
 * usiw_ep_accept_ready() - take connections that a listener has
 * @l: listener
 */
void usiw_ep_accept_ready(struct usiw_ep *l)
{
	int n = ACCEPT_TURN;

	while (n-- && has_room(l) && accept_one(l))
		;
}

int usiw_ep_listen(struct usiw_ep *ep, int backlog)
{
	int rv;

	if (ep->fd < 0 || ep->phase != SIW_CM_IDLE)
		return -EINVAL;
	if (sys_listen(ep->fd, backlog > BACKLOG_MIN ? backlog : BACKLOG_MIN))
		return -errno;
	ep->kid_max = HALF_OPEN_MIN;
	if (backlog > HALF_OPEN_MIN)
		ep->kid_max = backlog < HALF_OPEN_MAX ? (u32)backlog :
							HALF_OPEN_MAX;
	rv = usiw_poll(ep, EPOLLIN);
	if (rv)
		return rv;
	return usiw_ep_step(ep, SIW_CM_EV_LISTEN);
}
