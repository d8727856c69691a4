// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - dmem-tuner: loads the BPF plane or takes over the one that is there, then decides
 * every interval until it is told to stop. The plane and the decisions outlive it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "export.h"
#include "scrape.h"
#include "replay.h"
#include "tune.h"

#define LOCK_FILE		"/run/dmem-tuner.pid"
#define INTERVAL_DEFAULT_S	0.05
#define INTERVAL_MIN_S		0.05
#define INTERVAL_MAX_S		3600.0
/* Rounds may take this part of a CPU's time: they come less often where they take longer ... */
#define CPU_SHARE		0.005
#define CPU_SHARE_SCANNING	0.25	/* a million regions in ten seconds */
/* ... but never so seldom that a change of use is not followed soon, nor is the journal then. */
#define PACE_MAX_S		2.0
/* 256 TiB: more than a file may have. */
#define MAX_REGIONS_MOST	134217728UL

enum action { RUN, ONCE, LOAD, UNLOAD, EXPLAIN };

struct options {
	enum action action;
	double interval_s;
	const char *explain;
	struct sockaddr_storage metrics;	/* family 0: none */
};

static const char usage_text[] =
	"Usage: dmem-tuner [OPTIONS]\n"
	"       dmem-tuner record [OPTIONS] FILE\n"
	"       dmem-tuner replay [OPTIONS] FILE...\n"
	"Watches how each region of VM memory is used and decides how much to fetch at a time.\n"
	"\n"
	"  -m, --mode MODE       auto (default): the model decides\n"
	"                        static:N: every region gets order N, 0 to 9\n"
	"                        buddy: merge with buddies in use, halve what was evicted unused\n"
	"                        off: watch only; the VMs' default orders hold\n"
	"      --vm NAME=MODE    another mode for the VM memory of that name; may be repeated\n"
	"  -i, --interval S      seconds between decisions, 0.05 to 3600 (default 0.05); up to 2\n"
	"                        where decisions would take more than 0.5 % of a CPU\n"
	"  -n, --dry-run         log what would be decided, write nothing\n"
	"      --load            load the BPF plane, decide nothing, leave it pinned\n"
	"      --once            one round, then end; the plane stays\n"
	"      --unload          take the BPF plane down: default orders hold again\n"
	"      --explain VM:N    what was seen of region N, and what each order would cost\n"
	"      --metrics ADDR:PORT  OpenMetrics over HTTP, at /metrics\n"
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

static int parse_mode(const char *text, struct tune_rule *rule)
{
	const char *why = tune_parse_mode(text, rule);

	return why ? usage_fail(why, text) : 0;
}

/* A name may have a = in it, a mode has none. The last rule for a name holds. */
static int parse_vm(const char *text, struct tuner *tuner)
{
	const char *equals = strrchr(text, '=');
	struct tune_override *longer, entry = {};
	int err;

	if (!equals || equals == text || (size_t)(equals - text) >= sizeof(entry.name))
		return usage_fail("not NAME=MODE", text);
	memcpy(entry.name, text, (size_t)(equals - text));
	err = parse_mode(equals + 1, &entry.rule);
	if (err)
		return err;
	longer = reallocarray(tuner->overrides, tuner->nr_overrides + 1, sizeof(*longer));
	if (!longer)
		return usage_fail("no memory", text);
	memmove(longer + 1, longer, tuner->nr_overrides * sizeof(*longer));
	longer[0] = entry;
	tuner->overrides = longer;
	tuner->nr_overrides++;
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

static int parse_metrics(const char *text, struct options *options)
{
	if (address_parse(text, 0, &options->metrics))
		return usage_fail("not an address with a port (as 127.0.0.1:9472)", text);
	return 0;
}

/* 0 to go on, else 1 + the exit status. */
static int parse_options(int argc, char **argv, struct tuner *tuner, struct options *options)
{
	enum { OPT_LOAD = 256, OPT_ONCE, OPT_UNLOAD, OPT_EXPLAIN, OPT_MAX_REGIONS, OPT_METRICS,
	       OPT_VM };
	static const struct option longs[] = {
		{ "mode", required_argument, NULL, 'm' },
		{ "vm", required_argument, NULL, OPT_VM },
		{ "interval", required_argument, NULL, 'i' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "load", no_argument, NULL, OPT_LOAD },
		{ "once", no_argument, NULL, OPT_ONCE },
		{ "unload", no_argument, NULL, OPT_UNLOAD },
		{ "explain", required_argument, NULL, OPT_EXPLAIN },
		{ "max-regions", required_argument, NULL, OPT_MAX_REGIONS },
		{ "metrics", required_argument, NULL, OPT_METRICS },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	int opt, err = 0;

	while (!err && (opt = getopt_long(argc, argv, "m:i:nvh", longs, NULL)) != -1) {
		switch (opt) {
		case 'm': err = parse_mode(optarg, &tuner->rule); break;
		case OPT_VM: err = parse_vm(optarg, tuner); break;
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
		case OPT_METRICS: err = parse_metrics(optarg, options); break;
		case 'v': dmem_plane_set_verbose(true); break;
		case 'h': printf("%s\n%s\n%s", usage_text, record_usage, replay_usage); return 1;
		default: return 3;
		}
	}
	if (!err && optind < argc)
		err = usage_fail("not expected", argv[optind]);
	if (!err && options->metrics.ss_family && options->action != RUN)
		err = usage_fail("only of a tuner that goes on", "--metrics");
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
	int err = dmem_plane_open(&tuner->plane, true, error);

	if (!err)
		printf("dmem-tuner: took over the plane under " DMEM_PIN_DIR "\n");
	if (err != -ENOENT)
		return err;
	err = load_plane(error);
	return err ? err : dmem_plane_open(&tuner->plane, true, error);
}

static void begin_journal(struct tuner *tuner, const struct options *options)
{
	struct dmem_journal *journal = &tuner->journal;

	journal->pid = (__u32)getpid();
	if (options->action == RUN)
		journal->interval_ns = (__u64)(fmax(options->interval_s, PACE_MAX_S) * 1e9);
	tune_mode_name(&tuner->rule, journal->mode, sizeof(journal->mode));
}

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Until the next round, after one that took so much of a CPU. */
static struct timespec pause_after(const struct options *options, const struct tuner *tuner,
				   double round_s)
{
	double pace_s = round_s / (tuner->is_scanning ? CPU_SHARE_SCANNING : CPU_SHARE);
	double s = fmax(options->interval_s, fmin(pace_s, PACE_MAX_S));

	return (struct timespec){ .tv_sec = (time_t)s, .tv_nsec = (long)(fmod(s, 1) * 1e9) };
}

static void publish(const struct tuner *tuner, struct exporter *exporter)
{
	struct tune_figures figures = {
		.interval_ns = tuner->journal.interval_ns,
		.rounds = tuner->rounds,
		.raised = tuner->raised,
		.lowered = tuner->decisions - tuner->raised,
		.busy_ns = tuner->busy_ns,
	};
	struct timespec now;

	if (!exporter)
		return;
	memcpy(figures.mode, tuner->journal.mode, sizeof(figures.mode));
	if (tuner->rounds) {
		clock_gettime(CLOCK_REALTIME, &now);
		figures.round_unix_ns = now.tv_sec * 1000000000ULL + now.tv_nsec;
	}
	exporter_publish(exporter, &figures);
}

/* Rounds until one fails or a signal of @ends comes. */
static int go_on(struct tuner *tuner, const struct options *options, struct exporter *exporter,
		 const sigset_t *ends, struct dmem_error *error)
{
	struct timespec pause;
	double began_s;
	int err, sig;

	tuner->is_once = options->action == ONCE;
	tune_begin(tuner);
	do {
		began_s = cpu_s();
		err = tune_round(tuner, error);
		if (err)
			return err;
		publish(tuner, exporter);
		if (options->action == ONCE)
			break;
		pause = pause_after(options, tuner, cpu_s() - began_s);
		sig = sigtimedwait(ends, NULL, &pause);
	} while (sig < 0);
	printf("dmem-tuner: ending after %llu decisions; the plane stays under " DMEM_PIN_DIR "\n",
	       tuner->decisions);
	return 0;
}

static int run(struct tuner *tuner, const struct options *options, int metrics_fd,
	       struct dmem_error *error)
{
	struct exporter *exporter = NULL;
	sigset_t ends;
	int err;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	begin_journal(tuner, options);
	if (metrics_fd >= 0) {
		exporter = exporter_start(metrics_fd, &tuner->plane, error);
		if (!exporter)
			return -EIO;
		publish(tuner, exporter);
	}
	err = go_on(tuner, options, exporter, &ends, error);
	if (exporter)
		exporter_end(exporter);
	return err;
}

int main(int argc, char **argv)
{
	struct options options = { .interval_s = INTERVAL_DEFAULT_S };
	struct dmem_error error = {};
	struct tuner tuner = {};
	int err, lock, metrics = -1;

	if (argc > 1 && !strcmp(argv[1], "record"))
		return record_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "replay"))
		return replay_main(argc - 1, argv + 1);
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
	/* Before anything is loaded: an address that is taken leaves nothing behind. */
	if (options.metrics.ss_family) {
		metrics = dmem_scrape_listen(&options.metrics, &error);
		if (metrics < 0)
			return fail(&error);
	}
	if (get_plane(&tuner, &error))
		return fail(&error);
	err = run(&tuner, &options, metrics, &error);
	tune_end(&tuner);
	dmem_plane_close(&tuner.plane);
	return err ? fail(&error) : 0;
}
