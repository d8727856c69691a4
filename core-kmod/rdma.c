// SPDX-License-Identifier: GPL-2.0
/*
 * rdma.c - dmem-rdma.ko: the transport to donors by RDMA; its pools come and go here.
 *
 * docs/rdma.md is its design, uapi/dmem_wire.h what it says to dmem-memnode.
 */
#include <crypto/hash.h>
#include <linux/fs_context.h>
#include <linux/inet.h>
#include <linux/inetdevice.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/net_namespace.h>
#include <net/route.h>

#include "rdma.h"

/* ADDR, ADDR:PORT, [ADDR6] or [ADDR6]:PORT. */
static int dmem_rdma_parse(struct dmem_rdma_donor *donor, const char *spec, struct fs_context *fc)
{
	char text[INET6_ADDRSTRLEN + 32], number[8], *host = text, *port = NULL, *end;

	snprintf(number, sizeof(number), "%u", DMEM_WIRE_PORT);
	if (strscpy(text, spec, sizeof(text)) < 0)
		return invalfc(fc, "donor=rdma:%s: not ADDR:PORT", spec);
	if (*text == '[') {
		host = text + 1;
		end = strchr(host, ']');
		if (!end || (end[1] && end[1] != ':'))
			return invalfc(fc, "donor=rdma:%s: not [ADDR]:PORT", spec);
		port = end[1] ? end + 2 : NULL;
		*end = 0;
	} else {
		end = strchr(host, ':');
		if (end) {
			*end = 0;
			port = end + 1;
		}
	}
	if (inet_pton_with_scope(donor->rdma->net, AF_UNSPEC, host, port ?: number, &donor->addr))
		return invalfc(fc, "donor=rdma:%s: not an address and a port", spec);
	snprintf(donor->name, sizeof(donor->name), "donor rdma:%s", spec);
	return 0;
}

/* Does the donor's address belong to this host? */
static bool dmem_rdma_is_here(struct dmem_rdma_donor *donor)
{
	struct net *net = donor->rdma->net;

	if (donor->addr.ss_family == AF_INET)
		return inet_addr_type(net, ((struct sockaddr_in *)&donor->addr)->sin_addr.s_addr) ==
		       RTN_LOCAL;
#if IS_ENABLED(CONFIG_IPV6)
	return ipv6_chk_addr(net, &((struct sockaddr_in6 *)&donor->addr)->sin6_addr, NULL, 0);
#else
	return false;
#endif
}

static struct dmem_rdma_donor *dmem_rdma_donor_new(struct dmem_rdma *rdma)
{
	struct dmem_rdma_donor *donor = kvzalloc(sizeof(*donor), GFP_KERNEL);

	if (!donor)
		return ERR_PTR(-ENOMEM);
	donor->hmac = crypto_alloc_shash("hmac(sha256)", 0, 0);
	if (IS_ERR(donor->hmac)) {
		long err = PTR_ERR(donor->hmac);

		kvfree(donor);
		return ERR_PTR(err);
	}
	donor->rdma = rdma;
	init_waitqueue_head(&donor->wait);
	INIT_DELAYED_WORK(&donor->work, dmem_rdma_session_work);
	INIT_DELAYED_WORK(&donor->tick, dmem_rdma_tick);
	spin_lock_init(&donor->lock);
	INIT_LIST_HEAD(&donor->parked);
	donor->down_since = jiffies;
	mutex_init(&donor->mutex);
	get_random_bytes(donor->client, sizeof(donor->client));
	xa_init_flags(&donor->extents, XA_FLAGS_ALLOC);
	spin_lock_init(&donor->slots_lock);
	INIT_LIST_HEAD(&donor->room);
	dmem_rdma_conns_init(donor);
	return donor;
}

/* Nothing goes on by itself any more. */
static void dmem_rdma_donor_stop(struct dmem_rdma_donor *donor)
{
	set_bit(DMEM_RDMA_STOP, &donor->flags);
	wake_up_all(&donor->wait);
	disable_delayed_work_sync(&donor->work);
	disable_delayed_work_sync(&donor->tick);
}

static void dmem_rdma_donor_free(struct dmem_rdma_donor *donor)
{
	dmem_rdma_leave(donor);
	dmem_rdma_extents_free(donor);
	crypto_free_shash(donor->hmac);
	memzero_explicit(donor->resume_key, sizeof(donor->resume_key));
	memzero_explicit(donor->session_key, sizeof(donor->session_key));
	mutex_destroy(&donor->mutex);
	kvfree(donor);
}

/* What a refusal means to who mounts. */
static int dmem_rdma_errno(u16 code)
{
	switch (code) {
	case DMEM_WIRE_BAD_VERSION:
		return -EPROTONOSUPPORT;
	case DMEM_WIRE_NOT_ALLOWED:
	case DMEM_WIRE_KEY_NEEDED:
	case DMEM_WIRE_BAD_PROOF:
		return -EACCES;
	case DMEM_WIRE_FULL:
	case DMEM_WIRE_QUOTA:
		return -ENOSPC;
	default:
		return -EPROTO;
	}
}

/* Said to who mounts, and to the log: mount(8) of util-linux shows the first only since 2.41. */
static int dmem_rdma_refuse(struct dmem_rdma_donor *donor, struct fs_context *fc, int err)
{
	if (donor->refused) {
		pr_notice("%s: refused: %s\n", donor->name, donor->reason);
		errorfc(fc, "%s: refused: %s", donor->name, donor->reason);
		return dmem_rdma_errno(donor->refused);
	}
	if (donor->why) {
		pr_notice("%s: %s\n", donor->name, donor->why);
		errorfc(fc, "%s: %s", donor->name, donor->why);
		return err == -ETIMEDOUT ? err : -EPROTO;
	}
	if (err == -ECONNREFUSED)
		errorfc(fc, "%s: nobody listens there", donor->name);
	else
		errorfc(fc, "%s: cannot be reached: %d", donor->name, err);
	pr_notice("%s: cannot be reached: %d\n", donor->name, err);
	return err;
}

static bool dmem_rdma_is_double(const struct dmem_rdma_donor *donor)
{
	unsigned int i;

	for (i = 0; i < donor->rdma->nr_donors; i++)
		if (donor->rdma->donors[i] != donor &&
		    donor->rdma->donors[i]->epoch == donor->epoch)
			return true;
	return false;
}

/* Connect for the first time, within the time of the mount; a refusal ends it. */
static int dmem_rdma_donor_open(struct dmem_rdma_donor *donor, struct fs_context *fc)
{
	unsigned long until = jiffies + msecs_to_jiffies(donor->rdma->pool->timeout_ms);
	int err;

	mutex_lock(&donor->mutex);
	do {
		err = dmem_rdma_connect(donor);
	} while (err == -ETIMEDOUT && time_before(jiffies, until));
	if (err)
		err = dmem_rdma_refuse(donor, fc, err);
	else if (dmem_rdma_is_double(donor))
		err = invalfc(fc, "%s: that donor is there already, by another address",
			      donor->name);
	else
		dmem_rdma_up(donor);
	mutex_unlock(&donor->mutex);
	if (err)
		return err;
	queue_delayed_work(donor->rdma->wq, &donor->work, msecs_to_jiffies(donor->renew_ms / 2));
	queue_delayed_work(donor->rdma->wq, &donor->tick, 0);
	return 0;
}

static int dmem_rdma_donor_add(struct dmem_rdma *rdma, const char *spec, struct fs_context *fc)
{
	struct dmem_rdma_donor *donor = dmem_rdma_donor_new(rdma);
	int err;

	if (IS_ERR(donor))
		return PTR_ERR(donor);
	rdma->donors[rdma->nr_donors++] = donor;
	err = dmem_rdma_parse(donor, spec, fc);
	if (err)
		return err;
	if (!rdma->pool->has_key && !dmem_rdma_is_here(donor)) {
		errorfc(fc, "%s: another host: a key is needed (key=)", donor->name);
		return -EACCES;
	}
	return dmem_rdma_donor_open(donor, fc);
}

static void dmem_rdma_free(struct dmem_rdma *rdma)
{
	unsigned int i;

	WRITE_ONCE(rdma->stopping, true);
	for (i = 0; i < rdma->nr_donors; i++)
		dmem_rdma_donor_stop(rdma->donors[i]);
	disable_work_sync(&rdma->fit_work);
	disable_delayed_work_sync(&rdma->refill_work);
	while (rdma->nr_donors)
		dmem_rdma_donor_free(rdma->donors[--rdma->nr_donors]);
	if (rdma->wq)
		destroy_workqueue(rdma->wq);
	put_net(rdma->net);
	mutex_destroy(&rdma->reserve_mutex);
	kfree(rdma);
}

static int dmem_rdma_check_options(struct dmem_pool *pool, struct dmem_donor *set,
				   struct fs_context *fc)
{
	if (pool->latency_ns || pool->ns_per_page)
		return invalfc(fc, "latency_ns and ns_per_page are of donor=local");
	if (pool->replicas > set->nr_specs)
		return invalfc(fc, "replicas=%u: not that many donors", pool->replicas);
	return 0;
}

static int dmem_rdma_open_all(struct dmem_rdma *rdma, struct dmem_donor *set,
			      struct fs_context *fc)
{
	unsigned int i;
	int err;

	for (i = 0; i < set->nr_specs; i++) {
		err = dmem_rdma_donor_add(rdma, set->specs[i], fc);
		if (err)
			return err;
	}
	rdma->floor_regions = DIV_ROUND_UP(rdma->pool->size_pages, DMEM_REGION_PAGES);
	mutex_lock(&rdma->reserve_mutex);
	err = dmem_rdma_fit(rdma, rdma->floor_regions);
	mutex_unlock(&rdma->reserve_mutex);
	if (err == -ENOSPC)
		errorfc(fc, "size=: the donors do not lend that much: %s",
			rdma->donors[0]->reason);
	return err;
}

static int dmem_rdma_open(struct dmem_pool *pool, struct dmem_donor *set, struct fs_context *fc)
{
	struct dmem_rdma *rdma;
	int err = dmem_rdma_check_options(pool, set, fc);

	if (err)
		return err;
	rdma = kzalloc(sizeof(*rdma), GFP_KERNEL);
	if (!rdma)
		return -ENOMEM;
	rdma->pool = pool;
	rdma->replicas = max(pool->replicas, 1);
	rdma->checksums = pool->checksum == DMEM_CHECKSUM_ON ||
			  (pool->checksum == DMEM_CHECKSUM_DEFAULT && rdma->replicas > 1);
	rdma->net = get_net(fc->net_ns);
	mutex_init(&rdma->reserve_mutex);
	init_waitqueue_head(&rdma->wait);
	INIT_WORK(&rdma->fit_work, dmem_rdma_fit_work);
	spin_lock_init(&rdma->thin_lock);
	INIT_LIST_HEAD(&rdma->thin);
	INIT_DELAYED_WORK(&rdma->refill_work, dmem_rdma_refill_work);
	init_completion(&rdma->refill_done);
	rdma->wq = alloc_workqueue("dmem-rdma", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	err = rdma->wq ? 0 : -ENOMEM;
	set->data = rdma;
	if (!err)
		err = dmem_rdma_open_all(rdma, set, fc);
	if (err) {
		set->data = NULL;
		dmem_rdma_free(rdma);
	}
	return err;
}

static void dmem_rdma_tell_one(struct dmem_rdma_donor *donor, struct dmem_donor_info *info)
{
	static const u32 states[] = {
		[DMEM_RDMA_DOWN] = DMEM_DONOR_DOWN,
		[DMEM_RDMA_UP] = DMEM_DONOR_UP,
		[DMEM_RDMA_SUSPECT] = DMEM_DONOR_SUSPECT,
		[DMEM_RDMA_GONE] = DMEM_DONOR_GONE,
	};

	spin_lock_bh(&donor->lock);
	info->state = states[donor->state];
	if (donor->state == DMEM_RDMA_UP && READ_ONCE(donor->draining))
		info->state = DMEM_DONOR_DRAINING;
	if (donor->state == DMEM_RDMA_DOWN)
		info->down_ms = max(jiffies_to_msecs(jiffies - donor->down_since), 1);
	spin_unlock_bh(&donor->lock);
	info->leased_bytes = READ_ONCE(donor->nr_slots) * DMEM_REGION_BYTES;
	info->used_bytes = READ_ONCE(donor->nr_used) * DMEM_REGION_BYTES;
	info->free_bytes = READ_ONCE(donor->lendable_bytes);
	info->latency_ns = READ_ONCE(donor->latency_ns);
}

static void dmem_rdma_tell(struct dmem_pool *pool, struct dmem_donor_info *infos)
{
	struct dmem_rdma *rdma = pool->donor.data;
	unsigned int i;

	for (i = 0; i < rdma->nr_donors; i++)
		dmem_rdma_tell_one(rdma->donors[i], &infos[i]);
}

static void dmem_rdma_close(struct dmem_donor *set)
{
	dmem_rdma_free(set->data);
}

static struct dmem_transport dmem_rdma_transport = {
	.name = "rdma",
	.owner = THIS_MODULE,
	.open = dmem_rdma_open,
	.close = dmem_rdma_close,
	.tell = dmem_rdma_tell,
	.reserve = dmem_rdma_reserve,
	.unreserve = dmem_rdma_unreserve,
	.read = dmem_rdma_read,
	.write = dmem_rdma_write,
	.holds = dmem_rdma_holds,
	.discard = dmem_rdma_discard,
	.forget = dmem_rdma_forget,
};

static int __init dmem_rdma_init(void)
{
	return dmem_transport_register(&dmem_rdma_transport);
}

static void __exit dmem_rdma_exit(void)
{
	dmem_transport_unregister(&dmem_rdma_transport);
	/* What is freed after a grace period is freed by no code of ours, but by kfree_rcu(). */
}

module_init(dmem_rdma_init);
module_exit(dmem_rdma_exit);
MODULE_DESCRIPTION("Remote memory for KVM guests: donors by RDMA");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMEM_NS);
MODULE_SOFTDEP("pre: hmac sha256");
