// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - dmemtop: a live view of VMs and their regions, as a screen, as text or as JSON.
 *
 * Options, the loop of readings and what goes to stdout. A frame of text or JSON is made in full
 * before any of it is written. Exit status: 0 done, 1 failed, 2 misused.
 */
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <bpf/libbpf.h>

#include "json.h"
#include "screen.h"

#define DELAY_DEFAULT_S	2.0
#define NS_PER_S	1000000000ULL
#define NS_PER_MS	1000000ULL
/* Where neither COLUMNS nor a terminal tells: room for every column. */
#define BATCH_WIDTH	160
#define NOTICE_LEN	640

enum output { SCREEN, TEXT, JSON };

struct options {
	enum output output;
	bool once;
	double delay_s;
	unsigned long count;	/* frames; 0 for no end */
	const char *name;
	bool no_regions;
	bool ascii;
	bool no_colours;
};

/* The last reading, to compare the next with, and what was made of it. */
struct top {
	struct options options;
	struct top_reading reading;
	bool has_reading;
	struct top_model model;
	__u64 unix_ns;
	struct top_view view;
};

static const char usage_text[] =
	"Usage: dmemtop [OPTIONS]\n"
	"Shows VMs with remote memory and their regions: rates, latencies, block orders.\n"
	"\n"
	"  -d, --delay S         seconds between readings, 0.1 to 3600 (default 2)\n"
	"  -n, --count N         end after N frames\n"
	"  -b, --batch           frames of plain text on standard output\n"
	"      --once            one such frame: totals since the plane was loaded\n"
	"      --json            an object a line for each frame; one to read with --once\n"
	"  -u, --vm NAME         only VMs whose name contains NAME\n"
	"      --no-regions      do not read the regions\n"
	"      --ascii           no other characters\n"
	"      --no-color        no colours\n"
	"  -h, --help\n"
	"\n"
	"The first frame has totals, all others rates. Keys: h says which there are.\n";

static int fail(const struct dmem_error *error)
{
	fprintf(stderr, "dmemtop: %s\n", error->text);
	return 1;
}

static int usage_fail(const char *what, const char *value)
{
	fprintf(stderr, "dmemtop: %s: %s (dmemtop --help)\n", value, what);
	return 2;
}

/*
 * Options
 */

static int parse_delay(const char *text, struct options *options)
{
	char *end;

	options->delay_s = strtod(text, &end);
	if (end == text || *end || !(options->delay_s >= TOP_DELAY_MIN_S &&
				     options->delay_s <= TOP_DELAY_MAX_S))
		return usage_fail("not a delay from 0.1 to 3600 seconds", text);
	return 0;
}

static int parse_count(const char *text, struct options *options)
{
	char *end;

	errno = 0;
	options->count = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || !options->count)
		return usage_fail("not a number of frames from 1 on", text);
	return 0;
}

/* What getopt_long() stumbled over. */
static int bad_option(int option, const char *given)
{
	const char letter[] = { '-', (char)optopt, 0 };

	if (strncmp(given, "--", 2))
		given = letter;
	if (option == ':')
		return usage_fail("needs an argument", given);
	return usage_fail(optopt && given != letter ? "takes no argument" : "unknown option",
			  given);
}

/* 0 to go on, else 1 + the exit status. */
static int parse_options(int argc, char **argv, struct options *options)
{
	enum { OPT_ONCE = 256, OPT_JSON, OPT_NO_REGIONS, OPT_ASCII, OPT_NO_COLOR };
	static const struct option longs[] = {
		{ "delay", required_argument, NULL, 'd' },
		{ "count", required_argument, NULL, 'n' },
		{ "batch", no_argument, NULL, 'b' },
		{ "once", no_argument, NULL, OPT_ONCE },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "vm", required_argument, NULL, 'u' },
		{ "no-regions", no_argument, NULL, OPT_NO_REGIONS },
		{ "ascii", no_argument, NULL, OPT_ASCII },
		{ "no-color", no_argument, NULL, OPT_NO_COLOR },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	bool batch = false, json = false;
	int opt, err = 0;

	while (!err && (opt = getopt_long(argc, argv, ":d:n:bu:h", longs, NULL)) != -1) {
		switch (opt) {
		case 'd': err = parse_delay(optarg, options); break;
		case 'n': err = parse_count(optarg, options); break;
		case 'b': batch = true; break;
		case 'u': options->name = optarg; break;
		case OPT_ONCE: options->once = true; break;
		case OPT_JSON: json = true; break;
		case OPT_NO_REGIONS: options->no_regions = true; break;
		case OPT_ASCII: options->ascii = true; break;
		case OPT_NO_COLOR: options->no_colours = true; break;
		case 'h': fputs(usage_text, stdout); return 1;
		default: err = bad_option(opt, argv[optind - 1]);
		}
	}
	if (!err && optind < argc)
		err = usage_fail("not expected", argv[optind]);
	if (!err && options->once && options->count > 1)
		err = usage_fail("excludes more than one frame (-n)", "--once");
	options->output = json ? JSON : batch || options->once ? TEXT : SCREEN;
	if (options->once)
		options->count = 1;
	return err ? err + 1 : 0;
}

/*
 * Readings
 */

static void set_clock(struct top *top)
{
	struct timespec now;
	struct tm local;

	clock_gettime(CLOCK_REALTIME, &now);
	top->unix_ns = (__u64)now.tv_sec * NS_PER_S + (__u64)now.tv_nsec;
	localtime_r(&now.tv_sec, &local);
	strftime(top->view.clock, sizeof(top->view.clock), "%H:%M:%S", &local);
}

static void forget_reading(struct top *top)
{
	if (!top->has_reading)
		return;
	top_reading_free(&top->reading);
	top_model_free(&top->model);
	top->has_reading = false;
}

/* On error there is no model, and the next reading's is of totals. */
static int take_reading(struct top *top, struct dmem_error *error)
{
	struct top_reading now;
	struct top_model model;
	int err;

	set_clock(top);
	err = top_read(&now, !top->options.no_regions, error);
	if (!err && top_model_build(&model, &now, top->has_reading ? &top->reading : NULL,
				    top->options.name)) {
		top_reading_free(&now);
		err = dmem_fail(error, ENOMEM, "%s", strerror(ENOMEM));
	}
	forget_reading(top);
	if (err)
		return err;
	top->reading = now;
	top->model = model;
	top->has_reading = true;
	return 0;
}

/*
 * JSON
 */

static void no_memory(void)
{
	struct dmem_error error;

	dmem_fail(&error, ENOMEM, "%s", strerror(ENOMEM));
	exit(fail(&error));
}

static struct json_object *need(struct json_object *value)
{
	if (!value)
		no_memory();
	return value;
}

static void put(struct json_object *object, const char *name, struct json_object *value)
{
	if (json_object_object_add(object, name, value))
		no_memory();
}

static void put_number(struct json_object *object, const char *name, __u64 value)
{
	put(object, name, need(json_object_new_int64((int64_t)value)));
}

/* With three decimals; null where it is TOP_UNKNOWN. */
static void put_double(struct json_object *object, const char *name, double value)
{
	struct json_object *number = NULL;

	if (value >= 0) {
		number = need(json_object_new_double(value));
		json_object_set_serializer(number, json_object_double_to_json_string,
					   (void *)"%.3f", NULL);
	}
	put(object, name, number);
}

static void put_numbers(struct json_object *object, const char *name, const __u64 *values,
			size_t nr)
{
	struct json_object *array = need(json_object_new_array_ext((int)nr));

	for (size_t i = 0; i < nr; i++)
		if (json_object_array_add(array, need(json_object_new_int64((int64_t)values[i]))))
			no_memory();
	put(object, name, array);
}

/* The counts of struct dmem_vm_stats under their own names. */
#define COUNT(name) { #name, offsetof(struct dmem_vm_stats, name) }

static const struct {
	const char *name;
	size_t offset;
} counts[] = {
	COUNT(faults), COUNT(soft_faults), COUNT(write_faults), COUNT(zero_fills),
	COUNT(fetched_pages),
	COUNT(fetch_errors), COUNT(fetch_ns), COUNT(prefetches), COUNT(prefetch_latency_ns),
	COUNT(prefetched_pages), COUNT(prefetched_used_pages), COUNT(prefetched_unused_pages),
	COUNT(evictions), COUNT(evicted_pages), COUNT(writebacks), COUNT(writeback_pages),
	COUNT(writeback_ns), COUNT(kvm_faults), COUNT(kvm_write_faults),
};

_Static_assert(sizeof(struct dmem_vm_stats) ==
	       sizeof(__u64) * (sizeof(counts) / sizeof(counts[0]) + DMEM_MAP_ORDERS +
				2 * DMEM_LATENCY_SLOTS),
	       "struct dmem_vm_stats has a count that JSON does not");

static const char *const rate_names[TOP_COUNTS] = {
	[TOP_FAULTS] = "faults_per_s",
	[TOP_SOFT_FAULTS] = "soft_faults_per_s",
	[TOP_FETCHES] = "fetches_per_s",
	[TOP_PREFETCHED_PAGES] = "prefetched_pages_per_s",
	[TOP_EVICTED_PAGES] = "evicted_pages_per_s",
	[TOP_WRITEBACK_PAGES] = "writeback_pages_per_s",
	[TOP_KVM_FAULTS] = "kvm_faults_per_s",
};

static struct json_object *region_json(const struct top_region *region)
{
	struct json_object *object = need(json_object_new_object());

	put_number(object, "index", region->index);
	put_number(object, "offset_bytes", region->offset_bytes);
	put_number(object, "local_pages", region->local_pages);
	put_number(object, "remote_pages", region->remote_pages);
	put_number(object, "touched_pages", region->touched_pages);
	put_number(object, "misses", region->misses);
	put_double(object, "misses_per_s", region->misses_per_s);
	put_number(object, "prefetched_used_pages", region->prefetched_used_pages);
	put_number(object, "prefetched_unused_pages", region->prefetched_unused_pages);
	put_number(object, "order", region->order);
	put(object, "decided", need(json_object_new_boolean(region->decided)));
	put_number(object, "decision_asked", region->decision_asked);
	return object;
}

static void put_regions(struct json_object *object, const struct top_vm *vm)
{
	struct json_object *regions = need(json_object_new_array_ext((int)vm->nr_regions + 1));
	__u64 by_order[DMEM_MAP_ORDERS];

	for (int order = 0; order < DMEM_MAP_ORDERS; order++)
		by_order[order] = vm->regions_by_order[order];
	put_numbers(object, "regions_by_order", by_order, DMEM_MAP_ORDERS);
	for (size_t i = 0; i < vm->nr_regions; i++)
		if (json_object_array_add(regions, region_json(&vm->regions[i])))
			no_memory();
	put(object, "regions", regions);
}

static struct json_object *vm_json(const struct top_vm *vm, bool has_regions)
{
	struct json_object *object = need(json_object_new_object());

	put(object, "name", need(dmem_json_string(vm->value.name)));
	put_number(object, "id", vm->id);
	put_number(object, "size_bytes", vm->value.size_bytes);
	put_number(object, "direct_limit_bytes", vm->value.direct_limit_bytes);
	put_number(object, "direct_bytes", vm->value.direct_bytes);
	put_number(object, "remote_bytes", vm->value.remote_bytes);
	put_number(object, "updated_ns", vm->value.updated_ns);
	put_number(object, "default_order", vm->value.default_order);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		__u64 count;

		memcpy(&count, (const char *)&vm->total + counts[i].offset, sizeof(count));
		put_number(object, counts[i].name, count);
	}
	put_number(object, "fetches", top_count_of(&vm->total, TOP_FETCHES));
	put_numbers(object, "fetches_by_order", vm->total.fetches_by_order, DMEM_MAP_ORDERS);
	put_numbers(object, "fetch_latency", vm->total.fetch_latency, DMEM_LATENCY_SLOTS);
	put_numbers(object, "first_use", vm->total.first_use, DMEM_LATENCY_SLOTS);
	for (int i = 0; i < TOP_COUNTS; i++)
		put_double(object, rate_names[i], vm->per_s[i]);
	put_double(object, "fetch_latency_p50_ns", vm->fetch_p50_ns);
	put_double(object, "fetch_latency_p99_ns", vm->fetch_p99_ns);
	put_double(object, "prefetch_accuracy", vm->prefetch_accuracy);
	if (has_regions)
		put_regions(object, vm);
	return object;
}

static struct json_object *frame_json(const struct top *top)
{
	struct json_object *frame = need(json_object_new_object());
	struct json_object *plane = need(json_object_new_object());
	struct json_object *vms = need(json_object_new_array());
	const struct top_model *model = &top->model;

	put_number(frame, "time_ns", top->unix_ns);
	put_number(frame, "monotonic_ns", model->time_ns);
	if (model->interval_ns)
		put_number(frame, "interval_ns", model->interval_ns);
	else
		put(frame, "interval_ns", NULL);
	put_number(plane, "lost_events", model->stats.lost_events);
	put_number(plane, "kvm_faults_other", model->stats.kvm_faults_other);
	put_number(plane, "kvm_faults_unmatched", model->stats.kvm_faults_unmatched);
	put_number(plane, "epoch", model->epoch);
	put(frame, "plane", plane);
	for (size_t i = 0; i < model->nr_vms; i++)
		if (json_object_array_add(vms, vm_json(&model->vms[i], model->has_regions)))
			no_memory();
	put(frame, "vms", vms);
	return frame;
}

/*
 * Frames on stdout
 */

static int write_all(const char *text, size_t len, struct dmem_error *error)
{
	if (fwrite(text, 1, len, stdout) == len && !fflush(stdout))
		return 0;
	return dmem_fail(error, errno, "writing to standard output: %s", strerror(errno));
}

static int write_json(struct top *top, struct dmem_error *error)
{
	int style = JSON_C_TO_STRING_NOSLASHESCAPE;
	struct json_object *frame = frame_json(top);
	const char *text;
	size_t len;
	int err;

	if (top->options.once)
		style |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
	text = json_object_to_json_string_length(frame, style, &len);
	if (!text)
		no_memory();
	err = write_all(text, len, error);
	if (!err)
		err = write_all("\n", 1, error);
	json_object_put(frame);
	return err;
}

static int batch_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (columns && atoi(columns) >= TOP_MIN_WIDTH && atoi(columns) <= UINT16_MAX)
		return atoi(columns);
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col >= TOP_MIN_WIDTH)
		return size.ws_col;
	return BATCH_WIDTH;
}

/* Glyphs alone, without the blanks at the ends of lines. */
static void print_grid(FILE *to, const struct top_grid *grid)
{
	for (int i = 0; i < grid->nr_lines; i++) {
		const struct top_cell *cells = grid->cells + (size_t)i * (size_t)grid->width;
		int width = grid->width;

		while (width && cells[width - 1].glyph == L' ')
			width--;
		for (int j = 0; j < width; j++)
			fprintf(to, "%lc", (wint_t)cells[j].glyph);
		putc('\n', to);
	}
}

static int write_text(struct top *top, bool first, struct dmem_error *error)
{
	struct top_grid grid;
	char *text = NULL;
	size_t len;
	FILE *to;
	int err;

	if (top_grid_init(&grid, batch_width(), 0))
		no_memory();
	top_layout_batch(&grid, &top->model, &top->view);
	to = open_memstream(&text, &len);
	if (!to || grid.failed)
		no_memory();
	if (!first)
		putc('\n', to);
	print_grid(to, &grid);
	if (fclose(to))
		no_memory();
	err = write_all(text, len, error);
	free(text);
	top_grid_free(&grid);
	return err;
}

static void sleep_for(double seconds)
{
	struct timespec time = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9),
	};

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

static int run_batch(struct top *top, struct dmem_error *error)
{
	unsigned long frame;
	int err = 0;

	for (frame = 0; !err && (!top->options.count || frame < top->options.count); frame++) {
		if (frame)
			sleep_for(top->options.delay_s);
		err = take_reading(top, error);
		if (err)
			break;
		err = top->options.output == JSON ? write_json(top, error) :
						    write_text(top, !frame, error);
	}
	return err;
}

/*
 * The screen
 */

static int draw(struct top *top, struct dmem_error *error)
{
	struct top_grid grid;
	int width, height;

	screen_size(&width, &height);
	if (top_grid_init(&grid, width, height))
		return dmem_fail(error, ENOMEM, "%s", strerror(ENOMEM));
	top_layout(&grid, top->has_reading ? &top->model : NULL, &top->view);
	screen_draw(&grid);
	top_grid_free(&grid);
	return 0;
}

/* The plane may be taken down and come back while somebody looks. */
static void take_reading_or_wait(struct top *top)
{
	static char notice[NOTICE_LEN];
	struct dmem_error error;

	if (!take_reading(top, &error))
		return;
	snprintf(notice, sizeof(notice), "%s. Waiting for it.", error.text);
	top->view.notice = notice;
}

/* Until the next reading is due, which it is at once when a pause has ended. */
static int time_left_ms(const struct top *top, __u64 last_ns)
{
	__u64 due_ns = last_ns + (__u64)(top->view.delay_s * NS_PER_S), now_ns = dmem_clock_ns();

	if (top->view.paused)
		return (int)(TOP_DELAY_MAX_S * 1000);
	return due_ns > now_ns ? (int)((due_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

static int watch(struct top *top, struct dmem_error *error)
{
	__u64 last_ns = dmem_clock_ns();
	unsigned long frame = 1;
	enum top_action action;
	int err;

	for (;;) {
		err = draw(top, error);
		if (err || frame == top->options.count)
			return err;
		action = screen_wait(time_left_ms(top, last_ns));
		if (action == TOP_QUIT)
			return 0;
		top_view_act(&top->view, top->has_reading ? &top->model : NULL, action);
		if (time_left_ms(top, last_ns))
			continue;
		last_ns = dmem_clock_ns();
		take_reading_or_wait(top);
		frame++;
	}
}

static int run_screen(struct top *top, struct dmem_error *error)
{
	/* Before the terminal is touched: most likely the plane is not loaded. */
	int err = take_reading(top, error);

	if (!err)
		err = screen_open(!top->options.no_colours, error);
	if (err)
		return err;
	top->view.keys = screen_keys(&top->view.nr_keys);
	err = watch(top, error);
	screen_close();
	return err;
}

int main(int argc, char **argv)
{
	struct top top = { .options.delay_s = DELAY_DEFAULT_S };
	struct dmem_error error = {};
	int err;

	err = parse_options(argc, argv, &top.options);
	if (err)
		return err - 1;
	if (top.options.output == SCREEN && !(isatty(STDOUT_FILENO) && isatty(STDIN_FILENO)))
		return usage_fail("not a terminal: use -b, --once or --json",
				  isatty(STDOUT_FILENO) ? "standard input" : "standard output");
	setlocale(LC_CTYPE, "");
	/* What it has to say is in the errors. */
	libbpf_set_print(NULL);
	top.view.unicode = !top.options.ascii && !strcmp(nl_langinfo(CODESET), "UTF-8");
	top.view.delay_s = top.options.delay_s;
	err = top.options.output == SCREEN ? run_screen(&top, &error) : run_batch(&top, &error);
	forget_reading(&top);
	if (screen_signal()) {
		signal(screen_signal(), SIG_DFL);
		raise(screen_signal());
	}
	return err ? fail(&error) : 0;
}
