// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Memory, queues and pipes of a simulated end; see end.h. */
#include "end.h"

#include "../../core/mpa.h"

const char *sim_bad_what;

void sim_bad(const char *what)
{
	if (!sim_bad_what)
		sim_bad_what = what;
}

u32 sim_rnd(struct sim_rnd *r)
{
	r->x = r->x * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(r->x >> 33);
}

u32 sim_below(struct sim_rnd *r, u32 limit)
{
	return limit ? sim_rnd(r) % limit : 0;
}

void sim_pipe_init(struct sim_pipe *p)
{
	p->head = 0;
	p->seen = 0;
	p->tail = 0;
	p->window = 0;
	p->fin = false;
	p->rst = false;
}

u32 sim_pipe_write(struct sim_pipe *p, const void *data, u32 n)
{
	u32 room = p->window ? p->window : SIM_PIPE;
	u32 used = p->tail - p->head;

	if (used >= room)
		return 0;
	if (n > room - used)
		n = room - used;
	if (n > SIM_PIPE - p->tail) {
		memmove(p->buf, p->buf + p->head, used);
		p->seen -= p->head;
		p->tail = used;
		p->head = 0;
	}
	memcpy(p->buf + p->tail, data, n);
	p->tail += n;
	return n;
}

void sim_pipe_arrive(struct sim_pipe *p, u32 n)
{
	p->seen = n < p->tail - p->seen ? p->seen + n : p->tail;
}

u8 sim_octet(u32 seed, u64 off)
{
	u64 x = (seed + 1) * 0x9e3779b97f4a7c15ull +
		off * 0xff51afd7ed558ccdull;

	return (u8)(x >> 47);
}

void sim_end_init(struct sim_end *e, const char *name,
		  const struct sim_cfg *cfg, struct sim_pipe *in,
		  struct sim_pipe *out)
{
	const struct siw_rx_params rp = {
		.crc = cfg->crc,
		.markers = cfg->markers_rx,
		.verify_first = cfg->verify_first,
		.responder = cfg->responder,
		.rtr_send = cfg->responder && cfg->rtr == SIW_MPA_RTR_SEND,
		.ext = cfg->ext,
	};
	const struct siw_tx_params tp = {
		.crc = cfg->crc,
		.markers = cfg->markers_tx,
		.ext = cfg->ext,
	};
	u32 i;

	memset(e, 0, offsetof(struct sim_end, mem_wr));
	memset(e->mem_wr, 0xcc, cfg->unit);
	memset(e->mem_sink, 0xcc, cfg->unit);
	memset(&e->inval_done, 0, sizeof(*e) -
	       offsetof(struct sim_end, inval_done));
	for (i = 0; i < cfg->unit; i++)
		e->mem_rd[i] = sim_octet(SIM_STAG_RD, i);
	for (i = 0; i < SIM_WORDS; i++)
		e->mem_at[i] = sim_word(i);
	e->name = name;
	e->cfg = *cfg;
	e->in = in;
	e->out = out;
	e->refuse_at = ~0u;
	e->rtr_pending = !cfg->responder && cfg->rtr;
	siw_rdq_init(&e->irq, cfg->ird);
	siw_rdq_init(&e->orq, cfg->ord);
	siw_rx_init(&e->rx, &rp);
	siw_tx_init(&e->tx, &tp);
}

void sim_post_recv(struct sim_end *e, u8 *buf, u32 cap)
{
	struct sim_recv *r = &e->rq[e->rq_cnt++];

	memset(r, 0, sizeof(*r));
	r->buf = buf;
	r->cap = cap;
}

u64 sim_word(u32 i)
{
	return (u64)i << 56 | (u64)sim_octet(i, 1) << 31 | 0x7ffffff0u;
}

/* All kinds of Atomics, some of which find what they compare with. */
void sim_areq(struct siw_areq *a, const struct sim_wr *w)
{
	bool swap = w->seed & 1;

	memset(a, 0, sizeof(*a));
	a->op = swap ? RDMAP_CMP_SWAP : RDMAP_FETCH_ADD;
	a->id = w->seed ^ 0x80000000u;
	a->stag = w->stag;
	a->to = w->to;
	a->data = 0x0102030405060708ull * (w->seed + 1);
	a->mask = w->seed & 2 ? 0x8000000080008080ull : 0;
	if (!swap)
		return;
	a->mask = w->seed & 2 ? U64_MAX : 0x00ffff0000ffff00ull;
	a->cmp = sim_word((u32)((w->to - SIM_TO_AT) / 8));
	a->cmp_mask = w->seed & 4 ? 0xff00000000000000ull : U64_MAX;
}

/* Writes go to offset @off of the peer's region, Reads from there to the same
 * offset of our sink, Atomics to word @off; others do not use it.
 */
struct sim_wr *sim_post(struct sim_end *e, u8 opcode, u32 len, u64 off)
{
	struct sim_wr *w = &e->wr[e->wr_cnt];

	memset(w, 0, sizeof(*w));
	w->opcode = opcode;
	w->len = len;
	w->seed = e->wr_cnt++;
	if (opcode == RDMAP_WRITE) {
		w->stag = SIM_STAG_WR;
		w->to = SIM_TO_WR + off;
	} else if (opcode == RDMAP_READ_REQ) {
		w->stag = SIM_STAG_RD;
		w->to = SIM_TO_RD + off;
		w->sink_to = SIM_TO_SINK + off;
	} else if (opcode == RDMAP_ATOMIC_REQ) {
		w->stag = SIM_STAG_AT;
		w->to = SIM_TO_AT + 8 * (off % SIM_WORDS);
	} else if (siw_opcode_info(opcode)->ext) {
		w->imm = 0xfedcba9800000000ull + w->seed;
	} else if (siw_opcode_info(opcode)->invalidate) {
		w->inval_stag = SIM_STAG_INV;
	}
	return w;
}

bool sim_quiet(const struct sim_end *e)
{
	return siw_tx_idle(&e->tx) && siw_rx_idle(&e->rx) &&
	       e->wr_done == e->wr_cnt && siw_rdq_empty(&e->irq) &&
	       siw_rdq_empty(&e->orq) && !e->rtr_pending && !e->rtr_read &&
	       e->in->head == e->in->tail;
}

bool sim_recv_good(const struct sim_recv *r, const struct sim_wr *w)
{
	u32 i;

	if (!r->done || r->opcode != w->opcode ||
	    r->inval_stag != w->inval_stag || r->imm != w->imm)
		return false;
	if (w->imm)
		return true;
	if (r->len != w->len)
		return false;
	for (i = 0; i < r->len; i++)
		if (r->buf[i] != sim_octet(w->seed, i))
			return false;
	return true;
}

bool sim_write_good(const struct sim_end *sink, const struct sim_wr *w)
{
	const u8 *mem = sink->mem_wr + (w->to - SIM_TO_WR);
	u32 i;

	for (i = 0; i < w->len; i++)
		if (mem[i] != sim_octet(w->seed, i))
			return false;
	return true;
}

bool sim_read_good(const struct sim_end *e, const struct sim_wr *w)
{
	u64 off = w->sink_to - SIM_TO_SINK;
	u32 i;

	for (i = 0; i < w->len; i++)
		if (e->mem_sink[off + i] !=
		    sim_octet(SIM_STAG_RD, w->to - SIM_TO_RD + i))
			return false;
	return w->done;
}

/* @from alone does Atomics on the memory of @to: do them once more. */
bool sim_atomics_good(const struct sim_end *from, const struct sim_end *to)
{
	u64 mem[SIM_WORDS];
	struct siw_areq a;
	u32 i;

	for (i = 0; i < SIM_WORDS; i++)
		mem[i] = sim_word(i);
	for (i = 0; i < from->wr_cnt; i++) {
		const struct sim_wr *w = &from->wr[i];
		u64 *word = &mem[(w->to - SIM_TO_AT) / 8 % SIM_WORDS];

		if (w->opcode != RDMAP_ATOMIC_REQ)
			continue;
		sim_areq(&a, w);
		if (!w->done || w->value != *word)
			return false;
		*word = siw_atomic_result(&a, *word);
	}
	return !memcmp(mem, to->mem_at, sizeof(mem));
}
