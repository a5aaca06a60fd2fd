/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Debug messages, in classes.
 *
 * As it is built by default, the kernel's dynamic debug turns them on and off
 * while the module runs (dynamic_debug/control), each by itself, or by file.
 * Built with -DDPRINT_MASK=DBG_CM+DBG_QP, say, those of the classes named
 * are always printed, with level KERN_DEBUG, and no code is made of the others;
 * 0 leaves none. That needs no support by the kernel.
 *
 * What a peer can cause without limit belongs here, not into the log.
 */
#ifndef SIW_KERNEL_DEBUG_H
#define SIW_KERNEL_DEBUG_H

#include <linux/bits.h>
#include <rdma/ib_verbs.h>

#define DBG_CM	BIT(0)	/* connections, listeners: what happens to them */
#define DBG_QP	BIT(1)	/* queue pairs: their states */
#define DBG_TX	BIT(2)	/* what is handed to TCP */
#define DBG_RX	BIT(3)	/* messages that have arrived */
#define DBG_MM	BIT(4)	/* memory: STags that come and go */
#define DBG_CQ	BIT(5)	/* completions */
#define DBG_DM	BIT(6)	/* devices that come and go */
#define DBG_ALL	GENMASK(6, 0)

#ifdef DPRINT_MASK
#define siw_dbg(sdev, class, fmt, ...)					\
	do {								\
		if ((DPRINT_MASK) & (class))				\
			_dev_printk(KERN_DEBUG, &(sdev)->base.dev, fmt, \
				     ##__VA_ARGS__);			\
	} while (0)
#else
#define siw_dbg(sdev, class, fmt, ...) \
	ibdev_dbg(&(sdev)->base, fmt, ##__VA_ARGS__)
#endif

#endif
