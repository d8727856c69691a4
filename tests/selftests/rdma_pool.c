// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_pool.c - VM memory on a donor by RDMA: paging, giving back, who is let in, what is refused,
 * and that nothing is left of it.
 */
#include <sys/wait.h>

#include "../pages.h"
#include "../rdma/pool.h"

static void test_paging(void)
{
	struct donor_process donor;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	pool_mount(WHERE "," DIRECT);
	map = pool_file(&fd);
	fill_all(map, 1);
	verify_all(map, 1);
	vm_set_order(fd, 0);
	for (uint64_t page = 0; page < POOL_PAGES; page += 7)
		verify_page(map, page, 1);
	vm_set_order(fd, 9);
	fill_all(map, 2);
	verify_all(map, 2);
	vm_flush(fd);
	verify_all(map, 2);
	CHECK(vm_get(fd).remote_bytes > POOL_SIZE / 2);
	CHECK(!vm_get(fd).errors);
	pool_end(map, fd, &donor);
}

/* What is punched is zero, its slots serve others, and a file that is gone leaves nothing. */
static void test_release(void)
{
	struct donor_process donor;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	pool_mount(WHERE "," DIRECT);
	CHECK_MSG(statfs_total() == 128 * MIB, "%lu bytes", statfs_total());
	map = pool_file(&fd);
	CHECK_MSG(statfs_used() == POOL_SIZE, "%lu bytes", statfs_used());
	fill_all(map, 1);
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, POOL_SIZE / 2));
	for (uint64_t page = 0; page < POOL_PAGES; page++)
		verify_page(map, page, page >= POOL_PAGES / 2);
	fill_all(map, 2);
	verify_all(map, 2);
	CHECK(!munmap(map, POOL_SIZE));
	CHECK(!ftruncate(fd, 3 * MIB));
	CHECK_MSG(statfs_used() == 4 * MIB, "%lu bytes", statfs_used());
	close(fd);
	CHECK(!unlink(POOL "/vm"));
	CHECK(!statfs_used());
	CHECK(statfs_total() == 128 * MIB);
	CHECK(!umount(POOL));
	CHECK(donor_alive(&donor));
	donor_kill(&donor, SIGKILL);
}

/* Mount through fsopen(), which has the reason. Returns the errno, or 0. */
static int mount_says(char *options, char *said, size_t len)
{
	char *at, *word, *value;
	int fd = fsopen(DMEM_FS_NAME, FSOPEN_CLOEXEC), err = 0;
	ssize_t got;

	CHECK(fd >= 0);
	for (word = strtok_r(options, ",", &at); word && !err; word = strtok_r(NULL, ",", &at)) {
		value = strchr(word, '=');
		*value++ = 0;
		err = fsconfig(fd, FSCONFIG_SET_STRING, word, value, 0) ? errno : 0;
	}
	if (!err && fsconfig(fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		err = errno;
	*said = 0;
	got = read(fd, said, len - 1);
	if (got > 0)
		said[got] = 0;
	close(fd);
	return err;
}

static void refused(const char *options, int want, const char *reason)
{
	char copy[200], said[300];
	int err;

	snprintf(copy, sizeof(copy), "%s", options);
	err = mount_says(copy, said, sizeof(said));
	CHECK_MSG(err == want, "%s: errno %d, not %d: %s", options, err, want, said);
	CHECK_MSG(strcasestr(said, reason), "%s: says '%s', not '%s'", options, said, reason);
}

static void test_auth(void)
{
	static const char wrong[DMEM_WIRE_KEY_BYTES] = "another key, of the same length";
	struct donor_process donor;

	pool_add_key("dmem:right", donor_key, DMEM_WIRE_KEY_BYTES);
	pool_add_key("dmem:wrong", wrong, sizeof(wrong));
	pool_add_key("dmem:short", wrong, 31);
	refused(WHERE, ECONNREFUSED, "nobody listens");
	refused(WHERE ",key=dmem:none", ENOKEY, "no such key");
	refused(WHERE ",key=dmem:short", EINVAL, "31 bytes");
	refused("donor=rdma:10.77.0.9", EACCES, "a key is needed");
	refused("donor=rdma:10.77.0.9,key=dmem:right", EHOSTUNREACH, "cannot be reached");
	refused("donor=rdma:10.77.0.x", EINVAL, "not an address");
	refused("donor=rdma:10.77.0.1:99999", EINVAL, "not an address");
	refused(WHERE ",replicas=2", EINVAL, "not that many donors");

	donor_start(&donor, DONOR "%K");
	refused(WHERE ",key=dmem:wrong", EACCES, "refused");
	refused(WHERE, EACCES, "key");
	refused(WHERE ",key=dmem:right,donor=rdma:" DONOR_ADDRESS ":7471", EINVAL, "already");
	pool_mount(WHERE ",key=dmem:right");
	close(vm_create("vm", 2 * MIB));
	CHECK(!umount(POOL));
	CHECK(!system("out/dmemctl mount " POOL " -o " WHERE " --key-file " DONOR_KEY_FILE
		      " >/dev/null"));
	CHECK(!system("grep -q 'dmem .*key=dmem:mount' /proc/mounts"));
	CHECK(!umount(POOL));
	donor_kill(&donor, SIGKILL);

	donor_start(&donor, DONOR);
	refused(WHERE ",key=dmem:right", EACCES, "key");
	donor_kill(&donor, SIGKILL);
	donor_start(&donor, DONOR "--allow 10.99.0.0/16");
	refused(WHERE, EACCES, "refused");
	donor_kill(&donor, SIGKILL);
}

static void test_full(void)
{
	struct donor_process donor;
	int fd, other;

	donor_start(&donor, DONOR);
	refused(WHERE ",size=132M", ENOSPC, "lend");
	/* All that was leased on the way is given back. */
	WAIT_FOR(!pool_try_mount(WHERE ",size=128M"), 5);
	CHECK(!umount(POOL));
	WAIT_FOR(!pool_try_mount(WHERE ",size=64M"), 5);
	CHECK(statfs_total() == 64 * MIB);
	fd = vm_create("vm", 64 * MIB);
	CHECK_ERRNO(ftruncate(fd, 66 * MIB), ENOSPC);
	close(fd);
	CHECK(!umount(POOL));

	pool_mount(WHERE);
	fd = vm_create("vm", 100 * MIB);
	other = vm_create("other", 0);
	CHECK_ERRNO(ftruncate(other, 30 * MIB), ENOSPC);
	CHECK_MSG(statfs_used() == 100 * MIB, "%lu bytes", statfs_used());
	CHECK(!ftruncate(other, 28 * MIB));
	CHECK(!ftruncate(fd, 0));
	/* What is given back is released by and by. */
	WAIT_FOR(!ftruncate(other, 128 * MIB), 5);
	close(fd);
	close(other);
	CHECK(!umount(POOL));
	donor_kill(&donor, SIGKILL);

	donor_start(&donor, DONOR "--quota 32M");
	pool_mount(WHERE);
	fd = vm_create("vm", 32 * MIB);
	CHECK_ERRNO(ftruncate(fd, 34 * MIB), ENOSPC);
	close(fd);
	donor_kill(&donor, SIGKILL);
}

static void test_cycles(void)
{
	unsigned int fds = 0, fds_now, objects;
	struct donor_process donor;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	kernel_says(NULL);
	for (int times = 0; times < 20; times++) {
		pool_mount(WHERE "," DIRECT);
		fd = vm_create("vm", 24 * MIB);
		map = vm_map(fd, 24 * MIB);
		for (uint64_t page = 0; page < 24 * MIB / PAGE; page += 3)
			page_fill(map + page * PAGE, page, 1, 1);
		objects = count_objects();
		CHECK_MSG(objects >= 4, "only %u objects are counted", objects);
		CHECK(!munmap(map, 24 * MIB));
		close(fd);
		CHECK(!umount(POOL));
		objects = count_objects();
		CHECK_MSG(!objects, "%u RDMA objects are left", objects);
		/* The session was left in order, whatever it was about. */
		CHECK(!kernel_says("down: "));
		usleep(100000);
		fds_now = donor_fds(&donor);
		if (times == 1)
			fds = fds_now;
		CHECK_MSG(times < 2 || fds_now <= fds, "the donor's descriptors: %u, then %u", fds,
			  fds_now);
	}
	donor_kill(&donor, SIGKILL);
}

/* The device goes while pages are on their way. Its donor's process holds it until it ends. */
static void test_remove(void)
{
	struct donor_process donor;
	pid_t remover;
	char *map;
	int fd, status;

	donor_start(&donor, DONOR);
	pool_mount(WHERE "," DIRECT ",timeout_ms=2000");
	map = pool_file(&fd);
	fill_all(map, 1);
	vm_flush(fd);
	fflush(stdout);
	remover = fork();
	CHECK(remover >= 0);
	if (!remover) {
		execlp("rdma", "rdma", "link", "delete", "dmrx0", NULL);
		_exit(127);
	}
	usleep(500000);
	donor_kill(&donor, SIGKILL);
	CHECK(waitpid(remover, &status, 0) == remover && !status);
	CHECK(!count_objects());
	CHECK(count_lost(map, 1, NULL) >= POOL_PAGES / 2);
	CHECK(!munmap(map, POOL_SIZE));
	close(fd);
	CHECK(!umount(POOL));
	CHECK(!system("rmmod dmem-rdma && insmod core-kmod/dmem-rdma.ko"));
	CHECK(!system("rdma link add dmrx0 type ${DMEM_RDMA:-rxe} netdev dmrx0"));
	donor_start(&donor, DONOR);
	pool_mount(WHERE);
	CHECK(!umount(POOL));
	donor_kill(&donor, SIGKILL);
}

static const struct test tests[] = {
	{ "rdma_paging", test_paging },
	{ "rdma_release", test_release },
	{ "rdma_auth", test_auth },
	{ "rdma_full", test_full },
	{ "rdma_cycles", test_cycles },
	{ "rdma_remove", test_remove },
	{}
};

int main(int argc, char **argv)
{
	return pool_main(tests, argc, argv);
}
