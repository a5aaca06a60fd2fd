// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Connections from the first octet to the last: MPA exchange, ready-to-receive
 * message, traffic, and every way to end, by the tables of cmsm.c and qpsm.c.
 * [MPA-7.1.2-*, EMPA-9.*, EMPA-10-*, RDMAP-6.2-01, DDP-6.2.1-*]
 */
#include "node.h"
#include "harness.h"

static struct sim_pair p;
static struct node a, b;
static struct sim_rnd rnd;

static const struct siw_mpa_local policy = {
	.rev = 2, .ird = 4, .ord = 4,
	.max_ird = 7, .max_ord = 8,
};

static void begin(u64 seed, const struct siw_mpa_local *la,
		  const struct siw_mpa_local *lb)
{
	rnd.x = seed * 1000 + 3;
	sim_pair_init(&p, SIM_VERIFY, 0, 4096, 200);
	p.a.rnd = &rnd;
	p.b.rnd = &rnd;
	node_init(&a, &b, &p.a, true, la);
	node_init(&b, &a, &p.b, false, lb);
	node_cm(&a, SIW_CM_EV_CONNECT);
	node_cm(&a, SIW_CM_EV_TCP_UP);
	node_cm(&b, SIW_CM_EV_TCP_CHILD);
}

/* A retried Request goes out by itself. */
static void tcp(void)
{
	if (a.phase == SIW_CM_TCP_CONNECT)
		node_cm(&a, SIW_CM_EV_TCP_UP);
}

static bool pump(u32 grain)
{
	u32 before = p.ab.head + p.ba.head + p.ab.tail + p.ba.tail +
		     p.ab.seen + p.ba.seen;
	int pa = a.phase + 16 * a.qp, pb = b.phase + 16 * b.qp;

	node_pump(&a, &rnd, grain);
	tcp();
	node_pump(&b, &rnd, grain);
	return before != p.ab.head + p.ba.head + p.ab.tail + p.ba.tail +
			 p.ab.seen + p.ba.seen ||
	       pa != (int)(a.phase + 16 * a.qp) ||
	       pb != (int)(b.phase + 16 * b.qp);
}

static void settle(u32 grain)
{
	u32 idle = 0, left = 200000;

	while (idle < 40 && left--)
		idle = pump(grain) ? 0 : idle + 1;
	if (!left)
		sim_bad("no end of it");
}

static void post(u32 cnt)
{
	u32 i;

	for (i = 0; i < cnt; i++) {
		sim_post(&p.a, RDMAP_SEND, 50 + i, 0);
		sim_post(&p.a, RDMAP_WRITE, 300, 300 * i);
		sim_post(&p.b, RDMAP_SEND_SE, 7 * i, 0);
		sim_pair_recv(&p, &p.a, 7 * i);
		sim_pair_recv(&p, &p.b, 100);
		if (p.a.cfg.ord)
			sim_post(&p.a, RDMAP_READ_REQ, 250, 250 * i);
		sim_post(&p.b, RDMAP_READ_REQ, 11, 11 * i);
	}
}

/* Up to the point where the ULPs know the outcome. */
static void connect(u64 seed, const struct siw_mpa_local *la,
		    const struct siw_mpa_local *lb)
{
	begin(seed, la, lb);
	settle(30);
	if (b.phase == SIW_CM_REQ_UPCALLED)
		node_accept(&b);
	settle(30);
}

/* Whatever is left ends by its timer. */
static void finish(void)
{
	u32 i;

	for (i = 0; i < 4; i++) {
		settle(500);
		if (a.timer && a.phase != SIW_CM_CLOSED)
			node_cm(&a, SIW_CM_EV_TIMER);
		else if (b.timer && b.phase != SIW_CM_CLOSED)
			node_cm(&b, SIW_CM_EV_TIMER);
	}
}

static bool ended(const struct node *n)
{
	return n->phase == SIW_CM_CLOSED && n->puts == 1 &&
	       n->started == (n->qp == SIW_QP_ERROR) &&
	       n->flushed == n->started;
}

#define CHECK_UPS(n, want)	CHECK_STR((n).ups, want)

/* [MPA-7.1.2-10, -11, EMPA-9.2-09, -15, EMPA-5-01] all kinds of set-up */
TEST(connect__every_kind)
{
	static const u8 rtr[] = { SIW_MPA_RTR_SEND, SIW_MPA_RTR_WRITE,
				  SIW_MPA_RTR_READ, SIW_MPA_RTR_ALL };
	struct siw_mpa_local la, lb;
	u32 i;

	for (i = 0; i < 256; i++) {
		la = policy;
		lb = policy;
		la.rev = i & 1 ? 2 : 1;
		la.p2p = i & 2;
		la.crc_required = i & 4;
		lb.crc_required = i & 8;
		la.rtr = rtr[i >> 4 & 3];
		la.markers_wanted = i & 64;	/* MPA-4.3-12 */
		lb.markers_wanted = i & 128;
		begin(i, &la, &lb);
		post(5);
		settle(30);
		CHECK_UPS(b, "R");
		NEED(b.phase == SIW_CM_REQ_UPCALLED);
		CHECK_EQ(p.ba.tail, 0);		/* MPA-7.1.2-02 */
		node_accept(&b);
		settle(200);
		CHECK_UPS(a, "O");
		CHECK_UPS(b, "RE");
		CHECK(sim_pair_good(&p));
		CHECK_EQ(p.a.tx.markers, lb.markers_wanted);
		CHECK_EQ(p.b.tx.markers, la.markers_wanted);
		node_cm(i & 1 ? &a : &b, SIW_CM_EV_DISC);
		finish();
		CHECK_UPS(a, "ODC");
		CHECK_UPS(b, "REDC");
		CHECK(ended(&a) && ended(&b));
		CHECK(!a.async && !b.async && !p.ab.rst && !p.ba.rst);
	}
}

/* [MPA-7.1.2-10] a responder with work says nothing until it hears an FPDU */
TEST(connect__gate)
{
	struct siw_mpa_local la = policy;
	u32 len;

	la.rev = 1;
	connect(1, &la, &policy);
	len = p.ba.tail;
	sim_post(&p.b, RDMAP_SEND, 10, 0);
	sim_pair_recv(&p, &p.a, 10);
	settle(100);
	CHECK_EQ(p.ba.tail, len);
	sim_post(&p.a, RDMAP_WRITE, 1, 0);
	settle(100);
	CHECK(sim_pair_good(&p));
}

/* [EMPA-9.2-10, EMPA-9.1-08, EMPA-9.2-14] the initiator ends it, the responder
 * hears a failed set-up. T38
 */
TEST(connect__negotiation_fails)
{
	struct siw_mpa_local la = policy, lb = policy;

	la.p2p = true;
	la.rtr = SIW_MPA_RTR_READ;
	lb.rtr = SIW_MPA_RTR_SEND;
	connect(2, &la, &lb);
	CHECK_UPS(a, "P");
	CHECK_EQ(a.res.term, SIW_E_MPA_RTR);
	finish();
	CHECK_EQ(p.b.peer_term.err, SIW_E_MPA_RTR);
	CHECK_UPS(b, "REDC");
	CHECK(ended(&a) && ended(&b));

	la = policy;
	la.max_ird = 2;
	lb = policy;
	lb.ird = 7;
	la.ird = 7;
	connect(3, &la, &lb);	/* our responder keeps to our IRD */
	CHECK_UPS(a, "O");
}

/* [MPA-7.1.2-04, -08, EMPA-10-01] */
TEST(connect__rejected)
{
	begin(4, &policy, &policy);
	settle(9);
	NEED(b.phase == SIW_CM_REQ_UPCALLED);
	b.l.pd = (const u8 *)"go away";
	b.l.pd_len = 7;
	node_cm(&b, SIW_CM_EV_ULP_REJECT);
	settle(9);
	CHECK_UPS(a, "N");
	CHECK_EQ(a.res.pd_len, 7);
	CHECK_MEM(a.res.pd, "go away", 7);
	finish();
	CHECK(ended(&a) && ended(&b));
	CHECK(!p.ab.rst && !p.ba.rst);
}

/* mpa_crc_strict: a Reply with a reason, never an RST */
TEST(connect__crc_strict)
{
	struct siw_mpa_local la = policy, lb = policy;

	la.crc_required = true;
	lb.crc_strict = true;
	connect(5, &la, &lb);
	CHECK_UPS(a, "N");
	CHECK_UPS(b, "");
	finish();
	CHECK(ended(&a) && ended(&b));
	/* the other way round the initiator refuses */
	la = policy;
	la.crc_strict = true;
	lb = policy;
	lb.crc_required = true;
	connect(6, &la, &lb);
	CHECK_UPS(a, "P");
	finish();
	CHECK_EQ(p.b.peer_term.err, SIW_E_MPA_LOCAL);
	CHECK(ended(&a) && ended(&b));
}

/* [EMPA-10-03, -04, -06] */
TEST(connect__falls_back_to_v1)
{
	struct siw_mpa_local lb = policy;

	lb.rev = 1;
	begin(7, &policy, &lb);
	settle(30);
	CHECK_UPS(a, "X");
	CHECK_UPS(b, "");
	CHECK(ended(&a) && ended(&b));
	begin(8, &policy, &lb);
	a.retry = true;
	settle(30);
	NEED(b.phase == SIW_CM_REQ_UPCALLED);
	node_accept(&b);
	settle(30);
	CHECK_UPS(a, "O");
	CHECK_UPS(b, "RE");
	CHECK_EQ(a.res.rev, 1);
}

/* Strangers: [MPA-7.1.2-03, -14, -18, -19, MPA-7.1.1-18, MPA-7.1.2-21] */
TEST(connect__strangers)
{
	static const char *const say[] = {
		"GET / HTTP/1.0\r\n", "MPA ID Rep Frame\100\1\0\0", "",
		"MPA ID Req Frame\100\0\0\0", "MPA ID Req Frame\100\1\2\1",
	};
	u32 i, len;

	for (i = 0; i < 5; i++) {
		sim_pair_init(&p, SIM_VERIFY, 0, 1024, 200);
		node_init(&b, &a, &p.b, false, &policy);
		node_cm(&b, SIW_CM_EV_TCP_CHILD);
		len = i == 1 || i > 2 ? 20 : (u32)strlen(say[i]);
		sim_pipe_write(&p.ab, say[i], len);
		p.ab.fin = i == 2;
		for (len = 0; len < 30; len++)
			node_pump(&b, &rnd, 4);
		CHECK(ended(&b) && p.ba.rst && !p.ba.tail);
		CHECK_UPS(b, "");
	}
	/* a good Request with an octet too many, seen at accept */
	begin(9, &policy, &policy);
	sim_pipe_write(&p.ab, "!", 1);
	settle(30);
	node_accept(&b);
	CHECK(p.ba.rst && !p.ba.tail);
	node_cm(&b, SIW_CM_EV_ULP_REJECT);
	CHECK(ended(&b));
}

/* A fault in the traffic: both ends hear of it, everything is flushed.
 * [RDMAP-5.4-03, RDMAP-6.2.1-02, -04, DDP-6.2.2-01, -02]
 */
TEST(end__by_terminate)
{
	u32 seed;

	for (seed = 0; seed < 200; seed++) {
		connect(seed, &policy, &policy);
		NEED(a.phase == SIW_CM_OPEN && b.phase == SIW_CM_OPEN);
		post(5);
		sim_post(seed & 1 ? &p.a : &p.b, RDMAP_WRITE, 1, 9999);
		if (!(seed & 1))
			sim_post(&p.a, RDMAP_WRITE, 1, 0);
		finish();
		CHECK(!sim_bad_what);
		CHECK(ended(&a) && ended(&b));
		CHECK_UPS(a, "ODC");
		CHECK_UPS(b, "REDC");
		CHECK(a.async || b.async);
		CHECK(!p.ab.rst && !p.ba.rst);
		CHECK_EQ(seed & 1 ? p.a.peer_term.err : p.b.peer_term.err,
			 SIW_E_TAG_BOUNDS);
	}
}

/* What was handed over before a graceful disconnect arrives. The tail of a
 * stream is not lost. [DDP-6.2.1-01]
 */
TEST(end__by_disconnect)
{
	bool both;
	u32 seed, i;

	for (seed = 0; seed < 200; seed++) {
		connect(seed, &policy, &policy);
		post(5);
		for (i = sim_below(&rnd, 30); i; i--)
			pump(300);
		node_cm(&a, SIW_CM_EV_DISC);
		both = seed % 3 == 0 && b.phase == SIW_CM_OPEN;
		if (both)
			node_cm(&b, SIW_CM_EV_DISC);
		finish();
		CHECK(!sim_bad_what);
		CHECK(ended(&a) && ended(&b));
		CHECK_UPS(a, "ODC");
		CHECK_UPS(b, "REDC");
		CHECK(!a.async && !b.async && !p.ab.rst && !p.ba.rst);
		/* whose Reads are not answered any more is not graceful */
		if (both && p.a.wr_done < p.a.wr_cnt)
			continue;
		CHECK_EQ(p.a.wr_done, p.a.wr_cnt);
		for (i = 0; i < p.a.wr_cnt; i++)
			CHECK(p.a.wr[i].done);
		CHECK_EQ(p.b.rq_done, p.b.rq_cnt);
	}
}

/* Abrupt ends, at any time, of either side, or of both. */
TEST(end__by_force)
{
	static const enum siw_cm_ev ev[] = {
		SIW_CM_EV_ABORT, SIW_CM_EV_DESTROY, SIW_CM_EV_GOING,
		SIW_CM_EV_DISC,
	};
	u32 seed, i;

	for (seed = 0; seed < 600; seed++) {
		struct node *n = seed & 1 ? &a : &b;

		begin(seed, &policy, &policy);
		post(3);
		n->dying = seed & 8;
		for (i = sim_below(&rnd, 60); i; i--) {
			pump(200);
			if (b.phase == SIW_CM_REQ_UPCALLED &&
			    sim_below(&rnd, 2))
				node_accept(&b);
		}
		if (n->phase != SIW_CM_AWAIT_REQ)
			node_cm(n, ev[seed / 2 % 4]);
		if (seed % 5 == 0 && n->peer->phase != SIW_CM_AWAIT_REQ)
			node_cm(n->peer, SIW_CM_EV_ABORT);
		finish();
		if (b.phase == SIW_CM_REQ_LOST) {
			node_accept(&b);
			CHECK_EQ(b.fails, 1);
		} else if (b.phase == SIW_CM_REQ_UPCALLED) {
			node_cm(&b, SIW_CM_EV_DESTROY);
			finish();
		}
		finish();
		CHECK(!sim_bad_what);
		CHECK_EQ(a.phase, SIW_CM_CLOSED);
		CHECK_EQ(b.phase, SIW_CM_CLOSED);
		CHECK(a.puts == 1 && b.puts == 1);
	}
}

SUITE(sim_connect,
	CASE(connect__every_kind),
	CASE(connect__gate),
	CASE(connect__negotiation_fails),
	CASE(connect__rejected),
	CASE(connect__crc_strict),
	CASE(connect__falls_back_to_v1),
	CASE(connect__strangers),
	CASE(end__by_terminate),
	CASE(end__by_disconnect),
	CASE(end__by_force));
