// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_broken.c - queue pairs that fail and requests that are answered with an error, while pages
 * are read and while they are written: the host begins a new session, and nothing is lost.
 *
 * tests/rdma/preload/spoil.c is in the donor and does it on a signal.
 */
#include "../pages.h"
#include "../rdma/pool.h"

static void start_spoiled(struct donor_process *donor)
{
	CHECK(!setenv("LD_PRELOAD", "out/rdma-spoil.so", 1));
	donor_start(donor, DONOR);
	CHECK(!unsetenv("LD_PRELOAD"));
}

static void spoil(struct donor_process *donor, int sig)
{
	kernel_says(NULL);
	CHECK(!kill(donor->pid, sig));
}

static void break_with(int sig, const char *says)
{
	struct donor_process donor;
	pid_t reader;
	char *map;
	int fd;

	start_spoiled(&donor);
	pool_mount(WHERE "," DIRECT);
	map = pool_file(&fd);
	fill_all(map, 1);
	reader = reader_start(map, 1);
	for (int times = 0; times < 2; times++) {
		spoil(&donor, sig);
		WAIT_FOR(kernel_says(says), 30);
		WAIT_FOR(kernel_says("up again"), 30);
	}
	reader_end(reader);
	/* Now with pages under way to the donor. */
	for (uint64_t page = 0; page < POOL_PAGES; page++) {
		if (page == POOL_PAGES / 2)
			spoil(&donor, sig);
		page_fill(map + page * PAGE, page, 1, 2);
	}
	WAIT_FOR(kernel_says("up again"), 60);
	verify_all(map, 2);
	CHECK(!vm_get(fd).errors);
	pool_end(map, fd, &donor);
	CHECK_MSG(!count_objects(), "%u RDMA objects are left", count_objects());
}

/* The donor's end is silent: the device gives up after its tries. */
static void test_silent(void)
{
	break_with(SIGUSR1, "transport retry counter exceeded");
}

/* The donor's device answers that there is no such memory. */
static void test_refused(void)
{
	break_with(SIGUSR2, "remote access error");
}

static const struct test tests[] = {
	{ "rdma_qp_silent", test_silent },
	{ "rdma_qp_refused", test_refused },
	{}
};

int main(int argc, char **argv)
{
	return pool_main(tests, argc, argv);
}
