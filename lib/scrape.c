// SPDX-License-Identifier: GPL-2.0
/* scrape.c - libmicrohttpd with a page or two. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#include "scrape.h"

/* Scrapers come one by one and soon go. */
#define CONNECTIONS_MAX	16
#define IDLE_S		10
#define TIMEOUT_MAX_MS	60000

struct dmem_scrape {
	struct MHD_Daemon *daemon;
	dmem_scrape_fn page;
	void *owner;
};

static const char *const content_types[] = {
	[DMEM_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	[DMEM_PROMETHEUS_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
};

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
	char text[sizeof(struct dmem_error) + 1];
	int bytes = snprintf(text, sizeof(text), "%s\n", what);

	return respond(connection, status, "text/plain; charset=utf-8", text, (size_t)bytes);
}

/* OpenMetrics is what a plain GET must get; Prometheus itself names both and prefers it. */
static enum dmem_metrics_format wanted_format(struct MHD_Connection *connection)
{
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_ACCEPT);

	if (accept && strstr(accept, "text/plain") && !strstr(accept, "application/openmetrics-text"))
		return DMEM_PROMETHEUS_TEXT;
	return DMEM_OPENMETRICS;
}

static enum MHD_Result answer(void *argument, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_bytes, void **state)
{
	enum dmem_metrics_format format = wanted_format(connection);
	struct dmem_scrape *scrape = argument;
	struct dmem_error error = { "no memory" };
	enum MHD_Result result;
	size_t bytes;
	char *text;

	(void)version, (void)upload, (void)upload_bytes, (void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return respond_briefly(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, HEAD");
	if (strcmp(url, "/metrics"))
		return respond_briefly(connection, MHD_HTTP_NOT_FOUND, "/metrics");
	text = scrape->page(scrape->owner, format, &bytes, &error);
	if (!text)
		return respond_briefly(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, error.text);
	result = respond(connection, MHD_HTTP_OK, content_types[format], text, bytes);
	free(text);
	return result;
}

static int listen_fail(const struct sockaddr *address, struct dmem_error *error)
{
	char text[ADDRESS_TEXT];
	int err = errno;

	return dmem_fail(error, err, "--metrics %s: %s", address_format(address, text),
			 err == EADDRINUSE ? "somebody else listens there" : strerror(err));
}

int dmem_scrape_listen(const struct sockaddr_storage *storage, struct dmem_error *error)
{
	const struct sockaddr *address = (const struct sockaddr *)storage;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err, on = 1;

	if (fd < 0)
		return listen_fail(address, error);
	/* Connections of a process before this one are no reason to wait a minute. */
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	    !bind(fd, address, address_bytes(address)) && !listen(fd, CONNECTIONS_MAX))
		return fd;
	err = listen_fail(address, error);
	close(fd);
	return err;
}

struct dmem_scrape *dmem_scrape_start(int fd, bool has_thread, dmem_scrape_fn page, void *owner,
				      struct dmem_error *error)
{
	unsigned int flags = has_thread ? MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC :
					  MHD_USE_EPOLL;
	struct dmem_scrape *scrape = calloc(1, sizeof(*scrape));

	if (!scrape) {
		dmem_fail(error, ENOMEM, "--metrics: no memory");
		return NULL;
	}
	scrape->page = page;
	scrape->owner = owner;
	scrape->daemon = MHD_start_daemon(flags, 0, NULL, NULL, answer, scrape,
					  MHD_OPTION_LISTEN_SOCKET, fd,
					  MHD_OPTION_CONNECTION_LIMIT,
					  (unsigned int)CONNECTIONS_MAX,
					  MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_S,
					  MHD_OPTION_END);
	if (!scrape->daemon) {
		dmem_fail(error, EIO, "--metrics: libmicrohttpd does not start");
		free(scrape);
		return NULL;
	}
	return scrape;
}

int dmem_scrape_fd(struct dmem_scrape *scrape)
{
	return MHD_get_daemon_info(scrape->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int dmem_scrape_timeout(struct dmem_scrape *scrape)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(scrape->daemon, &ms) != MHD_YES)
		return -1;
	return ms > TIMEOUT_MAX_MS ? TIMEOUT_MAX_MS : (int)ms;
}

void dmem_scrape_run(struct dmem_scrape *scrape)
{
	MHD_run(scrape->daemon);
}

void dmem_scrape_end(struct dmem_scrape *scrape)
{
	MHD_stop_daemon(scrape->daemon);
	free(scrape);
}
