// SPDX-License-Identifier: GPL-2.0
/*
 * sim_miss.c - why a page was not there.
 *
 * Pages are evicted in about the order in which they were last wanted, each for a frame that
 * another needs. Had nothing been prefetched for nothing, as many frames would not have been needed
 * since this page was last wanted as pages were evicted unused since then: it would have stayed for
 * that many evictions more. A page that is wanted again before that is missing because of them.
 */
#include <stdlib.h>

#include "sim_core.h"

/*
 * Of pages that were wanted: what was evicted unused by then, and what was evicted at all by the
 * time that they were. As differences, so it does not matter that they begin anew at 2^32.
 */
struct sim_history {
	uint64_t wanted[STREAM_WORDS];
	uint32_t unused[DMEM_MAP_REGION_PAGES];
	uint32_t evicted[DMEM_MAP_REGION_PAGES];
};

int sim_miss_wanted(struct sim *sim, struct sim_region *region, unsigned int page)
{
	if (!region->history)
		region->history = calloc(1, sizeof(*region->history));
	if (!region->history)
		return sim_no_memory(sim);
	sim_put(region->history->wanted, page);
	region->history->unused[page] = (uint32_t)sim->vm.stats.prefetched_unused_pages;
	return 0;
}

void sim_miss_evicted(struct sim *sim, struct sim_region *region, unsigned int word,
		      uint64_t pages)
{
	if (!region->history)
		return;
	for (pages &= region->history->wanted[word]; pages; pages &= pages - 1)
		region->history->evicted[64 * word + (unsigned int)__builtin_ctzll(pages)] =
			(uint32_t)sim->vm.stats.evicted_pages;
}

enum sim_cause sim_miss_kind(const struct sim *sim, const struct sim_region *region,
			     unsigned int page)
{
	const struct sim_history *history = region->history;
	uint32_t unused, evicted;

	if (!history || !sim_has(history->wanted, page))
		return SIM_COLD;
	unused = (uint32_t)sim->vm.stats.prefetched_unused_pages - history->unused[page];
	evicted = (uint32_t)sim->vm.stats.evicted_pages - history->evicted[page];
	return evicted < unused ? SIM_WRONG : SIM_CAPACITY;
}

void sim_miss_end(struct sim *sim)
{
	for (size_t i = 0; i < sim->nr_regions; i++)
		free(sim->regions[i].history);
}
