/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* For cppcheck: what <sys/queue.h> makes of a list without a name. */
#define LIST_HEAD(name, type) struct name { struct type *lh_first; }
#define LIST_ENTRY(type) \
	struct { struct type *le_next; struct type **le_prev; }
