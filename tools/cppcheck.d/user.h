/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* For cppcheck: lists of <sys/queue.h>, also without a name. */
#define LIST_HEAD(name, type) struct name { struct type *lh_first; }
#define LIST_ENTRY(type) \
	struct { struct type *le_next; struct type **le_prev; }
#define LIST_FOREACH(p, head, m) \
	for (p = (head)->lh_first; p; p = p->m.le_next)
