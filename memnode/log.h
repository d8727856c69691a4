/* SPDX-License-Identifier: GPL-2.0 */
/*
 * log.h - one line per event on standard error, with its priority where that is the journal.
 *
 * The loop's thread and the workers may call it at once.
 */
#ifndef MEMNODE_LOG_H
#define MEMNODE_LOG_H

#include <stdint.h>

/* Priorities are syslog's; lines begin with the program's name where it is no journal. */
#include <syslog.h>

/** log_open - find out what standard error is */
void log_open(void);

/**
 * log_event - one line
 * @priority: LOG_ERR ... LOG_INFO
 * @format: as printf, without an end of line; unprintable bytes become '?'
 */
void log_event(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * log_refusal - as log_event(), for what a stranger can make happen as often as he likes
 * @now_ms: monotonic
 *
 * At most LOG_REFUSALS_MAX lines a second; the next one after that begins with how many were
 * left out.
 */
void log_refusal(uint64_t now_ms, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define LOG_REFUSALS_MAX	50

#endif /* MEMNODE_LOG_H */
