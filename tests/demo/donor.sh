#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A donor host of the demo: lends 512 MiB at the other end of link NUMBER until there is
# out/demo/over.
# Usage, inside a host: donor.sh NUMBER
set -euo pipefail
top=$DMEM_TOP demo=$DMEM_TOP/out/demo number=$1
exec 2>&1

"$top/tests/vm/link.sh" "$number" "10.88.$number.2"
modprobe rdma_ucm
"$top/out/dmem-memnode" --listen "10.88.$number.2" --memory 512M --key-file "$demo/key" \
	--allow "10.88.$number.0/24" --renew 5000 >"$demo/donor-$number.memnode.log" 2>&1 &
memnode=$!
until grep -q ': lends ' "$demo/donor-$number.memnode.log"; do
	kill -0 "$memnode"
	sleep 0.5
done
touch "$demo/donor-$number.ready"
until [ -e "$demo/over" ]; do
	kill -0 "$memnode"
	sleep 1
done
# No draining: the pool is gone, or the demo has failed.
kill -INT "$memnode"
wait "$memnode"
