// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * core/err.c. IANA-3.1-01, IANA-3.2-01, IANA-3.3-01, DDP-7.2-01,
 * RDMAP-4.8-10, RDMAP-4.8-07, D-41, D-43, D-45
 */
#include "harness.h"
#include "../../core/err.h"
#include "../../core/wire.h"

#define MD	(RDMAP_TERM_M | RDMAP_TERM_D)
#define MDR	(MD | RDMAP_TERM_R)

/* Every triple that RFC 6580 registers (tables E-1 to E-3), what header bits
 * go with it (table E-4), and which error has that triple.
 */
static const struct {
	u8 layer, etype, code, hdrct;
	bool sendable;
	enum siw_err err;
} registered[] = {
	{ 0, 0, 0x00, 0, true, SIW_E_RDMAP_LOCAL },
	{ 0, 1, 0x00, MDR, true, SIW_E_RPROT_STAG },
	{ 0, 1, 0x01, MDR, true, SIW_E_RPROT_BOUNDS },
	{ 0, 1, 0x02, MDR, true, SIW_E_RPROT_RIGHTS },
	{ 0, 1, 0x03, MDR, true, SIW_E_RPROT_ASSOC },
	{ 0, 1, 0x04, MDR, true, SIW_E_RPROT_WRAP },
	{ 0, 1, 0x09, MDR, true, SIW_E_RPROT_INVAL },
	{ 0, 1, 0xff, MDR, true, SIW_E_RPROT_UNSPEC },
	{ 0, 2, 0x05, MD, true, SIW_E_ROP_VERSION },
	{ 0, 2, 0x06, MD, true, SIW_E_ROP_OPCODE },
	{ 0, 2, 0x07, MD, true, SIW_E_ROP_STREAM },
	{ 0, 2, 0x08, MD, true, SIW_E_ROP_GLOBAL },
	{ 0, 2, 0x09, MD, true, SIW_E_ROP_INVAL },
	{ 0, 2, 0xff, MD, true, SIW_E_ROP_UNSPEC },
	{ 1, 0, 0x00, 0, true, SIW_E_DDP_LOCAL },
	{ 1, 1, 0x00, MD, true, SIW_E_TAG_STAG },
	{ 1, 1, 0x01, MD, true, SIW_E_TAG_BOUNDS },
	{ 1, 1, 0x02, MD, true, SIW_E_TAG_ASSOC },
	{ 1, 1, 0x03, MD, true, SIW_E_TAG_WRAP },
	{ 1, 1, 0x04, MD, true, SIW_E_TAG_VERSION },
	{ 1, 2, 0x01, MD, true, SIW_E_UNT_QN },
	{ 1, 2, 0x02, MD, true, SIW_E_UNT_NOBUF },
	{ 1, 2, 0x03, MD, true, SIW_E_UNT_MSN },
	{ 1, 2, 0x04, MD, true, SIW_E_UNT_MO },
	{ 1, 2, 0x05, MD, true, SIW_E_UNT_LONG },
	{ 1, 2, 0x06, MD, true, SIW_E_UNT_VERSION },
	{ 1, 3, 0x00, 0, false, SIW_E_DDP_LLP },
	{ 2, 0, 0x01, 0, false, SIW_E_MPA_LOST },
	{ 2, 0, 0x02, 0, true, SIW_E_MPA_CRC },
	{ 2, 0, 0x03, 0, true, SIW_E_MPA_MARKER },
	{ 2, 0, 0x04, 0, false, SIW_E_MPA_FRAME },
	{ 2, 0, 0x05, 0, true, SIW_E_MPA_LOCAL },
	{ 2, 0, 0x06, 0, true, SIW_E_MPA_IRD },
	{ 2, 0, 0x07, 0, true, SIW_E_MPA_RTR },
};

#define REG_CNT	(sizeof(registered) / sizeof(registered[0]))

TEST(siw_err_info__registered_triples)
{
	const struct siw_err_info *info;
	u32 i;

	for (i = 0; i < REG_CNT; i++) {
		info = siw_err_info(registered[i].err);
		CHECK_EQ(info->layer, registered[i].layer);
		CHECK_EQ(info->etype, registered[i].etype);
		CHECK_EQ(info->code, registered[i].code);
		CHECK_EQ(info->hdrct, registered[i].hdrct);
		CHECK_EQ(info->sendable, registered[i].sendable);
	}
}

static bool is_registered(const struct siw_err_info *info)
{
	u32 i;

	for (i = 0; i < REG_CNT; i++)
		if (registered[i].layer == info->layer &&
		    registered[i].etype == info->etype &&
		    registered[i].code == info->code &&
		    registered[i].hdrct == info->hdrct &&
		    registered[i].sendable)
			return true;
	return false;
}

/* Nothing that is not registered can be sent, with the right header bits. */
TEST(siw_err_info__only_registered_is_sendable)
{
	u32 err;

	for (err = 0; err < SIW_E_CNT; err++)
		if (siw_err_info((enum siw_err)err)->sendable)
			CHECK(is_registered(siw_err_info((enum siw_err)err)));
}

TEST(siw_err_info__out_of_range)
{
	CHECK(siw_err_info(SIW_E_CNT) == siw_err_info(SIW_E_ROP_UNSPEC));
	CHECK(siw_err_info((enum siw_err)-1) ==
	      siw_err_info(SIW_E_ROP_UNSPEC));
}

/* Table E-5: the triple for each condition that has a name of its own. */
TEST(siw_err_info__conditions)
{
	static const struct {
		enum siw_err err, same;
	} c[] = {
		{ SIW_E_DDP_RUNT, SIW_E_DDP_LOCAL },
		{ SIW_E_ROP_CHANGED, SIW_E_ROP_OPCODE },
		{ SIW_E_ROP_UNSOLICITED, SIW_E_ROP_OPCODE },
		{ SIW_E_RREQ_SHORT, SIW_E_ROP_UNSPEC },
		{ SIW_E_RREQ_LONG, SIW_E_UNT_LONG },
		{ SIW_E_RREQ_SPLIT, SIW_E_UNT_MO },
		{ SIW_E_RREQ_IRD, SIW_E_UNT_NOBUF },
		{ SIW_E_UNT_HOLE, SIW_E_UNT_MO },
		{ SIW_E_RRESP_STAG, SIW_E_TAG_STAG },
		{ SIW_E_RRESP_TO, SIW_E_TAG_BOUNDS },
		{ SIW_E_RRESP_LONG, SIW_E_TAG_BOUNDS },
		{ SIW_E_RRESP_SHORT, SIW_E_TAG_BOUNDS },
		{ SIW_E_AREQ_OP, SIW_E_ROP_OPCODE },
		{ SIW_E_AREQ_ALIGN, SIW_E_ROP_STREAM },
		{ SIW_E_AREQ_SHORT, SIW_E_ROP_UNSPEC },
		{ SIW_E_AREQ_LONG, SIW_E_UNT_LONG },
		{ SIW_E_AREQ_SPLIT, SIW_E_UNT_MO },
		{ SIW_E_ARESP_NONE, SIW_E_UNT_NOBUF },
		{ SIW_E_ARESP_LEN, SIW_E_ROP_UNSPEC },
		{ SIW_E_ARESP_ID, SIW_E_ROP_UNSPEC },
		{ SIW_E_IMM_LEN, SIW_E_ROP_UNSPEC },
	};
	const struct siw_err_info *a, *b;
	u32 i;

	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		a = siw_err_info(c[i].err);
		b = siw_err_info(c[i].same);
		CHECK_EQ(a->layer, b->layer);
		CHECK_EQ(a->etype, b->etype);
		CHECK_EQ(a->code, b->code);
	}
}

TEST(siw_err_name__all_different)
{
	u32 i, j;

	for (i = 0; i < SIW_E_CNT; i++) {
		NEED(siw_err_name((enum siw_err)i));
		CHECK(siw_err_name((enum siw_err)i)[0]);
		for (j = 0; j < i; j++)
			CHECK(strcmp(siw_err_name((enum siw_err)i),
				     siw_err_name((enum siw_err)j)));
	}
}

TEST(siw_err_from_triple__registered)
{
	u32 i;

	for (i = 0; i < REG_CNT; i++)
		CHECK_EQ(siw_err_from_triple(registered[i].layer,
					     registered[i].etype,
					     registered[i].code),
			 registered[i].err);
}

/* Wire trap T20: hardware sends MPA errors with type 3. */
TEST(siw_err_from_triple__mpa_any_type)
{
	u8 etype;

	for (etype = 0; etype < 16; etype++) {
		CHECK_EQ(siw_err_from_triple(2, etype, 2), SIW_E_MPA_CRC);
		CHECK_EQ(siw_err_from_triple(2, etype, 7), SIW_E_MPA_RTR);
	}
}

TEST(siw_err_from_triple__codes_without_meaning)
{
	CHECK_EQ(siw_err_from_triple(0, 0, 0x77), SIW_E_RDMAP_LOCAL);
	CHECK_EQ(siw_err_from_triple(1, 0, 0x77), SIW_E_DDP_LOCAL);
	CHECK_EQ(siw_err_from_triple(1, 3, 0x77), SIW_E_DDP_LLP);
}

/* IANA-3-02: all others are unknown, whatever the numbers. */
TEST(siw_err_from_triple__unknown)
{
	u32 layer, etype, code, known = 0;

	for (layer = 0; layer < 256; layer++)
		for (etype = 0; etype < 256; etype++)
			for (code = 0; code < 256; code++)
				if (siw_err_from_triple((u8)layer, (u8)etype,
							(u8)code) !=
				    SIW_E_TERM_UNKNOWN)
					known++;
	/* 13 of RDMAP and 11 of DDP one by one, three with any code, and the
	 * seven of MPA with any type.
	 */
	CHECK_EQ(known, 13 + 11 + 3 * 256 + 7 * 256);
	CHECK_EQ(siw_err_from_triple(5, 10, 0x77), SIW_E_TERM_UNKNOWN);
}

SUITE(err,
      CASE(siw_err_info__registered_triples),
      CASE(siw_err_info__only_registered_is_sendable),
      CASE(siw_err_info__out_of_range),
      CASE(siw_err_info__conditions),
      CASE(siw_err_name__all_different),
      CASE(siw_err_from_triple__registered),
      CASE(siw_err_from_triple__mpa_any_type),
      CASE(siw_err_from_triple__codes_without_meaning),
      CASE(siw_err_from_triple__unknown));
