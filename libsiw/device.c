// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The provider itself: which devices it is for, contexts, protection domains,
 * memory regions, and what can be asked of a device.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "siw.h"

/* --- rings ------------------------------------------------------------- */

/**
 * siw_map() - map a ring that the driver made
 * @ctx: context
 * @key: from the driver
 * @len: octets
 *
 * Return: the ring, or NULL and errno.
 */
void *siw_map(struct ibv_context *ctx, uint64_t key, size_t len)
{
	void *p;

	if (key == SIW_INVAL_UOBJ_KEY) {
		errno = ENOMEM;
		return NULL;
	}
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, ctx->cmd_fd,
		 (off_t)key);
	return p == MAP_FAILED ? NULL : p;
}

/**
 * siw_unmap() - the end of a ring
 * @ring: from siw_map(), or NULL
 * @len: octets
 */
void siw_unmap(void *ring, size_t len)
{
	if (ring)
		munmap(ring, len);
}

/* --- device and port --------------------------------------------------- */

static int query_device_ex(struct ibv_context *ctx,
			   const struct ibv_query_device_ex_input *input,
			   struct ibv_device_attr_ex *attr, size_t size)
{
	struct ib_uverbs_ex_query_device_resp resp;
	size_t resp_size = sizeof(resp);
	uint64_t ver;
	int rv;

	rv = ibv_cmd_query_device_any(ctx, input, attr, size, &resp,
				      &resp_size);
	if (rv)
		return rv;
	ver = resp.base.fw_ver;
	snprintf(attr->orig_attr.fw_ver, sizeof(attr->orig_attr.fw_ver),
		 "%u.%u.%u", (unsigned int)(ver >> 32 & 0xffff),
		 (unsigned int)(ver >> 16 & 0xffff),
		 (unsigned int)(ver & 0xffff));
	return 0;
}

static int query_port(struct ibv_context *ctx, uint8_t port,
		      struct ibv_port_attr *attr)
{
	struct ibv_query_port cmd;

	return ibv_cmd_query_port(ctx, port, attr, &cmd, sizeof(cmd));
}

/* --- protection domains ------------------------------------------------ */

static struct ibv_pd *alloc_pd(struct ibv_context *ctx)
{
	struct ib_uverbs_alloc_pd_resp resp;
	struct ibv_pd *pd = calloc(1, sizeof(*pd));
	struct ibv_alloc_pd cmd;
	int rv;

	if (!pd)
		return NULL;
	rv = ibv_cmd_alloc_pd(ctx, pd, &cmd, sizeof(cmd), &resp, sizeof(resp));
	if (!rv)
		return pd;
	free(pd);
	errno = rv;
	return NULL;
}

static int dealloc_pd(struct ibv_pd *pd)
{
	int rv = ibv_cmd_dealloc_pd(pd);

	if (!rv)
		free(pd);
	return rv;
}

/* --- memory regions ---------------------------------------------------- */

/* The key octet is the program's half of an STag: never the same twice in a
 * row, and not to be guessed from the last.
 */
static uint8_t stag_key(struct siw_ctx *ctx)
{
	unsigned int x = atomic_fetch_add(&ctx->stag_seed, 0x9e3779b9u);

	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	return (uint8_t)x;
}

static int reg_cmd(struct ibv_pd *pd, void *addr, size_t length, uint64_t iova,
		   int access, struct siw_mr *mr)
{
	struct {
		struct ibv_reg_mr ibv;
		struct siw_ureq_reg_mr drv;
	} cmd = {};
	struct {
		struct ib_uverbs_reg_mr_resp ibv;
		struct siw_uresp_reg_mr drv;
	} resp = {};

	cmd.drv.stag_key = stag_key(container_of(pd->context, struct siw_ctx,
						 base.context));
	mr->iova = iova;
	return ibv_cmd_reg_mr(pd, addr, length, iova, access, &mr->base,
			      &cmd.ibv, sizeof(cmd), &resp.ibv, sizeof(resp));
}

static struct ibv_mr *reg_mr(struct ibv_pd *pd, void *addr, size_t length,
			     uint64_t iova, int access)
{
	struct siw_mr *mr = calloc(1, sizeof(*mr));
	int rv;

	if (!mr)
		return NULL;
	rv = reg_cmd(pd, addr, length, iova, access, mr);
	if (!rv)
		return &mr->base.ibv_mr;
	free(mr);
	errno = rv;
	return NULL;
}

/*
 * The drivers do not know this: it is registered once more, with another STag,
 * and if that succeeds the old registration goes. So after an error nothing has
 * changed, and that is what is said.
 */
static int rereg_mr(struct verbs_mr *vmr, int flags, struct ibv_pd *pd,
		    void *addr, size_t length, int access)
{
	struct siw_mr *mr = container_of(vmr, struct siw_mr, base);
	struct ibv_mr *old = &vmr->ibv_mr;
	struct siw_mr new = {};
	uint64_t iova = mr->iova;

	if (flags & IBV_REREG_MR_CHANGE_TRANSLATION) {
		iova = (uintptr_t)addr;
	} else {
		addr = old->addr;
		length = old->length;
	}
	if (!(flags & IBV_REREG_MR_CHANGE_ACCESS))
		access = vmr->access;
	if (!(flags & IBV_REREG_MR_CHANGE_PD))
		pd = old->pd;
	errno = reg_cmd(pd, addr, length, iova, access, &new);
	if (errno)
		return IBV_REREG_MR_ERR_CMD;
	errno = ibv_cmd_dereg_mr(vmr);
	if (errno) {
		ibv_cmd_dereg_mr(&new.base);
		return IBV_REREG_MR_ERR_CMD;
	}
	mr->iova = iova;
	vmr->access = access;
	old->handle = new.base.ibv_mr.handle;
	old->lkey = new.base.ibv_mr.lkey;
	old->rkey = new.base.ibv_mr.rkey;
	return 0;
}

static int dereg_mr(struct verbs_mr *vmr)
{
	int rv = ibv_cmd_dereg_mr(vmr);

	if (!rv)
		free(container_of(vmr, struct siw_mr, base));
	return rv;
}

/* --- contexts ---------------------------------------------------------- */

static void free_context(struct ibv_context *ibctx)
{
	struct siw_ctx *ctx = container_of(ibctx, struct siw_ctx,
					   base.context);

	verbs_uninit_context(&ctx->base);
	free(ctx);
}

static const struct verbs_context_ops ops = {
	.alloc_pd = alloc_pd,
	.dealloc_pd = dealloc_pd,
	.dereg_mr = dereg_mr,
	.free_context = free_context,
	.query_device_ex = query_device_ex,
	.query_port = query_port,
	.reg_mr = reg_mr,
	.rereg_mr = rereg_mr,
};

/* rdma-core 57 has an argument more. */
#if IBVERBS_PABI_VERSION >= 57
#define get_context(ctx, cmd, resp) \
	ibv_cmd_get_context(&(ctx)->base, &(cmd), sizeof(cmd), NULL, \
			    &(resp).ibv, sizeof(resp))
#else
#define get_context(ctx, cmd, resp) \
	ibv_cmd_get_context(&(ctx)->base, &(cmd), sizeof(cmd), \
			    &(resp).ibv, sizeof(resp))
#endif

static struct verbs_context *alloc_context(struct ibv_device *dev, int cmd_fd,
					   void *private_data)
{
	struct {
		struct ib_uverbs_get_context_resp ibv;
		struct siw_uresp_alloc_ctx drv;
		uint64_t caps;
	} resp = {};
	struct ibv_get_context cmd = {};
	unsigned int seed = 0;
	struct siw_ctx *ctx;

	ctx = verbs_init_and_alloc_context(dev, cmd_fd, ctx, base,
					   RDMA_DRIVER_SIW);
	if (!ctx)
		return NULL;
	if (get_context(ctx, cmd, resp)) {
		verbs_uninit_context(&ctx->base);
		free(ctx);
		return NULL;
	}
	ctx->caps = resp.caps;
	/* Without randomness the keys still differ from one to the next. */
	(void)!getrandom(&seed, sizeof(seed), GRND_NONBLOCK);
	atomic_init(&ctx->stag_seed, seed);
	verbs_set_ops(&ctx->base, &ops);
	verbs_set_ops(&ctx->base, &siw_cq_ops);
	verbs_set_ops(&ctx->base, &siw_srq_ops);
	verbs_set_ops(&ctx->base, &siw_qp_ops);
	return &ctx->base;
}

/* --- the driver -------------------------------------------------------- */

static struct verbs_device *alloc_device(struct verbs_sysfs_dev *sysfs_dev)
{
	return calloc(1, sizeof(struct verbs_device));
}

static void uninit_device(struct verbs_device *dev)
{
	free(dev);
}

static const struct verbs_match_ent match_table[] = {
	VERBS_DRIVER_ID(RDMA_DRIVER_SIW),
	{},
};

static const struct verbs_device_ops siw_dev_ops = {
	.name = "siw",
	.match_min_abi_version = SIW_ABI_VERSION,
	.match_max_abi_version = SIW_ABI_VERSION,
	.match_table = match_table,
	.alloc_device = alloc_device,
	.uninit_device = uninit_device,
	.alloc_context = alloc_context,
};

static __attribute__((constructor)) void register_siw(void)
{
	verbs_register_driver(&siw_dev_ops);
}
