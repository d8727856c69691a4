/* SPDX-License-Identifier: GPL-2.0 */
/*
 * screen.h - the terminal: draws laid-out lines, tells which key was pressed.
 *
 * One screen at a time. From screen_open() to screen_close() the terminal is curses', and signals
 * that end the program arrive as TOP_QUIT.
 */
#ifndef DMEMTOP_SCREEN_H
#define DMEMTOP_SCREEN_H

#include "error.h"
#include "view.h"

/**
 * screen_open - take the terminal
 * @colours: use them where the terminal has some
 * @error: takes the reason
 *
 * It is given back by screen_close() or when the program exits. Return: 0 or a negative errno.
 */
int screen_open(bool colours, struct dmem_error *error);

/** screen_close - give the terminal back. Harmless where there is no screen. */
void screen_close(void);

void screen_size(int *width, int *height);
void screen_draw(const struct top_grid *grid);

/**
 * screen_wait - the next thing to do
 * @timeout_ms: longest wait
 *
 * Return: TOP_NOTHING when the time is over or the terminal has another size; TOP_QUIT also for a
 * signal and when the terminal is gone.
 */
struct top_event screen_wait(int timeout_ms);

/** screen_signal - the signal that asked to end; 0 where it was none. */
int screen_signal(void);

/** screen_keys - the key table, for the help. */
const struct top_key_help *screen_keys(size_t *nr);

#endif /* DMEMTOP_SCREEN_H */
