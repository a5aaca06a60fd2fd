// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Verbs of the device, its port, user contexts, protection domains, and the
 * rings that user space maps.
 */
#include <linux/ethtool.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <rdma/uverbs_ioctl.h>

#include "verbs.h"

#define GID_PREFIX	0xfe80000000000000ULL	/* link-local */

/* --- device and port ------------------------------------------------------ */

/**
 * siw_query_device() - verb
 * @base: device
 * @attr: result
 * @udata: must be empty
 *
 * Context: process.
 * Return: 0 or -errno.
 */
int siw_query_device(struct ib_device *base, struct ib_device_attr *attr,
		     struct ib_udata *udata)
{
	struct siw_device *sdev = to_siw_dev(base);

	if (udata && (udata->inlen || udata->outlen))
		return -EINVAL;
	*attr = (struct ib_device_attr){
		.sys_image_guid = cpu_to_be64(sdev->guid),
		.max_mr_size = ~0ULL,
		.page_size_cap = PAGE_SIZE,
		.vendor_id = SIW_VENDOR_ID,
		.vendor_part_id = sdev->vendor_part_id,
		.max_qp = SIW_MAX_QP,
		.max_qp_wr = SIW_MAX_QP_WR,
		.device_cap_flags = IB_DEVICE_MEM_MGT_EXTENSIONS |
				    IB_DEVICE_PORT_ACTIVE_EVENT |
				    IB_DEVICE_CURR_QP_STATE_MOD,
		.kernel_cap_flags = IBK_LOCAL_DMA_LKEY |
				    IBK_ALLOW_USER_UNREG,
		.max_send_sge = SIW_MAX_SGE,
		.max_recv_sge = SIW_MAX_SGE,
		.max_sge_rd = 1,
		.max_cq = SIW_MAX_CQ,
		.max_cqe = SIW_MAX_CQE,
		.max_mr = SIW_MAX_MR,
		.max_pd = SIW_MAX_PD,
		.max_qp_rd_atom = SIW_MAX_RDQ,
		.max_qp_init_rd_atom = SIW_MAX_RDQ,
		.max_res_rd_atom = SIW_MAX_RDQ * SIW_MAX_QP,
		.atomic_cap = IB_ATOMIC_NONE,
		.max_srq = SIW_MAX_SRQ,
		.max_srq_wr = SIW_MAX_SRQ_WR,
		.max_srq_sge = SIW_MAX_SGE,
		.max_fast_reg_page_list_len = SIW_MAX_FRMR_PAGES,
		.max_pkeys = 1,
	};
	return 0;
}

/*
 * ib_get_eth_speed() complains loudly about netdevs that have no speed; they
 * are told to be as fast as a 10 Gb/s link here.
 */
static void port_speed(struct siw_device *sdev, struct ib_port_attr *attr)
{
	const struct ethtool_ops *ops = sdev->netdev->ethtool_ops;

	attr->active_width = IB_WIDTH_1X;
	attr->active_speed = IB_SPEED_FDR10;
	if (ops && ops->get_link_ksettings)
		ib_get_eth_speed(&sdev->base, 1, &attr->active_speed,
				 &attr->active_width);
}

/**
 * siw_query_port() - verb
 * @base: device
 * @port: 1
 * @attr: result
 *
 * Context: process.
 * Return: 0 or -EINVAL.
 */
int siw_query_port(struct ib_device *base, u32 port, struct ib_port_attr *attr)
{
	struct siw_device *sdev = to_siw_dev(base);
	struct net_device *netdev = sdev->netdev;
	bool up = netif_running(netdev) && netif_carrier_ok(netdev);

	if (port != 1)
		return -EINVAL;
	*attr = (struct ib_port_attr){
		.state = up ? IB_PORT_ACTIVE : IB_PORT_DOWN,
		.phys_state = up ? IB_PORT_PHYS_STATE_LINK_UP :
				   IB_PORT_PHYS_STATE_DISABLED,
		.max_mtu = IB_MTU_4096,
		.active_mtu = ib_mtu_int_to_enum(READ_ONCE(netdev->mtu)),
		.phys_mtu = READ_ONCE(netdev->mtu),
		.gid_tbl_len = 2,
		.pkey_tbl_len = 1,
		.port_cap_flags = IB_PORT_CM_SUP | IB_PORT_DEVICE_MGMT_SUP,
		.max_msg_sz = U32_MAX,
		.max_vl_num = 1,
	};
	port_speed(sdev, attr);
	return 0;
}

/**
 * siw_get_port_immutable() - verb
 * @base: device
 * @port: 1
 * @imm: result
 *
 * Context: process.
 * Return: 0.
 */
int siw_get_port_immutable(struct ib_device *base, u32 port,
			   struct ib_port_immutable *imm)
{
	imm->gid_tbl_len = 2;
	imm->pkey_tbl_len = 1;
	imm->core_cap_flags = RDMA_CORE_PORT_IWARP;
	return 0;
}

/**
 * siw_query_gid() - verb
 * @base: device
 * @port: 1
 * @index: 0: made of the GUID, for programs; 1: the netdev's address, by which
 *	older kernels find the device
 * @gid: result
 *
 * Context: process.
 * Return: 0 or -EINVAL.
 */
int siw_query_gid(struct ib_device *base, u32 port, int index,
		  union ib_gid *gid)
{
	struct siw_device *sdev = to_siw_dev(base);

	if (port != 1)
		return -EINVAL;
	switch (index) {
	case 0:
		gid->global.subnet_prefix = cpu_to_be64(GID_PREFIX);
		gid->global.interface_id = cpu_to_be64(sdev->guid);
		return 0;
	case 1:
		memcpy(gid->raw, sdev->netdev->dev_addr, sizeof(gid->raw));
		return 0;
	default:
		return -EINVAL;
	}
}

/**
 * siw_query_pkey() - verb
 * @base: device
 * @port: 1
 * @index: 0
 * @pkey: result
 *
 * Context: process.
 * Return: 0 or -EINVAL.
 */
int siw_query_pkey(struct ib_device *base, u32 port, u16 index, u16 *pkey)
{
	if (port != 1 || index)
		return -EINVAL;
	*pkey = IB_DEFAULT_PKEY_FULL;
	return 0;
}

/**
 * siw_get_dev_fw_str() - what programs show as the firmware version
 * @base: device
 * @str: result, room for IB_FW_VERSION_NAME_MAX octets
 *
 * Context: any.
 */
void siw_get_dev_fw_str(struct ib_device *base, char *str)
{
	snprintf(str, IB_FW_VERSION_NAME_MAX, "siw-%u", SIW_ABI_VERSION);
}

/* --- user contexts and protection domains --------------------------------- */

/**
 * siw_alloc_ucontext() - verb
 * @base: context to set up
 * @udata: user data
 *
 * Context: process.
 * Return: 0 or -errno.
 */
int siw_alloc_ucontext(struct ib_ucontext *base, struct ib_udata *udata)
{
	struct siw_ucontext *ctx = to_siw_ctx(base);
	struct siw_uresp_alloc_ctx uresp = {};
	int rv;

	if (udata->outlen < sizeof(uresp))
		return -EINVAL;
	ctx->sdev = to_siw_dev(base->device);
	uresp.dev_id = ctx->sdev->vendor_part_id;
	rv = ib_copy_to_udata(udata, &uresp, sizeof(uresp));
	if (!rv)
		siw_obj_add(base->device, SIW_OBJ_CTX, 1);
	return rv;
}

/**
 * siw_dealloc_ucontext() - verb
 * @base: context without objects
 *
 * Context: process.
 */
void siw_dealloc_ucontext(struct ib_ucontext *base)
{
	siw_obj_add(base->device, SIW_OBJ_CTX, -1);
}

/**
 * siw_disassociate_ucontext() - the device goes while a program has it open
 * @base: context
 *
 * The core destroys its objects. Rings that the program has mapped stay its
 * memory until it unmaps them: nothing to do.
 *
 * Context: process.
 */
void siw_disassociate_ucontext(struct ib_ucontext *base)
{
}

/**
 * siw_alloc_pd() - verb
 * @base: PD; its address is its identity
 * @udata: unused
 *
 * Context: process.
 * Return: 0.
 */
int siw_alloc_pd(struct ib_pd *base, struct ib_udata *udata)
{
	siw_obj_add(base->device, SIW_OBJ_PD, 1);
	return 0;
}

/**
 * siw_dealloc_pd() - verb
 * @base: PD without objects
 * @udata: unused
 *
 * Context: process.
 * Return: 0.
 */
int siw_dealloc_pd(struct ib_pd *base, struct ib_udata *udata)
{
	siw_obj_add(base->device, SIW_OBJ_PD, -1);
	return 0;
}

/* --- rings that are mapped ------------------------------------------------ */

static struct siw_mmap *to_siw_mmap(struct rdma_user_mmap_entry *entry)
{
	return container_of(entry, struct siw_mmap, base);
}

/**
 * siw_mmap_new() - memory for a ring, which @ctx may map
 * @ctx: user context
 * @size: octets
 * @key: result: offset to give to mmap(2)
 *
 * Context: process.
 * Return: zeroed memory for siw_mmap_del(), or an ERR_PTR.
 */
struct siw_mmap *siw_mmap_new(struct ib_ucontext *ctx, size_t size, u64 *key)
{
	/* The stock provider takes this offset for "no mapping". */
	const u32 first = (SIW_INVAL_UOBJ_KEY >> PAGE_SHIFT) + 1;
	struct siw_mmap *mmap = kzalloc(sizeof(*mmap), GFP_KERNEL);
	int rv = -ENOMEM;

	if (!mmap)
		return ERR_PTR(rv);
	mmap->addr = vmalloc_user(size);
	if (!mmap->addr)
		goto err_free;
	rv = rdma_user_mmap_entry_insert_range(ctx, &mmap->base, size, first,
					       U32_MAX);
	if (rv)
		goto err_vfree;
	*key = rdma_user_mmap_get_offset(&mmap->base);
	return mmap;

err_vfree:
	vfree(mmap->addr);
err_free:
	kfree(mmap);
	return ERR_PTR(rv);
}

/**
 * siw_mmap_del() - no one may map it any more, and the kernel is through
 * @mmap: from siw_mmap_new(), or NULL
 *
 * Context: process.
 */
void siw_mmap_del(struct siw_mmap *mmap)
{
	if (mmap)
		rdma_user_mmap_entry_remove(&mmap->base);
}

/**
 * siw_user_mmap_free() - the last reference to a mapping's entry is gone
 * @entry: entry
 *
 * Pages that are mapped still have references of their own.
 *
 * Context: process.
 */
void siw_user_mmap_free(struct rdma_user_mmap_entry *entry)
{
	struct siw_mmap *mmap = to_siw_mmap(entry);

	vfree(mmap->addr);
	kfree(mmap);
}

/**
 * siw_user_mmap() - mmap(2) on the command file
 * @base: user context
 * @vma: what to fill; its offset is a key from siw_mmap_new(), its length must
 *	be that of the ring in pages, and it must be shared
 *
 * Context: process.
 * Return: 0 or -errno.
 */
int siw_user_mmap(struct ib_ucontext *base, struct vm_area_struct *vma)
{
	struct rdma_user_mmap_entry *entry;
	int rv;

	entry = rdma_user_mmap_entry_get(base, vma);
	if (!entry)
		return -EINVAL;
	rv = remap_vmalloc_range(vma, to_siw_mmap(entry)->addr, 0);
	rdma_user_mmap_entry_put(entry);
	return rv;
}
