/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef SIW_COMPAT_LINUX_WORKQUEUE_H
#define SIW_COMPAT_LINUX_WORKQUEUE_H

#include_next <linux/workqueue.h>

/* Work queues were per CPU by default until they had to say so. */
#ifndef SIW_HAVE_WQ_PERCPU
#define WQ_PERCPU	0
#endif

#endif
