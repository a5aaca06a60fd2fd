/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* For cppcheck: the kernel's loops. */
#define list_for_each_entry(p, head, m) \
	for (p = list_first(head); p; p = list_next(p))
#define list_for_each_entry_safe(p, n, head, m) \
	for (p = list_first(head), n = list_next(p); p; p = n, n = list_next(p))
#define xa_for_each(xa, i, p) \
	for (i = 0, p = xa_find(xa, &i); p; p = xa_find_after(xa, &i))
