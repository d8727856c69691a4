/* SPDX-License-Identifier: GPL-2.0 */
/*
 * live.h - samples from the plane that is loaded, the pools that are mounted and the tuner.
 *
 * The maps stay open from sample to sample; whether they are still those that are pinned is asked
 * each time, so a plane that is taken down or loaded anew is noticed.
 */
#ifndef DMEMTOP_LIVE_H
#define DMEMTOP_LIVE_H

#include "sample.h"

struct top_live;

/** top_live_open - nothing is read yet. Return: NULL without memory. */
struct top_live *top_live_open(void);
void top_live_close(struct top_live *live);

/**
 * top_live_read - a sample
 * @live: of top_live_open()
 * @want: what it should have
 * @whole: walk through all regions now, however many there are; else a bounded number a sample,
 *	so that a large map fills over several
 * @sample: takes it, for top_sample_free(); all zero on error
 * @error: takes the reason
 *
 * Return: 0; -ENOENT where the module or the plane is not loaded; -EPERM or -EACCES without the
 * permission; another negative errno.
 */
int top_live_read(struct top_live *live, const struct top_want *want, bool whole,
		  struct top_sample *sample, struct dmem_error *error);

#endif /* DMEMTOP_LIVE_H */
