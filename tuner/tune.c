// SPDX-License-Identifier: GPL-2.0
/*
 * tune.c - one round of tuning: readings of what has changed since the last one go to judge.c;
 * changes of orders are written and logged with their reason.
 *
 * A round costs what was in use, not what there is: the plane's ring says which regions to look at.
 * All of them are read by the first rounds, and where the ring was full.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tune.h"

/* Of touched pages: what a viewer looks at, and a model can tell use from chance by. */
#define EPOCH_NS	2000000000ULL
/* Where nothing is decided the journal need not be anew more often. */
#define JOURNAL_NS	2000000000ULL
#define SCAN_ENTRIES	4096
/* Where all regions are to be looked at, for so long in a round. */
#define SCAN_NS		20000000ULL

static struct tune_vm *find_vm(const struct tuner *tuner, __u32 id)
{
	size_t low = 0, high = tuner->nr_vms;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (tuner->vms[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < tuner->nr_vms && tuner->vms[low]->id == id ? tuner->vms[low] : NULL;
}

static struct tune_rule rule_of(const struct tuner *tuner, const char *name)
{
	for (size_t i = 0; i < tuner->nr_overrides; i++)
		if (!strcmp(tuner->overrides[i].name, name))
			return tuner->overrides[i].rule;
	return tuner->rule;
}

static int compare_vms(const void *a, const void *b)
{
	const struct tune_vm *const *one = a, *const *two = b;

	return (*one)->id < (*two)->id ? -1 : (*one)->id > (*two)->id;
}

static int add_vm(struct tuner *tuner, const struct dmem_plane_vm *reading)
{
	struct tune_vm **vms = reallocarray(tuner->vms, tuner->nr_vms + 1, sizeof(*vms));
	struct tune_vm *vm;

	if (!vms)
		return -ENOMEM;
	tuner->vms = vms;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return -ENOMEM;
	vm->id = reading->id;
	vm->now = *reading;
	vm->is_there = true;
	vms[tuner->nr_vms++] = vm;
	return 0;
}

static void drop_vms(struct tuner *tuner)
{
	size_t kept = 0;

	for (size_t i = 0; i < tuner->nr_vms; i++) {
		if (tuner->vms[i]->is_there) {
			tuner->vms[kept++] = tuner->vms[i];
			continue;
		}
		tune_vm_free(tuner->vms[i]);
		free(tuner->vms[i]);
	}
	tuner->nr_vms = kept;
}

/* A name comes with the VM memory's first event of its own, which may not be its first. */
static int follow_vms(struct tuner *tuner, const struct dmem_plane_vm *readings, size_t nr)
{
	int err = 0;

	for (size_t i = 0; i < tuner->nr_vms; i++)
		tuner->vms[i]->is_there = false;
	for (size_t i = 0; !err && i < nr; i++) {
		struct tune_vm *vm = find_vm(tuner, readings[i].id);

		if (!vm) {
			err = add_vm(tuner, &readings[i]);
			qsort(tuner->vms, tuner->nr_vms, sizeof(*tuner->vms), compare_vms);
			continue;
		}
		vm->now = readings[i];
		vm->is_there = true;
	}
	for (size_t i = 0; i < tuner->nr_vms; i++)
		tuner->vms[i]->rule = rule_of(tuner, tuner->vms[i]->now.value.name);
	return err;
}

static void measure_vms(struct tuner *tuner, const struct dmem_plane_latency *latencies, size_t nr)
{
	for (size_t i = 0; i < tuner->nr_vms; i++) {
		struct tune_vm *vm = tuner->vms[i];
		struct tune_costs told = {};

		for (size_t j = 0; j < nr; j++)
			if (latencies[j].key.vm == vm->id)
				tune_costs_add(&told, &latencies[j].value);
		tune_vm_measure(vm, &told, (double)tuner->moment.since_ns / 1e9);
	}
}

static int read_vms(struct tuner *tuner, struct dmem_error *error)
{
	struct dmem_plane_latency *latencies = NULL;
	struct dmem_plane_vm *readings;
	size_t nr, nr_latencies;
	int err;

	err = dmem_plane_read_vms(&tuner->plane, &readings, &nr, error);
	if (err)
		return err;
	err = follow_vms(tuner, readings, nr);
	free(readings);
	if (err)
		return dmem_fail(error, -err, "remembering VM memories: %s", strerror(-err));
	drop_vms(tuner);
	err = dmem_plane_read_latencies(&tuner->plane, &latencies, &nr_latencies, error);
	if (!err)
		measure_vms(tuner, latencies, nr_latencies);
	free(latencies);
	return err;
}

static void note_decision(struct tuner *tuner, const struct tune_vm *vm, __u32 region,
			  unsigned int from, const struct model_decision *decision)
{
	struct dmem_decision entry = {
		.time_ns = dmem_clock_ns(),
		.vm = vm->id,
		.region = region,
		.from = from,
		.order = decision->order,
		.is_dry_run = tuner->dry_run,
	};

	snprintf(entry.name, sizeof(entry.name), "%.*s", (int)sizeof(entry.name) - 1,
		 vm->now.value.name);
	snprintf(entry.reason, sizeof(entry.reason), "%s", decision->reason);
	dmem_journal_add(&tuner->journal, &entry);
	tuner->has_news = true;
}

static const char *dry(const struct tuner *tuner)
{
	return tuner->dry_run ? " (dry run: not written)" : "";
}

/* Write what was decided for a region, and remember it. */
static int decide(struct tuner *tuner, struct tune_vm *vm, __u32 index,
		  const struct model_decision *decision)
{
	struct dmem_region_key key = { .vm = vm->id, .region = index };
	struct tune_region *region = tune_vm_find(vm, index);
	unsigned int current = tune_vm_order(vm, region);
	int err;

	printf("dmem-tuner: %s region %u: order %u: %s%s\n", vm->now.value.name, index,
	       decision->order, decision->reason, dry(tuner));
	note_decision(tuner, vm, index, current, decision);
	if (tuner->dry_run)
		return 0;
	err = dmem_plane_set_order(&tuner->plane, &key, decision->order, tuner->error);
	if (err)
		return err;
	region->order = (__u8)decision->order;
	region->flags |= TUNE_DECIDED;
	tuner->decisions++;
	tuner->raised += decision->order > current;
	return 0;
}

/* Nothing to judge by that was not there the last time. */
static bool is_as_before(const struct tune_vm *vm, const struct tune_region *region,
			 const struct dmem_region_value *value)
{
	struct tune_counts now;

	if (!region || !(region->flags & TUNE_KNOWN) || vm->rule.mode != TUNE_AUTO)
		return false;
	now = tune_counts_of(value);
	return !memcmp(&now, &region->base, sizeof(now));
}

static void look_at(struct tuner *tuner, const struct dmem_region_key *key,
		    const struct dmem_region_value *value)
{
	struct tune_vm *vm = find_vm(tuner, key->vm);
	struct model_decision decision;

	if (tuner->failed || !vm || vm->now.value.gone || vm->rule.mode == TUNE_OFF ||
	    is_as_before(vm, tune_vm_find(vm, key->region), value))
		return;
	decision = tune_judge(vm, key->region, value, &tuner->moment);
	if (decision.changed)
		tuner->failed = decide(tuner, vm, key->region, &decision);
}

static void visit_region(const void *key, const void *value, void *data)
{
	look_at(data, key, value);
}

/* Of the ring: the same region may be there many times. */
static void visit_active(const struct dmem_region_key *key, void *data)
{
	struct tuner *tuner = data;
	struct tune_vm *vm = find_vm(tuner, key->vm);
	struct dmem_region_value value;
	struct tune_region *region;
	int err;

	if (tuner->failed || !vm)
		return;
	region = tune_vm_find(vm, key->region);
	if (region && region->round == tuner->moment.round)
		return;
	err = dmem_plane_read_region(&tuner->plane, key, &value, tuner->error);
	if (!err)
		look_at(tuner, key, &value);
	else if (err != -ENOENT)
		tuner->failed = err;
}

/* Decisions that are there, of a tuner before. */
static void take_order(const void *key, const void *value, void *data)
{
	const struct dmem_region_key *of = key;
	const struct dmem_order_value *order = value;
	struct tuner *tuner = data;
	struct tune_vm *vm = find_vm(tuner, of->vm);
	struct tune_region *region;

	if (!vm)
		return;
	if (of->region == DMEM_REGION_ALL) {
		vm->is_all_decided = true;
		vm->all_order = order->order;
		return;
	}
	region = tune_vm_region(vm, of->region);
	if (!region)
		return;
	region->order = (__u8)order->order;
	region->flags |= TUNE_DECIDED;
}

static int begin_scan(struct tuner *tuner, enum dmem_plane_map map)
{
	size_t value_size = map == DMEM_PLANE_ORDERS ? sizeof(struct dmem_order_value) :
						       sizeof(struct dmem_region_value);

	if (dmem_scan_begin(&tuner->scan, map, sizeof(struct dmem_region_key), value_size,
			    SCAN_ENTRIES))
		return dmem_fail(tuner->error, ENOMEM, "reading regions: no memory");
	tuner->is_scanning = true;
	return 0;
}

/* A step of the scan. Decisions that are there must be known before regions are judged. */
static int scan_step(struct tuner *tuner)
{
	bool is_orders = tuner->scan.map == DMEM_PLANE_ORDERS;
	int err = dmem_scan_step(&tuner->plane, &tuner->scan,
				 is_orders ? take_order : visit_region, tuner, tuner->error);

	if (!err)
		return tuner->failed;
	dmem_scan_end(&tuner->scan);
	tuner->is_scanning = false;
	if (err < 0 || tuner->failed)
		return err < 0 ? err : tuner->failed;
	if (is_orders)
		return begin_scan(tuner, DMEM_PLANE_REGIONS);
	if (!tuner->has_scanned)
		printf("dmem-tuner: has looked at all regions\n");
	tuner->has_scanned = true;
	return 0;
}

/* As much as a round may take; the next one goes on. */
static int go_on_scanning(struct tuner *tuner)
{
	__u64 end_ns = dmem_clock_ns() + SCAN_NS;
	int err = 0;

	while (!err && tuner->is_scanning && (tuner->is_once || dmem_clock_ns() < end_ns))
		err = scan_step(tuner);
	return err;
}

/*
 * Those that the ring tells of, and all of them at first, where the ring was full, and without one.
 * What the ring had for another tuner is no news, but they are looked at all the same.
 */
static int look_at_regions(struct tuner *tuner)
{
	bool is_known = tuner->moment.round > 1, is_all = !tuner->active;
	int err = 0;

	if (!is_known)
		err = begin_scan(tuner, DMEM_PLANE_ORDERS);
	else if (tuner->active && !(tuner->is_scanning && tuner->scan.map == DMEM_PLANE_ORDERS))
		is_all = !dmem_active_read(tuner->active);
	if (!err && is_all && !tuner->is_scanning)
		err = begin_scan(tuner, DMEM_PLANE_REGIONS);
	if (!err)
		err = go_on_scanning(tuner);
	return err ? err : tuner->failed;
}

static int decide_all(struct tuner *tuner, struct tune_vm *vm)
{
	struct dmem_region_key key = { .vm = vm->id, .region = DMEM_REGION_ALL };
	struct model_decision decision;
	int err;

	if (!tune_judge_all(vm, &decision))
		return 0;
	printf("dmem-tuner: %s: order %u where nothing is decided: %s%s\n", vm->now.value.name,
	       decision.order, decision.reason, dry(tuner));
	if (tuner->dry_run)
		return 0;
	err = dmem_plane_set_order(&tuner->plane, &key, decision.order, tuner->error);
	if (err)
		return err;
	vm->is_all_decided = true;
	vm->all_order = decision.order;
	return 0;
}

/* A VM memory that is gone leaves its entries to whoever reads them: here they end. */
static int forget(struct tuner *tuner, const struct tune_vm *vm)
{
	__u64 known = vm->nr_chunks * TUNE_CHUNK * DMEM_MAP_REGION_BYTES;
	__u64 size = vm->now.value.size_bytes;

	printf("dmem-tuner: %s is gone\n", vm->now.value.name);
	if (tuner->dry_run)
		return 0;
	return dmem_plane_forget_vm(&tuner->plane, vm->id, size > known ? size : known,
				    tuner->error);
}

static int settle_vms(struct tuner *tuner)
{
	int err = 0;

	for (size_t i = 0; !err && i < tuner->nr_vms; i++) {
		struct tune_vm *vm = tuner->vms[i];

		err = vm->now.value.gone ? forget(tuner, vm) : decide_all(tuner, vm);
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
	if (!tuner->has_news && tuner->journal_ns &&
	    journal->round_ns - tuner->journal_ns < JOURNAL_NS)
		return;
	tuner->journal_ns = journal->round_ns;
	tuner->has_news = false;
	if (dmem_journal_write(DMEM_JOURNAL_FILE, journal, &error))
		fprintf(stderr, "dmem-tuner: %s\n", error.text);
}

/* The clock of the round, and the epoch where it is time for the next. */
static int begin_round(struct tuner *tuner)
{
	__u64 now_ns = dmem_clock_ns();
	int err;

	tuner->moment.round++;
	tuner->moment.since_ns = tuner->round_ns ? now_ns - tuner->round_ns : 0;
	tuner->round_ns = now_ns;
	err = dmem_plane_read_epoch(&tuner->plane, &tuner->moment.epoch, tuner->error);
	if (err || tuner->dry_run ||
	    (tuner->epoch_ns && now_ns - tuner->epoch_ns < EPOCH_NS))
		return err;
	tuner->epoch_ns = now_ns;
	return dmem_plane_next_epoch(&tuner->plane, tuner->error);
}

void tune_begin(struct tuner *tuner)
{
	tune_measure_host();
	tuner->moment.is_takeover = !tuner->is_once;
	tuner->active = dmem_active_open(&tuner->plane, visit_active, tuner);
}

int tune_round(struct tuner *tuner, struct dmem_error *error)
{
	int err;

	tuner->error = error;
	tuner->failed = 0;
	err = begin_round(tuner);
	if (!err)
		err = read_vms(tuner, error);
	if (!err)
		err = look_at_regions(tuner);
	if (!err)
		err = settle_vms(tuner);
	if (err)
		return err;
	tuner->rounds++;
	write_journal(tuner);
	fflush(stdout);
	tuner->busy_ns += dmem_clock_ns() - tuner->round_ns;
	return 0;
}

void tune_end(struct tuner *tuner)
{
	dmem_active_close(tuner->active);
	dmem_scan_end(&tuner->scan);
	for (size_t i = 0; i < tuner->nr_vms; i++)
		tuner->vms[i]->is_there = false;
	drop_vms(tuner);
	free(tuner->vms);
	free(tuner->overrides);
}
