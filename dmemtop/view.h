/* SPDX-License-Identifier: GPL-2.0 */
/*
 * view.h - what of the model is looked at, and how, and what keys and clicks do to that.
 *
 * No curses: screen.c makes events of keys, layout.c lines of a model and a view.
 */
#ifndef DMEMTOP_VIEW_H
#define DMEMTOP_VIEW_H

#include "columns.h"
#include "grid.h"
#include "model.h"

/** Below this only a message is laid out. */
#define TOP_MIN_WIDTH	40
#define TOP_MIN_HEIGHT	10

/** Limits of the time between samples, in seconds. */
#define TOP_DELAY_MIN_S	0.1
#define TOP_DELAY_MAX_S	3600.0

/** Points of the curves in the header: five minutes at a second each. */
#define TOP_POINTS	300

#define TOP_TYPED_LEN	64
/** Frames of a recording that the larger steps go over. */
#define TOP_FRAMES	10

/** enum top_screen - in the order of their numbers. */
enum top_screen {
	TOP_VMS,
	TOP_REGIONS,
	TOP_LATENCY,
	TOP_DONORS,
	TOP_TUNER,
	TOP_HELP,
	TOP_SCREENS,
};

/** enum top_heat - what the map of regions shows. */
enum top_heat { TOP_DENSITY, TOP_MISSES, TOP_ORDER, TOP_AGE, TOP_HEATS };

/** enum top_action - what a key can ask for. */
enum top_action {
	TOP_NOTHING,
	TOP_QUIT,
	TOP_UP,
	TOP_DOWN,
	TOP_LEFT,
	TOP_RIGHT,
	TOP_PAGE_UP,
	TOP_PAGE_DOWN,
	TOP_FIRST,
	TOP_LAST,
	TOP_ENTER,
	TOP_BACK,
	TOP_ERASE,
	TOP_NEXT_SCREEN,
	TOP_PREVIOUS_SCREEN,
	TOP_SHOW_HELP,
	TOP_SEARCH,
	TOP_SEARCH_NEXT,
	TOP_FILTER,
	TOP_SORT,
	TOP_INVERT,
	TOP_PAUSE,
	TOP_SLOWER,
	TOP_FASTER,
	TOP_NEXT_HEAT,
	TOP_ONE_VM,
	TOP_FRAME_BACK,
	TOP_FRAME_ON,
	TOP_FRAMES_BACK,
	TOP_FRAMES_ON,
	TOP_SHOW_SCREEN,				/* and the others behind it */
	TOP_SHOW_HEAT = TOP_SHOW_SCREEN + TOP_SCREENS,	/* likewise */
	TOP_ACTIONS = TOP_SHOW_HEAT + TOP_HEATS,
};

/** enum top_mouse - what the mouse did. */
enum top_mouse { TOP_NO_MOUSE, TOP_CLICK, TOP_DOUBLE_CLICK, TOP_WHEEL_UP, TOP_WHEEL_DOWN };

/**
 * struct top_event - a key, or the mouse
 * @action: what the key table says of it
 * @glyph: the character; 0 where it is none
 * @x, @y: of the mouse
 */
struct top_event {
	enum top_action action;
	wchar_t glyph;
	enum top_mouse mouse;
	int x;
	int y;
};

/** struct top_key_help - a line of the help; @bar: what the line of keys calls it, or NULL. */
struct top_key_help {
	const char *key;
	const char *what;
	const char *bar;
	enum top_action action;
};

/** enum top_prompt - what is being typed in the last line. */
enum top_prompt { TOP_NO_PROMPT, TOP_PROMPT_SEARCH, TOP_PROMPT_FILTER };

/** struct top_list - a cursor in lines: @nr of them, @rows shown from @scroll on. */
struct top_list {
	size_t row;
	size_t scroll;
	size_t rows;
	size_t nr;
};

/**
 * struct top_view - the state of the program, as far as it shows
 * @unicode: blocks and shades; else ASCII alone
 * @clock: the sample's time of day
 * @delay_s: time between samples
 * @notice: why there is no model, if there is none
 * @keys, @nr_keys: for the help; none in batch output
 * @lists: by screen
 * @vm: id of the VM that the cursor is on; @is_chosen: because somebody moved it there: until then
 *	it is on the first, whichever that is
 * @prompt, @typed: what is being typed; @filter, @search: what was
 * @menu: the sort menu is open, its cursor on @menu_row
 * @region: that the cursor is on, the first of its cell
 * @zoom: regions shown of the VM, where @is_zoomed
 * @spot: the region whose figures are shown: the hottest of the cell
 * @cell_regions, @cell_columns, @cell_rows: of the map as it was shown last
 * @one_vm: latencies of the VM that the cursor is on; else of all
 * @is_replay, @frame, @nr_frames, @is_cut: of a recording
 * @points, @nr_points: for the curves, the latest last
 */
struct top_view {
	bool unicode;
	char clock[32];
	double delay_s;
	const char *notice;
	const struct top_key_help *keys;
	size_t nr_keys;
	bool paused;
	enum top_screen screen;
	enum top_screen screen_before;
	struct top_list lists[TOP_SCREENS];
	enum top_sort sort;
	bool inverted;
	__u32 vm;
	bool is_chosen;
	enum top_prompt prompt;
	char typed[TOP_TYPED_LEN];
	char filter[TOP_TYPED_LEN];
	char search[TOP_TYPED_LEN];
	bool menu;
	size_t menu_row;
	enum top_heat heat;
	__u32 region;
	__u32 spot;
	bool is_zoomed;
	struct heat_window zoom;
	__u32 cell_regions;
	__u32 cell_columns;
	__u32 cell_rows;
	bool one_vm;
	bool is_replay;
	bool is_cut;
	size_t frame;
	size_t nr_frames;
	struct top_point points[TOP_POINTS];
	size_t nr_points;
};

/**
 * top_view_act - do what an event asks for
 * @view: changed
 * @model: that is shown; NULL where there is none
 * @grid: that is on the screen, for the mouse; NULL where there is none
 * @event: the event
 *
 * A changed @view->filter, @view->frame and top_view_want() are the caller's to follow.
 *
 * Return: whether the program is to end.
 */
bool top_view_act(struct top_view *view, const struct top_model *model,
		  const struct top_grid *grid, const struct top_event *event);

/** top_view_want - what the next sample should have for what is looked at. */
struct top_want top_view_want(const struct top_view *view, const struct top_model *model);

/** top_view_add_point - one more for the curves; the oldest goes where there is no room. */
void top_view_add_point(struct top_view *view, const struct top_point *point);

/** top_view_vm - the VM that the cursor is on; NULL without VMs. */
const struct top_vm *top_view_vm(const struct top_view *view, const struct top_model *model);

/** top_view_follow - keep the cursor on the chosen VM, or where that was if it is gone. */
void top_view_follow(struct top_view *view, const struct top_model *model);

/** top_view_window - the regions of it that are shown. */
struct heat_window top_view_window(const struct top_view *view, const struct top_vm *vm);

/** top_list_fit - bring the cursor back to what there is, and show it in @rows lines. */
void top_list_fit(struct top_list *list, size_t nr, size_t rows);

/** top_view_decision - the decision in a row: the latest first, and those that the filter lets. */
const struct dmem_decision *top_view_decision(const struct top_view *view,
					      const struct top_model *model, size_t row);

#endif /* DMEMTOP_VIEW_H */
