// SPDX-License-Identifier: GPL-2.0
/*
 * lines.c - the input of the workload sort: lines of 99 random characters, 25 MiB of them.
 * Writes to standard output. Usage: lines SCALE
 */
#include <stdio.h>

#include "control.h"

#define LINES		262144
#define CHARACTERS		99
#define SEED		5

int main(int argc, char **argv)
{
	uint64_t state = SEED;
	unsigned int lines;

	if (argc != 2)
		control_die("usage: lines SCALE");
	lines = LINES * control_scale(argv[1]);
	while (lines--) {
		char line[CHARACTERS + 1];
		uint64_t chance = 0;

		for (unsigned int i = 0; i < CHARACTERS; i++) {
			if (i % 12 == 0)	/* five bits each */
				chance = next_random(&state);
			line[i] = 'A' + (chance & 31);
			chance >>= 5;
		}
		line[CHARACTERS] = '\n';
		if (fwrite(line, sizeof(line), 1, stdout) != 1)
			control_die("lines: write: %m");
	}
	if (fflush(stdout))
		control_die("lines: write: %m");
	return 0;
}
