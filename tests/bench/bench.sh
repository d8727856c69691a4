#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What `make bench` runs: micro.sh, macro.sh, a host with two CPUs for the part scaling, replays of
# what the macro part recorded, then the report. Everything is built already.
# Takes BENCH (micro, scaling, macro, replay, or names of cases, workloads and configurations; empty
# is all), SCALE (of the macro part) and REAL=1 (this host itself, in wall clock time) from the
# environment.
# Each part's output becomes a file in out/bench/runs/, dated; the report is made of all of them.
# Exit status 0 only if every part went well and the report found nothing to object to.
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top" || exit 1
. tests/bench/configs.sh
out=out/bench
scale=${SCALE:-1} real=${REAL:-}
failed=0
micro='' macro='' scaling='' micro_parts=() workloads=() configs=()

die() {
	echo "bench: $*" >&2
	exit 2
}

add_once() {
	local -n list=$1
	[[ " ${list[*]} " == *" $2 "* ]] || list+=("$2")
}

# A name of BENCH: a part, or what micro-inside.sh or macro-inside.sh calls what has to be run.
choose() {
	case $1 in
	micro) micro=all ;;
	macro) macro=all ;;
	scaling) scaling=all ;;
	replay) add_once configs record@25 ;;
	host | kvm | orders | plane | stages | swap | nvme | uffd | rdma) add_once micro_parts "$1" ;;
	*dmem-remote-read-histograms* | dmem-remote-read-policy) add_once micro_parts plane ;;
	kvm-*) add_once micro_parts kvm ;;
	dmem-order-*) add_once micro_parts orders ;;
	anon-first-touch | dmem-*) add_once micro_parts host ;;
	stage-*) add_once micro_parts stages ;;
	swap-ram-* | swap-zram-*) add_once micro_parts swap ;;
	swap-nvme-rdma*) add_once micro_parts nvme ;;
	rdma-* | ib-read-lat-*) add_once micro_parts rdma ;;
	redis | memcached | gcc | sort | sqlite | pagerank | stream | random)
		add_once workloads "$1"
		;;
	local | footprint) add_once configs "$1" ;;
	static-[0-9] | auto | buddy | swap-[0-9]) add_once configs "$1@50" ;;
	*@*) add_once configs "$1" ;;
	*) die "$1: no part, case, workload or configuration of the benchmark has that name" ;;
	esac
}

# Sets what to run. A part named with names of its own runs those alone.
choose_all() {
	local name wanted
	for name in ${BENCH:-micro scaling macro}; do
		choose "$name"
	done
	# Comparing needs the floor and the baseline, of the same code: they run with whatever does.
	if [ ${#micro_parts[@]} -gt 0 ]; then
		micro=some
		add_once micro_parts host
	fi
	if [ ${#workloads[@]} -gt 0 ] || [ ${#configs[@]} -gt 0 ]; then
		macro=some wanted=("${configs[@]}") configs=(footprint local)
		[ ${#wanted[@]} -gt 0 ] || wanted=("${all_configs[@]}")
		for name in "${wanted[@]}"; do
			add_once configs "$name"
		done
	fi
	[[ $scale =~ ^[1-9][0-9]*$ ]] || die "SCALE=$scale: not a whole number above 0"
}

# --- On bare metal ------------------------------------------------------------------------------

check_real() {
	local built
	[ "$(id -u)" -eq 0 ] || die "REAL=1 loads a module and makes swap devices: it needs root"
	if [ ! -w /dev/kvm ] || ! grep -Eqw 'vmx|svm' /proc/cpuinfo; then
		die "REAL=1 needs a KVM that runs guests: /dev/kvm, and vmx or svm in /proc/cpuinfo"
	fi
	[ ! -e /sys/module/dmem ] || die "REAL=1 loads dmem.ko, and it is loaded: end its VMs, rmmod dmem"
	[ "$(wc -l </proc/swaps)" -eq 1 ] ||
		die "REAL=1 measures swap on devices of its own, and this host swaps: swapoff -a first"
	built=$(modinfo -F vermagic core-kmod/dmem.ko | cut -d ' ' -f 1)
	[ "$built" = "$(uname -r)" ] ||
		die "core-kmod/dmem.ko is for kernel $built, this is $(uname -r): make KVER=$(uname -r)"
}

complaints() {
	local bad='BUG: |Oops|WARNING: |KASAN: |INFO: task .* blocked|soft lockup|unable to handle'
	dmesg | grep -acE "$bad"
}

# run_here COMMAND...: on this host, whose kernel must not complain meanwhile.
run_here() {
	local status=0 before
	before=$(complaints)
	DMEM_TOP=$top "$@" || status=$?
	[ "$(complaints)" -eq "$before" ] && return "$status"
	echo "bench: the kernel complained: see dmesg" >&2
	return 125
}

real_micro() {
	local status=0
	run_here tests/bench/micro-inside.sh "$@" | tee "$out/micro.log" || status=$?
	grep -a '^{"case"' "$out/micro.log" >"$out/micro.jsonl"
	return "$status"
}

real_macro() {
	local status=0 config
	[ $# -gt 0 ] || set -- "${all_configs[@]}"
	rm -rf "$out/macro"
	mkdir -p "$out/macro"
	run_here tests/bench/macro-inside.sh --scale "$scale" "${of_workloads[@]}" \
		"$top/$out/macro" "$@" || status=$?
	for config; do
		[ ! -e "$out/macro/$config.jsonl" ] || cat "$out/macro/$config.jsonl"
	done >"$out/macro.jsonl"
	return "$status"
}

# --- Parts --------------------------------------------------------------------------------------

measure_micro() {
	if [ -n "$real" ]; then
		real_micro "${micro_parts[@]}"
	else
		tests/bench/micro.sh --out "$out/micro.jsonl" "${micro_parts[@]}"
	fi
}

# Without -icount, which has one CPU. What it says on the way goes to the terminal as it comes.
measure_scaling() {
	local status=0
	if [ -n "$real" ]; then
		run_here tests/bench/micro-inside.sh scaling | tee "$out/scaling.log" || status=$?
	else
		tests/vm/host.sh --cpus 2 --timeout 600 --log "$out/scaling.console.log" -- \
			tests/bench/micro-inside.sh scaling | tee "$out/scaling.log" || status=$?
	fi
	grep -a '^{"scaling"' "$out/scaling.log" >"$out/scaling.jsonl"
	return "$status"
}

# macro.sh leaves its results beside its logs.
emulated_macro() {
	local status=0
	rm -f "$out/macro/macro.jsonl"
	tests/bench/macro.sh --scale "$scale" "${of_workloads[@]}" "$@" || status=$?
	[ ! -e "$out/macro/macro.jsonl" ] || cp "$out/macro/macro.jsonl" "$out/macro.jsonl"
	return "$status"
}

measure_macro() {
	local of_workloads=() IFS=,
	[ ${#workloads[@]} -eq 0 ] || of_workloads=(--workloads "${workloads[*]}")
	IFS=$' \t\n'
	if [ -n "$real" ]; then
		real_macro "${configs[@]}"
	else
		emulated_macro "${configs[@]}"
	fi
}

# Its workloads as they were recorded, at the share that all policies ran at.
measure_replay() {
	local file workload footprint status=0
	local policies=static:0,static:2,static:4,static:6,static:9,auto,buddy

	for file in "$out"/macro/*.rec; do
		workload=${file##*/} workload=${workload%.rec}
		footprint=$(sed -n "s/^{\"workload\": \"$workload\",.*\"footprint_bytes\": \([0-9]*\).*/\1/p" \
			"$out/macro/footprint.jsonl")
		out/dmem-tuner replay --interval 0.05 --direct $((footprint / 2)) \
			--policy "$policies" "$file" >"$out/replay.txt" || status=$?
		# The table of policies; what their stalls are made of has a column more.
		awk -v workload="$workload" '
			NF == 7 && $1 ~ /^(static:[0-9]|auto|buddy)$/ {
				sub(":", "-", $1)
				printf "{\"workload\": \"%s\", \"policy\": \"%s\", ", workload, $1
				printf "\"direct_pct\": 50, \"slowdown_pct\": %s}\n", $7
			}' "$out/replay.txt"
	done >"$out/replay.jsonl"
	return "$status"
}

# conditions PART: what results have to share to stand in one table, and where they are from.
conditions() {
	local kernel
	if [ -n "$real" ]; then
		echo "kernel=$(uname -r)"
		echo "clock=wall"
		echo "cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)"
	else
		kernel=${DMEM_KERNEL:-$(tools/kver.sh)}
		echo "kernel=${kernel##*/}"
		[ "$1" = scaling ] && echo "clock=wall" || echo "clock=instructions"
		echo "cpu=emulated"
	fi
	echo "scale=$scale"
	echo "revision=$(git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)"
}

# measure PART all|some NAMES: runs it and stores its output as a run. The runs before a whole one
# have nothing left to say.
measure() {
	local part=$1 names=$3 started=$SECONDS status=0 date run told=()
	[ "$2" != all ] || names=
	date=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	run=$out/runs/${date//[-:]/}-$part.jsonl
	rm -f "$out/$part.jsonl"
	echo "bench: $part: ${names:-all of it}"
	"measure_$part" || status=$?
	echo "bench: $part took $((SECONDS - started)) s"
	[ "$status" -eq 0 ] || echo "bench: $part FAILED with status $status" >&2
	mapfile -t told < <(conditions "$part")
	if ! out/bench-report store "$run" "$out/$part.jsonl" "part=$part" "date=$date" \
		"names=$names" "wall_seconds=$((SECONDS - started))" "status=$status" "${told[@]}"; then
		echo "bench: $part: its output ($out/$part.jsonl) is not taken in" >&2
		failed=1
	elif [ "$status" -ne 0 ]; then
		failed=1
	elif [ -z "$names" ]; then
		find "$out/runs" -name "*-$part.jsonl" ! -path "$run" -delete
	fi
}

report() {
	out/bench-report report out || failed=1
	rm -f "$out"/*.svg "$out"/*.png
	(cd "$out" && gnuplot plots.gp) || {
		echo "bench: gnuplot failed: there are no plots" >&2
		failed=1
	}
	echo
	cat out/bench.md
}

choose_all
[ -z "$real" ] || check_real
mkdir -p "$out/runs"
[ -z "$micro" ] || measure micro "$micro" "${micro_parts[*]}"
[ -z "$scaling" ] || measure scaling "$scaling" ''
[ -z "$macro" ] || measure macro "$macro" "${workloads[*]}${workloads:+ }${configs[*]}"
[[ -z $macro || " ${configs[*]:-record@25} " != *" record@"* ]] ||
	measure replay "$macro" "${workloads[*]}"
report
echo "bench: $SECONDS s; out/bench.json, out/bench.md, plots in $out/"
[ "$failed" -eq 0 ] || echo "bench: FAILED: what is wrong is said above" >&2
exit "$failed"
