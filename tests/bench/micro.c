// SPDX-License-Identifier: GPL-2.0
/*
 * micro.c - what one 4 KiB page costs, by way of getting it: ordinary memory, dmem, and what a
 * user would pick instead. Prints one JSON object a case: samples, and nanoseconds per page as
 * mean, median and 99th percentile. Fails where a case did not do what its name says.
 *
 * Every case warms up on as many pages as it measures. A sample is one access, timed alone, and
 * the mean is theirs, unless what an access causes is done at other times: by the evictor, by
 * the interrupt that brings the rest of a block, by readahead. There a sample is a run of
 * accesses from one's start to another's, with all that happened in between, and the mean is the
 * whole loop's time per page. On one CPU everything that was done for the pages is in it, once.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "micro.h"

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "micro: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

void must_have_counted(const char *what, uint64_t before, uint64_t after, uint64_t least)
{
	if (after - before < least)
		die("%s: only %lu of %lu", what, after - before, least);
}

char *map_anonymous(size_t pages)
{
	char *map = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	if (map == MAP_FAILED || madvise(map, pages * PAGE, MADV_NOHUGEPAGE))
		die("mmap: %s", strerror(errno));
	return map;
}

uint64_t minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

uint64_t read_number(const char *path, const char *word)
{
	FILE *file = fopen(path, "re");
	unsigned long long number;
	char found[64];
	int got;

	if (!file)
		die("%s: %s", path, strerror(errno));
	if (!word)
		got = fscanf(file, "%llu", &number) == 1;
	else
		while ((got = fscanf(file, "%63s %llu", found, &number)) == 2 && strcmp(found, word))
			;
	fclose(file);
	if (got <= 0)
		die("%s: no number %s", path, word ? word : "in it");
	return number;
}

static void bench_host(void)
{
	bench_cases(&host);
}

static void bench_guest(void)
{
	guest_start();
	bench_cases(&guest);
	guest_stop();
}

static const char usage[] =
	"usage: micro host | kvm | orders | uffd | stages\n"
	"       micro plane NAME PROGRAM...   (those attached)\n"
	"       micro rdma ADDRESS PID   (of a donor on this host)\n"
	"       micro scaling vcpus | vcpus-anon | threads | threads-anon\n"
	"       micro swap DEVICE NAME PAGE_CLUSTER [PACKET_COUNTER MEMORY_RECLAIM]\n";

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} parts[] = {
		{ "host", bench_host }, { "kvm", bench_guest }, { "orders", bench_orders },
		{ "uffd", bench_uffd }, { "stages", bench_stages },
	};
	const char *part = argc > 1 ? argv[1] : "";

	calibrate_clock();
	measure_toucher(&host, map_anonymous(1));
	for (size_t i = 0; argc == 2 && i < sizeof(parts) / sizeof(*parts); i++)
		if (!strcmp(part, parts[i].name)) {
			parts[i].run();
			return 0;
		}
	if (argc == 3 && !strcmp(part, "scaling") && bench_scaling(argv[2])) {
		return 0;
	} else if (argc == 4 && !strcmp(part, "rdma")) {
		bench_rdma(argv[2], argv[3]);
	} else if (argc > 3 && !strcmp(part, "plane")) {
		bench_plane(argv[2], argv + 3);
	} else if ((argc == 5 || argc == 7) && !strcmp(part, "swap")) {
		bench_swap(argv[2], argv[3], argv[4], argc == 7 ? argv[5] : NULL,
			   argc == 7 ? argv[6] : NULL);
	} else {
		fputs(usage, stderr);
		return 2;
	}
	return 0;
}
