// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * core/tx.c, without markers. MPA-3-01, -03, -04, MPA-4.1-01 to -03, -06,
 * MPA-4.4-09, MPA-4.5-04, DDP-4.1-02, -05, -07, DDP-4.3-02 to -07, DDP-5.2-01 to -06,
 * DDP-5.3-01, -02, DDP-3-02, RDMAP-3.1-02, RDMAP-4.1-*, RDMAP-5.4-01, -07,
 * EXT-4.1-01, -02, -04, EXT-5.2.1-01, -03, -04, EXT-5.2.2-01, EXT-6.2-01,
 * EXT-6.3-01, -04
 */
#include "harness.h"
#include "tx_exec.h"

#define MAX_STREAM	TX_STREAM_MAX

static u8 golden[VECTOR_MAX];
static int ctx_a, ctx_b, ctx_c;

static void begin(bool crc)
{
	tx_begin(crc, false);
}

static struct siw_tx_msg msg(u8 opcode, u32 len)
{
	const struct siw_tx_msg m = {
		.opcode = opcode,
		.len = len,
		.ctx = &ctx_a,
	};

	return m;
}

static void send_one(const struct siw_tx_msg *m, u32 mulpdu)
{
	CHECK_EQ(siw_tx_start(&tx, m), 0);
	do {
		cut_all(mulpdu);
		send_some(MAX_STREAM);
		while (siw_tx_done(&tx))
			;
	} while (siw_tx_busy(&tx));
}

static void check_golden(const char *name)
{
	u32 n = vector_get(name, golden);

	CHECK_EQ(stream_len, n);
	CHECK_MEM(stream, golden, n);
}

TEST(siw_tx_init__idle)
{
	begin(true);
	CHECK(siw_tx_idle(&tx));
	CHECK(!siw_tx_busy(&tx));
	CHECK(!siw_tx_full(&tx));
	CHECK_EQ(siw_tx_count(&tx), 0);
	CHECK(!siw_tx_cut(&tx, 1454));
	CHECK(!siw_tx_done(&tx));
}

TEST(siw_tx_start__golden_tagged)
{
	struct siw_tx_msg m = msg(RDMAP_WRITE, 0);

	begin(true);
	m.stag = 1;
	send_one(&m, 1454);
	check_golden("G10");
	begin(true);
	m.opcode = RDMAP_READ_RESP;
	send_one(&m, 1454);
	check_golden("G13");
	begin(true);
	m = msg(RDMAP_WRITE, 4);
	m.stag = 0xabcd0001;
	m.to = 0x1000;
	memcpy(payload, "\xde\xad\xbe\xef", 4);
	send_one(&m, 1454);
	check_golden("G16");
}

TEST(siw_tx_start__golden_send)
{
	struct siw_tx_msg m = msg(RDMAP_SEND, 0);

	begin(true);
	send_one(&m, 1454);
	check_golden("G11");
	begin(true);
	m.len = 5;
	memcpy(payload, "hello", 5);
	send_one(&m, 1454);
	check_golden("G14");
	stream_len = 0;
	m = msg(RDMAP_SEND_INVAL, 2);
	m.inval_stag = 0x11223344;
	memcpy(payload, "hi", 2);
	send_one(&m, 1454);
	check_golden("G15");
}

TEST(siw_tx_start__golden_read_request)
{
	struct siw_rreq r = { .sink_stag = 1, .source_stag = 1 };
	struct siw_tx_msg m = msg(RDMAP_READ_REQ, 0);

	m.rreq = &r;
	begin(true);
	send_one(&m, 1454);
	check_golden("G12");
	begin(true);
	r.sink_stag = 0x100;
	r.sink_to = 0x2000;
	r.len = 4096;
	r.source_stag = 0x200;
	r.source_to = 0x3000;
	r.msn = 99;
	send_one(&m, 1454);
	check_golden("G17");
}

TEST(siw_tx_start__golden_terminate)
{
	static const struct {
		const char *name, *offender;
		enum siw_err err;
		u32 hdr_len;
	} c[] = {
		{ "G20", NULL, SIW_E_MPA_CRC, 0 },
		{ "G21", "G16", SIW_E_TAG_STAG, 16 },
		{ "G22", "G17", SIW_E_RPROT_STAG, 48 },
		{ "G23", "G14", SIW_E_UNT_NOBUF, 20 },
		{ "G24", NULL, SIW_E_MPA_RTR, 0 },
	};
	_Alignas(8) u8 hdr[VECTOR_MAX];
	struct siw_tx_msg m;
	struct siw_term t;
	u32 i;

	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		begin(true);
		if (c[i].offender)
			vector_get(c[i].offender, hdr);
		siw_term_init(&t, c[i].err, c[i].offender ? hdr : NULL,
			      c[i].hdr_len);
		m = msg(RDMAP_TERMINATE, siw_term_build(payload, &t));
		send_one(&m, 1454);
		check_golden(c[i].name);
	}
}

TEST(siw_tx_start__refuses)
{
	const struct siw_areq a = { .op = RDMAP_CMP_SWAP };
	struct siw_tx_msg m = msg(RDMAP_SEND, 8);
	const struct siw_aresp ar = { .id = 1 };
	struct siw_rreq r = { .len = 1 };
	u8 op;

	begin(true);
	CHECK_EQ(siw_tx_start(&tx, &m), 0);
	CHECK_EQ(siw_tx_start(&tx, &m), -EBUSY);
	cut_all(1454);
	m.ctx = NULL;
	CHECK_EQ(siw_tx_start(&tx, &m), -EINVAL);
	for (op = RDMAP_IMM; op < 20; op++) {
		m = msg(op, 0);
		m.areq = &a;
		m.aresp = &ar;
		CHECK_EQ(siw_tx_start(&tx, &m), -EINVAL);
	}
	m = msg(RDMAP_READ_REQ, 0);
	CHECK_EQ(siw_tx_start(&tx, &m), -EINVAL);
	m.rreq = &r;
	m.len = 1;
	CHECK_EQ(siw_tx_start(&tx, &m), -EINVAL);
	m = msg(RDMAP_TERMINATE, 53);
	CHECK_EQ(siw_tx_start(&tx, &m), -EINVAL);
	/* None of these took a sequence number. */
	CHECK_EQ(tx.msn[DDP_QN_SEND], 2);
	CHECK_EQ(tx.msn[DDP_QN_READ], 1);
	CHECK_EQ(tx.msn[DDP_QN_TERM], 1);
}

/* DDP-4.3-04 to -06: one counter for each queue, tagged ones take none. */
TEST(siw_tx_start__msn)
{
	static const u8 ops[] = {
		RDMAP_SEND, RDMAP_READ_REQ, RDMAP_WRITE, RDMAP_SEND_SE,
		RDMAP_READ_RESP, RDMAP_READ_REQ, RDMAP_SEND_SE_INVAL,
		RDMAP_SEND_INVAL,
	};
	static const u32 msn[] = {
		U32_MAX, 1, 0, 0, 0, 2, 1, 2,
	};
	struct siw_rreq r = { .len = 1 };
	struct siw_tx_msg m;
	u32 i;

	begin(false);
	tx.msn[DDP_QN_SEND] = U32_MAX;
	for (i = 0; i < sizeof(ops); i++) {
		m = msg(ops[i], 0);
		m.rreq = &r;
		stream_len = 0;
		send_one(&m, 1454);
		if (!(stream[2] & DDP_F_TAGGED))
			CHECK_EQ(get32(stream + 12), msn[i]);
	}
}

static void begin_ext(u8 ext)
{
	const struct siw_tx_params p = { .crc = true, .ext = ext };

	siw_tx_init(&tx, &p);
	stream_len = 0;
}

static const struct siw_areq add_one = {
	.op = RDMAP_FETCH_ADD, .id = 0x1234, .stag = 0x200, .to = 0x3000,
	.data = 1, .cmp = 77, .cmp_mask = 88, .msn = 99,
};

static const struct siw_areq swap = {
	.op = RDMAP_CMP_SWAP, .id = 0x1235, .stag = 0x200, .to = 0x3000,
	.data = 0x55, .mask = 0xff, .cmp = 0x0b, .cmp_mask = 0xff,
};

TEST(siw_tx_start__golden_atomics)
{
	const struct siw_aresp r[] = {
		{ .id = 0x1234, .value = 0x0a, .msn = 99 },
		{ .id = 0xfffffffe, .value = 0x8000000000000001ULL },
	};
	struct siw_tx_msg m = msg(RDMAP_ATOMIC_REQ, 0);

	begin_ext(SIW_EXT_ATOMIC);
	m.areq = &add_one;
	send_one(&m, 1454);
	check_golden("G30");
	stream_len = 0;
	m.areq = &swap;
	send_one(&m, 128);
	check_golden("G31");
	m = msg(RDMAP_ATOMIC_RESP, 0);
	m.aresp = &r[0];
	stream_len = 0;
	send_one(&m, 1454);
	check_golden("G32");
	m.aresp = &r[1];
	stream_len = 0;
	send_one(&m, 128);
	check_golden("G35");
}

TEST(siw_tx_start__golden_immediate)
{
	struct siw_tx_msg m = msg(RDMAP_IMM, 0);

	begin_ext(SIW_EXT_IMM);
	m.imm = 0x1122334455667788ULL;
	send_one(&m, 1454);
	check_golden("G33");
	m = msg(RDMAP_IMM_SE, 0);
	m.imm = 0xfedcba9876543210ULL;
	stream_len = 0;
	send_one(&m, 128);
	check_golden("G34");
}

/* Each needs its own bit, no payload, and its values. */
TEST(siw_tx_start__refuses_extensions)
{
	const struct siw_aresp r = { .id = 1 };
	struct siw_tx_msg m;
	u8 op, ext;
	bool atomic;

	for (ext = 0; ext <= SIW_EXT_ALL; ext++)
		for (op = RDMAP_IMM; op < RDMAP_OPCODE_CNT; op++) {
			begin_ext(ext);
			atomic = op == 10 || op == 11;
			m = msg(op, 8);
			m.areq = &swap;
			m.aresp = &r;
			CHECK_EQ(siw_tx_start(&tx, &m), -EINVAL);
			m.len = 0;
			m.ctx = NULL;
			CHECK_EQ(siw_tx_start(&tx, &m), -EINVAL);
			m.ctx = &ctx_a;
			if (op == RDMAP_ATOMIC_REQ)
				m.areq = NULL;
			m.aresp = op == RDMAP_ATOMIC_RESP ? NULL : &r;
			if (atomic)
				CHECK_EQ(siw_tx_start(&tx, &m), -EINVAL);
			m.areq = &swap;
			m.aresp = &r;
			CHECK_EQ(siw_tx_start(&tx, &m),
				 op < 12 && ext & (atomic ? SIW_EXT_ATOMIC :
							    SIW_EXT_IMM) ?
				 0 : -EINVAL);
		}
}

/* A peer would end the connection for it. */
TEST(siw_tx_start__refuses_unknown_atomics)
{
	struct siw_tx_msg m = msg(RDMAP_ATOMIC_REQ, 0);
	struct siw_areq areq = swap;

	begin_ext(SIW_EXT_ALL);
	m.areq = &areq;
	for (areq.op = 0; areq.op < 20; areq.op++) {
		if (areq.op == RDMAP_FETCH_ADD || areq.op == RDMAP_CMP_SWAP)
			continue;
		CHECK_EQ(siw_tx_start(&tx, &m), -EINVAL);
	}
	CHECK_EQ(tx.msn[DDP_QN_READ], 1);
}

/* Immediate Data count with Sends, Atomic Requests with Reads. */
TEST(siw_tx_start__extensions_msn)
{
	static const u8 ops[] = {
		RDMAP_SEND, RDMAP_IMM, RDMAP_READ_REQ, RDMAP_ATOMIC_REQ,
		RDMAP_WRITE, RDMAP_IMM_SE, RDMAP_ATOMIC_RESP, RDMAP_READ_REQ,
		RDMAP_SEND_SE, RDMAP_ATOMIC_RESP,
	};
	static const u32 msn[] = { 1, 2, 1, 2, 0, 3, 1, 3, 4, 2 };
	static const u32 qn[] = { 0, 0, 1, 1, 0, 0, 3, 1, 0, 3 };
	const struct siw_aresp resp = { .id = 1 };
	struct siw_rreq r = { .len = 1 };
	struct siw_tx_msg m;
	u32 i;

	begin_ext(SIW_EXT_ALL);
	for (i = 0; i < sizeof(ops); i++) {
		m = msg(ops[i], 0);
		m.rreq = &r;
		m.areq = &swap;
		m.aresp = &resp;
		stream_len = 0;
		send_one(&m, 1454);
		CHECK_EQ(stream[3], 0x40 | ops[i]);
		if (stream[2] & DDP_F_TAGGED)
			continue;
		CHECK_EQ(stream[2], 0x41);
		CHECK_EQ(get32(stream + 4), 0);
		CHECK_EQ(get32(stream + 8), qn[i]);
		CHECK_EQ(get32(stream + 12), msn[i]);
		CHECK_EQ(get32(stream + 16), 0);
	}
}

/* RFC 5041's own examples: DDP-5.2-01, -02 */
TEST(siw_tx_cut__rfc_examples)
{
	struct siw_tx_msg m = msg(RDMAP_SEND, 2048);
	struct siw_tx_fpdu *f;

	begin(true);
	siw_tx_start(&tx, &m);
	f = siw_tx_cut(&tx, 1500);
	NEED(f);
	CHECK_EQ(f->pay_len, 1482);
	CHECK_EQ(get32(f->hdr + 16), 0);
	CHECK_EQ(f->hdr[2], 0x01);
	CHECK(!f->last);
	f = siw_tx_cut(&tx, 1500);
	NEED(f);
	CHECK_EQ(f->pay_off, 1482);
	CHECK_EQ(f->pay_len, 566);
	CHECK_EQ(get32(f->hdr + 16), 1482);
	CHECK_EQ(f->hdr[2], 0x41);
	CHECK(f->last);
	CHECK(!siw_tx_cut(&tx, 1500));

	begin(true);
	m = msg(RDMAP_WRITE, 2048);
	m.to = 16384;
	siw_tx_start(&tx, &m);
	f = siw_tx_cut(&tx, 1500);
	NEED(f);
	CHECK_EQ(f->pay_len, 1486);
	CHECK_EQ(get64(f->hdr + 8), 16384);
	CHECK_EQ(f->hdr[2], 0x81);
	f = siw_tx_cut(&tx, 1500);
	NEED(f);
	CHECK_EQ(f->pay_len, 562);
	CHECK_EQ(get64(f->hdr + 8), 17870);
	CHECK_EQ(f->hdr[2], 0xc1);
}

/* Walk the stream: FPDUs in order, constant fields, the payload in full. */
static void check_send_stream(u32 len, u32 mulpdu)
{
	u32 pos = 0, off = 0, n, pad;

	while (pos < stream_len) {
		u8 *p = stream + pos;

		n = get16(p) - 18;
		CHECK(get16(p) <= mulpdu);
		CHECK_EQ(p[2], off + n == len ? 0x41 : 0x01);
		CHECK_EQ(p[3], 0x43);
		CHECK_EQ(get32(p + 4), 0);
		CHECK_EQ(get32(p + 8), 0);
		CHECK_EQ(get32(p + 12), 1);
		CHECK_EQ(get32(p + 16), off);
		CHECK_MEM(p + 20, payload + off, n);
		if (off + n < len)
			CHECK_EQ(n, mulpdu - 18);
		for (pad = 20 + n; pad % 4; pad++)
			CHECK_EQ(p[pad], 0);
		CHECK_EQ(siw_crc32c(~0u, p, fpdu_octets(p)), MPA_CRC_RESIDUE);
		off += n;
		pos += fpdu_octets(p);
	}
	CHECK_EQ(pos, stream_len);
	CHECK_EQ(off, len);
}

TEST(siw_tx_cut__every_length)
{
	struct siw_tx_msg m = msg(RDMAP_SEND, 0);
	u32 mulpdu;

	for (mulpdu = 128; mulpdu < 136; mulpdu++)
		for (m.len = 0; m.len < 700; m.len++) {
			begin(true);
			send_one(&m, mulpdu);
			check_send_stream(m.len, mulpdu);
			if (m.len == 0)
				CHECK_EQ(stream_len, 24);
		}
}

TEST(siw_tx_cut__bounds_mulpdu)
{
	struct siw_tx_msg m = msg(RDMAP_WRITE, 200000);
	struct siw_tx_fpdu *f;

	begin(false);
	siw_tx_start(&tx, &m);
	f = siw_tx_cut(&tx, 0);
	NEED(f);
	CHECK_EQ(f->pay_len, 128 - 14);
	f = siw_tx_cut(&tx, U32_MAX);
	NEED(f);
	CHECK_EQ(f->pay_len, 64768 - 14);
	CHECK_EQ(get16(f->hdr), 64768);
	/* DDP-3-02: what is cut stays cut, the next uses the new value. */
	f = siw_tx_cut(&tx, 1454);
	NEED(f);
	CHECK_EQ(f->pay_len, 1440);
	CHECK_EQ(f->pay_off, 114 + 64754);
}

/* The largest message: offsets do not wrap, TO does as arithmetic does. */
TEST(siw_tx_cut__largest_message)
{
	struct siw_tx_msg m = msg(RDMAP_WRITE, U32_MAX);
	struct siw_tx_fpdu *f;
	u64 sum = 0;
	bool last = false;

	m.to = 1ULL << 40;
	begin(false);
	siw_tx_start(&tx, &m);
	while (!last) {
		f = siw_tx_cut(&tx, 64768);
		NEED(f);
		CHECK_EQ(f->pay_off, sum);
		CHECK_EQ(get64(f->hdr + 8), m.to + sum);
		sum += f->pay_len;
		last = f->last;
		siw_tx_seal(f, 0);
		siw_tx_sent(&tx, f->wire_len);
		CHECK(!siw_tx_done(&tx) == !last);
	}
	CHECK_EQ(sum, U32_MAX);
	CHECK(siw_tx_idle(&tx));
}

TEST(siw_tx_cut__ring_full)
{
	struct siw_tx_msg m = msg(RDMAP_SEND, 100 * 20);

	begin(true);
	siw_tx_start(&tx, &m);
	CHECK_EQ(cut_all(128), SIW_TX_RING);
	CHECK(siw_tx_full(&tx));
	CHECK(siw_tx_busy(&tx));
	CHECK(!siw_tx_cut(&tx, 128));
	CHECK_EQ(siw_tx_count(&tx), SIW_TX_RING);
	/* One gone, room for one, after siw_tx_done(). */
	CHECK_EQ(send_some(136), 136);
	CHECK_EQ(siw_tx_count(&tx), SIW_TX_RING - 1);
	CHECK(!siw_tx_done(&tx));
	CHECK(!siw_tx_full(&tx));
	CHECK_EQ(cut_all(128), 1);
	CHECK(siw_tx_full(&tx));
}

TEST(siw_tx_seal__crc_off)
{
	struct siw_tx_msg m = msg(RDMAP_SEND, 5);
	struct siw_tx_fpdu *f;

	begin(false);
	siw_tx_start(&tx, &m);
	f = siw_tx_cut(&tx, 1454);
	NEED(f);
	CHECK(!f->crc_on);
	siw_tx_seal(f, 0xdeadbeef);
	CHECK_EQ(send_some(MAX_STREAM), 32);
	/* MPA-4.1-06: the field is there; we send zero. */
	CHECK_EQ(get32(stream + 28), 0);
	CHECK_EQ(stream[25] | stream[26] | stream[27], 0);
}

TEST(siw_tx_seal__trailer_only_then)
{
	struct siw_tx_msg m = msg(RDMAP_SEND, 5);
	struct siw_tx_piece p;
	struct siw_tx_fpdu *f;

	begin(true);
	siw_tx_start(&tx, &m);
	f = siw_tx_cut(&tx, 1454);
	NEED(f);
	NEED(siw_tx_piece(f, 0, &p));
	CHECK(p.own == f->hdr);
	CHECK_EQ(p.len, 20);
	NEED(siw_tx_piece(f, 20, &p));
	CHECK(!p.own);
	CHECK_EQ(p.len, 5);
	CHECK(!siw_tx_piece(f, 25, &p));
	CHECK(f->last);
	CHECK(f->ctx == &ctx_a);
	CHECK_EQ(f->wire_len, 32);
	/* Spliced payload goes first, its CRC is made behind it. */
	siw_tx_sent(&tx, 25);
	CHECK_EQ(siw_tx_count(&tx), 1);
	CHECK(!siw_tx_done(&tx));
	seal(f);
	NEED(siw_tx_piece(f, 25, &p));
	CHECK_EQ(p.len, 7);
	CHECK(!siw_tx_piece(f, 32, &p));
	siw_tx_sent(&tx, 7);
	CHECK(siw_tx_done(&tx) == &ctx_a);
	CHECK(siw_tx_idle(&tx));
}

TEST(siw_tx_unsent__changes_nothing)
{
	struct siw_tx_msg m = msg(RDMAP_SEND, 1000);
	const struct siw_tx_fpdu *f;
	struct siw_tx_piece p, q;
	static struct siw_tx before;	/* large for a stack */
	u32 off;

	begin(true);
	siw_tx_start(&tx, &m);
	cut_all(128);
	siw_tx_sent(&tx, 30);
	before = tx;
	f = siw_tx_unsent(&tx, 0, &off);
	CHECK_EQ(off, 30);
	CHECK(siw_tx_piece(f, off, &p));
	CHECK(siw_tx_piece(f, off, &q));
	CHECK_MEM(&before, &tx, sizeof(tx));
	CHECK(!p.own && !p.marker);
	CHECK_EQ(p.off, 10);
	CHECK_EQ(p.len, 100);
	CHECK_EQ(q.off, 10);
	f = siw_tx_unsent(&tx, 1, &off);
	CHECK_EQ(off, 0);
	CHECK(siw_tx_piece(f, off, &p));
	CHECK_EQ(p.len, 20);
	CHECK_EQ(f->pay_off, 110);
	CHECK_EQ(f->pay_len, 110);
}

/* The stream is the same however TCP takes it, over FPDUs and messages. */
static void batch_in_pieces(u32 piece)
{
	struct siw_rreq r = { .len = 1000, .sink_stag = 5, .source_stag = 6 };
	struct siw_tx_msg m[] = {
		msg(RDMAP_SEND, 300), msg(RDMAP_READ_REQ, 0),
		msg(RDMAP_WRITE, 0), msg(RDMAP_SEND_SE, 3),
	};
	void *ctx[] = { &ctx_a, &ctx_b, &ctx_c, &ctx_a };
	u32 i, done = 0;
	void *c;

	m[1].rreq = &r;
	for (i = 0; i < 4; i++) {
		m[i].ctx = ctx[i];
		CHECK_EQ(siw_tx_start(&tx, &m[i]), 0);
		cut_all(128);
	}
	CHECK_EQ(siw_tx_count(&tx), 6);
	while (!siw_tx_idle(&tx)) {
		NEED(send_some(piece));
		while ((c = siw_tx_done(&tx)))
			CHECK(done < 4 && c == ctx[done++]);
	}
	CHECK_EQ(done, 4);
}

TEST(siw_tx_sent__every_piece_size)
{
	static u8 whole[MAX_STREAM];
	u32 piece, n;

	begin(true);
	batch_in_pieces(MAX_STREAM);
	n = stream_len;
	memcpy(whole, stream, n);
	CHECK_EQ(n, 136 + 136 + 104 + 52 + 20 + 28);
	for (piece = 1; piece <= n; piece++) {
		begin(true);
		batch_in_pieces(piece);
		CHECK_EQ(stream_len, n);
		CHECK_MEM(stream, whole, n);
	}
}

TEST(siw_tx_sent__nothing)
{
	begin(true);
	siw_tx_sent(&tx, 0);
	CHECK(siw_tx_idle(&tx));
}

/* The counters run past 2^32 without harm. */
TEST(siw_tx_sent__counter_wrap)
{
	struct siw_tx_msg m = msg(RDMAP_SEND, 10);
	u32 i;

	begin(true);
	tx.done = U32_MAX - 20;
	tx.head = tx.done;
	tx.tail = tx.done;
	for (i = 0; i < 50; i++) {
		CHECK_EQ(siw_tx_start(&tx, &m), 0);
		CHECK_EQ(cut_all(1454), 1);
		CHECK_EQ(send_some(MAX_STREAM), 36);
		CHECK(siw_tx_done(&tx) == &ctx_a);
		CHECK(!siw_tx_done(&tx));
	}
	CHECK(siw_tx_idle(&tx));
}

TEST(siw_tx_done__many_at_once)
{
	struct siw_tx_msg m = msg(RDMAP_WRITE, 0);
	u32 i;

	begin(true);
	for (i = 0; i < SIW_TX_RING; i++) {
		m.ctx = payload + i;
		CHECK_EQ(siw_tx_start(&tx, &m), 0);
		CHECK_EQ(cut_all(1454), 1);
	}
	/* A message may be begun although it cannot be cut. */
	CHECK_EQ(siw_tx_start(&tx, &m), 0);
	CHECK(!siw_tx_cut(&tx, 1454));
	CHECK_EQ(send_some(MAX_STREAM), SIW_TX_RING * 20);
	CHECK(siw_tx_full(&tx));
	for (i = 0; i < SIW_TX_RING; i++)
		CHECK(siw_tx_done(&tx) == payload + i);
	CHECK(!siw_tx_done(&tx));
	CHECK_EQ(cut_all(1454), 1);
}

/* RDMAP-5.4-07: a Terminate comes at the next FPDU boundary, wherever the
 * stream was cut off.
 */
TEST(siw_tx_abort__at_every_octet)
{
	static const u8 term[4] = { 0x20, 2, 0, 0 };
	struct siw_tx_msg big = msg(RDMAP_SEND, 600);
	struct siw_tx_msg t = msg(RDMAP_TERMINATE, 4);
	u32 cut, end;
	void *held;

	t.ctx = &ctx_b;
	for (cut = 0; cut < 5 * 136; cut++) {
		begin(true);
		siw_tx_start(&tx, &big);
		cut_all(128);
		CHECK_EQ(send_some(cut), cut);
		held = siw_tx_abort(&tx);
		CHECK(held == (cut % 136 ? &ctx_a : NULL));
		CHECK(!siw_tx_busy(&tx));
		end = (cut + 135) / 136 * 136;
		send_some(MAX_STREAM);
		CHECK_EQ(stream_len, end);
		CHECK(siw_tx_done(&tx) == held);
		CHECK(!siw_tx_done(&tx));
		memcpy(payload, term, sizeof(term));
		send_one(&t, 1454);
		vector_get("G20", golden);
		CHECK_EQ(stream_len, end + 28);
		CHECK_MEM(stream + end, golden, 28);
	}
}

TEST(siw_tx_abort__keeps_what_is_done)
{
	struct siw_tx_msg m = msg(RDMAP_SEND, 5);

	begin(true);
	siw_tx_start(&tx, &m);
	cut_all(1454);
	m.ctx = &ctx_b;
	siw_tx_start(&tx, &m);
	cut_all(1454);
	m = msg(RDMAP_SEND, 2000);
	m.ctx = &ctx_c;
	siw_tx_start(&tx, &m);
	CHECK(siw_tx_cut(&tx, 128));
	send_some(32 + 10);
	CHECK(siw_tx_abort(&tx) == &ctx_b);
	CHECK_EQ(siw_tx_count(&tx), 1);
	CHECK(siw_tx_done(&tx) == &ctx_a);
	CHECK(!siw_tx_done(&tx));
	CHECK_EQ(send_some(MAX_STREAM), 22);
	CHECK(siw_tx_done(&tx) == &ctx_b);
	CHECK(!siw_tx_done(&tx));
	CHECK(siw_tx_idle(&tx));
}

TEST(siw_tx_abort__idle)
{
	begin(true);
	CHECK(!siw_tx_abort(&tx));
	CHECK(siw_tx_idle(&tx));
}

#if !defined(__KERNEL__) && defined(NDEBUG)
/* Bugs of the caller stop an assertion build; here they must do no harm. */
TEST(siw_tx_sent__misuse)
{
	struct siw_tx_msg m = msg(RDMAP_SEND, 5);

	begin(true);
	siw_tx_sent(&tx, 100);
	CHECK(siw_tx_idle(&tx));
	siw_tx_start(&tx, &m);
	CHECK(siw_tx_cut(&tx, 1454));
	siw_tx_sent(&tx, 1000);
	CHECK_EQ(siw_tx_count(&tx), 1);
	CHECK(!siw_tx_done(&tx));
}
#define MISUSE	, CASE(siw_tx_sent__misuse)
#else
#define MISUSE
#endif

SUITE(tx,
      CASE(siw_tx_init__idle),
      CASE(siw_tx_start__golden_tagged),
      CASE(siw_tx_start__golden_send),
      CASE(siw_tx_start__golden_read_request),
      CASE(siw_tx_start__golden_terminate),
      CASE(siw_tx_start__refuses),
      CASE(siw_tx_start__msn),
      CASE(siw_tx_start__golden_atomics),
      CASE(siw_tx_start__golden_immediate),
      CASE(siw_tx_start__refuses_extensions),
      CASE(siw_tx_start__refuses_unknown_atomics),
      CASE(siw_tx_start__extensions_msn),
      CASE(siw_tx_cut__rfc_examples),
      CASE(siw_tx_cut__every_length),
      CASE(siw_tx_cut__bounds_mulpdu),
      CASE(siw_tx_cut__largest_message),
      CASE(siw_tx_cut__ring_full),
      CASE(siw_tx_seal__crc_off),
      CASE(siw_tx_seal__trailer_only_then),
      CASE(siw_tx_unsent__changes_nothing),
      CASE(siw_tx_sent__every_piece_size),
      CASE(siw_tx_sent__nothing),
      CASE(siw_tx_sent__counter_wrap),
      CASE(siw_tx_done__many_at_once),
      CASE(siw_tx_abort__at_every_octet),
      CASE(siw_tx_abort__keeps_what_is_done),
      CASE(siw_tx_abort__idle)
      MISUSE);
