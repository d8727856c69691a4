// SPDX-License-Identifier: GPL-2.0
/*
 * hold-kvm.c - keeps one KVM machine, with no vCPU, for as long as it runs.
 *
 * The first machine of a host makes the kernel patch its scheduler's code (a static key), the
 * end of the last one patches it back: docs/testing.md says why an emulated host is spared that.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0 || ioctl(kvm, KVM_CREATE_VM, 0) < 0) {
		perror("hold-kvm: /dev/kvm");
		return 1;
	}
	pause();
	return 0;
}
