/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tune.h - one round of tuning: what happened since the last one, what follows from it, and the
 * decisions written. Called by main.c alone.
 */
#ifndef DMEM_TUNE_H
#define DMEM_TUNE_H

#include "journal.h"
#include "model.h"
#include "plane.h"

enum tune_mode {
	TUNE_AUTO,
	TUNE_STATIC,
	TUNE_BUDDY,
	TUNE_OFF,
};

struct tuner {
	struct dmem_plane plane;
	enum tune_mode mode;
	unsigned int static_order;
	bool dry_run;
	struct dmem_plane_region *base;	/* regions as when each was last judged, sorted */
	size_t nr_base;
	__u64 epoch;			/* that this round's touched pages are of */
	unsigned long long rounds;
	unsigned long long decisions;
	struct dmem_journal journal;	/* of the last decisions, written after every round */
};

/** tune_round - read, decide, write, log each change. 0 or a negative errno. */
int tune_round(struct tuner *tuner, struct dmem_error *error);

/**
 * tune_sample - how a region was used between two readings
 * @before: all zero: since the plane was loaded
 * @epoch: the present one
 */
struct model_sample tune_sample(const struct dmem_region_value *now,
				const struct dmem_region_value *before, __u64 epoch);

/**
 * tune_explain - print what the plane saw of a region, what each order would cost, and the choice
 * @what: "VM:REGION": the VM memory's name, the region's index
 */
int tune_explain(const char *what, struct dmem_error *error);

/** tune_link - what a fetch costs, from the times that a VM's fetches took. */
struct model_link tune_link(const struct dmem_vm_stats *stats);

#endif /* DMEM_TUNE_H */
