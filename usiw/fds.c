// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The table of descriptors, and events that make one readable.
 *
 * An event file is an eventfd in semaphore mode whose count is the number of
 * events in its list: who reads one unit takes one event. The read happens
 * without the lock, by the program's own thread, so it blocks, is interrupted
 * and is cancelled as a read of a kernel file is. A reader that was overtaken
 * by usiw_event_unlink() finds the list empty and reads again.
 *
 * Whoever waits is woken when the lock is about to be given back: it would only
 * wait for the lock before.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include "fds.h"
#include "front.h"

_Atomic(struct usiw_file *) usiw_fd_table[USIW_FD_MAX];

static int fd_last = -1;	/* no descriptor above is in the table */
static LIST_HEAD(, usiw_file) owing;	/* files with events not told */

/* The highest descriptor that may be ours, -1 for none. */
int usiw_fd_last(void)
{
	return __atomic_load_n(&fd_last, __ATOMIC_RELAXED);
}

static void set(int fd, struct usiw_file *f)
{
	__atomic_store_n((struct usiw_file **)&usiw_fd_table[fd], f,
			 __ATOMIC_RELEASE);
	if (f && fd > fd_last)
		__atomic_store_n(&fd_last, fd, __ATOMIC_RELAXED);
}

/**
 * usiw_fd_file() - the file behind a descriptor
 * @fd: any number
 *
 * What was closed behind our back (by a direct system call) and now is
 * something else is noticed here.
 *
 * Return: NULL if it is none of ours.
 */
struct usiw_file *usiw_fd_file(int fd)
{
	struct usiw_file *f;
	struct stat st;

	if ((unsigned int)fd >= USIW_FD_MAX)
		return NULL;
	f = usiw_fd_table[fd];
	if (!f)
		return NULL;
	if (!libc()->fstat(fd, &st) && st.st_ino == f->ino)
		return f;
	usiw_fd_drop(fd);	/* no file operation on what it is now */
	return NULL;
}

/**
 * usiw_file_new() - make a descriptor one of ours
 * @kind: what it stands for
 * @ops: what can be done with it
 * @fd: of the kernel, for this purpose; closed on failure
 * @priv: for @ops
 *
 * Return: the file, or NULL.
 */
struct usiw_file *usiw_file_new(enum usiw_file_kind kind,
				const struct usiw_file_ops *ops, int fd,
				void *priv)
{
	struct usiw_file *f = calloc(1, sizeof(*f));
	struct stat st;

	if (!f || (unsigned int)fd >= USIW_FD_MAX || libc()->fstat(fd, &st)) {
		free(f);
		libc()->close(fd);
		return NULL;
	}
	f->kind = kind;
	f->ops = ops;
	f->refs = 1;
	f->fd = fd;
	f->ino = st.st_ino;
	f->priv = priv;
	TAILQ_INIT(&f->events);
	if (usiw_fd_table[fd])
		usiw_fd_drop(fd);
	set(fd, f);
	return f;
}

/**
 * usiw_fd_dup() - one more descriptor of a file
 * @fd: of the kernel, open
 * @f: the file
 *
 * Return: @fd, or -EMFILE and it is closed.
 */
int usiw_fd_dup(int fd, struct usiw_file *f)
{
	if ((unsigned int)fd >= USIW_FD_MAX) {
		libc()->close(fd);
		return -EMFILE;
	}
	if (usiw_fd_table[fd])
		usiw_fd_drop(fd);
	f->refs++;
	set(fd, f);
	return fd;
}

static int other_fd(const struct usiw_file *f)
{
	int fd;

	for (fd = 0; fd <= fd_last; fd++)
		if (usiw_fd_table[fd] == f)
			return fd;
	return -1;
}

/**
 * usiw_fd_drop() - a descriptor is about to be closed, or was
 * @fd: in the table
 */
void usiw_fd_drop(int fd)
{
	struct usiw_file *f = usiw_fd_table[fd];

	if (f->refs > 1) {
		set(fd, NULL);
		f->refs--;
		if (f->fd == fd)
			f->fd = other_fd(f);
		return;
	}
	if (!f->dead)
		f->ops->release(f);
	if (f->owed)
		LIST_REMOVE(f, owing);
	set(fd, NULL);
	free(f);
}

/*
 * All eventfds of a system have one inode, so of those that came through a
 * socket the kernel's own number must be compared.
 */
static long eventfd_id(int fd)
{
	char path[64], line[128];
	long id = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "eventfd-id: %ld", &id) == 1)
			break;
	fclose(file);
	return id;
}

/**
 * usiw_fd_adopt() - a descriptor came by SCM_RIGHTS: is it one of our files?
 * @fd: new
 */
void usiw_fd_adopt(int fd)
{
	struct usiw_file *f;
	struct stat st;
	long id = -1;
	int i;

	if (fd_last < 0 || (unsigned int)fd >= USIW_FD_MAX ||
	    libc()->fstat(fd, &st))
		return;
	for (i = 0; i <= fd_last; i++) {
		f = usiw_fd_table[i];
		if (!f || i == fd || f->ino != st.st_ino)
			continue;
		if (f->kind != USIW_FILE_UVERBS &&
		    f->kind != USIW_FILE_NETLINK) {
			if (id < 0)
				id = eventfd_id(fd);
			if (id < 0 || id != eventfd_id(i))
				continue;
		}
		usiw_fd_dup(fd, f);
		return;
	}
}

/* In the child: what it inherited stays the parent's. */
void usiw_fd_forked(void)
{
	int fd;

	for (fd = 0; fd <= fd_last; fd++)
		if (usiw_fd_table[fd] &&
		    usiw_fd_table[fd]->kind != USIW_FILE_NETLINK)
			usiw_fd_table[fd]->dead = true;
}

/* --- events ----------------------------------------------------------------- */

/* A descriptor for an event file; -1 and errno. */
int usiw_eventfd(bool cloexec)
{
	return eventfd(0, EFD_SEMAPHORE | (cloexec ? EFD_CLOEXEC : 0));
}

/**
 * usiw_event_push() - something to read
 * @f: event file
 * @ev: given to @f
 */
void usiw_event_push(struct usiw_file *f, struct usiw_event *ev)
{
	TAILQ_INSERT_TAIL(&f->events, ev, link);
	if (!f->owed++)
		LIST_INSERT_HEAD(&owing, f, owing);
}

/* Is there an event that the descriptor does not know of? It need not, then. */
bool usiw_event_untold(struct usiw_file *f)
{
	if (!f->owed)
		return false;
	if (!--f->owed)
		LIST_REMOVE(f, owing);
	return true;
}

/* Make files readable whose events are new. The last thing under the lock. */
void usiw_events_tell(void)
{
	struct usiw_file *f;
	u64 n;

	while ((f = LIST_FIRST(&owing))) {
		LIST_REMOVE(f, owing);
		n = f->owed;
		f->owed = 0;
		if (libc()->write(f->fd, &n, sizeof(n)) != sizeof(n))
			usiw_say(1, "lost an event: %m");
	}
}

/**
 * usiw_event_unlink() - no longer to read
 * @f: event file
 * @ev: in its list; given back to the caller
 */
void usiw_event_unlink(struct usiw_file *f, struct usiw_event *ev)
{
	struct pollfd pfd = { .fd = f->fd, .events = POLLIN };
	u64 one;
	struct iovec iov = { .iov_base = &one, .iov_len = sizeof(one) };

	TAILQ_REMOVE(&f->events, ev, link);
	if (f->owed) {
		if (!--f->owed)
			LIST_REMOVE(f, owing);
		return;
	}
	if (preadv2(f->fd, &iov, 1, -1, RWF_NOWAIT) == sizeof(one) ||
	    errno != EOPNOTSUPP)
		return;
	/* before Linux 5.8; may block if another thread reads right now */
	if (poll(&pfd, 1, 0) == 1 &&
	    libc()->read(f->fd, &one, sizeof(one)) < 0)
		usiw_say(1, "cannot take back an event: %m");
}
