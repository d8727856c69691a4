# SPDX-License-Identifier: GPL-2.0
# libdmem: what the tools share. Whoever links it names $(LIBDMEM) before $(LIBS).
LIBDMEM := $(O)/libdmem.a
LIBS := -ljson-c -lbpf -lelf -lz
# Who uses wire.h links this too.
WIRE_LIBS := -lnettle
# Who uses scrape.h links these.
METRICS_LIBS := -lmicrohttpd -lpthread

LIBDMEM_OBJS := $(patsubst %.c,$(O)/obj/%.o,$(wildcard lib/*.c)) $(O)/obj/lib/policy.o

# Made anew: ar would keep the object of a source that is gone.
$(LIBDMEM): $(LIBDMEM_OBJS)
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^

$(O)/obj/lib/policy.o: lib/policy.S $(O)/bpf/policy.bpf.o
	@mkdir -p $(@D)
	$(CC) -DPOLICY_OBJECT='"$(O)/bpf/policy.bpf.o"' -c -o $@ $<
