/* SPDX-License-Identifier: GPL-2.0 */
/*
 * core.bpf.h - what the programs read of dmem.ko (core-kmod/events.h), found by CO-RE in the
 * loaded module's BTF.
 */
#ifndef DMEM_CORE_BPF_H
#define DMEM_CORE_BPF_H

/* Read in place, so its layout must be the module's; programs compare the sizes. */
#include "core-kmod/event.h"

#define DMEM_MAGIC		0x6d656d64
#define DMEM_ORDER_DEFAULT	0xffffffffU
#define DMEM_PAGE_SHIFT		12
#define DMEM_REGION_ORDER	9

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct dmem_vm_ident {
	u32 id;
	u32 donor;
	u64 size_bytes;
	u64 direct_limit_bytes;
	char name[64];
	u32 order;
};

struct dmem_region_ident {
	u32 index;
	u16 local_pages;
	u16 remote_pages;
};

struct dmem_event_batch {
	u32 nr;
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

/* The module's: the events of a batch, as memory of so many bytes; NULL where they are not. */
extern u8 *dmem_batch_events(struct dmem_event_batch *batch, const int rdwr_buf_size) __ksym;

#endif /* DMEM_CORE_BPF_H */
