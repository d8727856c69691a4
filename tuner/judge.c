// SPDX-License-Identifier: GPL-2.0
/*
 * judge.c - what the tuner remembers, and what a new reading of a region changes in it: its sample,
 * what earlier ones and other regions lend it, and now and then an order tried out.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"
#include "judge.h"

/* What became of prefetched pages counts three quarters with each sample that follows. */
#define PAST_KEEP		0.75
#define PAST_MOST		4096.0

/* What a neighbour looks like is worth as many decided pages at most. */
#define NEIGHBOUR_MOST		16.0
/* Samples of its VM, for each of its regions, after which one that had none says little. */
#define JUDGED_LONG_AGO		4

/* One sample in so many may be taken at an order that is only tried out. */
#define SAMPLES_A_TRY		64.0
#define TRIES_MOST		2.0
#define PATIENCE_MOST		127

/* Samples between two decisions for all regions of a VM. */
#define SAMPLES_A_POOL		8U

struct tune_counts tune_counts_of(const struct dmem_region_value *value)
{
	struct tune_counts counts = {
		.misses = value->misses,
		.prefetched = value->prefetched_pages,
		.used = value->prefetched_used_pages,
		.unused = value->prefetched_unused_pages,
		.evicted = value->evicted_pages,
	};

	/* Up and down together: the model knows slots of one sign, the first counts 0 too. */
	for (int slot = 0; slot < DMEM_DISTANCE_SLOTS; slot++) {
		int sign = slot - DMEM_DISTANCE_ZERO;

		counts.distance[sign ? abs(sign) - 1 : 0] += value->distance[slot];
		if (sign > 0)
			counts.forward += value->distance[slot];
	}
	return counts;
}

static struct model_sample sample_between(const struct tune_counts *now,
					  const struct tune_counts *before)
{
	struct model_sample sample = {
		.misses = now->misses - before->misses,
		.prefetched = now->prefetched - before->prefetched,
		.used = now->used - before->used,
		.unused = now->unused - before->unused,
		.evicted = now->evicted - before->evicted,
		.forward = (__u16)(now->forward - before->forward),
	};

	for (int slot = 0; slot < MODEL_DISTANCE_SLOTS; slot++)
		sample.distance[slot] = (__u16)(now->distance[slot] - before->distance[slot]);
	return sample;
}

/* The bits of an epoch that has passed say nothing of now; 0 is "not known" to the model. */
static void sample_touched(struct model_sample *sample, const struct dmem_region_value *value,
			   __u64 epoch)
{
	if (value->epoch != (__u32)epoch)
		return;
	for (unsigned int order = 0; order < MODEL_ORDERS; order++)
		sample->touched_blocks[order] = dmem_touched_blocks(value->touched, order);
	sample->touched_pages = sample->touched_blocks[0];
}

struct model_sample tune_sample(const struct dmem_region_value *now,
				const struct dmem_region_value *before, __u64 epoch)
{
	struct tune_counts counts = tune_counts_of(now), base = tune_counts_of(before);
	struct model_sample sample = sample_between(&counts, &base);

	sample_touched(&sample, now, epoch);
	return sample;
}

unsigned int tune_vm_order(const struct tune_vm *vm, const struct tune_region *region)
{
	if (region && region->flags & TUNE_DECIDED)
		return region->order;
	return vm->is_all_decided ? vm->all_order : vm->now.value.default_order;
}

struct tune_region *tune_vm_find(const struct tune_vm *vm, __u32 index)
{
	__u32 chunk = index / TUNE_CHUNK;

	if (chunk >= vm->nr_chunks || !vm->chunks[chunk])
		return NULL;
	return &vm->chunks[chunk][index % TUNE_CHUNK];
}

struct tune_region *tune_vm_region(struct tune_vm *vm, __u32 index)
{
	__u32 chunk = index / TUNE_CHUNK;

	if (chunk >= vm->nr_chunks) {
		struct tune_region **chunks = reallocarray(vm->chunks, chunk + 1, sizeof(*chunks));

		if (!chunks)
			return NULL;
		memset(chunks + vm->nr_chunks, 0,
		       (chunk + 1 - vm->nr_chunks) * sizeof(*chunks));
		vm->chunks = chunks;
		vm->nr_chunks = chunk + 1;
	}
	if (!vm->chunks[chunk])
		vm->chunks[chunk] = calloc(TUNE_CHUNK, sizeof(**vm->chunks));
	return vm->chunks[chunk] ? &vm->chunks[chunk][index % TUNE_CHUNK] : NULL;
}

void tune_vm_free(struct tune_vm *vm)
{
	for (__u32 chunk = 0; chunk < vm->nr_chunks; chunk++)
		free(vm->chunks[chunk]);
	free(vm->chunks);
	vm->chunks = NULL;
	vm->nr_chunks = 0;
}

/* Demands since the epoch began, and how long the region was in use in it. */
static void follow_epoch(struct tune_region *region, const struct dmem_region_value *value,
			 const struct tune_moment *moment)
{
	__u64 ms = moment->since_ns / 1000000;

	if (region->epoch != value->epoch) {
		region->epoch = value->epoch;
		region->demands = region->base.misses + region->base.used;
		region->filled = region->zero_fills;
		region->active_ms = 0;
	}
	region->zero_fills = value->zero_fills;
	region->active_ms = ms < (__u64)(UINT16_MAX - region->active_ms) ?
			    region->active_ms + (__u16)ms : UINT16_MAX;
}

static struct model_sample take_sample(const struct tune_vm *vm, const struct tune_region *region,
				       const struct tune_counts *now,
				       const struct dmem_region_value *value)
{
	struct model_sample sample = sample_between(now, &region->base);

	/* Where there are demands, they are of the epoch that the bits are of. */
	sample_touched(&sample, value, value->epoch);
	if (sample.touched_pages) {
		sample.touched_demands = now->misses + now->used - region->demands;
		sample.touched_new = region->zero_fills - region->filled;
		sample.touched_ns = region->active_ms * 1000000ULL;
		sample.stay_ns = vm->stay_ns;
	}
	return sample;
}

/* What was seen at another order than before replaces that once it is not much less. */
static void remember(struct tune_region *region, const struct model_sample *sample,
		     unsigned int order)
{
	double used = region->past_used * PAST_KEEP, decided = region->past_decided * PAST_KEEP;
	double now = (double)sample->used + sample->unused, shrink;

	if (order && order == region->past_order) {
		used += sample->used;
		decided += now;
	} else if (order && now > decided / 2) {
		used = sample->used;
		decided = now;
		region->past_order = (__u8)order;
	}
	shrink = decided > PAST_MOST ? PAST_MOST / decided : 1;
	region->past_used = (__u16)(used * shrink);
	region->past_decided = (__u16)(decided * shrink);
}

static void density_of(const struct tune_region *region, double *density)
{
	for (int order = 0; order < MODEL_ORDERS; order++)
		density[order] = region->density[order] / 255.0;
}

static void borrow_neighbour(const struct tune_vm *vm, __u32 index, struct model_prior *prior)
{
	const struct tune_region *region = tune_vm_find(vm, index);
	double density[MODEL_ORDERS];

	if (!region || !region->weight ||
	    vm->judged - region->judged > JUDGED_LONG_AGO * vm->pool.regions)
		return;
	density_of(region, density);
	model_prior_add(prior, density, fmin(region->weight, NEIGHBOUR_MOST));
}

static void learn(struct tune_vm *vm, struct tune_region *region,
		  const struct model_decision *decision)
{
	double density[MODEL_ORDERS];

	density_of(region, density);
	if (region->weight)
		model_pool_add(&vm->pool, density, -1);
	for (int order = 0; order < MODEL_ORDERS; order++)
		region->density[order] = (__u8)(decision->density[order] * 255 + 0.5);
	region->weight = (__u8)fmax(fmin(decision->weight, 255), 1);
	region->judged = ++vm->judged;
	density_of(region, density);
	model_pool_add(&vm->pool, density, 1);
	vm->prior = model_pool_prior(&vm->pool);
	vm->tries = fmin(vm->tries + 1 / SAMPLES_A_TRY, TRIES_MOST);
}

/* A try that has not paid is made again after twice as many samples. */
static void end_try(struct tune_region *region, const struct model_decision *decision)
{
	bool has_paid = decision->order != region->incumbent;

	region->flags &= (__u8)~TUNE_PROBE;
	region->patience = has_paid ? 0 :
			   (__u8)fmin(2 * region->patience + 1, PATIENCE_MOST);
	region->quiet = region->patience;
}

static void begin_try(struct tune_vm *vm, struct tune_region *region,
		      struct model_decision *decision)
{
	if (region->quiet) {
		region->quiet--;
		return;
	}
	if (decision->doubt == decision->order || vm->tries < 1)
		return;
	vm->tries--;
	region->flags |= TUNE_PROBE;
	region->incumbent = (__u8)decision->order;
	decision->order = decision->doubt;
	decision->changed = true;
	snprintf(decision->reason, sizeof(decision->reason),
		 "tried out against %u: it may be better", region->incumbent);
}

static struct model_decision judge_auto(struct tune_vm *vm, __u32 index,
					struct tune_region *region,
					const struct model_sample *sample, unsigned int current)
{
	struct model_past past = { region->past_order, region->past_used, region->past_decided };
	struct model_prior prior = vm->prior;
	struct model_context context = {
		.past = &past,
		.prior = &prior,
		.is_probe = region->flags & TUNE_PROBE,
		.incumbent = region->incumbent,
	};
	struct model_decision decision;

	if (index)
		borrow_neighbour(vm, index - 1, &prior);
	borrow_neighbour(vm, index + 1, &prior);
	decision = model_judge(&vm->link, sample, current, &context);
	if (!decision.enough)
		return decision;
	remember(region, sample, current);
	learn(vm, region, &decision);
	if (context.is_probe)
		end_try(region, &decision);
	else if (!decision.changed)
		begin_try(vm, region, &decision);
	return decision;
}

static struct model_decision judge_by_rule(struct tune_vm *vm, __u32 index,
					   struct tune_region *region,
					   const struct model_sample *sample, unsigned int current)
{
	struct model_decision decision = { .order = current };

	switch (vm->rule.mode) {
	case TUNE_AUTO:
		return judge_auto(vm, index, region, sample, current);
	case TUNE_BUDDY:
		return model_buddy(sample, current);
	case TUNE_STATIC:
		decision.order = vm->rule.order;
		decision.enough = true;
		decision.changed = decision.order != current;
		snprintf(decision.reason, sizeof(decision.reason), "static order");
		break;
	case TUNE_OFF:
		break;
	}
	return decision;
}

struct model_decision tune_judge(struct tune_vm *vm, __u32 index,
				 const struct dmem_region_value *value,
				 const struct tune_moment *moment)
{
	struct tune_region *region = tune_vm_region(vm, index);
	struct tune_counts now = tune_counts_of(value);
	struct model_decision decision = {};
	struct model_sample sample;
	unsigned int current;

	if (!region)
		return decision;
	/* What led to a decision that was found here is not known, nor what came since. */
	if (!(region->flags & TUNE_KNOWN) && region->flags & TUNE_DECIDED && moment->is_takeover)
		region->base = now;
	region->flags |= TUNE_KNOWN;
	region->round = moment->round;
	current = tune_vm_order(vm, region);
	follow_epoch(region, value, moment);
	sample = take_sample(vm, region, &now, value);
	decision = judge_by_rule(vm, index, region, &sample, current);
	if (decision.enough)
		region->base = now;
	return decision;
}

bool tune_judge_all(struct tune_vm *vm, struct model_decision *decision)
{
	unsigned int current = tune_vm_order(vm, NULL);

	*decision = (struct model_decision){ .order = current, .enough = true };
	if (vm->rule.mode == TUNE_STATIC) {
		decision->order = vm->rule.order;
		snprintf(decision->reason, sizeof(decision->reason), "static order");
	} else if (vm->rule.mode == TUNE_AUTO && vm->judged - vm->pooled >= SAMPLES_A_POOL) {
		vm->pooled = vm->judged;
		decision->order = model_pool_order(&vm->link, &vm->pool, current);
		snprintf(decision->reason, sizeof(decision->reason),
			 "of its regions %.0f were judged, and are alike", vm->pool.regions);
	}
	decision->changed = decision->order != current;
	return decision->changed;
}
