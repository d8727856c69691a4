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

/* What an event of a batch is about: an access (enum dmem_fault_kind), or one of these. */
enum dmem_event_kind {
	DMEM_EVENT_FETCHED = 8,	/* the page of a DMEM_FAULT_FETCH without it has come */
	DMEM_EVENT_PREFETCHED,	/* pages that no access asked for have come */
	DMEM_EVENT_FETCH_ERROR,
	DMEM_EVENT_EVICTED,
	DMEM_EVENT_WRITTEN,	/* pages have been written back */
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
	u32 donor;		/* counted up with every mount */
};

/* One region, as of the event. */
struct dmem_region_ident {
	u32 index;
	u16 local_pages;
	u16 remote_pages;
	u16 version;		/* counts their changes: the later of two idents has the larger */
};

/**
 * struct dmem_event - one thing that happened, as the tracepoint dmem_events tells it
 * @vm, @region: whose memory, which 2 MiB of it
 * @page: the page, or the first one, counted within the region
 * @last: of an access that needed a donor, or was the first to a prefetched page: 1 + the page of
 *	the region's access of that kind before it; 0 where there was none, and in all else
 * @kind: enum dmem_fault_kind or dmem_event_kind
 * @flags: DMEM_FAULT_F_* of an access
 * @order: of the block that pages were fetched in
 * @donor: who holds the pages that came or went: dmem_vm_ident.donor
 * @time_ns: time that the request took; with DMEM_FAULT_F_PREFETCHED, since the page came (0: not
 *	known)
 * @time_log2: of it, rounded down; 0 for 0
 * @distance_log2: of the distance from @last to @page, the same
 * @nr_pages: pages that came or went; of a DMEM_FAULT_FETCH 1 if its page came with it, else 0
 * @nr_unused: of evicted pages: prefetched and not touched since
 * @local_pages, @remote_pages, @version: the region's, after it: struct dmem_region_ident
 */
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

#define DMEM_EVENT_BATCH	16

/* Events of one CPU since its last batch; those of two CPUs may come in any order. */
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
