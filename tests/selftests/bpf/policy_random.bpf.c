// SPDX-License-Identifier: GPL-2.0
/*
 * policy_random.bpf.c - a policy that answers any order, and now and then none that exists: for
 * the stress test, where every fetch is another one.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "core.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/fetch_order")
u32 BPF_PROG(fetch_order, struct dmem_fetch_ctx *fetch)
{
	return bpf_get_prandom_u32() % 12;
}

SEC(".struct_ops.link")
struct dmem_policy_ops policy_random = {
	.fetch_order = (void *)fetch_order,
	.name = "stress-random",
};
