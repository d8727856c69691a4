// SPDX-License-Identifier: GPL-2.0
/*
 * transport.c - the table of transports: donor=NAME[:SPEC] finds its own here.
 *
 * A new transport is one file and one line.
 */
#include <linux/fs_context.h>
#include <linux/string.h>

#include "core.h"

static atomic_t dmem_donors;

static const struct dmem_transport *const dmem_transports[] = {
	&dmem_local_transport,
};

/**
 * dmem_donor_open - open the donor that the mount options name
 * @pool: with its options
 * @fc: takes the reason of a refusal
 *
 * Return: 0 or a negative errno.
 */
int dmem_donor_open(struct dmem_pool *pool, struct fs_context *fc)
{
	const char *spec = strchrnul(pool->donor_spec, ':');
	size_t len = spec - pool->donor_spec;
	int i, err;

	if (*spec)
		spec++;
	for (i = 0; i < ARRAY_SIZE(dmem_transports); i++) {
		const struct dmem_transport *transport = dmem_transports[i];

		if (strlen(transport->name) != len ||
		    strncmp(transport->name, pool->donor_spec, len))
			continue;
		pool->donor.transport = transport;
		pool->donor.id = atomic_inc_return(&dmem_donors);
		err = transport->open(pool, &pool->donor, spec, fc);
		pool->donor_is_open = !err;
		return err;
	}
	return invalfc(fc, "donor=%s: unknown transport; this kernel has: %s", pool->donor_spec,
		       dmem_local_transport.name);
}

void dmem_donor_close(struct dmem_pool *pool)
{
	if (pool->donor_is_open)
		pool->donor.transport->close(&pool->donor);
	pool->donor_is_open = false;
}
