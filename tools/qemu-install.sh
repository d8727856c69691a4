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
rm -rf "$root" "$root.tmp"
log=$DMEM_CACHE/qemu11.log
fail() {
	tail -n 20 "$log" >&2
	echo "deps: QEMU 11 could not be installed into $root: $1; see $log" >&2
	exit 1
}
debootstrap --variant=minbase --include=ca-certificates \
	--keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
	trixie "$root.tmp" "$mirror" >"$log" 2>&1 </dev/null || fail "debootstrap failed"
echo "deb $mirror trixie-backports main" >"$root.tmp/etc/apt/sources.list.d/backports.list"
# The machine's own way to the network (proxies, certificates) holds inside too.
cp /etc/resolv.conf /etc/hosts "$root.tmp/etc/"
chroot "$root.tmp" apt-get -q update >>"$log" 2>&1 </dev/null || fail "apt-get update failed"
chroot "$root.tmp" env DEBIAN_FRONTEND=noninteractive apt-get -qy --no-install-recommends \
	-t trixie-backports install qemu-system-x86 seabios >>"$log" 2>&1 </dev/null ||
	fail "apt-get install failed"
chroot "$root.tmp" apt-get clean
touch "$root.tmp/.done"
mv "$root.tmp" "$root"
mend
