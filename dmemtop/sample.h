/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sample.h - what is known at one time: the plane's counters, pools, the tuner's journal, and the
 * regions of the VM memory that is looked at, summed up in bins.
 *
 * Plain data, from the live maps (live.c) or from a recording (record.c); model.c makes figures
 * of two samples. Units end the names.
 */
#ifndef DMEMTOP_SAMPLE_H
#define DMEMTOP_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>

#include "heat.h"
#include "journal.h"
#include "plane.h"

#define TOP_PATH_LEN	128
#define TOP_SPEC_LEN	128

/** enum top_donor_state - of a pool's donor. Those of remote donors come with their transport. */
enum top_donor_state {
	TOP_DONOR_UNKNOWN,
	TOP_DONOR_UP,
	TOP_DONOR_STATES,
};

/**
 * struct top_donor - a pool and what its donor lends
 * @id: dmem_vm_value.donor of its VM memories; 0: none of them was found
 * @state: enum top_donor_state
 * @lent_bytes, @reserved_bytes: of the pool; zero where it may not be looked at
 * @path: where it is mounted; what does not fit is cut
 * @spec: the mount option: "local:16G"
 */
struct top_donor {
	__u32 id;
	__u32 state;
	__u64 lent_bytes;
	__u64 reserved_bytes;
	char path[TOP_PATH_LEN];
	char spec[TOP_SPEC_LEN];
};

/**
 * struct top_map - a VM memory's regions: the head of its bins
 * @vm: of which, 0: there is no map
 * @progress: of the first walk through the map, in 1/1000; 1000: @bins are complete
 * @span_ns: time between the walks that top_bin.span_misses is of; 0: of everything
 */
struct top_map {
	__u32 vm;
	__u32 progress;
	__u64 span_ns;
	struct heat_window window;
	struct top_bin *bins;
	size_t nr_bins;
};

/**
 * struct top_sample - all of it
 * @time_ns: CLOCK_MONOTONIC; @unix_ns: the same since 1970, UTC
 * @plane_id: another one where the plane was loaded anew: no counter goes on across that
 * @epoch: number of the epoch that touched pages are counted in
 * @vms: by id
 * @latencies: in no order; none where they were not asked for
 * @tuner: all zero where there is no journal
 * @map: of the VM memory that is looked at
 * @spot: the region that the cursor is on, as the map has it; @has_spot: it was touched
 * @regions: all of them, by VM and index, where @has_regions: only for JSON; never recorded
 */
struct top_sample {
	__u64 time_ns;
	__u64 unix_ns;
	__u64 epoch;
	__u32 plane_id;
	struct dmem_plane_stats stats;
	struct dmem_plane_vm *vms;
	size_t nr_vms;
	struct dmem_plane_latency *latencies;
	size_t nr_latencies;
	struct top_donor *donors;
	size_t nr_donors;
	struct dmem_journal tuner;
	struct top_map map;
	struct dmem_plane_region spot;
	bool has_spot;
	bool has_regions;
	struct dmem_plane_region *regions;
	size_t nr_regions;
};

/**
 * struct top_want - what of the plane a sample should have
 * @latencies: fetch latencies by donor and order
 * @regions: every region
 * @vm: whose bins; 0: none
 * @window: of them
 * @spot: region of the cursor
 */
struct top_want {
	bool latencies;
	bool regions;
	__u32 vm;
	struct heat_window window;
	__u32 spot;
};

void top_sample_free(struct top_sample *sample);

#endif /* DMEMTOP_SAMPLE_H */
