// SPDX-License-Identifier: GPL-2.0
/* fields.c - the fields of a recording. */
#include "fields.h"

#include "sample.h"

/* Numbers, and arrays of them; text is an array of bytes. */
#define NUMBER(type, field) \
	{ #field, offsetof(type, field), sizeof(((type *)0)->field), 1 }
#define NUMBERS(type, field, one) \
	{ #field, offsetof(type, field), sizeof(((type *)0)->one), \
	  sizeof(((type *)0)->field) / sizeof(((type *)0)->one) }

static const struct top_field frame_fields[] = {
	NUMBER(struct top_sample, time_ns),
	NUMBER(struct top_sample, unix_ns),
	NUMBER(struct top_sample, epoch),
	NUMBER(struct top_sample, plane_id),
	NUMBER(struct top_sample, stats.lost_events),
	NUMBER(struct top_sample, stats.kvm_faults_other),
	NUMBER(struct top_sample, stats.kvm_faults_unmatched),
	{}
};

static const struct top_field vm_fields[] = {
	NUMBER(struct dmem_plane_vm, id),
	NUMBERS(struct dmem_plane_vm, value.name, value.name[0]),
	NUMBER(struct dmem_plane_vm, value.size_bytes),
	NUMBER(struct dmem_plane_vm, value.direct_limit_bytes),
	NUMBER(struct dmem_plane_vm, value.direct_bytes),
	NUMBER(struct dmem_plane_vm, value.remote_bytes),
	NUMBER(struct dmem_plane_vm, value.updated_ns),
	NUMBER(struct dmem_plane_vm, value.default_order),
	NUMBER(struct dmem_plane_vm, value.gone),
	NUMBER(struct dmem_plane_vm, value.donor),
	NUMBER(struct dmem_plane_vm, stats.faults),
	NUMBER(struct dmem_plane_vm, stats.soft_faults),
	NUMBER(struct dmem_plane_vm, stats.write_faults),
	NUMBER(struct dmem_plane_vm, stats.zero_fills),
	NUMBER(struct dmem_plane_vm, stats.fetched_pages),
	NUMBER(struct dmem_plane_vm, stats.fetch_errors),
	NUMBER(struct dmem_plane_vm, stats.fetch_ns),
	NUMBER(struct dmem_plane_vm, stats.prefetches),
	NUMBER(struct dmem_plane_vm, stats.prefetch_latency_ns),
	NUMBER(struct dmem_plane_vm, stats.prefetched_pages),
	NUMBER(struct dmem_plane_vm, stats.prefetched_used_pages),
	NUMBER(struct dmem_plane_vm, stats.prefetched_unused_pages),
	NUMBER(struct dmem_plane_vm, stats.evictions),
	NUMBER(struct dmem_plane_vm, stats.evicted_pages),
	NUMBER(struct dmem_plane_vm, stats.writebacks),
	NUMBER(struct dmem_plane_vm, stats.writeback_pages),
	NUMBER(struct dmem_plane_vm, stats.writeback_ns),
	NUMBER(struct dmem_plane_vm, stats.kvm_faults),
	NUMBER(struct dmem_plane_vm, stats.kvm_write_faults),
	NUMBERS(struct dmem_plane_vm, stats.fetches_by_order, stats.fetches_by_order[0]),
	NUMBERS(struct dmem_plane_vm, stats.fetch_latency, stats.fetch_latency[0]),
	NUMBERS(struct dmem_plane_vm, stats.first_use, stats.first_use[0]),
	{}
};

static const struct top_field latency_fields[] = {
	NUMBER(struct dmem_plane_latency, key.vm),
	NUMBER(struct dmem_plane_latency, key.donor),
	NUMBERS(struct dmem_plane_latency, value.fetches, value.fetches[0][0]),
	NUMBERS(struct dmem_plane_latency, value.fetch_ns, value.fetch_ns[0]),
	NUMBERS(struct dmem_plane_latency, value.rest_requests, value.rest_requests[0]),
	NUMBERS(struct dmem_plane_latency, value.rest_pages, value.rest_pages[0]),
	NUMBERS(struct dmem_plane_latency, value.rest_ns, value.rest_ns[0]),
	{}
};

static const struct top_field donor_fields[] = {
	NUMBER(struct top_donor, id),
	NUMBER(struct top_donor, state),
	NUMBER(struct top_donor, lent_bytes),
	NUMBER(struct top_donor, reserved_bytes),
	NUMBERS(struct top_donor, path, path[0]),
	NUMBERS(struct top_donor, spec, spec[0]),
	{}
};

static const struct top_field tuner_fields[] = {
	NUMBER(struct dmem_journal, pid),
	NUMBER(struct dmem_journal, round_ns),
	NUMBER(struct dmem_journal, interval_ns),
	NUMBER(struct dmem_journal, rounds),
	NUMBER(struct dmem_journal, decisions),
	NUMBERS(struct dmem_journal, mode, mode[0]),
	{}
};

static const struct top_field decision_fields[] = {
	NUMBER(struct dmem_decision, time_ns),
	NUMBER(struct dmem_decision, vm),
	NUMBER(struct dmem_decision, region),
	NUMBER(struct dmem_decision, from),
	NUMBER(struct dmem_decision, order),
	NUMBER(struct dmem_decision, is_dry_run),
	NUMBERS(struct dmem_decision, name, name[0]),
	NUMBERS(struct dmem_decision, reason, reason[0]),
	{}
};

static const struct top_field map_fields[] = {
	NUMBER(struct top_map, vm),
	NUMBER(struct top_map, progress),
	NUMBER(struct top_map, span_ns),
	NUMBER(struct top_map, window.first),
	NUMBER(struct top_map, window.nr),
	NUMBER(struct top_map, window.per_bin),
	{}
};

static const struct top_field bin_fields[] = {
	NUMBER(struct top_bin, seen),
	NUMBER(struct top_bin, touched_pages),
	NUMBER(struct top_bin, local_pages),
	NUMBER(struct top_bin, remote_pages),
	NUMBER(struct top_bin, misses),
	NUMBER(struct top_bin, span_misses),
	NUMBER(struct top_bin, epoch),
	NUMBER(struct top_bin, hottest),
	NUMBER(struct top_bin, hottest_misses),
	NUMBERS(struct top_bin, orders, orders[0]),
	{}
};

static const struct top_field spot_fields[] = {
	NUMBER(struct dmem_plane_region, key.vm),
	NUMBER(struct dmem_plane_region, key.region),
	NUMBERS(struct dmem_plane_region, value.touched, value.touched[0]),
	NUMBER(struct dmem_plane_region, value.epoch),
	NUMBER(struct dmem_plane_region, value.vcpus),
	NUMBER(struct dmem_plane_region, value.misses),
	NUMBER(struct dmem_plane_region, value.soft_faults),
	NUMBER(struct dmem_plane_region, value.zero_fills),
	NUMBER(struct dmem_plane_region, value.write_faults),
	NUMBER(struct dmem_plane_region, value.fetched_pages),
	NUMBER(struct dmem_plane_region, value.prefetched_pages),
	NUMBER(struct dmem_plane_region, value.prefetched_used_pages),
	NUMBER(struct dmem_plane_region, value.prefetched_unused_pages),
	NUMBER(struct dmem_plane_region, value.evicted_pages),
	NUMBER(struct dmem_plane_region, value.writeback_pages),
	NUMBER(struct dmem_plane_region, value.kvm_faults),
	NUMBER(struct dmem_plane_region, value.local_pages),
	NUMBER(struct dmem_plane_region, value.remote_pages),
	NUMBERS(struct dmem_plane_region, value.distance, value.distance[0]),
	NUMBERS(struct dmem_plane_region, value.first_use, value.first_use[0]),
	NUMBER(struct dmem_plane_region, order.order),
	NUMBER(struct dmem_plane_region, order.asked),
	NUMBER(struct dmem_plane_region, order.decided_ns),
	NUMBER(struct dmem_plane_region, decided),
	{}
};

const struct top_section_type top_sections[TOP_SECTIONS] = {
	[TOP_SECTION_FRAME] = { "frame", sizeof(struct top_sample), frame_fields },
	[TOP_SECTION_VM] = { "vm", sizeof(struct dmem_plane_vm), vm_fields },
	[TOP_SECTION_LATENCY] = { "latency", sizeof(struct dmem_plane_latency), latency_fields },
	[TOP_SECTION_DONOR] = { "donor", sizeof(struct top_donor), donor_fields },
	[TOP_SECTION_TUNER] = { "tuner", sizeof(struct dmem_journal), tuner_fields },
	[TOP_SECTION_DECISION] = { "decision", sizeof(struct dmem_decision), decision_fields },
	[TOP_SECTION_MAP] = { "map", sizeof(struct top_map), map_fields },
	[TOP_SECTION_BIN] = { "bin", sizeof(struct top_bin), bin_fields },
	[TOP_SECTION_SPOT] = { "spot", sizeof(struct dmem_plane_region), spot_fields },
};
