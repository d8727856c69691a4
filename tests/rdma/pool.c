// SPDX-License-Identifier: GPL-2.0
/* pool.c - pools on donors of the test's own: files in them, their pages, who reads them. */
#include <linux/keyctl.h>
#include <setjmp.h>
#include <sys/klog.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../pages.h"
#include "pool.h"

static sigjmp_buf bus_jump;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(bus_jump, 1);
}

double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

char *pool_file(int *fd)
{
	*fd = vm_create("vm", POOL_SIZE);
	return vm_map(*fd, POOL_SIZE);
}

void pool_end(char *map, int fd, struct donor_process *donor)
{
	CHECK(!munmap(map, POOL_SIZE));
	close(fd);
	CHECK_MSG(!umount(POOL), "umount: %s", strerror(errno));
	CHECK(donor_alive(donor));
	donor_kill(donor, SIGKILL);
}

void pool_add_key(const char *name, const void *key, size_t len)
{
	CHECK(syscall(SYS_add_key, "logon", name, key, len, KEY_SPEC_PROCESS_KEYRING) >= 0);
}

void fill_all(char *map, uint64_t seq)
{
	for (uint64_t page = 0; page < POOL_PAGES; page++)
		page_fill(map + page * PAGE, page, 1, seq);
}

void verify_page(const char *map, uint64_t page, uint64_t seq)
{
	char why[200];

	CHECK_MSG(page_verify(map + page * PAGE, page, 1, seq, why, sizeof(why)), "%s", why);
}

void verify_all(const char *map, uint64_t seq)
{
	for (uint64_t page = 0; page < POOL_PAGES; page++)
		verify_page(map, page, seq);
}

unsigned int count_lost(const char *map, uint64_t seq, bool *lost)
{
	volatile unsigned int nr = 0;

	signal(SIGBUS, on_bus);
	for (volatile uint64_t page = 0; page < POOL_PAGES; page++) {
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

	for (uint64_t page = 0;; page = (page + 1) % POOL_PAGES) {
		if (!page_verify(map + page * PAGE, page, 1, seq, why, sizeof(why))) {
			printf("# reader: %s\n", why);
			fflush(stdout);
			_exit(1);
		}
	}
}

pid_t reader_start(const char *map, uint64_t seq)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		/* A test that has failed must not leave it with the pool. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		read_on(map, seq);
	}
	return pid;
}

void reader_end(pid_t pid)
{
	int status;

	CHECK_MSG(!waitpid(pid, &status, WNOHANG), "the reader has ended by itself: %#x", status);
	CHECK(!kill(pid, SIGTERM));
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_MSG(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "the reader: %#x", status);
}

uint64_t statfs_used(void)
{
	struct statfs fs;

	CHECK(!statfs(POOL, &fs));
	return (fs.f_blocks - fs.f_bfree) * fs.f_bsize;
}

uint64_t statfs_total(void)
{
	struct statfs fs;

	CHECK(!statfs(POOL, &fs));
	return fs.f_blocks * fs.f_bsize;
}

bool kernel_says(const char *text)
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

unsigned int count_objects(void)
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

void backing_clear(void)
{
	CHECK(!system("rm -rf " POOL_BACKING " && mkdir -m 0700 " POOL_BACKING));
}

int pool_main(const struct test *tests, int argc, char **argv)
{
	int failed;

	if (argc > 1)
		return rdma_main(tests, argc, argv);
	/* What modprobe would load before it, where that is not built in. */
	if (system("modprobe -q rdma_cm; modprobe -q libcrc32c; insmod core-kmod/dmem-rdma.ko")) {
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
