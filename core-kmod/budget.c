// SPDX-License-Identifier: GPL-2.0
/*
 * budget.c - the pages that a VM memory may have here: how many, and the free ones at hand.
 *
 * A page is charged to the direct limit before it is allocated. Each CPU keeps a small stock of
 * charged pages, so that faults share neither a counter nor a lock; a stock is filled in batches,
 * first with what was evicted (spare pages), then by the page allocator. Stocks are used with
 * preemption off, in process context alone; spare->lock (BH off) guards a node's spare pages.
 */
#include <linux/highmem.h>
#include <linux/mm.h>

#include "core.h"
#include "trace.h"

/*
 * Watermarks as parts of the direct limit: an evictor that starts at 1/32 free has the time of
 * that many faults to do its work in, and stops at 1/16.
 */
#define DMEM_LOW_DIVISOR	32
#define DMEM_LOW_MIN_PAGES	8
#define DMEM_LOW_MAX_PAGES	8192

/* page_private() of a page in a stock: what the allocator did to it, or 0 where it is recycled. */
#define DMEM_STOCK_ZEROED	1

int dmem_budget_init(struct dmem_vm *vm)
{
	int node;

	vm->spare = kcalloc(nr_node_ids, sizeof(*vm->spare), GFP_KERNEL);
	if (!vm->spare)
		return -ENOMEM;
	for (node = 0; node < nr_node_ids; node++) {
		spin_lock_init(&vm->spare[node].lock);
		INIT_LIST_HEAD(&vm->spare[node].pages);
	}
	return 0;
}

/* Free what is at hand; nobody uses the VM memory any more. */
void dmem_budget_exit(struct dmem_vm *vm)
{
	int cpu, node;

	for_each_possible_cpu(cpu) {
		struct dmem_vm_cpu *own = per_cpu_ptr(vm->cpu, cpu);

		while (own->nr_stock)
			put_page(own->stock[--own->nr_stock]);
	}
	for (node = 0; node < nr_node_ids; node++) {
		struct page *page, *next;

		list_for_each_entry_safe(page, next, &vm->spare[node].pages, lru)
			put_page(page);
	}
	kfree(vm->spare);
}

/* The pool's direct limit for a file of this size, in pages. */
u64 dmem_vm_default_limit(struct dmem_vm *vm, u64 size_pages)
{
	u64 pages = vm->pool->direct_pages;

	if (!pages)
		pages = mul_u64_u64_div_u64(size_pages, vm->pool->direct_percent, 100);
	return min(max_t(u64, pages, DMEM_DIRECT_MIN_PAGES), size_pages);
}

/* Pages that may still be charged; negative while a lowered limit is being reached. */
long dmem_free_pages(struct dmem_vm *vm)
{
	return READ_ONCE(vm->limit_pages) - atomic_long_read(&vm->charged);
}

/* Take spare pages of a node, at most @nr. */
static unsigned int dmem_spare_take(struct dmem_spare *spare, struct page **pages, unsigned int nr)
{
	unsigned int got = 0;

	if (!READ_ONCE(spare->nr))
		return 0;
	spin_lock_bh(&spare->lock);
	while (got < nr && !list_empty(&spare->pages)) {
		struct page *page = list_first_entry(&spare->pages, struct page, lru);

		list_del(&page->lru);
		pages[got++] = page;
	}
	WRITE_ONCE(spare->nr, spare->nr - got);
	spin_unlock_bh(&spare->lock);
	return got;
}

/*
 * Most spare pages a node may keep when @nr more are free than are not charged now: together with
 * what is charged they stay within the limit. None while the host is short of memory.
 */
static long dmem_spare_max(struct dmem_vm *vm, long nr)
{
	if (dmem_reclaim_active(vm))
		return 0;
	return clamp(dmem_free_pages(vm) + nr, 0, READ_ONCE(vm->high_pages));
}

/* Give back what is spare beyond that. Returns how many pages. */
long dmem_spare_trim(struct dmem_vm *vm)
{
	struct page *page;
	long nr = 0;
	int node;

	for (node = 0; node < nr_node_ids; node++) {
		while (READ_ONCE(vm->spare[node].nr) > dmem_spare_max(vm, 0) &&
		       dmem_spare_take(&vm->spare[node], &page, 1)) {
			put_page(page);
			nr++;
		}
	}
	return nr;
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
		   clamp_t(long, low / (2 * (long)num_online_cpus()), 1, DMEM_STOCK_PAGES));
	WRITE_ONCE(vm->min_pages, all_local ? 0 : low / 2);
	WRITE_ONCE(vm->low_pages, all_local ? 0 : low);
	WRITE_ONCE(vm->high_pages, all_local ? 0 : 2 * low);
	WRITE_ONCE(vm->limit_pages, all_local ? LONG_MAX : (long)limit_pages);
	dmem_spare_trim(vm);
	dmem_evict_kick(vm);
	wake_up_all(&vm->free_wait);
}

/* Charge as many pages as there is budget for, at most @nr. */
static long dmem_charge_pages(struct dmem_vm *vm, long nr)
{
	long over = atomic_long_add_return(nr, &vm->charged) - READ_ONCE(vm->limit_pages);

	if (over <= 0)
		return nr;
	over = min(over, nr);
	atomic_long_sub(over, &vm->charged);
	return nr - over;
}

/* Give budget back whose pages went elsewhere. Any context but hard interrupt. */
static void dmem_uncharge_pages(struct dmem_vm *vm, long nr)
{
	atomic_long_sub(nr, &vm->charged);
	WRITE_ONCE(vm->stalled_since, 0);
	if (wq_has_sleeper(&vm->free_wait))
		wake_up_all(&vm->free_wait);
}

/* Memory for charged pages: a node's spare pages, then new ones. As many as there are. */
static unsigned int dmem_alloc_charged(struct dmem_vm *vm, int node, gfp_t gfp,
				       struct page **pages, unsigned int nr)
{
	unsigned int spare = dmem_spare_take(&vm->spare[node], pages, nr), got, i;

	if (spare == nr)
		return nr;
	got = spare + dmem_alloc_local(vm, node, gfp, pages + spare, nr - spare);
	for (i = spare; i < got; i++)
		set_page_private(pages[i], want_init_on_alloc(gfp) ? DMEM_STOCK_ZEROED : 0);
	/* Those of other nodes are too many now. */
	dmem_spare_trim(vm);
	return got;
}

/* Charged pages, @nr at most: how many; 0 without budget, -ENOMEM without memory. */
static int dmem_take_pages(struct dmem_vm *vm, int node, gfp_t gfp, struct page **pages,
			   unsigned int nr)
{
	unsigned int charged = dmem_charge_pages(vm, nr), got = 0;

	if (charged)
		got = dmem_alloc_charged(vm, node, gfp, pages, charged);
	if (got < charged)
		dmem_uncharge_pages(vm, charged - got);
	dmem_trace_vm(vm, DMEM_VM_FIGURES);
	if (dmem_free_pages(vm) < READ_ONCE(vm->low_pages))
		dmem_evict_kick(vm);
	return charged && !got ? -ENOMEM : got;
}

/* Fill an empty stock and take a page of it: NULL without budget, an ERR_PTR() without memory. */
static struct page *dmem_refill_stock(struct dmem_vm *vm, gfp_t gfp)
{
	struct page *pages[DMEM_STOCK_PAGES], *page;
	struct dmem_vm_cpu *own;
	int got;

	got = dmem_take_pages(vm, numa_mem_id(), gfp, pages, READ_ONCE(vm->stock_batch_pages));
	if (got <= 0)
		return ERR_PTR(got);

	page = pages[--got];
	own = get_cpu_ptr(vm->cpu);
	while (got && own->nr_stock < DMEM_STOCK_PAGES)
		own->stock[own->nr_stock++] = pages[--got];
	put_cpu_ptr(vm->cpu);
	/* Another thread filled this CPU's stock, or we moved to one that has its own. */
	while (got)
		dmem_page_give(vm, pages[--got]);
	return page;
}

static struct page *dmem_stock_take(struct dmem_vm *vm, gfp_t gfp)
{
	struct dmem_vm_cpu *own = get_cpu_ptr(vm->cpu);
	struct page *page = NULL;

	if (own->nr_stock)
		page = own->stock[--own->nr_stock];
	put_cpu_ptr(vm->cpu);
	return page ?: dmem_refill_stock(vm, gfp);
}

/**
 * dmem_page_take - a page of the budget for a fault
 * @vm: VM memory; process context
 *
 * Return: the page, charged, with one reference and any content; NULL when there is no budget,
 * the evictor has been woken then; ERR_PTR(-ENOMEM) when there is no memory.
 */
struct page *dmem_page_take(struct dmem_vm *vm)
{
	return dmem_stock_take(vm, GFP_HIGHUSER);
}

/**
 * dmem_pages_take - pages for what nobody waits for
 * @vm: VM memory; process context
 * @node: where from: this node alone; NUMA_NO_NODE: as a fault on this CPU
 * @pages: takes them, as dmem_page_take() returns one
 * @nr: how many are wanted
 *
 * What is below the min watermark is left alone: the evictor is woken instead.
 *
 * Return: how many there are.
 */
unsigned int dmem_pages_take(struct dmem_vm *vm, int node, struct page **pages, unsigned int nr)
{
	const gfp_t gfp = GFP_HIGHUSER | __GFP_NORETRY | __GFP_NOWARN;
	long room = dmem_free_pages(vm) - READ_ONCE(vm->min_pages);
	unsigned int got = 0;

	if (room <= 0) {
		dmem_evict_kick(vm);
		return 0;
	}
	nr = min_t(long, nr, room);
	/* Without the stocks, which are for the faults of their CPU. */
	if (node != NUMA_NO_NODE)
		return max(dmem_take_pages(vm, node, gfp | __GFP_THISNODE, pages, nr), 0);
	for (; got < nr; got++) {
		pages[got] = dmem_stock_take(vm, gfp);
		if (IS_ERR_OR_NULL(pages[got]))
			break;
	}
	return got;
}

/* The content of a page just taken becomes zero. */
void dmem_page_clear(struct page *page)
{
	if (page_private(page) != DMEM_STOCK_ZEROED)
		clear_highpage(page);
	set_page_private(page, 0);
}

/**
 * dmem_pages_give - pages that need not be local any more; they are the core's alone
 * @vm: VM memory; any context but hard interrupt
 * @pages: charged, each with the core's reference
 * @nr: how many
 *
 * Up to the high watermark they wait for the next faults, which spares these the allocator.
 */
void dmem_pages_give(struct dmem_vm *vm, struct page **pages, unsigned int nr)
{
	unsigned int i, nr_put = 0;

	if (!nr)
		return;
	for (i = 0; i < nr; i++) {
		struct dmem_spare *spare = &vm->spare[page_to_nid(pages[i])];

		/* One that somebody still looks at, or has locked in memory, is left to him. */
		if (READ_ONCE(spare->nr) >= dmem_spare_max(vm, nr) ||
		    page_count(pages[i]) != 1 || folio_test_mlocked(page_folio(pages[i]))) {
			put_page(pages[i]);
			nr_put++;
			continue;
		}
		set_page_private(pages[i], 0);
		spin_lock_bh(&spare->lock);
		list_add(&pages[i]->lru, &spare->pages);
		WRITE_ONCE(spare->nr, spare->nr + 1);
		spin_unlock_bh(&spare->lock);
	}
	if (dmem_reclaim_active(vm))
		dmem_reclaim_progress(nr_put);
	dmem_uncharge_pages(vm, nr);
}

void dmem_page_give(struct dmem_vm *vm, struct page *page)
{
	dmem_pages_give(vm, &page, 1);
}
