/* SPDX-License-Identifier: GPL-2.0 */
/*
 * scrape.h - a page of metrics over HTTP, at /metrics, made anew for each request.
 *
 * libmicrohttpd serves it: from a thread of its own, or where the program has a loop, from that.
 * Who asks for text/plain and not for OpenMetrics (promtool does) gets Prometheus's older format.
 */
#ifndef DMEM_SCRAPE_H
#define DMEM_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "address.h"
#include "error.h"
#include "openmetrics.h"

/**
 * typedef dmem_scrape_fn - makes the page, where requests are answered: one at a time
 * @owner: of dmem_scrape_start()
 * @format: which of both
 * @bytes: takes the length, without the end
 * @error: takes the reason, for who asked
 *
 * Return: the page, for free(); NULL on error.
 */
typedef char *(*dmem_scrape_fn)(void *owner, enum dmem_metrics_format format, size_t *bytes,
				struct dmem_error *error);

struct dmem_scrape;

/**
 * dmem_scrape_listen - take an address before anything else is done
 * @address: of address_parse()
 * @error: takes the reason, behind "--metrics ADDRESS: "
 *
 * Who connects waits for dmem_scrape_start(). Return: a descriptor, or a negative errno.
 */
int dmem_scrape_listen(const struct sockaddr_storage *address, struct dmem_error *error);

/**
 * dmem_scrape_start - answer
 * @fd: of dmem_scrape_listen(); libmicrohttpd's from here on, whatever comes of it
 * @has_thread: call @page from a thread, which has the signal mask of the caller; without one,
 *	dmem_scrape_run() calls it
 * @page: makes the page
 * @owner: for @page
 * @error: takes the reason
 *
 * Return: NULL on error.
 */
struct dmem_scrape *dmem_scrape_start(int fd, bool has_thread, dmem_scrape_fn page, void *owner,
				      struct dmem_error *error);

/** dmem_scrape_fd - what is readable when dmem_scrape_run() has something to do */
int dmem_scrape_fd(struct dmem_scrape *scrape);

/** dmem_scrape_timeout - when dmem_scrape_run() is due all the same, in ms; -1: never */
int dmem_scrape_timeout(struct dmem_scrape *scrape);
void dmem_scrape_run(struct dmem_scrape *scrape);

/** dmem_scrape_end - no more answers; a page under way is finished first */
void dmem_scrape_end(struct dmem_scrape *scrape);

#endif /* DMEM_SCRAPE_H */
