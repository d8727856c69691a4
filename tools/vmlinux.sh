#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Writes vmlinux.h to standard output: the types of the kernel that KDIR ($1) builds for, those
# of kvm.ko among them, which on Debian is a module with a BTF section of its own.
set -euo pipefail

kdir=$1
release=$(cat "$kdir/include/config/kernel.release")
bpftool=$(command -v bpftool || echo /usr/sbin/bpftool)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

source=$kdir/vmlinux
args=(btf dump file "$source")
for ko in /lib/modules/"$release"/kernel/arch/x86/kvm/kvm.ko{,.xz,.zst}; do
	[ -e "$ko" ] || continue
	case $ko in
	*.xz) xz -dc "$ko" >"$work/kvm.ko" ;;
	*.zst) zstd -dcq "$ko" >"$work/kvm.ko" ;;
	*) cp "$ko" "$work/kvm.ko" ;;
	esac
	args=(-B "$source" btf dump file "$work/kvm.ko")
	source="its vmlinux and kvm.ko"
done

echo "/* SPDX-License-Identifier: GPL-2.0 */"
echo "/*"
echo " * The types of Linux $release (x86-64), from the BTF of ${source##*/}, for the BPF programs;"
echo " * made by \`make vmlinux.h\` (tools/vmlinux.sh) with $("$bpftool" version | head -n 1)."
echo " * CO-RE relocates what the programs read, so it need not match the running kernel."
echo " */"
"$bpftool" "${args[@]}" format c
