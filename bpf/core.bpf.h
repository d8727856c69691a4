/* SPDX-License-Identifier: GPL-2.0 */
/*
 * core.bpf.h - what the programs read of dmem.ko (core-kmod/events.h), found by CO-RE in the
 * loaded module's BTF.
 */
#ifndef DMEM_CORE_BPF_H
#define DMEM_CORE_BPF_H

enum dmem_vm_event {
	DMEM_VM_CREATED,
	DMEM_VM_CHANGED,
	DMEM_VM_FIGURES,
	DMEM_VM_GONE,
};

enum dmem_fault_kind {
	DMEM_FAULT_SOFT,
	DMEM_FAULT_ZERO,
	DMEM_FAULT_FETCH,
	DMEM_FAULT_WAIT,
	DMEM_FAULT_RESCUE,
	DMEM_FAULT_ERROR,
};

enum dmem_event_kind {
	DMEM_EVENT_FETCHED = 8,
	DMEM_EVENT_PREFETCHED,
	DMEM_EVENT_FETCH_ERROR,
	DMEM_EVENT_EVICTED,
	DMEM_EVENT_WRITTEN,
};

#define DMEM_FAULT_F_WRITE	1
#define DMEM_FAULT_F_PREFETCHED	4
#define DMEM_FAULT_F_RETRIED	8

#define DMEM_MAGIC		0x6d656d64
#define DMEM_ORDER_DEFAULT	0xffffffffU
#define DMEM_PAGE_SHIFT		12
#define DMEM_REGION_ORDER	9

#define DMEM_EVENT_BATCH	16

/* Copied as it is, so its layout must be the module's; programs compare the sizes. */
struct dmem_event {
	u32 vm;
	u32 region;
	u16 page;
	u16 last;
	u8 kind;
	u8 flags;
	u8 order;
	u8 time_log2;
	u64 time_ns;
	u32 donor;
	u16 nr_pages;
	u16 nr_unused;
	u16 local_pages;
	u16 remote_pages;
	u16 version;
	u8 distance_log2;
	u8 reserved;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct dmem_vm_ident {
	u32 id;
	u32 order;
	u64 size_bytes;
	u64 direct_limit_bytes;
	char name[64];
	u32 donor;
};

struct dmem_event_batch {
	u32 nr;
	struct dmem_event events[DMEM_EVENT_BATCH];
};

struct dmem_fetch_ctx {
	u32 vm;
	u32 region;
	u64 page;
	u32 default_order;
	u32 flags;
	u64 size_bytes;
};

struct dmem_policy_ops {
	u32 (*fetch_order)(struct dmem_fetch_ctx *ctx);
	char name[16];
};

#pragma clang attribute pop

#endif /* DMEM_CORE_BPF_H */
