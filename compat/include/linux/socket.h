/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef SIW_COMPAT_LINUX_SOCKET_H
#define SIW_COMPAT_LINUX_SOCKET_H

#include_next <linux/socket.h>

/* The type of address arguments of in-kernel socket calls. */
#ifndef SIW_HAVE_SOCKADDR_UNSIZED
#define sockaddr_unsized	sockaddr
#endif

#endif
