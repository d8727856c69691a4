// SPDX-License-Identifier: GPL-2.0
/*
 * dmemtop_test.c - dmemtop's model and layout: figures from readings made by hand, lines at every
 * size of terminal, moves that must not lead anywhere else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmemtop/layout.h"

#define MOST_VMS	50
#define MOST_REGIONS	3000
#define SECOND_NS	1000000000ULL
#define REGION_BYTES	(2ULL << 20)
#define CANARY		L'\x7f'
#define CANARIES	512
#define FUZZ_MOVES	20000

static struct dmem_plane_vm vms_before[MOST_VMS], vms_now[MOST_VMS];
static struct dmem_plane_region regions_before[MOST_REGIONS], regions_now[MOST_REGIONS];
static struct top_reading before, now;

static const struct top_key_help keys[] = {
	{ "q", "quit" }, { "h", "help" }, { "Enter Tab", "VM/region" }, { "s", "sort" },
	{ "m", "map/table" }, { "p", "pause" }, { "+ -", "interval" }, { "arrows jk", "move" },
	{ "PgUp PgDn", "a page" }, { "Home End", "the ends" },
};

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
	before = (struct top_reading){ .time_ns = 10 * SECOND_NS, .plane_id = 7, .epoch = 4,
				       .has_regions = true, .vms = vms_before,
				       .regions = regions_before };
	now = (struct top_reading){ .time_ns = 14 * SECOND_NS, .plane_id = 7, .epoch = 5,
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
	assert_ptr_equal(top_find_region(&model.vms[1], 7), &model.vms[1].regions[1]);
	assert_null(top_find_region(&model.vms[1], 2));
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
	assert_int_equal(top_model_build(&model, &now, &before, "b-"), 0);
	assert_int_equal(model.nr_vms, 2);
	assert_string_equal(model.vms[1].value.name, "web-2");
	top_model_free(&model);
	assert_int_equal(top_model_build(&model, &now, &before, "xx"), 0);
	assert_int_equal(model.nr_vms, 1);
	assert_int_equal(strlen(model.vms[0].value.name), DMEM_MAP_NAME_LEN - 1);
	top_model_free(&model);
	assert_int_equal(top_model_build(&model, &now, &before, "none"), 0);
	assert_int_equal(model.nr_vms, 0);
	top_model_free(&model);
}

/*
 * Order
 */

static void check_vms(struct top_model *model, enum top_vm_sort sort, const char *names)
{
	top_sort_vms(model, sort);
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
	add_vm("b");
	/* As many now as "c" and "d", but more in all. */
	vms_now[3].stats.faults = 100;
	vms_before[3].stats.faults = 100;
	model = build();
	check_vms(&model, TOP_VMS_BY_FAULTS, "abcd");
	check_vms(&model, TOP_VMS_BY_REMOTE, "dcab");
	check_vms(&model, TOP_VMS_BY_NAME, "abcd");
	top_model_free(&model);
}

static void check_regions(struct top_vm *vm, enum top_region_sort sort, const __u32 *indices)
{
	top_sort_regions(vm, sort);
	for (size_t i = 0; i < vm->nr_regions; i++)
		assert_int_equal(vm->ranked[i]->index, indices[i]);
}

static void test_sort_regions(void **state)
{
	static const __u32 by_misses[] = { 4, 3, 1, 2 }, by_index[] = { 1, 2, 3, 4 };
	static const __u32 by_order[] = { 3, 2, 1, 4 };
	struct dmem_plane_vm *vm = add_vm("vm");
	struct dmem_plane_region *region;
	struct top_model model;

	(void)state;
	vm->value.default_order = 2;
	add_region(vm, 1);
	region = add_region(vm, 2);
	region->decided = true;
	region->order.order = 2;
	region = add_region(vm, 3);
	region->decided = true;
	region->order.order = 5;
	region->value.misses = 80;
	regions_before[2].value.misses = 80;
	region = add_region(vm, 4);
	region->value.misses = 6;
	model = build();
	check_regions(&model.vms[0], TOP_REGIONS_BY_MISSES, by_misses);
	check_regions(&model.vms[0], TOP_REGIONS_BY_INDEX, by_index);
	check_regions(&model.vms[0], TOP_REGIONS_BY_ORDER, by_order);
	top_model_free(&model);
}

/*
 * Lines
 */

/* A busy host. */
static void add_busy_vms(int nr)
{
	for (int i = 0; i < nr; i++) {
		char name[DMEM_MAP_NAME_LEN];
		struct dmem_plane_vm *vm;

		snprintf(name, sizeof(name), "guest-%0*d\t\xff", i % 50 + 1, i);
		vm = add_vm(name);
		vm->value.direct_bytes = (__u64)i * REGION_BYTES;
		vm->value.remote_bytes = UINT64_MAX >> (i + 8);
		vm->stats.faults = UINT64_MAX >> (i + 1);
		vm->stats.prefetched_used_pages = 3;
		vm->stats.fetches_by_order[i % 10] = 12345;
		vm->stats.fetches_by_order[9] = 1;
		vm->stats.fetch_latency[(i * 7) % 32] = 1000;
		vm->stats.fetch_latency[(i * 3) % 32] = 1;
		for (int j = 0; j < 60; j++) {
			struct dmem_plane_region *region = add_region(vm, (__u32)(j * (i + 1)));

			region->value.remote_pages = (__u16)(j * 8);
			region->value.local_pages = (__u16)(512 - j * 8);
			region->value.misses = (__u32)(j << i % 20);
			region->decided = j % 2;
			region->order.order = (__u32)(j % 10);
			region->order.asked = UINT64_MAX >> j;
		}
	}
}

/* Cells that must stay as they are lie behind the grid's. */
static void init_grid(struct top_grid *grid, int width, int height)
{
	size_t nr;

	assert_int_equal(top_grid_init(grid, width, height), 0);
	nr = (size_t)(grid->room + 1) * (size_t)grid->width;
	grid->cells = realloc(grid->cells, (nr + CANARIES) * sizeof(*grid->cells));
	assert_non_null(grid->cells);
	for (size_t i = nr; i < nr + CANARIES; i++)
		grid->cells[i].glyph = CANARY;
}

static void check_cells(const struct top_grid *grid, bool unicode)
{
	for (int i = 0; i < grid->nr_lines * grid->width; i++) {
		const struct top_cell *cell = &grid->cells[i];

		if (cell->glyph < L' ' || cell->glyph == CANARY ||
		    (!unicode && cell->glyph > CANARY) || cell->style >= TOP_STYLES)
			fail_msg("%dx%d: line %d column %d has glyph %lx of style %d", grid->width,
				 grid->height, i / grid->width, i % grid->width,
				 (unsigned long)cell->glyph, cell->style);
	}
}

static void check_grid(const struct top_grid *grid, bool unicode)
{
	size_t nr = (size_t)(grid->room + 1) * (size_t)grid->width;

	assert_false(grid->failed);
	assert_in_range(grid->nr_lines, 1, grid->height);
	check_cells(grid, unicode);
	for (size_t i = nr; i < nr + CANARIES; i++)
		assert_int_equal(grid->cells[i].glyph, CANARY);
}

/* A line as text, without the blanks at its end; what is not ASCII is '@'. */
static const char *line_text(const struct top_grid *grid, int line)
{
	static char text[1024];
	int len = 0;

	text[0] = 0;
	for (int i = 0; i < grid->width && i < (int)sizeof(text) - 1; i++) {
		wchar_t glyph = grid->cells[line * grid->width + i].glyph;

		text[i] = glyph < 0x80 ? (char)glyph : '@';
		if (text[i] != ' ')
			len = i + 1;
	}
	text[len] = 0;
	return text;
}

static struct top_view new_view(void)
{
	return (struct top_view){ .unicode = true, .clock = "12:34:56", .delay_s = 2,
				  .keys = keys, .nr_keys = sizeof(keys) / sizeof(keys[0]) };
}

static void lay_and_check(struct top_model *model, struct top_view *view, int width, int height)
{
	struct top_grid grid;

	init_grid(&grid, width, height);
	top_layout(&grid, model, view);
	check_grid(&grid, view->unicode);
	if (width < TOP_MIN_WIDTH || height < TOP_MIN_HEIGHT)
		assert_int_equal(grid.nr_lines, 1);
	top_grid_free(&grid);
}

static void check_all_sizes(struct top_model *model)
{
	for (int width = 1; width <= 210; width += width < 45 ? 1 : 11)
		for (int height = 1; height <= 70; height += height < 30 ? 1 : 7)
			for (int how = 0; how < 3 * 2 * 2; how++) {
				struct top_view view = new_view();

				view.regions = how % 3;
				view.focus = how / 3 % 2;
				view.unicode = how / 6;
				view.paused = view.unicode;
				lay_and_check(model, &view, width, height);
			}
}

static void test_sizes(void **state)
{
	static const int nr[] = { 0, 1, 3, MOST_VMS };
	struct top_model model;

	for (size_t i = 0; i < sizeof(nr) / sizeof(nr[0]); i++) {
		set_up(state);
		add_busy_vms(nr[i]);
		model = build();
		check_all_sizes(&model);
		top_model_free(&model);
		model = build_totals();
		model.has_regions = false;
		check_all_sizes(&model);
		top_model_free(&model);
	}
}

static void test_no_model(void **state)
{
	struct top_view view = new_view();
	struct top_grid grid;

	(void)state;
	view.notice = "the BPF plane is not loaded (/sys/fs/bpf/dmem/version is not there): start";
	for (int width = 1; width < 120; width++)
		for (int height = 1; height < 20; height++)
			lay_and_check(NULL, &view, width, height);
	init_grid(&grid, 40, 10);
	top_layout(&grid, NULL, &view);
	assert_string_equal(line_text(&grid, 1), "the BPF plane is not loaded");
	assert_string_equal(line_text(&grid, 2), "(/sys/fs/bpf/dmem/version is not there):");
	assert_string_equal(line_text(&grid, 3), "start");
	top_grid_free(&grid);
	view.help = true;
	lay_and_check(NULL, &view, 40, 10);
	lay_and_check(NULL, &view, 200, 60);
}

/* What is shown, at the smallest size and at a usual one. */
static void test_lines(void **state)
{
	struct dmem_plane_vm *vm = add_vm("vm0");
	struct top_view view = new_view();
	struct top_model model;
	struct top_grid grid;

	(void)state;
	view.unicode = false;
	vm->value.direct_bytes = 16 * REGION_BYTES;
	vm->value.remote_bytes = 32 * REGION_BYTES;
	vm->stats.faults = 400;
	vm->stats.fetches_by_order[4] = 40;
	vm->stats.fetch_latency[12] = 40;
	add_region(vm, 0)->value.remote_pages = 512;
	add_region(vm, 63);
	model = build();
	init_grid(&grid, 40, 10);
	top_layout(&grid, &model, &view);
	assert_string_equal(line_text(&grid, 0), "dmemtop 12:34:56  rates over 4.0 s  1 VM");
	assert_string_equal(line_text(&grid, 2), "NAME         DIRECT     REMOTE FAULT/S");
	assert_string_equal(line_text(&grid, 3), "vm0          32 MiB     64 MiB     100");
	assert_string_equal(line_text(&grid, 5), "memory   ########========|=======.......");
	top_grid_free(&grid);

	init_grid(&grid, 80, 24);
	view.focus = TOP_IN_REGIONS;
	top_layout(&grid, &model, &view);
	assert_string_equal(line_text(&grid, 6), "latency  p50 6.1 us  p99 8.2 us  4.1 us # 8.2 us");
	assert_string_equal(line_text(&grid, 7), "fetches  ....#.....  64K 40");
	assert_string_equal(line_text(&grid, 8), "regions  #.........  4K 2");
	assert_string_equal(line_text(&grid, 10),
			    "         0 =..............................................................#");
	assert_true(grid.cells[10 * 80 + 11].chosen);
	assert_false(grid.cells[10 * 80 + 12].chosen);
	top_grid_free(&grid);
	top_model_free(&model);
}

/* Regions touched far out in a sparse file: only their rows, in the order of the file. */
static void test_batch(void **state)
{
	struct top_view view = new_view();
	struct dmem_plane_vm *vm;
	struct top_model model;
	struct top_grid grid;

	(void)state;
	view.nr_keys = 0;
	view.unicode = false;
	vm = add_vm("sparse");
	vm->value.size_bytes = 1ULL << 62;
	add_region(vm, 3);
	add_region(vm, 500000);
	model = build_totals();
	init_grid(&grid, 100, 0);
	top_layout_batch(&grid, &model, &view);
	assert_int_equal(grid.nr_lines, 2 + 2 + 5 + 1 + 2);
	assert_string_equal(line_text(&grid, 11) + 11 + 500000 % 88, "#...............");
	check_cells(&grid, false);
	top_grid_free(&grid);
	top_model_free(&model);

	/* More than a grid has room for at first. */
	set_up(state);
	add_busy_vms(MOST_VMS);
	model = build();
	assert_int_equal(top_grid_init(&grid, 160, 0), 0);
	top_layout_batch(&grid, &model, &view);
	assert_true(grid.nr_lines > MOST_VMS * 8);
	assert_false(grid.failed);
	check_cells(&grid, false);
	top_grid_free(&grid);
	top_model_free(&model);
}

/*
 * Moves
 */

static void test_cursor_follows(void **state)
{
	struct top_view view = new_view();
	struct top_model model;

	(void)state;
	for (int i = 0; i < 4; i++)
		add_vm((char[]){ (char)('d' - i), 0 });
	view.vm_sort = TOP_VMS_BY_NAME;
	model = build();
	lay_and_check(&model, &view, 80, 24);
	assert_int_equal(view.vm, 104);			/* "a" */
	top_view_act(&view, &model, TOP_DOWN);
	lay_and_check(&model, &view, 80, 24);
	assert_int_equal(view.vm, 103);			/* "b" */
	top_model_free(&model);

	/* It has the most remote memory now and is the first. */
	vms_now[2].value.remote_bytes = 1;
	view.vm_sort = TOP_VMS_BY_REMOTE;
	model = build();
	lay_and_check(&model, &view, 80, 24);
	assert_int_equal(view.vm, 103);
	assert_int_equal(view.vm_row, 0);
	top_model_free(&model);

	/* It is gone: whatever is in its place. */
	vms_now[2].value.gone = 1;
	model = build();
	lay_and_check(&model, &view, 80, 24);
	assert_int_equal(view.vm, 104);
	top_view_act(&view, &model, TOP_LAST);
	assert_int_equal(view.vm_row, 2);
	top_view_act(&view, &model, TOP_PAGE_DOWN);
	assert_int_equal(view.vm_row, 2);
	top_view_act(&view, &model, TOP_PAGE_UP);
	assert_int_equal(view.vm_row, 0);
	top_model_free(&model);
}

static void test_map_moves(void **state)
{
	struct top_view view = new_view();
	struct dmem_plane_vm *vm = add_vm("vm");
	struct top_model model;

	(void)state;
	vm->value.size_bytes = 1000 * REGION_BYTES;
	add_region(vm, 5);
	add_region(vm, 900);
	model = build();
	top_view_act(&view, &model, TOP_SWITCH);
	lay_and_check(&model, &view, 80, 24);
	assert_int_equal(view.map_columns, 64);
	top_view_act(&view, &model, TOP_RIGHT);
	top_view_act(&view, &model, TOP_DOWN);
	assert_int_equal(view.region, 65);
	top_view_act(&view, &model, TOP_LAST);
	lay_and_check(&model, &view, 80, 24);
	assert_int_equal(view.region, 999);
	assert_int_equal(view.region_scroll, 999 / 64 + 1 - view.region_rows);
	top_view_act(&view, &model, TOP_RIGHT);
	assert_int_equal(view.region, 999);
	top_view_act(&view, &model, TOP_REGION_VIEW);
	top_view_act(&view, &model, TOP_REGION_VIEW);
	view.region = 900;
	lay_and_check(&model, &view, 80, 24);
	assert_int_equal(view.region, 900);
	top_view_act(&view, &model, TOP_UP);
	assert_int_equal(view.region, 5);
	top_view_act(&view, &model, TOP_LEFT);
	assert_int_equal(view.region, 5);
	top_model_free(&model);
}

static void test_delay(void **state)
{
	struct top_view view = new_view();

	(void)state;
	for (int i = 0; i < 40; i++)
		top_view_act(&view, NULL, TOP_SLOWER);
	assert_near(view.delay_s, TOP_DELAY_MAX_S);
	for (int i = 0; i < 40; i++)
		top_view_act(&view, NULL, TOP_FASTER);
	assert_near(view.delay_s, TOP_DELAY_MIN_S);
	top_view_act(&view, NULL, TOP_HELP);
	top_view_act(&view, NULL, TOP_PAUSE);
	assert_false(view.help || view.paused);
	top_view_act(&view, NULL, TOP_PAUSE);
	assert_true(view.paused);
}

/* Any keys in any order, while terminals and models change. */
static void test_any_moves(void **state)
{
	struct top_view view = new_view();
	struct top_model models[4];
	unsigned int seed = 1;

	for (int i = 0; i < 4; i++) {
		set_up(state);
		add_busy_vms(i * i * 5);
		models[i] = i % 2 ? build() : build_totals();
	}
	for (int i = 0; i < FUZZ_MOVES; i++) {
		struct top_model *model = &models[rand_r(&seed) % 4];

		if (rand_r(&seed) % 20 == 0)
			model = NULL;
		top_view_act(&view, model, rand_r(&seed) % (TOP_HELP + 1));
		if (rand_r(&seed) % 4 == 0)
			lay_and_check(model, &view, 1 + rand_r(&seed) % 200,
				      1 + rand_r(&seed) % 60);
	}
	for (int i = 0; i < 4; i++)
		top_model_free(&models[i]);
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
		cmocka_unit_test_setup(test_sort_vms, set_up),
		cmocka_unit_test_setup(test_sort_regions, set_up),
		cmocka_unit_test_setup(test_sizes, set_up),
		cmocka_unit_test_setup(test_no_model, set_up),
		cmocka_unit_test_setup(test_lines, set_up),
		cmocka_unit_test_setup(test_batch, set_up),
		cmocka_unit_test_setup(test_cursor_follows, set_up),
		cmocka_unit_test_setup(test_map_moves, set_up),
		cmocka_unit_test_setup(test_delay, set_up),
		cmocka_unit_test_setup(test_any_moves, set_up),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
