// SPDX-License-Identifier: GPL-2.0
/*
 * record.bpf.c - every access and what pages did, into a ring buffer: for dmem-tuner record, and
 * there only while one runs.
 *
 * From the tracepoints that tell one event at a time: those that come in batches have no time of
 * their own, and are told up to 20 ms late, which is as long as a thousand fetches.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "core.bpf.h"
#include "maps.h"
#include "recording.h"

char LICENSE[] SEC("license") = "GPL";

/* The one VM memory that is wanted; "": all. */
const volatile char wanted[DMEM_REC_NAME_LEN] = "";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
} ring SEC(".maps");

/* VM memories seen so far, and whether they are recorded. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DMEM_MAX_VMS);
	__type(key, u32);
	__type(value, u32);
} seen SEC(".maps");

/* Since the last one that was told. */
__u32 nr_lost;

/* The record of a VM memory as it is in the ring. */
struct vm_record {
	struct dmem_rec rec;
	struct dmem_rec_vm vm;
};

static void rec_init(struct dmem_rec *rec, u32 vm, u32 kind)
{
	__builtin_memset(rec, 0, sizeof(*rec));
	rec->time_ns = bpf_ktime_get_ns();
	rec->vm = vm;
	rec->kind = kind;
}

/* Whoever reads is woken by time, not by events: there are too many. */
static void rec_submit(void *rec)
{
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
}

static void lose(u32 events)
{
	__sync_fetch_and_add(&nr_lost, events);
}

static void tell_lost(void)
{
	u32 lost = __sync_lock_test_and_set(&nr_lost, 0);
	struct dmem_rec *rec;

	if (!lost)
		return;
	rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);
	if (!rec) {
		lose(lost);
		return;
	}
	rec_init(rec, 0, DMEM_REC_LOST);
	rec->value = lost;
	rec_submit(rec);
}

static struct dmem_rec *rec_begin(u32 vm, u32 kind)
{
	struct dmem_rec *rec;

	if (nr_lost)
		tell_lost();
	rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);
	if (!rec) {
		lose(1);
		return NULL;
	}
	rec_init(rec, vm, kind);
	return rec;
}

static bool tell_vm(const struct dmem_vm_ident *vm, bool gone)
{
	struct vm_record *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);

	if (!record) {
		lose(1);
		return false;
	}
	rec_init(&record->rec, vm->id, DMEM_REC_VM);
	record->vm.size_bytes = vm->size_bytes;
	record->vm.direct_limit_bytes = vm->direct_limit_bytes;
	record->vm.order = vm->order;
	record->vm.gone = gone;
	record->vm.reserved = 0;
	__builtin_memset(record->vm.name, 0, sizeof(record->vm.name));
	bpf_probe_read_kernel_str(record->vm.name, sizeof(record->vm.name), vm->name);
	rec_submit(record);
	return true;
}

static bool has_wanted_name(const struct dmem_vm_ident *vm)
{
	char name[DMEM_REC_NAME_LEN] = "";
	int i;

	if (!wanted[0])
		return true;
	bpf_probe_read_kernel_str(name, sizeof(name), vm->name);
	for (i = 0; i < DMEM_REC_NAME_LEN; i++) {
		if (name[i] != wanted[i])
			return false;
		if (!name[i])
			break;
	}
	return true;
}

/* Whether a VM memory is recorded; its settings come before its first event. */
static bool is_recorded(const struct dmem_vm_ident *vm)
{
	u32 id = vm->id, *known = bpf_map_lookup_elem(&seen, &id), is_wanted;

	if (known)
		return *known;
	is_wanted = has_wanted_name(vm);
	if (is_wanted && !tell_vm(vm, false))
		return false;
	if (bpf_map_update_elem(&seen, &id, &is_wanted, BPF_ANY) && is_wanted) {
		lose(1);
		return false;
	}
	return is_wanted;
}

SEC("tp_btf/dmem_vm")
int BPF_PROG(on_vm, const struct dmem_vm_ident *vm, u32 what)
{
	u32 id, *known;

	if (!vm)
		return 0;
	id = vm->id;
	known = bpf_map_lookup_elem(&seen, &id);
	if (!known && what != DMEM_VM_GONE)
		is_recorded(vm);
	else if (known && *known && what != DMEM_VM_FIGURES)
		tell_vm(vm, what == DMEM_VM_GONE);
	if (what == DMEM_VM_GONE)
		bpf_map_delete_elem(&seen, &id);
	return 0;
}

SEC("tp_btf/dmem_fault")
int BPF_PROG(on_fault, const struct dmem_vm_ident *vm, const struct dmem_region_ident *region,
	     u64 page, u32 kind, u32 flags)
{
	struct dmem_rec *rec;

	if (!vm || !region || !is_recorded(vm))
		return 0;
	rec = rec_begin(vm->id, kind);
	if (!rec)
		return 0;
	rec->region = page >> DMEM_REGION_ORDER;
	rec->page = page % DMEM_MAP_REGION_PAGES;
	rec->flags = flags;
	rec->held_pages = region->local_pages + region->remote_pages;
	rec_submit(rec);
	return 0;
}

SEC("tp_btf/dmem_fetch")
int BPF_PROG(on_fetch, const struct dmem_vm_ident *vm, const struct dmem_region_ident *region,
	     u64 page, u32 order, u32 nr_pages, u32 nr_prefetched, u64 latency_ns, int err)
{
	struct dmem_rec *rec;

	if (!vm || !is_recorded(vm))
		return 0;
	rec = rec_begin(vm->id, err ? DMEM_REC_FETCH_ERROR :
			nr_prefetched ? DMEM_REC_PREFETCHED : DMEM_REC_FETCHED);
	if (!rec)
		return 0;
	rec->region = page >> DMEM_REGION_ORDER;
	rec->page = page % DMEM_MAP_REGION_PAGES;
	rec->order = order;
	rec->nr_pages = nr_pages;
	rec->value = latency_ns < 0xffffffff ? latency_ns : 0xffffffff;
	rec_submit(rec);
	return 0;
}

SEC("tp_btf/dmem_evict")
int BPF_PROG(on_evict, const struct dmem_vm_ident *vm, const struct dmem_region_ident *region,
	     u32 nr_pages, u32 nr_unused)
{
	struct dmem_rec *rec;

	if (!vm || !region || !is_recorded(vm))
		return 0;
	rec = rec_begin(vm->id, DMEM_REC_EVICTED);
	if (!rec)
		return 0;
	rec->region = region->index;
	rec->nr_pages = nr_pages;
	rec->nr_unused = nr_unused;
	rec_submit(rec);
	return 0;
}
