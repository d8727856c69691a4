// SPDX-License-Identifier: GPL-2.0
/*
 * report.c - the demo's figures. `collect` runs in the emulated host while the VM memory is
 * still there and writes what core and maps say of it; `finish` runs outside, adds what only the
 * outside knows, prints the table and judges.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <json-c/json.h>

#include "hist.h"
#include "plane.h"
#include "pool.h"
#include "units.h"

#define MIB	(1 << 20)

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "demo: %s: %s\n", what, why);
	return 1;
}

static void put(struct json_object *to, const char *name, __s64 value)
{
	json_object_object_add(to, name, json_object_new_int64(value));
}

static __s64 get(struct json_object *from, const char *name)
{
	return json_object_get_int64(json_object_object_get(from, name));
}

static void put_core(struct json_object *to, const struct dmem_vm_get *vm)
{
	struct json_object *orders = json_object_new_array();
	int i;

	for (i = 0; i < DMEM_ORDERS; i++)
		json_object_array_add(orders, json_object_new_int64(vm->fetches[i]));
	put(to, "size_bytes", vm->size_bytes);
	put(to, "direct_limit_bytes", vm->direct_limit_bytes);
	put(to, "direct_bytes", vm->direct_bytes);
	put(to, "remote_bytes", vm->remote_bytes);
	put(to, "footprint_bytes", vm->direct_bytes + vm->remote_bytes);
	put(to, "faults", vm->faults);
	put(to, "soft_faults", vm->soft_faults);
	put(to, "zero_fills", vm->zero_fills);
	json_object_object_add(to, "fetches_by_order", orders);
	put(to, "fetched_pages", vm->fetched_pages);
	put(to, "prefetched_pages", vm->prefetched_pages);
	put(to, "prefetched_used_pages", vm->prefetched_used_pages);
	put(to, "evictions", vm->evictions);
	put(to, "evicted_pages", vm->evicted_pages);
	put(to, "writebacks", vm->writebacks);
	put(to, "writeback_pages", vm->writeback_pages);
	put(to, "policy_decisions", vm->policy_decisions);
	put(to, "errors", vm->errors);
}

static void put_decisions(struct json_object *to, const struct dmem_plane_region *regions,
			  size_t nr, __u32 vm)
{
	struct json_object *orders = json_object_new_array();
	__s64 by_order[DMEM_MAP_ORDERS] = {}, decided = 0, asked = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		if (regions[i].key.vm != vm || !regions[i].decided)
			continue;
		decided++;
		asked += regions[i].order.asked;
		if (regions[i].order.order < DMEM_MAP_ORDERS)
			by_order[regions[i].order.order]++;
	}
	for (i = 0; i < DMEM_MAP_ORDERS; i++)
		json_object_array_add(orders, json_object_new_int64(by_order[i]));
	put(to, "regions_decided", decided);
	put(to, "decisions_asked", asked);
	json_object_object_add(to, "regions_by_order", orders);
}

static int put_plane(struct json_object *to, __u32 id, struct dmem_error *error)
{
	struct dmem_plane_region *regions = NULL;
	struct dmem_plane_vm *vms = NULL;
	struct dmem_plane plane;
	size_t i, nr_vms, nr;
	int err;

	err = dmem_plane_open(&plane, false, error);
	if (err)
		return err;
	err = dmem_plane_read_vms(&plane, &vms, &nr_vms, error);
	if (!err)
		err = dmem_plane_read_regions(&plane, &regions, &nr, error);
	for (i = 0; !err && i < nr_vms; i++) {
		const __u64 *slots = vms[i].stats.fetch_latency;

		if (vms[i].id != id)
			continue;
		put(to, "kvm_faults", vms[i].stats.kvm_faults);
		put(to, "fetch_p50_ns", dmem_hist_quantile(slots, DMEM_LATENCY_SLOTS, 0.5));
		put(to, "fetch_p99_ns", dmem_hist_quantile(slots, DMEM_LATENCY_SLOTS, 0.99));
	}
	if (!err)
		put_decisions(to, regions, nr, id);
	free(regions);
	free(vms);
	dmem_plane_close(&plane);
	return err;
}

static int collect(const char *path, const char *out)
{
	struct json_object *figures = json_object_new_object();
	struct dmem_error error;
	struct dmem_vm_get vm;
	int err, fd = dmem_vm_open(path, O_RDONLY, &error);

	if (fd < 0)
		return fail(path, error.text);
	err = dmem_vm_get(fd, &vm, &error);
	close(fd);
	if (err)
		return fail(path, error.text);
	put_core(figures, &vm);
	if (put_plane(figures, vm.id, &error))
		return fail("plane", error.text);
	if (json_object_to_file_ext(out, figures, JSON_C_TO_STRING_PRETTY))
		return fail(out, json_util_get_last_err());
	json_object_put(figures);
	return 0;
}

static void print_bytes(const char *label, __s64 bytes)
{
	printf("  %-30s %10.1f MiB\n", label, (double)bytes / MIB);
}

static void print_count(const char *label, __s64 count)
{
	printf("  %-30s %10lld\n", label, (long long)count);
}

static void print_orders(const char *label, struct json_object *counts)
{
	char text[256] = "";
	size_t i, len = 0;

	for (i = 0; i < json_object_array_length(counts); i++) {
		__s64 count = json_object_get_int64(json_object_array_get_idx(counts, i));

		if (count)
			len += snprintf(text + len, sizeof(text) - len, "%s%zu: %lld",
					len ? ", " : "", i, (long long)count);
	}
	printf("  %-30s %10s\n", label, *text ? text : "none");
}

static void print_table(struct json_object *figures)
{
	printf("\n  %-30s %10s\n", "figure", "value");
	printf("  %-30s %10s\n", "------", "-----");
	print_bytes("footprint", get(figures, "footprint_bytes"));
	print_bytes("direct limit", get(figures, "direct_limit_bytes"));
	print_bytes("direct memory", get(figures, "direct_bytes"));
	print_bytes("remote memory", get(figures, "remote_bytes"));
	print_count("faults", get(figures, "faults"));
	print_count("soft faults", get(figures, "soft_faults"));
	print_count("second-level faults of KVM", get(figures, "kvm_faults"));
	print_orders("fetches by block order", json_object_object_get(figures, "fetches_by_order"));
	print_count("prefetched pages", get(figures, "prefetched_pages"));
	print_count("... of those used", get(figures, "prefetched_used_pages"));
	print_count("evictions (runs)", get(figures, "evictions"));
	print_count("evicted pages", get(figures, "evicted_pages"));
	print_count("writebacks (requests)", get(figures, "writebacks"));
	print_count("written-back pages", get(figures, "writeback_pages"));
	printf("  %-30s %10.1f us\n", "fetch time, median", get(figures, "fetch_p50_ns") / 1e3);
	printf("  %-30s %10.1f us\n", "fetch time, 99 %", get(figures, "fetch_p99_ns") / 1e3);
	print_orders("regions by decided order", json_object_object_get(figures, "regions_by_order"));
	print_count("tuner decisions", get(figures, "tuner_decisions"));
	print_count("times that the core asked for one", get(figures, "decisions_asked"));
	if (json_object_object_get(figures, "held_up_ms"))
		printf("  %-30s %10lld ms\n", "held up by the donor's death",
		       (long long)get(figures, "held_up_ms"));
	printf("  %-30s %10s\n", "guest's data verified",
	       get(figures, "guest_verified") ? "yes" : "NO");
	printf("  %-30s %10s\n", "kernel log clean",
	       get(figures, "kernel_log_clean") ? "yes" : "NO");
	printf("  %-30s %10lld s\n\n", "wall time", (long long)get(figures, "wall_seconds"));
}

/* What the demo promises: each broken promise is told, and the demo fails. */
static int judge(struct json_object *figures)
{
	const struct {
		bool kept;
		const char *otherwise;
	} promises[] = {
		{ get(figures, "guest_verified"), "the guest did not finish or its data is wrong" },
		{ get(figures, "kernel_log_clean"), "the host kernel's log is not clean" },
		{ get(figures, "remote_bytes") > 0, "no remote memory was in use" },
		{ get(figures, "fetched_pages") > 0, "nothing was fetched" },
		{ get(figures, "tuner_decisions") > 0, "the tuner decided nothing" },
		{ get(figures, "decisions_asked") > 0, "the core asked for no decision" },
		{ !get(figures, "errors"), "pages were lost" },
		{ !json_object_object_get(figures, "held_up_ms") || get(figures, "held_up_ms") > 0,
		  "no fetch met the donor that was killed" },
	};
	int broken = 0;
	size_t i;

	for (i = 0; i < sizeof(promises) / sizeof(promises[0]); i++) {
		if (promises[i].kept)
			continue;
		fail("failed", promises[i].otherwise);
		broken++;
	}
	return broken ? 1 : 0;
}

static int finish(char **argv)
{
	const char *out = argv[1];
	struct json_object *figures = json_object_from_file(argv[0]);

	if (!figures)
		return fail(argv[0], "the run ended before its figures were taken");
	put(figures, "tuner_decisions", atoll(argv[2]));
	json_object_object_add(figures, "guest_verified",
			       json_object_new_boolean(!strcmp(argv[3], "yes")));
	json_object_object_add(figures, "kernel_log_clean",
			       json_object_new_boolean(!strcmp(argv[4], "yes")));
	put(figures, "wall_seconds", atoll(argv[5]));
	if (argv[6])
		put(figures, "held_up_ms", atoll(argv[6]));
	print_table(figures);
	if (json_object_to_file_ext(out, figures, JSON_C_TO_STRING_PRETTY))
		return fail(out, json_util_get_last_err());
	return judge(figures);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "collect"))
		return collect(argv[2], argv[3]);
	if ((argc == 8 || argc == 9) && !strcmp(argv[1], "finish"))
		return finish(argv + 2);
	fprintf(stderr, "usage: demo-report collect VM_MEMORY FIGURES\n"
		"       demo-report finish FIGURES OUT DECISIONS GUEST_VERIFIED LOG_CLEAN SECONDS\n"
		"                          [HELD_UP_MS]\n");
	return 2;
}
