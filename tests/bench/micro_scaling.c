// SPDX-License-Identifier: GPL-2.0
/*
 * micro_scaling.c - how many more pages two CPUs fetch than one, in wall clock time: two vCPUs of
 * one guest, or two threads of one process, in different regions. The same of ordinary memory,
 * written for the first time, says what of it is KVM's and the kernel's. Prints a JSON object: the
 * median of ROUNDS ratios, each of a run of one and a run of both made one after the other.
 *
 * Fails where what was touched did not fault. The one part of micro for a host with two CPUs.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../vmm/vmm.h"
#include "micro.h"
#include "uapi/dmem.h"

#define CPUS		2
#define ROUNDS		10
#define WARM_UPS	2
/* Of each CPU: 16 regions, and a second of an emulated one. */
#define SHARE_PAGES	8192UL

#define CODE_SLOT	0
#define CODE_GPA	0x1000U
#define MEMORY_SLOT	1
#define MEMORY_GPA	0x40000000U

/* esi: the page; ecx: how many; edx: 0 to read them, else to write. There is no stack. */
__asm__(".pushsection .rodata\n"
	".code32\n"
	"scaling_code:\n"
	"1:	test	%edx, %edx\n"
	"	jnz	2f\n"
	"	mov	(%esi), %al\n"
	"	jmp	3f\n"
	"2:	mov	%al, (%esi)\n"
	"3:	add	$4096, %esi\n"
	"	dec	%ecx\n"
	"	jnz	1b\n"
	"	out	%al, $0x10\n"
	"scaling_code_end:\n"
	".code64\n"
	".popsection\n");

extern const char scaling_code[];
extern const char scaling_code_end[];

/*
 * One that touches pages on a CPU of its own. It stays for all rounds: a vCPU that another thread
 * runs than before waits for a grace period first.
 */
struct worker {
	int cpu;
	pthread_t thread;
	bool asked, ended;
	struct vmm_vcpu vcpu;
	void (*touch)(struct worker *worker);
	uint64_t start_ns, end_ns;
};

/* What two of them do: @anon: they write new ordinary memory, the others read dmem's. */
static const struct scaling {
	const char *name;
	bool vcpus, anon;
} scalings[] = {
	{ "vcpus", true, false }, { "vcpus-anon", true, true },
	{ "threads", false, false }, { "threads-anon", false, true },
};

static const struct scaling *scaling;
static struct vm vm;		/* of scaling->anon: only what is mapped */
static struct vmm machine;
static struct worker workers[CPUS];
static pthread_barrier_t begin, end;

static void check(int err, const char *what)
{
	if (err)
		die("%s: %s", what, strerror(-err));
}

static void touch_as_thread(struct worker *worker)
{
	volatile char *share = vm.map + worker->cpu * SHARE_PAGES * PAGE;

	for (size_t i = 0; i < SHARE_PAGES; i++)
		if (scaling->anon)
			share[i * PAGE] = 1;
		else
			(void)share[i * PAGE];
}

static void touch_as_vcpu(struct worker *worker)
{
	struct kvm_regs regs = {
		.rip = CODE_GPA,
		.rsi = MEMORY_GPA + worker->cpu * SHARE_PAGES * PAGE,
		.rcx = SHARE_PAGES,
		.rdx = scaling->anon,
		.rflags = 2,
	};

	check(vmm_set_regs(&worker->vcpu, &regs), "registers");
	check(vmm_run(&worker->vcpu), "KVM_RUN");
	if (worker->vcpu.run->exit_reason != KVM_EXIT_IO)
		die("guest: stopped with exit reason %u", worker->vcpu.run->exit_reason);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(worker->cpu, &set);
	check(-pthread_setaffinity_np(pthread_self(), sizeof(set), &set), "affinity");
	for (;;) {
		pthread_barrier_wait(&begin);
		if (worker->ended)
			return NULL;
		worker->start_ns = clock_ns();
		if (worker->asked)
			worker->touch(worker);
		worker->end_ns = clock_ns();
		pthread_barrier_wait(&end);
	}
}

/* No page is local then, of ordinary memory none is there. */
static void empty(void)
{
	if (!scaling->anon)
		vm_flush(&vm);
	else if (madvise(vm.map, vm.pages * PAGE, MADV_DONTNEED))
		die("MADV_DONTNEED: %s", strerror(errno));
}

static uint64_t answered(void)
{
	return scaling->anon ? minor_faults() : vm_get(&vm).fetched_pages;
}

/* Faults per second of the workers asked. */
static double run_workers(bool first, bool second)
{
	uint64_t start = UINT64_MAX, stop = 0, before, pages = (first + second) * SHARE_PAGES;

	empty();
	before = answered();
	workers[0].asked = first;
	workers[1].asked = second;
	pthread_barrier_wait(&begin);
	pthread_barrier_wait(&end);
	for (int cpu = 0; cpu < CPUS; cpu++) {
		struct worker *worker = &workers[cpu];

		if (!worker->asked)
			continue;
		start = worker->start_ns < start ? worker->start_ns : start;
		stop = worker->end_ns > stop ? worker->end_ns : stop;
	}
	must_have_counted(scaling->anon ? "minor faults" : "pages fetched", before, answered(),
			  pages);
	return pages * 1e9 / (stop - start);
}

static void start_workers(void)
{
	check(-pthread_barrier_init(&begin, NULL, CPUS + 1), "barrier");
	check(-pthread_barrier_init(&end, NULL, CPUS + 1), "barrier");
	for (int cpu = 0; cpu < CPUS; cpu++)
		check(-pthread_create(&workers[cpu].thread, NULL, work, &workers[cpu]), "thread");
}

static void stop_workers(void)
{
	for (int cpu = 0; cpu < CPUS; cpu++)
		workers[cpu].ended = true;
	pthread_barrier_wait(&begin);
	for (int cpu = 0; cpu < CPUS; cpu++)
		pthread_join(workers[cpu].thread, NULL);
}

/* One alone is each of the CPUs in turn: they need not be alike. */
static void measure(void)
{
	const char *name = scaling->name;
	double one[ROUNDS], both[ROUNDS], ratios[ROUNDS];

	for (int round = -WARM_UPS; round < ROUNDS; round++) {
		double alone = run_workers(!(round & 1), round & 1);
		double together = run_workers(true, true);

		if (round < 0)
			continue;
		one[round] = alone;
		both[round] = together;
		ratios[round] = together / alone;
		printf("# %s: %.0f faults a second, %.0f of both: %.2f\n", name, alone, together,
		       ratios[round]);
		fflush(stdout);
	}
	printf("{\"scaling\": \"%s\", \"ratio\": %.3f, \"rounds\": %d, \"pages\": %lu, "
	       "\"one_per_s\": %.0f, \"two_per_s\": %.0f}\n", name, median(ratios, ROUNDS),
	       ROUNDS, SHARE_PAGES, median(one, ROUNDS), median(both, ROUNDS));
}

static void guest_create(void)
{
	char *code = map_anonymous(1);

	memcpy(code, scaling_code, scaling_code_end - scaling_code);
	check(vmm_create(&machine, false), "/dev/kvm");
	check(vmm_set_slot(&machine, CODE_SLOT, CODE_GPA, code, PAGE), "memory slot");
	check(vmm_set_slot(&machine, MEMORY_SLOT, MEMORY_GPA, vm.map, vm.pages * PAGE),
	      "memory slot");
	for (int cpu = 0; cpu < CPUS; cpu++)
		check(vmm_create_vcpu(&machine, &workers[cpu].vcpu, cpu), "vCPU");
}

static void guest_destroy(void)
{
	for (int cpu = 0; cpu < CPUS; cpu++)
		vmm_destroy_vcpu(&workers[cpu].vcpu);
	vmm_destroy(&machine);
}

static struct vm memory_make(void)
{
	struct vm anon = { .fd = -1, .pages = CPUS * SHARE_PAGES };

	if (!scaling->anon)
		return vm_make(ALL_LOCAL, CPUS * SHARE_PAGES);
	anon.map = map_anonymous(anon.pages);
	return anon;
}

static void memory_end(void)
{
	if (!scaling->anon)
		vm_end(&vm);
	else
		munmap(vm.map, vm.pages * PAGE);
}

bool bench_scaling(const char *name)
{
	for (size_t i = 0; i < sizeof(scalings) / sizeof(*scalings); i++)
		if (!strcmp(name, scalings[i].name))
			scaling = &scalings[i];
	if (!scaling)
		return false;
	vm = memory_make();
	for (int cpu = 0; cpu < CPUS; cpu++)
		workers[cpu] = (struct worker){
			.cpu = cpu, .touch = scaling->vcpus ? touch_as_vcpu : touch_as_thread,
		};
	if (scaling->vcpus)
		guest_create();
	start_workers();
	measure();
	stop_workers();
	if (scaling->vcpus)
		guest_destroy();
	memory_end();
	return true;
}
