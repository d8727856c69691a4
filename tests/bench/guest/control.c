// SPDX-License-Identifier: GPL-2.0
/*
 * control.c - the word with the host, the clock and the checksum of the bench guest's programs.
 *
 * The channel is a serial line in raw mode that init and the program read in turn, so it is
 * read byte by byte: what is read ahead would be lost to the other.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control.h"

#define CONTROL_FD	3
#define SCALE_MAX	256

void control_die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

unsigned int control_scale(const char *text)
{
	char *end;
	unsigned long scale = strtoul(text, &end, 10);

	if (end == text || *end || scale < 1 || scale > SCALE_MAX)
		control_die("scale %s is not a number from 1 to %d", text, SCALE_MAX);
	return scale;
}

static void read_line(char *line, size_t size)
{
	size_t length = 0;

	while (length + 1 < size) {
		if (read(CONTROL_FD, line + length, 1) != 1)
			control_die("the control channel ended");
		if (line[length] == '\n')
			break;
		length++;
	}
	line[length] = '\0';
}

static void say_and_wait(const char *what, const char *name)
{
	char line[64];

	if (dprintf(CONTROL_FD, "%s %s\n", what, name) < 0)
		control_die("the control channel cannot be written");
	read_line(line, sizeof(line));
	if (strcmp(line, "go"))
		control_die("the host said %s instead of go", line);
}

void control_loaded(const char *name)
{
	say_and_wait("loaded", name);
}

uint64_t control_start(const char *name)
{
	say_and_wait("start", name);
	return control_now_ns();
}

uint64_t control_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

void control_result(uint64_t elapsed_ns, uint64_t checksum)
{
	printf("ns=%llu checksum=%016llx\n", (unsigned long long)elapsed_ns,
	       (unsigned long long)checksum);
}

void *control_alloc(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		control_die("no memory for %zu times %zu bytes", count, size);
	return memory;
}

static uint64_t hash_word(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ (hash >> 29);
}

uint64_t control_hash(uint64_t hash, const void *data, size_t bytes)
{
	const char *at = data;
	uint64_t word;

	for (; bytes >= sizeof(word); bytes -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = hash_word(hash, word);
	}
	word = 0;
	memcpy(&word, at, bytes);
	return hash_word(hash, word ^ ((uint64_t)bytes << 56));
}
