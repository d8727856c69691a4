// SPDX-License-Identifier: GPL-2.0
/*
 * report_json.c - the results as out/bench.json; docs/performance.md explains every key. What a
 * run wrote of a result is passed on under its own names; what is computed is added to it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* Decimals: more would be noise. */
static void put_number(struct json_object *to, const char *key, double value)
{
	struct json_object *number = json_object_new_double(value);

	json_object_set_serializer(number, json_object_double_to_json_string, "%.3f", NULL);
	json_object_object_add(to, key, number);
}

static void put_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, json_object_new_string(text));
}

static void put_count(struct json_object *to, const char *key, size_t count)
{
	json_object_object_add(to, key, json_object_new_int64(count));
}

static void put_bool(struct json_object *to, const char *key, bool value)
{
	json_object_object_add(to, key, json_object_new_boolean(value));
}

/* The object under @key, made where there is none. */
static struct json_object *get_object(struct json_object *in, const char *key)
{
	struct json_object *object = json_object_object_get(in, key);

	if (!object) {
		object = json_object_new_object();
		json_object_object_add(in, key, object);
	}
	return object;
}

/* As get_object() for a share of direct memory. */
static struct json_object *get_share(struct json_object *in, int direct_pct)
{
	char key[16];

	snprintf(key, sizeof(key), "%d", direct_pct);
	return get_object(in, key);
}

static struct json_object *copy_without(struct json_object *line, const char *const *keys)
{
	struct json_object *copy = NULL;

	json_object_deep_copy(line, &copy, NULL);
	for (; *keys; keys++)
		json_object_object_del(copy, *keys);
	return copy;
}

static struct json_object *runs_json(const struct bench *bench)
{
	static const char *const none[] = { NULL };
	struct json_object *runs = json_object_new_array();

	for (size_t i = 0; i < bench->nr_runs; i++) {
		struct json_object *run = copy_without(bench->runs[i].head, none);

		put_count(run, "run", i + 1);
		put_bool(run, "failed", bench->runs[i].failed);
		put_bool(run, "set_aside", bench->runs[i].set_aside);
		put_count(run, "results_in_use", bench->runs[i].used);
		json_object_array_add(runs, run);
	}
	return runs;
}

static struct json_object *micro_json(const struct bench *bench)
{
	static const char *const known[] = { "case", NULL };
	struct json_object *cases = json_object_new_object();

	for (size_t i = 0; i < bench->nr_micro; i++) {
		struct json_object *micro = copy_without(bench->micro[i].line, known);

		put_count(micro, "run", bench->micro[i].run + 1);
		json_object_object_add(cases, bench->micro[i].name, micro);
	}
	return cases;
}

static struct json_object *scaling_json(const struct bench *bench)
{
	static const char *const known[] = { "scaling", NULL };
	struct json_object *all = json_object_new_object();

	for (size_t i = 0; i < bench->nr_scaling; i++) {
		const struct bench_scaling *scaling = &bench->scaling[i];
		struct json_object *of = copy_without(scaling->line, known);

		put_number(of, "ratio", scaling->ratio);
		if (bench_scaling_target(scaling)) {
			put_number(of, "target", BENCH_SCALING_LEAST);
			put_bool(of, "met", scaling->ratio >= BENCH_SCALING_LEAST);
		}
		put_count(of, "run", scaling->run + 1);
		json_object_object_add(all, scaling->name, of);
	}
	return all;
}

static struct json_object *macro_json(const struct bench *bench)
{
	static const char *const known[] = { "workload", "policy", "direct_pct", NULL };
	struct json_object *workloads = json_object_new_object();

	for (size_t i = 0; i < bench->nr_macro; i++) {
		const struct bench_macro *macro = &bench->macro[i];
		struct json_object *policy, *cell = copy_without(macro->line, known);
		char share[16];

		put_count(cell, "run", macro->run + 1);
		put_bool(cell, "rejected", macro->rejected);
		if (macro->local && !macro->rejected) {
			put_count(cell, "baseline_run", macro->local->run + 1);
			put_number(cell, "slowdown_pct", macro->slowdown_pct);
		}
		policy = get_object(get_object(workloads, macro->workload), macro->policy);
		snprintf(share, sizeof(share), "%d", macro->direct_pct);
		json_object_object_add(policy, share, cell);
	}
	return workloads;
}

static struct json_object *replay_json(const struct bench *bench)
{
	struct json_object *workloads = json_object_new_object();

	for (size_t i = 0; i < bench->nr_replay; i++) {
		const struct bench_replay *replay = &bench->replay[i];
		struct json_object *workload = get_object(workloads, replay->workload), *cell;
		struct bench_agreement agreement = bench_replay_agreement(bench, replay->workload,
									  replay->direct_pct);

		cell = get_share(get_object(workload, replay->policy), replay->direct_pct);
		put_number(cell, "slowdown_pct", replay->slowdown_pct);
		put_count(cell, "run", replay->run + 1);
		cell = get_share(get_object(workload, "agreement"), replay->direct_pct);
		put_count(cell, "pairs", agreement.pairs);
		put_count(cell, "alike", agreement.alike);
	}
	return workloads;
}

static void put_means(const struct bench *bench, struct json_object *means, int share)
{
	double mean, loss;
	size_t i, nr, nr_policies;
	const char **policies = bench_list_policies(bench, share, &nr_policies);

	for (i = 0; i < nr_policies; i++) {
		struct json_object *of;

		nr = bench_mean(bench, policies[i], share, &mean);
		if (!nr)
			continue;
		of = get_share(get_object(means, policies[i]), share);
		put_number(of, "slowdown_pct", mean);
		put_bool(of, "cut", bench_mean_is_cut(bench, policies[i], share));
		put_count(of, "workloads", nr);
	}
	free(policies);
	nr = bench_mean_best(bench, share, &mean, &loss);
	if (nr) {
		struct json_object *of = get_share(get_object(means, "best_static"), share);

		put_number(of, "slowdown_pct", mean);
		put_number(of, "auto_loss_pct", loss);
		put_count(of, "workloads", nr);
	}
}

static void put_best(const struct bench *bench, struct json_object *all, int share)
{
	size_t i, nr;
	const char **workloads = bench_list_workloads(bench, &nr);
	double loss;

	for (i = 0; i < nr; i++) {
		const struct bench_macro *best = bench_best_static(bench, workloads[i], share);
		struct json_object *of;

		if (!best)
			continue;
		of = get_share(get_object(all, workloads[i]), share);
		put_text(of, "policy", best->policy);
		put_number(of, "slowdown_pct", best->slowdown_pct);
		put_bool(of, "cut", best->is_cut);
		if (bench_auto_loss(bench, workloads[i], share, &loss))
			put_number(of, "auto_loss_pct", loss);
	}
	free(workloads);
}

static struct json_object *targets_json(const struct bench *bench)
{
	struct json_object *targets = json_object_new_object();

	for (size_t i = 0; i < bench_nr_targets; i++) {
		const struct bench_target *target = &bench_targets[i];
		struct json_object *of = get_object(targets, target->name);
		double value;

		put_text(of, "figure", target->figure);
		put_number(of, "target", target->most);
		if (bench_target_value(bench, target, &value)) {
			put_number(of, "value", value);
			put_bool(of, "met", value <= target->most);
		} else {
			json_object_object_add(of, "value", NULL);
			json_object_object_add(of, "met", NULL);
		}
	}
	return targets;
}

int bench_write_json(const struct bench *bench, const char *path)
{
	struct json_object *all = json_object_new_object(), *problems = json_object_new_array();
	size_t i, nr;
	int err, *shares = bench_list_shares(bench, &nr);

	for (i = 0; i < bench->nr_problems; i++)
		json_object_array_add(problems, json_object_new_string(bench->problems[i]));
	json_object_object_add(all, "problems", problems);
	json_object_object_add(all, "runs", runs_json(bench));
	json_object_object_add(all, "targets", targets_json(bench));
	json_object_object_add(all, "micro", micro_json(bench));
	json_object_object_add(all, "scaling", scaling_json(bench));
	json_object_object_add(all, "macro", macro_json(bench));
	json_object_object_add(all, "replay", replay_json(bench));
	for (i = 0; i < nr; i++) {
		put_means(bench, get_object(all, "means"), shares[i]);
		put_best(bench, get_object(all, "best_static"), shares[i]);
	}
	free(shares);
	err = json_object_to_file_ext(path, all,
				      JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	json_object_put(all);
	return err ? -1 : 0;
}
