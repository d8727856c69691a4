// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_refill.c - another copy for pages that lack one: its donor has lost it, or will end.
 *
 * Regions with such pages are on rdma->thin (rdma->thin_lock, innermost). A work per pool copies
 * page by page: a READ from a copy there is, then a WRITE to the missing one's slot. docs/rdma.md
 * says why an older page can never overtake a newer.
 */
#include <linux/ktime.h>
#include <linux/slab.h>

#include "rdma.h"

/* Where something is in the way: a donor that is away, a slot that cannot be had yet. */
#define DMEM_RDMA_REFILL_DELAY	HZ
/* Of one page; more than it has copies, for what is written meanwhile. */
#define DMEM_RDMA_REFILL_TRIES	8

/* Remember a region some of whose pages may lack a copy. Other locks may be held. */
void dmem_rdma_thin(struct dmem_rdma *rdma, struct dmem_rdma_remote *remote)
{
	spin_lock_bh(&rdma->thin_lock);
	if (!remote->gone && list_empty(&remote->thin))
		list_add_tail(&remote->thin, &rdma->thin);
	spin_unlock_bh(&rdma->thin_lock);
	queue_delayed_work(rdma->wq, &rdma->refill_work, 0);
}

/* The region goes: no refill looks at it any more. */
void dmem_rdma_thin_forget(struct dmem_rdma *rdma, struct dmem_rdma_remote *remote)
{
	spin_lock_bh(&rdma->thin_lock);
	remote->gone = true;
	list_del_init(&remote->thin);
	spin_unlock_bh(&rdma->thin_lock);
	wait_event(rdma->wait, READ_ONCE(rdma->refilling) != remote);
}

static struct dmem_rdma_remote *dmem_rdma_thin_next(struct dmem_rdma *rdma)
{
	struct dmem_rdma_remote *remote;

	spin_lock_bh(&rdma->thin_lock);
	remote = list_first_entry_or_null(&rdma->thin, struct dmem_rdma_remote, thin);
	if (remote)
		list_del_init(&remote->thin);
	WRITE_ONCE(rdma->refilling, remote);
	spin_unlock_bh(&rdma->thin_lock);
	wake_up_all(&rdma->wait);
	return remote;
}

static void dmem_rdma_refill_done(struct dmem_io *io, int err)
{
	struct dmem_rdma *rdma = dmem_rdma_of(io->vm);

	rdma->refill_err = err;
	complete(&rdma->refill_done);
}

static struct dmem_io *dmem_rdma_refill_alloc(void)
{
	struct dmem_io *io = kzalloc(struct_size(io, pages, 1), GFP_KERNEL);

	if (!io)
		return NULL;
	io->nr_pages = 1;
	/* Nobody waits for it: never parked, never sent again. */
	io->prefetch = true;
	io->refill = true;
	io->done = dmem_rdma_refill_done;
	io->pages[0].page = alloc_page(GFP_KERNEL);
	if (io->pages[0].page)
		return io;
	kfree(io);
	return NULL;
}

static int dmem_rdma_refill_read(struct dmem_rdma *rdma, struct dmem_io *io)
{
	int err;

	reinit_completion(&rdma->refill_done);
	io->out = false;
	err = dmem_rdma_read_io(io);
	if (err)
		return err;
	wait_for_completion(&rdma->refill_done);
	return rdma->refill_err;
}

/* Posted with the region's copies locked: whoever writes the page later is behind it. */
static int dmem_rdma_refill_write(struct dmem_rdma *rdma, struct dmem_rdma_remote *remote,
				  struct dmem_io *io, u32 writes)
{
	unsigned int index = io->pages[0].index;
	int missing, err = 0;

	reinit_completion(&rdma->refill_done);
	io->out = true;
	io->writes = writes;
	atomic_set(&io->nr_parts, 1);
	io->due_ns = ktime_get_ns() + rdma->pool->timeout_ms * (u64)NSEC_PER_MSEC;
	spin_lock_bh(&remote->lock);
	missing = dmem_rdma_missing(remote, index);
	if (missing < 0 || remote->writes != writes) {
		spin_unlock_bh(&remote->lock);
		return 0;
	}
	io->part[!missing].err = -ENODATA;
	io->part[missing].io = io;
	err = dmem_rdma_refill_queue(remote, &io->part[missing]);
	spin_unlock_bh(&remote->lock);
	if (err)
		return err;
	wait_for_completion(&rdma->refill_done);
	rdma->nr_refilled += !rdma->refill_err;
	return rdma->refill_err;
}

/* Until no copy of a page is missing: one that meets a write to the region comes to nothing. */
static int dmem_rdma_refill_page(struct dmem_rdma *rdma, struct dmem_rdma_remote *remote,
				 struct dmem_io *io)
{
	unsigned int tries;
	int missing, err;
	u32 writes;

	for (tries = 0; tries < DMEM_RDMA_REFILL_TRIES; tries++) {
		spin_lock_bh(&remote->lock);
		missing = dmem_rdma_missing(remote, io->pages[0].index);
		writes = remote->writes;
		spin_unlock_bh(&remote->lock);
		if (missing < 0)
			return 0;
		err = dmem_rdma_refill_read(rdma, io);
		if (!err)
			err = dmem_rdma_refill_write(rdma, remote, io, writes);
		if (err)
			return err;
	}
	return -EBUSY;
}

/* 0, or an errno: something is in the way. */
static int dmem_rdma_refill_region(struct dmem_rdma *rdma, struct dmem_rdma_remote *remote,
				   struct dmem_io *io)
{
	unsigned int index;
	int err = 0;

	io->vm = remote->region->vm;
	io->region = remote->region;
	for (index = 0; index < DMEM_REGION_PAGES && !err; index++) {
		if (READ_ONCE(remote->gone) || READ_ONCE(rdma->stopping))
			break;
		io->pages[0].index = index;
		err = dmem_rdma_refill_page(rdma, remote, io);
		/* There is nothing to make a copy from, which is told to who asks for the page. */
		if (err == -EILSEQ || err == -ENODATA)
			err = 0;
		cond_resched();
	}
	return err;
}

void dmem_rdma_refill_work(struct work_struct *work)
{
	struct dmem_rdma *rdma = container_of(to_delayed_work(work), struct dmem_rdma,
					      refill_work);
	struct dmem_io *io = dmem_rdma_refill_alloc();
	struct dmem_rdma_remote *remote;
	bool again = !io;

	while (io && !again && (remote = dmem_rdma_thin_next(rdma))) {
		again = dmem_rdma_refill_region(rdma, remote, io);
		if (again)
			dmem_rdma_thin(rdma, remote);
	}
	if (!again && rdma->nr_refilled) {
		pr_notice_ratelimited("%s: pages have all their copies again: %lu were refilled\n",
				      rdma->pool->donors[0], rdma->nr_refilled);
		rdma->nr_refilled = 0;
	}
	spin_lock_bh(&rdma->thin_lock);
	WRITE_ONCE(rdma->refilling, NULL);
	spin_unlock_bh(&rdma->thin_lock);
	wake_up_all(&rdma->wait);
	if (io)
		__free_page(io->pages[0].page);
	kfree(io);
	if (again && !READ_ONCE(rdma->stopping))
		mod_delayed_work(rdma->wq, &rdma->refill_work, DMEM_RDMA_REFILL_DELAY);
}
