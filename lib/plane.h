/* SPDX-License-Identifier: GPL-2.0 */
/*
 * plane.h - the BPF plane from user space: load and pin it, take it down, read its maps, write
 * decisions. All functions return 0 or a negative errno with a sentence in *error.
 */
#ifndef DMEM_PLANE_H
#define DMEM_PLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "error.h"
#include "maps.h"

enum dmem_plane_map {
	DMEM_PLANE_VERSION,
	DMEM_PLANE_EPOCH,
	DMEM_PLANE_STATS,
	DMEM_PLANE_VMS,
	DMEM_PLANE_VM_STATS,
	DMEM_PLANE_LATENCIES,
	DMEM_PLANE_REGIONS,
	DMEM_PLANE_ORDERS,
	DMEM_PLANE_MAPS,
};

/**
 * struct dmem_plane - an open plane: the fds of its maps
 * @active: of the ring of regions with news; -1: a reader, or a plane that has none
 */
struct dmem_plane {
	int map[DMEM_PLANE_MAPS];
	int active;
};

/** struct dmem_plane_vm - one VM memory as the maps have it; @stats are sums over the CPUs. */
struct dmem_plane_vm {
	__u32 id;
	struct dmem_vm_value value;
	struct dmem_vm_stats stats;
};

/** struct dmem_plane_latency - fetches of one VM memory from one donor, summed over the CPUs. */
struct dmem_plane_latency {
	struct dmem_latency_key key;
	struct dmem_latency_value value;
};

/** struct dmem_plane_region - one region, with its decision where there is one. */
struct dmem_plane_region {
	struct dmem_region_key key;
	struct dmem_region_value value;
	struct dmem_order_value order;
	bool decided;
};

/**
 * dmem_plane_load - load the programs, attach them and pin everything
 * @error: why not: no root, no BTF, no module, loaded already (EEXIST), another policy (EBUSY)
 *
 * All or nothing: what is pinned appears under DMEM_PIN_DIR at once, or not at all. Where KVM is
 * not loaded its faults are not seen, and *@has_kvm says so.
 */
int dmem_plane_load(bool *has_kvm, struct dmem_error *error);

/** dmem_plane_set_verbose - let libbpf and the verifier say all they have to, on stderr. */
void dmem_plane_set_verbose(bool verbose);

/**
 * dmem_plane_set_limits - how much the maps of the next plane to be loaded may hold
 * @vms: VM memories, 0: DMEM_MAX_VMS
 * @regions: regions of all of them, 0: DMEM_MAX_REGIONS
 *
 * Events that find no room are counted as lost. An entry of a region takes 256 bytes, and the maps
 * of regions and of decisions 16 bytes for each region that they may hold, used or not.
 */
void dmem_plane_set_limits(__u32 vms, __u32 regions);

/** dmem_libbpf_listen - forget what libbpf said, and keep the next thing that it complains of */
void dmem_libbpf_listen(void);

/** dmem_libbpf_said - that complaint; "" where there was none. */
const char *dmem_libbpf_said(void);

/** dmem_plane_unload - detach and unpin. ENOENT when it is not loaded. */
int dmem_plane_unload(struct dmem_error *error);

/**
 * dmem_plane_open - open the pinned maps
 * @writable: decisions will be written
 *
 * ENOENT when the plane is not loaded, EPROTO when it is of another version.
 */
int dmem_plane_open(struct dmem_plane *plane, bool writable, struct dmem_error *error);
void dmem_plane_close(struct dmem_plane *plane);

/** dmem_plane_read_vms - all VM memories, by id; the caller frees *@vms. */
int dmem_plane_read_vms(const struct dmem_plane *plane, struct dmem_plane_vm **vms, size_t *nr,
			struct dmem_error *error);

/** dmem_plane_read_regions - all regions, by VM and index; the caller frees *@regions. */
int dmem_plane_read_regions(const struct dmem_plane *plane, struct dmem_plane_region **regions,
			    size_t *nr, struct dmem_error *error);

/** dmem_plane_read_latencies - all fetch latencies, in no order; the caller frees *@latencies. */
int dmem_plane_read_latencies(const struct dmem_plane *plane,
			      struct dmem_plane_latency **latencies, size_t *nr,
			      struct dmem_error *error);

/** dmem_plane_read_stats - the plane's own counts, summed over the CPUs. */
int dmem_plane_read_stats(const struct dmem_plane *plane, struct dmem_plane_stats *stats,
			  struct dmem_error *error);

/** dmem_plane_read_region - one region. Return: 0; -ENOENT without an entry; a negative errno. */
int dmem_plane_read_region(const struct dmem_plane *plane, const struct dmem_region_key *key,
			   struct dmem_region_value *value, struct dmem_error *error);

/**
 * dmem_plane_set_order - decide for a region, or for all that have no decision of their own
 * @key: its region may be DMEM_REGION_ALL
 *
 * How often the core has asked stays counted.
 */
int dmem_plane_set_order(const struct dmem_plane *plane, const struct dmem_region_key *key,
			 __u32 order, struct dmem_error *error);

/** dmem_plane_read_epoch - the number of the epoch that touched pages are counted in now. */
int dmem_plane_read_epoch(const struct dmem_plane *plane, __u64 *number,
			  struct dmem_error *error);

/** dmem_plane_next_epoch - begin a new epoch of touched pages. */
int dmem_plane_next_epoch(const struct dmem_plane *plane, struct dmem_error *error);

/**
 * dmem_plane_forget_vm - delete what the maps have of a VM memory that is gone
 * @size_bytes: its size
 */
int dmem_plane_forget_vm(const struct dmem_plane *plane, __u32 vm, __u64 size_bytes,
			 struct dmem_error *error);

/** struct dmem_active - the reader of a plane's ring of regions with news; there may be one. */
struct dmem_active;

/** typedef dmem_active_fn - takes a region; it may be told of more than once. */
typedef void (*dmem_active_fn)(const struct dmem_region_key *key, void *data);

/**
 * dmem_active_open - read the ring of a plane that was opened to be written
 *
 * Return: NULL where the plane has none, or none could be opened: look at all regions then.
 */
struct dmem_active *dmem_active_open(const struct dmem_plane *plane, dmem_active_fn visit,
				     void *data);
void dmem_active_close(struct dmem_active *active);

/**
 * dmem_active_read - visit each region that the ring tells of, and empty it
 *
 * Return: whether that was all; not where the ring was full: look at all regions then.
 */
bool dmem_active_read(struct dmem_active *active);

/** dmem_clock_ns - CLOCK_MONOTONIC, as the maps' *_ns fields. */
__u64 dmem_clock_ns(void);

#endif /* DMEM_PLANE_H */
