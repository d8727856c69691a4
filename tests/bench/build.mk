# SPDX-License-Identifier: GPL-2.0
# The benchmark. The report's unit test has all of the report but main().
BENCH_REPORT_OBJS := $(patsubst tests/%.c,$(O)/obj/tests/%.o,$(wildcard tests/bench/report_*.c))

$(O)/bench-report: $(O)/obj/tests/bench/report.o $(BENCH_REPORT_OBJS)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -ljson-c

# What a part needs to be built, it adds to bench-built's prerequisites.
.PHONY: bench bench-built bench-doc
#: make bench          what pages and programs cost (BENCH="NAME..." SCALE=N REAL=1: docs/performance.md)
bench: deps
	@$(MAKE) --no-print-directory bench-built

bench-built: kmod tools $(O)/bench-report
	@BENCH="$(BENCH)" SCALE="$(SCALE)" REAL="$(REAL)" tests/bench/bench.sh

#: make bench-doc      the last benchmark's tables into docs/performance.md
bench-doc: $(O)/bench-report
	$(O)/bench-report doc $(O) docs/performance.md
