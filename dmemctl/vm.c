// SPDX-License-Identifier: GPL-2.0
/*
 * vm.c - the commands on VM memories: create, set, show, flush, remove.
 *
 * Here only what can be no number is refused; the rest is libdmem's and the kernel's to judge.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dmemctl.h"
#include "json.h"
#include "units.h"

#define PERCENT_MAX	100

/* Digits, all of them used, up to @most; negative for anything else. */
static long parse_number(const char *text, size_t len, long most)
{
	long number = 0;

	if (!len)
		return -EINVAL;
	for (; len; len--, text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		number = number * 10 + (*text - '0');
		if (number > most)
			return -ERANGE;
	}
	return number;
}

int parse_bytes(const struct call *call, const char *option, const char *text, uint64_t *bytes)
{
	switch (dmem_parse_bytes(text, bytes)) {
	case 0:
		return DONE;
	case -ERANGE:
		return misuse(call, "%s %s: more than 64 bits of bytes", option, text);
	default:
		return misuse(call, "%s %s: not a size (as 4096, 512M, 1.5G)", option, text);
	}
}

static int parse_direct(const struct call *call, const char *text,
			struct dmem_vm_settings *settings)
{
	size_t len = strlen(text);
	long percent;

	settings->mask |= DMEM_SET_DIRECT_LIMIT;
	if (!len || text[len - 1] != '%')
		return parse_bytes(call, "--direct", text, &settings->direct_limit_bytes);
	percent = parse_number(text, len - 1, PERCENT_MAX);
	if (percent < 1)
		return misuse(call, "--direct %s: not a percentage from 1%% to 100%%", text);
	settings->direct_percent = (unsigned int)percent;
	return DONE;
}

static int parse_order(const struct call *call, const char *text,
		       struct dmem_vm_settings *settings)
{
	long order = parse_number(text, strlen(text), INT32_MAX);

	if (order < 0)
		return misuse(call, "--order %s: not a number from 0 to %d", text, DMEM_ORDER_MAX);
	settings->mask |= DMEM_SET_ORDER;
	settings->order = (unsigned int)order;
	return DONE;
}

int parse_settings(const struct call *call, struct dmem_vm_settings *settings)
{
	const char *direct = call->argument[ARGUMENT_DIRECT];
	const char *order = call->argument[ARGUMENT_ORDER];
	int status = direct ? parse_direct(call, direct, settings) : DONE;

	if (!status && order)
		status = parse_order(call, order, settings);
	return status;
}

/* A name that the system knows, or a number. */
static int parse_user(const struct call *call, const char *name, uid_t *uid)
{
	const struct passwd *user = getpwnam(name);
	long number = user ? (long)user->pw_uid : parse_number(name, strlen(name), UINT32_MAX - 1L);

	if (number < 0)
		return misuse(call, "--owner %s: no such user", name);
	*uid = (uid_t)number;
	return DONE;
}

static int parse_group(const struct call *call, const char *name, gid_t *gid)
{
	const struct group *group = getgrnam(name);
	long number = group ? (long)group->gr_gid :
			      parse_number(name, strlen(name), UINT32_MAX - 1L);

	if (number < 0)
		return misuse(call, "--owner :%s: no such group", name);
	*gid = (gid_t)number;
	return DONE;
}

/* USER, USER:GROUP or :GROUP, as chown takes it. */
static int parse_owner(const struct call *call, const char *owner, struct dmem_vm_access *access)
{
	char *user = need(strdup(owner)), *group = strchr(user, ':');
	int status = DONE;

	if (group)
		*group++ = 0;
	if (*user)
		status = parse_user(call, user, &access->uid);
	else if (!group)
		status = misuse(call, "--owner: empty");
	if (!status && group)
		status = parse_group(call, group, &access->gid);
	free(user);
	return status;
}

static int parse_mode(const struct call *call, const char *text, mode_t *mode)
{
	char *end;
	unsigned long number = strtoul(text, &end, 8);

	if (*text < '0' || *text > '7' || *end || number > 0777)
		return misuse(call, "--mode %s: not permissions in octal, 0 to 777", text);
	*mode = (mode_t)number;
	return DONE;
}

/* A guest's memory is its owner's alone unless asked otherwise. */
static int parse_access(const struct call *call, struct dmem_vm_access *access)
{
	const char *owner = call->argument[ARGUMENT_OWNER], *mode = call->argument[ARGUMENT_MODE];
	int status = DONE;

	*access = (struct dmem_vm_access){ .uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0600 };
	if (owner)
		status = parse_owner(call, owner, access);
	if (!status && mode)
		status = parse_mode(call, mode, &access->mode);
	return status;
}

/* The VM memory as it is now is the command's result. Closes @fd. */
static int result_is_vm(struct call *call, int fd)
{
	char *path = full_path(call->object);
	struct dmem_error error;
	struct dmem_vm_get get;
	int err = dmem_vm_get(fd, &get, &error);

	if (!err)
		call->result = need(dmem_vm_json(path, &get));
	free(path);
	close(fd);
	return err ? fail(call, "%s", error.text) : DONE;
}

int vm_create(struct call *call)
{
	struct dmem_vm_settings settings = {};
	struct dmem_vm_access access;
	struct dmem_error error;
	uint64_t size_bytes;
	int fd, status;

	status = parse_bytes(call, "--size", call->argument[ARGUMENT_SIZE], &size_bytes);
	if (!status)
		status = parse_settings(call, &settings);
	if (!status)
		status = parse_access(call, &access);
	if (status)
		return status;
	fd = dmem_vm_create(call->object, size_bytes, &settings, &access, &error);
	return fd < 0 ? fail(call, "%s", error.text) : result_is_vm(call, fd);
}

int vm_set(struct call *call)
{
	struct dmem_vm_settings settings = {};
	struct dmem_error error;
	int fd, status = parse_settings(call, &settings);

	if (status)
		return status;
	if (!settings.mask)
		return misuse(call, "nothing to set: --direct or --order is needed");
	fd = dmem_vm_open(call->object, O_RDWR, &error);
	if (fd < 0)
		return fail(call, "%s", error.text);
	if (!dmem_vm_set(fd, &settings, &error))
		return result_is_vm(call, fd);
	close(fd);
	return fail(call, "%s", error.text);
}

int vm_show(struct call *call)
{
	struct dmem_error error;
	int fd = dmem_vm_open(call->object, O_RDONLY, &error);

	return fd < 0 ? fail(call, "%s", error.text) : result_is_vm(call, fd);
}

/* The result, or its beginning: a path. */
static void result_is_path(struct call *call, const char *member, const char *path)
{
	call->result = need(json_object_new_object());
	put_member(call->result, member, dmem_json_string(path));
}

int vm_flush(struct call *call)
{
	struct dmem_vm_flush flush;
	struct dmem_error error;
	int err, fd = dmem_vm_open(call->object, O_RDWR, &error);
	char *path;

	if (fd < 0)
		return fail(call, "%s", error.text);
	err = dmem_vm_flush(fd, &flush, &error);
	close(fd);
	if (err)
		return fail(call, "%s", error.text);
	path = full_path(call->object);
	result_is_path(call, "path", path);
	free(path);
	put_member(call->result, "evicted_pages",
		   json_object_new_int64((int64_t)flush.evicted_pages));
	put_member(call->result, "kept_pages", json_object_new_int64((int64_t)flush.kept_pages));
	return DONE;
}

int vm_remove(struct call *call)
{
	/* Its full path can be found only while it is there. */
	char *path = full_path(call->object);
	struct dmem_error error;
	int err = dmem_vm_remove(call->object, &error);

	if (!err)
		result_is_path(call, "removed", path);
	free(path);
	return err ? fail(call, "%s", error.text) : DONE;
}
