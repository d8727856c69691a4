// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_slots.c - where a region's pages are: slots of 2 MiB in the donors' extents, and which
 * pages each copy holds.
 *
 * remote->lock guards a region's copies, donor->slots_lock within it the slots of a donor's
 * extents. A slot is a region's while a page is held in it or being written to it.
 */
#include <linux/crc32c.h>
#include <linux/highmem.h>
#include <linux/slab.h>

#include "rdma.h"

/* What is lent to us and free, in parts of what is lent: regions go where most is left. */
static bool dmem_rdma_has_more_room(struct dmem_rdma_donor *a, struct dmem_rdma_donor *b)
{
	u64 a_slots = READ_ONCE(a->nr_slots), b_slots = READ_ONCE(b->nr_slots);
	u64 a_free = a_slots - min(READ_ONCE(a->nr_used), a_slots);
	u64 b_free = b_slots - min(READ_ONCE(b->nr_used), b_slots);

	return a_free * b_slots > b_free * a_slots;
}

static bool dmem_rdma_takes_slots(struct dmem_rdma_donor *donor)
{
	enum dmem_rdma_state state = READ_ONCE(donor->state);

	return (state == DMEM_RDMA_UP || state == DMEM_RDMA_SUSPECT) &&
	       !list_empty_careful(&donor->room);
}

/* One that will end is better than none. */
static bool dmem_rdma_is_better(struct dmem_rdma_donor *a, struct dmem_rdma_donor *b)
{
	bool a_ends = READ_ONCE(a->draining), b_ends = READ_ONCE(b->draining);

	return a_ends == b_ends ? dmem_rdma_has_more_room(a, b) : b_ends;
}

/* The donor for one more copy of a region: not one that has a copy of it. */
static struct dmem_rdma_donor *dmem_rdma_choose(struct dmem_rdma *rdma,
						const struct dmem_rdma_remote *remote,
						bool may_end)
{
	struct dmem_rdma_donor *best = NULL;
	unsigned int i, c;

	for (i = 0; i < rdma->nr_donors; i++) {
		struct dmem_rdma_donor *donor = rdma->donors[i];
		bool taken = !dmem_rdma_takes_slots(donor) ||
			     (!may_end && READ_ONCE(donor->draining));

		for (c = 0; c < DMEM_RDMA_PLACES; c++)
			taken |= remote->copy[c].extent &&
				 remote->copy[c].extent->donor == donor;
		if (!taken && (!best || dmem_rdma_is_better(donor, best)))
			best = donor;
	}
	return best;
}

static int dmem_rdma_slot_take(struct dmem_rdma_donor *donor, struct dmem_rdma_remote *remote,
			       struct dmem_rdma_copy *copy)
{
	u32 nr = donor->extent_bytes / DMEM_REGION_BYTES, slot;
	struct dmem_rdma_extent *extent;

	spin_lock(&donor->slots_lock);
	extent = list_first_entry_or_null(&donor->room, struct dmem_rdma_extent, list);
	if (extent) {
		slot = find_first_zero_bit(extent->used, nr);
		__set_bit(slot, extent->used);
		WRITE_ONCE(extent->owner[slot], remote);
		WRITE_ONCE(extent->nr_used, extent->nr_used + 1);
		if (extent->nr_used == nr)
			list_del_init(&extent->list);
		WRITE_ONCE(donor->nr_used, donor->nr_used + 1);
		copy->extent = extent;
		copy->slot = slot;
	}
	spin_unlock(&donor->slots_lock);
	return extent ? 0 : -ENOSPC;
}

/* The slot's last page is gone. */
static void dmem_rdma_slot_give(struct dmem_rdma_copy *copy)
{
	struct dmem_rdma_extent *extent = copy->extent;
	struct dmem_rdma_donor *donor = extent->donor;

	spin_lock(&donor->slots_lock);
	WRITE_ONCE(extent->owner[copy->slot], NULL);
	__clear_bit(copy->slot, extent->used);
	WRITE_ONCE(extent->nr_used, extent->nr_used - 1);
	if (!extent->nr_used)
		extent->emptied = jiffies;
	WRITE_ONCE(donor->nr_used, donor->nr_used - 1);
	/* Behind those in use, so that an extent that is empty stays so. */
	if (!extent->lost && list_empty(&extent->list))
		list_add_tail(&extent->list, &donor->room);
	spin_unlock(&donor->slots_lock);
	copy->extent = NULL;
}

static void dmem_rdma_copy_put(struct dmem_rdma_copy *copy, u16 nr)
{
	copy->nr_users -= nr;
	if (!copy->nr_users && copy->extent)
		dmem_rdma_slot_give(copy);
}

/* What the donors hold of a region, made at its first writeback; one evictor at a time. */
struct dmem_rdma_remote *dmem_rdma_remote_make(struct dmem_region *region)
{
	unsigned int nr_crcs = dmem_rdma_of(region->vm)->checksums ? DMEM_REGION_PAGES : 0;
	struct dmem_rdma_remote *remote = region->remote;

	if (remote)
		return remote;
	remote = kzalloc(struct_size(remote, crc, nr_crcs),
			 GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!remote)
		return NULL;
	remote->region = region;
	INIT_LIST_HEAD(&remote->thin);
	spin_lock_init(&remote->lock);
	/* Pairs with the dependent loads of who has only seen that a page is with a donor. */
	smp_store_release(&region->remote, remote);
	return remote;
}

static bool dmem_rdma_copy_has(const struct dmem_rdma_copy *copy, const struct dmem_io *io)
{
	u16 i;

	if (!copy->extent)
		return false;
	for (i = 0; i < io->nr_pages; i++)
		if (!test_bit(io->pages[i].index, copy->held))
			return false;
	return true;
}

/* What a request of this CPU would take now, about: what one takes, for each that is before it. */
static u64 dmem_rdma_cost_ns(struct dmem_rdma_donor *donor)
{
	unsigned int nr = max(READ_ONCE(donor->nr_fetch), 1);
	struct dmem_rdma_conn *conn = &donor->conns[raw_smp_processor_id() % nr];

	return READ_ONCE(donor->latency_ns) * (READ_ONCE(conn->inflight_pages) + 1);
}

/* Of two copies the one that answers sooner: its donor is well, or has less to do. */
static bool dmem_rdma_is_nearer(const struct dmem_rdma_copy *a, const struct dmem_rdma_copy *b)
{
	static const u8 rank[] = {
		[DMEM_RDMA_UP] = 0, [DMEM_RDMA_SUSPECT] = 1, [DMEM_RDMA_DOWN] = 2,
		[DMEM_RDMA_GONE] = 3,
	};
	u8 a_rank = rank[READ_ONCE(a->extent->donor->state)];
	u8 b_rank = rank[READ_ONCE(b->extent->donor->state)];

	if (a_rank != b_rank)
		return a_rank < b_rank;
	return dmem_rdma_cost_ns(a->extent->donor) < dmem_rdma_cost_ns(b->extent->donor);
}

/**
 * dmem_rdma_find - where to read pages from
 * @io: the pages
 * @part: takes extent and slot
 *
 * Return: 0, or -ENODATA when some are lost. Not all of several pages need be with one donor:
 * -EAGAIN then.
 */
int dmem_rdma_find(struct dmem_io *io, struct dmem_io_part *part)
{
	struct dmem_rdma_remote *remote = READ_ONCE(io->region->remote);
	struct dmem_rdma_copy *best = NULL;
	unsigned int c;
	int err = 0;
	u16 i;

	if (WARN_ON_ONCE(!remote))
		return -EIO;
	spin_lock_bh(&remote->lock);
	for (i = 0; i < io->nr_pages; i++)
		if (test_bit(io->pages[i].index, remote->lost))
			err = -ENODATA;
	for (c = 0; c < DMEM_RDMA_PLACES && !err; c++) {
		struct dmem_rdma_copy *copy = &remote->copy[c];

		if (dmem_rdma_copy_has(copy, io) && (!best || dmem_rdma_is_nearer(copy, best)))
			best = copy;
	}
	if (best) {
		part->place = best->extent;
		part->slot = best->slot;
	} else if (!err) {
		err = WARN_ON_ONCE(io->nr_pages == 1) ? -EIO : -EAGAIN;
	}
	spin_unlock_bh(&remote->lock);
	return err;
}

static u32 dmem_rdma_crc(struct page *page)
{
	void *data = kmap_local_page(page);
	u32 crc = crc32c(~0, data, PAGE_SIZE);

	kunmap_local(data);
	return crc;
}

/* Is the page held by a copy other than this? remote->lock is held, as below. */
static bool dmem_rdma_held_elsewhere(const struct dmem_rdma_remote *remote, unsigned int copy,
				     unsigned int index)
{
	unsigned int c;

	for (c = 0; c < DMEM_RDMA_PLACES; c++)
		if (c != copy && test_bit(index, remote->copy[c].held))
			return true;
	return false;
}

/**
 * dmem_rdma_missing - which copy of a page should be there and is not
 * @remote: locked
 * @index: of the page
 *
 * Return: the copy's number, or -1: none, or the page is being written, or nobody has it.
 */
int dmem_rdma_missing(const struct dmem_rdma_remote *remote, unsigned int index)
{
	unsigned int c, replicas = dmem_rdma_of(remote->region->vm)->replicas;

	if (test_bit(index, remote->writing))
		return -1;
	for (c = 0; c < replicas; c++)
		if (!test_bit(index, remote->copy[c].held))
			return dmem_rdma_held_elsewhere(remote, c, index) ? c : -1;
	return -1;
}

/* The donor that will end need not have the page any more. */
static void dmem_rdma_old_put(struct dmem_rdma_remote *remote, unsigned int index)
{
	struct dmem_rdma_copy *old = &remote->copy[DMEM_RDMA_OLD];

	if (__test_and_clear_bit(index, old->held))
		dmem_rdma_copy_put(old, 1);
}

/*
 * Pages are about to be written. Their checksums are as of now, when nobody can change them: one
 * that is rescued and changed is written again before it is fetched.
 */
void dmem_rdma_pages_begin(struct dmem_io *io)
{
	struct dmem_rdma_remote *remote = io->region->remote;
	bool checksums = dmem_rdma_of(io->vm)->checksums;
	u16 i;

	for (i = 0; i < io->nr_pages && checksums; i++)
		remote->crc[io->pages[i].index] = dmem_rdma_crc(io->pages[i].page);
	spin_lock_bh(&remote->lock);
	remote->writes++;
	for (i = 0; i < io->nr_pages; i++) {
		__set_bit(io->pages[i].index, remote->writing);
		dmem_rdma_old_put(remote, io->pages[i].index);
	}
	spin_unlock_bh(&remote->lock);
}

/* They have been, or not: all parts have come to their end. */
void dmem_rdma_pages_end(struct dmem_io *io)
{
	struct dmem_rdma_remote *remote = io->region->remote;
	bool thin = false;
	u16 i;

	spin_lock_bh(&remote->lock);
	for (i = 0; i < io->nr_pages; i++) {
		unsigned int index = io->pages[i].index;

		__clear_bit(index, remote->writing);
		thin |= dmem_rdma_missing(remote, index) >= 0;
	}
	spin_unlock_bh(&remote->lock);
	if (thin)
		dmem_rdma_thin(dmem_rdma_of(io->vm), remote);
}

static unsigned int dmem_rdma_copy_of(const struct dmem_io_part *part)
{
	return part - part->io->part;
}

/* A wrong page is not held where it came from, if another copy has it. True: one has. */
static bool dmem_rdma_copy_reject(struct dmem_rdma_remote *remote, const void *place,
				  unsigned int index)
{
	unsigned int c;
	bool other = false;

	spin_lock_bh(&remote->lock);
	for (c = 0; c < DMEM_RDMA_PLACES; c++) {
		if (remote->copy[c].extent != place || !dmem_rdma_held_elsewhere(remote, c, index))
			continue;
		other = true;
		if (__test_and_clear_bit(index, remote->copy[c].held))
			dmem_rdma_copy_put(&remote->copy[c], 1);
	}
	spin_unlock_bh(&remote->lock);
	return other;
}

/**
 * dmem_rdma_pages_verify - are these the pages that were written?
 * @part: of a read that has completed
 *
 * Return: 0; -EAGAIN when they are not, but the other copy may be; -EILSEQ when there is none.
 */
int dmem_rdma_pages_verify(struct dmem_io_part *part)
{
	const struct dmem_rdma_extent *extent = part->place;
	struct dmem_io *io = part->io;
	struct dmem_rdma_remote *remote = io->region->remote;
	int err = 0;
	u16 i;

	if (!dmem_rdma_of(io->vm)->checksums)
		return 0;
	for (i = 0; i < io->nr_pages; i++) {
		unsigned int index = io->pages[i].index;
		bool other;

		if (dmem_rdma_crc(io->pages[i].page) == remote->crc[index])
			continue;
		other = dmem_rdma_copy_reject(remote, part->place, index);
		pr_err_ratelimited("%s: page %llu of %s is not what was written%s\n",
				   extent->donor->name, dmem_region_first_page(io->region) + index,
				   io->vm->ident.name, other ? ": the other copy is taken" : "");
		if (!other)
			err = -EILSEQ;
		else
			err = err ?: -EAGAIN;
	}
	if (err == -EAGAIN)
		dmem_rdma_thin(dmem_rdma_of(io->vm), remote);
	return err;
}

/**
 * dmem_rdma_write_queue - a place for pages that are to be written, and on their way
 * @part: of a write; takes extent and slot. What the copy held of these pages it no longer does
 * @donor: takes where they would go, or NULL
 *
 * All under the lock: whoever takes an extent for lost, with no connection to its donor, finds
 * nobody who uses it but for pages held.
 *
 * Return: 0; -ENOSPC where no donor has room for the copy now; -EHOSTDOWN where the donor takes
 * nothing now.
 */
int dmem_rdma_write_queue(struct dmem_io_part *part, struct dmem_rdma_donor **donor)
{
	struct dmem_io *io = part->io;
	struct dmem_rdma_remote *remote = io->region->remote;
	struct dmem_rdma_copy *copy = &remote->copy[dmem_rdma_copy_of(part)];
	int err = 0;
	u16 i;

	*donor = NULL;
	spin_lock_bh(&remote->lock);
	if (!copy->extent) {
		*donor = dmem_rdma_choose(dmem_rdma_of(io->vm), remote, true);
		err = *donor ? dmem_rdma_slot_take(*donor, remote, copy) : -ENOSPC;
	}
	if (err)
		goto unlock;
	*donor = copy->extent->donor;
	part->place = copy->extent;
	part->slot = copy->slot;
	for (i = 0; i < io->nr_pages; i++)
		if (!__test_and_clear_bit(io->pages[i].index, copy->held))
			copy->nr_users++;
	if (READ_ONCE((*donor)->state) == DMEM_RDMA_UP &&
	    dmem_rdma_conn_queue(dmem_rdma_conn(*donor, io), part))
		goto unlock;
	dmem_rdma_copy_put(copy, io->nr_pages);
	err = -EHOSTDOWN;
unlock:
	spin_unlock_bh(&remote->lock);
	return err;
}

/* The write has ended, or is put off: what was not written is not held. */
void dmem_rdma_write_end(struct dmem_io_part *part, bool written)
{
	struct dmem_io *io = part->io;
	struct dmem_rdma_remote *remote = io->region->remote;
	struct dmem_rdma_copy *copy = &remote->copy[dmem_rdma_copy_of(part)];
	u16 i;

	spin_lock_bh(&remote->lock);
	/* A refill's page that has been written or discarded since it was read is old. */
	if (io->refill && io->writes != remote->writes)
		written = false;
	for (i = 0; i < io->nr_pages && written; i++) {
		__set_bit(io->pages[i].index, copy->held);
		__clear_bit(io->pages[i].index, remote->lost);
		if (io->refill && dmem_rdma_missing(remote, io->pages[i].index) < 0)
			dmem_rdma_old_put(remote, io->pages[i].index);
	}
	if (!written)
		dmem_rdma_copy_put(copy, io->nr_pages);
	spin_unlock_bh(&remote->lock);
}

/**
 * dmem_rdma_refill_queue - post a refill's WRITE
 * @remote: locked; the page is not held by this copy, and not being written
 * @part: of a write of one page
 *
 * Return: 0, or an errno: something is in the way.
 */
int dmem_rdma_refill_queue(struct dmem_rdma_remote *remote, struct dmem_io_part *part)
{
	struct dmem_rdma_copy *copy = &remote->copy[dmem_rdma_copy_of(part)];
	struct dmem_rdma_donor *donor;
	int err = 0;

	if (!copy->extent) {
		donor = dmem_rdma_choose(dmem_rdma_of(part->io->vm), remote, false);
		err = donor ? dmem_rdma_slot_take(donor, remote, copy) : -ENOSPC;
	}
	if (err)
		return err;
	donor = copy->extent->donor;
	copy->nr_users++;
	part->place = copy->extent;
	part->slot = copy->slot;
	if (READ_ONCE(donor->state) == DMEM_RDMA_UP &&
	    dmem_rdma_conn_queue(dmem_rdma_conn(donor, part->io), part))
		return 0;
	dmem_rdma_copy_put(copy, 1);
	return -EHOSTDOWN;
}

bool dmem_rdma_holds(struct dmem_region *region, unsigned int index)
{
	struct dmem_rdma_remote *remote = READ_ONCE(region->remote);
	bool held = false;
	unsigned int c;

	if (!remote)
		return false;
	spin_lock_bh(&remote->lock);
	for (c = 0; c < DMEM_RDMA_PLACES; c++)
		held |= test_bit(index, remote->copy[c].held);
	spin_unlock_bh(&remote->lock);
	return held;
}

void dmem_rdma_discard(struct dmem_region *region, unsigned int index)
{
	struct dmem_rdma_remote *remote = READ_ONCE(region->remote);
	unsigned int c;

	if (!remote)
		return;
	spin_lock_bh(&remote->lock);
	remote->writes++;
	__clear_bit(index, remote->lost);
	for (c = 0; c < DMEM_RDMA_PLACES; c++)
		if (__test_and_clear_bit(index, remote->copy[c].held))
			dmem_rdma_copy_put(&remote->copy[c], 1);
	spin_unlock_bh(&remote->lock);
}

void dmem_rdma_forget(struct dmem_region *region)
{
	struct dmem_rdma_remote *remote = region->remote;
	unsigned int c;

	if (!remote)
		return;
	dmem_rdma_thin_forget(dmem_rdma_of(region->vm), remote);
	spin_lock_bh(&remote->lock);
	for (c = 0; c < DMEM_RDMA_PLACES; c++)
		dmem_rdma_copy_put(&remote->copy[c], remote->copy[c].nr_users);
	spin_unlock_bh(&remote->lock);
	region->remote = NULL;
	/* Who takes an extent for lost may just look at it. */
	kfree_rcu(remote, rcu);
}

/**
 * dmem_rdma_slot_lose - what a slot held is lost
 * @extent: lost; under rcu_read_lock(), with no connection to its donor
 * @slot: of it
 */
void dmem_rdma_slot_lose(struct dmem_rdma_extent *extent, u32 slot)
{
	struct dmem_rdma_remote *remote = READ_ONCE(extent->owner[slot]);
	struct dmem_rdma_copy *copy;
	unsigned int c, page;
	bool thin = false;

	if (!remote)
		return;
	spin_lock_bh(&remote->lock);
	for (c = 0; c < DMEM_RDMA_PLACES; c++) {
		copy = &remote->copy[c];
		if (copy->extent != extent || copy->slot != slot)
			continue;
		for_each_set_bit(page, copy->held, DMEM_REGION_PAGES) {
			if (dmem_rdma_held_elsewhere(remote, c, page))
				thin = true;
			else
				__set_bit(page, remote->lost);
		}
		bitmap_zero(copy->held, DMEM_REGION_PAGES);
		copy->nr_users = 0;
		dmem_rdma_slot_give(copy);
	}
	spin_unlock_bh(&remote->lock);
	if (thin)
		dmem_rdma_thin(extent->donor->rdma, remote);
}

/**
 * dmem_rdma_slot_move - what a slot holds is to go to another donor
 * @extent: of a donor that will end; under rcu_read_lock()
 * @slot: of it
 *
 * The copy goes on to be read, and is a refill's to make anew. Not yet where a page is being
 * written to it, nor where no donor has room: what is written stays with this one then.
 */
void dmem_rdma_slot_move(struct dmem_rdma_extent *extent, u32 slot)
{
	struct dmem_rdma_remote *remote = READ_ONCE(extent->owner[slot]);
	struct dmem_rdma *rdma = extent->donor->rdma;
	struct dmem_rdma_copy *copy;
	bool moved = false;
	unsigned int c;

	if (!remote)
		return;
	spin_lock_bh(&remote->lock);
	for (c = 0; c < DMEM_COPIES_MAX && !remote->copy[DMEM_RDMA_OLD].extent; c++) {
		copy = &remote->copy[c];
		if (copy->extent != extent || copy->slot != slot ||
		    copy->nr_users != bitmap_weight(copy->held, DMEM_REGION_PAGES) ||
		    !dmem_rdma_choose(rdma, remote, false))
			continue;
		remote->copy[DMEM_RDMA_OLD] = *copy;
		memset(copy, 0, sizeof(*copy));
		moved = true;
	}
	spin_unlock_bh(&remote->lock);
	if (moved)
		dmem_rdma_thin(rdma, remote);
}
