/* SPDX-License-Identifier: GPL-2.0 */
/*
 * synth.h - samples of hosts that do not exist: the same for the same arguments, on every machine.
 */
#ifndef TESTS_TOP_SYNTH_H
#define TESTS_TOP_SYNTH_H

#include "dmemtop/sample.h"

/**
 * struct synth_host - what there is of it
 * @vms: how many; the first is "db-1", a name outside ASCII among the others
 * @size_bytes: of each
 * @tuner: a tuner runs and has decided something
 * @pools: mounted pools, a donor each
 */
struct synth_host {
	int vms;
	__u64 size_bytes;
	bool tuner;
	int pools;
};

/** synth_sample - the host @tick seconds on, with the map of its VM memory @map_vm, 0: none. */
void synth_sample(struct top_sample *sample, const struct synth_host *host, unsigned int tick,
		  __u32 map_vm);

#endif /* TESTS_TOP_SYNTH_H */
