// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Setting up and ending a pair, with a look at every event on the way.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pair.h"

static void loopback(struct sockaddr_storage *addr, bool ipv6, u16 port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in *in = (struct sockaddr_in *)addr;

	memset(addr, 0, sizeof(*addr));
	if (ipv6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = in6addr_loopback;
		in6->sin6_port = htons(port);
	} else {
		in->sin_family = AF_INET;
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		in->sin_port = htons(port);
	}
}

bool listener_init(struct end *l, bool ipv6, u16 *port)
{
	struct sockaddr_storage addr;
	int rv;

	memset(l, 0, sizeof(*l));
	loopback(&addr, ipv6, 0);
	usiw_lock();
	l->ep = usiw_ep_new(l);
	rv = usiw_ep_bind(l->ep, &addr, false);
	if (!rv)
		rv = usiw_ep_listen(l->ep, 16);
	usiw_unlock();
	*port = ntohs(ipv6 ? ((struct sockaddr_in6 *)&addr)->sin6_port :
			     ((struct sockaddr_in *)&addr)->sin_port);
	if (rv)
		printf("listen: %s\n", strerror(-rv));
	return !rv;
}

int end_connect(struct end *e, bool ipv6, u16 port, u32 ird, u32 ord,
		const char *pdata)
{
	struct usiw_conn_param param = {
		.ird = ird,
		.ord = ord,
		.pdata = pdata,
		.pdata_len = pdata ? (u32)strlen(pdata) : 0,
	};
	struct sockaddr_storage remote;
	int rv;

	loopback(&remote, ipv6, port);
	usiw_lock();
	rv = usiw_ep_connect(e->ep, e->qp, NULL, &remote, &param);
	usiw_unlock();
	return rv;
}

/* The end point of the request takes the place of the one of @e. */
int end_accept(struct end *e, const struct cm_record *req, u32 ird, u32 ord,
	       const char *pdata)
{
	struct usiw_conn_param param = {
		.ird = ird,
		.ord = ord,
		.pdata = pdata,
		.pdata_len = pdata ? (u32)strlen(pdata) : 0,
	};
	int rv;

	usiw_lock();
	usiw_ep_destroy(e->ep);
	e->ep = req->ep;
	usiw_ep_set_owner(e->ep, e);
	rv = usiw_ep_accept(e->ep, e->qp, &param);
	usiw_unlock();
	return rv;
}

void set_config(const struct pair_opts *o)
{
	usiw_config.crc_required = o->crc;
	usiw_config.markers_wanted = o->markers_a;
	usiw_config.mpa_rev = o->rev1 ? 1 : 2;
	usiw_config.peer_to_peer = !o->client_server;
	usiw_config.rtr_mask = o->rtr ? o->rtr : SIW_MPA_RTR_ALL;
}

bool pair_init(struct pair *p, const struct pair_opts *o)
{
	u32 ird = o->ird ? o->ird : 16;
	u32 ord = o->ord ? o->ord : 16;
	struct cm_record r;

	set_config(o);
	memset(p, 0, sizeof(*p));
	if (!listener_init(&p->listener, o->ipv6, &p->port))
		return false;
	end_init(&p->a, &o->end);
	end_init(&p->b, &o->end);
	if (end_connect(&p->a, o->ipv6, p->port, ird, ord, "hello") ||
	    !wait_cm(&p->listener, USIW_CM_REQUEST, &r))
		return false;
	if (r.pdata_len != 5 || memcmp(r.pdata, "hello", 5)) {
		printf("private data of the request: %u octets\n",
		       r.pdata_len);
		return false;
	}
	usiw_config.markers_wanted = o->markers_b;
	if (end_accept(&p->b, &r, ird, ord, "welcome") ||
	    !wait_cm(&p->a, USIW_CM_REPLY, &r))
		return false;
	if (r.status || r.pdata_len != 7 || memcmp(r.pdata, "welcome", 7)) {
		printf("reply: status %d, private data: %u octets\n", r.status,
		       r.pdata_len);
		return false;
	}
	return wait_cm(&p->b, USIW_CM_ESTABLISHED, NULL);
}

void pair_fini(struct pair *p)
{
	end_fini(&p->a);
	end_fini(&p->b);
	end_fini(&p->listener);
}

bool pair_close(struct pair *p)
{
	bool ok;

	usiw_lock();
	ok = !usiw_ep_disconnect(p->a.ep);
	usiw_unlock();
	ok = ok && wait_cm(&p->a, USIW_CM_DISCONNECT, NULL) &&
	     wait_cm(&p->b, USIW_CM_DISCONNECT, NULL) &&
	     wait_cm(&p->a, USIW_CM_CLOSE, NULL) &&
	     wait_cm(&p->b, USIW_CM_CLOSE, NULL) && !cm_left(&p->a) &&
	     !cm_left(&p->b);
	pair_fini(p);
	return ok;
}

int raw_dial(u16 port, const struct siw_mpa_frame *f)
{
	struct timeval tv = { .tv_sec = WAIT_S };
	struct sockaddr_storage a;
	u8 out[SIW_MPA_FRAME_MAX];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	u32 n = siw_mpa_build(out, sizeof(out), f);

	loopback(&a, false, port);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&a, sizeof(struct sockaddr_in)) ||
	    send(fd, out, n, MSG_NOSIGNAL) != (ssize_t)n) {
		close(fd);
		return -1;
	}
	return fd;
}
