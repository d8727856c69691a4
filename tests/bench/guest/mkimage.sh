#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Makes the bench guest's initramfs from this machine's programs, those built from this folder and
# init. It is not compressed: the guest runs emulated, and unpacking would cost more than reading.
# Runs on the build machine, as any user. Usage: mkimage.sh OUT.cpio PROGRAM_FOLDER
#
# The guest works through commands on its second serial line (/dev/ttyS1), a line each:
#   guest: boot                once, when init is ready
#   host:  run NAME | end
#   guest: ready NAME          host: go     then setup, with all memory local
#   guest: loaded NAME         host: go     then warm-up, within the limit
#   guest: start NAME          host: go     then the timed section
#   guest: done NAME ns=DECIMAL checksum=HEX | fail NAME REASON
#   guest: idle NAME           nothing of it is left; the next command may come
#   guest: bye                 the answer to end; the guest powers off
# NAME is one of redis memcached gcc sort sqlite pagerank stream random.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../guest/image.sh"

[ $# -eq 2 ] || fail "usage: mkimage.sh OUT.cpio PROGRAM_FOLDER"
out=$1 own=$2 vmlinux=$here/../../../vmlinux.h
cc1=$(gcc -print-prog-name=cc1)
programs=(/usr/bin/redis-server /usr/bin/memcached /usr/bin/sort)

[ -x "$cc1" ] || fail "no cc1: install gcc"
for program in "${programs[@]}"; do
	[ -x "$program" ] || fail "no $program: install redis-server, memcached and coreutils"
done
for program in array kv lines pagerank sqlite timed; do
	[ -x "$own/$program" ] || fail "no program $own/$program: build it from $program.c"
	programs+=("$own/$program")
done
[ -r "$vmlinux" ] || fail "no $vmlinux: make vmlinux.h"

image_begin "$here/init"
echo 'root:x:0:0:root:/root:/bin/sh' >"$tree/etc/passwd" # memcached looks its user up
image_add "${programs[@]}" "$cc1"

# -P: line markers would name this machine's folders.
mkdir "$work/empty"
touch "$work/empty"/{stddef,stdint,string}.h
gcc -E -P -std=gnu17 -nostdinc -I "$work/empty" -include "$vmlinux" "$here/unit.c" \
	-o "$tree/unit.i" || fail "unit.c is not preprocessed"
"$cc1" -fpreprocessed -quiet -w -Werror=implicit-function-declaration \
	-fsyntax-only "$tree/unit.i" || fail "unit.c does not compile"

image_end "$out"
