// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Verbs of memory regions: pin user pages, build page lists of kernel clients.
 */
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <rdma/uverbs_ioctl.h>

#include "verbs.h"
#include "mem.h"

/* What cannot be promised is refused; bits without a meaning here are not. */
#define ACCESS_REFUSED	(IB_ACCESS_ON_DEMAND | IB_ZERO_BASED)

static struct siw_mr *mr_new(struct ib_pd *pd, enum siw_mem_kind kind)
{
	struct siw_mr *mr = kzalloc(sizeof(*mr), GFP_KERNEL);

	if (!mr)
		return ERR_PTR(-ENOMEM);
	mr->mem = siw_mem_new(to_siw_dev(pd->device), kind, pd);
	if (IS_ERR(mr->mem)) {
		int rv = PTR_ERR(mr->mem);

		kfree(mr);
		return ERR_PTR(rv);
	}
	return mr;
}

static int mr_publish(struct siw_mr *mr, u8 key)
{
	int rv = siw_mem_publish(mr->mem, key);

	mr->base.lkey = mr->mem->stag;
	mr->base.rkey = mr->mem->stag;
	return rv;
}

static struct ib_mr *mr_fail(struct siw_mr *mr, int rv)
{
	siw_mem_destroy(mr->mem);
	kfree(mr);
	return ERR_PTR(rv);
}

/**
 * siw_get_dma_mr() - verb: all of kernel memory
 * @pd: of a kernel client
 * @access: IB_ACCESS_*; no remote ones, a peer must not have it all
 *
 * Context: process.
 * Return: MR or ERR_PTR.
 */
struct ib_mr *siw_get_dma_mr(struct ib_pd *pd, int access)
{
	struct siw_mr *mr;
	int rv;

	if (access & SIW_R_REMOTE)
		return ERR_PTR(-EOPNOTSUPP);
	mr = mr_new(pd, SIW_MEM_DMA);
	if (IS_ERR(mr))
		return ERR_CAST(mr);
	mr->mem->len = U64_MAX;
	mr->mem->rights = access & SIW_R_MASK;
	mr->mem->valid = true;
	rv = mr_publish(mr, get_random_u32());
	return rv ? mr_fail(mr, rv) : &mr->base;
}

/* the pages that back a umem, in order */
static int umem_pages(struct siw_mem *mem)
{
	struct sg_page_iter iter;
	u32 i = 0;

	mem->page_cnt = ib_umem_num_pages(mem->umem);
	mem->page_off = ib_umem_offset(mem->umem);
	mem->pages = kvmalloc_array(mem->page_cnt, sizeof(*mem->pages),
				    GFP_KERNEL);
	if (!mem->pages)
		return -ENOMEM;
	for_each_sgtable_page(&mem->umem->sgt_append.sgt, &iter, 0) {
		if (WARN_ON_ONCE(i >= mem->page_cnt))
			return -EINVAL;
		mem->pages[i++] = sg_page_iter_page(&iter);
	}
	return i == mem->page_cnt ? 0 : -EINVAL;
}

static int mr_pin(struct siw_mr *mr, u64 start, u64 len, u64 iova, int access)
{
	struct siw_mem *mem = mr->mem;
	struct ib_umem *umem;
	int rv;

	umem = ib_umem_get_va(&mem->sdev->base, start, len, access);
	if (IS_ERR(umem))
		return PTR_ERR(umem);
	mem->umem = umem;
	rv = umem_pages(mem);
	if (rv)
		return rv;
	mem->base = iova;
	mem->len = len;
	mem->rights = access & SIW_R_MASK;
	mem->valid = true;
	return 0;
}

/**
 * siw_reg_user_mr() - verb
 * @pd: protection domain
 * @start: user address of the first octet
 * @len: octets
 * @iova: what work requests and peers call the first octet
 * @access: IB_ACCESS_*
 * @dmah: must be NULL (newer kernels)
 * @udata: stag_key: low 8 bits of the STag, the user's choice
 *
 * Context: process, sleeps.
 * Return: MR or ERR_PTR.
 */
struct ib_mr *siw_reg_user_mr(struct ib_pd *pd, u64 start, u64 len, u64 iova,
			      int access,
#ifdef SIW_HAVE_MR_DMAH		/* COMPAT_INLINE */
			      struct ib_dmah *dmah,
#endif
			      struct ib_udata *udata)
{
	struct siw_uresp_reg_mr uresp = {};
	struct siw_ureq_reg_mr ureq;
	struct siw_mr *mr;
	int rv;

#ifdef SIW_HAVE_MR_DMAH		/* COMPAT_INLINE */
	if (dmah)
		return ERR_PTR(-EOPNOTSUPP);
#endif
	if (access & ACCESS_REFUSED)
		return ERR_PTR(-EOPNOTSUPP);
	if (udata->inlen < sizeof(ureq) || udata->outlen < sizeof(uresp) ||
	    iova > U64_MAX - len)
		return ERR_PTR(-EINVAL);
	rv = ib_copy_from_udata(&ureq, udata, sizeof(ureq));
	if (rv)
		return ERR_PTR(rv);

	mr = mr_new(pd, SIW_MEM_UMEM);
	if (IS_ERR(mr))
		return ERR_CAST(mr);
	rv = mr_pin(mr, start, len, iova, access);
	if (!rv)
		rv = mr_publish(mr, ureq.stag_key);
	if (!rv) {
		uresp.stag = mr->mem->stag;
		rv = ib_copy_to_udata(udata, &uresp, sizeof(uresp));
	}
	return rv ? mr_fail(mr, rv) : &mr->base;
}

/**
 * siw_alloc_mr() - verb: room for a fast registration
 * @pd: of a kernel client
 * @type: IB_MR_TYPE_MEM_REG
 * @max_sg: pages, at most SIW_MAX_FRMR_PAGES
 *
 * Its STag is invalid until a REG_MR work request.
 *
 * Context: process.
 * Return: MR or ERR_PTR.
 */
struct ib_mr *siw_alloc_mr(struct ib_pd *pd, enum ib_mr_type type, u32 max_sg)
{
	struct siw_pbl *pbl;
	struct siw_mr *mr;
	int rv;

	if (type != IB_MR_TYPE_MEM_REG)
		return ERR_PTR(-EOPNOTSUPP);
	if (!max_sg || max_sg > SIW_MAX_FRMR_PAGES)
		return ERR_PTR(-EINVAL);
	mr = mr_new(pd, SIW_MEM_PBL);
	if (IS_ERR(mr))
		return ERR_CAST(mr);
	pbl = kvzalloc(struct_size(pbl, e, max_sg), GFP_KERNEL);
	if (!pbl)
		return mr_fail(mr, -ENOMEM);
	pbl->max = max_sg;
	mr->mem->pbl = pbl;
	rv = mr_publish(mr, get_random_u32());
	return rv ? mr_fail(mr, rv) : &mr->base;
}

/* One page of the MR; joined with the one before if they are neighbours. */
static int set_page(struct ib_mr *base, u64 addr)
{
	struct siw_pbl *pbl = to_siw_mr(base)->mem->pbl;
	struct siw_pble *last = pbl->cnt ? &pbl->e[pbl->cnt - 1] : NULL;

	if (last && last->addr + last->len == addr &&
	    last->len <= U32_MAX - base->page_size) {
		last->len += base->page_size;
		return 0;
	}
	if (pbl->cnt >= pbl->max)
		return -ENOMEM;
	pbl->e[pbl->cnt++] = (struct siw_pble){
		.addr = addr,
		.len = base->page_size,
		.off = last ? last->off + last->len : 0,
	};
	return 0;
}

/**
 * siw_map_mr_sg() - verb: say which memory the next REG_MR is for
 * @base: MR of siw_alloc_mr(), not registered now
 * @sg: mapped scatter/gather list
 * @nents: its entries
 * @offset: octets to skip of the first, or NULL; updated
 *
 * Context: any; caller serialises.
 * Return: number of entries that went in, or -errno.
 */
int siw_map_mr_sg(struct ib_mr *base, struct scatterlist *sg, int nents,
		  unsigned int *offset)
{
	struct siw_mem *mem = to_siw_mr(base)->mem;
	int n;

	if (mem->kind != SIW_MEM_PBL)
		return -EINVAL;
	mem->pbl->cnt = 0;
	n = ib_sg_to_pages(base, sg, nents, offset, set_page);
	/* elements begin at page borders, the MR may begin inside the first */
	mem->page_off = base->iova & (base->page_size - 1);
	return n;
}

/**
 * siw_dereg_mr() - verb
 * @base: MR
 * @udata: unused
 *
 * Context: process, sleeps.
 * Return: 0.
 */
int siw_dereg_mr(struct ib_mr *base, struct ib_udata *udata)
{
	struct siw_mr *mr = to_siw_mr(base);

	siw_mem_destroy(mr->mem);
	kfree(mr);
	return 0;
}
