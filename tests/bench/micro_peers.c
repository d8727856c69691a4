// SPDX-License-Identifier: GPL-2.0
/*
 * micro_peers.c - what a user would pick instead: swap on a device that the caller made, and
 * a pager in user space whose thread copies from its own RAM.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "micro.h"

/* Readahead serves up to so many accesses by one read; a sample is several such. */
#define READAHEAD_BATCH	64UL

/* So many pages may be in hand somewhere when the rest is reclaimed: less than one in a hundred. */
#define SWAP_CACHE_SLACK	32UL
#define RECLAIM		"32M swappiness=200"
#define RECLAIM_TRIES	50
#define RECLAIM_PAUSE_US	100000

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("%s: %s", path, strerror(errno));
	close(fd);
}

/* Half of a page is random, half is not: zram has something to do, and something to gain. */
static void fill_page(char *page, uint64_t *seed)
{
	uint64_t *words = (uint64_t *)page;

	for (size_t i = 0; i < PAGE / 2 / sizeof(*words); i++) {
		*seed = *seed * 6364136223846793005 + 1442695040888963407;
		words[i] = *seed ^ *seed >> 32;
	}
}

/*
 * Written pages stay in the swap cache until reclaim comes by again. A device that works while
 * the CPU does leaves them all there.
 */
static void drop_swap_cache(const char *reclaim)
{
	for (int tries = 0; read_number("/proc/vmstat", "nr_swapcached") > SWAP_CACHE_SLACK;
	     tries++) {
		int fd = reclaim ? open(reclaim, O_WRONLY | O_CLOEXEC) : -1;

		if (fd < 0 || tries == RECLAIM_TRIES)
			die("%lu pages stay in the swap cache",
			    read_number("/proc/vmstat", "nr_swapcached"));
		/* Tells EAGAIN where there is less to reclaim. */
		if (write(fd, RECLAIM, strlen(RECLAIM)) < 0 && errno != EAGAIN)
			die("%s: %s", reclaim, strerror(errno));
		close(fd);
		usleep(RECLAIM_PAUSE_US);
	}
}

/**
 * bench_swap - pages that are swapped out are read again
 * @device: made a swap device by the caller
 * @name: of the case
 * @cluster: page-cluster: 0 for no readahead; otherwise a sample is a run of accesses
 * @packets: NULL, or a file with a count that every page read from the device raises
 * @reclaim: NULL, or memory.reclaim of the control group that this process is in
 */
void bench_swap(const char *device, const char *name, const char *cluster, const char *packets,
		const char *reclaim)
{
	bool readahead = strcmp(cluster, "0");
	/* Pages read ahead in the warm-up are read no more. */
	uint64_t least = PAGES - SWAP_CACHE_SLACK - (readahead ? READAHEAD_BATCH : 0);
	uint64_t swapped, sent = 0, seed = 1;
	char *map = map_anonymous(2 * PAGES);

	write_file("/proc/sys/vm/page-cluster", cluster);
	if (swapon(device, 0))
		die("swapon %s: %s", device, strerror(errno));
	for (size_t i = 0; i < 2 * PAGES; i++)
		fill_page(map + i * PAGE, &seed);
	if (madvise(map, 2 * PAGES * PAGE, MADV_PAGEOUT))
		die("MADV_PAGEOUT: %s", strerror(errno));
	drop_swap_cache(reclaim);
	host.touch(map, 1, PAGES, false, stamps);
	swapped = read_number("/proc/vmstat", "pswpin");
	sent = packets ? read_number(packets, NULL) : 0;
	host.touch(map + PAGES * PAGE, 1, PAGES, false, stamps);
	must_have_counted("swap: pages swapped in", swapped, read_number("/proc/vmstat", "pswpin"),
			  least);
	if (packets)
		must_have_counted("swap: packets", sent, read_number(packets, NULL), least);
	if (readahead)
		report_batches(&host, name, PAGES, READAHEAD_BATCH, READAHEAD_BATCH);
	else
		report_accesses(&host, name, PAGES);
	munmap(map, 2 * PAGES * PAGE);
	if (swapoff(device))
		die("swapoff %s: %s", device, strerror(errno));
}

struct pager {
	int uffd;
	char *map;
	char *copy;
	uint64_t copied_pages;	/* its thread's until that is joined */
};

static void *pager_run(void *arg)
{
	struct pager *pager = arg;
	struct uffd_msg msg;

	for (;;) {
		struct pollfd poll_fd = { .fd = pager->uffd, .events = POLLIN };
		struct uffdio_copy copy = { .len = PAGE };

		if (poll(&poll_fd, 1, -1) < 0 || read(pager->uffd, &msg, sizeof(msg)) < 0)
			die("pager: %s", strerror(errno));
		copy.dst = msg.arg.pagefault.address & ~(PAGE - 1);
		copy.src = (uint64_t)pager->copy + (copy.dst - (uint64_t)pager->map);
		if (ioctl(pager->uffd, UFFDIO_COPY, &copy))
			die("UFFDIO_COPY: %s", strerror(errno));
		pager->copied_pages++;
	}
}

static void pager_open(struct pager *pager)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
		.range = { .start = (uint64_t)pager->map, .len = 2 * PAGES * PAGE },
	};

	pager->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (pager->uffd < 0 || ioctl(pager->uffd, UFFDIO_API, &api) ||
	    ioctl(pager->uffd, UFFDIO_REGISTER, &range))
		die("userfaultfd: %s", strerror(errno));
}

void bench_uffd(void)
{
	struct pager pager = { .map = map_anonymous(2 * PAGES),
			       .copy = map_anonymous(2 * PAGES) };
	pthread_t thread;

	memset(pager.copy, 3, 2 * PAGES * PAGE);
	pager_open(&pager);
	if (pthread_create(&thread, NULL, pager_run, &pager))
		die("pthread_create");
	host.touch(pager.map, 1, PAGES, false, stamps);
	host.touch(pager.map + PAGES * PAGE, 1, PAGES, false, stamps);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	must_have_counted("uffd: pages copied", 0, pager.copied_pages, 2 * PAGES);
	report_accesses(&host, "uffd", PAGES);
	close(pager.uffd);
	munmap(pager.map, 2 * PAGES * PAGE);
	munmap(pager.copy, 2 * PAGES * PAGE);
}
