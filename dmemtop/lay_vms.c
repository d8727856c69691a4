// SPDX-License-Identifier: GPL-2.0
/* lay_vms.c - the screen VMs: one row each, and below it how the chosen one fares. */
#include "layout.h"

#include <stdio.h>
#include <string.h>

#include "units.h"

#define BAR_MIN		20
#define BAR_MAX		80
/* Lines below the table: what there is to say of the VM that the cursor is on. */
#define DETAIL_LINES	6
/* Rows that the table has before there are such lines. */
#define ROWS_MIN	4

static int longest_name(const struct top_model *model)
{
	int longest = 0;

	for (size_t i = 0; i < model->nr_vms; i++) {
		int width = top_name_width(top_vm_name(&model->vms[i]));

		longest = width > longest ? width : longest;
	}
	return longest;
}

static void lay_rule(struct top_grid *grid, const struct top_vm *vm, const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);
	char size[DMEM_UNITS_LEN];

	dmem_format_bytes(size, sizeof(size), vm->value.size_bytes);
	pen_fill(&pen, TOP_LABEL, top_glyphs(view->unicode)->rule, 2);
	pen_put(&pen, TOP_PLAIN, L' ');
	pen_name(&pen, TOP_STRONG, top_vm_name(vm));
	pen_field(&pen, TOP_PLAIN, "%s", size);
	pen_field(&pen, TOP_PLAIN, "default order %u", vm->value.default_order);
	pen_field(&pen, TOP_FAINT, "id %u", vm->id);
	pen_put(&pen, TOP_PLAIN, L' ');
	pen_fill(&pen, TOP_LABEL, top_glyphs(view->unicode)->rule, pen_left(&pen));
}

void top_bar(struct top_pen *pen, __u64 direct, __u64 remote, __u64 whole, __u64 limit, int width)
{
	const struct top_glyphs *glyphs = top_glyphs(pen->unicode);
	int held = top_cells_of(direct, whole, width), lent = top_cells_of(remote, whole, width);
	int at = top_cells_of(limit, whole, width), from = pen->at;

	/* Both may have been rounded up. */
	if (held + lent > width)
		held = width - lent ? width - lent : 1;
	if (held + lent > width)
		lent = width - held;
	pen_fill(pen, TOP_DIRECT, glyphs->direct, held);
	pen_fill(pen, TOP_REMOTE, glyphs->remote, lent);
	pen_fill(pen, TOP_FAINT, glyphs->none, width - (pen->at - from));
	if (at && at < width && from + at < pen->end)
		pen->cells[from + at].glyph = glyphs->limit;
}

static void lay_memory(struct top_grid *grid, const struct top_vm *vm, const struct top_view *view)
{
	const struct dmem_vm_value *value = &vm->value;
	char direct[DMEM_UNITS_LEN], remote[DMEM_UNITS_LEN], limit[DMEM_UNITS_LEN], text[128];
	__u64 held = value->direct_bytes + value->remote_bytes;
	struct top_pen pen = pen_line(grid, view->unicode);
	int width;

	dmem_format_bytes(direct, sizeof(direct), value->direct_bytes);
	dmem_format_bytes(remote, sizeof(remote), value->remote_bytes);
	dmem_format_bytes(limit, sizeof(limit), value->direct_limit_bytes);
	snprintf(text, sizeof(text), "%s direct of %s, %s remote", direct, limit, remote);
	pen_label(&pen, "memory");
	/* The figures are in the table, too: where both do not fit, the bar stays. */
	width = pen_left(&pen) - (int)strlen(text) - 2;
	if (width < BAR_MIN)
		width = pen_left(&pen);
	top_bar(&pen, value->direct_bytes, value->remote_bytes,
		value->size_bytes > held ? value->size_bytes : held, value->direct_limit_bytes,
		width < BAR_MAX ? width : BAR_MAX);
	pen_field(&pen, TOP_PLAIN, "%s", text);
}

void top_latency_levels(struct top_pen *pen, const __u64 *slots)
{
	int first = 0, last = DMEM_LATENCY_SLOTS - 1, width;
	char low[DMEM_UNITS_LEN], high[DMEM_UNITS_LEN];

	while (!slots[first])
		first++;
	while (!slots[last])
		last--;
	dmem_format_ns(low, sizeof(low), first ? 1ULL << first : 0);
	dmem_format_ns(high, sizeof(high), 2ULL << last);
	/* The last slot has no upper bound. */
	if (last == DMEM_LATENCY_SLOTS - 1)
		snprintf(high, sizeof(high), "more");
	width = (int)(strlen(low) + strlen(high)) + last - first + 1 + 4;
	if (width > pen_left(pen))
		return;
	pen_format(pen, TOP_PLAIN, "  %s ", low);
	pen_levels(pen, slots + first, last - first + 1);
	pen_format(pen, TOP_PLAIN, " %s", high);
}

static void lay_latency(struct top_grid *grid, const struct top_vm *vm,
			const struct top_view *view)
{
	char p50[DMEM_UNITS_LEN], p99[DMEM_UNITS_LEN], accuracy[DMEM_UNITS_LEN];
	struct top_pen pen = pen_line(grid, view->unicode);

	pen_label(&pen, "latency");
	if (vm->fetch_p50_ns < 0) {
		pen_text(&pen, TOP_FAINT, "no fetches");
		return;
	}
	top_text_ns(p50, sizeof(p50), vm->fetch_p50_ns);
	top_text_ns(p99, sizeof(p99), vm->fetch_p99_ns);
	pen_format(&pen, TOP_PLAIN, "p50 %s", p50);
	pen_field(&pen, TOP_PLAIN, "p99 %s", p99);
	top_latency_levels(&pen, vm->span.fetch_latency);
	if (vm->prefetch_accuracy < 0)
		return;
	top_text_share(accuracy, sizeof(accuracy), vm->prefetch_accuracy);
	pen_field(&pen, TOP_PLAIN, "%s of prefetched pages used", accuracy);
}

/* A level for each order from 0 to 9, then those that there are some of. */
static void lay_orders(struct top_grid *grid, const struct top_vm *vm, const struct top_view *view)
{
	const __u64 *counts = vm->span.fetches_by_order;
	char count[DMEM_UNITS_LEN], block[DMEM_UNITS_LEN];
	struct top_pen pen = pen_line(grid, view->unicode);

	pen_label(&pen, "orders");
	pen_levels(&pen, counts, DMEM_MAP_ORDERS);
	for (int order = 0; order < DMEM_MAP_ORDERS; order++) {
		if (!counts[order])
			continue;
		dmem_format_count(count, sizeof(count), counts[order]);
		dmem_format_size(block, sizeof(block), TOP_PAGE_BYTES << order);
		pen_field(&pen, TOP_PLAIN, "%s %s", block, count);
	}
}

static void lay_explanation(struct top_grid *grid, const struct top_vm *vm,
			    const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);
	char text[256];
	int severity = top_explain(vm, text, sizeof(text));

	pen_label(&pen, "state");
	pen_name(&pen, severity > 1 ? TOP_ALARM : severity ? TOP_WARNING : TOP_PLAIN, text);
}

/* The last thing that the tuner did about it. */
static void lay_decision(struct top_grid *grid, const struct top_model *model,
			 const struct top_vm *vm, const struct top_view *view)
{
	const struct dmem_journal *tuner = &model->sample->tuner;
	struct top_pen pen = pen_line(grid, view->unicode);
	char text[256];

	pen_label(&pen, "tuner");
	for (__u32 i = tuner->nr; i-- > 0;) {
		const struct dmem_decision *decision = &tuner->entries[i];

		if (decision->vm != vm->id)
			continue;
		snprintf(text, sizeof(text), "region %u: order %u to %u: %s", decision->region,
			 decision->from, decision->order, decision->reason);
		pen_name(&pen, TOP_PLAIN, text);
		return;
	}
	pen_text(&pen, TOP_FAINT, tuner->pid ? "has not changed anything of late" :
					       "dmem-tuner has not run: orders stay as they are");
}

void top_lay_vm(struct top_grid *grid, const struct top_model *model, const struct top_vm *vm,
		const struct top_view *view, int lines)
{
	if (lines > 0)
		lay_rule(grid, vm, view);
	if (lines > 1)
		lay_explanation(grid, vm, view);
	if (lines > 2)
		lay_memory(grid, vm, view);
	if (lines > 3)
		lay_decision(grid, model, vm, view);
	if (lines > 4)
		lay_latency(grid, vm, view);
	if (lines > 5)
		lay_orders(grid, vm, view);
}

void top_lay_vms(struct top_grid *grid, const struct top_model *model, struct top_view *view,
		 int lines)
{
	struct table table = table_plan(top_vm_columns, grid->width, longest_name(model), false,
					view->unicode);
	struct top_list *list = &view->lists[TOP_VMS];
	int rows = lines - 1, details = 0;

	/* The table gets what it needs, the rest is the chosen VM's, which gets some anyway. */
	if (view->nr_keys) {
		details = lines - 1 - (int)(model->nr_vms > ROWS_MIN ? model->nr_vms : ROWS_MIN);
		if (details < lines / 3)
			details = lines - 1 > ROWS_MIN ? lines / 3 : 0;
		details = details < DETAIL_LINES ? details : DETAIL_LINES;
		rows -= details;
	}
	top_list_fit(list, model->nr_vms, (size_t)(rows > 0 ? rows : 1));
	table_heading(grid, &table, model->interval_ns, (int)view->sort,
		      top_sort_keys[view->sort].goes_up != view->inverted);
	for (size_t i = list->scroll; rows > 0 && i < list->scroll + list->rows &&
	     i < model->nr_vms; i++) {
		int severity = top_severity(&model->vms[i]);

		table_row(grid, &table, &model->vms[i],
			  severity > 1 ? TOP_ALARM : severity ? TOP_WARNING : TOP_PLAIN,
			  view->nr_keys && i == list->row, (__u32)i);
	}
	if (details > 0)
		top_lay_vm(grid, model, &model->vms[list->row], view, details);
}
