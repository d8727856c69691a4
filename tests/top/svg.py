#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A terminal's text with its colours (tmux capture-pane -p -e) as an SVG picture.

Usage: svg.py TITLE <text >picture.svg
"""
import html
import re
import sys
import unicodedata

COLOURS = ["#15161e", "#f7768e", "#9ece6a", "#e0af68", "#7aa2f7", "#bb9af7", "#7dcfff", "#c0caf5"]
TEXT, GROUND = "#c0caf5", "#1a1b26"
COLUMN, LINE, SIZE, MARGIN = 8.4, 17, 14, 12


class Style:
    """What the escape sequences so far have asked for."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.bold = self.dim = self.reverse = self.underline = False
        self.text = self.ground = None

    def follow(self, codes):
        """SGR: only what dmemtop and tmux send."""
        codes = [int(code or 0) for code in codes.split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.reset()
            elif code in (1, 2, 4, 7):
                setattr(self, {1: "bold", 2: "dim", 4: "underline", 7: "reverse"}[code], True)
            elif code == 22:
                self.bold = self.dim = False
            elif code == 27:
                self.reverse = False
            elif 30 <= code <= 37:
                self.text = COLOURS[code - 30]
            elif code == 39:
                self.text = None
            elif 40 <= code <= 47:
                self.ground = COLOURS[code - 40]
            elif code == 49:
                self.ground = None

    def key(self):
        text, ground = self.text or TEXT, self.ground
        if self.reverse:
            text, ground = ground or GROUND, text
        return text, ground, self.bold, self.dim, self.underline


def runs(line, style):
    """Runs of one style: (column, text, style)."""
    column = 0
    for part in re.split("(\x1b\\[[0-9;]*m|\x1b[()]B|\x0e|\x0f)", line):
        if part.startswith("\x1b["):
            style.follow(part[2:-1])
        elif part and part[0] not in "\x1b\x0e\x0f":
            yield column, part, style.key()
            column += len(part)


def draw(at, line, style):
    baseline = MARGIN + at * LINE + SIZE
    for column, text, (colour, ground, bold, dim, underline) in runs(line, style):
        x, width = MARGIN + column * COLUMN, len(text) * COLUMN
        if ground:
            print('<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>'
                  % (x, baseline - SIZE + 1, width, LINE, ground))
        if not text.strip():
            continue
        extra = ' font-weight="bold"' if bold else ""
        extra += ' opacity="0.55"' if dim else ""
        extra += ' text-decoration="underline"' if underline else ""
        print('<text x="%.1f" y="%d" textLength="%.1f" fill="%s"%s>%s</text>'
              % (x, baseline, width, colour, extra, html.escape(text)))


def main():
    lines = sys.stdin.read().rstrip("\n").split("\n")
    plain = [re.sub("\x1b\\[[0-9;]*m|\x1b[()]B|\x0e|\x0f", "", line) for line in lines]
    assert not any(unicodedata.east_asian_width(char) in "WF" for char in "".join(plain))
    width = 2 * MARGIN + max(len(line) for line in plain) * COLUMN
    height = 2 * MARGIN + len(lines) * LINE
    print('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-size="%d"'
          ' font-family="monospace" xml:space="preserve">' % (width, height, SIZE))
    print('<!-- SPDX-License-Identifier: GPL-2.0; made by tests/top/svg.py -->')
    print('<title>%s</title>' % html.escape(sys.argv[1]))
    print('<rect width="100%%" height="100%%" fill="%s"/>' % GROUND)
    style = Style()
    for at, line in enumerate(lines):
        draw(at, line, style)
    print("</svg>")


main()
