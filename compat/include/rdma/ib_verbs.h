/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef SIW_COMPAT_RDMA_IB_VERBS_H
#define SIW_COMPAT_RDMA_IB_VERBS_H

#include_next <rdma/ib_verbs.h>

/* Devices were always made in the first network namespace. */
#ifndef SIW_HAVE_ALLOC_DEVICE_WITH_NET
#define ib_alloc_device_with_net(drv_struct, member, net) \
	((void)(net), ib_alloc_device(drv_struct, member))
#endif

#ifndef SIW_HAVE_NAME_ASSIGNED
#define ib_mark_name_assigned_by_user(dev)	do { } while (0)
#endif

#endif
