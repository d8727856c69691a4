#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Installs what building and testing dmem needs: says what and why first, does nothing and says
# nothing when all is there, upgrades nothing else, leaves the machine's own sources alone.
# Usage: deps.sh [--debug-kernel | --static]   (also the sources that tools/debug-kernel.sh builds
# from; what tests/static.sh looks at the module with)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"
PATH=$PATH:/usr/sbin:/sbin

# package, suite on Debian 12 ("-": the release's own), why
needed='
gcc - compiling
libc6-dev - compiling
make - compiling
pkg-config - compiling
clang - BPF_programs
llvm - BPF_programs
dwarves - type_information_of_the_module
bpftool backports BPF_skeletons
libbpf-dev backports BPF_loader
libelf-dev - BPF_loader
zlib1g-dev - BPF_loader
libncurses-dev - dmemtop
libjson-c-dev - JSON_output
libcmocka-dev - unit_tests
nettle-dev - proofs_between_hosts_and_donors
libibverbs-dev - the_donor
librdmacm-dev - the_donor
libsystemd-dev - the_donor
libmicrohttpd-dev - metrics
rdma-core - RDMA_in_the_tests
ibverbs-providers - RDMA_in_the_tests
libkeyutils-dev - keys_of_mounts
gnuplot-nox - plots_of_the_benchmark
perftest - RDMA_in_the_benchmark
linux-image-amd64 backports the_kernel_under_test
linux-headers-amd64 backports the_module
kmod - loading_the_module
zstd - kernel_modules
xz-utils - kernel_modules
virtme-ng trixie booting_the_kernel_under_test
debootstrap - the_emulator_in_the_cache
busybox-static - the_guest_in_the_tests
redis-server - the_guest_in_the_tests
redis-tools - the_guest_in_the_tests
cpio - the_guest_in_the_tests
mandoc - checking_the_manual_pages
memcached - the_guest_in_the_benchmark
libsqlite3-dev - the_guest_in_the_benchmark
iproute2 - tests
procps - tests
util-linux - tests
tmux - tests_of_dmemtop
dropbear-bin - tests_of_dmemtop
prometheus - tests_of_metrics
libvirt-daemon-system - libvirt_in_the_tests
libvirt-daemon - libvirt_in_the_tests
libvirt-daemon-driver-qemu - libvirt_in_the_tests
libvirt-clients - libvirt_in_the_tests
qemu-system-x86 - libvirt_in_the_tests
'
if [ "${1:-}" = --debug-kernel ]; then
	needed+='
linux-source-6.12 backports the_debug_kernel
flex - the_debug_kernel
bison - the_debug_kernel
bc - the_debug_kernel
libssl-dev - the_debug_kernel
rsync - the_debug_kernel
'
fi
if [ "${1:-}" = --static ]; then
	needed+='
sparse - checking_the_module
linux-source-6.12 backports checkpatch
'
fi

have() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

. /etc/os-release 2>/dev/null || ID=unknown
case ${ID:-unknown}-${VERSION_CODENAME:-} in
debian-bookworm | debian-trixie) ;;
*)
	# Not ours to install on: name what a build would stumble over, and let it try.
	missing=()
	for command in gcc make pkg-config clang bpftool pahole vng qemu-system-x86_64 busybox \
		redis-server redis-benchmark memcached cpio insmod gnuplot mandoc tmux ib_read_lat \
		dropbear prometheus promtool libvirtd virtlogd virsh; do
		command -v "$command" >/dev/null || missing+=("$command")
	done
	for library in libbpf ncursesw json-c cmocka libelf sqlite3 nettle libkeyutils \
		libibverbs librdmacm libsystemd libmicrohttpd; do
		pkg-config --exists "$library" 2>/dev/null || missing+=("$library (library)")
	done
	[ -n "$("$here/kver.sh")" ] || missing+=("kernel headers, 6.12 or newer")
	[ ${#missing[@]} -gt 0 ] || exit 0
	echo "deps: ${PRETTY_NAME:-this system} is not Debian 12 or 13, so nothing is installed." >&2
	echo "deps: install these and try again:" >&2
	printf '  %s\n' "${missing[@]}" >&2
	exit 1
	;;
esac

missing=() targets=()
while read -r package suite why; do
	[ -n "$package" ] || continue
	if have "$package"; then
		# Debian 12's own versions of these are there and too old.
		[ "$VERSION_CODENAME" = bookworm ] && [ "$suite" = backports ] || continue
		case $package in
		bpftool) dpkg --compare-versions "$(dpkg-query -W -f '${Version}' bpftool)" lt 7.5 || continue ;;
		libbpf-dev) dpkg --compare-versions "$(dpkg-query -W -f '${Version}' libbpf-dev)" lt 1:1.4 || continue ;;
		linux-*) dpkg --compare-versions "$(dpkg-query -W -f '${Version}' "$package")" lt 6.12 || continue ;;
		esac
	fi
	missing+=("$package (${why//_/ })")
	case $VERSION_CODENAME-$suite in
	bookworm-backports) targets+=("$package/bookworm-backports") ;;
	bookworm-trixie) targets+=("$package/trixie") ;;
	*) targets+=("$package") ;;
	esac
done <<<"$needed"

qemu_missing=
[ -e "$DMEM_CACHE/qemu11/.done" ] && [ -e "$DMEM_CACHE/qemu11/.mended" ] || qemu_missing=yes
[ ${#missing[@]} -gt 0 ] || [ -n "$qemu_missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
	root=()
elif command -v sudo >/dev/null; then
	root=(sudo)
else
	[ -z "$qemu_missing" ] || missing+=("QEMU 11, into $DMEM_CACHE/qemu11")
	echo "deps: installing needs root, and there is no sudo here; to install:" >&2
	printf '  %s\n' "${missing[@]}" >&2
	exit 1
fi

mirror=$("$here/mirror.sh")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

install_packages() {
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	local apt=(-q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/parts"
		-o Dir::Etc::Preferences="$work/preferences" -o Dir::State::Lists="$work/lists"
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o DPkg::Lock::Timeout=300)
	local suites=("$VERSION_CODENAME") suite

	[ "$VERSION_CODENAME" = trixie ] || suites+=(bookworm-backports trixie)
	mkdir -p "$work/parts" "$work/lists/partial"
	for suite in "${suites[@]}"; do
		printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' \
			"$mirror" "$suite" "$keyring"
	done >"$work/parts/dmem.sources"
	# The release's own packages come first; the extra suites only where asked for by name.
	printf 'Package: *\nPin: release n=%s\nPin-Priority: %s\n\n' \
		bookworm-backports 100 >"$work/preferences"
	[ "$VERSION_CODENAME" = trixie ] ||
		printf 'Package: *\nPin: release n=trixie\nPin-Priority: 50\n\n' >>"$work/preferences"
	chmod -R a+rX "$work"

	echo "deps: installing from Debian:"
	printf '  %s\n' "${missing[@]}"
	if ! "${root[@]}" apt-get "${apt[@]}" update >"$work/log" 2>&1 </dev/null ||
		! "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 SYSTEMD_OFFLINE=1 \
			apt-get "${apt[@]}" install -y --no-install-recommends "${targets[@]}" \
			>>"$work/log" 2>&1 </dev/null; then
		tail -n 30 "$work/log" >&2
		echo "deps: apt-get failed (above); nothing was half made that a second run cannot mend" >&2
		exit 1
	fi
}

[ ${#missing[@]} -eq 0 ] || install_packages
if [ -n "$qemu_missing" ]; then
	echo "deps: making QEMU 11 ready in $DMEM_CACHE/qemu11 (older ones' emulated SVM kills guests)"
	"${root[@]}" env DMEM_CACHE="$DMEM_CACHE" "$here/qemu-install.sh" "$mirror"
fi
