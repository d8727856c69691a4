// SPDX-License-Identifier: GPL-2.0
/*
 * batch.c - events told many at a time: to call a BPF program for each costs more than all else
 * that is done for it.
 *
 * Each CPU gathers its own, under a lock that nobody else wants but a timer, so that none waits for
 * long, and who wants them told now. Called with region->lock held or not.
 */
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/sched/clock.h>
#include <linux/timer.h>
#ifdef CONFIG_X86
#include <asm/tsc.h>
#endif

#include "core.h"
#include "trace.h"

/* How long an event may wait for others. */
#define DMEM_BATCH_MS	20

struct dmem_batch_cpu {
	spinlock_t lock;			/* batch */
	struct timer_list timer;
	struct dmem_event_batch batch;
};

static DEFINE_PER_CPU(struct dmem_batch_cpu, dmem_batch_cpu);

/* Nanoseconds of a cycle, shifted; 0 where cycles are no clock. */
#define DMEM_CYCLE_SHIFT	22
static u32 dmem_cycle_mult __ro_after_init;

/* A time, of no unit but dmem_time_since()'s: what a fault can afford. Not 0. */
u64 dmem_time_now(void)
{
#ifdef CONFIG_X86
	if (dmem_cycle_mult)
		return rdtsc() | 1;
#endif
	return local_clock() | 1;
}

/* Nanoseconds since; 0 when @start is 0, else at least 1. Two CPUs' clocks may differ a little. */
u64 dmem_time_since(u64 start)
{
	s64 passed;

	if (!start)
		return 0;
	passed = dmem_time_now() - start;
	if (passed <= 0)
		return 1;
	return (dmem_cycle_mult ? mul_u64_u32_shr(passed, dmem_cycle_mult, DMEM_CYCLE_SHIFT) :
				  passed) ?: 1;
}

static void __init dmem_time_init(void)
{
#ifdef CONFIG_X86
	if (!check_tsc_unstable() && tsc_khz >= 1000)
		dmem_cycle_mult = ((u64)NSEC_PER_MSEC << DMEM_CYCLE_SHIFT) / tsc_khz;
#endif
}

static void dmem_batch_tell(struct dmem_batch_cpu *cpu)
{
	lockdep_assert_held(&cpu->lock);
	if (cpu->batch.nr)
		trace_dmem_events(&cpu->batch);
	cpu->batch.nr = 0;
}

static void dmem_batch_timer(struct timer_list *timer)
{
	struct dmem_batch_cpu *cpu = container_of(timer, struct dmem_batch_cpu, timer);

	spin_lock_bh(&cpu->lock);
	dmem_batch_tell(cpu);
	spin_unlock_bh(&cpu->lock);
}

/**
 * dmem_batch_add - tell an event, now or soon
 * @event: copied; the caller has asked trace_dmem_events_enabled()
 *
 * Any context but hard interrupt.
 */
void dmem_batch_add(const struct dmem_event *event)
{
	/* Moved to another CPU meanwhile, it takes the lock from that one: no harm. */
	struct dmem_batch_cpu *cpu = raw_cpu_ptr(&dmem_batch_cpu);
	struct dmem_event *here;
	int distance;

	spin_lock_bh(&cpu->lock);
	here = &cpu->batch.events[cpu->batch.nr++];
	*here = *event;
	/* One instruction here, twenty in BPF. */
	here->time_log2 = event->time_ns ? ilog2(event->time_ns) : 0;
	distance = event->page - (event->last - 1);
	here->distance_log2 = event->last && distance ? ilog2(abs(distance)) : 0;
	if (cpu->batch.nr == DMEM_EVENT_BATCH)
		dmem_batch_tell(cpu);
	else if (!timer_pending(&cpu->timer))
		mod_timer(&cpu->timer, jiffies + msecs_to_jiffies(DMEM_BATCH_MS));
	spin_unlock_bh(&cpu->lock);
}

/* Tell what all CPUs have gathered. Process context. */
void dmem_batch_flush(void)
{
	int i;

	for_each_possible_cpu(i) {
		struct dmem_batch_cpu *cpu = per_cpu_ptr(&dmem_batch_cpu, i);

		spin_lock_bh(&cpu->lock);
		dmem_batch_tell(cpu);
		spin_unlock_bh(&cpu->lock);
	}
}

void __init dmem_batch_init(void)
{
	int i;

	dmem_time_init();
	for_each_possible_cpu(i) {
		struct dmem_batch_cpu *cpu = per_cpu_ptr(&dmem_batch_cpu, i);

		spin_lock_init(&cpu->lock);
		timer_setup(&cpu->timer, dmem_batch_timer, 0);
	}
}

/* No VM memory is left, so nothing is added any more. */
void dmem_batch_exit(void)
{
	int i;

	for_each_possible_cpu(i)
		timer_shutdown_sync(&per_cpu_ptr(&dmem_batch_cpu, i)->timer);
}
