// SPDX-License-Identifier: GPL-2.0
/* log.c - one line per event: put together first, so that a line is one write and stays whole. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define LINE_BYTES	1024

static bool to_journal;

void log_open(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	to_journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
		     !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

static void write_line(int priority, const char *format, va_list args)
{
	char line[LINE_BYTES];
	int begin, len, i;

	if (to_journal)
		begin = snprintf(line, sizeof(line), "<%d>", priority);
	else
		begin = snprintf(line, sizeof(line), "dmem-memnode: ");
	len = vsnprintf(line + begin, sizeof(line) - begin - 1, format, args);
	if (len < 0)
		return;
	len += begin;
	if (len > LINE_BYTES - 2)
		len = LINE_BYTES - 2;
	for (i = begin; i < len; i++) {
		if (line[i] < ' ' || line[i] > '~')
			line[i] = '?';
	}
	line[len++] = '\n';
	/* Nobody is left to be told where this fails. */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

void log_event(int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(priority, format, args);
	va_end(args);
}

void log_refusal(uint64_t now_ms, const char *format, ...)
{
	static uint64_t second, left_out;
	static unsigned int lines;
	va_list args;

	if (now_ms / 1000 != second) {
		if (left_out)
			log_event(LOG_WARNING, "%" PRIu64 " more refusals were not logged",
				  left_out);
		second = now_ms / 1000;
		lines = 0;
		left_out = 0;
	}
	if (lines == LOG_REFUSALS_MAX) {
		left_out++;
		return;
	}
	lines++;
	va_start(args, format);
	write_line(LOG_WARNING, format, args);
	va_end(args);
}
