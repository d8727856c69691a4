// SPDX-License-Identifier: GPL-2.0
/* selftest.c - the runner and the helpers of selftest.h. */
#include <sys/syscall.h>

#include "selftest.h"

#define MODULE	"core-kmod/dmem.ko"

jmp_buf test_failed;
char test_reason[512];

int pool_try_mount(const char *options)
{
	mkdir(POOL, 0755);
	return mount("none", POOL, DMEM_FS_NAME, 0, options);
}

void pool_mount(const char *options)
{
	CHECK_MSG(!pool_try_mount(options), "mount -o %s: %s", options, strerror(errno));
}

int vm_create(const char *name, off_t bytes)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), POOL "/%s", name);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK_MSG(fd >= 0, "open %s: %s", path, strerror(errno));
	CHECK_MSG(!ftruncate(fd, bytes), "ftruncate %s: %s", path, strerror(errno));
	return fd;
}

void *vm_map(int fd, size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK_MSG(map != MAP_FAILED, "mmap: %s", strerror(errno));
	return map;
}

struct dmem_vm_get vm_get(int fd)
{
	struct dmem_vm_get get = { .size = sizeof(get), .version = DMEM_ABI_VERSION };

	CHECK_MSG(!ioctl(fd, DMEM_IOC_GET, &get), "DMEM_IOC_GET: %s", strerror(errno));
	return get;
}

static void vm_set(int fd, struct dmem_vm_set set)
{
	set.size = sizeof(set);
	set.version = DMEM_ABI_VERSION;
	CHECK_MSG(!ioctl(fd, DMEM_IOC_SET, &set), "DMEM_IOC_SET: %s", strerror(errno));
}

void vm_set_limit(int fd, uint64_t bytes)
{
	vm_set(fd, (struct dmem_vm_set){ .mask = DMEM_SET_DIRECT_LIMIT,
					 .direct_limit_bytes = bytes });
}

void vm_set_order(int fd, unsigned int order)
{
	vm_set(fd, (struct dmem_vm_set){ .mask = DMEM_SET_ORDER, .order = order });
}

struct dmem_vm_flush vm_flush(int fd)
{
	struct dmem_vm_flush flush = { .size = sizeof(flush), .version = DMEM_ABI_VERSION };

	CHECK_MSG(!ioctl(fd, DMEM_IOC_FLUSH, &flush), "DMEM_IOC_FLUSH: %s", strerror(errno));
	return flush;
}

int module_references(void)
{
	FILE *file = fopen("/sys/module/dmem/refcnt", "re");
	int nr = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%d", &nr) != 1)
		nr = -1;
	fclose(file);
	return nr;
}

int module_unload(void)
{
	return syscall(SYS_delete_module, DMEM_FS_NAME, O_NONBLOCK);
}

int module_load(void)
{
	int fd = open(MODULE, O_RDONLY | O_CLOEXEC);
	int ret = fd < 0 ? -1 : syscall(SYS_finit_module, fd, "", 0);
	int err = errno;

	close(fd);
	errno = err;
	return ret;
}

/* A superblock is let go of a moment after the last user has: by a task of its own. */
void unload_soon(void)
{
	for (int tries = 0; tries < 500; tries++) {
		if (!module_unload())
			return;
		CHECK_MSG(errno == EBUSY || errno == EAGAIN || errno == EWOULDBLOCK,
			  "unloading: %s", strerror(errno));
		usleep(10000);
	}
	CHECK_MSG(false, "the module has %d references left", module_references());
}

/* Whatever a failed test left behind must not reach the next one. */
static bool test_end(void)
{
	for (int fd = 3; fd < 256; fd++)
		close(fd);
	for (int tries = 0; tries < 50; tries++) {
		if (!umount(POOL) || errno == EINVAL || errno == ENOENT)
			return true;
		usleep(20000);
	}
	return false;
}

/* No test takes a tenth of this: the rest would only wait for the host's time limit. */
#define TEST_LIMIT_S	180

static const char *test_running;

unsigned int slowness(void)
{
	const char *text = getenv("DMEM_SLOW");
	int factor = text ? atoi(text) : 1;

	return factor > 0 ? factor : 1;
}

static void on_alarm(int sig)
{
	(void)sig;
	dprintf(STDOUT_FILENO, "Bail out! %s takes more than %u s\n", test_running,
		TEST_LIMIT_S * slowness());
	_exit(1);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* 0, TEST_FAILED or TEST_SKIPPED: what CHECK() and SKIP() come back with. */
static int run_guarded(const struct test *test)
{
	switch (setjmp(test_failed)) {
	case 0:
		test->run();
		return 0;
	case TEST_SKIPPED:
		return TEST_SKIPPED;
	default:
		return TEST_FAILED;
	}
}

static bool run_test(const struct test *test, int number)
{
	double start = seconds();
	bool passed, skipped;
	int outcome;

	test_reason[0] = 0;
	test_running = test->name;
	signal(SIGALRM, on_alarm);
	alarm(TEST_LIMIT_S * slowness());
	outcome = run_guarded(test);
	passed = !outcome;
	skipped = outcome == TEST_SKIPPED;
	if (!test_end() && (passed || skipped)) {
		snprintf(test_reason, sizeof(test_reason), "the pool could not be unmounted: %s",
			 strerror(errno));
		passed = skipped = false;
		umount2(POOL, MNT_DETACH);
	}
	alarm(0);
	printf("# %s: %.1f s\n%sok %d %s%s%s\n", test->name, seconds() - start,
	       passed || skipped ? "" : "not ", number, test->name,
	       passed ? "" : skipped ? " # SKIP " : " # ", passed ? "" : test_reason);
	fflush(stdout);
	return passed || skipped;
}

int run_tests(const struct test *tests, int argc, char **argv)
{
	int number = 0, failed = 0;

	for (; tests->name; tests++) {
		if (argc > 1 && strcmp(argv[1], tests->name))
			continue;
		failed += !run_test(tests, ++number);
	}
	printf("1..%d\n", number);
	return failed ? 1 : 0;
}
