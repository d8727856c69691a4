/* SPDX-License-Identifier: GPL-2.0 */
/*
 * model.h - VMs and their regions as figures, from one or two readings of the BPF plane.
 *
 * Plain data: nothing here knows of terminals, text or JSON. What a figure is about is its span:
 * the time between the two readings, or everything since the plane was loaded where there is one.
 */
#ifndef DMEMTOP_MODEL_H
#define DMEMTOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "plane.h"

/** A double that is not known: no reading before, or nothing to make it from. */
#define TOP_UNKNOWN	(-1.0)

/**
 * struct top_reading - the plane at one time
 * @time_ns: CLOCK_MONOTONIC
 * @plane_id: another one where the plane was loaded anew: no counter goes on across that
 * @epoch: number of the epoch that touched pages are counted in
 * @has_regions: @regions were asked for
 * @vms: by id
 * @regions: by VM and index
 */
struct top_reading {
	__u64 time_ns;
	__u32 plane_id;
	__u64 epoch;
	bool has_regions;
	struct dmem_plane_stats stats;
	struct dmem_plane_vm *vms;
	size_t nr_vms;
	struct dmem_plane_region *regions;
	size_t nr_regions;
};

/**
 * top_read - open the plane, read it, close it
 * @reading: takes it, for top_reading_free(); all zero on error
 * @regions: read the regions, too
 * @error: takes the reason
 *
 * Maps that are kept open live on when the plane is unloaded, and count no more. Opening them for
 * every reading is how that is noticed.
 *
 * Return: 0; -ENOENT where the plane is not loaded; another negative errno.
 */
int top_read(struct top_reading *reading, bool regions, struct dmem_error *error);
void top_reading_free(struct top_reading *reading);

/** enum top_count - what is shown as a rate. */
enum top_count {
	TOP_FAULTS,
	TOP_SOFT_FAULTS,
	TOP_FETCHES,
	TOP_PREFETCHED_PAGES,
	TOP_EVICTED_PAGES,
	TOP_WRITEBACK_PAGES,
	TOP_KVM_FAULTS,
	TOP_COUNTS,
};

/**
 * struct top_region - one region
 * @local_pages, @remote_pages: as of its last event
 * @touched_pages: seen in use in the present epoch, or in the one before where there was no use
 *	since; 0 for a region idle for longer
 * @misses, @prefetched_used_pages, @prefetched_unused_pages: since the plane was loaded
 * @span_misses: in the span
 * @misses_per_s: or TOP_UNKNOWN
 * @order: in force: the decided one, else the VM's default
 * @decided: something is decided
 * @decision_asked: times that the core asked for the decision
 */
struct top_region {
	__u32 index;
	__u64 offset_bytes;
	unsigned int local_pages;
	unsigned int remote_pages;
	unsigned int touched_pages;
	__u32 misses;
	__u32 span_misses;
	double misses_per_s;
	__u32 prefetched_used_pages;
	__u32 prefetched_unused_pages;
	unsigned int order;
	bool decided;
	__u64 decision_asked;
};

/**
 * struct top_vm - one VM memory
 * @value: as the map has it; the name ends within its array
 * @total: counts since the plane was loaded
 * @span: counts of the span
 * @per_s: rates over the span, by enum top_count; TOP_UNKNOWN without a reading before
 * @fetch_p50_ns, @fetch_p99_ns: of the span's fetch latency, or TOP_UNKNOWN; interpolated inside
 *	their log2 slots (lib/hist.h)
 * @prefetch_accuracy: used / (used + unused) of the span's prefetched pages that were decided
 *	either way, 0 ... 1 or TOP_UNKNOWN
 * @regions_by_order: regions by the order in force
 * @regions: by index
 * @ranked: the same as top_sort_regions() left them
 */
struct top_vm {
	__u32 id;
	struct dmem_vm_value value;
	struct dmem_vm_stats total;
	struct dmem_vm_stats span;
	double per_s[TOP_COUNTS];
	double fetch_p50_ns;
	double fetch_p99_ns;
	double prefetch_accuracy;
	size_t regions_by_order[DMEM_MAP_ORDERS];
	struct top_region *regions;
	struct top_region **ranked;
	size_t nr_regions;
};

/**
 * struct top_model - all of it
 * @interval_ns: length of the span; 0 where it is everything since the plane was loaded
 * @region_bytes: of every region
 * @vms: by id until top_sort_vms()
 */
struct top_model {
	__u64 time_ns;
	__u64 interval_ns;
	__u64 region_bytes;
	__u64 epoch;
	bool has_regions;
	struct dmem_plane_stats stats;
	struct top_vm *vms;
	size_t nr_vms;
	struct top_region *regions;
	struct top_region **ranked;
};

/**
 * top_model_build - figures from two readings
 * @model: takes them, for top_model_free(); all zero on error
 * @now: the later reading
 * @before: the earlier one; NULL, or one of another loading of the plane, for totals
 * @name: only VMs whose name contains it; NULL for all
 *
 * VM memories that are gone are left out. One that was not in @before began in the span.
 *
 * Return: 0 or -ENOMEM.
 */
int top_model_build(struct top_model *model, const struct top_reading *now,
		    const struct top_reading *before, const char *name);
void top_model_free(struct top_model *model);

/** top_count_of - one of the counts; fetches are the sum over the orders. */
__u64 top_count_of(const struct dmem_vm_stats *stats, enum top_count count);

/** enum top_vm_sort - most first, but names from A to Z. */
enum top_vm_sort { TOP_VMS_BY_FAULTS, TOP_VMS_BY_REMOTE, TOP_VMS_BY_NAME, TOP_VM_SORTS };

/** enum top_region_sort - most misses and largest order first; the index goes up. */
enum top_region_sort {
	TOP_REGIONS_BY_MISSES,
	TOP_REGIONS_BY_INDEX,
	TOP_REGIONS_BY_ORDER,
	TOP_REGION_SORTS,
};

void top_sort_vms(struct top_model *model, enum top_vm_sort sort);
/** top_sort_regions - put @vm->ranked in order. */
void top_sort_regions(struct top_vm *vm, enum top_region_sort sort);

/** top_find_region - the region with this index; NULL where nothing touched it yet. */
const struct top_region *top_find_region(const struct top_vm *vm, __u32 index);

#endif /* DMEMTOP_MODEL_H */
