// SPDX-License-Identifier: GPL-2.0
/* dmemtop_model.c - dmemtop's model: figures from samples made by hand, bins of regions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmemtop/columns.h"

#define MOST_VMS	50
#define MOST_REGIONS	3000
#define SECOND_NS	1000000000ULL
#define REGION_BYTES	(2ULL << 20)

static struct dmem_plane_vm vms_before[MOST_VMS], vms_now[MOST_VMS];
static struct dmem_plane_region regions_before[MOST_REGIONS], regions_now[MOST_REGIONS];
static struct top_sample before, now;

static void assert_near(double value, double expected)
{
	if (!(fabs(value - expected) <= 1e-6 * (1 + fabs(expected))))
		fail_msg("%.9g is not %.9g", value, expected);
}

static int set_up(void **state)
{
	(void)state;
	memset(vms_before, 0, sizeof(vms_before));
	memset(vms_now, 0, sizeof(vms_now));
	memset(regions_before, 0, sizeof(regions_before));
	memset(regions_now, 0, sizeof(regions_now));
	before = (struct top_sample){ .time_ns = 10 * SECOND_NS, .plane_id = 7, .epoch = 4,
				       .has_regions = true, .vms = vms_before,
				       .regions = regions_before };
	now = (struct top_sample){ .time_ns = 14 * SECOND_NS, .plane_id = 7, .epoch = 5,
				    .has_regions = true, .vms = vms_now,
				    .regions = regions_now };
	return 0;
}

/* In both readings, without any event. Ids go up. */
static struct dmem_plane_vm *add_vm(const char *name)
{
	struct dmem_plane_vm *vm = &vms_now[now.nr_vms++];

	vm->id = 100 + (__u32)now.nr_vms;
	snprintf(vm->value.name, sizeof(vm->value.name), "%s", name);
	vm->value.size_bytes = 64 * REGION_BYTES;
	vm->value.direct_limit_bytes = 32 * REGION_BYTES;
	vms_before[before.nr_vms++] = *vm;
	return vm;
}

/* The same; by VM and index. */
static struct dmem_plane_region *add_region(const struct dmem_plane_vm *vm, __u32 index)
{
	struct dmem_plane_region *region = &regions_now[now.nr_regions++];

	region->key.vm = vm->id;
	region->key.region = index;
	region->value.local_pages = 512;
	regions_before[before.nr_regions++] = *region;
	return region;
}

static struct top_model build(void)
{
	struct top_model model;

	assert_int_equal(top_model_build(&model, &now, &before, NULL), 0);
	return model;
}

static struct top_model build_totals(void)
{
	struct top_model model;

	assert_int_equal(top_model_build(&model, &now, NULL, NULL), 0);
	return model;
}

/*
 * Figures
 */

static void test_percentiles(void **state)
{
	struct dmem_plane_vm *vm = add_vm("vm");
	struct top_model model;

	(void)state;
	/* 100 values from 1024 to 2047 and 100 from 4096 to 8191. */
	vm->stats.fetch_latency[10] = 100;
	vm->stats.fetch_latency[12] = 100;
	model = build();
	assert_near(model.vms[0].fetch_p50_ns, 2048);
	assert_near(model.vms[0].fetch_p99_ns, 4096 + 0.98 * 4096);
	top_model_free(&model);

	/* A quarter of the way into the slot. */
	vm->stats.fetch_latency[10] = 25;
	vm->stats.fetch_latency[12] = 0;
	vm->stats.fetch_latency[11] = 50;
	model = build();
	assert_near(model.vms[0].fetch_p50_ns, 2048 + 12.5 / 50 * 2048);
	top_model_free(&model);

	/* One value alone, in the first slot and in the last. */
	memset(&vm->stats, 0, sizeof(vm->stats));
	vm->stats.fetch_latency[0] = 1;
	model = build();
	assert_true(model.vms[0].fetch_p50_ns >= 0 && model.vms[0].fetch_p99_ns <= 2);
	top_model_free(&model);
	vm->stats.fetch_latency[0] = 0;
	vm->stats.fetch_latency[DMEM_LATENCY_SLOTS - 1] = 1;
	model = build();
	assert_true(model.vms[0].fetch_p50_ns >= 2147483648.0);
	assert_true(model.vms[0].fetch_p99_ns <= 4294967296.0);
	top_model_free(&model);
}

/* What was there before says nothing of the span; a first reading has nothing else. */
static void test_percentiles_of_span(void **state)
{
	struct dmem_plane_vm *vm = add_vm("vm");
	struct top_model model;

	(void)state;
	vm->stats.fetch_latency[20] = 1000;
	vms_before[0].stats = vm->stats;
	model = build();
	assert_near(model.vms[0].fetch_p50_ns, TOP_UNKNOWN);
	assert_near(model.vms[0].fetch_p99_ns, TOP_UNKNOWN);
	top_model_free(&model);
	model = build_totals();
	assert_near(model.vms[0].fetch_p50_ns, 1.5 * (1 << 20));
	top_model_free(&model);
	vm->stats.fetch_latency[3] = 2;
	model = build();
	assert_near(model.vms[0].fetch_p50_ns, 12);
	top_model_free(&model);
}

static void test_rates(void **state)
{
	struct dmem_plane_vm *vm = add_vm("vm");
	struct top_model model;

	(void)state;
	vms_before[0].stats.faults = 1000;
	vms_before[0].stats.soft_faults = 77;
	vms_before[0].stats.fetches_by_order[0] = 10;
	vm->stats = vms_before[0].stats;
	vm->stats.faults = 1400;
	vm->stats.fetches_by_order[0] = 12;
	vm->stats.fetches_by_order[9] = 6;
	vm->stats.prefetched_pages = 2;
	vm->stats.evicted_pages = 4;
	vm->stats.writeback_pages = 40;
	vm->stats.kvm_faults = 400000000000ULL;
	model = build();
	assert_int_equal(model.interval_ns, 4 * SECOND_NS);
	assert_near(model.vms[0].per_s[TOP_FAULTS], 100);
	assert_near(model.vms[0].per_s[TOP_SOFT_FAULTS], 0);
	assert_near(model.vms[0].per_s[TOP_FETCHES], 2);
	assert_near(model.vms[0].per_s[TOP_PREFETCHED_PAGES], 0.5);
	assert_near(model.vms[0].per_s[TOP_EVICTED_PAGES], 1);
	assert_near(model.vms[0].per_s[TOP_WRITEBACK_PAGES], 10);
	assert_near(model.vms[0].per_s[TOP_KVM_FAULTS], 1e11);
	assert_int_equal(model.vms[0].total.faults, 1400);
	assert_int_equal(model.vms[0].span.faults, 400);
	top_model_free(&model);
}

static void check_totals(const struct top_model *model)
{
	assert_int_equal(model->interval_ns, 0);
	assert_int_equal(model->vms[0].span.faults, 8);
	for (int i = 0; i < TOP_COUNTS; i++)
		assert_near(model->vms[0].per_s[i], TOP_UNKNOWN);
	assert_int_equal(model->regions[0].span_misses, 5);
	assert_near(model->regions[0].misses_per_s, TOP_UNKNOWN);
}

/* One reading, one of a plane that was loaded anew, and one not later than the other. */
static void test_totals(void **state)
{
	struct dmem_plane_vm *vm = add_vm("vm");
	struct top_model model;

	(void)state;
	vm->stats.faults = 8;
	add_region(vm, 0)->value.misses = 5;
	model = build_totals();
	check_totals(&model);
	top_model_free(&model);
	now.plane_id++;
	model = build();
	check_totals(&model);
	top_model_free(&model);
	now.plane_id--;
	now.time_ns = before.time_ns;
	model = build();
	check_totals(&model);
	top_model_free(&model);
}

/* A VM memory that came since, and one that was forgotten and counted anew. */
static void test_new_vms(void **state)
{
	struct top_model model;

	(void)state;
	add_vm("again")->stats.faults = 40;
	vms_before[0].stats.faults = 50;
	add_vm("new")->stats.faults = 80;
	before.nr_vms = 1;
	model = build();
	assert_near(model.vms[0].per_s[TOP_FAULTS], 10);
	assert_near(model.vms[1].per_s[TOP_FAULTS], 20);
	top_model_free(&model);
}

static void test_accuracy(void **state)
{
	struct dmem_plane_vm *vm = add_vm("vm");
	struct top_model model;

	(void)state;
	vm->stats.prefetched_used_pages = 110;
	vms_before[0].stats.prefetched_used_pages = 110;
	vm->stats.prefetched_unused_pages = 2;
	vms_before[0].stats.prefetched_unused_pages = 2;
	model = build();
	assert_near(model.vms[0].prefetch_accuracy, TOP_UNKNOWN);
	top_model_free(&model);
	vm->stats.prefetched_used_pages = 113;
	vm->stats.prefetched_unused_pages = 3;
	model = build();
	assert_near(model.vms[0].prefetch_accuracy, 0.75);
	top_model_free(&model);
}

static void test_regions(void **state)
{
	struct dmem_plane_vm *one = add_vm("one"), *two = add_vm("two");
	struct dmem_plane_region *region;
	struct top_model model;

	(void)state;
	one->value.default_order = 3;
	region = add_region(one, 2);
	region->value.misses = 4;
	regions_before[0].value.misses = UINT32_MAX - 3;	/* it wrapped */
	region->order.asked = 9;					/* of no decision */
	region = add_region(two, 1);
	region->decided = true;
	region->order.order = 12;				/* the core would clamp it */
	region->order.asked = 9;
	add_region(two, 7);
	model = build();
	assert_int_equal(model.vms[0].nr_regions, 1);
	assert_int_equal(model.vms[0].regions[0].offset_bytes, 2 * REGION_BYTES);
	assert_int_equal(model.vms[0].regions[0].span_misses, 8);
	assert_near(model.vms[0].regions[0].misses_per_s, 2);
	assert_int_equal(model.vms[0].regions[0].order, 3);
	assert_false(model.vms[0].regions[0].decided);
	assert_int_equal(model.vms[0].regions[0].decision_asked, 0);
	assert_int_equal(model.vms[0].regions_by_order[3], 1);
	assert_int_equal(model.vms[1].nr_regions, 2);
	assert_int_equal(model.vms[1].regions[0].order, 9);
	assert_int_equal(model.vms[1].regions[0].decision_asked, 9);
	assert_int_equal(model.vms[1].regions_by_order[9], 1);
	assert_int_equal(model.vms[1].regions_by_order[0], 1);
	top_model_free(&model);
}

static void test_touched(void **state)
{
	struct dmem_plane_vm *vm = add_vm("vm");
	struct top_model model;
	int i;

	(void)state;
	now.epoch = (1ULL << 32) + 1;		/* the map has the lower half */
	for (i = 0; i < 4; i++) {
		struct dmem_plane_region *region = add_region(vm, (__u32)i);

		region->value.touched[0] = 0xff;
		region->value.touched[DMEM_MAP_REGION_PAGES / 64 - 1] = 1ULL << 63;
		region->value.epoch = (__u32)(now.epoch - (__u64)i);
	}
	model = build();
	assert_int_equal(model.regions[0].touched_pages, 9);
	assert_int_equal(model.regions[1].touched_pages, 9);
	assert_int_equal(model.regions[2].touched_pages, 0);
	assert_int_equal(model.regions[3].touched_pages, 0);
	top_model_free(&model);
}

static void test_gone(void **state)
{
	struct top_model model;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct dmem_plane_vm *vm = add_vm(i == 1 ? "gone" : "here");

		vm->value.gone = i == 1;
		add_region(vm, 4)->value.misses = (__u32)i;
	}
	model = build();
	assert_int_equal(model.nr_vms, 2);
	assert_string_equal(model.vms[0].value.name, "here");
	assert_string_equal(model.vms[1].value.name, "here");
	assert_int_equal(model.vms[1].id, 103);
	assert_int_equal(model.vms[1].nr_regions, 1);
	assert_int_equal(model.vms[1].regions[0].misses, 2);
	top_model_free(&model);
}

static void test_name(void **state)
{
	struct top_model model;

	(void)state;
	add_vm("web-1");
	add_vm("db-1");
	add_vm("web-2");
	/* A name without its end. */
	memset(vms_now[1].value.name, 'x', sizeof(vms_now[1].value.name));
	assert_int_equal(top_model_build(&model, &now, &before, "B-"), 0);
	assert_int_equal(model.nr_vms, 2);
	assert_string_equal(model.vms[1].value.name, "web-2");
	top_model_free(&model);
	assert_int_equal(top_model_build(&model, &now, &before, "xx"), 0);
	assert_int_equal(model.nr_vms, 1);
	assert_int_equal(model.nr_filtered, 2);
	assert_int_equal(strlen(model.vms[0].value.name), DMEM_MAP_NAME_LEN - 1);
	top_model_free(&model);
	assert_int_equal(top_model_build(&model, &now, &before, "none"), 0);
	assert_int_equal(model.nr_vms, 0);
	top_model_free(&model);
}

/*
 * What there is to say of a VM
 */

static void test_shares(void **state)
{
	struct dmem_plane_vm *vm = add_vm("vm");
	struct top_model model;

	(void)state;
	model = build();
	assert_near(model.vms[0].stall_share, 0);
	assert_near(model.vms[0].hit_share, TOP_UNKNOWN);
	assert_int_equal(model.vms[0].order, -1);
	top_model_free(&model);
	/* 6 s of waiting in 4 s: one vCPU and a half. 300 of 400 accesses but first touches hit. */
	vm->stats.fetch_ns = 6 * SECOND_NS;
	vm->stats.faults = 150;
	vm->stats.zero_fills = 50;
	vm->stats.soft_faults = 300;
	vm->stats.fetches_by_order[3] = 5;
	vm->stats.fetches_by_order[7] = 6;
	model = build();
	assert_near(model.vms[0].stall_share, 1.5);
	assert_near(model.vms[0].hit_share, 0.75);
	assert_int_equal(model.vms[0].order, 7);
	assert_near(model.point.stall_share, 1.5);
	top_model_free(&model);
	model = build_totals();
	assert_near(model.vms[0].stall_share, TOP_UNKNOWN);
	assert_near(model.point.stall_share, 0);
	top_model_free(&model);
}

static void check_explained(const char *what, int severity)
{
	struct top_model model = build();
	char text[256];

	assert_int_equal(top_explain(&model.vms[0], text, sizeof(text)), severity);
	assert_int_equal(top_severity(&model.vms[0]), severity);
	if (!strstr(text, what))
		fail_msg("\"%s\" does not say \"%s\"", text, what);
	top_model_free(&model);
}

static void test_explained(void **state)
{
	struct dmem_plane_vm *vm = add_vm("vm");

	(void)state;
	check_explained("idle", 0);
	vm->stats.soft_faults = 1;
	check_explained("fares well", 0);
	vm->stats.fetch_ns = 4 * SECOND_NS / 10;
	check_explained("waits 10% of a vCPU's time for fetches: it comes back to memory", 1);
	vm->stats.fetch_ns = 4 * SECOND_NS / 2;
	vm->stats.fetched_pages = 100;
	vm->stats.evicted_pages = 90;
	vm->value.direct_bytes = vm->value.direct_limit_bytes;
	check_explained("waits 50% of a vCPU's time for fetches: it uses more than its direct limit",
			2);
	vm->stats.fetch_latency[12] = 90;
	vm->stats.fetch_latency[22] = 10;
	check_explained("one fetch in 100 takes", 2);
	vm->stats.prefetched_used_pages = 10;
	vm->stats.prefetched_unused_pages = 90;
	check_explained("only 10% of what is prefetched is used", 2);
	vm->stats.fetch_errors = 3;
	check_explained("3 fetches failed", 2);
}

static void test_donors(void **state)
{
	struct top_donor donors[2] = { { .id = 4 }, { .id = 5 } };
	struct top_model model;

	(void)state;
	add_vm("known")->value.donor = 5;
	add_vm("unknown")->value.donor = 6;
	add_vm("none");
	donors[0].id = 0;
	now.donors = donors;
	now.nr_donors = 2;
	model = build();
	assert_ptr_equal(model.vms[0].donor, &donors[1]);
	assert_null(model.vms[1].donor);
	assert_null(model.vms[2].donor);
	top_model_free(&model);
}

static void test_latencies(void **state)
{
	struct dmem_plane_latency late[2] = {}, early[2] = {};
	struct top_model model;

	(void)state;
	late[0].key = (struct dmem_latency_key){ 1, 2 };
	late[1].key = (struct dmem_latency_key){ 1, 3 };
	late[0].value.fetches[4][10] = 30;
	late[1].value.rest_pages[2] = 7;
	early[0].key = late[1].key;
	early[1].key = late[0].key;
	early[1].value.fetches[4][10] = 10;
	early[0].value.rest_pages[2] = 9;	/* counted anew since */
	now.latencies = late;
	now.nr_latencies = 2;
	model = build();
	assert_false(model.has_latency_span);
	assert_int_equal(model.latencies[0].span.fetches[4][10], 30);
	top_model_free(&model);
	model = build_totals();
	assert_false(model.has_latency_span);
	top_model_free(&model);
	before.latencies = early;
	before.nr_latencies = 2;
	model = build();
	assert_true(model.has_latency_span);
	assert_int_equal(model.latencies[0].span.fetches[4][10], 20);
	assert_int_equal(model.latencies[1].span.rest_pages[2], 7);
	top_model_free(&model);
}

/*
 * Order
 */

static void check_vms(struct top_model *model, enum top_sort sort, bool inverted,
		      const char *names)
{
	top_sort_vms(model, sort, inverted);
	for (size_t i = 0; i < model->nr_vms; i++)
		assert_int_equal(model->vms[i].value.name[0], names[i]);
}

static void test_sort_vms(void **state)
{
	struct top_model model;

	(void)state;
	add_vm("c")->value.remote_bytes = 5;
	add_vm("a")->stats.faults = 7;
	add_vm("d")->value.remote_bytes = 9;
	add_vm("b")->stats.fetch_ns = 3;
	model = build();
	check_vms(&model, TOP_BY_FAULTS, false, "abcd");
	check_vms(&model, TOP_BY_REMOTE, false, "dcab");
	check_vms(&model, TOP_BY_REMOTE, true, "abcd");
	check_vms(&model, TOP_BY_NAME, false, "abcd");
	check_vms(&model, TOP_BY_NAME, true, "dcba");
	check_vms(&model, TOP_BY_STALL, false, "bacd");
	check_vms(&model, TOP_BY_ID, false, "cadb");
	top_model_free(&model);
	/* By what they have waited in all, where there is no span. */
	model = build_totals();
	check_vms(&model, TOP_BY_STALL, false, "bacd");
	for (int sort = 0; sort < TOP_SORTS; sort++)
		assert_int_equal(top_find_sort(top_sort_keys[sort].name), sort);
	assert_int_equal(top_find_sort("help"), -1);
	top_model_free(&model);
}

static void check_text(void (*format)(char *buf, size_t len, double value), double value,
		       const char *expected)
{
	char text[32];

	format(text, sizeof(text), value);
	assert_string_equal(text, expected);
}

static void test_texts(void **state)
{
	(void)state;
	check_text(top_text_bytes, 0, "0B");
	check_text(top_text_bytes, 999, "999B");
	check_text(top_text_bytes, 1000, "0.98K");
	check_text(top_text_bytes, 1536 << 10, "1.50M");
	check_text(top_text_bytes, 1e30, "867361737988E");
	check_text(top_text_bytes, TOP_UNKNOWN, "-");
	check_text(top_text_ns, 850, "850ns");
	check_text(top_text_ns, 999.6, "1.00us");
	check_text(top_text_ns, 121200, "121us");
	check_text(top_text_ns, 3.9e6, "3.90ms");
	check_text(top_text_ns, 2e12, "2000s");
	check_text(top_text_ns, TOP_UNKNOWN, "-");
	check_text(top_text_share, 0.004, "0.4%");
	check_text(top_text_share, 1.5, "150%");
	check_text(top_text_rate, 3.25, "3.2");
	check_text(top_text_rate, 12345, "12.3k");
}

/*
 * Bins
 */

static void heat_region(struct heat *heat, __u32 vm, __u32 region, __u32 misses, __u32 epoch)
{
	struct dmem_region_key key = { .vm = vm, .region = region };
	struct dmem_region_value value = { .misses = misses, .epoch = epoch, .local_pages = 10,
					   .remote_pages = 20, .touched = { 0xff } };

	heat_add_region(heat, &key, &value, 9);
}

static void heat_order(struct heat *heat, __u32 vm, __u32 region, __u32 order)
{
	struct dmem_region_key key = { .vm = vm, .region = region };
	struct dmem_order_value value = { .order = order };

	heat_add_order(heat, &key, &value);
}

static void test_windows(void **state)
{
	struct heat_window window = heat_window_fit(0, 0);

	(void)state;
	assert_int_equal(heat_window_bins(&window), 0);
	window = heat_window_fit(5, HEAT_BINS_MAX);
	assert_int_equal(window.per_bin, 1);
	assert_int_equal(heat_window_bins(&window), HEAT_BINS_MAX);
	window = heat_window_fit(5, HEAT_BINS_MAX + 1);
	assert_int_equal(window.per_bin, 2);
	assert_int_equal(heat_window_bins(&window), HEAT_BINS_MAX / 2 + 1);
	/* 1 TiB, and the largest file there can be. */
	window = heat_window_fit(0, 524288);
	assert_int_equal(window.per_bin, 16);
	window = heat_window_fit(0, 3 * HEAT_BINS_MAX);
	assert_int_equal(window.per_bin, 4);
	window = heat_window_fit(0, UINT32_MAX);
	assert_true(heat_window_bins(&window) <= HEAT_BINS_MAX);
	assert_true(heat_window_bins(&window) > HEAT_BINS_MAX / 2);
}

static void test_heat(void **state)
{
	struct heat_window window = { .first = 10, .nr = 5, .per_bin = 2 };
	const struct top_bin *bins;
	struct heat heat = {};

	(void)state;
	assert_int_equal(heat_begin(&heat, 3, &window), 0);
	heat_region(&heat, 3, 9, 1, 9);		/* before, behind, of another */
	heat_region(&heat, 3, 15, 1, 9);
	heat_region(&heat, 4, 12, 1, 9);
	heat_order(&heat, 3, 15, 1);
	heat_region(&heat, 3, 10, 5, 9);
	heat_region(&heat, 3, 11, 7, 2);
	heat_region(&heat, 3, 14, 1, 8);
	heat_order(&heat, 3, 11, 4);
	heat_order(&heat, 3, 14, 77);
	/* While it is walked for the first time that is what there is. */
	assert_int_equal(heat_bins(&heat)[0].seen, 2);
	heat_walked(&heat, 1000);
	bins = heat_bins(&heat);
	assert_int_equal(heat.nr_bins, 3);
	assert_int_equal(bins[0].seen, 2);
	assert_int_equal(bins[0].misses, 12);
	assert_int_equal(bins[0].hottest, 11);
	assert_int_equal(bins[0].epoch, 9);
	assert_int_equal(bins[0].touched_pages, 8);	/* not those of epoch 2 */
	assert_int_equal(bins[0].local_pages, 20);
	assert_int_equal(bins[0].remote_pages, 40);
	assert_int_equal(bins[0].orders[4], 1);
	assert_int_equal(bins[1].seen, 0);
	assert_int_equal(bins[2].seen, 1);
	assert_int_equal(bins[2].orders[9], 1);
	assert_int_equal(heat.span_ns, 0);

	/* One was touched since, one was forgotten. */
	heat_region(&heat, 3, 10, 9, 9);
	heat_region(&heat, 3, 11, 7, 2);
	heat_region(&heat, 3, 12, 6, 9);
	assert_int_equal(heat_bins(&heat)[0].misses, 12);
	heat_walked(&heat, 3000);
	bins = heat_bins(&heat);
	assert_int_equal(heat.span_ns, 2000);
	assert_int_equal(bins[0].span_misses, 4);
	assert_int_equal(bins[1].span_misses, 6);
	assert_int_equal(bins[2].seen, 0);
	assert_int_equal(bins[2].span_misses, 0);
	heat_end(&heat);
}

static void test_heat_sum(void **state)
{
	struct top_bin sum = {}, one = { .seen = 2, .misses = 5, .hottest = 7, .hottest_misses = 4,
					 .epoch = UINT32_MAX, .orders = { 1 } };
	struct top_bin two = { .seen = 1, .misses = 9, .hottest = 8, .hottest_misses = 9,
			       .epoch = 1, .span_misses = 3, .orders = { 2 } };
	static const struct top_bin none;

	(void)state;
	heat_sum(&sum, &none);
	assert_int_equal(sum.seen, 0);
	heat_sum(&sum, &one);
	assert_int_equal(sum.epoch, UINT32_MAX);
	heat_sum(&sum, &two);
	heat_sum(&sum, &none);
	assert_int_equal(sum.seen, 3);
	assert_int_equal(sum.misses, 14);
	assert_int_equal(sum.span_misses, 3);
	assert_int_equal(sum.hottest, 8);
	assert_int_equal(sum.epoch, 1);			/* epochs wrap */
	assert_int_equal(sum.orders[0], 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_percentiles, set_up),
		cmocka_unit_test_setup(test_percentiles_of_span, set_up),
		cmocka_unit_test_setup(test_rates, set_up),
		cmocka_unit_test_setup(test_totals, set_up),
		cmocka_unit_test_setup(test_new_vms, set_up),
		cmocka_unit_test_setup(test_accuracy, set_up),
		cmocka_unit_test_setup(test_regions, set_up),
		cmocka_unit_test_setup(test_touched, set_up),
		cmocka_unit_test_setup(test_gone, set_up),
		cmocka_unit_test_setup(test_name, set_up),
		cmocka_unit_test_setup(test_shares, set_up),
		cmocka_unit_test_setup(test_explained, set_up),
		cmocka_unit_test_setup(test_donors, set_up),
		cmocka_unit_test_setup(test_latencies, set_up),
		cmocka_unit_test_setup(test_sort_vms, set_up),
		cmocka_unit_test_setup(test_texts, set_up),
		cmocka_unit_test_setup(test_windows, set_up),
		cmocka_unit_test_setup(test_heat, set_up),
		cmocka_unit_test_setup(test_heat_sum, set_up),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
