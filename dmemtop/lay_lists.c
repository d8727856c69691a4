// SPDX-License-Identifier: GPL-2.0
/* lay_lists.c - the screens Donors, Tuner and Help. */
#include "layout.h"

#include <stdio.h>
#include <string.h>

#include "units.h"

#define NS_PER_S	1e9
/* A tuner that is this many intervals late does not run any more. */
#define ROUNDS_LATE	3

/*
 * Donors
 */

/* What a row of the table is of. */
struct donor_row {
	const struct top_donor *donor;
	const struct top_model *model;
};

static void donor_path(const void *row, char *buf, size_t len)
{
	snprintf(buf, len, "%s", ((const struct donor_row *)row)->donor->path);
}

static void donor_spec(const void *row, char *buf, size_t len)
{
	snprintf(buf, len, "%s", ((const struct donor_row *)row)->donor->spec);
}

static void donor_state(const void *row, char *buf, size_t len)
{
	snprintf(buf, len, "%s", top_donor_state(((const struct donor_row *)row)->donor));
}

static void donor_lent(const void *row, char *buf, size_t len)
{
	top_text_bytes(buf, len, (double)((const struct donor_row *)row)->donor->lent_bytes);
}

static void donor_reserved(const void *row, char *buf, size_t len)
{
	top_text_bytes(buf, len, (double)((const struct donor_row *)row)->donor->reserved_bytes);
}

static void donor_share(const void *row, char *buf, size_t len)
{
	const struct top_donor *donor = ((const struct donor_row *)row)->donor;

	top_text_share(buf, len, donor->lent_bytes ? (double)donor->reserved_bytes /
						     (double)donor->lent_bytes : TOP_UNKNOWN);
}

/* Sums over the VMs of a donor. */
static struct top_vm sum_vms(const struct donor_row *row, size_t *nr)
{
	struct top_vm sum = {};

	*nr = 0;
	for (size_t i = 0; i < row->model->nr_vms; i++) {
		const struct top_vm *vm = &row->model->vms[i];

		if (vm->donor != row->donor)
			continue;
		(*nr)++;
		sum.value.remote_bytes += vm->value.remote_bytes;
		sum.per_s[TOP_FETCHED_PAGES] += vm->per_s[TOP_FETCHED_PAGES];
		if (vm->fetch_p99_ns > sum.fetch_p99_ns)
			sum.fetch_p99_ns = vm->fetch_p99_ns;
	}
	return sum;
}

static void donor_vms(const void *row, char *buf, size_t len)
{
	size_t nr;

	sum_vms(row, &nr);
	snprintf(buf, len, "%zu", nr);
}

static void donor_remote(const void *row, char *buf, size_t len)
{
	size_t nr;

	top_text_bytes(buf, len, (double)sum_vms(row, &nr).value.remote_bytes);
}

static void donor_fetched(const void *row, char *buf, size_t len)
{
	size_t nr;
	double pages = sum_vms(row, &nr).per_s[TOP_FETCHED_PAGES];

	top_text_bytes(buf, len, nr && pages < 0 ? TOP_UNKNOWN : pages * (double)TOP_PAGE_BYTES);
}

static void donor_p99(const void *row, char *buf, size_t len)
{
	size_t nr;
	double ns = sum_vms(row, &nr).fetch_p99_ns;

	top_text_ns(buf, len, ns > 0 ? ns : TOP_UNKNOWN);
}

static const struct table_column donor_columns[] = {
	{ "POOL", NULL, 12, 0, TABLE_NO_SORT, true, donor_path },
	{ "DONOR", NULL, 12, 1, TABLE_NO_SORT, true, donor_spec },
	{ "STATE", NULL, 5, 2, TABLE_NO_SORT, false, donor_state },
	{ "LENT", NULL, 6, 4, TABLE_NO_SORT, false, donor_lent },
	{ "RESERVED", NULL, 8, 5, TABLE_NO_SORT, false, donor_reserved },
	{ "FULL", NULL, 5, 3, TABLE_NO_SORT, false, donor_share },
	{ "VMS", NULL, 4, 9, TABLE_NO_SORT, false, donor_vms },
	{ "REMOTE", NULL, 6, 6, TABLE_NO_SORT, false, donor_remote },
	{ "FETCH/S", NULL, 7, 7, TABLE_NO_SORT, false, donor_fetched },
	{ "WORST P99", NULL, 9, 8, TABLE_NO_SORT, false, donor_p99 },
	{}
};

void top_lay_donors(struct top_grid *grid, const struct top_model *model, struct top_view *view,
		    int lines)
{
	const struct top_sample *sample = model->sample;
	struct top_list *list = &view->lists[TOP_DONORS];
	int longest = 0;
	struct table table;

	if (!sample->nr_donors) {
		top_lay_faint(grid, view, "No pool is mounted here, so no donor lends memory: dmemctl mount makes one.");
		return;
	}
	for (size_t i = 0; i < sample->nr_donors; i++) {
		int width = top_name_width(sample->donors[i].path);

		longest = width > longest ? width : longest;
	}
	table = table_plan(donor_columns, grid->width, longest, false, view->unicode);
	top_list_fit(list, sample->nr_donors, (size_t)(lines > 1 ? lines - 1 : 1));
	table_heading(grid, &table, false, TABLE_NO_SORT, false);
	for (size_t i = list->scroll; lines > 1 && i < list->scroll + list->rows &&
	     i < sample->nr_donors; i++) {
		struct donor_row row = { &sample->donors[i], model };

		table_row(grid, &table, &row, TOP_PLAIN, view->nr_keys && i == list->row,
			  (__u32)i);
	}
}

/*
 * Tuner
 */

void top_tuner_says(const struct top_model *model, char *buf, size_t len)
{
	const struct dmem_journal *tuner = &model->sample->tuner;
	__u64 since_ns = model->sample->time_ns > tuner->round_ns ?
			 model->sample->time_ns - tuner->round_ns : 0;
	char text[DMEM_UNITS_LEN];

	if (!tuner->pid) {
		snprintf(buf, len, "no tuner");
	} else if (!tuner->interval_ns || since_ns > ROUNDS_LATE * tuner->interval_ns) {
		dmem_format_ns(text, sizeof(text), since_ns);
		snprintf(buf, len, "tuner ended %s ago", text);
	} else {
		dmem_format_count(text, sizeof(text), tuner->decisions);
		snprintf(buf, len, "tuner %s, %s decisions", tuner->mode, text);
	}
}

/* What a row of the table is of. */
struct decision_row {
	const struct dmem_decision *decision;
	__u64 now_ns;
};

static void decision_age(const void *row, char *buf, size_t len)
{
	const struct decision_row *line = row;
	__u64 then_ns = line->decision->time_ns;

	dmem_format_ns(buf, len, line->now_ns > then_ns ? line->now_ns - then_ns : 0);
}

static void decision_name(const void *row, char *buf, size_t len)
{
	snprintf(buf, len, "%s", ((const struct decision_row *)row)->decision->name);
}

static void decision_region(const void *row, char *buf, size_t len)
{
	snprintf(buf, len, "%u", ((const struct decision_row *)row)->decision->region);
}

static void decision_order(const void *row, char *buf, size_t len)
{
	const struct dmem_decision *decision = ((const struct decision_row *)row)->decision;

	snprintf(buf, len, "%u > %u", decision->from, decision->order);
}

static void decision_reason(const void *row, char *buf, size_t len)
{
	const struct dmem_decision *decision = ((const struct decision_row *)row)->decision;

	snprintf(buf, len, "%s%s", decision->is_dry_run ? "(dry run) " : "", decision->reason);
}

static const struct table_column decision_columns[] = {
	{ "VM", NULL, 8, 0, TABLE_NO_SORT, true, decision_name },
	{ "AGO", NULL, 7, 1, TABLE_NO_SORT, false, decision_age },
	{ "REGION", NULL, 7, 4, TABLE_NO_SORT, false, decision_region },
	{ "ORDER", NULL, 5, 2, TABLE_NO_SORT, false, decision_order },
	{ "REASON", NULL, 12, 3, TABLE_NO_SORT, true, decision_reason },
	{}
};

static size_t count_decisions(const struct top_model *model, const struct top_view *view,
			      int *longest)
{
	const struct dmem_decision *decision;
	size_t nr = 0;

	*longest = 0;
	while ((decision = top_view_decision(view, model, nr))) {
		int width = top_name_width(decision->name);

		*longest = width > *longest ? width : *longest;
		nr++;
	}
	return nr;
}

static void lay_tuner_state(struct top_grid *grid, const struct top_model *model,
			    const struct top_view *view)
{
	const struct dmem_journal *tuner = &model->sample->tuner;
	struct top_pen pen = pen_line(grid, view->unicode);
	char text[128];

	top_tuner_says(model, text, sizeof(text));
	pen_field(&pen, TOP_STRONG, "%s", text);
	pen_field(&pen, TOP_PLAIN, "process %u", tuner->pid);
	if (tuner->interval_ns)
		pen_field(&pen, TOP_PLAIN, "every %g s", (double)tuner->interval_ns / NS_PER_S);
	pen_field(&pen, TOP_PLAIN, "%llu rounds", (unsigned long long)tuner->rounds);
}

void top_lay_tuner(struct top_grid *grid, const struct top_model *model, struct top_view *view,
		   int lines)
{
	struct top_list *list = &view->lists[TOP_TUNER];
	struct table table;
	int longest;
	size_t nr;

	if (!model->sample->tuner.pid) {
		top_lay_faint(grid, view, "No dmem-tuner has run since this host was booted: every VM's default order is in force.");
		return;
	}
	nr = count_decisions(model, view, &longest);
	lay_tuner_state(grid, model, view);
	if (!nr || lines < 3) {
		top_lay_faint(grid, view, *view->filter ? "No decision about such a VM." :
						      "It has changed nothing yet.");
		return;
	}
	table = table_plan(decision_columns, grid->width, longest, true, view->unicode);
	top_list_fit(list, nr, (size_t)lines - 2);
	table_heading(grid, &table, false, TABLE_NO_SORT, false);
	for (size_t i = list->scroll; i < list->scroll + list->rows && i < nr; i++) {
		struct decision_row row = { top_view_decision(view, model, i),
					    model->sample->time_ns };

		table_row(grid, &table, &row, TOP_PLAIN, view->nr_keys && i == list->row,
			  (__u32)i);
	}
}

/*
 * Help
 */

#define KEY_WIDTH	18

static size_t help_lines(const struct top_view *view)
{
	return view->nr_keys + 1 + TOP_SORTS;
}

static void lay_help_line(struct top_grid *grid, const struct top_view *view, size_t line)
{
	struct top_pen pen = pen_line(grid, view->unicode);

	if (line < view->nr_keys) {
		pen_cell(&pen, TOP_LABEL, view->keys[line].key, KEY_WIDTH, true);
		pen_text(&pen, TOP_PLAIN, view->keys[line].what);
	} else if (line == view->nr_keys) {
		pen_text(&pen, TOP_STRONG, "Columns, and what -s sorts by:");
	} else {
		const struct top_key *key = &top_sort_keys[line - view->nr_keys - 1];

		pen_cell(&pen, TOP_LABEL, key->name, KEY_WIDTH, true);
		pen_text(&pen, TOP_PLAIN, key->what);
	}
}

void top_lay_help(struct top_grid *grid, struct top_view *view, int lines)
{
	struct top_list *list = &view->lists[TOP_HELP];
	size_t nr = help_lines(view);

	/* The cursor is the first line that is shown. */
	list->nr = nr > (size_t)lines ? nr - (size_t)lines + 1 : 1;
	list->rows = (size_t)lines;
	if (list->row >= list->nr)
		list->row = list->nr - 1;
	for (int i = 0; i < lines && list->row + (size_t)i < nr; i++)
		lay_help_line(grid, view, list->row + (size_t)i);
}
