#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a page costs: boots one host whose time counts instructions and runs micro-inside.sh there.
# Prints each case and, for each part, how long it took here.
# Usage: micro.sh [--out FILE] [PART...]   (all parts unless some are named: micro-inside.sh)
# FILE gets the cases as JSON lines; out/micro.jsonl unless named.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)

# Two minutes on an idle machine; one that is shared takes its time.
limit=1200
out=$top/out/micro.jsonl
if [ "${1:-}" = --out ]; then
	out=$2
	shift 2
fi

# Seconds since the last call.
lap() {
	echo "$((SECONDS - last)) s"
	last=$SECONDS
}

# Cases to the file, all else as it comes. Ends with an error where no case came.
gather() {
	local line part='' last=$SECONDS case rest
	while IFS= read -r line; do
		case $line in
		'{"case"'*)
			echo "$line" >>"$out"
			case=${line#*\"case\": \"} rest=${line#*\"p50_ns\": }
			printf 'micro: %3d s  %-40s %9s ns\n' "$SECONDS" "${case%%\"*}" "${rest%%,*}"
			;;
		'part '*)
			[ -z "$part" ] || echo "micro: part $part took $(lap)"
			part=${line#part }
			last=$SECONDS
			;;
		*) echo "micro: ${line#micro: }" ;;
		esac
	done
	[ -z "$part" ] || echo "micro: part $part took $(lap)"
	[ -s "$out" ]
}

mkdir -p "$(dirname "$out")"
: >"$out"
"$top/tests/vm/host.sh" --icount --timeout "$limit" -- "$top/tests/bench/micro-inside.sh" "$@" | gather
echo "micro: $(wc -l <"$out") cases in $SECONDS s: $out"
