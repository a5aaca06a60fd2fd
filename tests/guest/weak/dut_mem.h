/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Part of dut.c: what a program can ask of a device besides connections. Its
 * limits, objects of somebody else, memory that is not the program's, and
 * memory as large as a message can be.
 */
#ifndef DUT_MEM_H
#define DUT_MEM_H

#include <sys/mman.h>

#include "weak.h"

#define PATTERN(i)	((char)((i) * 3 + 1))
#define LARGEST		0xffffffffu
#define LARGE_FILE	(4u << 20)

/* Memory that a command registered. */
struct slot {
	char *mem;
	char *buf;
	uint32_t len;
	struct ibv_pd *pd;		/* if it is its own */
	struct ibv_mr *mr;
};

static inline void print_mr(const struct slot *s)
{
	if (s->mr)
		printf("= %u %llu\n", s->mr->rkey,
		       (unsigned long long)(uintptr_t)s->buf);
	else
		printf("= refused %m\n");
}

/*
 * 4 GiB that are one small file again and again: what matters is how many
 * octets there are. NULL if there is no room even for the addresses.
 */
static inline char *map_large(void)
{
	size_t i, all = (size_t)LARGEST + 1;
	int fd = memfd_create("large", 0);
	char *mem;

	if (fd < 0 || ftruncate(fd, LARGE_FILE))
		return NULL;
	mem = mmap(NULL, all, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	for (i = 0; i < all; i += LARGE_FILE)
		if (mmap(mem + i, LARGE_FILE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
			return NULL;
	close(fd);
	for (i = 0; i < LARGE_FILE; i++)
		mem[i] = PATTERN(i);
	return mem;
}

/*
 * Memory that a program may not write to ("ro"), may not use ("none"), has not
 * ("gone"), or that is the kernel's ("kernel"): two pages; only "ro" is filled.
 */
static inline char *map_forbidden(const char *kind)
{
	size_t i, len = 2 * 4096;
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(mem != MAP_FAILED, "no memory");
	for (i = 0; i < len; i++)
		mem[i] = PATTERN(i);
	if (!strcmp(kind, "kernel"))
		return (char *)0xffff888000000000ull;
	if (!strcmp(kind, "gone"))
		need(!munmap(mem, len), "munmap: %m");
	else
		need(!mprotect(mem, len, *kind == 'r' ? PROT_READ : PROT_NONE),
		     "mprotect: %m");
	return mem;
}

/* Prints what it has: kinds of atomic operations, memory windows. */
static inline void print_device(struct ibv_context *verbs)
{
	struct ibv_pd *pd = ibv_alloc_pd(verbs);
	struct ibv_device_attr d;

	need(pd && !ibv_query_device(verbs, &d), "no PD: %m");
	printf("= %d %d\n", d.atomic_cap,
	       d.max_mw || ibv_alloc_mw(pd, IBV_MW_TYPE_1) ||
	       ibv_alloc_mw(pd, IBV_MW_TYPE_2));
}

/* Prints what a device gives although it is more than it says it has. */
static inline void print_excess(struct ibv_context *verbs)
{
	struct ibv_pd *pd = ibv_alloc_pd(verbs);
	struct ibv_cq *cq = ibv_create_cq(verbs, 1, NULL, NULL, 0);
	struct ibv_srq_init_attr srq = { .attr = { .max_sge = 1 } };
	struct ibv_device_attr d;
	unsigned int i;

	need(pd && cq && !ibv_query_device(verbs, &d), "no PD, CQ: %m");
	printf("=");
	if (ibv_create_cq(verbs, d.max_cqe + 1, NULL, NULL, 0))
		printf(" CQ");
	srq.attr.max_wr = d.max_srq_wr + 1;
	if (ibv_create_srq(pd, &srq))
		printf(" SRQ");
	for (i = 0; i < 4; i++) {
		struct ibv_qp_init_attr qp = {
			.qp_type = IBV_QPT_RC, .send_cq = cq, .recv_cq = cq,
			.cap = { 1, 1, 1, 1, 0 },
		};
		uint32_t *cap[] = {
			&qp.cap.max_send_wr, &qp.cap.max_recv_wr,
			&qp.cap.max_send_sge, &qp.cap.max_recv_sge,
		};

		*cap[i] = (i < 2 ? d.max_qp_wr : d.max_sge) + 1;
		if (ibv_create_qp(pd, &qp))
			printf(" QP-%u", i);
	}
	printf("\n");
}

/* A queue pair of another user of the device, with the CQs of @e? */
static inline bool shares_cq(struct end *e)
{
	struct ibv_context *other = ibv_open_device(e->id->verbs->device);
	struct ibv_qp_init_attr qp = {
		.qp_type = IBV_QPT_RC, .send_cq = e->scq, .recv_cq = e->rcq,
		.cap = { 1, 1, 1, 1, 0 },
	};
	struct ibv_pd *pd;

	need(other, "ibv_open_device: %m");
	pd = ibv_alloc_pd(other);
	need(pd, "ibv_alloc_pd: %m");
	return ibv_create_qp(pd, &qp);
}

#endif
