// SPDX-License-Identifier: GPL-2.0
/*
 * memnode_store_test.c - what is lent and what outlives the daemon.
 *
 * Crashes are real ones: a child does one thing to the store under ptrace, a step at a time, and
 * is killed with -9 after each instruction that changed ledger or memory; then the store is opened
 * anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "memnode/store.h"
#include "wire_check.h"

#define EXTENT	(2ULL << 20)
#define EXTENTS	4
/* In a folder of this run's own, on tmpfs wherever the sources are. */
#define DIR	"backing"

static const struct store_config on_disk = {
	.dir = DIR, .memory_bytes = EXTENTS * EXTENT, .extent_bytes = EXTENT,
};
static const uint8_t ann[DMEM_WIRE_ID_BYTES] = "ann", bob[DMEM_WIRE_ID_BYTES] = "bob";
static const uint8_t key[DMEM_WIRE_KEY_BYTES] = "her resume key";

static int remove_dir(void **state)
{
	(void)state;
	unlink(DIR "/memory");
	unlink(DIR "/ledger");
	rmdir(DIR);
	return 0;
}

static int make_dir(void **state)
{
	remove_dir(state);
	return mkdir(DIR, 0700);
}

static char own_dir[] = "/dev/shm/dmem-store-test-XXXXXX";

static int enter_own_dir(void **state)
{
	(void)state;
	return mkdtemp(own_dir) ? chdir(own_dir) : -1;
}

static int leave_own_dir(void **state)
{
	(void)state;
	return rmdir(own_dir);
}

static void open_store(struct store *store)
{
	struct dmem_error error;

	if (store_open(store, &on_disk, &error))
		fail_msg("%s", error.text);
}

static struct client *add(struct store *store, const uint8_t *id)
{
	struct client *client = store_add_client(store, id, key);

	assert_non_null(client);
	return client;
}

static struct extent *lease(struct store *store, struct client *client, uint32_t number)
{
	struct extent *extent = store_lease(store, client, number);

	assert_non_null(extent);
	return extent;
}

static void take_back(struct store *store, struct extent *extent)
{
	struct extent_list list = TAILQ_HEAD_INITIALIZER(list);

	store_unlease(store, extent, &list);
	assert_ptr_equal(TAILQ_FIRST(&list), extent);
	TAILQ_REMOVE(&list, extent, entry);
	assert_int_equal(store_punch(store, extent), 0);
	store_free(store, extent);
}

static void in_a_memfd(void **state)
{
	const struct store_config config = { .memory_bytes = EXTENTS * EXTENT,
					     .extent_bytes = EXTENT };
	struct extent *extents[EXTENTS];
	struct dmem_error error;
	struct client *client;
	struct store store;
	unsigned int i;

	(void)state;
	assert_int_equal(store_open(&store, &config, &error), 0);
	assert_false(store.found);
	assert_true(store_epoch(&store));
	client = add(&store, ann);
	for (i = 0; i < EXTENTS; i++)
		extents[i] = lease(&store, client, 100 + i);
	assert_null(store_lease(&store, client, 7));
	assert_int_equal(store.nr_free, 0);
	assert_int_equal(store.nr_leased, EXTENTS);
	for (i = 0; i < EXTENTS; i++)
		assert_ptr_equal(store_find_lease(client, 100 + i), extents[i]);
	assert_null(store_find_lease(client, 99));
	/* What was written is gone with the lease. */
	assert_int_equal(store_fill(&store, extents[2]), 0);
	memset(store_address(&store, extents[2]), 0xaa, EXTENT);
	take_back(&store, extents[2]);
	assert_null(store_find_lease(client, 102));
	assert_ptr_equal(lease(&store, client, 7), extents[2]);
	assert_true(dmem_wire_is_zero(store_address(&store, extents[2]), EXTENT));
	store_close(&store);
}

static void clients_are_bounded(void **state)
{
	const struct store_config config = { .memory_bytes = EXTENT, .extent_bytes = EXTENT };
	uint8_t id[DMEM_WIRE_ID_BYTES] = { 0 };
	struct dmem_error error;
	struct store store;
	unsigned int i;

	(void)state;
	assert_int_equal(store_open(&store, &config, &error), 0);
	for (i = 0; i < LEDGER_CLIENTS; i++) {
		memcpy(id, &i, sizeof(i));
		add(&store, id);
	}
	id[15] = 1;
	assert_null(store_add_client(&store, id, key));
	store_forget_client(&store, TAILQ_FIRST(&store.clients));
	add(&store, id);
	store_close(&store);
}

static void found_again(void **state)
{
	struct store store;
	struct client *client;
	struct extent *kept, *gone;
	uint64_t epoch, generation, last;
	uint32_t index;

	(void)state;
	open_store(&store);
	epoch = store_epoch(&store);
	client = add(&store, ann);
	add(&store, bob);
	gone = lease(&store, client, 1);
	kept = lease(&store, client, 0xfffff);
	memset(store_address(&store, gone), 1, EXTENT);
	memset(store_address(&store, kept), 2, EXTENT);
	generation = kept->generation;
	index = kept->index;
	take_back(&store, gone);
	last = lease(&store, client, 2)->generation;
	store_close(&store);

	open_store(&store);
	assert_true(store.found);
	assert_int_equal(store_epoch(&store), epoch);
	client = store_find_client(&store, ann);
	assert_non_null(client);
	assert_memory_equal(client->resume_key, key, sizeof(key));
	/* Without leases there is nothing to come back to. */
	assert_null(store_find_client(&store, bob));
	assert_int_equal(client->nr_leases, 2);
	kept = store_find_lease(client, 0xfffff);
	assert_non_null(kept);
	assert_int_equal(kept->generation, generation);
	assert_int_equal(kept->index, index);
	assert_int_equal(store_address(&store, kept)[EXTENT - 1], 2);
	assert_true(lease(&store, client, 3)->generation > last);
	store_close(&store);
}

/* Another size, another boot, a memory or a ledger of its own: all is new. */
static void not_found_again(void **state)
{
	struct store_config other = on_disk;
	struct ledger_header header;
	struct dmem_error error;
	struct store store;
	uint64_t epoch;
	int fd;

	(void)state;
	open_store(&store);
	epoch = store_epoch(&store);
	memset(store_address(&store, lease(&store, add(&store, ann), 1)), 1, EXTENT);
	store_close(&store);
	other.memory_bytes *= 2;
	assert_int_equal(store_open(&store, &other, &error), 0);
	assert_false(store.found);
	assert_int_not_equal(store_epoch(&store), epoch);
	assert_null(store_find_client(&store, ann));
	assert_true(dmem_wire_is_zero(store.memory, 8 * EXTENT));
	epoch = store_epoch(&store);
	store_close(&store);

	fd = open(DIR "/ledger", O_RDWR);
	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	header.shape.boot_id[3] ^= 1;
	assert_int_equal(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
	close(fd);
	assert_int_equal(store_open(&store, &other, &error), 0);
	assert_false(store.found);
	assert_int_not_equal(store_epoch(&store), epoch);
	store_close(&store);

	unlink(DIR "/memory");
	assert_int_equal(store_open(&store, &other, &error), 0);
	assert_false(store.found);
	store_close(&store);
	unlink(DIR "/ledger");
	assert_int_equal(store_open(&store, &other, &error), 0);
	assert_false(store.found);
	store_close(&store);
}

static void refuse(const struct store_config *config, const char *says)
{
	struct dmem_error error;
	struct store store;

	assert_true(store_open(&store, config, &error) < 0);
	if (!strstr(error.text, says))
		fail_msg("'%s' does not say '%s'", error.text, says);
}

static void refused(void **state)
{
	struct store_config config = on_disk;
	struct store store;

	(void)state;
	open_store(&store);
	refuse(&config, DIR "/ledger: another dmem-memnode has it");
	store_close(&store);
	chmod(DIR "/memory", 0640);
	refuse(&config, DIR "/memory: others than its owner may use it");
	chmod(DIR "/memory", 0600);
	config.hugepages = true;
	refuse(&config, DIR ": --hugepages, and not on hugetlbfs");
	config.hugepages = false;
	config.dir = "/proc/self";
	refuse(&config, "/proc/self: on neither tmpfs nor hugetlbfs");
	config.dir = DIR "/nowhere";
	refuse(&config, DIR "/nowhere: No such file or directory");
	unlink(DIR "/ledger");
	assert_int_equal(symlink("memory", DIR "/ledger"), 0);
	config.dir = DIR;
	refuse(&config, DIR "/ledger: ");
}

/* What the child does, from a state in which ann has extents 1 and 9, written with ones. */

static void do_lease(struct store *store)
{
	lease(store, store_find_client(store, ann), 2);
}

static void do_release(struct store *store)
{
	take_back(store, store_find_lease(store_find_client(store, ann), 1));
}

static void do_add_client(struct store *store)
{
	lease(store, add(store, bob), 1);
}

static void do_forget_client(struct store *store)
{
	struct client *client = store_find_client(store, ann);

	take_back(store, store_find_lease(client, 1));
	take_back(store, store_find_lease(client, 9));
	store_forget_client(store, client);
}

/* Generations of both. */
static void prepare(uint64_t generations[2])
{
	const uint32_t numbers[2] = { 1, 9 };
	struct client *client;
	struct store store;
	struct extent *extent;
	unsigned int i;

	make_dir(NULL);
	open_store(&store);
	client = add(&store, ann);
	for (i = 0; i < 2; i++) {
		extent = lease(&store, client, numbers[i]);
		assert_int_equal(extent->index, i);
		memset(store_address(&store, extent), 1, EXTENT);
		generations[i] = extent->generation;
	}
	store_close(&store);
}

/* With nothing to do it opens the store, of which the memory is of another size than it was. */
static void child(void (*act)(struct store *))
{
	struct dmem_error error;
	struct store store;

	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	if (!act && truncate(DIR "/memory", EXTENT))
		_exit(1);
	if (!act)
		raise(SIGSTOP);
	if (store_open(&store, &on_disk, &error))
		_exit(1);
	if (act) {
		raise(SIGSTOP);
		act(&store);
	}
	_exit(0);
}

/*
 * Where a change can be: the header, some clients, some extents; bytes of the leased memory and
 * its size. While the store is opened it is only the header (the rest is cleared byte by byte
 * behind a void one) and the size (there may be no memory to look at).
 */
#define HEADER		4096
#define LOOKED_AT	(HEADER + 4 * sizeof(struct ledger_client))
#define SEEN		(LOOKED_AT + EXTENTS * sizeof(struct ledger_extent))

struct view {
	const uint8_t *ledger, *memory;
	size_t ledger_bytes, memory_bytes;
	bool opening;
	uint8_t seen[SEEN + 4 + sizeof(off_t)];
};

static const uint8_t *map_file(const char *path, size_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const uint8_t *map;
	struct stat st;

	assert_true(fd >= 0 && !fstat(fd, &st) && st.st_size);
	map = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	*bytes = st.st_size;
	return map;
}

static void open_view(struct view *view, bool opening)
{
	memset(view, 0, sizeof(*view));
	view->opening = opening;
	view->ledger = map_file(DIR "/ledger", &view->ledger_bytes);
	view->memory = map_file(DIR "/memory", &view->memory_bytes);
}

static void close_view(struct view *view)
{
	munmap((void *)view->ledger, view->ledger_bytes);
	munmap((void *)view->memory, view->memory_bytes);
}

static bool changed(struct view *view)
{
	const size_t extents = HEADER + LEDGER_CLIENTS * sizeof(struct ledger_client);
	uint8_t now[sizeof(view->seen)] = { 0 };
	struct stat st;

	memcpy(now, view->ledger, view->opening ? HEADER : LOOKED_AT);
	if (view->opening) {
		assert_int_equal(stat(DIR "/memory", &st), 0);
		memcpy(now + SEEN + 4, &st.st_size, sizeof(st.st_size));
	} else {
		memcpy(now + LOOKED_AT, view->ledger + extents, SEEN - LOOKED_AT);
		now[SEEN] = view->memory[0];
		now[SEEN + 1] = view->memory[EXTENT - 1];
		now[SEEN + 2] = view->memory[EXTENT];
		now[SEEN + 3] = view->memory[2 * EXTENT - 1];
	}
	if (!memcmp(now, view->seen, sizeof(now)))
		return false;
	memcpy(view->seen, now, sizeof(now));
	return true;
}

/* Killed after the wanted change; false: there were not so many, and it ended by itself. */
static bool kill_after(unsigned int wanted, void (*act)(struct store *))
{
	unsigned int changes = 0;
	struct view view;
	pid_t pid = fork();
	int status;

	if (!pid)
		child(act);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	open_view(&view, !act);
	changed(&view);
	while (changes < wanted) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status))
			break;
		changes += changed(&view);
	}
	close_view(&view);
	if (!WIFSTOPPED(status)) {
		assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
		return false;
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return true;
}

/* Every extent is either what a client may rely on, or free and zeros. */
static void check_extents(const struct store *store)
{
	const struct extent *extent;
	uint32_t i, free = 0;

	for (i = 0; i < store->nr_extents; i++) {
		extent = &store->extents[i];
		if (extent->client)
			continue;
		free++;
		assert_true(dmem_wire_is_zero(store_address(store, extent), EXTENT));
	}
	assert_int_equal(free, store->nr_free);
	assert_int_equal(free + store->nr_leased, store->nr_extents);
}

static unsigned int crash_everywhere(void (*act)(struct store *),
				     void (*check)(struct store *, const uint64_t *generations))
{
	unsigned int wanted = 1;
	uint64_t generations[2];
	struct store store;
	bool killed;

	do {
		prepare(generations);
		killed = kill_after(wanted, act);
		open_store(&store);
		assert_true(store.found);
		check_extents(&store);
		check(&store, generations);
		store_close(&store);
		wanted++;
	} while (killed);
	return wanted - 2;
}

static void check_one(struct store *store, struct extent *extent, uint64_t generation)
{
	assert_non_null(extent);
	assert_int_equal(extent->generation, generation);
	assert_int_equal(store_address(store, extent)[0], 1);
	assert_int_equal(store_address(store, extent)[EXTENT - 1], 1);
}

/* What ann had, she has, with what she wrote. */
static void check_kept(struct store *store, const uint64_t *generations)
{
	struct client *client = store_find_client(store, ann);

	assert_non_null(client);
	assert_memory_equal(client->resume_key, key, sizeof(key));
	check_one(store, store_find_lease(client, 1), generations[0]);
	check_one(store, store_find_lease(client, 9), generations[1]);
}

static void check_lease(struct store *store, const uint64_t *generations)
{
	struct client *client = store_find_client(store, ann);
	struct extent *extent;

	check_kept(store, generations);
	extent = store_find_lease(client, 2);
	if (extent)
		assert_true(extent->generation > generations[1]);
	assert_true(lease(store, client, 3)->generation >
		    (extent ? extent->generation : generations[1]));
}

/* All of a lease or nothing: one that is there has what was written. */
static void check_release(struct store *store, const uint64_t *generations)
{
	struct client *client = store_find_client(store, ann);
	const uint32_t numbers[2] = { 1, 9 };
	struct extent *extent;
	unsigned int i;

	for (i = 0; client && i < 2; i++) {
		extent = store_find_lease(client, numbers[i]);
		if (extent)
			check_one(store, extent, generations[i]);
	}
}

static void check_release_one(struct store *store, const uint64_t *generations)
{
	check_release(store, generations);
	check_one(store, store_find_lease(store_find_client(store, ann), 9), generations[1]);
}

static void check_add_client(struct store *store, const uint64_t *generations)
{
	struct client *client = store_find_client(store, bob);

	check_kept(store, generations);
	if (!client)
		return;
	assert_memory_equal(client->resume_key, key, sizeof(key));
	assert_int_equal(client->nr_leases, 1);
}

/* It is begun anew: nothing that was there before is there. */
static void check_begin(struct store *store, const uint64_t *generations)
{
	(void)generations;
	assert_int_equal(store->nr_leased, 0);
	assert_int_equal(store->nr_clients, 0);
	assert_true(store_epoch(store));
}

static void crash_in_lease(void **state)
{
	(void)state;
	/* Its generation, the words of the record, its checksum. */
	assert_true(crash_everywhere(do_lease, check_lease) >= 4);
}

static void crash_in_release(void **state)
{
	(void)state;
	/* The record, and the memory, at both ends. */
	assert_true(crash_everywhere(do_release, check_release_one) >= 2);
}

static void crash_in_add_client(void **state)
{
	(void)state;
	assert_true(crash_everywhere(do_add_client, check_add_client) >= 8);
}

static void crash_in_forget_client(void **state)
{
	(void)state;
	assert_true(crash_everywhere(do_forget_client, check_release) >= 5);
}

/* Half begun is begun anew, and never with what was there before. */
static void crash_in_begin(void **state)
{
	unsigned int wanted = 0;
	uint64_t generations[2];
	struct store store;
	bool killed;

	(void)state;
	do {
		prepare(generations);
		killed = kill_after(++wanted, NULL);
		open_store(&store);
		check_extents(&store);
		check_begin(&store, generations);
		store_close(&store);
	} while (killed);
	/* The checksum and the size, away and there again, and an epoch at least. */
	assert_true(wanted > 5);
}

/* Where a byte makes a difference: header, ann's record, those of the extents. */
static off_t random_place(void)
{
	const off_t extents = HEADER + LEDGER_CLIENTS * sizeof(struct ledger_client);

	switch (random() % 4) {
	case 0:
		return random() % sizeof(struct ledger_header);
	case 1:
		return HEADER + random() % sizeof(struct ledger_client);
	default:
		return extents + random() % (EXTENTS * sizeof(struct ledger_extent));
	}
}

/* Whatever is in the ledger, what is believed of it is what was written to it. */
static void random_ledgers(void **state)
{
	unsigned int round, i, kept = 0;
	uint64_t generations[2];
	struct client *client;
	struct store store;
	uint8_t byte;
	int fd;

	(void)state;
	srandom(5);
	for (round = 0; round < 400; round++) {
		prepare(generations);
		fd = open(DIR "/ledger", O_RDWR);
		for (i = 0; i < 1 + round % 3; i++) {
			byte = random();
			assert_int_equal(pwrite(fd, &byte, 1, random_place()), 1);
		}
		close(fd);
		open_store(&store);
		check_extents(&store);
		check_release(&store, generations);
		client = TAILQ_FIRST(&store.clients);
		if (client) {
			assert_memory_equal(client->id, ann, sizeof(ann));
			assert_memory_equal(client->resume_key, key, sizeof(key));
			assert_int_equal(client->nr_leases, !!store_find_lease(client, 1) +
						 !!store_find_lease(client, 9));
		}
		kept += store.nr_leased;
		store_close(&store);
	}
	/* Not all was thrown away. */
	assert_true(kept > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_a_memfd),
		cmocka_unit_test(clients_are_bounded),
		cmocka_unit_test_setup_teardown(found_again, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(not_found_again, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(refused, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(crash_in_lease, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(crash_in_release, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(crash_in_add_client, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(crash_in_forget_client, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(crash_in_begin, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(random_ledgers, make_dir, remove_dir),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("memnode_store", tests, enter_own_dir,
					   leave_own_dir);
}
