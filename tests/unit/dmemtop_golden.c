// SPDX-License-Identifier: GPL-2.0
/*
 * dmemtop_golden.c - every screen at several sizes, in UTF-8 and in ASCII, from recordings, as it
 * is kept in tests/unit/golden.
 *
 * `make golden` writes the recordings anew, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <unistd.h>

#include "dmemtop/layout.h"
#include "dmemtop/record.h"
#include "tests/golden.h"
#include "tests/top/synth.h"

#define FRAMES	12U

/* The keys of screen.c, as far as they show. */
static const struct top_key_help keys[] = {
	{ "F1 h ?", "help, and back", "Help", TOP_SHOW_HELP },
	{ "F3 /", "search: goes there as you type", "Search", TOP_SEARCH },
	{ "F4 \\", "filter: only VMs with this in their name", "Filter", TOP_FILTER },
	{ "F6 >", "sort by another column", "SortBy", TOP_SORT },
	{ "I", "invert the order", NULL, TOP_INVERT },
	{ "Enter", "into a VM, a part of its map, a decision", "Into", TOP_ENTER },
	{ "Esc", "back", "Back", TOP_BACK },
	{ "F10 q", "quit", "Quit", TOP_QUIT },
};

static const struct recording {
	const char *name;
	struct synth_host host;
} recordings[] = {
	{ "host", { .vms = 6, .size_bytes = 4ULL << 30, .tuner = true, .pools = 2 } },
	{ "large", { .vms = 100, .size_bytes = 1ULL << 40, .tuner = true, .pools = 1 } },
	{ "empty", { .vms = 0 } },
};

/* @acts: what was pressed before, TOP_NOTHING ends them. */
static const struct screen {
	const char *name;
	const char *recording;
	int width;
	int height;
	bool ascii;
	size_t frame;
	enum top_action acts[8];
	const char *typed;
} screens[] = {
#define SIZES(name, recording, ...) \
	{ name "-80x24", recording, 80, 24, false, 9, { __VA_ARGS__ }, NULL }, \
	{ name "-80x24-ascii", recording, 80, 24, true, 9, { __VA_ARGS__ }, NULL }, \
	{ name "-40x10", recording, 40, 10, false, 9, { __VA_ARGS__ }, NULL }, \
	{ name "-40x10-ascii", recording, 40, 10, true, 9, { __VA_ARGS__ }, NULL }, \
	{ name "-300x80", recording, 300, 80, false, 9, { __VA_ARGS__ }, NULL }
	SIZES("vms", "host", TOP_NOTHING),
	SIZES("regions", "host", TOP_ENTER),
	SIZES("latency", "host", TOP_SHOW_SCREEN + TOP_LATENCY),
	SIZES("donors", "host", TOP_SHOW_SCREEN + TOP_DONORS),
	SIZES("tuner", "host", TOP_SHOW_SCREEN + TOP_TUNER),
	SIZES("help", "host", TOP_SHOW_HELP),
	SIZES("large-vms", "large", TOP_PAGE_DOWN),
	SIZES("large-regions", "large", TOP_ENTER),
	SIZES("empty", "empty", TOP_NOTHING),
	{ "first-80x24", "host", 80, 24, false, 0, { TOP_NOTHING }, NULL },
	{ "region-300x80", "host", 300, 80, false, 9,
	  { TOP_ENTER, TOP_RIGHT, TOP_RIGHT, TOP_RIGHT }, NULL },
	{ "misses-80x24", "host", 80, 24, false, 9, { TOP_ENTER, TOP_SHOW_HEAT + TOP_MISSES },
	  NULL },
	{ "order-80x24", "host", 80, 24, false, 9, { TOP_ENTER, TOP_SHOW_HEAT + TOP_ORDER }, NULL },
	{ "age-80x24", "host", 80, 24, false, 9, { TOP_ENTER, TOP_SHOW_HEAT + TOP_AGE }, NULL },
	{ "zoom-80x24", "large", 80, 24, false, 9, { TOP_ENTER, TOP_DOWN, TOP_ENTER }, NULL },
	{ "one-vm-80x24", "host", 80, 24, false, 9,
	  { TOP_DOWN, TOP_SHOW_SCREEN + TOP_LATENCY, TOP_ONE_VM }, NULL },
	{ "menu-80x24", "host", 80, 24, false, 9, { TOP_SORT, TOP_DOWN }, NULL },
	{ "menu-40x10", "host", 40, 10, false, 9, { TOP_SORT, TOP_DOWN }, NULL },
	{ "filter-80x24", "host", 80, 24, false, 9, { TOP_FILTER }, "web" },
	{ "filter-none-40x10", "host", 40, 10, false, 9, { TOP_FILTER }, "nobody" },
	{ "search-80x24", "large", 80, 24, false, 9, { TOP_SEARCH }, "guest-77" },
	{ "inverted-80x24", "host", 80, 24, false, 9, { TOP_INVERT }, NULL },
};

#define NR_SCREENS	(sizeof(screens) / sizeof(screens[0]))
#define NR_RECORDINGS	(sizeof(recordings) / sizeof(recordings[0]))

static void write_recording(const struct recording *recording)
{
	struct top_recorder *recorder;
	struct dmem_error error;
	char path[256];

	snprintf(path, sizeof(path), GOLDEN "/%s.rec", recording->name);
	unlink(path);
	assert_int_equal(top_record_open(&recorder, path, &error), 0);
	for (unsigned int tick = 1; tick <= FRAMES; tick++) {
		struct top_sample sample;

		/* Maps are the largest part of it. */
		synth_sample(&sample, &recording->host, tick,
			     recording->host.vms && tick == 10 ? 103 : 0);
		assert_int_equal(top_record_write(recorder, &sample, &error), 0);
		top_sample_free(&sample);
	}
	top_record_close(recorder);
}

static void act(struct top_view *view, const struct top_model *model, enum top_action action,
		wchar_t glyph)
{
	struct top_event event = { .action = action, .glyph = glyph };

	assert_false(top_view_act(view, model, NULL, &event));
}

/* The curves are those of the frames before. */
static void add_points(struct top_replay *replay, size_t frame, struct top_view *view)
{
	struct top_sample before, now;
	struct top_model model;
	struct dmem_error error;

	assert_int_equal(top_replay_read(replay, 0, &before, &error), 0);
	for (size_t i = 1; i <= frame; i++) {
		assert_int_equal(top_replay_read(replay, i, &now, &error), 0);
		assert_int_equal(top_model_build(&model, &now, &before, NULL), 0);
		top_view_add_point(view, &model.point);
		top_model_free(&model);
		top_sample_free(&before);
		before = now;
	}
	top_sample_free(&before);
}

static void print_cursor(FILE *to, const struct top_grid *grid)
{
	for (int i = 0; i < grid->nr_lines * grid->width; i++)
		if (grid->cells[i].chosen) {
			fprintf(to, "-- cursor in line %d, column %d\n", i / grid->width,
				i % grid->width);
			return;
		}
}

/* As main.c does it: lay out, press, filter, lay out. */
static void lay_out(const struct screen *screen, struct top_replay *replay, struct top_grid *grid)
{
	struct top_view view = { .unicode = !screen->ascii, .clock = "2026-03-01 12:00:10",
				 .delay_s = 1, .keys = keys, .is_replay = true, .paused = true,
				 .nr_keys = sizeof(keys) / sizeof(keys[0]),
				 .sort = TOP_BY_STALL, .frame = screen->frame,
				 .nr_frames = top_replay_frames(replay) };
	struct top_sample before = {}, now;
	struct top_model model;
	struct dmem_error error;

	add_points(replay, screen->frame, &view);
	if (screen->frame)
		assert_int_equal(top_replay_read(replay, screen->frame - 1, &before, &error), 0);
	assert_int_equal(top_replay_read(replay, screen->frame, &now, &error), 0);
	assert_int_equal(top_model_build(&model, &now, screen->frame ? &before : NULL, NULL), 0);
	assert_int_equal(top_grid_init(grid, screen->width, screen->height), 0);
	top_layout(grid, &model, &view);
	for (size_t i = 0; screen->acts[i]; i++) {
		act(&view, &model, screen->acts[i], 0);
		grid->nr_lines = 0;
		top_layout(grid, &model, &view);
	}
	for (const char *typed = screen->typed; typed && *typed; typed++)
		act(&view, &model, TOP_NOTHING, (wchar_t)*typed);
	top_model_free(&model);
	assert_int_equal(top_model_build(&model, &now, screen->frame ? &before : NULL,
					 view.filter), 0);
	grid->nr_lines = 0;
	top_layout(grid, &model, &view);
	top_model_free(&model);
	top_sample_free(&before);
	top_sample_free(&now);
}

static char *screen_text(const struct screen *screen)
{
	struct top_replay *replay;
	struct dmem_error error;
	struct top_grid grid;
	char path[256], *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	snprintf(path, sizeof(path), GOLDEN "/%s.rec", screen->recording);
	if (top_replay_open(&replay, path, &error))
		fail_msg("%s", error.text);
	lay_out(screen, replay, &grid);
	top_grid_print(&grid, to);
	print_cursor(to, &grid);
	fclose(to);
	top_grid_free(&grid);
	top_replay_close(replay);
	return text;
}

static void test_screen(void **state)
{
	const struct screen *screen = *state;
	char *text = screen_text(screen), name[64];

	snprintf(name, sizeof(name), "%s.txt", screen->name);
	golden_expect(name, text);
	free(text);
}

int main(void)
{
	static struct CMUnitTest tests[NR_SCREENS];

	cmocka_set_message_output(CM_OUTPUT_TAP);
	/* A C library without it has no names outside ASCII: one screen would differ. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "en_US.UTF-8");
	for (size_t i = 0; golden_is_written() && i < NR_RECORDINGS; i++)
		write_recording(&recordings[i]);
	for (size_t i = 0; i < NR_SCREENS; i++)
		tests[i] = (struct CMUnitTest){ .name = screens[i].name, .test_func = test_screen,
						.initial_state = (void *)&screens[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
