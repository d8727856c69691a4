/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmemctl.h - what dmemctl's files share.
 *
 * A command makes one JSON object; main.c prints it as JSON or hands it to the command's own
 * print function (output.c), so that both show the same data. Errors go to stderr as text.
 */
#ifndef DMEMCTL_H
#define DMEMCTL_H

#include <stdbool.h>
#include <stdio.h>
#include <json-c/json.h>

#include "pool.h"

#define DMEMCTL_VERSION	"0.1"

/* What a shell sees. */
enum {
	DONE = 0,
	FAILED = 1,
	MISUSED = 2,
	/* of run, whose program has these and others as its own; as env(1), timeout(1) */
	RUN_FAILED = 125,
	RUN_NOT_RUNNABLE = 126,
	RUN_NOT_FOUND = 127,
};

/* The options that have an argument. */
enum argument {
	ARGUMENT_OPTIONS,
	ARGUMENT_DONOR,
	ARGUMENT_REPLICAS,
	ARGUMENT_KEY_FILE,
	ARGUMENT_SIZE,
	ARGUMENT_DIRECT,
	ARGUMENT_ORDER,
	ARGUMENT_OWNER,
	ARGUMENT_MODE,
	ARGUMENT_NAME,
	ARGUMENTS,
};

/* What the kernel takes of them; more are refused here already. */
#define DONORS_MAX	16

/* Where a pool is when nobody says. */
#define DEFAULT_POOL	"/run/dmem"

struct command;

/* One call of dmemctl: its command line, then its result. */
struct call {
	const struct command *command;
	const char *object;			/* the operand; NULL where there is none */
	const char *argument[ARGUMENTS];	/* NULL where not given */
	const char *donors[DONORS_MAX];		/* each --donor; the first is the argument, too */
	int nr_donors;
	char **program;				/* what follows "--", for a command that runs it */
	bool json;
	bool help;
	bool version;
	struct json_object *result;
};

/* main.c: "dmemctl: create vm0: the reason". Returns FAILED. */
int fail(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same about something else than the operand. */
int fail_at(const struct call *call, const char *object, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same about what can never be right. Returns MISUSED. */
int misuse(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* main.c: these end the program for want of memory. */
void *need(void *pointer);
void put_member(struct json_object *object, const char *name, struct json_object *value);
void put_item(struct json_object *array, struct json_object *value);

/* pool.c */
int pool_mount(struct call *call);
/*
 * Mount a pool as the command line says on @path, which is made where it is not there; *made
 * tells. The reason of a failure has been told, and nothing is left of it.
 */
int pool_make(const struct call *call, const char *path, bool *made);
/* The reverse; a folder that was @made goes, too. Told, but no failure is told of what is gone. */
int pool_unmake(const struct call *call, const char *path, bool made);
int pool_umount(struct call *call);
int pool_list(struct call *call);
int pool_donors(struct call *call);
/* The full path where there is one, else the path as it is; for free(). */
char *full_path(const char *path);

/* vm.c */
int vm_create(struct call *call);
int parse_bytes(const struct call *call, const char *option, const char *text, uint64_t *bytes);
int parse_settings(const struct call *call, struct dmem_vm_settings *settings);
int vm_set(struct call *call);
int vm_show(struct call *call);
int vm_flush(struct call *call);
int vm_remove(struct call *call);

/* run.c */
int run_program(struct call *call);

/* doctor.c, events.c */
int doctor(struct call *call);
int follow_events(struct call *call);

/* qemu.c: what run needs to know of a QEMU command line */
struct qemu_memory {
	uint64_t size_bytes;	/* of -m; 0 where there is none */
	const char *conflict;	/* an argument that run cannot be combined with, and */
	const char *why;
};

void qemu_parse(char **argv, struct qemu_memory *memory);

/*
 * output.c: for people. Names of files may be anybody's: what could steer a terminal is shown
 * as '?'.
 */
void print_text(FILE *to, const char *text);
void print_pairs(struct json_object *object);
void print_pool(struct json_object *pool);
void print_vm(struct json_object *vm);
void print_list(struct json_object *list);
void print_donors(struct json_object *result);
void print_doctor(struct json_object *checks);

#endif /* DMEMCTL_H */
