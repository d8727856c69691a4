/* SPDX-License-Identifier: GPL-2.0 */
/*
 * model.h - VMs, donors and regions as figures, from one or two samples.
 *
 * Plain data: nothing here knows of terminals, text or JSON. What a figure is about is its span:
 * the time between the two samples, or everything since the plane was loaded where there is one.
 */
#ifndef DMEMTOP_MODEL_H
#define DMEMTOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "sample.h"

/** A double that is not known: no sample before, or nothing to make it from. */
#define TOP_UNKNOWN	(-1.0)

#define TOP_PAGE_BYTES		4096ULL
#define TOP_REGION_BYTES	(DMEM_MAP_REGION_PAGES * TOP_PAGE_BYTES)

/** enum top_count - what is shown as a rate. */
enum top_count {
	TOP_FAULTS,
	TOP_SOFT_FAULTS,
	TOP_FETCHES,
	TOP_FETCHED_PAGES,
	TOP_PREFETCHED_PAGES,
	TOP_EVICTED_PAGES,
	TOP_WRITEBACK_PAGES,
	TOP_KVM_FAULTS,
	TOP_COUNTS,
};

/**
 * struct top_region - one region, for JSON
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
 * @per_s: rates over the span, by enum top_count; TOP_UNKNOWN without a sample before
 * @fetch_p50_ns, @fetch_p99_ns: of the span's fetch latency, or TOP_UNKNOWN; interpolated inside
 *	their log2 slots (lib/hist.h)
 * @prefetch_accuracy: used / (used + unused) of the span's prefetched pages that were decided
 *	either way, 0 ... 1 or TOP_UNKNOWN
 * @stall_share: time that faults waited for fetches in the span, as a share of one vCPU's time:
 *	above 1 where several waited at once; TOP_UNKNOWN without a sample before
 * @hit_share: of the span's accesses that the core saw and that were not first touches, those
 *	that found the page local, 0 ... 1 or TOP_UNKNOWN
 * @order: that most of the span's fetches had; -1 without a fetch
 * @donor: of its pool, in the model's sample; NULL where it was not found
 * @regions_by_order: regions by the order in force
 * @regions: by index
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
	double stall_share;
	double hit_share;
	int order;
	const struct top_donor *donor;
	size_t regions_by_order[DMEM_MAP_ORDERS];
	struct top_region *regions;
	size_t nr_regions;
};

/**
 * struct top_latency - fetches of one VM memory from one donor
 * @span: in the span
 */
struct top_latency {
	struct dmem_latency_key key;
	struct dmem_latency_value span;
};

/**
 * struct top_point - the host at one time, for the curves of the last minutes
 * @p99_ns: of all VMs' fetches; 0 without one
 * @stall_share: of all VMs: vCPUs' worth of waiting
 */
struct top_point {
	double faults_per_s;
	double bytes_per_s;
	double p99_ns;
	double stall_share;
};

/**
 * struct top_model - all of it
 * @sample: the later one; the model points into it
 * @interval_ns: length of the span; 0 where it is everything since the plane was loaded
 * @has_latency_span: @latencies are of the span, not of everything
 * @nr_filtered: VM memories that were left out for their names
 * @vms: by id until top_sort_vms()
 */
struct top_model {
	const struct top_sample *sample;
	__u64 interval_ns;
	struct top_point point;
	struct top_vm *vms;
	size_t nr_vms;
	size_t nr_filtered;
	struct top_latency *latencies;
	size_t nr_latencies;
	bool has_latency_span;
	struct top_region *regions;
};

/**
 * top_model_build - figures from two samples
 * @model: takes them, for top_model_free(); all zero on error
 * @now: the later one, which must stay as long as the model
 * @before: the earlier one; NULL, or one of another loading of the plane, for totals
 * @name: only VMs whose name contains it; NULL for all
 *
 * VM memories that are gone are left out. One that was not in @before began in the span.
 *
 * Return: 0 or -ENOMEM.
 */
int top_model_build(struct top_model *model, const struct top_sample *now,
		    const struct top_sample *before, const char *name);
void top_model_free(struct top_model *model);

/** top_count_of - one of the counts; fetches are the sum over the orders. */
__u64 top_count_of(const struct dmem_vm_stats *stats, enum top_count count);

/** top_find_vm - the VM memory with this id; NULL where there is none. */
const struct top_vm *top_find_vm(const struct top_model *model, __u32 id);

/** top_vm_regions - how many regions it has, touched or not. */
__u32 top_vm_regions(const struct top_vm *vm);

/** top_name_matches - whether a text has a part of it, capital letters or not. */
bool top_name_matches(const char *text, const char *part);

/**
 * top_explain - in a sentence, how a VM memory fares, and why
 * @vm: of @model
 * @buf: takes it; 200 bytes do
 * @len: of @buf
 *
 * Return: how bad it is: 0 not, 1 to be looked at, 2 it hurts; by the thresholds of explain.c.
 */
int top_explain(const struct top_vm *vm, char *buf, size_t len);

/** top_severity - that figure alone. */
int top_severity(const struct top_vm *vm);

#endif /* DMEMTOP_MODEL_H */
