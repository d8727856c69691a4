// SPDX-License-Identifier: GPL-2.0
/*
 * output.c - the commands' JSON objects as aligned text.
 *
 * A table is a list of columns over an array of objects; pairs are one object, a line a member.
 * The unit at the end of a member's name says how its number is written.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dmemctl.h"
#include "units.h"

#define GAP	"  "
/* Room for the fetches of every order: "4K: 18446744073709551615, ". */
#define CELL_LEN	512

enum form { TEXT, NUMBER, COUNT, BYTES, TIME };

struct column {
	const char *title;
	const char *member;
	enum form form;
};

static const struct column pool_columns[] = {
	{ "POOL", "path", TEXT },
	{ "LENT", "lent_bytes", BYTES },
	{ "RESERVED", "reserved_bytes", BYTES },
	{ "OPTIONS", "options", TEXT },
	{}
};

static const struct column donor_columns[] = {
	{ "POOL", "pool", TEXT },
	{ "DONOR", "donor", TEXT },
	{ "STATE", "state", TEXT },
	{ "LEASED", "leased_bytes", BYTES },
	{ "USED", "used_bytes", BYTES },
	{ "FREE", "free_bytes", BYTES },
	{ "READ", "latency_ns", TIME },
	{}
};

static const struct column vm_columns[] = {
	{ "VM MEMORY", "path", TEXT },
	{ "ID", "id", NUMBER },
	{ "SIZE", "size_bytes", BYTES },
	{ "LIMIT", "direct_limit_bytes", BYTES },
	{ "DIRECT", "direct_bytes", BYTES },
	{ "REMOTE", "remote_bytes", BYTES },
	{ "ORDER", "order", NUMBER },
	{ "FAULTS", "faults", COUNT },
	{ "FETCHED", "fetched_pages", COUNT },
	{}
};

/* Bytes that begin a character: continuation bytes of UTF-8 take no room of their own. */
static int text_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* The control characters above ASCII are 0xc2 and a byte of 0x80 to 0x9f in UTF-8. */
static bool is_high_control(const char *text)
{
	return (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] >= 0x80 &&
	       (unsigned char)text[1] < 0xa0;
}

void print_text(FILE *to, const char *text)
{
	for (; *text; text++) {
		bool high = is_high_control(text);

		putc(high || iscntrl((unsigned char)*text) ? '?' : *text, to);
		text += high;
	}
}

static void print_padded(const char *text, int width, bool right)
{
	int spaces = width > text_width(text) ? width - text_width(text) : 0;

	printf("%*s", right ? spaces : 0, "");
	print_text(stdout, text);
	printf("%*s", right ? 0 : spaces, "");
}

/* @buf is used where the text is not the object's own. */
static const char *cell(struct json_object *value, enum form form, char *buf, size_t len)
{
	uint64_t number = (uint64_t)json_object_get_int64(value);

	switch (form) {
	case NUMBER:
		snprintf(buf, len, "%" PRIu64, number);
		return buf;
	case COUNT:
		return dmem_format_count(buf, len, number);
	case BYTES:
		return dmem_format_bytes(buf, len, number);
	case TIME:
		return number ? dmem_format_ns(buf, len, number) : "-";
	default:
		return json_object_get_string(value);
	}
}

static const char *cell_at(struct json_object *rows, size_t row, const struct column *column,
			   char *buf, size_t len)
{
	struct json_object *object = json_object_array_get_idx(rows, row);

	return cell(json_object_object_get(object, column->member), column->form, buf, len);
}

static int column_width(struct json_object *rows, const struct column *column)
{
	int width = text_width(column->title);
	char buf[DMEM_UNITS_LEN];

	for (size_t row = 0; row < json_object_array_length(rows); row++) {
		int wide = text_width(cell_at(rows, row, column, buf, sizeof(buf)));

		width = wide > width ? wide : width;
	}
	return width;
}

/* Text to the left, numbers to the right, no blanks at the end of a line. */
static void print_cell(const char *text, const struct column *column, int width)
{
	bool last = !column[1].title;

	print_padded(text, last && column->form == TEXT ? 0 : width, column->form != TEXT);
	fputs(last ? "\n" : GAP, stdout);
}

static void print_table(struct json_object *rows, const struct column *columns)
{
	int widths[sizeof(vm_columns) / sizeof(vm_columns[0])];
	char buf[DMEM_UNITS_LEN];

	for (int i = 0; columns[i].title; i++)
		widths[i] = column_width(rows, &columns[i]);
	for (int i = 0; columns[i].title; i++)
		print_cell(columns[i].title, &columns[i], widths[i]);
	for (size_t row = 0; row < json_object_array_length(rows); row++)
		for (int i = 0; columns[i].title; i++)
			print_cell(cell_at(rows, row, &columns[i], buf, sizeof(buf)), &columns[i],
				   widths[i]);
}

static void print_row(struct json_object *object, const struct column *columns)
{
	struct json_object *rows = need(json_object_new_array());

	put_item(rows, json_object_get(object));
	print_table(rows, columns);
	json_object_put(rows);
}

void print_pool(struct json_object *pool)
{
	print_row(pool, pool_columns);
}

void print_vm(struct json_object *vm)
{
	print_row(vm, vm_columns);
}

void print_list(struct json_object *list)
{
	struct json_object *pools = json_object_object_get(list, "pools");
	struct json_object *vms = json_object_object_get(list, "vms");

	if (!json_object_array_length(pools)) {
		puts("no pool is mounted");
		return;
	}
	print_table(pools, pool_columns);
	if (!json_object_array_length(vms))
		return;
	putchar('\n');
	print_table(vms, vm_columns);
}

static bool ends_in(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && !strcmp(name + len - end_len, end);
}

/* "direct_limit_bytes" is "direct limit" to people: the number beside it has its unit. */
static void pair_label(const char *member, char *label, size_t len)
{
	snprintf(label, len, "%s", member);
	if (ends_in(label, "_bytes"))
		label[strlen(label) - strlen("_bytes")] = 0;
	for (; *label; label++)
		if (*label == '_')
			*label = ' ';
}

/* Counts by block order: "4K: 12, 64K: 3". */
static const char *by_order(struct json_object *counts, char *buf, size_t len)
{
	size_t used = 0;

	snprintf(buf, len, "none");
	for (size_t order = 0; order < json_object_array_length(counts); order++) {
		int64_t count = json_object_get_int64(json_object_array_get_idx(counts, order));
		char block[DMEM_UNITS_LEN];

		if (!count || used >= len)
			continue;
		dmem_format_size(block, sizeof(block), (uint64_t)DMEM_PAGE_BYTES << order);
		used += snprintf(buf + used, len - used, "%s%s: %" PRId64, used ? ", " : "", block,
				 count);
	}
	return buf;
}

static const char *pair_value(const char *member, struct json_object *value, char *buf, size_t len)
{
	if (json_object_is_type(value, json_type_array))
		return by_order(value, buf, len);
	if (json_object_is_type(value, json_type_string))
		return cell(value, TEXT, buf, len);
	return cell(value, ends_in(member, "_bytes") ? BYTES : NUMBER, buf, len);
}

void print_pairs(struct json_object *object)
{
	char label[DMEM_NAME_LEN], buf[CELL_LEN];
	int width = 0;

	json_object_object_foreach(object, member, unused) {
		(void)unused;
		pair_label(member, label, sizeof(label));
		width = text_width(label) > width ? text_width(label) : width;
	}
	json_object_object_foreach(object, name, value) {
		pair_label(name, label, sizeof(label));
		print_padded(label, width, false);
		fputs(GAP, stdout);
		print_text(stdout, pair_value(name, value, buf, sizeof(buf)));
		putchar('\n');
	}
}

void print_donors(struct json_object *result)
{
	struct json_object *donors = json_object_object_get(result, "donors");

	if (json_object_array_length(donors))
		print_table(donors, donor_columns);
	else
		puts("no pool is mounted");
}

/* A line a check, and below it how to mend what is not as it should be. */
void print_doctor(struct json_object *result)
{
	struct json_object *checks = json_object_object_get(result, "checks");

	for (size_t i = 0; i < json_object_array_length(checks); i++) {
		struct json_object *check = json_object_array_get_idx(checks, i);
		struct json_object *mend = json_object_object_get(check, "mend");

		printf("%-8s" GAP "%-12s" GAP,
		       json_object_get_string(json_object_object_get(check, "state")),
		       json_object_get_string(json_object_object_get(check, "name")));
		print_text(stdout, json_object_get_string(json_object_object_get(check, "found")));
		putchar('\n');
		if (mend)
			printf("%-8s" GAP "%-12s" GAP "%s\n", "", "",
			       json_object_get_string(mend));
	}
}
