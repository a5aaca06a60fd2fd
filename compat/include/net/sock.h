/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef SIW_COMPAT_NET_SOCK_H
#define SIW_COMPAT_NET_SOCK_H

#include_next <net/sock.h>

/* Let a socket of the kernel keep its network namespace alive. */
#ifndef SIW_HAVE_NET_REFCNT_UPGRADE
static inline void sk_net_refcnt_upgrade(struct sock *sk)
{
	struct net *net = sock_net(sk);

	sk->sk_net_refcnt = 1;
	get_net_track(net, &sk->ns_tracker, GFP_KERNEL);
	sock_inuse_add(net, 1);
}
#endif

/* A file system below which the socket is used may own the task's fragment. */
static inline void siw_compat_no_task_frag(struct sock *sk)
{
#ifdef SIW_HAVE_USE_TASK_FRAG
	sk->sk_use_task_frag = false;
#endif
}

#endif
