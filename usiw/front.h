/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What the files of the front half share: the way to the C library, the device
 * that programs are shown, handles, and who emulates which file.
 *
 * Unless said otherwise a function is called with usiw_lock() held, taken by
 * usiw_enter(), and returns a negative errno value on failure.
 */
#ifndef USIW_FRONT_H
#define USIW_FRONT_H

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "usiw.h"
#include "fds.h"

/* --- the C library behind the functions that preload.c replaces ------------- */

struct usiw_libc {
	int (*open)(const char *path, int flags, ...);
	int (*openat)(int dir, const char *path, int flags, ...);
	ssize_t (*read)(int fd, void *buf, size_t len);
	ssize_t (*write)(int fd, const void *buf, size_t len);
	int (*ioctl)(int fd, unsigned long req, ...);
	int (*close)(int fd);
	int (*close_range)(unsigned int first, unsigned int last, int flags);
	void (*closefrom)(int first);
	int (*dup)(int fd);
	int (*dup2)(int fd, int to);
	int (*dup3)(int fd, int to, int flags);
	int (*fcntl)(int fd, int cmd, ...);
	int (*fstat)(int fd, struct stat *st);
	int (*stat)(const char *path, struct stat *st);
	int (*lstat)(const char *path, struct stat *st);
	int (*fstatat)(int dir, const char *path, struct stat *st, int flags);
	int (*access)(const char *path, int mode);
	int (*faccessat)(int dir, const char *path, int mode, int flags);
	int (*socket)(int domain, int type, int protocol);
	int (*bind)(int fd, const struct sockaddr *addr, socklen_t len);
	int (*getsockname)(int fd, struct sockaddr *addr, socklen_t *len);
	ssize_t (*send)(int fd, const void *buf, size_t len, int flags);
	ssize_t (*sendto)(int fd, const void *buf, size_t len, int flags,
			  const struct sockaddr *addr, socklen_t addr_len);
	ssize_t (*sendmsg)(int fd, const struct msghdr *msg, int flags);
	ssize_t (*recvfrom)(int fd, void *buf, size_t len, int flags,
			    struct sockaddr *addr, socklen_t *addr_len);
	ssize_t (*recvmsg)(int fd, struct msghdr *msg, int flags);
};

extern struct usiw_libc usiw_libc_;

void usiw_libc_init(void);

/* The functions themselves; works before any constructor has run. */
static inline const struct usiw_libc *libc(void)
{
	if (unlikely(!usiw_libc_.recvmsg))
		usiw_libc_init();
	return &usiw_libc_;
}

/* fork.c: after a fork, until it is known who goes on; else NULL */
struct fork_state;
extern struct fork_state *usiw_fork_open;
void usiw_fork_closing(void);

/* Take and give back usiw_lock(), closed to pthread_cancel() in between. */
void usiw_enter(int *cancel);
void usiw_leave(int cancel);

void usiw_config_read(void);
pid_t usiw_owner_pid(void);	/* this process, without a system call */
int usiw_put_user(u64 to, const void *from, size_t len);

/* To stderr, if SIW_VERBOSE is at least @level. */
void usiw_say(u8 level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* --- handles ----------------------------------------------------------------- */

/* Small numbers for pointers, lowest free one first. */
struct usiw_handles {
	void **slot;
	u32 size;
	u32 hint;		/* no free slot below */
};

int usiw_handle_new(struct usiw_handles *h, void *obj);	/* or -ENOMEM */
void *usiw_handle_get(const struct usiw_handles *h, u32 handle);
void usiw_handle_free(struct usiw_handles *h, u32 handle);
void usiw_handles_fini(struct usiw_handles *h);

/* --- the device that programs see -------------------------------------------- */

struct usiw_dev {
	char name[16];		/* siw0 */
	char uverbs[16];	/* uverbs0 */
	u32 index;		/* RDMA netlink's */
	u64 guid;		/* host order */
	dev_t uverbs_dev, ucma_dev;
};

/* Set up at the first use; any context. */
const struct usiw_dev *usiw_dev(void);

#define USIW_GID_MAX	256

/* All GIDs of the device: the GUID's, then one for each local address. */
u32 usiw_gids(struct in6_addr *gid, u32 max);
u32 usiw_mtu(void);		/* of the fastest way out, octets */

/* --- files -------------------------------------------------------------------- */

int usiw_uverbs_open(int flags);
int usiw_ucma_open(int flags);
int usiw_nldev_socket(int type);
ssize_t usiw_nldev_send(struct usiw_file *f, const void *buf, size_t len);

/*
 * Paths that exist for programs only. Both without the lock; -1 if @path is
 * none of ours.
 */
int usiw_path_open(const char *path, int flags);
int usiw_path_stat(const char *path, struct stat *st);

/* sysfs.c: text of an attribute, NULL if there is no such file. To be freed. */
char *usiw_sysfs_text(const char *path);
bool usiw_sysfs_dir(const char *path);

/* --- between uverbs and ucma --------------------------------------------------- */

/* The QP of this process with that number, or NULL. */
struct usiw_qp *usiw_uverbs_qp(u32 num);
u32 usiw_remote_access(void);

void usiw_uverbs_forked(void);
void usiw_ucma_forked(void);

#endif
