/* SPDX-License-Identifier: GPL-2.0 */
/*
 * event.h - one event of the core's, the same for it, for BPF programs and for tests: who includes
 * this has the types __u8 to __u64.
 */
#ifndef DMEM_EVENT_H
#define DMEM_EVENT_H

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
	/* as in the idents, so that two of them are copied at a time */
	__u32 vm;
	__u32 donor;
	__u32 region;
	__u16 local_pages;
	__u16 remote_pages;
	__u64 time_ns;
	__u16 version;
	__u16 nr_pages;
	__u16 nr_unused;
	__u16 page;
	__u16 last;
	__u8 kind;
	__u8 flags;
	__u8 order;
	__u8 time_log2;
	__u8 distance_log2;
	__u8 reserved;
};

#define DMEM_EVENT_BATCH	16

#endif /* DMEM_EVENT_H */
