// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Completion channels and the file of asynchronous events.
 *
 * libibverbs destroys a CQ, SRQ or QP only after the program has acknowledged as
 * many events as the kernel says it has handed out for it. So events are counted
 * when they are read, and those not read yet vanish with their object.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <infiniband/verbs.h>
#include <rdma/ib_user_verbs.h>

#include "uverbs.h"

struct uv_event {
	struct usiw_event ev;
	const struct uv_obj *obj;
	u64 element;
	u32 type;
};

static bool takes(const void *buf, size_t len, bool is_write)
{
	(void)buf;
	(void)len;
	return !is_write;
}

/* As the kernel: what does not fit is lost. */
static ssize_t comp_take(struct usiw_file *f, struct usiw_event *ev, void *buf,
			 size_t len)
{
	struct uv_event *e = (struct uv_event *)ev;
	struct ib_uverbs_comp_event_desc desc = { .cq_handle = e->element };

	(void)f;
	free(e);
	if (len < sizeof(desc))
		return -EINVAL;
	memcpy(buf, &desc, sizeof(desc));
	return sizeof(desc);
}

static ssize_t async_take(struct usiw_file *f, struct usiw_event *ev, void *buf,
			  size_t len)
{
	struct uv_event *e = (struct uv_event *)ev;
	struct ib_uverbs_async_event_desc desc = {
		.element = e->element,
		.event_type = e->type,
	};

	(void)f;
	free(e);
	if (len < sizeof(desc))
		return -EINVAL;
	memcpy(buf, &desc, sizeof(desc));
	return sizeof(desc);
}

static void drop_all(struct usiw_file *f)
{
	struct usiw_event *ev;

	while ((ev = TAILQ_FIRST(&f->events))) {
		TAILQ_REMOVE(&f->events, ev, link);
		free(ev);
	}
}

static void comp_release(struct usiw_file *f)
{
	struct uv_ctx *ctx = f->priv;
	struct uv_cq *cq;
	u32 i;

	drop_all(f);
	for (i = 0; ctx && i < ctx->handles.size; i++) {
		cq = uv_get(ctx, i, UV_CQ);
		if (cq && cq->channel == f)
			cq->channel = NULL;
	}
}

static void async_release(struct usiw_file *f)
{
	struct uv_ctx *ctx = f->priv;

	drop_all(f);
	if (ctx)
		ctx->async = NULL;
}

static const struct usiw_file_ops comp_ops = {
	.takes = takes,
	.take = comp_take,
	.release = comp_release,
};

static const struct usiw_file_ops async_ops = {
	.takes = takes,
	.take = async_take,
	.release = async_release,
};

static int event_file(enum usiw_file_kind kind, const struct usiw_file_ops *ops,
		      struct uv_ctx *ctx, struct usiw_file **f)
{
	int fd = usiw_eventfd(true);

	if (fd < 0)
		return -errno;
	*f = usiw_file_new(kind, ops, fd, ctx);
	return *f ? fd : -ENOMEM;
}

/* Return: the descriptor. */
int uv_async_new(struct uv_ctx *ctx)
{
	return event_file(USIW_FILE_ASYNC, &async_ops, ctx, &ctx->async);
}

int uv_create_comp_channel(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	struct ib_uverbs_create_comp_channel_resp resp;
	struct usiw_file *f;
	int fd = event_file(USIW_FILE_COMP, &comp_ops, ctx, &f);

	if (fd < 0)
		return fd;
	resp.fd = (u32)fd;
	return uv_reply(c, &resp, sizeof(resp));
}

/* The channel of this context that @fd is, or NULL. */
struct usiw_file *uv_channel(struct uv_ctx *ctx, int fd)
{
	struct usiw_file *f = usiw_fd_file(fd);

	return f && f->kind == USIW_FILE_COMP && f->priv == ctx ? f : NULL;
}

/* Its event files may stay open after a context. */
void uv_ctx_gone(struct uv_ctx *ctx)
{
	struct usiw_file *f;
	int fd;

	for (fd = 0; fd <= usiw_fd_last(); fd++) {
		f = usiw_fd_table[fd];
		if (f && (f->kind == USIW_FILE_COMP ||
			  f->kind == USIW_FILE_ASYNC) && f->priv == ctx)
			f->priv = NULL;
	}
}

static void drop(struct usiw_file *f, const struct uv_obj *obj)
{
	struct usiw_event *ev, *next;

	if (!f)
		return;
	for (ev = TAILQ_FIRST(&f->events); ev; ev = next) {
		next = TAILQ_NEXT(ev, link);
		if (((struct uv_event *)ev)->obj != obj)
			continue;
		usiw_event_unlink(f, ev);
		free(ev);
	}
}

/* What was not read yet of an object that goes away. */
void uv_drop_async(struct uv_obj *obj)
{
	drop(obj->ctx->async, obj);
}

void uv_drop_comp(struct uv_cq *cq)
{
	if (cq->channel && cq->channel->hot_cq == cq->cq)
		cq->channel->hot_cq = NULL;
	drop(cq->channel, &cq->obj);
}

static void post(struct usiw_file *f, const struct uv_obj *obj, u32 *count,
		 u32 type)
{
	struct uv_event *e = calloc(1, sizeof(*e));

	if (!e) {
		usiw_say(1, "no memory for an event");
		return;
	}
	e->ev.count = count;
	e->obj = obj;
	e->element = obj->user;
	e->type = type;
	usiw_event_push(f, &e->ev);
}

void usiw_up_comp(void *cq_owner)
{
	struct uv_cq *cq = cq_owner;

	if (!cq->channel)
		return;
	cq->channel->hot_cq = cq->cq;
	post(cq->channel, &cq->obj, &cq->comp_events, 0);
}

void usiw_up_async(enum usiw_async what, void *owner, u32 event)
{
	struct uv_obj *obj = owner;	/* the first member of each */

	(void)what;
	if (obj->ctx->async)
		post(obj->ctx->async, obj, &obj->events, event);
}
