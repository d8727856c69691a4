/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * recording.h - the records of dmem-tuner record: what record.bpf.c sends, and what stands in the
 * file. docs/replay.md has the format; whoever changes it changes DMEM_REC_VERSION.
 */
#ifndef DMEM_RECORDING_H
#define DMEM_RECORDING_H

#define DMEM_REC_MAGIC		"dmemrec\n"
#define DMEM_REC_MAGIC_LEN	8
#define DMEM_REC_VERSION	1
#define DMEM_REC_BYTE_ORDER	0x01020304
#define DMEM_REC_NAME_LEN	64

/* Accesses are numbered as enum dmem_fault_kind, what pages did as enum dmem_event_kind. */
enum dmem_rec_kind {
	DMEM_REC_SOFT,
	DMEM_REC_ZERO,
	DMEM_REC_FETCH,
	DMEM_REC_WAIT,
	DMEM_REC_RESCUE,
	DMEM_REC_ERROR,
	DMEM_REC_FETCHED = 8,
	DMEM_REC_PREFETCHED,
	DMEM_REC_FETCH_ERROR,
	DMEM_REC_EVICTED,
	DMEM_REC_VM = 16,	/* a struct dmem_rec_vm follows */
	DMEM_REC_LOST,		/* @value events before this one found no room */
	DMEM_REC_END,		/* the last: the recording was ended, not cut off */
};

/* Of an access, in @flags: DMEM_FAULT_F_*. */
#define DMEM_REC_F_WRITE	1
#define DMEM_REC_F_PREFETCHED	4	/* first use of a page that no access asked for */
#define DMEM_REC_F_RETRIED	8	/* an access recorded before comes back */

/**
 * struct dmem_rec - one record
 * @time_ns: CLOCK_MONOTONIC
 * @vm, @region, @page: VM memory, 2 MiB of it, page of these
 * @nr_pages: that came or went
 * @nr_unused: of evicted pages: prefetched and not touched since
 * @held_pages: of an access: pages of the region that have content, here or with a donor, after it
 * @kind: enum dmem_rec_kind
 * @flags: DMEM_REC_F_*
 * @order: of the block that pages came in
 * @reserved: zero
 * @value: nanoseconds that pages took to come (4294967295: that or more); number of lost events
 */
struct dmem_rec {
	__u64 time_ns;
	__u32 vm;
	__u32 region;
	__u16 page;
	__u16 nr_pages;
	__u16 nr_unused;
	__u16 held_pages;
	__u8 kind;
	__u8 flags;
	__u8 order;
	__u8 reserved;
	__u32 value;
};

/** struct dmem_rec_vm - what stands behind a DMEM_REC_VM: the settings from here on */
struct dmem_rec_vm {
	__u64 size_bytes;
	__u64 direct_limit_bytes;
	__u32 order;
	__u32 gone;
	__u64 reserved;
	char name[DMEM_REC_NAME_LEN];
};

#endif /* DMEM_RECORDING_H */
