// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * End points: the calls of the front, and their sockets, which are all
 * non-blocking. RFC 5044 section 7.1.2
 *
 * Ports are shifted by usiw_config.port_offset where they meet TCP, and only
 * there. Under usiw_lock().
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "priv.h"
#include "sys.h"

USIW_LIST(usiw_eps);

/* --- addresses --------------------------------------------------------- */

static socklen_t addr_len(const struct sockaddr_storage *addr)
{
	return addr->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					     sizeof(struct sockaddr_in);
}

static in_port_t *port_of(struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET6)
		return &((struct sockaddr_in6 *)addr)->sin6_port;
	return &((struct sockaddr_in *)addr)->sin_port;
}

static void shift_port(struct sockaddr_storage *addr, int by)
{
	in_port_t *port = port_of(addr);

	if (*port)
		*port = htons((u16)(ntohs(*port) + by));
}

static bool is_inet(const struct sockaddr_storage *addr)
{
	return addr->ss_family == AF_INET || addr->ss_family == AF_INET6;
}

/* IPv4 in IPv6 clothes is IPv4. */
static void unmap(struct sockaddr_storage *addr)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in sin = { .sin_family = AF_INET };

	if (addr->ss_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr))
		return;
	sin.sin_port = sin6->sin6_port;
	memcpy(&sin.sin_addr, &sin6->sin6_addr.s6_addr[12], 4);
	memset(addr, 0, sizeof(*addr));
	memcpy(addr, &sin, sizeof(sin));
}

/**
 * usiw_ep_to_names() - learn the addresses of a connected socket
 * @ep: end point
 */
void usiw_ep_to_names(struct usiw_ep *ep)
{
	socklen_t len = sizeof(ep->local);

	if (!sys_getsockname(ep->fd, &ep->local, &len)) {
		unmap(&ep->local);
		shift_port(&ep->local, -usiw_config.port_offset);
	}
	len = sizeof(ep->remote);
	if (!sys_getpeername(ep->fd, &ep->remote, &len)) {
		unmap(&ep->remote);
		shift_port(&ep->remote, -usiw_config.port_offset);
	}
}

void usiw_ep_names(const struct usiw_ep *ep, struct sockaddr_storage *local,
		   struct sockaddr_storage *remote)
{
	*local = ep->local;
	*remote = ep->remote;
}

/* --- life -------------------------------------------------------------- */

/**
 * usiw_ep_alloc() - an end point without a socket, in phase IDLE
 *
 * Return: NULL: no memory.
 */
struct usiw_ep *usiw_ep_alloc(void)
{
	struct usiw_ep *ep = calloc(1, sizeof(*ep));

	if (!ep)
		return NULL;
	ep->fd = -1;
	ep->phase = SIW_CM_IDLE;
	ep->born = usiw_now_ms();
	usiw_work_init(&ep->work, usiw_ep_work);
	usiw_timer_init(&ep->timer, usiw_ep_timeout);
	usiw_list_init(&ep->kids);
	usiw_list_init(&ep->kid);
	usiw_list_add_tail(&ep->all, &usiw_eps);
	return ep;
}

/* No event for it is pending any more. */
void usiw_ep_free(struct usiw_ep *ep)
{
	usiw_work_cancel(&ep->work);
	usiw_timer_stop(&ep->timer);
	free(ep->mpa);
	free(ep->left);
	free(ep->rest);
	free(ep);
}

struct usiw_ep *usiw_ep_new(void *owner)
{
	struct usiw_ep *ep = usiw_ep_alloc();

	if (ep)
		ep->owner = owner;
	return ep;
}

void usiw_ep_set_owner(struct usiw_ep *ep, void *owner)
{
	ep->owner = owner;
}

/* A child may have the socket, too, so closing it would not end anything. */
static void end_for_all(struct usiw_ep *ep)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	if (ep->reset)
		sys_connect(ep->fd, &none, sizeof(none));	/* RST */
	else
		sys_shutdown(ep->fd, SHUT_RDWR);
}

/**
 * usiw_ep_close() - let go of the socket, and maybe of the QP
 * @ep: any state
 * @keep_qp: the QP is waiting for another attempt to connect
 *
 * Octets that nobody reads would turn the FIN of close() into an RST, which
 * could destroy a Terminate that the peer has not read yet.
 */
void usiw_ep_close(struct usiw_ep *ep, bool keep_qp)
{
	struct linger now = { .l_onoff = 1 };

	if (ep->qp && !keep_qp)
		usiw_qp_detach(ep->qp);
	if (ep->fd < 0)
		return;
	usiw_rx_forget(ep);
	usiw_poll_stop(ep);
	if (ep->reset)
		sys_setsockopt(ep->fd, SOL_SOCKET, SO_LINGER, &now,
			       sizeof(now));
	else if (ep->phase != SIW_CM_LISTEN)
		while (usiw_rx_drop(ep->fd) == USIW_RX_MORE)
			;
	if (usiw_sockets_shared)
		end_for_all(ep);
	sys_close(ep->fd);
	ep->fd = -1;
}

/**
 * usiw_ep_forget_kid() - a set-up does not wait for its Request any more
 * @ep: maybe in AWAIT_REQ until now
 */
void usiw_ep_forget_kid(struct usiw_ep *ep)
{
	struct usiw_ep *l = ep->listener;

	if (!l)
		return;
	ep->listener = NULL;
	usiw_list_del(&ep->kid);
	l->kid_cnt--;
	if (!l->paused)
		return;
	l->paused = false;
	usiw_ep_interest(l);
}

/**
 * usiw_ep_end() - the connection is over: release all it holds
 * @ep: in phase CLOSED
 */
void usiw_ep_end(struct usiw_ep *ep)
{
	usiw_timer_stop(&ep->timer);
	usiw_ep_forget_kid(ep);
	usiw_ep_close(ep, false);
	while (!usiw_list_empty(&ep->kids))
		usiw_ep_step(usiw_entry(ep->kids.next, struct usiw_ep, kid),
			     SIW_CM_EV_DESTROY);
	free(ep->mpa);
	ep->mpa = NULL;
	if (ep->gone)
		usiw_bury(ep);
}

/* What the program is told nothing about any more ends by itself. */
void usiw_ep_destroy(struct usiw_ep *ep)
{
	ep->gone = true;
	ep->owner = NULL;
	switch (ep->phase) {
	case SIW_CM_REQ_UPCALLED:
		usiw_ep_refuse(ep, NULL, 0);
		break;
	case SIW_CM_RTR_WAIT:
	case SIW_CM_OPEN:
	case SIW_CM_CLOSING:
		if (ep->qp)
			usiw_qp_event(ep->qp, SIW_QP_EV_MOD_ERR);
		else
			usiw_ep_step(ep, SIW_CM_EV_DESTROY);
		break;
	case SIW_CM_LINGER:
		break;
	case SIW_CM_CLOSED:
		usiw_bury(ep);
		break;
	default:
		usiw_ep_step(ep, SIW_CM_EV_DESTROY);
		break;
	}
	usiw_work_run();
	usiw_reap_idle();
}

/* --- sockets ----------------------------------------------------------- */

static void set_int(int fd, int level, int name, int value)
{
	sys_setsockopt(fd, level, name, &value, sizeof(value));
}

/**
 * usiw_ep_tune() - set what all sockets of connections have
 * @fd: socket
 *
 * Keepalive finds out within two minutes that an idle peer has died; nothing
 * else would.
 */
void usiw_ep_tune(int fd)
{
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
	set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 6);
}

/* Both: an IPv6 socket may be connected to an IPv4 address. */
static void apply_tos(const struct usiw_ep *ep)
{
	set_int(ep->fd, IPPROTO_IP, IP_TOS, ep->tos);
	set_int(ep->fd, IPPROTO_IPV6, IPV6_TCLASS, ep->tos);
}

void usiw_ep_set_tos(struct usiw_ep *ep, u8 tos)
{
	ep->tos = tos;
	if (ep->fd >= 0)
		apply_tos(ep);
}

void usiw_ep_set_v6only(struct usiw_ep *ep)
{
	ep->v6only = true;
}

static int new_socket(struct usiw_ep *ep, int family)
{
	int fd = sys_socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			IPPROTO_TCP);

	if (fd < 0)
		return -errno;
	usiw_ep_tune(fd);
	ep->fd = fd;
	if (ep->tos)
		apply_tos(ep);
	if (ep->v6only && family == AF_INET6)
		set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	ep->rx = USIW_EP_RX_MPA;
	ep->fin_seen = false;
	ep->rst_seen = false;
	ep->reset = false;
	ep->shut = false;
	ep->lingers = false;
	return 0;
}

static int bind_to(struct usiw_ep *ep, const struct sockaddr_storage *addr)
{
	struct sockaddr_storage a = *addr;

	shift_port(&a, usiw_config.port_offset);
	if (sys_bind(ep->fd, &a, addr_len(&a)))
		return -errno;
	usiw_ep_to_names(ep);
	return 0;
}

/*
 * Connections of the past, in TIME_WAIT, must not keep a program from using its
 * port again; rdma_cm's ports know no such state. A port that is picked for us
 * must be nobody else's.
 */
int usiw_ep_bind(struct usiw_ep *ep, struct sockaddr_storage *addr, bool reuse)
{
	bool any_port;
	int rv;

	if (ep->fd >= 0 || ep->phase != SIW_CM_IDLE || ep->dead)
		return -EINVAL;
	if (!is_inet(addr))
		return -EAFNOSUPPORT;
	rv = new_socket(ep, addr->ss_family);
	if (rv)
		return rv;
	any_port = !*port_of(addr);
	if (!any_port || reuse)
		set_int(ep->fd, SOL_SOCKET, SO_REUSEADDR, 1);
	rv = bind_to(ep, addr);
	if (rv) {
		usiw_ep_close(ep, true);
		return rv;
	}
	set_int(ep->fd, SOL_SOCKET, SO_REUSEADDR, 1);
	*addr = ep->local;
	return 0;
}

static bool has_addr(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;

	if (a->ss_family == AF_INET6)
		return !IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
	return a->ss_family == AF_INET &&
	       ((const struct sockaddr_in *)a)->sin_addr.s_addr;
}

/* The port is chosen by connect(), where one may serve many peers. */
static int bind_any_port(struct usiw_ep *ep)
{
	struct sockaddr_storage a = ep->local;

	if (!has_addr(&a))
		return 0;
	set_int(ep->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	*port_of(&a) = 0;
	return bind_to(ep, &a);
}

static int open_bound(struct usiw_ep *ep)
{
	int rv;

	rv = new_socket(ep, ep->remote.ss_family);
	if (rv)
		return rv;
	rv = bind_any_port(ep);
	if (rv)
		usiw_ep_close(ep, true);
	return rv;
}

/**
 * usiw_ep_tcp_connect() - begin to connect TCP
 * @ep: active; local and remote say between whom
 *
 * Return: 0: under way; -errno.
 */
int usiw_ep_tcp_connect(struct usiw_ep *ep)
{
	struct sockaddr_storage to = ep->remote;
	int rv = 0;

	if (!is_inet(&to))
		return -EAFNOSUPPORT;
	if (ep->fd < 0)
		rv = open_bound(ep);
	if (rv)
		return rv;
	shift_port(&to, usiw_config.port_offset);
	if (sys_connect(ep->fd, &to, addr_len(&to)) &&
	    errno != EINPROGRESS)
		return -errno;
	usiw_ep_to_names(ep);
	return 0;
}

/**
 * usiw_ep_interest() - have the engine wait for what matters now
 * @ep: any state
 */
void usiw_ep_interest(struct usiw_ep *ep)
{
	u32 want = 0;
	int rv;

	if (ep->fd < 0 || ep->phase == SIW_CM_IDLE)
		return;
	if (ep->rst_seen) {
		usiw_poll_stop(ep);
		return;
	}
	if (ep->phase == SIW_CM_LISTEN)
		want = ep->paused ? 0 : EPOLLIN;
	else if (ep->phase == SIW_CM_TCP_CONNECT)
		want = EPOLLOUT;
	else if (ep->phase == SIW_CM_REQ_UPCALLED)
		want = EPOLLRDHUP;
	else if (!ep->fin_seen && !ep->claim)
		want = EPOLLIN;
	if ((ep->qp && ep->qp->tx_full) || ep->rest_len)
		want |= EPOLLOUT;
	rv = usiw_poll(ep, want);
	if (rv) {
		ep->err = rv;
		usiw_ep_notify(ep, USIW_EP_LOST);
	}
}

/**
 * usiw_ep_send() - send in one piece what a new socket has room for
 * @ep: connected
 * @buf: octets
 * @len: how many
 *
 * Return: 0 or -errno.
 */
int usiw_ep_send(struct usiw_ep *ep, const void *buf, u32 len)
{
	ssize_t n = sys_send(ep->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	return n == (ssize_t)len ? 0 : -EAGAIN;
}

u32 usiw_ep_tail(struct usiw_ep *ep)
{
	int n = 0;

	if (ep->fd < 0 || sys_ioctl(ep->fd, FIONREAD, &n))
		return 0;
	return n > 0 ? (u32)n : 0;
}

/**
 * usiw_ep_flush_rest() - send what a QP left behind, then FIN
 * @ep: without a QP
 */
void usiw_ep_flush_rest(struct usiw_ep *ep)
{
	ssize_t n;

	while (ep->rest_sent < ep->rest_len) {
		n = sys_send(ep->fd, ep->rest + ep->rest_sent,
			     ep->rest_len - ep->rest_sent,
			     MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		ep->rest_sent += (u32)n;
	}
	free(ep->rest);
	ep->rest = NULL;
	ep->rest_len = 0;
	usiw_ep_shut(ep);
}

/* --- events of sockets ------------------------------------------------- */

static void ended(struct usiw_ep *ep, enum usiw_rx_end end)
{
	if (end == USIW_RX_FIN)
		usiw_ep_peer_fin(ep);
	else if (end == USIW_RX_LOST)
		usiw_ep_peer_lost(ep);
}

static void check_connect(struct usiw_ep *ep)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(int);
	int err = 0;

	if (sys_getsockopt(ep->fd, SOL_SOCKET, SO_ERROR, &err, &len))
		err = errno;
	len = sizeof(peer);
	if (!err && sys_getpeername(ep->fd, &peer, &len))
		return;		/* news of an attempt before this one */
	if (!err)
		usiw_ep_to_names(ep);
	ep->err = -err;
	usiw_ep_step(ep, err ? SIW_CM_EV_TCP_FAIL : SIW_CM_EV_TCP_UP);
}

/* A connection whose program thinks about the request. */
static void check_waiting(struct usiw_ep *ep, u32 events)
{
	if (events & (EPOLLERR | EPOLLHUP))
		usiw_ep_peer_lost(ep);
	else if (events & EPOLLRDHUP)
		usiw_ep_peer_fin(ep);
}

/* Both halves are closed, or it was reset, and all was read before. */
static bool is_over(struct usiw_ep *ep, u32 events)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (!ep->fin_seen || !(events & (EPOLLERR | EPOLLHUP)))
		return false;
	sys_getsockopt(ep->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		ep->err = -err;
		usiw_ep_peer_lost(ep);
	} else {
		usiw_poll_stop(ep);
	}
	return true;
}

/**
 * usiw_ep_receive() - have the QP receive what is there
 * @ep: with a QP
 * @stage: the caller's
 *
 * Context: not in the middle of anything; gives the lock back meanwhile. Only for
 * its engine @ep is sure to be there afterwards.
 */
void usiw_ep_receive(struct usiw_ep *ep, u32 stage)
{
	enum usiw_rx_end end;

	ep->heard = true;
	end = usiw_rx_run(ep->qp, stage);
	if (end != USIW_RX_OVER)
		ended(ep, end);
}

static void qp_ready(struct usiw_ep *ep, u32 events)
{
	if (events & EPOLLOUT) {
		ep->qp->tx_full = false;
		usiw_tx_run_top(ep->qp);
	}
	/* Sending lets others in. */
	if (!ep->qp || ep->rx != USIW_EP_RX_QP)
		return;
	if (!ep->fin_seen && events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		usiw_ep_receive(ep, ep->engine);
}

static void drop_ready(struct usiw_ep *ep, u32 events)
{
	if (events & EPOLLOUT && ep->rest_len)
		usiw_ep_flush_rest(ep);
	if (!ep->fin_seen && events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		ended(ep, usiw_rx_drop(ep->fd));
}

/**
 * usiw_ep_ready() - a socket has news
 * @ep: end point
 * @events: EPOLL*
 */
void usiw_ep_ready(struct usiw_ep *ep, u32 events)
{
	if (ep->phase == SIW_CM_LISTEN)
		usiw_ep_accept_ready(ep);
	else if (ep->phase == SIW_CM_TCP_CONNECT)
		check_connect(ep);
	else if (ep->phase == SIW_CM_REQ_UPCALLED)
		check_waiting(ep, events);
	else if (is_over(ep, events))
		return;
	else if (ep->rx == USIW_EP_RX_MPA)
		ended(ep, usiw_ep_read_frame(ep));
	else if (ep->rx == USIW_EP_RX_QP && ep->qp)
		qp_ready(ep, events);
	else
		drop_ready(ep, events);
	usiw_ep_interest(ep);
}

/* --- fork -------------------------------------------------------------- */

static void forget(struct usiw_ep *ep)
{
	if (ep->fd >= 0)
		sys_close(ep->fd);
	ep->fd = -1;
	ep->registered = false;
	ep->claim = NULL;
	ep->phase = SIW_CM_CLOSED;
	ep->dead = true;
	ep->bits = 0;
	ep->qp = NULL;
	ep->listener = NULL;
	ep->rest_len = 0;
	usiw_timer_stop(&ep->timer);
	usiw_list_del(&ep->kid);
	free(ep->left);
	ep->left = NULL;
	ep->left_len = 0;
	free(ep->mpa);
	ep->mpa = NULL;
	if (ep->gone)
		usiw_bury(ep);
}

/* The connections are the parent's: nothing is sent when we close them. */
void usiw_ep_forked(void)
{
	struct usiw_list *l, *next;

	usiw_rx_forked();
	for (l = usiw_eps.next; l != &usiw_eps; l = next) {
		next = l->next;
		forget(usiw_entry(l, struct usiw_ep, all));
	}
}
