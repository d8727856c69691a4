// SPDX-License-Identifier: GPL-2.0
/*
 * micro_stages.c - where the time of dmem-remote-read and of dmem-soft goes, from probes on the
 * functions that bound their stages:
 *
 * entry	from the access to dmem_fault(): exception, VMA, page tables, the mm core
 * state	dmem_fault(): region, word, the request's begin and its end, the way back
 * policy	dmem_fetch_order(), and what is told of the fault, up to dmem_fetch_page()
 * allocation	dmem_page_take(): a page of the budget
 * transport	dmem_local_read_now(): find the donor's page, copy, lock ours
 * mapping	from finish_fault() to the access's end: PTE, rmap, return from the exception
 *
 * dmem-soft has the first two and the last.
 *
 * The probes' cost is what they add to an access, divided among them: each lies once between
 * two neighbours' stamps, and one is shared by the first stage and the last. The stages must
 * add up to the case as measured without probes.
 */
#include <math.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "micro.h"
#include "micro_stages.h"
#include "micro_stages.skel.h"
#include "uapi/dmem.h"

#define SUM_TOLERANCE	0.1

#define STAGES_MOST	6

/* An access on its way: the probes that it meets, and the stage that begins with each. */
struct path {
	const char *name;
	size_t nr_stages;
	const char *stages[STAGES_MOST];	/* the first begins with the access */
	size_t nr_probes;
	struct {
		enum micro_probe probe;
		size_t stage;
	} probes[NR_PROBES];
};

static const struct path read_path = {
	.name = "dmem-remote-read",
	.nr_stages = 6,
	.stages = { "stage-entry", "stage-state", "stage-policy", "stage-allocation",
		    "stage-transport", "stage-mapping" },
	.nr_probes = NR_PROBES,
	.probes = { { PROBE_FAULT, 1 }, { PROBE_TAKE, 3 }, { PROBE_BEGIN, 1 }, { PROBE_ORDER, 2 },
		    { PROBE_FETCH, 1 }, { PROBE_READ, 4 }, { PROBE_SETTLE, 1 },
		    { PROBE_FINISH, 5 } },
};

static const struct path soft_path = {
	.name = "dmem-soft",
	.nr_stages = 3,
	.stages = { "stage-soft-entry", "stage-soft-state", "stage-soft-mapping" },
	.nr_probes = 3,
	.probes = { { PROBE_FAULT, 1 }, { PROBE_BEGIN, 1 }, { PROBE_FINISH, 2 } },
};

/* Per page, probes and clock included. */
static double stage_ns[STAGES_MOST][PAGES];
static double total_ns[PAGES];

static void timed_read(volatile char *page, uint64_t *start, uint64_t *end)
{
	*start = clock_ns();
	(void)*page;
	*end = clock_ns();
}

static double median_total(char *map, size_t step_pages)
{
	uint64_t start, end;

	for (size_t i = 0; i < PAGES; i++) {
		timed_read(map + i * step_pages * PAGE, &start, &end);
		total_ns[i] = end - start;
	}
	return median(total_ns, PAGES);
}

static void keep_stages(const struct path *path, size_t page, const __u64 *hit_ns, uint64_t start,
			uint64_t end)
{
	for (size_t stage = 0; stage < path->nr_stages; stage++)
		stage_ns[stage][page] = 0;
	stage_ns[0][page] = hit_ns[path->probes[0].probe] - start;
	for (size_t i = 0; i < path->nr_probes; i++) {
		uint64_t next = i + 1 < path->nr_probes ? hit_ns[path->probes[i + 1].probe] : end;

		stage_ns[path->probes[i].stage][page] += next - hit_ns[path->probes[i].probe];
	}
	total_ns[page] = end - start;
}

/* The median of a read with the probes in place; keeps what they saw. */
static double read_probed(const struct path *path, char *map)
{
	struct micro_stages *skel = micro_stages__open_and_load();
	uint64_t start, end;

	if (!skel)
		die("stages: a function to probe is missing, or the module has no BTF");
	skel->bss->thread = syscall(SYS_gettid);
	if (micro_stages__attach(skel))
		die("stages: the probes cannot be attached");
	for (size_t i = 0; i < 2 * PAGES; i++) {
		skel->bss->hits = 0;
		timed_read(map + i * PAGE, &start, &end);
		if (skel->bss->hits != path->nr_probes)
			die("stages: %s: page %zu met %llu probes, not %zu", path->name, i,
			    skel->bss->hits, path->nr_probes);
		if (i >= PAGES)
			keep_stages(path, i - PAGES, (const __u64 *)skel->bss->hit_ns, start, end);
	}
	micro_stages__destroy(skel);
	return median(total_ns, PAGES);
}

/* Returns the stage's median. */
static double report_stage(const struct path *path, size_t stage, double overhead_ns)
{
	for (size_t i = 0; i < PAGES; i++)
		stage_ns[stage][i] -= overhead_ns;
	report_samples(path->stages[stage], stage_ns[stage], PAGES);
	return median(stage_ns[stage], PAGES);
}

static double report_stages(const struct path *path, double clock_cost_ns, double probe_ns)
{
	double sum = 0;

	for (size_t stage = 0; stage < path->nr_stages; stage++) {
		double overhead_ns = 0;

		for (size_t i = 0; i + 1 < path->nr_probes; i++)
			if (path->probes[i].stage == stage)
				overhead_ns += probe_ns;
		if (!stage || stage + 1 == path->nr_stages)
			overhead_ns = (clock_cost_ns + probe_ns) / 2;
		sum += report_stage(path, stage, overhead_ns);
	}
	return sum;
}

/* Of four times PAGES, none of which is mapped. */
static void measure_path(const struct path *path, char *map)
{
	double clock_cost_ns, plain, probed, sum, whole;

	host.touch(map, 1, PAGES, false, stamps);
	whole = median_access(&host, PAGES);
	clock_cost_ns = median_total(map, 0);
	plain = median_total(map + PAGES * PAGE, 1);
	probed = read_probed(path, map + 2 * PAGES * PAGE);
	sum = report_stages(path, clock_cost_ns, (probed - plain) / path->nr_probes);
	fprintf(stderr, "stages: %s: %.0f ns of %.0f; a probe costs %.0f\n", path->name, sum, whole,
		(probed - plain) / path->nr_probes);
	if (fabs(sum - whole) > SUM_TOLERANCE * whole)
		die("stages: %s: they add up to %.0f ns, the whole is %.0f", path->name, sum,
		    whole);
}

void bench_stages(void)
{
	struct vm vm = vm_make(ALL_LOCAL, 4 * PAGES);
	char *other = vm_map_again(&vm);

	measure_path(&read_path, vm.map);
	touch_here(vm.map, 1, vm.pages, false, stamps);
	measure_path(&soft_path, other);
	munmap(other, vm.pages * PAGE);
	vm_end(&vm);
}
