/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - every difference between the kernels that dmem builds for. Each HAVE_ is found
 * in the kernel's headers by Kbuild, none is guessed from a version.
 */
#ifndef DMEM_COMPAT_H
#define DMEM_COMPAT_H

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/hrtimer.h>
#include <linux/memcontrol.h>

#ifndef HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

#ifdef HAVE_ALLOC_PAGES_BULK_ARRAY
#define alloc_pages_bulk_node alloc_pages_bulk_array_node
#endif

#ifdef HAVE_INODE_JUST_DROP
#define generic_delete_inode inode_just_drop
#endif

/* A namespace of exported symbols: it was an identifier, not a string. */
#ifdef HAVE_NS_IDENTIFIER
#define DMEM_NS DMEM
#else
#define DMEM_NS "DMEM"
#endif

/* Files that live as dentries alone: pinned by a count of their own, or by a flag. */
#ifdef HAVE_D_MAKE_PERSISTENT
#define kill_litter_super kill_anon_super
#else
static inline void d_make_persistent(struct dentry *dentry, struct inode *inode)
{
	d_instantiate(dentry, inode);
	dget(dentry);
}
#endif

/* inode_operations.create: O_EXCL was an argument of its own. */
#ifdef HAVE_CREATE_EXCL
#define DMEM_CREATE_MODE umode_t mode, bool excl
#else
#define DMEM_CREATE_MODE umode_t mode
#endif

/* inode_operations.mkdir: it returned the error, not another dentry or an ERR_PTR(). */
#ifdef HAVE_MKDIR_DENTRY
#define DMEM_MKDIR_TYPE struct dentry *
#define dmem_mkdir_result(err) ERR_PTR(err)
#else
#define DMEM_MKDIR_TYPE int
#define dmem_mkdir_result(err) (err)
#endif

/* A callback of list_lru_walk...(): what stands between the item and the caller's argument. */
#ifdef HAVE_LRU_WALK_LOCK
#define DMEM_LRU_WALK_ARGS struct list_lru_one *list, spinlock_t *lock
#else
#define DMEM_LRU_WALK_ARGS struct list_lru_one *list
#endif

/* mem_cgroup_is_root() reads a variable that modules do not get. */
static inline bool dmem_memcg_is_root(struct mem_cgroup *memcg)
{
#ifdef CONFIG_MEMCG
	return !memcg->css.parent;
#else
	return true;
#endif
}

#endif /* DMEM_COMPAT_H */
