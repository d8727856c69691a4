#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Makes the bench guest's initramfs from this machine's programs, those built from this folder and
# init. It is not compressed: the guest runs emulated, and unpacking would cost more than reading.
# Runs on the build machine, as any user. Usage: mkimage.sh OUT.cpio PROGRAM_FOLDER
#
# The guest works through commands on its second serial line (/dev/ttyS1), a line each:
#   guest: boot                once, when init is ready
#   host:  run NAME | end
#   guest: ready NAME          host: go     then setup and warm-up
#   guest: start NAME          host: go     then the timed section
#   guest: done NAME ns=DECIMAL checksum=HEX | fail NAME REASON
#   guest: idle NAME           nothing of it is left; the next command may come
#   guest: bye                 the answer to end; the guest powers off
# NAME is one of redis memcached gcc sort sqlite pagerank stream random.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

fail() {
	echo "mkimage.sh: $*" >&2
	exit 1
}
[ $# -eq 2 ] || fail "usage: mkimage.sh OUT.cpio PROGRAM_FOLDER"
out=$1 own=$2 busybox=/bin/busybox vmlinux=$here/../../../vmlinux.h
cc1=$(gcc -print-prog-name=cc1)
programs=(/usr/bin/redis-server /usr/bin/memcached /usr/bin/sort)

[ -x "$busybox" ] || fail "no $busybox: install busybox-static"
! ldd "$busybox" >/dev/null 2>&1 || fail "$busybox is not statically linked"
[ -x "$cc1" ] || fail "no cc1: install gcc"
[ -x "$(command -v cpio)" ] || fail "no cpio: install cpio"
for program in "${programs[@]}"; do
	[ -x "$program" ] || fail "no $program: install redis-server, memcached and coreutils"
done
for program in array kv lines pagerank sqlite timed; do
	[ -x "$own/$program" ] || fail "no program $own/$program: build it from $program.c"
	programs+=("$own/$program")
done
[ -r "$here/init" ] || fail "no $here/init"
[ -r "$vmlinux" ] || fail "no $vmlinux: make vmlinux.h"

work=$(mktemp -d)
new=
trap 'rm -rf "$work" ${new:+"$new"}' EXIT
tree=$work/tree
mkdir -p "$tree"/{bin,dev,proc,sys,tmp,root,etc}
install -m 755 "$here/init" "$tree/init"
install -m 755 "$busybox" "$tree/bin/busybox"
echo 'root:x:0:0:root:/root:/bin/sh' >"$tree/etc/passwd" # memcached looks its user up
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
done

# What the dynamic linker would load for each, where it would look for it.
for program in "${programs[@]}" "$cc1"; do
	rm -f "$tree/bin/${program##*/}"
	install -s -m 755 "$program" "$tree/bin/${program##*/}"
	libraries=$(ldd "$program") || fail "ldd $program failed"
	! grep 'not found' <<<"$libraries" >&2 || fail "$program lacks libraries"
	awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' <<<"$libraries"
done | sort -u >"$work/libraries"
while read -r library; do
	install -D -m 755 "$library" "$tree$library"
done <"$work/libraries"

# -P: line markers would name this machine's folders.
mkdir "$work/empty"
touch "$work/empty"/{stddef,stdint,string}.h
gcc -E -P -std=gnu17 -nostdinc -I "$work/empty" -include "$vmlinux" "$here/unit.c" \
	-o "$tree/unit.i" || fail "unit.c is not preprocessed"
"$cc1" -fpreprocessed -quiet -w -Werror=implicit-function-declaration \
	-fsyntax-only "$tree/unit.i" || fail "unit.c does not compile"

# The same input gives the same file.
find "$tree" -exec touch -h -d @0 {} +
(cd "$tree" && find . -print0 | LC_ALL=C sort -z |
	cpio -0 -o -H newc -R 0:0 --reproducible --quiet) >"$work/cpio"

mkdir -p "$(dirname "$out")"
new=$(mktemp "$out.XXXXXX")
cp "$work/cpio" "$new"
chmod 644 "$new"
mv -f "$new" "$out"
