// SPDX-License-Identifier: GPL-2.0
/*
 * local.c - the donor in this host's own RAM, behind a modelled link.
 *
 * Each direction of the link has a queue and a timer, guarded by link->lock. A request occupies
 * the link for nr_pages * ns_per_page after those before it and arrives latency_ns later; its
 * pages are copied then, in softirq. With both zero the copy is made in the caller instead.
 */
#include <linux/fs_context.h>
#include <linux/highmem.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
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

/* What the donor holds of one VM memory: page number -> struct page. */
struct dmem_local_vm {
	struct xarray pages;
};

static void dmem_local_copy(struct dmem_io *io, bool out)
{
	struct dmem_local_vm *lvm = io->vm->transport_data;
	u64 first = dmem_region_first_page(io->region);
	int err = 0;
	u16 i;

	for (i = 0; i < io->nr_pages; i++) {
		struct page *held = xa_load(&lvm->pages, first + io->pages[i].index);

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
		io = list_first_entry_or_null(&link->queue, struct dmem_io, queue);
		if (!io || io->due_ns > ktime_get_ns())
			break;
		list_del(&io->queue);
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
	list_add_tail(&io->queue, &link->queue);
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

static int dmem_local_read(struct dmem_io *io)
{
	struct dmem_local *local = io->vm->pool->donor.data;

	/* Not even a fast donor may delay the faulting page by the rest of its block. */
	if (!io->prefetch && !dmem_local_is_modelled(local))
		dmem_local_copy(io, false);
	else
		dmem_link_submit(local, &local->in, io);
	return 0;
}

/* The donor's page for a page of the VM, made if need be. One evictor at a time comes here. */
static int dmem_local_hold(struct dmem_local_vm *lvm, u64 page)
{
	struct page *held;
	int err;

	if (xa_load(&lvm->pages, page))
		return 0;
	held = alloc_page(GFP_HIGHUSER | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!held)
		return -ENOMEM;
	err = xa_err(xa_store_bh(&lvm->pages, page, held, GFP_KERNEL | __GFP_NOWARN));
	if (err)
		put_page(held);
	return err;
}

static int dmem_local_write(struct dmem_io *io)
{
	struct dmem_local_vm *lvm = io->vm->transport_data;
	struct dmem_local *local = io->vm->pool->donor.data;
	u64 first = dmem_region_first_page(io->region);
	int err;
	u16 i;

	for (i = 0; i < io->nr_pages; i++) {
		err = dmem_local_hold(lvm, first + io->pages[i].index);
		if (err)
			return err;
	}
	if (dmem_local_is_modelled(local))
		dmem_link_submit(local, &local->out, io);
	else
		dmem_local_copy(io, true);
	return 0;
}

static void dmem_local_discard(struct dmem_vm *vm, u64 page)
{
	struct dmem_local_vm *lvm = vm->transport_data;
	struct page *held = xa_erase_bh(&lvm->pages, page);

	if (held)
		put_page(held);
}

static int dmem_local_attach(struct dmem_vm *vm)
{
	struct dmem_local_vm *lvm = kzalloc(sizeof(*lvm), GFP_KERNEL);

	if (!lvm)
		return -ENOMEM;
	/* Discards come with a region lock held, which softirq takes too. */
	xa_init_flags(&lvm->pages, XA_FLAGS_LOCK_BH);
	vm->transport_data = lvm;
	return 0;
}

static void dmem_local_detach(struct dmem_vm *vm)
{
	struct dmem_local_vm *lvm = vm->transport_data;
	unsigned long index;
	struct page *held;

	xa_for_each(&lvm->pages, index, held)
		put_page(held);
	xa_destroy(&lvm->pages);
	kfree(lvm);
}

static int dmem_local_open(struct dmem_pool *pool, struct dmem_donor *donor, const char *spec,
			   struct fs_context *fc)
{
	struct dmem_local *local;

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

static void dmem_local_close(struct dmem_donor *donor)
{
	struct dmem_local *local = donor->data;

	hrtimer_cancel(&local->in.timer);
	hrtimer_cancel(&local->out.timer);
	kfree(local);
}

const struct dmem_transport dmem_local_transport = {
	.name = "local",
	.open = dmem_local_open,
	.close = dmem_local_close,
	.attach = dmem_local_attach,
	.detach = dmem_local_detach,
	.read = dmem_local_read,
	.write = dmem_local_write,
	.discard = dmem_local_discard,
};
