// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Prints how fast this machine's time stamp counter runs, in kHz.
 *
 * An emulated CPU has the same counter. A guest cannot always find out by
 * itself: where other processes keep its emulator waiting, the short loops that
 * compare counter and timer chip measure nonsense, and its clock then runs many
 * times too fast. So tests/vm/run tells it.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct moment {
	uint64_t ns;
	uint64_t ticks;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* both clocks at once: of many readings the one that took the shortest */
static struct moment look(void)
{
	struct moment best = { 0, 0 };
	uint64_t shortest = UINT64_MAX;
	int i;

	for (i = 0; i < 1000; i++) {
		uint64_t before = __rdtsc();
		uint64_t ns = now_ns();
		uint64_t after = __rdtsc();

		if (after - before < shortest) {
			shortest = after - before;
			best.ns = ns;
			best.ticks = before + (after - before) / 2;
		}
	}
	return best;
}

int main(void)
{
	struct timespec pause = { 0, 300000000 };
	struct moment a = look(), b;

	nanosleep(&pause, NULL);
	b = look();
	printf("%llu\n", (unsigned long long)((b.ticks - a.ticks) * 1000000 /
					      (b.ns - a.ns)));
	return 0;
}
