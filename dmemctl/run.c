// SPDX-License-Identifier: GPL-2.0
/*
 * run.c - dmemctl run: a QEMU with its memory in a pool, for as long as it runs.
 *
 * The pool is mounted if it is not there, the VM memory made, QEMU started with the arguments that
 * put the guest's memory there; when it ends, what was made goes in reverse order. Signals that
 * reach only dmemctl are handed on; those of the terminal QEMU gets from there.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dmemctl.h"
#include "json.h"
#include "units.h"

/* -object, -machine and their arguments. */
#define ADDED_ARGUMENTS	4

static const int waited_for[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT };

struct run {
	char *pool;
	char *path;		/* of the VM memory */
	uint64_t size_bytes;
	bool has_mounted;
	bool has_made_dir;
	bool has_created;
};

static bool is_pool(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == DMEM_MAGIC;
}

/* The size that both --size and -m say, where both say one. */
static int choose_size(const struct call *call, struct run *run)
{
	const char *size = call->argument[ARGUMENT_SIZE];
	char given[DMEM_UNITS_LEN];
	struct qemu_memory memory;
	int status;

	qemu_parse(call->program, &memory);
	if (memory.conflict)
		return misuse(call, "-%s among QEMU's arguments: %s", memory.conflict, memory.why);
	if (!size && !memory.size_bytes)
		return misuse(call, "how much memory? -m SIZE among QEMU's arguments says it");
	run->size_bytes = memory.size_bytes;
	if (!size)
		return DONE;
	status = parse_bytes(call, "--size", size, &run->size_bytes);
	if (status || !memory.size_bytes || memory.size_bytes == run->size_bytes)
		return status;
	return misuse(call, "--size %s and QEMU's -m %s are not the same", size,
		      dmem_format_size(given, sizeof(given), memory.size_bytes));
}

static int find_pool_for(const struct call *call, struct run *run)
{
	const char *pool = call->object ? call->object : DEFAULT_POOL;
	/* Of the VM memory, not of the pool that may have to be made for it. */
	struct call mount = *call;

	run->pool = full_path(pool);
	if (is_pool(run->pool)) {
		if (!call->nr_donors && !call->argument[ARGUMENT_OPTIONS] &&
		    !call->argument[ARGUMENT_REPLICAS] && !call->argument[ARGUMENT_KEY_FILE])
			return DONE;
		return fail_at(call, run->pool, "a pool already: its donors are what they are");
	}
	for (int i = 0; i < ARGUMENTS; i++)
		if (i != ARGUMENT_DONOR && i != ARGUMENT_OPTIONS && i != ARGUMENT_REPLICAS &&
		    i != ARGUMENT_KEY_FILE)
			mount.argument[i] = NULL;
	if (pool_make(&mount, run->pool, &run->has_made_dir))
		return FAILED;
	run->has_mounted = true;
	free(run->pool);
	run->pool = full_path(pool);
	return DONE;
}

static int make_memory(const struct call *call, struct run *run)
{
	const char *name = call->argument[ARGUMENT_NAME];
	struct dmem_vm_settings settings = {};
	struct dmem_error error;
	int fd, status = parse_settings(call, &settings);

	if (status)
		return status;
	if (name && (!*name || strchr(name, '/') || name[0] == '.'))
		return misuse(call, "--name %s: not the name of a file", name);
	if (name)
		status = asprintf(&run->path, "%s/%s", run->pool, name);
	else
		status = asprintf(&run->path, "%s/run-%ld", run->pool, (long)getpid());
	if (status < 0)
		need(run->path = NULL);
	/* In QEMU's argument it would have to be two. */
	if (strchr(run->path, ','))
		return misuse(call, "%s: a comma in the path", run->path);
	fd = dmem_vm_create(run->path, run->size_bytes, &settings, NULL, &error);
	if (fd < 0)
		return fail_at(call, run->path, "%s", error.text);
	run->has_created = true;
	close(fd);
	return DONE;
}

static char *print_new(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return need(text);
}

/* The program's arguments and run's own behind them, where QEMU adds them to its -machine. */
static char **complete_arguments(const struct call *call, const struct run *run)
{
	size_t nr = 0;
	char **argv;

	while (call->program[nr])
		nr++;
	argv = need(calloc(nr + ADDED_ARGUMENTS + 1, sizeof(*argv)));
	memcpy(argv, call->program, nr * sizeof(*argv));
	argv[nr++] = need(strdup("-object"));
	argv[nr++] = print_new("memory-backend-file,id=dmem,size=%llu,mem-path=%s,share=on",
			       (unsigned long long)run->size_bytes, run->path);
	argv[nr++] = need(strdup("-machine"));
	argv[nr++] = need(strdup("memory-backend=dmem"));
	return argv;
}

static void free_arguments(char **argv)
{
	size_t nr = 0;

	while (argv[nr])
		nr++;
	for (int i = 0; i < ADDED_ARGUMENTS; i++)
		free(argv[--nr]);
	free(argv);
}

/* In the child; a failed exec is told through the pipe, which a good one closes. */
static void exec_program(char **argv, const sigset_t *mask, int told)
{
	int err;

	pthread_sigmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	err = errno;
	if (write(told, &err, sizeof(err)) < 0)
		err = 0;
	_exit(RUN_NOT_FOUND);
}

/* Its id, or 0 with the reason told and in *status. */
static pid_t start_program(const struct call *call, char **argv, const sigset_t *mask, int *status)
{
	int told[2], err = 0;
	pid_t pid;

	*status = RUN_FAILED;
	if (pipe2(told, O_CLOEXEC)) {
		fail(call, "pipe: %s", strerror(errno));
		return 0;
	}
	pid = fork();
	if (!pid)
		exec_program(argv, mask, told[1]);
	close(told[1]);
	if (pid < 0) {
		fail(call, "fork: %s", strerror(errno));
	} else if (read(told[0], &err, sizeof(err)) > 0) {
		waitpid(pid, NULL, 0);
		fail_at(call, argv[0], "%s", strerror(err));
		*status = err == ENOENT ? RUN_NOT_FOUND : RUN_NOT_RUNNABLE;
	}
	close(told[0]);
	return pid < 0 || err ? 0 : pid;
}

/* Until the program ends; what others send to dmemctl is for it. Its status as a shell has it. */
static int wait_for(pid_t pid, const sigset_t *signals)
{
	siginfo_t info;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (sigwaitinfo(signals, &info) < 0 || info.si_signo == SIGCHLD)
			continue;
		/* Not the kernel's, so not for the terminal's whole process group. */
		if (info.si_code <= 0)
			kill(pid, info.si_signo);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The figures of a guest that is gone are still those of its memory. */
static void keep_figures(struct call *call, const struct run *run)
{
	struct dmem_error error;
	struct dmem_vm_get get;
	int fd = dmem_vm_open(run->path, O_RDONLY, &error);

	if (fd < 0)
		return;
	if (call->json && !dmem_vm_get(fd, &get, &error))
		call->result = need(dmem_vm_json(run->path, &get));
	close(fd);
}

static int run_in_pool(struct call *call, struct run *run)
{
	sigset_t signals, before;
	int status = RUN_FAILED;
	char **argv;
	pid_t pid;

	if (make_memory(call, run))
		return RUN_FAILED;
	argv = complete_arguments(call, run);
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(waited_for) / sizeof(waited_for[0]); i++)
		sigaddset(&signals, waited_for[i]);
	pthread_sigmask(SIG_BLOCK, &signals, &before);
	pid = start_program(call, argv, &before, &status);
	if (pid) {
		status = wait_for(pid, &signals);
		keep_figures(call, run);
	}
	free_arguments(argv);
	return status;
}

static int clean_up(const struct call *call, struct run *run)
{
	struct dmem_error error;
	int err, status = DONE;

	err = run->has_created ? dmem_vm_remove(run->path, &error) : 0;
	/* Somebody else may have removed it. */
	if (err && err != -ENOENT)
		status = fail_at(call, run->path, "%s", error.text);
	if (run->has_mounted && pool_unmake(call, run->pool, run->has_made_dir))
		status = FAILED;
	free(run->path);
	free(run->pool);
	return status;
}

int run_program(struct call *call)
{
	struct run run = {};
	int status;

	if (!call->program || !call->program[0]) {
		misuse(call, "what to run? -- and a QEMU command line are needed");
		return RUN_FAILED;
	}
	if (choose_size(call, &run) || find_pool_for(call, &run))
		status = RUN_FAILED;
	else
		status = run_in_pool(call, &run);
	if (clean_up(call, &run) && !status)
		status = RUN_FAILED;
	return status;
}
