#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The main job: a real guest under KVM on dmem memory in an emulated host, with progress, a table
# and out/demo.json at the end. Everything is built already. Usage: demo.sh [--short] [--rdma]
# With --rdma remote memory is on two donors, emulated hosts of their own joined to the guest's by
# links, and one of them is killed, as by a power cut, while the guest verifies its data.
# Exit status 0 only if the guest finished, its data is right, remote memory was used, the
# kernel log is clean and the core used a decision of the tuner.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
demo=$top/out/demo
start=$SECONDS

# The guest uses about 110 MiB beside the pattern; half of the sum stays on the host.
pattern_mib=176 requests=100000 direct_mib=144 donors=local limit=540 guest_limit=420
while [ $# -gt 0 ]; do
	case $1 in
	--short) pattern_mib=96 requests=20000 direct_mib=80 ;;
	# Three emulators share the machine's CPUs.
	--rdma) donors=rdma limit=2400 guest_limit=1500 ;;
	*) echo "demo.sh: unknown option $1" >&2; exit 2 ;;
	esac
	shift
done

rm -rf "$demo" "$top/out/demo.json"
mkdir -p "$demo"
links=() helpers=()

# Paths of sockets are short.
sockets=$(mktemp -d /tmp/dmem-demo.XXXXXX)
clean_up() {
	touch "$demo/over"
	[ ${#helpers[@]} -eq 0 ] || wait "${helpers[@]}" 2>/dev/null || true
	rm -rf "$sockets"
}
trap clean_up EXIT

# A donor's machine, until the demo is over. That it has ended is left to be seen.
donor_host() {
	"$top/tests/vm/host.sh" --cpus 1 --memory 1G --timeout "$limit" \
		--link "client:$sockets/$1:$1" --pidfile "$demo/donor-$1.pid" \
		--log "$demo/donor-$1.log" -- "$top/tests/vm/donor.sh" "$demo" "$1" \
		>"$demo/donor-$1.out" 2>&1 || :
	touch "$demo/donor-$1.ended"
}

start_donors() {
	local i
	(umask 077 && od -An -vtx1 -N32 /dev/urandom | tr -d ' \n' >"$demo/key")
	for i in 1 2; do
		links+=(--link "server:$sockets/$i:$i")
		donor_host "$i" &
		helpers+=($!)
	done
}

# wait_for COMMAND...: until it succeeds. False: the demo is over.
wait_for() {
	until "$@"; do
		[ ! -e "$demo/over" ] || return 1
		sleep 1
	done
}

# Donor 2's machine loses power while the guest reads its data back. Before, the host is told to
# forget what held fetches up until then.
kill_donor() {
	wait_for grep -aqs 'phase verify' "$demo/guest.log" || return 0
	touch "$demo/kill-next"
	wait_for test -e "$demo/watched" || return 0
	kill -KILL "$(cat "$demo/donor-2.pid")"
	touch "$demo/killed"
	echo "demo: the machine of donor 2 is killed"
}

if [ "$donors" = rdma ]; then
	start_donors
	kill_donor &
	helpers+=($!)
fi
echo "demo: booting the host kernel $("$top/tools/kver.sh") (log: out/demo/host.log)"
status=0
"$top/tests/vm/host.sh" --memory 2G --timeout "$limit" --log "$demo/host.log" "${links[@]}" -- \
	"$top/tests/demo/inside.sh" "$donors" "$pattern_mib" "$requests" "$direct_mib" \
	"$guest_limit" || status=$?
touch "$demo/over"

clean=yes verified=no
[ "$status" -ne 125 ] && [ "$status" -ne 126 ] || clean=no
[ ! -e "$demo/verified" ] || verified=yes
killed=
if [ "$donors" = rdma ]; then
	[ -e "$demo/killed" ] || {
		echo "demo: failed: donor 2 was not killed" >&2
		exit 1
	}
	killed=yes
fi
decisions=$(grep -c ' region .*: order ' "$demo/tuner.log" 2>/dev/null || true)
"$top/out/demo-report" finish "$demo/figures.json" "$top/out/demo.json" "${decisions:-0}" \
	"$verified" "$clean" $((SECONDS - start)) ${killed:+"$(cat "$demo/held-up-ms")"}
if [ "$status" -ne 0 ]; then
	echo "demo: failed: the host ended with status $status" >&2
	exit 1
fi
if [ -s "$demo/dmemtop.txt" ]; then
	echo "dmemtop's last frame:"
	cat "$demo/dmemtop.txt"
fi
echo "demo: done; the figures are in out/demo.json"
