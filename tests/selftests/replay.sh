#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# dmem-tuner record on live VM memory and replay of what it wrote: the recording's figures are the
# core's to the page, so are the replay's at the order in force, and policies come out of a replay
# in the order in which they come out live. Runs inside a host (tests/vm/host.sh) as root with the
# module loaded and no plane; prints TAP. Pools are mounted below /run/dmem-ctl alone.
# Usage: replay.sh [TEST...]
set -u
cd "${DMEM_TOP:-.}" || exit 1
. tests/dmemctl-lib.sh

tuner=$PWD/out/dmem-tuner
# 32 MiB on a slow link, so that waits and not the emulated host decide: 1 ms, 50 us a page.
pages=8192
link=1000000,50000

new_vm() {
	new_pool donor=local:64M,latency_ns=${link%,*},ns_per_page=${link#*,}
	ctl 0 create "$pool/vm" --size 32M --direct 8M
	# Not from one byte: all of it would be zero, and come from nowhere.
	touch_pages sequence write
	forget_pages
}

# All of it is with the donor, and nothing is known of it.
forget_pages() {
	# A page that another looks at stays for once.
	for _ in 1 2 3 4; do
		ctl 0 flush "$pool/vm" --json
		grep -q '"kept_pages": 0,*$' "$work/out" && return
	done
	no "pages stay: $(cat "$work/out")"
}

# touch_pages PATTERN read|write: as a guest would; the seconds it takes go to $work/seconds.
touch_pages() {
	python3 -IS -c '
import mmap, os, sys, time
path, pattern, how, pages = sys.argv[1:4] + [int(sys.argv[4])]
fd = os.open(path, os.O_RDWR)
if pattern == "sequence":
    wanted = range(pages)
else:
    # One page of each 16, in an order of its own, four times.
    wanted = [i * 241 % (pages // 16) * 16 for i in range(pages // 16)] * 4
with mmap.mmap(fd, pages * 4096) as m:
    start = time.monotonic()
    for page in wanted:
        if how == "write":
            m[page * 4096] = 1 + page % 255
        elif m[page * 4096] != 1 + page % 255:
            sys.exit(f"page {page} is wrong")
    print(time.monotonic() - start)' "$pool/vm" "$1" "$2" $pages >"$work/seconds" 2>"$work/python" ||
		no "touching $pool/vm: $(tail -n 1 "$work/python")"
}

# The core's figures go to $work/NAME.
show() {
	"$ctl" show "$pool/vm" --json >"$work/$1" || no "cannot show $pool/vm"
}

# record NAME COMMAND...: the command runs while $work/NAME.rec is recorded; figures around it.
record() {
	name=$1
	shift
	show "$name.before"
	"$tuner" record --vm vm "$work/$name.rec" >"$work/record" 2>"$work/record.err" &
	recorder=$!
	tries=$((300 * ${DMEM_SLOW:-1}))
	until grep -q '^dmem-tuner: recording to' "$work/record"; do
		kill -0 "$recorder" || no "record: $(cat "$work/record.err")"
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || no "record does not begin"
		sleep 0.1
	done
	"$@"
	kill -s INT "$recorder"
	wait "$recorder" || no "record: $(cat "$work/record.err")"
	[ ! -s "$work/record.err" ] || no "record: $(cat "$work/record.err")"
	grep -q ' 0 lost$' "$work/record" || no "record: $(cat "$work/record")"
	show "$name.after"
}

# replay NAME OPTION...: JSON to $work/out, without a complaint.
replay() {
	name=$1
	shift
	"$tuner" replay --json --link $link "$@" "$work/$name.rec" >"$work/out" 2>"$work/err" ||
		no "replay: $(cat "$work/err")"
	[ ! -s "$work/err" ] || no "replay: $(cat "$work/err")"
}

# same NAME POLICY KEY...: figures of the replay are what the core has counted meanwhile; with a
# POLICY of "" those that the recording has seen itself. A KEY~ may differ by one in sixteen.
same() {
	python3 -IS -c '
import json, sys
work, name, policy, keys = *sys.argv[1:4], sys.argv[4:]
before, after = (json.load(open(f"{work}/{name}.{when}")) for when in ("before", "after"))
run = json.load(open(f"{work}/out"))["runs"][0]
figures = run["policies"][policy] if policy else run["recorded"]
def core(key):
    if key == "fetches":
        return sum(after[key]) - sum(before[key])
    return after[key] - before[key]
def slack(key):
    return core(key[:-1]) / 16 if key[-1] == "~" else 0
names = [(key.rstrip("~"), slack(key)) for key in keys]
wrong = [f"{key} {figures[key]}, core {core(key)}" for key, slack in names
         if abs(figures[key] - core(key)) > slack]
if wrong:
    sys.exit((policy or "recorded") + ": " + ", ".join(wrong))' "$work" "$@" 2>"$work/python" ||
		no "$(tail -n 1 "$work/python") in $(cat "$work/out")"
}

everything="fetches fetched_pages prefetched_pages prefetched_used_pages prefetched_unused_pages
	evicted_pages soft_faults zero_fills"

# What the recording saw is what the core counted; a replay at the order in force fetches the same.
test_counts() {
	new_vm
	for order in 0 4; do
		forget_pages
		ctl 0 set "$pool/vm" --order $order
		record "order$order" touch_pages sequence read
		replay "order$order" --policy static:0,static:4
		same "order$order" '' $everything
		# Blocks end early where the evictor, which takes no time in a replay, is late.
		same "order$order" static:$order fetches~ fetched_pages prefetched_pages~ \
			prefetched_used_pages~ prefetched_unused_pages zero_fills
		[ $order -gt 0 ] || same "order$order" static:0 fetches prefetched_pages
		json "d['runs'][0]['policies']['static:0']['fetches'] == $pages" \
			"d['runs'][0]['policies']['static:4']['fetches'] == $pages // 16" \
			"d['runs'][0]['accesses'] == $pages" "not d['runs'][0]['cut_off']"
	done
}

# First touches are seen, memory of another name is not, nor what happens after the end.
test_choice() {
	new_vm
	ctl 0 create "$pool/other" --size 8M
	record first touch_both
	replay first --policy static:0
	same first '' $everything
	json "len(d['runs']) == 1" "d['runs'][0]['name'] == 'vm'" \
		"d['runs'][0]['direct_limit_bytes'] == 8 << 20"
}

touch_both() {
	touch_memory "$pool/other" $((8 << 20))
	touch_pages apart read
}

# is_whole NAME: $work/NAME.rec is a recording to its end.
is_whole() {
	"$tuner" replay --policy static:0 "$work/$1.rec" >"$work/out" 2>"$work/err" ||
		no "replay: $(cat "$work/err")"
	[ ! -s "$work/err" ] || no "replay: $(cat "$work/err")"
}

test_ends() {
	new_vm
	"$tuner" record --events 100 "$work/events.rec" >"$work/record" 2>&1 &
	recorder=$!
	# Again and again: it may not listen yet.
	while kill -0 "$recorder" 2>/dev/null; do
		forget_pages
		touch_pages apart read
	done
	wait "$recorder" || no "record --events: $(cat "$work/record")"
	is_whole events
	python3 -IS -c '
import sys
data, at, events = open(sys.argv[1], "rb").read(), 256, 0
while at < len(data):
    kind = data[at + 24]
    events += kind < 16
    # Two CPUs may both tell the settings of what is new.
    at += 32 + (96 if kind == 16 else 0)
if events != 100 or kind != 18:
    sys.exit(f"{events} events, the last record is of kind {kind}")' "$work/events.rec" 2>"$work/python" ||
		no "$(tail -n 1 "$work/python")"

	"$tuner" record --seconds 1 "$work/seconds.rec" >"$work/record" 2>&1 ||
		no "record --seconds: $(cat "$work/record")"
	[ "$(stat -c %s "$work/seconds.rec")" -lt 1000 ] || no "events of nobody"

	if "$tuner" record --seconds 1 "$work/seconds.rec" >"$work/record" 2>"$work/err"; then
		no "a recording was written over"
	fi
	grep -qx "dmem-tuner: record: $work/seconds.rec: it is there already" "$work/err" ||
		no "said $(cat "$work/err")"

	# Killed, it has lost its last piece at most.
	"$tuner" record "$work/killed.rec" >"$work/record" 2>&1 &
	recorder=$!
	until grep -q '^dmem-tuner: recording to' "$work/record"; do
		sleep 0.1
	done
	kill -s KILL "$recorder"
	wait "$recorder" 2>/dev/null
	"$tuner" replay "$work/killed.rec" >"$work/out" 2>"$work/err" && no "nothing was replayed"
	grep -q 'killed.rec: cut off after' "$work/err" || no "said $(cat "$work/err")"
}

# live PATTERN MODE: seconds that it takes under that mode, into $work/live.PATTERN.MODE.
live() {
	forget_pages
	case $2 in
	static:*)
		ctl 0 set "$pool/vm" --order "${2#static:}"
		touch_pages "$1" read
		;;
	*)
		ctl 0 set "$pool/vm" --order 0
		"$tuner" --mode "$2" --interval 0.2 >"$work/tuner" 2>&1 &
		daemon=$!
		tries=$((1200 * ${DMEM_SLOW:-1}))
		until grep -q 'the plane under' "$work/tuner"; do
			tries=$((tries - 1))
			[ "$tries" -gt 0 ] || no "the tuner does not begin: $(cat "$work/tuner")"
			sleep 0.1
		done
		touch_pages "$1" read
		kill -s TERM "$daemon"
		wait "$daemon" || no "the tuner: $(cat "$work/tuner")"
		"$tuner" --unload >"$work/tuner" 2>&1 || no "--unload: $(cat "$work/tuner")"
		;;
	esac
	cp "$work/seconds" "$work/live.$1.$2"
}

# What differs by a fifth live must differ the same way in the replay.
ranks() {
	python3 -IS -c '
import json, sys
work, pattern, *modes = sys.argv[1:]
live = {mode: float(open(f"{work}/live.{pattern}.{mode}").read()) for mode in modes}
policies = json.load(open(f"{work}/out"))["runs"][0]["policies"]
replay = {mode: policies[mode]["stall_ns"] / 1e9 for mode in modes}
print("# " + pattern + ": " + ", ".join(f"{mode} {live[mode]:.2f} s live, {replay[mode]:.2f} s replayed"
                                          for mode in modes))
pairs = [(a, b) for a in modes for b in modes if live[a] < live[b] / 1.2]
wrong = [f"{a} beats {b} live" for a, b in pairs if replay[a] >= replay[b]]
if wrong or not pairs:
    sys.exit(", ".join(wrong) or f"live all are the same: {live}")' "$work" "$@" 2>"$work/python" ||
		no "$(tail -n 1 "$work/python") in $(cat "$work/out")"
}

# Recorded with a sixteenth of the room that it is replayed with, so that what hits there is seen.
test_ranking() {
	pages=4096
	new_vm
	for pattern in sequence apart; do
		forget_pages
		ctl 0 set "$pool/vm" --order 0 --direct 512K
		record $pattern touch_pages $pattern read
		ctl 0 set "$pool/vm" --direct 8M
		for mode in static:0 static:4 auto; do
			live $pattern $mode
		done
		replay $pattern --policy static:0,static:4,auto --direct 8M --interval 0.2
		ranks $pattern static:0 static:4 auto
	done
}

[ $# -gt 0 ] || set -- counts choice ends ranking
run_tests "$@"
