/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Identifiers and events of rdma_cm files, shared by ucma*.c.
 *
 * An identifier belongs to one file (event channel) at a time and goes with it.
 * usiw_lock() serialises all of it.
 */
#ifndef USIW_UCMA_H
#define USIW_UCMA_H

#include "front.h"

/* last: it gives way to the C library's struct in6_addr, not the reverse */
#include <rdma/rdma_user_cm.h>

/*
 * enum rdma_cm_event_type of <rdma/rdma_cma.h>, which cannot be included with
 * the kernel's header.
 */
enum {
	RDMA_CM_EVENT_ADDR_RESOLVED,
	RDMA_CM_EVENT_ADDR_ERROR,
	RDMA_CM_EVENT_ROUTE_RESOLVED,
	RDMA_CM_EVENT_ROUTE_ERROR,
	RDMA_CM_EVENT_CONNECT_REQUEST,
	RDMA_CM_EVENT_CONNECT_RESPONSE,
	RDMA_CM_EVENT_CONNECT_ERROR,
	RDMA_CM_EVENT_UNREACHABLE,
	RDMA_CM_EVENT_REJECTED,
	RDMA_CM_EVENT_ESTABLISHED,
	RDMA_CM_EVENT_DISCONNECTED,
};

#define CM_BACKLOG_MAX	1024	/* as net.rdma_ucm.max_backlog */

enum cm_state {
	/* active: IDLE > [BOUND >] ADDR > ROUTE > CONNECT > UP > DOWN */
	CM_IDLE,
	CM_BOUND,
	CM_ADDR,		/* addresses resolved */
	CM_ROUTE,		/* route resolved */
	CM_CONNECT,		/* waiting for the answer */
	CM_UP,
	CM_DOWN,		/* rejected, failed or disconnected */
	/* passive: IDLE > [BOUND >] LISTEN; REQUEST > ACCEPT > UP > DOWN */
	CM_LISTEN,
	CM_REQUEST,		/* the program has not answered */
	CM_ACCEPT,		/* it has; not established yet */
};

struct cm_id {
	u32 handle;
	enum cm_state state;
	struct usiw_file *file;
	u64 uid;		/* the program's name; 0 until it accepts */
	struct usiw_ep *ep;	/* or NULL */
	struct sockaddr_storage src, dst;
	bool on_dev;		/* addresses tell the device */
	bool passive;
	bool reuse;
	bool afonly;
	u8 tos;			/* 0: not set */
	bool early;		/* listens for TCP although only bound */
	bool untold;		/* a request the program does not know of yet */
	struct usiw_event_list held;	/* requests that came too early */
	u32 room;		/* listener: requests that may still wait */
	u32 events;		/* told to the program */
};

struct cm_event {
	struct usiw_event ev;
	struct cm_id *id;	/* whose; of a request, the listener */
	struct cm_id *req;	/* CONNECT_REQUEST: the new one */
	u64 at_ms;		/* usiw_now_ms() when it came */
	struct rdma_ucm_event_resp resp;
};

/* A command: a copy of what was written, padded with zeroes. */
struct cm_cmd {
	struct usiw_file *file;
	const void *in;
	size_t in_len;
	size_t out_len;
};

/* @resp as much as was asked for; at least @min octets are wanted */
int cm_reply(const struct cm_cmd *c, u64 to, const void *resp, size_t len,
	     size_t min);

struct cm_id *cm_get(const struct cm_cmd *c, u32 handle);
struct cm_id *cm_id_new(struct usiw_file *f, u64 uid);
void cm_id_free(struct cm_id *id);

/* ucma_event.c */
int cm_post(struct cm_id *id, u32 event, int status);
int cm_post_conn(struct cm_id *id, u32 event, const struct usiw_cm_event *ev,
		 struct cm_id *req);
bool cm_takes(const void *buf, size_t len, bool is_write);
bool cm_early(const struct usiw_file *f, const void *buf, size_t len);
ssize_t cm_take(struct usiw_file *f, struct usiw_event *ev, void *buf,
		size_t len);
void cm_drop_events(struct cm_id *id);
void cm_post_held(struct cm_id *id);
void cm_move_events(struct cm_id *id, struct usiw_file *to);

/* ucma_addr.c */
socklen_t cm_addr_len(const void *addr);
int cm_ep_new(struct cm_id *id);
int cm_bind(struct cm_id *id, const struct sockaddr_storage *addr);
int cm_bind_ip(const struct cm_cmd *c);
int cm_bind_addr(const struct cm_cmd *c);
int cm_resolve_ip(const struct cm_cmd *c);
int cm_resolve_addr(const struct cm_cmd *c);
int cm_resolve_route(const struct cm_cmd *c);
int cm_query_route(const struct cm_cmd *c);
int cm_query(const struct cm_cmd *c);

/* ucma_conn.c */
int cm_connect(const struct cm_cmd *c);
int cm_listen(const struct cm_cmd *c);
int cm_accept(const struct cm_cmd *c);
int cm_reject(const struct cm_cmd *c);
int cm_disconnect(const struct cm_cmd *c);
int cm_init_qp_attr(const struct cm_cmd *c);

#endif
