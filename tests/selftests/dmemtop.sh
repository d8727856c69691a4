#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# dmemtop on the live plane, in a terminal with real keys: what is missing as a sentence, VMs that
# come and go, every screen with what the core, the tuner and the pool say, a recording of it, and
# the picture for the README (out/dmemtop.svg).
# Runs inside a host (tests/vm/host.sh) as root with the module loaded and no plane; prints TAP.
# Pools are mounted below /run/dmem-top alone.
set -u
cd "${DMEM_TOP:-.}" || exit 1
export LC_ALL=C.UTF-8 TERM=xterm-256color TZ=UTC
unset NO_COLOR

folder=/run/dmem-top
pool=$folder/pool
work=$folder/work
top=$PWD/out/dmemtop
ctl=$PWD/out/dmemctl
tuner=$PWD/out/dmem-tuner
number=0
failed=0

. tests/top/tmux.sh

# use NAME PATTERN: memory of a VM being written, in the background, until it is told to end.
use() {
	python3 -IS -c '
import mmap, os, random, sys
fd = os.open(sys.argv[1], os.O_RDWR)
random.seed(1)
with mmap.mmap(fd, os.fstat(fd).st_size) as m:
    pages, at = len(m) // 4096, 0
    while True:
        at = random.randrange(pages) if sys.argv[2] == "random" else (at + 1) % pages
        m[at * 4096] = at % 251 + 1' "$pool/$1" "$2" &
	echo $! >>"$work/users"
}

end_users() {
	while read -r user; do
		kill -KILL "$user" 2>/dev/null
	done <"$work/users"
	: >"$work/users"
}

new_pool() {
	mkdir -p "$pool"
	"$ctl" mount "$pool" -o donor=local:512M,direct=50%,order=2,latency_ns=20000,ns_per_page=500 \
		>"$work/out" 2>&1 || no "no pool: $(cat "$work/out")"
}

new_vm() {
	"$ctl" create "$pool/$1" --size "$2" --direct "$3" >"$work/out" 2>&1 ||
		no "no VM memory: $(cat "$work/out")"
}

start_tuner() {
	"$tuner" --mode auto --interval 1 >"$work/tuner" 2>&1 &
	echo $! >"$work/daemon"
	for _ in $(seq $((300 * ${DMEM_SLOW:-1}))); do
		[ ! -e /sys/fs/bpf/dmem/version ] || return 0
		sleep 0.2
	done
	no "no plane: $(cat "$work/tuner")"
}

# A plane that comes while somebody looks, VM memory that comes and goes, a plane that goes.
test_come_and_go() {
	new_pool
	terminal 80 24 "$top" -d 0.5
	shows 'the BPF plane is not loaded'
	start_tuner
	shows 'No VM memory yet'
	new_vm vm0 16M 8M
	shows 'vm0'
	new_vm vm1 16M 8M
	shows '2 VMs'
	rm "$pool/vm0"
	hides 'vm0'
	rm "$pool/vm1"
	shows 'No VM memory yet'
	kill "$(cat "$work/daemon")"
	shows 'tuner ended'
	"$tuner" --unload || no "the plane stays"
	shows 'the BPF plane is not loaded'
	press q
	ended_with 0
}

# Two VM memories in use: every screen says what the core, the tuner and the pool know.
test_screens() {
	new_pool
	start_tuner
	new_vm db 96M 24M
	new_vm web 64M 48M
	terminal 120 36 "$top" -d 1 --record "$work/rec"
	shows 'db'
	use db sequential
	use web random
	shows 'waits'
	shows "vCPU's time for fetches"
	shows 'tuner auto'
	press 5
	shows 'neighbours'
	press Enter
	shows 'a cell'
	shows 'decided'
	press 4
	shows 'local:512M'
	shows "$pool"
	press 3
	shows 'order'
	shows "$pool"
	press 2 o
	shows 'block order'
	press 1
	shows 'STALL'
	sleep 30
	shows 'vCPU'
	mux capture-pane -p -e -N >"$work/shot"
	press 2 d
	shows 'density'
	sleep 2
	press F10
	ended_with 0
	python3 -IS tests/top/svg.py "dmemtop in a host with two VMs" <"$work/shot" \
		>out/dmemtop.svg || no "no picture"
	end_users
	grep -q 'db' out/dmemtop.svg || no "nothing in the picture"
	end_terminal
	terminal 120 36 "$top" --replay "$work/rec"
	shows 'frame 1/'
	press End ']' ']' ']'
	shows 'db'
	press 2
	shows 'a cell'
	press F10
	ended_with 0
}

test_says_what_others_say() {
	new_pool
	start_tuner
	new_vm vm0 16M 8M
	use vm0 sequential
	sleep 15
	end_users
	sleep 1
	"$top" --once --json >"$work/top.json" || no "no JSON"
	"$ctl" show --json "$pool/vm0" >"$work/core.json" || no "no figures"
	python3 -IS -c '
import json, sys
top, core = (json.load(open(name)) for name in sys.argv[1:3])
vm = top["vms"][0]
for name in ("faults", "soft_faults", "fetched_pages", "evicted_pages", "zero_fills"):
    assert vm[name] == core[name], (name, vm[name], core[name])
assert core["fetched_pages"] > 100, core
assert vm["name"] == "vm0" and vm["donor"] == top["donors"][0]["donor"]
assert top["donors"][0]["state"] == "up"
assert sum(sum(l["fetches"]) for l in top["latencies"]) == vm["fetches"]
assert top["tuner"]["mode"] == "auto" and top["tuner"]["rounds"] > 0
' "$work/top.json" "$work/core.json" 2>"$work/err" || no "$(cat "$work/err")"
	"$top" --once --csv | head -n 1 | grep -q '^time_ns,interval_ns,name,' || no "no CSV"
}

test_no_permission() {
	start_tuner
	setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all "$top" --once \
		>"$work/out" 2>"$work/err" && no "anybody may read the plane"
	grep -q 'needs root' "$work/err" || no "$(cat "$work/err")"
}

test_no_module() {
	rmmod dmem || no "the module stays"
	"$top" --once >"$work/out" 2>"$work/err" && no "it runs without a module"
	insmod core-kmod/dmem.ko
	grep -q 'the dmem module is not loaded: modprobe dmem' "$work/err" || no "$(cat "$work/err")"
}

clean_up() {
	end_terminal
	[ ! -s "$work/users" ] || end_users
	[ ! -s "$work/daemon" ] || kill -KILL "$(cat "$work/daemon")"
	sleep 0.2
	[ ! -e /sys/fs/bpf/dmem ] || "$tuner" --unload
	! grep -q " $pool " /proc/mounts || umount "$pool"
	rm -rf "$folder" /run/dmem-tuner.journal
	mkdir -p "$work"
	: >"$work/users"
} 2>/dev/null

if ! command -v tmux >/dev/null; then
	echo "not ok 1 tmux is not installed (tools/deps.sh)"
	echo 1..1
	exit 1
fi
[ $# -gt 0 ] || set -- come_and_go screens says_what_others_say no_permission no_module
for name; do
	clean_up
	run_test "$name"
done
clean_up
rm -rf "$folder"
echo "1..$number"
[ "$failed" -eq 0 ]
