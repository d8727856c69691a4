#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In a host of host.sh that donates: lends 512 MiB at the other end of link NUMBER, with FOLDER/key,
# until there is FOLDER/over. FOLDER, in out/, gets donor-NUMBER.ready once it does, and its log.
# Usage: donor.sh FOLDER NUMBER
set -euo pipefail
folder=$1 number=$2
exec 2>&1
cd "$DMEM_TOP"

tests/vm/link.sh "$number" "10.88.$number.2"
modprobe -q rdma_ucm || :
# Three emulators on two CPUs may leave one alone for seconds.
out/dmem-memnode --listen "10.88.$number.2" --memory 512M --key-file "$folder/key" \
	--allow "10.88.$number.0/24" --renew 5000 >"$folder/donor-$number.memnode.log" 2>&1 &
memnode=$!
until grep -q ': lends ' "$folder/donor-$number.memnode.log"; do
	kill -0 "$memnode"
	sleep 0.5
done
touch "$folder/donor-$number.ready"
until [ -e "$folder/over" ]; do
	kill -0 "$memnode"
	sleep 1
done
# No draining: the pool is gone, or what was to be shown has failed.
kill -INT "$memnode"
wait "$memnode"
