/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvm.bpf.h - KVM's second-level misses. docs/maps.md tells how a guest-physical address becomes
 * a page of VM memory.
 */
#ifndef DMEM_KVM_BPF_H
#define DMEM_KVM_BPF_H

/* Memory slots' trees are balanced: 2^32 slots would be this deep, and KVM allows 2^15. */
#define SLOT_TREE_DEPTH		64
/* A memory slot's mapping is believed for a second to be what it was. The loader sets it. */
const volatile __u32 jiffies_per_s = 250;

#define MAPPING_CACHE_ENTRIES	64
#define KVM_FAULT_WRITE		2

/* What is mapped behind a memory slot, around an address. */
struct mapping {
	u64 kvm;
	u64 base_gfn;		/* of the slot */
	u64 checked;		/* jiffies */
	u64 start;		/* of the mapping, as QEMU sees it */
	u64 end;
	u64 first_page;		/* of VM memory, at start */
	u32 vm;			/* 0: the memory is not ours */
};

/* By a hash of the slot: found once, believed for a second. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAPPING_CACHE_ENTRIES);
	__type(key, u32);
	__type(value, struct mapping);
} mappings SEC(".maps");

struct guest_slot {
	u64 base_gfn;
	u64 userspace_addr;
};

/* The memory slot of a guest frame, from KVM's own tree. */
static __always_inline bool search_slot(struct kvm *kvm, u64 gfn, struct guest_slot *found)
{
	struct kvm_memslots *memslots = BPF_CORE_READ(kvm, memslots[0]);
	u32 tree = BPF_CORE_READ(memslots, node_idx) & 1;
	struct rb_node *node = BPF_CORE_READ(memslots, gfn_tree.rb_node);
	u32 offset = bpf_core_field_offset(struct kvm_memory_slot, gfn_node) +
		     tree * bpf_core_type_size(struct rb_node);
	int depth;

	for (depth = 0; depth < SLOT_TREE_DEPTH && node; depth++) {
		struct kvm_memory_slot *slot = (void *)node - offset;

		found->base_gfn = BPF_CORE_READ(slot, base_gfn);
		if (gfn < found->base_gfn) {
			node = BPF_CORE_READ(node, rb_left);
		} else if (gfn >= found->base_gfn + BPF_CORE_READ(slot, npages)) {
			node = BPF_CORE_READ(node, rb_right);
		} else {
			found->userspace_addr = BPF_CORE_READ(slot, userspace_addr);
			return true;
		}
	}
	return false;
}

/* The one that the vCPU's last fault was in, if slots are the same still: as KVM itself does. */
static __always_inline bool find_slot(struct kvm_vcpu *vcpu, u64 gfn, struct guest_slot *found)
{
	struct kvm_memory_slot *slot = vcpu->last_used_slot;
	struct kvm_memslots *memslots = vcpu->kvm->memslots[0];

	if (slot && memslots && vcpu->last_used_slot_gen == memslots->generation &&
	    gfn - slot->base_gfn < slot->npages) {
		found->base_gfn = slot->base_gfn;
		found->userspace_addr = slot->userspace_addr;
		return true;
	}
	return search_slot(vcpu->kvm, gfn, found);
}

/*
 * Whether KVM's faults are at guest-physical addresses now. Under shadow paging they are at
 * virtual ones, and those of a guest's own guest are at that one's addresses.
 */
static __always_inline bool faults_are_physical(struct kvm_vcpu *vcpu)
{
	struct kvm_mmu *mmu = vcpu->arch.mmu;

	return mmu && BPF_CORE_READ_BITFIELD(mmu, root_role.direct);
}

static long look_at_mapping(struct task_struct *task, struct vm_area_struct *vma,
			    struct mapping *found)
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

/* What is mapped at an address of the current task; NULL when that cannot be told now. */
static __always_inline struct mapping *find_mapping(struct kvm *kvm, struct guest_slot *slot,
						    u64 address)
{
	u32 at = (slot->base_gfn ^ slot->base_gfn >> 6 ^ slot->userspace_addr >> 21 ^
		  slot->userspace_addr >> 30) % MAPPING_CACHE_ENTRIES;
	struct mapping *cached = bpf_map_lookup_elem(&mappings, &at);
	u64 now = bpf_jiffies64();
	struct mapping found = {};

	if (!cached)
		return NULL;
	if (cached->kvm == (u64)kvm && cached->base_gfn == slot->base_gfn &&
	    now - cached->checked < jiffies_per_s &&
	    address >= cached->start && address < cached->end)
		return cached;
	if (bpf_find_vma(bpf_get_current_task_btf(), address, look_at_mapping, &found, 0))
		return NULL;
	found.kvm = (u64)kvm;
	found.base_gfn = slot->base_gfn;
	found.checked = now;
	*cached = found;
	return cached;
}

static __always_inline void count_miss(struct mapping *mapping, u64 page, u32 vcpu, bool write)
{
	struct dmem_region_value *region = region_of(mapping->vm, page >> DMEM_REGION_ORDER);
	struct dmem_vm_stats *vm = stats_of(mapping->vm);

	if (!region || !vm) {
		count_lost(1);
		return;
	}
	vm->kvm_faults++;
	vm->kvm_write_faults += write;
	add(&region->kvm_faults, 1);
	region_touch(region, page, epoch_number());
	if (!(region->vcpus >> vcpu % DMEM_MAP_VCPUS & 1))
		__sync_fetch_and_or(&region->vcpus, 1U << vcpu % DMEM_MAP_VCPUS);
}

SEC("tp_btf/kvm_page_fault")
int BPF_PROG(on_kvm_page_fault, struct kvm_vcpu *vcpu, u64 fault_address, u64 error_code)
{
	struct dmem_plane_stats *plane = stats_of_plane();
	u64 gfn = fault_address >> DMEM_PAGE_SHIFT, address;
	struct mapping *mapping;
	struct guest_slot slot = {};

	if (!plane || !vcpu)
		return 0;
	if (!faults_are_physical(vcpu) || !find_slot(vcpu, gfn, &slot)) {
		plane->kvm_faults_unmatched++;
		return 0;
	}
	address = slot.userspace_addr + ((gfn - slot.base_gfn) << DMEM_PAGE_SHIFT);
	mapping = find_mapping(vcpu->kvm, &slot, address);
	if (!mapping) {
		plane->kvm_faults_unmatched++;
		return 0;
	}
	if (!mapping->vm) {
		plane->kvm_faults_other++;
		return 0;
	}
	count_miss(mapping, mapping->first_page + ((address - mapping->start) >> DMEM_PAGE_SHIFT),
		   vcpu->vcpu_id, error_code & KVM_FAULT_WRITE);
	return 0;
}

#endif /* DMEM_KVM_BPF_H */
