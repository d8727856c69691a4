// SPDX-License-Identifier: GPL-2.0
/*
 * units.c - bytes, times and counts as people write and read them.
 *
 * Whole numbers throughout: what is exact stays exact up to the last byte of 2^64.
 */
#include "units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Of a fraction: what a uint64_t holds as a power of ten, with room for the largest suffix. */
#define SCALE_MAX	1000000000000000000ULL

static const char suffixes[] = "KMGT";

/* whole + fraction / scale */
struct decimal {
	uint64_t whole;
	uint64_t fraction;
	uint64_t scale;
	bool too_large;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *take_whole(const char *at, struct decimal *number)
{
	for (; is_digit(*at); at++)
		if (__builtin_mul_overflow(number->whole, 10, &number->whole) ||
		    __builtin_add_overflow(number->whole, *at - '0', &number->whole))
			number->too_large = true;
	return at;
}

/* NULL where the digits are too many to be whole bytes of anything. Zeros at the end are free. */
static const char *take_fraction(const char *at, struct decimal *number)
{
	unsigned int pending = 0;

	for (; is_digit(*at); at++) {
		pending++;
		if (*at == '0')
			continue;
		for (; pending; pending--) {
			if (number->scale == SCALE_MAX)
				return NULL;
			number->scale *= 10;
			number->fraction *= 10;
		}
		number->fraction += *at - '0';
	}
	return at;
}

/* "K", "KB", "KiB", "B" or nothing, up to the end of the text; negative for anything else. */
static int suffix_shift(const char *at)
{
	const char *suffix = *at ? strchr(suffixes, toupper((unsigned char)*at)) : NULL;
	int shift = 0;

	if (suffix) {
		shift = 10 * (int)(suffix - suffixes + 1);
		at++;
		if (at[0] == 'i' && at[1] == 'B')
			at++;
	}
	if (*at == 'B')
		at++;
	return *at ? -EINVAL : shift;
}

int dmem_parse_bytes(const char *text, uint64_t *bytes)
{
	struct decimal number = { .scale = 1 };
	const char *at = take_whole(text, &number);
	unsigned __int128 sum, fraction;
	int shift;

	if (at == text)
		return -EINVAL;
	if (*at == '.') {
		if (!is_digit(at[1]))
			return -EINVAL;
		at = take_fraction(at + 1, &number);
		if (!at)
			return -EINVAL;
	}
	shift = suffix_shift(at);
	if (shift < 0)
		return shift;
	fraction = (unsigned __int128)number.fraction << shift;
	if (fraction % number.scale)
		return -EINVAL;
	sum = ((unsigned __int128)number.whole << shift) + fraction / number.scale;
	if (number.too_large || sum > UINT64_MAX)
		return -ERANGE;
	*bytes = sum;
	return 0;
}

/* Tenths of a unit, rounded. */
static uint64_t in_tenths(uint64_t value, uint64_t unit)
{
	return ((unsigned __int128)value * 10 + unit / 2) / unit;
}

/* The unit is chosen after rounding: 1023.99 KiB is 1.0 MiB. */
static const char *format_scaled(char *buf, size_t len, uint64_t value, unsigned int base,
				 const char *const *units)
{
	uint64_t unit = 1, tenths;

	for (; units[1] && in_tenths(value, unit) >= 10ULL * base; units++)
		unit *= base;
	tenths = in_tenths(value, unit);
	if (value % unit)
		snprintf(buf, len, "%" PRIu64 ".%" PRIu64 "%s", tenths / 10, tenths % 10, *units);
	else
		snprintf(buf, len, "%" PRIu64 "%s", value / unit, *units);
	return buf;
}

const char *dmem_format_bytes(char *buf, size_t len, uint64_t bytes)
{
	static const char *const units[] = {
		" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB", NULL
	};

	return format_scaled(buf, len, bytes, 1024, units);
}

const char *dmem_format_size(char *buf, size_t len, uint64_t bytes)
{
	const char *suffix = "";

	for (const char *next = suffixes; *next && bytes && bytes % 1024 == 0; next++) {
		bytes /= 1024;
		suffix = next;
	}
	snprintf(buf, len, "%" PRIu64 "%.1s", bytes, suffix);
	return buf;
}

const char *dmem_format_ns(char *buf, size_t len, uint64_t ns)
{
	static const char *const units[] = { " ns", " us", " ms", " s", NULL };

	return format_scaled(buf, len, ns, 1000, units);
}

const char *dmem_format_count(char *buf, size_t len, uint64_t count)
{
	static const char *const units[] = { "", "k", "M", "G", "T", "P", "E", NULL };

	return format_scaled(buf, len, count, 1000, units);
}
