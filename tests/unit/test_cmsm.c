// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Tests of core/cmsm.c: the whole table, by rules that every entry obeys and
 * by the ways a connection comes and goes. Conformance ids in brackets.
 */
#include "../../core/cmsm.h"
#include "harness.h"

#define FOR_EACH(p, e)							\
	for (p = 0; p < SIW_CM_PHASE_CNT; p++)				\
		for (e = 0; e < SIW_CM_EV_CNT; e++)

/* upcalls that end an active attempt without a connection */
#define UP_FAILED	(SIW_CM_UP_REFUSED | SIW_CM_UP_RESET | \
			 SIW_CM_UP_TIMEOUT | SIW_CM_UP_PROTO | \
			 SIW_CM_UP_UNREACH)
#define UP_ANY		(UP_FAILED | SIW_CM_UP_REQUEST | SIW_CM_UP_OK | \
			 SIW_CM_UP_EST | SIW_CM_UP_DISC | SIW_CM_UP_CLOSE)
#define SEND		(SIW_CM_SEND_REQ | SIW_CM_SEND_REP | \
			 SIW_CM_SEND_REJ | SIW_CM_SEND_TERM)

static struct siw_cm_step step(int p, int e)
{
	return siw_cmsm_step((enum siw_cm_phase)p, (enum siw_cm_ev)e);
}

/* One move of a story: event, phase after it, actions: exactly these. */
struct move {
	enum siw_cm_ev ev;
	enum siw_cm_phase next;
	u32 act;
};

static void tell(enum siw_cm_phase p, const struct move *m, u32 n)
{
	struct siw_cm_step st;

	for (; n--; m++) {
		st = siw_cmsm_step(p, m->ev);
		if (st.next != m->next || st.act != m->act)
			TEST_FAIL("%s, %s: %s, %x, expected %s, %x",
				  siw_cmsm_phase_name(p),
				  siw_cmsm_ev_name(m->ev),
				  siw_cmsm_phase_name(st.next), st.act,
				  siw_cmsm_phase_name(m->next), m->act);
		p = st.next;
	}
}

#define TELL(p, ...) do {						\
	const struct move story_[] = { __VA_ARGS__ };			\
	tell(p, story_, (u32)(sizeof(story_) / sizeof(story_[0])));	\
} while (0)

#define ACTIVE								\
	{ SIW_CM_EV_CONNECT, SIW_CM_TCP_CONNECT,			\
	  SIW_CM_TCP_START | SIW_CM_ARM_SETUP },			\
	{ SIW_CM_EV_TCP_UP, SIW_CM_AWAIT_REP,				\
	  SIW_CM_STOP_TIMER | SIW_CM_SEND_REQ | SIW_CM_ARM_SETUP }

#define PASSIVE								\
	{ SIW_CM_EV_TCP_CHILD, SIW_CM_AWAIT_REQ, SIW_CM_ARM_SETUP },	\
	{ SIW_CM_EV_FRAME_OK, SIW_CM_REQ_UPCALLED,			\
	  SIW_CM_STOP_TIMER | SIW_CM_UP_REQUEST }

#define END	(SIW_CM_STOP_TIMER | SIW_CM_PUT)
#define FADE	(SIW_CM_STOP_TIMER | SIW_CM_SHUT | SIW_CM_ARM_LINGER)

/* -- siw_cmsm_step: rules ------------------------------------------------ */

TEST(step__out_of_range)
{
	CHECK_EQ(step(SIW_CM_PHASE_CNT, 0).act, SIW_CM_REJECT);
	CHECK_EQ(step(SIW_CM_PHASE_CNT, 0).next, SIW_CM_PHASE_CNT);
	CHECK_EQ(step(SIW_CM_OPEN, SIW_CM_EV_CNT).act, SIW_CM_REJECT);
	CHECK_EQ(step(SIW_CM_OPEN, SIW_CM_EV_CNT).next, SIW_CM_OPEN);
}

TEST(step__rejection_changes_nothing)
{
	int p, e;

	FOR_EACH(p, e) {
		struct siw_cm_step st = step(p, e);

		CHECK(st.next < SIW_CM_PHASE_CNT);
		if (st.act & SIW_CM_REJECT) {
			CHECK_EQ(st.act, SIW_CM_REJECT);
			CHECK_EQ(st.next, p);
		}
	}
}

/* The reference goes when the connection is closed, and only then. */
TEST(step__put_once)
{
	int p, e;

	FOR_EACH(p, e)
		CHECK_EQ(!!(step(p, e).act & SIW_CM_PUT),
			 p != SIW_CM_CLOSED &&
			 step(p, e).next == SIW_CM_CLOSED);
}

/* A closed connection stays closed, silently. */
TEST(step__closed_is_closed)
{
	int e;

	for (e = 0; e < SIW_CM_EV_CNT; e++) {
		CHECK_EQ(step(SIW_CM_CLOSED, e).next, SIW_CM_CLOSED);
		CHECK(!(step(SIW_CM_CLOSED, e).act & ~SIW_CM_REJECT));
	}
}

/* What a peer or a timer can cause is never illegal once TCP is up. */
TEST(step__peer_is_always_legal)
{
	static const int ev[] = { SIW_CM_EV_PEER_FIN, SIW_CM_EV_PEER_RST,
				  SIW_CM_EV_DESTROY, SIW_CM_EV_GOING };
	int p, i;

	for (p = SIW_CM_TCP_CONNECT; p < SIW_CM_PHASE_CNT; p++) {
		for (i = 0; i < 4; i++)
			CHECK(!(step(p, ev[i]).act & SIW_CM_REJECT));
		CHECK(!(step(p, SIW_CM_EV_TIMER).act & SIW_CM_REJECT));
	}
}

/* The device can go in every phase, and the ULP always hears of it if it
 * waits for something.
 */
TEST(step__device_removal)
{
	int p;

	for (p = 0; p < SIW_CM_PHASE_CNT; p++) {
		struct siw_cm_step st = step(p, SIW_CM_EV_GOING);

		CHECK(st.next == SIW_CM_CLOSED || st.next == SIW_CM_REQ_LOST);
		if (p == SIW_CM_TCP_CONNECT || p == SIW_CM_AWAIT_REP)
			CHECK(st.act & SIW_CM_UP_RESET);
		if (p == SIW_CM_RTR_WAIT || p == SIW_CM_OPEN ||
		    p == SIW_CM_CLOSING)
			CHECK(st.act & SIW_CM_UP_CLOSE);
	}
}

/*
 * What the ULP hears, along every path of any length: an active attempt gets
 * one verdict; a passive one a request, then established; then disconnect,
 * then close; nothing after the close, and no call fails but an accept.
 */
struct heard {
	bool request, verdict, est, disc, close;
};

static bool seen[SIW_CM_PHASE_CNT][32];

static void hear(struct heard *h, u32 act)
{
	if (act & UP_ANY)
		CHECK(!h->close);
	if (act & SIW_CM_UP_REQUEST) {
		CHECK(!h->request && !h->verdict);
		h->request = true;
	}
	if (act & (UP_FAILED | SIW_CM_UP_OK)) {
		CHECK(!h->request && !h->verdict);
		h->verdict = true;
	}
	if (act & SIW_CM_UP_EST) {
		CHECK(h->request && !h->est);
		h->est = true;
	}
	if (act & SIW_CM_UP_OK)
		h->est = true;
	if (act & SIW_CM_UP_DISC) {
		CHECK(h->est && !h->disc);
		h->disc = true;
	}
	if (act & SIW_CM_UP_CLOSE) {
		CHECK(h->disc);
		h->close = true;
	}
	if (act & SIW_CM_FAIL_CALL)
		CHECK(h->request && !h->est);
}

static void walk(int p, struct heard h)
{
	u32 key = h.request | h.verdict << 1 | h.est << 2 | h.disc << 3 |
		  (u32)h.close << 4;
	int e;

	if (seen[p][key])
		return;
	seen[p][key] = true;
	for (e = 0; e < SIW_CM_EV_CNT; e++) {
		struct siw_cm_step st = step(p, e);
		struct heard g = h;

		if (st.act & SIW_CM_REJECT)
			continue;
		hear(&g, st.act);
		/* established, and ended for another reason than that the
		 * ULP itself has gone: it was told
		 */
		if (st.next == SIW_CM_CLOSED && g.est &&
		    e != SIW_CM_EV_DESTROY)
			CHECK(g.close || p == SIW_CM_CLOSED);
		walk((int)st.next, g);
	}
}

TEST(step__upcalls_in_order)
{
	struct heard none = { 0 };

	memset(seen, 0, sizeof(seen));
	walk(SIW_CM_IDLE, none);
	CHECK(seen[SIW_CM_OPEN][1 | 4] && seen[SIW_CM_OPEN][2 | 4]);
	CHECK(!seen[SIW_CM_OPEN][0]);
}

/* A QP that was started hears of every loss. */
TEST(step__qp_is_told)
{
	static const int on[] = { SIW_CM_RTR_WAIT, SIW_CM_OPEN,
				  SIW_CM_CLOSING };
	int i, e;

	for (i = 0; i < 3; i++)
		for (e = 0; e < SIW_CM_EV_CNT; e++) {
			struct siw_cm_step st = step(on[i], e);

			if (st.next == SIW_CM_CLOSED)
				CHECK_EQ(!!(st.act & SIW_CM_QP_LOST),
					 e != SIW_CM_EV_QP_CLOSED);
		}
}

/* [MPA-7.1.2-02] nothing leaves a responder before a good Request, and
 * nothing but a Terminate follows the set-up frames
 */
TEST(step__what_is_sent)
{
	int p, e;

	FOR_EACH(p, e) {
		u32 out = step(p, e).act & SEND;

		if (out & SIW_CM_SEND_REQ)
			CHECK(p == SIW_CM_TCP_CONNECT &&
			      e == SIW_CM_EV_TCP_UP);
		if (out & SIW_CM_SEND_REP)
			CHECK_EQ(p, SIW_CM_REQ_UPCALLED);
		if (out & SIW_CM_SEND_REJ)
			CHECK(p == SIW_CM_REQ_UPCALLED ||
			      (p == SIW_CM_AWAIT_REQ &&
			       e == SIW_CM_EV_FRAME_REFUSE));
		if (out & SIW_CM_SEND_TERM)
			CHECK_EQ(p, SIW_CM_AWAIT_REP);
		CHECK(!(out & (out - 1)));
		/* an RST would destroy it */
		if (out)
			CHECK(!(step(p, e).act & SIW_CM_RST));
	}
}

/* -- siw_cmsm_step: stories ---------------------------------------------- */

TEST(story__listener)
{
	TELL(SIW_CM_IDLE,
	     { SIW_CM_EV_LISTEN, SIW_CM_LISTEN, 0 },
	     { SIW_CM_EV_CONNECT, SIW_CM_LISTEN, SIW_CM_REJECT },
	     { SIW_CM_EV_DESTROY, SIW_CM_CLOSED, END });
}

/* [MPA-7.1.2-06, -09] */
TEST(story__active)
{
	TELL(SIW_CM_IDLE, ACTIVE,
	     { SIW_CM_EV_FRAME_OK, SIW_CM_OPEN,
	       SIW_CM_STOP_TIMER | SIW_CM_QP_START | SIW_CM_UP_OK },
	     { SIW_CM_EV_TIMER, SIW_CM_OPEN, 0 },
	     { SIW_CM_EV_DISC, SIW_CM_OPEN, SIW_CM_TO_QP },
	     { SIW_CM_EV_QP_DISC, SIW_CM_CLOSING, SIW_CM_UP_DISC },
	     { SIW_CM_EV_QP_LINGER, SIW_CM_CLOSING, SIW_CM_ARM_LINGER },
	     { SIW_CM_EV_PEER_FIN, SIW_CM_CLOSING, SIW_CM_TO_QP },
	     { SIW_CM_EV_QP_CLOSED, SIW_CM_CLOSED, END | SIW_CM_UP_CLOSE },
	     { SIW_CM_EV_TIMER, SIW_CM_CLOSED, 0 });
}

TEST(story__active_fails)
{
	TELL(SIW_CM_TCP_CONNECT, { SIW_CM_EV_TCP_FAIL, SIW_CM_CLOSED,
				   END | SIW_CM_UP_UNREACH });
	TELL(SIW_CM_TCP_CONNECT, { SIW_CM_EV_TIMER, SIW_CM_CLOSED,
				   END | SIW_CM_RST | SIW_CM_UP_TIMEOUT });
	/* [MPA-7.1.2-07, -14] */
	TELL(SIW_CM_AWAIT_REP, { SIW_CM_EV_FRAME_BAD, SIW_CM_CLOSED,
				 END | SIW_CM_RST | SIW_CM_UP_PROTO });
	/* [MPA-7.1.2-08] */
	TELL(SIW_CM_AWAIT_REP, { SIW_CM_EV_REPLY_REFUSED, SIW_CM_LINGER,
				 FADE | SIW_CM_UP_REFUSED },
	     { SIW_CM_EV_PEER_FIN, SIW_CM_CLOSED, END });
	/* [EMPA-9.1-08, EMPA-9.2-10] */
	TELL(SIW_CM_AWAIT_REP, { SIW_CM_EV_REPLY_TERM, SIW_CM_LINGER,
				 FADE | SIW_CM_SEND_TERM | SIW_CM_UP_PROTO },
	     { SIW_CM_EV_TIMER, SIW_CM_CLOSED, END | SIW_CM_RST });
	/* [EMPA-9.3-01] */
	TELL(SIW_CM_AWAIT_REP, { SIW_CM_EV_LOCAL_FAIL, SIW_CM_LINGER,
				 FADE | SIW_CM_SEND_TERM | SIW_CM_UP_RESET });
	/* [MPA-7.1.2-21] */
	TELL(SIW_CM_AWAIT_REP, { SIW_CM_EV_TIMER, SIW_CM_CLOSED,
				 END | SIW_CM_RST | SIW_CM_UP_TIMEOUT });
	TELL(SIW_CM_AWAIT_REP, { SIW_CM_EV_PEER_RST, SIW_CM_CLOSED,
				 END | SIW_CM_UP_RESET });
}

/* [EMPA-10-04] */
TEST(story__fall_back)
{
	TELL(SIW_CM_IDLE, ACTIVE,
	     { SIW_CM_EV_PEER_OLD, SIW_CM_TCP_CONNECT,
	       SIW_CM_STOP_TIMER | SIW_CM_RETRY_V1 | SIW_CM_ARM_SETUP },
	     { SIW_CM_EV_TCP_UP, SIW_CM_AWAIT_REP,
	       SIW_CM_STOP_TIMER | SIW_CM_SEND_REQ | SIW_CM_ARM_SETUP },
	     { SIW_CM_EV_PEER_RST, SIW_CM_CLOSED, END | SIW_CM_UP_RESET });
}

/* [MPA-7.1.2-05, -23] */
TEST(story__passive)
{
	TELL(SIW_CM_IDLE, PASSIVE,
	     { SIW_CM_EV_TIMER, SIW_CM_REQ_UPCALLED, 0 },
	     { SIW_CM_EV_ACCEPT, SIW_CM_OPEN,
	       SIW_CM_QP_START | SIW_CM_SEND_REP | SIW_CM_UP_EST },
	     { SIW_CM_EV_GATE_OPEN, SIW_CM_OPEN, 0 },
	     { SIW_CM_EV_PEER_FIN, SIW_CM_OPEN, SIW_CM_TO_QP },
	     { SIW_CM_EV_QP_DISC, SIW_CM_CLOSING, SIW_CM_UP_DISC },
	     { SIW_CM_EV_QP_CLOSED, SIW_CM_CLOSED, END | SIW_CM_UP_CLOSE });
}

/* [EMPA-9.2-16] */
TEST(story__passive_p2p)
{
	TELL(SIW_CM_IDLE, PASSIVE,
	     { SIW_CM_EV_ACCEPT_P2P, SIW_CM_RTR_WAIT,
	       SIW_CM_QP_START | SIW_CM_SEND_REP | SIW_CM_ARM_SETUP },
	     { SIW_CM_EV_GATE_OPEN, SIW_CM_OPEN,
	       SIW_CM_STOP_TIMER | SIW_CM_UP_EST });
}

/* A Terminate as the first FPDU is a failed set-up: iw_cm wants to hear of a
 * connection before it hears of its end.
 */
TEST(story__passive_p2p_fails)
{
	TELL(SIW_CM_RTR_WAIT,
	     { SIW_CM_EV_QP_DISC, SIW_CM_CLOSING,
	       SIW_CM_STOP_TIMER | SIW_CM_UP_EST | SIW_CM_UP_DISC },
	     { SIW_CM_EV_QP_LINGER, SIW_CM_CLOSING, SIW_CM_ARM_LINGER },
	     { SIW_CM_EV_QP_CLOSED, SIW_CM_CLOSED, END | SIW_CM_UP_CLOSE });
	TELL(SIW_CM_RTR_WAIT,
	     { SIW_CM_EV_TIMER, SIW_CM_CLOSED,
	       END | SIW_CM_RST | SIW_CM_QP_LOST | SIW_CM_UP_EST |
	       SIW_CM_UP_DISC | SIW_CM_UP_CLOSE });
}

/* [MPA-7.1.2-03, -04, -16, -19, D-04] */
TEST(story__passive_refuses)
{
	TELL(SIW_CM_AWAIT_REQ, { SIW_CM_EV_FRAME_BAD, SIW_CM_CLOSED,
				 END | SIW_CM_RST });
	TELL(SIW_CM_AWAIT_REQ, { SIW_CM_EV_TIMER, SIW_CM_CLOSED,
				 END | SIW_CM_RST });
	TELL(SIW_CM_AWAIT_REQ, { SIW_CM_EV_PEER_FIN, SIW_CM_CLOSED,
				 END | SIW_CM_RST });
	TELL(SIW_CM_AWAIT_REQ, { SIW_CM_EV_FRAME_REFUSE, SIW_CM_LINGER,
				 FADE | SIW_CM_SEND_REJ });
	TELL(SIW_CM_IDLE, PASSIVE,
	     { SIW_CM_EV_ULP_REJECT, SIW_CM_LINGER, FADE | SIW_CM_SEND_REJ },
	     { SIW_CM_EV_DESTROY, SIW_CM_LINGER, 0 },
	     { SIW_CM_EV_PEER_RST, SIW_CM_CLOSED, END });
	TELL(SIW_CM_REQ_UPCALLED,
	     { SIW_CM_EV_FRAME_REFUSE, SIW_CM_LINGER,
	       FADE | SIW_CM_SEND_REJ | SIW_CM_FAIL_CALL });
	/* [EMPA-9.3-01, D-13] */
	TELL(SIW_CM_REQ_UPCALLED,
	     { SIW_CM_EV_LOCAL_FAIL, SIW_CM_CLOSED,
	       END | SIW_CM_RST | SIW_CM_FAIL_CALL });
}

/* The peer leaves while the ULP thinks. [MPA-7.1.1-18] too many octets. */
TEST(story__request_lost)
{
	TELL(SIW_CM_IDLE, PASSIVE,
	     { SIW_CM_EV_PEER_RST, SIW_CM_REQ_LOST, 0 },
	     { SIW_CM_EV_TIMER, SIW_CM_REQ_LOST, 0 },
	     { SIW_CM_EV_ACCEPT, SIW_CM_CLOSED, END | SIW_CM_FAIL_CALL });
	TELL(SIW_CM_IDLE, PASSIVE,
	     { SIW_CM_EV_FRAME_BAD, SIW_CM_REQ_LOST, SIW_CM_RST },
	     { SIW_CM_EV_PEER_FIN, SIW_CM_REQ_LOST, 0 },
	     { SIW_CM_EV_ULP_REJECT, SIW_CM_CLOSED, END });
}

/* [RDMAP-6.2.1-05] */
TEST(story__peer_never_closes)
{
	TELL(SIW_CM_CLOSING,
	     { SIW_CM_EV_QP_LINGER, SIW_CM_CLOSING, SIW_CM_ARM_LINGER },
	     { SIW_CM_EV_TIMER, SIW_CM_CLOSED,
	       END | SIW_CM_RST | SIW_CM_QP_LOST | SIW_CM_UP_CLOSE },
	     { SIW_CM_EV_QP_CLOSED, SIW_CM_CLOSED, 0 });
}

/* An abrupt end: the ULP is through, the peer may still read what we sent. */
TEST(story__fades)
{
	TELL(SIW_CM_CLOSING,
	     { SIW_CM_EV_QP_LINGER, SIW_CM_CLOSING, SIW_CM_ARM_LINGER },
	     { SIW_CM_EV_QP_FADE, SIW_CM_LINGER,
	       SIW_CM_ARM_LINGER | SIW_CM_UP_CLOSE },
	     { SIW_CM_EV_QP_CLOSED, SIW_CM_LINGER, 0 },
	     { SIW_CM_EV_PEER_FIN, SIW_CM_CLOSED, END });
}

/* -- the rest ------------------------------------------------------------ */

static const char *phase_name(int i)
{
	return siw_cmsm_phase_name((enum siw_cm_phase)i);
}

static const char *ev_name(int i)
{
	return siw_cmsm_ev_name((enum siw_cm_ev)i);
}

TEST(names__all_there)
{
	int i, j;

	for (i = 0; i < SIW_CM_PHASE_CNT; i++)
		for (j = 0; j < i; j++)
			CHECK(strcmp(phase_name(i), phase_name(j)));
	for (i = 0; i < SIW_CM_EV_CNT; i++)
		for (j = 0; j < i; j++)
			CHECK(strcmp(ev_name(i), ev_name(j)));
	CHECK_STR(siw_cmsm_phase_name(SIW_CM_PHASE_CNT), "?");
	CHECK_STR(siw_cmsm_ev_name(SIW_CM_EV_CNT), "?");
}

TEST(knock_ms__three_each_later)
{
	CHECK_EQ(siw_cmsm_knock_ms(0), 20);
	CHECK_EQ(siw_cmsm_knock_ms(1), 200);
	CHECK_EQ(siw_cmsm_knock_ms(2), 2000);
	CHECK_EQ(siw_cmsm_knock_ms(3), 0);
	CHECK_EQ(siw_cmsm_knock_ms(255), 0);
}

SUITE(cmsm,
	CASE(step__out_of_range),
	CASE(step__rejection_changes_nothing),
	CASE(step__put_once),
	CASE(step__closed_is_closed),
	CASE(step__peer_is_always_legal),
	CASE(step__device_removal),
	CASE(step__upcalls_in_order),
	CASE(step__qp_is_told),
	CASE(step__what_is_sent),
	CASE(story__listener),
	CASE(story__active),
	CASE(story__active_fails),
	CASE(story__fall_back),
	CASE(story__passive),
	CASE(story__passive_p2p),
	CASE(story__passive_p2p_fails),
	CASE(story__passive_refuses),
	CASE(story__request_lost),
	CASE(story__peer_never_closes),
	CASE(story__fades),
	CASE(knock_ms__three_each_later),
	CASE(names__all_there));
