// SPDX-License-Identifier: GPL-2.0
/*
 * micro.c - what one 4 KiB page costs, by way of getting it: ordinary memory, dmem, and what a
 * user would pick instead. Runs in a host whose time counts instructions (bench.sh); prints one
 * JSON object a case. Each case warms up first; each measured access is timed alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "uapi/dmem.h"

#define PAGE		4096UL
#define PAGES		4096UL		/* measured a case: 16 MiB */
#define POOL		"/run/dmem-bench"

static double ns_per_tick;
static uint64_t timing_ticks;		/* of an empty measurement */
static double samples[PAGES];
static size_t nr_samples;

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "micro: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(errno));
	va_end(args);
	exit(1);
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static uint64_t ticks(void)
{
	unsigned int cpu;

	return __rdtscp(&cpu);
}

static void calibrate(void)
{
	uint64_t ns = clock_ns(), start = ticks(), a;

	while (clock_ns() - ns < 100000000)
		;
	ns_per_tick = (double)(clock_ns() - ns) / (ticks() - start);
	timing_ticks = UINT64_MAX;
	for (int i = 0; i < 1000; i++) {
		a = ticks();
		a = ticks() - a;
		if (a < timing_ticks)
			timing_ticks = a;
	}
}

static void timed_read(volatile char *page)
{
	uint64_t start = ticks();

	(void)*page;
	samples[nr_samples++] = (ticks() - start - timing_ticks) * ns_per_tick;
}

static void timed_write(volatile char *page)
{
	uint64_t start = ticks();

	*page = 1;
	samples[nr_samples++] = (ticks() - start - timing_ticks) * ns_per_tick;
}

static int compare(const void *a, const void *b)
{
	double one = *(const double *)a, two = *(const double *)b;

	return one < two ? -1 : one > two;
}

/* @pages: pages that each sample brought of use, more than one where blocks are measured. */
static void report(const char *name, double pages)
{
	double sum = 0;

	if (!nr_samples)
		die("%s: nothing was measured", name);
	for (size_t i = 0; i < nr_samples; i++)
		sum += samples[i];
	qsort(samples, nr_samples, sizeof(*samples), compare);
	printf("{\"case\": \"%s\", \"samples\": %zu, \"mean_ns\": %.0f, \"p50_ns\": %.0f, \"p99_ns\": %.0f}\n",
	       name, nr_samples, sum / nr_samples / pages, samples[nr_samples / 2] / pages,
	       samples[nr_samples * 99 / 100] / pages);
	fflush(stdout);
	nr_samples = 0;
}

static char *map_anonymous(size_t bytes)
{
	char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || madvise(map, bytes, MADV_NOHUGEPAGE))
		die("mmap");
	return map;
}

static void bench_anon(void)
{
	char *map = map_anonymous(2 * PAGES * PAGE);

	for (size_t i = 0; i < PAGES; i++)
		map[i * PAGE] = 1;
	for (size_t i = PAGES; i < 2 * PAGES; i++)
		timed_write(map + i * PAGE);
	report("anon-first-touch", 1);
	munmap(map, 2 * PAGES * PAGE);
}

struct vm {
	int fd;
	char *map;
	size_t pages;
};

static void vm_ioctl(int fd, unsigned long request, void *arg, const char *what)
{
	if (ioctl(fd, request, arg))
		die("%s", what);
}

static void vm_flush(struct vm *vm)
{
	struct dmem_vm_flush flush = { .size = sizeof(flush), .version = DMEM_ABI_VERSION };

	vm_ioctl(vm->fd, DMEM_IOC_FLUSH, &flush, "flush");
	if (flush.kept_pages)
		die("%llu pages stayed local", flush.kept_pages);
}

static struct dmem_vm_get vm_get(struct vm *vm)
{
	struct dmem_vm_get get = { .size = sizeof(get), .version = DMEM_ABI_VERSION };

	vm_ioctl(vm->fd, DMEM_IOC_GET, &get, "get");
	return get;
}

static void vm_set_limit(struct vm *vm, uint64_t pages)
{
	struct dmem_vm_set set = { .size = sizeof(set), .version = DMEM_ABI_VERSION,
				   .mask = DMEM_SET_DIRECT_LIMIT,
				   .direct_limit_bytes = pages * PAGE };

	vm_ioctl(vm->fd, DMEM_IOC_SET, &set, "set");
}

/* A file whose every page is remote and not zero. */
static struct vm vm_make(const char *options, size_t pages)
{
	struct vm vm = { .pages = pages };

	mkdir(POOL, 0755);
	if (mount("none", POOL, "dmem", 0, options))
		die("mount -o %s", options);
	vm.fd = open(POOL "/vm", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (vm.fd < 0 || ftruncate(vm.fd, pages * PAGE))
		die("making " POOL "/vm");
	vm.map = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vm.fd, 0);
	if (vm.map == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < pages; i++)
		vm.map[i * PAGE] = 2;
	vm_flush(&vm);
	return vm;
}

static void vm_end(struct vm *vm)
{
	munmap(vm->map, vm->pages * PAGE);
	close(vm->fd);
	if (umount(POOL))
		die("umount");
}

static void must_have_fetched(struct vm *vm, uint64_t before, uint64_t least)
{
	uint64_t fetched = vm_get(vm).fetched_pages - before;

	if (fetched < least) {
		fprintf(stderr, "micro: only %lu of %lu pages were fetched\n", fetched, least);
		exit(1);
	}
}

static void bench_remote_read(const char *name)
{
	struct vm vm = vm_make("donor=local:128M,direct=100%", 2 * PAGES);
	uint64_t before;

	for (size_t i = 0; i < PAGES; i++)
		(void)*(volatile char *)(vm.map + i * PAGE);
	before = vm_get(&vm).fetched_pages;
	for (size_t i = PAGES; i < 2 * PAGES; i++)
		timed_read(vm.map + i * PAGE);
	must_have_fetched(&vm, before, PAGES);
	report(name, 1);
	vm_end(&vm);
}

/* At the limit, in steady state: each page that comes makes another go. */
static void bench_evicting(const char *name, void (*access)(volatile char *page))
{
	struct vm vm = vm_make("donor=local:128M,direct=100%", 4 * PAGES);
	uint64_t before;

	vm_set_limit(&vm, PAGES);
	for (size_t i = 0; i < 3 * PAGES; i++)
		access(vm.map + i * PAGE), nr_samples = 0;
	before = vm_get(&vm).fetched_pages;
	for (size_t i = 3 * PAGES; i < 4 * PAGES; i++)
		access(vm.map + i * PAGE);
	must_have_fetched(&vm, before, PAGES);
	report(name, 1);
	vm_end(&vm);
}

/* Local and in use, but not mapped here: a second mapping finds it so. */
static void bench_soft(void)
{
	struct vm vm = vm_make("donor=local:128M,direct=100%", 2 * PAGES);
	char *other;

	for (size_t i = 0; i < 2 * PAGES; i++)
		(void)*(volatile char *)(vm.map + i * PAGE);
	other = mmap(NULL, 2 * PAGES * PAGE, PROT_READ, MAP_SHARED, vm.fd, 0);
	if (other == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < PAGES; i++)
		(void)*(volatile char *)(other + i * PAGE);
	for (size_t i = PAGES; i < 2 * PAGES; i++)
		timed_read(other + i * PAGE);
	report("dmem-soft", 1);
	munmap(other, 2 * PAGES * PAGE);
	vm_end(&vm);
}

/* A whole block timed as one sample: all of its pages read, or one. */
static void bench_order(unsigned int order, bool all)
{
	size_t block = 1UL << order, step = all ? 1 : block;
	char options[64], name[64];
	struct vm vm;

	snprintf(options, sizeof(options), "donor=local:128M,direct=100%%,order=%u", order);
	snprintf(name, sizeof(name), "dmem-order-%u-%s", order, all ? "all-used" : "one-used");
	vm = vm_make(options, 2 * PAGES);
	for (size_t i = 0; i < 2 * PAGES; i += block) {
		uint64_t start = ticks();

		for (size_t j = 0; j < block; j += step)
			(void)*(volatile char *)(vm.map + (i + j) * PAGE);
		if (i >= PAGES)
			samples[nr_samples++] = (ticks() - start - timing_ticks) * ns_per_tick;
	}
	report(name, all ? block : 1);
	vm_end(&vm);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("%s", path);
	close(fd);
}

/* Peer: swap on a device that bench.sh made. */
static void bench_swap(const char *device, const char *name, const char *cluster)
{
	char *map = map_anonymous(2 * PAGES * PAGE);

	write_file("/proc/sys/vm/page-cluster", cluster);
	if (swapon(device, 0))
		die("swapon %s", device);
	for (size_t i = 0; i < 2 * PAGES; i++)
		memset(map + i * PAGE, i, PAGE / 2);
	if (madvise(map, 2 * PAGES * PAGE, MADV_PAGEOUT))
		die("MADV_PAGEOUT");
	for (size_t i = 0; i < PAGES; i++)
		(void)*(volatile char *)(map + i * PAGE);
	for (size_t i = PAGES; i < 2 * PAGES; i++)
		timed_read(map + i * PAGE);
	report(name, 1);
	munmap(map, 2 * PAGES * PAGE);
	if (swapoff(device))
		die("swapoff %s", device);
}

struct pager {
	int uffd;
	char *map, *copy;
};

static void *pager_run(void *arg)
{
	struct pager *pager = arg;
	struct uffd_msg msg;

	for (;;) {
		struct pollfd poll_fd = { .fd = pager->uffd, .events = POLLIN };
		struct uffdio_copy copy = { .len = PAGE };

		if (poll(&poll_fd, 1, -1) < 0 || read(pager->uffd, &msg, sizeof(msg)) < 0)
			return NULL;
		copy.dst = msg.arg.pagefault.address & ~(PAGE - 1);
		copy.src = (uint64_t)pager->copy + (copy.dst - (uint64_t)pager->map);
		if (ioctl(pager->uffd, UFFDIO_COPY, &copy))
			return NULL;
	}
}

/* Peer: a pager in user space, whose thread copies from its own RAM. */
static void bench_uffd(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct pager pager = { .map = map_anonymous(2 * PAGES * PAGE),
			       .copy = map_anonymous(2 * PAGES * PAGE) };
	pthread_t thread;

	memset(pager.copy, 3, 2 * PAGES * PAGE);
	pager.uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	range.range.start = (uint64_t)pager.map;
	range.range.len = 2 * PAGES * PAGE;
	if (pager.uffd < 0 || ioctl(pager.uffd, UFFDIO_API, &api) ||
	    ioctl(pager.uffd, UFFDIO_REGISTER, &range))
		die("userfaultfd");
	if (pthread_create(&thread, NULL, pager_run, &pager))
		die("pthread_create");
	for (size_t i = 0; i < PAGES; i++)
		(void)*(volatile char *)(pager.map + i * PAGE);
	for (size_t i = PAGES; i < 2 * PAGES; i++)
		timed_read(pager.map + i * PAGE);
	report("uffd", 1);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	close(pager.uffd);
}

int main(int argc, char **argv)
{
	static const unsigned int orders[] = { 0, 2, 4, 6, 9 };

	calibrate();
	if (argc == 3 && !strcmp(argv[1], "remote-read")) {
		bench_remote_read(argv[2]);
		return 0;
	}
	if (argc == 5 && !strcmp(argv[1], "swap")) {
		bench_swap(argv[2], argv[3], argv[4]);
		return 0;
	}
	bench_anon();
	bench_remote_read("dmem-remote-read");
	bench_evicting("dmem-remote-read-evicting", timed_read);
	bench_evicting("dmem-remote-write-evicting", timed_write);
	bench_soft();
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		bench_order(orders[i], true);
		bench_order(orders[i], false);
	}
	bench_uffd();
	return 0;
}
