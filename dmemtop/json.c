// SPDX-License-Identifier: GPL-2.0
/*
 * json.c - a model as JSON: docs/json.md.
 *
 * Memory that is missing ends the program: half a frame is of no use to anybody.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "output.h"

static void no_memory(void)
{
	fprintf(stderr, "dmemtop: %s\n", strerror(ENOMEM));
	exit(EXIT_FAILURE);
}

static struct json_object *need(struct json_object *value)
{
	if (!value)
		no_memory();
	return value;
}

static void put(struct json_object *object, const char *name, struct json_object *value)
{
	if (json_object_object_add(object, name, value))
		no_memory();
}

static void append(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, need(value)))
		no_memory();
}

static void put_number(struct json_object *object, const char *name, __u64 value)
{
	put(object, name, need(json_object_new_int64((int64_t)value)));
}

static void put_string(struct json_object *object, const char *name, const char *value)
{
	put(object, name, need(dmem_json_string(value)));
}

/* As it is written: null where it is not known. */
static void put_text(struct json_object *object, const char *name, const char *text, bool known,
		     bool is_double)
{
	struct json_object *number = NULL;

	if (known && is_double)
		number = need(json_object_new_double_s(strtod(text, NULL), text));
	else if (known)
		number = need(json_object_new_int64(strtoll(text, NULL, 10)));
	put(object, name, number);
}

static void put_double(struct json_object *object, const char *name, double value)
{
	char text[64];

	snprintf(text, sizeof(text), "%.3f", value);
	put_text(object, name, text, value >= 0, true);
}

static void put_numbers(struct json_object *object, const char *name, const __u64 *values,
			size_t nr)
{
	struct json_object *array = need(json_object_new_array_ext((int)nr));

	for (size_t i = 0; i < nr; i++)
		append(array, json_object_new_int64((int64_t)values[i]));
	put(object, name, array);
}

static struct json_object *region_json(const struct top_region *region)
{
	struct json_object *object = need(json_object_new_object());

	put_number(object, "index", region->index);
	put_number(object, "offset_bytes", region->offset_bytes);
	put_number(object, "local_pages", region->local_pages);
	put_number(object, "remote_pages", region->remote_pages);
	put_number(object, "touched_pages", region->touched_pages);
	put_number(object, "misses", region->misses);
	put_double(object, "misses_per_s", region->misses_per_s);
	put_number(object, "prefetched_used_pages", region->prefetched_used_pages);
	put_number(object, "prefetched_unused_pages", region->prefetched_unused_pages);
	put_number(object, "order", region->order);
	put(object, "decided", need(json_object_new_boolean(region->decided)));
	put_number(object, "decision_asked", region->decision_asked);
	return object;
}

static void put_regions(struct json_object *object, const struct top_vm *vm)
{
	struct json_object *regions = need(json_object_new_array_ext((int)vm->nr_regions + 1));
	__u64 by_order[DMEM_MAP_ORDERS];

	for (int order = 0; order < DMEM_MAP_ORDERS; order++)
		by_order[order] = vm->regions_by_order[order];
	put_numbers(object, "regions_by_order", by_order, DMEM_MAP_ORDERS);
	for (size_t i = 0; i < vm->nr_regions; i++)
		append(regions, region_json(&vm->regions[i]));
	put(object, "regions", regions);
}

static struct json_object *vm_json(const struct top_vm *vm, bool has_regions)
{
	struct json_object *object = need(json_object_new_object());
	const struct output_figure *figure;
	char text[256];

	put_string(object, "name", vm->value.name);
	for (figure = output_figures; figure->name; figure++) {
		bool known = output_figure_text(figure, vm, text, sizeof(text));

		put_text(object, figure->name, text, known, figure->type == OUTPUT_DOUBLE);
	}
	put_number(object, "fetches", top_count_of(&vm->total, TOP_FETCHES));
	put_numbers(object, "fetches_by_order", vm->total.fetches_by_order, DMEM_MAP_ORDERS);
	put_numbers(object, "fetch_latency", vm->total.fetch_latency, DMEM_LATENCY_SLOTS);
	put_numbers(object, "first_use", vm->total.first_use, DMEM_LATENCY_SLOTS);
	put_number(object, "severity", (__u64)top_explain(vm, text, sizeof(text)));
	put_string(object, "state", text);
	if (has_regions)
		put_regions(object, vm);
	return object;
}

static struct json_object *latency_json(const struct dmem_plane_latency *latency, int order)
{
	const struct dmem_latency_value *value = &latency->value;
	struct json_object *object = need(json_object_new_object());

	put_number(object, "vm", latency->key.vm);
	put_number(object, "donor", latency->key.donor);
	put_number(object, "order", (__u64)order);
	put_numbers(object, "fetches", value->fetches[order], DMEM_LATENCY_SLOTS);
	put_number(object, "fetch_ns", value->fetch_ns[order]);
	put_number(object, "rest_requests", value->rest_requests[order]);
	put_number(object, "rest_pages", value->rest_pages[order]);
	put_number(object, "rest_ns", value->rest_ns[order]);
	return object;
}

static bool has_fetches(const struct dmem_latency_value *value, int order)
{
	for (int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++)
		if (value->fetches[order][slot])
			return true;
	return value->rest_requests[order];
}

static struct json_object *latencies_json(const struct top_model *model)
{
	struct json_object *array = need(json_object_new_array());

	for (size_t i = 0; i < model->sample->nr_latencies; i++) {
		const struct dmem_plane_latency *latency = &model->sample->latencies[i];

		for (int order = 0; order < DMEM_MAP_ORDERS; order++)
			if (top_find_vm(model, latency->key.vm) &&
			    has_fetches(&latency->value, order))
				append(array, latency_json(latency, order));
	}
	return array;
}

static struct json_object *donors_json(const struct top_sample *sample)
{
	struct json_object *array = need(json_object_new_array());

	for (size_t i = 0; i < sample->nr_donors; i++) {
		const struct top_donor *donor = &sample->donors[i];
		struct json_object *object = need(json_object_new_object());

		put_number(object, "donor", donor->id);
		put_string(object, "path", donor->path);
		put_string(object, "spec", donor->spec);
		put_string(object, "state", top_donor_state(donor));
		put_number(object, "lent_bytes", donor->lent_bytes);
		put_number(object, "reserved_bytes", donor->reserved_bytes);
		append(array, object);
	}
	return array;
}

static struct json_object *decision_json(const struct dmem_decision *decision)
{
	struct json_object *object = need(json_object_new_object());

	put_number(object, "time_ns", decision->time_ns);
	put_number(object, "vm", decision->vm);
	put_string(object, "name", decision->name);
	put_number(object, "region", decision->region);
	put_number(object, "from", decision->from);
	put_number(object, "order", decision->order);
	put(object, "is_dry_run", need(json_object_new_boolean(decision->is_dry_run != 0)));
	put_string(object, "reason", decision->reason);
	return object;
}

static struct json_object *tuner_json(const struct dmem_journal *tuner)
{
	struct json_object *object, *entries;

	if (!tuner->pid)
		return NULL;
	object = need(json_object_new_object());
	entries = need(json_object_new_array());
	put_number(object, "pid", tuner->pid);
	put_string(object, "mode", tuner->mode);
	put_number(object, "interval_ns", tuner->interval_ns);
	put_number(object, "round_ns", tuner->round_ns);
	put_number(object, "rounds", tuner->rounds);
	put_number(object, "decisions", tuner->decisions);
	for (__u32 i = 0; i < tuner->nr; i++)
		append(entries, decision_json(&tuner->entries[i]));
	put(object, "last_decisions", entries);
	return object;
}

static struct json_object *plane_json(const struct top_sample *sample)
{
	struct json_object *plane = need(json_object_new_object());

	put_number(plane, "lost_events", sample->stats.lost_events);
	put_number(plane, "kvm_faults_other", sample->stats.kvm_faults_other);
	put_number(plane, "kvm_faults_unmatched", sample->stats.kvm_faults_unmatched);
	put_number(plane, "epoch", sample->epoch);
	return plane;
}

static struct json_object *frame_json(const struct top_model *model)
{
	struct json_object *frame = need(json_object_new_object());
	struct json_object *vms = need(json_object_new_array());
	const struct top_sample *sample = model->sample;

	put_number(frame, "time_ns", sample->unix_ns);
	put_number(frame, "monotonic_ns", sample->time_ns);
	if (model->interval_ns)
		put_number(frame, "interval_ns", model->interval_ns);
	else
		put(frame, "interval_ns", NULL);
	put(frame, "plane", plane_json(sample));
	for (size_t i = 0; i < model->nr_vms; i++)
		append(vms, vm_json(&model->vms[i], sample->has_regions));
	put(frame, "vms", vms);
	put(frame, "latencies", latencies_json(model));
	put(frame, "donors", donors_json(sample));
	put(frame, "tuner", tuner_json(&sample->tuner));
	return frame;
}

int output_json(const struct top_model *model, bool pretty, struct dmem_error *error)
{
	int style = JSON_C_TO_STRING_NOSLASHESCAPE;
	struct json_object *frame = frame_json(model);
	const char *text;
	size_t len;
	int err;

	if (pretty)
		style |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
	text = json_object_to_json_string_length(frame, style, &len);
	if (!text)
		no_memory();
	err = output_write(text, len, error);
	if (!err)
		err = output_write("\n", 1, error);
	json_object_put(frame);
	return err;
}
