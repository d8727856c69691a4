/* SPDX-License-Identifier: GPL-2.0 */
/*
 * report_table.h - a Markdown table whose columns line up, so that it also reads as text. Cells
 * come row by row, the headings first; the first column is set left, the others right.
 */
#ifndef DMEM_BENCH_REPORT_TABLE_H
#define DMEM_BENCH_REPORT_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct bench_table {
	size_t columns;
	char **cells;
	size_t nr_cells;
};

/** bench_cell - add one cell; @format: as printf, in bytes that are one column each */
void bench_cell(struct bench_table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** bench_print_table - write it to @out and free its cells */
void bench_print_table(struct bench_table *table, FILE *out);

#endif /* DMEM_BENCH_REPORT_TABLE_H */
