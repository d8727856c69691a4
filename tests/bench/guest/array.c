// SPDX-License-Identifier: GPL-2.0
/*
 * array.c - the workloads stream and random: two arrays of 40 MiB.
 *
 * stream reads one array and updates the other from end to end, so half of its pages are dirty.
 * random takes pages in uniform random order, digests each, and writes to every other one.
 * Usage: array stream|random SCALE
 */
#include <string.h>

#include "control.h"

#define PAGE_BYTES	4096
#define PAGE_WORDS	(PAGE_BYTES / sizeof(uint64_t))
#define ARRAY_WORDS	((40u << 20) / sizeof(uint64_t))
#define STREAM_PASSES	4
/*
 * Few, because half of them miss at 50 % whatever the policy, and a miss with 2 MiB blocks moves
 * 512 pages: more of them would cost that policy's boot most of its time.
 */
#define RANDOM_VISITS	8192
#define SEED		1

struct arrays {
	uint64_t *source, *target;
	size_t words;		/* of each */
};

static void stream_pass(struct arrays *arrays)
{
	const uint64_t *source = arrays->source;
	uint64_t *target = arrays->target;

	for (size_t i = 0; i < arrays->words; i++)
		target[i] = mix64(target[i] + source[i]);
}

static uint64_t random_visit(struct arrays *arrays, uint64_t *state)
{
	size_t pages = arrays->words / PAGE_WORDS;
	uint32_t page = random_below(state, 2 * pages);
	uint64_t *words = page < pages ? arrays->source + page * PAGE_WORDS :
		arrays->target + (page - pages) * PAGE_WORDS;
	uint64_t digest = control_hash(page, words, PAGE_BYTES);

	if (digest & 1)
		words[digest % PAGE_WORDS] = digest;
	return digest;
}

static uint64_t random_visits(struct arrays *arrays, uint64_t *state, unsigned int visits)
{
	uint64_t checksum = 0;

	while (visits--)
		checksum = mix64(checksum + random_visit(arrays, state));
	return checksum;
}

static void run_stream(struct arrays *arrays)
{
	uint64_t start_ns, end_ns, checksum;

	control_loaded("stream");
	stream_pass(arrays);
	start_ns = control_start("stream");
	for (unsigned int pass = 0; pass < STREAM_PASSES; pass++)
		stream_pass(arrays);
	end_ns = control_now_ns();
	checksum = control_hash(0, arrays->target, arrays->words * sizeof(uint64_t));
	control_result(end_ns - start_ns, checksum);
}

static void run_random(struct arrays *arrays, unsigned int scale)
{
	uint64_t start_ns, end_ns, state = SEED, checksum;

	control_loaded("random");
	random_visits(arrays, &state, RANDOM_VISITS / 8);
	start_ns = control_start("random");
	checksum = random_visits(arrays, &state, scale * RANDOM_VISITS);
	end_ns = control_now_ns();
	control_result(end_ns - start_ns, checksum);
}

int main(int argc, char **argv)
{
	struct arrays arrays;
	unsigned int scale;

	if (argc != 3)
		control_die("usage: array stream|random SCALE");
	scale = control_scale(argv[2]);
	arrays.words = (size_t)scale * ARRAY_WORDS;
	arrays.source = control_alloc(arrays.words, sizeof(uint64_t));
	arrays.target = control_alloc(arrays.words, sizeof(uint64_t));
	for (size_t i = 0; i < arrays.words; i++) {
		arrays.source[i] = mix64(i);
		arrays.target[i] = i;
	}

	if (!strcmp(argv[1], "stream"))
		run_stream(&arrays);
	else if (!strcmp(argv[1], "random"))
		run_random(&arrays, scale);
	else
		control_die("array: no workload %s", argv[1]);
	return 0;
}
