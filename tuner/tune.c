// SPDX-License-Identifier: GPL-2.0
/*
 * tune.c - one round of tuning: what a region's counts have grown by since it was last judged is
 * its sample; the model decides; changes are written and logged with their reason.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hist.h"
#include "tune.h"

/* Until single pages and longer requests have both been timed: 100 Gb/s at 3 us, DESIGN. */
#define DEFAULT_REQUEST_NS	3000.0
#define DEFAULT_PAGE_SHARE	0.1
#define TIMED_MIN		16
/* The difference of two times over fewer pages than this is mostly the noise of both. */
#define TIMED_MIN_PAGES		8

struct model_link tune_link(const struct dmem_vm_stats *stats)
{
	struct model_link link = {
		.request_ns = DEFAULT_REQUEST_NS * (1 - DEFAULT_PAGE_SHARE),
		.page_ns = DEFAULT_REQUEST_NS * DEFAULT_PAGE_SHARE,
	};
	double single, longer, pages;
	__u64 fetches = stats->fetched_pages - stats->prefetched_pages;

	if (fetches < TIMED_MIN)
		return link;
	single = (double)stats->fetch_ns / fetches;
	link.page_ns = single * DEFAULT_PAGE_SHARE;
	if (stats->prefetches >= TIMED_MIN) {
		longer = (double)stats->prefetch_latency_ns / stats->prefetches;
		pages = (double)stats->prefetched_pages / stats->prefetches;
		if (pages >= TIMED_MIN_PAGES && longer > single)
			link.page_ns = (longer - single) / (pages - 1);
	}
	if (link.page_ns > single)
		link.page_ns = single;
	link.request_ns = single - link.page_ns;
	return link;
}

static const struct dmem_region_value *value_before(const struct tuner *tuner,
						    const struct dmem_plane_region *region,
						    size_t *at)
{
	static const struct dmem_region_value none;

	/* Both readings are sorted: one walk through both finds all pairs. */
	while (*at < tuner->nr_base) {
		const struct dmem_region_key *key = &tuner->base[*at].key;

		if (key->vm == region->key.vm && key->region == region->key.region)
			return &tuner->base[*at].value;
		if (key->vm > region->key.vm ||
		    (key->vm == region->key.vm && key->region > region->key.region))
			break;
		(*at)++;
	}
	return &none;
}

/* Up and down together: the model knows slots of one sign, the first of which counts 0 too. */
static void sample_distances(struct model_sample *sample, const struct dmem_region_value *now,
			     const struct dmem_region_value *before)
{
	size_t slot;

	for (slot = 0; slot < DMEM_DISTANCE_SLOTS; slot++) {
		__u16 grown = now->distance[slot] - before->distance[slot];
		int sign = (int)slot - DMEM_DISTANCE_ZERO;

		sample->distance[sign ? abs(sign) - 1 : 0] += grown;
		if (sign > 0)
			sample->forward += grown;
	}
}

struct model_sample tune_sample(const struct dmem_region_value *now,
				const struct dmem_region_value *before, __u64 epoch)
{
	struct model_sample sample = {
		.misses = now->misses - before->misses,
		.prefetched = now->prefetched_pages - before->prefetched_pages,
		.used = now->prefetched_used_pages - before->prefetched_used_pages,
		.unused = now->prefetched_unused_pages - before->prefetched_unused_pages,
		.evicted = now->evicted_pages - before->evicted_pages,
	};
	unsigned int order;

	/* The bits of an epoch that has passed say nothing of now; 0 is "not known" to the model. */
	for (order = 0; now->epoch == (__u32)epoch && order < MODEL_ORDERS; order++)
		sample.touched_blocks[order] = dmem_touched_blocks(now->touched, order);
	sample.touched_pages = sample.touched_blocks[0];

	sample_distances(&sample, now, before);
	return sample;
}

static const struct dmem_plane_vm *find_vm(const struct dmem_plane_vm *vms, size_t nr, __u32 id)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (vms[i].id == id)
			return &vms[i];
	return NULL;
}

static struct model_decision decide(const struct tuner *tuner, const struct dmem_plane_vm *vm,
				    const struct model_sample *sample, unsigned int current)
{
	struct model_decision decision = { .order = tuner->static_order, .enough = true };
	struct model_link link;

	if (tuner->mode == TUNE_STATIC) {
		decision.changed = decision.order != current;
		snprintf(decision.reason, sizeof(decision.reason), "static order");
		return decision;
	}
	if (tuner->mode == TUNE_BUDDY)
		return model_buddy(sample, current);
	link = tune_link(&vm->stats);
	return model_decide(&link, sample, current);
}

static void note_decision(struct tuner *tuner, const struct dmem_plane_vm *vm,
			  const struct dmem_plane_region *region, unsigned int current,
			  const struct model_decision *decision)
{
	struct dmem_decision entry = {
		.time_ns = dmem_clock_ns(),
		.vm = vm->id,
		.region = region->key.region,
		.from = current,
		.order = decision->order,
		.is_dry_run = tuner->dry_run,
	};

	snprintf(entry.name, sizeof(entry.name), "%.*s", (int)sizeof(entry.name) - 1,
		 vm->value.name);
	snprintf(entry.reason, sizeof(entry.reason), "%s", decision->reason);
	dmem_journal_add(&tuner->journal, &entry);
}

/* *@base is what the region's next sample begins at. */
static int tune_region(struct tuner *tuner, const struct dmem_plane_vm *vm,
		       const struct dmem_plane_region *region, struct dmem_region_value *base,
		       struct dmem_error *error)
{
	unsigned int current = region->decided ? region->order.order : vm->value.default_order;
	struct model_sample sample = tune_sample(&region->value, base, tuner->epoch);
	struct model_decision decision = decide(tuner, vm, &sample, current);
	int err;

	if (decision.enough)
		*base = region->value;
	if (!decision.changed)
		return 0;
	printf("dmem-tuner: %s region %u: order %u: %s%s\n", vm->value.name,
	       region->key.region, decision.order, decision.reason,
	       tuner->dry_run ? " (dry run: not written)" : "");
	note_decision(tuner, vm, region, current, &decision);
	if (tuner->dry_run)
		return 0;
	err = dmem_plane_set_order(&tuner->plane, region, decision.order, error);
	if (!err)
		tuner->decisions++;
	return err;
}

/* A VM memory that is gone leaves its entries to whoever reads them: here they end. */
static int forget_gone(struct tuner *tuner, const struct dmem_plane_vm *vms, size_t nr_vms,
		       const struct dmem_plane_region *regions, size_t nr_regions,
		       struct dmem_error *error)
{
	size_t i;
	int err;

	for (i = 0; i < nr_vms; i++) {
		if (!vms[i].value.gone)
			continue;
		printf("dmem-tuner: %s is gone\n", vms[i].value.name);
		if (tuner->dry_run)
			continue;
		err = dmem_plane_forget_vm(&tuner->plane, vms[i].id, regions, nr_regions, error);
		if (err)
			return err;
	}
	return 0;
}

/* Judge every region; its value in @regions becomes the base of its next sample. */
static int tune_regions(struct tuner *tuner, const struct dmem_plane_vm *vms, size_t nr_vms,
			struct dmem_plane_region *regions, size_t nr_regions,
			struct dmem_error *error)
{
	size_t i, at = 0;
	int err = 0;

	for (i = 0; !err && i < nr_regions; i++) {
		const struct dmem_plane_vm *vm = find_vm(vms, nr_vms, regions[i].key.vm);
		struct dmem_region_value base = *value_before(tuner, &regions[i], &at);

		if (vm && !vm->value.gone && tuner->mode != TUNE_OFF)
			err = tune_region(tuner, vm, &regions[i], &base, error);
		regions[i].value = base;
	}
	return err;
}

/* For dmemtop and whoever else wants to know; a full /run is no reason to stop. */
static void write_journal(struct tuner *tuner)
{
	struct dmem_journal *journal = &tuner->journal;
	struct dmem_error error;

	journal->round_ns = dmem_clock_ns();
	journal->rounds = tuner->rounds;
	journal->decisions = tuner->decisions;
	if (dmem_journal_write(DMEM_JOURNAL_FILE, journal, &error))
		fprintf(stderr, "dmem-tuner: %s\n", error.text);
}

int tune_round(struct tuner *tuner, struct dmem_error *error)
{
	struct dmem_plane_region *regions = NULL;
	struct dmem_plane_vm *vms = NULL;
	size_t nr_regions, nr_vms;
	int err;

	err = dmem_plane_read_vms(&tuner->plane, &vms, &nr_vms, error);
	if (!err)
		err = dmem_plane_read_regions(&tuner->plane, &regions, &nr_regions, error);
	if (!err)
		err = dmem_plane_read_epoch(&tuner->plane, &tuner->epoch, error);
	if (!err && !tuner->dry_run)
		err = dmem_plane_next_epoch(&tuner->plane, error);
	if (!err)
		err = tune_regions(tuner, vms, nr_vms, regions, nr_regions, error);
	if (!err)
		err = forget_gone(tuner, vms, nr_vms, regions, nr_regions, error);
	free(vms);
	if (err) {
		free(regions);
		return err;
	}
	free(tuner->base);
	tuner->base = regions;
	tuner->nr_base = nr_regions;
	tuner->rounds++;
	write_journal(tuner);
	fflush(stdout);
	return 0;
}
