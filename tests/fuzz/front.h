/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The front half of usiw without preload.c: what that does with a read(), write()
 * or close() of one of our descriptors is done here, with checks around it.
 *
 * Answers go to a piece of memory that ends at a page that cannot be written;
 * commands may also name the page, or nothing at all.
 */
#ifndef SIW_TESTS_FUZZ_FRONT_H
#define SIW_TESTS_FUZZ_FRONT_H

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuzz.h"
#include "usiw/front.h"

#define USER_LEN	8192u
#define UNTOUCHED	0xee

static u8 *user;		/* USER_LEN octets, then nothing */
static bool user_checked;	/* wrong addresses give EFAULT here */

static inline void user_init(void)
{
	u64 word = 0;
	struct iovec to = { NULL, 8 }, from = { &word, 8 };

	if (user)
		return;
	user = mmap(NULL, USER_LEN + 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(user != MAP_FAILED);
	MUST(!mprotect(user + USER_LEN, 4096, PROT_NONE));
	user_checked = process_vm_writev(getpid(), &from, 1, &to, 1, 0) < 0 &&
		       errno == EFAULT;
	usiw_config.verbose = 0;
}

/* Where the answer to a command shall go. */
static inline u64 user_addr(u8 choice)
{
	u64 base = (u64)(uintptr_t)user;

	if (choice < 0xe0 || !user_checked)
		return base;
	switch (choice & 3) {
	case 0:
		return 0;
	case 1:
		return base + USER_LEN;
	case 2:
		return base + USER_LEN - (choice >> 2 & 7) * 4;
	default:
		return ~0ULL - (choice & 0x1c);
	}
}

/* Nothing but the @len octets that were asked for may have been written. */
static inline void user_begin(void)
{
	memset(user, UNTOUCHED, 1024);
}

static inline void user_end(u64 addr, size_t len)
{
	size_t i;

	if (addr != (u64)(uintptr_t)user)
		len = 0;
	for (i = len; i < 1024; i++)
		MUST(user[i] == UNTOUCHED);
}

/* As many events are announced as there are. */
static inline void check_events(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct usiw_file *f = usiw_fd_table[fd];

	MUST(f && !f->owed);
	MUST((poll(&p, 1, 0) == 1) == !TAILQ_EMPTY(&f->events));
}

/* Return: -EAGAIN if there is none. */
static inline ssize_t front_take(int fd, void *buf, size_t len)
{
	struct usiw_file *f = usiw_fd_table[fd];
	struct usiw_event *ev;
	int cancel;
	ssize_t rv;
	u64 one;

	check_events(fd);
	ev = TAILQ_FIRST(&f->events);
	if (!ev)
		return -EAGAIN;
	MUST(libc()->read(fd, &one, sizeof(one)) == sizeof(one) && one == 1);
	usiw_enter(&cancel);
	TAILQ_REMOVE(&f->events, ev, link);
	if (ev->count)
		++*ev->count;
	rv = f->ops->take(f, ev, buf, len);
	usiw_leave(cancel);
	check_events(fd);
	return rv;
}

/* @len octets at @buf are all that may be read. */
static inline ssize_t front_write(int fd, const void *buf, size_t len)
{
	u8 *exact = fuzz_exact(buf, len);
	struct usiw_file *f;
	bool event = false;
	ssize_t rv = 0;
	int cancel;

	usiw_enter(&cancel);
	f = usiw_fd_file(fd);
	MUST(f && !f->dead);
	if (f->ops->takes && f->ops->takes(exact, len, true))
		event = true;
	else
		rv = f->ops->write ? f->ops->write(f, exact, len) : -EINVAL;
	usiw_leave(cancel);
	if (event)
		rv = front_take(fd, exact, len);
	MUST(rv == (ssize_t)len || (rv < 0 && rv > -4096));
	free(exact);
	return rv;
}

static inline void front_close(int fd)
{
	int cancel;

	usiw_enter(&cancel);
	if (usiw_fd_file(fd))
		usiw_fd_drop(fd);
	usiw_leave(cancel);
	libc()->close(fd);
}

#endif
