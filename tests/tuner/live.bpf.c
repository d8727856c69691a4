// SPDX-License-Identifier: GPL-2.0
/*
 * live.bpf.c - the plane's own counting, for events that a test makes up: no module is needed, and
 * the verifier looks at the same code.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "core.bpf.h"
#include "maps.h"
#include "event.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct dmem_event);
} told SEC(".maps");

SEC("syscall")
int tell(void *context)
{
	u32 zero = 0, now = epoch_number();
	struct dmem_event *event = bpf_map_lookup_elem(&told, &zero);
	struct cursor at = {};

	if (event && cursor_move(&at, event))
		count_event(at.of_vm, at.of_donor, at.of_region, event, now);
	return 0;
}
