/* SPDX-License-Identifier: GPL-2.0 */
/*
 * output.h - a model for scripts: frames of text, JSON and CSV on standard output.
 *
 * A frame is made in full before any of it is written. All return 0 or a negative errno.
 */
#ifndef DMEMTOP_OUTPUT_H
#define DMEMTOP_OUTPUT_H

#include "error.h"
#include "view.h"

int output_text(struct top_model *model, struct top_view *view, bool first,
		struct dmem_error *error);

/** output_json - docs/json.md describes it. @pretty: to be read, over several lines. */
int output_json(const struct top_model *model, bool pretty, struct dmem_error *error);

/** output_csv - a line for each VM, before the @first of all the names of the columns. */
int output_csv(const struct top_model *model, bool first, struct dmem_error *error);

/** output_write - all of it, or an error. */
int output_write(const char *text, size_t len, struct dmem_error *error);

/** enum output_type - of a figure of struct top_vm. */
enum output_type { OUTPUT_U32, OUTPUT_U64, OUTPUT_INT, OUTPUT_DOUBLE };

/** struct output_figure - what JSON and CSV have of a VM, under the same names. */
struct output_figure {
	const char *name;
	enum output_type type;
	size_t offset;
};

/** output_figures - ended by one without a name. */
extern const struct output_figure output_figures[];

/**
 * output_figure_text - as it is written
 *
 * A double has three decimals. Return: false where it is not known.
 */
bool output_figure_text(const struct output_figure *figure, const struct top_vm *vm, char *buf,
			size_t len);

#endif /* DMEMTOP_OUTPUT_H */
