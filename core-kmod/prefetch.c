// SPDX-License-Identifier: GPL-2.0
/*
 * prefetch.c - the rest of a block: which of it the fault itself asks for, and what is left to a
 * worker.
 *
 * Each CPU has a queue of regions in each VM memory and a work item that empties it; a region is
 * in one queue at most, with the block that is wanted of it. No locks: regions stay until the VM
 * memory goes, and dmem_prefetch_drop_all() is what ends the queues before.
 */
#include <linux/percpu.h>
#include <linux/sched.h>

#include "core.h"

struct workqueue_struct *dmem_prefetch_wq;

/*
 * The part of a block, around the faulting page, that the fault asks for before it waits or maps:
 * that takes about as long as a near donor does, and a stream finds its next pages on their way
 * even where no CPU has time for the worker.
 */
#define DMEM_PREFETCH_NEAR_ORDER	4
/* Blocks that wait for the worker of one CPU. One that is behind would bring what is past. */
#define DMEM_PREFETCH_MAX		8

/* dmem_region.prefetch_block; never 0, for the order is above DMEM_PREFETCH_NEAR_ORDER. */
static u32 dmem_prefetch_pack(unsigned int index, unsigned int order)
{
	return order << 16 | index;
}

/* What comes behind the fault first: most accesses go up. */
static void dmem_prefetch_run(struct dmem_region *region, u32 block)
{
	unsigned int order = block >> 16, index = block & 0xffff;
	unsigned int first = round_down(index, 1U << order);

	if (dmem_fetch_range(region, index, first + (1U << order), order))
		dmem_fetch_range(region, first, index, order);
}

static struct llist_node *dmem_prefetch_take(struct dmem_prefetch *queue)
{
	return llist_reverse_order(llist_del_all(&queue->regions));
}

/* Once it is out of the queue a region may be queued anew, in another CPU's, at any time. */
static u32 dmem_prefetch_unqueue(struct dmem_prefetch *queue, struct dmem_region *region)
{
	u32 block = xchg(&region->prefetch_block, 0);

	atomic_dec(&queue->nr);
	return block;
}

static void dmem_prefetch_work(struct work_struct *work)
{
	struct dmem_prefetch *queue = container_of(work, struct dmem_prefetch, work);
	struct dmem_region *region, *next;

	llist_for_each_entry_safe(region, next, dmem_prefetch_take(queue), prefetch_node) {
		dmem_prefetch_run(region, dmem_prefetch_unqueue(queue, region));
		cond_resched();
	}
}

/* Whether a worker would find anything to ask for, in the order that it looks. */
static bool dmem_prefetch_is_wanted(struct dmem_region *region, unsigned int index,
				    unsigned int order)
{
	unsigned int i, mask = (1U << order) - 1, first = index & ~mask;

	for (i = 0; i <= mask; i++) {
		u64 word = READ_ONCE(region->words[first + ((index + i) & mask)]);

		if (dmem_word_state(word) == DMEM_PAGE_REMOTE)
			return true;
	}
	return false;
}

/* Nobody waits for a block: what does not fit is not fetched, or fetched by faults of its own. */
static void dmem_prefetch_queue(struct dmem_region *region, unsigned int index,
				unsigned int order)
{
	struct dmem_vm *vm = region->vm;
	struct dmem_prefetch *queue;
	u32 block = dmem_prefetch_pack(index, order), queued;

	queued = cmpxchg(&region->prefetch_block, 0, block);
	if (queued) {
		/* The same block, by another of its pages, is on the list already. */
		if (queued >> 16 != order || (queued ^ block) & 0xffff & ~((1U << order) - 1))
			dmem_stat_add(vm, DMEM_STAT_PREFETCH_DROPS, 1);
		return;
	}
	queue = &get_cpu_ptr(vm->cpu)->prefetch;
	if (atomic_inc_return(&queue->nr) > DMEM_PREFETCH_MAX) {
		dmem_prefetch_unqueue(queue, region);
		dmem_stat_add(vm, DMEM_STAT_PREFETCH_DROPS, 1);
	} else {
		llist_add(&region->prefetch_node, &queue->regions);
		queue_work(dmem_prefetch_wq, &queue->work);
	}
	put_cpu_ptr(vm->cpu);
}

/**
 * dmem_prefetch_block - see to the rest of a block
 * @region: not locked; in a fault
 * @index: the faulting page, asked for already
 * @order: of the block, above 0
 *
 * Returns once the pages next to it are asked for. Without budget or memory the block ends early.
 */
void dmem_prefetch_block(struct dmem_region *region, unsigned int index, unsigned int order)
{
	unsigned int near = min(order, DMEM_PREFETCH_NEAR_ORDER);
	unsigned int first = round_down(index, 1U << near);

	if (dmem_fetch_range(region, first, first + (1U << near), order) && near < order &&
	    dmem_prefetch_is_wanted(region, index, order))
		dmem_prefetch_queue(region, index, order);
}

void dmem_prefetch_init(struct dmem_vm *vm)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct dmem_prefetch *queue = &per_cpu_ptr(vm->cpu, cpu)->prefetch;

		init_llist_head(&queue->regions);
		INIT_WORK(&queue->work, dmem_prefetch_work);
	}
}

/*
 * Blocks that wait are not fetched, and no worker runs that was asked for before. Waits for those
 * that run.
 */
void dmem_prefetch_drop_all(struct dmem_vm *vm)
{
	struct dmem_region *region, *next;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct dmem_prefetch *queue = &per_cpu_ptr(vm->cpu, cpu)->prefetch;

		cancel_work_sync(&queue->work);
		llist_for_each_entry_safe(region, next, dmem_prefetch_take(queue), prefetch_node)
			dmem_prefetch_unqueue(queue, region);
	}
}
