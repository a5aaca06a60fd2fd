/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Objects behind the handles of an uverbs file, shared by uverbs*.c.
 *
 * Every object belongs to one context (one open uverbs file) and goes with it.
 * Those that others refer to count the references and cannot be destroyed
 * before. usiw_lock() serialises all of it.
 */
#ifndef USIW_UVERBS_H
#define USIW_UVERBS_H

#include "front.h"

enum uv_type { UV_PD, UV_MR, UV_CQ, UV_SRQ, UV_QP };

struct uv_ctx {
	struct usiw_file *cmd;		/* the uverbs file */
	struct usiw_file *async;	/* NULL before GET_CONTEXT and once closed */
	bool ready;			/* GET_CONTEXT was done */
	u64 caps;			/* USIW_CAP_* that it asked for */
	struct usiw_handles handles;
	u64 next_key;			/* where the next ring goes in the memfd */
};

struct uv_obj {
	enum uv_type type;
	u32 handle;
	u32 uses;			/* objects that refer to this one */
	struct uv_ctx *ctx;
	u64 user;			/* the program's name for it */
	u32 events;			/* asynchronous ones that it was told */
};

/* A queue in memory shared with the provider: part of the context's memfd. */
struct uv_ring {
	void *addr;
	size_t len;
	u64 key;
};

struct uv_pd {
	struct uv_obj obj;
	struct usiw_pd pd;
};

struct uv_cq {
	struct uv_obj obj;
	struct usiw_cq *cq;
	struct uv_ring ring;
	struct usiw_file *channel;	/* or NULL */
	u32 comp_events;		/* told, as events above */
};

struct uv_srq {
	struct uv_obj obj;
	struct usiw_srq *srq;
	struct uv_pd *pd;
	struct uv_ring ring;
	u32 max_wr, max_sge;
};

/* A command: a copy of what was written, and where the answer goes. */
struct uv_cmd {
	const void *in;			/* behind the header */
	size_t in_len;
	u64 out;
	size_t out_len;
};

/*
 * Answers: as much as was asked for; and with the driver's part behind the
 * core's, which must fit. Return: 0, -EINVAL or -EFAULT.
 */
int uv_reply(const struct uv_cmd *c, const void *resp, size_t len);
int uv_reply2(const struct uv_cmd *c, const void *resp, size_t len,
	      const void *uresp, size_t ulen);

void *uv_get(struct uv_ctx *ctx, u32 handle, enum uv_type type);
int uv_obj_add(struct uv_ctx *ctx, struct uv_obj *obj, enum uv_type type);
void uv_obj_del(struct uv_obj *obj);

/* Zeroed; @ring->key is for the provider's mmap(). */
int uv_ring_new(struct uv_ctx *ctx, struct uv_ring *ring, size_t len);
void uv_ring_free(struct uv_ctx *ctx, struct uv_ring *ring);

static inline u32 uv_pow2(u32 n)
{
	return n < 2 ? 1 : 1u << (32 - __builtin_clz(n - 1));
}

/* uverbs_event.c */
int uv_async_new(struct uv_ctx *ctx);
void uv_ctx_gone(struct uv_ctx *ctx);
struct usiw_file *uv_channel(struct uv_ctx *ctx, int fd);
void uv_drop_async(struct uv_obj *obj);
void uv_drop_comp(struct uv_cq *cq);
int uv_create_comp_channel(struct uv_ctx *ctx, const struct uv_cmd *c);

/* uverbs_cq.c, uverbs_srq.c, uverbs_qp.c: commands, and the end of a context */
int uv_create_cq(struct uv_ctx *ctx, const struct uv_cmd *c);
int uv_destroy_cq(struct uv_ctx *ctx, const struct uv_cmd *c);
void uv_cq_free(struct uv_cq *cq);
int uv_create_srq(struct uv_ctx *ctx, const struct uv_cmd *c);
int uv_modify_srq(struct uv_ctx *ctx, const struct uv_cmd *c);
int uv_query_srq(struct uv_ctx *ctx, const struct uv_cmd *c);
int uv_destroy_srq(struct uv_ctx *ctx, const struct uv_cmd *c);
void uv_srq_free(struct uv_srq *srq);
int uv_create_qp(struct uv_ctx *ctx, const struct uv_cmd *c);
int uv_query_qp(struct uv_ctx *ctx, const struct uv_cmd *c);
int uv_modify_qp(struct uv_ctx *ctx, const struct uv_cmd *c);
int uv_destroy_qp(struct uv_ctx *ctx, const struct uv_cmd *c);
void uv_qp_free(struct uv_obj *obj);
ssize_t uv_doorbell(struct uv_ctx *ctx, const void *buf, size_t len);

#endif
