/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * File descriptors that look like the kernel's RDMA files.
 *
 * Each is a real descriptor of the kernel (a memfd, an eventfd or one end of a
 * socket pair), so poll, epoll, mmap and inheritance are the kernel's own; what
 * read, write and the like do with it is decided here. A table says which
 * descriptors are ours; duplicates of one open file share a struct usiw_file,
 * which goes away with the last of them.
 *
 * The table is read without a lock (one load for each call that a program makes
 * on any descriptor); everything else is serialised by usiw_lock().
 */
#ifndef USIW_FDS_H
#define USIW_FDS_H

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <pthread.h>
#include <sys/stat.h>

#include "usiw.h"

#define USIW_FD_MAX	(1 << 20)	/* the kernel's default limit, nr_open */

struct usiw_file;

/* Something to read. @count is added to when the program gets it. */
struct usiw_event {
	TAILQ_ENTRY(usiw_event) link;
	u32 *count;
};
TAILQ_HEAD(usiw_event_list, usiw_event);

/* All called with the lock held; negative errno values. */
struct usiw_file_ops {
	ssize_t (*write)(struct usiw_file *f, const void *buf, size_t len);
	/* is this read or write one that takes an event? @len octets there */
	bool (*takes)(const void *buf, size_t len, bool is_write);
	/* would this write take back what another thread is about to take? */
	bool (*early)(const struct usiw_file *f, const void *buf, size_t len);
	/* give @ev to the program and free it; @buf is that of the call */
	ssize_t (*take)(struct usiw_file *f, struct usiw_event *ev, void *buf,
			size_t len);
	/* the last descriptor goes, or is gone: not to be used any more */
	void (*release)(struct usiw_file *f);
};

enum usiw_file_kind {
	USIW_FILE_UVERBS,
	USIW_FILE_ASYNC,
	USIW_FILE_COMP,
	USIW_FILE_UCMA,
	USIW_FILE_NETLINK,
};

struct usiw_file {
	enum usiw_file_kind kind;
	const struct usiw_file_ops *ops;
	u32 refs;			/* descriptors in the table */
	int fd;				/* one of them */
	ino_t ino;			/* to see what is no longer ours */
	dev_t rdev;			/* of the device it stands for, or 0 */
	bool dead;			/* inherited by fork() */
	bool nonblock;			/* the program has set O_NONBLOCK */
	struct usiw_event_list events;
	u32 owed;			/* of these the descriptor does not know */
	LIST_ENTRY(usiw_file) owing;
	pthread_t taker;		/* who took the last event, and when */
	u64 taken_ms;			/* 0: nobody yet */
	struct usiw_cq *hot_cq;		/* USIW_FILE_COMP: the last event's */
	u32 misses, skips;		/* take.c: is it worth it? */
	void *priv;
};

extern _Atomic(struct usiw_file *) usiw_fd_table[USIW_FD_MAX];

/* May this descriptor be ours? Without the lock. */
static inline bool usiw_fd_ours(int fd)
{
	return (unsigned int)fd < USIW_FD_MAX &&
	       __atomic_load_n((struct usiw_file **)&usiw_fd_table[fd],
			       __ATOMIC_RELAXED);
}

struct usiw_file *usiw_fd_file(int fd);
struct usiw_file *usiw_file_new(enum usiw_file_kind kind,
				const struct usiw_file_ops *ops, int fd,
				void *priv);
int usiw_fd_dup(int fd, struct usiw_file *f);
void usiw_fd_drop(int fd);
void usiw_fd_adopt(int fd);
int usiw_fd_last(void);
void usiw_fd_forked(void);

int usiw_eventfd(bool cloexec);
void usiw_event_push(struct usiw_file *f, struct usiw_event *ev);
void usiw_event_unlink(struct usiw_file *f, struct usiw_event *ev);
bool usiw_event_untold(struct usiw_file *f);
void usiw_events_tell(void);
ssize_t usiw_take(int fd, void *buf, size_t len);

#endif
