/* SPDX-License-Identifier: GPL-2.0 */
/*
 * heat.h - a VM memory's regions summed up in bins, however many there are of them.
 *
 * The map of regions is walked in steps, a bounded number of entries a frame; a walk fills one set
 * of bins while the one before is shown. Pure: entries come from whoever walks.
 */
#ifndef DMEMTOP_HEAT_H
#define DMEMTOP_HEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "maps.h"

/** Most bins of a map: 300x80 cells fit. */
#define HEAT_BINS_MAX	32768

/**
 * struct heat_window - which regions, and how many of them a bin has
 * @first: the first
 * @nr: how many regions
 * @per_bin: regions of a bin, from 1 on
 */
struct heat_window {
	__u32 first;
	__u32 nr;
	__u32 per_bin;
};

/**
 * struct top_bin - some regions
 * @seen: regions that were touched since the plane was loaded
 * @touched_pages: pages of theirs in use in the present epoch or the one before
 * @local_pages, @remote_pages: as of their last events
 * @misses: since the plane was loaded
 * @span_misses: between the two last walks
 * @epoch: the latest that one of them was used in
 * @hottest: the region of them with the most misses, which @hottest_misses are
 * @orders: how many of them something is decided for, by order
 */
struct top_bin {
	__u32 seen;
	__u32 touched_pages;
	__u32 local_pages;
	__u32 remote_pages;
	__u64 misses;
	__u64 span_misses;
	__u32 epoch;
	__u32 hottest;
	__u32 hottest_misses;
	__u32 orders[DMEM_MAP_ORDERS];
	__u32 reserved;
};

/**
 * struct heat - the bins of two walks
 * @work: being filled; @done: of the last whole walk
 * @done_ns, @span_ns: when that ended, and how long after the one before
 * @walks: whole ones so far
 */
struct heat {
	__u32 vm;
	struct heat_window window;
	struct top_bin *work;
	struct top_bin *done;
	size_t nr_bins;
	__u64 done_ns;
	__u64 span_ns;
	unsigned long walks;
};

/** heat_window_fit - the finest window of these regions that a map may have. */
struct heat_window heat_window_fit(__u32 first, __u32 nr);

/** heat_window_bins - how many bins it has. */
size_t heat_window_bins(const struct heat_window *window);

/**
 * heat_begin - begin a map anew
 * @heat: zeroed, or in use: what it has is thrown away
 * @vm: whose regions
 * @window: which of them
 *
 * Return: 0 or -ENOMEM, and then it is empty.
 */
int heat_begin(struct heat *heat, __u32 vm, const struct heat_window *window);
void heat_end(struct heat *heat);

/** heat_add_region - an entry of the walk; those of others and out of the window are ignored. */
void heat_add_region(struct heat *heat, const struct dmem_region_key *key,
		     const struct dmem_region_value *value, __u64 epoch);
void heat_add_order(struct heat *heat, const struct dmem_region_key *key,
		    const struct dmem_order_value *value);

/** heat_walked - the walk is through: its bins are those to show. */
void heat_walked(struct heat *heat, __u64 now_ns);

/** heat_bins - what there is to show: the last whole walk, during the first one that. */
const struct top_bin *heat_bins(const struct heat *heat);

/** heat_touched - pages of a region seen in use of late; 0 for longer than an epoch. */
unsigned int heat_touched(const struct dmem_region_value *value, __u64 epoch);

/** heat_sum - add the figures of one bin to another's. */
void heat_sum(struct top_bin *to, const struct top_bin *from);

#endif /* DMEMTOP_HEAT_H */
