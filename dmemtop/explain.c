// SPDX-License-Identifier: GPL-2.0
/*
 * explain.c - which VM hurts, and why, in a sentence.
 *
 * The thresholds are rules of thumb for where to look first, not measurements.
 */
#include "model.h"

#include <stdio.h>

#include "units.h"

/* Of a vCPU's time spent waiting for fetches. */
#define STALL_SEEN	0.05
#define STALL_HURTS	0.20
/* Prefetched pages of which fewer are used are fetched in vain. */
#define ACCURACY_POOR	0.50
/* A page that must go for each that comes: the limit is too small for what is used. */
#define CHURN_SHARE	0.50
/* A tail this far from the median is a queue or a donor in trouble. */
#define TAIL_RATIO	16.0

int top_severity(const struct top_vm *vm)
{
	if (vm->span.fetch_errors || vm->stall_share >= STALL_HURTS)
		return 2;
	return vm->stall_share >= STALL_SEEN;
}

static bool is_churning(const struct top_vm *vm)
{
	return vm->per_s[TOP_EVICTED_PAGES] > CHURN_SHARE * vm->per_s[TOP_FETCHED_PAGES] &&
	       vm->value.direct_bytes > vm->value.direct_limit_bytes / 2;
}

static void explain_cause(const struct top_vm *vm, char *buf, size_t len)
{
	char limit[DMEM_UNITS_LEN], p50[DMEM_UNITS_LEN], p99[DMEM_UNITS_LEN];

	dmem_format_bytes(limit, sizeof(limit), vm->value.direct_limit_bytes);
	if (vm->prefetch_accuracy >= 0 && vm->prefetch_accuracy < ACCURACY_POOR) {
		snprintf(buf, len, "only %.0f%% of what is prefetched is used",
			 vm->prefetch_accuracy * 100);
	} else if (vm->fetch_p50_ns > 0 && vm->fetch_p99_ns > TAIL_RATIO * vm->fetch_p50_ns) {
		dmem_format_ns(p50, sizeof(p50), (__u64)vm->fetch_p50_ns);
		dmem_format_ns(p99, sizeof(p99), (__u64)vm->fetch_p99_ns);
		snprintf(buf, len, "one fetch in 100 takes %s and more, half of them %s", p99, p50);
	} else if (is_churning(vm)) {
		snprintf(buf, len, "it uses more than its direct limit of %s", limit);
	} else {
		snprintf(buf, len, "it comes back to memory that donors hold");
	}
}

int top_explain(const struct top_vm *vm, char *buf, size_t len)
{
	int severity = top_severity(vm);
	char cause[128];

	if (vm->stall_share < 0) {
		snprintf(buf, len, "totals so far; rates come with the next reading");
	} else if (vm->span.fetch_errors) {
		snprintf(buf, len, "%llu fetches failed: see the kernel log and the donor",
			 (unsigned long long)vm->span.fetch_errors);
	} else if (severity) {
		explain_cause(vm, cause, sizeof(cause));
		snprintf(buf, len, "waits %.0f%% of a vCPU's time for fetches: %s",
			 vm->stall_share * 100, cause);
	} else if (!vm->span.faults && !vm->span.soft_faults) {
		snprintf(buf, len, "idle");
	} else {
		snprintf(buf, len, "fares well: waits %.1f%% of a vCPU's time for fetches",
			 vm->stall_share * 100);
	}
	return severity;
}
