// SPDX-License-Identifier: GPL-2.0
/*
 * events.c - dmemctl events: what happens to VM memories, as it happens, from a ring buffer that
 * BPF programs of its own fill (bpf/events.bpf.c).
 *
 * Lines are flushed one by one: who reads them through a pipe waits for none.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <bpf/libbpf.h>

#include "dmemctl.h"
#include "events.skel.h"
#include "json.h"
#include "plane.h"
#include "units.h"

#include "bpf/notice.h"

#define TIME_LEN	64
#define NS_PER_S	1000000000ULL
#define POLL_MS		1000

static const char *const kind_names[] = {
	[DMEM_NOTICE_CREATED] = "created",
	[DMEM_NOTICE_CHANGED] = "changed",
	[DMEM_NOTICE_GONE] = "gone",
	[DMEM_NOTICE_FETCH_FAILED] = "fetch-failed",
	[DMEM_NOTICE_WRITEBACK_FAILED] = "writeback-failed",
};

static volatile sig_atomic_t is_over;

static void end(int signal)
{
	(void)signal;
	is_over = true;
}

static int fail_bpf(const struct call *call, const char *step)
{
	const char *reason = strerror(errno), *said = dmem_libbpf_said();

	return fail(call, "%s the BPF programs: %s%s%s", step, reason, *said ? ": " : "", said);
}

/* CLOCK_MONOTONIC as UTC with milliseconds: "2026-01-31T12:00:00.123Z". */
static const char *utc(char *text, size_t len, uint64_t monotonic_ns)
{
	struct timespec real, monotonic;
	uint64_t ns;
	time_t seconds;
	struct tm tm;
	size_t used;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	ns = (uint64_t)real.tv_sec * NS_PER_S + (uint64_t)real.tv_nsec + monotonic_ns -
	     ((uint64_t)monotonic.tv_sec * NS_PER_S + (uint64_t)monotonic.tv_nsec);
	seconds = (time_t)(ns / NS_PER_S);
	used = strftime(text, len, "%FT%T", gmtime_r(&seconds, &tm));
	snprintf(text + used, len - used, ".%03uZ", (unsigned int)(ns % NS_PER_S / 1000000));
	return text;
}

static bool is_failure(const struct dmem_notice *event)
{
	return event->kind == DMEM_NOTICE_FETCH_FAILED ||
	       event->kind == DMEM_NOTICE_WRITEBACK_FAILED;
}

static struct json_object *event_json(const struct dmem_notice *event, const char *time)
{
	struct json_object *object = need(json_object_new_object());

	put_member(object, "time", json_object_new_string(time));
	put_member(object, "event", json_object_new_string(kind_names[event->kind]));
	put_member(object, "name", dmem_json_string(event->name));
	put_member(object, "id", json_object_new_int64(event->vm));
	put_member(object, "lost_events", json_object_new_int64(event->lost));
	if (is_failure(event)) {
		put_member(object, "page", json_object_new_int64((int64_t)event->page));
		put_member(object, "pages", json_object_new_int64(event->nr_pages));
		put_member(object, "error", json_object_new_string(strerror(-event->err)));
	} else {
		put_member(object, "size_bytes", json_object_new_int64((int64_t)event->size_bytes));
		put_member(object, "direct_limit_bytes",
			   json_object_new_int64((int64_t)event->direct_limit_bytes));
		put_member(object, "order", json_object_new_int64(event->order));
	}
	return object;
}

static void print_event(const struct dmem_notice *event, const char *time)
{
	char size[DMEM_UNITS_LEN], limit[DMEM_UNITS_LEN];

	if (event->lost)
		printf("%s  lost-events  %u\n", time, event->lost);
	printf("%s  %-16s  ", time, kind_names[event->kind]);
	print_text(stdout, event->name);
	if (is_failure(event))
		printf(" (%u)  %u pages from %llu: %s\n", event->vm, event->nr_pages,
		       (unsigned long long)event->page, strerror(-event->err));
	else
		printf(" (%u)  size %s, direct limit %s, order %u\n", event->vm,
		       dmem_format_bytes(size, sizeof(size), event->size_bytes),
		       dmem_format_bytes(limit, sizeof(limit), event->direct_limit_bytes),
		       event->order);
}

static int on_event(void *data, void *sample, size_t len)
{
	const struct dmem_notice *event = sample;
	const struct call *call = data;
	char time[TIME_LEN];

	if (len < sizeof(*event) || event->kind > DMEM_NOTICE_WRITEBACK_FAILED)
		return 0;
	utc(time, sizeof(time), event->time_ns);
	if (call->json) {
		struct json_object *object = event_json(event, time);

		puts(need((void *)json_object_to_json_string_ext(object,
								 JSON_C_TO_STRING_NOSLASHESCAPE)));
		json_object_put(object);
	} else {
		print_event(event, time);
	}
	return fflush(stdout) ? -errno : 0;
}

/* Until a signal, or nobody reads any more. */
static int follow(struct call *call, struct events *programs)
{
	struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(programs->maps.ring), on_event,
						    call, NULL);
	int err = ring ? 0 : -errno;

	while (!err && !is_over) {
		err = ring_buffer__poll(ring, POLL_MS);
		err = err > 0 || err == -EINTR ? 0 : err;
	}
	ring_buffer__free(ring);
	if (!err || err == -EPIPE)
		return DONE;
	return fail(call, "%s", strerror(-err));
}

static int check_can_follow(const struct call *call)
{
	if (geteuid())
		return fail(call, "loading BPF programs needs root");
	if (access("/sys/module/dmem", F_OK))
		return fail(call, "the dmem module is not loaded (modprobe dmem)");
	if (access("/sys/kernel/btf/dmem", R_OK))
		return fail(call, "the dmem module was built without BTF");
	return DONE;
}

int follow_events(struct call *call)
{
	struct sigaction action = { .sa_handler = end };
	struct events *programs;
	int status = check_can_follow(call);

	if (status)
		return status;
	dmem_libbpf_listen();
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	programs = events__open_and_load();
	if (!programs)
		return fail_bpf(call, "loading");
	if (events__attach(programs))
		status = fail_bpf(call, "attaching");
	else
		status = follow(call, programs);
	events__destroy(programs);
	return status;
}
