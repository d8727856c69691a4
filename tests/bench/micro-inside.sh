#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# micro.sh's part inside the host, whose time counts instructions: prints a JSON object a case and
# "part NAME" before a part's first. Usage: micro-inside.sh [PART...]
# Makes devices and network interfaces, and takes them down: for a host that is thrown away.
set -euo pipefail
cd "${DMEM_TOP:?this runs in a host that tests/vm/host.sh boots}"
micro=out/bench/micro
swap_bytes=134217728
group=/run/dmem-bench-group

part_host() {
	$micro host
}

part_kvm() {
	modprobe kvm_amd 2>/dev/null || modprobe kvm_intel
	$micro kvm
}

part_orders() {
	$micro orders
}

# What the BPF plane adds to a fetch: dmem-remote-read has nothing of it. All of it, then with less
# and less of its programs.
part_plane() {
	local pins=/sys/fs/bpf/dmem
	modprobe kvm_amd 2>/dev/null || modprobe kvm_intel
	out/dmem-tuner --load
	$micro plane dmem-remote-read-histograms-policy on_events policy
	$micro plane kvm-dmem-remote-read-histograms-policy on_events on_kvm_page_fault policy
	rm $pins/link_policy
	$micro plane dmem-remote-read-histograms on_events
	rm $pins/link_on_kvm_page_fault
	$micro plane kvm-dmem-remote-read-histograms on_events
	out/dmem-tuner --unload
	out/dmem-tuner --load
	rm $pins/link_on_events
	$micro plane dmem-remote-read-policy policy
	out/dmem-tuner --unload
}

part_stages() {
	$micro stages
}

# For a host with two CPUs, whose clock is the wall's: bench.sh's part scaling.
part_scaling() {
	local name

	modprobe kvm_amd 2>/dev/null || modprobe kvm_intel
	for name in vcpus vcpus-anon threads threads-anon; do
		$micro scaling "$name"
	done
}

part_uffd() {
	$micro uffd
}

part_swap() {
	modprobe brd rd_nr=1 rd_size=$((swap_bytes / 1024))
	mkswap /dev/ram0 >/dev/null
	$micro swap /dev/ram0 swap-ram-0 0
	$micro swap /dev/ram0 swap-ram-3 3
	rmmod brd
	modprobe zram num_devices=1
	echo $swap_bytes >/sys/block/zram0/disksize
	mkswap /dev/zram0 >/dev/null
	$micro swap /dev/zram0 swap-zram-0 0
	$micro swap /dev/zram0 swap-zram-3 3
	rmmod zram
}

# A target of NVMe over RDMA on this host, reached by soft-RoCE over an interface of its own that
# nothing else has.
nvme_target=/sys/kernel/config/nvmet
nvme_name=dmem-bench
nvme_address=192.0.2.1

nvme_up() {
	modprobe -a rdma_rxe dummy brd nvmet-rdma nvme-rdma
	ip link add dmem-bench type dummy
	ip address add $nvme_address/24 dev dmem-bench
	ip link set dmem-bench up mtu 4500
	rdma link add rxe-bench type rxe netdev dmem-bench
	mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config

	local subsystem=$nvme_target/subsystems/$nvme_name port=$nvme_target/ports/1
	mkdir "$subsystem" "$subsystem/namespaces/1" "$port"
	echo 1 >"$subsystem/attr_allow_any_host"
	echo -n /dev/ram0 >"$subsystem/namespaces/1/device_path"
	echo 1 >"$subsystem/namespaces/1/enable"
	echo rdma >"$port/addr_trtype"
	echo ipv4 >"$port/addr_adrfam"
	echo $nvme_address >"$port/addr_traddr"
	echo 4420 >"$port/addr_trsvcid"
	ln -s "$subsystem" "$port/subsystems/$nvme_name"
	echo "transport=rdma,traddr=$nvme_address,trsvcid=4420,nqn=$nvme_name" >/dev/nvme-fabrics
}

nvme_down() {
	echo 1 >"$1/delete_controller"
	rm $nvme_target/ports/1/subsystems/$nvme_name
	rmdir $nvme_target/ports/1 $nvme_target/subsystems/$nvme_name/namespaces/1 \
		$nvme_target/subsystems/$nvme_name
	rdma link delete rxe-bench
	ip link delete dmem-bench
}

# With a device that answers later, what is swapped out must be reclaimed a second time.
swap_in_group() (
	mkdir -p $group/swap
	echo $BASHPID >$group/swap/cgroup.procs
	$micro swap "$@" $group/swap/memory.reclaim
)

part_nvme() {
	mkdir $group
	mount -t cgroup2 none $group
	echo +memory >$group/cgroup.subtree_control
	modprobe brd rd_nr=1 rd_size=$((swap_bytes / 1024))
	nvme_up
	local controller device
	controller=$(echo /sys/class/nvme/nvme*)
	device=/dev/${controller##*/}n1
	timeout 10 sh -c "until [ -b $device ]; do sleep 0.1; done"
	if [ "$(cat "$controller/transport")" != rdma ]; then
		echo "$device is not reached by RDMA"
		return 1
	fi
	local received=/sys/class/infiniband/rxe-bench/ports/1/hw_counters/rcvd_pkts
	mkswap "$device" >/dev/null
	swap_in_group "$device" swap-nvme-rdma 0 $received
	swap_in_group "$device" swap-nvme-rdma-3 3 $received
	nvme_down "$controller"
}

# raw_read NAME BYTES ADDRESS: a READ of that size and nothing else, between two processes on this
# host. They sleep until it has come, as who touches a remote page does.
raw_read() {
	local name=$1 bytes=$2 test=(ib_read_lat -R -e -F -n 2000 -s "$2") server
	"${test[@]}" >/dev/null &
	server=$!
	sleep 1
	"${test[@]}" "$3" | awk -v name="$name" -v bytes="$bytes" '
		# bytes, iterations, least, most, typical, mean, deviation, 99 %, in microseconds
		$1 == bytes && NF >= 8 {
			ns = 1000 / (bytes / 4096)
			printf "{\"case\": \"%s\", \"samples\": %d, \"mean_ns\": %.0f, " \
				"\"p50_ns\": %.0f, \"p99_ns\": %.0f}\n", name, $2, $6 * ns, $5 * ns, $8 * ns
			found = 1
		}
		END { exit !found }'
	wait $server
}

# A donor on this host, reached by soft-RoCE over an interface of its own. What a READ takes by
# itself is measured on the same device and in the same boot.
part_rdma() {
	local address=10.77.0.1 log=/run/dmem-bench-memnode.log donor
	modprobe -a rdma_cm libcrc32c
	bash tests/vm/rxe.sh up >/dev/null
	insmod core-kmod/dmem-rdma.ko
	out/dmem-memnode --listen $address --memory 256M --extent 16M 2>$log &
	donor=$!
	timeout 10 sh -c "until grep -q ' lends ' $log; do sleep 0.1; done"
	$micro rdma $address $donor
	kill -INT $donor
	wait $donor
	raw_read ib-read-lat-4k 4096 $address
	raw_read ib-read-lat-64k 65536 $address
	rmmod dmem-rdma
	bash tests/vm/rxe.sh down
}

insmod core-kmod/dmem.ko
[ $# -gt 0 ] || set -- host kvm orders plane stages uffd swap nvme rdma
for part; do
	echo "part $part"
	"part_$part"
done
rmmod dmem
