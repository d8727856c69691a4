#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs every selftest in the host that this was started in, one after another; a new selftest is
# a new file in selftests/. Each finds the module loaded, no pool mounted and no plane pinned, and
# must leave it so. Usage: selftests.sh [PROGRAM...]   (all but those of other hosts unless named)
set -u
cd "$DMEM_TOP" || exit 1
exec 2>&1
number=0

# note OK WHAT: a result of this script's own, beside those of the programs it runs.
note() {
	number=$((number + 1))
	echo "$1 selftests: $2"
}

load() {
	[ -e /dev/kvm ] || modprobe kvm_amd 2>/dev/null || modprobe kvm_intel || return 1
	insmod core-kmod/dmem.ko
}

left_over() {
	grep -q ' dmem ' /proc/mounts && echo "a pool is still mounted"
	[ ! -e /sys/fs/bpf/dmem ] || echo "the plane is still pinned"
	[ -e /sys/module/dmem ] || echo "the module is gone"
	[ -z "$(ls /sys/class/infiniband 2>/dev/null)" ] || echo "an RDMA device is still there"
	pidof dmem-memnode >/dev/null && echo "a donor is still running"
}

if ! load; then
	echo "not ok - the module does not load"
	echo 1..1
	exit 1
fi
status=0
[ $# -gt 0 ] || set -- out/tests/* ${DMEM_DEBUG:+out/debug/tests/* tests/selftests/debug/*.sh} \
	tests/selftests/*.sh
for test; do
	[ -f "$test" ] || continue
	echo "# $test"
	case $test in
	*.sh) sh "$test" ;;
	*) "$test" ;;
	esac || status=1
	left=$(left_over)
	if [ -n "$left" ]; then
		note "not ok" "$test leaves things behind: $left"
		status=1
		umount /run/dmem-test 2>/dev/null
		out/dmem-tuner --unload 2>/dev/null
		kill -9 $(pidof dmem-memnode) 2>/dev/null
		bash tests/vm/rxe.sh down
		[ -e /sys/module/dmem ] || insmod core-kmod/dmem.ko
	fi
done
if rmmod dmem; then
	note ok "the module unloads"
else
	note "not ok" "the module does not unload"
	status=1
fi
echo "1..$number"
exit "$status"
