// SPDX-License-Identifier: GPL-2.0
/*
 * vm.c - one VM memory: its regions, its budget of local pages, its figures.
 *
 * The budget is charged in per-CPU stocks so that faults share no counter; what a stock holds
 * counts as used, and the watermarks leave room for that.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "core.h"
#include "trace.h"

/*
 * Watermarks as parts of the direct limit: an evictor that starts at 1/32 free has the time of
 * that many faults to do its work in, and stops at 1/16.
 */
#define DMEM_LOW_DIVISOR	32
#define DMEM_LOW_MIN_PAGES	8
#define DMEM_LOW_MAX_PAGES	8192
#define DMEM_STOCK_MAX_PAGES	16

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

	err = pool->donor.transport->attach(vm);
	if (err)
		goto free_cpu;
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
	vm->pool->donor.transport->detach(vm);
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

/* The pool's direct limit for a file of this size, in pages. */
u64 dmem_vm_default_limit(struct dmem_vm *vm, u64 size_pages)
{
	u64 pages = vm->pool->direct_pages;

	if (!pages)
		pages = mul_u64_u64_div_u64(size_pages, vm->pool->direct_percent, 100);
	return min(max_t(u64, pages, DMEM_DIRECT_MIN_PAGES), size_pages);
}

/**
 * dmem_vm_set_limit - put a direct limit in force, at once
 * @vm: with ident.size_bytes set; inode->i_rwsem is held
 * @limit_pages: at least the smaller of DMEM_DIRECT_MIN_PAGES and the size
 */
void dmem_vm_set_limit(struct dmem_vm *vm, u64 limit_pages)
{
	u64 size_pages = vm->ident.size_bytes >> PAGE_SHIFT;
	long low = clamp_t(u64, limit_pages / DMEM_LOW_DIVISOR, DMEM_LOW_MIN_PAGES,
			   DMEM_LOW_MAX_PAGES);
	bool all_local = limit_pages >= size_pages;

	vm->ident.direct_limit_bytes = limit_pages << PAGE_SHIFT;
	WRITE_ONCE(vm->stock_batch_pages,
		   clamp_t(long, low / (2 * (long)num_online_cpus()), 1, DMEM_STOCK_MAX_PAGES));
	WRITE_ONCE(vm->min_pages, all_local ? 0 : low / 2);
	WRITE_ONCE(vm->low_pages, all_local ? 0 : low);
	WRITE_ONCE(vm->high_pages, all_local ? 0 : 2 * low);
	WRITE_ONCE(vm->limit_pages, all_local ? LONG_MAX : (long)limit_pages);
	dmem_evict_kick(vm);
	wake_up_all(&vm->free_wait);
}

/* Pages that may still be charged; negative while a lowered limit is being reached. */
long dmem_free_pages(struct dmem_vm *vm)
{
	return READ_ONCE(vm->limit_pages) - atomic_long_read(&vm->charged);
}

static long dmem_charge_batch(struct dmem_vm *vm)
{
	long batch = READ_ONCE(vm->stock_batch_pages);
	long over = atomic_long_add_return(batch, &vm->charged) - READ_ONCE(vm->limit_pages);

	if (over <= 0)
		return batch;
	over = min(over, batch);
	atomic_long_sub(over, &vm->charged);
	return batch - over;
}

/**
 * dmem_charge_page - take one page of the budget
 * @vm: VM memory; process context
 * @prefetch: nobody waits for the page: leave what is below the min watermark alone
 *
 * Return: false when there is none; the evictor has been woken then.
 */
bool dmem_charge_page(struct dmem_vm *vm, bool prefetch)
{
	bool charged = true, refilled = false;
	struct dmem_vm_cpu *cpu;

	if (prefetch && dmem_free_pages(vm) < READ_ONCE(vm->min_pages)) {
		dmem_evict_kick(vm);
		return false;
	}
	cpu = get_cpu_ptr(vm->cpu);
	if (!cpu->stock_pages) {
		cpu->stock_pages = dmem_charge_batch(vm);
		refilled = true;
	}
	if (cpu->stock_pages)
		cpu->stock_pages--;
	else
		charged = false;
	put_cpu_ptr(vm->cpu);

	if (refilled) {
		dmem_trace_vm(vm, DMEM_VM_FIGURES);
		if (dmem_free_pages(vm) < READ_ONCE(vm->low_pages))
			dmem_evict_kick(vm);
	}
	return charged;
}

/* Give pages of the budget back. Any context but hard interrupt. */
void dmem_uncharge_pages(struct dmem_vm *vm, long nr)
{
	if (!nr)
		return;
	atomic_long_sub(nr, &vm->charged);
	WRITE_ONCE(vm->stalled_since, 0);
	if (wq_has_sleeper(&vm->free_wait))
		wake_up_all(&vm->free_wait);
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
