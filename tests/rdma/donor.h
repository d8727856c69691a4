/* SPDX-License-Identifier: GPL-2.0 */
/* donor.h - dmem-memnode started, stopped and looked at by a test. */
#ifndef DMEM_TEST_DONOR_H
#define DMEM_TEST_DONOR_H

#include <sys/types.h>

#include "peer.h"

#define DONOR_ADDRESS	"10.77.0.1"
#define DONOR_PORT	7471
#define DONOR_PROGRAM	"out/dmem-memnode"

/** The key of tests, and a file with it. */
extern const uint8_t donor_key[DMEM_WIRE_KEY_BYTES];
#define DONOR_KEY_FILE	"/run/dmem-donor.key"

/** struct donor_process - it dies with the test */
struct donor_process {
	pid_t pid;
	char log[64];			/* its standard error */
};

/**
 * donor_start - and wait until it listens, at DONOR_ADDRESS unless the options say otherwise
 * @donor: takes it
 * @options: separated by blanks; %K is --key-file with donor_key
 */
void donor_start(struct donor_process *donor, const char *options);

/** donor_run - start it with wrong options: what it says, and its exit status */
int donor_run(const char *options, char *said, size_t len);

/** donor_kill - send a signal and wait for its end; the exit status, or -signal */
int donor_kill(struct donor_process *donor, int sig);

/** donor_wait - for its end; the exit status, -signal, or INT_MIN: it does not end */
int donor_wait(struct donor_process *donor, int timeout_ms);

/** donor_said - whether a line of its log has this in it, now or in a second */
bool donor_said(const struct donor_process *donor, const char *text);

/** donor_alive - it has not ended */
bool donor_alive(const struct donor_process *donor);

/** donor_fds - how many descriptors it has open */
unsigned int donor_fds(const struct donor_process *donor);

/**
 * rdma_main - run tests that need an RDMA device, each in a process of its own
 *
 * librdmacm keeps descriptors for as long as a process lives, and a test's runner closes them.
 */
int rdma_main(const struct test *tests, int argc, char **argv);

#endif /* DMEM_TEST_DONOR_H */
