#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Every command of dmemctl and every bad input, with its message and that nothing is left of it.
# Runs inside a host (tests/vm/host.sh) as root with the module loaded; prints TAP. Pools are
# mounted below /run/dmem-ctl alone. The module is unloaded and loaded again by the last test.
set -u
cd "${DMEM_TOP:-.}" || exit 1

. tests/dmemctl-lib.sh

test_version_and_help() {
	ctl 0 version
	printed 'version  *[0-9.]*'
	printed 'abi version  *1'
	ctl 0 --version --json
	json 'd["abi_version"] == 1 and d["version"]'
	ctl 0 help
	printed 'dmemctl create PATH --size SIZE .*'
	ctl 0 help --json
	json '{c["name"] for c in d["commands"]} == set("""mount umount create set show list flush
		remove donors run events doctor version help""".split())'
	ctl 0 set --help
	printed 'dmemctl set PATH .*'
	! grep -q 'dmemctl create' "$work/out" || no "set --help is help for all"
}

test_misuse() {
	refused 2 'which command? (dmemctl help lists them)'
	refused 2 'unknown command frob (dmemctl help lists them)' frob
	refused 2 'unknown option --frob' --frob
	refused 2 'unknown option -q' -q
	refused 2 'show: unknown option --frob' show --frob
	refused 2 'show: PATH is needed' show
	refused 2 'show: PATH is empty' show ''
	refused 2 'show a: one operand too many: b' show a b
	refused 2 'version: one operand too many: a' version a
	refused 2 'help frob: no such command' help frob
	refused 2 'show a: takes no --size' show a --size 1G
	refused 2 'create a: takes no --options' create a --size 1G -o x
	refused 2 'create a: takes no --donor' create a --size 1G --donor local:1G
	refused 2 'create: --size needs an argument' create --size
	refused 2 'mount a: -o needs an argument' mount a -o
	refused 2 'list: --json=1: this option takes no argument' list --json=1
	refused 2 'create a: --size is given twice: 1G and 2G' create a --size 1G --size 2G
	refused 2 'create a: --size is needed' create a
	refused 2 'set a: nothing to set: --direct or --order is needed' set a
}

test_bad_numbers() {
	new_pool
	for size in '' 8X -1 1.5 0.3G ' 1G' 1e3; do
		refused 2 "create $pool/vm: --size $size: not a size (as 4096, 512M, 1.5G)" \
			create "$pool/vm" --size "$size"
	done
	refused 2 "create $pool/vm: --size 16777216T: more than 64 bits of bytes" \
		create "$pool/vm" --size 16777216T
	for percent in 0% 101% % -5% 1.5% 99999999999999999999%; do
		refused 2 "create $pool/vm: --direct $percent: not a percentage from 1% to 100%" \
			create "$pool/vm" --size 8M --direct "$percent"
	done
	refused 2 "create $pool/vm: --direct lots: not a size (as 4096, 512M, 1.5G)" \
		create "$pool/vm" --size 8M --direct lots
	for order in '' x -1 1.0 99999999999; do
		refused 2 "create $pool/vm: --order $order: not a number from 0 to 9" \
			create "$pool/vm" --size 8M --order "$order"
	done
	is_empty
}

test_mount() {
	new_pool donor=local:64M,direct=25%,order=3
	printed 'POOL  *LENT  *RESERVED  *OPTIONS'
	printed "$pool  *64 MiB  *0 B  rw,.*donor=local:64M,direct=25%,order=3,.*"
	ctl 0 umount "$pool"
	printed "unmounted  $pool"
	no_pool
	ctl 0 mount "$pool" -o donor=local:64M --json
	json 'd["path"] == "'"$pool"'" and d["lent_bytes"] == 64 << 20 and d["reserved_bytes"] == 0' \
		'"donor=local:64M" in d["options"].split(",")'
	ctl 0 --json umount "$pool/"
	json 'd == {"unmounted": "'"$pool"'"}'
	no_pool
}

test_mount_refused() {
	mkdir -p "$pool"
	touch "$work/file"
	refused 1 "mount $pool: no donor: mount with -o donor=local:SIZE" mount "$pool"
	refused 1 "mount $pool: no donor: mount with -o donor=local:SIZE" mount "$pool" -o ''
	refused 1 "mount $pool: Unknown parameter 'colour'" \
		mount "$pool" -o donor=local:64M,colour=red
	refused 1 "mount $pool: order=10: not from 0 to 9" mount "$pool" -o donor=local:64M,order=10
	refused 1 "mount $pool: donor=local:1Gx: not a size in whole pages" \
		mount "$pool" -o donor=local:1Gx
	refused 1 "mount $pool: direct=0%: not a percentage from 1% to 100%" \
		mount "$pool" -o donor=local:64M,direct=0%
	refused 1 "mount $pool: size=100: not a multiple of 4 KiB above zero" \
		mount "$pool" -o donor=local:64M,size=100
	refused 1 "mount $pool: donor=local:2M: a pool has one donor, and it is local:1M" \
		mount "$pool" -o donor=local:1M,donor=local:2M
	ctl 1 mount "$pool" -o donor=tape:1G
	grep -q 'tape' "$work/err" || no "donor=tape:1G: $(cat "$work/err")"
	refused 1 "mount $top/nowhere: No such file or directory" \
		mount "$top/nowhere" -o donor=local:64M
	[ ! -e "$top/nowhere" ] || no "mount made $top/nowhere"
	refused 1 "mount $work/file: Not a directory" mount "$work/file" -o donor=local:64M
	no_pool
	new_pool
	refused 1 "mount $pool: in a dmem pool already" mount "$pool" -o donor=local:64M
	[ "$(grep -c " $pool " /proc/mounts)" -eq 1 ] || no "mounted twice"
}

test_umount_refused() {
	refused 1 "umount $top/nowhere: No such file or directory" umount "$top/nowhere"
	refused 1 "umount $work: not in a dmem pool" umount "$work"
	new_pool
	mkdir "$pool/guests"
	refused 1 "umount $pool/guests: not where the pool is mounted" umount "$pool/guests"
	ctl 0 create "$pool/vm" --size 8M
	exec 9<"$pool/vm"
	refused 1 "umount $pool: in use: something in it is open, mapped or a mount point" \
		umount "$pool"
	[ -e "$pool/vm" ] || no "the VM memory is gone"
	exec 9<&-
	ctl 0 umount "$pool"
}

test_create() {
	new_pool donor=local:64M,order=2
	ctl 0 create "$pool/vm0" --size 8M
	printed 'VM MEMORY  *ID  *SIZE  *LIMIT  *DIRECT  *REMOTE  *ORDER  *FAULTS  *FETCHED'
	printed "$pool/vm0  *[0-9]*  *8 MiB  *4 MiB  *0 B  *0 B  *2  *0  *0"
	[ "$(stat -c '%a %s' "$pool/vm0")" = '600 8388608' ] || no "$(stat "$pool/vm0")"
	is_reserved 8388608
	ctl 0 create "$pool/vm1" --size 1.5M --direct 1M --order 9 --json
	json 'd["path"] == "'"$pool/vm1"'" and d["name"] == "vm1" and d["order"] == 9' \
		'd["size_bytes"] == 3 << 19 and d["direct_limit_bytes"] == 1 << 20' \
		'd["id"] == os.stat(d["path"]).st_ino'
	(cd "$pool" && ctl 0 create vm2 --size 8MiB --direct 30% --json) || exit 1
	json 'd["path"] == "'"$pool/vm2"'" and d["direct_limit_bytes"] == 2048 * 30 // 100 * 4096'
	# What the pool's own direct=1% would be: never below 64 pages.
	ctl 0 create "$pool/vm3" --size 8M --direct 1% --json
	json 'd["direct_limit_bytes"] == 64 * 4096'
	ctl 0 create --order=0 --size=64K --direct=100% --json -- "$pool/-vm4"
	json 'd["name"] == "-vm4" and d["direct_limit_bytes"] == d["size_bytes"] == 65536'
}

# Nothing half made: whatever is refused leaves neither file nor reservation.
test_create_refused() {
	new_pool donor=local:64M,size=32M
	vm=$pool/vm
	refused 1 "create $vm: direct limit 9M is larger than size 8M" \
		create "$vm" --size 8M --direct 9M
	refused 1 "create $vm: direct limit 8196K is larger than size 8M" \
		create "$vm" --size 8M --direct 8196K
	refused 1 "create $vm: direct limit 5000 is not a multiple of 4K" \
		create "$vm" --size 8M --direct 5000
	refused 1 "create $vm: direct limit 252K is smaller than 256K, the least" \
		create "$vm" --size 8M --direct 252K
	refused 1 "create $vm: direct limit 0 is smaller than 256K, the least" \
		create "$vm" --size 8M --direct 0
	refused 1 "create $vm: order 10 is not from 0 to 9" create "$vm" --size 8M --order 10
	refused 1 "create $vm: order 10 is not from 0 to 9" \
		create "$vm" --size 8M --direct 9M --order 10
	refused 1 "create $vm: size 5000 is not a multiple of 4K" create "$vm" --size 5000
	refused 1 "create $vm: size 0 is no memory" create "$vm" --size 0
	refused 1 "create $vm: size 33M is more than the pool has left, 32M" create "$vm" --size 33M
	refused 1 "create $vm: size 8388608T is more than a file can have" create "$vm" --size 8388608T
	refused 1 "create $vm: size 8388607T is more than a file can have" create "$vm" --size 8388607T
	refused 1 "create $pool/no/vm: $pool/no: No such file or directory" \
		create "$pool/no/vm" --size 8M
	refused 1 "create $pool/: not the name of a file" create "$pool/" --size 8M
	refused 1 "create $pool/..: not the name of a file" create "$pool/.." --size 8M
	refused 1 "create $work/vm: not in a dmem pool" create "$work/vm" --size 8M
	[ ! -e "$work/vm" ] || no "made $work/vm"
	long=$(printf '%0300d' 0)
	refused 1 "create $pool/$long: File name too long" create "$pool/$long" --size 8M
	is_empty

	ctl 0 create "$vm" --size 4M --order 1
	refused 1 "create $vm: File exists" create "$vm" --size 8M --order 3
	refused 1 "create $vm/vm: $vm: Not a directory" create "$vm/vm" --size 8M
	ctl 0 show "$vm" --json
	json 'd["size_bytes"] == 4 << 20 and d["order"] == 1'
	is_reserved 4194304
}

test_set() {
	new_pool
	ctl 0 create "$pool/vm" --size 8M
	ctl 0 set "$pool/vm" --direct 2M --order 4
	printed "$pool/vm  *[0-9]*  *8 MiB  *2 MiB  *0 B  *0 B  *4  *0  *0"
	ctl 0 set "$pool/vm" --direct 75% --json
	json 'd["direct_limit_bytes"] == 6 << 20 and d["order"] == 4'
	ctl 0 set "$pool/vm" --order 0 --json
	json 'd["direct_limit_bytes"] == 6 << 20 and d["order"] == 0'
}

# All or nothing: a good order beside a bad limit changes nothing.
test_set_refused() {
	new_pool
	vm=$pool/vm
	ctl 0 create "$vm" --size 8M --direct 1M --order 1
	refused 1 "set $vm: direct limit 9M is larger than size 8M" set "$vm" --direct 9M --order 5
	refused 1 "set $vm: order 10 is not from 0 to 9" set "$vm" --direct 2M --order 10
	refused 1 "set $vm: direct limit 1048577 is not a multiple of 4K" set "$vm" --direct 1048577
	refused 1 "set $vm: direct limit 4K is smaller than 256K, the least" set "$vm" --direct 4K
	ctl 0 show "$vm" --json
	json 'd["direct_limit_bytes"] == 1 << 20 and d["order"] == 1'
	: >"$pool/unsized"
	refused 1 "set $pool/unsized: no direct limit without a size: it is 0" \
		set "$pool/unsized" --direct 50%
	refused 1 "set $pool/unsized: direct limit 1M is larger than size 0" \
		set "$pool/unsized" --direct 1M
}

test_show() {
	new_pool
	ctl 0 create "$pool/vm" --size 8M --direct 1M --order 2
	touch_memory "$pool/vm" 4194304
	ctl 0 show "$pool/vm"
	printed "path  *$pool/vm"
	printed 'name  *vm'
	printed 'size  *8 MiB'
	printed 'direct limit  *1 MiB'
	printed 'zero fills  *1024'
	printed 'fetches  *none'
	touch_memory "$pool/vm" 4194304
	ctl 0 show "$pool/vm"
	printed 'fetches  *.*16K: [0-9].*'
	ctl 0 show "$pool/vm" --json
	json 'set(d) == set("""path name id order size_bytes direct_limit_bytes direct_bytes
		remote_bytes faults soft_faults zero_fills fetches fetched_pages prefetched_pages
		prefetched_used_pages prefetched_unused_pages evicted_pages evictions
		writeback_pages writebacks zero_pages rescued_pages pinned_skips retries stalls
		policy_decisions policy_clamped errors regions prefetches_queued
		prefetches_dropped""".split())' \
		'all(type(v) is int for k, v in d.items() if k not in ("path", "name", "fetches"))' \
		'len(d["fetches"]) == 10 and sum(d["fetches"]) > 0 and d["direct_bytes"] <= 1 << 20' \
		'd["direct_bytes"] + d["remote_bytes"] >= 4 << 20 and d["regions"] == 2'
}

# What is no VM memory is refused, and not so much as opened.
test_not_a_vm() {
	new_pool
	mkdir "$pool/guests"
	mkfifo "$work/fifo"
	for command in show flush 'set --order 1'; do
		verb=${command%% *}
		# shellcheck disable=SC2086 # words on purpose
		{
			refused 1 "$verb $pool/no: No such file or directory" $command "$pool/no"
			refused 1 "$verb $pool/guests: a directory, not a VM memory" \
				$command "$pool/guests"
			refused 1 "$verb /etc/passwd: not in a dmem pool" $command /etc/passwd
			refused 1 "$verb $work/fifo: not in a dmem pool" $command "$work/fifo"
		}
	done
}

test_flush() {
	new_pool
	ctl 0 create "$pool/vm" --size 8M --direct 100%
	touch_memory "$pool/vm" 2097152
	ctl 0 flush "$pool/vm" --json
	json 'd == {"path": "'"$pool/vm"'", "evicted_pages": 512, "kept_pages": 0}'
	ctl 0 show "$pool/vm" --json
	json 'd["remote_bytes"] == 2 << 20 and d["direct_bytes"] == 0'
	ctl 0 flush "$pool/vm"
	printed 'evicted pages  *0'
	printed 'kept pages  *0'
}

test_list() {
	ctl 0 list
	printed 'no pool is mounted'
	ctl 0 list --json
	json 'd == {"pools": [], "vms": []}'
	new_pool
	ctl 0 list
	[ "$(wc -l <"$work/out")" -eq 2 ] || no "an empty pool: $(cat "$work/out")"
	mkdir -p "$pool/guests/deep" "$top/other"
	for vm in vm10 vm9 guests/a guests/deep/b; do
		ctl 0 create "$pool/$vm" --size 2M
	done
	ctl 0 mount "$top/other" -o donor=local:16M
	ctl 0 create "$top/other/c" --size 1M
	ctl 0 list
	printed "$pool  *64 MiB  *8 MiB  .*"
	printed "$top/other/c  *[0-9]*  *1 MiB  *512 KiB  *0 B  *0 B  *0  *0  *0"
	ctl 0 list --json
	json '[p["path"] for p in d["pools"]] == ["'"$pool"'", "'"$top/other"'"]' \
		'[v["path"].removeprefix("'"$top/"'") for v in d["vms"]] ==
		["pool/guests/a", "pool/guests/deep/b", "pool/vm9", "pool/vm10", "other/c"]' \
		'd["pools"][0]["reserved_bytes"] == 8 << 20 and d["vms"][0]["size_bytes"] == 2 << 20'
	ctl 0 list "$pool/guests/" --json
	json '[p["path"] for p in d["pools"]] == ["'"$pool"'"]' \
		'[v["path"].removeprefix("'"$pool/"'") for v in d["vms"]] == ["guests/a", "guests/deep/b"]'
	refused 1 "list $work: not in a dmem pool" list "$work"
	refused 1 "list $top/no: No such file or directory" list "$top/no"
	refused 1 "list $pool/vm9: Not a directory" list "$pool/vm9"
}

# Bind mounts, hidden pools, odd names.
test_list_odd() {
	new_pool
	odd="$top/a b	c\\d"
	mkdir -p "$odd" "$top/bind"
	ctl 0 mount "$odd" -o donor=local:16M --json
	json 'd["path"] == r"'"$odd"'"'
	ctl 0 create "$odd/vm" --size 1M
	mount --bind "$pool" "$top/bind" || no "mount --bind"
	ctl 0 create "$pool/$(printf 'vm\377\033[2J')" --size 1M
	mkdir "$pool/inner"
	mount -t tmpfs none "$pool/inner" || no "mount -t tmpfs"
	: >"$pool/inner/file"
	ctl 0 list --json
	json '[p["path"] for p in d["pools"]] == ["'"$pool"'", r"'"$odd"'"]' \
		'[v["name"] for v in d["vms"]] == ["vm\ufffd\x1b[2J", "vm"]'
	ctl 0 list
	! grep -q "$(printf '\033')" "$work/out" || no "an escape sequence reached the terminal"
	mount -t tmpfs none "$odd" || no "mount -t tmpfs"
	ctl 0 list --json
	json '[p["path"] for p in d["pools"]] == ["'"$pool"'"]'
	umount "$odd" "$top/bind" "$pool/inner"
	ctl 0 umount "$odd"
}

test_remove() {
	new_pool
	ctl 0 create "$pool/vm" --size 8M
	ctl 0 create "$pool/used" --size 8M
	ln -s "$pool/vm" "$work/link"
	mkdir "$pool/guests"
	ctl 0 show "$work/link" --json
	json 'd["path"] == "'"$pool/vm"'"'
	refused 1 "remove $work/link: not in a dmem pool" remove "$work/link"
	refused 1 "remove $work/err: not in a dmem pool" remove "$work/err"
	refused 1 "remove $pool/no: No such file or directory" remove "$pool/no"
	refused 1 "remove $pool/guests: a directory, not a VM memory" remove "$pool/guests"
	refused 1 "remove $pool/: not the name of a file" remove "$pool/"
	for left in "$pool/vm" "$work/link" "$pool/guests"; do
		[ -e "$left" ] || no "$left is gone"
	done
	ctl 0 remove "$pool/vm"
	printed "removed  $pool/vm"
	[ ! -e "$pool/vm" ] || no "$pool/vm is still there"
	exec 9<"$pool/used"
	ctl 0 remove "$pool/used" --json
	json 'd == {"removed": "'"$pool/used"'"}'
	is_reserved 8388608
	exec 9<&-
	rmdir "$pool/guests"
	is_empty
}

# A user who is not root sees what the permissions let him see, and is told what he may not.
test_no_permission() {
	new_pool
	chmod 755 "$top"
	ctl 0 create "$pool/secret" --size 1M
	ctl 0 create "$pool/shared" --size 1M
	chmod 644 "$pool/shared"
	cat >"$work/nobody" <<-EOF
		#!/bin/sh
		exec setpriv --reuid 65534 --regid 65534 --clear-groups '$ctl' "\$@"
	EOF
	chmod 755 "$work/nobody"
	ctl=$work/nobody
	mkdir "$top/target"
	refused 1 "mount $top/target: mounting needs root (CAP_SYS_ADMIN)" \
		mount "$top/target" -o donor=local:16M
	refused 1 "umount $pool: unmounting needs root (CAP_SYS_ADMIN)" umount "$pool"
	refused 1 "show $pool/secret: Permission denied" show "$pool/secret"
	refused 1 "create $pool/vm: Permission denied" create "$pool/vm" --size 1M
	refused 1 "remove $pool/shared: Permission denied" remove "$pool/shared"
	ctl 0 show "$pool/shared"
	refused 1 "set $pool/shared: Permission denied" set "$pool/shared" --order 1
	refused 1 "flush $pool/shared: Permission denied" flush "$pool/shared"
	ctl 1 list --json
	json '[v["name"] for v in d["vms"]] == ["shared"]'
	said "dmemctl: list $pool: $pool/secret: Permission denied" list
	chmod 700 "$pool"
	ctl 1 list --json
	json 'len(d["pools"]) == 1 and d["vms"] == []'
	said "dmemctl: list $pool: Permission denied" list
	mkdir -m 700 "$top/closed" "$top/closed/pool"
	umount "$pool"
	mount -t dmem -o donor=local:16M none "$top/closed/pool" || no "mount -t dmem"
	refused 1 "list $top/closed/pool: Permission denied" list
}

test_full_disk() {
	new_pool
	status=0
	"$ctl" list >/dev/full 2>"$work/err" || status=$?
	[ "$status" -eq 1 ] || no "status $status"
	grep -q 'No space left on device' "$work/err" || no "said '$(cat "$work/err")'"
}

# The last: nothing else can hold the module now.
test_module_not_loaded() {
	mkdir -p "$pool"
	rmmod dmem 2>"$work/err" || no "rmmod: $(cat "$work/err")"
	refused 1 "mount $pool: the dmem module is not loaded (modprobe dmem)" \
		mount "$pool" -o donor=local:64M
	insmod core-kmod/dmem.ko || no "insmod failed"
	no_pool
}

run_tests version_and_help misuse bad_numbers mount mount_refused umount_refused create \
	create_refused set set_refused show not_a_vm flush list list_odd remove no_permission \
	full_disk module_not_loaded
