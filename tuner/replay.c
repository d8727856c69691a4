// SPDX-License-Identifier: GPL-2.0
/*
 * replay.c - dmem-tuner replay: what other policies would have made of a recording. Reads files
 * and nothing else: no root, no module, no VM.
 */
#include "replay.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "replay_print.h"
#include "uapi/dmem.h"
#include "units.h"

#define INTERVAL_DEFAULT_S	2.0
#define INTERVAL_MIN_S		0.05
#define INTERVAL_MAX_S		3600.0
/* What a pool takes: latency_ns, ns_per_page (docs/core.md). */
#define REQUEST_NS_MAX		1e10
#define PAGE_NS_MAX		1e9

#define POLICIES_DEFAULT	"static:0,static:2,static:4,static:6,static:9,auto,buddy"

const char replay_usage[] =
	"Usage: dmem-tuner replay [OPTIONS] FILE...\n"
	"Plays recordings against policies: what each would have fetched, and made its guest wait.\n"
	"\n"
	"      --vm NAME         only VM memories of this name\n"
	"      --direct LIST     direct limits, as 25%,50%,2G: of a VM memory's size, or bytes\n"
	"                        (default: the one it was recorded at)\n"
	"      --policy LIST     of auto, buddy, off, static:N (default " POLICIES_DEFAULT ")\n"
	"      --link R,P[,H]    ns of a request, of a page, of the host's work for a page\n"
	"                        (default: as the recording has them)\n"
	"  -i, --interval S      seconds between decisions, 0.05 to 3600 (default 2)\n"
	"      --json            the same figures as JSON\n"
	"  -h, --help\n";

/* A direct limit: a part of the size, or bytes. */
struct direct {
	unsigned int percent;
	uint64_t bytes;
};

struct replay {
	const char *vm;
	struct replay_policy *policies;
	size_t nr_policies;
	struct direct *directs;
	size_t nr_directs;
	bool has_link;
	struct model_link link;
	double interval_s;
	bool json;
	struct replay_report report;
	struct dmem_error error;
};

static int usage_fail(const char *value, const char *what)
{
	fprintf(stderr, "dmem-tuner: replay: %s: %s (dmem-tuner replay --help)\n", value, what);
	return 2;
}

static int fail(const struct replay *replay)
{
	fprintf(stderr, "dmem-tuner: replay: %s\n", replay->error.text);
	return 1;
}

static int no_memory(struct replay *replay)
{
	return dmem_fail(&replay->error, ENOMEM, "%s", strerror(ENOMEM));
}

static int parse_policy(const char *text, struct replay *replay)
{
	struct tune_rule rule;
	const char *why = tune_parse_mode(text, &rule);
	struct replay_policy *longer;

	if (why)
		return usage_fail(text, why);
	longer = reallocarray(replay->policies, replay->nr_policies + 1, sizeof(*longer));
	if (!longer)
		return usage_fail(text, strerror(ENOMEM));
	replay->policies = longer;
	longer += replay->nr_policies;
	longer->rule = rule;
	tune_mode_name(&rule, longer->name, sizeof(longer->name));
	for (size_t i = 0; i < replay->nr_policies; i++)
		if (!strcmp(replay->policies[i].name, longer->name))
			return usage_fail(text, "named twice");
	replay->nr_policies++;
	return 0;
}

static int parse_direct(const char *text, struct replay *replay)
{
	size_t len = strlen(text);
	struct direct direct = {}, *longer;
	char *end;

	if (len && text[len - 1] == '%') {
		unsigned long percent = strtoul(text, &end, 10);

		if (*text < '0' || *text > '9' || end != text + len - 1 || !percent ||
		    percent > 100)
			return usage_fail(text, "not from 1% to 100%");
		direct.percent = (unsigned int)percent;
	} else if (dmem_parse_bytes(text, &direct.bytes) ||
		   direct.bytes < DMEM_DIRECT_MIN_PAGES * DMEM_PAGE_BYTES) {
		return usage_fail(text, "not a size from 256K on, nor a percentage");
	}
	longer = reallocarray(replay->directs, replay->nr_directs + 1, sizeof(*longer));
	if (!longer)
		return usage_fail(text, strerror(ENOMEM));
	replay->directs = longer;
	longer[replay->nr_directs++] = direct;
	return 0;
}

/* Each of what commas separate. */
static int parse_list(const char *list, struct replay *replay,
		      int (*parse)(const char *text, struct replay *replay))
{
	char *copy = strdup(list), *at = copy, *item;
	int err = copy ? 0 : usage_fail(list, strerror(ENOMEM));

	while (!err && (item = strsep(&at, ",")))
		err = parse(item, replay);
	free(copy);
	return err;
}

static int parse_link(const char *text, struct replay *replay)
{
	static const double most[] = { REQUEST_NS_MAX, PAGE_NS_MAX, PAGE_NS_MAX };
	double ns[3] = { 0, 0, -1 };
	const char *at = text;
	size_t nr = 0;
	bool is_good;
	char *end;

	do {
		ns[nr] = strtod(at, &end);
		is_good = end != at && ns[nr] >= 0 && ns[nr] <= most[nr];
		at = end + 1;
		nr++;
	} while (is_good && nr < 3 && *end == ',');
	if (!is_good || nr < 2 || *end)
		return usage_fail(text, "not nanoseconds of a request, of a page and of the host's work for a page, as 9000,1000 or 9000,1000,1600");
	replay->link.request_ns = ns[0];
	replay->link.page_ns = ns[1];
	replay->has_link = true;
	replay->link.host_ns = ns[2];
	return 0;
}

static int parse_interval(const char *text, struct replay *replay)
{
	char *end;

	replay->interval_s = strtod(text, &end);
	if (end == text || *end || !(replay->interval_s >= INTERVAL_MIN_S &&
				     replay->interval_s <= INTERVAL_MAX_S))
		return usage_fail(text, "not an interval from 0.05 to 3600 seconds");
	return 0;
}

/* 0 to go on, else 1 + the exit status. */
static int parse_options(int argc, char **argv, struct replay *replay)
{
	enum { OPT_VM = 256, OPT_DIRECT, OPT_POLICY, OPT_LINK, OPT_JSON };
	static const struct option longs[] = {
		{ "vm", required_argument, NULL, OPT_VM },
		{ "direct", required_argument, NULL, OPT_DIRECT },
		{ "policy", required_argument, NULL, OPT_POLICY },
		{ "link", required_argument, NULL, OPT_LINK },
		{ "interval", required_argument, NULL, 'i' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	int opt, err = 0;

	while (!err && (opt = getopt_long(argc, argv, "i:h", longs, NULL)) != -1) {
		switch (opt) {
		case OPT_VM: replay->vm = optarg; break;
		case OPT_DIRECT: err = parse_list(optarg, replay, parse_direct); break;
		case OPT_POLICY: err = parse_list(optarg, replay, parse_policy); break;
		case OPT_LINK: err = parse_link(optarg, replay); break;
		case 'i': err = parse_interval(optarg, replay); break;
		case OPT_JSON: replay->json = true; break;
		case 'h': fputs(replay_usage, stdout); return 1;
		default: return 3;
		}
	}
	if (!err && optind == argc)
		err = usage_fail("FILE", "which one?");
	if (!err && !replay->nr_policies)
		err = parse_list(POLICIES_DEFAULT, replay, parse_policy);
	return err ? err + 1 : 0;
}

/* As the kernel makes a limit of mount options and settings. */
static uint64_t limit_pages_of(const struct stream *stream, const struct direct *direct)
{
	uint64_t size = stream->size_bytes / DMEM_PAGE_BYTES, pages;

	if (!direct)
		pages = stream->direct_limit_bytes / DMEM_PAGE_BYTES;
	else if (direct->percent)
		pages = size * direct->percent / 100;
	else
		pages = direct->bytes / DMEM_PAGE_BYTES;
	if (pages < DMEM_DIRECT_MIN_PAGES)
		pages = DMEM_DIRECT_MIN_PAGES;
	return pages < size ? pages : size;
}

static void warn(const struct replay_run *run)
{
	char limit[DMEM_UNITS_LEN], recorded[DMEM_UNITS_LEN];

	if (run->limit_pages * DMEM_PAGE_BYTES < run->stream.direct_limit_bytes)
		fprintf(stderr, "dmem-tuner: replay: %s: %s: recorded at a direct limit of %s, not %s: what hit there is not in it, stalls are at least those shown\n",
			run->path, run->stream.name,
			dmem_format_size(recorded, sizeof(recorded),
					 run->stream.direct_limit_bytes),
			dmem_format_size(limit, sizeof(limit),
					 run->limit_pages * DMEM_PAGE_BYTES));
}

/* A policy without a decision is the default order, and looks like a policy. */
static void warn_undecided(const struct replay *replay, const struct replay_run *run, size_t at)
{
	const struct replay_policy *policy = &replay->policies[at];
	const struct sim_result *result = &run->results[at];

	if ((policy->rule.mode == TUNE_AUTO || policy->rule.mode == TUNE_BUDDY) && !result->rounds)
		fprintf(stderr, "dmem-tuner: replay: %s: %s: it lasts %.3f s, and %s decides every %.3f s: it has decided nothing (--interval)\n",
			run->path, run->stream.name,
			(run->stream.think_ns + result->figures.stall_ns) / 1e9, policy->name,
			replay->interval_s);
}

static int play(struct replay *replay, const struct stream *stream, struct replay_run *run)
{
	int err = 0;

	run->results = calloc(replay->nr_policies, sizeof(*run->results));
	if (!run->results)
		return no_memory(replay);
	for (size_t i = 0; !err && i < replay->nr_policies; i++) {
		struct sim_setup setup = {
			.limit_pages = run->limit_pages,
			.link = run->link,
			.rule = replay->policies[i].rule,
			.order = stream->order,
			.interval_ns = (uint64_t)(replay->interval_s * 1e9),
			.is_one_cpu = run->is_one_cpu,
		};

		err = sim_run(stream, &setup, &run->results[i], &replay->error);
		if (!err)
			warn_undecided(replay, run, i);
	}
	return err;
}

/* One VM memory at one limit; @like has what is common to all of the recording. */
static int add_run(struct replay *replay, const struct stream *stream,
		   const struct direct *direct, const struct replay_run *like)
{
	struct replay_report *report = &replay->report;
	struct replay_run *run = reallocarray(report->runs, report->nr_runs + 1, sizeof(*run));

	if (!run)
		return no_memory(replay);
	report->runs = run;
	run += report->nr_runs++;
	*run = *like;
	run->stream = *stream;
	/* They go with the recording; the figures stay. */
	run->stream.accesses = NULL;
	run->stream.regions = NULL;
	run->limit_pages = limit_pages_of(stream, direct);
	run->link = replay->has_link ? replay->link : tune_link(&stream->times);
	if (!replay->has_link || replay->link.host_ns < 0)
		run->link.host_ns = like->link.host_ns;
	warn(run);
	return play(replay, stream, run);
}

static int replay_streams(struct replay *replay, const struct streams *streams,
			  const struct replay_run *like)
{
	size_t nr_played = 0;
	int err = 0;

	for (size_t i = 0; !err && i < streams->nr; i++) {
		const struct stream *stream = &streams->vms[i];

		if (!stream->nr)
			continue;
		nr_played++;
		if (!replay->nr_directs)
			err = add_run(replay, stream, NULL, like);
		for (size_t at = 0; !err && at < replay->nr_directs; at++)
			err = add_run(replay, stream, &replay->directs[at], like);
	}
	if (err || nr_played)
		return err;
	if (replay->vm)
		return dmem_fail(&replay->error, ENOENT, "%s: no access of a VM memory %s in it",
				 like->path, replay->vm);
	return dmem_fail(&replay->error, ENODATA, "%s: no access of any VM memory in it",
			 like->path);
}

static int replay_file(struct replay *replay, const char *path)
{
	struct replay_run like = { .path = path };
	struct trace_reader reader;
	struct streams streams;
	int err = trace_open(&reader, path, &replay->error);

	if (err)
		return err;
	err = streams_read(&reader, replay->vm, &streams, &replay->error);
	memcpy(like.host, reader.header.host, sizeof(like.host));
	like.link.host_ns = (double)reader.header.host_ns;
	like.is_one_cpu = reader.header.cpus == 1;
	like.is_cut_off = !reader.is_whole;
	trace_close(&reader);
	if (err)
		return err;
	if (like.is_cut_off)
		fprintf(stderr, "dmem-tuner: replay: %s: cut off after %llu whole records: what is before that is replayed\n",
			path, (unsigned long long)reader.nr_records);
	like.nr_lost = streams.nr_lost;
	if (like.nr_lost)
		fprintf(stderr, "dmem-tuner: replay: %s: %llu events were lost when it was recorded\n",
			path, (unsigned long long)like.nr_lost);
	err = replay_streams(replay, &streams, &like);
	streams_free(&streams);
	return err;
}

static int print_report(struct replay *replay)
{
	replay->report.policies = replay->policies;
	replay->report.nr_policies = replay->nr_policies;
	if (!replay->json)
		replay_print(&replay->report);
	else if (!replay_print_json(&replay->report))
		return no_memory(replay);
	if (fflush(stdout) || ferror(stdout))
		return dmem_fail(&replay->error, errno, "writing: %s", strerror(errno));
	return 0;
}

static void end(struct replay *replay)
{
	for (size_t i = 0; i < replay->report.nr_runs; i++)
		free(replay->report.runs[i].results);
	free(replay->report.runs);
	free(replay->policies);
	free(replay->directs);
}

int replay_main(int argc, char **argv)
{
	struct replay replay = { .interval_s = INTERVAL_DEFAULT_S };
	int err, status;

	/* As messages begin, those of getopt_long() too. */
	argv[0] = "dmem-tuner: replay";
	err = parse_options(argc, argv, &replay);
	status = err - 1;

	if (!err) {
		for (int i = optind; !err && i < argc; i++)
			err = replay_file(&replay, argv[i]);
		if (!err)
			err = print_report(&replay);
		status = err ? fail(&replay) : 0;
	}
	end(&replay);
	return status;
}
