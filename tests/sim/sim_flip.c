// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Damaged octets. With CRC on, nothing of a damaged FPDU has any effect, and
 * nothing behind it either; the peer is told, if it may be.
 * [MPA-3-06, MPA-4.4-12, MPA-8-02, MPA-8-05, MPA-7.1.2-12, MPA-4.1-05]
 */
#include "pair.h"
#include "../../core/mpa.h"
#include "harness.h"

static struct sim_pair p, ref;
static u8 stream[SIM_PIPE];
static u32 stream_len;
static u32 marks;		/* SIM_MARK_AB or 0 */

static void post(struct sim_pair *q)
{
	u32 i;

	sim_post(&q->a, RDMAP_WRITE, 7, 40);
	sim_post(&q->a, RDMAP_SEND, 5, 0);
	sim_post(&q->a, RDMAP_SEND_INVAL, 0, 0);
	sim_post(&q->a, RDMAP_READ_REQ, 20, 9);
	sim_post(&q->a, RDMAP_WRITE, 250, 100);	/* three segments */
	sim_post(&q->a, RDMAP_SEND_SE, 120, 0);
	sim_post(&q->a, RDMAP_ATOMIC_REQ, 0, 3);
	sim_post(&q->a, RDMAP_IMM, 0, 0);
	for (i = 0; i < 4; i++)
		sim_pair_recv(q, &q->b, 200);
}

static void begin(struct sim_pair *q, enum sim_mode mode)
{
	sim_pair_init(q, mode, 0, 1024, 128);
	post(q);
}

static bool record(bool marked)
{
	marks = marked ? SIM_MARK_AB : 0;
	begin(&p, (enum sim_mode)(SIM_VERIFY + marks));
	sim_pair_run(&p);
	memcpy(stream, p.ab.buf, p.ab.tail);
	stream_len = p.ab.tail;
	return sim_pair_good(&p);
}

static void feed(struct sim_pair *q, const u8 *data, u32 n)
{
	sim_pipe_write(&q->ab, data, n);
	sim_pipe_arrive(&q->ab, n);
	sim_rx(&q->b);
}

static bool same_state(const struct sim_end *x, const struct sim_end *y)
{
	return !memcmp(x->delivered, y->delivered, sizeof(x->delivered)) &&
	       x->inval_done == y->inval_done &&
	       x->irq.cnt == y->irq.cnt && x->rq_done == y->rq_done;
}

static bool same_memory(const struct sim_pair *x, const struct sim_pair *y)
{
	return !memcmp(x->b.mem_wr, y->b.mem_wr, 1024) &&
	       !memcmp(x->b.mem_sink, y->b.mem_sink, 1024) &&
	       !memcmp(x->b.mem_at, y->b.mem_at, sizeof(x->b.mem_at)) &&
	       !memcmp(x->rbuf_b, y->rbuf_b, 1024) &&
	       x->b.placed == y->b.placed;
}

/* Either the end says CRC, or it waits for octets of a longer FPDU. */
static void check_verdict(u32 at)
{
	const struct siw_term *t = &p.b.term;

	if (!p.b.failed) {
		CHECK(!siw_rx_idle(&p.b.rx));
		return;
	}
	CHECK_EQ(t->err, SIW_E_MPA_CRC);
	CHECK_EQ(t->send, at != 0);	/* D-07: the gate is closed */
	if (!t->send)
		return;
	CHECK_EQ(p.b.term_len, 4);
	CHECK_MEM(p.b.term_buf, "\x20\x02\x00\x00", 4);
}

/*
 * Feed the stream up to the FPDU at @at, then the rest with @bits flipped of
 * the octet at @pos.
 */
static void flip(enum sim_mode crc, u32 at, u32 pos, u8 bits)
{
	enum sim_mode mode = (enum sim_mode)(crc + marks);

	begin(&ref, mode);
	feed(&ref, stream, at);
	begin(&p, mode);
	feed(&p, stream, at);
	stream[pos] ^= bits;
	feed(&p, stream + at, stream_len - at);
	stream[pos] ^= bits;
	CHECK(!sim_bad_what);
	CHECK(same_state(&p.b, &ref.b));
	if (crc == SIM_VERIFY)
		CHECK(same_memory(&p, &ref));
	check_verdict(at);
}

static void every_bit(enum sim_mode mode, bool marked)
{
	u32 at, size, i, bit;

	NEED(record(marked));
	for (at = 0; at < stream_len; at += size) {
		size = sim_fpdu_len(stream, at, marked);
		for (i = at; i < at + size; i++)
			for (bit = 0; bit < 8; bit++)
				flip(mode, at, i, (u8)(1 << bit));
	}
}

TEST(flip__every_bit_verified_first)
{
	every_bit(SIM_VERIFY, false);
	every_bit(SIM_VERIFY, true);
}

TEST(flip__every_bit_cut_through)
{
	every_bit(SIM_CUT_THROUGH, false);
	every_bit(SIM_CUT_THROUGH, true);
}

/* bursts of up to 32 bits, which CRC32c always finds */
static void bursts(bool marked)
{
	struct sim_rnd r = { 7 };
	u32 at, size, n, i, len;
	u8 save[8];

	NEED(record(marked));
	for (at = 0; at < stream_len; at += size) {
		size = sim_fpdu_len(stream, at, marked);
		for (n = 0; n < 200; n++) {
			u32 pos = at + 2 + sim_below(&r, size - 2);

			len = 1 + sim_below(&r, 4);
			if (pos + len > at + size)
				len = at + size - pos;
			memcpy(save, stream + pos, len);
			for (i = 0; i < len; i++)
				stream[pos + i] ^= (u8)sim_rnd(&r);
			if (!memcmp(save, stream + pos, len))
				stream[pos] ^= 1;
			flip(n & 1 ? SIM_VERIFY : SIM_CUT_THROUGH, at, pos, 0);
			memcpy(stream + pos, save, len);
		}
	}
}

TEST(flip__bursts)
{
	bursts(false);
	bursts(true);
}

/*
 * Without CRC a flipped bit may have any effect that the protocol allows, but
 * the end stays inside its memory and in its wits. Sanitizers and the checks
 * of the executor watch.
 */
static void every_bit_without_crc(bool marked)
{
	u32 i, bit, failed = 0;

	NEED(record(marked));
	for (i = 0; i < stream_len; i++)
		for (bit = 0; bit < 8; bit++) {
			begin(&p, (enum sim_mode)(SIM_NO_CRC + marks));
			stream[i] ^= (u8)(1 << bit);
			feed(&p, stream, stream_len);
			stream[i] ^= (u8)(1 << bit);
			CHECK(!sim_bad_what);
			failed += p.b.failed;
		}
	CHECK(failed > stream_len);
}

TEST(flip__every_bit_without_crc)
{
	every_bit_without_crc(false);
	every_bit_without_crc(true);
}

/*
 * The pointer of every marker tells; its other half does not, nor do its two
 * lowest bits. [MPA-4.2-02, -04, MPA-8-03]
 */
TEST(flip__markers_without_crc)
{
	u32 at, bit;

	NEED(record(true));
	CHECK(stream_len > MPA_MARKER_GAP + MPA_MARKER_SIZE);
	for (at = 0; at < stream_len; at += MPA_MARKER_GAP)
		for (bit = 0; bit < 32; bit++) {
			begin(&p, (enum sim_mode)(SIM_NO_CRC + marks));
			stream[at + bit / 8] ^= (u8)(0x80 >> bit % 8);
			feed(&p, stream, stream_len);
			stream[at + bit / 8] ^= (u8)(0x80 >> bit % 8);
			CHECK(!sim_bad_what);
			CHECK_EQ(p.b.failed, bit >= 16 && bit < 30);
			if (p.b.failed)
				CHECK_EQ(p.b.term.err, SIW_E_MPA_MARKER);
			if (p.b.failed)
				CHECK_EQ(p.b.term.send, at != 0);
		}
}

/* Streams of random octets: any verdict will do. */
TEST(flip__noise)
{
	struct sim_rnd r = { 11 };
	u32 run, i;

	for (run = 0; run < 6000; run++) {
		begin(&p, (enum sim_mode)(run % SIM_MODES));
		for (i = 0; i < 200; i++)
			stream[i] = (u8)sim_rnd(&r);
		/* short lengths and sane control octets get further */
		stream[0] = 0;
		stream[1] &= 0x7f;
		if (run & 4) {
			stream[2] = (u8)((stream[2] & 0xc0) | 1);
			stream[3] = (u8)((stream[3] & 0x0f) | 0x40);
		}
		if (run & 8)
			memset(stream + 4, 0, 3);
		feed(&p, stream, 200);
		CHECK(!sim_bad_what);
	}
}

SUITE(sim_flip,
	CASE(flip__every_bit_verified_first),
	CASE(flip__every_bit_cut_through),
	CASE(flip__bursts),
	CASE(flip__every_bit_without_crc),
	CASE(flip__markers_without_crc),
	CASE(flip__noise));
