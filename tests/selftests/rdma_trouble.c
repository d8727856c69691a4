// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_trouble.c - a donor that dies, is silent, comes back with or without its memory, or is cut
 * off: what is promised of the pages that it has, with a reader on top.
 */
#include <setjmp.h>

#include "../rdma/pool.h"

static sigjmp_buf bus_jump;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(bus_jump, 1);
}

static void test_backing(void)
{
	struct donor_process donor;
	pid_t reader;
	char *map;
	int fd;

	backing_clear();
	donor_start(&donor, DONOR "--backing " POOL_BACKING);
	pool_mount(WHERE "," DIRECT);
	map = pool_file(&fd);
	fill_all(map, 1);
	reader = reader_start(map, 1);
	usleep(500000);
	for (int times = 0; times < 3; times++) {
		kernel_says(NULL);
		donor_kill(&donor, SIGKILL);
		usleep(300000);
		donor_start(&donor, DONOR "--backing " POOL_BACKING);
		WAIT_FOR(kernel_says("up again"), 30);
		usleep(500000 * slowness());
	}
	reader_end(reader);
	verify_all(map, 1);
	fill_all(map, 2);
	verify_all(map, 2);
	CHECK(!vm_get(fd).errors);
	pool_end(map, fd, &donor);
}

/* What only an empty donor had is lost for good; what is here as well is not, nor is what comes. */
static void test_epoch(void)
{
	static bool lost[POOL_PAGES], again[POOL_PAGES];
	struct donor_process donor;
	unsigned int nr;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	pool_mount(WHERE "," DIRECT);
	map = pool_file(&fd);
	fill_all(map, 1);
	/* The last pages are here, as clean copies. */
	vm_flush(fd);
	for (uint64_t page = POOL_PAGES - 1000; page < POOL_PAGES; page++)
		verify_page(map, page, 1);
	donor_kill(&donor, SIGKILL);
	donor_start(&donor, DONOR);
	nr = count_lost(map, 1, lost);
	CHECK_MSG(nr >= POOL_PAGES / 2 && nr <= POOL_PAGES - 1000, "%u pages are lost", nr);
	/* Now the copies must go to the donor to make room for the others. */
	vm_flush(fd);
	CHECK_MSG(count_lost(map, 1, again) == nr, "%u pages were lost", nr);
	CHECK(!memcmp(lost, again, sizeof(lost)));

	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, POOL_SIZE));
	fill_all(map, 2);
	verify_all(map, 2);
	pool_end(map, fd, &donor);
}

/* A donor that says nothing is as good as dead, until it speaks again. */
static void test_stop(void)
{
	struct donor_process donor;
	pid_t reader;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	pool_mount(WHERE "," DIRECT);
	map = pool_file(&fd);
	fill_all(map, 1);
	reader = reader_start(map, 1);
	kernel_says(NULL);
	CHECK(!kill(donor.pid, SIGSTOP));
	WAIT_FOR(kernel_says("down: "), 30);
	CHECK(!kill(donor.pid, SIGCONT));
	WAIT_FOR(kernel_says("up again"), 30);
	usleep(1000000 * slowness());
	reader_end(reader);
	verify_all(map, 1);
	CHECK(!vm_get(fd).errors);
	pool_end(map, fd, &donor);
}

/* Longer than the timeout: SIGBUS for who asks, and the page is there when the donor is. */
static void test_timeout(void)
{
	struct donor_process donor;
	double start;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	pool_mount(WHERE "," DIRECT ",timeout_ms=3000");
	map = pool_file(&fd);
	fill_all(map, 1);
	vm_flush(fd);
	kernel_says(NULL);
	CHECK(!kill(donor.pid, SIGSTOP));
	/* Its device goes on serving for as long as nobody has noticed. */
	WAIT_FOR(kernel_says("down: "), 30);
	start = now_s();
	signal(SIGBUS, on_bus);
	if (!sigsetjmp(bus_jump, 1)) {
		verify_page(map, 7, 1);
		CHECK_MSG(false, "a page came from a donor that is stopped");
	}
	signal(SIGBUS, SIG_DFL);
	CHECK_MSG(now_s() - start < 10 * slowness(), "SIGBUS after %.1f s", now_s() - start);
	CHECK(!kill(donor.pid, SIGCONT));
	WAIT_FOR(!count_lost(map, 1, NULL), 20);
	pool_end(map, fd, &donor);
}

/* Traffic over a link that can be disturbed: netem on both its ends. */
static void netem(const char *what)
{
	char command[300];

	snprintf(command, sizeof(command),
		 "for i in 0 1; do tc qdisc replace dev dmrl$i root netem %s || exit 1; done", what);
	CHECK_MSG(!system(command), "tc: %s", what);
}

/*
 * The cables between both interfaces and the switch. Where an interface itself is set down its RDMA
 * device must go, too: a message of the CM's that has no route is the end of soft-RoCE's queue pair
 * for all of them.
 */
static void cables(const char *state)
{
	char command[200];

	snprintf(command, sizeof(command),
		 "for i in 0 1; do ip link set dmrl${i}s %s || exit 1; done", state);
	CHECK_MSG(!system(command), "cables %s", state);
}

static bool has_carrier(void)
{
	return system("grep -q 0 /sys/class/net/dmrl[01]/carrier");
}

/* This host's interface, with its RDMA device: both come back as they were. */
static void interface_down(void)
{
	CHECK(!system("rdma link delete dmrl0 && ip link set dmrl0 down"));
	sleep(5);
	CHECK(!system("ip link set dmrl0 up && tests/vm/rxe.sh pair-route && "
		      "rdma link add dmrl0 type rxe netdev dmrl0"));
}

#define PAIR	"[ -e /sys/class/net/dmrls ] || tests/vm/rxe.sh pair"

/* Recovered by itself: pages come again, as many as a few regions have. */
static void wait_for_fetches(int fd)
{
	uint64_t before = vm_get(fd).fetched_pages;

	WAIT_FOR(vm_get(fd).fetched_pages - before > 2000, 90);
}

/* Longer than the default timeout: it is the mount's to say how long is too long. */
static void test_link_long(void)
{
	struct donor_process donor;
	char *map;
	int fd;

	CHECK(!system(PAIR));
	donor_start(&donor, DONOR "--listen 10.78.0.2:7471");
	pool_mount("donor=rdma:10.78.0.2," DIRECT ",timeout_ms=150000");
	map = pool_file(&fd);
	fill_all(map, 1);
	cables("down");
	sleep(60);
	cables("up");
	verify_all(map, 1);
	CHECK(!vm_get(fd).errors);
	pool_end(map, fd, &donor);
}

static void test_link(void)
{
	struct donor_process donor;
	pid_t reader;
	char *map;
	int fd;

	CHECK(!system(PAIR));
	donor_start(&donor, DONOR "--listen 10.78.0.2:7471");
	pool_mount("donor=rdma:10.78.0.2," DIRECT ",timeout_ms=120000");
	map = pool_file(&fd);
	fill_all(map, 1);
	/* Nearly every request loses a packet, which takes soft-RoCE 0.3 s to find out. */
	vm_set_order(fd, 3);
	netem("loss 5% delay 1ms reorder 99% 50%");
	for (uint64_t page = 0; page < POOL_PAGES / 128; page++)
		verify_page(map, page, 1);
	for (uint64_t page = 0; page < POOL_PAGES; page += 128)
		verify_page(map, page, 1);
	netem("delay 0");
	vm_set_order(fd, 6);
	fill_all(map, 2);
	reader = reader_start(map, 2);
	for (int times = 0; times < 2; times++) {
		netem("loss 100%");
		sleep(5);
		netem("loss 0%");
		wait_for_fetches(fd);
	}
	for (int times = 0; times < 2; times++) {
		cables("down");
		sleep(5);
		CHECK(!has_carrier());
		cables("up");
		wait_for_fetches(fd);
		CHECK(has_carrier());
	}
	interface_down();
	wait_for_fetches(fd);
	reader_end(reader);
	verify_all(map, 2);
	CHECK(!vm_get(fd).errors);
	pool_end(map, fd, &donor);
}

static const struct test tests[] = {
	{ "rdma_backing", test_backing },
	{ "rdma_epoch", test_epoch },
	{ "rdma_stop", test_stop },
	{ "rdma_timeout", test_timeout },
	{ "rdma_link", test_link },
	{ "rdma_link_long", test_link_long },
	{}
};

int main(int argc, char **argv)
{
	return pool_main(tests, argc, argv);
}
