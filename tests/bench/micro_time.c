// SPDX-License-Identifier: GPL-2.0
/*
 * micro_time.c - the clock, the loop that touches pages, and what is told of the stamps.
 *
 * The stamps' own cost is measured on a page that is mapped, and taken off.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#include "micro.h"

#define CALIBRATION_NS	100000000UL
#define CALIBRATIONS	1000

struct stamp stamps[MAX_STAMPS];
static double ns_per_tick;

uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* Nothing before it is still under way, and nothing after it has begun. */
static inline uint64_t ticks(void)
{
	uint64_t now;

	_mm_lfence();
	now = __rdtsc();
	_mm_lfence();
	return now;
}

static double ticks_to_ns(uint64_t ticks)
{
	return ticks * ns_per_tick;
}

void calibrate_clock(void)
{
	uint64_t ns = clock_ns(), start = ticks();

	while (clock_ns() - ns < CALIBRATION_NS)
		;
	ns_per_tick = (double)(clock_ns() - ns) / (ticks() - start);
	/* No fault of these may be counted as a page's. */
	for (size_t i = 0; i < MAX_STAMPS; i++)
		stamps[i].end = 1;
}

void touch_here(char *map, size_t step_pages, size_t nr, bool write, struct stamp *to)
{
	for (size_t i = 0; i < nr; i++) {
		volatile char *page = map + i * step_pages * PAGE;
		uint64_t start = ticks();

		if (write)
			*page = 1;
		else
			(void)*page;
		to[i].end = ticks();
		to[i].start = start;
	}
}

static int compare(const void *a, const void *b)
{
	double one = *(const double *)a, two = *(const double *)b;

	return one < two ? -1 : one > two;
}

/* Sorts them. */
double median(double *samples, size_t nr)
{
	qsort(samples, nr, sizeof(*samples), compare);
	return samples[nr / 2];
}

static void print_case(const char *prefix, const char *name, double *samples, size_t nr,
		       double mean)
{
	double p50;

	if (!nr)
		die("%s: nothing was measured", name);
	p50 = median(samples, nr);
	printf("{\"case\": \"%s%s\", \"samples\": %zu, \"mean_ns\": %.0f, \"p50_ns\": %.0f, "
	       "\"p99_ns\": %.0f}\n", prefix, name, nr, mean, p50,
	       samples[nr * 99 / 100]);
	fflush(stdout);
}

static double mean_of(const double *samples, size_t nr)
{
	double sum = 0;

	for (size_t i = 0; i < nr; i++)
		sum += samples[i];
	return sum / nr;
}

/* One line of samples in nanoseconds, which are sorted by the way. */
void report_samples(const char *name, double *samples, size_t nr)
{
	print_case("", name, samples, nr, mean_of(samples, nr));
}

static double samples[MAX_STAMPS];

static void sample_accesses(const struct toucher *toucher, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		samples[i] = ticks_to_ns(stamps[i].end - stamps[i].start) -
			     ticks_to_ns(toucher->access_ticks);
}

double median_access(const struct toucher *toucher, size_t nr)
{
	sample_accesses(toucher, nr);
	return median(samples, nr);
}

/* Each access for itself. */
void report_accesses(const struct toucher *toucher, const char *name, size_t nr)
{
	sample_accesses(toucher, nr);
	print_case(toucher->prefix, name, samples, nr, mean_of(samples, nr));
}

/**
 * report_batches - runs of accesses, with what happened between them
 * @toucher: made the first @nr stamps
 * @batch: accesses of one sample
 * @pages: that a sample brought into use: what its time is divided by
 */
void report_batches(const struct toucher *toucher, const char *name, size_t nr, size_t batch,
		    size_t pages)
{
	size_t nr_batches = nr / batch;

	for (size_t i = 0; i < nr_batches; i++) {
		size_t next = (i + 1) * batch;
		uint64_t end = next < nr ? stamps[next].start :
			       stamps[next - 1].end + toucher->loop_ticks - toucher->access_ticks;

		samples[i] = ticks_to_ns(end - stamps[i * batch].start -
					 batch * toucher->loop_ticks) / pages;
	}
	print_case(toucher->prefix, name, samples, nr_batches, mean_of(samples, nr_batches));
}

/* What an access costs that costs nothing: to a page that is mapped, over and over. */
void measure_toucher(struct toucher *toucher, char *mapped)
{
	double accesses[CALIBRATIONS], loops[CALIBRATIONS - 1];

	toucher->touch(mapped, 0, CALIBRATIONS, true, stamps);
	toucher->touch(mapped, 0, CALIBRATIONS, true, stamps);
	for (size_t i = 0; i < CALIBRATIONS; i++)
		accesses[i] = stamps[i].end - stamps[i].start;
	for (size_t i = 0; i < CALIBRATIONS - 1; i++)
		loops[i] = stamps[i + 1].start - stamps[i].start;
	toucher->access_ticks = median(accesses, CALIBRATIONS);
	toucher->loop_ticks = median(loops, CALIBRATIONS - 1);
}
