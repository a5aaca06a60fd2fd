/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The golden frames of tests/vectors for tests, and small helpers to build
 * frames octet by octet, apart from the encoder that is under test.
 */
#ifndef SIW_TESTS_VECTORS_H
#define SIW_TESTS_VECTORS_H

#include "../../core/wire.h"

struct vector {
	const char *name;
	u32 len;
	const char *text;
	const char *hex;
};

#define VECTOR(name, len, text, hex)	{ #name, len, text, hex },

static const struct vector vectors[] = {
#include "../vectors/crc.hex"
#include "../vectors/mpa.hex"
#include "../vectors/fpdu.hex"
};

#define VECTOR_CNT	((u32)(sizeof(vectors) / sizeof(vectors[0])))
#define VECTOR_MAX	128u

static inline u8 hex_digit(char c)
{
	return (u8)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Octets of a string of hex digits; blanks are skipped. Return: how many. */
static inline u32 hex_octets(u8 *buf, const char *hex)
{
	u32 n = 0;

	while (*hex) {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		buf[n++] = (u8)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
		hex += 2;
	}
	return n;
}

/* Return: octets of a vector, put into @buf of VECTOR_MAX; 0 if unknown. */
static inline u32 vector_get(const char *name, u8 *buf)
{
	u32 i;

	for (i = 0; i < VECTOR_CNT; i++)
		if (!strcmp(vectors[i].name, name))
			return hex_octets(buf, vectors[i].hex);
	return 0;
}

static inline void put16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static inline void put32(u8 *p, u32 v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static inline void put64(u8 *p, u64 v)
{
	put32(p, (u32)(v >> 32));
	put32(p + 4, (u32)v);
}

static inline u32 get16(const u8 *p)
{
	return (u32)p[0] << 8 | p[1];
}

static inline u32 get32(const u8 *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static inline u64 get64(const u8 *p)
{
	return (u64)get32(p) << 32 | get32(p + 4);
}

/* Octets of the FPDU at @p, pad and CRC included. */
static inline u32 fpdu_octets(const u8 *p)
{
	return (2 + get16(p) + 3) / 4 * 4 + 4;
}

/* Write the CRC that the FPDU at @p should have. */
static inline void fix_crc(u8 *p)
{
	u32 n = fpdu_octets(p) - 4, crc = ~siw_crc32c(~0u, p, n);

	p[n] = (u8)crc;
	p[n + 1] = (u8)(crc >> 8);
	p[n + 2] = (u8)(crc >> 16);
	p[n + 3] = (u8)(crc >> 24);
}

#endif
