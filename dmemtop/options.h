/* SPDX-License-Identifier: GPL-2.0 */
/* options.h - dmemtop's command line. */
#ifndef DMEMTOP_OPTIONS_H
#define DMEMTOP_OPTIONS_H

#include <stdbool.h>

#include "columns.h"

enum top_output { TOP_OUTPUT_SCREEN, TOP_OUTPUT_TEXT, TOP_OUTPUT_JSON, TOP_OUTPUT_CSV };

/**
 * struct top_options - what was asked for
 * @count: frames; 0 for no end
 * @name: only VMs with this in their name; NULL: all
 * @record, @replay: files; NULL: none
 */
struct top_options {
	enum top_output output;
	bool once;
	double delay_s;
	unsigned long count;
	const char *name;
	enum top_sort sort;
	bool no_regions;
	bool ascii;
	bool no_colours;
	const char *record;
	const char *replay;
};

/** top_parse_options - Return: 0 to go on, else 1 + the exit status. */
int top_parse_options(int argc, char **argv, struct top_options *options);

/** top_usage_fail - Return: the exit status of a program that was misused. */
int top_usage_fail(const char *what, const char *value);

#endif /* DMEMTOP_OPTIONS_H */
