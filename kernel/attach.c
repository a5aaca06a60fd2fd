// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Which netdevs have an RDMA device: those that `rdma link add` names, and by
 * themselves those that iface_list wants, as they appear.
 *
 * An automatic device is called siw_ and the netdev's name. It gives way to one
 * that `rdma link add` asks for, unless it is used. It is made when its netdev
 * is registered and at no other time, so one that was deleted stays away.
 * Automatic devices are for netdevs of the first network namespace: a machine
 * full of containers should not be full of RDMA devices that nobody asked for.
 *
 * attach_lock makes one device at a time, since a netdev has one at most; it is
 * taken without the RTNL. newcomers_lock is a leaf, taken under the RTNL, too.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <rdma/rdma_netlink.h>

#include "siw.h"

#define AUTO_NAME	"siw_%s"

static bool loopback_enabled = true;
module_param(loopback_enabled, bool, 0444);
MODULE_PARM_DESC(loopback_enabled, "Allow devices on loopback interfaces");

static char *iface_list = "";
module_param(iface_list, charp, 0444);
MODULE_PARM_DESC(iface_list,
		 "Interfaces to attach to, with commas between; default all; or none");

static DEFINE_MUTEX(attach_lock);

/* --- automatic devices -------------------------------------------------- */

/* A netdev that waits to be looked at. */
struct newcomer {
	struct list_head entry;
	struct net_device *netdev;
	netdevice_tracker netdev_ref;
};

static LIST_HEAD(newcomers);
static DEFINE_SPINLOCK(newcomers_lock);
static struct workqueue_struct *attach_wq;

static bool is_listed(const char *name)
{
	const char *p = iface_list;
	size_t n;

	for (;;) {
		n = strcspn(p, ",");
		if (n == strlen(name) && !strncmp(p, name, n))
			return true;
		p += n;
		if (!*p++)
			return false;
	}
}

static bool is_wanted(struct net_device *netdev)
{
	if (!net_eq(dev_net(netdev), &init_net) || !siw_device_fits(netdev))
		return false;
	if ((netdev->flags & IFF_LOOPBACK) && !loopback_enabled)
		return false;
	if (!*iface_list)
		return true;
	return strcmp(iface_list, "none") && is_listed(netdev->name);
}

static void attach(struct net_device *netdev)
{
	char name[IB_DEVICE_NAME_MAX];
	struct ib_device *old;
	int rv;

	lockdep_assert_held(&attach_lock);
	old = ib_device_get_by_netdev(netdev, RDMA_DRIVER_SIW);
	if (old && !READ_ONCE(to_siw_dev(old)->going)) {
		ib_device_put(old);
		return;
	}
	/* of a netdev that has left and come back: wait for its end */
	if (old)
		ib_unregister_device_and_put(old);
	snprintf(name, sizeof(name), AUTO_NAME, netdev->name);
	rv = siw_device_new(name, netdev, true);
	if (rv && rv != -ENODEV)
		netdev_warn(netdev, "no RDMA device %s: error %d\n", name, rv);
}

static void free_newcomer(struct newcomer *n)
{
	netdev_put(n->netdev, &n->netdev_ref);
	kfree(n);
}

static struct newcomer *next_newcomer(void)
{
	struct newcomer *n;

	spin_lock(&newcomers_lock);
	n = list_first_entry_or_null(&newcomers, struct newcomer, entry);
	if (n)
		list_del(&n->entry);
	spin_unlock(&newcomers_lock);
	return n;
}

static void attach_all(struct work_struct *work)
{
	struct newcomer *n;

	while ((n = next_newcomer())) {
		mutex_lock(&attach_lock);
		attach(n->netdev);
		mutex_unlock(&attach_lock);
		free_newcomer(n);
	}
}

static DECLARE_WORK(attach_work, attach_all);

/* RTNL */
static void welcome(struct net_device *netdev)
{
	struct newcomer *n;

	if (!is_wanted(netdev))
		return;
	n = kmalloc(sizeof(*n), GFP_KERNEL);
	if (!n)
		return;
	n->netdev = netdev;
	netdev_hold(netdev, &n->netdev_ref, GFP_KERNEL);
	spin_lock(&newcomers_lock);
	list_add_tail(&n->entry, &newcomers);
	spin_unlock(&newcomers_lock);
	queue_work(attach_wq, &attach_work);
}

/* RTNL. Whoever ends a netdev waits for our reference. */
static void forget(struct net_device *netdev)
{
	struct newcomer *n, *next;
	LIST_HEAD(gone);

	spin_lock(&newcomers_lock);
	list_for_each_entry_safe(n, next, &newcomers, entry)
		if (n->netdev == netdev)
			list_move(&n->entry, &gone);
	spin_unlock(&newcomers_lock);
	list_for_each_entry_safe(n, next, &gone, entry)
		free_newcomer(n);
}

/* --- rdma link add ------------------------------------------------------ */

/*
 * Have the netdev to ourselves. One whose netdev has left, for another network
 * namespace, is on its way out: wait for it.
 */
static int make_way(struct ib_device *old, const char *name)
{
	struct siw_device *sdev = to_siw_dev(old);
	int rv = 0;

	if (!READ_ONCE(sdev->going)) {
		if (!sdev->automatic)
			rv = -EEXIST;
		else if (siw_device_used(sdev))
			rv = -EBUSY;
	}
	if (rv == -EBUSY)
		ibdev_warn(old, "in use: %s cannot take its place on %s\n",
			   name, netdev_name(sdev->netdev));
	if (rv)
		ib_device_put(old);
	else
		ib_unregister_device_and_put(old);
	return rv;
}

static int add(const char *name, struct net_device *netdev)
{
	struct ib_device *old;
	bool was_automatic;
	int rv;

	lockdep_assert_held(&attach_lock);
	old = ib_device_get_by_netdev(netdev, RDMA_DRIVER_SIW);
	if (!old)
		return siw_device_new(name, netdev, false);
	was_automatic = to_siw_dev(old)->automatic;
	rv = make_way(old, name);
	if (rv)
		return rv;
	rv = siw_device_new(name, netdev, false);
	if (rv && was_automatic && is_wanted(netdev))
		attach(netdev);
	return rv;
}

static int newlink(const char *name, struct net_device *netdev)
{
	int rv;

	if ((netdev->flags & IFF_LOOPBACK) && !loopback_enabled)
		return -EPERM;
	mutex_lock(&attach_lock);
	rv = add(name, netdev);
	mutex_unlock(&attach_lock);
	return rv;
}

static struct rdma_link_ops link_ops = {
	.type = "siw",
	.newlink = newlink,
};

/* --- netdevs ------------------------------------------------------------ */

static int netdev_event(struct notifier_block *nb, unsigned long event,
			void *arg)
{
	struct net_device *netdev = netdev_notifier_info_to_dev(arg);
	struct ib_device *base;

	if (event == NETDEV_REGISTER)
		welcome(netdev);
	else if (event == NETDEV_UNREGISTER)
		forget(netdev);
	base = ib_device_get_by_netdev(netdev, RDMA_DRIVER_SIW);
	if (!base)
		return NOTIFY_DONE;
	siw_device_netdev_event(to_siw_dev(base), event);
	ib_device_put(base);
	return NOTIFY_DONE;
}

static struct notifier_block netdev_nb = {
	.notifier_call = netdev_event,
};

/**
 * siw_attach_init() - at module load: devices may be made from now on
 *
 * Context: process.
 * Return: 0 or -errno.
 */
int siw_attach_init(void)
{
	int rv;

	attach_wq = alloc_ordered_workqueue("siw_attach", 0);
	if (!attach_wq)
		return -ENOMEM;
	/* tells us of those that are there already */
	rv = register_netdevice_notifier(&netdev_nb);
	if (rv) {
		destroy_workqueue(attach_wq);
		return rv;
	}
	rdma_link_register(&link_ops);
	return 0;
}

/**
 * siw_attach_exit() - at module unload: no device will be made any more
 *
 * Context: process, sleeps.
 */
void siw_attach_exit(void)
{
	rdma_link_unregister(&link_ops);
	/* as if all netdevs went away */
	unregister_netdevice_notifier(&netdev_nb);
	destroy_workqueue(attach_wq);
}
