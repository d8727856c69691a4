/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stress.h - what the parts of the stress test share: one VM memory, what each of its pages must
 * hold, and the end of a round.
 *
 * A page's expectation belongs to whoever holds its busy flag. Everything else is atomic, or
 * constant while a round runs.
 */
#ifndef DMEM_STRESS_H
#define DMEM_STRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "uapi/dmem.h"

#define PAGE_BYTES	((size_t)DMEM_PAGE_BYTES)
#define POOL		"/run/dmem-stress"
#define VM_NAME		POOL "/vm"
#define WORKERS_MAX	64

/* What a page must hold: seq 0 is zero. */
struct page_state {
	atomic_bool busy;
	uint8_t writer;
	uint32_t seq;
};

struct round {
	int fd;
	uint64_t pages;
	unsigned int factor;		/* footprint: so many times the direct limit */
	uint64_t seed;
	struct page_state *states;
	atomic_bool stop;
	atomic_bool failed;
	char why[600];			/* written by the first that fails */
	atomic_ulong policies, kills, neighbours, settings, flushes, pins, unverified;
};

struct worker {
	pthread_t thread;
	struct round *round;
	unsigned int number;		/* of the writer, in its pages */
	uint64_t random;
	char *map;			/* its own: it comes and goes, and moves */
	atomic_ulong reads, writes, punches, remaps, gups;
};

/* xorshift64*: all that a round decides follows from its seed, but for the order of events. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
	return (next_random(state) >> 16) % limit;
}

/* The first failure of a round; the others follow from it. Ends the round. */
void round_fail(struct round *round, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* worker.c */
void *worker_run(void *arg);
char *map_vm(struct round *round);
bool check_page(struct round *round, const char *at, uint64_t page);

/* disturb.c */
bool disturb_setup(void);
void disturb_end(void);
#define DISTURBERS 6
extern void *(*const disturbers[DISTURBERS])(void *);

#endif /* DMEM_STRESS_H */
