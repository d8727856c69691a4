// SPDX-License-Identifier: GPL-2.0
/* journal.c - the tuner's state and last decisions as a file of JSON lines. */
#include "journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"

/* Of the file: the first line says so. */
#define JOURNAL_VERSION	1

void dmem_journal_add(struct dmem_journal *journal, const struct dmem_decision *decision)
{
	if (journal->nr == DMEM_JOURNAL_ENTRIES) {
		journal->nr--;
		memmove(journal->entries, journal->entries + 1,
			journal->nr * sizeof(*journal->entries));
	}
	journal->entries[journal->nr++] = *decision;
}

static bool put_number(struct json_object *object, const char *name, __u64 value)
{
	return !json_object_object_add(object, name, json_object_new_int64((int64_t)value));
}

static bool put_string(struct json_object *object, const char *name, const char *value)
{
	return !json_object_object_add(object, name, dmem_json_string(value));
}

static bool put_head(struct json_object *object, const struct dmem_journal *journal)
{
	return put_number(object, "dmem_tuner_journal", JOURNAL_VERSION) &&
	       put_number(object, "pid", journal->pid) &&
	       put_string(object, "mode", journal->mode) &&
	       put_number(object, "interval_ns", journal->interval_ns) &&
	       put_number(object, "round_ns", journal->round_ns) &&
	       put_number(object, "rounds", journal->rounds) &&
	       put_number(object, "decisions", journal->decisions);
}

static bool put_decision(struct json_object *object, const struct dmem_decision *decision)
{
	return put_number(object, "time_ns", decision->time_ns) &&
	       put_number(object, "vm", decision->vm) &&
	       put_string(object, "name", decision->name) &&
	       put_number(object, "region", decision->region) &&
	       put_number(object, "from", decision->from) &&
	       put_number(object, "order", decision->order) &&
	       put_number(object, "is_dry_run", decision->is_dry_run) &&
	       put_string(object, "reason", decision->reason);
}

/* @decision: NULL for the first line. */
static int write_line(FILE *file, const struct dmem_journal *journal,
		      const struct dmem_decision *decision)
{
	struct json_object *object = json_object_new_object();
	int err = -ENOMEM;

	if (object && (decision ? put_decision(object, decision) : put_head(object, journal)))
		err = fprintf(file, "%s\n", json_object_to_json_string_ext(object,
				JSON_C_TO_STRING_NOSLASHESCAPE)) < 0 ? -EIO : 0;
	json_object_put(object);
	return err;
}

int dmem_journal_write(const char *path, const struct dmem_journal *journal,
		       struct dmem_error *error)
{
	char made[512];
	FILE *file;
	int err;

	snprintf(made, sizeof(made), "%s.new", path);
	file = fopen(made, "we");
	if (!file)
		return dmem_fail(error, errno, "%s: %s", made, strerror(errno));
	err = write_line(file, journal, NULL);
	for (__u32 i = 0; !err && i < journal->nr; i++)
		err = write_line(file, journal, &journal->entries[i]);
	if (fclose(file) && !err)
		err = -errno;
	if (!err && rename(made, path))
		err = -errno;
	if (!err)
		return 0;
	unlink(made);
	return dmem_fail(error, err, "writing %s: %s", path, strerror(-err));
}

static __u64 number_of(struct json_object *object, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value) ?
	       (__u64)json_object_get_int64(value) : 0;
}

static void string_of(struct json_object *object, const char *name, char *buf, size_t len)
{
	struct json_object *value;
	const char *text = json_object_object_get_ex(object, name, &value) ?
			   json_object_get_string(value) : NULL;

	snprintf(buf, len, "%s", text ? text : "");
}

static void take_head(struct json_object *object, struct dmem_journal *journal)
{
	journal->pid = (__u32)number_of(object, "pid");
	journal->interval_ns = number_of(object, "interval_ns");
	journal->round_ns = number_of(object, "round_ns");
	journal->rounds = number_of(object, "rounds");
	journal->decisions = number_of(object, "decisions");
	string_of(object, "mode", journal->mode, sizeof(journal->mode));
}

static void take_decision(struct json_object *object, struct dmem_journal *journal)
{
	struct dmem_decision decision = {
		.time_ns = number_of(object, "time_ns"),
		.vm = (__u32)number_of(object, "vm"),
		.region = (__u32)number_of(object, "region"),
		.from = (__u32)number_of(object, "from"),
		.order = (__u32)number_of(object, "order"),
		.is_dry_run = (__u32)number_of(object, "is_dry_run"),
	};

	string_of(object, "name", decision.name, sizeof(decision.name));
	string_of(object, "reason", decision.reason, sizeof(decision.reason));
	if (decision.time_ns)
		dmem_journal_add(journal, &decision);
}

static int read_lines(FILE *file, struct dmem_journal *journal)
{
	char *line = NULL;
	size_t len = 0;
	bool first = true;
	int err = 0;

	while (!err && getline(&line, &len, file) > 0) {
		struct json_object *object = json_tokener_parse(line);

		if (first && number_of(object, "dmem_tuner_journal") != JOURNAL_VERSION)
			err = -EPROTO;
		else if (first)
			take_head(object, journal);
		else if (object)
			take_decision(object, journal);
		first = false;
		json_object_put(object);
	}
	free(line);
	return err ? err : first ? -EPROTO : 0;
}

int dmem_journal_read(const char *path, struct dmem_journal *journal, struct dmem_error *error)
{
	FILE *file = fopen(path, "re");
	int err;

	memset(journal, 0, sizeof(*journal));
	if (!file)
		return dmem_fail(error, errno, "%s: %s", path, strerror(errno));
	err = read_lines(file, journal);
	fclose(file);
	if (!err)
		return 0;
	memset(journal, 0, sizeof(*journal));
	return dmem_fail(error, err, "%s: no journal of version %d of dmem-tuner", path,
			 JOURNAL_VERSION);
}
