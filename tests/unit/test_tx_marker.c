// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * core/tx.c with markers, and the arithmetic for them in core/fpdu.[ch].
 * MPA-4.1-02, MPA-4.2-01, -03, MPA-4.3-01 to -08, -10, -11, -13, MPA-4.4-09,
 * -10, MPA-4.5-02, MPA-7.1.2-17
 */
#include "harness.h"
#include "markers.h"
#include "tx_exec.h"

#define MAX_STREAM	TX_STREAM_MAX

static u8 plain[MAX_STREAM], want[MAX_STREAM];
static int ctx;

static void start(u8 opcode, u32 len)
{
	struct siw_rreq r = { .sink_stag = 5, .source_stag = 6, .len = 7 };
	const struct siw_tx_msg m = {
		.opcode = opcode,
		.len = len,
		.stag = 1,
		.rreq = opcode == RDMAP_READ_REQ ? &r : NULL,
		.ctx = &ctx,
	};

	CHECK_EQ(siw_tx_start(&tx, &m), 0);
}

static void flush(u32 piece)
{
	while (siw_tx_count(&tx))
		if (!send_some(piece))
			break;
	while (siw_tx_done(&tx))
		;
}

static void send_msg(u8 opcode, u32 len, u32 mulpdu)
{
	start(opcode, len);
	do {
		cut_all(mulpdu);
		flush(MAX_STREAM);
	} while (siw_tx_busy(&tx));
}

/* One message of each layout of header and pad around. */
static void send_mix(u32 first, u32 piece)
{
	start(RDMAP_SEND, first);
	cut_all(8000);
	start(RDMAP_READ_REQ, 0);
	cut_all(8000);
	start(RDMAP_WRITE, 0);
	cut_all(8000);
	start(RDMAP_SEND, 5);
	cut_all(8000);
	flush(piece);
}

/* What send_mix() must give, made from the same without markers. */
static u32 reference(u32 first, bool crc)
{
	const struct mark_cfg cfg = { .crc = crc };

	tx_begin(crc, false);
	send_mix(first, MAX_STREAM);
	memcpy(plain, stream, stream_len);
	return mark_stream(plain, stream_len, want, &cfg);
}

/* wire.md section 3.4: all payload zero. RFC 5044 figures 5 and 6 are the
 * first two. The CRC is of the whole stream; that of the last one comes from
 * an implementation whose SHA-256 is the one named there.
 */
TEST(siw_tx_piece__golden)
{
	static const struct {
		u32 ulpdu[3];
		u32 len;
		u8 end[8];
		u32 crc;
	} t[] = {
		{ { 42 }, 52, "\0\0\0\0\x52\x23\x99\x83", 0x48674bc7 },
		{ { 482, 42 }, 544, "\0\0\0\0\x84\x92\x58\x98", 0x36460b93 },
		{ { 506 }, 520, "\0\0\x01\xfc\x38\xcf\x64\xe8",
		  0x48674bc7 },
		{ { 502, 24 }, 548, "\0\0\0\0\x9f\x85\xcd\x59", 0xeb1edac8 },
		{ { 42, 1018, 28 }, 1120, "\0\0\0\0\xdd\x96\x02\x89",
		  0xccffd478 },
	};
	u32 i, k;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		tx_begin(true, true);
		memset(payload, 0, sizeof(payload));
		for (k = 0; k < 3 && t[i].ulpdu[k]; k++)
			send_msg(RDMAP_SEND, t[i].ulpdu[k] - 18, 4000);
		NEED(stream_len == t[i].len);
		CHECK_EQ(get32(stream), 0);
		CHECK_MEM(stream + stream_len - 8, t[i].end, 8);
		CHECK_EQ(~siw_crc32c(~0u, stream, stream_len), t[i].crc);
	}
}

/* The pointers of wire.md section 3.4. MPA-4.3-04 to -07 */
TEST(siw_tx_piece__pointers)
{
	static const struct {
		u32 ulpdu[3];
		u16 at512, at1024;
	} t[] = {
		{ { 482, 42 }, 20, 0 }, { { 506 }, 508, 0 },
		{ { 502, 24 }, 0, 0 }, { { 42, 1018, 28 }, 460, 972 },
	};
	u32 i, k;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		tx_begin(true, true);
		for (k = 0; k < 3 && t[i].ulpdu[k]; k++)
			send_msg(RDMAP_SEND, t[i].ulpdu[k] - 18, 4000);
		CHECK_EQ(get32(stream + 512), t[i].at512);
		if (t[i].at1024)
			CHECK_EQ(get32(stream + 1024), t[i].at1024);
	}
}

/* The second marker falls on every place that FPDUs have. */
TEST(siw_tx_piece__every_place)
{
	u32 first, n, crc;

	for (crc = 0; crc < 2; crc++)
		for (first = 340; first < 1020; first++) {
			n = reference(first, crc);
			tx_begin(crc, true);
			send_mix(first, MAX_STREAM);
			CHECK_EQ(stream_len, n);
			CHECK_MEM(stream, want, n);
		}
}

/* MPA-4.3-06, MPA-4.1-02: 4 KiB in one FPDU, and cut into many */
TEST(siw_tx_piece__long)
{
	const struct mark_cfg cfg = { .crc = true };
	u32 mulpdu, n;

	for (mulpdu = 128; mulpdu < 5000; mulpdu += 61) {
		tx_begin(true, false);
		send_msg(RDMAP_WRITE, 4096, mulpdu);
		send_msg(RDMAP_SEND, 1001, mulpdu);
		memcpy(plain, stream, stream_len);
		n = mark_stream(plain, stream_len, want, &cfg);
		tx_begin(true, true);
		send_msg(RDMAP_WRITE, 4096, mulpdu);
		send_msg(RDMAP_SEND, 1001, mulpdu);
		CHECK_EQ(stream_len, n);
		CHECK_MEM(stream, want, n);
	}
}

/* Without its trailer an FPDU ends behind a marker that follows payload, and
 * in front of its pad.
 */
TEST(siw_tx_piece__unsealed)
{
	struct siw_tx_piece p;
	struct siw_tx_fpdu *f;
	u32 off, len;

	for (len = 480; len < 500; len++) {
		tx_begin(true, true);
		start(RDMAP_SEND, len);
		f = siw_tx_cut(&tx, 4000);
		NEED(f);
		for (off = 0; siw_tx_piece(f, off, &p); off += p.len)
			;
		CHECK_EQ(off, 4 + 20 + len + (len >= 488 ? 4 : 0));
		CHECK(off < f->wire_len);
		seal(f);
		while (siw_tx_piece(f, off, &p))
			off += p.len;
		CHECK_EQ(off, f->wire_len);
	}
}

/* MPA-4.5-02: whatever place of the stream it has, an FPDU of MULPDU fits. */
TEST(siw_mulpdu_marked__fits)
{
	static const u32 emss[] = { 536, 1440, 1448, 1460, 8948, 8960, 65000 };
	const struct siw_tx_msg m = {
		.opcode = RDMAP_WRITE, .len = 1u << 20, .ctx = &ctx,
	};
	const struct siw_tx_fpdu *f;
	u32 i, pos;

	for (i = 0; i < sizeof(emss) / sizeof(emss[0]); i++)
		for (pos = 0; pos < 512; pos += 4) {
			tx_begin(false, true);
			tx.pos = (u16)pos;
			siw_tx_start(&tx, &m);
			f = siw_tx_cut(&tx, siw_mulpdu_marked(emss[i]));
			NEED(f);
			CHECK(f->wire_len <= emss[i]);
			CHECK(f->wire_len + 8 > emss[i] - emss[i] % 4);
		}
}

/* MPA-4.3-08: more than 2^32 octets; a pointer always fits its 16 bits */
TEST(siw_tx_cut__long_stream)
{
	const struct siw_tx_msg m = {
		.opcode = RDMAP_WRITE, .len = U32_MAX, .ctx = &ctx,
	};
	const struct siw_tx_fpdu *f;
	struct siw_tx_piece p;
	u64 sum = 0;
	u32 off;

	tx_begin(false, true);
	siw_tx_start(&tx, &m);
	while (siw_tx_busy(&tx)) {
		f = siw_tx_cut(&tx, 64768);
		NEED(f);
		CHECK_EQ(f->pos, sum % 512);
		off = f->wire_len - (sum + f->wire_len) % 512;
		if (siw_tx_piece(f, off, &p) && p.marker)
			CHECK_EQ(be32_to_cpu(p.store),
				 sum % 512 ? off : off - 4);
		sum += f->wire_len;
		siw_tx_seal((struct siw_tx_fpdu *)f, 0);
		siw_tx_sent(&tx, f->wire_len);
		siw_tx_done(&tx);
	}
	CHECK(sum > 1ULL << 32);
	CHECK_EQ(tx.pos, sum % 512);
}

TEST(siw_tx_sent__every_piece_size)
{
	u32 piece, n;

	n = reference(1100, true);
	for (piece = 1; piece <= n; piece++) {
		tx_begin(true, true);
		send_mix(1100, piece);
		CHECK_EQ(stream_len, n);
		CHECK_MEM(stream, want, n);
	}
}

/* MPA-4.3-13: with what came before all sent, a marker that is due waits. */
TEST(siw_tx_sent__no_lone_marker)
{
	tx_begin(true, true);
	send_msg(RDMAP_SEND, 484, 4000);
	CHECK_EQ(stream_len, 512);
	CHECK(siw_tx_idle(&tx));
	CHECK_EQ(send_some(MAX_STREAM), 0);
	send_msg(RDMAP_SEND, 0, 4000);
	CHECK_EQ(stream_len, 512 + 4 + 24);
	CHECK_EQ(get32(stream + 512), 0);
}

/* What never leaves moves no marker. */
TEST(siw_tx_abort__at_every_octet)
{
	const struct mark_cfg cfg = { .crc = true };
	static u8 all[2048];
	u32 cut, i, n, len, total;

	tx_begin(true, false);
	start(RDMAP_SEND, 1500);
	cut_all(128);
	flush(sizeof(all));
	memcpy(all, stream, stream_len);
	total = mark_stream(all, stream_len, want, &cfg);
	for (cut = 0; cut < total; cut++) {
		tx_begin(true, true);
		start(RDMAP_SEND, 1500);
		cut_all(128);
		CHECK_EQ(send_some(cut), cut);
		siw_tx_abort(&tx);
		send_some(MAX_STREAM);
		/* the FPDUs of which an octet left ... */
		for (i = 0, len = 0; len < cut; i += fpdu_octets(all + i))
			len = mark_stream(all, i + fpdu_octets(all + i), want,
					  &cfg);
		CHECK_EQ(stream_len, len);
		/* ... and a Write of nothing behind them */
		send_msg(RDMAP_WRITE, 0, 4000);
		memcpy(plain, all, i);
		n = i + vector_get("G10", plain + i);
		n = mark_stream(plain, n, want, &cfg);
		CHECK_EQ(stream_len, n);
		CHECK_MEM(stream, want, n);
	}
}

TEST(siw_tx_abort__idle)
{
	tx_begin(true, true);
	send_msg(RDMAP_WRITE, 0, 4000);
	CHECK(!siw_tx_abort(&tx));
	CHECK_EQ(tx.pos, stream_len);
}

/* G24 of wire.md: refused for want of a common RTR, and the same marked */
TEST(siw_tx_lone_term__golden)
{
	const struct siw_tx_params p[] = {
		{ .crc = true }, { .crc = true, .markers = true },
		{ .crc = false },
	};
	const struct mark_cfg cfg = { .crc = true };
	u8 out[SIW_TX_TERM_MAX];

	CHECK_EQ(vector_get("G24", plain), 28);
	CHECK_EQ(siw_tx_lone_term(&tx, &p[0], SIW_E_MPA_RTR, out), 28);
	CHECK_MEM(out, plain, 28);
	CHECK_EQ(mark_stream(plain, 28, want, &cfg), 32);
	CHECK_EQ(siw_tx_lone_term(&tx, &p[1], SIW_E_MPA_RTR, out), 32);
	CHECK_MEM(out, want, 32);
	CHECK_EQ(siw_tx_lone_term(&tx, &p[2], SIW_E_MPA_RTR, out), 28);
	CHECK_MEM(out, plain, 24);
	CHECK_EQ(get32(out + 24), 0);
}

SUITE(tx_marker,
      CASE(siw_tx_piece__golden),
      CASE(siw_tx_piece__pointers),
      CASE(siw_tx_piece__every_place),
      CASE(siw_tx_piece__long),
      CASE(siw_tx_piece__unsealed),
      CASE(siw_mulpdu_marked__fits),
      CASE(siw_tx_cut__long_stream),
      CASE(siw_tx_sent__every_piece_size),
      CASE(siw_tx_sent__no_lone_marker),
      CASE(siw_tx_abort__at_every_octet),
      CASE(siw_tx_abort__idle),
      CASE(siw_tx_lone_term__golden));
