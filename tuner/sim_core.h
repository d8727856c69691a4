/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sim_core.h - the simulator's own types, between sim.c (accesses, link), sim_evict.c (replacement,
 * which follows core-kmod/evict.c function by function), sim_miss.c (why a page was not there) and
 * sim_tuner.c (the tuner's rounds).
 */
#ifndef DMEM_SIM_CORE_H
#define DMEM_SIM_CORE_H

#include "sim.h"

enum sim_list {
	SIM_FRESH,
	SIM_ACTIVE,
	SIM_INACTIVE,
	SIM_LISTS,
	SIM_NONE = SIM_LISTS,
};

/* A region; each page is in at most one of the first four sets, and empty where it is in none. */
struct sim_region {
	uint64_t remote[STREAM_WORDS];
	uint64_t fetching[STREAM_WORDS];
	uint64_t mapped[STREAM_WORDS];
	uint64_t unmapped[STREAM_WORDS];
	uint64_t prefetched[STREAM_WORDS];	/* no access asked for it and none has touched it */
	uint64_t young[STREAM_WORDS];		/* came since the evictor last looked */
	struct sim_region *newer;
	struct sim_region *older;
	enum sim_list list;
	bool reused;
	uint16_t nr_held;
	uint16_t nr_inactive;
	uint16_t last_demand;			/* 1 + the page, or 0 */
	uint32_t gone_at;
	uint32_t number;
	struct sim_history *history;		/* of its pages; sim_miss.c's */
	struct dmem_region_value value;		/* as the BPF plane would count */
};

/* A request for pages that nobody waits for, on its way. */
struct sim_request {
	struct sim_region *region;
	uint64_t pages[STREAM_WORDS];
	uint64_t due_ns;
	uint64_t latency_ns;
	unsigned int nr_pages;
	bool is_far;			/* a worker asked for it */
};

struct sim {
	const struct sim_setup *setup;
	struct sim_result *result;
	struct dmem_error *error;
	struct dmem_plane_vm vm;		/* as the BPF plane would have it */
	uint64_t epoch;				/* of touched pages */
	struct tune_vm tuner;			/* sim_tuner.c's, with the next */
	uint64_t round_ns;			/* when its next round is due */
	struct sim_region *regions;
	size_t nr_regions;
	uint64_t now_ns;

	/* the link: requests arrive in the order in which they were sent */
	uint64_t busy_until_ns;
	struct sim_request *requests;		/* a ring */
	size_t room;
	size_t first;
	size_t nr_requests;

	/* budget and lists, in pages and regions: as struct dmem_vm has them */
	long held;
	long limit;
	long min;
	long low;
	long high;
	struct sim_region *newest[SIM_LISTS];
	struct sim_region *oldest[SIM_LISTS];
	long nr_listed[SIM_LISTS];
	uint32_t nr_gone;
	uint32_t nr_loops;
	unsigned int deactivations;
	long nr_inactive;
};

/* Pages of a region, a bit each. */
static inline bool sim_has(const uint64_t *set, unsigned int page)
{
	return set[page / 64] >> page % 64 & 1;
}

static inline void sim_put(uint64_t *set, unsigned int page)
{
	set[page / 64] |= 1ULL << page % 64;
}

/* Return: -ENOMEM, with its sentence. */
int sim_no_memory(const struct sim *sim);

/* A page of the region gets a frame: it must be on a list for the evictor to find it. */
void sim_hold(struct sim *sim, struct sim_region *region, unsigned int nr);

/* Evict until as much is free as the high watermark says, if less is than the low one. */
void sim_evict(struct sim *sim);

/* The page was wanted, whatever the access found. Return: 0 or -ENOMEM with a sentence. */
int sim_miss_wanted(struct sim *sim, struct sim_region *region, unsigned int page);

/* These pages of a word of the region are evicted, and their number is counted already. */
void sim_miss_evicted(struct sim *sim, struct sim_region *region, unsigned int word,
		      uint64_t pages);

/* Why a page that is fetched now was not here, before sim_miss_wanted(). */
enum sim_cause sim_miss_kind(const struct sim *sim, const struct sim_region *region,
			     unsigned int page);

void sim_miss_end(struct sim *sim);

/* The tuner that decides for this VM memory: before the first access, after the last. */
void sim_tuner_begin(struct sim *sim);
void sim_tuner_end(struct sim *sim);

/* The rounds that are due by now. */
int sim_tuner_rounds(struct sim *sim);

/* The block order in force. */
unsigned int sim_tuner_order(const struct sim *sim, const struct sim_region *region);

#endif /* DMEM_SIM_CORE_H */
