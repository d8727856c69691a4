// SPDX-License-Identifier: GPL-2.0
/*
 * live.c - dmem-tuner on a plane whose programs count the events of a guest that is made up
 * (live.bpf.c), in a mount namespace of its own: the real maps, the real daemon, no module. Half of
 * the guest's regions are streamed, page after page, the others read at random.
 *
 * Usage: live OBJECT TUNER. Prints TAP. Needs root and BPF maps.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core-kmod/event.h"
#include "lib/plane.h"

#define VM		7U
#define REGIONS		64U
#define HALF		(REGIONS / 2)
#define PAGES		DMEM_MAP_REGION_PAGES
#define SECOND_NS	1000000000ULL
#define REST_PAGES	64U

static struct bpf_object *object;
static const char *tuner_path;
static int told_fd, tell_fd, orders_fd;
static unsigned int last[REGIONS], misses[REGIONS];
static pid_t tuner;
static int number, failed;

static void die(const char *what)
{
	printf("Bail out! live: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void result(bool is_ok, const char *what)
{
	printf("%s %d - %s\n", is_ok ? "ok" : "not ok", ++number, what);
	failed += !is_ok;
}

static int map_of(const char *name)
{
	return bpf_map__fd(bpf_object__find_map_by_name(object, name));
}

static void put(const char *name, const void *key, const void *value)
{
	if (bpf_map_update_elem(map_of(name), key, value, BPF_ANY))
		die(name);
}

static void load_programs(const char *path)
{
	object = bpf_object__open(path);
	if (!object)
		die(path);
	if (bpf_object__load(object))
		die(path);
	tell_fd = bpf_program__fd(bpf_object__find_program_by_name(object, "tell"));
	told_fd = map_of("told");
}

/* Where dmem-tuner looks for them; the map of decisions is the policy program's elsewhere. */
static void pin_maps(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	struct bpf_map *map;
	char path[128];

	bpf_object__for_each_map(map, object) {
		snprintf(path, sizeof(path), DMEM_PIN_DIR "/%s", bpf_map__name(map));
		if (!bpf_map__is_internal(map) && bpf_map__pin(map, path))
			die(path);
	}
	orders_fd = bpf_map_create(BPF_MAP_TYPE_HASH, "orders", sizeof(struct dmem_region_key),
				   sizeof(struct dmem_order_value), DMEM_MAX_REGIONS, &opts);
	if (orders_fd < 0 || bpf_obj_pin(orders_fd, DMEM_PIN_DIR "/orders"))
		die("orders");
}

static void make_plane(const char *path)
{
	struct dmem_version version = { DMEM_MAPS_VERSION, DMEM_MAP_REGION_BYTES };
	struct dmem_epoch epoch = { .number = 1, .since_ns = dmem_clock_ns() };
	struct dmem_vm_value value = {
		.name = "vm", .size_bytes = REGIONS * DMEM_MAP_REGION_BYTES,
		.direct_limit_bytes = HALF * DMEM_MAP_REGION_BYTES, .donor = 1,
	};
	struct dmem_vm_key key = { .vm = VM };
	__u32 zero = 0;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700") ||
	    mount("run", "/run", "tmpfs", 0, NULL) || mkdir(DMEM_PIN_DIR, 0700))
		die("a mount namespace");
	load_programs(path);
	pin_maps();
	put("version", &zero, &version);
	put("epoch", &zero, &epoch);
	put("vms", &key, &value);
}

static void start(const char *option, const char *value)
{
	fflush(stdout);
	tuner = fork();
	if (!tuner) {
		if (!freopen("/run/log", "w", stdout) || !freopen("/run/log", "a", stderr))
			_exit(1);
		execl(tuner_path, tuner_path, option, value, NULL);
		_exit(1);
	}
	if (tuner < 0)
		die("fork");
}

static int stop(int signal)
{
	int status = -1;

	kill(tuner, signal);
	waitpid(tuner, &status, 0);
	return status;
}

static void tell(const struct dmem_event *event)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	__u32 zero = 0;

	if (bpf_map_update_elem(told_fd, &zero, event, BPF_ANY) ||
	    bpf_prog_test_run_opts(tell_fd, &opts))
		die("telling an event");
}

/* What the policy program would say. */
static unsigned int order_of(unsigned int region)
{
	struct dmem_region_key key = { .vm = VM, .region = region };
	struct dmem_order_value value;

	if (!bpf_map_lookup_elem(orders_fd, &key, &value))
		return value.order;
	key.region = DMEM_REGION_ALL;
	return bpf_map_lookup_elem(orders_fd, &key, &value) ? 0 : value.order;
}

static unsigned char log2_of(unsigned int n)
{
	return n ? (unsigned char)(31 - __builtin_clz(n)) : 0;
}

static void demand(unsigned int region, unsigned int page, bool is_prefetched, unsigned int order)
{
	unsigned int from = last[region] ? last[region] - 1 : page;
	struct dmem_event event = {
		.vm = VM, .region = region, .page = (__u16)page, .last = (__u16)last[region],
		.kind = is_prefetched ? DMEM_FAULT_SOFT : DMEM_FAULT_FETCH,
		.flags = is_prefetched ? DMEM_FAULT_F_PREFETCHED : 0,
		.order = (__u8)order, .donor = 1, .nr_pages = !is_prefetched,
		.time_ns = 10000, .time_log2 = 13,
		.distance_log2 = log2_of(page > from ? page - from : from - page),
	};

	misses[region] += !is_prefetched;
	last[region] = page + 1;
	tell(&event);
}

/* The rest of a block, by requests of 9 us and 1 us a page. */
static void prefetch(unsigned int region, unsigned int order)
{
	unsigned int left = (1U << order) - 1;

	while (left) {
		unsigned int nr = left < REST_PAGES ? left : REST_PAGES;
		struct dmem_event event = {
			.vm = VM, .region = region, .kind = DMEM_EVENT_PREFETCHED,
			.order = (__u8)order, .donor = 1, .nr_pages = (__u16)nr,
			.time_ns = 9000 + 1000 * nr,
			.time_log2 = 14,
		};

		tell(&event);
		left -= nr;
	}
}

static void evict(unsigned int region, unsigned int nr, unsigned int unused)
{
	struct dmem_event event = {
		.vm = VM, .region = region, .kind = DMEM_EVENT_EVICTED, .donor = 1,
		.nr_pages = (__u16)nr, .nr_unused = (__u16)unused,
	};

	tell(&event);
}

static void stream(unsigned int region)
{
	unsigned int order = order_of(region);

	last[region] = 0;
	for (unsigned int block = 0; block < PAGES; block += 1U << order) {
		demand(region, block, false, order);
		prefetch(region, order);
		for (unsigned int page = 1; page < 1U << order; page++)
			demand(region, block + page, true, order);
	}
	evict(region, PAGES, 0);
}

/* One page of each block is used, and all of it is gone before another is. */
static void visit(unsigned int region)
{
	unsigned int order = order_of(region);

	demand(region, (unsigned int)rand() % PAGES, false, order);
	prefetch(region, order);
	evict(region, 1U << order, (1U << order) - 1);
}

/* The half from @streamed on is streamed, the other one visited. */
static void play(unsigned int streamed, unsigned int turns)
{
	static unsigned int turn;

	while (turns--) {
		stream(streamed + turn++ % HALF);
		for (unsigned int i = 0; i < 2 * HALF; i++)
			visit((HALF - streamed) + (unsigned int)rand() % HALF);
	}
}

/* For 2 s, and until every region that is not right has missed 200 times; 60 s at most. */
static bool follows(unsigned int streamed)
{
	__u64 began_ns = dmem_clock_ns();
	unsigned int before[REGIONS], right = 0;
	bool is_due = false;

	memcpy(before, misses, sizeof(before));
	while (!is_due && dmem_clock_ns() - began_ns < 60 * SECOND_NS) {
		play(streamed, 4);
		is_due = dmem_clock_ns() - began_ns >= 2 * SECOND_NS;
		right = 0;
		for (unsigned int region = 0; region < REGIONS; region++) {
			bool is_streamed = region - streamed < HALF;
			bool is_right = is_streamed ? order_of(region) >= 6 : order_of(region) <= 2;

			right += is_right;
			is_due = is_due && (is_right || misses[region] - before[region] >= 200);
		}
	}
	printf("# %u of %u regions are right after %.1f s\n", right, REGIONS,
	       (double)(dmem_clock_ns() - began_ns) / SECOND_NS);
	return is_due && right * 10 >= REGIONS * 9;
}

static bool has_said(const char *what)
{
	char line[512];
	FILE *log = fopen("/run/log", "r");
	bool found = false;

	while (log && !found && fgets(line, sizeof(line), log))
		found = strstr(line, what);
	if (log)
		fclose(log);
	return found;
}

static void read_orders(unsigned int *orders)
{
	for (unsigned int region = 0; region < REGIONS; region++)
		orders[region] = order_of(region);
}

static bool is_as(const unsigned int *orders)
{
	unsigned int now[REGIONS];

	read_orders(now);
	return !memcmp(now, orders, sizeof(now));
}

int main(int argc, char **argv)
{
	unsigned int orders[REGIONS];

	if (argc != 3)
		return 2;
	tuner_path = argv[2];
	make_plane(argv[1]);
	printf("1..7\n");

	start("--mode", "auto");
	result(follows(0), "half streamed, half at random: nine in ten get the right end");
	result(follows(HALF), "the other way round: so do they within 2 s or 200 misses");

	stop(SIGKILL);
	read_orders(orders);
	play(HALF, 8);
	result(is_as(orders), "a tuner that is killed leaves its decisions in force");
	start("--mode", "auto");
	sleep(1);
	result(is_as(orders) && has_said("took over the plane"), "the next one takes them over");
	result(follows(0), "and goes on from there");
	result(!stop(SIGTERM) && has_said("the plane stays"), "it ends as it is told to");

	/* As under a tuner from before there was one. */
	unlink(DMEM_PIN_DIR "/active");
	start("--mode", "auto");
	result(follows(HALF), "a plane without the ring is followed as well");
	stop(SIGTERM);
	return failed ? 1 : 0;
}
