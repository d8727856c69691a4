#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# bench.sh's part inside the host, whose time counts instructions: prints a JSON object a case.
set -euo pipefail
cd "$DMEM_TOP"

insmod core-kmod/dmem.ko
out/bench/micro

# What the BPF plane adds to a fetch: nothing of it, its histograms, and the policy too.
out/dmem-tuner --load >&2
out/bench/micro remote-read dmem-remote-read-histograms-policy
rm /sys/fs/bpf/dmem/link_policy
out/bench/micro remote-read dmem-remote-read-histograms
out/dmem-tuner --unload
rmmod dmem

modprobe brd rd_nr=1 rd_size=131072
mkswap /dev/ram0 >/dev/null
out/bench/micro swap /dev/ram0 swap-ram-0 0
out/bench/micro swap /dev/ram0 swap-ram-3 3
modprobe zram num_devices=1
echo 128M >/sys/block/zram0/disksize
mkswap /dev/zram0 >/dev/null
out/bench/micro swap /dev/zram0 swap-zram-0 0
