/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ledger.h - what survives the daemon: who has which extent, in a mapped file beside the memory.
 *
 * Every record ends with a checksum over it, its place and the epoch. It is written first and its
 * checksum last, and made void by a checksum of zero, so kill -9 at any instruction leaves each
 * record whole or void. (Whoever dies with the machine takes the memory with him.) The loop's
 * thread alone writes.
 */
#ifndef MEMNODE_LEDGER_H
#define MEMNODE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uapi/dmem_wire.h"

/** Clients that a donor can know at once. */
#define LEDGER_CLIENTS		1024
#define LEDGER_BOOT_ID_BYTES	16

/** struct ledger_shape - the memory that a ledger is of; another one has no use for it */
struct ledger_shape {
	uint64_t extents;
	uint64_t extent_bytes;
	uint64_t memory_device;		/* st_dev, st_ino of the memory's file */
	uint64_t memory_inode;
	uint8_t boot_id[LEDGER_BOOT_ID_BYTES];
};

struct ledger_header {
	char magic[8];
	uint32_t version;
	uint32_t clients;
	struct ledger_shape shape;
	uint64_t epoch;
	uint64_t check;
	/* One word, written before the generation is used; the checksum is not of it. */
	uint64_t next_generation;
};

struct ledger_client {
	uint8_t id[DMEM_WIRE_ID_BYTES];
	uint8_t resume_key[DMEM_WIRE_KEY_BYTES];
	uint64_t reserved;
	uint64_t check;
};

struct ledger_extent {
	uint8_t client[DMEM_WIRE_ID_BYTES];
	uint32_t number;
	uint32_t reserved;
	uint64_t generation;
	uint64_t check;
};

struct ledger {
	struct ledger_header *header;
	struct ledger_client *clients;
	struct ledger_extent *extents;
	size_t bytes;			/* as mapped */
};

/**
 * ledger_bytes - how large its file must be
 * @extents: of the memory
 * @block_bytes: of the filesystem; what is mapped there is a multiple of it
 */
size_t ledger_bytes(uint64_t extents, size_t block_bytes);

/**
 * ledger_map - at a file's content
 * @ledger: takes it; nothing is read yet
 * @fd: of a file of @bytes
 * @bytes: of ledger_bytes()
 *
 * Return: 0 or -errno.
 */
int ledger_map(struct ledger *ledger, int fd, size_t bytes);
void ledger_unmap(struct ledger *ledger);

/** ledger_fits - whether it is valid and of this memory: what it says may be believed */
bool ledger_fits(const struct ledger *ledger, const struct ledger_shape *shape);

/** ledger_void - nobody believes it until ledger_begin() */
void ledger_void(struct ledger *ledger);

/**
 * ledger_begin - empty and valid
 * @ledger: void, of @bytes that are at least ledger_bytes() of @shape
 * @shape: of the memory, which is all holes
 * @epoch: drawn for it
 */
void ledger_begin(struct ledger *ledger, const struct ledger_shape *shape, uint64_t epoch);

/** ledger_has_client, ledger_has_extent - whether the record is whole; false for an unused one */
bool ledger_has_client(const struct ledger *ledger, uint32_t slot);
bool ledger_has_extent(const struct ledger *ledger, uint64_t index);

/** ledger_put_client, ledger_put_extent - write a record; a void one */
void ledger_put_client(struct ledger *ledger, uint32_t slot, const uint8_t *id,
		       const uint8_t *resume_key);
void ledger_put_extent(struct ledger *ledger, uint64_t index, const uint8_t *client,
		       uint32_t number, uint64_t generation);

/** ledger_void_client, ledger_void_extent - there is no such client, nobody has the extent */
void ledger_void_client(struct ledger *ledger, uint32_t slot);
void ledger_void_extent(struct ledger *ledger, uint64_t index);

/** ledger_next_generation - one that was never given before in this epoch */
uint64_t ledger_next_generation(struct ledger *ledger);

#endif /* MEMNODE_LEDGER_H */
