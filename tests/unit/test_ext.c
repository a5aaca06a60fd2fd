// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * core/ext.c. EXT-4.1-01 to -04, EXT-4.2-01, EXT-5.1.1-02, -04, EXT-5.1.2-01,
 * -02, EXT-5.2.1-01 to -03, -07, EXT-5.2.2-01, -02, EXT-6.2-01
 */
#include "harness.h"
#include "vectors.h"
#include "../../core/ext.h"

static _Alignas(8) u8 frame[VECTOR_MAX];

static const struct siw_areq other = {
	.id = 0xa1b2c3d4, .stag = 0x11223344, .to = 0x0102030405060708ULL,
	.data = 0x1112131415161718ULL, .mask = 0x2122232425262728ULL,
	.cmp = 0x3132333435363738ULL, .cmp_mask = 0x4142434445464748ULL,
};

TEST(siw_ext_decode_areq__golden)
{
	struct siw_areq a;

	NEED(vector_get("G30", frame) == 76);
	siw_ext_decode_areq(&a, frame);
	CHECK_EQ(a.op, RDMAP_FETCH_ADD);
	CHECK_EQ(a.id, 0x1234);
	CHECK_EQ(a.stag, 0x200);
	CHECK_EQ(a.msn, 1);
	CHECK_EQ(a.to, 0x3000);
	CHECK_EQ(a.data, 1);
	CHECK_EQ(a.mask, 0);
	CHECK_EQ(a.cmp, 0);
	CHECK_EQ(a.cmp_mask, U64_MAX);
	CHECK_MEM(a.hdr, frame, 20);
	NEED(vector_get("G37", frame) == 76);
	siw_ext_decode_areq(&a, frame);
	CHECK_EQ(a.op, RDMAP_CMP_SWAP);
	CHECK_EQ(a.id, other.id);
	CHECK_EQ(a.stag, other.stag);
	CHECK_EQ(a.msn, 4);
	CHECK_EQ(a.to, other.to);
	CHECK_EQ(a.data, other.data);
	CHECK_EQ(a.mask, other.mask);
	CHECK_EQ(a.cmp, other.cmp);
	CHECK_EQ(a.cmp_mask, other.cmp_mask);
	CHECK_MEM(a.hdr, frame, 20);
}

/* EXT-5.2.1-02: 28 bits are not looked at. */
TEST(siw_ext_decode_areq__reserved_bits)
{
	struct siw_areq a;

	NEED(vector_get("G31", frame));
	put32(frame + 20, 0xfffffff2);
	siw_ext_decode_areq(&a, frame);
	CHECK_EQ(a.op, RDMAP_CMP_SWAP);
	put32(frame + 20, 0xffffffff);
	siw_ext_decode_areq(&a, frame);
	CHECK_EQ(a.op, 15);
}

TEST(siw_ext_check_areq__codes)
{
	struct siw_areq a = other;

	for (a.op = 0; a.op < 16; a.op++)
		CHECK_EQ(siw_ext_check_areq(&a),
			 a.op == 0 || a.op == 2 ? SIW_OK : SIW_E_AREQ_OP);
}

TEST(siw_ext_decode_aresp__golden)
{
	struct siw_aresp r;

	NEED(vector_get("G32", frame) == 36);
	siw_ext_decode_aresp(&r, frame);
	CHECK_EQ(r.id, 0x1234);
	CHECK_EQ(r.msn, 1);
	CHECK_EQ(r.value, 0x0a);
	NEED(vector_get("G35", frame) == 36);
	siw_ext_decode_aresp(&r, frame);
	CHECK_EQ(r.id, 0xfffffffe);
	CHECK_EQ(r.msn, 2);
	CHECK_EQ(r.value, 0x8000000000000001ULL);
}

TEST(siw_ext_decode_imm__golden)
{
	NEED(vector_get("G33", frame) == 32);
	CHECK_EQ(siw_ext_decode_imm(frame), 0x1122334455667788ULL);
	NEED(vector_get("G34", frame) == 32);
	CHECK_EQ(siw_ext_decode_imm(frame), 0xfedcba9876543210ULL);
}

/* EXT-5.2.1-03: what a FetchAdd does not use has a value of its own. */
TEST(siw_ext_encode_areq__golden)
{
	_Alignas(8) u8 hdr[RDMAP_MAX_HDR];
	struct siw_areq a = other;

	a.op = RDMAP_CMP_SWAP;
	a.msn = 4;
	memset(hdr, 0xee, sizeof(hdr));
	CHECK_EQ(siw_ext_encode_areq(hdr, &a), 72);
	NEED(vector_get("G37", frame));
	CHECK_MEM(hdr, frame, 72);
	a.op = RDMAP_FETCH_ADD;
	a.msn = 3;
	CHECK_EQ(siw_ext_encode_areq(hdr, &a), 72);
	NEED(vector_get("G36", frame));
	CHECK_MEM(hdr, frame, 72);
}

TEST(siw_ext_encode_aresp__golden)
{
	const struct siw_aresp r = {
		.id = 0xfffffffe, .msn = 2, .value = 0x8000000000000001ULL,
	};
	_Alignas(8) u8 hdr[RDMAP_MAX_HDR];

	memset(hdr, 0xee, sizeof(hdr));
	CHECK_EQ(siw_ext_encode_aresp(hdr, &r), 32);
	NEED(vector_get("G35", frame));
	CHECK_MEM(hdr, frame, 32);
}

TEST(siw_ext_encode_imm__golden)
{
	_Alignas(8) u8 hdr[RDMAP_MAX_HDR];

	memset(hdr, 0xee, sizeof(hdr));
	CHECK_EQ(siw_ext_encode_imm(hdr, RDMAP_IMM, 1, 0x1122334455667788ULL),
		 28);
	NEED(vector_get("G33", frame));
	CHECK_MEM(hdr, frame, 28);
	CHECK_EQ(siw_ext_encode_imm(hdr, RDMAP_IMM_SE, 2,
				    0xfedcba9876543210ULL), 28);
	NEED(vector_get("G34", frame));
	CHECK_MEM(hdr, frame, 28);
}

static u64 add(u64 old, u64 data, u64 mask)
{
	const struct siw_areq a = {
		.op = RDMAP_FETCH_ADD, .data = data, .mask = mask,
		.cmp = 5, .cmp_mask = 6,
	};

	return siw_atomic_result(&a, old);
}

/* wire.md §6.3 */
TEST(siw_atomic_result__fetch_add_vectors)
{
	static const u64 t[][4] = {
		/* old, add, mask, new */
		{ U64_MAX, 1, 0, 0 },
		{ 0xffffffffULL, 1, 0, 0x100000000ULL },
		{ 0xffffffffULL, 1, 0x80000000ULL, 0 },
		{ 0x00ff00ff00ff00ffULL, 0x0001000100010001ULL,
		  0x8000800080008000ULL, 0x0100010001000100ULL },
		{ 0x00ff00ff00ff00ffULL, 0x0001000100010001ULL,
		  0x0080008000800080ULL, 0 },
		{ U64_MAX, 0x0101010101010101ULL, 0x8080808080808080ULL, 0 },
		/* fields of one bit: no carry at all */
		{ 0xf0f0f0f0f0f0f0f0ULL, U64_MAX, U64_MAX,
		  0x0f0f0f0f0f0f0f0fULL },
		{ 0x1234, 0, 0, 0x1234 },
	};
	u32 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		CHECK_EQ(add(t[i][0], t[i][1], t[i][2]), t[i][3]);
}

/* The pseudocode of RFC 7306 §5.1.1, bit by bit */
static u64 rfc_add(u64 old, u64 data, u64 mask)
{
	u64 bit, sum, carry = 0, result = 0;
	u32 i;

	for (i = 0; i < 64; i++) {
		bit = 1ULL << i;
		sum = carry + !!(old & bit) + !!(data & bit);
		carry = sum >> 1;
		if (sum & 1)
			result |= bit;
		if (mask & bit)
			carry = 0;
	}
	return result;
}

static u64 rnd(u64 *x)
{
	*x = *x * 6364136223846793005ULL + 1442695040888963407ULL;
	return *x ^ *x >> 29;
}

TEST(siw_atomic_result__fetch_add_against_the_rfc)
{
	u64 x = 1, old, data, mask;
	u32 i;

	for (i = 0; i < 20000; i++) {
		old = rnd(&x);
		data = rnd(&x);
		mask = rnd(&x);
		if (i % 3) {
			mask &= rnd(&x);
			mask &= rnd(&x);
		}
		if (i % 5 == 0)
			old = U64_MAX;
		CHECK_EQ(add(old, data, mask), rfc_add(old, data, mask));
	}
}

/* EXT-5.1.2-01, -02: G31, then what each mask does */
TEST(siw_atomic_result__cmp_swap)
{
	static const struct {
		u64 old, data, mask, cmp, cmp_mask, want;
	} t[] = {
		{ 0x0b, 0x55, 0xff, 0x0b, 0xff, 0x55 },
		{ 0x0a, 0x55, 0xff, 0x0b, 0xff, 0x0a },
		{ 0xaa0b, 0x55, 0xff, 0x0b, 0xff, 0xaa55 },
		{ 0xaa0b, 0x55, 0xff, 0x0b, 0xffff, 0xaa0b },
		{ 0xaa0b, U64_MAX, 0xf0f0, 0x0b, 0xff, 0xfafb },
		/* Swap: nothing is compared */
		{ 7, 9, U64_MAX, 1234, 0, 9 },
		{ 7, 9, 0, 7, U64_MAX, 7 },
		{ 7, 9, U64_MAX, 7, U64_MAX, 9 },
		{ 1ULL << 63, 0, U64_MAX, 0, U64_MAX, 1ULL << 63 },
		{ 1ULL << 63, 0, U64_MAX, 0, U64_MAX >> 1, 0 },
	};
	struct siw_areq a = { .op = RDMAP_CMP_SWAP };
	u32 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		a.data = t[i].data;
		a.mask = t[i].mask;
		a.cmp = t[i].cmp;
		a.cmp_mask = t[i].cmp_mask;
		CHECK_EQ(siw_atomic_result(&a, t[i].old), t[i].want);
	}
}

SUITE(ext,
      CASE(siw_ext_decode_areq__golden),
      CASE(siw_ext_decode_areq__reserved_bits),
      CASE(siw_ext_check_areq__codes),
      CASE(siw_ext_decode_aresp__golden),
      CASE(siw_ext_decode_imm__golden),
      CASE(siw_ext_encode_areq__golden),
      CASE(siw_ext_encode_aresp__golden),
      CASE(siw_ext_encode_imm__golden),
      CASE(siw_atomic_result__fetch_add_vectors),
      CASE(siw_atomic_result__fetch_add_against_the_rfc),
      CASE(siw_atomic_result__cmp_swap));
