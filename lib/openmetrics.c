// SPDX-License-Identifier: GPL-2.0
/* openmetrics.c - families, labels and samples as text. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "openmetrics.h"
#include "utf8.h"

#define NS_PER_S	UINT64_C(1000000000)
/*
 * Slots below the first share its bucket, those above the last have that without an end: nothing
 * is fetched in less than a microsecond, and after a second it is all the same how long it was.
 */
#define FIRST_SLOT	9
#define LAST_SLOT	29

static const struct {
	const char *name;
	const char *plain_name;
	const char *suffix;
} types[] = {
	[DMEM_GAUGE] = { "gauge", "gauge", "" },
	[DMEM_COUNTER] = { "counter", "counter", "_total" },
	[DMEM_HISTOGRAM] = { "histogram", "histogram", "" },
	[DMEM_INFO] = { "info", "gauge", "_info" },
};

int dmem_metrics_open(struct dmem_metrics *metrics, enum dmem_metrics_format format)
{
	*metrics = (struct dmem_metrics){ .format = format };
	metrics->out = open_memstream(&metrics->text, &metrics->bytes);
	return metrics->out ? 0 : -ENOMEM;
}

void dmem_metrics_begin(struct dmem_metrics *metrics, const struct dmem_metric *family)
{
	bool is_plain = metrics->format == DMEM_PROMETHEUS_TEXT;
	const char *suffix = is_plain ? types[family->type].suffix : "";

	metrics->family = family;
	fprintf(metrics->out, "# TYPE %s%s %s\n", family->name, suffix,
		is_plain ? types[family->type].plain_name : types[family->type].name);
	if (family->unit && !is_plain)
		fprintf(metrics->out, "# UNIT %s %s\n", family->name, family->unit);
	fprintf(metrics->out, "# HELP %s%s %s\n", family->name, suffix, family->help);
}

static void put_label(FILE *out, char before, const struct dmem_label *label)
{
	const char *value = label->value;

	fprintf(out, "%c%s=\"", before, label->name);
	while (*value) {
		size_t len;
		const char *next = dmem_utf8_take(&value, &len);

		if (*next == '\n')
			fputs("\\n", out);
		else
			fprintf(out, "%s%.*s", *next == '"' || *next == '\\' ? "\\" : "",
				(int)len, next);
	}
	fputc('"', out);
}

/* The name of a sample with its labels; @last is one more of them. */
static void put_sample(struct dmem_metrics *metrics, const char *suffix,
		       const struct dmem_label *labels, const struct dmem_label *last)
{
	char before = '{';

	fprintf(metrics->out, "%s%s", metrics->family->name, suffix);
	for (; labels && labels->name; labels++, before = ',')
		put_label(metrics->out, before, labels);
	if (last) {
		put_label(metrics->out, before, last);
		before = ',';
	}
	fputs(before == ',' ? "} " : " ", metrics->out);
}

void dmem_metrics_count(struct dmem_metrics *metrics, const struct dmem_label *labels,
			uint64_t value)
{
	put_sample(metrics, types[metrics->family->type].suffix, labels, NULL);
	fprintf(metrics->out, "%" PRIu64 "\n", value);
}

static void put_seconds(FILE *out, uint64_t ns)
{
	fprintf(out, "%" PRIu64 ".%09" PRIu64 "\n", ns / NS_PER_S, ns % NS_PER_S);
}

void dmem_metrics_ns(struct dmem_metrics *metrics, const struct dmem_label *labels, uint64_t ns)
{
	put_sample(metrics, types[metrics->family->type].suffix, labels, NULL);
	put_seconds(metrics->out, ns);
}

static void put_bucket(struct dmem_metrics *metrics, const struct dmem_label *labels,
		       const char *bound, uint64_t count)
{
	const struct dmem_label le = { "le", bound };

	put_sample(metrics, "_bucket", labels, &le);
	fprintf(metrics->out, "%" PRIu64 "\n", count);
}

void dmem_metrics_histogram(struct dmem_metrics *metrics, const struct dmem_label *labels,
			    const uint64_t *slots, size_t nr, uint64_t sum_ns)
{
	uint64_t count = 0;
	char bound[32];

	for (size_t slot = 0; slot < nr; slot++) {
		count += slots[slot];
		if (slot < FIRST_SLOT || slot > LAST_SLOT)
			continue;
		snprintf(bound, sizeof(bound), "%.10g",
			 (double)((2ULL << slot) - 1) / (double)NS_PER_S);
		put_bucket(metrics, labels, bound, count);
	}
	put_bucket(metrics, labels, "+Inf", count);
	put_sample(metrics, "_sum", labels, NULL);
	put_seconds(metrics->out, sum_ns);
	put_sample(metrics, "_count", labels, NULL);
	fprintf(metrics->out, "%" PRIu64 "\n", count);
}

void dmem_metrics_figures(struct dmem_metrics *metrics, const struct dmem_figure *figures,
			  size_t nr)
{
	for (; nr; nr--, figures++) {
		dmem_metrics_begin(metrics, &figures->family);
		dmem_metrics_count(metrics, NULL, figures->value);
	}
}

char *dmem_metrics_close(struct dmem_metrics *metrics, size_t *bytes)
{
	bool failed;

	if (metrics->format == DMEM_OPENMETRICS)
		fputs("# EOF\n", metrics->out);
	failed = ferror(metrics->out);
	if (fclose(metrics->out) || failed) {
		free(metrics->text);
		return NULL;
	}
	*bytes = metrics->bytes;
	return metrics->text;
}
