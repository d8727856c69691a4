#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What is to be seen of the module without running it. TAP. Usage: static.sh [newest]
# W=1 and sparse for the kernel under test, checkpatch --strict; with newest: W=1 and sparse for the
# newest kernel of Debian 13's backports.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
kdir=/lib/modules/$(tools/kver.sh)/build
folder=$PWD/out/static
number=0 failed=0

# result NAME STATUS OUTPUT
result() {
	number=$((number + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $number $1"
	else
		echo "$3" | tail -n 40 | sed 's/^/# /'
		echo "not ok $number $1"
		failed=1
	fi
}

# built NAME STATUS OUTPUT: of a build whose sources were all looked at by sparse. A kernel's
# Makefile that finds sparse wanting says so and goes on without.
built() {
	local files checked

	files=$(find core-kmod -name '*.c' ! -name '*.mod.c' | wc -l)
	checked=$(grep -c '^  CHECK ' <<<"$3")
	if [ "$2" -eq 0 ] && [ "$checked" -ne "$files" ]; then
		result "$1" 1 "$3"$'\n'"sparse looked at $checked of $files files"
	else
		result "$1" "$2" "$3"
	fi
}

# Beside the ordinary build, of the same sources. A warning of either is an error.
build() {
	command -v sparse >/dev/null || {
		echo "sparse is missing: run tools/deps.sh --static"
		return 1
	}
	rm -rf "$folder"
	mkdir -p "$folder"
	ln -s "$PWD"/core-kmod/{*.[ch],Kbuild,uapi} "$folder/"
	rm -f "$folder"/*.mod.c
	make -C "$kdir" M="$folder" W=1 C=2 CF=-Wsparse-error KCFLAGS=-Werror modules 2>&1
}

# What of checkpatch a file is spared: each says its name at its top, which is this project's way;
# user space has no BIT() and shares _Static_assert(); TRACE_EVENT() is always written like that.
spared() {
	case $1 in
	core-kmod/uapi/*) echo EMBEDDED_FILENAME,BIT_MACRO,CAMELCASE ;;
	core-kmod/trace.h) echo EMBEDDED_FILENAME,OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT ;;
	*) echo EMBEDDED_FILENAME ;;
	esac
}

checkpatch() {
	local script file status=0
	script=$(tools/checkpatch.sh "$kdir" 2>&1) || {
		echo "$script"
		return 1
	}
	while read -r file; do
		"$script" --no-tree --strict --terse --show-types --no-summary \
			--ignore "$(spared "$file")" -f "$file" 2>&1 || status=1
	done < <(git ls-files 'core-kmod/*.[ch]')
	return "$status"
}

if [ "${1:-}" = newest ]; then
	output=$(tools/kmod-newest.sh 2>&1)
	built "the newest kernel: the module builds without a warning, sparse has none" $? "$output"
else
	output=$(build)
	built "the module builds without a warning, sparse has none" $? "$output"
	output=$(checkpatch)
	result "checkpatch --strict has nothing to say of core-kmod/" $? "$output"
fi
echo "1..$number"
exit "$failed"
