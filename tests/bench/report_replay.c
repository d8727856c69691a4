// SPDX-License-Identifier: GPL-2.0
/*
 * report_replay.c - whether dmem-tuner replay puts policies in the order in which they came out
 * live: of each pair that the live runs tell apart, which of the two is better.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "report_table.h"

const struct bench_replay *bench_find_replay(const struct bench *bench, const char *workload,
					     const char *policy, int direct_pct)
{
	for (size_t i = 0; i < bench->nr_replay; i++) {
		const struct bench_replay *replay = &bench->replay[i];

		if (replay->direct_pct == direct_pct && !strcmp(replay->workload, workload) &&
		    !strcmp(replay->policy, policy))
			return replay;
	}
	return NULL;
}

static const struct bench_macro *find_live(const struct bench *bench,
					   const struct bench_replay *replay)
{
	const struct bench_macro *live = bench_find_macro(bench, replay->workload, replay->policy,
							  replay->direct_pct);

	return live && live->local && !live->rejected ? live : NULL;
}

/* By how much the second is worse; 0: not told apart. Of what was cut the least is known. */
static double live_gap(const struct bench_macro *one, const struct bench_macro *other)
{
	double gap = other->slowdown_pct - one->slowdown_pct;

	if ((one->is_cut && gap > 0) || (other->is_cut && gap < 0))
		return 0;
	return fabs(gap) > BENCH_REPLAY_CLOSE_PCT ? gap : 0;
}

struct bench_agreement bench_replay_agreement(const struct bench *bench, const char *workload,
					      int direct_pct)
{
	struct bench_agreement agreement = {};

	for (size_t i = 0; i < bench->nr_replay; i++) {
		const struct bench_replay *one = &bench->replay[i];
		const struct bench_macro *live = find_live(bench, one);

		if (!live || one->direct_pct != direct_pct || strcmp(one->workload, workload))
			continue;
		agreement.policies++;
		for (size_t j = 0; j < i; j++) {
			const struct bench_replay *other = &bench->replay[j];
			const struct bench_macro *than = find_live(bench, other);
			double gap;

			if (!than || other->direct_pct != direct_pct ||
			    strcmp(other->workload, workload))
				continue;
			gap = live_gap(live, than);
			agreement.pairs += gap != 0;
			agreement.alike += gap * (other->slowdown_pct - one->slowdown_pct) > 0;
		}
	}
	return agreement;
}

/* A policy and how slow it was. */
struct place {
	const char *policy;
	double slowdown_pct;
	bool is_cut;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *one = a, *other = b;

	if (one->slowdown_pct != other->slowdown_pct)
		return one->slowdown_pct < other->slowdown_pct ? -1 : 1;
	return strcmp(one->policy, other->policy);
}

/* "auto 62 static-0 59", best first. */
static void places_cell(struct bench_table *table, struct place *places, size_t nr)
{
	char text[512] = "";
	size_t len = 0;

	qsort(places, nr, sizeof(*places), compare_places);
	for (size_t i = 0; i < nr && len < sizeof(text); i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%s %s%.0f", i ? ", " : "",
				places[i].policy, places[i].is_cut ? "> " : "",
				places[i].slowdown_pct);
	bench_cell(table, "%s", text);
}

static void replay_row(const struct bench *bench, struct bench_table *table, const char *workload,
		       int share)
{
	struct bench_agreement agreement = bench_replay_agreement(bench, workload, share);
	struct place *live = calloc(2 * agreement.policies + 1, sizeof(*live));
	struct place *replayed = live + agreement.policies;
	size_t nr = 0;

	if (!live)
		abort();
	for (size_t i = 0; i < bench->nr_replay; i++) {
		const struct bench_replay *replay = &bench->replay[i];
		const struct bench_macro *macro = find_live(bench, replay);

		if (!macro || replay->direct_pct != share || strcmp(replay->workload, workload))
			continue;
		live[nr] = (struct place){ macro->policy, macro->slowdown_pct, macro->is_cut };
		replayed[nr++] = (struct place){ replay->policy, replay->slowdown_pct, false };
	}
	bench_cell(table, "%s", workload);
	places_cell(table, live, nr);
	places_cell(table, replayed, nr);
	bench_cell(table, "%zu of %zu", agreement.alike, agreement.pairs);
	free(live);
}

bool bench_write_replay(const struct bench *bench, FILE *out, int share)
{
	struct bench_table table = { .columns = 4 };
	size_t i, nr, alike = 0, pairs = 0;
	const char **workloads = bench_list_workloads(bench, &nr);

	bench_cell(&table, "workload");
	bench_cell(&table, "live, the best first");
	bench_cell(&table, "replayed");
	bench_cell(&table, "pairs in live order");
	for (i = 0; i < nr; i++) {
		struct bench_agreement agreement =
			bench_replay_agreement(bench, workloads[i], share);

		if (agreement.policies < 2)
			continue;
		replay_row(bench, &table, workloads[i], share);
		alike += agreement.alike;
		pairs += agreement.pairs;
	}
	free(workloads);
	if (!pairs)
		return false;
	bench_cell(&table, "**all**");
	bench_cell(&table, "%s", "");
	bench_cell(&table, "%s", "");
	bench_cell(&table, "%zu of %zu", alike, pairs);
	bench_print_table(&table, out);
	return true;
}
