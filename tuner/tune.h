/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tune.h - one round of tuning: what happened since the last one, what follows from it, and the
 * decisions written. Called by main.c alone.
 */
#ifndef DMEM_TUNE_H
#define DMEM_TUNE_H

#include "journal.h"
#include "judge.h"
#include "model.h"
#include "plane.h"
#include "scan.h"

/** struct tune_override - the rule for the VM memories of one name. */
struct tune_override {
	char name[DMEM_MAP_NAME_LEN];
	struct tune_rule rule;
};

/**
 * struct tuner - the daemon's state
 * @rule: for VM memories without an override
 * @is_once: there will be one round
 * @vms: by id
 * @active: says which regions to look at; NULL: all of them
 * @scan, @is_scanning: through the map of regions, or of decisions before that, over several rounds
 * @has_scanned: once at least
 * @epoch_ns, @round_ns, @journal_ns: when the epoch began, and the last round and journal were
 * @raised: of the decisions: to a larger order
 * @busy_ns: spent in rounds
 * @has_news: something was decided since the last journal
 * @journal: of the last decisions
 */
struct tuner {
	struct dmem_plane plane;
	struct tune_rule rule;
	struct tune_override *overrides;
	size_t nr_overrides;
	bool dry_run;
	bool is_once;
	struct tune_vm **vms;
	size_t nr_vms;
	struct dmem_active *active;
	struct dmem_scan scan;
	bool is_scanning;
	bool has_scanned;
	struct tune_moment moment;
	__u64 epoch_ns;
	__u64 round_ns;
	__u64 journal_ns;
	unsigned long long rounds;
	unsigned long long decisions;
	unsigned long long raised;
	__u64 busy_ns;
	bool has_news;
	struct dmem_error *error;	/* of the round; takes why @failed */
	int failed;
	struct dmem_journal journal;
};

/** tune_begin - before the first round, with the plane open and the options set. */
void tune_begin(struct tuner *tuner);

/** tune_round - read, decide, write, log each change. 0 or a negative errno. */
int tune_round(struct tuner *tuner, struct dmem_error *error);

/** tune_end - give its memory back; decisions stay in force. */
void tune_end(struct tuner *tuner);

/**
 * tune_explain - print what the plane saw of a region, what each order would cost, and the choice
 * @what: "VM:REGION": the VM memory's name, the region's index
 */
int tune_explain(const char *what, struct dmem_error *error);

#endif /* DMEM_TUNE_H */
