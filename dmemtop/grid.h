/* SPDX-License-Identifier: GPL-2.0 */
/*
 * grid.h - lines of cells, and the pen that writes them.
 *
 * A cell has a glyph, a style by meaning and what a click on it means; screen.c knows colours,
 * text.c prints glyphs alone. Every glyph is one column wide, so a line is never wider than its
 * grid, and the pen stops at its end.
 */
#ifndef DMEMTOP_GRID_H
#define DMEMTOP_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <wchar.h>
#include <linux/types.h>

/** enum top_style - what a cell means. */
enum top_style {
	TOP_PLAIN,
	TOP_STRONG,	/* what the eye should find */
	TOP_FAINT,	/* what it may skip */
	TOP_LABEL,
	TOP_HEADING,	/* of a table */
	TOP_SORTED,	/* ... and the column that it is sorted by */
	TOP_KEY,	/* in the line of keys */
	TOP_DIRECT,	/* local pages */
	TOP_REMOTE,
	TOP_WARNING,
	TOP_ALARM,
	TOP_HEAT_0,	/* of the heat map: cold to hot */
	TOP_HEAT_1,
	TOP_HEAT_2,
	TOP_HEAT_3,
	TOP_HEAT_4,
	TOP_STYLES,
};

/** enum top_hit - what a click on a cell is about; struct top_cell.index says which one. */
enum top_hit {
	TOP_HIT_NOTHING,
	TOP_HIT_TAB,	/* a screen */
	TOP_HIT_ROW,	/* of the screen's list */
	TOP_HIT_COLUMN,	/* heading of a table: enum top_sort */
	TOP_HIT_CELL,	/* of the heat map */
	TOP_HIT_KEY,	/* enum top_action, in the line of keys */
	TOP_HIT_MENU,	/* a line of the menu */
};

/**
 * struct top_cell - one column of one line
 * @chosen: the cursor is on it
 */
struct top_cell {
	wchar_t glyph;
	__u32 index;
	unsigned char style;
	unsigned char hit;
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

#define TOP_LEVELS	8

/** struct top_glyphs - what pictures are made of. */
struct top_glyphs {
	wchar_t levels[TOP_LEVELS + 1];	/* of a histogram; the first is for nothing */
	wchar_t heat[5];		/* cold to hot */
	wchar_t direct;
	wchar_t remote;
	wchar_t none;			/* memory that was not touched */
	wchar_t limit;
	wchar_t rule;
	wchar_t cut;			/* text goes on */
	wchar_t up;			/* sorted so */
	wchar_t down;
};

const struct top_glyphs *top_glyphs(bool unicode);

/** top_grid_init - an empty grid for top_grid_free(). Return: 0 or -ENOMEM. */
int top_grid_init(struct top_grid *grid, int width, int height);
void top_grid_free(struct top_grid *grid);

/** top_grid_left - lines that are left of a grid with a height. */
int top_grid_left(const struct top_grid *grid);

/** top_grid_print - the glyphs, line by line, without the blanks at their ends. */
void top_grid_print(const struct top_grid *grid, FILE *to);

/** struct top_pen - writes one line. That of the line before is not to be used any more. */
struct top_pen {
	struct top_cell *cells;
	int at;
	int end;
	bool unicode;
};

struct top_pen pen_line(struct top_grid *grid, bool unicode);
int pen_left(const struct top_pen *pen);
void pen_put(struct top_pen *pen, enum top_style style, wchar_t glyph);
void pen_fill(struct top_pen *pen, enum top_style style, wchar_t glyph, int count);

/** pen_text - ASCII alone. */
void pen_text(struct top_pen *pen, enum top_style style, const char *text);
void pen_format(struct top_pen *pen, enum top_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** pen_field - two blanks and the text, all of it or nothing. Return: whether it was written. */
bool pen_field(struct top_pen *pen, enum top_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** pen_label - a label and blanks up to the column where the text of such lines begins. */
void pen_label(struct top_pen *pen, const char *label);

/** pen_cell - text from outside in a field; what does not fit is seen to be cut. */
void pen_cell(struct top_pen *pen, enum top_style style, const char *text, int width, bool left);

/** pen_name - text from outside, as wide as it is. */
void pen_name(struct top_pen *pen, enum top_style style, const char *text);

/** pen_levels - a column for each of @counts, the highest as high as a line is. */
void pen_levels(struct top_pen *pen, const __u64 *counts, int nr);

/** pen_hit - what a click on the cells from @from on is about. */
void pen_hit(struct top_pen *pen, int from, enum top_hit hit, __u32 index);
void pen_choose(struct top_pen *pen);

/** top_lay_wrapped - lines of text from outside, broken between words where there are some. */
void top_lay_wrapped(struct top_grid *grid, enum top_style style, const char *text, bool unicode);

/** top_name_width - columns that a text from outside takes. */
int top_name_width(const char *name);

/** top_cells_of - cells for a part of the whole; what there is some of has at least one. */
int top_cells_of(__u64 part, __u64 whole, int cells);

#endif /* DMEMTOP_GRID_H */
