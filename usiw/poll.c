// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A program that polls a CQ all the time looks after the sockets, too.
 *
 * The stock libsiw only reads the mapped ring when it is polled. But it takes
 * the CQ's spinlock first, and so we hear of it: pthread_spin_lock() is
 * replaced here. A thread that does nothing but come by does the engine's work
 * on the way (usiw_drive()); any other one is let through at once, also one
 * that polls now and then while it waits for something else, as ib_write_lat
 * does. Posting
 * takes a spinlock too, from another place in libsiw: that is recognised by the
 * doorbell that follows, and does not count.
 *
 * Nothing depends on it: without, the engine does all the work.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include "priv.h"

#define STREAK		32		/* polls until it is believed */
#define TIGHT_US	1		/* between two of these */
#define LOOSE_US	20		/* once it is: time for a message */
#define SITES		8

/* Where libsiw is: from @lo on, @size octets. While it has not been looked for,
 * everywhere, as soon as there is a QP.
 */
static uintptr_t lo;
static uintptr_t size;
static int known;

static uintptr_t posting[SITES];	/* return addresses; atomic */

static __thread uintptr_t last_site;
static __thread u64 last_us;
static __thread u32 streak;

static int (*spin_lock)(pthread_spinlock_t *lock);

/* --- where libsiw is --------------------------------------------------- */

static int look_at(struct dl_phdr_info *info, size_t len, void *arg)
{
	const char *name = info->dlpi_name;
	int i;

	(void)len;
	(void)arg;
	if (!name || !strstr(name, "/libsiw"))
		return 0;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		__atomic_store_n(&lo, info->dlpi_addr + p->p_vaddr,
				 __ATOMIC_RELAXED);
		__atomic_store_n(&size, p->p_memsz, __ATOMIC_RELAXED);
		return 1;
	}
	return 0;
}

/* Not under usiw_lock(): the loader has a lock of its own. */
static void look_for(void)
{
	if (__atomic_exchange_n(&known, 1, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&size, 0, __ATOMIC_RELAXED);
	dl_iterate_phdr(look_at, NULL);
}

/**
 * usiw_poll_watch() - from now on libsiw can be found
 */
void usiw_poll_watch(void)
{
	if (!__atomic_load_n(&known, __ATOMIC_RELAXED))
		__atomic_store_n(&size, UINTPTR_MAX, __ATOMIC_RELAXED);
}

/* --- who comes by ------------------------------------------------------- */

static bool is_posting(uintptr_t site)
{
	int i;

	for (i = 0; i < SITES; i++)
		if (__atomic_load_n(&posting[i], __ATOMIC_RELAXED) == site)
			return true;
	return false;
}

/**
 * usiw_poll_posts() - this thread rings the doorbell
 *
 * Under usiw_lock().
 */
void usiw_poll_posts(void)
{
	int i;

	if (!last_site || is_posting(last_site))
		return;
	for (i = 0; i < SITES; i++) {
		if (posting[i])
			continue;
		__atomic_store_n(&posting[i], last_site, __ATOMIC_RELAXED);
		return;
	}
}

static void came_by(uintptr_t site)
{
	u64 now;

	if (!__atomic_load_n(&known, __ATOMIC_RELAXED)) {
		look_for();
		return;
	}
	last_site = site;
	if (is_posting(site))
		return;
	now = usiw_now_us();
	if (now - last_us > (streak == STREAK ? LOOSE_US : TIGHT_US))
		streak = 0;
	else if (streak < STREAK)
		streak++;
	last_us = now;
	if (streak == STREAK)
		usiw_drive();
}

/* --- what is replaced --------------------------------------------------- */

__attribute__((visibility("default")))
int pthread_spin_lock(pthread_spinlock_t *lock)
{
	uintptr_t site = (uintptr_t)__builtin_return_address(0);

	if (site - __atomic_load_n(&lo, __ATOMIC_RELAXED) <
	    __atomic_load_n(&size, __ATOMIC_RELAXED))
		came_by(site);
	if (unlikely(!spin_lock))
		spin_lock = (int (*)(pthread_spinlock_t *))
			dlsym(RTLD_NEXT, "pthread_spin_lock");
	return spin_lock(lock);
}
