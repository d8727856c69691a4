// SPDX-License-Identifier: GPL-2.0
/*
 * vm.c - one VM memory: its making and its end, its regions, its figures.
 *
 * Regions are found without a lock and stay until the file goes.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "core.h"
#include "trace.h"

/**
 * dmem_vm_create - the state of a new file
 * @inode: its inode, size zero; its number is the VM memory's id
 * @name: the file's name; shown, never looked up
 *
 * Return: the VM memory, or an ERR_PTR().
 */
struct dmem_vm *dmem_vm_create(struct inode *inode, const struct qstr *name)
{
	struct dmem_pool *pool = dmem_sb_pool(inode->i_sb);
	struct dmem_vm *vm;
	int err;

	vm = kzalloc(sizeof(*vm), GFP_KERNEL);
	if (!vm)
		return ERR_PTR(-ENOMEM);
	vm->cpu = alloc_percpu(struct dmem_vm_cpu);
	if (!vm->cpu) {
		err = -ENOMEM;
		goto free_vm;
	}
	err = dmem_budget_init(vm);
	if (err)
		goto free_cpu;
	vm->inode = inode;
	vm->pool = pool;
	vm->ident.id = inode->i_ino;
	vm->ident.order = pool->order;
	snprintf(vm->ident.name, sizeof(vm->ident.name), "%.*s", (int)name->len, name->name);

	xa_init(&vm->regions);
	init_waitqueue_head(&vm->free_wait);
	spin_lock_init(&vm->lru_lock);
	INIT_LIST_HEAD(&vm->active);
	INIT_LIST_HEAD(&vm->inactive);
	mutex_init(&vm->evict_mutex);
	INIT_DELAYED_WORK(&vm->evict_work, dmem_evict_work);
	dmem_vm_set_limit(vm, 0);

	dmem_trace_vm(vm, DMEM_VM_CREATED);
	return vm;

free_cpu:
	free_percpu(vm->cpu);
free_vm:
	kfree(vm);
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

static void dmem_region_free(struct dmem_region *region)
{
	unsigned int i;

	for (i = 0; i < DMEM_REGION_PAGES; i++) {
		struct page *page = dmem_word_page(region->words[i]);

		if (page)
			put_page(page);
	}
	region->vm->pool->donor.transport->forget(region);
	free_page((unsigned long)region->words);
	kfree(region);
}

/**
 * dmem_vm_destroy - the last user of the file is gone
 * @vm: nobody maps it, has it open or faults on it any more
 */
void dmem_vm_destroy(struct dmem_vm *vm)
{
	struct dmem_region *region;
	unsigned long index;

	cancel_delayed_work_sync(&vm->evict_work);
	xa_for_each(&vm->regions, index, region)
		wait_event(region->wait, !dmem_region_is_busy(region));
	/* Completions that were seen above may still be on their last steps. */
	synchronize_rcu();
	dmem_trace_vm(vm, DMEM_VM_GONE);

	xa_for_each(&vm->regions, index, region)
		dmem_region_free(region);
	xa_destroy(&vm->regions);
	dmem_budget_exit(vm);
	dmem_fetch_exit(vm);
	free_percpu(vm->cpu);
	kfree(vm);
}

/* The descriptor of a region, or NULL where none of its pages was touched yet. */
struct dmem_region *dmem_region_find(struct dmem_vm *vm, u32 index)
{
	return xa_load(&vm->regions, index);
}

/* The descriptor of a region, made if need be; NULL without memory for it. May sleep. */
struct dmem_region *dmem_region_get(struct dmem_vm *vm, u32 index)
{
	struct dmem_region *region = dmem_region_find(vm, index), *old;

	if (region)
		return region;
	region = kzalloc(sizeof(*region), GFP_KERNEL);
	if (!region)
		return NULL;
	region->words = (u64 *)get_zeroed_page(GFP_KERNEL);
	if (!region->words)
		goto free_region;
	region->vm = vm;
	region->ident.index = index;
	spin_lock_init(&region->lock);
	init_waitqueue_head(&region->wait);
	INIT_LIST_HEAD(&region->lru);

	old = xa_cmpxchg(&vm->regions, index, NULL, region, GFP_KERNEL);
	if (!old) {
		dmem_stat_add(vm, DMEM_STAT_REGIONS, 1);
		return region;
	}
	/* Another fault was first, or there was no memory for the xarray's node. */
	free_page((unsigned long)region->words);
	kfree(region);
	return xa_is_err(old) ? NULL : old;

free_region:
	kfree(region);
	return NULL;
}

/* A region that holds pages must be on a list for the evictor to find it. */
void dmem_region_activate(struct dmem_region *region)
{
	struct dmem_vm *vm = region->vm;

	spin_lock_bh(&vm->lru_lock);
	if (region->list == DMEM_LIST_NONE) {
		region->list = DMEM_LIST_ACTIVE;
		list_add(&region->lru, &vm->active);
	}
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
