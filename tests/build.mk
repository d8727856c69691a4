# SPDX-License-Identifier: GPL-2.0
include tests/bench/build.mk

# Every file of selftests/ but selftest.c is a program of its own that prints TAP; a new test
# program is a new file. Every file of unit/ likewise, run natively.
SELFTESTS := $(patsubst tests/selftests/%.c,$(O)/tests/%,\
	$(filter-out tests/selftests/selftest.c,$(wildcard tests/selftests/*.c)))
# Those that need a debug kernel: make check-debug runs them beside the others.
DEBUG_SELFTESTS := $(patsubst tests/selftests/debug/%.c,$(O)/debug/tests/%,\
	$(wildcard tests/selftests/debug/*.c))
# And a host with two nodes: the numa suite runs them.
NUMA_SELFTESTS := $(patsubst tests/selftests/numa/%.c,$(O)/numa/tests/%,\
	$(wildcard tests/selftests/numa/*.c))
# And a second host that donates: the hosts suite runs them.
HOSTS_SELFTESTS := $(patsubst tests/selftests/hosts/%.c,$(O)/hosts/tests/%,\
	$(wildcard tests/selftests/hosts/*.c))
VMM_OBJ := $(O)/obj/tests/vmm/vmm.o
UNIT_TESTS := $(patsubst tests/unit/%.c,$(O)/unit/%,$(wildcard tests/unit/*.c))

$(SELFTESTS): $(O)/tests/%: $(O)/obj/tests/selftests/%.o \
		$(O)/obj/tests/selftests/selftest.o $(LIBDMEM)
	@mkdir -p $(@D)
	$(CC) -o $@ $(filter %.o,$^) $(LIBDMEM) $(LIBS) -lpthread -lm

$(DEBUG_SELFTESTS): $(O)/debug/tests/%: $(O)/obj/tests/selftests/debug/%.o \
		$(O)/obj/tests/selftests/selftest.o $(LIBDMEM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS) -lpthread

$(NUMA_SELFTESTS): $(O)/numa/tests/%: $(O)/obj/tests/selftests/numa/%.o \
		$(O)/obj/tests/selftests/selftest.o $(LIBDMEM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS) -lpthread

$(HOSTS_SELFTESTS): $(O)/hosts/tests/%: $(O)/obj/tests/selftests/hosts/%.o \
		$(O)/obj/tests/selftests/selftest.o $(LIBDMEM)
	@mkdir -p $(@D)
	$(CC) -o $@ $(filter %.o,$^) $(LIBS) -lpthread

# Those with a guest of their own.
$(O)/tests/kvm_slots $(O)/tests/locality: $(VMM_OBJ)
$(O)/tests/locality: $(O)/obj/tests/locality/model.o

# Those with a donor, some of them its client in user space.
PEER_OBJS := $(patsubst %.c,$(O)/obj/%.o,$(wildcard tests/rdma/*.c))
WITH_DONOR := $(filter $(O)/tests/memnode% $(O)/tests/rdma%,$(SELFTESTS)) $(HOSTS_SELFTESTS)
$(WITH_DONOR): $(PEER_OBJS) | $(O)/dmem-memnode
$(WITH_DONOR): LIBS += $(LIBDMEM) $(RDMA_LIBS) $(WIRE_LIBS)

# What breaks a donor's RDMA from within, for tests/selftests/rdma_broken.c.
$(O)/rdma-spoil.so: tests/rdma/preload/spoil.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -shared -fPIC -o $@ $< $(RDMA_LIBS) -lpthread

$(O)/tests/rdma_broken: | $(O)/rdma-spoil.so

# Policies that are not dmem-tuner's; policy.c opens them by their path.
$(O)/bpf/%.bpf.o: tests/selftests/bpf/%.bpf.c bpf/core.bpf.h core-kmod/event.h vmlinux.h
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(O)/tests/policy: | $(O)/bpf/policy_4g.bpf.o

# Self-describing pages under everything at once; its policy is opened by its path, too.
$(O)/stress: $(patsubst %.c,$(O)/obj/%.o,$(wildcard tests/stress/*.c)) $(LIBDMEM) | \
		$(O)/bpf/policy_random.bpf.o
	$(CC) -o $@ $(filter %.o %.a,$^) $(LIBS) -lpthread

$(UNIT_TESTS): $(O)/unit/%: $(O)/obj/tests/unit/%.o $(MODEL_OBJ) $(DMEMTOP_OBJS) \
		$(O)/obj/tests/top/synth.o $(O)/obj/tests/replay/script.o $(BENCH_REPORT_OBJS) \
		$(LIBDMEM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -lcmocka $(UNIT_LIBS) $(WIRE_LIBS) $(LIBS) -lm

$(O)/unit/metrics_test: $(O)/obj/tuner/metrics.o
$(O)/unit/metrics_test: UNIT_LIBS := $(METRICS_LIBS)

# Those of the donor have its transport and clock of their own, and none of the others' libraries.
$(O)/unit/memnode_session_test: $(O)/obj/tests/memnode/fake.o
$(filter $(O)/unit/memnode%,$(UNIT_TESTS)): $(LIBMEMNODE)
$(filter $(O)/unit/memnode%,$(UNIT_TESTS)): UNIT_LIBS := $(LIBDMEM) $(MEMNODE_LIBS)

.PHONY: golden
#: make golden         what is kept in tests/unit/golden anew: look at the changes
golden: $(addprefix $(O)/unit/,dmemtop_golden metrics_test memnode_session_test)
	for test in $^; do GOLDEN_WRITE=1 $$test || exit; done

# A plane of made-up maps, for dmemtop's cost.
$(O)/top-plane: $(O)/obj/tests/top/plane.o $(LIBDMEM)
	$(CC) -o $@ $^ $(LIBS)

# And one whose programs count made-up events, for the tuner.
$(O)/bpf/live.bpf.o: tests/tuner/live.bpf.c $(wildcard bpf/*.h) core-kmod/event.h vmlinux.h
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(O)/tuner-live: $(O)/obj/tests/tuner/live.o $(LIBDMEM) | $(O)/bpf/live.bpf.o
	$(CC) -o $@ $(filter %.o %.a,$^) $(LIBS)

$(O)/hold-kvm: $(O)/obj/tests/vm/hold-kvm.o
	$(CC) -o $@ $^

.PHONY: tests
tests: $(SELFTESTS) $(DEBUG_SELFTESTS) $(NUMA_SELFTESTS) $(HOSTS_SELFTESTS) $(UNIT_TESTS) \
		$(O)/bench/micro $(O)/stress $(O)/hold-kvm $(O)/top-plane $(O)/tuner-live

# tests/bench/micro.sh runs it in a host whose time counts instructions.
$(O)/bpf/%.bpf.o: tests/bench/%.bpf.c tests/bench/%.h vmlinux.h
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -Itests/bench -c -o $@ $<

MICRO_OBJS := $(patsubst %.c,$(O)/obj/%.o,\
	$(filter-out %.bpf.c,$(wildcard tests/bench/micro*.c)))
$(O)/obj/tests/bench/micro_stages.o: $(O)/bpf/micro_stages.skel.h

$(O)/bench/micro: $(MICRO_OBJS) $(VMM_OBJ) $(LIBDMEM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LIBS) -lpthread -lm

# The guest of the tests and the demo: an initramfs of Debian's programs and two of ours.
GUEST_PROGRAMS := $(addprefix $(O)/guest/,pattern meanwhile)
$(GUEST_PROGRAMS): $(O)/guest/%: tests/guest/%.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(CFLAGS) -static -o $@ $< -lpthread

$(O)/guest.cpio.gz: $(addprefix tests/guest/,mkinitramfs.sh image.sh init) $(GUEST_PROGRAMS)
	tests/guest/mkinitramfs.sh $@ $(GUEST_PROGRAMS)

$(O)/demo-report: $(O)/obj/tests/demo/report.o $(LIBDMEM)
	$(CC) -o $@ $^ $(LIBS)

# deps first, and then make anew: what it installs decides what there is to build.
.PHONY: demo check demo-built check-built
#: make demo           the main job: a KVM guest on dmem memory in an emulated host (DEMO=--short);
#:                     RDMA=1: on two donor hosts, of which one is killed
demo: deps
	@$(MAKE) --no-print-directory demo-built

demo-built: kmod tools $(O)/hold-kvm $(O)/guest.cpio.gz $(O)/demo-report
	@tests/demo/demo.sh $(DEMO) $(if $(RDMA),--rdma)

#: make check          all tests (CHECK="NAME..." runs some: tests/run.sh)
check: deps
	@tools/deps.sh --static
	@$(MAKE) --no-print-directory check-built

.PHONY: check-static
#: make check-static   W=1, sparse, checkpatch on the module; for the newest kernel as well (root)
check-static: deps
	@tools/deps.sh --static
	@tests/run.sh static newest

.PHONY: check-newest
#: make check-newest   selftests on the newest kernel of Debian 13's backports (CHECK="NAME...", root)
check-newest: deps
	@tools/kmod-newest.sh >/dev/null
	@$(MAKE) --no-print-directory tools tests $(O)/guest.cpio.gz
	@DMEM_KERNEL=newest tests/run.sh $(or $(CHECK),selftests)

check-built: kmod tools tests $(O)/guest.cpio.gz
	@tests/run.sh $(CHECK)

# A debug kernel's module is built beside the ordinary one: same sources, another folder.
# host.sh puts it in the place of core-kmod/ in the emulated host.
.PHONY: debug-kernel check-debug stress stress-built debug-built kmod-debug
# DEBUG=kcsan is another kernel; leaks and objects watch different things of the same.
DEBUG_KERNEL := tools/debug-kernel.sh $(filter kcsan,$(DEBUG))
#: make debug-kernel   the kernel of make check-debug, into the cache (20 minutes, once)
debug-kernel:
	@tools/deps.sh
	@tools/deps.sh --debug-kernel
	@$(DEBUG_KERNEL)

#: make check-debug    selftests and guests under KASAN, lockdep, kmemleak (docs/testing.md)
check-debug: debug-kernel
	@$(MAKE) --no-print-directory debug-built \
		CHECK="$(or $(CHECK),$(if $(filter kcsan,$(DEBUG)),stress,selftests guest))"

# STRESS_S because bash has a SECONDS of its own.
unexport SECONDS
#: make stress         the stress test for SECONDS=600, or as long as asked (SEED=N repeats a run)
stress:
	@tools/deps.sh
	@$(MAKE) --no-print-directory stress-built

stress-built: kmod tools tests
	@STRESS_S="$(or $(SECONDS),600)" STRESS_SEED="$(SEED)" tests/run.sh stress

debug-built: tools tests $(O)/guest.cpio.gz
	@$(MAKE) --no-print-directory kmod-debug KDIR="$$($(DEBUG_KERNEL))"
	@DMEM_DEBUG=$(or $(DEBUG),leaks) STRESS_S="$(or $(SECONDS),120)" STRESS_SEED="$(SEED)" \
		tests/run.sh $(CHECK)

kmod-debug:
	@mkdir -p $(O)/debug/core-kmod
	@ln -sfn $(addprefix $(CURDIR)/core-kmod/,*.[ch] Kbuild uapi) $(O)/debug/core-kmod/
	$(MAKE) -C "$(KDIR)" M="$(CURDIR)/$(O)/debug/core-kmod" W=1 KCFLAGS=-Werror modules
	@for ko in $(O)/debug/core-kmod/*.ko; do objdump -h "$$ko" | grep -q '\.BTF' || \
		{ echo "make: $$ko has no BTF" >&2; exit 1; }; done
