#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# dmem-tuner and the BPF plane: every option and bad input with its message, what is pinned and
# what is left, decisions in the core, and counters that agree with each other and with the core.
# Runs inside a host (tests/vm/host.sh) as root with the module loaded and no plane; prints TAP.
# Modules are taken out and loaded again. Pools are mounted below /run/dmem-plane alone. Loading
# takes a long time in an emulated host: what can be seen of one plane shares it.
set -u
cd "${DMEM_TOP:-.}" || exit 1

top=/run/dmem-plane
pool=$top/pool
work=$top/work
bpffs=/sys/fs/bpf
pins=$bpffs/dmem
tuner=$PWD/out/dmem-tuner
ctl=$PWD/out/dmemctl
number=0
failed=0

# A test is a function, run in a shell of its own; these end it.
no() {
	echo "$*" | tr '\n' '|' >"$work/why"
	exit 1
}

skip() {
	echo "$*" >"$work/skip"
	exit 0
}

# said MESSAGE: this is the one line on stderr.
said() {
	line='' more=''
	{
		IFS= read -r line
		IFS= read -r more
	} <"$work/err"
	[ "$line$more" = "$1" ] || no "said '$(cat "$work/err")', not '$1'"
}

# tuner STATUS ARG...: dmem-tuner must end with this status; it writes to $work/out and $work/err.
tuner() {
	want=$1
	shift
	status=0
	timeout $((180 * ${DMEM_SLOW:-1})) "$tuner" "$@" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" -eq "$want" ] ||
		no "dmem-tuner $*: status $status, not $want: $(cat "$work/err" "$work/out")"
	[ "$status" -eq 0 ] || [ -s "$work/err" ] || no "dmem-tuner $*: failed without a word"
	[ "$status" -ne 0 ] || [ ! -s "$work/err" ] || no "dmem-tuner $*: $(cat "$work/err")"
}

# refused STATUS MESSAGE ARG...: dmem-tuner must say exactly this, and nothing else.
refused() {
	want_status=$1 message="dmem-tuner: $2"
	shift 2
	tuner "$want_status" "$@"
	said "$message"
	[ ! -s "$work/out" ] || no "dmem-tuner $*: printed $(cat "$work/out")"
}

# printed LINE: a line of the output is this.
printed() {
	grep -Fqx -- "dmem-tuner: $1" "$work/out" || no "no line '$1' in: $(cat "$work/out")"
}

ended() {
	printed "ending after $1 decisions; the plane stays under $pins"
}

# Nothing of the plane or of a failed load is left.
no_pins() {
	left=$(ls -A "$bpffs")
	[ -z "$left" ] || no "left under $bpffs: $left"
}

# How often the kernel said that the plane's policy was attached or detached.
policy_was() {
	dmesg | grep -c "dmem: policy dmem-orders $1"
}

load() {
	tuner 0 --load
	printed "loaded the plane under $pins"
}

# The decisions are out of force when it ends, not some time later.
unload() {
	tuner 0 --unload
	[ "$(policy_was attached)" -eq "$(policy_was detached)" ] || no "the policy is still there"
	[ ! -s "$work/out" ] || no "--unload printed $(cat "$work/out")"
	no_pins
}

no_plane() {
	[ ! -e "$pins" ] || unload
	no_pins
}

# A plane without entries.
plane() {
	if [ -e "$pins" ]; then
		tuner 0 --once --mode off
	else
		load
	fi
}

# wait_for WHAT COMMAND...: the command must come true within two minutes: hosts may be slow.
wait_for() {
	what=$1 tries=$((1200 * ${DMEM_SLOW:-1}))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || no "in vain waited for $what"
		sleep 0.1
	done
}

# start ARG...: dmem-tuner in the background, its output in $work/log; it holds the plane.
start() {
	: >"$work/log"
	"$tuner" "$@" >"$work/log" 2>"$work/err" &
	daemon=$!
	echo "$daemon" >"$work/daemon"
	wait_for "dmem-tuner $*" grep -q 'the plane under' "$work/log"
}

# stop SIGNAL STATUS: end it; its output moves to $work/out.
stop() {
	daemon=$(cat "$work/daemon")
	kill -s "$1" "$daemon"
	status=0
	wait "$daemon" 2>"$work/wait" || status=$?
	rm "$work/daemon"
	mv "$work/log" "$work/out"
	[ "$status" -eq "$2" ] || no "on $1: status $status: $(cat "$work/err" "$work/out")"
}

new_pool() {
	mkdir -p "$pool"
	"$ctl" mount "$pool" -o "${1:-donor=local:64M,direct=50%,order=2}" >"$work/out" ||
		no "no pool"
}

new_vm() {
	"$ctl" create "$pool/vm" --size 8M >"$work/out" || no "no VM memory"
}

# touch_memory [NAME]: write to each page of a VM memory, one after another; all of it is fetched
# if flushed before.
touch_memory() {
	python3 -IS -c '
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
with mmap.mmap(fd, os.fstat(fd).st_size) as m:
    for at in range(0, len(m), 4096):
        m[at] = 1' "$pool/${1:-vm}" || no "cannot touch $pool/${1:-vm}"
}

flush() {
	"$ctl" flush "$pool/vm" >"$work/out" || no "cannot flush $pool/vm"
}

# The core's figures, for maps(): the latest are `core`, those before `was`.
show() {
	[ ! -e "$work/core" ] || mv "$work/core" "$work/was"
	"$ctl" show "$pool/vm" --json >"$work/core" || no "cannot show $pool/vm"
}

# What the expressions of maps() may name: the maps by their names, per-CPU values added up.
# Every entry must have the fields of its struct in bpf/maps.h, by name.
read_maps='
import json, os, re, subprocess, sys

pins, work = sys.argv[1:3]
header = re.sub(r"/\*.*?\*/", "", open("bpf/maps.h").read(), flags=re.S)
structs = {name: set(re.findall(r"(\w+)(?:\[[^]]*\])*;", body))
           for name, body in re.findall(r"struct (\w+) \{(.*?)\n\}", header, re.S)}

def check(value, struct):
    if not isinstance(value, dict) or set(value) != structs[struct]:
        sys.exit(f"struct {struct} is dumped as {value}")
    return value

def add(values):
    if isinstance(values[0], dict):
        return {name: add([v[name] for v in values]) for name in values[0]}
    if isinstance(values[0], list):
        return [add(column) for column in zip(*values)]
    return sum(values)

def dump(name, key, struct):
    done = subprocess.run(["bpftool", "-j", "map", "dump", "pinned", f"{pins}/{name}"],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bpftool map dump {name}: {done.stdout}{done.stderr}")
    entries = {}
    for row in json.loads(done.stdout):
        row = row["formatted"]
        at = tuple(check(row["key"], key).values()) if key else row["key"]
        values = [cpu["value"] for cpu in row["values"]] if "values" in row else [row["value"]]
        value = [check(value, struct) for value in values]
        entries[at[0] if key and len(at) == 1 else at] = value[0] if len(value) == 1 else add(value)
    return entries

def load(name):
    return json.load(open(f"{work}/{name}")) if os.path.exists(f"{work}/{name}") else None

version = dump("version", None, "dmem_version")[0]
epoch = dump("epoch", None, "dmem_epoch")[0]
plane_stats = dump("plane_stats", None, "dmem_plane_stats")[0]
vms = dump("vms", "dmem_vm_key", "dmem_vm_value")
vm_stats = dump("vm_stats", "dmem_vm_key", "dmem_vm_stats")
latencies = dump("latencies", "dmem_latency_key", "dmem_latency_value")
regions = dump("regions", "dmem_region_key", "dmem_region_value")
orders = dump("orders", "dmem_region_key", "dmem_order_value")
all_orders = {vm: value for (vm, region), value in orders.items() if region == 0xffffffff}
orders = {key: value for key, value in orders.items() if key[1] != 0xffffffff}
core, was = load("core"), load("was")
epoch_was = load("epoch")
json.dump(epoch["number"], open(f"{work}/epoch", "w"))

def of(entries):
    return {key[1]: value for key, value in entries.items() if key[0] == core["id"]}

def order_of(region):
    own = of(orders).get(region) or all_orders.get(core["id"])
    return own["order"] if own else core["order"]

def same(one, two, names):
    differ = [f"{name} {one[name]} != {two[name]}" for name in names.split()
              if one[name] != two[name]]
    return not differ or sys.exit("; ".join(differ))

def sum_latencies(vm, field):
    return sum(sum(value[field]) for key, value in latencies.items() if key[0] == vm)

def sum_regions(vm, field):
    return sum(value[field] for key, value in regions.items() if key[0] == vm)

for expression in sys.argv[3:]:
    if not eval("(" + expression + ")"):
        brief = " ".join(expression.split())
        sys.exit(f"not so: {brief}: {vm_stats} {core}"[:1500])
'

# maps EXPRESSION...: each of these Python expressions is true.
maps() {
	python3 -IS -c "$read_maps" "$pins" "$work" "$@" 2>"$work/python" ||
		no "$(tail -n 1 "$work/python")"
}

kvm_module() {
	sed -n 's/^\(kvm_amd\|kvm_intel\) .*/\1/p' /proc/modules
}

test_help() {
	for option in --help -h; do
		tuner 0 "$option"
		grep -qx 'Usage: dmem-tuner \[OPTIONS\]' "$work/out" || no "$option: $(cat "$work/out")"
		for name in --mode --vm --interval --dry-run --load --once --unload --explain \
			--max-regions --verbose --help; do
			grep -q -- " $name" "$work/out" || no "$option does not name $name"
		done
	done
	no_pins
}

test_misuse() {
	for mode in '' fast AUTO autox static offf; do
		refused 2 "$mode: not a mode: auto, static:N, buddy or off (dmem-tuner --help)" \
			--once --mode "$mode"
	done
	for order in '' x 10 -1 1.5 3x 99999999999999999999; do
		refused 2 "static:$order: not an order from 0 to 9 (dmem-tuner --help)" \
			--once -m "static:$order"
	done
	for rule in '' x =auto vm "$(printf '%064d' 0)=off"; do
		refused 2 "$rule: not NAME=MODE (dmem-tuner --help)" --once --vm "$rule"
	done
	refused 2 'fast: not a mode: auto, static:N, buddy or off (dmem-tuner --help)' \
		--once --vm vm=fast
	refused 2 'static:10: not an order from 0 to 9 (dmem-tuner --help)' \
		--once --vm vm=auto --vm vm=static:10
	for interval in '' x 0 -1 0.049 3600.1 2s nan inf 1e9; do
		refused 2 \
			"$interval: not an interval from 0.05 to 3600 seconds (dmem-tuner --help)" \
			--once --interval "$interval"
	done
	for regions in '' x 0 -1 1.5 134217729; do
		refused 2 \
			"$regions: not a number of regions from 1 to 134217728 (dmem-tuner --help)" \
			--load --max-regions "$regions"
	done
	for region in '' vm vm: vm:x vm:-1 vm:1x; do
		refused 1 "$region: not a VM memory's name and a region, as vm0:17" \
			--explain "$region"
	done
	refused 2 'stray: not expected (dmem-tuner --help)' stray
	refused 2 'stray: not expected (dmem-tuner --help)' --once stray more
	refused 2 'vm: not expected (dmem-tuner --help)' --once -- vm
	tuner 2 --frob
	said "$tuner: unrecognized option '--frob'"
	tuner 2 -q
	said "$tuner: invalid option -- 'q'"
	tuner 2 --once --mode
	said "$tuner: option '--mode' requires an argument"
	tuner 2 --once -i
	said "$tuner: option requires an argument -- 'i'"
	tuner 2 --once=1
	said "$tuner: option '--once' doesn't allow an argument"
	no_pins
}

test_needs_root() {
	cat >"$work/nobody" <<-END
		#!/bin/sh
		exec setpriv --reuid=65534 --regid=65534 --clear-groups '$tuner' "\$@"
	END
	chmod 755 "$top" "$work" "$work/nobody"
	as_root=$tuner
	tuner=$work/nobody
	refused 1 'needs root'
	for option in --load --once --unload; do
		refused 1 'needs root' "$option"
	done
	refused 2 'fast: not a mode: auto, static:N, buddy or off (dmem-tuner --help)' -m fast
	tuner 0 --help
	no_pins
	tuner=$as_root
}

test_module_not_loaded() {
	wait_for rmmod rmmod dmem 2>"$work/err"
	for option in --load --once --dry-run --mode=off; do
		refused 1 'the dmem module is not loaded (modprobe dmem)' "$option"
	done
	refused 1 "the plane is not loaded ($pins is not there)" --unload
	no_pins
	insmod core-kmod/dmem.ko || no "insmod failed"
}

# hidden_btf SETUP: dmem-tuner is a script that sees /sys/kernel/btf as this leaves it.
hidden_btf() {
	cat >"$work/hidden" <<-END
		#!/bin/sh
		exec unshare -m sh -ec 'mount -t tmpfs none $work/btf; $1
			mount --bind $work/btf /sys/kernel/btf; exec $tuner "\$@"' sh "\$@"
	END
	chmod 755 "$work/hidden"
	mkdir -p "$work/btf"
}

test_no_btf() {
	shown=$tuner
	hidden_btf :
	tuner=$work/hidden
	for option in --load --once; do
		refused 1 'this kernel has no BTF (/sys/kernel/btf/vmlinux is missing): it must be built with CONFIG_DEBUG_INFO_BTF=y' "$option"
	done
	tuner=$shown
	hidden_btf "cp /sys/kernel/btf/vmlinux $work/btf;"
	tuner=$work/hidden
	refused 1 'the dmem module was built without BTF (/sys/kernel/btf/dmem is missing)' --load
	no_pins
}

# The machine that host.sh keeps (hold-kvm) goes with the host; this test needs it gone before.
release_kvm() {
	[ -r /run/hold-kvm.pid ] || return 0
	holder=$(cat /run/hold-kvm.pid)
	rm -f /run/hold-kvm.pid
	kill "$holder" 2>/dev/null
	wait_for "hold-kvm's end" sh -c "! kill -0 $holder 2>/dev/null"
}

# The plane does without KVM, and says what that means.
test_no_kvm() {
	release_kvm
	kvm=$(kvm_module)
	[ -z "$kvm" ] || rmmod "$kvm" || skip "KVM is in use"
	! grep -q '^kvm ' /proc/modules || rmmod kvm || skip "KVM is in use"
	[ ! -e /sys/module/kvm ] || skip "KVM is built in"
	load
	printed "KVM is not loaded: its faults will not be seen (load kvm_amd or kvm_intel, then --unload and start again)"
	[ ! -e "$pins/link_on_kvm_page_fault" ] || no "KVM's faults are traced"
	unload
}

test_load() {
	refused 1 "the plane is not loaded ($pins is not there)" --unload
	load
	again="the plane is loaded already ($pins): take it down with dmem-tuner --unload first"
	refused 1 "$again" --load
	refused 1 "$again" --load --verbose
	[ "$(stat -f -c %T "$bpffs")" = bpf_fs ] || no "$bpffs was not mounted"
	[ "$(ls -A "$bpffs")" = dmem ] || no "$bpffs has $(ls -A "$bpffs")"
	[ "$(stat -c '%a %u' "$pins")" = '700 0' ] || no "$(ls -ld "$pins")"
	for pin in version epoch plane_stats vms vm_stats latencies regions orders active \
		link_policy link_on_vm link_on_events; do
		[ -e "$pins/$pin" ] || no "$pin is not pinned: $(ls "$pins")"
	done
	[ -z "$(kvm_module)" ] || [ -e "$pins/link_on_kvm_page_fault" ] ||
		no "KVM's faults are not traced"
	maps 'version == {"maps_version": 3, "region_bytes": 2097152}' 'epoch["number"] == 1'
}

test_another_policy() {
	no_plane
	out/tests/policy hold >"$work/log" 2>"$work/err" &
	echo $! >"$work/daemon"
	wait_for "another policy" grep -q attached "$work/log"
	refused 1 'the core has another policy attached already: detach it first' --load
	no_pins
	stop TERM 143
}

# A loader that was killed before it was done: the next one clears up after it.
test_half_loaded() {
	plane
	mv "$pins" "${pins}_new"
	load
	[ "$(ls -A "$bpffs")" = dmem ] || no "$bpffs has $(ls -A "$bpffs")"
	mv "$pins" "${pins}_new"
	refused 1 "the plane is not loaded ($pins is not there)" --unload
	[ "$(policy_was attached)" -eq "$(policy_was detached)" ] || no "the policy is still there"
	no_pins
}

# A failure at the last step takes down what was attached.
test_cannot_pin() {
	no_plane
	ln -s nowhere "${pins}_new" || skip "no symbolic links here"
	refused 1 "making ${pins}_new: File exists" --load
	[ "$(policy_was attached)" -eq "$(policy_was detached)" ] || no "the policy is still there"
	rm "${pins}_new"
	no_pins
}

test_another_version() {
	plane
	bpftool map update pinned "$pins/version" key 0 0 0 0 value 7 0 0 0 0 0 32 0 ||
		no "cannot write the version"
	other="the plane that is loaded has maps of version 7, this program reads version 3: dmem-tuner --unload, then start the tuner of this version"
	refused 1 "$other" --once
	refused 1 "$other" --mode off
	unload
}

test_one_at_a_time() {
	plane
	start --mode off
	for option in --load --unload --once --dry-run; do
		refused 1 "another dmem-tuner runs (process $daemon)" "$option"
	done
	[ -e "$pins/version" ] || no "the plane is gone"
	stop KILL 137
	tuner 0 --once
	printed "took over the plane under $pins"
}

# The first round begins an epoch, and after 2 s another one does; the journal counts rounds.
test_interval() {
	plane
	maps 'epoch["number"]'
	start --mode off -i 3600
	sleep 1
	stop TERM 0
	ended 0
	maps 'epoch["number"] == epoch_was + 1'
	start --mode off --interval 0.05
	sleep 5
	stop INT 0
	ended 0
	maps 'epoch_was + 2 <= epoch["number"] <= epoch_was + 4'
	rounds=$(sed -n '1s/.*"rounds": *\([0-9]*\).*/\1/p' /run/dmem-tuner.journal)
	# However slow this host is, they are never more than 2 s apart.
	[ "${rounds:-0}" -ge 3 ] || no "rounds: $(head -n 1 /run/dmem-tuner.journal)"
}

test_once_and_dry_run() {
	plane
	new_pool
	new_vm
	maps 'not orders'
	tuner 0 --once --verbose
	printed "took over the plane under $pins"
	ended 0
	maps 'not orders' 'epoch["number"] == epoch_was + 1'
	touch_memory
	tuner 0 --once --dry-run --mode static:5
	printed "took over the plane under $pins"
	for region in 0 1 2 3; do
		printed "vm region $region: order 5: static order (dry run: not written)"
	done
	ended 0
	maps 'not orders' 'epoch["number"] == epoch_was' 'len(regions) == 4'
	flush
	touch_memory
	show
	maps 'core["fetches"][2] and core["fetches"][2] == sum(core["fetches"])' \
		'not core["policy_decisions"]'
}

# What is decided is what the core uses, and what the decisions say of it.
test_static() {
	plane
	new_pool
	new_vm
	touch_memory
	for order in 6 0 9; do
		tuner 0 --once --mode "static:$order"
		for region in 0 1 2 3; do
			printed "vm region $region: order $order: static order"
		done
		ended 4
		tuner 0 --once --mode "static:$order"
		ended 0
		flush
		show
		touch_memory
		show
		maps "sorted(r for vm, r in orders) == [0, 1, 2, 3]" \
			"all(o['order'] == $order and o['decided_ns'] for o in orders.values())" \
			"core['fetches'][$order] > was['fetches'][$order]" \
			"core['fetches'][:$order] == was['fetches'][:$order]" \
			"core['fetches'][$order + 1:] == was['fetches'][$order + 1:]" \
			"0 < sum(o['asked'] for o in orders.values()) <= core['policy_decisions']" \
			"core['policy_clamped'] == 0" "core['order'] == 2"
	done
	unload
	flush
	show
	touch_memory
	show
	python3 -IS -c '
import json, sys
was, now = (json.load(open(name)) for name in sys.argv[1:])
grown = [order for order in range(10) if now["fetches"][order] > was["fetches"][order]]
sys.exit(grown != [2] or now["policy_decisions"] != was["policy_decisions"])' \
		"$work/was" "$work/core" || no "unloaded: $(cat "$work/was" "$work/core")"
}

test_takeover() {
	plane
	new_pool
	new_vm
	touch_memory
	start --mode static:4 --interval 0.05
	wait_for 'a decision' grep -q 'order 4' "$work/log"
	stop TERM 0
	printed "took over the plane under $pins"
	flush
	show
	touch_memory
	show
	maps 'core["fetches"][4] > was["fetches"][4]' \
		'core["fetches"][:4] == was["fetches"][:4]' \
		'core["fetches"][5:] == was["fetches"][5:]'
	tuner 0 --once --mode static:4
	printed "took over the plane under $pins"
	ended 0
	# A region that was looked at after the decision for all of it needs none of its own.
	maps 'all_orders' 'all(o["order"] == 4 for o in (orders | all_orders).values())' \
		'any(o["asked"] for o in (orders | all_orders).values())'
}

# A mode of its own for one name, the others' for the rest.
test_vm_modes() {
	plane
	new_pool
	new_vm
	"$ctl" create "$pool/other" --size 4M >"$work/out" || no "no VM memory"
	touch_memory
	touch_memory other
	tuner 0 --once --mode static:3 --vm vm=off --vm vm=static:7 --vm nobody=off
	for region in 0 1 2 3; do
		printed "vm region $region: order 7: static order"
	done
	for region in 0 1; do
		printed "other region $region: order 3: static order"
	done
	ended 6
	printed "vm: order 7 where nothing is decided: static order"
	maps 'sorted(v["order"] for v in all_orders.values()) == [3, 7]'
	tuner 0 --once --mode static:3 --vm vm=off
	ended 0
	tuner 0 --once --mode static:3
	ended 4
}

# Regions that nothing is decided for have the order for all of their VM.
test_all_order() {
	plane
	new_pool donor=local:64M,direct=50%,order=0
	new_vm
	start --mode static:5
	wait_for 'a decision' grep -q 'vm: order 5 where nothing is decided' "$work/log"
	touch_memory
	flush
	show
	touch_memory
	show
	maps 'core["fetches"][5] > was["fetches"][5]' \
		'core["fetches"][:5] == was["fetches"][:5]' \
		'core["fetches"][6:] == was["fetches"][6:]' 'not orders'
	stop TERM 0
	ended 0
	rm "$pool/vm"
	tuner 0 --once --mode off
	maps 'not all_orders' 'not regions'
}

# Killed in the middle of its work; decisions hold, and the next tuner has them, changes them and
# forgets nothing that is in force.
test_crash() {
	plane
	new_pool
	new_vm
	touch_memory
	start --mode static:6
	wait_for 'a decision' grep -q 'order 6' "$work/log"
	stop KILL 137
	flush
	show
	touch_memory
	show
	# For all of it, and for each region that was looked at before that.
	maps 'core["fetches"][6] > was["fetches"][6]' 'all_orders' \
		'all(o["order"] == 6 for o in (orders | all_orders).values())'
	# A tuner without the ring, as one before it was: all regions are looked at.
	rm "$pins/active"
	start --mode auto
	wait_for 'a round' grep -q 'took over' "$work/log"
	sleep 1
	maps 'all_orders' 'all(o["order"] == 6 for o in (orders | all_orders).values())'
	stop TERM 0
	tuner 0 --once --mode static:1
	ended 4
	maps 'all(o["order"] == 1 for o in orders.values()) and len(orders) == 4'
	unload
}

# The model decides where there is something to decide: pages in sequence.
test_auto() {
	plane
	new_pool donor=local:64M,direct=50%,order=0
	new_vm
	start --mode auto --interval 0.2
	for turn in 1 2 3; do
		touch_memory
		flush
	done
	wait_for 'a decision' grep -q 'order [1-9]' "$work/log"
	stop TERM 0
	show
	maps 'any(order_of(r) > 0 for r in range(4))'
}

# The published rule: all of it is in use, so blocks double with each round of fetches.
test_buddy() {
	plane
	new_pool donor=local:64M,direct=50%,order=0
	new_vm
	touch_memory
	for order in 1 2; do
		flush
		tuner 0 --once --mode off
		touch_memory
		show
		tuner 0 --once --mode buddy
		for region in 0 1 2 3; do
			grep -q "vm region $region: order $order: .* merged" "$work/out" ||
				no "order $order: $(cat "$work/out")"
		done
		maps "all(o['order'] == $order for o in orders.values()) and len(orders) == 4"
	done
}

test_explain() {
	plane
	new_pool donor=local:64M,direct=50%,order=0
	new_vm
	refused 1 'nobody: there is no VM memory of that name' --explain nobody:0
	refused 1 'vm: nothing touched region 3 yet' --explain vm:3
	touch_memory
	flush
	touch_memory
	show
	tuner 0 --explain vm:3
	grep -qx '  misses 512, soft faults 0, zero fills 512, writes among them 1024' "$work/out" &&
		grep -q '^      0\*           512 ' "$work/out" &&
		grep -q '^      9              1 ' "$work/out" &&
		grep -q '^  in force: 0, the default; it would be [89]: neighbours 1.00 likely' "$work/out" ||
		no "$(cat "$work/out")"
	maps 'not orders'
}

# Events that find no room are counted as lost, and shown.
test_max_regions() {
	no_plane
	tuner 0 --load --max-regions 3
	new_pool donor=local:64M,direct=100%
	new_vm
	touch_memory
	show
	maps 'len(regions) == 3' 'plane_stats["lost_events"] == 512'
	out/dmemtop --once --json >"$work/top" || no "dmemtop: $(cat "$work/top")"
	grep -q '"lost_events": *512' "$work/top" || no "dmemtop: $(cat "$work/top")"
	unload
}

test_module_in_use() {
	plane
	! rmmod dmem 2>"$work/err" || no "the module went from under the plane"
	grep -q 'in use' "$work/err" || no "rmmod: $(cat "$work/err")"
	unload
	wait_for rmmod rmmod dmem 2>"$work/err"
	insmod core-kmod/dmem.ko || no "insmod failed"
}

# is_consistent EXPRESSION...: and the counters of each VM memory agree with each other.
is_consistent() {
	maps 'all(sum(s["fetches_by_order"]) == s["fetched_pages"] - s["prefetched_pages"]
			for s in vm_stats.values())' \
		'all(sum(s["fetch_latency"]) == sum(s["fetches_by_order"])
			for s in vm_stats.values())' \
		'all([sum(slots) for slots in add([l["fetches"] for (of, donor), l in
			latencies.items() if of == vm])] == s["fetches_by_order"]
			for vm, s in vm_stats.items())' \
		'all(sum_latencies(vm, "rest_pages") == s["prefetched_pages"] and
			sum_latencies(vm, "rest_requests") == s["prefetches"] and
			sum_latencies(vm, "fetch_ns") == s["fetch_ns"] for vm, s in vm_stats.items())' \
		'all(sum(s["first_use"]) == s["prefetched_used_pages"] for s in vm_stats.values())' \
		'all(sum(r["first_use"]) == r["prefetched_used_pages"] for r in regions.values())' \
		'all((s["fetch_ns"] > 0) == (sum(s["fetch_latency"]) > 0)
			for s in vm_stats.values())' \
		'all(sum_regions(vm, "misses") == s["faults"] - s["zero_fills"]
			for vm, s in vm_stats.items())' \
		'all(sum_regions(vm, name) == s[name] for vm, s in vm_stats.items()
			for name in structs["dmem_region_value"] & set(s) - {"first_use"})' \
		'all(x["prefetched_used_pages"] + x["prefetched_unused_pages"] <=
			x["prefetched_pages"] for x in [*vm_stats.values(), *regions.values()])' \
		'all(sum(r["distance"]) <= r["misses"] + r["prefetched_used_pages"]
			for r in regions.values())' \
		'plane_stats["lost_events"] == 0' "$@"
}

# Three tests of the core: synchronous, with a link that answers later, and with threads.
test_counters() {
	plane
	for name in order-4 modelled-link threads-with-link; do
		out/tests/core_paging "$name" >"$work/out" || no "$name: $(cat "$work/out")"
	done
	is_consistent 'len(vm_stats) == 3' 'all(s["fetched_pages"] for s in vm_stats.values())' \
		'all(s["prefetches"] and s["writebacks"] for s in vm_stats.values())' \
		'vm_stats[min(vm_stats)]["fetches_by_order"][4] ==
			sum(vm_stats[min(vm_stats)]["fetches_by_order"])' \
		'all(v["gone"] == 1 and v["name"] == "vm" and v["size_bytes"] == 16 << 20
			for v in vms.values())'
}

# The plane counts what the core counts, from the VM memory's first event on.
test_as_the_core() {
	plane
	new_pool donor=local:64M,direct=50%,order=3,latency_ns=20000,ns_per_page=500
	new_vm
	touch_memory
	flush
	touch_memory
	flush
	# The event of this has the figures after the flush, which is none itself.
	"$ctl" set "$pool/vm" --direct 2M --order 7 >"$work/out" || no "set failed"
	show
	is_consistent 'same(vm_stats[core["id"]], core, """faults soft_faults zero_fills fetched_pages
			prefetched_pages prefetched_used_pages prefetched_unused_pages
			evicted_pages writeback_pages writebacks""")' \
		'vm_stats[core["id"]]["fetches_by_order"] == core["fetches"]' \
		'same(vms[core["id"]], core, """name size_bytes direct_limit_bytes direct_bytes
			remote_bytes""")' \
		'vms[core["id"]]["default_order"] == 7 and not vms[core["id"]]["gone"]' \
		'core["direct_limit_bytes"] == 2 << 20 and core["remote_bytes"] == 8 << 20' \
		'all(r["touched"] == [2 ** 64 - 1] * 8 and r["local_pages"] == 0 and
			r["remote_pages"] == 512 for r in of(regions).values())' \
		'len(of(regions)) == 4 and not vm_stats[core["id"]]["kvm_faults"]'
}

# A VM memory older than the plane is seen by what it does.
test_older_vm() {
	no_plane
	new_pool
	new_vm
	touch_memory
	load
	maps 'not vms'
	flush
	touch_memory
	show
	is_consistent 'vms[core["id"]]["name"] == "vm"' 'vms[core["id"]]["size_bytes"] == 8 << 20' \
		'len(regions) == 4'
	tuner 0 --once --mode static:5
	ended 4
}

test_gone() {
	plane
	new_pool
	new_vm
	touch_memory
	tuner 0 --once --mode static:5
	ended 4
	maps 'len(vms) == 1 and len(vm_stats) == 1 and len(regions) == 4 and len(orders) == 4'
	rm "$pool/vm"
	maps 'all(v["gone"] for v in vms.values()) and len(vms) == 1'
	tuner 0 --once --dry-run
	printed 'vm is gone'
	maps 'len(vms) == 1 and len(orders) == 4'
	new_vm
	touch_memory
	tuner 0 --once --mode off
	printed 'vm is gone'
	show
	maps 'list(vms) == [core["id"]] and not vms[core["id"]]["gone"]' \
		'list(vm_stats) == [core["id"]]' 'not orders' \
		'{vm for vm, r in regions} == {core["id"]}'
}

# What a test has left must not reach the next one.
clean_up() {
	[ ! -s "$work/daemon" ] || kill -KILL "$(cat "$work/daemon")" 2>/dev/null
	rm -rf "$bpffs/other" "${pins}_new"
	while read -r _ mounted _; do
		case $mounted in
		"$top"*) umount "$mounted" ;;
		esac
	done </proc/mounts
	rm -rf "$top"
	mkdir -p "$work"
	[ -e /sys/module/dmem ] || insmod core-kmod/dmem.ko
	[ -z "$kvm_at_start" ] || [ -n "$(kvm_module)" ] || modprobe "$kvm_at_start"
}

run_test() {
	number=$((number + 1))
	clean_up 2>&1 | sed 's/^/# clean_up: /'
	start=$(cut -d ' ' -f 1 /proc/uptime)
	if ("test_$1"); then
		result=ok why=
		[ ! -e "$work/skip" ] || why=" # SKIP $(cat "$work/skip")"
	else
		result='not ok' why=" # $(cat "$work/why" 2>&1)"
		[ ! -e "$pins" ] || "$tuner" --unload
		failed=$((failed + 1))
	fi
	echo "# $1: $(cut -d ' ' -f 1 /proc/uptime | awk "{ print \$1 - $start }") s"
	echo "$result $number $1$why"
}

kvm_at_start=$(kvm_module)
# dmem-tuner mounts it where it is missing.
while [ "$(stat -f -c %T "$bpffs")" = bpf_fs ] && [ -z "$(ls -A "$bpffs")" ]; do
	umount "$bpffs"
done

[ $# -gt 0 ] || set -- help misuse needs_root module_not_loaded no_btf no_kvm another_policy \
	cannot_pin older_vm gone interval once_and_dry_run static load one_at_a_time takeover \
	vm_modes all_order crash auto \
	buddy explain max_regions \
	counters as_the_core another_version half_loaded module_in_use
for name; do
	run_test "$name"
done
clean_up
[ ! -e "$pins" ] || "$tuner" --unload
rm -rf "$top"
echo "1..$number"
[ "$failed" -eq 0 ]
