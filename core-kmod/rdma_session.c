// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_session.c - a donor's session: begun, kept, ended, begun again.
 *
 * One work per donor does all of it under donor->mutex; events of the CM and completions only
 * break the session and queue it. States as in docs/rdma.md, changed under donor->lock.
 */
#include <linux/ktime.h>

#include "rdma.h"

#define DMEM_RDMA_BACKOFF_MS_MIN	100
#define DMEM_RDMA_BACKOFF_MS_MAX	2000
/* The donor answers when it has given the memory back. */
#define DMEM_RDMA_LEAVE_MS		5000

/* A donor that is late is not asked to take more until it has answered. */
void dmem_rdma_suspect(struct dmem_rdma_donor *donor, const char *what, unsigned int late_ms)
{
	bool first;

	spin_lock_bh(&donor->lock);
	first = donor->state == DMEM_RDMA_UP;
	if (first)
		donor->state = DMEM_RDMA_SUSPECT;
	spin_unlock_bh(&donor->lock);
	if (first)
		pr_notice_ratelimited("%s: suspect: %s takes more than %u ms\n", donor->name, what,
				      late_ms);
}

/* Requests are served from now on, beginning with those that wait. */
void dmem_rdma_up(struct dmem_rdma_donor *donor)
{
	LIST_HEAD(parts);

	/* In this order: who finds a connection closed and then the donor up tries again. */
	dmem_rdma_conns_allow(donor, true);
	spin_lock_bh(&donor->lock);
	WRITE_ONCE(donor->state, DMEM_RDMA_UP);
	list_splice_init(&donor->parked, &parts);
	spin_unlock_bh(&donor->lock);
	dmem_rdma_resend(&parts);
}

/* The donor has answered after all. */
static void dmem_rdma_trust(struct dmem_rdma_donor *donor)
{
	if (READ_ONCE(donor->state) == DMEM_RDMA_SUSPECT)
		dmem_rdma_up(donor);
}

/* All connections of a session, in order; takes what was not done. */
static void dmem_rdma_session_close(struct dmem_rdma_donor *donor, struct list_head *parts)
{
	dmem_rdma_conns_allow(donor, false);
	dmem_rdma_conns_close(donor, parts);
	dmem_rdma_control_close(donor);
	donor->has_session = false;
}

static void dmem_rdma_set_down(struct dmem_rdma_donor *donor, enum dmem_rdma_state state)
{
	spin_lock_bh(&donor->lock);
	WRITE_ONCE(donor->state, state);
	donor->down_since = jiffies;
	spin_unlock_bh(&donor->lock);
}

static void dmem_rdma_down(struct dmem_rdma_donor *donor)
{
	LIST_HEAD(parts);

	dmem_rdma_set_down(donor, DMEM_RDMA_DOWN);
	pr_notice("%s: down: %s%s%s\n", donor->name, donor->why, donor->refused ? ": " : "",
		  donor->refused ? donor->reason : "");
	dmem_rdma_session_close(donor, &parts);
	dmem_rdma_put_off(&parts);
	dmem_rdma_resend(&parts);
	donor->backoff_ms = 0;
}

static int dmem_rdma_connect_once(struct dmem_rdma_donor *donor)
{
	int err;

	err = dmem_rdma_control_open(donor);
	if (!err)
		err = dmem_rdma_handshake(donor);
	if (!err)
		err = dmem_rdma_lease_again(donor);
	if (!err)
		err = dmem_rdma_conns_open(donor, donor->nr_conns);
	return err;
}

/**
 * dmem_rdma_connect - begin a session
 * @donor: without one; its mutex is held
 *
 * Return: 0: dmem_rdma_up() is next. -EREMOTEIO or -ECONNREFUSED with donor->refused where one
 * end refused the other; -ECONNREFUSED without it where nobody listens; or another negative errno.
 */
int dmem_rdma_connect(struct dmem_rdma_donor *donor)
{
	LIST_HEAD(none);
	int err, tries = 2;

	do {
		clear_bit(DMEM_RDMA_BROKEN, &donor->flags);
		donor->why = NULL;
		donor->refused = 0;
		err = dmem_rdma_connect_once(donor);
		if (err)
			dmem_rdma_session_close(donor, &none);
	} while (err == -EAGAIN && --tries);
	donor->has_session = !err;
	return err;
}

/* Try to be up again; what refuses us is logged once. */
static void dmem_rdma_reconnect(struct dmem_rdma_donor *donor)
{
	int err = dmem_rdma_connect(donor);

	if (err) {
		donor->backoff_ms = clamp(2 * donor->backoff_ms, DMEM_RDMA_BACKOFF_MS_MIN,
					  DMEM_RDMA_BACKOFF_MS_MAX);
		if (donor->refused && donor->refused != donor->logged)
			pr_notice("%s: refused: %s\n", donor->name, donor->reason);
		donor->logged = donor->refused;
		return;
	}
	pr_notice("%s: up again after %u ms\n", donor->name,
		  jiffies_to_msecs(jiffies - donor->down_since));
	donor->backoff_ms = 0;
	donor->logged = 0;
	dmem_rdma_up(donor);
	wake_up_all(&donor->rdma->wait);
	queue_work(donor->rdma->wq, &donor->rdma->fit_work);
	mod_delayed_work(donor->rdma->wq, &donor->rdma->refill_work, 0);
}

/* The donor will end: what it holds goes to the others, once they have the room for it. */
static void dmem_rdma_drain(struct dmem_rdma_donor *donor)
{
	bool first = !donor->draining;

	WRITE_ONCE(donor->draining, true);
	if (first)
		pr_notice("%s: the donor will end: what it holds goes elsewhere\n", donor->name);
	if ((dmem_rdma_move_all(donor) && !READ_ONCE(donor->rdma->is_short)) || first)
		queue_work(donor->rdma->wq, &donor->rdma->fit_work);
}

static void dmem_rdma_renew(struct dmem_rdma_donor *donor)
{
	union dmem_wire_msg msg = {};
	int err;

	msg.renew.stamp_ns = cpu_to_le64(ktime_get_ns());
	msg.renew.used_bytes = cpu_to_le64(READ_ONCE(donor->nr_used) * DMEM_REGION_BYTES);
	err = dmem_rdma_call(donor, &msg, DMEM_WIRE_RENEW, DMEM_WIRE_RENEWED,
			     DMEM_WIRE_RENEW_MISSES * donor->renew_ms);
	if (err == -EREMOTEIO)
		dmem_rdma_break(donor, "the donor refuses to renew");
	if (err)
		return;
	if (le32_to_cpu(msg.renewed.flags) & DMEM_WIRE_F_DRAINING)
		dmem_rdma_drain(donor);
	WRITE_ONCE(donor->lendable_bytes, le64_to_cpu(msg.renewed.lendable_bytes));
	dmem_rdma_count(donor->rdma);
	dmem_rdma_trust(donor);
}

void dmem_rdma_session_work(struct work_struct *work)
{
	struct dmem_rdma_donor *donor = container_of(to_delayed_work(work),
						     struct dmem_rdma_donor, work);
	unsigned int delay_ms;

	mutex_lock(&donor->mutex);
	if (donor->has_session && !dmem_rdma_is_over(donor))
		dmem_rdma_renew(donor);
	if (donor->has_session && test_bit(DMEM_RDMA_BROKEN, &donor->flags))
		dmem_rdma_down(donor);
	if (!donor->has_session && !test_bit(DMEM_RDMA_STOP, &donor->flags))
		dmem_rdma_reconnect(donor);
	delay_ms = donor->has_session ? donor->renew_ms / 2 : donor->backoff_ms;
	mutex_unlock(&donor->mutex);
	queue_delayed_work(donor->rdma->wq, &donor->work, msecs_to_jiffies(delay_ms));
}

/* The pool goes: no request is under way, no work runs. What the donor kept for us is freed. */
void dmem_rdma_leave(struct dmem_rdma_donor *donor)
{
	union dmem_wire_msg msg = {};
	LIST_HEAD(none);

	mutex_lock(&donor->mutex);
	dmem_rdma_set_down(donor, DMEM_RDMA_GONE);
	dmem_rdma_conns_allow(donor, false);
	dmem_rdma_conns_close(donor, &none);
	WARN_ON_ONCE(!list_empty(&none) || !list_empty(&donor->parked));
	if (donor->has_session && !test_bit(DMEM_RDMA_BROKEN, &donor->flags))
		dmem_rdma_call(donor, &msg, DMEM_WIRE_LEAVE, DMEM_WIRE_LEFT, DMEM_RDMA_LEAVE_MS);
	dmem_rdma_session_close(donor, &none);
	mutex_unlock(&donor->mutex);
}
