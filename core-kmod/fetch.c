// SPDX-License-Identifier: GPL-2.0
/*
 * fetch.c - brings a block's pages from a donor.
 *
 * Owns the FETCHING state: pages enter it here under the region lock and leave it in
 * dmem_fetch_done(), which the transport may call in softirq. Callers hold no lock.
 */
#include <linux/ktime.h>
#include <linux/slab.h>

#include "core.h"
#include "trace.h"

/**
 * dmem_fetch_order - the block order for a fault
 * @region: the region that the fault is in; not locked
 * @index: the faulting page within it
 * @flags: DMEM_FAULT_F_*
 *
 * Return: 0 ... DMEM_ORDER_MAX, whatever the policy says.
 */
unsigned int dmem_fetch_order(struct dmem_region *region, unsigned int index, u32 flags)
{
	struct dmem_vm *vm = region->vm;
	struct dmem_fetch_ctx ctx = {
		.vm = vm->ident.id,
		.region = region->ident.index,
		.page = dmem_region_first_page(region) + index,
		.default_order = READ_ONCE(vm->ident.order),
		.flags = flags,
		.size_bytes = READ_ONCE(vm->ident.size_bytes),
	};
	u32 order = dmem_policy_order(&ctx);

	if (order == DMEM_ORDER_DEFAULT)
		return ctx.default_order;
	if (order > DMEM_ORDER_MAX) {
		dmem_stat_add(vm, DMEM_STAT_POLICY_CLAMPED, 1);
		order = DMEM_ORDER_MAX;
	}
	dmem_stat_add(vm, DMEM_STAT_POLICY_DECISIONS, 1);
	return order;
}

/* One page of a fetch has come, or will not. Returns the page if it is to be freed. */
static struct page *dmem_fetch_end_page(struct dmem_io *io, u16 i, int err)
{
	struct dmem_region *region = io->region;
	unsigned int index = io->pages[i].index;
	struct page *page = io->pages[i].page;
	u64 word = region->words[index];
	u64 keep = word & (DMEM_PAGE_PREFETCHED | DMEM_PAGE_DEMANDED);

	if (!err) {
		dmem_page_set(region, index, dmem_word(DMEM_PAGE_UNMAPPED, keep | DMEM_PAGE_COPY |
						       DMEM_PAGE_YOUNG, page));
		return NULL;
	}
	/* Nobody has been told anything of a page that no fault asked for: ask again later. */
	dmem_page_set(region, index, word & DMEM_PAGE_DEMANDED ?
		      dmem_word(DMEM_PAGE_FAILED, 0, NULL) :
		      dmem_word(DMEM_PAGE_REMOTE, DMEM_PAGE_COPY, NULL));
	return page;
}

static void dmem_fetch_done(struct dmem_io *io, int err)
{
	struct dmem_region *region = io->region;
	u64 latency_ns = ktime_get_ns() - io->start_ns;
	struct dmem_region_ident ident;
	struct dmem_vm *vm = io->vm;
	long freed = 0;
	u16 i;

	/* dmem_vm_destroy() waits for this section once the words are settled. */
	rcu_read_lock();
	spin_lock_bh(&region->lock);
	for (i = 0; i < io->nr_pages; i++) {
		struct page *page = dmem_fetch_end_page(io, i, err);

		if (page) {
			put_page(page);
			freed++;
		}
	}
	ident = region->ident;
	spin_unlock_bh(&region->lock);
	if (wq_has_sleeper(&region->wait))
		wake_up_all(&region->wait);

	if (err) {
		dmem_uncharge_pages(vm, freed);
		dmem_stat_add(vm, DMEM_STAT_ERRORS, freed);
		pr_err_ratelimited("dmem: %s: fetch of %u pages at page %llu failed: %d\n",
				   vm->ident.name, io->nr_pages,
				   dmem_region_first_page(region) + io->pages[0].index, err);
	} else {
		dmem_stat_add(vm, DMEM_STAT_FETCHED_PAGES, io->nr_pages);
		if (io->prefetch)
			dmem_stat_add(vm, DMEM_STAT_PREFETCHED_PAGES, io->nr_pages);
	}
	trace_dmem_fetch(&vm->ident, &ident,
			 dmem_region_first_page(region) + io->pages[0].index, io->order,
			 io->nr_pages, io->prefetch ? io->nr_pages : 0, latency_ns, err);
	rcu_read_unlock();
	kfree(io);
}

static struct dmem_io *dmem_fetch_alloc(struct dmem_region *region, unsigned int nr_pages,
					unsigned int order, gfp_t gfp)
{
	struct dmem_io *io = kzalloc(struct_size(io, pages, nr_pages), gfp);

	if (!io)
		return NULL;
	io->vm = region->vm;
	io->region = region;
	io->order = order;
	io->done = dmem_fetch_done;
	return io;
}

/* REMOTE -> FETCHING for one page, if it still is REMOTE. */
static bool dmem_fetch_add_page(struct dmem_io *io, unsigned int index, struct page *page,
				u64 flag)
{
	struct dmem_region *region = io->region;
	bool first;

	spin_lock_bh(&region->lock);
	if (dmem_word_state(region->words[index]) != DMEM_PAGE_REMOTE) {
		spin_unlock_bh(&region->lock);
		return false;
	}
	first = dmem_page_set(region, index,
			      dmem_word(DMEM_PAGE_FETCHING, DMEM_PAGE_COPY | flag, page));
	spin_unlock_bh(&region->lock);
	if (first)
		dmem_region_activate(region);
	io->nr_pages++;
	io->pages[io->nr_pages - 1].page = page;
	io->pages[io->nr_pages - 1].index = index;
	return true;
}

/* The request could not be sent: as if it had not been made. */
static void dmem_fetch_abort(struct dmem_io *io)
{
	struct dmem_region *region = io->region;
	u16 i;

	spin_lock_bh(&region->lock);
	for (i = 0; i < io->nr_pages; i++) {
		dmem_page_set(region, io->pages[i].index,
			      dmem_word(DMEM_PAGE_REMOTE, DMEM_PAGE_COPY, NULL));
		put_page(io->pages[i].page);
	}
	spin_unlock_bh(&region->lock);
	wake_up_all(&region->wait);
	dmem_uncharge_pages(io->vm, io->nr_pages);
	kfree(io);
}

static int dmem_fetch_send(struct dmem_io *io)
{
	int err;

	io->start_ns = ktime_get_ns();
	err = io->vm->pool->donor.transport->read(io);
	if (err)
		dmem_fetch_abort(io);
	return err;
}

/* One more page for a prefetch: false ends the block. */
static bool dmem_prefetch_page(struct dmem_io *io, unsigned int index)
{
	struct dmem_vm *vm = io->vm;
	struct page *page;

	if (dmem_word_state(READ_ONCE(io->region->words[index])) != DMEM_PAGE_REMOTE)
		return true;
	if (!dmem_charge_page(vm, true))
		return false;
	page = alloc_page(GFP_HIGHUSER | __GFP_NORETRY | __GFP_NOWARN);
	if (!page) {
		dmem_uncharge_pages(vm, 1);
		return false;
	}
	if (!dmem_fetch_add_page(io, index, page, DMEM_PAGE_PREFETCHED)) {
		put_page(page);
		dmem_uncharge_pages(vm, 1);
	}
	return true;
}

/* The rest of the block, in requests short enough to arrive piece by piece. */
static void dmem_prefetch_block(struct dmem_region *region, unsigned int first,
				unsigned int order)
{
	unsigned int index = first, end = first + (1U << order);
	bool more = true;

	while (more && index < end) {
		struct dmem_io *io = dmem_fetch_alloc(region, DMEM_IO_MAX_PAGES, order,
						      GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);

		if (!io)
			return;
		io->prefetch = true;
		while (index < end && io->nr_pages < DMEM_IO_MAX_PAGES) {
			more = dmem_prefetch_page(io, index++);
			if (!more)
				break;
		}
		if (!io->nr_pages)
			kfree(io);
		else if (dmem_fetch_send(io))
			return;
	}
}

/**
 * dmem_fetch_block - start the fetch of a block
 * @region: not locked
 * @index: the faulting page, asked for first and by itself
 * @order: of the block around it
 *
 * One page of the budget has been charged for the faulting page; it is given back where
 * it turns out not to be needed.
 *
 * Return: 0 when the page is on its way or no longer remote; -ENOMEM, or the transport's
 * errno when nothing could be sent.
 */
int dmem_fetch_block(struct dmem_region *region, unsigned int index, unsigned int order)
{
	struct dmem_vm *vm = region->vm;
	struct dmem_io *io;
	struct page *page;
	int err;

	io = dmem_fetch_alloc(region, 1, order, GFP_KERNEL);
	if (!io)
		goto uncharge;
	page = alloc_page(GFP_HIGHUSER);
	if (!page)
		goto free_io;
	if (!dmem_fetch_add_page(io, index, page, DMEM_PAGE_DEMANDED)) {
		put_page(page);
		kfree(io);
		dmem_uncharge_pages(vm, 1);
		return 0;
	}
	err = dmem_fetch_send(io);
	if (err)
		return err;
	dmem_stat_add(vm, DMEM_STAT_FETCHES + order, 1);
	if (order)
		dmem_prefetch_block(region, round_down(index, 1U << order), order);
	return 0;

free_io:
	kfree(io);
uncharge:
	dmem_uncharge_pages(vm, 1);
	return -ENOMEM;
}
