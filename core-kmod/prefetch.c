// SPDX-License-Identifier: GPL-2.0
/*
 * prefetch.c - the rest of a block: what is near the page of a fault is asked for in the fault,
 * the other pages behind it, by a worker, while the vCPU runs on.
 *
 * For each VM memory a CPU has a short queue of rests and a work item that empties it. Faults on
 * that CPU put, with preemption off; the work item takes: one of each at a time, so no lock. A
 * rest in a queue is advice and holds nothing; dmem_prefetch_exit() forgets those that are left.
 */
#include <linux/numa.h>
#include <linux/workqueue.h>

#include "core.h"

struct workqueue_struct *dmem_prefetch_wq;

/*
 * Asked for in the fault: a guest that reads on finds these local or on their way, and is busy
 * with them until a worker on an idle CPU has come to the others.
 */
#define DMEM_NEAR_ORDER		4

static bool dmem_rest_is_same(const struct dmem_rest *one, const struct dmem_rest *other)
{
	return one->region == other->region && one->order == other->order &&
	       one->index >> one->order == other->index >> other->order;
}

/* Preemption is off: of this CPU's queue nobody else puts. */
static void dmem_rest_put(struct dmem_rest_queue *queue, const struct dmem_rest *rest)
{
	struct dmem_vm *vm = rest->region->vm;
	u32 put = queue->nr_put;
	/* Pairs with the release in dmem_prefetch_work(): what is taken has been copied. */
	u32 nr = put - smp_load_acquire(&queue->nr_taken);

	/* A guest that is quicker than the worker faults in the same block again. */
	if (nr && dmem_rest_is_same(&queue->rests[(put - 1) % DMEM_RESTS_MAX], rest))
		return;
	if (nr == DMEM_RESTS_MAX) {
		dmem_stat_add(vm, DMEM_STAT_PREFETCHES_DROPPED, 1);
		return;
	}
	queue->rests[put % DMEM_RESTS_MAX] = *rest;
	/* Pairs with the acquire in dmem_prefetch_work(): what is put is whole. */
	smp_store_release(&queue->nr_put, put + 1);
	dmem_stat_add(vm, DMEM_STAT_PREFETCHES_QUEUED, 1);
	queue_work(dmem_prefetch_wq, &queue->work);
}

/**
 * dmem_prefetch_rest - the rest of a block, some of it now, some soon
 * @region: not locked
 * @index: the faulting page, asked for already
 * @order: of the block
 *
 * Nobody waits for these: without budget or memory for them, or where the worker has too much to
 * do already, the block ends early.
 */
void dmem_prefetch_rest(struct dmem_region *region, unsigned int index, unsigned int order)
{
	unsigned int near = 1U << min(order, DMEM_NEAR_ORDER), first = round_down(index, near);
	struct dmem_rest rest = { .region = region, .index = index, .order = order };
	struct dmem_vm_cpu *own;

	if (!dmem_fetch_range(region, order, NUMA_NO_NODE, first, first + near) ||
	    order <= DMEM_NEAR_ORDER)
		return;
	own = get_cpu_ptr(region->vm->cpu);
	rest.node = numa_mem_id();
	dmem_rest_put(&own->rests, &rest);
	put_cpu_ptr(region->vm->cpu);
}

/* What is ahead of the faulting page is likelier to be touched next than what is behind it. */
static void dmem_rest_fetch(const struct dmem_rest *rest)
{
	unsigned int first = round_down(rest->index, 1U << rest->order);

	if (dmem_fetch_range(rest->region, rest->order, rest->node, rest->index,
			     first + (1U << rest->order)))
		dmem_fetch_range(rest->region, rest->order, rest->node, first, rest->index);
}

/* What is put from now on queues the work item again: whoever waits for it need not for that. */
static void dmem_prefetch_work(struct work_struct *work)
{
	struct dmem_rest_queue *queue = container_of(work, struct dmem_rest_queue, work);
	/* Pairs with the release in dmem_rest_put(): what is put is whole. */
	u32 put = smp_load_acquire(&queue->nr_put);

	while (queue->nr_taken != put) {
		struct dmem_rest rest = queue->rests[queue->nr_taken % DMEM_RESTS_MAX];

		/* Pairs with the acquire in dmem_rest_put(): the place is free. */
		smp_store_release(&queue->nr_taken, queue->nr_taken + 1);
		dmem_rest_fetch(&rest);
	}
}

void dmem_prefetch_init(struct dmem_vm *vm)
{
	int cpu;

	for_each_possible_cpu(cpu)
		INIT_WORK(&per_cpu_ptr(vm->cpu, cpu)->rests.work, dmem_prefetch_work);
}

/* Returns when what was queued before has been asked for; it may still be on its way. */
void dmem_prefetch_flush(struct dmem_vm *vm)
{
	int cpu;

	for_each_possible_cpu(cpu)
		flush_work(&per_cpu_ptr(vm->cpu, cpu)->rests.work);
}

/* Nobody faults any more: forget what is queued. Wakes no evictor afterwards. */
void dmem_prefetch_exit(struct dmem_vm *vm)
{
	int cpu;

	for_each_possible_cpu(cpu)
		cancel_work_sync(&per_cpu_ptr(vm->cpu, cpu)->rests.work);
}
