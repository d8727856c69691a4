/* SPDX-License-Identifier: GPL-2.0 */
/* replay.h - the subcommands of dmem-tuner: docs/replay.md. */
#ifndef DMEM_REPLAY_H
#define DMEM_REPLAY_H

/** record_main - dmem-tuner record; argv[0] is "record". Returns the exit status. */
int record_main(int argc, char **argv);

/** replay_main - dmem-tuner replay; argv[0] is "replay". Returns the exit status. */
int replay_main(int argc, char **argv);

extern const char record_usage[], replay_usage[];

#endif /* DMEM_REPLAY_H */
