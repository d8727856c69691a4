#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds a debug kernel from Debian's linux-source-6.12 into the cache and prints its folder:
# virtme-ng's default configuration with tests/debug.config on top; with kcsan, tests/kcsan.config
# on top of that. Kept and reused; a changed fragment or another source builds anew what that
# changes. About 20 minutes on two idle cores; can be interrupted and goes on later.
# Usage: debug-kernel.sh [kcsan]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
. "$here/cache.sh"

fragments=("$top/tests/debug.config")
name=debug-kernel
if [ "${1:-}" = kcsan ]; then
	fragments+=("$top/tests/kcsan.config")
	name=kcsan-kernel
fi
tarball=/usr/src/linux-source-6.12.tar.xz
source=$DMEM_CACHE/src/linux-source-6.12
build=$DMEM_CACHE/$name

say() {
	echo "debug-kernel: $*" >&2
}

if [ ! -e "$tarball" ]; then
	say "$tarball is missing: run tools/deps.sh --debug-kernel"
	exit 1
fi
tarball_is=$(stat -c '%s %Y' "$tarball")
want=$({ echo "$tarball_is"; cat "${fragments[@]}"; } | sha256sum)
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
		scripts/kconfig/merge_config.sh -m -O "$build" "$build/base.config" \
			"${fragments[@]}" &&
		make -s O="$build" olddefconfig
}

# What the fragments ask for in the end: the last line about an option counts.
wanted() {
	cat "${fragments[@]}" | awk '
		/^CONFIG_[A-Z0-9_]+=/ { option = substr($1, 1, index($1, "=") - 1) }
		/^# CONFIG_[A-Z0-9_]+ is not set$/ { option = $2 }
		option { if (!(option in line)) order[++nr] = option; line[option] = $0; option = "" }
		END { for (i = 1; i <= nr; i++) print line[order[i]] }'
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
	done < <(wanted)
	[ ${#missing[@]} -eq 0 ] && return
	say "the kernel does not take, of ${fragments[*]##*/}:"
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
