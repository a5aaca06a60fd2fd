/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * One end of a simulated connection: an executor for the receive and the
 * transmit machine with queues and memory, and a pipe that stands for one
 * direction of TCP. Two of each make a connection; what is simulated is how
 * the octets are cut, delayed, damaged and refused.
 *
 * The executor checks the machines while it serves them: every instruction
 * must stay inside what was granted. What it finds goes to sim_bad().
 */
#ifndef SIW_TESTS_SIM_END_H
#define SIW_TESTS_SIM_END_H

#include "../../core/access.h"
#include "../../core/rdq.h"
#include "../../core/rx.h"
#include "../../core/tx.h"

#define SIM_WRS		64	/* work requests of a run */
#define SIM_RD		8	/* room for IRD and ORD */
#define SIM_PIPE	(1u << 20)
#define SIM_FPDU_MAX	66100u	/* octets of the longest FPDU, and more */
#define SIM_UNIT	(1u << 18)	/* most octets of one memory region */

/* Memory regions, the same at every end. */
#define SIM_STAG_WR	0x10000100u	/* remote write */
#define SIM_STAG_RD	0x20000200u	/* remote read; holds a pattern */
#define SIM_STAG_SINK	0x30000300u	/* local write */
#define SIM_STAG_INV	0x40000400u	/* may be invalidated, empty */
#define SIM_STAG_AT	0x50000500u	/* remote atomic */
#define SIM_TO_WR	0x0000000012345678ull
#define SIM_TO_RD	0xfffffffff0000000ull
#define SIM_TO_SINK	0x00007fff00000000ull
#define SIM_TO_AT	0x0000000000700004ull	/* memory is aligned there */
#define SIM_WORDS	32

/* A reproducible stream of numbers. */
struct sim_rnd {
	u64 x;
};

u32 sim_rnd(struct sim_rnd *r);
u32 sim_below(struct sim_rnd *r, u32 limit);	/* 0 to limit - 1 */

/* One direction. The writer sees a full pipe, the reader what has arrived. */
struct sim_pipe {
	u8 buf[SIM_PIPE];
	u32 head;		/* next octet to read */
	u32 seen;		/* octets up to here have arrived */
	u32 tail;		/* next octet to write */
	u32 window;		/* octets that fit; 0: SIM_PIPE */
	bool fin;		/* the writer has closed */
	bool rst;		/* the writer has reset; octets are lost */
};

void sim_pipe_init(struct sim_pipe *p);
u32 sim_pipe_write(struct sim_pipe *p, const void *data, u32 n);
void sim_pipe_arrive(struct sim_pipe *p, u32 n);

/* A work request. @seed makes its payload. */
struct sim_wr {
	u8 opcode;
	u32 len;
	u32 seed;
	u32 stag;		/* Write: sink, Read: source */
	u64 to;
	u64 sink_to;		/* Read */
	u64 imm;		/* Immediate Data */
	u64 value;		/* Atomic: what the response said */
	u32 inval_stag;
	bool started;
	bool done;
};

/* A posted receive, and what came of it. */
struct sim_recv {
	u8 *buf;
	u32 cap;
	bool taken;
	bool done;
	u32 len;
	u8 opcode;
	u32 inval_stag;
	u64 imm;
	bool after_write;
};

enum sim_kind { SIM_SQ, SIM_RRESP, SIM_ARESP, SIM_TERM, SIM_RTR };

struct sim_msg {
	enum sim_kind kind;
	u32 wr;
	struct siw_rreq rreq;
};

/* Requests of the peer, in one queue. */
struct sim_irqe {
	bool atomic;
	union {
		struct siw_rreq rreq;
		struct siw_areq areq;
	};
};

struct sim_orqe {
	bool atomic;		/* @stag is its Request Identifier */
	u32 stag, len, wr;
	u64 to;
};

struct sim_cfg {
	bool crc;
	bool verify_first;
	bool markers_tx, markers_rx;
	bool responder;
	u8 rtr;			/* SIW_MPA_RTR_*: initiator sends it first */
	u8 ext;			/* SIW_EXT_* */
	u32 ird, ord;
	u32 unit;		/* octets of each memory region */
	u32 mulpdu;
};

struct sim_end {
	const char *name;
	struct sim_cfg cfg;
	struct siw_rx rx;
	struct siw_tx tx;
	struct sim_pipe *in, *out;
	struct sim_rnd *rnd;	/* NULL: whole octet ranges at a time */
	/* memory */
	u8 mem_wr[SIM_UNIT], mem_rd[SIM_UNIT], mem_sink[SIM_UNIT];
	bool inval_done;
	u64 mem_at[SIM_WORDS];
	/* queues */
	struct sim_wr wr[SIM_WRS];
	u32 wr_cnt, wr_next, wr_done;
	struct sim_recv rq[SIM_WRS];
	u32 rq_cnt, rq_next, rq_done;
	struct siw_rdq orq, irq;
	struct sim_orqe orqe[SIM_RD];
	struct sim_irqe irqe[SIM_RD];
	/* messages in flight */
	struct sim_msg msg[64];
	u32 msg_next;
	bool rtr_pending, rtr_read;
	bool irq_turn;
	bool stopped;		/* starts no message but a Terminate */
	/* refusal number @refuse_at gets @refuse_why */
	u32 refusable, refuse_at;
	enum siw_err refuse_why;
	enum siw_rx_op refuse_op;
	/* the end */
	bool failed;		/* ours: @term */
	struct siw_term term;
	bool term_pending, term_started, term_sent;
	u8 term_buf[RDMAP_TERM_MAX];
	u32 term_len;
	bool peer_failed;	/* the peer's: @peer_term */
	struct siw_term peer_term;
	/* counts */
	u32 delivered[RDMAP_OPCODE_CNT];
	u64 placed;
	u32 mark;		/* Writes checked so far */
};

extern const char *sim_bad_what;	/* first violation, or NULL */
void sim_bad(const char *what);

u8 sim_octet(u32 seed, u64 off);
u64 sim_word(u32 i);		/* what mem_at holds before any Atomic */
void sim_areq(struct siw_areq *a, const struct sim_wr *w);
void sim_end_init(struct sim_end *e, const char *name,
		  const struct sim_cfg *cfg, struct sim_pipe *in,
		  struct sim_pipe *out);
void sim_post_recv(struct sim_end *e, u8 *buf, u32 cap);
struct sim_wr *sim_post(struct sim_end *e, u8 opcode, u32 len, u64 off);
void sim_rx(struct sim_end *e);		/* everything that has arrived */
void sim_cut(struct sim_end *e);	/* fill the transmit ring */
u32 sim_send(struct sim_end *e, u32 limit);	/* one socket send */
bool sim_quiet(const struct sim_end *e);	/* nothing left to do */
bool sim_recv_good(const struct sim_recv *r, const struct sim_wr *w);
bool sim_write_good(const struct sim_end *sink, const struct sim_wr *w);
bool sim_read_good(const struct sim_end *e, const struct sim_wr *w);
bool sim_atomics_good(const struct sim_end *from, const struct sim_end *to);

#endif
