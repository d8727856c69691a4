/* SPDX-License-Identifier: GPL-2.0 */
/*
 * script.h - recordings that tests make up: what the recorder would have written of a guest that
 * touches pages one after another, at order 0, on a link of 9 us a request and 1 us a page.
 */
#ifndef DMEM_TESTS_REPLAY_SCRIPT_H
#define DMEM_TESTS_REPLAY_SCRIPT_H

#include "tuner/stream.h"
#include "tuner/trace.h"

#define SCRIPT_VM		7
#define SCRIPT_THINK_NS		2000
#define SCRIPT_FETCH_NS		10000
#define SCRIPT_START_NS		1000000000ULL

struct script {
	char path[64];
	struct trace_writer writer;
	uint64_t now_ns;
	unsigned int held_pages;	/* of each region, as events tell it */
};

/* A recording of one VM memory "vm0", in a new file that script_remove() takes away. */
void script_begin(struct script *script, uint64_t size_pages, uint64_t limit_pages);
void script_vm(struct script *script, uint32_t vm, const char *name, uint64_t size_pages,
	       uint64_t limit_pages);
void script_end(struct script *script);
void script_remove(struct script *script);

/* One record about a page, as it is. */
void script_record(struct script *script, unsigned int kind, uint64_t page, unsigned int flags,
		   uint32_t value);
/* The guest thinks, touches a page that a donor holds, and waits for it. */
void script_fetch(struct script *script, uint64_t page);
/* The same of a page that is local and not mapped, and of one that nobody has touched before. */
void script_soft(struct script *script, uint64_t page);
void script_zero(struct script *script, uint64_t page);

/* What the reader makes of it: one VM memory. */
void script_read(struct script *script, struct streams *streams);

#endif /* DMEM_TESTS_REPLAY_SCRIPT_H */
