// SPDX-License-Identifier: GPL-2.0
/*
 * meanwhile.c - does the guest go on while one of its tasks waits for remote memory? One thread
 * reads pages that were written long ago, another counts. The reader has the CPU whenever it can
 * run (SCHED_FIFO): the counter gets what the reader waits as a task, and nothing of what it waits
 * as a vCPU. Runs in the test guest with one CPU, statically linked. Usage: meanwhile BYTES READS
 *
 * Prints how fast the counter was beside the reader, in per cent of how fast it is alone.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE_BYTES 4096UL
/* Between two reads: no block that the host may fetch has both. */
#define STRIDE 64
#define ALONE_NS 1000000000UL

static atomic_bool stop;
static atomic_ulong count;

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000UL + now.tv_nsec;
}

static void *count_on(void *arg)
{
	(void)arg;
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
	return NULL;
}

/* Counts a second since *@then at the counts *@before; both become those of now. */
static double rate(uint64_t *then, unsigned long *before)
{
	uint64_t now = clock_ns();
	unsigned long after = count;
	double per_s = (after - *before) * 1e9 / (now - *then);

	*then = now;
	*before = after;
	return per_s;
}

int main(int argc, char **argv)
{
	uint64_t bytes = argc == 3 ? strtoull(argv[1], NULL, 10) : 0;
	unsigned long reads = argc == 3 ? strtoul(argv[2], NULL, 10) : 0, before = 0, sum = 0;
	struct sched_param first = { .sched_priority = 1 };
	struct timespec alone = { .tv_sec = ALONE_NS / 1000000000UL };
	uint64_t pages = bytes / PAGE_BYTES, then;
	double rate_alone, rate_beside;
	volatile uint64_t *memory;
	pthread_t counter;

	if (!reads || reads > pages / STRIDE) {
		fprintf(stderr, "usage: meanwhile BYTES READS\n");
		return 2;
	}
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		perror("meanwhile: mmap");
		return 1;
	}
	for (uint64_t page = 0; page < pages; page++)
		memory[page * (PAGE_BYTES / 8)] = page + 1;

	then = clock_ns();
	if (pthread_create(&counter, NULL, count_on, NULL)) {
		fprintf(stderr, "meanwhile: no second thread\n");
		return 1;
	}
	nanosleep(&alone, NULL);
	rate_alone = rate(&then, &before);
	if (sched_setscheduler(0, SCHED_FIFO, &first)) {
		perror("meanwhile: SCHED_FIFO");
		return 1;
	}
	for (uint64_t page = 0; page < reads * STRIDE; page += STRIDE)
		sum += memory[page * (PAGE_BYTES / 8)] == page + 1;
	rate_beside = rate(&then, &before);
	stop = true;
	pthread_join(counter, NULL);
	printf("meanwhile: %lu of %lu pages right, counted at %.0f %% of the speed alone\n", sum,
	       reads, 100 * rate_beside / rate_alone);
	return sum == reads ? 0 : 1;
}
