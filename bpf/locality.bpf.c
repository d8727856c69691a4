// SPDX-License-Identifier: GPL-2.0
/*
 * locality.bpf.c - how each region of VM memory is used: the core's tracepoints and KVM's
 * second-level misses, into the maps of maps.h.
 *
 * Counters of a VM are per CPU and those of a region its own, so that faults share none. A
 * touched page is counted once an epoch however often KVM misses on it. docs/maps.md tells how
 * a guest-physical address becomes a page of VM memory.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "core.bpf.h"
#include "maps.h"

char LICENSE[] SEC("license") = "GPL";

/* Memory slots' trees are balanced: 2^32 slots would be this deep, and KVM allows 2^15. */
#define SLOT_TREE_DEPTH		64
/* How long a memory slot's mapping is believed to be what it was. */
#define SLOT_CACHE_NS		1000000000ULL
#define SLOT_CACHE_ENTRIES	4096

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct dmem_version);
} version SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct dmem_epoch);
} epoch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct dmem_plane_stats);
} plane_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DMEM_MAX_VMS);
	__type(key, struct dmem_vm_key);
	__type(value, struct dmem_vm_value);
} vms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DMEM_MAX_VMS);
	__type(key, struct dmem_vm_key);
	__type(value, struct dmem_vm_stats);
} vm_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DMEM_MAX_REGIONS);
	__type(key, struct dmem_region_key);
	__type(value, struct dmem_region_value);
} regions SEC(".maps");

/* Where a memory slot's pages lie: found once in the mapping, believed for SLOT_CACHE_NS. */
struct slot_key {
	u64 kvm;
	u64 base_gfn;
};

struct slot_value {
	u64 checked_ns;
	u64 start;		/* of the mapping, as QEMU sees it */
	u64 end;
	u64 first_page;		/* of VM memory, at start */
	u32 vm;			/* 0: the memory is not ours */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLOT_CACHE_ENTRIES);
	__type(key, struct slot_key);
	__type(value, struct slot_value);
} slots SEC(".maps");

/* Newer verifiers want every pointer argument of a tracepoint checked before its use. */

static const struct dmem_vm_stats no_stats;
static const struct dmem_vm_value no_vm;
static const struct dmem_region_value no_region;

static __always_inline struct dmem_plane_stats *stats_of_plane(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&plane_stats, &zero);
}

static __always_inline void count_lost(void)
{
	struct dmem_plane_stats *stats = stats_of_plane();

	if (stats)
		stats->lost_events++;
}

static __always_inline u64 epoch_number(void)
{
	u32 zero = 0;
	struct dmem_epoch *now = bpf_map_lookup_elem(&epoch, &zero);

	return now ? now->number : 0;
}

/* Counters of this CPU; programs of this file do not interrupt each other on a counter that
 * matters, so plain additions will do. */
static __always_inline struct dmem_vm_stats *stats_of(u32 vm)
{
	struct dmem_vm_key key = { .vm = vm };
	struct dmem_vm_stats *stats = bpf_map_lookup_elem(&vm_stats, &key);

	if (stats)
		return stats;
	bpf_map_update_elem(&vm_stats, &key, &no_stats, BPF_NOEXIST);
	stats = bpf_map_lookup_elem(&vm_stats, &key);
	if (!stats)
		count_lost();
	return stats;
}

static __always_inline struct dmem_vm_value *value_of(u32 vm)
{
	struct dmem_vm_key key = { .vm = vm };
	struct dmem_vm_value *value = bpf_map_lookup_elem(&vms, &key);

	if (value)
		return value;
	bpf_map_update_elem(&vms, &key, &no_vm, BPF_NOEXIST);
	value = bpf_map_lookup_elem(&vms, &key);
	if (!value)
		count_lost();
	return value;
}

static __always_inline struct dmem_region_value *region_of(u32 vm, u32 region)
{
	struct dmem_region_key key = { .vm = vm, .region = region };
	struct dmem_region_value *value = bpf_map_lookup_elem(&regions, &key);

	if (value)
		return value;
	bpf_map_update_elem(&regions, &key, &no_region, BPF_NOEXIST);
	value = bpf_map_lookup_elem(&regions, &key);
	if (!value)
		count_lost();
	return value;
}

static __always_inline void add(u32 *counter, u32 n)
{
	__sync_fetch_and_add(counter, n);
}

static __always_inline u32 log2_slot(u64 value, u32 slots)
{
	u32 slot = 0;

	if (value >> 32) { slot += 32; value >>= 32; }
	if (value >> 16) { slot += 16; value >>= 16; }
	if (value >> 8) { slot += 8; value >>= 8; }
	if (value >> 4) { slot += 4; value >>= 4; }
	if (value >> 2) { slot += 2; value >>= 2; }
	if (value >> 1)
		slot++;
	return slot < slots ? slot : slots - 1;
}

static __always_inline void region_update(struct dmem_region_value *value,
					  struct dmem_region_ident *region)
{
	value->local_pages = region->local_pages;
	value->remote_pages = region->remote_pages;
}

/* Where an event of a region is counted. */
struct counters {
	struct dmem_region_value *region;
	struct dmem_vm_stats *vm;
};

/* False when there is no room for the VM memory or the region: the event is lost, and counted. */
static __always_inline bool find_counters(struct counters *to, struct dmem_vm_ident *vm,
					  struct dmem_region_ident *region)
{
	if (!vm || !region)
		return false;
	to->region = region_of(vm->id, region->index);
	to->vm = stats_of(vm->id);
	if (!to->region || !to->vm)
		return false;
	region_update(to->region, region);
	return true;
}

/* A page is in use. Two CPUs may begin an epoch at once: the bits of one are lost then. */
static __always_inline void region_touch(struct dmem_region_value *value, u32 page)
{
	u32 now = epoch_number();

	if (value->epoch != now) {
		__builtin_memset(value->touched, 0, sizeof(value->touched));
		value->epoch = now;
	}
	page &= DMEM_MAP_REGION_PAGES - 1;
	__sync_fetch_and_or(&value->touched[page / 64], 1ULL << (page % 64));
}

static __always_inline void region_demand(struct dmem_region_value *value, u32 page)
{
	u32 last = value->last_demand;
	u32 distance, slot;

	value->last_demand = page + 1;
	if (!last)
		return;
	last--;
	distance = page > last ? page - last : last - page;
	slot = log2_slot(distance, DMEM_DISTANCE_SLOTS);
	if (slot < DMEM_DISTANCE_SLOTS)
		add(&value->distance[slot], 1);
	if (page > last)
		add(&value->forward, 1);
}

SEC("tp_btf/dmem_vm")
int BPF_PROG(on_vm, struct dmem_vm_ident *vm, u32 event, u64 direct_bytes, u64 remote_bytes)
{
	struct dmem_vm_value *value = vm ? value_of(vm->id) : NULL;

	if (!value)
		return 0;
	bpf_probe_read_kernel_str(value->name, sizeof(value->name), vm->name);
	value->size_bytes = vm->size_bytes;
	value->direct_limit_bytes = vm->direct_limit_bytes;
	value->direct_bytes = direct_bytes;
	value->remote_bytes = remote_bytes;
	value->default_order = vm->order;
	value->updated_ns = bpf_ktime_get_ns();
	if (event == DMEM_VM_GONE)
		value->gone = 1;
	return 0;
}

static __always_inline void count_fault(struct counters *to, u32 page, u32 kind, u32 flags)
{
	bool soft = kind == DMEM_FAULT_SOFT || kind == DMEM_FAULT_RESCUE;

	if (flags & DMEM_FAULT_F_PREFETCHED) {
		to->vm->prefetched_used_pages++;
		add(&to->region->prefetched_used_pages, 1);
	}
	if (soft) {
		/* The end of a fault that was counted when it began. */
		if (!(flags & DMEM_FAULT_F_RETRIED)) {
			to->vm->soft_faults++;
			add(&to->region->soft_faults, 1);
		}
		if (flags & DMEM_FAULT_F_PREFETCHED && !(flags & DMEM_FAULT_F_RETRIED))
			region_demand(to->region, page);
		return;
	}
	to->vm->faults++;
	if (kind == DMEM_FAULT_ZERO) {
		to->vm->zero_fills++;
		add(&to->region->zero_fills, 1);
		return;
	}
	add(&to->region->misses, 1);
	region_demand(to->region, page);
}

SEC("tp_btf/dmem_fault")
int BPF_PROG(on_fault, struct dmem_vm_ident *vm, struct dmem_region_ident *region, u64 page,
	     u32 kind, u32 flags)
{
	struct counters to;
	u32 index = page & (DMEM_MAP_REGION_PAGES - 1);

	if (kind == DMEM_FAULT_ERROR || !find_counters(&to, vm, region))
		return 0;
	region_touch(to.region, index);
	count_fault(&to, index, kind, flags);
	return 0;
}

/* The rest of a block has come: what nobody asked for. */
static __always_inline void count_prefetch(struct dmem_vm_stats *stats,
					   struct dmem_vm_ident *vm,
					   struct dmem_region_ident *region, u32 nr_pages,
					   u64 latency_ns)
{
	struct dmem_region_value *value = region_of(vm->id, region->index);

	stats->prefetches++;
	stats->prefetch_latency_ns += latency_ns;
	stats->prefetched_pages += nr_pages;
	if (!value)
		return;
	region_update(value, region);
	add(&value->prefetched_pages, nr_pages);
}

/* A faulting page was counted for its region when it was asked for: by on_fault. */
SEC("tp_btf/dmem_fetch")
int BPF_PROG(on_fetch, struct dmem_vm_ident *vm, struct dmem_region_ident *region, u64 page,
	     u32 order, u32 nr_pages, u32 nr_prefetched, u64 latency_ns, int err)
{
	struct dmem_vm_stats *stats = vm ? stats_of(vm->id) : NULL;
	u32 slot;

	if (!stats || !region)
		return 0;
	if (err) {
		stats->fetch_errors++;
		return 0;
	}
	stats->fetched_pages += nr_pages;
	if (nr_prefetched) {
		count_prefetch(stats, vm, region, nr_prefetched, latency_ns);
		return 0;
	}
	stats->fetch_ns += latency_ns;
	slot = log2_slot(latency_ns, DMEM_LATENCY_SLOTS);
	if (slot < DMEM_LATENCY_SLOTS)
		stats->fetch_latency[slot]++;
	if (order < DMEM_MAP_ORDERS)
		stats->fetches_by_order[order]++;
	return 0;
}

SEC("tp_btf/dmem_evict")
int BPF_PROG(on_evict, struct dmem_vm_ident *vm, struct dmem_region_ident *region, u32 nr_pages,
	     u32 nr_unused)
{
	struct counters to;

	if (!find_counters(&to, vm, region))
		return 0;
	to.vm->evictions++;
	to.vm->evicted_pages += nr_pages;
	to.vm->prefetched_unused_pages += nr_unused;
	add(&to.region->evicted_pages, nr_pages);
	add(&to.region->prefetched_unused_pages, nr_unused);
	return 0;
}

SEC("tp_btf/dmem_writeback")
int BPF_PROG(on_writeback, struct dmem_vm_ident *vm, struct dmem_region_ident *region, u64 page,
	     u32 nr_pages, u64 latency_ns, int err)
{
	struct counters to;

	if (err || !find_counters(&to, vm, region))
		return 0;
	to.vm->writebacks++;
	to.vm->writeback_pages += nr_pages;
	to.vm->writeback_ns += latency_ns;
	add(&to.region->writeback_pages, nr_pages);
	return 0;
}

/* The memory slot of a guest frame, from KVM's own tree; NULL where there is none. */
static __always_inline struct kvm_memory_slot *find_slot(struct kvm *kvm, u64 gfn)
{
	struct kvm_memslots *memslots = BPF_CORE_READ(kvm, memslots[0]);
	u32 tree = BPF_CORE_READ(memslots, node_idx) & 1;
	struct rb_node *node = BPF_CORE_READ(memslots, gfn_tree.rb_node);
	u32 offset = bpf_core_field_offset(struct kvm_memory_slot, gfn_node) +
		     tree * bpf_core_type_size(struct rb_node);
	int depth;

	for (depth = 0; depth < SLOT_TREE_DEPTH && node; depth++) {
		struct kvm_memory_slot *slot = (void *)node - offset;
		u64 base = BPF_CORE_READ(slot, base_gfn);

		if (gfn < base)
			node = BPF_CORE_READ(node, rb_left);
		else if (gfn >= base + BPF_CORE_READ(slot, npages))
			node = BPF_CORE_READ(node, rb_right);
		else
			return slot;
	}
	return NULL;
}

/*
 * Whether KVM's faults are at guest-physical addresses now. Under shadow paging they are at
 * virtual ones, and those of a guest's own guest are at that one's addresses.
 */
static __always_inline bool faults_are_physical(struct kvm_vcpu *vcpu)
{
	struct kvm_mmu *mmu = BPF_CORE_READ(vcpu, arch.mmu);

	return BPF_CORE_READ_BITFIELD_PROBED(mmu, root_role.direct);
}

static long look_at_mapping(struct task_struct *task, struct vm_area_struct *vma,
			    struct slot_value *found)
{
	struct file *file = vma->vm_file;

	found->start = vma->vm_start;
	found->end = vma->vm_end;
	found->first_page = vma->vm_pgoff;
	found->vm = 0;
	if (file && BPF_CORE_READ(file, f_inode, i_sb, s_magic) == DMEM_MAGIC)
		found->vm = BPF_CORE_READ(file, f_inode, i_ino);
	return 0;
}

/* What is mapped at an address of the current task; false when that cannot be told now. */
static __always_inline bool find_mapping(struct slot_key *key, u64 address,
					 struct slot_value *found)
{
	struct slot_value *cached = bpf_map_lookup_elem(&slots, key);
	u64 now = bpf_ktime_get_ns();

	if (cached && now - cached->checked_ns < SLOT_CACHE_NS &&
	    address >= cached->start && address < cached->end) {
		*found = *cached;
		return true;
	}
	if (bpf_find_vma(bpf_get_current_task_btf(), address, look_at_mapping, found, 0))
		return false;
	found->checked_ns = now;
	bpf_map_update_elem(&slots, key, found, BPF_ANY);
	return true;
}

SEC("tp_btf/kvm_page_fault")
int BPF_PROG(on_kvm_page_fault, struct kvm_vcpu *vcpu, u64 fault_address, u64 error_code)
{
	u64 gfn = fault_address >> DMEM_PAGE_SHIFT;
	struct dmem_plane_stats *plane = stats_of_plane();
	struct dmem_region_value *value;
	struct kvm_memory_slot *slot;
	struct slot_value found = {};
	struct dmem_vm_stats *stats;
	struct slot_key key = {};
	u64 address, page;

	if (!plane || !vcpu)
		return 0;
	slot = faults_are_physical(vcpu) ? find_slot(vcpu->kvm, gfn) : NULL;
	if (!slot) {
		plane->kvm_faults_unmatched++;
		return 0;
	}
	key.kvm = (u64)vcpu->kvm;
	key.base_gfn = BPF_CORE_READ(slot, base_gfn);
	address = BPF_CORE_READ(slot, userspace_addr) + ((gfn - key.base_gfn) << DMEM_PAGE_SHIFT);
	if (!find_mapping(&key, address, &found)) {
		plane->kvm_faults_unmatched++;
		return 0;
	}
	if (!found.vm) {
		plane->kvm_faults_other++;
		return 0;
	}
	page = found.first_page + ((address - found.start) >> DMEM_PAGE_SHIFT);
	value = region_of(found.vm, page >> DMEM_REGION_ORDER);
	stats = stats_of(found.vm);
	if (!value || !stats)
		return 0;
	stats->kvm_faults++;
	add(&value->kvm_faults, 1);
	region_touch(value, page & (DMEM_MAP_REGION_PAGES - 1));
	return 0;
}
