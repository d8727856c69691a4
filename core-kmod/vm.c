// SPDX-License-Identifier: GPL-2.0
/*
 * vm.c - one VM memory: its making, its end, its figures.
 *
 * Its figures are counted per CPU and added up by who asks.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "core.h"
#include "trace.h"

/**
 * dmem_vm_create - the state of a new file
 * @inode: its inode, size zero; its number is the VM memory's id
 * @dentry: of the file, for its name, which is shown and never looked up. Below the root the
 *	directory's comes with it: libvirt calls every guest's memory the same, in one of its own
 *
 * Return: the VM memory, or an ERR_PTR().
 */
struct dmem_vm *dmem_vm_create(struct inode *inode, struct dentry *dentry)
{
	struct dmem_pool *pool = dmem_sb_pool(inode->i_sb);
	struct dmem_vm *vm;
	unsigned int i;
	int err;

	vm = dmem_reclaim_alloc_vm();
	if (!vm)
		return ERR_PTR(-ENOMEM);
	vm->cpu = alloc_percpu(struct dmem_vm_cpu);
	if (!vm->cpu) {
		err = -ENOMEM;
		goto free_vm;
	}
	err = dmem_regions_init(vm);
	if (err)
		goto free_cpu;
	err = dmem_budget_init(vm);
	if (err)
		goto exit_regions;
	vm->inode = inode;
	vm->pool = pool;
	vm->ident.id = inode->i_ino;
	vm->ident.order = pool->order;
	vm->ident.donor = pool->donor.id;
	snprintf(vm->ident.name, sizeof(vm->ident.name),
		 IS_ROOT(dentry->d_parent) ? "%pd" : "%pd2", dentry);

	dmem_prefetch_init(vm);
	init_waitqueue_head(&vm->free_wait);
	spin_lock_init(&vm->lru_lock);
	for (i = 0; i < DMEM_LISTS; i++)
		INIT_LIST_HEAD(&vm->lists[i]);
	mutex_init(&vm->evict_mutex);
	INIT_DELAYED_WORK(&vm->evict_work, dmem_evict_work);
	dmem_vm_set_limit(vm, 0);
	dmem_reclaim_add(vm);

	dmem_trace_vm(vm, DMEM_VM_CREATED);
	return vm;

exit_regions:
	dmem_regions_exit(vm);
free_cpu:
	free_percpu(vm->cpu);
free_vm:
	dmem_reclaim_free_vm(vm);
	return ERR_PTR(err);
}

static bool dmem_region_is_busy(struct dmem_region *region)
{
	bool busy = false;
	unsigned int i;

	spin_lock_bh(&region->lock);
	for (i = 0; i < DMEM_REGION_PAGES && !busy; i++)
		busy = dmem_word_is_busy(region->words[i]);
	spin_unlock_bh(&region->lock);
	return busy;
}

/**
 * dmem_vm_destroy - the last user of the file is gone
 * @vm: nobody maps it, has it open or faults on it any more
 */
void dmem_vm_destroy(struct dmem_vm *vm)
{
	struct dmem_region *region;
	u64 index;

	/* These two wake the evictor, so they end before it does. */
	dmem_prefetch_exit(vm);
	dmem_reclaim_del(vm);
	cancel_delayed_work_sync(&vm->evict_work);
	for (index = 0; (region = dmem_region_next(vm, &index, U64_MAX)); index++)
		wait_event(region->wait, !dmem_region_is_busy(region));
	/* Completions that were seen above may still be on their last steps. */
	synchronize_rcu();
	/* Nothing is told of it later. */
	dmem_batch_flush();
	dmem_trace_vm(vm, DMEM_VM_GONE);

	dmem_regions_exit(vm);
	dmem_budget_exit(vm);
	dmem_fetch_exit(vm);
	free_percpu(vm->cpu);
	dmem_reclaim_free_vm(vm);
}

/* Put a region on a list, as its newest or its oldest; vm->lru_lock is held. */
void dmem_region_list(struct dmem_region *region, enum dmem_list list, bool oldest)
{
	struct dmem_vm *vm = region->vm;

	lockdep_assert_held(&vm->lru_lock);
	if (region->list < DMEM_LISTS) {
		list_del(&region->lru);
		vm->nr_listed[region->list]--;
	}
	region->list = list;
	if (list < DMEM_LISTS) {
		if (oldest)
			list_add_tail(&region->lru, &vm->lists[list]);
		else
			list_add(&region->lru, &vm->lists[list]);
		vm->nr_listed[list]++;
	}
}

/* Regions that come back in a loop: one in so many is kept, of loops up to so many times ours. */
#define DMEM_LOOP_DIVISOR	8
#define DMEM_LOOP_SIZE_MAX	4

/*
 * Is a region that comes back worth keeping? One that does before as many others went as are active
 * would have stayed if those were not there: it is as good as they are (refault distance, as in
 * mm/workingset.c).
 *
 * Of memory that is walked through again and again, and is larger than what may be local, the
 * oldest is what is needed next: with it evicted nothing is ever found here. So a few of what comes
 * back that soon are kept, up to half of all (bimodal insertion, Qureshi et al., ISCA 2007).
 */
static bool dmem_region_is_back(struct dmem_region *region)
{
	struct dmem_vm *vm = region->vm;
	long active = vm->nr_listed[DMEM_LIST_ACTIVE];
	long others = vm->nr_listed[DMEM_LIST_FRESH] + vm->nr_listed[DMEM_LIST_INACTIVE];
	u32 distance = vm->nr_gone - region->gone_at;

	lockdep_assert_held(&vm->lru_lock);
	if (!region->gone_at)
		return false;
	if (distance < active)
		return true;
	return active < others && distance < DMEM_LOOP_SIZE_MAX * (active + others) &&
	       ++vm->nr_loops % DMEM_LOOP_DIVISOR == 0;
}

/* A region that holds pages must be on a list for the evictor to find it. */
void dmem_region_activate(struct dmem_region *region)
{
	struct dmem_vm *vm = region->vm;

	spin_lock_bh(&vm->lru_lock);
	if (region->list == DMEM_LIST_NONE)
		dmem_region_list(region, dmem_region_is_back(region) ? DMEM_LIST_ACTIVE :
				 DMEM_LIST_FRESH, false);
	spin_unlock_bh(&vm->lru_lock);
}

/* The sum of a figure over the CPUs; exact when nothing changes it meanwhile. */
u64 dmem_stat_read(struct dmem_vm *vm, enum dmem_stat stat)
{
	s64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(vm->cpu, cpu)->stat[stat]);
	return max_t(s64, sum, 0);
}

/* Tell whoever traces how a VM memory stands. */
void dmem_trace_vm(struct dmem_vm *vm, enum dmem_vm_event event)
{
	if (!trace_dmem_vm_enabled())
		return;
	trace_dmem_vm(&vm->ident, event, dmem_stat_read(vm, DMEM_STAT_LOCAL) << PAGE_SHIFT,
		      dmem_stat_read(vm, DMEM_STAT_REMOTE) << PAGE_SHIFT);
}
