/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Markers put into a stream octet by octet, as RFC 5044 section 4.3 describes
 * them; nothing of the core is used, but for the CRC32c.
 */
#ifndef SIW_TESTS_MARKERS_H
#define SIW_TESTS_MARKERS_H

#include "vectors.h"

struct mark_cfg {
	bool crc;		/* CRCs are made anew, else they are 0 */
	u32 flip;		/* XORed to marker number @which ... */
	u32 which;		/* ... or to all, with U32_MAX */
};

struct mark_out {
	u8 *buf;
	u32 len;
	u32 begin;		/* of the FPDU, marker in front included */
	u32 field;		/* of its ULPDU_Length; U32_MAX: not yet */
	u32 marks;
	const struct mark_cfg *cfg;
};

static inline void mark_if_due(struct mark_out *o)
{
	u32 v = o->field == U32_MAX ? 0 : o->len - o->field;

	if (o->len % 512)
		return;
	if (o->cfg->which == o->marks || o->cfg->which == U32_MAX)
		v ^= o->cfg->flip;
	put32(o->buf + o->len, v);
	o->len += 4;
	o->marks++;
}

static inline void mark_fpdu(struct mark_out *o, const u8 *fpdu, u32 n)
{
	u32 i, crc;

	o->begin = o->len;
	o->field = U32_MAX;
	for (i = 0; i < n - 4; i++) {
		mark_if_due(o);
		if (!i)
			o->field = o->len;
		o->buf[o->len++] = fpdu[i];
	}
	mark_if_due(o);
	crc = ~siw_crc32c(~0u, o->buf + o->begin, o->len - o->begin);
	if (!o->cfg->crc)
		crc = 0;
	for (i = 0; i < 4; i++)
		o->buf[o->len++] = (u8)(crc >> 8 * i);
}

/* Return: octets of the marked stream of the FPDUs at @plain. */
static inline u32 mark_stream(const u8 *plain, u32 len, u8 *out,
			      const struct mark_cfg *cfg)
{
	struct mark_out o = { .buf = out, .cfg = cfg };
	u32 pos, n;

	for (pos = 0; pos < len; pos += n) {
		n = fpdu_octets(plain + pos);
		mark_fpdu(&o, plain + pos, n);
	}
	return o.len;
}

#endif
