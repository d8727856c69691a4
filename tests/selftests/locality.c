// SPDX-License-Identifier: GPL-2.0
/*
 * locality.c - what the BPF plane counts of known patterns, to the page: a guest touches what a
 * list says, a model plays the same list, and the maps must agree with it in every field.
 *
 * All of a VM memory is written by the host and evicted before, so that each page is with its
 * donor. tests/locality/ has the model and the patterns; here are the guests and the comparisons.
 */
#include <pthread.h>
#include <sched.h>
#include <bpf/bpf.h>

#include "hist.h"
#include "plane.h"
#include "selftest.h"
#include "../locality/model.h"
#include "../vmm/vmm.h"

#define GUESTS		2
#define VCPUS		2
#define LOW_GPA		0x40000000UL
#define HIGH_GPA	0x180000000UL
#define HIGH_FIRST	((5UL << 30) / PAGE)	/* page of the file */
#define OWN_PAGES	512UL
#define CODE_PAGE	1UL
#define TABLES_PAGE	16UL
#define LIST_PAGE	64UL
#define LIST_PAGES	192UL			/* of each vCPU */
#define OTHER_POOL	"/run/dmem-test-other"
#define OPTIONS		"donor=local:64M,direct=100%"

/* rsi: list of addresses, the lowest bit of one says: write; rcx: how many. There is no stack. */
__asm__(".pushsection .rodata\n"
	"guest_code:\n"
	"1:	mov	(%rsi), %rax\n"
	"	add	$8, %rsi\n"
	"	test	$1, %al\n"
	"	jz	2f\n"
	"	and	$-2, %rax\n"
	"	movb	$0x5a, 8(%rax)\n"
	"	jmp	3f\n"
	"2:	mov	(%rax), %dl\n"
	"3:	dec	%rcx\n"
	"	jnz	1b\n"
	"	out	%al, $0x10\n"
	"guest_code_end:\n"
	".popsection\n");

extern const char guest_code[], guest_code_end[];

struct guest {
	struct vmm machine;
	struct vmm_vcpu vcpu[VCPUS];
	char *own;
	int file;
	char *map;
	uint64_t gpa;
	struct model model;
};

/* To load it takes long in emulation: one plane serves test after test. */
static struct {
	bool loaded;
	uint32_t most_regions;
} plane;

static struct {
	struct dmem_plane maps;
	bool opened, other_pool;
	struct guest guest[GUESTS];
} scene;

static void check_plane(int err, const struct dmem_error *error)
{
	CHECK_MSG(!err, "%.400s", error->text);
}

static int plane_unload(struct dmem_error *error)
{
	bool loaded = plane.loaded;

	plane.loaded = false;
	return loaded ? dmem_plane_unload(error) : 0;
}

static void plane_load(uint32_t most_regions)
{
	struct dmem_error error;
	bool has_kvm = true;

	if (!plane.loaded || plane.most_regions != most_regions) {
		check_plane(plane_unload(&error), &error);
		dmem_plane_set_limits(0, most_regions);
		check_plane(dmem_plane_load(&has_kvm, &error), &error);
		plane.loaded = true;
		plane.most_regions = most_regions;
	}
	check_plane(dmem_plane_open(&scene.maps, true, &error), &error);
	scene.opened = true;
	CHECK_MSG(has_kvm, "kvm:kvm_page_fault cannot be traced (modprobe kvm_amd or kvm_intel)");
}

/* A file of which MODEL_PAGES from @first on are mapped, written and evicted. */
static void memory_create(struct guest *guest, const char *path, size_t first)
{
	struct dmem_vm_flush flush;

	guest->file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(guest->file >= 0 && !ftruncate(guest->file, (first + MODEL_PAGES) * PAGE));
	guest->map = mmap(NULL, MODEL_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  guest->file, first * PAGE);
	CHECK(guest->map != MAP_FAILED);
	for (size_t page = 0; page < MODEL_PAGES; page++)
		guest->map[page * PAGE] = 1;
	flush = vm_flush(guest->file);
	CHECK_MSG(flush.evicted_pages == MODEL_PAGES && !flush.kept_pages, "evicted %llu kept %llu",
		  flush.evicted_pages, flush.kept_pages);
	model_init(&guest->model, vm_get(guest->file).id, first / 512);
}

static void machine_create(struct guest *guest, uint64_t gpa)
{
	int err = vmm_create(&guest->machine, false);

	CHECK_MSG(!err, "/dev/kvm: %s (modprobe kvm_amd or kvm_intel)", strerror(-err));
	guest->gpa = gpa;
	guest->own = mmap(NULL, OWN_PAGES * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(guest->own != MAP_FAILED);
	memcpy(guest->own + CODE_PAGE * PAGE, guest_code, guest_code_end - guest_code);
	vmm_long_tables(guest->own + TABLES_PAGE * PAGE, TABLES_PAGE * PAGE);
	CHECK(!vmm_set_slot(&guest->machine, 0, 0, guest->own, OWN_PAGES * PAGE));
	CHECK(!vmm_set_slot(&guest->machine, 1, gpa, guest->map, MODEL_PAGES * PAGE));
	for (unsigned int i = 0; i < VCPUS; i++) {
		CHECK(!vmm_create_vcpu(&guest->machine, &guest->vcpu[i], i));
		CHECK(!vmm_set_long_mode(&guest->vcpu[i], TABLES_PAGE * PAGE));
	}
}

static void guest_destroy(struct guest *guest)
{
	for (unsigned int i = 0; i < VCPUS; i++)
		vmm_destroy_vcpu(&guest->vcpu[i]);
	vmm_destroy(&guest->machine);
	if (guest->map && guest->map != MAP_FAILED)
		munmap(guest->map, MODEL_PAGES * PAGE);
	if (guest->own && guest->own != MAP_FAILED)
		munmap(guest->own, OWN_PAGES * PAGE);
	if (guest->file > 0)
		close(guest->file);
}

static void scene_end(void)
{
	for (unsigned int i = 0; i < GUESTS; i++)
		guest_destroy(&scene.guest[i]);
	if (scene.other_pool)
		umount2(OTHER_POOL, MNT_DETACH);
	if (scene.opened)
		dmem_plane_close(&scene.maps);
	memset(&scene, 0, sizeof(scene));
}

/* The body of a test; whatever becomes of it, its guests are gone afterwards. */
static void guarded(void (*body)(void))
{
	volatile int failed;
	jmp_buf outer;

	memcpy(&outer, &test_failed, sizeof(outer));
	failed = setjmp(test_failed);
	if (!failed)
		body();
	memcpy(&test_failed, &outer, sizeof(outer));
	scene_end();
	if (failed)
		longjmp(test_failed, failed);
}

static void scene_begin(const char *options)
{
	plane_load(0);
	pool_mount(options);
	memory_create(&scene.guest[0], POOL "/vm", 0);
	machine_create(&scene.guest[0], LOW_GPA);
}

/* Let a vCPU of the guest touch what a list says. Any thread. */
static int guest_try(struct guest *guest, unsigned int vcpu, const struct touch *list, size_t nr)
{
	uint64_t at = (LIST_PAGE + vcpu * LIST_PAGES) * PAGE, *to = (void *)(guest->own + at);
	struct kvm_regs regs = { .rip = CODE_PAGE * PAGE, .rsi = at, .rcx = nr, .rflags = 2 };
	int err;

	for (size_t i = 0; i < nr; i++)
		to[i] = (guest->gpa + list[i].page * PAGE) | list[i].write;
	err = vmm_set_regs(&guest->vcpu[vcpu], &regs);
	if (!err)
		err = vmm_run(&guest->vcpu[vcpu]);
	if (!err && guest->vcpu[vcpu].run->exit_reason != KVM_EXIT_IO)
		err = -EIO;
	return err;
}

static void guest_run(struct guest *guest, unsigned int vcpu, const struct touch *list, size_t nr)
{
	int err = guest_try(guest, vcpu, list, nr);

	CHECK_MSG(!err, "KVM_RUN: %s, exit reason %u", strerror(-err),
		  guest->vcpu[vcpu].run->exit_reason);
}

/* What the maps have of one VM memory. */
struct reading {
	struct dmem_region_value region[MODEL_REGIONS];
	struct dmem_vm_stats vm;
	struct dmem_latency_value latency;
	struct dmem_plane_stats plane;
	__u64 epoch;
	uint32_t donor;
};

static void read_regions(struct reading *reading, const struct model *model)
{
	struct dmem_plane_region *regions;
	struct dmem_error error;
	size_t nr;

	check_plane(dmem_plane_read_regions(&scene.maps, &regions, &nr, &error), &error);
	for (size_t i = 0; i < nr; i++) {
		uint32_t number = regions[i].key.region - model->first_region;

		if (regions[i].key.vm != model->vm)
			continue;
		CHECK_MSG(number < MODEL_REGIONS, "there is a region %u", regions[i].key.region);
		reading->region[number] = regions[i].value;
	}
	free(regions);
}

static void read_vm(struct reading *reading, const struct model *model)
{
	struct dmem_plane_latency *latencies;
	struct dmem_plane_vm *vms;
	struct dmem_error error;
	size_t nr;

	check_plane(dmem_plane_read_vms(&scene.maps, &vms, &nr, &error), &error);
	for (size_t i = 0; i < nr; i++) {
		if (vms[i].id != model->vm)
			continue;
		reading->vm = vms[i].stats;
		reading->donor = vms[i].value.donor;
	}
	free(vms);
	check_plane(dmem_plane_read_latencies(&scene.maps, &latencies, &nr, &error), &error);
	for (size_t i = 0; i < nr; i++) {
		if (latencies[i].key.vm != model->vm)
			continue;
		CHECK_MSG(latencies[i].key.donor == reading->donor, "donor %u, not %u",
			  latencies[i].key.donor, reading->donor);
		reading->latency = latencies[i].value;
	}
	free(latencies);
}

/* Once the core has told all it knows. */
static void read_maps(struct reading *reading, const struct guest *guest)
{
	struct dmem_error error;

	memset(reading, 0, sizeof(*reading));
	vm_get(guest->file);
	check_plane(dmem_plane_read_epoch(&scene.maps, &reading->epoch, &error), &error);
	check_plane(dmem_plane_read_stats(&scene.maps, &reading->plane, &error), &error);
	read_regions(reading, &guest->model);
	read_vm(reading, &guest->model);
	CHECK_MSG(!reading->plane.lost_events, "%llu events lost", reading->plane.lost_events);
}

/* A new span for the maps and for the model. */
static void span_begin(struct guest *guest, struct reading *before)
{
	struct dmem_error error;

	vm_get(guest->file);
	check_plane(dmem_plane_next_epoch(&scene.maps, &error), &error);
	model_span(&guest->model);
	read_maps(before, guest);
}

/* The difference of two readings as the model counts. */
static void check_regions(const struct guest *guest, const struct reading *before,
			  const struct reading *now)
{
	char why[256];

	for (size_t i = 0; i < MODEL_REGIONS; i++)
		CHECK_MSG(model_agrees(&guest->model, i, &before->region[i], &now->region[i],
				       now->epoch, why, sizeof(why)), "region %zu: %s", i, why);
}

#define CHECK_GROWN(field, wanted)                                                                 \
	CHECK_MSG(now->field - before->field == (wanted), #field " grew by %llu, not %llu",        \
		  (unsigned long long)(now->field - before->field), (unsigned long long)(wanted))

static void check_vm(const struct model *model, const struct reading *before,
		     const struct reading *now)
{
	struct dmem_region_value sum = model_sum(model);
	uint64_t fetches = 0, used = 0;

	CHECK_GROWN(vm.faults, sum.misses);
	CHECK_GROWN(vm.soft_faults, sum.soft_faults);
	CHECK_GROWN(vm.write_faults, sum.write_faults);
	CHECK_GROWN(vm.zero_fills, 0);
	CHECK_GROWN(vm.fetched_pages, sum.fetched_pages);
	CHECK_GROWN(vm.prefetched_pages, sum.prefetched_pages);
	CHECK_GROWN(vm.prefetched_used_pages, sum.prefetched_used_pages);
	CHECK_GROWN(vm.prefetched_unused_pages, sum.prefetched_unused_pages);
	CHECK_GROWN(vm.evicted_pages, sum.evicted_pages);
	CHECK_GROWN(vm.writeback_pages, sum.writeback_pages);
	CHECK_GROWN(vm.fetch_errors, 0);
	for (unsigned int order = 0; order < DMEM_MAP_ORDERS; order++) {
		uint64_t of_order = 0;

		CHECK_GROWN(vm.fetches_by_order[order], model->fetches[order]);
		CHECK_GROWN(latency.rest_pages[order], model->rest_pages[order]);
		for (unsigned int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++)
			of_order += now->latency.fetches[order][slot] -
				    before->latency.fetches[order][slot];
		CHECK_MSG(of_order == model->fetches[order], "%lu latencies of order %u", of_order,
			  order);
	}
	for (unsigned int slot = 0; slot < DMEM_LATENCY_SLOTS; slot++) {
		fetches += now->vm.fetch_latency[slot] - before->vm.fetch_latency[slot];
		used += now->vm.first_use[slot] - before->vm.first_use[slot];
	}
	CHECK_MSG(fetches == sum.misses, "%lu latencies for %u misses", fetches, sum.misses);
	CHECK_MSG(used == sum.prefetched_used_pages, "%lu first uses, not %u", used,
		  sum.prefetched_used_pages);
}

static void check_all(struct guest *guest, const struct reading *before)
{
	static struct reading now;

	read_maps(&now, guest);
	check_regions(guest, before, &now);
	check_vm(&guest->model, before, &now);
	if (!guest->machine.fd)
		return;
	/* A page that the core has to find costs the guest one second-level miss, or two. */
	struct dmem_region_value sum = model_sum(&guest->model);
	uint64_t faults = now.vm.kvm_faults - before->vm.kvm_faults;

	CHECK_MSG(faults >= sum.misses + sum.soft_faults &&
		  faults <= 2 * (sum.misses + sum.soft_faults),
		  "%lu second-level misses for %u faults", faults, sum.misses + sum.soft_faults);
}

/* All is evicted: counted, and each page is with the donor again. */
static void evict_and_check(struct guest *guest)
{
	static struct reading before;

	span_begin(guest, &before);
	vm_flush(guest->file);
	model_evict(&guest->model);
	check_all(guest, &before);
}

/* Blocks of one page: the guest runs through the list at its own speed. */
static void run_pattern(struct guest *guest, void (*fill)(struct list *))
{
	static struct reading before;
	static struct list list;

	list.nr = 0;
	fill(&list);
	vm_set_order(guest->file, 0);
	span_begin(guest, &before);
	for (size_t i = 0; i < list.nr; i++)
		model_touch(&guest->model, &list.touch[i], 0);
	guest_run(guest, 0, list.touch, list.nr);
	check_all(guest, &before);
	evict_and_check(guest);
}

static void wait_fetched(struct guest *guest, uint64_t pages)
{
	uint64_t fetched = 0;

	for (unsigned int i = 0; i < 10000 * slowness(); i++) {
		fetched = vm_get(guest->file).fetched_pages;
		if (fetched == pages)
			return;
		usleep(1000);
	}
	CHECK_MSG(fetched == pages, "%lu pages fetched, not %lu", fetched, pages);
}

/* Larger blocks: the rest of each has arrived before the next access, as the model has it. */
static void run_steps(struct guest *guest, void (*fill)(struct list *), unsigned int order,
		      size_t most)
{
	uint64_t fetched = vm_get(guest->file).fetched_pages;
	static struct reading before;
	static struct list list;

	list.nr = 0;
	fill(&list);
	vm_set_order(guest->file, order);
	span_begin(guest, &before);
	for (size_t i = 0; i < list.nr && i < most; i++) {
		fetched += model_touch(&guest->model, &list.touch[i], order);
		guest_run(guest, 0, &list.touch[i], 1);
		wait_fetched(guest, fetched);
	}
	check_all(guest, &before);
	evict_and_check(guest);
}

static void (*const patterns[])(struct list *) = {
	fill_sequential, fill_stride_3, fill_stride_17, fill_random, fill_two_streams, fill_chase,
	fill_zipf,
};

static void patterns_body(void)
{
	scene_begin(OPTIONS);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		run_pattern(&scene.guest[0], patterns[i]);
}

static void test_patterns(void)
{
	guarded(patterns_body);
}

static void blocks_body(void)
{
	scene_begin(OPTIONS);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		run_steps(&scene.guest[0], patterns[i], i % 2 ? 2 : 4, 150);
	run_steps(&scene.guest[0], fill_random, 9, 8);
}

static void test_blocks(void)
{
	guarded(blocks_body);
}

/* A mapping 5 GiB into a sparse file, at 6 GiB of the guest. */
static void high_body(void)
{
	plane_load(0);
	pool_mount("donor=local:6G,direct=64M");
	memory_create(&scene.guest[0], POOL "/vm", HIGH_FIRST);
	machine_create(&scene.guest[0], HIGH_GPA);
	run_pattern(&scene.guest[0], fill_stride_17);
	run_pattern(&scene.guest[0], fill_random);
}

static void test_above_4g(void)
{
	guarded(high_body);
}

#define AGE_US		40000U
/* 2^25 ns are 33.6 ms */
#define AGE_SLOT	25U

/* Pages wait at least AGE_US for their first use; all else has none. */
static void first_use_body(void)
{
	static const struct touch first = { 64, false };
	struct guest *guest = &scene.guest[0];
	static struct reading before, now;
	struct touch touch = first;

	scene_begin(OPTIONS);
	vm_set_order(guest->file, 4);
	span_begin(guest, &before);
	uint64_t fetched = vm_get(guest->file).fetched_pages;

	fetched += model_touch(&guest->model, &touch, 4);
	guest_run(guest, 0, &touch, 1);
	wait_fetched(guest, fetched);
	usleep(AGE_US);
	for (touch.page++; touch.page < 75; touch.page++) {
		model_touch(&guest->model, &touch, 4);
		guest_run(guest, 0, &touch, 1);
	}
	check_all(guest, &before);
	read_maps(&now, guest);
	for (unsigned int slot = 0; slot < AGE_SLOT; slot++)
		CHECK_MSG(!now.vm.first_use[slot], "a first use in slot %u", slot);
	for (unsigned int slot = 0; slot < AGE_SLOT - DMEM_FIRST_USE_SHIFT; slot++)
		CHECK_MSG(!now.region[0].first_use[slot], "a first use in slot %u of the region",
			  slot);
	evict_and_check(guest);
}

static void test_first_use(void)
{
	guarded(first_use_body);
}

#define LINK_NS		5000000ULL
/* 2^22 ns are 4.2 ms */
#define LINK_SLOT	22U

/* Two VM memories of two donors, one of which is slow; their guests run in turns. */
static void vms_body(void)
{
	struct guest *fast = &scene.guest[0], *slow = &scene.guest[1];
	static struct reading before[GUESTS], now;
	static struct list list;

	scene_begin(OPTIONS);
	mkdir(OTHER_POOL, 0700);
	CHECK(!mount("none", OTHER_POOL, "dmem", 0, OPTIONS ",latency_ns=5000000"));
	scene.other_pool = true;
	memory_create(slow, OTHER_POOL "/vm", 0);
	machine_create(slow, HIGH_GPA);
	list.nr = 0;
	fill_stride_17(&list);
	span_begin(fast, &before[0]);
	span_begin(slow, &before[1]);
	read_maps(&before[0], fast);
	for (size_t i = 0; i < 60; i++) {
		model_touch(&slow->model, &list.touch[i], 0);
		guest_run(slow, 0, &list.touch[i], 1);
		model_touch(&fast->model, &list.touch[2 * i], 0);
		guest_run(fast, 0, &list.touch[2 * i], 1);
	}
	check_all(fast, &before[0]);
	check_all(slow, &before[1]);
	read_maps(&now, slow);
	CHECK_MSG(now.donor != before[0].donor, "both have donor %u", now.donor);
	for (unsigned int slot = 0; slot < LINK_SLOT; slot++)
		CHECK_MSG(!now.latency.fetches[0][slot] && !now.vm.fetch_latency[slot],
			  "a fetch over %llu ns in slot %u", LINK_NS, slot);
	CHECK(now.latency.fetch_ns[0] >= 60 * LINK_NS);
}

static void test_several_vms(void)
{
	guarded(vms_body);
}

struct runner {
	struct guest *guest;
	unsigned int vcpu;
	struct list list;
	int err;
	volatile bool done;
};

static void *runner_run(void *arg)
{
	struct runner *runner = arg;

	runner->err = guest_try(runner->guest, runner->vcpu, runner->list.touch, runner->list.nr);
	runner->done = true;
	return NULL;
}

/* Now here, now there, until it is done. */
static void migrate(pthread_t thread, const struct runner *runner)
{
	cpu_set_t set;

	for (unsigned int turn = 0; !runner->done; turn++) {
		CPU_ZERO(&set);
		CPU_SET(turn % 2, &set);
		CHECK(!pthread_setaffinity_np(thread, sizeof(set), &set));
		usleep(300);
	}
}

static void migrate_body(void)
{
	static struct reading before;
	static struct runner runner;
	struct guest *guest = &scene.guest[0];
	pthread_t thread;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP("there is one CPU");
	scene_begin(OPTIONS);
	runner = (struct runner){ .guest = guest };
	fill_random(&runner.list);
	span_begin(guest, &before);
	for (size_t i = 0; i < runner.list.nr; i++)
		model_touch(&guest->model, &runner.list.touch[i], 0);
	CHECK(!pthread_create(&thread, NULL, runner_run, &runner));
	migrate(thread, &runner);
	pthread_join(thread, NULL);
	CHECK(!runner.err);
	check_all(guest, &before);
	evict_and_check(guest);
}

static void test_migrating_vcpu(void)
{
	guarded(migrate_body);
}

/* Each vCPU in regions of its own, at once; then both in one, in turns. */
static void two_vcpus_body(void)
{
	struct guest *guest = &scene.guest[0];
	static struct runner runner[VCPUS];
	static struct reading before, now;
	pthread_t thread[VCPUS];
	struct touch touch = {};

	scene_begin(OPTIONS);
	span_begin(guest, &before);
	for (unsigned int i = 0; i < VCPUS; i++) {
		runner[i] = (struct runner){ .guest = guest, .vcpu = i };
		fill_half(&runner[i].list, i);
		for (size_t at = 0; at < runner[i].list.nr; at++)
			model_touch(&guest->model, &runner[i].list.touch[at], 0);
	}
	for (unsigned int i = 0; i < VCPUS; i++)
		CHECK(!pthread_create(&thread[i], NULL, runner_run, &runner[i]));
	for (unsigned int i = 0; i < VCPUS; i++)
		pthread_join(thread[i], NULL);
	CHECK(!runner[0].err && !runner[1].err);
	check_all(guest, &before);
	read_maps(&now, guest);
	for (size_t i = 0; i < MODEL_REGIONS; i++)
		CHECK_MSG(now.region[i].vcpus == (i < MODEL_REGIONS / 2 ? 1 : 2),
			  "region %zu has vCPUs %x", i, now.region[i].vcpus);
	evict_and_check(guest);

	span_begin(guest, &before);
	for (touch.page = 500; touch.page < 530; touch.page++) {
		model_touch(&guest->model, &touch, 0);
		guest_run(guest, touch.page % VCPUS, &touch, 1);
	}
	check_all(guest, &before);
	read_maps(&now, guest);
	CHECK_MSG(now.region[0].vcpus == 3 && now.region[1].vcpus == 3, "vCPUs %x and %x",
		  now.region[0].vcpus, now.region[1].vcpus);
}

static void test_two_vcpus(void)
{
	guarded(two_vcpus_body);
}

#define ROOM	3

/* Room for three regions: what happens in the others is lost, and how much that was is told. */
static void lost_body(void)
{
	struct guest *guest = &scene.guest[0];
	struct dmem_plane_stats before, after;
	struct dmem_plane_region *regions;
	struct dmem_error error;
	size_t nr;

	plane_load(ROOM);
	pool_mount(OPTIONS);
	memory_create(guest, POOL "/vm", 0);
	check_plane(dmem_plane_read_stats(&scene.maps, &before, &error), &error);
	CHECK(before.lost_events);
	for (size_t page = 0; page < MODEL_PAGES; page += 8)
		*(volatile char *)(guest->map + page * PAGE) += 0;
	vm_get(guest->file);
	check_plane(dmem_plane_read_stats(&scene.maps, &after, &error), &error);
	check_plane(dmem_plane_read_regions(&scene.maps, &regions, &nr, &error), &error);
	CHECK_MSG(nr == ROOM, "%zu regions", nr);
	for (size_t i = 0; i < nr; i++)
		CHECK_MSG(regions[i].value.misses == 64, "%u misses", regions[i].value.misses);
	free(regions);
	CHECK_MSG(after.lost_events - before.lost_events == (MODEL_REGIONS - ROOM) * 64,
		  "%llu lost", after.lost_events - before.lost_events);
}

static void test_lost_events(void)
{
	guarded(lost_body);
}

static const struct test tests[] = {
	{ "several-vms", test_several_vms },
	{ "two-vcpus", test_two_vcpus },
	{ "migrating-vcpu", test_migrating_vcpu },
	{ "first-use", test_first_use },
	{ "patterns", test_patterns },
	{ "above-4g", test_above_4g },
	{ "blocks", test_blocks },
	{ "lost-events", test_lost_events },
	{}
};

int main(int argc, char **argv)
{
	int failed = run_tests(tests, argc, argv);
	struct dmem_error error;

	if (plane_unload(&error)) {
		fprintf(stderr, "locality: %s\n", error.text);
		return 1;
	}
	return failed;
}
