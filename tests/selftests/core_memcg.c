// SPDX-License-Identifier: GPL-2.0
/*
 * core_memcg.c - local pages belong to the memory cgroup of the file's creator: they are counted
 * there, and a cgroup that may have no more evicts instead of killing.
 */
#include <sys/wait.h>

#include "selftest.h"
#include "tests/pages.h"

#define CGROUPS		"/sys/fs/cgroup"
#define GROUP		CGROUPS "/dmem-test"
#define VM_BYTES	(64 * MIB)
#define VM_PAGES	(VM_BYTES / PAGE)
#define LIMIT_BYTES	(24 * MIB)
/* Page tables, the child's own memory, and what the kernel charges in batches. */
#define SLACK_BYTES	(3 * MIB)

static void put(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", *name == '/' ? "" : GROUP, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK_MSG(fd >= 0, "%s: %s", path, strerror(errno));
	CHECK_MSG(write(fd, text, strlen(text)) > 0, "%s to %s: %s", text, path, strerror(errno));
	close(fd);
}

/* The number after @key in a file of the group; the first one without a key. */
static uint64_t figure(const char *name, const char *key)
{
	unsigned long long value = 0;
	char path[128], line[128];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), GROUP "/%s", name);
	file = fopen(path, "re");
	CHECK_MSG(file, "%s: %s", path, strerror(errno));
	while (!found && fgets(line, sizeof(line), file)) {
		size_t skip = key ? strlen(key) : 0;

		found = !strncmp(line, key ? key : "", skip) &&
			sscanf(line + skip, "%llu", &value) == 1;
	}
	fclose(file);
	CHECK_MSG(found, "%s has no %s", path, key ? key : "number");
	return value;
}

static void group_make(const char *max)
{
	put(CGROUPS "/cgroup.subtree_control", "+memory");
	rmdir(GROUP);
	CHECK_MSG(!mkdir(GROUP, 0755), "%s: %s", GROUP, strerror(errno));
	put("memory.max", max);
	put("memory.swap.max", "0");
}

/* For a child, which must not longjmp(). */
static void enter_group(void)
{
	int fd = open(GROUP "/cgroup.procs", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1) {
		dprintf(STDOUT_FILENO, "# child: %s: %s\n", GROUP, strerror(errno));
		_exit(1);
	}
	close(fd);
}

/* A process of the group makes the file, and goes: the pages stay charged where they were. */
static int create_in_group(void)
{
	pid_t pid = fork();
	int status, fd;

	if (!pid) {
		enter_group();
		fd = open(POOL "/vm", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		_exit(fd < 0 || ftruncate(fd, VM_BYTES));
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	fd = open(POOL "/vm", O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

static void group_end(int fd, char *map)
{
	CHECK(!munmap(map, VM_BYTES) && !close(fd) && !unlink(POOL "/vm"));
	/* Pages are uncharged in batches, and the file goes after a grace period. */
	for (unsigned int tries = 0; rmdir(GROUP) && tries < 100; tries++)
		usleep(100000);
	CHECK_ERRNO(access(GROUP, F_OK), ENOENT);
}

static void test_charged(void)
{
	uint64_t before, touched, punched;
	char *map;
	int fd;

	group_make("max");
	pool_mount("donor=local:128M,direct=100%");
	fd = create_in_group();
	map = vm_map(fd, VM_BYTES);
	before = figure("memory.current", NULL);
	for (uint64_t page = 0; page < VM_PAGES / 2; page++)
		page_fill(map + page * PAGE, page, 1, 1);
	touched = figure("memory.current", NULL) - before;
	printf("# %lu MiB touched, by a process of another group: %lu KiB charged\n",
	       VM_BYTES / 2 / MIB, touched >> 10);
	CHECK(touched >= VM_BYTES / 2 && touched < VM_BYTES / 2 + SLACK_BYTES);
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, VM_BYTES));
	punched = figure("memory.current", NULL) - before;
	CHECK_MSG(punched < SLACK_BYTES, "%lu bytes are charged after the punch", punched);
	group_end(fd, map);
}

#define BLOCKS		8UL
#define BLOCK_PAGES	512UL

/* Most of a large block is asked for by a worker, which belongs to no group. */
static void test_behind(void)
{
	const uint64_t pages = BLOCKS * BLOCK_PAGES;
	uint64_t before, charged;
	char *map;
	int fd;

	group_make("max");
	pool_mount("donor=local:128M,direct=100%,order=9");
	fd = create_in_group();
	map = vm_map(fd, VM_BYTES);
	for (uint64_t page = 0; page < pages; page++)
		page_fill(map + page * PAGE, page, 1, 1);
	vm_flush(fd);
	before = figure("memory.current", NULL);
	for (uint64_t block = 0; block < BLOCKS; block++)
		(void)*(volatile char *)(map + block * BLOCK_PAGES * PAGE);
	for (unsigned int i = 0; i < 10000 && vm_get(fd).fetched_pages < pages; i++)
		usleep(1000);
	CHECK_MSG(vm_get(fd).fetched_pages == pages && vm_get(fd).prefetches_queued == BLOCKS,
		  "%llu pages fetched, %llu rests queued", vm_get(fd).fetched_pages,
		  vm_get(fd).prefetches_queued);
	charged = figure("memory.current", NULL) - before;
	printf("# %lu MiB fetched, most of them behind %lu faults: %lu KiB charged\n",
	       pages * PAGE / MIB, BLOCKS, charged >> 10);
	CHECK(charged > pages * PAGE * 7 / 8 && charged < pages * PAGE + SLACK_BYTES);
	group_end(fd, map);
}

/* All of it may be local, but the group may have less than half of it. */
static void test_maximum(void)
{
	char why[400], *map;
	uint64_t page;
	pid_t pid;
	int status, fd;

	snprintf(why, sizeof(why), "%lu", LIMIT_BYTES);
	group_make(why);
	pool_mount("donor=local:128M,direct=100%,order=2");
	fd = create_in_group();
	map = vm_map(fd, VM_BYTES);
	pid = fork();
	if (!pid) {
		enter_group();
		for (page = 0; page < VM_PAGES; page++)
			page_fill(map + page * PAGE, page, 1, 1);
		for (page = 0; page < VM_PAGES; page++)
			if (!page_verify(map + page * PAGE, page, 1, 1, why, sizeof(why))) {
				dprintf(STDOUT_FILENO, "# child: %s\n", why);
				_exit(1);
			}
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	struct dmem_vm_get get = vm_get(fd);

	printf("# at most %lu of %lu MiB charged, %lu MiB local; %lu pages evicted, reached the maximum %lu times\n",
	       figure("memory.peak", NULL) / MIB, VM_BYTES / MIB,
	       (unsigned long)get.direct_bytes / MIB, (unsigned long)get.evicted_pages,
	       figure("memory.events", "max "));
	CHECK_MSG(!status, "the child ended with status %x", status);
	CHECK(!figure("memory.events", "oom_kill ") && figure("memory.events", "max "));
	CHECK(figure("memory.peak", NULL) <= LIMIT_BYTES && get.direct_bytes <= LIMIT_BYTES);
	CHECK(get.evicted_pages > 2 * (VM_BYTES - LIMIT_BYTES) / PAGE);
	for (page = 0; page < VM_PAGES; page++)
		CHECK_MSG(page_verify(map + page * PAGE, page, 1, 1, why, sizeof(why)), "%s", why);
	group_end(fd, map);
}

/* Who may have less from now on gives it up, and no more; who is not short gives nothing. */
static void test_lowered(void)
{
	uint64_t before, left;
	char why[400], *map;
	int fd;

	group_make("max");
	pool_mount("donor=local:128M,direct=100%");
	fd = create_in_group();
	map = vm_map(fd, VM_BYTES);
	for (uint64_t page = 0; page < VM_PAGES / 2; page++)
		page_fill(map + page * PAGE, page, 1, 1);
	put("/proc/sys/vm/drop_caches", "3");
	CHECK_MSG(!vm_get(fd).evicted_pages, "drop_caches evicted %lu pages",
		  (unsigned long)vm_get(fd).evicted_pages);
	before = vm_get(fd).direct_bytes;
	put("memory.max", "16M");
	left = vm_get(fd).direct_bytes;
	printf("# %lu MiB were local, %lu KiB are with a maximum of 16 MiB\n", before / MIB,
	       left >> 10);
	CHECK(left > 12 * MIB && left <= 16 * MIB);
	CHECK(!figure("memory.events", "oom_kill "));
	put("memory.high", "8M");
	left = vm_get(fd).direct_bytes;
	CHECK_MSG(left > 4 * MIB && left <= 8 * MIB, "%lu KiB are with a high mark of 8 MiB",
		  left >> 10);
	for (uint64_t page = 0; page < VM_PAGES / 2; page++)
		CHECK_MSG(page_verify(map + page * PAGE, page, 1, 1, why, sizeof(why)), "%s", why);
	group_end(fd, map);
}

static const struct test tests[] = {
	{ "charged", test_charged },
	{ "behind", test_behind },
	{ "maximum", test_maximum },
	{ "lowered", test_lowered },
	{}
};

int main(int argc, char **argv)
{
	return run_tests(tests, argc, argv);
}
