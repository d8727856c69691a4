/* SPDX-License-Identifier: GPL-2.0 */
/*
 * policy.S - the compiled policy program, as plane.c hands it to libbpf. Not a skeleton: those
 * that bpftool 7.5 makes of a struct_ops need a newer libbpf than Debian 12 has.
 */
	.section .rodata
	.balign 8
	.globl dmem_policy_object, dmem_policy_object_end
dmem_policy_object:
	.incbin POLICY_OBJECT
dmem_policy_object_end:
	.section .note.GNU-stack, "", @progbits
