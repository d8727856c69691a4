# SPDX-License-Identifier: GPL-2.0
CURSES_LIBS := $(shell pkg-config --libs ncursesw 2>/dev/null || echo -lncursesw)
BINS += $(O)/dmemtop

$(O)/dmemtop: $(patsubst %.c,$(O)/obj/%.o,$(wildcard dmemtop/*.c)) $(LIBDMEM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS) $(CURSES_LIBS)
