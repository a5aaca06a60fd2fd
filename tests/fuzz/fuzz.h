/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Shared by the fuzz targets. A target is a function of octets that aborts when
 * something that must hold does not; libFuzzer makes up the octets (CMake preset
 * "fuzz"), and replay.c gives it the files of corpus/ in every other build.
 *
 * An input is read from its beginning; what is beyond its end reads as zero, so
 * that every input means something.
 */
#ifndef SIW_TESTS_FUZZ_H
#define SIW_TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/plat.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define MUST(cond) do {							\
	if (!(cond)) {							\
		fprintf(stderr, "%s:%d: this must hold: %s\n",		\
			__FILE__, __LINE__, #cond);			\
		abort();						\
	}								\
} while (0)

struct fuzz_in {
	const u8 *p;
	size_t left;
};

static inline u8 fuzz_u8(struct fuzz_in *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

static inline u16 fuzz_u16(struct fuzz_in *in)
{
	u16 hi = fuzz_u8(in);

	return (u16)(hi << 8 | fuzz_u8(in));
}

static inline u32 fuzz_u32(struct fuzz_in *in)
{
	u32 hi = fuzz_u16(in);

	return hi << 16 | fuzz_u16(in);
}

static inline u64 fuzz_u64(struct fuzz_in *in)
{
	u64 hi = fuzz_u32(in);

	return hi << 32 | fuzz_u32(in);
}

/* The next @n octets; zeroes where there are none. */
static inline void fuzz_octets(struct fuzz_in *in, void *buf, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	memset(buf, 0, n);
	if (have)
		memcpy(buf, in->p, have);
	in->p += have;
	in->left -= have;
}

/* The same in memory that is exactly that large, so that a sanitizer sees what
 * is read behind it. To be freed.
 */
static inline u8 *fuzz_exact(const void *from, size_t n)
{
	u8 *p = malloc(n ? n : 1);

	MUST(p);
	if (n)
		memcpy(p, from, n);
	return p;
}

#endif
