// SPDX-License-Identifier: GPL-2.0
/* touched.c - what the bitmap of touched pages says of blocks. */
#include "hist.h"
#include "maps.h"

unsigned int dmem_touched_pages(const __u64 *touched)
{
	unsigned int pages = 0;

	for (unsigned int i = 0; i < DMEM_MAP_REGION_PAGES / 64; i++)
		pages += (unsigned int)__builtin_popcountll(touched[i]);
	return pages;
}

/* Of blocks within a word: the lowest bit of each becomes the or of them all. */
static unsigned int blocks_of_word(__u64 word, unsigned int nr)
{
	static const __u64 lowest[] = {
		~0ULL, 0x5555555555555555, 0x1111111111111111, 0x0101010101010101,
		0x0001000100010001, 0x0000000100000001, 1,
	};

	for (unsigned int shift = 1; shift < nr; shift <<= 1)
		word |= word >> shift;
	return (unsigned int)__builtin_popcountll(word & lowest[__builtin_ctz(nr)]);
}

unsigned int dmem_touched_blocks(const __u64 *touched, unsigned int order)
{
	unsigned int words = 1U << order > 64 ? (1U << order) / 64 : 1, blocks = 0;

	for (unsigned int i = 0; i < DMEM_MAP_REGION_PAGES / 64; i += words) {
		__u64 word = 0;

		for (unsigned int j = i; j < i + words; j++)
			word |= touched[j];
		blocks += blocks_of_word(word, (1U << order) / words);
	}
	return blocks;
}
