// SPDX-License-Identifier: GPL-2.0
/*
 * qemu.c - reads a QEMU command line as far as memory goes: how much the guest gets, and what there
 * is of backends already. No I/O.
 */
#include <stdlib.h>
#include <string.h>

#include "dmemctl.h"
#include "units.h"

#define MIB	(1ULL << 20)

/* What is inside run's own arguments, or ends QEMU's first process while the guest lives. */
static const struct {
	const char *option;
	const char *part;	/* in its argument; NULL: whatever that is */
	const char *why;
} conflicts[] = {
	{ "machine", "memory-backend=", "the guest's memory has a backend already" },
	{ "M", "memory-backend=", "the guest's memory has a backend already" },
	{ "mem-path", NULL, "the guest's memory has a file already" },
	{ "numa", NULL, "each node needs a backend of its own: write them yourself" },
	{ "daemonize", NULL, "the end of the guest would not be seen" },
};

/* "size=4G,slots=2" or "4G,slots=2" or "4096": MiB where there is no unit. 0 for what is none. */
static uint64_t parse_memory(const char *text)
{
	const char *size = strstr(text, "size=");
	bool is_named = size && (size == text || size[-1] == ',');
	const char *from = is_named ? size + strlen("size=") : text;
	char *number = need(strndup(from, strcspn(from, ",")));
	uint64_t bytes;

	if (dmem_parse_bytes(number, &bytes))
		bytes = 0;
	else if (!number[strspn(number, "0123456789")])
		bytes = bytes > UINT64_MAX / MIB ? 0 : bytes * MIB;
	free(number);
	return bytes;
}

static void look_for_conflict(const char *option, const char *argument, struct qemu_memory *memory)
{
	for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++) {
		if (strcmp(option, conflicts[i].option))
			continue;
		if (conflicts[i].part && !(argument && strstr(argument, conflicts[i].part)))
			continue;
		memory->conflict = conflicts[i].option;
		memory->why = conflicts[i].why;
	}
}

void qemu_parse(char **argv, struct qemu_memory *memory)
{
	*memory = (struct qemu_memory){};
	for (int i = 1; argv[0] && argv[i]; i++) {
		const char *option = argv[i];

		/* QEMU takes one dash or two. */
		if (option[0] != '-')
			continue;
		option += option[1] == '-' ? 2 : 1;
		look_for_conflict(option, argv[i + 1], memory);
		if (!strcmp(option, "m") && argv[i + 1])
			memory->size_bytes = parse_memory(argv[++i]);
	}
}
