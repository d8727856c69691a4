// SPDX-License-Identifier: GPL-2.0
/*
 * report_read.c - lines of JSON into results. A line is taken whole or refused with its file,
 * its number and the reason; whether a result is to be believed is report_compute.c's to say.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

void *bench_grow(void *array, size_t *nr, size_t size)
{
	char *grown = realloc(array, (*nr + 1) * size);

	if (!grown) {
		fprintf(stderr, "bench: no memory\n");
		exit(1);
	}
	memset(grown + *nr * size, 0, size);
	(*nr)++;
	return grown;
}

void bench_problem(struct bench *bench, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (!text) {
		fprintf(stderr, "bench: no memory\n");
		exit(1);
	}
	bench->problems = bench_grow(bench->problems, &bench->nr_problems,
				     sizeof(*bench->problems));
	bench->problems[bench->nr_problems - 1] = text;
}

static const char *get_text(struct json_object *line, const char *key)
{
	struct json_object *value = json_object_object_get(line, key);
	const char *text = value ? json_object_get_string(value) : NULL;

	return text && *text ? text : NULL;
}

/* A number of at least @least. Return: NULL, or what is wrong with it. */
static const char *get_number(struct json_object *line, const char *key, double least,
			      double *number)
{
	struct json_object *value = json_object_object_get(line, key);

	if (!json_object_is_type(value, json_type_int) &&
	    !json_object_is_type(value, json_type_double))
		return "is not there, or no number";
	*number = json_object_get_double(value);
	return *number >= least ? NULL : "is too small";
}

struct number_key {
	const char *key;
	double least;
	double *number;
};

/* Return: true if all are there; else @why says which is not. */
static bool get_numbers(struct json_object *line, const struct number_key *keys, size_t nr,
			char *why, size_t len)
{
	for (size_t i = 0; i < nr; i++) {
		const char *wrong = get_number(line, keys[i].key, keys[i].least, keys[i].number);

		if (!wrong)
			continue;
		snprintf(why, len, "%s %s", keys[i].key, wrong);
		return false;
	}
	return true;
}

/* A stage may be too short to see, and a donor have nothing to do; a case may not. */
static bool may_be_zero(const char *name)
{
	return !strncmp(name, "stage-", 6) || !strcmp(name, "rdma-donor-cpu");
}

static bool parse_micro(struct json_object *line, struct bench_micro *micro, char *why, size_t len)
{
	double samples, least;

	micro->name = get_text(line, "case");
	if (!micro->name) {
		snprintf(why, len, "it names no case");
		return false;
	}
	least = may_be_zero(micro->name) ? 0 : 1e-3;
	if (!get_numbers(line, (struct number_key[]) {
			{ "samples", 1, &samples },
			{ "mean_ns", least, &micro->mean_ns },
			{ "p50_ns", least, &micro->p50_ns },
			{ "p99_ns", least, &micro->p99_ns } }, 4, why, len))
		return false;
	if (micro->p99_ns >= micro->p50_ns)
		return true;
	snprintf(why, len, "p99_ns is below p50_ns");
	return false;
}

static bool parse_macro(struct json_object *line, struct bench_macro *macro, char *why, size_t len)
{
	double pct, ns, footprint = 0, limit = 0, resident = 0, remote = 0;
	bool paged;

	macro->workload = get_text(line, "workload");
	macro->policy = get_text(line, "policy");
	macro->checksum = get_text(line, "checksum");
	if (!macro->workload || !macro->policy || !macro->checksum) {
		snprintf(why, len, "it lacks workload, policy or checksum");
		return false;
	}
	if (!get_numbers(line, (struct number_key[]) {
			{ "direct_pct", 1, &pct },
			{ "ns", 1, &ns },
			{ "remote_pages", 0, &remote } }, 3, why, len))
		return false;
	paged = bench_is_paged(macro->policy);
	if (paged && !get_numbers(line, (struct number_key[]) {
			{ "footprint_bytes", 1, &footprint },
			{ "limit_bytes", 1, &limit },
			{ "resident_bytes", 0, &resident } }, 3, why, len))
		return false;
	if (pct > 100) {
		snprintf(why, len, "direct_pct is more than 100");
		return false;
	}
	if (!paged)
		get_number(line, "footprint_bytes", 0, &footprint);
	macro->direct_pct = pct;
	macro->ns = ns;
	macro->footprint_bytes = footprint;
	macro->limit_bytes = limit;
	macro->resident_bytes = resident;
	macro->remote_pages = remote;
	macro->is_cut = json_object_get_boolean(json_object_object_get(line, "cut"));
	return true;
}

static bool parse_scaling(struct json_object *line, struct bench_scaling *scaling, char *why,
			  size_t len)
{
	scaling->name = get_text(line, "scaling");
	if (!scaling->name) {
		snprintf(why, len, "it does not name what scales");
		return false;
	}
	return get_numbers(line, (struct number_key[]) {
			{ "ratio", 1e-3, &scaling->ratio },
			{ "one_per_s", 1e-3, &scaling->one_per_s },
			{ "two_per_s", 1e-3, &scaling->two_per_s } }, 3, why, len);
}

static bool parse_replay(struct json_object *line, struct bench_replay *replay, char *why,
			 size_t len)
{
	double pct;

	replay->workload = get_text(line, "workload");
	replay->policy = get_text(line, "policy");
	if (!replay->workload || !replay->policy) {
		snprintf(why, len, "it lacks workload or policy");
		return false;
	}
	if (!get_numbers(line, (struct number_key[]) {
			{ "direct_pct", 1, &pct },
			{ "slowdown_pct", 0, &replay->slowdown_pct } }, 2, why, len))
		return false;
	replay->direct_pct = pct;
	return true;
}

/* Takes @line over where it is good. */
static bool add_result(struct bench *bench, const char *part, struct json_object *line,
		       const char *name, size_t number, char *why, size_t len)
{
	struct bench_micro micro = { .line = line };
	struct bench_macro macro = { .line = line };
	struct bench_scaling scaling = { .line = line };
	struct bench_replay replay = { .line = line };

	if (!strcmp(part, "micro")) {
		if (!parse_micro(line, &micro, why, len))
			return false;
		micro.run = bench->nr_runs - 1;
		bench->micro = bench_grow(bench->micro, &bench->nr_micro, sizeof(micro));
		bench->micro[bench->nr_micro - 1] = micro;
		return true;
	}
	if (!strcmp(part, "scaling")) {
		if (!parse_scaling(line, &scaling, why, len))
			return false;
		scaling.run = bench->nr_runs - 1;
		bench->scaling = bench_grow(bench->scaling, &bench->nr_scaling, sizeof(scaling));
		bench->scaling[bench->nr_scaling - 1] = scaling;
		return true;
	}
	if (!strcmp(part, "replay")) {
		if (!parse_replay(line, &replay, why, len))
			return false;
		replay.run = bench->nr_runs - 1;
		bench->replay = bench_grow(bench->replay, &bench->nr_replay, sizeof(replay));
		bench->replay[bench->nr_replay - 1] = replay;
		return true;
	}
	if (!parse_macro(line, &macro, why, len))
		return false;
	macro.run = bench->nr_runs - 1;
	if (asprintf(&macro.where, "%s:%zu", name, number) < 0)
		macro.where = NULL;
	bench->macro = bench_grow(bench->macro, &bench->nr_macro, sizeof(macro));
	bench->macro[bench->nr_macro - 1] = macro;
	return true;
}

/* The line as an object, or NULL with the reason in @why. */
static struct json_object *parse_object(const char *text, char *why, size_t len)
{
	enum json_tokener_error error;
	struct json_object *line = json_tokener_parse_verbose(text, &error);

	if (json_object_is_type(line, json_type_object))
		return line;
	snprintf(why, len, "%s", line ? "no JSON object" : json_tokener_error_desc(error));
	json_object_put(line);
	return NULL;
}

static size_t read_results(struct bench *bench, const char *part, FILE *in, const char *name,
			   size_t number)
{
	size_t size = 0, results = 0;
	char *text = NULL, why[128];

	while (getline(&text, &size, in) >= 0) {
		struct json_object *line;

		number++;
		if (!text[strspn(text, " \t\r\n")])
			continue;
		line = parse_object(text, why, sizeof(why));
		if (line && add_result(bench, part, line, name, number, why, sizeof(why))) {
			results++;
			continue;
		}
		bench_problem(bench, "%s:%zu: %s", name, number, why);
		json_object_put(line);
	}
	free(text);
	return results;
}

static bool read_head(struct bench_run *run, const char *text, char *why, size_t len)
{
	struct json_object *line = parse_object(text, why, len), *head;

	if (!line)
		return false;
	head = json_object_get(json_object_object_get(line, "run"));
	json_object_put(line);
	run->head = head;
	run->part = get_text(head, "part");
	run->date = get_text(head, "date");
	run->names = get_text(head, "names") ?: "";
	run->failed = json_object_get_int(json_object_object_get(head, "status"));
	if (run->part && run->date && (!strcmp(run->part, "micro") || !strcmp(run->part, "macro") ||
				       !strcmp(run->part, "replay") ||
				       !strcmp(run->part, "scaling")))
		return true;
	snprintf(why, len, "it does not say of what run the results are");
	return false;
}

void bench_read_run(struct bench *bench, FILE *in, const char *name)
{
	struct bench_run run = {};
	size_t size = 0;
	char *text = NULL, why[128] = "it is empty";

	if (getline(&text, &size, in) < 0 || !read_head(&run, text, why, sizeof(why))) {
		bench_problem(bench, "%s:1: %s", name, why);
		json_object_put(run.head);
		free(text);
		return;
	}
	free(text);
	run.file = strdup(name);
	bench->runs = bench_grow(bench->runs, &bench->nr_runs, sizeof(run));
	bench->runs[bench->nr_runs - 1] = run;
	read_results(bench, run.part, in, name, 1);
}

size_t bench_check_lines(struct bench *bench, const char *part, FILE *in, const char *name)
{
	return read_results(bench, part, in, name, 0);
}

void bench_free(struct bench *bench)
{
	size_t i;

	for (i = 0; i < bench->nr_runs; i++) {
		json_object_put(bench->runs[i].head);
		free(bench->runs[i].file);
	}
	for (i = 0; i < bench->nr_micro; i++)
		json_object_put(bench->micro[i].line);
	for (i = 0; i < bench->nr_scaling; i++)
		json_object_put(bench->scaling[i].line);
	for (i = 0; i < bench->nr_macro; i++) {
		json_object_put(bench->macro[i].line);
		free(bench->macro[i].where);
	}
	for (i = 0; i < bench->nr_replay; i++)
		json_object_put(bench->replay[i].line);
	for (i = 0; i < bench->nr_problems; i++)
		free(bench->problems[i]);
	free(bench->runs);
	free(bench->micro);
	free(bench->macro);
	free(bench->scaling);
	free(bench->replay);
	free(bench->problems);
	*bench = (struct bench) {};
}
