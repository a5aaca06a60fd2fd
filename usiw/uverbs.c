// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The uverbs file: commands that libibverbs write()s, device and port, memory.
 *
 * The contract is <rdma/ib_user_verbs.h>, with the driver's parts of
 * <rdma/siw-abi.h>. ioctl() is not offered, nor are most extended commands: then
 * rdma-core uses what is here. A command is copied before it is looked at, and
 * its lengths are checked once, in dispatch().
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <infiniband/verbs.h>
#include <rdma/ib_user_verbs.h>

#include "uverbs.h"

#define VENDOR_ID	0x626d74

/*
 * First key of a ring. The stock provider takes 0x90000 for "no ring", which
 * is below; zero stays free too.
 */
#define FIRST_KEY	0x100000

struct uv_mr {
	struct uv_obj obj;
	struct usiw_mr *mr;
	struct uv_pd *pd;
};

/* --- answers, handles, rings -------------------------------------------------- */

int uv_reply(const struct uv_cmd *c, const void *resp, size_t len)
{
	return usiw_put_user(c->out, resp, len < c->out_len ? len : c->out_len);
}

int uv_reply2(const struct uv_cmd *c, const void *resp, size_t len,
	      const void *uresp, size_t ulen)
{
	int rv;

	if (c->out_len < len + ulen)
		return -EINVAL;
	rv = usiw_put_user(c->out, resp, len);
	return rv ? rv : usiw_put_user(c->out + len, uresp, ulen);
}

void *uv_get(struct uv_ctx *ctx, u32 handle, enum uv_type type)
{
	struct uv_obj *obj = usiw_handle_get(&ctx->handles, handle);

	return obj && obj->type == type ? obj : NULL;
}

int uv_obj_add(struct uv_ctx *ctx, struct uv_obj *obj, enum uv_type type)
{
	int handle = usiw_handle_new(&ctx->handles, obj);

	if (handle < 0)
		return handle;
	obj->type = type;
	obj->handle = (u32)handle;
	obj->ctx = ctx;
	return 0;
}

void uv_obj_del(struct uv_obj *obj)
{
	usiw_handle_free(&obj->ctx->handles, obj->handle);
}

int uv_ring_new(struct uv_ctx *ctx, struct uv_ring *ring, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (len + page - 1) & ~(page - 1);

	if (ftruncate(ctx->cmd->fd, (off_t)(ctx->next_key + size)))
		return -errno;
	ring->addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  ctx->cmd->fd, (off_t)ctx->next_key);
	if (ring->addr == MAP_FAILED) {
		ring->addr = NULL;
		return -ENOMEM;
	}
	ring->len = size;
	ring->key = ctx->next_key;
	ctx->next_key += size;
	return 0;
}

/* The provider's mapping may outlive it, its memory need not. */
void uv_ring_free(struct uv_ctx *ctx, struct uv_ring *ring)
{
	if (!ring->addr)
		return;
	munmap(ring->addr, ring->len);
	if (ctx->cmd)
		fallocate(ctx->cmd->fd,
			  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)ring->key, (off_t)ring->len);
	ring->addr = NULL;
}

/* --- context, device, port ----------------------------------------------------- */

/* A library that has room for the capabilities asks for them by that. */
static int get_context(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	struct ib_uverbs_get_context_resp resp = { .num_comp_vectors = 1 };
	struct {
		struct siw_uresp_alloc_ctx v1;
		u64 caps;
	} uresp = { .caps = usiw_caps() };
	size_t ulen = sizeof(uresp.v1);
	int fd;

	if (ctx->ready || c->out_len < sizeof(resp) + ulen)
		return -EINVAL;
	fd = uv_async_new(ctx);
	if (fd < 0)
		return fd;
	ctx->ready = true;
	if (c->out_len >= sizeof(resp) + sizeof(uresp)) {
		ulen = sizeof(uresp);
		ctx->caps = uresp.caps;
	}
	resp.async_fd = (u32)fd;
	return uv_reply2(c, &resp, sizeof(resp), &uresp, ulen);
}

/* Atomics: of all queue pairs of this process, as if it had the device alone. */
static struct ib_uverbs_query_device_resp device_attr(const struct uv_ctx *ctx)
{
	return (struct ib_uverbs_query_device_resp){
		.node_guid = htobe64(usiw_dev()->guid),
		.sys_image_guid = htobe64(usiw_dev()->guid),
		.max_mr_size = ~0ULL,
		.page_size_cap = 4096,
		.vendor_id = VENDOR_ID,
		.max_qp = USIW_MAX_QP,
		.max_qp_wr = USIW_MAX_QP_WR,
		.device_cap_flags = IB_UVERBS_DEVICE_MEM_MGT_EXTENSIONS |
				    IB_UVERBS_DEVICE_PORT_ACTIVE_EVENT |
				    IB_UVERBS_DEVICE_CURR_QP_STATE_MOD,
		.max_sge = SIW_MAX_SGE,
		.max_sge_rd = 1,
		.max_cq = USIW_MAX_CQ,
		.max_cqe = USIW_MAX_CQE,
		.max_mr = USIW_MAX_MR,
		.max_pd = USIW_MAX_PD,
		.max_qp_rd_atom = USIW_MAX_RDQ,
		.max_res_rd_atom = USIW_MAX_RDQ * USIW_MAX_QP,
		.max_qp_init_rd_atom = USIW_MAX_RDQ,
		.atomic_cap = ctx->caps & USIW_CAP_ATOMIC ? IBV_ATOMIC_HCA :
							    IBV_ATOMIC_NONE,
		.max_srq = USIW_MAX_SRQ,
		.max_srq_wr = USIW_MAX_SRQ_WR,
		.max_srq_sge = SIW_MAX_SGE,
		.max_pkeys = 1,
		.phys_port_cnt = 1,
	};
}

static int query_device(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	struct ib_uverbs_query_device_resp resp = device_attr(ctx);

	return uv_reply(c, &resp, sizeof(resp));
}

/* The same and more, of which there is nothing here. */
static int query_device_ex(const struct uv_ctx *ctx, const struct uv_cmd *c)
{
	struct ib_uverbs_ex_query_device_resp resp = {
		.base = device_attr(ctx),
	};

	if (c->out_len < sizeof(resp.base) + 8)
		return -ENOSPC;
	resp.response_length = (u32)(c->out_len < sizeof(resp) ? c->out_len :
							      sizeof(resp));
	return uv_reply(c, &resp, sizeof(resp));
}

static u8 mtu_enum(u32 mtu)
{
	u8 e = IBV_MTU_256;

	while (e < IBV_MTU_4096 && mtu >= 256u << e)
		e++;
	return e;
}

static int query_port(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_query_port *q = c->in;
	struct in6_addr gid[USIW_GID_MAX];
	struct ib_uverbs_query_port_resp resp = {
		/* CM, device management */
		.port_cap_flags = 1u << 16 | 1u << 19,
		.max_msg_sz = UINT_MAX,
		.pkey_tbl_len = 1,
		.state = IBV_PORT_ACTIVE,
		.max_mtu = IBV_MTU_4096,
		.max_vl_num = 1,
		.active_width = 1,
		.active_speed = 8,	/* 10 Gb/s */
		.phys_state = 5,	/* LinkUp */
		.link_layer = IBV_LINK_LAYER_ETHERNET,
	};

	(void)ctx;
	if (q->port_num != 1)
		return -EINVAL;
	resp.active_mtu = mtu_enum(usiw_mtu());
	resp.gid_tbl_len = usiw_gids(gid, USIW_GID_MAX);
	return uv_reply(c, &resp, sizeof(resp));
}

/* --- protection domains, memory regions --------------------------------------- */

static int alloc_pd(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	static u32 last_id;
	struct ib_uverbs_alloc_pd_resp resp;
	struct uv_pd *pd = calloc(1, sizeof(*pd));

	if (!pd || uv_obj_add(ctx, &pd->obj, UV_PD)) {
		free(pd);
		return -ENOMEM;
	}
	pd->pd.id = ++last_id;
	resp.pd_handle = pd->obj.handle;
	return uv_reply(c, &resp, sizeof(resp));
}

static int dealloc_pd(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_dealloc_pd *d = c->in;
	struct uv_pd *pd = uv_get(ctx, d->pd_handle, UV_PD);

	if (!pd)
		return -EINVAL;
	if (pd->obj.uses)
		return -EBUSY;
	uv_obj_del(&pd->obj);
	free(pd);
	return 0;
}

static int check_mr(const struct ib_uverbs_reg_mr *r)
{
	const u32 remote = IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC;

	if (!r->length || r->start > ~0ULL - r->length ||
	    r->hca_va > ~0ULL - r->length)
		return -EINVAL;
	if ((r->start ^ r->hca_va) & 4095)
		return -EINVAL;
	if ((r->access_flags & remote) &&
	    !(r->access_flags & IBV_ACCESS_LOCAL_WRITE))
		return -EINVAL;
	if (r->access_flags & (IBV_ACCESS_ON_DEMAND | IBV_ACCESS_ZERO_BASED))
		return -EOPNOTSUPP;
	return 0;
}

static int reg_mr(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_reg_mr *r = c->in;
	struct uv_pd *pd = uv_get(ctx, r->pd_handle, UV_PD);
	struct ib_uverbs_reg_mr_resp resp = {};
	struct siw_uresp_reg_mr uresp = {};
	struct siw_ureq_reg_mr ureq;
	struct uv_mr *mr;
	int rv = check_mr(r);

	if (rv)
		return rv;
	if (!pd || c->in_len < sizeof(*r) + sizeof(ureq) ||
	    c->out_len < sizeof(resp) + sizeof(uresp))
		return -EINVAL;
	memcpy(&ureq, r + 1, sizeof(ureq));

	mr = calloc(1, sizeof(*mr));
	if (!mr)
		return -ENOMEM;
	mr->mr = usiw_mr_reg(&pd->pd, r->start, r->length, r->hca_va,
			     r->access_flags, ureq.stag_key, &uresp.stag);
	if (!mr->mr) {
		free(mr);
		return -ENOMEM;
	}
	rv = uv_obj_add(ctx, &mr->obj, UV_MR);
	if (rv) {
		usiw_mr_dereg(mr->mr);
		free(mr);
		return rv;
	}
	mr->pd = pd;
	pd->obj.uses++;
	resp.mr_handle = mr->obj.handle;
	resp.lkey = uresp.stag;
	resp.rkey = uresp.stag;
	return uv_reply2(c, &resp, sizeof(resp), &uresp, sizeof(uresp));
}

static void mr_free(struct uv_mr *mr)
{
	usiw_mr_dereg(mr->mr);
	mr->pd->obj.uses--;
	uv_obj_del(&mr->obj);
	free(mr);
}

static int dereg_mr(struct uv_ctx *ctx, const struct uv_cmd *c)
{
	const struct ib_uverbs_dereg_mr *d = c->in;
	struct uv_mr *mr = uv_get(ctx, d->mr_handle, UV_MR);

	if (!mr)
		return -EINVAL;
	mr_free(mr);
	return 0;
}

/* --- commands ---------------------------------------------------------------------- */

/*
 * @in: least octets behind the header, @out: of the answer; an answer goes where
 * the first word of the command points.
 */
struct command {
	int (*run)(struct uv_ctx *ctx, const struct uv_cmd *c);
	u16 in, out;
};

#define CMD(op, fn, name) [IB_USER_VERBS_CMD_##op] = \
	{ fn, sizeof(struct ib_uverbs_##name), 0 }
#define CMD_RESP(op, fn, name) [IB_USER_VERBS_CMD_##op] = \
	{ fn, sizeof(struct ib_uverbs_##name), \
	  sizeof(struct ib_uverbs_##name##_resp) }

static const struct command commands[] = {
	CMD_RESP(GET_CONTEXT, get_context, get_context),
	CMD_RESP(QUERY_DEVICE, query_device, query_device),
	CMD_RESP(QUERY_PORT, query_port, query_port),
	CMD_RESP(ALLOC_PD, alloc_pd, alloc_pd),
	CMD(DEALLOC_PD, dealloc_pd, dealloc_pd),
	CMD_RESP(REG_MR, reg_mr, reg_mr),
	CMD(DEREG_MR, dereg_mr, dereg_mr),
	CMD_RESP(CREATE_COMP_CHANNEL, uv_create_comp_channel,
		 create_comp_channel),
	CMD_RESP(CREATE_CQ, uv_create_cq, create_cq),
	CMD_RESP(DESTROY_CQ, uv_destroy_cq, destroy_cq),
	CMD_RESP(CREATE_SRQ, uv_create_srq, create_srq),
	CMD(MODIFY_SRQ, uv_modify_srq, modify_srq),
	CMD_RESP(QUERY_SRQ, uv_query_srq, query_srq),
	CMD_RESP(DESTROY_SRQ, uv_destroy_srq, destroy_srq),
	CMD_RESP(CREATE_QP, uv_create_qp, create_qp),
	CMD_RESP(QUERY_QP, uv_query_qp, query_qp),
	CMD(MODIFY_QP, uv_modify_qp, modify_qp),
	CMD_RESP(DESTROY_QP, uv_destroy_qp, destroy_qp),
};

#define CMD_MAX		512	/* octets; the longest is about 200 */

/*
 * Extended commands have another header, and lengths in units of 8 octets. The
 * one that is here is asked by programs that want to know all about a device.
 */
static int dispatch_ex(struct uv_ctx *ctx, const void *cmd, size_t len)
{
	const struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_ex_cmd_hdr ex;
	} *h = cmd;
	struct uv_cmd c;

	if (len < sizeof(*h))
		return -EINVAL;
	if ((h->hdr.command & IB_USER_VERBS_CMD_COMMAND_MASK) !=
	    IB_USER_VERBS_EX_CMD_QUERY_DEVICE || !ctx->ready)
		return -EOPNOTSUPP;
	c.in = h + 1;
	c.in_len = len - sizeof(*h);
	c.out = h->ex.response;
	c.out_len = (h->hdr.out_words + h->ex.provider_out_words) * 8u;
	if ((h->hdr.in_words + h->ex.provider_in_words) * 8u != c.in_len ||
	    c.in_len < sizeof(struct ib_uverbs_ex_query_device))
		return -EINVAL;
	return query_device_ex(ctx, &c);
}

static int dispatch(struct uv_ctx *ctx, const void *buf, size_t len)
{
	u64 copy[CMD_MAX / 8];
	const struct ib_uverbs_cmd_hdr *hdr = (void *)copy;
	const struct command *cmd;
	struct uv_cmd c;

	if (len < sizeof(*hdr) || len > sizeof(copy))
		return -EINVAL;
	memcpy(copy, buf, len);
	if (hdr->command & IB_USER_VERBS_CMD_FLAG_EXTENDED)
		return dispatch_ex(ctx, copy, len);
	if (hdr->command >= sizeof(commands) / sizeof(commands[0]) ||
	    !commands[hdr->command].run)
		return -EOPNOTSUPP;
	cmd = &commands[hdr->command];
	if (hdr->in_words * 4u != len)
		return -EINVAL;
	if (len < sizeof(*hdr) + cmd->in || hdr->out_words * 4u < cmd->out)
		return -ENOSPC;
	if (!ctx->ready && cmd->run != get_context)
		return -EINVAL;
	c.in = hdr + 1;
	c.in_len = len - sizeof(*hdr);
	c.out = cmd->out ? copy[1] : 0;
	c.out_len = cmd->out ? hdr->out_words * 4u : 0;
	return cmd->run(ctx, &c);
}

static ssize_t uv_write(struct usiw_file *f, const void *buf, size_t len)
{
	const struct ib_uverbs_cmd_hdr *hdr = buf;
	int rv;

	if (len >= sizeof(*hdr) &&
	    hdr->command == IB_USER_VERBS_CMD_POST_SEND)
		return uv_doorbell(f->priv, buf, len);
	rv = dispatch(f->priv, buf, len);
	if (rv && rv != -EOPNOTSUPP)
		usiw_say(2, "uverbs command %u: %s",
			 len < sizeof(*hdr) ? ~0u : hdr->command,
			 strerror(-rv));
	return rv ? rv : (ssize_t)len;
}

/* --- the file ------------------------------------------------------------------------ */

static void free_all(struct uv_ctx *ctx, enum uv_type type)
{
	struct uv_obj *obj;
	u32 i;

	for (i = 0; i < ctx->handles.size; i++) {
		obj = usiw_handle_get(&ctx->handles, i);
		if (!obj || obj->type != type)
			continue;
		switch (type) {
		case UV_QP:
			uv_qp_free(obj);
			break;
		case UV_SRQ:
			uv_srq_free((struct uv_srq *)obj);
			break;
		case UV_CQ:
			uv_cq_free((struct uv_cq *)obj);
			break;
		case UV_MR:
			mr_free((struct uv_mr *)obj);
			break;
		case UV_PD:
			uv_obj_del(obj);
			free(obj);
			break;
		}
	}
}

static void uv_release(struct usiw_file *f)
{
	struct uv_ctx *ctx = f->priv;

	ctx->cmd = NULL;
	free_all(ctx, UV_QP);
	free_all(ctx, UV_SRQ);
	free_all(ctx, UV_CQ);
	free_all(ctx, UV_MR);
	free_all(ctx, UV_PD);
	uv_ctx_gone(ctx);
	usiw_handles_fini(&ctx->handles);
	free(ctx);
}

static const struct usiw_file_ops uv_ops = {
	.write = uv_write,
	.release = uv_release,
};

/**
 * usiw_uverbs_open() - open() of the uverbs file. Without the lock.
 * @flags: as given to open()
 *
 * Return: a descriptor or a negative errno value.
 */
int usiw_uverbs_open(int flags)
{
	struct uv_ctx *ctx = calloc(1, sizeof(*ctx));
	int fd, cancel;

	if (!ctx)
		return -ENOMEM;
	fd = memfd_create("usiw-uverbs", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	if (fd < 0) {
		free(ctx);
		return -errno;
	}
	ctx->next_key = FIRST_KEY;
	usiw_enter(&cancel);
	ctx->cmd = usiw_file_new(USIW_FILE_UVERBS, &uv_ops, fd, ctx);
	if (ctx->cmd)
		ctx->cmd->rdev = usiw_dev()->uverbs_dev;
	usiw_leave(cancel);
	if (ctx->cmd)
		return fd;
	free(ctx);
	return -ENOMEM;
}
