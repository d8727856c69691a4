// SPDX-License-Identifier: GPL-2.0
/*
 * replay.c - reading a recording: docs/record.md.
 *
 * The header says what each struct's fields are; those that this version knows are taken, others
 * are skipped. Nothing of the file is believed before it was compared with its length.
 */
#include "record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "record_format.h"

#define FIELDS_MAX	64

/* Where a field of the file goes. @ours is NULL where nobody knows it. */
struct source_field {
	unsigned int width;
	unsigned int nr;
	const struct top_field *ours;
};

/* An array of the file. @type is NULL where nobody knows it. */
struct source_section {
	const struct top_section_type *type;
	enum top_section section;
	struct source_field fields[FIELDS_MAX];
	size_t nr_fields;
	size_t size;
};

struct top_replay {
	FILE *file;
	char *path;
	struct source_section sections[2 * TOP_SECTIONS];
	size_t nr_sections;
	long *frames;
	size_t nr_frames;
	bool is_cut;
};

void record_arrays(const struct top_sample *sample, struct record_array arrays[TOP_SECTIONS])
{
	const struct top_map *map = &sample->map;

	arrays[TOP_SECTION_FRAME] = (struct record_array){ (const char *)sample, 1 };
	arrays[TOP_SECTION_VM] = (struct record_array){ (const char *)sample->vms,
							sample->nr_vms };
	arrays[TOP_SECTION_LATENCY] = (struct record_array){ (const char *)sample->latencies,
							     sample->nr_latencies };
	arrays[TOP_SECTION_DONOR] = (struct record_array){ (const char *)sample->donors,
							   sample->nr_donors };
	arrays[TOP_SECTION_TUNER] = (struct record_array){ (const char *)&sample->tuner,
							   sample->tuner.pid != 0 };
	arrays[TOP_SECTION_DECISION] = (struct record_array){ (const char *)sample->tuner.entries,
							      sample->tuner.nr };
	arrays[TOP_SECTION_MAP] = (struct record_array){ (const char *)map, map->vm != 0 };
	arrays[TOP_SECTION_BIN] = (struct record_array){ (const char *)map->bins,
							 map->vm ? map->nr_bins : 0 };
	arrays[TOP_SECTION_SPOT] = (struct record_array){ (const char *)&sample->spot,
							  sample->has_spot };
}

__u32 record_crc(const struct record_frame *head, const unsigned char *packed)
{
	uLong crc = crc32(0, (const Bytef *)head, offsetof(struct record_frame, crc));

	return (__u32)crc32(crc, packed, head->packed_len);
}

/*
 * Header
 */

static int foreign(const struct top_replay *replay, struct dmem_error *error, const char *why)
{
	return dmem_fail(error, EPROTO, "%s: %s", replay->path, why);
}

static const struct top_field *find_field(const struct top_section_type *type, const char *name)
{
	for (const struct top_field *field = type->fields; field->name; field++)
		if (!strcmp(field->name, name))
			return field;
	return NULL;
}

/* "value.name 1x64" */
static bool parse_field(struct source_section *section, const char *text)
{
	struct source_field *field = &section->fields[section->nr_fields];
	char name[64];
	int nr;

	*field = (struct source_field){ .nr = 1 };
	nr = sscanf(text, " %63s %ux%u", name, &field->width, &field->nr);
	if (nr < 2 || section->nr_fields + 1 >= FIELDS_MAX || field->width < 1 ||
	    field->width > 8 || field->nr < 1 || field->nr > RECORD_HEADER_MAX)
		return false;
	if (section->type)
		field->ours = find_field(section->type, name);
	section->size += (size_t)field->width * field->nr;
	section->nr_fields++;
	return true;
}

/* "vm: id 4, value.name 1x64, ..." */
static bool parse_section(struct top_replay *replay, char *line)
{
	struct source_section *section = &replay->sections[replay->nr_sections];
	char *rest = strchr(line, ':'), *text;

	if (!rest || replay->nr_sections == sizeof(replay->sections) / sizeof(*replay->sections))
		return false;
	*rest++ = 0;
	memset(section, 0, sizeof(*section));
	for (int i = 0; i < TOP_SECTIONS; i++)
		if (!strcmp(top_sections[i].name, line)) {
			section->type = &top_sections[i];
			section->section = (enum top_section)i;
		}
	while ((text = strsep(&rest, ",")))
		if (!parse_field(section, text))
			return false;
	replay->nr_sections++;
	return section->size > 0;
}

static int read_title(struct top_replay *replay, struct dmem_error *error)
{
	char line[sizeof(RECORD_TITLE) + 16], *end;
	unsigned long version;

	if (!fgets(line, sizeof(line), replay->file) ||
	    strncmp(line, RECORD_TITLE, strlen(RECORD_TITLE)))
		return foreign(replay, error, "is no recording of dmemtop");
	version = strtoul(line + strlen(RECORD_TITLE), &end, 10);
	if (*end != '\n' || version != RECORD_VERSION)
		return dmem_fail(error, EPROTO,
				 "%s: a recording of version %.8s, this dmemtop reads version %u",
				 replay->path, strtok(line + strlen(RECORD_TITLE), "\n") ? : "?",
				 RECORD_VERSION);
	return 0;
}

static int read_header(struct top_replay *replay, struct dmem_error *error)
{
	char line[4096];
	int err = read_title(replay, error);

	if (err)
		return err;
	if (!fgets(line, sizeof(line), replay->file) || strcmp(line, "little-endian\n"))
		return foreign(replay, error, "a recording of another kind of machine");
	while (fgets(line, sizeof(line), replay->file)) {
		if (!strcmp(line, "\n"))
			return replay->nr_sections ? 0 : foreign(replay, error, "has no fields");
		if (!strchr(line, '\n') || !parse_section(replay, line))
			break;
	}
	return foreign(replay, error, "its header is damaged");
}

/*
 * Frames
 */

/* The frame at the file's position, whose bytes the caller frees; NULL where it is none. */
static unsigned char *read_packed(FILE *file, struct record_frame *head)
{
	unsigned char *packed;

	if (fread(head, sizeof(*head), 1, file) != 1 || head->magic != RECORD_FRAME_MAGIC ||
	    head->packed_len > RECORD_FRAME_MAX || head->plain_len > RECORD_FRAME_MAX)
		return NULL;
	packed = malloc(head->packed_len + 1UL);
	if (packed && fread(packed, 1, head->packed_len, file) == head->packed_len &&
	    record_crc(head, packed) == head->crc)
		return packed;
	free(packed);
	return NULL;
}

static int append_frame(struct top_replay *replay, long at)
{
	long *longer;

	/* Doubled at every power of two. */
	if (!(replay->nr_frames & (replay->nr_frames - 1))) {
		longer = reallocarray(replay->frames, replay->nr_frames ? 2 * replay->nr_frames : 1,
				      sizeof(*longer));
		if (!longer)
			return -ENOMEM;
		replay->frames = longer;
	}
	replay->frames[replay->nr_frames++] = at;
	return 0;
}

/* Whole ones, up to the first that is not: what a crash leaves is at the end. */
static int find_frames(struct top_replay *replay, struct dmem_error *error)
{
	struct record_frame head;
	unsigned char *packed;
	long at = ftell(replay->file);

	while ((packed = read_packed(replay->file, &head))) {
		free(packed);
		if (append_frame(replay, at))
			return dmem_fail(error, ENOMEM, "%s", strerror(ENOMEM));
		at = ftell(replay->file);
	}
	fseek(replay->file, 0, SEEK_END);
	replay->is_cut = ftell(replay->file) != at;
	if (!replay->nr_frames)
		return foreign(replay, error, "a recording without a whole frame");
	return 0;
}

int top_replay_open(struct top_replay **replay, const char *path, struct dmem_error *error)
{
	struct top_replay *made = calloc(1, sizeof(*made));
	int err;

	*replay = NULL;
	if (!made)
		return dmem_fail(error, ENOMEM, "%s", strerror(ENOMEM));
	made->path = strdup(path);
	made->file = made->path ? fopen(path, "re") : NULL;
	if (made->file)
		err = read_header(made, error);
	else
		err = dmem_fail(error, errno, "%s: %s", path, strerror(errno));
	if (!err)
		err = find_frames(made, error);
	if (err)
		top_replay_close(made);
	else
		*replay = made;
	return err;
}

void top_replay_close(struct top_replay *replay)
{
	if (!replay)
		return;
	if (replay->file)
		fclose(replay->file);
	free(replay->path);
	free(replay->frames);
	free(replay);
}

size_t top_replay_frames(const struct top_replay *replay)
{
	return replay->nr_frames;
}

bool top_replay_is_cut(const struct top_replay *replay)
{
	return replay->is_cut;
}

/* Numbers of another width are cut or filled up with zeros: they are little-endian. */
static void unpack_struct(char *to, const struct source_section *section,
			  const unsigned char *from)
{
	for (size_t i = 0; i < section->nr_fields; i++) {
		const struct source_field *field = &section->fields[i];
		const struct top_field *ours = field->ours;
		unsigned int nr = ours ? field->nr < ours->nr ? field->nr : ours->nr : 0, j;

		for (j = 0; j < nr; j++)
			memcpy(to + ours->offset + (size_t)j * ours->width,
			       from + (size_t)j * field->width,
			       field->width < ours->width ? field->width : ours->width);
		from += (size_t)field->width * field->nr;
	}
}

/* Room for a section's structs in the sample; NULL where they are not wanted or too many. */
static char *make_room(struct top_sample *sample, enum top_section section, size_t nr, int *err)
{
	void **array = NULL;
	size_t *count = NULL;

	switch (section) {
	case TOP_SECTION_FRAME: return nr == 1 ? (char *)sample : NULL;
	case TOP_SECTION_TUNER: return nr == 1 ? (char *)&sample->tuner : NULL;
	case TOP_SECTION_MAP: return nr == 1 ? (char *)&sample->map : NULL;
	case TOP_SECTION_SPOT:
		sample->has_spot = nr == 1;
		return nr == 1 ? (char *)&sample->spot : NULL;
	case TOP_SECTION_DECISION:
		sample->tuner.nr = nr <= DMEM_JOURNAL_ENTRIES ? (__u32)nr : 0;
		return sample->tuner.nr ? (char *)sample->tuner.entries : NULL;
	case TOP_SECTION_VM: array = (void **)&sample->vms; count = &sample->nr_vms; break;
	case TOP_SECTION_LATENCY:
		array = (void **)&sample->latencies;
		count = &sample->nr_latencies;
		break;
	case TOP_SECTION_DONOR: array = (void **)&sample->donors; count = &sample->nr_donors; break;
	case TOP_SECTION_BIN:
		array = (void **)&sample->map.bins;
		count = &sample->map.nr_bins;
		break;
	default: return NULL;
	}
	if (*array)
		return NULL;
	*array = calloc(nr + 1, top_sections[section].size);
	*count = *array ? nr : 0;
	if (!*array)
		*err = -ENOMEM;
	return *array;
}

static int unpack(const struct top_replay *replay, struct top_sample *sample,
		  const unsigned char *from, size_t len)
{
	struct record_section head;
	int err = 0;

	while (!err && len >= sizeof(head)) {
		const struct source_section *section;
		char *to = NULL;

		memcpy(&head, from, sizeof(head));
		from += sizeof(head);
		len -= sizeof(head);
		if (head.section >= replay->nr_sections)
			return -EPROTO;
		section = &replay->sections[head.section];
		if (head.nr > len / section->size)
			return -EPROTO;
		if (section->type && head.nr)
			to = make_room(sample, section->section, head.nr, &err);
		for (__u32 i = 0; to && i < head.nr; i++)
			unpack_struct(to + i * section->type->size, section,
				      from + i * section->size);
		from += head.nr * section->size;
		len -= head.nr * section->size;
	}
	return err ? err : len ? -EPROTO : 0;
}

static bool is_text(const char *text, size_t len)
{
	return memchr(text, 0, len);
}

/* Texts end within their arrays, and the bins are those of their window. */
static int check_sample(const struct top_sample *sample)
{
	const struct dmem_journal *tuner = &sample->tuner;
	bool fine = is_text(tuner->mode, sizeof(tuner->mode));

	for (size_t i = 0; i < sample->nr_donors; i++)
		fine = fine && is_text(sample->donors[i].path, TOP_PATH_LEN) &&
		       is_text(sample->donors[i].spec, TOP_SPEC_LEN);
	for (__u32 i = 0; i < tuner->nr; i++)
		fine = fine && is_text(tuner->entries[i].name, DMEM_MAP_NAME_LEN) &&
		       is_text(tuner->entries[i].reason, DMEM_JOURNAL_REASON);
	if (sample->map.vm)
		fine = fine && sample->map.nr_bins == heat_window_bins(&sample->map.window);
	else
		fine = fine && !sample->map.nr_bins;
	for (size_t i = 1; i < sample->nr_vms; i++)
		fine = fine && sample->vms[i - 1].id < sample->vms[i].id;
	return fine ? 0 : -EPROTO;
}

int top_replay_read(struct top_replay *replay, size_t frame, struct top_sample *sample,
		    struct dmem_error *error)
{
	struct record_frame head = {};
	unsigned char *packed = NULL, *plain = NULL, decided;
	uLongf len;
	int err = -EPROTO;

	memset(sample, 0, sizeof(*sample));
	if (!fseek(replay->file, replay->frames[frame], SEEK_SET))
		packed = read_packed(replay->file, &head);
	len = head.plain_len;
	if (packed)
		plain = malloc(len + 1);
	if (plain && uncompress(plain, &len, packed, head.packed_len) == Z_OK)
		err = unpack(replay, sample, plain, len);
	if (!err)
		err = check_sample(sample);
	memcpy(&decided, &sample->spot.decided, 1);
	sample->spot.decided = decided != 0;
	free(packed);
	free(plain);
	if (!err)
		return 0;
	top_sample_free(sample);
	return dmem_fail(error, err, "%s: frame %zu of the recording is damaged", replay->path,
			 frame + 1);
}
