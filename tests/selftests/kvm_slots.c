// SPDX-License-Identifier: GPL-2.0
/*
 * kvm_slots.c - the BPF plane finds the right pages of VM memory behind a guest's addresses.
 *
 * A guest of one vCPU touches the bytes it is told to. All of its memory is mapped in the host
 * before, so nobody but kvm:kvm_page_fault can have set the bits that are looked at. Slots lie as
 * QEMU lays them, with holes, onto one file at several offsets, only less regular.
 */
#include <bpf/bpf.h>

#include "plane.h"
#include "selftest.h"
#include "../vmm/vmm.h"

/* The file, and its two mappings: the second begins off any region's start. */
#define FILE_PAGES	4096UL
#define LOW_PAGES	1536UL
#define HIGH_FIRST	1541UL
#define HIGH_PAGES	(FILE_PAGES - HIGH_FIRST)
#define FOREIGN_GPA	0x80000000U
#define FOREIGN_PAGES	256UL
/* Under shadow paging KVM maps so many pages of others at once. */
#define FOREIGN_STEP	8

/* The guest's code and page directory: pages of slot 0 and of the file that no test touches. */
#define CODE_PAGE	1UL
#define DIR_PAGE	2UL
#define CODE_READ	0
#define CODE_WRITE	4
static const uint8_t guest_code[] = {
	0x8a, 0x06,	/* mov al,[esi] */
	0xe6, 0x10,	/* out 0x10,al */
	0x88, 0x06,	/* mov [esi],al */
	0xe6, 0x10,	/* out 0x10,al */
};

/* How long the plane may believe in a mapping that is gone (SLOT_CACHE_NS), and some more. */
#define CACHE_US	1200000
/* A page costs one miss, or two where a read is followed by a write (DESIGN.md, fact 13). */
#define MISSES_MAX	2

enum backing { LOW, HIGH, FOREIGN };

struct slot {
	uint32_t gpa;
	enum backing backing;
	size_t first;		/* page of the backing's mapping */
	size_t pages;
};

/* Not in order of addresses; the last begins in the middle of a mapping, as the second does. */
static const struct slot slots[] = {
	{ 0x00000000, LOW, 0, 1024 },
	{ 0xc0000000, HIGH, 1100, 515 },
	{ 0x40000000, HIGH, 0, 1024 },
	{ FOREIGN_GPA, FOREIGN, 0, FOREIGN_PAGES },
	{ 0x00800000, LOW, 1024, 512 },
};

#define NR_SLOTS	(sizeof(slots) / sizeof(slots[0]))

/* What a test has open; scene_end() takes it down, however far it came. */
static struct {
	struct dmem_plane plane;
	bool loaded;
	bool opened;
	int file;
	uint32_t vm;		/* id of the VM memory */
	char *backing[3];
	struct vmm machine;
	struct vmm_vcpu vcpu;
} scene;

/* Of each page of the file: what its byte (page % PAGE) holds, and whether it was touched. */
static uint8_t content[FILE_PAGES];
static bool wanted[FILE_PAGES];
static const size_t backing_pages[] = { LOW_PAGES, HIGH_PAGES, FOREIGN_PAGES };

static size_t file_page(const struct slot *slot, size_t page)
{
	return slot->first + page + (slot->backing == HIGH ? HIGH_FIRST : 0);
}

static void slot_set(uint32_t number, uint32_t gpa, void *host, size_t pages)
{
	int err = vmm_set_slot(&scene.machine, number, gpa, host, pages * PAGE);

	CHECK_MSG(!err, "slot %u at %x: %s", number, gpa, strerror(-err));
}

static void slot_add(uint32_t number, const struct slot *slot)
{
	slot_set(number, slot->gpa, scene.backing[slot->backing] + slot->first * PAGE,
		 slot->pages);
}

static void slot_delete(uint32_t number)
{
	slot_set(number, 0, NULL, 0);
}

static void machine_create(bool irqchip)
{
	int err = vmm_create(&scene.machine, irqchip);

	CHECK_MSG(!err, "/dev/kvm: %s (modprobe kvm_amd or kvm_intel)", strerror(-err));
	CHECK(!vmm_create_vcpu(&scene.machine, &scene.vcpu, 0));
}

/* Memory that is not dmem's: anonymous, and another filesystem's from its middle on. */
static void foreign_create(void)
{
	const size_t half = FOREIGN_PAGES / 2 * PAGE;
	int memfd = memfd_create("other", MFD_CLOEXEC);
	char *anon = mmap(NULL, 2 * half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	CHECK(anon != MAP_FAILED);
	scene.backing[FOREIGN] = anon;
	CHECK(memfd >= 0 && !ftruncate(memfd, half));
	CHECK(mmap(anon + half, half, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memfd, 0) !=
	      MAP_FAILED);
	close(memfd);
	memset(anon, 1, 2 * half);
}

static void memory_create(void)
{
	scene.file = vm_create("vm", FILE_PAGES * PAGE);
	scene.vm = vm_get(scene.file).id;
	scene.backing[LOW] = vm_map(scene.file, LOW_PAGES * PAGE);
	scene.backing[HIGH] = mmap(NULL, HIGH_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
				   scene.file, HIGH_FIRST * PAGE);
	CHECK(scene.backing[HIGH] != MAP_FAILED);
}

/* Map each page in the host, with content of its own. */
static void memory_fill(void)
{
	for (size_t page = 0; page < FILE_PAGES; page++) {
		content[page] = page * 37 % 251 + 1;
		if (page < LOW_PAGES)
			memset(scene.backing[LOW] + page * PAGE, content[page], PAGE);
		else if (page >= HIGH_FIRST)
			memset(scene.backing[HIGH] + (page - HIGH_FIRST) * PAGE, content[page],
			       PAGE);
	}
	memcpy(scene.backing[LOW] + CODE_PAGE * PAGE, guest_code, sizeof(guest_code));
}

static void check_plane(int err, const struct dmem_error *error)
{
	CHECK_MSG(!err, "%.400s", error->text);
}

static void plane_create(void)
{
	struct dmem_error error;
	bool has_kvm;

	check_plane(dmem_plane_load(&has_kvm, &error), &error);
	scene.loaded = true;
	CHECK_MSG(has_kvm, "kvm:kvm_page_fault cannot be traced (modprobe kvm_amd or kvm_intel)");
	check_plane(dmem_plane_open(&scene.plane, true, &error), &error);
	scene.opened = true;
}

static uint64_t epoch_number(void)
{
	struct dmem_epoch epoch;
	uint32_t zero = 0;

	CHECK(!bpf_map_lookup_elem(scene.plane.map[DMEM_PLANE_EPOCH], &zero, &epoch));
	return epoch.number;
}

static void next_epoch(void)
{
	uint64_t before = epoch_number();
	struct dmem_error error;

	/* Has all told that is waiting in a batch: it is of the epoch that ends. */
	vm_get(scene.file);
	check_plane(dmem_plane_next_epoch(&scene.plane, &error), &error);
	CHECK(epoch_number() == before + 1);
	memset(wanted, 0, sizeof(wanted));
}

/* The plane first: it is to see the file's making and its filling, as it would QEMU's. */
static void scene_begin(const char *options, bool irqchip)
{
	plane_create();
	pool_mount(options);
	foreign_create();
	memory_create();
	memory_fill();
	machine_create(irqchip);
	next_epoch();
}

static void scene_begin_slots(const char *options, bool irqchip)
{
	scene_begin(options, irqchip);
	for (size_t i = 0; i < NR_SLOTS; i++)
		slot_add(i, &slots[i]);
}

static int scene_end(struct dmem_error *error)
{
	vmm_destroy_vcpu(&scene.vcpu);
	vmm_destroy(&scene.machine);
	for (size_t i = 0; i < 3; i++)
		if (scene.backing[i] && scene.backing[i] != MAP_FAILED)
			munmap(scene.backing[i], backing_pages[i] * PAGE);
	if (scene.file > 0)
		close(scene.file);
	if (scene.opened)
		dmem_plane_close(&scene.plane);

	bool loaded = scene.loaded;

	memset(&scene, 0, sizeof(scene));
	return loaded ? dmem_plane_unload(error) : 0;
}

/* The body of a test; whatever becomes of it, its guest and the plane are gone afterwards. */
static void guarded(void (*body)(void))
{
	struct dmem_error error;
	volatile bool failed = true;
	jmp_buf outer;

	memcpy(&outer, &test_failed, sizeof(outer));
	if (!setjmp(test_failed)) {
		body();
		failed = false;
	}
	memcpy(&test_failed, &outer, sizeof(outer));

	int err = scene_end(&error);

	if (failed)
		longjmp(test_failed, 1);
	check_plane(err, &error);
}

/* Let the guest touch one byte; says what it read. Devices read as all ones. */
static uint8_t guest_touch(uint32_t address, bool write, uint8_t byte)
{
	struct kvm_regs regs = { .rip = CODE_PAGE * PAGE + (write ? CODE_WRITE : CODE_READ),
				 .rsi = address, .rax = byte, .rflags = 2 };
	struct kvm_run *run = scene.vcpu.run;
	int err;

	CHECK(!vmm_set_regs(&scene.vcpu, &regs));
	for (;;) {
		err = vmm_run(&scene.vcpu);
		CHECK_MSG(!err, "KVM_RUN at %x: %s", address, strerror(-err));
		if (run->exit_reason != KVM_EXIT_MMIO)
			break;
		CHECK(run->mmio.phys_addr == address);
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
	}
	CHECK_MSG(run->exit_reason == KVM_EXIT_IO, "exit reason %u at %x", run->exit_reason,
		  address);
	return ((uint8_t *)run)[run->io.data_offset];
}

/* Touch a page of the file where the guest has it, every third by a write; want its bit. */
static void touch_page(uint32_t address, size_t page)
{
	uint8_t got;

	address += page % PAGE;
	if (page % 3 == 0)
		guest_touch(address, true, ++content[page]);
	got = guest_touch(address, false, 0);
	CHECK_MSG(got == content[page], "page %zu at %x reads %x, not %x", page, address, got,
		  content[page]);
	wanted[page] = true;
}

static void touch(const struct slot *slot, size_t page)
{
	touch_page(slot->gpa + page * PAGE, file_page(slot, page));
}

/* The edges of a slot and of a region in it, and some of its middle; says how many. */
static void touch_some(const struct slot *slot)
{
	for (size_t page = 0; page < slot->pages; page += page % 97 + 31)
		if (page != CODE_PAGE && page != DIR_PAGE)
			touch(slot, page);
	touch(slot, slot->pages - 1);
	touch(slot, slot->pages / 2);
	touch(slot, slot->pages / 2 + 1);
}

static size_t nr_wanted(void)
{
	size_t nr = 0;

	for (size_t page = 0; page < FILE_PAGES; page++)
		nr += wanted[page];
	return nr;
}

/* The regions of the plane, for the caller to free. */
static struct dmem_plane_region *read_regions(size_t *nr)
{
	struct dmem_plane_region *regions;
	struct dmem_error error;

	check_plane(dmem_plane_read_regions(&scene.plane, &regions, nr, &error), &error);
	return regions;
}

struct counts {
	struct dmem_plane_stats plane;
	uint64_t vm;		/* kvm_faults of the VM memory */
	uint64_t regions;	/* and of its regions together */
};

static struct counts read_counts(void)
{
	struct dmem_plane_region *regions;
	struct counts counts = {};
	struct dmem_plane_vm *vms;
	struct dmem_error error;
	size_t nr;

	check_plane(dmem_plane_read_stats(&scene.plane, &counts.plane, &error), &error);
	regions = read_regions(&nr);
	for (size_t i = 0; i < nr; i++)
		counts.regions += regions[i].value.kvm_faults;
	free(regions);
	check_plane(dmem_plane_read_vms(&scene.plane, &vms, &nr, &error), &error);
	CHECK_MSG(nr == 1 && vms->id == scene.vm && !strcmp(vms->value.name, "vm"),
		  "%zu VM memories", nr);
	counts.vm = vms->stats.kvm_faults;
	free(vms);
	CHECK_MSG(!counts.plane.lost_events, "%llu events lost", counts.plane.lost_events);
	CHECK_MSG(counts.vm == counts.regions, "the VM has %lu misses, its regions %lu", counts.vm,
		  counts.regions);
	return counts;
}

static void check_count(const char *what, uint64_t before, uint64_t after, size_t pages)
{
	uint64_t grown = after - before;

	CHECK_MSG(grown >= pages && grown <= pages * MISSES_MAX, "%s grew by %lu for %zu pages",
		  what, grown, pages);
}

static void check_region(const struct dmem_plane_region *region, uint64_t epoch)
{
	CHECK_MSG(region->key.vm == scene.vm && region->key.region < FILE_PAGES / 512,
		  "there is a region %u of VM memory %u", region->key.region, region->key.vm);
	for (size_t i = 0; i < 512; i++) {
		size_t page = region->key.region * 512UL + i;
		bool seen = region->value.touched[i / 64] >> i % 64 & 1 &&
			    region->value.epoch == (uint32_t)epoch;

		if (page == CODE_PAGE || page == DIR_PAGE)
			continue;
		CHECK_MSG(seen == wanted[page], "page %zu was %stouched, its bit is %d", page,
			  wanted[page] ? "" : "not ", seen);
	}
}

/* Exactly the wanted pages are marked in this epoch, but for the code's own. */
static void check_touched(void)
{
	bool found[FILE_PAGES / 512] = {};
	struct dmem_plane_region *regions;
	uint64_t epoch = epoch_number();
	size_t nr;

	regions = read_regions(&nr);
	for (size_t i = 0; i < nr; i++) {
		check_region(&regions[i], epoch);
		found[regions[i].key.region] = true;
	}
	free(regions);
	for (size_t page = 0; page < FILE_PAGES; page++)
		CHECK_MSG(!wanted[page] || found[page / 512], "page %zu's region is missing", page);
}

/* The guest's code is in VM memory too: its page is marked like any other. */
static void check_code_page(void)
{
	struct dmem_plane_region *regions;
	size_t nr;

	touch(&slots[0], 700);
	regions = read_regions(&nr);
	CHECK(nr == FILE_PAGES / 512 && regions[0].key.region == 0);
	CHECK_MSG(regions[0].value.touched[0] == 1 << CODE_PAGE, "touched %llx",
		  regions[0].value.touched[0]);
	free(regions);
}

static void touch_slots(void)
{
	struct counts before, after;

	scene_begin_slots("donor=local:64M,direct=100%", false);
	before = read_counts();
	check_touched();
	check_code_page();
	for (size_t i = 0; i < NR_SLOTS; i++)
		if (slots[i].backing != FOREIGN)
			touch_some(&slots[i]);
	after = read_counts();
	check_touched();
	check_count("kvm_faults", before.vm, after.vm, nr_wanted());
	CHECK_MSG(after.plane.kvm_faults_other == before.plane.kvm_faults_other &&
		  after.plane.kvm_faults_unmatched == before.plane.kvm_faults_unmatched,
		  "%llu misses were not dmem's, %llu unmatched",
		  after.plane.kvm_faults_other - before.plane.kvm_faults_other,
		  after.plane.kvm_faults_unmatched - before.plane.kvm_faults_unmatched);
	printf("# %zu pages, %lu misses\n", nr_wanted(), after.vm - before.vm);
}

static void test_slots(void)
{
	guarded(touch_slots);
}

/* Memory of others, and addresses of nobody, which are devices. */
static void touch_foreign(void)
{
	static const uint32_t nobody[] = {
		0x00400000, 0x007ff000, 0x00a00000, 0x3ffff000, 0x40400000, 0x7ffff000,
		0x80100000, 0xbffff000, 0xc0203000, 0xfffff000,
	};
	const size_t nr = sizeof(nobody) / sizeof(nobody[0]);
	struct counts before, after;

	scene_begin_slots("donor=local:64M,direct=100%", false);
	touch(&slots[0], 0);
	before = read_counts();
	for (size_t page = 0; page < FOREIGN_PAGES; page += FOREIGN_STEP)
		CHECK(guest_touch(FOREIGN_GPA + page * PAGE, page & FOREIGN_STEP, 1) == 1);
	after = read_counts();
	check_count("kvm_faults_other", before.plane.kvm_faults_other,
		    after.plane.kvm_faults_other, FOREIGN_PAGES / FOREIGN_STEP);
	CHECK(after.plane.kvm_faults_unmatched == before.plane.kvm_faults_unmatched);
	CHECK(after.vm == before.vm);

	before = after;
	for (size_t i = 0; i < nr; i++)
		CHECK(guest_touch(nobody[i], i % 2, 0xff) == 0xff);
	after = read_counts();
	check_count("kvm_faults_unmatched", before.plane.kvm_faults_unmatched,
		    after.plane.kvm_faults_unmatched, nr);
	CHECK(after.plane.kvm_faults_other == before.plane.kvm_faults_other);
	CHECK(after.vm == before.vm);
	check_touched();
}

static void test_foreign(void)
{
	guarded(touch_foreign);
}

/* Slots of one page each, in no order, scattered over the file and over the guest's addresses. */
static void touch_many(void)
{
	enum { NR = 160 };
	struct slot many[NR];

	scene_begin("donor=local:64M,direct=100%", false);
	slot_set(NR, 0, scene.backing[LOW], 4);
	for (size_t i = 0; i < NR; i++) {
		size_t at = i * 59 % NR;

		many[i] = (struct slot){ .gpa = 0x10000000 + at * 0x1234000, .pages = 1,
					 .backing = i % 2 ? HIGH : LOW, .first = 40 + i * 9 };
		slot_add(i, &many[i]);
	}
	for (size_t i = 0; i < NR; i++) {
		touch(&many[i * 101 % NR], 0);
		guest_touch(many[i].gpa + PAGE, false, 0);
		guest_touch(many[i].gpa - PAGE, false, 0);
	}
	CHECK(nr_wanted() == NR);
	check_touched();
}

static void test_many_slots(void)
{
	guarded(touch_many);
}

/* One slot over three mappings: two of the file that do not follow each other, one of others. */
static void touch_patched(void)
{
	struct slot slot = { 0x20000000, LOW, 512, 384 };
	struct counts before, after;
	char *host;

	scene_begin("donor=local:64M,direct=100%", false);
	slot_set(0, 0, scene.backing[LOW], 4);
	host = scene.backing[LOW] + slot.first * PAGE;
	CHECK(mmap(host + 128 * PAGE, 128 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   scene.file, 3000 * PAGE) != MAP_FAILED);
	CHECK(mmap(host + 256 * PAGE, 128 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
	/* Both are to be in the host's tables, or faults of the host would set bits. */
	for (size_t page = 128; page < 384; page++)
		*(volatile char *)(host + page * PAGE) += 0;
	next_epoch();
	slot_add(1, &slot);
	before = read_counts();
	for (size_t page = 0; page < 128; page += FOREIGN_STEP) {
		uint32_t address = slot.gpa + page * PAGE;

		touch_page(address, slot.first + page);
		touch_page(address + 128 * PAGE, 3000 + page);
		guest_touch(address + 256 * PAGE, true, 1);
	}
	after = read_counts();
	check_count("kvm_faults_other", before.plane.kvm_faults_other,
		    after.plane.kvm_faults_other, 128 / FOREIGN_STEP);
	check_touched();
}

static void test_patched_slot(void)
{
	guarded(touch_patched);
}

static void move_slot(uint32_t number, const struct slot *to)
{
	slot_delete(number);
	slot_add(number, to);
	next_epoch();
}

static void touch_moved(void)
{
	struct slot slot = slots[2];

	scene_begin_slots("donor=local:64M,direct=100%", false);
	touch_some(&slot);
	check_touched();

	/* Within a mapping, and to another: seen at once, for the cache is of mappings. */
	slot.first = 777;
	move_slot(2, &slot);
	touch_some(&slot);
	check_touched();
	slot = (struct slot){ slot.gpa, LOW, 333, 600 };
	move_slot(2, &slot);
	touch_some(&slot);
	check_touched();

	/* To other addresses of the guest. */
	slot.gpa = 0x5a5a5000;
	move_slot(2, &slot);
	touch_some(&slot);
	check_touched();
	CHECK(guest_touch(slots[2].gpa, false, 0) == 0xff);
}

static void test_moved_slot(void)
{
	guarded(touch_moved);
}

/* Another part of the file under the same addresses: seen once the cache has forgotten. */
static void touch_remapped(void)
{
	const size_t first = 2000;
	char *host;

	scene_begin_slots("donor=local:64M,direct=100%", false);
	touch(&slots[4], 3);
	check_touched();
	host = scene.backing[LOW] + slots[4].first * PAGE;
	CHECK(mmap(host, slots[4].pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   scene.file, first * PAGE) != MAP_FAILED);
	for (size_t page = 0; page < slots[4].pages; page++)
		*(volatile char *)(host + page * PAGE) += 0;
	usleep(CACHE_US);
	next_epoch();
	for (size_t page = 0; page < slots[4].pages; page += 7)
		touch_page(slots[4].gpa + page * PAGE, first + page);
	check_touched();
}

static void test_remapped(void)
{
	guarded(touch_remapped);
}

static void touch_epochs(void)
{
	scene_begin_slots("donor=local:64M,direct=100%", false);
	for (size_t round = 0; round < 3; round++) {
		for (size_t page = 10 + round; page < 500; page += 41)
			touch(&slots[round], page);
		touch(&slots[4], round);
		check_touched();
		next_epoch();
		check_touched();
	}
	/* KVM has it mapped: no miss, no bit. After an eviction there is one. */
	touch(&slots[4], 2);
	memset(wanted, 0, sizeof(wanted));
	check_touched();
	vm_flush(scene.file);
	touch(&slots[4], 2);
	check_touched();
}

static void test_epochs(void)
{
	guarded(touch_epochs);
}

/* What the guest and the host write is what both read, evicted in between. */
static void touch_evicted(void)
{
	struct dmem_vm_flush flush;

	scene_begin_slots("donor=local:64M,direct=100%", false);
	for (uint8_t round = 1; round <= 3; round++) {
		flush = vm_flush(scene.file);
		CHECK_MSG(flush.evicted_pages && !flush.kept_pages, "evicted %llu kept %llu",
			  flush.evicted_pages, flush.kept_pages);
		next_epoch();
		for (size_t page = 8; page < slots[2].pages; page += 9) {
			size_t at = file_page(&slots[2], page);

			touch(&slots[2], page);
			content[at] += round;
			guest_touch(slots[2].gpa + page * PAGE + at % PAGE, true, content[at]);
		}
		check_touched();
	}
	vm_flush(scene.file);
	for (size_t page = 8; page < slots[2].pages; page += 9) {
		size_t at = file_page(&slots[2], page);
		const char *host = scene.backing[HIGH] + page * PAGE;

		CHECK_MSG((uint8_t)host[at % PAGE] == content[at], "page %zu has %x, not %x", at,
			  host[at % PAGE], content[at]);
	}
	CHECK(!vm_get(scene.file).errors);
}

static void test_evicted(void)
{
	guarded(touch_evicted);
}

#define LINK_NS		20000000ULL
#define LINK_PAGES	12

static void touch_over_link(bool irqchip)
{
	uint64_t start, took;

	scene_begin_slots("donor=local:64M,direct=100%,latency_ns=20000000", irqchip);
	vm_flush(scene.file);
	next_epoch();
	start = dmem_clock_ns();
	for (size_t page = 20; page < 20 + LINK_PAGES; page++)
		touch(&slots[1], page);
	took = dmem_clock_ns() - start;
	CHECK_MSG(took >= LINK_PAGES * LINK_NS, "%u pages came in %lu ns", LINK_PAGES, took);
	check_touched();

	struct dmem_vm_get get = vm_get(scene.file);

	/* The code's page came too. */
	CHECK_MSG(get.fetches[0] == LINK_PAGES + 1 && get.retries > 0 && !get.errors,
		  "fetches %llu retries %llu errors %llu", get.fetches[0], get.retries,
		  get.errors);
}

static void touch_slow_link(void)
{
	touch_over_link(false);
}

static void test_slow_link(void)
{
	guarded(touch_slow_link);
}

static void touch_slow_link_async(void)
{
	touch_over_link(true);
}

static void test_slow_link_async(void)
{
	guarded(touch_slow_link_async);
}

static bool kvm_shadows(void)
{
	static const char *const parameters[] = {
		"/sys/module/kvm_amd/parameters/npt",
		"/sys/module/kvm_intel/parameters/ept",
	};
	char value = 'Y';

	for (size_t i = 0; i < 2; i++) {
		int fd = open(parameters[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		CHECK(read(fd, &value, 1) == 1);
		close(fd);
	}
	return value == 'N' || value == '0';
}

/*
 * A guest with paging, whose addresses of one slot lead to another: the misses are of physical
 * addresses. Where KVM has no second level they are of virtual ones, and none of them counts.
 */
static void touch_paged(void)
{
	const uint32_t virtual = slots[2].gpa;
	struct counts before, after;
	uint32_t *directory;

	scene_begin_slots("donor=local:64M,direct=100%", false);
	directory = (uint32_t *)(scene.backing[LOW] + DIR_PAGE * PAGE);
	memset(directory, 0, PAGE);
	/* 4 MiB pages, present and writable. */
	directory[0] = 0x83;
	directory[virtual >> 22] = slots[1].gpa | 0x83;
	CHECK(!vmm_set_directory(&scene.vcpu, DIR_PAGE * PAGE));
	before = read_counts();
	for (size_t page = 0; page < slots[1].pages; page += 5)
		touch_page(virtual + page * PAGE, file_page(&slots[1], page));
	after = read_counts();
	if (kvm_shadows()) {
		CHECK_MSG(after.vm == before.vm, "%lu misses at virtual addresses counted",
			  after.vm - before.vm);
		CHECK(after.plane.kvm_faults_unmatched - before.plane.kvm_faults_unmatched >=
		      nr_wanted());
		memset(wanted, 0, sizeof(wanted));
	}
	check_touched();
}

static void test_paged_guest(void)
{
	guarded(touch_paged);
}

static const struct test tests[] = {
	{ "slots", test_slots },
	{ "foreign", test_foreign },
	{ "many-slots", test_many_slots },
	{ "patched-slot", test_patched_slot },
	{ "moved-slot", test_moved_slot },
	{ "remapped", test_remapped },
	{ "epochs", test_epochs },
	{ "evicted", test_evicted },
	{ "slow-link", test_slow_link },
	{ "slow-link-async", test_slow_link_async },
	{ "paged-guest", test_paged_guest },
	{}
};

int main(int argc, char **argv)
{
	return run_tests(tests, argc, argv);
}
