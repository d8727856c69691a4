#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Installs QEMU 11 (Debian 13's backports) into a folder of the cache, with its own libraries, and
# mends a fault of its emulated SVM there. Needs root for debootstrap. A half-made folder is made
# anew. Usage: qemu-install.sh MIRROR
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
. "$here/cache.sh"

mirror=$1
root=$DMEM_CACHE/qemu11
mkdir -p "$DMEM_CACHE"
exec 9>"$DMEM_CACHE/qemu11.lock"
flock 9

# An interrupt that KVM injects is delivered by helper_vmrun(), which leaves its number in
# cpu->exception_index. Where the CPU loop is left just then, it delivers the number once more,
# interrupts off or not (docs/testing.md). The one store of the number becomes a no-op. .mended
# says yes or no: no in a build where the place is not found, which works as well as before.
mend() {
	local binary=$root/usr/bin/qemu-system-x86_64 places
	# mov %esi,exception_index; next to it exception_is_int = 0, exception_next_eip = -1.
	local store='\x89\xb3\x50\xc2\xff\xff' nop='\x66\x0f\x1f\x44\x00\x00'
	local after='\xc7\x83\x84\x34\x00\x00\x00\x00\x00\x00'
	after+='\x48\xc7\x83\x88\x34\x00\x00\xff\xff\xff\xff'

	mapfile -t places < <(LC_ALL=C grep -obUaP "$store$after" "$binary" | cut -d: -f1)
	if [ ${#places[@]} -ne 1 ]; then
		echo "deps: $binary is another build, its emulated SVM stays as it is:" \
			"make bench has no macro part, and a guest may die in a test" >&2
		echo no >"$root/.mended"
		return
	fi
	cp "$binary" "$binary.new"
	printf '%b' "$nop" | dd of="$binary.new" bs=1 seek="${places[0]}" conv=notrunc status=none
	mv -f "$binary.new" "$binary"
	echo yes >"$root/.mended"
}

if [ -e "$root/.done" ]; then
	[ -e "$root/.mended" ] || mend
	exit 0
fi
"$here/trixie.sh" "$root" "$mirror" qemu-system-x86 seabios
mend
