// SPDX-License-Identifier: GPL-2.0
/*
 * policy.c - the core against a policy that is not dmem-tuner's: an answer out of range is
 * clamped and counted, a second policy is refused, and without one the default order holds.
 *
 * The policy is out/bpf/policy_4g.bpf.o, found from the checkout; the plane must not be loaded.
 * `policy hold` attaches it and waits to be killed.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <bpf/libbpf.h>

#include "selftest.h"

#define POLICY_FILE	"out/bpf/policy_4g.bpf.o"
#define OPTIONS		"donor=local:64M,direct=25%,order=3"
#define ORDER		3
#define PAGES		4096UL

/* A policy and, while it is attached, its link. */
struct policy {
	struct bpf_object *object;
	struct bpf_link *link;
};

static struct policy first, second;

static void policy_close(struct policy *policy)
{
	bpf_link__destroy(policy->link);
	bpf_object__close(policy->object);
	*policy = (struct policy){ 0 };
}

/* A test that failed has left by longjmp(): the next one takes down what it had. */
static void policies_close(void)
{
	policy_close(&first);
	policy_close(&second);
}

static void policy_open(struct policy *policy)
{
	policy->object = bpf_object__open_file(POLICY_FILE, NULL);
	CHECK_MSG(policy->object, "opening %s: %s", POLICY_FILE, strerror(errno));
	int err = bpf_object__load(policy->object);

	CHECK_MSG(!err, "loading %s: %s", POLICY_FILE, strerror(-err));
}

/* 0 or the errno. */
static int policy_try_attach(struct policy *policy)
{
	struct bpf_map *map = bpf_object__find_map_by_name(policy->object, "policy_4g");

	CHECK(map);
	policy->link = bpf_map__attach_struct_ops(map);
	return policy->link ? 0 : errno;
}

static void policy_attach(struct policy *policy)
{
	int err = policy_try_attach(policy);

	CHECK_MSG(!err, "attaching %s: %s", POLICY_FILE, strerror(err));
}

static void policy_detach(struct policy *policy)
{
	int err = bpf_link__destroy(policy->link);

	policy->link = NULL;
	CHECK_MSG(!err, "detaching: %s", strerror(-err));
}

static uint64_t word_of(uint64_t page, uint64_t i)
{
	return (page << 16 | i) * 0x9e3779b97f4a7c15ULL + 1;
}

static void fill(char *map)
{
	for (uint64_t page = 0; page < PAGES; page++)
		for (uint64_t i = 0; i < PAGE / 8; i++)
			((uint64_t *)(map + page * PAGE))[i] = word_of(page, i);
}

static void check_data(const char *map)
{
	for (uint64_t page = 0; page < PAGES; page++)
		for (uint64_t i = 0; i < PAGE / 8; i++)
			CHECK_MSG(((const uint64_t *)(map + page * PAGE))[i] == word_of(page, i),
				  "page %lu word %lu is wrong", page, i);
}

static uint64_t sum_fetches(const struct dmem_vm_get *get)
{
	uint64_t sum = 0;

	for (unsigned int order = 0; order < DMEM_ORDERS; order++)
		sum += get->fetches[order];
	return sum;
}

/* Read all of a file that was evicted: what that adds to the fetches of one order, and only it. */
static void check_fetches(int fd, const char *map, unsigned int order, bool clamped)
{
	struct dmem_vm_get before, after;
	uint64_t fetches;

	vm_flush(fd);
	before = vm_get(fd);
	check_data(map);
	after = vm_get(fd);
	fetches = after.fetches[order] - before.fetches[order];
	CHECK_MSG(fetches && sum_fetches(&after) - sum_fetches(&before) == fetches,
		  "%lu fetches of order %u, %lu in all", fetches, order,
		  sum_fetches(&after) - sum_fetches(&before));
	CHECK_MSG(after.policy_clamped - before.policy_clamped == (clamped ? fetches : 0) &&
		  after.policy_decisions - before.policy_decisions == (clamped ? fetches : 0),
		  "%lu fetches, %llu decided, %llu clamped", fetches,
		  after.policy_decisions - before.policy_decisions,
		  after.policy_clamped - before.policy_clamped);
	CHECK(after.errors == 0 && after.order == ORDER);
}

static void test_clamped(void)
{
	policies_close();
	policy_open(&first);
	pool_mount(OPTIONS);
	int fd = vm_create("vm", PAGES * PAGE);
	char *map = vm_map(fd, PAGES * PAGE);

	fill(map);
	check_fetches(fd, map, ORDER, false);
	policy_attach(&first);
	check_fetches(fd, map, DMEM_ORDER_MAX, true);
	policy_detach(&first);
	check_fetches(fd, map, ORDER, false);
	munmap(map, PAGES * PAGE);
	policies_close();
}

/* The second is refused, the first stays in force, and its place is free when it goes. */
static void test_second_refused(void)
{
	policies_close();
	policy_open(&first);
	policy_open(&second);
	pool_mount(OPTIONS);
	int fd = vm_create("vm", PAGES * PAGE), err;
	char *map = vm_map(fd, PAGES * PAGE);

	fill(map);
	policy_attach(&first);
	err = policy_try_attach(&second);
	CHECK_MSG(err == EBUSY, "a second policy: %s", strerror(err));
	check_fetches(fd, map, DMEM_ORDER_MAX, true);
	policy_detach(&first);
	check_fetches(fd, map, ORDER, false);
	policy_attach(&second);
	check_fetches(fd, map, DMEM_ORDER_MAX, true);
	policy_detach(&second);
	munmap(map, PAGES * PAGE);
	policies_close();
}

struct reader {
	const char *map;
	atomic_bool stop;
	atomic_ulong wrong, rounds;
};

static void *reader_run(void *arg)
{
	struct reader *reader = arg;

	for (; !reader->stop; reader->rounds++)
		for (uint64_t page = 0; page < PAGES; page++)
			if (*(const uint64_t *)(reader->map + page * PAGE) != word_of(page, 0))
				reader->wrong++;
	return NULL;
}

/* A policy comes and goes while faults ask for one. */
static void test_attach_race(void)
{
	struct reader reader = { 0 };
	pthread_t thread;

	policies_close();
	policy_open(&first);
	pool_mount(OPTIONS);
	int fd = vm_create("vm", PAGES * PAGE);
	char *map = vm_map(fd, PAGES * PAGE);

	fill(map);
	reader.map = map;
	CHECK(!pthread_create(&thread, NULL, reader_run, &reader));
	int err = 0, turns;

	for (turns = 0; !err && (turns < 20 || (turns < 2000 && reader.rounds < 3)); turns++) {
		err = policy_try_attach(&first);
		usleep(2000);
		bpf_link__destroy(first.link);
		first.link = NULL;
	}
	reader.stop = true;
	pthread_join(thread, NULL);
	struct dmem_vm_get get = vm_get(fd);

	printf("# %d turns, %lu rounds, %llu of %lu fetches clamped\n", turns, reader.rounds,
	       get.policy_clamped, sum_fetches(&get));
	CHECK_MSG(!err, "turn %d: %s", turns, strerror(err));
	CHECK_MSG(!reader.wrong, "%lu wrong pages", reader.wrong);
	CHECK(get.policy_clamped && get.policy_clamped == get.fetches[DMEM_ORDER_MAX]);
	CHECK(get.fetches[ORDER] + get.fetches[DMEM_ORDER_MAX] == sum_fetches(&get));
	munmap(map, PAGES * PAGE);
	policies_close();
}

static const struct test tests[] = {
	{ "clamped", test_clamped },
	{ "second-refused", test_second_refused },
	{ "attach-race", test_attach_race },
	{}
};

/* For plane.sh: another policy than dmem-tuner's, for as long as this runs. */
static int hold(void)
{
	if (setjmp(test_failed)) {
		fprintf(stderr, "%s\n", test_reason);
		return 1;
	}
	policy_open(&first);
	policy_attach(&first);
	puts("attached");
	fflush(stdout);
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "hold"))
		return hold();
	return run_tests(tests, argc, argv);
}
