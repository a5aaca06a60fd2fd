// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Module siw: software iWARP. Its parameters, beginning and end.
 */
#include <linux/module.h>
#include <rdma/rdma_netlink.h>

#include "siw.h"

MODULE_DESCRIPTION("Software iWARP: RDMA over TCP");
MODULE_LICENSE("Dual BSD/GPL");
MODULE_ALIAS_RDMA_LINK("siw");

/* How it was built, for modinfo */
#ifdef DPRINT_MASK
MODULE_INFO(dprint_mask, __stringify(DPRINT_MASK));
#endif
#ifdef SIW_TX_FULLSEGS
MODULE_INFO(tx_fullsegs, "1");
#endif
#ifdef CHECK_DMA_CAPABILITIES
MODULE_INFO(check_dma_capabilities, "1");
#endif

static bool mpa_crc_required;
module_param(mpa_crc_required, bool, 0644);
MODULE_PARM_DESC(mpa_crc_required, "Ask every peer for CRCs");

static bool mpa_crc_strict = true;
module_param(mpa_crc_strict, bool, 0644);
MODULE_PARM_DESC(mpa_crc_strict,
		 "Refuse a connection whose ends disagree about CRCs");

static bool tcp_nodelay = true;
module_param(tcp_nodelay, bool, 0644);
MODULE_PARM_DESC(tcp_nodelay, "Send small messages at once");

static bool peer_to_peer = true;
module_param(peer_to_peer, bool, 0644);
MODULE_PARM_DESC(peer_to_peer,
		 "Let either side send first, when the peer can do it");

static uint mpa_rev = 2;
module_param(mpa_rev, uint, 0644);
MODULE_PARM_DESC(mpa_rev, "MPA revision to ask for, 1 or 2");

static uint zcopy_tx = SIW_ZCOPY_UNSIGNALLED;
module_param(zcopy_tx, uint, 0644);
MODULE_PARM_DESC(zcopy_tx,
		 "Let TCP send from registered memory: 0 never, 1 what no completion waits for, 2 all");

static uint rtr_mask = SIW_MPA_RTR_ALL;
module_param(rtr_mask, uint, 0644);
MODULE_PARM_DESC(rtr_mask,
		 "Ready-to-receive messages: 1 send, 2 write, 4 read, or a sum");

struct workqueue_struct *siw_tx_wq;
struct workqueue_struct *siw_wq;
struct workqueue_struct *siw_cm_wq;
struct workqueue_struct *siw_cq_wq;

/**
 * siw_default_zcopy() - what zcopy_tx says now
 *
 * Context: any.
 * Return: enum siw_zcopy.
 */
u32 siw_default_zcopy(void)
{
	return min_t(u32, READ_ONCE(zcopy_tx), SIW_ZCOPY_NUM - 1);
}

/**
 * siw_policy_defaults() - what the module parameters say now
 * @p: result
 *
 * Context: any.
 */
void siw_policy_defaults(struct siw_policy *p)
{
	*p = (struct siw_policy){
		.crc_required = READ_ONCE(mpa_crc_required),
		.crc_strict = READ_ONCE(mpa_crc_strict),
		.tcp_nodelay = READ_ONCE(tcp_nodelay),
		.peer_to_peer = READ_ONCE(peer_to_peer),
		.mpa_rev = READ_ONCE(mpa_rev) == 1 ? 1 : 2,
		.rtr_mask = READ_ONCE(rtr_mask) & SIW_MPA_RTR_ALL,
		.fpdu_segments = 1,
		.keepalive = 60,
		.zcopy_tx = siw_default_zcopy(),
	};
	if (!p->rtr_mask)
		p->peer_to_peer = false;
}

static void free_queues(void)
{
	if (siw_cq_wq)
		destroy_workqueue(siw_cq_wq);
	if (siw_tx_wq)
		destroy_workqueue(siw_tx_wq);
	if (siw_cm_wq)
		destroy_workqueue(siw_cm_wq);
	if (siw_wq)
		destroy_workqueue(siw_wq);
}

static int alloc_queues(void)
{
	siw_wq = alloc_workqueue("siw", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	siw_cm_wq = alloc_ordered_workqueue("siw_cm", WQ_MEM_RECLAIM);
	siw_tx_wq = alloc_workqueue("siw_tx", WQ_PERCPU | WQ_MEM_RECLAIM, 0);
	siw_cq_wq = alloc_workqueue("siw_cq", WQ_PERCPU | WQ_MEM_RECLAIM |
				    WQ_HIGHPRI, 0);
	if (siw_wq && siw_cm_wq && siw_tx_wq && siw_cq_wq)
		return 0;
	free_queues();
	return -ENOMEM;
}

static int __init siw_init(void)
{
	int rv;

	rv = alloc_queues();
	if (rv)
		return rv;
	rv = siw_cm_init();
	if (rv)
		goto err_queues;
	rv = siw_debugfs_init();
	if (rv)
		goto err_cm;
	rv = siw_attach_init();
	if (rv)
		goto err_debugfs;
	return 0;

err_debugfs:
	siw_debugfs_exit();
err_cm:
	siw_cm_exit();
err_queues:
	free_queues();
	return rv;
}

/* Devices first: their last references need all the rest. */
static void __exit siw_exit(void)
{
	siw_attach_exit();
	ib_unregister_driver(RDMA_DRIVER_SIW);
	siw_debugfs_exit();
	siw_cm_exit();
	free_queues();
	rcu_barrier();
}

module_init(siw_init);
module_exit(siw_exit);
