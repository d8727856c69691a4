// SPDX-License-Identifier: GPL-2.0
/*
 * plane.c - a BPF plane without a module: maps of maps.h with made-up contents and a journal of a
 * tuner, which go on changing, where dmemtop looks for them, in a mount namespace of their own.
 *
 * Usage: plane VMS REGIONS[:GIB] COMMAND [ARGUMENT...]
 * Each VM has GIB, or as much as it takes for its part of the regions, which are its first.
 * Runs COMMAND there and prints what it took: "plane: cpu_ms N max_rss_kib N wall_ms N".
 * Needs root and a kernel with BPF maps, nothing of dmem. Exit status: COMMAND's, 2 without maps.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/journal.h"
#include "lib/plane.h"

#define BATCH		4096U
#define VM_BYTES_MIN	(4ULL << 30)
#define CHANGE_US	200000
#define STOCK_WAIT_US	10000
#define STOCK_TRIES	1000

static int map_fd[DMEM_PLANE_MAPS];
static int nr_cpus;
static __u64 vm_bytes = VM_BYTES_MIN;

static const struct map_type {
	const char *name;
	enum bpf_map_type type;
	__u32 key_size;
	__u32 value_size;
	__u32 entries;
} types[DMEM_PLANE_MAPS] = {
	[DMEM_PLANE_VERSION] = { "version", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct dmem_version), 1 },
	[DMEM_PLANE_EPOCH] = { "epoch", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct dmem_epoch), 1 },
	[DMEM_PLANE_STATS] = { "plane_stats", BPF_MAP_TYPE_PERCPU_ARRAY, 4,
			       sizeof(struct dmem_plane_stats), 1 },
	[DMEM_PLANE_VMS] = { "vms", BPF_MAP_TYPE_HASH, sizeof(struct dmem_vm_key),
			     sizeof(struct dmem_vm_value), DMEM_MAX_VMS },
	[DMEM_PLANE_VM_STATS] = { "vm_stats", BPF_MAP_TYPE_PERCPU_HASH, sizeof(struct dmem_vm_key),
				  sizeof(struct dmem_vm_stats), DMEM_MAX_VMS },
	[DMEM_PLANE_LATENCIES] = { "latencies", BPF_MAP_TYPE_PERCPU_HASH,
				   sizeof(struct dmem_latency_key),
				   sizeof(struct dmem_latency_value), DMEM_MAX_VMS },
	[DMEM_PLANE_REGIONS] = { "regions", BPF_MAP_TYPE_HASH, sizeof(struct dmem_region_key),
				 sizeof(struct dmem_region_value), DMEM_MAX_REGIONS },
	[DMEM_PLANE_ORDERS] = { "orders", BPF_MAP_TYPE_HASH, sizeof(struct dmem_region_key),
				sizeof(struct dmem_order_value), DMEM_MAX_REGIONS },
};

static void die(const char *what)
{
	fprintf(stderr, "plane: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void make_maps(void)
{
	char path[128];
	int i;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("a mount namespace");
	if (mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700"))
		die("mounting a bpf filesystem");
	if (mount("run", "/run", "tmpfs", 0, NULL))
		die("mounting an empty /run");
	if (mkdir(DMEM_PIN_DIR, 0700))
		die(DMEM_PIN_DIR);
	for (i = 0; i < DMEM_PLANE_MAPS; i++) {
		LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags =
			    types[i].type == BPF_MAP_TYPE_HASH ||
			    types[i].type == BPF_MAP_TYPE_PERCPU_HASH ? BPF_F_NO_PREALLOC : 0);

		map_fd[i] = bpf_map_create(types[i].type, types[i].name, types[i].key_size,
					   types[i].value_size, types[i].entries, &opts);
		snprintf(path, sizeof(path), DMEM_PIN_DIR "/%s", types[i].name);
		if (map_fd[i] < 0 || bpf_obj_pin(map_fd[i], path))
			die(path);
	}
	/* Nothing has news: no program fills it. */
	i = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "active", 0, 0, 1 << 20, NULL);
	if (i < 0 || bpf_obj_pin(i, DMEM_PIN_DIR "/active"))
		die(DMEM_PIN_DIR "/active");
}

/* The kernel keeps a stock of per-CPU values, and fills it behind whoever takes from it. */
static void put(enum dmem_plane_map map, const void *key, const void *value)
{
	for (int tries = 0; bpf_map_update_elem(map_fd[map], key, value, BPF_ANY); tries++) {
		if (errno != ENOMEM || tries == STOCK_TRIES)
			die(types[map].name);
		usleep(STOCK_WAIT_US);
	}
}

/* Counts of one CPU, the others' stay zero. */
static void put_on_cpu(enum dmem_plane_map map, const void *key, const void *value, void *cpus)
{
	memset(cpus, 0, (size_t)nr_cpus * types[map].value_size);
	memcpy(cpus, value, types[map].value_size);
	put(map, key, cpus);
}

/* What VM memory @vm has counted by @tick. */
static void put_vm(__u32 vm, __u64 tick, void *cpus)
{
	struct dmem_vm_key key = { .vm = vm };
	struct dmem_latency_key from = { .vm = vm, .donor = 1 };
	struct dmem_vm_value value = { .size_bytes = vm_bytes, .direct_limit_bytes = vm_bytes / 2,
				       .direct_bytes = vm_bytes / 2, .default_order = 2,
				       .remote_bytes = vm_bytes / 4 + vm * 4096ULL, .donor = 1 };
	struct dmem_vm_stats stats = { .faults = vm * 20 * tick, .soft_faults = vm * 50 * tick,
				       .fetched_pages = vm * 100 * tick,
				       .fetch_ns = vm * 200000 * tick,
				       .prefetched_used_pages = vm * 60 * tick,
				       .prefetched_unused_pages = vm * 20 * tick,
				       .evicted_pages = vm * 90 * tick };
	struct dmem_latency_value latency = {};

	snprintf(value.name, sizeof(value.name), "vm%u", vm);
	stats.fetches_by_order[vm % 10] = vm * 20 * tick;
	for (int slot = 10; slot < 16; slot++) {
		stats.fetch_latency[slot] = vm * 3 * tick;
		latency.fetches[vm % 10][slot] = vm * 3 * tick;
	}
	put(DMEM_PLANE_VMS, &key, &value);
	put_on_cpu(DMEM_PLANE_VM_STATS, &key, &stats, cpus);
	put_on_cpu(DMEM_PLANE_LATENCIES, &from, &latency, cpus);
}

static void put_regions(__u32 vms, __u32 regions)
{
	struct dmem_region_value *values = calloc(BATCH, sizeof(*values));
	struct dmem_order_value *orders = calloc(BATCH, sizeof(*orders));
	struct dmem_region_key *keys = calloc(BATCH, sizeof(*keys));
	LIBBPF_OPTS(bpf_map_batch_opts, opts);

	if (!values || !orders || !keys)
		die("memory");
	for (__u32 done = 0, nr; done < regions; done += nr) {
		nr = regions - done < BATCH ? regions - done : BATCH;
		for (__u32 i = 0, at = done; i < nr; i++, at++) {
			keys[i].vm = 1 + at % vms;
			keys[i].region = at / vms;
			values[i].misses = at % 1000;
			values[i].local_pages = (__u16)(at % 512);
			values[i].remote_pages = (__u16)(512 - at % 512);
			values[i].touched[at % 8] = ~0ULL;
			values[i].epoch = 1 + at % 5;
			orders[i].order = at % 10;
		}
		__u32 count = nr;

		if (bpf_map_update_batch(map_fd[DMEM_PLANE_REGIONS], keys, values, &count, &opts))
			die("regions");
		count = nr;
		if (bpf_map_update_batch(map_fd[DMEM_PLANE_ORDERS], keys, orders, &count, &opts))
			die("orders");
	}
	free(values);
	free(orders);
	free(keys);
}

/* A decision about each VM memory in turn. */
static void put_journal(__u32 vms, __u64 tick)
{
	static struct dmem_journal journal = { .pid = 1, .interval_ns = CHANGE_US * 1000ULL,
					       .mode = "auto" };
	struct dmem_decision decision = { .time_ns = dmem_clock_ns(), .from = 2, .order = 4 };
	struct dmem_error error;

	if (!vms)
		return;
	decision.vm = 1 + (__u32)tick % vms;
	decision.region = (__u32)tick;
	snprintf(decision.name, sizeof(decision.name), "vm%u", decision.vm);
	snprintf(decision.reason, sizeof(decision.reason), "neighbours 0.90 likely: round %llu",
		 (unsigned long long)tick);
	dmem_journal_add(&journal, &decision);
	journal.round_ns = decision.time_ns;
	journal.decisions = journal.rounds = tick;
	if (dmem_journal_write(DMEM_JOURNAL_FILE, &journal, &error))
		die(error.text);
}

static void put_all(__u32 vms, __u64 tick, void *cpus)
{
	put_journal(vms, tick);
	for (__u32 vm = 1; vm <= vms; vm++)
		put_vm(vm, tick, cpus);
}

/* Until it is told to end. */
static void go_on(__u32 vms, void *cpus)
{
	for (__u64 tick = 2;; tick++) {
		usleep(CHANGE_US);
		put_all(vms, tick, cpus);
	}
}

static int run(char **argv)
{
	__u64 began_ns = dmem_clock_ns();
	struct rusage usage;
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		die(argv[0]);
	fprintf(stderr, "plane: cpu_ms %lld max_rss_kib %ld wall_ms %llu\n",
		(long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
		(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000, usage.ru_maxrss,
		(unsigned long long)(dmem_clock_ns() - began_ns) / 1000000);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct dmem_version version = { DMEM_MAPS_VERSION, 2 << 20 };
	struct dmem_epoch epoch = { .number = 5 };
	__u32 zero = 0, vms, regions = 0;
	__u64 gib = 0;
	pid_t changes;
	void *cpus;
	int status;

	if (argc < 4)
		return 2;
	vms = (__u32)atoi(argv[1]);
	sscanf(argv[2], "%u:%llu", &regions, (unsigned long long *)&gib);
	if (gib)
		vm_bytes = gib << 30;
	while (vms && vm_bytes / (2 << 20) * vms < regions)
		vm_bytes *= 2;
	nr_cpus = libbpf_num_possible_cpus();
	cpus = calloc((size_t)nr_cpus, sizeof(struct dmem_latency_value));
	if (!cpus || nr_cpus < 1)
		die("memory");
	make_maps();
	put(DMEM_PLANE_VERSION, &zero, &version);
	put(DMEM_PLANE_EPOCH, &zero, &epoch);
	put_all(vms, 1, cpus);
	put_regions(vms ? vms : 1, regions);
	changes = fork();
	if (!changes)
		go_on(vms, cpus);
	status = run(argv + 3);
	kill(changes, SIGKILL);
	waitpid(changes, NULL, 0);
	return status;
}
