// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Handles: what the kernel calls an object when it talks to a program. Small,
 * dense and reused, as librdmacm's index wants them. usiw_lock() serialises.
 */
#include <errno.h>
#include <stdlib.h>

#include "front.h"

static int grow(struct usiw_handles *h)
{
	u32 size = h->size ? h->size * 2 : 16, i;
	void **slot = realloc(h->slot, size * sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	for (i = h->size; i < size; i++)
		slot[i] = NULL;
	h->slot = slot;
	h->size = size;
	return 0;
}

/**
 * usiw_handle_new() - number an object
 * @h: table
 * @obj: not NULL
 *
 * Return: the handle, or -ENOMEM.
 */
int usiw_handle_new(struct usiw_handles *h, void *obj)
{
	while (h->hint < h->size && h->slot[h->hint])
		h->hint++;
	if (h->hint == h->size && grow(h))
		return -ENOMEM;
	h->slot[h->hint] = obj;
	return (int)h->hint++;
}

/**
 * usiw_handle_get() - the object of a handle
 * @h: table
 * @handle: any value
 *
 * Return: NULL if there is none.
 */
void *usiw_handle_get(const struct usiw_handles *h, u32 handle)
{
	return handle < h->size ? h->slot[handle] : NULL;
}

/**
 * usiw_handle_free() - forget an object
 * @h: table
 * @handle: in use
 */
void usiw_handle_free(struct usiw_handles *h, u32 handle)
{
	h->slot[handle] = NULL;
	if (handle < h->hint)
		h->hint = handle;
}

void usiw_handles_fini(struct usiw_handles *h)
{
	free(h->slot);
	*h = (struct usiw_handles){};
}
