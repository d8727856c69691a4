// SPDX-License-Identifier: GPL-2.0
/*
 * doctor.c - dmemctl doctor: what dmem needs of a system, checked one by one.
 *
 * A check looks, changes nothing and needs no privilege; it says what it found and, where that
 * will not do, how to mend it. "failed": dmem cannot work. "warning": a part of it will not.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "dmemctl.h"
#include "plane.h"
#include "units.h"

#define LINE_LEN	512
#define PATH_LEN	512
/* 6.12: the first kernel that has all that the module needs. */
#define KERNEL_MAJOR	6
#define KERNEL_MINOR	12
/* What a donor's or a VFIO guest's memory is pinned against. */
#define MEMLOCK_LEAST	(64ULL << 20)

struct finding {
	const char *state;
	char found[LINE_LEN];
	char mend[LINE_LEN];
};

__attribute__((format(printf, 2, 3)))
static void is_ok(struct finding *finding, const char *format, ...)
{
	va_list args;

	finding->state = "ok";
	va_start(args, format);
	vsnprintf(finding->found, sizeof(finding->found), format, args);
	va_end(args);
}

__attribute__((format(printf, 4, 5)))
static void is_not(struct finding *finding, const char *state, const char *mend,
		   const char *format, ...)
{
	va_list args;

	finding->state = state;
	snprintf(finding->mend, sizeof(finding->mend), "%s", mend);
	va_start(args, format);
	vsnprintf(finding->found, sizeof(finding->found), format, args);
	va_end(args);
}

/* The first line of a file; false where there is none. */
static bool read_line(const char *path, char *line, size_t len)
{
	FILE *file = fopen(path, "re");
	bool has_line;

	if (!file)
		return false;
	has_line = fgets(line, (int)len, file);
	fclose(file);
	if (has_line)
		line[strcspn(line, "\n")] = 0;
	return has_line;
}

static void look_at_kernel(struct finding *finding)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	uname(&name);
	sscanf(name.release, "%u.%u", &major, &minor);
	if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR))
		is_ok(finding, "%s", name.release);
	else
		is_not(finding, "failed", "boot a kernel of 6.12 or newer", "%s is too old",
		       name.release);
}

static void look_at_btf(struct finding *finding)
{
	if (!access("/sys/kernel/btf/vmlinux", R_OK))
		is_ok(finding, "/sys/kernel/btf/vmlinux");
	else
		is_not(finding, "failed", "boot a kernel that is built with CONFIG_DEBUG_INFO_BTF=y",
		       "/sys/kernel/btf/vmlinux: %s", strerror(errno));
}

/* "extra/dmem.ko.xz: ..." in modules.dep. */
static bool module_is_installed(void)
{
	char path[PATH_LEN], line[LINE_LEN];
	struct utsname name;
	bool found = false;
	FILE *file;

	uname(&name);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", name.release);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = !strncmp(line, "dmem.ko", strlen("dmem.ko")) || strstr(line, "/dmem.ko");
	fclose(file);
	return found;
}

static void look_at_module(struct finding *finding)
{
	char mode[LINE_LEN];

	if (!access("/sys/module/dmem", F_OK)) {
		if (access("/sys/kernel/btf/dmem", R_OK))
			is_not(finding, "warning", "build it where pahole is installed and the kernel has BTF",
			       "loaded, but without BTF: dmem-tuner and dmemtop will not work");
		else
			is_ok(finding, "loaded");
	} else if (module_is_installed()) {
		is_not(finding, "failed", "modprobe dmem", "not loaded");
	} else if (read_line("/sys/kernel/security/lockdown", mode, sizeof(mode)) &&
		   !strstr(mode, "[none]")) {
		is_not(finding, "failed", "build it for this kernel (make), sign it with a key that the kernel trusts, insmod",
		       "not loaded, not installed for this kernel, which takes only signed ones: %s",
		       mode);
	} else {
		is_not(finding, "failed", "build it for this kernel (make), then insmod core-kmod/dmem.ko",
		       "not loaded, and not installed for this kernel");
	}
}

static bool cpu_has_virtualization(void)
{
	char *line = NULL;
	bool found = false;
	size_t len = 0;
	FILE *file = fopen("/proc/cpuinfo", "re");

	while (file && !found && getline(&line, &len, file) > 0)
		found = !strncmp(line, "flags", strlen("flags")) &&
			(strstr(line, " vmx") || strstr(line, " svm"));
	free(line);
	if (file)
		fclose(file);
	return found;
}

static void look_at_kvm(struct finding *finding)
{
	if (!access("/dev/kvm", R_OK | W_OK))
		is_ok(finding, "/dev/kvm");
	else if (errno == EACCES)
		is_not(finding, "warning", "add the user to the group kvm",
		       "/dev/kvm: Permission denied");
	else if (cpu_has_virtualization())
		is_not(finding, "failed", "modprobe kvm_intel or kvm_amd", "no /dev/kvm");
	else
		is_not(finding, "failed", "switch virtualization on in the firmware (VT-x, AMD-V)",
		       "no /dev/kvm: this CPU shows no virtualization");
}

static void look_at_bpf(struct finding *finding)
{
	struct statfs fs;

	if (!statfs("/sys/fs/bpf", &fs) && (__u64)fs.f_type == BPF_FS_MAGIC)
		is_ok(finding, "bpf filesystem on /sys/fs/bpf");
	else
		is_not(finding, "warning", "mount -t bpf bpf /sys/fs/bpf (dmem-tuner does it, too)",
		       "no bpf filesystem on /sys/fs/bpf");
}

static void look_at_plane(struct finding *finding)
{
	struct dmem_plane plane;
	struct dmem_error error;
	int err = dmem_plane_open(&plane, false, &error);

	if (!err) {
		is_ok(finding, "loaded, maps in " DMEM_PIN_DIR);
		dmem_plane_close(&plane);
	} else if (err == -ENOENT) {
		is_not(finding, "warning", "run dmem-tuner; block orders are the VM memories' own until then",
		       "not loaded");
	} else if (err == -EPERM || err == -EACCES) {
		is_not(finding, "warning", "look again as root", "%s", error.text);
	} else {
		is_not(finding, "failed", "dmem-tuner --unload, then dmem-tuner of the version of this dmemctl",
		       "%s", error.text);
	}
}

static void look_at_pools(struct finding *finding)
{
	struct dmem_pool *pools;
	struct dmem_error error;
	size_t nr;

	if (dmem_pool_list(&pools, &nr, &error)) {
		is_not(finding, "failed", "mount /proc", "%s", error.text);
		return;
	}
	if (nr)
		is_ok(finding, "%zu mounted, the first on %s", nr, pools[0].path);
	else
		is_not(finding, "warning", "dmemctl mount --donor local:16G, for a first try",
		       "none is mounted");
	dmem_pool_list_free(pools, nr);
}

/* Ports that are up, of all RDMA devices: "4: ACTIVE". */
static void count_ports(const char *device, unsigned int *nr, unsigned int *up)
{
	char path[PATH_LEN], state[LINE_LEN];

	for (unsigned int port = 1;; port++) {
		snprintf(path, sizeof(path), "/sys/class/infiniband/%s/ports/%u/state", device,
			 port);
		if (!read_line(path, state, sizeof(state)))
			return;
		++*nr;
		*up += strstr(state, "ACTIVE") != NULL;
	}
}

static void look_at_rdma(struct finding *finding)
{
	unsigned int devices = 0, ports = 0, up = 0;
	DIR *dir = opendir("/sys/class/infiniband");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		devices++;
		count_ports(entry->d_name, &ports, &up);
	}
	if (dir)
		closedir(dir);
	if (!devices)
		is_not(finding, "warning", "for remote donors: a NIC with RDMA and its driver, or soft-RoCE (rdma link add)",
		       "no RDMA device: donor=local alone");
	else if (!up)
		is_not(finding, "warning", "bring the link up: rdma link show", "%u devices, no port of %u up",
		       devices, ports);
	else
		is_ok(finding, "%u devices, %u of %u ports up", devices, up, ports);
}

static void look_at_memlock(struct finding *finding)
{
	char text[DMEM_UNITS_LEN];
	struct rlimit limit;

	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur == RLIM_INFINITY)
		is_ok(finding, "no limit on locked memory");
	else if (limit.rlim_cur >= MEMLOCK_LEAST || !geteuid())
		is_ok(finding, "%s may be locked", dmem_format_bytes(text, sizeof(text), limit.rlim_cur));
	else
		is_not(finding, "warning", "ulimit -l unlimited for who runs a donor or a guest with VFIO devices",
		       "only %s may be locked",
		       dmem_format_bytes(text, sizeof(text), limit.rlim_cur));
}

static void look_at_privileges(struct finding *finding)
{
	if (!geteuid())
		is_ok(finding, "root");
	else
		is_not(finding, "warning", "as root, or with sudo: mount, umount, events and dmem-tuner",
		       "user %u", (unsigned int)geteuid());
}

static const struct {
	const char *name;
	void (*look)(struct finding *finding);
} checks[] = {
	{ "kernel", look_at_kernel },
	{ "BTF", look_at_btf },
	{ "module", look_at_module },
	{ "KVM", look_at_kvm },
	{ "bpffs", look_at_bpf },
	{ "plane", look_at_plane },
	{ "pools", look_at_pools },
	{ "RDMA", look_at_rdma },
	{ "memlock", look_at_memlock },
	{ "privileges", look_at_privileges },
};

int doctor(struct call *call)
{
	struct json_object *array = need(json_object_new_array());
	int failed = 0, warnings = 0;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct json_object *check = need(json_object_new_object());
		struct finding finding = {};

		checks[i].look(&finding);
		failed += !strcmp(finding.state, "failed");
		warnings += !strcmp(finding.state, "warning");
		put_member(check, "name", json_object_new_string(checks[i].name));
		put_member(check, "state", json_object_new_string(finding.state));
		put_member(check, "found", json_object_new_string(finding.found));
		if (*finding.mend)
			put_member(check, "mend", json_object_new_string(finding.mend));
		put_item(array, check);
	}
	call->result = need(json_object_new_object());
	put_member(call->result, "checks", array);
	put_member(call->result, "failed", json_object_new_int(failed));
	put_member(call->result, "warnings", json_object_new_int(warnings));
	return failed ? FAILED : DONE;
}
