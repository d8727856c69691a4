// SPDX-License-Identifier: GPL-2.0
/*
 * micro_stages.c - where the time of dmem-remote-read goes, from probes on the functions that
 * bound its stages:
 *
 * entry	from the access to dmem_fault(): exception, VMA, page tables, the mm core
 * state	dmem_fault(): region, word, the request's begin and its end, the way back
 * policy	dmem_fetch_order(), and what is told of the fault, up to dmem_fetch_page()
 * allocation	dmem_page_take(): a page of the budget
 * transport	dmem_local_read_now(): find the donor's page, copy, lock ours
 * mapping	from finish_fault() to the access's end: PTE, rmap, return from the exception
 *
 * The probes' cost is what they add to an access, divided among them: each lies once between
 * two neighbours' stamps, and one is shared by the first stage and the last. The stages must
 * add up to the case as measured without probes.
 */
#include <math.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "micro.h"
#include "micro_stages.h"
#include "micro_stages.skel.h"
#include "uapi/dmem.h"

#define SUM_TOLERANCE	0.1

enum stage { ENTRY, STATE, POLICY, ALLOCATION, TRANSPORT, MAPPING, NR_STAGES };

static const char *const stage_names[] = {
	"stage-entry", "stage-state", "stage-policy", "stage-allocation", "stage-transport",
	"stage-mapping",
};

/* The stage that begins with a probe's function. */
static const enum stage begun_by[] = {
	[PROBE_FAULT] = STATE, [PROBE_TAKE] = ALLOCATION, [PROBE_BEGIN] = STATE,
	[PROBE_ORDER] = POLICY, [PROBE_FETCH] = STATE, [PROBE_READ] = TRANSPORT,
	[PROBE_SETTLE] = STATE, [PROBE_FINISH] = MAPPING,
};

/* Per page, probes and clock included. */
static double stage_ns[NR_STAGES][PAGES];
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

static void keep_stages(size_t page, const __u64 *hit_ns, uint64_t start, uint64_t end)
{
	for (size_t stage = 0; stage < NR_STAGES; stage++)
		stage_ns[stage][page] = 0;
	stage_ns[ENTRY][page] = hit_ns[0] - start;
	for (size_t probe = 0; probe < NR_PROBES; probe++) {
		uint64_t next = probe + 1 < NR_PROBES ? hit_ns[probe + 1] : end;

		stage_ns[begun_by[probe]][page] += next - hit_ns[probe];
	}
	total_ns[page] = end - start;
}

/* The median of a read with the probes in place; keeps what they saw. */
static double read_probed(char *map)
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
		if (skel->bss->hits != NR_PROBES)
			die("stages: page %zu met %llu probes, not %u", i, skel->bss->hits,
			    NR_PROBES);
		if (i >= PAGES)
			keep_stages(i - PAGES, (const __u64 *)skel->bss->hit_ns, start, end);
	}
	micro_stages__destroy(skel);
	return median(total_ns, PAGES);
}

/* Returns the stage's median. */
static double report_stage(enum stage stage, double overhead_ns)
{
	for (size_t i = 0; i < PAGES; i++)
		stage_ns[stage][i] -= overhead_ns;
	report_samples(stage_names[stage], stage_ns[stage], PAGES);
	return median(stage_ns[stage], PAGES);
}

static double report_stages(double clock_cost_ns, double probe_ns)
{
	double sum = 0;

	for (size_t stage = 0; stage < NR_STAGES; stage++) {
		double overhead_ns = 0;

		for (size_t probe = 0; probe + 1 < NR_PROBES; probe++)
			if (begun_by[probe] == stage)
				overhead_ns += probe_ns;
		if (stage == ENTRY || stage == MAPPING)
			overhead_ns = (clock_cost_ns + probe_ns) / 2;
		sum += report_stage(stage, overhead_ns);
	}
	return sum;
}

void bench_stages(void)
{
	struct vm vm = vm_make(ALL_LOCAL, 4 * PAGES);
	double clock_cost_ns, plain, probed, sum, whole;

	host.touch(vm.map, 1, PAGES, false, stamps);
	whole = median_access(&host, PAGES);
	clock_cost_ns = median_total(vm.map, 0);
	plain = median_total(vm.map + PAGES * PAGE, 1);
	probed = read_probed(vm.map + 2 * PAGES * PAGE);
	sum = report_stages(clock_cost_ns, (probed - plain) / NR_PROBES);
	fprintf(stderr, "stages: %.0f ns of %.0f; a probe costs %.0f\n", sum, whole,
		(probed - plain) / NR_PROBES);
	if (fabs(sum - whole) > SUM_TOLERANCE * whole)
		die("stages: they add up to %.0f ns, the whole is %.0f", sum, whole);
	vm_end(&vm);
}
