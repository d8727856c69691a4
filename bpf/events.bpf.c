// SPDX-License-Identifier: GPL-2.0
/*
 * events.bpf.c - what is worth telling of VM memories, into a ring buffer: for dmemctl events,
 * and there only while one runs.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "core.bpf.h"
#include "notice.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} ring SEC(".maps");

/* Since the last event that found room. */
static __u32 nr_lost;

static struct dmem_notice *event_begin(const struct dmem_vm_ident *vm, u32 kind)
{
	struct dmem_notice *event;

	/* It never is, but the verifier wants it asked. */
	if (!vm)
		return NULL;
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&nr_lost, 1);
		return NULL;
	}
	event->time_ns = bpf_ktime_get_ns();
	event->kind = kind;
	event->vm = vm->id;
	event->size_bytes = vm->size_bytes;
	event->direct_limit_bytes = vm->direct_limit_bytes;
	event->order = vm->order;
	event->page = 0;
	event->nr_pages = 0;
	event->err = 0;
	event->lost = __sync_lock_test_and_set(&nr_lost, 0);
	bpf_probe_read_kernel_str(event->name, sizeof(event->name), vm->name);
	return event;
}

SEC("tp_btf/dmem_vm")
int BPF_PROG(on_vm, const struct dmem_vm_ident *vm, u32 what)
{
	struct dmem_notice *event;
	u32 kind;

	switch (what) {
	case DMEM_VM_CREATED:
		kind = DMEM_NOTICE_CREATED;
		break;
	case DMEM_VM_CHANGED:
		kind = DMEM_NOTICE_CHANGED;
		break;
	case DMEM_VM_GONE:
		kind = DMEM_NOTICE_GONE;
		break;
	default:
		return 0;
	}
	event = event_begin(vm, kind);
	if (event)
		bpf_ringbuf_submit(event, 0);
	return 0;
}

static int tell_failure(const struct dmem_vm_ident *vm, u32 kind, u64 page, u32 nr_pages, int err)
{
	struct dmem_notice *event = event_begin(vm, kind);

	if (!event)
		return 0;
	event->page = page;
	event->nr_pages = nr_pages;
	event->err = err;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tp_btf/dmem_fetch")
int BPF_PROG(on_fetch, const struct dmem_vm_ident *vm, const void *region,
	     u64 page, u32 order, u32 nr_pages, u32 nr_prefetched, u64 latency_ns, int err)
{
	return err ? tell_failure(vm, DMEM_NOTICE_FETCH_FAILED, page, nr_pages, err) : 0;
}

SEC("tp_btf/dmem_writeback")
int BPF_PROG(on_writeback, const struct dmem_vm_ident *vm, const void *region,
	     u64 page, u32 nr_pages, u64 latency_ns, int err)
{
	return err ? tell_failure(vm, DMEM_NOTICE_WRITEBACK_FAILED, page, nr_pages, err) : 0;
}
