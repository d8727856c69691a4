/* SPDX-License-Identifier: GPL-2.0 */
/*
 * scan.h - the plane's larger maps in steps: a bounded number of entries in one system call, to go
 * on with later.
 *
 * For readers that cannot afford all entries at once. An entry that is written meanwhile may be
 * seen before or after that; one that stays is seen once or, where the kernel moves it, twice.
 */
#ifndef DMEM_SCAN_H
#define DMEM_SCAN_H

#include "plane.h"

/**
 * struct dmem_scan - a walk through a hash map
 * @nr_cpus: values of an entry, which are added up for the visitor; 0 where it has one
 * @room: entries that @keys and @values have room for
 * @token: where it goes on; @begun: that is set
 */
struct dmem_scan {
	enum dmem_plane_map map;
	size_t key_size;
	size_t value_size;
	size_t nr_cpus;
	size_t room;
	char *keys;
	char *values;
	__u32 token;
	bool begun;
};

/** typedef dmem_scan_fn - takes an entry; the pointers are good until it returns. */
typedef void (*dmem_scan_fn)(const void *key, const void *value, void *data);

/**
 * dmem_scan_begin - a walk through one map
 * @scan: takes it, for dmem_scan_end()
 * @map: a hash map
 * @key_size, @value_size: of its entries
 * @room: entries a step, about
 *
 * Return: 0 or -ENOMEM.
 */
int dmem_scan_begin(struct dmem_scan *scan, enum dmem_plane_map map, size_t key_size,
		    size_t value_size, size_t room);

/**
 * dmem_scan_begin_cpus - the same for a map with a value per CPU, of __u64 counters alone
 *
 * A step is of as many entries as fit in a megabyte.
 */
int dmem_scan_begin_cpus(struct dmem_scan *scan, enum dmem_plane_map map, size_t key_size,
			 size_t value_size);
void dmem_scan_end(struct dmem_scan *scan);

/**
 * dmem_scan_step - the next entries
 * @plane: where the map is
 * @scan: the walk; at its end it begins anew with the next step
 * @visit: called for each entry
 * @data: for @visit
 * @error: takes the reason
 *
 * Return: 0 where there is more; 1 at the end; a negative errno.
 */
int dmem_scan_step(const struct dmem_plane *plane, struct dmem_scan *scan, dmem_scan_fn visit,
		   void *data, struct dmem_error *error);

/**
 * dmem_scan_all - visit every entry of a map, from begin to end
 * @scan: of dmem_scan_begin() or dmem_scan_begin_cpus()
 */
int dmem_scan_all(const struct dmem_plane *plane, struct dmem_scan *scan, dmem_scan_fn visit,
		  void *data, struct dmem_error *error);

#endif /* DMEM_SCAN_H */
