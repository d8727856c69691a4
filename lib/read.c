// SPDX-License-Identifier: GPL-2.0
/*
 * read.c - the plane's maps as arrays: batches of entries in few system calls, per-CPU counters
 * added up, regions joined with their decisions.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "plane.h"
#include "scan.h"

/* Entries asked for at a time: a 16 GiB VM's regions in two calls. */
#define BATCH_ENTRIES	4096

static const char *const map_names[DMEM_PLANE_MAPS] = {
	[DMEM_PLANE_VERSION] = "version",
	[DMEM_PLANE_EPOCH] = "epoch",
	[DMEM_PLANE_STATS] = "plane_stats",
	[DMEM_PLANE_VMS] = "vms",
	[DMEM_PLANE_VM_STATS] = "vm_stats",
	[DMEM_PLANE_LATENCIES] = "latencies",
	[DMEM_PLANE_REGIONS] = "regions",
	[DMEM_PLANE_ORDERS] = "orders",
};

__u64 dmem_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static int open_map(enum dmem_plane_map map, bool writable, struct dmem_error *error)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = writable ? 0 : BPF_F_RDONLY);
	char path[256];
	int fd, err;

	snprintf(path, sizeof(path), DMEM_PIN_DIR "/%s", map_names[map]);
	fd = bpf_obj_get_opts(path, &opts);
	if (fd >= 0)
		return fd;
	err = errno;
	if (err == ENOENT)
		return dmem_fail(error, err, "the BPF plane is not loaded (%s is not there): start dmem-tuner",
				 path);
	if (err == EPERM || err == EACCES)
		return dmem_fail(error, err, "reading %s needs root", path);
	return dmem_fail(error, err, "%s: %s", path, strerror(err));
}

int dmem_plane_open(struct dmem_plane *plane, bool writable, struct dmem_error *error)
{
	struct dmem_version version;
	__u32 zero = 0;
	int i, fd;

	plane->active = -1;
	for (i = 0; i < DMEM_PLANE_MAPS; i++)
		plane->map[i] = -1;
	for (i = 0; i < DMEM_PLANE_MAPS; i++) {
		fd = open_map(i, writable, error);
		if (fd < 0) {
			dmem_plane_close(plane);
			return fd;
		}
		plane->map[i] = fd;
	}
	/* A plane that an older tuner loaded has none. */
	if (writable)
		plane->active = bpf_obj_get(DMEM_PIN_DIR "/active");
	if (bpf_map_lookup_elem(plane->map[DMEM_PLANE_VERSION], &zero, &version) ||
	    version.maps_version != DMEM_MAPS_VERSION) {
		dmem_plane_close(plane);
		return dmem_fail(error, EPROTO,
				 "the plane that is loaded has maps of version %u, this program reads version %u: dmem-tuner --unload, then start the tuner of this version",
				 version.maps_version, DMEM_MAPS_VERSION);
	}
	return 0;
}

void dmem_plane_close(struct dmem_plane *plane)
{
	int i;

	for (i = 0; i < DMEM_PLANE_MAPS; i++) {
		if (plane->map[i] >= 0)
			close(plane->map[i]);
		plane->map[i] = -1;
	}
	if (plane->active >= 0)
		close(plane->active);
	plane->active = -1;
}

struct entries {
	void *keys;
	void *values;
	size_t nr;
};

static void entries_free(struct entries *entries)
{
	free(entries->keys);
	free(entries->values);
}

static int entries_grow(struct entries *entries, size_t room, size_t key_size, size_t value_size)
{
	void *keys = realloc(entries->keys, room * key_size);
	void *values;

	if (!keys)
		return -ENOMEM;
	entries->keys = keys;
	values = realloc(entries->values, room * value_size);
	if (!values)
		return -ENOMEM;
	entries->values = values;
	return 0;
}

/*
 * All entries of a hash map. A bucket longer than the room that is left makes the kernel say
 * ENOSPC: more room, and again.
 */
static int entries_read(struct entries *entries, int fd, size_t key_size, size_t value_size)
{
	size_t batch = BATCH_ENTRIES, room = 0;
	__u64 in = 0, out = 0;
	bool first = true;
	__u32 count;
	int err;

	memset(entries, 0, sizeof(*entries));
	for (;;) {
		if (entries->nr + batch > room) {
			room = entries->nr + batch;
			err = entries_grow(entries, room, key_size, value_size);
			if (err)
				return err;
		}
		count = batch;
		err = bpf_map_lookup_batch(fd, first ? NULL : &in, &out,
					   (char *)entries->keys + entries->nr * key_size,
					   (char *)entries->values + entries->nr * value_size,
					   &count, NULL);
		if (err == -ENOSPC) {
			batch *= 2;
			continue;
		}
		if (err && err != -ENOENT)
			return err;
		entries->nr += count;
		if (err == -ENOENT)
			return 0;
		in = out;
		first = false;
	}
}

static int read_fail(struct dmem_error *error, int err, enum dmem_plane_map map)
{
	return dmem_fail(error, err, "reading " DMEM_PIN_DIR "/%s: %s", map_names[map],
			 strerror(-err));
}

/* Every counter of a struct is a __u64: add CPU after CPU. */
static void sum_cpus(__u64 *sum, const __u64 *cpus, size_t words, int nr_cpus)
{
	size_t i;
	int cpu;

	memset(sum, 0, words * sizeof(*sum));
	for (cpu = 0; cpu < nr_cpus; cpu++)
		for (i = 0; i < words; i++)
			sum[i] += cpus[cpu * words + i];
}

/* One entry of a per-CPU map, whose counters are all __u64, added up. */
static int read_cpus(int fd, const void *key, void *sum, size_t size)
{
	int err, nr_cpus = libbpf_num_possible_cpus();
	__u64 *cpus = calloc(nr_cpus, size);

	if (!cpus)
		return -ENOMEM;
	err = bpf_map_lookup_elem(fd, key, cpus);
	if (!err)
		sum_cpus(sum, cpus, size / 8, nr_cpus);
	free(cpus);
	return err;
}

/* Entries of the map `latencies`, as they come. */
struct latencies {
	struct dmem_plane_latency *entries;
	size_t nr;
	bool failed;
};

static void add_latency(const void *key, const void *value, void *data)
{
	struct latencies *to = data;
	struct dmem_plane_latency *longer;

	longer = reallocarray(to->entries, to->nr + 1, sizeof(*longer));
	if (!longer) {
		to->failed = true;
		return;
	}
	to->entries = longer;
	memcpy(&longer[to->nr].key, key, sizeof(longer->key));
	memcpy(&longer[to->nr++].value, value, sizeof(longer->value));
}

int dmem_plane_read_latencies(const struct dmem_plane *plane,
			      struct dmem_plane_latency **latencies, size_t *nr,
			      struct dmem_error *error)
{
	struct latencies to = {};
	struct dmem_scan scan;
	int err = dmem_scan_begin_cpus(&scan, DMEM_PLANE_LATENCIES, sizeof(struct dmem_latency_key),
				       sizeof(struct dmem_latency_value));

	if (!err) {
		err = dmem_scan_all(plane, &scan, add_latency, &to, error);
		dmem_scan_end(&scan);
	}
	if (to.failed)
		err = -ENOMEM;
	*latencies = err ? NULL : to.entries;
	*nr = err ? 0 : to.nr;
	if (err)
		free(to.entries);
	return err ? read_fail(error, err, DMEM_PLANE_LATENCIES) : 0;
}

static int compare_vms(const void *a, const void *b)
{
	const struct dmem_plane_vm *one = a, *two = b;

	return one->id < two->id ? -1 : one->id > two->id;
}

/* VM memories by id, whose counters are still to come. */
struct vms {
	struct dmem_plane_vm *vms;
	size_t nr;
};

static void take_vm_stats(const void *key, const void *value, void *data)
{
	const struct vms *to = data;
	struct dmem_plane_vm wanted = { .id = ((const struct dmem_vm_key *)key)->vm }, *vm;

	vm = to->nr ? bsearch(&wanted, to->vms, to->nr, sizeof(wanted), compare_vms) : NULL;
	if (vm)
		memcpy(&vm->stats, value, sizeof(vm->stats));
}

/* Those that have had no event yet are not in that map: zero. */
static int read_vm_stats(const struct dmem_plane *plane, struct dmem_plane_vm *vms, size_t nr,
			 struct dmem_error *error)
{
	struct vms to = { vms, nr };
	struct dmem_scan scan;
	int err = dmem_scan_begin_cpus(&scan, DMEM_PLANE_VM_STATS, sizeof(struct dmem_vm_key),
				       sizeof(struct dmem_vm_stats));

	if (err)
		return err;
	err = dmem_scan_all(plane, &scan, take_vm_stats, &to, error);
	dmem_scan_end(&scan);
	return err;
}

int dmem_plane_read_vms(const struct dmem_plane *plane, struct dmem_plane_vm **vms, size_t *nr,
			struct dmem_error *error)
{
	struct dmem_vm_value *values;
	struct dmem_vm_key *keys;
	struct entries entries;
	size_t i;
	int err;

	*vms = NULL;
	*nr = 0;
	err = entries_read(&entries, plane->map[DMEM_PLANE_VMS], sizeof(*keys), sizeof(*values));
	if (err)
		goto out;
	err = -ENOMEM;
	*vms = calloc(entries.nr + 1, sizeof(**vms));
	if (!*vms)
		goto out;
	keys = entries.keys;
	values = entries.values;
	for (i = 0; i < entries.nr; i++) {
		(*vms)[i].id = keys[i].vm;
		(*vms)[i].value = values[i];
	}
	qsort(*vms, entries.nr, sizeof(**vms), compare_vms);
	err = read_vm_stats(plane, *vms, entries.nr, error);
	*nr = err ? 0 : entries.nr;
out:
	entries_free(&entries);
	if (err) {
		free(*vms);
		*vms = NULL;
	}
	return err ? read_fail(error, err, DMEM_PLANE_VMS) : 0;
}

static int compare_keys(const struct dmem_region_key *one, const struct dmem_region_key *two)
{
	if (one->vm != two->vm)
		return one->vm < two->vm ? -1 : 1;
	return one->region < two->region ? -1 : one->region > two->region;
}

static int compare_regions(const void *a, const void *b)
{
	const struct dmem_plane_region *one = a, *two = b;

	return compare_keys(&one->key, &two->key);
}

static struct dmem_plane_region *find_region(struct dmem_plane_region *regions, size_t nr,
					     struct dmem_region_key key)
{
	struct dmem_plane_region wanted = { .key = key };

	return bsearch(&wanted, regions, nr, sizeof(*regions), compare_regions);
}

static int join_orders(const struct dmem_plane *plane, struct dmem_plane_region *regions,
		       size_t nr)
{
	struct dmem_order_value *values;
	struct dmem_region_key *keys;
	struct entries entries;
	size_t i;
	int err;

	err = entries_read(&entries, plane->map[DMEM_PLANE_ORDERS], sizeof(*keys), sizeof(*values));
	keys = entries.keys;
	values = entries.values;
	for (i = 0; !err && i < entries.nr; i++) {
		struct dmem_plane_region *region = find_region(regions, nr, keys[i]);

		if (!region)
			continue;
		region->order = values[i];
		region->decided = true;
	}
	entries_free(&entries);
	return err;
}

int dmem_plane_read_regions(const struct dmem_plane *plane, struct dmem_plane_region **regions,
			    size_t *nr, struct dmem_error *error)
{
	struct dmem_region_value *values;
	struct dmem_region_key *keys;
	struct entries entries;
	size_t i;
	int err;

	*regions = NULL;
	*nr = 0;
	err = entries_read(&entries, plane->map[DMEM_PLANE_REGIONS], sizeof(*keys),
			   sizeof(*values));
	if (!err)
		*regions = calloc(entries.nr + 1, sizeof(**regions));
	if (!err && !*regions)
		err = -ENOMEM;
	if (err)
		goto out;
	keys = entries.keys;
	values = entries.values;
	for (i = 0; i < entries.nr; i++) {
		(*regions)[i].key = keys[i];
		(*regions)[i].value = values[i];
	}
	qsort(*regions, entries.nr, sizeof(**regions), compare_regions);
	*nr = entries.nr;
	err = join_orders(plane, *regions, *nr);
out:
	entries_free(&entries);
	if (err) {
		free(*regions);
		*regions = NULL;
	}
	return err ? read_fail(error, err, DMEM_PLANE_REGIONS) : 0;
}

int dmem_plane_read_stats(const struct dmem_plane *plane, struct dmem_plane_stats *stats,
			  struct dmem_error *error)
{
	__u32 zero = 0;
	int err = read_cpus(plane->map[DMEM_PLANE_STATS], &zero, stats, sizeof(*stats));

	return err ? read_fail(error, err, DMEM_PLANE_STATS) : 0;
}

int dmem_plane_read_region(const struct dmem_plane *plane, const struct dmem_region_key *key,
			   struct dmem_region_value *value, struct dmem_error *error)
{
	int err = bpf_map_lookup_elem(plane->map[DMEM_PLANE_REGIONS], key, value);

	if (!err || err == -ENOENT)
		return err;
	return read_fail(error, err, DMEM_PLANE_REGIONS);
}

int dmem_plane_set_order(const struct dmem_plane *plane, const struct dmem_region_key *key,
			 __u32 order, struct dmem_error *error)
{
	int err, fd = plane->map[DMEM_PLANE_ORDERS];
	struct dmem_order_value value = {};

	err = bpf_map_lookup_elem(fd, key, &value);
	if (err && err != -ENOENT)
		return read_fail(error, err, DMEM_PLANE_ORDERS);
	value.order = order;
	value.decided_ns = dmem_clock_ns();
	err = bpf_map_update_elem(fd, key, &value, BPF_ANY);
	if (err)
		return dmem_fail(error, err, "deciding for region %u of VM memory %u: %s",
				 key->region, key->vm, strerror(-err));
	return 0;
}

int dmem_plane_read_epoch(const struct dmem_plane *plane, __u64 *number,
			  struct dmem_error *error)
{
	struct dmem_epoch epoch;
	__u32 zero = 0;
	int err = bpf_map_lookup_elem(plane->map[DMEM_PLANE_EPOCH], &zero, &epoch);

	if (err)
		return read_fail(error, err, DMEM_PLANE_EPOCH);
	*number = epoch.number;
	return 0;
}

int dmem_plane_next_epoch(const struct dmem_plane *plane, struct dmem_error *error)
{
	struct dmem_epoch epoch = { .since_ns = dmem_clock_ns() };
	int err = dmem_plane_read_epoch(plane, &epoch.number, error);
	__u32 zero = 0;

	if (err)
		return err;
	epoch.number++;
	err = bpf_map_update_elem(plane->map[DMEM_PLANE_EPOCH], &zero, &epoch, BPF_ANY);
	return err ? read_fail(error, err, DMEM_PLANE_EPOCH) : 0;
}

static void forget_latencies(const struct dmem_plane *plane, __u32 vm)
{
	int fd = plane->map[DMEM_PLANE_LATENCIES];
	struct dmem_latency_key key, next;
	bool first = true;

	while (!bpf_map_get_next_key(fd, first ? NULL : &key, &next)) {
		if (!first && key.vm == vm)
			bpf_map_delete_elem(fd, &key);
		key = next;
		first = false;
	}
	if (!first && key.vm == vm)
		bpf_map_delete_elem(fd, &key);
}

int dmem_plane_forget_vm(const struct dmem_plane *plane, __u32 vm, __u64 size_bytes,
			 struct dmem_error *error)
{
	struct dmem_region_key region = { .vm = vm, .region = DMEM_REGION_ALL };
	__u64 nr = (size_bytes + DMEM_MAP_REGION_BYTES - 1) / DMEM_MAP_REGION_BYTES;
	struct dmem_vm_key key = { .vm = vm };
	int err;

	bpf_map_delete_elem(plane->map[DMEM_PLANE_ORDERS], &region);
	for (region.region = 0; region.region < nr; region.region++) {
		bpf_map_delete_elem(plane->map[DMEM_PLANE_ORDERS], &region);
		bpf_map_delete_elem(plane->map[DMEM_PLANE_REGIONS], &region);
	}
	forget_latencies(plane, vm);
	bpf_map_delete_elem(plane->map[DMEM_PLANE_VM_STATS], &key);
	err = bpf_map_delete_elem(plane->map[DMEM_PLANE_VMS], &key);
	if (err && err != -ENOENT)
		return dmem_fail(error, err, "deleting VM memory %u: %s", vm, strerror(-err));
	return 0;
}
