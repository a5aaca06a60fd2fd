/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Differences between kernels that no header of the same name can hide. The
 * functions here do nothing where the kernel does the thing itself.
 */
#ifndef SIW_COMPAT_H
#define SIW_COMPAT_H

#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/version.h>
#include <rdma/ib_cache.h>
#include <rdma/ib_verbs.h>
#include <rdma/uverbs_ioctl.h>

/* struct siw_cq_arg: last argument of ib_device_ops.create_cq */
#ifdef SIW_HAVE_CQ_ATTRS
#define siw_cq_arg uverbs_attr_bundle
static inline struct ib_udata *siw_cq_udata(struct uverbs_attr_bundle *arg)
{
	return arg ? &arg->driver_udata : NULL;
}
#else
#define siw_cq_arg ib_udata
static inline struct ib_udata *siw_cq_udata(struct ib_udata *arg)
{
	return arg;
}
#endif

/* tracepoints: the source is named where the field is declared, too */
#ifdef SIW_HAVE_ASSIGN_STR_DST
#define siw_assign_str(dst, src)	__assign_str(dst)
#else
#define siw_assign_str(dst, src)	__assign_str(dst, src)
#endif

/* Tell clients that the port went up or down, each once. */
static inline void siw_compat_port_event(struct ib_device *ibdev,
					 struct net_device *netdev)
{
#ifdef SIW_HAVE_CORE_PORT_EVENTS
	/* ib_core does it, but for bonds */
	ib_dispatch_port_state_event(ibdev, netdev);
#else
	bool up = netif_running(netdev) && netif_carrier_ok(netdev);
	enum ib_port_state old;
	struct ib_event ev = {
		.device = ibdev,
		.element.port_num = 1,
		.event = up ? IB_EVENT_PORT_ACTIVE : IB_EVENT_PORT_ERR,
	};

	if (ib_get_cached_port_state(ibdev, 1, &old) ||
	    (old == IB_PORT_ACTIVE) != up)
		ib_dispatch_event(&ev);
#endif
}

/*
 * Until 6.6 rdma_cm found an iWARP device only by a GID that equals the first
 * 16 octets of the netdev's address buffer, and took no notice of a zero one.
 * So devices without a link-layer address (loopback, tunnels) were never found.
 * For these the octets behind the address, which nothing else looks at, are
 * given a mark.
 */
#define SIW_ADDR_MARK	(MAX_ADDR_LEN / 2 - sizeof(u64))

static inline bool siw_compat_addr_unset(const struct net_device *netdev)
{
	return netdev->addr_len <= SIW_ADDR_MARK &&
	       !memchr_inv(netdev->dev_addr, 0, SIW_ADDR_MARK);
}

static inline void siw_compat_mark_addr(struct net_device *netdev, u64 mark)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	__be64 raw = cpu_to_be64(mark);

	rtnl_lock();
	if (siw_compat_addr_unset(netdev))
		dev_addr_mod(netdev, SIW_ADDR_MARK, (const u8 *)&raw,
			     sizeof(raw));
	rtnl_unlock();
#endif
}

#endif
