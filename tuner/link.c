// SPDX-License-Identifier: GPL-2.0
/*
 * link.c - what fetches cost, from what the plane measured: the link by the times of requests, the
 * host by how fast it is, direct memory by what became of evicted pages. docs/tuner.md derives it.
 */
#include <math.h>
#include <sys/mman.h>
#include <time.h>

#include "judge.h"

/* Until single pages and longer requests have both been timed: 100 Gb/s at 3 us, DESIGN. */
#define DEFAULT_REQUEST_NS	3000.0
#define DEFAULT_PAGE_SHARE	0.1
#define TIMED_MIN		16
/* The difference of two times over fewer pages than this is mostly the noise of both. */
#define TIMED_MIN_PAGES		8

/* Evicted pages that tell what they are worth, and the least that they are. */
#define EVICTED_MIN		256
/* Pages in one round that say how fast it goes. */
#define LATEST_MIN		64
#define REFETCH_MIN		0.01
/* What was measured counts half after so many seconds. */
#define HALF_LIFE_S		1.0
/* The part of the direct limit that unmapped pages wait in to be evicted: docs/core.md. */
#define INACTIVE_SHARE		4

/*
 * Asking for a page besides the demanded one takes the host 0.4 times as long as the first touch of
 * a page of plain memory (make bench: 1.6 us of 4.1 us; both allocate, describe and count a page).
 */
#define HOST_SHARE		0.4
#define HOST_PAGES		512
#define PAGE_BYTES		4096

static double host_ns;

/* Of this thread alone: on a busy host others' time is no measure. */
static double thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double tune_host_ns(void)
{
	return host_ns;
}

void tune_set_host_ns(double ns)
{
	host_ns = ns;
}

/* The best of some, because whatever else runs makes it longer. */
void tune_measure_host(void)
{
	double least_ns = INFINITY;

	for (int turn = 0; turn < 3; turn++) {
		volatile char *pages = mmap(NULL, HOST_PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		double began_ns;

		if (pages == MAP_FAILED)
			return;
		/* Page by page, as guest memory is mapped. */
		madvise((void *)pages, HOST_PAGES * PAGE_BYTES, MADV_NOHUGEPAGE);
		began_ns = thread_ns();
		for (int page = 0; page < HOST_PAGES; page++)
			pages[page * PAGE_BYTES] = 1;
		least_ns = fmin(least_ns, (thread_ns() - began_ns) / HOST_PAGES);
		munmap((void *)pages, HOST_PAGES * PAGE_BYTES);
	}
	host_ns = HOST_SHARE * least_ns;
}

/* The demanded page's time, of the order whose faults find the link free most often; 0: none. */
static double single_ns(const struct tune_costs *costs)
{
	double least_ns = 0;

	for (int order = 0; order < MODEL_ORDERS; order++) {
		double ns = costs->fetch_ns[order];

		if (costs->fetches[order] < TIMED_MIN)
			continue;
		ns /= costs->fetches[order];
		if (!least_ns || ns < least_ns)
			least_ns = ns;
	}
	return least_ns;
}

/*
 * What a page adds to a request's time: of the order where it is least, for requests of larger
 * orders wait behind each other.
 */
static double page_ns(const struct tune_costs *costs, double single)
{
	double least_ns = INFINITY;

	for (int order = 0; order < MODEL_ORDERS; order++) {
		double requests = costs->rest_requests[order], pages, ns;

		if (requests < TIMED_MIN)
			continue;
		pages = costs->rest_pages[order] / requests;
		ns = costs->rest_ns[order] / requests - single;
		if (pages >= TIMED_MIN_PAGES && ns > 0)
			least_ns = fmin(least_ns, ns / (pages - 1));
	}
	return isfinite(least_ns) ? fmin(least_ns, single) : single * DEFAULT_PAGE_SHARE;
}

/* How much longer than alone demanded pages took, for each page that none asked for. */
static double queue_ns(const struct tune_costs *costs, double single)
{
	double waited_ns = 0, pages = 0;

	for (int order = 0; order < MODEL_ORDERS; order++) {
		waited_ns += costs->fetch_ns[order] - single * costs->fetches[order];
		pages += costs->rest_pages[order];
	}
	return pages >= TIMED_MIN && waited_ns > 0 ? waited_ns / pages : 0;
}

/* Evicted to make room for what was fetched; not because the limit was lowered. */
static double replaced(const struct tune_costs *costs)
{
	return fmin(costs->evicted, costs->fetched);
}

/*
 * A page that is found in the inactive list, a quarter of the limit, would have been missed if it
 * had been evicted a little earlier. An unused page takes a frame of that list until the list has
 * turned over, once for each page of it that is evicted: it costs as many hits as are found there
 * for each evicted page.
 */
static double refetch(const struct tune_costs *costs)
{
	if (replaced(costs) < EVICTED_MIN)
		return 0;
	return fmin(fmax(costs->reused / replaced(costs), REFETCH_MIN), 1);
}

/* What too little is known of stays as it was. */
static void link_follow(struct model_link *link, const struct tune_costs *costs)
{
	double single = single_ns(costs), again = refetch(costs);

	link->host_ns = host_ns;
	if (again > 0)
		link->refetch = again;
	if (single > 0) {
		link->page_ns = page_ns(costs, single);
		link->request_ns = single - link->page_ns;
		link->queue_ns = queue_ns(costs, single);
	} else if (!link->request_ns) {
		link->request_ns = DEFAULT_REQUEST_NS * (1 - DEFAULT_PAGE_SHARE);
		link->page_ns = DEFAULT_REQUEST_NS * DEFAULT_PAGE_SHARE;
	}
}

/* More counts are told of before others: no difference is below zero. */
static __u64 less(__u64 count, __u64 by)
{
	return count > by ? count - by : 0;
}

/*
 * Pages found local that had been unmapped to be evicted: soft faults that were no first uses. A
 * first use that had to wait for its page, on its way already, was a fault and no soft one.
 */
static double reused_pages(const struct dmem_vm_stats *stats)
{
	__u64 fetches = less(stats->fetched_pages, stats->prefetched_pages);
	__u64 waits = less(stats->faults, stats->zero_fills + fetches);

	return (double)less(stats->soft_faults, less(stats->prefetched_used_pages, waits));
}

struct tune_costs tune_costs_of(const struct dmem_vm_stats *stats)
{
	return (struct tune_costs){
		.fetches[0] = stats->fetched_pages - stats->prefetched_pages,
		.fetch_ns[0] = stats->fetch_ns,
		.rest_requests[1] = stats->prefetches,
		.rest_pages[1] = stats->prefetched_pages,
		.rest_ns[1] = stats->prefetch_latency_ns,
		.evicted = stats->evicted_pages,
		.fetched = stats->fetched_pages,
		.reused = reused_pages(stats),
	};
}

struct model_link tune_link(const struct dmem_vm_stats *stats)
{
	struct tune_costs costs = tune_costs_of(stats);
	struct model_link link = {};

	link_follow(&link, &costs);
	return link;
}

void tune_costs_add(struct tune_costs *to, const struct dmem_latency_value *value)
{
	for (int order = 0; order < MODEL_ORDERS; order++) {
		for (int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++)
			to->fetches[order] += value->fetches[order][slot];
		to->fetch_ns[order] += value->fetch_ns[order];
		to->rest_requests[order] += value->rest_requests[order];
		to->rest_pages[order] += value->rest_pages[order];
		to->rest_ns[order] += value->rest_ns[order];
	}
}

/* What there was counts @keep as much; what is new since the last reading is added. */
static void costs_follow(double *cost, double keep, double now, double last)
{
	*cost = *cost * keep + fmax(now - last, 0);
}

void tune_vm_measure(struct tune_vm *vm, const struct tune_costs *told, double seconds)
{
	struct tune_costs *costs = &vm->costs, *last = &vm->last;
	double keep = exp2(-seconds / HALF_LIFE_S), rate;
	struct tune_costs now = *told, latest;

	now.evicted = vm->now.stats.evicted_pages;
	now.fetched = vm->now.stats.fetched_pages;
	now.reused = reused_pages(&vm->now.stats);
	for (int i = 0; i < MODEL_ORDERS; i++) {
		costs_follow(&costs->fetches[i], keep, now.fetches[i], last->fetches[i]);
		costs_follow(&costs->fetch_ns[i], keep, now.fetch_ns[i], last->fetch_ns[i]);
		costs_follow(&costs->rest_requests[i], keep, now.rest_requests[i],
			     last->rest_requests[i]);
		costs_follow(&costs->rest_pages[i], keep, now.rest_pages[i], last->rest_pages[i]);
		costs_follow(&costs->rest_ns[i], keep, now.rest_ns[i], last->rest_ns[i]);
	}
	costs_follow(&costs->evicted, keep, now.evicted, last->evicted);
	costs_follow(&costs->fetched, keep, now.fetched, last->fetched);
	costs_follow(&costs->reused, keep, now.reused, last->reused);
	costs->seconds = costs->seconds * keep + seconds;
	latest = (struct tune_costs){ .evicted = now.evicted - last->evicted,
				      .fetched = now.fetched - last->fetched };
	*last = now;
	link_follow(&vm->link, costs);
	rate = costs->seconds > 0 ? replaced(costs) / costs->seconds : 0;
	/* A guest that begins to page does so at once; the average would say it a second late. */
	if (replaced(&latest) >= LATEST_MIN)
		rate = fmax(rate, replaced(&latest) / seconds);
	vm->stay_ns = 0;
	if (rate >= 1)
		vm->stay_ns = (__u64)((double)vm->now.value.direct_limit_bytes / PAGE_BYTES /
				      INACTIVE_SHARE / rate * 1e9);
}
