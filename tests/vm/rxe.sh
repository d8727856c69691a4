#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# soft-RoCE in an emulated host, for tests: an interface, an address and an RDMA device for each
# of some donors. Clients on the same host connect to the address and take the same device.
# Usage, as root in a host of tests/vm/host.sh:
#   rxe.sh up [N]   makes N (1); prints a line for each: ADDRESS RDMA-DEVICE INTERFACE
#   rxe.sh down     removes all of them; processes that use them must have ended: the kernel waits
# Device I is dmrxI on dmrxI with 10.77.I.1/24, a veth: a dummy's speed is not known, which the
# kernel says each time that it is asked.
set -eu

up() {
	local i
	modprobe rdma_rxe
	modprobe rdma_ucm
	for ((i = 0; i < ${1:-1}; i++)); do
		ip link add "dmrx$i" type veth peer name "dmrx${i}p"
		ip link set "dmrx$i" mtu 4200 up
		ip link set "dmrx${i}p" mtu 4200 up
		ip addr add "10.77.$i.1/24" dev "dmrx$i"
		rdma link add "dmrx$i" type rxe netdev "dmrx$i"
		echo "10.77.$i.1 dmrx$i dmrx$i"
	done
}

down() {
	local i
	for ((i = 0; i < 256; i++)); do
		[ -e "/sys/class/net/dmrx$i" ] || break
		[ ! -e "/sys/class/infiniband/dmrx$i" ] || rdma link del "dmrx$i"
		ip link del "dmrx$i"
	done
}

case ${1:-} in
up) up "${2:-1}" ;;
down) down ;;
*)
	echo "rxe.sh: up [N] or down, not '${1:-}'" >&2
	exit 2
	;;
esac
