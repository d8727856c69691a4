// SPDX-License-Identifier: GPL-2.0
/*
 * micro_rdma.c - pages of a donor by RDMA: a dmem-memnode on this host, which the caller has
 * started, over soft-RoCE. How long one takes and a block of 64 KiB, what several fetches at once
 * come to, and what CPU time the donor's process needs for them.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "micro.h"
#include "uapi/dmem.h"

#define OPTIONS_LEN	128
#define ROUNDS		8UL
#define ROUND_PAGES	(2 * PAGES / ROUNDS)
#define THREADS_MAX	16UL

struct reader {
	pthread_t thread;
	volatile char *first;
	size_t nr;
};

/* Nanoseconds on a CPU of all threads that a process has; those of this one have not ended yet. */
static uint64_t cpu_ns(const char *pid)
{
	char path[300];
	struct dirent *entry;
	uint64_t sum = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	tasks = opendir(path);
	if (!tasks)
		die("%s: %s", path, strerror(errno));
	while ((entry = readdir(tasks))) {
		if (*entry->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/task/%s/schedstat", pid, entry->d_name);
		sum += read_number(path, NULL);
	}
	closedir(tasks);
	return sum;
}

static void make_options(char *options, const char *address, const char *more)
{
	snprintf(options, OPTIONS_LEN, "donor=rdma:%s,direct=100%%%s", address, more);
}

/* One page after another; nanoseconds of the donor's a page, which are milliseconds a million. */
static void read_pages(const char *address, const char *donor_pid)
{
	char options[OPTIONS_LEN];
	uint64_t before_ns;
	double donor_ns;
	struct vm vm;

	make_options(options, address, "");
	vm = vm_make(options, 2 * PAGES);
	before_ns = cpu_ns(donor_pid);
	remote_read(&host, &vm);
	donor_ns = (cpu_ns(donor_pid) - before_ns) / (2.0 * PAGES);
	report_accesses(&host, "rdma-read-4k", PAGES);
	printf("{\"case\": \"rdma-donor-cpu\", \"samples\": 1, \"mean_ns\": %.3f, \"p50_ns\": %.3f, "
	       "\"p99_ns\": %.3f, \"pages\": %lu}\n", donor_ns, donor_ns, donor_ns, 2 * PAGES);
	fflush(stdout);
	vm_end(&vm);
}

static void *read_share(void *arg)
{
	struct reader *reader = arg;

	for (size_t i = 0; i < reader->nr; i++)
		(void)reader->first[i * PAGE];
	return NULL;
}

/* Nanoseconds a page where so many threads read next to each other: each has one under way. */
static double read_at_once(char *map, size_t nr_threads)
{
	static struct reader readers[THREADS_MAX];
	uint64_t start_ns = clock_ns();

	for (size_t i = 0; i < nr_threads; i++) {
		readers[i].nr = ROUND_PAGES / nr_threads;
		readers[i].first = map + i * readers[i].nr * PAGE;
		if (pthread_create(&readers[i].thread, NULL, read_share, &readers[i]))
			die("pthread_create");
	}
	for (size_t i = 0; i < nr_threads; i++)
		pthread_join(readers[i].thread, NULL);
	return (double)(clock_ns() - start_ns) / ROUND_PAGES;
}

static void bench_at_once(const char *address, size_t nr_threads)
{
	double samples[ROUNDS - 1];
	char options[OPTIONS_LEN], name[64];
	uint64_t before;
	struct vm vm;

	make_options(options, address, "");
	snprintf(name, sizeof(name), "rdma-read-at-once-%zu", nr_threads);
	vm = vm_make(options, 2 * PAGES);
	read_at_once(vm.map, nr_threads);
	before = vm_get(&vm).fetched_pages;
	for (size_t i = 1; i < ROUNDS; i++)
		samples[i - 1] = read_at_once(vm.map + i * ROUND_PAGES * PAGE, nr_threads);
	must_have_counted(name, before, vm_get(&vm).fetched_pages, (ROUNDS - 1) * ROUND_PAGES);
	report_samples(name, samples, ROUNDS - 1);
	vm_end(&vm);
}

/**
 * bench_rdma - pages of a donor by RDMA
 * @address: of it, for donor=rdma:
 * @donor_pid: its process
 */
void bench_rdma(const char *address, const char *donor_pid)
{
	static const size_t at_once[] = { 1, 4, THREADS_MAX };
	char options[OPTIONS_LEN];

	read_pages(address, donor_pid);
	make_options(options, address, ",order=4");
	read_blocks(options, "rdma-read-64k", 4, true);
	for (size_t i = 0; i < sizeof(at_once) / sizeof(*at_once); i++)
		bench_at_once(address, at_once[i]);
}
