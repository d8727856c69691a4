/* SPDX-License-Identifier: GPL-2.0 */
/* pool.h - pools on donors of the test's own, on soft-RoCE in the emulated host. */
#ifndef DMEM_TEST_POOL_H
#define DMEM_TEST_POOL_H

#include "donor.h"

#define POOL_SIZE	(32 * MIB)
#define POOL_PAGES	(POOL_SIZE / PAGE)
/* Prefetches much: one READ after another takes its time in an emulated host. */
#define DIRECT		"direct=8M,order=6"
#define WHERE		"donor=rdma:" DONOR_ADDRESS
#define POOL_BACKING	"/run/dmem-pool-backing"
#define DONOR		"--memory 128M --extent 4M --renew 2000 "
/* A second donor beside the first. */
#define OTHER		",donor=rdma:" DONOR_ADDRESS ":7472"
#define OTHER_DONOR	DONOR "--listen " DONOR_ADDRESS ":7472 "
#define THIRD		",donor=rdma:" DONOR_ADDRESS ":7473"
#define THIRD_DONOR	DONOR "--listen " DONOR_ADDRESS ":7473 "

/* Wait until a condition holds; up to so many seconds on a quick machine. */
#define WAIT_FOR(cond, seconds)                                                                    \
	do {                                                                                       \
		double until_ = now_s() + (seconds) * slowness();                                  \
		while (!(cond)) {                                                                  \
			CHECK_MSG(now_s() < until_, "not within %u s: %s", (seconds), #cond);      \
			usleep(20000);                                                             \
		}                                                                                  \
	} while (0)

/** now_s - seconds, monotonic */
double now_s(void);
/** pool_file - a new file of POOL_SIZE, mapped; @fd takes its descriptor */
char *pool_file(int *fd);
/** pool_end - unmap, close, unmount, end the donor, which must still be there */
void pool_end(char *map, int fd, struct donor_process *donor);
/** pool_add_key - a key of type logon in this process's keyring, for key= */
void pool_add_key(const char *name, const void *key, size_t len);
/** fill_all - write every page; @seq tells one time from another */
void fill_all(char *map, uint64_t seq);
/** verify_page - CHECK that a page is what was written with @seq; 0: zero */
void verify_page(const char *map, uint64_t page, uint64_t seq);
/** verify_all - all of them */
void verify_all(const char *map, uint64_t seq);
/** count_lost - how many pages give SIGBUS, and which; the others are verified */
unsigned int count_lost(const char *map, uint64_t seq, bool *lost);
/** reader_start - a process that verifies all pages over and over */
pid_t reader_start(const char *map, uint64_t seq);
/** reader_end - end it; CHECK that it never read anything else, nor got a signal */
void reader_end(pid_t pid);
/** statfs_used - bytes that files have reserved */
uint64_t statfs_used(void);
/** statfs_total - bytes that the pool has */
uint64_t statfs_total(void);
/** kernel_says - is this in the log since kernel_says(NULL)? */
bool kernel_says(const char *text);
/** count_objects - queue pairs and so on that dmem-rdma.ko has, as the kernel counts them */
unsigned int count_objects(void);
/** backing_clear - POOL_BACKING is there and empty */
void backing_clear(void);

/** pool_main - rdma_main() with dmem-rdma.ko loaded before, and unloaded after */
int pool_main(const struct test *tests, int argc, char **argv);

#endif /* DMEM_TEST_POOL_H */
