/* SPDX-License-Identifier: GPL-2.0 */
/* hist.h - figures from the log2 histograms and the bitmaps of maps.h. */
#ifndef DMEM_HIST_H
#define DMEM_HIST_H

#include <stddef.h>
#include <linux/types.h>

/**
 * dmem_hist_quantile - the value that a share of the counted values does not exceed
 * @slots: counts; slot n is of values from 2^n to 2^(n+1) - 1, slot 0 of 0 too
 * @nr: slots
 * @share: 0 ... 1; 0.5 is the median
 *
 * Within its slot a value is taken to lie as far as its rank does: right within a factor of
 * two, whatever the distribution.
 *
 * Return: 0 of an empty histogram.
 */
double dmem_hist_quantile(const __u64 *slots, size_t nr, double share);

/**
 * dmem_touched_blocks - how many blocks of a region hold a touched page
 * @touched: dmem_region_value.touched
 * @order: of the blocks, 0 ... 9
 *
 * The share of each such block that is used is dmem_touched_pages() / (blocks << order) on average.
 */
unsigned int dmem_touched_blocks(const __u64 *touched, unsigned int order);

/** dmem_touched_pages - how many pages of a region were touched: its blocks of order 0. */
unsigned int dmem_touched_pages(const __u64 *touched);

#endif /* DMEM_HIST_H */
