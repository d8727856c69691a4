#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# demo.sh's part inside the host: module, pool, tuner, guest, progress lines, figures, and all of
# it taken down again. Usage: inside.sh local|rdma PATTERN_MIB REDIS_REQUESTS DIRECT_MIB GUEST_S
# rdma: two donors, each at the other end of a link (vm/donor.sh), and two copies of each page.
set -euo pipefail
top=$DMEM_TOP demo=$DMEM_TOP/out/demo
donors=$1 pattern_mib=$2 requests=$3 direct_mib=$4 guest_limit=$5
memory_mib=$((pattern_mib + 208))
vm=/run/dmem/demo
# 100 Gb/s at 3 us, stretched threefold as an emulated CPU is.
link=latency_ns=9000,ns_per_page=1000

exec 2>&1
say() {
	echo "demo: $*"
}

mount_local() {
	"$top/out/dmemctl" mount --donor local:1G --direct "${direct_mib}M" -o "$link" >/dev/null
	say "pool on /run/dmem: direct limit $direct_mib MiB, a local donor behind a modelled link ($link)"
}

# Fetches that took long, as the kernel saw them: what held the guest up.
watch_fetches() {
	local trace=/sys/kernel/tracing
	[ -e "$trace/trace" ] || mount -t tracefs tracefs "$trace"
	echo "latency_ns > 100000000" >"$trace/events/dmem/dmem_fetch/filter"
	echo 1 >"$trace/events/dmem/dmem_fetch/enable"
}

# Only what comes now can be for the donor that dies next.
watch_from_now() {
	[ -e "$demo/kill-next" ] && [ ! -e "$demo/watched" ] || return 0
	echo >/sys/kernel/tracing/trace
	touch "$demo/watched"
}

held_up_ms() {
	sed -n 's/.* latency_ns=\([0-9]*\) .*/\1/p' /sys/kernel/tracing/trace |
		sort -n | tail -n 1 | awk '{ ms = int($1 / 1e6) } END { print ms + 0 }'
}

mount_rdma() {
	local i
	modprobe -a rdma_rxe rdma_cm libcrc32c
	insmod "$top/core-kmod/dmem-rdma.ko"
	for i in 1 2; do
		"$top/tests/vm/link.sh" "$i" "10.88.$i.1"
	done
	say "waiting for two donor hosts to boot"
	for i in 1 2; do
		until [ -e "$demo/donor-$i.ready" ]; do
			if [ -e "$demo/donor-$i.ended" ]; then
				say "failed: the host of donor $i has ended (out/demo/donor-$i.out)"
				exit 1
			fi
			sleep 1
		done
	done
	"$top/out/dmemctl" mount --donor rdma:10.88.1.2 --donor rdma:10.88.2.2 --replicas 2 \
		--key-file "$demo/key" --direct "${direct_mib}M" >/dev/null
	say "pool on /run/dmem: direct limit $direct_mib MiB, each page with two donors over soft-RoCE"
	watch_fetches
}

modprobe kvm_amd 2>/dev/null || modprobe kvm_intel
insmod "$top/core-kmod/dmem.ko"
"mount_$donors"

"$top/out/dmem-tuner" --mode auto --interval 1 >"$demo/tuner.log" 2>&1 &
tuner=$!
for _ in {1..600}; do
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
	--redis-requests "$requests" --timeout "$guest_limit" --log "$demo/guest.log" &
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
	watch_from_now
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
[ "$donors" = local ] || {
	held_up_ms >"$demo/held-up-ms"
	dmesg | sed -n 's/.*dmem-rdma: \(.*\)/demo: kernel: \1/p'
}
[ ! -x "$top/out/dmemtop" ] || COLUMNS=100 "$top/out/dmemtop" --once --ascii --no-regions \
	>"$demo/dmemtop.txt"

kill -TERM "$tuner"
wait "$tuner"
"$top/out/dmemctl" remove "$vm" >/dev/null
"$top/out/dmemctl" umount /run/dmem >/dev/null
"$top/out/dmem-tuner" --unload
[ "$donors" = local ] || rmmod dmem-rdma
rmmod dmem
say "taken down: the file, the pool, the plane and the module are gone"
exit "$status"
