// SPDX-License-Identifier: GPL-2.0
/*
 * plane.c - loads, pins and takes down the BPF programs. The maps' readers are in read.c.
 *
 * Everything is pinned in a folder beside the final one, which is then renamed: a reader sees
 * a whole plane or none. A lock on the bpf filesystem's root folder keeps loaders apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <dirent.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>

#include "locality.skel.h"
#include "plane.h"

#define BPFFS		"/sys/fs/bpf"
/* Names there may not have a dot in them. */
#define NEW_PIN_DIR	DMEM_PIN_DIR "_new"

struct plane_programs {
	struct locality *locality;
	struct bpf_object *policy;
	struct bpf_link *policy_link;
};

/* policy.S */
extern const char dmem_policy_object[], dmem_policy_object_end[];

static char libbpf_said[256];

static bool is_verbose;

/* Of the maps to be made: dmem_plane_set_limits(). */
static __u32 most_vms = DMEM_MAX_VMS, most_regions = DMEM_MAX_REGIONS;

/* The first thing that libbpf complained of is the cause: what follows is consequence. */
static int keep_warning(enum libbpf_print_level level, const char *format, va_list args)
{
	if (is_verbose && level != LIBBPF_DEBUG) {
		va_list again;

		va_copy(again, args);
		vfprintf(stderr, format, again);
		va_end(again);
	}
	if (level == LIBBPF_WARN && !*libbpf_said) {
		vsnprintf(libbpf_said, sizeof(libbpf_said), format, args);
		libbpf_said[strcspn(libbpf_said, "\n")] = 0;
	}
	return 0;
}

void dmem_libbpf_listen(void)
{
	libbpf_said[0] = 0;
	libbpf_set_print(keep_warning);
}

const char *dmem_libbpf_said(void)
{
	return libbpf_said;
}

void dmem_plane_set_verbose(bool verbose)
{
	is_verbose = verbose;
}

void dmem_plane_set_limits(__u32 vms, __u32 regions)
{
	most_vms = vms ? vms : DMEM_MAX_VMS;
	most_regions = regions ? regions : DMEM_MAX_REGIONS;
}

static int limit_maps(struct plane_programs *programs)
{
	struct bpf_map *orders = bpf_object__find_map_by_name(programs->policy, "orders");
	int err = bpf_map__set_max_entries(programs->locality->maps.vms, most_vms);

	if (!err)
		err = bpf_map__set_max_entries(programs->locality->maps.vm_stats, most_vms);
	if (!err)
		err = bpf_map__set_max_entries(programs->locality->maps.latencies, most_vms);
	if (!err)
		err = bpf_map__set_max_entries(programs->locality->maps.regions, most_regions);
	return err ? err : bpf_map__set_max_entries(orders, most_regions);
}

static int check_system(struct dmem_error *error)
{
	if (geteuid())
		return dmem_fail(error, EPERM, "loading the BPF plane needs root");
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return dmem_fail(error, ENOTSUP,
				 "this kernel has no BTF (/sys/kernel/btf/vmlinux is missing): it must be built with CONFIG_DEBUG_INFO_BTF=y");
	if (access("/sys/module/dmem", F_OK))
		return dmem_fail(error, ENODEV, "the dmem module is not loaded (modprobe dmem)");
	if (access("/sys/kernel/btf/dmem", R_OK))
		return dmem_fail(error, ENOTSUP,
				 "the dmem module was built without BTF (/sys/kernel/btf/dmem is missing)");
	return 0;
}

static int mount_bpffs(struct dmem_error *error)
{
	struct statfs fs;

	if (!statfs(BPFFS, &fs) && (__u64)fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		return dmem_fail(error, errno, "mounting the bpf filesystem on " BPFFS ": %s",
				 strerror(errno));
	return 0;
}

static int lock_bpffs(struct dmem_error *error)
{
	int fd = open(BPFFS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX)) {
		int err = errno;

		if (fd >= 0)
			close(fd);
		return dmem_fail(error, err, "locking " BPFFS ": %s", strerror(err));
	}
	return fd;
}

/*
 * Unpin a folder of pins. The policy goes first: it is what the core asks. It is detached here
 * and now; unpinning alone would leave it in force until the kernel comes to it.
 */
static int remove_pins(const char *dir)
{
	DIR *pins = opendir(dir);
	struct dirent *pin;
	char path[512];
	int policy;

	if (!pins)
		return errno == ENOENT ? 0 : -errno;
	snprintf(path, sizeof(path), "%s/link_policy", dir);
	policy = bpf_obj_get(path);
	if (policy >= 0) {
		bpf_link_detach(policy);
		close(policy);
	}
	while ((pin = readdir(pins))) {
		if (pin->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, pin->d_name);
		unlink(path);
	}
	closedir(pins);
	return rmdir(dir) ? -errno : 0;
}

static bool kvm_is_traceable(void)
{
	struct btf *vmlinux = btf__load_vmlinux_btf(), *kvm = NULL;
	bool found = false;

	if (vmlinux && btf__find_by_name_kind(vmlinux, "btf_trace_kvm_page_fault",
					      BTF_KIND_TYPEDEF) > 0)
		found = true;
	if (vmlinux && !found) {
		kvm = btf__load_module_btf("kvm", vmlinux);
		found = kvm && btf__find_by_name_kind(kvm, "btf_trace_kvm_page_fault",
						      BTF_KIND_TYPEDEF) > 0;
	}
	btf__free(kvm);
	btf__free(vmlinux);
	return found;
}

static int plane_fail(struct dmem_error *error, int err, const char *what)
{
	return dmem_fail(error, err, "%s: %s%s%s", what, strerror(err < 0 ? -err : err),
			 *libbpf_said ? ": " : "", libbpf_said);
}

static int write_version(struct locality *locality)
{
	struct dmem_version version = {
		.maps_version = DMEM_MAPS_VERSION,
		.region_bytes = DMEM_MAP_REGION_PAGES * 4096,
	};
	struct dmem_epoch epoch = { .number = 1, .since_ns = dmem_clock_ns() };
	__u32 zero = 0;
	int err;

	err = bpf_map__update_elem(locality->maps.version, &zero, sizeof(zero), &version,
				   sizeof(version), BPF_ANY);
	if (err)
		return err;
	return bpf_map__update_elem(locality->maps.epoch, &zero, sizeof(zero), &epoch,
				    sizeof(epoch), BPF_ANY);
}

/* The kernel's HZ: what its coarse clocks go by. */
static __u32 ticks_per_s(void)
{
	struct timespec tick;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || tick.tv_sec || tick.tv_nsec <= 0)
		return 1;
	return 1000000000 / tick.tv_nsec;
}

static int open_programs(struct plane_programs *programs, bool has_kvm, struct dmem_error *error)
{
	int err;

	programs->locality = locality__open();
	programs->policy = bpf_object__open_mem(dmem_policy_object,
						dmem_policy_object_end - dmem_policy_object, NULL);
	if (!programs->locality || !programs->policy)
		return plane_fail(error, errno, "opening the BPF programs");
	bpf_program__set_autoload(programs->locality->progs.on_kvm_page_fault, has_kvm);

	programs->locality->rodata->jiffies_per_s = ticks_per_s();
	err = limit_maps(programs);
	if (err)
		return plane_fail(error, err, "setting the maps' sizes");
	err = locality__load(programs->locality);
	if (err)
		return plane_fail(error, err, "loading the locality programs");
	err = bpf_object__load(programs->policy);
	if (err)
		return plane_fail(error, err, "loading the policy program");
	err = write_version(programs->locality);
	if (err)
		return plane_fail(error, err, "writing the maps' version");
	return 0;
}

static int attach_programs(struct plane_programs *programs, struct dmem_error *error)
{
	struct bpf_map *policy = bpf_object__find_map_by_name(programs->policy, "policy");
	int err;

	programs->policy_link = bpf_map__attach_struct_ops(policy);
	if (!programs->policy_link) {
		if (errno == EBUSY)
			return dmem_fail(error, EBUSY,
					 "the core has another policy attached already: detach it first");
		return plane_fail(error, errno, "attaching the policy");
	}
	err = locality__attach(programs->locality);
	return err ? plane_fail(error, err, "attaching the locality programs") : 0;
}

static int pin_map(struct bpf_map *map, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), NEW_PIN_DIR "/%s", name);
	return bpf_map__pin(map, path);
}

static int pin_link(struct bpf_link *link, const char *name)
{
	char path[256];

	if (!link)
		return 0;
	snprintf(path, sizeof(path), NEW_PIN_DIR "/link_%s", name);
	return bpf_link__pin(link, path);
}

static int pin_maps(struct plane_programs *programs)
{
	struct bpf_map *map;
	int err;

	bpf_object__for_each_map(map, programs->locality->obj) {
		if (bpf_map__is_internal(map))
			continue;
		err = pin_map(map, bpf_map__name(map));
		if (err)
			return err;
	}
	return pin_map(bpf_object__find_map_by_name(programs->policy, "orders"), "orders");
}

static int pin_links(struct plane_programs *programs)
{
	struct bpf_program *program;
	int err, i = 0;

	bpf_object__for_each_program(program, programs->locality->obj) {
		err = pin_link(*programs->locality->skeleton->progs[i++].link,
			       bpf_program__name(program));
		if (err)
			return err;
	}
	return pin_link(programs->policy_link, "policy");
}

static int pin_programs(struct plane_programs *programs, struct dmem_error *error)
{
	int err;

	if (mkdir(NEW_PIN_DIR, 0700))
		return dmem_fail(error, errno, "making " NEW_PIN_DIR ": %s", strerror(errno));
	err = pin_maps(programs);
	if (!err)
		err = pin_links(programs);
	if (err) {
		remove_pins(NEW_PIN_DIR);
		return plane_fail(error, err, "pinning the plane under " NEW_PIN_DIR);
	}
	if (rename(NEW_PIN_DIR, DMEM_PIN_DIR)) {
		err = errno;
		remove_pins(NEW_PIN_DIR);
		return dmem_fail(error, err, "renaming " NEW_PIN_DIR " to " DMEM_PIN_DIR ": %s",
				 strerror(err));
	}
	return 0;
}

static int load_locked(bool *has_kvm, struct dmem_error *error)
{
	struct plane_programs programs = {};
	int err;

	if (!access(DMEM_PIN_DIR, F_OK))
		return dmem_fail(error, EEXIST,
				 "the plane is loaded already (" DMEM_PIN_DIR "): take it down with dmem-tuner --unload first");
	/* Of a loader that was killed: its policy would be in the way. */
	remove_pins(NEW_PIN_DIR);
	*has_kvm = kvm_is_traceable();
	err = open_programs(&programs, *has_kvm, error);
	if (!err)
		err = attach_programs(&programs, error);
	if (!err)
		err = pin_programs(&programs, error);
	/* The pins hold everything; without them this takes it all down again. */
	bpf_link__destroy(programs.policy_link);
	bpf_object__close(programs.policy);
	locality__destroy(programs.locality);
	return err;
}

int dmem_plane_load(bool *has_kvm, struct dmem_error *error)
{
	int err, lock;

	dmem_libbpf_listen();
	err = check_system(error);
	if (!err)
		err = mount_bpffs(error);
	if (err)
		return err;
	lock = lock_bpffs(error);
	if (lock < 0)
		return lock;
	err = load_locked(has_kvm, error);
	close(lock);
	return err;
}

int dmem_plane_unload(struct dmem_error *error)
{
	int err, lock;

	if (geteuid())
		return dmem_fail(error, EPERM, "unloading the BPF plane needs root");
	lock = lock_bpffs(error);
	if (lock < 0)
		return lock;
	remove_pins(NEW_PIN_DIR);
	err = access(DMEM_PIN_DIR, F_OK) ? -ENOENT : remove_pins(DMEM_PIN_DIR);
	close(lock);
	if (err == -ENOENT)
		return dmem_fail(error, ENOENT, "the plane is not loaded (" DMEM_PIN_DIR
				 " is not there)");
	return err ? dmem_fail(error, err, "removing " DMEM_PIN_DIR ": %s", strerror(-err)) : 0;
}
