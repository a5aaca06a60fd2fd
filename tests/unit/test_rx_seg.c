// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * core/rx_seg.c: what a segment may do. Each test runs with the CRC verified
 * first, with cut-through, and without CRC, and the FPDUs come in one piece
 * and octet by octet.
 */
#include "harness.h"
#include "rx_exec.h"

#define EACH_MODE(m)	for (m = VERIFY_FIRST; m < MODES; m++)
#define MD		(RDMAP_TERM_M | RDMAP_TERM_D)

/* The stream ends with an error about the frame at @bad, nothing is placed or
 * delivered beyond @delivers messages.
 */
#define check_fault(bad, want_err, delivers_) do {			\
	const struct siw_term *t_;					\
	arrive_all();							\
	t_ = siw_rx_term(&e.rx);					\
	NEED(t_);							\
	CHECK_EQ(t_->err, want_err);						\
	CHECK_EQ(t_->hdrct & MD, MD);					\
	CHECK(t_->send);						\
	CHECK_EQ(t_->seg_len, get16(bad));				\
	CHECK_MEM(t_->hdr, (bad) + 2, t_->hdr_len);			\
	CHECK_EQ(e.delivers, delivers_);				\
	CHECK(canaries_alive());					\
} while (0)

#define check_clean_fault(bad, want_err) do {				\
	check_fault(bad, want_err, 0);					\
	CHECK(nothing_placed());					\
} while (0)

/* -- fields: DDP-4.1-08, DDP-7.1-01, RDMAP-7.2-02 to -04 ---------------- */

TEST(siw_rx_segment__ddp_version)
{
	static const u8 dv[] = { 0, 2, 3 };
	enum exec_mode m;
	u32 i;
	u8 *p;

	EACH_MODE(m)
		for (i = 0; i < 3; i++) {
			exec_begin(m);
			p = put_tagged(0xc0 | dv[i], 0x40, STAG, BASE, "x", 1);
			check_clean_fault(p, SIW_E_TAG_VERSION);
			exec_begin(m);
			post_recv(100);
			p = put_untagged(0x40 | dv[i], 0x43, 0, 1, 0, "x", 1);
			check_clean_fault(p, SIW_E_UNT_VERSION);
		}
}

TEST(siw_rx_segment__queue_number)
{
	static const u32 qn[] = { 3, 4, 0x80000000, U32_MAX };
	enum exec_mode m;
	u32 i;
	u8 *p;

	EACH_MODE(m)
		for (i = 0; i < 4; i++) {
			exec_begin(m);
			post_recv(100);
			p = put_untagged(0x41, 0x43, qn[i], 1, 0, "x", 1);
			check_clean_fault(p, SIW_E_UNT_QN);
		}
}

TEST(siw_rx_segment__rdmap_version)
{
	static const u8 rv[] = { 0, 0x80, 0xc0 };
	enum exec_mode m;
	u32 i;
	u8 *p;

	EACH_MODE(m)
		for (i = 0; i < 3; i++) {
			exec_begin(m);
			p = put_tagged(0xc1, rv[i], STAG, BASE, "x", 1);
			check_clean_fault(p, SIW_E_ROP_VERSION);
			exec_begin(m);
			post_recv(100);
			p = put_untagged(0x41, rv[i] | 3, 0, 1, 0, "x", 1);
			check_clean_fault(p, SIW_E_ROP_VERSION);
			exec_begin(m);
			p = put_untagged(0x41, rv[i] | 1, 1, 1, 0,
					 "0123456789012345678901234567", 28);
			check_clean_fault(p, SIW_E_ROP_VERSION);
		}
}

/* RDMAP-7.2-02, -03, EXT-1.1-01, IANA-3.4-01 */
TEST(siw_rx_segment__opcode)
{
	enum exec_mode m;
	u32 op, qn;
	u8 *p;

	EACH_MODE(m)
		for (op = 0; op < 16; op++) {
			if (op != RDMAP_WRITE && op != RDMAP_READ_RESP) {
				exec_begin(m);
				p = put_tagged(0xc1, (u8)(0x40 | op), STAG,
					       BASE, "x", 1);
				check_clean_fault(p, SIW_E_ROP_OPCODE);
			}
			for (qn = 0; qn < 3; qn++) {
				if ((qn == 0 && op >= 3 && op <= 6) ||
				    (qn == 1 && op == 1) ||
				    (qn == 2 && op == 7))
					continue;
				exec_begin(m);
				post_recv(100);
				p = put_untagged(0x41, (u8)(0x40 | op), qn, 1,
						 0, "x", 1);
				check_clean_fault(p, SIW_E_ROP_OPCODE);
			}
		}
}

/* RDMAP-7.2-12: with several faults, the first in this order. */
TEST(siw_rx_segment__order_of_checks)
{
	static const struct {
		u8 ddp, rdmap;
		u32 qn, msn, mo, rq;
		enum siw_err err;
	} c[] = {
		{ 0x40, 0x8f, 9, 7, 999, 0, SIW_E_UNT_VERSION },
		{ 0x41, 0x8f, 9, 7, 999, 0, SIW_E_UNT_QN },
		{ 0x41, 0x8f, 0, 7, 999, 0, SIW_E_ROP_VERSION },
		{ 0x41, 0x4f, 0, 7, 999, 0, SIW_E_ROP_OPCODE },
		{ 0x41, 0x43, 0, 7, 999, 0, SIW_E_UNT_MSN },
		{ 0x41, 0x43, 0, 1, 999, 0, SIW_E_UNT_NOBUF },
		{ 0x41, 0x43, 0, 1, 999, 1, SIW_E_UNT_MO },
		{ 0x41, 0x43, 0, 1, 100, 1, SIW_E_UNT_LONG },
		{ 0x41, 0x43, 0, 1, 99, 1, SIW_E_UNT_HOLE },
		{ 0x40, 0x81, 1, 7, 1, 0, SIW_E_UNT_VERSION },
		{ 0x41, 0x81, 1, 7, 1, 0, SIW_E_ROP_VERSION },
		{ 0x01, 0x41, 1, 7, 1, 0, SIW_E_UNT_MSN },
		{ 0x01, 0x41, 1, 1, 1, 0, SIW_E_UNT_MO },
		{ 0x01, 0x41, 1, 1, 0, 0, SIW_E_RREQ_SPLIT },
		{ 0x41, 0x41, 1, 1, 0, 0, SIW_E_RREQ_SHORT },
	};
	enum exec_mode m;
	u32 i;
	u8 *p;

	EACH_MODE(m)
		for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
			exec_begin(m);
			if (c[i].rq)
				post_recv(100);
			p = put_untagged(c[i].ddp, c[i].rdmap, c[i].qn,
					 c[i].msn, c[i].mo, "x", 1);
			check_clean_fault(p, c[i].err);
		}
}

/* -- tagged: DDP-5.2-07, DDP-5.2-08, DDP-7.1-08 to -14 ------------------- */

TEST(siw_rx_segment__write_access)
{
	static const struct {
		u32 stag;
		u64 to;
		u32 len;
		enum siw_err err;
	} c[] = {
		{ STAG + 1, BASE, 4, SIW_E_TAG_STAG },
		{ STAG, BASE - 1, 4, SIW_E_TAG_BOUNDS },
		{ STAG, BASE + MEM_LEN, 1, SIW_E_TAG_BOUNDS },
		{ STAG, BASE + MEM_LEN - 1, 2, SIW_E_TAG_BOUNDS },
		{ STAG, 0, 4, SIW_E_TAG_BOUNDS },
		{ STAG, U64_MAX - 1, 4, SIW_E_TAG_WRAP },
		{ STAG, U64_MAX - 3, 4, SIW_E_TAG_WRAP },
	};
	enum exec_mode m;
	u32 i;
	u8 *p;

	EACH_MODE(m)
		for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
			exec_begin(m);
			p = put_tagged(0xc1, 0x40, c[i].stag, c[i].to, "abcd",
				       c[i].len);
			check_clean_fault(p, c[i].err);
		}
}

TEST(siw_rx_segment__write_without_payload)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		put_tagged(0xc1, 0x40, 0, U64_MAX, NULL, 0);
		put_tagged(0xc1, 0x40, U32_MAX, 0, NULL, 0);
		put_tagged(0x81, 0x40, 0, U64_MAX, NULL, 0);
		put_write(LAST, BASE, "abcd", 4);
		arrive_all();
		CHECK_EQ(why(), SIW_OK);
		CHECK_EQ(e.delivers, 3);
		CHECK_EQ(e.ev[2].msg_len, 4);
		CHECK(!(e.ev[2].flags & SIW_RX_F_MSG_START));
		CHECK_EQ(e.placed, 4);
	}
}

TEST(siw_rx_segment__write_of_many_segments)
{
	struct siw_rx_insn i;
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		put_write(0, BASE + 4, "efgh", 4);
		put_write(0, BASE, "abcd", 4);
		arrive_all();
		CHECK_EQ(e.delivers, 0);
		put_write(LAST, BASE + MEM_LEN - 2, "yz", 2);
		arrive_all();
		CHECK_EQ(e.delivers, 1);
		CHECK_EQ(e.ev[0].msg_len, 10);
		CHECK_MEM(e.mem + CANARY, "abcdefgh", 8);
		CHECK_MEM(e.mem + CANARY + MEM_LEN - 2, "yz", 2);
		CHECK(canaries_alive());
		/* The next is a new message. */
		put_write(LAST, BASE, "x", 1);
		arrive_all();
		CHECK_EQ(e.ev[1].msg_len, 1);
		siw_rx_next(&e.rx, &i);
		CHECK_EQ(i.op, SIW_RX_FETCH);
	}
}

/* A second segment beyond the memory: the first was good and stays. */
TEST(siw_rx_segment__write_second_segment_out_of_bounds)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		exec_begin(m);
		put_write(0, BASE, "abcd", 4);
		p = put_write(LAST, BASE + MEM_LEN - 3, "abcd", 4);
		check_fault(p, SIW_E_TAG_BOUNDS, 0);
		CHECK_EQ(e.placed, 4);
	}
}

/* -- Read Response: RDMAP-5.2.2-06, -07, D-31 ---------------------------- */

TEST(siw_rx_read__whole)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		post_read(0x100, 0x2000, 8);
		post_read(0x101, 0, 0);
		post_read(0x102, U64_MAX - 3, 3);
		put_resp(0, 0x100, 0x2000, "abcd", 4);
		put_resp(0, 0x999, 0, NULL, 0);
		put_resp(LAST, 0x100, 0x2004, "efgh", 4);
		put_resp(LAST, 0x999, 77, NULL, 0);
		arrive_all();
		CHECK_EQ(e.delivers, 2);
		CHECK_EQ(e.ev[0].msg_len, 8);
		CHECK_EQ(e.ev[1].msg_len, 0);
		CHECK_MEM(e.sink + CANARY, "abcdefgh", 8);
		put_resp(LAST, 0x102, U64_MAX - 3, "xyz", 3);
		arrive_all();
		CHECK_EQ(e.delivers, 3);
		CHECK_MEM(e.sink + CANARY, "xyz", 3);
	}
}

TEST(siw_rx_read__unsolicited)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		exec_begin(m);
		p = put_resp(LAST, 1, 0, NULL, 0);
		check_clean_fault(p, SIW_E_ROP_UNSOLICITED);
		exec_begin(m);
		p = put_resp(LAST, STAG, BASE, "abcd", 4);
		check_clean_fault(p, SIW_E_ROP_UNSOLICITED);
		/* One Read is not a licence for two Responses. */
		exec_begin(m);
		post_read(0x100, 0x2000, 4);
		put_resp(LAST, 0x100, 0x2000, "abcd", 4);
		p = put_resp(LAST, 0x100, 0x2000, "efgh", 4);
		check_fault(p, SIW_E_ROP_UNSOLICITED, 1);
		CHECK_MEM(e.sink + CANARY, "abcd", 4);
	}
}

TEST(siw_rx_read__mismatch)
{
	static const struct {
		u32 stag;
		u64 to;
		u32 len;
		u8 last;
		enum siw_err err;
	} c[] = {
		{ 0x101, 0x2000, 8, LAST, SIW_E_RRESP_STAG },
		{ 0x100, 0x2001, 8, LAST, SIW_E_RRESP_TO },
		{ 0x100, 0x1fff, 8, LAST, SIW_E_RRESP_TO },
		{ 0x100, 0x2000, 9, LAST, SIW_E_RRESP_LONG },
		{ 0x100, 0x2000, 9, 0, SIW_E_RRESP_LONG },
		{ 0x100, 0x2000, 7, LAST, SIW_E_RRESP_SHORT },
		{ 0x100, 0x2000, 0, LAST, SIW_E_RRESP_SHORT },
	};
	enum exec_mode m;
	u32 i;
	u8 *p;

	EACH_MODE(m)
		for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
			exec_begin(m);
			post_read(0x100, 0x2000, 8);
			p = put_resp(c[i].last, c[i].stag, c[i].to,
				     "123456789", c[i].len);
			check_clean_fault(p, c[i].err);
		}
}

TEST(siw_rx_read__mismatch_later)
{
	static const struct {
		u32 stag;
		u64 to;
		u32 len;
		enum siw_err err;
	} c[] = {
		{ 0x101, 0x2004, 4, SIW_E_RRESP_STAG },
		{ 0x100, 0x2000, 4, SIW_E_RRESP_TO },
		{ 0x100, 0x2005, 3, SIW_E_RRESP_TO },
		{ 0x100, 0x2004, 5, SIW_E_RRESP_LONG },
		{ 0x100, 0x2004, 3, SIW_E_RRESP_SHORT },
	};
	enum exec_mode m;
	u32 i;
	u8 *p;

	EACH_MODE(m)
		for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
			exec_begin(m);
			post_read(0x100, 0x2000, 8);
			put_resp(0, 0x100, 0x2000, "abcd", 4);
			p = put_resp(LAST, c[i].stag, c[i].to, "efghi",
				     c[i].len);
			check_fault(p, c[i].err, 0);
			CHECK_EQ(e.placed, 4);
		}
}

/* All octets came without the L bit: only an empty last segment may follow. */
TEST(siw_rx_read__late_last_segment)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		exec_begin(m);
		post_read(0x100, 0x2000, 4);
		put_resp(0, 0x100, 0x2000, "abcd", 4);
		put_resp(LAST, 0x100, 0x2004, NULL, 0);
		arrive_all();
		CHECK_EQ(e.delivers, 1);
		exec_begin(m);
		post_read(0x100, 0x2000, 4);
		put_resp(0, 0x100, 0x2000, "abcd", 4);
		p = put_resp(0, 0x100, 0x2004, "e", 1);
		check_fault(p, SIW_E_RRESP_LONG, 0);
	}
}

/* -- Send: DDP-7.1-02, -04 to -07, -19, DDP-5.3-03, D-17 to D-22 --------- */

TEST(siw_rx_rqe__no_buffer)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		exec_begin(m);
		p = put_send(LAST, 1, 0, "hello", 5);
		check_clean_fault(p, SIW_E_UNT_NOBUF);
		exec_begin(m);
		p = put_send(LAST, 1, 0, NULL, 0);
		check_clean_fault(p, SIW_E_UNT_NOBUF);
	}
}

TEST(siw_rx_rqe__zero_length)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(0);
		post_recv(0);
		put_send(LAST, 1, 0, NULL, 0);
		put_send(0, 2, 0, NULL, 0);
		put_send(LAST, 2, 0, NULL, 0);
		arrive_all();
		CHECK_EQ(e.delivers, 2);
		CHECK_EQ(e.rq_next, 2);
		CHECK_EQ(e.seg_starts, 0);
	}
}

TEST(siw_rx_segment__msn)
{
	static const u32 msn[] = { 0, 2, 0x80000001, U32_MAX };
	enum exec_mode m;
	u32 i;
	u8 *p;

	EACH_MODE(m) {
		for (i = 0; i < 4; i++) {
			exec_begin(m);
			post_recv(100);
			p = put_send(LAST, msn[i], 0, "x", 1);
			check_clean_fault(p, SIW_E_UNT_MSN);
			CHECK_EQ(e.rq_next, 0);
			exec_begin(m);
			p = put_rreq(LAST, msn[i], 0, 28);
			check_clean_fault(p, SIW_E_UNT_MSN);
		}
		exec_begin(m);
		post_recv(100);
		post_recv(100);
		put_send(LAST, 1, 0, "x", 1);
		p = put_send(LAST, 1, 0, "x", 1);
		check_fault(p, SIW_E_UNT_MSN, 1);
	}
}

TEST(siw_rx_segment__msn_changes_inside_a_message)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		put_send(0, 1, 0, "x", 1);
		p = put_send(LAST, 2, 1, "y", 1);
		check_fault(p, SIW_E_UNT_MSN, 0);
	}
}

/* DDP-4.3-06 */
TEST(siw_rx_segment__msn_wraps)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		post_recv(100);
		e.rx.umsg[DDP_QN_SEND].msn = U32_MAX;
		e.rx.umsg[DDP_QN_READ].msn = U32_MAX;
		put_send(LAST, U32_MAX, 0, "x", 1);
		put_send(LAST, 0, 0, "x", 1);
		put_rreq(LAST, U32_MAX, 0, 28);
		put_rreq(LAST, 0, 0, 28);
		arrive_all();
		CHECK_EQ(e.delivers, 4);
	}
}

/* D-18: beyond the end is an offset fault, across it is too long. */
TEST(siw_rx_rqe__bounds)
{
	static const struct {
		u32 mo, len;
		enum siw_err err;
	} c[] = {
		{ 17, 0, SIW_E_UNT_MO }, { 17, 1, SIW_E_UNT_MO },
		{ U32_MAX, 1, SIW_E_UNT_MO }, { U32_MAX - 3, 4, SIW_E_UNT_MO },
		{ 16, 1, SIW_E_UNT_LONG }, { 0, 17, SIW_E_UNT_LONG },
		{ 15, 2, SIW_E_UNT_LONG },
	};
	enum exec_mode m;
	u32 i, last;
	u8 *p;

	EACH_MODE(m)
		for (i = 0; i < sizeof(c) / sizeof(c[0]); i++)
			for (last = 0; last < 2; last++) {
				exec_begin(m);
				post_recv(16);
				p = put_send(last ? LAST : 0, 1, c[i].mo,
					     "0123456789abcdefg", c[i].len);
				check_clean_fault(p, c[i].err);
			}
}

/* DDP-7.1-05 in two segments: octets beyond the buffer stay untouched. */
TEST(siw_rx_rqe__too_long_in_two_segments)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(16);
		put_send(0, 1, 0, "0123456789", 10);
		p = put_send(LAST, 1, 10, "abcdefg", 7);
		check_fault(p, SIW_E_UNT_LONG, 0);
		CHECK_EQ(e.placed, 10);
		CHECK(all_cc(e.rbuf + CANARY + 10, 100));
	}
}

/* DDP-5.3-03, DDP-5.4-03 */
TEST(siw_rx_rqe__segments_out_of_order)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(24);
		put_send(0, 1, 8, "89abcdef", 8);
		put_send(0, 1, 0, "01234567", 8);
		put_send(LAST, 1, 16, "ghijklmn", 8);
		arrive_all();
		CHECK_EQ(e.delivers, 1);
		CHECK_EQ(e.ev[0].msg_len, 24);
		CHECK_MEM(e.rbuf + CANARY, "0123456789abcdefghijklmn", 24);
	}
}

/* DDP-7.1-19, D-17 */
TEST(siw_rx_rqe__hole)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		put_send(0, 1, 0, "01234567", 8);
		p = put_send(LAST, 1, 16, "01234567", 8);
		check_fault(p, SIW_E_UNT_HOLE, 0);
		exec_begin(m);
		post_recv(100);
		p = put_send(LAST, 1, 4, NULL, 0);
		check_fault(p, SIW_E_UNT_HOLE, 0);
		/* Octets that came twice do not fill one. */
		exec_begin(m);
		post_recv(100);
		put_send(0, 1, 0, "01234567", 8);
		put_send(0, 1, 0, "01234567", 8);
		p = put_send(LAST, 1, 8, "8", 1);
		check_fault(p, SIW_E_UNT_HOLE, 0);
	}
}

/* D-27 */
TEST(siw_rx_segment__opcode_changes_inside_a_message)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		put_send(0, 1, 0, "a", 1);
		p = put_untagged(0x41, 0x45, 0, 1, 1, "b", 1);
		check_fault(p, SIW_E_ROP_CHANGED, 0);
	}
}

/* RDMAP-5.3-12: the STag of the last segment counts, at delivery. */
TEST(siw_rx_segment__last_invalidate_stag)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		p = put_untagged(0x01, 0x44, 0, 1, 0, "a", 1);
		put32(p + 4, 111);
		fix_crc(p);
		p = put_untagged(0x41, 0x44, 0, 1, 1, "b", 1);
		put32(p + 4, 222);
		fix_crc(p);
		arrive_all();
		NEED(e.delivers == 1);
		CHECK_EQ(e.ev[0].inval_stag, 222);
		CHECK_EQ(e.ev[0].flags, SIW_RX_F_MSG_LAST |
					SIW_RX_F_INVALIDATE);
	}
}

/* -- Read Request: RDMAP-5.2.1-12, D-32, D-28 ----------------------------- */

TEST(siw_rx_segment__read_request)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		exec_begin(m);
		p = put_rreq(LAST, 1, 0, 28);
		arrive_in_pieces(1);
		CHECK_EQ(e.delivers, 1);
		CHECK(e.ev[0].flags & SIW_RX_F_MSG_START);
		CHECK_EQ(e.ev[0].msn, 1);
		CHECK_EQ(e.rreq.sink_stag, 0x100);
		CHECK_EQ(e.rreq.sink_to, 0x2000);
		CHECK_EQ(e.rreq.len, 4096);
		CHECK_EQ(e.rreq.source_stag, 0x200);
		CHECK_EQ(e.rreq.source_to, 0x3000);
		CHECK_EQ(e.rreq.msn, 1);
		CHECK_MEM(e.rreq.hdr, p, 48);
	}
}

TEST(siw_rx_segment__read_request_form)
{
	enum exec_mode m;
	u32 n;
	u8 *p;

	EACH_MODE(m) {
		for (n = 0; n < 40; n++) {
			if (n == 28)
				continue;
			exec_begin(m);
			p = put_rreq(LAST, 1, 0, n);
			check_clean_fault(p, n < 28 ? SIW_E_RREQ_SHORT :
						      SIW_E_RREQ_LONG);
		}
		exec_begin(m);
		p = put_rreq(0, 1, 0, 28);
		check_clean_fault(p, SIW_E_RREQ_SPLIT);
		exec_begin(m);
		p = put_rreq(LAST, 1, 28, 28);
		check_clean_fault(p, SIW_E_UNT_MO);
	}
}

TEST(siw_rx_segment__read_requests_beyond_ird)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		exec_begin(m);
		e.ird = 2;
		put_rreq(LAST, 1, 0, 28);
		put_rreq(LAST, 2, 0, 28);
		p = put_rreq(LAST, 3, 0, 28);
		check_fault(p, SIW_E_RREQ_IRD, 2);
		CHECK_EQ(siw_rx_term(&e.rx)->hdrct, MD);
		CHECK_EQ(siw_rx_term(&e.rx)->code, 2);
	}
}

/* -- Terminate: RDMAP-5.4-02, -03, -09, RDMAP-4.8-11, -12, D-29, D-37 ----- */

static void check_ended(enum siw_err err)
{
	CHECK_EQ(e.delivers, 1);
	CHECK_EQ(e.ev[0].opcode, RDMAP_TERMINATE);
	CHECK(e.ev[0].term == &e.rx.peer_term);
	CHECK_EQ(e.peer_term.err, err);
	CHECK_EQ(why(), SIW_E_PEER_TERM);
	CHECK(!siw_rx_term(&e.rx)->send);
	CHECK(nothing_placed());
}

TEST(siw_rx_segment__terminate_any_length)
{
	static const u8 crc[60] = { 0x20, 2 };
	u32 n;
	enum exec_mode m;

	EACH_MODE(m)
		for (n = 0; n <= 60; n++) {
			exec_begin(m);
			put_term(LAST, 0, crc, n);
			arrive_in_pieces(7);
			check_ended(n < 4 ? SIW_E_TERM_MALFORMED :
					    SIW_E_MPA_CRC);
			CHECK_EQ(e.ev[0].msg_len, n);
		}
}

TEST(siw_rx_segment__terminate_malformed)
{
	static const u8 all_bits[4] = { 0x01, 0, 0xe0, 0 };
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		put_term(LAST, 0, all_bits, 4);
		arrive_all();
		check_ended(SIW_E_TERM_MALFORMED);
	}
}

TEST(siw_rx_segment__terminate_golden)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		put_golden("G22");
		arrive_in_pieces(1);
		check_ended(SIW_E_RPROT_STAG);
		CHECK_EQ(e.peer_term.hdr_len, 46);
	}
}

/* In segments of one octet, and then far more than we keep. */
TEST(siw_rx_segment__terminate_in_segments)
{
	static u8 big[65000];
	u8 golden[VECTOR_MAX];
	enum exec_mode m;
	u32 i;

	NEED(vector_get("G22", golden));
	memset(big, 0xa5, sizeof(big));
	EACH_MODE(m) {
		exec_begin(m);
		for (i = 0; i < 52; i++)
			put_term(0, i, golden + 20 + i, 1);
		put_term(0, 52, big, 5);
		put_term(0, 57, big, sizeof(big));
		put_term(LAST, 57 + sizeof(big), big, sizeof(big));
		arrive_in_pieces(1448);
		check_ended(SIW_E_RPROT_STAG);
		CHECK_EQ(e.peer_term.hdr_len, 46);
		CHECK_MEM(e.peer_term.hdr, golden + 20 + 6, 46);
	}
}

TEST(siw_rx_segment__terminate_with_a_hole)
{
	static const u8 crc[4] = { 0x20, 2 };
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		put_term(LAST, 100, crc, 4);
		arrive_all();
		check_ended(SIW_E_TERM_MALFORMED);
		exec_begin(m);
		put_term(LAST, U32_MAX, crc, 4);
		arrive_all();
		check_ended(SIW_E_TERM_MALFORMED);
		exec_begin(m);
		put_term(0, 2, crc, 4);
		put_term(LAST, 8, crc, 4);
		arrive_all();
		check_ended(SIW_E_TERM_MALFORMED);
	}
}

/* D-38: whatever follows is not looked at. T41: nor is the MSN. */
TEST(siw_rx_segment__terminate_is_the_end)
{
	enum exec_mode m;
	u32 pos;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		put_untagged(0x41, 0x47, 2, 4096, 0, "\x20\x02\0\0", 4);
		put_golden("G20");
		put_golden("G14");
		arrive_all();
		pos = e.pos;
		check_ended(SIW_E_MPA_CRC);
		CHECK_EQ(pos, 28);
	}
}

TEST(siw_rx_segment__terminate_with_bad_crc)
{
	exec_begin(CUT_THROUGH);
	put_golden("G22");
	e.stream[60] ^= 1;
	arrive_all();
	CHECK_EQ(why(), SIW_E_MPA_CRC);
	CHECK_EQ(e.delivers, 0);
}

/* -- interleaving: DDP-5.3-05, D-20 -------------------------------------- */

TEST(siw_rx_segment__interleaved)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_begin(m);
		post_recv(100);
		post_read(0x100, 0x2000, 6);
		put_send(0, 1, 0, "ab", 2);
		put_resp(0, 0x100, 0x2000, "uvw", 3);
		put_write(0, BASE, "0123", 4);
		put_rreq(LAST, 1, 0, 28);
		put_term(0, 0, "\x20\x02", 2);
		put_write(LAST, BASE + 4, "4567", 4);
		put_send(LAST, 1, 2, "cd", 2);
		put_resp(LAST, 0x100, 0x2003, "xyz", 3);
		put_term(LAST, 2, "\0\0", 2);
		arrive_in_pieces(5);
		CHECK_EQ(e.delivers, 5);
		CHECK_EQ(e.ev[0].opcode, RDMAP_READ_REQ);
		CHECK_EQ(e.ev[1].opcode, RDMAP_WRITE);
		CHECK_EQ(e.ev[1].msg_len, 8);
		CHECK_EQ(e.ev[2].opcode, RDMAP_SEND);
		CHECK_EQ(e.ev[2].msg_len, 4);
		CHECK_EQ(e.ev[3].opcode, RDMAP_READ_RESP);
		CHECK_EQ(e.ev[3].msg_len, 6);
		CHECK_EQ(e.ev[4].opcode, RDMAP_TERMINATE);
		CHECK_MEM(e.rbuf + CANARY, "abcd", 4);
		CHECK_MEM(e.sink + CANARY, "uvwxyz", 6);
		CHECK_MEM(e.mem + CANARY, "01234567", 8);
		CHECK_EQ(e.peer_term.err, SIW_E_MPA_CRC);
	}
}

/* -- saturation ----------------------------------------------------------- */

TEST(siw_rx_msg_len__saturates)
{
	exec_begin(NO_CRC);
	put_write(0, BASE, "0123", 4);
	arrive_all();
	e.rx.write.got = (u64)U32_MAX + 5;
	put_write(LAST, BASE, "0123", 4);
	arrive_all();
	CHECK_EQ(e.ev[0].msg_len, U32_MAX);
}

SUITE(rx_seg,
      CASE(siw_rx_segment__ddp_version),
      CASE(siw_rx_segment__queue_number),
      CASE(siw_rx_segment__rdmap_version),
      CASE(siw_rx_segment__opcode),
      CASE(siw_rx_segment__order_of_checks),
      CASE(siw_rx_segment__write_access),
      CASE(siw_rx_segment__write_without_payload),
      CASE(siw_rx_segment__write_of_many_segments),
      CASE(siw_rx_segment__write_second_segment_out_of_bounds),
      CASE(siw_rx_read__whole),
      CASE(siw_rx_read__unsolicited),
      CASE(siw_rx_read__mismatch),
      CASE(siw_rx_read__mismatch_later),
      CASE(siw_rx_read__late_last_segment),
      CASE(siw_rx_rqe__no_buffer),
      CASE(siw_rx_rqe__zero_length),
      CASE(siw_rx_segment__msn),
      CASE(siw_rx_segment__msn_changes_inside_a_message),
      CASE(siw_rx_segment__msn_wraps),
      CASE(siw_rx_rqe__bounds),
      CASE(siw_rx_rqe__too_long_in_two_segments),
      CASE(siw_rx_rqe__segments_out_of_order),
      CASE(siw_rx_rqe__hole),
      CASE(siw_rx_segment__opcode_changes_inside_a_message),
      CASE(siw_rx_segment__last_invalidate_stag),
      CASE(siw_rx_segment__read_request),
      CASE(siw_rx_segment__read_request_form),
      CASE(siw_rx_segment__read_requests_beyond_ird),
      CASE(siw_rx_segment__terminate_any_length),
      CASE(siw_rx_segment__terminate_malformed),
      CASE(siw_rx_segment__terminate_golden),
      CASE(siw_rx_segment__terminate_in_segments),
      CASE(siw_rx_segment__terminate_with_a_hole),
      CASE(siw_rx_segment__terminate_is_the_end),
      CASE(siw_rx_segment__terminate_with_bad_crc),
      CASE(siw_rx_segment__interleaved),
      CASE(siw_rx_msg_len__saturates));
