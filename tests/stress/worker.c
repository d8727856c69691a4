// SPDX-License-Identifier: GPL-2.0
/*
 * worker.c - a thread that writes, reads, punches and remaps, and knows what it must find.
 *
 * Any worker may touch any page. It takes the page's busy flag first, for ranges in ascending
 * order, so that the expectation and the page change as one; a single page that is busy is left
 * alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "stress.h"
#include "tests/pages.h"

#define PUNCH_MAX_PAGES	200
#define RUN_PAGES	32

static bool page_try_lock(struct round *round, uint64_t page)
{
	return !atomic_exchange(&round->states[page].busy, true);
}

static void page_lock(struct round *round, uint64_t page)
{
	while (!page_try_lock(round, page))
		sched_yield();
}

static void page_unlock(struct round *round, uint64_t page)
{
	atomic_store(&round->states[page].busy, false);
}

char *map_vm(struct round *round)
{
	void *map = mmap(NULL, round->pages * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			 round->fd, 0);

	if (map == MAP_FAILED) {
		round_fail(round, "mmap: %s", strerror(errno));
		return NULL;
	}
	return map;
}

/* The page is the caller's. */
bool check_page(struct round *round, const char *at, uint64_t page)
{
	const struct page_state *state = &round->states[page];
	char why[400];

	if (page_verify(at, page, state->writer, state->seq, why, sizeof(why)))
		return true;
	round_fail(round, "%s", why);
	return false;
}

static void read_page(struct worker *worker, uint64_t page)
{
	check_page(worker->round, worker->map + page * PAGE_BYTES, page);
	worker->reads++;
}

static void write_page(struct worker *worker, uint64_t page)
{
	struct page_state *state = &worker->round->states[page];

	state->writer = worker->number;
	state->seq++;
	page_fill(worker->map + page * PAGE_BYTES, page, state->writer, state->seq);
	worker->writes++;
}

/* Through get_user_pages(): as O_DIRECT, vhost and KVM come by pages. */
static void gup_page(struct worker *worker, uint64_t page, bool write)
{
	struct round *round = worker->round;
	struct page_state *state = &round->states[page];
	_Alignas(8) char copy[PAGE_BYTES];
	struct iovec here = { copy, PAGE_BYTES };
	struct iovec there = { worker->map + page * PAGE_BYTES, PAGE_BYTES };
	ssize_t done;

	if (write) {
		state->writer = worker->number;
		state->seq++;
		page_fill(copy, page, state->writer, state->seq);
		done = process_vm_writev(getpid(), &here, 1, &there, 1, 0);
	} else {
		done = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
	}
	worker->gups++;
	if (done != (ssize_t)PAGE_BYTES)
		round_fail(round, "page %lu through get_user_pages: %zd: %s", page, done,
			   strerror(errno));
	else
		check_page(round, copy, page);
}

static void punch(struct worker *worker, uint64_t first)
{
	struct round *round = worker->round;
	uint64_t nr = 1 + random_below(&worker->random, PUNCH_MAX_PAGES);
	uint64_t end = first + nr < round->pages ? first + nr : round->pages;
	char *at = worker->map + first * PAGE_BYTES;
	int err;

	for (uint64_t page = first; page < end; page++)
		page_lock(round, page);
	if (worker->random % 2)
		err = fallocate(round->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				first * PAGE_BYTES, (end - first) * PAGE_BYTES);
	else
		err = madvise(at, (end - first) * PAGE_BYTES, MADV_REMOVE);
	if (err)
		round_fail(round, "punch: %s", strerror(errno));
	for (uint64_t page = first; page < end; page++) {
		round->states[page].seq = 0;
		page_unlock(round, page);
	}
	worker->punches++;
}

static void remap(struct worker *worker, unsigned int how)
{
	size_t bytes = worker->round->pages * PAGE_BYTES;
	void *to = MAP_FAILED;

	worker->remaps++;
	switch (how % 4) {
	case 0:
		munmap(worker->map, bytes);
		worker->map = map_vm(worker->round);
		return;
	case 1:
		to = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (to != MAP_FAILED)
			to = mremap(worker->map, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
		if (to == MAP_FAILED)
			round_fail(worker->round, "mremap: %s", strerror(errno));
		else
			worker->map = to;
		return;
	case 2:
		/* Of a shared mapping: the pages stay, the page tables do not. */
		if (madvise(worker->map, bytes, MADV_DONTNEED))
			round_fail(worker->round, "MADV_DONTNEED: %s", strerror(errno));
		return;
	default:
		if (mprotect(worker->map, bytes, PROT_READ) ||
		    mprotect(worker->map, bytes, PROT_READ | PROT_WRITE))
			round_fail(worker->round, "mprotect: %s", strerror(errno));
	}
}

/* Neighbours, one after another: what prefetching is for. */
static void read_run(struct worker *worker, uint64_t first)
{
	struct round *round = worker->round;
	uint64_t end = first + RUN_PAGES < round->pages ? first + RUN_PAGES : round->pages;

	for (uint64_t page = first; page < end && !round->stop; page++) {
		if (!page_try_lock(round, page))
			continue;
		read_page(worker, page);
		page_unlock(round, page);
	}
}

/* Half of the accesses go to an eighth of the memory. */
static uint64_t pick_page(struct worker *worker)
{
	uint64_t pages = worker->round->pages;

	if (next_random(&worker->random) >> 63)
		pages /= 8;
	return random_below(&worker->random, pages);
}

static void step(struct worker *worker)
{
	unsigned int dice = random_below(&worker->random, 1000);
	uint64_t page = pick_page(worker);

	if (dice < 3) {
		remap(worker, worker->random >> 20);
		return;
	}
	if (dice < 8) {
		punch(worker, page);
		return;
	}
	if (dice < 40) {
		read_run(worker, page);
		return;
	}
	if (!page_try_lock(worker->round, page))
		return;
	if (dice < 100)
		gup_page(worker, page, dice % 2);
	else if (dice < 500)
		write_page(worker, page);
	else
		read_page(worker, page);
	page_unlock(worker->round, page);
}

void *worker_run(void *arg)
{
	struct worker *worker = arg;

	worker->map = map_vm(worker->round);
	while (!worker->round->stop && worker->map)
		step(worker);
	if (worker->map)
		munmap(worker->map, worker->round->pages * PAGE_BYTES);
	return NULL;
}
