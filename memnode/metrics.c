// SPDX-License-Identifier: GPL-2.0
/* metrics.c - figures as text; libmicrohttpd hands them out, driven by the loop. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

#include "log.h"
#include "metrics.h"

#define CONTENT_TYPE	"application/openmetrics-text; version=1.0.0; charset=utf-8"
/* Scrapers come one by one and soon go. */
#define CONNECTIONS_MAX	16
#define IDLE_S		10

struct metrics {
	struct donor *donor;
	struct loop *loop;
	struct MHD_Daemon *daemon;
	struct watch watch;
};

static void put_head(FILE *out, const char *name, const char *type, const char *unit,
		     const char *help)
{
	fprintf(out, "# TYPE dmem_memnode_%s %s\n", name, type);
	if (unit)
		fprintf(out, "# UNIT dmem_memnode_%s %s\n", name, unit);
	fprintf(out, "# HELP dmem_memnode_%s %s\n", name, help);
}

static void put_gauge(FILE *out, const char *name, const char *unit, const char *help,
		      uint64_t value)
{
	put_head(out, name, "gauge", unit, help);
	fprintf(out, "dmem_memnode_%s %" PRIu64 "\n", name, value);
}

static void put_counter(FILE *out, const char *name, const char *help, uint64_t value)
{
	put_head(out, name, "counter", NULL, help);
	fprintf(out, "dmem_memnode_%s_total %" PRIu64 "\n", name, value);
}

static void put_memory(FILE *out, const struct donor *donor)
{
	const struct store *store = &donor->store;
	uint64_t bytes = donor->options->extent_bytes, used = 0;
	const struct client *client;

	TAILQ_FOREACH(client, &store->clients, entry)
		used += client->used_bytes;
	put_gauge(out, "memory_bytes", "bytes", "Memory to lend.", store->nr_extents * bytes);
	put_gauge(out, "lent_bytes", "bytes", "Memory that is leased.", store->nr_leased * bytes);
	put_gauge(out, "free_bytes", "bytes", "Memory that could be leased now.",
		  store->nr_free * bytes);
	put_gauge(out, "used_bytes", "bytes",
		  "Leased memory that holds pages, as the clients last said.", used);
	put_gauge(out, "extent_bytes", "bytes", "What is leased at once.", bytes);
}

static void put_connections(FILE *out, const struct donor *donor)
{
	const struct session *session;
	unsigned int data = 0;

	TAILQ_FOREACH(session, &donor->sessions, entry)
		data += session->nr_data_conns;
	put_gauge(out, "clients", NULL, "Clients that have leases or a session.",
		  donor->store.nr_clients);
	put_gauge(out, "sessions", NULL, "Sessions that are open.", donor->nr_sessions);
	put_gauge(out, "handshakes", NULL, "Connections without a session.",
		  donor_strangers(donor));
	put_gauge(out, "data_connections", NULL, "Data connections of all sessions.", data);
	put_gauge(out, "draining", NULL, "1 when nothing new is lent because the donor will end.",
		  donor->draining);
}

static void put_counters(FILE *out, const struct donor *donor)
{
	const struct counters *counters = &donor->counters;
	unsigned int code;

	put_counter(out, "sessions_accepted", "Sessions begun.", counters->sessions);
	put_counter(out, "sessions_resumed", "Sessions begun by clients that had leases.",
		    counters->resumed);
	put_counter(out, "extents_leased", "Extents lent anew.", counters->leased);
	put_counter(out, "extents_released", "Extents given back by their clients.",
		    counters->released);
	put_counter(out, "extents_expired", "Extents freed at the end of the grace time.",
		    counters->expired);
	put_counter(out, "extents_lost", "Extents that could not be emptied and are not lent again.",
		    counters->lost);
	put_head(out, "refused", "counter", NULL, "Connections and requests refused, by reason.");
	for (code = DMEM_WIRE_OK + 1; code < DMEM_WIRE_CODES; code++)
		fprintf(out, "dmem_memnode_refused_total{code=\"%s\"} %" PRIu64 "\n",
			dmem_wire_code_name(code), counters->refused[code]);
}

char *metrics_text(const struct donor *donor, size_t *bytes)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, bytes);
	bool failed;

	if (!out)
		return NULL;
	put_head(out, "build", "info", NULL, "The daemon.");
	fprintf(out, "dmem_memnode_build_info{version=\"%s\",wire=\"%d\"} 1\n", MEMNODE_VERSION,
		DMEM_WIRE_VERSION);
	put_head(out, "uptime_seconds", "gauge", "seconds", "Since the start.");
	fprintf(out, "dmem_memnode_uptime_seconds %.3f\n", (now_ms() - donor->started_ms) / 1e3);
	put_memory(out, donor);
	put_connections(out, donor);
	put_counters(out, donor);
	fputs("# EOF\n", out);
	failed = ferror(out);
	if (fclose(out) || failed) {
		free(text);
		return NULL;
	}
	return text;
}

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned int status,
			       const char *type, char *text, size_t bytes)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(bytes, text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result respond_briefly(struct MHD_Connection *connection, unsigned int status,
				       const char *what)
{
	char text[64];
	int bytes = snprintf(text, sizeof(text), "%s\n", what);

	return respond(connection, status, "text/plain; charset=utf-8", text, bytes);
}

static enum MHD_Result answer(void *argument, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_bytes, void **state)
{
	struct metrics *metrics = argument;
	enum MHD_Result result;
	size_t bytes;
	char *text;

	(void)version, (void)upload, (void)upload_bytes, (void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return respond_briefly(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, HEAD");
	if (strcmp(url, "/metrics"))
		return respond_briefly(connection, MHD_HTTP_NOT_FOUND, "/metrics");
	text = metrics_text(metrics->donor, &bytes);
	if (!text)
		return MHD_NO;
	result = respond(connection, MHD_HTTP_OK, CONTENT_TYPE, text, bytes);
	free(text);
	return result;
}

static void run(struct watch *watch)
{
	metrics_run(watch->owner);
}

void metrics_run(struct metrics *metrics)
{
	MHD_run(metrics->daemon);
}

static struct MHD_Daemon *start(struct metrics *metrics, const struct sockaddr_storage *address)
{
	unsigned int flags = MHD_USE_EPOLL | (address->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0);

	return MHD_start_daemon(flags, 0, NULL, NULL, answer, metrics,
				MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)address,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_S,
				MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U,
				MHD_OPTION_END);
}

struct metrics *metrics_open(struct donor *donor, struct loop *loop,
			     const struct sockaddr_storage *address, struct dmem_error *error)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));
	const union MHD_DaemonInfo *info = NULL;
	char text[ADDRESS_TEXT];

	address_format((const struct sockaddr *)address, text);
	if (!metrics) {
		dmem_fail(error, ENOMEM, "--metrics %s: no memory", text);
		return NULL;
	}
	metrics->donor = donor;
	metrics->loop = loop;
	errno = 0;
	metrics->daemon = start(metrics, address);
	if (metrics->daemon)
		info = MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info)
		metrics->watch = (struct watch){ .fd = info->epoll_fd, .ready = run,
						 .owner = metrics };
	if (!info || loop_add(loop, &metrics->watch)) {
		dmem_fail(error, errno ? errno : EIO, "--metrics %s: %s", text,
			  errno ? strerror(errno) : "cannot listen");
		if (metrics->daemon)
			MHD_stop_daemon(metrics->daemon);
		free(metrics);
		return NULL;
	}
	return metrics;
}

int metrics_timeout(struct metrics *metrics)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(metrics->daemon, &ms) != MHD_YES)
		return -1;
	return ms > 60000 ? 60000 : (int)ms;
}

void metrics_close(struct metrics *metrics)
{
	loop_remove(metrics->loop, &metrics->watch);
	MHD_stop_daemon(metrics->daemon);
	free(metrics);
}
