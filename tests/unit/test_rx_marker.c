// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * core/rx.c and core/rx_insn.c on a stream with markers. MPA-4.2-02, -04,
 * MPA-4.3-03 to -07, -09, -10, -14, MPA-4.4-10, MPA-8-03, D-02, D-10
 */
#include "harness.h"
#include "rx_exec.h"
#include "markers.h"

#define EACH_MODE(m)	for (m = VERIFY_FIRST; m < MODES; m++)
#define CRC_MODES(m)	for (m = VERIFY_FIRST; m < NO_CRC; m++)

static u8 marked[STREAM_MAX];

static void begin_as(enum exec_mode m, bool responder)
{
	exec_markers = true;
	exec_begin_as(m, responder, false);
	exec_markers = false;
}

static void begin(enum exec_mode m)
{
	begin_as(m, false);
}

/* Put markers into what was put into the stream, with a fault or without. */
static void mark_with(u32 flip, u32 which)
{
	const struct mark_cfg cfg = {
		.crc = e.crc, .flip = flip, .which = which,
	};

	e.filled = mark_stream(e.stream, e.filled, marked, &cfg);
	memcpy(e.stream, marked, e.filled);
}

static void mark(void)
{
	mark_with(0, 0);
}

static const u8 *pattern(u32 len)
{
	static u8 buf[65535];
	u32 i;

	for (i = 0; i < len; i++)
		buf[i] = (u8)(i * 7 + i / 256 + 3);
	return buf;
}

/* A Send of @first octets, and a bit of all behind it. */
static void put_mix(u32 first)
{
	post_recv(first);
	post_recv(10);
	post_read(0x100, 0x2000, 5);
	put_send(LAST, 1, 0, pattern(first), first);
	put_golden("G17");			/* Read Request */
	put_golden("G16");			/* Write */
	put_send(0, 2, 0, "abc", 3);
	put_resp(LAST, 0x100, 0x2000, "01234", 5);
	put_send(LAST, 2, 3, "defg", 4);
	put_golden("G20");			/* Terminate */
	mark();
}

static void check_mix(u32 first)
{
	NEED(e.delivers == 6);
	CHECK_EQ(e.ev[0].msg_len, first);
	CHECK_EQ(e.ev[1].opcode, RDMAP_READ_REQ);
	CHECK_EQ(e.rreq.source_stag, 0x200);
	CHECK_EQ(e.rreq.len, 4096);
	CHECK_MEM(e.mem + CANARY, "\xde\xad\xbe\xef", 4);
	CHECK_MEM(e.sink + CANARY, "01234", 5);
	CHECK_MEM(e.rbuf + CANARY, "abcdefg", 7);
	CHECK_MEM(e.rbuf + CANARY + 7, pattern(first) + 7, first - 7);
	CHECK_EQ(e.placed, first + 4 + 5 + 7);
	CHECK_EQ(e.seg_starts, 5);
	CHECK_EQ(e.peer_term.err, SIW_E_MPA_CRC);
	CHECK_EQ(why(), SIW_E_PEER_TERM);
}

/* The second marker falls on every place that these FPDUs have. */
TEST(siw_rx_done__every_place)
{
	enum exec_mode m;
	u32 first;

	EACH_MODE(m)
		for (first = 200; first < 600; first++) {
			begin(m);
			put_mix(first);
			arrive_all();
			check_mix(first);
			begin(m);
			put_mix(first);
			arrive_in_pieces(3);
			check_mix(first);
		}
}

/* One cut at every octet, and pieces of every size. */
TEST(siw_rx_done__every_split)
{
	enum exec_mode m;
	u32 cut, n;

	EACH_MODE(m) {
		begin(m);
		put_mix(900);
		n = e.filled;
		for (cut = 1; cut <= n; cut++) {
			begin(m);
			put_mix(900);
			arrive(cut);
			arrive_all();
			check_mix(900);
			begin(m);
			put_mix(900);
			arrive_in_pieces(cut);
			check_mix(900);
		}
	}
}

/* MPA-4.3-09, D-02: more than a pointer can reach */
TEST(siw_rx_done__large_fpdu)
{
	enum exec_mode m;

	EACH_MODE(m) {
		begin(m);
		post_recv(70000);
		put_send(LAST, 1, 0, pattern(65535 - 18), 65535 - 18);
		mark();
		arrive_in_pieces(1448);
		CHECK_EQ(e.delivers, 1);
		CHECK_EQ(e.seg_starts, 1);
		CHECK_MEM(e.rbuf + CANARY, pattern(65535 - 18), 65535 - 18);
		CHECK(canaries_alive());
	}
}

/* Whatever the machine asks for ends at the next marker. */
TEST(siw_rx_next__ends_at_markers)
{
	struct siw_rx_insn i;
	u32 total = 0;

	begin(NO_CRC);
	post_recv(2000);
	put_send(LAST, 1, 0, pattern(2000), 2000);
	mark();
	e.avail = e.filled;
	do {
		siw_rx_next(&e.rx, &i);
		if (!i.len || e.pos == e.filled)
			continue;
		CHECK_EQ(e.pos / 512, (e.pos + i.len - 1) / 512);
		if (e.pos % 512 == 0) {
			CHECK_EQ(i.op, SIW_RX_FETCH);
			CHECK_EQ(i.len, 4);
		}
		if (i.op == SIW_RX_PLACE_UNTAGGED)
			CHECK_EQ(siw_rx_need(&e.rx), 1);
		else
			CHECK_EQ(siw_rx_need(&e.rx), i.len);
		total += i.len;
	} while (exec_step());
	CHECK_EQ(total, e.filled);
	CHECK_EQ(e.delivers, 1);
}

/* MPA-6-02: VERIFY covers the markers of its FPDU, and no other. */
TEST(siw_rx_next__verify)
{
	struct siw_rx_insn i;
	u32 len, n, ends;

	for (len = 470; len < 1000; len++) {
		begin(VERIFY_FIRST);
		post_recv(1000);
		put_send(LAST, 1, 0, pattern(len), len);
		mark();
		ends = e.filled;
		n = ends - 1;
		arrive(n);
		CHECK(nothing_placed());
		siw_rx_next(&e.rx, &i);
		CHECK_EQ(i.op, SIW_RX_VERIFY);
		CHECK_EQ(i.len, ends - 8);
		arrive(1);
		CHECK_EQ(e.delivers, 1);
	}
}

/* MPA-4.3-14 */
TEST(siw_rx_idle__early_marker)
{
	enum exec_mode m;
	u32 i;

	EACH_MODE(m) {
		begin(m);
		post_recv(1000);
		post_recv(1000);
		put_send(LAST, 1, 0, pattern(484), 484);
		put_send(LAST, 2, 0, "x", 1);
		mark();
		for (i = 0; i < 4; i++) {
			CHECK_EQ(siw_rx_idle(&e.rx), i == 0);
			arrive(1);
		}
		CHECK(siw_rx_idle(&e.rx));
		arrive(508);
		CHECK_EQ(e.delivers, 1);
		for (i = 0; i < 4; i++) {
			CHECK_EQ(siw_rx_idle(&e.rx), i == 0);
			CHECK_EQ(siw_rx_need(&e.rx), 4 - i);
			arrive(1);
		}
		CHECK(siw_rx_idle(&e.rx));
		arrive(1);
		CHECK(!siw_rx_idle(&e.rx));
		arrive_all();
		CHECK_EQ(e.delivers, 2);
	}
}

/* MPA-4.2-02, -04: these bits mean nothing, but the CRC has them. */
TEST(siw_rx_done__reserved_bits)
{
	enum exec_mode m;

	EACH_MODE(m) {
		begin(m);
		post_recv(2000);
		put_send(LAST, 1, 0, pattern(2000), 2000);
		mark_with(0xffff0003, U32_MAX);
		arrive_all();
		CHECK_EQ(e.delivers, 1);
		CHECK_MEM(e.rbuf + CANARY, pattern(2000), 2000);
	}
	CRC_MODES(m) {
		begin(m);
		post_recv(2000);
		put_send(LAST, 1, 0, pattern(2000), 2000);
		mark();
		e.stream[512] ^= 0x80;
		arrive_all();
		CHECK_EQ(e.delivers, 0);
		CHECK_EQ(why(), SIW_E_MPA_CRC);
	}
}

static void check_bad_marker(enum exec_mode m, u32 first, u32 which, u32 flip)
{
	const struct siw_term *t;

	begin(m);
	post_recv(2000);
	put_golden("G16");
	put_send(LAST, 1, 0, pattern(first), first);
	mark_with(flip, which);
	arrive_in_pieces(11);
	t = siw_rx_term(&e.rx);
	NEED(t);
	CHECK_EQ(t->err, SIW_E_MPA_MARKER);
	CHECK(t->send);
	CHECK_EQ(t->layer, 2);
	CHECK_EQ(t->etype, 0);
	CHECK_EQ(t->code, 3);
	CHECK_EQ(t->hdrct, 0);
	CHECK_EQ(e.delivers, which ? 1 : 0);
	CHECK(canaries_alive());
}

/* MPA-8-03, D-10: the CRC is good, the pointer is not, wherever it is. */
TEST(siw_rx_done__bad_marker)
{
	enum exec_mode m;
	u32 first, bit;

	EACH_MODE(m) {
		for (first = 461; first < 520; first++)
			check_bad_marker(m, first, 1, 4);
		for (bit = 2; bit < 16; bit++) {
			check_bad_marker(m, 100, 0, 1u << bit);
			check_bad_marker(m, 1500, 1, 1u << bit);
			check_bad_marker(m, 1500, 3, 1u << bit);
		}
	}
}

/* The CRC comes first. In the marker in front of an FPDU, too, whose length
 * is not known then.
 */
TEST(siw_rx_done__bad_marker_and_crc)
{
	static const u32 at[] = { 0, 512, 1024 };
	enum exec_mode m;
	u32 i;

	CRC_MODES(m)
		for (i = 0; i < 3; i++) {
			begin(m);
			post_recv(2000);
			put_send(LAST, 1, 0, pattern(1200), 1200);
			mark();
			e.stream[at[i] + 3] ^= 8;
			arrive_in_pieces(7);
			CHECK_EQ(why(), SIW_E_MPA_CRC);
			CHECK_EQ(e.delivers, 0);
			if (m == VERIFY_FIRST)
				CHECK(nothing_placed());
		}
}

/* MPA-7.1.2-12: nor does such an FPDU open the gate. */
TEST(siw_rx_gate_open__bad_marker)
{
	enum exec_mode m;
	u32 which;

	EACH_MODE(m)
		for (which = 0; which < 2; which++) {
			begin_as(m, true);
			post_recv(2000);
			put_send(LAST, 1, 0, pattern(600), 600);
			mark_with(4, which);
			arrive_all();
			CHECK_EQ(why(), SIW_E_MPA_MARKER);
			/* one that was verified was valid: D-10 is an option */
			CHECK_EQ(siw_rx_term(&e.rx)->send,
				 m == VERIFY_FIRST && which);
			CHECK_EQ(siw_rx_gate_open(&e.rx),
				 m == VERIFY_FIRST && which);
		}
}

/* A refusal in an FPDU that markers divide still waits for its CRC. */
TEST(siw_rx_refuse__crc_takes_precedence)
{
	struct siw_rx_insn i;
	u32 flip;

	for (flip = 0; flip < 2; flip++) {
		begin(CUT_THROUGH);
		put_tagged(0xc1, 0x40, STAG, 0, pattern(1500), 1500);
		mark();
		e.stream[e.filled - 9] ^= (u8)flip;
		arrive(4 + 16 + 1);
		siw_rx_next(&e.rx, &i);
		CHECK_EQ(i.op, SIW_RX_VERIFY);
		CHECK_EQ(i.len, e.filled - 20);
		arrive_all();
		CHECK_EQ(why(), flip ? SIW_E_MPA_CRC : SIW_E_TAG_BOUNDS);
		CHECK(nothing_placed());
	}
}

#if !defined(__KERNEL__) && defined(NDEBUG)
/* Bugs of the caller stop an assertion build; here the machine stops. */
TEST(siw_rx_done__misuse)
{
	begin(NO_CRC);
	siw_rx_done(&e.rx, 5, 0);
	CHECK_EQ(why(), SIW_E_ROP_STREAM);
	begin(NO_CRC);
	post_recv(2000);
	put_send(LAST, 1, 0, pattern(1500), 1500);
	mark();
	arrive(24);
	siw_rx_done(&e.rx, 489, 0);
	CHECK_EQ(why(), SIW_E_ROP_STREAM);
}
#define MISUSE	, CASE(siw_rx_done__misuse)
#else
#define MISUSE
#endif

SUITE(rx_marker,
      CASE(siw_rx_done__every_place),
      CASE(siw_rx_done__every_split),
      CASE(siw_rx_done__large_fpdu),
      CASE(siw_rx_next__ends_at_markers),
      CASE(siw_rx_next__verify),
      CASE(siw_rx_idle__early_marker),
      CASE(siw_rx_done__reserved_bits),
      CASE(siw_rx_done__bad_marker),
      CASE(siw_rx_done__bad_marker_and_crc),
      CASE(siw_rx_gate_open__bad_marker),
      CASE(siw_rx_refuse__crc_takes_precedence)
      MISUSE);
