# SPDX-License-Identifier: GPL-2.0
BINS += $(O)/dmem-memnode
# All but main(): the unit tests link what they need of it, with a transport of their own.
LIBMEMNODE := $(O)/libmemnode.a
RDMA_LIBS := -lrdmacm -libverbs
MEMNODE_LIBS := $(RDMA_LIBS) -lsystemd $(METRICS_LIBS) $(WIRE_LIBS)

$(LIBMEMNODE): $(patsubst %.c,$(O)/obj/%.o,$(filter-out memnode/main.c,$(wildcard memnode/*.c)))
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^

$(O)/dmem-memnode: $(O)/obj/memnode/main.o $(LIBMEMNODE) $(LIBDMEM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(MEMNODE_LIBS)
