// SPDX-License-Identifier: GPL-2.0
/*
 * heat.c - regions summed up in bins.
 *
 * Sums of counters may be compared like counters: what a bin's misses grew by between two walks
 * is what happened in it, also where a region was first touched in between. A region that was
 * forgotten meanwhile makes a bin's sum smaller; that counts as nothing.
 */
#include "heat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"

size_t heat_window_bins(const struct heat_window *window)
{
	return window->per_bin ? ((size_t)window->nr + window->per_bin - 1) / window->per_bin : 0;
}

struct heat_window heat_window_fit(__u32 first, __u32 nr)
{
	struct heat_window window = { .first = first, .nr = nr, .per_bin = 1 };

	/* A power of two, as cells of the screen are: a cell is of whole bins. */
	while (heat_window_bins(&window) > HEAT_BINS_MAX)
		window.per_bin *= 2;
	return window;
}

void heat_end(struct heat *heat)
{
	free(heat->work);
	free(heat->done);
	memset(heat, 0, sizeof(*heat));
}

int heat_begin(struct heat *heat, __u32 vm, const struct heat_window *window)
{
	heat_end(heat);
	heat->vm = vm;
	heat->window = *window;
	heat->nr_bins = heat_window_bins(window);
	heat->work = calloc(heat->nr_bins + 1, sizeof(*heat->work));
	heat->done = calloc(heat->nr_bins + 1, sizeof(*heat->done));
	if (heat->work && heat->done)
		return 0;
	heat_end(heat);
	return -ENOMEM;
}

static struct top_bin *bin_of(struct heat *heat, const struct dmem_region_key *key)
{
	const struct heat_window *window = &heat->window;

	if (key->vm != heat->vm || key->region < window->first ||
	    key->region - window->first >= window->nr)
		return NULL;
	return &heat->work[(key->region - window->first) / window->per_bin];
}

unsigned int heat_touched(const struct dmem_region_value *value, __u64 epoch)
{
	/* The map has the epoch's lower 32 bits. */
	return (__u32)epoch - value->epoch > 1 ? 0 : dmem_touched_pages(value->touched);
}

void heat_add_region(struct heat *heat, const struct dmem_region_key *key,
		     const struct dmem_region_value *value, __u64 epoch)
{
	struct top_bin *bin = bin_of(heat, key);

	if (!bin)
		return;
	if (!bin->seen || value->misses > bin->hottest_misses) {
		bin->hottest = key->region;
		bin->hottest_misses = value->misses;
	}
	/* Epochs wrap: the later one is the one that is not far behind the other. */
	if (!bin->seen || (__s32)(value->epoch - bin->epoch) > 0)
		bin->epoch = value->epoch;
	bin->seen++;
	bin->touched_pages += heat_touched(value, epoch);
	bin->local_pages += value->local_pages;
	bin->remote_pages += value->remote_pages;
	bin->misses += value->misses;
}

void heat_add_order(struct heat *heat, const struct dmem_region_key *key,
		    const struct dmem_order_value *value)
{
	struct top_bin *bin = bin_of(heat, key);

	/* As the core clamps what it is handed. */
	if (bin)
		bin->orders[value->order < DMEM_MAP_ORDERS ? value->order : DMEM_MAP_ORDERS - 1]++;
}

void heat_walked(struct heat *heat, __u64 now_ns)
{
	struct top_bin *bins = heat->work;

	for (size_t i = 0; i < heat->nr_bins; i++) {
		__u64 before = heat->walks ? heat->done[i].misses : 0;

		bins[i].span_misses = bins[i].misses > before ? bins[i].misses - before : 0;
	}
	heat->span_ns = heat->walks ? now_ns - heat->done_ns : 0;
	heat->done_ns = now_ns;
	heat->walks++;
	heat->work = heat->done;
	heat->done = bins;
	memset(heat->work, 0, heat->nr_bins * sizeof(*heat->work));
}

const struct top_bin *heat_bins(const struct heat *heat)
{
	return heat->walks ? heat->done : heat->work;
}

void heat_sum(struct top_bin *to, const struct top_bin *from)
{
	if (!from->seen)
		return;
	if (!to->seen || from->hottest_misses > to->hottest_misses) {
		to->hottest = from->hottest;
		to->hottest_misses = from->hottest_misses;
	}
	if (!to->seen || (__s32)(from->epoch - to->epoch) > 0)
		to->epoch = from->epoch;
	to->seen += from->seen;
	to->touched_pages += from->touched_pages;
	to->local_pages += from->local_pages;
	to->remote_pages += from->remote_pages;
	to->misses += from->misses;
	to->span_misses += from->span_misses;
	for (int order = 0; order < DMEM_MAP_ORDERS; order++)
		to->orders[order] += from->orders[order];
}
