// SPDX-License-Identifier: GPL-2.0
/*
 * layout.c - the frame of every screen: clock, tabs, curves of the last minutes, the sort menu,
 * the prompt, the line of keys.
 */
#include "layout.h"

#include <stdio.h>
#include <string.h>

#include "units.h"

/* From these heights on there is a line for each curve, and one for all of them. */
#define CURVES_HEIGHT	20
#define CURVE_HEIGHT	12
#define CURVE_MIN	8
#define CURVE_TEXT	14
#define MENU_WIDTH	16

static const char *const screen_names[TOP_SCREENS] = {
	"VMs", "Regions", "Latency", "Donors", "Tuner", "Help",
};

void top_lay_faint(struct top_grid *grid, const struct top_view *view, const char *text)
{
	top_lay_wrapped(grid, TOP_FAINT, text, view->unicode);
}

/*
 * Header
 */

static void lay_replay(struct top_pen *pen, const struct top_view *view)
{
	pen_field(pen, TOP_WARNING, "frame %zu/%zu", view->frame + 1, view->nr_frames);
	if (view->is_cut)
		pen_field(pen, TOP_WARNING, "(the recording ends in the middle of one)");
}

static void lay_state(struct top_grid *grid, const struct top_model *model,
		      const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);
	char text[DMEM_UNITS_LEN], tuner[128];

	pen_field(&pen, TOP_STRONG, "dmemtop %s", view->clock);
	if (view->is_replay)
		lay_replay(&pen, view);
	if (view->paused)
		pen_field(&pen, TOP_ALARM, "PAUSED");
	if (!model)
		return;
	pen_field(&pen, TOP_PLAIN, "%zu VM%s", model->nr_vms, model->nr_vms == 1 ? "" : "s");
	if (*view->filter)
		pen_field(&pen, TOP_WARNING, "of %zu", model->nr_vms + model->nr_filtered);
	if (model->interval_ns)
		pen_field(&pen, TOP_PLAIN, "over %.1f s", (double)model->interval_ns / 1e9);
	else
		pen_field(&pen, TOP_PLAIN, "totals so far");
	top_tuner_says(model, tuner, sizeof(tuner));
	pen_field(&pen, model->sample->tuner.pid ? TOP_PLAIN : TOP_WARNING, "%s", tuner);
	if (model->sample->stats.lost_events) {
		dmem_format_count(text, sizeof(text), model->sample->stats.lost_events);
		pen_field(&pen, TOP_ALARM, "lost events %s", text);
	}
	if (view->nr_keys && !view->is_replay)
		pen_field(&pen, TOP_FAINT, "every %g s", view->delay_s);
}

static void lay_tabs(struct top_grid *grid, const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);
	int width = 0, cut = 0;

	for (int i = 0; i < TOP_SCREENS; i++)
		width += (int)strlen(screen_names[i]) + 4;
	if (width > grid->width)
		cut = 3;
	for (int i = 0; i < TOP_SCREENS; i++) {
		enum top_style style = i == (int)view->screen ? TOP_HEADING : TOP_PLAIN;
		int from = pen.at;

		pen_format(&pen, style, cut ? "%d%.*s" : " %d %.*s ", i + 1,
			   cut ? cut : (int)strlen(screen_names[i]), screen_names[i]);
		pen_hit(&pen, from, TOP_HIT_TAB, (__u32)i);
		pen_fill(&pen, TOP_PLAIN, L' ', 1);
	}
}

/* One of the four curves: a name, the points that there is room for, the latest as a figure. */
struct curve {
	const char *name;
	double (*value)(const struct top_point *point);
	void (*text)(char *buf, size_t len, double value);
	const char *unit;
};

static double faults_of(const struct top_point *point)
{
	return point->faults_per_s;
}

static double bytes_of(const struct top_point *point)
{
	return point->bytes_per_s;
}

static double p99_of(const struct top_point *point)
{
	return point->p99_ns;
}

static double stall_of(const struct top_point *point)
{
	return point->stall_share;
}

static const struct curve curves[] = {
	{ "stall", stall_of, top_text_share, "" },
	{ "faults", faults_of, top_text_rate, "/s" },
	{ "fetched", bytes_of, top_text_bytes, "/s" },
	{ "p99", p99_of, top_text_ns, "" },
};

#define NR_CURVES	((int)(sizeof(curves) / sizeof(curves[0])))

static void lay_curve(struct top_pen *pen, const struct curve *curve, const struct top_view *view,
		      int width)
{
	const struct top_glyphs *glyphs = top_glyphs(view->unicode);
	size_t nr = view->nr_points < (size_t)width ? view->nr_points : (size_t)width;
	const struct top_point *points = view->points + view->nr_points - nr;
	double most = 0;

	for (size_t i = 0; i < nr; i++)
		most = curve->value(&points[i]) > most ? curve->value(&points[i]) : most;
	pen_fill(pen, TOP_FAINT, glyphs->levels[0], width - (int)nr);
	for (size_t i = 0; i < nr; i++) {
		double share = most > 0 ? curve->value(&points[i]) / most : 0;
		int level = (int)(share * TOP_LEVELS + 0.5);

		if (curve->value(&points[i]) > 0 && !level)
			level = 1;
		pen_put(pen, level ? TOP_LABEL : TOP_FAINT, glyphs->levels[level]);
	}
}

static void lay_curve_text(struct top_pen *pen, const struct curve *curve,
			   const struct top_view *view)
{
	char text[DMEM_UNITS_LEN];
	int from = pen->at;

	curve->text(text, sizeof(text), view->nr_points ?
		    curve->value(&view->points[view->nr_points - 1]) : TOP_UNKNOWN);
	pen_format(pen, TOP_STRONG, " %s%s", text, view->nr_points ? curve->unit : "");
	pen_fill(pen, TOP_PLAIN, L' ', CURVE_TEXT - (pen->at - from));
}

/* Two curves a line. */
static void lay_curves(struct top_grid *grid, const struct top_view *view, int lines)
{
	int half = grid->width / 2, width = half - 9 - CURVE_TEXT;

	for (int i = 0; i < 2 * lines; i += 2) {
		struct top_pen pen = pen_line(grid, view->unicode);

		for (int j = i; j < i + 2 && j < NR_CURVES; j++) {
			pen_fill(&pen, TOP_PLAIN, L' ', (j - i) * half - pen.at);
			pen_text(&pen, TOP_LABEL, curves[j].name);
			pen_fill(&pen, TOP_PLAIN, L' ', (j - i) * half + 8 - pen.at);
			if (width >= CURVE_MIN)
				lay_curve(&pen, &curves[j], view, width);
			lay_curve_text(&pen, &curves[j], view);
		}
	}
}

/*
 * Footer and menu
 */

static void lay_prompt(struct top_grid *grid, const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);

	pen_text(&pen, TOP_KEY, view->prompt == TOP_PROMPT_FILTER ? "Filter: " : "Search: ");
	pen_name(&pen, TOP_STRONG, view->typed);
	pen_put(&pen, TOP_HEADING, L' ');
	pen_field(&pen, TOP_FAINT, "Enter: keep, Esc: clear");
}

static void lay_footer(struct top_grid *grid, const struct top_view *view)
{
	struct top_pen pen = pen_line(grid, view->unicode);

	for (size_t i = 0; i < view->nr_keys; i++) {
		const struct top_key_help *key = &view->keys[i];
		int from = pen.at;

		if (!key->bar || (int)(strlen(key->key) + strlen(key->bar)) >= pen_left(&pen))
			continue;
		pen_format(&pen, TOP_STRONG, "%.*s", (int)strcspn(key->key, " "), key->key);
		pen_format(&pen, TOP_KEY, "%s", key->bar);
		pen_hit(&pen, from, TOP_HIT_KEY, key->action);
		pen_put(&pen, TOP_PLAIN, L' ');
	}
}

/* Over the left part of the lines that are there already. */
static void lay_menu(struct top_grid *grid, const struct top_view *view, int first, int lines)
{
	struct top_list list = { .row = view->menu_row };

	top_list_fit(&list, TOP_SORTS, (size_t)(lines > 1 ? lines - 1 : 1));
	for (int i = 0; i < lines; i++) {
		struct top_pen pen = { .cells = grid->cells +
					(size_t)(first + i) * (size_t)grid->width,
				       .end = MENU_WIDTH, .unicode = view->unicode };
		size_t key = list.scroll + (size_t)i - 1;

		if (!i) {
			pen_cell(&pen, TOP_HEADING, "Sort by", MENU_WIDTH, true);
			pen_hit(&pen, 0, TOP_HIT_NOTHING, 0);
			continue;
		}
		pen_fill(&pen, TOP_PLAIN, L' ', 1);
		pen_cell(&pen, TOP_STRONG, key < TOP_SORTS ? top_sort_keys[key].name : "",
			 MENU_WIDTH - 2, true);
		pen_put(&pen, TOP_LABEL, top_glyphs(view->unicode)->limit);
		pen_hit(&pen, 0, key < TOP_SORTS ? TOP_HIT_MENU : TOP_HIT_NOTHING, (__u32)key);
		for (int j = 0; j < pen.end; j++)
			pen.cells[j].chosen = key == view->menu_row;
	}
}

/*
 * All of it
 */

static void lay_too_small(struct top_grid *grid)
{
	struct top_pen pen = pen_line(grid, false);

	pen_format(&pen, TOP_ALARM, "dmemtop needs %dx%d", TOP_MIN_WIDTH, TOP_MIN_HEIGHT);
}

static bool is_about_vms(enum top_screen screen)
{
	return screen == TOP_VMS || screen == TOP_REGIONS || screen == TOP_LATENCY;
}

static void lay_no_vms(struct top_grid *grid, const struct top_model *model,
		       const struct top_view *view)
{
	char text[3 * TOP_TYPED_LEN];

	if (*view->filter && model->nr_filtered) {
		snprintf(text, sizeof(text), "None of %zu VMs has \"%s\" in its name (F4 changes that, Esc shows all).",
			 model->nr_filtered, view->filter);
		top_lay_faint(grid, view, text);
		return;
	}
	top_lay_faint(grid, view, "No VM memory yet: a VM appears here as soon as its memory is made in a pool, that is, on a mount of the filesystem dmem (dmemctl mount).");
}

static void lay_screen(struct top_grid *grid, struct top_model *model, struct top_view *view,
		       int lines)
{
	if (model && is_about_vms(view->screen) && !model->nr_vms) {
		lay_no_vms(grid, model, view);
		return;
	}
	switch (view->screen) {
	case TOP_REGIONS: top_lay_regions(grid, model, view, lines); break;
	case TOP_LATENCY: top_lay_latency(grid, model, view, lines); break;
	case TOP_DONORS: top_lay_donors(grid, model, view, lines); break;
	case TOP_TUNER: top_lay_tuner(grid, model, view, lines); break;
	default: top_lay_vms(grid, model, view, lines);
	}
}

void top_layout(struct top_grid *grid, struct top_model *model, struct top_view *view)
{
	int first, footer = view->nr_keys || view->prompt;

	if (grid->width < TOP_MIN_WIDTH || grid->height < TOP_MIN_HEIGHT) {
		lay_too_small(grid);
		return;
	}
	if (model) {
		top_sort_vms(model, view->sort, view->inverted);
		top_view_follow(view, model);
	}
	lay_state(grid, model, view);
	lay_tabs(grid, view);
	if (grid->height >= CURVE_HEIGHT && model)
		lay_curves(grid, view, grid->height >= CURVES_HEIGHT ? 2 : 1);
	first = grid->nr_lines;
	if (view->screen == TOP_HELP)
		top_lay_help(grid, view, top_grid_left(grid) - footer);
	else if (!model)
		top_lay_wrapped(grid, TOP_ALARM, view->notice ? view->notice : "", view->unicode);
	else
		lay_screen(grid, model, view, top_grid_left(grid) - footer);
	while (grid->nr_lines < grid->height - footer)
		pen_line(grid, view->unicode);
	if (view->menu)
		lay_menu(grid, view, first, grid->nr_lines - first);
	if (view->prompt)
		lay_prompt(grid, view);
	else if (footer)
		lay_footer(grid, view);
}

void top_layout_batch(struct top_grid *grid, struct top_model *model, struct top_view *view)
{
	if (grid->width < TOP_MIN_WIDTH) {
		lay_too_small(grid);
		return;
	}
	top_sort_vms(model, view->sort, view->inverted);
	lay_state(grid, model, view);
	if (!model->nr_vms) {
		lay_no_vms(grid, model, view);
		return;
	}
	top_lay_vms(grid, model, view, (int)model->nr_vms + 1);
	for (size_t i = 0; i < model->nr_vms; i++)
		top_lay_vm(grid, model, &model->vms[i], view, grid->width);
	if (model->sample->nr_donors)
		top_lay_donors(grid, model, view, (int)model->sample->nr_donors + 1);
}
