// SPDX-License-Identifier: GPL-2.0
/*
 * trace.c - the file of a recording. Records are written as they are in memory; the header says
 * how long they are and in which byte order, and who reads believes nothing.
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "maps.h"
#include "uapi/dmem.h"

#define BUFFER_BYTES	(1U << 20)
#define NS_PER_S	1000000000ULL
/* 256 TiB: more than a file may have. */
#define MAX_REGIONS	(1U << 27)

_Static_assert(sizeof(struct trace_header) == 256, "the header of a recording has 256 bytes");
_Static_assert(sizeof(struct dmem_rec) == 32, "a record has 32 bytes");
_Static_assert(sizeof(struct dmem_rec_vm) == 96, "settings take three records");

static uint64_t clock_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int fail_writing(const struct trace_writer *writer, struct dmem_error *error)
{
	int err = errno ? errno : EIO;

	return dmem_fail(error, err, "writing %s: %s", writer->path, strerror(err));
}

static int write_bytes(const struct trace_writer *writer, const void *data, size_t len,
		       struct dmem_error *error)
{
	errno = 0;
	return fwrite(data, len, 1, writer->file) == 1 ? 0 : fail_writing(writer, error);
}

int trace_create(struct trace_writer *writer, const char *path, const char *vm, uint64_t host_ns,
		 struct dmem_error *error)
{
	struct trace_header header = {
		.magic = DMEM_REC_MAGIC,
		.version = DMEM_REC_VERSION,
		.byte_order = DMEM_REC_BYTE_ORDER,
		.header_bytes = sizeof(header),
		.record_bytes = sizeof(struct dmem_rec),
		.start_ns = clock_of(CLOCK_MONOTONIC),
		.start_unix_ns = clock_of(CLOCK_REALTIME),
		.host_ns = host_ns,
		.cpus = (__u64)sysconf(_SC_NPROCESSORS_ONLN),
	};
	struct utsname name;
	int fd, err;

	*writer = (struct trace_writer){ .path = path };
	if (!uname(&name)) {
		snprintf(header.host, sizeof(header.host), "%.63s", name.nodename);
		snprintf(header.kernel, sizeof(header.kernel), "%.63s", name.release);
	}
	snprintf(header.vm, sizeof(header.vm), "%.63s", vm);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	writer->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!writer->file)
		return dmem_fail(error, errno, "%s: %s", path,
				 errno == EEXIST ? "it is there already" : strerror(errno));
	setvbuf(writer->file, NULL, _IOFBF, BUFFER_BYTES);
	err = write_bytes(writer, &header, sizeof(header), error);
	/* Whatever becomes of the writer, this is a recording. */
	if (!err && fflush(writer->file))
		err = fail_writing(writer, error);
	return err;
}

int trace_write(struct trace_writer *writer, const struct dmem_rec *rec,
		const struct dmem_rec_vm *vm, struct dmem_error *error)
{
	int err = write_bytes(writer, rec, sizeof(*rec), error);

	if (rec->kind == DMEM_REC_VM) {
		writer->nr_vms++;
		return err ? err : write_bytes(writer, vm, sizeof(*vm), error);
	}
	if (rec->kind == DMEM_REC_LOST)
		writer->nr_lost += rec->value;
	else if (rec->kind != DMEM_REC_END)
		writer->nr_events++;
	return err;
}

int trace_finish(struct trace_writer *writer, struct dmem_error *error)
{
	struct dmem_rec end = { .kind = DMEM_REC_END, .time_ns = clock_of(CLOCK_MONOTONIC) };
	int err = trace_write(writer, &end, NULL, error);

	errno = 0;
	if (fclose(writer->file) && !err)
		err = fail_writing(writer, error);
	writer->file = NULL;
	return err;
}

static int check_header(const struct trace_reader *reader, size_t len, struct dmem_error *error)
{
	const struct trace_header *header = &reader->header;
	const char *path = reader->path;

	if (len < DMEM_REC_MAGIC_LEN || memcmp(header->magic, DMEM_REC_MAGIC, DMEM_REC_MAGIC_LEN))
		return dmem_fail(error, EINVAL, "%s: not a recording of dmem-tuner record", path);
	if (len < sizeof(*header))
		return dmem_fail(error, EINVAL, "%s: ends in its header, after %zu bytes of %zu",
				 path, len, sizeof(*header));
	if (header->byte_order == __builtin_bswap32(DMEM_REC_BYTE_ORDER))
		return dmem_fail(error, EINVAL, "%s: of a machine with the other byte order", path);
	if (header->version != DMEM_REC_VERSION)
		return dmem_fail(error, EPROTO, "%s: a recording of version %u, this program reads version %u",
				 path, header->version, DMEM_REC_VERSION);
	if (header->byte_order != DMEM_REC_BYTE_ORDER ||
	    header->header_bytes != sizeof(*header) ||
	    header->record_bytes != sizeof(struct dmem_rec))
		return dmem_fail(error, EINVAL, "%s: its header is damaged: byte order %08x, %u and %u bytes",
				 path, header->byte_order, header->header_bytes,
				 header->record_bytes);
	if (header->host_ns > NS_PER_S)
		return dmem_fail(error, EINVAL, "%s: its header is damaged: %llu ns of the host's work for a page",
				 path, (unsigned long long)header->host_ns);
	return 0;
}

int trace_open(struct trace_reader *reader, const char *path, struct dmem_error *error)
{
	size_t len;
	int err;

	*reader = (struct trace_reader){ .path = path };
	reader->file = fopen(path, "re");
	if (!reader->file)
		return dmem_fail(error, errno, "%s: %s", path, strerror(errno));
	setvbuf(reader->file, NULL, _IOFBF, BUFFER_BYTES);
	errno = 0;
	len = fread(&reader->header, 1, sizeof(reader->header), reader->file);
	if (ferror(reader->file))
		err = dmem_fail(error, errno, "%s: %s", path, strerror(errno));
	else
		err = check_header(reader, len, error);
	if (err)
		trace_close(reader);
	reader->at = len;
	/* Text for who prints it, whatever is in the file. */
	reader->header.host[DMEM_REC_NAME_LEN - 1] = 0;
	reader->header.kernel[DMEM_REC_NAME_LEN - 1] = 0;
	reader->header.vm[DMEM_REC_NAME_LEN - 1] = 0;
	return err;
}

/* What is wrong with a record, or NULL. */
static const char *fault_of(const struct dmem_rec *rec)
{
	if (rec->kind == DMEM_REC_VM || rec->kind == DMEM_REC_LOST || rec->kind == DMEM_REC_END)
		return NULL;
	if (rec->kind > DMEM_REC_EVICTED ||
	    (rec->kind > DMEM_REC_ERROR && rec->kind < DMEM_REC_FETCHED))
		return "no such kind";
	if (rec->region >= MAX_REGIONS)
		return "no such region";
	if (rec->page >= DMEM_MAP_REGION_PAGES)
		return "no such page of a region";
	if (rec->nr_pages > DMEM_MAP_REGION_PAGES || rec->nr_unused > rec->nr_pages ||
	    rec->held_pages > DMEM_MAP_REGION_PAGES)
		return "more pages than a region has";
	return rec->order > DMEM_ORDER_MAX ? "no such order" : NULL;
}

/* Returns 1, or 0 where the file ends before. */
static int read_bytes(struct trace_reader *reader, void *data, size_t len,
		      struct dmem_error *error)
{
	errno = 0;
	if (fread(data, len, 1, reader->file) == 1) {
		reader->at += len;
		return 1;
	}
	if (ferror(reader->file))
		return dmem_fail(error, errno ? errno : EIO, "%s: %s", reader->path,
				 strerror(errno ? errno : EIO));
	return 0;
}

int trace_read(struct trace_reader *reader, struct dmem_rec *rec, struct dmem_rec_vm *vm,
	       struct dmem_error *error)
{
	uint64_t at = reader->at;
	const char *fault;
	int got;

	if (reader->is_whole)
		return 0;
	got = read_bytes(reader, rec, sizeof(*rec), error);
	if (got > 0 && rec->kind == DMEM_REC_VM) {
		got = read_bytes(reader, vm, sizeof(*vm), error);
		vm->name[DMEM_REC_NAME_LEN - 1] = 0;
	}
	if (got <= 0)
		return got;
	fault = fault_of(rec);
	if (fault)
		return dmem_fail(error, EINVAL, "%s: record %llu, at byte %llu: %s (kind %u)",
				 reader->path, (unsigned long long)reader->nr_records,
				 (unsigned long long)at, fault, rec->kind);
	reader->nr_records++;
	reader->is_whole = rec->kind == DMEM_REC_END;
	return 1;
}

void trace_close(struct trace_reader *reader)
{
	if (reader->file)
		fclose(reader->file);
	reader->file = NULL;
}
