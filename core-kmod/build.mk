# SPDX-License-Identifier: GPL-2.0
# kbuild only skips a module's BTF when the kernel's own is missing; without it no BPF program
# can attach, so fail instead.
.PHONY: kmod
kmod:
	@[ -n "$(KVER)" ] || { echo "make: no kernel headers of 6.12 or newer: run 'make deps'" >&2; exit 1; }
	@[ -e "$(KDIR)/vmlinux" ] || \
		{ echo "make: $(KDIR)/vmlinux is missing: the module would have no BTF" >&2; exit 1; }
	$(MAKE) -C "$(KDIR)" M="$(CURDIR)/core-kmod" W=1 KCFLAGS=-Werror modules
	@for ko in core-kmod/*.ko; do objdump -h "$$ko" | grep -q '\.BTF' || \
		{ echo "make: $$ko has no BTF (is pahole installed?)" >&2; rm -f "$$ko"; exit 1; }; done

.PHONY: kmod-newest
#: make kmod-newest    the modules for the newest kernel of Debian 13's backports, as a check (root)
kmod-newest:
	@tools/deps.sh
	@tools/kmod-newest.sh
