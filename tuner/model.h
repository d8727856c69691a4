/* SPDX-License-Identifier: GPL-2.0 */
/*
 * model.h - what block order a region should have, from what its use looked like.
 *
 * Pure arithmetic over histograms: no maps, no clock, no I/O, so it is tested alone. docs/tuner.md
 * tells where its formulas come from.
 */
#ifndef DMEM_MODEL_H
#define DMEM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_ORDERS		10
#define MODEL_DISTANCE_SLOTS	10
#define MODEL_REASON_LEN	96

/**
 * struct model_link - what a fetch costs, measured or as the pool says
 * @request_ns: time of a request whatever its size (latency_ns)
 * @page_ns: time of each 4 KiB page, the first too (ns_per_page)
 */
struct model_link {
	double request_ns;
	double page_ns;
};

/**
 * struct model_sample - how one region was used since the last decision (counts, not rates)
 * @misses: faults that needed a donor
 * @prefetched: pages brought that no fault asked for
 * @used: prefetched pages that were then touched
 * @unused: prefetched pages evicted untouched
 * @distance: demands (misses and first uses of prefetched pages, so that the block order does
 *	not show) by their distance in pages to the region's demand before: slot n counts
 *	distances from 2^n to 2^(n+1) - 1; the region has 512 pages, slot 0 is distance 1 (or 0)
 * @forward: how many of those distances were forward
 * @evicted: pages evicted, prefetched or not
 * @touched_blocks: by order: blocks with a page seen in use in the same span of time; used by
 *	model_buddy() alone
 * @touched_pages: distinct pages seen in use in the same span of time, 0 ... 512; 0 with
 *	distances counted means not known
 *
 * @misses and @prefetched are for the log: what they say is in @distance, @used and @unused.
 */
struct model_sample {
	uint32_t misses;
	uint32_t prefetched;
	uint32_t used;
	uint32_t unused;
	uint32_t distance[MODEL_DISTANCE_SLOTS];
	uint32_t forward;
	uint32_t touched_pages;
	uint32_t evicted;
	uint32_t touched_blocks[MODEL_ORDERS];
};

/**
 * struct model_decision - what the model says of a region
 * @order: 0 ... 9
 * @enough: the sample was large enough to judge; where not, let it grow
 * @changed: @order differs from the current one
 * @gain_ns: time a page in use is estimated to cost less than with the current order
 * @reason: one line for the log: "neighbours 1.00 likely (511 steps, 480 of 480 used): 4 -> 6
 *	saves 0.42 us a page"
 */
struct model_decision {
	unsigned int order;
	bool enough;
	bool changed;
	double gain_ns;
	char reason[MODEL_REASON_LEN];
};

/**
 * model_cost_ns - estimated time per page used, when fetched at an order
 * @link: costs of the link
 * @density: share of a block's other pages that are used once it is fetched, 0 ... 1
 * @order: 0 ... 9
 */
double model_cost_ns(const struct model_link *link, double density, unsigned int order);

/**
 * model_density - the share of a block's other pages that will be used, by order
 * @sample: what was seen; its prefetched pages are taken to have been brought at @order
 * @order: block order asked about, 1 ... 9
 *
 * Return: 0 ... 1, never more for a larger order, or a negative number when the sample is too
 * small to say.
 */
double model_density(const struct model_sample *sample, unsigned int order);

/**
 * model_costs - what model_decide() weighs: each order's density and cost
 * @link: costs of the link
 * @sample: since the last decision
 * @current: the order in force
 * @density: takes MODEL_ORDERS shares of a block's other pages that will be used, 0 ... 1
 * @cost_ns: takes MODEL_ORDERS times per page used
 *
 * Return: whether the sample is large enough to judge.
 */
bool model_costs(const struct model_link *link, const struct model_sample *sample,
		 unsigned int current, double *density, double *cost_ns);

/**
 * model_buddy - the published rule, for a region whose blocks all have one order
 * @sample: since the last decision
 * @current: the order in force, 0 ... 9
 *
 * Koh et al. (IEEE TC 68(1), 2019) merge a block that is fetched with its buddy of the same
 * order if that is active, and halve a block that is evicted with at most a quarter of it used.
 * Here one order higher where pages were fetched and at least half of the pairs in use have
 * both halves in use; one lower where at most a quarter of what was evicted had been used.
 */
struct model_decision model_buddy(const struct model_sample *sample, unsigned int current);

/**
 * model_decide - the order for a region
 * @link: costs of the link
 * @sample: since the last decision
 * @current: the order in force, 0 ... 9: the one that @sample's prefetched pages came at
 *
 * Moves away from @current only for a gain that is worth it (hysteresis), and keeps it when
 * the sample says too little.
 */
struct model_decision model_decide(const struct model_link *link,
				   const struct model_sample *sample, unsigned int current);

#endif /* DMEM_MODEL_H */
