/* SPDX-License-Identifier: GPL-2.0 */
/*
 * batch.h - to tell an event: dmem_tell_begin(), what else it has, dmem_tell_end(). Inline, and
 * made where it stays, for a fault does so.
 */
#ifndef DMEM_BATCH_H
#define DMEM_BATCH_H

#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/sched/clock.h>
#include <linux/timer.h>
#ifdef CONFIG_X86
#include <asm/tsc.h>
#endif

#include "events.h"

/*
 * Bit 0 of @lock guards @told. A bit, for nearly always its own CPU takes it from itself, and a
 * spinlock's two calls would be a tenth of what adding an event costs.
 */
struct dmem_batch {
	unsigned long lock;
	struct dmem_event_batch told;
};

struct dmem_batch_cpu {
	struct dmem_batch task;			/* a softirq only tries this one's lock */
	struct dmem_batch softirq;
	struct timer_list timer;
};

DECLARE_PER_CPU(struct dmem_batch_cpu, dmem_batch_cpu);

/* With preemption off. False: another has it. */
static __always_inline bool dmem_batch_trylock(struct dmem_batch *batch)
{
	return !test_and_set_bit_lock(0, &batch->lock);
}

static __always_inline void dmem_batch_lock(struct dmem_batch *batch)
{
	while (unlikely(!dmem_batch_trylock(batch)))
		cpu_relax();
}

static __always_inline void dmem_batch_unlock(struct dmem_batch *batch)
{
	__clear_bit_unlock(0, &batch->lock);
}

/* Nanoseconds of a cycle, shifted; 0 where cycles are no clock. */
#define DMEM_CYCLE_SHIFT	22
extern u32 dmem_cycle_mult;

/* A time, of no unit but dmem_time_since()'s: what a fault can afford. Not 0. */
static __always_inline u64 dmem_time_now(void)
{
#ifdef CONFIG_X86
	if (likely(dmem_cycle_mult))
		return rdtsc() | 1;
#endif
	return local_clock() | 1;
}

/* Nanoseconds since; 0 when @start is 0, else at least 1. Two CPUs' clocks may differ a little. */
static __always_inline u64 dmem_time_since(u64 start)
{
	s64 passed;

	if (!start)
		return 0;
	passed = dmem_time_now() - start;
	if (passed <= 0)
		return 1;
	if (dmem_cycle_mult)
		passed = mul_u64_u32_shr(passed, dmem_cycle_mult, DMEM_CYCLE_SHIFT);
	return passed ?: 1;
}

/* An event that is being made. */
struct dmem_telling {
	struct dmem_batch_cpu *cpu;
	struct dmem_batch *batch;
	struct dmem_event *event;
};

/**
 * dmem_tell_begin - an event
 * @vm, @region: whose
 * @kind: enum dmem_fault_kind or dmem_event_kind
 *
 * Any context but hard interrupt; the caller has asked trace_dmem_events_enabled().
 *
 * Return: for dmem_tell_end(), with all that was not said here 0, to be set; until then nothing may
 * sleep, tell another one or turn softirqs on or off.
 */
static __always_inline struct dmem_telling
dmem_tell_begin(const struct dmem_vm_ident *vm, const struct dmem_region_ident *region, u8 kind)
{
	struct dmem_batch_cpu *cpu = get_cpu_ptr(&dmem_batch_cpu);
	struct dmem_batch *batch = in_softirq() ? &cpu->softirq : &cpu->task;
	struct dmem_event *event;

	dmem_batch_lock(batch);
	event = &batch->told.events[batch->told.nr];
	*event = (struct dmem_event) {
		.vm = vm->id,
		.donor = vm->donor,
		.region = region->index,
		.local_pages = region->local_pages,
		.remote_pages = region->remote_pages,
		.version = region->version,
		.kind = kind,
	};
	return (struct dmem_telling) { cpu, batch, event };
}

/* For BPF programs, described where it is defined. */
u8 *dmem_batch_events(struct dmem_event_batch *batch, const int rdwr_buf_size);

void dmem_batch_full(struct dmem_batch_cpu *cpu, struct dmem_batch *batch);
void dmem_batch_wake(struct dmem_batch_cpu *cpu);

/* The event is whole: it is told, now or soon. */
static __always_inline void dmem_tell_end(struct dmem_telling *telling)
{
	struct dmem_event *event = telling->event;
	int distance = event->page - (event->last - 1);

	/* One instruction here, twenty in BPF. */
	event->time_log2 = event->time_ns ? ilog2(event->time_ns) : 0;
	event->distance_log2 = event->last && distance ? ilog2(abs(distance)) : 0;
	if (++telling->batch->told.nr == DMEM_EVENT_BATCH)
		dmem_batch_full(telling->cpu, telling->batch);
	else if (!timer_pending(&telling->cpu->timer))
		dmem_batch_wake(telling->cpu);
	dmem_batch_unlock(telling->batch);
	put_cpu_ptr(&dmem_batch_cpu);
}

int dmem_batch_init(void);
void dmem_batch_exit(void);
void dmem_batch_flush(void);

#endif /* DMEM_BATCH_H */
