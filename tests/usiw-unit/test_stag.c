// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Names of memory regions: each is one slot's, and none soon comes back.
 */
#include "harness.h"
#include "../../usiw/priv.h"

static u8 seen[1 << 24];

/* Return: false: it was there before, or is none. */
static bool is_new(u32 name)
{
	if (!name || name >> 24 || seen[name])
		return false;
	seen[name] = 1;
	return true;
}

TEST(stag__finds_its_slot)
{
	u32 slot;

	for (slot = 1; slot <= USIW_MAX_MR; slot += slot < 1000 ? 1 : 997)
		NEED(usiw_stag_slot(usiw_stag_name(slot)) == slot);
	NEED(usiw_stag_slot(usiw_stag_name(USIW_MAX_MR)) == USIW_MAX_MR);
}

/* all slots, all that each can be called */
TEST(stag__is_given_once)
{
	u32 slot, use;

	memset(seen, 0, sizeof(seen));
	for (use = 0; use < 31; use++)
		for (slot = 1; slot < 5000; slot++)
			NEED(is_new(usiw_stag_name(slot)));
}

/* Neighbours differ in half of the bits, more or less. */
TEST(stag__tells_nothing_of_the_next)
{
	u32 last = usiw_stag_name(1), name, slot, sum = 0;

	for (slot = 2; slot < 1002; slot++, last = name) {
		name = usiw_stag_name(slot);
		sum += (u32)__builtin_popcount(name ^ last);
	}
	CHECK(sum > 11000 && sum < 13000);
}

SUITE(stag, CASE(stag__finds_its_slot), CASE(stag__is_given_once),
      CASE(stag__tells_nothing_of_the_next));
