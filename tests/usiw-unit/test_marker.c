// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Markers on the wire, octet by octet, against a peer that puts them in and
 * looks for them by itself. MPA-4.3-01 to -07, -09, -11, -12, -13,
 * MPA-7.1.1-05, -06, MPA-7.1.2-17, MPA-8-03
 */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "markers.h"
#include "pair.h"

#define ALL_RIGHTS	0x0f
#define MAX_STREAM	(1u << 17)

static u8 src[40000], dst[40000];
static u8 plain[MAX_STREAM], wire[MAX_STREAM], want[MAX_STREAM];
static u32 plain_len;

/* A plain socket and the end that it is connected to. */
struct raw {
	struct end listener, e;
	u32 k;
	int fd;
	bool crc, peer_wants, we_want;
};

static void put_send(u32 msn, const u8 *pay, u32 n)
{
	u8 *p = plain + plain_len;

	memset(p, 0, n + 28);
	put16(p, 18 + n);
	p[2] = 0x41;
	p[3] = 0x43;
	put32(p + 12, msn);
	memcpy(p + 20, pay, n);
	fix_crc(p);
	plain_len += fpdu_octets(p);
}

/* What was put, as it has to be on the wire. */
static u32 on_wire(const struct raw *r, bool markers, u8 *out, u32 flip,
		   u32 which)
{
	const struct mark_cfg cfg = {
		.crc = r->crc, .flip = flip, .which = which,
	};
	u32 pos, n;

	if (markers)
		return mark_stream(plain, plain_len, out, &cfg);
	memcpy(out, plain, plain_len);
	for (pos = 0; !r->crc && pos < plain_len; pos += n) {
		n = fpdu_octets(plain + pos);
		memset(out + pos + n - 4, 0, 4);
	}
	return plain_len;
}

static bool begin(struct raw *r, u32 how)
{
	const struct end_opts o = {};
	const struct pair_opts po = {};
	struct siw_mpa_frame f = { .rev = 1 };
	struct cm_record rec;
	u8 reply[20];
	u16 port;

	memset(r, 0, sizeof(*r));
	r->peer_wants = f.markers = how & 1;
	r->we_want = how & 2;
	r->crc = f.crc = how & 4;
	set_config(&po);
	if (!listener_init(&r->listener, false, &port))
		return false;
	end_init(&r->e, &o);
	end_reg(&r->e, dst, sizeof(dst), ALL_RIGHTS, &r->k);
	post_recv(&r->e, 1, dst, sizeof(dst), r->k);
	r->fd = raw_dial(port, &f);
	if (r->fd < 0 || !wait_cm(&r->listener, USIW_CM_REQUEST, &rec))
		return false;
	usiw_config.markers_wanted = r->we_want;
	if (end_accept(&r->e, &rec, 2, 2, NULL) ||
	    recv(r->fd, reply, 20, MSG_WAITALL) != 20)
		return false;
	/* M is no echo. */
	CHECK_EQ(reply[16] & MPA_F_MARKERS, r->we_want ? MPA_F_MARKERS : 0);
	return true;
}

static void end(struct raw *r)
{
	close(r->fd);
	end_fini(&r->e);
	end_fini(&r->listener);
	usiw_config.markers_wanted = false;
}

static void both_ways(u32 how)
{
	static const u32 lens[] = { 464, 24, 0, 488, 5, 30000, 1, 9 };
	struct siw_cqe c;
	struct raw r;
	u32 i, n, at = 0;

	NEED(begin(&r, how));
	plain_len = 0;
	put_send(1, src, 20000);
	n = on_wire(&r, r.we_want, wire, 0, 0);
	/* the end of it comes later than the rest */
	CHECK_EQ(send(r.fd, wire, n - 600, MSG_NOSIGNAL), n - 600);
	CHECK_EQ(send(r.fd, wire + n - 600, 600, MSG_NOSIGNAL), 600);
	NEED(wait_cqe(&r.e, &c));
	CHECK_EQ(c.status, SIW_WC_SUCCESS);
	CHECK_EQ(c.bytes, 20000);
	CHECK_MEM(dst, src, 20000);
	plain_len = 0;
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		put_send(i + 1, dst, lens[i]);
		CHECK(post_send(&r.e, i, SIW_OP_SEND, 0, dst, lens[i], r.k));
		n = on_wire(&r, r.peer_wants, want, 0, 0);
		/* all of it, and no marker of what is not sent yet */
		CHECK_EQ(recv(r.fd, wire + at, n - at, MSG_WAITALL), n - at);
		CHECK(recv(r.fd, wire + n, 1, MSG_DONTWAIT) < 0);
		at = n;
	}
	CHECK_MEM(wire, want, at);
	end(&r);
}

TEST(marker__both_ways)
{
	u32 i;

	for (i = 0; i < sizeof(src); i++)
		src[i] = (u8)(i * 11 + i / 256);
	for (i = 0; i < 8 && !test_bad; i++)
		both_ways(i);
}

/* The pointer of marker @which is wrong, all else is right: Terminate. */
static void bad_marker(u32 how, u32 which)
{
	struct siw_cqe c;
	struct raw r;
	u32 lead, n;

	NEED(begin(&r, how | 2));
	plain_len = 0;
	put_send(1, src, 10);
	put_send(2, src, 3000);
	post_recv(&r.e, 2, dst, sizeof(dst), r.k);
	n = on_wire(&r, true, wire, 0x10, which);
	CHECK_EQ(send(r.fd, wire, n, MSG_NOSIGNAL), n);
	NEED(wait_cqe(&r.e, &c));
	CHECK_EQ(c.status, SIW_WC_SUCCESS);
	NEED(wait_cqe(&r.e, &c));
	CHECK_EQ(c.status, SIW_WC_WR_FLUSH_ERR);
	lead = r.peer_wants ? 4 : 0;
	NEED(recv(r.fd, wire, lead + 28, MSG_WAITALL) == lead + 28);
	CHECK_EQ(wire[lead + 3], 0x47);
	CHECK_MEM(wire + lead + 20, "\x20\x03\0\0", 4);
	CHECK_EQ(recv(r.fd, wire, 1, 0), 0);
	end(&r);
}

TEST(marker__bad_pointer)
{
	u32 how, which;

	for (how = 0; how < 8 && !test_bad; how++)
		for (which = 1; which < 6; which += 2)
			if (!(how & 2))
				bad_marker(how, which);
}

SUITE(usiw_marker, CASE(marker__both_ways), CASE(marker__bad_pointer));
