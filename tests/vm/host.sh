#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boots the host kernel under virtme-ng and runs a command in it as root, with the checkout in
# view and out/ writable. Usage:
#   host.sh [--kernel FILE_OR_FOLDER] [--cpus N] [--memory SIZE | --nodes GIB] [--timeout S]
#     [--log FILE] [--icount] [--link server|client:SOCKET:NUMBER]... [--pidfile FILE] -- COMMAND...
# With --nodes each CPU is a NUMA node of its own with so much memory.
# With --icount there is one CPU and time counts its instructions: 1 instruction is 1 ns.
# Each --link is an Ethernet link to another such host, through a socket of that path: one of both
# is its server, and the client waits for it. The interface has the address 52:54:00:64:6d:NUMBER
# with the server and 52:54:00:64:6e:NUMBER with the client.
# --pidfile is where QEMU's process id goes: to kill a whole host.
# DMEM_DEBUG boots the kernel of tools/debug-kernel.sh, with the module that was built for it in
# out/debug, more time for everything, and a look at what it knows at the end. It watches
# allocations (leaks: kmemleak) or timers, work items and RCU heads (objects: DEBUG_OBJECTS): both
# at once, it is too slow to be booted. With kcsan it is the kernel that looks for data races.
# DMEM_KERNEL is another --kernel; newest: that which tools/kmod-newest.sh has built the module for.
# Exit status: the command's (0...123), 124 time over, 125 the host kernel complained or died,
# 126 it did not boot. What the command prints comes out here, the console goes to the log.
# Nothing is ever tried twice.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tools/cache.sh"

kernel=${DMEM_KERNEL:-} modules=''
debug=${DMEM_DEBUG:-}
cpus=2 memory=3G nodes= limit=300 log= icount= pidfile= links=()
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2; shift 2 ;;
	--cpus) cpus=$2; shift 2 ;;
	--memory) memory=$2; shift 2 ;;
	--nodes) nodes=$2; shift 2 ;;
	--timeout) limit=$2; shift 2 ;;
	# It is opened after cd, below.
	--log) log=$(realpath -m "$2"); shift 2 ;;
	--link) links+=("$2"); shift 2 ;;
	--pidfile) pidfile=$2; shift 2 ;;
	--icount) icount=",sleep=off" cpus=1; shift ;;
	--) shift; break ;;
	*) echo "host.sh: unknown option $1" >&2; exit 2 ;;
	esac
done
case $top in
*[[:space:]]*) echo "host.sh: the checkout's path has a blank in it: $top" >&2; exit 126 ;;
esac

# What of the limit is the command's. slow: how many times longer everything takes, for the tests'
# own limits. The debug kernel alone takes minutes to boot, and to look for leaks at the end. Left
# out there: mitigations, which would be emulated at great length, and udev's rules, but for one:
# it is given two minutes for all devices.
slow=1 share=$((limit > 45 ? limit - 30 : limit)) debugging=()
if [ -n "$debug" ]; then
	kernel=$DMEM_CACHE/debug-kernel slow=4
	share=$((limit * slow)) limit=$((limit * slow + 900)) modules=out/debug/core-kmod
	case $debug in
	leaks) off=no_debug_objects ;;
	objects) off=kmemleak=off ;;
	kcsan) off='' kernel=$DMEM_CACHE/kcsan-kernel ;;
	*) echo "host.sh: DMEM_DEBUG=$debug: not leaks, objects or kcsan" >&2; exit 2 ;;
	esac
	debugging=(${off:+--append "$off"} --append mitigations=off
		--rodir "/usr/lib/udev/rules.d=$top/tests/vm/udev")
fi
if [ "$kernel" = newest ]; then
	kernel=$(printf '%s\n' "$DMEM_CACHE"/newest/boot/vmlinuz-* | sort -V | tail -n 1)
	modules=$DMEM_CACHE/newest/dmem
fi
kernel=${kernel:-/boot/vmlinuz-$("$top/tools/kver.sh")}

mkdir -p "$top/out"
work=$(mktemp -d "$top/out/host.XXXXXX")
log=${log:-$work/console.log}

# Hardware only where it can run a stock kernel: DESIGN.md, facts 1 and 2.
if [ -z "$icount" ] && grep -Eqw 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ]; then
	machine=(--cpus "$cpus")
else
	machine=(--disable-kvm --disable-microvm --cpus "$cpus" --qemu "$top/tools/qemu.sh"
		--qemu-opts="-cpu EPYC-v4${icount:+ -icount shift=0$icount}")
fi

numa=()
if [ -n "$nodes" ]; then
	memory=$((cpus * nodes))G
	for ((cpu = 0; cpu < cpus; cpu++)); do
		numa+=(--numa "${nodes}G,cpus=$cpu")
	done
	# Each in a socket of its own: a kernel warns of one that is in two nodes.
	machine+=("--qemu-opts=-smp $cpus,sockets=$cpus,cores=1,threads=1")
fi

# Frames of 4096 bytes of RDMA's payload and their headers.
for link in "${links[@]}"; do
	IFS=: read -r role socket link_number <<<"$link"
	if [ "$role" = server ]; then
		role=server=on mac=52:54:00:64:6d
	else
		role=server=off,reconnect-ms=1000 mac=52:54:00:64:6e
	fi
	machine+=("--qemu-opts=-netdev stream,id=link$link_number,$role,addr.type=unix,addr.path=$socket")
	machine+=("--qemu-opts=-device virtio-net-pci,netdev=link$link_number,host_mtu=4200,mac=$mac:$(
		printf %02x "$link_number")")
done
[ -z "$pidfile" ] || machine+=("--qemu-opts=-pidfile $pidfile")

{
	echo "export DMEM_CACHE=$(printf %q "$DMEM_CACHE") DMEM_TOP=$(printf %q "$top")"
	echo "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root"
	echo "export DMEM_SLOW=$slow DMEM_DEBUG=$debug"
	echo "cd $(printf %q "$top")"
	# Nobody in there sees the ordinary kernel's module.
	[ -z "$modules" ] || echo "mount --bind $(printf %q "$modules") core-kmod"
	echo "echo booted >$(printf %q "$work/booted")"
	# One that is held spares an emulated host patches of its scheduler: docs/testing.md.
	[ -n "$icount" ] || [ ! -x "$top/out/hold-kvm" ] ||
		echo "{ modprobe kvm_amd || modprobe kvm_intel; } 2>/dev/null;" \
			"out/hold-kvm & echo \$! >/run/hold-kvm.pid"
	echo "timeout -k 5 $share $(printf '%q ' "$@") 2>&1"
	echo "echo \$? >$(printf %q "$work/status")"
	[ -z "$debug" ] ||
		echo "sh tests/vm/aftermath.sh $debug >$(printf %q "$work/aftermath") 2>&1"
	echo "dmesg -r >$(printf %q "$work/dmesg") 2>&1 || true"
} >"$work/run"

# From the root: vng takes the writable folder's path for one that begins there. Through cat: it
# opens its standard output anew, which would empty a file.
boot=0
cd /
timeout -k 10 "$limit" vng -r "$kernel" --user root --memory "$memory" \
	--rwdir "$top/out" -v "${debugging[@]}" "${machine[@]}" "${numa[@]}" \
	-- sh "$work/run" </dev/null 2>"$log" | cat || boot=$?

# What a kernel says when something is wrong with it.
bad='BUG: |Oops|WARNING: (CPU|possible|suspicious|inconsistent|bad|held|Nested|still)|KASAN: '
bad+='|Kernel panic|INFO: task .* blocked|rcu.*detected.*stall|soft lockup|LOCKUP|refcount_t:'
bad+='|general protection fault|unable to handle|sleeping function called|ODEBUG: |DMA-API: .*error'
# A kernel with KCSAN finds races of its own: only what has to do with the module counts.
said() {
	{ cat "$log" "$work/dmesg" 2>/dev/null || true; } |
		if [ "$debug" = kcsan ]; then awk -f "$top/tests/vm/kcsan.awk"; else cat; fi
}
complaint=$(said | grep -aEm 3 "$bad" || true)
aftermath=$(cat "$work/aftermath" 2>/dev/null || true)
if [ ! -e "$work/booted" ]; then
	status=126 say="the host kernel did not boot"
elif [ -n "$complaint" ]; then
	status=125 say="the host kernel complained: $complaint"
elif [ -n "$aftermath" ]; then
	status=125 say="what the host kernel found: $aftermath"
elif [ ! -e "$work/status" ]; then
	status=125 say="the host kernel died"
	[ "$boot" -eq 124 ] || [ "$boot" -eq 137 ] && status=124 say="time over: $limit s, the host hung"
elif [ -n "$debug" ] && [ ! -e "$work/dmesg" ]; then
	status=125 say="the look at what the host kernel found did not end in $limit s"
else
	status=$(cat "$work/status") say=
	[ "$status" -ne 137 ] || status=124
	[ "$status" -ne 124 ] || say="time over: the command took more than its share, $share s"
fi
# The reason last, and without the frames that the kernel doubts: who reads may see but the end.
if [ -n "$say" ]; then
	echo "host.sh: of $log:" >&2
	{ said | grep -aE -A 60 -m 1 "$bad" || tail -n 40 "$log"; } | grep -av '\]  ? ' >&2 || true
	echo "host.sh: $say" >&2
fi
case $log in
"$work"/*) [ "$status" -ne 0 ] || rm -rf "$work" ;;
*) rm -rf "$work" ;;
esac
exit "$status"
