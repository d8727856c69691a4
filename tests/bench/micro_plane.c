// SPDX-License-Identifier: GPL-2.0
/*
 * micro_plane.c - dmem-remote-read with the BPF plane loaded: what its histograms, and its policy
 * with a decision for every region, add to a fetch. The decisions are for order 0, so that as
 * much is fetched as without.
 */
#include <stdlib.h>
#include <string.h>

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
	struct dmem_error error;

	for (uint32_t i = 0; i < 2 * PAGES / REGION_PAGES; i++) {
		struct dmem_region_key key = { .vm = vm, .region = i };

		check(dmem_plane_set_order(plane, &key, 0, &error), &error);
	}
}

static struct dmem_vm_stats stats_of(const struct dmem_plane *plane, uint32_t id)
{
	struct dmem_vm_stats stats = {};
	struct dmem_plane_vm *vms;
	struct dmem_error error;
	size_t nr;

	check(dmem_plane_read_vms(plane, &vms, &nr, &error), &error);
	for (size_t i = 0; i < nr; i++)
		if (vms[i].id == id)
			stats = vms[i].stats;
	free(vms);
	return stats;
}

static bool is_among(const char *program, char **programs)
{
	for (; *programs; programs++)
		if (!strcmp(*programs, program))
			return true;
	return false;
}

/* What a program counts of the fetches that are measured: all of them, or none without it. */
static void must_agree(const char *program, char **programs, uint64_t counted)
{
	if (is_among(program, programs) ? counted < 2 * PAGES : counted)
		die("plane: %s counted %lu", program, counted);
}

static void measure(const struct dmem_plane *plane, struct toucher *toucher, const char *name,
		    char **programs)
{
	struct vm vm = vm_make(ALL_LOCAL, 2 * PAGES);
	uint32_t id = vm_get(&vm).id;
	struct dmem_vm_stats before, after;
	uint64_t decisions;

	decide(plane, id);
	before = stats_of(plane, id);
	remote_read(toucher, &vm);
	decisions = vm_get(&vm).policy_decisions;
	after = stats_of(plane, id);
	must_agree("on_events", programs, after.fetched_pages - before.fetched_pages);
	must_agree("on_kvm_page_fault", programs, after.kvm_faults - before.kvm_faults);
	must_agree("policy", programs, decisions);
	report_accesses(toucher, name, PAGES);
	vm_end(&vm);
}

/**
 * bench_plane - the plane is loaded already
 * @name: of the case; a guest's where it begins as a guest's cases do
 * @programs: of those that a fetch meets, which are attached; what they count must agree
 */
void bench_plane(const char *name, char **programs)
{
	size_t prefix = strlen(guest.prefix);
	struct dmem_plane plane;
	struct dmem_error error;

	check(dmem_plane_open(&plane, true, &error), &error);
	if (strncmp(name, guest.prefix, prefix)) {
		measure(&plane, &host, name, programs);
	} else {
		guest_start();
		measure(&plane, &guest, name + prefix, programs);
		guest_stop();
	}
	dmem_plane_close(&plane);
}
