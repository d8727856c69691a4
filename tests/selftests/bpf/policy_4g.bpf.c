// SPDX-License-Identifier: GPL-2.0
/*
 * policy_4g.bpf.c - a policy that asks for an order that no memory has: the core must clamp it.
 *
 * Attached by policy.c, and for plane.sh by `policy hold`.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "core.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/fetch_order")
u32 BPF_PROG(fetch_order, struct dmem_fetch_ctx *fetch)
{
	return 4000000000U;
}

SEC(".struct_ops.link")
struct dmem_policy_ops policy_4g = {
	.fetch_order = (void *)fetch_order,
	.name = "selftest-4g",
};
