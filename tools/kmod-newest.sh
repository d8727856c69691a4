#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds the modules for the newest kernel in Debian 13's backports, in a folder of the cache with
# that system's compiler; warnings are errors. Leaves them in CACHE/newest/dmem and prints the
# kernel's release. Needs root for chroot; run by make kmod-newest.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
. "$here/cache.sh"
root=$DMEM_CACHE/newest

[ "$(id -u)" -eq 0 ] || {
	echo "kmod-newest: needs root, for chroot" >&2
	exit 1
}
if [ ! -e "$root/.done" ]; then
	echo "kmod-newest: installing the newest kernel's headers into $root" >&2
	"$here/trixie.sh" "$root" "$("$here/mirror.sh")" linux-headers-amd64 gcc make pahole
fi
release=$(cd "$root/lib/modules" && printf '%s\n' * | sort -V | tail -n 1)
rm -rf "$root/dmem"
mkdir "$root/dmem"
(cd "$here/../core-kmod" && cp -r --parents -- *.[ch] Kbuild uapi "$root/dmem/")
# objtool looks at its own limits in /proc, which is there for this build alone.
unshare --mount sh -e -c "mount -t proc proc '$root/proc'
	exec chroot '$root' make -C '/lib/modules/$release/build' M=/dmem W=1 KCFLAGS=-Werror modules" >&2
echo "$release"
