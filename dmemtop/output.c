// SPDX-License-Identifier: GPL-2.0
/* output.c - the figures that JSON and CSV have, CSV, and text. */
#include "output.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "layout.h"

/* Where neither COLUMNS nor a terminal tells: room for every column. */
#define BATCH_WIDTH	160

#define VALUE(field, type)	{ #field, type, offsetof(struct top_vm, value.field) }
#define COUNT(field)		{ #field, OUTPUT_U64, offsetof(struct top_vm, total.field) }
#define RATE(name, count)	{ name, OUTPUT_DOUBLE, offsetof(struct top_vm, per_s[count]) }

const struct output_figure output_figures[] = {
	{ "id", OUTPUT_U32, offsetof(struct top_vm, id) },
	VALUE(size_bytes, OUTPUT_U64),
	VALUE(direct_limit_bytes, OUTPUT_U64),
	VALUE(direct_bytes, OUTPUT_U64),
	VALUE(remote_bytes, OUTPUT_U64),
	VALUE(updated_ns, OUTPUT_U64),
	VALUE(default_order, OUTPUT_U32),
	VALUE(donor, OUTPUT_U32),
	COUNT(faults),
	COUNT(soft_faults),
	COUNT(write_faults),
	COUNT(zero_fills),
	COUNT(fetched_pages),
	COUNT(fetch_errors),
	COUNT(fetch_ns),
	COUNT(prefetches),
	COUNT(prefetch_latency_ns),
	COUNT(prefetched_pages),
	COUNT(prefetched_used_pages),
	COUNT(prefetched_unused_pages),
	COUNT(evictions),
	COUNT(evicted_pages),
	COUNT(writebacks),
	COUNT(writeback_pages),
	COUNT(writeback_ns),
	COUNT(kvm_faults),
	COUNT(kvm_write_faults),
	RATE("faults_per_s", TOP_FAULTS),
	RATE("soft_faults_per_s", TOP_SOFT_FAULTS),
	RATE("fetches_per_s", TOP_FETCHES),
	RATE("fetched_pages_per_s", TOP_FETCHED_PAGES),
	RATE("prefetched_pages_per_s", TOP_PREFETCHED_PAGES),
	RATE("evicted_pages_per_s", TOP_EVICTED_PAGES),
	RATE("writeback_pages_per_s", TOP_WRITEBACK_PAGES),
	RATE("kvm_faults_per_s", TOP_KVM_FAULTS),
	{ "fetch_latency_p50_ns", OUTPUT_DOUBLE, offsetof(struct top_vm, fetch_p50_ns) },
	{ "fetch_latency_p99_ns", OUTPUT_DOUBLE, offsetof(struct top_vm, fetch_p99_ns) },
	{ "prefetch_accuracy", OUTPUT_DOUBLE, offsetof(struct top_vm, prefetch_accuracy) },
	{ "stall_share", OUTPUT_DOUBLE, offsetof(struct top_vm, stall_share) },
	{ "hit_share", OUTPUT_DOUBLE, offsetof(struct top_vm, hit_share) },
	{ "order", OUTPUT_INT, offsetof(struct top_vm, order) },
	{}
};

#define NR_VALUES	8	/* before the counts, with the id */
#define NR_OTHERS	6	/* behind the rates */
#define NR_FIGURES	(sizeof(output_figures) / sizeof(output_figures[0]) - 1)

_Static_assert(sizeof(struct dmem_vm_stats) ==
	       sizeof(__u64) * (NR_FIGURES - NR_VALUES - TOP_COUNTS - NR_OTHERS + DMEM_MAP_ORDERS +
				2 * DMEM_LATENCY_SLOTS),
	       "struct dmem_vm_stats has a count that JSON does not");

int output_write(const char *text, size_t len, struct dmem_error *error)
{
	if (fwrite(text, 1, len, stdout) == len && !fflush(stdout))
		return 0;
	return dmem_fail(error, errno, "writing to standard output: %s", strerror(errno));
}

bool output_figure_text(const struct output_figure *figure, const struct top_vm *vm, char *buf,
			size_t len)
{
	const char *at = (const char *)vm + figure->offset;
	double real;
	__u64 large;
	__u32 small;
	int number;

	switch (figure->type) {
	case OUTPUT_U32:
		memcpy(&small, at, sizeof(small));
		return snprintf(buf, len, "%u", small) > 0;
	case OUTPUT_U64:
		memcpy(&large, at, sizeof(large));
		return snprintf(buf, len, "%llu", (unsigned long long)large) > 0;
	case OUTPUT_INT:
		memcpy(&number, at, sizeof(number));
		return number >= 0 && snprintf(buf, len, "%d", number) > 0;
	default:
		memcpy(&real, at, sizeof(real));
		return real >= 0 && snprintf(buf, len, "%.3f", real) > 0;
	}
}

/* A frame in memory, then on standard output. */
struct frame {
	FILE *to;
	char *text;
	size_t len;
};

static int frame_begin(struct frame *frame, struct dmem_error *error)
{
	*frame = (struct frame){};
	frame->to = open_memstream(&frame->text, &frame->len);
	return frame->to ? 0 : dmem_fail(error, ENOMEM, "%s", strerror(ENOMEM));
}

static int frame_end(struct frame *frame, struct dmem_error *error)
{
	int err = fclose(frame->to) ? dmem_fail(error, ENOMEM, "%s", strerror(ENOMEM)) :
				      output_write(frame->text, frame->len, error);

	free(frame->text);
	return err;
}

/*
 * CSV
 */

/* Anybody's text: in quotes, its own quotes doubled. */
static void print_quoted(FILE *to, const char *text)
{
	putc('"', to);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', to);
		putc(*text, to);
	}
	putc('"', to);
}

int output_csv(const struct top_model *model, bool first, struct dmem_error *error)
{
	const struct output_figure *figure;
	struct frame frame;
	char text[64];

	if (frame_begin(&frame, error))
		return -ENOMEM;
	if (first) {
		fputs("time_ns,interval_ns,name", frame.to);
		for (figure = output_figures; figure->name; figure++)
			fprintf(frame.to, ",%s", figure->name);
		putc('\n', frame.to);
	}
	for (size_t i = 0; i < model->nr_vms; i++) {
		fprintf(frame.to, "%llu,%llu,", (unsigned long long)model->sample->unix_ns,
			(unsigned long long)model->interval_ns);
		print_quoted(frame.to, model->vms[i].value.name);
		for (figure = output_figures; figure->name; figure++)
			fprintf(frame.to, ",%s", output_figure_text(figure, &model->vms[i], text,
								    sizeof(text)) ? text : "");
		putc('\n', frame.to);
	}
	return frame_end(&frame, error);
}

/*
 * Text
 */

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

int output_text(struct top_model *model, struct top_view *view, bool first,
		struct dmem_error *error)
{
	struct top_grid grid;
	struct frame frame;
	int err;

	if (top_grid_init(&grid, batch_width(), 0))
		return dmem_fail(error, ENOMEM, "%s", strerror(ENOMEM));
	top_layout_batch(&grid, model, view);
	err = grid.failed ? dmem_fail(error, ENOMEM, "%s", strerror(ENOMEM)) :
			    frame_begin(&frame, error);
	if (!err) {
		if (!first)
			putc('\n', frame.to);
		top_grid_print(&grid, frame.to);
		err = frame_end(&frame, error);
	}
	top_grid_free(&grid);
	return err;
}
