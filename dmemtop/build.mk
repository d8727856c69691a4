# SPDX-License-Identifier: GPL-2.0
# What is tested alone: all that does not need a terminal.
DMEMTOP_OBJS := $(O)/obj/dmemtop/model.o $(O)/obj/dmemtop/layout.o
CURSES_LIBS := $(shell pkg-config --libs ncursesw 2>/dev/null || echo -lncursesw)
BINS += $(O)/dmemtop

$(O)/dmemtop: $(O)/obj/dmemtop/main.o $(O)/obj/dmemtop/screen.o $(DMEMTOP_OBJS) $(LIBDMEM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS) $(CURSES_LIBS)
