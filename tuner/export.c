// SPDX-License-Identifier: GPL-2.0
/* export.c - maps and figures read for each scrape. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "export.h"
#include "scrape.h"

struct exporter {
	const struct dmem_plane *plane;
	struct dmem_scrape *scrape;
	pthread_mutex_t lock;
	struct tune_figures figures;	/* under @lock */
};

static int compare_latencies(const void *a, const void *b)
{
	const struct dmem_latency_key *one = &((const struct dmem_plane_latency *)a)->key;
	const struct dmem_latency_key *two = &((const struct dmem_plane_latency *)b)->key;

	if (one->vm != two->vm)
		return one->vm < two->vm ? -1 : 1;
	return one->donor < two->donor ? -1 : one->donor > two->donor;
}

static char *make_page(void *owner, enum dmem_metrics_format format, size_t *bytes,
		       struct dmem_error *error)
{
	struct exporter *exporter = owner;
	struct dmem_plane_latency *latencies = NULL;
	struct dmem_plane_vm *vms = NULL;
	struct tune_reading reading = {};
	char *text = NULL;
	int err;

	pthread_mutex_lock(&exporter->lock);
	reading.tuner = exporter->figures;
	pthread_mutex_unlock(&exporter->lock);
	err = dmem_plane_read_vms(exporter->plane, &vms, &reading.nr_vms, error);
	if (!err)
		err = dmem_plane_read_latencies(exporter->plane, &latencies,
						&reading.nr_latencies, error);
	if (!err)
		err = dmem_plane_read_stats(exporter->plane, &reading.stats, error);
	if (!err) {
		if (latencies)
			qsort(latencies, reading.nr_latencies, sizeof(*latencies),
			      compare_latencies);
		reading.vms = vms;
		reading.latencies = latencies;
		text = tune_metrics_text(&reading, format, bytes);
	}
	free(latencies);
	free(vms);
	return text;
}

struct exporter *exporter_start(int fd, const struct dmem_plane *plane, struct dmem_error *error)
{
	struct exporter *exporter = calloc(1, sizeof(*exporter));

	if (!exporter) {
		dmem_fail(error, ENOMEM, "--metrics: no memory");
		return NULL;
	}
	exporter->plane = plane;
	pthread_mutex_init(&exporter->lock, NULL);
	exporter->scrape = dmem_scrape_start(fd, true, make_page, exporter, error);
	if (exporter->scrape)
		return exporter;
	free(exporter);
	return NULL;
}

void exporter_publish(struct exporter *exporter, const struct tune_figures *figures)
{
	pthread_mutex_lock(&exporter->lock);
	exporter->figures = *figures;
	pthread_mutex_unlock(&exporter->lock);
}

void exporter_end(struct exporter *exporter)
{
	dmem_scrape_end(exporter->scrape);
	free(exporter);
}
