#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The main job: a real guest under KVM on dmem memory in an emulated host, with progress, a table
# and out/demo.json at the end. Everything is built already. Usage: demo.sh [--short]
# Exit status 0 only if the guest finished, its data is right, remote memory was used, the
# kernel log is clean and the core used a decision of the tuner.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
demo=$top/out/demo
start=$SECONDS

# The guest uses about 110 MiB beside the pattern; half of the sum stays on the host.
pattern_mib=176 requests=100000 direct_mib=144
if [ "${1:-}" = --short ]; then
	pattern_mib=96 requests=20000 direct_mib=80
fi

rm -rf "$demo" "$top/out/demo.json"
mkdir -p "$demo"
echo "demo: booting the host kernel $("$top/tools/kver.sh") (log: out/demo/host.log)"
status=0
"$top/tests/vm/host.sh" --memory 2G --timeout 540 --log "$demo/host.log" -- \
	"$top/tests/demo/inside.sh" "$pattern_mib" "$requests" "$direct_mib" || status=$?

clean=yes verified=no
[ "$status" -ne 125 ] && [ "$status" -ne 126 ] || clean=no
[ ! -e "$demo/verified" ] || verified=yes
decisions=$(grep -c ' region .*: order ' "$demo/tuner.log" 2>/dev/null || true)
"$top/out/demo-report" finish "$demo/figures.json" "$top/out/demo.json" "${decisions:-0}" \
	"$verified" "$clean" $((SECONDS - start))
if [ "$status" -ne 0 ]; then
	echo "demo: failed: the host ended with status $status" >&2
	exit 1
fi
if [ -s "$demo/dmemtop.txt" ]; then
	echo "dmemtop's last frame:"
	cat "$demo/dmemtop.txt"
fi
echo "demo: done; the figures are in out/demo.json"
