/* SPDX-License-Identifier: GPL-2.0 */
/* storefile.h - the store's files, opened and mapped; for store.c alone. */
#ifndef MEMNODE_STOREFILE_H
#define MEMNODE_STOREFILE_H

#include "store.h"

/**
 * storefile_open - open, lock and map memory and ledger
 * @store: its sizes are set; takes files and mappings; @found says whether the ledger is of a
 *	daemon before this one
 * @config: where
 * @error: takes the reason
 *
 * Return: 0 or -errno; storefile_close() in either case.
 */
int storefile_open(struct store *store, const struct store_config *config,
		   struct dmem_error *error);
void storefile_close(struct store *store);

#endif /* MEMNODE_STOREFILE_H */
