// SPDX-License-Identifier: GPL-2.0
/*
 * core_prefetch.c - the rest of a large block is asked for behind the fault: what waits in a CPU's
 * queue, what becomes of it when the memory is punched, cut, limited or gone meanwhile, and what
 * does not fit in.
 *
 * To look at a queue at leisure, its worker is kept from running: every CPU is given to threads
 * that go before it, for less than the second after which the scheduler sees to it nevertheless.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/statfs.h>

#include "selftest.h"
#include "tests/pages.h"

#define REGION_PAGES	512UL
#define REGIONS		12UL
#define VM_PAGES	(REGIONS * REGION_PAGES)
#define VM_BYTES	(VM_PAGES * PAGE)
#define OPTIONS		"donor=local:128M,direct=100%,order=9"
/* Of the core: what a fault asks for itself, and how many rests may wait for a worker of a CPU. */
#define NEAR_PAGES	16UL
#define QUEUE_RESTS	8UL
#define CPUS_MAX	64
#define HOLD_S		0.8

struct scene {
	pthread_t spinners[CPUS_MAX];
	unsigned int nr_spinners;
	atomic_uint nr_spinning;
	_Atomic double until_s;		/* when they end */
	bool held;
	double since_s;
	cpu_set_t cpus;			/* that this process had before */
	char *map;
	int fd;
};

static struct scene scene;

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void *spinner_run(void *arg)
{
	(void)arg;
	scene.nr_spinning++;
	while (now_s() < scene.until_s)
		;
	return NULL;
}

static void spinner_start(int cpu)
{
	struct sched_param param = { .sched_priority = 1 };
	pthread_attr_t attr;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(!pthread_attr_init(&attr));
	CHECK(!pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED) &&
	      !pthread_attr_setschedpolicy(&attr, SCHED_FIFO) &&
	      !pthread_attr_setschedparam(&attr, &param) &&
	      !pthread_attr_setaffinity_np(&attr, sizeof(set), &set));
	int err = pthread_create(&scene.spinners[scene.nr_spinners], &attr, spinner_run, NULL);

	CHECK_MSG(!err, "a thread of CPU %d: %s", cpu, strerror(err));
	scene.nr_spinners++;
	pthread_attr_destroy(&attr);
}

/* From here to release(), or for HOLD_S, no worker runs; this thread does, on one CPU. */
static void hold(void)
{
	struct sched_param param = { .sched_priority = 2 };
	int first = -1;
	cpu_set_t set;

	CHECK(!sched_getaffinity(0, sizeof(scene.cpus), &scene.cpus));
	CHECK(CPU_COUNT(&scene.cpus) <= CPUS_MAX);
	/* What is queued on the way here is none of the test's. */
	vm_flush(scene.fd);
	/* Ordinary threads that used up most of what a second guarantees get more of it sooner. */
	usleep(1100000);
	CHECK_MSG(!sched_setscheduler(0, SCHED_FIFO, &param), "SCHED_FIFO: %s", strerror(errno));
	scene.held = true;
	scene.nr_spinning = 0;
	scene.since_s = now_s();
	scene.until_s = scene.since_s + HOLD_S;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &scene.cpus))
			continue;
		if (first < 0)
			first = cpu;
		spinner_start(cpu);
	}
	CPU_ZERO(&set);
	CPU_SET(first, &set);
	CHECK(!sched_setaffinity(0, sizeof(set), &set));
	while (scene.nr_spinning < scene.nr_spinners)
		usleep(100);
}

static void release(void)
{
	struct sched_param param = { 0 };

	if (!scene.held)
		return;
	printf("# no worker for %.0f ms\n", 1e3 * (now_s() - scene.since_s));
	scene.until_s = 0;
	while (scene.nr_spinners)
		pthread_join(scene.spinners[--scene.nr_spinners], NULL);
	sched_setscheduler(0, SCHED_OTHER, &param);
	sched_setaffinity(0, sizeof(scene.cpus), &scene.cpus);
	scene.held = false;
}

/* The body of a test; whatever becomes of it, the CPUs are free afterwards. */
static void guarded(void (*body)(void))
{
	volatile int failed;
	jmp_buf outer;

	memcpy(&outer, &test_failed, sizeof(outer));
	failed = setjmp(test_failed);
	if (!failed)
		body();
	memcpy(&test_failed, &outer, sizeof(outer));
	release();
	if (scene.map)
		munmap(scene.map, VM_BYTES);
	scene.map = NULL;
	if (failed)
		longjmp(test_failed, failed);
}

/* A file whose every page is with the donor. */
static void scene_begin(const char *options)
{
	pool_mount(options);
	scene.fd = vm_create("vm", VM_BYTES);
	scene.map = vm_map(scene.fd, VM_BYTES);
	for (uint64_t page = 0; page < VM_PAGES; page++)
		page_fill(scene.map + page * PAGE, page, 1, 1);
	struct dmem_vm_flush flush = vm_flush(scene.fd);

	CHECK_MSG(!flush.kept_pages, "%llu pages stayed", flush.kept_pages);
}

static void touch(uint64_t page)
{
	(void)*(volatile char *)(scene.map + page * PAGE);
}

/* As it was written; or, punched, as zeros. */
static void check(uint64_t page, uint64_t seq)
{
	char why[256];

	CHECK_MSG(page_verify(scene.map + page * PAGE, page, seq, seq, why, sizeof(why)), "%s",
		  why);
}

static void check_page(uint64_t page)
{
	check(page, 1);
}

/* Until so many pages have come, and then none more. */
static void wait_fetched(uint64_t pages)
{
	uint64_t fetched = 0;

	for (unsigned int i = 0; i < 2000 * slowness() && fetched != pages; i++) {
		if (i)
			usleep(1000);
		fetched = vm_get(scene.fd).fetched_pages;
	}
	usleep(10000);
	fetched = vm_get(scene.fd).fetched_pages;
	CHECK_MSG(fetched == pages, "%lu pages fetched, not %lu", fetched, pages);
}

static void check_counts(uint64_t faults, uint64_t queued, uint64_t dropped)
{
	struct dmem_vm_get get = vm_get(scene.fd);

	CHECK_MSG(get.fetches[9] == faults, "%llu fetches, not %lu", get.fetches[9], faults);
	CHECK_MSG(get.prefetches_queued == queued && get.prefetches_dropped == dropped,
		  "%llu rests queued, %llu dropped, not %lu and %lu", get.prefetches_queued,
		  get.prefetches_dropped, queued, dropped);
	CHECK_MSG(get.prefetched_pages == get.fetched_pages - faults && !get.errors,
		  "%llu pages fetched, %llu of them prefetched", get.fetched_pages,
		  get.prefetched_pages);
}

/*
 * With no worker there, faults are answered, and what is near their pages comes; the rest waits.
 * The demand for a page of it is a fault like any other.
 */
static void behind_body(void)
{
	scene_begin(OPTIONS);
	hold();
	for (uint64_t i = 0; i < QUEUE_RESTS; i++)
		touch(i * REGION_PAGES + 37 * i);
	wait_fetched(QUEUE_RESTS * NEAR_PAGES);
	check_counts(QUEUE_RESTS, QUEUE_RESTS, 0);
	/* In the block that was queued last: not queued again. */
	check_page(QUEUE_RESTS * REGION_PAGES - 1);
	wait_fetched((QUEUE_RESTS + 1) * NEAR_PAGES);
	check_counts(QUEUE_RESTS + 1, QUEUE_RESTS, 0);
	release();
	wait_fetched(QUEUE_RESTS * REGION_PAGES);
	check_counts(QUEUE_RESTS + 1, QUEUE_RESTS, 0);
	for (uint64_t page = 0; page < QUEUE_RESTS * REGION_PAGES; page++)
		check_page(page);
	check_counts(QUEUE_RESTS + 1, QUEUE_RESTS, 0);
}

static void test_behind(void)
{
	guarded(behind_body);
}

/* What does not fit in is not asked for, and counted; its block can be queued later. */
static void overflow_body(void)
{
	const uint64_t late = REGIONS - QUEUE_RESTS;

	scene_begin(OPTIONS);
	hold();
	for (uint64_t i = 0; i < REGIONS; i++)
		touch(i * REGION_PAGES);
	wait_fetched(REGIONS * NEAR_PAGES);
	check_counts(REGIONS, QUEUE_RESTS, late);
	release();
	wait_fetched(QUEUE_RESTS * REGION_PAGES + late * NEAR_PAGES);
	check_counts(REGIONS, QUEUE_RESTS, late);
	check_page(VM_PAGES - 1);
	wait_fetched((QUEUE_RESTS + 1) * REGION_PAGES + (late - 1) * NEAR_PAGES);
	check_counts(REGIONS + 1, QUEUE_RESTS + 1, late);
	for (uint64_t page = 0; page < VM_PAGES; page++)
		check_page(page);
}

static void test_overflow(void)
{
	guarded(overflow_body);
}

/* What is punched or cut off while it waits does not come back. */
static void punched_body(void)
{
	scene_begin(OPTIONS);
	hold();
	for (uint64_t i = 0; i < 4; i++)
		touch(i * REGION_PAGES);
	wait_fetched(4 * NEAR_PAGES);
	/* Of the first block a part, of the second all that waits, of the last two everything. */
	CHECK(!fallocate(scene.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 128 * PAGE,
			 384 * PAGE));
	CHECK(!fallocate(scene.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (REGION_PAGES + NEAR_PAGES) * PAGE, (REGION_PAGES - NEAR_PAGES) * PAGE));
	CHECK(!ftruncate(scene.fd, 2 * REGION_PAGES * PAGE));
	CHECK(!ftruncate(scene.fd, VM_BYTES));
	check_counts(4, 4, 0);
	release();
	wait_fetched(128 + 3 * NEAR_PAGES);
	struct dmem_vm_get get = vm_get(scene.fd);

	CHECK_MSG(get.direct_bytes == (128 + NEAR_PAGES) * PAGE && !get.remote_bytes,
		  "%llu bytes local, %llu remote", get.direct_bytes, get.remote_bytes);
	for (uint64_t page = 0; page < VM_PAGES; page++) {
		bool kept = page < 128 || page - REGION_PAGES < NEAR_PAGES;

		check(page, kept);
	}
}

static void test_punched(void)
{
	guarded(punched_body);
}

/* A lower limit holds for what waits; another order does not: the block was counted as of this. */
static void settings_body(void)
{
	const uint64_t limit = 2 * REGION_PAGES * PAGE;

	scene_begin(OPTIONS);
	hold();
	touch(0);
	vm_set_order(scene.fd, 0);
	release();
	wait_fetched(REGION_PAGES);
	check_counts(1, 1, 0);

	vm_set_order(scene.fd, 9);
	hold();
	for (uint64_t i = 0; i < QUEUE_RESTS; i++)
		touch(i * REGION_PAGES);
	vm_set_limit(scene.fd, limit);
	release();
	/* As much of it comes as there is room for. */
	usleep(100000);
	struct dmem_vm_get get = vm_get(scene.fd);

	CHECK_MSG(get.direct_bytes <= limit, "%llu bytes local", get.direct_bytes);
	CHECK_MSG(get.prefetches_queued == 1 + QUEUE_RESTS && !get.errors,
		  "%llu rests queued, %llu errors", get.prefetches_queued, get.errors);
	for (uint64_t page = 0; page < VM_PAGES; page++)
		check_page(page);
	CHECK(vm_get(scene.fd).direct_bytes <= limit);
}

static void test_settings(void)
{
	guarded(settings_body);
}

/* Nothing is left that could want the memory later: not even with the module gone. */
static void drained_body(void)
{
	struct statfs fs;

	scene_begin(OPTIONS);
	hold();
	for (uint64_t i = 0; i < REGIONS; i++)
		touch(i * REGION_PAGES);
	check_counts(REGIONS, QUEUE_RESTS, REGIONS - QUEUE_RESTS);
	CHECK(!munmap(scene.map, VM_BYTES) && !unlink(POOL "/vm"));
	scene.map = NULL;
	/*
	 * Of its last user it is gone when this returns. What waits is forgotten at once; then it
	 * takes a grace period, for which the CPUs are needed.
	 */
	scene.until_s = now_s() + 0.1;
	CHECK(!close(scene.fd));
	CHECK(!statfs(POOL, &fs));
	CHECK_MSG(fs.f_bfree == fs.f_blocks, "%lu pages reserved", fs.f_blocks - fs.f_bfree);
	CHECK_MSG(!umount(POOL), "umount: %s", strerror(errno));
	release();
	unload_soon();
	CHECK_MSG(!module_load(), "loading: %s", strerror(errno));
}

static void test_drained(void)
{
	guarded(drained_body);
}

/* The last user goes while workers are at it, at whatever place they happen to be. */
static void closed_body(void)
{
	for (unsigned int round = 0; round < 40; round++) {
		pool_mount(round % 2 ? OPTIONS : OPTIONS ",latency_ns=300000,ns_per_page=2000");
		scene.fd = vm_create("vm", VM_BYTES);
		scene.map = vm_map(scene.fd, VM_BYTES);
		for (uint64_t page = 0; page < VM_PAGES / 2; page++)
			*(uint64_t *)(scene.map + page * PAGE) = page + 1;
		vm_flush(scene.fd);
		for (uint64_t i = 0; i < REGIONS / 2; i++)
			touch(i * REGION_PAGES + 5 * round);
		usleep(round * 97 % 1000);
		CHECK(!munmap(scene.map, VM_BYTES) && !unlink(POOL "/vm") && !close(scene.fd));
		scene.map = NULL;
		CHECK_MSG(!umount(POOL), "umount: %s", strerror(errno));
	}
}

static void test_closed(void)
{
	guarded(closed_body);
}

static int compare(const void *a, const void *b)
{
	double one = *(const double *)a, two = *(const double *)b;

	return one < two ? -1 : one > two;
}

/* A fault that asked for all of its block would end little before that came. For two CPUs. */
static void quick_body(void)
{
	double fault_s[REGIONS], block_s[REGIONS];

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP("there is one CPU");
	scene_begin(OPTIONS);
	for (uint64_t i = 0; i < REGIONS; i++) {
		uint64_t pages = vm_get(scene.fd).fetched_pages + REGION_PAGES;
		double start = now_s();

		touch(i * REGION_PAGES);
		fault_s[i] = now_s() - start;
		while (vm_get(scene.fd).fetched_pages < pages)
			CHECK_MSG(now_s() - start < 10 * slowness(), "block %lu does not come", i);
		block_s[i] = now_s() - start;
	}
	check_counts(REGIONS, REGIONS, 0);
	qsort(fault_s, REGIONS, sizeof(*fault_s), compare);
	qsort(block_s, REGIONS, sizeof(*block_s), compare);
	printf("# blocks of order 9: the fault %.0f us, the whole block %.0f us (medians)\n",
	       1e6 * fault_s[REGIONS / 2], 1e6 * block_s[REGIONS / 2]);
	CHECK(fault_s[REGIONS / 2] < block_s[REGIONS / 2] / 2);
}

static void test_quick(void)
{
	guarded(quick_body);
}

static const struct test tests[] = {
	{ "behind", test_behind },
	{ "overflow", test_overflow },
	{ "punched", test_punched },
	{ "settings", test_settings },
	{ "drained", test_drained },
	{ "closed", test_closed },
	{ "quick", test_quick },
	{}
};

int main(int argc, char **argv)
{
	return run_tests(tests, argc, argv);
}
