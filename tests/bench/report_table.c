// SPDX-License-Identifier: GPL-2.0
/* report_table.c - collects cells, measures columns, prints. Called by report_markdown.c. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "report_table.h"

/* A delimiter cell of Markdown is three characters or more. */
#define NARROWEST	3

void bench_cell(struct bench_table *table, const char *format, ...)
{
	va_list args;
	char *text;

	table->cells = bench_grow(table->cells, &table->nr_cells, sizeof(*table->cells));
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	table->cells[table->nr_cells - 1] = text;
}

static size_t column_width(const struct bench_table *table, size_t column)
{
	size_t width = NARROWEST;

	for (size_t i = column; i < table->nr_cells; i += table->columns) {
		size_t length = strlen(table->cells[i] ?: "");

		if (length > width)
			width = length;
	}
	return width;
}

static void print_delimiter(const struct bench_table *table, FILE *out)
{
	for (size_t i = 0; i < table->columns; i++) {
		fputs(i ? " | " : "| ", out);
		for (size_t j = column_width(table, i); j > 1; j--)
			fputc('-', out);
		fputc(i ? ':' : '-', out);
	}
	fputs(" |\n", out);
}

void bench_print_table(struct bench_table *table, FILE *out)
{
	for (size_t i = 0; i < table->nr_cells; i++) {
		size_t column = i % table->columns;
		int width = column_width(table, column);

		fprintf(out, "%s%*s", column ? " | " : "| ", column ? width : -width,
			table->cells[i] ?: "");
		if (column + 1 < table->columns)
			continue;
		fputs(" |\n", out);
		if (i + 1 == table->columns)
			print_delimiter(table, out);
	}
	fputc('\n', out);
	for (size_t i = 0; i < table->nr_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
	table->nr_cells = 0;
}
