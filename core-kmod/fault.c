// SPDX-License-Identifier: GPL-2.0
/*
 * fault.c - an access that finds no mapping: looks at the page's word and does what
 * docs/core.md says for its state.
 *
 * Called by the mm core with mmap_lock or the VMA lock held; takes the page lock and, before
 * it, region->lock. The page goes back locked: eviction and punch rely on it.
 */
#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "core.h"
#include "trace.h"

/* One fault on its way through the states. */
struct dmem_access {
	struct vm_fault *vmf;
	struct dmem_vm *vm;
	struct dmem_region *region;
	unsigned int index;
	struct page *page;	/* taken for it, or NULL */
	bool is_zero;		/* the page's content */
	bool came;		/* with the fault, not after it */
	u8 order;		/* of its block, if it was fetched */
	u16 last;		/* dmem_region_demand(), or 0 */
};

/*
 * To sleep and be woken, or to have KVM run something else and come back, costs more than a near
 * donor takes: a fault spins for its page first, up to this long. In vain it spins half as long the
 * next time; at the end it tries again once in so many faults.
 */
#define DMEM_SPIN_MAX_NS	20000
#define DMEM_SPIN_VAIN_MAX	4
#define DMEM_SPIN_RETRY		256

/* What a step says: an answer for the mm core, or: look at the word again. */
#define DMEM_FAULT_AGAIN	((__force vm_fault_t)0)

static u32 dmem_access_flags(const struct dmem_access *access)
{
	unsigned int flags = access->vmf->flags;

	return (flags & FAULT_FLAG_WRITE ? DMEM_FAULT_F_WRITE : 0) |
	       (flags & FAULT_FLAG_RETRY_NOWAIT ? DMEM_FAULT_F_NOWAIT : 0) |
	       (flags & FAULT_FLAG_TRIED ? DMEM_FAULT_F_RETRIED : 0);
}

/*
 * Out of line, and with nothing but what is there anyway for its arguments: kernels that zero what
 * is on the stack would do so for each fault that nobody wants to be told of.
 */
static noinline void dmem_trace_event(const struct dmem_access *access,
				      const struct dmem_region_ident *ident, u32 kind, u32 flags,
				      u64 time_ns)
{
	struct dmem_telling telling = dmem_tell_begin(&access->vm->ident, ident, kind);

	telling.event->page = access->index;
	telling.event->last = access->last;
	telling.event->flags = flags | dmem_access_flags(access);
	telling.event->order = access->order;
	telling.event->time_ns = time_ns;
	telling.event->nr_pages = kind == DMEM_FAULT_FETCH && access->came;
	dmem_tell_end(&telling);
}

/* @time_ns: that the fetch took, or since the page came; 0 where nobody knows. */
static void dmem_trace_fault(const struct dmem_access *access,
			     const struct dmem_region_ident *ident, u32 kind, u32 flags,
			     u64 time_ns)
{
	if (trace_dmem_fault_enabled())
		trace_dmem_fault(&access->vm->ident, ident, access->vmf->pgoff, kind,
				 flags | dmem_access_flags(access));
	if (trace_dmem_events_enabled())
		dmem_trace_event(access, ident, kind, flags, time_ns);
}

/* How long ago a prefetched page came, if anybody wants to know. */
static u64 dmem_page_age(struct page *page)
{
	return trace_dmem_events_enabled() ? dmem_time_since(page_private(page)) : 0;
}

/* As userfaultfd: a fault may be interrupted as far as its caller can take it. */
static unsigned int dmem_wait_state(unsigned int flags)
{
	if (flags & FAULT_FLAG_INTERRUPTIBLE)
		return TASK_INTERRUPTIBLE;
	if (flags & FAULT_FLAG_KILLABLE)
		return TASK_KILLABLE;
	return TASK_UNINTERRUPTIBLE;
}

static bool dmem_page_is_busy(struct dmem_region *region, unsigned int index)
{
	return dmem_word_state(READ_ONCE(region->words[index])) == DMEM_PAGE_FETCHING;
}

static void dmem_wait_page(struct dmem_region *region, unsigned int index, unsigned int state)
{
	(void)wait_event_state(region->wait, !dmem_page_is_busy(region, index), state);
}

/* Wait for a page on its way as long as it pays; true when it is there. The counts may race. */
static bool dmem_spin_page(struct dmem_access *access)
{
	struct dmem_vm_cpu __percpu *cpu = access->vm->cpu;
	unsigned int vain = this_cpu_read(cpu->spin_vain);
	u64 start_ns;

	if (vain >= DMEM_SPIN_VAIN_MAX) {
		if (this_cpu_inc_return(cpu->spin_skips) % DMEM_SPIN_RETRY)
			return false;
		vain = 0;
	}
	start_ns = ktime_get_ns();
	while (dmem_page_is_busy(access->region, access->index)) {
		if (need_resched())
			return false;
		if (ktime_get_ns() - start_ns > DMEM_SPIN_MAX_NS >> vain) {
			this_cpu_inc(cpu->spin_vain);
			return false;
		}
		cpu_relax();
	}
	this_cpu_write(cpu->spin_vain, 0);
	return true;
}

/* For the evictor; in slices, so that a fault that waits in vain gets to say so. */
static void dmem_wait_free(struct dmem_vm *vm, unsigned int state)
{
	long slice = msecs_to_jiffies(vm->pool->timeout_ms) / 4 + 1;

	(void)___wait_event(vm->free_wait, dmem_free_pages(vm) > 0 || !slice, state, 0, 0,
			    slice = schedule_timeout(slice));
}

/**
 * dmem_fault_wait - wait as the fault's flags allow
 * @access: its page is on its way, or, with @for_free, there is no budget for it
 * @for_free: what to wait for
 *
 * Return: VM_FAULT_RETRY, or DMEM_FAULT_AGAIN when the locks were not dropped and the wait is
 * over.
 */
static vm_fault_t dmem_fault_wait(struct dmem_access *access, bool for_free)
{
	struct vm_fault *vmf = access->vmf;
	unsigned int state = dmem_wait_state(vmf->flags);
	bool unlock = vmf->flags & FAULT_FLAG_ALLOW_RETRY;
	struct file *file = NULL;

	if (!for_free && dmem_spin_page(access))
		return DMEM_FAULT_AGAIN;
	if (unlock)
		dmem_stat_add(access->vm, DMEM_STAT_RETRIES, 1);
	if (unlock && vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	if (unlock) {
		/* Keeps the VM memory while no VMA does. */
		file = get_file(vmf->vma->vm_file);
		release_fault_lock(vmf);
	}
	if (for_free)
		dmem_wait_free(access->vm, state);
	else
		dmem_wait_page(access->region, access->index, state);
	if (!unlock)
		return fatal_signal_pending(current) ? VM_FAULT_SIGBUS : DMEM_FAULT_AGAIN;
	fput(file);
	return VM_FAULT_RETRY;
}

/* No budget: the evictor has been woken. Waits for it, but not for ever. */
static vm_fault_t dmem_fault_stall(struct dmem_access *access)
{
	struct dmem_vm *vm = access->vm;
	unsigned long since = READ_ONCE(vm->stalled_since);

	dmem_stat_add(vm, DMEM_STAT_STALLS, 1);
	dmem_evict_kick(vm);
	if (!since) {
		cmpxchg(&vm->stalled_since, 0, jiffies | 1);
	} else if (time_after(jiffies, since + msecs_to_jiffies(vm->pool->timeout_ms))) {
		pr_err_ratelimited("dmem: %s: nothing could be evicted for %u ms: SIGBUS to %s[%d]\n",
				   vm->ident.name, vm->pool->timeout_ms, current->comm,
				   task_pid_nr(current));
		return VM_FAULT_SIGBUS;
	}
	return dmem_fault_wait(access, true);
}

/*
 * The page is local: map it. The lock is tried first with the word in view; where another
 * holds it, it is waited for with a reference, and then the word must be looked at again: a
 * punch may have been the other.
 */
static vm_fault_t dmem_fault_local(struct dmem_access *access, u64 word)
	__releases(&access->region->lock)
{
	struct dmem_region *region = access->region;
	enum dmem_page_state state = dmem_word_state(word);
	struct page *page = dmem_word_page(word);
	bool demanded = word & DMEM_PAGE_DEMANDED;
	bool prefetched = word & DMEM_PAGE_PREFETCHED;
	struct dmem_region_ident ident;

	get_page(page);
	if (!trylock_page(page)) {
		spin_unlock_bh(&region->lock);
		lock_page(page);
		unlock_page(page);
		put_page(page);
		return DMEM_FAULT_AGAIN;
	}
	dmem_page_set(region, access->index,
		      dmem_word(DMEM_PAGE_MAPPED, word & (DMEM_PAGE_COPY | DMEM_PAGE_INFLIGHT),
				page));
	if (state != DMEM_PAGE_MAPPED && !demanded && !prefetched)
		region->reused = true;
	access->last = prefetched && !demanded ? dmem_region_demand(region, access->index) : 0;
	ident = region->ident;
	spin_unlock_bh(&region->lock);

	if (state == DMEM_PAGE_WRITEBACK)
		dmem_stat_add(access->vm, DMEM_STAT_RESCUED_PAGES, 1);
	if (prefetched)
		dmem_stat_add(access->vm, DMEM_STAT_PREFETCHED_USED, 1);
	if (!demanded)
		dmem_stat_add(access->vm, DMEM_STAT_SOFT_FAULTS, 1);
	dmem_trace_fault(access, &ident,
			 state == DMEM_PAGE_WRITEBACK ? DMEM_FAULT_RESCUE : DMEM_FAULT_SOFT,
			 (prefetched ? DMEM_FAULT_F_PREFETCHED : 0) |
			 (demanded ? DMEM_FAULT_F_RETRIED : 0),
			 prefetched ? dmem_page_age(page) : 0);
	access->vmf->page = page;
	return VM_FAULT_LOCKED;
}

/* First touch: the page in hand, which is zero, and no donor. The region is locked. */
static vm_fault_t dmem_fault_zero(struct dmem_access *access)
	__releases(&access->region->lock)
{
	struct dmem_region *region = access->region;
	struct page *page = access->page;
	struct dmem_region_ident ident;
	bool first;

	if (!trylock_page(page)) {
		spin_unlock_bh(&region->lock);
		return DMEM_FAULT_AGAIN;
	}
	get_page(page);
	first = dmem_page_set(region, access->index, dmem_word(DMEM_PAGE_MAPPED, 0, page));
	ident = region->ident;
	spin_unlock_bh(&region->lock);
	access->page = NULL;

	if (first)
		dmem_region_activate(region);
	dmem_stat_add(access->vm, DMEM_STAT_FAULTS, 1);
	dmem_stat_add(access->vm, DMEM_STAT_ZERO_FILLS, 1);
	dmem_trace_fault(access, &ident, DMEM_FAULT_ZERO, 0, 0);
	access->vmf->page = page;
	return VM_FAULT_LOCKED;
}

/* The page is with a donor: fetch it into the page in hand. The region is locked. */
static vm_fault_t dmem_fault_fetch(struct dmem_access *access)
	__releases(&access->region->lock)
{
	struct dmem_region *region = access->region;
	unsigned int order, index = access->index;
	struct page *page = access->page;
	struct dmem_region_ident ident;
	u64 latency_ns = 0;
	bool first;
	int ret;

	first = dmem_page_set(region, index,
			      dmem_word(DMEM_PAGE_FETCHING, DMEM_PAGE_COPY | DMEM_PAGE_DEMANDED,
					page));
	access->last = dmem_region_demand(region, index);
	ident = region->ident;
	spin_unlock_bh(&region->lock);
	access->page = NULL;

	if (first)
		dmem_region_activate(region);
	order = dmem_fetch_order(region, index, dmem_access_flags(access));
	dmem_stat_add(access->vm, DMEM_STAT_FAULTS, 1);
	ret = dmem_fetch_page(region, index, page, order, &ident, &latency_ns);
	access->order = order;
	access->came = ret > 0;
	dmem_trace_fault(access, &ident, DMEM_FAULT_FETCH, 0, latency_ns);
	if (ret == -ENOMEM)
		return VM_FAULT_OOM;
	if (ret < 0)
		return VM_FAULT_SIGBUS;
	if (order)
		dmem_prefetch_rest(region, index, order);
	if (!ret)
		return DMEM_FAULT_AGAIN;
	access->vmf->page = page;
	return VM_FAULT_LOCKED;
}

/* The page is on its way already. The region is locked. */
static vm_fault_t dmem_fault_join(struct dmem_access *access, u64 word)
	__releases(&access->region->lock)
{
	struct dmem_region_ident ident = access->region->ident;

	if (!(word & DMEM_PAGE_DEMANDED)) {
		dmem_page_set(access->region, access->index, word | DMEM_PAGE_DEMANDED);
		access->last = dmem_region_demand(access->region, access->index);
	}
	spin_unlock_bh(&access->region->lock);
	if (!(word & DMEM_PAGE_DEMANDED)) {
		dmem_stat_add(access->vm, DMEM_STAT_FAULTS, 1);
		dmem_trace_fault(access, &ident, DMEM_FAULT_WAIT, 0, 0);
	}
	return dmem_fault_wait(access, false);
}

/* The page that was taken turned out not to be needed, if there still is one. */
static void dmem_fault_end(struct dmem_access *access)
{
	if (access->page)
		dmem_page_give(access->vm, access->page);
	access->page = NULL;
}

static bool dmem_state_needs_page(enum dmem_page_state state)
{
	return state == DMEM_PAGE_EMPTY || state == DMEM_PAGE_REMOTE;
}

/* A page for an access that seems to need one. 0, or an answer for the mm core. */
static vm_fault_t dmem_fault_take(struct dmem_access *access, enum dmem_page_state state)
{
	struct page *page = dmem_page_take(access->vm);

	if (!page)
		return dmem_fault_stall(access);
	if (IS_ERR(page))
		return VM_FAULT_OOM;
	access->page = page;
	access->is_zero = state == DMEM_PAGE_EMPTY;
	if (access->is_zero)
		dmem_page_clear(page);
	return 0;
}

/* One look at the word. The page it may need is taken before, for that may take a while. */
static vm_fault_t dmem_fault_step(struct dmem_access *access)
{
	struct dmem_region *region = access->region;
	u64 word = READ_ONCE(region->words[access->index]);
	struct dmem_region_ident ident;
	vm_fault_t ret;

	if (!access->page && dmem_state_needs_page(dmem_word_state(word))) {
		ret = dmem_fault_take(access, dmem_word_state(word));
		if (!access->page)
			return ret;
	}
	spin_lock_bh(&region->lock);
	/* Under the region lock: a truncate lowers the size first, then comes for the pages. */
	if (access->vmf->pgoff >= i_size_read(access->vm->inode) >> PAGE_SHIFT) {
		spin_unlock_bh(&region->lock);
		return VM_FAULT_SIGBUS;
	}
	word = region->words[access->index];
	switch (dmem_word_state(word)) {
	case DMEM_PAGE_MAPPED:
	case DMEM_PAGE_UNMAPPED:
	case DMEM_PAGE_WRITEBACK:
		return dmem_fault_local(access, word);
	case DMEM_PAGE_FETCHING:
		return dmem_fault_join(access, word);
	case DMEM_PAGE_EMPTY:
		if (access->page && access->is_zero)
			return dmem_fault_zero(access);
		break;
	case DMEM_PAGE_REMOTE:
		if (access->page)
			return dmem_fault_fetch(access);
		break;
	default:
		ident = region->ident;
		spin_unlock_bh(&region->lock);
		dmem_trace_fault(access, &ident, DMEM_FAULT_ERROR, 0, 0);
		return VM_FAULT_SIGBUS;
	}
	/* The state has changed meanwhile: begin anew, with another page or a first one. */
	spin_unlock_bh(&region->lock);
	dmem_fault_end(access);
	return DMEM_FAULT_AGAIN;
}

/**
 * dmem_fault - vm_ops->fault of VM memory
 * @vmf: the fault
 *
 * Return: VM_FAULT_LOCKED with the page, VM_FAULT_RETRY, VM_FAULT_SIGBUS past the end of the
 * file or when the page is lost, VM_FAULT_OOM.
 */
vm_fault_t dmem_fault(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct dmem_access access = {
		.vmf = vmf,
		.vm = dmem_inode_vm(inode),
		.index = vmf->pgoff % DMEM_REGION_PAGES,
	};
	u32 region = vmf->pgoff >> DMEM_REGION_ORDER;
	vm_fault_t ret;

	access.region = dmem_region_find(access.vm, region);
	if (!access.region) {
		/* Before anything is made for it; looked at again with the region locked. */
		if (vmf->pgoff >= i_size_read(inode) >> PAGE_SHIFT)
			return VM_FAULT_SIGBUS;
		access.region = dmem_region_make(access.vm, region);
	}
	if (!access.region)
		return VM_FAULT_OOM;
	do {
		ret = dmem_fault_step(&access);
	} while (ret == DMEM_FAULT_AGAIN);
	dmem_fault_end(&access);
	return ret;
}
