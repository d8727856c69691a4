/* SPDX-License-Identifier: GPL-2.0 */
/*
 * columns.h - the columns of the table of VMs: titles, keys to sort by, and what they mean, in
 * one table for the screen, -s, the sort menu, CSV and the help.
 */
#ifndef DMEMTOP_COLUMNS_H
#define DMEMTOP_COLUMNS_H

#include "model.h"
#include "table.h"

/** enum top_sort - a column of the table, to sort by. */
enum top_sort {
	TOP_BY_NAME,
	TOP_BY_SIZE,
	TOP_BY_DIRECT,
	TOP_BY_LIMIT,
	TOP_BY_REMOTE,
	TOP_BY_FAULTS,
	TOP_BY_SOFT,
	TOP_BY_FETCHED,
	TOP_BY_P50,
	TOP_BY_P99,
	TOP_BY_STALL,
	TOP_BY_HIT,
	TOP_BY_ORDER,
	TOP_BY_ACCURACY,
	TOP_BY_EVICTED,
	TOP_BY_WRITTEN,
	TOP_BY_KVM,
	TOP_BY_ID,
	TOP_SORTS,
};

/**
 * struct top_key - what -s and the menu know of a column
 * @name: as -s takes it
 * @what: a line of help
 * @goes_up: sorted from the least on, unless inverted
 */
struct top_key {
	const char *name;
	const char *what;
	bool goes_up;
};

extern const struct top_key top_sort_keys[TOP_SORTS];

/** top_find_sort - the key with this name; -1 where there is none. */
int top_find_sort(const char *name);

/** top_sort_vms - put them in order; what is equal is in the order of names. */
void top_sort_vms(struct top_model *model, enum top_sort sort, bool inverted);

/** top_sort_value - the figure that is sorted by; TOP_UNKNOWN is less than all. */
double top_sort_value(const struct top_vm *vm, enum top_sort sort);

/** top_vm_columns - for table_plan(). */
extern const struct table_column top_vm_columns[];

/** top_vm_name - its name, or that it has none. */
const char *top_vm_name(const struct top_vm *vm);

/** top_donor_state - "up", "-" where it is not known. */
const char *top_donor_state(const struct top_donor *donor);

/* Figures as text; TOP_UNKNOWN is "-". */
void top_text_bytes(char *buf, size_t len, double bytes);
void top_text_rate(char *buf, size_t len, double per_s);
void top_text_ns(char *buf, size_t len, double ns);
void top_text_share(char *buf, size_t len, double share);

#endif /* DMEMTOP_COLUMNS_H */
