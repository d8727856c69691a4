// SPDX-License-Identifier: GPL-2.0
/*
 * model.c - the figures made from two samples.
 *
 * Counters only go up while the plane is loaded, so their differences are what happened in
 * between. Those of regions are 32 bits wide and wrap, which differences survive.
 */
#include "model.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hist.h"

#define NS_PER_S	1e9

__u64 top_count_of(const struct dmem_vm_stats *stats, enum top_count count)
{
	__u64 fetches = 0;

	switch (count) {
	case TOP_FAULTS: return stats->faults;
	case TOP_SOFT_FAULTS: return stats->soft_faults;
	case TOP_FETCHED_PAGES: return stats->fetched_pages;
	case TOP_PREFETCHED_PAGES: return stats->prefetched_pages;
	case TOP_EVICTED_PAGES: return stats->evicted_pages;
	case TOP_WRITEBACK_PAGES: return stats->writeback_pages;
	case TOP_KVM_FAULTS: return stats->kvm_faults;
	default: break;
	}
	for (int order = 0; order < DMEM_MAP_ORDERS; order++)
		fetches += stats->fetches_by_order[order];
	return fetches;
}

/*
 * Of the span's fetches. Inside its log2 slot it is interpolated, as far as its rank goes: right
 * within a factor of two. What took longer than the last slot says counts as in it.
 */
static double latency_quantile(const __u64 *slots, double share)
{
	for (int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++)
		if (slots[slot])
			return dmem_hist_quantile(slots, DMEM_LATENCY_SLOTS, share);
	return TOP_UNKNOWN;
}

static int compare_ids(const void *a, const void *b)
{
	const struct dmem_plane_vm *one = a, *two = b;

	return one->id < two->id ? -1 : one->id > two->id;
}

static const struct dmem_plane_vm *find_vm(const struct top_sample *sample, __u32 id)
{
	struct dmem_plane_vm wanted = { .id = id };

	if (!sample || !sample->nr_vms)
		return NULL;
	return bsearch(&wanted, sample->vms, sample->nr_vms, sizeof(wanted), compare_ids);
}

/*
 * Counters that are all __u64. False where one went back: these are not the counters that were
 * read before (the VM memory was forgotten meanwhile and counted anew).
 */
static bool subtract(void *span, const void *before, size_t size)
{
	const __u64 *from = before;
	__u64 *to = span;
	size_t i;

	for (i = 0; i < size / sizeof(__u64); i++)
		if (to[i] < from[i])
			return false;
	for (i = 0; i < size / sizeof(__u64); i++)
		to[i] -= from[i];
	return true;
}

static double share_of(__u64 part, __u64 rest)
{
	return part + rest ? (double)part / (double)(part + rest) : TOP_UNKNOWN;
}

static int dominant_order(const struct dmem_vm_stats *stats)
{
	__u64 most = 0;
	int found = -1;

	for (int order = 0; order < DMEM_MAP_ORDERS; order++)
		if (stats->fetches_by_order[order] > most) {
			most = stats->fetches_by_order[order];
			found = order;
		}
	return found;
}

static const struct top_donor *find_donor(const struct top_sample *sample, __u32 id)
{
	for (size_t i = 0; id && i < sample->nr_donors; i++)
		if (sample->donors[i].id == id)
			return &sample->donors[i];
	return NULL;
}

static void fill_shares(struct top_vm *vm, __u64 interval_ns)
{
	__u64 misses = vm->span.faults - vm->span.zero_fills;

	if (vm->span.faults < vm->span.zero_fills)
		misses = 0;
	vm->fetch_p50_ns = latency_quantile(vm->span.fetch_latency, 0.5);
	vm->fetch_p99_ns = latency_quantile(vm->span.fetch_latency, 0.99);
	vm->prefetch_accuracy = share_of(vm->span.prefetched_used_pages,
					 vm->span.prefetched_unused_pages);
	vm->hit_share = share_of(vm->span.soft_faults, misses);
	vm->order = dominant_order(&vm->span);
	vm->stall_share = interval_ns ? (double)vm->span.fetch_ns / (double)interval_ns :
					TOP_UNKNOWN;
}

/* Return: whether @before has the same VM memory. */
static bool fill_vm(struct top_vm *vm, const struct dmem_plane_vm *now,
		    const struct dmem_plane_vm *before, __u64 interval_ns)
{
	bool known;

	vm->id = now->id;
	vm->value = now->value;
	vm->value.name[sizeof(vm->value.name) - 1] = 0;
	vm->total = now->stats;
	vm->span = now->stats;
	known = before && subtract(&vm->span, &before->stats, sizeof(vm->span));
	for (int i = 0; i < TOP_COUNTS; i++)
		vm->per_s[i] = !interval_ns ? TOP_UNKNOWN :
			(double)top_count_of(&vm->span, i) * NS_PER_S / (double)interval_ns;
	fill_shares(vm, interval_ns);
	return known;
}

/*
 * Regions, for JSON
 */

static int compare_keys(const struct dmem_region_key *one, const struct dmem_region_key *two)
{
	if (one->vm != two->vm)
		return one->vm < two->vm ? -1 : 1;
	return one->region < two->region ? -1 : one->region > two->region;
}

/* The first at @at or later whose key is not below @key: both samples are walked once. */
static size_t walk_to(const struct top_sample *sample, size_t at,
		      const struct dmem_region_key *key)
{
	while (at < sample->nr_regions && compare_keys(&sample->regions[at].key, key) < 0)
		at++;
	return at;
}

static void fill_region(struct top_region *region, const struct top_vm *vm,
			const struct dmem_plane_region *now, const struct top_model *model)
{
	unsigned int order = now->decided ? now->order.order : vm->value.default_order;

	region->index = now->key.region;
	region->offset_bytes = now->key.region * TOP_REGION_BYTES;
	region->local_pages = now->value.local_pages;
	region->remote_pages = now->value.remote_pages;
	region->touched_pages = heat_touched(&now->value, model->sample->epoch);
	region->misses = now->value.misses;
	region->span_misses = now->value.misses;
	region->misses_per_s = TOP_UNKNOWN;
	region->prefetched_used_pages = now->value.prefetched_used_pages;
	region->prefetched_unused_pages = now->value.prefetched_unused_pages;
	/* As the core clamps what it is handed. */
	region->order = order < DMEM_MAP_ORDERS ? order : DMEM_MAP_ORDERS - 1;
	region->decided = now->decided;
	region->decision_asked = now->decided ? now->order.asked : 0;
}

/* How far the walk through both samples' regions has come. */
struct walk {
	size_t now;
	size_t before;
};

/* The regions of one VM. @before is NULL where the VM is new since. */
static void fill_regions(struct top_model *model, struct top_vm *vm, struct walk *walk,
			 const struct top_sample *now, const struct top_sample *before)
{
	struct dmem_region_key first = { .vm = vm->id };
	size_t at = walk_to(now, walk->now, &first), old = walk->before;

	for (; at < now->nr_regions && now->regions[at].key.vm == vm->id; at++) {
		const struct dmem_region_key *key = &now->regions[at].key;
		struct top_region *region = &vm->regions[vm->nr_regions++];

		fill_region(region, vm, &now->regions[at], model);
		if (before)
			old = walk_to(before, old, key);
		if (before && old < before->nr_regions &&
		    !compare_keys(&before->regions[old].key, key))
			region->span_misses -= before->regions[old].value.misses;
		if (model->interval_ns)
			region->misses_per_s = region->span_misses * NS_PER_S /
					       (double)model->interval_ns;
		vm->regions_by_order[region->order]++;
	}
	walk->now = at;
	walk->before = old;
}

/*
 * All of it
 */

bool top_name_matches(const char *text, const char *part)
{
	size_t len = strlen(part);

	for (; *text; text++)
		if (!strncasecmp(text, part, len))
			return true;
	return !len;
}

static bool is_wanted(const struct dmem_plane_vm *vm, const char *name)
{
	char text[DMEM_MAP_NAME_LEN];

	memcpy(text, vm->value.name, sizeof(text));
	text[sizeof(text) - 1] = 0;
	return !name || top_name_matches(text, name);
}

static void fill_vms(struct top_model *model, const struct top_sample *now,
		     const struct top_sample *before, const char *name)
{
	size_t i, nr_regions = 0;
	struct walk walk = {};

	for (i = 0; i < now->nr_vms; i++) {
		struct top_vm *vm = &model->vms[model->nr_vms];
		bool known;

		if (now->vms[i].value.gone)
			continue;
		if (!is_wanted(&now->vms[i], name)) {
			model->nr_filtered++;
			continue;
		}
		known = fill_vm(vm, &now->vms[i], find_vm(before, now->vms[i].id),
				model->interval_ns);
		vm->donor = find_donor(now, vm->value.donor);
		vm->regions = model->regions + nr_regions;
		fill_regions(model, vm, &walk, now, known ? before : NULL);
		nr_regions += vm->nr_regions;
		model->nr_vms++;
	}
}

static void fill_latencies(struct top_model *model, const struct top_sample *now,
			   const struct top_sample *before)
{
	model->has_latency_span = before && before->nr_latencies;
	for (size_t i = 0; i < now->nr_latencies; i++) {
		struct top_latency *latency = &model->latencies[model->nr_latencies++];

		latency->key = now->latencies[i].key;
		latency->span = now->latencies[i].value;
		for (size_t j = 0; before && j < before->nr_latencies; j++) {
			/* The order of a hash map rarely changes: begin at the same place. */
			size_t at = (i + j) % before->nr_latencies;
			const struct dmem_plane_latency *old = &before->latencies[at];

			if (old->key.vm != latency->key.vm || old->key.donor != latency->key.donor)
				continue;
			subtract(&latency->span, &old->value, sizeof(latency->span));
			break;
		}
	}
}

static void fill_point(struct top_model *model)
{
	__u64 slots[DMEM_LATENCY_SLOTS] = {};
	struct top_point *point = &model->point;

	for (size_t i = 0; model->interval_ns && i < model->nr_vms; i++) {
		const struct top_vm *vm = &model->vms[i];

		point->faults_per_s += vm->per_s[TOP_FAULTS];
		point->bytes_per_s += vm->per_s[TOP_FETCHED_PAGES] * TOP_PAGE_BYTES;
		point->stall_share += vm->stall_share;
		for (int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++)
			slots[slot] += vm->span.fetch_latency[slot];
	}
	point->p99_ns = latency_quantile(slots, 0.99);
	if (point->p99_ns < 0)
		point->p99_ns = 0;
}

int top_model_build(struct top_model *model, const struct top_sample *now,
		    const struct top_sample *before, const char *name)
{
	memset(model, 0, sizeof(*model));
	if (before && (before->plane_id != now->plane_id || before->time_ns >= now->time_ns))
		before = NULL;
	model->sample = now;
	model->vms = calloc(now->nr_vms + 1, sizeof(*model->vms));
	model->regions = calloc(now->nr_regions + 1, sizeof(*model->regions));
	model->latencies = calloc(now->nr_latencies + 1, sizeof(*model->latencies));
	if (!model->vms || !model->regions || !model->latencies) {
		top_model_free(model);
		return -ENOMEM;
	}
	model->interval_ns = before ? now->time_ns - before->time_ns : 0;
	fill_vms(model, now, before, name);
	fill_latencies(model, now, before);
	fill_point(model);
	return 0;
}

void top_model_free(struct top_model *model)
{
	free(model->vms);
	free(model->regions);
	free(model->latencies);
	memset(model, 0, sizeof(*model));
}

const struct top_vm *top_find_vm(const struct top_model *model, __u32 id)
{
	for (size_t i = 0; i < model->nr_vms; i++)
		if (model->vms[i].id == id)
			return &model->vms[i];
	return NULL;
}

__u32 top_vm_regions(const struct top_vm *vm)
{
	__u64 nr = vm->value.size_bytes / TOP_REGION_BYTES +
		   (vm->value.size_bytes % TOP_REGION_BYTES != 0);

	return nr < UINT32_MAX ? (__u32)nr : UINT32_MAX;
}
