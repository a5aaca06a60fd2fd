// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The functions of the C library with which programs, libibverbs and librdmacm
 * reach the kernel's RDMA files. What is not about such a file goes on to the C
 * library at once: one comparison for a path, one load for a descriptor.
 *
 * Old programs call stat() by other names and fortified ones check lengths by
 * yet others: all of them are here. The doorbell is a write(), so that is the
 * path to keep short.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <linux/netlink.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_user_ioctl_cmds.h>

#include "front.h"
#include "preload.h"

#define RETURN_MS	10
#define EARLY_NS	500000	/* between looks whether it is still too early */

static ssize_t result(ssize_t rv)
{
	if (rv >= 0)
		return rv;
	errno = (int)-rv;
	return -1;
}

/* --- read, write -------------------------------------------------------------- */

/*
 * Not checked against a descriptor that changed hands behind our back: a system
 * call more would double the cost of a small message. Nor is a completion channel.
 */
static bool is_doorbell(const struct usiw_file *f, const void *buf, size_t len)
{
	const struct ib_uverbs_cmd_hdr *hdr = buf;

	return f && f->kind == USIW_FILE_UVERBS && len >= sizeof(*hdr) &&
	       hdr->command == IB_USER_VERBS_CMD_POST_SEND;
}

/* The file behind @fd, when it is time for what is written to it. */
static struct usiw_file *enter_for(int fd, const void *buf, size_t len,
				   int *cancel)
{
	const struct timespec moment = { .tv_nsec = EARLY_NS };
	struct usiw_file *f;

	for (;;) {
		usiw_enter(cancel);
		f = usiw_fd_table[fd];
		if (is_doorbell(f, buf, len))
			return f;
		f = usiw_fd_file(fd);
		if (!f || f->dead || !f->ops->early ||
		    !f->ops->early(f, buf, len))
			return f;
		usiw_leave(*cancel);
		nanosleep(&moment, NULL);
	}
}

static ssize_t our_write(int fd, const void *buf, size_t len)
{
	struct usiw_file *f;
	bool event = false;
	ssize_t rv = 0;
	int cancel;

	f = enter_for(fd, buf, len, &cancel);
	if (f && f->dead)
		rv = usiw_forked_error();
	else if (f && f->ops->takes && f->ops->takes(buf, len, true))
		event = true;
	else if (f)
		rv = f->ops->write ? f->ops->write(f, buf, len) : -EINVAL;
	usiw_leave(cancel);
	if (!f)
		return libc()->write(fd, buf, len);
	/* what is written says where the event goes: it stays untouched */
	return result(event ? usiw_take(fd, (void *)(uintptr_t)buf, len) : rv);
}

static ssize_t our_read(int fd, void *buf, size_t len)
{
	struct usiw_file *f;
	bool event = false;
	ssize_t rv = -EINVAL;
	int cancel;

	usiw_enter(&cancel);
	f = usiw_fd_table[fd];
	if (!f || f->kind != USIW_FILE_COMP)
		f = usiw_fd_file(fd);
	if (f && f->dead)
		rv = usiw_forked_error();
	else if (f && f->ops->takes)
		event = f->ops->takes(buf, len, false);
	usiw_leave(cancel);
	if (!f || f->kind == USIW_FILE_NETLINK)
		return libc()->read(fd, buf, len);
	return result(event ? usiw_take(fd, buf, len) : rv);
}

EXPORT ssize_t write(int fd, const void *buf, size_t len)
{
	if (likely(!usiw_fd_ours(fd)))
		return libc()->write(fd, buf, len);
	return our_write(fd, buf, len);
}

EXPORT ssize_t read(int fd, void *buf, size_t len)
{
	if (likely(!usiw_fd_ours(fd)))
		return libc()->read(fd, buf, len);
	return our_read(fd, buf, len);
}

EXPORT ssize_t __read_chk(int fd, void *buf, size_t len, size_t room)
{
	if (len > room)
		__chk_fail();
	return read(fd, buf, len);
}

/* How a thread may wait depends on it (take.c). */
static void note_nonblock(int fd, bool on)
{
	struct usiw_file *f;
	int cancel;

	if (likely(!usiw_fd_ours(fd)))
		return;
	usiw_enter(&cancel);
	f = usiw_fd_file(fd);
	if (f)
		f->nonblock = on;
	usiw_leave(cancel);
}

/* --- ioctl: rdma-core then uses write() -------------------------------------- */

EXPORT int ioctl(int fd, unsigned long req, ...)
{
	struct usiw_file *f = NULL;
	int cancel, rv;
	va_list ap;
	void *arg;

	va_start(ap, req);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (usiw_fd_ours(fd) && req == RDMA_VERBS_IOCTL) {
		usiw_enter(&cancel);
		f = usiw_fd_file(fd);
		usiw_leave(cancel);
	}
	if (!f) {
		rv = libc()->ioctl(fd, req, arg);
		if (!rv && req == FIONBIO)
			note_nonblock(fd, *(int *)arg);
		return rv;
	}
	errno = ENOTTY;
	return -1;
}

/* --- open ---------------------------------------------------------------------- */

static int get_mode(int flags, va_list ap)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, int) : 0;
}

#define OPEN(name)							\
EXPORT int name(const char *path, int flags, ...)			\
{									\
	va_list ap;							\
	int mode, fd;							\
									\
	va_start(ap, flags);						\
	mode = get_mode(flags, ap);					\
	va_end(ap);							\
	fd = usiw_path_open(path, flags);				\
	return fd != -1 ? (int)result(fd) :				\
			  libc()->open(path, flags, mode);		\
}

#define OPENAT(name)							\
EXPORT int name(int dir, const char *path, int flags, ...)		\
{									\
	va_list ap;							\
	int mode, fd;							\
									\
	va_start(ap, flags);						\
	mode = get_mode(flags, ap);					\
	va_end(ap);							\
	fd = usiw_path_open(path, flags);				\
	return fd != -1 ? (int)result(fd) :				\
			  libc()->openat(dir, path, flags, mode);	\
}

OPEN(open)
OPEN(open64)
OPEN(__open_2)
OPEN(__open64_2)
OPENAT(openat)
OPENAT(openat64)
OPENAT(__openat_2)
OPENAT(__openat64_2)

/* --- close, dup ----------------------------------------------------------------- */

/*
 * The child of vfork() shares our memory but not our descriptors: what it
 * closes does not concern the table.
 */
static bool table_is_mine(int fd)
{
	return usiw_fd_ours(fd) && getpid() == usiw_owner;
}

static void forget(unsigned int first, unsigned int last)
{
	int fd, cancel, end = usiw_fd_last();
	struct usiw_file *f;

	if (getpid() != usiw_owner)
		return;
	for (fd = (int)first; fd <= end && (unsigned int)fd <= last; fd++) {
		if (!usiw_fd_ours(fd))
			continue;
		usiw_fork_closing();
		usiw_enter(&cancel);
		f = usiw_fd_file(fd);
		/* the other process still has it, until it turns out */
		if (f && usiw_fork_open && f->refs == 1)
			f->dead = true;
		if (f)
			usiw_fd_drop(fd);
		usiw_leave(cancel);
	}
}

/*
 * A thread that has just taken an event of rdma_cm is on its way back to wait for
 * the next one. Programs such as rping close the channel meanwhile, and fail if
 * that thread then finds it closed. In the kernel, destroying what the event was
 * about takes longer than that way; here it does not, so closing waits a moment.
 */
static void let_taker_return(int fd)
{
	const struct timespec moment = { .tv_nsec = RETURN_MS * 1000000 };
	const struct usiw_file *f;
	bool is_out;
	int cancel;

	usiw_fork_closing();
	usiw_enter(&cancel);
	f = usiw_fd_file(fd);
	is_out = f && f->kind == USIW_FILE_UCMA && f->refs == 1 &&
		 f->taken_ms && !pthread_equal(f->taker, pthread_self()) &&
		 usiw_now_ms() - f->taken_ms <= RETURN_MS;
	usiw_leave(cancel);
	if (is_out)
		nanosleep(&moment, NULL);
}

EXPORT int close(int fd)
{
	if (unlikely(table_is_mine(fd))) {
		let_taker_return(fd);
		forget((unsigned int)fd, (unsigned int)fd);
	}
	return libc()->close(fd);
}

EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	if (!(flags & USIW_CLOSE_RANGE_CLOEXEC) && first < USIW_FD_MAX)
		forget(first, last);
	return libc()->close_range(first, last, flags);
}

EXPORT void closefrom(int first)
{
	forget(first < 0 ? 0 : (unsigned int)first, ~0u);
	libc()->closefrom(first);
}

/* @fd is a new duplicate of @of; -1 if that failed */
static int duplicated(int fd, int of)
{
	struct usiw_file *f;
	int cancel, err = errno;

	if (fd < 0 || fd == of || !table_is_mine(of))
		return fd;
	usiw_enter(&cancel);
	f = usiw_fd_file(of);
	if (f)
		fd = usiw_fd_dup(fd, f);
	usiw_leave(cancel);
	errno = err;
	return (int)result(fd);
}

EXPORT int dup(int fd)
{
	return duplicated(libc()->dup(fd), fd);
}

/* What @to was goes first, or a new file of that number might be forgotten. */
static void make_room(int fd, int to)
{
	if (fd != to && table_is_mine(to) && libc()->fcntl(fd, F_GETFD) >= 0)
		forget((unsigned int)to, (unsigned int)to);
}

EXPORT int dup2(int fd, int to)
{
	make_room(fd, to);
	return duplicated(libc()->dup2(fd, to), fd);
}

EXPORT int dup3(int fd, int to, int flags)
{
	make_room(fd, to);
	return duplicated(libc()->dup3(fd, to, flags), fd);
}

#define FCNTL(name)							\
EXPORT int name(int fd, int cmd, ...)					\
{									\
	va_list ap;							\
	void *arg;							\
	int rv;								\
									\
	va_start(ap, cmd);						\
	arg = va_arg(ap, void *);					\
	va_end(ap);							\
	rv = libc()->fcntl(fd, cmd, arg);				\
	if (cmd == F_SETFL && !rv)					\
		note_nonblock(fd, (long)arg & O_NONBLOCK);		\
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)			\
		return duplicated(rv, fd);				\
	return rv;							\
}

FCNTL(fcntl)
FCNTL(fcntl64)

/* --- sockets: RDMA netlink, and descriptors that are handed on ----------------- */

EXPORT int socket(int domain, int type, int protocol)
{
	if (domain == AF_NETLINK && protocol == NETLINK_RDMA)
		return (int)result(usiw_nldev_socket(type));
	return libc()->socket(domain, type, protocol);
}

/* The file of a descriptor if it is an RDMA netlink socket. */
static bool is_netlink(int fd)
{
	struct usiw_file *f;
	int cancel;

	if (likely(!usiw_fd_ours(fd)))
		return false;
	usiw_enter(&cancel);
	f = usiw_fd_file(fd);
	usiw_leave(cancel);
	return f && f->kind == USIW_FILE_NETLINK;
}

EXPORT int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return is_netlink(fd) ? 0 : libc()->bind(fd, addr, len);
}

static socklen_t netlink_name(void *addr, socklen_t room, u32 pid)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_pid = pid };

	if (addr)
		memcpy(addr, &nl, room < sizeof(nl) ? room : sizeof(nl));
	return sizeof(nl);
}

EXPORT int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	if (!is_netlink(fd))
		return libc()->getsockname(fd, addr, len);
	*len = netlink_name(addr, *len, (u32)getpid());
	return 0;
}

static ssize_t netlink_send(int fd, const void *buf, size_t len)
{
	ssize_t rv = -EBADF;
	struct usiw_file *f;
	int cancel;

	usiw_enter(&cancel);
	f = usiw_fd_file(fd);
	if (f)
		rv = usiw_nldev_send(f, buf, len);
	usiw_leave(cancel);
	return result(rv);
}

EXPORT ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	if (likely(!is_netlink(fd)))
		return libc()->send(fd, buf, len, flags);
	return netlink_send(fd, buf, len);
}

EXPORT ssize_t sendto(int fd, const void *buf, size_t len, int flags,
		      const struct sockaddr *addr, socklen_t addr_len)
{
	if (likely(!is_netlink(fd)))
		return libc()->sendto(fd, buf, len, flags, addr, addr_len);
	return netlink_send(fd, buf, len);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	char buf[4096];
	size_t len = 0, i;

	if (likely(!is_netlink(fd)))
		return libc()->sendmsg(fd, msg, flags);
	for (i = 0; i < msg->msg_iovlen; i++) {
		const struct iovec *iov = &msg->msg_iov[i];

		if (iov->iov_len > sizeof(buf) - len)
			return result(-EMSGSIZE);
		if (iov->iov_len)
			memcpy(buf + len, iov->iov_base, iov->iov_len);
		len += iov->iov_len;
	}
	return netlink_send(fd, buf, len);
}

EXPORT ssize_t recvfrom(int fd, void *buf, size_t len, int flags,
			struct sockaddr *addr, socklen_t *addr_len)
{
	ssize_t rv;

	if (likely(!is_netlink(fd)))
		return libc()->recvfrom(fd, buf, len, flags, addr, addr_len);
	rv = libc()->recvfrom(fd, buf, len, flags, NULL, NULL);
	if (rv >= 0 && addr && addr_len)
		*addr_len = netlink_name(addr, *addr_len, 0);
	return rv;
}

static void adopt_all(struct msghdr *msg)
{
	struct cmsghdr *c;
	int fd, cancel;
	size_t i;

	usiw_enter(&cancel);
	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (i = 0; CMSG_LEN((i + 1) * sizeof(fd)) <= c->cmsg_len; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			usiw_fd_adopt(fd);
		}
	}
	usiw_leave(cancel);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	socklen_t room = msg->msg_namelen;
	ssize_t rv = libc()->recvmsg(fd, msg, flags);

	if (rv < 0 || likely(usiw_fd_last() < 0))
		return rv;
	if (is_netlink(fd))
		msg->msg_namelen = netlink_name(msg->msg_name, room, 0);
	if (msg->msg_control && msg->msg_controllen && usiw_owner == getpid())
		adopt_all(msg);
	return rv;
}
