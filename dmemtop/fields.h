/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fields.h - which fields the structs of a sample have, by name: for the header of a recording.
 *
 * Whoever adds a field to a struct that is recorded adds it here, and an older recording has zero
 * in it.
 */
#ifndef DMEMTOP_FIELDS_H
#define DMEMTOP_FIELDS_H

#include <stddef.h>
#include <linux/types.h>

/** struct top_field - @nr numbers of @width bytes each, in the machine's order, at @offset. */
struct top_field {
	const char *name;
	size_t offset;
	unsigned int width;
	unsigned int nr;
};

/** enum top_section - the arrays of a sample, in the order in which they are written. */
enum top_section {
	TOP_SECTION_FRAME,
	TOP_SECTION_VM,
	TOP_SECTION_LATENCY,
	TOP_SECTION_DONOR,
	TOP_SECTION_TUNER,
	TOP_SECTION_DECISION,
	TOP_SECTION_MAP,
	TOP_SECTION_BIN,
	TOP_SECTION_SPOT,
	TOP_SECTIONS,
};

/** struct top_section_type - an array of structs of @size bytes; its fields end with no name. */
struct top_section_type {
	const char *name;
	size_t size;
	const struct top_field *fields;
};

extern const struct top_section_type top_sections[TOP_SECTIONS];

#endif /* DMEMTOP_FIELDS_H */
