#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Makes the test guest's initramfs from this machine's busybox-static and redis, the balloon's
# driver, statically linked programs of the tests and tests/guest/init. Runs on the build machine,
# as any user. Usage:
#   mkinitramfs.sh OUT.cpio.gz PROGRAM...
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/image.sh"

[ $# -ge 2 ] || fail "usage: mkinitramfs.sh OUT.cpio.gz PROGRAM..."
out=$1
shift
release=$("$here/../../tools/kver.sh")
balloon=/lib/modules/$release/kernel/drivers/virtio/virtio_balloon.ko.xz
redis=(/usr/bin/redis-server /usr/bin/redis-benchmark /usr/bin/redis-cli)
for program in "${redis[@]}"; do
	[ -x "$program" ] || fail "no $program: install redis-server and redis-tools"
done
for program in "$@"; do
	[ -x "$program" ] || fail "no program $program"
	! ldd "$program" >/dev/null 2>&1 || fail "$program is not statically linked"
done
[ -r "$balloon" ] || fail "no $balloon: install linux-image-$release"

image_begin "$here/init"
install -m 755 "$@" "$tree/bin/"
image_add "${redis[@]}"
xz -dc "$balloon" >"$tree/virtio_balloon.ko"
image_end "$out" gzip -n -1
