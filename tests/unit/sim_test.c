// SPDX-License-Identifier: GPL-2.0
/*
 * sim_test.c - the simulated core on patterns whose answers are known: fetches and waits to the
 * page and the nanosecond, replacement as core_replace has it of the real one, and the order in
 * which policies come out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/replay/script.h"
#include "tuner/sim.h"

#define REGION	DMEM_MAP_REGION_PAGES
/* A direct limit whose min watermark leaves room for a whole block of order 9. */
#define ROOMY	32768UL

/* All accesses of a guest, those to mapped pages too: what no recording has. */
struct guest {
	struct stream stream;
	size_t room;
};

static void guest_begin(struct guest *guest, uint64_t size_pages)
{
	struct stream *stream = &guest->stream;

	memset(guest, 0, sizeof(*guest));
	stream->size_bytes = size_pages * 4096;
	stream->nr_regions = size_pages / REGION;
	stream->regions = calloc(stream->nr_regions, sizeof(*stream->regions));
	assert_non_null(stream->regions);
	for (size_t i = 0; i < stream->nr_regions; i++) {
		stream->regions[i].number = (uint32_t)i;
		memset(stream->regions[i].remote, 0xff, sizeof(stream->regions[i].remote));
	}
}

static void guest_touch(struct guest *guest, uint64_t page, bool is_zero)
{
	struct stream *stream = &guest->stream;

	if (stream->nr == guest->room) {
		guest->room = guest->room ? 2 * guest->room : 65536;
		stream->accesses = realloc(stream->accesses,
					   guest->room * sizeof(*stream->accesses));
		assert_non_null(stream->accesses);
	}
	stream->accesses[stream->nr++] = (struct stream_access){
		.think_ns = SCRIPT_THINK_NS,
		.region = (uint32_t)(page / REGION),
		.page = page % REGION,
		.is_zero = is_zero,
	};
	stream->think_ns += SCRIPT_THINK_NS;
}

static void guest_read(struct guest *guest, uint64_t first, uint64_t nr)
{
	for (uint64_t page = first; page < first + nr; page++)
		guest_touch(guest, page, false);
}

static void guest_end(struct guest *guest)
{
	free(guest->stream.accesses);
	free(guest->stream.regions);
}

static const struct model_link link = { .request_ns = 9000, .page_ns = 1000 };

/* Each miss has a kind, each ns a cause. */
static void assert_causes_add_up(const struct sim_result *result)
{
	uint64_t misses = 0, ns = 0;

	for (int kind = 0; kind < SIM_MISS_KINDS; kind++)
		misses += result->misses[kind];
	for (int cause = 0; cause < SIM_CAUSES; cause++)
		ns += result->cause_ns[cause];
	assert_int_equal(misses, result->figures.fetches + result->figures.late);
	assert_int_equal(ns, result->figures.stall_ns);
	assert_int_equal(result->misses[SIM_LATE], result->figures.late);
}

static struct sim_result play(const struct stream *stream, uint64_t limit_pages,
			      enum tune_mode mode, unsigned int order)
{
	struct sim_setup setup = {
		.limit_pages = limit_pages, .link = link, .rule = { mode, order },
		.interval_ns = 50000000,
	};
	struct sim_result result;
	struct dmem_error error;

	assert_int_equal(sim_run(stream, &setup, &result, &error), 0);
	assert_true(limit_pages >= stream->size_bytes / 4096 ||
		    result.most_held_pages <= limit_pages);
	assert_causes_add_up(&result);
	return result;
}

static struct sim_result play_static(const struct stream *stream, uint64_t limit_pages,
				     unsigned int order)
{
	return play(stream, limit_pages, TUNE_STATIC, order);
}

static unsigned int next_random(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

static uint64_t more_than(uint64_t ns, uint64_t other_ns)
{
	return ns > other_ns ? ns - other_ns : 0;
}

static void sequence_to_the_page(void **state)
{
	uint64_t nr = 2 * ROOMY, least = UINT64_MAX;
	struct guest guest;

	(void)state;
	guest_begin(&guest, nr);
	guest_read(&guest, 0, nr);
	for (unsigned int order = 0; order < DMEM_MAP_ORDERS; order++) {
		struct sim_result result = play_static(&guest.stream, ROOMY, order);
		uint64_t blocks = nr >> order, near = order > 4 ? 15 : (1U << order) - 1;
		uint64_t far = order > 6 ? 64 : order > 4 ? (1U << order) - 16 : 0;
		/* A request comes when all of it has: its first page waits for that. */
		uint64_t near_ns = more_than(near * 1000, SCRIPT_THINK_NS);
		uint64_t far_ns = more_than(far * 1000, near * SCRIPT_THINK_NS);

		assert_int_equal(result.figures.fetches, blocks);
		assert_int_equal(result.fetches[order], blocks);
		assert_int_equal(result.figures.fetched_pages, nr);
		assert_int_equal(result.figures.used_pages, nr - blocks);
		assert_int_equal(result.figures.unused_pages, 0);
		assert_int_equal(result.figures.stall_ns, blocks * (10000 + near_ns + far_ns));
		assert_int_equal(result.figures.late, blocks * (!!near_ns + !!far_ns));
		assert_true(result.figures.stall_ns < least);
		least = result.figures.stall_ns;
	}
	guest_end(&guest);
}

/* What a link costs that is quicker than the guest: each block's latency, and nothing else. */
static void without_latency_only_pages_cost(void **state)
{
	struct sim_setup setup = { .limit_pages = ROOMY, .rule = { .mode = TUNE_STATIC },
				   .interval_ns = 1000000 };
	struct sim_result result;
	struct dmem_error error;
	struct guest guest;

	(void)state;
	guest_begin(&guest, 2 * ROOMY);
	guest_read(&guest, 0, 1000);
	assert_int_equal(sim_run(&guest.stream, &setup, &result, &error), 0);
	assert_int_equal(result.figures.fetches, 1000);
	assert_int_equal(result.figures.stall_ns, 0);
	setup.link.page_ns = 700;
	assert_int_equal(sim_run(&guest.stream, &setup, &result, &error), 0);
	assert_int_equal(result.figures.stall_ns, 700 * 1000);
	guest_end(&guest);
}

/* The host asks for what is near while the demanded page is on its way, or longer than that. */
static void the_hosts_work_is_waited_for(void **state)
{
	struct sim_setup setup = { .limit_pages = ROOMY, .link.request_ns = 10000,
				   .rule = { .mode = TUNE_STATIC, .order = 4 },
				   .interval_ns = 1000000 };
	uint64_t blocks = REGION / 16;
	struct sim_result result;
	struct dmem_error error;
	struct guest guest;

	(void)state;
	guest_begin(&guest, 2 * ROOMY);
	for (uint64_t block = 0; block < blocks; block++)
		guest_touch(&guest, 16 * block, false);
	setup.link.host_ns = 500;
	assert_int_equal(sim_run(&guest.stream, &setup, &result, &error), 0);
	assert_int_equal(result.cause_ns[SIM_HOST], 0);
	assert_int_equal(result.cause_ns[SIM_COLD], blocks * 10000);
	setup.link.host_ns = 2000;
	assert_int_equal(sim_run(&guest.stream, &setup, &result, &error), 0);
	assert_int_equal(result.cause_ns[SIM_COLD], blocks * 10000);
	assert_int_equal(result.cause_ns[SIM_HOST], blocks * (15 * 2000 - 10000));
	assert_causes_add_up(&result);
	guest_end(&guest);
}

/* What comes while the guest runs interrupts it; on one CPU the worker's time is its, too. */
static void arrivals_interrupt(void **state)
{
	struct sim_setup setup = { .limit_pages = ROOMY,
				   .link = { .request_ns = 1000, .host_ns = 100 },
				   .rule = { .mode = TUNE_STATIC, .order = 5 },
				   .interval_ns = 1000000 };
	struct sim_result result;
	struct dmem_error error;
	struct guest guest;

	(void)state;
	guest_begin(&guest, 2 * ROOMY);
	for (uint64_t block = 0; block < 10; block++)
		guest_touch(&guest, 32 * block, false);
	guest_touch(&guest, 0, false);
	assert_int_equal(sim_run(&guest.stream, &setup, &result, &error), 0);
	/* Of each block 15 near pages, for longer than one takes, and the arrivals of all 31. */
	assert_int_equal(result.cause_ns[SIM_HOST], 10 * (500 + 2 * 750));
	setup.is_one_cpu = true;
	assert_int_equal(sim_run(&guest.stream, &setup, &result, &error), 0);
	assert_int_equal(result.cause_ns[SIM_HOST], 10 * (500 + 2 * 750 + 16 * 100));
	assert_causes_add_up(&result);
	guest_end(&guest);
}

/*
 * Any page is as good as any other here, so blocks take nothing away from the hit rate, and bring
 * nothing; what they take is the link.
 */
static void random_pages_want_no_blocks(void **state)
{
	unsigned int seed = 1;
	struct guest guest;
	uint64_t single_ns = 0;

	(void)state;
	guest_begin(&guest, 16384);
	for (unsigned int i = 0; i < 100000; i++)
		guest_touch(&guest, next_random(&seed) % 16384, false);
	for (unsigned int order = 0; order < DMEM_MAP_ORDERS; order++) {
		struct sim_result result = play_static(&guest.stream, 4096, order);

		/* A quarter is local, less what is kept free. */
		assert_in_range(result.figures.fetches + result.figures.late, 70000, 80000);
		if (!order)
			single_ns = result.figures.stall_ns;
		assert_true(result.figures.stall_ns >= single_ns / 100 * 99);
		/* From here on they want more of the link than there is. */
		assert_true(order < 5 || result.figures.stall_ns > 2 * single_ns);
	}
	guest_end(&guest);
}

/* Two pages of one block in turn, and between two turns a scan of other memory that evicts them. */
static void pages_of_one_block(void **state)
{
	struct sim_result alone, paired;
	struct guest guest;

	(void)state;
	guest_begin(&guest, 65536);
	for (unsigned int turn = 0; turn < 8; turn++) {
		for (unsigned int i = 0; i < 100; i++)
			guest_touch(&guest, 4 + i % 2, false);
		for (unsigned int i = 0; i < 3840; i++)
			guest_touch(&guest, (1 + 15 * turn) * REGION + 2 * i, false);
	}
	alone = play_static(&guest.stream, 2048, 0);
	paired = play_static(&guest.stream, 2048, 1);
	assert_int_equal(alone.figures.fetches, 8 * (2 + 3840));
	assert_int_equal(alone.figures.hits, 8 * 98);
	assert_int_equal(paired.figures.fetches, 8 * (1 + 3840));
	assert_int_equal(paired.figures.used_pages, 8);
	assert_int_equal(paired.figures.prefetched_pages, 8 * (1 + 3840));
	/* The others were for nothing: those still local at the end are undecided. */
	assert_in_range(paired.figures.unused_pages, 8 * 3840 - 1024, 8 * 3840);
	guest_end(&guest);
}

/*
 * A loop over 3/4 of what may be local, and between its turns pages far apart, a block of order 5
 * each. Fetched alone they take a fifth of the room and the loop stays; the rest of their blocks
 * flushes it. Nothing of that is for want of room: it all would fit.
 */
static void misses_have_their_kinds(void **state)
{
	struct sim_result alone, blocks, scan;
	struct guest guest;
	unsigned int strays = 0;

	(void)state;
	guest_begin(&guest, 65536);
	for (unsigned int turn = 0; turn < 12; turn++) {
		for (unsigned int page = 0; page < 1536; page++) {
			guest_touch(&guest, 32 * page, false);
			/* In the second half of memory: each once. */
			if (page % 48 == 0)
				guest_touch(&guest, 49152 + 32 * strays++, false);
		}
	}
	alone = play_static(&guest.stream, 2304, 0);
	assert_int_equal(alone.misses[SIM_COLD], 1536 + strays);
	assert_int_equal(alone.misses[SIM_WRONG], 0);
	blocks = play_static(&guest.stream, 2304, 5);
	assert_int_equal(blocks.misses[SIM_COLD], alone.misses[SIM_COLD]);
	assert_true(blocks.misses[SIM_WRONG] > 8 * 1536);
	assert_true(blocks.misses[SIM_CAPACITY] < blocks.misses[SIM_WRONG] / 10);
	/* A page comes while the rest of the block before is on the link. */
	assert_true(blocks.cause_ns[SIM_QUEUE] > 0);
	guest_end(&guest);

	/* Twice what fits is missed for want of room alone, whatever came for nothing before. */
	guest_begin(&guest, 4096 + 32 * 512);
	for (unsigned int stray = 0; stray < 512; stray++)
		guest_touch(&guest, 4096 + 32 * stray, false);
	for (unsigned int turn = 0; turn < 5; turn++)
		guest_read(&guest, 0, 4096);
	scan = play_static(&guest.stream, 2048, 5);
	assert_true(scan.figures.unused_pages > 4 * 2048);
	assert_true(scan.misses[SIM_CAPACITY] > 4096 / 32);
	assert_int_equal(scan.misses[SIM_COLD], 512 + 4096 / 32);
	assert_true(scan.misses[SIM_WRONG] < scan.misses[SIM_CAPACITY] / 10);
	guest_end(&guest);
}

static unsigned int hot_misses(const struct guest *before, struct guest *guest, uint64_t nr)
{
	struct sim_result with = play_static(&guest->stream, 16 * REGION, 0);
	struct sim_result without = play_static(&before->stream, 16 * REGION, 0);

	return (unsigned int)(100 * (with.figures.fetches - without.figures.fetches) / nr);
}

/* Misses in per cent of a read of so many regions after all that was before. */
static unsigned int read_regions(struct guest *guest, uint64_t first, uint64_t nr)
{
	struct guest before = *guest;

	guest_read(guest, first * REGION, nr * REGION);
	before.stream.accesses = guest->stream.accesses;
	return hot_misses(&before, guest, nr * REGION);
}

/* tests/selftests/core_replace.c: what it wants of the core is what the simulator does. */
static void hot_regions_survive_a_scan(void **state)
{
	struct guest guest;
	unsigned int last = 0;

	(void)state;
	guest_begin(&guest, (6 + 64 + 32) * REGION);
	for (unsigned int i = 0; i < 48; i++) {
		guest_read(&guest, 0, 6 * REGION);
		guest_read(&guest, (70 + i % 32) * REGION, REGION);
	}
	assert_in_range(read_regions(&guest, 0, 6), 0, 5);
	assert_in_range(read_regions(&guest, 6, 64), 95, 100);
	assert_in_range(read_regions(&guest, 0, 6), 0, 25);
	assert_in_range(read_regions(&guest, 0, 6), 0, 5);
	/* Another hot set takes the place of the first in time. */
	assert_in_range(read_regions(&guest, 6, 12), 90, 100);
	for (unsigned int i = 0; i < 16; i++)
		last = read_regions(&guest, 6, 12);
	assert_in_range(last, 0, 5);
	guest_end(&guest);
}

/* The same test's loop over twice what may be local: part of it is found at each round. */
static void part_of_a_loop_is_kept(void **state)
{
	unsigned int misses = 0;
	struct guest guest;

	(void)state;
	guest_begin(&guest, 32 * REGION);
	for (unsigned int i = 0; i < 12; i++)
		guest_read(&guest, 0, 32 * REGION);
	for (unsigned int i = 0; i < 8; i++)
		misses += read_regions(&guest, 0, 32);
	assert_in_range(misses / 8, 40, 85);
	guest_end(&guest);
}

/* A page that was used since it was unmapped stays, whatever its region's others do. */
static void touched_pages_get_a_second_chance(void **state)
{
	struct guest with, without;
	struct sim_result kept, lost;

	(void)state;
	guest_begin(&with, 64 * REGION);
	guest_begin(&without, 64 * REGION);
	guest_touch(&with, 5, false);
	guest_touch(&without, 5, false);
	/* Ever new regions, in steps too short for page 5 to be evicted between two touches. */
	for (unsigned int page = REGION; page < 64 * REGION; page++) {
		guest_touch(&with, page, false);
		guest_touch(&without, page, false);
		if (page % 64 == 0)
			guest_touch(&with, 5, false);
	}
	guest_touch(&without, 5, false);
	kept = play_static(&with.stream, 2048, 0);
	lost = play_static(&without.stream, 2048, 0);
	/* At first it is alone in the oldest region, which goes as soon as anything must. */
	assert_in_range(kept.figures.fetches, 1 + 63 * REGION, 2 + 63 * REGION);
	assert_true(kept.figures.soft_faults > 0);
	assert_int_equal(lost.figures.fetches, 2 + 63 * REGION);
	guest_end(&with);
	guest_end(&without);
}

/* The smallest limit, the largest blocks, and a link that is slower than the guest. */
static void limits_are_kept(void **state)
{
	unsigned int seed = 3;
	struct guest guest;

	(void)state;
	guest_begin(&guest, 8192);
	for (unsigned int i = 0; i < 50000; i++)
		guest_touch(&guest, i % 3 ? i / 3 % 8192 : next_random(&seed) % 8192, false);
	for (unsigned int order = 0; order < DMEM_MAP_ORDERS; order++) {
		struct sim_result result = play_static(&guest.stream, 64, order);

		assert_true(result.most_held_pages > 32);
		/* What came is still here or went; what was not demanded was used or not. */
		assert_in_range(result.figures.fetched_pages - result.figures.evicted_pages, 0, 64);
		assert_true(result.figures.used_pages + result.figures.unused_pages <=
			    result.figures.prefetched_pages);
	}
	guest_end(&guest);
}

/* All of it may be local: everything comes once, and nothing goes. */
static void all_local_memory_is_not_evicted(void **state)
{
	struct sim_result result;
	struct guest guest;

	(void)state;
	guest_begin(&guest, 4096);
	for (unsigned int turn = 0; turn < 3; turn++)
		guest_read(&guest, 0, 4096);
	result = play_static(&guest.stream, 4096, 0);
	assert_int_equal(result.figures.fetches, 4096);
	assert_int_equal(result.figures.hits, 2 * 4096);
	assert_int_equal(result.figures.evicted_pages, 0);
	guest_end(&guest);
}

/* Pages that are empty are no part of a block; one that is zero again costs no fetch. */
static void empty_pages_are_not_fetched(void **state)
{
	struct sim_result result;
	struct guest guest;

	(void)state;
	guest_begin(&guest, 4096);
	memset(guest.stream.regions[0].remote, 0, sizeof(guest.stream.regions[0].remote));
	guest.stream.regions[0].remote[0] = 0x0f;
	guest_touch(&guest, 0, false);
	guest_touch(&guest, 4, true);
	guest_touch(&guest, 5, false);
	guest_touch(&guest, REGION + 9, true);
	result = play_static(&guest.stream, 1024, 9);
	assert_int_equal(result.figures.fetches, 1);
	assert_int_equal(result.figures.fetched_pages, 4);
	assert_int_equal(result.figures.zero_fills, 2);
	assert_int_equal(result.figures.adopted, 1);
	guest_end(&guest);
}

/* Half of the regions in sequence, half at random, over and over. */
static void make_mixed(struct guest *guest, unsigned int turns)
{
	unsigned int seed = 5;

	guest_begin(guest, 224 * REGION);
	for (unsigned int turn = 0; turn < turns; turn++) {
		for (unsigned int page = 0; page < 32 * REGION; page++) {
			guest_touch(guest, page, false);
			if (page % 4 == 3)
				guest_touch(guest, 32 * REGION +
					    next_random(&seed) % (192 * REGION), false);
		}
	}
}

/* The tuner's own code decides, region by region: better than any order for all. */
static void auto_finds_both_ends(void **state)
{
	struct sim_result best, found;
	struct guest guest;

	(void)state;
	make_mixed(&guest, 60);
	found = play(&guest.stream, 16 * REGION, TUNE_AUTO, 0);
	assert_true(found.decisions >= 32 && found.rounds > 10);
	for (unsigned int order = 0; order < DMEM_MAP_ORDERS; order++) {
		best = play_static(&guest.stream, 16 * REGION, order);
		assert_true(found.figures.stall_ns < best.figures.stall_ns);
		assert_int_equal(best.rounds, 0);
	}
	guest_end(&guest);
}

/* Where half of a block is used it pays, unless each page is much work. */
static void auto_counts_the_hosts_work(void **state)
{
	struct sim_setup setup = { .limit_pages = 16 * REGION, .link = link,
				   .rule = { .mode = TUNE_AUTO }, .interval_ns = 50000000 };
	struct sim_result result;
	struct dmem_error error;
	struct guest guest;

	(void)state;
	guest_begin(&guest, 64 * REGION);
	for (unsigned int turn = 0; turn < 8; turn++)
		for (uint64_t page = 0; page < 64 * REGION; page += 2)
			guest_touch(&guest, page, false);
	assert_int_equal(sim_run(&guest.stream, &setup, &result, &error), 0);
	assert_true(result.decisions >= 32 && result.figures.prefetched_pages > 0);
	setup.link.host_ns = 1000000;
	assert_int_equal(sim_run(&guest.stream, &setup, &result, &error), 0);
	assert_int_equal(result.decisions, 0);
	assert_int_equal(result.figures.prefetched_pages, 0);
	guest_end(&guest);
}

static void buddy_and_off_are_played_too(void **state)
{
	struct sim_result buddy, off, zero;
	struct guest guest;

	(void)state;
	make_mixed(&guest, 4);
	buddy = play(&guest.stream, 16 * REGION, TUNE_BUDDY, 0);
	off = play(&guest.stream, 16 * REGION, TUNE_OFF, 0);
	zero = play_static(&guest.stream, 16 * REGION, 0);
	assert_true(buddy.decisions > 0);
	assert_int_equal(off.decisions, 0);
	assert_int_equal(off.figures.stall_ns, zero.figures.stall_ns);
	assert_true(buddy.figures.stall_ns != zero.figures.stall_ns);
	guest_end(&guest);
}

/* From a file: what was recorded at order 0 is fetched again at order 0, page by page. */
static void order_in_force_is_met(void **state)
{
	struct streams streams;
	struct script script;
	struct sim_result result;
	struct stream *vm;

	(void)state;
	script_begin(&script, 8192, 1024);
	for (unsigned int turn = 0; turn < 2; turn++)
		for (unsigned int page = 0; page < 8192; page++)
			script_fetch(&script, page);
	script_end(&script);
	script_read(&script, &streams);
	vm = streams.vms;
	result = play_static(vm, 1024, 0);
	assert_int_equal(result.figures.fetches, vm->recorded.fetches);
	assert_int_equal(result.figures.fetched_pages, vm->recorded.fetched_pages);
	assert_int_equal(result.figures.stall_ns, vm->recorded.stall_ns);
	assert_int_equal(result.figures.fetches, 2 * 8192);
	result = play_static(vm, 1024, 4);
	assert_int_equal(result.figures.fetches, 2 * 8192 / 16);
	assert_int_equal(result.figures.used_pages, 2 * 8192 / 16 * 15);
	streams_free(&streams);
	script_remove(&script);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequence_to_the_page),
		cmocka_unit_test(without_latency_only_pages_cost),
		cmocka_unit_test(the_hosts_work_is_waited_for),
		cmocka_unit_test(arrivals_interrupt),
		cmocka_unit_test(random_pages_want_no_blocks),
		cmocka_unit_test(pages_of_one_block),
		cmocka_unit_test(misses_have_their_kinds),
		cmocka_unit_test(hot_regions_survive_a_scan),
		cmocka_unit_test(part_of_a_loop_is_kept),
		cmocka_unit_test(touched_pages_get_a_second_chance),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(all_local_memory_is_not_evicted),
		cmocka_unit_test(empty_pages_are_not_fetched),
		cmocka_unit_test(auto_finds_both_ends),
		cmocka_unit_test(auto_counts_the_hosts_work),
		cmocka_unit_test(buddy_and_off_are_played_too),
		cmocka_unit_test(order_in_force_is_met),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
