#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs the commands of docs/tutorial.md as they stand there, in a host with the module not loaded;
# what "sh build" blocks make is there already. Exit status: 0 all went well, 3 the guest was reset
# without a word (docs/testing.md), 1 anything else.
set -euo pipefail
cd "${DMEM_TOP:-$(dirname "$0")/../..}"
work=$(mktemp -d)

# Whatever is left when a command has failed.
clean_up() {
	local pid
	for pid in $(cat "$work/pids" 2>/dev/null); do
		kill "$pid" 2>/dev/null && sleep 1
	done
	rm -rf "$work"
	[ ! -e /sys/fs/bpf/dmem ] || out/dmem-tuner --unload
	! grep -q ' /run/dmem ' /proc/mounts || { rm -f /run/dmem/*; umount /run/dmem; }
	[ ! -e /sys/module/dmem ] || rmmod dmem
} >&2
trap clean_up EXIT

# The host's own QEMU is the cached one here.
mkdir "$work/bin"
command -v qemu-system-x86_64 >/dev/null && [ ! -e "$DMEM_CACHE/qemu11/.done" ] ||
	ln -s "$PWD/tools/qemu.sh" "$work/bin/qemu-system-x86_64"
awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } on' docs/tutorial.md >"$work/commands"
[ "$(wc -l <"$work/commands")" -gt 20 ] || {
	echo "docs/tutorial.md has next to no commands" >&2
	exit 1
}
# A debug kernel as the host is not in /boot: the guest is a stock one then.
[ -e "/boot/vmlinuz-$(uname -r)" ] ||
	sed -i "s|/boot/vmlinuz-\$(uname -r)|/boot/vmlinuz-$(tools/kver.sh)|" "$work/commands"
rm -f out/vm0.log

status=0
PATH=$work/bin:$PATH timeout $((400 * ${DMEM_SLOW:-1})) bash -xeo pipefail -c "
	trap 'jobs -p >\"$work/pids\"' EXIT
	. \"$work/commands\"" 2>&1 | sed 's/^/# /' || status=$?
[ "$status" -ne 0 ] || exit 0
echo "tutorial.sh: status $status; the end of the guest's console:" >&2
tail -n 20 out/vm0.log | tr -d '\r' >&2
if grep -aq 'dmem-guest: booted' out/vm0.log &&
	! grep -aqE 'dmem-guest: (PASS|FAIL)|Kernel panic' out/vm0.log; then
	exit 3
fi
exit 1
