/* SPDX-License-Identifier: GPL-2.0 */
/*
 * trace.h - the core's tracepoints. BPF sees the TP_PROTO arguments (tp_btf), so these are an
 * ABI: add at the end, never reorder.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dmem

#if !defined(DMEM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DMEM_TRACE_H

#include <linux/tracepoint.h>

#include "events.h"

TRACE_EVENT(dmem_vm,
	TP_PROTO(const struct dmem_vm_ident *vm, u32 event, u64 direct_bytes, u64 remote_bytes),
	TP_ARGS(vm, event, direct_bytes, remote_bytes),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, event)
		__field(u64, size_bytes)
		__field(u64, direct_limit_bytes)
		__field(u64, direct_bytes)
		__field(u64, remote_bytes)
		__string(name, vm->name)
	),
	TP_fast_assign(
		__entry->vm = vm->id;
		__entry->event = event;
		__entry->size_bytes = vm->size_bytes;
		__entry->direct_limit_bytes = vm->direct_limit_bytes;
		__entry->direct_bytes = direct_bytes;
		__entry->remote_bytes = remote_bytes;
		__assign_str(name);
	),
	TP_printk("vm=%u name=%s event=%u size=%llu limit=%llu direct=%llu remote=%llu",
		  __entry->vm, __get_str(name), __entry->event, __entry->size_bytes,
		  __entry->direct_limit_bytes, __entry->direct_bytes, __entry->remote_bytes)
);

TRACE_EVENT(dmem_fault,
	TP_PROTO(const struct dmem_vm_ident *vm, const struct dmem_region_ident *region,
		 u64 page, u32 kind, u32 flags),
	TP_ARGS(vm, region, page, kind, flags),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u64, page)
		__field(u32, kind)
		__field(u32, flags)
	),
	TP_fast_assign(
		__entry->vm = vm->id;
		__entry->page = page;
		__entry->kind = kind;
		__entry->flags = flags;
	),
	TP_printk("vm=%u page=%llu kind=%s flags=%s", __entry->vm, __entry->page,
		  __print_symbolic(__entry->kind,
				   { DMEM_FAULT_SOFT, "soft" }, { DMEM_FAULT_ZERO, "zero" },
				   { DMEM_FAULT_FETCH, "fetch" }, { DMEM_FAULT_WAIT, "wait" },
				   { DMEM_FAULT_RESCUE, "rescue" }, { DMEM_FAULT_ERROR, "error" }),
		  __print_flags(__entry->flags, "|",
				{ DMEM_FAULT_F_WRITE, "write" },
				{ DMEM_FAULT_F_NOWAIT, "nowait" },
				{ DMEM_FAULT_F_PREFETCHED, "prefetched" },
				{ DMEM_FAULT_F_RETRIED, "retried" }))
);

TRACE_EVENT(dmem_fetch,
	TP_PROTO(const struct dmem_vm_ident *vm, const struct dmem_region_ident *region,
		 u64 page, u32 order, u32 nr_pages, u32 nr_prefetched, u64 latency_ns, int err),
	TP_ARGS(vm, region, page, order, nr_pages, nr_prefetched, latency_ns, err),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u64, page)
		__field(u32, order)
		__field(u32, nr_pages)
		__field(u32, nr_prefetched)
		__field(u64, latency_ns)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->vm = vm->id;
		__entry->page = page;
		__entry->order = order;
		__entry->nr_pages = nr_pages;
		__entry->nr_prefetched = nr_prefetched;
		__entry->latency_ns = latency_ns;
		__entry->err = err;
	),
	TP_printk("vm=%u page=%llu order=%u pages=%u prefetched=%u latency_ns=%llu err=%d",
		  __entry->vm, __entry->page, __entry->order, __entry->nr_pages,
		  __entry->nr_prefetched, __entry->latency_ns, __entry->err)
);

TRACE_EVENT(dmem_evict,
	TP_PROTO(const struct dmem_vm_ident *vm, const struct dmem_region_ident *region,
		 u32 nr_pages, u32 nr_unused),
	TP_ARGS(vm, region, nr_pages, nr_unused),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, region)
		__field(u32, nr_pages)
		__field(u32, nr_unused)
	),
	TP_fast_assign(
		__entry->vm = vm->id;
		__entry->region = region->index;
		__entry->nr_pages = nr_pages;
		__entry->nr_unused = nr_unused;
	),
	TP_printk("vm=%u region=%u pages=%u unused=%u", __entry->vm, __entry->region,
		  __entry->nr_pages, __entry->nr_unused)
);

TRACE_EVENT(dmem_writeback,
	TP_PROTO(const struct dmem_vm_ident *vm, const struct dmem_region_ident *region,
		 u64 page, u32 nr_pages, u64 latency_ns, int err),
	TP_ARGS(vm, region, page, nr_pages, latency_ns, err),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u64, page)
		__field(u32, nr_pages)
		__field(u64, latency_ns)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->vm = vm->id;
		__entry->page = page;
		__entry->nr_pages = nr_pages;
		__entry->latency_ns = latency_ns;
		__entry->err = err;
	),
	TP_printk("vm=%u page=%llu pages=%u latency_ns=%llu err=%d", __entry->vm,
		  __entry->page, __entry->nr_pages, __entry->latency_ns, __entry->err)
);

/* All that the other tracepoints tell of pages, but cheaper: many events at a time. */
TRACE_EVENT(dmem_events,
	TP_PROTO(const struct dmem_event_batch *batch),
	TP_ARGS(batch),
	TP_STRUCT__entry(
		__field(u32, nr)
	),
	TP_fast_assign(
		__entry->nr = batch->nr;
	),
	TP_printk("events=%u", __entry->nr)
);

#endif /* DMEM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
