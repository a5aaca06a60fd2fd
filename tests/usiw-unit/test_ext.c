// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * RFC 7306 against a plain socket: what we send is the golden frame, octet by
 * octet; what a peer must not send gets the Terminate that it deserves.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../usiw/priv.h"
#include "harness.h"
#include "pair.h"
#include "vectors.h"

#define ALL_RIGHTS	0x0f
#define ALL_CAPS	(USIW_CAP_REASON | USIW_CAP_IMM | USIW_CAP_ATOMIC)

static _Alignas(8) u8 memory[4096];

/* Our end, connected with a peer that can say anything */
struct raw {
	struct end l, e;
	int fd;
	u32 key;
};

/* --- what the peer says and hears ------------------------------------------ */

static void say(struct raw *r, const void *octets, u32 len)
{
	CHECK_EQ(send(r->fd, octets, len, MSG_NOSIGNAL), len);
}

static void say_golden(struct raw *r, const char *name)
{
	u8 buf[VECTOR_MAX];

	say(r, buf, vector_get(name, buf));
}

/* The CRC is put behind @len octets. */
static void say_fpdu(struct raw *r, void *fpdu, u32 len)
{
	u8 *p = fpdu;
	u32 crc;

	while (len % 4)
		p[len++] = 0;
	crc = ~siw_crc32c(~0u, p, len);
	memcpy(p + len, &(__le32){ cpu_to_le32(crc) }, 4);
	say(r, p, len + 4);
}

static u32 hear(struct raw *r, u8 *buf)
{
	u32 len;

	if (recv(r->fd, buf, 2, MSG_WAITALL) != 2)
		return 0;
	len = 2u + (u32)(buf[0] << 8 | buf[1]);
	len += (0u - len) % 4 + 4;
	return recv(r->fd, buf + 2, len - 2, MSG_WAITALL) == (ssize_t)len - 2 ?
	       len : 0;
}

static void hear_golden(struct raw *r, const char *name)
{
	u8 want[VECTOR_MAX], got[VECTOR_MAX];
	u32 len = vector_get(name, want);

	NEED(len);
	CHECK_EQ(hear(r, got), len);
	CHECK(!memcmp(got, want, len));
}

/* A Terminate with this triple that returns the header of @offender, or any. */
static void hear_term(struct raw *r, u8 kind, u8 code, const u8 *offender)
{
	u8 buf[256];
	u32 len;

	do
		len = hear(r, buf);
	while (len && (buf[3] & RDMAP_OP_MASK) != RDMAP_TERMINATE);
	NEED(len);
	CHECK_EQ(buf[20], kind);
	CHECK_EQ(buf[21], code);
	CHECK_EQ(buf[22], RDMAP_TERM_M | RDMAP_TERM_D);
	if (offender)
		CHECK(!memcmp(buf + 24, offender, 20));
	CHECK_EQ(recv(r->fd, buf, 1, 0), 0);
}

/* --- the connection ---------------------------------------------------------- */

static void say_empty_write(struct raw *r)
{
	const struct siw_seg s = {
		.opcode = RDMAP_WRITE, .last = true, .stag = 1,
	};
	u8 buf[64];

	say_fpdu(r, buf, siw_fpdu_encode(buf, &s));
}

static void raw_init(struct raw *r, u64 caps)
{
	const struct siw_mpa_frame f = { .rev = 1, .crc = true };
	const struct end_opts o = { .caps = caps };
	u8 buf[20 + 4];
	struct cm_record req;
	u16 port;

	usiw_config.ext = true;
	NEED(listener_init(&r->l, false, &port));
	end_init(&r->e, &o);
	end_reg(&r->e, memory, sizeof(memory), ALL_RIGHTS, &r->key);
	r->fd = raw_dial(port, &f);
	NEED(r->fd >= 0);
	NEED(wait_cm(&r->l, USIW_CM_REQUEST, &req));
	CHECK_EQ(end_accept(&r->e, &req, 4, 4, NULL), 0);
	NEED(recv(r->fd, buf, 20, MSG_WAITALL) == 20);
	/* now our end may send */
	say_empty_write(r);
	NEED(wait_cm(&r->e, USIW_CM_ESTABLISHED, NULL));
}

static void raw_fini(struct raw *r)
{
	close(r->fd);
	NEED(wait_cm(&r->e, USIW_CM_DISCONNECT, NULL));
	NEED(wait_cm(&r->e, USIW_CM_CLOSE, NULL));
	end_fini(&r->e);
	end_fini(&r->l);
	usiw_config.ext = false;
}

static void post_imm(struct raw *r, u8 opcode, u16 flags, u64 imm)
{
	struct siw_sqe *s = sqe_get(&r->e);

	NEED(s);
	*s = (struct siw_sqe) { .id = imm, .opcode = opcode };
	s->sge[SIW_MAX_SGE - 1].laddr = imm;
	sqe_put(&r->e, flags);
	ring_doorbell(&r->e);
}

/* Operands as in G31; the sink is the beginning of the memory. */
static void post_atomic(struct raw *r, u8 opcode, u64 data, u64 mask)
{
	struct siw_sqe *s = sqe_get(&r->e);

	NEED(s);
	*s = (struct siw_sqe) {
		.id = data, .opcode = opcode, .num_sge = 1, .rkey = 0x200,
		.raddr = 0x3000,
		.sge = { { .laddr = (uintptr_t)memory, .length = 8,
			   .lkey = r->key },
			 { .laddr = data }, { .laddr = mask },
			 { .laddr = 0x0b }, { .laddr = 0xff } },
	};
	sqe_put(&r->e, 0);
	ring_doorbell(&r->e);
}

static void check_cqe(struct raw *r, u64 id, u8 opcode, u16 status, u64 imm)
{
	struct siw_cqe c;

	NEED(wait_cqe(&r->e, &c));
	CHECK_EQ(c.id, id);
	CHECK_EQ(c.opcode, opcode);
	CHECK_EQ(c.status, status);
	CHECK_EQ(c.imm_data, imm);
}

/* --- immediate data ---------------------------------------------------------- */

TEST(imm__golden)
{
	struct raw r;

	raw_init(&r, ALL_CAPS);
	post_imm(&r, SIW_OP_SEND_WITH_IMM, 0, 0x1122334455667788);
	post_imm(&r, SIW_OP_SEND_WITH_IMM, SIW_WQE_SOLICITED,
		 0xfedcba9876543210);
	hear_golden(&r, "G33");
	hear_golden(&r, "G34");
	check_cqe(&r, 0x1122334455667788, SIW_OP_SEND_WITH_IMM, 0, 0);
	check_cqe(&r, 0xfedcba9876543210, SIW_OP_SEND_WITH_IMM, 0, 0);
	raw_fini(&r);
}

/* The Write comes first; there is one completion. */
TEST(imm__behind_write)
{
	struct raw r;
	u8 buf[64];

	raw_init(&r, ALL_CAPS);
	post_imm(&r, USIW_OP_WRITE_WITH_IMM, 0, 0x1122334455667788);
	CHECK_EQ(hear(&r, buf), 20);
	CHECK_EQ(buf[3] & RDMAP_OP_MASK, RDMAP_WRITE);
	hear_golden(&r, "G33");
	check_cqe(&r, 0x1122334455667788, USIW_OP_WRITE_WITH_IMM, 0, 0);
	raw_fini(&r);
}

TEST(imm__received)
{
	const struct siw_seg s = { .opcode = RDMAP_SEND, .last = true,
				   .msn = 1 };
	u8 buf[64];
	struct raw r;

	raw_init(&r, ALL_CAPS);
	CHECK(post_recv(&r.e, 1, memory, 8, r.key));
	CHECK(post_recv(&r.e, 2, NULL, 0, 0));
	/* what opened the gate is no Write to be completed */
	say_fpdu(&r, buf, siw_fpdu_encode(buf, &s));
	say_golden(&r, "G34");
	check_cqe(&r, 1, SIW_OP_RECEIVE, 0, 0);
	check_cqe(&r, 2, SIW_OP_RECEIVE, 0, 0xfedcba9876543210);
	raw_fini(&r);
}

TEST(imm__received_behind_write)
{
	struct raw r;

	raw_init(&r, ALL_CAPS);
	CHECK(post_recv(&r.e, 1, memory, 8, r.key));
	say_empty_write(&r);
	say_golden(&r, "G33");
	check_cqe(&r, 1, USIW_OP_RECV_RDMA_IMM, 0, 0x1122334455667788);
	raw_fini(&r);
}

/* A program that would take it for a Send does not get it. */
TEST(imm__unknown_to_the_program)
{
	struct raw r;

	raw_init(&r, 0);
	CHECK(post_recv(&r.e, 1, memory, 8, r.key));
	post_imm(&r, SIW_OP_SEND_WITH_IMM, 0, 1);
	check_cqe(&r, 1, SIW_OP_SEND_WITH_IMM, SIW_WC_LOC_QP_OP_ERR, 0);
	check_cqe(&r, 1, SIW_OP_RECEIVE, SIW_WC_WR_FLUSH_ERR, 0);
	raw_fini(&r);
	raw_init(&r, 0);
	CHECK(post_recv(&r.e, 1, memory, 8, r.key));
	say_golden(&r, "G33");
	hear_golden(&r, "G27");
	check_cqe(&r, 1, SIW_OP_RECEIVE, SIW_WC_WR_FLUSH_ERR, 0);
	raw_fini(&r);
}

/* --- atomics, ours -------------------------------------------------------------- */

TEST(atomic__golden)
{
	struct raw r;
	u64 old;

	raw_init(&r, ALL_CAPS);
	r.e.qp->areq_id = 0x1233;
	post_atomic(&r, SIW_OP_FETCH_AND_ADD, 1, 0);
	hear_golden(&r, "G30");
	say_golden(&r, "G32");
	check_cqe(&r, 1, SIW_OP_FETCH_AND_ADD, 0, 0);
	memcpy(&old, memory, sizeof(old));
	CHECK_EQ(old, 0x0a);
	post_atomic(&r, SIW_OP_COMP_AND_SWAP, 0x55, 0xff);
	hear_golden(&r, "G31");
	raw_fini(&r);
}

/* A response to another request than the oldest, or what is none */
static void bad_response(u8 posted, const struct siw_aresp *resp, u32 cut,
			 u8 kind, u8 code)
{
	_Alignas(8) u8 fpdu[128];
	u8 buf[128];
	struct raw r;
	u32 len;

	raw_init(&r, ALL_CAPS);
	if (posted == SIW_OP_FETCH_AND_ADD)
		post_atomic(&r, posted, 1, 0);
	else if (posted == SIW_OP_READ)
		CHECK(post_rdma(&r.e, 1, posted, 0, memory, 8, r.key, 0x3000,
				0x200));
	if (posted != SIW_OP_SEND)
		CHECK(hear(&r, buf));
	memset(memory, 0x5a, 8);
	len = siw_ext_encode_aresp(fpdu, resp);
	len = len - 8 + cut;
	put16(fpdu, len - 2);
	say_fpdu(&r, fpdu, len);
	hear_term(&r, kind, code, fpdu);
	CHECK_EQ(memory[0], 0x5a);
	raw_fini(&r);
}

TEST(aresp__faults)
{
	const struct siw_aresp good = { .id = 1, .msn = 1 };
	const struct siw_aresp id = { .id = 2, .msn = 1 };
	const struct siw_aresp msn = { .id = 1, .msn = 2 };

	bad_response(SIW_OP_SEND, &good, 8, 0x12, 0x02);
	bad_response(SIW_OP_READ, &good, 8, 0x12, 0x02);
	bad_response(SIW_OP_FETCH_AND_ADD, &id, 8, 0x02, 0xff);
	bad_response(SIW_OP_FETCH_AND_ADD, &msn, 8, 0x12, 0x03);
	bad_response(SIW_OP_FETCH_AND_ADD, &good, 7, 0x02, 0xff);
	bad_response(SIW_OP_FETCH_AND_ADD, &good, 9, 0x02, 0xff);
}

/* A Read Response is none to an Atomic. */
TEST(aresp__read_instead)
{
	struct siw_seg s = { .opcode = RDMAP_READ_RESP, .last = true };
	u8 buf[128];
	struct raw r;

	raw_init(&r, ALL_CAPS);
	post_atomic(&r, SIW_OP_FETCH_AND_ADD, 1, 0);
	CHECK(hear(&r, buf));
	s.stag = r.key;
	s.to = (uintptr_t)memory;
	s.pay_len = 8;
	memset(buf + siw_fpdu_encode(buf, &s), 1, 8);
	say_fpdu(&r, buf, 16 + 8);
	hear_term(&r, 0x02, 0x06, NULL);
	check_cqe(&r, 1, SIW_OP_FETCH_AND_ADD, SIW_WC_WR_FLUSH_ERR,
		  SIW_E_ROP_UNSOLICITED);
	raw_fini(&r);
}

/* The sink was deregistered, or is not mapped: its WR says so. */
TEST(aresp__no_sink)
{
	struct raw r;

	raw_init(&r, ALL_CAPS);
	r.e.qp->areq_id = 0x1233;
	post_atomic(&r, SIW_OP_FETCH_AND_ADD, 1, 0);
	hear_golden(&r, "G30");
	end_dereg(&r.e);
	say_golden(&r, "G32");
	hear_term(&r, 0x02, 0x07, NULL);
	check_cqe(&r, 1, SIW_OP_FETCH_AND_ADD, SIW_WC_LOC_PROT_ERR, 0);
	raw_fini(&r);
}

/* --- atomics, the peer's ---------------------------------------------------------- */

static void bad_request(const struct siw_areq *a, u32 stag_off, u8 kind,
			u8 code)
{
	struct siw_areq q = *a;
	u64 fpdu[16];
	struct raw r;

	memset(memory, 0x5a, sizeof(memory));
	raw_init(&r, ALL_CAPS);
	q.msn = 1;
	q.stag = r.key + stag_off;
	q.to += (uintptr_t)memory;
	say_fpdu(&r, fpdu, siw_ext_encode_areq(fpdu, &q));
	hear_term(&r, kind, code, (u8 *)fpdu);
	CHECK_EQ(memory[0] + memory[sizeof(memory) - 1], 2 * 0x5a);
	raw_fini(&r);
}

TEST(areq__faults)
{
	struct siw_areq a = { .op = RDMAP_FETCH_ADD, .data = 1 };

	bad_request(&a, 1, 0x01, 0x00);
	a.to = sizeof(memory);
	bad_request(&a, 0, 0x01, 0x01);
	a.to = sizeof(memory) - 4;
	bad_request(&a, 0, 0x01, 0x01);
	a.to = 0ull - (uintptr_t)memory - 8;
	bad_request(&a, 0, 0x01, 0x04);
	a.to = 4;
	bad_request(&a, 0, 0x02, 0x07);
	a.to = 0;
	a.op = 1;
	bad_request(&a, 0, 0x02, 0x06);
}

/* Requests and their answers stay in order, with Reads among them. */
TEST(areq__order)
{
	const struct siw_rreq rreq = { .sink_stag = 7, .len = 8 };
	struct siw_areq a = { .op = RDMAP_FETCH_ADD, .data = 5 };
	struct siw_rreq q = rreq;
	u64 fpdu[16], x = 100, old;
	struct raw r;
	u8 buf[128];
	u32 i;

	memcpy(memory, &x, sizeof(x));
	raw_init(&r, ALL_CAPS);
	a.stag = r.key;
	a.to = (uintptr_t)memory;
	q.source_stag = r.key;
	q.source_to = a.to;
	for (i = 0; i < 4; i++) {
		if (i & 1) {
			say_fpdu(&r, fpdu, siw_fpdu_encode_rreq(fpdu, &q));
			continue;
		}
		a.id = 0x80000000 + i;
		a.msn = i + 1;
		q.msn = i + 2;
		say_fpdu(&r, fpdu, siw_ext_encode_areq(fpdu, &a));
	}
	for (i = 0; i < 4; i++) {
		CHECK(hear(&r, buf));
		if (i & 1) {
			CHECK_EQ(buf[3] & RDMAP_OP_MASK, RDMAP_READ_RESP);
			memcpy(&old, buf + 16, sizeof(old));
			CHECK_EQ(old, 100 + 5 * ((i + 1) / 2));
			continue;
		}
		CHECK_EQ(buf[3] & RDMAP_OP_MASK, RDMAP_ATOMIC_RESP);
		CHECK_EQ(buf[23], i);
		CHECK_EQ(buf[31], 100 + 5 * (i / 2));
	}
	raw_fini(&r);
}

SUITE(usiw_ext,
	CASE(imm__golden),
	CASE(imm__behind_write),
	CASE(imm__received),
	CASE(imm__received_behind_write),
	CASE(imm__unknown_to_the_program),
	CASE(atomic__golden),
	CASE(aresp__faults),
	CASE(aresp__read_instead),
	CASE(aresp__no_sink),
	CASE(areq__faults),
	CASE(areq__order));
