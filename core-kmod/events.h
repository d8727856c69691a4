/* SPDX-License-Identifier: GPL-2.0 */
/*
 * events.h - what the core tells BPF: the structs that its tracepoints point to and the
 * policy hook. Their names and fields are found by CO-RE in what bpf/core.bpf.h has of them.
 */
#ifndef DMEM_EVENTS_H
#define DMEM_EVENTS_H

#include <linux/types.h>

#include "event.h"
#include "uapi/dmem.h"

/* One VM memory, as an event names it. */
struct dmem_vm_ident {
	u32 id;			/* the file's inode number */
	u32 donor;		/* counted up with every mount */
	u64 size_bytes;
	u64 direct_limit_bytes;
	char name[DMEM_NAME_LEN];
	u32 order;		/* default block order */
};

/* One region, as of the event. */
struct dmem_region_ident {
	u32 index;
	u16 local_pages;
	u16 remote_pages;
	u16 version;		/* counts their changes: the later of two idents has the larger */
};

/*
 * Events of one CPU since its last batch; those of two CPUs may come in any order. Programs get at
 * them by dmem_batch_events().
 */
struct dmem_event_batch {
	u32 nr;
	u32 reserved;
	struct dmem_event events[DMEM_EVENT_BATCH];
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
 *	else is clamped and counted. Called in the faulting task with no lock held, once for all
 *	fetches of a region that begin in one tick of jiffies
 * @name: shown in the kernel log
 */
struct dmem_policy_ops {
	u32 (*fetch_order)(struct dmem_fetch_ctx *ctx);
	char name[16];
};

#endif /* DMEM_EVENTS_H */
