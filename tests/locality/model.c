// SPDX-License-Identifier: GPL-2.0
/* model.c - see model.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hist.h"
#include "model.h"
#include "../pages.h"

#define REGION_PAGES	DMEM_MAP_REGION_PAGES
#define WRITE_EVERY	5
#define RANDOM_TOUCHES	3000
#define OBJECTS		128U
#define OBJECT_PAGES	16U
#define ZIPF_PAGES	4096U
#define ZIPF_TOUCHES	6000
#define ZIPF_EXPONENT	0.99

void model_init(struct model *model, uint32_t vm, uint32_t first_region)
{
	memset(model, 0, sizeof(*model));
	model->vm = vm;
	model->first_region = first_region;
	for (size_t i = 0; i < MODEL_REGIONS; i++)
		model->last[i] = -1;
}

void model_span(struct model *model)
{
	memset(model->want, 0, sizeof(model->want));
	memset(model->touched, 0, sizeof(model->touched));
	memset(model->fetches, 0, sizeof(model->fetches));
	memset(model->rest_pages, 0, sizeof(model->rest_pages));
}

/* The log2 slot of a distance, by trying. */
static unsigned int distance_slot(int distance)
{
	unsigned int n = 0, length = distance < 0 ? -distance : distance;

	if (!distance)
		return DMEM_DISTANCE_ZERO;
	while (length >= 2U << n)
		n++;
	return distance > 0 ? DMEM_DISTANCE_ZERO + 1 + n : DMEM_DISTANCE_ZERO - 1 - n;
}

static void demand(struct model *model, size_t region, int page)
{
	if (model->last[region] >= 0)
		model->want[region].distance[distance_slot(page - model->last[region])]++;
	model->last[region] = page;
}

/* The rest of the block around a page that was fetched. */
static unsigned int fetch_rest(struct model *model, uint32_t page, unsigned int order)
{
	struct dmem_region_value *want = &model->want[page / REGION_PAGES];
	uint32_t first = page >> order << order;
	unsigned int nr = 0;

	for (uint32_t at = first; at < first + (1U << order); at++) {
		if (model->page[at] != WITH_DONOR)
			continue;
		model->page[at] = PREFETCHED;
		nr++;
	}
	want->prefetched_pages += nr;
	want->fetched_pages += nr;
	model->rest_pages[order] += nr;
	return nr;
}

unsigned int model_touch(struct model *model, const struct touch *touch, unsigned int order)
{
	size_t region = touch->page / REGION_PAGES;
	struct dmem_region_value *want = &model->want[region];
	enum model_page was = model->page[touch->page];

	model->dirty[touch->page] |= touch->write;
	if (was == IN_USE)
		return 0;
	model->page[touch->page] = IN_USE;
	model->touched[touch->page] = true;
	want->write_faults += touch->write;
	demand(model, region, touch->page % REGION_PAGES);
	if (was == PREFETCHED) {
		want->prefetched_used_pages++;
		want->soft_faults++;
		return 0;
	}
	want->misses++;
	want->fetched_pages++;
	model->fetches[order]++;
	return 1 + fetch_rest(model, touch->page, order);
}

void model_evict(struct model *model)
{
	for (size_t page = 0; page < MODEL_PAGES; page++) {
		struct dmem_region_value *want = &model->want[page / REGION_PAGES];

		want->evicted_pages += model->page[page] != WITH_DONOR;
		want->prefetched_unused_pages += model->page[page] == PREFETCHED;
		want->writeback_pages += model->dirty[page];
		model->page[page] = WITH_DONOR;
		model->dirty[page] = false;
	}
}

#define COUNT(name) { #name, offsetof(struct dmem_region_value, name) }

/* All of a region's counts but kvm_faults, which KVM may make two of. */
static const struct {
	const char *name;
	size_t offset;
} counts[] = {
	COUNT(misses), COUNT(soft_faults), COUNT(zero_fills), COUNT(write_faults),
	COUNT(fetched_pages), COUNT(prefetched_pages), COUNT(prefetched_used_pages),
	COUNT(prefetched_unused_pages), COUNT(evicted_pages), COUNT(writeback_pages),
};

#define NR_COUNTS	(sizeof(counts) / sizeof(counts[0]))

static uint32_t *count_of(const struct dmem_region_value *value, size_t i)
{
	return (uint32_t *)((char *)value + counts[i].offset);
}

struct dmem_region_value model_sum(const struct model *model)
{
	struct dmem_region_value sum = {};

	for (size_t region = 0; region < MODEL_REGIONS; region++)
		for (size_t i = 0; i < NR_COUNTS; i++)
			*count_of(&sum, i) += *count_of(&model->want[region], i);
	return sum;
}

static bool differ(char *why, size_t len, const char *what, size_t which, long is, long wanted)
{
	snprintf(why, len, "%s %zu: %ld, not %ld", what, which, is, wanted);
	return false;
}

static bool histograms_agree(const struct dmem_region_value *want,
			     const struct dmem_region_value *before,
			     const struct dmem_region_value *now, char *why, size_t len)
{
	uint32_t used = 0;

	for (size_t slot = 0; slot < DMEM_DISTANCE_SLOTS; slot++) {
		uint16_t grown = now->distance[slot] - before->distance[slot];

		if (grown != want->distance[slot])
			return differ(why, len, "distance slot", slot, grown, want->distance[slot]);
	}
	for (size_t slot = 0; slot < DMEM_FIRST_USE_SLOTS; slot++)
		used += (uint16_t)(now->first_use[slot] - before->first_use[slot]);
	return used == want->prefetched_used_pages ||
	       differ(why, len, "first uses", 0, used, want->prefetched_used_pages);
}

/* Each page's bit, and what every order makes of them: counted here page by page. */
static bool touched_agrees(const bool *touched, const struct dmem_region_value *now, uint64_t epoch,
			   char *why, size_t len)
{
	bool is_new = now->epoch == (uint32_t)epoch;

	for (size_t page = 0; page < REGION_PAGES; page++) {
		bool bit = is_new && now->touched[page / 64] >> page % 64 & 1;

		if (bit != touched[page])
			return differ(why, len, "touched page", page, bit, touched[page]);
	}
	for (unsigned int order = 0; is_new && order < DMEM_MAP_ORDERS; order++) {
		unsigned int blocks = 0, counted = dmem_touched_blocks(now->touched, order);
		long seen = -1;

		for (size_t page = 0; page < REGION_PAGES; page++) {
			if (!touched[page] || (long)(page >> order) == seen)
				continue;
			seen = page >> order;
			blocks++;
		}
		if (blocks != counted)
			return differ(why, len, "touched blocks of order", order, counted, blocks);
	}
	return true;
}

bool model_agrees(const struct model *model, size_t region, const struct dmem_region_value *before,
		  const struct dmem_region_value *now, uint64_t epoch, char *why, size_t len)
{
	const struct dmem_region_value *want = &model->want[region];
	unsigned int local = 0;

	for (size_t i = 0; i < NR_COUNTS; i++) {
		uint32_t grown = *count_of(now, i) - *count_of(before, i);

		if (grown != *count_of(want, i))
			return differ(why, len, counts[i].name, 0, grown, *count_of(want, i));
	}
	for (size_t page = 0; page < REGION_PAGES; page++)
		local += model->page[region * REGION_PAGES + page] != WITH_DONOR;
	if (now->local_pages != local || now->remote_pages != REGION_PAGES - local)
		return differ(why, len, "local pages, remote", now->remote_pages, now->local_pages,
			      local);
	return histograms_agree(want, before, now, why, len) &&
	       touched_agrees(&model->touched[region * REGION_PAGES], now, epoch, why, len);
}

static void add(struct list *list, uint32_t page)
{
	list->touch[list->nr].page = page;
	list->touch[list->nr].write = list->nr % WRITE_EVERY == WRITE_EVERY - 1;
	list->nr++;
}

static void fill_stride(struct list *list, uint32_t step, uint32_t end)
{
	for (uint32_t page = 0; page < end; page += step)
		add(list, page);
}

void fill_sequential(struct list *list)
{
	fill_stride(list, 1, 3 * REGION_PAGES + 77);
}

void fill_stride_3(struct list *list)
{
	fill_stride(list, 3, MODEL_PAGES);
}

void fill_stride_17(struct list *list)
{
	fill_stride(list, 17, MODEL_PAGES);
}

void fill_random(struct list *list)
{
	for (uint64_t i = 0; i < RANDOM_TOUCHES; i++)
		add(list, page_mix(i + 0x5eed) % MODEL_PAGES);
}

void fill_two_streams(struct list *list)
{
	for (uint32_t region = 0; region < 4; region++) {
		for (uint32_t i = 0; i < REGION_PAGES / 2; i++) {
			add(list, region * REGION_PAGES + i);
			add(list, region * REGION_PAGES + REGION_PAGES / 2 + i);
		}
	}
}

/* A permutation of 0 ... nr - 1, for nr a power of two. */
static uint32_t shuffled(uint32_t i, uint32_t nr, uint64_t seed)
{
	uint32_t odd = page_mix(seed) | 1, start = page_mix(seed + 1);

	return (i * odd + start) % nr;
}

void fill_chase(struct list *list)
{
	for (uint32_t i = 0; i < OBJECTS; i++) {
		uint32_t object = shuffled(i, MODEL_PAGES / OBJECT_PAGES, 7);

		for (uint32_t at = 0; at < OBJECT_PAGES; at++)
			add(list, object * OBJECT_PAGES + shuffled(at, OBJECT_PAGES, object));
	}
}

void fill_zipf(struct list *list)
{
	static double share[ZIPF_PAGES];
	double total = 0;

	for (uint32_t rank = 0; rank < ZIPF_PAGES; rank++) {
		total += pow(rank + 1, -ZIPF_EXPONENT);
		share[rank] = total;
	}
	for (uint64_t i = 0; i < ZIPF_TOUCHES; i++) {
		double wanted = (page_mix(i + 0x21bf) >> 11) * 0x1p-53 * total;
		uint32_t rank = 0;

		while (rank < ZIPF_PAGES - 1 && share[rank] < wanted)
			rank++;
		add(list, shuffled(rank, ZIPF_PAGES, 3));
	}
}

void fill_half(struct list *list, unsigned int half)
{
	for (uint32_t i = 0; i < MODEL_PAGES / 2; i += 3)
		add(list, half * MODEL_PAGES / 2 + shuffled(i, MODEL_PAGES / 2, half + 11));
	for (uint32_t i = 0; i < MODEL_REGIONS / 2; i++)
		add(list, half * MODEL_PAGES / 2 + i * REGION_PAGES);
}
