/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Shared by the test programs that use verbs.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <infiniband/verbs.h>

#include "need.h"

/* The first device there is. */
static inline struct ibv_context *open_device(void)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *ctx;

	NEED(list && list[0]);
	ctx = ibv_open_device(list[0]);
	NEED(ctx);
	ibv_free_device_list(list);
	return ctx;
}

#endif
