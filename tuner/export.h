/* SPDX-License-Identifier: GPL-2.0 */
/*
 * export.h - the tuner's page of metrics over HTTP, from a thread of its own.
 *
 * That thread reads the maps itself, so a scrape costs the tuner's rounds nothing but the lock,
 * which either side holds for a copy of struct tune_figures.
 */
#ifndef DMEM_TUNER_EXPORT_H
#define DMEM_TUNER_EXPORT_H

#include "metrics.h"

struct exporter;

/**
 * exporter_start - answer scrapes
 * @fd: of dmem_scrape_listen()
 * @plane: open until exporter_end()
 * @error: takes the reason
 *
 * The thread has the caller's signal mask: block what the tuner waits for before. Return: NULL
 * on error.
 */
struct exporter *exporter_start(int fd, const struct dmem_plane *plane, struct dmem_error *error);

/** exporter_publish - what the tuner is to be told of from here on */
void exporter_publish(struct exporter *exporter, const struct tune_figures *figures);
void exporter_end(struct exporter *exporter);

#endif /* DMEM_TUNER_EXPORT_H */
