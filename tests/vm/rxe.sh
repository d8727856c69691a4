#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# soft-RoCE in an emulated host, for tests: an interface, an address and an RDMA device for each
# of some donors. Clients on the same host connect to the address and take the same device.
# DMEM_RDMA=siw has iWARP instead, where the kernel has it (the debug kernel does); not for pair.
# Usage, as root in a host of tests/vm/host.sh:
#   rxe.sh up [N]   makes N (1); prints a line for each: ADDRESS RDMA-DEVICE INTERFACE
#   rxe.sh pair     makes two with a switch between them, dmrl0 with 10.78.0.1 and dmrl1 with
#                   10.78.0.2: what goes from one to the other passes both and can be disturbed.
#                   dmrl0s and dmrl1s are the switch's ends of their cables: set one down, and its
#                   interface has no link
#   rxe.sh pair-route   the way from dmrl0 to dmrl1 anew, after dmrl0 was down
#   rxe.sh down     removes all of them; processes that use them must have ended: the kernel waits
# Device I is dmrxI on dmrxI with 10.77.I.1/24, a veth: a dummy's speed is not known, which the
# kernel says each time that it is asked.
set -eu

# A kernel that has them built in may have no modules to look in: rdma says what is missing.
driver=${DMEM_RDMA:-rxe}
drivers() {
	modprobe -q rdma_rxe || :
	modprobe -q rdma_ucm || :
}

up() {
	local i
	drivers
	for ((i = 0; i < ${1:-1}; i++)); do
		ip link add "dmrx$i" type veth peer name "dmrx${i}p"
		ip link set "dmrx$i" mtu 4200 up
		ip link set "dmrx${i}p" mtu 4200 up
		ip addr add "10.77.$i.1/24" dev "dmrx$i"
		rdma link add "dmrx$i" type "$driver" netdev "dmrx$i"
		echo "10.77.$i.1 dmrx$i dmrx$i"
	done
}

pair_route() {
	ip route replace 10.78.0.2 dev dmrl0 src 10.78.0.1 table 780
}

pair() {
	local i
	drivers
	ip link add dmrls type bridge
	# Its own address is nobody's answer to who has 10.78.0.2.
	ip link set dmrls arp off up
	for i in 0 1; do
		ip link add "dmrl$i" type veth peer name "dmrl${i}s"
		ip link set "dmrl${i}s" mtu 4200 master dmrls up
		echo 1 >"/proc/sys/net/ipv4/conf/dmrl$i/accept_local"
		echo 0 >"/proc/sys/net/ipv4/conf/dmrl$i/rp_filter"
		ip link set "dmrl$i" mtu 4200 up
		ip addr add "10.78.0.$((i + 1))/32" dev "dmrl$i"
		rdma link add "dmrl$i" type rxe netdev "dmrl$i"
	done
	echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
	ip rule add pref 10 iif lo to 10.78.0.2 lookup 780
	ip rule add pref 11 iif lo to 10.78.0.1 lookup 781
	# The CM asks for a way back from where a request has come, in nobody's name.
	ip rule add pref 12 oif dmrl0 to 10.78.0.2 lookup 780
	ip rule add pref 13 oif dmrl1 to 10.78.0.1 lookup 781
	ip rule add pref 20 lookup local
	ip rule del pref 0
	# Both ends are this host's: local addresses are looked up last, for what arrives.
	pair_route
	ip route replace 10.78.0.1 dev dmrl1 src 10.78.0.2 table 781
}

# Whatever there is of it: it may have been made only in part.
unpair() {
	local i
	[ -e /sys/class/net/dmrls ] || return 0
	ip rule show pref 0 | grep -q . || ip rule add pref 0 lookup local
	for i in 10 11 12 13 20; do
		ip rule show pref "$i" | grep -q . && ip rule del pref "$i"
	done
	for i in 0 1; do
		[ ! -e "/sys/class/infiniband/dmrl$i" ] || rdma link del "dmrl$i"
		[ ! -e "/sys/class/net/dmrl$i" ] || ip link del "dmrl$i"
	done
	ip link del dmrls
}

down() {
	unpair
	local i
	for ((i = 0; i < 256; i++)); do
		[ -e "/sys/class/net/dmrx$i" ] || break
		[ ! -e "/sys/class/infiniband/dmrx$i" ] || rdma link del "dmrx$i"
		ip link del "dmrx$i"
	done
}

case ${1:-} in
up) up "${2:-1}" ;;
pair) pair ;;
pair-route) pair_route ;;
down) down ;;
*)
	echo "rxe.sh: up [N], pair, pair-route or down, not '${1:-}'" >&2
	exit 2
	;;
esac
