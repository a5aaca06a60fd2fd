// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Names of memory regions for peers: the upper 24 bits of STags.
 *
 * One that a peer knows should tell it nothing about others, of this process or
 * of another, and should not soon come back when its region is gone. So it is the
 * region's slot and how often that was used, enciphered with a key of the
 * process: a Feistel network of two times 12 bits. Not a secret's worth of
 * cryptography: who may guess 2^24 STags on one connection is cut off by the
 * first.
 *
 * Under usiw_lock(). RFC 5040 §8.1.1, RFC 5042 §6.1.1
 */
#include <sys/random.h>
#include <unistd.h>

#include "priv.h"

#define SLOT_BITS	19
#define USE_MASK	((1u << (24 - SLOT_BITS)) - 1)
#define HALF_MASK	0xfffu
#define ROUNDS		4

static_assert(USIW_MAX_MR < 1 << SLOT_BITS, "slots have no more bits");

static u32 key[ROUNDS];
static u8 uses[USIW_MAX_MR + 1];

static void make_key(void)
{
	u32 seed = (u32)usiw_now_ms() * 2654435761u ^ (u32)getpid();
	int i;

	if (key[0])
		return;
	if (getrandom(key, sizeof(key), GRND_NONBLOCK) != sizeof(key)) {
		for (i = 0; i < ROUNDS; i++) {
			seed = seed * 1664525u + 1013904223u;
			key[i] = seed;
		}
	}
	key[0] |= 1;	/* there is one */
}

static u32 mix(u32 half, u32 k)
{
	u32 h = (half + k) * 0x9e3779b1u;

	h = (h ^ h >> 15) * 0x85ebca77u;
	return (h ^ h >> 13) & HALF_MASK;
}

static u32 encipher(u32 x)
{
	u32 left = x >> 12, right = x & HALF_MASK, t;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		t = left ^ mix(right, key[i]);
		left = right;
		right = t;
	}
	return left << 12 | right;
}

static u32 decipher(u32 x)
{
	u32 left = x >> 12, right = x & HALF_MASK, t;
	int i;

	for (i = ROUNDS - 1; i >= 0; i--) {
		t = right ^ mix(left, key[i]);
		right = left;
		left = t;
	}
	return left << 12 | right;
}

/**
 * usiw_stag_name() - a name for what is in a slot now
 * @slot: 1 to USIW_MAX_MR
 *
 * Return: 24 bits, never 0.
 */
u32 usiw_stag_name(u32 slot)
{
	u32 name;

	make_key();
	do
		name = encipher((uses[slot]++ & USE_MASK) << SLOT_BITS | slot);
	while (!name);
	return name;
}

/**
 * usiw_stag_slot() - where to look for a region
 * @name: 24 bits, maybe a peer's
 *
 * Return: slot, maybe not in use, or one that has another name by now.
 */
u32 usiw_stag_slot(u32 name)
{
	return decipher(name) & ((1u << SLOT_BITS) - 1);
}
