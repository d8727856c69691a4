// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - dmem-tuner: loads the BPF plane or takes over the one that is there, then decides
 * every interval until it is told to stop. The plane and the decisions outlive it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "tune.h"

#define LOCK_FILE		"/run/dmem-tuner.pid"
#define INTERVAL_DEFAULT_S	2.0
#define INTERVAL_MIN_S		0.05
#define INTERVAL_MAX_S		3600.0
/* 256 TiB: more than a file may have. */
#define MAX_REGIONS_MOST	134217728UL

enum action { RUN, ONCE, LOAD, UNLOAD, EXPLAIN };

struct options {
	enum action action;
	double interval_s;
	const char *explain;
};

static const char usage_text[] =
	"Usage: dmem-tuner [OPTIONS]\n"
	"Watches how each region of VM memory is used and decides how much to fetch at a time.\n"
	"\n"
	"  -m, --mode MODE       auto (default): the model decides\n"
	"                        static:N: every region gets order N, 0 to 9\n"
	"                        buddy: merge with buddies in use, halve what was evicted unused\n"
	"                        off: watch only; the VMs' default orders hold\n"
	"  -i, --interval S      seconds between decisions, 0.05 to 3600 (default 2)\n"
	"  -n, --dry-run         log what would be decided, write nothing\n"
	"      --load            load the BPF plane, decide nothing, leave it pinned\n"
	"      --once            one round, then end; the plane stays\n"
	"      --unload          take the BPF plane down: default orders hold again\n"
	"      --explain VM:N    what was seen of region N, and what each order would cost\n"
	"      --max-regions N   room in the maps of a plane that is loaded (default 1048576)\n"
	"  -v, --verbose         what libbpf and the verifier say\n"
	"  -h, --help\n"
	"\n"
	"SIGTERM ends it and leaves the plane pinned under " DMEM_PIN_DIR ".\n";

static int fail(const struct dmem_error *error)
{
	fprintf(stderr, "dmem-tuner: %s\n", error->text);
	return 1;
}

static int usage_fail(const char *what, const char *value)
{
	fprintf(stderr, "dmem-tuner: %s: %s (dmem-tuner --help)\n", value, what);
	return 2;
}

static int parse_mode(const char *text, struct tuner *tuner)
{
	char *end;
	long order;

	if (!strcmp(text, "auto")) {
		tuner->mode = TUNE_AUTO;
		return 0;
	}
	if (!strcmp(text, "buddy")) {
		tuner->mode = TUNE_BUDDY;
		return 0;
	}
	if (!strcmp(text, "off")) {
		tuner->mode = TUNE_OFF;
		return 0;
	}
	if (strncmp(text, "static:", 7))
		return usage_fail("not a mode: auto, static:N, buddy or off", text);
	order = strtol(text + 7, &end, 10);
	if (end == text + 7 || *end || order < 0 || order >= DMEM_MAP_ORDERS)
		return usage_fail("not an order from 0 to 9", text);
	tuner->mode = TUNE_STATIC;
	tuner->static_order = order;
	return 0;
}

static int parse_interval(const char *text, struct options *options)
{
	char *end;

	options->interval_s = strtod(text, &end);
	if (end == text || *end || !(options->interval_s >= INTERVAL_MIN_S &&
				     options->interval_s <= INTERVAL_MAX_S))
		return usage_fail("not an interval from 0.05 to 3600 seconds", text);
	return 0;
}

static int parse_max_regions(const char *text)
{
	char *end;
	unsigned long regions = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !regions || regions > MAX_REGIONS_MOST)
		return usage_fail("not a number of regions from 1 to 134217728", text);
	dmem_plane_set_limits(0, regions);
	return 0;
}

/* 0 to go on, else 1 + the exit status. */
static int parse_options(int argc, char **argv, struct tuner *tuner, struct options *options)
{
	enum { OPT_LOAD = 256, OPT_ONCE, OPT_UNLOAD, OPT_EXPLAIN, OPT_MAX_REGIONS };
	static const struct option longs[] = {
		{ "mode", required_argument, NULL, 'm' },
		{ "interval", required_argument, NULL, 'i' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "load", no_argument, NULL, OPT_LOAD },
		{ "once", no_argument, NULL, OPT_ONCE },
		{ "unload", no_argument, NULL, OPT_UNLOAD },
		{ "explain", required_argument, NULL, OPT_EXPLAIN },
		{ "max-regions", required_argument, NULL, OPT_MAX_REGIONS },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	int opt, err = 0;

	while (!err && (opt = getopt_long(argc, argv, "m:i:nvh", longs, NULL)) != -1) {
		switch (opt) {
		case 'm': err = parse_mode(optarg, tuner); break;
		case 'i': err = parse_interval(optarg, options); break;
		case 'n': tuner->dry_run = true; break;
		case OPT_LOAD: options->action = LOAD; break;
		case OPT_ONCE: options->action = ONCE; break;
		case OPT_UNLOAD: options->action = UNLOAD; break;
		case OPT_EXPLAIN:
			options->action = EXPLAIN;
			options->explain = optarg;
			break;
		case OPT_MAX_REGIONS: err = parse_max_regions(optarg); break;
		case 'v': dmem_plane_set_verbose(true); break;
		case 'h': fputs(usage_text, stdout); return 1;
		default: return 3;
		}
	}
	if (!err && optind < argc)
		err = usage_fail("not expected", argv[optind]);
	return err ? err + 1 : 0;
}

/* One tuner at a time: two would undo each other's decisions. */
static int take_lock(struct dmem_error *error)
{
	int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0644), err;
	char pid[32] = "";
	ssize_t len;

	if (fd < 0)
		return dmem_fail(error, errno, "opening " LOCK_FILE ": %s", strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = errno;
		len = read(fd, pid, sizeof(pid) - 1);
		pid[len > 0 ? len : 0] = 0;
		pid[strcspn(pid, "\n")] = 0;
		close(fd);
		if (err == EWOULDBLOCK)
			return dmem_fail(error, EBUSY, "another dmem-tuner runs (process %s)",
					 *pid ? pid : "unknown");
		return dmem_fail(error, err, "locking " LOCK_FILE ": %s", strerror(err));
	}
	len = snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(fd, 0) || pwrite(fd, pid, len, 0) != len)
		fprintf(stderr, "dmem-tuner: " LOCK_FILE " could not be written\n");
	return fd;
}

static int load_plane(struct dmem_error *error)
{
	bool has_kvm;
	int err = dmem_plane_load(&has_kvm, error);

	if (err)
		return err;
	printf("dmem-tuner: loaded the plane under " DMEM_PIN_DIR "\n");
	if (!has_kvm)
		printf("dmem-tuner: KVM is not loaded: its faults will not be seen (load kvm_amd or kvm_intel, then --unload and start again)\n");
	fflush(stdout);
	return 0;
}

/* The plane may be there already, from a tuner that has ended: go on with it. */
static int get_plane(struct tuner *tuner, struct dmem_error *error)
{
	int loaded = load_plane(error), err;

	if (loaded && loaded != -EEXIST)
		return loaded;
	err = dmem_plane_open(&tuner->plane, true, error);
	if (!err && loaded)
		printf("dmem-tuner: took over the plane under " DMEM_PIN_DIR "\n");
	return err;
}

static void begin_journal(struct tuner *tuner, const struct options *options)
{
	struct dmem_journal *journal = &tuner->journal;

	journal->pid = (__u32)getpid();
	if (options->action == RUN)
		journal->interval_ns = (__u64)(options->interval_s * 1e9);
	if (tuner->mode == TUNE_STATIC)
		snprintf(journal->mode, sizeof(journal->mode), "static:%u", tuner->static_order);
	else
		snprintf(journal->mode, sizeof(journal->mode), "%s",
			 tuner->mode == TUNE_AUTO ? "auto" : "off");
}

static int run(struct tuner *tuner, const struct options *options, struct dmem_error *error)
{
	struct timespec interval = {
		.tv_sec = options->interval_s,
		.tv_nsec = (options->interval_s - (time_t)options->interval_s) * 1e9,
	};
	sigset_t ends;
	int err, sig = 0;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	begin_journal(tuner, options);
	do {
		err = tune_round(tuner, error);
		if (err)
			return err;
		if (options->action == ONCE)
			break;
		sig = sigtimedwait(&ends, NULL, &interval);
	} while (sig < 0);
	printf("dmem-tuner: ending after %llu decisions; the plane stays under " DMEM_PIN_DIR "\n",
	       tuner->decisions);
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { .interval_s = INTERVAL_DEFAULT_S };
	struct dmem_error error = {};
	struct tuner tuner = {};
	int err, lock;

	err = parse_options(argc, argv, &tuner, &options);
	if (err)
		return err - 1;
	if (geteuid()) {
		dmem_fail(&error, EPERM, "needs root");
		return fail(&error);
	}
	if (options.action == EXPLAIN)
		return tune_explain(options.explain, &error) ? fail(&error) : 0;
	lock = take_lock(&error);
	if (lock < 0)
		return fail(&error);
	if (options.action == UNLOAD)
		return dmem_plane_unload(&error) ? fail(&error) : 0;
	if (options.action == LOAD)
		return load_plane(&error) ? fail(&error) : 0;
	if (get_plane(&tuner, &error))
		return fail(&error);
	err = run(&tuner, &options, &error);
	dmem_plane_close(&tuner.plane);
	free(tuner.base);
	return err ? fail(&error) : 0;
}
