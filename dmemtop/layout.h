/* SPDX-License-Identifier: GPL-2.0 */
/*
 * layout.h - the model as lines of cells, for a terminal or for batch output, and the moves in it.
 *
 * No curses: a cell has a glyph and a style by meaning; screen.c knows colours, main.c prints
 * glyphs alone. Every glyph is one column wide, so a line is never wider than its grid.
 */
#ifndef DMEMTOP_LAYOUT_H
#define DMEMTOP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

#include "model.h"

/** Below this only a message is laid out. */
#define TOP_MIN_WIDTH	40
#define TOP_MIN_HEIGHT	10

/** Limits of the time between readings, in seconds. */
#define TOP_DELAY_MIN_S	0.1
#define TOP_DELAY_MAX_S	3600.0

/** enum top_style - what a cell means. */
enum top_style {
	TOP_PLAIN,
	TOP_STRONG,	/* what the eye should find */
	TOP_FAINT,	/* what it may skip */
	TOP_LABEL,
	TOP_HEADING,	/* of a table */
	TOP_SORTED,	/* ... and the column that it is sorted by */
	TOP_DIRECT,	/* local pages */
	TOP_MIXED,	/* local and remote ones */
	TOP_REMOTE,
	TOP_ALARM,
	TOP_STYLES,
};

/**
 * struct top_cell - one column of one line
 * @chosen: the cursor is on it
 */
struct top_cell {
	wchar_t glyph;
	unsigned char style;
	bool chosen;
};

/**
 * struct top_grid - lines of cells
 * @height: most lines; 0 for as many as it takes
 * @nr_lines: lines laid out
 * @room: lines that @cells has room for
 * @cells: line after line, @width each
 * @failed: memory ran out: lines are missing
 */
struct top_grid {
	int width;
	int height;
	int nr_lines;
	int room;
	struct top_cell *cells;
	bool failed;
};

/** top_grid_init - an empty grid for top_grid_free(). Return: 0 or -ENOMEM. */
int top_grid_init(struct top_grid *grid, int width, int height);
void top_grid_free(struct top_grid *grid);

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
	TOP_SWITCH,
	TOP_SORT,
	TOP_REGION_VIEW,
	TOP_PAUSE,
	TOP_SLOWER,
	TOP_FASTER,
	TOP_HELP,
};

/** struct top_key_help - a line of the help: a key's name and what it does. */
struct top_key_help {
	const char *key;
	const char *what;
};

enum top_focus { TOP_IN_VMS, TOP_IN_REGIONS };
enum top_region_view { TOP_MAP_OF_SHARES, TOP_MAP_OF_ORDERS, TOP_REGION_TABLE, TOP_REGION_VIEWS };

/**
 * struct top_view - what of the model is looked at, and how
 * @unicode: blocks and shades; else ASCII alone
 * @clock: the reading's time of day
 * @delay_s: time between readings
 * @notice: why there is no model, if there is none
 * @keys, @nr_keys: for the help; none in batch output
 * @vm: id of the VM that the cursor is on
 * @vm_row: where that was: the cursor stays there if the VM is gone
 * @region: index of the region that the cursor is on
 * @vm_scroll, @region_scroll: first row that is shown
 * @vm_rows, @region_rows, @map_columns: how much was shown last, for the moves
 */
struct top_view {
	bool unicode;
	char clock[16];
	double delay_s;
	const char *notice;
	const struct top_key_help *keys;
	size_t nr_keys;
	bool paused;
	bool help;
	enum top_vm_sort vm_sort;
	enum top_region_sort region_sort;
	enum top_focus focus;
	enum top_region_view regions;
	__u32 vm;
	size_t vm_row;
	__u32 region;
	size_t vm_scroll;
	size_t region_scroll;
	size_t vm_rows;
	size_t region_rows;
	size_t map_columns;
};

/**
 * top_layout - a screen
 * @grid: of the terminal's size, empty
 * @model: put in the view's order by this; NULL where there is none
 * @view: cursor and scroll positions are brought back to what there is
 *
 * No more lines than the grid's height, whatever the size.
 */
void top_layout(struct top_grid *grid, struct top_model *model, struct top_view *view);

/**
 * top_layout_batch - everything of all VMs, one after the other
 * @grid: without a height, empty
 * @model: put in the view's order by this
 * @view: how it is looked at
 *
 * Rows of a region map that nothing was touched of are left out.
 */
void top_layout_batch(struct top_grid *grid, struct top_model *model, struct top_view *view);

/** top_view_act - do what a key asks for. TOP_QUIT is the caller's. @model may be NULL. */
void top_view_act(struct top_view *view, const struct top_model *model, enum top_action action);

#endif /* DMEMTOP_LAYOUT_H */
