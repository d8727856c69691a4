// SPDX-License-Identifier: GPL-2.0
/* options.c - the command line: every value in its range, every two that must fit, fitting. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "units.h"

#define EXTENT_DEFAULT		(64ULL << 20)
#define GRACE_DEFAULT_MS	300000
#define RENEW_DEFAULT_MS	1000
/* What a client asks for on a large host: one for fetches per CPU, at most 8, and 2 to write. */
#define DATA_CONNS_DEFAULT	16

enum {
	LISTEN = 256, MEMORY, EXTENT, QUOTA, HUGEPAGES, DEVICE, ALLOW, KEY_FILE, BACKING, GRACE,
	RENEW, METRICS, DATA_CONNS, HELP, VERSION,
};

static const struct option longs[] = {
	{ "listen", required_argument, NULL, LISTEN },
	{ "memory", required_argument, NULL, MEMORY },
	{ "extent", required_argument, NULL, EXTENT },
	{ "quota", required_argument, NULL, QUOTA },
	{ "hugepages", no_argument, NULL, HUGEPAGES },
	{ "device", required_argument, NULL, DEVICE },
	{ "allow", required_argument, NULL, ALLOW },
	{ "key-file", required_argument, NULL, KEY_FILE },
	{ "backing", required_argument, NULL, BACKING },
	{ "grace", required_argument, NULL, GRACE },
	{ "renew", required_argument, NULL, RENEW },
	{ "metrics", required_argument, NULL, METRICS },
	{ "data-connections", required_argument, NULL, DATA_CONNS },
	{ "help", no_argument, NULL, HELP },
	{ "version", no_argument, NULL, VERSION },
	{}
};

static const char usage_text[] =
	"Usage: dmem-memnode --listen ADDR[:PORT] --memory SIZE [OPTIONS]\n"
	"Lends this host's memory to dmem pools on other hosts, by RDMA.\n"
	"\n"
	"  --listen ADDR[:PORT]     where clients connect; of an RDMA interface, or 0.0.0.0, [::]\n"
	"                           (port 7471 unless given)\n"
	"  --memory SIZE            how much to lend, whole extents (64G)\n"
	"  --extent SIZE            what is lent at once: a power of two, 2M to 16G (default 64M)\n"
	"  --quota SIZE             the most that one client gets (default: all)\n"
	"  --hugepages              memory in huge pages, which must be reserved\n"
	"  --device DEV             by this RDMA device alone (mlx5_0)\n"
	"  --allow CIDR             clients may have an address in it; repeat for more\n"
	"                           (default: any)\n"
	"  --key-file FILE          64 hexadecimal digits, mode 0600; clients prove that they have\n"
	"                           them too. Without: clients on this host alone\n"
	"  --backing DIR            keep memory and leases in a directory on tmpfs or hugetlbfs:\n"
	"                           they outlive the daemon\n"
	"  --grace SECONDS          leases outlive their session by this (default 300)\n"
	"  --renew MS               clients say at least this often that they live (default 1000)\n"
	"  --metrics ADDR:PORT      OpenMetrics over HTTP\n"
	"  --data-connections N     of one client, 1 to 256 (default 16)\n"
	"  --help, --version\n"
	"\n"
	"SIGTERM: lend nothing new, end when all is given back or after the grace time; a second\n"
	"one, or SIGINT: end now. With --backing, what is lent is there again at the next start.\n";

/* A size in whole bytes, of which the message is the same for all options. */
static int parse_size(const char *name, const char *text, uint64_t *bytes,
		      struct dmem_error *error)
{
	int err = dmem_parse_bytes(text, bytes);

	if (err || !*bytes)
		return dmem_fail(error, EINVAL, "--%s %s: %s", name, text, err == -ERANGE ?
				 "more than 64 bits of bytes" : "not a size (as 64G, 512M)");
	return 0;
}

static int parse_count(const char *name, const char *text, const char *of, unsigned long least,
		       unsigned long most, unsigned long *count, struct dmem_error *error)
{
	char *end;

	errno = 0;
	*count = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || errno || *end || *count < least || *count > most)
		return dmem_fail(error, EINVAL, "--%s %s: not %s from %lu to %lu", name, text, of,
				 least, most);
	return 0;
}

static int parse_allow(const char *text, struct options *options, struct dmem_error *error)
{
	struct network *more = reallocarray(options->allow, options->nr_allow + 1, sizeof(*more));
	int err;

	if (!more)
		return dmem_fail(error, ENOMEM, "--allow %s: no memory", text);
	options->allow = more;
	err = network_parse(text, &more[options->nr_allow]);
	if (err)
		return dmem_fail(error, err, "--allow %s: %s", text, err == -ERANGE ?
				 "bits are set after the prefix" :
				 "not a network (as 10.1.0.0/16, fd00::/8)");
	options->nr_allow++;
	return 0;
}

static int parse_listen(const char *text, struct options *options, struct dmem_error *error)
{
	return address_parse(text, DMEM_WIRE_PORT, &options->listen) ?
	       dmem_fail(error, EINVAL, "--listen %s: not an address (as 10.0.0.1:7471, [fd00::1])",
			 text) : 0;
}

static int parse_metrics(const char *text, struct options *options, struct dmem_error *error)
{
	return address_parse(text, 0, &options->metrics) ?
	       dmem_fail(error, EINVAL, "--metrics %s: not an address with a port (as 127.0.0.1:9471)",
			 text) : 0;
}

static int parse_one(int option, struct options *options, struct dmem_error *error)
{
	unsigned long count = 0;
	int err;

	switch (option) {
	case LISTEN:
		return parse_listen(optarg, options, error);
	case METRICS:
		return parse_metrics(optarg, options, error);
	case MEMORY:
		return parse_size("memory", optarg, &options->memory_bytes, error);
	case EXTENT:
		return parse_size("extent", optarg, &options->extent_bytes, error);
	case QUOTA:
		return parse_size("quota", optarg, &options->quota_bytes, error);
	case ALLOW:
		return parse_allow(optarg, options, error);
	case GRACE:
		err = parse_count("grace", optarg, "seconds", 1, DMEM_WIRE_GRACE_MS_MAX / 1000,
				  &count, error);
		options->grace_ms = count * 1000;
		return err;
	case RENEW:
		err = parse_count("renew", optarg, "milliseconds", DMEM_WIRE_RENEW_MS_MIN,
				  DMEM_WIRE_RENEW_MS_MAX, &count, error);
		options->renew_ms = count;
		return err;
	default:
		err = parse_count("data-connections", optarg, "a number", 1,
				  DMEM_WIRE_DATA_CONNS_MAX, &count, error);
		options->data_conns = count;
		return err;
	}
}

static const char *size_text(char text[DMEM_UNITS_LEN], uint64_t bytes)
{
	return dmem_format_size(text, DMEM_UNITS_LEN, bytes);
}

/* What no option can know alone. */
static int check(struct options *options, struct dmem_error *error)
{
	char one[DMEM_UNITS_LEN], other[DMEM_UNITS_LEN];

	if (!options->listen.ss_family)
		return dmem_fail(error, EINVAL, "--listen is needed");
	if (!options->memory_bytes)
		return dmem_fail(error, EINVAL, "--memory is needed");
	if (!dmem_wire_is_extent_size(options->extent_bytes))
		return dmem_fail(error, EINVAL, "--extent %s: not a power of two from 2M to 16G",
				 size_text(one, options->extent_bytes));
	if (options->memory_bytes % options->extent_bytes)
		return dmem_fail(error, EINVAL, "--memory %s: not whole extents of %s",
				 size_text(one, options->memory_bytes),
				 size_text(other, options->extent_bytes));
	if (options->memory_bytes / options->extent_bytes > UINT32_MAX)
		return dmem_fail(error, EINVAL, "--memory %s: too many extents of %s",
				 size_text(one, options->memory_bytes),
				 size_text(other, options->extent_bytes));
	if (!options->quota_bytes)
		options->quota_bytes = options->memory_bytes;
	if (options->quota_bytes < options->extent_bytes)
		return dmem_fail(error, EINVAL, "--quota %s: less than an extent of %s",
				 size_text(one, options->quota_bytes),
				 size_text(other, options->extent_bytes));
	if (options->grace_ms < DMEM_WIRE_RENEW_MISSES * options->renew_ms)
		return dmem_fail(error, EINVAL, "--grace %u: shorter than %d times --renew %u",
				 options->grace_ms / 1000, DMEM_WIRE_RENEW_MISSES,
				 options->renew_ms);
	return 0;
}

static int parse_all(struct options *options, int argc, char **argv, struct dmem_error *error)
{
	unsigned int seen = 0;
	int option, index, err;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", longs, &index)) != -1) {
		if (option == ':')
			return dmem_fail(error, EINVAL, "%s needs a value", argv[optind - 1]);
		if (option == '?')
			return dmem_fail(error, EINVAL, "unknown option %s", argv[optind - 1]);
		if (option == HELP || option == VERSION)
			return option;
		if (option != ALLOW && seen & 1U << (option - LISTEN))
			return dmem_fail(error, EINVAL, "--%s is given twice", longs[index].name);
		seen |= 1U << (option - LISTEN);
		if (option == HUGEPAGES)
			options->hugepages = true;
		else if (option == DEVICE)
			options->device = optarg;
		else if (option == KEY_FILE)
			options->key_file = optarg;
		else if (option == BACKING)
			options->backing = optarg;
		else if ((err = parse_one(option, options, error)))
			return err;
	}
	if (optind < argc)
		return dmem_fail(error, EINVAL, "%s: not expected", argv[optind]);
	return 0;
}

enum options_outcome options_parse(struct options *options, int argc, char **argv,
				   struct dmem_error *error)
{
	int outcome;

	*options = (struct options){
		.extent_bytes = EXTENT_DEFAULT,
		.grace_ms = GRACE_DEFAULT_MS,
		.renew_ms = RENEW_DEFAULT_MS,
		.data_conns = DATA_CONNS_DEFAULT,
	};
	optind = 0;
	outcome = parse_all(options, argc, argv, error);
	if (outcome == HELP)
		fputs(usage_text, stdout);
	else if (outcome == VERSION)
		printf("dmem-memnode %s, wire protocol %d\n", MEMNODE_VERSION, DMEM_WIRE_VERSION);
	if (outcome > 0)
		return OPTIONS_DONE;
	return outcome || check(options, error) ? OPTIONS_WRONG : OPTIONS_RUN;
}

void options_free(struct options *options)
{
	free(options->allow);
	options->allow = NULL;
}
