// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Connections and all operations between two ends that behave.
 */
#include "harness.h"
#include "pair.h"

#define ALL_RIGHTS	0x0f

static u8 src[1 << 20], dst[1 << 20];

static void pattern(u8 *p, u32 len, u32 seed)
{
	u32 i;

	for (i = 0; i < len; i++)
		p[i] = (u8)(seed + i * 7 + (i >> 8));
}

static void check_cqe(struct end *e, u64 id, u8 opcode, u32 bytes)
{
	struct siw_cqe c;

	NEED(wait_cqe(e, &c));
	CHECK_EQ(c.id, id);
	CHECK_EQ(c.status, SIW_WC_SUCCESS);
	CHECK_EQ(c.opcode, opcode);
	CHECK_EQ(c.bytes, bytes);
	CHECK_EQ(c.qp_id, usiw_qp_num(e->qp));
}

/* Every operation once, of @len octets. */
static void exchange(struct pair *p, u32 len)
{
	u32 ks, kd;

	end_reg(&p->a, src, sizeof(src), ALL_RIGHTS, &ks);
	end_reg(&p->b, dst, sizeof(dst), ALL_RIGHTS, &kd);

	pattern(src, len, 1);
	memset(dst, 0, len);
	CHECK(post_recv(&p->b, 1, dst, sizeof(dst), kd));
	CHECK(post_send(&p->a, 2, SIW_OP_SEND, 0, src, len, ks));
	check_cqe(&p->b, 1, SIW_OP_RECEIVE, len);
	check_cqe(&p->a, 2, SIW_OP_SEND, len);
	CHECK_MEM(dst, src, len);

	pattern(src, len, 2);
	CHECK(post_rdma(&p->a, 3, SIW_OP_WRITE, 0, src, len, ks,
			(uintptr_t)dst, kd));
	check_cqe(&p->a, 3, SIW_OP_WRITE, len);
	CHECK(post_recv(&p->b, 4, dst, 0, kd));
	CHECK(post_send(&p->a, 5, SIW_OP_SEND, 0, src, 0, ks));
	check_cqe(&p->b, 4, SIW_OP_RECEIVE, 0);
	check_cqe(&p->a, 5, SIW_OP_SEND, 0);
	CHECK_MEM(dst, src, len);

	pattern(dst, len, 3);
	CHECK(post_rdma(&p->a, 6, SIW_OP_READ, 0, src, len, ks,
			(uintptr_t)dst, kd));
	check_cqe(&p->a, 6, SIW_OP_READ, len);
	CHECK_MEM(src, dst, len);

	/* and the other way round */
	pattern(dst, len, 4);
	CHECK(post_rdma(&p->b, 7, SIW_OP_WRITE, 0, dst, len, kd,
			(uintptr_t)src, ks));
	check_cqe(&p->b, 7, SIW_OP_WRITE, len);
	CHECK(post_rdma(&p->b, 8, SIW_OP_READ, 0, dst, len, kd,
			(uintptr_t)src, ks));
	check_cqe(&p->b, 8, SIW_OP_READ, len);
	CHECK_MEM(src, dst, len);
	end_dereg(&p->a);
	end_dereg(&p->b);
}

static void run(const struct pair_opts *o)
{
	static const u32 lens[] = { 0, 1, 3, 64, 1000, 4096, 65536, 100001,
				    1 << 20 };
	struct pair p;
	u32 i;

	NEED(pair_init(&p, o));
	for (i = 0; i < sizeof(lens) / sizeof(*lens) && !test_bad; i++)
		exchange(&p, lens[i]);
	CHECK(pair_close(&p));
}

TEST(all__default)
{
	run(&(struct pair_opts) {});
}

TEST(all__crc)
{
	run(&(struct pair_opts) { .crc = true });
}

TEST(all__rev1)
{
	run(&(struct pair_opts) { .rev1 = true });
}

TEST(all__rev1_crc)
{
	run(&(struct pair_opts) { .rev1 = true, .crc = true });
}

TEST(all__client_server)
{
	struct pair_opts o = { .client_server = true };
	struct pair p;

	/* the responder may not send first: a does */
	NEED(pair_init(&p, &o));
	exchange(&p, 100);
	CHECK(pair_close(&p));
}

TEST(all__rtr_send)
{
	run(&(struct pair_opts) { .rtr = SIW_MPA_RTR_SEND });
}

TEST(all__rtr_write)
{
	run(&(struct pair_opts) { .rtr = SIW_MPA_RTR_WRITE });
}

TEST(all__rtr_read)
{
	run(&(struct pair_opts) { .rtr = SIW_MPA_RTR_READ });
}

TEST(all__ipv6)
{
	run(&(struct pair_opts) { .ipv6 = true });
}

TEST(all__ord_1)
{
	run(&(struct pair_opts) { .ird = 1, .ord = 1 });
}

/* All four ways, and each with CRC. MPA-4.3-12 */
TEST(all__markers)
{
	u32 i;

	for (i = 0; i < 8 && !test_bad; i++)
		run(&(struct pair_opts) {
			.markers_a = i & 1, .markers_b = i & 2, .crc = i & 4,
		});
}

TEST(send__inline)
{
	struct pair_opts o = {};
	struct siw_cqe c;
	struct pair p;
	u32 k, len;

	NEED(pair_init(&p, &o));
	end_reg(&p.b, dst, sizeof(dst), ALL_RIGHTS, &k);
	for (len = 0; len <= SIW_MAX_INLINE; len += 16) {
		pattern(src, len, len);
		CHECK(post_recv(&p.b, len, dst, 4096, k));
		CHECK(post_send(&p.a, len, SIW_OP_SEND, SIW_WQE_INLINE, src,
				len, 0));
		NEED(wait_cqe(&p.b, &c));
		CHECK_EQ(c.bytes, len);
		CHECK_MEM(dst, src, len);
		NEED(wait_cqe(&p.a, &c));
		CHECK_EQ(c.status, SIW_WC_SUCCESS);
	}
	CHECK(pair_close(&p));
}

/* Scattered and gathered over elements of odd lengths. */
TEST(send__sges)
{
	struct pair_opts o = {};
	struct siw_sqe *s;
	struct siw_rqe *r;
	struct siw_cqe c;
	struct pair p;
	u32 ks, kd, i;

	NEED(pair_init(&p, &o));
	end_reg(&p.a, src, sizeof(src), ALL_RIGHTS, &ks);
	end_reg(&p.b, dst, sizeof(dst), ALL_RIGHTS, &kd);
	pattern(src, 700000, 9);
	memset(dst, 0, 700000);
	r = &p.b.rqe[p.b.rq_put++ & (p.b.num_rqe - 1)];
	r->num_sge = 5;
	for (i = 0; i < 5; i++) {
		r->sge[i].laddr = (uintptr_t)dst + i * 140001;
		r->sge[i].length = 140001;
		r->sge[i].lkey = kd;
	}
	__atomic_store_n(&r->flags, SIW_WQE_VALID, __ATOMIC_RELEASE);
	s = sqe_get(&p.a);
	s->opcode = SIW_OP_SEND;
	s->num_sge = 6;
	for (i = 0; i < 6; i++) {
		s->sge[i].laddr = (uintptr_t)src + i * 100003;
		s->sge[i].length = 100003;
		s->sge[i].lkey = ks;
	}
	sqe_put(&p.a, 0);
	ring_doorbell(&p.a);
	NEED(wait_cqe(&p.b, &c));
	CHECK_EQ(c.status, SIW_WC_SUCCESS);
	CHECK_EQ(c.bytes, 6 * 100003);
	CHECK_MEM(dst, src, 6 * 100003);
	NEED(wait_cqe(&p.a, &c));
	CHECK(pair_close(&p));
}

/* Many at a time: the rings wrap, TCP fills, ORD and the fence hold. */
static void many(const struct pair_opts *o, u32 len)
{
	u32 ks, kd, posted = 0, done = 0, total = 3000;
	struct siw_cqe c;
	struct pair p;

	NEED(pair_init(&p, o));
	end_reg(&p.a, src, sizeof(src), ALL_RIGHTS, &ks);
	end_reg(&p.b, dst, sizeof(dst), ALL_RIGHTS, &kd);
	while (done < total) {
		static const u8 ops[] = { SIW_OP_WRITE, SIW_OP_READ,
					  SIW_OP_WRITE };
		u16 flags = posted % 5 ? 0 : SIW_WQE_READ_FENCE;

		if (posted < total && posted - done < p.a.num_cqe &&
		    post_rdma(&p.a, posted, ops[posted % 3], flags,
			      src + (posted % 3 == 1 ? sizeof(src) / 2 : 0),
			      len, ks, (uintptr_t)dst, kd)) {
			posted++;
			continue;
		}
		NEED(wait_cqe(&p.a, &c));
		CHECK_EQ(c.status, SIW_WC_SUCCESS);
		CHECK_EQ(c.id, done);
		done++;
		if (test_bad)
			break;
	}
	CHECK(pair_close(&p));
}

TEST(many__small)
{
	many(&(struct pair_opts) { .ord = 4, .ird = 4 }, 100);
}

TEST(many__large)
{
	many(&(struct pair_opts) {}, 100000);
}

TEST(many__large_markers)
{
	many(&(struct pair_opts) { .markers_a = true, .markers_b = true },
	     100000);
}

TEST(many__large_crc)
{
	many(&(struct pair_opts) { .crc = true }, 100000);
}

/* WRs of one end complete while the other end sends as much. */
TEST(many__both_ways)
{
	struct pair_opts o = {};
	u32 k[2], n[2] = {}, posted[2] = {}, total = 1500, i;
	struct siw_cqe c;
	struct pair p;
	struct end *e[2] = { &p.a, &p.b };

	NEED(pair_init(&p, &o));
	end_reg(&p.a, src, sizeof(src), ALL_RIGHTS, &k[0]);
	end_reg(&p.b, dst, sizeof(dst), ALL_RIGHTS, &k[1]);
	while (n[0] < total || n[1] < total) {
		for (i = 0; i < 2; i++) {
			u8 *mine = i ? dst : src, *other = i ? src : dst;

			while (posted[i] < total && posted[i] - n[i] < 32 &&
			       post_rdma(e[i], posted[i], i ? SIW_OP_READ :
					 SIW_OP_WRITE, 0, mine, 60000, k[i],
					 (uintptr_t)other + 500000, k[!i]))
				posted[i]++;
			while (poll_once(e[i], &c)) {
				CHECK_EQ(c.status, SIW_WC_SUCCESS);
				CHECK_EQ(c.id, n[i]);
				n[i]++;
			}
		}
		if (test_bad)
			break;
	}
	CHECK(pair_close(&p));
}

TEST(unsignalled__silent)
{
	struct pair_opts o = { .end.no_sig_all = true };
	struct siw_cqe c;
	struct pair p;
	u32 k, i;

	NEED(pair_init(&p, &o));
	end_reg(&p.b, dst, sizeof(dst), ALL_RIGHTS, &k);
	for (i = 0; i < 10; i++) {
		CHECK(post_recv(&p.b, i, dst, 64, k));
		CHECK(post_send(&p.a, i, SIW_OP_SEND, SIW_WQE_INLINE |
				(i == 9 ? SIW_WQE_SIGNALLED : 0), src, 8, 0));
		NEED(wait_cqe(&p.b, &c));
	}
	NEED(wait_cqe(&p.a, &c));
	CHECK_EQ(c.id, 9);
	CHECK(!poll_once(&p.a, &c));
	CHECK(pair_close(&p));
}

TEST(arm__solicited_only)
{
	struct pair_opts o = {};
	struct siw_cqe c;
	struct pair p;
	u32 k;

	NEED(pair_init(&p, &o));
	end_reg(&p.b, dst, sizeof(dst), ALL_RIGHTS, &k);
	CHECK(post_recv(&p.b, 1, dst, 64, k));
	CHECK(post_recv(&p.b, 2, dst, 64, k));
	arm(&p.b, SIW_NOTIFY_SOLICITED);
	CHECK(post_send(&p.a, 1, SIW_OP_SEND, SIW_WQE_INLINE, src, 8, 0));
	CHECK(post_send(&p.a, 2, SIW_OP_SEND, SIW_WQE_INLINE |
			SIW_WQE_SOLICITED, src, 8, 0));
	CHECK(wait_comp(&p.b));
	CHECK_EQ(p.b.comps, 1);
	CHECK(poll_once(&p.b, &c));
	CHECK(poll_once(&p.b, &c));
	CHECK_EQ(c.id, 2);
	CHECK(pair_close(&p));
}

TEST(srq__serves)
{
	struct pair_opts o = { .end.num_srqe = 8 };
	struct siw_cqe c;
	struct pair p;
	u32 k, i;

	NEED(pair_init(&p, &o));
	end_reg(&p.b, dst, sizeof(dst), ALL_RIGHTS, &k);
	for (i = 0; i < 8; i++)
		CHECK(post_srq(&p.b, i, dst, 64, k));
	usiw_lock();
	CHECK_EQ(usiw_srq_limit(p.b.srq, 6), 0);
	CHECK_EQ(usiw_srq_limit_left(p.b.srq), 6);
	usiw_unlock();
	for (i = 0; i < 3; i++) {
		CHECK(post_send(&p.a, i, SIW_OP_SEND, SIW_WQE_INLINE, src, 8,
				0));
		NEED(wait_cqe(&p.b, &c));
		CHECK_EQ(c.id, i);
	}
	CHECK(wait_async(&p.b, 15));	/* IBV_EVENT_SRQ_LIMIT_REACHED */
	CHECK_EQ(p.b.async_cnt, 1);
	CHECK(pair_close(&p));
}

/* What is posted before the disconnect is delivered before the end. */
TEST(close__drains)
{
	struct pair_opts o = {};
	struct siw_cqe c;
	struct pair p;
	u32 ks, kd, i;

	NEED(pair_init(&p, &o));
	end_reg(&p.a, src, sizeof(src), ALL_RIGHTS, &ks);
	end_reg(&p.b, dst, sizeof(dst), ALL_RIGHTS, &kd);
	for (i = 0; i < 32; i++)
		CHECK(post_recv(&p.b, i, dst, sizeof(dst), kd));
	for (i = 0; i < 32; i++)
		CHECK(post_send(&p.a, i, SIW_OP_SEND, 0, src, sizeof(src),
				ks));
	usiw_lock();
	CHECK_EQ(usiw_ep_disconnect(p.a.ep), 0);
	usiw_unlock();
	for (i = 0; i < 32; i++) {
		NEED(wait_cqe(&p.a, &c));
		CHECK_EQ(c.status, SIW_WC_SUCCESS);
		NEED(wait_cqe(&p.b, &c));
		CHECK_EQ(c.status, SIW_WC_SUCCESS);
		CHECK_EQ(c.bytes, sizeof(src));
	}
	CHECK(wait_cm(&p.a, USIW_CM_DISCONNECT, NULL));
	CHECK(wait_cm(&p.b, USIW_CM_DISCONNECT, NULL));
	CHECK(wait_cm(&p.a, USIW_CM_CLOSE, NULL));
	CHECK(wait_cm(&p.b, USIW_CM_CLOSE, NULL));
	pair_fini(&p);
}

SUITE(usiw_basic, CASE(all__default), CASE(all__crc), CASE(all__rev1),
      CASE(all__rev1_crc), CASE(all__client_server), CASE(all__rtr_send),
      CASE(all__rtr_write), CASE(all__rtr_read), CASE(all__ipv6),
      CASE(all__ord_1), CASE(all__markers), CASE(send__inline),
      CASE(send__sges), CASE(many__small), CASE(many__large),
      CASE(many__large_markers), CASE(many__large_crc),
      CASE(many__both_ways), CASE(unsignalled__silent),
      CASE(arm__solicited_only), CASE(srq__serves), CASE(close__drains));
