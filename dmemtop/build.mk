# SPDX-License-Identifier: GPL-2.0
# What is tested alone: all that needs neither a terminal nor a plane.
DMEMTOP_OBJS := $(patsubst %.c,$(O)/obj/%.o,\
	$(filter-out $(addprefix dmemtop/,main.c screen.c live.c),$(wildcard dmemtop/*.c)))
CURSES_LIBS := $(shell pkg-config --libs ncursesw 2>/dev/null || echo -lncursesw)
BINS += $(O)/dmemtop

$(O)/dmemtop: $(addprefix $(O)/obj/dmemtop/,main.o screen.o live.o) $(DMEMTOP_OBJS) $(LIBDMEM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS) $(CURSES_LIBS)
