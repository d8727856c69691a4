// SPDX-License-Identifier: GPL-2.0
/*
 * sim_tuner.c - the running tuner's code (judge.c, model.c) as the simulated host's tuner: it is
 * given the simulated maps each interval of the guest's time, and what it decides is in force.
 */
#include "sim_core.h"

/* Of rounds in which nothing happened two say as much as all. */
#define IDLE_ROUNDS	2

void sim_tuner_begin(struct sim *sim)
{
	const struct sim_setup *setup = sim->setup;
	bool decides = setup->rule.mode == TUNE_AUTO || setup->rule.mode == TUNE_BUDDY;

	tune_set_host_ns(setup->link.host_ns);
	sim->tuner.id = sim->vm.id;
	sim->tuner.rule = setup->rule;
	sim->tuner.now = sim->vm;
	sim->round_ns = decides ? setup->interval_ns : UINT64_MAX;
}

void sim_tuner_end(struct sim *sim)
{
	tune_vm_free(&sim->tuner);
}

unsigned int sim_tuner_order(const struct sim *sim, const struct sim_region *region)
{
	return tune_vm_order(&sim->tuner, tune_vm_find(&sim->tuner, region->number));
}

static int judge_region(struct sim *sim, const struct sim_region *from,
			const struct tune_moment *moment)
{
	struct tune_region *region = tune_vm_region(&sim->tuner, from->number);
	struct model_decision decision;

	if (!region)
		return sim_no_memory(sim);
	decision = tune_judge(&sim->tuner, from->number, &from->value, moment);
	if (!decision.changed)
		return 0;
	region->order = (__u8)decision.order;
	region->flags |= TUNE_DECIDED;
	sim->result->decisions++;
	return 0;
}

static void judge_all(struct sim *sim)
{
	struct model_decision decision;

	if (!tune_judge_all(&sim->tuner, &decision))
		return;
	sim->tuner.is_all_decided = true;
	sim->tuner.all_order = decision.order;
}

/* The maps as they are now. */
static int tuner_round(struct sim *sim)
{
	struct tune_costs told = tune_costs_of(&sim->vm.stats);
	struct tune_moment moment = {
		.round = (__u32)++sim->result->rounds,
		.epoch = sim->epoch,
		.since_ns = sim->setup->interval_ns,
	};
	int err = 0;

	sim->tuner.now = sim->vm;
	tune_vm_measure(&sim->tuner, &told, (double)moment.since_ns / 1e9);
	for (size_t i = 0; !err && i < sim->nr_regions; i++)
		err = judge_region(sim, &sim->regions[i], &moment);
	if (!err)
		judge_all(sim);
	return err;
}

/* A new epoch begins with each round. */
int sim_tuner_rounds(struct sim *sim)
{
	uint64_t interval_ns = sim->setup->interval_ns, due;
	int err = 0;

	if (sim->now_ns < sim->round_ns)
		return 0;
	due = (sim->now_ns - sim->round_ns) / interval_ns + 1;
	for (uint64_t i = 0; !err && i < due && i < IDLE_ROUNDS; i++) {
		err = tuner_round(sim);
		sim->epoch++;
	}
	sim->round_ns += due * interval_ns;
	return err;
}
