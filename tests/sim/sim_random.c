// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Full duplex traffic of random messages, batched, sent in part, cut at
 * random, in all CRC modes, with and without markers. [DDP-5.2-01 to -05, DDP-5.3-01, -04, DDP-5.4-02,
 * RDMAP-5.5-10, -11, -20, MPA-3-05, EXT-7-01]
 */
#include "pair.h"
#include "../../core/mpa.h"
#include "harness.h"

static struct sim_pair p;
static struct sim_rnd rnd;

static u8 any_opcode(void)
{
	static const u8 op[] = {
		RDMAP_WRITE, RDMAP_WRITE, RDMAP_READ_REQ, RDMAP_READ_REQ,
		RDMAP_SEND, RDMAP_SEND_SE, RDMAP_SEND_INVAL,
		RDMAP_SEND_SE_INVAL, RDMAP_IMM, RDMAP_IMM_SE,
		RDMAP_ATOMIC_REQ,
	};

	return op[sim_below(&rnd, sizeof(op))];
}

/* Each message has its own range, so that all can be checked at the end. */
static void post(struct sim_end *from, struct sim_end *to, u32 cnt, u32 max)
{
	u32 wr = 0, rd = 0, rq = 0;

	while (cnt--) {
		u8 op = any_opcode();
		u32 len = sim_below(&rnd, 5) ? sim_below(&rnd, max) :
					       sim_below(&rnd, 9);
		u32 *used = op == RDMAP_WRITE ? &wr :
			    op == RDMAP_READ_REQ ? &rd : &rq;

		if (op == RDMAP_ATOMIC_REQ) {
			sim_post(from, op, 0, sim_below(&rnd, 4));
			continue;
		}
		if (siw_opcode_info(op)->ext)
			len = 0;
		if (*used + len + 10 > from->cfg.unit)
			continue;
		sim_post(from, op, len, *used);
		if (used == &rq) {
			len += sim_below(&rnd, 10);
			sim_pair_recv(&p, to, len);
		}
		*used += len;
	}
}

/* Whenever a Send is delivered, all Writes before it are in place. */
static void check_order(const struct sim_end *from, struct sim_end *to)
{
	u32 i, sends = 0;

	for (i = 0; i < from->wr_cnt && sends < to->rq_done; i++) {
		const struct sim_wr *w = &from->wr[i];

		if (w->opcode == RDMAP_READ_REQ ||
		    w->opcode == RDMAP_ATOMIC_REQ)
			continue;
		if (w->opcode != RDMAP_WRITE)
			sends++;
		else if (i >= to->mark && !sim_write_good(to, w))
			sim_bad("a Send overtook a Write");
	}
	to->mark = i;
}

static void turn(struct sim_end *e, struct sim_end *peer, u32 grain)
{
	sim_pipe_arrive(e->in, sim_below(&rnd, grain));
	sim_rx(e);
	check_order(peer, e);
	sim_cut(e);
	sim_send(e, sim_below(&rnd, grain));
}

static void traffic(u64 seed, enum sim_mode mode, u32 max, u32 mulpdu,
		    u32 grain)
{
	u32 left = 4000000;

	rnd.x = seed * 77 + 5;
	sim_pair_init(&p, mode, (u8)(1u << sim_below(&rnd, 3)), SIM_UNIT,
		      mulpdu);
	p.a.rnd = &rnd;
	p.b.rnd = &rnd;
	/* IRD of both ends covers the ORD of the other and an RTR */
	siw_rdq_init(&p.a.orq, 1 + sim_below(&rnd, SIM_RD - 1));
	siw_rdq_init(&p.b.orq, 1 + sim_below(&rnd, SIM_RD));
	p.ab.window = 1 + sim_below(&rnd, 3 * grain);
	p.ba.window = 1 + sim_below(&rnd, 3 * grain);
	/* verify-first needs room for a whole FPDU of sim_cut() */
	if (mode % SIM_CRC_MODES == SIM_VERIFY) {
		p.ab.window += mulpdu + mulpdu / 100 + 120;
		p.ba.window += mulpdu + mulpdu / 100 + 120;
	}
	post(&p.a, &p.b, 1 + sim_below(&rnd, SIM_WRS), max);
	post(&p.b, &p.a, sim_below(&rnd, SIM_WRS), max);
	while (left-- && !sim_bad_what &&
	       !(sim_quiet(&p.a) && sim_quiet(&p.b))) {
		turn(&p.a, &p.b, grain);
		turn(&p.b, &p.a, grain);
	}
	if (!sim_pair_good(&p))
		TEST_FAIL("seed %u mode %d: %s, %s %s, %s %s", (u32)seed, mode,
			  sim_bad_what ? sim_bad_what : "not as posted",
			  p.a.name, siw_err_name(p.a.term.err),
			  p.b.name, siw_err_name(p.b.term.err));
}

static void rounds(u32 cnt, u32 max, u32 mulpdu, u32 grain)
{
	u32 seed;

	for (seed = 0; seed < cnt; seed++)
		traffic(seed, (enum sim_mode)(seed % SIM_MODES), max, mulpdu,
			grain);
}

/* many messages, small segments, pieces of a few octets */
TEST(random__small_messages)
{
	rounds(150, 300, 128, 60);
}

/* MTU 1500 */
TEST(random__middle)
{
	rounds(90, 9000, 1442, 5000);
}

/* up to 100 kB a message, segments up to the limit */
TEST(random__large_messages)
{
	rounds(30, 100000, 64768, 200000);
}

/* large messages in small segments: batches of a full ring */
TEST(random__deep_batches)
{
	rounds(30, 60000, 530, 100000);
}

/* MSNs pass 2^32. [DDP-4.3-06] */
TEST(random__msn_wraps)
{
	u32 i;

	sim_pair_init(&p, SIM_VERIFY, 0, SIM_UNIT, 128);
	for (i = 0; i < 10; i++) {
		sim_post(&p.a, RDMAP_SEND, i, 0);
		sim_post(&p.a, RDMAP_READ_REQ, i, 16 * i);
		sim_pair_recv(&p, &p.b, i);
	}
	for (i = 0; i < 2; i++) {
		p.a.tx.msn[i] = 0xfffffffc;
		p.b.rx.umsg[i].msn = 0xfffffffc;
	}
	sim_pair_run(&p);
	CHECK(sim_pair_good(&p));
	CHECK_EQ(p.a.tx.msn[0], 6);
	CHECK_EQ(p.a.tx.msn[1], 6);
}

SUITE(sim_random,
	CASE(random__small_messages),
	CASE(random__middle),
	CASE(random__large_messages),
	CASE(random__deep_batches),
	CASE(random__msn_wraps));
