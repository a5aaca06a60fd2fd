/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Shared by the test programs here: what has to be, random numbers that are the
 * same in each run, tests by name.
 */
#ifndef NEED_H
#define NEED_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NEED(cond) do { \
	if (!(cond)) { \
		fprintf(stderr, "process %d, line %d: %s: %m\n", \
			(int)getpid(), __LINE__, #cond); \
		_exit(1); \
	} \
} while (0)

struct test {
	const char *name;
	void (*run)(void);
};

static inline uint32_t rnd(void)
{
	static uint32_t x = 2463534242;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

/* The test that is named, up to one without a name; no argument: their names. */
static inline int run_tests(const struct test *t, int argc, char **argv)
{
	for (; t->name; t++) {
		if (argc == 1)
			puts(t->name);
		else if (!strcmp(argv[1], t->name))
			return t->run(), 0;
	}
	return argc != 1;
}

#endif
