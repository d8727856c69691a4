// SPDX-License-Identifier: GPL-2.0
/* metrics.c - the donor's figures as a page of metrics, handed out from the loop. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "scrape.h"

#define NR(array)	(sizeof(array) / sizeof((array)[0]))

struct metrics {
	struct donor *donor;
	struct loop *loop;
	struct dmem_scrape *scrape;
	struct watch watch;
};

static void put_daemon(struct dmem_metrics *page, const struct donor *donor)
{
	static const struct dmem_metric build = {
		"dmem_memnode_build", DMEM_INFO, NULL, "The daemon.",
	};
	static const struct dmem_metric uptime = {
		"dmem_memnode_uptime_seconds", DMEM_GAUGE, "seconds", "Since the start.",
	};
	char wire[16];
	const struct dmem_label labels[] = {
		{ "version", MEMNODE_VERSION }, { "wire", wire }, {},
	};

	snprintf(wire, sizeof(wire), "%d", DMEM_WIRE_VERSION);
	dmem_metrics_begin(page, &build);
	dmem_metrics_count(page, labels, 1);
	dmem_metrics_begin(page, &uptime);
	dmem_metrics_ns(page, NULL, (now_ms() - donor->started_ms) * 1000000);
}

static void put_memory(struct dmem_metrics *page, const struct donor *donor)
{
	const struct store *store = &donor->store;
	uint64_t bytes = donor->options->extent_bytes, used = 0;
	const struct client *client;

	TAILQ_FOREACH(client, &store->clients, entry)
		used += client->used_bytes;
	const struct dmem_figure figures[] = {
		{ { "dmem_memnode_memory_bytes", DMEM_GAUGE, "bytes", "Memory to lend." },
		  store->nr_extents * bytes },
		{ { "dmem_memnode_lent_bytes", DMEM_GAUGE, "bytes", "Memory that is leased." },
		  store->nr_leased * bytes },
		{ { "dmem_memnode_free_bytes", DMEM_GAUGE, "bytes",
		    "Memory that could be leased now." }, store->nr_free * bytes },
		{ { "dmem_memnode_used_bytes", DMEM_GAUGE, "bytes",
		    "Leased memory that holds pages, as the clients last said." }, used },
		{ { "dmem_memnode_extent_bytes", DMEM_GAUGE, "bytes", "What is leased at once." },
		  bytes },
	};
	dmem_metrics_figures(page, figures, NR(figures));
}

static void put_connections(struct dmem_metrics *page, const struct donor *donor)
{
	const struct session *session;
	unsigned int data = 0;

	TAILQ_FOREACH(session, &donor->sessions, entry)
		data += session->nr_data_conns;
	const struct dmem_figure figures[] = {
		{ { "dmem_memnode_clients", DMEM_GAUGE, NULL,
		    "Clients that have leases or a session." }, donor->store.nr_clients },
		{ { "dmem_memnode_sessions", DMEM_GAUGE, NULL, "Sessions that are open." },
		  donor->nr_sessions },
		{ { "dmem_memnode_handshakes", DMEM_GAUGE, NULL, "Connections without a session." },
		  donor_strangers(donor) },
		{ { "dmem_memnode_data_connections", DMEM_GAUGE, NULL,
		    "Data connections of all sessions." }, data },
		{ { "dmem_memnode_draining", DMEM_GAUGE, NULL,
		    "1 when nothing new is lent because the donor will end." }, donor->draining },
	};
	dmem_metrics_figures(page, figures, NR(figures));
}

static void put_counters(struct dmem_metrics *page, const struct donor *donor)
{
	static const struct dmem_metric refused = {
		"dmem_memnode_refused", DMEM_COUNTER, NULL,
		"Connections and requests refused, by reason.",
	};
	const struct counters *counters = &donor->counters;
	const struct dmem_figure figures[] = {
		{ { "dmem_memnode_sessions_accepted", DMEM_COUNTER, NULL, "Sessions begun." },
		  counters->sessions },
		{ { "dmem_memnode_sessions_resumed", DMEM_COUNTER, NULL,
		    "Sessions begun by clients that had leases." }, counters->resumed },
		{ { "dmem_memnode_extents_leased", DMEM_COUNTER, NULL, "Extents lent anew." },
		  counters->leased },
		{ { "dmem_memnode_extents_released", DMEM_COUNTER, NULL,
		    "Extents given back by their clients." }, counters->released },
		{ { "dmem_memnode_extents_expired", DMEM_COUNTER, NULL,
		    "Extents freed at the end of the grace time." }, counters->expired },
		{ { "dmem_memnode_extents_lost", DMEM_COUNTER, NULL,
		    "Extents that could not be emptied and are not lent again." },
		  counters->lost },
	};

	dmem_metrics_figures(page, figures, NR(figures));
	dmem_metrics_begin(page, &refused);
	for (unsigned int code = DMEM_WIRE_OK + 1; code < DMEM_WIRE_CODES; code++) {
		const struct dmem_label labels[] = { { "code", dmem_wire_code_name(code) }, {} };

		dmem_metrics_count(page, labels, counters->refused[code]);
	}
}

char *metrics_text(const struct donor *donor, enum dmem_metrics_format format, size_t *bytes)
{
	struct dmem_metrics page;

	if (dmem_metrics_open(&page, format))
		return NULL;
	put_daemon(&page, donor);
	put_memory(&page, donor);
	put_connections(&page, donor);
	put_counters(&page, donor);
	return dmem_metrics_close(&page, bytes);
}

static char *make_page(void *owner, enum dmem_metrics_format format, size_t *bytes,
		       struct dmem_error *error)
{
	const struct metrics *metrics = owner;

	(void)error;
	return metrics_text(metrics->donor, format, bytes);
}

static void run(struct watch *watch)
{
	metrics_run(watch->owner);
}

void metrics_run(struct metrics *metrics)
{
	dmem_scrape_run(metrics->scrape);
}

static int start(struct metrics *metrics, const struct sockaddr_storage *address,
		 struct dmem_error *error)
{
	int err, fd = dmem_scrape_listen(address, error);

	if (fd < 0)
		return fd;
	metrics->scrape = dmem_scrape_start(fd, false, make_page, metrics, error);
	if (!metrics->scrape)
		return -EIO;
	metrics->watch = (struct watch){ .fd = dmem_scrape_fd(metrics->scrape), .ready = run,
					 .owner = metrics };
	err = loop_add(metrics->loop, &metrics->watch);
	if (!err)
		return 0;
	dmem_scrape_end(metrics->scrape);
	return dmem_fail(error, err, "--metrics: %s", strerror(-err));
}

struct metrics *metrics_open(struct donor *donor, struct loop *loop,
			     const struct sockaddr_storage *address, struct dmem_error *error)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics) {
		dmem_fail(error, ENOMEM, "--metrics: no memory");
		return NULL;
	}
	metrics->donor = donor;
	metrics->loop = loop;
	if (start(metrics, address, error)) {
		free(metrics);
		return NULL;
	}
	return metrics;
}

int metrics_timeout(struct metrics *metrics)
{
	return dmem_scrape_timeout(metrics->scrape);
}

void metrics_close(struct metrics *metrics)
{
	loop_remove(metrics->loop, &metrics->watch);
	dmem_scrape_end(metrics->scrape);
	free(metrics);
}
