// SPDX-License-Identifier: GPL-2.0
/*
 * report_markdown.c - the results as tables for people: out/bench.md, and the same between two
 * marks in docs/performance.md. A figure that is not of its part's latest run bears the number of
 * the run that it is of, so that nothing old passes for new.
 */
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "report_table.h"

#define MIB	(1 << 20)

static const char *head_text(const struct bench_run *run, const char *key)
{
	return json_object_get_string(json_object_object_get(run->head, key)) ?: "-";
}

static void heading(FILE *out, int level, const char *text)
{
	while (level--)
		fputc('#', out);
	fprintf(out, " %s\n\n", text);
}

/* The index of the latest run that gave results of @part, or -1. */
static int latest_run(const struct bench *bench, const char *part)
{
	int latest = -1;

	for (size_t i = 0; i < bench->nr_runs; i++)
		if (bench->runs[i].used && !strcmp(bench->runs[i].part, part))
			latest = i;
	return latest;
}

/* " [n]" where the figure is of an older run. */
static const char *run_mark(const struct bench *bench, const char *part, size_t run)
{
	static char mark[32];

	if ((int)run == latest_run(bench, part))
		return "";
	snprintf(mark, sizeof(mark), " [%zu]", run + 1);
	return mark;
}

/* When the section's figures were taken. Return: false if there are none. */
static bool write_measured(const struct bench *bench, FILE *out, const char *part)
{
	int latest = latest_run(bench, part);
	const struct bench_run *run;
	bool wall;

	if (latest < 0) {
		fprintf(out, "Not measured.\n\n");
		return false;
	}
	run = &bench->runs[latest];
	wall = !strcmp(head_text(run, "clock"), "wall");
	fprintf(out, "Measured %s (run %d)", run->date, latest + 1);
	for (int i = 0; i < latest; i++)
		if (bench->runs[i].used && !strcmp(bench->runs[i].part, part))
			fprintf(out, "; marked [%d]: %s", i + 1, bench->runs[i].date);
	fprintf(out, ".%s%s%s\n\n",
		wall ? " In wall clock time." : "",
		wall && strcmp(head_text(run, "cpu"), "emulated") ?
		" On a host that is not emulated." : "",
		run->failed ? " **The run failed: these are no results.**" : "");
	return true;
}

static void run_cells(struct bench_table *table, const struct bench_run *run, size_t number)
{
	bool scaled = !strcmp(run->part, "macro") || !strcmp(run->part, "replay");
	const char *scale = scaled ? head_text(run, "scale") : "-";

	bench_cell(table, "%zu", number);
	bench_cell(table, "%s", run->part);
	bench_cell(table, "%s", run->date);
	bench_cell(table, "%s", head_text(run, "kernel"));
	bench_cell(table, "%s", head_text(run, "clock"));
	bench_cell(table, "%s", head_text(run, "cpu"));
	bench_cell(table, "%s", scale);
	bench_cell(table, "%s", head_text(run, "revision"));
	bench_cell(table, "%s", *run->names ? run->names : "all");
	bench_cell(table, "%s", head_text(run, "wall_seconds"));
	if (run->set_aside)
		bench_cell(table, "none: other conditions");
	else
		bench_cell(table, "%zu%s", run->used, run->failed ? ", FAILED" : "");
}

static void write_runs(const struct bench *bench, FILE *out, int level)
{
	static const char *const headings[] = {
		"run", "part", "measured (UTC)", "kernel", "clock", "CPU", "scale", "revision",
		"asked for", "took, s", "results in use",
	};
	struct bench_table table = { .columns = BENCH_COUNT(headings) };

	heading(out, level, "Runs");
	for (size_t i = 0; i < BENCH_COUNT(headings); i++)
		bench_cell(&table, "%s", headings[i]);
	for (size_t i = 0; i < bench->nr_runs; i++)
		if (bench->runs[i].used || bench->runs[i].set_aside)
			run_cells(&table, &bench->runs[i], i + 1);
	bench_print_table(&table, out);
}

static void write_problems(const struct bench *bench, FILE *out, int level)
{
	if (!bench->nr_problems)
		return;
	heading(out, level, "Problems");
	fprintf(out, "This report failed:\n\n");
	for (size_t i = 0; i < bench->nr_problems; i++)
		fprintf(out, "- %s\n", bench->problems[i]);
	fputc('\n', out);
}

/* A figure made of two is as old as the older of them. */
static size_t target_run(const struct bench *bench, const struct bench_target *target)
{
	size_t over = bench_find_micro(bench, target->over)->run;
	size_t under = bench_find_micro(bench, target->under)->run;

	return over < under ? over : under;
}

static void write_targets(const struct bench *bench, FILE *out, int level)
{
	struct bench_table table = { .columns = 4 };
	double value;

	heading(out, level, "Targets");
	if (!write_measured(bench, out, "micro"))
		return;
	bench_cell(&table, "figure, of medians");
	bench_cell(&table, "target");
	bench_cell(&table, "value");
	bench_cell(&table, "met");
	for (size_t i = 0; i < bench_nr_targets; i++) {
		const struct bench_target *target = &bench_targets[i];
		const char *unit = target->per_cent ? " %" : "";

		bench_cell(&table, "%s", target->figure);
		bench_cell(&table, "<= %g%s", target->most, unit);
		if (bench_target_value(bench, target, &value)) {
			bench_cell(&table, "%.2f%s%s", value, unit,
				   run_mark(bench, "micro", target_run(bench, target)));
			bench_cell(&table, "%s", value <= target->most ? "yes" : "NO");
		} else {
			bench_cell(&table, "-");
			bench_cell(&table, "not measured");
		}
	}
	bench_print_table(&table, out);
}

static void micro_cells(const struct bench *bench, struct bench_table *table,
			const struct bench_micro *micro)
{
	const struct bench_micro *floor = bench_find_micro(bench, bench_floor_of(micro->name));

	bench_cell(table, "%s%s", micro->name, run_mark(bench, "micro", micro->run));
	bench_cell(table, "%.0f", micro->p50_ns);
	bench_cell(table, "%.0f", micro->p99_ns);
	bench_cell(table, "%.0f", micro->mean_ns);
	if (floor)
		bench_cell(table, "%.2f", micro->p50_ns / floor->p50_ns);
	else
		bench_cell(table, "-");
}

static void write_absent(const struct bench *bench, FILE *out)
{
	size_t nr = 0;

	for (size_t i = 0; i < bench_nr_cases; i++)
		if (!bench_find_micro(bench, bench_cases[i]))
			fprintf(out, "%s%s", nr++ ? ", " : "Not measured: ", bench_cases[i]);
	if (nr)
		fprintf(out, ".\n\n");
}

static void write_micro(const struct bench *bench, FILE *out, int level)
{
	struct bench_table table = { .columns = 5 };
	const char **cases;
	size_t nr;

	heading(out, level, "Micro: nanoseconds per 4 KiB page");
	if (!write_measured(bench, out, "micro"))
		return;
	bench_cell(&table, "case");
	bench_cell(&table, "median");
	bench_cell(&table, "99 %%");
	bench_cell(&table, "mean");
	bench_cell(&table, "median / anon");
	cases = bench_list_cases(bench, &nr);
	for (size_t i = 0; i < nr; i++)
		micro_cells(bench, &table, bench_find_micro(bench, cases[i]));
	free(cases);
	bench_print_table(&table, out);
	write_absent(bench, out);
}

static void order_cell(const struct bench *bench, struct bench_table *table, unsigned int order,
		       const char *used)
{
	const struct bench_micro *micro;
	char name[64];

	snprintf(name, sizeof(name), "dmem-order-%u-%s-used", order, used);
	micro = bench_find_micro(bench, name);
	if (micro)
		bench_cell(table, "%.0f%s", micro->p50_ns, run_mark(bench, "micro", micro->run));
	else
		bench_cell(table, "-");
}

static void write_orders(const struct bench *bench, FILE *out, int level)
{
	struct bench_table table = { .columns = 3 };

	heading(out, level, "Block orders: nanoseconds per used page, medians");
	if (!write_measured(bench, out, "micro"))
		return;
	bench_cell(&table, "order");
	bench_cell(&table, "every page used");
	bench_cell(&table, "one page used");
	for (size_t i = 0; i < bench_nr_orders; i++) {
		bench_cell(&table, "%u", bench_orders[i]);
		order_cell(bench, &table, bench_orders[i], "all");
		order_cell(bench, &table, bench_orders[i], "one");
	}
	bench_print_table(&table, out);
}

static void at_once_row(const struct bench *bench, struct bench_table *table, unsigned int nr)
{
	const struct bench_micro *micro;
	char name[64];

	snprintf(name, sizeof(name), "rdma-read-at-once-%u", nr);
	micro = bench_find_micro(bench, name);
	bench_cell(table, "%u", nr);
	if (micro) {
		bench_cell(table, "%.0f%s", micro->p50_ns, run_mark(bench, "micro", micro->run));
		bench_cell(table, "%.1f", 1e9 / micro->p50_ns * 4096 / MIB);
	} else {
		bench_cell(table, "-");
		bench_cell(table, "-");
	}
}

/* What it comes to where several pages are on their way at once. */
static void write_at_once(const struct bench *bench, FILE *out, int level)
{
	struct bench_table table = { .columns = 3 };

	heading(out, level, "RDMA: fetches under way at once");
	if (!write_measured(bench, out, "micro"))
		return;
	bench_cell(&table, "under way");
	bench_cell(&table, "ns per page, median");
	bench_cell(&table, "MiB/s");
	for (size_t i = 0; i < bench_nr_at_once; i++)
		at_once_row(bench, &table, bench_at_once[i]);
	bench_print_table(&table, out);
}

static void stage_row(struct bench_table *table, const char *name, double ns, double whole)
{
	bench_cell(table, "%s", name);
	bench_cell(table, "%.0f", ns);
	if (whole > 0)
		bench_cell(table, "%.1f", ns / whole * 100);
	else
		bench_cell(table, "-");
}

/* What "stage-" and "stage-soft-" are stages of. */
static bool is_stage_of(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return !strncmp(name, prefix, len) && !strchr(name + len, '-');
}

/* Means: they add up, medians do not. */
static void write_stages(const struct bench *bench, FILE *out, int level, const char *of,
			 const char *prefix)
{
	const struct bench_micro *all = bench_find_micro(bench, of);
	double sum = 0, whole = all ? all->mean_ns : 0;
	struct bench_table table = { .columns = 3 };
	char text[128];

	snprintf(text, sizeof(text), "Stages of %s, means", of);
	heading(out, level, text);
	if (!write_measured(bench, out, "micro"))
		return;
	bench_cell(&table, "stage");
	bench_cell(&table, "ns");
	bench_cell(&table, "%% of %s", of);
	for (size_t i = 0; i < bench->nr_micro; i++) {
		const struct bench_micro *micro = &bench->micro[i];
		char name[96];

		if (!is_stage_of(micro->name, prefix))
			continue;
		snprintf(name, sizeof(name), "%s%s", micro->name + strlen(prefix),
			 run_mark(bench, "micro", micro->run));
		stage_row(&table, name, micro->mean_ns, whole);
		sum += micro->mean_ns;
	}
	stage_row(&table, "all stages", sum, whole);
	if (all)
		stage_row(&table, of, whole, whole);
	bench_print_table(&table, out);
}

static void write_scaling(const struct bench *bench, FILE *out, int level)
{
	struct bench_table table = { .columns = 6 };

	heading(out, level, "Scaling: faults of two against faults of one");
	if (!write_measured(bench, out, "scaling"))
		return;
	bench_cell(&table, "two");
	bench_cell(&table, "one, faults/s");
	bench_cell(&table, "two, faults/s");
	bench_cell(&table, "ratio");
	bench_cell(&table, "target");
	bench_cell(&table, "met");
	for (size_t i = 0; i < bench_nr_scalings; i++) {
		const struct bench_scaling *scaling = bench_find_scaling(bench, bench_scalings[i]);

		if (!scaling)
			continue;
		bench_cell(&table, "%s%s", scaling->name,
			   run_mark(bench, "scaling", scaling->run));
		bench_cell(&table, "%.0f", scaling->one_per_s);
		bench_cell(&table, "%.0f", scaling->two_per_s);
		bench_cell(&table, "%.2f", scaling->ratio);
		if (bench_scaling_target(scaling)) {
			bench_cell(&table, ">= %g", BENCH_SCALING_LEAST);
			bench_cell(&table, "%s", scaling->ratio >= BENCH_SCALING_LEAST ?
				   "yes" : "NO");
		} else {
			bench_cell(&table, "-");
			bench_cell(&table, "-");
		}
	}
	bench_print_table(&table, out);
}

static void macro_cell(const struct bench *bench, struct bench_table *table,
		       const struct bench_macro *macro)
{
	size_t run;

	if (!macro) {
		bench_cell(table, "-");
		return;
	}
	if (macro->rejected) {
		bench_cell(table, "rejected");
		return;
	}
	/* As old as the older of the two that it is made from. */
	run = macro->run < macro->local->run ? macro->run : macro->local->run;
	bench_cell(table, "%s%.1f%s", macro->is_cut ? "> " : "", macro->slowdown_pct,
		   run_mark(bench, "macro", run));
}

static void local_cells(const struct bench *bench, struct bench_table *table,
			const char *workload)
{
	const struct bench_macro *local = bench_find_macro(bench, workload, "local", 100);

	if (local) {
		bench_cell(table, "%.0f", bench_footprint_bytes(bench, local) / MIB);
		bench_cell(table, "%.2f", local->ns / 1e9);
	} else {
		bench_cell(table, "-");
		bench_cell(table, "-");
	}
}

static void macro_row(const struct bench *bench, struct bench_table *table, const char *workload,
		      int share, const char **policies, size_t nr)
{
	const struct bench_macro *best = bench_best_static(bench, workload, share);
	double loss;

	bench_cell(table, "%s", workload);
	local_cells(bench, table, workload);
	for (size_t i = 0; i < nr; i++)
		macro_cell(bench, table, bench_find_macro(bench, workload, policies[i], share));
	if (best)
		bench_cell(table, "%s: %s%.1f", best->policy, best->is_cut ? "> " : "",
			   best->slowdown_pct);
	else
		bench_cell(table, "-");
	if (bench_auto_loss(bench, workload, share, &loss))
		bench_cell(table, "%.1f", loss);
	else
		bench_cell(table, "-");
}

/* A mean over fewer workloads than the table has says so. */
static void mean_cell(struct bench_table *table, double mean, bool is_cut, size_t over,
		      size_t rows)
{
	const char *least = is_cut ? "> " : "";

	if (!over)
		bench_cell(table, "-");
	else if (over < rows)
		bench_cell(table, "%s%.1f (%zu of %zu)", least, mean, over, rows);
	else
		bench_cell(table, "%s%.1f", least, mean);
}

static void mean_row(const struct bench *bench, struct bench_table *table, size_t rows,
		     int share, const char **policies, size_t nr)
{
	double mean = 0, loss;
	size_t over;

	bench_cell(table, "**mean**");
	bench_cell(table, "%s", "");
	bench_cell(table, "%s", "");
	for (size_t i = 0; i < nr; i++) {
		over = bench_mean(bench, policies[i], share, &mean);
		mean_cell(table, mean, bench_mean_is_cut(bench, policies[i], share), over, rows);
	}
	over = bench_mean_best(bench, share, &mean, &loss);
	mean_cell(table, mean, false, over, rows);
	mean_cell(table, loss, false, over, rows);
}

/* The workloads of the mean, the mean, then those that are kept out of it. */
static void write_macro_table(const struct bench *bench, FILE *out, int share)
{
	size_t i, nr_workloads, nr_policies, in_mean = 0;
	const char **workloads = bench_list_workloads(bench, &nr_workloads);
	const char **policies = bench_list_policies(bench, share, &nr_policies);
	struct bench_table table = { .columns = 5 + nr_policies };

	bench_cell(&table, "workload");
	bench_cell(&table, "footprint, MiB");
	bench_cell(&table, "all-local, s");
	for (i = 0; i < nr_policies; i++)
		bench_cell(&table, "%s", policies[i]);
	bench_cell(&table, "best static");
	bench_cell(&table, "auto lost to it");
	for (i = 0; i < nr_workloads; i++) {
		if (!bench_is_in_mean(workloads[i]))
			continue;
		macro_row(bench, &table, workloads[i], share, policies, nr_policies);
		in_mean++;
	}
	mean_row(bench, &table, in_mean, share, policies, nr_policies);
	for (i = 0; i < nr_workloads; i++)
		if (!bench_is_in_mean(workloads[i]))
			macro_row(bench, &table, workloads[i], share, policies, nr_policies);
	bench_print_table(&table, out);
	free(workloads);
	free(policies);
}

static void write_macro(const struct bench *bench, FILE *out, int level)
{
	size_t i, nr;
	int *shares = bench_list_shares(bench, &nr);
	char text[128];

	if (!nr) {
		heading(out, level, "Macro: slowdown against all-local memory");
		write_measured(bench, out, "macro");
	}
	for (i = 0; i < nr; i++) {
		snprintf(text, sizeof(text),
			 "Macro: slowdown against all-local memory in per cent, %d %% direct",
			 shares[i]);
		heading(out, level, text);
		write_measured(bench, out, "macro");
		write_macro_table(bench, out, shares[i]);
	}
	if (nr)
		fprintf(out, "The mean is over all workloads but random.\n\n");
	free(shares);
}

static void write_replay(const struct bench *bench, FILE *out, int level)
{
	size_t nr;
	int *shares = bench_list_shares(bench, &nr);
	char text[128];

	for (size_t i = 0; i < nr; i++) {
		FILE *table;
		char *rows;
		size_t len;

		table = open_memstream(&rows, &len);
		if (!table)
			abort();
		if (bench_write_replay(bench, table, shares[i]) && !fflush(table)) {
			snprintf(text, sizeof(text),
				 "Replay: policies in their order, in per cent, %d %% direct",
				 shares[i]);
			heading(out, level, text);
			write_measured(bench, out, "replay");
			fputs(rows, out);
		}
		fclose(table);
		free(rows);
	}
	free(shares);
}

void bench_write_markdown(const struct bench *bench, FILE *out, int level)
{
	write_problems(bench, out, level);
	write_runs(bench, out, level);
	write_targets(bench, out, level);
	write_micro(bench, out, level);
	write_orders(bench, out, level);
	write_stages(bench, out, level, "dmem-remote-read", "stage-");
	write_stages(bench, out, level, "dmem-soft", "stage-soft-");
	write_at_once(bench, out, level);
	write_scaling(bench, out, level);
	write_macro(bench, out, level);
	write_replay(bench, out, level);
}
