/* SPDX-License-Identifier: GPL-2.0 */
/*
 * trace.h - the file of a recording: written and read record by record, from or to anything that
 * may be a pipe. docs/replay.md has the format.
 */
#ifndef DMEM_TRACE_H
#define DMEM_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <linux/types.h>

#include "error.h"
#include "recording.h"

/**
 * struct trace_header - what a recording begins with
 * @magic: DMEM_REC_MAGIC
 * @version: DMEM_REC_VERSION
 * @byte_order: DMEM_REC_BYTE_ORDER as the writer's machine has it
 * @header_bytes, @record_bytes: sizes of this struct and of a record
 * @start_ns: the beginning by CLOCK_MONOTONIC, as records have it
 * @start_unix_ns: the same by CLOCK_REALTIME
 * @host, @kernel: name and kernel release of the machine
 * @vm: the only VM memory that was recorded; "": all
 * @host_ns: work of the host for a page that is fetched; 0: not known
 * @cpus: that are online; 0: not known
 * @reserved: zero
 */
struct trace_header {
	char magic[DMEM_REC_MAGIC_LEN];
	__u32 version;
	__u32 byte_order;
	__u32 header_bytes;
	__u32 record_bytes;
	__u64 start_ns;
	__u64 start_unix_ns;
	char host[DMEM_REC_NAME_LEN];
	char kernel[DMEM_REC_NAME_LEN];
	char vm[DMEM_REC_NAME_LEN];
	__u64 host_ns;
	__u64 cpus;
	__u64 reserved;
};

/** struct trace_writer - a recording being written */
struct trace_writer {
	FILE *file;
	const char *path;
	uint64_t nr_events;		/* without those of settings and of the recording */
	uint64_t nr_lost;
	uint32_t nr_vms;
};

/**
 * trace_create - begin a recording
 * @path: a file that is not there yet; must outlive the writer
 * @vm: the only VM memory that will be in it; "": all
 * @host_ns: as the header has it
 */
int trace_create(struct trace_writer *writer, const char *path, const char *vm, uint64_t host_ns,
		 struct dmem_error *error);

/**
 * trace_write - add a record
 * @vm: the settings, of a DMEM_REC_VM; else NULL
 */
int trace_write(struct trace_writer *writer, const struct dmem_rec *rec,
		const struct dmem_rec_vm *vm, struct dmem_error *error);

/** trace_finish - write what is still in memory, say that this is the end, close the file. */
int trace_finish(struct trace_writer *writer, struct dmem_error *error);

/**
 * struct trace_reader - a recording being read
 * @header: as it is in the file
 * @nr_records: read so far
 * @is_whole: the record that ends it has been read
 */
struct trace_reader {
	FILE *file;
	const char *path;
	struct trace_header header;
	uint64_t nr_records;
	uint64_t at;			/* bytes read */
	bool is_whole;
};

/** trace_open - open a recording and check that it is one; @path must outlive the reader. */
int trace_open(struct trace_reader *reader, const char *path, struct dmem_error *error);

/**
 * trace_read - the next record
 * @vm: takes the settings, of a DMEM_REC_VM
 *
 * Return: 1; 0 at the end, or where the file was cut off; a negative errno for what cannot be in
 * a recording.
 */
int trace_read(struct trace_reader *reader, struct dmem_rec *rec, struct dmem_rec_vm *vm,
	       struct dmem_error *error);
void trace_close(struct trace_reader *reader);

#endif /* DMEM_TRACE_H */
