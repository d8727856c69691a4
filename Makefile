# SPDX-License-Identifier: GPL-2.0
# Builds everything into out/ (the module in core-kmod/, as kbuild wants it).
# make demo and make check also install what is missing; `make help` lists the rest.

O := out
CC := gcc
CLANG := clang
BPFTOOL := $(shell command -v bpftool 2>/dev/null || echo /usr/sbin/bpftool)
CFLAGS := -O2 -g -std=gnu17 -Wall -Wextra -Werror
CPPFLAGS := -D_GNU_SOURCE -I. -Ilib -Icore-kmod -Ibpf -I$(O)/bpf -MMD -MP

# The kernel that the module is built for: its folder with headers, BTF and Module.symvers.
KVER ?= $(shell tools/kver.sh)
KDIR ?= /lib/modules/$(KVER)/build

.PHONY: all deps demo check clean help
all: kmod tools

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

deps:
	@tools/deps.sh

include core-kmod/build.mk
include $(wildcard $(addsuffix /build.mk,lib bpf tuner dmemctl dmemtop memnode tests))

.PHONY: tools
tools: $(BINS)

# One rule for every user-space object; -MMD keeps its headers.
$(O)/obj/%.o: %.c | $(BPF_SKELS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)

#: make vmlinux.h      the kernel's types for the BPF programs, from $(KDIR)
vmlinux.h: tools/vmlinux.sh
	tools/vmlinux.sh "$(KDIR)" >$@.tmp
	mv $@.tmp $@

clean:
	rm -rf $(O)
	$(MAKE) -C "$(KDIR)" M="$(CURDIR)/core-kmod" clean
