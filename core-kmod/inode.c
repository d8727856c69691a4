// SPDX-License-Identifier: GPL-2.0
/*
 * inode.c - files and directories of a pool: making them, sizing them, mapping them.
 *
 * Sizes change under inode->i_rwsem. Directories are libfs's.
 */
#include <linux/blk_types.h>
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/pagemap.h>

#include "core.h"
#include "trace.h"

/* Of all pools: a file's number is its VM memory's id in the maps, so none is used twice. */
static atomic_t dmem_last_ino = ATOMIC_INIT(0);

static const struct inode_operations dmem_dir_iops;
static const struct inode_operations dmem_file_iops;
static const struct address_space_operations dmem_aops = {
	.dirty_folio = noop_dirty_folio,
};

/* What a file of this size takes of the donors: whole regions, where the transport reserves. */
static u64 dmem_reserved_pages(struct dmem_pool *pool, u64 pages)
{
	return pool->donor.transport->reserve ? round_up(pages, DMEM_REGION_PAGES) : pages;
}

/* Pages that all files together may have now. */
u64 dmem_pool_capacity(struct dmem_pool *pool)
{
	u64 pages = READ_ONCE(pool->donor.lent_pages);

	return pool->size_pages ? min(pages, pool->size_pages) : pages;
}

/* Most pages to reserve: what is lent may change, so a transport that reserves knows better. */
static u64 dmem_reserve_max(struct dmem_pool *pool)
{
	if (!pool->donor.transport->reserve)
		return dmem_pool_capacity(pool);
	return pool->size_pages ? round_up(pool->size_pages, DMEM_REGION_PAGES) : S64_MAX;
}

/* Reserve with the donors for a file to grow; -ENOSPC when they do not lend that much. */
int dmem_reserve_size(struct dmem_pool *pool, u64 old_pages, u64 pages)
{
	u64 nr = dmem_reserved_pages(pool, pages) - dmem_reserved_pages(pool, old_pages);
	s64 old = atomic64_read(&pool->reserved_pages);
	u64 most = dmem_reserve_max(pool);
	int err = 0;

	do {
		if (nr > most || old > most - nr)
			return -ENOSPC;
	} while (!atomic64_try_cmpxchg(&pool->reserved_pages, &old, old + nr));
	if (nr && pool->donor.transport->reserve)
		err = pool->donor.transport->reserve(pool, nr / DMEM_REGION_PAGES);
	if (err)
		atomic64_sub(nr, &pool->reserved_pages);
	return err;
}

/* A file has shrunk, and what it held beyond has been discarded. */
void dmem_unreserve_size(struct dmem_pool *pool, u64 old_pages, u64 pages)
{
	u64 nr = dmem_reserved_pages(pool, old_pages) - dmem_reserved_pages(pool, pages);

	atomic64_sub(nr, &pool->reserved_pages);
	if (nr && pool->donor.transport->unreserve)
		pool->donor.transport->unreserve(pool, nr / DMEM_REGION_PAGES);
}

/* A new size, checked, with the budget that follows from it. inode->i_rwsem is held. */
static void dmem_set_size(struct dmem_vm *vm, u64 bytes)
{
	u64 pages = bytes >> PAGE_SHIFT;
	u64 limit = vm->ident.direct_limit_bytes >> PAGE_SHIFT;

	vm->ident.size_bytes = bytes;
	i_size_write(vm->inode, bytes);
	if (vm->limit_is_set)
		limit = min(limit, pages);
	else
		limit = dmem_vm_default_limit(vm, pages);
	dmem_vm_set_limit(vm, limit);
	dmem_trace_vm(vm, DMEM_VM_CHANGED);
}

static int dmem_resize(struct inode *inode, loff_t size)
{
	struct dmem_vm *vm = dmem_inode_vm(inode);
	u64 old_pages = vm->ident.size_bytes >> PAGE_SHIFT, pages = size >> PAGE_SHIFT;
	int err;

	if (!PAGE_ALIGNED(size)) {
		pr_notice_ratelimited("dmem: %s: size %lld is not a multiple of 4 KiB\n",
				      vm->ident.name, size);
		return -EINVAL;
	}
	if (pages > old_pages) {
		err = dmem_reserve_size(vm->pool, old_pages, pages);
		if (err) {
			pr_notice_ratelimited("dmem: %s: size %lld is more than the donors have left: %d\n",
					      vm->ident.name, size, err);
			return err;
		}
		dmem_set_size(vm, size);
	} else if (pages < old_pages) {
		/* The size first: faults look at it with their region locked. */
		dmem_set_size(vm, size);
		dmem_release_pages(vm, pages, old_pages - 1);
		dmem_unreserve_size(vm->pool, old_pages, pages);
	}
	return 0;
}

static int dmem_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int err = setattr_prepare(idmap, dentry, attr);

	if (err)
		return err;
	if (attr->ia_valid & ATTR_SIZE) {
		err = dmem_resize(inode, attr->ia_size);
		if (err)
			return err;
	}
	setattr_copy(idmap, inode, attr);
	return 0;
}

static int dmem_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
			u32 request_mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct dmem_vm *vm = dmem_inode_vm(inode);

	generic_fillattr(idmap, request_mask, inode, stat);
	stat->blocks = (dmem_stat_read(vm, DMEM_STAT_LOCAL) +
			dmem_stat_read(vm, DMEM_STAT_REMOTE)) << (PAGE_SHIFT - SECTOR_SHIFT);
	return 0;
}

static int dmem_punch(struct inode *inode, loff_t offset, loff_t len)
{
	struct dmem_vm *vm = dmem_inode_vm(inode);
	loff_t end = min_t(loff_t, offset + len, i_size_read(inode));

	if (offset < end)
		dmem_release_pages(vm, offset >> PAGE_SHIFT, (end >> PAGE_SHIFT) - 1);
	return 0;
}

/*
 * Giving back is in whole pages. Preallocation has nothing to do but to set the size: the
 * donors' memory is reserved by it.
 */
static long dmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	int err = 0;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	if (!PAGE_ALIGNED(offset) || !PAGE_ALIGNED(len))
		return -EINVAL;
	inode_lock(inode);
	if (mode & FALLOC_FL_PUNCH_HOLE)
		err = dmem_punch(inode, offset, len);
	else if (!(mode & FALLOC_FL_KEEP_SIZE) && offset + len > i_size_read(inode))
		err = inode_newsize_ok(inode, offset + len) ?: dmem_resize(inode, offset + len);
	inode_unlock(inode);
	return err;
}

/*
 * Maps nothing around a fault: what is mapped without having been touched would look used. Only
 * with this operation does the mm core call .fault under the VMA's lock instead of mmap_lock.
 */
static vm_fault_t dmem_map_pages(struct vm_fault *vmf, pgoff_t first, pgoff_t last)
{
	return 0;
}

static const struct vm_operations_struct dmem_vm_ops = {
	.fault = dmem_fault,
	.map_pages = dmem_map_pages,
};

static int dmem_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(file);
	struct dmem_vm *vm = dmem_inode_vm(inode);
	u64 end = vma->vm_pgoff + vma_pages(vma);

	/* A private copy would be neither remote nor seen by the guest. */
	if (!(vma->vm_flags & VM_MAYSHARE)) {
		pr_notice_ratelimited("dmem: %s: mapped MAP_PRIVATE; only MAP_SHARED is memory of the VM (QEMU: share=on)\n",
				      vm->ident.name);
		return -EINVAL;
	}
	if (end < vma->vm_pgoff || end > i_size_read(inode) >> PAGE_SHIFT)
		return -ENXIO;
	vm_flags_set(vma, VM_DONTEXPAND);
	vma->vm_ops = &dmem_vm_ops;
	file_accessed(file);
	return 0;
}

const struct file_operations dmem_file_ops = {
	.owner = THIS_MODULE,
	.mmap = dmem_mmap,
	.fallocate = dmem_fallocate,
	.llseek = generic_file_llseek,
	.fsync = noop_fsync,
	.unlocked_ioctl = dmem_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.get_unmapped_area = thp_get_unmapped_area,
};

/* As simple_dir_operations, and with an ioctl. */
static const struct file_operations dmem_dir_ops = {
	.owner = THIS_MODULE,
	.open = dcache_dir_open,
	.release = dcache_dir_close,
	.llseek = dcache_dir_lseek,
	.read = generic_read_dir,
	.iterate_shared = dcache_readdir,
	.fsync = noop_fsync,
	.unlocked_ioctl = dmem_dir_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static const struct inode_operations dmem_file_iops = {
	.setattr = dmem_setattr,
	.getattr = dmem_getattr,
};

/**
 * dmem_inode_new - an inode of a pool
 * @sb: the pool's
 * @dir: where it will be; NULL for the root
 * @mode: file type and permissions
 *
 * Return: the inode; a regular file's still needs its VM memory. NULL without memory.
 */
struct inode *dmem_inode_new(struct super_block *sb, struct inode *dir, umode_t mode)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_ino = (u32)atomic_inc_return(&dmem_last_ino);
	inode_init_owner(&nop_mnt_idmap, inode, dir, mode);
	simple_inode_init_ts(inode);
	inode->i_mapping->a_ops = &dmem_aops;
	if (S_ISDIR(mode)) {
		inode->i_op = &dmem_dir_iops;
		inode->i_fop = &dmem_dir_ops;
		inc_nlink(inode);
	} else {
		/* Shared write faults would otherwise update the file's times, one by one. */
		inode->i_flags |= S_NOCMTIME;
		inode->i_op = &dmem_file_iops;
		inode->i_fop = &dmem_file_ops;
		mapping_set_unevictable(inode->i_mapping);
	}
	return inode;
}

static struct inode *dmem_file_new(struct inode *dir, struct dentry *dentry, umode_t mode)
{
	struct inode *inode = dmem_inode_new(dir->i_sb, dir, mode | S_IFREG);
	struct dmem_vm *vm;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	vm = dmem_vm_create(inode, dentry);
	if (IS_ERR(vm)) {
		iput(inode);
		return ERR_CAST(vm);
	}
	container_of(inode, struct dmem_inode, inode)->vm = vm;
	return inode;
}

static void dmem_dir_touch(struct inode *dir)
{
	inode_set_mtime_to_ts(dir, inode_set_ctime_current(dir));
}

static int dmem_create(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		       DMEM_CREATE_MODE)
{
	struct inode *inode = dmem_file_new(dir, dentry, mode);

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	d_make_persistent(dentry, inode);
	dmem_dir_touch(dir);
	return 0;
}

static int dmem_tmpfile(struct mnt_idmap *idmap, struct inode *dir, struct file *file,
			umode_t mode)
{
	struct inode *inode = dmem_file_new(dir, file->f_path.dentry, mode);

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	d_tmpfile(file, inode);
	return finish_open_simple(file, 0);
}

static DMEM_MKDIR_TYPE dmem_mkdir(struct mnt_idmap *idmap, struct inode *dir,
				  struct dentry *dentry, umode_t mode)
{
	struct inode *inode = dmem_inode_new(dir->i_sb, dir, mode | S_IFDIR);

	if (!inode)
		return dmem_mkdir_result(-ENOMEM);
	d_make_persistent(dentry, inode);
	inc_nlink(dir);
	dmem_dir_touch(dir);
	return dmem_mkdir_result(0);
}

static const struct inode_operations dmem_dir_iops = {
	.create = dmem_create,
	.tmpfile = dmem_tmpfile,
	.lookup = simple_lookup,
	.link = simple_link,
	.unlink = simple_unlink,
	.mkdir = dmem_mkdir,
	.rmdir = simple_rmdir,
	.rename = simple_rename,
	.setattr = simple_setattr,
	.getattr = simple_getattr,
};
