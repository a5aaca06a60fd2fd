// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * core/crc32c.c (user space only). MPA-4.4-01, MPA-4.4-11
 */
#include "harness.h"
#include "vectors.h"
#include "../../core/fpdu.h"

static const char * const crc_names[] = {
	"digits", "zeros", "ones", "rising", "falling", "iscsi_read", "fig5",
	"fig5_unmarked",
};

#define NAME_CNT	(sizeof(crc_names) / sizeof(crc_names[0]))

/* Some octets in which every length and alignment differs. */
static u8 noise[300];

static void make_noise(void)
{
	u32 i, x = 12345;

	for (i = 0; i < sizeof(noise); i++) {
		x = x * 1103515245u + 12345u;
		noise[i] = (u8)(x >> 16);
	}
}

TEST(siw_crc32c_soft__vectors)
{
	u8 buf[VECTOR_MAX];
	u32 i, n;
	__le32 wire;

	for (i = 0; i < NAME_CNT; i++) {
		n = vector_get(crc_names[i], buf);
		NEED(n > 4);
		wire = siw_fpdu_crc(siw_crc32c_soft(~0u, buf, n - 4));
		CHECK_MEM(&wire, buf + n - 4, 4);
	}
}

TEST(siw_crc32c__vectors)
{
	u8 buf[VECTOR_MAX];
	u32 i, n;
	__le32 wire;

	for (i = 0; i < NAME_CNT; i++) {
		n = vector_get(crc_names[i], buf);
		NEED(n > 4);
		wire = siw_fpdu_crc(siw_crc32c(~0u, buf, n - 4));
		CHECK_MEM(&wire, buf + n - 4, 4);
	}
}

TEST(siw_crc32c__equals_soft_for_every_length_and_alignment)
{
	u32 off, len;

	make_noise();
	for (off = 0; off < 9; off++)
		for (len = 0; len < sizeof(noise) - 9; len++)
			CHECK_EQ(siw_crc32c(~0u, noise + off, len),
				 siw_crc32c_soft(~0u, noise + off, len));
}

TEST(siw_crc32c__continues)
{
	u32 whole, cut, part;

	make_noise();
	whole = siw_crc32c(~0u, noise, sizeof(noise));
	for (cut = 0; cut <= sizeof(noise); cut++) {
		part = siw_crc32c(~0u, noise, cut);
		CHECK_EQ(siw_crc32c(part, noise + cut, sizeof(noise) - cut),
			 whole);
	}
}

/* What the receive machine relies on: see MPA_CRC_RESIDUE. */
TEST(siw_crc32c__residue)
{
	u8 buf[VECTOR_MAX];
	u32 i, n;

	for (i = 0; i < NAME_CNT; i++) {
		n = vector_get(crc_names[i], buf);
		CHECK_EQ(siw_crc32c(~0u, buf, n), MPA_CRC_RESIDUE);
		buf[n / 2] ^= 1;
		CHECK(siw_crc32c(~0u, buf, n) != MPA_CRC_RESIDUE);
	}
}

SUITE(crc32c,
      CASE(siw_crc32c_soft__vectors),
      CASE(siw_crc32c__vectors),
      CASE(siw_crc32c__equals_soft_for_every_length_and_alignment),
      CASE(siw_crc32c__continues),
      CASE(siw_crc32c__residue));
