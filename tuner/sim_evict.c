// SPDX-License-Identifier: GPL-2.0
/*
 * sim_evict.c - the simulator's replacement: three lists of regions and a second chance, as
 * docs/core.md has it. Functions are named for those of core-kmod/evict.c and vm.c; what those do
 * for locks, pins and writebacks is left out: an evicted page is with the donor at once.
 */
#include "sim_core.h"

/* As in core-kmod/evict.c. */
#define INACTIVE_DIVISOR	4
#define ACTIVE_DIVISOR		64
#define ACTIVE_DIVISOR_MANY	2
/* As in core-kmod/vm.c. */
#define LOOP_DIVISOR		8
#define LOOP_SIZE_MAX		4

static void unlist(struct sim *sim, struct sim_region *region)
{
	if (region->list == SIM_NONE)
		return;
	if (region->newer)
		region->newer->older = region->older;
	else
		sim->newest[region->list] = region->older;
	if (region->older)
		region->older->newer = region->newer;
	else
		sim->oldest[region->list] = region->newer;
	sim->nr_listed[region->list]--;
	region->newer = NULL;
	region->older = NULL;
	region->list = SIM_NONE;
}

/* As the newest of a list, or as its oldest. */
static void list_region(struct sim *sim, struct sim_region *region, enum sim_list list,
			bool oldest)
{
	unlist(sim, region);
	region->list = list;
	if (list == SIM_NONE)
		return;
	sim->nr_listed[list]++;
	if (oldest) {
		region->newer = sim->oldest[list];
		if (region->newer)
			region->newer->older = region;
		else
			sim->newest[list] = region;
		sim->oldest[list] = region;
	} else {
		region->older = sim->newest[list];
		if (region->older)
			region->older->newer = region;
		else
			sim->oldest[list] = region;
		sim->newest[list] = region;
	}
}

/* Is a region that comes back worth keeping? One of a loop now and then, too. */
static bool region_is_back(struct sim *sim, const struct sim_region *region)
{
	long active = sim->nr_listed[SIM_ACTIVE];
	long others = sim->nr_listed[SIM_FRESH] + sim->nr_listed[SIM_INACTIVE];
	uint32_t distance = sim->nr_gone - region->gone_at;

	if (!region->gone_at)
		return false;
	if (distance < active)
		return true;
	return active < others && distance < LOOP_SIZE_MAX * (active + others) &&
	       ++sim->nr_loops % LOOP_DIVISOR == 0;
}

void sim_hold(struct sim *sim, struct sim_region *region, unsigned int nr)
{
	sim->held += nr;
	region->nr_held += nr;
	if ((uint64_t)sim->held > sim->result->most_held_pages)
		sim->result->most_held_pages = (uint64_t)sim->held;
	if (region->list == SIM_NONE)
		list_region(sim, region, region_is_back(sim, region) ? SIM_ACTIVE : SIM_FRESH,
			    false);
}

static void set_inactive(struct sim *sim, struct sim_region *region, unsigned int nr)
{
	sim->nr_inactive += (long)nr - region->nr_inactive;
	region->nr_inactive = (uint16_t)nr;
}

static void putback(struct sim *sim, struct sim_region *region, bool inactive)
{
	if (!region->nr_held) {
		set_inactive(sim, region, 0);
		list_region(sim, region, SIM_NONE, false);
		region->gone_at = ++sim->nr_gone;
	} else if (inactive) {
		list_region(sim, region, SIM_INACTIVE, false);
	} else {
		list_region(sim, region, region->reused ? SIM_ACTIVE : SIM_FRESH, false);
	}
}

static enum sim_list list_to_shrink(struct sim *sim)
{
	long active = sim->nr_listed[SIM_ACTIVE];
	long others = sim->nr_listed[SIM_FRESH] + sim->nr_listed[SIM_INACTIVE];

	if (!sim->nr_listed[SIM_FRESH])
		return SIM_ACTIVE;
	if (++sim->deactivations % (active > others ? ACTIVE_DIVISOR_MANY : ACTIVE_DIVISOR))
		return SIM_FRESH;
	return active ? SIM_ACTIVE : SIM_FRESH;
}

static bool deactivate_oldest(struct sim *sim)
{
	struct sim_region *region = sim->oldest[list_to_shrink(sim)];
	unsigned int nr = 0;

	if (!region)
		return false;
	for (unsigned int word = 0; word < STREAM_WORDS; word++) {
		region->young[word] &= ~region->unmapped[word];
		region->unmapped[word] |= region->mapped[word];
		region->mapped[word] = 0;
		nr += (unsigned int)__builtin_popcountll(region->unmapped[word]);
	}
	region->reused = false;
	set_inactive(sim, region, nr);
	putback(sim, region, true);
	return true;
}

/* Until @want pages are gone, in runs of a word's pages, which are DMEM_IO_MAX_PAGES. */
static long evict_region(struct sim *sim, struct sim_region *region, long want)
{
	unsigned int unused = 0;
	long nr = 0;

	for (unsigned int word = 0; word < STREAM_WORDS && nr < want; word++) {
		uint64_t gone = region->unmapped[word] & ~region->young[word];
		unsigned int nr_gone = (unsigned int)__builtin_popcountll(gone);

		region->young[word] &= ~region->unmapped[word];
		unused += (unsigned int)__builtin_popcountll(gone & region->prefetched[word]);
		sim->vm.stats.evicted_pages += nr_gone;
		sim_miss_evicted(sim, region, word, gone);
		region->prefetched[word] &= ~gone;
		region->unmapped[word] &= ~gone;
		region->remote[word] |= gone;
		nr += nr_gone;
	}
	region->nr_held -= (uint16_t)nr;
	sim->held -= nr;
	region->value.evicted_pages += (uint32_t)nr;
	region->value.prefetched_unused_pages += unused;
	sim->vm.stats.prefetched_unused_pages += unused;
	return nr;
}

static unsigned int count_unmapped(const struct sim_region *region)
{
	unsigned int nr = 0;

	for (unsigned int word = 0; word < STREAM_WORDS; word++)
		nr += (unsigned int)__builtin_popcountll(region->unmapped[word]);
	return nr;
}

static long evict_oldest(struct sim *sim, long want)
{
	struct sim_region *region = sim->oldest[SIM_INACTIVE];
	unsigned int left;
	long nr;

	if (!region)
		return 0;
	nr = evict_region(sim, region, want);
	/* Enough evicted before its end: it stays the oldest. */
	left = nr >= want ? count_unmapped(region) : 0;
	set_inactive(sim, region, left);
	if (!left)
		putback(sim, region, false);
	return nr;
}

/* One step; false when it brought nothing. */
static bool evict_step(struct sim *sim, long want)
{
	long local = sim->held < sim->limit ? sim->held : sim->limit;
	long inactive = local / INACTIVE_DIVISOR;

	if (inactive < want)
		inactive = want;
	while (sim->nr_inactive < inactive && deactivate_oldest(sim))
		;
	return evict_oldest(sim, want) > 0;
}

void sim_evict(struct sim *sim)
{
	/* Twice over every region finds what can be found. */
	long tries = 2 * (long)sim->nr_regions + 2, want;

	if (!sim->high || sim->limit - sim->held >= sim->low)
		return;
	while ((want = sim->high - (sim->limit - sim->held)) > 0 && tries > 0)
		if (!evict_step(sim, want))
			tries--;
}
