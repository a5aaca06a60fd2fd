// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What goes wrong between two ends: completions, async events, flushing, and
 * memory of the program that is not there.
 */
#include <stdio.h>
#include <infiniband/verbs.h>
#include <sys/mman.h>

#include "core/access.h"
#include "harness.h"
#include "pair.h"

#define ALL_RIGHTS	0x0f
#define BIG		300000u

static u8 src[1 << 20], dst[1 << 20];

static void check_status(struct end *e, u64 id, u16 status)
{
	struct siw_cqe c;

	NEED(wait_cqe(e, &c));
	CHECK_EQ(c.id, id);
	CHECK_EQ(c.status, status);
}

/* Both ends are told that the connection is over. */
static void check_over(struct pair *p)
{
	CHECK(wait_cm(&p->a, USIW_CM_DISCONNECT, NULL));
	CHECK(wait_cm(&p->a, USIW_CM_CLOSE, NULL));
	CHECK(wait_cm(&p->b, USIW_CM_DISCONNECT, NULL));
	CHECK(wait_cm(&p->b, USIW_CM_CLOSE, NULL));
	CHECK(wait_state(&p->a, SIW_QP_ERROR));
	CHECK(wait_state(&p->b, SIW_QP_ERROR));
}

TEST(write__bad_stag)
{
	struct pair_opts o = {};
	struct pair p;
	u32 k;

	NEED(pair_init(&p, &o));
	end_reg(&p.a, src, sizeof(src), ALL_RIGHTS, &k);
	CHECK(post_rdma(&p.a, 1, SIW_OP_WRITE, 0, src, 64, k, 0, 0x12345));
	check_status(&p.a, 1, SIW_WC_SUCCESS);
	CHECK(wait_async(&p.b, IBV_EVENT_QP_ACCESS_ERR));
	CHECK(wait_async(&p.a, IBV_EVENT_QP_FATAL));
	check_over(&p);
	pair_fini(&p);
}

TEST(read__no_right)
{
	struct pair_opts o = {};
	struct pair p;
	u32 ks, kd;

	NEED(pair_init(&p, &o));
	end_reg(&p.a, src, sizeof(src), ALL_RIGHTS, &ks);
	end_reg(&p.b, dst, sizeof(dst), SIW_R_LOCAL_WRITE, &kd);
	CHECK(post_rdma(&p.a, 1, SIW_OP_READ, 0, src, 64, ks, (uintptr_t)dst,
			kd));
	check_status(&p.a, 1, SIW_WC_REM_ACCESS_ERR);
	CHECK(wait_async(&p.b, IBV_EVENT_QP_ACCESS_ERR));
	check_over(&p);
	pair_fini(&p);
}

TEST(read__beyond)
{
	struct pair_opts o = {};
	struct pair p;
	u32 ks, kd;

	NEED(pair_init(&p, &o));
	end_reg(&p.a, src, sizeof(src), ALL_RIGHTS, &ks);
	end_reg(&p.b, dst, 100, ALL_RIGHTS, &kd);
	CHECK(post_rdma(&p.a, 1, SIW_OP_READ, 0, src, 101, ks, (uintptr_t)dst,
			kd));
	check_status(&p.a, 1, SIW_WC_REM_ACCESS_ERR);
	check_over(&p);
	pair_fini(&p);
}

TEST(send__no_buffer)
{
	struct pair_opts o = {};
	struct pair p;

	NEED(pair_init(&p, &o));
	CHECK(post_send(&p.a, 1, SIW_OP_SEND, SIW_WQE_INLINE, src, 8, 0));
	check_status(&p.a, 1, SIW_WC_SUCCESS);
	CHECK(wait_async(&p.b, IBV_EVENT_QP_REQ_ERR));
	check_over(&p);
	pair_fini(&p);
}

TEST(send__too_long)
{
	struct pair_opts o = {};
	struct pair p;
	u32 k;

	NEED(pair_init(&p, &o));
	end_reg(&p.b, dst, sizeof(dst), ALL_RIGHTS, &k);
	CHECK(post_recv(&p.b, 1, dst, 7, k));
	CHECK(post_recv(&p.b, 2, dst, 7, k));
	CHECK(post_send(&p.a, 1, SIW_OP_SEND, SIW_WQE_INLINE, src, 8, 0));
	check_status(&p.b, 1, SIW_WC_LOC_LEN_ERR);
	check_status(&p.b, 2, SIW_WC_WR_FLUSH_ERR);
	check_over(&p);
	pair_fini(&p);
}

TEST(invalidate__refused)
{
	struct pair_opts o = {};
	struct pair p;
	u32 k;

	NEED(pair_init(&p, &o));
	end_reg(&p.b, dst, sizeof(dst), ALL_RIGHTS, &k);
	CHECK(post_recv(&p.b, 1, dst, 64, k));
	CHECK(post_rdma(&p.a, 1, SIW_OP_SEND_REMOTE_INV, SIW_WQE_INLINE, src,
			8, 0, 0, k));
	check_status(&p.b, 1, SIW_WC_WR_FLUSH_ERR);
	check_over(&p);
	pair_fini(&p);
}

/* The bad one is told what is wrong, the others are flushed, in order. */
static void bad_wr(u8 opcode, u32 len, u32 lkey, u16 status)
{
	struct pair_opts o = {};
	struct pair p;
	u32 k;

	NEED(pair_init(&p, &o));
	end_reg(&p.b, dst, sizeof(dst), ALL_RIGHTS, &k);
	CHECK(post_recv(&p.b, 1, dst, 64, k));
	CHECK(post_recv(&p.b, 2, dst, 64, k));
	CHECK(post_send(&p.a, 1, SIW_OP_SEND, SIW_WQE_INLINE, src, 8, 0));
	CHECK(post_send(&p.a, 2, opcode, 0, src, len, lkey));
	CHECK(post_send(&p.a, 3, SIW_OP_SEND, SIW_WQE_INLINE, src, 8, 0));
	check_status(&p.a, 1, SIW_WC_SUCCESS);
	check_status(&p.a, 2, status);
	check_status(&p.a, 3, SIW_WC_WR_FLUSH_ERR);
	check_status(&p.b, 1, SIW_WC_SUCCESS);
	check_status(&p.b, 2, SIW_WC_WR_FLUSH_ERR);
	CHECK(wait_async(&p.b, IBV_EVENT_QP_FATAL));
	check_over(&p);
	/* what is posted in error is flushed as well */
	CHECK(post_send(&p.a, 4, SIW_OP_SEND, SIW_WQE_INLINE, src, 8, 0));
	check_status(&p.a, 4, SIW_WC_WR_FLUSH_ERR);
	CHECK(post_recv(&p.b, 5, dst, 64, k));
	check_status(&p.b, 5, SIW_WC_WR_FLUSH_ERR);
	pair_fini(&p);
}

TEST(wr__bad_lkey)
{
	bad_wr(SIW_OP_SEND, 64, 0x4711, SIW_WC_LOC_PROT_ERR);
}

TEST(wr__bad_opcode)
{
	bad_wr(SIW_OP_REG_MR, 64, 0, SIW_WC_LOC_QP_OP_ERR);
	bad_wr(SIW_OP_SEND_WITH_IMM, 64, 0, SIW_WC_LOC_QP_OP_ERR);
	bad_wr(0xff, 64, 0, SIW_WC_LOC_QP_OP_ERR);
}

TEST(recv__bad_lkey)
{
	struct pair_opts o = {};
	struct pair p;

	NEED(pair_init(&p, &o));
	CHECK(post_recv(&p.b, 1, dst, 64, 0x4711));
	CHECK(post_send(&p.a, 1, SIW_OP_SEND, SIW_WQE_INLINE, src, 8, 0));
	check_status(&p.b, 1, SIW_WC_LOC_PROT_ERR);
	CHECK(wait_async(&p.b, IBV_EVENT_QP_REQ_ERR));
	check_over(&p);
	pair_fini(&p);
}

TEST(cq__overflow)
{
	struct pair_opts o = { .end.num_cqe = 4 };
	struct pair p;
	u32 i;

	NEED(pair_init(&p, &o));
	for (i = 0; i < 5; i++)
		CHECK(post_rdma(&p.a, i, SIW_OP_WRITE, SIW_WQE_INLINE, src, 0,
				0, 0, 0));
	CHECK(wait_async(&p.a, IBV_EVENT_CQ_ERR));
	check_over(&p);
	for (i = 0; i < 4; i++)
		check_status(&p.a, i, SIW_WC_SUCCESS);
	pair_fini(&p);
}

TEST(srq__last_wqe)
{
	struct pair_opts o = { .end.num_srqe = 8 };
	struct pair p;

	NEED(pair_init(&p, &o));
	usiw_lock();
	CHECK_EQ(usiw_qp_modify(p.a.qp, SIW_QP_EV_MOD_ERR), 0);
	usiw_unlock();
	CHECK(wait_async(&p.a, IBV_EVENT_QP_LAST_WQE_REACHED));
	CHECK(wait_async(&p.b, IBV_EVENT_QP_LAST_WQE_REACHED));
	check_over(&p);
	pair_fini(&p);
}

/* --- memory that is not there ------------------------------------------------ */

enum trouble { UNMAPPED, READ_ONLY, UNMAPPED_LATER, HALF };

static u8 *bad_memory(enum trouble t)
{
	int prot = t == READ_ONLY ? PROT_READ : PROT_READ | PROT_WRITE;
	u8 *p = mmap(NULL, 2 * BIG, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (t == UNMAPPED)
		munmap(p, 2 * BIG);
	if (t == HALF)
		munmap(p + 4096 * (BIG / 8192), 2 * BIG - 4096 * (BIG / 8192));
	return p;
}

static void drop_memory(enum trouble t, u8 *p)
{
	if (t == HALF)
		munmap(p, 4096 * (BIG / 8192));
	else if (t != UNMAPPED)
		munmap(p, 2 * BIG);
}

/* Octets are read from there, to be sent. */
static void bad_source(u8 opcode, u32 len, bool crc, enum trouble t)
{
	struct pair_opts o = { .crc = crc };
	u8 *bad = bad_memory(t);
	struct pair p;
	u32 ks, kd;

	NEED(pair_init(&p, &o));
	end_reg(&p.a, bad, 2 * BIG, ALL_RIGHTS, &ks);
	end_reg(&p.b, dst, sizeof(dst), ALL_RIGHTS, &kd);
	CHECK(post_recv(&p.b, 1, dst, sizeof(dst), kd));
	if (t == UNMAPPED_LATER) {
		CHECK(post_rdma(&p.a, 7, SIW_OP_WRITE, 0, bad, len, ks,
				(uintptr_t)dst, kd));
		check_status(&p.a, 7, SIW_WC_SUCCESS);
		munmap(bad, 2 * BIG);
	}
	if (opcode == SIW_OP_READ) {
		CHECK(post_rdma(&p.b, 2, opcode, 0, dst, len, kd,
				(uintptr_t)bad, ks));
		CHECK(wait_async(&p.a, IBV_EVENT_QP_FATAL));
	} else {
		CHECK(post_rdma(&p.a, 2, opcode, 0, bad, len, ks,
				(uintptr_t)dst, kd));
		check_status(&p.a, 2, SIW_WC_LOC_PROT_ERR);
		CHECK(wait_async(&p.a, IBV_EVENT_QP_FATAL));
	}
	if (t != UNMAPPED_LATER)
		CHECK(wait_async(&p.b, IBV_EVENT_QP_FATAL));
	check_over(&p);
	pair_fini(&p);
	if (t != UNMAPPED_LATER)
		drop_memory(t, bad);
}

/* Octets that arrive go there. */
static void bad_sink(u8 opcode, u32 len, bool crc, enum trouble t)
{
	struct pair_opts o = { .crc = crc };
	u8 *bad = bad_memory(t);
	struct pair p;
	u32 ks, kd;

	NEED(pair_init(&p, &o));
	end_reg(&p.a, src, sizeof(src), ALL_RIGHTS, &ks);
	end_reg(&p.b, bad, 2 * BIG, ALL_RIGHTS, &kd);
	if (t == UNMAPPED_LATER)
		munmap(bad, 2 * BIG);
	CHECK(post_recv(&p.b, 1, bad, 2 * BIG, kd));
	if (opcode == SIW_OP_READ) {
		CHECK(post_rdma(&p.b, 2, opcode, 0, bad, len, kd,
				(uintptr_t)src, ks));
		check_status(&p.b, 2, SIW_WC_LOC_PROT_ERR);
	} else {
		CHECK(post_rdma(&p.a, 2, opcode, 0, src, len, ks,
				(uintptr_t)bad, kd));
	}
	if (opcode == SIW_OP_SEND)
		check_status(&p.b, 1, SIW_WC_LOC_PROT_ERR);
	CHECK(wait_async(&p.b, IBV_EVENT_QP_REQ_ERR));
	CHECK(wait_async(&p.a, IBV_EVENT_QP_FATAL));
	check_over(&p);
	pair_fini(&p);
	if (t != UNMAPPED_LATER)
		drop_memory(t, bad);
}

static void for_all(void (*fn)(u8, u32, bool, enum trouble), enum trouble t)
{
	static const u8 ops[] = { SIW_OP_SEND, SIW_OP_WRITE, SIW_OP_READ };
	u32 i, crc;

	for (i = 0; i < 3; i++)
		for (crc = 0; crc < 2; crc++) {
			fn(ops[i], BIG, crc, t);
			if (t != HALF)
				fn(ops[i], 64, crc, t);
			if (test_bad) {
				printf("opcode %u, crc %u\n", ops[i], crc);
				return;
			}
		}
}

TEST(source__unmapped)
{
	for_all(bad_source, UNMAPPED);
}

TEST(source__half)
{
	for_all(bad_source, HALF);
}

TEST(source__unmapped_later)
{
	for_all(bad_source, UNMAPPED_LATER);
}

TEST(sink__unmapped)
{
	for_all(bad_sink, UNMAPPED);
}

TEST(sink__half)
{
	for_all(bad_sink, HALF);
}

TEST(sink__read_only)
{
	for_all(bad_sink, READ_ONLY);
}

/* Deregistered while the peer reads from it: the peer gets no more of it. */
TEST(dereg__under_read)
{
	struct pair_opts o = {};
	struct siw_cqe c;
	struct pair p;
	u32 ks, kd, i, good = 0;

	NEED(pair_init(&p, &o));
	end_reg(&p.a, src, sizeof(src), ALL_RIGHTS, &ks);
	end_reg(&p.b, dst, sizeof(dst), ALL_RIGHTS, &kd);
	for (i = 0; i < 16; i++)
		CHECK(post_rdma(&p.a, i, SIW_OP_READ, 0, src, sizeof(src), ks,
				(uintptr_t)dst, kd));
	end_dereg(&p.b);
	for (i = 0; i < 16; i++) {
		NEED(wait_cqe(&p.a, &c));
		CHECK_EQ(c.id, i);
		if (c.status == SIW_WC_SUCCESS)
			good++;
		else if (i == good)
			CHECK_EQ(c.status, SIW_WC_REM_ACCESS_ERR);
		else
			CHECK_EQ(c.status, SIW_WC_WR_FLUSH_ERR);
	}
	CHECK(good < 16);
	check_over(&p);
	pair_fini(&p);
}

SUITE(usiw_errors, CASE(write__bad_stag), CASE(read__no_right),
      CASE(read__beyond), CASE(send__no_buffer), CASE(send__too_long),
      CASE(invalidate__refused), CASE(wr__bad_lkey), CASE(wr__bad_opcode),
      CASE(recv__bad_lkey), CASE(cq__overflow), CASE(srq__last_wqe),
      CASE(source__unmapped), CASE(source__half), CASE(source__unmapped_later),
      CASE(sink__unmapped), CASE(sink__half), CASE(sink__read_only),
      CASE(dereg__under_read));
