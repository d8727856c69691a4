// SPDX-License-Identifier: GPL-2.0
/*
 * report_suite.c - the suite as it is meant to be: its cases, workloads, policies, peers and
 * targets, in the order that tables and plots have them; and what of it was measured. What is
 * measured and not named here is reported after the rest.
 */
#include <stdlib.h>
#include <string.h>

#include "report.h"

const struct bench_target bench_targets[] = {
	{ "remote_read_to_anon", "dmem-remote-read / anon-first-touch",
	  "dmem-remote-read", "anon-first-touch", 1.25, false },
	{ "remote_read_to_swap", "dmem-remote-read / swap-ram-0",
	  "dmem-remote-read", "swap-ram-0", 0.5, false },
	{ "remote_read_to_uffd", "dmem-remote-read / uffd",
	  "dmem-remote-read", "uffd", 0.3, false },
	{ "evicting_to_remote_read", "dmem-remote-read-evicting / dmem-remote-read",
	  "dmem-remote-read-evicting", "dmem-remote-read", 1.6, false },
	{ "plane_overhead_pct", "histograms and policy on dmem-remote-read, per cent more",
	  "dmem-remote-read-histograms-policy", "dmem-remote-read", 5, true },
	{ "soft_to_anon", "dmem-soft / anon-first-touch",
	  "dmem-soft", "anon-first-touch", 0.6, false },
	{ "rdma_read_to_raw_4k", "rdma-read-4k / ib-read-lat-4k",
	  "rdma-read-4k", "ib-read-lat-4k", 1.3, false },
	{ "rdma_read_to_raw_64k", "rdma-read-64k / ib-read-lat-64k",
	  "rdma-read-64k", "ib-read-lat-64k", 1.3, false },
	{ "rdma_read_to_nvme", "rdma-read-4k / swap-nvme-rdma",
	  "rdma-read-4k", "swap-nvme-rdma", 0.6, false },
	{ "rdma_donor_cpu", "rdma-donor-cpu / rdma-read-4k",
	  "rdma-donor-cpu", "rdma-read-4k", 0.01, false },
};
const size_t bench_nr_targets = BENCH_COUNT(bench_targets);

const char *const bench_cases[] = {
	"anon-first-touch", "dmem-remote-read", "dmem-remote-read-evicting",
	"dmem-remote-write-evicting", "dmem-soft", "kvm-anon-first-touch",
	"kvm-dmem-remote-read", "kvm-dmem-remote-read-evicting",
	"kvm-dmem-remote-write-evicting", "kvm-dmem-soft", "dmem-remote-read-histograms",
	"dmem-remote-read-histograms-policy", "swap-ram-0", "swap-ram-3", "swap-zram-0",
	"swap-zram-3", "swap-nvme-rdma", "swap-nvme-rdma-3", "uffd",
	"rdma-read-4k", "rdma-read-64k", "ib-read-lat-4k", "ib-read-lat-64k",
	"rdma-read-at-once-1", "rdma-read-at-once-4", "rdma-read-at-once-16", "rdma-donor-cpu",
};
const size_t bench_nr_cases = BENCH_COUNT(bench_cases);

const char *const bench_scalings[] = { "vcpus", "vcpus-anon", "threads", "threads-anon" };
const size_t bench_nr_scalings = BENCH_COUNT(bench_scalings);

const unsigned int bench_at_once[] = { 1, 4, 16 };
const size_t bench_nr_at_once = BENCH_COUNT(bench_at_once);

const unsigned int bench_orders[] = { 0, 2, 4, 6, 9 };
const size_t bench_nr_orders = BENCH_COUNT(bench_orders);

const char *const bench_workloads[] = {
	"redis", "memcached", "gcc", "sort", "sqlite", "pagerank", "stream", "random",
};
const size_t bench_nr_workloads = BENCH_COUNT(bench_workloads);

const char *const bench_policies[] = {
	"static-0", "static-2", "static-4", "static-6", "static-9", "auto", "buddy",
	"swap-0", "swap-3", "uffd",
};
const size_t bench_nr_policies = BENCH_COUNT(bench_policies);

bool bench_is_paged(const char *policy)
{
	return strcmp(policy, "local") && strcmp(policy, "footprint");
}

bool bench_is_in_mean(const char *workload)
{
	return strcmp(workload, "random");
}

const char *bench_floor_of(const char *name)
{
	return strncmp(name, "kvm-", 4) ? "anon-first-touch" : "kvm-anon-first-touch";
}

static const char **add_name(const char **names, size_t *nr, const char *name)
{
	for (size_t i = 0; i < *nr; i++)
		if (!strcmp(names[i], name))
			return names;
	names = bench_grow(names, nr, sizeof(*names));
	names[*nr - 1] = name;
	return names;
}

/* Block orders and stages have tables and plots of their own. */
static bool is_elsewhere(const char *name)
{
	return !strncmp(name, "dmem-order-", 11) || !strncmp(name, "stage-", 6);
}

const char **bench_list_cases(const struct bench *bench, size_t *nr)
{
	const char **names = NULL;
	size_t i;

	*nr = 0;
	for (i = 0; i < bench_nr_cases; i++)
		if (bench_find_micro(bench, bench_cases[i]))
			names = add_name(names, nr, bench_cases[i]);
	for (i = 0; i < bench->nr_micro; i++)
		if (!is_elsewhere(bench->micro[i].name))
			names = add_name(names, nr, bench->micro[i].name);
	return names;
}

static bool has_workload(const struct bench *bench, const char *name)
{
	for (size_t i = 0; i < bench->nr_macro; i++)
		if (!strcmp(bench->macro[i].workload, name))
			return true;
	return false;
}

const char **bench_list_workloads(const struct bench *bench, size_t *nr)
{
	const char **names = NULL;
	size_t i;

	*nr = 0;
	for (i = 0; i < bench_nr_workloads; i++)
		if (has_workload(bench, bench_workloads[i]))
			names = add_name(names, nr, bench_workloads[i]);
	for (i = 0; i < bench->nr_macro; i++)
		names = add_name(names, nr, bench->macro[i].workload);
	return names;
}

static bool has_policy(const struct bench *bench, const char *name, int direct_pct)
{
	for (size_t i = 0; i < bench->nr_macro; i++)
		if (bench->macro[i].direct_pct == direct_pct &&
		    !strcmp(bench->macro[i].policy, name))
			return true;
	return false;
}

const char **bench_list_policies(const struct bench *bench, int direct_pct, size_t *nr)
{
	const char **names = NULL;
	size_t i;

	*nr = 0;
	for (i = 0; i < bench_nr_policies; i++)
		if (has_policy(bench, bench_policies[i], direct_pct))
			names = add_name(names, nr, bench_policies[i]);
	for (i = 0; i < bench->nr_macro; i++)
		if (bench->macro[i].direct_pct == direct_pct &&
		    bench_is_paged(bench->macro[i].policy))
			names = add_name(names, nr, bench->macro[i].policy);
	return names;
}

static int *add_share(int *shares, size_t *nr, int share)
{
	for (size_t i = 0; i < *nr; i++)
		if (shares[i] == share)
			return shares;
	shares = bench_grow(shares, nr, sizeof(*shares));
	shares[*nr - 1] = share;
	return shares;
}

int *bench_list_shares(const struct bench *bench, size_t *nr)
{
	static const int suite[] = { 50, 75, 25 };
	int *shares = NULL;

	*nr = 0;
	for (size_t i = 0; i < BENCH_COUNT(suite); i++)
		for (size_t j = 0; j < bench->nr_macro; j++)
			if (bench->macro[j].direct_pct == suite[i] &&
			    bench_is_paged(bench->macro[j].policy))
				shares = add_share(shares, nr, suite[i]);
	for (size_t i = 0; i < bench->nr_macro; i++)
		if (bench_is_paged(bench->macro[i].policy))
			shares = add_share(shares, nr, bench->macro[i].direct_pct);
	return shares;
}
