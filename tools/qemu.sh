#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs QEMU 11 from the cache (tools/qemu-install.sh put it there) on a host with older libraries:
# QEMU 10's emulated SVM kills guests (docs/testing.md). Where it is not installed because the
# host's own is new enough, or inside an emulated host, the host's own is run.
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
. "$here/cache.sh"
root=$DMEM_CACHE/qemu11
if [ ! -e "$root/.done" ]; then
	exec qemu-system-x86_64 "$@"
fi
lib=$root/usr/lib/x86_64-linux-gnu
export QEMU_MODULE_DIR=$lib/qemu
exec "$root/lib64/ld-linux-x86-64.so.2" --library-path "$lib:$lib/pulseaudio" \
	"$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" \
	-L "$root/usr/share/seabios" "$@"
