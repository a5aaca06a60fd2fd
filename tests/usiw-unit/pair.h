/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Two connected ends in one process, over loopback.
 */
#ifndef USIW_TEST_PAIR_H
#define USIW_TEST_PAIR_H

#include <netinet/in.h>

#include "core/mpa.h"
#include "front.h"

struct pair {
	struct end listener, a, b;	/* a: initiator, b: responder */
	u16 port;
};

struct pair_opts {
	bool crc;
	bool markers_a, markers_b;	/* wanted by that end */
	bool rev1;
	bool client_server;	/* without RTR */
	u8 rtr;			/* SIW_MPA_RTR_*, 0: all */
	bool ipv6;
	u32 ird, ord;		/* of both; 0: 16 */
	struct end_opts end;
};

bool listener_init(struct end *l, bool ipv6, u16 *port);
int end_connect(struct end *e, bool ipv6, u16 port, u32 ird, u32 ord,
		const char *pdata);
int end_accept(struct end *e, const struct cm_record *req, u32 ird, u32 ord,
	       const char *pdata);
void set_config(const struct pair_opts *o);
bool pair_init(struct pair *p, const struct pair_opts *o);
bool pair_close(struct pair *p);	/* gracefully, by a; all is freed */
void pair_fini(struct pair *p);

/* A plain socket that has sent the Request @f; -1 if it could not. */
int raw_dial(u16 port, const struct siw_mpa_frame *f);

#endif
