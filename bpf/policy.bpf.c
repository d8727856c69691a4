// SPDX-License-Identifier: GPL-2.0
/*
 * policy.bpf.c - what was decided for a region, handed to the core. A region without a
 * decision has the one for all of its VM, and without that the VM's default order. The core
 * clamps whatever comes.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "core.bpf.h"
#include "maps.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DMEM_MAX_REGIONS);
	__type(key, struct dmem_region_key);
	__type(value, struct dmem_order_value);
} orders SEC(".maps");

SEC("struct_ops/fetch_order")
u32 BPF_PROG(fetch_order, struct dmem_fetch_ctx *fetch)
{
	struct dmem_region_key key = { .vm = fetch->vm, .region = fetch->region };
	struct dmem_order_value *decided = bpf_map_lookup_elem(&orders, &key);

	if (!decided) {
		key.region = DMEM_REGION_ALL;
		decided = bpf_map_lookup_elem(&orders, &key);
	}
	if (!decided)
		return DMEM_ORDER_DEFAULT;
	__sync_fetch_and_add(&decided->asked, 1);
	return decided->order;
}

SEC(".struct_ops.link")
struct dmem_policy_ops policy = {
	.fetch_order = (void *)fetch_order,
	.name = "dmem-orders",
};
