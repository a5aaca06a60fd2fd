// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Terminate messages: what a peer may send is read without reaching beyond it
 * and makes sense afterwards; what we build, a peer reads as it was meant.
 *
 * Input: the error to build for, octets sent of an aborted Read (2), length of
 * the offending header, 48 octets of it, then the payload of a received
 * Terminate.
 */
#include "fuzz.h"
#include "../../core/term.h"
#include "../../core/wire.h"

static const u8 bits = RDMAP_TERM_M | RDMAP_TERM_D | RDMAP_TERM_R;

/* Whatever was in the message, the fields agree with each other. */
static void check_sense(const struct siw_term *t)
{
	u32 ddp;

	MUST((u32)t->err < SIW_E_CNT && t->err != SIW_OK);
	MUST(!(t->hdrct & ~bits) && !t->send);
	if (!(t->hdrct & RDMAP_TERM_M))
		MUST(!t->swapped || !t->seg_len);
	if (!(t->hdrct & RDMAP_TERM_D)) {
		MUST(!t->hdr_len);
		return;
	}
	ddp = t->hdr[0] & DDP_F_TAGGED ? DDP_TAGGED_LEN : DDP_UNTAGGED_LEN;
	MUST(t->hdr_len ==
	     ddp + (t->hdrct & RDMAP_TERM_R ? RDMAP_RREQ_LEN : 0u));
}

static void receive(const u8 *data, size_t size)
{
	u32 shown = size < RDMAP_TERM_MAX ? (u32)size : RDMAP_TERM_MAX;
	u8 *exact = fuzz_exact(data, shown);
	struct siw_term t, again;

	/* the rest of a longer message is not looked at */
	memset(&t, 0xa5, sizeof(t));
	MUST(siw_term_parse(&t, exact, (u32)size) == t.err);
	check_sense(&t);
	MUST(siw_term_parse(&again, exact, shown) == t.err);
	MUST(!memcmp(again.hdr, t.hdr, sizeof(t.hdr)) &&
	     again.hdrct == t.hdrct && again.seg_len == t.seg_len);
	free(exact);
}

static u64 get_be(const u8 *p, u32 n)
{
	u64 v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

/* RFC 5040 section 4.8: how far a Read got, in the header that goes back. */
static void check_progress(struct siw_term *t, u32 done)
{
	const u8 *r = t->hdr + DDP_UNTAGGED_LEN;
	u64 sink = get_be(r + 4, 8), source = get_be(r + 20, 8);
	u64 size = get_be(r + 12, 4);
	struct siw_term before = *t;

	siw_term_progress(t, done);
	if (!(t->hdrct & RDMAP_TERM_R)) {
		MUST(!memcmp(t->hdr, before.hdr, sizeof(t->hdr)));
		return;
	}
	if (done > size)
		done = (u32)size;
	MUST(get_be(r + 12, 4) == size - done);
	MUST(get_be(r + 4, 8) == sink + done);
	MUST(get_be(r + 20, 8) == source + done);
}

static void send(enum siw_err err, const u8 *hdr, u32 hdr_len, u32 done)
{
	const struct siw_err_info *info = siw_err_info(err);
	u8 *exact = fuzz_exact(hdr, hdr_len);
	u8 *buf = malloc(RDMAP_TERM_MAX);
	struct siw_term t, back;
	u32 len;

	MUST(buf);
	siw_term_init(&t, err, exact, hdr_len);
	MUST(t.err == err && t.send == info->sendable);
	MUST(!(t.hdrct & ~info->hdrct));
	MUST(t.hdr_len <= hdr_len);
	check_progress(&t, done);
	len = siw_term_build(buf, &t);
	MUST(len >= 4 && len <= RDMAP_TERM_MAX);
	if (t.send) {
		siw_term_parse(&back, buf, len);
		MUST(!back.swapped && back.layer == t.layer &&
		     back.etype == t.etype && back.code == t.code);
		MUST(back.hdrct == t.hdrct && back.hdr_len == t.hdr_len);
		MUST(!memcmp(back.hdr, t.hdr, t.hdr_len));
		MUST(!t.hdrct || back.seg_len == t.seg_len);
		/* the reason may have been one of several with its triple */
		MUST(back.err == siw_err_from_triple(t.layer, t.etype,
						     t.code));
	}
	free(buf);
	free(exact);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u8 hdr[RDMAP_RREQ_HDR];
	u32 err, done, len;

	err = fuzz_u8(&in) % SIW_E_CNT;
	done = fuzz_u16(&in);
	len = fuzz_u8(&in) % (RDMAP_RREQ_HDR + 1);
	fuzz_octets(&in, hdr, sizeof(hdr));
	send((enum siw_err)err, hdr, len, done);
	receive(in.p, in.left);
	return 0;
}
