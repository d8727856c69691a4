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

unsigned int dmem_touched_blocks(const __u64 *touched, unsigned int order)
{
	unsigned int blocks = 0, block, page, nr = 1U << order;

	for (block = 0; block < DMEM_MAP_REGION_PAGES / nr; block++) {
		for (page = block * nr; page < (block + 1) * nr; page++)
			if (touched[page / 64] >> page % 64 & 1)
				break;
		blocks += page < (block + 1) * nr;
	}
	return blocks;
}
