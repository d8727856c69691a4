#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boots the test guest under KVM and judges it by its console. Runs inside a host (host.sh). Usage:
#   run.sh --memory SIZE_MIB --backing FILE_OR_DIR|memfd --log FILE [--disturb clear_refs]
#     [--vcpus N] [--work LIST] [--pattern-bytes N] [--redis-keys N] [--redis-requests N]
#     [--timeout S] [--initrd FILE] [--kernel FILE] [--pidfile FILE] [--balloon on|reporting]
# With --balloon the guest has one, steered by lines written to LOG.monitor.in (QEMU's monitor).
# Exit status: 0 the guest said PASS and QEMU ended well, 1 it did not (why: stderr), 2 usage, 3 its
# machine was reset without a word, as an emulator's fault may have it (docs/testing.md).
set -euo pipefail
top=${DMEM_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}

memory='' backing='' log='' disturb='' vcpus=1 limit=120 pidfile='' balloon=''
initrd=$top/out/guest.cpio.gz
kernel=/boot/vmlinuz-$(uname -r)
# A debug kernel as the host is not in /boot: the guest is a stock one then.
[ -e "$kernel" ] || kernel=/boot/vmlinuz-$("$top/tools/kver.sh")
append="console=ttyS0 quiet panic=-1 reboot=t"

misuse() {
	echo "run.sh: $*" >&2
	exit 2
}
while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || misuse "unknown option, or one without its value: $1"
	case $1 in
	--memory) memory=$2 ;;
	--backing) backing=$2 ;;
	--log) log=$2 ;;
	--disturb) disturb=$2 ;;
	--vcpus) vcpus=$2 ;;
	--work) append+=" dmem.work=$2" ;;
	--pattern-bytes) append+=" dmem.pattern_bytes=$2" ;;
	--redis-keys) append+=" dmem.redis_keys=$2" ;;
	--redis-requests) append+=" dmem.redis_requests=$2" ;;
	--timeout) limit=$2 ;;
	--initrd) initrd=$2 ;;
	--kernel) kernel=$2 ;;
	--pidfile) pidfile=$2 ;;
	--balloon) balloon=$2 ;;
	*) misuse "unknown option $1" ;;
	esac
	shift 2
done
[[ $memory =~ ^[1-9][0-9]*$ ]] || misuse "--memory needs a number of MiB"
[[ $limit =~ ^[1-9][0-9]*$ ]] || misuse "--timeout needs a number of seconds"
limit=$((limit * ${DMEM_SLOW:-1}))
[ -n "$backing" ] || misuse "--backing is needed"
[ -n "$log" ] || misuse "--log is needed"
[ -z "$disturb" ] || [ "$disturb" = clear_refs ] || misuse "no such disturbance: $disturb"

# Where errors go, also from functions that are silent.
exec 3>&2
qemu=
alive() {
	kill -0 "$qemu" 2>/dev/null
}

# Kills QEMU and waits for its end, though not for ever: its memory may be what hangs.
stop() {
	local tries=50
	while alive && [ "$tries" -gt 0 ]; do
		kill -KILL "$qemu" || true
		tries=$((tries - 1))
		sleep 0.2
	done
	! alive
} 2>/dev/null

cleanup() {
	[ -z "$qemu" ] || stop || echo "run.sh: QEMU, process $qemu, cannot be killed" >&3
	[ -z "$pidfile" ] || rm -f "$pidfile"
}
fail() {
	echo "run.sh: $*" >&3
	[ ! -s "$log" ] || tail -n 20 "$log" | tr -d '\r' >&3
	exit "${code:-1}"
}
trap cleanup EXIT
trap 'fail "interrupted"' INT TERM HUP

: >"$log"
[ -r "$kernel" ] || fail "no kernel image $kernel"
[ -r "$initrd" ] || fail "no initramfs $initrd: tests/guest/mkinitramfs.sh makes it"
if [ ! -e /dev/kvm ]; then
	modprobe kvm_amd 2>/dev/null || modprobe kvm_intel 2>/dev/null || true
	[ -e /dev/kvm ] || fail "no /dev/kvm: neither kvm_amd nor kvm_intel loads"
fi

# In QEMU's options a comma is written twice.
case $backing in
memfd) object=memory-backend-memfd,id=mem,size=${memory}M,share=on ;;
*) object=memory-backend-file,id=mem,size=${memory}M,mem-path=${backing//,/,,},share=on ;;
esac
devices=()
case $balloon in
'') ;;
on | reporting)
	rm -f "$log.monitor.in" "$log.monitor.out"
	mkfifo "$log.monitor.in" "$log.monitor.out"
	devices=(-chardev "pipe,id=monitor,path=${log//,/,,}.monitor" -mon chardev=monitor
		-device "virtio-balloon-pci,free-page-reporting=$(
			[ "$balloon" = reporting ] && echo on || echo off)")
	;;
*) fail "no such balloon: $balloon" ;;
esac
"$top/tools/qemu.sh" -machine q35,accel=kvm,memory-backend=mem -object "$object" \
	-cpu host -m "$memory" -smp "$vcpus" -nodefaults -no-reboot -display none \
	-chardev "file,id=console,path=${log//,/,,},append=on" -serial chardev:console \
	-kernel "$kernel" -initrd "$initrd" -append "$append" "${devices[@]}" \
	</dev/null >>"$log" 2>&1 3>&- &
qemu=$!
if [ -n "$pidfile" ]; then
	echo "$qemu" >"$pidfile.new"
	mv -f "$pidfile.new" "$pidfile"
fi

# Silent, because bash would comment on a killed QEMU at length.
disturbed=0
watch() {
	local end=$((SECONDS + limit))
	while alive; do
		[ "$SECONDS" -lt "$end" ] || return 1
		if [ -n "$disturb" ] && echo 4 >"/proc/$qemu/clear_refs"; then
			disturbed=$((disturbed + 1))
		fi
		sleep 0.2
	done
} 2>/dev/null

timed_out='' status=0
watch || timed_out=1
last=$(grep -a 'dmem-guest: ' "$log" | tail -n 1 | tr -d '\r') || last=nothing
[ -z "$timed_out" ] || fail "timed out after $limit s; the last word: $last"
wait "$qemu" || status=$?
qemu=
[ "$status" -eq 0 ] || fail "died early: QEMU ended with status $status; the last word: $last"
! grep -aq 'dmem-guest: FAIL' "$log" || fail "the guest said FAIL"
grep -aq 'dmem-guest: PASS' "$log" || {
	# With panic=-1 a panic is a reset, too, but not a silent one.
	grep -aq 'Kernel panic' "$log" || code=3
	fail "died early: no PASS; the last word: $last"
}
[ -z "$disturb" ] || [ "$disturbed" -gt 0 ] || fail "nothing was disturbed: clear_refs refused"
