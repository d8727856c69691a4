// SPDX-License-Identifier: GPL-2.0
/*
 * reclaim.c - whose memory local pages are, and who may want it back.
 *
 * Local pages are charged to the memory cgroup of the file's creator. When that cgroup reaches
 * its limit or the host runs short, the mm core's reclaim asks a shrinker, which has the evictor
 * send pages away and waits a moment for it: reclaim runs with locks that its work may need.
 *
 * Reclaim for a cgroup does not count what shrinkers free, and asks for ever more until nothing is
 * left. So what is offered to it is what the cgroup is short of, and nothing when it is not.
 */
#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "core.h"

/* Pages asked for at a time, so that the evictor writes and unmaps in runs. */
#define DMEM_RECLAIM_BATCH_PAGES	256
/* What reclaim waits for them at most. */
#define DMEM_RECLAIM_PATIENCE		(HZ / 5)
/* Evicted pages are not kept for the next faults until this long after reclaim asked last. */
#define DMEM_RECLAIM_CALM		HZ

/* VM memories by node and by the cgroup that they are charged to. */
static struct list_lru dmem_reclaim_vms;
static struct shrinker *dmem_shrinker;
static struct kmem_cache *dmem_vm_cache;

static atomic_long_t dmem_reclaimed_pages;
static DECLARE_WAIT_QUEUE_HEAD(dmem_reclaim_wait);

/* By how much a cgroup, or one above it, is nearer than a batch to what it may have; or 0. */
static long dmem_reclaim_short_pages(struct mem_cgroup *memcg)
{
	long nr = 0;

	for (; memcg && !dmem_memcg_is_root(memcg); memcg = parent_mem_cgroup(memcg)) {
		struct page_counter *memory = &memcg->memory;
		long most = min(READ_ONCE(memory->max), READ_ONCE(memory->high));

		nr = max(nr, (long)page_counter_read(memory) + DMEM_RECLAIM_BATCH_PAGES - most);
	}
	return nr;
}

/* Local pages that may be wanted back: what the smallest limit would leave stays. */
static long dmem_reclaimable_pages(struct dmem_vm *vm)
{
	return max(atomic_long_read(&vm->charged) - (long)DMEM_DIRECT_MIN_PAGES, 0);
}

static enum lru_status dmem_reclaim_count_one(struct list_head *item, DMEM_LRU_WALK_ARGS,
					      void *pages)
{
	*(long *)pages += dmem_reclaimable_pages(container_of(item, struct dmem_vm, reclaim));
	return LRU_SKIP;
}

/* Ask one VM for what is still wanted; the next reclaim begins with another. */
static enum lru_status dmem_reclaim_ask_one(struct list_head *item, DMEM_LRU_WALK_ARGS,
					    void *pages)
{
	struct dmem_vm *vm = container_of(item, struct dmem_vm, reclaim);
	long *want = pages, nr = min(*want, dmem_reclaimable_pages(vm));

	if (nr <= 0)
		return LRU_SKIP;
	*want -= nr;
	WRITE_ONCE(vm->reclaim_until, (jiffies + DMEM_RECLAIM_CALM) | 1);
	/* Several that ask at once want the same pages, not as many each. */
	if (atomic_long_read(&vm->reclaim_pages) < nr)
		atomic_long_set(&vm->reclaim_pages, nr);
	mod_delayed_work(dmem_wq, &vm->evict_work, 0);
	return LRU_ROTATE;
}

static unsigned long dmem_shrink_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long vms = list_lru_shrink_count(&dmem_reclaim_vms, sc);
	long pages = 0, need;

	if (!vms)
		return SHRINK_EMPTY;
	/* kswapd is short of the host's memory, and counts. */
	need = current_is_kswapd() ? DMEM_RECLAIM_BATCH_PAGES : dmem_reclaim_short_pages(sc->memcg);
	if (!need)
		return 0;
	list_lru_shrink_walk(&dmem_reclaim_vms, &(struct shrink_control){
			.nid = sc->nid, .memcg = sc->memcg, .nr_to_scan = vms,
		}, dmem_reclaim_count_one, &pages);
	/* With seeks = 0 half of it is asked for, however hard the reclaim. */
	return 2 * min(pages, need);
}

static unsigned long dmem_shrink_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	long want = sc->nr_to_scan, before = atomic_long_read(&dmem_reclaimed_pages), asked, nr;

	/* An evictor that allocates has no __GFP_FS, or it would wait for itself. */
	if (!(sc->gfp_mask & __GFP_FS))
		return SHRINK_STOP;
	list_lru_shrink_walk(&dmem_reclaim_vms, &(struct shrink_control){
			.nid = sc->nid, .memcg = sc->memcg,
			.nr_to_scan = list_lru_shrink_count(&dmem_reclaim_vms, sc),
		}, dmem_reclaim_ask_one, &want);
	asked = sc->nr_to_scan - want;
	if (asked <= 0)
		return SHRINK_STOP;
	wait_event_timeout(dmem_reclaim_wait,
			   atomic_long_read(&dmem_reclaimed_pages) - before >= asked,
			   DMEM_RECLAIM_PATIENCE);
	nr = clamp(atomic_long_read(&dmem_reclaimed_pages) - before, 0, asked);
	mm_account_reclaimed_pages(nr);
	return nr ?: SHRINK_STOP;
}

/**
 * dmem_reclaim_active - was memory wanted back lately?
 * @vm: VM memory
 *
 * Return: true if pages that are evicted should go back to the host at once.
 */
bool dmem_reclaim_active(struct dmem_vm *vm)
{
	unsigned long until = READ_ONCE(vm->reclaim_until);

	if (likely(!until))
		return false;
	if (time_before(jiffies, until))
		return true;
	cmpxchg(&vm->reclaim_until, until, 0);
	return false;
}

/* So many pages have gone back to the host. Any context but hard interrupt. */
void dmem_reclaim_progress(unsigned long nr)
{
	atomic_long_add(nr, &dmem_reclaimed_pages);
	if (wq_has_sleeper(&dmem_reclaim_wait))
		wake_up_all(&dmem_reclaim_wait);
}

/**
 * dmem_alloc_local - new pages, charged to the cgroup of the VM memory's creator
 * @vm: VM memory; process context
 * @node: where from, if there are any: this CPU's rather than what the task's policy says
 * @gfp: without __GFP_ACCOUNT
 * @pages: takes them
 * @nr: how many are wanted
 *
 * Return: how many there are. A cgroup at its maximum has evicted what it could before it is less.
 */
unsigned int dmem_alloc_local(struct dmem_vm *vm, int node, gfp_t gfp, struct page **pages,
			      unsigned int nr)
{
	struct mem_cgroup *before;
	unsigned int got;

	if (!vm->memcg) {
		/* The bulk allocator fills what is NULL. */
		memset(pages, 0, nr * sizeof(*pages));
		return alloc_pages_bulk_node(gfp, node, nr, pages);
	}
	before = set_active_memcg(vm->memcg);
	for (got = 0; got < nr; got++) {
		pages[got] = alloc_pages_node(node, gfp | __GFP_ACCOUNT, 0);
		if (!pages[got])
			break;
		/* The faulting thread waits for one: the others are taken if they are to be had. */
		gfp = (gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_NOWARN;
	}
	set_active_memcg(before);
	return got;
}

/* A zeroed VM memory, charged to the current cgroup, as its pages will be; or NULL. */
struct dmem_vm *dmem_reclaim_alloc_vm(void)
{
	struct dmem_vm *vm = kmem_cache_alloc_lru(dmem_vm_cache, &dmem_reclaim_vms,
						  GFP_KERNEL | __GFP_ZERO);
	struct mem_cgroup *memcg;

	if (!vm)
		return NULL;
	INIT_LIST_HEAD(&vm->reclaim);
	memcg = get_mem_cgroup_from_mm(current->mm);
	/* The root cgroup is charged nothing. */
	if (memcg && !dmem_memcg_is_root(memcg))
		vm->memcg = memcg;
	else
		mem_cgroup_put(memcg);
	return vm;
}

void dmem_reclaim_free_vm(struct dmem_vm *vm)
{
	mem_cgroup_put(vm->memcg);
	kmem_cache_free(dmem_vm_cache, vm);
}

/* From here until dmem_reclaim_del() the VM memory's evictor may be woken. */
void dmem_reclaim_add(struct dmem_vm *vm)
{
	list_lru_add_obj(&dmem_reclaim_vms, &vm->reclaim);
}

void dmem_reclaim_del(struct dmem_vm *vm)
{
	list_lru_del_obj(&dmem_reclaim_vms, &vm->reclaim);
}

int dmem_reclaim_init(void)
{
	int err;

	dmem_vm_cache = KMEM_CACHE(dmem_vm, SLAB_ACCOUNT);
	if (!dmem_vm_cache)
		return -ENOMEM;
	dmem_shrinker = shrinker_alloc(SHRINKER_MEMCG_AWARE | SHRINKER_NUMA_AWARE, "dmem");
	if (!dmem_shrinker) {
		err = -ENOMEM;
		goto destroy_cache;
	}
	err = list_lru_init_memcg(&dmem_reclaim_vms, dmem_shrinker);
	if (err)
		goto free_shrinker;
	dmem_shrinker->count_objects = dmem_shrink_count;
	dmem_shrinker->scan_objects = dmem_shrink_scan;
	dmem_shrinker->batch = DMEM_RECLAIM_BATCH_PAGES;
	dmem_shrinker->seeks = 0;
	shrinker_register(dmem_shrinker);
	return 0;

free_shrinker:
	shrinker_free(dmem_shrinker);
destroy_cache:
	kmem_cache_destroy(dmem_vm_cache);
	return err;
}

void dmem_reclaim_exit(void)
{
	shrinker_free(dmem_shrinker);
	list_lru_destroy(&dmem_reclaim_vms);
	kmem_cache_destroy(dmem_vm_cache);
}
