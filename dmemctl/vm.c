// SPDX-License-Identifier: GPL-2.0
/*
 * vm.c - the commands on VM memories: create, set, show, flush, remove.
 *
 * Here only what can be no number is refused; the rest is libdmem's and the kernel's to judge.
 */
#include <errno.h>
#include <fcntl.h>
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

static int parse_bytes(const struct call *call, const char *option, const char *text,
		       uint64_t *bytes)
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

static int parse_settings(const struct call *call, struct dmem_vm_settings *settings)
{
	const char *direct = call->argument[ARGUMENT_DIRECT];
	const char *order = call->argument[ARGUMENT_ORDER];
	int status = direct ? parse_direct(call, direct, settings) : DONE;

	if (!status && order)
		status = parse_order(call, order, settings);
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
	struct dmem_error error;
	uint64_t size_bytes;
	int fd, status;

	status = parse_bytes(call, "--size", call->argument[ARGUMENT_SIZE], &size_bytes);
	if (!status)
		status = parse_settings(call, &settings);
	if (status)
		return status;
	fd = dmem_vm_create(call->object, size_bytes, &settings, &error);
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
