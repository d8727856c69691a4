# SPDX-License-Identifier: GPL-2.0
# What the tests of dmemctl share; sourced, in the checkout, by a shell in a host as root with the
# module loaded. Pools are mounted below /run/dmem-ctl alone.
# shellcheck shell=sh disable=SC2034

top=/run/dmem-ctl
pool=$top/pool
work=$top/work
ctl=$PWD/out/dmemctl
number=0
failed=0

# A test is a function, run in a shell of its own; these end it.
no() {
	echo "$*" | tr '\n' '|' >"$work/why"
	exit 1
}

# ctl STATUS ARG...: dmemctl must end with this status; its output is in $work/out and $work/err.
ctl() {
	want=$1
	shift
	status=0
	"$ctl" "$@" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" -eq "$want" ] ||
		no "dmemctl $*: status $status, not $want: $(cat "$work/err" "$work/out")"
	[ "$status" -eq 0 ] || [ -s "$work/err" ] || no "dmemctl $*: failed without a word"
	[ "$status" -ne 0 ] || [ ! -s "$work/err" ] || no "dmemctl $*: $(cat "$work/err")"
}

# said MESSAGE ARG...: the one line on stderr of dmemctl ARG...
said() {
	line='' more=''
	{
		IFS= read -r line
		IFS= read -r more
	} <"$work/err"
	[ "$line$more" = "$1" ] || no "dmemctl $*: said '$(cat "$work/err")'"
}

# refused STATUS MESSAGE ARG...: dmemctl must say exactly this, and nothing else.
refused() {
	want_status=$1 message="dmemctl: $2"
	shift 2
	ctl "$want_status" "$@"
	said "$message" "$@"
	[ ! -s "$work/out" ] || no "dmemctl $*: printed $(cat "$work/out")"
}

# json EXPRESSION...: the output is JSON, d, of which each of these Python expressions is true.
json() {
	python3 -IS -c '
import json, os, sys
d = json.load(open(sys.argv[1], encoding="utf-8"))
for expression in sys.argv[2:]:
    if not eval("(" + expression + ")"):
        sys.exit("not so: " + expression)' "$work/out" "$@" 2>"$work/python" ||
		no "$(tail -n 1 "$work/python") in $(cat "$work/out")"
}

# printed PATTERN: a line of the output is this basic regular expression.
printed() {
	grep -qx -- "$1" "$work/out" || no "no line '$1' in: $(cat "$work/out")"
}

new_pool() {
	mkdir -p "$pool"
	ctl 0 mount "$pool" -o "${1:-donor=local:64M}"
}

# Bytes of the pool that files have reserved.
is_reserved() {
	reserved=$(($(stat -f -c '(%b - %f) * %S' "$pool")))
	[ "$reserved" -eq "$1" ] || no "$reserved bytes are reserved, not $1"
}

is_empty() {
	[ -z "$(ls -A "$pool")" ] || no "left behind: $(ls -A "$pool")"
	is_reserved 0
}

no_pool() {
	! grep -q " $top" /proc/self/mountinfo || no "still mounted: $(grep " $top" /proc/mounts)"
}

# touch_memory FILE BYTES: write one byte to each page.
touch_memory() {
	python3 -c '
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
with mmap.mmap(fd, int(sys.argv[2])) as m:
    for at in range(0, len(m), 4096):
        m[at] = 1' "$1" "$2" || no "cannot touch $1"
}

# What a test has left must not reach the next one.
clean_up() {
	sed -n "s|^[^ ]* \(${top}[^ ]*\) .*|\1|p" /proc/mounts | tac | while read -r mounted; do
		umount "$(printf '%b' "$(echo "$mounted" | sed 's/\\\([0-7]\)/\\0\1/g')")"
	done
	rm -rf "$top"
	mkdir -p "$work"
}

run_test() {
	number=$((number + 1))
	clean_up
	start=$(cut -d ' ' -f 1 /proc/uptime)
	if ("test_$1"); then
		result=ok why=
	else
		result='not ok' why=" # $(cat "$work/why" 2>&1)"
		failed=$((failed + 1))
	fi
	echo "# $1: $(cut -d ' ' -f 1 /proc/uptime | awk "{ print \$1 - $start }") s"
	echo "$result $number $1$why"
}

# run_tests NAME...: each test_NAME, as TAP; the status is 0 if all are well.
run_tests() {
	for name; do
		run_test "$name"
	done
	clean_up
	rm -rf "$top"
	echo "1..$number"
	[ "$failed" -eq 0 ]
}
