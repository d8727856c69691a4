// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - dmemctl: mounts pools; creates, changes, inspects and removes VM memory.
 *
 * The command table and the command line; the commands are in pool.c and vm.c, printing in
 * output.c. Exit status: 0 done, 1 failed, 2 misused.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "dmemctl.h"

/* Above every letter; an option with an argument is this and its enum argument. */
#define OPTION_ARGUMENT	256
#define OPTION_JSON	(OPTION_ARGUMENT + ARGUMENTS)

/* What getopt_long() returns for what is no option when asked to keep the order. */
#define OPTION_NONE	1

#define REASON_LEN	1024
#define USAGE_LEN	256

static const struct option options[] = {
	[ARGUMENT_OPTIONS] = { "options", required_argument, NULL,
			       OPTION_ARGUMENT + ARGUMENT_OPTIONS },
	[ARGUMENT_DONOR] = { "donor", required_argument, NULL, OPTION_ARGUMENT + ARGUMENT_DONOR },
	[ARGUMENT_REPLICAS] = { "replicas", required_argument, NULL,
				OPTION_ARGUMENT + ARGUMENT_REPLICAS },
	[ARGUMENT_KEY_FILE] = { "key-file", required_argument, NULL,
				OPTION_ARGUMENT + ARGUMENT_KEY_FILE },
	[ARGUMENT_SIZE] = { "size", required_argument, NULL, OPTION_ARGUMENT + ARGUMENT_SIZE },
	[ARGUMENT_DIRECT] = { "direct", required_argument, NULL,
			      OPTION_ARGUMENT + ARGUMENT_DIRECT },
	[ARGUMENT_ORDER] = { "order", required_argument, NULL, OPTION_ARGUMENT + ARGUMENT_ORDER },
	[ARGUMENT_OWNER] = { "owner", required_argument, NULL, OPTION_ARGUMENT + ARGUMENT_OWNER },
	[ARGUMENT_MODE] = { "mode", required_argument, NULL, OPTION_ARGUMENT + ARGUMENT_MODE },
	[ARGUMENT_NAME] = { "name", required_argument, NULL, OPTION_ARGUMENT + ARGUMENT_NAME },
	[ARGUMENTS] = { "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{}
};

struct command {
	const char *name;
	const char *operand;		/* "" for none, in brackets where it may be left out */
	const char *options;
	const char *summary;
	unsigned int takes;		/* bits of enum argument */
	unsigned int needs;
	bool takes_program;
	int (*run)(struct call *call);
	void (*print)(struct json_object *result);
};

static int command_version(struct call *call);
static int command_help(struct call *call);
static void print_help(struct json_object *help);

#define TAKES_SETTINGS	(1U << ARGUMENT_DIRECT | 1U << ARGUMENT_ORDER)
#define TAKES_DONORS	(1U << ARGUMENT_OPTIONS | 1U << ARGUMENT_DONOR | 1U << ARGUMENT_REPLICAS | \
			 1U << ARGUMENT_KEY_FILE)

static const struct command commands[] = {
	{
		.name = "mount", .operand = "[DIR]",
		.options = " [--donor SPEC]... [--replicas N] [--key-file FILE] [--size SIZE]"
			   " [--direct SIZE|N%] [--order N] [-o OPTIONS]",
		.summary = "make a pool and mount it on DIR (" DEFAULT_POOL ", made if need be)",
		.takes = TAKES_DONORS | TAKES_SETTINGS | 1U << ARGUMENT_SIZE,
		.run = pool_mount, .print = print_pool,
	}, {
		.name = "umount", .operand = "DIR", .options = "",
		.summary = "end a pool and every VM memory in it",
		.run = pool_umount, .print = print_pairs,
	}, {
		.name = "create", .operand = "PATH",
		.options = " --size SIZE [--direct SIZE|N%] [--order N]"
			   " [--owner USER[:GROUP]] [--mode OCTAL]",
		.summary = "make a VM memory in a pool",
		.takes = 1U << ARGUMENT_SIZE | TAKES_SETTINGS | 1U << ARGUMENT_OWNER |
			 1U << ARGUMENT_MODE,
		.needs = 1U << ARGUMENT_SIZE,
		.run = vm_create, .print = print_vm,
	}, {
		.name = "set", .operand = "PATH", .options = " [--direct SIZE|N%] [--order N]",
		.summary = "change settings of a VM memory, in use or not",
		.takes = TAKES_SETTINGS, .run = vm_set, .print = print_vm,
	}, {
		.name = "show", .operand = "PATH", .options = "",
		.summary = "settings and figures of a VM memory",
		.run = vm_show, .print = print_pairs,
	}, {
		.name = "list", .operand = "[DIR]", .options = "",
		.summary = "pools and their VM memories; with DIR only those below it",
		.run = pool_list, .print = print_list,
	}, {
		.name = "donors", .operand = "[DIR]", .options = "",
		.summary = "the donors of all pools, or of that on DIR: state, use, latency",
		.run = pool_donors, .print = print_donors,
	}, {
		.name = "flush", .operand = "PATH", .options = "",
		.summary = "evict what may be evicted of a VM memory",
		.run = vm_flush, .print = print_pairs,
	}, {
		.name = "remove", .operand = "PATH", .options = "",
		.summary = "remove a VM memory; it is gone when its last user is",
		.run = vm_remove, .print = print_pairs,
	}, {
		.name = "run", .operand = "[DIR]",
		.options = " [--size SIZE] [--direct SIZE|N%] [--order N] [--name NAME]"
			   " [--donor SPEC]... [--replicas N] [--key-file FILE] [-o OPTIONS]"
			   " -- QEMU ARGUMENT...",
		.summary = "run QEMU with the guest's memory in a pool, made and removed if need be",
		.takes = TAKES_DONORS | TAKES_SETTINGS | 1U << ARGUMENT_SIZE | 1U << ARGUMENT_NAME,
		.takes_program = true, .run = run_program, .print = print_pairs,
	}, {
		.name = "events", .operand = "", .options = "",
		.summary = "follow what happens to VM memories, a line each, until interrupted",
		.run = follow_events, .print = print_pairs,
	}, {
		.name = "doctor", .operand = "", .options = "",
		.summary = "check what dmem needs of this system, and say how to mend it",
		.run = doctor, .print = print_doctor,
	}, {
		.name = "version", .operand = "", .options = "",
		.summary = "versions of dmemctl and of the kernel interface it speaks",
		.run = command_version, .print = print_pairs,
	}, {
		.name = "help", .operand = "[COMMAND]", .options = "",
		.summary = "how to call dmemctl",
		.run = command_help, .print = print_help,
	},
	{}
};

static void complain(const struct call *call, const char *object, const char *format, va_list args)
{
	char reason[REASON_LEN];

	vsnprintf(reason, sizeof(reason), format, args);
	fputs("dmemctl: ", stderr);
	if (call->command)
		fprintf(stderr, "%s%s", call->command->name, object ? " " : ": ");
	if (object) {
		print_text(stderr, object);
		fputs(": ", stderr);
	}
	print_text(stderr, reason);
	putc('\n', stderr);
}

int fail(const struct call *call, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(call, call->object, format, args);
	va_end(args);
	return FAILED;
}

int fail_at(const struct call *call, const char *object, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(call, object, format, args);
	va_end(args);
	return FAILED;
}

int misuse(const struct call *call, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(call, call->object, format, args);
	va_end(args);
	return MISUSED;
}

static void no_memory(void)
{
	fprintf(stderr, "dmemctl: %s\n", strerror(ENOMEM));
	exit(FAILED);
}

void *need(void *pointer)
{
	if (!pointer)
		no_memory();
	return pointer;
}

void put_member(struct json_object *object, const char *name, struct json_object *value)
{
	if (json_object_object_add(object, name, need(value)))
		no_memory();
}

void put_item(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, need(value)))
		no_memory();
}

static const struct command *find_command(const char *name)
{
	for (const struct command *command = commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

static int command_version(struct call *call)
{
	call->result = need(json_object_new_object());
	put_member(call->result, "version", json_object_new_string(DMEMCTL_VERSION));
	put_member(call->result, "abi_version", json_object_new_int64(DMEM_ABI_VERSION));
	return DONE;
}

static struct json_object *help_object(const struct command *command)
{
	struct json_object *help = need(json_object_new_object());
	char usage[USAGE_LEN];

	snprintf(usage, sizeof(usage), "dmemctl %s%s%s%s", command->name,
		 *command->operand ? " " : "", command->operand, command->options);
	put_member(help, "name", json_object_new_string(command->name));
	put_member(help, "usage", json_object_new_string(usage));
	put_member(help, "summary", json_object_new_string(command->summary));
	return help;
}

static int command_help(struct call *call)
{
	const struct command *one = call->object ? find_command(call->object) : NULL;
	struct json_object *entries;

	if (call->object && !one)
		return misuse(call, "no such command");
	entries = need(json_object_new_array());
	for (const struct command *command = commands; command->name; command++)
		if (!one || command == one)
			put_item(entries, help_object(command));
	call->result = need(json_object_new_object());
	put_member(call->result, "commands", entries);
	return DONE;
}

static void print_help(struct json_object *help)
{
	struct json_object *entries = json_object_object_get(help, "commands");

	for (size_t i = 0; i < json_object_array_length(entries); i++) {
		struct json_object *entry = json_object_array_get_idx(entries, i);

		printf("%s\n\t%s\n",
		       json_object_get_string(json_object_object_get(entry, "usage")),
		       json_object_get_string(json_object_object_get(entry, "summary")));
	}
	puts("\nSIZE is in bytes or has a suffix: 64K, 512M, 1.5G, 2T. OPTIONS are those of\n"
	     "mount -t dmem, such as donor=local:8G,direct=50%,order=0. Every command takes\n"
	     "--json and prints the same as JSON. Exit status: 0 done, 1 failed, 2 misused; run's\n"
	     "is QEMU's, or 125 where it failed itself, 126 or 127 where QEMU cannot be run.");
}

/* The first is the command, the second what it is about. */
static int take_operand(struct call *call, const char *operand)
{
	if (!call->command) {
		call->command = find_command(operand);
		if (call->command)
			return DONE;
		return misuse(call, "unknown command %s (dmemctl help lists them)", operand);
	}
	if (call->object || !*call->command->operand)
		return misuse(call, "one operand too many: %s", operand);
	if (!*operand)
		return misuse(call, "%s is empty", call->command->operand);
	call->object = operand;
	return DONE;
}

/* The only option that may be given more than once. */
static int take_donor(struct call *call, const char *donor)
{
	if (call->nr_donors == DONORS_MAX)
		return misuse(call, "--donor %s: more than %d donors", donor, DONORS_MAX);
	call->argument[ARGUMENT_DONOR] = donor;
	call->donors[call->nr_donors++] = donor;
	return DONE;
}

static int take_argument(struct call *call, enum argument index, const char *argument)
{
	if (index == ARGUMENT_DONOR)
		return take_donor(call, argument);
	if (call->argument[index])
		return misuse(call, "--%s is given twice: %s and %s", options[index].name,
			      call->argument[index], argument);
	call->argument[index] = argument;
	return DONE;
}

/* Tells what getopt_long() stumbled over: no option of ours, or an argument too few or too many. */
static int bad_option(const struct call *call, int option, const char *given)
{
	const char letter[] = { '-', (char)optopt, 0 };
	bool is_long = !strncmp(given, "--", 2);

	if (!is_long)
		given = letter;
	if (option == ':')
		return misuse(call, "%s needs an argument", given);
	if (is_long && optopt)
		return misuse(call, "%s: this option takes no argument", given);
	return misuse(call, "unknown option %s", given);
}

static int take_option(struct call *call, int option, char **argv)
{
	switch (option) {
	case OPTION_NONE:
		return take_operand(call, optarg);
	case OPTION_JSON:
		call->json = true;
		return DONE;
	case 'h':
		call->help = true;
		return DONE;
	case 'V':
		call->version = true;
		return DONE;
	case 'o':
		return take_argument(call, ARGUMENT_OPTIONS, optarg);
	case ':':
	case '?':
		return bad_option(call, option, argv[optind - 1]);
	default:
		return take_argument(call, option - OPTION_ARGUMENT, optarg);
	}
}

static int check_command_line(const struct call *call)
{
	const struct command *command = call->command;

	if (!command)
		return misuse(call, "which command? (dmemctl help lists them)");
	for (int i = 0; i < ARGUMENTS; i++) {
		if (call->argument[i] && !(command->takes & 1U << i))
			return misuse(call, "takes no --%s", options[i].name);
		if (!call->argument[i] && command->needs & 1U << i)
			return misuse(call, "--%s is needed", options[i].name);
	}
	if (!call->object && *command->operand && *command->operand != '[')
		return misuse(call, "%s is needed", command->operand);
	return DONE;
}

static int parse_command_line(struct call *call, int argc, char **argv)
{
	int option, status = DONE;

	opterr = 0;
	while (!status && (option = getopt_long(argc, argv, "-:o:hV", options, NULL)) != -1)
		status = take_option(call, option, argv);
	/* What follows "--". */
	if (call->command && call->command->takes_program) {
		call->program = argv + optind;
		optind = argc;
	}
	for (; !status && optind < argc; optind++)
		status = take_operand(call, argv[optind]);
	if (status)
		return status;
	if (call->help) {
		call->object = call->command ? call->command->name : NULL;
		call->command = find_command("help");
		return DONE;
	}
	if (call->version) {
		call->command = find_command("version");
		return DONE;
	}
	return check_command_line(call);
}

static int print_result(const struct call *call)
{
	int style = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
		    JSON_C_TO_STRING_NOSLASHESCAPE;

	if (call->json)
		puts(need((void *)json_object_to_json_string_ext(call->result, style)));
	else
		call->command->print(call->result);
	if (!fflush(stdout) && !ferror(stdout))
		return DONE;
	return fail(call, "done, but the result cannot be written: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	struct call call = {};
	int status = parse_command_line(&call, argc, argv);

	if (!status)
		status = call.command->run(&call);
	if (call.result && print_result(&call))
		status = FAILED;
	json_object_put(call.result);
	return status;
}
