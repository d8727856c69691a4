// SPDX-License-Identifier: GPL-2.0
/*
 * pattern.c - fills memory with words that say where and when they were written, and checks them.
 * Runs in the test guest, statically linked. Usage: pattern BYTES [PASSES]
 *
 * A pass writes every page, verifies them in order, rewrites a pseudo-random quarter with another
 * stamp and verifies all in a pseudo-random order. Nothing but the words is kept in memory.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_BYTES 4096UL
#define WORDS (PAGE_BYTES / sizeof(uint64_t))
#define WORD_BITS 9
#define PAGE_BITS 40
#define MAX_PASSES 8192UL

/* splitmix64's finalizer: a bijection, so that a wrong word tells where it came from. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static uint64_t unmix(uint64_t x)
{
	x = (x ^ (x >> 31) ^ (x >> 62)) * 0x319642b2d24d8ec3;
	x = (x ^ (x >> 27) ^ (x >> 54)) * 0x96de1b173f119089;
	return x ^ (x >> 30) ^ (x >> 60);
}

/* Never zero before mixing, because stamps begin at 2: an empty page is no valid page. */
static uint64_t word_of(uint64_t page, uint64_t word, uint64_t stamp)
{
	return mix(stamp << (PAGE_BITS + WORD_BITS) | page << WORD_BITS | word);
}

static uint64_t first_stamp(uint64_t pass)
{
	return 2 * pass;
}

static bool is_rewritten(uint64_t page, uint64_t pass)
{
	return mix(page << 16 ^ pass) % 4 == 0;
}

static void write_page(uint64_t *memory, uint64_t page, uint64_t stamp)
{
	uint64_t *words = memory + page * WORDS;

	for (uint64_t i = 0; i < WORDS; i++)
		words[i] = word_of(page, i, stamp);
}

static void verify_page(const uint64_t *memory, uint64_t page, uint64_t stamp)
{
	const uint64_t *words = memory + page * WORDS;

	for (uint64_t i = 0; i < WORDS; i++) {
		uint64_t got = words[i];
		uint64_t want = word_of(page, i, stamp);

		if (got == want)
			continue;

		uint64_t origin = unmix(got);

		printf("pattern: FAIL page=%" PRIu64 " word=%" PRIu64 " got=%016" PRIx64
		       " want=%016" PRIx64 "\n",
		       page, i, got, want);
		printf("pattern: wanted stamp=%" PRIu64 "; a word with that content would be page=%" PRIu64
		       " word=%" PRIu64 " stamp=%" PRIu64 "\n",
		       stamp, origin >> WORD_BITS & ((1UL << PAGE_BITS) - 1), origin % WORDS,
		       origin >> (PAGE_BITS + WORD_BITS));
		exit(1);
	}
}

static void verify_in_order(const uint64_t *memory, uint64_t pages, uint64_t pass)
{
	for (uint64_t page = 0; page < pages; page++)
		verify_page(memory, page, first_stamp(pass));
}

static void rewrite_quarter(uint64_t *memory, uint64_t pages, uint64_t pass)
{
	for (uint64_t page = 0; page < pages; page++)
		if (is_rewritten(page, pass))
			write_page(memory, page, first_stamp(pass) + 1);
}

/* A linear congruential generator of full period meets every page once, in no simple order. */
static void verify_shuffled(const uint64_t *memory, uint64_t pages, uint64_t pass)
{
	unsigned int bits = 1;

	while (1UL << bits < pages)
		bits++;

	uint64_t mask = (1UL << bits) - 1;
	uint64_t state = pass;

	for (uint64_t i = 0; i <= mask; i++) {
		state = (state * 0xd1342543de82ef95 + 0x9e3779b97f4a7c15) & mask;

		uint64_t page = state ^ state >> (bits + 1) / 2;

		if (page < pages)
			verify_page(memory, page, first_stamp(pass) + is_rewritten(page, pass));
	}
}

static uint64_t parse(const char *text, const char *what, uint64_t min, uint64_t max)
{
	char *end;

	errno = 0;

	uint64_t value = strtoull(text, &end, 10);

	if (errno || end == text || *end || *text == '-' || value < min || value > max) {
		fprintf(stderr, "pattern: bad number of %s: %s\n", what, text);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: pattern BYTES [PASSES]\n");
		return 2;
	}

	uint64_t bytes = parse(argv[1], "bytes", PAGE_BYTES, PAGE_BYTES << PAGE_BITS);
	uint64_t passes = argc == 3 ? parse(argv[2], "passes", 1, MAX_PASSES) : 1;
	uint64_t pages = bytes / PAGE_BYTES;

	bytes = pages * PAGE_BYTES;
	setvbuf(stdout, NULL, _IOLBF, 0);

	uint64_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		fprintf(stderr, "pattern: mmap of %" PRIu64 " bytes: %s\n", bytes, strerror(errno));
		return 1;
	}
	for (uint64_t pass = 1; pass <= passes; pass++) {
		printf("pattern: phase write pass=%" PRIu64 "\n", pass);
		for (uint64_t page = 0; page < pages; page++)
			write_page(memory, page, first_stamp(pass));
		printf("pattern: phase verify pass=%" PRIu64 "\n", pass);
		verify_in_order(memory, pages, pass);
		printf("pattern: phase rewrite pass=%" PRIu64 "\n", pass);
		rewrite_quarter(memory, pages, pass);
		printf("pattern: phase verify-shuffled pass=%" PRIu64 "\n", pass);
		verify_shuffled(memory, pages, pass);
	}
	printf("pattern: PASS bytes=%" PRIu64 " pages=%" PRIu64 " passes=%" PRIu64 "\n", bytes,
	       pages, passes);
	return 0;
}
