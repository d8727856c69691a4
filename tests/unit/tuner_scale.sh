#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What dmem-tuner costs on a plane of made-up maps (tests/top/plane.c) with 64 VMs and a million
# regions. Prints TAP; wants root and BPF maps, and says so where there are none.
set -u
cd "$(dirname "$0")/../.." || exit 1
plane=$PWD/out/top-plane
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
most_kib=$((200 << 10)) most_percent=1 steady_s=20 regions=1000000

# Runs in the plane's namespace: until all regions are known, and then as long as is measured.
cat >"$work/inside" <<'END'
out/dmem-tuner --mode auto >"$1/log" 2>&1 &
tuner=$!
ticks() {
	sed 's/.*) //' "/proc/$tuner/stat" | cut -d ' ' -f 12,13 | tr ' ' +
}
tries=1200
until grep -q 'has looked at all regions' "$1/log"; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] && kill -0 "$tuner" || break
	sleep 0.1
done
before=$(($(ticks)))
sleep "$2"
echo "ticks $(($(ticks) - before)) before $before" >"$1/result"
sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/kib \1/p' "/proc/$tuner/status" >>"$1/result"
kill -INT "$tuner"
wait "$tuner"
END

result() {
	if [ "$1" -lt "$2" ]; then
		echo "ok $3"
	else
		echo "not ok $3 # $1, not less than $2"
		status=1
	fi
}

echo 1..2
if ! "$plane" 1 1 true >"$work/out" 2>&1; then
	reason=$(tr '\n' ' ' <"$work/out")
	echo "ok 1 - memory # SKIP $reason"
	echo "ok 2 - steady state # SKIP $reason"
	exit 0
fi
status=0
"$plane" 64 "$regions" sh "$work/inside" "$work" "$steady_s" >"$work/out" 2>&1
if ! grep -q '^dmem-tuner: ending after' "$work/log" || ! grep -q 'has looked' "$work/log"; then
	echo "Bail out! dmem-tuner: $(cat "$work/log" "$work/out" | tr '\n' ' ')"
	exit 1
fi
read -r kib < <(sed -n 's/^kib //p' "$work/result")
read -r ticks before < <(sed -n 's/^ticks \([0-9]*\) before \([0-9]*\)$/\1 \2/p' "$work/result")
hz=$(getconf CLK_TCK)
echo "# $kib KiB; $((before * 1000 / hz)) ms of a CPU until all were known," \
	"$((ticks * 1000 / hz)) ms in $steady_s s after that"
result "$kib" "$most_kib" "1 - memory"
result "$ticks" $((steady_s * hz * most_percent / 100)) "2 - steady state"
exit $status
