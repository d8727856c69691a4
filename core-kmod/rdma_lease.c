// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_lease.c - extents: leased as files need them, let at again by a new session, released,
 * lost.
 *
 * A donor's extents change under its mutex; how many all donors need under rdma->reserve_mutex,
 * which is outside it.
 */
#include <linux/slab.h>

#include "rdma.h"

/* A lease has memory pinned, and the donor may have to clear it first. */
#define DMEM_RDMA_LEASE_MS	30000
/* What has been moved from a donor that will end may still be read there, by who came before. */
#define DMEM_RDMA_EMPTY_DELAY	HZ

static u32 dmem_rdma_slots(const struct dmem_rdma_donor *donor)
{
	return donor->extent_bytes / DMEM_REGION_BYTES;
}

/* What the donors lend, for statfs; pages of which each has all its copies. */
void dmem_rdma_count(struct dmem_rdma *rdma)
{
	u64 pages = 0;
	unsigned int i;

	for (i = 0; i < rdma->nr_donors; i++) {
		struct dmem_rdma_donor *donor = rdma->donors[i];

		pages += READ_ONCE(donor->nr_slots) * DMEM_REGION_PAGES;
		pages += READ_ONCE(donor->lendable_bytes) >> PAGE_SHIFT;
	}
	WRITE_ONCE(rdma->pool->donor.lent_pages, pages / rdma->replicas);
}

static void dmem_rdma_extent_free(struct dmem_rdma_extent *extent)
{
	xa_erase(&extent->donor->extents, extent->number);
	bitmap_free(extent->used);
	kvfree(extent->owner);
	kfree(extent);
}

static struct dmem_rdma_extent *dmem_rdma_extent_new(struct dmem_rdma_donor *donor)
{
	static const struct xa_limit numbers = XA_LIMIT(0, DMEM_WIRE_EXTENTS_MAX - 1);
	struct dmem_rdma_extent *extent = kzalloc(sizeof(*extent), GFP_KERNEL);

	if (!extent)
		return NULL;
	extent->donor = donor;
	extent->emptied = jiffies;
	INIT_LIST_HEAD(&extent->list);
	extent->used = bitmap_zalloc(dmem_rdma_slots(donor), GFP_KERNEL);
	extent->owner = kvcalloc(dmem_rdma_slots(donor), sizeof(*extent->owner), GFP_KERNEL);
	if (extent->used && extent->owner &&
	    !xa_alloc(&donor->extents, &extent->number, extent, numbers, GFP_KERNEL))
		return extent;
	bitmap_free(extent->used);
	kvfree(extent->owner);
	kfree(extent);
	return NULL;
}

static void dmem_rdma_extent_use(struct dmem_rdma_extent *extent)
{
	struct dmem_rdma_donor *donor = extent->donor;

	spin_lock_bh(&donor->slots_lock);
	list_add_tail(&extent->list, &donor->room);
	WRITE_ONCE(donor->nr_slots, donor->nr_slots + dmem_rdma_slots(donor));
	spin_unlock_bh(&donor->slots_lock);
}

/* A LEASE: a new one where the extent has no generation. 0, -EREMOTEIO: refused, or an errno. */
static int dmem_rdma_lease(struct dmem_rdma_extent *extent)
{
	struct dmem_rdma_donor *donor = extent->donor;
	union dmem_wire_msg msg = {};
	const struct dmem_wire_leased *leased = &msg.leased;
	int err;

	msg.lease.extent = cpu_to_le32(extent->number);
	msg.lease.generation = cpu_to_le64(extent->generation);
	err = dmem_rdma_call(donor, &msg, DMEM_WIRE_LEASE, DMEM_WIRE_LEASED, DMEM_RDMA_LEASE_MS);
	if (err)
		return err;
	if (le32_to_cpu(leased->extent) != extent->number ||
	    le64_to_cpu(leased->length) != donor->extent_bytes ||
	    (extent->generation && le64_to_cpu(leased->generation) != extent->generation)) {
		dmem_rdma_break(donor, "the donor has leased something else than was asked for");
		return -EPROTO;
	}
	extent->generation = le64_to_cpu(leased->generation);
	extent->address = le64_to_cpu(leased->address);
	extent->rkey = le32_to_cpu(leased->rkey);
	WRITE_ONCE(donor->lendable_bytes, le64_to_cpu(leased->lendable_bytes));
	return 0;
}

/* A RELEASE of one that takes no slots any more; kept for the next session if it fails. */
static int dmem_rdma_release(struct dmem_rdma_extent *extent)
{
	struct dmem_rdma_donor *donor = extent->donor;
	union dmem_wire_msg msg = {};
	int err;

	msg.release.extent = cpu_to_le32(extent->number);
	msg.release.generation = cpu_to_le64(extent->generation);
	err = dmem_rdma_call(donor, &msg, DMEM_WIRE_RELEASE, DMEM_WIRE_RELEASED,
			     DMEM_RDMA_LEASE_MS);
	if (err)
		return err;
	WRITE_ONCE(donor->lendable_bytes, le64_to_cpu(msg.released.lendable_bytes));
	dmem_rdma_extent_free(extent);
	return 0;
}

/* No connection is up: whoever held pages in it learns that they are gone. */
static void dmem_rdma_lose(struct dmem_rdma_extent *extent)
{
	struct dmem_rdma_donor *donor = extent->donor;
	u32 slot, nr = dmem_rdma_slots(donor);

	if (!extent->closing) {
		spin_lock_bh(&donor->slots_lock);
		extent->lost = true;
		list_del_init(&extent->list);
		WRITE_ONCE(donor->nr_slots, donor->nr_slots - nr);
		spin_unlock_bh(&donor->slots_lock);
	}
	for (slot = 0; slot < nr; slot++) {
		rcu_read_lock();
		dmem_rdma_slot_lose(extent, slot);
		rcu_read_unlock();
	}
	/* A discard that came first gives its slot back under this lock. */
	spin_lock_bh(&donor->slots_lock);
	spin_unlock_bh(&donor->slots_lock);
	dmem_rdma_extent_free(extent);
}

/* The donor has begun anew, or has forgotten us. */
void dmem_rdma_lose_all(struct dmem_rdma_donor *donor)
{
	struct dmem_rdma_extent *extent;
	unsigned long number, nr = 0;

	xa_for_each(&donor->extents, number, extent) {
		dmem_rdma_lose(extent);
		nr++;
	}
	if (nr)
		pr_err("%s: the donor has lost what it held for us: %lu extents of %llu MiB\n",
		       donor->name, nr, donor->extent_bytes >> 20);
}

/**
 * dmem_rdma_move_all - what a donor holds is to go elsewhere, as far as there is room
 * @donor: it will end; its mutex is held
 *
 * Return: whether there is an extent to be released.
 */
bool dmem_rdma_move_all(struct dmem_rdma_donor *donor)
{
	u32 slot, nr = dmem_rdma_slots(donor);
	struct dmem_rdma_extent *extent;
	unsigned long number;
	bool empty = false;

	xa_for_each(&donor->extents, number, extent) {
		empty |= !READ_ONCE(extent->nr_used);
		for (slot = 0; slot < nr; slot++) {
			rcu_read_lock();
			dmem_rdma_slot_move(extent, slot);
			rcu_read_unlock();
		}
		cond_resched();
	}
	return empty;
}

/**
 * dmem_rdma_lease_again - be let at what is ours by a new session
 * @donor: its session has begun, no data connection is open
 *
 * Return: 0 or a negative errno: the session is broken.
 */
int dmem_rdma_lease_again(struct dmem_rdma_donor *donor)
{
	struct dmem_rdma_extent *extent;
	unsigned long number;
	int err;

	xa_for_each(&donor->extents, number, extent) {
		err = extent->closing ? dmem_rdma_release(extent) : dmem_rdma_lease(extent);
		if (!err)
			continue;
		if (err != -EREMOTEIO || donor->refused != DMEM_WIRE_LOST)
			return err;
		pr_err("%s: the donor has lost extent %u: %s\n", donor->name, extent->number,
		       donor->reason);
		dmem_rdma_lose(extent);
	}
	return 0;
}

/* All leases are gone with the session or left to the donor; nothing is in them. */
void dmem_rdma_extents_free(struct dmem_rdma_donor *donor)
{
	struct dmem_rdma_extent *extent;
	unsigned long number;

	xa_for_each(&donor->extents, number, extent) {
		WARN_ON_ONCE(extent->nr_used);
		dmem_rdma_extent_free(extent);
	}
	xa_destroy(&donor->extents);
}

/* One more extent of this donor. */
static int dmem_rdma_lease_more(struct dmem_rdma_donor *donor)
{
	struct dmem_rdma_extent *extent;
	int err = -EHOSTDOWN;

	mutex_lock(&donor->mutex);
	if (!donor->has_session || dmem_rdma_is_over(donor))
		goto unlock;
	err = -ENOMEM;
	extent = dmem_rdma_extent_new(donor);
	if (!extent)
		goto unlock;
	err = dmem_rdma_lease(extent);
	if (err)
		dmem_rdma_extent_free(extent);
	else
		dmem_rdma_extent_use(extent);
	if (err == -EREMOTEIO && !dmem_rdma_is_over(donor)) {
		pr_notice_ratelimited("%s: the donor lends no more: %s\n", donor->name,
				      donor->reason);
		WRITE_ONCE(donor->lendable_bytes, 0);
		err = -ENOSPC;
	}
unlock:
	mutex_unlock(&donor->mutex);
	return err;
}

/* Is there nothing in it, and nobody who might still read there? donor->slots_lock is held. */
static bool dmem_rdma_is_spare(const struct dmem_rdma_extent *extent)
{
	return !extent->nr_used && !extent->closing &&
	       (!READ_ONCE(extent->donor->draining) ||
		time_after(jiffies, extent->emptied + DMEM_RDMA_EMPTY_DELAY));
}

/* One extent less of this donor, if it has one with nothing in it and can do without. */
static bool dmem_rdma_lease_less(struct dmem_rdma_donor *donor, u64 slots)
{
	struct dmem_rdma_extent *extent, *empty = NULL;
	unsigned long number;
	bool released = false;

	mutex_lock(&donor->mutex);
	if (!donor->has_session || dmem_rdma_is_over(donor) ||
	    donor->nr_slots < slots + dmem_rdma_slots(donor))
		goto unlock;
	spin_lock_bh(&donor->slots_lock);
	xa_for_each(&donor->extents, number, extent)
		if (dmem_rdma_is_spare(extent))
			empty = extent;
	if (empty) {
		empty->closing = true;
		list_del_init(&empty->list);
		WRITE_ONCE(donor->nr_slots, donor->nr_slots - dmem_rdma_slots(donor));
	}
	spin_unlock_bh(&donor->slots_lock);
	released = empty && !dmem_rdma_release(empty);
unlock:
	mutex_unlock(&donor->mutex);
	return released;
}

/* Copies that the donors' slots will have room for: at most one of a region with each. */
static u64 dmem_rdma_room(struct dmem_rdma *rdma, u64 regions)
{
	u64 room = 0;
	unsigned int i;

	for (i = 0; i < rdma->nr_donors; i++)
		if (!READ_ONCE(rdma->donors[i]->draining))
			room += min(READ_ONCE(rdma->donors[i]->nr_slots), regions);
	return room;
}

/* The donor to lease from: the one that keeps most, in parts of what it has for us. */
static struct dmem_rdma_donor *dmem_rdma_lender(struct dmem_rdma *rdma, u64 regions, u32 tried)
{
	struct dmem_rdma_donor *best = NULL;
	u64 best_left = 0, best_all = 1;
	unsigned int i;

	for (i = 0; i < rdma->nr_donors; i++) {
		struct dmem_rdma_donor *donor = rdma->donors[i];
		u64 left = READ_ONCE(donor->lendable_bytes) / DMEM_REGION_BYTES;
		u64 all = left + READ_ONCE(donor->nr_slots);

		if (tried & BIT(i) || READ_ONCE(donor->draining) ||
		    READ_ONCE(donor->nr_slots) >= regions)
			continue;
		if (!best || left * best_all > best_left * all) {
			best = donor;
			best_left = left;
			best_all = all;
		}
	}
	return best;
}

static unsigned int dmem_rdma_number(struct dmem_rdma *rdma, struct dmem_rdma_donor *donor)
{
	unsigned int i = 0;

	while (rdma->donors[i] != donor)
		i++;
	return i;
}

/* Release what is not needed for so many regions. rdma->reserve_mutex is held. */
static void dmem_rdma_shrink(struct dmem_rdma *rdma, u64 regions)
{
	unsigned int i;

	for (i = 0; i < rdma->nr_donors; i++) {
		struct dmem_rdma_donor *donor = rdma->donors[i];
		u64 room = dmem_rdma_room(rdma, regions), spare, slots;

		for (;;) {
			room = dmem_rdma_room(rdma, regions);
			slots = READ_ONCE(donor->nr_slots);
			spare = room - min(room, regions * rdma->replicas);
			/* Slots beyond one a region count for nothing, so all of them may go. */
			spare += slots - min(slots, regions);
			/* One that will end keeps what there is no other room for. */
			if (READ_ONCE(donor->draining))
				spare = room < regions * rdma->replicas ? 0 : slots;
			if (!dmem_rdma_lease_less(donor, slots - min(slots, spare)))
				break;
		}
	}
	dmem_rdma_count(rdma);
}

/**
 * dmem_rdma_fit - lease what so many regions need
 * @rdma: its reserve_mutex is held
 * @regions: all that are wanted
 *
 * Return: 0; -ENOSPC when the donors do not lend that much; -EHOSTDOWN when those that might are
 * away. What was leased on the way stays until dmem_rdma_shrink().
 */
int dmem_rdma_fit(struct dmem_rdma *rdma, u64 regions)
{
	u32 tried = 0;
	int err = -ENOSPC, ret;

	while (dmem_rdma_room(rdma, regions) < regions * rdma->replicas) {
		struct dmem_rdma_donor *donor = dmem_rdma_lender(rdma, regions, tried);

		if (!donor)
			return err;
		ret = dmem_rdma_lease_more(donor);
		if (!ret)
			continue;
		tried |= BIT(dmem_rdma_number(rdma, donor));
		/* Who is away may have room: the answer is not that there is none. */
		if (ret != -ENOSPC)
			err = ret == -ENOMEM ? ret : -EHOSTDOWN;
	}
	dmem_rdma_count(rdma);
	return 0;
}

static u64 dmem_rdma_wanted(struct dmem_rdma *rdma)
{
	return max_t(u64, atomic64_read(&rdma->reserved_regions), rdma->floor_regions);
}

/* Put right what a lost donor, or a file that is gone, has left. */
void dmem_rdma_fit_work(struct work_struct *work)
{
	struct dmem_rdma *rdma = container_of(work, struct dmem_rdma, fit_work);
	int err;

	mutex_lock(&rdma->reserve_mutex);
	err = dmem_rdma_fit(rdma, dmem_rdma_wanted(rdma));
	if (err == -ENOSPC && !rdma->is_short)
		pr_notice("%s: the donors lend less than the files in it need\n",
			  rdma->pool->donors[0]);
	WRITE_ONCE(rdma->is_short, err == -ENOSPC);
	dmem_rdma_shrink(rdma, dmem_rdma_wanted(rdma));
	mutex_unlock(&rdma->reserve_mutex);
}

static bool dmem_rdma_all_up(struct dmem_rdma *rdma)
{
	unsigned int i;

	for (i = 0; i < rdma->nr_donors; i++)
		if (READ_ONCE(rdma->donors[i]->state) != DMEM_RDMA_UP)
			return false;
	return true;
}

int dmem_rdma_reserve(struct dmem_pool *pool, u64 regions)
{
	unsigned long until = jiffies + msecs_to_jiffies(pool->timeout_ms);
	struct dmem_rdma *rdma = pool->donor.data;
	int err;

	mutex_lock(&rdma->reserve_mutex);
	atomic64_add(regions, &rdma->reserved_regions);
	for (;;) {
		err = dmem_rdma_fit(rdma, dmem_rdma_wanted(rdma));
		if (!err || err == -ENOSPC || err == -ENOMEM || time_after(jiffies, until))
			break;
		/* A donor is away; it may be back within the time. */
		if (!wait_event_timeout(rdma->wait, dmem_rdma_all_up(rdma),
					max_t(long, until - jiffies, 1)))
			break;
	}
	if (err) {
		atomic64_sub(regions, &rdma->reserved_regions);
		dmem_rdma_shrink(rdma, dmem_rdma_wanted(rdma));
	}
	mutex_unlock(&rdma->reserve_mutex);
	return err;
}

void dmem_rdma_unreserve(struct dmem_pool *pool, u64 regions)
{
	struct dmem_rdma *rdma = pool->donor.data;

	atomic64_sub(regions, &rdma->reserved_regions);
	queue_work(rdma->wq, &rdma->fit_work);
}
