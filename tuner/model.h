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
 * @page_ns: time of each 4 KiB page on the link, the first too (ns_per_page)
 * @host_ns: the host's own work for each page that is fetched
 * @refetch: probability that what an unused page displaced is fetched again; 0: not known
 * @queue_ns: how much longer than @request_ns + @page_ns demanded pages took, all together, for
 *	each page that no fault asked for: more than @page_ns where many wait for one link
 */
struct model_link {
	double request_ns;
	double page_ns;
	double host_ns;
	double refetch;
	double queue_ns;
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
 * @touched_blocks: by order: blocks with a page seen in use in the epoch; [0] is @touched_pages, or
 *	0 where they are not known
 * @touched_pages: distinct pages seen in use in the epoch, 0 ... 512; 0 with distances counted
 *	means not known
 * @touched_demands: demands in that epoch; 0: as many as there are distances
 * @touched_new: of @touched_pages, those that were empty: to fill memory is not to use it, so they
 *	tell nothing of what will be
 * @touched_ns: how long the epoch has been; 0: not known
 * @stay_ns: how long a page that nobody uses stays local; 0: not known, or longer than the epoch
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
	uint32_t touched_demands;
	uint32_t touched_new;
	uint64_t touched_ns;
	uint64_t stay_ns;
};

/**
 * struct model_past - what became of prefetched pages in samples before, worth less with each
 * @order: that they were brought at
 * @used, @decided: as in a sample: used; used or evicted untouched
 */
struct model_past {
	unsigned int order;
	double used;
	double decided;
};

/**
 * struct model_prior - what regions around this one, or all of its VM's, look like
 * @density: by order: their shares of a block's other pages that are used
 * @weight: by order: decided pages that this is worth as much as; 0: nothing
 */
struct model_prior {
	double density[MODEL_ORDERS];
	double weight[MODEL_ORDERS];
};

/**
 * struct model_context - what is known of a region beside its sample; each may be NULL
 * @past: its own earlier samples
 * @prior: others' samples
 * @is_probe: the order in force was tried out, and the one to beat is @incumbent
 */
struct model_context {
	const struct model_past *past;
	const struct model_prior *prior;
	bool is_probe;
	unsigned int incumbent;
};

/**
 * struct model_decision - what the model says of a region
 * @order: 0 ... 9
 * @enough: the sample was large enough to judge; where not, let it grow
 * @changed: @order differs from the current one
 * @gain_ns: time a page in use is estimated to cost less than with the current order
 * @doubt: a neighbour of @order that may be the cheaper one for all that the sample says, so that
 *	it would be worth a try; @order where there is none
 * @density: by order: share of a block's other pages that will be used, by the region's own
 *	samples alone
 * @weight: decided pages that @density rests on
 * @reason: one line for the log: "neighbours 1.00 likely (511 steps, 480 of 480 used): 4 -> 6
 *	saves 0.42 us a page"; from model_judge() with a context only where @changed
 */
struct model_decision {
	unsigned int order;
	bool enough;
	bool changed;
	double gain_ns;
	unsigned int doubt;
	double density[MODEL_ORDERS];
	double weight;
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
 * Return: 0 ... 1, or a negative number when the sample is too small to say.
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
 * Moves away from @current only for a gain that is worth it and beyond the estimate's error, and
 * keeps it when the sample says too little.
 */
struct model_decision model_decide(const struct model_link *link,
				   const struct model_sample *sample, unsigned int current);

/**
 * model_judge - the same, with what is known beside the sample
 * @context: may be NULL
 */
struct model_decision model_judge(const struct model_link *link,
				  const struct model_sample *sample, unsigned int current,
				  const struct model_context *context);

/** struct model_pool - what many regions look like: sums over them, each as it was last judged. */
struct model_pool {
	double regions;
	double sum[MODEL_ORDERS];
	double squares[MODEL_ORDERS];
};

/**
 * model_pool_add - a region looks like this
 * @regions: 1, or -1 to take out what it looked like before
 */
void model_pool_add(struct model_pool *pool, const double *density, double regions);

/**
 * model_pool_prior - what the pool says of a region that it knows nothing of
 *
 * The more alike the regions are, the more it is worth: docs/tuner.md, Borrowing.
 */
struct model_prior model_pool_prior(const struct model_pool *pool);

/** model_prior_add - what another region looks like joins what is known already. */
void model_prior_add(struct model_prior *prior, const double *density, double weight);

/**
 * model_pool_order - the order for regions that nothing is known of
 * @current: the one they have now
 *
 * Return: an order whose gain is worth it even for a region that is a standard deviation worse than
 * the mean; @current where there is none, or too few regions.
 */
unsigned int model_pool_order(const struct model_link *link, const struct model_pool *pool,
			      unsigned int current);

#endif /* DMEM_MODEL_H */
