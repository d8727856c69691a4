// SPDX-License-Identifier: GPL-2.0
/*
 * core_paging.c - what is written to VM memory is read back, whatever had to leave and come
 * back in between: faults, fetches, eviction, dirty tracking, punching, truncating.
 *
 * Each page carries its own number and a version, so that a stale, torn or foreign page is
 * seen.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "selftest.h"

static uint64_t word_of(uint64_t page, uint64_t version, unsigned int i)
{
	return (page << 32 | version << 16 | i) * 0x9e3779b97f4a7c15ULL + 1;
}

static void page_write(char *map, uint64_t page, uint64_t version)
{
	uint64_t *words = (uint64_t *)(map + page * PAGE);

	for (unsigned int i = 0; i < PAGE / 8; i++)
		words[i] = word_of(page, version, i);
}

static void page_check(const char *map, uint64_t page, uint64_t version)
{
	const uint64_t *words = (const uint64_t *)(map + page * PAGE);

	for (unsigned int i = 0; i < PAGE / 8; i++)
		CHECK_MSG(words[i] == word_of(page, version, i),
			  "page %lu word %u: %lx, not version %lu", page, i, words[i], version);
}

static bool page_is_zero(const char *map, uint64_t page)
{
	for (unsigned int i = 0; i < PAGE; i++)
		if (map[page * PAGE + i])
			return false;
	return true;
}

static void write_then_read(const char *options, unsigned int order, uint64_t pages)
{
	pool_mount(options);
	int fd = vm_create("vm", pages * PAGE);
	char *map = vm_map(fd, pages * PAGE);

	vm_set_order(fd, order);
	for (uint64_t version = 1; version <= 3; version++) {
		for (uint64_t page = 0; page < pages; page++)
			page_write(map, page, version);
		for (uint64_t page = 0; page < pages; page++)
			page_check(map, page, version);
	}
	struct dmem_vm_get get = vm_get(fd);

	CHECK_MSG(get.direct_bytes <= get.direct_limit_bytes, "direct %llu above the limit %llu",
		  get.direct_bytes, get.direct_limit_bytes);
	CHECK_MSG(get.remote_bytes > 0 && get.fetches[order] > 0 && get.writeback_pages > 0 &&
		  get.evicted_pages >= get.writeback_pages,
		  "remote %llu fetches %llu writebacks %llu evicted %llu", get.remote_bytes,
		  get.fetches[order], get.writeback_pages, get.evicted_pages);
	CHECK(order || get.prefetched_pages == 0);
	CHECK(!order || get.prefetched_used_pages > 0);
	CHECK(get.errors == 0);
	munmap(map, pages * PAGE);
}

static void test_order0(void)
{
	write_then_read("donor=local:64M,direct=50%", 0, 4096);
}

static void test_order4(void)
{
	write_then_read("donor=local:64M,direct=50%", 4, 4096);
}

static void test_order9(void)
{
	write_then_read("donor=local:64M,direct=25%", 9, 8192);
}

static void test_modelled_link(void)
{
	write_then_read("donor=local:64M,direct=50%,latency_ns=9000,ns_per_page=1000", 3, 4096);
}

static void test_smallest_limit(void)
{
	write_then_read("donor=local:64M,direct=256K", 9, 1024);
}

/* All of it local: nothing is evicted, nothing fetched. */
static void test_all_local(void)
{
	pool_mount("donor=local:64M,direct=100%");
	int fd = vm_create("vm", 4 * MIB);
	char *map = vm_map(fd, 4 * MIB);

	for (uint64_t page = 0; page < 1024; page++)
		page_write(map, page, 1);
	for (uint64_t page = 0; page < 1024; page++)
		page_check(map, page, 1);
	struct dmem_vm_get get = vm_get(fd);

	CHECK_MSG(get.direct_bytes == 4 * MIB && get.zero_fills == 1024 && !get.evicted_pages &&
		  !get.remote_bytes, "direct %llu zero %llu evicted %llu", get.direct_bytes,
		  get.zero_fills, get.evicted_pages);
	munmap(map, 4 * MIB);
}

/* Only what was written since it came is written again. */
static void test_dirty_tracking(void)
{
	pool_mount("donor=local:64M,direct=100%");
	int fd = vm_create("vm", 4 * MIB);
	volatile char *map = vm_map(fd, 4 * MIB);

	for (uint64_t page = 0; page < 1024; page++)
		page_write((char *)map, page, 1);
	struct dmem_vm_flush flush = vm_flush(fd);

	CHECK_MSG(flush.evicted_pages == 1024 && flush.kept_pages == 0, "evicted %llu kept %llu",
		  flush.evicted_pages, flush.kept_pages);
	struct dmem_vm_get before = vm_get(fd);

	CHECK(before.writeback_pages == 1024 && before.remote_bytes == 4 * MIB);
	for (uint64_t page = 0; page < 1024; page++)
		page_check((char *)map, page, 1);
	for (uint64_t page = 0; page < 100; page++)
		page_write((char *)map, page * 10, 2);
	flush = vm_flush(fd);
	CHECK_MSG(flush.evicted_pages == 1024, "evicted %llu", flush.evicted_pages);
	struct dmem_vm_get after = vm_get(fd);

	CHECK_MSG(after.writeback_pages - before.writeback_pages == 100, "%llu pages written back",
		  after.writeback_pages - before.writeback_pages);
	for (uint64_t page = 0; page < 1024; page++)
		page_check((char *)map, page, page % 10 || page >= 1000 ? 1 : 2);
	munmap((void *)map, 4 * MIB);
}

/* Pages only read, and pages zeroed again, cost the donor nothing. */
static void test_zero_pages(void)
{
	pool_mount("donor=local:64M,direct=100%");
	int fd = vm_create("vm", 4 * MIB);
	char *map = vm_map(fd, 4 * MIB);

	for (uint64_t page = 0; page < 512; page++)
		CHECK(page_is_zero(map, page));
	for (uint64_t page = 512; page < 1024; page++)
		page_write(map, page, 1);
	vm_flush(fd);
	memset(map + 512 * PAGE, 0, 512 * PAGE);
	vm_flush(fd);
	struct dmem_vm_get get = vm_get(fd);

	CHECK_MSG(get.remote_bytes == 0 && get.direct_bytes == 0 && get.zero_pages == 512 &&
		  get.writeback_pages == 512, "remote %llu zero %llu written %llu",
		  get.remote_bytes, get.zero_pages, get.writeback_pages);
	for (uint64_t page = 0; page < 1024; page++)
		CHECK(page_is_zero(map, page));
	munmap(map, 4 * MIB);
}

struct writer {
	pthread_t thread;
	char *map;
	uint64_t pages;
	unsigned int number, of, steps;
	atomic_int *bad;
};

/* Each thread owns every of'th page; a page's version counts its writes. */
static void *writer_run(void *arg)
{
	struct writer *writer = arg;
	uint16_t *versions = calloc(writer->pages, sizeof(*versions));
	unsigned int seed = writer->number + 1;

	for (unsigned int step = 0; step < writer->steps; step++) {
		uint64_t page = (uint64_t)rand_r(&seed) % (writer->pages / writer->of);
		uint64_t *words;

		page = page * writer->of + writer->number;
		words = (uint64_t *)(writer->map + page * PAGE);
		for (unsigned int i = 0; i < PAGE / 8; i += 37)
			if (words[i] != (versions[page] ? word_of(page, versions[page], i) : 0))
				atomic_fetch_add(writer->bad, 1);
		if (step % 3) {
			versions[page]++;
			for (unsigned int i = 0; i < PAGE / 8; i += 37)
				words[i] = word_of(page, versions[page], i);
		}
	}
	free(versions);
	return NULL;
}

static void hammer(int fd, char *map, uint64_t pages, unsigned int steps)
{
	struct writer writers[4];
	atomic_int bad = 0;

	for (unsigned int i = 0; i < 4; i++) {
		writers[i] = (struct writer){ .map = map, .pages = pages, .number = i, .of = 4,
					      .steps = steps, .bad = &bad };
		CHECK(!pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]));
	}
	/* Meanwhile everything is thrown out now and again, and the limit moves. */
	for (int i = 0; i < 20; i++) {
		usleep(20000);
		if (i % 2)
			vm_flush(fd);
		else
			vm_set_limit(fd, i % 4 ? pages * PAGE / 2 : pages * PAGE / 4);
	}
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(writers[i].thread, NULL);
	CHECK_MSG(!bad, "%d wrong words", bad);

	struct dmem_vm_get get = vm_get(fd);

	printf("# faults %llu soft %llu fetched %llu evicted %llu written %llu rescued %llu retries %llu stalls %llu\n",
	       get.faults, get.soft_faults, get.fetched_pages, get.evicted_pages,
	       get.writeback_pages, get.rescued_pages, get.retries, get.stalls);
}

static void test_threads_under_pressure(void)
{
	pool_mount("donor=local:64M,direct=50%,order=2");
	int fd = vm_create("vm", 16 * MIB);
	char *map = vm_map(fd, 16 * MIB);

	hammer(fd, map, 4096, 30000);
	munmap(map, 16 * MIB);
}

static void test_threads_with_link(void)
{
	pool_mount("donor=local:64M,direct=50%,order=4,latency_ns=50000,ns_per_page=2000");
	int fd = vm_create("vm", 16 * MIB);
	char *map = vm_map(fd, 16 * MIB);

	hammer(fd, map, 4096, 8000);
	struct dmem_vm_get get = vm_get(fd);

	CHECK_MSG(get.retries > 0, "no fault dropped its lock");
	munmap(map, 16 * MIB);
}

static void test_punch(void)
{
	pool_mount("donor=local:64M,direct=50%");
	int fd = vm_create("vm", 8 * MIB);
	char *map = vm_map(fd, 8 * MIB);
	struct stat st;

	for (uint64_t page = 0; page < 2048; page++)
		page_write(map, page, 1);
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * MIB, 4 * MIB));
	CHECK(!fstat(fd, &st));
	CHECK_MSG(st.st_blocks == 8 * (2048 - 1024), "st_blocks %ld", (long)st.st_blocks);
	for (uint64_t page = 512; page < 1536; page++)
		CHECK_MSG(page_is_zero(map, page), "page %lu is not zero after the punch", page);
	for (uint64_t page = 0; page < 512; page++)
		page_check(map, page, 1);
	for (uint64_t page = 1536; page < 2048; page++)
		page_check(map, page, 1);
	CHECK(!madvise(map, 2 * MIB, MADV_REMOVE));
	CHECK(page_is_zero(map, 0) && page_is_zero(map, 511));
	munmap(map, 8 * MIB);
}

static sigjmp_buf bus;
static volatile bool bus_is_awaited;

static void on_bus(int sig)
{
	static const char message[] = "Bail out! SIGBUS where none was due\n";

	(void)sig;
	if (bus_is_awaited)
		siglongjmp(bus, 1);
	(void)!write(STDOUT_FILENO, message, sizeof(message) - 1);
	_exit(1);
}

static bool access_is_bus(volatile char *address)
{
	bool is_bus = true;

	bus_is_awaited = true;
	if (!sigsetjmp(bus, 1)) {
		(void)*address;
		is_bus = false;
	}
	bus_is_awaited = false;
	return is_bus;
}

static void test_truncate_mapped(void)
{
	pool_mount("donor=local:64M,direct=50%");
	int fd = vm_create("vm", 8 * MIB);
	char *map = vm_map(fd, 8 * MIB);

	signal(SIGBUS, on_bus);
	for (uint64_t page = 0; page < 2048; page++)
		page_write(map, page, 1);
	CHECK(!ftruncate(fd, 4 * MIB));
	CHECK(access_is_bus(map + 4 * MIB));
	CHECK(access_is_bus(map + 8 * MIB - 1));
	for (uint64_t page = 0; page < 1024; page++)
		page_check(map, page, 1);
	CHECK(!ftruncate(fd, 8 * MIB));
	for (uint64_t page = 1024; page < 2048; page++)
		CHECK(page_is_zero(map, page));
	/* Removed while mapped: the rest lives on. */
	CHECK(!unlink(POOL "/vm"));
	for (uint64_t page = 0; page < 1024; page++)
		page_check(map, page, 1);
	munmap(map, 8 * MIB);
}

/* Pages that go while the evictor has just unmapped them must not count as evictable any more. */
static void test_truncate_under_eviction(void)
{
	pool_mount("donor=local:64M,direct=50%,timeout_ms=5000");
	int fd = vm_create("vm", 8 * MIB);
	char *map = vm_map(fd, 8 * MIB);

	signal(SIGBUS, on_bus);
	for (int round = 1; round <= 40; round++) {
		for (uint64_t page = 0; page < 2048; page++)
			page_write(map, page, round);
		CHECK(!ftruncate(fd, (round % 4) * 2 * MIB + PAGE * 64));
		for (uint64_t page = 0; page < 64; page++)
			page_check(map, page, round);
		CHECK(!ftruncate(fd, 8 * MIB));
	}
	munmap(map, 8 * MIB);
}

/* A punch against threads that write: afterwards both mappings see the same memory. */
struct puncher {
	int fd;
	atomic_bool stop;
};

static void *puncher_run(void *arg)
{
	struct puncher *puncher = arg;

	while (!puncher->stop)
		fallocate(puncher->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2 * MIB);
	return NULL;
}

static void test_punch_race(void)
{
	struct puncher puncher = { 0 };
	pthread_t thread;

	pool_mount("donor=local:64M,direct=50%");
	int fd = vm_create("vm", 4 * MIB);
	volatile uint64_t *one = vm_map(fd, 4 * MIB), *two = vm_map(fd, 4 * MIB);

	puncher.fd = fd;
	CHECK(!pthread_create(&thread, NULL, puncher_run, &puncher));
	for (uint64_t i = 1; i < 20000; i++)
		one[(i % 512) * 512] = i;
	puncher.stop = true;
	pthread_join(thread, NULL);
	for (uint64_t i = 0; i < 512; i++) {
		one[i * 512] = i + 1;
		CHECK_MSG(two[i * 512] == i + 1, "the mappings differ at page %lu", i);
	}
	munmap((void *)one, 4 * MIB);
	munmap((void *)two, 4 * MIB);
}

/* Others may hold a page: what they do with it is not lost. */
static void test_pinned(void)
{
	pool_mount("donor=local:64M,direct=25%");
	int fd = vm_create("vm", 16 * MIB);
	char *map = vm_map(fd, 16 * MIB), *copy = malloc(4 * MIB);
	int pipes[2];

	for (uint64_t page = 0; page < 4096; page++)
		page_write(map, page, 1);
	/* vmsplice pins the pages for as long as they are in the pipe. */
	CHECK(!pipe(pipes));
	struct iovec iov = { .iov_base = map, .iov_len = 16 * PAGE };

	CHECK(vmsplice(pipes[1], &iov, 1, 0) == (ssize_t)(16 * PAGE));
	for (int round = 0; round < 3; round++)
		for (uint64_t page = 16; page < 4096; page++)
			page_check(map, page, 1);
	vm_flush(fd);
	struct dmem_vm_get get = vm_get(fd);

	CHECK_MSG(get.pinned_skips >= 16, "%llu pages were found pinned", get.pinned_skips);
	/* A write through the mapping shows in the pinned page: it is still the same one. */
	page_write(map, 0, 2);
	CHECK(read(pipes[0], copy, 16 * PAGE) == (ssize_t)(16 * PAGE));
	page_check(copy, 0, 2);
	page_check(copy, 15, 1);

	/* process_vm_readv goes through GUP, fetching as it goes; it pins all of a call's pages. */
	vm_flush(fd);
	for (size_t part = 0; part < 4; part++) {
		struct iovec to = { copy + part * MIB, MIB }, from = { map + part * MIB, MIB };

		CHECK(process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)MIB);
	}
	page_check(copy, 0, 2);
	for (uint64_t page = 1; page < 1024; page++)
		page_check(copy, page, 1);
	free(copy);
	munmap(map, 16 * MIB);
}

static void test_fork_and_kill(void)
{
	pool_mount("donor=local:64M,direct=25%,latency_ns=200000");
	int fd = vm_create("vm", 8 * MIB), status;
	char *map = vm_map(fd, 8 * MIB);

	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid)
			for (uint64_t page = 0;; page = (page + 1) % 2048)
				page_write(map, page, 7);
		usleep(30000);
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	}
	for (uint64_t page = 0; page < 2048; page++)
		page_write(map, page, 1);
	for (uint64_t page = 0; page < 2048; page++)
		page_check(map, page, 1);
	munmap(map, 8 * MIB);
}

/* A huge file costs nothing until it is touched. */
static void test_sparse_terabyte(void)
{
	pool_mount("donor=local:2T,direct=16M");
	int fd = vm_create("vm", 1L << 40);
	char *map = vm_map(fd, 1L << 40);

	page_write(map, 0, 1);
	page_write(map, (1UL << 28) - 1, 1);
	page_check(map, (1UL << 28) - 1, 1);
	struct dmem_vm_get get = vm_get(fd);

	CHECK(get.regions == 2 && get.direct_bytes == 2 * PAGE);
	munmap(map, 1L << 40);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000UL + now.tv_nsec;
}

/* What is never touched costs next to nothing: neither time nor memory. */
static void test_terabytes(void)
{
	enum { FILES = 16 };
	uint64_t best_ns = UINT64_MAX;
	struct sysinfo before, after;
	int fds[FILES];
	long bytes;

	pool_mount("donor=local:32T,direct=16M");
	sysinfo(&before);
	for (unsigned int i = 0; i < FILES; i++) {
		uint64_t start_ns = now_ns(), ns;
		char name[16];

		snprintf(name, sizeof(name), "vm%u", i);
		fds[i] = vm_create(name, 1L << 40);
		ns = now_ns() - start_ns;
		best_ns = ns < best_ns ? ns : best_ns;
	}
	sysinfo(&after);
	bytes = (long)(before.freeram - after.freeram) * before.mem_unit / FILES;
	printf("# a file of 1 TiB: %lu us at best, %ld KiB of memory\n", best_ns / 1000, bytes >> 10);
	CHECK(best_ns < 10000000UL * slowness());
	CHECK(bytes < (long)MIB);
	for (unsigned int i = 0; i < FILES; i++)
		close(fds[i]);
}

static const struct test tests[] = {
	{ "order-0", test_order0 },
	{ "order-4", test_order4 },
	{ "order-9", test_order9 },
	{ "modelled-link", test_modelled_link },
	{ "smallest-limit", test_smallest_limit },
	{ "all-local", test_all_local },
	{ "dirty-tracking", test_dirty_tracking },
	{ "zero-pages", test_zero_pages },
	{ "threads-under-pressure", test_threads_under_pressure },
	{ "threads-with-link", test_threads_with_link },
	{ "punch", test_punch },
	{ "truncate-mapped", test_truncate_mapped },
	{ "truncate-under-eviction", test_truncate_under_eviction },
	{ "punch-race", test_punch_race },
	{ "pinned", test_pinned },
	{ "fork-and-kill", test_fork_and_kill },
	{ "sparse-terabyte", test_sparse_terabyte },
	{ "terabytes", test_terabytes },
	{}
};

int main(int argc, char **argv)
{
	return run_tests(tests, argc, argv);
}
