// SPDX-License-Identifier: GPL-2.0
/*
 * micro_cases.c - the cases of dmem, and of ordinary memory as their floor. Those of
 * bench_cases() are the same whether this process touches the memory or a guest.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "micro.h"
#include "uapi/dmem.h"

/* The evictor unmaps a region at a time: a shorter run is with or without it by chance. */
#define EVICT_BATCH	512UL
/* What the evictor may be behind or ahead: it works from the low watermark to the high one. */
#define EVICT_SLACK	(PAGES / 16)
#define ORDER_PAGES	(2 * PAGES)
/* Of larger blocks the core leaves most to a worker: prefetch.c. */
#define NEAR_ORDER	4

static void attach_nothing(char *map, size_t pages)
{
	(void)map;
	(void)pages;
}

static void detach_nothing(void)
{
}

struct toucher host = {
	.prefix = "",
	.attach = attach_nothing,
	.touch = touch_here,
	.detach = detach_nothing,
};

/* PAGES to warm up on, then as many that count. */
static void touch_both(struct toucher *toucher, char *map, bool write)
{
	toucher->attach(map, 2 * PAGES);
	toucher->touch(map, 1, PAGES, write, stamps);
	toucher->touch(map + PAGES * PAGE, 1, PAGES, write, stamps);
}

static void bench_anon(struct toucher *toucher)
{
	char *map = map_anonymous(2 * PAGES);
	uint64_t before = minor_faults();

	touch_both(toucher, map, true);
	must_have_counted("anon-first-touch: faults", before, minor_faults(), 2 * PAGES);
	report_accesses(toucher, "anon-first-touch", PAGES);
	toucher->detach();
	munmap(map, 2 * PAGES * PAGE);
}

/* All of VM memory that vm_make() made with 2 * PAGES; the second half leaves its stamps. */
void remote_read(struct toucher *toucher, struct vm *vm)
{
	uint64_t before = vm_get(vm).fetched_pages;

	touch_both(toucher, vm->map, false);
	must_have_counted("remote read: pages fetched", before, vm_get(vm).fetched_pages,
			  2 * PAGES);
	toucher->detach();
}

static void bench_remote_read(struct toucher *toucher)
{
	struct vm vm = vm_make(ALL_LOCAL, 2 * PAGES);

	remote_read(toucher, &vm);
	report_accesses(toucher, "dmem-remote-read", PAGES);
	vm_end(&vm);
}

static void must_have_evicted(const struct dmem_vm_get *before, const struct dmem_vm_get *after,
			      bool dirty)
{
	const uint64_t least = MAX_STAMPS - EVICT_SLACK;

	must_have_counted("evicting: pages fetched", before->fetched_pages, after->fetched_pages,
			  MAX_STAMPS);
	must_have_counted("evicting: pages evicted", before->evicted_pages, after->evicted_pages,
			  least);
	if (dirty)
		must_have_counted("evicting: pages written back", before->writeback_pages,
				  after->writeback_pages, least);
	else if (after->writeback_pages != before->writeback_pages)
		die("evicting: clean pages were written back");
}

/*
 * At the limit, in steady state: each page that comes makes another go, and the evictor's time
 * is part of what the page cost. What the accesses alone saw of it is the second line. Every page
 * is used once: of a loop over more than fits the core keeps a part.
 */
static void bench_evicting(struct toucher *toucher, const char *name, bool write)
{
	struct vm vm = vm_make(ALL_LOCAL, 2 * MAX_STAMPS);
	char *second = vm.map + MAX_STAMPS * PAGE;
	struct dmem_vm_get before, after;
	char access[64];

	vm_set_limit(&vm, PAGES);
	toucher->attach(vm.map, vm.pages);
	toucher->touch(vm.map, 1, MAX_STAMPS, write, stamps);
	before = vm_get(&vm);
	toucher->touch(second, 1, MAX_STAMPS, write, stamps);
	after = vm_get(&vm);
	must_have_evicted(&before, &after, write);
	report_batches(toucher, name, MAX_STAMPS, EVICT_BATCH, EVICT_BATCH);
	snprintf(access, sizeof(access), "%s-access", name);
	report_accesses(toucher, access, MAX_STAMPS);
	toucher->detach();
	vm_end(&vm);
}

/* Local and in use, but not mapped here: a second mapping finds it so. */
static void bench_soft(struct toucher *toucher)
{
	struct vm vm = vm_make(ALL_LOCAL, 2 * PAGES);
	struct dmem_vm_get before;
	char *other = vm_map_again(&vm);

	touch_here(vm.map, 1, vm.pages, false, stamps);
	before = vm_get(&vm);
	touch_both(toucher, other, false);
	must_have_counted("soft: soft faults", before.soft_faults, vm_get(&vm).soft_faults,
			  2 * PAGES);
	if (vm_get(&vm).fetched_pages != before.fetched_pages)
		die("soft: pages were fetched");
	report_accesses(toucher, "dmem-soft", PAGES);
	toucher->detach();
	munmap(other, vm.pages * PAGE);
	vm_end(&vm);
}

void bench_cases(struct toucher *toucher)
{
	bench_anon(toucher);
	bench_remote_read(toucher);
	bench_evicting(toucher, "dmem-remote-read-evicting", false);
	bench_evicting(toucher, "dmem-remote-write-evicting", true);
	bench_soft(toucher);
}

/* Until so many pages have come: who waits gives the CPU to the worker that asks for them. */
static void wait_fetched(struct vm *vm, uint64_t pages)
{
	while (vm_get(vm).fetched_pages < pages)
		sched_yield();
}

/* Half of the VM memory in blocks: all pages of each are read, or the first. */
static void touch_blocks(struct vm *vm, size_t from, unsigned int order, bool all)
{
	uint64_t fetched = vm_get(vm).fetched_pages;
	size_t block = 1UL << order, step = all ? 1 : block;
	char *map = vm->map + from * PAGE;

	if (all || order <= NEAR_ORDER) {
		host.touch(map, step, ORDER_PAGES / step, false, stamps);
		return;
	}
	for (size_t page = 0; page < ORDER_PAGES; page += block) {
		host.touch(map + page * PAGE, 1, 1, false, stamps + page / block);
		wait_fetched(vm, fetched + page + block);
	}
}

/**
 * read_blocks - a block is a sample, with what is done for the rest of it behind the access: by
 *	the interrupt that brings it, by the worker that asks for most of a large one
 * @options: of the pool, with that order
 * @name: of the case
 * @order: of the blocks
 * @all: read all of a block's pages; else the first
 */
void read_blocks(const char *options, const char *name, unsigned int order, bool all)
{
	size_t block = 1UL << order, step = all ? 1 : block, nr = ORDER_PAGES / step;
	struct dmem_vm_get before;
	char access[64];
	struct vm vm;

	vm = vm_make(options, 2 * ORDER_PAGES);
	touch_blocks(&vm, 0, order, all);
	before = vm_get(&vm);
	touch_blocks(&vm, ORDER_PAGES, order, all);
	must_have_counted(name, before.fetched_pages, vm_get(&vm).fetched_pages, ORDER_PAGES);
	must_have_counted(name, before.fetches[order], vm_get(&vm).fetches[order],
			  ORDER_PAGES / block);
	report_batches(&host, name, nr, block / step, all ? block : 1);
	if (!all) {
		snprintf(access, sizeof(access), "%s-access", name);
		report_accesses(&host, access, nr);
	}
	vm_end(&vm);
}

static void bench_order(unsigned int order, bool all)
{
	char options[64], name[64];

	snprintf(options, sizeof(options), "%s,order=%u", ALL_LOCAL, order);
	snprintf(name, sizeof(name), "dmem-order-%u-%s", order, all ? "all-used" : "one-used");
	read_blocks(options, name, order, all);
}

void bench_orders(void)
{
	static const unsigned int orders[] = { 0, 2, 4, 6, 9 };

	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		bench_order(orders[i], true);
		bench_order(orders[i], false);
	}
}
