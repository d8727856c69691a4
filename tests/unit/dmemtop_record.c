// SPDX-License-Identifier: GPL-2.0
/*
 * dmemtop_record.c - recordings: what is written is read, a file that was cut loses its last frame
 * alone, one that is foreign or damaged is refused with a reason, and an older one is still read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dmemtop/record.h"
#include "tests/top/synth.h"

#define FRAMES	3

static const struct synth_host host = { .vms = 4, .size_bytes = 1ULL << 30, .tuner = true,
					.pools = 2 };
static char path[64];

static int set_up(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/dmemtop-record-%d", getpid());
	unlink(path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void write_recording(const struct synth_host *of, unsigned int frames)
{
	struct top_recorder *recorder;
	struct dmem_error error;

	unlink(path);
	assert_int_equal(top_record_open(&recorder, path, &error), 0);
	for (unsigned int tick = 1; tick <= frames; tick++) {
		struct top_sample sample;

		synth_sample(&sample, of, tick, of->vms ? 101 : 0);
		assert_int_equal(top_record_write(recorder, &sample, &error), 0);
		top_sample_free(&sample);
	}
	top_record_close(recorder);
}

static char *slurp(size_t *len)
{
	FILE *file = fopen(path, "re");
	char *bytes = malloc(1 << 20);

	assert_non_null(file);
	assert_non_null(bytes);
	*len = fread(bytes, 1, 1 << 20, file);
	fclose(file);
	return bytes;
}

static void spill(const char *bytes, size_t len)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static void check_equal(const struct top_sample *read, const struct top_sample *written)
{
	assert_int_equal(read->time_ns, written->time_ns);
	assert_int_equal(read->unix_ns, written->unix_ns);
	assert_int_equal(read->epoch, written->epoch);
	assert_int_equal(read->plane_id, written->plane_id);
	assert_memory_equal(&read->stats, &written->stats, sizeof(read->stats));
	assert_int_equal(read->nr_vms, written->nr_vms);
	assert_memory_equal(read->vms, written->vms, read->nr_vms * sizeof(*read->vms));
	assert_int_equal(read->nr_latencies, written->nr_latencies);
	assert_memory_equal(read->latencies, written->latencies,
			    read->nr_latencies * sizeof(*read->latencies));
	assert_int_equal(read->nr_donors, written->nr_donors);
	assert_memory_equal(read->donors, written->donors, read->nr_donors * sizeof(*read->donors));
	assert_memory_equal(&read->tuner, &written->tuner, sizeof(read->tuner));
	assert_int_equal(read->map.vm, written->map.vm);
	assert_int_equal(read->map.span_ns, written->map.span_ns);
	assert_memory_equal(&read->map.window, &written->map.window, sizeof(read->map.window));
	assert_int_equal(read->map.nr_bins, written->map.nr_bins);
	assert_memory_equal(read->map.bins, written->map.bins,
			    read->map.nr_bins * sizeof(*read->map.bins));
	assert_int_equal(read->has_spot, written->has_spot);
	assert_memory_equal(&read->spot.value, &written->spot.value, sizeof(read->spot.value));
	assert_int_equal(read->spot.decided, written->spot.decided);
	assert_int_equal(read->spot.order.asked, written->spot.order.asked);
}

static void check_frame(struct top_replay *replay, const struct synth_host *of, size_t frame)
{
	struct top_sample read, written;
	struct dmem_error error;

	assert_int_equal(top_replay_read(replay, frame, &read, &error), 0);
	synth_sample(&written, of, (unsigned int)frame + 1, of->vms ? 101 : 0);
	check_equal(&read, &written);
	top_sample_free(&read);
	top_sample_free(&written);
}

/* In any order. */
static void test_round_trip(void **state)
{
	static const struct synth_host empty;
	struct top_replay *replay;
	struct dmem_error error;

	(void)state;
	write_recording(&host, FRAMES);
	assert_int_equal(top_replay_open(&replay, path, &error), 0);
	assert_int_equal(top_replay_frames(replay), FRAMES);
	assert_false(top_replay_is_cut(replay));
	check_frame(replay, &host, 2);
	check_frame(replay, &host, 0);
	check_frame(replay, &host, 1);
	top_replay_close(replay);
	write_recording(&empty, 1);
	assert_int_equal(top_replay_open(&replay, path, &error), 0);
	check_frame(replay, &empty, 0);
	top_replay_close(replay);
}

static void test_not_over_a_file(void **state)
{
	struct top_recorder *recorder;
	struct dmem_error error;
	size_t len;
	char *bytes;

	(void)state;
	spill("precious", 8);
	assert_int_equal(top_record_open(&recorder, path, &error), -EEXIST);
	assert_non_null(strstr(error.text, "it is there already"));
	bytes = slurp(&len);
	assert_int_equal(len, 8);
	free(bytes);
	assert_int_equal(top_record_open(&recorder, "/nowhere/at/all", &error), -ENOENT);
}

/* Wherever it is cut: all whole frames are there, and as they were. */
static void test_cut(void **state)
{
	struct top_replay *replay;
	struct dmem_error error;
	size_t len, one, cut;
	char *bytes;
	int err;

	(void)state;
	write_recording(&host, 1);
	free(slurp(&one));
	write_recording(&host, 2);
	bytes = slurp(&len);
	for (cut = 0; cut < len; cut += cut < one - 40 || cut > one + 40 ? 101 : 1) {
		spill(bytes, cut);
		err = top_replay_open(&replay, path, &error);
		if (cut < one) {
			assert_int_equal(err, -EPROTO);
			continue;
		}
		assert_int_equal(err, 0);
		assert_int_equal(top_replay_frames(replay), 1);
		assert_int_equal(top_replay_is_cut(replay), cut > one);
		check_frame(replay, &host, 0);
		top_replay_close(replay);
	}
	free(bytes);
}

static void check_refused(const char *bytes, size_t len, const char *why)
{
	struct top_replay *replay;
	struct dmem_error error;

	spill(bytes, len);
	assert_int_equal(top_replay_open(&replay, path, &error), -EPROTO);
	assert_null(replay);
	if (!strstr(error.text, why))
		fail_msg("\"%s\" does not say \"%s\"", error.text, why);
}

static void test_foreign(void **state)
{
	struct top_replay *replay;
	struct dmem_error error;

	(void)state;
	assert_int_equal(top_replay_open(&replay, path, &error), -ENOENT);
	check_refused("", 0, "is no recording of dmemtop");
	check_refused("\177ELF", 4, "is no recording of dmemtop");
	check_refused("dmemtop recording 2\nlittle-endian\n", 34, "a recording of version 2");
	check_refused("dmemtop recording 1\nbig-endian\n", 31, "another kind of machine");
	check_refused("dmemtop recording 1\nlittle-endian\n\n", 35, "has no fields");
	check_refused("dmemtop recording 1\nlittle-endian\nvm\n\n", 38, "header is damaged");
	check_refused("dmemtop recording 1\nlittle-endian\nvm: id 9\n\n", 44, "header is damaged");
	check_refused("dmemtop recording 1\nlittle-endian\nvm: id 4\n\n", 44,
		      "without a whole frame");
}

/*
 * A bit of it is another. Frames are what they were or refused; a header, whose names may have
 * changed, says what is read, but not beyond it.
 */
static void test_damaged(void **state)
{
	struct top_replay *replay;
	struct dmem_error error;
	struct top_sample sample;
	unsigned int seed = 1;
	size_t len, at, header;
	char *bytes;

	(void)state;
	write_recording(&host, 2);
	bytes = slurp(&len);
	header = (size_t)((char *)memmem(bytes, len, "\n\n", 2) - bytes) + 2;
	for (int i = 0; i < 600; i++) {
		at = (size_t)rand_r(&seed) % (i % 2 ? len : header + 100);
		bytes[at] ^= (char)(1 << i % 8);
		spill(bytes, len);
		if (!top_replay_open(&replay, path, &error)) {
			for (size_t frame = 0; frame < top_replay_frames(replay); frame++) {
				if (at >= header)
					check_frame(replay, &host, frame);
				else if (!top_replay_read(replay, frame, &sample, &error))
					top_sample_free(&sample);
			}
			top_replay_close(replay);
		} else {
			assert_true(*error.text);
		}
		bytes[at] ^= (char)(1 << i % 8);
	}
	free(bytes);
}

/* As an older or a later version would have written it: names decide, not places. */
static void test_other_fields(void **state)
{
	static const char from[] = "stats.faults 8, stats.soft_faults 8";
	static const char to[] = "later.faults 8, stats.soft_faults 8";
	struct top_replay *replay;
	struct top_sample sample;
	struct dmem_error error;
	char *bytes, *found;
	size_t len;

	(void)state;
	write_recording(&host, 1);
	bytes = slurp(&len);
	found = memmem(bytes, len, from, strlen(from));
	assert_non_null(found);
	memcpy(found, to, strlen(to));
	spill(bytes, len);
	free(bytes);
	assert_int_equal(top_replay_open(&replay, path, &error), 0);
	assert_int_equal(top_replay_read(replay, 0, &sample, &error), 0);
	assert_int_equal(sample.nr_vms, host.vms);
	assert_int_equal(sample.vms[0].stats.faults, 0);
	assert_true(sample.vms[0].stats.soft_faults > 0);
	assert_string_equal(sample.vms[0].value.name, "db-1");
	top_sample_free(&sample);
	top_replay_close(replay);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_over_a_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_foreign, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_fields, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
