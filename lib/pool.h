/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pool.h - pools (mounts of the filesystem type dmem) and the VM memories in them.
 *
 * Every function that can fail returns a negative errno and leaves the reason, ready to print
 * behind "tool: verb object: ", in a struct dmem_error.
 */
#ifndef DMEM_POOL_H
#define DMEM_POOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"
#include "uapi/dmem.h"

/**
 * struct dmem_pool - a pool that is mounted where this process sees it
 * @path: mount point
 * @options: as /proc/self/mountinfo shows them: "rw,donor=local:1G,direct=50%,..."
 * @dev: st_dev of everything in it
 */
struct dmem_pool {
	char *path;
	char *options;
	dev_t dev;
};

/** struct dmem_pool_usage - what a pool's donors lend, and how much of it files reserve */
struct dmem_pool_usage {
	uint64_t lent_bytes;
	uint64_t reserved_bytes;
};

/**
 * dmem_pool_list - every pool once, bind mounts left out, in the order of their mounting
 * @pools: takes an array for dmem_pool_list_free(); NULL when there is none
 * @nr: takes their number
 * @error: takes the reason
 *
 * Pools hidden beneath another mount are left out. Return: 0, or a negative errno.
 */
int dmem_pool_list(struct dmem_pool **pools, size_t *nr, struct dmem_error *error);
void dmem_pool_list_free(struct dmem_pool *pools, size_t nr);

/**
 * dmem_pool_get_usage - what is lent and reserved
 * @path: of anything in the pool
 * @usage: takes the figures
 * @error: takes the reason
 *
 * Return: 0; -ENOTTY where @path is not in a pool; another negative errno.
 */
int dmem_pool_get_usage(const char *path, struct dmem_pool_usage *usage,
			struct dmem_error *error);

/**
 * dmem_pool_get_donors - how the donors stand
 * @path: of a directory in the pool
 * @donors: takes them
 * @error: takes the reason
 *
 * Return: 0; -ENOTTY where @path is not in a pool, or the module is older; another negative errno.
 */
int dmem_pool_get_donors(const char *path, struct dmem_pool_donors *donors,
			 struct dmem_error *error);

/**
 * dmem_pool_mount - make a pool
 * @target: an existing directory that is not in a pool
 * @options: docs/core.md's mount options, separated by commas
 * @error: takes the reason; the kernel's own words where it has some
 *
 * Return: 0; -ENODEV where the module is not loaded; another negative errno. A pool that fails
 * leaves nothing behind.
 */
int dmem_pool_mount(const char *target, const char *options, struct dmem_error *error);

/**
 * dmem_pool_umount - end a pool and every VM memory in it
 * @target: its mount point
 * @error: takes the reason
 *
 * Return: 0; -EBUSY where one of its files is open or mapped; another negative errno.
 */
int dmem_pool_umount(const char *target, struct dmem_error *error);

/**
 * struct dmem_vm_settings - what to set of a VM memory
 * @mask: DMEM_SET_* of the fields that are meant
 * @direct_limit_bytes: the direct limit, where @direct_percent is zero
 * @direct_percent: the direct limit as a part of the size, 1 ... 100, in whole pages and not below
 *	the smallest limit: what the mount option direct=N% means
 * @order: default block order
 */
struct dmem_vm_settings {
	uint64_t mask;
	uint64_t direct_limit_bytes;
	unsigned int direct_percent;
	unsigned int order;
};

/**
 * struct dmem_vm_access - who may open a VM memory that is made
 * @uid: its owner; (uid_t)-1: the caller
 * @gid: its group; (gid_t)-1: the caller's
 * @mode: permission bits, at most 0777
 */
struct dmem_vm_access {
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/**
 * dmem_vm_open - open a VM memory; anything else is refused without being opened
 * @path: a regular file in a pool
 * @flags: O_RDONLY or O_RDWR; the latter to set or flush
 * @error: takes the reason
 *
 * Return: a file descriptor (close-on-exec); -ENOTTY where @path is no VM memory; another
 * negative errno.
 */
int dmem_vm_open(const char *path, int flags, struct dmem_error *error);

/**
 * dmem_vm_create - make a VM memory, or leave nothing behind
 * @path: a name that is free, in a pool
 * @size_bytes: a multiple of 4 KiB above zero, reserved with the donors at once
 * @settings: what differs from the pool's defaults
 * @access: whose it is; NULL: only the caller's user may open it (mode 0600)
 * @error: takes the reason
 *
 * Return: a file descriptor, open for reading and writing; -ENOTTY where the directory is not
 * in a pool; -ENOSPC where the donors have less left; another negative errno.
 */
int dmem_vm_create(const char *path, uint64_t size_bytes, const struct dmem_vm_settings *settings,
		   const struct dmem_vm_access *access, struct dmem_error *error);

/**
 * dmem_vm_remove - take a VM memory's name away; it is gone when its last user is
 * @path: a regular file in a pool
 * @error: takes the reason
 *
 * Return: 0; -ENOTTY where @path is no VM memory; another negative errno.
 */
int dmem_vm_remove(const char *path, struct dmem_error *error);

/**
 * dmem_vm_get - settings and figures
 * @fd: of dmem_vm_open() or dmem_vm_create()
 * @get: takes them; what an older module does not know is zero
 * @error: takes the reason
 *
 * Return: 0, or a negative errno.
 */
int dmem_vm_get(int fd, struct dmem_vm_get *get, struct dmem_error *error);

/**
 * dmem_vm_set - change settings, all or none
 * @fd: open for writing
 * @settings: what to change
 * @error: takes the reason
 *
 * Return: 0; -ERANGE for a direct limit above the size; -EINVAL for another value out of range;
 * another negative errno.
 */
int dmem_vm_set(int fd, const struct dmem_vm_settings *settings, struct dmem_error *error);

/**
 * dmem_vm_flush - evict what may be evicted, and wait for its writebacks
 * @fd: open for writing
 * @flush: takes the counts
 * @error: takes the reason
 *
 * Return: 0; -EINTR where a signal came first; another negative errno.
 */
int dmem_vm_flush(int fd, struct dmem_vm_flush *flush, struct dmem_error *error);

/**
 * typedef dmem_vm_visit_fn - takes one VM memory
 * @path: the path of the walk, with the names below it
 * @get: settings and figures
 * @data: the caller's
 *
 * Return: 0, or a negative errno that ends the walk.
 */
typedef int (*dmem_vm_visit_fn)(const char *path, const struct dmem_vm_get *get, void *data);

/**
 * dmem_vm_for_each - visit the VM memories below a directory, by name
 * @path: a directory in a pool
 * @visit: called for each of them
 * @data: for @visit
 * @error: takes the reason; that of the first where there are several
 *
 * Other mounts and links are not followed. What cannot be read (no permission, say) does not keep
 * the rest from being visited; what vanishes meanwhile is no error.
 *
 * Return: 0; -ENOTTY where @path is not in a pool; another negative errno, @visit's own too.
 */
int dmem_vm_for_each(const char *path, dmem_vm_visit_fn visit, void *data,
		     struct dmem_error *error);

#endif /* DMEM_POOL_H */
