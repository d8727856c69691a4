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

#define DMEM_FAULT_F_PREFETCHED	4
#define DMEM_FAULT_F_RETRIED	8

#define DMEM_MAGIC		0x6d656d64
#define DMEM_ORDER_DEFAULT	0xffffffffU
#define DMEM_PAGE_SHIFT		12
#define DMEM_REGION_ORDER	9

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct dmem_vm_ident {
	u32 id;
	u32 order;
	u64 size_bytes;
	u64 direct_limit_bytes;
	char name[64];
};

struct dmem_region_ident {
	u32 index;
	u16 local_pages;
	u16 remote_pages;
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
