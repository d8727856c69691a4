/* SPDX-License-Identifier: GPL-2.0 */
/* options.h - the command line, checked. */
#ifndef MEMNODE_OPTIONS_H
#define MEMNODE_OPTIONS_H

#include "address.h"
#include "error.h"
#include "wire_check.h"

#define MEMNODE_VERSION	"0.1"

struct options {
	struct sockaddr_storage listen;
	struct sockaddr_storage metrics;	/* family 0: none */
	uint64_t memory_bytes;
	uint64_t extent_bytes;
	uint64_t quota_bytes;			/* per client; as much as there is: no quota */
	bool hugepages;
	const char *device;			/* NULL: any */
	struct network *allow;
	unsigned int nr_allow;			/* 0: anybody */
	const char *key_file;			/* NULL: none */
	const char *backing;			/* NULL: none */
	uint32_t grace_ms;
	uint32_t renew_ms;
	uint16_t data_conns;
};

enum options_outcome { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_WRONG };

/**
 * options_parse - the command line
 * @options: takes it; options_free()
 * @argc: of main()
 * @argv: likewise; texts stay there
 * @error: takes the reason
 *
 * Return: OPTIONS_DONE where help or version was asked for and printed.
 */
enum options_outcome options_parse(struct options *options, int argc, char **argv,
				   struct dmem_error *error);
void options_free(struct options *options);

#endif /* MEMNODE_OPTIONS_H */
