// SPDX-License-Identifier: GPL-2.0
/*
 * model.c - the block order that suits what a region's use looked like.
 *
 * Pure arithmetic for one region at a time, called by the tuner. It keeps no state, so it needs
 * no lock and gives the same answer for the same sample. docs/tuner.md derives the formulas.
 */
#include <stdio.h>

#include "model.h"

#define MODEL_ORDER_MAX		(MODEL_ORDERS - 1)

/*
 * Probability that what an unused page displaced is fetched again. The unused page holds its
 * frame while the inactive list turns over, a quarter of the direct limit (docs/core.md). Under
 * uniform use with direct=50%, the default, every second access misses, so that takes as many
 * accesses as half of the limit, or a quarter of the VM's memory, has pages. Derived, not measured.
 */
#define MODEL_REFETCH_SHARE	0.25

/* Decided pages that weigh as much as all that the steps say: one prefetch request's. */
#define MODEL_PRIOR_PAGES	64.0

/* Locality below one page in twenty is noise; ratios of such estimates tell nothing. */
#define MODEL_LOCALITY_NOISE	0.05

/* The standard error of a share of 32 events is below 0.09: less than the gain asked for. */
#define MODEL_MIN_EVENTS	32.0

/* With fewer steps a region is idle, and leftovers being evicted do not show how it is used. */
#define MODEL_MIN_STEPS		4.0

/* A move must save this part of what the order can save at all, the cost beyond page_ns. */
#define MODEL_MIN_GAIN		0.10
#define MODEL_MIN_GAIN_NS	1.0	/* what a clock cannot show is no gain */

/* Orders moved at once: 2 is four times the pages, and the next sample will confirm it. */
#define MODEL_STEP		2U
#define MODEL_STEP_UNUSED	4U	/* down, when most decided pages came for nothing */

/* model_buddy(): used share of a block that is halved, share of pairs in use that are whole. */
#define MODEL_BUDDY_HALVE	0.25
#define MODEL_BUDDY_MERGE	0.5

/* The longest that a fault may be made to wait: timeout_ms. Keeps an infinity out. */
#define MODEL_MAX_NS		3.6e12

/* A sample in the terms of the estimate. */
struct model_evidence {
	double steps;		/* from one demand to the next */
	double used;		/* prefetched pages: known to have been of use */
	double decided;		/* ... and known to have been of use or not */
	double touched;		/* pages of the region seen in use; 0: not known */
	double one_way;		/* 1: all steps in one direction, 0: as many up as down */
	double turns;		/* times that a touched page was demanded */
	double locality[MODEL_ORDERS];
};

static double model_min(double a, double b)
{
	return a < b ? a : b;
}

static double model_max(double a, double b)
{
	return a > b ? a : b;
}

/* Into 0 ... @max; what is not a number becomes 0. */
static double model_clamp(double value, double max)
{
	return value > 0 ? model_min(value, max) : 0;
}

static unsigned int model_clamp_order(unsigned int order)
{
	return order < MODEL_ORDER_MAX ? order : MODEL_ORDER_MAX;
}

/* Pages of a block besides the demanded one. */
static double model_others(unsigned int order)
{
	return (double)((1U << order) - 1);
}

/**
 * model_cost_ns - estimated time per page used, when fetched at an order
 * @link: costs of the link in ns; what is negative or not a number counts as 0
 * @density: share of a block's other pages that are used once it is fetched, 0 ... 1;
 *	negative, that is unknown, counts as 0
 * @order: 0 ... 9
 *
 * With a miss = request_ns + page_ns and n = 2^order - 1:
 *
 *	(miss + n * page_ns + MODEL_REFETCH_SHARE * (1 - density) * n * miss) / (1 + density * n)
 *
 * The requests of the other pages follow the demanded one on the link, their request_ns
 * overlaps with its own and costs the link nothing (core-kmod/local.c), so it is counted once.
 *
 * Return: ns, finite and not negative; page_ns at least.
 */
double model_cost_ns(const struct model_link *link, double density, unsigned int order)
{
	double page_ns = model_clamp(link->page_ns, MODEL_MAX_NS);
	double miss_ns = model_clamp(link->request_ns, MODEL_MAX_NS) + page_ns;
	double others = model_others(model_clamp_order(order));
	double used, pollution_ns;

	density = model_clamp(density, 1);
	used = density * others;
	pollution_ns = MODEL_REFETCH_SHARE * (1 - density) * others * miss_ns;
	return (miss_ns + others * page_ns + pollution_ns) / (1 + used);
}

/* Mean distance in a slot, if all are as frequent: 1, 2.5, 5.5, 11.5, ... pages. */
static double model_slot_pages(unsigned int slot)
{
	return (3.0 * (1U << slot) - 1) / 2;
}

/*
 * The share of a block's other pages that a walk gets to: steps shorter than the block
 * (@near of them, @travel pages in all) follow each other until one leads away or the block
 * ends. The mean of the shorter of two such lengths is 1 / (1/a + 1/b).
 */
static double model_walk(const struct model_evidence *evidence, double near, double travel,
			 double others)
{
	double step, run, room;

	if (near <= 0)
		return 0;
	step = travel / near;
	run = near / (evidence->steps - near + 1);
	/* A block of 4 has steps of 2 pages once, not one and a half times. */
	room = (others + 1 - step) / step;
	return 1 / (others / room + others / run);
}

/*
 * The same share, if the block stays until the whole region has been used as it was. As far as
 * steps go one way, used pages are evenly spaced, and one of a block's is the demanded one; as
 * far as they go to and fro, they lie anywhere. A step out of the block may come back only in
 * the second case, and only where pages were not evicted and demanded again in between.
 */
static double model_sweep(const struct model_evidence *evidence, double near, double others)
{
	double share = model_max(evidence->touched - 1, 0) / model_others(MODEL_ORDER_MAX);
	double even = model_max(share * (others + 1) - 1, 0) / others;
	double stay = near / (evidence->steps + 1);
	double to_and_fro = 1 - evidence->one_way;

	return stay * (evidence->one_way * even + to_and_fro * share) +
	       (1 - stay) * to_and_fro * share / evidence->turns;
}

/* What the steps and the touched pages say of each order on its own. */
static void model_local_shares(const struct model_evidence *evidence,
			       const struct model_sample *sample, double *shares)
{
	double near = 0, travel = 0;
	unsigned int order;

	shares[0] = 1;
	for (order = 1; order < MODEL_ORDERS; order++) {
		double count = sample->distance[order - 1], others = model_others(order);

		near += count;
		travel += count * model_slot_pages(order - 1);
		shares[order] = model_max(model_walk(evidence, near, travel, others),
					  model_sweep(evidence, near, others));
		/* No block can hold more used pages than there are. */
		if (evidence->touched > 0)
			shares[order] = model_min(shares[order], (evidence->touched - 1) / others);
	}
}

/*
 * Made to fall with the order: a decision sees no further than its step. An order that brings
 * nothing (1, for steps of two pages) is passed over, two in a row are not.
 */
static void model_set_locality(struct model_evidence *evidence, const struct model_sample *sample)
{
	double shares[MODEL_ORDERS], least = 1;
	unsigned int order;

	model_local_shares(evidence, sample, shares);
	for (order = 0; order < MODEL_ORDERS; order++) {
		double share = shares[order];

		if (order < MODEL_ORDER_MAX)
			share = model_max(share, shares[order + 1]);
		least = model_min(least, share);
		evidence->locality[order] = least;
	}
}

static struct model_evidence model_weigh(const struct model_sample *sample)
{
	struct model_evidence evidence = {
		.used = sample->used,
		.decided = (double)sample->used + sample->unused,
		.touched = sample->touched_pages,
		.turns = 1,
	};
	unsigned int slot;

	for (slot = 0; slot < MODEL_DISTANCE_SLOTS; slot++)
		evidence.steps += sample->distance[slot];
	if (evidence.steps > 0) {
		double up = model_min(sample->forward / evidence.steps, 1);

		evidence.one_way = up > 0.5 ? 2 * up - 1 : 1 - 2 * up;
	}
	if (evidence.touched > 0)
		evidence.turns = model_max(evidence.steps / evidence.touched, 1);
	model_set_locality(&evidence, sample);
	return evidence;
}

static bool model_is_enough(const struct model_evidence *evidence)
{
	return evidence->steps >= MODEL_MIN_STEPS &&
	       evidence->steps + evidence->decided >= MODEL_MIN_EVENTS;
}

/*
 * Mean of what became of prefetched pages and of the locality estimate, which weighs as many
 * pages as there were steps, MODEL_PRIOR_PAGES at most. What was seen at one order is carried
 * to another as locality goes from the one to the other.
 */
static double model_blend(const struct model_evidence *evidence, unsigned int seen_order,
			  unsigned int order)
{
	double prior = model_min(evidence->steps, MODEL_PRIOR_PAGES);
	double local = evidence->locality[order], scale, seen;

	if (evidence->decided <= 0)
		return local;
	scale = (local + MODEL_LOCALITY_NOISE) /
		(evidence->locality[seen_order] + MODEL_LOCALITY_NOISE);
	seen = model_min(evidence->used / evidence->decided * scale, 1);
	return (prior * local + evidence->decided * seen) / (prior + evidence->decided);
}

/**
 * model_density - the share of a block's other pages that will be used, by order
 * @sample: what was seen; its prefetched pages are taken to have been brought at @order
 * @order: block order asked about, 1 ... 9
 *
 * Prefetched pages neither used nor evicted are undecided and count for nothing.
 *
 * Return: 0 ... 1, never more for a larger order, or a negative number when the sample is too
 * small to say.
 */
double model_density(const struct model_sample *sample, unsigned int order)
{
	struct model_evidence evidence = model_weigh(sample);

	if (!model_is_enough(&evidence))
		return -1;
	order = model_clamp_order(order);
	return model_blend(&evidence, order, order);
}

/* The cheapest order on the way from @from to @to, @from itself where none is cheaper. */
static unsigned int model_cheapest(const double *costs, unsigned int from, unsigned int to)
{
	unsigned int best = from, order = from;

	while (order != to) {
		order = to > from ? order + 1 : order - 1;
		if (costs[order] < costs[best])
			best = order;
	}
	return best;
}

/* The order that a decision may get to at most, on its way to @target. */
static unsigned int model_reach(const struct model_evidence *evidence, unsigned int current,
				unsigned int target)
{
	unsigned int step = MODEL_STEP;

	if (target < current && evidence->decided > 2 * evidence->used)
		step = MODEL_STEP_UNUSED;
	if (target > current)
		return target - current > step ? current + step : target;
	return current - target > step ? current - step : target;
}

static bool model_is_worth(const struct model_link *link, const double *costs,
			   unsigned int current, unsigned int target)
{
	double gain_ns = costs[current] - costs[target];
	double at_stake_ns = costs[current] - model_clamp(link->page_ns, MODEL_MAX_NS);

	return gain_ns >= MODEL_MIN_GAIN_NS && gain_ns >= MODEL_MIN_GAIN * at_stake_ns;
}

/* "neighbours 1.00 likely (511 steps, 480 of 480 used): 4 -> 6 saves 0.42 us a page" */
static void model_explain(struct model_decision *decision, const struct model_evidence *evidence,
			  const double *costs, unsigned int current, unsigned int target,
			  bool is_worth)
{
	unsigned int shown = current > target ? current : target;
	char what[MODEL_REASON_LEN];

	if (decision->order != current)
		snprintf(what, sizeof(what), "%u -> %u saves %.2f us a page", current,
			 decision->order, decision->gain_ns / 1000);
	else if (costs[current] <= 0)
		snprintf(what, sizeof(what), "%u stays, the link costs nothing", current);
	else if (target == current)
		snprintf(what, sizeof(what), "%u stays, it costs least", current);
	else if (is_worth)
		snprintf(what, sizeof(what), "%u stays, orders towards %u cost more", current,
			 target);
	else
		snprintf(what, sizeof(what), "%u stays, %u saves only %.2f us", current, target,
			 (costs[current] - costs[target]) / 1000);
	snprintf(decision->reason, sizeof(decision->reason),
		 "neighbours %.2f likely (%.0f steps, %.0f of %.0f used): %.40s",
		 model_blend(evidence, current ? current : 1, shown ? shown : 1), evidence->steps,
		 evidence->used, evidence->decided, what);
}

static void model_weigh_orders(const struct model_link *link,
			       const struct model_evidence *evidence, unsigned int current,
			       double *density, double *cost_ns)
{
	unsigned int order;

	for (order = 0; order < MODEL_ORDERS; order++) {
		double share = model_blend(evidence, current ? current : 1, order);

		cost_ns[order] = model_cost_ns(link, share, order);
		if (density)
			density[order] = share;
	}
}

bool model_costs(const struct model_link *link, const struct model_sample *sample,
		 unsigned int current, double *density, double *cost_ns)
{
	struct model_evidence evidence = model_weigh(sample);

	model_weigh_orders(link, &evidence, model_clamp_order(current), density, cost_ns);
	return model_is_enough(&evidence);
}

struct model_decision model_buddy(const struct model_sample *sample, unsigned int current)
{
	unsigned int order = model_clamp_order(current), above = model_clamp_order(order + 1);
	double blocks = sample->touched_blocks[order], pairs = sample->touched_blocks[above];
	struct model_decision decision = { .order = order, .enough = true };

	if (sample->evicted && order &&
	    sample->unused >= (1 - MODEL_BUDDY_HALVE) * sample->evicted) {
		decision.order = order - 1;
		snprintf(decision.reason, sizeof(decision.reason), "%u of %u evicted unused: halved",
			 sample->unused, sample->evicted);
	} else if (sample->misses && above > order && pairs > 0 &&
		   blocks >= (1 + MODEL_BUDDY_MERGE) * pairs) {
		decision.order = above;
		snprintf(decision.reason, sizeof(decision.reason),
			 "%.0f blocks in use in %.0f pairs: merged", blocks, pairs);
	} else {
		snprintf(decision.reason, sizeof(decision.reason), "%u stays", order);
	}
	decision.changed = decision.order != current;
	return decision;
}

/**
 * model_decide - the order for a region
 * @link: costs of the link
 * @sample: since the last decision
 * @current: the order in force, 0 ... 9: the one that @sample's prefetched pages came at
 *
 * Moves towards the cheapest order, by MODEL_STEP at most (MODEL_STEP_UNUSED downwards when
 * most decided pages were not used), if that order saves enough (MODEL_MIN_GAIN).
 *
 * Return: the decision; @current with a reason when the sample is too small or the gain is.
 */
struct model_decision model_decide(const struct model_link *link,
				   const struct model_sample *sample, unsigned int current)
{
	struct model_evidence evidence = model_weigh(sample);
	unsigned int from = model_clamp_order(current), order, target;
	struct model_decision decision = { .order = from, .changed = from != current };
	double costs[MODEL_ORDERS];
	bool is_worth;

	decision.enough = model_is_enough(&evidence);
	if (!decision.enough) {
		snprintf(decision.reason, sizeof(decision.reason),
			 "%u stays, too few: %.0f steps, %.0f events; it takes %.0f and %.0f",
			 from, evidence.steps, evidence.steps + evidence.decided, MODEL_MIN_STEPS,
			 MODEL_MIN_EVENTS);
		return decision;
	}
	model_weigh_orders(link, &evidence, from, NULL, costs);
	target = model_cheapest(costs, from, MODEL_ORDER_MAX);
	order = model_cheapest(costs, from, 0);
	if (costs[order] < costs[target])
		target = order;
	is_worth = model_is_worth(link, costs, from, target);
	if (is_worth)
		decision.order = model_cheapest(costs, from, model_reach(&evidence, from, target));
	decision.changed = decision.order != current;
	decision.gain_ns = costs[from] - costs[decision.order];
	model_explain(&decision, &evidence, costs, from, target, is_worth);
	return decision;
}
