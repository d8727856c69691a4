#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Prints where checkpatch.pl is: with the kernel that is built for where that is a source tree, else
# in the cache, out of Debian's linux-source-6.12, the one package that has it.
# Usage: checkpatch.sh KDIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"
tarball=/usr/src/linux-source-6.12.tar.xz
folder=$DMEM_CACHE/checkpatch

if [ -e "$1/scripts/checkpatch.pl" ]; then
	echo "$1/scripts/checkpatch.pl"
	exit 0
fi
[ -e "$tarball" ] || {
	echo "checkpatch.sh: $tarball is missing: run tools/deps.sh --static" >&2
	exit 1
}
tarball_is=$(stat -c '%s %Y' "$tarball")
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9
if [ "$(cat "$folder/.done" 2>/dev/null)" != "$tarball_is" ]; then
	tar -C "$folder" -xf "$tarball" --strip-components=2 --wildcards \
		'*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
		'*/scripts/const_structs.checkpatch'
	echo "$tarball_is" >"$folder/.done"
fi
echo "$folder/checkpatch.pl"
