// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Tests of core/mpaneg.c: negotiation. Conformance ids in brackets. */
#include "../../core/mpa.h"
#include "harness.h"
#include "vectors.h"

#define CHECK_VECTOR(buf, name, len) do {				\
	u8 vec_[VECTOR_MAX];						\
	CHECK_EQ(vector_get(name, vec_), len);				\
	CHECK_MEM(buf, vec_, len);					\
} while (0)

#define NONE	SIW_MPA_RD_NONE
#define SND	SIW_MPA_RTR_SEND
#define WRT	SIW_MPA_RTR_WRITE
#define RD	SIW_MPA_RTR_READ

static const struct siw_mpa_local base = {
	.rev = 2, .ird = 16, .ord = 16,
	.max_ird = 128, .max_ord = 128,
};

static const struct siw_mpa_frame plain_req = { .rev = 1 };
static const struct siw_mpa_frame enh_req = {
	.rev = 2, .enhanced = true, .ird = 32, .ord = 8,
};
static const struct siw_mpa_frame enh_rep = {
	.rev = 2, .enhanced = true, .reply = true, .ird = 32, .ord = 8,
};

static struct siw_mpa_result res;
static struct siw_mpa_frame req, rep;

/* Responder: local policy @l meets the Request in req. */
static enum siw_mpa_act answer(const struct siw_mpa_local *l)
{
	siw_mpa_negotiate_reply(&res, &rep, l, &req);
	return res.act;
}

/* Initiator: policy @l asked, the Reply is in rep. */
static enum siw_mpa_act conclude(const struct siw_mpa_local *l)
{
	siw_mpa_request(&req, l);
	siw_mpa_negotiate_done(&res, l, &req, &rep);
	return res.act;
}

/* -- siw_mpa_request ---------------------------------------------------- */

/* [MPA-7.1.2-01, EMPA-6-03, EMPA-10-05, MPA-7.1.1-08] */
TEST(request__plain)
{
	struct siw_mpa_local l = base;
	u8 buf[20];

	l.rev = 1;
	l.p2p = true;
	l.crc_required = true;
	siw_mpa_request(&req, &l);
	CHECK(!req.enhanced && !req.p2p && !req.rtr && !req.reply);
	CHECK_EQ(siw_mpa_build(buf, 20, &req), 20);
	CHECK_VECTOR(buf, "G01", 20);
}

/* [EMPA-6-02, EMPA-9.2-01, -02, -11] */
TEST(request__enhanced)
{
	struct siw_mpa_local l = base;
	u8 buf[24];

	l.crc_required = true;
	l.p2p = true;
	l.rtr = WRT | RD;
	l.ird = 32;
	siw_mpa_request(&req, &l);
	CHECK_EQ(siw_mpa_build(buf, 24, &req), 24);
	CHECK_VECTOR(buf, "G04", 24);
	l.rtr = 0;
	siw_mpa_request(&req, &l);
	CHECK_EQ(req.rtr, SIW_MPA_RTR_ALL);
	l.p2p = false;
	siw_mpa_request(&req, &l);
	CHECK(!req.p2p && !req.rtr && req.enhanced);
	l.ird = NONE;
	l.ord = NONE;
	siw_mpa_request(&req, &l);
	CHECK_EQ(siw_mpa_build(buf, 24, &req), 24);
	CHECK_VECTOR(buf, "G06", 24);
}

/* [EMPA-9.1-14, EMPA-12-01] and IRD is never 0 */
TEST(request__reads_are_capped)
{
	struct siw_mpa_local l = base;

	l.ird = 20000;
	l.ord = 129;
	siw_mpa_request(&req, &l);
	CHECK_EQ(req.ird, 128);
	CHECK_EQ(req.ord, 128);
	l.max_ird = 0xffff;
	l.max_ord = 0xffff;
	siw_mpa_request(&req, &l);
	CHECK_EQ(req.ird, 0x3ffe);
	CHECK_EQ(req.ord, 129);
	l.ird = 0;
	l.ord = 0;
	siw_mpa_request(&req, &l);
	CHECK_EQ(req.ird, 1);
	CHECK_EQ(req.ord, 0);
	/* a Read as RTR needs one slot at the peer */
	l.p2p = true;
	siw_mpa_request(&req, &l);
	CHECK_EQ(req.ord, 1);
	l.rtr = WRT;
	siw_mpa_request(&req, &l);
	CHECK_EQ(req.ord, 0);
}

/* [MPA-7.1.1-05, MPA-4.3-15] */
TEST(request__flags_and_pd)
{
	struct siw_mpa_local l = base;

	l.pd = (const u8 *)"abc";
	l.pd_len = 3;
	siw_mpa_request(&req, &l);
	CHECK(!req.markers && !req.crc);
	CHECK(req.pd == l.pd && req.pd_len == 3);
	l.markers_wanted = true;
	l.crc_required = true;
	siw_mpa_request(&req, &l);
	CHECK(req.markers && req.crc);
}

/* -- siw_mpa_acceptable ------------------------------------------------- */

/* [EMPA-10-03] and what policy refuses */
TEST(acceptable__each_reason)
{
	struct siw_mpa_local l = base;

	req = enh_req;
	CHECK_EQ(siw_mpa_acceptable(&l, &req), SIW_MPA_OK);
	l.rev = 1;
	CHECK_EQ(siw_mpa_acceptable(&l, &req), SIW_MPA_BAD_REV);
	req = plain_req;
	CHECK_EQ(siw_mpa_acceptable(&l, &req), SIW_MPA_OK);
	req.markers = true;
	CHECK_EQ(siw_mpa_acceptable(&l, &req), SIW_MPA_OK);
	req.crc = true;
	CHECK_EQ(siw_mpa_acceptable(&l, &req), SIW_MPA_OK);
	l.crc_strict = true;
	CHECK_EQ(siw_mpa_acceptable(&l, &req), SIW_MPA_CRC_REFUSED);
	l.crc_required = true;
	CHECK_EQ(siw_mpa_acceptable(&l, &req), SIW_MPA_OK);
	req.crc = false;
	l.crc_required = false;
	CHECK_EQ(siw_mpa_acceptable(&l, &req), SIW_MPA_OK);
}

/* -- siw_mpa_negotiate_reply -------------------------------------------- */

/* [EMPA-6-04, EMPA-10-02, MPA-7.1.1-13] */
TEST(reply__plain)
{
	struct siw_mpa_local l = base;
	u8 buf[20];

	req = plain_req;
	req.crc = true;
	CHECK_EQ(answer(&l), SIW_MPA_GO);
	CHECK_EQ(siw_mpa_build(buf, 20, &rep), 20);
	CHECK_VECTOR(buf, "G02", 20);
	CHECK_EQ(res.rev, 1);
	CHECK(res.crc && !res.rtr && !res.enhanced);
	CHECK_EQ(res.why, SIW_MPA_OK);
	CHECK_EQ(res.term, SIW_OK);
	CHECK_EQ(res.ird, 16);
	CHECK_EQ(res.ord, 16);
	CHECK_EQ(res.peer_ird, NONE);
	CHECK_EQ(res.peer_ord, NONE);
}

/* [EMPA-6-08] Rev 2 without S is answered in kind */
TEST(reply__rev2_plain)
{
	req = plain_req;
	req.rev = 2;
	CHECK_EQ(answer(&base), SIW_MPA_GO);
	CHECK(rep.rev == 2 && !rep.enhanced);
}

/* [EMPA-10-01, EMPA-9.1-01] */
TEST(reply__golden)
{
	struct siw_mpa_local l = base;
	u8 buf[24], vec[VECTOR_MAX];

	/* G04 answered with G05: IRD 16, ORD 32, Read chosen */
	NEED(vector_get("G04", vec) == 24);
	NEED(!siw_mpa_parse(&req, SIW_MPA_RESPONDER, vec, 24, 0));
	l.ord = 40;
	CHECK_EQ(answer(&l), SIW_MPA_GO);
	CHECK_EQ(siw_mpa_build(buf, 24, &rep), 24);
	CHECK_VECTOR(buf, "G05", 24);
	CHECK_EQ(res.rtr, RD);
	CHECK_EQ(res.peer_ird, 32);
	CHECK_EQ(res.peer_ord, 16);
	CHECK_EQ(res.ird, 16);
	CHECK_EQ(res.ord, 32);
}

/* [MPA-4.4-04, -05, MPA-7.1.1-07] OR of both, and the Reply says so (D-05) */
TEST(reply__crc_matrix)
{
	struct siw_mpa_local l = base;
	int i;

	for (i = 0; i < 4; i++) {
		req = plain_req;
		req.crc = i & 1;
		l.crc_required = i & 2;
		CHECK_EQ(answer(&l), SIW_MPA_GO);
		CHECK_EQ(res.crc, i != 0);
		CHECK_EQ(rep.crc, i != 0);
	}
}

/* [MPA-4.3-12, MPA-7.1.1-06] M is per direction and no echo */
TEST(reply__marker_matrix)
{
	struct siw_mpa_local l = base;
	int i;

	for (i = 0; i < 4; i++) {
		req = plain_req;
		req.markers = i & 1;
		l.markers_wanted = i & 2;
		CHECK_EQ(answer(&l), SIW_MPA_GO);
		CHECK_EQ(res.markers_tx, i & 1);
		CHECK_EQ(res.markers_rx, i >> 1);
		CHECK_EQ(rep.markers, i >> 1);
	}
}

/* A policy refusal is a Reply, never an RST: the peer would come as v1. */
TEST(reply__crc_strict)
{
	struct siw_mpa_local l = base;

	l.crc_strict = true;
	req = enh_req;
	CHECK_EQ(answer(&l), SIW_MPA_GO);
	CHECK(!res.crc);
	req.crc = true;
	CHECK_EQ(answer(&l), SIW_MPA_REJECT);
	CHECK_EQ(res.why, SIW_MPA_CRC_REFUSED);
	CHECK(rep.reject && rep.enhanced && rep.rev == 2);
}

/* [EMPA-10-03] */
TEST(reply__v1_only)
{
	struct siw_mpa_local l = base;

	l.rev = 1;
	req = enh_req;
	CHECK_EQ(answer(&l), SIW_MPA_CLOSE);
	CHECK_EQ(res.why, SIW_MPA_BAD_REV);
}

/* [EMPA-9.1-02, -03, EMPA-12-01] */
TEST(reply__reads)
{
	struct siw_mpa_local l = base;

	req = enh_req;
	req.ird = 4;
	req.ord = 20;
	CHECK_EQ(answer(&l), SIW_MPA_GO);
	CHECK_EQ(rep.ord, 4);		/* never above the peer's IRD */
	CHECK_EQ(res.ord, 4);
	CHECK_EQ(rep.ird, 20);		/* as many as the peer wants */
	CHECK_EQ(res.ird, 20);
	req.ird = 0x3ffe;
	req.ord = 0x3ffe;
	CHECK_EQ(answer(&l), SIW_MPA_GO);
	CHECK_EQ(res.ird, 128);		/* up to the device's limit */
	CHECK_EQ(rep.ird, 128);
	CHECK_EQ(res.ord, 16);
	CHECK_EQ(rep.ord, 16);
}

/* [EMPA-9.1-04] */
TEST(reply__ird_never_zero)
{
	struct siw_mpa_local l = base;

	l.ird = 0;
	req = enh_req;
	req.ord = 0;
	req.p2p = true;
	req.rtr = RD;
	CHECK_EQ(answer(&l), SIW_MPA_GO);
	CHECK_EQ(rep.ird, 1);
	CHECK_EQ(res.ird, 1);
	CHECK_EQ(res.rtr, RD);
}

/* [EMPA-9.1-10, -11] 0x3FFF field by field */
TEST(reply__reads_not_negotiated)
{
	req = enh_req;
	req.ord = NONE;
	CHECK_EQ(answer(&base), SIW_MPA_GO);
	CHECK_EQ(rep.ird, NONE);
	CHECK_EQ(res.ird, 16);
	CHECK_EQ(rep.ord, 16);
	CHECK_EQ(res.peer_ord, NONE);
	req = enh_req;
	req.ird = NONE;
	CHECK_EQ(answer(&base), SIW_MPA_GO);
	CHECK_EQ(rep.ord, NONE);
	CHECK_EQ(res.ord, 16);
	CHECK_EQ(rep.ird, 16);
	CHECK_EQ(res.peer_ird, NONE);
}

/* [EMPA-9.1-05] */
TEST(reply__ord_demanded)
{
	struct siw_mpa_local l = base;

	l.ord_demanded = true;
	req = enh_req;
	req.ird = 15;
	CHECK_EQ(answer(&l), SIW_MPA_REJECT);
	CHECK(rep.reject && rep.enhanced);
	CHECK_EQ(rep.ord, 16);
	CHECK_EQ(res.why, SIW_MPA_ORD_SHORT);
	req.ird = 16;
	CHECK_EQ(answer(&l), SIW_MPA_GO);
	req.ird = NONE;
	CHECK_EQ(answer(&l), SIW_MPA_GO);
}

/* [EMPA-9.2-03, -04, -05, -06, -07] exactly one, Read, Write, Send (D-14) */
TEST(reply__rtr_common)
{
	static const u8 want[8] = { 0, SND, WRT, WRT, RD, RD, RD, RD };
	struct siw_mpa_local l = base;
	u8 mask, ours;

	for (mask = 1; mask < 8; mask++)
		for (ours = 0; ours < 8; ours++) {
			u8 both = mask & (ours ? ours : 7);

			req = enh_req;
			req.p2p = true;
			req.rtr = mask;
			l.rtr = ours;
			CHECK_EQ(answer(&l), SIW_MPA_GO);
			CHECK(rep.p2p);
			CHECK_EQ(res.rtr, want[both]);
			/* [EMPA-9.2-08] none in common: all of ours */
			CHECK_EQ(rep.rtr, both ? want[both] : ours);
		}
}

/* [EMPA-9.2-12, -13] */
TEST(reply__client_server)
{
	req = enh_req;
	CHECK_EQ(answer(&base), SIW_MPA_GO);
	CHECK(!rep.p2p && !rep.rtr && !res.rtr && rep.enhanced);
}

/* [MPA-7.1.1-15, -20] */
TEST(reply__private_data_both_ways)
{
	struct siw_mpa_local l = base;

	req = enh_req;
	req.pd = (const u8 *)"question";
	req.pd_len = 8;
	l.pd = (const u8 *)"answer";
	l.pd_len = 6;
	CHECK_EQ(answer(&l), SIW_MPA_GO);
	CHECK(res.pd == req.pd && res.pd_len == 8);
	CHECK(rep.pd == l.pd && rep.pd_len == 6);
	CHECK_EQ(res.rev, 2);
}

/* -- siw_mpa_reject ----------------------------------------------------- */

/* [MPA-7.1.1-10, MPA-7.1.2-04, -16] */
TEST(reject__plain)
{
	struct siw_mpa_local l = base;
	u8 buf[22];

	l.pd = (const u8 *)"no";
	l.pd_len = 2;
	req = plain_req;
	req.crc = true;
	siw_mpa_reject(&rep, &l, &req);
	CHECK_EQ(siw_mpa_build(buf, 22, &rep), 22);
	CHECK_VECTOR(buf, "G03", 22);
}

/* [EMPA-10-01] */
TEST(reject__enhanced)
{
	req = enh_req;
	req.p2p = true;
	req.rtr = WRT;
	siw_mpa_reject(&rep, &base, &req);
	CHECK(rep.reject && rep.enhanced && rep.p2p && rep.rev == 2);
	CHECK_EQ(rep.rtr, WRT);
	CHECK_EQ(rep.ird, 16);
	CHECK_EQ(rep.ord, 16);
}

/* -- siw_mpa_negotiate_done --------------------------------------------- */

/* [MPA-7.1.2-09] plain and enhanced */
TEST(done__accepted)
{
	struct siw_mpa_local l = base;

	l.rev = 1;
	rep = (struct siw_mpa_frame){ .rev = 1, .reply = true };
	CHECK_EQ(conclude(&l), SIW_MPA_GO);
	CHECK_EQ(res.rev, 1);
	CHECK(!res.enhanced && !res.rtr && !res.crc);
	CHECK_EQ(res.ird, 16);
	CHECK_EQ(res.peer_ird, NONE);
	rep = enh_rep;
	rep.pd = (const u8 *)"x";
	rep.pd_len = 1;
	CHECK_EQ(conclude(&base), SIW_MPA_GO);
	CHECK_EQ(res.rev, 2);
	CHECK(res.enhanced && !res.rtr);
	CHECK(res.pd == rep.pd && res.pd_len == 1);
	CHECK_EQ(res.term, SIW_OK);
}

/* [MPA-7.1.1-14] Reply of a higher revision than was asked */
TEST(done__revision)
{
	struct siw_mpa_local l = base;

	l.rev = 1;
	rep = enh_rep;
	CHECK_EQ(conclude(&l), SIW_MPA_CLOSE);
	CHECK_EQ(res.why, SIW_MPA_BAD_REV);
	CHECK_EQ(res.term, SIW_E_MPA_REV);
}

/* [EMPA-10-07, D-03] plain Reply to an enhanced Request */
TEST(done__plain_reply)
{
	struct siw_mpa_local l = base;
	u8 rev;

	for (rev = 1; rev <= 2; rev++) {
		l = base;
		rep = (struct siw_mpa_frame){ .rev = rev, .reply = true };
		CHECK_EQ(conclude(&l), SIW_MPA_GO);
		CHECK(!res.enhanced && res.rev == rev);
		CHECK_EQ(res.ord, 16);
		l.rd_demanded = true;
		CHECK_EQ(conclude(&l), SIW_MPA_CLOSE);
		CHECK_EQ(res.why, SIW_MPA_NOT_ENHANCED);
		l.rd_demanded = false;
		l.p2p = true;
		CHECK_EQ(conclude(&l), SIW_MPA_CLOSE);
		l.p2p_optional = true;
		CHECK_EQ(conclude(&l), SIW_MPA_GO);
		CHECK_EQ(res.rtr, 0);
	}
}

/* An enhanced Reply nobody asked for */
TEST(done__not_asked)
{
	req = plain_req;
	req.rev = 2;
	rep = enh_rep;
	siw_mpa_negotiate_done(&res, &base, &req, &rep);
	CHECK_EQ(res.act, SIW_MPA_CLOSE);
	CHECK_EQ(res.why, SIW_MPA_NOT_ASKED);
}

/* [MPA-7.1.2-08, EMPA-9.1-09] whatever M, C and the numbers say */
TEST(done__rejected)
{
	struct siw_mpa_local l = base;

	l.crc_strict = true;
	l.p2p = true;
	rep = enh_rep;
	rep.reject = true;
	rep.markers = true;
	rep.crc = true;
	rep.ord = 999;
	rep.pd = (const u8 *)"no";
	rep.pd_len = 2;
	CHECK_EQ(conclude(&l), SIW_MPA_REFUSED);
	CHECK_EQ(res.why, SIW_MPA_REJECTED);
	CHECK_EQ(res.peer_ird, 32);
	CHECK_EQ(res.peer_ord, 999);
	CHECK(res.pd == rep.pd && res.pd_len == 2);
	/* also without the block, as hardware may */
	rep = (struct siw_mpa_frame){ .rev = 1, .reply = true,
				      .reject = true };
	CHECK_EQ(conclude(&l), SIW_MPA_REFUSED);
}

/* [MPA-4.4-04, -05] */
TEST(done__crc_matrix)
{
	struct siw_mpa_local l = base;
	int i;

	for (i = 0; i < 4; i++) {
		l.crc_required = i & 1;
		rep = enh_rep;
		rep.crc = i & 2;
		CHECK_EQ(conclude(&l), SIW_MPA_GO);
		CHECK_EQ(res.crc, i != 0);
	}
}

/* [EMPA-9.3-01] the Terminate itself obeys the CRC that was agreed */
TEST(done__crc_strict)
{
	struct siw_mpa_local l = base;

	l.crc_strict = true;
	rep = enh_rep;
	CHECK_EQ(conclude(&l), SIW_MPA_GO);
	rep.crc = true;
	CHECK_EQ(conclude(&l), SIW_MPA_TERM);
	CHECK_EQ(res.why, SIW_MPA_CRC_REFUSED);
	CHECK_EQ(res.term, SIW_E_MPA_LOCAL);
	CHECK(res.crc);
	l.crc_required = true;
	CHECK_EQ(conclude(&l), SIW_MPA_GO);
}

/* [MPA-4.3-12, MPA-4.3-01] */
TEST(done__marker_matrix)
{
	struct siw_mpa_local l = base;
	int i;

	for (i = 0; i < 4; i++) {
		l.markers_wanted = i & 1;
		rep = enh_rep;
		rep.markers = i & 2;
		CHECK_EQ(conclude(&l), SIW_MPA_GO);
		CHECK_EQ(res.markers_rx, i & 1);
		CHECK_EQ(res.markers_tx, i >> 1);
	}
}

/* [EMPA-9.1-06, -07, -08] */
TEST(done__reads)
{
	struct siw_mpa_local l = base;

	rep = enh_rep;
	rep.ird = 2;
	rep.ord = 8;
	CHECK_EQ(conclude(&l), SIW_MPA_GO);
	CHECK_EQ(res.ord, 2);
	CHECK_EQ(res.ird, 16);
	CHECK_EQ(res.peer_ird, 2);
	CHECK_EQ(res.peer_ord, 8);
	rep.ird = 100;			/* more than our ULP asked for */
	rep.ord = 100;			/* we can grow */
	CHECK_EQ(conclude(&l), SIW_MPA_GO);
	CHECK_EQ(res.ord, 16);
	CHECK_EQ(res.ird, 100);
	l.max_ird = 8;
	rep.ord = 9;
	CHECK_EQ(conclude(&l), SIW_MPA_TERM);
	CHECK_EQ(res.why, SIW_MPA_IRD_SHORT);
	CHECK_EQ(res.term, SIW_E_MPA_IRD);
	rep.ord = 8;
	CHECK_EQ(conclude(&l), SIW_MPA_GO);
	CHECK_EQ(res.ird, 8);
}

/* [EMPA-9.1-12, -13] */
TEST(done__reads_not_negotiated)
{
	rep = enh_rep;
	rep.ird = NONE;
	CHECK_EQ(conclude(&base), SIW_MPA_GO);
	CHECK_EQ(res.ord, 16);
	CHECK_EQ(res.peer_ird, NONE);
	rep = enh_rep;
	rep.ord = NONE;
	CHECK_EQ(conclude(&base), SIW_MPA_GO);
	CHECK_EQ(res.ird, 16);
	CHECK_EQ(res.peer_ord, NONE);
}

/* [EMPA-9.2-07, -09, -10] the Reply decides, within what was asked */
TEST(done__rtr_common)
{
	static const u8 want[8] = { 0, SND, WRT, WRT, RD, RD, RD, RD };
	struct siw_mpa_local l = base;
	u8 asked, got;

	l.p2p = true;
	for (asked = 1; asked < 8; asked++)
		for (got = 0; got < 8; got++) {
			l.rtr = asked;
			rep = enh_rep;
			rep.p2p = true;
			rep.rtr = got;
			conclude(&l);
			CHECK_EQ(res.act, asked & got ? SIW_MPA_GO :
							SIW_MPA_TERM);
			CHECK_EQ(res.rtr, want[asked & got]);
			CHECK_EQ(res.term, asked & got ? SIW_OK :
							 SIW_E_MPA_RTR);
		}
}

/* [EMPA-9.2-14, D-15] */
TEST(done__p2p_not_confirmed)
{
	struct siw_mpa_local l = base;

	l.p2p = true;
	rep = enh_rep;
	CHECK_EQ(conclude(&l), SIW_MPA_TERM);
	CHECK_EQ(res.why, SIW_MPA_NO_RTR);
	CHECK_EQ(res.term, SIW_E_MPA_RTR);
	l.p2p_optional = true;
	CHECK_EQ(conclude(&l), SIW_MPA_GO);
	CHECK_EQ(res.rtr, 0);
	/* A=1 although we did not ask: goes on as client-server */
	l.p2p = false;
	rep.p2p = true;
	rep.rtr = RD;
	CHECK_EQ(conclude(&l), SIW_MPA_GO);
	CHECK_EQ(res.rtr, 0);
}

/*
 * Both roles of ours against each other, over the wire form, for all policies
 * that matter: they always agree on what they agreed.
 */
static void meet(const struct siw_mpa_local *li, const struct siw_mpa_local *lr)
{
	struct siw_mpa_result ri, rr;
	struct siw_mpa_frame qs, qr, ps, pr;
	u8 q[SIW_MPA_FRAME_MAX], p[SIW_MPA_FRAME_MAX];
	u32 qn, pn;

	siw_mpa_request(&qs, li);
	qn = siw_mpa_build(q, sizeof(q), &qs);
	NEED(!siw_mpa_parse(&qr, SIW_MPA_RESPONDER, q, qn, 512));
	siw_mpa_negotiate_reply(&rr, &ps, lr, &qr);
	if (rr.act == SIW_MPA_CLOSE) {
		CHECK(li->rev > lr->rev);
		return;
	}
	pn = siw_mpa_build(p, sizeof(p), &ps);
	NEED(!siw_mpa_parse(&pr, SIW_MPA_INITIATOR, p, pn, 512));
	siw_mpa_negotiate_done(&ri, li, &qs, &pr);
	CHECK_EQ(ri.act == SIW_MPA_REFUSED, rr.act == SIW_MPA_REJECT);
	if (ri.act != SIW_MPA_GO)
		return;
	CHECK_EQ(ri.crc, rr.crc);
	CHECK_EQ(ri.markers_tx, rr.markers_rx);
	CHECK_EQ(ri.markers_rx, rr.markers_tx);
	CHECK_EQ(ri.rev, rr.rev);
	CHECK_EQ(ri.rtr, rr.rtr);
	CHECK_EQ(ri.enhanced, rr.enhanced);
	if (!ri.enhanced)
		return;
	CHECK(ri.ord <= rr.ird || qs.ord == NONE);
	CHECK(rr.ord <= ri.ird || qs.ird == NONE);
}

TEST(done__meets_our_responder)
{
	static const u16 rd[] = { 0, 1, 16, 200, NONE };
	struct siw_mpa_local li = base, lr = base;
	u32 i, k;

	for (i = 0; i < 1 << 14; i++) {
		li.rev = i & 1 ? 2 : 1;
		lr.rev = i & 2 ? 2 : 1;
		li.crc_required = i & 4;
		lr.crc_required = i & 8;
		lr.crc_strict = i & 16;
		li.markers_wanted = i & 32;
		lr.markers_wanted = i & 64;
		li.p2p = i & 128;
		li.rtr = (u8)(i >> 8 & 7);
		lr.rtr = (u8)(i >> 11 & 7);
		k = i % 25;
		li.ird = rd[k % 5];
		li.ord = rd[k / 5];
		lr.ird = rd[(k + 2) % 5];
		lr.ord = rd[(k + 3) % 5];
		meet(&li, &lr);
	}
}

SUITE(mpaneg,
	CASE(request__plain),
	CASE(request__enhanced),
	CASE(request__reads_are_capped),
	CASE(request__flags_and_pd),
	CASE(acceptable__each_reason),
	CASE(reply__plain),
	CASE(reply__rev2_plain),
	CASE(reply__golden),
	CASE(reply__crc_matrix),
	CASE(reply__marker_matrix),
	CASE(reply__crc_strict),
	CASE(reply__v1_only),
	CASE(reply__reads),
	CASE(reply__ird_never_zero),
	CASE(reply__reads_not_negotiated),
	CASE(reply__ord_demanded),
	CASE(reply__rtr_common),
	CASE(reply__client_server),
	CASE(reply__private_data_both_ways),
	CASE(reject__plain),
	CASE(reject__enhanced),
	CASE(done__accepted),
	CASE(done__revision),
	CASE(done__plain_reply),
	CASE(done__not_asked),
	CASE(done__rejected),
	CASE(done__crc_matrix),
	CASE(done__crc_strict),
	CASE(done__marker_matrix),
	CASE(done__reads),
	CASE(done__reads_not_negotiated),
	CASE(done__rtr_common),
	CASE(done__p2p_not_confirmed),
	CASE(done__meets_our_responder));
