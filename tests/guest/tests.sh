#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guests under KVM on dmem memory, and the control: the same guest on plain memory under the same
# disturbance, so that an emulator's fault is told from ours. Runs in the host; prints TAP.
set -u
top=$DMEM_TOP
out=$top/out/results
number=0 failed=0
. "$top/tests/guest/within.sh"

result() {
	number=$((number + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $number $1"
	else
		echo "not ok $number $1"
		failed=1
	fi
}

# lives COMMAND...: its guest must live. The emulator's SVM now and then resets a guest without a
# word, on plain memory as well (docs/testing.md): then, status 3, two more must live. Wrong data,
# a panic, a hang and a dead QEMU are failures at once.
lives() {
	local lives=1 resets=0 status
	while [ "$lives" -gt 0 ]; do
		status=0
		"$@" || status=$?
		if [ "$status" -eq 3 ] && [ "$resets" -eq 0 ]; then
			echo "# a guest was reset without a word: two more must live"
			resets=1 lives=2
			continue
		fi
		[ "$status" -eq 0 ] || return 1
		lives=$((lives - 1))
	done
}

boot_guest() {
	local name=$1 backing=$2 status=0
	shift 2
	"$top/tests/guest/run.sh" --memory 256 --backing "$backing" --timeout 400 \
		--log "$out/$name.log" "$@" || status=$?
	[ "$status" -ne 3 ] || mv "$out/$name.log" "$out/$name.reset.log"
	return "$status"
}

# guest NAME BACKING [OPTION...]
guest() {
	lives boot_guest "$@"
}

pool() {
	mkdir -p /run/dmem
	"$top/out/dmemctl" mount -o "donor=local:1G,$1" /run/dmem >/dev/null
}

end_pool() {
	"$top/out/dmemctl" umount /run/dmem >/dev/null
}

figure() {
	"$top/out/dmemctl" show --json "$1" | sed -n "s/^ *\"$2\": \([0-9]*\),*\$/\1/p"
}

# Without a disturbance the first touch of memory is all that a small guest would show.
control() {
	guest control memfd --work dirty --disturb clear_refs
}

file() {
	pool "direct=72M,order=2,latency_ns=9000,ns_per_page=1000" || return 1
	guest file /run/dmem/vm --work pattern --pattern-bytes $((80 << 20)) \
		--disturb clear_refs || return 1
	local fetched written
	fetched=$(figure /run/dmem/vm fetched_pages)
	written=$(figure /run/dmem/vm writeback_pages)
	echo "# fetched $fetched pages, wrote $written back"
	[ "$fetched" -gt 1000 ] && [ "$written" -gt 1000 ] || return 1
	"$top/out/dmemctl" remove /run/dmem/vm >/dev/null && end_pool
}

# QEMU makes the file in the directory itself and unlinks it; its memory is gone with QEMU.
directory() {
	pool "direct=96M,order=4" || return 1
	guest directory /run/dmem --work redis --redis-keys 5000 --redis-requests 5000 &
	local run=$! seen=0 status=0
	while kill -0 "$run" 2>/dev/null; do
		sleep 1
		[ "$(stat -f -c %b /run/dmem)" = "$(stat -f -c %f /run/dmem)" ] || seen=$((seen + 1))
	done
	wait "$run" || status=$?
	echo "# the pool was in use for $seen s"
	[ "$status" -eq 0 ] && [ "$seen" -gt 0 ] || return 1
	[ -z "$(ls -A /run/dmem)" ] || return 1
	[ "$(stat -f -c %b /run/dmem)" = "$(stat -f -c %f /run/dmem)" ] || return 1
	end_pool
}

# fetches PROCESS: it is well under way, or over.
fetches() {
	local fetched
	kill -0 "$1" 2>/dev/null || return 0
	fetched=$(figure /run/dmem/vm fetched_pages 2>/dev/null) && [ "${fetched:-0}" -ge 50 ]
}

# kill -9 in the middle of fetches: the pool goes away cleanly.
killed() {
	pool "direct=72M,latency_ns=200000" || return 1
	guest killed /run/dmem/vm --work pattern --pattern-bytes $((80 << 20)) \
		--pidfile "$out/pid" 2>/dev/null &
	local run=$! fetched
	within 400 fetches "$run"
	fetched=$(figure /run/dmem/vm fetched_pages)
	kill -KILL "$(cat "$out/pid")"
	echo "# killed after $fetched pages were fetched"
	wait "$run" && return 1
	[ "$fetched" -ge 50 ] || return 1
	"$top/out/dmemctl" remove /run/dmem/vm >/dev/null && end_pool
}

# Every read waits 20 ms for a donor; KVM gets told so, and lets the guest run something else.
meanwhile() {
	pool "direct=80M,order=6,latency_ns=20000000" || return 1
	guest meanwhile /run/dmem/vm --work meanwhile --pattern-bytes $((64 << 20)) || return 1
	grep -a 'dmem-guest: meanwhile' "$out/meanwhile.log" | tr -d '\r' | sed 's/^dmem-guest:/#/'
	[ "$(figure /run/dmem/vm retries)" -gt 100 ] || return 1
	"$top/out/dmemctl" remove /run/dmem/vm >/dev/null && end_pool
}

# What a VM's memory takes, here and at the donor.
used() {
	echo $(($(figure /run/dmem/vm direct_bytes) + $(figure /run/dmem/vm remote_bytes)))
}

said() {
	grep -aqs "dmem-guest: balloon: $1" "$out/balloon-$mode.log"
}

released() {
	[ "$(used)" -lt $((filled - (64 << 20))) ]
}

# Inflates when the guest has freed its memory, or when the guest's reports have shrunk it already.
steer_balloon() {
	local filled monitor=$out/balloon-$mode.log.monitor.in
	within 400 said filled || return 1
	filled=$(used)
	within 60 said freed || return 1
	[ "$mode" = on ] || within 60 released || return 1
	echo "balloon 128" >"$monitor"
	within 120 said inflated && within 60 released || return 1
	echo "# $mode: $((filled >> 20)) MiB when filled, $(($(used) >> 20)) MiB after"
	echo "balloon 256" >"$monitor"
}

# balloon on|reporting: what the guest gives back is gone here and at the donor.
balloon() {
	local mode=$1 run
	pool "direct=96M,order=2" || return 1
	rm -f "$out/balloon-$mode.log" # a run before this one said the same
	guest "balloon-$mode" /run/dmem/vm --work balloon --balloon "$mode" \
		--pattern-bytes $((64 << 20)) &
	run=$!
	steer_balloon || echo "# the guest was not steered to the end"
	wait "$run" && said deflated || return 1
	"$top/out/dmemctl" remove /run/dmem/vm >/dev/null && end_pool
}

cd "$top" || exit 1
[ -e /dev/kvm ] || modprobe kvm_amd 2>/dev/null || modprobe kvm_intel || exit 1
insmod core-kmod/dmem.ko || exit 1
mkdir -p "$out"
control
result "control: a guest on plain memory survives the disturbance" $?
file
result "a guest on a file in a pool, disturbed, keeps its data" $?
directory
result "a guest on a directory of a pool; its file is gone with it" $?
meanwhile
result "a guest goes on while one of its tasks waits for a donor" $?
balloon on
result "a guest's balloon gives memory back, here and at the donor" $?
balloon reporting
result "what a guest frees and reports is given back" $?
killed
result "QEMU killed while it fetches leaves nothing behind" $?
rmmod dmem
result "the module unloads" $?
lives tests/guest/tutorial.sh
result "docs/tutorial.md, command by command" $?
lives tests/guest/libvirt.sh
result "docs/recipes.md: a libvirt domain's memory is in a pool, and goes with it" $?
echo "1..$number"
exit "$failed"
