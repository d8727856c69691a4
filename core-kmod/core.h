/* SPDX-License-Identifier: GPL-2.0 */
/*
 * core.h - the core's private types and what its files offer each other.
 *
 * Lock order (docs/core.md says why): inode->i_rwsem, vm->evict_mutex, mmap_lock or VMA lock,
 * page lock, vm->lru_lock, region->lock, the locks of spare pages, of the local donor's link and
 * of batches of events. All but the first four disable BH: transports complete in softirq.
 */
#ifndef DMEM_CORE_H
#define DMEM_CORE_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "batch.h"
#include "events.h"
#include "uapi/dmem.h"

#define DMEM_IO_MAX_PAGES	64
#define DMEM_STOCK_PAGES	16
#define DMEM_RESTS_MAX		8
#define DMEM_COPIES_MAX		2
#define DMEM_KEY_BYTES		32

/* region.c: 2^27 regions, 256 TiB */
#define DMEM_NODE_BITS		9
#define DMEM_NODE_SLOTS		BIT(DMEM_NODE_BITS)
#define DMEM_NODE_LEVELS	3
#define DMEM_REGIONS_MAX	(1ULL << (DMEM_NODE_BITS * DMEM_NODE_LEVELS))

struct fs_context;
struct dmem_pool;
struct dmem_vm;

/* A page's whole state: pfn << 8 | flags | state. Written under region->lock by page.c alone. */
enum dmem_page_state {
	DMEM_PAGE_EMPTY,
	DMEM_PAGE_FETCHING,
	DMEM_PAGE_MAPPED,
	DMEM_PAGE_UNMAPPED,
	DMEM_PAGE_WRITEBACK,
	DMEM_PAGE_REMOTE,
	DMEM_PAGE_FAILED,
	DMEM_PAGE_STATES,
};

#define DMEM_PAGE_STATE_MASK	0x07ULL
#define DMEM_PAGE_COPY		0x08ULL	/* a donor held its content when it last came or went */
#define DMEM_PAGE_PREFETCHED	0x10ULL	/* no fault asked for it and none has touched it */
#define DMEM_PAGE_DEMANDED	0x20ULL	/* a fault asked for it and has not come back yet */
#define DMEM_PAGE_INFLIGHT	0x40ULL	/* a write of it is on its way */
#define DMEM_PAGE_YOUNG		0x80ULL	/* arrived since the evictor last looked */
#define DMEM_PAGE_FLAGS		0xf8ULL
#define DMEM_PAGE_PFN_SHIFT	8

/* One 2 MiB piece of VM memory, made at its first touch, kept until the file goes. */
struct dmem_region {
	struct dmem_vm *vm;
	spinlock_t lock;			/* words, ident's counts, nr_held, reused */
	struct dmem_region_ident ident;
	u16 nr_held;				/* words with a page, those being fetched too */
	u16 nr_inactive;			/* vm->evict_mutex */
	bool reused;				/* touched again since it was last deactivated */
	u16 last_demand;			/* lock: dmem_region_demand() */
	u64 advice;				/* of the policy: dmem_fetch_order() */
	enum dmem_list {
		DMEM_LIST_FRESH,
		DMEM_LIST_ACTIVE,
		DMEM_LIST_INACTIVE,
		DMEM_LISTS,
		DMEM_LIST_NONE = DMEM_LISTS,
		DMEM_LIST_ISOLATED,		/* the evictor has it in hand */
	} list;
	struct list_head lru;			/* with list and gone_at: vm->lru_lock */
	u32 gone_at;				/* vm->nr_gone when its last page went; 0: never */
	wait_queue_head_t wait;			/* for a page of it to leave FETCHING or INFLIGHT */
	u64 *words;				/* DMEM_REGION_PAGES of them */
	void *remote;				/* transport's: what the donor holds of it */
};

enum dmem_stat {
	DMEM_STAT_LOCAL,			/* pages now, as sums over the CPUs */
	DMEM_STAT_REMOTE,
	DMEM_STAT_FAULTS,
	DMEM_STAT_SOFT_FAULTS,
	DMEM_STAT_ZERO_FILLS,
	DMEM_STAT_FETCHED_PAGES,
	DMEM_STAT_PREFETCHED_PAGES,
	DMEM_STAT_PREFETCHED_USED,
	DMEM_STAT_PREFETCHED_UNUSED,
	DMEM_STAT_PREFETCHES_QUEUED,
	DMEM_STAT_PREFETCHES_DROPPED,
	DMEM_STAT_EVICTED_PAGES,
	DMEM_STAT_EVICTIONS,
	DMEM_STAT_WRITEBACK_PAGES,
	DMEM_STAT_WRITEBACKS,
	DMEM_STAT_ZERO_PAGES,
	DMEM_STAT_RESCUED_PAGES,
	DMEM_STAT_PINNED_SKIPS,
	DMEM_STAT_RETRIES,
	DMEM_STAT_STALLS,
	DMEM_STAT_POLICY_DECISIONS,
	DMEM_STAT_POLICY_CLAMPED,
	DMEM_STAT_ERRORS,
	DMEM_STAT_REGIONS,
	DMEM_STAT_FETCHES,			/* DMEM_ORDERS of them, by order */
	DMEM_STATS = DMEM_STAT_FETCHES + DMEM_ORDERS,
};

/* The rest of a block, which is still to be asked for. */
struct dmem_rest {
	struct dmem_region *region;
	int node;				/* of the CPU that the fault ran on */
	u16 index;				/* the fault's page */
	u8 order;
};

/* prefetch.c: of one CPU. The counts wrap; what is between them waits. */
struct dmem_rest_queue {
	struct work_struct work;
	u32 nr_put;				/* written by faults on this CPU */
	u32 nr_taken;				/* written by the work item */
	struct dmem_rest rests[DMEM_RESTS_MAX];
};

struct dmem_vm_cpu {
	s64 stat[DMEM_STATS];
	struct dmem_io *io;			/* for the next fetch of one page, or NULL */
	unsigned int spin_vain;			/* times in a row that a fault spun in vain */
	unsigned int spin_skips;		/* faults that did not even try */
	unsigned int nr_stock;			/* with stock: preemption off */
	struct page *stock[DMEM_STOCK_PAGES];	/* charged, for the next faults here */
	struct dmem_rest_queue rests;
};

/* Evicted pages of one node, free, not charged. */
struct dmem_spare {
	spinlock_t lock;			/* pages, nr */
	struct list_head pages;			/* by page->lru */
	long nr;
};

/* One guest's memory: a file. */
struct dmem_vm {
	struct dmem_vm_ident ident;		/* sizes and order: inode->i_rwsem */
	struct inode *inode;
	struct dmem_pool *pool;
	struct mem_cgroup *memcg;		/* that local pages are charged to, or NULL */
	struct list_head reclaim;		/* reclaim.c's list */
	struct dmem_vm_cpu __percpu *cpu;
	struct dmem_node *regions;		/* region.c's tree of them */

	/* budget, in pages; limit and watermarks: written under inode->i_rwsem */
	atomic_long_t charged;
	long limit_pages;			/* LONG_MAX: all of it may be local */
	long min_pages;
	long low_pages;
	long high_pages;
	long stock_batch_pages;
	struct dmem_spare *spare;		/* by node */
	bool limit_is_set;			/* by ioctl: the pool's default no longer counts */
	unsigned long stalled_since;		/* jiffies | 1 while faults wait in vain, else 0 */
	wait_queue_head_t free_wait;

	spinlock_t lru_lock;			/* the lists, and list and lru of regions */
	struct list_head lists[DMEM_LISTS];	/* newest first */
	long nr_listed[DMEM_LISTS];		/* regions */
	u32 nr_gone;				/* times that a region's last page went */
	u32 nr_loops;				/* ... and one came back as in a loop */
	unsigned int deactivations;		/* evict_mutex */
	struct mutex evict_mutex;		/* one evictor at a time */
	struct delayed_work evict_work;
	long nr_inactive;			/* pages; evict_mutex */
	atomic_long_t nr_writeback;		/* pages on their way out */
	atomic_long_t reclaim_pages;		/* to be evicted for who is short of memory */
	unsigned long reclaim_until;		/* jiffies | 1: they may still be so; or 0 */
};

struct dmem_inode {
	struct inode inode;
	struct dmem_vm *vm;			/* regular files only */
};

/* What a transport keeps of a request for one of the copies that it is about. */
struct dmem_io_part {
	struct list_head queue;
	struct dmem_io *io;
	void *place;
	u32 slot;
	int err;
};

/* A request to a donor: pages of one region, with the indices of their words. */
struct dmem_io {
	struct dmem_vm *vm;
	struct dmem_region *region;
	struct dmem_io_part part[DMEM_COPIES_MAX];	/* transport's, with the next four */
	atomic_t nr_parts;
	u64 due_ns;
	u32 writes;
	bool refill;
	bool out;				/* a write */
	u64 start;				/* dmem_time_now(); 0: nobody asks how long */
	/* Called once, in any context but hard interrupt, with no lock held; frees the io. */
	void (*done)(struct dmem_io *io, int err);
	u16 nr_pages;
	u8 order;
	bool prefetch;
	struct dmem_io_page {
		struct page *page;
		u16 index;
	} pages[] __counted_by(nr_pages);
};

/* All donors of a pool: a transport's, which alone knows them apart. */
struct dmem_donor {
	u32 id;					/* never used twice while the module is loaded */
	struct dmem_transport *transport;
	u64 lent_pages;			/* the transport may change it at any time */
	void *data;
	unsigned int nr_specs;
	const char *specs[DMEM_DONORS_MAX];	/* what stands after the colon of each donor= */
};

/**
 * struct dmem_transport - a way to a donor
 * @name: what stands before the colon in donor=
 * @owner: the module it is in; a pool holds it
 * @open: parse the rest of each donor= and connect; set lent_pages; errors are told through fc
 * @close: undo @open; no request is under way
 * @tell: how each donor stands, in the order of specs; all but the names. Process context
 * @reserve: have room with the donors for so many regions more, or say -ENOSPC and have none
 *	taken. Process context, may wait up to the pool's timeout. NULL: lent_pages says it all,
 *	page by page
 * @unreserve: so many regions less are wanted; nothing of them is held. Process context, does
 *	not wait
 * @read_now: bring one page into @to before returning, where that takes no longer than a fault
 *	may spin; anything but 0 means: not so, use @read. Process context. May be NULL
 * @read: bring the pages of an io; 0 means that done() has been or will be called, within
 *	the pool's timeout; a negative errno that it will not
 * @write: send the pages of an io; as @read. Process context
 * @holds: does a donor still have this page? Called with the region locked, of pages that have
 *	COPY; NULL: always
 * @discard: what the donor holds of this page is wanted no more. Called with the region
 *	locked, before the page's word says so: may not sleep
 * @forget: nor is anything that it holds of this region; no request is under way
 */
struct dmem_transport {
	const char *name;
	struct module *owner;
	struct list_head list;			/* transport.c's */
	int (*open)(struct dmem_pool *pool, struct dmem_donor *donor, struct fs_context *fc);
	void (*close)(struct dmem_donor *donor);
	void (*tell)(struct dmem_pool *pool, struct dmem_donor_info *infos);
	int (*reserve)(struct dmem_pool *pool, u64 regions);
	void (*unreserve)(struct dmem_pool *pool, u64 regions);
	int (*read_now)(struct dmem_region *region, unsigned int index, struct page *to);
	int (*read)(struct dmem_io *io);
	int (*write)(struct dmem_io *io);
	bool (*holds)(struct dmem_region *region, unsigned int index);
	void (*discard)(struct dmem_region *region, unsigned int index);
	void (*forget)(struct dmem_region *region);
};

/* A mount: a donor and the defaults of its files. Constant once mounted, but for reserved. */
struct dmem_pool {
	struct dmem_donor donor;
	bool donor_is_open;
	unsigned int nr_donors;
	char *donors[DMEM_DONORS_MAX];		/* as donor= had them */
	u64 size_pages;				/* size=, or 0 */
	u64 direct_pages;			/* direct=SIZE, or 0 and direct_percent counts */
	u32 direct_percent;
	u32 order;
	u64 latency_ns;
	u64 ns_per_page;
	u32 timeout_ms;
	u32 replicas;				/* replicas=, or 0 */
	enum dmem_checksum {
		DMEM_CHECKSUM_DEFAULT,
		DMEM_CHECKSUM_ON,
		DMEM_CHECKSUM_OFF,
	} checksum;
	char *key_name;				/* key=, or NULL */
	bool has_key;
	u8 key[DMEM_KEY_BYTES];			/* zeros without one */
	umode_t mode;
	kuid_t uid;
	kgid_t gid;
	atomic64_t reserved_pages;
};

static inline struct dmem_vm *dmem_inode_vm(struct inode *inode)
{
	return container_of(inode, struct dmem_inode, inode)->vm;
}

static inline struct dmem_pool *dmem_sb_pool(struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline void dmem_stat_add(struct dmem_vm *vm, enum dmem_stat stat, s64 n)
{
	this_cpu_add(vm->cpu->stat[stat], n);
}

static inline u64 dmem_region_first_page(const struct dmem_region *region)
{
	return (u64)region->ident.index << DMEM_REGION_ORDER;
}

/*
 * Note an access that needed a donor, or would have if the page had not been prefetched. Returns
 * 1 + the page of the one before, or 0. The region is locked.
 */
static inline u16 dmem_region_demand(struct dmem_region *region, unsigned int index)
{
	u16 last = region->last_demand;

	region->last_demand = index + 1;
	return last;
}

/* page.c */
static inline enum dmem_page_state dmem_word_state(u64 word)
{
	return word & DMEM_PAGE_STATE_MASK;
}

static inline struct page *dmem_word_page(u64 word)
{
	u64 pfn = word >> DMEM_PAGE_PFN_SHIFT;

	return pfn ? pfn_to_page(pfn) : NULL;
}

static inline u64 dmem_word(enum dmem_page_state state, u64 flags, struct page *page)
{
	return state | flags | (page ? (u64)page_to_pfn(page) << DMEM_PAGE_PFN_SHIFT : 0);
}

static inline bool dmem_word_is_busy(u64 word)
{
	return dmem_word_state(word) == DMEM_PAGE_FETCHING || word & DMEM_PAGE_INFLIGHT;
}

/* What changes of words under one hold of region->lock add up to. */
struct dmem_page_sums {
	int held;
	int local;
	int remote;
	int versions;
};

bool dmem_page_set(struct dmem_region *region, unsigned int index, u64 word);
void dmem_page_change(struct dmem_region *region, unsigned int index, u64 word,
		      struct dmem_page_sums *sums);
bool dmem_page_settle(struct dmem_region *region, const struct dmem_page_sums *sums);

/* vm.c */
struct dmem_vm *dmem_vm_create(struct inode *inode, struct dentry *dentry);
void dmem_vm_destroy(struct dmem_vm *vm);
void dmem_region_list(struct dmem_region *region, enum dmem_list list, bool oldest);
void dmem_region_activate(struct dmem_region *region);
u64 dmem_stat_read(struct dmem_vm *vm, enum dmem_stat stat);
void dmem_trace_vm(struct dmem_vm *vm, enum dmem_vm_event event);

/* region.c */
int dmem_regions_init(struct dmem_vm *vm);
void dmem_regions_exit(struct dmem_vm *vm);
struct dmem_region *dmem_region_find(struct dmem_vm *vm, u32 index);
struct dmem_region *dmem_region_make(struct dmem_vm *vm, u32 index);
struct dmem_region *dmem_region_next(struct dmem_vm *vm, u64 *index, u64 last);

/* budget.c */
int dmem_budget_init(struct dmem_vm *vm);
void dmem_budget_exit(struct dmem_vm *vm);
void dmem_vm_set_limit(struct dmem_vm *vm, u64 limit_pages);
u64 dmem_vm_default_limit(struct dmem_vm *vm, u64 size_pages);
long dmem_free_pages(struct dmem_vm *vm);
long dmem_spare_trim(struct dmem_vm *vm);
struct page *dmem_page_take(struct dmem_vm *vm);
unsigned int dmem_pages_take(struct dmem_vm *vm, int node, struct page **pages, unsigned int nr);
void dmem_page_clear(struct page *page);
void dmem_page_give(struct dmem_vm *vm, struct page *page);
void dmem_pages_give(struct dmem_vm *vm, struct page **pages, unsigned int nr);

/* reclaim.c */
bool dmem_reclaim_active(struct dmem_vm *vm);
void dmem_reclaim_progress(unsigned long nr);
unsigned int dmem_alloc_local(struct dmem_vm *vm, int node, gfp_t gfp, struct page **pages,
			      unsigned int nr);
struct dmem_vm *dmem_reclaim_alloc_vm(void);
void dmem_reclaim_free_vm(struct dmem_vm *vm);
void dmem_reclaim_add(struct dmem_vm *vm);
void dmem_reclaim_del(struct dmem_vm *vm);
int dmem_reclaim_init(void);
void dmem_reclaim_exit(void);

/* fault.c, fetch.c */
vm_fault_t dmem_fault(struct vm_fault *vmf);
int dmem_fetch_page(struct dmem_region *region, unsigned int index, struct page *page,
		    unsigned int order, struct dmem_region_ident *ident, u64 *latency_ns);
bool dmem_fetch_range(struct dmem_region *region, unsigned int order, int node,
		      unsigned int next, unsigned int end);
void dmem_fetch_exit(struct dmem_vm *vm);
unsigned int dmem_fetch_order(struct dmem_region *region, unsigned int index, u32 flags);

/* prefetch.c */
extern struct workqueue_struct *dmem_prefetch_wq;
void dmem_prefetch_rest(struct dmem_region *region, unsigned int index, unsigned int order);
void dmem_prefetch_init(struct dmem_vm *vm);
void dmem_prefetch_flush(struct dmem_vm *vm);
void dmem_prefetch_exit(struct dmem_vm *vm);

/* evict.c */
void dmem_evict_kick(struct dmem_vm *vm);
void dmem_evict_work(struct work_struct *work);
int dmem_evict_all(struct dmem_vm *vm, struct dmem_vm_flush *flush);
void dmem_release_pages(struct dmem_vm *vm, u64 first, u64 last);

/* policy.c */
int dmem_policy_init(void);
bool dmem_policy_is_there(void);
u32 dmem_policy_order(struct dmem_fetch_ctx *ctx);

/* transport.c, local.c */
extern struct dmem_transport dmem_local_transport;
int dmem_transport_register(struct dmem_transport *transport);
void dmem_transport_unregister(struct dmem_transport *transport);
int dmem_donor_open(struct dmem_pool *pool, struct fs_context *fc);
void dmem_donor_close(struct dmem_pool *pool);

/* inode.c, ioctl.c */
extern const struct file_operations dmem_file_ops;
struct inode *dmem_inode_new(struct super_block *sb, struct inode *dir, umode_t mode);
u64 dmem_pool_capacity(struct dmem_pool *pool);
int dmem_reserve_size(struct dmem_pool *pool, u64 old_pages, u64 pages);
void dmem_unreserve_size(struct dmem_pool *pool, u64 old_pages, u64 pages);
long dmem_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
long dmem_dir_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* super.c */
extern struct file_system_type dmem_fs_type;
extern struct workqueue_struct *dmem_wq;
int dmem_inode_cache_init(void);
void dmem_inode_cache_exit(void);

#endif /* DMEM_CORE_H */
