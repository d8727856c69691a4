// SPDX-License-Identifier: GPL-2.0
/*
 * replay_test.c - dmem-tuner replay: bad command lines and bad files with their words, the table
 * and the JSON of a recording, and that policies come out in the right order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <json-c/json.h>

#include "tests/replay/script.h"
#include "tuner/replay.h"

#define ARGS_MAX	8

/* What replay_main() printed. */
static char out[16384], err[4096];

static void read_back(FILE *from, char *text, size_t room)
{
	size_t len;

	rewind(from);
	len = fread(text, 1, room - 1, from);
	text[len] = 0;
	fclose(from);
}

/* The arguments end with NULL. Returns the exit status. */
static int replay(const char *first, ...)
{
	char *argv[ARGS_MAX + 2] = { "replay", (char *)first };
	FILE *to = tmpfile(), *errors = tmpfile();
	int old_out, old_err, status, argc = 1;
	va_list args;

	va_start(args, first);
	while (argv[argc] && argc < ARGS_MAX)
		argv[++argc] = va_arg(args, char *);
	va_end(args);
	fflush(NULL);
	old_out = dup(STDOUT_FILENO);
	old_err = dup(STDERR_FILENO);
	dup2(fileno(to), STDOUT_FILENO);
	dup2(fileno(errors), STDERR_FILENO);
	optind = 0;
	status = replay_main(argc, argv);
	fflush(NULL);
	dup2(old_out, STDOUT_FILENO);
	dup2(old_err, STDERR_FILENO);
	close(old_out);
	close(old_err);
	read_back(to, out, sizeof(out));
	read_back(errors, err, sizeof(err));
	return status;
}

static void assert_usage(const char *option, const char *value, const char *why)
{
	char want[300];

	assert_int_equal(replay(option, value, "file", NULL), 2);
	snprintf(want, sizeof(want), "dmem-tuner: replay: %s: %s (dmem-tuner replay --help)\n",
		 *value ? value : "", why);
	assert_string_equal(err, want);
	assert_string_equal(out, "");
}

static void bad_command_lines_are_refused(void **state)
{
	static const char *const not_direct = "not a size from 256K on, nor a percentage";
	static const char *const not_link =
		"not nanoseconds of a request, of a page and of the host's work for a page, as 9000,1000 or 9000,1000,1600";
	static const char *const not_interval = "not an interval from 0.05 to 3600 seconds";

	(void)state;
	assert_usage("--direct", "0%", "not from 1% to 100%");
	assert_usage("--direct", "101%", "not from 1% to 100%");
	assert_usage("--direct", "-5%", "not from 1% to 100%");
	assert_usage("--direct", "128K", not_direct);
	assert_usage("--direct", "much", not_direct);
	assert_usage("--direct", "", not_direct);
	assert_usage("--policy", "static", "not a mode: auto, static:N, buddy or off");
	assert_usage("--policy", "static:10", "not an order from 0 to 9");
	assert_usage("--link", "9000", not_link);
	assert_usage("--link", "9000,", not_link);
	assert_usage("--link", ",1000", not_link);
	assert_usage("--link", "9000,1000,", not_link);
	assert_usage("--link", "9000,1000,-1", not_link);
	assert_usage("--link", "9000,1000,1,1", not_link);
	assert_usage("--link", "-1,0", not_link);
	assert_usage("--link", "nan,0", not_link);
	assert_usage("--interval", "0", not_interval);
	assert_usage("--interval", "2s", not_interval);
	assert_int_equal(replay("--policy", "auto,static:1,auto", "file", NULL), 2);
	assert_string_equal(err, "dmem-tuner: replay: auto: named twice (dmem-tuner replay --help)\n");
	assert_int_equal(replay(NULL, NULL), 2);
	assert_string_equal(err, "dmem-tuner: replay: FILE: which one? (dmem-tuner replay --help)\n");
	assert_int_equal(replay("--what", "file", NULL), 2);
	assert_int_equal(replay("--help", NULL), 0);
	assert_string_equal(out, replay_usage);
}

static void bad_files_are_refused(void **state)
{
	struct script script;
	char want[200];

	(void)state;
	assert_int_equal(replay("/nowhere", NULL), 1);
	assert_string_equal(err, "dmem-tuner: replay: /nowhere: No such file or directory\n");
	script_begin(&script, 1024, 512);
	script_end(&script);
	assert_int_equal(replay(script.path, NULL), 1);
	snprintf(want, sizeof(want),
		 "dmem-tuner: replay: %s: no access of any VM memory in it\n", script.path);
	assert_string_equal(err, want);
	assert_int_equal(replay("--vm", "vm9", script.path, NULL), 1);
	snprintf(want, sizeof(want),
		 "dmem-tuner: replay: %s: no access of a VM memory vm9 in it\n", script.path);
	assert_string_equal(err, want);
	assert_string_equal(out, "");
	script_remove(&script);
}

/* Two turns over 4096 pages of which 1024 may be local. */
static void make_sequence(struct script *script, bool whole)
{
	script_begin(script, 4096, 1024);
	for (unsigned int turn = 0; turn < 2; turn++)
		for (unsigned int page = 0; page < 4096; page++)
			script_fetch(script, page);
	if (whole)
		script_end(script);
	else
		fclose(script->writer.file);
}

static void patch_header(const struct script *script, long at, uint64_t value)
{
	FILE *file = fopen(script->path, "r+");

	assert_non_null(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	assert_int_equal(fwrite(&value, sizeof(value), 1, file), 1);
	assert_int_equal(fclose(file), 0);
}

static void a_table_says_what_became_of_it(void **state)
{
	struct script script;

	(void)state;
	make_sequence(&script, true);
	assert_int_equal(replay("--policy", "static:0,static:4", script.path, NULL), 0);
	assert_string_equal(err, "");
	assert_non_null(strstr(out, ": 8192 accesses to 16 MiB of 16 MiB, 0.016 s without waiting\n"
			       "direct 4 MiB; link 9.00 us a request, 1.00 us a page; host 0.00 us a page\n"
			       "policy        fetches       late       pages   used    stall s  slowdown %\n"
			       "(recorded)       8192          0        8192      -      0.082       500.1\n"
			       "static:0         8192          0        8192      -      0.082       500.1\n"
			       "static:4          512        512        8192   1.00      0.012        71.9\n"
			       "stall %         cold  capacity     wrong      late     queue      room      host\n"
			       "static:0        50.0      50.0       0.0       0.0       0.0       0.0       0.0\n"
			       "static:4        21.7      21.7       0.0      56.5       0.0       0.0       0.0\n"));
	assert_null(strstr(out, "mean of"));
	assert_int_equal(replay("--link", "0,500", "--direct", "25%,1M", script.path, NULL), 0);
	assert_non_null(strstr(out, "direct 4 MiB; link 0.00 us a request, 0.50 us a page; host 0.00 us a page\n"));
	assert_non_null(strstr(out, "direct 1 MiB; link"));
	assert_non_null(strstr(out, "mean of 2 tables\n"));
	assert_non_null(strstr(err, ": vm0: it lasts 0.020 s, and auto decides every 2.000 s: it has decided nothing (--interval)\n"));
	assert_int_equal(replay("--link", "9000,1000,2000", "--policy", "static:4", script.path,
				NULL), 0);
	assert_non_null(strstr(out, "1.00 us a page; host 2.00 us a page\n"));
	/* Of a block: the page's 10 us, 20 of the others' work, 22 more until the next has come. */
	assert_non_null(strstr(out, "\nstatic:4         9.6       9.6       0.0      42.3       0.0       0.0      38.5\n"));
	patch_header(&script, offsetof(struct trace_header, host_ns), 1700);
	patch_header(&script, offsetof(struct trace_header, cpus), 2);
	assert_int_equal(replay("--policy", "static:7", script.path, NULL), 0);
	assert_non_null(strstr(out, "1.00 us a page; host 1.70 us a page\n"));
	assert_non_null(strstr(out, "\nstatic:7          177        297        8192   1.00      0.010        59.9\n"));
	patch_header(&script, offsetof(struct trace_header, cpus), 1);
	assert_int_equal(replay("--policy", "static:7", script.path, NULL), 0);
	/* The worker that asks for what is not near has the guest's CPU. */
	assert_non_null(strstr(out, "\nstatic:7          177        297        8192   1.00      0.010        63.8\n"));
	script_remove(&script);
}

static int64_t number(struct json_object *object, const char *path, const char *key)
{
	struct json_object *member = object, *value;

	while (path) {
		assert_true(json_object_object_get_ex(member, path, &member));
		path = NULL;
	}
	assert_true(json_object_object_get_ex(member, key, &value));
	return json_object_get_int64(value);
}

static void json_has_the_same(void **state)
{
	struct json_object *object, *runs, *run, *policies, *policy, *means;
	struct script script;

	(void)state;
	make_sequence(&script, true);
	assert_int_equal(replay("--json", "--policy", "static:0,static:4,auto", script.path, NULL),
			 0);
	object = json_tokener_parse(out);
	assert_non_null(object);
	assert_true(json_object_object_get_ex(object, "runs", &runs));
	assert_int_equal(json_object_array_length(runs), 1);
	run = json_object_array_get_idx(runs, 0);
	assert_int_equal(number(run, NULL, "accesses"), 8192);
	assert_int_equal(number(run, NULL, "direct_limit_bytes"), 1024 * 4096);
	assert_int_equal(number(run, NULL, "request_ns"), 9000);
	assert_int_equal(number(run, NULL, "host_ns"), 0);
	assert_int_equal(number(run, "recorded", "fetches"), 8192);
	assert_true(json_object_object_get_ex(run, "policies", &policies));
	assert_int_equal(json_object_object_length(policies), 3);
	assert_int_equal(number(policies, "static:0", "fetches"), 8192);
	assert_int_equal(number(policies, "static:4", "fetches"), 8192 / 16);
	assert_int_equal(number(policies, "static:4", "prefetched_used_pages"), 8192 / 16 * 15);
	assert_true(json_object_object_get_ex(policies, "static:4", &policy));
	assert_int_equal(number(policy, "misses", "cold"), 4096 / 16);
	assert_int_equal(number(policy, "misses", "capacity"), 4096 / 16);
	assert_int_equal(number(policy, "misses", "wrong"), 0);
	assert_int_equal(number(policy, "misses", "late"), number(policy, NULL, "late"));
	assert_int_equal(number(policy, "stall_ns_by_cause", "cold"), 4096 / 16 * 10000);
	assert_int_equal(number(policy, "stall_ns_by_cause", "room"), 0);
	assert_true(json_object_object_get_ex(object, "mean_slowdown_pct", &means));
	assert_int_equal(json_object_object_length(means), 3);
	json_object_put(object);
	script_remove(&script);
}

static void what_is_wrong_with_a_recording_is_told(void **state)
{
	struct dmem_rec lost = { .kind = DMEM_REC_LOST, .value = 5 };
	struct dmem_error error;
	struct script script;
	char want[900];

	(void)state;
	make_sequence(&script, false);
	assert_int_equal(replay("--policy", "static:0", script.path, NULL), 0);
	snprintf(want, sizeof(want),
		 "dmem-tuner: replay: %s: cut off after 24577 whole records: what is before that is replayed\n",
		 script.path);
	assert_string_equal(err, want);
	assert_non_null(strstr(out, "static:0         8192"));
	script_remove(&script);

	script_begin(&script, 4096, 512);
	script_fetch(&script, 0);
	assert_int_equal(trace_write(&script.writer, &lost, NULL, &error), 0);
	script_end(&script);
	assert_int_equal(replay("--policy", "static:0", "--direct", "1M", script.path, NULL), 0);
	snprintf(want, sizeof(want),
		 "dmem-tuner: replay: %s: 5 events were lost when it was recorded\n"
		 "dmem-tuner: replay: %s: vm0: recorded at a direct limit of 2M, not 1M: what hit there is not in it, stalls are at least those shown\n",
		 script.path, script.path);
	assert_string_equal(err, want);
	script_remove(&script);
}

static double slowdown(struct json_object *means, const char *policy)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(means, policy, &value));
	return json_object_get_double(value);
}

/* A sequence wants large blocks; pages far apart want none, and the more of them the worse. */
static void policies_come_out_in_order(void **state)
{
	static const char *const names[] = { "static:0", "static:2", "static:4", "static:6" };
	struct script sequence, apart;
	struct json_object *object, *means;

	(void)state;
	make_sequence(&sequence, true);
	assert_int_equal(replay("--json", sequence.path, NULL), 0);
	object = json_tokener_parse(out);
	assert_true(json_object_object_get_ex(object, "mean_slowdown_pct", &means));
	assert_int_equal(json_object_object_length(means), 7);
	assert_true(slowdown(means, "static:4") < slowdown(means, "static:2"));
	assert_true(slowdown(means, "static:2") < slowdown(means, "static:0"));
	json_object_put(object);

	script_begin(&apart, 65536, 1024);
	for (unsigned int i = 0; i < 16384; i++)
		script_fetch(&apart, i * 40503U % 65536);
	script_end(&apart);
	assert_int_equal(replay("--json", apart.path, NULL), 0);
	object = json_tokener_parse(out);
	assert_true(json_object_object_get_ex(object, "mean_slowdown_pct", &means));
	for (unsigned int i = 1; i < 4; i++)
		assert_true(slowdown(means, names[i]) >= slowdown(means, names[i - 1]));
	assert_true(slowdown(means, "static:6") > 2 * slowdown(means, "static:0"));
	json_object_put(object);
	script_remove(&sequence);
	script_remove(&apart);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_command_lines_are_refused),
		cmocka_unit_test(bad_files_are_refused),
		cmocka_unit_test(a_table_says_what_became_of_it),
		cmocka_unit_test(json_has_the_same),
		cmocka_unit_test(what_is_wrong_with_a_recording_is_told),
		cmocka_unit_test(policies_come_out_in_order),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
