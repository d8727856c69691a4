#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# demo.sh's part inside the host: module, pool, tuner, guest, progress lines, figures, and all of
# it taken down again. Usage: inside.sh PATTERN_MIB REDIS_REQUESTS DIRECT_MIB
set -euo pipefail
top=$DMEM_TOP demo=$DMEM_TOP/out/demo
pattern_mib=$1 requests=$2 direct_mib=$3
memory_mib=$((pattern_mib + 208))
vm=/run/dmem/demo
# 100 Gb/s at 3 us, stretched threefold as an emulated CPU is.
link=latency_ns=9000,ns_per_page=1000

exec 2>&1
say() {
	echo "demo: $*"
}

modprobe kvm_amd 2>/dev/null || modprobe kvm_intel
insmod "$top/core-kmod/dmem.ko"
mkdir -p /run/dmem
"$top/out/dmemctl" mount -o "donor=local:1G,direct=${direct_mib}M,$link" /run/dmem >/dev/null
say "pool on /run/dmem: direct limit $direct_mib MiB, a local donor behind a modelled link ($link)"

"$top/out/dmem-tuner" --mode auto --interval 1 >"$demo/tuner.log" 2>&1 &
tuner=$!
for _ in {1..100}; do
	[ -e /sys/fs/bpf/dmem/version ] && break
	kill -0 "$tuner" 2>/dev/null || break
	sleep 0.1
done
[ -e /sys/fs/bpf/dmem/version ] || {
	cat "$demo/tuner.log"
	exit 1
}
say "dmem-tuner runs in auto mode; the plane is pinned under /sys/fs/bpf/dmem"

say "booting a guest of $memory_mib MiB on $vm: redis, then a pattern over $pattern_mib MiB"
"$top/tests/guest/run.sh" --memory "$memory_mib" --backing "$vm" --work redis,pattern \
	--pattern-bytes $((pattern_mib << 20)) --redis-keys "$requests" \
	--redis-requests "$requests" --timeout 420 --log "$demo/guest.log" &
guest=$!

figure() {
	sed -n "s/^ *\"$1\": \([0-9]*\),*\$/\1/p" "$demo/show.json"
}

# What the guest said last, or that it boots.
phase() {
	local said
	said=$(sed -n 's/\r$//; s/^dmem-guest: start //p; s/^pattern: phase /pattern, /p' \
		"$demo/guest.log" 2>/dev/null | tail -n 1)
	echo "${said:-boot}"
}

faults_before=0 time_before=$SECONDS
while kill -0 "$guest" 2>/dev/null; do
	sleep 3
	"$top/out/dmemctl" show --json "$vm" >"$demo/show.json" 2>/dev/null || continue
	faults=$(figure faults)
	passed=$((SECONDS > time_before ? SECONDS - time_before : 1))
	printf 'demo: %3d s  %-28s direct %4d MiB  remote %4d MiB  %5d faults/s\n' "$SECONDS" \
		"$(phase)" $(($(figure direct_bytes) >> 20)) $(($(figure remote_bytes) >> 20)) \
		$(((faults - faults_before) / passed))
	faults_before=$faults time_before=$SECONDS
done
status=0
wait "$guest" || status=$?
[ "$status" -ne 0 ] || touch "$demo/verified"
sed -n 's/\r$//; s/^dmem-guest: redis /demo: redis: /p; s/^pattern: PASS/demo: &/p' "$demo/guest.log"

"$top/out/demo-report" collect "$vm" "$demo/figures.json"
[ ! -x "$top/out/dmemtop" ] || COLUMNS=100 "$top/out/dmemtop" --once --ascii --no-regions \
	>"$demo/dmemtop.txt"

kill -TERM "$tuner"
wait "$tuner"
"$top/out/dmemctl" remove "$vm" >/dev/null
"$top/out/dmemctl" umount /run/dmem >/dev/null
"$top/out/dmem-tuner" --unload
rmmod dmem
say "taken down: the file, the pool, the plane and the module are gone"
exit "$status"
