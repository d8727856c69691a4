// SPDX-License-Identifier: GPL-2.0
/*
 * buddy_test.c - the published rule of merging and halving blocks, what the model says of each
 * order, and the counting of touched blocks that both rest on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "hist.h"
#include "maps.h"
#include "tuner/model.h"

#define PAGES	DMEM_MAP_REGION_PAGES

static struct model_sample sample_of(const __u64 *touched)
{
	struct model_sample sample = { .misses = 1 };

	for (unsigned int order = 0; order < MODEL_ORDERS; order++)
		sample.touched_blocks[order] = dmem_touched_blocks(touched, order);
	sample.touched_pages = sample.touched_blocks[0];
	return sample;
}

static void touch(__u64 *touched, unsigned int first, unsigned int step, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		touched[(first + i * step) / 64] |= 1ULL << (first + i * step) % 64;
}

static void blocks_are_counted_at_every_order(void **state)
{
	static const unsigned int of_three[MODEL_ORDERS] = { 3, 3, 3, 3, 3, 3, 3, 2, 2, 1 };
	__u64 touched[PAGES / 64] = {};

	(void)state;
	for (unsigned int order = 0; order < MODEL_ORDERS; order++)
		assert_int_equal(dmem_touched_blocks(touched, order), 0);
	/* In the first two blocks of 64, and in the last page. */
	touch(touched, 63, 1, 2);
	touch(touched, PAGES - 1, 1, 1);
	for (unsigned int order = 0; order < MODEL_ORDERS; order++)
		assert_int_equal(dmem_touched_blocks(touched, order), of_three[order]);
	assert_int_equal(dmem_touched_pages(touched), 3);
	memset(touched, 0xff, sizeof(touched));
	for (unsigned int order = 0; order < MODEL_ORDERS; order++)
		assert_int_equal(dmem_touched_blocks(touched, order), PAGES >> order);
}

static void buddies_in_use_are_merged(void **state)
{
	__u64 touched[PAGES / 64] = {};
	struct model_sample sample;

	(void)state;
	touch(touched, 0, 1, PAGES);
	sample = sample_of(touched);
	for (unsigned int order = 0; order < MODEL_ORDERS - 1; order++) {
		struct model_decision decision = model_buddy(&sample, order);

		assert_int_equal(decision.order, order + 1);
		assert_true(decision.changed);
	}
	assert_int_equal(model_buddy(&sample, 9).order, 9);
	assert_false(model_buddy(&sample, 9).changed);
	/* Nothing is fetched, nothing is merged. */
	sample.misses = 0;
	assert_int_equal(model_buddy(&sample, 3).order, 3);
}

/* Every fourth page: no pair of pages, no pair of twos, but all pairs of fours. */
static void lone_halves_are_not_merged(void **state)
{
	__u64 touched[PAGES / 64] = {};
	struct model_sample sample;

	(void)state;
	touch(touched, 0, 4, PAGES / 4);
	sample = sample_of(touched);
	assert_int_equal(model_buddy(&sample, 0).order, 0);
	assert_int_equal(model_buddy(&sample, 1).order, 1);
	assert_int_equal(model_buddy(&sample, 2).order, 3);
	/* 128 pairs of pages, 63 of them whole: one less than half. */
	touch(touched, 1, 4, 63);
	sample = sample_of(touched);
	assert_int_equal(model_buddy(&sample, 0).order, 0);
	touch(touched, 1, 4, 64);
	sample = sample_of(touched);
	assert_int_equal(model_buddy(&sample, 0).order, 1);
}

static void blocks_evicted_unused_are_halved(void **state)
{
	struct model_sample sample = { .evicted = 400, .unused = 300 };

	(void)state;
	assert_int_equal(model_buddy(&sample, 4).order, 3);
	assert_int_equal(model_buddy(&sample, 0).order, 0);
	sample.unused = 299;
	assert_int_equal(model_buddy(&sample, 4).order, 4);
	/* Use of what was evicted counts before what is in use now. */
	sample.unused = 400;
	sample.misses = 10;
	for (unsigned int order = 0; order < MODEL_ORDERS; order++)
		sample.touched_blocks[order] = PAGES >> order;
	assert_int_equal(model_buddy(&sample, 4).order, 3);
	assert_int_equal(model_buddy(&sample, 77).order, 8);
}

/* The cheapest order that is told is the one that decisions move to. */
static void costs_are_those_that_decide(void **state)
{
	static const struct model_link link = { .request_ns = 9000, .page_ns = 1000 };
	struct model_sample sample = { .distance = { [0] = 511 }, .forward = 511,
				       .touched_pages = PAGES };
	double density[MODEL_ORDERS], cost_ns[MODEL_ORDERS];
	unsigned int order = 0, best = 0;

	(void)state;
	assert_true(model_costs(&link, &sample, 0, density, cost_ns));
	for (unsigned int i = 0; i < MODEL_ORDERS; i++) {
		assert_true(cost_ns[i] == model_cost_ns(&link, density[i], i));
		assert_true(density[i] >= 0 && density[i] <= 1);
		if (cost_ns[i] < cost_ns[best])
			best = i;
	}
	for (unsigned int round = 0; round < 5; round++)
		order = model_decide(&link, &sample, order).order;
	assert_int_equal(order, best);
	sample = (struct model_sample){ .distance = { [0] = 3 } };
	assert_false(model_costs(&link, &sample, 0, density, cost_ns));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_counted_at_every_order),
		cmocka_unit_test(buddies_in_use_are_merged),
		cmocka_unit_test(lone_halves_are_not_merged),
		cmocka_unit_test(blocks_evicted_unused_are_halved),
		cmocka_unit_test(costs_are_those_that_decide),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
