// SPDX-License-Identifier: GPL-2.0
/* script.c - recordings that tests make up: script.h. */
#include "script.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct dmem_error error;

static void check(int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s\n", error.text);
	abort();
}

void script_vm(struct script *script, uint32_t vm, const char *name, uint64_t size_pages,
	       uint64_t limit_pages)
{
	struct dmem_rec rec = { .kind = DMEM_REC_VM, .vm = vm, .time_ns = script->now_ns };
	struct dmem_rec_vm settings = {
		.size_bytes = size_pages * 4096,
		.direct_limit_bytes = limit_pages * 4096,
	};

	strncpy(settings.name, name, sizeof(settings.name) - 1);
	check(trace_write(&script->writer, &rec, &settings, &error));
}

void script_begin(struct script *script, uint64_t size_pages, uint64_t limit_pages)
{
	memset(script, 0, sizeof(*script));
	strcpy(script->path, "/tmp/dmem-replay-XXXXXX");
	close(mkstemp(script->path));
	unlink(script->path);
	script->now_ns = SCRIPT_START_NS;
	script->held_pages = DMEM_MAP_REGION_PAGES;
	check(trace_create(&script->writer, script->path, "", 0, &error));
	script_vm(script, SCRIPT_VM, "vm0", size_pages, limit_pages);
}

void script_end(struct script *script)
{
	check(trace_finish(&script->writer, &error));
}

void script_remove(struct script *script)
{
	unlink(script->path);
}

void script_record(struct script *script, unsigned int kind, uint64_t page, unsigned int flags,
		   uint32_t value)
{
	struct dmem_rec rec = {
		.time_ns = script->now_ns,
		.vm = SCRIPT_VM,
		.region = (uint32_t)(page / DMEM_MAP_REGION_PAGES),
		.page = page % DMEM_MAP_REGION_PAGES,
		.kind = (uint8_t)kind,
		.flags = (uint8_t)flags,
		.nr_pages = kind >= DMEM_REC_FETCHED,
		.held_pages = (uint16_t)script->held_pages,
		.value = value,
	};

	check(trace_write(&script->writer, &rec, NULL, &error));
}

void script_fetch(struct script *script, uint64_t page)
{
	script->now_ns += SCRIPT_THINK_NS;
	script_record(script, DMEM_REC_FETCH, page, 0, 0);
	script->now_ns += SCRIPT_FETCH_NS;
	script_record(script, DMEM_REC_FETCHED, page, 0, SCRIPT_FETCH_NS);
	script_record(script, DMEM_REC_SOFT, page, DMEM_REC_F_RETRIED, 0);
}

void script_soft(struct script *script, uint64_t page)
{
	script->now_ns += SCRIPT_THINK_NS;
	script_record(script, DMEM_REC_SOFT, page, 0, 0);
}

void script_zero(struct script *script, uint64_t page)
{
	script->now_ns += SCRIPT_THINK_NS;
	script_record(script, DMEM_REC_ZERO, page, DMEM_REC_F_WRITE, 0);
}

void script_read(struct script *script, struct streams *streams)
{
	struct trace_reader reader;

	check(trace_open(&reader, script->path, &error));
	check(streams_read(&reader, NULL, streams, &error));
	trace_close(&reader);
}
