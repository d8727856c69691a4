/* SPDX-License-Identifier: GPL-2.0 */
/*
 * units.h - bytes, times and counts as people write and read them.
 *
 * Pure text, no I/O. Bytes are binary (1K is 1024) and counts decimal (1k is 1000), always.
 */
#ifndef DMEM_UNITS_H
#define DMEM_UNITS_H

#include <stddef.h>
#include <stdint.h>

/** Room for whatever a dmem_format_*() makes, with its end. */
#define DMEM_UNITS_LEN	32

/**
 * dmem_parse_bytes - a number of bytes as the command line takes it
 * @text: "4096", "64K", "8G", "8GiB", "8GB", "1.5G"; the suffixes K M G T are binary, and may be
 *	small letters
 * @bytes: takes the number; untouched on error
 *
 * Return: 0; -EINVAL where @text is something else or not whole bytes (a fraction may have 18
 * digits); -ERANGE where it is 2^64 or more.
 */
int dmem_parse_bytes(const char *text, uint64_t *bytes);

/**
 * dmem_format_bytes - bytes to read: "512 B", "8 GiB", "1.5 GiB"
 * @buf: DMEM_UNITS_LEN is enough for all of these
 * @len: of @buf; what does not fit is cut
 * @bytes: how many
 *
 * A whole number is exact; one with a decimal is rounded.
 *
 * Return: @buf, for use as an argument.
 */
const char *dmem_format_bytes(char *buf, size_t len, uint64_t bytes);

/**
 * dmem_format_size - bytes exactly, in the shortest form that dmem_parse_bytes() takes: "9G"
 * @buf: takes the text
 * @len: of @buf
 * @bytes: how many
 *
 * For messages that set one number against another, where rounding would hide the difference.
 *
 * Return: @buf.
 */
const char *dmem_format_size(char *buf, size_t len, uint64_t bytes);

/**
 * dmem_format_ns - a time to read: "850 ns", "3.2 us", "12 ms", "4.5 s"
 * @buf: takes the text
 * @len: of @buf
 * @ns: nanoseconds
 *
 * Return: @buf.
 */
const char *dmem_format_ns(char *buf, size_t len, uint64_t ns);

/**
 * dmem_format_count - a count to read: "999", "12.3k", "4M"
 * @buf: takes the text
 * @len: of @buf
 * @count: how many
 *
 * Return: @buf.
 */
const char *dmem_format_count(char *buf, size_t len, uint64_t count);

#endif /* DMEM_UNITS_H */
