/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef SIW_COMPAT_LINUX_SKBUFF_H
#define SIW_COMPAT_LINUX_SKBUFF_H

#include_next <linux/skbuff.h>

/* There used to be one operation. */
#ifndef SIW_HAVE_UBUF_OPS
struct ubuf_info_ops {
	void (*complete)(struct sk_buff *skb, struct ubuf_info *ubuf, bool ok);
};
#endif

static inline void siw_compat_ubuf_ops(struct ubuf_info *ubuf,
				       const struct ubuf_info_ops *ops)
{
#ifdef SIW_HAVE_UBUF_OPS
	ubuf->ops = ops;
#else
	ubuf->callback = ops->complete;
#endif
}

#endif
