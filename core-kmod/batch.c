// SPDX-License-Identifier: GPL-2.0
/*
 * batch.c - events told many at a time: to call a BPF program for each costs more than all else
 * that is done for it.
 *
 * Each CPU gathers its own, under a lock that nobody else wants: but for a timer, so that none
 * waits for long, and for who wants them told now. Called with region->lock held or not.
 */
#include <linux/jiffies.h>
#include <linux/timer.h>

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

	spin_lock_bh(&cpu->lock);
	cpu->batch.events[cpu->batch.nr++] = *event;
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

void dmem_batch_init(void)
{
	int i;

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
