/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * maps.h - the map ABI: what the BPF plane pins under /sys/fs/bpf/dmem/ and anyone may read.
 *
 * Included by the BPF programs (after vmlinux.h) and by user space (after linux/types.h).
 * Readers check the version map first. Units end the names; histograms have log2 slots: slot
 * n counts values v with 2^n <= v < 2^(n+1), slot 0 also counts 0, the last slot all above.
 */
#ifndef DMEM_MAPS_H
#define DMEM_MAPS_H

#define DMEM_MAPS_VERSION	1
#define DMEM_PIN_DIR		"/sys/fs/bpf/dmem"

#define DMEM_MAP_NAME_LEN	64
#define DMEM_MAP_ORDERS		10
#define DMEM_MAP_REGION_PAGES	512
#define DMEM_LATENCY_SLOTS	32
#define DMEM_DISTANCE_SLOTS	10

#define DMEM_MAX_VMS		1024
#define DMEM_MAX_REGIONS	1048576

/** struct dmem_version - the only entry (key 0) of the map `version`. */
struct dmem_version {
	__u32 maps_version;
	__u32 region_bytes;
};

/** struct dmem_vm_key - key of the map `vms`. @vm is the VM memory's id (its inode number). */
struct dmem_vm_key {
	__u32 vm;
};

/**
 * struct dmem_vm_value - one VM memory: map `vms`
 * @name: the file's name when it was made
 * @updated_ns: CLOCK_MONOTONIC of the last event
 * @fetch_latency: time from request to arrival of the faulting page, log2 slots of ns
 * @fetches_by_order: fetches by block order
 * @kvm_faults: second-level misses of its guest (kvm:kvm_page_fault)
 * @lost_events: events that found no room in a map
 *
 * The figures of direct and remote memory are the core's own, as of its last event.
 */
struct dmem_vm_value {
	char name[DMEM_MAP_NAME_LEN];
	__u64 size_bytes;
	__u64 direct_limit_bytes;
	__u64 direct_bytes;
	__u64 remote_bytes;
	__u64 updated_ns;
	__u64 faults;
	__u64 soft_faults;
	__u64 zero_fills;
	__u64 fetched_pages;
	__u64 prefetched_pages;
	__u64 prefetched_used_pages;
	__u64 prefetched_unused_pages;
	__u64 evicted_pages;
	__u64 writeback_pages;
	__u64 writeback_ns;
	__u64 fetch_ns;
	__u64 kvm_faults;
	__u64 kvm_faults_unmatched;
	__u64 lost_events;
	__u64 fetches_by_order[DMEM_MAP_ORDERS];
	__u64 fetch_latency[DMEM_LATENCY_SLOTS];
	__u32 default_order;
	__u32 gone;
};

/** struct dmem_region_key - key of the maps `regions` and `orders`. */
struct dmem_region_key {
	__u32 vm;
	__u32 region;
};

/**
 * struct dmem_region_value - how one region is used: map `regions`
 * @misses: faults that needed a donor
 * @touched: a bit a page, set at the first use seen in the epoch @epoch
 * @distance: distance in pages to the region's previous miss: log2 slots, see @forward
 * @forward: how many of those were forward
 * @local_pages: pages of it on this host, as of its last event
 */
struct dmem_region_value {
	__u64 touched[DMEM_MAP_REGION_PAGES / 64];
	__u64 updated_ns;
	__u32 epoch;
	__u32 misses;
	__u32 soft_faults;
	__u32 zero_fills;
	__u32 kvm_faults;
	__u32 fetched_pages;
	__u32 prefetched_pages;
	__u32 prefetched_used_pages;
	__u32 prefetched_unused_pages;
	__u32 evicted_pages;
	__u32 writeback_pages;
	__u32 forward;
	__u32 distance[DMEM_DISTANCE_SLOTS];
	__u16 last_miss_page;
	__u16 local_pages;
	__u16 remote_pages;
	__u16 reserved;
};

/**
 * struct dmem_order_value - what is decided for one region: map `orders`
 * @order: block order, 0 ... 9; the policy program hands it to the core, which clamps it
 * @used: fetches that used this decision
 * @decided_ns: CLOCK_MONOTONIC of the decision
 */
struct dmem_order_value {
	__u32 order;
	__u32 reserved;
	__u64 used;
	__u64 decided_ns;
};

#endif /* DMEM_MAPS_H */
