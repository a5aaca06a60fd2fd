// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Tests of core/mpa.c: startup frames. Conformance ids in brackets. */
#include "../../core/mpa.h"
#include "../../core/wire.h"
#include "harness.h"
#include "vectors.h"

#define REQ	SIW_MPA_RESPONDER	/* who reads Requests */
#define REP	SIW_MPA_INITIATOR	/* who reads Replies */

static u8 buf[SIW_MPA_FRAME_MAX + 64];

/* A frame of the given role with the fields that a test plays with. */
static u32 frame(enum siw_mpa_role reader, u8 flags, u8 rev, u16 pd_len)
{
	u32 i;

	memset(buf, 0, sizeof(buf));
	memcpy(buf, reader == REQ ? MPA_KEY_REQ : MPA_KEY_REP, 16);
	buf[16] = flags;
	buf[17] = rev;
	buf[18] = (u8)(pd_len >> 8);
	buf[19] = (u8)pd_len;
	for (i = 20; i < sizeof(buf); i++)
		buf[i] = (u8)i;
	return 20u + pd_len;
}

static enum siw_mpa_why parse(struct siw_mpa_frame *f,
			      enum siw_mpa_role self, u32 n)
{
	return siw_mpa_parse(f, self, buf, n, SIW_MPA_PD_MAX);
}

static enum siw_mpa_why parse_vector(struct siw_mpa_frame *f,
				     enum siw_mpa_role self, const char *name)
{
	return parse(f, self, vector_get(name, buf));
}

/* -- siw_mpa_need ------------------------------------------------------- */

/* [MPA-7.1.1-22] any segmentation; never asks beyond the frame */
TEST(need__octet_by_octet)
{
	u32 len = frame(REQ, MPA_F_CRC, 1, 300), n;

	for (n = 0; n < len; n++)
		CHECK_EQ(siw_mpa_need(REQ, buf, n), n < 20 ? 20 - n : len - n);
	CHECK_EQ(siw_mpa_need(REQ, buf, len), 0);
	CHECK_EQ(siw_mpa_need(REQ, buf, len + 5), 0);
}

/* [MPA-7.1.1-02, -04, MPA-7.1.2-03] the verdict does not wait for the rest */
TEST(need__wrong_key_is_certain_at_once)
{
	u32 i;

	for (i = 0; i < 16; i++) {
		frame(REQ, 0, 1, 0);
		buf[i] ^= 0x01;
		CHECK_EQ(siw_mpa_need(REQ, buf, i), 20 - i);
		CHECK_EQ(siw_mpa_need(REQ, buf, i + 1), 0);
	}
	memcpy(buf, "GET / HTTP/1.0", 14);
	CHECK_EQ(siw_mpa_need(REQ, buf, 14), 0);
}

/* [MPA-7.1.1-17] 513 and 65535 are refused without their data */
TEST(need__bad_fixed_part)
{
	frame(REQ, 0, 1, 513);
	CHECK_EQ(siw_mpa_need(REQ, buf, 20), 0);
	frame(REP, 0, 1, 65535);
	CHECK_EQ(siw_mpa_need(REP, buf, 20), 0);
	frame(REQ, 0, 1, 512);
	CHECK_EQ(siw_mpa_need(REQ, buf, 20), 512);
	frame(REQ, 0, 3, 100);
	CHECK_EQ(siw_mpa_need(REQ, buf, 20), 0);
	frame(REQ, MPA_F_ENHANCED, 2, 3);
	CHECK_EQ(siw_mpa_need(REQ, buf, 20), 0);
	CHECK_EQ(siw_mpa_need(REQ, buf, 19), 1);
}

/* -- siw_mpa_parse ------------------------------------------------------ */

/* [MPA-7.1.1-02, -04] each of the sixteen octets counts, in both roles */
TEST(parse__every_key_octet)
{
	struct siw_mpa_frame f;
	u32 i, bit;

	for (i = 0; i < 16; i++)
		for (bit = 0; bit < 8; bit++) {
			/* only that bit makes one key of the other */
			bool clash = i == 9 && !bit;

			frame(REQ, 0, 1, 0);
			buf[i] ^= (u8)(1 << bit);
			CHECK_EQ(parse(&f, REQ, 20), clash ?
				 SIW_MPA_ROLE_CLASH : SIW_MPA_BAD_KEY);
			frame(REP, 0, 1, 0);
			buf[i] ^= (u8)(1 << bit);
			CHECK_EQ(parse(&f, REP, 20), clash ?
				 SIW_MPA_ROLE_CLASH : SIW_MPA_BAD_KEY);
		}
}

/* [MPA-7.1.2-18] */
TEST(parse__role_clash)
{
	struct siw_mpa_frame f;

	frame(REQ, 0, 1, 0);
	CHECK_EQ(parse(&f, REP, 20), SIW_MPA_ROLE_CLASH);
	CHECK_EQ(parse(&f, REP, 10), SIW_MPA_ROLE_CLASH);
	frame(REP, 0, 1, 0);
	CHECK_EQ(parse(&f, REQ, 20), SIW_MPA_ROLE_CLASH);
}

/* [MPA-7.1.1-19] every place where the stream can end */
TEST(parse__truncated)
{
	struct siw_mpa_frame f;
	u32 n, len = frame(REQ, 0, 1, 10);

	for (n = 0; n < len; n++)
		CHECK_EQ(parse(&f, REQ, n), SIW_MPA_TRUNCATED);
	CHECK_EQ(parse(&f, REQ, len), SIW_MPA_OK);
}

/* [MPA-7.1.1-14, MPA-C-01] */
TEST(parse__revisions)
{
	struct siw_mpa_frame f;
	u32 rev;

	for (rev = 0; rev < 256; rev++) {
		frame(REQ, 0, (u8)rev, 0);
		CHECK_EQ(parse(&f, REQ, 20), rev == 1 || rev == 2 ?
					     SIW_MPA_OK : SIW_MPA_BAD_REV);
		frame(REP, 0, (u8)rev, 0);
		CHECK_EQ(parse(&f, REP, 20), rev == 1 || rev == 2 ?
					     SIW_MPA_OK : SIW_MPA_BAD_REV);
	}
}

/* [MPA-7.1.1-17, -21] */
TEST(parse__pd_len)
{
	struct siw_mpa_frame f;
	u32 len;

	for (len = 0; len <= 512; len++) {
		u32 n = frame(REQ, 0, 1, (u16)len);

		NEED(parse(&f, REQ, n) == SIW_MPA_OK);
		CHECK_EQ(f.pd_len, len);
		CHECK(f.pd == buf + 20);
	}
	frame(REQ, 0, 1, 513);
	CHECK_EQ(parse(&f, REQ, 20), SIW_MPA_BAD_PD_LEN);
	frame(REQ, 0, 1, 65535);
	CHECK_EQ(parse(&f, REQ, sizeof(buf)), SIW_MPA_BAD_PD_LEN);
}

/* [MPA-7.1.1-09, -12] R of a Request and reserved bits mean nothing */
TEST(parse__ignored_bits)
{
	struct siw_mpa_frame f;

	frame(REQ, MPA_F_REJECT | MPA_F_CRC, 1, 0);
	CHECK_EQ(parse(&f, REQ, 20), SIW_MPA_OK);
	CHECK(!f.reject && f.crc && !f.markers && !f.enhanced);
	frame(REQ, 0x5f, 1, 0);
	CHECK_EQ(parse(&f, REQ, 20), SIW_MPA_OK);
	CHECK(!f.enhanced && f.crc && f.rev == 1);
	frame(REQ, 0x5f, 2, 4);
	CHECK_EQ(parse(&f, REQ, 24), SIW_MPA_OK);
	CHECK(f.enhanced && f.crc && f.rev == 2);
}

/* [MPA-7.1.1-05, -10] */
TEST(parse__flags_of_a_reply)
{
	struct siw_mpa_frame f;

	frame(REP, MPA_F_REJECT | MPA_F_MARKERS, 1, 2);
	CHECK_EQ(parse(&f, REP, 22), SIW_MPA_OK);
	CHECK(f.reply && f.reject && f.markers && !f.crc);
	CHECK_EQ(f.pd_len, 2);
}

/* [EMPA-6-07] also a peer whose block would be read from nowhere */
TEST(parse__no_room_for_the_block)
{
	struct siw_mpa_frame f;
	u32 len;

	for (len = 0; len < 4; len++) {
		u32 n = frame(REP, MPA_F_ENHANCED, 2, (u16)len);

		CHECK_EQ(parse(&f, REP, n), SIW_MPA_BAD_BLOCK);
		CHECK(!f.pd);
	}
	frame(REP, MPA_F_ENHANCED, 2, 4);
	CHECK_EQ(parse(&f, REP, 24), SIW_MPA_OK);
	CHECK_EQ(f.pd_len, 0);
}

/* [EMPA-6-08] S needs revision 2; revision 2 does without S */
TEST(parse__s_and_rev)
{
	struct siw_mpa_frame f;

	frame(REQ, MPA_F_ENHANCED, 1, 2);
	CHECK_EQ(parse(&f, REQ, 22), SIW_MPA_OK);
	CHECK(!f.enhanced);
	CHECK_EQ(f.pd_len, 2);
	frame(REQ, 0, 2, 2);
	CHECK_EQ(parse(&f, REQ, 22), SIW_MPA_OK);
	CHECK(!f.enhanced);
	CHECK_EQ(f.pd_len, 2);
}

/* [MPA-7.1.2-20] */
TEST(parse__room_of_the_ulp)
{
	struct siw_mpa_frame f;

	frame(REQ, 0, 1, 256);
	CHECK_EQ(siw_mpa_parse(&f, REQ, buf, 276, 256), SIW_MPA_OK);
	CHECK_EQ(siw_mpa_parse(&f, REQ, buf, 276, 255), SIW_MPA_PD_ROOM);
	/* the block is not the ULP's */
	frame(REQ, MPA_F_ENHANCED, 2, 259);
	CHECK_EQ(siw_mpa_parse(&f, REQ, buf, 279, 255), SIW_MPA_OK);
	CHECK_EQ(siw_mpa_parse(&f, REQ, buf, 279, 254), SIW_MPA_PD_ROOM);
	/* lengths live in more than eight bits */
	frame(REQ, MPA_F_ENHANCED, 2, 508);
	CHECK_EQ(siw_mpa_parse(&f, REQ, buf, 528, 512), SIW_MPA_OK);
	CHECK_EQ(f.pd_len, 504);
}

/* [EMPA-9-01, EMPA-9.2-12] all bits of the block, one by one */
TEST(parse__block)
{
	struct siw_mpa_frame f;

	NEED(parse_vector(&f, REQ, "G04") == SIW_MPA_OK);
	CHECK(f.enhanced && f.p2p && f.crc && !f.markers);
	CHECK_EQ(f.rtr, SIW_MPA_RTR_WRITE | SIW_MPA_RTR_READ);
	CHECK_EQ(f.ird, 32);
	CHECK_EQ(f.ord, 16);
	NEED(parse_vector(&f, REP, "G05") == SIW_MPA_OK);
	CHECK_EQ(f.rtr, SIW_MPA_RTR_READ);
	CHECK_EQ(f.ird, 16);
	CHECK_EQ(f.ord, 32);
	NEED(parse_vector(&f, REQ, "G06") == SIW_MPA_OK);
	CHECK(!f.p2p && !f.rtr);
	CHECK_EQ(f.ird, SIW_MPA_RD_NONE);
	CHECK_EQ(f.ord, SIW_MPA_RD_NONE);

	frame(REQ, MPA_F_ENHANCED, 2, 4);
	memcpy(buf + 20, "\x40\x01\xc0\x02", 4);	/* A=0, BCD=111 */
	NEED(parse(&f, REQ, 24) == SIW_MPA_OK);
	CHECK(!f.p2p && !f.rtr);
	CHECK_EQ(f.ird, 1);
	CHECK_EQ(f.ord, 2);
	buf[20] = 0xc0;
	buf[22] = 0;
	NEED(parse(&f, REQ, 24) == SIW_MPA_OK);
	CHECK_EQ(f.rtr, SIW_MPA_RTR_SEND);
}

/* Random frames: no verdict but those of the list, pd always inside. */
TEST(parse__random)
{
	struct siw_mpa_frame f;
	u32 seed = 1, i, n, k;

	for (i = 0; i < 20000; i++) {
		frame(i & 1 ? REQ : REP, 0, 0, 0);
		for (k = 16; k < 24; k++) {
			seed = seed * 1664525u + 1013904223u;
			buf[k] = (u8)(seed >> 24);
		}
		if (i & 2)
			buf[17] = 1 + (i & 1);
		if (i & 4)
			buf[18] &= 3;
		seed = seed * 1664525u + 1013904223u;
		n = (seed >> 8) % (SIW_MPA_FRAME_MAX + 1);
		if (parse(&f, i & 1 ? REQ : REP, n) != SIW_MPA_OK)
			continue;
		NEED(f.pd >= buf + 20 && f.pd + f.pd_len <= buf + n);
		NEED(f.pd_len <= siw_mpa_pd_max(f.enhanced));
		NEED(f.ird <= 0x3fff && f.ord <= 0x3fff && f.rtr <= 7);
	}
}

/* -- siw_mpa_tail ------------------------------------------------------- */

/* [MPA-7.1.1-18] strict behind a Request, lenient behind a Reply (D-06) */
TEST(tail__defaults_and_knobs)
{
	struct siw_mpa_local l = { .rev = 2 };

	CHECK_EQ(siw_mpa_tail(&l, REQ, 0), SIW_MPA_OK);
	CHECK_EQ(siw_mpa_tail(&l, REQ, 1), SIW_MPA_TRAILING);
	CHECK_EQ(siw_mpa_tail(&l, REP, 0), SIW_MPA_OK);
	CHECK_EQ(siw_mpa_tail(&l, REP, 1), SIW_MPA_OK);
	l.early_reply_tail = true;
	l.early_request_tail = true;
	CHECK_EQ(siw_mpa_tail(&l, REQ, 1), SIW_MPA_OK);
	CHECK_EQ(siw_mpa_tail(&l, REP, 0), SIW_MPA_OK);
	CHECK_EQ(siw_mpa_tail(&l, REP, 1), SIW_MPA_TRAILING);
}

/* -- siw_mpa_pd_max ----------------------------------------------------- */

/* [EMPA-6-10] */
TEST(pd_max__both)
{
	CHECK_EQ(siw_mpa_pd_max(false), 512);
	CHECK_EQ(siw_mpa_pd_max(true), 508);
}

/* -- siw_mpa_build ------------------------------------------------------ */

#define CHECK_FRAME(f, name) do {					\
	u8 vec_[VECTOR_MAX];						\
	u32 n_ = vector_get(name, vec_);				\
	CHECK_EQ(siw_mpa_build(buf, sizeof(buf), f), n_);		\
	CHECK_MEM(buf, vec_, n_);					\
} while (0)

/* [MPA-7.1.1-01, -03, -08, -11, -13, -16, EMPA-6-01, -05, -06, EMPA-9-01] */
TEST(build__golden)
{
	struct siw_mpa_frame f = { .rev = 1, .crc = true };

	CHECK_FRAME(&f, "G01");
	f.reject = true;		/* means nothing in a Request */
	CHECK_FRAME(&f, "G01");
	f.reject = false;
	f.reply = true;
	CHECK_FRAME(&f, "G02");
	f.reject = true;
	f.pd = (const u8 *)"no";
	f.pd_len = 2;
	CHECK_FRAME(&f, "G03");

	f = (struct siw_mpa_frame){
		.rev = 2, .crc = true, .enhanced = true, .p2p = true,
		.rtr = SIW_MPA_RTR_WRITE | SIW_MPA_RTR_READ,
		.ird = 32, .ord = 16,
	};
	CHECK_FRAME(&f, "G04");
	f.reply = true;
	f.rtr = SIW_MPA_RTR_READ;
	f.ird = 16;
	f.ord = 32;
	CHECK_FRAME(&f, "G05");
	f = (struct siw_mpa_frame){
		.rev = 2, .crc = true, .enhanced = true,
		.rtr = SIW_MPA_RTR_ALL,	/* [EMPA-9.2-11] no A, no BCD */
		.ird = SIW_MPA_RD_NONE, .ord = SIW_MPA_RD_NONE,
	};
	CHECK_FRAME(&f, "G06");
}

/* [MPA-7.1.1-21, EMPA-6-10] refused locally, nothing written */
TEST(build__limits)
{
	static const u8 pd[513];
	struct siw_mpa_frame f = { .rev = 1, .pd = pd, .pd_len = 512 };

	CHECK_EQ(siw_mpa_build(buf, SIW_MPA_FRAME_MAX, &f), 532);
	buf[0] = 0xaa;
	CHECK_EQ(siw_mpa_build(buf, 531, &f), 0);
	f.pd_len = 513;
	CHECK_EQ(siw_mpa_build(buf, sizeof(buf), &f), 0);
	f.enhanced = true;
	f.rev = 2;
	f.pd_len = 509;
	CHECK_EQ(siw_mpa_build(buf, sizeof(buf), &f), 0);
	CHECK_EQ(buf[0], 0xaa);
	f.pd_len = 508;
	CHECK_EQ(siw_mpa_build(buf, sizeof(buf), &f), 532);
	f.pd_len = 0;
	f.pd = NULL;
	CHECK_EQ(siw_mpa_build(buf, 23, &f), 0);
	CHECK_EQ(siw_mpa_build(buf, 24, &f), 24);
}

/* What was built is parsed to the same. All combinations of the flags. */
TEST(build__parse_round_trip)
{
	struct siw_mpa_frame f, g;
	u32 i, n;

	for (i = 0; i < 1 << 10; i++) {
		f = (struct siw_mpa_frame){
			.reply = i & 1, .markers = i & 2, .crc = i & 4,
			.rev = i & 8 ? 2 : 1, .reject = (i & 1) && (i & 16),
			.enhanced = (i & 8) && (i & 32),
			.pd = (const u8 *)"some octets", .pd_len = i & 7,
		};
		if (f.enhanced) {
			f.p2p = i & 64;
			f.rtr = f.p2p ? (u8)(i >> 7) : 0;
			f.ird = (u16)(i & 0x3fff);
			f.ord = (u16)((i * 31) & 0x3fff);
		}
		n = siw_mpa_build(buf, sizeof(buf), &f);
		NEED(parse(&g, f.reply ? REP : REQ, n) == SIW_MPA_OK);
		CHECK_MEM(g.pd, f.pd, f.pd_len);
		g.pd = f.pd;
		CHECK(f.reply == g.reply && f.markers == g.markers &&
		      f.crc == g.crc && f.rev == g.rev &&
		      f.reject == g.reject && f.enhanced == g.enhanced &&
		      f.p2p == g.p2p && f.rtr == g.rtr && f.ird == g.ird &&
		      f.ord == g.ord && f.pd_len == g.pd_len);
	}
}

/* -- names -------------------------------------------------------------- */

TEST(why_name__all_differ)
{
	int i, j;

	for (i = 0; i < SIW_MPA_WHY_CNT; i++) {
		NEED(siw_mpa_why_name((enum siw_mpa_why)i));
		for (j = 0; j < i; j++)
			CHECK(strcmp(siw_mpa_why_name((enum siw_mpa_why)i),
				     siw_mpa_why_name((enum siw_mpa_why)j)));
	}
	CHECK_STR(siw_mpa_why_name((enum siw_mpa_why)99), "unknown");
}

/* [MPA-8-04, EMPA-8-01] layer 2, type 0; only what may be sent is sendable */
TEST(why_err__codes)
{
	const struct siw_err_info *e;
	int i;

	CHECK_EQ(siw_mpa_why_err(SIW_MPA_OK), SIW_OK);
	CHECK_EQ(siw_mpa_why_err((enum siw_mpa_why)99), SIW_E_MPA_FRAME);
	for (i = SIW_MPA_BAD_KEY; i <= SIW_MPA_NO_RTR; i++) {
		/* a decision of people has no code */
		if (i == SIW_MPA_ULP_REJECT || i == SIW_MPA_REJECTED)
			continue;
		e = siw_err_info(siw_mpa_why_err((enum siw_mpa_why)i));
		CHECK_EQ(e->layer, 2);
		CHECK_EQ(e->etype, 0);
	}
	for (i = SIW_MPA_BAD_KEY; i <= SIW_MPA_TRAILING; i++) {
		e = siw_err_info(siw_mpa_why_err((enum siw_mpa_why)i));
		CHECK_EQ(e->code, 4);
		CHECK(!e->sendable);
	}
	e = siw_err_info(siw_mpa_why_err(SIW_MPA_CRC_REFUSED));
	CHECK(e->code == 5 && e->sendable);
	e = siw_err_info(siw_mpa_why_err(SIW_MPA_IRD_SHORT));
	CHECK(e->code == 6 && e->sendable);
	e = siw_err_info(siw_mpa_why_err(SIW_MPA_NO_RTR));
	CHECK(e->code == 7 && e->sendable);
}

SUITE(mpa,
	CASE(need__octet_by_octet),
	CASE(need__wrong_key_is_certain_at_once),
	CASE(need__bad_fixed_part),
	CASE(parse__every_key_octet),
	CASE(parse__role_clash),
	CASE(parse__truncated),
	CASE(parse__revisions),
	CASE(parse__pd_len),
	CASE(parse__ignored_bits),
	CASE(parse__flags_of_a_reply),
	CASE(parse__no_room_for_the_block),
	CASE(parse__s_and_rev),
	CASE(parse__room_of_the_ulp),
	CASE(parse__block),
	CASE(parse__random),
	CASE(tail__defaults_and_knobs),
	CASE(pd_max__both),
	CASE(build__golden),
	CASE(build__limits),
	CASE(build__parse_round_trip),
	CASE(why_name__all_differ),
	CASE(why_err__codes));
