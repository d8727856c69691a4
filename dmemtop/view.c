// SPDX-License-Identifier: GPL-2.0
/*
 * view.c - what keys and clicks do.
 *
 * A prompt or the menu, where one is open, takes everything first; then the screen that is shown
 * does what only it does, and then there are the keys that are the same on every screen.
 */
#include "view.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const struct top_vm *top_view_vm(const struct top_view *view, const struct top_model *model)
{
	const struct top_vm *vm;

	if (!model || !model->nr_vms)
		return NULL;
	vm = top_find_vm(model, view->vm);
	return vm ? vm : &model->vms[view->lists[TOP_VMS].row < model->nr_vms ?
				     view->lists[TOP_VMS].row : model->nr_vms - 1];
}

struct heat_window top_view_window(const struct top_view *view, const struct top_vm *vm)
{
	struct heat_window window = view->zoom;
	__u32 nr = vm ? top_vm_regions(vm) : 0;

	if (!view->is_zoomed || window.first >= nr)
		return heat_window_fit(0, nr);
	if (window.nr > nr - window.first)
		window.nr = nr - window.first;
	return heat_window_fit(window.first, window.nr);
}

struct top_want top_view_want(const struct top_view *view, const struct top_model *model)
{
	const struct top_vm *vm = top_view_vm(view, model);
	struct top_want want = { .latencies = view->screen == TOP_LATENCY };

	if (view->screen != TOP_REGIONS || !vm)
		return want;
	want.vm = vm->id;
	want.window = top_view_window(view, vm);
	want.spot = view->spot;
	return want;
}

void top_view_add_point(struct top_view *view, const struct top_point *point)
{
	if (view->nr_points == TOP_POINTS) {
		view->nr_points--;
		memmove(view->points, view->points + 1, view->nr_points * sizeof(*view->points));
	}
	view->points[view->nr_points++] = *point;
}

void top_list_fit(struct top_list *list, size_t nr, size_t rows)
{
	list->nr = nr;
	list->rows = rows ? rows : 1;
	if (list->row >= nr)
		list->row = nr ? nr - 1 : 0;
	if (list->row < list->scroll)
		list->scroll = list->row;
	if (list->row >= list->scroll + list->rows)
		list->scroll = list->row - list->rows + 1;
	if (list->scroll + list->rows > nr)
		list->scroll = nr > list->rows ? nr - list->rows : 0;
}

const struct dmem_decision *top_view_decision(const struct top_view *view,
					      const struct top_model *model, size_t row)
{
	const struct dmem_journal *tuner = &model->sample->tuner;

	for (__u32 i = tuner->nr; i-- > 0;)
		if (top_name_matches(tuner->entries[i].name, view->filter) && !row--)
			return &tuner->entries[i];
	return NULL;
}

/*
 * Moves
 */

/* How far a key goes, in lines of @line, a page of @page of them; down is positive. */
static long step_of(enum top_action action, long line, long page)
{
	switch (action) {
	case TOP_LEFT: return line > 1 ? -1 : 0;
	case TOP_RIGHT: return line > 1 ? 1 : 0;
	case TOP_UP: return -line;
	case TOP_DOWN: return line;
	case TOP_PAGE_UP: return -line * page;
	case TOP_PAGE_DOWN: return line * page;
	case TOP_FIRST: return LONG_MIN;
	case TOP_LAST: return LONG_MAX;
	default: return 0;
	}
}

static size_t step_to(size_t at, long step, size_t nr)
{
	if (step < 0)
		return step == LONG_MIN || (size_t)-step > at ? 0 : at - (size_t)-step;
	return (size_t)step > nr - 1 - at ? nr - 1 : at + (size_t)step;
}

static void choose_vm(struct top_view *view, const struct top_model *model, size_t row)
{
	view->lists[TOP_VMS].row = row;
	if (!model || row >= model->nr_vms || view->vm == model->vms[row].id)
		return;
	view->vm = model->vms[row].id;
	view->region = 0;
	view->spot = 0;
	view->is_zoomed = false;
}

void top_view_follow(struct top_view *view, const struct top_model *model)
{
	struct top_list *list = &view->lists[TOP_VMS];

	for (size_t i = 0; view->is_chosen && i < model->nr_vms; i++)
		if (model->vms[i].id == view->vm) {
			list->row = i;
			return;
		}
	if (model->nr_vms)
		choose_vm(view, model, list->row < model->nr_vms ? list->row : model->nr_vms - 1);
}

static void choose_row(struct top_view *view, const struct top_model *model, size_t row)
{
	if (view->screen != TOP_VMS) {
		view->lists[view->screen].row = row;
		return;
	}
	view->is_chosen = true;
	choose_vm(view, model, row);
}

static void move_in_list(struct top_view *view, const struct top_model *model,
			 enum top_action action)
{
	struct top_list *list = &view->lists[view->screen];
	long step = step_of(action, 1, (long)list->rows);

	if (list->nr && step)
		choose_row(view, model, step_to(list->row, step, list->nr));
}

static void move_in_map(struct top_view *view, const struct top_model *model,
			enum top_action action)
{
	const struct top_vm *vm = top_view_vm(view, model);
	struct heat_window window = top_view_window(view, vm);
	long step = step_of(action, view->cell_columns, view->cell_rows);
	__u32 each = view->cell_regions ? view->cell_regions : 1;
	size_t nr = ((size_t)window.nr + each - 1) / each, at;

	if (!vm || !nr || !step)
		return;
	at = view->region > window.first ? (view->region - window.first) / each : 0;
	at = step_to(at < nr ? at : nr - 1, step, nr);
	view->region = window.first + (__u32)at * each;
	view->spot = view->region;
}

static void move(struct top_view *view, const struct top_model *model, enum top_action action)
{
	if (view->screen == TOP_REGIONS)
		move_in_map(view, model, action);
	else
		move_in_list(view, model, action);
}

/* Frames of a recording; stepping through it ends its going on by itself. */
static void travel(struct top_view *view, long frames)
{
	if (!view->is_replay || !view->nr_frames)
		return;
	view->frame = step_to(view->frame, frames, view->nr_frames);
	view->paused = true;
}

/*
 * Screens
 */

static void show_screen(struct top_view *view, enum top_screen screen)
{
	if (screen == TOP_HELP && view->screen != TOP_HELP)
		view->screen_before = view->screen;
	/* What is looked at closely stays the same when others overtake it. */
	if (screen != TOP_VMS && screen != TOP_HELP)
		view->is_chosen = true;
	view->screen = screen;
}

/* As many regions around the cursor as there are cells, so that each has its own. */
static void zoom_in(struct top_view *view, const struct top_model *model)
{
	const struct top_vm *vm = top_view_vm(view, model);
	__u32 cells = view->cell_columns * view->cell_rows, nr = vm ? top_vm_regions(vm) : 0;

	if (!vm || view->cell_regions <= 1 || !cells)
		return;
	view->is_zoomed = true;
	view->zoom.nr = cells < nr ? cells : nr;
	view->zoom.first = view->spot > cells / 2 ? view->spot - cells / 2 : 0;
	/* Lines begin at round numbers. */
	view->zoom.first -= view->zoom.first % view->cell_columns;
	if (view->zoom.first > nr - view->zoom.nr)
		view->zoom.first = nr - view->zoom.nr;
	view->region = view->spot;
}

static void go_back(struct top_view *view)
{
	if (view->screen == TOP_HELP)
		view->screen = view->screen_before;
	else if (view->screen == TOP_REGIONS && view->is_zoomed)
		view->is_zoomed = false;
	else if (view->screen != TOP_VMS)
		view->screen = TOP_VMS;
	else
		view->filter[0] = 0;
}

/* Into what the cursor is on. */
static void enter(struct top_view *view, const struct top_model *model)
{
	const struct dmem_decision *decision;

	switch (view->screen) {
	case TOP_VMS:
		if (top_view_vm(view, model))
			show_screen(view, TOP_REGIONS);
		break;
	case TOP_REGIONS:
		zoom_in(view, model);
		break;
	case TOP_LATENCY:
		view->one_vm = !view->one_vm;
		break;
	case TOP_TUNER:
		decision = model ? top_view_decision(view, model, view->lists[TOP_TUNER].row) :
				   NULL;
		if (!decision || !top_find_vm(model, decision->vm))
			break;
		view->vm = decision->vm;
		view->is_chosen = true;
		view->region = view->spot = decision->region;
		view->is_zoomed = false;
		show_screen(view, TOP_REGIONS);
		break;
	case TOP_HELP:
		go_back(view);
		break;
	default:
		break;
	}
}

static void change_delay(struct top_view *view, double factor)
{
	view->delay_s *= factor;
	if (view->delay_s < TOP_DELAY_MIN_S)
		view->delay_s = TOP_DELAY_MIN_S;
	if (view->delay_s > TOP_DELAY_MAX_S)
		view->delay_s = TOP_DELAY_MAX_S;
}

/*
 * Searching and filtering
 */

static bool row_matches(const struct top_view *view, const struct top_model *model, size_t row)
{
	const struct dmem_decision *decision;
	const struct top_donor *donor;

	switch (view->screen) {
	case TOP_TUNER:
		decision = top_view_decision(view, model, row);
		return decision && (top_name_matches(decision->name, view->search) ||
				    top_name_matches(decision->reason, view->search));
	case TOP_DONORS:
		donor = row < model->sample->nr_donors ? &model->sample->donors[row] : NULL;
		return donor && (top_name_matches(donor->path, view->search) ||
				 top_name_matches(donor->spec, view->search));
	default:
		return row < model->nr_vms &&
		       top_name_matches(top_vm_name(&model->vms[row]), view->search);
	}
}

/* To the next row that matches, from the @from-th after the cursor's on, around the end. */
static void search_on(struct top_view *view, const struct top_model *model, size_t from)
{
	struct top_list *list = &view->lists[view->screen];

	if (!model || !*view->search)
		return;
	if (view->screen != TOP_VMS && view->screen != TOP_TUNER && view->screen != TOP_DONORS) {
		show_screen(view, TOP_VMS);
		list = &view->lists[TOP_VMS];
	}
	for (size_t i = from; i < list->nr + from; i++) {
		size_t row = (list->row + i) % list->nr;

		if (!row_matches(view, model, row))
			continue;
		choose_row(view, model, row);
		return;
	}
}

static void open_prompt(struct top_view *view, enum top_prompt prompt)
{
	view->prompt = prompt;
	memcpy(view->typed, prompt == TOP_PROMPT_FILTER ? view->filter : view->search,
	       sizeof(view->typed));
}

/* As it is typed: the cursor goes there, the list gets shorter. */
static void follow_typed(struct top_view *view, const struct top_model *model)
{
	if (view->prompt == TOP_PROMPT_FILTER) {
		memcpy(view->filter, view->typed, sizeof(view->filter));
		return;
	}
	memcpy(view->search, view->typed, sizeof(view->search));
	search_on(view, model, 0);
}

static void type_glyph(struct top_view *view, wchar_t glyph)
{
	size_t len = strlen(view->typed);
	char bytes[MB_LEN_MAX];
	int nr = wctomb(bytes, glyph);

	if (nr <= 0 || len + (size_t)nr >= sizeof(view->typed))
		return;
	memcpy(view->typed + len, bytes, (size_t)nr);
	view->typed[len + (size_t)nr] = 0;
}

static void erase_glyph(struct top_view *view)
{
	size_t len = strlen(view->typed);

	/* The bytes that continue a character of UTF-8 go with it. */
	while (len && ((unsigned char)view->typed[len - 1] & 0xc0) == 0x80)
		len--;
	view->typed[len ? len - 1 : 0] = 0;
}

static void act_in_prompt(struct top_view *view, const struct top_model *model,
			  const struct top_event *event)
{
	if (event->glyph >= L' ' && event->action != TOP_ERASE) {
		type_glyph(view, event->glyph);
		follow_typed(view, model);
		return;
	}
	switch (event->action) {
	case TOP_ERASE:
		erase_glyph(view);
		follow_typed(view, model);
		break;
	case TOP_SEARCH:
		if (view->prompt == TOP_PROMPT_SEARCH)
			search_on(view, model, 1);
		break;
	case TOP_BACK:
		view->typed[0] = 0;
		follow_typed(view, model);
		view->prompt = TOP_NO_PROMPT;
		break;
	case TOP_ENTER:
		view->prompt = TOP_NO_PROMPT;
		break;
	default:
		break;
	}
}

static void act_in_menu(struct top_view *view, enum top_action action)
{
	long step = step_of(action, 1, TOP_MIN_HEIGHT);

	switch (action) {
	case TOP_ENTER:
		view->inverted = view->sort == view->menu_row && view->inverted;
		view->sort = (enum top_sort)view->menu_row;
		view->menu = false;
		break;
	case TOP_BACK:
	case TOP_SORT:
		view->menu = false;
		break;
	case TOP_INVERT:
		view->inverted = !view->inverted;
		break;
	default:
		if (step)
			view->menu_row = step_to(view->menu_row, step, TOP_SORTS);
	}
}

/*
 * All of it
 */

static void open_menu(struct top_view *view)
{
	show_screen(view, TOP_VMS);
	view->menu = true;
	view->menu_row = view->sort;
}

static void act(struct top_view *view, const struct top_model *model, enum top_action action)
{
	bool in_map = view->screen == TOP_REGIONS;

	switch (action) {
	case TOP_LEFT:
	case TOP_RIGHT:
		if (!in_map && view->is_replay)
			travel(view, action == TOP_LEFT ? -1 : 1);
		else
			move(view, model, action);
		break;
	case TOP_ENTER: enter(view, model); break;
	case TOP_BACK: go_back(view); break;
	case TOP_NEXT_SCREEN: show_screen(view, (view->screen + 1) % TOP_SCREENS); break;
	case TOP_PREVIOUS_SCREEN:
		show_screen(view, (view->screen + TOP_SCREENS - 1) % TOP_SCREENS);
		break;
	case TOP_SHOW_HELP:
		if (view->screen == TOP_HELP)
			go_back(view);
		else
			show_screen(view, TOP_HELP);
		break;
	case TOP_SEARCH: open_prompt(view, TOP_PROMPT_SEARCH); break;
	case TOP_SEARCH_NEXT: search_on(view, model, 1); break;
	case TOP_FILTER: open_prompt(view, TOP_PROMPT_FILTER); break;
	case TOP_SORT: open_menu(view); break;
	case TOP_INVERT: view->inverted = !view->inverted; break;
	case TOP_PAUSE: view->paused = !view->paused; break;
	case TOP_SLOWER: change_delay(view, 2); break;
	case TOP_FASTER: change_delay(view, 0.5); break;
	case TOP_NEXT_HEAT: view->heat = (view->heat + 1) % TOP_HEATS; break;
	case TOP_ONE_VM: view->one_vm = !view->one_vm; break;
	case TOP_FRAME_BACK: travel(view, -1); break;
	case TOP_FRAME_ON: travel(view, 1); break;
	case TOP_FRAMES_BACK: travel(view, -TOP_FRAMES); break;
	case TOP_FRAMES_ON: travel(view, TOP_FRAMES); break;
	default:
		if (action >= TOP_SHOW_HEAT && action < TOP_ACTIONS)
			view->heat = (enum top_heat)(action - TOP_SHOW_HEAT);
		else if (action >= TOP_SHOW_SCREEN && action < TOP_SHOW_HEAT)
			show_screen(view, (enum top_screen)(action - TOP_SHOW_SCREEN));
		else
			move(view, model, action);
	}
}

static void sort_by(struct top_view *view, enum top_sort sort)
{
	view->inverted = view->sort == sort && !view->inverted;
	view->sort = sort;
}

/* Return: whether the program is to end: the key for that may be clicked on, too. */
static bool click(struct top_view *view, const struct top_model *model,
		  const struct top_cell *cell, bool is_double)
{
	struct heat_window window;

	switch ((enum top_hit)cell->hit) {
	case TOP_HIT_TAB:
		show_screen(view, (enum top_screen)cell->index);
		return false;
	case TOP_HIT_COLUMN:
		sort_by(view, (enum top_sort)cell->index);
		return false;
	case TOP_HIT_MENU:
		view->menu_row = cell->index;
		act_in_menu(view, TOP_ENTER);
		return false;
	case TOP_HIT_KEY:
		act(view, model, (enum top_action)cell->index);
		return cell->index == TOP_QUIT;
	case TOP_HIT_ROW:
		choose_row(view, model, cell->index);
		break;
	case TOP_HIT_CELL:
		window = top_view_window(view, top_view_vm(view, model));
		view->region = window.first + cell->index * view->cell_regions;
		view->spot = view->region;
		break;
	default:
		return false;
	}
	if (is_double)
		enter(view, model);
	return false;
}

static bool act_mouse(struct top_view *view, const struct top_model *model,
		      const struct top_grid *grid, const struct top_event *event)
{
	if (event->mouse == TOP_WHEEL_UP || event->mouse == TOP_WHEEL_DOWN) {
		enum top_action action = event->mouse == TOP_WHEEL_UP ? TOP_UP : TOP_DOWN;

		if (view->menu)
			act_in_menu(view, action);
		else
			move(view, model, action);
		return false;
	}
	if (!grid || event->x < 0 || event->x >= grid->width || event->y < 0 ||
	    event->y >= grid->nr_lines)
		return false;
	return click(view, model, &grid->cells[event->y * grid->width + event->x],
		     event->mouse == TOP_DOUBLE_CLICK);
}

bool top_view_act(struct top_view *view, const struct top_model *model,
		  const struct top_grid *grid, const struct top_event *event)
{
	if (event->mouse != TOP_NO_MOUSE)
		return act_mouse(view, model, grid, event);
	if (view->prompt) {
		/* Of a signal, or F10; q is a letter. */
		if (event->action == TOP_QUIT && !event->glyph)
			return true;
		act_in_prompt(view, model, event);
		return false;
	}
	if (event->action == TOP_QUIT)
		return true;
	if (view->menu)
		act_in_menu(view, event->action);
	else if (event->action != TOP_NOTHING)
		act(view, model, event->action);
	return false;
}
