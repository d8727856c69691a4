/* SPDX-License-Identifier: GPL-2.0 */
/*
 * count.bpf.h - the maps that the programs count in, and their entries found or made.
 */
#ifndef DMEM_COUNT_BPF_H
#define DMEM_COUNT_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct dmem_version);
} version SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct dmem_epoch);
} epoch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct dmem_plane_stats);
} plane_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DMEM_MAX_VMS);
	__type(key, struct dmem_vm_key);
	__type(value, struct dmem_vm_value);
} vms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DMEM_MAX_VMS);
	__type(key, struct dmem_vm_key);
	__type(value, struct dmem_vm_stats);
} vm_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DMEM_MAX_VMS);
	__type(key, struct dmem_latency_key);
	__type(value, struct dmem_latency_value);
} latencies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DMEM_MAX_REGIONS);
	__type(key, struct dmem_region_key);
	__type(value, struct dmem_region_value);
} regions SEC(".maps");

/* Regions with something new to be judged by, for the tuner: 65,536 between two of its rounds. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} active SEC(".maps");

static const struct dmem_vm_stats no_stats;
static const struct dmem_vm_value no_vm;
static const struct dmem_latency_value no_latency;
static const struct dmem_region_value no_region;

static __always_inline struct dmem_plane_stats *stats_of_plane(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&plane_stats, &zero);
}

static __always_inline void count_lost(u32 events)
{
	struct dmem_plane_stats *stats = stats_of_plane();

	if (stats)
		stats->lost_events += events;
}

static __always_inline u64 epoch_number(void)
{
	u32 zero = 0;
	struct dmem_epoch *now = bpf_map_lookup_elem(&epoch, &zero);

	return now ? now->number : 0;
}

/* An entry of a hash map, made if need be; NULL when there is no room for it. */
static __always_inline void *find_or_make(void *map, const void *key, const void *none)
{
	void *value = bpf_map_lookup_elem(map, key);

	if (value)
		return value;
	bpf_map_update_elem(map, key, none, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, key);
}

/* Counters of this CPU; programs of this file do not interrupt each other on a counter that
 * matters, so plain additions will do. */
static __always_inline struct dmem_vm_stats *stats_of(u32 vm)
{
	struct dmem_vm_key key = { .vm = vm };

	return find_or_make(&vm_stats, &key, &no_stats);
}

static __always_inline struct dmem_latency_value *latency_of(u32 vm, u32 donor)
{
	struct dmem_latency_key key = { .vm = vm, .donor = donor };

	return find_or_make(&latencies, &key, &no_latency);
}

static __always_inline struct dmem_vm_value *value_of(u32 vm)
{
	struct dmem_vm_key key = { .vm = vm };
	struct dmem_vm_value *value = find_or_make(&vms, &key, &no_vm);

	if (!value)
		count_lost(1);
	return value;
}

static __always_inline struct dmem_region_value *region_of(u32 vm, u32 region)
{
	struct dmem_region_key key = { .vm = vm, .region = region };

	return find_or_make(&regions, &key, &no_region);
}

static __always_inline void add(u32 *counter, u32 n)
{
	__sync_fetch_and_add(counter, n);
}

/* A counter that regions are judged by: every so many of its events the tuner is told. */
static __always_inline void add_telling(u32 *counter, u32 n, u32 vm, u32 region)
{
	u32 old = __sync_fetch_and_add(counter, n);
	struct dmem_region_key *key;

	if (old / DMEM_ACTIVE_EVENTS == (old + n) / DMEM_ACTIVE_EVENTS)
		return;
	/* Where the ring is full the tuner sees that, and looks at all regions. */
	key = bpf_ringbuf_reserve(&active, sizeof(*key), 0);
	if (!key)
		return;
	key->vm = vm;
	key->region = region;
	bpf_ringbuf_submit(key, BPF_RB_NO_WAKEUP);
}

/* How often two CPUs may meet at a slot before one gives up. */
#define ADD_SLOT_TRIES	8

/* Nothing adds 16 bits atomically: both slots of a word, compared and swapped. */
static __always_inline void add_slot(u16 *slots, u32 slot)
{
	u32 *word = (u32 *)slots + slot / 2, shift = slot % 2 * 16;
	int i;

	for (i = 0; i < ADD_SLOT_TRIES; i++) {
		u32 old = *(volatile u32 *)word, count = (old >> shift) + 1;

		if (__sync_val_compare_and_swap(word, old, (old & ~(0xffffU << shift)) |
							   (count & 0xffff) << shift) == old)
			return;
	}
	count_lost(1);
}

/* The last slot has all above. */
static __always_inline u32 slot_of(u32 log2, u32 slots)
{
	/* What the compiler knows of it the verifier does not: it must be checked all the same. */
	barrier_var(log2);
	return log2 < slots ? log2 : slots - 1;
}

/* A page is in use. Two CPUs may begin an epoch at once: the bits of one are lost then. */
static __always_inline void region_touch(struct dmem_region_value *value, u32 page, u32 now)
{
	if (value->epoch != now) {
		__builtin_memset(value->touched, 0, sizeof(value->touched));
		value->vcpus = 0;
		value->epoch = now;
	}
	page &= DMEM_MAP_REGION_PAGES - 1;
	__sync_fetch_and_or(&value->touched[page / 64], 1ULL << (page % 64));
}

#endif /* DMEM_COUNT_BPF_H */
