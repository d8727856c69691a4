// SPDX-License-Identifier: GPL-2.0
/*
 * uffd_pager.c - a userfaultfd pager inside an unmodified QEMU: dmem's peer in user space.
 *
 * Preloaded; takes the mapping of UFFD_PAGER_BYTES as guest memory. One thread owns all state.
 * A page is evicted by UFFDIO_MOVE: it leaves whole, whoever still writes to it, so nothing is
 * lost. Fetches and writes wait on a link modelled as dmem's: UFFD_PAGER_LATENCY_NS,
 * UFFD_PAGER_NS_PER_PAGE. UFFD_PAGER_CONTROL.in and .out are FIFOs for the limit and figures.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Headers older than Linux 6.8 lack it. */
#ifndef UFFDIO_MOVE
#define UFFD_FEATURE_MOVE (1 << 16)
struct uffdio_move {
	__u64 dst;
	__u64 src;
	__u64 len;
	__u64 mode;
	__s64 move;
};
#define UFFDIO_MOVE _IOWR(UFFDIO, 0x05, struct uffdio_move)
#endif

#define PAGE_BYTES 4096UL
#define LINE_BYTES 512
#define NS_PER_S 1000000000ULL

/* Evict ahead: begin with fewer pages free than this, until that many are free or leaving. */
#define FREE_LOW_PAGES 32
#define FREE_HIGH_PAGES 64
/* Pages whose write is under way; each has a place in the staging area. */
#define SLOTS 128U
/* Fetches under way: no more than can fault at once, with asynchronous page faults. */
#define FETCHES 1024U
#define EVENTS 16
#define LIMIT_MIN_PAGES 256

enum page_state {
	PAGE_EMPTY,		/* never touched: zero */
	PAGE_LOCAL,		/* in guest memory, and once in the fifo */
	PAGE_WRITING,		/* in the staging area, on its way to the store */
	PAGE_STORED,		/* only in the store */
	PAGE_FETCHING,		/* on its way from the store */
};

struct transfer {
	uint64_t page;
	uint64_t due_ns;
	bool rescued;		/* a write: the page went back to the guest meanwhile */
};

/* One direction of the link: requests follow each other and arrive latency_ns later. */
struct link {
	uint64_t busy_until_ns;
	uint64_t head, tail;	/* count up; the ring's places are their remainders */
};

static struct pager {
	int uffd, in, out;
	uint64_t latency_ns, ns_per_page;
	uint8_t *guest, *staging, *store, *zero;
	uint64_t pages, limit_pages;
	uint8_t *state;
	uint32_t *slot;			/* of a page that is WRITING */
	uint32_t *fifo;			/* LOCAL pages in the order they came */
	uint64_t fifo_head, fifo_tail;
	struct link fetching, writing;
	struct transfer fetches[FETCHES], writes[SLOTS];
	uint64_t charged_pages;		/* LOCAL, WRITING and FETCHING: what this host holds */
	uint64_t leaving_pages;		/* those of them that are WRITING */
	uint64_t faults, zero_fills, fetched_pages, written_pages;
	uint64_t rescued_pages, busy_skips, stalls;
	bool reply;			/* somebody waits until the limit is kept */
} pager;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "uffd_pager: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void *map_anonymous(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

static uint64_t guest_address(uint64_t page)
{
	return (uintptr_t)pager.guest + page * PAGE_BYTES;
}

static uint64_t staging_address(uint64_t position)
{
	return (uintptr_t)pager.staging + position % SLOTS * PAGE_BYTES;
}

/* True if the page was put there, false if there is one already. Wakes who waits for it. */
static bool copy_to_guest(uint64_t page, const void *from)
{
	struct uffdio_copy copy = {
		.dst = guest_address(page), .src = (uintptr_t)from, .len = PAGE_BYTES,
	};
	struct uffdio_range range = { .start = copy.dst, .len = PAGE_BYTES };

	if (!ioctl(pager.uffd, UFFDIO_COPY, &copy))
		return true;
	if (errno != EEXIST)
		die("UFFDIO_COPY");
	if (ioctl(pager.uffd, UFFDIO_WAKE, &range))
		die("UFFDIO_WAKE");
	return false;
}

static int move_page(uint64_t to, uint64_t from)
{
	struct uffdio_move move = { .dst = to, .src = from, .len = PAGE_BYTES };

	return ioctl(pager.uffd, UFFDIO_MOVE, &move) ? -errno : 0;
}

static void make_local(uint64_t page)
{
	pager.state[page] = PAGE_LOCAL;
	pager.fifo[pager.fifo_tail++ % pager.pages] = (uint32_t)page;
}

static uint64_t link_due(struct link *link)
{
	uint64_t now = now_ns();

	if (link->busy_until_ns < now)
		link->busy_until_ns = now;
	link->busy_until_ns += pager.ns_per_page;
	return link->busy_until_ns + pager.latency_ns;
}

/* The oldest page leaves guest memory; false if it cannot now. */
static bool evict_page(void)
{
	uint64_t page = pager.fifo[pager.fifo_head++ % pager.pages];
	uint64_t position = pager.writing.tail;
	int err = move_page(staging_address(position), guest_address(page));

	if (err == -EBUSY || err == -EAGAIN) {	/* pinned, or locked by another */
		pager.busy_skips++;
		make_local(page);
		return false;
	}
	if (err == -ENOENT) {			/* QEMU discarded it */
		pager.state[page] = PAGE_EMPTY;
		pager.charged_pages--;
		return true;
	}
	if (err) {
		errno = -err;
		die("UFFDIO_MOVE");
	}
	pager.state[page] = PAGE_WRITING;
	pager.slot[page] = (uint32_t)(position % SLOTS);
	pager.writes[position % SLOTS] = (struct transfer){
		.page = page, .due_ns = link_due(&pager.writing),
	};
	pager.writing.tail++;
	pager.leaving_pages++;
	return true;
}

/* Pages to evict now, so that faults find free ones. */
static bool wants_eviction(void)
{
	uint64_t staying = pager.charged_pages - pager.leaving_pages;

	if (pager.limit_pages >= pager.pages || pager.fifo_head == pager.fifo_tail ||
	    pager.writing.tail - pager.writing.head == SLOTS)
		return false;
	if (pager.charged_pages + FREE_LOW_PAGES <= pager.limit_pages)
		return false;
	return staying + FREE_HIGH_PAGES > pager.limit_pages;
}

static uint64_t next_fetch_ns(void)
{
	struct link *link = &pager.fetching;

	return link->head == link->tail ? UINT64_MAX : pager.fetches[link->head % FETCHES].due_ns;
}

static uint64_t next_write_ns(void)
{
	struct link *link = &pager.writing;

	return link->head == link->tail ? UINT64_MAX : pager.writes[link->head % SLOTS].due_ns;
}

/* What the link brings meanwhile comes first. */
static void evict_ahead(void)
{
	while (wants_eviction() && now_ns() < next_fetch_ns())
		if (!evict_page())
			break;
}

static void empty_slots(uint64_t from, uint64_t to)
{
	while (from < to) {
		uint64_t run = min_u64(to - from, SLOTS - from % SLOTS);

		if (madvise((void *)staging_address(from), run * PAGE_BYTES, MADV_DONTNEED))
			die("MADV_DONTNEED");
		from += run;
	}
}

static void finish_writes(void)
{
	struct link *link = &pager.writing;
	uint64_t first = link->head, now = now_ns();

	for (; next_write_ns() <= now; link->head++) {
		struct transfer *write = &pager.writes[link->head % SLOTS];

		if (write->rescued)
			continue;
		memcpy(pager.store + write->page * PAGE_BYTES, (void *)staging_address(link->head),
		       PAGE_BYTES);
		pager.state[write->page] = PAGE_STORED;
		pager.charged_pages--;
		pager.leaving_pages--;
		pager.written_pages++;
	}
	empty_slots(first, link->head);
}

static void finish_fetches(void)
{
	struct link *link = &pager.fetching;

	for (; next_fetch_ns() <= now_ns(); link->head++) {
		uint64_t page = pager.fetches[link->head % FETCHES].page;

		copy_to_guest(page, pager.store + page * PAGE_BYTES);
		make_local(page);
		pager.fetched_pages++;
	}
}

static void sleep_until(uint64_t due_ns)
{
	struct timespec due = { .tv_sec = due_ns / NS_PER_S, .tv_nsec = due_ns % NS_PER_S };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

/* Waits for the writes under way when nothing is free. */
static void charge_page(void)
{
	if (pager.charged_pages >= pager.limit_pages)
		pager.stalls++;
	while (pager.charged_pages >= pager.limit_pages) {
		finish_writes();
		finish_fetches();
		evict_ahead();
		if (pager.charged_pages >= pager.limit_pages)
			sleep_until(min_u64(min_u64(next_fetch_ns(), next_write_ns()),
					    now_ns() + NS_PER_S / 1000));
	}
	pager.charged_pages++;
}

static void start_fetch(uint64_t page)
{
	struct link *link = &pager.fetching;

	while (link->tail - link->head == FETCHES) {
		sleep_until(next_fetch_ns());
		finish_fetches();
	}
	pager.state[page] = PAGE_FETCHING;
	pager.fetches[link->tail++ % FETCHES] = (struct transfer){
		.page = page, .due_ns = link_due(link),
	};
}

/* The page is still here: it goes back as it is. */
static void rescue_page(uint64_t page)
{
	int err, tries = 1000;

	do {
		err = move_page(guest_address(page), staging_address(pager.slot[page]));
	} while ((err == -EAGAIN || err == -EBUSY) && --tries);
	if (err) {
		errno = -err;
		die("UFFDIO_MOVE back");
	}
	pager.writes[pager.slot[page]].rescued = true;
	pager.leaving_pages--;
	pager.rescued_pages++;
	make_local(page);
}

static void handle_fault(uint64_t page)
{
	pager.faults++;
	switch (pager.state[page]) {
	case PAGE_EMPTY:
		charge_page();
		copy_to_guest(page, pager.zero);
		make_local(page);
		pager.zero_fills++;
		return;
	case PAGE_STORED:
		charge_page();
		start_fetch(page);
		return;
	case PAGE_WRITING:
		rescue_page(page);
		return;
	case PAGE_LOCAL:	/* two faulted, or QEMU discarded it: zero then */
		copy_to_guest(page, pager.zero);
		return;
	case PAGE_FETCHING:
		return;
	}
}

static void read_events(void)
{
	struct uffd_msg messages[EVENTS];
	ssize_t bytes = read(pager.uffd, messages, sizeof(messages));

	if (bytes < 0 && errno != EAGAIN && errno != EINTR)
		die("read from userfaultfd");
	for (ssize_t i = 0; i < bytes / (ssize_t)sizeof(*messages); i++)
		if (messages[i].event == UFFD_EVENT_PAGEFAULT)
			handle_fault((messages[i].arg.pagefault.address -
				      (uintptr_t)pager.guest) / PAGE_BYTES);
}

/* "limit BYTES" or "show"; both are answered with the figures once the limit is kept. */
static void read_command(void)
{
	char line[LINE_BYTES];
	uint64_t bytes;
	ssize_t len = read(pager.in, line, sizeof(line) - 1);

	if (len <= 0)
		return;
	line[len] = '\0';
	if (sscanf(line, "limit %" SCNu64, &bytes) == 1) {
		pager.limit_pages = bytes / PAGE_BYTES;
		if (pager.limit_pages < LIMIT_MIN_PAGES)
			pager.limit_pages = LIMIT_MIN_PAGES;
	}
	pager.reply = true;
}

static void reply(void)
{
	char line[LINE_BYTES];
	int len = snprintf(line, sizeof(line),
			   "limit_bytes=%" PRIu64 " resident_bytes=%" PRIu64 " faults=%" PRIu64
			   " zero_fills=%" PRIu64 " fetched_pages=%" PRIu64 " written_pages=%" PRIu64
			   " rescued_pages=%" PRIu64 " busy_skips=%" PRIu64 " stalls=%" PRIu64 "\n",
			   pager.limit_pages * PAGE_BYTES, pager.charged_pages * PAGE_BYTES,
			   pager.faults, pager.zero_fills, pager.fetched_pages,
			   pager.written_pages, pager.rescued_pages, pager.busy_skips,
			   pager.stalls);

	if (write(pager.out, line, (size_t)len) != len)
		die("write to the control FIFO");
	pager.reply = false;
}

/* Writes end unwatched, at the next fault, unless somebody waits for the limit to be kept. */
static void wait_for_work(void)
{
	struct pollfd fds[] = {
		{ .fd = pager.uffd, .events = POLLIN },
		{ .fd = pager.in, .events = POLLIN },
	};
	uint64_t now = now_ns(), due = next_fetch_ns();
	struct timespec timeout;

	if (pager.reply)
		due = min_u64(due, min_u64(next_write_ns(), now + NS_PER_S / 1000));
	due = due > now ? due - now : 0;
	timeout = (struct timespec){ .tv_sec = due / NS_PER_S, .tv_nsec = due % NS_PER_S };
	if (ppoll(fds, 2, next_fetch_ns() == UINT64_MAX && !pager.reply ? NULL : &timeout,
		  NULL) < 0 && errno != EINTR)
		die("ppoll");
	if (fds[0].revents)
		read_events();
	if (fds[1].revents)
		read_command();
}

static void *pager_main(void *unused)
{
	prctl(PR_SET_NAME, "uffd_pager");
	prctl(PR_SET_TIMERSLACK, 1);
	for (;;) {
		finish_fetches();
		finish_writes();
		evict_ahead();
		if (pager.reply && pager.charged_pages <= pager.limit_pages)
			reply();
		wait_for_work();
	}
	return unused;
}

static uint64_t number_from(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : 0;
}

static int open_control(const char *suffix)
{
	const char *control = getenv("UFFD_PAGER_CONTROL");
	char path[LINE_BYTES];
	int fd;

	snprintf(path, sizeof(path), "%s%s", control ? control : "", suffix);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

static void register_memory(void *memory, size_t bytes)
{
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)memory, .len = bytes },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	if (ioctl(pager.uffd, UFFDIO_REGISTER, &range))
		die("UFFDIO_REGISTER");
}

static void open_uffd(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_MOVE };

	pager.uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (pager.uffd < 0)
		die("userfaultfd");
	if (ioctl(pager.uffd, UFFDIO_API, &api))
		die("UFFDIO_API with UFFDIO_MOVE");
}

static void start_thread(void)
{
	sigset_t all, before;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errno = pthread_create(&thread, NULL, pager_main, NULL);
	if (errno)
		die("pthread_create");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void start_pager(void *guest, size_t bytes)
{
	pager.guest = guest;
	pager.pages = bytes / PAGE_BYTES;
	pager.limit_pages = pager.pages;
	pager.latency_ns = number_from("UFFD_PAGER_LATENCY_NS");
	pager.ns_per_page = number_from("UFFD_PAGER_NS_PER_PAGE");
	/* A page more, so that guest memory is the only mapping of its size. */
	pager.store = map_anonymous(bytes + PAGE_BYTES);
	pager.staging = map_anonymous(SLOTS * PAGE_BYTES);
	pager.zero = map_anonymous(PAGE_BYTES);
	pager.state = map_anonymous(pager.pages);
	pager.slot = map_anonymous(pager.pages * sizeof(*pager.slot));
	pager.fifo = map_anonymous(pager.pages * sizeof(*pager.fifo));
	pager.in = open_control(".in");
	pager.out = open_control(".out");
	open_uffd();
	register_memory(guest, bytes);
	register_memory(pager.staging, SLOTS * PAGE_BYTES);
	start_thread();
}

/* Before libc's: sees QEMU map its guest's memory. */
void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	void *memory = (void *)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset);

	if (memory != MAP_FAILED && fd == -1 && !pager.guest &&
	    protection == (PROT_READ | PROT_WRITE) && (flags & MAP_PRIVATE) &&
	    bytes == number_from("UFFD_PAGER_BYTES"))
		start_pager(memory, bytes);
	return memory;
}

void *mmap64(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
	__attribute__((alias("mmap")));
