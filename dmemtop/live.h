/* SPDX-License-Identifier: GPL-2.0 */
/*
 * live.h - samples from the plane that is loaded, the pools that are mounted and the tuner.
 *
 * The maps stay open from sample to sample; whether they are still those that are pinned is asked
 * each time, so a plane that is taken down or loaded anew is noticed.
 */
#ifndef DMEMTOP_LIVE_H
#define DMEMTOP_LIVE_H

#include <stdint.h>

#include "sample.h"

struct top_live;

#define TOP_WALK_ALL	UINT64_MAX

/** top_live_open - nothing is read yet. Return: NULL without memory. */
struct top_live *top_live_open(void);
void top_live_close(struct top_live *live);

/**
 * top_live_read - a sample
 * @live: of top_live_open()
 * @want: what it should have
 * @walk_ns: CPU time that the walk through the regions may take, of which the sample after goes on;
 *	it takes a batch at least; TOP_WALK_ALL: all of it now, however many there are
 * @sample: takes it, for top_sample_free(); all zero on error
 * @error: takes the reason
 *
 * Return: 0; -ENOENT where the module or the plane is not loaded; -EPERM or -EACCES without the
 * permission; another negative errno.
 */
int top_live_read(struct top_live *live, const struct top_want *want, __u64 walk_ns,
		  struct top_sample *sample, struct dmem_error *error);

/** top_cpu_ns - CPU time of this thread. */
__u64 top_cpu_ns(void);

#endif /* DMEMTOP_LIVE_H */
