#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# docs/recipes.md's part about libvirt, in a host with the module not loaded: its two pieces of
# configuration are taken from there. A domain boots on memory in the pool and checks it, is started
# again and destroyed; each time its memory is gone with it. libvirtd is started by hand: the host
# has no systemd. Exit status: 0 all went well, 3 the guest was reset without a word
# (docs/testing.md), 1 anything else.
set -euo pipefail
cd "${DMEM_TOP:-$(dirname "$0")/../..}"
work=/run/dmem-libvirt
pool=/run/dmem
console=$work/console
. tests/guest/within.sh
virsh=(virsh -q -c qemu:///system)
append="console=ttyS0 quiet panic=-1 reboot=t dmem.work=pattern dmem.pattern_bytes=$((80 << 20))"
daemons=() fetched=0

# Of a domain that still runs: where it hangs.
show_domain() {
	local pid what
	pid=$(pgrep -f 'qemu-system-x86_64.*guest=vm0' | head -n 1)
	[ -n "$pid" ] || return 0
	show_threads "$pid"
	out/dmemctl show "$(memory)"
	for what in 'info status' 'info registers' 'info lapic'; do
		"${virsh[@]}" qemu-monitor-command vm0 --hmp "$what"
	done
	grep -H . /sys/kernel/debug/kvm/"$pid"-*/vcpu0/* 2>/dev/null
}

fail() {
	echo "libvirt.sh: $*" >&2
	show_domain >&2
	tail -n 20 "$console" 2>/dev/null | tr -d '\r' >&2
	tail -n 5 /var/log/libvirt/qemu/vm0.log "$work"/*.log 2>/dev/null >&2
	exit "${code:-1}"
}

clean_up() {
	local daemon folder
	"${virsh[@]}" destroy vm0 2>/dev/null
	for daemon in "${daemons[@]}"; do
		kill "$daemon" 2>/dev/null && wait "$daemon"
	done
	for folder in $(sed -n 's|^[^ ]* \([^ ]*/libvirt\) .*|\1|p' /proc/mounts); do
		umount -l "$folder"
	done
	rm -rf "$work"
	! grep -q " $pool " /proc/mounts || umount "$pool"
	[ ! -e /sys/module/dmem ] || rmmod dmem
} >&2
trap 'set +e; clean_up' EXIT

# block LANGUAGE: the first block of it in the recipe.
block() {
	awk -v "begin=\`\`\`$1" '$0 == begin { on = 1; next } /^```/ { if (on) exit } on' \
		docs/recipes.md
}

# What libvirt writes to is a folder of this host's own; its settings are Debian's and one line.
configure() {
	local folder
	mkdir -p "$work/etc"
	cp -a /etc/libvirt/. "$work/etc/"
	block conf >>"$work/etc/qemu.conf"
	mount --bind "$work/etc" /etc/libvirt
	for folder in /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
		mkdir -p "$folder"
		mount -t tmpfs tmpfs "$folder"
	done
	cp "/boot/vmlinuz-$(tools/kver.sh)" "$work/kernel"
	cp out/guest.cpio.gz "$work/initrd"
	: >"$console"
}

domain() {
	cat <<-END
		<domain type='kvm'>
		<name>vm0</name>
		<memory unit='MiB'>256</memory>
		$(block xml)
		<vcpu>1</vcpu>
		<cpu mode='host-passthrough'/>
		<os>
		<type arch='x86_64' machine='q35'>hvm</type>
		<kernel>$work/kernel</kernel>
		<initrd>$work/initrd</initrd>
		<cmdline>$append</cmdline>
		</os>
		<features><acpi/></features>
		<on_reboot>destroy</on_reboot>
		<devices>
		<emulator>/usr/bin/qemu-system-x86_64</emulator>
		<serial type='file'><source path='$console' append='on'/></serial>
		<memballoon model='none'/>
		</devices>
		</domain>
	END
}

start_libvirt() {
	virtlogd >"$work/virtlogd.log" 2>&1 &
	daemons+=($!)
	libvirtd >"$work/libvirtd.log" 2>&1 &
	daemons=($! "${daemons[@]}")
	within 60 "${virsh[@]}" uri >/dev/null 2>&1 || fail "libvirtd does not answer"
}

memory() {
	find "$pool" -type f
}

no_memory() {
	[ -z "$(memory)" ]
}

said() {
	grep -aqs "dmem-guest: $1" "$console"
}

# Over, well or not: the guest powers off, whatever happened.
is_off() {
	[ "$("${virsh[@]}" domstate vm0)" = "shut off" ]
}

# Until then: what the core counts goes with the file.
is_off_counted() {
	local now
	now=$(out/dmemctl show --json "$file" 2>/dev/null |
		sed -n 's/^ *"fetched_pages": \([0-9]*\),*$/\1/p') || true
	fetched=${now:-$fetched}
	is_off
}

is_booted_or_off() {
	said booted || is_off
}

# ends_well: it has said PASS before it ended.
ends_well() {
	within 400 is_off_counted || fail "the guest does not end"
	said FAIL && fail "the guest said FAIL"
	said PASS || {
		grep -aq 'Kernel panic' "$console" || code=3
		fail "the guest ended without a PASS"
	}
}

for program in libvirtd virtlogd virsh qemu-system-x86_64; do
	command -v "$program" >/dev/null || fail "no $program (tools/deps.sh)"
done
[ "$(block conf | wc -l)" -eq 1 ] && [ "$(block xml | wc -l)" -gt 2 ] ||
	fail "docs/recipes.md has not one block of each kind"
[ -e /dev/kvm ] || modprobe kvm_amd 2>/dev/null || modprobe kvm_intel
chmod 666 /dev/kvm # as udev's rule has it
insmod core-kmod/dmem.ko
mkdir -p "$pool" "$work"
out/dmemctl mount --donor local:1G --direct 72M -o order=2,latency_ns=9000,ns_per_page=1000
configure
start_libvirt
domain >"$work/vm0.xml"
"${virsh[@]}" define "$work/vm0.xml"

"${virsh[@]}" start vm0 || fail "it does not start"
[ "$(memory)" = "$pool/libvirt/qemu/1-vm0/pc.ram" ] || fail "memory is in: $(memory)"
out/dmemctl list | sed 's/^/# /'
[ "$(stat -c '%s %U' "$(memory)")" = "$((256 << 20)) libvirt-qemu" ] || fail "$(stat "$(memory)")"
file=$(memory)
ends_well
no_memory || fail "the domain has ended, and there is still $(memory)"
echo "# the guest checked its memory; $fetched pages were fetched for it"
[ "$fetched" -gt 100 ] || fail "next to nothing was fetched"

: >"$console"
"${virsh[@]}" start vm0 || fail "it does not start again"
within 200 is_booted_or_off || fail "it does not boot again"
said booted || { code=3 && fail "it was off before it had booted"; }
out/dmemctl show "$(memory)" | sed 's/^/# /'
[ "$(du -s --block-size=1M "$(memory)" | cut -f 1)" -gt 10 ] || fail "$(du -h "$(memory)")"
"${virsh[@]}" destroy vm0 || fail "it is not destroyed"
within 20 no_memory || fail "destroyed, and there is still $(memory)"
[ "$(stat -f -c %b "$pool")" = "$(stat -f -c %f "$pool")" ] || fail "the pool is still in use"
