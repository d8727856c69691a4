// SPDX-License-Identifier: GPL-2.0
/* grid.c - lines of cells, the pen that writes them, and the glyphs of pictures. */
#include "grid.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_LEN	256
#define GRID_STEP	64
#define LABEL_WIDTH	9

static const struct top_glyphs unicode_glyphs = {
	L"·▁▂▃▄▅▆▇█", { L'░', L'▒', L'▓', L'▇', L'█' }, L'█', L'▒', L'·', L'│', L'─', L'…',
	L'▲', L'▼',
};

static const struct top_glyphs ascii_glyphs = {
	L".,:;-=+*#", { L'-', L'+', L'=', L'%', L'#' }, L'#', L'=', L'.', L'|', L'-', L'~',
	L'^', L'v',
};

const struct top_glyphs *top_glyphs(bool unicode)
{
	return unicode ? &unicode_glyphs : &ascii_glyphs;
}

int top_grid_init(struct top_grid *grid, int width, int height)
{
	memset(grid, 0, sizeof(*grid));
	grid->width = width > 0 ? width : 1;
	grid->height = height;
	grid->room = height > 0 ? height : GRID_STEP;
	/* One line more, for whatever finds no place. */
	grid->cells = calloc((size_t)(grid->room + 1) * (size_t)grid->width, sizeof(*grid->cells));
	return grid->cells ? 0 : -ENOMEM;
}

void top_grid_free(struct top_grid *grid)
{
	free(grid->cells);
	memset(grid, 0, sizeof(*grid));
}

int top_grid_left(const struct top_grid *grid)
{
	return grid->height - grid->nr_lines;
}

static void grid_grow(struct top_grid *grid)
{
	int room = 2 * grid->room;
	struct top_cell *cells;

	cells = realloc(grid->cells, (size_t)(room + 1) * (size_t)grid->width * sizeof(*cells));
	if (!cells) {
		grid->failed = true;
		return;
	}
	grid->cells = cells;
	grid->room = room;
}

struct top_pen pen_line(struct top_grid *grid, bool unicode)
{
	struct top_pen pen = { .end = grid->width, .unicode = unicode };
	int i;

	if (!grid->height && grid->nr_lines == grid->room)
		grid_grow(grid);
	pen.cells = grid->cells + (size_t)grid->nr_lines * (size_t)grid->width;
	if (grid->nr_lines < grid->room)
		grid->nr_lines++;
	for (i = 0; i < grid->width; i++)
		pen.cells[i] = (struct top_cell){ .glyph = L' ' };
	return pen;
}

int pen_left(const struct top_pen *pen)
{
	return pen->end - pen->at;
}

void pen_put(struct top_pen *pen, enum top_style style, wchar_t glyph)
{
	if (pen->at >= pen->end)
		return;
	pen->cells[pen->at].glyph = glyph;
	pen->cells[pen->at++].style = style;
}

void pen_fill(struct top_pen *pen, enum top_style style, wchar_t glyph, int count)
{
	while (count-- > 0 && pen->at < pen->end)
		pen_put(pen, style, glyph);
}

void pen_text(struct top_pen *pen, enum top_style style, const char *text)
{
	for (; *text; text++)
		pen_put(pen, style, (unsigned char)*text);
}

void pen_format(struct top_pen *pen, enum top_style style, const char *format, ...)
{
	char text[TEXT_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pen_text(pen, style, text);
}

bool pen_field(struct top_pen *pen, enum top_style style, const char *format, ...)
{
	int gap = pen->at ? 2 : 0;
	char text[TEXT_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (gap + (int)strlen(text) > pen_left(pen))
		return false;
	pen_fill(pen, TOP_PLAIN, L' ', gap);
	pen_text(pen, style, text);
	return true;
}

void pen_label(struct top_pen *pen, const char *label)
{
	pen_text(pen, TOP_LABEL, label);
	pen_fill(pen, TOP_PLAIN, L' ', LABEL_WIDTH - pen->at);
}

void pen_hit(struct top_pen *pen, int from, enum top_hit hit, __u32 index)
{
	for (int i = from; i < pen->at; i++) {
		pen->cells[i].hit = hit;
		pen->cells[i].index = index;
	}
}

void pen_choose(struct top_pen *pen)
{
	for (int i = 0; i < pen->end; i++)
		pen->cells[i].chosen = true;
}

/* The next character of a name, which may be anybody's: one column wide and harmless, or '?'. */
static wchar_t next_glyph(const char **text, bool unicode)
{
	mbstate_t state = {};
	wchar_t glyph;
	size_t len = mbrtowc(&glyph, *text, strlen(*text), &state);

	if (len == (size_t)-1 || len == (size_t)-2) {
		*text += 1;
		return L'?';
	}
	*text += len;
	return wcwidth(glyph) == 1 && (unicode || glyph < 0x7f) ? glyph : L'?';
}

int top_name_width(const char *name)
{
	int width = 0;

	for (; *name; width++)
		next_glyph(&name, true);
	return width;
}

void pen_cell(struct top_pen *pen, enum top_style style, const char *text, int width, bool left)
{
	int len = top_name_width(text), used = len < width ? len : width, i;

	if (!left)
		pen_fill(pen, style, L' ', width - len);
	for (i = 0; i < used; i++) {
		wchar_t glyph = next_glyph(&text, pen->unicode);

		pen_put(pen, style, i == width - 1 && len > width ?
				    top_glyphs(pen->unicode)->cut : glyph);
	}
	if (left)
		pen_fill(pen, style, L' ', width - len);
}

void pen_name(struct top_pen *pen, enum top_style style, const char *text)
{
	int width = top_name_width(text);

	pen_cell(pen, style, text, width < pen_left(pen) ? width : pen_left(pen), true);
}

int top_cells_of(__u64 part, __u64 whole, int cells)
{
	int nr = whole ? (int)((double)part / (double)whole * cells + 0.5) : 0;

	if (nr > cells)
		return cells;
	return part && !nr ? 1 : nr;
}

void pen_levels(struct top_pen *pen, const __u64 *counts, int nr)
{
	__u64 most = 0;
	int i;

	for (i = 0; i < nr; i++)
		most = counts[i] > most ? counts[i] : most;
	for (i = 0; i < nr; i++) {
		int level = counts[i] ? top_cells_of(counts[i], most, TOP_LEVELS) : 0;

		pen_put(pen, level ? TOP_STRONG : TOP_FAINT,
			top_glyphs(pen->unicode)->levels[level]);
	}
}

void top_lay_wrapped(struct top_grid *grid, enum top_style style, const char *text, bool unicode)
{
	size_t width = (size_t)grid->width;

	while (*text) {
		struct top_pen pen = pen_line(grid, unicode);
		size_t len = strlen(text), i;

		if (len > width) {
			for (len = width; len && text[len] != ' '; len--)
				;
			len = len ? len : width;
		}
		for (i = 0; i < len; i++)
			pen_put(&pen, style, text[i] >= ' ' && text[i] < 0x7f ? text[i] : L'?');
		for (text += len; *text == ' '; text++)
			;
	}
}

void top_grid_print(const struct top_grid *grid, FILE *to)
{
	for (int i = 0; i < grid->nr_lines; i++) {
		const struct top_cell *cells = grid->cells + (size_t)i * (size_t)grid->width;
		int width = grid->width;

		while (width && cells[width - 1].glyph == L' ')
			width--;
		for (int j = 0; j < width; j++)
			fprintf(to, "%lc", (wint_t)cells[j].glyph);
		putc('\n', to);
	}
}
