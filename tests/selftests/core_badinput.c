// SPDX-License-Identifier: GPL-2.0
/* core_badinput.c - what the core must refuse, with which errno, and that nothing is left of it. */
#include "selftest.h"

#include <sys/statfs.h>

static void test_mount_options(void)
{
	static const char *const bad[] = {
		"", "direct=50%", "donor=", "donor=tape:1G", "donor=local:", "donor=local:0",
		"donor=local:4097", "donor=local:1Gx", "donor=local:64M,donor=local:64M",
		"donor=local:64M,donor=tape:1G", "donor=../x:1G", "donor=:1G",
		"donor=local:64M,direct=0%", "donor=local:64M,direct=101%",
		"donor=local:64M,direct=x%", "donor=local:64M,direct=%", "donor=local:64M,direct=0",
		"donor=local:64M,direct=5000", "donor=local:64M,order=10",
		"donor=local:64M,order=-1", "donor=local:64M,order=x", "donor=local:64M,size=0",
		"donor=local:64M,size=100", "donor=local:64M,colour=red",
		"donor=local:64M,latency_ns=10000000001", "donor=local:64M,ns_per_page=1000000001",
		"donor=local:64M,timeout_ms=0", "donor=local:64M,mode=9",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		/* "donor=local:" lends the default: the only one that is fine. */
		int want = strcmp(bad[i], "donor=local:") ? EINVAL : 0;
		int err = pool_try_mount(bad[i]) ? errno : 0;

		CHECK_MSG(err == want, "mount -o '%s': errno %d, not %d", bad[i], err, want);
		if (!err)
			CHECK(!umount(POOL));
	}
}

union arg {
	struct dmem_vm_get get;
	struct dmem_vm_set set;
	unsigned char bytes[8192];
};

/* Size and version are right unless the test says otherwise; the rest is zero. */
static void *set_arg(union arg *arg, struct dmem_vm_set set)
{
	set.size = set.size ?: sizeof(set);
	set.version = set.version ?: DMEM_ABI_VERSION;
	memset(arg, 0, sizeof(*arg));
	arg->set = set;
	return arg;
}

static void test_ioctls(void)
{
	pool_mount("donor=local:64M");
	int fd = vm_create("vm", 8 * MIB);
	int dir = open(POOL, O_RDONLY | O_DIRECTORY);
	int ro = open(POOL "/vm", O_RDONLY);
	union arg arg;

#define SET(...) set_arg(&arg, (struct dmem_vm_set){ __VA_ARGS__ })

	memset(&arg, 0, sizeof(arg));
	CHECK_ERRNO(ioctl(fd, _IO(DMEM_IOC_TYPE, 0x7f), &arg), ENOTTY);
	CHECK_ERRNO(ioctl(dir, DMEM_IOC_GET, &arg), ENOTTY);
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_GET, NULL), EFAULT);
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_SET, SET(.version = 2)), EPROTONOSUPPORT);
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_SET, SET(.size = 8)), EINVAL);
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_SET, SET(.size = 1U << 30)), E2BIG);
	(void)SET(.size = sizeof(arg.set) + 64);
	arg.bytes[sizeof(arg.set) + 63] = 1;
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_SET, &arg), E2BIG);
	/* A longer struct of zeros is a newer caller's, and fine. */
	CHECK(!ioctl(fd, DMEM_IOC_SET, SET(.size = sizeof(arg.set) + 64)));
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_SET, SET(.mask = 1ULL << 40)), EOPNOTSUPP);
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_SET, SET(.mask = DMEM_SET_ORDER, .order = 10)), EINVAL);
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_SET, SET(.order = 1)), EINVAL);
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_SET, SET(.reserved = 1)), EINVAL);
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_SET, SET(.mask = DMEM_SET_DIRECT_LIMIT,
						.direct_limit_bytes = 9 * MIB)), ERANGE);
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_SET, SET(.mask = DMEM_SET_DIRECT_LIMIT)), EINVAL);
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_SET, SET(.mask = DMEM_SET_DIRECT_LIMIT,
						.direct_limit_bytes = 63 * PAGE)), EINVAL);
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_SET, SET(.mask = DMEM_SET_DIRECT_LIMIT,
						.direct_limit_bytes = 1 * MIB + 1)), EINVAL);
	CHECK_ERRNO(ioctl(ro, DMEM_IOC_SET, SET(.mask = DMEM_SET_ORDER, .order = 1)), EBADF);
	/* All or nothing: a good order beside a bad limit changes nothing. */
	CHECK_ERRNO(ioctl(fd, DMEM_IOC_SET, SET(.mask = DMEM_SET_ALL, .order = 5,
						.direct_limit_bytes = 9 * MIB)), ERANGE);
	struct dmem_vm_get get = vm_get(fd);

	CHECK(get.order == 0 && get.direct_limit_bytes == 4 * MIB && get.size_bytes == 8 * MIB);
#undef SET
	/* A caller that knows less gets less, and its neighbours stay untouched. */
	memset(&arg, 0xee, sizeof(arg));
	memset(&arg, 0, sizeof(arg.get));
	arg.get.size = sizeof(arg.get);
	arg.get.version = DMEM_ABI_VERSION;
	CHECK(!ioctl(fd, DMEM_IOC_GET, &arg));
	CHECK(arg.bytes[sizeof(arg.get)] == 0xee && arg.get.size_bytes == 8 * MIB);
}

static void test_sizes(void)
{
	struct statfs fs;

	pool_mount("donor=local:64M,size=32M");
	int fd = vm_create("vm", 0);

	CHECK(!statfs(POOL, &fs));
	CHECK(fs.f_type == DMEM_MAGIC && fs.f_blocks == 8192 && fs.f_bfree == 8192);
	CHECK_ERRNO(ftruncate(fd, 4097), EINVAL);
	CHECK_ERRNO(ftruncate(fd, 33 * MIB), ENOSPC);
	CHECK_ERRNO(fallocate(fd, 0, 0, 33 * MIB), ENOSPC);
	CHECK(vm_get(fd).size_bytes == 0);
	CHECK(!ftruncate(fd, 20 * MIB));
	int two = vm_create("two", 12 * MIB);

	CHECK_ERRNO(ftruncate(two, 13 * MIB), ENOSPC);
	CHECK(!ftruncate(fd, 8 * MIB));
	CHECK(!ftruncate(two, 13 * MIB));
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1, 4096), EINVAL);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), EOPNOTSUPP);
	CHECK(!fallocate(fd, 0, 0, 8 * MIB));
	CHECK(!statfs(POOL, &fs));
	CHECK_MSG(fs.f_bfree == 8192 - (8 + 13) * 256, "free %ld", (long)fs.f_bfree);
	close(two);
	CHECK(!unlink(POOL "/two"));
	CHECK(!statfs(POOL, &fs));
	CHECK_MSG(fs.f_bfree == 8192 - 8 * 256, "free %ld after unlink", (long)fs.f_bfree);
}

static void test_mappings(void)
{
	char byte = 0;

	pool_mount("donor=local:64M");
	int fd = vm_create("vm", 4 * MIB);
	int ro = open(POOL "/vm", O_RDONLY);
	void *map;

	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ro, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, 4 * MIB + PAGE, PROT_READ, MAP_SHARED, fd, 0), ENXIO);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 4 * MIB), ENXIO);
	CHECK_ERRNO(read(fd, &byte, 1), EINVAL);
	CHECK_ERRNO(write(fd, &byte, 1), EINVAL);
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	CHECK(map != MAP_FAILED && *(char *)map == 0);
	/* In use: it must not go. */
	CHECK_ERRNO(umount(POOL), EBUSY);
	munmap(map, PAGE);
}

static void test_module_in_use(void)
{
	pool_mount("donor=local:64M");
	int fd = vm_create("vm", MIB);

	CHECK_MSG(system("rmmod dmem 2>/dev/null") != 0, "rmmod worked with a pool mounted");
	CHECK(vm_get(fd).size_bytes == MIB);
}

static void test_directories(void)
{
	struct stat st;

	pool_mount("donor=local:64M,mode=0711,uid=5,gid=6");
	CHECK(!stat(POOL, &st) && (st.st_mode & 07777) == 0711 && st.st_uid == 5 && st.st_gid == 6);
	CHECK(!mkdir(POOL "/guests", 0700));
	close(vm_create("guests/a", MIB));
	CHECK_ERRNO(rmdir(POOL "/guests"), ENOTEMPTY);
	CHECK(!rename(POOL "/guests/a", POOL "/b"));
	CHECK(!rmdir(POOL "/guests"));
	CHECK(!chmod(POOL "/b", 0640) && !chown(POOL "/b", 7, 8));
	CHECK(!stat(POOL "/b", &st) && st.st_size == MIB && st.st_uid == 7 && st.st_blocks == 0);
}

static const struct test tests[] = {
	{ "mount-options", test_mount_options },
	{ "ioctls", test_ioctls },
	{ "sizes", test_sizes },
	{ "mappings", test_mappings },
	{ "module-in-use", test_module_in_use },
	{ "directories", test_directories },
	{}
};

int main(int argc, char **argv)
{
	return run_tests(tests, argc, argv);
}
