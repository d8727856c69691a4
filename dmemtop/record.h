/* SPDX-License-Identifier: GPL-2.0 */
/*
 * record.h - samples in a file, and back: dmemtop --record and --replay.
 *
 * docs/record.md describes the format. Every frame stands for itself, compressed and with a
 * checksum, so a recording that was cut is good up to its last whole frame, and any frame can be
 * gone to. The header names the fields, so that a later version still reads an older file.
 */
#ifndef DMEMTOP_RECORD_H
#define DMEMTOP_RECORD_H

#include "sample.h"

struct top_recorder;
struct top_replay;

/**
 * top_record_open - begin a recording
 * @recorder: takes it, for top_record_close()
 * @path: a file that is made
 * @error: takes the reason
 *
 * Return: 0; -EEXIST where there is such a file, which is left alone; another negative errno.
 */
int top_record_open(struct top_recorder **recorder, const char *path, struct dmem_error *error);

/** top_record_write - one frame, in one write. Its regions are left out. */
int top_record_write(struct top_recorder *recorder, const struct top_sample *sample,
		     struct dmem_error *error);
void top_record_close(struct top_recorder *recorder);

/**
 * top_replay_open - open a recording
 * @replay: takes it, for top_replay_close()
 * @path: the file
 * @error: takes the reason
 *
 * Return: 0; -EPROTO where it is none, of another version, or without a whole frame; another
 * negative errno.
 */
int top_replay_open(struct top_replay **replay, const char *path, struct dmem_error *error);
void top_replay_close(struct top_replay *replay);

/** top_replay_frames - how many there are. */
size_t top_replay_frames(const struct top_replay *replay);

/** top_replay_is_cut - something follows the last whole frame. */
bool top_replay_is_cut(const struct top_replay *replay);

/**
 * top_replay_read - a frame
 * @replay: the recording
 * @frame: from 0 on
 * @sample: takes it, for top_sample_free(); all zero on error
 * @error: takes the reason
 */
int top_replay_read(struct top_replay *replay, size_t frame, struct top_sample *sample,
		    struct dmem_error *error);

#endif /* DMEMTOP_RECORD_H */
