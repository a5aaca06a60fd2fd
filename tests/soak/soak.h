/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Shared by the parts of the soak program: what is counted, in memory that all of
 * its processes share, and what goes over the connections.
 *
 * A client asks and the server answers, one request at a time in each connection.
 * All data is made of a seed, so whoever receives it can tell what it has to be.
 */
#ifndef SOAK_H
#define SOAK_H

#include <stdatomic.h>
#include <stdint.h>

#include <infiniband/verbs.h>

#include "../usiw/usage.h"

#define MSG_DATA	4096		/* octets of data in a message, at most */
#define REGION		(64 << 10)	/* octets that a client may write to */
#define WC_KINDS	32

enum op {
	OP_ECHO,	/* data of @seed; comes back as data of @seed + 1 */
	OP_CHECK,	/* is @len at @off of the region data of @seed? */
	OP_NEW,		/* deregister the region and register it anew */
	OP_REREG,	/* change its access rights, there and back */
	OP_WRONG,	/* answer: no */
};

struct msg {
	uint32_t op;
	uint32_t seed;
	uint32_t off;
	uint32_t len;
	uint64_t addr;		/* of the region, in an answer */
	uint32_t rkey;
	uint32_t reserved;
	uint8_t data[MSG_DATA];
};

#define MSG_HEAD	offsetof(struct msg, data)

/* Counted by all processes. */
struct totals {
	atomic_ulong connections, refused, requests, octets, renewed, stale;
	atomic_ulong killed, servers_killed, flaps, lost, wrong, hung;
	atomic_ulong unexpected, wc[WC_KINDS];
	atomic_bool stop;
};

extern struct totals *totals;

static inline void count_wc(const struct ibv_wc *wc)
{
	totals->wc[wc->status < WC_KINDS ? wc->status : WC_KINDS - 1]++;
}

static inline uint8_t data_of(uint32_t seed, uint32_t i)
{
	return (uint8_t)((seed + i) * 2654435761u >> 24);
}

static inline void fill(uint8_t *p, uint32_t len, uint32_t seed)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		p[i] = data_of(seed, i);
}

static inline int same(const uint8_t *p, uint32_t len, uint32_t seed)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		if (p[i] != data_of(seed, i))
			return 0;
	return 1;
}

#define ASK	'a'
#define POKE	'p'	/* and say something to every peer */

/* What the long-lived server tells of itself, for such an octet on its socket. */
struct told {
	struct usage usage;
	unsigned long pss;	/* octets */
	unsigned long conns;
};

/* Octets of this process in memory; shared ones divided by those who share. */
static inline unsigned long pss(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	unsigned long kib = 0;
	char line[128];

	NEED(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Pss: %lu kB", &kib) == 1)
			break;
	fclose(f);
	return kib << 10;
}

/* server.c: never returns; @ctl: to be asked by, -1: by nobody */
void serve(const char *addr, uint16_t port, int ctl);
/* client.c: one connection, its life; @fragile: the server may be killed */
int session(const char *addr, uint16_t port, int fragile);
/* many.c: @n connections at once; 0 if all came up and carried data */
int many(const char *addr, uint16_t port, int n, int ctl);
struct told ask(int ctl, char what);

#endif
