// SPDX-License-Identifier: GPL-2.0
/*
 * locality.bpf.c - how each region of VM memory is used: the core's events, many at a time, into
 * the maps of maps.h. kvm.bpf.h adds KVM's second-level misses.
 *
 * Counters of a VM are per CPU and those of a region its own, so that faults share none. An event
 * is whole in itself: batches of several CPUs may come in any order and count the same.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "core.bpf.h"
#include "maps.h"
#include "event.bpf.h"
#include "kvm.bpf.h"

char LICENSE[] SEC("license") = "GPL";

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
	value->donor = vm->donor;
	value->updated_ns = bpf_ktime_get_ns();
	if (event == DMEM_VM_GONE)
		value->gone = 1;
	return 0;
}

SEC("tp_btf/dmem_events")
int BPF_PROG(on_events, struct dmem_event_batch *told)
{
	const struct dmem_event *events;
	u32 nr, now = epoch_number(), i;
	struct cursor at = {};

	/* It never is, but the verifier wants it asked. */
	if (!told)
		return 0;
	nr = told->nr;
	events = (void *)dmem_batch_events(told, DMEM_EVENT_BATCH * sizeof(*events));
	if (!events || bpf_core_type_size(struct dmem_event) != sizeof(struct dmem_event)) {
		count_lost(nr);
		return 0;
	}
	for (i = 0; i < DMEM_EVENT_BATCH && i < nr; i++) {
		if (cursor_move(&at, &events[i]))
			count_event(at.of_vm, at.of_donor, at.of_region, &events[i], now);
		else
			count_lost(1);
	}
	return 0;
}
