/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Making and destroying memory objects: between mem.c and verbs_mr.c. */
#ifndef SIW_KERNEL_MEM_H
#define SIW_KERNEL_MEM_H

#include "siw.h"

struct siw_mem *siw_mem_new(struct siw_device *sdev, enum siw_mem_kind kind,
			    struct ib_pd *pd);
int siw_mem_publish(struct siw_mem *mem, u8 key);
void siw_mem_destroy(struct siw_mem *mem);

#endif
