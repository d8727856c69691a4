/* SPDX-License-Identifier: GPL-2.0 */
/* inpool.h - what pool.c and vm.c share; not for the tools. */
#ifndef DMEM_INPOOL_H
#define DMEM_INPOOL_H

#include <errno.h>
#include <string.h>
#include <sys/statfs.h>

#include "pool.h"

static inline int fail_errno(struct dmem_error *error)
{
	return dmem_fail(error, errno, "%s", strerror(errno));
}

/* Whether a descriptor, O_PATH ones too, is of something in a pool. */
static inline int check_in_pool(int fd, struct dmem_error *error)
{
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return fail_errno(error);
	if (fs.f_type != DMEM_MAGIC)
		return dmem_fail(error, ENOTTY, "not in a dmem pool");
	return 0;
}

#endif /* DMEM_INPOOL_H */
