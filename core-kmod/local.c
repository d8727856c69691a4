// SPDX-License-Identifier: GPL-2.0
/*
 * local.c - the donor in this host's own RAM, behind a modelled link.
 *
 * Each direction of the link has a queue and a timer, guarded by link->lock. A request occupies
 * the link for nr_pages * ns_per_page after those before it and arrives latency_ns later; its
 * pages are copied then, in softirq. With both zero a fault copies its page itself.
 */
#include <linux/fs_context.h>
#include <linux/highmem.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "core.h"

struct dmem_link {
	spinlock_t lock;		/* all below */
	struct hrtimer timer;
	struct list_head queue;		/* by due_ns */
	u64 busy_until_ns;
	bool armed;			/* the timer will run, or is running */
};

struct dmem_local {
	struct dmem_link in;
	struct dmem_link out;
	u64 latency_ns;
	u64 ns_per_page;
};

/* What the donor holds of a region: a page for each of its pages, or NULL. */
static struct page *dmem_local_held(struct dmem_region *region, unsigned int index)
{
	struct page **held = READ_ONCE(region->remote);

	return held ? held[index] : NULL;
}

static void dmem_local_copy(struct dmem_io *io, bool out)
{
	int err = 0;
	u16 i;

	for (i = 0; i < io->nr_pages; i++) {
		struct page *held = dmem_local_held(io->region, io->pages[i].index);

		if (WARN_ON_ONCE(!held))
			err = -EIO;
		else if (out)
			copy_highpage(held, io->pages[i].page);
		else
			copy_highpage(io->pages[i].page, held);
	}
	io->done(io, err);
}

static enum hrtimer_restart dmem_link_deliver(struct dmem_link *link, bool out)
{
	struct dmem_io *io;

	spin_lock_bh(&link->lock);
	for (;;) {
		io = list_first_entry_or_null(&link->queue, struct dmem_io, part[0].queue);
		if (!io || io->due_ns > ktime_get_ns())
			break;
		list_del(&io->part[0].queue);
		spin_unlock_bh(&link->lock);
		dmem_local_copy(io, out);
		spin_lock_bh(&link->lock);
	}
	link->armed = io;
	if (io)
		hrtimer_set_expires(&link->timer, ns_to_ktime(io->due_ns));
	spin_unlock_bh(&link->lock);
	return io ? HRTIMER_RESTART : HRTIMER_NORESTART;
}

static enum hrtimer_restart dmem_link_in(struct hrtimer *timer)
{
	return dmem_link_deliver(container_of(timer, struct dmem_link, timer), false);
}

static enum hrtimer_restart dmem_link_out(struct hrtimer *timer)
{
	return dmem_link_deliver(container_of(timer, struct dmem_link, timer), true);
}

static void dmem_link_init(struct dmem_link *link,
			   enum hrtimer_restart (*deliver)(struct hrtimer *))
{
	spin_lock_init(&link->lock);
	INIT_LIST_HEAD(&link->queue);
	hrtimer_setup(&link->timer, deliver, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
}

static void dmem_link_submit(struct dmem_local *local, struct dmem_link *link,
			     struct dmem_io *io)
{
	u64 now = ktime_get_ns();

	spin_lock_bh(&link->lock);
	link->busy_until_ns = max(now, link->busy_until_ns) + io->nr_pages * local->ns_per_page;
	io->due_ns = link->busy_until_ns + local->latency_ns;
	list_add_tail(&io->part[0].queue, &link->queue);
	if (!link->armed) {
		link->armed = true;
		hrtimer_start(&link->timer, ns_to_ktime(io->due_ns), HRTIMER_MODE_ABS_SOFT);
	}
	spin_unlock_bh(&link->lock);
}

static bool dmem_local_is_modelled(const struct dmem_local *local)
{
	return local->latency_ns || local->ns_per_page;
}

static int dmem_local_read_now(struct dmem_region *region, unsigned int index, struct page *to)
{
	struct page *held;

	if (dmem_local_is_modelled(region->vm->pool->donor.data))
		return -EAGAIN;
	held = dmem_local_held(region, index);
	if (WARN_ON_ONCE(!held))
		return -EIO;
	copy_highpage(to, held);
	return 0;
}

/* Not even a fast donor may delay the faulting page by the rest of its block: not copied here. */
static int dmem_local_read(struct dmem_io *io)
{
	struct dmem_local *local = io->vm->pool->donor.data;

	dmem_link_submit(local, &local->in, io);
	return 0;
}

/*
 * The donor's page for a page of the region, made if need be. One evictor at a time comes here,
 * and nobody else looks at the place of a page that is on its way out.
 */
static int dmem_local_hold(struct dmem_region *region, unsigned int index)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN;
	struct page **held = region->remote;

	if (!held) {
		held = kcalloc(DMEM_REGION_PAGES, sizeof(*held), gfp);
		if (!held)
			return -ENOMEM;
		WRITE_ONCE(region->remote, held);
	}
	if (!held[index])
		held[index] = alloc_page(gfp | __GFP_HIGHMEM);
	return held[index] ? 0 : -ENOMEM;
}

static int dmem_local_write(struct dmem_io *io)
{
	struct dmem_local *local = io->vm->pool->donor.data;
	int err;
	u16 i;

	for (i = 0; i < io->nr_pages; i++) {
		err = dmem_local_hold(io->region, io->pages[i].index);
		if (err)
			return err;
	}
	if (dmem_local_is_modelled(local))
		dmem_link_submit(local, &local->out, io);
	else
		dmem_local_copy(io, true);
	return 0;
}

static void dmem_local_discard(struct dmem_region *region, unsigned int index)
{
	struct page **held = region->remote;

	if (!held || !held[index])
		return;
	put_page(held[index]);
	held[index] = NULL;
}

static void dmem_local_forget(struct dmem_region *region)
{
	unsigned int i;

	for (i = 0; i < DMEM_REGION_PAGES; i++)
		dmem_local_discard(region, i);
	kfree(region->remote);
	region->remote = NULL;
}

static int dmem_local_open(struct dmem_pool *pool, struct dmem_donor *donor, struct fs_context *fc)
{
	const char *spec = donor->specs[0];
	struct dmem_local *local;

	if (pool->has_key || pool->replicas || pool->checksum)
		return invalfc(fc,
			       "donor=local:%s: key, replicas, checksum are of donors elsewhere",
			       spec);
	if (donor->nr_specs > 1)
		return invalfc(fc, "donor=local:%s: a pool has one donor, and it is local:%s",
			       donor->specs[1], spec);
	donor->lent_pages = totalram_pages() / 2;
	if (*spec) {
		char *end;
		u64 bytes = memparse(spec, &end);

		if (*end || !bytes || !PAGE_ALIGNED(bytes))
			return invalfc(fc, "donor=local:%s: not a size in whole pages", spec);
		donor->lent_pages = bytes >> PAGE_SHIFT;
	}
	local = kzalloc(sizeof(*local), GFP_KERNEL);
	if (!local)
		return -ENOMEM;
	local->latency_ns = pool->latency_ns;
	local->ns_per_page = pool->ns_per_page;
	dmem_link_init(&local->in, dmem_link_in);
	dmem_link_init(&local->out, dmem_link_out);
	donor->data = local;
	return 0;
}

static void dmem_local_tell(struct dmem_pool *pool, struct dmem_donor_info *infos)
{
	u64 reserved = atomic64_read(&pool->reserved_pages);

	infos[0].state = DMEM_DONOR_UP;
	infos[0].leased_bytes = pool->donor.lent_pages << PAGE_SHIFT;
	infos[0].used_bytes = reserved << PAGE_SHIFT;
}

static void dmem_local_close(struct dmem_donor *donor)
{
	struct dmem_local *local = donor->data;

	hrtimer_cancel(&local->in.timer);
	hrtimer_cancel(&local->out.timer);
	kfree(local);
}

struct dmem_transport dmem_local_transport = {
	.name = "local",
	.owner = THIS_MODULE,
	.open = dmem_local_open,
	.close = dmem_local_close,
	.tell = dmem_local_tell,
	.read_now = dmem_local_read_now,
	.read = dmem_local_read,
	.write = dmem_local_write,
	.discard = dmem_local_discard,
	.forget = dmem_local_forget,
};
