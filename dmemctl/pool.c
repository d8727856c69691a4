// SPDX-License-Identifier: GPL-2.0
/*
 * pool.c - the commands on pools: mount, umount, list.
 */
#include <errno.h>
#include <keyutils.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dmemctl.h"
#include "json.h"
#include "units.h"
#include "wire.h"

/* Of the key in the process keyring; what is before the colon is needed. */
#define KEY_NAME	"dmem:mount"

char *full_path(const char *path)
{
	char *full = realpath(path, NULL);

	return full ? full : need(strdup(path));
}

/* The pool that @path is in, out of a list; NULL where it is in none of them. */
static const struct dmem_pool *find_pool(const struct dmem_pool *pools, size_t nr,
					 const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return NULL;
	for (size_t i = 0; i < nr; i++)
		if (pools[i].dev == st.st_dev)
			return &pools[i];
	return NULL;
}

/* A pool's object, or NULL with the reason told. */
static struct json_object *pool_object(const struct call *call, const struct dmem_pool *pool)
{
	struct dmem_pool_usage usage;
	struct dmem_error error;

	if (!dmem_pool_get_usage(pool->path, &usage, &error))
		return need(dmem_pool_json(pool, &usage));
	fail_at(call, pool->path, "%s", error.text);
	return NULL;
}

/* The options of the command line that are mount options, under the same names. */
static const struct {
	enum argument argument;
	const char *option;
	bool is_size;		/* the kernel knows fewer ways to write one */
} mount_options[] = {
	{ ARGUMENT_REPLICAS, "replicas", false },
	{ ARGUMENT_SIZE, "size", true },
	{ ARGUMENT_DIRECT, "direct", true },
	{ ARGUMENT_ORDER, "order", false },
};

/* A comma would begin another mount option. */
static int add_option(const struct call *call, FILE *to, const char *option, const char *value)
{
	if (strchr(value, ','))
		return misuse(call, "--%s %s: a comma in it", option, value);
	fprintf(to, "%s=%s,", option, value);
	return DONE;
}

static int add_size(const struct call *call, FILE *to, const char *option, const char *value)
{
	char name[DMEM_NAME_LEN], text[DMEM_UNITS_LEN];
	uint64_t bytes;
	int status;

	if (strchr(value, '%'))
		return add_option(call, to, option, value);
	snprintf(name, sizeof(name), "--%s", option);
	status = parse_bytes(call, name, value, &bytes);
	if (status)
		return status;
	return add_option(call, to, option, dmem_format_size(text, sizeof(text), bytes));
}

/*
 * The key is where the kernel looks for it until this process ends: neither its bytes nor the
 * file's name are in the mount's options.
 */
static int add_key_file(const struct call *call, FILE *to, const char *path)
{
	uint8_t key[DMEM_WIRE_KEY_BYTES];
	struct dmem_error error;
	key_serial_t serial;

	if (dmem_wire_read_key(path, key, &error))
		return fail(call, "--key-file %s", error.text);
	serial = add_key("logon", KEY_NAME, key, sizeof(key), KEY_SPEC_PROCESS_KEYRING);
	explicit_bzero(key, sizeof(key));
	if (serial < 0)
		return fail(call, "--key-file %s: the kernel does not take the key: %s", path,
			    strerror(errno));
	return add_option(call, to, "key", KEY_NAME);
}

/* The command line as mount options, for free(); NULL with the reason told. */
static char *compose_options(const struct call *call)
{
	const char *further = call->argument[ARGUMENT_OPTIONS];
	char *options = NULL;
	int status = DONE;
	size_t len;
	FILE *to = need(open_memstream(&options, &len));

	for (int i = 0; !status && i < call->nr_donors; i++)
		status = add_option(call, to, "donor", call->donors[i]);
	for (size_t i = 0; !status && i < sizeof(mount_options) / sizeof(mount_options[0]); i++) {
		const char *value = call->argument[mount_options[i].argument];

		if (value)
			status = (mount_options[i].is_size ? add_size : add_option)(
				call, to, mount_options[i].option, value);
	}
	if (!status && call->argument[ARGUMENT_KEY_FILE])
		status = add_key_file(call, to, call->argument[ARGUMENT_KEY_FILE]);
	fputs(further ? further : "", to);
	if (fclose(to) || status) {
		free(options);
		return status ? NULL : need(NULL);
	}
	return options;
}

int pool_make(const struct call *call, const char *path, bool *made)
{
	char *options = compose_options(call);
	struct dmem_error error;
	int err;

	*made = false;
	if (!options)
		return MISUSED;
	if (!call->object && !mkdir(path, 0755))
		*made = true;
	err = dmem_pool_mount(path, options, &error);
	free(options);
	if (!err)
		return DONE;
	if (*made)
		rmdir(path);
	return fail_at(call, path, "%s", error.text);
}

int pool_unmake(const struct call *call, const char *path, bool made)
{
	struct dmem_error error;

	if (dmem_pool_umount(path, &error))
		return fail_at(call, path, "%s", error.text);
	if (made)
		rmdir(path);
	return DONE;
}

int pool_mount(struct call *call)
{
	const char *path = call->object ? call->object : DEFAULT_POOL;
	const struct dmem_pool *pool;
	struct dmem_pool *pools;
	struct dmem_error error;
	bool made;
	size_t nr;
	int status = pool_make(call, path, &made);

	if (status)
		return status;
	if (dmem_pool_list(&pools, &nr, &error))
		return fail_at(call, path, "%s", error.text);
	pool = find_pool(pools, nr, path);
	if (pool)
		call->result = pool_object(call, pool);
	else
		fail_at(call, path, "mounted, but not in /proc/self/mountinfo");
	dmem_pool_list_free(pools, nr);
	return call->result ? DONE : FAILED;
}

static const char *const state_names[] = {
	[DMEM_DONOR_UP] = "up",
	[DMEM_DONOR_SUSPECT] = "suspect",
	[DMEM_DONOR_DOWN] = "down",
	[DMEM_DONOR_GONE] = "gone",
	[DMEM_DONOR_DRAINING] = "draining",
};

static struct json_object *donor_object(const char *path, const struct dmem_donor_info *info)
{
	struct json_object *object = need(json_object_new_object());
	bool known = info->state < sizeof(state_names) / sizeof(state_names[0]);

	put_member(object, "pool", dmem_json_string(path));
	put_member(object, "donor", dmem_json_string(info->name));
	put_member(object, "state",
		   json_object_new_string(known ? state_names[info->state] : "unknown"));
	put_member(object, "leased_bytes", json_object_new_int64((int64_t)info->leased_bytes));
	put_member(object, "used_bytes", json_object_new_int64((int64_t)info->used_bytes));
	put_member(object, "free_bytes", json_object_new_int64((int64_t)info->free_bytes));
	put_member(object, "latency_ns", json_object_new_int64((int64_t)info->latency_ns));
	put_member(object, "down_ms", json_object_new_int64((int64_t)info->down_ms));
	return object;
}

int pool_donors(struct call *call)
{
	struct json_object *donors = need(json_object_new_array());
	struct dmem_pool_donors all;
	struct dmem_pool *pools;
	struct dmem_error error;
	int status = DONE;
	size_t nr;

	call->result = need(json_object_new_object());
	put_member(call->result, "donors", donors);
	if (dmem_pool_list(&pools, &nr, &error))
		return fail(call, "%s", error.text);
	for (size_t i = 0; i < nr; i++) {
		if (call->object && find_pool(&pools[i], 1, call->object) != &pools[i])
			continue;
		if (dmem_pool_get_donors(pools[i].path, &all, &error))
			status = fail_at(call, pools[i].path, "%s", error.text);
		for (unsigned int k = 0; !status && k < all.nr; k++)
			put_item(donors, donor_object(pools[i].path, &all.donors[k]));
	}
	dmem_pool_list_free(pools, nr);
	if (!status && call->object && !json_object_array_length(donors))
		status = fail(call, "not in a dmem pool");
	if (status) {
		json_object_put(call->result);
		call->result = NULL;
	}
	return status;
}

int pool_umount(struct call *call)
{
	char *path = full_path(call->object);
	struct dmem_error error;
	int err = dmem_pool_umount(path, &error);

	if (err) {
		free(path);
		return fail(call, "%s", error.text);
	}
	call->result = need(json_object_new_object());
	put_member(call->result, "unmounted", dmem_json_string(path));
	free(path);
	return DONE;
}

static int add_vm(const char *path, const struct dmem_vm_get *get, void *vms)
{
	put_item(vms, dmem_vm_json(path, get));
	return 0;
}

/* One pool, with the VM memories below @path; what cannot be read is told and left out. */
static int list_pool(const struct call *call, const struct dmem_pool *pool, const char *path)
{
	struct json_object *pools = json_object_object_get(call->result, "pools");
	struct json_object *vms = json_object_object_get(call->result, "vms");
	struct json_object *object = pool_object(call, pool);
	struct dmem_error error;

	if (!object)
		return FAILED;
	put_item(pools, object);
	if (dmem_vm_for_each(path, add_vm, vms, &error))
		return fail_at(call, path, "%s", error.text);
	return DONE;
}

static int list_below(const struct call *call, const struct dmem_pool *pools, size_t nr)
{
	char *path = full_path(call->object);
	const struct dmem_pool *pool = find_pool(pools, nr, path);
	struct dmem_pool_usage usage;
	struct dmem_error error;
	struct stat st;
	int status;

	if (!stat(path, &st) && !S_ISDIR(st.st_mode))
		status = fail(call, "%s", strerror(ENOTDIR));
	else if (pool)
		status = list_pool(call, pool, path);
	else if (dmem_pool_get_usage(path, &usage, &error))
		status = fail(call, "%s", error.text);
	else
		status = fail(call, "its pool is not in /proc/self/mountinfo");
	free(path);
	return status;
}

int pool_list(struct call *call)
{
	struct dmem_pool *pools;
	struct dmem_error error;
	int status = DONE;
	size_t nr;

	if (dmem_pool_list(&pools, &nr, &error))
		return fail(call, "%s", error.text);
	call->result = need(json_object_new_object());
	put_member(call->result, "pools", json_object_new_array());
	put_member(call->result, "vms", json_object_new_array());
	if (call->object)
		status = list_below(call, pools, nr);
	for (size_t i = 0; !call->object && i < nr; i++)
		if (list_pool(call, &pools[i], pools[i].path))
			status = FAILED;
	dmem_pool_list_free(pools, nr);
	/* An empty list would say that there is nothing. */
	if (status && !json_object_array_length(json_object_object_get(call->result, "pools"))) {
		json_object_put(call->result);
		call->result = NULL;
	}
	return status;
}
