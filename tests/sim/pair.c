// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Two ends and two pipes; see pair.h. */
#include "pair.h"

#include "../../core/mpa.h"

void sim_pair_init(struct sim_pair *p, enum sim_mode mode, u8 rtr, u32 unit,
		   u32 mulpdu)
{
	struct sim_cfg cfg = {
		.crc = mode % SIM_CRC_MODES != SIM_NO_CRC,
		.verify_first = mode % SIM_CRC_MODES == SIM_VERIFY,
		.markers_tx = mode / SIM_CRC_MODES & 1,
		.markers_rx = mode / SIM_CRC_MODES & 2,
		.rtr = rtr,
		.ext = SIW_EXT_ALL,
		.ird = SIM_RD,
		.ord = SIM_RD,
		.unit = unit,
		.mulpdu = mulpdu,
	};

	sim_bad_what = NULL;
	sim_pipe_init(&p->ab);
	sim_pipe_init(&p->ba);
	p->rbuf_a_used = 0;
	p->rbuf_b_used = 0;
	memset(p->rbuf_a, 0xcc, unit);
	memset(p->rbuf_b, 0xcc, unit);
	sim_end_init(&p->a, "initiator", &cfg, &p->ba, &p->ab);
	cfg.responder = true;
	cfg.markers_tx = mode / SIM_CRC_MODES & 2;
	cfg.markers_rx = mode / SIM_CRC_MODES & 1;
	sim_end_init(&p->b, "responder", &cfg, &p->ab, &p->ba);
}

/* Octets of the FPDU that begins at @at, with all that belongs to it. */
u32 sim_fpdu_len(const u8 *stream, u32 at, bool marked)
{
	const u8 *p = stream + at;
	u32 len;

	if (marked && !(at % MPA_MARKER_GAP))
		p += MPA_MARKER_SIZE;
	len = siw_fpdu_size((u32)(p[0] << 8 | p[1]));
	if (marked)
		len += MPA_MARKER_SIZE *
		       siw_marker_cnt(len, at % MPA_MARKER_GAP);
	return len;
}

void sim_pair_recv(struct sim_pair *p, struct sim_end *e, u32 cap)
{
	u8 *buf = e == &p->a ? p->rbuf_a : p->rbuf_b;
	u32 *used = e == &p->a ? &p->rbuf_a_used : &p->rbuf_b_used;

	sim_post_recv(e, buf + *used, cap);
	*used += cap;
}

void sim_step(struct sim_end *e)
{
	sim_pipe_arrive(e->in, SIM_PIPE);
	sim_rx(e);
	do
		sim_cut(e);
	while (sim_send(e, ~0u));
}

void sim_pair_run(struct sim_pair *p)
{
	u32 moved;

	do {
		moved = p->ab.tail + p->ba.tail;
		sim_step(&p->a);
		sim_step(&p->b);
	} while (p->ab.tail + p->ba.tail != moved);
	sim_step(&p->a);
}

/* Does @to know which Immediate Data belong to a Write? */
static bool imm_good(const struct sim_end *from, const struct sim_end *to)
{
	bool write = !from->cfg.responder && from->cfg.rtr == SIW_MPA_RTR_WRITE;
	u32 i, sends = 0, len = 0;

	for (i = 0; i < from->wr_cnt; i++) {
		const struct sim_wr *w = &from->wr[i];
		const struct sim_recv *r = &to->rq[sends];

		if (w->opcode == RDMAP_WRITE) {
			write = true;
			len = w->len;
			continue;
		}
		if (w->opcode == RDMAP_READ_REQ ||
		    w->opcode == RDMAP_ATOMIC_REQ)
			continue;
		if (w->imm && (r->after_write != write ||
			       r->len != (write ? len : 0)))
			return false;
		write = false;
		sends++;
	}
	return true;
}

/* Does @to have everything that @from was told to do to it? */
static bool way_good(const struct sim_end *from, const struct sim_end *to)
{
	u32 i, sends = 0;

	for (i = 0; i < from->wr_cnt; i++) {
		const struct sim_wr *w = &from->wr[i];

		if (!w->done)
			return false;
		if (w->opcode == RDMAP_WRITE) {
			if (!sim_write_good(to, w))
				return false;
		} else if (w->opcode == RDMAP_READ_REQ) {
			if (!sim_read_good(from, w))
				return false;
		} else if (w->opcode == RDMAP_ATOMIC_REQ) {
			continue;
		} else if (sends == to->rq_cnt ||
			   !sim_recv_good(&to->rq[sends++], w)) {
			return false;
		}
	}
	return to->rq_done == sends && sim_atomics_good(from, to) &&
	       imm_good(from, to);
}

bool sim_pair_good(const struct sim_pair *p)
{
	return !sim_bad_what && !p->a.failed && !p->b.failed &&
	       !p->a.peer_failed && !p->b.peer_failed && sim_quiet(&p->a) &&
	       sim_quiet(&p->b) && way_good(&p->a, &p->b) &&
	       way_good(&p->b, &p->a);
}
