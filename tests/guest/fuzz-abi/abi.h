/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The driver's user ABI at the hands of a program that is out to break it.
 *
 * main.c starts one worker process after the other, two at a time, and looks
 * after them: one that cannot be killed, or a device that does not work at the
 * end, is the driver's fault. What else is, the kernel's log says. A worker
 * (worker.c) has two queue pairs connected to each other, with traffic under
 * way, and threads that do what rings.c and commands.c offer, by chance.
 *
 * A worker may well crash: its own rings are what it spoils.
 */
#ifndef FUZZ_ABI_H
#define FUZZ_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A reproducible stream of numbers; one for each thread. */
struct rnd {
	uint64_t x;
};

static inline uint32_t rnd(struct rnd *r)
{
	r->x ^= r->x << 13;
	r->x ^= r->x >> 7;
	r->x ^= r->x << 17;
	return (uint32_t)(r->x >> 16);
}

static inline uint32_t below(struct rnd *r, uint32_t limit)
{
	return limit ? rnd(r) % limit : 0;
}

static inline bool one_in(struct rnd *r, uint32_t n)
{
	return !below(r, n);
}

static inline uint64_t rnd64(struct rnd *r)
{
	return (uint64_t)rnd(r) << 32 | rnd(r);
}

/* Numbers that are on the edge of something more often than not. */
uint32_t odd_u32(struct rnd *r);
uint64_t odd_u64(struct rnd *r);
/* An address to be read or written: ours, nobody's, a ring's, the kernel's. */
uint64_t odd_addr(struct rnd *r);

/* What the provider library, or we, mapped of an uverbs file. */
#define RINGS_MAX	64

struct ring {
	uint8_t *addr;
	size_t len;
	int fd;
	uint64_t key;
};

extern struct ring rings[RINGS_MAX];
extern int ring_cnt;
extern bool recording;		/* what is mapped now goes there */

/* The connected pair, for whoever wants to name something that exists. */
struct target {
	int cmd_fd[2], cm_fd[2];	/* of the two ends, and listeners */
	uint32_t qp_handle[2], qp_num[2];
	uint32_t cq_handle[4];
	uint32_t mr_handle[2], pd_handle[2];
	uint32_t lkey[2], rkey[2];
	uint32_t id[3];			/* of rdma_cm */
	uint64_t buf[2];
	uint32_t buf_len;
};

extern struct target target;

/* rings.c, commands.c: one thing each */
void spoil_ring(struct rnd *r);
void post_odd_send(struct rnd *r);
void post_odd_receive(struct rnd *r);
void arm_oddly(struct rnd *r);
void doorbell(struct rnd *r);
void map_oddly(struct rnd *r);
void unmap_something(struct rnd *r);
void verbs_command(struct rnd *r);
void cm_command(struct rnd *r);

/* worker.c */
void worker(const char *addr, uint64_t seed);
/* The device still works: data goes both ways. Ends the process if not. */
void check_device(const char *addr);

#endif
