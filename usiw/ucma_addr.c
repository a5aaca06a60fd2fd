// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Addresses of rdma_cm identifiers. Every local address belongs to the one
 * device; which of them leads to a peer is asked of the kernel, by a UDP socket
 * that sends nothing.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "ucma.h"

socklen_t cm_addr_len(const void *addr)
{
	switch (((const struct sockaddr *)addr)->sa_family) {
	case AF_INET:
		return sizeof(struct sockaddr_in);
	case AF_INET6:
		return sizeof(struct sockaddr_in6);
	default:
		return 0;
	}
}

static in_port_t *port(const struct sockaddr_storage *addr)
{
	return addr->ss_family == AF_INET ?
	       &((struct sockaddr_in *)addr)->sin_port :
	       &((struct sockaddr_in6 *)addr)->sin6_port;
}

static bool is_any(const struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *in6 = (const void *)addr;

	if (addr->ss_family == AF_INET)
		return !((const struct sockaddr_in *)addr)->sin_addr.s_addr;
	return IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

/* A UDP socket that is bound to @addr, port 0; or a negative errno value. */
static int udp_on(const struct sockaddr_storage *addr)
{
	struct sockaddr_storage a = *addr;
	int fd, rv;

	fd = libc()->socket(a.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*port(&a) = 0;
	if (!libc()->bind(fd, (struct sockaddr *)&a, cm_addr_len(&a)))
		return fd;
	rv = errno == EADDRNOTAVAIL ? -ENODEV : -errno;
	libc()->close(fd);
	return rv;
}

static int check_local(const struct sockaddr_storage *addr)
{
	int fd = udp_on(addr);

	if (fd < 0)
		return fd;
	libc()->close(fd);
	return 0;
}

/*
 * The way from @src (any address, or one that is local) to @dst: fills in the
 * address of @src, and of @dst if that was "this host".
 */
static int find_route(struct sockaddr_storage *src,
		      struct sockaddr_storage *dst)
{
	struct sockaddr_storage to = *dst, from = {}, peer = {};
	socklen_t len = cm_addr_len(dst), from_len = sizeof(from),
		  peer_len = sizeof(peer);
	int fd = udp_on(src), rv = 0;

	if (fd < 0)
		return fd;
	if (!*port(&to))
		*port(&to) = htons(9);
	if (connect(fd, (struct sockaddr *)&to, len) ||
	    libc()->getsockname(fd, (struct sockaddr *)&from, &from_len) ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_len))
		rv = -errno;
	libc()->close(fd);
	if (rv)
		return rv;
	*port(&from) = *port(src);
	*port(&peer) = *port(dst);
	*src = from;
	*dst = peer;
	return 0;
}

/* --- bind --------------------------------------------------------------------------- */

/* An end point with the options of its identifier. */
int cm_ep_new(struct cm_id *id)
{
	id->ep = usiw_ep_new(id);
	if (!id->ep)
		return -ENOMEM;
	if (id->tos)
		usiw_ep_set_tos(id->ep, id->tos);
	if (id->afonly)
		usiw_ep_set_v6only(id->ep);
	return 0;
}

static int take_address(struct cm_id *id, struct sockaddr_storage *addr)
{
	int rv;

	if (cm_ep_new(id))
		return -ENOMEM;
	rv = usiw_ep_bind(id->ep, addr, id->reuse);
	if (rv) {
		usiw_ep_destroy(id->ep);
		id->ep = NULL;
	}
	return rv;
}

/*
 * Who binds to no address and no port in particular is a server, and some tell
 * the port to their client before they listen (qperf). TCP would refuse that
 * client, so it is listened at once and requests are held back.
 */
static void listen_early(struct cm_id *id)
{
	id->early = !usiw_ep_listen(id->ep, CM_BACKLOG_MAX);
	id->room = CM_BACKLOG_MAX;
}

/* It was no server: the same port again, to connect from. */
static int unlisten(struct cm_id *id)
{
	int rv;

	cm_drop_events(id);
	usiw_ep_destroy(id->ep);
	id->early = false;
	rv = take_address(id, &id->src);
	if (rv)
		id->state = CM_IDLE;
	return rv;
}

/**
 * cm_bind() - take a local address
 * @id: IDLE
 * @addr: port 0 for any
 *
 * Return: 0 or a negative errno value.
 */
int cm_bind(struct cm_id *id, const struct sockaddr_storage *addr)
{
	struct sockaddr_storage bound = *addr;
	int rv;

	if (id->state != CM_IDLE)
		return -EINVAL;
	if (!cm_addr_len(addr))
		return -EAFNOSUPPORT;
	rv = is_any(addr) ? 0 : check_local(addr);
	if (rv)
		return rv;
	rv = take_address(id, &bound);
	if (rv)
		return rv;
	id->src = bound;
	id->on_dev = !is_any(addr);
	id->state = CM_BOUND;
	if (is_any(addr) && !*port(addr))
		listen_early(id);
	return 0;
}

int cm_bind_ip(const struct cm_cmd *c)
{
	const struct rdma_ucm_bind_ip *r = c->in;
	struct cm_id *id = cm_get(c, r->id);
	struct sockaddr_storage addr = {};

	if (!id)
		return -EINVAL;
	memcpy(&addr, &r->addr, sizeof(r->addr));
	return cm_bind(id, &addr);
}

int cm_bind_addr(const struct cm_cmd *c)
{
	const struct rdma_ucm_bind *r = c->in;
	struct cm_id *id = cm_get(c, r->id);
	struct sockaddr_storage addr;

	memcpy(&addr, &r->addr, sizeof(addr));
	if (!id || r->reserved || !r->addr_size ||
	    r->addr_size != cm_addr_len(&addr))
		return -EINVAL;
	return cm_bind(id, &addr);
}

/* --- resolve ------------------------------------------------------------------------- */

static int resolve(struct cm_id *id, const struct sockaddr_storage *src,
		   const struct sockaddr_storage *dst)
{
	struct sockaddr_storage from, to = *dst;
	int rv;

	if (id->state != CM_IDLE && id->state != CM_BOUND)
		return -EINVAL;
	if (!cm_addr_len(dst) ||
	    (src->ss_family && src->ss_family != dst->ss_family))
		return -EINVAL;
	from = *src;
	if (id->state == CM_IDLE && src->ss_family &&
	    (!is_any(src) || *port(&from))) {
		rv = cm_bind(id, src);
		if (rv)
			return rv;
	}
	if (id->state == CM_BOUND) {
		from = id->src;
		if (from.ss_family != dst->ss_family)
			return -EINVAL;
		rv = id->early ? unlisten(id) : 0;
		if (rv)
			return rv;
	}
	from.ss_family = dst->ss_family;
	rv = find_route(&from, &to);
	if (rv)
		return cm_post(id, RDMA_CM_EVENT_ADDR_ERROR, rv);
	id->src = from;
	id->dst = to;
	id->on_dev = true;
	id->state = CM_ADDR;
	return cm_post(id, RDMA_CM_EVENT_ADDR_RESOLVED, 0);
}

int cm_resolve_ip(const struct cm_cmd *c)
{
	const struct rdma_ucm_resolve_ip *r = c->in;
	struct cm_id *id = cm_get(c, r->id);
	struct sockaddr_storage src = {}, dst = {};

	if (!id)
		return -EINVAL;
	memcpy(&src, &r->src_addr, sizeof(r->src_addr));
	memcpy(&dst, &r->dst_addr, sizeof(r->dst_addr));
	return resolve(id, &src, &dst);
}

int cm_resolve_addr(const struct cm_cmd *c)
{
	const struct rdma_ucm_resolve_addr *r = c->in;
	struct cm_id *id = cm_get(c, r->id);
	struct sockaddr_storage src = {}, dst = {};

	if (!id || r->reserved)
		return -EINVAL;
	if (r->src_size)
		memcpy(&src, &r->src_addr, sizeof(src));
	memcpy(&dst, &r->dst_addr, sizeof(dst));
	if ((r->src_size && r->src_size != cm_addr_len(&src)) ||
	    !r->dst_size || r->dst_size != cm_addr_len(&dst))
		return -EINVAL;
	return resolve(id, &src, &dst);
}

/* There is nothing to find out: TCP takes care of it. */
int cm_resolve_route(const struct cm_cmd *c)
{
	const struct rdma_ucm_resolve_route *r = c->in;
	struct cm_id *id = cm_get(c, r->id);

	if (!id || id->state != CM_ADDR)
		return -EINVAL;
	id->state = CM_ROUTE;
	return cm_post(id, RDMA_CM_EVENT_ROUTE_RESOLVED, 0);
}

/* --- query ---------------------------------------------------------------------------- */

static void gid_of(u8 *gid, const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *in = (const void *)addr;
	const struct sockaddr_in6 *in6 = (const void *)addr;

	memset(gid, 0, 16);
	if (addr->ss_family == AF_INET6) {
		memcpy(gid, &in6->sin6_addr, 16);
	} else if (addr->ss_family == AF_INET) {
		memset(gid + 10, 0xff, 2);
		memcpy(gid + 12, &in->sin_addr, 4);
	}
}

int cm_query_route(const struct cm_cmd *c)
{
	const struct rdma_ucm_query *r = c->in;
	struct rdma_ucm_query_route_resp resp = {};
	struct cm_id *id = cm_get(c, r->id);

	if (!id)
		return -EINVAL;
	memcpy(&resp.src_addr, &id->src, cm_addr_len(&id->src));
	memcpy(&resp.dst_addr, &id->dst, cm_addr_len(&id->dst));
	if (id->on_dev) {
		resp.node_guid = htobe64(usiw_dev()->guid);
		resp.port_num = 1;
		resp.ibdev_index = usiw_dev()->index;
		gid_of(resp.ib_route[0].sgid, &id->src);
		gid_of(resp.ib_route[0].dgid, &id->dst);
	}
	return cm_reply(c, r->response, &resp, sizeof(resp),
			offsetof(struct rdma_ucm_query_route_resp,
				 ibdev_index));
}

static int query_addr(const struct cm_cmd *c, const struct rdma_ucm_query *r,
		      const struct cm_id *id)
{
	struct rdma_ucm_query_addr_resp resp = {};

	resp.src_size = (u16)cm_addr_len(&id->src);
	resp.dst_size = (u16)cm_addr_len(&id->dst);
	memcpy(&resp.src_addr, &id->src, resp.src_size);
	memcpy(&resp.dst_addr, &id->dst, resp.dst_size);
	if (id->on_dev) {
		resp.node_guid = htobe64(usiw_dev()->guid);
		resp.port_num = 1;
		resp.ibdev_index = usiw_dev()->index;
	}
	return cm_reply(c, r->response, &resp, sizeof(resp),
			offsetof(struct rdma_ucm_query_addr_resp,
				 ibdev_index));
}

int cm_query(const struct cm_cmd *c)
{
	const struct rdma_ucm_query *r = c->in;
	struct rdma_ucm_query_path_resp path = {};
	struct cm_id *id = cm_get(c, r->id);

	if (!id)
		return -EINVAL;
	switch (r->option) {
	case RDMA_USER_CM_QUERY_ADDR:
		return query_addr(c, r, id);
	case RDMA_USER_CM_QUERY_PATH:
		return cm_reply(c, r->response, &path, sizeof(path),
				sizeof(path));
	default:
		return -ENOSYS;
	}
}
