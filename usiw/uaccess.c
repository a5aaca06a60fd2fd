// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Answers go where the program says; the kernel would notice if that is no
 * memory, so this asks the kernel to copy. Where that call is forbidden (some
 * containers) a wrong address is the program's end.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "front.h"

/**
 * usiw_put_user() - copy to an address that a program named
 * @to: the address
 * @from: what
 * @len: octets
 *
 * Return: 0 or -EFAULT.
 */
int usiw_put_user(u64 to, const void *from, size_t len)
{
	struct iovec remote = { (void *)(uintptr_t)to, len };
	struct iovec local = { (void *)(uintptr_t)from, len };
	ssize_t rv;

	rv = process_vm_writev(usiw_owner_pid(), &local, 1, &remote, 1, 0);
	if (rv == (ssize_t)len)
		return 0;
	if (rv >= 0 || errno == EFAULT)
		return -EFAULT;
	memcpy((void *)(uintptr_t)to, from, len);
	return 0;
}
