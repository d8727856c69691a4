#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In a host of host.sh: gives its end of a --link an address and an RDMA device (soft-RoCE).
# Usage: link.sh NUMBER ADDRESS, the number as --link has it; the network is ADDRESS/24.
set -eu
number=$(printf %02x "$1")

modprobe rdma_rxe
for device in /sys/class/net/*; do
	case $(cat "$device/address") in
	52:54:00:64:6[de]:"$number") ;;
	*) continue ;;
	esac
	device=${device##*/}
	ip link set "$device" mtu 4200 up
	ip addr add "$2/24" dev "$device"
	rdma link add "link$1" type rxe netdev "$device"
	exit 0
done
echo "link.sh: no interface is the end of link $1" >&2
exit 1
