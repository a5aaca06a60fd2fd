/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef SIW_COMPAT_NET_TCP_H
#define SIW_COMPAT_NET_TCP_H

#include_next <net/tcp.h>

#ifdef SIW_HAVE_SENDPAGE
static inline int siw_compat_sendpage(struct sock *sk, struct bio_vec bv,
				      int flags)
{
	u32 done = 0;
	int rv;

	while (done < bv.bv_len) {
		u32 at = bv.bv_offset + done;
		u32 n = min_t(u32, bv.bv_len - done,
			      PAGE_SIZE - offset_in_page(at));
		bool last = done + n == bv.bv_len;

		rv = tcp_sendpage_locked(sk, bv.bv_page + (at >> PAGE_SHIFT),
					 offset_in_page(at), n,
					 last ? flags : flags | MSG_MORE |
						MSG_SENDPAGE_NOTLAST);
		if (rv < 0)
			return done ? done : rv;
		done += rv;
		if (rv < n)
			break;
	}
	return done;
}
#endif

/*
 * tcp_sendmsg_locked() of pages, a bvec iterator, by reference. Socket lock
 * held. 6.1 has MSG_SPLICE_PAGES in its headers, and nothing behind it.
 */
static inline int siw_compat_splice(struct sock *sk, struct msghdr *msg,
				    size_t size)
{
#ifdef SIW_HAVE_SENDPAGE
	const struct bio_vec *bv = msg->msg_iter.bvec;
	size_t done = 0;
	int rv;

	for (; done < size; bv++) {
		bool last = done + bv->bv_len == size;

		rv = siw_compat_sendpage(sk, *bv, last ? msg->msg_flags :
					 msg->msg_flags | MSG_MORE |
					 MSG_SENDPAGE_NOTLAST);
		if (rv < 0)
			return done ? done : rv;
		done += rv;
		if (rv < bv->bv_len)
			break;
	}
	return done;
#else
	msg->msg_flags |= MSG_SPLICE_PAGES;
	return tcp_sendmsg_locked(sk, msg, size);
#endif
}

#endif
