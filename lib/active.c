// SPDX-License-Identifier: GPL-2.0
/*
 * active.c - the plane's ring of regions that have something new to be judged by: a reader of many
 * regions looks at those alone.
 */
#include <stdlib.h>
#include <bpf/libbpf.h>

#include "plane.h"

/* The programs find no room in a ring that has less than this left, give or take an entry. */
#define NEARLY_FULL_BYTES	64

struct dmem_active {
	struct ring_buffer *ring;
	dmem_active_fn visit;
	void *data;
};

static int take_entry(void *context, void *entry, size_t size)
{
	const struct dmem_active *active = context;

	if (size >= sizeof(struct dmem_region_key))
		active->visit(entry, active->data);
	return 0;
}

struct dmem_active *dmem_active_open(const struct dmem_plane *plane, dmem_active_fn visit,
				     void *data)
{
	struct dmem_active *active;

	if (plane->active < 0)
		return NULL;
	active = calloc(1, sizeof(*active));
	if (!active)
		return NULL;
	active->visit = visit;
	active->data = data;
	active->ring = ring_buffer__new(plane->active, take_entry, active, NULL);
	if (!active->ring) {
		free(active);
		return NULL;
	}
	return active;
}

void dmem_active_close(struct dmem_active *active)
{
	if (!active)
		return;
	ring_buffer__free(active->ring);
	free(active);
}

bool dmem_active_read(struct dmem_active *active)
{
	const struct ring *ring = ring_buffer__ring(active->ring, 0);
	bool was_full = ring__avail_data_size(ring) + NEARLY_FULL_BYTES >= ring__size(ring);

	return ring_buffer__consume(active->ring) >= 0 && !was_full;
}
