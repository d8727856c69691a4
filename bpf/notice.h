/* SPDX-License-Identifier: GPL-2.0 */
/*
 * notice.h - what events.bpf.c sends to dmemctl events; of one build, no ABI.
 */
#ifndef DMEM_NOTICE_H
#define DMEM_NOTICE_H

#define DMEM_NOTICE_NAME_LEN	64

enum dmem_notice_kind {
	DMEM_NOTICE_CREATED,
	DMEM_NOTICE_CHANGED,	/* size, limit or order: as they are now */
	DMEM_NOTICE_GONE,
	DMEM_NOTICE_FETCH_FAILED,
	DMEM_NOTICE_WRITEBACK_FAILED,
};

/**
 * struct dmem_notice - something that happened
 * @time_ns: CLOCK_MONOTONIC
 * @kind: enum dmem_notice_kind
 * @vm: id of the VM memory, @name its name
 * @size_bytes, @direct_limit_bytes, @order: its settings
 * @page: the first page, counted from the start of the file; of FETCH and WRITEBACK
 * @nr_pages: how many, likewise
 * @err: negative errno, likewise
 * @lost: events before this one that found no room
 */
struct dmem_notice {
	__u64 time_ns;
	__u32 kind;
	__u32 vm;
	__u64 size_bytes;
	__u64 direct_limit_bytes;
	__u64 page;
	__u32 nr_pages;
	__u32 order;
	__s32 err;
	__u32 lost;
	char name[DMEM_NOTICE_NAME_LEN];
};

#endif /* DMEM_NOTICE_H */
