// SPDX-License-Identifier: GPL-2.0
/* journal_test.c - the tuner's journal: what is written is read, and nothing else is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/journal.h"

static char path[64], made[80];
static struct dmem_journal written, found;
static struct dmem_error error;

static int set_up(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/dmem-journal-%d", getpid());
	snprintf(made, sizeof(made), "%s.new", path);
	memset(&written, 0, sizeof(written));
	written.pid = 77;
	written.interval_ns = 2000000000;
	written.round_ns = 1ULL << 40;
	written.rounds = 12;
	written.decisions = 3;
	snprintf(written.mode, sizeof(written.mode), "static:4");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void add(__u64 number, const char *name, const char *reason)
{
	struct dmem_decision decision = { .time_ns = number, .vm = (__u32)number, .region = 9,
					  .from = 2, .order = 7, .is_dry_run = number % 2 };

	snprintf(decision.name, sizeof(decision.name), "%s", name);
	snprintf(decision.reason, sizeof(decision.reason), "%s", reason);
	dmem_journal_add(&written, &decision);
}

static void spill(const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_round_trip(void **state)
{
	(void)state;
	assert_int_equal(dmem_journal_write(path, &written, &error), 0);
	assert_int_equal(dmem_journal_read(path, &found, &error), 0);
	assert_memory_equal(&found, &written, sizeof(found));
	add(1, "db", "neighbours 0.90 likely: 2 -> 7");
	add(2, "quote \" \\ and\nline", "b\303\274ro");
	assert_int_equal(dmem_journal_write(path, &written, &error), 0);
	assert_int_equal(dmem_journal_read(path, &found, &error), 0);
	assert_memory_equal(&found, &written, sizeof(found));
	assert_int_equal(access(made, F_OK), -1);
}

/* The oldest goes. */
static void test_bounded(void **state)
{
	(void)state;
	for (__u64 i = 1; i <= DMEM_JOURNAL_ENTRIES + 10; i++)
		add(i, "vm", "why");
	assert_int_equal(written.nr, DMEM_JOURNAL_ENTRIES);
	assert_int_equal(dmem_journal_write(path, &written, &error), 0);
	assert_int_equal(dmem_journal_read(path, &found, &error), 0);
	assert_int_equal(found.nr, DMEM_JOURNAL_ENTRIES);
	assert_int_equal(found.entries[0].time_ns, 11);
	assert_int_equal(found.entries[found.nr - 1].time_ns, DMEM_JOURNAL_ENTRIES + 10);
}

/* Bytes that are no UTF-8 do not end it. */
static void test_any_name(void **state)
{
	(void)state;
	add(1, "\xff\xfe", "why");
	assert_int_equal(dmem_journal_write(path, &written, &error), 0);
	assert_int_equal(dmem_journal_read(path, &found, &error), 0);
	assert_int_equal(found.nr, 1);
	assert_string_equal(found.entries[0].name, "\357\277\275\357\277\275");
}

static void refuse(const char *text, int err)
{
	spill(text);
	assert_int_equal(dmem_journal_read(path, &found, &error), err);
	assert_int_equal(found.pid, 0);
	assert_non_null(strstr(error.text, path));
}

static void test_foreign(void **state)
{
	(void)state;
	assert_int_equal(dmem_journal_read(path, &found, &error), -ENOENT);
	refuse("", -EPROTO);
	refuse("hello\n", -EPROTO);
	refuse("[1]\n", -EPROTO);
	refuse("{\"dmem_tuner_journal\": 2, \"pid\": 4}\n", -EPROTO);
	assert_int_equal(dmem_journal_write("/nowhere/at/all", &written, &error), -ENOENT);
	/* Of its lines, those that are none are left out; a later version may have more in them. */
	spill("{\"dmem_tuner_journal\": 1, \"pid\": 4, \"later\": []}\nnonsense\n{}\n[]\n"
	      "{\"time_ns\": 5, \"name\": 7, \"reason\": null, \"later\": {}}\n");
	assert_int_equal(dmem_journal_read(path, &found, &error), 0);
	assert_int_equal(found.pid, 4);
	assert_int_equal(found.nr, 1);
	assert_string_equal(found.entries[0].name, "7");
	assert_string_equal(found.entries[0].reason, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_any_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_foreign, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
