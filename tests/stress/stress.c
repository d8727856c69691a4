// SPDX-License-Identifier: GPL-2.0
/*
 * stress.c - workers that know what every page must hold, on footprints of 2, 4 and 8 times the
 * direct limit, while everything around them changes (disturb.c). At the end of each round every
 * page is verified twice, flushed in between. Prints TAP, and the seed that repeats a run.
 *
 * Usage: stress [--seconds N] [--seed N] [--threads N] [--mib N]
 * Runs as root with the module loaded, from the checkout: the policy is found there.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"
#include "tests/pages.h"

/* Nobody may be without progress for longer: a fault waits at most 30 s. */
#define HANG_S		60
#define FIGURES_EVERY_S	30

static const unsigned int factors[] = { 2, 4, 8 };
#define ROUNDS (sizeof(factors) / sizeof(factors[0]))

/*
 * Links: as fast as memory, 100 Gb/s in instruction time, slow, and so slow that what happens
 * to a page while it is on its way happens often.
 */
static const char *const links[] = {
	"latency_ns=0",
	"latency_ns=9000,ns_per_page=1000",
	"latency_ns=300000,ns_per_page=5000",
	"latency_ns=20000000,ns_per_page=5000",
};

struct options {
	unsigned int seconds;
	unsigned int threads;
	uint64_t mib;
	uint64_t seed;
};

void round_fail(struct round *round, const char *format, ...)
{
	va_list args;

	if (!atomic_exchange(&round->failed, true)) {
		va_start(args, format);
		vsnprintf(round->why, sizeof(round->why), format, args);
		va_end(args);
	}
	round->stop = true;
}

static unsigned int slowness(void)
{
	const char *text = getenv("DMEM_SLOW");
	int factor = text ? atoi(text) : 1;

	return factor > 0 ? factor : 1;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static bool get_figures(struct round *round, struct dmem_vm_get *get)
{
	*get = (struct dmem_vm_get){ .size = sizeof(*get), .version = DMEM_ABI_VERSION };
	if (!ioctl(round->fd, DMEM_IOC_GET, get))
		return true;
	round_fail(round, "DMEM_IOC_GET: %s", strerror(errno));
	return false;
}

static bool round_setup(struct round *round, const struct options *options)
{
	uint64_t random = page_mix(round->seed) | 1;
	char text[200];

	snprintf(text, sizeof(text), "donor=local:%luM,direct=%lu,order=%lu,%s", 2 * options->mib,
		 round->pages / round->factor * PAGE_BYTES, random_below(&random, DMEM_ORDERS),
		 links[random_below(&random, sizeof(links) / sizeof(links[0]))]);
	printf("# seed %lu: footprint %lu MiB, %s\n", round->seed, options->mib, text);
	mkdir(POOL, 0755);
	if (mount("none", POOL, DMEM_FS_NAME, 0, text)) {
		round_fail(round, "mount -o %s: %s", text, strerror(errno));
		return false;
	}
	round->fd = open(VM_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (round->fd < 0 || ftruncate(round->fd, round->pages * PAGE_BYTES)) {
		round_fail(round, VM_NAME ": %s", strerror(errno));
		return false;
	}
	round->states = calloc(round->pages, sizeof(*round->states));
	return round->states;
}

static unsigned long operations(const struct worker *workers, unsigned int nr)
{
	unsigned long sum = 0;

	for (unsigned int i = 0; i < nr; i++)
		sum += workers[i].reads + workers[i].writes + workers[i].punches +
		       workers[i].remaps + workers[i].gups;
	return sum;
}

static void print_figures(struct round *round, const struct worker *workers, unsigned int nr)
{
	unsigned long reads = 0, writes = 0, punches = 0, remaps = 0, gups = 0;
	struct dmem_vm_get get;

	for (unsigned int i = 0; i < nr; i++) {
		reads += workers[i].reads;
		writes += workers[i].writes;
		punches += workers[i].punches;
		remaps += workers[i].remaps;
		gups += workers[i].gups;
	}
	printf("# %lu reads, %lu writes, %lu by GUP, %lu punches, %lu remaps; %lu settings, %lu flushes, %lu policies, %lu pins, %lu kills, %lu files\n",
	       reads, writes, gups, punches, remaps, round->settings, round->flushes,
	       round->policies, round->pins, round->kills, round->neighbours);
	if (get_figures(round, &get))
		printf("# faults %llu, soft %llu, fetched %llu (prefetched %llu), evicted %llu, written %llu, zero %llu, rescued %llu, pinned %llu, retries %llu, stalls %llu, clamped %llu\n",
		       get.faults, get.soft_faults, get.fetched_pages, get.prefetched_pages,
		       get.evicted_pages, get.writeback_pages, get.zero_pages, get.rescued_pages,
		       get.pinned_skips, get.retries, get.stalls, get.policy_clamped);
	fflush(stdout);
}

/* Whoever hangs cannot be taken down, nor can what it uses: say so and go. */
static void die_hanging(struct round *round, const char *what)
{
	printf("# %s\nBail out! %s\n", round->why, what);
	fflush(stdout);
	_exit(1);
}

static void watch(struct round *round, const struct worker *workers, unsigned int nr,
		  unsigned int seconds)
{
	double start = now_s(), moved = start, told = start, now = start;
	unsigned long before = 0;

	while (!round->stop && now - start < seconds) {
		usleep(200000);
		now = now_s();
		unsigned long sum = operations(workers, nr);

		if (sum != before)
			moved = now;
		else if (now - moved > HANG_S * slowness())
			die_hanging(round, "no worker makes progress");
		before = sum;
		if (now - told > FIGURES_EVERY_S) {
			print_figures(round, workers, nr);
			told = now;
		}
	}
}

static void join_all(struct round *round, pthread_t *threads, unsigned int nr)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += HANG_S * slowness();
	for (unsigned int i = 0; i < nr; i++)
		if (pthread_timedjoin_np(threads[i], NULL, &until))
			die_hanging(round, "a thread does not end");
}

static void run_threads(struct round *round, unsigned int nr, unsigned int seconds)
{
	pthread_t threads[WORKERS_MAX + DISTURBERS];
	struct worker workers[WORKERS_MAX];
	unsigned int started = 0;

	memset(workers, 0, sizeof(workers));
	for (unsigned int i = 0; i < nr; i++) {
		workers[i].round = round;
		workers[i].number = i;
		workers[i].random = page_mix(round->seed ^ (i + 1)) | 1;
		if (!pthread_create(&threads[started], NULL, worker_run, &workers[i]))
			started++;
	}
	for (unsigned int i = 0; i < DISTURBERS; i++)
		if (!pthread_create(&threads[started], NULL, disturbers[i], round))
			started++;
	if (started != nr + DISTURBERS)
		round_fail(round, "not all threads could be made");
	watch(round, workers, nr, seconds);
	round->stop = true;
	join_all(round, threads, started);
	print_figures(round, workers, nr);
}

/*
 * Nobody else is left: every page, as it is and then as the donor has it. In large blocks: one by
 * one they would take minutes on the slowest link.
 */
static void verify_all(struct round *round)
{
	struct dmem_vm_flush flush = { .size = sizeof(flush), .version = DMEM_ABI_VERSION };
	struct dmem_vm_set set = { .size = sizeof(set), .version = DMEM_ABI_VERSION,
				   .mask = DMEM_SET_ORDER, .order = DMEM_ORDER_MAX };
	char *map = map_vm(round);
	uint64_t written = 0;

	if (ioctl(round->fd, DMEM_IOC_SET, &set))
		round_fail(round, "DMEM_IOC_SET: %s", strerror(errno));
	for (int pass = 0; pass < 2 && map && !round->failed; pass++) {
		for (uint64_t page = 0; page < round->pages; page++)
			if (!check_page(round, map + page * PAGE_BYTES, page))
				break;
		if (ioctl(round->fd, DMEM_IOC_FLUSH, &flush))
			round_fail(round, "DMEM_IOC_FLUSH: %s", strerror(errno));
	}
	for (uint64_t page = 0; page < round->pages; page++)
		written += round->states[page].seq != 0;
	printf("# %lu pages verified, %lu of them written\n", round->pages, written);
	if (map)
		munmap(map, round->pages * PAGE_BYTES);
}

static void check_figures(struct round *round)
{
	struct dmem_vm_get get;

	if (!get_figures(round, &get))
		return;
	if (get.errors)
		round_fail(round, "%llu pages were lost", get.errors);
	if (get.direct_bytes > get.direct_limit_bytes)
		round_fail(round, "%llu bytes are local, the limit is %llu", get.direct_bytes,
			   get.direct_limit_bytes);
	if (get.direct_bytes + get.remote_bytes > get.size_bytes)
		round_fail(round, "%llu bytes local and %llu remote of %llu", get.direct_bytes,
			   get.remote_bytes, get.size_bytes);
	if (!get.fetched_pages || !get.writeback_pages)
		round_fail(round, "nothing was fetched or written back");
}

static void round_end(struct round *round)
{
	struct statfs fs;

	if (round->fd >= 0)
		close(round->fd);
	unlink(VM_NAME);
	if (!statfs(POOL, &fs) && fs.f_type == DMEM_MAGIC && fs.f_blocks != fs.f_bfree)
		round_fail(round, "%lu pages are still reserved", fs.f_blocks - fs.f_bfree);
	for (int tries = 0; umount(POOL); tries++) {
		if (tries == 100) {
			round_fail(round, "umount: %s", strerror(errno));
			umount2(POOL, MNT_DETACH);
			break;
		}
		usleep(20000);
	}
	free(round->states);
}

static bool run_round(unsigned int number, const struct options *options)
{
	struct round *round = calloc(1, sizeof(*round));
	bool passed;

	if (!round)
		return false;
	round->fd = -1;
	round->pages = (options->mib << 20) / PAGE_BYTES;
	round->factor = factors[number];
	round->seed = options->seed + number;
	if (round_setup(round, options)) {
		run_threads(round, options->threads, options->seconds / ROUNDS);
		if (!round->failed)
			verify_all(round);
		if (!round->failed)
			check_figures(round);
	}
	round_end(round);
	passed = !round->failed;
	printf("%sok %u stress: %u threads, footprint %u times direct memory%s%s\n",
	       passed ? "" : "not ", number + 1, options->threads, factors[number],
	       passed ? "" : " # ", round->why);
	fflush(stdout);
	free(round);
	return passed;
}

static uint64_t number_of(const char *option, const char *text, uint64_t least, uint64_t most)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (!errno && end != text && !*end && *text != '-' && value >= least && value <= most)
		return value;
	fprintf(stderr, "stress: %s %s: not a number from %lu to %lu\n", option, text, least, most);
	exit(2);
}

static const struct option long_options[] = {
	{ "seconds", required_argument, NULL, 's' },
	{ "seed", required_argument, NULL, 'S' },
	{ "threads", required_argument, NULL, 't' },
	{ "mib", required_argument, NULL, 'm' },
	{}
};

int main(int argc, char **argv)
{
	struct options options = { .seconds = 24, .threads = 4, .mib = 48 };
	unsigned int failed = 0;
	int option;

	options.seed = (uint64_t)time(NULL) % 1000000000;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			options.seconds = number_of("--seconds", optarg, ROUNDS, 10000000);
			break;
		case 'S':
			options.seed = number_of("--seed", optarg, 0, 1UL << 60);
			break;
		case 't':
			options.threads = number_of("--threads", optarg, 1, WORKERS_MAX);
			break;
		case 'm':
			options.mib = number_of("--mib", optarg, 8, 1UL << 20);
			break;
		default:
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "stress: %s: not expected\n", argv[optind]);
		return 2;
	}
	if (!disturb_setup()) {
		fprintf(stderr, "stress: the policy does not load: %s\n", strerror(errno));
		return 1;
	}
	for (unsigned int i = 0; i < ROUNDS; i++)
		failed += !run_round(i, &options);
	disturb_end();
	printf("1..%zu\n", ROUNDS);
	return failed ? 1 : 0;
}
