// SPDX-License-Identifier: GPL-2.0
/*
 * micro_pool.c - VM memory to measure on: a pool of its own, one file, all of it remote.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "micro.h"
#include "uapi/dmem.h"

#define POOL	"/run/dmem-bench"

static void vm_ioctl(int fd, unsigned long request, void *arg, const char *what)
{
	if (ioctl(fd, request, arg))
		die("%s: %s", what, strerror(errno));
}

/* All of it becomes remote. */
void vm_flush(struct vm *vm)
{
	struct dmem_vm_flush flush = { .size = sizeof(flush), .version = DMEM_ABI_VERSION };

	vm_ioctl(vm->fd, DMEM_IOC_FLUSH, &flush, "flush");
	if (flush.kept_pages)
		die("%llu pages stayed local", flush.kept_pages);
}

char *vm_map_again(const struct vm *vm)
{
	char *map = mmap(NULL, vm->pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vm->fd, 0);

	if (map == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	return map;
}

struct dmem_vm_get vm_get(struct vm *vm)
{
	struct dmem_vm_get get = { .size = sizeof(get), .version = DMEM_ABI_VERSION };

	vm_ioctl(vm->fd, DMEM_IOC_GET, &get, "get");
	return get;
}

void vm_set_limit(struct vm *vm, uint64_t pages)
{
	struct dmem_vm_set set = { .size = sizeof(set), .version = DMEM_ABI_VERSION,
				   .mask = DMEM_SET_DIRECT_LIMIT,
				   .direct_limit_bytes = pages * PAGE };

	vm_ioctl(vm->fd, DMEM_IOC_SET, &set, "set");
}

/* A file whose every page is remote and not zero. */
struct vm vm_make(const char *options, size_t pages)
{
	struct vm vm = { .pages = pages };

	if (mkdir(POOL, 0755) && errno != EEXIST)
		die("mkdir " POOL ": %s", strerror(errno));
	if (mount("none", POOL, "dmem", 0, options))
		die("mount -o %s: %s", options, strerror(errno));
	vm.fd = open(POOL "/vm", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (vm.fd < 0 || ftruncate(vm.fd, pages * PAGE))
		die("making " POOL "/vm: %s", strerror(errno));
	vm.map = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vm.fd, 0);
	if (vm.map == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	for (size_t i = 0; i < pages; i++)
		vm.map[i * PAGE] = 2;
	vm_flush(&vm);
	return vm;
}

void vm_end(struct vm *vm)
{
	struct dmem_vm_get get = vm_get(vm);

	if (get.errors)
		die("%llu pages failed", get.errors);
	munmap(vm->map, vm->pages * PAGE);
	close(vm->fd);
	if (unlink(POOL "/vm") || umount(POOL))
		die("umount " POOL ": %s", strerror(errno));
}
