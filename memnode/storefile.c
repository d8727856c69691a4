// SPDX-License-Identifier: GPL-2.0
/*
 * storefile.c - the store's files: a memfd each, or DIR/memory and DIR/ledger.
 *
 * DIR is on tmpfs or hugetlbfs: other filesystems do not let pages be pinned for long. The
 * ledger is locked for as long as the daemon lives.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "log.h"
#include "storefile.h"
#include "units.h"

#define BOOT_ID_FILE	"/proc/sys/kernel/random/boot_id"

static int read_boot_id(uint8_t id[LEDGER_BOOT_ID_BYTES], struct dmem_error *error)
{
	char text[40] = "";
	FILE *file = fopen(BOOT_ID_FILE, "re");
	unsigned int at = 0, i;

	if (!file || !fgets(text, sizeof(text), file)) {
		if (file)
			fclose(file);
		return dmem_fail(error, EIO, BOOT_ID_FILE ": cannot be read");
	}
	fclose(file);
	for (i = 0; text[i] && at < LEDGER_BOOT_ID_BYTES; i += 2) {
		if (text[i] == '-')
			i++;
		if (sscanf(text + i, "%2hhx", &id[at++]) != 1)
			return dmem_fail(error, EIO, BOOT_ID_FILE ": not a boot id");
	}
	return at == LEDGER_BOOT_ID_BYTES ? 0 : dmem_fail(error, EIO, BOOT_ID_FILE ": too short");
}

static int check_dir(int fd, const struct store_config *config, struct dmem_error *error)
{
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return dmem_fail(error, errno, "%s: %s", config->dir, strerror(errno));
	if (fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC)
		return dmem_fail(error, EINVAL, "%s: on neither tmpfs nor hugetlbfs: memory there cannot be registered",
				 config->dir);
	if (config->hugepages && fs.f_type != HUGETLBFS_MAGIC)
		return dmem_fail(error, EINVAL, "%s: --hugepages, and not on hugetlbfs", config->dir);
	if (fs.f_type == HUGETLBFS_MAGIC && config->extent_bytes % fs.f_bsize)
		return dmem_fail(error, EINVAL, "%s: its huge pages, of %ld KiB, are larger than an extent",
				 config->dir, (long)fs.f_bsize >> 10);
	return 0;
}

/* Where others can write, they could say who has what; where they can read, resume keys. */
static int open_in_dir(struct store *store, const struct store_config *config, const char *name,
		       int *fd, struct dmem_error *error)
{
	struct stat st;

	*fd = openat(store->dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		     0600);
	if (*fd < 0 || fstat(*fd, &st))
		return dmem_fail(error, errno, "%s/%s: %s", config->dir, name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return dmem_fail(error, EINVAL, "%s/%s: not a regular file", config->dir, name);
	if (st.st_uid != geteuid() || st.st_mode & 077)
		return dmem_fail(error, EPERM, "%s/%s: others than its owner may use it, or the owner is another",
				 config->dir, name);
	return 0;
}

static int open_dir(struct store *store, const struct store_config *config,
		    struct dmem_error *error)
{
	int err;

	store->dir_fd = open(config->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir_fd < 0)
		return dmem_fail(error, errno, "%s: %s", config->dir, strerror(errno));
	err = check_dir(store->dir_fd, config, error);
	if (!err)
		err = open_in_dir(store, config, "ledger", &store->lock_fd, error);
	if (!err && flock(store->lock_fd, LOCK_EX | LOCK_NB))
		err = dmem_fail(error, errno, "%s/ledger: %s", config->dir, errno == EWOULDBLOCK ?
				"another dmem-memnode has it" : strerror(errno));
	if (!err)
		err = open_in_dir(store, config, "memory", &store->memory_fd, error);
	return err;
}

static int open_memfds(struct store *store, const struct store_config *config,
		       struct dmem_error *error)
{
	struct statfs fs;

	store->lock_fd = memfd_create("dmem-ledger", MFD_CLOEXEC);
	store->memory_fd = memfd_create("dmem-memory",
					MFD_CLOEXEC | (config->hugepages ? MFD_HUGETLB : 0));
	if (store->lock_fd < 0 || store->memory_fd < 0 || fstatfs(store->memory_fd, &fs))
		return dmem_fail(error, errno, "memory: %s", strerror(errno));
	if (config->hugepages && config->extent_bytes % fs.f_bsize)
		return dmem_fail(error, EINVAL, "--hugepages: they are of %ld KiB, larger than an extent",
				 (long)fs.f_bsize >> 10);
	return 0;
}

/* Its room is had now: a page that tmpfs cannot give when it is touched is a SIGBUS. */
static int map_ledger(struct store *store, struct dmem_error *error)
{
	struct statfs fs;
	struct stat st;
	size_t bytes;
	int err;

	if (fstatfs(store->lock_fd, &fs) || fstat(store->lock_fd, &st))
		return dmem_fail(error, errno, "ledger: %s", strerror(errno));
	bytes = ledger_bytes(store->nr_extents, fs.f_bsize);
	/* One of another size is of no use; what is cut off comes back as zeros, which are void. */
	if ((st.st_size != (off_t)bytes && ftruncate(store->lock_fd, 0)) ||
	    ftruncate(store->lock_fd, bytes) || fallocate(store->lock_fd, 0, 0, bytes))
		return dmem_fail(error, errno, "ledger of %zu KiB: %s", bytes >> 10,
				 strerror(errno));
	err = ledger_map(&store->ledger, store->lock_fd, bytes);
	return err ? dmem_fail(error, err, "ledger: %s", strerror(-err)) : 0;
}

static int read_shape(const struct store *store, struct ledger_shape *shape, off_t *bytes,
		      struct dmem_error *error)
{
	struct stat st;

	if (fstat(store->memory_fd, &st))
		return dmem_fail(error, errno, "memory: %s", strerror(errno));
	memset(shape, 0, sizeof(*shape));
	shape->extents = store->nr_extents;
	shape->extent_bytes = store->extent_bytes;
	shape->memory_device = st.st_dev;
	shape->memory_inode = st.st_ino;
	*bytes = st.st_size;
	return read_boot_id(shape->boot_id, error);
}

/* Void, emptied, valid: whoever is killed in between begins anew. */
static int begin(struct store *store, const struct ledger_shape *shape, struct dmem_error *error)
{
	uint64_t epoch = 0;

	ledger_void(&store->ledger);
	if (ftruncate(store->memory_fd, 0) || ftruncate(store->memory_fd, store->memory_bytes))
		return dmem_fail(error, errno, "memory of %" PRIu64 " MiB: %s",
				 store->memory_bytes >> 20, strerror(errno));
	while (!epoch) {
		if (getrandom(&epoch, sizeof(epoch), 0) != sizeof(epoch))
			return dmem_fail(error, EIO, "no random numbers");
	}
	ledger_begin(&store->ledger, shape, epoch);
	return 0;
}

static int map_memory(struct store *store, struct dmem_error *error)
{
	void *map = mmap(NULL, store->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			 store->memory_fd, 0);

	if (map == MAP_FAILED)
		return dmem_fail(error, errno, "memory of %" PRIu64 " MiB: %s%s",
				 store->memory_bytes >> 20, strerror(errno), errno == ENOMEM ?
				 " (with huge pages: are as many of them reserved?)" : "");
	store->memory = map;
	/* What guests keep there is in no core dump; larger pages are quicker to register. */
	madvise(map, store->memory_bytes, MADV_DONTDUMP);
	madvise(map, store->memory_bytes, MADV_HUGEPAGE);
	return 0;
}

int storefile_open(struct store *store, const struct store_config *config,
		   struct dmem_error *error)
{
	struct ledger_shape shape;
	off_t bytes = 0;
	int err;

	store->dir_fd = store->lock_fd = store->memory_fd = -1;
	err = config->dir ? open_dir(store, config, error) : open_memfds(store, config, error);
	if (!err)
		err = map_ledger(store, error);
	if (!err)
		err = read_shape(store, &shape, &bytes, error);
	if (err)
		return err;
	store->found = bytes == (off_t)store->memory_bytes && ledger_fits(&store->ledger, &shape);
	if (!store->found)
		err = begin(store, &shape, error);
	return err ? err : map_memory(store, error);
}

void storefile_close(struct store *store)
{
	if (store->memory)
		munmap(store->memory, store->memory_bytes);
	store->memory = NULL;
	ledger_unmap(&store->ledger);
	if (store->memory_fd >= 0)
		close(store->memory_fd);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	if (store->dir_fd >= 0)
		close(store->dir_fd);
	store->dir_fd = store->lock_fd = store->memory_fd = -1;
}
