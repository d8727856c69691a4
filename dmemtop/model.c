// SPDX-License-Identifier: GPL-2.0
/*
 * model.c - readings of the BPF plane, and the figures made from two of them.
 *
 * Counters only go up while the plane is loaded, so their differences are what happened in
 * between. Those of regions are 32 bits wide and wrap, which differences survive.
 */
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "hist.h"

#define PAGE_BYTES	4096ULL
#define NS_PER_S	1e9

static int read_marks(const struct dmem_plane *plane, struct top_reading *reading,
		      struct dmem_error *error)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err;

	err = bpf_obj_get_info_by_fd(plane->map[DMEM_PLANE_VMS], &info, &len);
	if (err)
		return dmem_fail(error, err, "reading " DMEM_PIN_DIR "/vms: %s", strerror(-err));
	reading->plane_id = info.id;
	return dmem_plane_read_epoch(plane, &reading->epoch, error);
}

int top_read(struct top_reading *reading, bool regions, struct dmem_error *error)
{
	struct dmem_plane plane;
	int err;

	memset(reading, 0, sizeof(*reading));
	err = dmem_plane_open(&plane, false, error);
	if (err)
		return err;
	reading->time_ns = dmem_clock_ns();
	reading->has_regions = regions;
	err = read_marks(&plane, reading, error);
	if (!err)
		err = dmem_plane_read_stats(&plane, &reading->stats, error);
	if (!err)
		err = dmem_plane_read_vms(&plane, &reading->vms, &reading->nr_vms, error);
	if (!err && regions)
		err = dmem_plane_read_regions(&plane, &reading->regions, &reading->nr_regions,
					      error);
	dmem_plane_close(&plane);
	if (err)
		top_reading_free(reading);
	return err;
}

void top_reading_free(struct top_reading *reading)
{
	free(reading->vms);
	free(reading->regions);
	memset(reading, 0, sizeof(*reading));
}

__u64 top_count_of(const struct dmem_vm_stats *stats, enum top_count count)
{
	__u64 fetches = 0;

	switch (count) {
	case TOP_FAULTS: return stats->faults;
	case TOP_SOFT_FAULTS: return stats->soft_faults;
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
static double latency_quantile(const struct dmem_vm_stats *stats, double share)
{
	for (int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++)
		if (stats->fetch_latency[slot])
			return dmem_hist_quantile(stats->fetch_latency, DMEM_LATENCY_SLOTS, share);
	return TOP_UNKNOWN;
}

static int compare_ids(const void *a, const void *b)
{
	const struct dmem_plane_vm *one = a, *two = b;

	return one->id < two->id ? -1 : one->id > two->id;
}

static const struct dmem_plane_vm *find_vm(const struct top_reading *reading, __u32 id)
{
	struct dmem_plane_vm wanted = { .id = id };

	if (!reading || !reading->nr_vms)
		return NULL;
	return bsearch(&wanted, reading->vms, reading->nr_vms, sizeof(wanted), compare_ids);
}

/*
 * Every field is a __u64 counter. False where one went back: these are not the counters that were
 * read before (the VM memory was forgotten meanwhile and counted anew).
 */
static bool subtract_stats(struct dmem_vm_stats *span, const struct dmem_vm_stats *before)
{
	const __u64 *from = (const __u64 *)before;
	__u64 *to = (__u64 *)span;
	size_t i;

	for (i = 0; i < sizeof(*span) / sizeof(__u64); i++)
		if (to[i] < from[i])
			return false;
	for (i = 0; i < sizeof(*span) / sizeof(__u64); i++)
		to[i] -= from[i];
	return true;
}

static double share_of(__u64 part, __u64 rest)
{
	return part + rest ? (double)part / (double)(part + rest) : TOP_UNKNOWN;
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
	known = before && subtract_stats(&vm->span, &before->stats);
	for (int i = 0; i < TOP_COUNTS; i++)
		vm->per_s[i] = !interval_ns ? TOP_UNKNOWN :
			(double)top_count_of(&vm->span, i) * NS_PER_S / (double)interval_ns;
	vm->fetch_p50_ns = latency_quantile(&vm->span, 0.5);
	vm->fetch_p99_ns = latency_quantile(&vm->span, 0.99);
	vm->prefetch_accuracy = share_of(vm->span.prefetched_used_pages,
					 vm->span.prefetched_unused_pages);
	return known;
}

static int compare_keys(const struct dmem_region_key *one, const struct dmem_region_key *two)
{
	if (one->vm != two->vm)
		return one->vm < two->vm ? -1 : 1;
	return one->region < two->region ? -1 : one->region > two->region;
}

/* The first at @at or later whose key is not below @key: both readings are walked once. */
static size_t walk_to(const struct top_reading *reading, size_t at,
		      const struct dmem_region_key *key)
{
	while (at < reading->nr_regions && compare_keys(&reading->regions[at].key, key) < 0)
		at++;
	return at;
}

static unsigned int touched_pages(const struct dmem_region_value *value, __u64 epoch)
{
	unsigned int pages = 0;

	/* The map has the epoch's lower 32 bits. */
	if ((__u32)epoch - value->epoch > 1)
		return 0;
	for (size_t i = 0; i < DMEM_MAP_REGION_PAGES / 64; i++)
		pages += (unsigned int)__builtin_popcountll(value->touched[i]);
	return pages;
}

static void fill_region(struct top_region *region, const struct top_vm *vm,
			const struct dmem_plane_region *now, const struct top_model *model)
{
	unsigned int order = now->decided ? now->order.order : vm->value.default_order;

	region->index = now->key.region;
	region->offset_bytes = now->key.region * model->region_bytes;
	region->local_pages = now->value.local_pages;
	region->remote_pages = now->value.remote_pages;
	region->touched_pages = touched_pages(&now->value, model->epoch);
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

/* How far the walk through both readings' regions has come. */
struct walk {
	size_t now;
	size_t before;
};

/* The regions of one VM. @before is NULL where the VM is new since. */
static void fill_regions(struct top_model *model, struct top_vm *vm, struct walk *walk,
			 const struct top_reading *now, const struct top_reading *before)
{
	struct dmem_region_key first = { .vm = vm->id };
	size_t at = walk_to(now, walk->now, &first), old = walk->before;

	for (; at < now->nr_regions && now->regions[at].key.vm == vm->id; at++) {
		const struct dmem_region_key *key = &now->regions[at].key;
		struct top_region *region = &vm->regions[vm->nr_regions];

		fill_region(region, vm, &now->regions[at], model);
		if (before)
			old = walk_to(before, old, key);
		if (before && old < before->nr_regions &&
		    !compare_keys(&before->regions[old].key, key))
			region->span_misses -= before->regions[old].value.misses;
		if (model->interval_ns)
			region->misses_per_s = region->span_misses * NS_PER_S /
					       (double)model->interval_ns;
		vm->ranked[vm->nr_regions++] = region;
		vm->regions_by_order[region->order]++;
	}
	walk->now = at;
	walk->before = old;
}

static bool is_wanted(const struct dmem_plane_vm *vm, const char *name)
{
	char text[DMEM_MAP_NAME_LEN];

	memcpy(text, vm->value.name, sizeof(text));
	text[sizeof(text) - 1] = 0;
	return !vm->value.gone && (!name || strstr(text, name));
}

static void fill_vms(struct top_model *model, const struct top_reading *now,
		     const struct top_reading *before, const char *name)
{
	struct walk walk = {};
	size_t i, nr_regions = 0;

	for (i = 0; i < now->nr_vms; i++) {
		struct top_vm *vm = &model->vms[model->nr_vms];
		bool known;

		if (!is_wanted(&now->vms[i], name))
			continue;
		known = fill_vm(vm, &now->vms[i], find_vm(before, now->vms[i].id),
				model->interval_ns);
		vm->regions = model->regions + nr_regions;
		vm->ranked = model->ranked + nr_regions;
		fill_regions(model, vm, &walk, now, known ? before : NULL);
		nr_regions += vm->nr_regions;
		model->nr_vms++;
	}
}

int top_model_build(struct top_model *model, const struct top_reading *now,
		    const struct top_reading *before, const char *name)
{
	memset(model, 0, sizeof(*model));
	if (before && (before->plane_id != now->plane_id || before->time_ns >= now->time_ns))
		before = NULL;
	model->vms = calloc(now->nr_vms + 1, sizeof(*model->vms));
	model->regions = calloc(now->nr_regions + 1, sizeof(*model->regions));
	model->ranked = calloc(now->nr_regions + 1, sizeof(*model->ranked));
	if (!model->vms || !model->regions || !model->ranked) {
		top_model_free(model);
		return -ENOMEM;
	}
	model->time_ns = now->time_ns;
	model->interval_ns = before ? now->time_ns - before->time_ns : 0;
	model->region_bytes = DMEM_MAP_REGION_PAGES * PAGE_BYTES;
	model->epoch = now->epoch;
	model->has_regions = now->has_regions;
	model->stats = now->stats;
	fill_vms(model, now, before, name);
	return 0;
}

void top_model_free(struct top_model *model)
{
	free(model->vms);
	free(model->regions);
	free(model->ranked);
	memset(model, 0, sizeof(*model));
}

static int up(__u64 one, __u64 two)
{
	return one < two ? -1 : one > two;
}

/* What is equal stays in one order from frame to frame, or lines would jump. */
static int by_name(const void *a, const void *b)
{
	const struct top_vm *one = a, *two = b;
	int order = strcmp(one->value.name, two->value.name);

	return order ? order : up(one->id, two->id);
}

static int by_faults(const void *a, const void *b)
{
	const struct top_vm *one = a, *two = b;
	int order = up(two->span.faults, one->span.faults);

	if (!order)
		order = up(two->total.faults, one->total.faults);
	return order ? order : by_name(a, b);
}

static int by_remote(const void *a, const void *b)
{
	const struct top_vm *one = a, *two = b;
	int order = up(two->value.remote_bytes, one->value.remote_bytes);

	return order ? order : by_name(a, b);
}

void top_sort_vms(struct top_model *model, enum top_vm_sort sort)
{
	static int (*const compare[TOP_VM_SORTS])(const void *a, const void *b) = {
		[TOP_VMS_BY_FAULTS] = by_faults,
		[TOP_VMS_BY_REMOTE] = by_remote,
		[TOP_VMS_BY_NAME] = by_name,
	};

	if (model->nr_vms)
		qsort(model->vms, model->nr_vms, sizeof(*model->vms), compare[sort]);
}

static int by_index(const void *a, const void *b)
{
	const struct top_region *const *one = a, *const *two = b;

	return up((*one)->index, (*two)->index);
}

static int by_misses(const void *a, const void *b)
{
	const struct top_region *const *one = a, *const *two = b;
	int order = up((*two)->span_misses, (*one)->span_misses);

	if (!order)
		order = up((*two)->misses, (*one)->misses);
	return order ? order : by_index(a, b);
}

static int by_order(const void *a, const void *b)
{
	const struct top_region *const *one = a, *const *two = b;
	int order = up((*two)->order, (*one)->order);

	if (!order)
		order = up((*two)->decided, (*one)->decided);
	return order ? order : by_index(a, b);
}

void top_sort_regions(struct top_vm *vm, enum top_region_sort sort)
{
	static int (*const compare[TOP_REGION_SORTS])(const void *a, const void *b) = {
		[TOP_REGIONS_BY_MISSES] = by_misses,
		[TOP_REGIONS_BY_INDEX] = by_index,
		[TOP_REGIONS_BY_ORDER] = by_order,
	};

	if (vm->nr_regions)
		qsort(vm->ranked, vm->nr_regions, sizeof(*vm->ranked), compare[sort]);
}

static int compare_index(const void *a, const void *b)
{
	const struct top_region *one = a, *two = b;

	return up(one->index, two->index);
}

const struct top_region *top_find_region(const struct top_vm *vm, __u32 index)
{
	struct top_region wanted = { .index = index };

	if (!vm->nr_regions)
		return NULL;
	return bsearch(&wanted, vm->regions, vm->nr_regions, sizeof(wanted), compare_index);
}
