/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Two ends and two pipes: what all simulations share. */
#ifndef SIW_TESTS_SIM_PAIR_H
#define SIW_TESTS_SIM_PAIR_H

#include "end.h"

enum sim_mode { SIM_NO_CRC, SIM_VERIFY, SIM_CUT_THROUGH, SIM_MODES };

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
bool sim_pair_good(const struct sim_pair *p);	/* all went as posted */

#endif
