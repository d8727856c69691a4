// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - dmemtop: where samples come from and where frames go to.
 *
 * A frame is a sample, live or of a recording, compared with the one before. Exit status: 0 done,
 * 1 failed, 2 misused.
 */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <bpf/libbpf.h>

#include "layout.h"
#include "live.h"
#include "options.h"
#include "output.h"
#include "record.h"
#include "screen.h"

#define NS_PER_S	1000000000ULL
#define NS_PER_MS	1000000ULL
#define NOTICE_LEN	640
#define CATCH_UPS	2
/* Of a core, for everything: 1 % is what it may take. */
#define CPU_SHARE	0.006
/* Of a walk through the regions: it does not delay what a key does. */
#define WALK_MAX_NS	50000000.0
/* Time to make up for what took more: starting, a slow batch. */
#define DEBT_S		10.0
/* Bytes: a sample, a model and a screen of the largest host take less. */
#define HEAP_KEPT	(16 << 20)

/* A point of the curves that was made already. */
struct known_point {
	struct top_point point;
	bool is_known;
};

/* The last sample, the one that it is compared with, and what was made of both. */
struct top {
	struct top_options options;
	struct top_live *live;
	struct top_recorder *recorder;
	struct top_replay *replay;
	struct known_point *points;	/* of a recording, by frame */
	struct top_sample now;
	struct top_sample before;
	bool has_now;
	bool has_before;
	bool is_recorded;		/* @now */
	struct top_model model;
	bool has_model;
	size_t frame;			/* that @now is, of a recording */
	struct top_view view;
	char filter[TOP_TYPED_LEN];	/* that the model was made with */
	struct top_grid grid;
	__u64 read_ns;			/* when the sample before was read; 0: none was */
	__u64 cpu_ns;			/* CPU time by then */
	double credit_ns;		/* CPU time to take yet; < 0: taken too much */
	struct top_want wanted;		/* of @now */
};

static int fail(const struct dmem_error *error)
{
	fprintf(stderr, "dmemtop: %s\n", error->text);
	return 1;
}

/*
 * Samples
 */

static void set_clock(struct top *top)
{
	time_t seconds = (time_t)(top->now.unix_ns / NS_PER_S);
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(top->view.clock, sizeof(top->view.clock),
		 top->replay ? "%F %T" : "%T", &local);
}

static void forget(struct top *top)
{
	if (top->has_model)
		top_model_free(&top->model);
	if (top->has_now)
		top_sample_free(&top->now);
	if (top->has_before)
		top_sample_free(&top->before);
	top->has_model = top->has_now = top->has_before = false;
}

static int no_memory(struct dmem_error *error)
{
	return dmem_fail(error, ENOMEM, "%s", strerror(ENOMEM));
}

static int build(struct top *top, struct dmem_error *error)
{
	if (top->has_model)
		top_model_free(&top->model);
	memcpy(top->filter, top->view.filter, sizeof(top->filter));
	top->has_model = !top_model_build(&top->model, &top->now,
					  top->has_before ? &top->before : NULL, top->filter);
	set_clock(top);
	return top->has_model ? 0 : no_memory(error);
}

/* Another sample is the last one. @replaces: it stands in for it; else it comes after it. */
static void take(struct top *top, const struct top_sample *sample, bool replaces)
{
	/* The model points into the last one. */
	if (top->has_model)
		top_model_free(&top->model);
	top->has_model = false;
	if (top->has_now && replaces) {
		top_sample_free(&top->now);
	} else if (top->has_now) {
		if (top->has_before)
			top_sample_free(&top->before);
		top->before = top->now;
		top->has_before = true;
	}
	top->now = *sample;
	top->has_now = true;
}

/* For the screen, and whatever else the frames are for. */
static struct top_want what_to_read(const struct top *top)
{
	struct top_view view = top->view;
	struct top_want want;

	/* A recording is to have a map, whatever the screen shows now. */
	if (top->recorder)
		view.screen = TOP_REGIONS;
	want = top_view_want(&view, top->has_model ? &top->model : NULL);
	if (top->recorder || top->options.output != TOP_OUTPUT_SCREEN)
		want.latencies = true;
	want.latencies = want.latencies || top->view.screen == TOP_LATENCY;
	want.regions = top->options.output == TOP_OUTPUT_JSON && !top->options.no_regions;
	return want;
}

static double clamp(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

/*
 * CPU time that a walk may take now: what this process could have taken since it began and did not.
 * A frame that took too much is made up for by those after it. 0: a single batch.
 */
static __u64 walk_budget(struct top *top)
{
	double share = CPU_SHARE * NS_PER_S;
	__u64 now_ns = dmem_clock_ns();
	__u64 cpu_ns = top_cpu_ns();

	if (top->options.output != TOP_OUTPUT_SCREEN)
		return TOP_WALK_ALL;
	top->credit_ns -= (double)(cpu_ns - top->cpu_ns);
	top->credit_ns += top->read_ns ? CPU_SHARE * (double)(now_ns - top->read_ns) : share;
	top->credit_ns = clamp(top->credit_ns, -DEBT_S * share, (1 + top->view.delay_s) * share);
	top->read_ns = now_ns;
	top->cpu_ns = cpu_ns;
	return (__u64)clamp(top->credit_ns, 0, WALK_MAX_NS);
}

static int read_live(struct top *top, bool replaces, struct dmem_error *error)
{
	struct top_sample sample;
	int err;

	top->wanted = what_to_read(top);
	err = top_live_read(top->live, &top->wanted, walk_budget(top), &sample, error);
	if (err) {
		forget(top);
		return err;
	}
	take(top, &sample, replaces);
	err = build(top, error);
	if (err || replaces)
		return err;
	top_view_add_point(&top->view, &top->model.point);
	return top->recorder ? top_record_write(top->recorder, &top->now, error) : 0;
}

/*
 * Frames of a recording
 */

/* That frame and the one before, unless they are there already. */
static int load_frame(struct top *top, size_t frame, struct dmem_error *error)
{
	struct top_sample sample;
	int err;

	if (top->has_now && frame == top->frame)
		return 0;
	if (!top->has_now || frame != top->frame + 1) {
		forget(top);
		if (frame) {
			err = top_replay_read(top->replay, frame - 1, &sample, error);
			if (err)
				return err;
			take(top, &sample, false);
		}
	}
	err = top_replay_read(top->replay, frame, &sample, error);
	if (err)
		return err;
	take(top, &sample, false);
	top->frame = frame;
	return 0;
}

/* The points up to a frame: those that are missing are made of the frames before it. */
static int load_points(struct top *top, size_t last, struct dmem_error *error)
{
	size_t frame = last + 1 > TOP_POINTS ? last + 1 - TOP_POINTS : 0;
	int err;

	top->view.nr_points = 0;
	for (; frame <= last; frame++) {
		if (!top->points[frame].is_known) {
			err = load_frame(top, frame, error);
			if (!err)
				err = build(top, error);
			if (err)
				return err;
			top->points[frame].point = top->model.point;
			top->points[frame].is_known = true;
		}
		top_view_add_point(&top->view, &top->points[frame].point);
	}
	return 0;
}

static int read_replay(struct top *top, size_t frame, struct dmem_error *error)
{
	int err = load_points(top, frame, error);

	if (!err)
		err = load_frame(top, frame, error);
	if (!err)
		err = build(top, error);
	top->view.frame = frame;
	if (err)
		forget(top);
	return err;
}

/* The filter is another: so are the sums over the VMs. */
static int rebuild(struct top *top, struct dmem_error *error)
{
	if (!strcmp(top->filter, top->view.filter) || !top->has_now)
		return 0;
	for (size_t i = 0; i < top->view.nr_frames; i++)
		top->points[i].is_known = false;
	return top->replay ? read_replay(top, top->view.frame, error) : build(top, error);
}

/* The next frame there is. Return: 1 where a recording has no more. */
static int next_frame(struct top *top, struct dmem_error *error)
{
	size_t next = top->has_now ? top->frame + 1 : 0;

	if (!top->replay)
		return read_live(top, false, error);
	return next < top->view.nr_frames ? read_replay(top, next, error) : 1;
}

static int open_source(struct top *top, struct dmem_error *error)
{
	const struct top_options *options = &top->options;
	int err = 0;

	if (options->replay) {
		err = top_replay_open(&top->replay, options->replay, error);
		if (err)
			return err;
		top->view.is_replay = true;
		top->view.is_cut = top_replay_is_cut(top->replay);
		top->view.nr_frames = top_replay_frames(top->replay);
		top->points = calloc(top->view.nr_frames, sizeof(*top->points));
		return top->points ? 0 : no_memory(error);
	}
	top->live = top_live_open();
	if (!top->live)
		return no_memory(error);
	if (options->record)
		err = top_record_open(&top->recorder, options->record, error);
	return err;
}

static void close_source(struct top *top)
{
	forget(top);
	top_live_close(top->live);
	top_record_close(top->recorder);
	top_replay_close(top->replay);
	free(top->points);
	top_grid_free(&top->grid);
}

/*
 * Frames on standard output
 */

static void sleep_for(double seconds)
{
	struct timespec time = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9),
	};

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

static int write_frame(struct top *top, bool first, struct dmem_error *error)
{
	switch (top->options.output) {
	case TOP_OUTPUT_JSON: return output_json(&top->model, top->options.once, error);
	case TOP_OUTPUT_CSV: return output_csv(&top->model, first, error);
	default: return output_text(&top->model, &top->view, first, error);
	}
}

static int run_batch(struct top *top, struct dmem_error *error)
{
	unsigned long frame;
	int err = 0;

	for (frame = 0; !err && (!top->options.count || frame < top->options.count); frame++) {
		if (frame && !top->replay)
			sleep_for(top->options.delay_s);
		err = next_frame(top, error);
		if (!err)
			err = write_frame(top, !frame, error);
	}
	return err > 0 ? 0 : err;
}

/*
 * The screen
 */

static int draw(struct top *top, struct dmem_error *error)
{
	int width, height;

	screen_size(&width, &height);
	top_grid_free(&top->grid);
	if (top_grid_init(&top->grid, width, height))
		return no_memory(error);
	top_layout(&top->grid, top->has_model ? &top->model : NULL, &top->view);
	screen_draw(&top->grid);
	return 0;
}

/*
 * The plane may be taken down and come back while somebody looks, and a frame may be damaged. But
 * a recording that cannot be written any more is the end.
 */
static int try_frame(struct top *top, int err, const struct dmem_error *error)
{
	static char notice[NOTICE_LEN];

	if (err >= 0)
		return err;
	if (top->has_now)
		return err;
	snprintf(notice, sizeof(notice), "%s.%s", error->text, top->live ? " Waiting for it." : "");
	top->view.notice = notice;
	return 0;
}

/* Until the next frame is due, which it is at once when a pause has ended. */
static int time_left_ms(const struct top *top, __u64 last_ns)
{
	__u64 due_ns = last_ns + (__u64)(top->view.delay_s * NS_PER_S), now_ns = dmem_clock_ns();

	if (top->view.paused)
		return (int)(TOP_DELAY_MAX_S * 1000);
	return due_ns > now_ns ? (int)((due_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

static bool is_same_want(const struct top_want *one, const struct top_want *two)
{
	return one->vm == two->vm && one->spot == two->spot &&
	       one->latencies == two->latencies &&
	       !memcmp(&one->window, &two->window, sizeof(one->window));
}

/* What an event has changed of the view, the frame follows. */
static int follow(struct top *top, struct dmem_error *error)
{
	int err = rebuild(top, error);

	if (!err && top->replay && top->view.frame != top->frame)
		err = read_replay(top, top->view.frame, error);
	return try_frame(top, err, error);
}

/*
 * The screen turned out to need something else: the sample gets it, its interval goes on. A map
 * says which region is the hottest, so that may happen twice; a map that fills would go on so.
 */
static int catch_up(struct top *top, struct dmem_error *error)
{
	int err = 0;

	for (int i = 0; !err && i < CATCH_UPS; i++) {
		struct top_want now = what_to_read(top);

		if (!top->live || top->view.paused || !top->has_model ||
		    is_same_want(&top->wanted, &now))
			break;
		err = try_frame(top, read_live(top, true, error), error);
		if (!err)
			err = draw(top, error);
	}
	return err;
}

static int watch(struct top *top, struct dmem_error *error)
{
	__u64 last_ns = dmem_clock_ns();
	unsigned long frame = 1;
	int err;

	for (;;) {
		struct top_event event;

		err = draw(top, error);
		if (!err)
			err = catch_up(top, error);
		if (err || frame == top->options.count)
			return err;
		event = screen_wait(time_left_ms(top, last_ns));
		if (top_view_act(&top->view, top->has_model ? &top->model : NULL, &top->grid,
				 &event))
			return 0;
		err = follow(top, error);
		if (err < 0)
			return err;
		if (time_left_ms(top, last_ns))
			continue;
		last_ns = dmem_clock_ns();
		err = try_frame(top, next_frame(top, error), error);
		if (err < 0)
			return err;
		/* The end of a recording is looked at, too. */
		if (err)
			top->view.paused = true;
		else
			frame++;
	}
}

static int run_screen(struct top *top, struct dmem_error *error)
{
	int err = try_frame(top, next_frame(top, error), error);

	if (err < 0)
		return err;
	err = screen_open(!top->options.no_colours, error);
	if (err)
		return err;
	top->view.paused = top->replay;
	top->view.keys = screen_keys(&top->view.nr_keys);
	err = watch(top, error);
	screen_close();
	return err;
}

int main(int argc, char **argv)
{
	static struct top top;
	struct dmem_error error = {};
	int err;

	err = top_parse_options(argc, argv, &top.options);
	if (err)
		return err - 1;
	if (top.options.output == TOP_OUTPUT_SCREEN &&
	    !(isatty(STDOUT_FILENO) && isatty(STDIN_FILENO)))
		return top_usage_fail("not a terminal: use -b, --once, --json or --csv",
				      isatty(STDOUT_FILENO) ? "standard input" : "standard output");
	setlocale(LC_CTYPE, "");
	/* The same few large pieces come and go with every frame: not to and from the kernel. */
	mallopt(M_MMAP_THRESHOLD, HEAP_KEPT);
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	/* What it has to say is in the errors. */
	libbpf_set_print(NULL);
	top.view.unicode = !top.options.ascii && !strcmp(nl_langinfo(CODESET), "UTF-8");
	top.view.delay_s = top.options.delay_s;
	top.view.sort = top.options.sort;
	snprintf(top.view.filter, sizeof(top.view.filter), "%s",
		 top.options.name ? top.options.name : "");
	err = open_source(&top, &error);
	if (!err)
		err = top.options.output == TOP_OUTPUT_SCREEN ? run_screen(&top, &error) :
								run_batch(&top, &error);
	close_source(&top);
	if (screen_signal()) {
		signal(screen_signal(), SIG_DFL);
		raise(screen_signal());
	}
	return err ? fail(&error) : 0;
}
