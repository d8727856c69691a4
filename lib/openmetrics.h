/* SPDX-License-Identifier: GPL-2.0 */
/*
 * openmetrics.h - figures as OpenMetrics text, or as the text format that Prometheus had before.
 *
 * Pure: a struct and values in, text out. A family is begun, its samples follow, then the next.
 * Both formats have the same samples; they differ in what is said about them: the older one
 * knows no units, no info, no end, and a counter's family is named as its samples are.
 */
#ifndef DMEM_OPENMETRICS_H
#define DMEM_OPENMETRICS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum dmem_metrics_format {
	DMEM_OPENMETRICS,
	DMEM_PROMETHEUS_TEXT,	/* version 0.0.4 */
};

enum dmem_metric_type { DMEM_GAUGE, DMEM_COUNTER, DMEM_HISTOGRAM, DMEM_INFO };

/**
 * struct dmem_metric - a family of samples
 * @name: ends with @unit, if there is one; without the _total or _info of its samples
 * @unit: "bytes", "seconds"; NULL: none
 * @help: a sentence
 */
struct dmem_metric {
	const char *name;
	enum dmem_metric_type type;
	const char *unit;
	const char *help;
};

/** struct dmem_figure - a family of one sample, which has no labels */
struct dmem_figure {
	struct dmem_metric family;
	uint64_t value;
};

/** struct dmem_metrics - a page under way */
struct dmem_metrics {
	FILE *out;
	enum dmem_metrics_format format;
	const struct dmem_metric *family;
	char *text;		/* of @out, when that is closed */
	size_t bytes;
};

/**
 * struct dmem_label - a label of a sample; an array of them ends with {}
 * @name: of the label
 * @value: any text; what is not UTF-8 in it becomes U+FFFD
 */
struct dmem_label {
	const char *name;
	const char *value;
};

/** dmem_metrics_open - an empty page; 0 or -ENOMEM */
int dmem_metrics_open(struct dmem_metrics *metrics, enum dmem_metrics_format format);

/** dmem_metrics_begin - a family, whose samples come next; @family stays where it is till then */
void dmem_metrics_begin(struct dmem_metrics *metrics, const struct dmem_metric *family);

/** dmem_metrics_count - a sample; @labels may be NULL */
void dmem_metrics_count(struct dmem_metrics *metrics, const struct dmem_label *labels,
			uint64_t value);

/** dmem_metrics_ns - a time, told in seconds, exactly */
void dmem_metrics_ns(struct dmem_metrics *metrics, const struct dmem_label *labels, uint64_t ns);

/**
 * dmem_metrics_histogram - a log2 histogram of times
 * @labels: of all its samples; NULL: none
 * @slots: slot n counts times from 2^n to 2^(n+1) - 1 ns; the last one all above, too
 * @nr: slots
 * @sum_ns: of all of the times
 *
 * Buckets are cumulative and end at 1.023 us, 2.047 us, ... 1.073741823 s: whole slots, so no
 * count is a guess. There are as many whatever was counted.
 */
void dmem_metrics_histogram(struct dmem_metrics *metrics, const struct dmem_label *labels,
			    const uint64_t *slots, size_t nr, uint64_t sum_ns);

/** dmem_metrics_figures - families of one sample each */
void dmem_metrics_figures(struct dmem_metrics *metrics, const struct dmem_figure *figures,
			  size_t nr);

/**
 * dmem_metrics_close - nothing comes after this
 * @metrics: of dmem_metrics_open()
 * @bytes: takes the length, without the end
 *
 * Return: the page, for free(); NULL without memory.
 */
char *dmem_metrics_close(struct dmem_metrics *metrics, size_t *bytes);

#endif /* DMEM_OPENMETRICS_H */
