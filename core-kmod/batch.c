// SPDX-License-Identifier: GPL-2.0
/*
 * batch.c - events told many at a time: to call a BPF program for each costs more than all else
 * that is done for it.
 *
 * Each CPU gathers its own, under a lock that nobody else wants but a timer, so that none waits for
 * long, and who wants them told now. What tasks add and what is added where softirqs are off or
 * served is apart: a task need not turn them off, which would cost a quarter of what adding does.
 * Called with region->lock held or not.
 */
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/jiffies.h>

#include "core.h"
#include "trace.h"

/* How long an event may wait for others. */
#define DMEM_BATCH_MS	20

DEFINE_PER_CPU(struct dmem_batch_cpu, dmem_batch_cpu);

u32 dmem_cycle_mult __ro_after_init;

static void __init dmem_time_init(void)
{
#ifdef CONFIG_X86
	if (!check_tsc_unstable() && tsc_khz >= 1000)
		dmem_cycle_mult = ((u64)NSEC_PER_MSEC << DMEM_CYCLE_SHIFT) / tsc_khz;
#endif
}

/* With softirqs off: a BPF program that is interrupted does not run a second time. */
static void dmem_batch_tell(struct dmem_batch *batch)
{
	WARN_ON_ONCE(!batch->lock);
	WARN_ON_ONCE(IS_ENABLED(CONFIG_PROVE_LOCKING) && !in_softirq());
	if (batch->told.nr)
		trace_dmem_events(&batch->told);
	batch->told.nr = 0;
}

/* The same. */
static void dmem_batch_tell_softirq(struct dmem_batch_cpu *cpu)
{
	dmem_batch_lock(&cpu->softirq);
	dmem_batch_tell(&cpu->softirq);
	dmem_batch_unlock(&cpu->softirq);
}

/* With the lock of @batch held. What came by softirq goes before what tasks did with it. */
void dmem_batch_full(struct dmem_batch_cpu *cpu, struct dmem_batch *batch)
{
	local_bh_disable();
	if (batch == &cpu->task)
		dmem_batch_tell_softirq(cpu);
	dmem_batch_tell(batch);
	local_bh_enable();
}

void dmem_batch_wake(struct dmem_batch_cpu *cpu)
{
	mod_timer(&cpu->timer, jiffies + msecs_to_jiffies(DMEM_BATCH_MS));
}

static void dmem_batch_timer(struct timer_list *timer)
{
	struct dmem_batch_cpu *cpu = container_of(timer, struct dmem_batch_cpu, timer);

	dmem_batch_tell_softirq(cpu);
	/* The task that this one interrupts may be the one that has it. */
	if (dmem_batch_trylock(&cpu->task)) {
		dmem_batch_tell(&cpu->task);
		dmem_batch_unlock(&cpu->task);
	} else {
		dmem_batch_wake(cpu);
	}
}

/* Tell what all CPUs have gathered. Process context. */
void dmem_batch_flush(void)
{
	int i;

	for_each_possible_cpu(i) {
		struct dmem_batch_cpu *cpu = per_cpu_ptr(&dmem_batch_cpu, i);

		local_bh_disable();
		dmem_batch_lock(&cpu->task);
		dmem_batch_tell_softirq(cpu);
		dmem_batch_tell(&cpu->task);
		dmem_batch_unlock(&cpu->task);
		local_bh_enable();
	}
}

__bpf_kfunc_start_defs();

/**
 * dmem_batch_events - for BPF: the events of a batch, as memory that is read at any place
 * @batch: the tracepoint's
 * @rdwr_buf_size: how many bytes the program takes them for; its verifier sees to it that it stays
 *	within. What it writes there the core does not read.
 *
 * Return: DMEM_EVENT_BATCH events, the first @batch->nr count; NULL: they are not so many bytes
 */
__bpf_kfunc u8 *dmem_batch_events(struct dmem_event_batch *batch, const int rdwr_buf_size)
{
	return rdwr_buf_size == sizeof(batch->events) ? (u8 *)batch->events : NULL;
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(dmem_batch_kfuncs)
BTF_ID_FLAGS(func, dmem_batch_events, KF_RET_NULL)
BTF_KFUNCS_END(dmem_batch_kfuncs)

static const struct btf_kfunc_id_set dmem_batch_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &dmem_batch_kfuncs,
};

/* The functions are registered for the module's lifetime. */
int __init dmem_batch_init(void)
{
	int i;

	dmem_time_init();
	for_each_possible_cpu(i)
		timer_setup(&per_cpu_ptr(&dmem_batch_cpu, i)->timer, dmem_batch_timer, 0);
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_TRACING, &dmem_batch_kfunc_set);
}

/* No VM memory is left, so nothing is added any more. */
void dmem_batch_exit(void)
{
	int i;

	for_each_possible_cpu(i)
		timer_shutdown_sync(&per_cpu_ptr(&dmem_batch_cpu, i)->timer);
}
