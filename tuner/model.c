// SPDX-License-Identifier: GPL-2.0
/*
 * model.c - the block order that suits what a region's use looked like.
 *
 * Pure arithmetic for one region at a time, called by the tuner. It keeps no state, so it needs
 * no lock and gives the same answer for the same sample. docs/tuner.md derives the formulas.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

#define MODEL_ORDER_MAX		(MODEL_ORDERS - 1)

/*
 * Probability that what an unused page displaced is fetched again, where it was not measured. The
 * unused page holds its frame while the inactive list turns over, a quarter of the direct limit
 * (docs/core.md). Under uniform use with direct=50%, the default, every second access misses, so
 * that takes as many accesses as half of the limit, or a quarter of the VM's memory, has pages.
 */
#define MODEL_REFETCH_SHARE	0.25

/* Decided pages that weigh as much as all that the steps say: one prefetch request's. */
#define MODEL_PRIOR_PAGES	64.0

/* Locality below one page in twenty is noise; ratios of such estimates tell nothing. */
#define MODEL_LOCALITY_NOISE	0.05

/* The standard error of a share of 32 events is below 0.09. */
#define MODEL_MIN_EVENTS	32.0

/*
 * Use shows sooner than uselessness: of pages that steps to and fro have neither used nor evicted
 * so many will turn out to be of no use, whatever those that are decided say.
 */
#define MODEL_USELESS_SHARE	0.5

/* With fewer steps a region is idle, and leftovers being evicted do not show how it is used. */
#define MODEL_MIN_STEPS		4.0

/* Turns after which a share that depends on itself has settled: each takes it a good part there. */
#define MODEL_SETTLE		6

/* Demands for each touched page from which on the pages in use are taken to be known. */
#define MODEL_KNOWN_TURNS	1.5

/* A move must save this part of what the order can save at all: not a page's own cost. */
#define MODEL_MIN_GAIN		0.05
#define MODEL_MIN_GAIN_NS	1.0	/* what a clock cannot show is no gain */

/*
 * Where there is something to be measured, locality is a guess at what was not: such a share may
 * be so much further off with every order between.
 */
#define MODEL_FAR_ERROR		0.03

/* Orders up at once where nothing was measured and steps go to and fro. */
#define MODEL_GUESS_ORDERS	2U

/* Standard errors that a try may hope for; one that nobody would see is not worth it. */
#define MODEL_DOUBT_ERRORS	2.0

/* What others are like is worth as many decided pages as this at most. */
#define MODEL_BORROW_MOST	64.0
/* Regions that a pool must have to say something. */
#define MODEL_POOL_LEAST	8.0

/* model_buddy(): used share of a block that is halved, share of pairs in use that are whole. */
#define MODEL_BUDDY_HALVE	0.25
#define MODEL_BUDDY_MERGE	0.5

/* The longest that a fault may be made to wait: timeout_ms. Keeps an infinity out. */
#define MODEL_MAX_NS		3.6e12

/* A sample, and what is known beside it, in the terms of the estimate. */
struct model_evidence {
	double steps;		/* from one demand to the next */
	double used;		/* prefetched pages: known to have been of use */
	double decided;		/* ... and known to have been of use or not */
	double useless;		/* ... and taken to be of none, though that is not known */
	double touched;		/* pages of the region seen in use; 0: not known */
	double demands;		/* while those were */
	double demanded;	/* pages of the touched ones that they may have been of */
	double one_way;		/* 1: all steps in one direction, 0: as many up as down */
	double turns;		/* times that a touched page was demanded */
	double stay;		/* how long a page stays, in times that all were used in */
	double brought;		/* pages that came for each that was used */
	const uint32_t *blocks;	/* touched, by order; NULL: not known */
	const struct model_past *past;
	const struct model_prior *prior;
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
 * With a miss = request_ns + page_ns + host_ns and n = 2^order - 1:
 *
 *	(miss + n * (max(page_ns, queue_ns) + host_ns) + refetch * (1 - density) * n * miss) /
 *		(1 + density * n)
 *
 * The requests of the other pages follow the demanded one on the link, their request_ns
 * overlaps with its own and costs the link nothing (core-kmod/local.c), so it is counted once.
 *
 * Return: ns, finite and not negative; page_ns at least.
 */
double model_cost_ns(const struct model_link *link, double density, unsigned int order)
{
	double page_ns = model_clamp(link->page_ns, MODEL_MAX_NS);
	double host_ns = model_clamp(link->host_ns, MODEL_MAX_NS);
	double miss_ns = model_clamp(link->request_ns, MODEL_MAX_NS) + page_ns + host_ns;
	double others = model_others(model_clamp_order(order));
	double refetch = model_clamp(link->refetch, 1), used, work_ns, pollution_ns;

	if (refetch <= 0)
		refetch = MODEL_REFETCH_SHARE;
	density = model_clamp(density, 1);
	used = density * others;
	work_ns = others * (model_max(page_ns, model_clamp(link->queue_ns, MODEL_MAX_NS)) +
			    host_ns);
	pollution_ns = refetch * (1 - density) * others * miss_ns;
	return (miss_ns + work_ns + pollution_ns) / (1 + used);
}

/* Mean distance in a slot, if all are as frequent: 1, 2.5, 5.5, 11.5, ... pages. */
static double model_slot_pages(unsigned int slot)
{
	return (3.0 * (1U << slot) - 1) / 2;
}

/*
 * The share of a block's other pages that a walk gets to: steps shorter than the block
 * (@near of them, @travel pages in all) follow each other until one leads away or the block
 * ends. The mean of the shorter of two such lengths is 1 / (1/a + 1/b). The sample's own end ends
 * a walk as likely as not: half a step away.
 */
static double model_walk(const struct model_evidence *evidence, double near, double travel,
			 double others)
{
	double step, run, room;

	if (near <= 0)
		return 0;
	step = travel / near;
	run = near / (evidence->steps - near + 0.5);
	/* A block of 4 has steps of 2 pages once, not one and a half times. */
	room = (others + 1 - step) / step;
	return 1 / (others / room + others / run);
}

/*
 * Pages that are used any time, @share of a block's others, as far as that is in time. The time
 * that pages stay is the shorter the more come that nobody uses: at this order (1 + n) for every
 * (1 + density n) that are used, which itself depends on that time.
 */
static double model_in_time(const struct model_evidence *evidence, double share, double stay,
			    double others)
{
	double density = share;
	int i;

	for (i = 0; i < MODEL_SETTLE; i++)
		density = share * model_min(stay * evidence->brought * (1 + density * others) /
					    (1 + others), 1);
	return density;
}

/*
 * The same share, if the block stays until the whole region has been used as it was. As far as
 * steps go one way, used pages are evenly spaced, and one of a block's is the demanded one; as
 * far as they go to and fro, they lie anywhere, and are used any time: those that are demanded
 * count, not those that were here anyway, and of them those that come before the block is evicted.
 * A step out of the block may come back only in the second case, and only where pages were not
 * evicted and demanded again in between.
 */
static double model_sweep(const struct model_evidence *evidence, double near, double others)
{
	double share = model_max(evidence->touched - 1, 0) / model_others(MODEL_ORDER_MAX);
	double again = model_max(evidence->demanded - 1, 0) / model_others(MODEL_ORDER_MAX);
	double even = model_max(share * (others + 1) - 1, 0) / others;
	double stay = near / (evidence->steps + 1);
	double to_and_fro = 1 - evidence->one_way;
	double any_time = model_in_time(evidence, again, evidence->stay, others);

	return stay * (evidence->one_way * even + to_and_fro * any_time) +
	       (1 - stay) * to_and_fro * model_min(again / evidence->turns, any_time);
}

/*
 * The same share, if a block is used by visits: demands that follow each other in it. No visit uses
 * more than its demands, nor, on average, than what was touched of the touched blocks. Of one that
 * takes longer than a page stays the part that is in time counts; one way, none takes so long.
 */
static double model_visit(const struct model_evidence *evidence, double near, double others,
			  unsigned int order)
{
	double blocks, visits, share, in_time;

	if (!evidence->blocks || !evidence->blocks[order] || evidence->steps <= 0)
		return 0;
	blocks = evidence->blocks[order];
	visits = evidence->demands * (1 - near / evidence->steps) + 1;
	share = model_min(model_max(evidence->touched - blocks, 0) / blocks,
			  model_max(evidence->demands - visits, 0) / visits) / others;
	share = model_min(share, 1);
	in_time = model_in_time(evidence, share, evidence->stay * visits, others);
	return in_time + (share - in_time) * evidence->one_way;
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
		double share;

		near += count;
		travel += count * model_slot_pages(order - 1);
		share = model_max(model_walk(evidence, near, travel, others),
				  model_sweep(evidence, near, others));
		share = model_max(share, model_visit(evidence, near, others, order));
		/* No block can hold more used pages than there are, once all have been seen. */
		if (evidence->touched > 0 && evidence->turns >= MODEL_KNOWN_TURNS)
			share = model_min(share, (evidence->touched - 1) / others);
		shares[order] = share;
	}
}

/*
 * As far as steps go to and fro, what is little at a small order is not much at a large one: pages
 * of a large block are then used any time, and most of that is too late. One way they are not. An
 * order that brings nothing (1, for steps of two pages) is passed over, two in a row are not.
 */
static void model_set_locality(struct model_evidence *evidence, const struct model_sample *sample)
{
	/* Squared: of 32 steps at random a few more go one way than the other. */
	double one_way = evidence->one_way * evidence->one_way;
	double shares[MODEL_ORDERS], least = 1;
	unsigned int order;

	model_local_shares(evidence, sample, shares);
	for (order = 0; order < MODEL_ORDERS; order++) {
		double share = shares[order];

		if (order < MODEL_ORDER_MAX)
			share = model_max(share, shares[order + 1]);
		evidence->locality[order] = model_min(share, least + one_way * (1 - least));
		least = model_min(least, share);
	}
}

/* How often a page came anew, and how long it stayed, while the touched ones were. */
static void model_set_times(struct model_evidence *evidence, const struct model_sample *sample)
{
	evidence->demands = sample->touched_demands ? sample->touched_demands : evidence->steps;
	evidence->demanded = model_min(evidence->touched, evidence->demands + 1);
	evidence->turns = 1;
	if (evidence->touched > 0)
		evidence->turns = model_max(evidence->demands / evidence->touched, 1);
	evidence->brought = 1;
	if (evidence->steps > 0)
		evidence->brought = model_max((sample->misses + (double)sample->prefetched) /
					      (sample->misses + (double)sample->used + 1), 1);
	/* Not known: as long as that took. */
	evidence->stay = 1;
	if (sample->stay_ns && sample->touched_ns)
		evidence->stay = (double)sample->stay_ns / (double)sample->touched_ns;
}

/*
 * Pages seen in use, but for those that the guest filled: what loads its data writes all
 * of it, page by page; what works on it then does not. What was demanded was used all the same.
 */
static double model_touched(const struct model_sample *sample)
{
	double touched = sample->touched_pages, demands = sample->touched_demands;

	return model_max(touched - sample->touched_new, model_min(touched, demands));
}

/* Of the sample's pages that are not decided. One way, those ahead are used soon. */
static double model_useless(const struct model_sample *sample, double one_way)
{
	double open = (double)sample->prefetched - sample->used - sample->unused;

	return model_max(open, 0) * MODEL_USELESS_SHARE * (1 - one_way);
}

static struct model_evidence model_weigh(const struct model_sample *sample,
					 const struct model_context *context)
{
	struct model_evidence evidence = {
		.used = sample->used,
		.decided = (double)sample->used + sample->unused,
		.touched = model_touched(sample),
		.blocks = sample->touched_blocks[0] ? sample->touched_blocks : NULL,
		.past = context ? context->past : NULL,
		.prior = context ? context->prior : NULL,
	};
	unsigned int slot;

	for (slot = 0; slot < MODEL_DISTANCE_SLOTS; slot++)
		evidence.steps += sample->distance[slot];
	if (evidence.steps > 0) {
		double up = model_min(sample->forward / evidence.steps, 1);

		evidence.one_way = up > 0.5 ? 2 * up - 1 : 1 - 2 * up;
	}
	evidence.useless = model_useless(sample, evidence.one_way);
	model_set_times(&evidence, sample);
	model_set_locality(&evidence, sample);
	return evidence;
}

/* Prefetched pages known to have been of use or not, now and before. */
static double model_decided_pages(const struct model_evidence *evidence)
{
	double past = evidence->past ? model_clamp(evidence->past->decided, MODEL_MAX_NS) : 0;

	return evidence->decided + past;
}

static double model_own_events(const struct model_evidence *evidence)
{
	return evidence->steps + model_decided_pages(evidence);
}

/* Others' may stand in for half of the events, at most. */
static bool model_is_enough(const struct model_evidence *evidence)
{
	double others = evidence->prior ? evidence->prior->weight[1] : 0;

	return evidence->steps >= MODEL_MIN_STEPS &&
	       model_own_events(evidence) + model_min(others, MODEL_MIN_EVENTS / 2) >=
	       MODEL_MIN_EVENTS;
}

/* What is known of a share: the mean of some observations, and how many they are worth. */
struct model_share {
	double sum;
	double weight;
};

static void model_share_add(struct model_share *share, double value, double weight)
{
	if (!(weight > 0))
		return;
	share->sum += weight * model_clamp(value, 1);
	share->weight += weight;
}

/*
 * What was seen at one order is carried to another as locality goes from the one to the other. It
 * is worth half with every order between them.
 */
static void model_share_carry(struct model_share *share, const struct model_evidence *evidence,
			      const struct model_past *seen, unsigned int order)
{
	unsigned int from = model_clamp_order(seen->order ? seen->order : 1);
	double scale = (evidence->locality[order] + MODEL_LOCALITY_NOISE) /
		       (evidence->locality[from] + MODEL_LOCALITY_NOISE);

	if (seen->decided > 0)
		model_share_add(share, seen->used / seen->decided * scale,
				seen->decided / (1U << (order > from ? order - from :
								       from - order)));
}

/*
 * Mean of what became of prefetched pages, now and before, and of the locality estimate, which
 * weighs as many pages as there were steps, MODEL_PRIOR_PAGES at most.
 */
static struct model_share model_blend(const struct model_evidence *evidence,
				      unsigned int seen_order, unsigned int order)
{
	struct model_past now = { seen_order, evidence->used,
				  evidence->decided + evidence->useless };
	struct model_share share = {};

	model_share_add(&share, evidence->locality[order],
			model_min(evidence->steps, MODEL_PRIOR_PAGES));
	model_share_carry(&share, evidence, &now, order);
	if (evidence->past)
		model_share_carry(&share, evidence, evidence->past, order);
	if (share.weight <= 0)
		share = (struct model_share){ .sum = evidence->locality[order], .weight = 1 };
	return share;
}

static double model_mean(const struct model_share *share)
{
	return share->sum / share->weight;
}

/* Standard error of a share; of none or all of few observations, too. */
static double model_error(const struct model_share *share)
{
	double mean = (share->sum + 1) / (share->weight + 2);

	return sqrt(mean * (1 - mean) / (share->weight + 2));
}

/**
 * model_density - the share of a block's other pages that will be used, by order
 * @sample: what was seen; its prefetched pages are taken to have been brought at @order
 * @order: block order asked about, 1 ... 9
 *
 * Prefetched pages neither used nor evicted are undecided and count for nothing.
 *
 * Return: 0 ... 1, or a negative number when the sample is too small to say.
 */
double model_density(const struct model_sample *sample, unsigned int order)
{
	struct model_evidence evidence = model_weigh(sample, NULL);
	struct model_share share;

	if (!model_is_enough(&evidence))
		return -1;
	order = model_clamp_order(order);
	share = model_blend(&evidence, order, order);
	return model_mean(&share);
}

/* What is known of each order. */
struct model_estimate {
	double own[MODEL_ORDERS];	/* density without what others look like */
	double density[MODEL_ORDERS];
	double error[MODEL_ORDERS];	/* of that */
	double ns[MODEL_ORDERS];	/* its cost */
	double weight;			/* of the densities, at most */
};

static struct model_estimate model_weigh_orders(const struct model_link *link,
						const struct model_evidence *evidence,
						unsigned int current)
{
	bool is_measured = current && evidence->decided > 0;
	struct model_estimate estimate = {};
	unsigned int order;

	for (order = 0; order < MODEL_ORDERS; order++) {
		struct model_share share = model_blend(evidence, current, order);
		double far = order > current ? order - current : current - order;

		estimate.own[order] = model_mean(&share);
		estimate.weight = model_max(estimate.weight, share.weight);
		if (evidence->prior)
			model_share_add(&share, evidence->prior->density[order],
					evidence->prior->weight[order]);
		estimate.density[order] = model_mean(&share);
		estimate.error[order] = model_error(&share) +
					(is_measured ? far * MODEL_FAR_ERROR : 0);
		estimate.ns[order] = model_cost_ns(link, estimate.density[order], order);
	}
	return estimate;
}

/* The cost of an order whose density is so many errors more than it seems. */
static double model_off_ns(const struct model_link *link, const struct model_estimate *estimate,
			   unsigned int order, double errors)
{
	double density = estimate->density[order] + errors * estimate->error[order];

	/* A negative one would be none. */
	return model_cost_ns(link, model_max(density, 0), order);
}

static bool model_is_gain(const struct model_link *link, double from_ns, double to_ns)
{
	double gain_ns = from_ns - to_ns;
	double at_stake_ns = from_ns - model_clamp(link->page_ns, MODEL_MAX_NS) -
			     model_clamp(link->host_ns, MODEL_MAX_NS);

	return gain_ns >= MODEL_MIN_GAIN_NS && gain_ns >= MODEL_MIN_GAIN * at_stake_ns;
}

/*
 * How far up the scale a guess may lead. What follows from steps one way is seen in them; that
 * pages used to and fro are used in time is not known before some were brought and decided.
 */
static unsigned int model_reach(const struct model_evidence *evidence, unsigned int from)
{
	if (model_decided_pages(evidence) > 0)
		return MODEL_ORDER_MAX;
	return model_clamp_order(from + MODEL_GUESS_ORDERS +
				 (unsigned int)(evidence->one_way * MODEL_ORDER_MAX));
}

/* The cheapest order, up to @reach, of those that beat @from, even if both are an error off. */
static unsigned int model_best(const struct model_link *link,
			       const struct model_estimate *estimate, unsigned int from,
			       unsigned int reach)
{
	double least_ns = model_off_ns(link, estimate, from, 1);
	unsigned int best = from, order;

	for (order = 0; order <= reach; order++)
		if (estimate->ns[order] < estimate->ns[best] &&
		    model_is_gain(link, estimate->ns[from], estimate->ns[order]) &&
		    model_off_ns(link, estimate, order, -1) < least_ns)
			best = order;
	return best;
}

/* A neighbour of @from that would beat it if it were as good as it may be. */
static unsigned int model_doubt(const struct model_link *link,
				const struct model_estimate *estimate, unsigned int from)
{
	unsigned int up = model_clamp_order(from + 1), down = from ? from - 1 : 0;
	double up_ns = model_off_ns(link, estimate, up, MODEL_DOUBT_ERRORS);
	double down_ns = model_off_ns(link, estimate, down, MODEL_DOUBT_ERRORS);

	if (up != from && up_ns <= down_ns && model_is_gain(link, estimate->ns[from], up_ns))
		return up;
	return down != from && model_is_gain(link, estimate->ns[from], down_ns) ? down : from;
}

static unsigned int model_cheapest(const struct model_estimate *estimate, unsigned int from)
{
	unsigned int best = from, order;

	for (order = 0; order < MODEL_ORDERS; order++)
		if (estimate->ns[order] < estimate->ns[best])
			best = order;
	return best;
}

/* "neighbours 1.00 likely (511 steps, 480 of 480 used): 4 -> 6 saves 0.42 us a page" */
static void model_explain(struct model_decision *decision, const struct model_link *link,
			  const struct model_evidence *evidence,
			  const struct model_estimate *estimate,
			  unsigned int from)
{
	bool is_moved = decision->order != from;
	unsigned int target = is_moved ? decision->order : model_cheapest(estimate, from);
	unsigned int shown = from > target ? from : target;
	char what[MODEL_REASON_LEN];

	if (is_moved)
		snprintf(what, sizeof(what), "%u -> %u saves %.2f us a page", from,
			 decision->order, decision->gain_ns / 1000);
	else if (estimate->ns[from] <= 0)
		snprintf(what, sizeof(what), "%u stays, the link costs nothing", from);
	else if (target == from)
		snprintf(what, sizeof(what), "%u stays, it costs least", from);
	else if (model_is_gain(link, estimate->ns[from], estimate->ns[target]))
		snprintf(what, sizeof(what), "%u stays, %u is not sure to cost less", from, target);
	else
		snprintf(what, sizeof(what), "%u stays, %u saves only %.2f us", from, target,
			 (estimate->ns[from] - estimate->ns[target]) / 1000);
	snprintf(decision->reason, sizeof(decision->reason),
		 "neighbours %.2f likely (%.0f steps, %.0f of %.0f used): %.40s",
		 estimate->density[shown ? shown : 1], evidence->steps, evidence->used,
		 evidence->decided, what);
}

bool model_costs(const struct model_link *link, const struct model_sample *sample,
		 unsigned int current, double *density, double *cost_ns)
{
	struct model_evidence evidence = model_weigh(sample, NULL);
	struct model_estimate estimate = model_weigh_orders(link, &evidence,
							    model_clamp_order(current));

	memcpy(density, estimate.density, sizeof(estimate.density));
	memcpy(cost_ns, estimate.ns, sizeof(estimate.ns));
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

/* Of what a region was decided on; @from is the order to beat. */
static void model_settle(struct model_decision *decision, const struct model_link *link,
			 const struct model_evidence *evidence, unsigned int current,
			 unsigned int from, bool is_told)
{
	struct model_estimate estimate = model_weigh_orders(link, evidence, current);

	decision->order = model_best(link, &estimate, from, model_reach(evidence, from));
	decision->doubt = decision->order == from ? model_doubt(link, &estimate, from) :
						    decision->order;
	decision->gain_ns = estimate.ns[from] - estimate.ns[decision->order];
	decision->weight = estimate.weight;
	memcpy(decision->density, estimate.own, sizeof(estimate.own));
	decision->changed = decision->order != current;
	if (decision->changed || is_told)
		model_explain(decision, link, evidence, &estimate, from);
}

/**
 * model_judge - the order for a region
 * @link: costs of the link
 * @sample: since the last decision
 * @current: the order in force, 0 ... 9: the one that @sample's prefetched pages came at
 * @context: what is known beside that, or NULL
 *
 * The cheapest order that saves enough (MODEL_MIN_GAIN), and does so even if its density is a
 * standard error less and that of the order to beat one more than it seems.
 *
 * Return: the decision; @current with a reason when the sample is too small or the gain is.
 */
struct model_decision model_judge(const struct model_link *link,
				  const struct model_sample *sample, unsigned int current,
				  const struct model_context *context)
{
	struct model_evidence evidence = model_weigh(sample, context);
	unsigned int order = model_clamp_order(current), from = order;
	struct model_decision decision = { .order = order, .doubt = order,
					   .changed = order != current };

	decision.enough = model_is_enough(&evidence);
	if (!decision.enough && !context)
		snprintf(decision.reason, sizeof(decision.reason),
			 "%u stays, too few: %.0f steps, %.0f events; it takes %.0f and %.0f",
			 order, evidence.steps, model_own_events(&evidence), MODEL_MIN_STEPS,
			 MODEL_MIN_EVENTS);
	if (!decision.enough)
		return decision;
	if (context && context->is_probe)
		from = model_clamp_order(context->incumbent);
	model_settle(&decision, link, &evidence, order, from, !context);
	decision.changed = decision.order != current;
	return decision;
}

struct model_decision model_decide(const struct model_link *link,
				   const struct model_sample *sample, unsigned int current)
{
	return model_judge(link, sample, current, NULL);
}

void model_pool_add(struct model_pool *pool, const double *density, double regions)
{
	unsigned int order;

	pool->regions += regions;
	for (order = 0; order < MODEL_ORDERS; order++) {
		double share = model_clamp(density[order], 1);

		pool->sum[order] += regions * share;
		pool->squares[order] += regions * share * share;
	}
}

static double model_pool_mean(const struct model_pool *pool, unsigned int order)
{
	return model_clamp(pool->sum[order] / pool->regions, 1);
}

static double model_pool_variance(const struct model_pool *pool, unsigned int order)
{
	double mean = model_pool_mean(pool, order);

	return model_max(pool->squares[order] / pool->regions - mean * mean, 0);
}

/*
 * Regions' shares spread around the mean m as a beta distribution does that is worth
 * m (1 - m) / variance - 1 observations: the moment estimate.
 */
struct model_prior model_pool_prior(const struct model_pool *pool)
{
	struct model_prior prior = {};
	unsigned int order;

	if (pool->regions < MODEL_POOL_LEAST)
		return prior;
	for (order = 0; order < MODEL_ORDERS; order++) {
		/* As if two more regions had been seen, one of each extreme. */
		double mean = (pool->sum[order] + 1) / (pool->regions + 2);
		double variance = model_pool_variance(pool, order);
		double worth = mean * (1 - mean) / model_max(variance, 1e-6) - 1;

		prior.density[order] = model_pool_mean(pool, order);
		prior.weight[order] = model_clamp(worth, MODEL_BORROW_MOST);
	}
	return prior;
}

void model_prior_add(struct model_prior *prior, const double *density, double weight)
{
	unsigned int order;

	if (!(weight > 0))
		return;
	for (order = 0; order < MODEL_ORDERS; order++) {
		double sum = prior->weight[order] + weight;

		prior->density[order] += weight / sum * (density[order] - prior->density[order]);
		prior->weight[order] = sum;
	}
}

unsigned int model_pool_order(const struct model_link *link, const struct model_pool *pool,
			      unsigned int current)
{
	unsigned int from = model_clamp_order(current), best = from, order;
	double costs[MODEL_ORDERS];

	if (pool->regions < MODEL_POOL_LEAST)
		return from;
	for (order = 0; order < MODEL_ORDERS; order++)
		costs[order] = model_cost_ns(link, model_pool_mean(pool, order) -
						   sqrt(model_pool_variance(pool, order)), order);
	for (order = 0; order < MODEL_ORDERS; order++)
		if (costs[order] < costs[best])
			best = order;
	return model_is_gain(link, costs[from], costs[best]) ? best : from;
}
