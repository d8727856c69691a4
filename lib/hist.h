/* SPDX-License-Identifier: GPL-2.0 */
/* hist.h - figures from the log2 histograms of maps.h. */
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

#endif /* DMEM_HIST_H */
