// SPDX-License-Identifier: GPL-2.0
/*
 * sim.c - accesses against the simulated core: faults, fetches, the link.
 *
 * The guest is one thread: its clock goes on by the recorded time between accesses, and by what it
 * waits. Counts are kept as the BPF plane keeps them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim_core.h"
#include "uapi/dmem.h"

/* core-kmod/core.h, budget.c */
#define REQUEST_PAGES	64U
#define NEAR_ORDER	4U

/*
 * A request for the rest of a block interrupts the guest when it arrives. With redis at orders 2
 * and 4 (make bench) each page that came for nothing cost 6.5 and 3.3 us, of which a page's own
 * share is 2.5 and the rest is its request's: 12 us, where the host's work for a page is 1.6.
 */
#define ARRIVAL_PAGES	7.5
#define LOW_DIVISOR	32
#define LOW_MIN_PAGES	8
#define LOW_MAX_PAGES	8192

static void drop(uint64_t *set, unsigned int page)
{
	set[page / 64] &= ~(1ULL << page % 64);
}

int sim_no_memory(const struct sim *sim)
{
	return dmem_fail(sim->error, ENOMEM, "%s", strerror(ENOMEM));
}

/*
 * The guest stands still while the host takes in what has come; one that waits does so anyway. On
 * its only CPU the worker, which asked for what is not near, had to run as well.
 */
static void interrupt(struct sim *sim, const struct sim_request *request)
{
	bool worked = request->is_far && sim->setup->is_one_cpu;
	double pages = ARRIVAL_PAGES + (worked ? request->nr_pages : 0);
	uint64_t ns = (uint64_t)(pages * sim->setup->link.host_ns);

	sim->result->figures.stall_ns += ns;
	sim->result->cause_ns[SIM_HOST] += ns;
	sim->now_ns += ns;
}

/* Pages of a request that has come: local, and not touched yet. */
static void deliver(struct sim *sim, const struct sim_request *request)
{
	struct sim_region *region = request->region;

	for (unsigned int word = 0; word < STREAM_WORDS; word++) {
		region->fetching[word] &= ~request->pages[word];
		region->unmapped[word] |= request->pages[word];
		region->young[word] |= request->pages[word];
	}
	region->value.fetched_pages += request->nr_pages;
	region->value.prefetched_pages += request->nr_pages;
	sim->vm.stats.fetched_pages += request->nr_pages;
	sim->vm.stats.prefetched_pages += request->nr_pages;
	sim->vm.stats.prefetches++;
	sim->vm.stats.prefetch_latency_ns += request->latency_ns;
}

/* Whatever has come by now, while the guest was running or waiting. */
static void deliver_due(struct sim *sim, bool is_running)
{
	while (sim->nr_requests && sim->requests[sim->first].due_ns <= sim->now_ns) {
		deliver(sim, &sim->requests[sim->first]);
		if (is_running)
			interrupt(sim, &sim->requests[sim->first]);
		sim->first = (sim->first + 1) % sim->room;
		sim->nr_requests--;
	}
}

static uint64_t request_ns(const struct sim *sim)
{
	return (uint64_t)sim->setup->link.request_ns;
}

static uint64_t page_ns(const struct sim *sim, unsigned int nr_pages)
{
	return (uint64_t)(nr_pages * sim->setup->link.page_ns);
}

/* A request made then that occupies the link after those before it; when it will have come. */
static uint64_t submit(struct sim *sim, uint64_t then_ns, unsigned int nr_pages)
{
	if (sim->busy_until_ns < then_ns)
		sim->busy_until_ns = then_ns;
	sim->busy_until_ns += page_ns(sim, nr_pages);
	return sim->busy_until_ns + request_ns(sim);
}

static struct sim_request *queue_request(struct sim *sim)
{
	struct sim_request *request;

	if (sim->nr_requests == sim->room) {
		size_t room = sim->room ? 2 * sim->room : 64;
		struct sim_request *longer = malloc(room * sizeof(*longer));

		if (!longer)
			return NULL;
		for (size_t i = 0; i < sim->nr_requests; i++)
			longer[i] = sim->requests[(sim->first + i) % sim->room];
		free(sim->requests);
		sim->requests = longer;
		sim->room = room;
		sim->first = 0;
	}
	request = &sim->requests[(sim->first + sim->nr_requests++) % sim->room];
	memset(request, 0, sizeof(*request));
	return request;
}

/* Pages that may be prefetched: each is taken only while the min watermark is free. */
static unsigned int prefetch_budget(const struct sim *sim)
{
	long spare = sim->limit - sim->held - sim->min + 1;

	return spare <= 0 ? 0 : spare < DMEM_MAP_REGION_PAGES ? (unsigned int)spare :
	       DMEM_MAP_REGION_PAGES;
}

/* Remote pages of a block that are not asked for yet, into a request. */
static void gather(struct sim_request *request, unsigned int next, unsigned int end,
		   unsigned int most)
{
	for (; next < end && request->nr_pages < most; next++) {
		if (!sim_has(request->region->remote, next))
			continue;
		sim_put(request->pages, next);
		request->nr_pages++;
	}
}

static unsigned int count_remote(const struct sim_region *region, unsigned int next,
				 unsigned int end)
{
	unsigned int nr = 0;

	for (; next < end; next++)
		nr += sim_has(region->remote, next);
	return nr;
}

/* Pages of a region, in requests of so many, made then; they are no more than @left. */
static int fetch_range(struct sim *sim, struct sim_region *region, unsigned int next,
		       unsigned int end, unsigned int left, uint64_t then_ns, bool is_far)
{
	while (left) {
		struct sim_request *request = queue_request(sim);

		if (!request)
			return sim_no_memory(sim);
		request->region = region;
		request->is_far = is_far;
		gather(request, next, end, left < REQUEST_PAGES ? left : REQUEST_PAGES);
		for (unsigned int word = 0; word < STREAM_WORDS; word++) {
			region->remote[word] &= ~request->pages[word];
			region->fetching[word] |= request->pages[word];
			region->prefetched[word] |= request->pages[word];
		}
		request->due_ns = submit(sim, then_ns, request->nr_pages);
		request->latency_ns = request->due_ns - then_ns;
		sim_hold(sim, region, request->nr_pages);
		left -= request->nr_pages;
	}
	return 0;
}

static unsigned int within(unsigned int pages, unsigned int most)
{
	return pages < most ? pages : most;
}

/*
 * The rest of a block, as far as the budget goes. The host asks for what is near while the demanded
 * page is on its way: @host_ns is when it has. A worker asks for the others, on a CPU of its own.
 */
static int fetch_rest(struct sim *sim, struct sim_region *region, unsigned int page,
		      unsigned int order, uint64_t *host_ns)
{
	unsigned int near = order < NEAR_ORDER ? order : NEAR_ORDER, first = page >> near << near;
	unsigned int start = page >> order << order, end = start + (1U << order);
	unsigned int pages = within(count_remote(region, first, first + (1U << near)),
				    prefetch_budget(sim));
	int err;

	*host_ns += (uint64_t)(pages * sim->setup->link.host_ns);
	err = fetch_range(sim, region, first, first + (1U << near), pages, *host_ns,
			  false);
	pages = within(count_remote(region, start, end), prefetch_budget(sim));
	return err ? err : fetch_range(sim, region, start, end, pages, *host_ns, true);
}

/* As the BPF plane's region_touch(). */
static void touch(struct sim *sim, struct sim_region *region, unsigned int page)
{
	if (region->value.epoch != (uint32_t)sim->epoch) {
		memset(region->value.touched, 0, sizeof(region->value.touched));
		region->value.epoch = (uint32_t)sim->epoch;
	}
	region->value.touched[page / 64] |= 1ULL << page % 64;
}

static unsigned int log2_of(unsigned int value)
{
	return 31 - (unsigned int)__builtin_clz(value);
}

/* As count_distance() there: a miss, or the first use of a prefetched page. */
static void note_demand(struct sim_region *region, unsigned int page)
{
	unsigned int last = region->last_demand, slot = DMEM_DISTANCE_ZERO;

	region->last_demand = (uint16_t)(page + 1);
	if (!last--)
		return;
	if (page > last)
		slot += 1 + log2_of(page - last);
	else if (page < last)
		slot -= 1 + log2_of(last - page);
	region->value.distance[slot]++;
}

/* The guest waits until then, unless that has passed. */
static void wait_until(struct sim *sim, uint64_t due_ns, enum sim_cause cause)
{
	if (due_ns > sim->now_ns) {
		sim->result->figures.stall_ns += due_ns - sim->now_ns;
		sim->result->cause_ns[cause] += due_ns - sim->now_ns;
		sim->now_ns = due_ns;
	}
	deliver_due(sim, false);
}

static void map_page(struct sim_region *region, unsigned int page)
{
	drop(region->remote, page);
	drop(region->unmapped, page);
	drop(region->prefetched, page);
	drop(region->young, page);
	sim_put(region->mapped, page);
}

/* The evictor works ahead: a fault finds nothing free only where all that may go is on its way. */
static void make_room(struct sim *sim)
{
	while (sim->high && sim->held >= sim->limit && sim->nr_requests) {
		wait_until(sim, sim->requests[sim->first].due_ns, SIM_ROOM);
		sim_evict(sim);
	}
}

static int fault_fetch(struct sim *sim, struct sim_region *region, unsigned int page)
{
	enum sim_cause kind = sim_miss_kind(sim, region, page);
	unsigned int order = sim_tuner_order(sim, region);
	uint64_t due_ns, alone_ns, host_ns;
	int err;

	make_room(sim);
	drop(region->remote, page);
	sim_hold(sim, region, 1);
	note_demand(region, page);
	touch(sim, region, page);
	region->value.misses++;
	region->value.fetched_pages++;
	sim->result->fetches[order]++;
	sim->result->figures.fetches++;
	sim->result->misses[kind]++;
	alone_ns = sim->now_ns + page_ns(sim, 1) + request_ns(sim);
	due_ns = submit(sim, sim->now_ns, 1);
	sim->vm.stats.faults++;
	sim->vm.stats.fetched_pages++;
	sim->vm.stats.fetches_by_order[order]++;
	sim->vm.stats.fetch_ns += due_ns - sim->now_ns;
	host_ns = sim->now_ns;
	err = order ? fetch_rest(sim, region, page, order, &host_ns) : 0;
	wait_until(sim, alone_ns, kind);
	wait_until(sim, due_ns, SIM_QUEUE);
	wait_until(sim, host_ns, SIM_HOST);
	map_page(region, page);
	return err;
}

/* Its page is on its way. */
static void fault_join(struct sim *sim, struct sim_region *region, unsigned int page)
{
	size_t at = sim->first;

	while (sim->requests[at].region != region || !sim_has(sim->requests[at].pages, page))
		at = (at + 1) % sim->room;
	note_demand(region, page);
	touch(sim, region, page);
	region->value.misses++;
	region->value.prefetched_used_pages++;
	sim->vm.stats.faults++;
	sim->vm.stats.prefetched_used_pages++;
	sim->result->figures.late++;
	sim->result->misses[SIM_LATE]++;
	wait_until(sim, sim->requests[at].due_ns, SIM_LATE);
	map_page(region, page);
}

/* Local, and not mapped. */
static void fault_soft(struct sim *sim, struct sim_region *region, unsigned int page)
{
	if (sim_has(region->prefetched, page)) {
		note_demand(region, page);
		region->value.prefetched_used_pages++;
		sim->vm.stats.prefetched_used_pages++;
	} else {
		region->reused = true;
	}
	touch(sim, region, page);
	region->value.soft_faults++;
	sim->vm.stats.soft_faults++;
	map_page(region, page);
}

/* Nothing of it is anywhere, or nothing that counts: it was released, and is zero again. */
static void fault_new(struct sim *sim, struct sim_region *region, unsigned int page, bool is_zero)
{
	if (is_zero) {
		touch(sim, region, page);
		region->value.zero_fills++;
		sim->vm.stats.zero_fills++;
		sim->vm.stats.faults++;
	} else {
		sim->result->figures.adopted++;
	}
	make_room(sim);
	sim_hold(sim, region, 1);
	map_page(region, page);
}

static int fault(struct sim *sim, struct sim_region *region, const struct stream_access *access)
{
	unsigned int page = access->page;
	int err = 0;

	if (sim_has(region->unmapped, page))
		fault_soft(sim, region, page);
	else if (sim_has(region->fetching, page))
		fault_join(sim, region, page);
	else if (sim_has(region->remote, page) && !access->is_zero)
		err = fault_fetch(sim, region, page);
	else
		fault_new(sim, region, page, access->is_zero);
	sim_evict(sim);
	return err;
}

static int access_page(struct sim *sim, const struct stream_access *access)
{
	struct sim_region *region = &sim->regions[access->region];
	int err = 0;

	if (sim_has(region->mapped, access->page))
		sim->result->figures.hits++;
	else
		err = fault(sim, region, access);
	return err ? err : sim_miss_wanted(sim, region, access->page);
}

static void set_limit(struct sim *sim, const struct stream *stream)
{
	long low;

	sim->limit = (long)sim->setup->limit_pages;
	low = sim->limit / LOW_DIVISOR;
	low = low < LOW_MIN_PAGES ? LOW_MIN_PAGES : low > LOW_MAX_PAGES ? LOW_MAX_PAGES : low;
	/* All of it may be local: nothing is ever evicted. */
	if (sim->setup->limit_pages >= stream->size_bytes / DMEM_PAGE_BYTES)
		return;
	sim->min = low / 2;
	sim->low = low;
	sim->high = 2 * low;
}

static int begin(struct sim *sim, const struct stream *stream)
{
	const struct sim_setup *setup = sim->setup;

	sim->regions = calloc(stream->nr_regions + 1, sizeof(*sim->regions));
	if (!sim->regions)
		return sim_no_memory(sim);
	sim->nr_regions = stream->nr_regions;
	for (size_t i = 0; i < stream->nr_regions; i++) {
		sim->regions[i].number = stream->regions[i].number;
		sim->regions[i].list = SIM_NONE;
		memcpy(sim->regions[i].remote, stream->regions[i].remote,
		       sizeof(sim->regions[i].remote));
	}
	set_limit(sim, stream);
	sim->epoch = 1;
	sim->vm.id = stream->vm;
	sim->vm.value.size_bytes = stream->size_bytes;
	sim->vm.value.direct_limit_bytes = setup->limit_pages * DMEM_PAGE_BYTES;
	sim->vm.value.default_order = setup->rule.mode == TUNE_STATIC ? setup->rule.order :
									setup->order;
	memcpy(sim->vm.value.name, stream->name, sizeof(sim->vm.value.name));
	sim_tuner_begin(sim);
	return 0;
}

static void finish(struct sim *sim)
{
	struct stream_figures *figures = &sim->result->figures;
	const struct dmem_vm_stats *stats = &sim->vm.stats;

	/* What is on its way comes, though nobody is there any more. */
	sim->now_ns = UINT64_MAX;
	deliver_due(sim, false);
	figures->fetched_pages = stats->fetched_pages;
	figures->prefetched_pages = stats->prefetched_pages;
	figures->used_pages = stats->prefetched_used_pages;
	figures->unused_pages = stats->prefetched_unused_pages;
	figures->evicted_pages = stats->evicted_pages;
	figures->soft_faults = stats->soft_faults;
	figures->zero_fills = stats->zero_fills;
}

int sim_run(const struct stream *stream, const struct sim_setup *setup, struct sim_result *result,
	    struct dmem_error *error)
{
	struct sim sim = { .setup = setup, .result = result, .error = error };
	int err;

	memset(result, 0, sizeof(*result));
	err = begin(&sim, stream);
	for (size_t i = 0; !err && i < stream->nr; i++) {
		sim.now_ns += stream->accesses[i].think_ns;
		deliver_due(&sim, true);
		err = sim_tuner_rounds(&sim);
		if (!err)
			err = access_page(&sim, &stream->accesses[i]);
	}
	if (!err)
		finish(&sim);
	sim_tuner_end(&sim);
	sim_miss_end(&sim);
	free(sim.requests);
	free(sim.regions);
	return err;
}
