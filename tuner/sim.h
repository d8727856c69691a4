/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sim.h - one VM memory's accesses played against a direct limit, a link and a policy: what the
 * core would have fetched and evicted, and how long its guest would have waited. Pure: no kernel,
 * no clock. docs/replay.md says what it leaves out.
 */
#ifndef DMEM_SIM_H
#define DMEM_SIM_H

#include "model.h"
#include "stream.h"
#include "judge.h"

/**
 * struct sim_setup - what an answer is asked for
 * @limit_pages: direct limit; not less than DMEM_DIRECT_MIN_PAGES
 * @link: time of a request and of a page, requests queue as on the local donor's link; work of the
 *	host for a page, which is done in the fault
 * @rule: the policy
 * @order: of regions for which nothing is decided (TUNE_STATIC: @rule's)
 * @interval_ns: between two rounds of the tuner, in the guest's time
 * @is_one_cpu: the host has no other CPU than the guest's
 */
struct sim_setup {
	uint64_t limit_pages;
	struct model_link link;
	struct tune_rule rule;
	unsigned int order;
	uint64_t interval_ns;
	bool is_one_cpu;
};

/**
 * enum sim_cause - why the guest waited; every ns of it has one cause
 * @SIM_COLD: the page was not wanted before
 * @SIM_CAPACITY: it was, and was evicted since to make room for what was used
 * @SIM_WRONG: it was evicted since, and would be here but for prefetched pages that nobody used
 * @SIM_LATE: it was on its way: prefetched, too late
 * @SIM_QUEUE: its request waited for the link, which carried others
 * @SIM_ROOM: no frame was free before what was on its way had come
 * @SIM_HOST: the host was still at work for the rest of the block when the page came, or took in
 *	the rest while the guest would have run
 *
 * The first four are the kinds of misses, too: each has one. SIM_LATE's time is all that was waited
 * for such pages, the first three's that of their requests alone, on a link that is free.
 */
enum sim_cause {
	SIM_COLD,
	SIM_CAPACITY,
	SIM_WRONG,
	SIM_LATE,
	SIM_MISS_KINDS,
	SIM_QUEUE = SIM_MISS_KINDS,
	SIM_ROOM,
	SIM_HOST,
	SIM_CAUSES,
};

/**
 * struct sim_result - the answer
 * @figures: counts and time waited
 * @misses: by kind; their sum is that of the figures' fetches and late
 * @cause_ns: time waited, by cause; their sum is the figures' stall_ns
 * @fetches: fetches by block order
 * @decisions: orders changed by the policy
 * @rounds: of the tuner
 * @most_held_pages: never more than the limit
 */
struct sim_result {
	struct stream_figures figures;
	uint64_t misses[SIM_MISS_KINDS];
	uint64_t cause_ns[SIM_CAUSES];
	uint64_t fetches[DMEM_MAP_ORDERS];
	uint64_t decisions;
	uint64_t rounds;
	uint64_t most_held_pages;
};

/** sim_run - play a stream. Return: 0, or a negative errno with a sentence. */
int sim_run(const struct stream *stream, const struct sim_setup *setup, struct sim_result *result,
	    struct dmem_error *error);

#endif /* DMEM_SIM_H */
