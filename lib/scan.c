// SPDX-License-Identifier: GPL-2.0
/* scan.c - the plane's larger maps in steps. */
#include "scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* Of the values of a step, where there is one for each of many CPUs. */
#define STEP_BYTES	(1UL << 20)

/* Of an entry, as the kernel hands it over. */
static size_t entry_bytes(const struct dmem_scan *scan)
{
	return scan->value_size * (scan->nr_cpus ? scan->nr_cpus : 1);
}

static int scan_grow(struct dmem_scan *scan, size_t room)
{
	char *keys = realloc(scan->keys, room * scan->key_size);
	char *values = realloc(scan->values, room * entry_bytes(scan));

	if (keys)
		scan->keys = keys;
	if (values)
		scan->values = values;
	if (!keys || !values)
		return -ENOMEM;
	scan->room = room;
	return 0;
}

int dmem_scan_begin(struct dmem_scan *scan, enum dmem_plane_map map, size_t key_size,
		    size_t value_size, size_t room)
{
	int err;

	*scan = (struct dmem_scan){ .map = map, .key_size = key_size, .value_size = value_size };
	err = scan_grow(scan, room);
	if (err)
		dmem_scan_end(scan);
	return err;
}

int dmem_scan_begin_cpus(struct dmem_scan *scan, enum dmem_plane_map map, size_t key_size,
			 size_t value_size)
{
	int err;

	*scan = (struct dmem_scan){ .map = map, .key_size = key_size, .value_size = value_size,
				    .nr_cpus = (size_t)libbpf_num_possible_cpus() };
	err = scan_grow(scan, STEP_BYTES / entry_bytes(scan) + 1);
	if (err)
		dmem_scan_end(scan);
	return err;
}

void dmem_scan_end(struct dmem_scan *scan)
{
	free(scan->keys);
	free(scan->values);
	memset(scan, 0, sizeof(*scan));
}

/* Every counter of a struct is a __u64: CPU after CPU, to the first one's. */
static void sum_cpus(const struct dmem_scan *scan, char *value)
{
	size_t words = scan->value_size / sizeof(__u64);
	__u64 *sum = (__u64 *)value;

	for (size_t cpu = 1; cpu < scan->nr_cpus; cpu++)
		for (size_t i = 0; i < words; i++)
			sum[i] += sum[cpu * words + i];
}

int dmem_scan_step(const struct dmem_plane *plane, struct dmem_scan *scan, dmem_scan_fn visit,
		   void *data, struct dmem_error *error)
{
	__u32 count, next;
	int err;

	for (;;) {
		count = (__u32)scan->room;
		err = bpf_map_lookup_batch(plane->map[scan->map],
					   scan->begun ? &scan->token : NULL, &next, scan->keys,
					   scan->values, &count, NULL);
		/* A bucket has more entries than there is room for. */
		if (err != -ENOSPC)
			break;
		err = scan_grow(scan, 2 * scan->room);
		if (err)
			break;
	}
	if (err && err != -ENOENT)
		return dmem_fail(error, err, "reading a map of the plane: %s", strerror(-err));
	for (__u32 i = 0; i < count; i++) {
		char *value = scan->values + i * entry_bytes(scan);

		sum_cpus(scan, value);
		visit(scan->keys + i * scan->key_size, value, data);
	}
	scan->token = next;
	scan->begun = !err;
	return err == -ENOENT;
}

int dmem_scan_all(const struct dmem_plane *plane, struct dmem_scan *scan, dmem_scan_fn visit,
		  void *data, struct dmem_error *error)
{
	int err;

	do {
		err = dmem_scan_step(plane, scan, visit, data, error);
	} while (!err);
	return err < 0 ? err : 0;
}
