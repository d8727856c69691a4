# SPDX-License-Identifier: GPL-2.0
# The benchmark's report; its unit test has all of it but main().
BENCH_REPORT_OBJS := $(patsubst tests/%.c,$(O)/obj/tests/%.o,$(wildcard tests/bench/report_*.c))

$(O)/bench-report: $(O)/obj/tests/bench/report.o $(BENCH_REPORT_OBJS)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -ljson-c
