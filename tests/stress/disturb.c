// SPDX-License-Identifier: GPL-2.0
/*
 * disturb.c - what goes on around the workers: settings change, policies come and go, pages are
 * touched without any order, held by pipes, used by processes that are killed; other files live
 * and die in the same pool.
 *
 * Each disturber is a thread with a random state of its own; none takes a page's busy flag.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"
#include "tests/pages.h"

#define POLICY_FILE	"out/bpf/policy_random.bpf.o"

static uint64_t seed_of(struct round *round, unsigned int disturber)
{
	return page_mix(round->seed ^ (0x1000 + disturber)) | 1;
}

static void pause_ms(struct round *round, uint64_t *random, unsigned int least, unsigned int most)
{
	unsigned int ms = least + random_below(random, most - least + 1);

	while (ms-- && !round->stop)
		usleep(1000);
}

/* The limit moves between half and twice what the round is about, the order anywhere. */
static void *run_settings(void *arg)
{
	struct round *round = arg;
	uint64_t random = seed_of(round, 0), limit = round->pages / round->factor;

	while (!round->stop) {
		struct dmem_vm_set set = { .size = sizeof(set), .version = DMEM_ABI_VERSION };
		uint64_t pages = limit / 2 + random_below(&random, limit * 3 / 2 + 1);

		set.mask = 1 + random_below(&random, DMEM_SET_ALL);
		if (set.mask & DMEM_SET_DIRECT_LIMIT)
			set.direct_limit_bytes = pages * PAGE_BYTES;
		if (set.mask & DMEM_SET_ORDER)
			set.order = random_below(&random, DMEM_ORDERS);
		if (ioctl(round->fd, DMEM_IOC_SET, &set))
			round_fail(round, "DMEM_IOC_SET: %s", strerror(errno));
		round->settings++;
		pause_ms(round, &random, 1, 30);
	}
	return NULL;
}

static void *run_flushes(void *arg)
{
	struct round *round = arg;
	uint64_t random = seed_of(round, 1);

	while (!round->stop) {
		struct dmem_vm_flush flush = { .size = sizeof(flush),
					       .version = DMEM_ABI_VERSION };

		pause_ms(round, &random, 50, 400);
		if (ioctl(round->fd, DMEM_IOC_FLUSH, &flush))
			round_fail(round, "DMEM_IOC_FLUSH: %s", strerror(errno));
		round->flushes++;
	}
	return NULL;
}

/* Loaded once: it takes seconds, and a round should not wait for it. */
static struct bpf_object *policy;

bool disturb_setup(void)
{
	policy = bpf_object__open_file(POLICY_FILE, NULL);
	return policy && !bpf_object__load(policy);
}

void disturb_end(void)
{
	bpf_object__close(policy);
}

static void *run_policies(void *arg)
{
	struct round *round = arg;
	struct bpf_map *map = bpf_object__find_map_by_name(policy, "policy_random");
	uint64_t random = seed_of(round, 2);

	while (!round->stop) {
		struct bpf_link *link = bpf_map__attach_struct_ops(map);

		/* The last one stays for as long as a victim lives that was forked meanwhile. */
		if (!link && errno != EBUSY)
			round_fail(round, "attaching a policy: %s", strerror(errno));
		round->policies += link != NULL;
		pause_ms(round, &random, 1, 60);
		bpf_link__destroy(link);
		pause_ms(round, &random, 1, 60);
	}
	return NULL;
}

/* Reads without regard to who writes or punches there, and pages held by a pipe meanwhile. */
static void *run_touches(void *arg)
{
	struct round *round = arg;
	uint64_t random = seed_of(round, 3);
	char *map = map_vm(round), buffer[4 * PAGE_BYTES];
	int pipes[2];

	if (!map)
		return NULL;
	if (pipe(pipes)) {
		round_fail(round, "pipe: %s", strerror(errno));
		return NULL;
	}
	while (!round->stop) {
		uint64_t page = random_below(&random, round->pages - 4);
		struct iovec iov = { map + page * PAGE_BYTES, sizeof(buffer) };
		ssize_t held = vmsplice(pipes[1], &iov, 1, 0);

		if (held <= 0) {
			round_fail(round, "vmsplice: %s", strerror(errno));
			break;
		}
		for (int i = 0; i < 50; i++) {
			page = random_below(&random, round->pages);
			(void)*(volatile char *)(map + page * PAGE_BYTES);
			round->unverified++;
		}
		if (read(pipes[0], buffer, held) != held)
			round_fail(round, "reading the pipe: %s", strerror(errno));
		round->pins++;
	}
	close(pipes[0]);
	close(pipes[1]);
	munmap(map, round->pages * PAGE_BYTES);
	return NULL;
}

/* Of a threaded process: the child may do little more than use its memory. */
static void victim(const char *map, uint64_t pages, uint64_t random)
{
	for (;;)
		(void)*(volatile const char *)(map + random_below(&random, pages) * PAGE_BYTES);
}

/* Processes that use the memory and are killed, wherever they are. */
static void *run_victims(void *arg)
{
	struct round *round = arg;
	uint64_t random = seed_of(round, 4);
	char *map = map_vm(round);

	while (map && !round->stop) {
		pid_t pid = fork();
		int status;

		if (!pid)
			victim(map, round->pages, random);
		if (pid < 0) {
			round_fail(round, "fork: %s", strerror(errno));
			break;
		}
		pause_ms(round, &random, 5, 80);
		kill(pid, SIGKILL);
		if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ||
		    WTERMSIG(status) != SIGKILL)
			round_fail(round, "a process that was to be killed ended with %x", status);
		round->kills++;
	}
	if (map)
		munmap(map, round->pages * PAGE_BYTES);
	return NULL;
}

static bool neighbour(struct round *round, uint64_t pages, unsigned int number, char *why,
		      size_t len)
{
	size_t bytes = pages * PAGE_BYTES;
	int fd = open(POOL, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	bool ok = true;
	char *map;

	snprintf(why, len, "open: %s", strerror(errno));
	if (fd < 0)
		return false;
	ok = !ftruncate(fd, bytes);
	map = ok ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
	snprintf(why, len, "ftruncate, mmap: %s", strerror(errno));
	close(fd);
	if (map == MAP_FAILED)
		return false;
	for (uint64_t page = 0; page < pages && !round->stop; page++)
		page_fill(map + page * PAGE_BYTES, page, WORKERS_MAX, number);
	for (uint64_t page = 0; page < pages && ok && !round->stop; page += 7)
		ok = page_verify(map + page * PAGE_BYTES, page, WORKERS_MAX, number, why, len);
	munmap(map, bytes);
	return ok;
}

/* Other files of the pool: made, filled beyond their limit and gone, without a name. */
static void *run_neighbours(void *arg)
{
	struct round *round = arg;
	uint64_t random = seed_of(round, 5);
	char why[500];

	while (!round->stop) {
		uint64_t pages = 128 + random_below(&random, round->pages / 16);

		if (!neighbour(round, pages, round->neighbours + 1, why, sizeof(why)))
			round_fail(round, "another file: %s", why);
		round->neighbours++;
		pause_ms(round, &random, 1, 50);
	}
	return NULL;
}

void *(*const disturbers[DISTURBERS])(void *) = {
	run_settings, run_flushes, run_policies, run_touches, run_victims, run_neighbours,
};
