// SPDX-License-Identifier: GPL-2.0
/*
 * record.c - writing a recording: docs/record.md.
 *
 * Numbers are packed without gaps, then compressed: most of a frame's counters are zero.
 */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "record_format.h"

/* Of nine: frames are written while somebody waits for the screen. */
#define COMPRESSION	1

struct top_recorder {
	int fd;
	char *path;
	unsigned char *plain;
	size_t plain_room;
	unsigned char *packed;
	size_t packed_room;
};

static int write_fully(const struct top_recorder *recorder, const void *data, size_t len,
		       struct dmem_error *error)
{
	ssize_t written = write(recorder->fd, data, len);

	if (written == (ssize_t)len)
		return 0;
	return dmem_fail(error, written < 0 ? errno : ENOSPC, "writing %s: %s", recorder->path,
			 strerror(written < 0 ? errno : ENOSPC));
}

/* "vm: id 4, value.name 1x64, ..." */
static void print_section(FILE *to, const struct top_section_type *type)
{
	const struct top_field *field;

	fprintf(to, "%s:", type->name);
	for (field = type->fields; field->name; field++) {
		fprintf(to, "%s %s %u", field == type->fields ? "" : ",", field->name,
			field->width);
		if (field->nr > 1)
			fprintf(to, "x%u", field->nr);
	}
	putc('\n', to);
}

static int write_header(const struct top_recorder *recorder, struct dmem_error *error)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	int err;

	if (!to)
		return dmem_fail(error, errno, "%s", strerror(errno));
	fprintf(to, "%s%u\nlittle-endian\n", RECORD_TITLE, RECORD_VERSION);
	for (int i = 0; i < TOP_SECTIONS; i++)
		print_section(to, &top_sections[i]);
	putc('\n', to);
	err = fclose(to) ? dmem_fail(error, ENOMEM, "%s", strerror(ENOMEM)) :
			   write_fully(recorder, text, len, error);
	free(text);
	return err;
}

int top_record_open(struct top_recorder **recorder, const char *path, struct dmem_error *error)
{
	struct top_recorder *made = calloc(1, sizeof(*made));
	int err;

	*recorder = NULL;
	if (!made)
		return dmem_fail(error, ENOMEM, "%s", strerror(ENOMEM));
	made->path = strdup(path);
	made->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
	if (!made->path || made->fd < 0) {
		err = dmem_fail(error, errno, "recording to %s: %s", path,
				errno == EEXIST ? "it is there already" : strerror(errno));
		free(made->path);
		free(made);
		return err;
	}
	err = write_header(made, error);
	if (err)
		top_record_close(made);
	else
		*recorder = made;
	return err;
}

void top_record_close(struct top_recorder *recorder)
{
	if (!recorder)
		return;
	close(recorder->fd);
	free(recorder->path);
	free(recorder->plain);
	free(recorder->packed);
	free(recorder);
}

static size_t packed_size(const struct top_section_type *type)
{
	const struct top_field *field;
	size_t size = 0;

	for (field = type->fields; field->name; field++)
		size += (size_t)field->width * field->nr;
	return size;
}

static unsigned char *pack_struct(unsigned char *to, const struct top_section_type *type,
				  const char *from)
{
	const struct top_field *field;

	for (field = type->fields; field->name; field++) {
		memcpy(to, from + field->offset, (size_t)field->width * field->nr);
		to += (size_t)field->width * field->nr;
	}
	return to;
}

static int reserve(unsigned char **buf, size_t *room, size_t wanted)
{
	unsigned char *grown;

	if (wanted <= *room)
		return 0;
	grown = realloc(*buf, wanted);
	if (!grown)
		return -ENOMEM;
	*buf = grown;
	*room = wanted;
	return 0;
}

static int pack_sample(struct top_recorder *recorder, const struct top_sample *sample, size_t *len)
{
	struct record_array arrays[TOP_SECTIONS];
	unsigned char *to;
	size_t need = 0;

	record_arrays(sample, arrays);
	for (int i = 0; i < TOP_SECTIONS; i++)
		need += sizeof(struct record_section) +
			arrays[i].nr * packed_size(&top_sections[i]);
	if (need > RECORD_FRAME_MAX)
		return -EFBIG;
	if (reserve(&recorder->plain, &recorder->plain_room, need))
		return -ENOMEM;
	to = recorder->plain;
	for (int i = 0; i < TOP_SECTIONS; i++) {
		struct record_section head = { (__u32)i, (__u32)arrays[i].nr };

		memcpy(to, &head, sizeof(head));
		to += sizeof(head);
		for (size_t j = 0; j < arrays[i].nr; j++)
			to = pack_struct(to, &top_sections[i],
					 arrays[i].data + j * top_sections[i].size);
	}
	*len = need;
	return 0;
}

int top_record_write(struct top_recorder *recorder, const struct top_sample *sample,
		     struct dmem_error *error)
{
	struct record_frame head = { .magic = RECORD_FRAME_MAGIC };
	size_t plain_len;
	uLongf packed_len;
	int err = pack_sample(recorder, sample, &plain_len);

	if (!err)
		err = reserve(&recorder->packed, &recorder->packed_room,
			      sizeof(head) + compressBound(plain_len));
	if (err)
		return dmem_fail(error, err, "recording: %s", strerror(-err));
	packed_len = recorder->packed_room - sizeof(head);
	if (compress2(recorder->packed + sizeof(head), &packed_len, recorder->plain, plain_len,
		      COMPRESSION) != Z_OK)
		return dmem_fail(error, EIO, "recording: zlib does not compress a frame");
	head.plain_len = (__u32)plain_len;
	head.packed_len = (__u32)packed_len;
	head.crc = record_crc(&head, recorder->packed + sizeof(head));
	memcpy(recorder->packed, &head, sizeof(head));
	return write_fully(recorder, recorder->packed, sizeof(head) + packed_len, error);
}
