/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The transmit machine: messages in, pieces of FPDUs out. It holds a ring of cut
 * FPDUs, of one message or of several, so that its executor gathers many of
 * them into one send; after a partial send siw_tx_sent() retires across FPDU
 * boundaries. It never sees payload: a piece names a range of the message.
 *
 * Without markers an FPDU is three pieces: header, payload, and trailer (pad
 * and CRC). With them each is divided wherever the 512th octet of the stream
 * falls, and a marker is a piece of its own. What is there is computed from
 * the octet asked for, so a send may end anywhere, within a marker too.
 *
 * One per connection, with one sender at a time. Nothing is shared with the
 * receive machine, and siw_tx_piece() changes nothing, so the receive path of
 * the same connection may run inside the socket send.
 *
 * The loop of an executor:
 *
 *	siw_tx_start(tx, &msg);
 *	while ((f = siw_tx_cut(tx, mulpdu))) {
 *		crc = ~0;
 *		for (off = 0; f->crc_on && siw_tx_piece(f, off, &p);
 *		     off += p.len)
 *			crc = CRC32c over the piece, begun with crc;
 *		siw_tx_seal(f, crc);
 *	}
 *	if (!siw_tx_busy(tx)) begin the next message, as long as not full
 *	for (i = 0; i < siw_tx_count(tx); i++) {
 *		f = siw_tx_unsent(tx, i, &off);
 *		for (; siw_tx_piece(f, off, &p); off += p.len)
 *			gather the piece
 *	}
 *	n = send();
 *	siw_tx_sent(tx, n);
 *	while ((ctx = siw_tx_done(tx)))
 *		that message was handed to TCP completely
 *
 * RFC 5044 §4, RFC 5041 §5, RFC 5040 §5, RFC 7306 §5, §6
 */
#ifndef SIW_CORE_TX_H
#define SIW_CORE_TX_H

#include "ext.h"
#include "term.h"

#define SIW_TX_RING	16	/* FPDUs; a power of two */

/* Octets of siw_tx_lone_term() */
#define SIW_TX_TERM_MAX	(MPA_MARKER_SIZE + RDMAP_MAX_HDR + RDMAP_TERM_MAX + \
			 MPA_MAX_PAD + MPA_CRC_SIZE)

/**
 * struct siw_tx_params - what MPA negotiated
 * @crc: CRCs are in use; otherwise the field is sent as zero
 * @markers: the peer wants markers
 * @ext: SIW_EXT_* that both ends agreed to
 */
struct siw_tx_params {
	bool crc;
	bool markers;
	u8 ext;
};

/**
 * struct siw_tx_msg - one message; values, never pointers into shared rings
 * @opcode: enum rdmap_opcode; says whether solicited, invalidating, tagged
 * @len: payload octets; 0 for a Read Request and the messages of RFC 7306
 * @stag: Write, Read Response: sink STag
 * @to: Write, Read Response: sink TO
 * @inval_stag: Send with Invalidate
 * @imm: Immediate Data, the first octet the most significant
 * @rreq: Read Request; its @msn and @hdr are not used
 * @areq: Atomic Request; its @msn and @hdr are not used
 * @aresp: Atomic Response; its @msn is not used
 * @ctx: handed back with every FPDU and by siw_tx_done(); not NULL
 */
struct siw_tx_msg {
	u8 opcode;
	u32 len;
	u32 stag;
	u32 inval_stag;
	u64 to;
	u64 imm;
	const struct siw_rreq *rreq;
	const struct siw_areq *areq;
	const struct siw_aresp *aresp;
	void *ctx;
};

/**
 * struct siw_tx_fpdu - a cut FPDU. For executors: read only.
 * @hdr: header as on the wire, but for markers
 * @trl: pad and CRC
 * @hdr_len: octets of @hdr
 * @trl_len: octets of @trl; counts once sealed
 * @sealed: the trailer is ready
 * @crc_on: CRCs are in use
 * @markers: markers are
 * @pos: octets of the stream in front of it, modulo MPA_MARKER_GAP
 * @wire_len: octets on the wire, markers and trailer included
 * @last: last FPDU of its message
 * @pay_off: first octet of the message that it carries
 * @pay_len: payload octets
 * @ctx: of the message
 */
struct siw_tx_fpdu {
	_Alignas(8) u8 hdr[RDMAP_MAX_HDR];
	u8 trl[8];
	u8 hdr_len;
	u8 trl_len;
	bool sealed;
	bool crc_on;
	bool markers;
	bool last;
	u16 pos;
	u32 wire_len;
	u32 pay_off;
	u32 pay_len;
	void *ctx;
};

/**
 * struct siw_tx_piece - octets of an FPDU that are in one place
 * @own: octets of a header, a trailer or a marker; NULL: payload
 * @len: octets, not 0
 * @off: payload is octets [@off, @off + @len) of the message
 * @marker: @own points to @store: a copy is to be made of it
 * @store: a whole marker
 */
struct siw_tx_piece {
	const u8 *own;
	u32 len;
	u32 off;
	bool marker;
	__be32 store;
};

/* Embed it. Private to tx.c. The counters run freely: [done, head) is handed
 * over but not yet collected by siw_tx_done(), [head, tail) is unsent.
 */
struct siw_tx {
	bool crc_on;
	bool markers;
	bool active;		/* a message is not completely cut */
	u8 ext;
	u8 whole_len;		/* octets of @whole; 0: it has payload */
	u16 pos;		/* of what is cut next; see struct siw_tx_fpdu */
	u32 done;
	u32 head;
	u32 tail;
	u32 sent;		/* octets of the head FPDU that TCP has */
	u32 off;		/* octets of the message that are cut */
	u32 cur_msn;
	u32 msn[DDP_QN_CNT];	/* next */
	struct siw_tx_msg msg;
	u64 whole[RDMAP_MAX_HDR / 8];	/* headers that are the message */
	struct siw_tx_fpdu ring[SIW_TX_RING];
};

/**
 * siw_tx_init() - stand before the first FPDU of a stream; MSNs start at 1
 * @tx: machine
 * @p: copied
 *
 * Context: any.
 * RFC 5041 §4.3
 */
void siw_tx_init(struct siw_tx *tx, const struct siw_tx_params *p);

/**
 * siw_tx_start() - begin a message
 * @tx: machine
 * @m: copied, and what it points to
 *
 * An untagged message gets the next MSN of its queue.
 *
 * Context: any; the one sender.
 * Return: 0; -EBUSY while the message before is not completely cut; -EINVAL
 * for an opcode or an Atomic Operation that is unknown or not agreed to, or a
 * NULL @m->ctx.
 * RFC 5041 §5.3
 */
int siw_tx_start(struct siw_tx *tx, const struct siw_tx_msg *m);

/**
 * siw_tx_busy() - is a message not completely cut?
 * @tx: machine
 *
 * Context: any; the one sender.
 * Return: true while siw_tx_start() would say -EBUSY.
 */
static inline bool siw_tx_busy(const struct siw_tx *tx)
{
	return tx->active;
}

/**
 * siw_tx_cut() - cut the next FPDU of the message into the ring
 * @tx: machine
 * @mulpdu: octets, from siw_mulpdu(), with markers siw_mulpdu_marked();
 *	brought into 128..64768
 *
 * Context: any; the one sender.
 * Return: the FPDU, to be sealed with siw_tx_seal(); NULL when there is no
 * message to cut (siw_tx_busy() is false) or no room (siw_tx_full()).
 * RFC 5041 §5.2
 */
struct siw_tx_fpdu *siw_tx_cut(struct siw_tx *tx, u32 mulpdu);

/**
 * siw_tx_full() - is the ring full?
 * @tx: machine
 *
 * Context: any; the one sender.
 * Return: true while siw_tx_cut() cannot succeed. FPDUs leave the ring by
 * siw_tx_sent() followed by siw_tx_done().
 */
static inline bool siw_tx_full(const struct siw_tx *tx)
{
	return tx->tail - tx->done >= SIW_TX_RING;
}

/**
 * siw_tx_piece() - what is at this place of an FPDU?
 * @f: FPDU
 * @off: octets of it that are in front of the place, markers included
 * @p: result, from @off to the end of the piece; @p->own may point into @p
 *
 * Changes nothing. Not to be asked with an @off from before siw_tx_sent().
 *
 * Context: any; the one sender.
 * Return: false at the end of @f, which is in front of the first octet of the
 * trailer until it is sealed.
 * RFC 5044 §4.3
 */
bool siw_tx_piece(const struct siw_tx_fpdu *f, u32 off,
		  struct siw_tx_piece *p);

/**
 * siw_tx_seal() - make the trailer
 * @f: from siw_tx_cut()
 * @crc: register over all pieces of @f so far, begun with ~0; not looked at
 *	with CRC off, when the payload need not be read at all
 *
 * The pad octets, and a marker behind them, are added here.
 *
 * Context: any; the one sender.
 * RFC 5044 §4.4
 */
void siw_tx_seal(struct siw_tx_fpdu *f, u32 crc);

/**
 * siw_tx_count() - FPDUs of the ring that are not completely sent
 * @tx: machine
 *
 * Context: any; the one sender.
 * Return: 0 to SIW_TX_RING.
 */
static inline u32 siw_tx_count(const struct siw_tx *tx)
{
	return tx->tail - tx->head;
}

/**
 * siw_tx_unsent() - the @i-th unsent FPDU
 * @tx: machine
 * @i: 0 to siw_tx_count() - 1
 * @off: result: octets of it that TCP has; not 0 only if @i is
 *
 * Context: any; the one sender.
 * Return: the FPDU, to be asked for its pieces from @off on.
 */
const struct siw_tx_fpdu *siw_tx_unsent(const struct siw_tx *tx, u32 i,
					u32 *off);

/**
 * siw_tx_sent() - TCP took octets
 * @tx: machine
 * @n: how many of those that the pieces name, from the first on
 *
 * Context: any; the one sender.
 */
void siw_tx_sent(struct siw_tx *tx, u32 n);

/**
 * siw_tx_done() - the next message whose last octet was handed to TCP
 * @tx: machine
 *
 * Call it until NULL after siw_tx_sent(): it is what makes room in the ring.
 *
 * Context: any; the one sender.
 * Return: the ctx of that message, in the order of siw_tx_start(), or NULL.
 */
void *siw_tx_done(struct siw_tx *tx);

/**
 * siw_tx_abort() - let nothing follow but the end of a begun FPDU
 * @tx: machine
 *
 * Before a Terminate: gives up the message being cut and every FPDU of which
 * no octet was sent. An FPDU sent in part stays, since a Terminate must not
 * split it; its payload (and so the memory of its message) is needed until
 * siw_tx_done() returns its ctx. No other message is returned any more by
 * siw_tx_done(), but for those handed over completely before.
 *
 * Context: any; the one sender.
 * Return: the ctx of the FPDU that stays, or NULL.
 * RFC 5040 §5.4
 */
void *siw_tx_abort(struct siw_tx *tx);

/**
 * siw_tx_lone_term() - the one FPDU of a connection whose set-up failed
 * @tx: not in use: room to work in
 * @p: what MPA negotiated
 * @err: why it failed
 * @out: result, room for SIW_TX_TERM_MAX octets
 *
 * Context: any.
 * Return: octets at @out.
 * RFC 6581 §8
 */
u32 siw_tx_lone_term(struct siw_tx *tx, const struct siw_tx_params *p,
		     enum siw_err err, u8 *out);

/**
 * siw_tx_idle() - is nothing in progress?
 * @tx: machine
 *
 * Context: any; the one sender.
 * Return: true when no message is being cut and every FPDU is sent.
 */
static inline bool siw_tx_idle(const struct siw_tx *tx)
{
	return !tx->active && tx->head == tx->tail;
}

#endif
