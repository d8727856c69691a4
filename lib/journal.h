/* SPDX-License-Identifier: GPL-2.0 */
/*
 * journal.h - what the tuner did of late, for whoever wants to know: its state and its last
 * decisions with their reasons, in a small file of JSON lines.
 *
 * The tuner writes the file anew after every round and renames it into place, so a reader has
 * always a whole one, and it cannot grow. docs/tuner.md describes it.
 */
#ifndef DMEM_JOURNAL_H
#define DMEM_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "error.h"
#include "maps.h"

#define DMEM_JOURNAL_FILE	"/run/dmem-tuner.journal"
#define DMEM_JOURNAL_ENTRIES	64
#define DMEM_JOURNAL_REASON	128
#define DMEM_JOURNAL_MODE	16

/**
 * struct dmem_decision - a region's order was changed
 * @time_ns: CLOCK_MONOTONIC
 * @from, @order: block order before, and decided
 * @is_dry_run: 1: it was not written
 * @name: of the VM memory
 */
struct dmem_decision {
	__u64 time_ns;
	__u32 vm;
	__u32 region;
	__u32 from;
	__u32 order;
	__u32 is_dry_run;
	__u32 reserved;
	char name[DMEM_MAP_NAME_LEN];
	char reason[DMEM_JOURNAL_REASON];
};

/**
 * struct dmem_journal - the tuner's state
 * @pid: 0 where there is no journal
 * @nr: of @entries, the latest last
 * @round_ns: CLOCK_MONOTONIC at the end of its last round
 * @interval_ns: between rounds; 0: there is no next one
 * @rounds, @decisions: since it was started
 * @mode: as on its command line: "auto", "static:4", "off"
 */
struct dmem_journal {
	__u32 pid;
	__u32 nr;
	__u64 round_ns;
	__u64 interval_ns;
	__u64 rounds;
	__u64 decisions;
	char mode[DMEM_JOURNAL_MODE];
	struct dmem_decision entries[DMEM_JOURNAL_ENTRIES];
};

/** dmem_journal_add - one more decision; where there is no room the oldest one goes. */
void dmem_journal_add(struct dmem_journal *journal, const struct dmem_decision *decision);

/** dmem_journal_write - put the file in place. Return: 0 or a negative errno. */
int dmem_journal_write(const char *path, const struct dmem_journal *journal,
		       struct dmem_error *error);

/**
 * dmem_journal_read - read it
 * @path: DMEM_JOURNAL_FILE
 * @journal: takes it; all zero on error
 * @error: takes the reason
 *
 * Lines that are no decision are left out. Return: 0; -ENOENT where no tuner has run since boot;
 * -EPROTO where the file is something else; another negative errno.
 */
int dmem_journal_read(const char *path, struct dmem_journal *journal, struct dmem_error *error);

#endif /* DMEM_JOURNAL_H */
