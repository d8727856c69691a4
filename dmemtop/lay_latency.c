// SPDX-License-Identifier: GPL-2.0
/*
 * lay_latency.c - the screen Latency: log2 histograms of fetches, by donor and block order, of one
 * VM memory or of all.
 */
#include "layout.h"

#include <stdio.h>
#include <string.h>

#include "hist.h"
#include "units.h"

#define LABEL_WIDTH	13
#define DONORS_MAX	64
/* Of a line: p50, p99 and the count, behind the histogram. */
#define TEXT_WIDTH	28
#define NR_SLOTS_MIN	8

/* Sums of one donor. */
struct donor_latency {
	__u32 donor;
	struct dmem_latency_value sum;
};

/* Slots that are shown: all that one of the histograms has counted in. */
struct slots {
	int first;
	int nr;
};

static size_t sum_donors(const struct top_model *model, const struct top_vm *vm,
			 struct donor_latency *donors)
{
	size_t nr = 0, i;

	for (size_t j = 0; j < model->nr_latencies; j++) {
		const struct top_latency *latency = &model->latencies[j];
		const __u64 *from = (const __u64 *)&latency->span;
		__u64 *to;

		if (vm ? latency->key.vm != vm->id : !top_find_vm(model, latency->key.vm))
			continue;
		for (i = 0; i < nr && donors[i].donor != latency->key.donor; i++)
			;
		if (i == DONORS_MAX)
			continue;
		if (i == nr)
			donors[nr++] = (struct donor_latency){ .donor = latency->key.donor };
		to = (__u64 *)&donors[i].sum;
		for (size_t k = 0; k < sizeof(latency->span) / sizeof(__u64); k++)
			to[k] += from[k];
	}
	return nr;
}

static struct slots find_slots(const struct donor_latency *donors, size_t nr)
{
	int first = DMEM_LATENCY_SLOTS, last = 0;

	for (size_t i = 0; i < nr; i++)
		for (int order = 0; order < DMEM_MAP_ORDERS; order++)
			for (int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++) {
				if (!donors[i].sum.fetches[order][slot])
					continue;
				first = slot < first ? slot : first;
				last = slot > last ? slot : last;
			}
	if (first > last)
		return (struct slots){ .first = 10, .nr = NR_SLOTS_MIN };
	while (last - first + 1 < NR_SLOTS_MIN) {
		if (first > 0)
			first--;
		if (last < DMEM_LATENCY_SLOTS - 1)
			last++;
	}
	return (struct slots){ .first = first, .nr = last - first + 1 };
}

/* A slot is as many columns wide as there is room for. */
static int slot_width(const struct top_grid *grid, const struct slots *slots)
{
	int width = (grid->width - LABEL_WIDTH - TEXT_WIDTH) / slots->nr;

	return width > 6 ? 6 : width > 1 ? width : 1;
}

static void lay_axis(struct top_grid *grid, const struct slots *slots, const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);
	int each = slot_width(grid, slots);

	pen_fill(&pen, TOP_PLAIN, L' ', LABEL_WIDTH);
	for (int i = 0; i < slots->nr; i++) {
		char text[DMEM_UNITS_LEN];
		int room = LABEL_WIDTH + i * each - pen.at;

		dmem_format_ns(text, sizeof(text), 1ULL << (slots->first + i));
		if (room < 0 || (i && room < 1 && pen.at > LABEL_WIDTH))
			continue;
		if (LABEL_WIDTH + i * each + (int)strlen(text) >
		    LABEL_WIDTH + slots->nr * each + 4)
			break;
		pen_fill(&pen, TOP_PLAIN, L' ', room);
		pen_text(&pen, TOP_FAINT, text);
	}
}

static void put_histogram(struct top_pen *pen, const __u64 *counts, const struct slots *slots,
			  int each)
{
	const struct top_glyphs *glyphs = top_glyphs(pen->unicode);
	__u64 most = 0;

	for (int i = 0; i < slots->nr; i++)
		most = counts[slots->first + i] > most ? counts[slots->first + i] : most;
	for (int i = 0; i < slots->nr; i++) {
		__u64 count = counts[slots->first + i];
		int level = count ? top_cells_of(count, most, TOP_LEVELS) : 0;

		pen_fill(pen, level ? TOP_STRONG : TOP_FAINT, glyphs->levels[level], each);
	}
}

static void lay_order(struct top_grid *grid, const char *label, const __u64 *counts,
		      const struct slots *slots, const struct top_view *view)
{
	char p50[DMEM_UNITS_LEN], p99[DMEM_UNITS_LEN], count[DMEM_UNITS_LEN];
	struct top_pen pen = pen_line(grid, view->unicode);
	__u64 total = 0;

	for (int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++)
		total += counts[slot];
	pen_cell(&pen, TOP_LABEL, label, LABEL_WIDTH - 1, false);
	pen_put(&pen, TOP_PLAIN, L' ');
	put_histogram(&pen, counts, slots, slot_width(grid, slots));
	dmem_format_count(count, sizeof(count), total);
	top_text_ns(p50, sizeof(p50), total ? dmem_hist_quantile(counts, DMEM_LATENCY_SLOTS, 0.5) :
					      TOP_UNKNOWN);
	top_text_ns(p99, sizeof(p99), total ? dmem_hist_quantile(counts, DMEM_LATENCY_SLOTS, 0.99) :
					      TOP_UNKNOWN);
	pen_format(&pen, TOP_PLAIN, " %7s %8s %8s", count, p50, p99);
}

static void name_donor(char *buf, size_t len, const struct top_model *model, __u32 id)
{
	const struct top_sample *sample = model->sample;

	for (size_t i = 0; i < sample->nr_donors; i++)
		if (sample->donors[i].id == id && id) {
			snprintf(buf, len, "donor %u  %s  %s", id, sample->donors[i].spec,
				 sample->donors[i].path);
			return;
		}
	snprintf(buf, len, "donor %u", id);
}

static void lay_rest(struct top_grid *grid, const struct dmem_latency_value *value,
		     const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);
	__u64 requests = 0, pages = 0, ns = 0;
	char text[DMEM_UNITS_LEN];

	for (int order = 0; order < DMEM_MAP_ORDERS; order++) {
		requests += value->rest_requests[order];
		pages += value->rest_pages[order];
		ns += value->rest_ns[order];
	}
	pen_cell(&pen, TOP_LABEL, "rest", LABEL_WIDTH - 1, false);
	if (!requests) {
		pen_text(&pen, TOP_FAINT, " no requests for the rest of a block");
		return;
	}
	top_text_ns(text, sizeof(text), (double)ns / (double)requests);
	pen_format(&pen, TOP_PLAIN, " %llu requests for the rest of a block",
		   (unsigned long long)requests);
	pen_field(&pen, TOP_PLAIN, "%.1f pages each", (double)pages / (double)requests);
	pen_field(&pen, TOP_PLAIN, "%s on average", text);
}

/* A donor's lines: its name, all its fetches, those of each order that there were some of. */
static void lay_donor(struct top_grid *grid, const struct top_model *model,
		      const struct donor_latency *donor, const struct slots *slots, size_t *skip,
		      int *lines, const struct top_view *view)
{
	__u64 all[DMEM_LATENCY_SLOTS] = {};
	char name[TOP_PATH_LEN + TOP_SPEC_LEN + 32], label[48], block[DMEM_UNITS_LEN];

	for (int order = 0; order < DMEM_MAP_ORDERS; order++)
		for (int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++)
			all[slot] += donor->sum.fetches[order][slot];
	for (int line = -2; line <= DMEM_MAP_ORDERS; line++) {
		const __u64 *counts = line < 0 ? all : donor->sum.fetches[line % DMEM_MAP_ORDERS];
		__u64 total = 0;

		for (int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++)
			total += counts[slot];
		if (line >= 0 && line < DMEM_MAP_ORDERS && !total)
			continue;
		if (*skip) {
			(*skip)--;
			continue;
		}
		if ((*lines)-- <= 0)
			return;
		if (line == -2) {
			struct top_pen pen = pen_line(grid, view->unicode);

			name_donor(name, sizeof(name), model, donor->donor);
			pen_name(&pen, TOP_STRONG, name);
		} else if (line == DMEM_MAP_ORDERS) {
			lay_rest(grid, &donor->sum, view);
		} else if (line == -1) {
			lay_order(grid, "all orders", counts, slots, view);
		} else {
			dmem_format_size(block, sizeof(block), TOP_PAGE_BYTES << line);
			snprintf(label, sizeof(label), "order %d %4s", line, block);
			lay_order(grid, label, counts, slots, view);
		}
	}
}

static size_t count_lines(const struct donor_latency *donors, size_t nr)
{
	size_t lines = 3 * nr;

	for (size_t i = 0; i < nr; i++)
		for (int order = 0; order < DMEM_MAP_ORDERS; order++)
			for (int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++)
				if (donors[i].sum.fetches[order][slot]) {
					lines++;
					break;
				}
	return lines;
}

static void lay_scope(struct top_grid *grid, const struct top_model *model,
		      const struct top_vm *vm, const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);

	pen_text(&pen, TOP_PLAIN, "Fetches of ");
	if (vm)
		pen_name(&pen, TOP_STRONG, top_vm_name(vm));
	else
		pen_text(&pen, TOP_STRONG, "all VMs");
	pen_field(&pen, TOP_FAINT, model->has_latency_span ? "in the last interval" :
							"since the plane was loaded");
	pen_field(&pen, TOP_FAINT, vm ? "v: all VMs" : "v: the chosen VM");
	pen_fill(&pen, TOP_PLAIN, L' ', grid->width - 26 - pen.at);
	pen_field(&pen, TOP_FAINT, "COUNT      P50      P99");
}

void top_lay_latency(struct top_grid *grid, const struct top_model *model, struct top_view *view,
		     int lines)
{
	const struct top_vm *vm = view->one_vm ? top_view_vm(view, model) : NULL;
	struct top_list *list = &view->lists[TOP_LATENCY];
	struct donor_latency donors[DONORS_MAX];
	size_t nr = sum_donors(model, vm, donors), skip, all;
	struct slots slots = find_slots(donors, nr);

	lay_scope(grid, model, vm, view);
	if (!nr || lines < 3) {
		top_lay_faint(grid, view, model->sample->nr_latencies ? "No fetches." :
			"No fetches since the plane was loaded, or not read yet.");
		return;
	}
	lay_axis(grid, &slots, view);
	/* What is scrolled here is the lines: the cursor is the first of them. */
	lines -= 2;
	all = count_lines(donors, nr);
	list->nr = all > (size_t)lines ? all - (size_t)lines + 1 : 1;
	if (list->row >= list->nr)
		list->row = list->nr - 1;
	list->rows = (size_t)lines;
	skip = list->row;
	for (size_t i = 0; i < nr; i++)
		lay_donor(grid, model, &donors[i], &slots, &skip, &lines, view);
}
