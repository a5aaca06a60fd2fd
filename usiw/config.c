// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What a process may choose by its environment, the lock's front door, and
 * words to the user. The environment is read once, before main(), and not at
 * all by a program with more rights than its user.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "front.h"

struct usiw_config usiw_config = {
	.peer_to_peer = true,
	.mpa_rev = 2,
	.rtr_mask = SIW_MPA_RTR_ALL,
	.verbose = 1,
	.engines = 1,
};

/* A number within bounds, or @def and a word about it. */
static unsigned long number(const char *name, unsigned long def,
			    unsigned long min, unsigned long max)
{
	const char *text = secure_getenv(name);
	unsigned long val;
	char *end;

	if (!text || !*text)
		return def;
	val = strtoul(text, &end, 0);
	if (*end || val < min || val > max) {
		fprintf(stderr, "usiw: %s=%s is not between %lu and %lu, ignored\n",
			name, text, min, max);
		return def;
	}
	return val;
}

void usiw_config_read(void)
{
	struct usiw_config *c = &usiw_config;

	c->verbose = (u8)number("SIW_VERBOSE", c->verbose, 0, 2);
	c->crc_required = number("SIW_CRC", c->crc_required, 0, 1);
	c->markers_wanted = number("SIW_MARKERS", c->markers_wanted, 0, 1);
	c->peer_to_peer = number("SIW_PEER_TO_PEER", c->peer_to_peer, 0, 1);
	c->mpa_rev = (u8)number("SIW_MPA_REV", c->mpa_rev, 1, 2);
	c->rtr_mask = (u8)number("SIW_RTR_MASK", c->rtr_mask, 1,
				 SIW_MPA_RTR_ALL);
	c->port_offset = (u16)number("SIW_PORT_OFFSET", c->port_offset, 0,
				     65535);
	c->engines = (u8)number("SIW_ENGINE_THREADS", c->engines, 1,
				USIW_ENGINES_MAX);
	c->ext = number("SIW_EXT", c->ext, 0, 1);
}

u64 usiw_caps(void)
{
	return USIW_CAP_REASON |
	       (usiw_config.ext ? USIW_CAP_IMM | USIW_CAP_ATOMIC : 0);
}

void usiw_say(u8 level, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (usiw_config.verbose < level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "usiw: %s\n", text);
}

void usiw_enter(int *cancel)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, cancel);
	usiw_lock();
}

void usiw_leave(int cancel)
{
	usiw_unlock();
	pthread_setcancelstate(cancel, NULL);
}
