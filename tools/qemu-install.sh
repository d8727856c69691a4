#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Installs QEMU 11 (Debian 13's backports) into a folder of the cache, with its own libraries.
# Usage: qemu-install.sh MIRROR. Needs root for debootstrap. A half-made folder is made anew.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
. "$here/cache.sh"

mirror=$1
root=$DMEM_CACHE/qemu11
[ -e "$root/.done" ] && exit 0
mkdir -p "$DMEM_CACHE"
exec 9>"$DMEM_CACHE/qemu11.lock"
flock 9
[ -e "$root/.done" ] && exit 0

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
