// SPDX-License-Identifier: GPL-2.0
/*
 * pool.c - pools: finding, mounting and unmounting them.
 *
 * The kernel decides what is right; this file finds the words for its errnos. No state is kept
 * between calls.
 */
#include "inpool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "units.h"

/* The kernel's messages are at most a page, its queue holds eight of them. */
#define KERNEL_MESSAGE_LEN	4096

/* mountinfo writes blanks, newlines and backslashes as \ and three octal digits. */
static void unescape_octal(char *text)
{
	char *to = text;

	for (; *text; text++) {
		unsigned int code = 0;
		int digits = 0;

		while (*text == '\\' && digits < 3 && text[1 + digits] >= '0' &&
		       text[1 + digits] <= '7')
			code = code * 8 + (unsigned int)(text[1 + digits++] - '0');
		*to++ = digits == 3 ? (char)code : *text;
		text += digits == 3 ? 3 : 0;
	}
	*to = 0;
}

/*
 * "36 35 98:0 /root /mount/point rw,noatime shared:1 - dmem source rw,donor=local:1G", proc(5).
 * Cuts the line into the parts that matter; false where it is no pool's.
 */
static bool parse_mountinfo(char *line, struct dmem_pool *pool)
{
	unsigned int major, minor;
	int root_end = -1;
	char *path, *rest, *type;

	line[strcspn(line, "\n")] = 0;
	rest = strstr(line, " - ");
	if (!rest || sscanf(line, "%*u %*u %u:%u %*s %n", &major, &minor, &root_end) != 2 ||
	    root_end < 0)
		return false;
	path = line + root_end;
	rest += strlen(" - ");
	path[strcspn(path, " ")] = 0;
	type = strsep(&rest, " ");
	strsep(&rest, " ");
	if (strcmp(type, DMEM_FS_NAME) || !rest)
		return false;
	unescape_octal(path);
	unescape_octal(rest);
	*pool = (struct dmem_pool){ .path = path, .options = rest, .dev = makedev(major, minor) };
	return true;
}

/* Neither a bind mount of one that is listed, nor hidden beneath another mount, nor one file. */
static bool is_listable(const struct dmem_pool *pool, const struct dmem_pool *pools, size_t nr)
{
	struct stat st;

	for (size_t i = 0; i < nr; i++)
		if (pools[i].dev == pool->dev)
			return false;
	/* A pool that may not be looked at is there all the same. */
	if (stat(pool->path, &st))
		return errno == EACCES;
	return st.st_dev == pool->dev && S_ISDIR(st.st_mode);
}

static int append_pool(struct dmem_pool **pools, size_t *nr, const struct dmem_pool *pool)
{
	struct dmem_pool copy = {
		.path = strdup(pool->path), .options = strdup(pool->options), .dev = pool->dev,
	};
	struct dmem_pool *longer = reallocarray(*pools, *nr + 1, sizeof(copy));

	if (longer)
		*pools = longer;
	if (!longer || !copy.path || !copy.options) {
		free(copy.path);
		free(copy.options);
		return -ENOMEM;
	}
	longer[(*nr)++] = copy;
	return 0;
}

int dmem_pool_list(struct dmem_pool **pools, size_t *nr, struct dmem_error *error)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	struct dmem_pool pool;
	char *line = NULL;
	size_t len = 0;
	int err = 0;

	*pools = NULL;
	*nr = 0;
	if (!file)
		return dmem_fail(error, errno, "/proc/self/mountinfo: %s", strerror(errno));
	while (!err && getline(&line, &len, file) > 0)
		if (parse_mountinfo(line, &pool) && is_listable(&pool, *pools, *nr))
			err = append_pool(pools, nr, &pool);
	if (!err && ferror(file))
		err = -EIO;
	free(line);
	fclose(file);
	if (!err)
		return 0;
	dmem_pool_list_free(*pools, *nr);
	*pools = NULL;
	*nr = 0;
	return dmem_fail(error, -err, "/proc/self/mountinfo: %s", strerror(-err));
}

void dmem_pool_list_free(struct dmem_pool *pools, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		free(pools[i].path);
		free(pools[i].options);
	}
	free(pools);
}

int dmem_pool_get_usage(const char *path, struct dmem_pool_usage *usage, struct dmem_error *error)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return fail_errno(error);
	if (fs.f_type != DMEM_MAGIC)
		return dmem_fail(error, ENOTTY, "not in a dmem pool");
	usage->lent_bytes = (uint64_t)fs.f_blocks * fs.f_bsize;
	usage->reserved_bytes = (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_bsize;
	return 0;
}

int dmem_pool_get_donors(const char *path, struct dmem_pool_donors *donors,
			 struct dmem_error *error)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return fail_errno(error);
	err = check_in_pool(fd, error);
	*donors = (struct dmem_pool_donors){ .size = sizeof(*donors),
					     .version = DMEM_ABI_VERSION };
	if (!err && ioctl(fd, DMEM_IOC_DONORS, donors)) {
		err = fail_errno(error);
		if (err == -ENOTTY)
			dmem_fail(error, ENOTTY, "the loaded dmem module does not tell its donors");
	}
	close(fd);
	return err;
}

/*
 * What the kernel said of the last step, one message a read: "e dmem: order=10: not from 0 to 9".
 * Notes and warnings are not reasons. False where it said nothing.
 */
static bool read_kernel_error(int fs, struct dmem_error *error)
{
	char message[KERNEL_MESSAGE_LEN];
	size_t used = 0;
	ssize_t len;

	while ((len = read(fs, message, sizeof(message) - 1)) > 0) {
		const char *text = message + 2;

		message[len] = 0;
		message[strcspn(message, "\n")] = 0;
		if (strncmp(message, "e ", 2))
			continue;
		if (!strncmp(text, DMEM_FS_NAME ": ", sizeof(DMEM_FS_NAME ": ") - 1))
			text += sizeof(DMEM_FS_NAME ": ") - 1;
		if (used < sizeof(error->text))
			used += snprintf(error->text + used, sizeof(error->text) - used, "%s%s",
					 used ? "; " : "", text);
	}
	return used;
}

static int context_failed(int fs, int err, const char *step, struct dmem_error *error)
{
	if (read_kernel_error(fs, error))
		return -err;
	if (err == EPERM)
		return dmem_fail(error, err, "mounting needs root (CAP_SYS_ADMIN)");
	return dmem_fail(error, err, "%s%s%s", step, *step ? ": " : "", strerror(err));
}

static int set_option(int fs, char *option, struct dmem_error *error)
{
	char *value = strchr(option, '=');
	int err;

	if (value)
		*value++ = 0;
	if (!fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, option, value, 0))
		return 0;
	err = errno;
	return context_failed(fs, err, option, error);
}

static int set_options(int fs, const char *options, struct dmem_error *error)
{
	char *copy = strdup(options), *rest = copy, *option;
	int err = 0;

	if (!copy)
		return fail_errno(error);
	while (!err && (option = strsep(&rest, ",")))
		if (*option)
			err = set_option(fs, option, error);
	free(copy);
	return err;
}

/* A pool over a pool, or inside one, would hide the VM memories below. */
static int check_target(const char *target, struct dmem_error *error)
{
	struct statfs fs;
	struct stat st;

	if (stat(target, &st) || statfs(target, &fs))
		return fail_errno(error);
	if (!S_ISDIR(st.st_mode))
		return dmem_fail(error, ENOTDIR, "%s", strerror(ENOTDIR));
	if (fs.f_type == DMEM_MAGIC)
		return dmem_fail(error, EBUSY, "in a dmem pool already");
	return 0;
}

/* The pool exists from CMD_CREATE on, and goes with @mnt until it has a place. */
static int attach_pool(int fs, const char *target, struct dmem_error *error)
{
	int mnt, err = 0;

	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) {
		err = errno;
		return context_failed(fs, err, "", error);
	}
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (mnt < 0) {
		err = errno;
		return context_failed(fs, err, "", error);
	}
	if (move_mount(mnt, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH))
		err = fail_errno(error);
	close(mnt);
	return err;
}

int dmem_pool_mount(const char *target, const char *options, struct dmem_error *error)
{
	char source[] = "source=" DMEM_FS_NAME;
	int fs, err;

	err = check_target(target, error);
	if (err)
		return err;
	fs = fsopen(DMEM_FS_NAME, FSOPEN_CLOEXEC);
	if (fs < 0 && errno == ENODEV)
		return dmem_fail(error, ENODEV,
				      "the dmem module is not loaded (modprobe dmem)");
	if (fs < 0) {
		err = errno;
		return context_failed(fs, err, "", error);
	}
	err = set_option(fs, source, error);
	if (!err)
		err = set_options(fs, options, error);
	if (!err)
		err = attach_pool(fs, target, error);
	close(fs);
	return err;
}

int dmem_pool_umount(const char *target, struct dmem_error *error)
{
	struct dmem_pool_usage usage;
	int err = dmem_pool_get_usage(target, &usage, error);

	if (err)
		return err;
	if (!umount2(target, 0))
		return 0;
	if (errno == EBUSY)
		return dmem_fail(error, EBUSY,
				      "in use: something in it is open, mapped or a mount point");
	if (errno == EINVAL)
		return dmem_fail(error, EINVAL, "not where the pool is mounted");
	if (errno == EPERM)
		return dmem_fail(error, EPERM, "unmounting needs root (CAP_SYS_ADMIN)");
	return fail_errno(error);
}
