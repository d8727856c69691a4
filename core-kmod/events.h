/* SPDX-License-Identifier: GPL-2.0 */
/*
 * events.h - what the core tells BPF: the structs that its tracepoints point to and the
 * policy hook. Their names and fields are found by CO-RE; bpf/core.bpf.h mirrors them.
 */
#ifndef DMEM_EVENTS_H
#define DMEM_EVENTS_H

#include <linux/types.h>

#include "uapi/dmem.h"

enum dmem_vm_event {
	DMEM_VM_CREATED,
	DMEM_VM_CHANGED,
	DMEM_VM_FIGURES,
	DMEM_VM_GONE,
};

enum dmem_fault_kind {
	DMEM_FAULT_SOFT,	/* local, not mapped */
	DMEM_FAULT_ZERO,	/* first touch */
	DMEM_FAULT_FETCH,	/* started a fetch */
	DMEM_FAULT_WAIT,	/* found its page on the way */
	DMEM_FAULT_RESCUE,	/* local again during its writeback */
	DMEM_FAULT_ERROR,
};

#define DMEM_FAULT_F_WRITE	1
#define DMEM_FAULT_F_NOWAIT	2	/* KVM asked not to wait */
#define DMEM_FAULT_F_PREFETCHED	4	/* first use of a prefetched page */
#define DMEM_FAULT_F_RETRIED	8	/* an access counted before comes back for its page */

/* One VM memory, as an event names it. */
struct dmem_vm_ident {
	u32 id;			/* the file's inode number */
	u32 order;		/* default block order */
	u64 size_bytes;
	u64 direct_limit_bytes;
	char name[DMEM_NAME_LEN];
};

/* One region, as of the event. */
struct dmem_region_ident {
	u32 index;
	u16 local_pages;
	u16 remote_pages;
};

/* What a policy is asked with. */
struct dmem_fetch_ctx {
	u32 vm;
	u32 region;
	u64 page;		/* the faulting page, counted from the start of the file */
	u32 default_order;
	u32 flags;		/* DMEM_FAULT_F_* */
	u64 size_bytes;
};

/* A policy's answer for "the VM's default order". */
#define DMEM_ORDER_DEFAULT	0xffffffffU

/**
 * struct dmem_policy_ops - BPF struct_ops: chooses block orders
 * @fetch_order: returns 0 ... DMEM_ORDER_MAX or DMEM_ORDER_DEFAULT; may not sleep; anything
 *	else is clamped and counted. Called in the faulting task with no lock held
 * @name: shown in the kernel log
 */
struct dmem_policy_ops {
	u32 (*fetch_order)(struct dmem_fetch_ctx *ctx);
	char name[16];
};

#endif /* DMEM_EVENTS_H */
