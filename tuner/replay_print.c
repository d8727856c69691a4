// SPDX-License-Identifier: GPL-2.0
/* replay_print.c - tables of policies, and the same figures as JSON (docs/replay.md). */
#include "replay_print.h"

#include <stdio.h>

#include "json.h"
#include "uapi/dmem.h"
#include "units.h"

double replay_slowdown(const struct stream *stream, const struct stream_figures *figures)
{
	return stream->think_ns ? 100.0 * figures->stall_ns / stream->think_ns : -1;
}

static void print_share(uint64_t part, uint64_t all)
{
	if (all)
		printf("  %5.2f", (double)part / all);
	else
		printf("  %5s", "-");
}

static void print_row(const char *name, const struct stream *stream,
		      const struct stream_figures *figures)
{
	double slowdown = replay_slowdown(stream, figures);

	printf("%-10s  %9llu  %9llu  %10llu", name, (unsigned long long)figures->fetches,
	       (unsigned long long)figures->late, (unsigned long long)figures->fetched_pages);
	print_share(figures->used_pages, figures->prefetched_pages);
	printf("  %9.3f", figures->stall_ns / 1e9);
	if (slowdown < 0)
		printf("  %10s\n", "-");
	else
		printf("  %10.1f\n", slowdown);
}

static const char *const cause_names[SIM_CAUSES] = {
	[SIM_COLD] = "cold", [SIM_CAPACITY] = "capacity", [SIM_WRONG] = "wrong",
	[SIM_LATE] = "late", [SIM_QUEUE] = "queue", [SIM_ROOM] = "room",
	[SIM_HOST] = "host",
};

/* What the time waited is made of. */
static void print_causes(const struct replay_report *report, const struct replay_run *run)
{
	printf("%-10s", "stall %");
	for (int cause = 0; cause < SIM_CAUSES; cause++)
		printf("  %8s", cause_names[cause]);
	printf("\n");
	for (size_t i = 0; i < report->nr_policies; i++) {
		const struct sim_result *result = &run->results[i];

		printf("%-10s", report->policies[i].name);
		for (int cause = 0; cause < SIM_CAUSES; cause++)
			if (result->figures.stall_ns)
				printf("  %8.1f", 100.0 * result->cause_ns[cause] /
				       result->figures.stall_ns);
			else
				printf("  %8s", "-");
		printf("\n");
	}
}

static void print_run(const struct replay_report *report, const struct replay_run *run)
{
	const struct stream *stream = &run->stream;
	char size[DMEM_UNITS_LEN], touched[DMEM_UNITS_LEN], limit[DMEM_UNITS_LEN];

	dmem_format_bytes(size, sizeof(size), stream->size_bytes);
	dmem_format_bytes(touched, sizeof(touched), stream->footprint_pages * DMEM_PAGE_BYTES);
	dmem_format_bytes(limit, sizeof(limit), run->limit_pages * DMEM_PAGE_BYTES);
	printf("%s: %s of %s: %zu accesses to %s of %s, %.3f s without waiting\n", run->path,
	       stream->name, run->host, stream->nr, touched, size, stream->think_ns / 1e9);
	printf("direct %s; link %.2f us a request, %.2f us a page; host %.2f us a page\n", limit,
	       run->link.request_ns / 1000, run->link.page_ns / 1000, run->link.host_ns / 1000);
	printf("%-10s  %9s  %9s  %10s  %5s  %9s  %10s\n", "policy", "fetches", "late", "pages",
	       "used", "stall s", "slowdown %");
	print_row("(recorded)", stream, &stream->recorded);
	for (size_t i = 0; i < report->nr_policies; i++)
		print_row(report->policies[i].name, stream, &run->results[i].figures);
	print_causes(report, run);
	printf("\n");
}

/* Arithmetic, over the runs whose guests had time of their own; negative: none had. */
static double mean_slowdown(const struct replay_report *report, size_t policy)
{
	double sum = 0;
	size_t nr = 0;

	for (size_t i = 0; i < report->nr_runs; i++) {
		const struct replay_run *run = &report->runs[i];
		double slowdown = replay_slowdown(&run->stream, &run->results[policy].figures);

		if (slowdown < 0)
			continue;
		sum += slowdown;
		nr++;
	}
	return nr ? sum / nr : -1;
}

void replay_print(const struct replay_report *report)
{
	for (size_t i = 0; i < report->nr_runs; i++)
		print_run(report, &report->runs[i]);
	if (report->nr_runs < 2)
		return;
	printf("mean of %zu tables\n%-10s  %10s\n", report->nr_runs, "policy", "slowdown %");
	for (size_t i = 0; i < report->nr_policies; i++)
		printf("%-10s  %10.1f\n", report->policies[i].name, mean_slowdown(report, i));
}

/* Three decimals; null where there is none. */
static bool add_decimal(struct json_object *object, const char *name, double value)
{
	char text[64];

	if (value < 0)
		return !json_object_object_add(object, name, NULL);
	snprintf(text, sizeof(text), "%.3f", value);
	return dmem_json_add(object, name, json_object_new_double_s(value, text));
}

static bool add_figures(struct json_object *object, const struct stream *stream,
			const struct stream_figures *figures)
{
	return dmem_json_add_number(object, "fetches", figures->fetches) &&
	       dmem_json_add_number(object, "late", figures->late) &&
	       dmem_json_add_number(object, "fetched_pages", figures->fetched_pages) &&
	       dmem_json_add_number(object, "prefetched_pages", figures->prefetched_pages) &&
	       dmem_json_add_number(object, "prefetched_used_pages", figures->used_pages) &&
	       dmem_json_add_number(object, "prefetched_unused_pages", figures->unused_pages) &&
	       dmem_json_add_number(object, "evicted_pages", figures->evicted_pages) &&
	       dmem_json_add_number(object, "soft_faults", figures->soft_faults) &&
	       dmem_json_add_number(object, "zero_fills", figures->zero_fills) &&
	       dmem_json_add_number(object, "stall_ns", figures->stall_ns) &&
	       add_decimal(object, "slowdown_pct", replay_slowdown(stream, figures));
}

static bool add_orders(struct json_object *object, const uint64_t *fetches)
{
	struct json_object *array = json_object_new_array_ext(DMEM_MAP_ORDERS);
	bool done = array;

	for (unsigned int order = 0; done && order < DMEM_MAP_ORDERS; order++)
		done = !json_object_array_add(array,
					      json_object_new_int64((int64_t)fetches[order]));
	if (done)
		return dmem_json_add(object, "fetches_by_order", array);
	json_object_put(array);
	return false;
}

/* Numbers by cause, for the first so many of them. */
static bool add_causes(struct json_object *object, const char *name, const uint64_t *values,
		       int nr)
{
	struct json_object *causes = json_object_new_object();
	bool done = causes;

	for (int cause = 0; done && cause < nr; cause++)
		done = dmem_json_add_number(causes, cause_names[cause], values[cause]);
	return dmem_json_add(object, name, causes) && done;
}

static bool add_result(struct json_object *policies, const struct replay_policy *policy,
		       const struct stream *stream, const struct sim_result *result)
{
	struct json_object *object = json_object_new_object();

	if (!object || !add_figures(object, stream, &result->figures) ||
	    !dmem_json_add_number(object, "hits", result->figures.hits) ||
	    !dmem_json_add_number(object, "adopted", result->figures.adopted) ||
	    !add_causes(object, "misses", result->misses, SIM_MISS_KINDS) ||
	    !add_causes(object, "stall_ns_by_cause", result->cause_ns, SIM_CAUSES) ||
	    !add_orders(object, result->fetches) ||
	    !dmem_json_add_number(object, "decisions", result->decisions) ||
	    !dmem_json_add_number(object, "rounds", result->rounds)) {
		json_object_put(object);
		return false;
	}
	return dmem_json_add(policies, policy->name, object);
}

static bool add_about(struct json_object *object, const struct replay_run *run)
{
	const struct stream *stream = &run->stream;

	return dmem_json_add(object, "path", dmem_json_string(run->path)) &&
	       dmem_json_add(object, "host", dmem_json_string(run->host)) &&
	       dmem_json_add(object, "name", dmem_json_string(stream->name)) &&
	       dmem_json_add_number(object, "vm", stream->vm) &&
	       dmem_json_add_number(object, "size_bytes", stream->size_bytes) &&
	       dmem_json_add_number(object, "recorded_direct_limit_bytes",
				    stream->direct_limit_bytes) &&
	       dmem_json_add_number(object, "direct_limit_bytes",
				    run->limit_pages * DMEM_PAGE_BYTES) &&
	       dmem_json_add_number(object, "touched_bytes",
				    stream->footprint_pages * DMEM_PAGE_BYTES) &&
	       dmem_json_add_number(object, "accesses", stream->nr) &&
	       dmem_json_add_number(object, "think_ns", stream->think_ns) &&
	       dmem_json_add_number(object, "request_ns", (uint64_t)run->link.request_ns) &&
	       dmem_json_add_number(object, "page_ns", (uint64_t)run->link.page_ns) &&
	       dmem_json_add_number(object, "host_ns", (uint64_t)run->link.host_ns) &&
	       dmem_json_add_number(object, "lost_events", run->nr_lost) &&
	       dmem_json_add(object, "cut_off", json_object_new_boolean(run->is_cut_off));
}

static bool add_run(struct json_object *object, const struct replay_report *report,
		    const struct replay_run *run)
{
	struct json_object *recorded = json_object_new_object();
	struct json_object *policies = json_object_new_object();
	const struct stream *stream = &run->stream;
	bool done = recorded && policies && add_figures(recorded, stream, &stream->recorded) &&
		    add_about(object, run);

	for (size_t i = 0; done && i < report->nr_policies; i++)
		done = add_result(policies, &report->policies[i], stream, &run->results[i]);
	done = dmem_json_add(object, "recorded", recorded) && done;
	return dmem_json_add(object, "policies", policies) && done;
}

static bool add_runs(struct json_object *object, const struct replay_report *report)
{
	struct json_object *runs = json_object_new_array_ext((int)report->nr_runs);
	bool done = runs;

	for (size_t i = 0; done && i < report->nr_runs; i++) {
		struct json_object *run = json_object_new_object();

		done = run && add_run(run, report, &report->runs[i]) &&
		       !json_object_array_add(runs, run);
		if (!done)
			json_object_put(run);
	}
	return dmem_json_add(object, "runs", runs) && done;
}

static bool add_means(struct json_object *object, const struct replay_report *report)
{
	struct json_object *means = json_object_new_object();
	bool done = means;

	for (size_t i = 0; done && i < report->nr_policies; i++)
		done = add_decimal(means, report->policies[i].name, mean_slowdown(report, i));
	return dmem_json_add(object, "mean_slowdown_pct", means) && done;
}

bool replay_print_json(const struct replay_report *report)
{
	struct json_object *object = json_object_new_object();
	bool done = object && add_runs(object, report) && add_means(object, report);

	if (done)
		puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	return done;
}
