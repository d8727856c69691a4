// SPDX-License-Identifier: GPL-2.0
/* hist.c - quantiles of log2 histograms. */
#include "hist.h"

double dmem_hist_quantile(const __u64 *slots, size_t nr, double share)
{
	double total = 0, below = 0, rank;
	size_t i;

	for (i = 0; i < nr; i++)
		total += slots[i];
	if (!total)
		return 0;
	rank = share * total;
	for (i = 0; i < nr - 1 && below + slots[i] < rank; i++)
		below += slots[i];
	return (double)(1ULL << i) * (1 + (slots[i] ? (rank - below) / slots[i] : 0));
}
