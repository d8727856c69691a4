// SPDX-License-Identifier: GPL-2.0
/* metrics.c - one table of families; each is a walk over the VM memories. */
#include <stddef.h>
#include <stdio.h>

#include "metrics.h"

#define NR(array)	(sizeof(array) / sizeof((array)[0]))
#define PAGE_BYTES	4096
#define NUMBER_LEN	16

enum scale { COUNT, PAGES, TIME_NS };

/* A counter of struct dmem_vm_stats. */
struct vm_counter {
	struct dmem_metric family;
	size_t offset;
	enum scale scale;
};

#define OF(field)	offsetof(struct dmem_vm_stats, field)

static const struct vm_counter vm_counters[] = {
	{ { "dmem_vm_faults", DMEM_COUNTER, NULL, "Accesses that found no local page." },
	  OF(faults), COUNT },
	{ { "dmem_vm_soft_faults", DMEM_COUNTER, NULL,
	    "Accesses that found the page local but not mapped." }, OF(soft_faults), COUNT },
	{ { "dmem_vm_write_faults", DMEM_COUNTER, NULL, "Faults of either kind that were writes." },
	  OF(write_faults), COUNT },
	{ { "dmem_vm_zero_fills", DMEM_COUNTER, NULL, "First touches of a page." },
	  OF(zero_fills), COUNT },
	{ { "dmem_vm_fetched_bytes", DMEM_COUNTER, "bytes", "Memory that came from donors." },
	  OF(fetched_pages), PAGES },
	{ { "dmem_vm_fetch_errors", DMEM_COUNTER, NULL, "Requests for pages that failed." },
	  OF(fetch_errors), COUNT },
	{ { "dmem_vm_prefetches", DMEM_COUNTER, NULL, "Requests for the rest of a block." },
	  OF(prefetches), COUNT },
	{ { "dmem_vm_prefetch_seconds", DMEM_COUNTER, "seconds",
	    "Time that requests for the rest of a block took." },
	  OF(prefetch_latency_ns), TIME_NS },
	{ { "dmem_vm_prefetched_bytes", DMEM_COUNTER, "bytes",
	    "Memory that came without having been asked for by a fault." },
	  OF(prefetched_pages), PAGES },
	{ { "dmem_vm_prefetched_used_bytes", DMEM_COUNTER, "bytes",
	    "Prefetched memory that was used." }, OF(prefetched_used_pages), PAGES },
	{ { "dmem_vm_prefetched_unused_bytes", DMEM_COUNTER, "bytes",
	    "Prefetched memory that was evicted unused." }, OF(prefetched_unused_pages), PAGES },
	{ { "dmem_vm_evictions", DMEM_COUNTER, NULL, "Runs of pages that were evicted." },
	  OF(evictions), COUNT },
	{ { "dmem_vm_evicted_bytes", DMEM_COUNTER, "bytes", "Memory that was evicted." },
	  OF(evicted_pages), PAGES },
	{ { "dmem_vm_writebacks", DMEM_COUNTER, NULL, "Requests that wrote to donors." },
	  OF(writebacks), COUNT },
	{ { "dmem_vm_writeback_bytes", DMEM_COUNTER, "bytes", "Memory that was written to donors." },
	  OF(writeback_pages), PAGES },
	{ { "dmem_vm_writeback_seconds", DMEM_COUNTER, "seconds",
	    "Time that requests which wrote to donors took." }, OF(writeback_ns), TIME_NS },
	{ { "dmem_vm_kvm_faults", DMEM_COUNTER, NULL, "Second-level misses of the guest." },
	  OF(kvm_faults), COUNT },
	{ { "dmem_vm_kvm_write_faults", DMEM_COUNTER, NULL,
	    "Second-level misses of the guest that were writes." }, OF(kvm_write_faults), COUNT },
};

/* A setting or a state of struct dmem_vm_value: bytes. */
static const struct {
	struct dmem_metric family;
	size_t offset;
} vm_gauges[] = {
	{ { "dmem_vm_size_bytes", DMEM_GAUGE, "bytes", "Size of the VM memory." },
	  offsetof(struct dmem_vm_value, size_bytes) },
	{ { "dmem_vm_direct_limit_bytes", DMEM_GAUGE, "bytes", "The most that may be held here." },
	  offsetof(struct dmem_vm_value, direct_limit_bytes) },
	{ { "dmem_vm_direct_bytes", DMEM_GAUGE, "bytes", "Held here, as of its last event." },
	  offsetof(struct dmem_vm_value, direct_bytes) },
	{ { "dmem_vm_remote_bytes", DMEM_GAUGE, "bytes",
	    "Held by donors alone, as of its last event." },
	  offsetof(struct dmem_vm_value, remote_bytes) },
};

/* What all samples of a VM memory have; two of the same name may follow each other. */
struct vm_labels {
	char id[NUMBER_LEN];
	struct dmem_label labels[3];
};

static void label_vm(struct vm_labels *to, const struct dmem_plane_vm *vm)
{
	snprintf(to->id, sizeof(to->id), "%u", vm->id);
	to->labels[0] = (struct dmem_label){ "vm", vm->value.name };
	to->labels[1] = (struct dmem_label){ "id", to->id };
	to->labels[2] = (struct dmem_label){};
}

static __u64 word_at(const void *from, size_t offset)
{
	return *(const __u64 *)((const char *)from + offset);
}

static void put_vm_gauges(struct dmem_metrics *page, const struct tune_reading *reading)
{
	struct vm_labels of;

	for (size_t i = 0; i < NR(vm_gauges); i++) {
		dmem_metrics_begin(page, &vm_gauges[i].family);
		for (size_t at = 0; at < reading->nr_vms; at++) {
			const struct dmem_plane_vm *vm = &reading->vms[at];

			if (vm->value.gone)
				continue;
			label_vm(&of, vm);
			dmem_metrics_count(page, of.labels,
					   word_at(&vm->value, vm_gauges[i].offset));
		}
	}
}

static void put_default_orders(struct dmem_metrics *page, const struct tune_reading *reading)
{
	static const struct dmem_metric family = {
		"dmem_vm_default_order", DMEM_GAUGE, NULL,
		"Block order where nothing is decided: log2 of the pages of a block.",
	};
	struct vm_labels of;

	dmem_metrics_begin(page, &family);
	for (size_t at = 0; at < reading->nr_vms; at++) {
		if (reading->vms[at].value.gone)
			continue;
		label_vm(&of, &reading->vms[at]);
		dmem_metrics_count(page, of.labels, reading->vms[at].value.default_order);
	}
}

static void put_vm_counter(struct dmem_metrics *page, const struct tune_reading *reading,
			   const struct vm_counter *counter)
{
	struct vm_labels of;

	dmem_metrics_begin(page, &counter->family);
	for (size_t at = 0; at < reading->nr_vms; at++) {
		const struct dmem_plane_vm *vm = &reading->vms[at];
		__u64 value = word_at(&vm->stats, counter->offset);

		if (vm->value.gone)
			continue;
		label_vm(&of, vm);
		if (counter->scale == TIME_NS)
			dmem_metrics_ns(page, of.labels, value);
		else
			dmem_metrics_count(page, of.labels,
					   counter->scale == PAGES ? value * PAGE_BYTES : value);
	}
}

static const struct dmem_plane_vm *find_vm(const struct tune_reading *reading, __u32 id)
{
	for (size_t at = 0; at < reading->nr_vms; at++)
		if (reading->vms[at].id == id && !reading->vms[at].value.gone)
			return &reading->vms[at];
	return NULL;
}

/* Orders without a fetch are left out: of ten, a VM memory uses a few. */
static void put_latency(struct dmem_metrics *page, const struct dmem_plane_vm *vm,
			const struct dmem_plane_latency *latency)
{
	char id[NUMBER_LEN], donor[NUMBER_LEN], order_text[NUMBER_LEN];
	const struct dmem_label labels[] = {
		{ "vm", vm->value.name }, { "id", id }, { "donor", donor },
		{ "order", order_text }, {},
	};

	snprintf(id, sizeof(id), "%u", vm->id);
	snprintf(donor, sizeof(donor), "%u", latency->key.donor);
	for (int order = 0; order < DMEM_MAP_ORDERS; order++) {
		uint64_t slots[DMEM_LATENCY_SLOTS], all = 0;

		for (int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++)
			all += slots[slot] = latency->value.fetches[order][slot];
		if (!all)
			continue;
		snprintf(order_text, sizeof(order_text), "%d", order);
		dmem_metrics_histogram(page, labels, slots, DMEM_LATENCY_SLOTS,
				       latency->value.fetch_ns[order]);
	}
}

static void put_latencies(struct dmem_metrics *page, const struct tune_reading *reading)
{
	static const struct dmem_metric family = {
		"dmem_vm_fetch_seconds", DMEM_HISTOGRAM, "seconds",
		"From the request for a faulting page to its arrival, by block order.",
	};

	dmem_metrics_begin(page, &family);
	for (size_t i = 0; i < reading->nr_latencies; i++) {
		const struct dmem_plane_vm *vm = find_vm(reading, reading->latencies[i].key.vm);

		if (vm)
			put_latency(page, vm, &reading->latencies[i]);
	}
}

static void put_plane(struct dmem_metrics *page, const struct dmem_plane_stats *stats)
{
	const struct dmem_figure figures[] = {
		{ { "dmem_plane_lost_events", DMEM_COUNTER, NULL,
		    "Events that found no room in a map." }, stats->lost_events },
		{ { "dmem_plane_kvm_faults_other", DMEM_COUNTER, NULL,
		    "Second-level misses on memory that is not of a pool." },
		  stats->kvm_faults_other },
		{ { "dmem_plane_kvm_faults_unmatched", DMEM_COUNTER, NULL,
		    "Second-level misses at addresses without memory, as devices have." },
		  stats->kvm_faults_unmatched },
	};

	dmem_metrics_figures(page, figures, NR(figures));
}

static void put_time(struct dmem_metrics *page, const struct dmem_metric *family, __u64 ns)
{
	dmem_metrics_begin(page, family);
	dmem_metrics_ns(page, NULL, ns);
}

static void put_decisions(struct dmem_metrics *page, const struct tune_figures *tuner)
{
	static const struct dmem_metric family = {
		"dmem_tuner_decisions", DMEM_COUNTER, NULL,
		"Regions whose block order was changed, since the tuner was started.",
	};
	static const struct dmem_label larger[] = { { "direction", "larger" }, {} };
	static const struct dmem_label smaller[] = { { "direction", "smaller" }, {} };

	dmem_metrics_begin(page, &family);
	dmem_metrics_count(page, larger, tuner->raised);
	dmem_metrics_count(page, smaller, tuner->lowered);
}

static void put_tuner(struct dmem_metrics *page, const struct tune_figures *tuner)
{
	static const struct dmem_metric mode = {
		"dmem_tuner", DMEM_INFO, NULL, "The tuner that runs.",
	};
	static const struct dmem_metric interval = {
		"dmem_tuner_interval_seconds", DMEM_GAUGE, "seconds", "Between rounds.",
	};
	static const struct dmem_metric busy = {
		"dmem_tuner_round_seconds", DMEM_COUNTER, "seconds", "Time spent in rounds.",
	};
	static const struct dmem_metric last = {
		"dmem_tuner_last_round_timestamp_seconds", DMEM_GAUGE, "seconds",
		"When the last round ended, since 1970.",
	};
	const struct dmem_label labels[] = { { "mode", tuner->mode }, {} };
	const struct dmem_figure rounds = {
		{ "dmem_tuner_rounds", DMEM_COUNTER, NULL, "Rounds since the tuner was started." },
		tuner->rounds,
	};

	dmem_metrics_begin(page, &mode);
	dmem_metrics_count(page, labels, 1);
	put_time(page, &interval, tuner->interval_ns);
	dmem_metrics_figures(page, &rounds, 1);
	put_decisions(page, tuner);
	put_time(page, &busy, tuner->busy_ns);
	put_time(page, &last, tuner->round_unix_ns);
}

char *tune_metrics_text(const struct tune_reading *reading, enum dmem_metrics_format format,
			size_t *bytes)
{
	struct dmem_metrics page;

	if (dmem_metrics_open(&page, format))
		return NULL;
	put_tuner(&page, &reading->tuner);
	put_plane(&page, &reading->stats);
	put_vm_gauges(&page, reading);
	put_default_orders(&page, reading);
	for (size_t i = 0; i < NR(vm_counters); i++)
		put_vm_counter(&page, reading, &vm_counters[i]);
	put_latencies(&page, reading);
	return dmem_metrics_close(&page, bytes);
}
