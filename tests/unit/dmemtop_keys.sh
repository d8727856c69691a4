#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# dmemtop in a terminal, with real keys, on a plane of made-up maps (tests/top/plane.c): screens,
# keys, mouse, sizes, ssh, recordings, locales, and what all of it costs. Prints TAP; wants root,
# BPF maps and tmux, and says so where there are none.
set -u
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C.UTF-8 TERM=xterm-256color
unset NO_COLOR
work=$(mktemp -d)
top=$PWD/out/dmemtop plane=$PWD/out/top-plane
number=0 failed=0

. tests/top/tmux.sh
trap 'end_terminal; rm -rf "$work"' EXIT

test_screens() {
	terminal 100 30 "$plane" 5 500 "$top" -d 0.3
	shows 'STALL'
	shows 'vm5'
	press 2
	shows 'density: pages in use'
	press m
	shows 'miss rate'
	press a
	shows 'age: rounds'
	press Right
	shows 'region   3 '
	press 3
	shows 'Fetches of all VMs'
	press v
	shows 'Fetches of vm'
	press 4
	shows 'No pool is mounted here'
	press 5
	shows 'neighbours 0.90 likely'
	shows 'tuner auto'
	press Tab
	shows 'F10 q'
	press Escape
	shows 'neighbours'
	press Down Enter
	shows 'a cell'
	press 5
	press Tab Tab
	shows 'STALL'
	press F10
	ended_with 0
}

test_keys() {
	terminal 100 30 "$plane" 30 300 "$top" -d 0.3
	shows 'over 0'
	press F4 v m 2 Enter
	shows '11 VMs  of 30'
	press Escape
	shows '30 VMs'
	press F6
	shows 'Sort by'
	press Home Enter
	hides 'Sort by'
	# The names of numbers below 10 come after that of vm1 and its like.
	[ "$(screen | grep -o '^vm[0-9]*' | head -n 2 | tr '\n' ' ')" = 'vm1 vm10 ' ] ||
		no "not by name: $(screen)"
	press I
	shows 'vm9'
	[ "$(screen | grep -o '^vm[0-9]*' | head -n 1)" = vm9 ] || no "not inverted: $(screen)"
	press / v m 2 7
	shows ' vm27  4 GiB'
	press Escape Space
	shows 'PAUSED'
	press Z
	hides 'PAUSED'
	press + +
	shows 'every 1.2 s'
	press -
	shows 'every 0.6 s'
	press q
	ended_with 0
}

# What a key needs is read at once, not with the next frame.
test_at_once() {
	terminal 100 30 "$plane" 5 500 "$top" -d 60
	shows 'STALL'
	press 2
	shows 'region   1 '
	press Right
	shows 'region   3 '
	press 3
	shows 'donor 1'
	press q
	ended_with 0
}

test_mouse() {
	terminal 100 30 "$plane" 3 30 "$top" -d 0.3 -s name
	shows 'over 0'
	click 2 7
	shows 'vm3  4 GiB'
	click 12 1
	shows 'a cell'
	click 2 1
	shows 'STALL'
	line=$(screen | grep -n F10Quit | cut -d : -f 1)
	column=$(screen | grep -bo F10Quit | tail -n 1 | cut -d : -f 1)
	start=$(screen | head -n $((line - 1)) | wc -c)
	click $((column - start + 1)) $((line - 1))
	ended_with 0
}

# 1 TiB: the map fits, and fills while it is looked at.
test_large() {
	terminal 80 24 "$plane" 1 30000:1024 "$top" -d 0.3
	shows 'over 0'
	press 2
	shows '1 TiB  524288 regions  2 GiB a cell'
	hides 'being read'
	press Right Enter
	shows ' of 524288  2 MiB a cell'
	shows 'region   '
	press Escape
	shows '2 GiB a cell'
	press q
	ended_with 0
}

test_resize() {
	terminal 80 24 "$plane" 100 1000 "$top" -d 0.3
	shows 'over 0'
	for size in 40x10 300x80 39x9 80x24 200x12; do
		mux resize-window -x "${size%x*}" -y "${size#*x}"
		case $size in
		39x9) shows 'dmemtop needs 40x10' ;;
		40x10) hides 'HIT' && shows 'STALL' ;;
		300x80) shows 'WRITE/S' && shows 'vm100' ;;
		*) shows 'HIT' ;;
		esac
	done
	press F10
	ended_with 0
}

# With a server and a client of its own, on this host alone, and keys that end with the test.
over_ssh() {
	mkdir -p "$work/home/.ssh"
	dropbearkey -t ed25519 -f "$work/host_key" >"$work/keys" 2>&1 &&
		dropbearkey -t ed25519 -f "$work/key" >"$work/keys" 2>&1 || no "$(cat "$work/keys")"
	grep '^ssh-' "$work/keys" >"$work/home/.ssh/authorized_keys"
	chmod -R go= "$work/home"
	sed "s|^root:.*|root:x:0:0::$work/home:/bin/sh|" /etc/passwd >"$work/passwd"
	cat >"$work/session" <<-END
		mount --bind '$work/passwd' /etc/passwd || exit 99
		dropbear -F -E -s -r '$work/host_key' -P '$work/ssh.pid' -p 127.0.0.1:$1 \\
			2>'$work/ssh' &
		tries=50
		until grep -q 'Not backgrounding' '$work/ssh' || [ \$tries = 0 ]; do
			sleep 0.2
			tries=\$((tries - 1))
		done
		dbclient -y -y -t -i '$work/key' -p $1 root@127.0.0.1 "LC_ALL=C.UTF-8 '$top' -d 0.3" \
			2>'$work/client'
		status=\$?
		kill %1
		exit \$status
	END
}

# A screen, keys and sizes come through; so does the end.
test_ssh() {
	command -v dropbear >/dev/null && command -v dbclient >/dev/null ||
		no "dropbear is not installed (tools/deps.sh)"
	over_ssh $((20000 + $$ % 10000))
	terminal 80 24 "$plane" 3 30 sh "$work/session"
	shows '────'
	shows 'over 0'
	press 2
	shows 'a cell'
	press 1
	mux resize-window -x 300 -y 80
	shows 'WRITE/S'
	mux resize-window -x 40 -y 10
	hides 'HIT'
	press q
	ended_with 0
}

test_locales() {
	terminal 80 24 env LC_ALL=C "$plane" 3 30 "$top" -d 0.3
	shows 'over 0'
	! screen | LC_ALL=C grep -q '[^ -~]' || no "not ASCII in the locale C: $(screen)"
	end_terminal
	terminal 80 24 "$plane" 3 30 "$top" -d 0.3 --ascii
	shows 'over 0'
	! screen | LC_ALL=C grep -q '[^ -~]' || no "not ASCII with --ascii: $(screen)"
	end_terminal
	terminal 80 24 "$plane" 3 30 "$top" -d 0.3
	shows '────'
	mux capture-pane -p -e | grep -q "$(printf '\033')\\[[0-9;]*3[0-7]" || no "no colours"
	end_terminal
	terminal 80 24 env NO_COLOR=1 "$plane" 3 30 "$top" -d 0.3
	shows 'over 0'
	! mux capture-pane -p -e | grep -q "$(printf '\033')\\[[0-9;]*3[0-7]" ||
		no "colours with NO_COLOR"
	end_terminal
	terminal 80 24 env TERM=vt100 "$plane" 3 30 "$top" -d 0.3
	shows 'over 0'
	press q
	ended_with 0
}

test_recording() {
	terminal 80 24 "$plane" 3 30 "$top" -d 0.3 -n 6 --record "$work/rec"
	ended_with 0
	end_terminal
	[ "$("$top" --replay "$work/rec" -b --ascii | grep -c '^dmemtop 20')" -eq 6 ] ||
		no "not 6 frames: $("$top" --replay "$work/rec" -b)"
	[ "$("$top" --replay "$work/rec" --csv | wc -l)" -eq 19 ] || no "not 6 x 3 lines of CSV"
	"$top" --replay "$work/rec" --json | python3 -IS -c '
import json, sys
frames = [json.loads(line) for line in sys.stdin]
assert len(frames) == 6 and frames[0]["interval_ns"] is None
assert all(f["interval_ns"] > 0 and len(f["vms"]) == 3 for f in frames[1:])
assert all(f["latencies"] and f["tuner"]["mode"] == "auto" for f in frames)' || no "not 6 frames of JSON"
	# The last frame was being written.
	head -c $(($(wc -c <"$work/rec") - 100)) "$work/rec" >"$work/cut"
	terminal 80 24 "$top" --replay "$work/cut"
	shows 'frame 1/5'
	shows 'PAUSED'
	press Right Right
	shows 'frame 3/5'
	press Left
	shows 'frame 2/5'
	press 2
	shows 'a cell'
	press t
	shows 'frame 3/5'
	press ']'
	shows 'frame 5/5'
	press q
	ended_with 0
	"$top" --replay "$top" -b 2>"$work/err" && no "an executable was replayed"
	grep -q 'is no recording of dmemtop' "$work/err" || no "$(cat "$work/err")"
	"$top" --record "$work/rec" --once 2>"$work/err" && no "a recording was overwritten"
	grep -q 'it is there already' "$work/err" || no "$(cat "$work/err")"
}

test_options() {
	"$top" -s help | grep -q '^stall ' || no "-s help does not list stall"
	for wrong in '-s nothing' '-d 0' '-n 0' '--json --csv' '--once -n 2' '--nothing' 'word' \
		'--record a --replay b' '-d' '--json=yes'; do
		# shellcheck disable=SC2086
		"$top" $wrong >"$work/out" 2>"$work/err"
		[ $? -eq 2 ] || no "$wrong: not refused"
		[ "$(wc -l <"$work/err")" -eq 1 ] && [ ! -s "$work/out" ] || no "$wrong: $(cat "$work/err")"
	done
	"$top" </dev/null 2>"$work/err" && no "it runs without a terminal"
	"$plane" 12 30 "$top" --once -u vm1 >"$work/out" 2>/dev/null || no "-u fails"
	[ "$(grep -c '^vm1' "$work/out")" -eq 4 ] || no "-u: $(cat "$work/out")"
	"$plane" 3 30 "$top" --once -s name >"$work/out" 2>/dev/null || no "-s fails"
	[ "$(grep -o '^vm[0-9]' "$work/out" | tr '\n' ' ')" = 'vm1 vm2 vm3 ' ] || no "-s name"
}

# Neither a plane nor the permission to read it: a sentence, on the screen and without one.
test_nothing_there() {
	[ ! -e /sys/fs/bpf/dmem ] || return 0
	"$top" --once 2>"$work/err" && no "it runs without a plane"
	grep -q 'is not loaded' "$work/err" || no "$(cat "$work/err")"
	terminal 80 24 "$top"
	shows 'is not loaded'
	shows 'Waiting for'
	press 5 1 Enter Down F6 Escape q
	ended_with 0
	end_terminal
	terminal 80 24 "$plane" 1 1 setpriv --reuid=65534 --regid=65534 --clear-groups \
		--bounding-set=-all "$top"
	shows 'needs root'
	press q
	ended_with 0
}

# measure KEY...: what a screen takes at a frame a second and 300x80: cpu_ms, max_rss_kib, wall_ms.
measure() {
	rm -f "$work/status"
	terminal 300 80 "$plane" 100 1000000 "$top" -d 1 -n 12 "2>$work/cost"
	shows 'FAULT'
	press "$@"
	for _ in $(seq 150); do
		[ -s "$work/status" ] && break
		sleep 0.2
	done
	ended_with 0
	end_terminal
	took=$(sed -n 's/^plane: //; s/[^0-9]\+/ /gp' "$work/cost")
}

# costs SCREEN KEY...: below 1 % of a core and 30 MiB. What runs beside it can only add to that: the
# best of three counts.
costs() {
	name=$1
	shift
	for _ in 1 2 3; do
		measure "$@"
		# shellcheck disable=SC2086 # words on purpose
		is_cheap $took && break
	done
	# shellcheck disable=SC2086
	set -- $took
	echo "# $name: $1 ms of CPU time in $3 ms, $2 KiB"
	is_cheap "$@" || no "$name: $1 ms of CPU time in $3 ms"
	[ "$2" -lt 30720 ] || no "$name: $2 KiB"
}

is_cheap() {
	[ $(($1 * 100)) -lt "$3" ]
}

test_cost() {
	costs VMs 1
	costs Regions 2 x
	costs Latency 3
	costs Tuner 5
}

tests='screens keys at_once mouse large resize ssh locales recording options nothing_there cost'
[ $# -eq 0 ] || tests=$*
why=
command -v tmux >/dev/null || why='no tmux'
[ -n "$why" ] || "$plane" 0 0 true 2>"$work/err" || why=$(tr '\n' ' ' <"$work/err")
for name in $tests; do
	if [ -n "$why" ]; then
		number=$((number + 1))
		echo "ok $number $name # SKIP $why"
	else
		rm -rf "${work:?}"/*
		run_test "$name"
	fi
done
echo "1..$number"
[ "$failed" -eq 0 ]
