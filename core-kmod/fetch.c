// SPDX-License-Identifier: GPL-2.0
/*
 * fetch.c - brings a block's pages from a donor.
 *
 * Owns the FETCHING state: pages enter it here under the region lock and leave it in
 * dmem_fetch_done(), which the transport may call in softirq. Callers hold no lock.
 */
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "core.h"
#include "trace.h"

/* The policy's word, as it is. */
static u32 dmem_fetch_ask(struct dmem_region *region, unsigned int index, u32 flags)
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

	return dmem_policy_order(&ctx);
}

/**
 * dmem_fetch_order - the block order for a fault
 * @region: the region that the fault is in; not locked
 * @index: the faulting page within it
 * @flags: DMEM_FAULT_F_*
 *
 * To ask the policy costs as much as a tenth of a fault: what it says of a region holds for the
 * rest of the tick.
 *
 * Return: 0 ... DMEM_ORDER_MAX, whatever the policy says.
 */
unsigned int dmem_fetch_order(struct dmem_region *region, unsigned int index, u32 flags)
{
	struct dmem_vm *vm = region->vm;
	u64 advice = READ_ONCE(region->advice);
	u64 tick = (u32)jiffies;
	u32 order = advice;

	if (!dmem_policy_is_there())
		return READ_ONCE(vm->ident.order);
	if (advice >> 32 != tick) {
		order = dmem_fetch_ask(region, index, flags);
		WRITE_ONCE(region->advice, tick << 32 | order);
	}
	if (order == DMEM_ORDER_DEFAULT)
		return READ_ONCE(vm->ident.order);
	if (order > DMEM_ORDER_MAX) {
		dmem_stat_add(vm, DMEM_STAT_POLICY_CLAMPED, 1);
		order = DMEM_ORDER_MAX;
	}
	dmem_stat_add(vm, DMEM_STAT_POLICY_DECISIONS, 1);
	return order;
}

/* The donor is out of reach: what it holds is there again when it is. Others are for good. */
static bool dmem_fetch_may_retry(int err)
{
	return err == -ETIMEDOUT || err == -EHOSTDOWN;
}

/* One page of a fetch has come, or will not. Returns the page if it is to be freed. */
static struct page *dmem_fetch_end_page(struct dmem_io *io, u16 i, int err, u64 now,
					struct dmem_page_sums *sums)
{
	struct dmem_region *region = io->region;
	unsigned int index = io->pages[i].index;
	struct page *page = io->pages[i].page;
	u64 word = region->words[index];
	u64 keep = word & (DMEM_PAGE_PREFETCHED | DMEM_PAGE_DEMANDED);

	if (!err) {
		/* Of interest only where its first use is an event of its own. */
		if (keep & DMEM_PAGE_PREFETCHED)
			set_page_private(page, now);
		dmem_page_change(region, index,
				 dmem_word(DMEM_PAGE_UNMAPPED, keep | DMEM_PAGE_COPY |
					   DMEM_PAGE_YOUNG, page), sums);
		return NULL;
	}
	/*
	 * Nobody has been told anything of a page that no fault asked for: ask again later. Nor is
	 * a page lost whose donor is only out of reach: who waits asks again, and is told so.
	 */
	dmem_page_change(region, index,
			 word & DMEM_PAGE_DEMANDED && !dmem_fetch_may_retry(err) ?
			 dmem_word(DMEM_PAGE_FAILED, 0, NULL) :
			 dmem_word(DMEM_PAGE_REMOTE, DMEM_PAGE_COPY, NULL), sums);
	return page;
}

/* Who waits for a page of the region looks at its word again. */
static void dmem_fetch_wake(struct dmem_region *region)
{
	if (wq_has_sleeper(&region->wait))
		wake_up_all(&region->wait);
}

/* For latencies, if anybody wants to know them: dmem_time_since() of it. */
static u64 dmem_fetch_clock(void)
{
	return trace_dmem_events_enabled() || trace_dmem_fetch_enabled() ? dmem_time_now() : 0;
}

static void dmem_fetch_trace(const struct dmem_io *io, const struct dmem_region_ident *ident,
			     int err)
{
	u64 latency_ns = dmem_time_since(io->start);
	struct dmem_telling telling;

	if (!latency_ns)
		return;
	trace_dmem_fetch(&io->vm->ident, ident,
			 dmem_region_first_page(io->region) + io->pages[0].index, io->order,
			 io->nr_pages, io->prefetch ? io->nr_pages : 0, latency_ns, err);
	if (!trace_dmem_events_enabled())
		return;
	telling = dmem_tell_begin(&io->vm->ident, ident,
				  err ? DMEM_EVENT_FETCH_ERROR :
				  io->prefetch ? DMEM_EVENT_PREFETCHED : DMEM_EVENT_FETCHED);
	telling.event->page = io->pages[0].index;
	telling.event->order = io->order;
	telling.event->time_ns = latency_ns;
	telling.event->nr_pages = io->nr_pages;
	dmem_tell_end(&telling);
}

static void dmem_fetch_free(struct dmem_io *io)
{
	/* What is kept is as long as any fetch of one page needs it. */
	if (io->prefetch || this_cpu_cmpxchg(io->vm->cpu->io, NULL, io))
		kfree(io);
}

static void dmem_fetch_done(struct dmem_io *io, int err)
{
	struct page *lost[DMEM_IO_MAX_PAGES];
	struct dmem_region *region = io->region;
	struct dmem_region_ident ident;
	struct dmem_vm *vm = io->vm;
	u64 now = io->prefetch ? dmem_fetch_clock() : 0;
	struct dmem_page_sums sums = {};
	unsigned int nr_lost = 0;
	u16 i;

	/* dmem_vm_destroy() waits for this section once the words are settled. */
	rcu_read_lock();
	spin_lock_bh(&region->lock);
	for (i = 0; i < io->nr_pages; i++) {
		struct page *page = dmem_fetch_end_page(io, i, err, now, &sums);

		if (page)
			lost[nr_lost++] = page;
	}
	dmem_page_settle(region, &sums);
	ident = region->ident;
	spin_unlock_bh(&region->lock);
	dmem_fetch_wake(region);

	if (err) {
		dmem_pages_give(vm, lost, nr_lost);
		dmem_stat_add(vm, DMEM_STAT_ERRORS, nr_lost);
		pr_err_ratelimited("dmem: %s: fetch of %u pages at page %llu failed: %d\n",
				   vm->ident.name, io->nr_pages,
				   dmem_region_first_page(region) + io->pages[0].index, err);
	}
	dmem_fetch_trace(io, &ident, err);
	if (!err && io->prefetch)
		dmem_stat_add(vm, DMEM_STAT_PREFETCHED_PAGES, io->nr_pages);
	/* Last: who sees these pages counted has all else of them, and their event is there. */
	if (!err)
		dmem_stat_add(vm, DMEM_STAT_FETCHED_PAGES, io->nr_pages);
	dmem_fetch_free(io);
	rcu_read_unlock();
}

static void dmem_fetch_init(struct dmem_io *io, struct dmem_region *region, unsigned int order,
			    bool prefetch)
{
	io->vm = region->vm;
	io->region = region;
	io->order = order;
	io->prefetch = prefetch;
	io->out = false;
	io->nr_pages = 0;
	io->done = dmem_fetch_done;
}

static void dmem_fetch_add(struct dmem_io *io, unsigned int index, struct page *page)
{
	io->nr_pages++;
	io->pages[io->nr_pages - 1].page = page;
	io->pages[io->nr_pages - 1].index = index;
}

/* The request could not be sent: as if it had not been made. */
static void dmem_fetch_abort(struct dmem_region *region, const struct dmem_io_page *pages,
			     unsigned int nr)
{
	unsigned int i;

	spin_lock_bh(&region->lock);
	for (i = 0; i < nr; i++)
		dmem_page_set(region, pages[i].index,
			      dmem_word(DMEM_PAGE_REMOTE, DMEM_PAGE_COPY, NULL));
	spin_unlock_bh(&region->lock);
	dmem_fetch_wake(region);
	for (i = 0; i < nr; i++)
		dmem_page_give(region->vm, pages[i].page);
}

static int dmem_fetch_send(struct dmem_io *io)
{
	int err;

	io->start = dmem_fetch_clock();
	err = io->vm->pool->donor.transport->read(io);
	if (err) {
		dmem_fetch_abort(io->region, io->pages, io->nr_pages);
		dmem_fetch_free(io);
	}
	return err;
}

/* FETCHING -> MAPPED of a page that came while its fault looked on: see dmem_fetch_page(). */
static bool dmem_fetch_now(struct dmem_region *region, unsigned int index, struct page *page,
			   unsigned int order, struct dmem_region_ident *ident, u64 *latency_ns)
{
	struct dmem_vm *vm = region->vm;
	const struct dmem_transport *transport = vm->pool->donor.transport;
	u64 start = dmem_fetch_clock();

	if (!transport->read_now || transport->read_now(region, index, page))
		return false;
	/* Where another looks at the page it may be locked: few do, none of them for long. */
	lock_page(page);
	get_page(page);
	spin_lock_bh(&region->lock);
	dmem_page_set(region, index, dmem_word(DMEM_PAGE_MAPPED, DMEM_PAGE_COPY, page));
	*ident = region->ident;
	spin_unlock_bh(&region->lock);
	dmem_fetch_wake(region);

	dmem_stat_add(vm, DMEM_STAT_FETCHED_PAGES, 1);
	if (!start)
		return true;
	*latency_ns = dmem_time_since(start);
	trace_dmem_fetch(&vm->ident, ident, dmem_region_first_page(region) + index, order, 1, 0,
			 *latency_ns, 0);
	return true;
}

/**
 * dmem_fetch_page - fetch the page of a fault
 * @region: not locked
 * @index: the faulting page, FETCHING and DEMANDED
 * @page: what its word holds
 * @order: of the block around it; the rest is for dmem_prefetch_rest()
 * @ident: the region's; as it is now, when the page is here
 * @latency_ns: takes how long it took, when it is here and somebody wants to know
 *
 * Return: 1 when it is here: its word is MAPPED, @page is locked and has a reference for the
 * mapping; 0 when it is on its way; -ENOMEM, or the transport's errno when nothing could be
 * sent: the page is REMOTE again then, and @page has been given back.
 */
int dmem_fetch_page(struct dmem_region *region, unsigned int index, struct page *page,
		    unsigned int order, struct dmem_region_ident *ident, u64 *latency_ns)
{
	struct dmem_vm *vm = region->vm;
	struct dmem_io *io;

	dmem_stat_add(vm, DMEM_STAT_FETCHES + order, 1);
	if (dmem_fetch_now(region, index, page, order, ident, latency_ns))
		return 1;
	io = this_cpu_xchg(vm->cpu->io, NULL);
	if (!io)
		io = kmalloc(struct_size(io, pages, 1), GFP_KERNEL);
	if (!io) {
		struct dmem_io_page demanded = { .page = page, .index = index };

		dmem_fetch_abort(region, &demanded, 1);
		return -ENOMEM;
	}
	dmem_fetch_init(io, region, order, false);
	dmem_fetch_add(io, index, page);
	return dmem_fetch_send(io);
}

static bool dmem_looks_remote(struct dmem_region *region, unsigned int index)
{
	return dmem_word_state(READ_ONCE(region->words[index])) == DMEM_PAGE_REMOTE;
}

/* What looks REMOTE from @index on, as much as the io takes. Returns where to go on. */
static unsigned int dmem_prefetch_gather(struct dmem_io *io, unsigned int index, unsigned int end)
{
	for (; index < end && io->nr_pages < DMEM_IO_MAX_PAGES; index++)
		if (dmem_looks_remote(io->region, index))
			dmem_fetch_add(io, index, NULL);
	return index;
}

/* Memory for what was gathered up to @next, or for its beginning. Returns where to go on. */
static unsigned int dmem_prefetch_take(struct dmem_io *io, int node, unsigned int next)
{
	struct page *pages[DMEM_IO_MAX_PAGES];
	unsigned int i, nr = dmem_pages_take(io->vm, node, pages, io->nr_pages);

	for (i = 0; i < nr; i++)
		io->pages[i].page = pages[i];
	if (nr < io->nr_pages)
		next = io->pages[nr].index;
	io->nr_pages = nr;
	return next;
}

/* REMOTE -> FETCHING for those that still are REMOTE; the others' pages are given back. */
static void dmem_prefetch_begin(struct dmem_io *io)
{
	struct page *unused[DMEM_IO_MAX_PAGES];
	struct dmem_region *region = io->region;
	struct dmem_page_sums sums = {};
	unsigned int nr_unused = 0;
	u16 i, nr = 0;
	bool first;

	spin_lock_bh(&region->lock);
	for (i = 0; i < io->nr_pages; i++) {
		struct dmem_io_page page = io->pages[i];

		if (dmem_word_state(region->words[page.index]) != DMEM_PAGE_REMOTE) {
			unused[nr_unused++] = page.page;
			continue;
		}
		dmem_page_change(region, page.index,
				 dmem_word(DMEM_PAGE_FETCHING,
					   DMEM_PAGE_COPY | DMEM_PAGE_PREFETCHED, page.page),
				 &sums);
		io->pages[nr++] = page;
	}
	io->nr_pages = nr;
	first = dmem_page_settle(region, &sums);
	spin_unlock_bh(&region->lock);
	if (first)
		dmem_region_activate(region);
	dmem_pages_give(io->vm, unused, nr_unused);
}

/**
 * dmem_fetch_range - pages that no fault asks for, in requests short enough to arrive one by one
 * @region: not locked; process context
 * @order: of the block that they are of
 * @node: where their memory comes from, as of dmem_pages_take()
 * @next: the first page
 * @end: the page after the last
 *
 * What is local, empty or on its way is left out.
 *
 * Return: false if memory, budget or donor gave out before the end.
 */
bool dmem_fetch_range(struct dmem_region *region, unsigned int order, int node,
		      unsigned int next, unsigned int end)
{
	for (;; cond_resched()) {
		struct dmem_io *io;

		while (next < end && !dmem_looks_remote(region, next))
			next++;
		if (next >= end)
			return true;
		io = kmalloc(struct_size(io, pages, min(end - next, DMEM_IO_MAX_PAGES)),
			     GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		if (!io)
			return false;
		dmem_fetch_init(io, region, order, true);
		next = dmem_prefetch_gather(io, next, end);
		next = dmem_prefetch_take(io, node, next);
		if (!io->nr_pages) {
			kfree(io);
			return false;
		}
		dmem_prefetch_begin(io);
		if (!io->nr_pages)
			kfree(io);
		else if (dmem_fetch_send(io))
			return false;
	}
}

/* No fetch is under way and none will be: frees what was kept for the next. */
void dmem_fetch_exit(struct dmem_vm *vm)
{
	int cpu;

	for_each_possible_cpu(cpu)
		kfree(per_cpu_ptr(vm->cpu, cpu)->io);
}
