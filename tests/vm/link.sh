#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In a host of host.sh: gives its end of a --link an address and an RDMA device (soft-RoCE), or lets
# nothing out of it any more (cut) until it does again (join).
# Usage: link.sh NUMBER ADDRESS|cut|join, the number as --link has it; the network is ADDRESS/24.
set -eu
number=$(printf %02x "$1")

find_device() {
	for device in /sys/class/net/*; do
		case $(cat "$device/address") in
		52:54:00:64:6[de]:"$number")
			device=${device##*/}
			return
			;;
		esac
	done
	echo "link.sh: no interface is the end of link $1" >&2
	exit 1
}

find_device "$1"
case $2 in
cut) tc qdisc replace dev "$device" root netem loss 100% ;;
join) tc qdisc replace dev "$device" root netem loss 0% ;;
*)
	modprobe rdma_rxe
	ip link set "$device" mtu 4200 up
	ip addr add "$2/24" dev "$device"
	rdma link add "link$1" type rxe netdev "$device"
	;;
esac
