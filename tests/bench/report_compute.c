// SPDX-License-Identifier: GPL-2.0
/*
 * report_compute.c - which results count, whether they are to be believed, and what they say
 * beside each other: slowdowns, means, the best static order, what auto lost to it, targets.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* Of the footprint: how far a limit may be from the stated share, a guest above its limit. */
#define LIMIT_SLACK	0.02

const struct bench_micro *bench_find_micro(const struct bench *bench, const char *name)
{
	for (size_t i = 0; i < bench->nr_micro; i++)
		if (!strcmp(bench->micro[i].name, name))
			return &bench->micro[i];
	return NULL;
}

bool bench_scaling_target(const struct bench_scaling *scaling)
{
	size_t len = strlen(scaling->name), end = strlen(BENCH_SCALING_CONTROL);

	return len < end || strcmp(scaling->name + len - end, BENCH_SCALING_CONTROL);
}

const struct bench_scaling *bench_find_scaling(const struct bench *bench, const char *name)
{
	for (size_t i = 0; i < bench->nr_scaling; i++)
		if (!strcmp(bench->scaling[i].name, name))
			return &bench->scaling[i];
	return NULL;
}

const struct bench_macro *bench_find_macro(const struct bench *bench, const char *workload,
					   const char *policy, int direct_pct)
{
	for (size_t i = 0; i < bench->nr_macro; i++) {
		const struct bench_macro *macro = &bench->macro[i];

		if (macro->direct_pct == direct_pct && !strcmp(macro->workload, workload) &&
		    !strcmp(macro->policy, policy))
			return macro;
	}
	return NULL;
}

static const struct bench_macro *find_good(const struct bench *bench, const char *workload,
					   const char *policy, int direct_pct)
{
	const struct bench_macro *macro = bench_find_macro(bench, workload, policy, direct_pct);

	return macro && !macro->rejected && macro->local ? macro : NULL;
}

/* Results under one set of conditions can stand in one table; those of others cannot. */
static bool same_conditions(const struct bench_run *one, const struct bench_run *other)
{
	static const char *const micro[] = { "kernel", "clock", "cpu", NULL };
	static const char *const macro[] = { "kernel", "clock", "cpu", "scale", NULL };
	bool scaled = !strcmp(one->part, "macro") || !strcmp(one->part, "replay");
	const char *const *key = scaled ? macro : micro;

	for (; *key; key++)
		if (!json_object_equal(json_object_object_get(one->head, *key),
				       json_object_object_get(other->head, *key)))
			return false;
	return true;
}

static void set_runs_aside(struct bench *bench)
{
	for (size_t i = 0; i < bench->nr_runs; i++) {
		struct bench_run *run = &bench->runs[i];

		for (size_t j = bench->nr_runs - 1; j > i; j--) {
			if (strcmp(run->part, bench->runs[j].part))
				continue;
			run->set_aside = !same_conditions(run, &bench->runs[j]);
			break;
		}
	}
}

static bool same_cell(const struct bench_macro *one, const struct bench_macro *other)
{
	return one->direct_pct == other->direct_pct && !strcmp(one->workload, other->workload) &&
	       !strcmp(one->policy, other->policy);
}

/* Whether the micro result at @i stands: nothing later took its place. */
static bool micro_stands(struct bench *bench, size_t i)
{
	const struct bench_micro *micro = &bench->micro[i];

	if (bench->runs[micro->run].set_aside)
		return false;
	for (size_t j = i + 1; j < bench->nr_micro; j++) {
		if (strcmp(micro->name, bench->micro[j].name))
			continue;
		if (micro->run == bench->micro[j].run)
			bench_problem(bench, "%s: %s: measured twice in one run",
				      bench->runs[micro->run].file, micro->name);
		return false;
	}
	return true;
}

static bool macro_stands(struct bench *bench, size_t i)
{
	const struct bench_macro *macro = &bench->macro[i];

	if (bench->runs[macro->run].set_aside)
		return false;
	for (size_t j = i + 1; j < bench->nr_macro; j++) {
		if (!same_cell(macro, &bench->macro[j]))
			continue;
		if (macro->run == bench->macro[j].run)
			bench_problem(bench, "%s: %s, %s, %d %% direct: measured twice in one run",
				      bench->macro[j].where, macro->workload, macro->policy,
				      macro->direct_pct);
		return false;
	}
	return true;
}

static bool scaling_stands(struct bench *bench, size_t i)
{
	const struct bench_scaling *scaling = &bench->scaling[i];

	if (bench->runs[scaling->run].set_aside)
		return false;
	for (size_t j = i + 1; j < bench->nr_scaling; j++) {
		if (strcmp(scaling->name, bench->scaling[j].name))
			continue;
		if (scaling->run == bench->scaling[j].run)
			bench_problem(bench, "%s: scaling of %s: measured twice in one run",
				      bench->runs[scaling->run].file, scaling->name);
		return false;
	}
	return true;
}

static void drop_replaced_scaling(struct bench *bench)
{
	size_t kept = 0;

	for (size_t i = 0; i < bench->nr_scaling; i++) {
		if (!scaling_stands(bench, i)) {
			json_object_put(bench->scaling[i].line);
			continue;
		}
		bench->runs[bench->scaling[i].run].used++;
		bench->scaling[kept++] = bench->scaling[i];
	}
	bench->nr_scaling = kept;
}

static bool replay_stands(struct bench *bench, size_t i)
{
	const struct bench_replay *replay = &bench->replay[i];

	if (bench->runs[replay->run].set_aside)
		return false;
	for (size_t j = i + 1; j < bench->nr_replay; j++) {
		const struct bench_replay *later = &bench->replay[j];

		if (replay->direct_pct != later->direct_pct ||
		    strcmp(replay->workload, later->workload) ||
		    strcmp(replay->policy, later->policy))
			continue;
		if (replay->run == later->run)
			bench_problem(bench, "%s: %s, %s, %d %% direct: replayed twice in one run",
				      bench->runs[replay->run].file, replay->workload,
				      replay->policy, replay->direct_pct);
		return false;
	}
	return true;
}

static void drop_replaced_replay(struct bench *bench)
{
	size_t kept = 0;

	for (size_t i = 0; i < bench->nr_replay; i++) {
		if (!replay_stands(bench, i)) {
			json_object_put(bench->replay[i].line);
			continue;
		}
		bench->runs[bench->replay[i].run].used++;
		bench->replay[kept++] = bench->replay[i];
	}
	bench->nr_replay = kept;
}

static void drop_replaced(struct bench *bench)
{
	size_t i, kept = 0;

	drop_replaced_scaling(bench);
	drop_replaced_replay(bench);
	for (i = 0; i < bench->nr_micro; i++) {
		if (!micro_stands(bench, i)) {
			json_object_put(bench->micro[i].line);
			continue;
		}
		bench->runs[bench->micro[i].run].used++;
		bench->micro[kept++] = bench->micro[i];
	}
	bench->nr_micro = kept;
	for (i = 0, kept = 0; i < bench->nr_macro; i++) {
		if (!macro_stands(bench, i)) {
			json_object_put(bench->macro[i].line);
			free(bench->macro[i].where);
			continue;
		}
		bench->runs[bench->macro[i].run].used++;
		bench->macro[kept++] = bench->macro[i];
	}
	bench->nr_macro = kept;
}

__attribute__((format(printf, 3, 4)))
static void reject(struct bench *bench, struct bench_macro *macro, const char *format, ...)
{
	char reason[256];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	macro->rejected = true;
	bench_problem(bench, "%s: %s, %s, %d %% direct: %s", macro->where, macro->workload,
		      macro->policy, macro->direct_pct, reason);
}

static void judge_local(struct bench *bench, struct bench_macro *macro)
{
	if (macro->remote_pages)
		reject(bench, macro, "the baseline is not all local: %lld remote pages",
		       (long long)macro->remote_pages);
}

double bench_footprint_bytes(const struct bench *bench, const struct bench_macro *macro)
{
	const struct bench_macro *found = bench_find_macro(bench, macro->workload, "footprint",
							   100);

	return found ? found->footprint_bytes : macro->footprint_bytes;
}

/* The guest had the memory that the table says it had. */
static void judge_memory(struct bench *bench, struct bench_macro *macro)
{
	double footprint = bench_footprint_bytes(bench, macro), slack = LIMIT_SLACK * footprint;
	double stated = footprint * macro->direct_pct / 100;

	if (macro->limit_bytes < stated - slack || macro->limit_bytes > stated + slack)
		reject(bench, macro, "limit_bytes %lld is not %d %% of the footprint of %.0f",
		       (long long)macro->limit_bytes, macro->direct_pct, footprint);
	else if (macro->resident_bytes > macro->limit_bytes + slack)
		reject(bench, macro, "resident_bytes %lld is above limit_bytes %lld",
		       (long long)macro->resident_bytes, (long long)macro->limit_bytes);
}

static void judge_paged(struct bench *bench, struct bench_macro *macro)
{
	if (!macro->local)
		reject(bench, macro, "there is no all-local run to compare it with");
	else if (macro->local->rejected)
		reject(bench, macro, "its all-local run is rejected");
	else if (strcmp(macro->checksum, macro->local->checksum))
		reject(bench, macro, "checksum %s is not the all-local run's %s", macro->checksum,
		       macro->local->checksum);
	else if (macro->direct_pct < 100 && !macro->remote_pages)
		reject(bench, macro, "no remote page was fetched");
	else
		judge_memory(bench, macro);
}

static void judge_macro(struct bench *bench)
{
	struct bench_macro *macro, *end = bench->macro + bench->nr_macro;

	for (macro = bench->macro; macro < end; macro++)
		if (!strcmp(macro->policy, "local"))
			judge_local(bench, macro);
	for (macro = bench->macro; macro < end; macro++) {
		if (!bench_is_paged(macro->policy))
			continue;
		for (struct bench_macro *local = bench->macro; local < end; local++)
			if (!strcmp(local->policy, "local") &&
			    !strcmp(local->workload, macro->workload))
				macro->local = local;
		judge_paged(bench, macro);
		if (!macro->rejected)
			macro->slowdown_pct =
				((double)macro->ns / macro->local->ns - 1) * 100;
	}
}

static void judge_micro(struct bench *bench)
{
	const struct bench_micro *floor = bench_find_micro(bench, "anon-first-touch");

	if (bench->nr_micro && !floor)
		bench_problem(bench, "micro: there is no anon-first-touch to compare with");
}

static void judge_runs(struct bench *bench)
{
	for (size_t i = 0; i < bench->nr_runs; i++)
		if (bench->runs[i].used && bench->runs[i].failed)
			bench_problem(bench, "%s: the %s part failed: what it measured is no result",
				      bench->runs[i].file, bench->runs[i].part);
	if (!bench->nr_runs && !bench->nr_problems)
		bench_problem(bench, "no run is recorded");
}

void bench_compute(struct bench *bench)
{
	set_runs_aside(bench);
	drop_replaced(bench);
	judge_runs(bench);
	judge_micro(bench);
	judge_macro(bench);
}

bool bench_target_value(const struct bench *bench, const struct bench_target *target,
			double *value)
{
	const struct bench_micro *over = bench_find_micro(bench, target->over);
	const struct bench_micro *under = bench_find_micro(bench, target->under);

	if (!over || !under)
		return false;
	*value = over->p50_ns / under->p50_ns;
	if (target->per_cent)
		*value = (*value - 1) * 100;
	return true;
}

static bool is_of_mean(const struct bench_macro *macro, const char *policy, int direct_pct)
{
	return macro->direct_pct == direct_pct && !strcmp(macro->policy, policy) &&
	       !macro->rejected && macro->local && bench_is_in_mean(macro->workload);
}

size_t bench_mean(const struct bench *bench, const char *policy, int direct_pct, double *mean)
{
	double sum = 0;
	size_t nr = 0;

	for (size_t i = 0; i < bench->nr_macro; i++) {
		if (!is_of_mean(&bench->macro[i], policy, direct_pct))
			continue;
		sum += bench->macro[i].slowdown_pct;
		nr++;
	}
	if (nr)
		*mean = sum / nr;
	return nr;
}

bool bench_mean_is_cut(const struct bench *bench, const char *policy, int direct_pct)
{
	for (size_t i = 0; i < bench->nr_macro; i++)
		if (bench->macro[i].is_cut && is_of_mean(&bench->macro[i], policy, direct_pct))
			return true;
	return false;
}

const struct bench_macro *bench_best_static(const struct bench *bench, const char *workload,
					    int direct_pct)
{
	const struct bench_macro *best = NULL;

	for (size_t i = 0; i < bench->nr_macro; i++) {
		const struct bench_macro *macro = &bench->macro[i];

		if (macro->direct_pct != direct_pct || strcmp(macro->workload, workload) ||
		    strncmp(macro->policy, "static-", 7) || macro->rejected || !macro->local)
			continue;
		if (!best || macro->ns < best->ns)
			best = macro;
	}
	return best;
}

bool bench_auto_loss(const struct bench *bench, const char *workload, int direct_pct,
		     double *loss_pct)
{
	const struct bench_macro *best = bench_best_static(bench, workload, direct_pct);
	const struct bench_macro *tuned = find_good(bench, workload, "auto", direct_pct);

	if (!best || !tuned || best->is_cut || tuned->is_cut)
		return false;
	*loss_pct = tuned->slowdown_pct - best->slowdown_pct;
	return true;
}

size_t bench_mean_best(const struct bench *bench, int direct_pct, double *best_pct,
		       double *loss_pct)
{
	const char **names;
	size_t i, nr_names, nr = 0;
	double loss;

	*best_pct = *loss_pct = 0;
	names = bench_list_workloads(bench, &nr_names);
	for (i = 0; i < nr_names; i++) {
		if (!bench_is_in_mean(names[i]) ||
		    !bench_auto_loss(bench, names[i], direct_pct, &loss))
			continue;
		*best_pct += bench_best_static(bench, names[i], direct_pct)->slowdown_pct;
		*loss_pct += loss;
		nr++;
	}
	free(names);
	if (nr) {
		*best_pct /= nr;
		*loss_pct /= nr;
	}
	return nr;
}
