// SPDX-License-Identifier: GPL-2.0
/*
 * vm.c - VM memories: files of a pool, their settings and figures, and the walk over all of them.
 *
 * Nothing is opened, made or removed before it is known to be in a pool. The kernel decides
 * what is right; this file finds the words for its errnos.
 */
#include "inpool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "units.h"

/* The path behind an O_PATH descriptor, opened in earnest. */
static int reopen(int fd, int flags, struct dmem_error *error)
{
	char link[32];
	int opened;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	opened = open(link, flags | O_CLOEXEC);
	return opened < 0 ? fail_errno(error) : opened;
}

static int check_is_vm(int fd, struct dmem_error *error)
{
	int err = check_in_pool(fd, error);
	struct stat st;

	if (err)
		return err;
	if (fstat(fd, &st))
		return fail_errno(error);
	if (S_ISDIR(st.st_mode))
		return dmem_fail(error, ENOTTY, "a directory, not a VM memory");
	if (!S_ISREG(st.st_mode))
		return dmem_fail(error, ENOTTY, "not a VM memory");
	return 0;
}

int dmem_vm_open(const char *path, int flags, struct dmem_error *error)
{
	/* Opening a device or a FIFO to look at it may have effects: O_PATH has none. */
	int fd, looked = open(path, O_PATH | O_CLOEXEC);

	if (looked < 0)
		return fail_errno(error);
	fd = check_is_vm(looked, error);
	if (!fd)
		fd = reopen(looked, flags, error);
	close(looked);
	return fd;
}

/*
 * The directory that holds @path's last name, if it is in a pool. Names are looked up from this
 * descriptor afterwards, so that they stay in the pool.
 */
static int open_parent(const char *path, const char **name, struct dmem_error *error)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX] = ".";
	int fd, err;

	*name = slash ? slash + 1 : path;
	if (!**name || !strcmp(*name, ".") || !strcmp(*name, ".."))
		return dmem_fail(error, EINVAL, "not the name of a file");
	if (slash && slash - path >= PATH_MAX)
		return dmem_fail(error, ENAMETOOLONG, "%s", strerror(ENAMETOOLONG));
	if (slash)
		snprintf(parent, sizeof(parent), "%.*s", slash == path ? 1 : (int)(slash - path),
			 path);
	fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return dmem_fail(error, errno, "%s: %s", parent, strerror(errno));
	err = check_in_pool(fd, error);
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int vm_ioctl(int fd, unsigned long request, void *arg, struct dmem_error *error)
{
	if (!ioctl(fd, request, arg))
		return 0;
	switch (errno) {
	case ENOTTY:
		return dmem_fail(error, ENOTTY, "not a VM memory");
	case EBADF:
		return dmem_fail(error, EBADF, "not open for writing");
	case EPROTONOSUPPORT:
	case E2BIG:
		return dmem_fail(error, errno,
				      "the loaded dmem module does not speak ABI version %u",
				      DMEM_ABI_VERSION);
	default:
		return fail_errno(error);
	}
}

int dmem_vm_get(int fd, struct dmem_vm_get *get, struct dmem_error *error)
{
	*get = (struct dmem_vm_get){ .size = sizeof(*get), .version = DMEM_ABI_VERSION };
	return vm_ioctl(fd, DMEM_IOC_GET, get, error);
}

/* The smallest direct limit of a file of this size. */
static uint64_t least_direct_bytes(uint64_t size_bytes)
{
	uint64_t least = (uint64_t)DMEM_DIRECT_MIN_PAGES * DMEM_PAGE_BYTES;

	return size_bytes < least ? size_bytes : least;
}

/* As the kernel does for direct=N%. */
static uint64_t direct_from_percent(uint64_t size_bytes, unsigned int percent)
{
	uint64_t bytes = size_bytes / DMEM_PAGE_BYTES * percent / 100 * DMEM_PAGE_BYTES;
	uint64_t least = least_direct_bytes(size_bytes);

	return bytes < least ? least : bytes;
}

/* Which value a refused DMEM_IOC_SET was refused for; @err is what the ioctl gave. */
static int explain_set(const struct dmem_vm_set *set, uint64_t size_bytes, int err,
		       struct dmem_error *error)
{
	uint64_t limit_bytes = set->direct_limit_bytes, least = least_direct_bytes(size_bytes);
	char limit[DMEM_UNITS_LEN], other[DMEM_UNITS_LEN];

	dmem_format_size(limit, sizeof(limit), limit_bytes);
	if (err == -ERANGE)
		return dmem_fail(error, ERANGE, "direct limit %s is larger than size %s", limit,
				      dmem_format_size(other, sizeof(other), size_bytes));
	if (err == -EOPNOTSUPP)
		return dmem_fail(error, EOPNOTSUPP,
				      "the loaded dmem module does not know this setting");
	if (err != -EINVAL)
		return err;
	if (set->mask & DMEM_SET_ORDER && set->order > DMEM_ORDER_MAX)
		return dmem_fail(error, EINVAL, "order %u is not from 0 to %u", set->order,
				      DMEM_ORDER_MAX);
	if (!(set->mask & DMEM_SET_DIRECT_LIMIT))
		return err;
	if (!size_bytes)
		return dmem_fail(error, EINVAL, "no direct limit without a size: it is 0");
	if (limit_bytes % DMEM_PAGE_BYTES)
		return dmem_fail(error, EINVAL, "direct limit %s is not a multiple of 4K", limit);
	if (limit_bytes < least)
		return dmem_fail(error, EINVAL, "direct limit %s is smaller than %s, the least",
				      limit, dmem_format_size(other, sizeof(other), least));
	return err;
}

int dmem_vm_set(int fd, const struct dmem_vm_settings *settings, struct dmem_error *error)
{
	struct dmem_vm_set set = {
		.size = sizeof(set), .version = DMEM_ABI_VERSION, .mask = settings->mask,
	};
	struct dmem_vm_get get;
	int err = dmem_vm_get(fd, &get, error);

	if (err)
		return err;
	if (set.mask & DMEM_SET_ORDER)
		set.order = settings->order;
	if (set.mask & DMEM_SET_DIRECT_LIMIT)
		set.direct_limit_bytes = settings->direct_percent ?
			direct_from_percent(get.size_bytes, settings->direct_percent) :
			settings->direct_limit_bytes;
	err = vm_ioctl(fd, DMEM_IOC_SET, &set, error);
	return err ? explain_set(&set, get.size_bytes, err, error) : 0;
}

int dmem_vm_flush(int fd, struct dmem_vm_flush *flush, struct dmem_error *error)
{
	*flush = (struct dmem_vm_flush){ .size = sizeof(*flush), .version = DMEM_ABI_VERSION };
	return vm_ioctl(fd, DMEM_IOC_FLUSH, flush, error);
}

static int explain_size(int fd, uint64_t size_bytes, int err, struct dmem_error *error)
{
	char size[DMEM_UNITS_LEN], left[DMEM_UNITS_LEN];
	struct statfs fs;

	dmem_format_size(size, sizeof(size), size_bytes);
	if (err == EFBIG)
		return dmem_fail(error, err, "size %s is more than a file can have", size);
	if (err == EINVAL)
		return dmem_fail(error, err, "size %s is not a multiple of 4K", size);
	if (err != ENOSPC || fstatfs(fd, &fs))
		return dmem_fail(error, err, "size %s: %s", size, strerror(err));
	dmem_format_size(left, sizeof(left), (uint64_t)fs.f_bfree * fs.f_bsize);
	return dmem_fail(error, err, "size %s is more than the pool has left, %s", size, left);
}

static int set_size(int fd, uint64_t size_bytes, struct dmem_error *error)
{
	if (!size_bytes)
		return dmem_fail(error, EINVAL, "size 0 is no memory");
	if (size_bytes > INT64_MAX)
		return explain_size(fd, size_bytes, EFBIG, error);
	if (ftruncate(fd, (off_t)size_bytes))
		return explain_size(fd, size_bytes, errno, error);
	return 0;
}

/* The mode last: until then nobody else can open it. */
static int set_access(int fd, const struct dmem_vm_access *access, struct dmem_error *error)
{
	if (fchown(fd, access->uid, access->gid))
		return dmem_fail(error, errno, "owner: %s", strerror(errno));
	if (fchmod(fd, access->mode))
		return dmem_fail(error, errno, "mode: %s", strerror(errno));
	return 0;
}

/* A file that is to be removed again on any error. */
static int set_up(int fd, uint64_t size_bytes, const struct dmem_vm_settings *settings,
		  const struct dmem_vm_access *access, struct dmem_error *error)
{
	int err = set_size(fd, size_bytes, error);

	if (!err && settings->mask)
		err = dmem_vm_set(fd, settings, error);
	if (!err && access)
		err = set_access(fd, access, error);
	return err;
}

static int create_at(int parent, const char *name, uint64_t size_bytes,
		     const struct dmem_vm_settings *settings, const struct dmem_vm_access *access,
		     struct dmem_error *error)
{
	int fd = openat(parent, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return fail_errno(error);
	err = set_up(fd, size_bytes, settings, access, error);
	if (!err)
		return fd;
	unlinkat(parent, name, 0);
	close(fd);
	return err;
}

int dmem_vm_create(const char *path, uint64_t size_bytes, const struct dmem_vm_settings *settings,
		   const struct dmem_vm_access *access, struct dmem_error *error)
{
	int parent, fd;
	sigset_t all, old;
	const char *name;

	parent = open_parent(path, &name, error);
	if (parent < 0)
		return parent;
	/* A signal that ends the process half-way would leave half a VM memory. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	fd = create_at(parent, name, size_bytes, settings, access, error);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(parent);
	return fd;
}

int dmem_vm_remove(const char *path, struct dmem_error *error)
{
	const char *name;
	int fd, err, parent = open_parent(path, &name, error);

	if (parent < 0)
		return parent;
	fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	err = fd < 0 ? fail_errno(error) : check_is_vm(fd, error);
	if (!err && unlinkat(parent, name, 0))
		err = fail_errno(error);
	if (fd >= 0)
		close(fd);
	close(parent);
	return err;
}

struct walk {
	const char *path;
	dmem_vm_visit_fn visit;
	void *data;
	dev_t dev;
	struct dmem_error *error;
	int err;	/* the first thing that could not be read */
};

static void note_unreadable(struct walk *walk, const char *path, int err, const char *why)
{
	bool is_below = path != walk->path;

	if (!walk->err)
		walk->err = dmem_fail(walk->error, err, "%s%s%s", is_below ? path : "",
				      is_below ? ": " : "", why);
}

static int walk_file(struct walk *walk, int looked, const char *path)
{
	struct dmem_vm_get get;
	struct dmem_error why;
	int fd, err;

	fd = reopen(looked, O_RDONLY, &why);
	err = fd < 0 ? fd : dmem_vm_get(fd, &get, &why);
	if (fd >= 0)
		close(fd);
	if (err) {
		note_unreadable(walk, path, -err, why.text);
		return 0;
	}
	err = walk->visit(path, &get, walk->data);
	return err ? dmem_fail(walk->error, -err, "%s: %s", path, strerror(-err)) : 0;
}

static int walk_directory(struct walk *walk, int dir, const char *path);

static int walk_name(struct walk *walk, int dir, const char *name, const char *path)
{
	int looked = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int err = 0;

	if (looked < 0) {
		if (errno != ENOENT)
			note_unreadable(walk, path, errno, strerror(errno));
		return 0;
	}
	if (fstat(looked, &st))
		note_unreadable(walk, path, errno, strerror(errno));
	else if (st.st_dev == walk->dev && S_ISDIR(st.st_mode))
		err = walk_directory(walk, looked, path);
	else if (st.st_dev == walk->dev && S_ISREG(st.st_mode))
		err = walk_file(walk, looked, path);
	close(looked);
	return err;
}

static int is_real_name(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

static int walk_directory(struct walk *walk, int dir, const char *path)
{
	bool slash = path[strlen(path) - 1] == '/';
	struct dirent **entries;
	char *below;
	int nr, err = 0;

	nr = scandirat(dir, ".", &entries, is_real_name, versionsort);
	if (nr < 0) {
		note_unreadable(walk, path, errno, strerror(errno));
		return 0;
	}
	for (int i = 0; i < nr; i++) {
		if (!err && asprintf(&below, "%s%s%s", path, slash ? "" : "/",
				     entries[i]->d_name) < 0) {
			err = dmem_fail(walk->error, ENOMEM, "%s", strerror(ENOMEM));
		} else if (!err) {
			err = walk_name(walk, dir, entries[i]->d_name, below);
			free(below);
		}
		free(entries[i]);
	}
	free(entries);
	return err;
}

int dmem_vm_for_each(const char *path, dmem_vm_visit_fn visit, void *data,
		     struct dmem_error *error)
{
	struct walk walk = { .path = path, .visit = visit, .data = data, .error = error };
	int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int err;

	if (dir < 0)
		return fail_errno(error);
	err = check_in_pool(dir, error);
	if (!err && fstat(dir, &st))
		err = fail_errno(error);
	if (!err) {
		walk.dev = st.st_dev;
		err = walk_directory(&walk, dir, path);
	}
	close(dir);
	return err ? err : walk.err;
}
