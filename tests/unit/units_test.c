// SPDX-License-Identifier: GPL-2.0
/* units_test.c - bytes, times and counts in and out of text, up to their limits. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "units.h"

#define KIB	(1ULL << 10)
#define MIB	(1ULL << 20)
#define GIB	(1ULL << 30)
#define TIB	(1ULL << 40)
#define PIB	(1ULL << 50)
#define EIB	(1ULL << 60)

struct parsed {
	const char *text;
	uint64_t bytes;
};

struct formatted {
	uint64_t value;
	const char *text;
};

typedef const char *(*format_fn)(char *buf, size_t len, uint64_t value);

static void check_parsed(const struct parsed *cases)
{
	for (; cases->text; cases++) {
		uint64_t bytes = ~cases->bytes;
		int err = dmem_parse_bytes(cases->text, &bytes);

		if (err || bytes != cases->bytes)
			fail_msg("'%s': error %d, %" PRIu64 " bytes, not %" PRIu64, cases->text,
				 err, bytes, cases->bytes);
	}
}

/* Refused with this error, and the caller's number untouched. */
static void check_refused(const char *const *texts, int want)
{
	for (; *texts; texts++) {
		uint64_t bytes = 42;
		int err = dmem_parse_bytes(*texts, &bytes);

		if (err != want || bytes != 42)
			fail_msg("'%s': error %d, not %d; the number became %" PRIu64, *texts, err,
				 want, bytes);
	}
}

static void check_formatted(format_fn format, const struct formatted *cases)
{
	for (; cases->text; cases++) {
		char buf[DMEM_UNITS_LEN];

		assert_ptr_equal(format(buf, sizeof(buf), cases->value), buf);
		assert_string_equal(buf, cases->text);
	}
}

static void test_parse_suffixes(void **state)
{
	static const struct parsed cases[] = {
		{ "0", 0 }, { "0T", 0 }, { "1", 1 }, { "4096", 4096 }, { "4096B", 4096 },
		{ "007", 7 }, { "1K", KIB }, { "1k", KIB }, { "1KB", KIB }, { "1KiB", KIB },
		{ "64M", 64 * MIB }, { "8G", 8 * GIB }, { "8GiB", 8 * GIB }, { "8gB", 8 * GIB },
		{ "2T", 2 * TIB }, { "2TiB", 2 * TIB }, {}
	};

	(void)state;
	check_parsed(cases);
}

static void test_parse_decimals(void **state)
{
	static const struct parsed cases[] = {
		{ "1.5G", 3 * GIB / 2 }, { "0.5K", 512 }, { "1.0", 1 }, { "1.000", 1 },
		{ "1.250KiB", 1280 }, { "0.0009765625K", 1 },
		{ "2.00000000000000000000000000T", 2 * TIB }, { "1.00390625M", MIB + 4 * KIB }, {}
	};
	/* The last one is whole bytes, but of more digits than are taken. */
	static const char *const refused[] = {
		"1.5", "0.1K", "1.0001K", "0.3G", "1.0000000000000000001G",
		"0.000000000931322574615478515625G", NULL
	};

	(void)state;
	check_parsed(cases);
	check_refused(refused, -EINVAL);
}

static void test_parse_limits(void **state)
{
	static const struct parsed cases[] = {
		{ "18446744073709551615", UINT64_MAX }, { "16777215T", 16777215 * TIB },
		{ "18014398509481983K", UINT64_MAX - 1023 }, {}
	};
	static const char *const too_large[] = {
		"18446744073709551616", "16777216T", "18014398509481984K", "99999999999999999999",
		"340282366920938463463374607431768211457", "99999999999999999999999999999999T",
		"18446744073709551615K", NULL
	};

	(void)state;
	check_parsed(cases);
	check_refused(too_large, -ERANGE);
}

static void test_parse_nonsense(void **state)
{
	static const char *const texts[] = {
		"", " ", " 1G", "1G ", "1 G", "-1", "+1", "G", "B", "iB", ".5G", "1.", "1.G", "1..5G",
		"1.5.5G", "1,5G", "8X", "8P", "8GG", "8Gi", "8iB", "8GIB", "8Gb", "8GiBB", "8BB",
		"0x10", "1e3", "nan", "inf", "5%", "8G\n", "\xef\xbc\x91", "99999999999999999999x", NULL
	};

	(void)state;
	check_refused(texts, -EINVAL);
}

static void test_format_bytes(void **state)
{
	static const struct formatted cases[] = {
		{ 0, "0 B" }, { 1, "1 B" }, { 1023, "1023 B" }, { KIB, "1 KiB" },
		{ KIB + 1, "1.0 KiB" }, { 1536, "1.5 KiB" }, { MIB - 1, "1.0 MiB" },
		{ 1023 * KIB, "1023 KiB" }, { 3 * GIB / 2, "1.5 GiB" }, { 8 * GIB, "8 GiB" },
		{ GIB - 64 * KIB, "1023.9 MiB" }, { 3 * TIB, "3 TiB" }, { PIB, "1 PiB" },
		{ EIB, "1 EiB" }, { UINT64_MAX, "16.0 EiB" }, {}
	};

	(void)state;
	check_formatted(dmem_format_bytes, cases);
}

static void test_format_ns(void **state)
{
	static const struct formatted cases[] = {
		{ 0, "0 ns" }, { 850, "850 ns" }, { 999, "999 ns" }, { 1000, "1 us" },
		{ 3210, "3.2 us" }, { 999949, "999.9 us" }, { 999950, "1.0 ms" },
		{ 12000000, "12 ms" }, { 4500000000, "4.5 s" }, { 7200000000000, "7200 s" },
		{ UINT64_MAX, "18446744073.7 s" }, {}
	};

	(void)state;
	check_formatted(dmem_format_ns, cases);
}

static void test_format_count(void **state)
{
	static const struct formatted cases[] = {
		{ 0, "0" }, { 999, "999" }, { 1000, "1k" }, { 12345, "12.3k" }, { 99999, "100.0k" },
		{ 999950, "1.0M" }, { 4000000, "4M" }, { 1234567890, "1.2G" },
		{ UINT64_MAX, "18.4E" }, {}
	};

	(void)state;
	check_formatted(dmem_format_count, cases);
}

/* Exact, and what it makes is read as the same number again. */
static void test_format_size(void **state)
{
	static const struct formatted cases[] = {
		{ 0, "0" }, { 1, "1" }, { 4097, "4097" }, { 4096, "4K" }, { 9 * GIB, "9G" },
		{ 9 * GIB + 4 * KIB, "9437188K" }, { 1536 * MIB, "1536M" }, { 5 * PIB, "5120T" },
		{ UINT64_MAX, "18446744073709551615" }, {}
	};

	(void)state;
	check_formatted(dmem_format_size, cases);
	for (const struct formatted *one = cases; one->text; one++)
		check_parsed((const struct parsed[]){ { one->text, one->value }, {} });
}

static void test_format_cuts(void **state)
{
	char buf[8];

	(void)state;
	memset(buf, 'x', sizeof(buf));
	assert_string_equal(dmem_format_bytes(buf, 4, 1023 * KIB), "102");
	assert_int_equal(buf[4], 'x');
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_suffixes),
		cmocka_unit_test(test_parse_decimals),
		cmocka_unit_test(test_parse_limits),
		cmocka_unit_test(test_parse_nonsense),
		cmocka_unit_test(test_format_bytes),
		cmocka_unit_test(test_format_ns),
		cmocka_unit_test(test_format_count),
		cmocka_unit_test(test_format_size),
		cmocka_unit_test(test_format_cuts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
