/* SPDX-License-Identifier: GPL-2.0 */
/*
 * store.h - the memory that is lent, and to whom.
 *
 * One file, cut into extents. A free extent is a hole, so that what is lent reads as zeros. Who
 * has which is in the ledger before anybody is told. All functions are the loop's but the two
 * that a worker calls: they touch the file alone, in a part of it that is nobody else's then.
 */
#ifndef MEMNODE_STORE_H
#define MEMNODE_STORE_H

#include <sys/queue.h>

#include "error.h"
#include "ledger.h"

struct ibv_mr;
struct session;

struct store_config {
	const char *dir;		/* NULL: a memfd */
	bool hugepages;
	uint64_t memory_bytes;		/* whole extents */
	uint64_t extent_bytes;
};

struct extent {
	uint32_t index;
	uint32_t number;		/* the client's, while leased */
	uint64_t generation;		/* 0: not leased */
	struct client *client;
	struct ibv_mr *mr;		/* of the client's session, or none: transport.h */
	/* Of the client's leases; of the free; or of what a worker makes holes of. */
	TAILQ_ENTRY(extent) entry;
};
TAILQ_HEAD(extent_list, extent);

struct client {
	uint8_t id[DMEM_WIRE_ID_BYTES];
	uint8_t resume_key[DMEM_WIRE_KEY_BYTES];
	uint32_t slot;			/* in the ledger */
	uint32_t nr_leases;
	struct extent_list leases;
	void *by_number;		/* the same, as tsearch() keeps them */
	/* The session's, which keeps them: */
	struct session *session;
	struct session *successor;	/* waits for the session's end */
	uint64_t used_bytes;		/* as it says */
	uint64_t grace_end_ms;		/* while there is no session */
	TAILQ_ENTRY(client) entry;
};
TAILQ_HEAD(client_list, client);

struct store {
	struct ledger ledger;
	int dir_fd, lock_fd, memory_fd;	/* lock: the ledger's */
	uint8_t *memory;
	uint64_t memory_bytes;
	uint64_t extent_bytes;
	bool found;			/* leases of a daemon before this one */
	uint32_t nr_extents, nr_free, nr_leased;
	struct extent *extents;
	struct extent_list free;
	uint32_t nr_clients;
	struct client_list clients;
	struct client *slots[LEDGER_CLIENTS];
};

/**
 * store_open - make the memory, or find that of a daemon before this one
 * @store: takes it
 * @config: how much, where
 * @error: takes the reason
 *
 * What it finds whole it keeps: epoch, leases, clients. Else memory and ledger are empty and
 * the epoch is a new one.
 *
 * Return: 0 or -errno.
 */
int store_open(struct store *store, const struct store_config *config, struct dmem_error *error);

/** store_close - let go of it; files stay as they are */
void store_close(struct store *store);

static inline uint64_t store_epoch(const struct store *store)
{
	return store->ledger.header->epoch;
}

static inline uint8_t *store_address(const struct store *store, const struct extent *extent)
{
	return store->memory + extent->index * store->extent_bytes;
}

/** store_find_client - NULL: not known */
struct client *store_find_client(const struct store *store, const uint8_t *id);

/** store_add_client - make it known; NULL: too many are, or no memory */
struct client *store_add_client(struct store *store, const uint8_t *id,
				const uint8_t *resume_key);

/** store_forget_client - one without leases; it is freed */
void store_forget_client(struct store *store, struct client *client);

/** store_find_lease - NULL: the client has none of this number */
struct extent *store_find_lease(const struct client *client, uint32_t number);

/**
 * store_lease - lend a free extent
 * @store: of it
 * @client: to whom
 * @number: the client's for it; it has none of that number
 *
 * Return: NULL where none is free, or no memory.
 */
struct extent *store_lease(struct store *store, struct client *client, uint32_t number);

/**
 * store_unlease - nobody has it from here on, but it is not free
 * @store: of it
 * @extent: leased
 * @to: takes it; for store_punch(), then store_free()
 */
void store_unlease(struct store *store, struct extent *extent, struct extent_list *to);

/** store_free - may be lent again; a hole, in no list */
void store_free(struct store *store, struct extent *extent);

/** store_fill - a worker's: have the memory now, not when it is touched; 0 or -errno */
int store_fill(const struct store *store, const struct extent *extent);

/** store_punch - a worker's: make it a hole; 0 or -errno, and then it must not be lent again */
int store_punch(const struct store *store, const struct extent *extent);

#endif /* MEMNODE_STORE_H */
