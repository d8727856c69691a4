// SPDX-License-Identifier: GPL-2.0
/*
 * transport.c - the transports there are: donor=NAME[:SPEC] finds its own here.
 *
 * One may be a module of its own, dmem-NAME, which is loaded when it is asked for. The list is
 * guarded by dmem_transport_mutex; a pool holds the module of its transport until it is closed.
 */
#include <linux/ctype.h>
#include <linux/fs_context.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/string.h>

#include "core.h"

static atomic_t dmem_donors;
static LIST_HEAD(dmem_transports);
static DEFINE_MUTEX(dmem_transport_mutex);

static struct dmem_transport *dmem_transport_find(const char *name, size_t len)
{
	struct dmem_transport *transport;

	lockdep_assert_held(&dmem_transport_mutex);
	list_for_each_entry(transport, &dmem_transports, list)
		if (strlen(transport->name) == len && !strncmp(transport->name, name, len))
			return transport;
	return NULL;
}

/**
 * dmem_transport_register - from now on pools may be mounted with this transport
 * @transport: all but its list filled in; stays until it is unregistered
 *
 * Return: 0, or -EEXIST where one of that name is there.
 */
int dmem_transport_register(struct dmem_transport *transport)
{
	int err = 0;

	mutex_lock(&dmem_transport_mutex);
	if (dmem_transport_find(transport->name, strlen(transport->name)))
		err = -EEXIST;
	else
		list_add_tail(&transport->list, &dmem_transports);
	mutex_unlock(&dmem_transport_mutex);
	return err;
}
EXPORT_SYMBOL_NS_GPL(dmem_transport_register, DMEM_NS);

/* No pool has it any more: they hold its module, whose exit calls this. */
void dmem_transport_unregister(struct dmem_transport *transport)
{
	mutex_lock(&dmem_transport_mutex);
	list_del(&transport->list);
	mutex_unlock(&dmem_transport_mutex);
}
EXPORT_SYMBOL_NS_GPL(dmem_transport_unregister, DMEM_NS);

/* With a reference to its module; NULL where it is not there or about to go. */
static struct dmem_transport *dmem_transport_get(const char *name, size_t len)
{
	struct dmem_transport *transport;

	mutex_lock(&dmem_transport_mutex);
	transport = dmem_transport_find(name, len);
	if (transport && !try_module_get(transport->owner))
		transport = NULL;
	mutex_unlock(&dmem_transport_mutex);
	return transport;
}

/* The module that has it, unless the name could mean anything else to modprobe. */
static void dmem_transport_load(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!isalnum(name[i]))
			return;
	if (len)
		request_module("dmem-%.*s", (int)len, name);
}

/* The name of a transport ends here. */
static size_t dmem_donor_name_len(const char *donor)
{
	return strchrnul(donor, ':') - donor;
}

/* All of one transport: who else would know which of them has a page? */
static int dmem_donor_check(struct dmem_pool *pool, struct fs_context *fc)
{
	size_t len = dmem_donor_name_len(pool->donors[0]);
	unsigned int i;

	for (i = 1; i < pool->nr_donors; i++) {
		if (dmem_donor_name_len(pool->donors[i]) != len ||
		    strncmp(pool->donors[i], pool->donors[0], len))
			return invalfc(fc, "donor=%s: not of the same transport as %s",
				       pool->donors[i], pool->donors[0]);
	}
	return 0;
}

/**
 * dmem_donor_open - open the donors that the mount options name
 * @pool: with its options, at least one donor among them
 * @fc: takes the reason of a refusal
 *
 * Return: 0 or a negative errno.
 */
int dmem_donor_open(struct dmem_pool *pool, struct fs_context *fc)
{
	const char *name = pool->donors[0];
	size_t len = dmem_donor_name_len(name);
	struct dmem_donor *donor = &pool->donor;
	unsigned int i;
	int err = dmem_donor_check(pool, fc);

	if (err)
		return err;
	donor->transport = dmem_transport_get(name, len);
	if (!donor->transport) {
		dmem_transport_load(name, len);
		donor->transport = dmem_transport_get(name, len);
	}
	if (!donor->transport)
		return invalfc(fc, "donor=%s: unknown transport, and no module dmem-%.*s",
			       name, (int)len, name);
	donor->nr_specs = pool->nr_donors;
	for (i = 0; i < pool->nr_donors; i++)
		donor->specs[i] = pool->donors[i] + len + !!pool->donors[i][len];
	donor->id = atomic_inc_return(&dmem_donors);
	err = donor->transport->open(pool, donor, fc);
	if (err)
		module_put(donor->transport->owner);
	pool->donor_is_open = !err;
	return err;
}

void dmem_donor_close(struct dmem_pool *pool)
{
	if (!pool->donor_is_open)
		return;
	pool->donor.transport->close(&pool->donor);
	module_put(pool->donor.transport->owner);
	pool->donor_is_open = false;
}
