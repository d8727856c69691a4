/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * dmem.h - what user space may say to dmem.ko: mount options and ioctls.
 *
 * Mount options are text (docs/core.md lists them); the constants here are their limits.
 * Every ioctl takes a pointer to a struct that begins with its size and version. A newer
 * caller may pass a longer struct: the unknown tail must be zero (E2BIG otherwise). An older
 * caller passes a shorter one: what is missing is zero on the way in and left out on the
 * way back.
 */
#ifndef _UAPI_DMEM_H
#define _UAPI_DMEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DMEM_FS_NAME		"dmem"
/** statfs(2) f_type of a pool: "dmem" in ASCII. */
#define DMEM_MAGIC		0x6d656d64

#define DMEM_ABI_VERSION	1

#define DMEM_PAGE_SHIFT		12
#define DMEM_PAGE_BYTES		(1U << DMEM_PAGE_SHIFT)
/** A block is 2^order pages, naturally aligned; 0 is 4 KiB, 9 is 2 MiB. */
#define DMEM_ORDER_MAX		9
#define DMEM_ORDERS		(DMEM_ORDER_MAX + 1)
/** What the tuner decides for: 2 MiB of VM memory. */
#define DMEM_REGION_ORDER	9
#define DMEM_REGION_PAGES	(1U << DMEM_REGION_ORDER)
#define DMEM_REGION_BYTES	((__u64)DMEM_REGION_PAGES << DMEM_PAGE_SHIFT)
/** The smallest direct limit: one instruction may need several pages at once. */
#define DMEM_DIRECT_MIN_PAGES	64
#define DMEM_NAME_LEN		64

/*
 * ioctls on the file descriptor of a VM memory, and one on a directory's.
 *
 * Errors common to all:
 *   ENOTTY           unknown ioctl, or the fd is a directory's where it is to be a file's, or
 *                    the other way round
 *   EFAULT           the struct cannot be read or written
 *   EINVAL           size is smaller than the first version's
 *   EPROTONOSUPPORT  version is not DMEM_ABI_VERSION
 *   E2BIG            a byte past what this kernel knows is not zero
 */
#define DMEM_IOC_TYPE		0xDE
#define DMEM_IOC_GET		_IO(DMEM_IOC_TYPE, 0x00)
#define DMEM_IOC_SET		_IO(DMEM_IOC_TYPE, 0x01)
#define DMEM_IOC_FLUSH		_IO(DMEM_IOC_TYPE, 0x02)
#define DMEM_IOC_DONORS		_IO(DMEM_IOC_TYPE, 0x03)

/**
 * struct dmem_vm_get - settings and figures of one VM memory (DMEM_IOC_GET)
 * @size: in: sizeof this struct as the caller knows it; out: what the kernel filled
 * @version: in: DMEM_ABI_VERSION
 * @id: identity of the VM memory while it exists; the inode number and the key of the maps
 * @order: default block order, 0 ... DMEM_ORDER_MAX
 * @size_bytes: size of the file
 * @direct_limit_bytes: most bytes of it that stay on this host
 * @direct_bytes: bytes local now
 * @remote_bytes: bytes that only donors hold now
 * @faults: accesses that found no local page: zero fills, fetches and waits for one
 * @soft_faults: accesses that found the page local but not mapped
 * @zero_fills: first touches, answered without a donor
 * @fetches: fetches by block order (the order asked for, after clamping)
 * @fetched_pages: pages brought from donors, the faulting ones included
 * @prefetched_pages: those of them that no fault asked for
 * @prefetched_used_pages: prefetched pages that were then touched
 * @prefetched_unused_pages: prefetched pages evicted untouched
 * @evicted_pages: pages that stopped being local, for whatever reason but release
 * @evictions: runs of pages evicted: one unmap and one pass over a region each
 * @writeback_pages: pages written to donors
 * @writebacks: write requests they took
 * @zero_pages: dirty pages found all zero and dropped instead of written
 * @rescued_pages: pages touched while their writeback was under way
 * @pinned_skips: times a page was left alone because somebody held a reference
 * @retries: faults answered VM_FAULT_RETRY: mmap_lock was dropped, or KVM asked not to wait
 * @stalls: faults that waited for the evictor
 * @policy_decisions: fetches whose order a BPF policy chose
 * @policy_clamped: answers of the policy that were out of range
 * @errors: pages whose fetch failed for good
 * @regions: regions touched so far
 * @prefetches_queued: blocks whose rest was left to a worker, to be asked for behind the fault
 * @prefetches_dropped: blocks whose rest was not asked for: too many others waited to be
 */
struct dmem_vm_get {
	__u32 size;
	__u32 version;
	__u32 id;
	__u32 order;
	__u64 size_bytes;
	__u64 direct_limit_bytes;
	__u64 direct_bytes;
	__u64 remote_bytes;
	__u64 faults;
	__u64 soft_faults;
	__u64 zero_fills;
	__u64 fetches[DMEM_ORDERS];
	__u64 fetched_pages;
	__u64 prefetched_pages;
	__u64 prefetched_used_pages;
	__u64 prefetched_unused_pages;
	__u64 evicted_pages;
	__u64 evictions;
	__u64 writeback_pages;
	__u64 writebacks;
	__u64 zero_pages;
	__u64 rescued_pages;
	__u64 pinned_skips;
	__u64 retries;
	__u64 stalls;
	__u64 policy_decisions;
	__u64 policy_clamped;
	__u64 errors;
	__u64 regions;
	__u64 prefetches_queued;
	__u64 prefetches_dropped;
};

/** struct dmem_vm_set.mask: which fields are meant. */
#define DMEM_SET_DIRECT_LIMIT	(1ULL << 0)
#define DMEM_SET_ORDER		(1ULL << 1)
#define DMEM_SET_ALL		(DMEM_SET_DIRECT_LIMIT | DMEM_SET_ORDER)

/**
 * struct dmem_vm_set - change settings of one VM memory (DMEM_IOC_SET)
 * @size: sizeof this struct as the caller knows it
 * @version: DMEM_ABI_VERSION
 * @mask: DMEM_SET_* of the fields that are meant; the others must be zero
 * @direct_limit_bytes: a multiple of 4 KiB, at least 64 pages (or the file's size where that
 *	is less), at most the file's size
 * @order: default block order, 0 ... DMEM_ORDER_MAX
 * @reserved: zero
 *
 * All or nothing: on any error no setting changed. The caller needs the file open for
 * writing (EBADF otherwise). Further errors: EOPNOTSUPP for an unknown bit of @mask,
 * ERANGE for a direct limit above the file's size, EINVAL for any other value out of range.
 */
struct dmem_vm_set {
	__u32 size;
	__u32 version;
	__u64 mask;
	__u64 direct_limit_bytes;
	__u32 order;
	__u32 reserved;
};

/**
 * struct dmem_vm_flush - evict everything that may be evicted (DMEM_IOC_FLUSH)
 * @size: sizeof this struct as the caller knows it
 * @version: DMEM_ABI_VERSION
 * @evicted_pages: out: pages this call evicted
 * @kept_pages: out: pages still local: pinned, or touched again meanwhile
 *
 * Waits until the writebacks it started have ended. EINTR when a signal arrives first;
 * nothing is lost by it. The caller needs the file open for writing (EBADF otherwise).
 */
struct dmem_vm_flush {
	__u32 size;
	__u32 version;
	__u64 evicted_pages;
	__u64 kept_pages;
};

/** Most donors of a pool. */
#define DMEM_DONORS_MAX		16
#define DMEM_DONOR_NAME_LEN	80

/** enum dmem_donor_state - whether a donor serves */
enum dmem_donor_state {
	DMEM_DONOR_UP,		/* it does */
	DMEM_DONOR_SUSPECT,	/* it is late: what it holds is still asked for */
	DMEM_DONOR_DOWN,	/* it is out of reach, and tried again and again */
	DMEM_DONOR_GONE,	/* it is no longer tried */
	DMEM_DONOR_DRAINING,	/* it serves, and will end: what it holds goes elsewhere */
};

/**
 * struct dmem_donor_info - how one donor of a pool stands
 * @name: as donor= has it: "rdma:ADDR:PORT", cut where it is longer
 * @state: enum dmem_donor_state
 * @reserved: zero
 * @leased_bytes: what it lends this pool
 * @used_bytes: what of it regions with pages take; of donor=local, what files reserve
 * @free_bytes: what more it would lend, as it last said
 * @latency_ns: of a READ, smoothed over about eight; 0: none was measured yet
 * @down_ms: for how long it has been DMEM_DONOR_DOWN; 0 in any other state
 */
struct dmem_donor_info {
	char name[DMEM_DONOR_NAME_LEN];
	__u32 state;
	__u32 reserved;
	__u64 leased_bytes;
	__u64 used_bytes;
	__u64 free_bytes;
	__u64 latency_ns;
	__u64 down_ms;
};

/**
 * struct dmem_pool_donors - the donors of a pool (DMEM_IOC_DONORS)
 * @size: in: sizeof this struct as the caller knows it; out: what the kernel filled
 * @version: DMEM_ABI_VERSION
 * @nr: out: how many there are
 * @reserved: zero
 * @donors: out: in the order of the mount options
 *
 * On the file descriptor of any directory in the pool; there it is the only one. Errors as of
 * all ioctls.
 */
struct dmem_pool_donors {
	__u32 size;
	__u32 version;
	__u32 nr;
	__u32 reserved;
	struct dmem_donor_info donors[DMEM_DONORS_MAX];
};

#endif /* _UAPI_DMEM_H */
