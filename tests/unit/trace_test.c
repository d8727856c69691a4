// SPDX-License-Identifier: GPL-2.0
/*
 * trace_test.c - the file of a recording: what is written is read again, what is no recording is
 * refused with what, where and why, and what was cut off counts as far as it goes. Then what is
 * made of it: accesses, time without waiting, what the donors held.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/replay/script.h"
#include "tuner/tune.h"

#define HEADER	sizeof(struct trace_header)
#define REC	sizeof(struct dmem_rec)
#define VM_REC	(REC + sizeof(struct dmem_rec_vm))

/* Three pages, two of them fetched. */
static void make_small(struct script *script)
{
	script_begin(script, 1024, 512);
	script_fetch(script, 0);
	script_fetch(script, 513);
	script_zero(script, 2);
	script_end(script);
}

static void patch(const struct script *script, off_t at, const void *data, size_t len)
{
	int fd = open(script->path, O_WRONLY);

	assert_int_equal(pwrite(fd, data, len, at), len);
	close(fd);
}

/* The reader must say this, and nothing less. */
static void assert_refused(const char *path, const char *says)
{
	struct dmem_error error = {};
	struct trace_reader reader;
	struct streams streams;
	char want[600];
	int err = trace_open(&reader, path, &error);

	if (!err) {
		err = streams_read(&reader, NULL, &streams, &error);
		trace_close(&reader);
	}
	assert_true(err < 0);
	snprintf(want, sizeof(want), "%s: %s", path, says);
	assert_string_equal(error.text, want);
}

static void what_is_written_is_read(void **state)
{
	static const unsigned int kinds[] = {
		DMEM_REC_VM, DMEM_REC_FETCH, DMEM_REC_FETCHED, DMEM_REC_SOFT, DMEM_REC_FETCH,
		DMEM_REC_FETCHED, DMEM_REC_SOFT, DMEM_REC_ZERO, DMEM_REC_END,
	};
	struct dmem_rec_vm settings = {};
	struct trace_reader reader;
	struct dmem_error error;
	struct script script;
	struct dmem_rec rec;
	struct stat st;

	(void)state;
	make_small(&script);
	assert_int_equal(script.writer.nr_events, 7);
	assert_int_equal(script.writer.nr_vms, 1);
	assert_int_equal(stat(script.path, &st), 0);
	assert_int_equal(st.st_size, HEADER + VM_REC + 8 * REC);
	assert_int_equal(trace_open(&reader, script.path, &error), 0);
	assert_true(*reader.header.host && *reader.header.kernel);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		assert_int_equal(trace_read(&reader, &rec, &settings, &error), 1);
		assert_int_equal(rec.kind, kinds[i]);
		if (i == 5) {
			assert_int_equal(rec.region, 1);
			assert_int_equal(rec.page, 1);
			assert_int_equal(rec.value, SCRIPT_FETCH_NS);
		}
	}
	assert_true(reader.is_whole);
	assert_int_equal(trace_read(&reader, &rec, &settings, &error), 0);
	assert_string_equal(settings.name, "vm0");
	assert_int_equal(settings.size_bytes, 1024 * 4096);
	trace_close(&reader);
	script_remove(&script);
	assert_int_equal(trace_create(&script.writer, script.path, "vm1", 1600, &error), 0);
	assert_int_equal(trace_finish(&script.writer, &error), 0);
	assert_int_equal(trace_open(&reader, script.path, &error), 0);
	assert_int_equal(reader.header.host_ns, 1600);
	assert_string_equal(reader.header.vm, "vm1");
	trace_close(&reader);
	script_remove(&script);
}

static void a_file_that_is_there_stays(void **state)
{
	struct trace_writer writer;
	struct dmem_error error;
	struct script script;
	char want[128];

	(void)state;
	make_small(&script);
	assert_true(trace_create(&writer, script.path, "", 0, &error) < 0);
	snprintf(want, sizeof(want), "%s: it is there already", script.path);
	assert_string_equal(error.text, want);
	assert_true(trace_create(&writer, "/nowhere/at/all", "", 0, &error) < 0);
	assert_string_equal(error.text, "/nowhere/at/all: No such file or directory");
	script_remove(&script);
}

/* A full disk is told, if only at the end. */
static void what_cannot_be_written_is_told(void **state)
{
	struct trace_writer writer = { .path = "/dev/full", .file = fopen("/dev/full", "w") };
	struct dmem_error error;

	(void)state;
	assert_non_null(writer.file);
	assert_true(trace_finish(&writer, &error) < 0);
	assert_string_equal(error.text, "writing /dev/full: No space left on device");
}

/* Cut at any byte: whole records before it count, and nothing else. */
static void cut_off_files_count_as_far_as_they_go(void **state)
{
	static const off_t ends[] = { HEADER, HEADER + VM_REC, HEADER + VM_REC + REC,
				      HEADER + VM_REC + 8 * REC };
	struct dmem_error error = {};
	struct script script;

	(void)state;
	make_small(&script);
	for (off_t at = ends[3] - 1; at >= (off_t)HEADER; at--) {
		off_t records = at < ends[1] ? 0 : 1 + (at - ends[1]) / (off_t)REC;
		struct trace_reader reader;
		struct streams streams;

		assert_int_equal(truncate(script.path, at), 0);
		assert_int_equal(trace_open(&reader, script.path, &error), 0);
		assert_int_equal(streams_read(&reader, NULL, &streams, &error), 0);
		assert_false(reader.is_whole);
		assert_int_equal(reader.nr_records, records);
		assert_int_equal(streams.nr, at >= ends[1]);
		trace_close(&reader);
		streams_free(&streams);
	}
	assert_int_equal(truncate(script.path, HEADER - 1), 0);
	assert_refused(script.path, "ends in its header, after 255 bytes of 256");
	assert_int_equal(truncate(script.path, 3), 0);
	assert_refused(script.path, "not a recording of dmem-tuner record");
	assert_int_equal(truncate(script.path, 0), 0);
	assert_refused(script.path, "not a recording of dmem-tuner record");
	script_remove(&script);
}

static void other_files_are_refused(void **state)
{
	static const uint32_t two = 2, swapped = 0x04030201, odd = 77;
	static const uint64_t much = 1000000001;
	struct script script;

	(void)state;
	assert_refused("/nowhere/at/all", "No such file or directory");
	assert_refused("/tmp", "Is a directory");
	make_small(&script);
	patch(&script, offsetof(struct trace_header, version), &two, 4);
	assert_refused(script.path,
		       "a recording of version 2, this program reads version 1");
	patch(&script, offsetof(struct trace_header, byte_order), &swapped, 4);
	assert_refused(script.path, "of a machine with the other byte order");
	script_remove(&script);
	make_small(&script);
	patch(&script, offsetof(struct trace_header, record_bytes), &odd, 4);
	assert_refused(script.path,
		       "its header is damaged: byte order 01020304, 256 and 77 bytes");
	script_remove(&script);
	make_small(&script);
	patch(&script, offsetof(struct trace_header, host_ns), &much, 8);
	assert_refused(script.path,
		       "its header is damaged: 1000000001 ns of the host's work for a page");
	patch(&script, 0, "dmemtop ", 8);
	assert_refused(script.path, "not a recording of dmem-tuner record");
	script_remove(&script);
}

static void patch_rec(struct script *script, size_t field, unsigned int value, size_t len,
		      const char *says)
{
	make_small(script);
	patch(script, HEADER + VM_REC + (off_t)field, &value, len);
	assert_refused(script->path, says);
	script_remove(script);
}

static void damaged_records_are_refused(void **state)
{
	struct script script;

	(void)state;
	patch_rec(&script, offsetof(struct dmem_rec, kind), 6, 1,
		  "record 1, at byte 384: no such kind (kind 6)");
	patch_rec(&script, offsetof(struct dmem_rec, kind), 99, 1,
		  "record 1, at byte 384: no such kind (kind 99)");
	patch_rec(&script, offsetof(struct dmem_rec, page), 512, 2,
		  "record 1, at byte 384: no such page of a region (kind 2)");
	patch_rec(&script, offsetof(struct dmem_rec, region), 1U << 27, 4,
		  "record 1, at byte 384: no such region (kind 2)");
	patch_rec(&script, offsetof(struct dmem_rec, held_pages), 513, 2,
		  "record 1, at byte 384: more pages than a region has (kind 2)");
	patch_rec(&script, offsetof(struct dmem_rec, order), 10, 1,
		  "record 1, at byte 384: no such order (kind 2)");
	patch_rec(&script, offsetof(struct dmem_rec, vm), 8, 4,
		  "record 1: an event of VM memory 8, whose settings were not told");
}

static void waiting_is_taken_out_of_time(void **state)
{
	struct streams streams;
	struct script script;
	struct stream *vm;

	(void)state;
	make_small(&script);
	script_read(&script, &streams);
	vm = streams.vms;
	assert_int_equal(streams.nr, 1);
	assert_int_equal(vm->nr, 3);
	assert_int_equal(vm->accesses[0].think_ns, 0);
	assert_int_equal(vm->accesses[1].think_ns, SCRIPT_THINK_NS);
	assert_int_equal(vm->accesses[2].think_ns, SCRIPT_THINK_NS);
	assert_int_equal(vm->think_ns, 2 * SCRIPT_THINK_NS);
	assert_int_equal(vm->recorded.stall_ns, 2 * SCRIPT_FETCH_NS);
	assert_int_equal(vm->recorded.fetches, 2);
	assert_int_equal(vm->recorded.fetched_pages, 2);
	assert_int_equal(vm->recorded.zero_fills, 1);
	assert_int_equal(vm->recorded.soft_faults, 0);
	assert_int_equal(vm->footprint_pages, 3);
	streams_free(&streams);
	script_remove(&script);
}

/* A fetch that ends before its access is told, and one during which the guest goes on. */
static void waits_end_when_the_guest_goes_on(void **state)
{
	struct streams streams;
	struct script script;

	(void)state;
	script_begin(&script, 1024, 512);
	script_soft(&script, 9);
	script.now_ns += 5000 + 3000;
	script_record(&script, DMEM_REC_FETCHED, 0, 0, 3000);
	script.now_ns += 100;
	script_record(&script, DMEM_REC_FETCH, 0, 0, 0);
	script.now_ns += 900;
	script_record(&script, DMEM_REC_FETCH, 1, 0, 0);
	script.now_ns += 400;
	script_record(&script, DMEM_REC_SOFT, 2, 0, 0);
	script.now_ns += 600;
	script_record(&script, DMEM_REC_FETCHED, 1, 0, 1000);
	script_record(&script, DMEM_REC_SOFT, 1, DMEM_REC_F_RETRIED, 0);
	script_end(&script);
	script_read(&script, &streams);
	assert_int_equal(streams.vms->nr, 4);
	assert_int_equal(streams.vms->accesses[1].think_ns, 5000);
	assert_int_equal(streams.vms->accesses[2].think_ns, 1000);
	assert_int_equal(streams.vms->accesses[3].think_ns, 0);
	assert_int_equal(streams.vms->recorded.stall_ns, 3000 + 400);
	streams_free(&streams);
	script_remove(&script);
}

static bool is_remote(const struct stream *vm, unsigned int region, unsigned int page)
{
	return vm->regions[region].remote[page / 64] >> page % 64 & 1;
}

/* Regions come in the order of their numbers, whatever was touched first. */
static void donors_held_what_was_fetched(void **state)
{
	unsigned int remote = 0;
	struct streams streams;
	struct script script;
	struct stream *vm;

	(void)state;
	script_begin(&script, 8192, 512);
	script.held_pages = 4;
	script_fetch(&script, 5 * 512 + 1);
	script_soft(&script, 5 * 512 + 2);
	script_record(&script, DMEM_REC_SOFT, 5 * 512 + 3, DMEM_REC_F_PREFETCHED, 0);
	script.held_pages = 101;
	script_zero(&script, 2 * 512 + 7);
	script_fetch(&script, 2 * 512 + 8);
	script_end(&script);
	script_read(&script, &streams);
	vm = streams.vms;
	assert_int_equal(vm->nr_regions, 2);
	assert_int_equal(vm->regions[0].number, 2);
	assert_int_equal(vm->regions[1].number, 5);
	assert_int_equal(vm->accesses[0].region, 1);
	assert_int_equal(vm->accesses[3].region, 0);
	assert_true(is_remote(vm, 1, 1));
	assert_false(is_remote(vm, 1, 2));
	assert_true(is_remote(vm, 1, 3));
	assert_false(is_remote(vm, 0, 7));
	assert_true(is_remote(vm, 0, 8));
	/* Of 100 pages that were there before page 7, one was seen. */
	for (unsigned int page = 0; page < 512; page++)
		remote += is_remote(vm, 0, page);
	assert_int_equal(remote, 100);
	assert_int_equal(vm->recorded.used_pages, 1);
	streams_free(&streams);
	script_remove(&script);
}

/* The live tuner's own estimate: at order 0 a tenth of a fetch is the page's. */
static void times_are_those_of_the_recording(void **state)
{
	struct model_link link;
	struct streams streams;
	struct script script;

	(void)state;
	script_begin(&script, 1024, 512);
	for (unsigned int page = 0; page < 32; page++)
		script_fetch(&script, page);
	script_end(&script);
	script_read(&script, &streams);
	link = tune_link(&streams.vms->times);
	assert_true(link.request_ns == 9000 && link.page_ns == 1000);
	streams_free(&streams);
	script_remove(&script);
}

static void vms_are_kept_apart(void **state)
{
	struct dmem_error error = {};
	struct trace_reader reader;
	struct streams streams;
	struct dmem_rec lost = { .kind = DMEM_REC_LOST, .value = 12 };
	struct script script;

	(void)state;
	script_begin(&script, 1024, 512);
	script_vm(&script, 8, "vm1", 2048, 256);
	script_fetch(&script, 0);
	assert_int_equal(trace_write(&script.writer, &lost, NULL, &error), 0);
	/* A lower limit that comes later does not take back what the higher one hid. */
	script_vm(&script, SCRIPT_VM, "vm0", 1024, 128);
	script_end(&script);
	script_read(&script, &streams);
	assert_int_equal(streams.nr, 2);
	assert_int_equal(streams.nr_lost, 12);
	assert_int_equal(script.writer.nr_lost, 12);
	assert_int_equal(streams.vms[0].direct_limit_bytes, 512 * 4096);
	assert_int_equal(streams.vms[0].nr, 1);
	assert_int_equal(streams.vms[1].nr, 0);
	streams_free(&streams);
	assert_int_equal(trace_open(&reader, script.path, &error), 0);
	assert_int_equal(streams_read(&reader, "vm1", &streams, &error), 0);
	assert_int_equal(streams.nr, 1);
	assert_string_equal(streams.vms[0].name, "vm1");
	trace_close(&reader);
	streams_free(&streams);
	script_remove(&script);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_file_that_is_there_stays),
		cmocka_unit_test(what_cannot_be_written_is_told),
		cmocka_unit_test(cut_off_files_count_as_far_as_they_go),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(damaged_records_are_refused),
		cmocka_unit_test(waiting_is_taken_out_of_time),
		cmocka_unit_test(waits_end_when_the_guest_goes_on),
		cmocka_unit_test(donors_held_what_was_fetched),
		cmocka_unit_test(times_are_those_of_the_recording),
		cmocka_unit_test(vms_are_kept_apart),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
