#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Makes a folder with a minimal Debian 13 and packages of its backports in it, for programs that
# an older Debian cannot run. Needs root for debootstrap. What there is of the folder goes first; it
# has .done in it when it is whole. Usage: trixie.sh FOLDER MIRROR PACKAGE...
# Prints nothing; FOLDER.log says what happened, and standard error what failed.
set -euo pipefail
root=$1 mirror=$2 log=$1.log
shift 2

fail() {
	tail -n 20 "$log" >&2
	echo "deps: $* could not be installed into $root: see $log" >&2
	exit 1
}
mkdir -p "$(dirname "$root")"
rm -rf "$root" "$root.tmp"
debootstrap --variant=minbase --include=ca-certificates \
	--keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
	trixie "$root.tmp" "$mirror" >"$log" 2>&1 </dev/null || fail "Debian 13"
echo "deb $mirror trixie-backports main" >"$root.tmp/etc/apt/sources.list.d/backports.list"
# The machine's own way to the network (proxies, certificates) holds inside too.
cp /etc/resolv.conf /etc/hosts "$root.tmp/etc/"
chroot "$root.tmp" apt-get -q update >>"$log" 2>&1 </dev/null || fail "package lists"
# A kernel among them is booted from here, without an initrd of its own.
chroot "$root.tmp" env DEBIAN_FRONTEND=noninteractive INITRD=No apt-get -qy --no-install-recommends \
	-t trixie-backports install "$@" >>"$log" 2>&1 </dev/null || fail "$@"
chroot "$root.tmp" apt-get clean
touch "$root.tmp/.done"
mv "$root.tmp" "$root"
