// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * TCP may cut the stream anywhere. A stream is recorded once and fed to fresh
 * ends in two pieces, in three, and octet by octet; the outcome never differs.
 * [MPA-5.1-05, MPA-5.2-01, MPA-6-02, DDP-3-04]
 */
#include "pair.h"
#include "../../core/mpa.h"
#include "harness.h"

static struct sim_pair p;
static u8 to_a[SIM_PIPE], to_b[SIM_PIPE];	/* recorded streams */
static u32 to_a_len, to_b_len;

/* What both ends are told to do. */
static void few(void)
{
	sim_post(&p.a, RDMAP_SEND, 5, 0);
	sim_post(&p.a, RDMAP_WRITE, 3, 17);
	sim_post(&p.a, RDMAP_READ_REQ, 2, 9);
	sim_pair_recv(&p, &p.b, 8);
	sim_post(&p.b, RDMAP_SEND_SE, 1, 0);
	sim_pair_recv(&p, &p.a, 1);
}

/* what RFC 7306 adds */
static void few_more(void)
{
	sim_post(&p.a, RDMAP_ATOMIC_REQ, 0, 5);
	sim_post(&p.a, RDMAP_WRITE, 3, 17);
	sim_post(&p.a, RDMAP_IMM_SE, 0, 0);
	sim_pair_recv(&p, &p.b, 0);
	sim_post(&p.b, RDMAP_IMM, 0, 0);
	sim_pair_recv(&p, &p.a, 1);
}

static void many(void)
{
	u32 i;

	for (i = 0; i < 8; i++) {
		sim_post(&p.a, RDMAP_WRITE, i, 16 * i);
		sim_post(&p.a, i & 1 ? RDMAP_SEND : RDMAP_SEND_SE, i, 0);
		sim_post(&p.b, RDMAP_SEND_INVAL, i, 0);
		sim_pair_recv(&p, &p.a, i);
		sim_pair_recv(&p, &p.b, i + 1);
	}
	sim_post(&p.a, RDMAP_READ_REQ, 0, 0);
	sim_post(&p.a, RDMAP_READ_REQ, 300, 0);
	sim_post(&p.a, RDMAP_ATOMIC_REQ, 0, 7);
	sim_post(&p.a, RDMAP_ATOMIC_REQ, 0, 7);
	sim_post(&p.a, RDMAP_READ_REQ, 1, 300);
	sim_post(&p.b, RDMAP_IMM, 0, 0);
	sim_pair_recv(&p, &p.a, 3);
	sim_post(&p.a, RDMAP_SEND_SE_INVAL, 333, 0);
	sim_post(&p.a, RDMAP_WRITE, 250, 512);
	sim_pair_recv(&p, &p.b, 333);
	sim_post(&p.b, RDMAP_WRITE, 129, 3);
	sim_post(&p.b, RDMAP_SEND, 400, 0);
	sim_pair_recv(&p, &p.a, 400);
}

static u32 mulpdu = 128;

static void begin(enum sim_mode mode, u8 rtr, void (*post)(void))
{
	sim_pair_init(&p, mode, rtr, 1024, mulpdu);
	post();
}

static bool record(enum sim_mode mode, u8 rtr, void (*post)(void))
{
	begin(mode, rtr, post);
	sim_pair_run(&p);
	memcpy(to_a, p.ba.buf, p.ba.tail);
	to_a_len = p.ba.tail;
	memcpy(to_b, p.ab.buf, p.ab.tail);
	to_b_len = p.ab.tail;
	return sim_pair_good(&p);
}

/* One piece arrives; whatever @e wants to send goes nowhere. */
static void piece(struct sim_end *e, const u8 *stream, u32 from, u32 to)
{
	sim_pipe_write(e->in, stream + from, to - from);
	sim_step(e);
}

/* Did @e, fed with the recorded stream, end like in the recorded run? */
static bool same(const struct sim_end *e, const struct sim_end *peer)
{
	u32 i, n = 0;

	if (sim_bad_what || e->failed || e->peer_failed ||
	    !siw_rx_idle(&e->rx) || e->in->head != e->in->tail ||
	    e->rq_done != e->rq_cnt || e->wr_done != e->wr_cnt)
		return false;
	for (i = 0; i < peer->wr_cnt; i++) {
		const struct sim_wr *w = &peer->wr[i];

		if (w->opcode == RDMAP_WRITE ? !sim_write_good(e, w) :
		    w->opcode != RDMAP_READ_REQ &&
		    w->opcode != RDMAP_ATOMIC_REQ &&
		    !sim_recv_good(&e->rq[n++], w))
			return false;
	}
	for (i = 0; i < e->wr_cnt; i++)
		if (e->wr[i].opcode == RDMAP_READ_REQ &&
		    !sim_read_good(e, &e->wr[i]))
			return false;
	return true;
}

/* Feed side a (or b) with cuts at @i and @j. */
static bool feed(enum sim_mode mode, u8 rtr, void (*post)(void), bool at_a,
		 u32 i, u32 j)
{
	struct sim_end *e = at_a ? &p.a : &p.b;
	const u8 *stream = at_a ? to_a : to_b;
	u32 len = at_a ? to_a_len : to_b_len;

	begin(mode, rtr, post);
	sim_step(e);	/* Reads go out before their responses come */
	piece(e, stream, 0, i);
	piece(e, stream, i, j);
	piece(e, stream, j, len);
	return same(e, at_a ? &p.b : &p.a);
}

static void every_cut(enum sim_mode mode, u8 rtr, void (*post)(void))
{
	u32 i;

	NEED(record(mode, rtr, post));
	for (i = 0; i <= to_b_len; i++)
		NEED(feed(mode, rtr, post, false, i, i));
	for (i = 0; i <= to_a_len; i++)
		NEED(feed(mode, rtr, post, true, i, i));
}

TEST(split__every_point)
{
	int mode;

	for (mode = 0; mode < SIM_MODES; mode++)
		every_cut((enum sim_mode)mode, SIW_MPA_RTR_WRITE, many);
}

/* The first FPDU of each kind of RTR, cut everywhere. [EMPA-9.2-15] */
TEST(split__every_rtr)
{
	static const u8 rtr[] = { 0, SIW_MPA_RTR_SEND, SIW_MPA_RTR_WRITE,
				  SIW_MPA_RTR_READ };
	int mode, i;

	for (mode = 0; mode < SIM_MODES; mode++)
		for (i = 0; i < 4; i++)
			every_cut((enum sim_mode)mode, rtr[i], few);
}

static void every_pair(enum sim_mode mode, void (*post)(void))
{
	u32 i, j;

	NEED(record(mode, 0, post));
	for (i = 0; i <= to_b_len; i++)
		for (j = i; j <= to_b_len; j++)
			NEED(feed(mode, 0, post, false, i, j));
	for (i = 0; i <= to_a_len; i++)
		for (j = i; j <= to_a_len; j++)
			NEED(feed(mode, 0, post, true, i, j));
}

TEST(split__every_pair_of_points)
{
	int mode;

	for (mode = 0; mode < SIM_MODES; mode++) {
		every_pair((enum sim_mode)mode, few);
		every_pair((enum sim_mode)mode, few_more);
	}
}

/* n octets at a time, 1 to 70 */
TEST(split__every_piece_size)
{
	u32 n, i;
	int mode;

	for (mode = 0; mode < SIM_MODES; mode++) {
		NEED(record((enum sim_mode)mode, 0, many));
		for (n = 1; n <= 70; n++) {
			begin((enum sim_mode)mode, 0, many);
			for (i = 0; i < to_b_len; i += n)
				piece(&p.b, to_b, i, i + n < to_b_len ?
						     i + n : to_b_len);
			NEED(same(&p.b, &p.a));
		}
	}
}

/* [MPA-6-02] what is not complete is neither placed nor delivered */
static void incomplete(bool marked)
{
	const enum sim_mode mode = (enum sim_mode)(SIM_VERIFY +
						   marked * SIM_MARK_AB);
	u32 i, j, size;

	NEED(record(mode, 0, few));
	for (i = 0; i < to_b_len; i += size) {
		/* a marker in front of an FPDU may come alone */
		u32 lead = marked && !i ? MPA_MARKER_SIZE : 0;

		size = sim_fpdu_len(to_b, i, marked);
		for (j = 0; j < size; j++) {
			u64 placed;
			u32 n;

			begin(mode, 0, few);
			piece(&p.b, to_b, 0, i);
			placed = p.b.placed;
			n = p.b.rq_done + p.b.delivered[RDMAP_READ_REQ];
			piece(&p.b, to_b, i, i + j);
			CHECK_EQ(p.b.placed, placed);
			CHECK_EQ(p.b.rq_done + p.b.delivered[RDMAP_READ_REQ],
				 n);
			CHECK_EQ(siw_rx_idle(&p.b.rx), !j || j == lead);
		}
	}
	CHECK_EQ(i, to_b_len);
}

TEST(split__incomplete_is_not_placed)
{
	incomplete(false);
	incomplete(true);
}

/* The second marker of the stream moves through whatever an FPDU consists of,
 * from the CRC of the fourth to the payload of the first, and the stream is cut
 * wherever that may matter. [MPA-4.3-03 to -07, -09, -10, -14]
 */
static u32 first_len;

static void around_marker(void)
{
	sim_post(&p.a, RDMAP_WRITE, first_len, 0);
	sim_post(&p.a, RDMAP_SEND, 7, 0);
	sim_pair_recv(&p, &p.b, 7);
	sim_post(&p.a, RDMAP_READ_REQ, 3, 0);
	sim_post(&p.a, RDMAP_WRITE, 9, 600);
}

TEST(split__around_a_marker)
{
	u32 mode, i;

	mulpdu = 600;
	for (mode = SIM_MARK_AB; mode < 2 * SIM_MARK_AB; mode++)
		for (first_len = 396; first_len < 500; first_len++) {
			NEED(record((enum sim_mode)mode, 0, around_marker));
			CHECK(!to_b[512] && !to_b[513]);
			for (i = 500; i < 524; i++)
				NEED(feed((enum sim_mode)mode, 0,
					  around_marker, false, i, i + 1));
		}
	mulpdu = 128;
}

SUITE(sim_split,
	CASE(split__every_point),
	CASE(split__every_rtr),
	CASE(split__every_pair_of_points),
	CASE(split__every_piece_size),
	CASE(split__incomplete_is_not_placed),
	CASE(split__around_a_marker));
