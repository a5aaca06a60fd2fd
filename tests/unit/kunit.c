// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The module that holds the unit tests in their KUnit form. */
#include <linux/module.h>

MODULE_DESCRIPTION("Unit tests of the SoftiWARP protocol core");
MODULE_LICENSE("Dual BSD/GPL");
