/* SPDX-License-Identifier: GPL-2.0 */
/* metrics.h - the donor's figures as text, and over HTTP. */
#ifndef MEMNODE_METRICS_H
#define MEMNODE_METRICS_H

#include "donor.h"
#include "openmetrics.h"

/**
 * metrics_text - all figures, once
 * @donor: whose
 * @format: of the text
 * @bytes: takes the length, without the end
 *
 * The only label is a refusal's code, of which there are DMEM_WIRE_CODES: no client can add one.
 *
 * Return: for free(); NULL without memory.
 */
char *metrics_text(const struct donor *donor, enum dmem_metrics_format format, size_t *bytes);

struct metrics;

/**
 * metrics_open - answer scrapes at an address
 * @donor: whose figures
 * @loop: calls it
 * @address: where to listen
 * @error: takes the reason
 *
 * Return: NULL on error.
 */
struct metrics *metrics_open(struct donor *donor, struct loop *loop,
			     const struct sockaddr_storage *address, struct dmem_error *error);

/** metrics_timeout - when metrics_run() is due without anything to read, in ms; -1: never */
int metrics_timeout(struct metrics *metrics);
void metrics_run(struct metrics *metrics);
void metrics_close(struct metrics *metrics);

#endif /* MEMNODE_METRICS_H */
