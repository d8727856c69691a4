#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds the modules for the newest kernel in Debian 13's backports, in a folder of the cache with
# that system's compiler and sparse; a warning of either is an error. Leaves them in
# CACHE/newest/dmem, beside that kernel in CACHE/newest/boot, and prints its release. Needs root for
# chroot; run by make kmod-newest, check-newest and check-static.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
. "$here/cache.sh"
root=$DMEM_CACHE/newest

[ "$(id -u)" -eq 0 ] || {
	echo "kmod-newest: needs root, for chroot" >&2
	exit 1
}
mkdir -p "$DMEM_CACHE"
exec 9>"$root.lock"
flock 9
if [ ! -e "$root/.done" ] || [ ! -x "$root/usr/bin/sparse" ] || [ -z "$(ls "$root/boot")" ]; then
	echo "kmod-newest: installing the newest kernel and its headers into $root" >&2
	"$here/trixie.sh" "$root" "$("$here/mirror.sh")" linux-image-amd64 linux-headers-amd64 \
		gcc make pahole sparse
fi
release=$(cd "$root/lib/modules" && printf '%s\n' * | sort -V | tail -n 1)
rm -rf "$root/dmem"
mkdir "$root/dmem"
(cd "$here/../core-kmod" && cp -r --parents -- *.[ch] Kbuild uapi "$root/dmem/")
# Debian's headers lack the script that asks whether sparse is new enough for them. Debian's is not;
# what it does not know and these headers use is near enough for a check.
checker=$root/usr/lib/linux-kbuild-${release%-*}/scripts/checker-valid.sh
printf '#!/bin/sh\necho 1\n' >"$checker"
chmod +x "$checker"
cat >"$root/dmem/sparse-lacks.h" <<'END'
#define __typeof_unqual__ __typeof__
#define __builtin_strlen(s) (sizeof(s) - 1)
END
# objtool looks at its own limits in /proc, which is there for this build alone.
unshare --mount sh -e -c "mount -t proc proc '$root/proc'
	exec chroot '$root' make -C '/lib/modules/$release/build' M=/dmem W=1 C=2 \
		CF='-Wsparse-error -include sparse-lacks.h' KCFLAGS=-Werror modules" >&2
echo "$release"
