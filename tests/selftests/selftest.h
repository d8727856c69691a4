/* SPDX-License-Identifier: GPL-2.0 */
/*
 * selftest.h - what the selftests in C share: TAP lines, checks that say what they saw, a pool
 * to test in.
 *
 * A test is a function of no argument that returns normally when it passed; CHECK() ends it.
 */
#ifndef DMEM_SELFTEST_H
#define DMEM_SELFTEST_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "uapi/dmem.h"

#define PAGE 4096UL
#define MIB (1UL << 20)
#define POOL "/run/dmem-test"

struct test {
	const char *name;
	void (*run)(void);
};

enum { TEST_FAILED = 1, TEST_SKIPPED };

extern jmp_buf test_failed;
extern char test_reason[512];

#define CHECK_MSG(cond, ...)                                                                       \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			int n_ = snprintf(test_reason, sizeof(test_reason), "%s:%d: ", __FILE__,   \
					  __LINE__);                                               \
			snprintf(test_reason + n_, sizeof(test_reason) - n_, __VA_ARGS__);         \
			longjmp(test_failed, TEST_FAILED);                                         \
		}                                                                                  \
	} while (0)
#define CHECK(cond) CHECK_MSG(cond, "%s (errno %d)", #cond, errno)
/* Ends the test, which neither passed nor failed. */
#define SKIP(...)                                                                                  \
	do {                                                                                       \
		snprintf(test_reason, sizeof(test_reason), __VA_ARGS__);                           \
		longjmp(test_failed, TEST_SKIPPED);                                                \
	} while (0)
/* The call must fail, and with this errno. */
#define CHECK_ERRNO(call, err)                                                                     \
	do {                                                                                       \
		errno = 0;                                                                         \
		long r_ = (long)(call);                                                            \
		CHECK_MSG(r_ == -1 && errno == (err), "%s: got %ld, errno %d (%s), not errno %d",  \
			  #call, r_, errno, strerror(errno), (err));                               \
	} while (0)

/* The pool at POOL, mounted with these options; unmounted when the test ends. */
void pool_mount(const char *options);
int pool_try_mount(const char *options);
/* A VM memory in it, open for reading and writing. */
int vm_create(const char *name, off_t bytes);
void *vm_map(int fd, size_t bytes);
struct dmem_vm_get vm_get(int fd);
void vm_set_limit(int fd, uint64_t bytes);
void vm_set_order(int fd, unsigned int order);
struct dmem_vm_flush vm_flush(int fd);

/* The module under test: how many use it, or -1 where it is not loaded. */
int module_references(void);
/* 0, or -1 with errno; unload_soon() tries until its last user has gone, too. */
int module_unload(void);
void unload_soon(void);
int module_load(void);

/* How many times longer than usual things may take here: DMEM_SLOW, as host.sh sets it. */
unsigned int slowness(void);

int run_tests(const struct test *tests, int argc, char **argv);

#endif /* DMEM_SELFTEST_H */
