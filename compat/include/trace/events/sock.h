/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef SIW_COMPAT_TRACE_EVENTS_SOCK_H
#define SIW_COMPAT_TRACE_EVENTS_SOCK_H

#include_next <trace/events/sock.h>

#ifndef SIW_HAVE_TRACE_DATA_READY
#define trace_sk_data_ready(sk)	do { } while (0)
#endif

#endif
