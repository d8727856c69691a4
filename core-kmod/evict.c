// SPDX-License-Identifier: GPL-2.0
/*
 * evict.c - replacement: which pages stop being local, how they get to the donor, and the
 * release of pages that nobody wants any more.
 *
 * Owns the UNMAPPED and WRITEBACK states and vm's lists. One evictor at a time per VM holds
 * vm->evict_mutex: the worker, which runs ahead of need, or a flush. docs/core.md says what
 * makes a page safe to give up.
 */
#include <linux/highmem.h>
#include <linux/ktime.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "core.h"
#include "trace.h"

struct workqueue_struct *dmem_wq;

/* Inactive pages wanted, as a part of the direct limit: time for a second chance. */
#define DMEM_INACTIVE_DIVISOR	4
/*
 * Active regions are deactivated too, to see whether they still are: one in 64 when they are fewer
 * than all others, else every other one. A scan of n times the direct limit so takes n / 32 of
 * the active regions, if nobody touches them meanwhile.
 */
#define DMEM_ACTIVE_DIVISOR	64
#define DMEM_ACTIVE_DIVISOR_MANY 2
#define DMEM_EVICT_BACKOFF_MS	10

/* One pass over part of a region: what becomes of its pages. */
struct dmem_evict_run {
	struct dmem_region *region;
	struct dmem_io *io;		/* takes the dirty ones; made before the lock is taken */
	struct page *freed[DMEM_IO_MAX_PAGES];
	unsigned int nr_freed;
	unsigned int nr_unused;
	unsigned int nr_zero;
	unsigned int nr_pinned;
	bool even_young;
};

/* Wake the evictor; cheap when it is awake. Any context but hard interrupt. */
void dmem_evict_kick(struct dmem_vm *vm)
{
	if (READ_ONCE(vm->high_pages) && !delayed_work_pending(&vm->evict_work))
		queue_delayed_work(dmem_wq, &vm->evict_work, 0);
}

static struct dmem_region *dmem_list_isolate(struct dmem_vm *vm, enum dmem_list list)
{
	struct dmem_region *region = NULL;

	spin_lock_bh(&vm->lru_lock);
	if (!list_empty(&vm->lists[list])) {
		region = list_last_entry(&vm->lists[list], struct dmem_region, lru);
		dmem_region_list(region, DMEM_LIST_ISOLATED, false);
	}
	spin_unlock_bh(&vm->lru_lock);
	return region;
}

static void dmem_set_inactive(struct dmem_region *region, u16 nr)
{
	region->vm->nr_inactive += (int)nr - region->nr_inactive;
	region->nr_inactive = nr;
}

/* Back from isolation: to the list it belongs on, or to none when it holds no page. */
static void dmem_list_putback(struct dmem_region *region, bool inactive)
{
	struct dmem_vm *vm = region->vm;

	spin_lock_bh(&vm->lru_lock);
	spin_lock(&region->lock);
	if (!region->nr_held) {
		/* A punch may have been quicker: what was counted as inactive is gone. */
		dmem_set_inactive(region, 0);
		dmem_region_list(region, DMEM_LIST_NONE, false);
		region->gone_at = ++vm->nr_gone;
	} else if (inactive) {
		dmem_region_list(region, DMEM_LIST_INACTIVE, false);
	} else if (region->reused) {
		dmem_region_list(region, DMEM_LIST_ACTIVE, false);
	} else {
		dmem_region_list(region, DMEM_LIST_FRESH, false);
	}
	spin_unlock(&region->lock);
	spin_unlock_bh(&vm->lru_lock);
}

static void dmem_unmap_pages(struct dmem_vm *vm, u64 first, u64 nr)
{
	unmap_mapping_range(vm->inode->i_mapping, (loff_t)first << PAGE_SHIFT,
			    (loff_t)nr << PAGE_SHIFT, 1);
}

/*
 * Take a region's mappings away: what is touched again before its turn to be evicted comes is
 * MAPPED again by a soft fault. The words change first: a fault in between only makes a
 * page look mapped that is not, while the other order could miss one that is.
 */
static void dmem_deactivate_region(struct dmem_region *region)
{
	unsigned int i, nr_unmapped = 0, nr_inactive = 0;

	spin_lock_bh(&region->lock);
	for (i = 0; i < DMEM_REGION_PAGES; i++) {
		u64 word = region->words[i];

		if (dmem_word_state(word) == DMEM_PAGE_MAPPED) {
			dmem_page_set(region, i, dmem_word(DMEM_PAGE_UNMAPPED,
							   word & DMEM_PAGE_FLAGS,
							   dmem_word_page(word)));
			nr_unmapped++;
		} else if (dmem_word_state(word) == DMEM_PAGE_UNMAPPED) {
			dmem_page_set(region, i, word & ~DMEM_PAGE_YOUNG);
		} else {
			continue;
		}
		nr_inactive++;
	}
	region->reused = false;
	spin_unlock_bh(&region->lock);

	if (nr_unmapped)
		dmem_unmap_pages(region->vm, dmem_region_first_page(region), DMEM_REGION_PAGES);
	dmem_set_inactive(region, nr_inactive);
}

static bool dmem_page_is_zero(struct page *page)
{
	void *data = kmap_local_page(page);
	bool zero = !memchr_inv(data, 0, PAGE_SIZE);

	kunmap_local(data);
	return zero;
}

/* The page is ours alone, locked and frozen: gone from the host, its word says where it is. */
static void dmem_evict_drop(struct dmem_evict_run *run, unsigned int index, u64 word, u64 to)
{
	struct page *page = dmem_word_page(word);

	if (word & DMEM_PAGE_PREFETCHED)
		run->nr_unused++;
	dmem_page_set(run->region, index, to);
	ClearPageDirty(page);
	page_ref_unfreeze(page, 1);
	unlock_page(page);
	run->freed[run->nr_freed++] = page;
}

/* A donor that was lost leaves the local copy as the only one: as good as written just now. */
static bool dmem_evict_is_held(struct dmem_region *region, unsigned int index)
{
	const struct dmem_transport *transport = region->vm->pool->donor.transport;

	return !transport->holds || transport->holds(region, index);
}

static void dmem_evict_frozen(struct dmem_evict_run *run, unsigned int index, u64 word)
{
	struct dmem_vm *vm = run->region->vm;
	struct page *page = dmem_word_page(word);
	bool copy = word & DMEM_PAGE_COPY;
	bool dirty = PageDirty(page) || (copy && !dmem_evict_is_held(run->region, index));

	if (!dirty && copy) {
		dmem_evict_drop(run, index, word,
				dmem_word(DMEM_PAGE_REMOTE, DMEM_PAGE_COPY, NULL));
		return;
	}
	if (!dirty || dmem_page_is_zero(page)) {
		if (copy)
			vm->pool->donor.transport->discard(run->region, index);
		run->nr_zero += dirty;
		dmem_evict_drop(run, index, word, dmem_word(DMEM_PAGE_EMPTY, 0, NULL));
		return;
	}
	ClearPageDirty(page);
	dmem_page_set(run->region, index,
		      dmem_word(DMEM_PAGE_WRITEBACK, DMEM_PAGE_COPY | DMEM_PAGE_INFLIGHT |
				(word & DMEM_PAGE_PREFETCHED), page));
	page_ref_unfreeze(page, 1);
	unlock_page(page);
	run->io->nr_pages++;
	run->io->pages[run->io->nr_pages - 1].page = page;
	run->io->pages[run->io->nr_pages - 1].index = index;
}

static void dmem_evict_page(struct dmem_evict_run *run, unsigned int index)
{
	u64 word = run->region->words[index];
	struct page *page = dmem_word_page(word);
	bool ours;

	if (dmem_word_state(word) != DMEM_PAGE_UNMAPPED || word & DMEM_PAGE_INFLIGHT)
		return;
	if (word & DMEM_PAGE_YOUNG && !run->even_young) {
		dmem_page_set(run->region, index, word & ~DMEM_PAGE_YOUNG);
		return;
	}
	ours = trylock_page(page);
	if (ours && !page_ref_freeze(page, 1)) {
		unlock_page(page);
		ours = false;
	}
	if (!ours) {
		dmem_page_set(run->region, index,
			      dmem_word(DMEM_PAGE_MAPPED, word & (DMEM_PAGE_COPY |
								  DMEM_PAGE_PREFETCHED), page));
		run->nr_pinned++;
		return;
	}
	dmem_evict_frozen(run, index, word);
}

/* One page of a writeback has ended. Returns the page if it is to be freed. */
static struct page *dmem_writeback_end_page(struct dmem_io *io, u16 i, int err, bool *unused)
{
	struct dmem_region *region = io->region;
	unsigned int index = io->pages[i].index;
	struct page *page = io->pages[i].page;
	u64 word = region->words[index];
	bool settled = dmem_word_state(word) == DMEM_PAGE_WRITEBACK;

	if (err)
		SetPageDirty(page);
	/*
	 * Nobody can have come by the page but through a fault, which would have changed the
	 * state; only a walk over all of memory may hold a reference for a moment.
	 */
	if (!settled) {
		dmem_page_set(region, index, word & ~DMEM_PAGE_INFLIGHT);
		return NULL;
	}
	if (err || !page_ref_freeze(page, 1)) {
		dmem_page_set(region, index, dmem_word(DMEM_PAGE_UNMAPPED,
						       word & (DMEM_PAGE_COPY |
							       DMEM_PAGE_PREFETCHED), page));
		return NULL;
	}
	*unused = word & DMEM_PAGE_PREFETCHED;
	dmem_page_set(region, index, dmem_word(DMEM_PAGE_REMOTE, DMEM_PAGE_COPY, NULL));
	page_ref_unfreeze(page, 1);
	return page;
}

static void dmem_account_evicted(struct dmem_region *region, struct dmem_region_ident *ident,
				 unsigned int nr, unsigned int nr_unused)
{
	struct dmem_vm *vm = region->vm;
	struct dmem_telling telling;

	if (!nr)
		return;
	dmem_stat_add(vm, DMEM_STAT_EVICTED_PAGES, nr);
	dmem_stat_add(vm, DMEM_STAT_PREFETCHED_UNUSED, nr_unused);
	trace_dmem_evict(&vm->ident, ident, nr, nr_unused);
	if (!trace_dmem_events_enabled())
		return;
	telling = dmem_tell_begin(&vm->ident, ident, DMEM_EVENT_EVICTED);
	telling.event->nr_pages = nr;
	telling.event->nr_unused = nr_unused;
	dmem_tell_end(&telling);
}

static void dmem_trace_written(const struct dmem_io *io, const struct dmem_region_ident *ident,
			       u64 latency_ns, int err)
{
	struct dmem_telling telling;

	trace_dmem_writeback(&io->vm->ident, ident,
			     dmem_region_first_page(io->region) + io->pages[0].index,
			     io->nr_pages, latency_ns, err);
	if (err || !trace_dmem_events_enabled())
		return;
	telling = dmem_tell_begin(&io->vm->ident, ident, DMEM_EVENT_WRITTEN);
	telling.event->page = io->pages[0].index;
	telling.event->time_ns = latency_ns;
	telling.event->nr_pages = io->nr_pages;
	dmem_tell_end(&telling);
}

static void dmem_writeback_done(struct dmem_io *io, int err)
{
	struct dmem_region *region = io->region;
	u64 latency_ns = dmem_time_since(io->start);
	struct page *freed[DMEM_IO_MAX_PAGES];
	unsigned int nr_freed = 0, nr_unused = 0;
	struct dmem_region_ident ident;
	struct dmem_vm *vm = io->vm;
	u16 i;

	/* dmem_vm_destroy() waits for this section once the words are settled. */
	rcu_read_lock();
	spin_lock_bh(&region->lock);
	for (i = 0; i < io->nr_pages; i++) {
		bool unused = false;
		struct page *page = dmem_writeback_end_page(io, i, err, &unused);

		if (!page)
			continue;
		freed[nr_freed++] = page;
		nr_unused += unused;
	}
	ident = region->ident;
	spin_unlock_bh(&region->lock);
	if (wq_has_sleeper(&region->wait))
		wake_up_all(&region->wait);

	if (err) {
		pr_err_ratelimited("dmem: %s: writeback of %u pages failed: %d\n",
				   vm->ident.name, io->nr_pages, err);
	} else {
		dmem_stat_add(vm, DMEM_STAT_WRITEBACKS, 1);
		dmem_stat_add(vm, DMEM_STAT_WRITEBACK_PAGES, io->nr_pages);
	}
	dmem_trace_written(io, &ident, latency_ns, err);
	atomic_long_sub(io->nr_pages, &vm->nr_writeback);
	dmem_account_evicted(region, &ident, nr_freed, nr_unused);
	dmem_pages_give(vm, freed, nr_freed);
	if (wq_has_sleeper(&vm->free_wait))
		wake_up_all(&vm->free_wait);
	rcu_read_unlock();
	kfree(io);
}

static struct dmem_io *dmem_writeback_alloc(struct dmem_region *region)
{
	struct dmem_io *io = kzalloc(struct_size(io, pages, DMEM_IO_MAX_PAGES),
				     GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);

	if (!io)
		return NULL;
	io->vm = region->vm;
	io->region = region;
	io->out = true;
	io->done = dmem_writeback_done;
	return io;
}

/* Send what a run found dirty. 0, or the errno of a donor that would not take it. */
static int dmem_writeback_send(struct dmem_io *io)
{
	int err;

	if (!io->nr_pages) {
		kfree(io);
		return 0;
	}
	atomic_long_add(io->nr_pages, &io->vm->nr_writeback);
	io->start = dmem_time_now();
	err = io->vm->pool->donor.transport->write(io);
	if (err)
		io->done(io, err);
	return err;
}

/* End of a pass over part of a region: what was dropped is freed and accounted for. */
static void dmem_evict_run_end(struct dmem_evict_run *run)
{
	struct dmem_vm *vm = run->region->vm;
	struct dmem_region_ident ident;

	spin_lock_bh(&run->region->lock);
	ident = run->region->ident;
	spin_unlock_bh(&run->region->lock);
	dmem_stat_add(vm, DMEM_STAT_EVICTIONS, 1);
	dmem_stat_add(vm, DMEM_STAT_ZERO_PAGES, run->nr_zero);
	dmem_stat_add(vm, DMEM_STAT_PINNED_SKIPS, run->nr_pinned);
	dmem_account_evicted(run->region, &ident, run->nr_freed, run->nr_unused);
	dmem_pages_give(vm, run->freed, run->nr_freed);
}

/*
 * Evict from an isolated, inactive region until @want pages are gone or on their way. Returns
 * how many, or a negative errno.
 */
static long dmem_evict_region(struct dmem_region *region, long want, bool even_young)
{
	unsigned int index = 0, end;
	long nr = 0;
	int err;

	while (index < DMEM_REGION_PAGES && nr < want) {
		struct dmem_evict_run run = {
			.region = region,
			.even_young = even_young,
			.io = dmem_writeback_alloc(region),
		};

		if (!run.io)
			return -ENOMEM;
		end = index + DMEM_IO_MAX_PAGES;
		spin_lock_bh(&region->lock);
		while (index < end)
			dmem_evict_page(&run, index++);
		spin_unlock_bh(&region->lock);

		nr += run.nr_freed + run.io->nr_pages;
		dmem_evict_run_end(&run);
		err = dmem_writeback_send(run.io);
		if (err)
			return err;
		cond_resched();
	}
	return nr;
}

static unsigned int dmem_count_unmapped(struct dmem_region *region)
{
	unsigned int i, nr = 0;

	spin_lock_bh(&region->lock);
	for (i = 0; i < DMEM_REGION_PAGES; i++)
		nr += dmem_word_state(region->words[i]) == DMEM_PAGE_UNMAPPED;
	spin_unlock_bh(&region->lock);
	return nr;
}

/* Evict from the region that has been inactive longest. 0 when there is none. */
static long dmem_evict_oldest(struct dmem_vm *vm, long want, bool even_young)
{
	struct dmem_region *region = dmem_list_isolate(vm, DMEM_LIST_INACTIVE);
	unsigned int left;
	long nr;

	if (!region)
		return 0;
	nr = dmem_evict_region(region, want, even_young);
	/* Enough evicted before its end: it stays the oldest. */
	left = nr >= want ? dmem_count_unmapped(region) : 0;
	dmem_set_inactive(region, left);
	if (left) {
		spin_lock_bh(&vm->lru_lock);
		dmem_region_list(region, DMEM_LIST_INACTIVE, true);
		spin_unlock_bh(&vm->lru_lock);
	} else {
		dmem_list_putback(region, false);
	}
	return nr;
}

/* Which list gives up a region next; evict_mutex is held, the counts may change meanwhile. */
static enum dmem_list dmem_list_to_shrink(struct dmem_vm *vm)
{
	long active = READ_ONCE(vm->nr_listed[DMEM_LIST_ACTIVE]);
	long others = READ_ONCE(vm->nr_listed[DMEM_LIST_FRESH]) +
		      READ_ONCE(vm->nr_listed[DMEM_LIST_INACTIVE]);

	if (!READ_ONCE(vm->nr_listed[DMEM_LIST_FRESH]))
		return DMEM_LIST_ACTIVE;
	if (++vm->deactivations % (active > others ? DMEM_ACTIVE_DIVISOR_MANY :
						     DMEM_ACTIVE_DIVISOR))
		return DMEM_LIST_FRESH;
	return active ? DMEM_LIST_ACTIVE : DMEM_LIST_FRESH;
}

static bool dmem_deactivate_oldest(struct dmem_vm *vm)
{
	struct dmem_region *region = dmem_list_isolate(vm, dmem_list_to_shrink(vm));

	if (!region)
		return false;
	dmem_deactivate_region(region);
	dmem_list_putback(region, true);
	return true;
}

/* Pages still to evict: for free to reach the high watermark, and for who is short of memory. */
static long dmem_evict_want(struct dmem_vm *vm)
{
	long want = atomic_long_read(&vm->reclaim_pages);

	if (!READ_ONCE(vm->high_pages))
		return want;
	return max(want, READ_ONCE(vm->high_pages) - dmem_free_pages(vm) -
			 atomic_long_read(&vm->nr_writeback));
}

/* One step; false when it brought nothing: all is pinned, in use or on its way. */
static bool dmem_evict_step(struct dmem_vm *vm, long want)
{
	long local = min(READ_ONCE(vm->limit_pages), atomic_long_read(&vm->charged)), nr;

	while (vm->nr_inactive < max(local / DMEM_INACTIVE_DIVISOR, want) &&
	       dmem_deactivate_oldest(vm))
		cond_resched();
	nr = dmem_evict_oldest(vm, want, false);
	if (nr > 0 && atomic_long_read(&vm->reclaim_pages) > 0)
		atomic_long_sub(nr, &vm->reclaim_pages);
	return nr > 0;
}

/* One evictor at a time, and one whose own allocations do not wait for it: reclaim.c. */
static int dmem_evict_begin(struct dmem_vm *vm, unsigned int *flags)
{
	if (mutex_lock_interruptible(&vm->evict_mutex))
		return -EINTR;
	*flags = memalloc_nofs_save();
	return 0;
}

static void dmem_evict_end(struct dmem_vm *vm, unsigned int flags)
{
	memalloc_nofs_restore(flags);
	mutex_unlock(&vm->evict_mutex);
}

void dmem_evict_work(struct work_struct *work)
{
	struct dmem_vm *vm = container_of(to_delayed_work(work), struct dmem_vm, evict_work);
	/* Twice over every region finds what can be found; then let time pass. */
	long tries = 2 * dmem_stat_read(vm, DMEM_STAT_REGIONS) + 2;
	unsigned int flags;
	long want = 0;

	/* A worker gets no signals. */
	if (dmem_evict_begin(vm, &flags))
		return;
	if (dmem_reclaim_active(vm))
		dmem_reclaim_progress(dmem_spare_trim(vm));
	while ((want = dmem_evict_want(vm)) > 0 && tries > 0) {
		if (!dmem_evict_step(vm, want))
			tries--;
		cond_resched();
	}
	/* What cannot be had now is asked for again by who still needs it. */
	atomic_long_set(&vm->reclaim_pages, 0);
	dmem_evict_end(vm, flags);
	dmem_trace_vm(vm, DMEM_VM_FIGURES);
	if (dmem_evict_want(vm) > 0)
		queue_delayed_work(dmem_wq, &vm->evict_work,
				   msecs_to_jiffies(DMEM_EVICT_BACKOFF_MS));
}

/**
 * dmem_evict_all - evict whatever may be evicted, and wait for its writebacks
 * @vm: VM memory; the caller holds a reference to its file
 * @flush: takes the counts
 *
 * Return: 0, -EINTR, or the errno of a donor that would not take a page.
 */
int dmem_evict_all(struct dmem_vm *vm, struct dmem_vm_flush *flush)
{
	long regions = dmem_stat_read(vm, DMEM_STAT_REGIONS);
	u64 before = dmem_stat_read(vm, DMEM_STAT_EVICTED_PAGES);
	unsigned int flags;
	long nr = 0;

	/* What faults have left to be fetched would come back later, as if by itself. */
	dmem_prefetch_flush(vm);
	if (dmem_evict_begin(vm, &flags))
		return -EINTR;
	while (dmem_deactivate_oldest(vm) && !signal_pending(current))
		cond_resched();
	while (regions-- > 0 && nr >= 0 && !signal_pending(current)) {
		nr = dmem_evict_oldest(vm, DMEM_REGION_PAGES + 1, true);
		cond_resched();
	}
	dmem_evict_end(vm, flags);
	if (nr < 0)
		return nr;
	if (wait_event_interruptible(vm->free_wait, !atomic_long_read(&vm->nr_writeback)))
		return -EINTR;
	flush->evicted_pages = dmem_stat_read(vm, DMEM_STAT_EVICTED_PAGES) - before;
	flush->kept_pages = dmem_stat_read(vm, DMEM_STAT_LOCAL);
	return signal_pending(current) ? -EINTR : 0;
}

/* A local page that nobody wants any more: as a truncate does, under the page lock. */
static bool dmem_release_local(struct dmem_region *region, unsigned int index, struct page *page)
{
	struct dmem_vm *vm = region->vm;
	bool ours = false;
	u64 word;

	/* Faults that have the page in hand hold its lock: after this none of them is left. */
	lock_page(page);
	if (folio_mapped(page_folio(page)))
		dmem_unmap_pages(vm, dmem_region_first_page(region) + index, 1);
	spin_lock_bh(&region->lock);
	word = region->words[index];
	if (dmem_word_page(word) == page && !dmem_word_is_busy(word)) {
		if (word & DMEM_PAGE_COPY)
			vm->pool->donor.transport->discard(region, index);
		dmem_page_set(region, index, dmem_word(DMEM_PAGE_EMPTY, 0, NULL));
		ours = true;
	}
	spin_unlock_bh(&region->lock);
	unlock_page(page);
	/* With the caller's reference it is not kept for faults, but given back to the host. */
	if (ours)
		dmem_page_give(vm, page);
	return ours;
}

/* Returns false when the page must be looked at again. */
static bool dmem_release_page(struct dmem_region *region, unsigned int index)
{
	struct page *page;
	bool done;
	u64 word;

	spin_lock_bh(&region->lock);
	word = region->words[index];
	if (dmem_word_is_busy(word)) {
		spin_unlock_bh(&region->lock);
		wait_event(region->wait, !dmem_word_is_busy(READ_ONCE(region->words[index])));
		return false;
	}
	page = dmem_word_page(word);
	if (page) {
		get_page(page);
	} else if (dmem_word_state(word) != DMEM_PAGE_EMPTY) {
		region->vm->pool->donor.transport->discard(region, index);
		dmem_page_set(region, index, dmem_word(DMEM_PAGE_EMPTY, 0, NULL));
	}
	spin_unlock_bh(&region->lock);
	if (!page)
		return true;
	done = dmem_release_local(region, index, page);
	put_page(page);
	return done;
}

/**
 * dmem_release_pages - make pages empty, here and with the donor
 * @vm: VM memory; inode->i_rwsem is held, so that sizes and other releases stand still
 * @first: first page
 * @last: last page, inclusive
 */
void dmem_release_pages(struct dmem_vm *vm, u64 first, u64 last)
{
	struct dmem_region *region;
	u64 number, page, start, end;

	/* In one go: nearly every page has no mapping left when its turn comes. */
	dmem_unmap_pages(vm, first, last - first + 1);
	for (number = first >> DMEM_REGION_ORDER;
	     (region = dmem_region_next(vm, &number, last >> DMEM_REGION_ORDER)); number++) {
		start = max(first, dmem_region_first_page(region));
		end = min(last, dmem_region_first_page(region) + DMEM_REGION_PAGES - 1);
		for (page = start; page <= end; page++) {
			while (!dmem_release_page(region, page % DMEM_REGION_PAGES))
				cond_resched();
		}
		cond_resched();
	}
	dmem_trace_vm(vm, DMEM_VM_FIGURES);
}
