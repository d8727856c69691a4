// SPDX-License-Identifier: GPL-2.0
/*
 * record.c - dmem-tuner record: every access and fetch into a file, from a ring buffer that BPF
 * programs of its own fill (bpf/record.bpf.c) while it runs. It needs no plane and no tuner.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <bpf/libbpf.h>

#include "judge.h"
#include "plane.h"
#include "record.skel.h"
#include "replay.h"
#include "trace.h"

/* The ring has room for what comes in a tenth of a second at four million events a second. */
#define LOOK_NS		10000000L
#define SECONDS_MAX	86400.0

const char record_usage[] =
	"Usage: dmem-tuner record [OPTIONS] FILE\n"
	"Writes what VM memories do to FILE, for dmem-tuner replay; no tuner need run.\n"
	"\n"
	"      --vm NAME         only VM memories of this name\n"
	"      --seconds S       end after so long, at most 86400; else at SIGINT or SIGTERM\n"
	"      --events N        end after so many events\n"
	"  -v, --verbose         what libbpf and the verifier say\n"
	"  -h, --help\n";

struct recording {
	const char *path;
	const char *vm;
	double seconds;
	uint64_t most_events;
	struct trace_writer writer;
	struct dmem_error *error;
};

static int usage_fail(const char *value, const char *what)
{
	fprintf(stderr, "dmem-tuner: record: %s: %s (dmem-tuner record --help)\n", value, what);
	return 2;
}

static int parse_seconds(const char *text, struct recording *recording)
{
	char *end;

	recording->seconds = strtod(text, &end);
	if (end == text || *end || !(recording->seconds > 0 && recording->seconds <= SECONDS_MAX))
		return usage_fail(text, "not a number of seconds up to 86400");
	return 0;
}

static int parse_events(const char *text, struct recording *recording)
{
	char *end;

	errno = 0;
	recording->most_events = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || !recording->most_events)
		return usage_fail(text, "not a number of events");
	return 0;
}

static int parse_vm(const char *text, struct recording *recording)
{
	if (!*text || strlen(text) >= DMEM_REC_NAME_LEN)
		return usage_fail(text, "not a name of 1 to 63 bytes");
	recording->vm = text;
	return 0;
}

/* 0 to go on, else 1 + the exit status. */
static int parse_options(int argc, char **argv, struct recording *recording)
{
	enum { OPT_VM = 256, OPT_SECONDS, OPT_EVENTS };
	static const struct option longs[] = {
		{ "vm", required_argument, NULL, OPT_VM },
		{ "seconds", required_argument, NULL, OPT_SECONDS },
		{ "events", required_argument, NULL, OPT_EVENTS },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	int opt, err = 0;

	while (!err && (opt = getopt_long(argc, argv, "vh", longs, NULL)) != -1) {
		switch (opt) {
		case OPT_VM: err = parse_vm(optarg, recording); break;
		case OPT_SECONDS: err = parse_seconds(optarg, recording); break;
		case OPT_EVENTS: err = parse_events(optarg, recording); break;
		case 'v': dmem_plane_set_verbose(true); break;
		case 'h': fputs(record_usage, stdout); return 1;
		default: return 3;
		}
	}
	if (!err && optind + 1 != argc)
		err = optind == argc ? usage_fail("FILE", "which one?") :
				       usage_fail(argv[optind + 1], "not expected");
	recording->path = argv[optind];
	return err ? err + 1 : 0;
}

static bool is_full(const struct recording *recording)
{
	return recording->most_events && recording->writer.nr_events >= recording->most_events;
}

static int on_record(void *data, void *sample, size_t len)
{
	struct recording *recording = data;
	const struct dmem_rec *rec = sample;
	const struct dmem_rec_vm *vm = NULL;

	if (rec->kind == DMEM_REC_VM && len >= sizeof(*rec) + sizeof(*vm))
		vm = (const struct dmem_rec_vm *)(rec + 1);
	/* What is left in the ring after the last event that is wanted does not matter. */
	if (len < sizeof(*rec) || is_full(recording) || (rec->kind == DMEM_REC_VM && !vm))
		return 0;
	return trace_write(&recording->writer, rec, vm, recording->error);
}

static int fail_bpf(const struct recording *recording, const char *step)
{
	const char *reason = strerror(errno), *said = dmem_libbpf_said();

	return dmem_fail(recording->error, errno, "%s the BPF programs: %s%s%s", step, reason,
			 *said ? ": " : "", said);
}

/* Events that found no room since the last one that did. */
static int write_lost(struct recording *recording, struct record *programs)
{
	struct dmem_rec lost = {
		.kind = DMEM_REC_LOST,
		.time_ns = dmem_clock_ns(),
		.value = programs->bss->nr_lost,
	};

	return lost.value ? trace_write(&recording->writer, &lost, NULL, recording->error) : 0;
}

/* Until a signal, or enough time or events. */
static int follow(struct recording *recording, struct record *programs, const sigset_t *ends)
{
	static const struct timespec pause = { .tv_nsec = LOOK_NS };
	struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(programs->maps.ring), on_record,
						    recording, NULL);
	uint64_t start_ns = dmem_clock_ns(), for_ns = (uint64_t)(recording->seconds * 1e9);
	int err = 0;

	if (!ring)
		return fail_bpf(recording, "listening to");
	while (err >= 0 && !is_full(recording) && sigtimedwait(ends, NULL, &pause) < 0 &&
	       (!for_ns || dmem_clock_ns() - start_ns < for_ns))
		err = ring_buffer__consume(ring);
	record__detach(programs);
	if (err >= 0)
		err = ring_buffer__consume(ring);
	if (err >= 0)
		err = write_lost(recording, programs);
	ring_buffer__free(ring);
	return err < 0 ? err : 0;
}

static int check_can_record(struct dmem_error *error)
{
	if (geteuid())
		return dmem_fail(error, EPERM, "loading BPF programs needs root");
	if (access("/sys/module/dmem", F_OK))
		return dmem_fail(error, ENODEV, "the dmem module is not loaded (modprobe dmem)");
	if (access("/sys/kernel/btf/dmem", R_OK))
		return dmem_fail(error, ENOTSUP, "the dmem module was built without BTF");
	return 0;
}

static int record_to_file(struct recording *recording, struct record *programs)
{
	struct dmem_error last;
	sigset_t ends;
	int err, closed;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	tune_measure_host();
	err = trace_create(&recording->writer, recording->path, recording->vm,
			   (uint64_t)tune_host_ns(), recording->error);
	if (!recording->writer.file)
		return err;
	if (!err && record__attach(programs))
		err = fail_bpf(recording, "attaching");
	if (!err) {
		printf("dmem-tuner: recording to %s\n", recording->path);
		fflush(stdout);
		err = follow(recording, programs, &ends);
	}
	closed = trace_finish(&recording->writer, err ? &last : recording->error);
	return err ? err : closed;
}

static int record_events(struct recording *recording)
{
	int err = check_can_record(recording->error);
	struct record *programs;

	if (err)
		return err;
	dmem_libbpf_listen();
	programs = record__open();
	if (!programs)
		return fail_bpf(recording, "opening");
	snprintf((char *)programs->rodata->wanted, sizeof(programs->rodata->wanted), "%s",
		 recording->vm);
	err = record__load(programs) ? fail_bpf(recording, "loading") :
				       record_to_file(recording, programs);
	record__destroy(programs);
	return err;
}

int record_main(int argc, char **argv)
{
	struct dmem_error error = {};
	struct recording recording = { .vm = "", .error = &error };
	int err;

	/* As messages begin, those of getopt_long() too. */
	argv[0] = "dmem-tuner: record";
	err = parse_options(argc, argv, &recording);

	if (err)
		return err - 1;
	if (record_events(&recording)) {
		fprintf(stderr, "dmem-tuner: record: %s\n", error.text);
		return 1;
	}
	printf("dmem-tuner: recorded %llu events to %s, %llu lost\n",
	       (unsigned long long)recording.writer.nr_events, recording.path,
	       (unsigned long long)recording.writer.nr_lost);
	return 0;
}
