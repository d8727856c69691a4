// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_hosts.c - a donor's machine that falls silent for a while, is cut off, whose daemon dies and
 * comes back with or without what it lent, and that loses power: what is promised of the pages that
 * it has, with a reader on top. tests/hosts.sh has both machines.
 */
#include <sys/prctl.h>

#include "../../pages.h"
#include "../../rdma/pool.h"
#include "error.h"

#define RUN		"out/hosts/run"
#define FAR		"donor=rdma:10.88.1.2"
#define KEY		",key=dmem:hosts"

/* Done to the donor's machine before this returns. */
static void ask_for(const char *what)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -f " RUN "/done && echo %s >" RUN "/ask.new && "
		 "mv " RUN "/ask.new " RUN "/ask", what);
	CHECK(!system(command));
	WAIT_FOR(!access(RUN "/done", F_OK), 30);
}

/* The same, by a script on that machine: tests/vm/donor.sh. */
static void ask_donor(const char *what)
{
	char command[200];

	snprintf(command, sizeof(command), "echo %s >" RUN "/donor-ask.new && "
		 "mv " RUN "/donor-ask.new " RUN "/donor-ask", what);
	CHECK(!system(command));
	WAIT_FOR(access(RUN "/donor-ask", F_OK), 60);
}

static void add_key(void)
{
	uint8_t key[DMEM_WIRE_KEY_BYTES];
	struct dmem_error error;

	CHECK_MSG(!dmem_wire_read_key(RUN "/key", key, &error), "%.300s", error.text);
	pool_add_key("dmem:hosts", key, sizeof(key));
}

/* A file whose pages are all filled, with the other machine's donor alone. */
static char *far_begin(int *fd)
{
	char *map;

	add_key();
	pool_mount(FAR KEY "," DIRECT ",timeout_ms=300000");
	map = pool_file(fd);
	fill_all(map, 1);
	return map;
}

static void far_end(char *map, int fd)
{
	CHECK(!munmap(map, POOL_SIZE));
	close(fd);
	CHECK(!umount(POOL));
}

/* No data of either: nothing of the connection ends, and no word comes. */
static void test_silent(void)
{
	pid_t reader;
	char *map;
	int fd;

	map = far_begin(&fd);
	reader = reader_start(map, 1);
	kernel_says(NULL);
	ask_for("STOP");
	WAIT_FOR(kernel_says("down: "), 60);
	ask_for("CONT");
	WAIT_FOR(kernel_says("up again"), 120);
	reader_end(reader);
	verify_all(map, 1);
	CHECK(!vm_get(fd).errors);
	far_end(map, fd);
}

/* Recovered by itself: pages come again, as many as a few regions have. */
static void wait_for_fetches(int fd)
{
	uint64_t before = vm_get(fd).fetched_pages;

	WAIT_FOR(vm_get(fd).fetched_pages - before > 2000, 120);
}

/* Nothing gets through either way, for less and for longer than it takes to notice. */
static void test_cut(void)
{
	static const unsigned int seconds[] = { 5, 60 };
	pid_t reader;
	char *map;
	int fd;

	map = far_begin(&fd);
	reader = reader_start(map, 1);
	for (size_t i = 0; i < sizeof(seconds) / sizeof(*seconds); i++) {
		CHECK(!system("tests/vm/link.sh 1 cut"));
		sleep(seconds[i]);
		CHECK(!system("tests/vm/link.sh 1 join"));
		wait_for_fetches(fd);
		ask_donor("cut");
		sleep(seconds[i]);
		ask_donor("join");
		wait_for_fetches(fd);
	}
	reader_end(reader);
	verify_all(map, 1);
	CHECK(!vm_get(fd).errors);
	far_end(map, fd);
}

/* The daemon alone is killed; what it lent is on its machine. */
static void test_restarted(void)
{
	pid_t reader;
	char *map;
	int fd;

	map = far_begin(&fd);
	reader = reader_start(map, 1);
	kernel_says(NULL);
	ask_donor("restart");
	WAIT_FOR(kernel_says("up again"), 120);
	wait_for_fetches(fd);
	reader_end(reader);
	verify_all(map, 1);
	fill_all(map, 2);
	verify_all(map, 2);
	CHECK(!vm_get(fd).errors);
	far_end(map, fd);
}

/* As a machine that has been started again: it answers, and has nothing. */
static void test_emptied(void)
{
	static bool lost[POOL_PAGES];
	unsigned int nr;
	char *map;
	int fd;

	map = far_begin(&fd);
	vm_flush(fd);
	for (uint64_t page = POOL_PAGES - 1000; page < POOL_PAGES; page++)
		verify_page(map, page, 1);
	ask_donor("forget");
	nr = count_lost(map, 1, lost);
	CHECK_MSG(nr >= POOL_PAGES / 2 && nr <= POOL_PAGES - 1000, "%u pages are lost", nr);
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, POOL_SIZE));
	fill_all(map, 2);
	verify_all(map, 2);
	far_end(map, fd);
}

/* How long a reader of all pages needed for the slowest of them, and how often it has read all. */
struct readings {
	volatile double longest_s;
	volatile unsigned int rounds;
};

static pid_t measuring_reader(const char *map, struct readings *readings)
{
	char why[200];
	pid_t pid;

	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;; readings->rounds++)
		for (uint64_t page = 0; page < POOL_PAGES; page++) {
			double start = now_s();

			if (!page_verify(map + page * PAGE, page, 1, 1, why, sizeof(why)))
				_exit(1);
			if (now_s() - start > readings->longest_s)
				readings->longest_s = now_s() - start;
		}
}

/* The machine is gone; the other copy of each page is with a donor on this host. */
static void test_killed(void)
{
	struct readings *readings = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct donor_process near;
	unsigned int rounds;
	pid_t reader;
	char *map;
	int fd;

	CHECK(readings != MAP_FAILED);
	add_key();
	donor_start(&near, DONOR "--key-file " RUN "/key");
	pool_mount(FAR ",donor=rdma:" DONOR_ADDRESS KEY "," DIRECT ",replicas=2");
	map = pool_file(&fd);
	fill_all(map, 1);
	vm_flush(fd);
	reader = measuring_reader(map, readings);
	WAIT_FOR(readings->rounds, 120);
	readings->longest_s = 0;
	kernel_says(NULL);
	ask_for("KILL");
	WAIT_FOR(kernel_says("down: "), 60);
	rounds = readings->rounds;
	WAIT_FOR(readings->rounds >= rounds + 2, 120);
	reader_end(reader);
	printf("# held up for at most %.1f s\n", readings->longest_s);
	/* Three renewals that were missed, of 5 s each, if nothing was under way to the dead. */
	CHECK_MSG(readings->longest_s < 20 * slowness(), "held up for %.1f s", readings->longest_s);
	verify_all(map, 1);
	fill_all(map, 2);
	verify_all(map, 2);
	CHECK(!vm_get(fd).errors);
	pool_end(map, fd, &near);
}

static const struct test tests[] = {
	{ "rdma_host_silent", test_silent },
	{ "rdma_host_cut", test_cut },
	{ "rdma_host_restarted", test_restarted },
	{ "rdma_host_emptied", test_emptied },
	{ "rdma_host_killed", test_killed },
	{}
};

int main(int argc, char **argv)
{
	int failed;

	if (argc > 1)
		return pool_main(tests, argc, argv);
	if (system("tests/vm/link.sh 1 10.88.1.1 && timeout 600 sh -c 'until "
		   "[ -e " RUN "/donor-1.ready ]; do [ ! -e " RUN "/donor-1.ended ] || exit 1; "
		   "sleep 1; done'")) {
		printf("not ok 1 the donor's host is not there\n1..1\n");
		return 1;
	}
	failed = pool_main(tests, argc, argv);
	if (system("rdma link delete link1")) {
		printf("not ok 1 the link's device stays\n1..1\n");
		return 1;
	}
	return failed;
}
