/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmm.h - a tiny VMM: memory slots and vCPUs of flat 32-bit or 64-bit code without devices, for
 * tests that want to see a guest touch exactly what they say.
 *
 * Functions that return int return 0 or a negative errno. A vCPU is run by one thread at a time.
 */
#ifndef DMEM_VMM_H
#define DMEM_VMM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: there is none, and destroying it does nothing. */
struct vmm {
	int fd;
	size_t run_bytes;
};

struct vmm_vcpu {
	int fd;
	struct kvm_run *run;
	size_t run_bytes;
};

/**
 * vmm_create - a machine without memory
 * @vmm: filled in
 * @irqchip: with a local APIC in the kernel, with which KVM fetches pages behind the vCPU's back
 */
int vmm_create(struct vmm *vmm, bool irqchip);
void vmm_destroy(struct vmm *vmm);

/* Lay @bytes of @host at guest-physical @gpa; 0 bytes take the slot away. */
int vmm_set_slot(struct vmm *vmm, uint32_t slot, uint64_t gpa, void *host, size_t bytes);

/* A vCPU in flat protected mode without paging, so that its code reaches 4 GiB. */
int vmm_create_vcpu(struct vmm *vmm, struct vmm_vcpu *vcpu, unsigned int id);
void vmm_destroy_vcpu(struct vmm_vcpu *vcpu);

/* Paging on, with 4 MiB pages allowed. */
int vmm_set_directory(struct vmm_vcpu *vcpu, uint32_t directory);

/* What vmm_long_tables() writes. */
#define VMM_LONG_GIB		16
#define VMM_LONG_PAGES		(2 + VMM_LONG_GIB)

/*
 * Write page tables for long mode at guest-physical @gpa, which the host has at @at: addresses up
 * to VMM_LONG_GIB lead to themselves. VMM_LONG_PAGES pages.
 */
void vmm_long_tables(void *at, uint64_t gpa);

/* Long mode, so that its code is 64-bit and reaches all that the tables at @tables do. */
int vmm_set_long_mode(struct vmm_vcpu *vcpu, uint64_t tables);

int vmm_set_regs(struct vmm_vcpu *vcpu, const struct kvm_regs *regs);

/* Run until the guest needs an answer: vcpu->run->exit_reason says which. */
int vmm_run(struct vmm_vcpu *vcpu);

#endif /* DMEM_VMM_H */
