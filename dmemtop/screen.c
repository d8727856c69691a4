// SPDX-License-Identifier: GPL-2.0
/*
 * screen.c - the terminal: all of curses, the colours and the key table.
 *
 * Signals are blocked but while it waits, so that none interrupts curses. SIGWINCH is curses' own
 * and comes back as a key.
 */
#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <curses.h>

#define KEYS_EACH	4
#define CTRL(letter)	((letter) & 0x1f)
/* An escape that nothing follows for this long is the key, not the beginning of another. */
#define ESCAPE_MS	25
#define RUN_LEN		256

/* What keys do, and their line in the help, in its order; moves share a line. */
static const struct key {
	int codes[KEYS_EACH];
	enum top_action action;
	struct top_key_help help;
} keys[] = {
	{ { 'q', 'Q' }, TOP_QUIT, { "q", "quit" } },
	{ { 'h', '?', KEY_F(1) }, TOP_HELP, { "h", "help" } },
	{ { '\t', '\n', '\r', KEY_ENTER }, TOP_SWITCH, { "Enter Tab", "VM/region" } },
	{ { 's' }, TOP_SORT, { "s", "sort" } },
	{ { 'm' }, TOP_REGION_VIEW, { "m", "map/table" } },
	{ { 'p' }, TOP_PAUSE, { "p", "pause" } },
	{ { '+', '=' }, TOP_SLOWER, { "+ -", "interval" } },
	{ { '-', '_' }, TOP_FASTER, {} },
	{ { KEY_UP, 'k' }, TOP_UP, { "arrows jk", "move" } },
	{ { KEY_DOWN, 'j' }, TOP_DOWN, {} },
	{ { KEY_LEFT }, TOP_LEFT, {} },
	{ { KEY_RIGHT }, TOP_RIGHT, {} },
	{ { KEY_PPAGE }, TOP_PAGE_UP, { "PgUp PgDn", "a page" } },
	{ { KEY_NPAGE, ' ' }, TOP_PAGE_DOWN, {} },
	{ { KEY_HOME, 'g' }, TOP_FIRST, { "Home End", "the ends" } },
	{ { KEY_END, 'G' }, TOP_LAST, {} },
};

#define NR_KEYS	(sizeof(keys) / sizeof(keys[0]))

/* The only place that knows colours. -1 is the terminal's own. */
static const struct {
	attr_t attributes;
	short colour;
} styles[TOP_STYLES] = {
	[TOP_PLAIN] = { A_NORMAL, -1 },
	[TOP_STRONG] = { A_BOLD, -1 },
	[TOP_FAINT] = { A_DIM, -1 },
	[TOP_LABEL] = { A_NORMAL, COLOR_CYAN },
	[TOP_HEADING] = { A_REVERSE, -1 },
	[TOP_SORTED] = { A_REVERSE | A_BOLD | A_UNDERLINE, -1 },
	[TOP_DIRECT] = { A_NORMAL, COLOR_GREEN },
	[TOP_MIXED] = { A_NORMAL, COLOR_YELLOW },
	[TOP_REMOTE] = { A_NORMAL, COLOR_MAGENTA },
	[TOP_ALARM] = { A_BOLD, COLOR_RED },
};

static const int end_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

#define NR_END_SIGNALS	(sizeof(end_signals) / sizeof(end_signals[0]))

static SCREEN *screen;
static bool has_colours;
static sigset_t mask_before;
static struct sigaction actions_before[NR_END_SIGNALS];
static volatile sig_atomic_t end_signal;

static void on_end_signal(int signal)
{
	end_signal = signal;
}

static void take_signals(void)
{
	struct sigaction action = { .sa_handler = on_end_signal };
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGWINCH);
	sigaddset(&mask, SIGTSTP);
	for (size_t i = 0; i < NR_END_SIGNALS; i++)
		sigaddset(&mask, end_signals[i]);
	sigprocmask(SIG_BLOCK, &mask, &mask_before);
	for (size_t i = 0; i < NR_END_SIGNALS; i++)
		sigaction(end_signals[i], &action, &actions_before[i]);
}

static void leave_signals(void)
{
	for (size_t i = 0; i < NR_END_SIGNALS; i++)
		sigaction(end_signals[i], &actions_before[i], NULL);
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

static void open_colours(bool wanted)
{
	has_colours = wanted && has_colors() && start_color() == OK &&
		      use_default_colors() == OK;
	for (short i = 0; has_colours && i < TOP_STYLES; i++)
		init_pair((short)(i + 1), styles[i].colour, -1);
}

int screen_open(bool colours, struct dmem_error *error)
{
	const char *type = getenv("TERM");

	/* Not initscr(), which ends the program by itself. */
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return dmem_fail(error, ENOTTY,
				 "curses does not know this type of terminal (TERM is %s): use -b",
				 type && *type ? type : "not set");
	atexit(screen_close);
	take_signals();
	open_colours(colours);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	return 0;
}

void screen_close(void)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
	leave_signals();
}

void screen_size(int *width, int *height)
{
	getmaxyx(stdscr, *height, *width);
}

static void set_style(const struct top_cell *cell)
{
	attr_t attributes = styles[cell->style].attributes;
	short pair = has_colours && styles[cell->style].colour >= 0 ? cell->style + 1 : 0;

	if (cell->chosen)
		attributes ^= A_REVERSE;
	attr_set(attributes, pair, NULL);
}

static void draw_line(const struct top_cell *cells, int width)
{
	wchar_t run[RUN_LEN];
	int at = 0, len;

	while (at < width) {
		const struct top_cell *first = &cells[at];

		for (len = 0; len < RUN_LEN && at < width && cells[at].style == first->style &&
		     cells[at].chosen == first->chosen; at++)
			run[len++] = cells[at].glyph;
		set_style(first);
		addnwstr(run, len);
	}
}

void screen_draw(const struct top_grid *grid)
{
	erase();
	for (int i = 0; i < grid->nr_lines; i++) {
		move(i, 0);
		draw_line(grid->cells + (size_t)i * (size_t)grid->width, grid->width);
	}
	refresh();
}

static enum top_action action_of(int code)
{
	for (size_t i = 0; i < NR_KEYS; i++)
		for (int j = 0; j < KEYS_EACH && keys[i].codes[j]; j++)
			if (keys[i].codes[j] == code)
				return keys[i].action;
	return TOP_NOTHING;
}

enum top_action screen_wait(int timeout_ms)
{
	struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	/* Curses may have read more than one key. */
	int code = getch(), ready;

	if (code != ERR)
		return action_of(code);
	ready = ppoll(&input, 1, &timeout, &mask_before);
	if (end_signal)
		return TOP_QUIT;
	if (!ready)
		return TOP_NOTHING;
	code = getch();
	/* Something was there to read, and it was the end. */
	if (code == ERR && ready > 0)
		return TOP_QUIT;
	return action_of(code);
}

int screen_signal(void)
{
	return end_signal;
}

const struct top_key_help *screen_keys(size_t *nr)
{
	static struct top_key_help help[NR_KEYS];

	*nr = 0;
	for (size_t i = 0; i < NR_KEYS; i++)
		if (keys[i].help.key)
			help[(*nr)++] = keys[i].help;
	return help;
}
