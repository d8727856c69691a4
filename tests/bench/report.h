/* SPDX-License-Identifier: GPL-2.0 */
/*
 * report.h - the benchmark's results in memory: what report_read.c reads, report_compute.c judges
 * and compares, and the writers (JSON, Markdown, plots) put down. Results stay in the order they
 * were read in; strings are those of the JSON that they came from.
 */
#ifndef DMEM_BENCH_REPORT_H
#define DMEM_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <linux/types.h>
#include <json-c/json.h>

#define BENCH_COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* One part of the suite, run once: the first line of a file under out/bench/runs/. */
struct bench_run {
	char *file;
	struct json_object *head;	/* everything that the run said of itself */
	const char *part;		/* "micro", "macro", "replay" or "scaling" */
	const char *date;		/* of its start, UTC, ISO 8601 */
	const char *names;		/* what was asked for; "" is everything */
	bool failed;			/* the part did not end well */
	bool set_aside;			/* under other conditions than the part's latest run */
	size_t used;			/* results that no later run replaced */
};

/* One micro case, nanoseconds per 4 KiB page. */
struct bench_micro {
	struct json_object *line;
	const char *name;
	double p50_ns, p99_ns, mean_ns;
	size_t run;			/* index of the run that measured it */
};

/* One workload under one policy or peer. */
struct bench_macro {
	struct json_object *line;
	const char *workload, *policy, *checksum;
	int direct_pct;
	__s64 ns, footprint_bytes, limit_bytes, resident_bytes, remote_pages;
	bool is_cut;			/* it was given up: ns is the least that it takes */
	char *where;			/* file and line */
	size_t run;
	/* report_compute.c's: */
	const struct bench_macro *local;	/* the all-local run it is measured against */
	double slowdown_pct;
	bool rejected;
};

/* How many more faults two are answered than one. */
struct bench_scaling {
	struct json_object *line;
	const char *name;		/* of what there are two: "vcpus", "threads", "vcpus-anon" */
	double ratio, one_per_s, two_per_s;
	size_t run;
};

/* What dmem-tuner replay makes of a workload's recording. */
struct bench_replay {
	struct json_object *line;
	const char *workload, *policy;	/* as of the macro result that it foretells */
	int direct_pct;
	double slowdown_pct;		/* an index: comparable within a workload only */
	size_t run;
};

struct bench {
	struct bench_run *runs;
	struct bench_micro *micro;
	struct bench_macro *macro;
	struct bench_scaling *scaling;
	struct bench_replay *replay;
	char **problems;		/* each makes the report fail */
	size_t nr_runs, nr_micro, nr_macro, nr_scaling, nr_replay, nr_problems;
};

/* report_suite.c */

/* A figure that has to be reached: value = over / under, or what that is above 1 in per cent. */
struct bench_target {
	const char *name, *figure;
	const char *over, *under;	/* micro cases, their medians */
	double most;
	bool per_cent;
};

extern const struct bench_target bench_targets[];
extern const size_t bench_nr_targets;

/* The suite as it is meant to be; what else was measured is reported after it. */
extern const char *const bench_cases[], *const bench_workloads[], *const bench_policies[];
extern const size_t bench_nr_cases, bench_nr_workloads, bench_nr_policies;
/* Of dmem's two should be answered at least BENCH_SCALING_LEAST times the faults of one. */
#define BENCH_SCALING_LEAST	1.8
#define BENCH_SCALING_CONTROL	"-anon"	/* how names of ordinary memory end; they have no target */
extern const char *const bench_scalings[];
extern const size_t bench_nr_scalings;
extern const unsigned int bench_at_once[];
extern const size_t bench_nr_at_once;
extern const unsigned int bench_orders[];
extern const size_t bench_nr_orders;

/** bench_is_paged - whether the policy keeps less than all of the guest's memory local */
bool bench_is_paged(const char *policy);

/** bench_is_in_mean - whether the workload counts in means ("random" does not) */
bool bench_is_in_mean(const char *workload);

/** bench_floor_of - the case that @name is compared with: ordinary memory, same kind of access */
const char *bench_floor_of(const char *name);

/**
 * bench_list_cases - micro cases measured, without block orders and stages; in the suite's order,
 *	then others as they came
 * @nr: their number
 *
 * Return: an array for free(), not its strings.
 */
const char **bench_list_cases(const struct bench *bench, size_t *nr);

/**
 * bench_list_workloads - likewise the workloads
 * @nr: their number
 *
 * Return: as bench_list_cases().
 */
const char **bench_list_workloads(const struct bench *bench, size_t *nr);

/** bench_list_policies - likewise the paged policies and peers with a result at that share */
const char **bench_list_policies(const struct bench *bench, int direct_pct, size_t *nr);

/** bench_list_shares - likewise the shares of direct memory, in per cent */
int *bench_list_shares(const struct bench *bench, size_t *nr);

/* report_read.c */

/** bench_grow - @array with room for one more of @size, zeroed, at its end; ends without memory */
void *bench_grow(void *array, size_t *nr, size_t size);

/**
 * bench_problem - note what makes the report fail
 * @bench: takes the sentence
 * @format: as printf
 */
void bench_problem(struct bench *bench, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * bench_read_run - add one run's results
 * @bench: is added to; a result replaces that of an earlier run under the same conditions
 * @in: a line that describes the run, then one line a result
 * @name: of the file, for messages
 *
 * Lines that cannot be read become problems.
 */
void bench_read_run(struct bench *bench, FILE *in, const char *name);

/**
 * bench_check_lines - whether a part's output can be read
 * @bench: takes the problems
 * @part: "micro", "macro", "replay" or "scaling"
 * @in: one line a result
 * @name: of the file, for messages
 *
 * Return: the number of results.
 */
size_t bench_check_lines(struct bench *bench, const char *part, FILE *in, const char *name);

/** bench_free - everything that @bench holds */
void bench_free(struct bench *bench);

/* report_compute.c */

/**
 * bench_compute - settle which runs count, judge every result, compare with the baselines
 * @bench: as read; called once
 */
void bench_compute(struct bench *bench);

/** bench_find_micro - the case of that name, or NULL */
const struct bench_micro *bench_find_micro(const struct bench *bench, const char *name);

/** bench_scaling_target - whether there is one: not for ordinary memory */
bool bench_scaling_target(const struct bench_scaling *scaling);

/** bench_find_scaling - that of that name, or NULL */
const struct bench_scaling *bench_find_scaling(const struct bench *bench, const char *name);

/** bench_find_macro - that cell, rejected or not, or NULL */
const struct bench_macro *bench_find_macro(const struct bench *bench, const char *workload,
					   const char *policy, int direct_pct);

/** bench_footprint_bytes - what its workload uses, as the footprint run found, else this one */
double bench_footprint_bytes(const struct bench *bench, const struct bench_macro *macro);

/**
 * bench_target_value - the figure that a target is about
 * Return: false where one of its cases was not measured.
 */
bool bench_target_value(const struct bench *bench, const struct bench_target *target,
			double *value);

/**
 * bench_mean - a policy's slowdown in per cent, arithmetic mean over workloads but "random"
 * Return: the number of workloads that it is over; @mean is unset where that is 0.
 */
size_t bench_mean(const struct bench *bench, const char *policy, int direct_pct, double *mean);

/** bench_mean_is_cut - whether one of the mean's workloads was cut: the mean is the least it is */
bool bench_mean_is_cut(const struct bench *bench, const char *policy, int direct_pct);

/** bench_best_static - the static order with which a workload was fastest, or NULL */
const struct bench_macro *bench_best_static(const struct bench *bench, const char *workload,
					    int direct_pct);

/**
 * bench_auto_loss - what auto lost to the best static order, in per cent of the all-local time
 * Return: false where one of the two was not measured, or cut.
 */
bool bench_auto_loss(const struct bench *bench, const char *workload, int direct_pct,
		     double *loss_pct);

/**
 * bench_mean_best - mean over workloads of the best static order's slowdown, and of auto's loss
 * Return: the number of workloads where both are known.
 */
size_t bench_mean_best(const struct bench *bench, int direct_pct, double *best_pct,
		       double *loss_pct);

/* report_replay.c */

/* Live runs tell two policies apart that differ by more per cent of the all-local time. */
#define BENCH_REPLAY_CLOSE_PCT	5.0

/* How far a workload's replays have the order of the live runs. */
struct bench_agreement {
	size_t policies;		/* live and replayed */
	size_t pairs;			/* of those, that the live runs tell apart */
	size_t alike;			/* of those, that come out in the same order */
};

/** bench_find_replay - that one, or NULL */
const struct bench_replay *bench_find_replay(const struct bench *bench, const char *workload,
					     const char *policy, int direct_pct);

/** bench_replay_agreement - of a workload at a share of direct memory */
struct bench_agreement bench_replay_agreement(const struct bench *bench, const char *workload,
					      int direct_pct);

/** bench_write_replay - both orders as a table. Return: false: there are none to compare. */
bool bench_write_replay(const struct bench *bench, FILE *out, int share);

/* Writers. */

/** bench_write_json - out/bench.json (report_json.c). Return: 0 or -1 with errno set. */
int bench_write_json(const struct bench *bench, const char *path);

/** bench_write_markdown - the tables (report_markdown.c); @level: of the topmost heading */
void bench_write_markdown(const struct bench *bench, FILE *out, int level);

/** bench_write_plots - data files and plots.gp (report_plot.c). Return: 0 or -1, errno set. */
int bench_write_plots(const struct bench *bench, const char *folder);

#endif /* DMEM_BENCH_REPORT_H */
