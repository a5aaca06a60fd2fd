/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What libsiw offers beside libibverbs. A program finds it in the library that
 * is loaded: dlopen(FILE, RTLD_NOLOAD | RTLD_NOW), dlsym().
 */
#ifndef LIBSIW_SIWDV_H
#define LIBSIW_SIWDV_H

#include <stdint.h>

/* vendor_err from here on is a reason that the driver gave, below a status. */
#define SIW_VENDOR_REASON	0x100

/**
 * siw_strerror() - what vendor_err of a completion says, for people
 * @vendor_err: any value
 *
 * Return: a reason, without a full stop; never NULL, valid for ever.
 */
const char *siw_strerror(uint32_t vendor_err);

#endif
