// SPDX-License-Identifier: GPL-2.0
/*
 * micro_kvm.c - a guest that touches pages and stamps each access itself, with its own TSC.
 *
 * One vCPU without devices; its code and its stamps lie in a slot of their own, touched before
 * anything is measured. The memory under test is the other slot. Where instructions are counted
 * a world switch is one of them: what the CPU itself does for it is not in these figures.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "../vmm/vmm.h"
#include "micro.h"

#define OWN_SLOT	0
#define OWN_GPA		0U
#define CODE_GPA	0x1000U
#define MAPPED_GPA	0x2000U
#define STAMPS_GPA	0x10000U
#define OWN_PAGES	(STAMPS_GPA / PAGE + MAX_STAMPS * sizeof(struct stamp) / PAGE)
#define TEST_SLOT	1
#define TEST_GPA	0x40000000U

/*
 * esi: the page; esp: the step; ecx: how many; edi: where the stamps go. There is no stack.
 * A stamp is a struct stamp; reading the counter as ticks() does.
 */
__asm__(".pushsection .rodata\n"
	".code32\n"
	".macro stamp_loop access:vararg\n"
	"1:	lfence\n"
	"	rdtsc\n"
	"	lfence\n"
	"	mov	%eax, %ebx\n"
	"	mov	%edx, %ebp\n"
	"	\\access\n"
	"	lfence\n"
	"	rdtsc\n"
	"	lfence\n"
	"	mov	%ebx, (%edi)\n"
	"	mov	%ebp, 4(%edi)\n"
	"	mov	%eax, 8(%edi)\n"
	"	mov	%edx, 12(%edi)\n"
	"	add	$16, %edi\n"
	"	add	%esp, %esi\n"
	"	dec	%ecx\n"
	"	jnz	1b\n"
	"	out	%al, $0x10\n"
	".endm\n"
	"guest_code_read:\n"
	"	stamp_loop mov (%esi), %al\n"
	"guest_code_write:\n"
	"	stamp_loop movb $1, (%esi)\n"
	"guest_code_end:\n"
	".code64\n"
	".popsection\n");

extern const char guest_code_read[];
extern const char guest_code_write[];
extern const char guest_code_end[];

static struct vmm machine;
static struct vmm_vcpu vcpu;
static char *own;
static char *attached;

static void check(int err, const char *what)
{
	if (err)
		die("guest: %s: %s", what, strerror(-err));
}

static void guest_attach(char *map, size_t pages)
{
	attached = map;
	check(vmm_set_slot(&machine, TEST_SLOT, TEST_GPA, map, pages * PAGE), "memory slot");
}

static void guest_detach(void)
{
	check(vmm_set_slot(&machine, TEST_SLOT, TEST_GPA, NULL, 0), "memory slot");
	attached = NULL;
}

/* Where the guest has a page of the memory under test, or of its own. */
static uint32_t guest_address(const char *page)
{
	if (page >= own && page < own + OWN_PAGES * PAGE)
		return OWN_GPA + (page - own);
	return TEST_GPA + (page - attached);
}

static void guest_touch(char *map, size_t step_pages, size_t nr, bool write, struct stamp *to)
{
	struct kvm_regs regs = {
		.rip = CODE_GPA + (write ? guest_code_write - guest_code_read : 0),
		.rsi = guest_address(map),
		.rsp = step_pages * PAGE,
		.rcx = nr,
		.rdi = STAMPS_GPA,
		.rflags = 2,
	};

	check(vmm_set_regs(&vcpu, &regs), "registers");
	check(vmm_run(&vcpu), "KVM_RUN");
	if (vcpu.run->exit_reason != KVM_EXIT_IO)
		die("guest: stopped with exit reason %u", vcpu.run->exit_reason);
	memcpy(to, own + STAMPS_GPA, nr * sizeof(*to));
}

struct toucher guest = {
	.prefix = "kvm-",
	.attach = guest_attach,
	.touch = guest_touch,
	.detach = guest_detach,
};

void guest_start(void)
{
	own = map_anonymous(OWN_PAGES);
	memset(own, 0, OWN_PAGES * PAGE);
	memcpy(own + CODE_GPA, guest_code_read, guest_code_end - guest_code_read);
	check(vmm_create(&machine, false), "/dev/kvm");
	check(vmm_create_vcpu(&machine, &vcpu, 0), "vCPU");
	check(vmm_set_slot(&machine, OWN_SLOT, OWN_GPA, own, OWN_PAGES * PAGE), "own memory");
	/* Every page that stamps go to, before the few that are looked at. */
	guest_touch(own + MAPPED_GPA, 0, MAX_STAMPS, true, stamps);
	measure_toucher(&guest, own + MAPPED_GPA);
}

void guest_stop(void)
{
	vmm_destroy_vcpu(&vcpu);
	vmm_destroy(&machine);
	munmap(own, OWN_PAGES * PAGE);
}
