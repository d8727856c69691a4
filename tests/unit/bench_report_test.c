// SPDX-License-Identifier: GPL-2.0
/*
 * bench_report_test.c - the benchmark's report: what it computes from results, which of them it
 * refuses and for what reason, and that results of several runs are told apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/bench/report.h"

#define MICRO_RUN \
	"{\"run\": {\"part\": \"micro\", \"date\": \"2026-01-01T00:00:00Z\", \"kernel\": \"k\"}}\n"
#define MICRO_LATER \
	"{\"run\": {\"part\": \"micro\", \"date\": \"2026-01-02T00:00:00Z\", \"kernel\": \"k\"}}\n"
#define MACRO_RUN \
	"{\"run\": {\"part\": \"macro\", \"date\": \"2026-01-01T00:00:00Z\", \"scale\": 1}}\n"
#define MACRO_LATER \
	"{\"run\": {\"part\": \"macro\", \"date\": \"2026-01-03T00:00:00Z\", \"scale\": 1}}\n"
#define MACRO_LARGER \
	"{\"run\": {\"part\": \"macro\", \"date\": \"2026-01-03T00:00:00Z\", \"scale\": 4}}\n"
#define CASE(name, p50) \
	"{\"case\": \"" name "\", \"samples\": 9, \"mean_ns\": 1, \"p50_ns\": " #p50 \
	", \"p99_ns\": 99999}\n"
#define CELL(workload, policy, pct, ns, limit, resident, pages, checksum) \
	"{\"workload\": \"" workload "\", \"policy\": \"" policy "\", \"direct_pct\": " #pct \
	", \"ns\": " #ns ", \"footprint_bytes\": 1000000, \"limit_bytes\": " #limit \
	", \"resident_bytes\": " #resident ", \"remote_pages\": " #pages \
	", \"checksum\": \"" checksum "\"}\n"
#define LOCAL(workload, ns)		CELL(workload, "local", 100, ns, 0, 1000000, 0, "c0ffee")
#define PAGED(workload, policy, ns)	CELL(workload, policy, 50, ns, 500000, 500000, 7, "c0ffee")
#define CUT(workload, policy, ns) \
	CELL(workload, policy, 50, ns, 500000, 500000, 7, "c0ffee\", \"cut\": true, \"x\": \"")

#define SCALING_RUN \
	"{\"run\": {\"part\": \"scaling\", \"date\": \"2026-01-01T00:00:00Z\"}}\n"
#define SCALING(name, ratio) \
	"{\"scaling\": \"" name "\", \"ratio\": " #ratio \
	", \"one_per_s\": 100, \"two_per_s\": 190}\n"

static void read_run(struct bench *bench, const char *text, const char *name)
{
	FILE *in = fmemopen((char *)text, strlen(text), "r");

	assert_non_null(in);
	bench_read_run(bench, in, name);
	fclose(in);
}

static struct bench compute(const char *run)
{
	struct bench bench = {};

	read_run(&bench, run, "run");
	bench_compute(&bench);
	return bench;
}

static void assert_clean(const struct bench *bench)
{
	if (bench->nr_problems)
		fail_msg("%s", bench->problems[0]);
}

static void assert_near(double value, double want)
{
	if (value < want - 1e-6 || value > want + 1e-6)
		fail_msg("%f, not %f", value, want);
}

/* The one problem that there is begins with @place and holds @reason. */
static void assert_refused(const char *run, const char *place, const char *reason)
{
	struct bench bench = compute(run);

	if (bench.nr_problems != 1)
		fail_msg("%s: %zu problems", reason, bench.nr_problems);
	if (strncmp(bench.problems[0], place, strlen(place)) ||
	    !strstr(bench.problems[0], reason))
		fail_msg("'%s' is not at %s and about '%s'", bench.problems[0], place, reason);
	bench_free(&bench);
}

static void test_slowdown_and_means(void **state)
{
	struct bench bench = compute(MACRO_RUN
		LOCAL("redis", 1000) PAGED("redis", "auto", 1100)
		LOCAL("sort", 2000) PAGED("sort", "auto", 2600)
		LOCAL("random", 1000) PAGED("random", "auto", 9000));
	double mean;

	(void)state;
	assert_clean(&bench);
	assert_near(bench_find_macro(&bench, "sort", "auto", 50)->slowdown_pct, 30);
	assert_near(bench_find_macro(&bench, "random", "auto", 50)->slowdown_pct, 800);
	assert_int_equal(bench_mean(&bench, "auto", 50, &mean), 2);
	assert_near(mean, 20);
	assert_int_equal(bench_mean(&bench, "auto", 75, &mean), 0);
	assert_int_equal(bench_mean(&bench, "uffd", 50, &mean), 0);
	bench_free(&bench);
}

static void test_best_static_and_loss(void **state)
{
	struct bench bench = compute(MACRO_RUN
		LOCAL("redis", 1000) PAGED("redis", "static-0", 1500)
		PAGED("redis", "static-4", 1200) PAGED("redis", "static-9", 1900)
		PAGED("redis", "auto", 1250) PAGED("redis", "uffd", 1100)
		LOCAL("sort", 1000) PAGED("sort", "static-9", 1040) PAGED("sort", "auto", 1020)
		LOCAL("gcc", 1000) PAGED("gcc", "static-2", 1500));
	double best, loss;

	(void)state;
	assert_clean(&bench);
	assert_string_equal(bench_best_static(&bench, "redis", 50)->policy, "static-4");
	assert_true(bench_auto_loss(&bench, "redis", 50, &loss));
	assert_near(loss, 5);
	assert_true(bench_auto_loss(&bench, "sort", 50, &loss));
	assert_near(loss, -2);
	assert_false(bench_auto_loss(&bench, "gcc", 50, &loss));
	assert_null(bench_best_static(&bench, "redis", 75));
	assert_int_equal(bench_mean_best(&bench, 50, &best, &loss), 2);
	assert_near(best, 12);
	assert_near(loss, 1.5);
	bench_free(&bench);
}

/* What was cut is a bound, which the mean inherits, and tells nothing of a loss. */
static void test_cut_is_a_bound(void **state)
{
	struct bench bench = compute(MACRO_RUN LOCAL("redis", 1000) LOCAL("sort", 1000)
				     PAGED("redis", "static-0", 1100) PAGED("sort", "static-0", 1300)
				     CUT("redis", "static-9", 10000) PAGED("sort", "static-9", 1200)
				     CUT("redis", "auto", 10000) PAGED("sort", "auto", 1250));
	double mean, loss;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_clean(&bench);
	assert_int_equal(bench_mean(&bench, "static-9", 50, &mean), 2);
	assert_near(mean, 460);
	assert_true(bench_mean_is_cut(&bench, "static-9", 50));
	assert_false(bench_mean_is_cut(&bench, "static-0", 50));
	assert_string_equal(bench_best_static(&bench, "redis", 50)->policy, "static-0");
	assert_false(bench_auto_loss(&bench, "redis", 50, &loss));
	assert_true(bench_auto_loss(&bench, "sort", 50, &loss));
	bench_write_markdown(&bench, out, 1);
	fclose(out);
	assert_non_null(strstr(text, "> 900.0"));
	assert_non_null(strstr(text, "> 460.0"));
	free(text);
	bench_free(&bench);
}

/* A rejected result is in no mean and is nobody's best. */
static void test_rejected_is_left_out(void **state)
{
	struct bench bench = compute(MACRO_RUN
		LOCAL("redis", 1000) PAGED("redis", "static-0", 1500)
		CELL("redis", "static-4", 50, 1001, 500000, 500000, 7, "bad"));
	double mean;

	(void)state;
	assert_int_equal(bench.nr_problems, 1);
	assert_string_equal(bench_best_static(&bench, "redis", 50)->policy, "static-0");
	assert_int_equal(bench_mean(&bench, "static-4", 50, &mean), 0);
	bench_free(&bench);
}

static const struct bench_target *find_target(const char *name)
{
	for (size_t i = 0; i < bench_nr_targets; i++)
		if (!strcmp(bench_targets[i].name, name))
			return &bench_targets[i];
	fail_msg("no target %s", name);
	return NULL;
}

static void test_targets(void **state)
{
	struct bench bench = compute(MICRO_RUN
		CASE("anon-first-touch", 4000) CASE("dmem-remote-read", 5000)
		CASE("dmem-remote-read-histograms-policy", 5200)
		CASE("dmem-remote-read-evicting", 9000) CASE("swap-ram-0", 10000));
	double value;

	(void)state;
	assert_clean(&bench);
	assert_true(bench_target_value(&bench, find_target("remote_read_to_anon"), &value));
	assert_near(value, 1.25);
	assert_true(bench_target_value(&bench, find_target("remote_read_to_swap"), &value));
	assert_near(value, 0.5);
	assert_true(bench_target_value(&bench, find_target("evicting_to_remote_read"), &value));
	assert_near(value, 1.8);
	assert_true(bench_target_value(&bench, find_target("plane_overhead_pct"), &value));
	assert_near(value, 4);
	assert_false(bench_target_value(&bench, find_target("remote_read_to_uffd"), &value));
	assert_false(bench_target_value(&bench, find_target("soft_to_anon"), &value));
	bench_free(&bench);
}

/* A donor may have nothing to do, which is no lack of a figure; nothing else takes no time. */
static void test_rdma(void **state)
{
	struct bench bench = compute(MICRO_RUN CASE("anon-first-touch", 4000)
		CASE("rdma-read-4k", 48000) CASE("ib-read-lat-4k", 40000)
		CASE("rdma-read-64k", 12000) CASE("ib-read-lat-64k", 8000)
		CASE("swap-nvme-rdma", 96000) CASE("rdma-donor-cpu", 0)
		CASE("rdma-read-at-once-4", 25000));
	double value;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_clean(&bench);
	assert_true(bench_target_value(&bench, find_target("rdma_read_to_raw_4k"), &value));
	assert_near(value, 1.2);
	assert_true(bench_target_value(&bench, find_target("rdma_read_to_raw_64k"), &value));
	assert_near(value, 1.5);
	assert_true(bench_target_value(&bench, find_target("rdma_read_to_nvme"), &value));
	assert_near(value, 0.5);
	assert_true(bench_target_value(&bench, find_target("rdma_donor_cpu"), &value));
	assert_near(value, 0);
	bench_write_markdown(&bench, out, 2);
	fclose(out);
	assert_non_null(strstr(text, "## RDMA: fetches under way at once"));
	assert_non_null(strstr(text, "25000"));
	assert_non_null(strstr(text, "156.2"));
	free(text);
	bench_free(&bench);
	assert_refused(MICRO_RUN CASE("anon-first-touch", 1) CASE("rdma-read-4k", 0), "run:3:",
		       "p50_ns is too small");
}

static void test_refuses_results(void **state)
{
	(void)state;
	assert_refused(MACRO_RUN PAGED("redis", "auto", 1100), "run:2: redis, auto, 50 %",
		       "no all-local run");
	assert_refused(MACRO_RUN LOCAL("redis", 1000)
		       CELL("redis", "uffd", 50, 1100, 500000, 500000, 7, "bad"), "run:3: redis, uffd",
		       "checksum bad is not the all-local run's c0ffee");
	assert_refused(MACRO_RUN LOCAL("redis", 1000)
		       CELL("redis", "auto", 50, 1100, 500000, 500000, 0, "c0ffee"), "run:3:",
		       "no remote page was fetched");
	assert_refused(MACRO_RUN LOCAL("redis", 1000)
		       CELL("redis", "auto", 50, 1100, 900000, 500000, 7, "c0ffee"), "run:3:",
		       "is not 50 % of the footprint");
	assert_refused(MACRO_RUN LOCAL("redis", 1000)
		       CELL("redis", "auto", 50, 1100, 500000, 800000, 7, "c0ffee"), "run:3:",
		       "is above limit_bytes");
	assert_refused(MACRO_RUN CELL("redis", "local", 100, 1000, 0, 1000000, 3, "c0ffee"), "run:2:",
		       "not all local: 3 remote pages");
	assert_refused(MACRO_RUN LOCAL("redis", 1000) LOCAL("redis", 1000), "run:3:", "twice");
	assert_refused(MICRO_RUN CASE("dmem-soft", 5), "micro:", "no anon-first-touch");
}

static void test_refuses_lines(void **state)
{
	(void)state;
	assert_refused("", "run:1:", "empty");
	assert_refused("{\"part\": \"micro\"}\n", "run:1:", "of what run");
	assert_refused(MICRO_RUN CASE("anon-first-touch", 1) "\n{\"case\": \"x\", \"sam\n", "run:4:",
		       "");
	assert_refused(MICRO_RUN CASE("anon-first-touch", 1) "[]\n", "run:3:", "no JSON object");
	assert_refused(MICRO_RUN CASE("anon-first-touch", 1) CASE("uffd", "1"), "run:3:",
		       "p50_ns is not there, or no number");
	assert_refused(MICRO_RUN CASE("anon-first-touch", 1) CASE("uffd", 0), "run:3:",
		       "p50_ns is too small");
	assert_refused(MICRO_RUN CASE("anon-first-touch", 1) CASE("uffd", 100000), "run:3:",
		       "p99_ns is below p50_ns");
	assert_refused(MACRO_RUN LOCAL("redis", 1) "{\"workload\": \"redis\"}\n", "run:3:",
		       "lacks workload, policy or checksum");
	assert_refused("{\"run\": {\"part\": \"micro\", \"date\": \"d\", \"status\": 124}}\n"
		       CASE("anon-first-touch", 1), "run:", "the micro part failed");
}

/* One case again: it is the new run's, the other is marked as the old one's. */
static void test_later_run_replaces(void **state)
{
	struct bench bench = {};
	size_t size;
	char *text;
	FILE *out;

	(void)state;
	read_run(&bench, MICRO_RUN CASE("anon-first-touch", 4000) CASE("uffd", 17000), "old");
	read_run(&bench, MICRO_LATER CASE("anon-first-touch", 4100), "new");
	bench_compute(&bench);
	assert_clean(&bench);
	assert_int_equal(bench.nr_micro, 2);
	assert_near(bench_find_micro(&bench, "anon-first-touch")->p50_ns, 4100);
	assert_int_equal(bench.runs[0].used, 1);
	assert_int_equal(bench.runs[1].used, 1);

	out = open_memstream(&text, &size);
	bench_write_markdown(&bench, out, 2);
	fclose(out);
	assert_non_null(strstr(text, "Measured 2026-01-02T00:00:00Z (run 2); "
			       "marked [1]: 2026-01-01T00:00:00Z."));
	assert_non_null(strstr(text, "| uffd [1] "));
	assert_non_null(strstr(text, "| anon-first-touch "));
	free(text);
	bench_free(&bench);
}

/* A slowdown is as old as the older of its two runs. */
static void test_old_baseline_is_marked(void **state)
{
	struct bench bench = {};
	size_t size;
	char *text;
	FILE *out;

	(void)state;
	read_run(&bench, MACRO_RUN LOCAL("redis", 1000), "old");
	read_run(&bench, MACRO_LATER PAGED("redis", "auto", 1125), "new");
	bench_compute(&bench);
	assert_clean(&bench);
	out = open_memstream(&text, &size);
	bench_write_markdown(&bench, out, 2);
	fclose(out);
	assert_non_null(strstr(text, "12.5 [1]"));
	free(text);
	bench_free(&bench);
}

/* At another scale the baseline is no baseline. */
static void test_other_conditions_are_set_aside(void **state)
{
	struct bench bench = {};

	(void)state;
	read_run(&bench, MACRO_RUN LOCAL("redis", 1000) PAGED("redis", "auto", 1100), "small");
	read_run(&bench, MACRO_LARGER PAGED("redis", "static-0", 8000), "large");
	bench_compute(&bench);
	assert_true(bench.runs[0].set_aside);
	assert_int_equal(bench.runs[0].used, 0);
	assert_null(bench_find_macro(&bench, "redis", "auto", 50));
	assert_int_equal(bench.nr_problems, 1);
	assert_non_null(strstr(bench.problems[0], "large:2: redis, static-0"));
	assert_non_null(strstr(bench.problems[0], "no all-local run"));
	bench_free(&bench);
}

static void test_lists_in_order(void **state)
{
	struct bench bench = compute(MACRO_RUN
		LOCAL("zlib", 1000) PAGED("zlib", "mine", 1100) PAGED("zlib", "uffd", 1100)
		PAGED("zlib", "static-2", 1100) LOCAL("sort", 1000));
	size_t nr;
	const char **names = bench_list_policies(&bench, 50, &nr);

	(void)state;
	assert_clean(&bench);
	assert_int_equal(nr, 3);
	assert_string_equal(names[0], "static-2");
	assert_string_equal(names[1], "uffd");
	assert_string_equal(names[2], "mine");
	free(names);
	names = bench_list_workloads(&bench, &nr);
	assert_int_equal(nr, 2);
	assert_string_equal(names[0], "sort");
	assert_string_equal(names[1], "zlib");
	free(names);
	bench_free(&bench);
}

#define STAGE(name, mean) \
	"{\"case\": \"stage-" name "\", \"samples\": 9, \"mean_ns\": " #mean \
	", \"p50_ns\": 1, \"p99_ns\": 9}\n"

/* Each of the two adds up by itself. */
static void test_stages(void **state)
{
	struct bench bench = compute(MICRO_RUN CASE("anon-first-touch", 9)
				     STAGE("entry", 100) STAGE("soft-entry", 20)
				     STAGE("mapping", 300) STAGE("soft-mapping", 6));
	char *text, *soft;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_clean(&bench);
	bench_write_markdown(&bench, out, 2);
	fclose(out);
	soft = strstr(text, "## Stages of dmem-soft, means");
	assert_non_null(soft);
	assert_non_null(strstr(soft, "| all stages |  26 |"));
	assert_non_null(strstr(soft, "| mapping    |   6 |"));
	*soft = 0;
	assert_non_null(strstr(text, "## Stages of dmem-remote-read, means"));
	assert_non_null(strstr(text, "| all stages | 400 |"));
	assert_null(strstr(text, "| soft-entry"));
	free(text);
	bench_free(&bench);
}

#define REPLAY_RUN \
	"{\"run\": {\"part\": \"replay\", \"date\": \"2026-01-02T00:00:00Z\", \"scale\": 1}}\n"
#define REPLAY(policy, pct) \
	"{\"workload\": \"sort\", \"policy\": \"" policy "\", \"direct_pct\": 50, " \
	"\"slowdown_pct\": " #pct "}\n"

/* Live: auto 20, static-0 50, -2 52, -4 250, static-6 100 at least, static-9 200 at least. */
static void test_replay(void **state)
{
	struct bench_agreement agreement;
	struct bench bench = {};
	char *text;
	size_t len;
	FILE *out;

	(void)state;
	read_run(&bench, MACRO_RUN LOCAL("sort", 1000) PAGED("sort", "auto", 1200)
		 PAGED("sort", "static-0", 1500) PAGED("sort", "static-2", 1520)
		 PAGED("sort", "static-4", 3500) CUT("sort", "static-6", 2000) CUT("sort", "static-9", 3000), "macro");
	read_run(&bench, REPLAY_RUN REPLAY("auto", 99), "old");
	/* auto is put behind static-0; 0 and 2 are not told apart, nor are 6, 9 and 4. */
	read_run(&bench, REPLAY_RUN REPLAY("static-6", 9) REPLAY("static-0", 5) REPLAY("auto", 6)
		 REPLAY("static-2", 7) REPLAY("static-4", 8.5) REPLAY("static-9", 8) REPLAY("buddy", 1), "replay");
	bench_compute(&bench);
	assert_clean(&bench);
	assert_near(bench_find_replay(&bench, "sort", "auto", 50)->slowdown_pct, 6);
	assert_null(bench_find_replay(&bench, "sort", "auto", 25));
	agreement = bench_replay_agreement(&bench, "sort", 50);
	assert_int_equal(agreement.policies, 6);
	assert_int_equal(agreement.pairs, 11);
	assert_int_equal(agreement.alike, 10);
	assert_int_equal(bench_replay_agreement(&bench, "sort", 25).pairs, 0);
	assert_int_equal(bench_replay_agreement(&bench, "redis", 50).pairs, 0);
	out = open_memstream(&text, &len);
	bench_write_markdown(&bench, out, 2);
	fclose(out);
	assert_non_null(strstr(text, "## Replay: policies in their order, in per cent, 50 % direct"));
	assert_null(strstr(text, "## Replay: policies in their order, in per cent, 25 % direct"));
	assert_non_null(strstr(text, "auto 20, static-0 50, static-2 52, static-6 > 100, static-9 > 200, static-4 250"));
	assert_non_null(strstr(text, "static-0 5, auto 6, static-2 7, static-9 8, static-4 8, static-6 9"));
	assert_non_null(strstr(text, " 10 of 11 |"));
	free(text);
	bench_free(&bench);
	assert_refused(REPLAY_RUN REPLAY("auto", -1), "run:2: ", "slowdown_pct is too small");
	assert_refused(REPLAY_RUN "{\"policy\": \"auto\"}\n", "run:2: ", "lacks workload");
	assert_refused(REPLAY_RUN REPLAY("auto", 1) REPLAY("auto", 2), "run: ",
		       "replayed twice in one run");
}

static void test_scaling(void **state)
{
	struct bench bench = {};

	(void)state;
	read_run(&bench, SCALING_RUN SCALING("vcpus", 1.7) SCALING("threads", 1.9), "first");
	read_run(&bench, SCALING_RUN SCALING("vcpus", 1.95) SCALING("vcpus-anon", 1.5), "second");
	bench_compute(&bench);
	assert_clean(&bench);
	assert_near(bench_find_scaling(&bench, "vcpus")->ratio, 1.95);
	assert_near(bench_find_scaling(&bench, "threads")->ratio, 1.9);
	assert_true(bench_scaling_target(bench_find_scaling(&bench, "vcpus")));
	assert_false(bench_scaling_target(bench_find_scaling(&bench, "vcpus-anon")));
	assert_null(bench_find_scaling(&bench, "nodes"));
	assert_int_equal(bench.runs[0].used, 1);
	bench_free(&bench);
	assert_refused(SCALING_RUN SCALING("vcpus", 0), "run:2: ", "ratio is too small");
	assert_refused(SCALING_RUN "{\"ratio\": 1.9}\n", "run:2: ", "does not name");
	assert_refused(SCALING_RUN SCALING("vcpus", 1) SCALING("vcpus", 2), "run: ",
		       "measured twice in one run");
}

static void test_check_counts_results(void **state)
{
	static char text[] = CASE("anon-first-touch", 1) "nonsense\n" CASE("uffd", 1);
	struct bench bench = {};
	FILE *in = fmemopen(text, sizeof(text) - 1, "r");

	(void)state;
	assert_int_equal(bench_check_lines(&bench, "micro", in, "lines"), 2);
	assert_int_equal(bench.nr_problems, 1);
	assert_non_null(strstr(bench.problems[0], "lines:2: "));
	fclose(in);
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slowdown_and_means),
		cmocka_unit_test(test_best_static_and_loss),
		cmocka_unit_test(test_cut_is_a_bound),
		cmocka_unit_test(test_rejected_is_left_out),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_rdma),
		cmocka_unit_test(test_refuses_results),
		cmocka_unit_test(test_refuses_lines),
		cmocka_unit_test(test_later_run_replaces),
		cmocka_unit_test(test_old_baseline_is_marked),
		cmocka_unit_test(test_other_conditions_are_set_aside),
		cmocka_unit_test(test_lists_in_order),
		cmocka_unit_test(test_scaling),
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_check_counts_results),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
