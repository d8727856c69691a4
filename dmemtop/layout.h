/* SPDX-License-Identifier: GPL-2.0 */
/*
 * layout.h - model and view as lines of cells: the frame of every screen in layout.c, what is in
 * it in a file for each screen.
 */
#ifndef DMEMTOP_LAYOUT_H
#define DMEMTOP_LAYOUT_H

#include "view.h"

/**
 * top_layout - a screen
 * @grid: of the terminal's size, empty
 * @model: put in the view's order by this; NULL where there is none
 * @view: cursors and scroll positions are brought back to what there is
 *
 * No more lines than the grid's height, whatever the size.
 */
void top_layout(struct top_grid *grid, struct top_model *model, struct top_view *view);

/**
 * top_layout_batch - the host, the table of VMs and what there is to say of each, for a file
 * @grid: without a height, empty
 * @model: put in the view's order by this
 * @view: how it is looked at
 */
void top_layout_batch(struct top_grid *grid, struct top_model *model, struct top_view *view);

/*
 * The screens. Each writes @lines lines at most, which is one at least.
 */
void top_lay_vms(struct top_grid *grid, const struct top_model *model, struct top_view *view,
		 int lines);
void top_lay_regions(struct top_grid *grid, const struct top_model *model, struct top_view *view,
		     int lines);
void top_lay_latency(struct top_grid *grid, const struct top_model *model, struct top_view *view,
		     int lines);
void top_lay_donors(struct top_grid *grid, const struct top_model *model, struct top_view *view,
		    int lines);
void top_lay_tuner(struct top_grid *grid, const struct top_model *model, struct top_view *view,
		   int lines);
void top_lay_help(struct top_grid *grid, struct top_view *view, int lines);

/** top_lay_vm - how one VM memory fares, in @lines lines at most. */
void top_lay_vm(struct top_grid *grid, const struct top_model *model, const struct top_vm *vm,
		const struct top_view *view, int lines);

/** top_lay_faint - a line that says why there is nothing. */
void top_lay_faint(struct top_grid *grid, const struct top_view *view, const char *text);

/** top_bar - a part of @width cells that stands for direct, another for remote memory. */
void top_bar(struct top_pen *pen, __u64 direct, __u64 remote, __u64 whole, __u64 limit, int width);

/** top_latency_levels - slots from the first to the last that counted something, with bounds. */
void top_latency_levels(struct top_pen *pen, const __u64 *slots);

/** top_tuner_says - whether the tuner runs, and how, in a few words. */
void top_tuner_says(const struct top_model *model, char *buf, size_t len);

#endif /* DMEMTOP_LAYOUT_H */
