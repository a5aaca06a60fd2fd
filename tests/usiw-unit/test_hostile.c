// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A peer that sends nearly valid FPDUs, with and without markers, right ones
 * and wrong ones, cut into odd pieces. Whatever it sends,
 * nothing outside of what it may write changes, the connection ends with all
 * events, and a well-behaved connection beside it goes on.
 *
 * The seed is printed and can be given as SEED.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/access.h"
#include "core/fpdu.h"
#include "core/mpa.h"
#include "core/wire.h"
#include "harness.h"
#include "markers.h"
#include "pair.h"

#define ALL_RIGHTS	0x0f
#define ROUNDS		400
#define ROOM		4096

static u8 memory[3 * ROOM];	/* the middle part is registered */
static u8 good[64];
static u32 seed;

static u32 rnd(u32 below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static bool one_in(u32 n)
{
	return !rnd(n);
}

/* --- the stream ------------------------------------------------------------ */

static u32 msn[4];

static u32 put_header(u8 *out, u8 opcode, u32 len, u32 stag)
{
	bool bad = one_in(8);
	struct siw_seg s = {
		.opcode = opcode,
		.last = !one_in(4),
		.pay_len = len,
		.stag = bad ? rnd(1 << 16) : stag,
		.to = (uintptr_t)memory + ROOM + (one_in(6) ? rnd(2 * ROOM) :
							       rnd(ROOM)),
		.inval_stag = stag,
		.mo = one_in(10) ? rnd(100) : 0,
	};
	struct siw_rreq r = {
		.sink_stag = rnd(1000),
		.len = rnd(2 * ROOM),
		.source_stag = s.stag,
		.source_to = s.to,
	};
	const struct siw_opcode_info *info = siw_opcode_info(opcode);

	s.msn = one_in(10) ? rnd(5) : ++msn[info->qn & 3];
	r.msn = s.msn;
	if (opcode == RDMAP_READ_REQ)
		return siw_fpdu_encode_rreq(out, &r);
	return siw_fpdu_encode(out, &s);
}

static u32 put_fpdu(u8 *out, u32 stag)
{
	static const u8 ops[] = {
		RDMAP_WRITE, RDMAP_WRITE, RDMAP_SEND, RDMAP_SEND, RDMAP_SEND_SE,
		RDMAP_READ_REQ, RDMAP_READ_RESP, RDMAP_SEND_INVAL,
		RDMAP_TERMINATE,
	};
	u8 op = ops[one_in(4) ? rnd(sizeof(ops)) : rnd(6)];
	_Alignas(8) u8 hdr[RDMAP_MAX_HDR];
	u32 len = op == RDMAP_READ_REQ ? 0 : rnd(one_in(3) ? ROOM + 200 : 64);
	u32 n = put_header(hdr, op, len, stag), pad, i;
	__le32 sum;

	memcpy(out, hdr, n);
	for (i = 0; i < len; i++)
		out[n++] = (u8)rnd(256);
	pad = siw_fpdu_pad(n - 2);
	memset(out + n, 0, pad);
	n += pad;
	sum = siw_fpdu_crc(siw_crc32c(~0u, out, n));
	memcpy(out + n, &sum, 4);
	n += 4;
	if (one_in(30))
		out[rnd(n)] ^= (u8)(1 << rnd(8));
	return n;
}

/* --- a round ----------------------------------------------------------------------- */

/* FPDUs whose length was damaged are no stream that can be marked. */
static u32 mark_sound(const u8 *plain, u32 len, u8 *out,
		      const struct mark_cfg *cfg)
{
	u32 n = 0;

	while (n < len && n + fpdu_octets(plain + n) <= len)
		n += fpdu_octets(plain + n);
	return mark_stream(plain, n, out, cfg);
}

/* In pieces, and some of it never. */
static void talk(int fd, u32 stag, bool marked)
{
	static u8 out[16 * (ROOM + 300)], plain[16 * (ROOM + 300)];
	const struct mark_cfg cfg = {
		.crc = !one_in(4),
		.which = rnd(20),
		.flip = one_in(3) ? 1u << rnd(32) : 0,
	};
	u32 n = 0, off = 0, i, cnt = 1 + rnd(12);

	memset(msn, 0, sizeof(msn));
	for (i = 0; i < cnt; i++)
		n += put_fpdu(out + n, stag);
	if (marked && !one_in(8)) {
		memcpy(plain, out, n);
		n = mark_sound(plain, n, out, &cfg);
	}
	if (one_in(5))
		n -= rnd(n);
	while (off < n) {
		u32 piece = 1 + rnd(one_in(3) ? 20 : 8000);

		if (piece > n - off)
			piece = n - off;
		if (send(fd, out + off, piece, MSG_NOSIGNAL) < 0)
			break;
		off += piece;
	}
}

static void hang_up(int fd)
{
	struct linger now = { .l_onoff = 1 };
	char buf[4096];
	ssize_t n;

	if (one_in(4)) {
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	} else {
		shutdown(fd, SHUT_WR);
		while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
			;
		/* it has to end: with FIN or RST, not with silence */
		CHECK(n == 0 || errno == ECONNRESET);
	}
	close(fd);
}

static bool untouched(const u8 *p)
{
	u32 i;

	for (i = 0; i < ROOM; i++)
		if (p[i] != 0x5a)
			return false;
	return true;
}

static void round_of(struct end *l, u16 port)
{
	struct pair_opts o = {};
	struct cm_record r;
	struct siw_mpa_frame f = {
		.rev = 1, .crc = rnd(2), .markers = one_in(3),
	};
	bool marked = one_in(2);
	struct end e;
	u32 k, i;
	u8 rights = one_in(3) ? SIW_R_LOCAL_WRITE : ALL_RIGHTS;
	int fd;

	end_init(&e, &o.end);
	end_reg(&e, memory + ROOM, ROOM, rights, &k);
	for (i = 0; i < 5; i++)
		post_recv(&e, i, memory + ROOM + 600 * i, 600, k);
	fd = raw_dial(port, &f);
	NEED(fd >= 0);
	NEED(wait_cm(l, USIW_CM_REQUEST, &r));
	usiw_config.markers_wanted = marked;
	CHECK_EQ(end_accept(&e, &r, 2, 2, NULL), 0);
	usiw_config.markers_wanted = false;
	talk(fd, k, marked);
	if (one_in(3))
		post_send(&e, 9, SIW_OP_SEND, SIW_WQE_INLINE, good, 10, 0);
	hang_up(fd);
	NEED(wait_cm(&e, USIW_CM_ESTABLISHED, NULL));
	NEED(wait_cm(&e, USIW_CM_DISCONNECT, NULL));
	NEED(wait_cm(&e, USIW_CM_CLOSE, NULL));
	CHECK(untouched(memory));
	CHECK(untouched(memory + 2 * ROOM));
	end_fini(&e);
	/* room for more records */
	l->cm_cnt = 0;
	l->cm_seen = 0;
}

static void check_neighbour(struct pair *p, u32 k)
{
	struct siw_cqe c;

	CHECK(post_recv(&p->b, 1, good, sizeof(good), k));
	CHECK(post_send(&p->a, 1, SIW_OP_SEND, SIW_WQE_INLINE, good, 8, 0));
	NEED(wait_cqe(&p->b, &c));
	CHECK_EQ(c.status, SIW_WC_SUCCESS);
	NEED(wait_cqe(&p->a, &c));
}

TEST(hostile__random)
{
	const char *given = getenv("SEED");
	struct pair_opts o = {};
	struct pair p;
	u32 i, k, first;

	first = given ? (u32)strtoul(given, NULL, 0) : (u32)time(NULL);
	memset(memory, 0x5a, sizeof(memory));
	NEED(pair_init(&p, &o));
	end_reg(&p.b, good, sizeof(good), ALL_RIGHTS, &k);
	for (i = 0; i < ROUNDS && !test_bad; i++) {
		seed = first + i;
		round_of(&p.listener, p.port);
		if (test_bad)
			printf("SEED=%u\n", first + i);
		if (!(i % 16))
			check_neighbour(&p, k);
	}
	CHECK(pair_close(&p));
}

SUITE(usiw_hostile, CASE(hostile__random));
