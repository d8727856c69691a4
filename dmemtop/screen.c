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

#include "plane.h"

#define KEYS_EACH	5
#define CTRL(letter)	((letter) & 0x1f)
/* An escape that nothing follows for this long is the key, not the beginning of another. */
#define ESCAPE_MS	25
/* Two clicks on one cell within this time are a double one. */
#define DOUBLE_CLICK_NS	400000000ULL
#define RUN_LEN		256

/* What keys do, and their line in the help, in its order; as users of htop know them. */
static const struct key {
	int codes[KEYS_EACH];
	enum top_action action;
	const char *key;
	const char *what;
	const char *bar;
} keys[] = {
	{ { 'h', '?', KEY_F(1) }, TOP_SHOW_HELP, "F1 h ?", "help, and back", "Help" },
	{ { '/', KEY_F(3) }, TOP_SEARCH, "F3 /", "search: goes there as you type", "Search" },
	{ { 'n' }, TOP_SEARCH_NEXT, "n", "search on", NULL },
	{ { '\\', KEY_F(4) }, TOP_FILTER, "F4 \\", "filter: only VMs with this in their name",
	  "Filter" },
	{ { '>', '<', '.', KEY_F(6) }, TOP_SORT, "F6 >", "sort by another column", "SortBy" },
	{ { 'I' }, TOP_INVERT, "I", "invert the order", NULL },
	{ { ' ', 'Z', 'p' }, TOP_PAUSE, "Space Z", "pause, and go on", NULL },
	{ { '+', '=' }, TOP_SLOWER, "+ -", "longer, shorter delay", NULL },
	{ { '-', '_' }, TOP_FASTER, NULL, NULL, NULL },
	{ { '\t' }, TOP_NEXT_SCREEN, "Tab 1 ... 6", "the screens", NULL },
	{ { KEY_BTAB }, TOP_PREVIOUS_SCREEN, NULL, NULL, NULL },
	{ { '1' }, TOP_SHOW_SCREEN + TOP_VMS, NULL, NULL, NULL },
	{ { '2' }, TOP_SHOW_SCREEN + TOP_REGIONS, NULL, NULL, NULL },
	{ { '3' }, TOP_SHOW_SCREEN + TOP_LATENCY, NULL, NULL, NULL },
	{ { '4' }, TOP_SHOW_SCREEN + TOP_DONORS, NULL, NULL, NULL },
	{ { '5' }, TOP_SHOW_SCREEN + TOP_TUNER, NULL, NULL, NULL },
	{ { '6' }, TOP_SHOW_SCREEN + TOP_HELP, NULL, NULL, NULL },
	{ { '\n', '\r', KEY_ENTER }, TOP_ENTER, "Enter", "into a VM, a part of its map, a decision",
	  "Into" },
	{ { 27 }, TOP_BACK, "Esc", "back", "Back" },
	{ { KEY_UP, 'k' }, TOP_UP, "arrows k j", "move", NULL },
	{ { KEY_DOWN, 'j' }, TOP_DOWN, NULL, NULL, NULL },
	{ { KEY_LEFT }, TOP_LEFT, NULL, NULL, NULL },
	{ { KEY_RIGHT }, TOP_RIGHT, NULL, NULL, NULL },
	{ { KEY_PPAGE }, TOP_PAGE_UP, "PgUp PgDn", "a page", NULL },
	{ { KEY_NPAGE }, TOP_PAGE_DOWN, NULL, NULL, NULL },
	{ { KEY_HOME, 'g' }, TOP_FIRST, "Home End", "the ends", NULL },
	{ { KEY_END, 'G' }, TOP_LAST, NULL, NULL, NULL },
	{ { 'm' }, TOP_NEXT_HEAT, "m", "Regions: another map", NULL },
	{ { 'd' }, TOP_SHOW_HEAT + TOP_DENSITY, "d x o a", "density, miss rate, order, age", NULL },
	{ { 'x' }, TOP_SHOW_HEAT + TOP_MISSES, NULL, NULL, NULL },
	{ { 'o' }, TOP_SHOW_HEAT + TOP_ORDER, NULL, NULL, NULL },
	{ { 'a' }, TOP_SHOW_HEAT + TOP_AGE, NULL, NULL, NULL },
	{ { 'v' }, TOP_ONE_VM, "v", "Latency: of the chosen VM, of all", NULL },
	{ { 'T' }, TOP_FRAME_BACK, "Left Right, T t", "replay: a frame back, on", NULL },
	{ { 't' }, TOP_FRAME_ON, NULL, NULL, NULL },
	{ { KEY_SLEFT, '[' }, TOP_FRAMES_BACK, "[ ]", "replay: ten frames back, on", NULL },
	{ { KEY_SRIGHT, ']' }, TOP_FRAMES_ON, NULL, NULL, NULL },
	{ { KEY_BACKSPACE, 127, CTRL('h') }, TOP_ERASE, NULL, NULL, NULL },
	{ { 'q', 'Q', KEY_F(10) }, TOP_QUIT, "F10 q", "quit", "Quit" },
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
	[TOP_KEY] = { A_REVERSE, COLOR_CYAN },
	[TOP_DIRECT] = { A_NORMAL, COLOR_GREEN },
	[TOP_REMOTE] = { A_NORMAL, COLOR_MAGENTA },
	[TOP_WARNING] = { A_BOLD, COLOR_YELLOW },
	[TOP_ALARM] = { A_BOLD, COLOR_RED },
	[TOP_HEAT_0] = { A_NORMAL, COLOR_BLUE },
	[TOP_HEAT_1] = { A_NORMAL, COLOR_CYAN },
	[TOP_HEAT_2] = { A_NORMAL, COLOR_GREEN },
	[TOP_HEAT_3] = { A_NORMAL, COLOR_YELLOW },
	[TOP_HEAT_4] = { A_BOLD, COLOR_RED },
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
	mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
	/* Clicks are put together here: curses would wait for the end of each. */
	mouseinterval(0);
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

static struct top_event mouse_event(void)
{
	static __u64 last_ns;
	static int last_x, last_y;
	struct top_event event = {};
	__u64 now_ns = dmem_clock_ns();
	MEVENT mouse;

	if (getmouse(&mouse) != OK)
		return event;
	event.x = mouse.x;
	event.y = mouse.y;
	if (mouse.bstate & BUTTON4_PRESSED) {
		event.mouse = TOP_WHEEL_UP;
	} else if (mouse.bstate & BUTTON5_PRESSED) {
		event.mouse = TOP_WHEEL_DOWN;
	} else if (mouse.bstate & BUTTON1_PRESSED) {
		bool same = mouse.x == last_x && mouse.y == last_y &&
			    now_ns - last_ns < DOUBLE_CLICK_NS;

		event.mouse = same ? TOP_DOUBLE_CLICK : TOP_CLICK;
		/* A third one begins anew. */
		last_ns = same ? 0 : now_ns;
		last_x = mouse.x;
		last_y = mouse.y;
	}
	return event;
}

/* False where nothing was to be read. */
static bool read_key(struct top_event *event)
{
	wint_t code;
	int kind = get_wch(&code);

	*event = (struct top_event){};
	if (kind == ERR)
		return false;
	if (kind == KEY_CODE_YES && code == KEY_MOUSE) {
		*event = mouse_event();
		return true;
	}
	event->action = action_of((int)code);
	if (kind == OK)
		event->glyph = (wchar_t)code;
	return true;
}

struct top_event screen_wait(int timeout_ms)
{
	struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	struct top_event event, quit = { .action = TOP_QUIT };
	int ready;

	/* Curses may have read more than one key. */
	if (read_key(&event))
		return event;
	ready = ppoll(&input, 1, &timeout, &mask_before);
	if (end_signal)
		return quit;
	if (!ready)
		return event;
	/* Something was there to read, and it was the end. */
	if (!read_key(&event) && ready > 0)
		return quit;
	return event;
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
		if (keys[i].key)
			help[(*nr)++] = (struct top_key_help){ keys[i].key, keys[i].what,
							       keys[i].bar, keys[i].action };
	return help;
}
