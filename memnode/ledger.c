// SPDX-License-Identifier: GPL-2.0
/* ledger.c - checksummed records in a mapped file, written in the order that ledger.h has. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <nettle/sha2.h>

#include "ledger.h"

#define LEDGER_VERSION	1
#define HEADER_BYTES	4096

static const char magic[8] = "dmemledg";

/* The first word of a SHA-256: no CRC is at hand, and no record is written for a page. */
static uint64_t checksum(const struct ledger *ledger, uint64_t place, const void *record,
			 size_t bytes)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;
	uint64_t check;

	sha256_init(&ctx);
	sha256_update(&ctx, sizeof(ledger->header->epoch), (const void *)&ledger->header->epoch);
	sha256_update(&ctx, sizeof(place), (const void *)&place);
	sha256_update(&ctx, bytes, record);
	sha256_digest(&ctx, sizeof(digest), digest);
	memcpy(&check, digest, sizeof(check));
	/* Zero is what a void record has. */
	return check ? check : 1;
}

static uint64_t check_header(const struct ledger *ledger)
{
	return checksum(ledger, 0, ledger->header, offsetof(struct ledger_header, check));
}

static uint64_t check_client(const struct ledger *ledger, uint32_t slot)
{
	return checksum(ledger, 1 + slot, &ledger->clients[slot],
			offsetof(struct ledger_client, check));
}

static uint64_t check_extent(const struct ledger *ledger, uint64_t index)
{
	return checksum(ledger, 1 + LEDGER_CLIENTS + index, &ledger->extents[index],
			offsetof(struct ledger_extent, check));
}

/* What was written before it is in the file before it, whatever the compiler would rather do. */
static void put_check(uint64_t *to, uint64_t check)
{
	__atomic_store_n(to, check, __ATOMIC_SEQ_CST);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

size_t ledger_bytes(uint64_t extents, size_t block_bytes)
{
	size_t bytes = HEADER_BYTES + LEDGER_CLIENTS * sizeof(struct ledger_client) +
		       extents * sizeof(struct ledger_extent);

	return (bytes + block_bytes - 1) / block_bytes * block_bytes;
}

int ledger_map(struct ledger *ledger, int fd, size_t bytes)
{
	uint8_t *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	/* Resume keys are in it. */
	madvise(map, bytes, MADV_DONTDUMP);
	ledger->header = (void *)map;
	ledger->clients = (void *)(map + HEADER_BYTES);
	ledger->extents = (void *)(ledger->clients + LEDGER_CLIENTS);
	ledger->bytes = bytes;
	return 0;
}

void ledger_unmap(struct ledger *ledger)
{
	if (ledger->header)
		munmap(ledger->header, ledger->bytes);
	ledger->header = NULL;
}

bool ledger_fits(const struct ledger *ledger, const struct ledger_shape *shape)
{
	const struct ledger_header *header = ledger->header;

	return header->check && header->check == check_header(ledger) &&
	       !memcmp(header->magic, magic, sizeof(magic)) &&
	       header->version == LEDGER_VERSION && header->clients == LEDGER_CLIENTS &&
	       header->epoch && header->next_generation &&
	       !memcmp(&header->shape, shape, sizeof(*shape));
}

void ledger_void(struct ledger *ledger)
{
	put_check(&ledger->header->check, 0);
}

void ledger_begin(struct ledger *ledger, const struct ledger_shape *shape, uint64_t epoch)
{
	struct ledger_header *header = ledger->header;

	memset(ledger->clients, 0, ledger->bytes - HEADER_BYTES);
	memcpy(header->magic, magic, sizeof(magic));
	header->version = LEDGER_VERSION;
	header->clients = LEDGER_CLIENTS;
	header->shape = *shape;
	header->epoch = epoch;
	header->next_generation = 1;
	put_check(&header->check, check_header(ledger));
}

bool ledger_has_client(const struct ledger *ledger, uint32_t slot)
{
	uint64_t check = ledger->clients[slot].check;

	return check && check == check_client(ledger, slot);
}

bool ledger_has_extent(const struct ledger *ledger, uint64_t index)
{
	const struct ledger_extent *extent = &ledger->extents[index];

	return extent->check && extent->check == check_extent(ledger, index) &&
	       extent->number < DMEM_WIRE_EXTENTS_MAX && extent->generation &&
	       extent->generation < ledger->header->next_generation;
}

void ledger_put_client(struct ledger *ledger, uint32_t slot, const uint8_t *id,
		       const uint8_t *resume_key)
{
	struct ledger_client *client = &ledger->clients[slot];

	memcpy(client->id, id, sizeof(client->id));
	memcpy(client->resume_key, resume_key, sizeof(client->resume_key));
	client->reserved = 0;
	put_check(&client->check, check_client(ledger, slot));
}

void ledger_put_extent(struct ledger *ledger, uint64_t index, const uint8_t *client,
		       uint32_t number, uint64_t generation)
{
	struct ledger_extent *extent = &ledger->extents[index];

	memcpy(extent->client, client, sizeof(extent->client));
	extent->number = number;
	extent->reserved = 0;
	extent->generation = generation;
	put_check(&extent->check, check_extent(ledger, index));
}

void ledger_void_client(struct ledger *ledger, uint32_t slot)
{
	put_check(&ledger->clients[slot].check, 0);
	explicit_bzero(ledger->clients[slot].resume_key, DMEM_WIRE_KEY_BYTES);
}

void ledger_void_extent(struct ledger *ledger, uint64_t index)
{
	put_check(&ledger->extents[index].check, 0);
}

uint64_t ledger_next_generation(struct ledger *ledger)
{
	uint64_t generation = ledger->header->next_generation;

	put_check(&ledger->header->next_generation, generation + 1);
	return generation;
}
