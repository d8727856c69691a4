# SPDX-License-Identifier: GPL-2.0
# The benchmark. The report's unit test has all of the report but main().
BENCH_REPORT_OBJS := $(patsubst tests/%.c,$(O)/obj/tests/%.o,$(wildcard tests/bench/report_*.c))

$(O)/bench-report: $(O)/obj/tests/bench/report.o $(BENCH_REPORT_OBJS)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -ljson-c

# The macro part's guest: programs that it runs beside Debian's, and its initramfs.
BENCH_GUEST := $(addprefix $(O)/bench-guest/,array kv lines pagerank sqlite timed)
$(BENCH_GUEST): $(O)/bench-guest/%: $(O)/obj/tests/bench/guest/%.o \
		$(O)/obj/tests/bench/guest/control.o
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(BENCH_GUEST_LIBS)
$(O)/bench-guest/sqlite: BENCH_GUEST_LIBS := -lsqlite3

$(O)/bench-guest.cpio: tests/bench/guest/mkimage.sh tests/guest/image.sh vmlinux.h $(BENCH_GUEST) \
		$(addprefix tests/bench/guest/,init unit.c array.c pagerank.c control.h)
	tests/bench/guest/mkimage.sh $@ $(O)/bench-guest

# The peer in user space: loaded into an unmodified QEMU.
$(O)/bench/uffd_pager.so: tests/bench/uffd_pager.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -shared -fPIC -o $@ $< -lpthread

.PHONY: bench bench-built bench-doc
#: make bench          what pages and programs cost (BENCH="NAME..." SCALE=N REAL=1: docs/performance.md)
bench: deps
	@$(MAKE) --no-print-directory bench-built

bench-built: kmod tools $(O)/bench-report $(O)/bench/micro $(O)/bench-guest.cpio \
		$(O)/bench/uffd_pager.so
	@BENCH="$(BENCH)" SCALE="$(SCALE)" REAL="$(REAL)" tests/bench/bench.sh

#: make bench-doc      the last benchmark's tables into docs/performance.md
bench-doc: $(O)/bench-report
	$(O)/bench-report doc $(O) docs/performance.md
