/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Two ends and two pipes: what all simulations share. */
#ifndef SIW_TESTS_SIM_PAIR_H
#define SIW_TESTS_SIM_PAIR_H

#include "end.h"

/*
 * What to do about CRCs, and SIM_CRC_MODES times which way markers go: 0 none,
 * 1 from a to b, 2 from b to a, 3 both.
 */
enum sim_mode {
	SIM_NO_CRC, SIM_VERIFY, SIM_CUT_THROUGH, SIM_CRC_MODES,
	SIM_MARK_AB = SIM_CRC_MODES,
	SIM_MODES = 4 * SIM_CRC_MODES
};

/* @a is the MPA initiator. */
struct sim_pair {
	struct sim_end a, b;
	struct sim_pipe ab, ba;
	u8 rbuf_a[SIM_UNIT], rbuf_b[SIM_UNIT];
	u32 rbuf_a_used, rbuf_b_used;
};

void sim_pair_init(struct sim_pair *p, enum sim_mode mode, u8 rtr, u32 unit,
		   u32 mulpdu);
void sim_pair_recv(struct sim_pair *p, struct sim_end *e, u32 cap);
void sim_step(struct sim_end *e);	/* receive all, send all */
void sim_pair_run(struct sim_pair *p);	/* whole octet ranges, to the end */
u32 sim_fpdu_len(const u8 *stream, u32 at, bool marked);
bool sim_pair_good(const struct sim_pair *p);	/* all went as posted */

#endif
