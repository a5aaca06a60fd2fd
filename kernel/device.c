// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The RDMA device on top of a netdev: how it comes and goes, and the table of
 * its verbs.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/jhash.h>
#include <linux/rtnetlink.h>
#include <rdma/ib_cache.h>

#include "verbs.h"
#include "debug.h"
#include "../compat/compat.h"

/* first half of the GUID of a netdev without an address: local, "siw" */
#define GUID_NO_ADDR	0x0273697700000000ULL
/* of an EUI-64 made of an EUI-48; with two devices on one address it differs */
#define GUID_MIDDLE	24

/* --- reference counts for iw_cm ------------------------------------------- */

static void iw_add_ref(struct ib_qp *base)
{
	siw_qp_get(to_siw_qp(base));
}

static void iw_rem_ref(struct ib_qp *base)
{
	siw_qp_put(to_siw_qp(base));
}

/* iw_cm takes its own reference afterwards */
static struct ib_qp *iw_get_qp(struct ib_device *base, int qpn)
{
	struct siw_qp *qp = siw_qp_find(to_siw_dev(base), qpn);

	if (!qp)
		return NULL;
	siw_qp_put(qp);
	return &qp->base;
}

/**
 * siw_device_qp_error() - a CQ lost completions: its QPs end
 * @sdev: device
 * @cq: completion queue
 *
 * Context: process.
 */
void siw_device_qp_error(struct siw_device *sdev, const struct siw_cq *cq)
{
	struct siw_qp *qp;
	unsigned long qpn;

	xa_for_each(&sdev->qps, qpn, qp) {
		qp = siw_qp_find(sdev, qpn);
		if (!qp)
			continue;
		if (qp->scq == cq || qp->rcq == cq)
			siw_qp_event(qp, SIW_QP_EV_MOD_ERR);
		siw_qp_put(qp);
	}
}

/* --- the end -------------------------------------------------------------- */

/* Called when ib_core is through with the device, or when it never began. */
static void dealloc_driver(struct ib_device *base)
{
	struct siw_device *sdev = to_siw_dev(base);

	siw_dbg(sdev, DBG_DM, "the device goes\n");
	siw_cm_device_gone(sdev);
	siw_mem_device_exit(sdev);
	WARN_ON(!xa_empty(&sdev->qps));
	xa_destroy(&sdev->qps);
	free_percpu(sdev->stats);
	netdev_put(sdev->netdev, &sdev->netdev_ref);
}

static const struct ib_device_ops device_ops = {
	.owner = THIS_MODULE,
	.driver_id = RDMA_DRIVER_SIW,
	.uverbs_abi_ver = SIW_ABI_VERSION,

	.alloc_hw_port_stats = siw_alloc_hw_stats,
	.alloc_mr = siw_alloc_mr,
	.alloc_pd = siw_alloc_pd,
	.alloc_ucontext = siw_alloc_ucontext,
	.create_cq = siw_create_cq,
	.create_qp = siw_create_qp,
	.create_srq = siw_create_srq,
	.dealloc_driver = dealloc_driver,
	.dealloc_pd = siw_dealloc_pd,
	.dealloc_ucontext = siw_dealloc_ucontext,
	.dereg_mr = siw_dereg_mr,
	.destroy_cq = siw_destroy_cq,
	.destroy_qp = siw_destroy_qp,
	.destroy_srq = siw_destroy_srq,
	.device_group = &siw_settings_group,
	.disassociate_ucontext = siw_disassociate_ucontext,
	.fill_res_cq_entry = siw_fill_res_cq,
	.fill_res_mr_entry = siw_fill_res_mr,
	.fill_res_qp_entry = siw_fill_res_qp,
	.get_dev_fw_str = siw_get_dev_fw_str,
	.get_dma_mr = siw_get_dma_mr,
	.get_hw_stats = siw_get_hw_stats,
	.get_port_immutable = siw_get_port_immutable,
	.iw_accept = siw_accept,
	.iw_add_ref = iw_add_ref,
	.iw_connect = siw_connect,
	.iw_create_listen = siw_create_listen,
	.iw_destroy_listen = siw_destroy_listen,
	.iw_get_qp = iw_get_qp,
	.iw_reject = siw_reject,
	.iw_rem_ref = iw_rem_ref,
	.map_mr_sg = siw_map_mr_sg,
	.mmap = siw_user_mmap,
	.mmap_free = siw_user_mmap_free,
	.modify_qp = siw_modify_qp,
	.modify_srq = siw_modify_srq,
	.poll_cq = siw_poll_cq,
	.post_recv = siw_post_recv,
	.post_send = siw_post_send,
	.post_srq_recv = siw_post_srq_recv,
	.query_device = siw_query_device,
	.query_gid = siw_query_gid,
	.query_pkey = siw_query_pkey,
	.query_port = siw_query_port,
	.query_qp = siw_query_qp,
	.query_srq = siw_query_srq,
	.reg_user_mr = siw_reg_user_mr,
	.req_notify_cq = siw_req_notify_cq,

	INIT_RDMA_OBJ_SIZE(ib_cq, siw_cq, base),
	INIT_RDMA_OBJ_SIZE(ib_pd, siw_pd, base),
	INIT_RDMA_OBJ_SIZE(ib_qp, siw_qp, base),
	INIT_RDMA_OBJ_SIZE(ib_srq, siw_srq, base),
	INIT_RDMA_OBJ_SIZE(ib_ucontext, siw_ucontext, base),
};

/* --- the beginning -------------------------------------------------------- */

/* A VLAN has the address of its parent: tell them apart as RFC 4291 does not. */
static u64 guid_from_eui48(const struct net_device *netdev)
{
	const u8 *a = netdev->dev_addr;
	u16 middle = is_vlan_dev(netdev) ? vlan_dev_vlan_id(netdev) : 0xfffe;

	return (u64)(a[0] ^ 2) << 56 | (u64)a[1] << 48 | (u64)a[2] << 40 |
	       (u64)middle << GUID_MIDDLE | a[3] << 16 | a[4] << 8 | a[5];
}

static u64 guid_of(const struct net_device *netdev)
{
	if (netdev->addr_len == ETH_ALEN && !is_zero_ether_addr(netdev->dev_addr))
		return guid_from_eui48(netdev);
	return GUID_NO_ADDR | jhash(netdev->name, strlen(netdev->name), 0);
}

/*
 * Data moves by the CPU, so any netdev will do. Built with
 * -DCHECK_DMA_CAPABILITIES, only hardware that reaches memory by itself gets a
 * device, and the loopback.
 */
#ifdef CHECK_DMA_CAPABILITIES
static bool can_dma(const struct net_device *netdev)
{
	const struct device *parent = netdev->dev.parent;

	return (netdev->flags & IFF_LOOPBACK) ||
	       (parent && parent->dma_mask && *parent->dma_mask);
}
#else
static bool can_dma(const struct net_device *netdev)
{
	return true;
}
#endif

/**
 * siw_device_fits() - can a netdev have an RDMA device of ours?
 * @netdev: any
 *
 * It must be of a kind that IP runs over and that rdma_cm can tell from
 * InfiniBand.
 *
 * Context: any.
 */
bool siw_device_fits(const struct net_device *netdev)
{
	switch (netdev->type) {
	case ARPHRD_ETHER:
	case ARPHRD_IEEE802:
	case ARPHRD_LOOPBACK:
	case ARPHRD_NONE:
	case ARPHRD_PPP:
	case ARPHRD_RAWIP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return can_dma(netdev);
	default:
		return false;
	}
}

static int init_own(struct siw_device *sdev, struct net_device *netdev)
{
	int rv;

	sdev->stats = alloc_percpu(struct siw_stats);
	if (!sdev->stats)
		return -ENOMEM;
	rv = siw_mem_device_init(sdev);
	if (rv) {
		free_percpu(sdev->stats);
		return rv;
	}
	xa_init_flags(&sdev->qps, XA_FLAGS_ALLOC1);
	INIT_LIST_HEAD(&sdev->ceps);
	spin_lock_init(&sdev->ceps_lock);
	spin_lock_init(&sdev->policy_lock);
	init_waitqueue_head(&sdev->ceps_gone);
	netdev_hold(netdev, &sdev->netdev_ref, GFP_KERNEL);
	sdev->netdev = netdev;
	sdev->vendor_part_id = netdev->ifindex;
	sdev->guid = guid_of(netdev);
	return 0;
}

static void init_base(struct siw_device *sdev)
{
	struct ib_device *base = &sdev->base;

	ib_set_device_ops(base, &device_ops);
	base->node_type = RDMA_NODE_RNIC;
	base->phys_port_cnt = 1;
	base->num_comp_vectors = num_possible_cpus();
	base->node_guid = cpu_to_be64(sdev->guid);
	base->local_dma_lkey = 0;
	base->uverbs_cmd_mask |= BIT_ULL(IB_USER_VERBS_CMD_POST_SEND);
	base->iw_driver_flags = IW_F_NO_PORT_MAP;
	strscpy(base->iw_ifname, sdev->netdev->name, sizeof(base->iw_ifname));
	strscpy(base->node_desc, SIW_NODE_DESC_COMMON,
		sizeof(base->node_desc));
}

/*
 * From registration on the netdev's notifier finds the device. If the netdev
 * went before, nobody told us. The device may be gone again, by other hands.
 */
static int check_netdev(struct net_device *netdev)
{
	struct ib_device *base;
	bool gone;

	rtnl_lock();
	gone = netdev->reg_state != NETREG_REGISTERED;
	rtnl_unlock();
	if (!gone)
		return 0;
	base = ib_device_get_by_netdev(netdev, RDMA_DRIVER_SIW);
	if (base)
		ib_unregister_device_and_put(base);
	return -ENODEV;
}

/**
 * siw_device_new() - put an RDMA device on a netdev
 * @name: its name
 * @netdev: netdev without one of our devices; the caller serialises
 * @automatic: nobody asked for it: one that somebody asks for may replace it
 *
 * Context: process, sleeps, without the RTNL.
 * Return: 0 or -errno.
 */
int siw_device_new(const char *name, struct net_device *netdev, bool automatic)
{
	struct siw_device *sdev;
	int rv;

	if (!siw_device_fits(netdev))
		return -EOPNOTSUPP;
	sdev = ib_alloc_device_with_net(siw_device, base, dev_net(netdev));
	if (!sdev)
		return -ENOMEM;
	rv = init_own(sdev, netdev);
	if (rv)
		goto err;
	sdev->automatic = automatic;
	siw_compat_mark_addr(netdev, sdev->guid);
	init_base(sdev);	/* from here on dealloc_driver() undoes */
	rv = ib_device_set_netdev(&sdev->base, netdev, 1);
	if (rv)
		goto err;
	ib_mark_name_assigned_by_user(&sdev->base);
	siw_dbg(sdev, DBG_DM, "device %s on %s\n", name, netdev_name(netdev));
	rv = ib_register_device(&sdev->base, name, NULL);
	if (rv)
		goto err;
	return check_netdev(netdev);
err:
	ib_dealloc_device(&sdev->base);
	return rv;
}

/**
 * siw_device_used() - does anybody use the device?
 * @sdev: device, referenced
 *
 * Listeners on all devices do not count: they move on to another one.
 *
 * Context: any.
 */
bool siw_device_used(struct siw_device *sdev)
{
	return atomic_read(&sdev->objs[SIW_OBJ_CTX]) || !xa_empty(&sdev->qps);
}

static void gid_changed(struct siw_device *sdev)
{
	struct ib_event ev = {
		.device = &sdev->base,
		.element.port_num = 1,
		.event = IB_EVENT_GID_CHANGE,
	};

	ib_dispatch_event(&ev);
}

/**
 * siw_device_netdev_event() - something happened to the netdev
 * @sdev: device, referenced
 * @event: NETDEV_*
 *
 * Context: process, under the RTNL.
 */
void siw_device_netdev_event(struct siw_device *sdev, unsigned long event)
{
	switch (event) {
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_CHANGE:
		siw_compat_port_event(&sdev->base, sdev->netdev);
		break;
	case NETDEV_CHANGEADDR:
		gid_changed(sdev);
		break;
	case NETDEV_CHANGENAME:
		strscpy(sdev->base.iw_ifname, sdev->netdev->name,
			sizeof(sdev->base.iw_ifname));
		break;
	case NETDEV_UNREGISTER:
		WRITE_ONCE(sdev->going, true);
		siw_cm_device_going(sdev);
		ib_unregister_device_queued(&sdev->base);
		break;
	}
}
