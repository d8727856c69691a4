/* SPDX-License-Identifier: GPL-2.0 */
/*
 * event.bpf.h - one event of the core's into the maps of maps.h: of the VM memory, of its donor and
 * of the region.
 */
#ifndef DMEM_EVENT_BPF_H
#define DMEM_EVENT_BPF_H

#include "count.bpf.h"

/* Where an event is counted. */
struct counters {
	struct dmem_vm_stats *vm;
	struct dmem_latency_value *donor;
	struct dmem_region_value *region;
	u32 epoch;
};

/* A page asked for by a fault has come. */
static __always_inline void count_fetch(struct counters *to, const struct dmem_event *event)
{
	u32 slot = slot_of(event->time_log2, DMEM_LATENCY_SLOTS);
	u32 order = event->order;

	to->vm->fetched_pages++;
	to->vm->fetch_ns += event->time_ns;
	add(&to->region->fetched_pages, 1);
	if (order >= DMEM_MAP_ORDERS || slot >= DMEM_LATENCY_SLOTS)
		return;
	to->vm->fetch_latency[slot]++;
	to->vm->fetches_by_order[order]++;
	to->donor->fetches[order][slot]++;
	to->donor->fetch_ns[order] += event->time_ns;
}

/* The rest of a block has come: what nobody asked for. */
static __always_inline void count_prefetch(struct counters *to, const struct dmem_event *event)
{
	u32 nr = event->nr_pages, order = event->order;

	to->vm->fetched_pages += nr;
	to->vm->prefetched_pages += nr;
	to->vm->prefetches++;
	to->vm->prefetch_latency_ns += event->time_ns;
	add(&to->region->fetched_pages, nr);
	add(&to->region->prefetched_pages, nr);
	if (order >= DMEM_MAP_ORDERS)
		return;
	to->donor->rest_requests[order]++;
	to->donor->rest_pages[order] += nr;
	to->donor->rest_ns[order] += event->time_ns;
}

static __always_inline void count_first_use(struct counters *to, const struct dmem_event *event)
{
	u32 slot = slot_of(event->time_log2, DMEM_LATENCY_SLOTS);

	to->vm->prefetched_used_pages++;
	add_telling(&to->region->prefetched_used_pages, 1, event->vm, event->region);
	if (!event->time_ns)
		return;
	if (slot < DMEM_LATENCY_SLOTS)
		to->vm->first_use[slot]++;
	slot = event->time_log2 < DMEM_FIRST_USE_SHIFT ? 0 :
	       slot_of(event->time_log2 - DMEM_FIRST_USE_SHIFT, DMEM_FIRST_USE_SLOTS);
	if (slot < DMEM_FIRST_USE_SLOTS)
		add_slot(to->region->first_use, slot);
}

static __always_inline void count_distance(struct counters *to, const struct dmem_event *event)
{
	u32 from = event->last - 1, slot = DMEM_DISTANCE_ZERO;

	if (!event->last)
		return;
	if (event->page > from)
		slot += 1 + slot_of(event->distance_log2, DMEM_DISTANCE_ZERO);
	else if (event->page < from)
		slot -= 1 + slot_of(event->distance_log2, DMEM_DISTANCE_ZERO);
	barrier_var(slot);
	if (slot < DMEM_DISTANCE_SLOTS)
		add_slot(to->region->distance, slot);
}

static __always_inline void count_fault(struct counters *to, const struct dmem_event *event)
{
	bool returns = event->flags & DMEM_FAULT_F_RETRIED;
	u32 kind = event->kind;

	if (event->flags & DMEM_FAULT_F_PREFETCHED)
		count_first_use(to, event);
	count_distance(to, event);
	region_touch(to->region, event->page, to->epoch);
	if (kind == DMEM_FAULT_SOFT || kind == DMEM_FAULT_RESCUE) {
		/* The end of a fault was counted when it began. */
		if (returns)
			return;
		to->vm->soft_faults++;
		add(&to->region->soft_faults, 1);
	} else {
		to->vm->faults++;
	}
	if (kind == DMEM_FAULT_ZERO) {
		to->vm->zero_fills++;
		add(&to->region->zero_fills, 1);
	} else if (kind == DMEM_FAULT_FETCH || kind == DMEM_FAULT_WAIT) {
		add_telling(&to->region->misses, 1, event->vm, event->region);
	}
	if (event->flags & DMEM_FAULT_F_WRITE) {
		to->vm->write_faults++;
		add(&to->region->write_faults, 1);
	}
	if (event->nr_pages)
		count_fetch(to, event);
}

static __always_inline void count_evicted(struct counters *to, const struct dmem_event *event)
{
	to->vm->evictions++;
	to->vm->evicted_pages += event->nr_pages;
	to->vm->prefetched_unused_pages += event->nr_unused;
	add(&to->region->evicted_pages, event->nr_pages);
	add_telling(&to->region->prefetched_unused_pages, event->nr_unused, event->vm,
		    event->region);
}

static __always_inline void count_written(struct counters *to, const struct dmem_event *event)
{
	to->vm->writebacks++;
	to->vm->writeback_pages += event->nr_pages;
	to->vm->writeback_ns += event->time_ns;
	add(&to->region->writeback_pages, event->nr_pages);
}

/* Not inlined, so that the verifier looks at it once, not once for every event of a batch. */
__noinline int count_event(struct dmem_vm_stats *vm, struct dmem_latency_value *donor,
			   struct dmem_region_value *region, const struct dmem_event *event,
			   u32 epoch)
{
	struct counters to = { vm, donor, region, epoch };

	if (!vm || !donor || !region || !event)
		return 0;
	if ((s16)(event->version - region->version) >= 0) {
		region->version = event->version;
		region->local_pages = event->local_pages;
		region->remote_pages = event->remote_pages;
	}
	if (event->kind < DMEM_FAULT_ERROR)
		count_fault(&to, event);
	else if (event->kind == DMEM_EVENT_FETCHED)
		count_fetch(&to, event);
	else if (event->kind == DMEM_EVENT_PREFETCHED)
		count_prefetch(&to, event);
	else if (event->kind == DMEM_EVENT_EVICTED)
		count_evicted(&to, event);
	else if (event->kind == DMEM_EVENT_WRITTEN)
		count_written(&to, event);
	else if (event->kind == DMEM_EVENT_FETCH_ERROR)
		vm->fetch_errors++;
	return 0;
}

/* The event before: what it was counted in is looked up anew only for another's. */
struct cursor {
	u32 vm;
	u32 region;
	u32 donor;
	struct dmem_vm_stats *of_vm;
	struct dmem_region_value *of_region;
	struct dmem_latency_value *of_donor;
};

/* False when there is no room for the VM memory or the region: the event is lost. */
static __always_inline bool cursor_move(struct cursor *at, const struct dmem_event *event)
{
	if (!at->of_vm || !at->of_donor || at->vm != event->vm || at->donor != event->donor) {
		at->vm = event->vm;
		at->donor = event->donor;
		at->of_vm = stats_of(event->vm);
		at->of_donor = latency_of(event->vm, event->donor);
		at->of_region = NULL;
	}
	if (!at->of_region || at->region != event->region) {
		at->region = event->region;
		at->of_region = region_of(event->vm, event->region);
	}
	return at->of_vm && at->of_donor && at->of_region;
}

#endif /* DMEM_EVENT_BPF_H */
