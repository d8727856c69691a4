// SPDX-License-Identifier: GPL-2.0
/* store.c - extents and clients, in memory and in the ledger. storefile.c opens the files. */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"
#include "store.h"
#include "storefile.h"

static int compare_numbers(const void *a, const void *b)
{
	const struct extent *one = a, *other = b;

	return one->number < other->number ? -1 : one->number > other->number;
}

struct client *store_find_client(const struct store *store, const uint8_t *id)
{
	struct client *client;

	TAILQ_FOREACH(client, &store->clients, entry) {
		if (!memcmp(client->id, id, sizeof(client->id)))
			return client;
	}
	return NULL;
}

static struct client *new_client(struct store *store, uint32_t slot, const uint8_t *id,
				 const uint8_t *resume_key)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	memcpy(client->id, id, sizeof(client->id));
	memcpy(client->resume_key, resume_key, sizeof(client->resume_key));
	client->slot = slot;
	TAILQ_INIT(&client->leases);
	TAILQ_INSERT_TAIL(&store->clients, client, entry);
	store->slots[slot] = client;
	store->nr_clients++;
	return client;
}

struct client *store_add_client(struct store *store, const uint8_t *id, const uint8_t *resume_key)
{
	struct client *client;
	uint32_t slot = 0;

	while (slot < LEDGER_CLIENTS && store->slots[slot])
		slot++;
	if (slot == LEDGER_CLIENTS)
		return NULL;
	client = new_client(store, slot, id, resume_key);
	if (client)
		ledger_put_client(&store->ledger, slot, id, resume_key);
	return client;
}

static void free_client(struct store *store, struct client *client)
{
	TAILQ_REMOVE(&store->clients, client, entry);
	store->slots[client->slot] = NULL;
	store->nr_clients--;
	explicit_bzero(client->resume_key, sizeof(client->resume_key));
	free(client);
}

void store_forget_client(struct store *store, struct client *client)
{
	ledger_void_client(&store->ledger, client->slot);
	free_client(store, client);
}

struct extent *store_find_lease(const struct client *client, uint32_t number)
{
	const struct extent wanted = { .number = number };
	struct extent **found = tfind(&wanted, &client->by_number, compare_numbers);

	return found ? *found : NULL;
}

/* The extent is in no list. False without memory, or where the client has one of that number. */
static bool give(struct store *store, struct extent *extent, struct client *client,
		 uint32_t number, uint64_t generation)
{
	struct extent **found;

	extent->number = number;
	found = tsearch(extent, &client->by_number, compare_numbers);
	if (!found || *found != extent)
		return false;
	extent->generation = generation;
	extent->client = client;
	TAILQ_INSERT_TAIL(&client->leases, extent, entry);
	client->nr_leases++;
	store->nr_leased++;
	return true;
}

struct extent *store_lease(struct store *store, struct client *client, uint32_t number)
{
	struct extent *extent = TAILQ_FIRST(&store->free);

	if (!extent)
		return NULL;
	TAILQ_REMOVE(&store->free, extent, entry);
	if (!give(store, extent, client, number, ledger_next_generation(&store->ledger))) {
		TAILQ_INSERT_HEAD(&store->free, extent, entry);
		return NULL;
	}
	store->nr_free--;
	ledger_put_extent(&store->ledger, extent->index, client->id, number, extent->generation);
	return extent;
}

void store_unlease(struct store *store, struct extent *extent, struct extent_list *to)
{
	struct client *client = extent->client;

	/* First: a hole must never be taken for what a client wrote. */
	ledger_void_extent(&store->ledger, extent->index);
	tdelete(extent, &client->by_number, compare_numbers);
	TAILQ_REMOVE(&client->leases, extent, entry);
	client->nr_leases--;
	store->nr_leased--;
	extent->client = NULL;
	extent->generation = 0;
	TAILQ_INSERT_TAIL(to, extent, entry);
}

void store_free(struct store *store, struct extent *extent)
{
	/* At the head: what was used last is most likely still in huge pages and caches. */
	TAILQ_INSERT_HEAD(&store->free, extent, entry);
	store->nr_free++;
}

int store_fill(const struct store *store, const struct extent *extent)
{
	int err;

	do {
		err = fallocate(store->memory_fd, 0, extent->index * store->extent_bytes,
				store->extent_bytes) ? -errno : 0;
	} while (err == -EINTR);
	return err;
}

static int punch(const struct store *store, uint64_t first, uint64_t nr)
{
	int err;

	do {
		err = fallocate(store->memory_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				first * store->extent_bytes, nr * store->extent_bytes) ? -errno : 0;
	} while (err == -EINTR);
	return err;
}

int store_punch(const struct store *store, const struct extent *extent)
{
	return punch(store, extent->index, 1);
}

static int load_clients(struct store *store)
{
	const struct ledger_client *record = store->ledger.clients;
	uint32_t slot;

	for (slot = 0; slot < LEDGER_CLIENTS; slot++, record++) {
		if (!ledger_has_client(&store->ledger, slot))
			continue;
		if (!new_client(store, slot, record->id, record->resume_key))
			return -ENOMEM;
	}
	return 0;
}

/* A record that is torn, or of a client whose record is, was never told to anybody. */
static bool load_extent(struct store *store, struct extent *extent)
{
	const struct ledger_extent *record = &store->ledger.extents[extent->index];
	struct client *client;

	if (!ledger_has_extent(&store->ledger, extent->index))
		return false;
	client = store_find_client(store, record->client);
	return client && give(store, extent, client, record->number, record->generation);
}

/* Runs of what is not leased become holes at once: they may be lent again. */
static int load_extents(struct store *store)
{
	uint64_t i, begin = 0;
	int err = 0;

	for (i = 0; i < store->nr_extents && !err; i++) {
		if (!load_extent(store, &store->extents[i])) {
			ledger_void_extent(&store->ledger, i);
			continue;
		}
		if (begin < i)
			err = punch(store, begin, i - begin);
		begin = i + 1;
	}
	return err || begin == i ? err : punch(store, begin, i - begin);
}

static void forget_idle_clients(struct store *store)
{
	struct client *client, *next;

	for (client = TAILQ_FIRST(&store->clients); client; client = next) {
		next = TAILQ_NEXT(client, entry);
		if (!client->nr_leases)
			store_forget_client(store, client);
	}
}

static int load(struct store *store)
{
	int err = load_clients(store);

	if (!err)
		err = load_extents(store);
	if (!err)
		forget_idle_clients(store);
	return err;
}

static int make_extents(struct store *store)
{
	uint32_t i;

	store->extents = calloc(store->nr_extents, sizeof(*store->extents));
	if (!store->extents)
		return -ENOMEM;
	for (i = 0; i < store->nr_extents; i++)
		store->extents[i].index = i;
	return 0;
}

static void list_free(struct store *store)
{
	uint32_t i = store->nr_extents;

	while (i--) {
		if (!store->extents[i].client)
			store_free(store, &store->extents[i]);
	}
}

int store_open(struct store *store, const struct store_config *config, struct dmem_error *error)
{
	int err;

	memset(store, 0, sizeof(*store));
	TAILQ_INIT(&store->free);
	TAILQ_INIT(&store->clients);
	store->memory_bytes = config->memory_bytes;
	store->extent_bytes = config->extent_bytes;
	store->nr_extents = config->memory_bytes / config->extent_bytes;
	err = storefile_open(store, config, error);
	if (!err) {
		err = make_extents(store);
		if (!err && store->found)
			err = load(store);
		if (err)
			dmem_fail(error, err, "%s: %s", config->dir ? config->dir : "memory",
				  strerror(-err));
	}
	if (err) {
		store_close(store);
		return err;
	}
	list_free(store);
	return 0;
}

static void leave_tree(void *extent)
{
	(void)extent;
}

void store_close(struct store *store)
{
	struct client *client;

	while ((client = TAILQ_FIRST(&store->clients))) {
		tdestroy(client->by_number, leave_tree);
		free_client(store, client);
	}
	free(store->extents);
	store->extents = NULL;
	storefile_close(store);
}
