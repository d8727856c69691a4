// SPDX-License-Identifier: GPL-2.0
/*
 * pool.c - the commands on pools: mount, umount, list.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/keyctl.h>

#include "dmemctl.h"
#include "json.h"
#include "wire.h"

/* In the keyring of this process, which ends with it: the kernel copies the key. */
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

/* The key of a file becomes one that the kernel can find by KEY_NAME. */
static int add_key(const struct call *call, const char *path)
{
	uint8_t key[DMEM_WIRE_KEY_BYTES];
	struct dmem_error error;
	long serial;

	if (dmem_wire_read_key(path, key, &error))
		return fail_at(call, path, "%s", error.text);
	serial = syscall(SYS_add_key, "logon", KEY_NAME, key, sizeof(key),
			 KEY_SPEC_PROCESS_KEYRING);
	explicit_bzero(key, sizeof(key));
	return serial < 0 ? fail_at(call, path, "add_key: %s", strerror(errno)) : DONE;
}

/* The mount options, with the key's name where there is a key file; to be freed. */
static char *mount_options(const struct call *call)
{
	const char *options = call->argument[ARGUMENT_OPTIONS];
	char *all;

	options = options ? options : "";
	if (!call->argument[ARGUMENT_KEY_FILE])
		return need(strdup(options));
	if (asprintf(&all, "%s%skey=%s", options, *options ? "," : "", KEY_NAME) < 0)
		all = NULL;
	return need(all);
}

static int mount_it(const struct call *call, struct dmem_error *error)
{
	char *options = mount_options(call);
	int err = dmem_pool_mount(call->object, options, error);

	free(options);
	return err;
}

int pool_mount(struct call *call)
{
	const char *key_file = call->argument[ARGUMENT_KEY_FILE];
	const struct dmem_pool *pool;
	struct dmem_pool *pools;
	struct dmem_error error;
	size_t nr;

	if (key_file && add_key(call, key_file))
		return FAILED;
	if (mount_it(call, &error) || dmem_pool_list(&pools, &nr, &error))
		return fail(call, "%s", error.text);
	pool = find_pool(pools, nr, call->object);
	if (pool)
		call->result = pool_object(call, pool);
	else
		fail(call, "mounted, but not in /proc/self/mountinfo");
	dmem_pool_list_free(pools, nr);
	return call->result ? DONE : FAILED;
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
