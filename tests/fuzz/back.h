/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * A back half of usiw that is no more than the contract of usiw/usiw.h: objects
 * that can be made and destroyed, end points whose events the input chooses. No
 * sockets, no threads. It aborts when the front half breaks the contract.
 */
#ifndef SIW_TESTS_FUZZ_BACK_H
#define SIW_TESTS_FUZZ_BACK_H

#include "fuzz.h"

/* From now on calls that can fail do so when the input says so; NULL: never. */
extern struct fuzz_in *back_failures;

/* One event of one end point, if any may come now. With the lock. */
void back_event(struct fuzz_in *in);

/* Everything must have been destroyed. */
void back_empty(void);

#endif
