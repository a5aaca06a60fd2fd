/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What a process that uses RDMA holds: descriptors, threads, memory; and whether
 * it is more than it was.
 */
#ifndef USAGE_H
#define USAGE_H

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/stat.h>
#include <infiniband/verbs.h>

#include "need.h"

#define BYTES_MAX	(16 << 10)	/* of memory in use, more than at first */
#define MAPS_MAX	4		/* mappings, more than at first */

struct usage {
	unsigned long fds, threads, bytes, blocks, maps;
};

static inline unsigned long entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned long n = 0;

	NEED(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static inline unsigned long mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long n = 0;
	int c;

	NEED(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static inline struct usage usage(const struct ibv_context *ctx)
{
	struct usage u = { .fds = entries("/proc/self/fd"),
			   .threads = entries("/proc/self/task"),
			   .bytes = mallinfo2().uordblks,
			   .maps = mappings() };
	struct stat st;

	NEED(!fstat(ctx->cmd_fd, &st));
	u.blocks = (unsigned long)st.st_blocks;
	return u;
}

static inline int leaks(const struct usage *was, const struct usage *is)
{
	printf("descriptors %lu -> %lu, threads %lu -> %lu, bytes %lu -> %lu, "
	       "mappings %lu -> %lu, queues %lu -> %lu KiB\n",
	       was->fds, is->fds, was->threads, is->threads, was->bytes,
	       is->bytes, was->maps, is->maps, was->blocks / 2, is->blocks / 2);
	return is->fds != was->fds || is->threads != was->threads ||
	       is->maps > was->maps + MAPS_MAX || is->blocks > was->blocks ||
	       is->bytes > was->bytes + BYTES_MAX;
}

#endif
