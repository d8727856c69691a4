#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# macro.sh's part inside the host, whose time counts instructions: boots one guest for each
# configuration and has it run all workloads. Each leaves OUTDIR/CONFIG.jsonl, one object a
# workload, and OUTDIR/CONFIG.console.log. Usage:
#   macro-inside.sh [--scale N] [--memory MIB] [--guest IMAGE] [--workloads LIST] [--claim]
#     OUTDIR CONFIG...
# CONFIG: footprint, local, static-N@P, auto@P, buddy@P, swap-N@P, uffd@P; those with a P need
# OUTDIR to hold what footprint and local left. record@P is static-0 and leaves OUTDIR/WORKLOAD.rec
# for dmem-tuner replay, too. With --claim hosts that share OUTDIR share the list, too.
# Time runs on when the CPU idles, and it idles while it waits for a file of the build machine:
# all that runs beside a guest is copied to memory first, and results stay there until it ends.
set -euo pipefail
top=$DMEM_TOP
. "$top/tools/cache.sh"
. "$top/tests/guest/within.sh"

scale=1 memory_mib=384 guest=$top/out/bench-guest.cpio claim=''
workloads=(redis memcached gcc sort sqlite pagerank stream random)
# 100 Gb/s at 3 us, stretched threefold as an emulated CPU is (DESIGN.md, link model).
latency_ns=9000 ns_per_page=1000
# The same bandwidth in the unit of null_blk: MiB/s.
link_mbps=3906
# In instruction time, which a guest that hangs idle spends fast.
patience_s=600
# Times the all-local time: a warm-up or a timed section that takes longer is cut. Its limit is
# lifted, so that the rest goes fast and the checksum is still looked at.
cut_factor=7
page_bytes=4096
# What the limit of the swapped guest may be off by: the kernel charges in batches.
swap_slack_bytes=$((1 << 20))

fast=/run/macro
cgroup=/sys/fs/cgroup/macro
pool=/run/dmem
vm=$pool/bench
config='' policy='' kind='' percent=''
qemu='' tuner='' recorder='' to_guest='' from_guest='' line=''
object='' launch=() cut_ms=0

say() {
	echo "bench: macro $config: $*"
}
# The configuration cannot go on: ends its subshell.
fail() {
	say "FAILED: $*"
	[ ! -s "$fast/console.log" ] || tail -n 15 "$fast/console.log" | tr -d '\r'
	[ ! -s "$fast/qemu.log" ] || tail -n 15 "$fast/qemu.log"
	exit 1
}
# The workload does not count; the configuration goes on.
bad=0
complain() {
	say "FAILED: $*"
	bad=1
}

# --- What is copied to memory -----------------------------------------------------------------

# Copies PROGRAM and its libraries to $fast/NAME; run_fast starts it from there.
copy_program() {
	local name=$1 program=$2 loader=$3 search=${4:-} lib
	mkdir -p "$fast/$name"
	cp -L "$program" "$fast/$name/program"
	cp -L "$loader" "$fast/$name/loader"
	"$loader" ${search:+--library-path "$search"} --list "$program" |
		sed -n 's/^.* => \(\/[^ ]*\) .*$/\1/p' | while read -r lib; do
			cp -L "$lib" "$fast/$name/"
		done
}
run_fast() {
	local name=$1
	shift
	exec "$fast/$name/loader" --library-path "$fast/$name" "$fast/$name/program" "$@"
}

copy_qemu() {
	local root=$DMEM_CACHE/qemu11 lib='' file
	if [ -e "$root/.done" ]; then
		lib=$root/usr/lib/x86_64-linux-gnu
		copy_program qemu "$root/usr/bin/qemu-system-x86_64" \
			"$root/lib64/ld-linux-x86-64.so.2" "$lib:$lib/pulseaudio"
	else
		root=
		copy_program qemu "$(command -v qemu-system-x86_64)" /lib64/ld-linux-x86-64.so.2
	fi
	mkdir -p "$fast/firmware"
	for file in qemu/kvmvapic.bin qemu/linuxboot_dma.bin seabios/bios-256k.bin; do
		cp -L "$root/usr/share/$file" "$fast/firmware/"
	done
}

prepare_host() {
	local kernel
	kernel=/boot/vmlinuz-$(uname -r)
	[ -e "$kernel" ] || kernel=/boot/vmlinuz-$("$top/tools/kver.sh")
	[ -r "$guest" ] || fail "no guest image $guest"
	mkdir -p "$fast"
	copy_qemu
	copy_program tuner "$top/out/dmem-tuner" /lib64/ld-linux-x86-64.so.2
	copy_program dmemctl "$top/out/dmemctl" /lib64/ld-linux-x86-64.so.2
	copy_program awk "$(readlink -f "$(command -v awk)")" /lib64/ld-linux-x86-64.so.2
	cp "$guest" "$fast/guest.cpio"
	cp "$kernel" "$fast/kernel"
	cp "$top/out/bench/uffd_pager.so" "$fast/"
	# dmem maps 4 KiB pages: no peer gets larger ones, nor does the baseline.
	echo never >/sys/kernel/mm/transparent_hugepage/enabled
	modprobe kvm_amd 2>/dev/null || modprobe kvm_intel
}

# --- The guest --------------------------------------------------------------------------------

alive() {
	kill -0 "$qemu" 2>/dev/null
}

# What QEMU makes to reach the guest's second serial port, as the pager its control: two FIFOs.
make_fifos() {
	rm -f "$1.in" "$1.out"
	mkfifo "$1.in" "$1.out"
}

start_guest() {
	: >"$fast/console.log"
	make_fifos "$fast/control"
	exec {to_guest}<>"$fast/control.in" {from_guest}<>"$fast/control.out"
	(
		QEMU_MODULE_DIR=$fast/firmware
		export QEMU_MODULE_DIR
		[ ${#launch[@]} -eq 0 ] || "${launch[@]}"
		run_fast qemu -L "$fast/firmware" -machine q35,accel=kvm,memory-backend=mem \
			-object "$object" -cpu host -m "$memory_mib" -smp 1 -nodefaults -no-reboot \
			-display none -chardev "file,id=console,path=$fast/console.log" \
			-serial chardev:console -chardev "pipe,id=control,path=$fast/control" \
			-serial chardev:control -kernel "$fast/kernel" -initrd "$fast/guest.cpio" \
			-append "console=ttyS0 quiet panic=-1 reboot=t dmem.scale=$scale"
	) </dev/null >"$fast/qemu.log" 2>&1 &
	qemu=$!
}

# Where a guest that says nothing hangs: what QEMU's threads wait for, what dmem knows of it.
say_where() {
	show_threads "$qemu"
	grep -H . /sys/kernel/debug/kvm/*-*/vcpu0/* 2>/dev/null || true
	[ "$backing" != dmem ] || (run_fast dmemctl show "$vm") || true
}

now_ms() {
	local now=${EPOCHREALTIME/[.,]/}
	ms=${now%???}
}
# Waits for a line from the guest and leaves it in $line. What takes longer than $cut_ms is cut.
hear() {
	local part='' end=$((SECONDS + patience_s)) ms started
	now_ms
	started=$ms line=
	until IFS= read -r -t 0.5 -u "$from_guest" part; do
		line+=$part
		alive || fail "QEMU died"
		[ "$SECONDS" -lt "$end" ] || {
			say_where
			fail "the guest says nothing for $patience_s s"
		}
		now_ms
		[ "$cut_ms" -eq 0 ] || [ $((ms - started)) -lt "$cut_ms" ] || cut_workload
	done
	line+=$part
	line=${line%$'\r'}
}
expect() {
	hear
	[ "$line" = "$*" ] || fail "the guest said \"$line\" instead of \"$*\""
}
tell() {
	echo "$*" >&"$to_guest"
}

stop_guest() {
	local tries=100
	while alive && [ "$tries" -gt 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	! alive || kill -KILL "$qemu"
	wait "$qemu" 2>/dev/null || true
	qemu=
}

# Of QEMU's mappings, in bytes: guest_rss, guest_huge (in huge pages), qemu_anon (the others').
read_mappings() {
	local found
	read -r found guest_rss guest_huge qemu_anon < <(run_fast awk -v kib=$((memory_mib << 10)) '
		$1 == "Size:" { guest = $2 == kib; found += guest }
		$1 == "Rss:" && guest { rss = $2 }
		$1 == "Anonymous:" && !guest { anon += $2 }
		/^(AnonHugePages|ShmemPmdMapped|FilePmdMapped):/ && guest { huge += $2 }
		END { printf "%d %d %d %d\n", found, rss * 1024, huge * 1024, anon * 1024 }
		' "/proc/$qemu/smaps")
	[ "$found" -eq 1 ] || fail "$found mappings of QEMU have the size of guest memory"
}

# --- What guest memory is: for each kind _start, _free, _bound, _begin, _figures, _check, _stop
# _free lets all of it be local, while a workload loads; _bound puts the limit in force; _figures
# sets remote_pages (so far), resident_bytes, and extra (members for the result).

plain_start() {
	object=memory-backend-ram,id=mem,size=${memory_mib}M,share=off
	launch=()
}
plain_free() {
	:
}
plain_bound() {
	:
}
plain_begin() {
	:
}
plain_figures() {
	read_mappings
	remote_pages=0 resident_bytes=$guest_rss extra=
}
plain_check() {
	:
}
plain_stop() {
	:
}

dmemctl() {
	(run_fast dmemctl "$@")
}

dmem_start() {
	local options="donor=local:$((memory_mib + 64))M,direct=100%,order=0"
	[ "$kind" = footprint ] || options+=",latency_ns=$latency_ns,ns_per_page=$ns_per_page"
	insmod "$top/core-kmod/dmem.ko"
	mkdir -p "$pool"
	dmemctl mount -o "$options" "$pool" >/dev/null
	object=memory-backend-file,id=mem,size=${memory_mib}M,mem-path=$vm,share=on
	launch=()
	case $kind in
	auto | buddy) start_tuner ;;
	esac
}
start_tuner() {
	(run_fast tuner --mode "$kind") >"$fast/tuner.log" 2>&1 &
	tuner=$!
	for _ in {1..100}; do
		[ ! -e /sys/fs/bpf/dmem/version ] || return 0
		kill -0 "$tuner" 2>/dev/null || break
		sleep 0.1
	done
	tail -n 5 "$fast/tuner.log"
	fail "dmem-tuner did not start"
}
dmem_json() {
	json=$(dmemctl show --json "$vm")
}
dmem_figure() {
	[[ $json =~ \"$1\":\ *([0-9]+) ]] || fail "dmemctl show has no $1"
	figure=${BASH_REMATCH[1]}
}
# What earlier workloads left is no part of a footprint.
dmem_free() {
	dmemctl set --direct 100% --order 0 "$vm" >/dev/null
	[ "$kind" != footprint ] || dmemctl flush "$vm" >/dev/null
}
dmem_bound() {
	local order=0
	[ "$kind" != footprint ] || return 0
	[ "$kind" != static ] || order=${policy#static-}
	dmemctl set --direct "$limit_bytes" --order "$order" "$vm" >/dev/null
	for _ in {1..1000}; do
		dmem_json
		dmem_figure direct_bytes
		[ "$figure" -gt "$limit_bytes" ] || break
	done
	[ "$figure" -le "$limit_bytes" ] ||
		fail "direct_bytes stays at $figure, above the limit of $limit_bytes"
	[ "$kind" != record ] || start_recording
}
start_recording() {
	rm -f "$fast/$name.rec"
	(run_fast tuner record --vm bench "$fast/$name.rec") >"$fast/record.log" 2>&1 &
	recorder=$!
	for _ in {1..100}; do
		! grep -q ': recording to' "$fast/record.log" || return 0
		sleep 0.1
	done
	fail "the recording did not begin: $(tail -n 5 "$fast/record.log")"
}
# What a recording lost would be taken for hits.
stop_recording() {
	kill -INT "$recorder"
	wait "$recorder" || fail "the recording: $(tail -n 5 "$fast/record.log")"
	recorder=
	grep -q ' 0 lost$' "$fast/record.log" || fail "the recording: $(tail -n 5 "$fast/record.log")"
	mv "$fast/$name.rec" "$out/"
}
dmem_begin() {
	:
}
dmem_figures() {
	local text orders order fetches
	dmem_json
	dmem_figure fetched_pages
	remote_pages=$figure
	dmem_figure stalls
	stalls=$figure
	dmem_figure direct_bytes
	resident_bytes=$figure
	text=${json//[[:space:]]/}
	[[ $text =~ \"fetches\":\[([0-9,]+)\] ]] || fail "dmemctl show has no fetches"
	IFS=, read -r -a orders <<<"${BASH_REMATCH[1]}"
	if [ "$when" = start ]; then
		stalls_before=$stalls orders_before=("${orders[@]}")
		return
	fi
	fetches=
	for order in "${!orders[@]}"; do
		fetches+=", $((orders[order] - orders_before[order]))"
	done
	extra=", \"stalls\": $((stalls - stalls_before)), \"fetches_by_order\": [${fetches#, }]"
}
dmem_check() {
	dmem_figure direct_limit_bytes
	[ "$kind" = footprint ] || [ "$figure" -eq "$limit_bytes" ] ||
		complain "$1: the direct limit is $figure bytes, not $limit_bytes"
}
dmem_stop() {
	[ -z "$recorder" ] || kill -TERM "$recorder" 2>/dev/null || true
	if [ -n "$tuner" ]; then
		kill -TERM "$tuner" 2>/dev/null || true
		wait "$tuner" || true
		tuner=
		cp "$fast/tuner.log" "$out/$config.tuner.log"
		(run_fast tuner --unload)
	fi
	[ ! -e "$vm" ] || dmemctl remove "$vm" >/dev/null
	dmemctl umount "$pool" >/dev/null
	rmmod dmem
}

# Swap: memory.max bounds guest memory and what else QEMU is charged for, which is measured.
# Reclaim runs in who needs the page, as it does for a cgroup. null_blk's bandwidth holds over
# 50 ms, not from page to page; requests do not queue behind each other.
swap_start() {
	modprobe null_blk nr_devices=1 queue_mode=2 submit_queues=1 hw_queue_depth=128 \
		gb=1 bs=4096 memory_backed=1 irqmode=2 "completion_nsec=$latency_ns" "mbps=$link_mbps"
	echo none >/sys/block/nullb0/queue/scheduler
	mkswap /dev/nullb0 >/dev/null
	swapon /dev/nullb0
	echo "${policy#swap-}" >/proc/sys/vm/page-cluster
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir "$cgroup"
	object=memory-backend-ram,id=mem,size=${memory_mib}M,share=off
	launch=(swap_enter)
}
swap_enter() {
	echo "$BASHPID" >"$cgroup/cgroup.procs"
}
# What QEMU is charged for beside guest memory: other anonymous memory, page tables, files.
swap_set_limit() {
	local name bytes beside
	read_mappings
	beside=$qemu_anon
	while read -r name bytes; do
		case $name in
		kernel | file) beside=$((beside + bytes)) ;;
		esac
	done <"$cgroup/memory.stat"
	memory_max=$((limit_bytes + beside))
	echo "$memory_max" >"$cgroup/memory.max"
}
swap_free() {
	echo max >"$cgroup/memory.max"
}
# Twice, because what QEMU does not use of its own leaves with the first.
swap_bound() {
	swap_set_limit
	swap_set_limit
}
swap_begin() {
	swap_set_limit
}
swap_figures() {
	local name value
	while read -r name value; do
		[ "$name" != pswpin ] || remote_pages=$value
	done </proc/vmstat
	read_mappings
	resident_bytes=$guest_rss extra=
}
swap_check() {
	local current
	current=$(<"$cgroup/memory.current")
	[ "$current" -le "$memory_max" ] ||
		complain "$1: memory.current is $current, above memory.max $memory_max"
}
swap_stop() {
	swapoff /dev/nullb0
	rmmod null_blk
	rmdir "$cgroup"
}

# A pager in user space: see uffd_pager.c. It evicts ahead, in the order pages came.
uffd_start() {
	make_fifos "$fast/pager"
	exec {to_pager}<>"$fast/pager.in" {from_pager}<>"$fast/pager.out"
	object=memory-backend-ram,id=mem,size=${memory_mib}M,share=off
	launch=(uffd_preload)
}
uffd_preload() {
	export UFFD_PAGER_BYTES=$((memory_mib << 20)) UFFD_PAGER_CONTROL=$fast/pager
	export UFFD_PAGER_LATENCY_NS=$latency_ns UFFD_PAGER_NS_PER_PAGE=$ns_per_page
	export LD_PRELOAD=$fast/uffd_pager.so
}
uffd_ask() {
	echo "$*" >&"$to_pager"
	IFS= read -r -t 60 -u "$from_pager" answer || fail "the pager does not answer"
}
uffd_figure() {
	[[ $answer =~ (^| )$1=([0-9]+) ]] || fail "the pager does not say $1: $answer"
	figure=${BASH_REMATCH[2]}
}
uffd_free() {
	uffd_ask "limit $((memory_mib << 20))"
}
uffd_bound() {
	uffd_ask "limit $limit_bytes"
}
uffd_begin() {
	:
}
uffd_figures() {
	uffd_ask show
	uffd_figure fetched_pages
	remote_pages=$figure
	uffd_figure faults
	if [ "$when" = start ]; then
		faults_before=$figure
	else
		extra=", \"faults\": $((figure - faults_before))"
	fi
	uffd_figure resident_bytes
	resident_bytes=$figure
	read_mappings
}
uffd_check() {
	uffd_figure limit_bytes
	[ "$figure" -eq "$limit_bytes" ] ||
		complain "$1: the pager's limit is $figure bytes, not $limit_bytes"
	[ "$guest_rss" -le "$limit_bytes" ] ||
		complain "$1: $guest_rss bytes of guest memory are mapped, above $limit_bytes"
}
uffd_stop() {
	say "pager: ${answer:-said nothing}"
}

# --- A workload -------------------------------------------------------------------------------

# What footprint and local found out, by workload.
declare -A footprints checksums local_ns
read_first() {
	local object
	while read -r object; do
		[[ $object =~ ^\{\"workload\":\ \"([^\"]*)\".*\"footprint_bytes\":\ ([0-9]+) ]] || continue
		footprints[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
	done < <(cat "$out/footprint.jsonl" 2>/dev/null)
	while read -r object; do
		[[ $object =~ ^\{\"workload\":\ \"([^\"]*)\".*\"ns\":\ ([0-9]+).*\"checksum\":\ \"([^\"]*)\" ]] ||
			continue
		local_ns[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
		checksums[${BASH_REMATCH[1]}]=${BASH_REMATCH[3]}
	done < <(cat "$out/local.jsonl" 2>/dev/null)
}

set_limit() {
	footprint_bytes=${footprints[$1]:-0} limit_bytes=0
	[ "$percent" -lt 100 ] || return 0
	limit_bytes=$((footprint_bytes * percent / 100 / page_bytes * page_bytes))
	[ "$limit_bytes" -gt 0 ]
}

check_checksum() {
	local name=$1 checksum=$2 expected=${checksums[$1]:-}
	[ -z "$expected" ] || [ "$checksum" = "$expected" ] ||
		complain "$name: checksum $checksum, with all memory local it is $expected"
	[ "$percent" -eq 100 ] || [ -n "$expected" ] ||
		complain "$name: local left no checksum to compare with"
}

# The figures at the section's end, or where it was cut.
take_figures() {
	local name=$1 slack=0
	when=done
	"${backing}_figures"
	remote_pages=$((remote_pages - pages_before))
	[ "$kind" != footprint ] || footprint_bytes=$resident_bytes
	"${backing}_check" "$name"
	[ "${guest_huge:-0}" -eq 0 ] || complain "$name: $guest_huge bytes are in huge pages"
	[ "$percent" -lt 100 ] || return 0
	[ "$remote_pages" -gt 0 ] || complain "$name: nothing was fetched in the timed section"
	[ "$kind" != swap ] || slack=$swap_slack_bytes
	[ "$resident_bytes" -le $((limit_bytes + slack)) ] ||
		complain "$name: $resident_bytes bytes are resident, above the limit of $limit_bytes"
}

begin_figures() {
	when=start
	"${backing}_figures"
	pages_before=$remote_pages
}

cut_workload() {
	take_figures "$name"
	say "$name is cut after $((cut_ms / 1000)) s"
	"${backing}_free"
	cut=', "cut": true' cut_ms=0
}

# Before the guest says done it works the checksum out: a timed section may have ended in time
# although that had to be cut. Then its time is what it took.
settle_cut() {
	local least_ns=$((cut_factor * local_ns[$name]))
	if [ -z "$warm_up_cut" ] && [ "$ns" -lt "$least_ns" ]; then
		cut=
	else
		ns=$least_ns
	fi
}

run_workload() {
	local name=$1 ns checksum pages_before=0 when cut='' warm_up_cut='' cut_ms=0 bad_before=$bad
	if ! set_limit "$name"; then
		complain "$name: footprint left no figure"
		return 0
	fi
	bad=0
	tell "run $name"
	expect "ready $name"
	"${backing}_free"
	tell go
	hear
	if [ "$line" = "loaded $name" ]; then
		"${backing}_bound"
		begin_figures
		[ "$percent" -eq 100 ] || [ "$kind" = record ] || cut_ms=$((cut_factor * ${local_ns[$name]:-0} / 1000000))
		tell go
		hear
	fi
	if [ "$line" = "start $name" ]; then
		warm_up_cut=$cut
		[ -n "$cut" ] || {
			"${backing}_begin"
			begin_figures
		}
		tell go
		hear
	fi
	[ -z "$recorder" ] || stop_recording
	if [[ ! $line =~ ^"done $name ns="([0-9]+)" checksum="([0-9a-fA-F]+)$ ]]; then
		[[ $line = "fail $name"* ]] || fail "the guest said \"$line\" instead of done or fail"
		complain "$name: the guest says: ${line#"fail $name "}"
		cut_ms=0
		expect "idle $name"
		return 0
	fi
	ns=${BASH_REMATCH[1]} checksum=${BASH_REMATCH[2]} cut_ms=0
	if [ -z "$cut" ]; then
		take_figures "$name"
	else
		settle_cut
	fi
	check_checksum "$name" "$checksum"
	if [ "$bad" -eq 0 ]; then
		[ "$kind" = record ] || write_result "$name" "$ns" "$checksum"
		report_result "$name" "$ns"
	fi
	bad=$((bad | bad_before))
	hear
	[[ $line != "fail $name"* ]] || {
		complain "$name: the guest says afterwards: ${line#"fail $name "}"
		hear
	}
	[ "$line" = "idle $name" ] || fail "the guest said \"$line\" instead of \"idle $name\""
}

write_result() {
	printf '{"workload": "%s", "config": "%s", "policy": "%s", "direct_pct": %d, "ns": %d, ' \
		"$1" "$config" "$policy" "$percent" "$2"
	printf '"footprint_bytes": %d, "limit_bytes": %d, "resident_bytes": %d, ' \
		"${footprint_bytes:-0}" "$limit_bytes" "$resident_bytes"
	printf '"remote_pages": %d, "checksum": "%s"%s%s}\n' "$remote_pages" "$3" "$cut" "$extra"
} >>"$fast/result.jsonl"

# As seconds with three decimals.
report_result() {
	local ms=$(($2 / 1000000))
	say "$(printf '%s %s%d.%03d s, %d pages fetched, %d MiB here' "$1" "${cut:+more than }" $((ms / 1000)) \
		$((ms % 1000)) "$remote_pages" $((resident_bytes >> 20)))"
}

# --- A configuration --------------------------------------------------------------------------

parse_config() {
	config=$1 policy=${1%@*} kind=${policy%-*} percent=100
	local share='(static-[0-9]|auto|buddy|record|swap-[0-9]|uffd)@[1-9][0-9]?'
	[[ $1 =~ ^(footprint|local|$share)$ ]] ||
		fail "no such configuration"
	[ "$policy" = "$1" ] || percent=${1#*@}
	case $kind in
	footprint | static | auto | buddy | record) backing=dmem ;;
	local) backing=plain ;;
	*) backing=$kind ;;
	esac
}

end_config() {
	local status=$?
	trap - EXIT
	[ -z "$qemu" ] || ! alive || kill -KILL "$qemu"
	[ -z "$qemu" ] || wait "$qemu" 2>/dev/null || true
	cp "$fast/console.log" "$out/$config.console.log" || status=1
	cp "$fast/result.jsonl" "$out/$config.jsonl" || status=1
	"${backing}_stop" || status=1
	exit "$status"
}

run_config() {
	local name started
	: >"$fast/result.jsonl"
	read_first
	trap end_config EXIT
	"${backing}_start"
	started=$SECONDS
	start_guest
	expect boot
	say "the guest is up after $((SECONDS - started)) s"
	for name in "${workloads[@]}"; do
		run_workload "$name"
	done
	tell end
	expect bye
	stop_guest
	[ "$bad" -eq 0 ] || exit 1
}

claimed() {
	[ -z "$claim" ] || mkdir "$out/$1.claimed" 2>/dev/null
}

while [ $# -gt 0 ]; do
	case $1 in
	--scale) scale=$2; shift 2 ;;
	--memory) memory_mib=$2; shift 2 ;;
	--guest) guest=$2; shift 2 ;;
	--workloads) IFS=, read -r -a workloads <<<"$2"; shift 2 ;;
	--claim) claim=yes; shift ;;
	*) break ;;
	esac
done
[ $# -ge 2 ] || fail "usage: macro-inside.sh [OPTION...] OUTDIR CONFIG..."
out=$1
shift

failed=0
prepare_host
for wanted in "$@"; do
	claimed "$wanted" || continue
	# Not in a condition: errors inside would be ignored.
	set +e
	(
		set -eE
		trap 'say "FAILED: line $LINENO: $BASH_COMMAND"' ERR
		parse_config "$wanted"
		run_config
	)
	status=$?
	set -e
	[ "$status" -eq 0 ] || failed=1
done
exit "$failed"
