// SPDX-License-Identifier: GPL-2.0
/*
 * lay_regions.c - the screen Regions: a VM's memory as a heat map of as many cells as there is
 * room for, and the figures of the region that the cursor is on.
 *
 * A cell stands for a power of two of regions; one Enter later for a single one. What a cell of
 * several shows of a region is of its hottest.
 */
#include "layout.h"

#include <stdio.h>
#include <string.h>

#include "units.h"

#define LABEL_WIDTH	9
/* Cells of a line are a multiple of this many: 16 MiB or more. */
#define COLUMN_STEP	8
#define LEVELS		5
/* Title and legend; lines of figures below the map. */
#define HEAD_LINES	2
#define FIGURE_LINES	6
#define NS_PER_S	1e9
/* What is older than that is said to be. */
#define SLOW_NS		10000000000ULL

static const char *const heat_names[TOP_HEATS] = {
	"density: pages in use",
	"miss rate",
	"block order",
	"age: rounds of the tuner since a use",
};

/* The bins of the regions from @first on, @nr of them: from the returned one up to *@end. */
static size_t bins_of(const struct top_map *map, __u64 first, __u32 nr, size_t *end)
{
	const struct heat_window *window = &map->window;
	__u64 last = first + nr - 1;

	*end = 0;
	if (!window->per_bin || last < window->first || first >= (__u64)window->first + window->nr)
		return 0;
	first = first > window->first ? first - window->first : 0;
	*end = (last - window->first) / window->per_bin + 1;
	if (*end > map->nr_bins)
		*end = map->nr_bins;
	return first / window->per_bin;
}

/* What there is of the regions from @first on, @nr of them. */
static struct top_bin sum_cell(const struct top_map *map, __u64 first, __u32 nr)
{
	struct top_bin sum = {};
	size_t end, bin = bins_of(map, first, nr, &end);

	for (; bin < end; bin++)
		heat_sum(&sum, &map->bins[bin]);
	return sum;
}

static int density_level(const struct top_bin *bin)
{
	double share = (double)bin->touched_pages / ((double)bin->seen * DMEM_MAP_REGION_PAGES);
	int level = (int)(share * LEVELS);

	return level < LEVELS ? level : LEVELS - 1;
}

/* A sixteenth of the most is a level down. */
static int miss_level(__u64 misses, __u64 most)
{
	int level = LEVELS - 1;

	if (!misses)
		return 0;
	for (; level > 1 && misses < most; level--)
		most /= 8;
	return level;
}

/* This epoch or the one before is hot; then 4, 16, 64 rounds. */
static int age_level(const struct top_bin *bin, __u64 epoch)
{
	__u32 rounds = (__u32)epoch - bin->epoch;
	int level = LEVELS - 1;

	for (__u32 limit = 1; level > 0 && rounds > limit; level--)
		limit *= 4;
	return level;
}

/* The order most of its regions are decided for; -1 where none is. */
static int common_order(const struct top_bin *bin)
{
	__u32 most = 0;
	int common = -1;

	for (int order = 0; order < DMEM_MAP_ORDERS; order++)
		if (bin->orders[order] > most) {
			most = bin->orders[order];
			common = order;
		}
	return common;
}

static void put_level(struct top_pen *pen, int level)
{
	pen_put(pen, TOP_HEAT_0 + (enum top_style)level, top_glyphs(pen->unicode)->heat[level]);
}

static void put_cell(struct top_pen *pen, const struct top_bin *bin, const struct top_vm *vm,
		     const struct top_view *view, const struct top_model *model, __u64 most)
{
	int order;

	if (!bin->seen) {
		pen_put(pen, TOP_FAINT, top_glyphs(pen->unicode)->none);
		return;
	}
	switch (view->heat) {
	case TOP_MISSES: put_level(pen, miss_level(bin->span_misses, most)); break;
	case TOP_AGE: put_level(pen, age_level(bin, model->sample->epoch)); break;
	case TOP_ORDER:
		order = common_order(bin);
		if (order < 0)
			pen_put(pen, TOP_FAINT, L'0' + (wchar_t)(vm->value.default_order % 10));
		else
			pen_put(pen, TOP_HEAT_0 + (enum top_style)(order / 2), L'0' + order);
		break;
	default: put_level(pen, density_level(bin));
	}
}

/* Fits the window in the cells that there are; returns how many lines that takes. */
static size_t fit_cells(struct top_view *view, const struct heat_window *window, int width,
			int lines)
{
	__u32 columns = (__u32)((width - LABEL_WIDTH) / COLUMN_STEP * COLUMN_STEP);
	__u32 rows = lines > 0 ? (__u32)lines : 1, each = 1;
	size_t nr;

	while (((__u64)window->nr + each - 1) / each > (__u64)columns * rows)
		each *= 2;
	view->cell_columns = columns;
	view->cell_rows = rows;
	view->cell_regions = each;
	if (view->region < window->first)
		view->region = window->first;
	if (view->region - window->first >= window->nr)
		view->region = window->nr ? window->first + window->nr - 1 : window->first;
	view->region -= (view->region - window->first) % each;
	nr = (size_t)(((__u64)window->nr + each - 1) / each);
	return (nr + columns - 1) / columns;
}

static void lay_title(struct top_grid *grid, const struct top_vm *vm,
		      const struct heat_window *window, const struct top_map *map,
		      const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);
	char text[DMEM_UNITS_LEN];

	pen_name(&pen, TOP_STRONG, top_vm_name(vm));
	dmem_format_bytes(text, sizeof(text), vm->value.size_bytes);
	pen_field(&pen, TOP_PLAIN, "%s", text);
	if (view->is_zoomed)
		pen_field(&pen, TOP_WARNING, "regions %u to %u of %u", window->first,
			  window->first + window->nr - 1, top_vm_regions(vm));
	else
		pen_field(&pen, TOP_PLAIN, "%u regions", window->nr);
	dmem_format_bytes(text, sizeof(text), view->cell_regions * TOP_REGION_BYTES);
	pen_field(&pen, TOP_PLAIN, "%s a cell", text);
	if (map->vm != vm->id)
		pen_field(&pen, TOP_WARNING, view->is_replay ? "not recorded" :
				view->paused ? "not read: paused" : "not read yet");
	else if (map->progress < 1000)
		pen_field(&pen, TOP_WARNING, "being read: %u%%", map->progress / 10);
	else if (map->span_ns > SLOW_NS)
		pen_field(&pen, TOP_FAINT, "read every %.0f s", (double)map->span_ns / NS_PER_S);
}

static void lay_legend(struct top_grid *grid, const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);

	pen_field(&pen, TOP_LABEL, "%s", heat_names[view->heat]);
	pen_fill(&pen, TOP_PLAIN, L' ', 2);
	if (view->heat == TOP_ORDER) {
		pen_text(&pen, TOP_PLAIN, "0 to 9; faint: the default");
	} else {
		pen_text(&pen, TOP_PLAIN, view->heat == TOP_AGE ? "long " : "none ");
		for (int level = 0; level < LEVELS; level++)
			put_level(&pen, level);
		pen_text(&pen, TOP_PLAIN, view->heat == TOP_AGE ? " now" : " most");
	}
	pen_fill(&pen, TOP_PLAIN, L' ', 2);
	pen_put(&pen, TOP_FAINT, top_glyphs(view->unicode)->none);
	pen_text(&pen, TOP_PLAIN, " untouched");
	pen_field(&pen, TOP_FAINT, "m: another");
}

static __u64 most_misses(const struct top_map *map, const struct heat_window *window,
			 const struct top_view *view)
{
	__u64 most = 1;

	for (__u64 at = 0; at < window->nr; at += view->cell_regions) {
		__u64 misses = 0;
		size_t end, bin = bins_of(map, window->first + at, view->cell_regions, &end);

		for (; bin < end; bin++)
			misses += map->bins[bin].span_misses;
		most = misses > most ? misses : most;
	}
	return most;
}

static void lay_cells(struct top_grid *grid, const struct top_model *model,
		      const struct top_vm *vm, const struct heat_window *window, size_t rows,
		      const struct top_view *view)
{
	const struct top_map *map = &model->sample->map;
	static const struct top_map none;
	__u64 most, at = 0;

	map = map->vm == vm->id ? map : &none;
	most = view->heat == TOP_MISSES ? most_misses(map, window, view) : 1;
	for (size_t row = 0; row < rows; row++) {
		struct top_pen pen = pen_line(grid, view->unicode);
		char offset[DMEM_UNITS_LEN];

		dmem_format_size(offset, sizeof(offset), (window->first + at) * TOP_REGION_BYTES);
		pen_cell(&pen, TOP_LABEL, offset, LABEL_WIDTH - 1, false);
		pen_put(&pen, TOP_PLAIN, L' ');
		for (__u32 i = 0; i < view->cell_columns && at < window->nr; i++) {
			struct top_bin cell = sum_cell(map, window->first + at,
						       view->cell_regions);
			int from = pen.at;

			put_cell(&pen, &cell, vm, view, model, most);
			pen_hit(&pen, from, TOP_HIT_CELL, (__u32)(at / view->cell_regions));
			pen.cells[from].chosen = view->nr_keys &&
						 window->first + at == view->region;
			at += view->cell_regions;
		}
	}
}

/*
 * Figures of the cell and of its region
 */

static void lay_cell_figures(struct top_grid *grid, const struct top_model *model,
			     const struct top_bin *cell, const struct top_view *view)
{
	const struct top_map *map = &model->sample->map;
	struct top_pen pen = pen_line(grid, view->unicode);
	char text[DMEM_UNITS_LEN];

	dmem_format_size(text, sizeof(text), view->region * TOP_REGION_BYTES);
	pen_label(&pen, "cell");
	pen_format(&pen, TOP_PLAIN, "at %s", text);
	if (!cell->seen) {
		pen_field(&pen, TOP_FAINT, "not touched since the plane was loaded");
		return;
	}
	if (view->cell_regions > 1)
		pen_field(&pen, TOP_PLAIN, "%u of %u regions touched", cell->seen,
			  view->cell_regions);
	top_text_bytes(text, sizeof(text), cell->local_pages * (double)TOP_PAGE_BYTES);
	pen_field(&pen, TOP_DIRECT, "%s local", text);
	top_text_bytes(text, sizeof(text), cell->remote_pages * (double)TOP_PAGE_BYTES);
	pen_field(&pen, TOP_REMOTE, "%s remote", text);
	top_text_share(text, sizeof(text), (double)cell->touched_pages /
		       ((double)cell->seen * DMEM_MAP_REGION_PAGES));
	pen_field(&pen, TOP_PLAIN, "%s in use", text);
	top_text_rate(text, sizeof(text), map->span_ns ? (double)cell->span_misses * NS_PER_S /
						 (double)map->span_ns : TOP_UNKNOWN);
	pen_field(&pen, TOP_PLAIN, "%s misses/s", text);
}

static void lay_region_figures(struct top_grid *grid, const struct dmem_plane_region *spot,
			       const struct top_view *view)
{
	const struct dmem_region_value *value = &spot->value;
	struct top_pen pen = pen_line(grid, view->unicode);
	char text[DMEM_UNITS_LEN];

	pen_label(&pen, "region");
	pen_format(&pen, TOP_STRONG, "%u", spot->key.region);
	pen_field(&pen, TOP_PLAIN, "%u local", value->local_pages);
	pen_field(&pen, TOP_PLAIN, "%u remote", value->remote_pages);
	dmem_format_count(text, sizeof(text), value->misses);
	pen_field(&pen, TOP_PLAIN, "misses %s", text);
	dmem_format_count(text, sizeof(text), value->soft_faults);
	pen_field(&pen, TOP_PLAIN, "soft %s", text);
	dmem_format_count(text, sizeof(text), value->zero_fills);
	pen_field(&pen, TOP_PLAIN, "zero fills %s", text);
	dmem_format_count(text, sizeof(text), value->write_faults);
	pen_field(&pen, TOP_PLAIN, "writes %s", text);
	dmem_format_count(text, sizeof(text), value->kvm_faults);
	pen_field(&pen, TOP_PLAIN, "KVM %s", text);
	pen_field(&pen, TOP_PLAIN, "vCPUs seen %d", __builtin_popcount(value->vcpus));
}

static void lay_order_figures(struct top_grid *grid, const struct top_model *model,
			      const struct top_vm *vm, const struct dmem_plane_region *spot,
			      const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);
	char text[DMEM_UNITS_LEN];

	pen_label(&pen, "order");
	if (spot->decided) {
		__u64 age_ns = model->sample->time_ns > spot->order.decided_ns ?
			       model->sample->time_ns - spot->order.decided_ns : 0;

		dmem_format_ns(text, sizeof(text), age_ns);
		pen_format(&pen, TOP_STRONG, "%u", spot->order.order);
		pen_field(&pen, TOP_PLAIN, "decided %s ago, asked for %llu times", text,
			  (unsigned long long)spot->order.asked);
	} else {
		pen_format(&pen, TOP_PLAIN, "%u, the default: nothing is decided",
			   vm->value.default_order);
	}
	pen_field(&pen, TOP_PLAIN, "prefetched %u: %u used, %u unused",
		  spot->value.prefetched_pages, spot->value.prefetched_used_pages,
		  spot->value.prefetched_unused_pages);
}

/* Steps from one demand to the next, downwards to the left. */
static void lay_distances(struct top_grid *grid, const struct dmem_region_value *value,
			  const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);
	__u64 slots[DMEM_DISTANCE_SLOTS];

	for (int i = 0; i < DMEM_DISTANCE_SLOTS; i++)
		slots[i] = value->distance[i];
	pen_label(&pen, "steps");
	pen_text(&pen, TOP_PLAIN, "-256 ");
	pen_levels(&pen, slots, DMEM_DISTANCE_ZERO);
	pen_text(&pen, TOP_PLAIN, "|");
	pen_levels(&pen, slots + DMEM_DISTANCE_ZERO, 1);
	pen_text(&pen, TOP_PLAIN, "|");
	pen_levels(&pen, slots + DMEM_DISTANCE_ZERO + 1, DMEM_DISTANCE_ZERO);
	pen_text(&pen, TOP_PLAIN, " +256");
	pen_field(&pen, TOP_FAINT, "pages from one demand to the next");
}

static void lay_first_use(struct top_grid *grid, const struct dmem_region_value *value,
			  const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);
	__u64 slots[DMEM_FIRST_USE_SLOTS];
	char high[DMEM_UNITS_LEN];

	for (int i = 0; i < DMEM_FIRST_USE_SLOTS; i++)
		slots[i] = value->first_use[i];
	dmem_format_ns(high, sizeof(high),
		       1ULL << (DMEM_FIRST_USE_SHIFT + DMEM_FIRST_USE_SLOTS));
	pen_label(&pen, "used in");
	pen_text(&pen, TOP_PLAIN, "4 us ");
	pen_levels(&pen, slots, DMEM_FIRST_USE_SLOTS);
	pen_format(&pen, TOP_PLAIN, " %s", high);
	pen_field(&pen, TOP_FAINT, "from a prefetched page's arrival to its first use");
}

static void lay_figures(struct top_grid *grid, const struct top_model *model,
			const struct top_vm *vm, int lines, struct top_view *view)
{
	const struct top_sample *sample = model->sample;
	const struct dmem_plane_region *spot = &sample->spot;
	struct top_bin cell = {};

	if (sample->map.vm == vm->id)
		cell = sum_cell(&sample->map, view->region, view->cell_regions);
	view->spot = cell.seen && view->cell_regions > 1 ? cell.hottest : view->region;
	if (lines > 0)
		lay_cell_figures(grid, model, &cell, view);
	if (!sample->has_spot || spot->key.vm != vm->id || spot->key.region != view->spot)
		return;
	if (lines > 1)
		lay_region_figures(grid, spot, view);
	if (lines > 2)
		lay_order_figures(grid, model, vm, spot, view);
	if (lines > 3)
		lay_distances(grid, &spot->value, view);
	if (lines > 4)
		lay_first_use(grid, &spot->value, view);
}

void top_lay_regions(struct top_grid *grid, const struct top_model *model, struct top_view *view,
		     int lines)
{
	const struct top_vm *vm = top_view_vm(view, model);
	struct heat_window window = top_view_window(view, vm);
	int figures = lines / 3 < FIGURE_LINES ? lines / 3 : FIGURE_LINES;
	size_t rows = fit_cells(view, &window, grid->width, lines - HEAD_LINES - figures);

	lay_title(grid, vm, &window, &model->sample->map, view);
	lay_legend(grid, view);
	lay_cells(grid, model, vm, &window, rows, view);
	lay_figures(grid, model, vm, figures, view);
}
