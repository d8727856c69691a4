/* SPDX-License-Identifier: GPL-2.0 */
/*
 * metrics.h - the plane's figures and the tuner's own as a page of metrics: structs in, text out.
 *
 * docs/metrics.md lists what there is. A VM memory is told by its name and its id, never by its
 * regions: DMEM_MAX_VMS of them is what the maps have room for.
 */
#ifndef DMEM_TUNER_METRICS_H
#define DMEM_TUNER_METRICS_H

#include "journal.h"
#include "openmetrics.h"
#include "plane.h"

/**
 * struct tune_figures - the tuner's own
 * @mode: as on the command line
 * @interval_ns: between rounds
 * @rounds, @raised, @lowered: since it was started; orders that were decided, by direction
 * @busy_ns: spent in rounds
 * @round_unix_ns: when the last one ended, since 1970, UTC; 0: there was none
 */
struct tune_figures {
	char mode[DMEM_JOURNAL_MODE];
	__u64 interval_ns;
	__u64 rounds;
	__u64 raised;
	__u64 lowered;
	__u64 busy_ns;
	__u64 round_unix_ns;
};

/** struct tune_reading - all that is told; @latencies are told in their order */
struct tune_reading {
	const struct dmem_plane_vm *vms;
	size_t nr_vms;
	const struct dmem_plane_latency *latencies;
	size_t nr_latencies;
	struct dmem_plane_stats stats;
	struct tune_figures tuner;
};

/**
 * tune_metrics_text - the page
 * @reading: VM memories that are gone are left out
 * @format: of the text
 * @bytes: takes the length, without the end
 *
 * Return: for free(); NULL without memory.
 */
char *tune_metrics_text(const struct tune_reading *reading, enum dmem_metrics_format format,
			size_t *bytes);

#endif /* DMEM_TUNER_METRICS_H */
