// SPDX-License-Identifier: GPL-2.0
/*
 * report.c - the benchmark's report. `store` takes a part's output in as a run, `report` writes
 * out/bench.json, out/bench.md and what gnuplot needs from all runs, `doc` puts the tables into
 * docs/performance.md. Called by bench.sh; fails, and says why, on anything not to be believed.
 */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define BEGIN_MARK	"<!-- bench:begin -->\n"
#define END_MARK	"<!-- bench:end -->"

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "bench: %s: %s\n", what, why);
	return 1;
}

static int tell_problems(const struct bench *bench)
{
	for (size_t i = 0; i < bench->nr_problems; i++)
		fprintf(stderr, "bench: %s\n", bench->problems[i]);
	return bench->nr_problems ? 1 : 0;
}

/* NAME=VALUE. */
static int add_setting(struct json_object *head, const char *setting)
{
	static const char *const numbers[] = { "scale", "status", "wall_seconds" };
	const char *value = strchr(setting, '=');
	struct json_object *to;
	char *name;

	if (!value)
		return fail(setting, "no NAME=VALUE");
	name = strndup(setting, value++ - setting);
	to = json_object_new_string(value);
	for (size_t i = 0; i < BENCH_COUNT(numbers); i++)
		if (!strcmp(name, numbers[i])) {
			json_object_put(to);
			to = json_object_new_int64(atoll(value));
		}
	json_object_object_add(head, name, to);
	free(name);
	return 0;
}

static int check_lines(const char *part, FILE *lines, const char *name)
{
	struct bench bench = {};
	int status;

	if (!bench_check_lines(&bench, part, lines, name))
		bench_problem(&bench, "%s: it holds no result", name);
	status = tell_problems(&bench);
	bench_free(&bench);
	return status;
}

static int copy_run(struct json_object *head, FILE *lines, const char *path)
{
	FILE *out = fopen(path, "w");
	char buf[4096];
	size_t len;

	if (!out)
		return fail(path, strerror(errno));
	fprintf(out, "{\"run\": %s}\n", json_object_to_json_string(head));
	while ((len = fread(buf, 1, sizeof(buf), lines)))
		fwrite(buf, 1, len, out);
	if (ferror(out) | fclose(out))
		return fail(path, strerror(errno));
	return 0;
}

/* Nothing is stored where a line is no result. */
static int store(const char *run, const char *name, int argc, char **argv)
{
	struct json_object *head = json_object_new_object();
	FILE *lines = fopen(name, "r");
	const char *part;
	int i, status = 0;

	if (!lines)
		return fail(name, strerror(errno));
	for (i = 0; !status && i < argc; i++)
		status = add_setting(head, argv[i]);
	part = json_object_get_string(json_object_object_get(head, "part"));
	if (!status && !part)
		status = fail(run, "no part=micro, part=macro, part=replay or part=scaling");
	if (!status)
		status = check_lines(part, lines, name);
	rewind(lines);
	if (!status)
		status = copy_run(head, lines, run);
	fclose(lines);
	json_object_put(head);
	return status;
}

/* Run files' names begin with their date: their order is that of the runs. */
static int read_runs(struct bench *bench, const char *out)
{
	char pattern[4096];
	glob_t files;
	int status = 0;

	snprintf(pattern, sizeof(pattern), "%s/bench/runs/*.jsonl", out);
	if (glob(pattern, 0, NULL, &files))
		files = (glob_t) {};
	for (size_t i = 0; i < files.gl_pathc; i++) {
		FILE *in = fopen(files.gl_pathv[i], "r");

		if (!in) {
			status = fail(files.gl_pathv[i], strerror(errno));
			continue;
		}
		bench_read_run(bench, in, files.gl_pathv[i]);
		fclose(in);
	}
	globfree(&files);
	bench_compute(bench);
	return status;
}

static int write_markdown(const struct bench *bench, const char *path)
{
	FILE *out = fopen(path, "w");

	if (!out)
		return fail(path, strerror(errno));
	fprintf(out, "# dmem: benchmark\n\nMethod and keys: docs/performance.md.\n\n");
	bench_write_markdown(bench, out, 2);
	if (ferror(out) | fclose(out))
		return fail(path, strerror(errno));
	return 0;
}

/* What fails is written as well, with what is wrong at its top: a run's time is not thrown away. */
static int report(const char *out)
{
	struct bench bench = {};
	char path[4096];
	int status = read_runs(&bench, out);

	snprintf(path, sizeof(path), "%s/bench.json", out);
	if (bench_write_json(&bench, path))
		status = fail(path, json_util_get_last_err());
	snprintf(path, sizeof(path), "%s/bench.md", out);
	status |= write_markdown(&bench, path);
	snprintf(path, sizeof(path), "%s/bench", out);
	if (bench_write_plots(&bench, path))
		status = fail(path, strerror(errno));
	status |= tell_problems(&bench);
	bench_free(&bench);
	return status;
}

static char *read_file(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!in)
		return NULL;
	if (getdelim(&text, &size, '\0', in) < 0) {
		free(text);
		text = NULL;
	}
	fclose(in);
	return text;
}

/* Everything of @text but what is between the marks. */
static int replace_marked(const struct bench *bench, const char *text, const char *path)
{
	const char *begin = strstr(text, BEGIN_MARK), *end = begin ? strstr(begin, END_MARK) : NULL;
	FILE *out;

	if (!end)
		return fail(path, "it lacks the marks " BEGIN_MARK "and " END_MARK);
	out = fopen(path, "w");
	if (!out)
		return fail(path, strerror(errno));
	fprintf(out, "%.*s\n", (int)(begin + strlen(BEGIN_MARK) - text), text);
	bench_write_markdown(bench, out, 3);
	fputs(end, out);
	if (ferror(out) | fclose(out))
		return fail(path, strerror(errno));
	return 0;
}

static int doc(const char *out, const char *path)
{
	struct bench bench = {};
	int status = read_runs(&bench, out) | tell_problems(&bench);
	char *text = read_file(path);

	if (!text)
		status = fail(path, errno ? strerror(errno) : "it is empty");
	else if (status)
		fail(path, "left as it is: the results are not to be relied on");
	else
		status = replace_marked(&bench, text, path);
	free(text);
	bench_free(&bench);
	return status;
}

int main(int argc, char **argv)
{
	if (argc > 4 && !strcmp(argv[1], "store"))
		return store(argv[2], argv[3], argc - 4, argv + 4);
	if (argc == 3 && !strcmp(argv[1], "report"))
		return report(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "doc"))
		return doc(argv[2], argv[3]);
	fprintf(stderr, "usage: bench-report store RUN LINES part=PART date=DATE NAME=VALUE...\n"
		"       bench-report report OUT\n"
		"       bench-report doc OUT DOCUMENT\n");
	return 2;
}
