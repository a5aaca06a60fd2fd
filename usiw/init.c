// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Start of the library in a process.
 */
#include <dlfcn.h>
#include <unistd.h>

#include "front.h"
#include "preload.h"

struct usiw_libc usiw_libc_;
pid_t usiw_owner;

/*
 * Older C libraries lack some of them (closefrom: glibc 2.34); then no program
 * calls them either.
 */
#define NEXT(name, symbol) \
	(*(void **)&usiw_libc_.name = dlsym(RTLD_NEXT, symbol))

void usiw_libc_init(void)
{
	NEXT(open, "open");
	NEXT(openat, "openat");
	NEXT(read, "read");
	NEXT(write, "write");
	NEXT(ioctl, "ioctl");
	NEXT(close, "close");
	NEXT(close_range, "close_range");
	NEXT(closefrom, "closefrom");
	NEXT(dup, "dup");
	NEXT(dup2, "dup2");
	NEXT(dup3, "dup3");
	NEXT(fcntl, "fcntl");
	NEXT(fstat, "fstat");
	NEXT(stat, "stat");
	NEXT(lstat, "lstat");
	NEXT(fstatat, "fstatat");
	NEXT(access, "access");
	NEXT(faccessat, "faccessat");
	NEXT(socket, "socket");
	NEXT(bind, "bind");
	NEXT(getsockname, "getsockname");
	NEXT(send, "send");
	NEXT(sendto, "sendto");
	NEXT(sendmsg, "sendmsg");
	NEXT(recvfrom, "recvfrom");
	NEXT(recvmsg, "recvmsg");
}

pid_t usiw_owner_pid(void)
{
	return usiw_owner;
}

static void __attribute__((constructor)) init(void)
{
	usiw_libc_init();
	usiw_config_read();
	usiw_owner = getpid();
	usiw_at_unlock = usiw_events_tell;
	usiw_fork_init();
}
