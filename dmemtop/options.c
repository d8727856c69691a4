// SPDX-License-Identifier: GPL-2.0
/* options.c - dmemtop's command line. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view.h"

#define DELAY_DEFAULT_S	2.0

static const char usage_text[] =
	"Usage: dmemtop [OPTIONS]\n"
	"Shows VMs with remote memory: which one hurts, why, and what the tuner does about it.\n"
	"\n"
	"  -d, --delay S         seconds between frames, 0.1 to 3600 (default 2)\n"
	"  -n, --count N         end after N frames\n"
	"  -b, --batch           frames of plain text on standard output\n"
	"      --once            one such frame: totals since the plane was loaded\n"
	"      --json            an object a line for each frame; one to read with --once\n"
	"      --csv             a line for each VM and frame, the names of the columns first\n"
	"  -s, --sort KEY        sort VMs by this column; -s help lists them (default: stall)\n"
	"  -u, --vm NAME         only VMs whose name contains NAME\n"
	"      --no-regions      JSON without the regions\n"
	"      --record FILE     write what is read to FILE, too, which must not be there yet\n"
	"      --replay FILE     show what was recorded; Left and Right go through it\n"
	"      --ascii           no other characters\n"
	"      --no-color        no colours; nor with NO_COLOR set\n"
	"  -h, --help\n"
	"\n"
	"The first frame has totals, all others rates. Keys: F1 or h says which there are.\n";

int top_usage_fail(const char *what, const char *value)
{
	fprintf(stderr, "dmemtop: %s: %s (dmemtop --help)\n", value, what);
	return 2;
}

static int parse_delay(const char *text, struct top_options *options)
{
	char *end;

	options->delay_s = strtod(text, &end);
	if (end == text || *end || !(options->delay_s >= TOP_DELAY_MIN_S &&
				     options->delay_s <= TOP_DELAY_MAX_S))
		return top_usage_fail("not a delay from 0.1 to 3600 seconds", text);
	return 0;
}

static int parse_count(const char *text, struct top_options *options)
{
	char *end;

	errno = 0;
	options->count = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || !options->count)
		return top_usage_fail("not a number of frames from 1 on", text);
	return 0;
}

/* Return: -1 where the keys were listed. */
static int parse_sort(const char *text, struct top_options *options)
{
	int sort = top_find_sort(text);

	if (!strcmp(text, "help")) {
		for (int i = 0; i < TOP_SORTS; i++)
			printf("%-10s %s\n", top_sort_keys[i].name, top_sort_keys[i].what);
		return -1;
	}
	if (sort < 0)
		return top_usage_fail("not a column to sort by: -s help lists them", text);
	options->sort = (enum top_sort)sort;
	return 0;
}

/* What getopt_long() stumbled over. */
static int bad_option(int option, const char *given)
{
	const char letter[] = { '-', (char)optopt, 0 };

	if (strncmp(given, "--", 2))
		given = letter;
	if (option == ':')
		return top_usage_fail("needs an argument", given);
	return top_usage_fail(optopt && given != letter ? "takes no argument" : "unknown option",
			      given);
}

/* What is there more than once does not agree. */
static int check_options(const struct top_options *options, int outputs)
{
	if (outputs > 1)
		return top_usage_fail("excludes another kind of output", "--json or --csv");
	if (options->once && options->count > 1)
		return top_usage_fail("excludes more than one frame (-n)", "--once");
	if (options->record && options->replay)
		return top_usage_fail("excludes --record", "--replay");
	return 0;
}

int top_parse_options(int argc, char **argv, struct top_options *options)
{
	enum { OPT_ONCE = 256, OPT_JSON, OPT_CSV, OPT_NO_REGIONS, OPT_ASCII, OPT_NO_COLOR,
	       OPT_RECORD, OPT_REPLAY };
	static const struct option longs[] = {
		{ "delay", required_argument, NULL, 'd' },
		{ "count", required_argument, NULL, 'n' },
		{ "batch", no_argument, NULL, 'b' },
		{ "once", no_argument, NULL, OPT_ONCE },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "csv", no_argument, NULL, OPT_CSV },
		{ "sort", required_argument, NULL, 's' },
		{ "vm", required_argument, NULL, 'u' },
		{ "no-regions", no_argument, NULL, OPT_NO_REGIONS },
		{ "record", required_argument, NULL, OPT_RECORD },
		{ "replay", required_argument, NULL, OPT_REPLAY },
		{ "ascii", no_argument, NULL, OPT_ASCII },
		{ "no-color", no_argument, NULL, OPT_NO_COLOR },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	bool batch = false, json = false, csv = false;
	const char *no_color = getenv("NO_COLOR");
	int opt, err = 0;

	*options = (struct top_options){ .delay_s = DELAY_DEFAULT_S, .sort = TOP_BY_STALL,
					 .no_colours = no_color && *no_color };
	while (!err && (opt = getopt_long(argc, argv, ":d:n:bs:u:h", longs, NULL)) != -1) {
		switch (opt) {
		case 'd': err = parse_delay(optarg, options); break;
		case 'n': err = parse_count(optarg, options); break;
		case 'b': batch = true; break;
		case 's': err = parse_sort(optarg, options); break;
		case 'u': options->name = optarg; break;
		case OPT_ONCE: options->once = true; break;
		case OPT_JSON: json = true; break;
		case OPT_CSV: csv = true; break;
		case OPT_NO_REGIONS: options->no_regions = true; break;
		case OPT_RECORD: options->record = optarg; break;
		case OPT_REPLAY: options->replay = optarg; break;
		case OPT_ASCII: options->ascii = true; break;
		case OPT_NO_COLOR: options->no_colours = true; break;
		case 'h': fputs(usage_text, stdout); return 1;
		default: err = bad_option(opt, argv[optind - 1]);
		}
	}
	if (!err && optind < argc)
		err = top_usage_fail("not expected", argv[optind]);
	if (!err)
		err = check_options(options, json + csv);
	options->output = json ? TOP_OUTPUT_JSON : csv ? TOP_OUTPUT_CSV :
			  batch || options->once ? TOP_OUTPUT_TEXT : TOP_OUTPUT_SCREEN;
	if (options->once)
		options->count = 1;
	/* The list of columns is all that was asked for. */
	return err < 0 ? 1 : err ? err + 1 : 0;
}
