// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * core/term.c. RDMAP-4.8-01 to -12, RDMAP-7.1-02 to -04, IANA-3-02, MPA-8-02,
 * EMPA-8-01; wire traps T20, T21, T41
 */
#include "harness.h"
#include "vectors.h"
#include "../../core/term.h"

#define MD	(RDMAP_TERM_M | RDMAP_TERM_D)
#define MDR	(MD | RDMAP_TERM_R)
#define PAYLOAD	20	/* of a Terminate within its FPDU */

static _Alignas(8) u8 frame[VECTOR_MAX];
static _Alignas(8) u8 want[VECTOR_MAX];
static u8 out[RDMAP_TERM_MAX];

static u32 golden_payload(const char *name)
{
	vector_get(name, want);
	return get16(want) - DDP_UNTAGGED_LEN;
}

/* Build from a golden offender and compare with a golden Terminate. */
static u32 build(enum siw_err err, const char *offender, u32 hdr_len)
{
	struct siw_term t;

	if (offender)
		vector_get(offender, frame);
	siw_term_init(&t, err, offender ? frame : NULL, hdr_len);
	memset(out, 0xee, sizeof(out));
	return siw_term_build(out, &t);
}

TEST(siw_term_init__golden)
{
	static const struct {
		const char *golden;
		enum siw_err err;
		const char *offender;
		u32 hdr_len;
	} c[] = {
		{ "G20", SIW_E_MPA_CRC, "G14", 20 },
		{ "G21", SIW_E_TAG_STAG, "G16", 16 },
		{ "G22", SIW_E_RPROT_STAG, "G17", 48 },
		{ "G23", SIW_E_UNT_NOBUF, "G14", 20 },
		{ "G24", SIW_E_MPA_RTR, NULL, 0 },
		{ "G25", SIW_E_RPROT_RIGHTS, "G30", 72 },
		{ "G26", SIW_E_AREQ_ALIGN, "G31", 20 },
		{ "G27", SIW_E_ROP_OPCODE, "G33", 20 },
		{ "G28", SIW_E_UNT_QN, "G32", 20 },
	};
	u32 i, n;

	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		n = golden_payload(c[i].golden);
		CHECK_EQ(build(c[i].err, c[i].offender, c[i].hdr_len), n);
		CHECK_MEM(out, want + PAYLOAD, n);
	}
}

/* R only for a Read Request, and then only for protection errors (D-30). */
TEST(siw_term_init__which_headers)
{
	struct siw_term t;

	NEED(vector_get("G17", frame));
	siw_term_init(&t, SIW_E_ROP_OPCODE, frame, 48);
	CHECK_EQ(t.hdrct, MD);
	CHECK_EQ(t.hdr_len, 18);
	CHECK_EQ(t.seg_len, 46);
	siw_term_init(&t, SIW_E_RPROT_RIGHTS, frame, 48);
	CHECK_EQ(t.hdrct, MDR);
	CHECK_EQ(t.hdr_len, 46);
	siw_term_init(&t, SIW_E_RPROT_RIGHTS, frame, 20);
	CHECK_EQ(t.hdrct, MD);
	siw_term_init(&t, SIW_E_RPROT_RIGHTS, frame, 19);
	CHECK_EQ(t.hdrct, 0);
	CHECK_EQ(t.hdr_len, 0);
	siw_term_init(&t, SIW_E_RPROT_RIGHTS, frame, 3);
	CHECK_EQ(t.hdrct, 0);
	siw_term_init(&t, SIW_E_DDP_RUNT, frame, 20);
	CHECK_EQ(t.hdrct, 0);
	NEED(vector_get("G16", frame));
	siw_term_init(&t, SIW_E_RPROT_RIGHTS, frame, 48);
	CHECK_EQ(t.hdrct, MD);
	CHECK_EQ(t.hdr_len, 14);
	NEED(vector_get("G15", frame));
	siw_term_init(&t, SIW_E_RPROT_INVAL, frame, 48);
	CHECK_EQ(t.hdrct, MD);
	CHECK_EQ(t.hdr_len, 18);
	/* EXT-8.1-02, D-42: never that of an Atomic */
	NEED(vector_get("G30", frame));
	siw_term_init(&t, SIW_E_RPROT_STAG, frame, 72);
	CHECK_EQ(t.hdrct, MD);
	CHECK_EQ(t.hdr_len, 18);
	CHECK_EQ(t.seg_len, 70);
}

TEST(siw_term_init__send_flag)
{
	struct siw_term t;

	siw_term_init(&t, SIW_E_MPA_LOST, NULL, 0);
	CHECK(!t.send);
	siw_term_init(&t, SIW_E_PEER_TERM, NULL, 0);
	CHECK(!t.send);
	siw_term_init(&t, SIW_E_RDMAP_LOCAL, NULL, 0);
	CHECK(t.send);
	CHECK_EQ(t.hdrct, 0);
}

/* RDMAP-4.8-09 */
TEST(siw_term_progress__midway)
{
	struct siw_term t;

	NEED(vector_get("G17", frame));
	siw_term_init(&t, SIW_E_RPROT_STAG, frame, 48);
	siw_term_progress(&t, 1000);
	CHECK_EQ(siw_term_build(out, &t), 52);
	CHECK_EQ(get16(out + 4), 46);
	CHECK_MEM(out + 6, frame + 2, 18);
	CHECK_EQ(get32(out + 24), 0x100);
	CHECK_EQ(get64(out + 28), 0x2000 + 1000);
	CHECK_EQ(get32(out + 36), 4096 - 1000);
	CHECK_EQ(get32(out + 40), 0x200);
	CHECK_EQ(get64(out + 44), 0x3000 + 1000);
}

TEST(siw_term_progress__limits)
{
	struct siw_term t;

	NEED(vector_get("G17", frame));
	siw_term_init(&t, SIW_E_RPROT_STAG, frame, 48);
	siw_term_progress(&t, 0);
	siw_term_build(out, &t);
	CHECK_MEM(out + 6, frame + 2, 46);
	siw_term_progress(&t, 5000);
	siw_term_build(out, &t);
	CHECK_EQ(get32(out + 36), 0);
	CHECK_EQ(get64(out + 28), 0x2000 + 4096);
}

TEST(siw_term_progress__needs_the_header)
{
	struct siw_term t;

	NEED(vector_get("G16", frame));
	siw_term_init(&t, SIW_E_TAG_STAG, frame, 16);
	siw_term_progress(&t, 4);
	CHECK_EQ(siw_term_build(out, &t), 20);
	CHECK_MEM(out + 6, frame + 2, 14);
}

/* RDMAP-4.8-02: reserved bits are zero; the lengths of wire.md section 7. */
TEST(siw_term_build__every_error)
{
	static const char * const offender[] = { "G14", "G16", "G17" };
	u32 err, i, n;

	for (err = 1; err < SIW_E_CNT; err++) {
		if (!siw_err_info((enum siw_err)err)->sendable)
			continue;
		for (i = 0; i < 3; i++) {
			n = build((enum siw_err)err, offender[i],
				  i == 2 ? 48 : i == 1 ? 16 : 20);
			CHECK(n == 4 || n == 20 || n == 24 || n == 52);
			CHECK_EQ(n > 4, (out[2] & MD) == MD);
			CHECK_EQ(n == 52, out[2] == MDR);
			CHECK_EQ(out[2] & 0x1f, 0);
			CHECK_EQ(out[3], 0);
		}
	}
}

TEST(siw_term_parse__golden)
{
	static const struct {
		const char *name;
		enum siw_err err;
		u8 hdrct, hdr_len;
		u16 seg_len;
	} c[] = {
		{ "G20", SIW_E_MPA_CRC, 0, 0, 0 },
		{ "G21", SIW_E_TAG_STAG, MD, 14, 18 },
		{ "G22", SIW_E_RPROT_STAG, MDR, 46, 46 },
		{ "G23", SIW_E_UNT_NOBUF, MD, 18, 23 },
		{ "G24", SIW_E_MPA_RTR, 0, 0, 0 },
	};
	struct siw_term t;
	u32 i, n;

	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		n = golden_payload(c[i].name);
		CHECK_EQ(siw_term_parse(&t, want + PAYLOAD, n), c[i].err);
		CHECK_EQ(t.err, c[i].err);
		CHECK(!t.swapped);
		CHECK(!t.send);
		CHECK_EQ(t.hdrct, c[i].hdrct);
		CHECK_EQ(t.hdr_len, c[i].hdr_len);
		CHECK_EQ(t.seg_len, c[i].seg_len);
		CHECK_MEM(t.hdr, want + PAYLOAD + 6, t.hdr_len);
	}
}

/* RDMAP-4.8-11, -12: too short is malformed, anything behind is ignored. */
TEST(siw_term_parse__every_length)
{
	static const char * const name[] = { "G20", "G21", "G22", "G23" };
	u8 buf[100];
	struct siw_term t;
	u32 i, n, len;

	for (i = 0; i < 4; i++) {
		n = golden_payload(name[i]);
		for (len = 0; len < sizeof(buf); len++) {
			memset(buf, 0xa5, sizeof(buf));
			memcpy(buf, want + PAYLOAD, n);
			siw_term_parse(&t, buf, len);
			CHECK_EQ(t.err == SIW_E_TERM_MALFORMED, len < n);
			if (len < n)
				CHECK_EQ(t.hdrct, 0);
		}
	}
}

TEST(siw_term_parse__bits_without_room)
{
	u8 buf[52];
	struct siw_term t;
	u32 bits, len;

	memset(buf, 0, sizeof(buf));
	buf[1] = 2;
	buf[0] = 0x20;
	for (bits = 0; bits < 8; bits++)
		for (len = 0; len <= sizeof(buf); len++) {
			buf[2] = (u8)(bits << 5);
			siw_term_parse(&t, buf, len);
			CHECK(t.err == SIW_E_TERM_MALFORMED ||
			      t.err == SIW_E_MPA_CRC);
			/* R says that a DDP header is in front of it. */
			if ((bits & 3) == 1)
				CHECK_EQ(t.err, SIW_E_TERM_MALFORMED);
		}
	buf[2] = RDMAP_TERM_M;
	put16(buf + 4, 77);
	CHECK_EQ(siw_term_parse(&t, buf, 6), SIW_E_MPA_CRC);
	CHECK_EQ(t.seg_len, 77);
	CHECK_EQ(t.hdr_len, 0);
}

/* RDMAP-4.8-03 */
TEST(siw_term_parse__reserved_bits)
{
	struct siw_term t;
	u32 n;

	n = golden_payload("G20");
	want[PAYLOAD + 2] |= 0x1f;
	want[PAYLOAD + 3] = 0xff;
	CHECK_EQ(siw_term_parse(&t, want + PAYLOAD, n), SIW_E_MPA_CRC);
	CHECK(!t.swapped);
	n = golden_payload("G22");
	want[PAYLOAD + 2] |= 0x1f;
	want[PAYLOAD + 3] = 0xff;
	CHECK_EQ(siw_term_parse(&t, want + PAYLOAD, n), SIW_E_RPROT_STAG);
	CHECK_EQ(t.hdrct, MDR);
}

/* IANA-3-02, T20, T21 */
TEST(siw_term_parse__foreign)
{
	static const u8 unknown[] = { 0x5a, 0x77, 0, 0 };
	static const u8 chelsio[] = { 0, 0, 0, 0 };
	static const u8 type_3[] = { 0x23, 0x06, 0, 0 };
	struct siw_term t;

	CHECK_EQ(siw_term_parse(&t, unknown, 4), SIW_E_TERM_UNKNOWN);
	CHECK_EQ(t.layer, 5);
	CHECK_EQ(t.etype, 10);
	CHECK_EQ(t.code, 0x77);
	CHECK_EQ(siw_term_parse(&t, chelsio, 4), SIW_E_RDMAP_LOCAL);
	CHECK_EQ(siw_term_parse(&t, type_3, 4), SIW_E_MPA_IRD);
	CHECK_EQ(t.etype, 3);
}

/* T41: layer and type exchanged, header bits from the other end. */
TEST(siw_term_parse__swapped)
{
	static const struct {
		u8 buf[8];
		u32 len;
		enum siw_err err;
		u8 layer, etype, hdrct;
	} c[] = {
		/* 2/0/02, no header bits: only the exchanged reading exists */
		{ { 0x02, 0x02, 0, 0 }, 4, SIW_E_MPA_CRC, 2, 0, 0 },
		/* 1/2/02 with M and D */
		{ { 0x21, 0x02, 3, 0, 0, 99 }, 8, SIW_E_UNT_NOBUF, 1, 2,
		  RDMAP_TERM_M },
		/* 0/1/00 with M, D, R, in four octets */
		{ { 0x10, 0x00, 7, 0 }, 4, SIW_E_RPROT_STAG, 0, 1, 0 },
		/* 1/1/01, the same in both readings */
		{ { 0x11, 0x01, 3, 0, 0, 20 }, 6, SIW_E_TAG_BOUNDS, 1, 1,
		  RDMAP_TERM_M },
	};
	struct siw_term t;
	u32 i;

	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		CHECK_EQ(siw_term_parse(&t, c[i].buf, c[i].len), c[i].err);
		CHECK(t.swapped);
		CHECK_EQ(t.layer, c[i].layer);
		CHECK_EQ(t.etype, c[i].etype);
		CHECK_EQ(t.hdrct, c[i].hdrct);
		CHECK_EQ(t.seg_len, t.hdrct ? c[i].buf[5] : 0);
		CHECK_EQ(t.hdr_len, 0);
	}
}

SUITE(term,
      CASE(siw_term_init__golden),
      CASE(siw_term_init__which_headers),
      CASE(siw_term_init__send_flag),
      CASE(siw_term_progress__midway),
      CASE(siw_term_progress__limits),
      CASE(siw_term_progress__needs_the_header),
      CASE(siw_term_build__every_error),
      CASE(siw_term_parse__golden),
      CASE(siw_term_parse__every_length),
      CASE(siw_term_parse__bits_without_room),
      CASE(siw_term_parse__reserved_bits),
      CASE(siw_term_parse__foreign),
      CASE(siw_term_parse__swapped));
