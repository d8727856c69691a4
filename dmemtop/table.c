// SPDX-License-Identifier: GPL-2.0
/* table.c - tables of as many columns as there is room for. */
#include "table.h"

#include <string.h>

#define GAP	1

struct table table_plan(const struct table_column *columns, int width, int first_width,
			bool grows, bool unicode)
{
	struct table table = { .columns = columns, .widths = { columns[0].width },
			       .unicode = unicode };
	int left = width - columns[0].width, rank, i, last = 0;

	while (columns[table.nr].title)
		table.nr++;
	for (rank = 1; rank < TABLE_COLUMNS; rank++) {
		for (i = 1; i < table.nr && columns[i].rank != rank; i++)
			;
		if (i == table.nr)
			continue;
		if (columns[i].width + GAP > left)
			break;
		table.widths[i] = columns[i].width;
		left -= columns[i].width + GAP;
	}
	for (i = 0; i < table.nr; i++)
		if (table.widths[i])
			last = i;
	if (first_width > columns[0].width) {
		int more = first_width - columns[0].width;

		more = more < left ? more : left;
		table.widths[0] += more;
		left -= more;
	}
	if (grows)
		table.widths[last] += left;
	return table;
}

void table_heading(struct top_grid *grid, const struct table *table, bool rates, int sort,
		   bool goes_up)
{
	struct top_pen pen = pen_line(grid, table->unicode);
	const struct top_glyphs *glyphs = top_glyphs(table->unicode);
	int i;

	for (i = 0; i < table->nr; i++) {
		const struct table_column *column = &table->columns[i];
		const char *title = rates && column->rate_title ? column->rate_title :
				    column->title;
		bool sorted = sort != TABLE_NO_SORT && column->sort == sort;
		int from, width = table->widths[i];

		if (!width)
			continue;
		pen_fill(&pen, TOP_HEADING, L' ', i ? GAP : 0);
		from = pen.at;
		/* An arrow where the title leaves room for it. */
		if (sorted && (int)strlen(title) < width) {
			if (!column->left)
				pen_put(&pen, TOP_SORTED, goes_up ? glyphs->up : glyphs->down);
			pen_cell(&pen, TOP_SORTED, title, width - 1, column->left);
			if (column->left)
				pen_put(&pen, TOP_SORTED, goes_up ? glyphs->up : glyphs->down);
		} else {
			pen_cell(&pen, sorted ? TOP_SORTED : TOP_HEADING, title, width,
				 column->left);
		}
		if (column->sort != TABLE_NO_SORT)
			pen_hit(&pen, from, TOP_HIT_COLUMN, (__u32)column->sort);
	}
	pen_fill(&pen, TOP_HEADING, L' ', pen_left(&pen));
}

void table_row(struct top_grid *grid, const struct table *table, const void *row,
	       enum top_style style, bool chosen, __u32 index)
{
	struct top_pen pen = pen_line(grid, table->unicode);
	char text[TABLE_TEXT];
	int i;

	for (i = 0; i < table->nr; i++) {
		const struct table_column *column = &table->columns[i];

		if (!table->widths[i])
			continue;
		column->text(row, text, sizeof(text));
		pen_fill(&pen, style, L' ', i ? GAP : 0);
		pen_cell(&pen, style, text, table->widths[i], column->left);
	}
	pen_fill(&pen, style, L' ', pen_left(&pen));
	pen_hit(&pen, 0, TOP_HIT_ROW, index);
	if (chosen)
		pen_choose(&pen);
}
