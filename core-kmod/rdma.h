/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rdma.h - the private types of dmem-rdma.ko and what its files offer each other.
 *
 * Lock order: rdma->reserve_mutex, donor->mutex; then, all BH off, region->lock, remote->lock,
 * donor->slots_lock or conn->lock; donor->lock and rdma->thin_lock, in which nothing nests.
 * docs/rdma.md says why.
 */
#ifndef DMEM_RDMA_H
#define DMEM_RDMA_H

#include <linux/in6.h>
#include <linux/rcupdate.h>
#include <linux/uio.h>
#include <linux/xarray.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>

#include "core.h"
#include "uapi/dmem_wire.h"

#undef pr_fmt
#define pr_fmt(fmt) "dmem-rdma: " fmt

#define DMEM_RDMA_FETCH_CONNS	8
#define DMEM_RDMA_WRITE_CONNS	1
#define DMEM_RDMA_CONNS		(DMEM_RDMA_FETCH_CONNS + DMEM_RDMA_WRITE_CONNS)
#define DMEM_RDMA_FETCH_REQUESTS 64
#define DMEM_RDMA_WRITE_REQUESTS 16
/* Of one queue; a request of 64 pages takes 2 of 32 SGEs, or 64 where nothing is adjacent. */
#define DMEM_RDMA_WRS		256
#define DMEM_RDMA_SGES		32
/* WRITEs under way to a donor, in pages: 1 MiB. The rest waits, so that fetches get through. */
#define DMEM_RDMA_WRITE_PAGES	256
/* Of a region's copies: those it should have, and one on a donor that will end. */
#define DMEM_RDMA_OLD	DMEM_COPIES_MAX
#define DMEM_RDMA_PLACES	(DMEM_COPIES_MAX + 1)
/* Each of a connection's steps; the donor gives a whole handshake as long. */
#define DMEM_RDMA_STEP_MS	DMEM_WIRE_HANDSHAKE_MS

struct dmem_rdma;
struct dmem_rdma_donor;

/* What a control and a data connection have in common: id, queue pair, completion queue. */
struct dmem_rdma_link {
	struct dmem_rdma_donor *donor;
	struct rdma_cm_id *id;
	struct ib_cq *cq;
	int status;			/* of the step under way: 0, 1 it is done, or an errno */
	bool made;			/* and not ended: what the CM says of it is its end */
	bool closing;			/* we disconnect: the event says nothing new */
	struct dmem_wire_cm reply;
	u8 reply_len;
};

/* A request to a data connection's queue: the WRs of one part of an io. */
struct dmem_rdma_request {
	struct ib_cqe cqe;
	struct list_head list;		/* conn->free or conn->inflight */
	struct dmem_io_part *part;
	u16 nr_wrs;
	u64 dma[DMEM_IO_MAX_PAGES];
};

/* A data connection. Lives as long as its donor; what a session needs is made for it. */
struct dmem_rdma_conn {
	struct dmem_rdma_link link;
	bool writes;
	spinlock_t lock;		/* all below, and posting; BH off */
	bool open;			/* may post */
	u16 max_sges;			/* of a WR */
	u16 nr_free_wrs;
	u32 inflight_pages;
	struct list_head free;		/* requests */
	struct list_head inflight;	/* requests, oldest first */
	struct list_head waiting;	/* parts of ios, oldest first */
	struct dmem_rdma_request *requests;
	struct ib_rdma_wr *wrs;		/* for the post under way */
	struct ib_sge *sges;
	u64 *sink;			/* iWARP: what the READ behind a WRITE brings */
	u64 sink_dma;
};

/* The control connection of a session: one request at a time, under donor->mutex. */
struct dmem_rdma_control {
	struct dmem_rdma_link link;
	struct ib_cqe sent;
	struct dmem_rdma_recv {
		struct ib_cqe cqe;
		u16 slot;
	} recv[2 * DMEM_WIRE_WINDOW];
	union dmem_wire_msg *ring;	/* first what comes, then what goes */
	u64 ring_dma;
	u32 seq;			/* of the last request */
	spinlock_t lock;		/* below; BH off */
	u16 want;			/* type of the answer waited for, or 0 */
	bool answered;
	union dmem_wire_msg answer;
	unsigned long heard;		/* jiffies of the last message */
};

/* An extent that a donor lends us. */
struct dmem_rdma_extent {
	struct dmem_rdma_donor *donor;
	u32 number;
	u32 rkey;			/* with address: change only while no connection is open */
	u64 address;
	u64 generation;
	bool closing;			/* to be released; donor->mutex */
	struct list_head list;		/* donor->room while it takes slots; donor->slots_lock */
	bool lost;			/* donor->slots_lock, with all below */
	u32 nr_used;
	unsigned long emptied;		/* jiffies, when nr_used became 0 */
	unsigned long *used;		/* bitmap of slots */
	struct dmem_rdma_remote **owner;	/* by slot; RCU */
};

/* Where one copy of a region's pages is. */
struct dmem_rdma_copy {
	struct dmem_rdma_extent *extent;	/* NULL: nowhere */
	u32 slot;
	u16 nr_users;			/* pages held, and pages being written */
	DECLARE_BITMAP(held, DMEM_REGION_PAGES);
};

/* What the donors hold of a region: region->remote. */
struct dmem_rdma_remote {
	struct rcu_head rcu;
	struct dmem_region *region;
	struct list_head thin;		/* rdma->thin_lock, with gone */
	bool gone;
	spinlock_t lock;		/* all below */
	u32 writes;			/* that have begun, and pages discarded */
	DECLARE_BITMAP(writing, DMEM_REGION_PAGES);
	DECLARE_BITMAP(lost, DMEM_REGION_PAGES);
	/* copy[DMEM_RDMA_OLD] is read only: what is written goes to the others. */
	struct dmem_rdma_copy copy[DMEM_RDMA_PLACES];
	u32 crc[];			/* of each page, where there are checksums */
};

/* docs/rdma.md, "Deadlines and recovery". */
enum dmem_rdma_state {
	DMEM_RDMA_DOWN,
	DMEM_RDMA_UP,
	DMEM_RDMA_SUSPECT,
	DMEM_RDMA_GONE,
};

enum dmem_rdma_flag {
	DMEM_RDMA_BROKEN,		/* the session is over */
	DMEM_RDMA_STOP,			/* the pool is being closed: no more waits */
};

struct dmem_rdma_donor {
	struct dmem_rdma *rdma;
	char name[80];			/* as donor= has it, for the log */
	struct sockaddr_storage addr;
	unsigned long flags;
	const char *why;		/* first reason of BROKEN */
	wait_queue_head_t wait;		/* for a link's status, an answer, a flag */
	struct delayed_work work;	/* session: connects, renews, tears down */
	struct delayed_work tick;	/* deadlines of ios */

	spinlock_t lock;		/* state, down_since, parked; BH off */
	enum dmem_rdma_state state;
	unsigned long down_since;	/* jiffies */
	struct list_head parked;	/* parts of ios that wait for UP */

	struct mutex mutex;		/* the session: all below */
	bool has_session;
	u8 client[DMEM_WIRE_ID_BYTES];
	bool has_resume;
	u8 resume_key[DMEM_WIRE_MAC_BYTES];
	u8 session_key[DMEM_WIRE_MAC_BYTES];
	u64 epoch;			/* 0: never seen */
	__le64 session;
	u32 attempt;
	u32 renew_ms;
	u32 backoff_ms;
	u16 refused;			/* enum dmem_wire_code of the last refusal, or 0 */
	char reason[DMEM_WIRE_REASON_BYTES];
	u16 logged;			/* the refusal that the log has, so that it has it once */
	struct crypto_shash *hmac;
	struct ib_pd *pd;
	struct dmem_rdma_control *control;
	unsigned int nr_fetch;		/* connections for fetches */
	u64 latency_ns;			/* of a READ, smoothed; completions write it as they come */
	unsigned int nr_conns;		/* of the session; 1: it serves both */
	struct dmem_rdma_conn conns[DMEM_RDMA_CONNS];	/* live as long as the donor */

	u64 extent_bytes;
	u64 lendable_bytes;		/* what it last said it would lend us more */
	bool draining;
	struct xarray extents;		/* by number */
	spinlock_t slots_lock;		/* below, and extents' slots; BH off */
	struct list_head room;		/* extents with free slots */
	u64 nr_slots;			/* that are ours */
	u64 nr_used;
};

/* All donors of a pool. */
struct dmem_rdma {
	struct dmem_pool *pool;
	struct net *net;
	struct workqueue_struct *wq;
	struct mutex reserve_mutex;	/* leases that follow from what is reserved */
	wait_queue_head_t wait;		/* for donors to be up */
	atomic64_t reserved_regions;
	u64 floor_regions;		/* size=: leased at the mount and kept */
	struct work_struct fit_work;	/* leases what is lost, releases what is too much */
	bool is_short;			/* the log has it; fit_work's */
	spinlock_t thin_lock;		/* thin, refilling, remotes' gone; BH off, innermost */
	struct list_head thin;		/* regions with pages that lack a copy */
	struct dmem_rdma_remote *refilling;
	struct delayed_work refill_work;
	struct completion refill_done;
	int refill_err;
	unsigned long nr_refilled;	/* since all copies were there; refill_work's */
	bool stopping;
	bool checksums;
	unsigned int replicas;
	unsigned int nr_donors;
	struct dmem_rdma_donor *donors[DMEM_DONORS_MAX];
};

static inline struct dmem_rdma *dmem_rdma_of(const struct dmem_vm *vm)
{
	return vm->pool->donor.data;
}

/* rdma_link.c */
int dmem_rdma_link_resolve(struct dmem_rdma_link *link);
int dmem_rdma_link_queues(struct dmem_rdma_link *link, struct ib_qp_cap cap, int vector,
			  enum ib_poll_context context);
int dmem_rdma_link_connect(struct dmem_rdma_link *link, const struct dmem_wire_cm *cm);
void dmem_rdma_link_drain(struct dmem_rdma_link *link);
void dmem_rdma_link_destroy_queues(struct dmem_rdma_link *link);
void dmem_rdma_link_destroy_id(struct dmem_rdma_link *link);
void dmem_rdma_break(struct dmem_rdma_donor *donor, const char *why);
bool dmem_rdma_is_over(struct dmem_rdma_donor *donor);

/* rdma_control.c */
int dmem_rdma_control_open(struct dmem_rdma_donor *donor);
void dmem_rdma_control_close(struct dmem_rdma_donor *donor);
int dmem_rdma_call(struct dmem_rdma_donor *donor, union dmem_wire_msg *msg, u16 type,
		   u16 answer, unsigned int timeout_ms);
void dmem_rdma_refusal(struct dmem_rdma_donor *donor, u16 code, const char *reason);
void dmem_rdma_wire_cm(struct dmem_wire_cm *cm, u16 purpose);

/* rdma_auth.c */
int dmem_rdma_mac(struct dmem_rdma_donor *donor, const u8 *key, const char *label,
		  const struct kvec *parts, unsigned int nr, u8 *mac);
int dmem_rdma_handshake(struct dmem_rdma_donor *donor);

/* rdma_conn.c */
void dmem_rdma_conns_init(struct dmem_rdma_donor *donor);
int dmem_rdma_conns_open(struct dmem_rdma_donor *donor, unsigned int nr);
void dmem_rdma_conns_allow(struct dmem_rdma_donor *donor, bool open);
void dmem_rdma_conns_close(struct dmem_rdma_donor *donor, struct list_head *parts);
struct dmem_rdma_conn *dmem_rdma_conn(struct dmem_rdma_donor *donor, const struct dmem_io *io);
bool dmem_rdma_conn_queue(struct dmem_rdma_conn *conn, struct dmem_io_part *part);
u64 dmem_rdma_conn_oldest(struct dmem_rdma_conn *conn);

/* rdma_io.c */
int dmem_rdma_read_io(struct dmem_io *io);
int dmem_rdma_read(struct dmem_io *io);
int dmem_rdma_write(struct dmem_io *io);
void dmem_rdma_settle(struct dmem_io_part *part);
void dmem_rdma_put_off(struct list_head *parts);
void dmem_rdma_resend(struct list_head *parts);
void dmem_rdma_tick(struct work_struct *work);

/* rdma_session.c */
int dmem_rdma_connect(struct dmem_rdma_donor *donor);
void dmem_rdma_up(struct dmem_rdma_donor *donor);
void dmem_rdma_session_work(struct work_struct *work);
void dmem_rdma_leave(struct dmem_rdma_donor *donor);
void dmem_rdma_suspect(struct dmem_rdma_donor *donor, const char *what, unsigned int late_ms);

/* rdma_slots.c */
struct dmem_rdma_remote *dmem_rdma_remote_make(struct dmem_region *region);
int dmem_rdma_find(struct dmem_io *io, struct dmem_io_part *part);
void dmem_rdma_pages_begin(struct dmem_io *io);
void dmem_rdma_pages_end(struct dmem_io *io);
int dmem_rdma_pages_verify(struct dmem_io_part *part);
int dmem_rdma_write_queue(struct dmem_io_part *part, struct dmem_rdma_donor **donor);
int dmem_rdma_missing(const struct dmem_rdma_remote *remote, unsigned int index);
int dmem_rdma_refill_queue(struct dmem_rdma_remote *remote, struct dmem_io_part *part);
void dmem_rdma_write_end(struct dmem_io_part *part, bool written);
bool dmem_rdma_holds(struct dmem_region *region, unsigned int index);
void dmem_rdma_discard(struct dmem_region *region, unsigned int index);
void dmem_rdma_forget(struct dmem_region *region);
void dmem_rdma_slot_lose(struct dmem_rdma_extent *extent, u32 slot);
void dmem_rdma_slot_move(struct dmem_rdma_extent *extent, u32 slot);

/* rdma_refill.c */
void dmem_rdma_thin(struct dmem_rdma *rdma, struct dmem_rdma_remote *remote);
void dmem_rdma_thin_forget(struct dmem_rdma *rdma, struct dmem_rdma_remote *remote);
void dmem_rdma_refill_work(struct work_struct *work);

/* rdma_lease.c */
int dmem_rdma_lease_again(struct dmem_rdma_donor *donor);
void dmem_rdma_lose_all(struct dmem_rdma_donor *donor);
bool dmem_rdma_move_all(struct dmem_rdma_donor *donor);
void dmem_rdma_extents_free(struct dmem_rdma_donor *donor);
int dmem_rdma_fit(struct dmem_rdma *rdma, u64 regions);
void dmem_rdma_fit_work(struct work_struct *work);
void dmem_rdma_count(struct dmem_rdma *rdma);
int dmem_rdma_reserve(struct dmem_pool *pool, u64 regions);
void dmem_rdma_unreserve(struct dmem_pool *pool, u64 regions);

#endif /* DMEM_RDMA_H */
