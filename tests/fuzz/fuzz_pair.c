// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Two cores back to back (tests/sim), told by the input what to post, how to cut
 * the streams, which bits to flip on the way, and in which order to do all that.
 *
 * What is delivered is what was sent. Without damage everything that was posted
 * completes. With damage and CRC on nothing is ever silently wrong: the end that
 * got it fails, or waits for octets that an FPDU seems to lack; and when it may
 * send a Terminate, the other end hears of it.
 *
 * Input: struct head, then operations of two octets and their operands.
 */
#include "fuzz.h"
#include "../sim/pair.h"
#include "../../core/mpa.h"

#define UNIT		4096u
#define OPS_MAX		300
#define FLIPS_MAX	3	/* what CRC32c finds for certain */

struct head {
	u8 mode, rtr, mulpdu_hi, mulpdu_lo, ord_a, ord_b;
};

/* One end, what it was told to do so far, and the damage in front of it. */
struct side {
	struct sim_end *e, *peer;
	u32 wr, rd, rq;		/* octets used of memory and of the peer's RQ */
	u32 flips;		/* in what it receives */
	u64 flipped[FLIPS_MAX];
	u32 completed;		/* what was looked at */
	bool odd;		/* something posted must be refused */
};

static struct sim_pair p;
static struct side a, b;

static void post(struct side *s, struct fuzz_in *in)
{
	static const u8 op[] = {
		RDMAP_WRITE, RDMAP_READ_REQ, RDMAP_SEND, RDMAP_SEND_SE,
		RDMAP_SEND_INVAL, RDMAP_SEND_SE_INVAL, RDMAP_IMM,
		RDMAP_IMM_SE, RDMAP_ATOMIC_REQ,
	};
	u8 what = fuzz_u8(in), opcode = op[what % sizeof(op)];
	u32 len = fuzz_u16(in) % (what & 0x40 ? 1500 : 100), word = len;
	u32 *used = opcode == RDMAP_WRITE ? &s->wr :
		    opcode == RDMAP_READ_REQ ? &s->rd : &s->rq;
	struct sim_wr *w;

	if (siw_opcode_info(opcode)->ext)
		len = 0;
	if (*used + len > UNIT || s->e->wr_cnt == SIM_WRS)
		return;
	if (opcode == RDMAP_ATOMIC_REQ) {
		w = sim_post(s->e, opcode, 0, word);
		w->to += what >> 5;	/* only 0 is aligned */
		s->odd |= what >> 5;
		return;
	}
	w = sim_post(s->e, opcode, len, *used);
	if (used == &s->rq) {
		/* 0x80: no buffer, or one that is too small */
		if (!(what & 0x80))
			sim_pair_recv(&p, s->peer, len);
		else
			s->odd = true;
		if (what & 0x80 && what & 0x20 && len)
			sim_pair_recv(&p, s->peer, len - 1);
	} else if (what & 0x80 && len) {
		w->to += UNIT;		/* out of bounds */
		s->odd = true;
	} else if (what & 0x20 && len) {
		w->stag ^= 0x100;	/* no such memory */
		s->odd = true;
	}
	*used += len;
}

/* In what has been sent and has not arrived. */
static void flip(struct side *s, struct fuzz_in *in)
{
	struct sim_pipe *pipe = s->e->in;
	u32 way = pipe->tail - pipe->seen, at = fuzz_u16(in), i;
	u8 bit = fuzz_u8(in) & 7;

	if (!way || s->flips == FLIPS_MAX)
		return;
	at = pipe->seen + at % way;
	/* one that is undone would be no damage */
	for (i = 0; i < s->flips; i++)
		if (s->flipped[i] == at * 8ull + bit)
			return;
	pipe->buf[at] ^= (u8)(1 << bit);
	s->flipped[s->flips++] = at * 8ull + bit;
}

/*
 * Whatever has completed is right, and in order. A Write to one place is only
 * looked at once the Send behind it is there.
 */
static void check_received(struct side *s)
{
	const struct sim_end *from = s->e, *to = s->peer;
	u32 i, sends = 0, completed = to->rq_done + from->wr_done;

	if (completed == s->completed)
		return;
	s->completed = completed;
	for (i = 0; i < from->wr_cnt; i++) {
		const struct sim_wr *w = &from->wr[i];

		if (w->opcode == RDMAP_READ_REQ) {
			MUST(!w->done || sim_read_good(from, w));
		} else if (w->opcode == RDMAP_ATOMIC_REQ) {
			continue;	/* at the end: sim_pair_good() */
		} else if (w->opcode == RDMAP_WRITE) {
			MUST(sends == to->rq_done || sim_write_good(to, w));
		} else if (sends < to->rq_done) {
			MUST(sim_recv_good(&to->rq[sends], w));
			sends++;
		} else {
			break;
		}
	}
	MUST(to->rq_done <= to->rq_next && to->rq_next <= to->rq_cnt);
}

static bool trusted(const struct side *s)
{
	return p.a.cfg.crc || !s->flips;
}

static void check_all(void)
{
	if (sim_bad_what)
		fprintf(stderr, "%s\n", sim_bad_what);
	MUST(!sim_bad_what);
	if (trusted(&a) && trusted(&b)) {
		check_received(&a);
		check_received(&b);
	}
}

static void turn(struct side *s, u8 op, struct fuzz_in *in)
{
	switch (op) {
	case 0:
		post(s, in);
		break;
	case 1:
		sim_pipe_arrive(s->e->in, 1 + fuzz_u8(in));
		sim_rx(s->e);
		break;
	case 2:
		sim_pipe_arrive(s->e->in, SIM_PIPE);
		sim_rx(s->e);
		break;
	case 3:
		sim_cut(s->e);
		sim_send(s->e, 1 + fuzz_u8(in));
		break;
	case 4:
		sim_cut(s->e);
		sim_send(s->e, ~0u);
		break;
	case 5:
		flip(s, in);
		break;
	case 6:
		s->e->out->window = 600 * (1u + fuzz_u8(in));
		break;
	case 7:
		s->e->cfg.mulpdu = 128 + fuzz_u16(in) % 3000;
		break;
	}
	check_all();
}

/* @s has received damage: it has noticed. */
static void check_noticed(const struct side *s)
{
	const struct sim_end *e = s->e;

	if (s->flips && e->cfg.crc)
		MUST(e->failed || e->peer_failed || !siw_rx_idle(&e->rx) ||
		     e->in->head != e->in->tail);
}

/* When @s has failed and may say so, the other end knows why. */
static void check_told(const struct side *s, const struct side *other)
{
	const struct sim_end *e = s->e, *peer = s->peer;

	if (!e->failed || !e->term.send || peer->failed || other->flips)
		return;
	MUST(e->term_sent && peer->peer_failed);
	MUST(peer->peer_term.layer == e->term.layer &&
	     peer->peer_term.etype == e->term.etype &&
	     peer->peer_term.code == e->term.code);
}

static void begin(const struct head *h)
{
	u32 mulpdu = 128 + (h->mulpdu_hi << 8 | h->mulpdu_lo) % 3000;

	sim_pair_init(&p, (enum sim_mode)(h->mode % SIM_MODES),
		      (u8)(h->rtr & 4 ? 0 : 1 << h->rtr % 3), UNIT, mulpdu);
	memset(p.rbuf_a, 0xcc, 2 * UNIT);
	memset(p.rbuf_b, 0xcc, 2 * UNIT);
	siw_rdq_init(&p.a.orq, 1 + h->ord_a % (SIM_RD - 1));
	siw_rdq_init(&p.b.orq, 1 + h->ord_b % SIM_RD);
	a = (struct side){ .e = &p.a, .peer = &p.b };
	b = (struct side){ .e = &p.b, .peer = &p.a };
	/* the responder may not speak first */
	if (!p.a.cfg.rtr)
		sim_post(&p.a, RDMAP_WRITE, 0, 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct head h;
	u32 ops;

	fuzz_octets(&in, &h, sizeof(h));
	begin(&h);
	for (ops = 0; in.left && ops < OPS_MAX; ops++) {
		u8 op = fuzz_u8(&in);

		turn(op & 0x80 ? &b : &a, op & 7, &in);
	}
	p.ab.window = 0;
	p.ba.window = 0;
	/* a Terminate may only be found due when all the rest has come to rest */
	sim_pair_run(&p);
	sim_pair_run(&p);
	check_all();
	check_noticed(&a);
	check_noticed(&b);
	check_told(&a, &b);
	check_told(&b, &a);
	if (a.flips || b.flips)
		return 0;
	if (a.odd || b.odd)
		MUST(p.a.failed || p.b.failed);
	else
		MUST(sim_pair_good(&p));
	return 0;
}
