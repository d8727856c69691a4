// SPDX-License-Identifier: GPL-2.0
/*
 * core_numa.c - local pages come from the node of the CPU that the fault runs on, whatever memory
 * policy the task has, recycled or new, charged to a cgroup or not. For a host with two CPUs on
 * two nodes (tests/vm/host.sh --nodes).
 */
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>

#include "tests/selftests/selftest.h"

#define CGROUPS		"/sys/fs/cgroup"
#define GROUP		CGROUPS "/dmem-numa"
#define VM_BYTES	(32 * MIB)
#define NR_PAGES	2048UL
#define NODES		2

/* Returns its node. */
static int run_on(int cpu)
{
	unsigned int now, node;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(!sched_setaffinity(0, sizeof(set), &set));
	CHECK(!syscall(SYS_getcpu, &now, &node, NULL) && (int)now == cpu);
	return node;
}

/* What this task allocates comes from one node alone, or as usual. */
static void bind_memory(int node)
{
	unsigned long mask = node < 0 ? 0 : 1UL << node;

	CHECK(!syscall(SYS_set_mempolicy, node < 0 ? MPOL_DEFAULT : MPOL_BIND, mask ? &mask : NULL,
		       mask ? sizeof(mask) * 8 : 0));
}

/* Every page is mapped here and on @node. */
static void check_node(char *map, int node)
{
	static void *pages[NR_PAGES];
	static int nodes[NR_PAGES];
	size_t i, nr = 0;

	for (i = 0; i < NR_PAGES; i++)
		pages[i] = map + i * PAGE;
	CHECK(!syscall(SYS_move_pages, 0, NR_PAGES, pages, NULL, nodes, 0));
	for (i = 0; i < NR_PAGES; i++)
		nr += nodes[i] == node;
	CHECK_MSG(nr == NR_PAGES, "%zu of %lu pages on node %d; the first on %d", nr, NR_PAGES, node,
		  nodes[0]);
}

static void touch(char *map, bool write)
{
	for (size_t i = 0; i < NR_PAGES; i++) {
		if (write)
			map[i * PAGE] = 1;
		else
			(void)*(volatile char *)(map + i * PAGE);
	}
}

/* First touched on one CPU, evicted, fetched on the other, where what was evicted is not used. */
static void touch_and_fetch(bool other_policy)
{
	char *map;
	int fd;

	CHECK_MSG(run_on(0) == 0 && run_on(1) == 1, "CPUs 0 and 1 are not on nodes 0 and 1");
	pool_mount("donor=local:64M,direct=50%");
	fd = vm_create("vm", VM_BYTES);
	map = vm_map(fd, VM_BYTES);
	for (int first = 0; first < NODES; first++) {
		char *part = map + first * NR_PAGES * PAGE;

		bind_memory(other_policy ? !first : -1);
		run_on(first);
		touch(part, true);
		check_node(part, first);
		vm_flush(fd);
		bind_memory(other_policy ? first : -1);
		run_on(!first);
		touch(part, false);
		check_node(part, !first);
	}
	CHECK(vm_get(fd).fetched_pages >= NODES * NR_PAGES);
	bind_memory(-1);
	close(fd);
	munmap(map, VM_BYTES);
}

static void test_default_policy(void)
{
	touch_and_fetch(false);
}

static void test_other_policy(void)
{
	touch_and_fetch(true);
}

#define WORKERS		"/sys/devices/virtual/workqueue/cpumask"
#define BLOCK_PAGES	512UL

/* Where workers of no CPU in particular may run. */
static void run_workers_on(const char *mask)
{
	int fd = open(WORKERS, O_WRONLY | O_CLOEXEC);
	ssize_t nr = write(fd, mask, strlen(mask));

	close(fd);
	CHECK_MSG(nr == (ssize_t)strlen(mask), "%s to %s: %s", mask, WORKERS, strerror(errno));
}

/* The rest of a large block is fetched by a worker: here one of the other node. */
static void test_behind(void)
{
	uint64_t pages = 0;
	char *map;
	int fd;

	run_on(0);
	pool_mount("donor=local:64M,direct=100%,order=9");
	fd = vm_create("vm", VM_BYTES);
	map = vm_map(fd, VM_BYTES);
	touch(map, true);
	vm_flush(fd);
	run_workers_on("1");
	run_on(1);
	for (size_t i = 0; i < NR_PAGES; i += BLOCK_PAGES)
		(void)*(volatile char *)(map + i * PAGE);
	for (unsigned int i = 0; i < 10000 && pages < NR_PAGES; i++) {
		usleep(1000);
		pages = vm_get(fd).fetched_pages;
	}
	run_workers_on("3");
	CHECK_MSG(pages == NR_PAGES && vm_get(fd).prefetches_queued == NR_PAGES / BLOCK_PAGES,
		  "%lu pages fetched, %llu rests queued", pages, vm_get(fd).prefetches_queued);
	touch(map, false);
	check_node(map, 1);
	close(fd);
	munmap(map, VM_BYTES);
}

static void join(const char *group)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	file = fopen(path, "we");
	CHECK_MSG(file && fprintf(file, "0") > 0 && !fclose(file), "%s: %s", path,
		  strerror(errno));
}

/* New pages are charged one by one: another way through the allocator. */
static void test_cgroup(void)
{
	int control = open(CGROUPS "/cgroup.subtree_control", O_WRONLY | O_CLOEXEC);

	CHECK(control >= 0 && write(control, "+memory", 7) == 7);
	close(control);
	CHECK(!mkdir(GROUP, 0755) || errno == EEXIST);
	join(GROUP);
	touch_and_fetch(true);
	join(CGROUPS);
}

static const struct test tests[] = {
	{ "default-policy", test_default_policy },
	{ "other-policy", test_other_policy },
	{ "other-policy-in-cgroup", test_cgroup },
	{ "behind", test_behind },
	{}
};

int main(int argc, char **argv)
{
	return run_tests(tests, argc, argv);
}
