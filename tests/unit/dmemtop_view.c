// SPDX-License-Identifier: GPL-2.0
/*
 * dmemtop_view.c - dmemtop's keys, clicks and lines: what each does, and that nothing is written
 * beyond a terminal of any size, whatever was pressed and whatever vanishes meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmemtop/layout.h"
#include "tests/top/synth.h"

#define CANARY		L'\x7f'
#define CANARIES	512
#define FUZZ_EVENTS	20000

static const struct top_key_help keys[] = {
	{ "F1 h ?", "help, and back", "Help", TOP_SHOW_HELP },
	{ "F6 >", "sort by another column", "SortBy", TOP_SORT },
	{ "Enter", "into", "Into", TOP_ENTER },
	{ "F10 q", "quit", "Quit", TOP_QUIT },
};

static struct top_sample before, now;
static struct top_model model;
static struct top_view view;
static struct top_grid grid;

static void drop(void)
{
	top_model_free(&model);
	top_sample_free(&before);
	top_sample_free(&now);
	top_grid_free(&grid);
}

static void take(const struct synth_host *host, unsigned int tick, __u32 map_vm)
{
	drop();
	synth_sample(&before, host, tick, 0);
	synth_sample(&now, host, tick + 1, map_vm);
	assert_int_equal(top_model_build(&model, &now, &before, view.filter), 0);
}

static int set_up(void **state)
{
	static const struct synth_host host = { .vms = 6, .size_bytes = 4ULL << 30, .tuner = true,
						.pools = 2 };

	(void)state;
	view = (struct top_view){ .unicode = true, .clock = "12:34:56", .delay_s = 2, .keys = keys,
				  .nr_keys = sizeof(keys) / sizeof(keys[0]),
				  .sort = TOP_BY_NAME };
	take(&host, 8, 101);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	drop();
	return 0;
}

/* Cells that must stay as they are lie behind the grid's. */
static void init_grid(int width, int height)
{
	size_t nr;

	top_grid_free(&grid);
	assert_int_equal(top_grid_init(&grid, width, height), 0);
	nr = (size_t)(grid.room + 1) * (size_t)grid.width;
	grid.cells = realloc(grid.cells, (nr + CANARIES) * sizeof(*grid.cells));
	assert_non_null(grid.cells);
	for (size_t i = nr; i < nr + CANARIES; i++)
		grid.cells[i].glyph = CANARY;
}

static void check_cells(bool unicode)
{
	for (int i = 0; i < grid.nr_lines * grid.width; i++) {
		const struct top_cell *cell = &grid.cells[i];

		if (cell->glyph < L' ' || cell->glyph == CANARY ||
		    (!unicode && cell->glyph > CANARY) || cell->style >= TOP_STYLES)
			fail_msg("%dx%d: line %d column %d has glyph %lx of style %d", grid.width,
				 grid.height, i / grid.width, i % grid.width,
				 (unsigned long)cell->glyph, cell->style);
	}
}

static void lay(struct top_model *of, int width, int height)
{
	size_t nr;

	init_grid(width, height);
	nr = (size_t)(grid.room + 1) * (size_t)grid.width;
	top_layout(&grid, of, &view);
	assert_false(grid.failed);
	assert_in_range(grid.nr_lines, 1, height);
	check_cells(view.unicode);
	for (size_t i = nr; i < nr + CANARIES; i++)
		assert_int_equal(grid.cells[i].glyph, CANARY);
	if (width < TOP_MIN_WIDTH || height < TOP_MIN_HEIGHT)
		assert_int_equal(grid.nr_lines, 1);
}

/* As main.c does: what was pressed, the filter followed, the screen. */
static void press(enum top_action action, wchar_t glyph)
{
	struct top_event event = { .action = action, .glyph = glyph };

	assert_false(top_view_act(&view, &model, &grid, &event));
	top_model_free(&model);
	assert_int_equal(top_model_build(&model, &now, &before, view.filter), 0);
	lay(&model, 80, 24);
}

static void type(const char *text)
{
	for (; *text; text++)
		press(*text == 'q' ? TOP_QUIT : TOP_NOTHING, (wchar_t)*text);
}

/* A line as text, without the blanks at its end; what is not ASCII is '@'. */
static const char *line_text(int line)
{
	static char text[1024];
	int len = 0;

	text[0] = 0;
	for (int i = 0; i < grid.width && i < (int)sizeof(text) - 1; i++) {
		wchar_t glyph = grid.cells[line * grid.width + i].glyph;

		text[i] = glyph < 0x80 ? (char)glyph : '@';
		if (text[i] != ' ')
			len = i + 1;
	}
	text[len] = 0;
	return text;
}

static bool screen_says(const char *what)
{
	for (int line = 0; line < grid.nr_lines; line++)
		if (strstr(line_text(line), what))
			return true;
	return false;
}

/*
 * Keys
 */

static void test_screens(void **state)
{
	(void)state;
	lay(&model, 80, 24);
	for (int i = 1; i <= TOP_SCREENS; i++) {
		press(TOP_NEXT_SCREEN, 0);
		assert_int_equal(view.screen, i % TOP_SCREENS);
	}
	press(TOP_PREVIOUS_SCREEN, 0);
	assert_int_equal(view.screen, TOP_HELP);
	for (int i = 0; i < TOP_SCREENS; i++) {
		press(TOP_SHOW_SCREEN + (enum top_action)i, 0);
		assert_int_equal(view.screen, i);
	}
	press(TOP_SHOW_SCREEN + TOP_TUNER, 0);
	press(TOP_SHOW_HELP, 0);
	assert_true(screen_says("sort by another column"));
	press(TOP_SHOW_HELP, 0);
	assert_int_equal(view.screen, TOP_TUNER);
	press(TOP_BACK, 0);
	assert_int_equal(view.screen, TOP_VMS);
}

static void test_cursor_follows(void **state)
{
	static const struct synth_host fewer = { .vms = 2, .size_bytes = 1ULL << 30 };

	(void)state;
	/* Nobody moved it: it is on the first, whoever that is. */
	lay(&model, 80, 24);
	assert_int_equal(view.vm, 105);			/* batch */
	view.inverted = true;
	lay(&model, 80, 24);
	assert_int_equal(view.vm, 103);			/* web-2 */
	press(TOP_DOWN, 0);
	assert_int_equal(view.vm, 102);			/* web-1 */
	press(TOP_INVERT, 0);
	assert_int_equal(view.vm, 102);
	assert_int_equal(view.lists[TOP_VMS].row, 4);
	/* It is gone: whatever is in its place, which is the last. */
	press(TOP_LAST, 0);
	assert_int_equal(view.vm, 103);
	take(&fewer, 3, 0);
	lay(&model, 80, 24);
	assert_int_equal(view.vm, 102);
	press(TOP_PAGE_UP, 0);
	assert_int_equal(view.vm, 101);
}

static void test_sort_menu(void **state)
{
	(void)state;
	lay(&model, 80, 24);
	press(TOP_SORT, 0);
	assert_true(view.menu && screen_says("Sort by"));
	press(TOP_DOWN, 0);
	press(TOP_ENTER, 0);
	assert_false(view.menu);
	assert_int_equal(view.sort, TOP_BY_NAME + 1);
	press(TOP_SORT, 0);
	press(TOP_LAST, 0);
	press(TOP_BACK, 0);
	assert_int_equal(view.sort, TOP_BY_NAME + 1);
	press(TOP_INVERT, 0);
	assert_true(view.inverted);
}

static void test_search(void **state)
{
	(void)state;
	lay(&model, 80, 24);
	press(TOP_SEARCH, L'/');
	type("WEB");
	assert_int_equal(view.vm, 102);			/* web-1: the next from the first on */
	press(TOP_SEARCH, 0);
	assert_int_equal(view.vm, 103);
	press(TOP_SEARCH, 0);
	assert_int_equal(view.vm, 102);			/* around the end */
	press(TOP_ENTER, L'\r');
	assert_int_equal(view.prompt, TOP_NO_PROMPT);
	press(TOP_SEARCH_NEXT, L'n');
	assert_int_equal(view.vm, 103);
	/* What is a key elsewhere is a letter here. */
	press(TOP_SEARCH, L'/');
	press(TOP_BACK, 27);
	press(TOP_SEARCH, L'/');
	type("qz");
	assert_string_equal(view.typed, "qz");
	press(TOP_ERASE, 127);
	assert_string_equal(view.search, "q");
	press(TOP_BACK, 27);
	assert_int_equal(*view.search, 0);
}

static void test_filter(void **state)
{
	(void)state;
	lay(&model, 80, 24);
	press(TOP_FILTER, L'\\');
	type("web");
	assert_int_equal(model.nr_vms, 2);
	press(TOP_ENTER, L'\r');
	assert_true(screen_says("2 VMs  of 6"));
	press(TOP_SHOW_SCREEN + TOP_TUNER, 0);
	assert_true(screen_says("web-1") && !screen_says("db-1"));
	press(TOP_SHOW_SCREEN + TOP_VMS, 0);
	press(TOP_BACK, 0);
	assert_int_equal(model.nr_vms, 6);
	press(TOP_FILTER, L'\\');
	type("x");
	assert_true(screen_says("None of 6 VMs has \"x\" in its name"));
	press(TOP_NOTHING, L'\u00fc');			/* longer than a byte */
	assert_string_equal(view.typed, "x\303\274");
	press(TOP_ERASE, 127);
	assert_string_equal(view.typed, "x");
	press(TOP_BACK, 27);
	assert_int_equal(model.nr_vms, 6);
}

static void test_map(void **state)
{
	(void)state;
	lay(&model, 80, 24);
	press(TOP_SEARCH, L'/');
	type("db");
	press(TOP_ENTER, L'\r');
	press(TOP_ENTER, L'\r');
	assert_int_equal(view.screen, TOP_REGIONS);
	assert_int_equal(top_view_want(&view, &model).vm, 101);
	assert_int_equal(view.cell_regions, 4);
	assert_int_equal(view.cell_columns, 64);
	press(TOP_RIGHT, 0);
	press(TOP_DOWN, 0);
	assert_int_equal(view.region, 4 * 65);
	press(TOP_LAST, 0);
	assert_int_equal(view.region, 2048 - 4);
	press(TOP_RIGHT, 0);
	assert_int_equal(view.region, 2048 - 4);
	for (int i = 0; i < TOP_HEATS; i++) {
		press(TOP_SHOW_HEAT + (enum top_action)i, 0);
		assert_int_equal(view.heat, i);
	}
	press(TOP_NEXT_HEAT, 0);
	assert_int_equal(view.heat, 0);
	/* Each region has a cell of its own then. */
	press(TOP_ENTER, L'\r');
	assert_true(view.is_zoomed);
	assert_int_equal(view.cell_regions, 1);
	assert_int_equal(top_view_want(&view, &model).window.nr, view.zoom.nr);
	assert_int_equal(view.zoom.first + view.zoom.nr, 2048);
	press(TOP_BACK, 27);
	assert_false(view.is_zoomed);
	press(TOP_BACK, 27);
	assert_int_equal(view.screen, TOP_VMS);
}

/* Enter on a decision leads to the region that it is about. */
static void test_decision(void **state)
{
	(void)state;
	lay(&model, 80, 24);
	press(TOP_SHOW_SCREEN + TOP_TUNER, 0);
	press(TOP_DOWN, 0);
	press(TOP_ENTER, L'\r');
	assert_int_equal(view.screen, TOP_REGIONS);
	assert_int_equal(view.vm, now.tuner.entries[now.tuner.nr - 2].vm);
	assert_int_equal(view.region, now.tuner.entries[now.tuner.nr - 2].region / 4 * 4);
}

static void test_time_travel(void **state)
{
	(void)state;
	view.is_replay = true;
	view.nr_frames = 30;
	lay(&model, 80, 24);
	press(TOP_RIGHT, 0);
	assert_int_equal(view.frame, 1);
	assert_true(view.paused);
	press(TOP_FRAMES_ON, 0);
	assert_int_equal(view.frame, 11);
	press(TOP_LEFT, 0);
	press(TOP_FRAMES_BACK, 0);
	assert_int_equal(view.frame, 0);
	press(TOP_LEFT, 0);
	assert_int_equal(view.frame, 0);
	for (int i = 0; i < 4; i++)
		press(TOP_FRAMES_ON, 0);
	assert_int_equal(view.frame, 29);
	/* In the map those arrows move. */
	press(TOP_SHOW_SCREEN + TOP_REGIONS, 0);
	press(TOP_LEFT, 0);
	assert_int_equal(view.frame, 29);
	press(TOP_FRAME_BACK, 0);
	assert_int_equal(view.frame, 28);
	view.is_replay = false;
	press(TOP_FRAME_BACK, 0);
	assert_int_equal(view.frame, 28);
}

static void test_delay_and_pause(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++)
		press(TOP_SLOWER, 0);
	assert_true(view.delay_s == TOP_DELAY_MAX_S);
	for (int i = 0; i < 40; i++)
		press(TOP_FASTER, 0);
	assert_true(view.delay_s == TOP_DELAY_MIN_S);
	press(TOP_PAUSE, 0);
	assert_true(view.paused && screen_says("PAUSED"));
	press(TOP_PAUSE, 0);
	assert_false(view.paused);
}

static void test_quit(void **state)
{
	struct top_event event = { .action = TOP_QUIT, .glyph = L'q' };

	(void)state;
	assert_true(top_view_act(&view, &model, NULL, &event));
	view.prompt = TOP_PROMPT_SEARCH;
	assert_false(top_view_act(&view, &model, NULL, &event));
	event.glyph = 0;
	assert_true(top_view_act(&view, &model, NULL, &event));
}

/*
 * Mouse
 */

/* On the first cell that means this. */
static bool click_on(enum top_hit hit, __u32 index, enum top_mouse mouse)
{
	struct top_event event = { .mouse = mouse };

	for (int i = 0; i < grid.nr_lines * grid.width; i++) {
		if (grid.cells[i].hit != hit || grid.cells[i].index != index)
			continue;
		event.x = i % grid.width;
		event.y = i / grid.width;
		return top_view_act(&view, &model, &grid, &event);
	}
	fail_msg("there is nothing of kind %d, number %u, to click on", hit, index);
	return false;
}

static void test_mouse(void **state)
{
	struct top_event wheel = { .mouse = TOP_WHEEL_DOWN };
	struct top_event off = { .mouse = TOP_CLICK, .x = 999 };

	(void)state;
	lay(&model, 80, 24);
	assert_false(click_on(TOP_HIT_ROW, 3, TOP_CLICK));
	lay(&model, 80, 24);
	assert_int_equal(view.lists[TOP_VMS].row, 3);
	assert_false(top_view_act(&view, &model, &grid, &wheel));
	assert_int_equal(view.lists[TOP_VMS].row, 4);
	assert_false(top_view_act(&view, &model, &grid, &off));
	click_on(TOP_HIT_COLUMN, TOP_BY_REMOTE, TOP_CLICK);
	assert_int_equal(view.sort, TOP_BY_REMOTE);
	assert_false(view.inverted);
	click_on(TOP_HIT_COLUMN, TOP_BY_REMOTE, TOP_CLICK);
	assert_true(view.inverted);
	click_on(TOP_HIT_KEY, TOP_SORT, TOP_CLICK);
	lay(&model, 80, 24);
	click_on(TOP_HIT_MENU, TOP_BY_SIZE, TOP_CLICK);
	assert_int_equal(view.sort, TOP_BY_SIZE);
	assert_false(view.menu);
	click_on(TOP_HIT_TAB, TOP_LATENCY, TOP_CLICK);
	assert_int_equal(view.screen, TOP_LATENCY);
	click_on(TOP_HIT_TAB, TOP_VMS, TOP_CLICK);
	lay(&model, 80, 24);
	click_on(TOP_HIT_ROW, 1, TOP_DOUBLE_CLICK);
	assert_int_equal(view.screen, TOP_REGIONS);
	lay(&model, 80, 24);
	click_on(TOP_HIT_CELL, 70, TOP_CLICK);
	assert_int_equal(view.region, 70 * view.cell_regions);
	assert_true(click_on(TOP_HIT_KEY, TOP_QUIT, TOP_CLICK));
}

/*
 * Sizes
 */

static void check_all_sizes(struct top_model *of)
{
	for (int width = 1; width <= 310; width += width < 45 ? 3 : 23)
		for (int height = 1; height <= 85; height += height < 30 ? 1 : 9)
			for (int how = 0; how < 2 * TOP_SCREENS * TOP_HEATS; how++) {
				view.unicode = how % 2;
				view.screen = (enum top_screen)(how / 2 % TOP_SCREENS);
				view.heat = (enum top_heat)(how / 2 / TOP_SCREENS);
				view.menu = how % 5 == 0;
				lay(of, width, height);
			}
}

static void test_sizes(void **state)
{
	static const struct synth_host hosts[] = {
		{ .vms = 0 },
		{ .vms = 1, .size_bytes = 4096, .tuner = true, .pools = 1 },
		{ .vms = 100, .size_bytes = 1ULL << 40, .tuner = true, .pools = 70 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		take(&hosts[i], 5, hosts[i].vms ? 101 : 0);
		check_all_sizes(&model);
	}
	view.notice = "the BPF plane is not loaded (/sys/fs/bpf/dmem/version is not there): start";
	check_all_sizes(NULL);
}

static void test_notice(void **state)
{
	(void)state;
	view.notice = "the BPF plane is not loaded (/sys/fs/bpf/dmem/version is not there): start";
	lay(NULL, 40, 10);
	assert_string_equal(line_text(2), "the BPF plane is not loaded");
	assert_string_equal(line_text(3), "(/sys/fs/bpf/dmem/version is not there):");
	assert_string_equal(line_text(4), "start");
}

/* Names are anybody's: controls, half of a character, what is two columns wide. */
static void test_names(void **state)
{
	static const char *const names[] = { "\033[2Jx", "a\tb\nc", "\xff\xfe", "\343\201\202", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		snprintf(now.vms[i].value.name, sizeof(now.vms[i].value.name), "%s", names[i]);
	memset(now.vms[5].value.name, 'y', sizeof(now.vms[5].value.name));
	top_model_free(&model);
	assert_int_equal(top_model_build(&model, &now, &before, NULL), 0);
	lay(&model, 80, 24);
	assert_true(screen_says("?[2Jx") && screen_says("a?b?c") && screen_says("(no name)"));
}

static void test_batch(void **state)
{
	static const struct synth_host host = { .vms = 100, .size_bytes = 1ULL << 40, .pools = 3 };

	(void)state;
	take(&host, 3, 0);
	view.nr_keys = 0;
	view.unicode = false;
	assert_int_equal(top_grid_init(&grid, 160, 0), 0);
	top_layout_batch(&grid, &model, &view);
	assert_false(grid.failed);
	assert_int_equal(grid.nr_lines, 1 + 1 + 100 + 100 * 6 + 1 + 3);
	check_cells(false);
}

/* Anything pressed, clicked and typed, while terminals, models and recordings change. */
static void test_anything(void **state)
{
	static const struct synth_host hosts[] = {
		{ .vms = 0 },
		{ .vms = 3, .size_bytes = 1ULL << 21, .tuner = true, .pools = 1 },
		{ .vms = 60, .size_bytes = 1ULL << 36, .tuner = true, .pools = 9 },
	};
	unsigned int seed = 1;

	(void)state;
	view.nr_frames = 25;
	for (int i = 0; i < FUZZ_EVENTS; i++) {
		struct top_event event = {
			.action = (enum top_action)(rand_r(&seed) % TOP_ACTIONS),
			.glyph = rand_r(&seed) % 3 ? 0 : (wchar_t)(rand_r(&seed) % 0x3000),
			.mouse = (enum top_mouse)(rand_r(&seed) % 4 ? 0 : rand_r(&seed) % 5),
			.x = rand_r(&seed) % 320 - 5, .y = rand_r(&seed) % 90 - 5,
		};
		bool none = rand_r(&seed) % 20 == 0;

		view.is_replay = rand_r(&seed) % 2;
		if (rand_r(&seed) % 50 == 0)
			take(&hosts[rand_r(&seed) % 3], 1 + (unsigned int)rand_r(&seed) % 40,
			     rand_r(&seed) % 2 ? 101 : 0);
		top_view_act(&view, none ? NULL : &model, grid.cells ? &grid : NULL, &event);
		top_view_want(&view, none ? NULL : &model);
		if (rand_r(&seed) % 4 == 0)
			lay(none ? NULL : &model, 1 + rand_r(&seed) % 310, 1 + rand_r(&seed) % 85);
	}
}

int main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_screens), TEST(test_cursor_follows), TEST(test_sort_menu),
		TEST(test_search), TEST(test_filter), TEST(test_map), TEST(test_decision),
		TEST(test_time_travel), TEST(test_delay_and_pause), TEST(test_quit),
		TEST(test_mouse), TEST(test_sizes), TEST(test_notice), TEST(test_names),
		TEST(test_batch), TEST(test_anything),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "en_US.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
