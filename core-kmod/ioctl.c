// SPDX-License-Identifier: GPL-2.0
/*
 * ioctl.c - settings and figures of a VM memory, donors of a pool: the ABI of uapi/dmem.h.
 *
 * Every struct begins with size and version; settings change under inode->i_rwsem, all or
 * none of them.
 */
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "core.h"
#include "trace.h"

/* What every struct of the ABI begins with. */
struct dmem_ioctl_head {
	__u32 size;
	__u32 version;
};

/**
 * dmem_copy_in - take a struct of the ABI from user space
 * @to: zero where user space's is shorter
 * @known: size of *@to
 * @least: size of its first version
 * @from: user space's
 *
 * Return: 0, or the errors that all ioctls share.
 */
static int dmem_copy_in(void *to, size_t known, size_t least, const void __user *from)
{
	struct dmem_ioctl_head head;

	if (copy_from_user(&head, from, sizeof(head)))
		return -EFAULT;
	if (head.version != DMEM_ABI_VERSION)
		return -EPROTONOSUPPORT;
	if (head.size < least)
		return -EINVAL;
	if (head.size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(to, known, from, head.size);
}

/* Give a struct of the ABI back: as much of it as the caller knows. */
static int dmem_copy_out(void __user *to, const void *from, size_t known)
{
	const struct dmem_ioctl_head *head = from;

	return copy_to_user(to, from, min_t(size_t, head->size, known)) ? -EFAULT : 0;
}

static void dmem_get_stats(struct dmem_vm *vm, struct dmem_vm_get *get)
{
	int order;

	/* Who compares these with the plane's maps is to find them equal. */
	dmem_batch_flush();
	get->direct_bytes = dmem_stat_read(vm, DMEM_STAT_LOCAL) << PAGE_SHIFT;
	get->remote_bytes = dmem_stat_read(vm, DMEM_STAT_REMOTE) << PAGE_SHIFT;
	get->faults = dmem_stat_read(vm, DMEM_STAT_FAULTS);
	get->soft_faults = dmem_stat_read(vm, DMEM_STAT_SOFT_FAULTS);
	get->zero_fills = dmem_stat_read(vm, DMEM_STAT_ZERO_FILLS);
	for (order = 0; order < DMEM_ORDERS; order++)
		get->fetches[order] = dmem_stat_read(vm, DMEM_STAT_FETCHES + order);
	get->fetched_pages = dmem_stat_read(vm, DMEM_STAT_FETCHED_PAGES);
	get->prefetched_pages = dmem_stat_read(vm, DMEM_STAT_PREFETCHED_PAGES);
	get->prefetched_used_pages = dmem_stat_read(vm, DMEM_STAT_PREFETCHED_USED);
	get->prefetched_unused_pages = dmem_stat_read(vm, DMEM_STAT_PREFETCHED_UNUSED);
	get->evicted_pages = dmem_stat_read(vm, DMEM_STAT_EVICTED_PAGES);
	get->evictions = dmem_stat_read(vm, DMEM_STAT_EVICTIONS);
	get->writeback_pages = dmem_stat_read(vm, DMEM_STAT_WRITEBACK_PAGES);
	get->writebacks = dmem_stat_read(vm, DMEM_STAT_WRITEBACKS);
	get->zero_pages = dmem_stat_read(vm, DMEM_STAT_ZERO_PAGES);
	get->rescued_pages = dmem_stat_read(vm, DMEM_STAT_RESCUED_PAGES);
	get->pinned_skips = dmem_stat_read(vm, DMEM_STAT_PINNED_SKIPS);
	get->retries = dmem_stat_read(vm, DMEM_STAT_RETRIES);
	get->stalls = dmem_stat_read(vm, DMEM_STAT_STALLS);
	get->policy_decisions = dmem_stat_read(vm, DMEM_STAT_POLICY_DECISIONS);
	get->policy_clamped = dmem_stat_read(vm, DMEM_STAT_POLICY_CLAMPED);
	get->errors = dmem_stat_read(vm, DMEM_STAT_ERRORS);
	get->regions = dmem_stat_read(vm, DMEM_STAT_REGIONS);
	get->prefetches_queued = dmem_stat_read(vm, DMEM_STAT_PREFETCHES_QUEUED);
	get->prefetches_dropped = dmem_stat_read(vm, DMEM_STAT_PREFETCHES_DROPPED);
}

static long dmem_ioctl_get(struct dmem_vm *vm, void __user *arg)
{
	struct dmem_vm_get get;
	int err;

	err = dmem_copy_in(&get, sizeof(get), offsetofend(struct dmem_vm_get, regions), arg);
	if (err)
		return err;
	get.size = min_t(u32, get.size, sizeof(get));
	inode_lock_shared(vm->inode);
	get.id = vm->ident.id;
	get.order = vm->ident.order;
	get.size_bytes = vm->ident.size_bytes;
	get.direct_limit_bytes = vm->ident.direct_limit_bytes;
	inode_unlock_shared(vm->inode);
	dmem_get_stats(vm, &get);
	return dmem_copy_out(arg, &get, sizeof(get));
}

static int dmem_check_set(const struct dmem_vm *vm, const struct dmem_vm_set *set)
{
	u64 least = min_t(u64, vm->ident.size_bytes, (u64)DMEM_DIRECT_MIN_PAGES << PAGE_SHIFT);

	if (set->mask & ~DMEM_SET_ALL)
		return -EOPNOTSUPP;
	if (set->reserved || (!(set->mask & DMEM_SET_ORDER) && set->order) ||
	    (!(set->mask & DMEM_SET_DIRECT_LIMIT) && set->direct_limit_bytes))
		return -EINVAL;
	if (set->mask & DMEM_SET_ORDER && set->order > DMEM_ORDER_MAX)
		return -EINVAL;
	if (set->mask & DMEM_SET_DIRECT_LIMIT) {
		if (!PAGE_ALIGNED(set->direct_limit_bytes) || !set->direct_limit_bytes)
			return -EINVAL;
		if (set->direct_limit_bytes > vm->ident.size_bytes)
			return -ERANGE;
		if (set->direct_limit_bytes < least)
			return -EINVAL;
	}
	return 0;
}

static long dmem_ioctl_set(struct dmem_vm *vm, void __user *arg)
{
	struct dmem_vm_set set;
	int err;

	err = dmem_copy_in(&set, sizeof(set), offsetofend(struct dmem_vm_set, reserved), arg);
	if (err)
		return err;
	inode_lock(vm->inode);
	err = dmem_check_set(vm, &set);
	if (err)
		goto unlock;
	if (set.mask & DMEM_SET_ORDER)
		WRITE_ONCE(vm->ident.order, set.order);
	if (set.mask & DMEM_SET_DIRECT_LIMIT) {
		vm->limit_is_set = true;
		dmem_vm_set_limit(vm, set.direct_limit_bytes >> PAGE_SHIFT);
	}
	dmem_trace_vm(vm, DMEM_VM_CHANGED);
unlock:
	inode_unlock(vm->inode);
	return err;
}

static long dmem_ioctl_flush(struct dmem_vm *vm, void __user *arg)
{
	struct dmem_vm_flush flush;
	int err;

	err = dmem_copy_in(&flush, sizeof(flush), offsetofend(struct dmem_vm_flush, kept_pages),
			   arg);
	if (err)
		return err;
	flush.size = min_t(u32, flush.size, sizeof(flush));
	err = dmem_evict_all(vm, &flush);
	return err ?: dmem_copy_out(arg, &flush, sizeof(flush));
}

static long dmem_ioctl_donors(struct dmem_pool *pool, void __user *arg)
{
	struct dmem_pool_donors *all = kzalloc(sizeof(*all), GFP_KERNEL);
	unsigned int i;
	long err;

	if (!all)
		return -ENOMEM;
	err = dmem_copy_in(all, sizeof(*all), sizeof(*all), arg);
	if (err)
		goto free;
	all->size = min_t(u32, all->size, sizeof(*all));
	all->nr = pool->nr_donors;
	all->reserved = 0;
	memset(all->donors, 0, sizeof(all->donors));
	pool->donor.transport->tell(pool, all->donors);
	for (i = 0; i < all->nr; i++)
		strscpy(all->donors[i].name, pool->donors[i]);
	err = dmem_copy_out(arg, all, sizeof(*all));
free:
	kfree(all);
	return err;
}

/* Of a directory: of its pool. */
long dmem_dir_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd != DMEM_IOC_DONORS)
		return -ENOTTY;
	return dmem_ioctl_donors(dmem_sb_pool(file_inode(file)->i_sb), (void __user *)arg);
}

long dmem_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct dmem_vm *vm = dmem_inode_vm(file_inode(file));
	void __user *user = (void __user *)arg;
	bool writable = file->f_mode & FMODE_WRITE;

	switch (cmd) {
	case DMEM_IOC_GET:
		return dmem_ioctl_get(vm, user);
	case DMEM_IOC_SET:
		return writable ? dmem_ioctl_set(vm, user) : -EBADF;
	case DMEM_IOC_FLUSH:
		return writable ? dmem_ioctl_flush(vm, user) : -EBADF;
	default:
		return -ENOTTY;
	}
}
