// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * An end that cannot do what an instruction says: it stops at once, tells the
 * peer why, and the peer hears it, wherever in the traffic that happens.
 * [RDMAP-3.2-04, RDMAP-5.4-01, -03, -05, -07, RDMAP-6.2.1-01, DDP-3-08]
 */
#include "pair.h"
#include "../../core/mpa.h"
#include "harness.h"

static struct sim_pair p;

/* Reads and Atomics both ways, Writes and Sends, short and segmented. */
static void post(void)
{
	u32 i;

	for (i = 0; i < 4; i++) {
		sim_post(&p.a, RDMAP_WRITE, 130 * i, 65 * i * (i - 1));
		sim_post(&p.a, RDMAP_SEND_INVAL, 100 * i, 0);
		sim_post(&p.a, RDMAP_READ_REQ, 200 * i, 0);
		sim_post(&p.b, RDMAP_READ_REQ, 50 * i, 0);
		sim_post(&p.b, RDMAP_SEND, 300, 0);
		sim_pair_recv(&p, &p.a, 300);
		sim_pair_recv(&p, &p.b, 300);
	}
	sim_post(&p.a, RDMAP_ATOMIC_REQ, 0, 1);
	sim_post(&p.b, RDMAP_ATOMIC_REQ, 0, 1);
	sim_post(&p.a, RDMAP_IMM, 0, 0);
	sim_pair_recv(&p, &p.b, 0);
}

/* A reason that fits the instruction, and that a Terminate can carry. */
static enum siw_err reason(enum siw_rx_op op)
{
	switch (op) {
	case SIW_RX_NEED_RQE:
		return SIW_E_UNT_NOBUF;
	case SIW_RX_NEED_READ:
		return SIW_E_ROP_UNSOLICITED;
	case SIW_RX_PLACE_TAGGED:
		return SIW_E_TAG_ASSOC;
	default:
		return SIW_E_ROP_STREAM;
	}
}

/* Refuse instruction number @n at @e. Return: were there that many? */
static bool run(enum sim_mode mode, struct sim_end *e, u32 n, enum siw_err why,
		u64 seed)
{
	struct sim_rnd r = { seed };
	u32 idle = 0;

	sim_pair_init(&p, mode, SIW_MPA_RTR_WRITE, 1024, 200);
	post();
	e->refuse_at = n;
	e->refuse_why = why;
	if (!seed) {
		sim_pair_run(&p);
		return e->failed;
	}
	p.a.rnd = &r;
	p.b.rnd = &r;
	while (idle < 50) {
		struct sim_end *s = sim_rnd(&r) & 1 ? &p.a : &p.b;

		sim_pipe_arrive(s->in, sim_below(&r, 300));
		sim_rx(s);
		sim_cut(s);
		idle = sim_send(s, sim_below(&r, 300)) ||
		       s->in->seen < s->in->tail ? 0 : idle + 1;
	}
	return e->failed;
}

static void check_end(struct sim_end *e, struct sim_end *peer,
		      enum siw_err why)
{
	const struct siw_err_info *info = siw_err_info(why);
	const struct siw_term *t = &peer->peer_term;

	CHECK(!sim_bad_what);
	CHECK_EQ(e->term.err, why);
	CHECK(e->term_sent && peer->peer_failed);
	CHECK_EQ(peer->delivered[RDMAP_TERMINATE], 1);
	CHECK_EQ(t->layer, info->layer);
	CHECK_EQ(t->etype, info->etype);
	CHECK_EQ(t->code, info->code);
	CHECK_EQ(t->hdrct, e->term.hdrct);
	CHECK_EQ(t->seg_len, e->term.seg_len);
	CHECK_EQ(t->hdr_len, e->term.hdr_len);
	CHECK_MEM(t->hdr, e->term.hdr, t->hdr_len);
	/* silent for ever: RDMAP-5.4-05 */
	CHECK(siw_tx_idle(&e->tx) && !e->term_pending);
	CHECK(!peer->term_started);
}

static void every_instruction(enum sim_mode mode, bool at_a)
{
	struct sim_end *e = at_a ? &p.a : &p.b;
	enum siw_err why;
	u32 n;

	for (n = 0; run(mode, e, n, SIW_E_ROP_STREAM, 0); n++) {
		check_end(e, at_a ? &p.b : &p.a, SIW_E_ROP_STREAM);
		why = reason(e->refuse_op);
		CHECK(run(mode, e, n, why, 0));
		check_end(e, at_a ? &p.b : &p.a, why);
	}
	CHECK(sim_pair_good(&p));
	CHECK(n > 20);
}

TEST(refuse__every_instruction)
{
	int mode;

	for (mode = 0; mode < SIM_MODES; mode++) {
		every_instruction((enum sim_mode)mode, true);
		every_instruction((enum sim_mode)mode, false);
	}
}

/* The same in the middle of partial sends: the Terminate never splits an
 * FPDU, or the peer would not understand it.
 */
TEST(refuse__while_fpdus_are_half_sent)
{
	u32 n;
	int mode;

	for (mode = 0; mode < SIM_MODES; mode++)
		for (n = 0; n < 150; n++) {
			struct sim_end *e = n & 1 ? &p.a : &p.b;

			if (run((enum sim_mode)mode, e, n / 6,
				SIW_E_ROP_STREAM, n + 1))
				check_end(e, n & 1 ? &p.b : &p.a,
					  SIW_E_ROP_STREAM);
			else
				CHECK(sim_pair_good(&p));
		}
}

/* One work request against an end that cannot serve it. */
static void expect(u8 opcode, u32 len, u64 off, u32 stag, enum siw_err why,
		   u8 hdrct)
{
	struct sim_wr *w;

	sim_pair_init(&p, SIM_VERIFY, 0, 1024, 128);
	w = sim_post(&p.a, opcode, len, off);
	if (stag)
		w->stag = stag;
	if (opcode == RDMAP_SEND_INVAL)
		w->inval_stag = stag;
	sim_pair_recv(&p, &p.b, 64);
	sim_pair_run(&p);
	NEED(p.b.failed);
	CHECK_EQ(p.b.term.err, why);
	CHECK_EQ(p.a.peer_term.hdrct, hdrct);
	check_end(&p.b, &p.a, why);
}

/* The checks of the peer's access, end to end. [DDP-7.1, RDMAP-7.2] */
TEST(refuse__bad_access)
{
	/* Write */
	expect(RDMAP_WRITE, 4, 0, 0x999, SIW_E_TAG_STAG, 0xc0);
	expect(RDMAP_WRITE, 4, 1021, 0, SIW_E_TAG_BOUNDS, 0xc0);
	expect(RDMAP_WRITE, 4, (u64)-1, 0, SIW_E_TAG_BOUNDS, 0xc0);
	expect(RDMAP_WRITE, 4, 0 - SIM_TO_WR - 2, 0, SIW_E_TAG_WRAP, 0xc0);
	expect(RDMAP_WRITE, 4, 0, SIM_STAG_RD, SIW_E_RPROT_RIGHTS, 0xc0);
	expect(RDMAP_WRITE, 4, 0, SIM_STAG_SINK, SIW_E_RPROT_RIGHTS, 0xc0);
	/* Read */
	expect(RDMAP_READ_REQ, 4, 0, 0x999, SIW_E_RPROT_STAG, 0xe0);
	expect(RDMAP_READ_REQ, 4, 1021, 0, SIW_E_RPROT_BOUNDS, 0xe0);
	expect(RDMAP_READ_REQ, 4, 0 - SIM_TO_RD - 4, 0, SIW_E_RPROT_WRAP,
	       0xe0);
	/* Send */
	expect(RDMAP_SEND, 65, 0, 0, SIW_E_UNT_LONG, 0xc0);
	expect(RDMAP_SEND, 300, 0, 0, SIW_E_UNT_LONG, 0xc0);
	expect(RDMAP_SEND_INVAL, 3, 0, 0x999, SIW_E_RPROT_INVAL, 0xc0);
	/* Atomic: EXT-5.2.1-11 */
	expect(RDMAP_ATOMIC_REQ, 0, 0, 0x999, SIW_E_RPROT_STAG, 0xc0);
}

/* One Atomic at @to of the peer's words. */
static void expect_atomic(u64 to, enum siw_err why)
{
	u32 i;

	sim_pair_init(&p, SIM_VERIFY, 0, 1024, 128);
	sim_post(&p.a, RDMAP_ATOMIC_REQ, 0, 0)->to = to;
	sim_pair_run(&p);
	NEED(p.b.failed);
	CHECK_EQ(p.a.peer_term.hdrct, 0xc0);
	CHECK(!p.a.wr_done);
	for (i = 0; i < SIM_WORDS; i++)
		CHECK_EQ(p.b.mem_at[i], sim_word(i));
	check_end(&p.b, &p.a, why);
}

/* [EXT-5.1.1-01, EXT-5.1.2-03, EXT-5.2.1-11] memory is not touched */
TEST(refuse__bad_atomics)
{
	u32 i;

	for (i = 1; i < 8; i++)
		expect_atomic(SIM_TO_AT + i, SIW_E_AREQ_ALIGN);
	expect_atomic(SIM_TO_AT - 8, SIW_E_RPROT_BOUNDS);
	expect_atomic(SIM_TO_AT + 8 * SIM_WORDS, SIW_E_RPROT_BOUNDS);
	expect_atomic(SIM_TO_AT + 8 * SIM_WORDS - 4, SIW_E_RPROT_BOUNDS);
	expect_atomic(0 - 8ull, SIW_E_RPROT_WRAP);
}

/* [EXT-1.1-01] a peer that has not agreed says so, and that is the end */
static void expect_alone(u8 opcode, enum siw_err why)
{
	const struct siw_rx_params none = { .crc = true, .verify_first = true,
					    .responder = true };

	sim_pair_init(&p, SIM_VERIFY, 0, 1024, 128);
	siw_rx_init(&p.b.rx, &none);
	sim_post(&p.a, opcode, 0, 0);
	sim_pair_recv(&p, &p.b, 64);
	sim_pair_run(&p);
	NEED(p.b.failed);
	CHECK_EQ(p.a.peer_term.hdrct, 0xc0);
	check_end(&p.b, &p.a, why);
}

TEST(refuse__extensions_of_one_end)
{
	expect_alone(RDMAP_IMM, SIW_E_ROP_OPCODE);
	expect_alone(RDMAP_IMM_SE, SIW_E_ROP_OPCODE);
	expect_alone(RDMAP_ATOMIC_REQ, SIW_E_ROP_OPCODE);
}

/* [DDP-5.2-07, RDMAP-5.2.1-10] nothing is checked where nothing moves */
TEST(refuse__not_without_payload)
{
	sim_pair_init(&p, SIM_VERIFY, 0, 1024, 128);
	sim_post(&p.a, RDMAP_WRITE, 0, 0)->stag = 0;
	sim_post(&p.a, RDMAP_WRITE, 0, (u64)-1)->stag = 0xffffffff;
	sim_post(&p.a, RDMAP_READ_REQ, 0, 0)->stag = 0x999;
	sim_pair_run(&p);
	CHECK(!p.b.failed && !p.a.failed && sim_quiet(&p.a));
	CHECK_EQ(p.a.wr_done, 3);
}

/* [DDP-7.1-03, D-28] one Read more than IRD */
TEST(refuse__too_many_reads)
{
	sim_pair_init(&p, SIM_VERIFY, 0, 1024, 128);
	siw_rdq_init(&p.b.irq, 2);
	sim_post(&p.a, RDMAP_READ_REQ, 1, 0);
	sim_post(&p.a, RDMAP_READ_REQ, 1, 1);
	sim_post(&p.a, RDMAP_READ_REQ, 1, 2);
	sim_pair_run(&p);
	NEED(p.b.failed);
	CHECK_EQ(p.a.peer_term.hdrct, 0xc0);
	check_end(&p.b, &p.a, SIW_E_RREQ_IRD);
	/* [EXT-5.2.1-05, D-39] ... or one Atomic */
	sim_pair_init(&p, SIM_VERIFY, 0, 1024, 128);
	siw_rdq_init(&p.b.irq, 2);
	sim_post(&p.a, RDMAP_READ_REQ, 1, 0);
	sim_post(&p.a, RDMAP_ATOMIC_REQ, 0, 0);
	sim_post(&p.a, RDMAP_ATOMIC_REQ, 0, 0);
	sim_pair_run(&p);
	NEED(p.b.failed);
	check_end(&p.b, &p.a, SIW_E_RREQ_IRD);
}

/* [RDMAP-6.1-03, -05] ORD holds the queue, nothing is lost */
TEST(refuse__ord_stalls_only)
{
	u32 i;

	sim_pair_init(&p, SIM_VERIFY, SIW_MPA_RTR_READ, 1024, 128);
	siw_rdq_init(&p.a.orq, 1);
	siw_rdq_init(&p.b.irq, 1);
	for (i = 0; i < 10; i++) {
		sim_post(&p.a, RDMAP_READ_REQ, 90, 90 * i);
		sim_post(&p.a, RDMAP_SEND, 3, 0);
		sim_pair_recv(&p, &p.b, 3);
		sim_post(&p.a, RDMAP_ATOMIC_REQ, 0, i / 2);
	}
	sim_pair_run(&p);
	CHECK(sim_pair_good(&p));
}

/* Both find a fault at once: both Terminates are legal. [RDMAP-5.4-08] */
TEST(refuse__crossing_terminates)
{
	sim_pair_init(&p, SIM_VERIFY, SIW_MPA_RTR_WRITE, 1024, 128);
	sim_pair_run(&p);
	sim_post(&p.a, RDMAP_WRITE, 1, 2000);
	sim_post(&p.b, RDMAP_WRITE, 1, 2000);
	sim_cut(&p.a);
	sim_send(&p.a, ~0u);
	sim_cut(&p.b);
	sim_send(&p.b, ~0u);
	sim_pair_run(&p);
	CHECK(!sim_bad_what);
	CHECK(p.a.failed && p.b.failed);
	CHECK(p.a.term_sent && p.b.term_sent);
	/* what came after our own failure is discarded */
	CHECK(!p.a.delivered[RDMAP_TERMINATE] &&
	      !p.b.delivered[RDMAP_TERMINATE]);
}

SUITE(sim_refuse,
	CASE(refuse__every_instruction),
	CASE(refuse__while_fpdus_are_half_sent),
	CASE(refuse__bad_access),
	CASE(refuse__bad_atomics),
	CASE(refuse__extensions_of_one_end),
	CASE(refuse__not_without_payload),
	CASE(refuse__too_many_reads),
	CASE(refuse__ord_stalls_only),
	CASE(refuse__crossing_terminates));
