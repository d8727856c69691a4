# SPDX-License-Identifier: GPL-2.0
# X.bpf.c becomes the object out/bpf/X.bpf.o, and where wanted a skeleton header out/bpf/X.skel.h.
BPF_SKELS := $(O)/bpf/locality.skel.h $(O)/bpf/events.skel.h $(O)/bpf/record.skel.h
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -std=gnu17 -Wall -Wextra -Werror \
	-Wno-unused-parameter -Wno-missing-declarations -I. -Ibpf

.SECONDARY:
$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) core-kmod/event.h vmlinux.h
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(O)/bpf/%.skel.h: $(O)/bpf/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $* >$@.tmp
	mv $@.tmp $@
