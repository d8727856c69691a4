// SPDX-License-Identifier: GPL-2.0
/* rdma_many.c - more donors than one: regions striped over them, second copies, wrong pages. */
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
	WAIT_FOR(kernel_says("have both copies again"), 60);
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

static const struct test tests[] = {
	{ "rdma_stripe", test_stripe },
	{ "rdma_replica", test_replica },
	{ "rdma_checksum", test_checksum },
	{}
};

int main(int argc, char **argv)
{
	return pool_main(tests, argc, argv);
}
