#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# dmemctl as an operator uses it: mount by options, whose a VM memory is, run, events, doctor,
# completion. Runs inside a host (tests/vm/host.sh) as root with the module loaded; prints TAP.
set -u
cd "${DMEM_TOP:-.}" || exit 1

. tests/dmemctl-lib.sh

# Instead of QEMU: tells its arguments and process id, then does what is in $work/do.
fake_qemu() {
	cat >"$work/qemu" <<-EOF
		#!/bin/sh
		for argument; do echo "\$argument"; done >'$work/arguments'
		echo \$\$ >'$work/pid'
		$1
	EOF
	chmod 755 "$work/qemu"
}

# Wait for what somebody else does, but not for ever.
wait_until() {
	tries=0
	until eval "$1"; do
		tries=$((tries + 1))
		[ "$tries" -lt $((100 * ${DMEM_SLOW:-1})) ] || no "never came: $1"
		sleep 0.1
	done
}

test_mount_options() {
	mkdir -p "$pool"
	ctl 0 mount "$pool" --donor local:64M --direct 25% --order 3 --size 32MiB --json
	json 'd["lent_bytes"] == 32 << 20' \
		'{"donor=local:64M", "direct=25%", "order=3", "size=32768K"} <= set(d["options"].split(","))'
	ctl 0 umount "$pool"
	ctl 0 mount "$pool" --donor local:64M --direct 1.5M -o latency_ns=5 --json
	json '{"direct=1536K", "latency_ns=5"} <= set(d["options"].split(","))'
	ctl 0 umount "$pool"
	refused 2 "mount $pool: --donor local:1M,order=2: a comma in it" \
		mount "$pool" --donor local:1M,order=2
	refused 2 "mount $pool: --size lots: not a size (as 4096, 512M, 1.5G)" \
		mount "$pool" --donor local:1M --size lots
	refused 1 "mount $pool: order=10: not from 0 to 9" mount "$pool" --donor local:1M --order 10
	refused 1 "mount $top/nowhere: No such file or directory" \
		mount "$top/nowhere" --donor local:1M
	no_pool
}

# Without DIR it is /run/dmem, which is made, and goes again if the mount fails.
test_mount_default() {
	[ ! -e /run/dmem ] || no "there is a /run/dmem already"
	refused 1 "mount /run/dmem: no donor: mount with -o donor=local:SIZE" mount
	[ ! -e /run/dmem ] || no "/run/dmem is left behind"
	ctl 0 mount --donor local:16M
	printed '/run/dmem  *16 MiB  *0 B  .*'
	refused 1 "mount /run/dmem: in a dmem pool already" mount --donor local:16M
	ctl 0 umount /run/dmem
	rmdir /run/dmem || no "/run/dmem is not empty"
}

test_owner_and_mode() {
	new_pool
	ctl 0 create "$pool/a" --size 1M --owner nobody --mode 640
	ctl 0 create "$pool/b" --size 1M --owner 1234:daemon
	ctl 0 create "$pool/c" --size 1M --owner :4321 --mode 0
	is="$(stat -c '%U %G %a' "$pool/a") $(stat -c '%u %G %a' "$pool/b") $(stat -c '%U %g %a' "$pool/c")"
	[ "$is" = 'nobody root 640 1234 daemon 600 root 4321 0' ] || no "$is"
	refused 2 "create $pool/d: --owner nosuch: no such user" \
		create "$pool/d" --size 1M --owner nosuch
	refused 2 "create $pool/d: --owner :nosuch: no such group" \
		create "$pool/d" --size 1M --owner root:nosuch
	refused 2 "create $pool/d: --owner: empty" create "$pool/d" --size 1M --owner ''
	for mode in '' 8 -1 1777 rw 7777777777777777777777777; do
		refused 2 "create $pool/d: --mode $mode: not permissions in octal, 0 to 777" \
			create "$pool/d" --size 1M --mode "$mode"
	done
	chmod 1777 "$pool"
	chmod 755 "$top"
	status=0
	setpriv --reuid 65534 --regid 65534 --clear-groups "$ctl" create "$pool/d" --size 1M \
		--owner root >"$work/out" 2>"$work/err" || status=$?
	[ "$status" -eq 1 ] || no "nobody gave a file to root: $status"
	said "dmemctl: create $pool/d: owner: Operation not permitted"
	[ ! -e "$pool/d" ] || no "$pool/d is left behind"
	is_reserved 3145728
}

test_run() {
	fake_qemu "cp -a '$pool' '$work/copy'; $ctl list '$pool' --json >'$work/list'; exit 7"
	mkdir -p "$pool"
	run_status 7 "$pool" --donor local:64M --direct 25% --order 2 --name guest \
		-- "$work/qemu" -m size=8M,slots=2 -cpu host
	[ "$(cat "$work/arguments")" = "-m
size=8M,slots=2
-cpu
host
-object
memory-backend-file,id=dmem,size=8388608,mem-path=$pool/guest,share=on
-machine
memory-backend=dmem" ] || no "$(cat "$work/arguments")"
	cp "$work/list" "$work/out"
	json '[(v["name"], v["size_bytes"], v["direct_limit_bytes"], v["order"]) for v in d["vms"]] ==
		[("guest", 8 << 20, 2 << 20, 2)]' '"donor=local:64M" in d["pools"][0]["options"]'
	no_pool
	[ -d "$pool" ] || no "the folder is gone"
}

# run's own status where it is QEMU's: ctl() wants a word on stderr of who fails.
run_status() {
	want=$1
	shift
	status=0
	"$ctl" run "$@" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" -eq "$want" ] || no "run $*: status $status, not $want: $(cat "$work/err")"
}

test_run_in_a_pool() {
	new_pool
	fake_qemu "test -f \"\$(sed -n 's/.*mem-path=\\(.*\\),share.*/\\1/p' '$work/arguments')\" && exit 3"
	run_status 3 "$pool" -- "$work/qemu" -m 8
	grep -qx "memory-backend-file,id=dmem,size=8388608,mem-path=$pool/run-[0-9]*,share=on" \
		"$work/arguments" || no "$(cat "$work/arguments")"
	is_empty
	fake_qemu 'kill -9 $$'
	run_status 137 "$pool" --size 16M -- "$work/qemu"
	is_empty
	fake_qemu 'exit 0'
	run_status 0 "$pool" --json -- "$work/qemu" -m 4M
	json 'd["size_bytes"] == 4 << 20 and d["name"].startswith("run-")'
	refused 125 "run $pool: a pool already: its donors are what they are" \
		run "$pool" --donor local:1M -- "$work/qemu" -m 4M
	refused 125 "run $work/none: No such file or directory" \
		run "$work/none" --donor local:8M -- "$work/qemu" -m 4M
	is_empty
}

test_run_refused() {
	new_pool
	fake_qemu 'exit 0'
	rm -f "$work/arguments"
	refused 125 "run $pool: what to run? -- and a QEMU command line are needed" run "$pool"
	refused 125 "run $pool: how much memory? -m SIZE among QEMU's arguments says it" \
		run "$pool" -- "$work/qemu"
	refused 125 "run $pool: --size 8M and QEMU's -m 4M are not the same" \
		run "$pool" --size 8M -- "$work/qemu" -m 4
	refused 125 "run $pool: -machine among QEMU's arguments: the guest's memory has a backend already" \
		run "$pool" -- "$work/qemu" -m 4M -machine q35,memory-backend=mem
	refused 125 "run $pool: -daemonize among QEMU's arguments: the end of the guest would not be seen" \
		run "$pool" -- "$work/qemu" -m 4M --daemonize
	refused 125 "run $pool: --name a/b: not the name of a file" \
		run "$pool" --name a/b -- "$work/qemu" -m 4M
	refused 125 "run $pool/guest: size 128M is more than the pool has left, 64M" \
		run "$pool" --name guest -- "$work/qemu" -m 128M
	[ ! -e "$work/arguments" ] || no "QEMU ran all the same"
	refused 127 "run $work/none: No such file or directory" run "$pool" -- "$work/none" -m 4M
	refused 126 "run $work: Permission denied" run "$pool" -- "$work" -m 4M
	is_empty
}

# A signal to dmemctl alone ends QEMU, and what was made goes.
test_run_signal() {
	mkdir -p "$pool"
	fake_qemu "trap 'exit 9' TERM; while :; do sleep 0.1; done"
	"$ctl" run "$pool" --donor local:64M -- "$work/qemu" -m 8M &
	run=$!
	wait_until '[ -s "$work/pid" ]'
	kill -TERM "$run"
	status=0
	wait "$run" || status=$?
	[ "$status" -eq 9 ] || no "status $status"
	no_pool
}

# The real one takes the arguments and has the guest's memory there.
test_run_qemu() {
	new_pool
	(sleep 1; echo 'info memdev'; echo quit) |
		timeout $((120 * ${DMEM_SLOW:-1})) "$ctl" run "$pool" --name guest -- \
			tools/qemu.sh -M q35 -m 16M -S -nodefaults -display none -monitor stdio \
			>"$work/out" 2>"$work/err" || no "$(cat "$work/err")"
	grep -q 'memory backend: dmem' "$work/out" || no "$(cat "$work/out")"
	is_empty
}

test_donors() {
	ctl 0 donors
	printed 'no pool is mounted'
	new_pool
	ctl 0 create "$pool/vm" --size 8M
	ctl 0 donors
	printed 'POOL  *DONOR  *STATE  *LEASED  *USED  *FREE  *READ'
	printed "$pool  local:64M  up  *64 MiB  *8 MiB  *0 B  *-"
	ctl 0 donors "$pool" --json
	json 'd == {"donors": [{"pool": "'"$pool"'", "donor": "local:64M", "state": "up",
		"leased_bytes": 64 << 20, "used_bytes": 8 << 20, "free_bytes": 0, "latency_ns": 0,
		"down_ms": 0}]}'
	refused 1 "donors $work: not in a dmem pool" donors "$work"
}

test_events() {
	new_pool
	"$ctl" events >"$work/events" 2>&1 &
	events=$!
	"$ctl" events --json >"$work/json" 2>&1 &
	events_json=$!
	# Both are attached when both have seen one.
	wait_until '"$ctl" create "$pool/first" --size 1M >/dev/null; rm -f "$pool/first"
		[ -s "$work/events" ] && [ -s "$work/json" ]'
	ctl 0 create "$pool/vm" --size 8M --direct 2M --order 1
	ctl 0 set "$pool/vm" --direct 4M
	ctl 0 remove "$pool/vm"
	wait_until 'grep -q "gone  *vm " "$work/events" && grep -q "\"gone\".*\"vm\"" "$work/json"'
	for pid in "$events" "$events_json"; do
		kill -INT "$pid"
		wait "$pid" || no "events ended with status $?"
	done
	cp "$work/events" "$work/out"
	at='20[0-9-]*T[0-9:.]*Z'
	printed "$at  changed  *vm ([0-9]*)  size 8 MiB, direct limit 4 MiB, order 1"
	printed "$at  gone  *vm ([0-9]*)  .*"
	(echo '['; sed 's/$/,/' "$work/json"; echo '{}]') >"$work/out"
	json '[e["event"] for e in d if e.get("name") == "vm"][0] == "created"' \
		'[e["event"] for e in d if e.get("name") == "vm"][-1] == "gone"' \
		'any(e.get("direct_limit_bytes") == 4 << 20 and e["size_bytes"] == 8 << 20 for e in d)'
	refused 2 'events: one operand too many: a' events a
	[ "$(setpriv --reuid 65534 "$ctl" events 2>&1)" = \
		'dmemctl: events: loading BPF programs needs root' ] || no "nobody may follow"
}

# found NAME STATE EXPRESSION: what doctor says of it.
found() {
	json '[c for c in d["checks"] if c["name"] == "'"$1"'" and c["state"] == "'"$2"'" and ('"$3"')]'
}

test_doctor() {
	new_pool
	ctl 0 doctor
	printed 'ok  *module  *loaded'
	ctl 0 doctor --json
	found kernel ok 'c["found"] == os.uname().release'
	found BTF ok True
	found KVM ok True
	found pools ok '"'"$pool"'" in c["found"]'
	found plane warning '"dmem-tuner" in c["mend"]'
	found privileges ok True
	json 'd["failed"] == 0 and all(("mend" in c) == (c["state"] != "ok") for c in d["checks"])'
	mkdir "$work/empty"
	mount --bind "$work/empty" /sys/kernel/btf || no "mount --bind"
	mount --bind /dev/null /dev/kvm || no "mount --bind"
	status=0
	setarch --uname-2.6 "$ctl" doctor --json >"$work/out" || status=$?
	umount /sys/kernel/btf /dev/kvm
	[ "$status" -eq 1 ] || no "status $status"
	found kernel failed '"6.12" in c["mend"]'
	found BTF failed '"CONFIG_DEBUG_INFO_BTF" in c["mend"]'
	found module warning '"without BTF" in c["found"]'
	json 'd["failed"] == 2'
	chmod 755 "$top"
	status=0
	setpriv --reuid 65534 --regid 65534 --clear-groups "$ctl" doctor --json >"$work/out" || status=$?
	found privileges warning True
}

# What bash offers: the commands, their options, files where a path is wanted.
completes() {
	want=$1
	shift
	got=$(bash -c '. packaging/completion/dmemctl
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_dmemctl
		printf "%s\n" "${COMPREPLY[@]}" | sort | tr "\n" " "' dmemctl "$@") 2>"$work/err"
	[ "$got" = "$want" ] || no "$*: offers '$got', not '$want': $(cat "$work/err")"
}

test_completion() {
	export PATH="$PWD/out:$PATH"
	completes 'set show ' dmemctl s
	completes '--order --owner ' dmemctl create x --o
	completes '--direct --help --json --order ' dmemctl set x --
	mkdir -p "$work/dir/a1"
	completes "$work/dir/a1 " dmemctl show "$work/dir/a"
	completes 'root ' dmemctl create x --owner roo
}

run_tests mount_options mount_default owner_and_mode run run_in_a_pool run_refused run_signal \
	run_qemu donors events doctor completion
