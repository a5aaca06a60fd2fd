// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Tests of core/qpsm.c: the whole table, by rules that every entry obeys and
 * by the ways a connection ends. Conformance ids in brackets.
 */
#include "../../core/qpsm.h"
#include "harness.h"

#define FLUSH	(SIW_QP_FLUSH_SQ | SIW_QP_FLUSH_RQ)
#define ASYNC	(SIW_QP_EV_FATAL | SIW_QP_EV_REQ_ERR | SIW_QP_EV_ACCESS_ERR)

#define FOR_EACH(s, e)							\
	for (s = 0; s < SIW_QP_STATE_CNT; s++)				\
		for (e = 0; e < SIW_QP_EV_CNT; e++)

static struct siw_qp_step step(int s, int e)
{
	return siw_qpsm_step((enum siw_qp_state)s, (enum siw_qp_ev)e);
}

/* One move of a story: event, state after it, actions it must have. */
struct move {
	enum siw_qp_ev ev;
	enum siw_qp_state next;
	u32 must;
	u32 not;
};

static void tell(enum siw_qp_state s, const struct move *m, u32 n)
{
	struct siw_qp_step st;

	for (; n--; m++) {
		st = siw_qpsm_step(s, m->ev);
		if (st.next != m->next || (st.act & m->must) != m->must ||
		    (st.act & m->not))
			TEST_FAIL("%s, %s: %s, %x", siw_qpsm_state_name(s),
				  siw_qpsm_ev_name(m->ev),
				  siw_qpsm_state_name(st.next), st.act);
		s = st.next;
	}
}

#define TELL(s, ...) do {						\
	const struct move story_[] = { __VA_ARGS__ };			\
	tell(s, story_, (u32)(sizeof(story_) / sizeof(story_[0])));	\
} while (0)

#define CONNECT								\
	{ SIW_QP_EV_MOD_INIT, SIW_QP_INIT, 0, ~0u },			\
	{ SIW_QP_EV_MOD_RTR, SIW_QP_RTR, 0, ~0u },			\
	{ SIW_QP_EV_LLP_UP, SIW_QP_RTS, SIW_QP_START, ~SIW_QP_START }

/* -- siw_qpsm_step: rules ------------------------------------------------ */

TEST(step__out_of_range)
{
	struct siw_qp_step st = step(SIW_QP_STATE_CNT, 0);

	CHECK_EQ(st.next, SIW_QP_STATE_CNT);
	CHECK_EQ(st.act, SIW_QP_REJECT);
	st = step(SIW_QP_RTS, SIW_QP_EV_CNT);
	CHECK_EQ(st.next, SIW_QP_RTS);
	CHECK_EQ(st.act, SIW_QP_REJECT);
}

TEST(step__rejection_changes_nothing)
{
	int s, e, n = 0;

	FOR_EACH(s, e) {
		struct siw_qp_step st = step(s, e);

		CHECK(st.next < SIW_QP_STATE_CNT);
		if (!(st.act & SIW_QP_REJECT))
			continue;
		CHECK_EQ(st.act, SIW_QP_REJECT);
		CHECK_EQ(st.next, s);
		n++;
	}
	CHECK_EQ(n, 71);
}

/* What the ULP may always do: a QP can be destroyed in every state. */
TEST(step__err_is_always_legal)
{
	int s;

	for (s = 0; s < SIW_QP_STATE_CNT; s++)
		CHECK(!(step(s, SIW_QP_EV_MOD_ERR).act & SIW_QP_REJECT));
}

/* What the peer, TCP and late answers can do must never be illegal. */
TEST(step__peer_is_always_legal)
{
	int s, e;

	for (s = SIW_QP_RTS; s < SIW_QP_STATE_CNT; s++)
		for (e = SIW_QP_EV_PEER_FIN; e < SIW_QP_EV_CNT; e++) {
			bool none = (s == SIW_QP_RTS &&
				     (e == SIW_QP_EV_DRAINED ||
				      e == SIW_QP_EV_TERM_SENT)) ||
				    (e == SIW_QP_EV_TERM_SENT &&
				     s < SIW_QP_TERMINATE) ||
				    /* nothing arrives behind a FIN */
				    (e == SIW_QP_EV_TERM_RCVD &&
				     s == SIW_QP_FIN_RCVD);

			CHECK_EQ(step(s, e).act == SIW_QP_REJECT, none);
		}
}

/* [RDMAP-6.2.1-02, DDP-6.2.2-02] nothing posted is ever forgotten */
TEST(step__error_flushes)
{
	int s, e;

	FOR_EACH(s, e) {
		struct siw_qp_step st = step(s, e);

		if ((int)st.next == s || !siw_qpsm_must_flush(st.next))
			continue;
		if (s == SIW_QP_TERMINATE)	/* it was done before */
			CHECK(!(st.act & FLUSH));
		else
			CHECK_EQ(st.act & FLUSH, FLUSH);
	}
}

/* The data path starts once and is told to stop whenever it must. */
TEST(step__start_and_stop)
{
	int s, e;

	FOR_EACH(s, e) {
		struct siw_qp_step st = step(s, e);
		bool was = s >= SIW_QP_RTS && s < SIW_QP_TERMINATE;
		bool is = st.next >= SIW_QP_RTS && st.next < SIW_QP_TERMINATE;

		CHECK_EQ(!!(st.act & SIW_QP_START), !was && is);
		if (was && !is)
			CHECK_EQ(st.act & (SIW_QP_STOP_RX | SIW_QP_STOP_TX),
				 SIW_QP_STOP_RX | SIW_QP_STOP_TX);
	}
}

/* [RDMAP-5.4-05] one Terminate, never behind our FIN, never with an RST */
TEST(step__terminate)
{
	int s, e;

	FOR_EACH(s, e) {
		struct siw_qp_step st = step(s, e);

		CHECK_EQ(!!(st.act & SIW_QP_SEND_TERM),
			 st.next == SIW_QP_TERMINATE && s != (int)st.next);
		if (st.act & SIW_QP_SEND_TERM)
			CHECK(s != SIW_QP_FIN_SENT &&
			      !(st.act & (SIW_QP_ABORT | SIW_QP_SHUT_WR)));
	}
}

/* [RDMAP-6.2.1-04] RST only where no Terminate is possible */
TEST(step__abort)
{
	int s, e;

	FOR_EACH(s, e) {
		struct siw_qp_step st = step(s, e);

		if (!(st.act & SIW_QP_ABORT))
			continue;
		CHECK(e == SIW_QP_EV_FAIL_MUTE || s == SIW_QP_FIN_SENT);
		CHECK(st.act & SIW_QP_CM_CLOSE);
		CHECK_EQ(st.next, SIW_QP_ERROR);
	}
}

/* A FIN is sent once; a connection that ended is reported exactly once by
 * each of CM_DISC (on leaving RTS) and CM_CLOSE (not before).
 */
TEST(step__cm)
{
	int s, e;

	FOR_EACH(s, e) {
		struct siw_qp_step st = step(s, e);

		if (st.act & SIW_QP_REJECT)
			continue;
		CHECK_EQ(!!(st.act & SIW_QP_CM_DISC),
			 s == SIW_QP_RTS && st.next != SIW_QP_RTS);
		if (s == SIW_QP_FIN_SENT || s == SIW_QP_ERROR)
			CHECK(!(st.act & SIW_QP_SHUT_WR));
		if (st.act & (SIW_QP_CM_CLOSE | SIW_QP_CM_LINGER))
			CHECK(s >= SIW_QP_RTS);
		if (st.act & SIW_QP_CM_CLOSE)
			CHECK(st.next == SIW_QP_ERROR &&
			      !(st.act & SIW_QP_CM_LINGER));
	}
}

/* [MPA-8-08] each error raises one event, and only errors do */
TEST(step__async_events)
{
	int s, e;

	FOR_EACH(s, e) {
		u32 ev = step(s, e).act & ASYNC;
		bool err = e >= SIW_QP_EV_FAIL_FATAL &&
			   e != SIW_QP_EV_TERM_SENT;

		if (step(s, e).act & SIW_QP_REJECT)
			continue;
		CHECK_EQ(!!ev, err && s >= SIW_QP_RTS && s < SIW_QP_TERMINATE);
		CHECK(!(ev & (ev - 1)));
		if (ev && e == SIW_QP_EV_FAIL_REQ)
			CHECK_EQ(ev, SIW_QP_EV_REQ_ERR);
		if (ev && e == SIW_QP_EV_FAIL_ACCESS)
			CHECK_EQ(ev, SIW_QP_EV_ACCESS_ERR);
	}
}

/* ERROR is left by RESET only, RESET by INIT and ERROR only. */
TEST(step__ends)
{
	int e;

	for (e = 0; e < SIW_QP_EV_CNT; e++) {
		enum siw_qp_state n = step(SIW_QP_ERROR, e).next;

		CHECK_EQ(n, e == SIW_QP_EV_MOD_RESET ? SIW_QP_RESET :
						       SIW_QP_ERROR);
		n = step(SIW_QP_RESET, e).next;
		CHECK_EQ(n, e == SIW_QP_EV_MOD_INIT ? SIW_QP_INIT :
			    e == SIW_QP_EV_MOD_ERR ? SIW_QP_ERROR :
						     SIW_QP_RESET);
	}
}

/* -- siw_qpsm_step: stories ---------------------------------------------- */

TEST(story__set_up)
{
	TELL(SIW_QP_RESET, CONNECT,
	     { SIW_QP_EV_MOD_RTS, SIW_QP_RTS, 0, ~0u },
	     { SIW_QP_EV_LLP_UP, SIW_QP_RTS, SIW_QP_REJECT, 0 });
	/* librdmacm asks for RTS before it accepts */
	TELL(SIW_QP_INIT,
	     { SIW_QP_EV_MOD_INIT, SIW_QP_INIT, 0, ~0u },
	     { SIW_QP_EV_MOD_RTR, SIW_QP_RTR, 0, ~0u },
	     { SIW_QP_EV_MOD_RTS, SIW_QP_RTR, 0, ~0u },
	     { SIW_QP_EV_LLP_UP, SIW_QP_RTS, SIW_QP_START, 0 });
	/* [MPA-7.1-02] no stream without an initialised QP */
	TELL(SIW_QP_RESET,
	     { SIW_QP_EV_LLP_UP, SIW_QP_RESET, SIW_QP_REJECT, 0 },
	     { SIW_QP_EV_MOD_RTR, SIW_QP_RESET, SIW_QP_REJECT, 0 });
	TELL(SIW_QP_ERROR,
	     { SIW_QP_EV_LLP_UP, SIW_QP_ERROR, SIW_QP_REJECT, 0 },
	     { SIW_QP_EV_MOD_RESET, SIW_QP_RESET, SIW_QP_DISCARD, FLUSH },
	     CONNECT);
}

/* [MPA-7.2-01, DDP-6.2.1-01, -05, -06, RDMAP-6.2-01] */
TEST(story__we_close)
{
	TELL(SIW_QP_RESET, CONNECT,
	     { SIW_QP_EV_MOD_SQD, SIW_QP_CLOSING, SIW_QP_DRAIN,
	       SIW_QP_SHUT_WR | SIW_QP_STOP_RX | FLUSH },
	     { SIW_QP_EV_MOD_SQD, SIW_QP_CLOSING, 0, ~0u },
	     { SIW_QP_EV_DRAINED, SIW_QP_FIN_SENT,
	       SIW_QP_SHUT_WR | SIW_QP_CM_LINGER, SIW_QP_STOP_RX | FLUSH },
	     { SIW_QP_EV_PEER_FIN, SIW_QP_ERROR, FLUSH | SIW_QP_CM_CLOSE,
	       ASYNC | SIW_QP_ABORT },
	     { SIW_QP_EV_LLP_LOST, SIW_QP_ERROR, SIW_QP_CM_CLOSE, ASYNC });
}

/* [DDP-6.2.1-04, MPA-3-08] what is posted still goes out, then our FIN */
TEST(story__peer_closes)
{
	TELL(SIW_QP_RESET, CONNECT,
	     { SIW_QP_EV_PEER_FIN, SIW_QP_FIN_RCVD,
	       SIW_QP_DRAIN | SIW_QP_CM_DISC, FLUSH | SIW_QP_SHUT_WR },
	     { SIW_QP_EV_MOD_SQD, SIW_QP_FIN_RCVD, 0, ~0u },
	     { SIW_QP_EV_DRAINED, SIW_QP_ERROR,
	       FLUSH | SIW_QP_SHUT_WR | SIW_QP_CM_CLOSE, ASYNC });
}

TEST(story__both_close)
{
	TELL(SIW_QP_RESET, CONNECT,
	     { SIW_QP_EV_MOD_SQD, SIW_QP_CLOSING, SIW_QP_DRAIN, 0 },
	     { SIW_QP_EV_PEER_FIN, SIW_QP_FIN_RCVD, 0, ~0u },
	     { SIW_QP_EV_DRAINED, SIW_QP_ERROR,
	       FLUSH | SIW_QP_SHUT_WR | SIW_QP_CM_CLOSE, ASYNC });
}

/* [DDP-6.2.1-07, D-36] */
TEST(story__peer_closes_midway)
{
	TELL(SIW_QP_RESET, CONNECT,
	     { SIW_QP_EV_PEER_FIN_DIRTY, SIW_QP_ERROR,
	       FLUSH | SIW_QP_CM_DISC | SIW_QP_CM_CLOSE | SIW_QP_SHUT_WR,
	       SIW_QP_SEND_TERM });
}

/* [MPA-8-01] */
TEST(story__tcp_lost)
{
	TELL(SIW_QP_RESET, CONNECT,
	     { SIW_QP_EV_LLP_LOST, SIW_QP_ERROR,
	       FLUSH | SIW_QP_CM_DISC | SIW_QP_CM_CLOSE, SIW_QP_SHUT_WR });
}

/* [MPA-8-06, RDMAP-6.2.1-01, -04, DDP-6.2.2-03, -04, RDMAP-5.4-08] */
TEST(story__we_terminate)
{
	TELL(SIW_QP_RESET, CONNECT,
	     { SIW_QP_EV_FAIL_ACCESS, SIW_QP_TERMINATE,
	       FLUSH | SIW_QP_SEND_TERM | SIW_QP_EV_ACCESS_ERR,
	       SIW_QP_SHUT_WR | SIW_QP_CM_CLOSE },
	     { SIW_QP_EV_FAIL_REQ, SIW_QP_TERMINATE, 0, ~0u },
	     { SIW_QP_EV_TERM_RCVD, SIW_QP_TERMINATE, 0, ~0u },
	     { SIW_QP_EV_PEER_FIN, SIW_QP_TERMINATE, 0, ~0u },
	     { SIW_QP_EV_MOD_ERR, SIW_QP_TERMINATE, 0, ~0u },
	     { SIW_QP_EV_TERM_SENT, SIW_QP_ERROR,
	       SIW_QP_SHUT_WR | SIW_QP_CM_LINGER, FLUSH },
	     { SIW_QP_EV_PEER_FIN, SIW_QP_ERROR, SIW_QP_CM_CLOSE, ASYNC });
}

/* [RDMAP-5.4-03, -04, -06, D-35] */
TEST(story__peer_terminates)
{
	TELL(SIW_QP_RESET, CONNECT,
	     { SIW_QP_EV_TERM_RCVD, SIW_QP_ERROR,
	       FLUSH | SIW_QP_SHUT_WR | SIW_QP_EV_FATAL | SIW_QP_CM_LINGER,
	       SIW_QP_SEND_TERM | SIW_QP_ABORT },
	     { SIW_QP_EV_TERM_RCVD, SIW_QP_ERROR, 0, ~0u },
	     { SIW_QP_EV_PEER_FIN, SIW_QP_ERROR, SIW_QP_CM_CLOSE, ASYNC });
}

/* [MPA-7.1.2-12, D-07] */
TEST(story__gate_closed)
{
	TELL(SIW_QP_RESET, CONNECT,
	     { SIW_QP_EV_FAIL_MUTE, SIW_QP_ERROR,
	       FLUSH | SIW_QP_ABORT | SIW_QP_CM_CLOSE,
	       SIW_QP_SEND_TERM | SIW_QP_SHUT_WR });
}

/* The usual way of kernel clients: disconnect, then drain by ERR. An RST here
 * would destroy what the peer has not read yet.
 */
TEST(story__drain_by_error)
{
	TELL(SIW_QP_RESET, CONNECT,
	     { SIW_QP_EV_MOD_SQD, SIW_QP_CLOSING, SIW_QP_DRAIN, 0 },
	     { SIW_QP_EV_MOD_ERR, SIW_QP_ERROR,
	       FLUSH | SIW_QP_SHUT_WR | SIW_QP_CM_LINGER, SIW_QP_ABORT },
	     { SIW_QP_EV_MOD_ERR, SIW_QP_ERROR, FLUSH, SIW_QP_SHUT_WR },
	     { SIW_QP_EV_PEER_FIN, SIW_QP_ERROR, SIW_QP_CM_CLOSE, 0 });
}

/* From every state that two events can reach, a lost connection ends it. */
TEST(story__every_path_ends)
{
	int a, b;

	for (a = 0; a < SIW_QP_EV_CNT; a++)
		for (b = 0; b < SIW_QP_EV_CNT; b++) {
			int s = step(step(SIW_QP_RTS, a).next, b).next;

			if (s == SIW_QP_RESET)	/* recycled */
				continue;
			CHECK(s >= SIW_QP_RTS);
			CHECK_EQ(step(s, SIW_QP_EV_LLP_LOST).next,
				 SIW_QP_ERROR);
			CHECK(step(s, SIW_QP_EV_LLP_LOST).act &
			      SIW_QP_CM_CLOSE);
		}
}

/* -- the rest ------------------------------------------------------------ */

TEST(query__all)
{
	static const u8 want[] = { 0, 1, 2, 3, 4, 4, 4, 6, 6, 6 };
	int s;

	for (s = 0; s <= SIW_QP_STATE_CNT; s++)
		CHECK_EQ(siw_qpsm_query((enum siw_qp_state)s), want[s]);
}

TEST(can__all)
{
	int s;

	for (s = 0; s <= SIW_QP_STATE_CNT; s++) {
		enum siw_qp_state q = (enum siw_qp_state)s;

		CHECK_EQ(siw_qpsm_can_send(q), q == SIW_QP_RTS);
		CHECK_EQ(siw_qpsm_can_recv(q), q == SIW_QP_RTS ||
			 q == SIW_QP_CLOSING || q == SIW_QP_FIN_SENT);
		CHECK_EQ(siw_qpsm_must_flush(q), q == SIW_QP_TERMINATE ||
			 q == SIW_QP_ERROR);
	}
}

/* [IANA-3.1-01] what cannot be sent is never sent */
TEST(fail_ev__all)
{
	int e;

	for (e = SIW_OK + 1; e < SIW_E_CNT; e++) {
		enum siw_err err = (enum siw_err)e;
		enum siw_qp_ev ev = siw_qpsm_fail_ev(err, true);
		const struct siw_err_info *i = siw_err_info(err);

		if (err >= SIW_E_PEER_TERM) {
			CHECK_EQ(ev, SIW_QP_EV_TERM_RCVD);
			continue;
		}
		if (err == SIW_E_MPA_LOST) {
			CHECK_EQ(ev, SIW_QP_EV_LLP_LOST);
			continue;
		}
		CHECK_EQ(siw_qpsm_fail_ev(err, false), SIW_QP_EV_FAIL_MUTE);
		CHECK_EQ(ev == SIW_QP_EV_FAIL_MUTE, !i->sendable);
	}
	CHECK_EQ(siw_qpsm_fail_ev(SIW_E_MPA_CRC, true), SIW_QP_EV_FAIL_FATAL);
	CHECK_EQ(siw_qpsm_fail_ev(SIW_E_DDP_RUNT, true), SIW_QP_EV_FAIL_FATAL);
	CHECK_EQ(siw_qpsm_fail_ev(SIW_E_TAG_STAG, true),
		 SIW_QP_EV_FAIL_ACCESS);
	CHECK_EQ(siw_qpsm_fail_ev(SIW_E_RPROT_RIGHTS, true),
		 SIW_QP_EV_FAIL_ACCESS);
	CHECK_EQ(siw_qpsm_fail_ev(SIW_E_UNT_NOBUF, true), SIW_QP_EV_FAIL_REQ);
	CHECK_EQ(siw_qpsm_fail_ev(SIW_E_ROP_OPCODE, true), SIW_QP_EV_FAIL_REQ);
}

static const char *state_name(int i)
{
	return siw_qpsm_state_name((enum siw_qp_state)i);
}

static const char *ev_name(int i)
{
	return siw_qpsm_ev_name((enum siw_qp_ev)i);
}

TEST(names__all_there)
{
	int i, j;

	for (i = 0; i < SIW_QP_STATE_CNT; i++)
		for (j = 0; j < i; j++)
			CHECK(strcmp(state_name(i), state_name(j)));
	for (i = 0; i < SIW_QP_EV_CNT; i++)
		for (j = 0; j < i; j++)
			CHECK(strcmp(ev_name(i), ev_name(j)));
	CHECK_STR(siw_qpsm_state_name(SIW_QP_STATE_CNT), "?");
	CHECK_STR(siw_qpsm_ev_name(SIW_QP_EV_CNT), "?");
}

SUITE(qpsm,
	CASE(step__out_of_range),
	CASE(step__rejection_changes_nothing),
	CASE(step__err_is_always_legal),
	CASE(step__peer_is_always_legal),
	CASE(step__error_flushes),
	CASE(step__start_and_stop),
	CASE(step__terminate),
	CASE(step__abort),
	CASE(step__cm),
	CASE(step__async_events),
	CASE(step__ends),
	CASE(story__set_up),
	CASE(story__we_close),
	CASE(story__peer_closes),
	CASE(story__both_close),
	CASE(story__peer_closes_midway),
	CASE(story__tcp_lost),
	CASE(story__we_terminate),
	CASE(story__peer_terminates),
	CASE(story__gate_closed),
	CASE(story__drain_by_error),
	CASE(story__every_path_ends),
	CASE(query__all),
	CASE(can__all),
	CASE(fail_ev__all),
	CASE(names__all_there));
