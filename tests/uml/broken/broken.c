// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A module with one deliberate mistake of each kind that the sanitizing test
 * kernel must report; tests/uml/selftest loads it with how=KIND. A checker that
 * has never been seen to complain proves nothing.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *how = "none";
module_param(how, charp, 0444);
MODULE_PARM_DESC(how, "the mistake to make");

static DEFINE_MUTEX(lock_a);
static DEFINE_MUTEX(lock_b);
static DEFINE_SPINLOCK(spin);
static int table[4];
static volatile int index = 4;	/* volatile: the compiler must not know */

static void warn(void)
{
	WARN(1, "on purpose\n");
}

static void use_after_free(void)
{
	volatile char *p = kmalloc(64, GFP_KERNEL);

	kfree((void *)p);
	if (p)
		p[3] = 1;
}

static void overrun(void)
{
	table[index] = 1;
}

static void leak(void)
{
	int i;

	/* a stale pointer on some stack can hide one, not a hundred */
	for (i = 0; i < 200; i++)
		(void)!kmalloc(96, GFP_KERNEL);
}

static void lock_order(void)
{
	mutex_lock(&lock_a);
	mutex_lock(&lock_b);
	mutex_unlock(&lock_b);
	mutex_unlock(&lock_a);

	mutex_lock(&lock_b);
	mutex_lock(&lock_a);
	mutex_unlock(&lock_a);
	mutex_unlock(&lock_b);
}

static void sleep_atomic(void)
{
	spin_lock(&spin);
	msleep(1);
	spin_unlock(&spin);
}

static void end_the_guest(void)
{
	panic("on purpose\n");
}

static const struct {
	const char *name;
	void (*make)(void);
} mistakes[] = {
	{ "warn", warn },
	{ "use_after_free", use_after_free },
	{ "overrun", overrun },
	{ "leak", leak },
	{ "lock_order", lock_order },
	{ "sleep_atomic", sleep_atomic },
	{ "panic", end_the_guest },
};

static int __init broken_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mistakes); i++)
		if (!strcmp(how, mistakes[i].name))
			mistakes[i].make();
	return 0;
}

static void __exit broken_exit(void)
{
}

module_init(broken_init);
module_exit(broken_exit);
MODULE_DESCRIPTION("deliberate mistakes for the test rig to find");
MODULE_LICENSE("Dual BSD/GPL");
