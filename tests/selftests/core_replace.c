// SPDX-License-Identifier: GPL-2.0
/*
 * core_replace.c - what replacement keeps: memory in use survives a scan, and goes when its time
 * has passed. Misses are counted by the core itself.
 */
#include "selftest.h"

#define REGION_PAGES	512UL
#define DIRECT_REGIONS	16UL
#define HOT_REGIONS	6UL
/* Four times what may be local, read once. */
#define SCAN_REGIONS	(4 * DIRECT_REGIONS)
/* Beside both: read a region at a time, so that replacement looks at the hot ones. */
#define OTHER_REGIONS	(2 * DIRECT_REGIONS)
#define VM_REGIONS	(HOT_REGIONS + SCAN_REGIONS + OTHER_REGIONS)
#define LOOP_WARM_UP	12
#define LOOP_ROUNDS	8
#define VM_BYTES	(VM_REGIONS * REGION_PAGES * PAGE)

static void write_regions(volatile char *map, uint64_t nr)
{
	for (uint64_t page = 0; page < nr * REGION_PAGES; page++)
		*(volatile uint64_t *)(map + page * PAGE) = page + 1;
}

/* Reads regions; returns how many of their pages had to be fetched, in per cent. */
static unsigned int read_regions(int fd, volatile char *map, uint64_t first, uint64_t nr)
{
	uint64_t before = vm_get(fd).fetched_pages, end = (first + nr) * REGION_PAGES;

	for (uint64_t page = first * REGION_PAGES; page < end; page++)
		CHECK_MSG(*(volatile uint64_t *)(map + page * PAGE) == page + 1, "page %lu", page);
	return 100 * (vm_get(fd).fetched_pages - before) / (nr * REGION_PAGES);
}

/* A file whose first regions are hot: read again and again while other memory comes and goes. */
static int make_hot(char **map)
{
	uint64_t other = HOT_REGIONS + SCAN_REGIONS;
	int fd;

	pool_mount("donor=local:256M,direct=32M,order=0");
	fd = vm_create("vm", VM_BYTES);
	*map = vm_map(fd, VM_BYTES);
	write_regions(*map, VM_REGIONS);
	for (unsigned int i = 0; i < 3 * DIRECT_REGIONS; i++) {
		read_regions(fd, *map, 0, HOT_REGIONS);
		read_regions(fd, *map, other + i % OTHER_REGIONS, 1);
	}
	return fd;
}

static void test_scan(void)
{
	unsigned int before, scanned, after, again;
	char *map;
	int fd = make_hot(&map);

	before = read_regions(fd, map, 0, HOT_REGIONS);
	scanned = read_regions(fd, map, HOT_REGIONS, SCAN_REGIONS);
	after = read_regions(fd, map, 0, HOT_REGIONS);
	again = read_regions(fd, map, 0, HOT_REGIONS);
	printf("# hit rate of the hot set: %u %% before the scan, %u %% right after it, then %u %%\n",
	       100 - before, 100 - after, 100 - again);
	CHECK_MSG(scanned > 95, "only %u %% of the scan was remote", scanned);
	CHECK(before <= 5);
	CHECK(after <= 25);
	CHECK(again <= 5);
	CHECK(!munmap(map, VM_BYTES));
}

/* What was hot once and is not touched any more must make room for what is. */
static void test_phase(void)
{
	uint64_t hot = HOT_REGIONS, nr = DIRECT_REGIONS - 4;
	unsigned int first, last;
	char *map;
	int fd = make_hot(&map);

	first = read_regions(fd, map, hot, nr);
	for (unsigned int i = 0; i < 16; i++)
		last = read_regions(fd, map, hot, nr);
	printf("# another hot set of %lu MiB: %u %% hits at first, %u %% in the end\n",
	       nr * REGION_PAGES * PAGE / MIB, 100 - first, 100 - last);
	CHECK(first > 90);
	CHECK(last <= 5);
	CHECK(!munmap(map, VM_BYTES));
}

/* Read from end to end again and again: the oldest region is the one that is needed next. */
static void test_loop(void)
{
	uint64_t nr = 2 * DIRECT_REGIONS;
	unsigned int misses = 0;
	char *map;
	int fd;

	pool_mount("donor=local:256M,direct=32M,order=0");
	fd = vm_create("vm", nr * REGION_PAGES * PAGE);
	map = vm_map(fd, nr * REGION_PAGES * PAGE);
	write_regions(map, nr);
	for (unsigned int i = 0; i < LOOP_WARM_UP; i++)
		read_regions(fd, map, 0, nr);
	for (unsigned int i = 0; i < LOOP_ROUNDS; i++)
		misses += read_regions(fd, map, 0, nr);
	misses /= LOOP_ROUNDS;
	printf("# loop over twice what may be local: %u %% hits\n", 100 - misses);
	CHECK(misses <= 85);
	CHECK(!munmap(map, nr * REGION_PAGES * PAGE));
}

static const struct test tests[] = {
	{ "scan", test_scan },
	{ "phase", test_phase },
	{ "loop", test_loop },
	{}
};

int main(int argc, char **argv)
{
	return run_tests(tests, argc, argv);
}
