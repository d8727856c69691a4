// SPDX-License-Identifier: GPL-2.0
/*
 * timed.c - runs a command once to warm up and once timed: the workloads gcc and sort.
 *
 * Both runs do the same from the start, so the second finds the program, its libraries and its
 * input in memory. Prints the time only: init adds the checksum of what the command made.
 * Usage: timed NAME COMMAND [ARGUMENT...]
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"

static void run_command(char **argv)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		control_die("fork: %m");
	if (!child) {
		execvp(argv[0], argv);
		control_die("%s: %m", argv[0]);
	}
	if (waitpid(child, &status, 0) != child)
		control_die("waitpid: %m");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		control_die("%s failed with wait status %#x", argv[0], status);
}

int main(int argc, char **argv)
{
	uint64_t start_ns, end_ns;

	if (argc < 3)
		control_die("usage: timed NAME COMMAND [ARGUMENT...]");
	control_loaded(argv[1]);
	run_command(argv + 2);
	start_ns = control_start(argv[1]);
	run_command(argv + 2);
	end_ns = control_now_ns();
	printf("ns=%llu\n", (unsigned long long)(end_ns - start_ns));
	return 0;
}
