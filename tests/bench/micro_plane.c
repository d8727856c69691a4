// SPDX-License-Identifier: GPL-2.0
/*
 * micro_plane.c - dmem-remote-read with the BPF plane loaded: what its histograms, and its policy
 * with a decision for every region, add to a fetch. The decisions are for order 0, so that as
 * much is fetched as without.
 */
#include <stdlib.h>

#include "micro.h"
#include "plane.h"
#include "uapi/dmem.h"

#define REGION_PAGES	512UL

static void check(int err, const struct dmem_error *error)
{
	if (err)
		die("plane: %s", error->text);
}

static void decide(const struct dmem_plane *plane, uint32_t vm)
{
	struct dmem_plane_region *regions;
	struct dmem_error error;
	size_t nr, decided = 0;

	check(dmem_plane_read_regions(plane, &regions, &nr, &error), &error);
	for (size_t i = 0; i < nr; i++) {
		if (regions[i].key.vm != vm)
			continue;
		check(dmem_plane_set_order(plane, &regions[i], 0, &error), &error);
		decided++;
	}
	free(regions);
	must_have_counted("plane: regions", 0, decided, 2 * PAGES / REGION_PAGES);
}

static uint64_t fetches_seen(const struct dmem_plane *plane, uint32_t id)
{
	struct dmem_plane_vm *vms;
	struct dmem_error error;
	uint64_t fetched = 0;
	size_t nr;

	check(dmem_plane_read_vms(plane, &vms, &nr, &error), &error);
	for (size_t i = 0; i < nr; i++)
		if (vms[i].id == id)
			fetched = vms[i].stats.fetched_pages;
	free(vms);
	return fetched;
}

/**
 * bench_plane - the plane is loaded already
 * @name: of the case
 * @policy: whether its policy is in force; what is found must agree
 */
void bench_plane(const char *name, bool policy)
{
	struct vm vm = vm_make(ALL_LOCAL, 2 * PAGES);
	uint32_t id = vm_get(&vm).id;
	struct dmem_plane plane;
	struct dmem_error error;
	uint64_t seen, decisions;

	check(dmem_plane_open(&plane, true, &error), &error);
	decide(&plane, id);
	seen = fetches_seen(&plane, id);
	remote_read(&host, &vm);
	must_have_counted("plane: fetched pages seen", seen, fetches_seen(&plane, id), 2 * PAGES);
	decisions = vm_get(&vm).policy_decisions;
	if (decisions != (policy ? 2 * PAGES : 0))
		die("plane: %lu decisions of the policy", decisions);
	report_accesses(&host, name, PAGES);
	dmem_plane_close(&plane);
	vm_end(&vm);
}
