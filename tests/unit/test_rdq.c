// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * core/rdq.c. RDMAP-6.1-03, RDMAP-6.1-04, RDMAP-6.1-06, RDMAP-5.2.1-05
 */
#include "harness.h"
#include "../../core/rdq.h"

TEST(siw_rdq_init__empty)
{
	struct siw_rdq q;

	siw_rdq_init(&q, 3);
	CHECK(siw_rdq_empty(&q));
	CHECK(!siw_rdq_full(&q));
	CHECK_EQ(siw_rdq_head(&q), -1);
	CHECK_EQ(siw_rdq_pop(&q), -1);
}

/* ORD or IRD 0: nothing goes in. */
TEST(siw_rdq_init__limit_0)
{
	struct siw_rdq q;

	siw_rdq_init(&q, 0);
	CHECK(siw_rdq_empty(&q));
	CHECK(siw_rdq_full(&q));
	CHECK_EQ(siw_rdq_push(&q), -1);
	CHECK_EQ(siw_rdq_pop(&q), -1);
}

TEST(siw_rdq_push__stops_at_the_limit)
{
	struct siw_rdq q;

	siw_rdq_init(&q, 2);
	CHECK_EQ(siw_rdq_push(&q), 0);
	CHECK_EQ(siw_rdq_push(&q), 1);
	CHECK(siw_rdq_full(&q));
	CHECK_EQ(siw_rdq_push(&q), -1);
	CHECK_EQ(q.cnt, 2);
	CHECK_EQ(siw_rdq_pop(&q), 0);
	CHECK_EQ(siw_rdq_push(&q), 0);
}

TEST(siw_rdq_head__stays)
{
	struct siw_rdq q;

	siw_rdq_init(&q, 4);
	siw_rdq_push(&q);
	siw_rdq_push(&q);
	CHECK_EQ(siw_rdq_head(&q), 0);
	CHECK_EQ(siw_rdq_head(&q), 0);
	siw_rdq_pop(&q);
	CHECK_EQ(siw_rdq_head(&q), 1);
}

TEST(siw_rdq_at__counts_from_the_oldest)
{
	struct siw_rdq q;

	siw_rdq_init(&q, 3);
	siw_rdq_push(&q);
	siw_rdq_push(&q);
	siw_rdq_pop(&q);
	siw_rdq_push(&q);
	siw_rdq_push(&q);
	CHECK_EQ(siw_rdq_at(&q, 0), 1);
	CHECK_EQ(siw_rdq_at(&q, 1), 2);
	CHECK_EQ(siw_rdq_at(&q, 2), 0);
	CHECK_EQ(siw_rdq_at(&q, 3), -1);
	CHECK_EQ(siw_rdq_at(&q, U32_MAX), -1);
}

/* Against a model: entries are numbered, slots must come back in order and
 * never be given out twice.
 */
TEST(siw_rdq_pop__first_in_first_out)
{
	u32 limit, step, x = 1, held[8], in, out;
	struct siw_rdq q;
	int i;

	for (limit = 1; limit <= 8; limit++) {
		siw_rdq_init(&q, limit);
		in = 0;
		out = 0;
		for (step = 0; step < 500; step++) {
			x = x * 1664525u + 1013904223u;
			if (x >> 31) {
				i = siw_rdq_push(&q);
				CHECK_EQ(i < 0, in - out == limit);
				if (i >= 0)
					held[i] = in++;
			} else {
				i = siw_rdq_pop(&q);
				CHECK_EQ(i < 0, in == out);
				if (i >= 0)
					CHECK_EQ(held[i], out++);
			}
			CHECK(i < (int)limit);
			CHECK_EQ(q.cnt, in - out);
		}
	}
}

/* A Read as RTR has a place beyond ORD, which goes away with it while other
 * Reads are outstanding.
 */
TEST(siw_rdq_pop__limit_lowered_in_use)
{
	struct siw_rdq q;
	u32 i;

	siw_rdq_init(&q, 5);
	for (i = 0; i < 5; i++)
		CHECK_EQ(siw_rdq_push(&q), i);
	CHECK_EQ(siw_rdq_pop(&q), 0);
	q.limit = 4;
	CHECK(siw_rdq_full(&q));
	CHECK_EQ(siw_rdq_at(&q, 3), 4);
	CHECK_EQ(siw_rdq_pop(&q), 1);
	CHECK_EQ(siw_rdq_push(&q), 0);
	CHECK_EQ(siw_rdq_push(&q), -1);
	for (i = 2; i < 5; i++)
		CHECK_EQ(siw_rdq_pop(&q), i);
	CHECK_EQ(siw_rdq_pop(&q), 0);
	CHECK(siw_rdq_empty(&q));
	/* ... to nothing at all, and back to more than there is. */
	CHECK_EQ(siw_rdq_push(&q), 1);
	q.limit = 0;
	CHECK_EQ(siw_rdq_push(&q), -1);
	CHECK_EQ(siw_rdq_pop(&q), 1);
	q.limit = 99;
	for (i = 0; i < 5; i++)
		CHECK(siw_rdq_push(&q) >= 0);
	CHECK_EQ(siw_rdq_push(&q), -1);
}

/* RDMAP-5.5-*, RDMAP-6.1-03: a fence waits for all, a Read for a place. */
TEST(siw_rdq_holds__fence_and_limit)
{
	struct siw_rdq q;

	siw_rdq_init(&q, 2);
	CHECK(!siw_rdq_holds(&q, true, true));
	siw_rdq_push(&q);
	CHECK(!siw_rdq_holds(&q, false, false));
	CHECK(!siw_rdq_holds(&q, false, true));
	CHECK(siw_rdq_holds(&q, true, false));
	CHECK(siw_rdq_holds(&q, true, true));
	siw_rdq_push(&q);
	CHECK(!siw_rdq_holds(&q, false, false));
	CHECK(siw_rdq_holds(&q, false, true));
	siw_rdq_pop(&q);
	CHECK(!siw_rdq_holds(&q, false, true));
	siw_rdq_pop(&q);
	CHECK(!siw_rdq_holds(&q, true, false));
	siw_rdq_init(&q, 0);
	CHECK(!siw_rdq_holds(&q, true, false));
	CHECK(siw_rdq_holds(&q, false, true));
}

SUITE(rdq,
      CASE(siw_rdq_init__empty),
      CASE(siw_rdq_init__limit_0),
      CASE(siw_rdq_push__stops_at_the_limit),
      CASE(siw_rdq_head__stays),
      CASE(siw_rdq_at__counts_from_the_oldest),
      CASE(siw_rdq_pop__first_in_first_out),
      CASE(siw_rdq_pop__limit_lowered_in_use),
      CASE(siw_rdq_holds__fence_and_limit));
