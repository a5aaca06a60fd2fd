/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The smallest test harness that runs the same test files twice: as programs
 * in user space and as KUnit suites inside a module build.
 *
 *	TEST(fn__case)
 *	{
 *		CHECK(cond);			goes on after a failure
 *		CHECK_EQ(got, want);		integers, printed in hex
 *		CHECK_STR(got, want);
 *		CHECK_MEM(got, want, len);	prints the first difference
 *		NEED(cond);			leaves the test
 *	}
 *	SUITE(rx, CASE(fn__case), CASE(...));	last line of the file
 *
 * A program prints "ok rx/fn__case" or "not ok rx/fn__case - why" for each
 * test and ends with "rx: N passed, N failed, N skipped" and status 0 or 1. An
 * argument runs only the tests whose name contains it.
 */
#ifndef SIW_TESTS_HARNESS_H
#define SIW_TESTS_HARNESS_H

#include "../../core/plat.h"

#ifdef __KERNEL__

#include <kunit/test.h>

/* The running test, so that helpers of a test can check things too. */
static struct kunit *test_now;

#define TEST(name)							\
	static void name##_body(void);					\
	static void name(struct kunit *test)				\
	{								\
		test_now = test;					\
		name##_body();						\
	}								\
	static void name##_body(void)
#define CASE(name)		KUNIT_CASE(name)
#define CHECK(cond)		KUNIT_EXPECT_TRUE(test_now, cond)
#define CHECK_EQ(got, want)	\
	KUNIT_EXPECT_EQ(test_now, (u64)(got), (u64)(want))
#define CHECK_STR(got, want)	KUNIT_EXPECT_STREQ(test_now, got, want)
#define CHECK_MEM(got, want, n)	\
	KUNIT_EXPECT_EQ(test_now, 0, memcmp(got, want, n))
#define NEED(cond)		KUNIT_ASSERT_TRUE(test_now, cond)
#define TEST_FAIL(...)		KUNIT_FAIL(test_now, __VA_ARGS__)
#define SUITE(suite_, ...)						\
	static struct kunit_case suite_##_cases[] = { __VA_ARGS__, {} };\
	static struct kunit_suite suite_##_suite = {			\
		.name = "siw_" #suite_,					\
		.test_cases = suite_##_cases,				\
	};								\
	kunit_test_suite(suite_##_suite)

#else

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
	const char *name;
	void (*run)(void);
};

static unsigned int test_bad;	/* failed checks of the running test */

#define TEST(name)	static void name(void)
#define CASE(fn)	{ .name = #fn, .run = fn }

#define TEST_SAY_MAX	20	/* the count goes on */

#define TEST_FAIL(...) do {						\
	if (test_bad++ >= TEST_SAY_MAX)					\
		break;							\
	printf("%s:%d: %s: ", __FILE__, __LINE__, __func__);		\
	printf(__VA_ARGS__);						\
	putchar('\n');							\
} while (0)

#define CHECK(cond) do {						\
	if (!(cond))							\
		TEST_FAIL("%s", #cond);					\
} while (0)

#define CHECK_EQ(got, want) do {					\
	uint64_t got_ = (uint64_t)(got), want_ = (uint64_t)(want);	\
	if (got_ != want_)						\
		TEST_FAIL("%s = 0x%" PRIx64 ", expected 0x%" PRIx64,	\
			  #got, got_, want_);				\
} while (0)

#define CHECK_STR(got, want) do {					\
	const char *got_ = (got), *want_ = (want);			\
	if (strcmp(got_, want_))					\
		TEST_FAIL("%s = \"%s\", expected \"%s\"",		\
			  #got, got_, want_);				\
} while (0)

#define CHECK_MEM(got, want, len) do {					\
	const unsigned char *got_ = (const void *)(got);		\
	const unsigned char *want_ = (const void *)(want);		\
	size_t i_, len_ = (len);					\
	for (i_ = 0; i_ < len_ && got_[i_] == want_[i_]; i_++)		\
		;							\
	if (i_ < len_)							\
		TEST_FAIL("%s[%zu] = %02x, expected %02x", #got, i_,	\
			  got_[i_], want_[i_]);				\
} while (0)

#define NEED(cond) do {							\
	if (!(cond)) {							\
		TEST_FAIL("%s", #cond);					\
		return;							\
	}								\
} while (0)

static inline int test_main(const char *name, const struct test_case *c,
			    size_t cnt, const char *only)
{
	unsigned int passed = 0, failed = 0;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < cnt; i++) {
		if (only && !strstr(c[i].name, only))
			continue;
		test_bad = 0;
		c[i].run();
		if (test_bad) {
			printf("not ok %s/%s - %u checks failed\n", name,
			       c[i].name, test_bad);
			failed++;
		} else {
			printf("ok %s/%s\n", name, c[i].name);
			passed++;
		}
	}
	printf("%s: %u passed, %u failed, 0 skipped\n", name, passed, failed);
	return failed || !passed;
}

#define SUITE(name, ...)						\
	static const struct test_case name##_cases[] = { __VA_ARGS__ };	\
	int main(int argc, char **argv)					\
	{								\
		return test_main(#name, name##_cases,			\
				 sizeof(name##_cases) /			\
				 sizeof(name##_cases[0]),		\
				 argc > 1 ? argv[1] : NULL);		\
	}								\
	struct test_end /* so that SUITE(...); is a declaration */

#endif
#endif
