// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * core/rx.c and core/rx_insn.c: the way through the octets of an FPDU.
 * What a segment may do is tested in test_rx_seg.c.
 */
#include "harness.h"
#include "rx_exec.h"

#define EACH_MODE(m)	for (m = VERIFY_FIRST; m < MODES; m++)
#define CRC_MODES(m)	for (m = VERIFY_FIRST; m < NO_CRC; m++)

/* One of each: what arrives in the tests of whole streams. */
static void put_mix(void)
{
	post_recv(100);
	post_recv(100);
	post_recv(100);
	post_read(0x100, 0x2000, 20);
	put_golden("G14");			/* Send "hello" */
	put_golden("G16");			/* Write */
	put_golden("G17");			/* Read Request */
	put_golden("G10");			/* Write of nothing */
	put_send(0, 2, 0, "abc", 3);
	put_resp(0, 0x100, 0x2000, "0123456789", 10);
	put_send(LAST, 2, 3, "defg", 4);
	put_resp(LAST, 0x100, 0x200a, "abcdefghij", 10);
	put_send(LAST, 3, 0, NULL, 0);
	put_golden("G20");			/* Terminate */
}

static void check_mix(void)
{
	static const u8 ops[] = {
		RDMAP_SEND, RDMAP_WRITE, RDMAP_READ_REQ, RDMAP_WRITE,
		RDMAP_SEND, RDMAP_READ_RESP, RDMAP_SEND, RDMAP_TERMINATE,
	};
	static const u32 len[] = { 5, 4, 0, 0, 7, 20, 0, 4 };
	u32 i;

	CHECK_EQ(e.delivers, 8);
	for (i = 0; i < 8; i++) {
		CHECK_EQ(e.ev[i].opcode, ops[i]);
		CHECK_EQ(e.ev[i].msg_len, len[i]);
		CHECK(e.ev[i].flags & SIW_RX_F_MSG_LAST);
	}
	CHECK_EQ(e.rreq.source_stag, 0x200);
	CHECK_EQ(e.rreq.len, 4096);
	CHECK_MEM(e.rbuf + CANARY, "abcdefg", 7);
	CHECK_MEM(e.mem + CANARY, "\xde\xad\xbe\xef", 4);
	CHECK_MEM(e.sink + CANARY, "0123456789abcdefghij", 20);
	CHECK(canaries_alive());
	CHECK_EQ(e.peer_term.err, SIW_E_MPA_CRC);
	CHECK_EQ(why(), SIW_E_PEER_TERM);
}

TEST(siw_rx_init__idle)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		CHECK(siw_rx_idle(&e.rx));
		CHECK(siw_rx_gate_open(&e.rx));
		CHECK(!siw_rx_term(&e.rx));
		CHECK_EQ(siw_rx_need(&e.rx), 4);
	}
}

TEST(siw_rx_next__idempotent)
{
	struct siw_rx_insn a, b;
	struct siw_rx before;
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		put_mix();
		e.avail = e.filled;
		do {
			before = e.rx;
			siw_rx_next(&e.rx, &a);
			siw_rx_next(&e.rx, &b);
			CHECK_MEM(&before, &e.rx, sizeof(before));
			CHECK_EQ(a.op, b.op);
			CHECK_EQ(a.len, b.len);
			CHECK(a.buf == b.buf);
			CHECK_EQ(a.to, b.to);
			CHECK_EQ(a.flags, b.flags);
			CHECK_EQ(siw_rx_need(&e.rx) == 0, a.len == 0);
		} while (exec_step());
		check_mix();
	}
}

/* Zero-length instructions are carried out although no octets are left: the
 * last message completes with its last octet.
 */
TEST(siw_rx_next__no_octets_needed_to_deliver)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		put_golden("G14");
		arrive(31);
		CHECK_EQ(e.delivers, 0);
		CHECK(!siw_rx_idle(&e.rx));
		arrive(1);
		CHECK_EQ(e.delivers, 1);
		CHECK(siw_rx_idle(&e.rx));
	}
}

TEST(siw_rx_next__deliver_fields)
{
	struct siw_rx_insn *i = &e.ev[0];
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		post_recv(100);
		post_recv(100);
		put_golden("G14");
		put_golden("G15");
		put_untagged(0x41, 0x46, 0, 3, 0, "x", 1);
		put32(e.stream + e.filled - 28 + 4, 0x55667788);
		fix_crc(e.stream + e.filled - 28);
		arrive_all();
		NEED(e.delivers == 3);
		CHECK_EQ(i[0].flags, SIW_RX_F_MSG_START | SIW_RX_F_MSG_LAST);
		CHECK_EQ(i[0].inval_stag, 0);
		CHECK_EQ(i[0].msn, 1);
		CHECK(!i[0].rreq && !i[0].term);
		CHECK_EQ(i[1].flags, SIW_RX_F_MSG_START | SIW_RX_F_MSG_LAST |
				     SIW_RX_F_INVALIDATE);
		CHECK_EQ(i[1].inval_stag, 0x11223344);
		CHECK_EQ(i[1].msn, 2);
		CHECK_EQ(i[2].flags, SIW_RX_F_MSG_START | SIW_RX_F_MSG_LAST |
				     SIW_RX_F_INVALIDATE |
				     SIW_RX_F_SOLICITED);
		CHECK_EQ(i[2].inval_stag, 0x55667788);
	}
}

/* MPA-5.1-05, MPA-5.2-01, DDP-3-04: 1, 2, 3, ... octets at a time. */
TEST(siw_rx_done__any_segmentation)
{
	enum exec_mode m;
	u32 piece;

	EACH_MODE(m)
		for (piece = 1; piece < 420; piece++) {
			exec_begin(m);
			put_mix();
			arrive_in_pieces(piece);
			check_mix();
		}
}

/* One cut at every octet of the stream. */
TEST(siw_rx_done__every_split)
{
	enum exec_mode m;
	u32 cut, n;

	EACH_MODE(m) {
		exec_begin(m);
		put_mix();
		n = e.filled;
		for (cut = 0; cut <= n; cut++) {
			exec_begin(m);
			put_mix();
			arrive(cut);
			arrive_all();
			check_mix();
		}
	}
}

/* MPA-3-05: one octet of payload in each of 1000 segments. */
TEST(siw_rx_done__tiny_segments)
{
	enum exec_mode m;
	u32 i;
	u8 c;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(1000);
		for (i = 0; i < 1000; i++) {
			c = (u8)i;
			put_send(i == 999 ? LAST : 0, 1, i, &c, 1);
		}
		arrive_all();
		CHECK_EQ(e.delivers, 1);
		CHECK_EQ(e.ev[0].msg_len, 1000);
		CHECK_EQ(e.seg_starts, 1000);
		for (i = 0; i < 1000; i++)
			CHECK_EQ(e.rbuf[CANARY + i], (u8)i);
	}
}

/* Placing in chunks: the segment is checked once, the range moves on. */
TEST(siw_rx_done__chunks_of_a_segment)
{
	struct siw_rx_insn i;

	exec_begin(CUT_THROUGH);
	put_write(LAST, BASE + 8, "0123456789", 10);
	arrive(16);
	siw_rx_next(&e.rx, &i);
	CHECK_EQ(i.op, SIW_RX_PLACE_TAGGED);
	CHECK_EQ(i.flags, SIW_RX_F_MSG_START | SIW_RX_F_SEG_START |
			  SIW_RX_F_MSG_LAST);
	CHECK_EQ(i.len, 10);
	CHECK_EQ(i.seg_len, 10);
	CHECK_EQ(i.to, BASE + 8);
	CHECK_EQ(i.stag, STAG);
	CHECK_EQ(siw_rx_need(&e.rx), 1);
	arrive(3);
	siw_rx_next(&e.rx, &i);
	CHECK_EQ(i.flags, SIW_RX_F_MSG_START | SIW_RX_F_MSG_LAST);
	CHECK_EQ(i.len, 7);
	CHECK_EQ(i.seg_len, 10);
	CHECK_EQ(i.to, BASE + 11);
	arrive_all();
	CHECK_EQ(e.seg_starts, 1);
	CHECK_EQ(e.delivers, 1);
	CHECK_MEM(e.mem + CANARY + 8, "0123456789", 10);
}

/* MPA-4.1-04, -05: pad is covered by the CRC, and otherwise ignored. */
TEST(siw_rx_done__pad)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		p = room();
		put_golden("G14");
		memcpy(p + 25, "\xaa\xbb\xcc", 3);
		fix_crc(p);
		arrive_all();
		CHECK_EQ(e.delivers, 1);
		CHECK_EQ(e.ev[0].msg_len, 5);
		CHECK_EQ(e.placed, 5);
	}
	CRC_MODES(m) {
		exec_begin(m);
		post_recv(100);
		p = room();
		put_golden("G14");
		memcpy(p + 25, "\xaa\xbb\xcc", 3);
		arrive_all();
		CHECK_EQ(e.delivers, 0);
		CHECK_EQ(why(), SIW_E_MPA_CRC);
	}
}

/* MPA-4.1-07, MPA-4.4-05 */
TEST(siw_rx_done__crc_off)
{
	exec_begin(NO_CRC);
	post_recv(100);
	put_golden("G14");
	put32(e.stream + 28, 0xdeadbeef);
	arrive_all();
	CHECK_EQ(e.delivers, 1);
}

/* MPA-4.4-12: no single bit can be flipped without notice. A longer length
 * makes the machine wait, never deliver.
 */
TEST(siw_rx_done__every_bit_flip)
{
	static const char * const name[] = { "G14", "G16", "G17", "G10" };
	enum exec_mode m;
	u32 bit, i, n;

	CRC_MODES(m)
		for (i = 0; i < 4; i++) {
			n = vector_get(name[i], e.stream) * 8;
			for (bit = 0; bit < n; bit++) {
				exec_begin(m);
				post_recv(100);
				put_golden(name[i]);
				e.stream[bit / 8] ^= (u8)(1 << bit % 8);
				arrive_all();
				CHECK_EQ(e.delivers, 0);
				if (bit >= 16)
					CHECK_EQ(why(), SIW_E_MPA_CRC);
				else
					CHECK(!why() || why() == SIW_E_MPA_CRC);
				if (m == VERIFY_FIRST)
					CHECK(nothing_placed());
			}
		}
}

/* MPA-6-02: nothing is placed before the whole FPDU is there and good. */
TEST(siw_rx_done__verify_first)
{
	struct siw_rx_insn i;
	u32 n;

	for (n = 0; n < 24; n++) {
		exec_begin(VERIFY_FIRST);
		put_golden("G16");
		arrive(n);
		CHECK(nothing_placed());
		siw_rx_next(&e.rx, &i);
		CHECK_EQ(i.op, n < 4 ? SIW_RX_FETCH : SIW_RX_VERIFY);
		CHECK_EQ(siw_rx_need(&e.rx), n < 4 ? 4 - n : 20);
	}
	arrive(1);
	CHECK_EQ(e.delivers, 1);
	CHECK_EQ(e.placed, 4);
	CHECK(!siw_rx_crc_wanted(&e.rx) || siw_rx_idle(&e.rx));
}

/* MPA-4.1-08, D-11: shorter than its header. */
TEST(siw_rx_done__runt)
{
	static const struct {
		u32 len;
		u8 ddp;
	} c[] = { { 0, 0 }, { 0, 0xff }, { 1, 0xc1 }, { 1, 0x41 }, { 2, 0x41 },
		  { 13, 0xc1 }, { 13, 0x41 }, { 14, 0x41 }, { 17, 0x41 } };
	enum exec_mode m;
	u32 i;
	u8 *p;

	EACH_MODE(m)
		for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
			exec_begin(m);
			p = room();
			memset(p, 0, 32);
			p[2] = c[i].len ? c[i].ddp : 0;
			p[3] = c[i].len > 1 ? 0x40 : 0;
			put_end(c[i].len);
			arrive_in_pieces(1);
			NEED(why() == SIW_E_DDP_RUNT);
			CHECK_EQ(siw_rx_term(&e.rx)->hdrct, 0);
			CHECK(siw_rx_term(&e.rx)->send);
			CHECK_EQ(siw_rx_term(&e.rx)->layer, 1);
			CHECK_EQ(siw_rx_term(&e.rx)->etype, 0);
		}
}

TEST(siw_rx_done__runt_with_bad_crc)
{
	enum exec_mode m;

	CRC_MODES(m) {
		exec_begin(m);
		put_end(13);
		e.stream[e.filled - 1] ^= 1;
		arrive_all();
		CHECK_EQ(why(), SIW_E_MPA_CRC);
	}
}

/* MPA-4.1-09, MPA-A.5-01, D-02 */
TEST(siw_rx_done__large_fpdu)
{
	static u8 big[65535];
	enum exec_mode m;
	u32 i;

	for (i = 0; i < sizeof(big); i++)
		big[i] = (u8)(i * 31 + i / 256);
	EACH_MODE(m) {
		exec_begin(m);
		post_recv(70000);
		post_recv(70000);
		put_send(LAST, 1, 0, big, 65000 - 18);
		arrive_in_pieces(1448);
		CHECK_EQ(e.delivers, 1);
		CHECK_EQ(e.ev[0].msg_len, 65000 - 18);
		CHECK_MEM(e.rbuf + CANARY, big, 65000 - 18);
		put_send(LAST, 2, 0, big, 65535 - 18);
		arrive_in_pieces(9000);
		CHECK_EQ(e.delivers, 2);
		CHECK_EQ(e.ev[1].msg_len, 65535 - 18);
		CHECK_MEM(e.rbuf + CANARY, big, 65535 - 18);
	}
}

/* DDP-4.1-06, RDMAP-4.1-04, RDMAP-4.1-07 */
TEST(siw_rx_done__reserved_bits)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		p = room();
		put_golden("G14");
		p[2] = 0x7d;
		p[3] = 0x73;
		put32(p + 4, STAG);
		fix_crc(p);
		arrive_all();
		CHECK_EQ(e.delivers, 1);
		CHECK_EQ(e.ev[0].inval_stag, 0);
		CHECK(!(e.ev[0].flags & SIW_RX_F_INVALIDATE));
	}
}

/* MPA-8-05, DDP-7.1-16: after a failure nothing moves any more. */
TEST(siw_rx_done__sticky_failure)
{
	struct siw_term first;
	enum exec_mode m;
	u32 pos;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		put_tagged(0xc1, 0x40, 77, BASE, "xxxx", 4);
		put_golden("G16");
		put_golden("G14");
		arrive_all();
		CHECK_EQ(why(), SIW_E_TAG_STAG);
		first = *siw_rx_term(&e.rx);
		pos = e.pos;
		siw_rx_done(&e.rx, 1, 0);
		siw_rx_refuse(&e.rx, SIW_E_UNT_NOBUF);
		arrive_all();
		CHECK_EQ(e.pos, pos);
		CHECK_MEM(&first, siw_rx_term(&e.rx), sizeof(first));
		CHECK_EQ(siw_rx_need(&e.rx), 0);
		CHECK(nothing_placed());
		CHECK_EQ(e.delivers, 0);
		CHECK(!siw_rx_idle(&e.rx));
	}
}

/* RDMAP-7.1-05: the first offender is reported, with its header. */
TEST(siw_rx_term__first_offender)
{
	const struct siw_term *t;
	enum exec_mode m;
	u8 *bad;

	EACH_MODE(m) {
		exec_begin(m);
		bad = put_tagged(0xc1, 0x40, 77, BASE, "xxxx", 4);
		put_untagged(0x42, 0x43, 0, 1, 0, NULL, 0);
		arrive_all();
		t = siw_rx_term(&e.rx);
		NEED(t);
		CHECK_EQ(t->err, SIW_E_TAG_STAG);
		CHECK(t->send);
		CHECK_EQ(t->hdrct, RDMAP_TERM_M | RDMAP_TERM_D);
		CHECK_EQ(t->seg_len, 18);
		CHECK_EQ(t->hdr_len, 14);
		CHECK_MEM(t->hdr, bad + 2, 14);
	}
}

/* A fault that is found before the CRC is known waits for it. */
TEST(siw_rx_refuse__crc_takes_precedence)
{
	struct siw_rx_insn i;
	enum exec_mode m;

	CRC_MODES(m) {
		exec_begin(m);
		put_tagged(0xc1, 0x40, STAG, 0, "xxxx", 4);
		e.stream[23] ^= 1;
		arrive(22);
		siw_rx_next(&e.rx, &i);
		CHECK_EQ(i.op, SIW_RX_VERIFY);
		CHECK_EQ(i.len, m == VERIFY_FIRST ? 20 : 8);
		CHECK(!siw_rx_term(&e.rx));
		arrive_all();
		CHECK_EQ(why(), SIW_E_MPA_CRC);
		CHECK(nothing_placed());
	}
	exec_begin(CUT_THROUGH);
	put_tagged(0xc1, 0x40, STAG, 0, "xxxx", 4);
	arrive_in_pieces(1);
	CHECK_EQ(why(), SIW_E_TAG_BOUNDS);
	exec_begin(NO_CRC);
	put_tagged(0xc1, 0x40, STAG, 0, "xxxx", 4);
	arrive(17);
	CHECK_EQ(why(), SIW_E_TAG_BOUNDS);
}

TEST(siw_rx_refuse__at_deliver)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		put_send(LAST, 1, 0, "x", 1);
		put_golden("G15");
		e.refuse_deliver = SIW_E_RPROT_INVAL;
		arrive_all();
		CHECK_EQ(why(), SIW_E_RPROT_INVAL);
		CHECK_EQ(siw_rx_term(&e.rx)->hdrct,
			 RDMAP_TERM_M | RDMAP_TERM_D);
		CHECK_EQ(siw_rx_term(&e.rx)->hdr_len, 18);
		CHECK_EQ(e.delivers, 0);
	}
}

/* MPA-7.1.2-10, -11: any valid FPDU opens the gate. */
TEST(siw_rx_gate_open__any_fpdu)
{
	static const char * const name[] = {
		"G10", "G11", "G12", "G14", "G16", "G17", "G20",
	};
	enum exec_mode m;
	u32 i;

	EACH_MODE(m)
		for (i = 0; i < 7; i++) {
			exec_begin_as(m, true, false);
			post_recv(100);
			CHECK(!siw_rx_gate_open(&e.rx));
			put_golden(name[i]);
			arrive(e.filled - 1);
			if (m != VERIFY_FIRST)
				CHECK(!siw_rx_gate_open(&e.rx));
			arrive(1);
			CHECK(siw_rx_gate_open(&e.rx));
			CHECK_EQ(e.delivers, 1);
		}
}

/* MPA-7.1.2-12, D-07: not by one with a bad CRC, and no Terminate then. */
TEST(siw_rx_gate_open__bad_crc)
{
	enum exec_mode m;

	CRC_MODES(m) {
		exec_begin_as(m, true, false);
		post_recv(100);
		put_golden("G14");
		e.stream[22] ^= 4;
		arrive_all();
		CHECK_EQ(why(), SIW_E_MPA_CRC);
		CHECK(!siw_rx_term(&e.rx)->send);
		CHECK(!siw_rx_gate_open(&e.rx));
		/* A later one may be told. */
		exec_begin_as(m, true, false);
		post_recv(100);
		put_golden("G10");
		put_golden("G14");
		e.stream[20 + 22] ^= 4;
		arrive_all();
		CHECK_EQ(why(), SIW_E_MPA_CRC);
		CHECK(siw_rx_term(&e.rx)->send);
	}
}

/* MPA-7.1.2-13: good for MPA and bad for DDP does, for the Terminate. */
TEST(siw_rx_gate_open__bad_segment)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin_as(m, true, false);
		put_tagged(0xc1, 0x40, 77, BASE, "xxxx", 4);
		arrive_all();
		CHECK_EQ(why(), SIW_E_TAG_STAG);
		CHECK(siw_rx_term(&e.rx)->send);
		CHECK(siw_rx_gate_open(&e.rx));
	}
}

/* EMPA-9.2-15, D-16, T39: the RTR Send takes a sequence number, no buffer. */
TEST(siw_rx_gate_open__rtr_send)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin_as(m, true, true);
		put_golden("G11");
		arrive_all();
		CHECK_EQ(why(), SIW_OK);
		CHECK(siw_rx_gate_open(&e.rx));
		CHECK(siw_rx_idle(&e.rx));
		CHECK_EQ(e.delivers, 0);
		post_recv(100);
		put_send(LAST, 2, 0, "data", 4);
		arrive_all();
		CHECK_EQ(e.delivers, 1);
		CHECK_EQ(e.rq_next, 1);
		/* The next one of no length is a message. */
		put_send(LAST, 3, 0, NULL, 0);
		arrive_all();
		CHECK_EQ(why(), SIW_E_UNT_NOBUF);
	}
}

/* EMPA-9.2-16: only a zero-length Send that comes first is the RTR. */
TEST(siw_rx_gate_open__rtr_send_was_something_else)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin_as(m, true, true);
		post_recv(100);
		put_golden("G14");
		arrive_all();
		CHECK_EQ(e.delivers, 1);
		exec_begin_as(m, true, true);
		put_golden("G10");
		put_golden("G11");
		arrive_all();
		CHECK_EQ(why(), SIW_E_UNT_NOBUF);
		exec_begin_as(m, true, true);
		put_untagged(0x41, 0x45, 0, 1, 0, NULL, 0);
		arrive_all();
		CHECK_EQ(why(), SIW_E_UNT_NOBUF);
		exec_begin_as(m, true, true);
		put_send(0, 1, 0, NULL, 0);
		arrive_all();
		CHECK_EQ(why(), SIW_E_UNT_NOBUF);
		exec_begin_as(m, true, true);
		put_send(LAST, 2, 0, NULL, 0);
		arrive_all();
		CHECK_EQ(why(), SIW_E_UNT_MSN);
	}
	/* An initiator does not wait for one. */
	exec_begin_as(NO_CRC, false, true);
	put_golden("G11");
	arrive_all();
	CHECK_EQ(why(), SIW_E_UNT_NOBUF);
}

TEST(siw_rx_idle__only_between_messages)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		post_read(0x100, 0x2000, 8);
		put_send(0, 1, 0, "a", 1);
		arrive_all();
		CHECK(!siw_rx_idle(&e.rx));
		put_send(LAST, 1, 1, "b", 1);
		arrive_all();
		CHECK(siw_rx_idle(&e.rx));
		put_write(0, BASE, "a", 1);
		arrive_all();
		CHECK(!siw_rx_idle(&e.rx));
		put_write(LAST, BASE, "a", 1);
		arrive_all();
		CHECK(siw_rx_idle(&e.rx));
		put_resp(0, 0x100, 0x2000, "abcd", 4);
		arrive_all();
		CHECK(!siw_rx_idle(&e.rx));
		put_resp(LAST, 0x100, 0x2004, "abcd", 4);
		arrive_all();
		CHECK(siw_rx_idle(&e.rx));
		put_golden("G16");
		arrive(1);
		CHECK(!siw_rx_idle(&e.rx));
		arrive_all();
		CHECK(siw_rx_idle(&e.rx));
		CHECK_EQ(e.delivers, 4);
	}
}

#if !defined(__KERNEL__) && defined(NDEBUG)
/* Bugs of the caller stop an assertion build; here the machine stops. */
static void check_misused(void)
{
	CHECK_EQ(why(), SIW_E_ROP_STREAM);
	CHECK_EQ(siw_rx_term(&e.rx)->hdrct, 0);
}

TEST(siw_rx_done__misuse)
{
	exec_begin(VERIFY_FIRST);
	siw_rx_done(&e.rx, 5, 0);
	check_misused();
	exec_begin(VERIFY_FIRST);
	siw_rx_done(&e.rx, 0, 0);
	check_misused();
	exec_begin(VERIFY_FIRST);
	put_golden("G16");
	arrive(4);
	siw_rx_done(&e.rx, 1, 0);
	check_misused();
	exec_begin(NO_CRC);
	put_golden("G16");
	arrive(16);
	siw_rx_done(&e.rx, 5, 0);
	check_misused();
	exec_begin(NO_CRC);
	siw_rx_verified(&e.rx, MPA_CRC_RESIDUE);
	check_misused();
	exec_begin(NO_CRC);
	siw_rx_rqe(&e.rx, 100);
	check_misused();
	exec_begin(NO_CRC);
	siw_rx_read(&e.rx, 1, 2, 3);
	check_misused();
	exec_begin(NO_CRC);
	siw_rx_refuse(&e.rx, SIW_E_UNT_NOBUF);
	check_misused();
}
#define MISUSE	, CASE(siw_rx_done__misuse)
#else
#define MISUSE
#endif

SUITE(rx,
      CASE(siw_rx_init__idle),
      CASE(siw_rx_next__idempotent),
      CASE(siw_rx_next__no_octets_needed_to_deliver),
      CASE(siw_rx_next__deliver_fields),
      CASE(siw_rx_done__any_segmentation),
      CASE(siw_rx_done__every_split),
      CASE(siw_rx_done__tiny_segments),
      CASE(siw_rx_done__chunks_of_a_segment),
      CASE(siw_rx_done__pad),
      CASE(siw_rx_done__crc_off),
      CASE(siw_rx_done__every_bit_flip),
      CASE(siw_rx_done__verify_first),
      CASE(siw_rx_done__runt),
      CASE(siw_rx_done__runt_with_bad_crc),
      CASE(siw_rx_done__large_fpdu),
      CASE(siw_rx_done__reserved_bits),
      CASE(siw_rx_done__sticky_failure),
      CASE(siw_rx_term__first_offender),
      CASE(siw_rx_refuse__crc_takes_precedence),
      CASE(siw_rx_refuse__at_deliver),
      CASE(siw_rx_gate_open__any_fpdu),
      CASE(siw_rx_gate_open__bad_crc),
      CASE(siw_rx_gate_open__bad_segment),
      CASE(siw_rx_gate_open__rtr_send),
      CASE(siw_rx_gate_open__rtr_send_was_something_else),
      CASE(siw_rx_idle__only_between_messages)
      MISUSE);
