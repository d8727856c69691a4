/* SPDX-License-Identifier: GPL-2.0 */
/*
 * json.h - what libdmem knows, as JSON objects (json-c).
 *
 * Members have the names that the ABI's fields have, with their units; numbers are 64-bit
 * integers, never text. Objects are the caller's, for json_object_put().
 */
#ifndef DMEM_JSON_H
#define DMEM_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <json-c/json.h>

#include "pool.h"

/**
 * dmem_json_string - a string that is valid JSON whatever bytes it is made from
 * @text: UTF-8, most likely; file names need not be
 *
 * What is not UTF-8 becomes U+FFFD. Return: the string; NULL without memory.
 */
struct json_object *dmem_json_string(const char *text);

/**
 * dmem_json_add - add a member
 * @value: becomes the object's, or is given back; NULL: there was no memory for it
 *
 * Return: false without memory.
 */
bool dmem_json_add(struct json_object *object, const char *name, struct json_object *value);

/** dmem_json_add_number - add a number, likewise. */
bool dmem_json_add_number(struct json_object *object, const char *name, uint64_t value);

/**
 * dmem_vm_json - one VM memory
 * @path: where it is
 * @get: its settings and figures
 *
 * "path", "name" (the last part of it), then every field of struct dmem_vm_get under its own
 * name, but for @size and @version: those are the call's, not the VM memory's.
 *
 * Return: the object; NULL without memory.
 */
struct json_object *dmem_vm_json(const char *path, const struct dmem_vm_get *get);

/**
 * dmem_pool_json - one pool
 * @pool: where it is, with its options
 * @usage: its figures
 *
 * "path", "options", "lent_bytes", "reserved_bytes". Return: the object; NULL without memory.
 */
struct json_object *dmem_pool_json(const struct dmem_pool *pool,
				   const struct dmem_pool_usage *usage);

#endif /* DMEM_JSON_H */
