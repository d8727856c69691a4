// SPDX-License-Identifier: GPL-2.0
/*
 * layout.c - the model as lines of cells, and the moves in them.
 *
 * A pen writes one line and stops at its end. Tables are lists of columns with a rank: where the
 * width does not suffice, the columns with the highest ranks are left out.
 */
#include "layout.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

#define TEXT_LEN	128
#define GRID_STEP	64
#define LABEL_WIDTH	9
#define GAP		1
/* From this height on, a line at the bottom names the keys. */
#define FOOTER_HEIGHT	12
/* Below the table of VMs: the lines about the one that is chosen, and the least of its regions. */
#define DETAIL_LINES	5
#define DETAIL_FEWER	3
#define REGION_LINES	3
#define BAR_MIN		20
#define BAR_MAX		80
#define MAP_LABEL_WIDTH	11
/* Lines of the map have a multiple of this many regions: 16 MiB. */
#define MAP_STEP	8
#define LEVELS		8
#define SHADES		4

struct glyphs {
	wchar_t levels[LEVELS + 1];	/* of a histogram; the first is for nothing */
	wchar_t shades[SHADES + 1];	/* of a region: all remote to all local */
	wchar_t direct;
	wchar_t remote;
	wchar_t none;			/* memory that was not touched */
	wchar_t limit;
	wchar_t rule;
	wchar_t cut;			/* text goes on */
};

static const struct glyphs unicode_glyphs = {
	L"·▁▂▃▄▅▆▇█", L"░▒▓█", L'█', L'▒', L'·', L'│', L'─', L'…',
};

static const struct glyphs ascii_glyphs = {
	L".,:;-=+*#", L"-=+#", L'#', L'=', L'.', L'|', L'-', L'~',
};

static const struct glyphs *glyphs_of(const struct top_view *view)
{
	return view->unicode ? &unicode_glyphs : &ascii_glyphs;
}

/*
 * Grid and pen
 */

int top_grid_init(struct top_grid *grid, int width, int height)
{
	memset(grid, 0, sizeof(*grid));
	grid->width = width > 0 ? width : 1;
	grid->height = height;
	grid->room = height > 0 ? height : GRID_STEP;
	/* One line more, for whatever finds no place. */
	grid->cells = calloc((size_t)(grid->room + 1) * (size_t)grid->width, sizeof(*grid->cells));
	return grid->cells ? 0 : -ENOMEM;
}

void top_grid_free(struct top_grid *grid)
{
	free(grid->cells);
	memset(grid, 0, sizeof(*grid));
}

static void grid_grow(struct top_grid *grid)
{
	int room = 2 * grid->room;
	struct top_cell *cells;

	cells = realloc(grid->cells, (size_t)(room + 1) * (size_t)grid->width * sizeof(*cells));
	if (!cells) {
		grid->failed = true;
		return;
	}
	grid->cells = cells;
	grid->room = room;
}

struct pen {
	struct top_cell *cells;
	int at;
	int end;
};

/* The pen of the line before is not to be used any more. */
static struct pen pen_line(struct top_grid *grid)
{
	struct pen pen = { .end = grid->width };
	int i;

	if (!grid->height && grid->nr_lines == grid->room)
		grid_grow(grid);
	pen.cells = grid->cells + (size_t)grid->nr_lines * (size_t)grid->width;
	if (grid->nr_lines < grid->room)
		grid->nr_lines++;
	for (i = 0; i < grid->width; i++)
		pen.cells[i] = (struct top_cell){ .glyph = L' ' };
	return pen;
}

static int pen_left(const struct pen *pen)
{
	return pen->end - pen->at;
}

static void pen_put(struct pen *pen, enum top_style style, wchar_t glyph)
{
	if (pen->at >= pen->end)
		return;
	pen->cells[pen->at].glyph = glyph;
	pen->cells[pen->at++].style = style;
}

static void pen_fill(struct pen *pen, enum top_style style, wchar_t glyph, int count)
{
	while (count-- > 0 && pen->at < pen->end)
		pen_put(pen, style, glyph);
}

/* ASCII alone. */
static void pen_text(struct pen *pen, enum top_style style, const char *text)
{
	for (; *text; text++)
		pen_put(pen, style, (unsigned char)*text);
}

static void pen_format(struct pen *pen, enum top_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void pen_format(struct pen *pen, enum top_style style, const char *format, ...)
{
	char text[TEXT_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pen_text(pen, style, text);
}

/* Two blanks and the text, all of it or nothing. */
static void pen_field(struct pen *pen, enum top_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void pen_field(struct pen *pen, enum top_style style, const char *format, ...)
{
	int gap = pen->at ? 2 : 0;
	char text[TEXT_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (gap + (int)strlen(text) > pen_left(pen))
		return;
	pen_fill(pen, TOP_PLAIN, L' ', gap);
	pen_text(pen, style, text);
}

static void pen_label(struct pen *pen, const char *label)
{
	pen_text(pen, TOP_LABEL, label);
	pen_fill(pen, TOP_PLAIN, L' ', LABEL_WIDTH - pen->at);
}

static void pen_choose(struct pen *pen)
{
	for (int i = 0; i < pen->end; i++)
		pen->cells[i].chosen = true;
}

/* The next character of a name, which may be anybody's: one column wide and harmless, or '?'. */
static wchar_t next_glyph(const char **text, bool unicode)
{
	mbstate_t state = {};
	wchar_t glyph;
	size_t len = mbrtowc(&glyph, *text, strlen(*text), &state);

	if (len == (size_t)-1 || len == (size_t)-2) {
		*text += 1;
		return L'?';
	}
	*text += len;
	return wcwidth(glyph) == 1 && (unicode || glyph < 0x7f) ? glyph : L'?';
}

static int name_width(const char *name)
{
	int width = 0;

	for (; *name; width++)
		next_glyph(&name, true);
	return width;
}

/* Text from outside in a field of this width; what does not fit is seen to be cut. */
static void pen_cell(struct pen *pen, enum top_style style, const char *text, int width, bool left,
		     const struct top_view *view)
{
	int len = name_width(text), used = len < width ? len : width, i;

	if (!left)
		pen_fill(pen, style, L' ', width - len);
	for (i = 0; i < used; i++) {
		wchar_t glyph = next_glyph(&text, view->unicode);

		pen_put(pen, style, i == width - 1 && len > width ? glyphs_of(view)->cut : glyph);
	}
	if (left)
		pen_fill(pen, style, L' ', width - len);
}

/*
 * Figures as text
 */

static void text_rate(char *buf, size_t len, double per_s)
{
	/* Where dmem_format_count() would round it to one digit. */
	if (per_s > 0 && per_s < 9.95)
		snprintf(buf, len, "%.1f", per_s);
	else
		dmem_format_count(buf, len, (__u64)(per_s + 0.5));
}

static void text_ns(char *buf, size_t len, double ns)
{
	if (ns < 0)
		snprintf(buf, len, "-");
	else
		dmem_format_ns(buf, len, (__u64)(ns + 0.5));
}

static void text_share(char *buf, size_t len, double share)
{
	if (share < 0)
		snprintf(buf, len, "-");
	else
		snprintf(buf, len, "%.0f%%", share * 100);
}

/*
 * Tables
 */

/*
 * @title is a count's, @rate_title a rate's where that differs. @rank 0 is never left out; the
 * first column takes what is left. @sort is what makes the column the sorted one.
 */
struct column {
	const char *title;
	const char *rate_title;
	int width;
	int rank;
	int sort;
	void (*text)(const void *row, size_t which, char *buf, size_t len);
	size_t which;
};

#define MOST_COLUMNS	16
#define NO_SORT		(-1)

/* Width of each column, 0 for those left out. */
struct plan {
	const struct column *columns;
	int widths[MOST_COLUMNS];
	int nr;
};

static struct plan plan_table(const struct column *columns, int width, int first_width)
{
	struct plan plan = { .columns = columns, .widths = { columns[0].width } };
	int left = width - columns[0].width, rank, i;

	while (columns[plan.nr].title)
		plan.nr++;
	for (rank = 1; rank < MOST_COLUMNS; rank++) {
		for (i = 1; i < plan.nr && columns[i].rank != rank; i++)
			;
		if (i == plan.nr)
			continue;
		if (columns[i].width + GAP > left)
			break;
		plan.widths[i] = columns[i].width;
		left -= columns[i].width + GAP;
	}
	if (first_width > columns[0].width)
		plan.widths[0] += first_width - columns[0].width < left ?
				  first_width - columns[0].width : left;
	return plan;
}

static void lay_heading(struct top_grid *grid, const struct plan *plan, bool rates, int sort,
			const struct top_view *view)
{
	struct pen pen = pen_line(grid);
	int i;

	for (i = 0; i < plan->nr; i++) {
		const struct column *column = &plan->columns[i];
		const char *title = rates && column->rate_title ? column->rate_title :
				    column->title;

		if (!plan->widths[i])
			continue;
		pen_fill(&pen, TOP_HEADING, L' ', i ? GAP : 0);
		pen_cell(&pen, column->sort == sort ? TOP_SORTED : TOP_HEADING, title,
			 plan->widths[i], !i, view);
	}
	pen_fill(&pen, TOP_HEADING, L' ', pen_left(&pen));
}

static void lay_row(struct top_grid *grid, const struct plan *plan, const void *row,
		    enum top_style style, bool chosen, const struct top_view *view)
{
	struct pen pen = pen_line(grid);
	char text[TEXT_LEN];
	int i;

	for (i = 0; i < plan->nr; i++) {
		const struct column *column = &plan->columns[i];

		if (!plan->widths[i])
			continue;
		column->text(row, column->which, text, sizeof(text));
		pen_fill(&pen, style, L' ', i ? GAP : 0);
		pen_cell(&pen, style, text, plan->widths[i], !i, view);
	}
	if (chosen)
		pen_choose(&pen);
}

static void vm_name(const void *row, size_t which, char *buf, size_t len)
{
	const struct top_vm *vm = row;

	(void)which;
	/* A VM memory whose making was not seen. */
	snprintf(buf, len, "%s", *vm->value.name ? vm->value.name : "(no name)");
}

static void vm_id(const void *row, size_t which, char *buf, size_t len)
{
	(void)which;
	snprintf(buf, len, "%u", ((const struct top_vm *)row)->id);
}

/* @which: offset of a __u64 in struct top_vm. */
static void vm_bytes(const void *row, size_t which, char *buf, size_t len)
{
	__u64 bytes;

	memcpy(&bytes, (const char *)row + which, sizeof(bytes));
	dmem_format_bytes(buf, len, bytes);
}

/* @which: enum top_count. */
static void vm_count(const void *row, size_t which, char *buf, size_t len)
{
	const struct top_vm *vm = row;

	if (vm->per_s[which] < 0)
		dmem_format_count(buf, len, top_count_of(&vm->span, which));
	else
		text_rate(buf, len, vm->per_s[which]);
}

/* @which: offset of a double in struct top_vm. */
static void vm_ns(const void *row, size_t which, char *buf, size_t len)
{
	double ns;

	memcpy(&ns, (const char *)row + which, sizeof(ns));
	text_ns(buf, len, ns);
}

static void vm_accuracy(const void *row, size_t which, char *buf, size_t len)
{
	(void)which;
	text_share(buf, len, ((const struct top_vm *)row)->prefetch_accuracy);
}

#define VM_BYTES(field)	vm_bytes, offsetof(struct top_vm, value.field)

static const struct column vm_columns[] = {
	{ "NAME", NULL, 8, 0, TOP_VMS_BY_NAME, vm_name, 0 },
	{ "ID", NULL, 6, 15, NO_SORT, vm_id, 0 },
	{ "SIZE", NULL, 10, 11, NO_SORT, VM_BYTES(size_bytes) },
	{ "LIMIT", NULL, 10, 9, NO_SORT, VM_BYTES(direct_limit_bytes) },
	{ "DIRECT", NULL, 10, 1, NO_SORT, VM_BYTES(direct_bytes) },
	{ "REMOTE", NULL, 10, 2, TOP_VMS_BY_REMOTE, VM_BYTES(remote_bytes) },
	{ "FAULTS", "FAULT/S", 7, 3, TOP_VMS_BY_FAULTS, vm_count, TOP_FAULTS },
	{ "SOFT", "SOFT/S", 7, 12, NO_SORT, vm_count, TOP_SOFT_FAULTS },
	{ "FETCHES", "FETCH/S", 7, 4, NO_SORT, vm_count, TOP_FETCHES },
	{ "PREF", "PREF/S", 7, 8, NO_SORT, vm_count, TOP_PREFETCHED_PAGES },
	{ "EVICTED", "EVICT/S", 7, 10, NO_SORT, vm_count, TOP_EVICTED_PAGES },
	{ "WRITTEN", "WRITE/S", 7, 13, NO_SORT, vm_count, TOP_WRITEBACK_PAGES },
	{ "KVM", "KVM/S", 7, 14, NO_SORT, vm_count, TOP_KVM_FAULTS },
	{ "P50", NULL, 8, 5, NO_SORT, vm_ns, offsetof(struct top_vm, fetch_p50_ns) },
	{ "P99", NULL, 8, 6, NO_SORT, vm_ns, offsetof(struct top_vm, fetch_p99_ns) },
	{ "ACC", NULL, 4, 7, NO_SORT, vm_accuracy, 0 },
	{}
};

/* @which: offset of an unsigned int in struct top_region. */
static void region_number(const void *row, size_t which, char *buf, size_t len)
{
	unsigned int number;

	memcpy(&number, (const char *)row + which, sizeof(number));
	snprintf(buf, len, "%u", number);
}

static void region_count(const void *row, size_t which, char *buf, size_t len)
{
	__u32 count;

	memcpy(&count, (const char *)row + which, sizeof(count));
	dmem_format_count(buf, len, count);
}

static void region_offset(const void *row, size_t which, char *buf, size_t len)
{
	(void)which;
	dmem_format_size(buf, len, ((const struct top_region *)row)->offset_bytes);
}

static void region_rate(const void *row, size_t which, char *buf, size_t len)
{
	const struct top_region *region = row;

	(void)which;
	if (region->misses_per_s < 0)
		snprintf(buf, len, "-");
	else
		text_rate(buf, len, region->misses_per_s);
}

static void region_order(const void *row, size_t which, char *buf, size_t len)
{
	const struct top_region *region = row;

	(void)which;
	if (region->decided)
		snprintf(buf, len, "%u", region->order);
	else
		snprintf(buf, len, "-");
}

static void region_asked(const void *row, size_t which, char *buf, size_t len)
{
	const struct top_region *region = row;

	(void)which;
	if (region->decided)
		dmem_format_count(buf, len, region->decision_asked);
	else
		snprintf(buf, len, "-");
}

#define REGION_NUMBER(field)	region_number, offsetof(struct top_region, field)
#define REGION_COUNT(field)	region_count, offsetof(struct top_region, field)

static const struct column region_columns[] = {
	{ "REGION", NULL, 7, 0, TOP_REGIONS_BY_INDEX, REGION_NUMBER(index) },
	{ "OFFSET", NULL, 9, 7, NO_SORT, region_offset, 0 },
	{ "LOCAL", NULL, 6, 1, NO_SORT, REGION_NUMBER(local_pages) },
	{ "REMOTE", NULL, 6, 2, NO_SORT, REGION_NUMBER(remote_pages) },
	{ "TOUCHED", NULL, 7, 6, NO_SORT, REGION_NUMBER(touched_pages) },
	{ "MISSES", NULL, 7, 3, TOP_REGIONS_BY_MISSES, REGION_COUNT(misses) },
	{ "MISS/S", NULL, 7, 5, NO_SORT, region_rate, 0 },
	{ "USED", NULL, 7, 8, NO_SORT, REGION_COUNT(prefetched_used_pages) },
	{ "UNUSED", NULL, 7, 9, NO_SORT, REGION_COUNT(prefetched_unused_pages) },
	{ "ORDER", NULL, 5, 4, TOP_REGIONS_BY_ORDER, region_order, 0 },
	{ "ASKED", NULL, 7, 10, NO_SORT, region_asked, 0 },
	{}
};

/*
 * Header and footer
 */

static void lay_header(struct top_grid *grid, const struct top_model *model,
		       const struct top_view *view)
{
	struct pen pen = pen_line(grid);
	char text[DMEM_UNITS_LEN];

	pen_field(&pen, TOP_STRONG, "dmemtop %s", view->clock);
	if (view->paused)
		pen_field(&pen, TOP_ALARM, "PAUSED");
	if (!model)
		return;
	if (model->interval_ns)
		pen_field(&pen, TOP_PLAIN, "rates over %.1f s", (double)model->interval_ns / 1e9);
	else
		pen_field(&pen, TOP_PLAIN, "totals so far");
	pen_field(&pen, TOP_PLAIN, "%zu VM%s", model->nr_vms, model->nr_vms == 1 ? "" : "s");
	if (view->nr_keys)
		pen_field(&pen, TOP_FAINT, "every %g s", view->delay_s);
	pen = pen_line(grid);
	dmem_format_count(text, sizeof(text), model->stats.lost_events);
	pen_field(&pen, model->stats.lost_events ? TOP_ALARM : TOP_PLAIN, "lost events %s", text);
	dmem_format_count(text, sizeof(text), model->stats.kvm_faults_other);
	pen_field(&pen, TOP_PLAIN, "KVM faults elsewhere %s", text);
	dmem_format_count(text, sizeof(text), model->stats.kvm_faults_unmatched);
	pen_field(&pen, TOP_PLAIN, "unmatched %s", text);
}

static void lay_footer(struct top_grid *grid, const struct top_view *view)
{
	struct pen pen = pen_line(grid);

	for (size_t i = 0; i < view->nr_keys; i++)
		pen_field(&pen, TOP_FAINT, "%s %s", view->keys[i].key, view->keys[i].what);
}

/* Between words where there are some. */
static void lay_wrapped(struct top_grid *grid, enum top_style style, const char *text)
{
	size_t width = (size_t)grid->width;

	while (*text) {
		struct pen pen = pen_line(grid);
		size_t len = strlen(text), i;

		if (len > width) {
			for (len = width; len && text[len] != ' '; len--)
				;
			len = len ? len : width;
		}
		for (i = 0; i < len; i++)
			pen_put(&pen, style, (unsigned char)text[i] < 0x7f ? text[i] : L'?');
		for (text += len; *text == ' '; text++)
			;
	}
}

/*
 * The VM that the cursor is on
 */

static void lay_rule(struct top_grid *grid, const struct top_vm *vm, const struct top_view *view)
{
	struct pen pen = pen_line(grid);
	const struct glyphs *glyphs = glyphs_of(view);
	char name[TEXT_LEN], size[DMEM_UNITS_LEN];
	int width;

	vm_name(vm, 0, name, sizeof(name));
	dmem_format_bytes(size, sizeof(size), vm->value.size_bytes);
	width = name_width(name);
	pen_fill(&pen, TOP_LABEL, glyphs->rule, 2);
	pen_put(&pen, TOP_PLAIN, L' ');
	pen_cell(&pen, TOP_STRONG, name, width < pen_left(&pen) ? width : pen_left(&pen), true,
		 view);
	pen_field(&pen, TOP_PLAIN, "%s", size);
	pen_field(&pen, TOP_PLAIN, "default order %u", vm->value.default_order);
	pen_field(&pen, TOP_FAINT, "id %u", vm->id);
	pen_put(&pen, TOP_PLAIN, L' ');
	pen_fill(&pen, TOP_LABEL, glyphs->rule, pen_left(&pen));
}

/* Cells for a part of the whole; what there is some of has at least one. */
static int cells_of(__u64 part, __u64 whole, int cells)
{
	int nr = whole ? (int)((double)part / (double)whole * cells + 0.5) : 0;

	if (nr > cells)
		return cells;
	return part && !nr ? 1 : nr;
}

static void draw_bar(struct pen *pen, const struct top_vm *vm, int width,
		     const struct glyphs *glyphs)
{
	const struct dmem_vm_value *value = &vm->value;
	__u64 held = value->direct_bytes + value->remote_bytes;
	__u64 whole = value->size_bytes > held ? value->size_bytes : held;
	int direct = cells_of(value->direct_bytes, whole, width);
	int remote = cells_of(value->remote_bytes, whole, width);
	int limit = cells_of(value->direct_limit_bytes, whole, width);
	int from = pen->at;

	/* Both may have been rounded up. */
	if (direct + remote > width)
		direct = width - remote ? width - remote : 1;
	if (direct + remote > width)
		remote = width - direct;
	pen_fill(pen, TOP_DIRECT, glyphs->direct, direct);
	pen_fill(pen, TOP_REMOTE, glyphs->remote, remote);
	pen_fill(pen, TOP_FAINT, glyphs->none, width - (pen->at - from));
	if (limit && limit < width && from + limit < pen->end)
		pen->cells[from + limit].glyph = glyphs->limit;
}

static void lay_memory(struct top_grid *grid, const struct top_vm *vm, const struct top_view *view)
{
	char direct[DMEM_UNITS_LEN], remote[DMEM_UNITS_LEN], limit[DMEM_UNITS_LEN];
	struct pen pen = pen_line(grid);
	char text[TEXT_LEN];
	int width;

	dmem_format_bytes(direct, sizeof(direct), vm->value.direct_bytes);
	dmem_format_bytes(remote, sizeof(remote), vm->value.remote_bytes);
	dmem_format_bytes(limit, sizeof(limit), vm->value.direct_limit_bytes);
	snprintf(text, sizeof(text), "%s direct of %s, %s remote", direct, limit, remote);
	pen_label(&pen, "memory");
	/* The figures are in the table, too: where both do not fit, the bar stays. */
	width = pen_left(&pen) - (int)strlen(text) - 2;
	if (width < BAR_MIN)
		width = pen_left(&pen);
	draw_bar(&pen, vm, width < BAR_MAX ? width : BAR_MAX, glyphs_of(view));
	pen_field(&pen, TOP_PLAIN, "%s", text);
}

static void draw_levels(struct pen *pen, const __u64 *counts, int nr, const struct glyphs *glyphs)
{
	__u64 most = 0;
	int i;

	for (i = 0; i < nr; i++)
		most = counts[i] > most ? counts[i] : most;
	for (i = 0; i < nr; i++) {
		int level = counts[i] ? cells_of(counts[i], most, LEVELS) : 0;

		pen_put(pen, level ? TOP_STRONG : TOP_FAINT, glyphs->levels[level]);
	}
}

/* Slots from the first to the last that counted something, with the bounds of their values. */
static void draw_latency(struct pen *pen, const __u64 *slots, const struct glyphs *glyphs)
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
	draw_levels(pen, slots + first, last - first + 1, glyphs);
	pen_format(pen, TOP_PLAIN, " %s", high);
}

static void lay_latency(struct top_grid *grid, const struct top_vm *vm,
			const struct top_view *view)
{
	char p50[DMEM_UNITS_LEN], p99[DMEM_UNITS_LEN], accuracy[DMEM_UNITS_LEN];
	struct pen pen = pen_line(grid);

	pen_label(&pen, "latency");
	if (vm->fetch_p50_ns < 0) {
		pen_text(&pen, TOP_FAINT, "no fetches");
		return;
	}
	text_ns(p50, sizeof(p50), vm->fetch_p50_ns);
	text_ns(p99, sizeof(p99), vm->fetch_p99_ns);
	pen_format(&pen, TOP_PLAIN, "p50 %s", p50);
	pen_field(&pen, TOP_PLAIN, "p99 %s", p99);
	draw_latency(&pen, vm->span.fetch_latency, glyphs_of(view));
	if (vm->prefetch_accuracy < 0)
		return;
	text_share(accuracy, sizeof(accuracy), vm->prefetch_accuracy);
	pen_field(&pen, TOP_PLAIN, "%s of prefetched pages used", accuracy);
}

/* A level for each order from 0 to 9, then those that there are some of. */
static void lay_orders(struct top_grid *grid, const char *label, const __u64 *counts,
		       const struct top_view *view)
{
	char count[DMEM_UNITS_LEN], block[DMEM_UNITS_LEN];
	struct pen pen = pen_line(grid);

	pen_label(&pen, label);
	draw_levels(&pen, counts, DMEM_MAP_ORDERS, glyphs_of(view));
	for (int order = 0; order < DMEM_MAP_ORDERS; order++) {
		if (!counts[order])
			continue;
		dmem_format_count(count, sizeof(count), counts[order]);
		dmem_format_size(block, sizeof(block), 4096ULL << order);
		pen_field(&pen, TOP_PLAIN, "%s %s", block, count);
	}
}

/* What takes @lines lines where that is enough for it all, else less of it. */
static int lay_vm(struct top_grid *grid, const struct top_vm *vm, bool has_regions, int lines,
		  const struct top_view *view)
{
	__u64 regions[DMEM_MAP_ORDERS];
	int before = grid->nr_lines;

	for (int order = 0; order < DMEM_MAP_ORDERS; order++)
		regions[order] = vm->regions_by_order[order];
	lay_rule(grid, vm, view);
	lay_memory(grid, vm, view);
	lay_latency(grid, vm, view);
	if (lines < DETAIL_LINES)
		return grid->nr_lines - before;
	lay_orders(grid, "fetches", vm->span.fetches_by_order, view);
	if (has_regions)
		lay_orders(grid, "regions", regions, view);
	return grid->nr_lines - before;
}

/*
 * Its regions
 */

/* How many the map shows: those of the file's size, touched or not. */
static size_t map_regions(const struct top_model *model, const struct top_vm *vm)
{
	size_t nr = (vm->value.size_bytes + model->region_bytes - 1) / model->region_bytes;
	size_t seen = vm->nr_regions ? vm->regions[vm->nr_regions - 1].index + 1UL : 0;

	return nr > seen ? nr : seen;
}

static size_t map_columns(int width)
{
	return (size_t)((width - MAP_LABEL_WIDTH) / MAP_STEP * MAP_STEP);
}

static void draw_share(struct pen *pen, const struct top_region *region,
		       const struct glyphs *glyphs)
{
	unsigned int held = region ? region->local_pages + region->remote_pages : 0;
	unsigned int shade;

	if (!held) {
		pen_put(pen, TOP_FAINT, glyphs->none);
		return;
	}
	/* The first shade is for no local page, the last for no remote one. */
	if (!region->local_pages || !region->remote_pages)
		shade = region->local_pages ? SHADES - 1 : 0;
	else
		shade = region->local_pages <= held / 2 ? 1 : 2;
	pen_put(pen, !shade ? TOP_REMOTE : shade == SHADES - 1 ? TOP_DIRECT : TOP_MIXED,
		glyphs->shades[shade]);
}

static void draw_order(struct pen *pen, const struct top_region *region,
		       const struct glyphs *glyphs)
{
	if (!region)
		pen_put(pen, TOP_FAINT, glyphs->none);
	else
		pen_put(pen, region->decided ? TOP_STRONG : TOP_FAINT, L'0' + (int)region->order);
}

static void lay_map_row(struct top_grid *grid, const struct top_model *model,
			const struct top_vm *vm, size_t first, size_t nr,
			const struct top_view *view)
{
	struct pen pen = pen_line(grid);
	char offset[DMEM_UNITS_LEN];

	dmem_format_size(offset, sizeof(offset), first * model->region_bytes);
	pen_cell(&pen, TOP_LABEL, offset, MAP_LABEL_WIDTH - 1, false, view);
	pen_put(&pen, TOP_PLAIN, L' ');
	for (size_t i = first; i < first + nr && pen_left(&pen) > 0; i++) {
		const struct top_region *region = top_find_region(vm, (__u32)i);
		int at = pen.at;

		if (view->regions == TOP_MAP_OF_ORDERS)
			draw_order(&pen, region, glyphs_of(view));
		else
			draw_share(&pen, region, glyphs_of(view));
		pen.cells[at].chosen = view->focus == TOP_IN_REGIONS && view->nr_keys &&
				       i == view->region;
	}
}

static void lay_map_legend(struct top_grid *grid, const struct top_view *view)
{
	const struct glyphs *glyphs = glyphs_of(view);
	struct pen pen = pen_line(grid);

	pen_label(&pen, "map");
	if (view->regions == TOP_MAP_OF_ORDERS) {
		pen_text(&pen, TOP_PLAIN, "orders in force ");
	} else {
		pen_text(&pen, TOP_PLAIN, "remote ");
		for (int shade = 0; shade < SHADES; shade++)
			pen_put(&pen, TOP_PLAIN, glyphs->shades[shade]);
		pen_text(&pen, TOP_PLAIN, " local ");
	}
	pen_put(&pen, TOP_FAINT, glyphs->none);
	pen_text(&pen, TOP_PLAIN, " none");
	pen_field(&pen, TOP_PLAIN, "a region is 2 MiB");
}

/* Instead of the legend: the region that the cursor is on. */
static void lay_region(struct top_grid *grid, const struct top_model *model,
		       const struct top_vm *vm, const struct top_view *view)
{
	const struct top_region *region = top_find_region(vm, view->region);
	struct pen pen = pen_line(grid);
	char text[DMEM_UNITS_LEN];

	dmem_format_size(text, sizeof(text), view->region * model->region_bytes);
	pen_field(&pen, TOP_STRONG, "region %u", view->region);
	if (!region) {
		pen_field(&pen, TOP_FAINT, "not touched");
		return;
	}
	pen_field(&pen, TOP_PLAIN, "%u local", region->local_pages);
	pen_field(&pen, TOP_PLAIN, "%u remote", region->remote_pages);
	if (region->decided)
		pen_field(&pen, TOP_PLAIN, "order %u", region->order);
	else
		pen_field(&pen, TOP_PLAIN, "order - (%u)", region->order);
	pen_field(&pen, TOP_PLAIN, "%u misses", region->misses);
	pen_field(&pen, TOP_PLAIN, "%u touched", region->touched_pages);
	pen_field(&pen, TOP_PLAIN, "prefetch %u used %u unused", region->prefetched_used_pages,
		  region->prefetched_unused_pages);
	if (region->decided)
		pen_field(&pen, TOP_PLAIN, "asked %llu times", region->decision_asked);
	pen_field(&pen, TOP_PLAIN, "at %s", text);
}

static size_t scroll_to(size_t scroll, size_t row, size_t rows, size_t nr)
{
	if (row < scroll)
		scroll = row;
	if (row >= scroll + rows)
		scroll = row - rows + 1;
	if (scroll + rows > nr)
		scroll = nr > rows ? nr - rows : 0;
	return scroll;
}

static void lay_map(struct top_grid *grid, const struct top_model *model, const struct top_vm *vm,
		    size_t rows, struct top_view *view)
{
	size_t nr = map_regions(model, vm), columns = map_columns(grid->width), row;
	size_t nr_rows = (nr + columns - 1) / columns;

	view->map_columns = columns;
	if (view->region >= nr)
		view->region = nr ? (__u32)nr - 1 : 0;
	view->region_scroll = scroll_to(view->region_scroll, view->region / columns, rows, nr_rows);
	if (view->focus == TOP_IN_REGIONS)
		lay_region(grid, model, vm, view);
	else
		lay_map_legend(grid, view);
	for (row = view->region_scroll; row < view->region_scroll + rows && row < nr_rows; row++) {
		size_t first = row * columns;

		lay_map_row(grid, model, vm, first, nr - first < columns ? nr - first : columns,
			    view);
	}
}

/* Row of the region that the cursor is on; the first where it is on one that nobody touched. */
static size_t region_row(const struct top_vm *vm, const struct top_view *view)
{
	for (size_t i = 0; i < vm->nr_regions; i++)
		if (vm->ranked[i]->index == view->region)
			return i;
	return 0;
}

static void lay_region_table(struct top_grid *grid, const struct top_model *model,
			     struct top_vm *vm, size_t rows, struct top_view *view)
{
	struct plan plan = plan_table(region_columns, grid->width, 0);
	size_t row, i;

	top_sort_regions(vm, view->region_sort);
	row = region_row(vm, view);
	if (vm->nr_regions)
		view->region = vm->ranked[row]->index;
	view->region_scroll = scroll_to(view->region_scroll, row, rows, vm->nr_regions);
	lay_heading(grid, &plan, model->interval_ns, (int)view->region_sort, view);
	for (i = view->region_scroll; i < view->region_scroll + rows && i < vm->nr_regions; i++)
		lay_row(grid, &plan, vm->ranked[i], TOP_PLAIN,
			i == row && view->focus == TOP_IN_REGIONS, view);
}

static void lay_regions(struct top_grid *grid, const struct top_model *model, struct top_vm *vm,
			int lines, struct top_view *view)
{
	view->region_rows = lines > 1 ? (size_t)lines - 1 : 1;
	if (lines < 2)
		return;
	if (view->regions == TOP_REGION_TABLE)
		lay_region_table(grid, model, vm, view->region_rows, view);
	else
		lay_map(grid, model, vm, view->region_rows, view);
}

/*
 * All of it
 */

static int longest_name(const struct top_model *model)
{
	int longest = 0;

	for (size_t i = 0; i < model->nr_vms; i++) {
		char name[TEXT_LEN];
		int width;

		vm_name(&model->vms[i], 0, name, sizeof(name));
		width = name_width(name);
		longest = width > longest ? width : longest;
	}
	return longest;
}

static size_t chosen_row(const struct top_model *model, const struct top_view *view)
{
	for (size_t i = 0; i < model->nr_vms; i++)
		if (model->vms[i].id == view->vm)
			return i;
	return view->vm_row < model->nr_vms ? view->vm_row : model->nr_vms - 1;
}

static void choose_vm(struct top_view *view, const struct top_model *model, size_t row)
{
	view->vm_row = row;
	if (view->vm == model->vms[row].id)
		return;
	view->vm = model->vms[row].id;
	view->region = 0;
	view->region_scroll = 0;
}

static void lay_vms(struct top_grid *grid, const struct top_model *model, size_t rows,
		    struct top_view *view)
{
	struct plan plan = plan_table(vm_columns, grid->width, longest_name(model));
	size_t i;

	view->vm_scroll = scroll_to(view->vm_scroll, view->vm_row, rows, model->nr_vms);
	view->vm_rows = rows;
	lay_heading(grid, &plan, model->interval_ns, (int)view->vm_sort, view);
	for (i = view->vm_scroll; i < view->vm_scroll + rows && i < model->nr_vms; i++) {
		bool here = i == view->vm_row && view->nr_keys;

		lay_row(grid, &plan, &model->vms[i], here ? TOP_STRONG : TOP_PLAIN,
			here && view->focus == TOP_IN_VMS, view);
	}
}

static void lay_no_vms(struct top_grid *grid)
{
	struct pen pen = pen_line(grid);

	pen_text(&pen, TOP_FAINT, "no VM memory to show");
}

/* The table gets what the detail does not need, but the detail gets half where both want more. */
static size_t vm_rows(const struct top_model *model, int lines)
{
	int most = lines - DETAIL_LINES - REGION_LINES;

	if (most > lines / 2)
		most = lines / 2;
	if (most < 1)
		most = 1;
	return model->nr_vms < (size_t)most ? model->nr_vms : (size_t)most;
}

static void lay_body(struct top_grid *grid, struct top_model *model, int footer,
		     struct top_view *view)
{
	int lines = grid->height - grid->nr_lines - footer - 1;
	size_t rows = vm_rows(model, lines);
	struct top_vm *vm;
	int fewer;

	choose_vm(view, model, chosen_row(model, view));
	vm = &model->vms[view->vm_row];
	lay_vms(grid, model, rows, view);
	lines -= (int)rows;
	fewer = lines < DETAIL_LINES + REGION_LINES && model->has_regions;
	lines -= lay_vm(grid, vm, model->has_regions, fewer ? DETAIL_FEWER : DETAIL_LINES, view);
	if (model->has_regions)
		lay_regions(grid, model, vm, lines, view);
}

/* What the columns' titles are short for. */
static const char glossary[] =
	"The first figures are totals since the plane was loaded, all others rates per second. "
	"FAULT: no local page. SOFT: local but not mapped. FETCH: requests to donors. "
	"PREF: pages fetched unasked. EVICT, WRITE: pages that left, pages written to donors. "
	"KVM: the guest's second-level misses. P50, P99: fetch latency. "
	"ACC: prefetched pages that were then used. Regions: TOUCHED: pages seen in use of late. "
	"USED, UNUSED: prefetched pages. ORDER: what is decided. "
	"ASKED: times that the core did. In the map of orders, bright ones are decided.";

/* Lines that it takes at a width of 80, with the empty one above. */
#define GLOSSARY_LINES	9

static void lay_help(struct top_grid *grid, const struct top_view *view)
{
	size_t lines = (size_t)grid->height - 1, width, columns, rows, row, i;
	struct pen pen = pen_line(grid);

	pen_text(&pen, TOP_STRONG, "dmemtop: keys (any of them leads back)");
	columns = view->nr_keys > lines ? 2 : 1;
	rows = (view->nr_keys + columns - 1) / columns;
	width = (size_t)grid->width / columns;
	for (row = 0; row < rows; row++) {
		pen = pen_line(grid);
		for (i = row; i < view->nr_keys; i += rows) {
			pen.at = (int)(i / rows * width);
			pen_cell(&pen, TOP_LABEL, view->keys[i].key, LABEL_WIDTH + 1, true, view);
			pen_text(&pen, TOP_PLAIN, view->keys[i].what);
		}
	}
	if (rows + GLOSSARY_LINES > lines || grid->width < 80)
		return;
	pen_line(grid);
	lay_wrapped(grid, TOP_PLAIN, glossary);
}

static void lay_too_small(struct top_grid *grid)
{
	struct pen pen = pen_line(grid);

	pen_format(&pen, TOP_ALARM, "dmemtop needs %dx%d", TOP_MIN_WIDTH, TOP_MIN_HEIGHT);
}

void top_layout(struct top_grid *grid, struct top_model *model, struct top_view *view)
{
	int footer = grid->height >= FOOTER_HEIGHT;

	if (grid->width < TOP_MIN_WIDTH || grid->height < TOP_MIN_HEIGHT) {
		lay_too_small(grid);
		return;
	}
	if (view->help) {
		lay_help(grid, view);
		return;
	}
	lay_header(grid, model, view);
	if (!model) {
		lay_wrapped(grid, TOP_ALARM, view->notice ? view->notice : "");
	} else if (!model->nr_vms) {
		lay_no_vms(grid);
	} else {
		top_sort_vms(model, view->vm_sort);
		lay_body(grid, model, footer, view);
	}
	while (footer && grid->nr_lines < grid->height - 1)
		pen_line(grid);
	if (footer)
		lay_footer(grid, view);
}

/* By its regions, not by its size: a file may be a thousand times what was touched of it. */
static void lay_whole_map(struct top_grid *grid, const struct top_model *model,
			  const struct top_vm *vm, const struct top_view *view)
{
	size_t nr = map_regions(model, vm), columns = map_columns(grid->width), next = 0;

	lay_map_legend(grid, view);
	for (size_t i = 0; i < vm->nr_regions; i++) {
		size_t first = vm->regions[i].index / columns * columns;

		if (first < next)
			continue;
		next = first + columns;
		lay_map_row(grid, model, vm, first, nr < next ? nr - first : columns, view);
	}
}

void top_layout_batch(struct top_grid *grid, struct top_model *model, struct top_view *view)
{
	if (grid->width < TOP_MIN_WIDTH) {
		lay_too_small(grid);
		return;
	}
	lay_header(grid, model, view);
	if (!model->nr_vms) {
		lay_no_vms(grid);
		return;
	}
	top_sort_vms(model, view->vm_sort);
	lay_vms(grid, model, model->nr_vms, view);
	for (size_t i = 0; i < model->nr_vms; i++) {
		lay_vm(grid, &model->vms[i], model->has_regions, DETAIL_LINES, view);
		if (model->has_regions)
			lay_whole_map(grid, model, &model->vms[i], view);
	}
}

/*
 * Moves
 */

/* One of 0 ... nr - 1, from @at by @by, not beyond the ends. */
static size_t step_to(size_t at, size_t by, bool back, size_t nr)
{
	if (back)
		return at > by ? at - by : 0;
	return nr - 1 - at > by ? at + by : nr - 1;
}

/* How far a key goes: in lines of @row, a page of @page lines of them; 0 for no move. */
static size_t step_of(enum top_action action, size_t row, size_t page, size_t nr)
{
	switch (action) {
	case TOP_LEFT:
	case TOP_RIGHT: return row > 1 ? 1 : 0;
	case TOP_UP:
	case TOP_DOWN: return row;
	case TOP_PAGE_UP:
	case TOP_PAGE_DOWN: return page * row;
	case TOP_FIRST:
	case TOP_LAST: return nr;
	default: return 0;
	}
}

static bool is_back(enum top_action action)
{
	return action == TOP_UP || action == TOP_LEFT || action == TOP_PAGE_UP ||
	       action == TOP_FIRST;
}

static void move_in_regions(struct top_view *view, const struct top_model *model,
			    enum top_action action)
{
	const struct top_vm *vm = &model->vms[chosen_row(model, view)];
	bool table = view->regions == TOP_REGION_TABLE;
	size_t nr = table ? vm->nr_regions : map_regions(model, vm);
	size_t at = table ? region_row(vm, view) : view->region;
	size_t step = step_of(action, table ? 1 : view->map_columns, view->region_rows, nr);

	if (!nr || !step)
		return;
	at = step_to(at < nr ? at : nr - 1, step, is_back(action), nr);
	view->region = table ? vm->ranked[at]->index : (__u32)at;
}

static void move(struct top_view *view, const struct top_model *model, enum top_action action)
{
	size_t step;

	if (!model || !model->nr_vms)
		return;
	if (view->focus == TOP_IN_REGIONS) {
		move_in_regions(view, model, action);
		return;
	}
	step = step_of(action, 1, view->vm_rows, model->nr_vms);
	if (step)
		choose_vm(view, model, step_to(chosen_row(model, view), step, is_back(action),
					       model->nr_vms));
}

static void change_delay(struct top_view *view, double factor)
{
	view->delay_s *= factor;
	if (view->delay_s < TOP_DELAY_MIN_S)
		view->delay_s = TOP_DELAY_MIN_S;
	if (view->delay_s > TOP_DELAY_MAX_S)
		view->delay_s = TOP_DELAY_MAX_S;
}

static void change_sort(struct top_view *view)
{
	if (view->focus == TOP_IN_VMS)
		view->vm_sort = (view->vm_sort + 1) % TOP_VM_SORTS;
	else
		view->region_sort = (view->region_sort + 1) % TOP_REGION_SORTS;
}

void top_view_act(struct top_view *view, const struct top_model *model, enum top_action action)
{
	if (action == TOP_NOTHING || action == TOP_QUIT)
		return;
	if (view->help) {
		view->help = false;
		return;
	}
	switch (action) {
	case TOP_SWITCH:
		if (model && model->has_regions)
			view->focus = view->focus == TOP_IN_VMS ? TOP_IN_REGIONS : TOP_IN_VMS;
		break;
	case TOP_SORT: change_sort(view); break;
	case TOP_REGION_VIEW: view->regions = (view->regions + 1) % TOP_REGION_VIEWS; break;
	case TOP_PAUSE: view->paused = !view->paused; break;
	case TOP_SLOWER: change_delay(view, 2); break;
	case TOP_FASTER: change_delay(view, 0.5); break;
	case TOP_HELP: view->help = true; break;
	default: move(view, model, action);
	}
}
