// SPDX-License-Identifier: GPL-2.0
/* donor.c - processes of dmem-memnode, and the device that they and their clients use. */
#include <dirent.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "donor.h"

#define ARGUMENTS_MAX	32

const uint8_t donor_key[DMEM_WIRE_KEY_BYTES] = "a key that only the tests know.";

static void write_key(void)
{
	FILE *file;
	int i;

	unlink(DONOR_KEY_FILE);
	file = fopen(DONOR_KEY_FILE, "we");
	CHECK(file);
	CHECK(!fchmod(fileno(file), 0600));
	for (i = 0; i < DMEM_WIRE_KEY_BYTES; i++)
		fprintf(file, "%02x", donor_key[i]);
	CHECK(!fclose(file));
}

static void split(char *text, char **argv)
{
	int nr = 1;
	char *at, *word;

	argv[0] = (char *)DONOR_PROGRAM;
	for (word = strtok_r(text, " ", &at); word; word = strtok_r(NULL, " ", &at)) {
		if (!strcmp(word, "%K")) {
			argv[nr++] = (char *)"--key-file";
			word = (char *)DONOR_KEY_FILE;
		}
		argv[nr++] = word;
		CHECK(nr < ARGUMENTS_MAX);
	}
	argv[nr] = NULL;
}

static void spawn(struct donor_process *donor, const char *options)
{
	static unsigned int number;
	char *argv[ARGUMENTS_MAX], *text = strdup(options);
	int fd;

	CHECK(text);
	write_key();
	split(text, argv);
	snprintf(donor->log, sizeof(donor->log), "/run/dmem-donor.%d.%u", getpid(), number++);
	fd = open(donor->log, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	donor->pid = fork();
	CHECK(donor->pid >= 0);
	if (!donor->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fd, STDERR_FILENO);
		execv(DONOR_PROGRAM, argv);
		_exit(127);
	}
	close(fd);
	free(text);
}

static void read_log(const struct donor_process *donor, char *to, size_t len)
{
	FILE *file = fopen(donor->log, "re");
	size_t got;

	CHECK(file);
	got = fread(to, 1, len - 1, file);
	to[got] = 0;
	fclose(file);
}

static bool log_has(const struct donor_process *donor, const char *text)
{
	static char log[1 << 20];

	read_log(donor, log, sizeof(log));
	return strstr(log, text);
}

bool donor_alive(const struct donor_process *donor)
{
	return !waitpid(donor->pid, NULL, WNOHANG);
}

void donor_start(struct donor_process *donor, const char *options)
{
	char all[1024], log[400];
	unsigned int tries;

	if (strstr(options, "--listen"))
		snprintf(all, sizeof(all), "%s", options);
	else
		snprintf(all, sizeof(all), "--listen %s:%d %s", DONOR_ADDRESS, DONOR_PORT, options);
	spawn(donor, all);
	for (tries = 0; tries < 600 * slowness(); tries++) {
		if (log_has(donor, " lends "))
			return;
		if (!donor_alive(donor))
			break;
		usleep(50000);
	}
	read_log(donor, log, sizeof(log));
	CHECK_MSG(false, "the donor does not start: %s", log);
}

static int status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int donor_wait(struct donor_process *donor, int timeout_ms)
{
	int status;

	for (; timeout_ms >= 0; timeout_ms -= 20) {
		if (waitpid(donor->pid, &status, WNOHANG) == donor->pid)
			return status_of(status);
		usleep(20000);
	}
	return INT_MIN;
}

int donor_run(const char *options, char *said, size_t len)
{
	struct donor_process donor;
	int status;

	spawn(&donor, options);
	status = donor_wait(&donor, 10000 * slowness());
	if (status == INT_MIN)
		donor_kill(&donor, SIGKILL);
	read_log(&donor, said, len);
	return status;
}

int donor_kill(struct donor_process *donor, int sig)
{
	int status;

	CHECK(!kill(donor->pid, sig));
	status = donor_wait(donor, 20000 * slowness());
	CHECK_MSG(status != INT_MIN, "the donor does not end");
	return status;
}

bool donor_said(const struct donor_process *donor, const char *text)
{
	unsigned int tries;

	for (tries = 0; tries < 20 * slowness(); tries++) {
		if (log_has(donor, text))
			return true;
		usleep(50000);
	}
	return false;
}

unsigned int donor_fds(const struct donor_process *donor)
{
	char path[64];
	unsigned int nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", donor->pid);
	dir = opendir(path);
	CHECK(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static int run_one(char *program, const char *name)
{
	char *const argv[] = { program, (char *)name, NULL };
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		execv(program, argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	if (!WIFEXITED(status))
		printf("Bail out! %s: signal %d\n", name, WTERMSIG(status));
	return status != 0;
}

int rdma_main(const struct test *tests, int argc, char **argv)
{
	int failed = 0;

	if (argc > 1)
		return run_tests(tests, argc, argv);
	if (system("tests/vm/rxe.sh up >/dev/null")) {
		printf("not ok 1 soft-RoCE: tests/vm/rxe.sh up failed\n1..1\n");
		return 1;
	}
	for (; tests->name; tests++)
		failed += run_one(argv[0], tests->name);
	if (system("tests/vm/rxe.sh down")) {
		printf("not ok 1 soft-RoCE: tests/vm/rxe.sh down failed\n1..1\n");
		failed++;
	}
	if (system("rm -f /run/dmem-donor.*"))
		failed++;
	return failed ? 1 : 0;
}
