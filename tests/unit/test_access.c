// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * core/access.h. DDP-7.1-08 to -13, RDMAP-7.2-06 to -11, DDP-5.2-07,
 * RDMAP-5.2.1-10, SEC-6.2.1-01, SEC-6.3.5-01, SEC-6.3.5-02, SEC-6.1.1-02,
 * RDMAP-7.2-12 (order of the checks), D-23, D-24, D-25, EXT-5.2.1-11,
 * EXT-5.1.1-01, EXT-5.1.2-03
 */
#include "harness.h"
#include "../../core/access.h"

static const int pd_a, pd_b;

#define RW	(SIW_R_LOCAL_WRITE | SIW_R_REMOTE_WRITE | SIW_R_REMOTE_READ)

static struct siw_mem_view view(u64 base, u64 len, u8 rights)
{
	const struct siw_mem_view v = {
		.valid = true,
		.rights = rights,
		.base = base,
		.len = len,
		.pd = &pd_a,
	};

	return v;
}

static enum siw_acc try(const struct siw_mem_view *v, u64 to, u32 len)
{
	return siw_access(v, &pd_a, SIW_R_REMOTE, to, len, SIW_R_REMOTE_WRITE);
}

TEST(siw_access__exact_bounds)
{
	struct siw_mem_view v = view(1001, 13, RW);
	u32 len;
	u64 to;

	for (to = 999; to < 1018; to++)
		for (len = 1; len < 18; len++)
			CHECK_EQ(try(&v, to, len),
				 to >= 1001 && to + len <= 1014 ?
				 SIW_ACC_OK : SIW_ACC_BOUNDS);
}

/* Exactly 2^64 counts as wrap: D-23. */
TEST(siw_access__wrap)
{
	struct siw_mem_view v = view(U64_MAX - 15, 16, RW);

	CHECK_EQ(try(&v, U64_MAX - 15, 15), SIW_ACC_OK);
	CHECK_EQ(try(&v, U64_MAX - 15, 16), SIW_ACC_WRAP);
	CHECK_EQ(try(&v, U64_MAX, 1), SIW_ACC_WRAP);
	CHECK_EQ(try(&v, U64_MAX - 1, 1), SIW_ACC_OK);
	CHECK_EQ(try(&v, U64_MAX - 15, U32_MAX), SIW_ACC_WRAP);
	v = view(0, 16, RW);
	CHECK_EQ(try(&v, U64_MAX - 1, 4), SIW_ACC_WRAP);
	CHECK_EQ(try(&v, U64_MAX - 3, 2), SIW_ACC_BOUNDS);
}

TEST(siw_access__huge_memory)
{
	struct siw_mem_view v = view(0, U64_MAX, RW);

	CHECK_EQ(try(&v, 0, U32_MAX), SIW_ACC_OK);
	CHECK_EQ(try(&v, U64_MAX - U32_MAX, U32_MAX), SIW_ACC_OK);
	v = view(1ULL << 63, 1ULL << 63, RW);
	CHECK_EQ(try(&v, (1ULL << 63) - 1, 1), SIW_ACC_BOUNDS);
	CHECK_EQ(try(&v, 1ULL << 63, 1), SIW_ACC_OK);
	v = view(4096, 0, RW);
	CHECK_EQ(try(&v, 4096, 1), SIW_ACC_BOUNDS);
}

/* No 31 or 32 bit length is ever taken for a negative one. */
TEST(siw_access__large_lengths)
{
	struct siw_mem_view v = view(0x1000, 0x80000000ULL, RW);

	CHECK_EQ(try(&v, 0x1000, 0x80000000u), SIW_ACC_OK);
	CHECK_EQ(try(&v, 0x1001, 0x80000000u), SIW_ACC_BOUNDS);
	CHECK_EQ(try(&v, 0x1000, U32_MAX), SIW_ACC_BOUNDS);
}

TEST(siw_access__zero_length_is_free)
{
	struct siw_mem_view v = { .valid = false };

	CHECK_EQ(siw_access(&v, &pd_b, 0, U64_MAX, 0, SIW_R_MASK), SIW_ACC_OK);
}

/* Only when memory and QP both grant every right that is needed. */
TEST(siw_access__rights)
{
	struct siw_mem_view v;
	u8 mem, qp, need;
	bool ok;

	for (mem = 0; mem <= SIW_R_MASK; mem++)
		for (qp = 0; qp <= SIW_R_MASK; qp++)
			for (need = 0; need <= SIW_R_MASK; need++) {
				v = view(0, 8, mem);
				ok = !(need & ~mem) &&
				     !(need & SIW_R_REMOTE & ~qp);
				CHECK_EQ(siw_access(&v, &pd_a, qp, 0, 8, need),
					 ok ? SIW_ACC_OK : SIW_ACC_RIGHTS);
			}
}

/* STag, association, rights, wrap, bounds: the first fault is reported. */
TEST(siw_access__order)
{
	struct siw_mem_view v = view(64, 8, 0);

	v.valid = false;
	CHECK_EQ(siw_access(&v, &pd_b, 0, U64_MAX, 2, SIW_R_REMOTE_READ),
		 SIW_ACC_STAG);
	v.valid = true;
	CHECK_EQ(siw_access(&v, &pd_b, 0, U64_MAX, 2, SIW_R_REMOTE_READ),
		 SIW_ACC_ASSOC);
	CHECK_EQ(siw_access(&v, &pd_a, 0, U64_MAX, 2, SIW_R_REMOTE_READ),
		 SIW_ACC_RIGHTS);
	v.rights = RW;
	CHECK_EQ(siw_access(&v, &pd_a, 0, U64_MAX, 2, SIW_R_REMOTE_READ),
		 SIW_ACC_RIGHTS);
	CHECK_EQ(siw_access(&v, &pd_a, RW, U64_MAX, 2, SIW_R_REMOTE_READ),
		 SIW_ACC_WRAP);
	CHECK_EQ(siw_access(&v, &pd_a, RW, 63, 2, SIW_R_REMOTE_READ),
		 SIW_ACC_BOUNDS);
	CHECK_EQ(siw_access(&v, &pd_a, RW, 64, 2, SIW_R_REMOTE_READ),
		 SIW_ACC_OK);
}

/* A work request of one's own does not depend on what the peer may do. */
TEST(siw_access_sge__local)
{
	struct siw_mem_view v = view(64, 8, 0);

	CHECK_EQ(siw_access_sge(&v, &pd_a, 64, 8, SIW_R_LOCAL_READ),
		 SIW_ACC_OK);
	CHECK_EQ(siw_access_sge(&v, &pd_a, 64, 8, SIW_R_LOCAL_WRITE),
		 SIW_ACC_RIGHTS);
	v.rights = SIW_R_LOCAL_WRITE;
	CHECK_EQ(siw_access_sge(&v, &pd_a, 64, 8, SIW_R_LOCAL_WRITE),
		 SIW_ACC_OK);
	CHECK_EQ(siw_access_sge(&v, &pd_b, 64, 8, SIW_R_LOCAL_WRITE),
		 SIW_ACC_ASSOC);
	CHECK_EQ(siw_access_sge(&v, &pd_a, 64, 9, SIW_R_LOCAL_WRITE),
		 SIW_ACC_BOUNDS);
	CHECK_EQ(siw_access_sge(&v, &pd_a, U64_MAX, 0, SIW_R_LOCAL_WRITE),
		 SIW_ACC_OK);
}

TEST(siw_acc_err__triples)
{
	static const struct {
		enum siw_acc acc;
		enum siw_err ddp, rdmap;
	} c[] = {
		{ SIW_ACC_OK, SIW_OK, SIW_OK },
		{ SIW_ACC_STAG, SIW_E_TAG_STAG, SIW_E_RPROT_STAG },
		{ SIW_ACC_ASSOC, SIW_E_TAG_ASSOC, SIW_E_RPROT_ASSOC },
		{ SIW_ACC_RIGHTS, SIW_E_RPROT_RIGHTS, SIW_E_RPROT_RIGHTS },
		{ SIW_ACC_WRAP, SIW_E_TAG_WRAP, SIW_E_RPROT_WRAP },
		{ SIW_ACC_BOUNDS, SIW_E_TAG_BOUNDS, SIW_E_RPROT_BOUNDS },
		{ (enum siw_acc)99, SIW_E_ROP_STREAM, SIW_E_ROP_STREAM },
	};
	u32 i;

	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		CHECK_EQ(siw_acc_err(c[i].acc, SIW_ACC_TAGGED), c[i].ddp);
		CHECK_EQ(siw_acc_err(c[i].acc, SIW_ACC_RREQ), c[i].rdmap);
	}
}

/* As for a Read of 8 octets, and alignment of memory comes last. */
TEST(siw_access_atomic__all)
{
	struct siw_mem_view v = view(0x1004, 64, SIW_R_REMOTE_ATOMIC);
	u32 i;

	/* registered so that offset 0x1004 is aligned memory */
	for (i = 0; i < 57; i++)
		CHECK_EQ(siw_access_atomic(&v, &pd_a, SIW_R_REMOTE, 0x1004 + i,
					   0x70000 + i),
			 i % 8 ? SIW_E_AREQ_ALIGN : SIW_OK);
	for (; i < 72; i++)
		CHECK_EQ(siw_access_atomic(&v, &pd_a, SIW_R_REMOTE, 0x1004 + i,
					   0x70000 + i), SIW_E_RPROT_BOUNDS);
	CHECK_EQ(siw_access_atomic(&v, &pd_a, SIW_R_REMOTE, 0x1003, 0x6ffff),
		 SIW_E_RPROT_BOUNDS);
	CHECK_EQ(siw_access_atomic(&v, &pd_a, SIW_R_REMOTE, U64_MAX - 7, 0),
		 SIW_E_RPROT_WRAP);
	CHECK_EQ(siw_access_atomic(&v, &pd_b, SIW_R_REMOTE, 0x1004, 0),
		 SIW_E_RPROT_ASSOC);
	CHECK_EQ(siw_access_atomic(&v, &pd_a, RW, 0x1004, 0),
		 SIW_E_RPROT_RIGHTS);
	v.rights = RW;
	CHECK_EQ(siw_access_atomic(&v, &pd_a, SIW_R_REMOTE, 0x1004, 1),
		 SIW_E_RPROT_RIGHTS);
	v.valid = false;
	CHECK_EQ(siw_access_atomic(&v, &pd_a, SIW_R_REMOTE, 0x1004, 1),
		 SIW_E_RPROT_STAG);
}

SUITE(access,
      CASE(siw_access__exact_bounds),
      CASE(siw_access__wrap),
      CASE(siw_access__huge_memory),
      CASE(siw_access__large_lengths),
      CASE(siw_access__zero_length_is_free),
      CASE(siw_access__rights),
      CASE(siw_access__order),
      CASE(siw_access_sge__local),
      CASE(siw_acc_err__triples),
      CASE(siw_access_atomic__all));
