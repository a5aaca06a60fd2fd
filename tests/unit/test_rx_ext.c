// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * core/rx_ext.c: the messages of RFC 7306 as they are received, with the CRC
 * verified first, with cut-through, and without CRC. EXT-4.1-03, EXT-4.2-01,
 * EXT-5.2.1-04 to -07, -12, EXT-5.2.2-01 to -07, EXT-6.3-01 to -08, EXT-8.1-02,
 * EXT-8.2-01, D-39 to D-45
 */
#include "harness.h"
#include "rx_exec.h"

#define EACH_MODE(m)	for (m = VERIFY_FIRST; m < MODES; m++)
#define MD		(RDMAP_TERM_M | RDMAP_TERM_D)

static void begin_with(enum exec_mode m, u8 ext)
{
	exec_ext = ext;
	exec_begin(m);
	exec_ext = 0;
}

static void begin(enum exec_mode m)
{
	begin_with(m, SIW_EXT_ALL);
}

/* The stream ends with an error about the frame at @bad; never with an RDMAP
 * header: EXT-8.1-02.
 */
#define check_fault(bad, want_err, delivers_) do {			\
	const struct siw_term *t_;					\
	arrive_all();							\
	t_ = siw_rx_term(&e.rx);					\
	NEED(t_);							\
	CHECK_EQ(t_->err, want_err);					\
	CHECK_EQ(t_->hdrct, MD);					\
	CHECK(t_->send);						\
	CHECK_EQ(t_->seg_len, get16(bad));				\
	CHECK_EQ(t_->hdr_len, 18);					\
	CHECK_MEM(t_->hdr, (bad) + 2, 18);				\
	CHECK_EQ(e.delivers, delivers_);				\
	CHECK(nothing_placed());					\
} while (0)

static u8 *put_imm(u8 last, u32 msn, u32 mo, u32 n)
{
	static const u8 imm[24] = "\x11\x22\x33\x44\x55\x66\x77\x88";

	return put_untagged(0x01 | last, 0x48, 0, msn, mo, imm, n);
}

/* A FetchAdd with @n octets where 52 belong. */
static u8 *put_areq(u8 last, u8 op, u32 msn, u32 mo, u32 n)
{
	u8 h[80] = { 0 };

	h[3] = op;
	put32(h + 4, 0x1234);
	put32(h + 8, STAG);
	put64(h + 12, BASE);
	put64(h + 20, 1);
	return put_untagged(0x01 | last, 0x4a, 1, msn, mo, h, n);
}

static u8 *put_aresp(u8 last, u32 msn, u32 mo, u32 id, u32 n)
{
	u8 h[24] = { 0 };

	put32(h, id);
	put64(h + 4, 0x8899aabbccddeeffULL);
	return put_untagged(0x01 | last, 0x4b, 3, msn, mo, h, n);
}

/* -- Immediate Data ------------------------------------------------------ */

TEST(siw_rx_imm_segment__golden)
{
	enum exec_mode m;

	EACH_MODE(m) {
		begin_with(m, SIW_EXT_IMM);
		post_recv(100);
		post_recv(0);	/* EXT-6.3-08 */
		put_golden("G33");
		put_golden("G34");
		arrive_in_pieces(1);
		NEED(e.delivers == 2);
		CHECK_EQ(e.ev[0].opcode, RDMAP_IMM);
		CHECK_EQ(e.ev[0].val, 0x1122334455667788ULL);
		CHECK_EQ(e.ev[0].msg_len, 0);
		CHECK_EQ(e.ev[0].flags, SIW_RX_F_MSG_START |
					SIW_RX_F_MSG_LAST);
		CHECK_EQ(e.ev[1].opcode, RDMAP_IMM_SE);
		CHECK_EQ(e.ev[1].val, 0xfedcba9876543210ULL);
		CHECK_EQ(e.ev[1].flags, SIW_RX_F_MSG_START |
					SIW_RX_F_MSG_LAST |
					SIW_RX_F_SOLICITED);
		CHECK_EQ(e.rq_next, 2);
		CHECK(nothing_placed());
		CHECK(siw_rx_idle(&e.rx));
	}
}

/* EXT-6.3-01, -03: they count and queue with Sends. EXT-4.1-03 too. */
TEST(siw_rx_imm_segment__among_sends)
{
	enum exec_mode m;
	u8 *p;
	u32 i;

	EACH_MODE(m) {
		begin(m);
		for (i = 0; i < 3; i++)
			post_recv(8);
		put_send(LAST, 1, 0, "ab", 2);
		p = put_imm(LAST, 2, 0, 8);
		put32(p + 4, 0xdeadbeef);
		fix_crc(p);
		put_send(LAST, 3, 0, "cd", 2);
		arrive_all();
		CHECK_EQ(why(), SIW_OK);
		NEED(e.delivers == 3);
		CHECK_EQ(e.ev[1].msn, 2);
		CHECK_EQ(e.ev[1].val, 0x1122334455667788ULL);
		CHECK_EQ(e.ev[1].inval_stag, 0);
		CHECK_EQ(e.ev[2].opcode, RDMAP_SEND);
	}
}

/* A Write and the Immediate Data behind it are one operation, even when
 * requests and responses come between; nothing else is.
 */
TEST(siw_rx_imm_segment__after_a_write)
{
	enum exec_mode m;
	u32 i;

	EACH_MODE(m) {
		begin(m);
		for (i = 0; i < 5; i++)
			post_recv(8);
		post_read(0x100, 0x2000, 3);
		put_write(0, BASE, "0123", 4);
		put_write(LAST, BASE + 4, "4567", 4);
		put_rreq(LAST, 1, 0, 28);
		put_areq(LAST, 0, 2, 0, 52);
		put_resp(LAST, 0x100, 0x2000, "xyz", 3);
		put_imm(LAST, 1, 0, 8);
		put_imm(LAST, 2, 0, 8);		/* alone */
		put_write(LAST, BASE, "0123", 4);
		put_send(LAST, 3, 0, "s", 1);
		put_imm(LAST, 4, 0, 8);		/* alone */
		put_write(LAST, BASE, "0123", 4);
		put_write(LAST, BASE, NULL, 0);
		put_imm(LAST, 5, 0, 8);		/* of the second */
		arrive_all();
		CHECK_EQ(why(), SIW_OK);
		NEED(e.delivers == 12);
		CHECK_EQ(e.ev[4].opcode, RDMAP_IMM);
		CHECK(e.ev[4].flags & SIW_RX_F_AFTER_WRITE);
		CHECK_EQ(e.ev[4].msg_len, 8);
		CHECK_EQ(e.ev[5].opcode, RDMAP_IMM);
		CHECK(!(e.ev[5].flags & SIW_RX_F_AFTER_WRITE));
		CHECK_EQ(e.ev[5].msg_len, 0);
		CHECK_EQ(e.ev[7].opcode, RDMAP_SEND);
		CHECK(!(e.ev[7].flags & SIW_RX_F_AFTER_WRITE));
		CHECK_EQ(e.ev[8].opcode, RDMAP_IMM);
		CHECK(!(e.ev[8].flags & SIW_RX_F_AFTER_WRITE));
		CHECK_EQ(e.ev[11].opcode, RDMAP_IMM);
		CHECK(e.ev[11].flags & SIW_RX_F_AFTER_WRITE);
		CHECK_EQ(e.ev[11].msg_len, 0);
	}
}

TEST(siw_rx_imm_segment__faults)
{
	enum exec_mode m;
	u32 n;
	u8 *p;

	EACH_MODE(m) {
		begin(m);
		p = put_imm(LAST, 1, 0, 8);
		check_fault(p, SIW_E_UNT_NOBUF, 0);
		begin(m);
		post_recv(8);
		p = put_imm(LAST, 2, 0, 8);
		check_fault(p, SIW_E_UNT_MSN, 0);
		CHECK_EQ(e.rq_next, 0);
		/* EXT-6.3-07: any other length; the receive is lost */
		for (n = 0; n <= 24; n++) {
			if (n == 8)
				continue;
			begin(m);
			post_recv(8);
			p = put_imm(LAST, 1, 0, n);
			check_fault(p, SIW_E_IMM_LEN, 0);
			CHECK_EQ(e.rq_next, 1);
		}
		begin(m);
		post_recv(8);
		p = put_imm(0, 1, 0, 8);
		check_fault(p, SIW_E_IMM_LEN, 0);
		begin(m);
		post_recv(8);
		p = put_imm(LAST, 1, 8, 8);
		check_fault(p, SIW_E_UNT_MO, 0);
		/* ... and EXT-8.2-01 */
		begin(m);
		post_recv(8);
		p = put_untagged(0x41, 0x08, 0, 1, 0, "12345678", 8);
		check_fault(p, SIW_E_ROP_VERSION, 0);
	}
}

/* A Send is not over: its queue is not free for anything else. */
TEST(siw_rx_imm_segment__inside_a_send)
{
	enum exec_mode m;

	EACH_MODE(m) {
		begin(m);
		post_recv(8);
		post_recv(8);
		put_send(0, 1, 0, "ab", 2);
		put_imm(LAST, 1, 0, 8);
		arrive_all();
		CHECK_EQ(why(), SIW_E_ROP_CHANGED);
		CHECK_EQ(e.delivers, 0);
	}
}

/* Not even where a Send is awaited as the RTR. */
TEST(siw_rx_imm_segment__is_no_rtr)
{
	enum exec_mode m;

	EACH_MODE(m) {
		exec_ext = SIW_EXT_ALL;
		exec_begin_as(m, true, true);
		exec_ext = 0;
		post_recv(0);
		put_imm(LAST, 1, 0, 8);
		arrive_all();
		CHECK_EQ(e.delivers, 1);
		CHECK_EQ(e.rq_next, 1);
		CHECK(siw_rx_gate_open(&e.rx));
	}
}

/* -- Atomic Request ------------------------------------------------------- */

TEST(siw_rx_areq_segment__golden)
{
	enum exec_mode m;
	u8 golden[VECTOR_MAX];

	EACH_MODE(m) {
		begin_with(m, SIW_EXT_ATOMIC);
		put_golden("G30");
		put_golden("G31");
		arrive_in_pieces(1);
		NEED(e.delivers == 2);
		CHECK_EQ(e.ev[0].opcode, RDMAP_ATOMIC_REQ);
		CHECK_EQ(e.ev[0].flags, SIW_RX_F_MSG_START |
					SIW_RX_F_MSG_LAST);
		CHECK_EQ(e.ev[0].msn, 1);
		CHECK(e.ev[0].areq == &e.rx.areq);
		CHECK(!e.ev[0].rreq);
		CHECK_EQ(e.areq.op, RDMAP_CMP_SWAP);
		CHECK_EQ(e.areq.msn, 2);
		CHECK_EQ(e.areq.cmp, 0x0b);
		vector_get("G31", golden);
		CHECK_MEM(e.areq.hdr, golden, 20);
		CHECK_EQ(e.ird, 2);
	}
}

/* EXT-5.2.1-04, -05, D-39: one counter, one budget with Read Requests */
TEST(siw_rx_areq_segment__among_read_requests)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		begin(m);
		e.ird = 2;
		put_rreq(LAST, 1, 0, 28);
		put_areq(LAST, 0, 2, 0, 52);
		arrive_all();
		CHECK_EQ(e.delivers, 2);
		p = put_areq(LAST, 0, 3, 0, 52);
		check_fault(p, SIW_E_RREQ_IRD, 2);
		CHECK_EQ(siw_rx_term(&e.rx)->code, 2);
	}
}

TEST(siw_rx_areq_segment__faults)
{
	enum exec_mode m;
	u32 n;
	u8 *p;

	EACH_MODE(m) {
		begin(m);
		p = put_areq(LAST, 0, 2, 0, 52);
		check_fault(p, SIW_E_UNT_MSN, 0);
		begin(m);
		p = put_areq(LAST, 0, 1, 52, 52);
		check_fault(p, SIW_E_UNT_MO, 0);
		begin(m);
		p = put_areq(0, 0, 1, 0, 52);
		check_fault(p, SIW_E_AREQ_SPLIT, 0);
		for (n = 0; n < 80; n++) {
			if (n == 52)
				continue;
			begin(m);
			p = put_areq(LAST, 0, 1, 0, n);
			check_fault(p, n < 52 ? SIW_E_AREQ_SHORT :
						SIW_E_AREQ_LONG, 0);
		}
		/* not on the queue of another */
		begin(m);
		p = put_untagged(0x41, 0x4a, 3, 1, 0, "x", 1);
		check_fault(p, SIW_E_ROP_OPCODE, 0);
	}
}

/* EXT-5.2.1-07 */
TEST(siw_rx_areq_segment__operation_codes)
{
	enum exec_mode m;
	u8 *p, op;

	EACH_MODE(m)
		for (op = 0; op < 16; op++) {
			begin(m);
			p = put_areq(LAST, op, 1, 0, 52);
			if (op == 0 || op == 2) {
				arrive_all();
				CHECK_EQ(why(), SIW_OK);
				CHECK_EQ(e.areq.op, op);
				continue;
			}
			check_fault(p, SIW_E_AREQ_OP, 0);
		}
}

/* -- Atomic Response ------------------------------------------------------ */

TEST(siw_rx_aresp_segment__golden)
{
	enum exec_mode m;

	EACH_MODE(m) {
		begin_with(m, SIW_EXT_ATOMIC);
		post_atomic(0x1234);
		post_atomic(0xfffffffe);
		put_golden("G32");
		put_golden("G35");
		arrive_in_pieces(1);
		NEED(e.delivers == 2);
		CHECK_EQ(e.ev[0].opcode, RDMAP_ATOMIC_RESP);
		CHECK_EQ(e.ev[0].val, 0x0a);
		CHECK_EQ(e.ev[0].flags, SIW_RX_F_MSG_START |
					SIW_RX_F_MSG_LAST);
		CHECK_EQ(e.ev[1].val, 0x8000000000000001ULL);
		CHECK_EQ(e.ev[1].msn, 2);
	}
}

TEST(siw_rx_atomic__faults)
{
	static const struct {
		u8 last;
		u32 msn, mo, id, n;
		enum siw_err err;
	} c[] = {
		{ LAST, 2, 0, 7, 12, SIW_E_UNT_MSN },
		{ LAST, 0, 0, 7, 12, SIW_E_UNT_MSN },
		{ LAST, 1, 12, 7, 12, SIW_E_UNT_MO },
		{ 0, 1, 0, 7, 12, SIW_E_ARESP_LEN },
		{ LAST, 1, 0, 7, 0, SIW_E_ARESP_LEN },
		{ LAST, 1, 0, 7, 11, SIW_E_ARESP_LEN },
		{ LAST, 1, 0, 7, 13, SIW_E_ARESP_LEN },
		{ LAST, 1, 0, 8, 12, SIW_E_ARESP_ID },
	};
	enum exec_mode m;
	u32 i;
	u8 *p;

	EACH_MODE(m) {
		for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
			begin(m);
			post_atomic(7);
			p = put_aresp(c[i].last, c[i].msn, c[i].mo, c[i].id,
				      c[i].n);
			check_fault(p, c[i].err, 0);
		}
		begin(m);
		p = put_aresp(LAST, 1, 0, 7, 12);
		check_fault(p, SIW_E_ARESP_NONE, 0);
	}
}

/* Requests are answered in their order, whatever they are. */
TEST(siw_rx_atomic__order)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		begin(m);
		post_atomic(1);
		post_read(0x100, 0x2000, 3);
		post_atomic(2);
		put_aresp(LAST, 1, 0, 1, 12);
		put_resp(LAST, 0x100, 0x2000, "xyz", 3);
		put_aresp(LAST, 2, 0, 2, 12);
		arrive_all();
		CHECK_EQ(why(), SIW_OK);
		CHECK_EQ(e.delivers, 3);
		/* a Read Response although an Atomic is due */
		begin(m);
		post_atomic(1);
		post_read(0x100, 0x2000, 3);
		put_resp(LAST, 0x100, 0x2000, "xyz", 3);
		arrive_all();
		CHECK_EQ(why(), SIW_E_ROP_UNSOLICITED);
		/* ... and the other way round */
		begin(m);
		post_read(0x100, 0x2000, 3);
		post_atomic(1);
		p = put_aresp(LAST, 1, 0, 1, 12);
		check_fault(p, SIW_E_ARESP_NONE, 0);
	}
}

/* EXT-1.1-01: one bit does not give the other's messages. */
TEST(siw_rx_ext_fetched__only_what_was_agreed)
{
	enum exec_mode m;
	u8 *p;

	EACH_MODE(m) {
		begin_with(m, SIW_EXT_ATOMIC);
		post_recv(8);
		p = put_imm(LAST, 1, 0, 8);
		check_fault(p, SIW_E_ROP_OPCODE, 0);
		begin_with(m, SIW_EXT_IMM);
		p = put_areq(LAST, 0, 1, 0, 52);
		check_fault(p, SIW_E_ROP_OPCODE, 0);
		begin_with(m, SIW_EXT_IMM);
		p = put_aresp(LAST, 1, 0, 1, 12);
		check_fault(p, SIW_E_UNT_QN, 0);
		begin_with(m, 0);
		p = put_aresp(LAST, 1, 0, 1, 12);
		check_fault(p, SIW_E_UNT_QN, 0);
		begin(m);
		p = put_untagged(0x41, 0x4c, 1, 1, 0, "x", 1);
		check_fault(p, SIW_E_ROP_OPCODE, 0);
		begin(m);
		p = put_untagged(0x41, 0x4b, 4, 1, 0, "x", 1);
		check_fault(p, SIW_E_UNT_QN, 0);
	}
}

/* A flipped bit in what was fetched is a bad CRC and nothing else. */
TEST(siw_rx_ext_fetched__bad_crc)
{
	static const char * const golden[] = { "G30", "G32", "G33" };
	enum exec_mode m;
	u32 i, bit, n;

	for (m = VERIFY_FIRST; m < NO_CRC; m++)
		for (i = 0; i < 3; i++)
			for (bit = 20 * 8;; bit++) {
				begin(m);
				post_recv(8);
				post_atomic(0x1234);
				put_golden(golden[i]);
				n = e.filled - 4;
				if (bit == n * 8)
					break;
				e.stream[bit / 8] ^= (u8)(1 << bit % 8);
				arrive_all();
				CHECK_EQ(why(), SIW_E_MPA_CRC);
				CHECK_EQ(e.delivers, 0);
			}
}

#if !defined(__KERNEL__) && defined(NDEBUG)
static void up_to_need_read(void)
{
	struct siw_rx_insn i;

	e.avail = e.filled;
	do
		siw_rx_next(&e.rx, &i);
	while (i.op != SIW_RX_NEED_READ && exec_step());
}

/* Bugs of the caller stop an assertion build; here they must do no harm. */
TEST(siw_rx_atomic__misuse)
{
	begin(NO_CRC);
	siw_rx_atomic(&e.rx, 1);
	CHECK_EQ(why(), SIW_E_ROP_STREAM);
	CHECK_EQ(siw_rx_term(&e.rx)->hdrct, 0);
	/* the answers to each other's question */
	begin(NO_CRC);
	put_resp(LAST, 0x100, 0x2000, "xyz", 3);
	up_to_need_read();
	siw_rx_atomic(&e.rx, 1);
	CHECK_EQ(why(), SIW_E_ROP_STREAM);
	begin(NO_CRC);
	put_aresp(LAST, 1, 0, 1, 12);
	up_to_need_read();
	siw_rx_read(&e.rx, 1, 2, 3);
	CHECK_EQ(why(), SIW_E_ROP_STREAM);
}
#define MISUSE	, CASE(siw_rx_atomic__misuse)
#else
#define MISUSE
#endif

SUITE(rx_ext,
      CASE(siw_rx_imm_segment__golden),
      CASE(siw_rx_imm_segment__among_sends),
      CASE(siw_rx_imm_segment__after_a_write),
      CASE(siw_rx_imm_segment__faults),
      CASE(siw_rx_imm_segment__inside_a_send),
      CASE(siw_rx_imm_segment__is_no_rtr),
      CASE(siw_rx_areq_segment__golden),
      CASE(siw_rx_areq_segment__among_read_requests),
      CASE(siw_rx_areq_segment__faults),
      CASE(siw_rx_areq_segment__operation_codes),
      CASE(siw_rx_aresp_segment__golden),
      CASE(siw_rx_atomic__faults),
      CASE(siw_rx_atomic__order),
      CASE(siw_rx_ext_fetched__only_what_was_agreed),
      CASE(siw_rx_ext_fetched__bad_crc)
      MISUSE);
