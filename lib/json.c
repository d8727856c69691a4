// SPDX-License-Identifier: GPL-2.0
/*
 * json.c - what libdmem knows, as JSON objects.
 *
 * One table names the fields of the ABI's struct: a new field is a new line.
 */
#include "json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

struct field {
	const char *name;
	size_t offset;
};

/* The name in JSON is the field's by construction. */
#define FIELD(name) { #name, offsetof(struct dmem_vm_get, name) }

/* All are __u64. Those before and after the array of fetches, to keep the struct's order. */
static const struct field fields_before[] = {
	FIELD(size_bytes), FIELD(direct_limit_bytes), FIELD(direct_bytes), FIELD(remote_bytes),
	FIELD(faults), FIELD(soft_faults), FIELD(zero_fills),
};

static const struct field fields_after[] = {
	FIELD(fetched_pages), FIELD(prefetched_pages), FIELD(prefetched_used_pages),
	FIELD(prefetched_unused_pages), FIELD(evicted_pages), FIELD(evictions),
	FIELD(writeback_pages), FIELD(writebacks), FIELD(zero_pages), FIELD(rescued_pages),
	FIELD(pinned_skips), FIELD(retries), FIELD(stalls), FIELD(policy_decisions),
	FIELD(policy_clamped), FIELD(errors), FIELD(regions), FIELD(prefetches_queued),
	FIELD(prefetches_dropped),
};

_Static_assert(sizeof(struct dmem_vm_get) == 4 * sizeof(__u32) + DMEM_ORDERS * sizeof(__u64) +
	       sizeof(__u64) * (sizeof(fields_before) + sizeof(fields_after)) /
	       sizeof(struct field), "struct dmem_vm_get has a field that JSON does not");

struct json_object *dmem_json_string(const char *text)
{
	size_t room = strlen(text) * DMEM_UTF8_GROWTH + 1;
	struct json_object *string;
	char *clean = malloc(room), *to = clean;

	if (!clean)
		return NULL;
	while (*text) {
		size_t len;
		const char *next = dmem_utf8_take(&text, &len);

		to = mempcpy(to, next, len);
	}
	*to = 0;
	string = json_object_new_string(clean);
	free(clean);
	return string;
}

bool dmem_json_add(struct json_object *object, const char *name, struct json_object *value)
{
	if (value && !json_object_object_add(object, name, value))
		return true;
	json_object_put(value);
	return false;
}

bool dmem_json_add_number(struct json_object *object, const char *name, uint64_t value)
{
	return dmem_json_add(object, name, json_object_new_int64((int64_t)value));
}

static bool add_fields(struct json_object *object, const struct dmem_vm_get *get,
		       const struct field *field, size_t nr)
{
	for (; nr; nr--, field++) {
		uint64_t value;

		memcpy(&value, (const char *)get + field->offset, sizeof(value));
		if (!dmem_json_add_number(object, field->name, value))
			return false;
	}
	return true;
}

static struct json_object *fetches_json(const struct dmem_vm_get *get)
{
	struct json_object *array = json_object_new_array_ext(DMEM_ORDERS);

	for (int order = 0; array && order < DMEM_ORDERS; order++) {
		struct json_object *count = json_object_new_int64((int64_t)get->fetches[order]);

		if (count && !json_object_array_add(array, count))
			continue;
		json_object_put(count);
		json_object_put(array);
		array = NULL;
	}
	return array;
}

struct json_object *dmem_vm_json(const char *path, const struct dmem_vm_get *get)
{
	struct json_object *vm = json_object_new_object();
	const char *slash = strrchr(path, '/');

	if (vm && dmem_json_add(vm, "path", dmem_json_string(path)) &&
	    dmem_json_add(vm, "name", dmem_json_string(slash ? slash + 1 : path)) &&
	    dmem_json_add_number(vm, "id", get->id) &&
	    dmem_json_add_number(vm, "order", get->order) &&
	    add_fields(vm, get, fields_before, sizeof(fields_before) / sizeof(fields_before[0])) &&
	    dmem_json_add(vm, "fetches", fetches_json(get)) &&
	    add_fields(vm, get, fields_after, sizeof(fields_after) / sizeof(fields_after[0])))
		return vm;
	json_object_put(vm);
	return NULL;
}

struct json_object *dmem_pool_json(const struct dmem_pool *pool,
				   const struct dmem_pool_usage *usage)
{
	struct json_object *object = json_object_new_object();

	if (object && dmem_json_add(object, "path", dmem_json_string(pool->path)) &&
	    dmem_json_add(object, "options", dmem_json_string(pool->options)) &&
	    dmem_json_add_number(object, "lent_bytes", usage->lent_bytes) &&
	    dmem_json_add_number(object, "reserved_bytes", usage->reserved_bytes))
		return object;
	json_object_put(object);
	return NULL;
}
