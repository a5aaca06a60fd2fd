// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Events of rdma_cm: GET_EVENT is a write() that waits. librdmacm destroys an
 * identifier only after the program has acknowledged as many events as it was
 * told of, so those not told yet vanish with their identifier; a connection
 * request that was not told takes the new identifier with it.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ucma.h"

/* Older librdmacm does not know what follows @param. */
#define RESP_MIN	offsetof(struct rdma_ucm_event_resp, reserved)

/* So long a thread may need from poll() to GET_EVENT. */
#define EARLY_MS	100

struct get_event {
	struct rdma_ucm_cmd_hdr hdr;
	struct rdma_ucm_get_event get;
};

struct destroy_id {
	struct rdma_ucm_cmd_hdr hdr;
	struct rdma_ucm_destroy_id destroy;
};

static int post(struct cm_id *id, struct cm_event *e)
{
	e->id = id;
	e->at_ms = usiw_now_ms();
	e->ev.count = &id->events;
	e->resp.uid = id->uid;
	if (!e->req)
		e->resp.id = id->handle;
	if (e->req && id->state != CM_LISTEN)
		TAILQ_INSERT_TAIL(&id->held, &e->ev, link);
	else
		usiw_event_push(id->file, &e->ev);
	return 0;
}

/* The identifier listens now: requests that came before can be told. */
void cm_post_held(struct cm_id *id)
{
	struct usiw_event *ev;

	while ((ev = TAILQ_FIRST(&id->held))) {
		TAILQ_REMOVE(&id->held, ev, link);
		usiw_event_push(id->file, ev);
	}
}

/**
 * cm_post() - an event without parameters
 * @id: whose
 * @event: RDMA_CM_EVENT_*
 * @status: 0 or a negative errno value
 *
 * Return: 0 or -ENOMEM.
 */
int cm_post(struct cm_id *id, u32 event, int status)
{
	struct cm_event *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->resp.event = event;
	e->resp.status = (u32)status;
	return post(id, e);
}

static u8 depth(u32 n)
{
	return n > 255 ? 255 : (u8)n;
}

/**
 * cm_post_conn() - an event of a connection
 * @id: whose; of a request, the listener
 * @event: RDMA_CM_EVENT_*
 * @ev: what the engine says
 * @req: the new identifier of a request, or NULL
 *
 * Return: 0 or -ENOMEM.
 */
int cm_post_conn(struct cm_id *id, u32 event, const struct usiw_cm_event *ev,
		 struct cm_id *req)
{
	struct cm_event *e = calloc(1, sizeof(*e));
	struct rdma_ucm_conn_param *conn;
	u32 len = ev->pdata_len;

	if (!e)
		return -ENOMEM;
	conn = &e->resp.param.conn;
	if (len > 255)		/* what its length can say */
		len = 255;
	if (len)
		memcpy(conn->private_data, ev->pdata, len);
	conn->private_data_len = (u8)len;
	conn->initiator_depth = depth(ev->ird);
	conn->responder_resources = depth(ev->ord);
	e->resp.event = event;
	e->resp.status = (u32)ev->status;
	e->req = req;
	if (req)
		e->resp.id = req->handle;
	return post(id, e);
}

bool cm_takes(const void *buf, size_t len, bool is_write)
{
	struct get_event cmd;

	if (!is_write || len < sizeof(cmd))
		return false;
	memcpy(&cmd, buf, sizeof(cmd));
	return cmd.hdr.cmd == RDMA_USER_CM_CMD_GET_EVENT &&
	       cmd.hdr.in >= sizeof(cmd.get) && cmd.hdr.out >= RESP_MIN;
}

/**
 * cm_early() - should this command wait a little?
 * @f: rdma_cm file
 * @buf: command
 * @len: octets
 *
 * A program that waits with poll(), and then takes the event in a call that
 * blocks, waits for ever if another thread destroys the identifier in between:
 * rping of rdma-core 65 at its end. The kernel has that gap as well, but there the
 * thread that takes events is on its way before the other one gets so far.
 *
 * Return: true: there is an event of an identifier to be destroyed, another thread
 * takes the events of this file, and it has not had the time to.
 */
bool cm_early(const struct usiw_file *f, const void *buf, size_t len)
{
	const struct usiw_event *ev;
	const struct cm_event *e;
	struct destroy_id cmd;

	if (len < sizeof(cmd) || !f->taken_ms ||
	    pthread_equal(f->taker, pthread_self()))
		return false;
	memcpy(&cmd, buf, sizeof(cmd));
	if (cmd.hdr.cmd != RDMA_USER_CM_CMD_DESTROY_ID)
		return false;
	TAILQ_FOREACH(ev, &f->events, link) {
		e = (const struct cm_event *)ev;
		if (e->id->handle == cmd.destroy.id &&
		    usiw_now_ms() - e->at_ms < EARLY_MS)
			return true;
	}
	return false;
}

ssize_t cm_take(struct usiw_file *f, struct usiw_event *ev, void *buf,
		size_t len)
{
	struct cm_event *e = (struct cm_event *)ev;
	struct get_event cmd;
	int rv;

	memcpy(&cmd, buf, sizeof(cmd));
	if (e->req) {
		e->id->room++;
		e->req->untold = false;
		e->req->file = f;
	}
	rv = usiw_put_user(cmd.get.response, &e->resp,
			   cmd.hdr.out < sizeof(e->resp) ? cmd.hdr.out :
							   sizeof(e->resp));
	free(e);
	return rv ? rv : (ssize_t)len;
}

/* What was not told yet about an identifier that goes away. */
void cm_drop_events(struct cm_id *id)
{
	struct usiw_event_list *list = &id->file->events;
	struct usiw_event *ev, *next;
	struct cm_event *e;
	struct cm_id *req;

	cm_post_held(id);
	for (ev = TAILQ_FIRST(list); ev; ev = next) {
		next = TAILQ_NEXT(ev, link);
		e = (struct cm_event *)ev;
		if (e->id != id && e->req != id)
			continue;
		req = e->id == id ? e->req : NULL;
		usiw_event_unlink(id->file, ev);
		free(e);
		if (req) {
			/* its listener may have moved while it was held back */
			req->file = id->file;
			/* its own events, if any, may be the next one */
			cm_id_free(req);
			next = TAILQ_FIRST(list);
		}
	}
}

/* An identifier moves to another channel with what was not told yet. */
void cm_move_events(struct cm_id *id, struct usiw_file *to)
{
	struct usiw_event_list *list = &id->file->events;
	struct usiw_event *ev, *next;
	struct cm_event *e;

	for (ev = TAILQ_FIRST(list); ev; ev = next) {
		next = TAILQ_NEXT(ev, link);
		e = (struct cm_event *)ev;
		if (e->id != id)
			continue;
		usiw_event_unlink(id->file, ev);
		usiw_event_push(to, ev);
	}
}
