#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds the debug kernel (KASAN, lockdep, kmemleak, fault injection; KVM and soft RDMA built in)
# from Debian's linux-source-6.12 into the cache, and prints its folder. Does nothing when it is
# there already. Takes about 20 minutes on two cores; can be interrupted and goes on later.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"

tarball=/usr/src/linux-source-6.12.tar.xz
source=$DMEM_CACHE/src/linux-source-6.12
build=$DMEM_CACHE/debug-kernel

if [ -e "$build/.done" ]; then
	echo "$build"
	exit 0
fi
if [ ! -e "$tarball" ] && [ ! -e "$source/.untarred" ]; then
	echo "debug-kernel: $tarball is missing: run tools/deps.sh --debug-kernel" >&2
	exit 1
fi
mkdir -p "$build" "$DMEM_CACHE/src"
exec 9>"$build/.lock"
flock 9

if [ ! -e "$source/.untarred" ]; then
	tar -C "$DMEM_CACHE/src" -xf "$tarball"
	touch "$source/.untarred"
fi
cd "$source"
if [ ! -e "$build/.config" ]; then
	rm -f .config
	vng --kconfig >&2
	mv .config "$build/.config"
	make -s mrproper >&2
	config() { scripts/config --file "$build/.config" "$@"; }
	for option in KASAN KASAN_INLINE KASAN_VMALLOC PROVE_LOCKING DEBUG_ATOMIC_SLEEP DEBUG_VM \
		DEBUG_VM_PGFLAGS DEBUG_LIST DEBUG_KMEMLEAK DEBUG_KMEMLEAK_AUTO_SCAN \
		DMA_API_DEBUG DEBUG_FS FAULT_INJECTION FAULT_INJECTION_DEBUG_FS FAILSLAB \
		FAIL_PAGE_ALLOC DETECT_HUNG_TASK SOFTLOCKUP_DETECTOR WQ_WATCHDOG \
		DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT DEBUG_INFO_BTF DEBUG_INFO_BTF_MODULES \
		BPF_SYSCALL BPF_JIT BPF_JIT_ALWAYS_ON BPF_EVENTS CGROUP_BPF FTRACE \
		FUNCTION_TRACER DYNAMIC_FTRACE KPROBES UPROBES KALLSYMS_ALL VIRTUALIZATION KVM \
		KVM_AMD KVM_INTEL KVM_ASYNC_PF USERFAULTFD MEMCG LRU_GEN LRU_GEN_ENABLED ZRAM \
		ZSMALLOC SWAP BLK_DEV_RAM BLK_DEV_NULL_BLK NUMA FUSE_FS VIRTIO_FS OVERLAY_FS \
		NET_9P NET_9P_VIRTIO 9P_FS INFINIBAND INFINIBAND_USER_ACCESS \
		INFINIBAND_ADDR_TRANS RDMA_RXE RDMA_SIW VHOST_NET TUN NET_SCH_NETEM MODULES \
		MODULE_UNLOAD TRANSPARENT_HUGEPAGE HUGETLBFS TMPFS MEMORY_FAILURE; do
		config --enable "$option"
	done
	config --disable DEBUG_INFO_NONE --disable DEBUG_INFO_REDUCED --disable DEBUG_INFO_SPLIT \
		--disable MODULE_SIG --disable KCSAN --disable WERROR \
		--set-val DEBUG_KMEMLEAK_MEM_POOL_SIZE 40000 \
		--set-val BOOTPARAM_HUNG_TASK_PANIC 0 --set-val DEFAULT_HUNG_TASK_TIMEOUT 90 \
		--set-str SYSTEM_TRUSTED_KEYS "" --set-str LOCALVERSION "-dmem-debug"
	make -s O="$build" olddefconfig >&2
fi
nice -n 15 make -s O="$build" -j"$(nproc)" bzImage modules >&2
touch "$build/.done"
echo "$build"
