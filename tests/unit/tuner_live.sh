#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# dmem-tuner on a live plane without a module (tests/tuner/live.c). Prints TAP; wants root and BPF
# maps, and says so where there are none.
cd "$(dirname "$0")/../.." || exit 1
if ! out/top-plane 1 1 true >/dev/null 2>&1; then
	echo 1..1
	echo "ok 1 - a live plane # SKIP no root, or no BPF maps here"
	exit 0
fi
exec out/tuner-live out/bpf/live.bpf.o out/dmem-tuner
