/* SPDX-License-Identifier: GPL-2.0 */
/*
 * model.h - what the maps must say of one VM memory after a list of accesses: played page by page,
 * with nothing of the core or of the BPF programs in it. And the lists: known patterns.
 */
#ifndef DMEM_LOCALITY_MODEL_H
#define DMEM_LOCALITY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

#include "maps.h"

#define MODEL_REGIONS	16UL
#define MODEL_PAGES	(MODEL_REGIONS * DMEM_MAP_REGION_PAGES)

struct touch {
	uint32_t page;
	bool write;
};

struct list {
	size_t nr;
	struct touch touch[MODEL_PAGES];
};

/* A part of a file that is all with its donor to begin with. */
struct model {
	uint32_t vm;
	uint32_t first_region;
	int last[MODEL_REGIONS];	/* demand, -1: none yet */
	enum model_page { WITH_DONOR, PREFETCHED, IN_USE } page[MODEL_PAGES];
	bool dirty[MODEL_PAGES];
	bool touched[MODEL_PAGES];
	/* Of the span: counts as the map has them. first_use is not known, but for its sum. */
	struct dmem_region_value want[MODEL_REGIONS];
	uint64_t fetches[DMEM_MAP_ORDERS];
	uint64_t rest_pages[DMEM_MAP_ORDERS];
};

void model_init(struct model *model, uint32_t vm, uint32_t first_region);

/* What was counted before counts no more. */
void model_span(struct model *model);

/* One access; whatever it fetches has come before the next. Returns how many pages those are. */
unsigned int model_touch(struct model *model, const struct touch *touch, unsigned int order);

void model_evict(struct model *model);

struct dmem_region_value model_sum(const struct model *model);

/**
 * model_agrees - is what a region's entry has grown by what it should have?
 * @epoch: the present one
 * @why: takes the first difference
 */
bool model_agrees(const struct model *model, size_t region, const struct dmem_region_value *before,
		  const struct dmem_region_value *now, uint64_t epoch, char *why, size_t len);

void fill_sequential(struct list *list);
void fill_stride_3(struct list *list);
void fill_stride_17(struct list *list);
void fill_random(struct list *list);
/* Two streams in each region, one access of each in turn. */
void fill_two_streams(struct list *list);
/* Objects of 64 KiB in random order, each one's pages in a random order of its own. */
void fill_chase(struct list *list);
void fill_zipf(struct list *list);
/* Pages of the first or the second half of the regions. */
void fill_half(struct list *list, unsigned int half);

#endif /* DMEM_LOCALITY_MODEL_H */
