/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * An executor for the transmit machine, as small as the contract in core/tx.h
 * allows: one payload for all messages, and a TCP that keeps what it takes.
 */
#ifndef SIW_TESTS_TX_EXEC_H
#define SIW_TESTS_TX_EXEC_H

#include "vectors.h"
#include "../../core/tx.h"

#define TX_STREAM_MAX	16384u

static struct siw_tx tx;
static u8 stream[TX_STREAM_MAX];
static u32 stream_len;
static u8 payload[8192];	/* octet @i of any message is payload[i] */

static inline void tx_begin(bool crc, bool markers)
{
	const struct siw_tx_params p = { .crc = crc, .markers = markers };
	u32 i;

	for (i = 0; i < sizeof(payload); i++)
		payload[i] = (u8)(i * 7 + i / 256);
	siw_tx_init(&tx, &p);
	stream_len = 0;
}

static inline const u8 *octets(const struct siw_tx_piece *p)
{
	return p->own ? p->own : payload + p->off;
}

static inline void seal(struct siw_tx_fpdu *f)
{
	struct siw_tx_piece p;
	u32 off, crc = ~0u;

	for (off = 0; siw_tx_piece(f, off, &p); off += p.len)
		crc = siw_crc32c(crc, octets(&p), p.len);
	siw_tx_seal(f, crc);
}

/* Cut and seal all that fits. Return: FPDUs cut. */
static inline u32 cut_all(u32 mulpdu)
{
	struct siw_tx_fpdu *f;
	u32 n = 0;

	while ((f = siw_tx_cut(&tx, mulpdu))) {
		seal(f);
		n++;
	}
	return n;
}

static inline u32 append(const void *p, u32 len, u32 max)
{
	if (len > max)
		len = max;
	if (stream_len + len > TX_STREAM_MAX)
		return 0;
	memcpy(stream + stream_len, p, len);
	stream_len += len;
	return len;
}

/* A TCP that takes @max octets at once. Return: octets it took. */
static inline u32 send_some(u32 max)
{
	const struct siw_tx_fpdu *f;
	struct siw_tx_piece p;
	u32 i, off, n = 0;

	for (i = 0; i < siw_tx_count(&tx); i++) {
		f = siw_tx_unsent(&tx, i, &off);
		for (; siw_tx_piece(f, off, &p); off += p.len)
			n += append(octets(&p), p.len, max - n);
	}
	siw_tx_sent(&tx, n);
	return n;
}

#endif
