// SPDX-License-Identifier: GPL-2.0
/*
 * tuner_test.c - what the tuner remembers and decides, over many rounds: a guest is played, page by
 * page, in memory that is too small for it; the plane's counters of its regions are what the tuner
 * is given every 0.1 s, and its decisions are what blocks are fetched by.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tuner/judge.h"

#define PAGES		DMEM_MAP_REGION_PAGES
#define REGIONS		64U
#define ROUND_NS	100000000ULL
#define EPOCH_ROUNDS	20U
#define QUEUE		(1U << 22)

/* DESIGN.md's link, and what performance.md has of the host's own work. */
#define REQUEST_NS	9000ULL
#define PAGE_NS		1000ULL
#define FAULT_NS	4000ULL
#define PREFETCH_NS	1600ULL
#define SOFT_NS		2500ULL
#define HIT_NS		400ULL

enum page_state { REMOTE, PREFETCHED, USED };

/* A guest of REGIONS regions, of which as many pages as @limit are local. */
struct guest {
	struct tune_vm vm;
	struct dmem_latency_value latency;
	struct dmem_region_value values[REGIONS];
	int last[REGIONS];
	unsigned char pages[REGIONS * PAGES];
	/* Local pages, in the order they came or were found again; a page's latest place holds. */
	unsigned int queue[QUEUE];
	unsigned int place[REGIONS * PAGES];
	unsigned int head, tail, nr_local, limit;
	struct tune_moment moment;
	uint64_t now_ns, round_ns;
	unsigned int misses, changes, tries;
};

static uint64_t seed;

/* xorshift64: the same numbers on every machine. */
static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static struct guest *new_guest(unsigned int limit_regions)
{
	struct guest *guest = calloc(1, sizeof(*guest));

	assert_non_null(guest);
	seed = 20190101;
	guest->limit = limit_regions * PAGES;
	guest->vm.id = 1;
	guest->vm.now.value.size_bytes = REGIONS * DMEM_MAP_REGION_BYTES;
	guest->vm.now.value.direct_limit_bytes = guest->limit * 4096ULL;
	guest->moment.epoch = 1;
	for (unsigned int i = 0; i < REGIONS; i++)
		guest->last[i] = -1;
	return guest;
}

static void free_guest(struct guest *guest)
{
	tune_vm_free(&guest->vm);
	free(guest);
}

static void take_decision(struct guest *guest, unsigned int index,
			  const struct model_decision *decision)
{
	struct tune_region *region = tune_vm_find(&guest->vm, index);

	region->order = (unsigned char)decision->order;
	region->flags |= TUNE_DECIDED;
	guest->changes++;
	guest->tries += strstr(decision->reason, "tried out") != NULL;
}

static void measure(struct guest *guest, uint64_t since_ns)
{
	struct tune_costs told = {};

	tune_costs_add(&told, &guest->latency);
	tune_vm_measure(&guest->vm, &told, (double)since_ns / 1e9);
	guest->vm.link.host_ns = PREFETCH_NS;
}

/* The ring tells of a region where a counter has grown by 16; here all are looked at. */
static void round_of(struct guest *guest)
{
	struct model_decision decision;

	guest->moment.round++;
	guest->moment.since_ns = guest->now_ns - guest->round_ns;
	guest->round_ns = guest->now_ns;
	measure(guest, guest->moment.since_ns);
	for (unsigned int i = 0; i < REGIONS; i++) {
		decision = tune_judge(&guest->vm, i, &guest->values[i], &guest->moment);
		if (decision.changed)
			take_decision(guest, i, &decision);
	}
	if (tune_judge_all(&guest->vm, &decision)) {
		guest->vm.is_all_decided = true;
		guest->vm.all_order = decision.order;
	}
	if (guest->moment.round % EPOCH_ROUNDS == 0)
		guest->moment.epoch++;
}

static void pass(struct guest *guest, uint64_t ns)
{
	guest->now_ns += ns;
	if (guest->now_ns - guest->round_ns >= ROUND_NS)
		round_of(guest);
}

static void enqueue(struct guest *guest, unsigned int page)
{
	guest->place[page] = guest->tail;
	guest->queue[guest->tail++ % QUEUE] = page;
}

static void evict(struct guest *guest)
{
	struct dmem_region_value *value;
	unsigned int page;

	do {
		page = guest->queue[guest->head % QUEUE];
	} while (guest->place[page] != guest->head++);
	value = &guest->values[page / PAGES];
	value->evicted_pages++;
	value->prefetched_unused_pages += guest->pages[page] == PREFETCHED;
	guest->vm.now.stats.evicted_pages++;
	guest->pages[page] = REMOTE;
	guest->nr_local--;
}

static void arrive(struct guest *guest, unsigned int page, enum page_state state)
{
	while (guest->nr_local >= guest->limit)
		evict(guest);
	enqueue(guest, page);
	guest->nr_local++;
	guest->pages[page] = (unsigned char)state;
}

static void count_demand(struct guest *guest, unsigned int page)
{
	struct dmem_region_value *value = &guest->values[page / PAGES];
	int at = (int)(page % PAGES), *last = &guest->last[page / PAGES];
	int slot = DMEM_DISTANCE_ZERO, sign = at > *last ? 1 : -1;

	for (int distance = abs(at - *last); distance; distance >>= 1)
		slot += sign;
	if (*last >= 0)
		value->distance[slot < 0 ? 0 : slot >= DMEM_DISTANCE_SLOTS ?
				DMEM_DISTANCE_SLOTS - 1 : slot]++;
	*last = at;
}

static void fetch(struct guest *guest, unsigned int page)
{
	unsigned int index = page / PAGES, others = 0;
	unsigned int order = tune_vm_order(&guest->vm, tune_vm_find(&guest->vm, index));
	unsigned int first = page & ~((1U << order) - 1);

	guest->misses++;
	guest->values[index].misses++;
	guest->latency.fetches[order][13]++;
	guest->latency.fetch_ns[order] += REQUEST_NS + PAGE_NS;
	arrive(guest, page, USED);
	guest->vm.now.stats.fetched_pages++;
	for (unsigned int i = first; i < first + (1U << order); i++) {
		if (guest->pages[i] != REMOTE)
			continue;
		arrive(guest, i, PREFETCHED);
		others++;
	}
	guest->values[index].prefetched_pages += others;
	guest->vm.now.stats.fetched_pages += others;
	if (others) {
		guest->latency.rest_requests[order] += (others + 63) / 64;
		guest->latency.rest_pages[order] += others;
		guest->latency.rest_ns[order] += (others + 63) / 64 * REQUEST_NS + others * PAGE_NS;
	}
	pass(guest, FAULT_NS + (others * PREFETCH_NS > REQUEST_NS + PAGE_NS ?
				others * PREFETCH_NS : REQUEST_NS + PAGE_NS));
}

/* Pages of the oldest quarter are unmapped: a soft fault, and the page stays. */
static void find_again(struct guest *guest, unsigned int page)
{
	if (guest->place[page] - guest->head > guest->limit / 4) {
		pass(guest, HIT_NS);
		return;
	}
	enqueue(guest, page);
	guest->values[page / PAGES].soft_faults++;
	guest->vm.now.stats.soft_faults++;
	pass(guest, SOFT_NS);
}

static void touch(struct guest *guest, unsigned int page)
{
	struct dmem_region_value *value = &guest->values[page / PAGES];

	if (value->epoch != (uint32_t)guest->moment.epoch) {
		memset(value->touched, 0, sizeof(value->touched));
		value->epoch = (uint32_t)guest->moment.epoch;
	}
	value->touched[page % PAGES / 64] |= 1ULL << page % 64;
}

/* First touches. */
static void fill(struct guest *guest, unsigned int region)
{
	for (unsigned int page = region * PAGES; page < (region + 1) * PAGES; page++) {
		touch(guest, page);
		guest->values[region].zero_fills++;
		arrive(guest, page, USED);
		pass(guest, HIT_NS);
	}
}

static void use(struct guest *guest, unsigned int page)
{
	struct dmem_region_value *value = &guest->values[page / PAGES];

	touch(guest, page);
	if (guest->pages[page] == USED) {
		find_again(guest, page);
		return;
	}
	count_demand(guest, page);
	if (guest->pages[page] == REMOTE) {
		fetch(guest, page);
		return;
	}
	guest->pages[page] = USED;
	value->prefetched_used_pages++;
	guest->vm.now.stats.prefetched_used_pages++;
	guest->vm.now.stats.soft_faults++;
	pass(guest, SOFT_NS);
}

static void stream(struct guest *guest, unsigned int region)
{
	for (unsigned int page = 0; page < PAGES; page++)
		use(guest, region * PAGES + page);
}

static void visit(struct guest *guest, unsigned int first, unsigned int regions, unsigned int times)
{
	while (times--)
		use(guest, first * PAGES + (unsigned int)(next_random() % (regions * PAGES)));
}

/* The same with favourites: one page in eight has four of five accesses. */
static void visit_skewed(struct guest *guest, unsigned int times)
{
	while (times--) {
		unsigned int page = (unsigned int)(next_random() % (REGIONS * PAGES));

		use(guest, next_random() % 5 ? page & ~7U : page);
	}
}

static unsigned int order_of(struct guest *guest, unsigned int region)
{
	return tune_vm_order(&guest->vm, tune_vm_find(&guest->vm, region));
}

static unsigned int regions_at(struct guest *guest, unsigned int first, unsigned int nr,
			       unsigned int least, unsigned int most)
{
	unsigned int right = 0;

	for (unsigned int i = first; i < first + nr; i++)
		right += order_of(guest, i) >= least && order_of(guest, i) <= most;
	return right;
}

/* From the default of single pages, two passes over all of it. */
static void a_stream_is_found_in_one_pass(void **state)
{
	struct guest *guest = new_guest(REGIONS / 2);
	unsigned int single;

	(void)state;
	for (unsigned int i = 0; i < REGIONS; i++)
		stream(guest, i);
	single = guest->misses;
	assert_true(single < REGIONS * PAGES / 2);
	for (unsigned int i = 0; i < REGIONS; i++)
		stream(guest, i);
	assert_true(guest->misses - single < REGIONS * PAGES / 64);
	assert_true(regions_at(guest, 0, REGIONS, 7, 9) >= REGIONS * 9 / 10);
	free_guest(guest);
}

/* Uniformly at random over twice what is local: no block pays. */
static void random_use_stays_at_single_pages(void **state)
{
	struct guest *guest = new_guest(REGIONS / 2);

	(void)state;
	for (unsigned int second = 0; second < 20; second++) {
		visit(guest, 0, REGIONS, 100000);
		assert_true(regions_at(guest, 0, REGIONS, 0, 1) >= REGIONS * 9 / 10);
	}
	free_guest(guest);
}

/* Memory is filled in sequence, all of it local, then used at random, some more, in half of it. */
static void filled_is_not_streamed(void **state)
{
	struct guest *guest = new_guest(REGIONS);

	(void)state;
	for (unsigned int i = 0; i < REGIONS; i++)
		fill(guest, i);
	/* The bits are of this epoch still. */
	assert_int_equal(guest->moment.epoch, 1);
	guest->limit /= 2;
	while (guest->nr_local > guest->limit)
		evict(guest);
	for (unsigned int tenth = 0; tenth < 20; tenth++) {
		visit_skewed(guest, 10000);
		assert_true(regions_at(guest, 0, REGIONS, 0, 1) >= REGIONS * 9 / 10);
	}
	free_guest(guest);
}

/* Half of the regions streamed, half at random: nine in ten get the right end of the scale. */
static void halves_get_their_own_ends(void **state)
{
	struct guest *guest = new_guest(REGIONS / 2);

	(void)state;
	for (unsigned int turn = 0; turn < 4 * REGIONS; turn++) {
		stream(guest, turn % (REGIONS / 2));
		visit(guest, REGIONS / 2, REGIONS / 2, 512);
	}
	assert_true(regions_at(guest, 0, REGIONS / 2, 6, 9) >= REGIONS / 2 * 9 / 10);
	assert_true(regions_at(guest, REGIONS / 2, REGIONS / 2, 0, 2) >= REGIONS / 2 * 9 / 10);
	free_guest(guest);
}

/* A quarter is streamed, and each of the others is judged more often by far. */
static void busy_regions_do_not_speak_for_others(void **state)
{
	struct guest *guest = new_guest(REGIONS / 8);
	unsigned int streamed = REGIONS / 4, tries = 0;

	(void)state;
	for (unsigned int turn = 0; turn < 12 * streamed; turn++) {
		if (turn == 6 * streamed) {
			guest->changes = 0;
			tries = guest->tries;
		}
		stream(guest, turn % streamed);
		visit(guest, streamed, REGIONS - streamed, 4096);
	}
	assert_true(regions_at(guest, 0, streamed, 6, 9) >= streamed * 9 / 10);
	assert_true(regions_at(guest, streamed, REGIONS - streamed, 0, 2) >=
		    (REGIONS - streamed) * 9 / 10);
	/* There and back; nobody else's order changes any more, but for a few. */
	assert_true(guest->changes <= 2 * (guest->tries - tries) + streamed / 2);
	free_guest(guest);
}

/*
 * Use changes: within 2 s or 200 misses of a region, whichever is later, nine in ten have an order
 * of the right end. A region that has not had 200 misses since is not judged.
 */
static void assert_follows(struct guest *guest, void (*use_all)(struct guest *guest),
			   unsigned int least, unsigned int most)
{
	uint32_t before[REGIONS];
	uint64_t began_ns = guest->now_ns;
	unsigned int due = 0, right = 0;

	for (unsigned int i = 0; i < REGIONS; i++)
		before[i] = guest->values[i].misses;
	while (guest->now_ns - began_ns < 2000000000ULL)
		use_all(guest);
	for (unsigned int i = 0; i < REGIONS; i++) {
		bool is_right = order_of(guest, i) >= least && order_of(guest, i) <= most;

		if (!is_right && guest->values[i].misses - before[i] < 200)
			continue;
		due++;
		right += is_right;
	}
	assert_true(due > REGIONS / 2);
	assert_true(right * 10 >= due * 9);
}

static void stream_all(struct guest *guest)
{
	static unsigned int next;

	stream(guest, next++ % REGIONS);
}

static void visit_all(struct guest *guest)
{
	visit(guest, 0, REGIONS, 256);
}

static void a_change_of_use_is_followed(void **state)
{
	struct guest *guest = new_guest(REGIONS / 4);

	(void)state;
	assert_follows(guest, stream_all, 6, 9);
	assert_follows(guest, visit_all, 0, 2);
	assert_follows(guest, stream_all, 6, 9);
	assert_follows(guest, visit_all, 0, 2);
	free_guest(guest);
}

/* A region that nobody has used yet begins as those of its VM that somebody has. */
static void a_new_region_begins_as_its_vm(void **state)
{
	struct guest *guest = new_guest(REGIONS / 4);

	(void)state;
	for (unsigned int turn = 0; turn < REGIONS; turn++)
		stream(guest, turn % (REGIONS / 2));
	assert_true(guest->vm.is_all_decided);
	assert_int_equal(tune_vm_find(&guest->vm, REGIONS - 1)->flags & TUNE_DECIDED, 0);
	assert_true(order_of(guest, REGIONS - 1) >= 6);
	free_guest(guest);

	guest = new_guest(REGIONS / 4);
	for (unsigned int turn = 0; turn < 2 * REGIONS; turn++) {
		stream(guest, turn % (REGIONS / 4));
		visit(guest, REGIONS / 4, REGIONS / 4, 512);
	}
	assert_true(order_of(guest, REGIONS - 1) <= 1);
	free_guest(guest);
}

/* Densities like @share at every order, of a region that was judged. */
static void set_neighbour(struct tune_vm *vm, unsigned int index, double share)
{
	struct tune_region *region = tune_vm_region(vm, index);

	region->flags = TUNE_KNOWN;
	region->weight = 255;
	region->judged = vm->judged;
	memset(region->density, (int)(share * 255), sizeof(region->density));
}

/* 24 steps are too few alone; with neighbours that are alike they are enough. */
static void few_samples_borrow_from_neighbours(void **state)
{
	struct dmem_region_value value = { .misses = 25, .epoch = 1 };
	struct tune_moment moment = { .round = 1, .epoch = 1 };
	struct tune_vm vm = { .link = { .request_ns = REQUEST_NS, .page_ns = PAGE_NS } };

	(void)state;
	value.distance[DMEM_DISTANCE_ZERO + 1] = 24;
	value.touched[0] = (1 << 25) - 1;
	assert_false(tune_judge(&vm, 5, &value, &moment).enough);
	set_neighbour(&vm, 4, 1);
	set_neighbour(&vm, 6, 1);
	assert_in_range(tune_judge(&vm, 5, &value, &moment).order, 4, 9);
	tune_vm_free(&vm);

	/* The same steps beside regions where blocks are of no use: a smaller order. */
	vm = (struct tune_vm){ .link = { .request_ns = REQUEST_NS, .page_ns = PAGE_NS } };
	set_neighbour(&vm, 4, 0);
	set_neighbour(&vm, 6, 0);
	assert_in_range(tune_judge(&vm, 5, &value, &moment).order, 0, 3);
	tune_vm_free(&vm);
}

/* All pages touched, 51 of them by demands apart: the order, if all were filled in @epoch. */
static unsigned int order_when_filled(unsigned int epoch)
{
	struct dmem_region_value value = { .zero_fills = epoch == 1 ? PAGES : 0, .epoch = 1 };
	struct tune_moment moment = { .round = 1, .epoch = 1 };
	struct tune_vm vm = { .link = { .request_ns = REQUEST_NS, .page_ns = PAGE_NS } };
	unsigned int order;

	assert_false(tune_judge(&vm, 5, &value, &moment).enough);
	value.zero_fills = PAGES;
	value.misses = 51;
	value.distance[DMEM_DISTANCE_ZERO + 4] = 50;
	value.epoch = 2;
	memset(value.touched, 0xff, sizeof(value.touched));
	moment = (struct tune_moment){ .round = 2, .epoch = 2 };
	order = tune_judge(&vm, 5, &value, &moment).order;
	tune_vm_free(&vm);
	return order;
}

static void fills_count_in_their_epoch(void **state)
{
	(void)state;
	assert_int_equal(order_when_filled(1), 9);
	assert_int_equal(order_when_filled(2), 0);
}

/* What regions of one kind say of another one is worth more than what those of two kinds do. */
static void a_pool_is_worth_what_its_regions_agree(void **state)
{
	double dense[MODEL_ORDERS], sparse[MODEL_ORDERS] = {};
	struct model_pool alike = {}, mixed = {};
	struct model_prior prior;

	(void)state;
	for (int order = 0; order < MODEL_ORDERS; order++)
		dense[order] = 0.9;
	for (int i = 0; i < 7; i++)
		model_pool_add(&alike, dense, 1);
	prior = model_pool_prior(&alike);
	assert_true(prior.weight[5] == 0);
	for (int i = 0; i < 32; i++) {
		model_pool_add(&alike, dense, 1);
		model_pool_add(&mixed, dense, 1);
		model_pool_add(&mixed, sparse, 1);
	}
	prior = model_pool_prior(&alike);
	assert_true(prior.weight[5] >= 32 && fabs(prior.density[5] - 0.9) < 0.01);
	prior = model_pool_prior(&mixed);
	assert_true(prior.weight[5] < 1);
	/* The others have become as they are, too. */
	for (int i = 0; i < 32; i++) {
		model_pool_add(&mixed, sparse, -1);
		model_pool_add(&mixed, dense, 1);
	}
	prior = model_pool_prior(&mixed);
	assert_true(prior.weight[5] >= 32);
}

/* Use that does not change: no region's order is changed again and again, tries aside. */
static void nothing_flaps(void **state)
{
	struct guest *guest = new_guest(REGIONS / 2);
	unsigned int changes, tries, judged;

	(void)state;
	visit(guest, 0, REGIONS, 200000);
	changes = guest->changes;
	tries = guest->tries;
	judged = guest->vm.judged;
	visit(guest, 0, REGIONS, 800000);
	judged = guest->vm.judged - judged;
	tries = guest->tries - tries;
	assert_true(judged > 1000);
	/* There and back; beside that one change for every hundred samples. */
	assert_true(guest->changes - changes <= 2 * tries + judged / 100);
	assert_true(tries <= judged / 64 + 2);
	free_guest(guest);
}

/* Objects of four pages, each read in an order of its own. */
static void objects_get_blocks_of_their_size(void **state)
{
	struct guest *guest = new_guest(REGIONS / 2);
	unsigned int right;

	(void)state;
	for (unsigned int i = 0; i < 300000; i++) {
		unsigned int object = (unsigned int)(next_random() % (REGIONS * PAGES / 4)) * 4;

		use(guest, object + 2);
		use(guest, object);
		use(guest, object + 3);
		use(guest, object + 1);
	}
	right = regions_at(guest, 0, REGIONS, 2, 3);
	assert_true(right >= REGIONS * 9 / 10);
	free_guest(guest);
}

/* A dozen pairs of pages, and twenty steps that lead away: single pages, but who knows. */
static void make_doubtful(struct tune_vm *vm, struct dmem_region_value *value)
{
	struct tune_moment moment = { .round = 1, .epoch = 1 };
	struct model_decision decision;

	*vm = (struct tune_vm){ .tries = 1 };
	vm->link = (struct model_link){ .request_ns = REQUEST_NS, .page_ns = PAGE_NS };
	*value = (struct dmem_region_value){ .misses = 45, .epoch = 1 };
	value->distance[DMEM_DISTANCE_ZERO + 1] = 12;
	value->distance[DMEM_DISTANCE_SLOTS - 1] = 16;
	value->distance[0] = 16;
	decision = tune_judge(vm, 0, value, &moment);
	assert_true(decision.changed);
	assert_int_equal(decision.order, 1);
	assert_non_null(strstr(decision.reason, "tried out against 0"));
	tune_vm_find(vm, 0)->order = 1;
	tune_vm_find(vm, 0)->flags |= TUNE_DECIDED;
	assert_true(vm->tries < 1);
	value->misses += 40;
	value->distance[DMEM_DISTANCE_ZERO + 1] += 12;
	value->distance[DMEM_DISTANCE_SLOTS - 1] += 14;
	value->distance[0] += 14;
}

static void a_try_decides_by_what_came_of_it(void **state)
{
	struct tune_moment moment = { .round = 2, .epoch = 1 };
	struct model_decision decision;
	struct dmem_region_value value;
	struct tune_region *region;
	struct tune_vm vm;

	(void)state;
	make_doubtful(&vm, &value);
	value.prefetched_used_pages = 300;
	decision = tune_judge(&vm, 0, &value, &moment);
	assert_true(decision.order >= 1);
	assert_int_equal(tune_vm_find(&vm, 0)->flags & TUNE_PROBE, 0);
	tune_vm_free(&vm);

	make_doubtful(&vm, &value);
	value.prefetched_used_pages = 30;
	value.prefetched_unused_pages = 270;
	decision = tune_judge(&vm, 0, &value, &moment);
	region = tune_vm_find(&vm, 0);
	assert_true(decision.changed);
	assert_int_equal(decision.order, 0);
	assert_int_equal(region->flags & TUNE_PROBE, 0);
	assert_int_equal(region->quiet, 1);
	tune_vm_free(&vm);

	/* Nothing has come of it yet, and it is as doubtful as before: back. */
	make_doubtful(&vm, &value);
	decision = tune_judge(&vm, 0, &value, &moment);
	assert_true(decision.changed);
	assert_int_equal(decision.order, 0);
	tune_vm_free(&vm);
}

static void tries_have_a_budget(void **state)
{
	struct tune_moment moment = { .round = 3, .epoch = 1 };
	struct dmem_region_value value;
	struct tune_region *region;
	struct tune_vm vm;

	(void)state;
	make_doubtful(&vm, &value);
	/* Another region, just as doubtful: there is one try in 64 samples. */
	value.misses += 1;
	for (__u32 i = 1; i < 63; i++) {
		tune_judge(&vm, i, &value, &moment);
		region = tune_vm_find(&vm, i);
		assert_int_equal(region->flags & TUNE_PROBE, 0);
	}
	assert_int_equal(vm.judged, 63);
	tune_judge(&vm, 63, &value, &moment);
	assert_int_equal(tune_vm_find(&vm, 63)->flags & TUNE_PROBE, TUNE_PROBE);
	tune_vm_free(&vm);
}

/* What another tuner decided stays in force until there is something of this one's own to say. */
static void decisions_are_taken_over(void **state)
{
	struct dmem_region_value value = { .misses = 4000, .prefetched_unused_pages = 9000 };
	struct tune_moment moment = { .round = 1, .epoch = 1, .is_takeover = true };
	struct tune_vm vm = { .link = { .request_ns = REQUEST_NS, .page_ns = PAGE_NS } };
	struct tune_region *region = tune_vm_region(&vm, 3);

	(void)state;
	value.distance[DMEM_DISTANCE_SLOTS - 1] = 2000;
	value.distance[0] = 2000;
	region->flags = TUNE_DECIDED;
	region->order = 7;
	assert_false(tune_judge(&vm, 3, &value, &moment).changed);
	assert_int_equal(tune_vm_order(&vm, region), 7);
	moment.round++;
	value.distance[DMEM_DISTANCE_SLOTS - 1] += 200;
	value.distance[0] += 200;
	value.misses += 400;
	value.prefetched_unused_pages += 9000;
	assert_int_equal(tune_judge(&vm, 3, &value, &moment).order, 0);
	tune_vm_free(&vm);
}

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/*
 * 64 VMs and a million regions: what is remembered of them takes less than 200 MiB, and a round in
 * which one in a hundred has something new, less than 50 ms of a CPU.
 */
static void a_million_regions_cost_little(void **state)
{
	enum { VMS = 64, EACH = 16384, NEWS = 100 };
	struct tune_vm *vms = calloc(VMS, sizeof(*vms));
	struct dmem_region_value value = { .misses = 400, .epoch = 1 };
	struct tune_moment moment = { .round = 1, .epoch = 1, .since_ns = ROUND_NS };
	double began_ms, round_ms = INFINITY;

	(void)state;
	assert_non_null(vms);
	value.distance[DMEM_DISTANCE_ZERO + 1] = 200;
	for (unsigned int vm = 0; vm < VMS; vm++) {
		vms[vm].link = (struct model_link){ .request_ns = REQUEST_NS, .page_ns = PAGE_NS };
		for (unsigned int i = 0; i < EACH; i++)
			tune_judge(&vms[vm], i, &value, &moment);
	}
	assert_true(VMS * (sizeof(*vms) + EACH * sizeof(struct tune_region)) < 200UL << 20);
	/* The best of some: it is the code's cost that counts, not who else runs. */
	for (int turn = 0; turn < 5; turn++) {
		moment.round++;
		value.misses += 200;
		value.distance[DMEM_DISTANCE_ZERO + 1] += 100;
		began_ms = cpu_ms();
		for (unsigned int vm = 0; vm < VMS; vm++)
			for (unsigned int i = 0; i < EACH; i += NEWS)
				tune_judge(&vms[vm], i, &value, &moment);
		round_ms = fmin(round_ms, cpu_ms() - began_ms);
	}
	print_message("# a round of %d regions with news took %.1f ms\n", VMS * EACH / NEWS,
		      round_ms);
	assert_true(round_ms < 50);
	for (unsigned int vm = 0; vm < VMS; vm++)
		tune_vm_free(&vms[vm]);
	free(vms);
}

/* Costs by hand: 9 us a request, 1 us a page, of requests of one page and of seven and fifteen. */
static void the_link_is_found_from_what_was_measured(void **state)
{
	struct dmem_latency_value latency = {};
	struct tune_costs told = {};
	struct tune_vm vm = {};

	(void)state;
	vm.now.value.direct_limit_bytes = 4096ULL * 40000;
	latency.fetches[0][13] = 100;
	latency.fetch_ns[0] = 100 * 10000;
	latency.fetches[4][13] = 50;
	latency.fetch_ns[4] = 50 * 12000;
	latency.rest_requests[4] = 50;
	latency.rest_pages[4] = 50 * 15;
	latency.rest_ns[4] = 50 * 24000;
	/* The limit was lowered, too. */
	vm.now.stats.evicted_pages = 5000;
	vm.now.stats.fetched_pages = 1000;
	/* 100 first uses, of which 50 waited: 150 demanded pages, 30 zero fills, and they. */
	vm.now.stats.soft_faults = 450;
	vm.now.stats.prefetched_used_pages = 100;
	vm.now.stats.prefetched_pages = 850;
	vm.now.stats.zero_fills = 30;
	vm.now.stats.faults = 30 + 150 + 50;
	tune_costs_add(&told, &latency);
	tune_vm_measure(&vm, &told, 1);
	assert_true(fabs(vm.link.page_ns - 1000) < 1);
	assert_true(fabs(vm.link.request_ns - 9000) < 1);
	/* 50 waits of 2 us for 750 pages. */
	assert_true(fabs(vm.link.queue_ns - 100000.0 / 750) < 1);
	assert_true(fabs(vm.link.refetch - 0.4) < 0.01);
	/* 10,000 pages, 1000 a second. */
	assert_true(vm.stay_ns > 9900000000ULL && vm.stay_ns < 10100000000ULL);
	/* The same readings again: half of the weight, the same costs; nothing was evicted. */
	tune_vm_measure(&vm, &told, 1);
	assert_true(fabs(vm.link.page_ns - 1000) < 1);
	assert_true(vm.stay_ns > 25000000000ULL);
	/* Long after: too little is known, and what was found out stays. */
	tune_vm_measure(&vm, &told, 100);
	assert_true(fabs(vm.link.page_ns - 1000) < 1);
	assert_true(fabs(vm.link.refetch - 0.4) < 0.01);
	/* It begins to page anew, 640 pages in 50 ms: that is its rate, whatever was before. */
	vm.now.stats.evicted_pages += 640;
	vm.now.stats.fetched_pages += 640;
	tune_vm_measure(&vm, &told, 0.05);
	assert_true(vm.stay_ns > 770000000ULL && vm.stay_ns < 790000000ULL);
	/* So few pages say little. */
	vm.now.stats.evicted_pages += 63;
	vm.now.stats.fetched_pages += 63;
	tune_vm_measure(&vm, &told, 0.001);
	assert_true(vm.stay_ns > 770000000ULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_is_found_in_one_pass),
		cmocka_unit_test(random_use_stays_at_single_pages),
		cmocka_unit_test(filled_is_not_streamed),
		cmocka_unit_test(fills_count_in_their_epoch),
		cmocka_unit_test(halves_get_their_own_ends),
		cmocka_unit_test(busy_regions_do_not_speak_for_others),
		cmocka_unit_test(a_change_of_use_is_followed),
		cmocka_unit_test(a_new_region_begins_as_its_vm),
		cmocka_unit_test(few_samples_borrow_from_neighbours),
		cmocka_unit_test(a_pool_is_worth_what_its_regions_agree),
		cmocka_unit_test(nothing_flaps),
		cmocka_unit_test(objects_get_blocks_of_their_size),
		cmocka_unit_test(a_try_decides_by_what_came_of_it),
		cmocka_unit_test(tries_have_a_budget),
		cmocka_unit_test(decisions_are_taken_over),
		cmocka_unit_test(a_million_regions_cost_little),
		cmocka_unit_test(the_link_is_found_from_what_was_measured),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
