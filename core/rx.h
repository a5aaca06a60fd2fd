/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The receive machine: octets of a TCP stream in, instructions out. It never
 * sees payload; it asks for header octets, says where payload goes, and keeps
 * the CRC that its executor computes.
 *
 * RFC 5044 §6, RFC 5041 §5-7, RFC 5040 §4-7, RFC 7306 §5-8
 *
 * One per connection. The caller serialises all calls on one machine (kernel:
 * socket lock; user space: connection lock). No function sleeps, allocates,
 * takes a lock or logs. Nothing is shared with the transmit machine.
 *
 * The loop of an executor:
 *
 *	for (;;) {
 *		siw_rx_next(rx, &insn);
 *		if (insn.len && no stream octets left)
 *			break;
 *		switch (insn.op) {
 *		case SIW_RX_FETCH:	n = min(insn.len, avail);
 *					copy n stream octets to insn.buf;
 *					siw_rx_done(rx, n, 0);
 *		case SIW_RX_VERIFY:	if (avail < insn.len) stop and wait;
 *					siw_rx_verified(rx, CRC32c of the next
 *						insn.len octets, which are not
 *						consumed, seed siw_rx_crc(rx));
 *		case SIW_RX_NEED_RQE:	siw_rx_rqe() or siw_rx_refuse()
 *		case SIW_RX_NEED_READ:	siw_rx_read() or siw_rx_refuse();
 *					with RDMAP_ATOMIC_RESP siw_rx_atomic()
 *					or siw_rx_refuse()
 *		case SIW_RX_PLACE_*:	at SEG_START check [to or mo, seg_len),
 *					else siw_rx_refuse();
 *					place n = min(insn.len, avail) octets;
 *					siw_rx_done(rx, n, CRC32c over them);
 *		case SIW_RX_DELIVER:	complete the message;
 *					siw_rx_done(rx, 0, 0) or siw_rx_refuse()
 *		case SIW_RX_FAIL:	act on siw_rx_term(); stop for good
 *		}
 *	}
 *
 * Instructions with len 0 (NEED_*, DELIVER, FAIL) must be carried out although
 * no octets are left: nothing else would complete the last message.
 *
 * Markers are instructions like others: a FETCH, whenever one is due, and no
 * instruction but VERIFY reaches beyond the next. An executor need not know.
 */
#ifndef SIW_CORE_RX_H
#define SIW_CORE_RX_H

#include "ext.h"
#include "term.h"

enum siw_rx_op {
	SIW_RX_FETCH,		/* move the next @len octets to @buf */
	SIW_RX_VERIFY,		/* look @len octets ahead, consume none */
	SIW_RX_NEED_RQE,	/* a Send or Immediate Data: which buffer? */
	SIW_RX_NEED_READ,	/* a Read or Atomic Response: to what? */
	SIW_RX_PLACE_TAGGED,	/* the next @len octets go to (@stag, @to) */
	SIW_RX_PLACE_UNTAGGED,	/* ... to offset @mo of the receive buffer */
	SIW_RX_DELIVER,		/* a whole message is here, and good */
	SIW_RX_FAIL,		/* the stream is dead, see siw_rx_term() */
};

/* struct siw_rx_insn.flags */
enum {
	SIW_RX_F_MSG_START	= 0x01,	/* first segment of the message */
	SIW_RX_F_SEG_START	= 0x02,	/* no octet of the segment placed yet */
	SIW_RX_F_MSG_LAST	= 0x04,	/* last segment of the message */
	SIW_RX_F_SOLICITED	= 0x08,	/* with solicited event */
	SIW_RX_F_INVALIDATE	= 0x10,	/* @inval_stag is to be invalidated */
	SIW_RX_F_AFTER_WRITE	= 0x20,	/* Immediate Data of a Write */
};

/**
 * struct siw_rx_insn - one instruction
 * @op: what to do
 * @opcode: RDMAP opcode of the segment; PLACE_TAGGED: RDMAP_WRITE needs
 *	SIW_R_REMOTE_WRITE at @stag, RDMAP_READ_RESP goes to the oldest
 *	outstanding Read; NEED_READ: RDMAP_READ_RESP or RDMAP_ATOMIC_RESP
 * @flags: SIW_RX_F_*
 * @len: stream octets it still covers; 0 for NEED_*, DELIVER and FAIL
 * @seg_len: PLACE: payload octets of the whole segment
 * @buf: FETCH: destination of the next octets
 * @stag: PLACE_TAGGED, NEED_READ of a Read Response: sink STag
 * @to: PLACE_TAGGED: where the next octet goes. At SEG_START the range to be
 *	checked is [@to, @to + @seg_len).
 * @mo: PLACE_UNTAGGED: offset in the receive buffer of the next octet
 * @msn: untagged messages
 * @inval_stag: DELIVER with SIW_RX_F_INVALIDATE. When that STag cannot be
 *	invalidated: siw_rx_refuse(SIW_E_RPROT_INVAL), and the receive does
 *	not complete well.
 * @msg_len: DELIVER: octets of the message (Write: saturating); of RDMAP_IMM
 *	and RDMAP_IMM_SE with SIW_RX_F_AFTER_WRITE: of the Write
 * @val: DELIVER of RDMAP_IMM and RDMAP_IMM_SE: the data, first octet on top;
 *	of RDMAP_ATOMIC_RESP: what was in the peer's memory before
 * @rreq: DELIVER of RDMAP_READ_REQ; valid until the instruction is answered.
 *	No room: siw_rx_refuse(SIW_E_RREQ_IRD).
 * @areq: DELIVER of RDMAP_ATOMIC_REQ; as @rreq. To be carried out when all
 *	Read and Atomic Requests before it are answered.
 * @term: DELIVER of RDMAP_TERMINATE; valid as long as the machine. Only FAIL
 *	with SIW_E_PEER_TERM comes behind it.
 */
struct siw_rx_insn {
	enum siw_rx_op op;
	u8 opcode;
	u8 flags;
	u32 len;
	u32 seg_len;
	void *buf;
	u64 to;
	u32 stag;
	u32 mo;
	u32 msn;
	u32 inval_stag;
	u32 msg_len;
	u64 val;
	const struct siw_rreq *rreq;
	const struct siw_areq *areq;
	const struct siw_term *term;
};

/**
 * struct siw_rx_params - what MPA negotiated
 * @crc: CRCs are in use
 * @markers: we asked for markers, so there are some
 * @verify_first: with @crc: check the CRC of an FPDU before anything of it is
 *	placed (the default). Otherwise before it is delivered.
 * @responder: MPA responder: the peer must be heard before we may send
 * @rtr_send: responder in peer-to-peer mode whose Reply asked for a
 *	zero-length Send: when it comes first it is swallowed, takes no
 *	receive buffer and is not delivered
 * @ext: SIW_EXT_* that both ends agreed to; without, their opcodes are faults
 */
struct siw_rx_params {
	bool crc;
	bool markers;
	bool verify_first;
	bool responder;
	bool rtr_send;
	u8 ext;
};

/* One untagged message being received; one per queue. */
struct siw_rx_umsg {
	bool active;
	u8 opcode;
	u32 msn;		/* expected next, or of the active one */
	u32 capacity;		/* octets of its buffer */
	u64 got;		/* payload octets so far */
};

/* One tagged message being received. */
struct siw_rx_tmsg {
	bool active;
	bool known;		/* Read Response: fields below are set */
	u32 stag;
	u32 len;
	u64 to;
	u64 got;
};

/* Private to the machine; embed it, do not look inside. */
struct siw_rx {
	_Alignas(8) u8 hdr[RDMAP_MAX_HDR];
	u8 state;
	bool crc_on;
	bool markers;
	bool verify_first;
	bool verified;		/* the CRC of this FPDU was found good */
	bool gate_open;		/* an FPDU was valid as far as MPA sees */
	bool rtr_send;
	bool swallow;		/* this FPDU is the RTR */
	bool msg_start;		/* this segment begins its message */
	bool after_write;	/* no Send or Immediate Data since a Write */
	u8 ext;
	u16 pos;		/* in the stream, modulo MPA_MARKER_GAP */
	enum siw_err pending;	/* fault that the CRC may still overrule */
	u32 crc;		/* register over what was consumed */
	u32 fpdu_left;		/* ... of this FPDU not yet consumed, no markers */
	u32 fpdu_done;		/* ... consumed since it began, with markers */
	u32 got;		/* octets of the current FETCH or payload */
	u32 want;		/* ... of how many */
	u32 hdr_cap;		/* octets of @hdr that are a whole header */
	struct siw_seg seg;
	struct siw_rx_tmsg write;
	struct siw_rx_tmsg read;
	struct siw_rx_umsg umsg[DDP_QN_CNT];
	u8 trl[8];
	u8 term_buf[60];
	struct siw_rreq rreq;
	struct siw_term peer_term;
	struct siw_term term;
	u8 marker[MPA_MARKER_SIZE];
	u32 write_len;		/* octets of that Write */
	u32 areq_id;		/* of the request that a response answers */
	u64 val;		/* Immediate Data, or of an Atomic Response */
	struct siw_areq areq;
};

/**
 * siw_rx_init() - stand before the first FPDU of a stream
 * @rx: machine
 * @p: copied
 *
 * Context: any.
 * RFC 5044 §7.1.2
 */
void siw_rx_init(struct siw_rx *rx, const struct siw_rx_params *p);

/**
 * siw_rx_next() - what has to happen next?
 * @rx: machine
 * @insn: result; fields that the instruction does not use are zero
 *
 * The answer stays the same until the instruction is answered.
 *
 * Context: any; caller serialises.
 */
void siw_rx_next(const struct siw_rx *rx, struct siw_rx_insn *insn);

/**
 * siw_rx_done() - (part of) a FETCH or PLACE, or a DELIVER, was carried out
 * @rx: machine
 * @n: stream octets consumed, 1 up to the instruction's len; 0 for DELIVER
 * @crc: PLACE: register over the octets as they came from the stream, begun
 *	with siw_rx_crc(). Not looked at for FETCH, nor without CRC, nor when
 *	the FPDU was verified: compute none when siw_rx_crc_wanted() is false.
 *
 * Context: any; caller serialises.
 * RFC 5044 §4.4
 */
void siw_rx_done(struct siw_rx *rx, u32 n, u32 crc);

/**
 * siw_rx_crc() - seed for the CRC over the next octets of the stream
 * @rx: machine
 *
 * Context: any; caller serialises.
 * Return: the register.
 */
u32 siw_rx_crc(const struct siw_rx *rx);

/**
 * siw_rx_crc_wanted() - must a PLACE compute the CRC of what it copies?
 * @rx: machine
 *
 * Context: any; caller serialises.
 * Return: true with CRC on, when the FPDU was not verified in advance.
 */
bool siw_rx_crc_wanted(const struct siw_rx *rx);

/**
 * siw_rx_verified() - answer to VERIFY
 * @rx: machine
 * @crc: register over all octets that the instruction covers, the CRC field
 *	at their end included, begun with siw_rx_crc()
 *
 * Context: any; caller serialises.
 * RFC 5044 §6
 */
void siw_rx_verified(struct siw_rx *rx, u32 crc);

/**
 * siw_rx_rqe() - answer to NEED_RQE: a receive buffer was taken
 * @rx: machine
 * @capacity: octets that it holds
 *
 * None there: siw_rx_refuse(SIW_E_UNT_NOBUF).
 *
 * Context: any; caller serialises.
 * RFC 5041 §7.1
 */
void siw_rx_rqe(struct siw_rx *rx, u32 capacity);

/**
 * siw_rx_read() - answer to NEED_READ of a Read Response: the oldest request
 * @rx: machine
 * @stag: sink STag that its Read Request named
 * @to: sink TO that its Read Request named
 * @len: octets that it asked for
 *
 * None outstanding, or the oldest is an Atomic:
 * siw_rx_refuse(SIW_E_ROP_UNSOLICITED).
 *
 * Context: any; caller serialises.
 * RFC 5040 §5.2
 */
void siw_rx_read(struct siw_rx *rx, u32 stag, u64 to, u32 len);

/**
 * siw_rx_atomic() - answer to NEED_READ of an Atomic Response
 * @rx: machine
 * @id: Request Identifier of the oldest outstanding request, an Atomic
 *
 * None outstanding, or the oldest is a Read: siw_rx_refuse(SIW_E_ARESP_NONE).
 *
 * Context: any; caller serialises.
 * RFC 7306 §5.2.2
 */
void siw_rx_atomic(struct siw_rx *rx, u32 id);

/**
 * siw_rx_refuse() - the executor cannot do what the instruction says
 * @rx: machine
 * @why: reason, for instance from siw_acc_err()
 *
 * An answer to NEED_*, PLACE and DELIVER. With CRC on and the FPDU not yet
 * verified, VERIFY follows, and a bad CRC takes precedence.
 *
 * Context: any; caller serialises.
 * RFC 5041 §7.1, RFC 5040 §7.1
 */
void siw_rx_refuse(struct siw_rx *rx, enum siw_err why);

/**
 * siw_rx_need() - octets without which there is no progress
 * @rx: machine
 *
 * Context: any; caller serialises.
 * Return: 0 when the next instruction covers none, otherwise at least 1: a
 * receive low-water mark.
 */
u32 siw_rx_need(const struct siw_rx *rx);

/**
 * siw_rx_idle() - is the stream between two FPDUs with no message begun?
 * @rx: machine
 *
 * A FIN is graceful only then (and only with no Read outstanding, which the
 * executor knows).
 *
 * Context: any; caller serialises.
 * Return: true when it is.
 * RFC 5041 §6.2.1
 */
bool siw_rx_idle(const struct siw_rx *rx);

/**
 * siw_rx_gate_open() - may we send?
 * @rx: machine
 *
 * Context: any; caller serialises.
 * Return: true at an initiator, and at a responder once one FPDU was valid.
 * RFC 5044 §7.1.2
 */
bool siw_rx_gate_open(const struct siw_rx *rx);

/**
 * siw_rx_term() - why the machine failed
 * @rx: machine
 *
 * Context: any; caller serialises.
 * Return: NULL unless the next instruction is FAIL. Its @send is false when
 * no Terminate may be sent: the peer sent one, or our gate is closed.
 * RFC 5040 §7.1
 */
const struct siw_term *siw_rx_term(const struct siw_rx *rx);

#endif
