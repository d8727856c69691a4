/* SPDX-License-Identifier: GPL-2.0 */
/* replay_print.h - what a replay found out, as tables and as JSON. */
#ifndef DMEM_REPLAY_PRINT_H
#define DMEM_REPLAY_PRINT_H

#include <stdbool.h>
#include <stddef.h>

#include "sim.h"

#define REPLAY_NAME_LEN		16

/** struct replay_policy - one policy; @name as tune_mode_name() has it */
struct replay_policy {
	struct tune_rule rule;
	char name[REPLAY_NAME_LEN];
};

/**
 * struct replay_run - one VM memory at one direct limit
 * @path: of the recording
 * @stream: without its accesses: what it says of the VM memory and of the recording
 * @limit_pages, @link: of all policies
 * @is_one_cpu: the recording host had one
 * @results: by policy
 */
struct replay_run {
	const char *path;
	char host[DMEM_REC_NAME_LEN];
	struct stream stream;
	uint64_t limit_pages;
	struct model_link link;
	uint64_t nr_lost;
	bool is_cut_off;
	bool is_one_cpu;
	struct sim_result *results;
};

/** struct replay_report - all of them */
struct replay_report {
	const struct replay_policy *policies;
	size_t nr_policies;
	struct replay_run *runs;
	size_t nr_runs;
};

/** replay_slowdown - per cent that waiting adds to the guest's own time; negative: it had none. */
double replay_slowdown(const struct stream *stream, const struct stream_figures *figures);

void replay_print(const struct replay_report *report);

/** replay_print_json - false without memory for it. */
bool replay_print_json(const struct replay_report *report);

#endif /* DMEM_REPLAY_PRINT_H */
