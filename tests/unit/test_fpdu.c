// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * core/fpdu.c. MPA-3-02, MPA-4.1-01 to -03, MPA-4.5-01, -02, -05, DDP-4.1-*,
 * DDP-4.2-01, DDP-4.3-01, RDMAP-4.1-*, RDMAP-4.4-01, RDMAP-7.2-02 to -04
 */
#include "harness.h"
#include "vectors.h"
#include "../../core/fpdu.h"

static _Alignas(8) u8 frame[VECTOR_MAX];

TEST(siw_opcode_info__table)
{
	/* wire.md table W-2: opcode, tagged, queue, header octets */
	static const u8 t[][4] = {
		{ RDMAP_WRITE, 1, 0, 16 }, { RDMAP_READ_REQ, 0, 1, 48 },
		{ RDMAP_READ_RESP, 1, 0, 16 }, { RDMAP_SEND, 0, 0, 20 },
		{ RDMAP_SEND_INVAL, 0, 0, 20 }, { RDMAP_SEND_SE, 0, 0, 20 },
		{ RDMAP_SEND_SE_INVAL, 0, 0, 20 },
		{ RDMAP_TERMINATE, 0, 2, 20 }, { RDMAP_IMM, 0, 0, 28 },
		{ RDMAP_IMM_SE, 0, 0, 28 }, { RDMAP_ATOMIC_REQ, 0, 1, 72 },
		{ RDMAP_ATOMIC_RESP, 0, 3, 32 },
	};
	const struct siw_opcode_info *info;
	u8 op;

	for (op = 0; op < sizeof(t) / sizeof(t[0]); op++) {
		info = siw_opcode_info(t[op][0]);
		CHECK(info->known);
		CHECK_EQ(info->tagged, t[op][1]);
		CHECK_EQ(info->qn, t[op][2]);
		CHECK_EQ(info->hdr_len, t[op][3]);
		CHECK_EQ(info->solicited, op == 5 || op == 6 || op == 9);
		CHECK_EQ(info->invalidate, op == 4 || op == 6);
		CHECK_EQ(info->ext, op < 8 ? 0 : op < 10 ? SIW_EXT_IMM :
							   SIW_EXT_ATOMIC);
	}
	for (; op < RDMAP_OPCODE_CNT; op++)
		CHECK(!siw_opcode_info(op)->known);
	CHECK(siw_opcode_info(0xf3) == siw_opcode_info(RDMAP_SEND));
}

TEST(siw_fpdu_pad__all)
{
	u32 n;

	for (n = 0; n <= 0xffff; n++) {
		CHECK(siw_fpdu_pad(n) <= 3);
		CHECK_EQ((2 + n + siw_fpdu_pad(n)) % 4, 0);
	}
}

TEST(siw_fpdu_size__golden)
{
	u32 i, n;

	CHECK_EQ(siw_fpdu_size(0), 8);
	CHECK_EQ(siw_fpdu_size(1), 8);
	CHECK_EQ(siw_fpdu_size(2), 8);
	CHECK_EQ(siw_fpdu_size(3), 12);
	for (i = 0; i < VECTOR_CNT; i++) {
		n = hex_octets(frame, vectors[i].hex);
		CHECK_EQ(n, vectors[i].len);
		if (vectors[i].name[0] == 'G' && vectors[i].name[1] != '0')
			CHECK_EQ(siw_fpdu_size(get16(frame)), n);
	}
}

TEST(siw_mulpdu__vectors)
{
	/* EMSS, without and with markers: wire.md section 4 */
	static const u32 t[][3] = {
		{ 128, 128, 128 }, { 536, 530, 522 }, { 1440, 1434, 1422 },
		{ 1441, 1434, 1422 }, { 1448, 1442, 1430 },
		{ 1460, 1454, 1442 }, { 8948, 8942, 8870 },
		{ 8960, 8954, 8882 }, { 16384, 16378, 16250 },
		{ 65483, 64768, 64768 }, { 0, 128, 128 }, { 88, 128, 128 },
		{ U32_MAX, 64768, 64768 },
	};
	u32 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CHECK_EQ(siw_mulpdu(t[i][0]), t[i][1]);
		CHECK_EQ(siw_mulpdu_marked(t[i][0]), t[i][2]);
	}
}

/* An FPDU of MULPDU fits the segment, fills it but for the odd octets, and
 * needs no pad.
 */
TEST(siw_mulpdu__sweep)
{
	u32 emss, n;

	for (emss = 1; emss <= 70000; emss++) {
		n = siw_mulpdu(emss);
		CHECK(n >= 128 && n <= 64768);
		CHECK(siw_mulpdu_marked(emss) <= n);
		if (n == 128 || n == 64768)
			continue;
		CHECK_EQ(siw_fpdu_pad(n), 0);
		CHECK_EQ(siw_fpdu_size(n), emss - emss % 4);
	}
}

TEST(siw_mulpdu_marked__sweep)
{
	u32 emss, n;

	for (emss = 1; emss <= 70000; emss++) {
		n = siw_mulpdu_marked(emss);
		CHECK(n >= 128 && n <= 64768);
		if (n == 128 || n == 64768)
			continue;
		CHECK_EQ(siw_fpdu_size(n) + 4 * ((emss + 511) / 512),
			 emss - emss % 4);
	}
}

TEST(siw_fpdu_hdr_len__by_t_bit)
{
	u32 c;

	for (c = 0; c < 256; c++)
		CHECK_EQ(siw_fpdu_hdr_len((u8)c), c & 0x80 ? 16 : 20);
}

TEST(siw_fpdu_runt__limits)
{
	struct ddp_common_hdr c = { .ddp_ctrl = 0xc1, .rdmap_ctrl = 0x40 };
	u16 n;

	for (n = 0; n < 30; n++) {
		c.mpa_len = cpu_to_be16(n);
		c.ddp_ctrl = 0xc1;
		CHECK_EQ(siw_fpdu_runt(&c), n < 14);
		c.ddp_ctrl = 0x41;
		CHECK_EQ(siw_fpdu_runt(&c), n < 18);
	}
	c.mpa_len = cpu_to_be16(0xffff);
	CHECK(!siw_fpdu_runt(&c));
}

TEST(siw_fpdu_decode__tagged)
{
	struct siw_seg s;

	NEED(vector_get("G16", frame) == 24);
	siw_fpdu_decode(&s, frame);
	CHECK(s.tagged);
	CHECK(s.last);
	CHECK_EQ(s.dv, 1);
	CHECK_EQ(s.rv, RDMAP_VERSION);
	CHECK_EQ(s.opcode, RDMAP_WRITE);
	CHECK_EQ(s.hdr_len, 16);
	CHECK_EQ(s.ulpdu_len, 18);
	CHECK_EQ(s.pay_len, 4);
	CHECK_EQ(s.stag, 0xabcd0001);
	CHECK_EQ(s.to, 0x1000);
	CHECK_EQ(s.qn, 0);
}

TEST(siw_fpdu_decode__untagged)
{
	struct siw_seg s;

	NEED(vector_get("G15", frame) == 28);
	put32(frame + 16, 0x89abcdef);
	frame[2] &= 0xbf;
	siw_fpdu_decode(&s, frame);
	CHECK(!s.tagged);
	CHECK(!s.last);
	CHECK_EQ(s.opcode, RDMAP_SEND_INVAL);
	CHECK_EQ(s.hdr_len, 20);
	CHECK_EQ(s.pay_len, 2);
	CHECK_EQ(s.inval_stag, 0x11223344);
	CHECK_EQ(s.qn, 0);
	CHECK_EQ(s.msn, 2);
	CHECK_EQ(s.mo, 0x89abcdef);
	CHECK_EQ(s.stag, 0);
	NEED(vector_get("G20", frame) == 28);
	siw_fpdu_decode(&s, frame);
	CHECK_EQ(s.qn, 2);
	CHECK_EQ(s.pay_len, 4);
}

TEST(siw_fpdu_decode__largest)
{
	struct siw_seg s;

	NEED(vector_get("G16", frame) == 24);
	put16(frame, 0xffff);
	put64(frame + 8, 0xfedcba9876543210ULL);
	siw_fpdu_decode(&s, frame);
	CHECK_EQ(s.pay_len, 65535 - 14);
	CHECK_EQ(s.to, 0xfedcba9876543210ULL);
}

TEST(siw_fpdu_check__golden)
{
	static const char * const good[] = {
		"G10", "G11", "G12", "G13", "G14", "G15", "G16", "G17", "G20",
		"G21", "G22", "G23", "G24",
	};
	static const struct {
		const char *name;
		u8 ext;
		enum siw_err err;
	} bad[] = {
		{ "G30", SIW_EXT_ATOMIC, SIW_E_ROP_OPCODE },
		{ "G31", SIW_EXT_ATOMIC, SIW_E_ROP_OPCODE },
		{ "G32", SIW_EXT_ATOMIC, SIW_E_UNT_QN },
		{ "G33", SIW_EXT_IMM, SIW_E_ROP_OPCODE },
		{ "G34", SIW_EXT_IMM, SIW_E_ROP_OPCODE },
	};
	struct siw_seg s;
	u32 i;
	u8 ext;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		NEED(vector_get(good[i], frame));
		siw_fpdu_decode(&s, frame);
		CHECK_EQ(siw_fpdu_check(&s, 0), SIW_OK);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		NEED(vector_get(bad[i].name, frame));
		siw_fpdu_decode(&s, frame);
		for (ext = 0; ext <= SIW_EXT_ALL; ext++)
			CHECK_EQ(siw_fpdu_check(&s, ext),
				 ext & bad[i].ext ? SIW_OK : bad[i].err);
	}
}

/* What the table says for every combination of the fields, by itself. */
static enum siw_err want_check(u32 t, u32 dv, u32 qn, u32 rv, u32 op, bool imm,
			       bool atomic)
{
	if (dv != 1)
		return t ? SIW_E_TAG_VERSION : SIW_E_UNT_VERSION;
	if (!t && qn > (atomic ? 3u : 2u))
		return SIW_E_UNT_QN;
	if (rv != 1)
		return SIW_E_ROP_VERSION;
	if (t)
		return op == 0 || op == 2 ? SIW_OK : SIW_E_ROP_OPCODE;
	if ((qn == 0 && op >= 3 && op <= 6) || (qn == 1 && op == 1) ||
	    (qn == 2 && op == 7))
		return SIW_OK;
	if (imm && qn == 0 && (op == 8 || op == 9))
		return SIW_OK;
	if (atomic && ((qn == 1 && op == 10) || (qn == 3 && op == 11)))
		return SIW_OK;
	return SIW_E_ROP_OPCODE;
}

static void check_all_with(u8 ext)
{
	u32 c, r, qn;
	struct siw_seg s;

	memset(frame, 0, sizeof(frame));
	put16(frame, 64);
	for (c = 0; c < 256; c++)
		for (r = 0; r < 256; r++)
			for (qn = 0; qn < 5; qn++) {
				frame[2] = (u8)c;
				frame[3] = (u8)r;
				put32(frame + 8, qn == 4 ? U32_MAX : qn);
				siw_fpdu_decode(&s, frame);
				CHECK_EQ(siw_fpdu_check(&s, ext),
					 want_check(c >> 7, c & 3, qn, r >> 6,
						    r & 15, ext & 1, ext & 2));
			}
}

/* EXT-1.1-01: what was not agreed to is as if nobody had registered it. */
TEST(siw_fpdu_check__every_field_value)
{
	u8 ext;

	for (ext = 0; ext <= SIW_EXT_ALL; ext++)
		check_all_with(ext);
}

TEST(siw_fpdu_decode_rreq__golden)
{
	struct siw_rreq r;

	NEED(vector_get("G17", frame) == 52);
	siw_fpdu_decode_rreq(&r, frame);
	CHECK_EQ(r.sink_stag, 0x100);
	CHECK_EQ(r.sink_to, 0x2000);
	CHECK_EQ(r.len, 4096);
	CHECK_EQ(r.source_stag, 0x200);
	CHECK_EQ(r.source_to, 0x3000);
	CHECK_EQ(r.msn, 1);
	CHECK_MEM(r.hdr, frame, 48);
}

TEST(siw_fpdu_encode__golden_tagged)
{
	const struct siw_seg s = {
		.opcode = RDMAP_WRITE, .last = true, .pay_len = 4,
		.stag = 0xabcd0001, .to = 0x1000,
	};
	_Alignas(8) u8 hdr[RDMAP_MAX_HDR];

	NEED(vector_get("G16", frame) == 24);
	CHECK_EQ(siw_fpdu_encode(hdr, &s), 16);
	CHECK_MEM(hdr, frame, 16);
}

TEST(siw_fpdu_encode__golden_untagged)
{
	const struct siw_seg s = {
		.opcode = RDMAP_SEND_INVAL, .last = true, .pay_len = 2,
		.inval_stag = 0x11223344, .msn = 2,
	};
	_Alignas(8) u8 hdr[RDMAP_MAX_HDR];

	NEED(vector_get("G15", frame) == 28);
	CHECK_EQ(siw_fpdu_encode(hdr, &s), 20);
	CHECK_MEM(hdr, frame, 20);
}

/* RDMAP-4.1-06: zero but for Send with Invalidate. */
TEST(siw_fpdu_encode__no_inval_stag)
{
	const struct siw_seg s = {
		.opcode = RDMAP_SEND_SE, .inval_stag = 0x11223344, .msn = 7,
		.mo = 9,
	};
	_Alignas(8) u8 hdr[RDMAP_MAX_HDR];

	CHECK_EQ(siw_fpdu_encode(hdr, &s), 20);
	CHECK_EQ(get32(hdr + 4), 0);
	CHECK_EQ(hdr[2], 0x01);
	CHECK_EQ(hdr[3], 0x45);
	CHECK_EQ(get32(hdr + 12), 7);
	CHECK_EQ(get32(hdr + 16), 9);
}

TEST(siw_fpdu_encode_rreq__golden)
{
	const struct siw_rreq r = {
		.sink_stag = 0x100, .sink_to = 0x2000, .len = 4096,
		.source_stag = 0x200, .source_to = 0x3000, .msn = 1,
	};
	_Alignas(8) u8 hdr[RDMAP_MAX_HDR];

	NEED(vector_get("G17", frame) == 52);
	CHECK_EQ(siw_fpdu_encode_rreq(hdr, &r), 48);
	CHECK_MEM(hdr, frame, 48);
}

SUITE(fpdu,
      CASE(siw_opcode_info__table),
      CASE(siw_fpdu_pad__all),
      CASE(siw_fpdu_size__golden),
      CASE(siw_mulpdu__vectors),
      CASE(siw_mulpdu__sweep),
      CASE(siw_mulpdu_marked__sweep),
      CASE(siw_fpdu_hdr_len__by_t_bit),
      CASE(siw_fpdu_runt__limits),
      CASE(siw_fpdu_decode__tagged),
      CASE(siw_fpdu_decode__untagged),
      CASE(siw_fpdu_decode__largest),
      CASE(siw_fpdu_check__golden),
      CASE(siw_fpdu_check__every_field_value),
      CASE(siw_fpdu_decode_rreq__golden),
      CASE(siw_fpdu_encode__golden_tagged),
      CASE(siw_fpdu_encode__golden_untagged),
      CASE(siw_fpdu_encode__no_inval_stag),
      CASE(siw_fpdu_encode_rreq__golden));
