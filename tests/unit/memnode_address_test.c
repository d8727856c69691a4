// SPDX-License-Identifier: GPL-2.0
/* memnode_address_test.c - addresses, networks and the donor's command line. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memnode/options.h"

static void parse_and_format(const char *text, const char *again)
{
	struct sockaddr_storage address;
	char formatted[ADDRESS_TEXT];

	assert_int_equal(address_parse(text, 7471, &address), 0);
	assert_string_equal(address_format((struct sockaddr *)&address, formatted), again);
}

static void addresses(void **state)
{
	(void)state;
	parse_and_format("10.1.2.3:80", "10.1.2.3:80");
	parse_and_format("10.1.2.3", "10.1.2.3:7471");
	parse_and_format("0.0.0.0:1", "0.0.0.0:1");
	parse_and_format("[fd00::1]:65535", "[fd00::1]:65535");
	parse_and_format("[::]", "[::]:7471");
	parse_and_format("[fe80::1%lo]:7", "[fe80::1%lo]:7");
}

static void no_addresses(void **state)
{
	static const char *const wrong[] = {
		"", ":", ":80", "10.1.2.3:", "10.1.2.3:0", "10.1.2.3:65536", "10.1.2.3:-1",
		"10.1.2.3:8x", "10.1.2.3:+8", "10.1.2", "1", "0x7f.0.0.1", "10.1.2.3:80:80",
		"localhost:80", "fd00::1", "fd00::1:80", "[10.1.2.3]:80", "[fd00::1", "[fd00::1]x",
		"[fd00::1]:", "[]", "[fd00::g]", " 10.1.2.3", "10.1.2.3 ", "10.1.2.3: 80",
		"[fd00::1%nosuch0]:80",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:1]:80",
	};
	struct sockaddr_storage address;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (!address_parse(wrong[i], 7471, &address))
			fail_msg("'%s' is taken for an address", wrong[i]);
	}
	assert_int_equal(address_parse("10.1.2.3", 0, &address), -EINVAL);
}

static bool has(const char *cidr, const char *host)
{
	struct sockaddr_storage address;
	struct network network;

	assert_int_equal(network_parse(cidr, &network), 0);
	assert_int_equal(address_parse(host, 1, &address), 0);
	return network_has(&network, (struct sockaddr *)&address);
}

static void networks(void **state)
{
	(void)state;
	assert_true(has("10.1.0.0/16", "10.1.255.255"));
	assert_false(has("10.1.0.0/16", "10.2.0.0"));
	assert_true(has("10.1.2.128/25", "10.1.2.128"));
	assert_false(has("10.1.2.128/25", "10.1.2.127"));
	assert_true(has("10.1.2.4/30", "10.1.2.7"));
	assert_false(has("10.1.2.4/30", "10.1.2.8"));
	assert_true(has("0.0.0.0/0", "255.1.2.3"));
	assert_true(has("10.1.2.3", "10.1.2.3"));
	assert_false(has("10.1.2.3/32", "10.1.2.2"));
	assert_true(has("fd00::/8", "[fdff::1]"));
	assert_false(has("fd00::/8", "[fe00::1]"));
	assert_true(has("2001:db8::/33", "[2001:db8:7fff::1]"));
	assert_false(has("2001:db8::/33", "[2001:db8:8000::1]"));
	assert_true(has("::/0", "[fe80::1]"));
	assert_true(has("fd00::1", "[fd00::1]"));
	assert_false(has("fd00::1", "[fd00::2]"));
	/* Neither family is in a network of the other, but mapped addresses are what they map. */
	assert_false(has("::/0", "10.1.2.3"));
	assert_false(has("0.0.0.0/0", "[fd00::1]"));
	assert_true(has("10.0.0.0/8", "[::ffff:10.1.2.3]"));
	assert_false(has("::/0", "[::ffff:10.1.2.3]"));
	assert_true(has("::ffff:10.1.2.3", "10.1.2.3"));
}

static void no_networks(void **state)
{
	static const char *const wrong[] = {
		"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10/8",
		"fd00::/129", "[fd00::]/8", "fe80::1%lo/64", "host/8", "::ffff:10.0.0.0/104",
		"10.0.0.0/8/8",
	};
	struct network network;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (network_parse(wrong[i], &network) != -EINVAL)
			fail_msg("'%s' is taken for a network", wrong[i]);
	}
	assert_int_equal(network_parse("10.1.2.3/16", &network), -ERANGE);
	assert_int_equal(network_parse("fd00::1/64", &network), -ERANGE);
	assert_int_equal(network_parse("10.1.2.129/25", &network), -ERANGE);
}

static void own_addresses(void **state)
{
	struct sockaddr_storage address;

	(void)state;
	assert_int_equal(address_parse("127.0.0.1:1", 0, &address), 0);
	assert_true(address_is_own((struct sockaddr *)&address));
	/* TEST-NET-1, 2001:db8: documentation's, so nobody's. */
	assert_int_equal(address_parse("192.0.2.1:1", 0, &address), 0);
	assert_false(address_is_own((struct sockaddr *)&address));
	assert_int_equal(address_parse("[2001:db8::1]:1", 0, &address), 0);
	assert_false(address_is_own((struct sockaddr *)&address));
}

#define ARGUMENTS_MAX	32

static enum options_outcome parse(const char *line, struct options *options,
				  struct dmem_error *error)
{
	static char text[512];
	char *argv[ARGUMENTS_MAX] = { (char *)"dmem-memnode" }, *word;
	enum options_outcome outcome;
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	for (word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	error->text[0] = 0;
	outcome = options_parse(options, argc, argv, error);
	return outcome;
}

static void options_taken(void **state)
{
	struct dmem_error error;
	struct options options;

	(void)state;
	assert_int_equal(parse("--listen 10.0.0.1 --memory 64G", &options, &error), OPTIONS_RUN);
	assert_int_equal(options.memory_bytes, 64ULL << 30);
	assert_int_equal(options.extent_bytes, 64 << 20);
	assert_int_equal(options.quota_bytes, options.memory_bytes);
	assert_int_equal(options.grace_ms, 300000);
	assert_int_equal(options.renew_ms, 1000);
	assert_int_equal(options.data_conns, 16);
	assert_int_equal(options.metrics.ss_family, 0);
	options_free(&options);
	assert_int_equal(parse("--listen [fd00::1]:99 --memory=32G --extent 16G --quota 20G "
			       "--hugepages --device mlx5_0 --allow 10.0.0.0/8 --allow fd00::/8 "
			       "--key-file k --backing d --grace 3 --renew 1000 "
			       "--metrics 127.0.0.1:9471 --data-connections 256",
			       &options, &error), OPTIONS_RUN);
	assert_int_equal(options.nr_allow, 2);
	assert_int_equal(options.allow[1].family, AF_INET6);
	assert_int_equal(options.quota_bytes, 20ULL << 30);
	assert_int_equal(options.data_conns, 256);
	assert_true(options.hugepages);
	assert_string_equal(options.device, "mlx5_0");
	assert_string_equal(options.key_file, "k");
	assert_string_equal(options.backing, "d");
	options_free(&options);
}

static void options_refused(void **state)
{
	static const struct {
		const char *line, *says;
	} wrong[] = {
		{ "", "--listen is needed" },
		{ "--listen 10.0.0.1", "--memory is needed" },
		{ "--listen host --memory 1G", "--listen host: not an address (as 10.0.0.1:7471, [fd00::1])" },
		{ "--listen 10.0.0.1 --memory much", "--memory much: not a size (as 64G, 512M)" },
		{ "--listen 10.0.0.1 --memory 0", "--memory 0: not a size (as 64G, 512M)" },
		{ "--listen 10.0.0.1 --memory 16777216T",
		  "--memory 16777216T: more than 64 bits of bytes" },
		{ "--listen 10.0.0.1 --memory 100M", "--memory 100M: not whole extents of 64M" },
		{ "--listen 10.0.0.1 --memory 1G --extent 1M",
		  "--extent 1M: not a power of two from 2M to 16G" },
		{ "--listen 10.0.0.1 --memory 96M --extent 48M",
		  "--extent 48M: not a power of two from 2M to 16G" },
		{ "--listen 10.0.0.1 --memory 32G --extent 32G",
		  "--extent 32G: not a power of two from 2M to 16G" },
		{ "--listen 10.0.0.1 --memory 1G --quota 1M",
		  "--quota 1M: less than an extent of 64M" },
		{ "--listen 10.0.0.1 --memory 1G --allow 10.0.0.1/8",
		  "--allow 10.0.0.1/8: bits are set after the prefix" },
		{ "--listen 10.0.0.1 --memory 1G --allow all",
		  "--allow all: not a network (as 10.1.0.0/16, fd00::/8)" },
		{ "--listen 10.0.0.1 --memory 1G --grace 0",
		  "--grace 0: not seconds from 1 to 86400" },
		{ "--listen 10.0.0.1 --memory 1G --grace 2",
		  "--grace 2: shorter than 3 times --renew 1000" },
		{ "--listen 10.0.0.1 --memory 1G --renew 99",
		  "--renew 99: not milliseconds from 100 to 60000" },
		{ "--listen 10.0.0.1 --memory 1G --data-connections 257",
		  "--data-connections 257: not a number from 1 to 256" },
		{ "--listen 10.0.0.1 --memory 1G --metrics 127.0.0.1",
		  "--metrics 127.0.0.1: not an address with a port (as 127.0.0.1:9471)" },
		{ "--listen 10.0.0.1 --memory 1G --memory 2G", "--memory is given twice" },
		{ "--listen 10.0.0.1 --memory", "--memory needs a value" },
		{ "--frob", "unknown option --frob" },
		{ "--listen 10.0.0.1 --memory 1G more", "more: not expected" },
	};
	struct dmem_error error;
	struct options options;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(parse(wrong[i].line, &options, &error), OPTIONS_WRONG);
		assert_string_equal(error.text, wrong[i].says);
		options_free(&options);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(no_addresses),
		cmocka_unit_test(networks),
		cmocka_unit_test(no_networks),
		cmocka_unit_test(own_addresses),
		cmocka_unit_test(options_taken),
		cmocka_unit_test(options_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("memnode_address", tests, NULL, NULL);
}
