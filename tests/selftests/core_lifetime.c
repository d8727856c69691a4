// SPDX-License-Identifier: GPL-2.0
/*
 * core_lifetime.c - who may still use VM memory, and that it goes when the last user does: fork,
 * mappings moved, cut and doubled, processes killed in a fetch, files unlinked, pools unmounted
 * and the module unloaded while in use, and nothing left after hundreds of rounds.
 *
 * Everything runs with four times more memory than may stay local. What is left is counted
 * where the kernel counts it: the pool's reservations, the inode slab, the module's references
 * and, on a debug kernel, every allocation of the module by its call site.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include "selftest.h"
#include "tests/pages.h"

#define VM_PAGES	2048UL
#define VM_BYTES	(VM_PAGES * PAGE)
#define OPTIONS		"donor=local:64M,direct=25%,order=2"

/* A child ends with this when it saw what it should. */
#define CHILD_OK	42

static void write_pages(char *map, uint64_t first, uint64_t nr, uint64_t writer, uint64_t seq)
{
	for (uint64_t page = first; page < first + nr; page++)
		page_fill(map + page * PAGE, page, writer, seq);
}

static char wrong[400];

/* For children, which must not longjmp(): says in wrong what is, and returns false. */
static bool right(const char *map, uint64_t first, uint64_t nr, uint64_t writer, uint64_t seq)
{
	for (uint64_t page = first; page < first + nr; page++)
		if (!page_verify(map + page * PAGE, page, writer, seq, wrong, sizeof(wrong)))
			return false;
	return true;
}

static void check_pages(const char *map, uint64_t first, uint64_t nr, uint64_t writer,
			uint64_t seq)
{
	CHECK_MSG(right(map, first, nr, writer, seq), "%s", wrong);
}

static void child_exit(bool ok)
{
	if (!ok)
		dprintf(STDOUT_FILENO, "# child: %s\n", wrong);
	_exit(ok ? CHILD_OK : 1);
}

static void check_child(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == CHILD_OK, "a child: status %x",
		  status);
}

static uint64_t pool_reserved(void)
{
	struct statfs fs;

	CHECK(!statfs(POOL, &fs));
	return fs.f_blocks - fs.f_bfree;
}

/* An access that must end in this signal. */
static void check_signal(char *at, bool write, int want)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (!pid) {
		if (write)
			*(volatile char *)at = 1;
		else
			(void)*(volatile char *)at;
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_MSG(WIFSIGNALED(status) && WTERMSIG(status) == want, "status %x, not signal %d",
		  status, want);
}

/* Parent and child share the memory, and each outlives the other's mapping of it. */
static void test_fork(void)
{
	pool_mount(OPTIONS);
	int fd = vm_create("vm", VM_BYTES), pipes[2];
	char *map = vm_map(fd, VM_BYTES), byte;

	write_pages(map, 0, VM_PAGES, 1, 1);
	CHECK(!pipe(pipes));
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		bool ok = right(map, 0, VM_PAGES, 1, 1);

		write_pages(map, 0, VM_PAGES / 2, 2, 2);
		child_exit(ok);
	}
	check_child(pid);
	check_pages(map, 0, VM_PAGES / 2, 2, 2);
	check_pages(map, VM_PAGES / 2, VM_PAGES / 2, 1, 1);

	/* Only the child is left with it: not even a name. */
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		close(fd);
		close(pipes[1]);
		if (read(pipes[0], &byte, 1))
			_exit(1);
		bool ok = right(map, 0, VM_PAGES / 2, 2, 2) &&
			  right(map, VM_PAGES / 2, VM_PAGES / 2, 1, 1);

		write_pages(map, 0, VM_PAGES, 3, 3);
		child_exit(ok && right(map, 0, VM_PAGES, 3, 3));
	}
	CHECK(!munmap(map, VM_BYTES) && !close(fd) && !unlink(POOL "/vm"));
	CHECK_MSG(pool_reserved() == VM_PAGES, "%lu pages reserved", pool_reserved());
	CHECK_ERRNO(umount(POOL), EBUSY);
	close(pipes[1]);
	check_child(pid);
	CHECK_MSG(pool_reserved() == 0, "%lu pages reserved", pool_reserved());
}

struct flusher {
	pthread_t thread;
	int fd;
	atomic_bool stop;
};

static void *flusher_run(void *arg)
{
	struct flusher *flusher = arg;
	struct dmem_vm_flush flush;

	while (!flusher->stop) {
		flush = (struct dmem_vm_flush){ .size = sizeof(flush),
						.version = DMEM_ABI_VERSION };
		ioctl(flusher->fd, DMEM_IOC_FLUSH, &flush);
		usleep(500);
	}
	return NULL;
}

static void flusher_start(struct flusher *flusher, int fd)
{
	*flusher = (struct flusher){ .fd = fd };
	CHECK(!pthread_create(&flusher->thread, NULL, flusher_run, flusher));
}

static void flusher_end(struct flusher *flusher)
{
	flusher->stop = true;
	pthread_join(flusher->thread, NULL);
}

/* A mapping moves while its pages are thrown out; it shrinks, and cannot grow. */
static void test_mremap(void)
{
	struct flusher flusher;

	pool_mount(OPTIONS);
	int fd = vm_create("vm", VM_BYTES);
	char *map = vm_map(fd, VM_BYTES), *to, *first = map;
	void *room = mmap(NULL, 4 * VM_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(room != MAP_FAILED);
	write_pages(map, 0, VM_PAGES, 1, 1);
	flusher_start(&flusher, fd);
	bool ok = true;

	strcpy(wrong, "mremap");
	for (uint64_t round = 0; ok && round < 40; round++) {
		/* Once in a while the regions' places in the page tables shift by a page. */
		to = (char *)room + (round % 2) * 2 * VM_BYTES + (round % 3) * PAGE;
		ok = mremap(map, VM_BYTES, VM_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to;
		map = ok ? to : map;
		ok = ok && right(map, round % 7 * 256, 256, 1, 1);
	}
	flusher_end(&flusher);
	CHECK_MSG(ok, "%s (errno %d)", wrong, errno);
	check_pages(map, 0, VM_PAGES, 1, 1);
	check_signal(first, false, SIGSEGV);

	CHECK_ERRNO(mremap(map, VM_BYTES, 2 * VM_BYTES, MREMAP_MAYMOVE), EFAULT);
	CHECK(mremap(map, VM_BYTES, VM_BYTES / 2, 0) == map);
	check_signal(map + VM_BYTES / 2, false, SIGSEGV);
	check_pages(map, 0, VM_PAGES / 2, 1, 1);
	munmap(map, VM_BYTES / 2);
	/* Unmapped is not lost. */
	map = vm_map(fd, VM_BYTES);
	check_pages(map, 0, VM_PAGES, 1, 1);
	munmap(map, VM_BYTES);
	munmap(room, 4 * VM_BYTES);
}

/* A mapping loses its middle, in pieces that do not end where regions do; the memory does not. */
static void test_partial_munmap(void)
{
	pool_mount(OPTIONS);
	int fd = vm_create("vm", VM_BYTES);
	char *map = vm_map(fd, VM_BYTES);

	write_pages(map, 0, VM_PAGES, 1, 1);
	CHECK(!munmap(map + 100 * PAGE, 500 * PAGE));
	CHECK(!munmap(map + 1000 * PAGE, PAGE));
	check_signal(map + 599 * PAGE, true, SIGSEGV);
	check_signal(map + 1000 * PAGE, true, SIGSEGV);
	check_pages(map, 0, 100, 1, 1);
	check_pages(map, 600, 400, 1, 1);
	check_pages(map, 1001, VM_PAGES - 1001, 1, 1);
	write_pages(map, 1001, VM_PAGES - 1001, 1, 2);
	vm_flush(fd);
	CHECK(mmap(map + 100 * PAGE, 500 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   fd, 100 * PAGE) == map + 100 * PAGE);
	CHECK(mmap(map + 1000 * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 1000 * PAGE) ==
	      map + 1000 * PAGE);
	check_pages(map, 0, 1001, 1, 1);
	check_pages(map, 1001, VM_PAGES - 1001, 1, 2);
	check_signal(map + 1000 * PAGE, true, SIGSEGV);
	munmap(map, VM_BYTES);
}

/* What is written through one mapping is seen through the others, whoever maps. */
static void test_two_mappings(void)
{
	struct flusher flusher;

	pool_mount(OPTIONS);
	int fd = vm_create("vm", VM_BYTES);
	int other_fd = open(POOL "/vm", O_RDONLY | O_CLOEXEC);
	char *one = vm_map(fd, VM_BYTES);
	char *two = mmap(NULL, VM_BYTES / 2, PROT_READ | PROT_WRITE, MAP_SHARED, fd, VM_BYTES / 2);
	char *ro = mmap(NULL, VM_BYTES, PROT_READ, MAP_SHARED, other_fd, 0);

	CHECK(two != MAP_FAILED && ro != MAP_FAILED);
	flusher_start(&flusher, fd);
	bool ok = true;

	/* Page numbers are the file's: the second mapping begins in its middle. */
	char *shifted = two - VM_BYTES / 2;

	for (uint64_t seq = 1; ok && seq <= 3; seq++) {
		write_pages(one, 0, VM_PAGES, 1, seq);
		ok = right(shifted, VM_PAGES / 2, VM_PAGES / 2, 1, seq);
		write_pages(shifted, VM_PAGES / 2, VM_PAGES / 2, 2, seq);
		ok = ok && right(ro, 0, VM_PAGES / 2, 1, seq) &&
		     right(one, VM_PAGES / 2, VM_PAGES / 2, 2, seq);
	}
	flusher_end(&flusher);
	CHECK_MSG(ok, "%s", wrong);

	check_signal(ro, true, SIGSEGV);
	CHECK_ERRNO(mprotect(ro, PAGE, PROT_READ | PROT_WRITE), EACCES);
	CHECK(!mprotect(one, VM_BYTES, PROT_READ));
	check_signal(one, true, SIGSEGV);
	CHECK(!mprotect(one, VM_BYTES, PROT_READ | PROT_WRITE));
	write_pages(one, 0, VM_PAGES / 2, 1, 4);
	munmap(one, VM_BYTES);
	check_pages(ro, 0, VM_PAGES / 2, 1, 4);
	munmap(two, VM_BYTES / 2);
	munmap(ro, VM_BYTES);
	close(other_fd);
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec + (now.tv_nsec - start->tv_nsec) / 1e9;
}

/* Slept at: what the process waits in, by the kernel's name. */
static bool waits_in_fetch(pid_t pid)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "%*d %*s %c", &state) != 1)
		state = 0;
	fclose(file);
	return state == 'S' || state == 'D';
}

#define FETCH_S	3

/*
 * kill -9 in the middle of a fetch: the process does not stay for it, and the file and the
 * pool go as soon as the page has come, wherever it was going.
 */
static void test_kill_in_fetch(void)
{
	struct timespec start;
	int status;

	pool_mount("donor=local:64M,direct=25%,latency_ns=3000000000");
	int fd = vm_create("vm", VM_BYTES);
	char *map = vm_map(fd, VM_BYTES);

	write_pages(map, 0, 16, 1, 1);
	vm_flush(fd);
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		(void)*(volatile char *)map;
		_exit(0);
	}
	for (int tries = 0; tries < 200 && vm_get(fd).fetches[0] == 0; tries++)
		usleep(5000);
	CHECK(vm_get(fd).fetches[0] == 1);
	for (int tries = 0; tries < 200 && !waits_in_fetch(pid); tries++)
		usleep(5000);
	clock_gettime(CLOCK_MONOTONIC, &start);
	CHECK(!kill(pid, SIGKILL) && waitpid(pid, &status, 0) == pid);
	CHECK_MSG(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x", status);
	CHECK_MSG(seconds_since(&start) < 0.7 * FETCH_S, "killed only after %.1f s",
		  seconds_since(&start));
	CHECK(vm_get(fd).fetched_pages == 0);

	/* The page is still on its way when its file goes. */
	CHECK(!munmap(map, VM_BYTES) && !unlink(POOL "/vm"));
	close(fd);
	CHECK_MSG(pool_reserved() == 0, "%lu pages reserved", pool_reserved());
	CHECK_MSG(!umount(POOL), "umount: %s", strerror(errno));
	CHECK_MSG(seconds_since(&start) < (FETCH_S + 2) * slowness(), "gone only after %.1f s",
		  seconds_since(&start));
}

/* The last user goes while writebacks and prefetches are under way. */
static void test_close_in_flight(void)
{
	pool_mount("donor=local:64M,direct=25%,order=5,latency_ns=20000000,ns_per_page=20000");
	for (int round = 0; round < 20; round++) {
		int fd = vm_create("vm", VM_BYTES);
		char *map = vm_map(fd, VM_BYTES);

		write_pages(map, 0, 600 + 50 * round, 1, 1);
		(void)*(volatile char *)map;
		CHECK(!munmap(map, VM_BYTES) && !unlink(POOL "/vm") && !close(fd));
		CHECK_MSG(pool_reserved() == 0, "%lu pages reserved", pool_reserved());
	}
}

/* No name, no descriptor: the mapping alone keeps it, and pages come and go as before. */
static void test_unlink_mapped(void)
{
	pool_mount(OPTIONS);
	int fd = vm_create("vm", VM_BYTES);
	char *map = vm_map(fd, VM_BYTES);

	write_pages(map, 0, VM_PAGES / 2, 1, 1);
	CHECK(!link(POOL "/vm", POOL "/name"));
	CHECK(!unlink(POOL "/vm") && !unlink(POOL "/name") && !close(fd));
	write_pages(map, VM_PAGES / 2, VM_PAGES / 2, 1, 1);
	for (uint64_t seq = 1; seq <= 3; seq++) {
		check_pages(map, 0, VM_PAGES, 1, seq);
		write_pages(map, 0, VM_PAGES, 1, seq + 1);
	}
	CHECK_MSG(pool_reserved() == VM_PAGES, "%lu pages reserved", pool_reserved());
	/* A new file of that name is another one. */
	fd = vm_create("vm", VM_BYTES);
	char *other = vm_map(fd, VM_BYTES);

	check_pages(other, 0, VM_PAGES, 0, 0);
	check_pages(map, 0, VM_PAGES, 1, 4);
	munmap(map, VM_BYTES);
	CHECK_MSG(pool_reserved() == VM_PAGES, "%lu pages reserved", pool_reserved());
	munmap(other, VM_BYTES);
}

static void test_tmpfile(void)
{
	pool_mount(OPTIONS);
	int fd = open(POOL, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	CHECK_MSG(fd >= 0, "O_TMPFILE: %s", strerror(errno));
	CHECK(!ftruncate(fd, VM_BYTES));
	char *map = vm_map(fd, VM_BYTES);

	write_pages(map, 0, VM_PAGES, 1, 1);
	check_pages(map, 0, VM_PAGES, 1, 1);
	CHECK(!munmap(map, VM_BYTES));
	CHECK(pool_reserved() == VM_PAGES);
	close(fd);
	CHECK_MSG(pool_reserved() == 0, "%lu pages reserved", pool_reserved());
}

/* In use it can neither be unmounted nor unloaded; unmounted lazily, it works until let go. */
static void test_unmount_in_use(void)
{
	pool_mount(OPTIONS);
	int fd = vm_create("vm", VM_BYTES);
	char *map = vm_map(fd, VM_BYTES);

	write_pages(map, 0, VM_PAGES, 1, 1);
	CHECK_ERRNO(umount(POOL), EBUSY);
	close(fd);
	CHECK_ERRNO(umount(POOL), EBUSY);
	CHECK_ERRNO(module_unload(), EAGAIN);
	check_pages(map, 0, VM_PAGES, 1, 1);

	CHECK(!umount2(POOL, MNT_DETACH));
	CHECK_ERRNO(module_unload(), EAGAIN);
	check_pages(map, 0, VM_PAGES, 1, 1);
	write_pages(map, 0, VM_PAGES, 2, 2);
	check_pages(map, 0, VM_PAGES, 2, 2);
	munmap(map, VM_BYTES);
	unload_soon();
	CHECK_ERRNO(pool_try_mount(OPTIONS), ENODEV);
	CHECK_MSG(!module_load(), "loading: %s", strerror(errno));
}

struct unloader {
	atomic_bool stop;
	unsigned int unloaded, failed;
};

static void *unloader_run(void *arg)
{
	struct unloader *unloader = arg;
	struct timespec start;

	while (!unloader->stop) {
		clock_gettime(CLOCK_MONOTONIC, &start);
		if (module_unload()) {
			usleep(1000);
			continue;
		}
		unloader->unloaded++;
		if (module_load())
			unloader->failed++;
		/* Without a pause, longer where all is slow, nobody would ever get to mount. */
		usleep(20000 + unloader->unloaded * 7919 % 60000 + seconds_since(&start) * 3e5);
	}
	return NULL;
}

#define RACE_S	12

/* Mount, use, unmount. False, with errno, when it goes wrong; that the module is gone is not. */
static bool race_once(unsigned int *mounts)
{
	char *map;
	bool ok;
	int fd;

	/* A mount in vain is slow: it asks modprobe first. */
	for (int tries = 0; tries < 200 && module_references() < 0; tries++)
		usleep(500);
	if (pool_try_mount(OPTIONS))
		return errno == ENODEV;
	fd = open(POOL "/vm", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ok = fd >= 0 && !ftruncate(fd, VM_BYTES);
	map = ok ? mmap(NULL, VM_BYTES, PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
	close(fd);
	ok = map != MAP_FAILED;
	if (ok) {
		write_pages(map, 0, 700, 1, 1);
		munmap(map, VM_BYTES);
	}
	++*mounts;
	return !umount(POOL) && ok;
}

/* The module is unloaded whenever it may be, while pools come and go. */
static void test_unload_race(void)
{
	struct unloader unloader = { 0 };
	unsigned int mounts = 0;
	struct timespec start;
	pthread_t thread;
	bool ok = true;

	CHECK(!pthread_create(&thread, NULL, unloader_run, &unloader));
	clock_gettime(CLOCK_MONOTONIC, &start);
	/* On a slow host it takes longer until both had their turn. */
	while (ok && (seconds_since(&start) < RACE_S ||
		      (!(mounts && unloader.unloaded) && seconds_since(&start) < 5 * RACE_S)))
		ok = race_once(&mounts);
	int err = errno;

	unloader.stop = true;
	pthread_join(thread, NULL);
	printf("# %u mounts, %u unloads\n", mounts, unloader.unloaded);
	CHECK_MSG(ok, "after %u mounts: %s", mounts, strerror(err));
	CHECK_MSG(!unloader.failed, "%u loads failed", unloader.failed);
	CHECK(mounts && unloader.unloaded);
}

/*
 * What the module holds, exactly: bytes of all its call sites (pages too), where the kernel
 * profiles allocations; -1 elsewhere. Lines are: bytes calls file:line [module] func:name.
 */
static long module_bytes(bool tell)
{
	FILE *file = fopen("/proc/allocinfo", "re");
	char line[512];
	long sum = 0;

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		long bytes = atol(line);

		if (!bytes || !strstr(line, " [" DMEM_FS_NAME "] "))
			continue;
		sum += bytes;
		if (tell)
			printf("# %s", line);
	}
	fclose(file);
	return sum;
}

/* Inodes of the module that exist; the slabs that hold freed ones back are shrunk first. */
static long slab_inodes(void)
{
	FILE *file = fopen("/sys/kernel/slab/dmem_inode/shrink", "we");
	long nr;

	if (file) {
		fputs("1\n", file);
		fclose(file);
	}
	file = fopen("/sys/kernel/slab/dmem_inode/objects", "re");
	if (!file)
		return -1;
	if (fscanf(file, "%ld", &nr) != 1)
		nr = -1;
	fclose(file);
	return nr;
}

/* Without what could be dropped: what is left to be allocated varies little then. */
static long memory_free_kib(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	FILE *file = fopen("/proc/meminfo", "re");
	long kib = -1;

	CHECK(fd >= 0 && file);
	CHECK(write(fd, "3", 1) == 1);
	close(fd);
	while (kib < 0 && fscanf(file, "MemFree: %ld", &kib) != 1)
		if (fscanf(file, "%*[^\n]\n") == EOF)
			break;
	fclose(file);
	CHECK(kib > 0);
	return kib;
}

#define CYCLE_PAGES	512UL

static void cycle(void)
{
	pool_mount(OPTIONS);
	int fd = vm_create("vm", CYCLE_PAGES * PAGE);
	char *map = vm_map(fd, CYCLE_PAGES * PAGE);

	for (uint64_t page = 0; page < CYCLE_PAGES; page++)
		*(uint64_t *)(map + page * PAGE) = page + 1;
	CHECK(vm_get(fd).remote_bytes > CYCLE_PAGES * PAGE / 2);
	CHECK(!munmap(map, CYCLE_PAGES * PAGE) && !close(fd) && !unlink(POOL "/vm"));
	CHECK_MSG(pool_reserved() == 0, "%lu pages reserved", pool_reserved());
	CHECK_MSG(!umount(POOL), "umount: %s", strerror(errno));
}

#define CYCLES		200
/* The host's own comings and goings: 20 pages a cycle. Where allocations are counted: none. */
#define TOLERANCE_KIB	16384

/* 200 times mount, create, touch, remove, unmount. */
static void test_cycles(void)
{
	long before_kib, after_kib, inodes = -1, bytes = -1;

	for (int i = 0; i < 5; i++)
		cycle();
	before_kib = memory_free_kib();
	for (int i = 0; i < CYCLES; i++)
		cycle();
	/* Inodes go after a grace period. */
	for (int tries = 0; tries < 100; tries++) {
		inodes = slab_inodes();
		bytes = module_bytes(false);
		if (inodes <= 0 && bytes <= 0)
			break;
		usleep(50000);
	}
	after_kib = memory_free_kib();
	printf("# %d cycles: inodes left %ld, module's bytes left %ld (-1: not counted here), free memory %+ld KiB\n",
	       CYCLES, inodes, bytes, after_kib - before_kib);
	module_bytes(true);
	CHECK_MSG(inodes <= 0, "%ld inodes are left in the slab", inodes);
	CHECK_MSG(bytes <= 0, "%ld bytes are still allocated by the module", bytes);
	CHECK_MSG(before_kib - after_kib < TOLERANCE_KIB, "%ld KiB less are free",
		  before_kib - after_kib);
	CHECK_MSG(module_references() == 0, "%d references to the module", module_references());
}

static const struct test tests[] = {
	{ "fork", test_fork },
	{ "mremap", test_mremap },
	{ "partial-munmap", test_partial_munmap },
	{ "two-mappings", test_two_mappings },
	{ "kill-in-fetch", test_kill_in_fetch },
	{ "close-in-flight", test_close_in_flight },
	{ "unlink-mapped", test_unlink_mapped },
	{ "tmpfile", test_tmpfile },
	{ "unmount-in-use", test_unmount_in_use },
	{ "unload-race", test_unload_race },
	{ "cycles", test_cycles },
	{}
};

int main(int argc, char **argv)
{
	return run_tests(tests, argc, argv);
}
