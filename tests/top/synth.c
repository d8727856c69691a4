// SPDX-License-Identifier: GPL-2.0
/* synth.c - samples of hosts that do not exist. */
#include "synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ID	101
#define SECOND_NS	1000000000ULL
/* 2026-03-01 12:00:00 UTC */
#define START_NS	(1772366400ULL * SECOND_NS)

static void *need(size_t nr, size_t size)
{
	void *memory = calloc(nr + 1, size);

	if (!memory)
		abort();
	return memory;
}

/* The first waits much, the second prefetches in vain, the third has a slow donor. */
static void fill_stats(struct dmem_vm_stats *stats, int i, __u64 tick)
{
	__u64 much = i == 0 ? 900 : i == 1 ? 500 : i == 2 ? 300 : i % 7 ? (__u64)(40 / i) : 0;

	/* Not the same in every second, or curves would be flat. */
	much = much * (tick * 4 + tick * tick % 7);
	stats->faults = much * 11 / 10;
	stats->zero_fills = much / 10;
	stats->soft_faults = much * 3;
	stats->write_faults = much / 3;
	stats->kvm_faults = much * 4;
	stats->fetches_by_order[i == 1 ? 9 : 2 + i % 4] = much * 9 / 10;
	stats->fetches_by_order[0] = much / 10;
	stats->fetched_pages = much * 8;
	stats->fetch_ns = much * (i == 2 ? 400000 : 70000);
	stats->prefetches = much / 2;
	stats->prefetch_latency_ns = much * 20000;
	stats->prefetched_pages = much * 7;
	stats->prefetched_used_pages = i == 1 ? much : much * 6;
	stats->prefetched_unused_pages = i == 1 ? much * 5 : much / 2;
	stats->evictions = much / 8;
	stats->evicted_pages = much * 7;
	stats->writebacks = much / 16;
	stats->writeback_pages = much * 2;
	stats->fetch_latency[12] = much / 4;
	stats->fetch_latency[13] = much / 2;
	stats->fetch_latency[14] = much / 8;
	stats->fetch_latency[i == 2 ? 21 : 16] = much / 16;
	stats->first_use[15] = much;
}

static void fill_vm(struct dmem_plane_vm *vm, const struct synth_host *host, int i, __u64 tick)
{
	static const char *const names[] = { "db-1", "web-1", "web-2", "b\303\274ro", "batch" };
	struct dmem_vm_value *value = &vm->value;

	vm->id = FIRST_ID + (__u32)i;
	if (i < (int)(sizeof(names) / sizeof(names[0])))
		snprintf(value->name, sizeof(value->name), "%s", names[i]);
	else
		snprintf(value->name, sizeof(value->name), "guest-%02d", i);
	value->size_bytes = host->size_bytes;
	value->direct_limit_bytes = host->size_bytes / 2;
	value->direct_bytes = host->size_bytes / 16 * (__u64)(i < 3 ? 8 : 1 + i % 7);
	value->remote_bytes = host->size_bytes / 16 * (__u64)(i < 5 ? 5 - i : 0);
	value->updated_ns = tick * SECOND_NS;
	value->default_order = 2;
	value->donor = host->pools ? 1 + (__u32)(i % host->pools) : 0;
	fill_stats(&vm->stats, i, tick);
}

static void fill_latency(struct dmem_plane_latency *latency, const struct dmem_plane_vm *vm)
{
	latency->key.vm = vm->id;
	latency->key.donor = vm->value.donor;
	for (int order = 0; order < DMEM_MAP_ORDERS; order++) {
		__u64 fetches = vm->stats.fetches_by_order[order], all = 0;

		for (int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++)
			all += vm->stats.fetch_latency[slot];
		for (int slot = 0; all && slot < DMEM_LATENCY_SLOTS; slot++)
			latency->value.fetches[order][slot] =
				vm->stats.fetch_latency[slot] * fetches / all;
		latency->value.fetch_ns[order] = fetches * 9000;
		latency->value.rest_requests[order] = order > 1 ? fetches / 2 : 0;
		latency->value.rest_pages[order] = fetches * 4;
		latency->value.rest_ns[order] = fetches * 15000;
	}
}

static void fill_donor(struct top_donor *donor, const struct synth_host *host, int i)
{
	donor->id = 1 + (__u32)i;
	donor->state = TOP_DONOR_UP;
	donor->lent_bytes = host->size_bytes * (__u64)host->vms;
	donor->reserved_bytes = donor->lent_bytes / 4 * 3;
	snprintf(donor->path, sizeof(donor->path), i ? "/run/dmem-%d" : "/run/dmem", i);
	snprintf(donor->spec, sizeof(donor->spec), "local:%lluG",
		 (unsigned long long)(donor->lent_bytes >> 30));
}

static void fill_tuner(struct dmem_journal *tuner, const struct top_sample *sample, __u64 tick)
{
	tuner->pid = 4711;
	tuner->interval_ns = 2 * SECOND_NS;
	tuner->round_ns = tick * SECOND_NS - SECOND_NS / 2;
	tuner->rounds = tick / 2;
	tuner->decisions = tick * 3;
	snprintf(tuner->mode, sizeof(tuner->mode), "auto");
	for (__u64 i = 0; i < tick && sample->nr_vms; i++) {
		const struct dmem_plane_vm *vm = &sample->vms[i % sample->nr_vms];
		struct dmem_decision decision = {
			.time_ns = (i + 1) * SECOND_NS - SECOND_NS / 2,
			.vm = vm->id, .region = (__u32)(17 * i), .from = 2, .order = 4,
		};

		memcpy(decision.name, vm->value.name, sizeof(decision.name));
		snprintf(decision.reason, sizeof(decision.reason),
			 "neighbours 0.%llu likely (%llu steps, 480 of 500 used): 2 -> 4 saves 0.42 us a page",
			 (unsigned long long)(70 + i % 30), (unsigned long long)(500 + i));
		dmem_journal_add(tuner, &decision);
	}
}

/* A hot beginning, stripes, and a part that nobody has touched. */
static void fill_region(struct dmem_region_value *value, __u32 region, __u32 nr, __u64 epoch)
{
	int words = region < nr / 8 ? 8 : (int)(region % 16 / 2);

	for (int i = 0; i < words; i++)
		value->touched[i] = ~0ULL;
	value->epoch = (__u32)epoch - (region < nr / 8 ? region % 2 : region % 97);
	value->vcpus = 3;
	value->misses = region < nr / 8 ? 100 + region % 32 : region % 5;
	value->soft_faults = 7;
	value->local_pages = (__u16)(region % 512);
	value->remote_pages = (__u16)(512 - region % 512);
	value->prefetched_pages = 64;
	value->prefetched_used_pages = 50;
	for (int i = 0; i < DMEM_DISTANCE_SLOTS; i++)
		value->distance[i] = (__u16)(i > DMEM_DISTANCE_ZERO ? 40 - 2 * i : i);
	value->first_use[4] = 9;
	value->first_use[5] = 3;
}

static bool is_touched(__u32 region, __u32 nr)
{
	return region < nr / 2 || region % 64 < 8;
}

static void walk(struct heat *heat, __u32 vm, __u32 nr, __u64 epoch, __u64 tick)
{
	for (__u32 region = 0; region < nr; region++) {
		struct dmem_region_key key = { .vm = vm, .region = region };
		struct dmem_order_value order = { .order = region / 8 % 10 };
		struct dmem_region_value value = {};

		if (!is_touched(region, nr))
			continue;
		fill_region(&value, region, nr, epoch);
		value.misses *= (__u32)tick;
		heat_add_region(heat, &key, &value, epoch);
		if (region % 3)
			heat_add_order(heat, &key, &order);
	}
	heat_walked(heat, tick * SECOND_NS);
}

static void fill_map(struct top_sample *sample, const struct synth_host *host, __u32 vm,
		     unsigned int tick)
{
	__u32 nr = (__u32)(host->size_bytes >> 21);
	struct heat_window window = heat_window_fit(0, nr);
	struct top_map *map = &sample->map;
	struct heat heat = {};

	if (heat_begin(&heat, vm, &window))
		abort();
	if (tick > 1)
		walk(&heat, vm, nr, sample->epoch, tick - 1);
	walk(&heat, vm, nr, sample->epoch, tick);
	*map = (struct top_map){ .vm = vm, .progress = 1000, .span_ns = heat.span_ns,
				 .window = window, .nr_bins = heat.nr_bins };
	map->bins = need(map->nr_bins, sizeof(*map->bins));
	memcpy(map->bins, heat_bins(&heat), map->nr_bins * sizeof(*map->bins));
	heat_end(&heat);
	sample->has_spot = true;
	sample->spot.key = (struct dmem_region_key){ .vm = vm, .region = 3 };
	fill_region(&sample->spot.value, 0, nr, sample->epoch);
	sample->spot.decided = true;
	sample->spot.order = (struct dmem_order_value){ .order = 4, .asked = 12,
							.decided_ns = SECOND_NS / 2 };
}

void synth_sample(struct top_sample *sample, const struct synth_host *host, unsigned int tick,
		  __u32 map_vm)
{
	memset(sample, 0, sizeof(*sample));
	sample->time_ns = tick * SECOND_NS;
	sample->unix_ns = START_NS + sample->time_ns;
	sample->plane_id = 7;
	sample->epoch = 1000 + tick / 2;
	sample->stats.kvm_faults_other = 10 * tick;
	sample->vms = need((size_t)host->vms, sizeof(*sample->vms));
	sample->latencies = need((size_t)host->vms, sizeof(*sample->latencies));
	sample->donors = need((size_t)host->pools, sizeof(*sample->donors));
	for (int i = 0; i < host->vms; i++) {
		fill_vm(&sample->vms[i], host, i, tick);
		fill_latency(&sample->latencies[i], &sample->vms[i]);
	}
	for (int i = 0; i < host->pools; i++)
		fill_donor(&sample->donors[i], host, i);
	sample->nr_vms = sample->nr_latencies = (size_t)host->vms;
	sample->nr_donors = (size_t)host->pools;
	if (host->tuner)
		fill_tuner(&sample->tuner, sample, tick);
	if (map_vm)
		fill_map(sample, host, map_vm, tick);
}
