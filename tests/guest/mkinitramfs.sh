#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Makes the test guest's initramfs from this machine's busybox-static and redis, statically linked
# programs of the tests and tests/guest/init. Runs on the build machine, as any user. Usage:
#   mkinitramfs.sh OUT.cpio.gz PROGRAM...
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

fail() {
	echo "mkinitramfs.sh: $*" >&2
	exit 1
}
[ $# -ge 2 ] || fail "usage: mkinitramfs.sh OUT.cpio.gz PROGRAM..."
out=$1 busybox=/bin/busybox
shift
redis=(/usr/bin/redis-server /usr/bin/redis-benchmark /usr/bin/redis-cli)

[ -x "$busybox" ] || fail "no $busybox: install busybox-static"
for program in "${redis[@]}"; do
	[ -x "$program" ] || fail "no $program: install redis-server and redis-tools"
done
[ -r "$here/init" ] || fail "no $here/init"
[ -x "$(command -v cpio)" ] || fail "no cpio: install cpio"
for program in "$busybox" "$@"; do
	[ -x "$program" ] || fail "no program $program"
	! ldd "$program" >/dev/null 2>&1 || fail "$program is not statically linked"
done

work=$(mktemp -d)
new=
trap 'rm -rf "$work" ${new:+"$new"}' EXIT
tree=$work/tree
mkdir -p "$tree"/{bin,dev,proc,sys,tmp,root,etc}
install -m 755 "$here/init" "$tree/init"
install -m 755 "$busybox" "$tree/bin/busybox"
install -m 755 "$@" "$tree/bin/"
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
done

# Redis, and what the dynamic linker would load for it, where it would look for it.
for program in "${redis[@]}"; do
	install -m 755 "$program" "$tree/bin/${program##*/}"
	libraries=$(ldd "$program") || fail "ldd $program failed"
	! grep 'not found' <<<"$libraries" >&2 || fail "$program lacks libraries"
	awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' <<<"$libraries"
done | sort -u >"$work/libraries"
while read -r library; do
	install -D -m 755 "$library" "$tree$library"
done <"$work/libraries"

# The same input gives the same file.
find "$tree" -exec touch -h -d @0 {} +
(cd "$tree" && find . -print0 | LC_ALL=C sort -z |
	cpio -0 -o -H newc -R 0:0 --reproducible --quiet) | gzip -n -1 >"$work/cpio.gz"

mkdir -p "$(dirname "$out")"
new=$(mktemp "$out.XXXXXX")
cp "$work/cpio.gz" "$new"
chmod 644 "$new"
mv -f "$new" "$out"
