// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_pool.c - VM memory on dmem-memnode by RDMA, on soft-RoCE: paging, what a donor's death,
 * silence and rebirth do to it, what it refuses, and that nothing is left of it.
 *
 * Pages say what they are (pages.h), and a reader in a process of its own looks at them while
 * the donor is in trouble.
 */
#include <sys/klog.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../pages.h"
#include "../rdma/donor.h"

#define SIZE		(32 * MIB)
#define PAGES		(SIZE / PAGE)
/* Prefetches much: one READ after another takes its time in an emulated host. */
#define DIRECT		"direct=8M,order=6"
#define WHERE		"donor=rdma:" DONOR_ADDRESS
#define BACKING		"/run/dmem-pool-backing"
#define DONOR		"--memory 128M --extent 4M --renew 2000 "

static sigjmp_buf bus_jump;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(bus_jump, 1);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* A new file of SIZE, mapped. */
static char *pool_file(int *fd)
{
	*fd = vm_create("vm", SIZE);
	return vm_map(*fd, SIZE);
}

/* Nothing of the pool is left, and the donor is there to the end. */
static void pool_end(char *map, int fd, struct donor_process *donor)
{
	CHECK(!munmap(map, SIZE));
	close(fd);
	CHECK_MSG(!umount(POOL), "umount: %s", strerror(errno));
	CHECK(donor_alive(donor));
	donor_kill(donor, SIGKILL);
}

static void fill_all(char *map, uint64_t seq)
{
	for (uint64_t page = 0; page < PAGES; page++)
		page_fill(map + page * PAGE, page, 1, seq);
}

static void verify_page(const char *map, uint64_t page, uint64_t seq)
{
	char why[200];

	CHECK_MSG(page_verify(map + page * PAGE, page, 1, seq, why, sizeof(why)), "%s", why);
}

static void verify_all(const char *map, uint64_t seq)
{
	for (uint64_t page = 0; page < PAGES; page++)
		verify_page(map, page, seq);
}

/* How many pages give SIGBUS; all others must be as they were written. */
static unsigned int count_lost(const char *map, uint64_t seq, bool *lost)
{
	volatile unsigned int nr = 0;

	signal(SIGBUS, on_bus);
	for (volatile uint64_t page = 0; page < PAGES; page++) {
		bool gone = sigsetjmp(bus_jump, 1);

		if (!gone)
			verify_page(map, page, seq);
		nr += gone;
		if (lost)
			lost[page] = gone;
	}
	signal(SIGBUS, SIG_DFL);
	return nr;
}

/* A process that verifies all pages over and over until it is told to end. */
static void read_on(const char *map, uint64_t seq)
{
	char why[200];

	for (uint64_t page = 0;; page = (page + 1) % PAGES) {
		if (!page_verify(map + page * PAGE, page, 1, seq, why, sizeof(why))) {
			printf("# reader: %s\n", why);
			fflush(stdout);
			_exit(1);
		}
	}
}

static pid_t reader_start(const char *map, uint64_t seq)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		read_on(map, seq);
	return pid;
}

static void reader_end(pid_t pid)
{
	int status;

	CHECK_MSG(!waitpid(pid, &status, WNOHANG), "the reader has ended by itself: %#x", status);
	CHECK(!kill(pid, SIGTERM));
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_MSG(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "the reader: %#x", status);
}

static uint64_t statfs_used(void)
{
	struct statfs fs;

	CHECK(!statfs(POOL, &fs));
	return (fs.f_blocks - fs.f_bfree) * fs.f_bsize;
}

static uint64_t statfs_total(void)
{
	struct statfs fs;

	CHECK(!statfs(POOL, &fs));
	return fs.f_blocks * fs.f_bsize;
}

/* Has the kernel said this since the last call with NULL? */
static bool kernel_says(const char *text)
{
	static char log[1 << 18];
	int len;

	if (!text)
		return klogctl(5, NULL, 0) < 0;
	len = klogctl(3, log, sizeof(log) - 1);
	CHECK(len >= 0);
	log[len] = 0;
	return strstr(log, text);
}

/* Wait until a condition holds; up to so many seconds on a quick machine. */
#define WAIT_FOR(cond, seconds)                                                                    \
	do {                                                                                       \
		double until_ = now_s() + (seconds) * slowness();                                  \
		while (!(cond)) {                                                                  \
			CHECK_MSG(now_s() < until_, "not within %u s: %s", (seconds), #cond);      \
			usleep(20000);                                                             \
		}                                                                                  \
	} while (0)

static void test_paging(void)
{
	struct donor_process donor;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	pool_mount(WHERE "," DIRECT);
	map = pool_file(&fd);
	fill_all(map, 1);
	verify_all(map, 1);
	vm_set_order(fd, 0);
	for (uint64_t page = 0; page < PAGES; page += 7)
		verify_page(map, page, 1);
	vm_set_order(fd, 9);
	fill_all(map, 2);
	verify_all(map, 2);
	vm_flush(fd);
	verify_all(map, 2);
	CHECK(vm_get(fd).remote_bytes > SIZE / 2);
	CHECK(!vm_get(fd).errors);
	pool_end(map, fd, &donor);
}

/* What is punched is zero, its slots serve others, and a file that is gone leaves nothing. */
static void test_release(void)
{
	struct donor_process donor;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	pool_mount(WHERE "," DIRECT);
	CHECK_MSG(statfs_total() == 128 * MIB, "%lu bytes", statfs_total());
	map = pool_file(&fd);
	CHECK_MSG(statfs_used() == SIZE, "%lu bytes", statfs_used());
	fill_all(map, 1);
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SIZE / 2));
	for (uint64_t page = 0; page < PAGES; page++)
		verify_page(map, page, page >= PAGES / 2);
	fill_all(map, 2);
	verify_all(map, 2);
	CHECK(!munmap(map, SIZE));
	CHECK(!ftruncate(fd, 3 * MIB));
	CHECK_MSG(statfs_used() == 4 * MIB, "%lu bytes", statfs_used());
	close(fd);
	CHECK(!unlink(POOL "/vm"));
	CHECK(!statfs_used());
	CHECK(statfs_total() == 128 * MIB);
	CHECK(!umount(POOL));
	CHECK(donor_alive(&donor));
	donor_kill(&donor, SIGKILL);
}

static void backing_clear(void)
{
	CHECK(!system("rm -rf " BACKING " && mkdir -m 0700 " BACKING));
}

static void test_backing(void)
{
	struct donor_process donor;
	pid_t reader;
	char *map;
	int fd;

	backing_clear();
	donor_start(&donor, DONOR "--backing " BACKING);
	pool_mount(WHERE "," DIRECT);
	map = pool_file(&fd);
	fill_all(map, 1);
	reader = reader_start(map, 1);
	usleep(500000);
	for (int times = 0; times < 3; times++) {
		kernel_says(NULL);
		donor_kill(&donor, SIGKILL);
		usleep(300000);
		donor_start(&donor, DONOR "--backing " BACKING);
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
	static bool lost[PAGES], again[PAGES];
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
	for (uint64_t page = PAGES - 1000; page < PAGES; page++)
		verify_page(map, page, 1);
	donor_kill(&donor, SIGKILL);
	donor_start(&donor, DONOR);
	nr = count_lost(map, 1, lost);
	CHECK_MSG(nr >= PAGES / 2 && nr <= PAGES - 1000, "%u pages are lost", nr);
	/* Now the copies must go to the donor to make room for the others. */
	vm_flush(fd);
	CHECK_MSG(count_lost(map, 1, again) == nr, "%u pages were lost", nr);
	CHECK(!memcmp(lost, again, sizeof(lost)));

	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SIZE));
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

/* Mount through fsopen(), which has the reason. Returns the errno, or 0. */
static int mount_says(char *options, char *said, size_t len)
{
	char *at, *word, *value;
	int fd = fsopen(DMEM_FS_NAME, FSOPEN_CLOEXEC), err = 0;
	ssize_t got;

	CHECK(fd >= 0);
	for (word = strtok_r(options, ",", &at); word && !err; word = strtok_r(NULL, ",", &at)) {
		value = strchr(word, '=');
		*value++ = 0;
		err = fsconfig(fd, FSCONFIG_SET_STRING, word, value, 0) ? errno : 0;
	}
	if (!err && fsconfig(fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		err = errno;
	*said = 0;
	got = read(fd, said, len - 1);
	if (got > 0)
		said[got] = 0;
	close(fd);
	return err;
}

static void refused(const char *options, int want, const char *reason)
{
	char copy[200], said[300];
	int err;

	snprintf(copy, sizeof(copy), "%s", options);
	err = mount_says(copy, said, sizeof(said));
	CHECK_MSG(err == want, "%s: errno %d, not %d: %s", options, err, want, said);
	CHECK_MSG(strcasestr(said, reason), "%s: says '%s', not '%s'", options, said, reason);
}

/* A key of type logon in this process's keyring. */
static void add_key(const char *name, const void *key, size_t len)
{
	CHECK(syscall(SYS_add_key, "logon", name, key, len, -2) >= 0);
}

static void test_auth(void)
{
	static const char wrong[DMEM_WIRE_KEY_BYTES] = "another key, of the same length";
	struct donor_process donor;

	add_key("dmem:right", donor_key, DMEM_WIRE_KEY_BYTES);
	add_key("dmem:wrong", wrong, sizeof(wrong));
	add_key("dmem:short", wrong, 31);
	refused(WHERE, ECONNREFUSED, "nobody listens");
	refused(WHERE ",key=dmem:none", ENOKEY, "no such key");
	refused(WHERE ",key=dmem:short", EINVAL, "31 bytes");
	refused("donor=rdma:10.77.0.9", EACCES, "a key is needed");
	refused("donor=rdma:10.77.0.x", EINVAL, "not an address");
	refused("donor=rdma:10.77.0.1:99999", EINVAL, "not an address");
	refused(WHERE ",replicas=2", EINVAL, "not that many donors");

	donor_start(&donor, DONOR "%K");
	refused(WHERE ",key=dmem:wrong", EACCES, "refused");
	refused(WHERE, EACCES, "key");
	refused(WHERE ",key=dmem:right,donor=rdma:" DONOR_ADDRESS ":7471", EINVAL, "already");
	pool_mount(WHERE ",key=dmem:right");
	close(vm_create("vm", 2 * MIB));
	CHECK(!umount(POOL));
	donor_kill(&donor, SIGKILL);

	donor_start(&donor, DONOR);
	refused(WHERE ",key=dmem:right", EACCES, "key");
	donor_kill(&donor, SIGKILL);
	donor_start(&donor, DONOR "--allow 10.99.0.0/16");
	refused(WHERE, EACCES, "refused");
	donor_kill(&donor, SIGKILL);
}

static void test_full(void)
{
	struct donor_process donor;
	int fd, other;

	donor_start(&donor, DONOR);
	refused(WHERE ",size=132M", ENOSPC, "lend");
	/* All that was leased on the way is given back. */
	WAIT_FOR(!pool_try_mount(WHERE ",size=128M"), 5);
	CHECK(!umount(POOL));
	WAIT_FOR(!pool_try_mount(WHERE ",size=64M"), 5);
	CHECK(statfs_total() == 64 * MIB);
	fd = vm_create("vm", 64 * MIB);
	CHECK_ERRNO(ftruncate(fd, 66 * MIB), ENOSPC);
	close(fd);
	CHECK(!umount(POOL));

	pool_mount(WHERE);
	fd = vm_create("vm", 100 * MIB);
	other = vm_create("other", 0);
	CHECK_ERRNO(ftruncate(other, 30 * MIB), ENOSPC);
	CHECK_MSG(statfs_used() == 100 * MIB, "%lu bytes", statfs_used());
	CHECK(!ftruncate(other, 28 * MIB));
	CHECK(!ftruncate(fd, 0));
	/* What is given back is released by and by. */
	WAIT_FOR(!ftruncate(other, 128 * MIB), 5);
	close(fd);
	close(other);
	CHECK(!umount(POOL));
	donor_kill(&donor, SIGKILL);

	donor_start(&donor, DONOR "--quota 32M");
	pool_mount(WHERE);
	fd = vm_create("vm", 32 * MIB);
	CHECK_ERRNO(ftruncate(fd, 34 * MIB), ENOSPC);
	close(fd);
	donor_kill(&donor, SIGKILL);
}

/* RDMA objects that kernel modules have, as the kernel counts them. */
static unsigned int count_objects(void)
{
	FILE *pipe = popen("rdma resource show qp; rdma resource show cm_id; rdma resource show pd;"
			   "rdma resource show cq", "re");
	unsigned int nr = 0;
	char line[400];

	CHECK(pipe);
	while (fgets(line, sizeof(line), pipe))
		nr += !!strstr(line, "dmem_rdma");
	pclose(pipe);
	return nr;
}

static void test_cycles(void)
{
	unsigned int fds = 0, fds_now, objects;
	struct donor_process donor;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	for (int times = 0; times < 20; times++) {
		pool_mount(WHERE "," DIRECT);
		fd = vm_create("vm", 24 * MIB);
		map = vm_map(fd, 24 * MIB);
		for (uint64_t page = 0; page < 24 * MIB / PAGE; page += 3)
			page_fill(map + page * PAGE, page, 1, 1);
		objects = count_objects();
		CHECK_MSG(objects >= 4, "only %u objects are counted", objects);
		CHECK(!munmap(map, 24 * MIB));
		close(fd);
		CHECK(!umount(POOL));
		objects = count_objects();
		CHECK_MSG(!objects, "%u RDMA objects are left", objects);
		usleep(100000);
		fds_now = donor_fds(&donor);
		if (times == 1)
			fds = fds_now;
		CHECK_MSG(times < 2 || fds_now <= fds, "the donor's descriptors: %u, then %u", fds,
			  fds_now);
	}
	donor_kill(&donor, SIGKILL);
}

/* The device goes while pages are on their way. Its donor's process holds it until it ends. */
static void test_remove(void)
{
	struct donor_process donor;
	pid_t remover;
	char *map;
	int fd, status;

	donor_start(&donor, DONOR);
	pool_mount(WHERE "," DIRECT ",timeout_ms=2000");
	map = pool_file(&fd);
	fill_all(map, 1);
	vm_flush(fd);
	fflush(stdout);
	remover = fork();
	CHECK(remover >= 0);
	if (!remover) {
		execlp("rdma", "rdma", "link", "delete", "dmrx0", NULL);
		_exit(127);
	}
	usleep(500000);
	donor_kill(&donor, SIGKILL);
	CHECK(waitpid(remover, &status, 0) == remover && !status);
	CHECK(!count_objects());
	CHECK(count_lost(map, 1, NULL) >= PAGES / 2);
	CHECK(!munmap(map, SIZE));
	close(fd);
	CHECK(!umount(POOL));
	CHECK(!system("rmmod dmem-rdma && insmod core-kmod/dmem-rdma.ko"));
	CHECK(!system("rdma link add dmrx0 type rxe netdev dmrx0"));
	donor_start(&donor, DONOR);
	pool_mount(WHERE);
	CHECK(!umount(POOL));
	donor_kill(&donor, SIGKILL);
}

/* Traffic over a link that can be disturbed: netem on both its ends. */
static void netem(const char *what)
{
	char command[300];

	snprintf(command, sizeof(command),
		 "for i in 0 1; do tc qdisc replace dev dmrl$i root netem %s || exit 1; done", what);
	CHECK_MSG(!system(command), "tc: %s", what);
}

static void test_link(void)
{
	struct donor_process donor;
	pid_t reader;
	char *map;
	int fd;

	CHECK(!system("tests/vm/rxe.sh pair"));
	donor_start(&donor, DONOR "--listen 10.78.0.2:7471");
	pool_mount("donor=rdma:10.78.0.2," DIRECT);
	map = pool_file(&fd);
	fill_all(map, 1);
	netem("loss 5% delay 1ms reorder 99% 50%");
	verify_all(map, 1);
	fill_all(map, 2);
	netem("delay 0");
	reader = reader_start(map, 2);
	for (int times = 0; times < 2; times++) {
		netem("loss 100%");
		usleep(5000000 * slowness());
		netem("loss 0%");
		usleep(3000000 * slowness());
	}
	CHECK(!system("ip link set dmrl1 down"));
	usleep(5000000 * slowness());
	CHECK(!system("ip link set dmrl1 up && sleep 1 && tests/vm/rxe.sh pair-routes"));
	usleep(3000000 * slowness());
	reader_end(reader);
	verify_all(map, 2);
	CHECK(!vm_get(fd).errors);
	pool_end(map, fd, &donor);
}

#define OTHER		",donor=rdma:" DONOR_ADDRESS ":7472"
#define OTHER_DONOR	DONOR "--listen " DONOR_ADDRESS ":7472 "

/* Regions go to both of two donors: with one of them about half of the pages are lost. */
static void test_stripe(void)
{
	struct donor_process donor, other;
	unsigned int nr;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	donor_start(&other, OTHER_DONOR);
	pool_mount(WHERE OTHER "," DIRECT);
	CHECK_MSG(statfs_total() == 256 * MIB, "%lu bytes", statfs_total());
	map = pool_file(&fd);
	fill_all(map, 1);
	verify_all(map, 1);
	vm_flush(fd);
	donor_kill(&other, SIGKILL);
	donor_start(&other, OTHER_DONOR);
	nr = count_lost(map, 1, NULL);
	CHECK_MSG(nr >= PAGES / 4 && nr <= PAGES / 4 * 3, "%u of %lu pages are lost", nr, PAGES);
	donor_kill(&other, SIGKILL);
	pool_end(map, fd, &donor);
}

/* Either donor may die at any time, if the other has had the time to get its pages. */
static void test_replica(void)
{
	struct donor_process donor, other;
	pid_t reader;
	char *map;
	int fd;

	donor_start(&donor, DONOR);
	donor_start(&other, OTHER_DONOR);
	pool_mount(WHERE OTHER "," DIRECT ",replicas=2");
	CHECK_MSG(statfs_total() == 128 * MIB, "%lu bytes", statfs_total());
	map = pool_file(&fd);
	fill_all(map, 1);
	vm_flush(fd);
	reader = reader_start(map, 1);
	donor_kill(&other, SIGKILL);
	usleep(2000000 * slowness());
	reader_end(reader);
	verify_all(map, 1);
	fill_all(map, 2);
	verify_all(map, 2);
	vm_flush(fd);

	kernel_says(NULL);
	donor_start(&other, OTHER_DONOR);
	WAIT_FOR(kernel_says("have both copies again"), 60);
	donor_kill(&donor, SIGKILL);
	verify_all(map, 2);
	CHECK(!vm_get(fd).errors);
	pool_end(map, fd, &other);
}

/* Spoil what a donor has in its backing: eight bytes of one page in 64. */
static void spoil(const char *dir)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/memory", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK_MSG(fd >= 0, "%s: %s", path, strerror(errno));
	for (off_t at = 0; at < (off_t)SIZE; at += 64 * PAGE)
		CHECK(pwrite(fd, "spoiled!", 8, at + 1000) == 8);
	close(fd);
}

static void test_checksum(void)
{
	struct donor_process donor, other;
	unsigned int nr;
	char *map;
	int fd;

	backing_clear();
	donor_start(&donor, DONOR "--backing " BACKING);
	pool_mount(WHERE "," DIRECT ",checksum=on");
	map = pool_file(&fd);
	fill_all(map, 1);
	vm_flush(fd);
	spoil(BACKING);
	kernel_says(NULL);
	nr = count_lost(map, 1, NULL);
	CHECK_MSG(nr > 0 && nr <= PAGES / 64, "%u pages are wrong", nr);
	CHECK(kernel_says("is not what was written"));
	pool_end(map, fd, &donor);

	backing_clear();
	donor_start(&donor, DONOR "--backing " BACKING);
	donor_start(&other, OTHER_DONOR);
	pool_mount(WHERE OTHER "," DIRECT ",replicas=2");
	map = pool_file(&fd);
	fill_all(map, 1);
	vm_flush(fd);
	spoil(BACKING);
	for (int times = 0; times < 3; times++) {
		verify_all(map, 1);
		vm_flush(fd);
	}
	CHECK(!vm_get(fd).errors);
	donor_kill(&other, SIGKILL);
	pool_end(map, fd, &donor);
}

static const struct test tests[] = {
	{ "rdma_paging", test_paging },
	{ "rdma_release", test_release },
	{ "rdma_backing", test_backing },
	{ "rdma_epoch", test_epoch },
	{ "rdma_stop", test_stop },
	{ "rdma_timeout", test_timeout },
	{ "rdma_auth", test_auth },
	{ "rdma_full", test_full },
	{ "rdma_cycles", test_cycles },
	{ "rdma_stripe", test_stripe },
	{ "rdma_replica", test_replica },
	{ "rdma_checksum", test_checksum },
	{ "rdma_link", test_link },
	{ "rdma_remove", test_remove },
	{}
};

int main(int argc, char **argv)
{
	int failed;

	if (argc > 1)
		return rdma_main(tests, argc, argv);
	/* What modprobe would load before it; newer kernels have the second built in. */
	if (system("modprobe rdma_cm && { modprobe -q libcrc32c || :; } && "
		   "insmod core-kmod/dmem-rdma.ko")) {
		printf("not ok 1 dmem-rdma.ko does not load\n1..1\n");
		return 1;
	}
	failed = rdma_main(tests, argc, argv);
	if (system("rmmod dmem-rdma")) {
		printf("not ok 1 dmem-rdma.ko does not unload\n1..1\n");
		return 1;
	}
	return failed;
}
