# SPDX-License-Identifier: GPL-2.0
# Every file of selftests/ but selftest.c is a program of its own that prints TAP; a new test
# program is a new file. Every file of unit/ likewise, run natively.
SELFTESTS := $(patsubst tests/selftests/%.c,$(O)/tests/%,\
	$(filter-out tests/selftests/selftest.c,$(wildcard tests/selftests/*.c)))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(O)/unit/%,$(wildcard tests/unit/*.c))

$(SELFTESTS): $(O)/tests/%: $(O)/obj/tests/selftests/%.o $(O)/obj/tests/selftests/selftest.o $(LIBDMEM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS) -lpthread

$(UNIT_TESTS): $(O)/unit/%: $(O)/obj/tests/unit/%.o $(MODEL_OBJ) $(LIBDMEM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -lcmocka $(LIBS)

.PHONY: tests
tests: $(SELFTESTS) $(UNIT_TESTS)
