// SPDX-License-Identifier: GPL-2.0
/*
 * core_faults.c - allocations that fail: nothing written is lost, nothing hangs, nothing is left.
 *
 * Needs a kernel with failslab and fail_page_alloc (tests/debug.config). The sweep makes them fail
 * at random and at rising rates under paging threads: in half of the runs for whatever those
 * threads allocate, page tables too, in the other half for whatever is allocated with dmem.ko on
 * the stack, which reaches the evictor's worker. The other tests fail the first, second, third ...
 * allocation of a system call until there is none left to fail.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/uio.h>
#include <time.h>

#include "tests/selftests/selftest.h"
#include "tests/pages.h"

#define DEBUGFS		"/sys/kernel/debug"
#define RUNS		100
#define THREADS		3
#define VM_PAGES	2048UL
#define VM_BYTES	(VM_PAGES * PAGE)
#define STEPS		1500
/* A run takes a second or two; what a fault waits at most is 30 s. */
#define RUN_LIMIT_S	100

static const char *const injectors[] = { "failslab", "fail_page_alloc" };

/* 0 or the errno. */
static int put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

static void set(const char *injector, const char *name, unsigned long value)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", injector, name);
	snprintf(text, sizeof(text), "%lu", value);
	int err = put_text(path, text);

	CHECK_MSG(!err, "%s: %s", path, strerror(err));
}

static long get(const char *injector, const char *name)
{
	char path[128];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", injector, name);
	file = fopen(path, "re");
	CHECK_MSG(file, "%s: %s", path, strerror(errno));
	if (fscanf(file, "%ld", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

/* Where dmem.ko's functions are: its first and last symbol, in whole pages. */
static void find_text(unsigned long *start, unsigned long *end)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512];

	*start = -1UL;
	*end = 0;
	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		unsigned long at = strtoul(line, NULL, 16);
		char *type = strchr(line, ' ');

		if (!strstr(line, "\t[" DMEM_FS_NAME "]") || !type || !strchr("tT", type[1]))
			continue;
		*start = at < *start ? at : *start;
		*end = at > *end ? at : *end;
	}
	fclose(file);
	CHECK_MSG(*end && *start, "no symbols of the module in /proc/kallsyms");
	*end = (*end / PAGE + 2) * PAGE;
}

/* Allocations by these may fail; @probability in per cent, 0: none fail. */
enum whose { BY_THREADS, BY_MODULE };

#define PLENTY 1000000000L

static void inject(unsigned int injector, enum whose whose, unsigned int probability)
{
	const char *name = injectors[injector];
	unsigned long start = 0, end = -1UL;

	if (whose == BY_MODULE)
		find_text(&start, &end);
	set(name, "probability", 0);
	set(name, "task-filter", whose == BY_THREADS);
	set(name, "stacktrace-depth", 32);
	set(name, "require-start", start);
	set(name, "require-end", end);
	set(name, "ignore-gfp-wait", 0);
	if (injector == 1) {
		set(name, "ignore-gfp-highmem", 0);
		set(name, "min-order", 0);
	}
	set(name, "interval", 1);
	set(name, "space", 0);
	set(name, "verbose", 0);
	/* It is counted down by each: what is missing at the end is how many were made to fail. */
	set(name, "times", PLENTY);
	set(name, "probability", probability);
}

/* Returns how many were made to fail. */
static long inject_end(unsigned int injector)
{
	set(injectors[injector], "probability", 0);
	return PLENTY - get(injectors[injector], "times");
}

static void need_injection(void)
{
	/* It warns of each of its own allocations that fails, with a stack. */
	put_text("/proc/sys/vm/mem_profiling", "0");
	if (access(DEBUGFS "/failslab", F_OK))
		mount("none", DEBUGFS, "debugfs", 0, NULL);
	for (unsigned int i = 0; i < 2; i++) {
		char path[128];

		snprintf(path, sizeof(path), DEBUGFS "/%s/require-start", injectors[i]);
		CHECK_MSG(!access(path, F_OK), "this kernel cannot make allocations fail: no %s",
			  path);
	}
}

struct pager {
	pthread_t thread;
	struct sweep *sweep;
	unsigned int number;
	unsigned int seed;
	unsigned long sigbus, refused;	/* accesses, system calls */
	char why[400];
};

struct sweep {
	int fd;
	char *map;
	uint64_t seqs[VM_PAGES];	/* of the last write that was acknowledged */
	struct pager pagers[THREADS];
};

static __thread sigjmp_buf bus_error;
static __thread volatile sig_atomic_t bus_expected;

static void on_bus(int sig)
{
	if (bus_expected)
		siglongjmp(bus_error, 1);
	signal(sig, SIG_DFL);
}

/* An access may get SIGBUS when it has waited in vain; then it is made again. */
static void *access_page(struct pager *pager, uint64_t page, bool write, char *copy)
{
	char *at = pager->sweep->map + page * PAGE;

	while (sigsetjmp(bus_error, 1))
		pager->sigbus++;
	bus_expected = 1;
	if (write)
		page_fill(at, page, pager->number, pager->sweep->seqs[page] + 1);
	else
		memcpy(copy, at, PAGE);
	bus_expected = 0;
	return copy;
}

/* The same through get_user_pages(), where a failed allocation is an errno. */
static void read_through_gup(struct pager *pager, uint64_t page, char *copy)
{
	struct iovec to = { copy, PAGE }, from = { pager->sweep->map + page * PAGE, PAGE };

	while (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != (ssize_t)PAGE)
		pager->refused++;
}

static void disturb(struct pager *pager, unsigned int what)
{
	struct dmem_vm_flush flush = { .size = sizeof(flush), .version = DMEM_ABI_VERSION };
	struct dmem_vm_set change = { .size = sizeof(change), .version = DMEM_ABI_VERSION };

	if (what % 4 == 0) {
		pager->refused += ioctl(pager->sweep->fd, DMEM_IOC_FLUSH, &flush) != 0;
		return;
	}
	change.mask = DMEM_SET_ALL;
	change.order = what / 4 % DMEM_ORDERS;
	change.direct_limit_bytes = VM_BYTES / (3 + what / 64 % 6);
	pager->refused += ioctl(pager->sweep->fd, DMEM_IOC_SET, &change) != 0;
}

static void make_it_fail(bool fail)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/make-it-fail", gettid());
	put_text(path, fail ? "1" : "0");
}

/* Each thread has every THREADS'th page to itself. */
static void *pager_run(void *arg)
{
	struct pager *pager = arg;
	struct sweep *sweep = pager->sweep;
	char copy[PAGE];

	make_it_fail(true);
	for (unsigned int step = 0; step < STEPS && !pager->why[0]; step++) {
		unsigned int dice = rand_r(&pager->seed);
		uint64_t page = rand_r(&pager->seed) % (VM_PAGES / THREADS);

		page = page * THREADS + pager->number;
		if (dice % 100 == 0) {
			disturb(pager, dice / 100);
			continue;
		}
		if (dice % 10 == 1)
			read_through_gup(pager, page, copy);
		else
			access_page(pager, page, false, copy);
		if (!page_verify(copy, page, pager->number, sweep->seqs[page], pager->why,
				 sizeof(pager->why)))
			break;
		if (dice % 2) {
			access_page(pager, page, true, NULL);
			sweep->seqs[page]++;
		}
	}
	make_it_fail(false);
	return NULL;
}

static void sweep_join(struct sweep *sweep, const char *what)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += RUN_LIMIT_S * slowness();
	for (unsigned int i = 0; i < THREADS; i++) {
		int err = pthread_timedjoin_np(sweep->pagers[i].thread, NULL, &until);

		if (!err)
			continue;
		/* The thread cannot be taken down, and what it uses must stay. */
		printf("Bail out! %s: thread %u hangs\n", what, i);
		exit(1);
	}
}

static void sweep_verify(struct sweep *sweep, const char *what)
{
	char why[400];

	for (uint64_t page = 0; page < VM_PAGES; page++)
		CHECK_MSG(page_verify(sweep->map + page * PAGE, page, page % THREADS,
				      sweep->seqs[page], why, sizeof(why)), "%s: %s", what, why);
}

struct sums {
	long failed[2];
	unsigned long sigbus, refused;
};

/* In per cent: from a failure now and then to hardly anything but failures. */
static const unsigned int rates[] = { 1, 2, 3, 5, 8, 12, 18, 25, 35, 50 };

static void sweep_run(unsigned int run, struct sums *sums)
{
	unsigned int rate = rates[run * (sizeof(rates) / sizeof(rates[0])) / RUNS];
	enum whose whose = run % 2 ? BY_MODULE : BY_THREADS;
	unsigned int which = run / 2 % 3;	/* slab, pages, both */
	static struct sweep sweep;
	char what[100];

	snprintf(what, sizeof(what), "run %u: %s%s%s at %u %% by %s", run, which != 1 ? "slab" : "",
		 which == 2 ? " and " : "", which != 0 ? "pages" : "", rate,
		 whose == BY_MODULE ? "module" : "threads");
	memset(&sweep, 0, sizeof(sweep));
	sweep.fd = vm_create("vm", VM_BYTES);
	sweep.map = vm_map(sweep.fd, VM_BYTES);
	vm_set_order(sweep.fd, run % DMEM_ORDERS);
	for (unsigned int i = 0; i < 2; i++)
		if (which == i || which == 2)
			inject(i, whose, rate);
	for (unsigned int i = 0; i < THREADS; i++) {
		struct pager *pager = &sweep.pagers[i];

		pager->sweep = &sweep;
		pager->number = i;
		pager->seed = run * THREADS + i + 1;
		CHECK(!pthread_create(&pager->thread, NULL, pager_run, pager));
	}
	sweep_join(&sweep, what);
	for (unsigned int i = 0; i < 2; i++)
		if (which == i || which == 2)
			sums->failed[i] += inject_end(i);
	for (unsigned int i = 0; i < THREADS; i++) {
		CHECK_MSG(!sweep.pagers[i].why[0], "%s: %s", what, sweep.pagers[i].why);
		sums->sigbus += sweep.pagers[i].sigbus;
		sums->refused += sweep.pagers[i].refused;
	}
	sweep_verify(&sweep, what);
	vm_flush(sweep.fd);
	sweep_verify(&sweep, what);
	CHECK(!munmap(sweep.map, VM_BYTES) && !close(sweep.fd) && !unlink(POOL "/vm"));
}

static void test_sweep(void)
{
	struct sigaction action = { .sa_handler = on_bus };
	struct sums sums = { 0 };

	need_injection();
	sigaction(SIGBUS, &action, NULL);
	/* The limit is of one run here. */
	alarm(0);
	pool_mount("donor=local:64M,direct=25%");
	for (unsigned int run = 0; run < RUNS; run++)
		sweep_run(run, &sums);
	signal(SIGBUS, SIG_DFL);
	printf("# %d runs: %ld slab and %ld page allocations failed, %lu accesses got SIGBUS, %lu system calls an error\n",
	       RUNS, sums.failed[0], sums.failed[1], sums.sigbus, sums.refused);
	CHECK(sums.failed[0] > RUNS && sums.failed[1] > RUNS);
}

/* Returns false when the thread's nth allocation was not reached any more. */
static bool with_nth_failing(unsigned int nth, bool (*call)(void), bool *done)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	char text[16];
	int left;

	CHECK_MSG(fd >= 0, "fail-nth: %s", strerror(errno));
	snprintf(text, sizeof(text), "%u", nth);
	CHECK(write(fd, text, strlen(text)) > 0);
	*done = call();
	memset(text, 0, sizeof(text));
	CHECK(pread(fd, text, sizeof(text) - 1, 0) > 0);
	left = atoi(text);
	CHECK(write(fd, "0", 1) == 1);
	close(fd);
	return left == 0;
}

static int nth_fd;
static char *nth_map;

static bool call_mount(void)
{
	return !mount("none", POOL, DMEM_FS_NAME, 0, "donor=local:64M,direct=25%,order=3");
}

static bool call_create(void)
{
	nth_fd = open(POOL "/vm", O_RDWR | O_CREAT | O_EXCL, 0600);
	return nth_fd >= 0;
}

static bool call_tmpfile(void)
{
	nth_fd = open(POOL, O_RDWR | O_TMPFILE, 0600);
	return nth_fd >= 0;
}

static bool call_mkdir(void)
{
	return !mkdir(POOL "/dir", 0700);
}

static bool call_map(void)
{
	nth_map = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, nth_fd, 0);
	return nth_map != MAP_FAILED;
}

/* A fault that finds no memory is taken again by the CPU, without the injection by then. */
static bool call_touch(void)
{
	*(volatile char *)nth_map = 1;
	return true;
}

static bool call_flush(void)
{
	struct dmem_vm_flush flush = { .size = sizeof(flush), .version = DMEM_ABI_VERSION };

	return !ioctl(nth_fd, DMEM_IOC_FLUSH, &flush);
}

static bool call_fetch(void)
{
	return *(volatile char *)nth_map == 1;
}

/* A failed call leaves nothing; @undo takes back one that was done all the same. */
static void fail_each(const char *what, void (*prepare)(void), bool (*call)(void),
		      void (*undo)(void))
{
	unsigned int nth, failed = 0;
	bool reached = true;

	for (nth = 1; reached && nth < 1000; nth++) {
		bool done;

		if (prepare)
			prepare();
		reached = with_nth_failing(nth, call, &done);
		failed += !done;
		CHECK_MSG(reached || done, "%s fails by itself: %s", what, strerror(errno));
		if (done && undo)
			undo();
	}
	CHECK_MSG(!reached, "%s: there is no end of it", what);
	printf("# %s: %u allocations, %u of them vital\n", what, nth - 2, failed);
}

static void undo_mount(void)
{
	CHECK_MSG(!umount(POOL), "umount: %s", strerror(errno));
}

static void undo_create(void)
{
	CHECK(!close(nth_fd) && !unlink(POOL "/vm"));
}

static void undo_tmpfile(void)
{
	CHECK(!close(nth_fd));
}

static void undo_mkdir(void)
{
	CHECK(!rmdir(POOL "/dir"));
}

static void undo_map(void)
{
	CHECK(!munmap(nth_map, 16 * MIB));
}

/* A new file each time: what an earlier try has allocated would be there already. */
static void prepare_touch(void)
{
	nth_fd = vm_create("vm", 16 * MIB);
	nth_map = vm_map(nth_fd, 16 * MIB);
}

static void prepare_flush(void)
{
	prepare_touch();
	for (uint64_t page = 0; page < 80; page++)
		page_fill(nth_map + page * PAGE, page, 1, 1);
}

static void prepare_fetch(void)
{
	prepare_touch();
	for (uint64_t page = 0; page < 80; page++)
		nth_map[page * PAGE] = 1;
	vm_flush(nth_fd);
}

static void undo_touch(void)
{
	CHECK(nth_map[0] == 1);
	CHECK(!munmap(nth_map, 16 * MIB) && !close(nth_fd) && !unlink(POOL "/vm"));
}

/* After a flush that failed half-way all pages are there, and the next one can do it. */
static bool check_flush(void)
{
	bool done = call_flush();

	for (uint64_t page = 0; page < 80; page++)
		if (page_torn_at((uint64_t *)(nth_map + page * PAGE)))
			return false;
	return done;
}

static void prepare_flush_again(void)
{
	if (nth_map) {
		vm_flush(nth_fd);
		for (uint64_t page = 0; page < 80; page++)
			CHECK_MSG(!page_torn_at((uint64_t *)(nth_map + page * PAGE)),
				  "page %lu is lost", page);
		CHECK(!munmap(nth_map, 16 * MIB) && !close(nth_fd) && !unlink(POOL "/vm"));
	}
	prepare_flush();
}

static void test_nth_of_mount(void)
{
	need_injection();
	mkdir(POOL, 0755);
	for (unsigned int i = 0; i < 2; i++)
		inject(i, BY_THREADS, 0);
	fail_each("mount", NULL, call_mount, undo_mount);
}

static void test_nth_of_files(void)
{
	need_injection();
	for (unsigned int i = 0; i < 2; i++)
		inject(i, BY_THREADS, 0);
	pool_mount("donor=local:64M,direct=25%,order=3");
	fail_each("create", NULL, call_create, undo_create);
	fail_each("tmpfile", NULL, call_tmpfile, undo_tmpfile);
	fail_each("mkdir", NULL, call_mkdir, undo_mkdir);
	nth_fd = vm_create("map", 16 * MIB);
	fail_each("mmap", NULL, call_map, undo_map);
}

static void test_nth_of_pages(void)
{
	need_injection();
	/* Page tables and the like are not the question here. */
	for (unsigned int i = 0; i < 2; i++)
		inject(i, BY_MODULE, 0);
	pool_mount("donor=local:64M,direct=25%,order=3");
	fail_each("touch", prepare_touch, call_touch, undo_touch);
	fail_each("fetch", prepare_fetch, call_fetch, undo_touch);
	nth_map = NULL;
	fail_each("flush", prepare_flush_again, check_flush, NULL);
	CHECK(!munmap(nth_map, 16 * MIB));
}

static const struct test tests[] = {
	{ "nth-of-mount", test_nth_of_mount },
	{ "nth-of-files", test_nth_of_files },
	{ "nth-of-pages", test_nth_of_pages },
	{ "sweep", test_sweep },
	{}
};

int main(int argc, char **argv)
{
	return run_tests(tests, argc, argv);
}
