/* SPDX-License-Identifier: GPL-2.0 */
/* record_format.h - what record.c and replay.c agree on: docs/record.md. */
#ifndef DMEMTOP_RECORD_FORMAT_H
#define DMEMTOP_RECORD_FORMAT_H

#include "fields.h"
#include "sample.h"

#define RECORD_TITLE		"dmemtop recording "
#define RECORD_VERSION		1U
#define RECORD_FRAME_MAGIC	0x4d415246U	/* "FRAM" */
/* Longest header and frame that are believed. */
#define RECORD_HEADER_MAX	65536U
#define RECORD_FRAME_MAX	(256U << 20)

/** struct record_frame - before every frame; @crc is of what is before it and the packed bytes. */
struct record_frame {
	__u32 magic;
	__u32 plain_len;
	__u32 packed_len;
	__u32 crc;
};

/** struct record_section - before every array of a frame. */
struct record_section {
	__u32 section;
	__u32 nr;
};

/** struct record_array - where a section's structs are. */
struct record_array {
	const char *data;
	size_t nr;
};

/** record_arrays - those of a sample. */
void record_arrays(const struct top_sample *sample, struct record_array arrays[TOP_SECTIONS]);

__u32 record_crc(const struct record_frame *head, const unsigned char *packed);

#endif /* DMEMTOP_RECORD_FORMAT_H */
