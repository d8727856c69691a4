#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds a debug kernel from Debian's linux-source-6.12 into the cache and prints its folder:
# virtme-ng's default configuration with tests/debug.config on top. Kept and reused; a changed
# fragment or another source builds anew what that changes. About 20 minutes on two idle cores;
# can be interrupted and goes on later.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
. "$here/cache.sh"

fragment=$top/tests/debug.config
tarball=/usr/src/linux-source-6.12.tar.xz
source=$DMEM_CACHE/src/linux-source-6.12
build=$DMEM_CACHE/debug-kernel

say() {
	echo "debug-kernel: $*" >&2
}

if [ ! -e "$tarball" ]; then
	say "$tarball is missing: run tools/deps.sh --debug-kernel"
	exit 1
fi
tarball_is=$(stat -c '%s %Y' "$tarball")
want=$({ echo "$tarball_is"; cat "$fragment"; } | sha256sum)
if [ "$(cat "$build/.done" 2>/dev/null)" = "$want" ]; then
	echo "$build"
	exit 0
fi

mkdir -p "$build" "$DMEM_CACHE/src"
exec 9>"$DMEM_CACHE/src/.lock"
flock 9

if [ "$(cat "$source/.untarred" 2>/dev/null)" != "$tarball_is" ]; then
	say "unpacking $tarball"
	rm -rf "$source"
	tar -C "$DMEM_CACHE/src" -xf "$tarball"
	echo "$tarball_is" >"$source/.untarred"
fi
cd "$source"

# virtme-ng writes its configuration into the sources, which must be clean to build elsewhere.
configure() {
	rm -f .config
	vng --kconfig && mv .config "$build/base.config" && make -s mrproper &&
		scripts/kconfig/merge_config.sh -m -O "$build" "$build/base.config" "$fragment" &&
		make -s O="$build" olddefconfig
}

# A line that the kernel does not take would test less than the fragment says.
check_config() {
	local line missing=()
	while read -r line; do
		grep -Fqx -- "$line" "$build/.config" && continue
		# What does not exist is off as well, without a line that says so.
		case $line in
		"# "*) grep -q "^$(echo "$line" | cut -d ' ' -f 2)=" "$build/.config" || continue ;;
		esac
		missing+=("$line")
	done < <(grep -E '^(CONFIG_[A-Z0-9_]+=|# CONFIG_[A-Z0-9_]+ is not set$)' "$fragment")
	[ ${#missing[@]} -eq 0 ] && return
	say "the kernel does not take, of ${fragment##*/}:"
	printf '  %s\n' "${missing[@]}" >&2
	exit 1
}

if [ "$(cat "$build/.configured" 2>/dev/null)" != "$want" ]; then
	configure >"$build/config.log" 2>&1 || {
		tail -n 30 "$build/config.log" >&2
		exit 1
	}
	check_config
	echo "$want" >"$build/.configured"
fi
say "building in $build"
nice -n 15 make -s O="$build" -j"$(nproc)" bzImage modules >&2
echo "$want" >"$build/.done"
echo "$build"
