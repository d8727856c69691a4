#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The macro benchmark: real programs in a KVM guest whose memory is dmem's or a peer's, in
# emulated hosts whose time counts instructions; two hosts at a time. Module, tools and guest
# image are built already. Leaves out/bench/macro/macro.jsonl, one object a result. Usage:
#   macro.sh [--scale N] [--memory MIB] [--guest IMAGE] [--workloads LIST] [CONFIG...]
# CONFIG: static-N@P, auto@P, buddy@P, swap-N@P, uffd@P (P per cent of a workload's footprint stay
# on the host); footprint and local always run, first. record@P leaves out/bench/macro/WORKLOAD.rec
# and is no result. Exit status 0 only if every result is there
# and right: macro-inside.sh says what that means.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tools/cache.sh"
here=$top/tests/bench
out=$top/out/bench/macro

fail() {
	echo "macro.sh: $*" >&2
	exit 1
}

scale=1 memory_mib='' guest=$top/out/bench-guest.cpio
workloads=redis,memcached,gcc,sort,sqlite,pagerank,stream,random
while [ $# -gt 0 ]; do
	case $1 in
	--scale) scale=$2; shift 2 ;;
	--memory) memory_mib=$2; shift 2 ;;
	--guest) guest=$(readlink -f "$2"); shift 2 ;;
	--workloads) workloads=$2; shift 2 ;;
	-*) fail "unknown option $1" ;;
	*) break ;;
	esac
done
[[ $scale =~ ^[1-9][0-9]*$ ]] || fail "--scale needs a number"
[ -r "$guest" ] || fail "no guest image $guest"
# With counted time the emulator's fault stops every guest that waits for memory.
[ "$(cat "$DMEM_CACHE/qemu11/.mended" 2>/dev/null)" = yes ] ||
	fail "the emulator in $DMEM_CACHE/qemu11 is not mended (tools/qemu-install.sh)"

. "$here/configs.sh"
configs=("$@")
[ ${#configs[@]} -gt 0 ] || configs=("${all_configs[@]}")
others=()
for config in "${configs[@]}"; do
	case $config in
	footprint | local) ;;
	*) others+=("$config") ;;
	esac
done

memory_mib=${memory_mib:-$((128 + 256 * scale))}
# What is not on this guest's side is in the host's RAM, too; 1.25 GiB for the host itself.
host_mib=$((2 * memory_mib + 1280))
# Wall-clock time, against hanging hosts: ten times what an idle machine needs, because results do
# not depend on how much of the build machine they get.
first_limit_s=$((3600 * scale)) rest_limit_s=$((14400 * scale))

build_pager() {
	mkdir -p "$top/out/bench"
	gcc -D_GNU_SOURCE -O2 -g -std=gnu17 -Wall -Wextra -Werror -fPIC -shared \
		-o "$top/out/bench/uffd_pager.so" "$here/uffd_pager.c" -lpthread
}

# run_host NAME LIMIT CONFIG...: one emulated host for these configurations.
run_host() {
	local name=$1 limit=$2 status=0
	shift 2
	nice "$top/tests/vm/host.sh" --icount --memory "${host_mib}M" --timeout "$limit" \
		--log "$out/host-$name.log" -- "$here/macro-inside.sh" --scale "$scale" \
		--memory "$memory_mib" --guest "$guest" --workloads "$workloads" --claim \
		"$out" "$@" </dev/null || status=$?
	[ "$status" -eq 0 ] || echo "bench: macro: host $name FAILED with status $status"
	return "$status"
}

# Two hosts side by side; each takes the next configuration that neither has taken.
run_pair() {
	local name=$1 limit=$2 status=0 host hosts=() start=$SECONDS
	shift 2
	run_host "$name-1" "$limit" "$@" &
	hosts=($!)
	if [ $# -gt 1 ]; then
		run_host "$name-2" "$limit" "$@" &
		hosts+=($!)
	fi
	for host in "${hosts[@]}"; do
		wait "$host" || status=1
	done
	echo "bench: macro: $# configurations took $((SECONDS - start)) s of wall time"
	return "$status"
}

checksums() {
	sed -n 's/^{"workload": "\([^"]*\)",.* "checksum": "\([^"]*\)".*/\1 \2/p' "$out/$1.jsonl"
}

# The two ran side by side: the only ones whose checksums nobody has compared.
compare_first() {
	[ "$(checksums footprint)" = "$(checksums local)" ] && return 0
	echo "bench: macro: FAILED: checksums of footprint and local differ"
	return 1
}

gather() {
	local config workload missing=0
	: >"$out/macro.jsonl.new"
	for config in footprint local "${others[@]}"; do
		[[ $config != record@* ]] || continue
		for workload in ${workloads//,/ }; do
			grep "^{\"workload\": \"$workload\"," "$out/$config.jsonl" 2>/dev/null && continue
			echo "bench: macro: FAILED: no result of $workload in $config" >&2
			missing=1
		done
	done >>"$out/macro.jsonl.new"
	mv "$out/macro.jsonl.new" "$out/macro.jsonl"
	return "$missing"
}

failed=0
rm -rf "$out"
mkdir -p "$out"
build_pager
run_pair first "$first_limit_s" footprint local || failed=1
compare_first || failed=1
[ ${#others[@]} -eq 0 ] || run_pair rest "$rest_limit_s" "${others[@]}" || failed=1
gather || failed=1
echo "bench: macro: $(wc -l <"$out/macro.jsonl") results in ${out#"$top/"}/macro.jsonl, $SECONDS s"
exit "$failed"
