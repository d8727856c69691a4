/* SPDX-License-Identifier: GPL-2.0 */
/*
 * table.h - lists of columns with a rank: where the width does not suffice, the columns with the
 * highest ranks are left out.
 */
#ifndef DMEMTOP_TABLE_H
#define DMEMTOP_TABLE_H

#include "grid.h"

#define TABLE_COLUMNS	32
#define TABLE_TEXT	256
/** No column is sorted by. */
#define TABLE_NO_SORT	(-1)

/**
 * struct table_column - one column
 * @title: of a count; @rate_title: of a rate, where that differs
 * @rank: 0 is never left out
 * @sort: what a table is sorted by, if by this column; TABLE_NO_SORT
 * @left: text begins at the left
 * @text: the field of a row
 */
struct table_column {
	const char *title;
	const char *rate_title;
	int width;
	int rank;
	int sort;
	bool left;
	void (*text)(const void *row, char *buf, size_t len);
};

/** struct table - @columns end with no title; @widths: of each, 0 for those left out. */
struct table {
	const struct table_column *columns;
	int widths[TABLE_COLUMNS];
	int nr;
	bool unicode;
};

/**
 * table_plan - which columns there is room for
 * @columns: the first is as wide as @first_width where that is wider and there is room
 * @width: of all
 * @grows: the last column takes what is left instead of the first
 */
struct table table_plan(const struct table_column *columns, int width, int first_width,
			bool grows, bool unicode);

/** table_heading - the titles; a click on one is TOP_HIT_COLUMN with its @sort. */
void table_heading(struct top_grid *grid, const struct table *table, bool rates, int sort,
		   bool goes_up);

/** table_row - one row; a click on it is TOP_HIT_ROW with @index. */
void table_row(struct top_grid *grid, const struct table *table, const void *row,
	       enum top_style style, bool chosen, __u32 index);

#endif /* DMEMTOP_TABLE_H */
