// SPDX-License-Identifier: GPL-2.0
/*
 * micro_stages.bpf.c - when a fault of one thread comes by the functions that bound its stages.
 *
 * All programs are alike, so that what a probe costs lies once between two of their stamps.
 * micro_stages.c says which stage is where.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "micro_stages.h"

char LICENSE[] SEC("license") = "GPL";

__u32 thread;
__u64 hits;
__u64 hit_ns[NR_PROBES];

static int hit(enum micro_probe probe)
{
	if ((__u32)bpf_get_current_pid_tgid() != thread)
		return 0;
	hits++;
	hit_ns[probe] = bpf_ktime_get_ns();
	return 0;
}

SEC("fentry/dmem_fault")
int BPF_PROG(on_fault)
{
	return hit(PROBE_FAULT);
}

SEC("fentry/dmem_page_take")
int BPF_PROG(on_take)
{
	return hit(PROBE_TAKE);
}

/* Twice a fetch: when it begins and when it is over. */
SEC("fentry/dmem_page_set")
int BPF_PROG(on_set)
{
	return hit(hits > PROBE_BEGIN ? PROBE_SETTLE : PROBE_BEGIN);
}

SEC("fentry/dmem_fetch_order")
int BPF_PROG(on_order)
{
	return hit(PROBE_ORDER);
}

SEC("fentry/dmem_fetch_page")
int BPF_PROG(on_fetch)
{
	return hit(PROBE_FETCH);
}

SEC("fentry/dmem_local_read_now")
int BPF_PROG(on_read)
{
	return hit(PROBE_READ);
}

SEC("fentry/finish_fault")
int BPF_PROG(on_finish)
{
	return hit(PROBE_FINISH);
}
