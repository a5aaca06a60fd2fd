/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The system calls of the back half, as such. The functions of the C library
 * may be replaced: by our own front half, and by librspreload, which would make
 * an rsocket of each of our sockets and come back to us.
 *
 * As there: -1 and errno. None of them is a cancellation point.
 */
#ifndef USIW_SYS_H
#define USIW_SYS_H

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int sys_socket(int family, int type, int proto)
{
	return (int)syscall(SYS_socket, family, type, proto);
}

static inline int sys_bind(int fd, const void *addr, socklen_t len)
{
	return (int)syscall(SYS_bind, fd, addr, len);
}

static inline int sys_listen(int fd, int backlog)
{
	return (int)syscall(SYS_listen, fd, backlog);
}

static inline int sys_accept(int fd, int flags)
{
	return (int)syscall(SYS_accept4, fd, NULL, NULL, flags);
}

static inline int sys_connect(int fd, const void *addr, socklen_t len)
{
	return (int)syscall(SYS_connect, fd, addr, len);
}

static inline int sys_getsockname(int fd, void *addr, socklen_t *len)
{
	return (int)syscall(SYS_getsockname, fd, addr, len);
}

static inline int sys_getpeername(int fd, void *addr, socklen_t *len)
{
	return (int)syscall(SYS_getpeername, fd, addr, len);
}

static inline int sys_getsockopt(int fd, int level, int name, void *value,
				 socklen_t *len)
{
	return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
}

static inline int sys_setsockopt(int fd, int level, int name, const void *value,
				 socklen_t len)
{
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

static inline ssize_t sys_send(int fd, const void *buf, size_t len, int flags)
{
	return syscall(SYS_sendto, fd, buf, len, flags, NULL, 0);
}

static inline ssize_t sys_recv(int fd, void *buf, size_t len, int flags)
{
	return syscall(SYS_recvfrom, fd, buf, len, flags, NULL, NULL);
}

static inline ssize_t sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return syscall(SYS_sendmsg, fd, msg, flags);
}

static inline ssize_t sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return syscall(SYS_recvmsg, fd, msg, flags);
}

static inline int sys_shutdown(int fd, int how)
{
	return (int)syscall(SYS_shutdown, fd, how);
}

static inline int sys_ioctl(int fd, unsigned long req, void *arg)
{
	return (int)syscall(SYS_ioctl, fd, req, arg);
}

static inline ssize_t sys_read(int fd, void *buf, size_t len)
{
	return syscall(SYS_read, fd, buf, len);
}

static inline ssize_t sys_write(int fd, const void *buf, size_t len)
{
	return syscall(SYS_write, fd, buf, len);
}

static inline int sys_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

#endif
