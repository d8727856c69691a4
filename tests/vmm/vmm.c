// SPDX-License-Identifier: GPL-2.0
/*
 * vmm.c - a tiny VMM on /dev/kvm: see vmm.h.
 *
 * Owns the file descriptors and the vCPUs' shared pages, and nothing of the guest's memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm.h"

#define CR0_PROTECTED	1U
#define CR0_PAGING	(1U << 31)
#define CR4_BIG_PAGES	(1U << 4)
#define CR4_PAE		(1U << 5)
#define EFER_LONG	(1U << 8 | 1U << 10)	/* enabled and active */
#define TABLE_ENTRIES	512UL
#define TABLE_BYTES	4096UL
#define ENTRY_TABLE	3UL			/* present, writable */
#define ENTRY_2M	(ENTRY_TABLE | 1UL << 7)

static int vmm_ioctl(int fd, unsigned long request, const void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int vmm_create(struct vmm *vmm, bool irqchip)
{
	int err, kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	*vmm = (struct vmm){};
	if (kvm < 0)
		return -errno;
	err = vmm_ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (err < 0)
		goto close_kvm;
	vmm->run_bytes = err;
	err = vmm_ioctl(kvm, KVM_CREATE_VM, NULL);
	if (err < 0)
		goto close_kvm;
	vmm->fd = err;
	err = irqchip ? vmm_ioctl(vmm->fd, KVM_CREATE_IRQCHIP, NULL) : 0;
	if (err)
		vmm_destroy(vmm);
close_kvm:
	close(kvm);
	return err < 0 ? err : 0;
}

void vmm_destroy(struct vmm *vmm)
{
	if (vmm->fd)
		close(vmm->fd);
	*vmm = (struct vmm){};
}

int vmm_set_slot(struct vmm *vmm, uint32_t slot, uint64_t gpa, void *host, size_t bytes)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = bytes,
		.userspace_addr = (uintptr_t)host,
	};

	return vmm_ioctl(vmm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static int vmm_set_flat_mode(struct vmm_vcpu *vcpu)
{
	struct kvm_segment code = { .limit = ~0U, .selector = 8, .type = 11, .present = 1,
				    .db = 1, .s = 1, .g = 1 };
	struct kvm_segment data = code;
	struct kvm_sregs sregs;
	int err = vmm_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);

	if (err)
		return err;
	data.selector = 16;
	data.type = 3;
	sregs.cs = code;
	sregs.ds = data;
	sregs.es = data;
	sregs.ss = data;
	sregs.cr0 |= CR0_PROTECTED;
	return vmm_ioctl(vcpu->fd, KVM_SET_SREGS, &sregs);
}

int vmm_create_vcpu(struct vmm *vmm, struct vmm_vcpu *vcpu, unsigned int id)
{
	int err;

	*vcpu = (struct vmm_vcpu){ .run_bytes = vmm->run_bytes };
	vcpu->fd = ioctl(vmm->fd, KVM_CREATE_VCPU, id);
	if (vcpu->fd < 0) {
		err = -errno;
		*vcpu = (struct vmm_vcpu){};
		return err;
	}
	vcpu->run = mmap(NULL, vcpu->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		err = -errno;
		vcpu->run = NULL;
	} else {
		err = vmm_set_flat_mode(vcpu);
	}
	if (err)
		vmm_destroy_vcpu(vcpu);
	return err;
}

void vmm_destroy_vcpu(struct vmm_vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->run_bytes);
	if (vcpu->fd)
		close(vcpu->fd);
	*vcpu = (struct vmm_vcpu){};
}

int vmm_set_directory(struct vmm_vcpu *vcpu, uint32_t directory)
{
	struct kvm_sregs sregs;
	int err = vmm_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);

	if (err)
		return err;
	sregs.cr0 |= CR0_PAGING;
	sregs.cr4 |= CR4_BIG_PAGES;
	sregs.cr3 = directory;
	return vmm_ioctl(vcpu->fd, KVM_SET_SREGS, &sregs);
}

void vmm_long_tables(void *at, uint64_t gpa)
{
	uint64_t *top = at, *middle = top + TABLE_ENTRIES, *lowest = middle + TABLE_ENTRIES;

	memset(at, 0, VMM_LONG_PAGES * TABLE_BYTES);
	top[0] = (gpa + TABLE_BYTES) | ENTRY_TABLE;
	for (uint64_t gib = 0; gib < VMM_LONG_GIB; gib++)
		middle[gib] = (gpa + (2 + gib) * TABLE_BYTES) | ENTRY_TABLE;
	for (uint64_t i = 0; i < VMM_LONG_GIB * TABLE_ENTRIES; i++)
		lowest[i] = i << 21 | ENTRY_2M;
}

int vmm_set_long_mode(struct vmm_vcpu *vcpu, uint64_t tables)
{
	struct kvm_sregs sregs;
	int err = vmm_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);

	if (err)
		return err;
	sregs.cs.l = 1;
	sregs.cs.db = 0;
	sregs.cr0 |= CR0_PAGING;
	sregs.cr4 |= CR4_PAE;
	sregs.efer |= EFER_LONG;
	sregs.cr3 = tables;
	return vmm_ioctl(vcpu->fd, KVM_SET_SREGS, &sregs);
}

int vmm_set_regs(struct vmm_vcpu *vcpu, const struct kvm_regs *regs)
{
	return vmm_ioctl(vcpu->fd, KVM_SET_REGS, regs);
}

int vmm_run(struct vmm_vcpu *vcpu)
{
	int err;

	do {
		err = vmm_ioctl(vcpu->fd, KVM_RUN, NULL);
	} while (err == -EINTR);
	return err;
}
