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

#define DMEM_MAPS_VERSION	3
#define DMEM_PIN_DIR		"/sys/fs/bpf/dmem"

#define DMEM_MAP_NAME_LEN	64
#define DMEM_MAP_ORDERS		10
#define DMEM_MAP_REGION_PAGES	512
#define DMEM_MAP_REGION_BYTES	(DMEM_MAP_REGION_PAGES * 4096ULL)
#define DMEM_LATENCY_SLOTS	32
/* Of distances that have a sign: log2 slots downwards, one for 0, log2 slots upwards. */
#define DMEM_DISTANCE_ZERO	9
#define DMEM_DISTANCE_SLOTS	(2 * DMEM_DISTANCE_ZERO + 1)
/* Of times from a fetch to the first use: slot n begins at 2^(n + 12) ns, 4 us. */
#define DMEM_FIRST_USE_SHIFT	12
#define DMEM_FIRST_USE_SLOTS	16
#define DMEM_MAP_VCPUS		32

#define DMEM_MAX_VMS		1024
#define DMEM_MAX_REGIONS	1048576

/** struct dmem_version - the only entry (key 0) of the map `version`. */
struct dmem_version {
	__u32 maps_version;
	__u32 region_bytes;
};

/**
 * struct dmem_epoch - the only entry (key 0) of the map `epoch`: the span of time that
 *	dmem_region_value.touched is about
 * @number: counts up; a reader that wants a new span writes the next one
 * @since_ns: CLOCK_MONOTONIC of that
 */
struct dmem_epoch {
	__u64 number;
	__u64 since_ns;
};

/**
 * struct dmem_plane_stats - the only entry (key 0) of the map `plane_stats`, one per CPU
 * @lost_events: events of VM memories that found no room in a map
 * @kvm_faults_other: second-level misses on memory that is not dmem's
 * @kvm_faults_unmatched: second-level misses that no memory slot or mapping could be found for
 *	(emulated devices are such addresses; so is memory while its slot is being moved), and those
 *	whose address is not the guest's physical one: shadow paging, guests of guests
 */
struct dmem_plane_stats {
	__u64 lost_events;
	__u64 kvm_faults_other;
	__u64 kvm_faults_unmatched;
};

/**
 * struct dmem_vm_key - key of the maps `vms` and `vm_stats`
 * @vm: the VM memory's id (its inode number); never used twice while the module is loaded
 */
struct dmem_vm_key {
	__u32 vm;
};

/**
 * struct dmem_vm_value - one VM memory: map `vms`
 * @name: the file's name when it was made; below the pool's root with its directory's before it
 * @direct_bytes, @remote_bytes: the core's own figures as of @updated_ns
 * @updated_ns: CLOCK_MONOTONIC of the last event that told them
 * @default_order: block order where nothing is decided
 * @gone: 1 when its last user is gone; the entry waits for a reader to delete it
 * @donor: of its pool; counted up with every mount, from 1
 */
struct dmem_vm_value {
	char name[DMEM_MAP_NAME_LEN];
	__u64 size_bytes;
	__u64 direct_limit_bytes;
	__u64 direct_bytes;
	__u64 remote_bytes;
	__u64 updated_ns;
	__u32 default_order;
	__u32 gone;
	__u32 donor;
	__u32 reserved;
};

/**
 * struct dmem_vm_stats - what happened to one VM memory since the plane was loaded: map
 *	`vm_stats`, one per CPU; readers add them up
 * @faults: accesses that found no local page
 * @soft_faults: accesses that found it local but not mapped
 * @write_faults: those of either kind that were writes
 * @fetches_by_order: fetches by block order
 * @fetch_latency: time from request to arrival of the faulting page, log2 slots of ns
 * @fetch_ns: sum of those times
 * @prefetch_latency_ns: sum of the times of the requests for the rest of a block
 * @prefetches: how many those were
 * @kvm_faults: second-level misses of its guest (kvm:kvm_page_fault)
 * @kvm_write_faults: those that were writes
 * @first_use: time from the arrival of a prefetched page to its first use, log2 slots of ns
 */
struct dmem_vm_stats {
	__u64 faults;
	__u64 soft_faults;
	__u64 write_faults;
	__u64 zero_fills;
	__u64 fetched_pages;
	__u64 fetch_errors;
	__u64 fetch_ns;
	__u64 prefetches;
	__u64 prefetch_latency_ns;
	__u64 prefetched_pages;
	__u64 prefetched_used_pages;
	__u64 prefetched_unused_pages;
	__u64 evictions;
	__u64 evicted_pages;
	__u64 writebacks;
	__u64 writeback_pages;
	__u64 writeback_ns;
	__u64 kvm_faults;
	__u64 kvm_write_faults;
	__u64 fetches_by_order[DMEM_MAP_ORDERS];
	__u64 fetch_latency[DMEM_LATENCY_SLOTS];
	__u64 first_use[DMEM_LATENCY_SLOTS];
};

/**
 * struct dmem_latency_key - key of the map `latencies`
 * @vm: of which VM memory; a donor's are the sum over the VM memories
 * @donor: from which donor; a VM memory's are the sum over the donors
 */
struct dmem_latency_key {
	__u32 vm;
	__u32 donor;
};

/**
 * struct dmem_latency_value - how long fetches took: map `latencies`, one per CPU; readers add
 *	them up. A block is fetched by a request for the faulting page and others for the rest of
 *	it, of at most 64 pages
 * @fetches: by block order, then by the time of the request for the faulting page, log2 slots of ns
 * @fetch_ns: by block order: sum of those times
 * @rest_requests, @rest_pages, @rest_ns: by block order: requests for the rest, their pages, and
 *	the sum of their times
 */
struct dmem_latency_value {
	__u64 fetches[DMEM_MAP_ORDERS][DMEM_LATENCY_SLOTS];
	__u64 fetch_ns[DMEM_MAP_ORDERS];
	__u64 rest_requests[DMEM_MAP_ORDERS];
	__u64 rest_pages[DMEM_MAP_ORDERS];
	__u64 rest_ns[DMEM_MAP_ORDERS];
};

/* In `orders`: for all regions of a VM memory that have no decision of their own. */
#define DMEM_REGION_ALL		0xffffffffU

/* A region is told of in `active` each time that one of three counters has grown by as many. */
#define DMEM_ACTIVE_EVENTS	16

/** struct dmem_region_key - key of the maps `regions` and `orders`; what `active` is a ring of. */
struct dmem_region_key {
	__u32 vm;
	__u32 region;
};

/**
 * struct dmem_region_value - how one region is used: map `regions`; counts since the plane was
 *	loaded, wrapping at 2^32, slots of histograms at 2^16
 * @touched: a bit a page, set at the first use seen in epoch @epoch
 * @vcpus: a bit a vCPU (its number modulo 32): those whose second-level misses were seen in it
 * @misses: faults that needed a donor, or waited for a page on its way from one
 * @write_faults: misses, soft faults and zero fills that were writes
 * @fetched_pages: that came from donors, those that no fault asked for (@prefetched_pages) too
 * @kvm_faults: second-level misses; may be several for one page
 * @local_pages, @remote_pages: as of its last event, the page of a fetch under way not counted
 * @version: of these two: an event that was told late does not put them back
 * @distance: pages from the region's demand before to a demand (a miss or the first use of a
 *	prefetched page, so the histogram does not depend on the block order): slot
 *	DMEM_DISTANCE_ZERO counts 0, DMEM_DISTANCE_ZERO + 1 + n from 2^n to 2^(n+1) - 1 upwards,
 *	DMEM_DISTANCE_ZERO - 1 - n the same downwards
 * @first_use: time from the arrival of a prefetched page to its first use: slot n from
 *	2^(n+12) to 2^(n+13) - 1 ns, the first all below, the last all above
 *
 * 192 bytes: with key, the map's own header and the allocator's an entry takes 256.
 */
struct dmem_region_value {
	__u64 touched[DMEM_MAP_REGION_PAGES / 64];
	__u32 epoch;
	__u32 vcpus;
	__u32 misses;
	__u32 soft_faults;
	__u32 zero_fills;
	__u32 write_faults;
	__u32 fetched_pages;
	__u32 prefetched_pages;
	__u32 prefetched_used_pages;
	__u32 prefetched_unused_pages;
	__u32 evicted_pages;
	__u32 writeback_pages;
	__u32 kvm_faults;
	__u16 local_pages;
	__u16 remote_pages;
	__u16 distance[DMEM_DISTANCE_SLOTS];
	__u16 version;
	__u16 first_use[DMEM_FIRST_USE_SLOTS];
};

/**
 * struct dmem_order_value - what is decided for one region: map `orders`
 * @order: block order, 0 ... 9; the policy program hands it to the core, which clamps it
 * @asked: times that the core asked for it: at most once a tick, for all fetches of the tick
 * @decided_ns: CLOCK_MONOTONIC of the decision
 */
struct dmem_order_value {
	__u32 order;
	__u32 reserved;
	__u64 asked;
	__u64 decided_ns;
};

#endif /* DMEM_MAPS_H */
