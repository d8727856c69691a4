# SPDX-License-Identifier: GPL-2.0
BINS += $(O)/dmemctl

$(O)/dmemctl: $(patsubst %.c,$(O)/obj/%.o,$(wildcard dmemctl/*.c)) $(LIBDMEM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(WIRE_LIBS) $(LIBS)
