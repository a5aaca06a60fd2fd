// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * stat(), access() and their many names: the RDMA files exist, and are
 * character devices with the numbers that RDMA netlink announced.
 *
 * struct stat and struct stat64 are the same thing wherever this is built.
 *
 * No exported function calls another one: a sanitizer's functions stand before
 * ours and make fstat() of __fxstat().
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "front.h"
#include "preload.h"

static_assert(sizeof(struct stat) == sizeof(struct stat64) &&
	      offsetof(struct stat, st_ino) == offsetof(struct stat64, st_ino),
	      "stat64 is another type here");

/* Make what fstat() said about a memfd or an eventfd look like the device. */
static int pretend(int fd, struct stat *st, int rv)
{
	struct usiw_file *f;
	int cancel;

	if (rv || likely(!usiw_fd_ours(fd)))
		return rv;
	usiw_enter(&cancel);
	f = usiw_fd_file(fd);
	if (f && f->rdev) {
		st->st_mode = S_IFCHR | 0666;
		st->st_rdev = f->rdev;
	}
	usiw_leave(cancel);
	return 0;
}

static int do_fstat(int fd, struct stat *st)
{
	return pretend(fd, st, libc()->fstat(fd, st));
}

static int do_stat(const char *path, struct stat *st)
{
	return usiw_path_stat(path, st) ? libc()->stat(path, st) : 0;
}

static int do_lstat(const char *path, struct stat *st)
{
	return usiw_path_stat(path, st) ? libc()->lstat(path, st) : 0;
}

static int do_fstatat(int dir, const char *path, struct stat *st, int flags)
{
	if (!usiw_path_stat(path, st))
		return 0;
	return pretend(!*path && (flags & AT_EMPTY_PATH) ? dir : -1, st,
		       libc()->fstatat(dir, path, st, flags));
}

EXPORT int fstat(int fd, struct stat *st)
{
	return do_fstat(fd, st);
}

EXPORT int stat(const char *path, struct stat *st)
{
	return do_stat(path, st);
}

EXPORT int lstat(const char *path, struct stat *st)
{
	return do_lstat(path, st);
}

EXPORT int fstatat(int dir, const char *path, struct stat *st, int flags)
{
	return do_fstatat(dir, path, st, flags);
}

EXPORT int fstat64(int fd, struct stat64 *st)
{
	return do_fstat(fd, (struct stat *)st);
}

EXPORT int stat64(const char *path, struct stat64 *st)
{
	return do_stat(path, (struct stat *)st);
}

EXPORT int lstat64(const char *path, struct stat64 *st)
{
	return do_lstat(path, (struct stat *)st);
}

EXPORT int fstatat64(int dir, const char *path, struct stat64 *st, int flags)
{
	return do_fstatat(dir, path, (struct stat *)st, flags);
}

/* --- the names of binaries made before glibc 2.33 ----------------------------- */

EXPORT int __fxstat(int ver, int fd, struct stat *st)
{
	(void)ver;
	return do_fstat(fd, st);
}

EXPORT int __xstat(int ver, const char *path, struct stat *st)
{
	(void)ver;
	return do_stat(path, st);
}

EXPORT int __lxstat(int ver, const char *path, struct stat *st)
{
	(void)ver;
	return do_lstat(path, st);
}

EXPORT int __fxstatat(int ver, int dir, const char *path, struct stat *st,
		      int flags)
{
	(void)ver;
	return do_fstatat(dir, path, st, flags);
}

EXPORT int __fxstat64(int ver, int fd, struct stat64 *st)
{
	(void)ver;
	return do_fstat(fd, (struct stat *)st);
}

EXPORT int __xstat64(int ver, const char *path, struct stat64 *st)
{
	(void)ver;
	return do_stat(path, (struct stat *)st);
}

EXPORT int __lxstat64(int ver, const char *path, struct stat64 *st)
{
	(void)ver;
	return do_lstat(path, (struct stat *)st);
}

EXPORT int __fxstatat64(int ver, int dir, const char *path, struct stat64 *st,
			int flags)
{
	(void)ver;
	return do_fstatat(dir, path, (struct stat *)st, flags);
}

/* --- access ------------------------------------------------------------------- */

static int may(const struct stat *st, int mode)
{
	if ((mode & X_OK) && !S_ISDIR(st->st_mode)) {
		errno = EACCES;
		return -1;
	}
	return 0;
}

EXPORT int access(const char *path, int mode)
{
	struct stat st;

	if (!usiw_path_stat(path, &st))
		return may(&st, mode);
	return libc()->access(path, mode);
}

EXPORT int faccessat(int dir, const char *path, int mode, int flags)
{
	struct stat st;

	if (!usiw_path_stat(path, &st))
		return may(&st, mode);
	return libc()->faccessat(dir, path, mode, flags);
}
