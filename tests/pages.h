/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pages.h - pages that say what they are: which page, by which writer, in which of its writes,
 * and a checksum. A stale, torn or foreign page is told from the right one, and named.
 *
 * Shared by the selftests and the stress test. Sequence 0 is a page never written, or punched:
 * it must be all zero.
 */
#ifndef DMEM_TEST_PAGES_H
#define DMEM_TEST_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PAGE_WORDS	512

/* The first four words and the last; what lies between follows from the first three. */
struct page_mark {
	uint64_t number;
	uint64_t writer;
	uint64_t seq;
	uint64_t magic;
};

#define PAGE_MAGIC	0x646d656d70616765ULL	/* "dmempage" */
#define PAGE_BODY	(sizeof(struct page_mark) / sizeof(uint64_t))

/* splitmix64's finalizer. */
static inline uint64_t page_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static inline uint64_t page_base(const struct page_mark *mark)
{
	return page_mix(mark->number << 40 ^ mark->writer << 32 ^ mark->seq);
}

static inline uint64_t page_word(uint64_t base, unsigned int i)
{
	return base + i * 0x9e3779b97f4a7c15ULL;
}

static inline uint64_t page_sum(const uint64_t *words)
{
	uint64_t sum = 1;

	for (unsigned int i = 0; i < PAGE_WORDS - 1; i++)
		sum = (sum << 7 | sum >> 57) + words[i];
	return sum;
}

/* Write a page: seq 1 and more. */
static inline void page_fill(void *at, uint64_t number, uint64_t writer, uint64_t seq)
{
	struct page_mark mark = { number, writer, seq, PAGE_MAGIC };
	uint64_t base = page_base(&mark), *words = at;

	words[0] = number;
	words[1] = writer;
	words[2] = seq;
	words[3] = PAGE_MAGIC;
	for (unsigned int i = PAGE_BODY; i < PAGE_WORDS - 1; i++)
		words[i] = page_word(base, i);
	words[PAGE_WORDS - 1] = page_sum(words);
}

/* Zero where the page is as its mark says, else the first word that is not. */
static inline unsigned int page_torn_at(const uint64_t *words)
{
	struct page_mark mark = { words[0], words[1], words[2], words[3] };
	uint64_t base = page_base(&mark);

	if (mark.magic != PAGE_MAGIC)
		return 3;
	for (unsigned int i = PAGE_BODY; i < PAGE_WORDS - 1; i++)
		if (words[i] != page_word(base, i))
			return i;
	return words[PAGE_WORDS - 1] == page_sum(words) ? 0 : PAGE_WORDS - 1;
}

static inline bool page_zero(const uint64_t *words)
{
	for (unsigned int i = 0; i < PAGE_WORDS; i++)
		if (words[i])
			return false;
	return true;
}

/**
 * page_verify - is this page what was written last?
 * @at: the page
 * @number, @writer, @seq: what was written; @seq 0: it must be zero
 * @why: takes what is wrong with it, one line
 * @len: size of @why
 *
 * Return: true when it is.
 */
static inline bool page_verify(const void *at, uint64_t number, uint64_t writer, uint64_t seq,
			       char *why, size_t len)
{
	const uint64_t *words = at;
	unsigned int torn;
	bool zero;

	if (!seq && page_zero(words))
		return true;
	torn = page_torn_at(words);
	if (seq && !torn && words[0] == number && words[1] == writer && words[2] == seq)
		return true;
	zero = page_zero(words);
	if (zero)
		snprintf(why, len, "page %lu is zero, not write %lu of writer %lu", number, seq,
			 writer);
	else
		snprintf(why, len,
			 "page %lu is not write %lu of writer %lu: it says page %lu, writer %lu, write %lu, magic %lx, and is %s (word %u)",
			 number, seq, writer, words[0], words[1], words[2], words[3],
			 torn ? "torn" : "whole", torn);
	return false;
}

#endif /* DMEM_TEST_PAGES_H */
