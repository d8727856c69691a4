// SPDX-License-Identifier: GPL-2.0
/* sample.c - what samples own. */
#include "sample.h"

#include <stdlib.h>
#include <string.h>

void top_sample_free(struct top_sample *sample)
{
	free(sample->vms);
	free(sample->latencies);
	free(sample->donors);
	free(sample->map.bins);
	free(sample->regions);
	memset(sample, 0, sizeof(*sample));
}
