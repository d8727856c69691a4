#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs the tests and adds up their TAP. Unit tests run here, selftests in an emulated host: one
# boot runs all of them, guests and the long stress test have boots of their own. Usage:
#   run.sh [SUITE...], of: unit style static selftests numa guest, and where asked for hosts stress
#   newest
# DMEM_DEBUG boots the debug kernel instead (host.sh), STRESS_S says how long stress runs. A boot
# that hangs or whose kernel complains is a failed test with its log shown; nothing is tried
# twice. The last line is `N passed, N failed, N skipped`.
set -uo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
results=$top/out/results
passed=0 failed=0 skipped=0

rm -rf "$results"
mkdir -p "$results"
cd "$top" || exit 1

# count_tap FILE NAME STATUS: every result once; a plan that is missing or not kept is a failure.
count_tap() {
	local file=$1 name=$2 status=$3 ok not_ok skips planned

	skips=$(grep -aciE '^ok .*# skip' "$file")
	ok=$(($(grep -ac '^ok ' "$file") - skips))
	not_ok=$(grep -ac '^not ok ' "$file")
	planned=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$file" | awk '{ n += $1 } END { print n + 0 }')
	passed=$((passed + ok)) failed=$((failed + not_ok)) skipped=$((skipped + skips))
	if [ $((ok + not_ok + skips)) -ne "$planned" ] || [ "$planned" -eq 0 ]; then
		echo "not ok - $name: $((ok + not_ok + skips)) results, $planned planned"
		failed=$((failed + 1))
	elif [ "$status" -ne 0 ] && [ "$not_ok" -eq 0 ]; then
		echo "not ok - $name: ended with status $status"
		failed=$((failed + 1))
	fi
}

# run NAME COMMAND...: a command that prints TAP.
run() {
	local name=$1 status=0
	shift
	echo "# $name"
	"$@" </dev/null 2>"$results/$name.err" | tee "$results/$name.tap" || status=$?
	[ "$status" -eq 0 ] || tail -n 70 "$results/$name.err" | sed 's/^/# /'
	count_tap "$results/$name.tap" "$name" "$status"
}

suite_unit() {
	local test
	for test in out/unit/* tests/unit/*.sh; do
		[ -x "$test" ] && [ -f "$test" ] && run "unit-${test##*/}" "$test"
	done
}

suite_style() {
	run style tests/style.sh
	run man tests/man.sh
}

suite_static() {
	run static tests/static.sh
}

suite_newest() {
	run newest tests/static.sh newest
}

# The boots inherit the time that their tests need on a slow machine, not on an idle one.
suite_selftests() {
	run selftests tests/vm/host.sh --timeout 3000 --memory 3G \
		--log "$results/selftests.log" -- tests/selftests.sh
}

suite_numa() {
	run numa tests/vm/host.sh --cpus 2 --nodes 1 --timeout 600 \
		--log "$results/numa.log" -- tests/selftests.sh out/numa/tests/*
}

suite_guest() {
	run guest tests/vm/host.sh --timeout 2400 --memory 3G \
		--log "$results/guest.log" -- tests/guest/tests.sh
}

# Two hosts, of which one donates.
suite_hosts() {
	run hosts tests/hosts.sh "$results"
}

# Its seed is printed; the time beside its own is for the boot and the verification at the end.
suite_stress() {
	local stress_s=${STRESS_S:-600}
	run stress tests/vm/host.sh --timeout $((stress_s + 300)) --memory 3G \
		--log "$results/stress.log" -- tests/stress/inside.sh --seconds "$stress_s" \
		${STRESS_SEED:+--seed "$STRESS_SEED"}
}

[ $# -gt 0 ] || set -- unit style static selftests numa guest
for suite in "$@"; do
	case $suite in
	unit | style | static | newest | selftests | numa | guest | hosts | stress) "suite_$suite" ;;
	*)
		echo "run.sh: no such suite: $suite" >&2
		exit 2
		;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
