// SPDX-License-Identifier: GPL-2.0
/*
 * core_prefetch.c - the rest of a block: an access waits for its own page alone, what is left to
 * the worker comes or is counted as dropped, and nothing of it comes after a flush, a truncate or
 * the file's end.
 */
#include <sched.h>

#include "selftest.h"
#include "tests/pages.h"

#define BLOCK		512UL
/* What a fault asks for by itself. */
#define NEAR		16UL
#define BLOCKS		32UL
#define VM_PAGES	(BLOCKS * BLOCK)
#define VM_BYTES	(VM_PAGES * PAGE)
#define ROUNDS		40

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void touch(char *map, uint64_t page)
{
	char why[256];

	CHECK_MSG(page_verify(map + page * PAGE, page, 1, 1, why, sizeof(why)), "%s", why);
}

/* All of it written, and with the donor. */
static char *make_remote(const char *options, int *fd)
{
	char *map;

	pool_mount(options);
	*fd = vm_create("vm", VM_BYTES);
	map = vm_map(*fd, VM_BYTES);
	for (uint64_t page = 0; page < VM_PAGES; page++)
		page_fill(map + page * PAGE, page, 1, 1);
	CHECK(!vm_flush(*fd).kept_pages);
	return map;
}

/* Until @nr pages more than @before were fetched or given up. */
static void wait_fetched(int fd, uint64_t before, uint64_t nr)
{
	uint64_t end = now_ns() + 20000000000ULL * slowness(), fetched, drops;

	do {
		usleep(1000);
		fetched = vm_get(fd).fetched_pages - before;
		drops = vm_get(fd).prefetch_drops;
	} while (fetched + drops * (BLOCK - NEAR) < nr && now_ns() < end);
	CHECK_MSG(fetched + drops * (BLOCK - NEAR) == nr, "%lu pages fetched, %lu blocks dropped",
		  fetched, drops);
}

/* A link on which a page takes 40 ms and the block 5 s. */
static void test_own_page_first(void)
{
	const uint64_t most_ns = 2500000000ULL;
	uint64_t start, took;
	char *map;
	int fd;

	map = make_remote("donor=local:128M,direct=100%,order=9,latency_ns=30000000,"
			  "ns_per_page=10000000", &fd);
	start = now_ns();
	touch(map, 3 * BLOCK + 100);
	took = now_ns() - start;
	printf("# one page of a block that takes 5 s: %lu ms\n", took / 1000000);
	CHECK_MSG(took < most_ns * slowness(), "%lu ns", took);
	wait_fetched(fd, 0, BLOCK);
	CHECK(vm_get(fd).prefetched_pages == BLOCK - 1 && !vm_get(fd).prefetch_drops);
}

/* One page of each block, as fast as can be: every block comes, or is counted as given up. */
static void test_all_accounted_for(void)
{
	struct dmem_vm_get get;
	char *map;
	int fd;

	map = make_remote("donor=local:128M,direct=100%,order=9", &fd);
	for (uint64_t block = 0; block < BLOCKS; block++)
		touch(map, block * BLOCK + block);
	wait_fetched(fd, 0, VM_PAGES);
	get = vm_get(fd);
	printf("# %llu of %lu blocks dropped\n", get.prefetch_drops, BLOCKS);
	CHECK(get.prefetch_drops < BLOCKS && get.fetches[9] == BLOCKS);
	for (uint64_t page = 0; page < VM_PAGES; page++)
		touch(map, page);
	CHECK(vm_get(fd).prefetched_used_pages > 0 && !vm_get(fd).errors);
}

/* What is there already is not asked for again, nor a worker for nothing. */
static void test_nothing_left(void)
{
	struct dmem_vm_get before, after;
	char *map;
	int fd;

	map = make_remote("donor=local:128M,direct=100%,order=9", &fd);
	for (uint64_t block = 0; block < BLOCKS; block++) {
		before = vm_get(fd);
		touch(map, block * BLOCK);
		wait_fetched(fd, 0, (block + 1) * BLOCK);
	}
	for (uint64_t page = 0; page < VM_PAGES; page++)
		touch(map, page);
	after = vm_get(fd);
	CHECK(after.fetched_pages == VM_PAGES && !after.prefetch_drops);
	CHECK_MSG(after.faults - before.faults == 1, "%llu faults", after.faults - before.faults);
}

/* Blocks that wait when a flush comes do not come after it. */
static void test_flush(void)
{
	char *map;
	int fd;

	map = make_remote("donor=local:128M,direct=100%,order=9", &fd);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct dmem_vm_flush flush;

		for (uint64_t block = 0; block < BLOCKS; block++)
			touch(map, block * BLOCK + round);
		/* What is under way when it begins may come behind it: the second takes that. */
		vm_flush(fd);
		usleep(20000 * slowness());
		flush = vm_flush(fd);
		CHECK_MSG(!flush.kept_pages, "%llu pages stay", flush.kept_pages);
		usleep(5000);
		CHECK_MSG(!vm_get(fd).direct_bytes, "%llu bytes are back", vm_get(fd).direct_bytes);
	}
	for (uint64_t page = 0; page < VM_PAGES; page++)
		touch(map, page);
}

/* What is cut off while its block is asked for is empty, here and with the donor. */
static void test_truncate(void)
{
	char *map;
	int fd;

	map = make_remote("donor=local:128M,direct=100%,order=9", &fd);
	for (uint64_t block = 0; block < BLOCKS / 2; block++) {
		touch(map, block * BLOCK);
		CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 (block * BLOCK + BLOCK / 2) * PAGE, BLOCK / 2 * PAGE));
		for (uint64_t page = block * BLOCK + BLOCK / 2; page < (block + 1) * BLOCK; page++)
			CHECK_MSG(!map[page * PAGE], "page %lu is not empty", page);
	}
	for (uint64_t block = BLOCKS / 2; block < BLOCKS; block++)
		touch(map, block * BLOCK);
	CHECK(!ftruncate(fd, VM_BYTES / 2) && !ftruncate(fd, VM_BYTES));
	for (uint64_t page = VM_PAGES / 2; page < VM_PAGES; page++)
		CHECK_MSG(!map[page * PAGE], "page %lu is not empty", page);
	for (uint64_t page = 0; page < VM_PAGES / 2; page++)
		if (page % BLOCK < BLOCK / 2)
			touch(map, page);
	CHECK(!vm_get(fd).errors);
}

/* The file goes with blocks waiting and on their way. */
static void test_gone(void)
{
	for (unsigned int round = 0; round < ROUNDS; round++) {
		char *map;
		int fd;

		map = make_remote("donor=local:128M,direct=100%,order=9,latency_ns=50000", &fd);
		for (uint64_t block = 0; block < BLOCKS; block++)
			touch(map, block * BLOCK + round);
		CHECK(!munmap(map, VM_BYTES) && !close(fd) && !unlink(POOL "/vm"));
		CHECK(!umount(POOL));
	}
}

static const struct test tests[] = {
	{ "own-page-first", test_own_page_first },
	{ "all-accounted-for", test_all_accounted_for },
	{ "nothing-left", test_nothing_left },
	{ "flush", test_flush },
	{ "truncate", test_truncate },
	{ "gone", test_gone },
	{}
};

int main(int argc, char **argv)
{
	return run_tests(tests, argc, argv);
}
