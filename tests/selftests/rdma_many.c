// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_many.c - more donors than one: regions striped over them, second copies, wrong pages, donors
 * that are told to end.
 */
#include "../pages.h"
#include "../rdma/pool.h"

/* Regions go to both of two donors: with one of them about half of the pages are lost. */
static void test_stripe(void)
{
	struct donor_process donor, other;
	unsigned int nr;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	donor_start(&other, OTHER_DONOR);
	pool_mount(WHERE OTHER "," DIRECT);
	CHECK_MSG(statfs_total() == 256 * MIB, "%lu bytes", statfs_total());
	map = pool_file(&fd);
	fill_all(map, 1);
	verify_all(map, 1);
	vm_flush(fd);
	donor_kill(&other, SIGKILL);
	donor_start(&other, OTHER_DONOR);
	nr = count_lost(map, 1, NULL);
	CHECK_MSG(nr >= POOL_PAGES / 4 && nr <= POOL_PAGES / 4 * 3, "%u of %lu pages are lost", nr, POOL_PAGES);
	donor_kill(&other, SIGKILL);
	pool_end(map, fd, &donor);
}

/* Either donor may die at any time, if the other has had the time to get its pages. */
static void test_replica(void)
{
	struct donor_process donor, other;
	pid_t reader;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	donor_start(&other, OTHER_DONOR);
	pool_mount(WHERE OTHER "," DIRECT ",replicas=2");
	CHECK_MSG(statfs_total() == 128 * MIB, "%lu bytes", statfs_total());
	map = pool_file(&fd);
	fill_all(map, 1);
	vm_flush(fd);
	reader = reader_start(map, 1);
	donor_kill(&other, SIGKILL);
	usleep(2000000 * slowness());
	reader_end(reader);
	verify_all(map, 1);
	fill_all(map, 2);
	verify_all(map, 2);
	vm_flush(fd);

	kernel_says(NULL);
	donor_start(&other, OTHER_DONOR);
	WAIT_FOR(kernel_says("have all their copies again"), 60);
	donor_kill(&donor, SIGKILL);
	verify_all(map, 2);
	CHECK(!vm_get(fd).errors);
	pool_end(map, fd, &other);
}

/* Spoil what a donor has in its backing: eight bytes of one page in 64. */
static void spoil(const char *dir)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/memory", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK_MSG(fd >= 0, "%s: %s", path, strerror(errno));
	for (off_t at = 0; at < (off_t)POOL_SIZE; at += 64 * PAGE)
		CHECK(pwrite(fd, "spoiled!", 8, at + 1000) == 8);
	close(fd);
}

static void test_checksum(void)
{
	struct donor_process donor, other;
	unsigned int nr;
	char *map;
	int fd;

	backing_clear();
	donor_start(&donor, DONOR "--backing " POOL_BACKING);
	pool_mount(WHERE "," DIRECT ",checksum=on");
	map = pool_file(&fd);
	fill_all(map, 1);
	vm_flush(fd);
	spoil(POOL_BACKING);
	kernel_says(NULL);
	nr = count_lost(map, 1, NULL);
	CHECK_MSG(nr > 0 && nr <= POOL_PAGES / 64, "%u pages are wrong", nr);
	CHECK(kernel_says("is not what was written"));
	pool_end(map, fd, &donor);

	backing_clear();
	donor_start(&donor, DONOR "--backing " POOL_BACKING);
	donor_start(&other, OTHER_DONOR);
	pool_mount(WHERE OTHER "," DIRECT ",replicas=2");
	map = pool_file(&fd);
	fill_all(map, 1);
	vm_flush(fd);
	spoil(POOL_BACKING);
	for (int times = 0; times < 3; times++) {
		verify_all(map, 1);
		vm_flush(fd);
	}
	CHECK(!vm_get(fd).errors);
	donor_kill(&other, SIGKILL);
	pool_end(map, fd, &donor);
}

/* It was told to end, is given back all that it lent, and ends by itself: long before it must. */
static void wait_for_end(struct donor_process *donor)
{
	int status = donor_wait(donor, 120000 * slowness());

	CHECK_MSG(status == 0, "the donor: status %d", status);
	CHECK(donor_said(donor, "ends, with 0 extents lent"));
}

/*
 * What a donor has that is told to end is elsewhere before it ends, and both copies of it: then
 * another one may die. Pages are read and written all the while.
 */
static void test_drain(void)
{
	struct donor_process donor, other, third;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	donor_start(&other, OTHER_DONOR);
	donor_start(&third, THIRD_DONOR);
	pool_mount(WHERE OTHER THIRD "," DIRECT ",replicas=2");
	map = pool_file(&fd);
	fill_all(map, 1);
	vm_flush(fd);
	kernel_says(NULL);
	CHECK(!kill(donor.pid, SIGTERM));
	for (uint64_t page = 0; page < POOL_PAGES / 2; page++) {
		page_fill(map + page * PAGE, page, 1, 2);
		verify_page(map, POOL_PAGES / 2 + page, 1);
	}
	wait_for_end(&donor);
	CHECK(kernel_says("what it holds goes elsewhere"));
	CHECK(!kernel_says("writeback of"));
	vm_flush(fd);
	/* A page that had one copy left would be lost now. */
	WAIT_FOR(kernel_says("have all their copies again"), 60);
	donor_kill(&other, SIGKILL);
	for (uint64_t page = 0; page < POOL_PAGES; page++)
		verify_page(map, page, page < POOL_PAGES / 2 ? 2 : 1);
	CHECK(!vm_get(fd).errors);
	pool_end(map, fd, &third);
}

/* With one copy of each page as well. */
static void test_drain_single(void)
{
	struct donor_process donor, other;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	donor_start(&other, OTHER_DONOR);
	pool_mount(WHERE OTHER "," DIRECT);
	map = pool_file(&fd);
	fill_all(map, 1);
	vm_flush(fd);
	CHECK(!kill(donor.pid, SIGTERM));
	wait_for_end(&donor);
	CHECK_MSG(!count_lost(map, 1, NULL), "pages are lost");
	fill_all(map, 2);
	verify_all(map, 2);
	CHECK(!vm_get(fd).errors);
	pool_end(map, fd, &other);
}

/* Nowhere to go: what it has stays where it is, read and written, until the pool is gone. */
static void test_drain_nowhere(void)
{
	struct donor_process donor;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	pool_mount(WHERE "," DIRECT);
	map = pool_file(&fd);
	fill_all(map, 1);
	kernel_says(NULL);
	CHECK(!kill(donor.pid, SIGTERM));
	WAIT_FOR(kernel_says("what it holds goes elsewhere"), 10);
	WAIT_FOR(!system("out/dmemctl donors " POOL " --json | grep -q 'state.*draining'"), 10);
	verify_all(map, 1);
	fill_all(map, 2);
	verify_all(map, 2);
	/* What is reserved is there to be written to. */
	CHECK(!kernel_says("writeback of"));
	CHECK(!vm_get(fd).errors);
	CHECK(donor_alive(&donor));
	CHECK(!munmap(map, POOL_SIZE));
	close(fd);
	CHECK(!umount(POOL));
	wait_for_end(&donor);
}

static const struct test tests[] = {
	{ "rdma_stripe", test_stripe },
	{ "rdma_replica", test_replica },
	{ "rdma_checksum", test_checksum },
	{ "rdma_drain", test_drain },
	{ "rdma_drain_single", test_drain_single },
	{ "rdma_drain_nowhere", test_drain_nowhere },
	{}
};

int main(int argc, char **argv)
{
	return pool_main(tests, argc, argv);
}
