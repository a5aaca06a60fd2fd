/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What the files that replace functions of the C library share. Their names
 * are all that the library exports; some of them no header declares any more,
 * or only for callers.
 */
#ifndef USIW_PRELOAD_H
#define USIW_PRELOAD_H

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#define EXPORT	__attribute__((visibility("default")))

/* CLOSE_RANGE_CLOEXEC; <linux/close_range.h> is not everywhere yet */
#define USIW_CLOSE_RANGE_CLOEXEC	4

extern pid_t usiw_owner;	/* process that the table belongs to */

int usiw_forked_error(void);
void usiw_fork_init(void);

void __chk_fail(void) __attribute__((noreturn));
ssize_t __read_chk(int fd, void *buf, size_t len, size_t room);
int __open_2(const char *path, int flags, ...);
int __open64_2(const char *path, int flags, ...);
int __openat_2(int dir, const char *path, int flags, ...);
int __openat64_2(int dir, const char *path, int flags, ...);
int __xstat(int ver, const char *path, struct stat *st);
int __xstat64(int ver, const char *path, struct stat64 *st);
int __lxstat(int ver, const char *path, struct stat *st);
int __lxstat64(int ver, const char *path, struct stat64 *st);
int __fxstat(int ver, int fd, struct stat *st);
int __fxstat64(int ver, int fd, struct stat64 *st);
int __fxstatat(int ver, int dir, const char *path, struct stat *st, int flags);
int __fxstatat64(int ver, int dir, const char *path, struct stat64 *st,
		 int flags);

#endif
