// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_io.c - requests of the core on their way through donors' states: sent, parked, sent again,
 * given up.
 *
 * A part that has been queued belongs to its connection until it completes or the connection is
 * closed; a parked one to donor->parked (donor->lock). Nothing here sleeps but for memory.
 */
#include <linux/ktime.h>

#include "rdma.h"

#define DMEM_RDMA_TICKS		16	/* looks at the deadlines in a timeout */
#define DMEM_RDMA_TICK_MS_MIN	10
#define DMEM_RDMA_TICK_MS_MAX	250

static u64 dmem_rdma_timeout_ns(const struct dmem_rdma *rdma)
{
	return rdma->pool->timeout_ms * (u64)NSEC_PER_MSEC;
}

static bool dmem_rdma_is_up(struct dmem_rdma_donor *donor)
{
	return READ_ONCE(donor->state) == DMEM_RDMA_UP;
}

/*
 * Put a part off until its donor is up. 0; -EAGAIN: it is up; -EHOSTDOWN: it has been away for so
 * long that a reader is told so.
 */
static int dmem_rdma_park(struct dmem_rdma_donor *donor, struct dmem_io_part *part)
{
	unsigned long patience = msecs_to_jiffies(donor->rdma->pool->timeout_ms);
	bool out = part->io->out;
	int err = 0;

	spin_lock_bh(&donor->lock);
	if (donor->state == DMEM_RDMA_UP || (donor->state == DMEM_RDMA_SUSPECT && !out))
		err = -EAGAIN;
	else if (donor->state == DMEM_RDMA_GONE)
		err = -EHOSTDOWN;
	else if (donor->state == DMEM_RDMA_DOWN && !out &&
		 time_after_eq(jiffies, donor->down_since + patience))
		err = -EHOSTDOWN;
	else
		list_add_tail(&part->queue, &donor->parked);
	spin_unlock_bh(&donor->lock);
	return err;
}

/*
 * 0: the part is on its way or parked. An errno: it is neither. What nobody waits for yet is not
 * begun while a donor is not well; a refill is never parked.
 */
static int dmem_rdma_send_read(struct dmem_io_part *part, bool first)
{
	struct dmem_io *io = part->io;
	struct dmem_rdma_extent *extent;
	int err;

	do {
		err = dmem_rdma_find(io, part);
		if (err)
			return err;
		extent = part->place;
		if (first && io->prefetch && !dmem_rdma_is_up(extent->donor))
			return -EBUSY;
		if (dmem_rdma_conn_queue(dmem_rdma_conn(extent->donor, io), part))
			return 0;
		if (io->refill)
			return -EHOSTDOWN;
		err = dmem_rdma_park(extent->donor, part);
	} while (err == -EAGAIN);
	return err;
}

/* A donor that is away and may come back; NULL: all are here. */
static struct dmem_rdma_donor *dmem_rdma_away(struct dmem_rdma *rdma)
{
	unsigned int i;

	for (i = 0; i < rdma->nr_donors; i++)
		if (READ_ONCE(rdma->donors[i]->state) == DMEM_RDMA_DOWN)
			return rdma->donors[i];
	return NULL;
}

/* One copy is enough while the other's donor is away. */
static bool dmem_rdma_other_is_up(struct dmem_rdma_donor *donor)
{
	struct dmem_rdma *rdma = donor->rdma;
	unsigned int i;

	for (i = 0; i < rdma->nr_donors && rdma->replicas > 1; i++)
		if (rdma->donors[i] != donor && dmem_rdma_is_up(rdma->donors[i]))
			return true;
	return false;
}

/* 0: the part is on its way or parked. An errno: it is neither, and nothing is held for it. */
static int dmem_rdma_send_write(struct dmem_io_part *part)
{
	struct dmem_rdma_donor *donor;
	int err;

	do {
		err = dmem_rdma_write_queue(part, &donor);
		if (!err)
			return 0;
		if (!donor)
			donor = dmem_rdma_away(dmem_rdma_of(part->io->vm));
		if (!donor)
			return err;
		if (dmem_rdma_other_is_up(donor))
			return -EHOSTDOWN;
		err = dmem_rdma_park(donor, part);
	} while (err == -EAGAIN);
	return err;
}

/* What becomes of a write: a success if one copy was one. */
static int dmem_rdma_write_result(const struct dmem_io *io)
{
	unsigned int c;

	for (c = 0; c < dmem_rdma_of(io->vm)->replicas; c++)
		if (!io->part[c].err)
			return 0;
	return io->part[0].err;
}

/* A part that is with nobody has come to its end. */
static void dmem_rdma_finish(struct dmem_io_part *part, int err)
{
	struct dmem_io *io = part->io;

	part->err = err;
	if (!io->out) {
		io->done(io, err);
	} else if (atomic_dec_and_test(&io->nr_parts)) {
		dmem_rdma_pages_end(io);
		io->done(io, dmem_rdma_write_result(io));
	}
}

/*
 * A page asked for by itself that is lost, or wrong, is so for good. Where it is one of several,
 * the others can be had one by one: all may be asked for again.
 */
static int dmem_rdma_read_error(const struct dmem_io *io, int err)
{
	if (io->nr_pages == 1 && (err == -ENODATA || err == -EILSEQ))
		return err;
	return err == -EHOSTDOWN ? err : -ETIMEDOUT;
}

/* How long READs take, smoothed over eight. */
static void dmem_rdma_measure(struct dmem_io_part *part)
{
	struct dmem_rdma_donor *donor = ((struct dmem_rdma_extent *)part->place)->donor;
	u64 start_ns = part->io->due_ns - dmem_rdma_timeout_ns(donor->rdma);
	s64 off_ns = ktime_get_ns() - start_ns - READ_ONCE(donor->latency_ns);

	WRITE_ONCE(donor->latency_ns, donor->latency_ns + off_ns / 8);
}

/* A part that was queued has completed. */
void dmem_rdma_settle(struct dmem_io_part *part)
{
	int err;

	if (part->io->out) {
		dmem_rdma_write_end(part, true);
		dmem_rdma_finish(part, 0);
		return;
	}
	dmem_rdma_measure(part);
	err = dmem_rdma_pages_verify(part);
	if (err == -EAGAIN)
		err = dmem_rdma_send_read(part, false) ?: -EINPROGRESS;
	if (err != -EINPROGRESS)
		dmem_rdma_finish(part, err ? dmem_rdma_read_error(part->io, err) : 0);
}

/* A read of the core's, or of a refill, which says so in io->refill. */
int dmem_rdma_read_io(struct dmem_io *io)
{
	struct dmem_io_part *part = &io->part[0];
	int err;

	part->io = io;
	io->due_ns = ktime_get_ns() + dmem_rdma_timeout_ns(dmem_rdma_of(io->vm));
	err = dmem_rdma_send_read(part, true);
	if (err != -ENODATA || io->nr_pages > 1)
		return err;
	dmem_rdma_finish(part, err);
	return 0;
}

int dmem_rdma_read(struct dmem_io *io)
{
	io->refill = false;
	return dmem_rdma_read_io(io);
}

int dmem_rdma_write(struct dmem_io *io)
{
	struct dmem_rdma *rdma = dmem_rdma_of(io->vm);
	unsigned int c;
	int err;

	if (!dmem_rdma_remote_make(io->region))
		return -ENOMEM;
	dmem_rdma_pages_begin(io);
	io->due_ns = ktime_get_ns() + dmem_rdma_timeout_ns(rdma);
	/* One more, so that it does not end before all parts have begun. */
	atomic_set(&io->nr_parts, rdma->replicas + 1);
	for (c = 0; c < rdma->replicas; c++) {
		struct dmem_io_part *part = &io->part[c];

		part->io = io;
		part->err = 0;
		err = dmem_rdma_send_write(part);
		if (err)
			dmem_rdma_finish(part, err);
	}
	if (!atomic_dec_and_test(&io->nr_parts))
		return 0;
	dmem_rdma_pages_end(io);
	err = dmem_rdma_write_result(io);
	if (!err)
		io->done(io, 0);
	return err;
}

/* Parts of connections that are closed: what they were writing is not held. */
void dmem_rdma_put_off(struct list_head *parts)
{
	struct dmem_io_part *part;

	list_for_each_entry(part, parts, queue)
		if (part->io->out)
			dmem_rdma_write_end(part, false);
}

/**
 * dmem_rdma_resend - look anew where parts can go
 * @parts: with nobody; those that can go nowhere yet are parked, in this order
 */
void dmem_rdma_resend(struct list_head *parts)
{
	struct dmem_io_part *part;
	int err;

	while ((part = list_first_entry_or_null(parts, struct dmem_io_part, queue))) {
		list_del(&part->queue);
		if (part->io->refill)
			err = -EHOSTDOWN;
		else if (part->io->out)
			err = dmem_rdma_send_write(part);
		else
			err = dmem_rdma_send_read(part, false);
		if (err && !part->io->out)
			err = dmem_rdma_read_error(part->io, err);
		if (err)
			dmem_rdma_finish(part, err);
	}
}

static void dmem_rdma_expire(struct dmem_rdma_donor *donor, u64 now_ns)
{
	struct dmem_io_part *part, *next;
	LIST_HEAD(expired);

	spin_lock_bh(&donor->lock);
	list_for_each_entry_safe(part, next, &donor->parked, queue)
		if (part->io->due_ns <= now_ns)
			list_move_tail(&part->queue, &expired);
	spin_unlock_bh(&donor->lock);
	list_for_each_entry_safe(part, next, &expired, queue) {
		list_del(&part->queue);
		dmem_rdma_finish(part, -ETIMEDOUT);
	}
}

/* Deadlines: of what is parked, and of what is under way, whose connection must go first. */
void dmem_rdma_tick(struct work_struct *work)
{
	struct dmem_rdma_donor *donor = container_of(to_delayed_work(work),
						     struct dmem_rdma_donor, tick);
	unsigned int timeout_ms = donor->rdma->pool->timeout_ms, renew_ms, i;
	u64 now_ns = ktime_get_ns(), due_ns = U64_MAX;

	dmem_rdma_expire(donor, now_ns);
	for (i = 0; i < DMEM_RDMA_CONNS; i++)
		due_ns = min(due_ns, dmem_rdma_conn_oldest(&donor->conns[i]));
	renew_ms = READ_ONCE(donor->renew_ms);
	if (due_ns <= now_ns)
		dmem_rdma_break(donor, "a request has not completed in time");
	else if (due_ns != U64_MAX && renew_ms < timeout_ms &&
		 due_ns - now_ns < (timeout_ms - renew_ms) * (u64)NSEC_PER_MSEC)
		dmem_rdma_suspect(donor, "a request", renew_ms);
	queue_delayed_work(donor->rdma->wq, &donor->tick,
			   msecs_to_jiffies(clamp(timeout_ms / DMEM_RDMA_TICKS,
						  DMEM_RDMA_TICK_MS_MIN, DMEM_RDMA_TICK_MS_MAX)));
}
