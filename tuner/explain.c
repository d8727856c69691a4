// SPDX-License-Identifier: GPL-2.0
/*
 * explain.c - dmem-tuner --explain: one region as the model sees it. Reads the maps of the plane
 * that is there and changes nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"
#include "tune.h"

static const struct dmem_plane_vm *find_name(const struct dmem_plane_vm *vms, size_t nr,
					     const char *name, size_t len)
{
	for (size_t i = 0; i < nr; i++)
		if (!vms[i].value.gone && strlen(vms[i].value.name) == len &&
		    !memcmp(vms[i].value.name, name, len))
			return &vms[i];
	return NULL;
}

static void print_use(const struct dmem_region_value *value)
{
	printf("  misses %u, soft faults %u, zero fills %u, writes among them %u\n", value->misses,
	       value->soft_faults, value->zero_fills, value->write_faults);
	printf("  fetched %u pages, prefetched %u: used %u, evicted unused %u\n", value->fetched_pages,
	       value->prefetched_pages, value->prefetched_used_pages,
	       value->prefetched_unused_pages);
	printf("  distances down");
	for (unsigned int slot = 0; slot < DMEM_DISTANCE_ZERO; slot++)
		printf(" %u", value->distance[slot]);
	printf(", none %u, up", value->distance[DMEM_DISTANCE_ZERO]);
	for (unsigned int slot = DMEM_DISTANCE_ZERO + 1; slot < DMEM_DISTANCE_SLOTS; slot++)
		printf(" %u", value->distance[slot]);
	printf("\n");
}

static void print_orders(const struct dmem_plane_vm *vm, const struct dmem_plane_region *region,
			 const struct model_sample *sample)
{
	unsigned int current = region->decided ? region->order.order : vm->value.default_order;
	double density[MODEL_ORDERS], cost_ns[MODEL_ORDERS];
	struct model_link link = tune_link(&vm->stats);
	struct model_decision decision = model_decide(&link, sample, current);
	bool enough = model_costs(&link, sample, current, density, cost_ns);

	printf("  link: %.2f us a request, %.2f us a page; host: %.2f us a page; %.2f fetched again\n",
	       link.request_ns / 1000, link.page_ns / 1000, link.host_ns / 1000, link.refetch);
	printf("  order  blocks in use  others used  us a used page\n");
	for (unsigned int order = 0; enough && order < MODEL_ORDERS; order++)
		printf("  %5u%c %13u %12.2f %15.2f\n", order, order == current ? '*' : ' ',
		       sample->touched_blocks[order], density[order], cost_ns[order] / 1000);
	printf("  in force: %u, %s; it would be %u: %s\n", current,
	       region->decided ? "decided" : "the default", decision.order, decision.reason);
}

static int explain_region(const struct dmem_plane *plane, const struct dmem_plane_vm *vm,
			  unsigned long index, struct dmem_error *error)
{
	static const struct dmem_region_value none;
	struct dmem_plane_region *regions;
	bool found = false;
	__u64 epoch;
	size_t nr;
	int err;

	err = dmem_plane_read_epoch(plane, &epoch, error);
	if (!err)
		err = dmem_plane_read_regions(plane, &regions, &nr, error);
	if (err)
		return err;
	for (size_t i = 0; i < nr && !found; i++) {
		struct model_sample sample;

		found = regions[i].key.vm == vm->id && regions[i].key.region == index;
		if (!found)
			continue;
		sample = tune_sample(&regions[i].value, &none, epoch);
		printf("%s region %lu, since the plane was loaded:\n", vm->value.name, index);
		print_use(&regions[i].value);
		print_orders(vm, &regions[i], &sample);
	}
	free(regions);
	return found ? 0 : dmem_fail(error, ENOENT, "%s: nothing touched region %lu yet",
				     vm->value.name, index);
}

int tune_explain(const char *what, struct dmem_error *error)
{
	const char *colon = strrchr(what, ':');
	const struct dmem_plane_vm *vm;
	struct dmem_plane_vm *vms;
	struct dmem_plane plane;
	unsigned long index;
	size_t nr;
	char *end;
	int err;

	index = colon ? strtoul(colon + 1, &end, 10) : 0;
	if (!colon || colon[1] < '0' || colon[1] > '9' || *end)
		return dmem_fail(error, EINVAL, "%s: not a VM memory's name and a region, as vm0:17",
				 what);
	tune_measure_host();
	err = dmem_plane_open(&plane, false, error);
	if (err)
		return err;
	err = dmem_plane_read_vms(&plane, &vms, &nr, error);
	if (!err) {
		vm = find_name(vms, nr, what, colon - what);
		err = vm ? explain_region(&plane, vm, index, error) :
		      dmem_fail(error, ENOENT, "%.*s: there is no VM memory of that name",
				(int)(colon - what), what);
		free(vms);
	}
	dmem_plane_close(&plane);
	return err;
}
