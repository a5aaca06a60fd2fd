// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Spoilt rings: work requests and completions that no library writes, and
 * mappings that come and go under everyone's hands.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rdma/ib_user_verbs.h>
#include <rdma/siw-abi.h>

#include "abi.h"

struct ring rings[RINGS_MAX];
int ring_cnt;
bool recording;
struct target target;

/* Sees the mappings that the provider library makes. */
void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	static void *(*real)(void *, size_t, int, int, int, off_t);
	void *p;
	int i;

	if (!real)
		real = dlsym(RTLD_NEXT, "mmap");
	p = real(addr, len, prot, flags, fd, off);
	if (!recording || fd < 0 || !(flags & MAP_SHARED) || p == MAP_FAILED)
		return p;
	i = __atomic_fetch_add(&ring_cnt, 1, __ATOMIC_RELAXED);
	if (i < RINGS_MAX)
		rings[i] = (struct ring){ p, len, fd, off };
	return p;
}

uint32_t odd_u32(struct rnd *r)
{
	switch (below(r, 6)) {
	case 0:
		return below(r, 8);
	case 1:
		return ~0u - below(r, 8);
	case 2:
		return 1u << below(r, 32);
	case 3:
		return (1u << below(r, 32)) - 1 + below(r, 3);
	case 4:
		return below(r, 70000);
	default:
		return rnd(r);
	}
}

uint64_t odd_u64(struct rnd *r)
{
	switch (below(r, 5)) {
	case 0:
		return odd_u32(r);
	case 1:
		return ~0ull - odd_u32(r);
	case 2:
		return 1ull << below(r, 64);
	case 3:
		return odd_addr(r);
	default:
		return rnd64(r);
	}
}

static struct ring *any_ring(struct rnd *r)
{
	int n = __atomic_load_n(&ring_cnt, __ATOMIC_RELAXED);
	struct ring *ring;

	if (n > RINGS_MAX)
		n = RINGS_MAX;
	if (!n)
		return NULL;
	ring = &rings[below(r, n)];
	return ring->addr ? ring : NULL;
}

uint64_t odd_addr(struct rnd *r)
{
	struct ring *ring;

	switch (below(r, 8)) {
	case 0:
		return 0;
	case 1:
		ring = any_ring(r);
		return ring ? (uintptr_t)ring->addr + below(r, ring->len) : 1;
	case 2:			/* where kernels keep their own */
		return 0xffff888000000000ull + (rnd64(r) & 0xffffffff);
	case 3:
		return 0x60000000ull + (rnd(r) & 0xfffffff);
	case 4:
		return rnd64(r);
	default:
		return target.buf[below(r, 2)] + below(r, target.buf_len);
	}
}

/* --- elements ---------------------------------------------------------- */

static void sges(struct rnd *r, struct siw_sge *sge, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		uint32_t end = below(r, 2);

		sge[i].laddr = one_in(r, 6) ? odd_addr(r) :
			       target.buf[end] + below(r, target.buf_len);
		sge[i].length = one_in(r, 6) ? odd_u32(r) : below(r, 5000);
		sge[i].lkey = one_in(r, 8) ? odd_u32(r) : target.lkey[end];
	}
}

static void write_slot(struct ring *ring, size_t size, const void *wqe,
		       uint16_t flags)
{
	/* a number that the queues of the pair have, mostly */
	size_t slots = ring->len / size, i;
	static uint32_t turn;
	uint8_t *slot;

	if (!slots)
		return;
	i = __atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED) % slots;
	slot = ring->addr + i * size;
	memcpy(slot + 8 + 2, (const uint8_t *)wqe + 8 + 2, size - 10);
	memcpy(slot, wqe, 8);
	__atomic_store_n((uint16_t *)(slot + 8), flags, __ATOMIC_RELEASE);
}

void post_odd_send(struct rnd *r)
{
	struct siw_sqe sqe = { .id = rnd64(r) };
	struct ring *ring = any_ring(r);
	uint32_t end = below(r, 2);
	uint16_t flags = one_in(r, 4) ? (uint16_t)rnd(r) :
			 SIW_WQE_VALID | (rnd(r) & (SIW_WQE_SIGNALLED |
			 SIW_WQE_SOLICITED | SIW_WQE_READ_FENCE));

	if (!ring)
		return;
	sqe.opcode = one_in(r, 6) ? rnd(r) : below(r, SIW_NUM_OPCODES + 1);
	sqe.num_sge = one_in(r, 6) ? rnd(r) : below(r, SIW_MAX_SGE + 1);
	sqe.rkey = one_in(r, 6) ? odd_u32(r) : target.rkey[end];
	sqe.raddr = one_in(r, 6) ? odd_u64(r) :
		    target.buf[end] + below(r, target.buf_len);
	sges(r, sqe.sge, SIW_MAX_SGE);
	if (one_in(r, 5)) {
		flags |= SIW_WQE_INLINE;
		sqe.sge[0].length = below(r, 2 * SIW_MAX_INLINE);
	}
	write_slot(ring, sizeof(sqe), &sqe, flags);
	doorbell(r);
}

void post_odd_receive(struct rnd *r)
{
	struct siw_rqe rqe = { .id = rnd64(r) };
	struct ring *ring = any_ring(r);

	if (!ring)
		return;
	rqe.num_sge = one_in(r, 6) ? rnd(r) : below(r, SIW_MAX_SGE + 1);
	rqe.opcode = rnd(r);
	sges(r, rqe.sge, SIW_MAX_SGE);
	write_slot(ring, sizeof(rqe), &rqe,
		   one_in(r, 4) ? (uint16_t)rnd(r) : SIW_WQE_VALID);
}

/* Anything anywhere; the flags of elements more often. */
void spoil_ring(struct rnd *r)
{
	static const size_t sizes[] = { sizeof(struct siw_sqe),
		sizeof(struct siw_rqe), sizeof(struct siw_cqe) };
	struct ring *ring = any_ring(r);
	size_t size = sizes[below(r, 3)], at, n, i;

	if (!ring)
		return;
	if (one_in(r, 4)) {
		at = below(r, ring->len);
		n = 1 + below(r, one_in(r, 10) ? ring->len : 200);
		for (i = 0; i < n && at + i < ring->len; i++)
			ring->addr[at + i] = (uint8_t)rnd(r);
		return;
	}
	if (ring->len < size)
		return;
	at = below(r, ring->len / size) * size;
	i = one_in(r, 2) ? 8 : below(r, size - 4);
	ring->addr[at + i] = one_in(r, 2) ? (uint8_t)rnd(r) :
			     ring->addr[at + i] ^ SIW_WQE_VALID;
}

/* The word behind the elements of a completion queue, wherever that is. */
void arm_oddly(struct rnd *r)
{
	struct ring *ring = any_ring(r);
	uint32_t words;

	if (!ring)
		return;
	words = ring->len / 4;
	if (one_in(r, 2))	/* of the CQs of the pair: 256 elements */
		words = 256 * sizeof(struct siw_cqe) / 4 + 1;
	if (words * 4 > ring->len)
		return;
	((uint32_t *)ring->addr)[words - 1] = below(r, 8);
}

void doorbell(struct rnd *r)
{
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_post_send cmd;
	} req = {
		.hdr = { .command = IB_USER_VERBS_CMD_POST_SEND,
			 .in_words = sizeof(req) / 4,
			 .out_words =
			 sizeof(struct ib_uverbs_post_send_resp) / 4 },
		.cmd = { .wqe_size = 128 },
	};
	struct ib_uverbs_post_send_resp resp;
	uint32_t end = below(r, 2);
	ssize_t n;

	req.cmd.response = (uintptr_t)&resp;
	req.cmd.qp_handle = one_in(r, 20) ? odd_u32(r) : target.qp_handle[end];
	if (one_in(r, 20))
		req.cmd.wr_count = odd_u32(r);
	if (one_in(r, 20))
		req.cmd.sge_count = odd_u32(r);
	n = write(target.cmd_fd[end], &req, sizeof(req));
	(void)n;
}

/* --- mappings ---------------------------------------------------------- */

void map_oddly(struct rnd *r)
{
	struct ring *ring = any_ring(r);
	uint64_t key = ring && !one_in(r, 3) ? ring->key :
		       odd_u64(r) & ~4095ull;
	size_t len = ring && !one_in(r, 3) ? ring->len : 1 + odd_u32(r) % (1 << 24);
	int prot = one_in(r, 3) ? (int)below(r, 8) : PROT_READ | PROT_WRITE;
	int flags = one_in(r, 4) ? MAP_PRIVATE : MAP_SHARED;
	void *p;

	p = mmap(NULL, len, prot, flags, target.cmd_fd[below(r, 2)],
		 (off_t)key);
	if (p != MAP_FAILED && one_in(r, 2))
		munmap(p, len);
}

static void page_of(struct rnd *r, uint8_t **p, size_t *len)
{
	struct ring *ring = any_ring(r);

	*p = NULL;
	if (!ring)
		return;
	*len = one_in(r, 2) ? ring->len : 4096;
	*p = (uint8_t *)((uintptr_t)(ring->addr +
				     below(r, ring->len)) & ~4095ul);
	if (*len != 4096)
		*p = ring->addr;
}

void unmap_something(struct rnd *r)
{
	uint8_t *buf = (uint8_t *)(uintptr_t)
		       (target.buf[below(r, 2)] & ~4095ull);
	size_t len;
	uint8_t *p;

	page_of(r, &p, &len);
	if (!p)
		return;
	switch (below(r, 12)) {
	case 0:
		munmap(p, len);
		break;
	case 1:
		mprotect(p, len, below(r, 4));
		break;
	case 2:
		if (mremap(p, len, len * 2, MREMAP_MAYMOVE) == MAP_FAILED)
			break;
		break;
	case 3:			/* of the registered memory */
		munmap(buf + 4096 * below(r, target.buf_len / 4096), 4096);
		break;
	case 4:
		mmap(p, len, PROT_READ | PROT_WRITE,
		     MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		break;
	default:
		madvise(p, len, (int)below(r, 26));
	}
}
